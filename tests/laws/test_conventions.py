"""What happens at kinks, ties, ends of the domain and infinities: the documented conventions, and the true one-sided value
wherever there is one. A zero cotangent stays zero, and what a selection does not choose contributes exactly zero."""

import numpy as np
import pytest

from laws.samples import SMOOTH, depth, fixed, jvp, partials, tape_of, vjp
from tapejit.ops import OPS
from tapejit.passes import reverse
from tapejit.tape import Builder, interpret, type_of

INF, NAN = np.inf, np.nan


def slopes(name, *point):
    return tuple(None if p is None else float(p) for p in partials(OPS[name], [np.float64(x) for x in point]))


@pytest.mark.parametrize("name, point, expected", [
    ("absolute", (0.0,), (0,)), ("absolute", (-0.0,), (0,)), ("absolute", (-2.0,), (-1,)), ("absolute", (-INF,), (-1,)),
    ("sign", (0.0,), (0,)), ("floor", (2.0,), (0,)), ("ceil", (2.0,), (0,)), ("trunc", (0.0,), (0,)), ("rint", (0.5,), (0,)),
    ("maximum", (1.0, 1.0), (0.5, 0.5)), ("maximum", (0.0, -0.0), (0.5, 0.5)), ("maximum", (2.0, 1.0), (1, 0)),
    ("maximum", (INF, INF), (0.5, 0.5)),
    ("minimum", (1.0, 1.0), (0.5, 0.5)), ("minimum", (2.0, 1.0), (0, 1)), ("minimum", (-INF, -INF), (0.5, 0.5)),
    ("fmax", (NAN, 1.0), (0, 1)), ("fmax", (1.0, NAN), (1, 0)), ("fmin", (NAN, 1.0), (0, 1)), ("fmax", (3.0, 3.0), (0.5, 0.5)),
    ("fmin", (1.0, 2.0), (1, 0)),
    ("copysign", (0.0, -1.0), (0, 0)), ("copysign", (-3.0, 2.0), (-1, 0)), ("copysign", (-3.0, -0.0), (1, 0)),
    ("heaviside", (0.0, 0.3), (0, 1)), ("heaviside", (-1.0, 0.3), (0, 0)), ("heaviside", (2.0, 0.3), (0, 0)),
    ("floor_divide", (7.0, 2.0), (0, 0)), ("remainder", (7.0, 2.0), (1, -3)), ("remainder", (-7.0, 2.0), (1, 4)),
    ("remainder", (7.0, -2.0), (1, 4)),
    ("remainder", (5.0, INF), (1, 0)), ("fmod", (-7.0, 2.0), (1, 3)), ("fmod", (7.0, -2.0), (1, 3)), ("fmod", (5.0, INF), (1, 0)),
    ("hypot", (0.0, 0.0), (0, 0)), ("hypot", (3.0, 4.0), (0.6, 0.8)), ("arctan2", (0.0, 0.0), (0, 0)), ("arctan2", (0.0, 2.0), (0.5, 0)),
    ("logaddexp", (INF, INF), (0.5, 0.5)), ("logaddexp", (-INF, -INF), (0.5, 0.5)), ("logaddexp", (-INF, 1.0), (0, 1)),
    ("logaddexp", (1.0, INF), (0, 1)),
    ("logaddexp2", (-INF, -INF), (0.5, 0.5)), ("logaddexp2", (2.0, -INF), (1, 0)), ("logaddexp", (900.0, -900.0), (1, 0)),
    ("sinc", (0.0,), (0,)), ("sqrt", (0.0,), (INF,)), ("sqrt", (INF,), (0,)), ("log", (0.0,), (INF,)), ("log", (INF,), (0,)),
    ("cbrt", (0.0,), (INF,)),
    ("log1p", (-1.0,), (INF,)), ("arcsin", (1.0,), (INF,)), ("arccos", (-1.0,), (-INF,)), ("arctanh", (1.0,), (INF,)),
    ("arccosh", (1.0,), (INF,)),
    ("arctan", (INF,), (0,)), ("arcsinh", (-INF,), (0,)), ("tanh", (INF,), (0,)), ("tanh", (1000.0,), (0,)), ("reciprocal", (INF,), (0,)),
    ("power", (0.0, 0.0), (0, 0)), ("power", (0.0, 1.0), (1, 0)), ("power", (0.0, 2.0), (0, 0)), ("power", (0.0, 0.5), (INF, 0)),
    ("power", (0.0, -1.0), (-INF, -INF)), ("power", (5.0, 0.0), (0, np.log(5.0))), ("power", (INF, 0.0), (0, INF)),
    ("power", (INF, 2.0), (INF, INF)),
    ("power", (INF, -2.0), (0, 0)), ("power", (-2.0, 3.0), (12, NAN)), ("power", (-2.0, -1.0), (-0.25, NAN)),
    ("power", (-2.0, 0.0), (0, NAN)),
    ("power", (1.0, 1e300), (1e300, 0)), ("power", (-0.0, 3.0), (0, 0))])
