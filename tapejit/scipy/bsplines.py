"""B-splines in traced code: evaluation at traced points, on traced knots, with traced coefficients, and interpolation of data by them.

Sources: the recursion of Cox and de Boor for the basis, de Boor's formulas for derivative and integral; knots not-a-knot as SciPy sets them.
Read next: `piecewise.py`, `interpolate.py`.
"""

import numpy as np

from ..ops import OPS
from ..trace.lowerings.common import asarray, holds_tracer, host
from ..trace.lowerings.matrices import inexact
from .distributions import double, fixed
from .piecewise import Standing, intervals, moved, wrapped_around
from .sparse_solvers import Solver


def basis(points, t, k):
    """(the first B-spline that is not zero at each point, the list of the k + 1 values from it on)."""
    i = host(intervals, fixed(points), fixed(t), k, t.shape[0] - k - 2)
    values = [1.0 + 0.0 * points]
    for d in range(1, k + 1):
        new = [0.0] * (d + 1)
        for j in range(d):
            low, high = t[i + (j + 1 - d)], t[i + (j + 1)]
            part = values[j] / (high - low)
            new[j] = new[j] + part * (high - points)
            new[j + 1] = part * (points - low)
        values = new
    return i - k, values


def differentiated(t, c, k):
    """(knots, coefficients, degree) of the derivative of a B-spline."""
    if k == 0:
        return t, 0.0 * c, 0
    n = t.shape[0] - k - 1
    width = t[k + 1:k + n] - t[1:n]
    none = width == 0
    scale = np.where(none, 0.0, k / np.where(none, 1.0, width)).reshape((-1,) + (1,) * (c.ndim - 1))
    return t[1:-1], np.diff(c[:n], axis=0) * scale, k - 1


class Spline(Standing):
    """A B-spline: SciPy's BSpline, and the splines of FITPACK, which are called with `ext`."""

    def __init__(self, kind, t, c, k, extrapolate=True, axis=0, known=None):
        self.kind, self.t, self.c, self.k, self.extrapolate, self.axis, self.known = kind, t, c, int(k), extrapolate, axis, known

    tck = property(lambda self: (self.t, self.c, self.k))

    def _ends(self):
        return self.t[self.k], self.t[self.t.shape[0] - self.k - 1]

    def __call__(self, x, nu=0, extrapolate=None):
        if self.known is not None and not any(map(holds_tracer, (x, self.t, self.c))):
            return self.known(x, nu, extrapolate)
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        x = double(x)
        points, (low, high), t, c, k = x.reshape(-1), self._ends(), self.t, self.c, self.k
        if extrapolate == "periodic":
            points = wrapped_around(points, low, high)
        for _ in range(nu):
            t, c, k = differentiated(t, c, k)
        first, values = basis(points, t, k)
        rest = (1,) * (c.ndim - 1)
        total = 0.0
        for j, value in enumerate(values):
            total = total + value.reshape((-1,) + rest) * c[first + j]
        if not extrapolate:
            total = np.where(((points < low) | (points > high)).reshape((-1,) + rest), np.nan, total)
        return moved(total, x, self.axis)

    def derivative(self, nu=1):
        if nu < 0:
            return self.antiderivative(-nu)
        t, c, k = self.tck
        for _ in range(nu):
            t, c, k = differentiated(t, c, k)
        return Spline(self.kind, t, c, k, self.extrapolate, self.axis)

    def antiderivative(self, nu=1):
        t, c, k = self.tck
        for _ in range(nu):
            n = t.shape[0] - k - 1
            width = (t[k + 1:] - t[:n]).reshape((-1,) + (1,) * (c.ndim - 1))
            c = np.cumsum(c[:n] * width, axis=0) / (k + 1)
            c = np.concatenate([0.0 * c[:1], c])
            t, k = np.concatenate([t[:1], t, t[-1:]]), k + 1
        return Spline(self.kind, t, c, k, False if self.extrapolate == "periodic" else self.extrapolate, self.axis)

    def integrate(self, a, b, extrapolate=None):
        if self.known is not None and not any(map(holds_tracer, (a, b, self.t, self.c))):
            return self.known.integrate(a, b) if extrapolate is None else self.known.integrate(a, b, extrapolate)
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        a, b = double(a), double(b)
        low, high = self._ends()
        primitive = self.antiderivative()
        primitive.axis = 0

        def upto(x):
            if extrapolate != "periodic":
                return primitive(x if extrapolate else np.clip(x, low, high), 0, True)
            rounds = np.floor(fixed((x - low) / (high - low)))
            return primitive(x - rounds * (high - low), 0, True) + rounds * (primitive(high, 0, True) - primitive(low, 0, True))

        return upto(b) - upto(a)


