"""Builds the kernel: prints the op table as C rows, looks for the platform's vector math, and hands the C files to cffi.

Run by path, by `setup.py` (`cffi_modules`). Python writes rows only (`csrc/generated/ops.def`); every loop is in the C files.
`tapejit/__init__` needs the kernel, so the op table is read under empty stand-ins for the packages above it.
"""

import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
import types
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SOURCES = ("load.c", "plan.c", "join.c", "sweep.c", "loop.c", "micro.c", "data.c", "matmul.c", "tiles.c", "threads.c", "workspace.c")
VECTOR_NAMES = ("acos", "acosh", "asin", "asinh", "atan", "atanh", "cbrt", "cos", "cosh", "erf", "erfc", "exp", "exp10", "exp2", "expm1",
                "log", "log10", "log1p", "log2", "sin", "sinh", "tan", "tanh", "atan2", "hypot", "pow")


# In float these are more than 4 units in the last place from NumPy's, so the function for doubles is called.
WIDENED = ("log", "tan")


def kernel_rows():
    """The rows of tapejit/kernel/rows.py, read without running tapejit/__init__ or tapejit/kernel/__init__."""
    for name in ("tapejit", "tapejit.kernel"):
        package = types.ModuleType(name)
        package.__path__ = [str(ROOT.joinpath(*name.split(".")))]
        sys.modules[name] = package
    try:
        from tapejit.kernel.rows import kernel_rows

        return kernel_rows()
    finally:
        for name in [n for n in sys.modules if n == "tapejit" or n.startswith("tapejit.")]:
            del sys.modules[name]


def compiler():
    """The command of the C compiler that the extension is built with, as a list."""
    return (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()


def compiles(text, *libraries):
    """True when the C text compiles and links."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text(text)
        command = compiler() + ["-O1", "-Wno-psabi", str(source), "-o", str(Path(folder, "probe")), *libraries]
        try:
            return subprocess.run(command, capture_output=True).returncode == 0
        except OSError:
            return False


def vector_symbols(names):
    """The C text of a program that calls the vector math function of each name."""
    machine = platform.machine()
    if machine in ("x86_64", "AMD64"):
        widths = (("b", 16, ""), ("d", 32, '__attribute__((target("avx2")))'), ("e", 64, '__attribute__((target("avx512f")))'))
    else:
        widths = (("n", 16, ""),)
    lines, calls = [], []
    for isa, size, attribute in widths:
        for ctype, suffix, lanes in (("double", "", size // 8), ("float", "f", size // 4)):
            vector = f"v{ctype}{size}"
            lines.append(f"typedef {ctype} {vector} __attribute__((vector_size({size})));")
            for name in names:
                operands = "vv" if name in ("atan2", "hypot", "pow") else "v"
                symbol = f"_ZGV{isa}N{lanes}{operands}_{name}{suffix}"
                lines.append(f"{vector} {symbol}({', '.join([vector] * len(operands))});")
                lines.append(f"{attribute} void call{symbol}({vector} *x) {{ *x = {symbol}({', '.join(['*x'] * len(operands))}); }}")
                calls.append(f"(void *)call{symbol}")
    return "\n".join(lines) + "\nvoid *table[] = {" + ", ".join(calls) + "};\nint main(int n, char **v) { return table[n] == (void *)v; }\n"


def vector_functions():
    """The names of the vector math functions that compile and link here: those of glibc's libmvec."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "AMD64", "aarch64"):
        return frozenset()
    if compiles(vector_symbols(VECTOR_NAMES), "-lmvec", "-lm"):
        return frozenset(VECTOR_NAMES)
    if not compiles(vector_symbols(("exp",)), "-lmvec", "-lm"):
        return frozenset()
    return frozenset(name for name in VECTOR_NAMES if compiles(vector_symbols((name,)), "-lmvec", "-lm"))


def ops_def(rows, vectors):
    """The text of ops.def. A row: TJ_OP<arity>(name, first dtype, dtype, result dtype, expression, text, kind, vector name).

    The kind says what the loop over blocks is: PLAIN repeats the expression, VECTOR calls the vector function, WIDE calls that for doubles.
    """
    lines = ["/* Printed by csrc/build_kernel.py from the op table; not committed. */"]
    for row in rows:
        kind = "PLAIN" if row.vector not in vectors else "WIDE" if row.dtype == "f32" and row.vector in WIDENED else "VECTOR"
        types = f"{row.first}, {row.dtype}, {row.result}"
        lines.append(f'TJ_OP{row.arity}({row.name}, {types}, ({row.text}), "{row.text}", {kind}, {row.vector or "none"})')
    return "\n".join(lines) + "\n"


def write_if_changed(path, text):
    path.parent.mkdir(exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def declarations():
    """The part of program.h that Python calls: what stands between the two marks."""
    text = (HERE / "program.h").read_text()
    return text.split("/* [cffi] */")[1].split("/* [end] */")[0]


def prepare():
    """Print ops.def; return the libraries to link."""
    vectors = vector_functions()
    write_if_changed(HERE / "generated" / "ops.def", ops_def(kernel_rows(), vectors))
    return (["mvec"] if vectors else []) + ["m"]


def make_ffi():
    builder = FFI()
    builder.cdef(declarations())
    builder.set_source(
        "tapejit._kernel", '#include "program.h"',
        sources=[f"csrc/{name}" for name in SOURCES],
        depends=[f"csrc/{path.name}" for path in HERE.glob("*.h")] + ["csrc/generated/ops.def"],
        libraries=prepare(),
        extra_compile_args=["-iquote", str(HERE), "-std=gnu11", "-O3", "-fwrapv", "-fno-strict-aliasing", "-ffp-contract=off",
                            "-fno-math-errno", "-fno-trapping-math", "-fvisibility=hidden", "-Wno-psabi",
                            "-Wno-pass-failed", "-pthread"],
        extra_link_args=["-pthread"])
    return builder


ffi = make_ffi()
