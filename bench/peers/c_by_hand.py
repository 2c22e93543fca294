"""Derivatives written by hand in C (`by_hand.c`), compiled on the spot for this machine and called through cffi."""

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
    double rosenbrock(long n, double *x, double *gradient);
    double waves(long n, double *x, double *gradient);
    double black_scholes(long n, double *, double *, double *, double *, double *, double *, double *, double *, double *, double *);
    double gmm(long n, long d, long k, double *, double *, double *, double *, double *, double *, double *, double *work);
    void bundle(long n, double *cameras, double *points, double *weights, double *features, double *blocks);
    double lstm(long layers, long characters, long b, double *, double *, double *, double *, double *, double *, double *, double *, double *);
    double predators(long steps, double *parameters, double *gradient, double *kept);
"""


@functools.cache
def load():
    """(lib, ffi) of the compiled functions."""
    builder = FFI()
    builder.cdef(DECLARATIONS)
    builder.set_source("by_hand", Path(__file__).with_name("by_hand.c").read_text())
    folder = Path(tempfile.mkdtemp())
    source, compiled, binary = folder / "by_hand.c", folder / "by_hand.o", folder / "by_hand.so"
    with contextlib.redirect_stdout(io.StringIO()):
        builder.emit_c_code(str(source))
    compiler = os.environ.get("CC", "cc").split()
    flags = ["-O3", "-ffast-math", "-march=native", "-fPIC", f"-I{sysconfig.get_path('include')}"]
    subprocess.run([*compiler, *flags, "-c", str(source), "-o", str(compiled)], check=True)
    # Linked without -ffast-math: with it, loading the library would round the whole process's subnormal numbers to 0.
    subprocess.run([*compiler, "-shared", str(compiled), "-o", str(binary), "-lmvec", "-lm"], check=True)
    spec = importlib.util.spec_from_file_location("by_hand", binary)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.lib, module.ffi


def prepare(workload, args):
    if workload.name not in CALLS:
        return None
    return CALLS[workload.name](*args), args


def gradient_of(name):
    """A C function (lengths, arguments, gradients) -> value of one length and equal arrays."""

    def make(x, *_):
        lib, ffi = load()
        function, from_buffer, empty_like = getattr(lib, name), ffi.from_buffer, np.empty_like

        def call_one(x):
            gradient = empty_like(x)
            return function(x.size, from_buffer("double[]", x), from_buffer("double[]", gradient)), gradient

        def call_many(*args):
            gradients = tuple(empty_like(arg) for arg in args)
            return function(args[0].size, *(from_buffer("double[]", array) for array in args + gradients)), gradients

        return call_many if _ else call_one

    return make


def gmm(alphas, means, icf, x, places):
    lib, ffi = load()
    k, d = means.shape
    work = np.empty(k * (3 * d + 2))

    def call(alphas, means, icf, x, places):
        gradients = np.empty_like(alphas), np.empty_like(means), np.empty_like(icf)
        arrays = (alphas, means, icf, x, *gradients, work)
        return lib.gmm(len(x), d, k, *(ffi.from_buffer("double[]", array) for array in arrays)), gradients

    return call


def bundle(camera, point, weight, feature):
    lib, ffi = load()

    def call(*args):
        blocks = np.empty((2, 15, weight.size))
        lib.bundle(weight.size, *(ffi.from_buffer("double[]", array) for array in (*args, blocks)))
        return [(row[:11], row[11:14], row[14]) for row in blocks]

    return call


def lstm(main, extra, state, sequence):
    lib, ffi = load()
    layers, (characters, b) = len(main), sequence.shape
    work = np.empty((characters - 1, layers, 8, b)), np.empty((characters - 1, b)), np.empty((2, layers, 2, b))

    def call(main, extra, state, sequence):
        gradients = np.empty_like(main), np.empty_like(extra)
        arrays = (main, extra, state, sequence, *gradients, *work)
        return lib.lstm(layers, characters, b, *(ffi.from_buffer("double[]", array) for array in arrays)), gradients

    return call


def predators(parameters, steps):
    lib, ffi = load()
    kept = np.empty((steps, 8))

    def call(parameters, steps):
        gradient = np.empty_like(parameters)
        return lib.predators(steps, *(ffi.from_buffer("double[]", array) for array in (parameters, gradient, kept))), gradient

    return call


CALLS = {
    "rosenbrock": gradient_of("rosenbrock"),
    "waves": gradient_of("waves"),
    "black-scholes": gradient_of("black_scholes"),
    "gmm": gmm,
    "bundle": bundle,
    "lstm": lstm,
    "predators": predators,
}
