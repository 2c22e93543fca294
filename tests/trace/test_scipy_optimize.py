"""scipy.optimize in code as users write it: the solvers' values, and derivatives of both orders by what their functions close over."""

import numpy as np
import pytest

import tapejit as tj

scipy = pytest.importorskip("scipy")
so = pytest.importorskip("scipy.optimize")
brentq = so.brentq

D = np.linspace(0, 1, 9)
LARGE = np.linspace(1, 2, 400)
PAIR = np.array([2.0, 0.5])
TIGHT = {"xtol": 1e-15, "ftol": None, "gtol": 1e-15}


def system(x, a):
    return np.array([x[0] ** 2 + x[1] - a[0], x[0] - x[1] ** 3 * a[1]])


def system_jacobian(x, a):
    return [[2 * x[0], 1.0], [1.0, -3 * x[1] ** 2 * a[1]]]


def energy(x, a):
    return np.sum((x - a) ** 2) + np.sum(x**4)


def model(p, y):
    return p[0] * np.exp(-p[1] * D) - y


def model_jacobian(p, y):
    return np.stack([np.exp(-p[1] * D), -p[0] * D * np.exp(-p[1] * D)], 1)


def decay(t, a, b):
    return a * np.exp(-b * t)


def line(t, a, b):
    return a * t + b


class Cubic:
    power = 3.0

    def residual(self, x, a):
        return x**self.power - a

    def __call__(self, a):
        return so.brentq(self.residual, 0, 5, (a,))


def nested(a):
    inner = lambda b: brentq(lambda x: x**3 - b - a, 0, 5)
    return brentq(lambda b: inner(b) - 1.3 + 0.1 * b, 0, 5)


CASES = {
    "brentq": (lambda a: brentq(lambda x: x**3 - a, 0, 3), 2.0),
    "brentq with args": (lambda a, b: scipy.optimize.brentq(lambda x, a: np.cos(x) - a * b * x, 0, 3, args=(a,)), 2.0, 1.5),
    "bisect": (lambda a: so.bisect(lambda x: np.exp(x) - a, 0, 3, xtol=1e-14), 2.0),
    "brenth": (lambda a: so.brenth(lambda x: np.exp(x) - a, 0, 3), 2.0),
    "ridder": (lambda a: so.ridder(lambda x: np.exp(x) - a, 0, 3), 2.0),
    "toms748": (lambda a: so.toms748(lambda x: np.exp(x) - a, 0, 3), 2.0),
    "method": (Cubic(), 3.0),
    "nested": (nested, 0.7),
    "newton": (lambda a: so.newton(lambda x: np.cos(x) - a * x, 0.7, tol=1e-13), 1.2),
    "newton with fprime": (lambda a: so.newton(lambda x: np.cos(x) - a * x, 0.7, fprime=lambda x: -np.sin(x) - a), 1.2),
    "root_scalar": (lambda a: so.root_scalar(lambda x: x**3 - a, bracket=[0, 3], method="brentq").root, 2.0),
    "root_scalar from x0": (lambda a: so.root_scalar(lambda x: x**3 - a, x0=1.0, fprime=lambda x: 3 * x**2).root, 2.0),
    "root": (lambda a: so.root(lambda x: system(x, a), [1.0, 1.0], tol=1e-13).x, PAIR),
    "root with jac": (lambda a: so.root(system, [1.0, 1.0], args=(a,), jac=system_jacobian, tol=1e-13).x, PAIR),
    "root of a list": (lambda a: so.root(lambda x: [x[0] + x[1] - a[0], x[0] * x[1] - a[1]], [2.0, 0.1], method="lm", tol=1e-13).x, PAIR),
    "fsolve": (lambda a: so.fsolve(lambda x: x**3 - a, np.ones(2), xtol=1e-13), PAIR),
    "minimize": (lambda a: so.minimize(energy, np.zeros(2), args=(a,), tol=1e-12, jac=lambda x, a: 2 * (x - a) + 4 * x**3).x, PAIR),
    "minimum": (lambda a: so.minimize(lambda x: energy(x, a), np.zeros(2), tol=1e-9, method="BFGS").fun, PAIR),
    "least_squares": (lambda y: so.least_squares(model, [1.0, 1.0], jac=model_jacobian, args=(y,), **TIGHT).x,
                      2 * np.exp(-0.7 * D) + 0.05 * np.sin(9 * D)),
    "curve_fit": (lambda y: so.curve_fit(decay, D, y, ftol=1e-15, xtol=1e-15)[0], 2 * np.exp(-0.7 * D) + 0.05 * np.sin(9 * D)),
    "curve_fit with sigma": (lambda y, s: so.curve_fit(line, D, y, [0.0, 0.0], sigma=s, absolute_sigma=True)[0], np.sin(D), 1 + D**2),
    "covariance": (lambda y: so.curve_fit(line, D, y)[1], np.sin(D)),
    "covariance with a matrix": (lambda y: so.curve_fit(line, D, y, sigma=np.diag(1 + D**2))[1], np.sin(D))}


