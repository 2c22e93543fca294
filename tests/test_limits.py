"""The published limits of Enzyme's front ends, a test per row of the table in README.md.

Each fails when the check behind its row is removed (`tests/shadows/test_mutants.py` removes them one by one). What is said about cost
is counted, not timed."""

import array
import importlib
import json
import mmap
import re
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import numpy as np
import pytest

import tapejit as tj
from kernel.assembling import Type, assemble
from shadows.refusing import assert_refused, contents, energy, nested, shadow_like
from tapejit import BatchDuplicated, Const, Dual, Duplicated, Forward, Reverse, autodiff, passes
from tapejit.kernel.program import ffi, from_buffer, lib
from tapejit.ops import OPS
from tapejit.tape.interpret import interpret
from tapejit.tape.types import DTYPE_OF_NAME
from tapejit.tape.verify import verify_tape

README = (Path(__file__).parent.parent / "README.md").read_text()
ROOT = Path(tj.__file__).parent.parent


def test_shadow_size():
    """Every leaf of every container and every kind of memory has the dtype and shape of its primal, or the call is refused."""
    for dtype in ("f4", "f8"):
        for shape, wrong in (((5,), [(4,), (6,), (5, 1), (), (0,)]), ((2, 3), [(3, 2), (6,), (2, 4), (2, 3, 1)]), ((), [(1,), (0,)]),
                             ((0, 2), [(2, 0), (0,), (1, 2)])):
            x = np.ones(shape, dtype)
            for other in wrong:
                assert_refused(tj.ShadowShapeError, f"the shadow of args[0]: expected shape {shape}, as its primal has, found {other}",
                               [Duplicated(x, np.zeros(other, dtype))], [Duplicated(x, np.zeros(shape, dtype))])
            for other in ("f4", "f8", "i8", "i4", "u1", "c16", "?", ">f4", ">f8"):
                if np.dtype(other) != x.dtype:
                    assert_refused(tj.ShadowTypeError, f"the shadow of args[0]: expected dtype {x.dtype}",
                                   [Duplicated(x, np.zeros(shape, other))], [Duplicated(x, np.zeros(shape, dtype))])
    x = np.ones(6)
    owners = [array.array("d", [0.0] * 5), memoryview(bytearray(40)).cast("d"), np.frombuffer(mmap.mmap(-1, 40), "f8"), np.zeros(10)[::2]]
    for owner in owners:
        assert_refused(tj.ShadowShapeError, "the shadow of args[0]: expected shape (6,), as its primal has, found (5,)",
                       [Duplicated(x, owner)], [Duplicated(x, np.zeros(6))])
    # The same number of bytes in another dtype.
    assert_refused(tj.ShadowTypeError, "the shadow of args[0]: expected dtype float64, as its primal has, found float32",
                   [Duplicated(x, np.zeros(12, "f4"))], [Duplicated(x, np.zeros(6))])
    for container, path in nested(x):
        good, bad = shadow_like(container, x, [np.zeros(6), np.zeros(6)]), shadow_like(container, x, [np.zeros(5), np.zeros(6)])
        assert_refused(tj.ShadowShapeError, f"the shadow of args[0]{path}: expected shape (6,), as its primal has, found (5,)",
                       [Duplicated(container, bad)], [Duplicated(container, good)])
    # Of every sweep of a batch, and tangents.
    assert_refused(tj.ShadowShapeError, "shadow 1 of args[0]: expected shape (6,)", [BatchDuplicated(x, (np.zeros(6), np.zeros(5)))],
                   [BatchDuplicated(x, (np.zeros(6), np.zeros(6)))])
    assert_refused(tj.ShadowShapeError, "the shadows of args[0]: expected shape (2, 6)", [BatchDuplicated(x, np.zeros((2, 5)))],
                   [BatchDuplicated(x, np.zeros((2, 6)))])
    assert_refused(tj.ShadowShapeError, "the shadow of args[0]: expected shape (6,)", [Dual(x, np.zeros(5))], [Dual(x, np.zeros(6))],
                   lambda f, *a: autodiff(Forward, f, *a))


