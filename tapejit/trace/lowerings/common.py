"""What the lowerings share: operands made uniform, axes, dtypes, `out=`, and calls of NumPy that are recorded as they are.

Every helper takes tracers and plain arrays alike: a lowering called without a tracer computes with NumPy.
"""

import numpy as np

from ...errors import UnsupportedError
from ...ops import OPS
from ...tape import HostFunction, type_of
from ...tape.types import NAME_OF_DTYPE
from ..recorder import current_trace, innermost
from ..tracer import Tracer, concrete

NO_VALUE = np._NoValue  # NumPy's own mark for "not given"


def given(argument):
    return argument is not NO_VALUE


# --- operands --------------------------------------------------------------------------------------------------------


def asarray(x, dtype=None):
    """`x` as an array: a tracer of one, or an ndarray or NumPy scalar. Sequences that hold tracers become one tracer."""
    if type(x) is Tracer:
        if not isinstance(x.value, (np.ndarray, np.generic)):  # a Python number: from here on it has a dtype
            x = OPS["reshape"](x, shape=())
    elif not isinstance(x, (np.ndarray, np.generic)):
        x = joined(x, dtype) if holds_tracer(x) else np.asarray(x, dtype)
    return x if dtype is None else cast(x, dtype)


def holds_tracer(x):
    """Whether a tracer stands in nested lists and tuples (or in an object array)."""
    if type(x) in (list, tuple):
        return any(type(item) is Tracer or holds_tracer(item) for item in x)
    if isinstance(x, np.ndarray):
        return type(x) is not Tracer and x.dtype == object and any(type(item) is Tracer for item in x.flat)
    return type(x) is Tracer


def joined(nested, dtype=None):
    """The array of nested sequences with tracers among the leaves: its dtype, shape and errors are NumPy's.

    In C order an array is the concatenation of its leaves, whatever the nesting; leaves that are not traced are joined first.
    """
    value = np.array(concrete_nested(nested), dtype)
    if value.dtype == object:
        raise UnsupportedError(f"an array of objects ({value.shape}) that holds traced values cannot be differentiated: "
                               "build it from numbers, and give nested sequences equal lengths")
    parts, run = [], []
    for leaf in leaves(nested):
        if type(leaf) is Tracer:
            if run:
                parts.append(np.concatenate(run))
                run = []
            parts.append(OPS["reshape"](cast(leaf, value.dtype), shape=(np.size(leaf.value),)))
        else:
            run.append(np.ravel(np.asarray(leaf, value.dtype)))
    if run:
        parts.append(np.concatenate(run))
    flat = OPS["concatenate"](*parts, axis=0) if len(parts) > 1 else parts[0]
    return OPS["reshape"](flat, shape=value.shape) if value.ndim != 1 else flat


def leaves(nested):
    """The leaves of nested sequences in order."""
    if type(nested) is not Tracer and (isinstance(nested, (list, tuple)) or isinstance(nested, np.ndarray) and nested.dtype == object):
        for item in nested:
            yield from leaves(item)
    else:
        yield nested


def concrete_nested(nested):
    """Nested sequences with the concrete values in place of the tracers."""
    if type(nested) is Tracer:
        return nested.value
    if isinstance(nested, (list, tuple)) or isinstance(nested, np.ndarray) and nested.dtype == object:
        return [concrete_nested(item) for item in nested]
    return nested


def filled(like, shape, value, dtype):
    """A new array of `shape` that holds `value` (a number or 0-d array) everywhere, on the trace of `like`."""
    value = cast(asarray(value), dtype)
    if type(value) is Tracer:
        return OPS["broadcast"](value, shape=tuple(shape)).copy()
    trace = like.trace if type(like) is Tracer else None
    array = np.full(shape, value, dtype)
    return array if trace is None else trace.full(array, value)


def stand_in(a):
    """An array with the shape and dtype of `a` and no data: NumPy is asked on it for shapes and errors, at no cost."""
    return np.broadcast_to(np.zeros((), a.dtype), a.shape)


def static(x):
    """The concrete value of an argument that decides a shape or a place: where it is traced, it becomes a guard."""
    if type(x) is Tracer:
        x.trace.guard(x, int(x.value) if isinstance(x.value, (int, np.integer)) else x.value)
        return x.value
    if type(x) in (list, tuple) and holds_tracer(x):
        return type(x)(static(item) for item in x)
    return x


# --- axes, dtypes, results -------------------------------------------------------------------------------------------


def axes_of(axis, ndim, allow_duplicate=False):
    """The axes as a tuple of non-negative ints; None means all. NumPy's errors."""
    if axis is None:
        return tuple(range(ndim))
    if type(axis) is int and -ndim <= axis < ndim:
        return (axis % ndim,)
    axis = static(axis)
    return np.lib.array_utils.normalize_axis_tuple(axis, ndim, allow_duplicate=allow_duplicate)


def cast(x, dtype):
    """`x` converted to a dtype, as astype does it; `x` itself when it has it."""
    dtype = np.dtype(dtype)
    if getattr(x, "dtype", None) == dtype:
        return x
    if dtype not in NAME_OF_DTYPE:
        raise UnsupportedError(f"a traced value cannot be converted to dtype {dtype}: bool, integer, float and complex numbers can be traced")
    return OPS["cast"](x, dtype=NAME_OF_DTYPE[dtype])


def common_dtype(*arrays):
    return np.result_type(*[a.dtype for a in arrays])


def masked(a, where, value):
    """`a` with `value` where the mask `where` is false; a mask that is not given is all true."""
    if where is True or not given(where):
        return a
    return np.where(where, a, a.dtype.type(value))


def deliver(result, out):
    """`result`; or `out`, after the result has been written into it with NumPy's checks for `out=`."""
    if out is None:
        return result
    if isinstance(out, tuple) and len(out) == 1:
        (out,) = out
    if np.shape(concrete(out)) != np.shape(concrete(result)):
        raise ValueError(f"output array has shape {out.shape}, but the result has shape {result.shape}")
    if not np.can_cast(result.dtype, out.dtype, "same_kind"):
        raise TypeError(f"Cannot cast the result from {result.dtype!r} to the output's {out.dtype!r} with casting rule 'same_kind'")
    out[...] = result
    return out


# --- NumPy called as it is -------------------------------------------------------------------------------------------


def host(function, *arguments, **keywords):
    """function(*arguments, **keywords) computed by NumPy, now and at each replay. No derivative passes through it.

    The arrays among `arguments` are operands of the record, the rest is fixed. The result's shape must depend on shapes alone.
    """
    trace = innermost(arguments)
    if trace is None:
        return function(*arguments, **keywords)
    value = function(*map(concrete, arguments), **keywords)
    is_operand = [isinstance(a, (Tracer, np.ndarray, list)) for a in arguments]
    operands = tuple(trace.lift(asarray(a)) for a, yes in zip(arguments, is_operand) if yes)
    template = tuple(HostFunction.operand if yes else a for a, yes in zip(arguments, is_operand))
    type = type_of(value)
    return Tracer(trace, value, trace.emit(OPS["host"], operands, (HostFunction(function, template, keywords), type), type))
