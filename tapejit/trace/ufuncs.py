"""NumPy's two hooks on tracers: `__array_ufunc__` (ufuncs and their methods) and `__array_function__` (everything else).

A ufunc call is computed by NumPy from the user's line and recorded as the table's row for it. `out=` writes into a traced
array, `where=` becomes a `where` record. Reductions and running ones go to the functions that name them (np.sum for
add.reduce); for other ufuncs they are unrolled along the axis. Functions go to what is registered in `LOWERINGS`.
"""

from __future__ import annotations

import functools
import math
import sys

import numpy as np

from ..errors import TracingError
from ..ops import OPS
from .assemble import array_of, assemble
from .attributes import unsupported
from .decisions import extracted
from .elementwise import kind_of, loop_of, name_of, record
from .lowerings.common import deliver, filled
from .operators import binary
from .recorder import blame, innermost
from .scipy_names import bind
from .tracer import LOWERINGS, Tracer, array, concrete, errors_of, members, traced
from .views import stretched, writable, write

REDUCTIONS = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min, np.logical_and: np.all, np.logical_or: np.any}
ACCUMULATIONS = {np.add: np.cumsum, np.multiply: np.cumprod}
KNOWN = (np.ndarray, np.generic, bool, int, float, complex, list, tuple, str)


def array_ufunc(x, ufunc, method, *inputs, **kwargs):
    """Tracer.__array_ufunc__: `method` is __call__, reduce, accumulate, reduceat, outer or at."""
    for operand in inputs:
        if type(operand) is not Tracer and not isinstance(operand, KNOWN) and getattr(type(operand), "__array_ufunc__", None) is not None:
            return NotImplemented
    if method != "at":
        inputs = tuple([assemble(o) if type(o) is not Tracer and isinstance(o, (list, tuple)) else array_of(o) for o in inputs])
    simple = (ufunc.nin, ufunc.nout, ufunc.signature) == (len(inputs), 1, None)
    if simple and not kwargs and method == "__call__" and ufunc not in LOWERINGS:
        result = binary(ufunc, ufunc, inputs, sys._getframe(1))
        return result if result is not NotImplemented else _not_numbers(ufunc, map(concrete, inputs))
    try:
        if method in ("__call__", "at"):
            return METHODS[method](ufunc, *inputs, **kwargs)
        return errors_of(getattr(ufunc, method), functools.partial(METHODS[method], ufunc))(*inputs, **kwargs)
    except ArithmeticError:
        blame(inputs)
        raise


def array_function(x, function, types, args, kwargs):
    """Tracer.__array_function__."""
    lowered = LOWERINGS.get(function)
    if lowered is not None:
        try:
            return lowered(*args, **kwargs)
        except (ArithmeticError, IndexError, ValueError):
            blame((*args, *kwargs.values()))
            raise
    tracers = _tracers(args) + _tracers(tuple(kwargs.values()))
    trace = innermost(tracers) or x._trace
    if not tracers or any(t._trace is not trace or trace.carries_derivative(t.id) for t in tracers):
        raise unsupported(trace, function)
    for t in tracers:  # nothing to differentiate here: NumPy computes, once, and the trace holds while these values stay
        extracted(t, function.__name__)
    return function(*[_plain(a) for a in args], **{name: _plain(a) for name, a in kwargs.items()})


def _not_numbers(ufunc, values):
    """NotImplemented for operands that are no numbers; NumPy's own error for texts and None."""
    values = list(values)
    if any(v is None or isinstance(v, (str, bytes)) for v in values):
        ufunc(*values)
    return NotImplemented


def _plain(value):
    return type(value)(map(_plain, value)) if isinstance(value, (list, tuple)) and type(value) is not Tracer else concrete(value)


def _tracers(values):
    found = []
    for value in values:
        if type(value) is Tracer:
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found.extend(_tracers(value))
    return found


# --- calls -----------------------------------------------------------------------------------------------------------


