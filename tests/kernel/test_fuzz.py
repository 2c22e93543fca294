"""Corrupted programs are refused or run inside their buffers: a C driver under the address and undefined-behaviour sanitizers."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from compiler import compiler
from kernel.assembling import Type, assemble
from tapejit.kernel.program import HostCall, View

HERE = Path(__file__).resolve().parent
CSRC = HERE.parent.parent / "csrc"
CORRUPTED = 100_000  # programs; 20 times as many with --thorough
FLAGS = ("-std=gnu11", "-O0", "-g1", "-fwrapv", "-fno-strict-aliasing", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math",
         "-Wno-psabi", "-Wall", "-Wextra", "-Werror",
         "-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """The driver and the kernel, built with sanitizers."""
    if not (CSRC / "generated" / "ops.def").exists():
        pytest.skip("the kernel was not built in this checkout: run 'python3 setup.py build_ext --inplace'")
    folder = tmp_path_factory.mktemp("fuzz")
    probe = folder / "probe.c"
    probe.write_text("int main(void) { return 0; }\n")
    if subprocess.run([*compiler(), *FLAGS, str(probe), "-o", str(folder / "probe")], capture_output=True).returncode:
        pytest.skip("the compiler has no sanitizers")
    jobs = [subprocess.Popen([*compiler(), *FLAGS, "-iquote", str(CSRC), "-c", str(path), "-o", str(folder / f"{path.stem}.o")])
            for path in (*CSRC.glob("*.c"), HERE / "fuzz.c")]
    assert not any([job.wait() for job in jobs])
    vectors = ["-lmvec"] if "VECTOR" in (CSRC / "generated" / "ops.def").read_text() else []
    program = folder / "fuzz"
    subprocess.run([*compiler(), *FLAGS, *map(str, folder.glob("*.o")), *vectors, "-lm", "-o", str(program)], check=True)
    return program


def seed_programs():
    """Programs that hold every instruction, each in a few forms."""
    scalar, vector, matrix = Type("f64", ()), Type("f64", (6,)), Type("f64", (4, 6))
    constants = np.array([1.0, 2.0, -0.5, 3.0]).tobytes()
    host = HostCall(np.copy, [View(0, 64, "f64", (6,))], View(0, 64, "f64", (6,)))

    def scalars(assembler):
        assembler.guard(0, "f64", 8, (1, 0), 8)
        assembler.load("f64", 32, 1, 0)
        for k, (op, dtype) in enumerate((
                ("add", "f64"), ("sin", "f64"), ("power", "f64"), ("cast_i32", "f64"), ("left_shift", "i64"), ("floor_divide", "i64"),
                ("remainder", "i32"), ("cast_bool", "f64"), ("cast_i64", "f32"), ("add", "f32"), ("cast_f64", "i64"))):
            assembler.scalar(op, dtype, 40 + 8 * k, 8 * k, 32)
        assembler.scalar("where", "f64", 200, 32, 8, 16)
        for k, kind in enumerate(("multiply_add", "multiply_subtract", "subtract_product")):
            assembler.product(kind, 208 + 8 * k, 200, 8, 32)
        assembler.host(0)
        assembler.store("f64", 200, 2, 0)
        assembler.store("f32", 40, 2, 0)
        assembler.store("bool", 40, 2, 3)
        assembler.load("bool", 40, 1, 7)
        assembler.load("i32", 40, 1, 4)
        assembler.end()

    def loops(assembler):
        assembler.loop((4, 6), [(1, 0, "f64", (48, 8)), (0, 0, "f64", (0, 0)), (1, 40, "f64", (48, -8)), (2, 0, "f64", (0, 8))],
                       [("sin", "f64", 4, 0), ("multiply", "f64", 4, 4, 1), ("add", "f64", 5, 2, 3), ("less", "f64", 6, 4, 5),
                        ("where", "f64", 4, 6, 4, 5)],
                       [("store", 4, 3, 0, "f64", (48, 8)), ("sum", 5, 0, 64, "f64", (0, 8)), ("max", 4, 0, 128, "f64", (0, 0)),
                        ("any", 6, 0, 136, "bool", (1, 0)), ("add", 5, 0, 144, "f64", (8, 0))])
        assembler.end()
        assembler.loop((24,), [(3, 0, "f64", (8,)), (0, 64, "f64", (0,))], [("divide", "f64", 2, 0, 1), ("cast_f32", "f64", 3, 2)],
                       [("store", 2, 3, 0, "f64", (8,)), ("store", 3, 0, 192, "f32", (4,)), ("min", 3, 0, 320, "f32", (0,))])
        assembler.end()

    def long_loop(assembler):
        assembler.loop((2, 300), [(1, 0, "f64", (2400, 8)), (1, 0, "f64", (2400, 0)), (0, 0, "f64", (0, 0)), (1, 2400, "f64", (-2400, 8))],
                       [("multiply", "f64", 4, 0, 1), ("add", "f64", 4, 4, 2), ("maximum", "f64", 5, 4, 3)],
                       [("store", 4, 2, 0, "f64", (8, 16)), ("sum", 5, 0, 32, "f64", (8, 0)), ("prod", 5, 0, 64, "f64", (0, 8))])
        assembler.end()

    def three_axes(assembler):
        assembler.loop((3, 4, 5), [(1, 0, "f64", (8, 24, 96)), (1, 0, "f64", (160, 40, 8))], [("subtract", "f64", 2, 0, 1)],
                       [("store", 2, 2, 0, "f64", (160, 40, 8)), ("sum", 2, 0, 64, "f64", (40, 0, 8)),
                        ("sum", 2, 0, 192, "f64", (0, 8, 0))])
        assembler.end()

    def data(assembler):
        assembler.take("f64", 2, 3, 4, 2, (1, 0), (0, 0), (3, 0))
        assembler.take("i32", 1, 48, 1, 3, (1, 0), (2, 0), (0, 64))
        assembler.take_update("set", "f64", 1, 12, 2, 3, (3, 0), (2, 0), (1, 0))
        assembler.take_update("add", "f32", 2, 12, 1, 2, (3, 0), (2, 8), (1, 0))
        assembler.cumsum("f64", 2, 3, 4, (1, 0), (3, 0))
        assembler.cumprod("i32", 1, 6, 2, (1, 0), (0, 64))
        assembler.argsort("f64", 2, 3, 4, (1, 0), (3, 0))
        assembler.argsort("bool", 1, 40, 1, (1, 0), (0, 64))
        assembler.argmax("f64", 2, 3, 2, (1, 0), (3, 0))
        assembler.argmin("f32", 2, 3, 2, (1, 0), (0, 64))
        assembler.end()

    def products(assembler):
        assembler.matmul("f64", (), 4, 4, 6, (1, 0, (), 48, 8), (1, 0, (), 8, 48), (3, 0, (), 32, 8))
        assembler.matmul("f32", (2,), 2, 3, 3, (1, 0, (24,), 12, 4), (1, 40, (0,), -4, 4), (3, 0, (24,), 4, 8))
        assembler.matmul("i64", (), 2, 2, 2, (1, 0, (), 16, 8), (1, 32, (), 16, 8), (0, 64, (), 8, 16))
        assembler.end()

    def large_product(assembler):
        for a, b, out in (((1, 0, (), 160, 8), (1, 0, (), 8, 160), (2, 0, (), 160, 8)),
                          ((1, 0, (), 160, -8), (1, 0, (), 0, 8), (2, 0, (), 8, 160)),
                          ((1, 0, (), 16, 80), (1, 0, (), 160, 8), (0, 64, (), 336, 16))):
            offset = 152 if a[4] < 0 else 0
            assembler.matmul("f64", (), 20, 20, 20, (a[0], offset, *a[2:]), b, out)
        assembler.matmul("f64", (), 1, 3, 390, (1, 0, (), 0, 0), (1, 0, (), 8, 24), (0, 64, (), 0, 8))
        assembler.matmul("f32", (), 20, 1, 60, (1, 0, (), 152, 4), (1, 476, (), -8, 0), (2, 152, (), -8, 0))
        assembler.end()

    def tiles(assembler):
        views = [("read", 1, 0, 96, 0, 96, 48), ("write", 3, 0, 96, 0, 96, 48), ("sum", 0, 128, 0, 64, 48, 48), ("local", 0, 0, 0, 0, 96, 48)]
        read, write, total, local = range(4, 8)
        bodies = []
        for rows in (2, 1):
            body = assembler.body()
            body.loop((rows, 6), [(read, 0, "f64", (48, 8)), (0, 8, "f64", (0, 0))], [("multiply", "f64", 2, 0, 1)],
                      [("store", 2, local, 0, "f64", (48, 8)), ("add", 2, total, 0, "f64", (0, 8))])
            body.matmul("f64", (), rows, 2, 3, (local, 0, (), 48, 8), (2, 0, (), 8, 24), (write, 0, (), 48, 8))
            body.take("f64", rows, 6, 1, 1, (local, 0), (0, 64), (write, 16 if rows == 2 else 40))
            body.cumsum("f64", rows, 6, 1, (read, 0), (local, 0))
            body.end()
            bodies.append(body.words)
        assembler.tiles(2, 2, True, views, *bodies)
        assembler.loop((2, 6), [(0, 128, "f64", (64, 8))], [], [("sum", 0, 0, 72, "f64", (0, 8))])
        assembler.end()

    def added_product(assembler):
        assembler.matmul("f64", (), 20, 20, 20, (1, 0, (), 160, 8), (1, 0, (), 8, 160), (2, 0, (), 160, 8), adds=True)
        assembler.matmul("f64", (), 2, 3, 2, (1, 0, (), 160, 8), (1, 0, (), 8, 160), (2, 0, (), 160, 8), adds=True)
        assembler.end()

    return [
        assemble(tiles, [matrix, vector], [matrix], np.array([1.0, 2.0, -0.5, 3.0, 0, 0, 0, 0]).tobytes() + bytes(8), 512),
        assemble(added_product, [Type("f64", (20, 20))], [Type("f64", (20, 20))], constants, 64),
        assemble(scalars, [scalar], [scalar], constants, 256, hosts=[host], guards=[0]),
        assemble(loops, [matrix, vector], [matrix], constants, 400),
        assemble(long_loop, [Type("f64", (2, 300))], [Type("f64", (300, 2))], constants, 2600),
        assemble(three_axes, [Type("f64", (3, 4, 5))], [Type("f64", (3, 4, 5))], constants, 400),
        assemble(data, [matrix, Type("i64", (3,))], [matrix], np.array([0, -1, 1, 2]).tobytes(), 400),
        assemble(products, [matrix, vector], [matrix], constants, 128),
        assemble(large_product, [Type("f64", (20, 20))], [Type("f64", (20, 20))], constants, 64 + 20 * 20 * 16 + 400),
    ]


def written(programs, path):
    """The file of programs that fuzz.c reads."""
    words = [len(programs)]
    for p in programs:
        data = p.constants.ljust(-(-len(p.constants) // 8) * 8, b"\0")
        words += [len(p.words), *p.words, len(p.constants), *np.frombuffer(data, np.uint64).tolist(), p.arena_bytes, len(p.buffers)]
        for nbytes, itemsize, writable in p.buffers:
            words += [nbytes, min(itemsize, 8), int(writable)]
        words += [len(p.segments), *p.segments, len(p.guards), len(p.hosts)]
    np.array(words, np.uint64).tofile(path)
    return path


def run(driver, *arguments):
    options = "allocator_may_return_null=1:detect_leaks="
    for leaks in ("1", "0"):  # the leak sanitizer does not work everywhere (under ptrace, in some containers); the driver counts for itself
        result = subprocess.run([str(driver), *map(str, arguments)], capture_output=True, text=True, timeout=900,
                                env={**os.environ, "ASAN_OPTIONS": options + leaks})
        if "LeakSanitizer has encountered a fatal error" not in result.stderr:
            break
    assert result.returncode == 0, result.stderr[-4000:]
    return result.stdout


def test_corrupted_programs_are_refused_or_stay_inside_their_buffers(driver, tmp_path, effort):
    path = written(seed_programs(), tmp_path / "programs")
    refused, ran, too_long = (int(word) for word in run(driver, path, CORRUPTED * effort, 1).split() if word.isdigit())
    assert refused + ran + too_long == CORRUPTED * effort
    assert ran > CORRUPTED // 20 and refused > CORRUPTED // 20  # both happen, so both are tested


def test_each_allocation_may_fail(driver, tmp_path):
    path = written(seed_programs(), tmp_path / "programs")
    assert int(run(driver, path, "failures").split()[0]) > 20
