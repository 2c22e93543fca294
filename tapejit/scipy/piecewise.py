"""Piecewise polynomials in traced code: their evaluation, derivatives and integrals, and the cubic interpolants that are made of data.

The interval in which a point lies is decided by its value; inside, the value is a polynomial in the point, the knots and the
coefficients, so it is differentiated by all of them. The formulas of the slopes are SciPy's. Read next: `interpolate.py`, `bsplines.py`.
"""

import functools

import numpy as np

from ..trace.lowerings.common import asarray, holds_tracer, host, refuse
from ..trace.lowerings.matrices import emit, inexact
from .common import seen
from .distributions import double, fixed, first_tracer


class Standing:
    """What stands for an object of SciPy's class `kind`. `known` is that object where its data are numbers."""

    known = None

    @property
    def __class__(self):
        return self.kind

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if self.known is None:
            refuse(None, f"{name!r} of scipy.interpolate.{self.kind.__name__} is not covered where its data are traced")
        found = getattr(self.known, name)
        if not callable(found):
            return seen(self.known, name, f"{name} of a {self.kind.__name__}")
        return functools.partial(self.uncovered, name, found)

    def uncovered(self, name, method, *args, **kwargs):
        traced = first_tracer((*args, *kwargs.values()))
        if traced is not None:
            refuse(traced, f"scipy.interpolate.{self.kind.__name__}.{name} of a traced value is not covered: call it outside of the "
                           "differentiated function")
        return method(*args, **kwargs)

    def __repr__(self):
        return f"<a traced {self.kind.__name__}>"


def intervals(points, knots, first=0, last=None):
    """The interval [knots[i], knots[i + 1]) of each point; the last one is closed, and those outside belong to the outer ones."""
    last = len(knots) - 2 if last is None else last
    return np.clip(np.searchsorted(knots, points, side="right") - 1, first, last)


def wrapped_around(points, low, high):
    return low + np.mod(points - low, high - low)


def moved(result, points, axis):
    """The result, (point, ...), with the axes of the points at the place of the interpolation axis."""
    result = np.reshape(result, np.shape(points) + result.shape[1:])
    n = np.ndim(points)
    return np.moveaxis(result, range(n), range(axis, axis + n)) if axis and n else result


class Piecewise(Standing):
    """c[j, i] is the coefficient of (x - x[i]) ** (k - 1 - j) between x[i] and x[i + 1]: SciPy's PPoly."""

    def __init__(self, kind, c, x, extrapolate, axis=0, known=None):
        self.kind, self.c, self.x, self.extrapolate, self.axis, self.known = kind, c, x, extrapolate, axis, known

    def _made(self, c, extrapolate):
        from scipy.interpolate import PPoly

        return Piecewise(PPoly, c, self.x, extrapolate, self.axis)

    def __call__(self, x, nu=0, extrapolate=None):
        if self.known is not None and not any(map(holds_tracer, (x, self.c, self.x))):
            return self.known(x, nu, extrapolate)
        if nu:
            return self.derivative(nu)(x, 0, self.extrapolate if extrapolate is None else extrapolate)
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        x = double(x)
        points = x.reshape(-1)
        if extrapolate == "periodic":
            points = wrapped_around(points, self.x[0], self.x[-1])
        i = host(intervals, fixed(points), fixed(self.x))
        rest = (1,) * (self.c.ndim - 2)
        t = (points - self.x[i]).reshape((-1,) + rest)
        value = self.c[0][i] + 0.0 * t
        for c in self.c[1:]:
            value = value * t + c[i]
        return moved(self._inside(value, points, extrapolate, rest), x, self.axis)

    def _inside(self, value, points, extrapolate, rest):
        if extrapolate:
            return value
        outside = (points < self.x[0]) | (points > self.x[-1])
        return np.where(outside.reshape((-1,) + rest), np.nan, value)

    def derivative(self, nu=1):
        if nu < 0:
            return self.antiderivative(-nu)
        c = self.c
        for _ in range(nu):
            k = c.shape[0]
            c = c[:-1] * np.arange(k - 1.0, 0.0, -1.0).reshape((-1,) + (1,) * (c.ndim - 1)) if k > 1 else 0.0 * c
        return self._made(c, self.extrapolate)

    def antiderivative(self, nu=1):
        if nu < 0:
            return self.derivative(-nu)
        c, dx = self.c, np.diff(self.x).reshape((-1,) + (1,) * (self.c.ndim - 2))
        for _ in range(nu):
            k = c.shape[0]
            c = c / np.arange(float(k), 0.0, -1.0).reshape((-1,) + (1,) * (c.ndim - 1))
            total = c[0] * dx
            for one in c[1:]:
                total = (total + one) * dx
            start = np.concatenate([0.0 * total[:1], np.cumsum(total, axis=0)[:-1]])
            c = np.concatenate([c, start[None]])
        return self._made(c, False if self.extrapolate == "periodic" else self.extrapolate)

    def integrate(self, a, b, extrapolate=None):
        if self.known is not None and not any(map(holds_tracer, (a, b, self.c, self.x))):
            return self.known.integrate(a, b, extrapolate)
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        primitive = self.antiderivative()
        primitive.axis = 0

        def upto(x):
            if extrapolate != "periodic":
                return primitive(x, 0, extrapolate)
            low, high = self.x[0], self.x[-1]
            rounds = np.floor(fixed((x - low) / (high - low)))
            return primitive(x - rounds * (high - low), 0, True) + rounds * primitive(high, 0, True)

        return upto(double(b)) - upto(double(a))


