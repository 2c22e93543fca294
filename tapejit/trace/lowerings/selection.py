"""Functions that choose elements: by condition (where, select, clip ...), by place (take, choose ...), by mask; and their writes."""

import numpy as np

from ...ops import OPS, ROWS
from ..recorder import innermost
from ..tracer import Tracer, concrete, lowering
from .common import NO_VALUE, asarray, axes_of, axis_of, cast, deliver, given, hollow, static, weak

# --- by condition ----------------------------------------------------------------------------------------------------


@lowering(np.where)
def where(condition, x=NO_VALUE, y=NO_VALUE, /):
    if not given(x) and not given(y):
        return nonzero(condition)
    if not given(x) or not given(y):
        np.where(True, 0)  # NumPy's error
    dtype = np.result_type(weak(x), weak(y))
    return OPS["where"](truth(condition), cast(asarray(x), dtype), cast(asarray(y), dtype))


def truth(x):
    """`x` as bool: true where it is not zero."""
    x = asarray(x)
    return x if x.dtype == bool else x != 0


@lowering(np.select)
def select(condlist, choicelist, default=0):
    """The first condition wins: choices are laid over the default from the last to the first."""
    condlist, choicelist = list(condlist), list(choicelist)
    np.select([np.empty(0, asarray(c).dtype) for c in condlist], [np.empty(0)] * len(choicelist))  # NumPy's errors
    dtype = np.result_type(*map(weak, choicelist), weak(default))
    y = cast(asarray(default), dtype)
    for condition, choice in zip(condlist[::-1], choicelist[::-1]):
        y = OPS["where"](asarray(condition), cast(asarray(choice), dtype), y)
    return y


@lowering(np.piecewise)
def piecewise(x, condlist, funclist, *args, **kw):
    """Where the functions turn out to be elementwise they are applied to all of x and chosen from, so that no guard on the
    conditions is needed; else each is applied to the elements of its condition, as NumPy does."""
    x = asarray(x)
    conditions = _conditions(x, condlist, len(funclist))
    y = np.zeros(x.shape, x.dtype)
    for condition, function in zip(conditions, funclist):
        if callable(function):
            y = _piece(x, condition, function, args, kw, y)
        else:
            y = OPS["where"](condition, cast(asarray(function), x.dtype), y)
    return y


def _conditions(x, condlist, pieces):
    if np.isscalar(concrete(condlist)) or (not isinstance(condlist[0], (list, np.ndarray)) and x.ndim != 0):
        condlist = [condlist]
    conditions = [truth(c) for c in condlist]
    if len(conditions) == pieces - 1:
        otherwise = conditions[0]
        for condition in conditions[1:]:
            otherwise = otherwise | condition
        conditions.append(~otherwise)
    elif len(conditions) != pieces:
        n = len(conditions)
        raise ValueError(f"with {n} condition(s), either {n} or {n + 1} functions are expected")
    if any(c.ndim and c.shape != x.shape[:c.ndim] for c in conditions):
        x[conditions[0]], x[conditions[-1]]  # NumPy's error for a mask of another shape
    return [c.reshape(c.shape + (1,) * (x.ndim - c.ndim)) if 0 < c.ndim < x.ndim else c for c in conditions]


def _piece(x, condition, function, args, kw, y):
    """y with function(x) where the condition holds."""
    trace = innermost((x, condition, *args, *kw.values()))
    before = 0 if trace is None else len(trace.builder.tape)
    if trace is not None:
        everywhere = asarray(function(x, *args, **kw))
        if _only_elementwise(trace.builder.tape, before) and everywhere.shape in ((), x.shape):
            return OPS["where"](condition, cast(everywhere, x.dtype), y)
    places = np.nonzero(static(condition))
    if places and not len(places[0]):
        return y
    y = y.copy() if trace is None or type(y) is Tracer else trace.make(y)
    y[places] = function(x[places], *args, **kw)
    return y


def _only_elementwise(tape, start):
    return all(ROWS[code].kind == "elementwise" or ROWS[code].name == "constant" or ROWS[code].name == "cast" for code in tape.op[start:])