def read_only(how, n):
    """A buffer of n doubles that cannot be written."""
    if how == "flag":
        buffer = np.zeros(n)
        buffer.flags.writeable = False
        return buffer
    if how == "view of a read-only base":
        base = np.zeros(2 * n)
        base.flags.writeable = False
        return base[n:]
    if how == "bytes":
        return np.frombuffer(bytes(8 * n))
    if how == "memoryview":
        return memoryview(bytes(8 * n)).cast("d")
    if how == "mmap":
        return np.frombuffer(mmap.mmap(-1, 8 * n, access=mmap.ACCESS_READ))
    return np.broadcast_to(np.zeros(()), (n,))


def test_shadow_mutability():
    """A leaf that cannot be written is named, wherever it lies, and the leaves that could be have not been written."""
    x = np.linspace(1, 2, 4)
    for how in ("flag", "view of a read-only base", "bytes", "memoryview", "mmap", "broadcast"):
        for container, path in nested(x):
            good = shadow_like(container, x, [np.zeros(4), np.zeros(4)])
            bad = shadow_like(container, x, [read_only(how, 4), np.zeros(4)])
            first, last = np.zeros(4), np.zeros(4)
            assert_refused(tj.ShadowReadOnlyError,
                           f"the shadow of args[1]{path}: expected a buffer that can be written, found a read-only array",
                           [Duplicated(x, first), Duplicated(container, bad), Duplicated(x, last)],
                           [Duplicated(x, np.zeros(4)), Duplicated(container, good), Duplicated(x, np.zeros(4))])
    # A written argument: the primal is written as well.
    def fill(x, out):
        out[:] = x * x

    fixed = np.ones(4)
    fixed.flags.writeable = False
    for kept in (False, True):
        for _ in range(3 * kept):
            autodiff(Reverse, fill, Duplicated(x, np.zeros(4)), Duplicated(np.zeros(4), np.ones(4)))
        for value, shadow, words in ((fixed, np.ones(4), r"args\[1\] is read-only, but fill writes into it"),
                                     (np.zeros(4), fixed, r"the shadow of args\[1\]: expected a buffer that")):
            bad = [Duplicated(x, np.zeros(4)), Duplicated(value, shadow)]
            before = contents(bad)
            with pytest.raises(tj.ShadowReadOnlyError, match=f"^{words}"):
                autodiff(Reverse, fill, *bad)
            assert contents(bad) == before


TABLE = np.arange(4.0)
LARGE = np.arange(5000.0)