def call(ufunc, *inputs, out=None, where=True, casting="same_kind", dtype=None, signature=None, sig=None, order="K", subok=True, **axes):
    """ufunc(*inputs, ...). Lowered generalised ufuncs also take axis, axes and keepdims."""
    if ufunc not in LOWERINGS and (ufunc.signature is not None or ufunc.nout != 1):
        bind()  # it may be one of scipy.special
    if ufunc in LOWERINGS:
        given = {"out": out, "where": where, "casting": casting, "dtype": dtype, "signature": signature or sig, "order": order,
                 "subok": subok}
        return LOWERINGS[ufunc](*inputs, **{name: value for name, value in given.items() if value is not DEFAULTS[name]}, **axes)
    if ufunc.signature is not None or ufunc.nout != 1:
        raise unsupported(innermost(inputs), ufunc)
    inputs, out = list(inputs[:ufunc.nin]), out if out is not None else inputs[ufunc.nin:] or None
    target = out[0] if isinstance(out, tuple) else out
    trace = innermost((*inputs, target, where))
    if isinstance(dtype, type) and issubclass(dtype, np.dtype):  # a DType class: np.dtype would make `object` of it
        dtype = dtype()
    signature = signature or sig or (None if dtype is None else (None,) * ufunc.nin + (np.dtype(dtype),))
    values = [concrete(o) for o in inputs]
    if not all(isinstance(v, (np.ndarray, np.generic, bool, int, float, complex)) for v in values):
        return _not_numbers(ufunc, values)
    if target is not None:
        _check_target(trace, ufunc, target)
        writable(target, trace)
    options = {"casting": casting, "order": order, **axes}  # (axes: NumPy's error)
    resolving = {"casting": "unsafe"}
    if signature is not None:
        options["signature"] = resolving["signature"] = signature
    mask = concrete(where)
    place = trace.find_line(sys._getframe(1))
    if target is not None:
        trace.call(place, ufunc, values, {"out": target.value, "where": mask, **options})
        result = target.value
    elif mask is True:
        result = trace.call(place, ufunc, values, options)
    else:
        dtype = ufunc.resolve_dtypes(tuple(map(_kind, values)) + (None,), **resolving)[-1]
        result = np.zeros(np.broadcast_shapes(np.shape(mask), *map(np.shape, values)), dtype)
        trace.call(place, ufunc, values, {"out": result, "where": mask, **options})
    shape = np.broadcast_shapes(*map(np.shape, values))
    id = record(trace, ufunc, inputs, values, result, loop_of(ufunc, values, signature), place[0], shape)
    id = trace.cast(id, trace.type_of(result).dtype)
    if where is not True:
        otherwise = target if target is not None else np.zeros((), result.dtype)
        id = trace.emit(OPS["where"], (trace.lift(where, "bool"), id, trace.lift(otherwise, name_of(result))))
    if trace.builder.type_of(id).shape != np.shape(result):
        id = trace.emit(OPS["broadcast"], (id,), (np.shape(result),))
    if target is None:
        return traced(trace, result, id)
    write(target, id)
    return target


DEFAULTS = {"out": None, "where": True, "casting": "same_kind", "dtype": None, "signature": None, "order": "K", "subok": True}


def _kind(value):
    kind = kind_of(value)
    return np.dtype(bool) if kind is bool else kind


def _check_target(trace, ufunc, target):
    if type(target) is Tracer and isinstance(target.value, np.ndarray):
        return
    if isinstance(target, np.ndarray):
        raise TracingError(
            f"at {trace.here()}, {ufunc.__name__} writes a traced value into a plain NumPy array (out= or an in-place operator): "
            "write into a traced copy, made by np.array(...) inside the function")
    raise TypeError("return arrays must be of ArrayType")


# --- reductions ------------------------------------------------------------------------------------------------------


def reduce(ufunc, a, axis=0, dtype=None, out=None, keepdims=False, **rest):
    """ufunc.reduce: np.sum and friends where one names it, else the ufunc applied along the axis, element by element."""
    out = out[0] if isinstance(out, tuple) else out
    if axis in (0, -1) and np.ndim(concrete(a)) == 0 and type(axis) is int:
        axis = None  # as NumPy takes the axis of a number
    given = {name: value for name, value in rest.items() if not (value is True or value is np._NoValue)}
    if ufunc in REDUCTIONS and REDUCTIONS[ufunc] in LOWERINGS:
        if dtype is not None and ufunc in (np.add, np.multiply):
            given["dtype"] = dtype
        elif dtype is not None:
            a = np.astype(a, dtype)
        return LOWERINGS[REDUCTIONS[ufunc]](a, axis=axis, out=out, keepdims=keepdims, **given)
    a = assemble(a) if type(a) is not Tracer else a
    initial, where = given.pop("initial", None), given.pop("where", True)
    fixed = {"initial": concrete(initial)} if initial is not None else {}
    fixed |= {"axis": axis, "dtype": dtype, "keepdims": keepdims, "where": concrete(where), **given}
    ufunc.reduce(np.broadcast_to(np.ones((), a.dtype), a.shape), **fixed)  # NumPy's errors
    a = a if dtype is None else a.astype(dtype)
    axes = range(a.ndim) if axis is None else sorted(k % a.ndim for k in np.atleast_1d(axis))
    kept = [k for k in range(a.ndim) if k not in axes]
    shape = tuple([a.shape[k] for k in kept])
    items, masks = (np.moveaxis(x, axes, range(len(axes))).reshape((math.prod(a.shape[k] for k in axes),) + shape)
                    for x in (a, np.broadcast_to(where, a.shape)))
    start = ufunc.identity if initial is None else initial
    result = None if start is None else filled(a, shape, start, a.dtype)[()]
    for k in range(len(items)):
        merged = items[k] if result is None else ufunc(result, items[k])
        result = merged if where is True else np.where(masks[k], merged, result)
    if keepdims:
        result = np.reshape(result, tuple(1 if k in axes else n for k, n in enumerate(a.shape)))
    return deliver(result if np.ndim(result) else result[()], out, "unsafe")