def test_slopes_at_special_points(name, point, expected):
    """Each partial at the point is the stated one; NaN only where the value has no real neighbourhood."""
    found = slopes(name, *point)
    assert np.array_equal(found, expected, equal_nan=True), found


@pytest.mark.parametrize("row", [row for row in SMOOTH if row.zero_safe and depth(row)], ids=lambda row: row.name)
def test_zero_cotangents_stay_zero(row):
    """A cotangent or tangent of exactly zero gives exactly zero, even where the partial is infinite or NaN."""
    for point in ([0.0] * row.arity, [-1.0] * row.arity, [INF] * row.arity, [NAN] * row.arity, [1.0] * row.arity):
        this, operands = fixed(row, [np.float64(x) for x in point])
        if row.name == "zero_mul":
            continue  # it is where this is decided; its partials are its operands
        assert [float(b) for b in vjp(this, operands, np.float64(0.0))] == [0.0] * this.arity
        assert float(jvp(this, operands, [np.float64(0.0)] * this.arity)) == 0.0


def gradient(function, *operands):
    """The gradient of a function of Exprs with a scalar result."""
    builder = Builder()
    ids = [builder.input(type_of(x), None) for x in operands]
    y = function(*map(builder.expr, ids))
    bars = reverse(builder, {y.id: builder.number(1.0, "f64")}, ids)
    builder.tape.outputs = bars
    return interpret(builder.tape, operands)


def test_the_branch_that_is_not_chosen_contributes_nothing():
    """where(x > 0, sqrt(x), 0) and sqrt(maximum(x, 0)) have derivative zero at x <= 0, not NaN."""
    x = np.array([-1.0, 0.0, 4.0])
    where, sqrt, greater, total = OPS["where"], OPS["sqrt"], OPS["greater"], OPS["sum"]
    assert gradient(lambda x: total(where(greater(x, 0), sqrt(x), 0), axes=(0,)), x)[0].tolist() == [0.0, 0.0, 0.25]
    assert gradient(lambda x: sqrt(OPS["maximum"](x, 0)), np.array(-1.0))[0] == 0.0
    assert gradient(lambda x: sqrt(OPS["absolute"](x)), np.array(0.0))[0] == 0.0
    assert gradient(lambda x: total(OPS["log"](where(greater(x, 0), x, 1)), axes=(0,)), x)[0].tolist() == [0.0, 0.0, 0.25]


def test_products_with_zeros_have_the_right_derivative():
    """One zero leaves one derivative, two zeros leave none: nothing is divided."""
    prod, cumprod, total = OPS["prod"], OPS["cumprod"], OPS["sum"]
    assert gradient(lambda x: prod(x, axes=(0,)), np.array([2.0, 0.0, 3.0]))[0].tolist() == [0.0, 6.0, 0.0]
    assert gradient(lambda x: prod(x, axes=(0,)), np.array([2.0, 0.0, 0.0]))[0].tolist() == [0.0, 0.0, 0.0]
    assert gradient(lambda x: total(cumprod(x, axis=0), axes=(0,)), np.array([2.0, 0.0, 3.0, 4.0]))[0].tolist() == [1.0, 32.0, 0.0, 0.0]


def test_extrema_share_ties():
    """Equal largest elements share the derivative of max equally."""
    assert gradient(lambda x: OPS["max"](x, axes=(0,)), np.array([3.0, 1.0, 3.0]))[0].tolist() == [0.5, 0.0, 0.5]
    assert gradient(lambda x: OPS["sqrt"](OPS["max"](x, axes=(0,))), np.array([-3.0, 0.0]))[0].tolist() == [0.0, INF]


def test_higher_orders_at_removable_singularities():
    """The second derivative of sinc, tanh and logaddexp at 0 is right, although their rules choose between formulas there."""
    from laws.samples import hessian_vector

    def second(name, *point):
        operands = [np.float64(x) for x in point]
        dots = [np.float64(1.0)] + [np.float64(0.0)] * (len(point) - 1)
        return float(hessian_vector(OPS[name], operands, dots, np.float64(1.0))[0])

    assert second("sinc", 0.0) == pytest.approx(-np.pi**2 / 3, rel=1e-14)
    assert second("tanh", 0.0) == 0.0
    assert second("logaddexp", 0.0, 0.0) == pytest.approx(0.25, rel=1e-14)
    assert second("power", 0.0, 2.0) == 2.0
    assert second("power", 0.0, 1.0) == 0.0
    assert second("power", 0.0, 0.0) == 0.0
    assert tape_of(OPS["sinc"], [np.float64(0.0)]).tape.outputs == [1]
