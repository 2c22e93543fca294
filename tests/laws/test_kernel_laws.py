"""The kernel computes what the reference interpreter computes, row by row: every native dtype, edge values in every
combination, broadcasting, 0-d, empty and long operands, strided and reversed ones."""

import numpy as np
import pytest

from laws.random_tapes import RandomTape
from laws.samples import CASES, COMPILED, ELEMENTWISE, SMOOTH, cases, depth, domains, draw, edge_operands, fixed, takes, tape_of, vjp_of
from tapejit.kernel import compile_tape
from tapejit.ops import OPS, ROWS
from tapejit.ops.table import Type
from tapejit.tape import Builder, interpret, type_of
from tapejit.tape.text import print_tape
from tapejit.tape.types import DTYPE_OF_NAME

EXACT = {"add", "subtract", "multiply", "divide", "negative", "positive", "square", "reciprocal", "zero_mul", "sqrt", "where", "share",
         "maximum", "minimum",
         "fmax", "fmin", "sign", "absolute", "copysign", "heaviside", "floor", "ceil", "trunc", "rint", "floor_divide", "remainder", "fmod"}
ULPS = 4.0


def run(tape, inputs):
    """The outputs of a tape, computed by the kernel."""
    program = compile_tape(tape)
    outputs = [np.empty(tape.type_of(id).shape, DTYPE_OF_NAME[tape.type_of(id).dtype]) for id in tape.outputs]
    program.run([np.ascontiguousarray(x) for x in inputs], outputs)
    return outputs


def ulps_apart(found, expected):
    """How many floats lie between two arrays, element by element; 0 for two NaNs, inf for a NaN against a number."""
    kind = np.int32 if found.dtype == np.float32 else np.int64
    lowest = np.iinfo(kind).min

    def order(x):
        bits = np.ascontiguousarray(x).view(kind).reshape(x.shape)
        return np.where(bits < 0, lowest - bits, bits).astype(np.float64) if kind is np.int32 else np.where(bits < 0, lowest - bits, bits)

    a, b = order(found), order(expected)
    apart = np.abs(a.astype(np.float64) - b.astype(np.float64))
    near = np.sign(a) == np.sign(b)
    apart = np.where(near, np.abs(np.where(near, a - b, 0)).astype(np.float64), apart)
    nans = np.isnan(found).astype(int) + np.isnan(expected).astype(int)
    return np.where(nans == 2, 0.0, np.where(nans == 1, np.inf, apart))


def assert_same(found, expected, ulps, context):
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype), context
    if found.dtype not in (np.float32, np.float64) or np.array_equal(found, expected, equal_nan=True):
        assert np.array_equal(found, expected, equal_nan=found.dtype.kind in "fc"), (context, found, expected)
        return
    apart = ulps_apart(found, expected)
    worst = np.unravel_index(np.argmax(apart), apart.shape) if apart.size else None
    assert apart.size == 0 or apart[worst] <= ulps, (context, worst, found[worst], expected[worst], apart[worst])


# SciPy's functions are further from the exact values than libm's: a difference in proportion to what SciPy's terms are.
SIZE = {"gammaln": lambda x: 1.0, "kl_div": lambda a, b: np.abs(a) + np.abs(b) + np.abs(a * np.log(a / b))}


