"""The partial derivatives of elementwise rows keep their relative accuracy, measured against mpmath."""

import mpmath
import numpy as np
import pytest

from laws import special_cases
from laws.samples import SMOOTH, TRUTH, depth, domains, draw_wide, partials, relative_error
from tapejit.ops import OPS

FLAT_OR_CHOICE = {"where", "share", "maximum", "minimum", "fmax", "fmin", "sign", "absolute", "copysign", "heaviside", "floor", "ceil",
                  "trunc", "rint",
                  "floor_divide", "remainder", "fmod", "nextafter", "spacing", "gammasgn"}
TOLERANCE = 1.5  # units of relative_error: 4 eps for the few roundings of a rule, and what the operands themselves magnify


def test_every_smooth_row_has_a_truth():
    """Each elementwise row with partials is in this mpmath table or in that of the special functions, or a choice whose derivative is 0, 1 or a
    sign, or it is the derivative of such a row."""
    special = {row.name for row in SMOOTH if row.scipy in special_cases.CASES} | special_cases.ROWS
    derivatives = {row.name for row in SMOOTH if depth(row) < 2}
    special |= {"skew_normal_cdf", "von_mises_cdf"}  # held against mpmath in tests/trace/test_scipy_stats.py
    assert {row.name for row in SMOOTH} == set(TRUTH) | FLAT_OR_CHOICE | special | derivatives


@pytest.mark.parametrize("name", TRUTH)
def test_partials_are_accurate_in_relative_terms(name, rng, effort):
    """Each partial is within a few roundings of mpmath's over many orders of magnitude; the worst sample is reported."""
    row = OPS[name]
    operands = [draw_wide(rng, domain, 60 * effort) for domain in domains(row)]
    if name == "power":
        operands[1] = rng.uniform(-2, 2, operands[1].shape)
    if name in ("exp", "expm1", "exp2", "sinh", "cosh", "tanh"):
        operands = [np.clip(x, -300, 300) for x in operands]
    if name.startswith("logaddexp"):
        operands = [x * 0.3 for x in operands]
    found = partials(row, operands)
    worst = (0.0, None)
    with mpmath.workdps(60):
        for place, truth in enumerate(TRUTH[name]):
            for k, point in enumerate(zip(*operands)):
                exact = [mpmath.mpf(float(x)) for x in point]
                value = mpmath.mpf(truth(*exact))
                value_found = np.broadcast_to(found[place], operands[0].shape)[k]
                error = relative_error(value_found, value, condition(truth, exact, value))
                worst = max(worst, (error, (place, point, float(value), float(value_found))), key=lambda pair: pair[0])
    print(f"{name}: worst error {worst[0]:.3g} units at {worst[1]}")
    assert worst[0] <= TOLERANCE, worst


def condition(truth, exact, value):
    """How much `value` moves when the operands move by a relative rounding each: sum of |x * d truth / dx|."""
    total = mpmath.mpf(0)
    for k, x in enumerate(exact):
        if x:
            h = mpmath.mpf(2) ** -80
            moved = [*exact[:k], x * (1 + h), *exact[k + 1:]]
            total += abs(truth(*moved) - value) / h
    return total


@pytest.mark.parametrize("point, rule", [
    ((-40.0,), "expm1"), ((20.0,), "tanh"), ((-300.0,), "tanh"), ((1 - 1e-15,), "arcsin"), ((-1 + 1e-15,), "arccos"), ((1e-9,), "sinc"),
    ((0.3,), "sinc"),
    ((1e200,), "arcsinh"), ((1e200,), "arccosh"), ((1e200, 1e200), "arctan2"), ((1e-200, 1e-200), "arctan2"), ((1e200, 1e199), "hypot"),
    ((1000.0, 980.0), "logaddexp"), ((-1e5, -1e5 + 3), "logaddexp"), ((1 + 1e-15,), "arccosh"), ((1 - 1e-15,), "arctanh"),
    ((-1 + 1e-15,), "log1p")])
def test_points_where_textbook_formulas_lose_digits(point, rule):
    """At points where a well-known formula cancels or overflows, the partials still have 13 digits."""
    found = partials(OPS[rule], [np.float64(x) for x in point])
    with mpmath.workdps(60):
        for partial, truth in zip(found, TRUTH[rule]):
            value = truth(*[mpmath.mpf(float(x)) for x in point])
            assert abs(mpmath.mpf(float(partial)) - value) <= 1e-13 * abs(value), (float(partial), value)