EXACT = set(CASES) - {"least_squares", "curve_fit", "curve_fit with sigma", "covariance", "covariance with a matrix"}  # SciPy takes differences


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore")
def test_values_and_derivatives(name):
    function, *values = CASES[name]
    traced = tj.jit(function)
    for factor in (1.0, 1.1):
        moved = [factor * v for v in values]
        found, expected = traced(*moved), function(*moved)
        assert np.shape(found) == np.shape(expected)
        np.testing.assert_allclose(found, expected, rtol=1e-12 if name in EXACT else 1e-6)
    tj.check_grads(function, tuple(values), order=2, eps=1e-3, rtol=1e-4, atol=1e-5)


def test_where_it_starts_has_no_derivative():
    found = tj.grad(lambda a, x0: so.fsolve(lambda x: x**3 - a, x0).sum(), argnums=(0, 1))(8.0, np.ones(2))
    np.testing.assert_allclose(found[0], 2 / (3 * 4), rtol=1e-8)
    assert np.array_equal(found[1], [0, 0])


def test_success_decides_anew_at_each_call():
    function = tj.jit(lambda a: a * 1.0 if so.root(lambda x: x**2 + a, [1.0, 1.0]).success else a * 0)
    assert [function(-2.0), function(2.0), function(-3.0)] == [-2.0, 0.0, -3.0]


def test_arrays_that_the_function_reads_are_read_anew():
    function = tj.jit(lambda a: brentq(lambda x: np.sum(LARGE) * x - a, 0, 10))
    before = function(2.0)
    LARGE[:] *= 2
    np.testing.assert_allclose([before, function(2.0)], [2 / np.sum(LARGE / 2), 2 / np.sum(LARGE)], rtol=1e-10)


@pytest.mark.parametrize("function", [
    lambda a: so.minimize(lambda x: np.sum((x - a) ** 2) + x[0] * x[1] * x[2] ** 2, np.full(3, 0.5), tol=1e-12,
                          bounds=[(0, 1), (None, 1), (0, None)]).x,
    lambda a: so.minimize(lambda x: np.sum((x - a) ** 2), np.zeros(3), bounds=so.Bounds(0, 1), method="SLSQP", tol=1e-12).x,
    lambda a: so.minimize_scalar(lambda x: (x - a[0]) ** 2 + a[1] * x**4).x,
    lambda a: so.minimize_scalar(lambda x: (x - a[0]) ** 2 + a[1] * x**4, bounds=(0, 3), options={"xatol": 1e-10}).x,
    lambda a: so.curve_fit(line, D, np.sin(D) + a[0], bounds=([-9, -9], np.inf))[0],
    lambda a: so.minimize(lambda x: (np.sum((x - a**2) ** 2), 2 * (x - a**2)), np.zeros(3), jac=True).x,
    lambda a: so.root(lambda x: (x**3 - a, np.diag(3 * x**2)), np.ones(3), jac=True).x,
    lambda a: so.fixed_point(lambda x: np.cos(a * x), np.full(3, 0.6), xtol=1e-13)])
def test_bounds_and_what_lies_on_them(function):
    a = np.array([0.4, 2.0, 0.3])
    central = np.stack([(np.asarray(function(a + d)) - function(a - d)) / 2e-4 for d in 1e-4 * np.eye(3)], axis=-1)
    np.testing.assert_allclose(tj.jacobian(function)(a), central, rtol=1e-3, atol=1e-3)


def test_a_global_minimum():
    def f(a, polish=True):
        return so.differential_evolution(lambda x: (x[0] - a) ** 2 + (x[1] - 3 * a) ** 2, [(-3, 3), (-3, 1)], rng=1, tol=1e-6, polish=polish).x

    np.testing.assert_allclose(tj.jacobian(f)(0.7), [1, 0], atol=1e-12)
    with pytest.raises(tj.UnsupportedError, match="differential_evolution: the solution lies on a bound"):
        tj.jacobian(lambda a: f(a, polish=False))(0.7)


def test_without_traced_values_it_is_scipys_own():
    assert tj.jit(lambda a: a + brentq(lambda x: x * x - 2, 0, 2))(1.0) == 1.0 + brentq(lambda x: x * x - 2, 0, 2)
    with pytest.raises(ValueError, match="different signs"):
        tj.jit(lambda a: brentq(lambda x: x * x + a, 0, 2))(1.0)


@pytest.mark.parametrize("function", [
    lambda a: so.minimize(lambda x: energy(x, a), np.zeros(2), bounds=[(0, 1)] * 2, method="trust-constr").x,
    lambda a: so.minimize_scalar(lambda x: (x - a) ** 2, bounds=(0, 1)).x, lambda a: so.curve_fit(line, D, D * a, bounds=(0, [1, 1])),
    lambda a: brentq(lambda x: x - a, 0, 3, full_output=True),
    lambda a: brentq(lambda x: x**3 - a if x > 1 else x - a, 0, 3), lambda a: so.least_squares(lambda x: x - a, [0.0], loss="huber").x,
    lambda a: so.minimize(lambda x: energy(x, a), np.zeros(2), constraints={"type": "eq", "fun": lambda x: x[0]}).x])
def test_what_is_not_covered_is_refused(function):
    with pytest.raises(tj.errors.UnsupportedError, match="scipy.optimize"):
        tj.jit(function)(2.0)
