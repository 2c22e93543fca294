"""Reductions over axes, running sums and products, differences. Names end in `_` where they would hide a built-in."""

import functools
import math

import numpy as np

from ...ops import OPS
from ..tracer import lowering
from .common import NO_VALUE, asarray, axes_of, axis_of, cast, check_mask, concrete, deliver, existing, filled, given, masked, static
from .numpy_source import numpy_source

# --- sums ------------------------------------------------------------------------------------------------------------


@functools.cache
def accumulator(dtype):
    """The dtype in which NumPy adds and multiplies: bool and small integers widen to the platform's integer."""
    return np.add.reduce(np.empty(0, dtype)).dtype


_UFUNCS = {"sum": np.add, "max": np.maximum, "min": np.minimum, "any": np.logical_or, "all": np.logical_and, "prod": np.multiply}


def check_reduction(op, a, axis, keepdims, initial=NO_VALUE):
    """NumPy's errors for a reduction, asked on an array whose axes are of length 1, or 0 where those of `a` are."""
    options = {"initial": concrete(initial)} if given(initial) else {}
    keepdims = keepdims if given(keepdims) else False
    _UFUNCS[op].reduce(np.ones([min(n, 1) for n in a.shape], a.dtype), static(axis), keepdims=keepdims, **options)


def reduced_axes(axis, ndim):
    """The axes of a reduction; a number has an axis 0, which NumPy's ufuncs take."""
    return () if ndim == 0 and type(axis) is int and axis in (0, -1) else axes_of(axis, ndim)


def reduced(op, a, axis, keepdims, initial=NO_VALUE):
    """`a` reduced by a tape op over `axis` (None: all axes). `initial` is only checked."""
    check_reduction(op, a, axis, keepdims, initial)
    axes = reduced_axes(axis, a.ndim)
    y = OPS[op](a, axes=axes)
    if keepdims and given(keepdims):
        y = OPS["reshape"](y, shape=tuple(1 if k in axes else n for k, n in enumerate(a.shape)))
    return y


@lowering(np.sum)
def sum_(a, axis=None, dtype=None, out=None, keepdims=False, initial=NO_VALUE, where=True):
    a = asarray(a)
    a = masked(cast(a, dtype or accumulator(a.dtype)), where, 0)
    total = reduced("sum", a, axis, keepdims, initial)
    if given(initial) and initial is not None:
        total = cast(asarray(initial), a.dtype) + total
    return deliver(total, out, "unsafe")


def count(a, axis, keepdims, where):
    """How many elements a reduction combines: an int, or an array where a mask decides."""
    if where is True or not given(where):
        return math.prod(a.shape[k] for k in axes_of(axis, a.ndim))
    return sum_(np.broadcast_to(where, a.shape), axis=axis, dtype=np.intp, keepdims=keepdims)


def divided(total, n):
    """total / n in the dtype of total."""
    return total / (total.dtype.type(n) if isinstance(n, int) else cast(n, total.dtype))


def mean_dtype(a, dtype):
    return np.dtype(dtype) if dtype is not None else a.dtype if a.dtype.kind in "fc" else np.dtype(float)


@lowering(np.mean)
def mean_(a, axis=None, dtype=None, out=None, keepdims=False, *, where=True):
    a = asarray(a)
    dtype = mean_dtype(a, dtype)
    working = np.dtype(np.float32) if dtype == np.float16 else dtype  # as NumPy does: float16 overflows early
    total = sum_(a, axis=axis, dtype=working, keepdims=keepdims, where=where)
    quotient = divided(total, count(a, axis, keepdims, where))
    return deliver(cast(quotient, dtype) if out is None else quotient, out, "unsafe")


@lowering(np.var)
def var(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True, mean=NO_VALUE, correction=NO_VALUE):
    a = asarray(a)
    if given(correction):
        if ddof != 0:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    is_complex, dtype = a.dtype.kind == "c", mean_dtype(a, dtype)
    a = masked(a, where, 0)  # what is masked may be NaN, which times a zero cotangent would still be NaN
    if not given(mean):
        mean = mean_(a, axis=axis, dtype=dtype, keepdims=True, where=where)
    deviation = a - mean if is_complex else cast(a - mean, dtype)
    square = deviation.real * deviation.real + deviation.imag * deviation.imag if is_complex else deviation * deviation
    dtype = square.dtype if dtype.kind == "c" else dtype
    total = sum_(square, axis=axis, dtype=dtype, keepdims=keepdims, where=where)
    left = count(a, axis, keepdims, where) - ddof
    y = divided(total, max(left, 0) if isinstance(left, (int, float)) else np.maximum(left, 0))
    return deliver(y if dtype.kind in "fc" else cast(y, dtype), out, "unsafe")


