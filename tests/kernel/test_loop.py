"""Fused loops against NumPy: random shapes and strides, broadcasts, reductions over any axes, registers used again, writes in place."""

import numpy as np
import pytest

from kernel.assembling import DTYPE_OF_NAME, LEVELS, Type, assemble, strides_of
from tapejit.kernel.format import REDUCIBLE
from tapejit.kernel.program import ProgramError

NUMPY_REDUCTION = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min, "any": np.any, "all": np.all}


def random_shape(rng):
    ndim = int(rng.integers(0, 5))
    return tuple(rng.choice([0, 1, 2, 3, 4, 7, 40, 300], ndim, p=[0.03, 0.3, 0.15, 0.15, 0.15, 0.1, 0.07, 0.05]).tolist())


def random_view(rng, shape, dtype):
    """(base, view): a C-contiguous array and a view of it with `shape`, perhaps transposed, stepped, reversed or broadcast."""
    kept = [int(rng.integers(0, 4)) != 0 for _ in shape]  # False: a broadcast axis
    order = rng.permutation(len(shape))
    extents = [shape[axis] if kept[axis] else 1 for axis in order]
    steps = [int(rng.choice([1, 1, 1, 2, -1, -3])) for _ in order]
    base = make(rng, tuple(n * abs(step) + int(rng.integers(0, 2)) for n, step in zip(extents, steps)), dtype)
    view = base[(..., *(slice(None, None, step) for step in steps))][(..., *(slice(0, n) for n in extents))]
    view = np.broadcast_to(view.transpose(np.argsort(order)), shape)
    return base, view


def make(rng, shape, dtype):
    if dtype == "bool":
        return np.array(rng.integers(0, 2, shape), bool)
    return np.array(rng.integers(-4, 5, shape) if dtype in ("i32", "i64") else rng.normal(size=shape), DTYPE_OF_NAME[dtype])


def place(base, view):
    """(byte offset, strides) of a view in its base, with strides 0 where they do not matter."""
    offset = view.__array_interface__["data"][0] - base.__array_interface__["data"][0] if view.size else 0
    return offset, tuple(s if n > 1 else 0 for s, n in zip(view.strides, view.shape))