# --- cubic interpolants ----------------------------------------------------------------------------------------------


def prepared(x, y, axis):
    """(x, its differences with the axes of y, y with the interpolation axis first). That x increases is a guard."""
    x, y = double(x), asarray(y)
    y = y if y.dtype.kind == "c" else double(y)
    if not bool(np.all(np.diff(x) > 0)):
        raise ValueError("`x` must be strictly increasing sequence.")
    y = np.moveaxis(y, axis, 0)
    return x, np.diff(x).reshape((-1,) + (1,) * (y.ndim - 1)), y


def hermite(x, dx, y, s):
    """The coefficients of the cubic with the values y and the slopes s."""
    slope = np.diff(y, axis=0) / dx
    t = (s[:-1] + s[1:] - 2 * slope) / dx
    return np.stack([t / dx, (slope - s[:-1]) / dx - t, s[:-1], y[:-1]])


def spline_slopes(x, dx, y, bc):
    """The slopes of the cubic spline at its knots. `bc`: a condition for each end, "not-a-knot", "periodic" or (order, value)."""
    n, slope, rest = x.shape[0], np.diff(y, axis=0) / dx, y.shape[1:]
    d = dx.reshape(-1)
    bc = [(1, slope[0]) if n == 2 and isinstance(one, str) else one for one in bc]
    if n == 3 and bc[0] == "periodic":
        return np.broadcast_to(np.sum(slope / dx, axis=0) / np.sum(1 / dx, axis=0), (3,) + rest)
    middle = 3 * (dx[1:] * slope[:-1] + dx[:-1] * slope[1:])
    if n == 3 and bc[0] == bc[1] == "not-a-knot":  # the parabola
        second = 2 * (slope[1] - slope[0]) / (dx[0] + dx[1])
        first = slope[0] - 0.5 * second * dx[0]
        return np.stack([first, first + second * dx[0], first + second * (dx[0] + dx[1])])
    if bc[0] == "periodic":
        return _periodic_slopes(d, dx, slope, middle)
    ends = [_end(one, d[order], dx[order], slope[order], y[order], sign) for one, order, sign in
            zip(bc, (slice(None), slice(None, None, -1)), (1, -1))]
    (a0, a1, b0), (z0, z1, bn) = ends
    upper = np.concatenate([asarray(np.zeros(1)), np.reshape(a1, (1,)), d[:-1]])
    diagonal = np.concatenate([np.reshape(a0, (1,)), 2 * (d[:-1] + d[1:]), np.reshape(z0, (1,))])
    lower = np.concatenate([d[1:], np.reshape(z1, (1,)), np.zeros(1)])
    return _tridiagonal(upper, diagonal, lower, np.concatenate([np.broadcast_to(b0, rest)[None], middle, np.broadcast_to(bn, rest)[None]]))