def test_aliasing():
    """What is written shares memory with nothing else: shadows, primals, other arguments, seeds, arrays that the function reads, itself."""
    pool = np.zeros(64)
    take = np.lib.stride_tricks.as_strided

    def good():
        return [Duplicated(np.ones(4), np.zeros(4)), Duplicated(np.ones(4), np.zeros(4)), Const(np.ones(4))]

    def with_(x=None, dx=None, y=None, dy=None, c=None):
        fresh = [np.ones(4), np.zeros(4), np.ones(4), np.zeros(4), np.ones(4)]
        x, dx, y, dy, c = [f if given is None else given for given, f in zip((x, dx, y, dy, c), fresh)]
        return [Duplicated(x, dx), Duplicated(y, dy), Const(c)]

    same, half = pool[:4], pool[2:6]
    for bad, words in (
            (with_(x=same, dx=same), "the shadow of args[0] shares memory with args[0]"),
            (with_(x=same, dx=half), "the shadow of args[0] shares memory with args[0]"),
            (with_(x=half, dx=same), "the shadow of args[0] shares memory with args[0]"),
            (with_(x=same, dx=same[::-1]), "the shadow of args[0] shares memory with args[0]"),
            (with_(dx=same, y=half), "the shadow of args[0] shares memory with args[1]"),
            (with_(x=half, dy=same), "the shadow of args[1] shares memory with args[0]"),
            (with_(dx=same, c=half), "the shadow of args[0] shares memory with args[2]"),
            (with_(dx=same, dy=half), "the shadow of args[1] shares memory with the shadow of args[0]"),
            (with_(dx=same, dy=same), "the shadow of args[1] shares memory with the shadow of args[0]"),
            (with_(dx=pool[:8:2], dy=pool[2:10:2]), "the shadow of args[1] shares memory with the shadow of args[0]"),
            (with_(dx=take(np.zeros(1), (4,), (0,))), "the shadow of args[0]: expected one place in memory per element"),
            (with_(dx=take(pool, (4,), (4,))), "the shadow of args[0]: expected one place in memory per element")):
        assert_refused(tj.ShadowOverlapError, words, bad, good())
    # Interleaved elements share no memory, and inputs may lie anywhere.
    dx, dy = pool[10:18:2], pool[11:19:2]
    autodiff(Reverse, energy(), *with_(x=same, y=half, c=same, dx=dx, dy=dy))
    assert not dx.any() and not dy.any()  # x and y are zero there

    x, captured = np.ones(4), [lambda x: np.sum(x * TABLE), lambda x: np.sum(x * LARGE[:4]), lambda x: np.sum(x * x)]
    for f, memory, other, seed in ((captured[0], TABLE, "an array that the function reads", None),
                                   (captured[1], LARGE[2:6], "an array that the function reads", None),
                                   (lambda x: x * x, half, "a seed", half)):
        for kept in (False, True):
            for _ in range(3 * kept):
                autodiff(Reverse, f, Duplicated(x, np.zeros(4)), seed=None if seed is None else np.ones(4))
            before = memory.tobytes()
            with pytest.raises(tj.ShadowOverlapError, match=f"^the shadow of args.0. shares memory with {other}"):
                autodiff(Reverse, f, Duplicated(x, memory), seed=seed)
            assert memory.tobytes() == before

    def fill(x, y, out):
        out[:] = x * y

    d = [np.zeros(4) for _ in range(3)]
    for kept in (False, True):
        for _ in range(3 * kept):
            autodiff(Reverse, fill, Duplicated(np.ones(4), d[0]), Duplicated(np.ones(4), d[1]), Duplicated(np.ones(4), np.ones(4)))
            autodiff(Forward, fill, Dual(np.ones(4), d[0]), Dual(np.ones(4), d[1]), Dual(np.ones(4), np.ones(4)))
        for mode, activity in ((Reverse, Duplicated), (Forward, Dual)):
            bad = [activity(np.ones(4), np.zeros(4)), activity(same, np.zeros(4)), activity(half, np.ones(4))]
            before = contents(bad)
            with pytest.raises(tj.ShadowOverlapError, match=r"^args\[2\], which fill writes, shares memory with args\[1\]: pass a copy"):
                autodiff(mode, fill, *bad)
            assert contents(bad) == before
        for k, memory in enumerate((TABLE, LARGE[2:6])):
            def reads(x, out):
                out[:] = 2 * x
                return np.sum(x * TABLE) if k == 0 else np.sum(x * LARGE[:4])  # which NumPy would have changed in the line before

            for _ in range(3 * kept):
                autodiff(Reverse, reads, Duplicated(np.ones(4), d[0]), Duplicated(np.ones(4), np.ones(4)))
            bad = [Duplicated(np.ones(4), np.zeros(4)), Duplicated(memory, np.ones(4))]
            before = contents(bad)
            with pytest.raises(tj.ShadowOverlapError,
                               match=r"^args\[1\], which reads writes, shares memory with an array that the function reads: pass a copy"):
                autodiff(Reverse, reads, *bad)
            assert contents(bad) == before
        bad = [Dual(np.ones(4), same), Dual(np.ones(4), np.zeros(4)), Dual(np.ones(4), half)]
        before = contents(bad)
        with pytest.raises(tj.ShadowOverlapError, match=r"^the shadow of args\[2\] shares memory with the shadow of args\[0\]"):
            autodiff(Forward, fill, *bad)
        assert contents(bad) == before


# --- one calling convention -------------------------------------------------------------------------------------------------

F = Type("f64", (4,))


def loops(count):
    """A program whose output k is twice input k: `count` of each."""
    def write(assembler):
        for k in range(count):
            assembler.loop((4,), [(k + 1, 0, "f64", (8,))], [("add", "f64", 1, 0, 0)], [("store", 1, count + k + 1, 0, "f64", (8,))])
        assembler.end()

    return assemble(write, [F] * count, [F] * count)