@pytest.mark.parametrize("seed", range(60))
def test_a_random_loop_equals_numpy(seed, effort):
    for repeat in range(effort):
        rng = np.random.default_rng([seed, repeat])
        shape = random_shape(rng)
        views = [random_view(rng, shape, "f64") for _ in range(3)]
        axes = tuple(k for k in range(len(shape)) if rng.random() < 0.5)
        kept = tuple(n for k, n in enumerate(shape) if k not in axes)
        reduced_strides = iter(strides_of(kept, 8))
        strides = tuple(0 if k in axes else next(reduced_strides) for k in range(len(shape)))
        types = [Type("f64", base.shape) for base, _ in views]
        kind = str(rng.choice(["sum", "prod", "max", "min"])) if 0 not in shape else "sum"

        def write(assembler):
            inputs = [(k + 1, place(*pair)[0], "f64", place(*pair)[1]) for k, pair in enumerate(views)]
            micros = [("multiply", "f64", 3, 0, 1), ("add", "f64", 0, 3, 2), ("sin", "f64", 3, 0)]  # registers 0 and 3 are used again
            outputs = [("store", 0, 4, 0, "f64", strides_of(shape, 8)), (kind, 3, 5, 0, "f64", strides), ("add", 3, 6, 0, "f64", strides)]
            assembler.loop(shape, inputs, micros, outputs)
            assembler.end()

        program = assemble(write, types, [Type("f64", shape), Type("f64", kept), Type("f64", kept)], simd=int(rng.integers(0, 4)))
        y, reduced, added = np.empty(shape), np.full(kept, np.nan), np.ones(kept)
        program.run([base for base, _ in views], [y, reduced, added])
        expected = views[0][1] * views[1][1] + views[2][1]
        np.testing.assert_array_equal(y, expected)
        np.testing.assert_allclose(reduced, NUMPY_REDUCTION[kind](np.sin(expected), axis=axes), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(added, 1 + np.sum(np.sin(expected), axis=axes), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("simd", LEVELS)
@pytest.mark.parametrize("kind,dtype", [(kind, dtype) for kind in NUMPY_REDUCTION for dtype in REDUCIBLE[kind]])
def test_each_reduction_of_each_dtype_over_each_axis_equals_numpy(kind, dtype, simd, rng):
    size = DTYPE_OF_NAME[dtype].itemsize
    for shape in ((), (1,), (5,), (700,), (3, 700), (700, 3), (3, 4, 5), (300, 300), (0, 4), (4, 0)):
        x = make(rng, shape, dtype)
        for axes in {(), (0,), (len(shape) - 1,), tuple(range(len(shape)))}:
            if any(k < 0 or k >= len(shape) for k in axes) or (0 in shape and kind in ("max", "min")):
                continue
            kept = tuple(n for k, n in enumerate(shape) if k not in axes)
            left = iter(strides_of(kept, size))
            strides = tuple(0 if k in axes else next(left) for k in range(len(shape)))

            def write(assembler):
                assembler.loop(shape, [(1, 0, dtype, strides_of(shape, size))], [], [(kind, 0, 2, 0, dtype, strides)])
                assembler.end()

            out = make(rng, kept, dtype)
            assemble(write, [Type(dtype, shape)], [Type(dtype, kept)], simd=simd).run([x], [out])
            expected = NUMPY_REDUCTION[kind](x, axis=axes, **({"dtype": x.dtype} if kind in ("sum", "prod") else {}))
            if dtype in ("f32", "f64"):
                np.testing.assert_allclose(out, expected, rtol=1e-4 if dtype == "f32" else 1e-12, atol=1e-4 if dtype == "f32" else 1e-12)
            else:
                np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("kind", ["max", "min"])
@pytest.mark.parametrize("place_of_nan", [0, 15, 16, 255, 256, 600, 699])
def test_max_and_min_propagate_nan_as_numpy_does(kind, place_of_nan, rng):
    x = rng.normal(size=700)
    x[place_of_nan] = np.nan

    def write(assembler):
        assembler.loop((700,), [(1, 0, "f64", (8,))], [], [(kind, 0, 2, 0, "f64", (0,))])
        assembler.end()

    out = np.empty(())
    assemble(write, [Type("f64", (700,))], [Type("f64", ())]).run([x], [out])
    assert np.isnan(out)


@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_sums_are_at_least_as_accurate_as_numpys(axis, dtype, rng):
    x = (1e3 + rng.random((3000, 40))).astype(DTYPE_OF_NAME[dtype])
    size = x.itemsize
    axes = (0, 1) if axis is None else (axis,)
    kept = tuple(n for k, n in enumerate(x.shape) if k not in axes)
    strides = tuple(0 if k in axes else size for k in range(2))

    def write(assembler):
        assembler.loop(x.shape, [(1, 0, dtype, strides_of(x.shape, size))], [], [("sum", 0, 2, 0, dtype, strides)])
        assembler.end()

    out = np.empty(kept, x.dtype)
    assemble(write, [Type(dtype, x.shape)], [Type(dtype, kept)]).run([x], [out])
    exact = np.sum(x.astype(np.longdouble), axis=axes)
    assert np.max(np.abs(out - exact)) <= np.max(np.abs(np.sum(x, axis=axes) - exact)) + np.spacing(np.max(exact).astype(x.dtype))


def test_signs_of_zero_sums_are_numpys(rng):
    for x in (np.array([-0.0, -0.0]), np.array([-0.0, 0.0]), np.empty(0)):
        out = np.ones(())

        def write(assembler):
            assembler.loop(x.shape, [(1, 0, "f64", (8,))], [], [("sum", 0, 2, 0, "f64", (0,))])
            assembler.end()

        assemble(write, [Type("f64", x.shape)], [Type("f64", ())]).run([x], [out])
        assert np.signbit(out) == np.signbit(np.sum(x))


@pytest.mark.parametrize("shape", [(5,), (1000,), (300, 3), (3, 300)])
def test_a_loop_may_write_over_its_own_inputs(shape, rng):
    n = int(np.prod(shape))
    x, y = rng.normal(size=(2, *shape))

    def write(assembler):
        strides = strides_of(shape, 8)
        assembler.loop(shape, [(1, 0, "f64", strides)], [], [("store", 0, 0, 0, "f64", strides)])
        assembler.loop(shape, [(2, 0, "f64", strides)], [], [("store", 0, 0, 8 * n, "f64", strides)])
        # (x, y) -> (y, x) at once; then x = x + 1 with the old x needed after the write; then both out
        both = [(0, 0, "f64", strides), (0, 8 * n, "f64", strides)]
        assembler.loop(shape, both, [], [("store", 1, 0, 0, "f64", strides), ("store", 0, 0, 8 * n, "f64", strides)])
        assembler.loop(shape, both, [("add", "f64", 2, 0, 1), ("multiply", "f64", 3, 0, 2)],
                       [("store", 2, 0, 0, "f64", strides), ("store", 3, 0, 8 * n, "f64", strides)])
        assembler.loop(shape, both, [], [("store", 0, 3, 0, "f64", strides), ("store", 1, 4, 0, "f64", strides)])
        assembler.end()

    out = np.empty((2, *shape))
    assemble(write, [Type("f64", shape)] * 2, [Type("f64", shape)] * 2, arena_bytes=16 * n).run([x, y], [out[0], out[1]])
    np.testing.assert_array_equal(out, [x + y, y * (x + y)])


def test_dtypes_meet_in_one_loop(rng):
    n = 1000
    x, k = rng.normal(size=n).astype(np.float32), rng.integers(-5, 5, n)

    def write(assembler):
        assembler.loop((n,), [(1, 0, "f32", (4,)), (2, 0, "i64", (8,))],
                       [("cast_f64", "f32", 2, 0), ("cast_f64", "i64", 3, 1), ("less", "f64", 4, 2, 3), ("where", "f64", 5, 4, 2, 3)],
                       [("store", 5, 3, 0, "f64", (8,)), ("store", 4, 4, 0, "bool", (1,)), ("any", 4, 5, 0, "bool", (0,))])
        assembler.end()

    least, below, some = np.empty(n), np.empty(n, bool), np.empty((), bool)
    program = assemble(write, [Type("f32", (n,)), Type("i64", (n,))], [Type("f64", (n,)), Type("bool", (n,)), Type("bool", ())])
    program.run([x, k], [least, below, some])
    np.testing.assert_array_equal(least, np.minimum(x.astype(float), k))
    np.testing.assert_array_equal(below, x < k)
    assert some


@pytest.mark.parametrize("micros,outputs,reason", [
    ([("sin", "f64", 1, 2)], [], "reads a register that holds nothing"),
    ([("sin", "f32", 1, 0)], [], "reads a register of another dtype"),
    ([], [("store", 1, 2, 0, "f64", (8,))], "takes a register that holds nothing"),
    ([], [("store", 0, 2, 0, "f32", (4,))], "has another dtype than its register"),
    ([], [("any", 0, 2, 0, "f64", (0,))], "not reduced in this way"),
    ([], [("store", 0, 2, 8, "f64", (8,))], "outside its buffer"),
    ([], [("store", 0, 2, 0, "f64", (-8,))], "outside its buffer"),
    ([], [("store", 0, 2, 4, "f64", (8,))], "not aligned"),
    ([], [("store", 0, 1, 0, "f64", (8,))], "only read"),
    ([], [("store", 0, 0, 0, "f64", (0,))], "writes to the constants"),
    ([], [("store", 0, 3, 0, "f64", (8,))], "no such buffer"),
])
def test_a_loop_that_breaks_a_rule_is_refused_by_name(micros, outputs, reason):
    def write(assembler):
        assembler.loop((4,), [(1, 0, "f64", (8,))], micros, outputs)
        assembler.end()

    with pytest.raises(ProgramError, match=reason):
        assemble(write, [Type("f64", (4,))], [Type("f64", (4,))], constants=bytes(8), arena_bytes=64)


ARITHMETIC = ("add", "subtract", "multiply", "divide")


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("seed", range(40))
def test_joined_steps_give_the_bits_of_single_steps(seed, dtype, effort):
    size, n = DTYPE_OF_NAME[dtype].itemsize, 300
    for repeat in range(effort):
        rng = np.random.default_rng([seed, repeat])
        steps = []
        for _ in range(int(rng.integers(2, 25))):
            op = str(rng.choice([*ARITHMETIC, *ARITHMETIC, "sin", "exp", "tanh", "log", "square"]))
            steps.append((op, dtype, int(rng.integers(0, 6)), *(int(k) for k in rng.integers(0, 5, 2 if op in ARITHMETIC else 1))))
        x = rng.normal(size=(6, n)).astype(DTYPE_OF_NAME[dtype])  # registers 0..5 at the start
        rows = [(0, k * n * size, dtype, (size,)) for k in range(6)]

        def write(assembler, single):
            for k in range(6):
                assembler.loop((n,), [(k + 1, 0, dtype, (size,))], [], [("store", 0, *rows[k])])
            if single:
                for op, _, target, *sources in steps:
                    assembler.loop((n,), [rows[k] for k in sources], [(op, dtype, 9, *range(len(sources)))], [("store", 9, *rows[target])])
            else:
                assembler.loop((n,), rows, steps, [("store", k, *rows[k]) for k in range(6)])
            for k in range(6):
                assembler.loop((n,), [rows[k]], [], [("store", 0, k + 7, 0, dtype, (size,))])
            assembler.end()

        types = [Type(dtype, (n,))] * 6
        out = np.empty((2, 6, n), x.dtype)
        for single in (0, 1):
            simd = int(rng.integers(0, 4))
            simd = 0 if any(step[0] not in ARITHMETIC for step in steps) else simd  # vector math differs between instruction sets
            program = assemble(lambda assembler: write(assembler, single), types, types, arena_bytes=6 * n * size, simd=simd)
            program.run(list(x), list(out[single]))
        np.testing.assert_array_equal(out[0], out[1])


@pytest.mark.parametrize("seed", range(40))
def test_columns_of_rows_are_read_and_written_as_one_by_one(seed):
    """Columns next to each other are moved in pairs, whatever their order, and written over one another in the order of the outputs."""
    rng = np.random.default_rng(seed)
    shape = [(777,), (1000,), (2, 300), (257,)][seed % 4]
    count, dtype = int(rng.integers(2, 6)), str(rng.choice(["f64", "f64", "i64", "f32"]))
    size, step = DTYPE_OF_NAME[dtype].itemsize, int(rng.choice([1, 1, -1]))
    x, y = make(rng, (*shape, count), dtype), make(rng, (*shape, count), dtype)
    reads = rng.permutation(count)
    writes = rng.integers(0, count, int(rng.integers(1, 7)))  # some twice: the last one stays
    sources = rng.integers(0, count, len(writes))
    whole = strides_of((*shape, count), size)[:-1]
    backwards = (shape[-1] - 1) * whole[-1] if step < 0 else 0

    def write(assembler):
        strides = (*whole[:-1], step * whole[-1])
        inputs = [(1, backwards + size * int(column), dtype, strides) for column in reads]
        outputs = [("store", count + int(source), 2, size * int(column), dtype, whole) for source, column in zip(sources, writes)]
        assembler.loop(shape, inputs, [("square", dtype, count + k, k) for k in range(count)], outputs)
        assembler.end()

    expected = y.copy()
    for source, column in zip(sources, writes):
        expected[..., column] = x[..., ::step, reads[source]]**2
    assemble(write, [Type(dtype, x.shape)], [Type(dtype, y.shape)]).run([x], [y])
    np.testing.assert_array_equal(y, expected)