class Fitpack(Spline):
    """SciPy's UnivariateSpline and its kin."""

    def __call__(self, x, nu=0, ext=None):
        if self.known is not None and not any(map(holds_tracer, (x, self.t, self.c))):
            return self.known(x, nu, ext)
        ext = self.extrapolate if ext is None else ext
        return outside(Spline(self.kind, self.t, self.c, self.k), double(x), nu, {"extrapolate": 0, "zeros": 1, "raise": 2, "const": 3}.get(ext, ext))

    def integral(self, a, b):
        return Spline(self.kind, self.t, self.c, self.k).integrate(a, b, False)


def outside(spline, x, nu, ext):
    """The spline at x, where outside of the knots `ext` says: 0 extrapolate, 1 zero, 2 an error, 3 the value at the end."""
    low, high = spline._ends()
    beyond = (x < low) | (x > high)
    if ext == 2 and bool(np.any(beyond)):
        raise ValueError("Error code returned by splev: 1")
    value = spline(np.clip(x, low, high) if ext == 3 else x, nu)
    return np.where(beyond, 0.0, value) if ext == 1 else value


class Surface(Standing):
    """SciPy's BivariateSpline: c[i, j] is the coefficient of the i-th B-spline of x times the j-th of y. Beyond the knots it is constant."""

    def __init__(self, kind, knots, c, degrees, known=None):
        self.kind, self.knots, self.c, self.degrees, self.known = kind, knots, c, tuple(map(int, degrees)), known

    def __call__(self, x, y, dx=0, dy=0, grid=True):
        if self.known is not None and not any(map(holds_tracer, (x, y, self.c, *self.knots))):
            return self.known(x, y, dx, dy, grid)
        c, ways = self.c, []
        for axis, (points, nu, t, k) in enumerate(zip((x, y), (dx, dy), self.knots, self.degrees)):
            low, high = t[k], t[t.shape[0] - k - 1]
            c = np.swapaxes(c, 0, axis)
            for _ in range(nu):
                t, c, k = differentiated(t, c, k)
            c = np.swapaxes(c, 0, axis)
            ways.append((np.clip(double(points), low, high), t, k))
        if grid:
            for points, t, k in ways:  # the axis that is done goes to the end
                c = np.swapaxes(Spline(self.kind, t, c, k)(points.reshape(-1)), 0, 1)
            return c
        points = [np.broadcast_to(part, np.broadcast_shapes(*[way[0].shape for way in ways])) for part, _, _ in ways]
        (i, of_x), (j, of_y) = (basis(part.reshape(-1), t, k) for part, (_, t, k) in zip(points, ways))
        total = 0.0
        for a, u in enumerate(of_x):
            for b, v in enumerate(of_y):
                total = total + u * v * c[i + a, j + b]
        return total.reshape(points[0].shape)

    def ev(self, xi, yi, dx=0, dy=0):
        return self(xi, yi, dx, dy, False)


def knots_through(x, k):
    """SciPy's knots of the interpolating spline of degree k: not-a-knot, for an even k between the points."""
    if k < 2:
        return np.concatenate([x, x[-1:]]) if k == 0 else np.concatenate([x[:1], x, x[-1:]])
    inner = x if k % 2 else (x[1:] + x[:-1]) / 2
    cut = (k + 1) // 2 if k % 2 else k // 2
    return np.concatenate([*[x[:1]] * (k + 1), inner[cut:-cut], *[x[-1:]] * (k + 1)])


def coefficients(x, t, k, y):
    """The coefficients of the spline through the points (x, y), by the banded system of the basis at x."""
    n = x.shape[0]
    if k < 2 and t.shape[0] == n + k + 1:
        return y
    first, values = basis(x, t, k)
    data, right = inexact(np.stack(values, axis=1).reshape(-1), y.reshape(n, -1))
    columns = (first[:, None] + np.arange(k + 1)).reshape(-1)
    rows = np.repeat(np.arange(n), k + 1)
    return OPS["sparse_solve"](data, rows, columns, right, solver=Solver("splu"), format="coo", size=(n, n)).reshape(y.shape)


def through(kind, x, y, k, t=None, axis=0):
    """The Spline through data; `y` has the interpolation axis first."""
    t = knots_through(x, k) if t is None else asarray(t)
    return Spline(kind, t, coefficients(x, t, k, y), k, True, axis)
