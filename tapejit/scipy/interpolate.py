"""scipy.interpolate for differentiated code: interpolants of data, differentiated by the points, the data and the knots.

Objects that were made outside of the traced code and those that are made inside behave alike. Between which knots a point lies is decided
by its value. Not covered: smoothing of traced data, scattered data. Read next: `piecewise.py`, `bsplines.py`.
"""

import itertools

import numpy as np

from ..trace.lowerings.common import asarray, concrete, holds_tracer, host, refuse, static
from ..trace.recorder import current_trace
from . import names_of
from .bsplines import Fitpack, Spline, Surface, basis, outside, through
from .common import read, scipys
from .distributions import double, fixed
from .piecewise import Piecewise, Standing, akima_slopes, hermite, intervals, moved, pchip_slopes, prepared, spline_slopes

__all__ = ["Akima1DInterpolator", "BSpline", "CubicHermiteSpline", "CubicSpline", "InterpolatedUnivariateSpline", "PPoly", "PchipInterpolator",
           "RectBivariateSpline", "RegularGridInterpolator", "UnivariateSpline", "interp1d", "interpn", "make_interp_spline",
           "pchip_interpolate", "splev", "splrep"]
__getattr__, __dir__ = names_of(__name__)


def _numbers(value):
    """A value with numbers in place of what is traced, in containers too."""
    return type(value)(map(_numbers, value)) if type(value) in (list, tuple) else concrete(value)


def _original(name, *args, **kwargs):
    """SciPy's object of the numbers that the arguments stand for; its errors."""
    return scipys(__name__, name)(*map(_numbers, args), **{key: _numbers(value) for key, value in kwargs.items()})


def _traced(*values):
    return current_trace() is not None and any(map(holds_tracer, values))


# --- piecewise cubics ------------------------------------------------------------------------------------------------


def _of_piecewise(found, get=getattr):
    return Piecewise(type(found), get(found, "c"), get(found, "x"), get(found, "extrapolate"), get(found, "axis"), found)


def _cubic(name, x, y, axis, slopes, **options):
    """The object of a class of cubic interpolants: SciPy's outside of a trace."""
    found = _original(name, x, y, axis=axis, **options)
    if current_trace() is None:
        return found
    if not _traced(x, y, *options.values()):
        return _of_piecewise(found)
    x, dx, y = prepared(x, y, found.axis)
    return Piecewise(type(found), hermite(x, dx, y, slopes(x, dx, y)), x, found.extrapolate, found.axis)


def CubicSpline(x, y, axis=0, bc_type="not-a-knot", extrapolate=None):
    def slopes(x, dx, y):
        if bc_type == "periodic" and not bool(np.all(np.abs(y[0] - y[-1]) <= 1e-15 + 1e-15 * np.abs(y[-1]))):
            raise ValueError("The first and last `y` point must be identical (within machine precision) when bc_type='periodic'.")
        both = [bc_type, bc_type] if isinstance(bc_type, str) else bc_type
        zero = {"clamped": (1, 0.0), "natural": (2, 0.0)}
        return spline_slopes(x, dx, y, [zero.get(one, one) if isinstance(one, str) else (static(one[0]), asarray(one[1])) for one in both])

    return _cubic("CubicSpline", x, y, axis, slopes, bc_type=bc_type, extrapolate=extrapolate)


def PchipInterpolator(x, y, axis=0, extrapolate=None):
    return _cubic("PchipInterpolator", x, y, axis, pchip_slopes, extrapolate=extrapolate)


def Akima1DInterpolator(x, y, axis=0, *, method="akima", extrapolate=None):
    return _cubic("Akima1DInterpolator", x, y, axis, lambda x, dx, y: akima_slopes(x, dx, y, method), method=method, extrapolate=extrapolate)


def CubicHermiteSpline(x, y, dydx, axis=0, extrapolate=None):
    return _cubic("CubicHermiteSpline", x, y, axis, lambda x, dx, y: np.moveaxis(double(dydx), axis, 0), dydx=dydx, extrapolate=extrapolate)


