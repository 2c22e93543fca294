"""Laws of the derivative of every row: forward mode agrees with finite differences, reverse mode is the transpose of
forward mode, and both hold again for the derivative of the derivative. Zero-dimensional, empty and broadcast operands too."""

import numpy as np
import pytest

from laws.samples import (CASES, COMPLEX_ONLY, REAL_ONLY, SMOOTH, STRUCTURAL, cases, depth, domains, draw, fixed, hessian_vector, is_float,
                          jvp, tape_of, vjp)
from tapejit.ops import OPS
from tapejit.passes import reverse
from tapejit.tape import Builder, interpret, type_of

BOUND = {"lu_solve"}  # an operand is a function of another: held against differences as a whole, in tests/trace
DIFFERENTIABLE = [row.name for row in STRUCTURAL if row.differentiable and row.name not in BOUND]
SHAPES = {0: [()], 1: [(), (4,), (2, 3), (0,), (1,)],
          2: [((), ()), ((4,), (4,)), ((3, 1), (1, 4)), ((2, 3), ()), ((3,), (2, 1, 3)), ((0,), (1,))],
          3: [((), (), ()), ((4,), (4,), (4,)), ((3, 1), (4,), ()), ((1,), (0,), (1,))],
          4: [((), (), (), ()), ((4,), (1,), (4,), (4,)), ((3, 1), (4,), (), (1,))]}


def samples(name, rng, dtype="f64"):
    """(row, operands, params): operands drawn in every shape for elementwise rows, its cases for the others."""
    row = OPS[name]
    if row.kind != "elementwise":
        for operands, params in cases(row, rng, dtype):
            yield row, operands, params
        return
    for shapes in SHAPES[row.arity]:
        shapes = (shapes,) if row.arity == 1 else shapes
        operands = [draw(rng, domain, shape, dtype) for domain, shape in zip(domains(row), shapes)]
        while name in ("remainder", "fmod") and at_a_jump(*operands):
            operands = [draw(rng, domain, shape, dtype) for domain, shape in zip(domains(row), shapes)]
        yield *fixed(row, operands), {}


def at_a_jump(a, b):
    """Whether a quotient is so near to an integer that differences would step over the jump."""
    return bool(np.any(np.abs(a / b - np.rint(a / b)) < 0.02))


def value(row, operands, params):
    return interpret(tape_of(row, operands, params).tape, operands)[0]


def directions(rng, operands):
    return [like(x, rng) for x in operands if is_float(x)]


def like(x, rng):
    """A random array with the shape and dtype of x."""
    return np.asarray(rng.standard_normal(x.shape) + (1j * rng.standard_normal(x.shape) if np.iscomplexobj(x) else 0)).astype(x.dtype)


def moved(operands, dots, step):
    """The operands moved by step along the tangents of the floating ones."""
    given = iter(dots)
    return [x + step * next(given) if is_float(x) else x for x in operands]


def along(function, operands, dots, step=1e-4):
    """The directional derivative of a list of arrays by differences of sixth order: about 11 digits, a kink must be 1e-3 away."""
    weights = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
    total = None
    for k, weight in weights.items():
        ahead, behind = function(moved(operands, dots, k * step)), function(moved(operands, dots, -k * step))
        term = [weight * (a - b) / step for a, b in zip(ahead, behind)]
        total = term if total is None else [t + u for t, u in zip(total, term)]
    return total


def assert_close(found, expected, tolerance):
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    scale = np.max(np.abs(expected), initial=1.0)
    assert np.max(np.abs(found - expected), initial=0.0) <= tolerance * scale


def float_result(row, operands, params):
    return is_float(value(row, operands, params))


ALL = [row.name for row in SMOOTH if depth(row) > 0 and row.name != "stop_gradient"] + DIFFERENTIABLE
# On complex numbers: what NumPy has complex loops for (of sign, the row complex_sign), and the rows that are not elementwise.
OF_COMPLEX = [row.name for row in SMOOTH if row.name in ("where", "share", "zero_mul", "sinc")
              or "D" in "".join(getattr(getattr(np, row.name, None), "types", ())) and row.name != "sign"]
OF_COMPLEX += [name for name in DIFFERENTIABLE if name not in REAL_ONLY | COMPLEX_ONLY]
BOTH = pytest.mark.parametrize("name, dtype", [(name, "f64") for name in ALL] + [(name, "c128") for name in OF_COMPLEX])

TWICE = pytest.mark.parametrize("name, dtype", [(name, "f64") for name in ALL if depth(OPS[name]) > 1] + [(name, "c128") for name in OF_COMPLEX])