@lowering(np.std)
def std(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True, mean=NO_VALUE, correction=NO_VALUE):
    y = var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
    if y.dtype.kind != "f" and y.ndim:
        np.sqrt(1, out=np.zeros(1, y.dtype))  # NumPy's error
    return deliver(root(y), out)


def root(y):
    """The square root of a sum of squares: where that is 0 the derivative is 0, where sqrt alone gives 0 * inf."""
    zero = y == 0
    return np.where(zero, y, np.sqrt(np.where(zero, y.dtype.type(1), y)))[()] if y.dtype.kind == "f" else np.sqrt(y)


# --- products --------------------------------------------------------------------------------------------------------


@lowering(np.prod)
def prod_(a, axis=None, dtype=None, out=None, keepdims=False, initial=NO_VALUE, where=True):
    """Multiplied by halves, so that the derivative is right where elements are zero, to any order."""
    a = asarray(a)
    a = masked(cast(a, dtype or accumulator(a.dtype)), where, 1)
    check_reduction("prod", a, axis, keepdims, initial)
    axes = reduced_axes(axis, a.ndim)
    rest = tuple(k for k in range(a.ndim) if k not in axes)
    kept = tuple(a.shape[k] for k in rest)
    shape = tuple(1 if k in axes else n for k, n in enumerate(a.shape)) if keepdims and given(keepdims) else kept
    a = OPS["reshape"](OPS["transpose"](a, axes=axes + rest), shape=(math.prod(a.shape[k] for k in axes),) + kept)
    if len(a) == 0:
        a = filled(a, (1,) + kept, 1, a.dtype)
    while len(a) > 1:
        half = len(a) // 2
        pairs = a[:half] * a[half:2 * half]
        a = np.concatenate([pairs, a[2 * half:]]) if len(a) % 2 else pairs
    total = a[0] if not given(initial) or initial is None else cast(asarray(initial), a.dtype) * a[0]
    return deliver(total if total.shape == shape else total.reshape(shape), out, "unsafe")


# --- largest and smallest --------------------------------------------------------------------------------------------


def _extremum(function, merge):
    op = function.__name__

    def lowered(a, axis=None, out=None, keepdims=False, initial=NO_VALUE, where=True):
        a = asarray(a)
        if not given(initial) or initial is None:
            if where is not True:
                function(np.zeros(a.shape, a.dtype), axis, None, keepdims, where=where)  # NumPy's error: there is no identity
            return deliver(reduced(op, a, axis, keepdims), out, "unsafe")
        check_reduction(op, a, axis, keepdims, initial)
        initial = cast(asarray(initial), a.dtype)
        axes = reduced_axes(axis, a.ndim)
        if 0 in (a.shape[k] for k in axes):
            a = np.broadcast_to(initial, tuple(1 if k in axes else n for k, n in enumerate(a.shape)))
        elif where is not True:
            check_mask(where, a)
            a = np.where(where, a, initial)
        return deliver(merge(reduced(op, a, axis, keepdims), initial), out, "unsafe")
    return lowered


max_, min_ = _extremum(np.max, np.maximum), _extremum(np.min, np.minimum)
lowering(np.max, np.amax)(max_)
lowering(np.min, np.amin)(min_)


@lowering(np.ptp)
def ptp(a, axis=None, out=None, keepdims=False):
    return deliver(max_(a, axis, None, keepdims) - min_(a, axis, None, keepdims), out)


# --- running sums and products ---------------------------------------------------------------------------------------


@lowering(np.cumsum)
def cumsum(a, axis=None, dtype=None, out=None):
    a = asarray(a)
    a, axis = (a.ravel(), 0) if axis is None else (a if a.ndim else a.reshape(1), axis_of(axis, a.ndim))
    return deliver(OPS["cumsum"](cast(a, dtype or accumulator(a.dtype)), axis=axis), out, "unsafe")


@lowering(np.cumprod)
def cumprod(a, axis=None, dtype=None, out=None):
    """Products over windows of doubling length, so that the derivative is right where elements are zero, to any order."""
    a = asarray(a)
    a, axis = (a.ravel(), 0) if axis is None else (a if a.ndim else a.reshape(1), axis_of(axis, a.ndim))
    a, before, span = cast(a, dtype or accumulator(a.dtype)), (slice(None),) * axis, 1
    while span < a.shape[axis]:
        head, late, early = a[before + (slice(None, span),)], a[before + (slice(span, None),)], a[before + (slice(None, -span),)]
        a = OPS["concatenate"](head, late * early, axis=axis)
        span *= 2
    return deliver(a.copy("K"), out, "unsafe")


