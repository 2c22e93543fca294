"""Order: sorting, extremes by place, medians and quantiles, histograms' searches.

The places (argsort, argmax, searchsorted ...) are integers without derivative; values are gathered by them, so that the
derivative follows the elements and a replay finds its own order.
"""

import math

import numpy as np

from ...ops import OPS
from ..tracer import Tracer, concrete, lowering
from .common import asarray, axes_of, axis_of, cast, deliver, given, host, in_layout_of, refuse, stand_in, static
from .numpy_source import numpy_source
from .reductions import mean_
from .selection import take


def gather(a, places, axis):
    """a's elements at integer `places` along an axis; places has the lengths of `a` in the other axes and holds no negatives."""
    if a.ndim == 1:
        return OPS["take"](a, places, axis=0)
    stride = 1
    offset = np.zeros((), np.int64)
    for k in reversed(range(a.ndim)):
        if k == axis:
            along = stride
        else:
            offset = offset + np.arange(a.shape[k]).reshape((-1,) + (1,) * (a.ndim - 1 - k)) * stride
        stride *= a.shape[k]
    return OPS["take"](OPS["reshape"](a, shape=(a.size,)), places * along + offset, axis=0)


def _lined(a, axis):
    """The array and the axis along which places are found: of its elements where `axis` is None; a number is one element."""
    a = asarray(a)
    axis = 0 if axis is None and not a.ndim else axis
    return (a.ravel(), 0) if axis is None else (a if a.ndim else a.reshape(1), axis_of(axis, a.ndim))


def _flattened(a, axis):
    a = asarray(a)
    return (a.ravel(), 0) if axis is None else (a, np.lib.array_utils.normalize_axis_index(static(axis), a.ndim))


# --- sorting ---------------------------------------------------------------------------------------------------------


@lowering(np.argsort)
def argsort(a, axis=-1, kind=None, order=None, *, stable=None):
    """Stable, whatever `kind`: equal elements keep their order."""
    _check_sort(kind, order, stable)
    a, axis = _lined(a, axis)
    return OPS["argsort"](a, axis=axis)


def _check_sort(kind, order, stable):
    np.argsort(np.zeros(1), kind=kind, order=order, stable=stable)


@lowering(np.sort)
def sort(a, axis=-1, kind=None, order=None, *, stable=None):
    _check_sort(kind, order, stable)
    a, axis = _flattened(a, axis)
    return _as_laid_out(a, gather(a, OPS["argsort"](a, axis=axis), axis))


def _as_laid_out(a, result):
    """A sorted copy lies in memory as the array did."""
    return in_layout_of(concrete(a), result) if type(result) is Tracer else result


@lowering(np.argpartition)
def argpartition(a, kth, axis=-1, kind="introselect", order=None):
    a, axis = _lined(a, axis)
    return _argpartition(a, static(kth), axis, kind)


def _argpartition(a, kth, axis, kind):
    kth = tuple(int(k) for k in kth) if np.ndim(kth) else kth
    return host(np.argpartition, a, kth, axis, kind)


@lowering(np.partition)
def partition(a, kth, axis=-1, kind="introselect", order=None):
    """The elements on either side of kth stand in np.argpartition's order, which NumPy does not promise to be np.partition's."""
    a, axis = _flattened(a, axis)
    return _as_laid_out(a, gather(a, _argpartition(a, static(kth), axis, kind), axis))


@lowering(np.lexsort)
def lexsort(keys, axis=-1):
    return host(np.lexsort, asarray(keys), axis)


@lowering(np.searchsorted)
def searchsorted(a, v, side="left", sorter=None):
    a = asarray(a)
    return host(np.searchsorted, a if sorter is None else take(a, sorter), asarray(v), side)


@lowering(np.digitize)
def digitize(x, bins, right=False):
    return host(np.digitize, asarray(x), asarray(bins), bool(right))


# --- places of extremes ----------------------------------------------------------------------------------------------


def _arg_extremum(op):
    def lowered(a, axis=None, out=None, *, keepdims=False):
        a = asarray(a)
        shape = a.shape
        flat, place = _lined(a, axis)
        y = OPS[op](flat, axis=place)
        if keepdims and given(keepdims):
            y = y.reshape(tuple(1 if axis is None or k == place else n for k, n in enumerate(shape)))
        return deliver(y, out)
    return lowered


argmax, argmin = _arg_extremum("argmax"), _arg_extremum("argmin")
lowering(np.argmax)(argmax)
lowering(np.argmin)(argmin)


