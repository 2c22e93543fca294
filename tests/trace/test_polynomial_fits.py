"""np.polyfit, np.roots and numpy.polynomial on traced values: NumPy's results, and the derivatives of the implicit functions that they are."""

import numpy as np
import pytest
from numpy.polynomial import Chebyshev, Polynomial

import tapejit as tj
from tapejit.ops import OPS
from tapejit.trace.lowerings import covered


def needs(*names):
    return pytest.mark.skipif(len(covered(names, np.linalg)) < len(names), reason=f"needs np.linalg.{' and np.linalg.'.join(names)}")


X = np.array([-1.0, -0.3, 0.2, 0.7, 1.1, 1.6])
Y = np.array([0.5, 1.0, 0.8, 0.3, 0.9, 2.0])
CUBIC = Polynomial([1.0, 2.0, 3.0, 0.5])
W = np.array([1.0, 0.5, 2.0, 1.0, 1.5, 1.0])


def differences(f, x, direction, step=1e-3):
    ahead, behind = ([np.asarray(f(x + sign * k * step * direction)) for k in (1, 2, 3)] for sign in (1, -1))
    return sum(w * (a - b) / step for w, a, b in zip((3 / 4, -3 / 20, 1 / 60), ahead, behind))


FITS = [lambda x, y: np.polyfit(x, y, 2), lambda x, y: np.polyfit(x, y, 1, w=W), lambda x, y: np.polyfit(x, y, 2, full=True)[0],
        lambda x, y: np.polyfit(x, y, deg=1, cov=True)[1], lambda x, y: np.polyfit(x, y, 1, cov="unscaled")[1],
        lambda x, y: np.polyfit(x, np.stack([y, y**2], 1), 2), lambda x, y: np.polyval(np.polyfit(x, y, 3), 0.4)]


@needs("lstsq", "inv")
@pytest.mark.parametrize("fit", FITS)
def test_polyfit(fit, rng):
    direction = rng.standard_normal((2, 6))
    np.testing.assert_allclose(tj.jit(fit)(X, Y), fit(X, Y), rtol=1e-12)
    value, dot = tj.jvp(fit, (X, Y), tuple(direction))
    expected = differences(lambda z: fit(*z), np.stack([X, Y]), direction)
    np.testing.assert_allclose(dot, expected, rtol=1e-7, atol=1e-8)
    bar = rng.standard_normal(np.shape(value))[()]
    pulled = tj.vjp(fit, X, Y)[1](bar)
    assert np.sum(bar * dot) == pytest.approx(sum(np.sum(b * d) for b, d in zip(pulled, direction)), rel=1e-10)


@needs("eigvals")
@pytest.mark.parametrize("coefficients", [[1.0, -6.0, 11.0, -6.0], [2.0, 3.0, -4.0], [0.0, 1.0, -3.0, 2.0], [1.0, -3.0, 2.0, 0.0]])
def test_real_roots(coefficients, rng):
    """dz = -dp(z) / p'(z); zeros at the ends of the coefficients are guards, and give roots at 0."""
    p = np.array(coefficients)
    inside = np.flatnonzero(p)
    direction = np.zeros(p.shape)
    direction[inside] = rng.standard_normal(len(inside))
    z, dot = tj.jvp(np.roots, (p,), (direction,))
    np.testing.assert_allclose(z, np.roots(p), rtol=1e-10)
    np.testing.assert_allclose(dot, -np.polyval(direction, z) / np.polyval(np.polyder(p), z), rtol=1e-8)
    bar = rng.standard_normal(z.shape)
    assert np.sum(tj.vjp(np.roots, p)[1](bar)[0] * direction) == pytest.approx(np.sum(bar * dot), rel=1e-9)


@needs("eigvals")
@pytest.mark.skipif("conjugate" not in OPS, reason="needs derivatives through complex numbers")
def test_complex_roots(rng):
    """The modulus and the sum of complex roots of a real polynomial are real functions of its coefficients."""
    p = np.array([1.0, 0.5, 2.0, 3.0])
    for f in (lambda p: np.sum(np.abs(np.roots(p)) ** 2), lambda p: np.max(np.roots(p).imag)):
        direction = rng.standard_normal(4)
        assert f(p) == pytest.approx(tj.jit(f)(p))
        assert np.sum(tj.grad(f)(p) * direction) == pytest.approx(differences(f, p, direction), rel=1e-7)


POLYNOMIALS = {
    "class": lambda c, x: Polynomial(c)(x), "captured": lambda c, x: CUBIC(x) * c[0], "fit": lambda c, x: Polynomial.fit(x, c, 1)(0.3),
    "arithmetic": lambda c, x: (Chebyshev(c) * Chebyshev([1.0, 2.0]) - 3).integ().deriv(2)(x), "power": lambda c, x: (Polynomial(c) ** 2)(x),
    "polyval": lambda c, x: np.polynomial.polynomial.polyval(0.5, c), "polyfit": lambda c, x: np.polynomial.polynomial.polyfit(x, c, 1),
    "legval": lambda c, x: np.polynomial.legendre.legval(x, c), "chebval2d": lambda c, x: np.polynomial.chebyshev.chebval2d(x, x, np.outer(c, c)),
    "hermval": lambda c, x: np.polynomial.hermite.hermval(x, c), "hermeder": lambda c, x: np.polynomial.hermite_e.hermeder(c),
    "lagint": lambda c, x: np.polynomial.laguerre.lagint(c), "vander": lambda c, x: np.polynomial.polynomial.polyvander(x, 3) * c[0],
    "division": lambda c, x: np.polynomial.polynomial.polydiv(c, [1.0, 0.5])[0], "roots": lambda c, x: np.polynomial.polynomial.polyroots(c[:2])}


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_numpy_polynomial_is_traced_through(name):
    function, c, x = POLYNOMIALS[name], np.array([0.3, 0.7, 1.2]), np.array([0.2, -0.4, 0.9])
    replayed = tj.jit(function)
    for at in (c, 1.5 * c):
        np.testing.assert_allclose(replayed(at, x), function(at, x), rtol=1e-12)
    tj.check_grads(function, (c, x), order=2)
