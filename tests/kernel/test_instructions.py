"""The structural instructions against NumPy: matrix products, indexing by integers, running sums, order."""

import numpy as np
import pytest

from kernel.assembling import DTYPE_OF_NAME, Type, assemble, sample, strides_of
from tapejit.errors import ProgramError
from tapejit.kernel import blas


def along(name, dtype, x, result_dtype, result_shape, out=None):
    """One instruction on (outer, n, inner)."""
    out = np.empty(result_shape, DTYPE_OF_NAME[result_dtype]) if out is None else out

    def write(assembler):
        getattr(assembler, name)(dtype, *x.shape, (1, 0), (2, 0))
        assembler.end()

    assemble(write, [Type(dtype, x.shape)], [Type(result_dtype, result_shape)]).run([x], [out])
    return out


# --- products ------------------------------------------------------------------------------------------------------------


def random_matrix(rng, batch, rows, columns, dtype):
    """(base, view) with the view of shape (*batch, rows, columns) in one of many layouts."""
    layout = rng.integers(0, 6)
    shape = (*batch, rows, columns)

    def make(shape):
        return np.asarray(rng.integers(-5, 6, shape) if dtype in ("i32", "i64") else rng.normal(size=shape), DTYPE_OF_NAME[dtype])

    if layout == 0:
        base = make(shape)
        return base, base
    if layout == 1:
        base = make((*batch, columns, rows))
        return base, base.swapaxes(-1, -2)
    if layout == 2:  # rows further apart than they are long
        base = make((*batch, rows, columns + 3))
        return base, base[..., 1:columns + 1]
    if layout == 3:  # no stride of one element
        base = make((*batch, 2 * rows, 2 * columns))
        return base, base[..., ::2, ::2]
    if layout == 4:
        base = make(shape)
        return base, base[..., ::-1, ::-1]
    base = make((*batch, 1, columns))
    return base, np.broadcast_to(base, shape)


