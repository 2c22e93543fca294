"""Derivatives by a parameter for which no formula is known: the slope of an interpolating polynomial at Chebyshev points.

The functions of mathematical physics are analytic in their orders and shapes, so the polynomial through 14 points within a quarter of the
distance to the nearest singularity has their first two derivatives to about 12 and 10 digits. Callers say that distance. In: a function
of arrays. Out: arrays of doubles. Read next: `incomplete.py`, `bessel.py`, `hypergeometric.py` (the rows that use it).
"""

from math import cos, pi, sin

from ..errors import UnsupportedError

POINTS = 14
_CHEBYSHEV = [cos((2 * j + 1) * pi / (2 * POINTS)) for j in range(POINTS)]


def _weights(derivative_at_zero):
    """The weights of the values at the points: derivative_at_zero(k) is that of the Chebyshev polynomial T_k."""
    return [2 / POINTS * sum(derivative_at_zero(k) * cos(k * (2 * j + 1) * pi / (2 * POINTS)) for k in range(1, POINTS))
            for j in range(POINTS)]


_WEIGHTS = {1: _weights(lambda k: k * sin(k * pi / 2)), 2: _weights(lambda k: -k * k * cos(k * pi / 2))}


def slope(np, function, at, radius, order=1):
    """The derivative of `function` (of arrays with one more axis in front) at `at`: analytic in four times `radius` around it."""
    at, radius = np.broadcast_arrays(at, radius)
    points = at + np.multiply.outer(np.array(_CHEBYSHEV), radius)
    values = np.asarray(function(points))
    return np.tensordot(np.array(_WEIGHTS[order]), values, 1) / radius**order


def in_doubles(evaluate):
    """An `evaluate` that computes on float64 operands of one shape and answers in the dtype it was given, warnings off."""
    def call(np, *operands):
        dtype = np.result_type(*operands)
        if dtype.kind == "c":
            raise UnsupportedError(f"this derivative of a special function is available for real operands only, found {dtype}: "
                                   "compute with the real and imaginary parts")
        with np.errstate(all="ignore"):
            result = evaluate(np, *np.broadcast_arrays(*[np.asarray(x, np.float64) for x in operands]))
        return np.asarray(result).astype(dtype if dtype.kind == "f" else np.float64)[()]

    return call


def scipy_function(name):
    """An `evaluate` that is a function of scipy.special, which is imported when it is first needed."""
    def call(np, *operands):
        return getattr(scipy_special(), name)(*operands)

    return call


def scipy_special():
    try:
        import scipy.special as special
    except ImportError:
        raise UnsupportedError("special functions are computed by SciPy, which is not installed: pip install scipy") from None
    return special


def refused(function, argument, why):
    """A partial that raises where it is needed: the derivative of a function by an argument that tapejit does not give."""
    def refuse():
        raise UnsupportedError(f"scipy.special.{function} has no derivative by {argument} in tapejit ({why}): "
                               "keep it out of what is differentiated, as a constant or as an argument that argnums does not name")

    return refuse