def PPoly(c, x, extrapolate=None, axis=0):
    found = _original("PPoly", c, x, extrapolate, axis)
    if current_trace() is None:
        return found
    c, x = asarray(c), double(x)
    if not bool(np.all(np.diff(x) > 0)):
        refuse(c, "scipy.interpolate.PPoly with decreasing breakpoints is not traced: give them in increasing order")
    moved_axis = np.moveaxis(c, (found.axis, found.axis + 1), (0, 1)) if found.axis else c
    return Piecewise(type(found), moved_axis, x, found.extrapolate, found.axis) if _traced(c, x) else _of_piecewise(found)


def pchip_interpolate(xi, yi, x, der=0, axis=0):
    if not _traced(xi, yi, x):
        return scipys(__name__, "pchip_interpolate")(xi, yi, x, der, axis)
    found = PchipInterpolator(xi, yi, axis)
    return found(x, der) if np.ndim(der) == 0 else [found(x, nu) for nu in der]


# --- B-splines -------------------------------------------------------------------------------------------------------


def _of_bspline(found, get=getattr):
    return Spline(type(found), *[get(found, name) for name in ("t", "c", "k", "extrapolate", "axis")], found)


def BSpline(t, c, k, extrapolate=True, axis=0):
    found = _original("BSpline", t, c, k, extrapolate, axis)
    if current_trace() is None:
        return found
    if not _traced(t, c):
        return _of_bspline(found)
    return Spline(type(found), double(t), np.moveaxis(asarray(c), found.axis, 0), k, extrapolate, found.axis)


def make_interp_spline(x, y, k=3, t=None, bc_type=None, axis=0, check_finite=True):
    found = _original("make_interp_spline", x, y, k, t, bc_type, axis, check_finite)
    if current_trace() is None:
        return found
    if not _traced(x, y, t, bc_type):
        return _of_bspline(found)
    if bc_type is not None and bc_type not in ("not-a-knot", (None, None), ("not-a-knot", "not-a-knot")):
        refuse(None, f"scipy.interpolate.make_interp_spline of traced data with bc_type={bc_type!r} is not covered: use "
                     "scipy.interpolate.CubicSpline, which is the same curve for k=3")
    x, _, y = prepared(x, y, found.axis)
    return through(type(found), x, y, k, t, found.axis)


def _of_fitpack(found, get=getattr):
    t, c, k = get(found, "_eval_args")
    return Fitpack(type(found), t, c[:t.shape[0] - k - 1], k, get(found, "ext"), 0, found)


def _univariate(name, x, y, w, bbox, k, options):
    found = _original(name, x, y, w, bbox, k, **options)
    if current_trace() is None:
        return found
    if not _traced(x, y, w, bbox):
        return _of_fitpack(found)
    if options.get("s", 0) != 0 or any(end is not None for end in bbox):
        refuse(None, f"scipy.interpolate.{name} of traced data with smoothing or bbox is not covered: use s=0, or InterpolatedUnivariateSpline")
    x, _, y = prepared(x, y, 0)
    made = through(type(found), x, y, k)
    return Fitpack(type(found), made.t, made.c, made.k, found.ext)


def UnivariateSpline(x, y, w=None, bbox=(None, None), k=3, s=None, ext=0, check_finite=False):
    return _univariate("UnivariateSpline", x, y, w, list(bbox), k, {"s": s, "ext": ext, "check_finite": check_finite})


def InterpolatedUnivariateSpline(x, y, w=None, bbox=(None, None), k=3, ext=0, check_finite=False):
    return _univariate("InterpolatedUnivariateSpline", x, y, w, list(bbox), k, {"ext": ext, "check_finite": check_finite})


def _of_surface(found, get=getattr):
    *knots, c = get(found, "tck")
    degrees = found.degrees
    return Surface(type(found), knots, c.reshape([t.shape[0] - k - 1 for t, k in zip(knots, degrees)]), degrees, found)


def RectBivariateSpline(x, y, z, bbox=(None,) * 4, kx=3, ky=3, s=0, maxit=20):
    found = _original("RectBivariateSpline", x, y, z, list(bbox), kx, ky, s)
    if current_trace() is None:
        return found
    if not _traced(x, y, z):
        return _of_surface(found)
    if s != 0 or any(end is not None for end in bbox):
        refuse(None, "scipy.interpolate.RectBivariateSpline of traced data with smoothing or bbox is not covered: use s=0")
    x, _, z = prepared(x, z, 0)
    along_x = through(None, x, z, kx)
    along_y = through(None, double(y), np.swapaxes(along_x.c, 0, 1), ky)
    return Surface(type(found), (along_x.t, along_y.t), np.swapaxes(along_y.c, 0, 1), (kx, ky))