def _nan_arg(lowered, worst):
    def result(a, axis=None, out=None, *, keepdims=False):
        a = asarray(a)
        if a.dtype.kind != "f":
            return lowered(a, axis, out, keepdims=keepdims)
        nan = np.isnan(a)
        if np.any(np.all(nan, axis=axis)):
            raise ValueError("All-NaN slice encountered")
        return lowered(np.where(nan, a.dtype.type(worst), a), axis, out, keepdims=keepdims)
    return result


lowering(np.nanargmax)(_nan_arg(argmax, -np.inf))
lowering(np.nanargmin)(_nan_arg(argmin, np.inf))

# --- medians and quantiles -------------------------------------------------------------------------------------------


def _sorted_last(a, axis, keepdims):
    """`a` sorted along one last axis made of the reduced axes, and the shape of the reduction's result."""
    axes = axes_of(axis, a.ndim)
    rest = tuple(k for k in range(a.ndim) if k not in axes)
    if keepdims and given(keepdims):
        shape = tuple(1 if k in axes else n for k, n in enumerate(a.shape))
    else:
        shape = tuple(a.shape[k] for k in rest)
    lead = tuple(a.shape[k] for k in rest)
    return sort(np.transpose(a, rest + axes).reshape(lead + (-1 if a.size else 0,))), shape