def _cumulative(function, start):
    def lowered(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
        x = np.atleast_1d(asarray(x))
        if axis is None and x.ndim > 1:
            raise ValueError("For arrays which have more than one dimension ``axis`` argument is required.")
        (axis,) = axes_of(0 if axis is None else axis, x.ndim)
        result = function(x, axis, dtype)
        if include_initial:
            first = np.full([1 if k == axis else n for k, n in enumerate(x.shape)], start, result.dtype)
            result = np.concatenate([first, result], axis)
        return deliver(result, out)
    return lowered


lowering(*existing("cumulative_sum"))(_cumulative(cumsum, 0))
lowering(*existing("cumulative_prod"))(_cumulative(cumprod, 1))

# --- the same, leaving NaN out ---------------------------------------------------------------------------------------


def _without_nan(function):
    """The function over the elements that are not NaN."""
    def lowered(a, *args, where=True, **kwargs):
        a = asarray(a)
        if function is mean_:
            _check_inexact(a, **dict(zip(("axis", "dtype", "out"), args), **kwargs))
        return function(a, *args, where=np.logical_and(np.logical_not(np.isnan(a)), where), **kwargs)
    return lowered


for _function, _lowered in ((np.nansum, sum_), (np.nanprod, prod_), (np.nanmean, mean_)):
    lowering(_function)(_without_nan(_lowered))


def _check_inexact(a, dtype=None, out=None, **rest):
    """NumPy's errors for the mean and the variance of the numbers among NaN."""
    if a.dtype.kind in "fc" and dtype is not None and not np.issubdtype(dtype, np.inexact):
        raise TypeError("If a is inexact, then dtype must be inexact")
    if a.dtype.kind in "fc" and out is not None and not np.issubdtype(out.dtype, np.inexact):
        raise TypeError("If a is inexact, then out must be inexact")


@lowering(np.nanvar)
def nanvar(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True, mean=NO_VALUE, correction=NO_VALUE):
    """NaN where no degree of freedom is left; var would give infinity there."""
    a = asarray(a)
    _check_inexact(a, dtype, out)
    where = np.logical_and(np.logical_not(np.isnan(a)), where)
    y = var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
    if a.dtype.kind in "fc":
        left = count(a, axis, keepdims, where) - (correction if given(correction) else ddof)
        y = np.where(left <= 0, y.dtype.type(np.nan), y)[()]
    return deliver(y, out, "unsafe")


@lowering(np.nanstd)
def nanstd(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True, mean=NO_VALUE, correction=NO_VALUE):
    return deliver(root(nanvar(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)), out)


def _replacing_nan(function, value):
    """The function after NaN has been replaced by `value`."""
    def lowered(a, *args, **kwargs):
        a = asarray(a)
        return function(masked(a, np.logical_not(np.isnan(a)), value), *args, **kwargs)
    return lowered


lowering(np.nancumsum)(_replacing_nan(cumsum, 0))
lowering(np.nancumprod)(_replacing_nan(cumprod, 1))


def _nan_extremum(lowered, worst):
    """The extremum of the numbers; NaN where there are none."""
    def result(a, axis=None, out=None, keepdims=False, initial=NO_VALUE, where=True):
        a = asarray(a)
        if a.dtype.kind not in "fc":
            return lowered(a, axis, out, keepdims, initial, where)
        nan = np.isnan(a)
        y = lowered(np.where(nan, a.dtype.type(worst), a), axis, None, keepdims, initial, where)
        if not given(initial) or not isinstance(concrete(a), np.ndarray):  # of a number, NumPy leaves out `initial`
            y = np.where(np.all(nan, axis=axis, keepdims=keepdims, where=where), a.dtype.type(np.nan), y)[()]
        return deliver(y, out, "unsafe")
    return result


lowering(np.nanmax)(_nan_extremum(max_, -np.inf))
lowering(np.nanmin)(_nan_extremum(min_, np.inf))

# --- differences and what is built on sums, in NumPy's own code ------------------------------------------------------

for _function in (np.diff, np.ediff1d, np.gradient, np.trapezoid, np.average, np.cov, np.corrcoef, np.unwrap, np.apply_along_axis,
                  np.apply_over_axes, np.histogram, np.histogram2d, np.histogramdd, np.histogram_bin_edges):
    lowering(_function)(numpy_source(_function))