def accumulate(ufunc, a, axis=0, dtype=None, out=None):
    """ufunc.accumulate."""
    out = out[0] if isinstance(out, tuple) else out
    if isinstance(axis, tuple):
        ufunc.accumulate(np.ones((1,) * np.ndim(concrete(a))), axis)  # NumPy's errors
        (axis,) = axis
    if ufunc in ACCUMULATIONS and ACCUMULATIONS[ufunc] in LOWERINGS:
        return LOWERINGS[ACCUMULATIONS[ufunc]](a, axis=axis, dtype=dtype, out=out)
    a = assemble(a) if type(a) is not Tracer else a
    a = a if dtype is None else a.astype(dtype)
    ufunc.accumulate(np.ones(a.shape, a.dtype), axis=axis)  # NumPy's errors
    items = _along(a, axis % a.ndim)
    for k in range(1, len(items)):
        items[k] = ufunc(items[k - 1], items[k])
    return deliver(LOWERINGS[np.stack](items, axis=axis) if items else a.copy(), out, "unsafe")


def reduceat(ufunc, a, indices, axis=0, dtype=None, out=None):
    """ufunc.reduceat: one reduction per stretch between the indices, which are fixed."""
    a = assemble(a) if type(a) is not Tracer else a
    a = a if dtype is None else a.astype(dtype)
    indices = [int(i) for i in indices]
    ufunc.reduceat(np.ones(a.shape, a.dtype), indices, axis=axis)  # NumPy's errors
    axis %= a.ndim
    before = (slice(None),) * axis
    pieces = []
    for start, stop in zip(indices, indices[1:] + [a.shape[axis]]):
        pieces.append(reduce(ufunc, a[before + (slice(start, stop),)], axis=axis, dtype=dtype) if start < stop else a[before + (start,)])
    empty = a[before + (slice(0, 0),)].copy()
    return deliver(LOWERINGS[np.stack](pieces, axis=axis) if pieces else empty, out, "unsafe")


def outer(ufunc, a, b, **kwargs):
    """ufunc.outer: every element of a with every element of b."""
    a, b = (assemble(o) if isinstance(o, (list, tuple)) and type(o) is not Tracer else o for o in (a, b))
    n = np.ndim(concrete(b))
    if n and np.ndim(concrete(a)):
        a = a[(...,) + (None,) * n]
    return ufunc(a, b, **kwargs)


def at(ufunc, a, indices, *operands):
    """ufunc.at: in place and unbuffered, so that repeated indices count each time."""
    if type(a) is not Tracer or not isinstance(a.value, np.ndarray):
        raise TracingError(
            f"at {innermost((*operands, indices)).here()}, {ufunc.__name__}.at writes traced values into a plain NumPy array: "
            "write into a traced copy, made by np.array(...) inside the function")
    places = a._trace.make(np.arange(a.size).reshape(a.shape))[indices]
    places._trace.guard(places, np.array(places.value))
    flat = np.ravel(places.value)
    operands = [_per_index(o, np.shape(places.value)) for o in operands]
    whole = a.reshape(-1).copy()
    for chosen in _rounds(flat):
        where = flat[chosen]
        whole[where] = ufunc(whole[where], *[o[chosen] for o in operands]).astype(a.dtype)
    a[...] = whole.reshape(a.shape)


def _per_index(operand, shape):
    """An operand of ufunc.at as a vector with one element per index."""
    value = np.broadcast_to(concrete(operand), shape).reshape(-1)
    if type(operand) is not Tracer:
        return value
    trace = operand._trace
    id = stretched(trace, operand, None, shape)
    return array(trace, value.copy(), trace.emit(OPS["reshape"], (id,), ((value.size,),)))


def _rounds(flat):
    """Positions in `flat` grouped so that no index occurs twice in a group; the groups in order are each index's occurrences."""
    order = np.argsort(flat, kind="stable")
    ordered = flat[order]
    first = np.searchsorted(ordered, ordered)
    rank = np.arange(len(flat)) - first
    return [order[rank == k] for k in range(rank.max() + 1)] if len(flat) else []


def _along(a, axis):
    return [a[(slice(None),) * axis + (k,)] for k in range(a.shape[axis])]


METHODS = {"__call__": call, "reduce": reduce, "accumulate": accumulate, "reduceat": reduceat, "outer": outer, "at": at}
members({"__array_ufunc__": array_ufunc, "__array_function__": array_function})
