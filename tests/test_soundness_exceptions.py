"""An exception that depends on a traced value, and that f catches, is raised and caught, or not, at each call as without a trace."""

import cmath
import math

import numpy as np
import pytest

import tapejit as tj
from tapejit.errors import UnsupportedError


def attempt(function, error):
    """f that answers something else where `function` raises."""
    def f(x):
        try:
            return function(x)
        except error:
            return 5.0 * np.sum(x)
    return f


def written(x):
    y = x.copy()
    y[x.astype(int)] = 3.0 * x
    return y.sum()


def added(x):
    y = x.copy()
    np.add.at(y, x.astype(int), 3.0 * x)
    return y.sum()


def strict(x):
    with np.errstate(all="raise"):
        return np.sum(1.0 / x)


FLOATS = {
    "division": (lambda x: 1.0 / x, ZeroDivisionError, 0.0, 2.0), "floor division": (lambda x: x // x * x, ZeroDivisionError, 0.0, 2.0),
    "remainder": (lambda x: x % x + x, ZeroDivisionError, 0.0, 2.0), "power": (lambda x: x ** -2, ZeroDivisionError, 0.0, 2.0),
    "remainder of a constant": (lambda x: 5.0 % x, ZeroDivisionError, 0.0, 2.0),
    "square": (lambda x: x ** 2, OverflowError, 1e200, 2.0), "base": (lambda x: 10.0 ** x, OverflowError, 400.0, 2.0),
    "large power": (lambda x: x ** 400.0, OverflowError, 1e3, 2.0), "log": (lambda x: math.log(x), ValueError, -1.0, 2.0),
    "exp": (lambda x: math.exp(x), OverflowError, 1e3, 2.0), "acos": (lambda x: math.acos(x), ValueError, 2.0, 0.5),
    "cmath": (lambda x: abs(cmath.log(x)), ValueError, 0.0, 2.0), "floor": (lambda x: math.floor(x) * x, (ValueError, OverflowError), math.inf, 2.0),
    "round": (lambda x: round(x) * x, OverflowError, math.inf, 2.0),
    "int": (lambda x: int(x) * x, OverflowError, -math.inf, 2.0)}
ARRAYS = {
    "index": lambda x: x[x.astype(int)].sum() * 2, "take": lambda x: np.take(x, x.astype(int)).sum() * 2,
    "take_along_axis": lambda x: np.take_along_axis(x, x.astype(int), 0).sum() * 2, "method": lambda x: x.take(x.astype(int)).sum() * 2,
    "write": written, "put": lambda x: np.put(x * 2, x.astype(int), 3.0) or x.sum(), "at": added,
    "choose": lambda x: np.choose(x.astype(int), [x, x * 2]).sum()}


def same_as_without_a_trace(f, points):
    both = tj.value_and_grad(f)
    for x in points:
        assert both(x)[0] == pytest.approx(f(x), nan_ok=True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FLOATS)
def test_numbers(name):
    function, error, bad, good = FLOATS[name]
    same_as_without_a_trace(attempt(function, error), (bad, good, good / 2))
    same_as_without_a_trace(attempt(function, error), (good, bad, good / 2, bad))


def test_a_power_that_python_makes_complex():
    root = tj.jit(lambda x: x ** 0.5)
    assert root(4.0) == 2.0
    with pytest.raises(UnsupportedError, match="complex number"):
        root(-4.0)


RAISED = {
    "quotient": (lambda x: x / (x - 1.0), 1.0), "reciprocal": (lambda x: 1 / x, 0.0), "remainder": (lambda x: 7.5 % x, 0.0),
    "floor division": (lambda x: 7.5 // x * x, 0.0), "divmod": (lambda x: divmod(7.5, x)[1], 0.0), "negative power": (lambda x: x ** -2.5, 0.0),
    "power -1": (lambda x: x ** -1, 0.0), "square": (lambda x: x ** 2, 1e200), "exponent": (lambda x: 2.0 ** x, 1e4),
    "power of zero": (lambda x: 0.0 ** x + x, -1.0), "of a sum": (lambda x: 1.0 / float(np.sum(np.array([x, x]))), 0.0),
    "log": (lambda x: math.log(x), 0.0), "exp": (lambda x: math.exp(x), 1e3), "gamma": (lambda x: math.gamma(x), -1.0),
    "fmod": (lambda x: math.fmod(7.5, x), 0.0), "fsum": (lambda x: math.fsum([x, x]), 1e308),
    "cmath": (lambda x: abs(cmath.log(x)), 0.0), "complex": (lambda x: abs(1j / (x + 0j)), 0.0), "inside": (lambda x: tj.grad(lambda y: x / y)(x), 0.0)}


@pytest.mark.parametrize("name", RAISED)
def test_a_replay_raises_what_python_raises(name):
    function, bad = RAISED[name]
    kept = tj.value_and_grad(function)
    for x in (2.0, 3.0):
        assert kept(x)[0] == pytest.approx(function(x))
    if name == "inside":
        expected = ZeroDivisionError
    else:
        with pytest.raises((ArithmeticError, ValueError)) as error:
            function(bad)
        expected = error.type
    with pytest.raises(expected):
        kept(bad)
    assert kept(2.0)[0] == pytest.approx(function(2.0))


def test_numpy_numbers_go_on_to_infinity():
    kept = tj.value_and_grad(lambda x: np.sum(1.0 / x))
    kept(np.array([2.0]))
    assert kept(np.array([0.0]))[0] == np.inf
    infinite = tj.grad(lambda x: x / 2.0 ** -1074 * 2.0 ** -1074 + 1.0 / (x + 1.0))
    for x in (1.0, 2.0):  # Python raises nothing where a quotient overflows
        assert infinite(x) == pytest.approx(1.0 - 1.0 / (x + 1.0) ** 2) or np.isinf(infinite(x))


def test_one_guard_serves_all_divisions():
    def f(x):
        for _ in range(50):
            x = x - x / (1.0 + x * x) + 1.0 / x ** 2
        return x
    tape = tj.trace(f)(2.0)
    assert sum(row.name == "guard" for _, row, *_ in tape.records()) == 1
    assert not any(row.name == "guard" for _, row, *_ in tj.trace(lambda x: x / 3.0 + 1.0)(2.0).records())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ARRAYS)
def test_indices(name):
    bad, good = np.array([7.0, 1.0]), np.array([1.0, 0.0])
    same_as_without_a_trace(attempt(ARRAYS[name], (IndexError, ValueError)), (bad, good, bad))


@pytest.mark.filterwarnings("ignore")
def test_floating_point_errors_as_exceptions():
    bad, good = np.array([0.0, 1.0]), np.array([1.0, 2.0])
    same_as_without_a_trace(attempt(strict, FloatingPointError), (bad, good, bad, good))


def test_the_warning_says_where():
    f = attempt(lambda x: math.log(x), ValueError)
    with pytest.warns(tj.TraceWarning, match=r"an exception is raised at test_soundness_exceptions.py:\d+ because of a traced value"):
        tj.grad(f)(-1.0)


def test_an_exception_by_shape_alone_keeps_the_trace(recwarn):
    f = attempt(lambda x: x[5] * 2, IndexError)
    gradient = tj.grad(f)
    for _ in range(2):
        np.testing.assert_array_equal(gradient(np.ones(3)), [5.0, 5.0, 5.0])
    assert not recwarn.list