@lowering(np.clip)
def clip(a, a_min=NO_VALUE, a_max=NO_VALUE, out=None, *, min=NO_VALUE, max=NO_VALUE, **kwargs):
    if given(min) or given(max):
        if given(a_min) or given(a_max):
            raise ValueError("Passing `min` or `max` keyword argument when `a_min` and `a_max` are provided is forbidden.")
        a_min, a_max = min, max
    elif given(a_min) != given(a_max):
        np.clip(0, 0)  # NumPy's error
    a_min, a_max = (None if not given(bound) else bound for bound in (a_min, a_max))
    y = a
    if a_min is not None:
        y = np.maximum(y, a_min, **kwargs)
    if a_max is not None:
        y = np.minimum(y, a_max, **kwargs)
    return deliver(asarray(y).copy() if y is a else y, out, stretch=True)


@lowering(np.nan_to_num)
def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    np.nan_to_num(np.zeros(()), copy)  # NumPy's error
    x = asarray(x)
    if x.dtype.kind == "c":
        if not copy:
            for part in (x.real, x.imag):
                nan_to_num(part, False, nan, posinf, neginf)
            return x
        return OPS["complex"](*(nan_to_num(part, True, nan, posinf, neginf) for part in (x.real, x.imag)))
    if x.dtype.kind != "f":
        return x
    for value in (nan, posinf, neginf):
        if value is not None:
            np.broadcast_to(hollow(np.shape(concrete(value))), x.shape)  # NumPy's errors
            np.can_cast(asarray(value).dtype, x.dtype, "same_kind") or np.copyto(np.zeros(1, x.dtype), concrete(value))
    limits = np.finfo(x.dtype)
    y = np.where(np.isnan(x), cast(asarray(nan), x.dtype), x)
    y = np.where(x == np.inf, cast(asarray(limits.max if posinf is None else posinf), x.dtype), y)
    y = np.where(x == -np.inf, cast(asarray(limits.min if neginf is None else neginf), x.dtype), y)
    if copy:
        return y
    x[...] = y
    return x


# --- by place --------------------------------------------------------------------------------------------------------


def _places(indices, count, mode):
    """Integer indices made valid for an axis of `count` elements as np.take's mode says."""
    indices = asarray(int(indices) if type(indices) is float else indices)
    if indices.dtype.kind not in "iu" and indices.size:
        np.take(np.empty(1), np.empty(0, indices.dtype))  # NumPy's error
        indices = cast(indices, np.intp)
    if mode == "wrap":
        indices = np.remainder(indices, count)
    elif mode == "clip":
        indices = np.clip(indices, 0, count - 1)
    elif mode != "raise":
        np.take(np.empty(1), 0, mode=mode)  # NumPy's error
    return cast(indices, np.int64)


@lowering(np.take)
def take(a, indices, axis=None, out=None, mode="raise"):
    a = asarray(a)
    if axis is None:
        a, axis = a.ravel(), 0
    axis, a = axis_of(axis, a.ndim), a if a.ndim else a.reshape(1)
    return deliver(OPS["take"](a, _places(indices, a.shape[axis], mode), axis=axis), out, "unsafe")


def _along(arr, indices, axis):
    """(array, index) such that array[index] is np.take_along_axis(arr, indices, axis)."""
    arr, indices = asarray(arr), asarray(indices)
    if axis is None:
        if indices.ndim != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
        arr, axis = arr.reshape(-1), 0
    (axis,) = axes_of(axis, arr.ndim)
    if indices.dtype.kind not in "iu" or arr.ndim != indices.ndim:
        np.take_along_axis(np.empty((1,) * arr.ndim), np.zeros((1,) * indices.ndim, indices.dtype), axis)  # NumPy's error
    lines = [np.arange(n).reshape((1,) * k + (-1,) + (1,) * (arr.ndim - 1 - k)) for k, n in enumerate(arr.shape)]
    return arr, tuple(indices if k == axis else line for k, line in enumerate(lines))


@lowering(np.take_along_axis)
def take_along_axis(arr, indices, axis=-1):
    arr, index = _along(arr, indices, axis)
    return arr[index]


