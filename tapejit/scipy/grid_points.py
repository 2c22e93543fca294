"""Values between the points of a regular grid, as scipy.ndimage has them: B-splines with SciPy's modes at the boundary.

Where a coordinate lies is decided by its value (host calls, piecewise constant); what is differentiated is its fractional part.
Sources: the modes are those of `map_coordinate` in SciPy's ni_interpolation.c; uniform B-splines, de Boor's recursion.
Read next: `ndimage.py`.
"""

import numpy as np

from ..ops import OPS
from ..ops.filters import continued
from ..trace.lowerings.common import host
from ..trace.tracer import Tracer
from .common import scipys
from .distributions import fixed
from .sparse_solvers import Solver

DENSE = 64  # so long is an axis that is filtered by a matrix; SciPy's filter is the exact inverse only on longer ones
PADDING = 12  # elements by which SciPy continues the input before it filters, in the modes without an exact filter
FAR = 8.0  # more than the longest spline reaches
FILTERED_AS = {"constant": "mirror", "wrap": "mirror", "grid-constant": "mirror", "nearest": "reflect", "grid-mirror": "reflect"}
AT_TAPS = {"constant": "mirror", "wrap": "mirror", "grid-mirror": "reflect"}  # mode -> where taps beyond the ends lie


def cardinal(u, degree):
    """The degree + 1 B-splines on uniform knots that are not zero at u in [0, 1), from left to right."""
    values = [1.0 + 0.0 * u]
    for d in range(1, degree + 1):
        values = [(values[j - 1] * (u + (d - j)) if j else 0.0) + (values[j] * ((j + 1) - u) if j < d else 0.0) for j in range(d + 1)]
        values = [value * (1 / d) for value in values]
    return values


def spline_filtered(x, order, axes, mode):
    """The B-spline coefficients with which the spline goes through x: solutions of banded systems along the axes."""
    if order < 2:
        return x
    mode = FILTERED_AS.get(mode, mode)
    taps = cardinal(0.0 if order % 2 else 0.5, order)[:order + 1 - order % 2]
    reach = len(taps) // 2
    for axis in axes:
        n = x.shape[axis]
        if n < 2:
            continue
        moved = np.moveaxis(x, axis, 0)
        flat = moved.reshape(n, -1)
        if n <= DENSE:
            found = scipys("scipy.ndimage", "spline_filter1d")(np.eye(n), order, 0, mode=mode).astype(x.dtype) @ flat
            x = np.moveaxis(found.reshape(moved.shape), 0, axis)
            continue
        columns = continued(np, n, reach, reach, mode)[np.arange(n)[:, None] + np.arange(len(taps))].reshape(-1)
        rows, data = np.repeat(np.arange(n), len(taps)), np.tile(taps, n).astype(x.dtype)
        found = OPS["sparse_solve"](data, rows, columns, flat, solver=Solver("splu"), format="coo", size=(n, n))
        x = np.moveaxis(found.reshape(moved.shape), 0, axis)
    return x


def _mapped(c, n, mode):
    """The coordinate inside of the array that stands for each coordinate, and its derivative; -1 for the outside."""
    slope = np.ones_like(c)
    below, above = c < 0, c > n - 1
    if mode in ("grid-constant", "nearest"):  # the taps are mapped; far outside they are all the same
        near = np.clip(c, -FAR, n + FAR)
        return np.stack([near, near == c])
    if mode == "constant" or n < 2:
        return np.stack([np.where(below | above, -1.0 if mode == "constant" else 0.0, c), np.where(below | above, 0.0, slope)])
    period = {"mirror": 2 * n - 2, "reflect": 2 * n, "wrap": n - 1, "grid-wrap": n}[mode]
    down, up = c + period * np.trunc(-c / period), c - period * np.trunc(c / period)
    if mode == "mirror":
        low, high = np.where(down <= 1 - n, down + period, -down), np.where(up >= n, period - up, up)
    elif mode == "reflect":
        down = np.where(c < -period, down, c)
        low = np.where(down < -n, down + period, np.where(down > -1e-15, 1e-15, -down) - 1)
        high = np.where(up >= n, period - up - 1, up)
    else:
        low, high = c + period * (np.trunc((-c if mode == "wrap" else -1 - c) / period) + 1), up
    if mode in ("mirror", "reflect"):
        slope = np.where(below, np.where(down < -n if mode == "reflect" else down <= 1 - n, 1.0, -1.0), np.where(above & (up >= n), -1.0, 1.0))
    return np.stack([np.where(below, low, np.where(above, high, c)), slope])


def _taps(c, n, order, mode):
    """The places of the order + 1 elements around each coordinate, along a new first axis; -1 for the outside in mode grid-constant."""
    c = np.where(np.isfinite(c), c, 0)
    first = np.floor(c if order % 2 else c + 0.5).astype(np.int64) - order // 2
    places = first + np.arange(order + 1).reshape((-1,) + (1,) * c.ndim)
    if mode == "grid-constant":
        return np.where((places < 0) | (places >= n), -1, places)
    return np.clip(_mapped(places.astype(float), n, AT_TAPS.get(mode, mode))[0], 0, n - 1).astype(np.int64)


def sampled(x, coordinates, order, mode, cval, prefilter):
    """The spline through x (its coefficients are x itself without `prefilter`) at the coordinates, one array per leading axis of x."""
    dims = len(coordinates)
    mode = AT_TAPS["grid-mirror"] if mode == "grid-mirror" else mode
    if prefilter and order > 1:
        if mode in ("nearest", "grid-constant"):
            widths = [(PADDING, PADDING)] * dims + [(0, 0)] * (x.ndim - dims)
            x = np.pad(x, widths, "edge") if mode == "nearest" else np.pad(x, widths, constant_values=cval)
            coordinates = [c + PADDING for c in coordinates]
        x = spline_filtered(x, order, range(dims), mode)
    shape = np.broadcast_shapes(*[np.shape(c) for c in coordinates])
    weight, places, outside, beyond = 1.0, [], False, False
    for axis, c in enumerate(coordinates):
        n = x.shape[axis]
        still = fixed(c)
        inside, slope = host(_mapped, still, n, mode)
        at = inside + slope * (c - still) if type(c) is Tracer else inside
        taps = host(_taps, fixed(at), n, order, mode)
        u = at + 0.5 * (1 - order % 2)
        u = u - np.floor(fixed(u))
        along = (1,) * axis + (order + 1,) + (1,) * (dims - 1 - axis)
        wide = along + (1,) * (len(shape) - np.ndim(c)) + np.shape(c)
        weight = weight * np.stack(cardinal(u, order)).reshape(wide)
        taps = taps.reshape(wide)
        places.append(taps)
        outside = outside | (fixed(at) < 0) if mode == "constant" else False
        beyond = beyond | (taps < 0) if mode == "grid-constant" else False
    values = x[tuple(places)]
    rest = (1,) * (x.ndim - dims)
    if beyond is not False:
        values = np.where(beyond.reshape(beyond.shape + rest), cval, values)
    full = (order + 1,) * dims + shape
    result = np.sum(np.broadcast_to(weight, full).reshape(full + rest) * values, axis=tuple(range(dims)))
    if outside is not False:
        outside = np.broadcast_to(outside, shape)
        result = np.where(outside.reshape(shape + rest), cval, result)
    return result