def assert_near(found, expected, size, context):
    """Equal to 13 digits of the result, or of `size` where terms of that size cancel."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype), context
    eps = np.finfo(found.dtype).eps
    with np.errstate(all="ignore"):
        allowed = eps * np.nan_to_num(size, nan=0.0, posinf=0.0) * 16 + np.abs(expected) * eps * 256
        near = (found == expected) | (np.isnan(found) & np.isnan(expected)) | (np.abs(found - expected) <= allowed)
    assert near.all(), (context, found[~near][:3], expected[~near][:3])


def check(row, operands, params=()):
    tape = tape_of(row, operands, params).tape
    (expected,), (found,) = interpret(tape, operands), run(tape, operands)
    ulps = 0 if row.kind != "elementwise" or row.name in EXACT else ULPS
    context = (row.name, [(x.dtype.name, x.shape) for x in operands])
    if row.scipy or row.name == "log_ratio":
        assert_near(found, expected, SIZE.get(row.name, lambda *operands: 1e-292)(*operands), context)
        return
    assert_same(found, expected, ulps, context)
    if found.dtype.kind == "f" and row.kind == "elementwise":
        zero = (expected == 0) & (found == 0) if row.name not in ("maximum", "minimum", "fmax", "fmin", "zero_mul") else np.False_
        assert np.array_equal(np.signbit(found[zero]), np.signbit(expected[zero])), context


@pytest.mark.parametrize("row", COMPILED, ids=lambda row: row.name)
def test_elementwise_rows_agree_at_edge_values(row):
    """Zeros of both signs, infinities, NaN, subnormals, the ends of the range, in all combinations of the operands."""
    for dtype in row.dtypes:
        check(row, edge_operands(row, dtype))


@pytest.mark.parametrize("row", ELEMENTWISE, ids=lambda row: row.name)
def test_elementwise_rows_agree_in_every_shape(row, rng):
    """0-d, empty, short, longer than a block and not a multiple of it, broadcast along each axis."""
    shapes = {1: [((),), ((0,),), ((3,),), ((1000,),), ((2, 3),)],
              2: [((), ()), ((700,), ()), ((), (5,)), ((3, 1), (1, 4)), ((2, 300), (300,)), ((0, 3), (3,)), ((2, 1, 2), (4, 1))],
              3: [((), (), ()), ((300,), (), (300,)), ((3, 1), (4,), ()), ((0,), (1,), ())],
              4: [((), (), (), ()), ((300,), (), (300,), (1,)), ((0,), (1,), (), ())]}[row.arity]
    for dtype in row.dtypes:
        for shape in shapes:
            check(row, [draw(rng, domain, s, "bool" if domain == "bool" else dtype) for domain, s in zip(domains(row), shape)])


@pytest.mark.parametrize("row", [row for row in COMPILED if row.name not in EXACT], ids=lambda row: row.name)
def test_elementwise_rows_agree_over_the_whole_range(row, rng, effort):
    """Samples of every magnitude of each floating dtype: the vectorised functions stay within 4 ULP of NumPy's."""
    for dtype, top in (("f64", 690.0), ("f32", 87.0)):
        if dtype in row.dtypes:
            shape = (2000 * effort,)
            large = np.exp(rng.uniform(-top, top, (row.arity, *shape))) * rng.choice([-1.0, 1.0], (row.arity, *shape))
            small = rng.uniform(-100, 100, (row.arity, *shape))
            check(row, list(np.where(rng.random(shape) < 0.5, large, small).astype(DTYPE_OF_NAME[dtype])))


@pytest.mark.parametrize("row", [row for row in SMOOTH if depth(row)], ids=lambda row: row.name)
def test_derivative_tapes_agree(row, rng):
    """The reverse sweep of each row, as the kernel executes it, is the interpreter's, at ordinary and at edge values."""
    drawn = [draw(rng, domain, (3, 4) if k else (4,)) for k, domain in enumerate(domains(row))]
    for operands in (drawn, edge_operands(row, "f64") if row.c is not None else drawn):
        this, operands = fixed(row, operands)
        tape = vjp_of(tape_of(this, operands))
        bar = np.asarray(rng.standard_normal(tape.type_of(tape.outputs[0]).shape))
        tape.outputs = [id for id in tape.outputs if id >= 0]
        for found, expected in zip(run(tape, [*operands, bar]), interpret(tape, [*operands, bar]), strict=True):
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, rtol=1e-13 if row.scipy is None else 1e-12, atol=1e-300)