def call_of(program, count):
    """{name: function (pointers, lengths) -> status} for the ways to call the kernel that fit so many buffers."""
    ws = program.acquire()

    def run(pointers, lengths):
        return lib.tj_run(ws.c, ffi.new("void *[]", pointers), ffi.new("uint64_t[]", lengths), len(pointers), 0)

    def fixed(pointers, lengths):
        flat = [item for pair in zip(pointers, lengths) for item in pair]
        return getattr(lib, f"tj_call{len(pointers)}")(ws.c, *flat)

    def eight(pointers, lengths):
        pairs = list(zip(pointers, lengths)) + [(ffi.NULL, 0)] * 8
        return lib.tj_call8(ws.c, len(pointers), *[item for pair in pairs[:8] for item in pair])

    return {"tj_run": run, "tj_call8": eight, **({f"tj_call{count}": fixed} if count <= 4 else {})}


def test_calling_convention():
    """The kernel holds every call against the program, whoever calls it: count, null, length, alignment, overlap.

    A program that does not fit its buffers is not loaded.
    """
    for count in (1, 2, 4):
        program = loops(count)
        for name, call in call_of(program, 2 * count).items():
            memory = np.zeros(8 * count * 32 + 64, np.uint8)
            start = -memory.__array_interface__["data"][0] % 8
            cells = [memory[start + 64 * k:start + 64 * k + 32] for k in range(2 * count)]
            good = [from_buffer(cell) for cell in cells]
            lengths = [32] * (2 * count)
            for order in (good, good[::-1], good[1:] + good[:1]):  # they may lie in any order
                assert call(order, lengths) == lib.TJ_DONE
            memory[:] = 1
            before = memory.tobytes()
            for k in range(2 * count):
                for length in (0, 24, 31, 33, 40, 2**63):
                    assert call(good, [*lengths[:k], length, *lengths[k + 1:]]) == lib.TJ_LENGTH, (name, k, length)
                assert call([*good[:k], ffi.NULL, *good[k + 1:]], lengths) == lib.TJ_NULL, (name, k)
                for shift in (1, 4):
                    moved = from_buffer(memory[start + 64 * k + shift:])
                    assert call([*good[:k], moved, *good[k + 1:]], lengths) == lib.TJ_ALIGNMENT, (name, k, shift)
            for written in range(count, 2 * count):
                for other in range(2 * count):
                    for shift in (-24, -8, 0, 8, 24):
                        if other != written and start + 64 * other + shift >= 0:
                            moved = from_buffer(memory[start + 64 * other + shift:])
                            assert call([*good[:written], moved, *good[written + 1:]], lengths) == lib.TJ_OVERLAP, (name, written, other,
                                                                                                                    shift)
            assert memory.tobytes() == before
            assert call(good, lengths) == lib.TJ_DONE
    one, two = loops(1), loops(2)
    x, y = np.ones(4), np.ones(4)
    p, q = from_buffer(x), from_buffer(y)
    for program, others in ((one, {1: (p,), 3: (p, q, p), 4: (p, q, p, q)}), (two, {1: (p,), 2: (p, q), 3: (p, q, p)})):
        calls = call_of(program, 0)
        for count, pointers in others.items():
            fixed = getattr(lib, f"tj_call{count}")
            assert fixed(program.acquire().c, *[item for pointer in pointers for item in (pointer, 32)]) == lib.TJ_COUNT
            for call in (calls["tj_run"], calls["tj_call8"]):
                assert call(list(pointers), [32] * count) == lib.TJ_COUNT
    ws = one.acquire()
    assert lib.tj_call8(ws.c, 9, *[item for _ in range(8) for item in (p, 32)]) == lib.TJ_COUNT
    assert lib.tj_call8(loops(5).acquire().c, 10,
                        *[item for _ in range(8) for item in (p, 32)]) == lib.TJ_COUNT  # it takes 8, the program 10
    assert lib.tj_run(ws.c, ffi.new("void *[]", [p, q]), ffi.new("uint64_t[]", [32, 32]), 2,
                      1) == lib.TJ_COUNT  # there is no second segment
    assert lib.tj_sweep(one.acquire().c, 0) == lib.TJ_COUNT  # nothing is bound
    assert lib.tj_resume(one.acquire().c) == lib.TJ_COUNT  # nothing was left
    assert (x == 1).all() and (y == 1).all()

    def loading(buffer, offset, target, target_offset):
        def write(assembler):
            assembler.loop((4,), [(buffer, offset, "f64", (8,))], [], [("store", 0, target, target_offset, "f64", (8,))])
            assembler.end()

        return lambda: assemble(write, [F], [F])

    for load, reason in ((loading(1, 8, 2, 0), "an operand lies outside its buffer"),
                         (loading(1, 0, 2, 8), "an operand lies outside its buffer"),
                         (loading(1, 4, 2, 0), "an operand is not aligned to its dtype"), (loading(3, 0, 2, 0), "there is no such buffer"),
                         (loading(2, 0, 1, 0), "an instruction writes to a buffer that is only read")):
        with pytest.raises(tj.ProgramError, match=reason):
            load()