def splrep(x, y, w=None, xb=None, xe=None, k=3, task=0, s=None, t=None, full_output=0, per=0, quiet=1):
    if not _traced(x, y, w):
        return scipys(__name__, "splrep")(x, y, w, xb, xe, k, task, s, t, full_output, per, quiet)
    if s or w is not None and s is None or task or t is not None or per or full_output or xb is not None or xe is not None:
        refuse(None, "scipy.interpolate.splrep of traced data with smoothing, weights, knots, per or full_output is not covered: use s=0")
    _original("splrep", x, y, k=k)
    x, _, y = prepared(x, y, 0)
    made = through(None, x, y, k)
    return made.t, np.concatenate([made.c, np.zeros(k + 1)]), k


def splev(x, tck, der=0, ext=0):
    if isinstance(tck, Spline):
        return tck(x, der) if ext == 0 else outside(tck, double(x), der, ext)
    if not _traced(x, *tck[:2]):
        return scipys(__name__, "splev")(x, tck, der, ext)
    t, c, k = tck
    if isinstance(c, (list, tuple)) and np.ndim(concrete(c[0])):
        return [splev(x, (t, one, k), der, ext) for one in c]
    t, c = double(t), asarray(c)
    return outside(Spline(scipys(__name__, "BSpline"), t, c[:t.shape[0] - k - 1], k), double(x), static(der), static(ext))


# --- interp1d --------------------------------------------------------------------------------------------------------

SPLINE_KINDS = {"zero": 0, "slinear": 1, "quadratic": 2, "cubic": 3}


class Interp1d(Standing):
    """SciPy's interp1d: `x` is sorted, `y` has the interpolation axis first; `degree` of the spline, or None."""

    def __init__(self, found, way, x, y, fill_value, known=None, spline=None, get=getattr):
        self.kind, self.way, self.x, self.data, self.fill, self.known, self.spline = type(found), way, x, y, fill_value, known, spline
        self.axis, self.bounds_error, self.extrapolate = (get(found, name) for name in ("axis", "bounds_error", "_extrapolate"))
        if way in ("previous", "next") and isinstance(fill_value, str):
            self.extrapolate = False
            self.fill = (np.nan, y[-1]) if way == "previous" else (y[0], np.nan)

    def __call__(self, x):
        if self.known is not None and not any(map(holds_tracer, (x, self.x, self.data))):
            return self.known(x)
        x = double(x)
        points = x.reshape(-1)
        if self.way == "linear":
            i = host(_linear_place, fixed(points), fixed(self.x))
            rest = (-1,) + (1,) * (self.data.ndim - 1)
            slope = (self.data[i] - self.data[i - 1]) / (self.x[i] - self.x[i - 1]).reshape(rest)
            value = slope * (points - self.x[i - 1]).reshape(rest) + self.data[i - 1]
        elif self.way in ("nearest", "nearest-up", "previous", "next"):
            value = self.data[host(_near_place, fixed(points), fixed(self.x), self.way)]
        else:
            value = self.spline(points)
        return moved(value if self.extrapolate else self._filled(value, points), x, self.axis)

    def _filled(self, value, points):
        below, above = points < self.x[0], points > self.x[-1]
        if self.bounds_error and bool(np.any(below | above)):
            side, end = ("below", "minimum") if bool(np.any(below)) else ("above", "maximum")
            raise ValueError(f"A value in x_new is {side} the interpolation range's {end} value.")
        fill = self.fill if isinstance(self.fill, tuple) and len(self.fill) == 2 else (self.fill, self.fill)
        rest = (-1,) + (1,) * (value.ndim - 1)
        return np.where(below.reshape(rest), fill[0], np.where(above.reshape(rest), fill[1], value))


def _linear_place(points, x):
    return np.clip(np.searchsorted(x, points), 1, len(x) - 1)