def loses_digits(name, params):
    return name == "cast" and params["dtype"] == "f32"


@BOTH
def test_forward_mode_agrees_with_differences(name, dtype, rng):
    """The tangent of a row is the limit of differences of its value, in every operand shape."""
    for row, operands, params in samples(name, rng, dtype):
        if not float_result(row, operands, params):
            continue
        dots = directions(rng, operands)
        if loses_digits(name, params):
            assert_close(jvp(row, operands, dots, params), dots[0].real.astype(np.float32), 0)
            continue
        (expected,) = along(lambda at: [value(row, at, params)], operands, dots)
        assert_close(jvp(row, operands, dots, params), expected, 3e-9 if depth(OPS[name]) > 1 else 1e-6)  # derivatives by parameters are numeric


@BOTH
def test_reverse_mode_is_the_transpose_of_forward_mode(name, dtype, rng):
    """<w, J v> == <J' w, v> to 12 digits (real parts of sums, nothing conjugated); cotangents have their operands' shapes and dtypes."""
    for row, operands, params in samples(name, rng, dtype):
        y = value(row, operands, params)
        if not is_float(y) or loses_digits(name, params):
            continue
        dots, w = directions(rng, operands), like(y, rng)
        tangent, bars = jvp(row, operands, dots, params), vjp(row, operands, w, params)
        assert [(b.shape, b.dtype) for b in bars] == [(v.shape, v.dtype) for v in dots]
        left, right = np.sum(w * tangent).real, sum(np.sum(b * v).real for b, v in zip(bars, dots))
        size = np.sum(np.abs(w * tangent)) + sum(np.sum(np.abs(b * v)) for b, v in zip(bars, dots))
        assert abs(left - right) <= 1e-12 * max(size, 1.0)


@TWICE
def test_second_order_agrees_with_differences_of_first_order(name, dtype, rng):
    """Forward over reverse is the derivative of the reverse mode, so that derivatives compose."""
    for row, operands, params in samples(name, rng, dtype):
        y = value(row, operands, params)
        if not is_float(y) or loses_digits(name, params):
            continue
        dots, w = directions(rng, operands), like(y, rng)
        expected = along(lambda at: vjp(row, at, w, params), operands, dots)
        for found, truth in zip(hessian_vector(row, operands, dots, w, params), expected, strict=True):
            assert_close(found, truth, 1e-7)


@pytest.mark.parametrize("name, dtype", [(name, "f32") for name in ALL] + [(name, "c64") for name in OF_COMPLEX])
def test_single_precision_follows_double_precision(name, dtype, rng):
    """In float32 and complex64, values, tangents and cotangents are too, and agree with those in double precision."""
    for row, operands, params in samples(name, rng, dtype):
        if name == "cast" or not float_result(row, operands, params):
            continue
        wide = [doubled(x) if is_float(x) else x for x in operands]
        dots = directions(rng, operands)
        y, tangent = value(row, operands, params), jvp(row, operands, dots, params)
        w = like(y, rng)
        bars = vjp(row, operands, w, params)
        assert {y.dtype, tangent.dtype, *(b.dtype for b in bars)} <= {np.dtype(np.float32), np.dtype(np.complex64)}
        assert_close(tangent, jvp(row, wide, [doubled(v) for v in dots], params), 2e-5)
        for found, truth in zip(bars, vjp(row, wide, doubled(w), params), strict=True):
            assert_close(found, truth, 2e-5)


def doubled(x):
    return x.astype(np.complex128 if np.iscomplexobj(x) else np.float64)


def test_every_structural_row_has_a_case():
    """No row escapes the laws: each row that is not elementwise has operands to be tested on."""
    assert {row.name for row in STRUCTURAL} == set(CASES)


@pytest.mark.parametrize("name", [row.name for row in STRUCTURAL if not row.differentiable])
def test_rows_without_a_derivative_give_integers_or_bools(name, rng):
    """What has no derivative could not carry one: its result is an index or a truth value."""
    for operands, params in cases(OPS[name], rng):
        assert value(OPS[name], operands, params).dtype.kind in "ib"


def test_repeated_operands_add_up(rng):
    """x * x: both places of the same operand contribute."""
    x = rng.standard_normal(3)
    builder = Builder()
    id = builder.input(type_of(x), "x")
    y = OPS["multiply"](builder.expr(id), builder.expr(id))
    builder.tape.outputs = reverse(builder, {y.id: builder.constant(np.ones(3))}, [id])
    assert np.array_equal(interpret(builder.tape, [x])[0], 2 * x)
