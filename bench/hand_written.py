"""Gradients written by hand in C, compiled on the spot: the mark for what this machine can do.

`waves` goes over blocks that stay in the first-level cache, one loop per mathematical function: so the compiler calls the
platform's vector math library in each (with sin(x) and cos(x) in one loop body it calls a scalar sincos instead).
"""

import contextlib
import functools
import importlib.util
import io
import os
import subprocess
import sysconfig
import tempfile
from pathlib import Path

import numpy as np
from cffi import FFI

DECLARATIONS = """
    double rosenbrock(const double *x, double *gradient, long n);
    double waves(const double *x, double *gradient, long n);
    void waves_gradient(const double *x, double *gradient, long n);
"""

SOURCE = """
    #include <math.h>

    double rosenbrock(const double *restrict x, double *restrict gradient, long n) {
        double value = 0;
        for (long i = 0; i < n; i++) gradient[i] = 0;
        for (long i = 0; i + 1 < n; i++) {
            double climb = x[i + 1] - x[i] * x[i], rest = 1 - x[i];
            value += 100 * climb * climb + rest * rest;
            gradient[i] += -400 * x[i] * climb - 2 * rest;
            gradient[i + 1] += 200 * climb;
        }
        return value;
    }

    enum { BLOCK = 256 };

    double waves(const double *restrict x_all, double *restrict gradient_all, long n) {
        double s[BLOCK], c[BLOCK], e[BLOCK], l[BLOCK], value = 0;
        for (long start = 0; start < n; start += BLOCK) {
            const double *restrict x = x_all + start;
            double *restrict gradient = gradient_all + start;
            long m = n - start < BLOCK ? n - start : BLOCK;
            double sum = 0;
            for (long i = 0; i < m; i++) s[i] = sin(x[i]);
            for (long i = 0; i < m; i++) c[i] = cos(x[i]);
            for (long i = 0; i < m; i++) e[i] = exp(-x[i] * x[i]);
            for (long i = 0; i < m; i++) l[i] = log1p(x[i] * x[i]);
            for (long i = 0; i < m; i++) {
                sum += s[i] * e[i] + l[i];
                gradient[i] = (c[i] - 2 * x[i] * s[i]) * e[i] + 2 * x[i] / (1 + x[i] * x[i]);
            }
            value += sum;
        }
        return value;
    }

    void waves_gradient(const double *restrict x_all, double *restrict gradient_all, long n) {
        double s[BLOCK], c[BLOCK], e[BLOCK];
        for (long start = 0; start < n; start += BLOCK) {
            const double *restrict x = x_all + start;
            double *restrict gradient = gradient_all + start;
            long m = n - start < BLOCK ? n - start : BLOCK;
            for (long i = 0; i < m; i++) s[i] = sin(x[i]);
            for (long i = 0; i < m; i++) c[i] = cos(x[i]);
            for (long i = 0; i < m; i++) e[i] = exp(-x[i] * x[i]);
            for (long i = 0; i < m; i++) gradient[i] = (c[i] - 2 * x[i] * s[i]) * e[i] + 2 * x[i] / (1 + x[i] * x[i]);
        }
    }
"""


@functools.cache
def load():
    """(lib, ffi) of the compiled functions."""
    builder = FFI()
    builder.cdef(DECLARATIONS)
    builder.set_source("hand_written_c", SOURCE)
    folder = Path(tempfile.mkdtemp())
    source, binary = folder / "hand_written_c.c", folder / "hand_written_c.so"
    with contextlib.redirect_stdout(io.StringIO()):
        builder.emit_c_code(str(source))
    compiler = os.environ.get("CC", "cc").split()
    flags = ["-O3", "-ffast-math", "-march=native", "-shared", "-fPIC", f"-I{sysconfig.get_path('include')}"]
    subprocess.run([*compiler, *flags, str(source), "-o", str(binary), "-lm"], check=True)
    spec = importlib.util.spec_from_file_location("hand_written_c", binary)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.lib, module.ffi


def value_and_grad(name):
    """x -> (value, gradient) by the C function of this name."""
    lib, ffi = load()
    function, from_buffer, empty_like = getattr(lib, name), ffi.from_buffer, np.empty_like

    def call(x):
        gradient = empty_like(x)
        return function(from_buffer("double[]", x), from_buffer("double[]", gradient), x.size), gradient

    return call


def grad(name):
    """x -> gradient by the C function `<name>_gradient`."""
    both = value_and_grad(name + "_gradient")
    return lambda x: both(x)[1]
