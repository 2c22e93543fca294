"""scipy.integrate's quadratures of functions: SciPy's values, and derivatives by limits, arguments and closures against closed forms."""

import math

import numpy as np
import pytest

import tapejit as tj

si = pytest.importorskip("scipy.integrate")
quad = si.quad


def decay(a, b):
    return quad(lambda x: np.exp(-a * x), 0, b)[0]


def decay_slopes(a, b):
    return (b * a * np.exp(-a * b) - 1 + np.exp(-a * b)) / a**2, np.exp(-a * b)


def bell(a):
    return quad(lambda x: np.exp(-a * x * x), -np.inf, np.inf)[0]


def in_pieces(p):
    def function(x):
        if x < 1:
            return p[0] * x
        return p[1] * np.sin(p[0] * x)

    return quad(function, 0, 3 * p[0], points=[1.0])[0]


CASES = {
    "args": (lambda a, b: quad(lambda x, a, b: a * np.cos(b * x), 0, 1, args=(a, b))[0], 1.3, 0.7),
    "one arg": (lambda a: quad(lambda x, a: math.exp(-a * x), 0, 1, args=a)[0], 1.3),
    "from the right": (lambda a: quad(lambda x: 1 / np.sqrt(x) * np.exp(-a * x), a, 0)[0], 1.3),
    "weight": (lambda a: quad(lambda x: np.exp(-a * x), 0, 1, weight="cos", wvar=3.0)[0], 1.3),
    "branches": (in_pieces, np.array([1.1, 2.0])),
    "an array and a counter": (lambda p: quad(lambda x: np.sum(p * x ** np.arange(3)), 0, p[0])[0], np.array([1.0, 2.0, 3.0])),
    "quad_vec": (lambda p: si.quad_vec(lambda x: np.outer(p, p) * np.exp(-p * x), 0, p[0])[0], np.array([1.0, 2.0])),
    "dblquad": (lambda a: si.dblquad(lambda y, x: np.exp(-a * x * y), 0, a, lambda x: 0, lambda x: a * x)[0], 1.1),
    "fixed_quad": (lambda a, b: si.fixed_quad(lambda x: np.exp(-a * x), 0, b, n=7)[0], 1.3, 0.7),
    "nested": (lambda a: quad(lambda x: quad(lambda z: np.cos(a * x * z), 0, x)[0] ** 2, 0, a)[0], 1.2)}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    function, *values = CASES[name]
    traced = tj.jit(function)
    for factor in (1.0, 1.1):
        moved = [factor * v for v in values]
        found, expected = traced(*moved), function(*moved)
        assert np.shape(found) == np.shape(expected)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    tj.check_grads(function, tuple(values), order=2, eps=1e-3, rtol=1e-4, atol=1e-5)


def test_closed_forms_in_both_modes():
    for transform in (tj.grad, tj.jacfwd, tj.jacrev):
        slopes = transform(decay, (0, 1))
        for a, b in ((1.3, 2.0), (0.4, 3.0), (1e-3, 1.0)):
            np.testing.assert_allclose(slopes(a, b), decay_slopes(a, b), rtol=1e-10)


def test_infinite_limits_to_third_order():
    found, function = [], bell
    for _ in range(3):
        function = tj.grad(function)
        found.append(function(2.0))
    np.testing.assert_allclose(found, np.sqrt(np.pi) * np.array([-1 / 2 * 2**-1.5, 3 / 4 * 2**-2.5, -15 / 8 * 2**-3.5]), rtol=1e-8)
    assert tj.grad(lambda b: quad(lambda x: np.exp(-x), 0, b)[0])(np.inf) == 0


def test_small_derivatives_are_accurate_in_proportion_to_their_size():
    assert tj.grad(lambda a: quad(lambda x: np.exp(-1e-12 * a * np.cos(x)), 0, 1)[0])(1.0) == pytest.approx(-1e-12 * np.sin(1), rel=1e-7)


def test_tplquad():
    function = lambda a: si.tplquad(lambda z, y, x: a * x * y * z, 0, 1, 0, lambda x: a * x, 0, 1)[0]
    np.testing.assert_allclose(tj.value_and_grad(function)(1.1), [1.1**3 / 16, 3 * 1.1**2 / 16], rtol=1e-9)


def test_another_branch_is_another_trace():
    traced = tj.grad(lambda a: quad(lambda x: a * x if x < 1 else a**2, 0, a)[0])
    for a in (0.5, 2.0, 0.6, 3.0):
        assert traced(a) == pytest.approx(1.5 * a**2 if a < 1 else 0.5 + 2 * a * (a - 1) + a**2, rel=1e-7)


def test_without_traced_values_it_is_scipys_own():
    function = lambda a: a * quad(np.cos, 0, 1, full_output=1)[0] + quad(lambda x, k: x**k, 0, 1, args=(2,))[1]
    assert tj.jit(function)(2.0) == function(2.0)


@pytest.mark.parametrize("option, function", [
    ("full_output", lambda a: quad(lambda x: a * x, 0, 1, full_output=1)[0]),
    ("complex_func", lambda a: quad(lambda x: a * x, 0, 1, complex_func=True)[0]),
    ("weight", lambda a: quad(lambda x: a * x, 0, a, weight="cos", wvar=1.0)[0]),
    ("wvar", lambda a: quad(lambda x: a * x, 0, 1, weight="cos", wvar=a)[0]),
    ("complex128", lambda a: si.quad_vec(lambda x: a * x * 1j, 0, 1)[0])])
def test_what_is_not_covered_is_refused(option, function):
    with pytest.raises(tj.errors.UnsupportedError, match=f"scipy.integrate.*{option}"):
        tj.jit(function)(2.0)
