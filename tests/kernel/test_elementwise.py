"""Every elementwise instruction against NumPy: as a scalar, and over blocks on every instruction set."""

import numpy as np
import pytest

from kernel.assembling import DTYPE_OF_NAME, LEVELS, Type, assemble, sample, ulps
from tapejit.kernel.format import OPCODES
from tapejit.kernel.rows import kernel_rows
from tapejit.ops import OPS

ROWS = [row for row in kernel_rows() if (row.name, row.dtype) in OPCODES]
LIMIT = 4  # units in the last place; NumPy's own vector functions are up to 4 from the true value


def reference(row, values):
    with np.errstate(all="ignore"):
        if row.name.startswith("cast_"):
            return values[0].astype(DTYPE_OF_NAME[row.result])
        return np.asarray(OPS[row.name].evaluate(np, *values))


def operands(rng, row, n):
    return [sample(rng, row.first if k == 0 else row.dtype, n) for k in range(row.arity)]


def assert_agree(row, found, values):
    expected = reference(row, values)
    assert found.dtype == expected.dtype
    if row.result in ("f32", "f64"):
        distance = ulps(found, expected)
        limit = LIMIT if row.result == row.dtype else 0
        if row.name in OPS and OPS[row.name].scipy:  # SciPy is up to a hundred units from the true value, more near zeros of gammaln
            eps = np.finfo(found.dtype).eps
            near = np.isclose(found, expected, rtol=256 * eps, atol=16 * eps if row.name == "gammaln" else 256 * np.finfo(found.dtype).tiny)
            distance = np.where(near, 0, distance)
        wrong = np.flatnonzero(distance > limit)
    else:
        wrong = np.flatnonzero(found != expected)
    if len(wrong):
        k = wrong[0]
        pytest.fail(f"{row.name} {row.dtype} of {[x[k] for x in values]}: {found[k]!r}, NumPy {expected[k]!r}")


def over_blocks(row, values, simd=0):
    """The values of a row computed by one loop."""
    n = len(values[0])
    dtypes = [row.first] + [row.dtype] * (row.arity - 1)

    def write(assembler):
        inputs = [(k + 1, 0, dtype, (DTYPE_OF_NAME[dtype].itemsize,)) for k, dtype in enumerate(dtypes)]
        assembler.loop((n,), inputs, [(row.name, row.dtype, 7, *range(row.arity))],
                       [("store", 7, row.arity + 1, 0, row.result, (DTYPE_OF_NAME[row.result].itemsize,))])
        assembler.end()

    out = np.empty(n, DTYPE_OF_NAME[row.result])
    assemble(write, [Type(dtype, (n,)) for dtype in dtypes], [Type(row.result, (n,))], simd=simd).run(values, [out])
    return out


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}-{row.dtype}")
def test_a_row_over_blocks_equals_numpy_on_every_instruction_set(row, rng, effort):
    values = operands(rng, row, 2000 * effort)
    for simd in LEVELS:
        assert_agree(row, over_blocks(row, values, simd), values)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}-{row.dtype}")
def test_a_row_as_a_scalar_equals_numpy(row, rng):
    n = 60
    values = operands(rng, row, n)
    dtypes = [row.first] + [row.dtype] * (row.arity - 1)
    result_size = DTYPE_OF_NAME[row.result].itemsize

    def write(assembler):
        for k in range(n):
            for j, dtype in enumerate(dtypes):
                assembler.load(dtype, 8 * j, j + 1, k * DTYPE_OF_NAME[dtype].itemsize)
            assembler.scalar(row.name, row.dtype, 24, *(8 * j for j in range(row.arity)))
            assembler.store(row.result, 24, row.arity + 1, k * result_size)
        assembler.end()

    out = np.empty(n, DTYPE_OF_NAME[row.result])
    assemble(write, [Type(dtype, (n,)) for dtype in dtypes], [Type(row.result, (n,))], arena_bytes=32).run(values, [out])
    assert_agree(row, out, values)


def wide_sample(rng, row, n):
    """Operands of every magnitude, from every part of the domain."""
    dtype = DTYPE_OF_NAME[row.dtype]
    bits = {8: np.int64, 4: np.int32}[dtype.itemsize]
    with np.errstate(all="ignore"):
        any_bits = rng.integers(np.iinfo(bits).min, np.iinfo(bits).max, n, dtype=bits).view(dtype)
        parts = [rng.normal(size=n) * 3, rng.uniform(-1, 1, n), 1 + 1e-3 * rng.normal(size=n), np.exp(5 * rng.normal(size=n)),
                 rng.uniform(-700, 700, n), any_bits]
        return rng.permutation(np.concatenate([p.astype(dtype) for p in parts] + [sample(rng, row.dtype, n)]))


@pytest.mark.parametrize("row", [row for row in ROWS if row.vector], ids=lambda row: f"{row.name}-{row.dtype}")
def test_vector_math_is_within_4_ulp_of_numpy_everywhere(row, rng, effort):
    values = [wide_sample(rng, row, 1000 * effort) for _ in range(row.arity)]
    for simd in LEVELS:
        assert_agree(row, over_blocks(row, values, simd), values)


def test_a_block_gives_the_same_bits_wherever_an_element_lies(rng):
    x = rng.normal(size=700)
    row = next(row for row in ROWS if (row.name, row.dtype) == ("sin", "f64"))
    whole = over_blocks(row, [x])
    for start, stop in ((0, 1), (1, 4), (3, 700), (255, 258)):
        np.testing.assert_array_equal(over_blocks(row, [x[start:stop].copy()]), whole[start:stop])