def _end(condition, d, dx, slope, y, sign):
    """(diagonal, the element beside it, right-hand side) of the equation for the slope at an end; d ... count from that end."""
    if isinstance(condition, str):
        both = d[0] + d[1]
        return d[1], both, ((dx[0] + 2 * both) * dx[1] * slope[0] + dx[0] ** 2 * slope[1]) / both
    order, value = condition
    if order == 1:
        return 1.0, 0.0, value
    return 2 * d[0], d[0], -0.5 * sign * value * dx[0] ** 2 + 3 * sign * (y[1] - y[0])


def _tridiagonal(upper, diagonal, lower, b):
    ab, right = inexact(np.stack([upper, diagonal, lower]), b.reshape(b.shape[0], -1))
    return emit("solve_banded", ab, right, below=1, above=1).reshape(b.shape)


def _periodic_slopes(d, dx, slope, middle):
    """The cyclic system, condensed: all slopes but the last unknown, as it depends on that one."""
    first = 3 * (dx[0] * slope[-1] + dx[-1] * slope[0])
    last = 3 * (dx[-1] * slope[-2] + dx[-2] * slope[-1])
    upper = np.concatenate([np.zeros(1), d[-1:], d[:-3]])
    diagonal = np.concatenate([2 * (d[-1:] + d[:1]), 2 * (d[:-2] + d[1:-1])])
    lower = np.concatenate([d[1:-1], np.zeros(1)])
    b = np.concatenate([first[None], middle[:-1]])
    by_last = np.concatenate([-d[:1], np.zeros(d.shape[0] - 3), -d[-3:-2]]) if d.shape[0] > 3 else np.concatenate([-d[:1], -d[-3:-2]])
    one = _tridiagonal(upper, diagonal, lower, b)
    other = _tridiagonal(upper, diagonal, lower, by_last.reshape((-1,) + (1,) * (b.ndim - 1)))
    end = (last - dx[-2] * one[0] - dx[-1] * one[-1]) / (2 * (dx[-1] + dx[-2]) + dx[-2] * other[0] + dx[-1] * other[-1])
    s = one + end * other
    return np.concatenate([s, end[None], s[:1]])


def pchip_slopes(x, dx, y):
    m = np.diff(y, axis=0) / dx
    if y.shape[0] == 2:
        return np.concatenate([m, m])
    flat = (np.sign(m[1:]) != np.sign(m[:-1])) | (m[1:] == 0) | (m[:-1] == 0)
    w1, w2 = 2 * dx[1:] + dx[:-1], dx[1:] + 2 * dx[:-1]
    safe = [np.where(flat, 1.0, part) for part in (m[:-1], m[1:])]
    inner = np.where(flat, 0.0, (w1 + w2) / (w1 / safe[0] + w2 / safe[1]))

    def end(h0, h1, m0, m1):
        d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
        wrong = np.sign(d) != np.sign(m0)
        steep = (np.sign(m0) != np.sign(m1)) & (np.abs(d) > 3 * np.abs(m0))
        return np.where(wrong, 0.0, np.where(steep, 3 * m0, d))[None]

    return np.concatenate([end(dx[0], dx[1], m[0], m[1]), inner, end(dx[-1], dx[-2], m[-1], m[-2])])


def akima_slopes(x, dx, y, method):
    m = np.diff(y, axis=0) / dx
    if y.shape[0] == 2:
        return np.concatenate([m, m])
    left = 2 * m[:1] - m[1:2]
    right = 2 * m[-1:] - m[-2:-1]
    m = np.concatenate([2 * left - m[:1], left, m, right, 2 * right - m[-1:]])
    change = np.abs(np.diff(m, axis=0))
    if method == "makima":
        change = change + 0.5 * np.abs(m[1:] + m[:-1])
    f1, f2 = change[2:], change[:-2]
    both = f1 + f2
    known = both > 1e-9 * np.max(both)
    return np.where(known, m[1:-2] + f2 / np.where(known, both, 1.0) * (m[2:-1] - m[1:-2]), 0.5 * (m[3:] + m[:-3]))