def _near_place(points, x, way):
    if way.startswith("nearest"):
        middle = x / 2
        return np.searchsorted(middle[1:] + middle[:-1], points, "left" if way == "nearest" else "right")
    if way == "previous":
        return np.clip(np.searchsorted(np.nextafter(x, -np.inf), points, "left"), 1, len(x)) - 1
    return np.clip(np.searchsorted(np.nextafter(x, np.inf), points, "right"), 0, len(x) - 1)


def _of_interp1d(found, get=getattr):
    spline = _of_bspline(found._spline, get) if found._kind == "spline" else None
    y = np.moveaxis(get(found, "y"), found.axis, 0)
    if spline is not None:
        spline.c, spline.known = spline.c.reshape((-1,) + y.shape[1:]), None
    return Interp1d(found, found._kind, get(found, "x"), y, get(found, "fill_value"), found, spline, get)


def interp1d(x, y, kind="linear", axis=-1, copy=True, bounds_error=None, fill_value=np.nan, assume_sorted=False):
    found = _original("interp1d", x, y, kind, axis, copy, bounds_error, fill_value, assume_sorted)
    if current_trace() is None:
        return found
    if not _traced(x, y, fill_value):
        return _of_interp1d(found)
    x, y = double(x), asarray(y)
    y = np.moveaxis(y if y.dtype.kind in "fc" else double(y), axis, 0)
    if not assume_sorted:
        order = host(np.argsort, fixed(x), kind="stable")
        x, y = x[order], y[order]
    spline = through(scipys(__name__, "BSpline"), x, y, SPLINE_KINDS.get(kind, kind)) if found._kind == "spline" else None
    return Interp1d(found, found._kind, x, y, fill_value, None, spline)


# --- grids -----------------------------------------------------------------------------------------------------------

DEGREES = {"slinear": 1, "cubic": 3, "quintic": 5}


class Grid(Standing):
    """SciPy's RegularGridInterpolator, on increasing grids."""

    def __init__(self, found, grid, values, fill_value, known=None, get=getattr):
        self.kind, self.method, self.bounds_error = type(found), get(found, "method"), get(found, "bounds_error")
        self.grid, self.values, self.fill_value, self.known = grid, values, fill_value, known

    def __call__(self, xi, method=None, *, nu=None):
        if self.known is not None and not any(map(holds_tracer, (xi, self.values, *self.grid))):
            return self.known(xi, method, nu=nu)
        method = self.method if method is None else method
        if nu is not None or method not in ("linear", "nearest", *DEGREES):
            refuse(None, f"scipy.interpolate.RegularGridInterpolator with method={method!r} and nu={nu!r} is not covered in traced code: covered "
                         "are linear, nearest, slinear, cubic, quintic, without nu")
        d = len(self.grid)
        if isinstance(xi, tuple) and len(xi) > 1:
            xi = np.stack(np.broadcast_arrays(*[double(x) for x in xi]), axis=-1)
        else:
            xi = double(xi[0] if isinstance(xi, tuple) else xi)
            xi = xi.reshape(-1, d) if xi.ndim == 1 else xi
        if xi.shape[-1] != d:
            raise ValueError(f"The requested sample points xi have dimension {xi.shape[-1]} but this RegularGridInterpolator has dimension {d}")
        points = [xi[..., k].reshape(-1) for k in range(d)]
        outside = np.zeros(points[0].shape, bool)
        for k, (p, g) in enumerate(zip(points, self.grid)):
            beyond = (p < g[0]) | (p > g[-1])
            if self.bounds_error and bool(np.any(beyond)):
                raise ValueError(f"One of the requested xi is out of bounds in dimension {k}")
            outside = outside | beyond
        result = self._tensor(points, DEGREES[method]) if method in DEGREES else self._cells(points, method)
        rest = (-1,) + (1,) * (result.ndim - 1)
        if not self.bounds_error and self.fill_value is not None:
            result = np.where(outside.reshape(rest), self.fill_value, result)
        return result.reshape(xi.shape[:-1] + self.values.shape[d:])

    def _cells(self, points, method):
        corners = []
        for p, g in zip(points, self.grid):
            i = host(intervals, fixed(p), fixed(g)) if g.shape[0] > 1 else np.zeros(p.shape, int)
            j = i + 1 if g.shape[0] > 1 else i
            width = g[j] - g[i]
            t = (p - g[i]) / (width if g.shape[0] > 1 else 1.0)
            corners.append((i, j, t))
        rest = (-1,) + (1,) * (self.values.ndim - len(points))
        if method == "nearest":
            places = tuple(np.where(fixed(t) <= 0.5, i, j) for i, j, t in corners)
            return self.values[places] + np.where(np.isnan(sum(fixed(t) for _, _, t in corners)), np.nan, 0.0).reshape(rest)
        total = 0.0
        for ends in itertools.product((0, 1), repeat=len(points)):
            weight = 1.0
            for end, (_, _, t) in zip(ends, corners):
                weight = weight * (t if end else 1 - t)
            total = total + weight.reshape(rest) * self.values[tuple(corner[end] for end, corner in zip(ends, corners))]
        return total

    def _tensor(self, points, k):
        """The product of splines: coefficients along one axis after the other, then the basis at the points."""
        c, d, places, weight = self.values, len(points), [], 1.0
        for axis, (p, g) in enumerate(zip(points, self.grid)):
            made = through(None, g, np.moveaxis(c, axis, 0), k)
            c = np.moveaxis(made.c, 0, axis)
            first, values = basis(p, made.t, k)
            along = (1,) * axis + (k + 1,) + (1,) * (d - 1 - axis)
            places.append((first + np.arange(k + 1)[:, None]).reshape(along + (-1,)))
            weight = weight * np.stack(values).reshape(along + (-1,))
        found = c[tuple(places)]
        return np.sum(weight.reshape(weight.shape + (1,) * (found.ndim - weight.ndim)) * found, axis=tuple(range(d)))