@lowering(np.choose)
def choose(a, choices, out=None, mode="raise"):
    dtype = np.result_type(*map(weak, choices))
    a, choices = asarray(a), [asarray(c) for c in choices]
    if mode == "raise":
        np.choose(concrete(a), [np.zeros(1)] * len(choices))  # NumPy's error
    places = _places(a, len(choices), mode)
    if mode == "raise" and a.dtype != bool:
        bool(np.all((places >= 0) & (places < len(choices))))  # a guard: where it fails, NumPy raises
    y = cast(choices[0], dtype)
    for place, choice in enumerate(choices[1:], 1):
        y = OPS["where"](places == place, cast(choice, dtype), y)
    shape = np.broadcast_shapes(a.shape, *(c.shape for c in choices))
    return deliver(y if y.shape == shape else np.broadcast_to(y, shape).copy(), out, "unsafe")


# --- by mask: the mask decides the shape, so it becomes a guard ------------------------------------------------------


@lowering(np.nonzero)
def nonzero(a):
    return np.nonzero(static(truth(a)))


@lowering(np.flatnonzero)
def flatnonzero(a):
    return np.flatnonzero(static(truth(a)))


@lowering(np.argwhere)
def argwhere(a):
    return np.argwhere(static(truth(a)))


@lowering(np.compress)
def compress(condition, a, axis=None, out=None):
    condition = static(truth(condition))
    if condition.ndim != 1:
        raise ValueError("condition must be a 1-d array")
    return take(a, np.flatnonzero(condition), axis, out)


@lowering(np.extract)
def extract(condition, arr):
    return take(asarray(arr).ravel(), flatnonzero(condition))


# --- counting --------------------------------------------------------------------------------------------------------


@lowering(np.bincount)
def bincount(x, /, weights=None, minlength=0):
    x = asarray(x)
    np.bincount(concrete(x)[:0], None, static(minlength))  # NumPy's errors
    if weights is not None and (type(weights) is Tracer or not isinstance(weights, (list, tuple))):
        np.bincount(np.zeros(1, int), np.zeros(1, asarray(weights).dtype))
    if x.size and np.min(x) < 0:
        raise ValueError("'list' argument must have no negative elements")
    count = max(int(np.max(x)) + 1 if x.size else 0, static(minlength))
    places = cast(x, np.int64)
    ones = np.ones(x.shape, np.int64) if weights is None else cast(asarray(weights), np.float64)
    if ones.shape != x.shape:
        raise ValueError("The weights and list don't have the same length.")
    return OPS["take_add"](np.zeros(count, ones.dtype), places, ones, axis=0)


# --- writes ----------------------------------------------------------------------------------------------------------


@lowering(np.copyto)
def copyto(dst, src, casting="same_kind", where=True):
    src = asarray(src)
    np.copyto(np.empty(0, dst.dtype), np.empty(0, src.dtype) if np.ndim(src) else concrete(src), casting)  # NumPy's error
    if where is not True and src.ndim > dst.ndim and set(src.shape[:src.ndim - dst.ndim]) == {1}:
        src = src.reshape(src.shape[src.ndim - dst.ndim:])
    dst[...] = src if where is True else OPS["where"](truth(where), cast(np.broadcast_to(src, dst.shape), dst.dtype), dst)


@lowering(np.put)
def put(a, ind, v, mode="raise"):
    flat, places = a.reshape(-1), _places(ind, a.size, mode)
    v = cast(asarray(v), a.dtype).ravel()
    if places.size and v.size:
        flat = flat.copy()
        flat[places.ravel()] = np.resize(v, places.size)
        a[...] = flat.reshape(a.shape)


@lowering(np.place)
def place(arr, mask, vals):
    places = flatnonzero(mask)
    vals = asarray(vals)
    if not vals.size:
        np.place(np.zeros(1), np.ones(1, bool) if len(places) else np.zeros(1, bool), [])  # NumPy's error
        return
    put(arr, places, vals)


@lowering(np.putmask)
def putmask(a, mask, values):
    values = asarray(values)
    if not values.size:  # nothing to put
        return
    if values.shape != a.shape:  # repeated over the whole array, not over the chosen elements
        values = np.resize(values, a.shape)
    copyto(a, values, "same_kind", mask)


@lowering(np.put_along_axis)
def put_along_axis(arr, indices, values, axis):
    target, index = _along(arr, indices, axis)
    target[index] = values
    if axis is None:
        arr[...] = target.reshape(arr.shape)


@lowering(np.fill_diagonal)
def fill_diagonal(a, val, wrap=False):
    places = np.zeros(a.shape, bool)
    np.fill_diagonal(places, True, wrap=wrap)  # NumPy's errors, and the places
    put(a, np.flatnonzero(places), val)