# --- what a first gradient costs ----------------------------------------------------------------------------------------------


def chain(x, steps):
    for k in range(steps):
        x = x + 0.01 * np.sin(x) * x if k % 3 else x * np.exp(-x)
    return x


def lines_run(steps):
    """(lines of Python that a first gradient of a chain runs, records of its tape, words of its program, bytes of its arena)."""
    gradient = tj.grad(lambda x: chain(x, steps))
    count = 0

    def local(frame, event, arg):
        nonlocal count
        count += event == "line"
        return local

    before = sys.gettrace()
    sys.settrace(lambda frame, event, arg: local)
    try:
        gradient(0.7)
    finally:
        sys.settrace(before)
    tape = gradient.tape(0.7)
    program = tj.kernel.compile_tape(tape)
    return count, len(tape), len(program.words), program.arena_bytes


def test_compile_time(monkeypatch):
    """A first gradient starts no process and loads no library, and what it does grows as the tape does.

    Counted in lines of Python, records, words and bytes.
    """
    script = textwrap.dedent("""
        import json, sys
        import numpy as np, tapejit as tj
        from tapejit import Duplicated, Reverse, autodiff
        seen = []
        watched = ("subprocess", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "ctypes.dlopen", "pty.spawn")
        sys.addaudithook(lambda event, args: seen.append(event) if event.startswith(watched) else None)
        sys.addaudithook(lambda event, args: seen.append(args[1]) if event == "import" and args[1] else None)
        def f(x, w):
            return np.sum(np.tanh(x @ w) ** 2) + np.linalg.norm(w) if x[0, 0] > 0 else np.sum(np.sort(x[:, 0]))
        x, w, dx = np.ones((3, 4)), np.ones((4, 2)), np.zeros((3, 4))
        tj.grad(f)(x, w), tj.hessian(f)(x, w), tj.grad(f)(-x, w), tj.jit(f)(x, w)
        autodiff(Reverse, f, Duplicated(x, dx), w)
        print(json.dumps(seen))
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
    monkeypatch.setattr(passes, "VERIFY_EACH_PASS", False)
    lines_run(10)  # what is done once in a process
    counts = np.array([lines_run(steps) for steps in (60, 120, 240)])
    first, second = np.diff(counts, axis=0)
    assert (first > 0).all()
    assert (second <= 2.1 * first).all(), counts


# --- types, and one simplification ----------------------------------------------------------------------------------------------


def mixed(x, n, flag):
    """Several dtypes, shapes and kinds of operation."""
    y = np.where(flag, x * n, np.float32(2) * x.astype("f4"))
    y[1:] += np.cumsum(x)[:-1]
    return np.sum(y @ np.outer(x, x), axis=0) if np.any(flag) else np.max(y)


ARGUMENTS = (np.array([0.5, 1.0, 1.5]), np.array([0, 1, 2]), np.array([True, False, True]))


def test_type_analysis():
    """The tape is fully typed when it has been recorded, with the types that NumPy itself gives; no later phase finds types."""
    tape = tj.trace(mixed)(*ARGUMENTS)
    assert [phase.name for phase in tape.log] == ["trace"]
    verify_tape(tape)
    kept = tape.outputs
    tape.outputs = [k for k in range(len(tape)) if tape.op[k] != OPS["guard"].code]
    for k, value in zip(tape.outputs, interpret(tape, ARGUMENTS)):
        assert (np.asarray(value).dtype, np.shape(value)) == (DTYPE_OF_NAME[tape.type_of(k).dtype], tape.type_of(k).shape), k
    tape.outputs = kept
    assert len(set(tape.type)) > 5
    phases = [phase.name for phase in tj.grad(mixed).tape(*ARGUMENTS).log]
    assert phases == ["trace", "simplify", "differentiate", "remove dead", "compile"]


def test_doubled_optimisation(monkeypatch):
    """Each derived tape is simplified once, before it is differentiated."""
    simplify, sizes = passes.simplify, []

    def counted(tape):
        sizes.append(len(tape))
        return simplify(tape)

    monkeypatch.setattr(passes, "simplify", counted)

    def f(x):
        return np.sum(np.sin(x) * np.exp(-(x**2)))

    x = np.linspace(0, 1, 5)
    recorded = len(tj.trace(f)(x))
    shadow = Duplicated(x, np.zeros(5))
    for call in (tj.grad(f), tj.value_and_grad(f), tj.jacobian(f), tj.jit(f), lambda x: tj.vjp(f, x)[1](1.0),
                 lambda x: tj.jvp(f, (x,), (x,)),
                 lambda x: autodiff(Reverse, f, shadow), lambda x: autodiff(Forward, f, Dual(x, x + 1)),
                 lambda x: tj.split(f, Duplicated)[0](x)):
        sizes.clear()
        call(x)
        assert sizes == [recorded]
        call(x)  # a later call runs the program
        assert sizes == [recorded]
    log = tj.grad(f).tape(x).log
    assert [phase.name for phase in log].count("simplify") == 1
    assert [phase.name for phase in log].index("simplify") < [phase.name for phase in log].index("differentiate")
    assert log[1].records_in == recorded


# --- other compilation units ------------------------------------------------------------------------------------------------------

MODULES = {
    "limits_plain": "import numpy as np\ndef padded(x):\n    out = np.zeros(len(x) + 2)\n    out[1:-1] = x\n    return out\n",
    "limits_zipped": "import math\nfrom limits_plain import padded\ndef energy(x):\n    y = padded(x)\n"
                     "    return ((y[1:] - y[:-1]) ** 2).sum() + math.sin(x[0])\n",
}
EXECUTED = "def total(x):\n    return 2.0 * energy(x) + math.exp(x[1])\n"


def test_other_modules(tmp_path, monkeypatch):
    """A trace goes through functions of a module on the path, of one in a zip file and of source that was executed, as they are."""
    (tmp_path / "limits_plain.py").write_text(MODULES["limits_plain"])
    with zipfile.ZipFile(tmp_path / "library.zip", "w") as library:
        library.writestr("limits_zipped.py", MODULES["limits_zipped"])
    for entry in (tmp_path, tmp_path / "library.zip"):
        monkeypatch.syspath_prepend(str(entry))
    zipped = importlib.import_module("limits_zipped")
    assert "library.zip" in zipped.__file__
    import math

    namespace = {"energy": zipped.energy, "math": math}
    exec(EXECUTED, namespace)
    x = np.array([0.3, 0.5, 1.0])
    y = np.pad(x, 1)
    expected = 4 * (2 * y[1:-1] - y[2:] - y[:-2]) + [2 * math.cos(0.3), math.exp(0.5), 0]
    dx = np.zeros(3)
    for _ in range(3):
        dx[:] = 0
        autodiff(Reverse, namespace["total"], Duplicated(x, dx))
        np.testing.assert_allclose(dx, expected, rtol=1e-14)
        np.testing.assert_allclose(tj.grad(namespace["total"])(x), expected, rtol=1e-14)
    text = str(tj.trace(namespace["total"])(x))
    assert "limits_plain.py:4" in text and "limits_zipped.py:5" in text


# --- the table ----------------------------------------------------------------------------------------------------------------------


def test_each_row_of_the_table_names_its_test():
    table = README[README.index("| limit |"):].split("\n\n")[0].splitlines()[2:]
    named = [re.search(r"`(test_\w+)` \|$", row)[1] for row in table]
    assert len(named) == len(set(named)) == 8
    assert set(named) == {name for name in globals() if name.startswith("test_")} - {"test_each_row_of_the_table_names_its_test"}