def _of_grid(found, get=getattr):
    grid = get(found, "_grid")
    return Grid(found, tuple(double(g) for g in grid), get(found, "_values"), get(found, "fill_value"), found, get)


def RegularGridInterpolator(points, values, method="linear", bounds_error=True, fill_value=np.nan, *, solver=None, solver_args=None):
    if getattr(solver, "__module__", "").startswith("tapejit."):  # SciPy tells its solvers by identity
        solver = scipys(solver.__module__, solver.__name__)
    found = _original("RegularGridInterpolator", points, values, method, bounds_error, fill_value, solver=solver, solver_args=solver_args)
    if current_trace() is None:
        return found
    if not _traced(list(points), values, fill_value):
        return _of_grid(found)
    grid, values = [double(g) for g in points], asarray(values)
    values = values if values.dtype.kind in "fc" else double(values)
    for axis, g in enumerate(grid):
        if g.shape[0] > 1 and not bool(g[1] > g[0]):
            grid[axis], values = g[::-1], np.flip(values, axis)
    return Grid(found, tuple(grid), values, fill_value)


def interpn(points, values, xi, method="linear", bounds_error=True, fill_value=np.nan):
    if not _traced(list(points), values, xi, list(xi) if isinstance(xi, tuple) else xi):
        return scipys(__name__, "interpn")(points, values, xi, method, bounds_error, fill_value)
    if method == "splinef2d":
        refuse(None, "scipy.interpolate.interpn with method='splinef2d' is not covered in traced code: use method='cubic'")
    return RegularGridInterpolator(points, values, method, bounds_error, fill_value)(xi)


# --- objects of the user's -------------------------------------------------------------------------------------------


def instances(interpolate):
    """What stands for interpolants that were made outside of the traced code."""
    def reading(make):
        return lambda found: make(found, lambda owner, name: read(owner, name, f"{name} of a {type(owner).__name__}"))

    classes = {"CubicSpline": _of_piecewise, "PchipInterpolator": _of_piecewise, "Akima1DInterpolator": _of_piecewise,
               "CubicHermiteSpline": _of_piecewise, "PPoly": _of_piecewise, "BSpline": _of_bspline, "UnivariateSpline": _of_fitpack,
               "InterpolatedUnivariateSpline": _of_fitpack, "LSQUnivariateSpline": _of_fitpack, "RectBivariateSpline": _of_surface,
               "SmoothBivariateSpline": _of_surface, "LSQBivariateSpline": _of_surface, "interp1d": _of_interp1d,
               "RegularGridInterpolator": _of_grid}
    return {getattr(interpolate, name): reading(make) for name, make in classes.items()}