@lowering(np.median)
def median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    a = asarray(a)
    ordered, shape = _sorted_last(a, axis, keepdims)
    n = ordered.shape[-1]
    y = mean_(ordered[..., (n - 1) // 2:n // 2 + 1], axis=-1)
    return deliver(_nan_where_any(y, ordered).reshape(shape)[()], out, "unsafe")


def _nan_where_any(y, ordered):
    """NaN where a sorted row holds one (they are at the end)."""
    if ordered.dtype.kind != "f" or not ordered.shape[-1]:
        return y
    return np.where(np.isnan(ordered[..., -1]), y.dtype.type(np.nan), y)


def _quantile(function, scale):
    """A quantile is the sorted row read at a place between two elements; what place, NumPy says on the row 0, 1, 2 ..."""
    def lowered(a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False, *, weights=None):
        if weights is not None:
            refuse(a, f"np.{function.__name__} with weights= is not traced: sort, np.cumsum the weights, then use np.interp")
        a = asarray(a)
        dtype = function(np.zeros(1, a.dtype), concrete(q), method=method).dtype  # NumPy's errors for q
        ordered, shape = _sorted_last(a, axis, keepdims)
        last = ordered.shape[-1] - 1
        if method == "linear":
            place = asarray(q) * (last / scale)
        else:
            place = function(np.arange(last + 1.0), static(q), method=method)
        lower = np.clip(cast(np.floor(place), np.int64), 0, last)
        below = take(ordered, lower, -1)
        if dtype.kind in "fc":
            above = take(ordered, np.minimum(lower + 1, last), -1)
            below = _between(below, above, cast(place - lower, dtype))
        y = cast(below, dtype)
        q_axes = np.ndim(place)
        if ordered.dtype.kind == "f":
            nan = np.isnan(ordered[..., -1]).reshape(ordered.shape[:-1] + (1,) * q_axes)
            y = np.where(nan, dtype.type(np.nan), y)
        y = np.moveaxis(y, range(y.ndim - q_axes, y.ndim), range(q_axes))
        return deliver(y.reshape(y.shape[:q_axes] + shape)[()], out)
    return lowered


lowering(np.quantile)(_quantile(np.quantile, 1))
lowering(np.percentile)(_quantile(np.percentile, 100))


def _between(below, above, part):
    """The point that lies at `part` of the way; exact at both ends, as NumPy's."""
    rise = above - below
    return np.where(part >= 0.5, above - rise * (1 - part), below + rise * part)


def _nan_quantile(function, scale):
    """The quantile of each row's numbers: NaN is sorted to the end, and a row's last place is that of its last number."""
    def lowered(a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False, *, weights=None):
        if weights is not None or method != "linear":
            refuse(a, f"np.{function.__name__} with weights= or another method than 'linear' is not traced")
        a = asarray(a)
        dtype = function(np.zeros(1, a.dtype), concrete(q)).dtype  # NumPy's errors for q
        ordered, shape = _sorted_last(a, axis, keepdims)
        lead, q = ordered.shape[:-1], cast(asarray(q), dtype)
        if not ordered.shape[-1]:
            return deliver(np.full(shape, np.nan, dtype)[()], out)
        numbers = np.sum(~np.isnan(ordered), axis=-1).reshape(lead + (1,) * q.ndim)
        place = q / dtype.type(scale) * cast(numbers - 1, dtype)
        lower = np.maximum(cast(np.floor(place), np.int64), 0)
        upper = np.minimum(lower + 1, np.maximum(numbers - 1, 0))
        below, above = (np.take_along_axis(ordered, index.reshape(lead + (-1,)), -1).reshape(place.shape) for index in (lower, upper))
        y = np.where(numbers == 0, dtype.type(np.nan), _between(below, above, place - cast(lower, dtype)))
        y = np.moveaxis(y, range(y.ndim - q.ndim, y.ndim), range(q.ndim))
        return deliver(y.reshape(y.shape[:q.ndim] + shape)[()], out)
    return lowered


lowering(np.nanquantile)(_nan_quantile(np.nanquantile, 1))
lowering(np.nanpercentile)(_nan_quantile(np.nanpercentile, 100))


@lowering(np.nanmedian)
def nanmedian(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    """The mean of the one or two numbers in the middle: NaN, also with a NaN part, is sorted to the end."""
    ordered, shape = _sorted_last(asarray(a), axis, keepdims)
    dtype = mean_(np.zeros(1, ordered.dtype), axis=0).dtype
    if not ordered.shape[-1]:
        return deliver(np.full(shape, np.nan, dtype)[()], out, "unsafe")
    numbers = np.sum(~np.isnan(ordered), axis=-1, keepdims=True)
    middle = np.maximum(np.concatenate([(numbers - 1) // 2, numbers // 2], axis=-1), 0)
    y = mean_(np.take_along_axis(ordered, middle, -1), axis=-1)
    return deliver(np.where(numbers[..., 0] == 0, dtype.type(np.nan), y).reshape(shape)[()], out, "unsafe")


# --- sets and places -------------------------------------------------------------------------------------------------

_unique_elements = numpy_source(np.unique)


@lowering(np.unique)
def unique(ar, return_index=False, return_inverse=False, return_counts=False, axis=None, **options):
    """Along an axis: the slices in lexical order, those that differ from the one before. Which do is guarded: it decides the shape."""
    ar = asarray(ar)
    if axis is None or type(ar) is not Tracer:
        return _unique_elements(ar, return_index, return_inverse, return_counts, axis, **options)
    inverse_shape = np.unique(stand_in(ar), return_inverse=True, axis=axis, **options)[1].shape  # NumPy's errors too
    slices = np.moveaxis(ar, axis, 0)
    n = len(slices)
    rows = slices.reshape(n, math.prod(slices.shape[1:]))
    order = lexsort(np.flip(rows, 1).T) if rows.size else np.arange(n)
    rows = take(rows, order, 0)
    new = np.append(np.ones(min(n, 1), bool), np.any(rows[1:] != rows[:-1], axis=1))
    kept = rows[new]
    found = np.moveaxis(kept.reshape((len(kept),) + slices.shape[1:]), 0, axis)
    results = [found]
    if return_index:
        results.append(order[new])
    if return_inverse:
        results.append((np.cumsum(new) - 1)[np.argsort(order)].reshape(inverse_shape))
    if return_counts:
        results.append(np.diff(np.append(np.flatnonzero(new), n)))
    return tuple(results) if len(results) > 1 else found


for _function in (np.unique_all, np.unique_counts, np.unique_inverse, np.unique_values, np.union1d, np.intersect1d, np.setdiff1d,
                  np.setxor1d):
    lowering(_function)(numpy_source(_function))


@lowering(np.isin)
def isin(element, test_elements, assume_unique=False, invert=False, *, kind=None):
    element, test_elements = asarray(element), asarray(test_elements)
    if test_elements.dtype.kind not in "biufc" or element.dtype.kind not in "biufc":
        refuse(element, "np.isin compares a traced array with what is not numbers: test that apart")
    found = np.any(element[..., None] == test_elements.ravel(), axis=-1)
    return ~found if invert else found


@lowering(np.unravel_index)
def unravel_index(indices, shape, order="C"):
    indices, shape = asarray(indices), static(shape)
    np.unravel_index(concrete(indices), shape, order)  # NumPy's errors
    places = []
    for n in reversed(shape) if order == "C" else shape:
        places.append(indices % n)
        indices = indices // n
    return tuple(places[::-1] if order == "C" else places)