@pytest.mark.parametrize("with_blas", [True, False])
@pytest.mark.parametrize("seed", range(40))
def test_a_matrix_product_of_any_layout_equals_numpys(seed, with_blas, monkeypatch):
    monkeypatch.setattr(blas, "functions", blas.functions if with_blas else dict.fromkeys(blas.NAMES, 0))
    rng = np.random.default_rng(seed)
    dtype = str(rng.choice(["f64", "f64", "f32", "i32", "i64"]))
    batch = tuple(int(n) for n in rng.integers(0, 4, rng.integers(0, 3)))
    m, n, k = rng.permutation([rng.choice([1, 40, 600]), rng.choice([0, 1, 2, 17]), rng.choice([1, 3, 40])]).tolist()
    pairs = [random_matrix(rng, batch, m, k, dtype), random_matrix(rng, batch, k, n, dtype)]
    out_base, out = random_matrix(rng, batch, m, n, dtype)
    while 0 in out.strides and out.size > 1:
        out_base, out = random_matrix(rng, batch, m, n, dtype)

    def operand(buffer, base, view):
        offset = view.__array_interface__["data"][0] - base.__array_interface__["data"][0] if view.size else 0
        strides = tuple(s if extent > 1 else 0 for s, extent in zip(view.strides, view.shape))
        return buffer, offset, strides[:-2], strides[-2], strides[-1]

    def write(assembler):
        assembler.matmul(dtype, batch, m, n, k, operand(1, *pairs[0]), operand(2, *pairs[1]), operand(3, out_base, out))
        assembler.end()

    untouched = out_base.copy()
    program = assemble(write, [Type(dtype, base.shape) for base, _ in pairs], [Type(dtype, out_base.shape)])
    program.run([base for base, _ in pairs], [out_base])
    tolerance = {"f32": 1e-4, "f64": 1e-12}.get(dtype, 0)
    np.testing.assert_allclose(out, np.matmul(pairs[0][1], pairs[1][1]), rtol=tolerance, atol=tolerance)
    mask = np.zeros(out_base.shape, bool)  # what the product does not cover is as it was
    start = operand(0, out_base, out)[1] // out.itemsize
    np.lib.stride_tricks.as_strided(mask.reshape(-1)[start:], out.shape, [s // out.itemsize for s in out.strides])[...] = True
    np.testing.assert_array_equal(out_base[~mask], untouched[~mask])


def test_a_product_that_overlaps_a_factor_is_refused():
    def write(assembler):
        assembler.matmul("f64", (), 2, 2, 2, (0, 0, (), 16, 8), (0, 32, (), 16, 8), (0, 48, (), 16, 8))
        assembler.end()

    with pytest.raises(ProgramError, match="the product overlaps a factor"):
        assemble(write, [], [], arena_bytes=128)


# --- integers as indices ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["bool", "i32", "i64", "f32", "f64"])
@pytest.mark.parametrize("inner", [1, 3])
def test_take_and_its_updates_equal_numpys(dtype, inner, rng):
    outer, n, count = 3, 7, 11
    x = sample(rng, dtype, outer * n * inner, 1).reshape(outer, n, inner)
    v = sample(rng, dtype, outer * count * inner, 1).reshape(outer, count, inner)
    indices = rng.integers(-n, n, count)
    for kind in ("take", "set", "add"):
        if kind == "add" and dtype == "bool":
            continue
        size = x.itemsize

        def write(assembler):
            if kind == "take":
                assembler.take(dtype, outer, n, inner, count, (1, 0), (2, 0), (4, 0))
            else:
                flat = (outer * n * inner,)
                assembler.loop(flat, [(1, 0, dtype, (size,))], [], [("store", 0, 4, 0, dtype, (size,))])
                assembler.take_update(kind, dtype, outer, n, inner, count, (4, 0), (2, 0), (3, 0))
            assembler.end()

        expected = np.take(x, indices, axis=1) if kind == "take" else x.copy()
        with np.errstate(all="ignore"):
            if kind == "set":
                expected[:, indices] = v
            elif kind == "add":
                np.add.at(expected, (slice(None), indices), v)
        out = np.empty(expected.shape, x.dtype)
        program = assemble(write, [Type(dtype, x.shape), Type("i64", (count,)), Type(dtype, v.shape)], [Type(dtype, out.shape)])
        program.run([x, indices, v], [out])
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("bad", [5, -6, 2**62, -2**63])
def test_an_index_out_of_range_is_an_index_error_before_anything_is_written(bad):
    out = np.zeros(3)

    def write(assembler):
        assembler.take("f64", 1, 5, 1, 3, (1, 0), (2, 0), (3, 0))
        assembler.end()

    program = assemble(write, [Type("f64", (5,)), Type("i64", (3,))], [Type("f64", (3,))])
    with pytest.raises(IndexError, match=f"^index {bad} is out of bounds for an axis of size 5$"):
        program.run([np.ones(5), np.array([0, 1, bad])], [out])
    assert not out.any()


# --- along an axis ----------------------------------------------------------------------------------------------------------

SHAPES = [(1, 5, 1), (2, 40, 3), (3, 1, 2), (0, 4, 1), (1, 700, 1), (2, 3, 0), (1, 17, 1), (1, 33, 2)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["i32", "i64", "f32", "f64"])
def test_running_sums_and_products_equal_numpys(shape, dtype, rng):
    x = np.asarray(rng.integers(-3, 4, shape) if dtype in ("i32", "i64") else 1 + 0.1 * rng.normal(size=shape), DTYPE_OF_NAME[dtype])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(along("cumsum", dtype, x, dtype, shape), np.cumsum(x, axis=1, dtype=x.dtype))
        np.testing.assert_array_equal(along("cumprod", dtype, x, dtype, shape), np.cumprod(x, axis=1, dtype=x.dtype))


def test_a_running_sum_may_be_written_over_its_operand():
    def write(assembler):
        strides = strides_of((12,), 8)
        assembler.loop((12,), [(1, 0, "f64", strides)], [], [("store", 0, 2, 0, "f64", strides)])
        assembler.cumsum("f64", 2, 3, 2, (2, 0), (2, 0))
        assembler.end()

    x, out = np.arange(12.0), np.empty((2, 3, 2))
    assemble(write, [Type("f64", (12,))], [Type("f64", (2, 3, 2))]).run([x], [out])
    np.testing.assert_array_equal(out, np.cumsum(x.reshape(2, 3, 2), axis=1))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["bool", "i32", "i64", "f32", "f64"])
@pytest.mark.parametrize("with_nan", [False, True])
def test_order_equals_numpys_with_ties_and_nan(shape, dtype, with_nan, rng):
    x = np.asarray(rng.integers(0, 5, shape), DTYPE_OF_NAME[dtype])
    if with_nan:
        if dtype not in ("f32", "f64"):
            return
        x[rng.random(shape) < 0.2] = np.nan
    np.testing.assert_array_equal(along("argsort", dtype, x, "i64", shape), np.argsort(x, axis=1, kind="stable"))
    for name in ("argmax", "argmin"):
        np.testing.assert_array_equal(along(name, dtype, x, "i64", (shape[0], shape[2])), getattr(np, name)(x, axis=1))


def test_the_extremum_of_an_empty_axis_is_refused():
    with pytest.raises(ProgramError, match="an empty axis has no extremum"):
        along("argmax", "f64", np.empty((2, 0, 1)), "i64", (2, 1))