@pytest.mark.parametrize("name", ["add", "sin", "greater", "maximum", "power"])
def test_strided_and_reversed_operands(name, rng):
    """An elementwise record that reads slices, reversed axes and transposes of its inputs in place."""
    row = OPS[name]
    builder = Builder(name)
    x = draw(rng, "positive", (6, 40))
    e = builder.expr(builder.input(type_of(x), "x"))
    views = [OPS["index"](e, idx=((5, 3, -2), (0, 20, 2))),
             OPS["index"](OPS["transpose"](e, axes=(1, 0)), idx=((39, 3, -1), (4, 5, -1))),
             OPS["index"](e, idx=(2, (39, 40, -1)))]
    for view in views:
        other = OPS["index"](view, idx=tuple((n - 1, n, -1) for n in view.shape))
        y = row(view, other) if row.arity == 2 else row(view)
        builder.tape.outputs = [y.id, view.id]
        for found, expected in zip(run(builder.tape, [x]), interpret(builder.tape, [x]), strict=True):
            assert_same(found, expected, 0 if name in EXACT else ULPS, (name, view.shape))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", ["f64", "f32", "i64", "i32", "bool"])
def test_structural_rows_agree(name, dtype, rng):
    """Movement of data is exact in every dtype; sums and products of floats are within rounding of NumPy's pairwise sums."""
    row = OPS[name]
    adds = name in ("sum", "cumsum", "prod", "cumprod", "matmul", "index_add", "take_add")
    if dtype == "bool" and adds:
        pytest.skip("bools are converted before they are added")
    if not takes(row, dtype):
        pytest.skip("the row does not take this dtype")
    for operands, params in cases(row, rng, dtype):
        tape = tape_of(row, operands, params).tape
        (expected,), (found,) = interpret(tape, operands), run(tape, operands)
        if adds and found.dtype.kind == "f":
            assert np.allclose(found, expected, rtol=20 * np.finfo(found.dtype).eps, atol=20 * np.finfo(found.dtype).eps)
            assert found.shape == expected.shape and found.dtype == expected.dtype
        else:
            assert_same(found, expected, 0, (name, params))


@pytest.mark.parametrize("name", ["sum", "max", "min", "prod", "cumsum", "argmax", "argmin", "argsort", "any", "all"])
def test_reductions_agree_on_long_and_special_operands(name, rng):
    """Longer than a block, along each axis, with NaN and ties."""
    row = OPS[name]
    for axis in (0, 1, 2):
        x = np.rint(rng.uniform(-4, 4, (3, 300, 5)))
        if name in ("max", "min", "argmax", "argmin", "argsort"):
            x[1, 7, 2] = np.nan
        x = x > 0 if name in ("any", "all") else x
        params = {row.params[0]: (axis,) if row.params[0] == "axes" else axis}
        tape = tape_of(row, [x], params).tape
        (expected,), (found,) = interpret(tape, [x]), run(tape, [x])
        assert_same(found, expected, 0, (name, axis)) if name != "prod" else np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("source", ["bool", "i32", "i64", "f32", "f64"])
@pytest.mark.parametrize("target", ["bool", "i32", "i64", "f32", "f64"])
def test_casts_agree(source, target, rng):
    """Conversions in every direction, of values that fit the target."""
    x = np.concatenate([draw(rng, "real", (300,), source), np.array([0, 1, 0], DTYPE_OF_NAME[source])])
    check(OPS["cast"], [x], {"dtype": target})


def test_random_programs_agree(rng, effort):
    """Random tapes over the whole table, guards aside: the kernel gives the interpreter's values within accumulated rounding."""
    for _ in range(200 * effort):
        case = RandomTape(rng, records=14, guards=False)
        found = run(case.tape, case.arrays)
        for a, b in zip(found, interpret(case.tape, case.arrays), strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype), print_tape(case.tape)
            assert np.allclose(a, b, rtol=1e-4 if a.dtype == np.float32 else 1e-9, atol=1e-6, equal_nan=True), print_tape(case.tape)


def test_other_dtypes_go_through_numpy(rng):
    """A dtype that the kernel does not compute in is evaluated by the host, in the same program."""
    for dtype in ("f16", "c128", "i8", "u64"):
        x = draw(rng, "positive", (5,), "f64").astype(DTYPE_OF_NAME[dtype])
        check(OPS["multiply"], [x, x])


def test_every_native_dtype_has_a_law():
    """The rows that the kernel computes are the rows tested above."""
    assert {row.name for row in ROWS if row.c is not None} == {row.name for row in COMPILED}
    assert Type("f64", ()) == type_of(1.0)
