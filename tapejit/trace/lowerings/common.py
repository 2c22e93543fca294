"""What the lowerings share: operands made uniform, axes, dtypes, `out=`, and calls of NumPy that are recorded as they are.

Every helper takes tracers and plain arrays alike: a lowering called without a tracer computes with NumPy.
"""

import numpy as np

from ...errors import UnsupportedError
from ...ops import OPS
from ...tape import HostFunction, type_of
from ...tape.types import NAME_OF_DTYPE
from ..assemble import assemble
from ..decisions import extracted
from ..recorder import innermost
from ..tracer import Tracer, array, concrete

NO_VALUE = np._NoValue  # NumPy's own mark for "not given"


def given(argument):
    return argument is not NO_VALUE


def existing(*names, namespace=np):
    """The functions of these names that the installed NumPy has: some are younger than NumPy 2.0."""
    return [getattr(namespace, name) for name in names if hasattr(namespace, name)]


def refuse(x, text):
    """Raise the error for a form that is not traced: where it stands, what it is, what to do."""
    where = f"at {x._trace.here()}, " if type(x) is Tracer else ""
    raise UnsupportedError(where + text)


# --- operands --------------------------------------------------------------------------------------------------------


def asarray(x, dtype=None):
    """`x` as an array: a tracer of one, or an ndarray or NumPy scalar. Sequences that hold tracers become one tracer."""
    if type(x) is Tracer:
        if not isinstance(x.value, (np.ndarray, np.generic)):  # a Python number: from here on it has a dtype
            x = OPS["reshape"](x, shape=())
    elif not isinstance(x, (np.ndarray, np.generic)) or x.dtype == object:
        x = assemble(x, dtype)
    return x if dtype is None else cast(x, dtype)


def holds_tracer(x):
    """Whether `x` is a tracer, or nested lists and tuples (or an object array) with a tracer among the elements."""
    if type(x) is Tracer:
        return True
    if isinstance(x, (list, tuple)):
        return any(map(holds_tracer, x))
    if isinstance(x, np.ndarray) and x.dtype == object:
        return any(map(holds_tracer, x.flat))
    return False


def filled(like, shape, value, dtype):
    """A new array of `shape` that holds `value` (a number or 0-d array) everywhere, on the trace of `like`."""
    value = cast(asarray(value), dtype)
    if type(value) is Tracer:
        return OPS["broadcast"](value, shape=tuple(shape)).copy()
    trace = like._trace if type(like) is Tracer else None
    array = np.full(shape, value, dtype)
    return array if trace is None else trace.full(array, value)


def owned(a):
    """`a` with memory of its own: a copy where it is a view."""
    is_view = a.storage is not None and a.how if type(a) is Tracer else a.base is not None
    return a.copy() if is_view else a


def in_layout_of(like, a):
    """The tracer `a`, a new array, with its elements in memory in the order of the array `like`, which has its shape."""
    value = np.empty_like(like, a.dtype, subok=False)
    if value.strides == a.strides:
        return a
    value[...] = a.value
    return array(a._trace, value, a.id)


def stand_in(a):
    """An array with the shape and dtype of `a` and no data: NumPy is asked on it for shapes and errors, at no cost."""
    return hollow(a.shape, a.dtype)


def hollow(shape, dtype=float):
    """A read-only array of `shape` whose elements all lie at one place."""
    return np.ndarray(shape, dtype, _ONE_ELEMENT, 0, (0,) * len(shape))


_ONE_ELEMENT = bytes(16)


def static(x):
    """The concrete value of an argument that decides a shape or a place: where it is traced, it becomes a guard."""
    if type(x) is Tracer:
        return extracted(x, "an argument that decides shapes or places")
    if type(x) in (list, tuple) and holds_tracer(x):
        return type(x)(map(static, x))
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


def axis_of(axis, ndim):
    """The one axis of a function that takes it by NumPy's C code, as a non-negative int: a number has one axis. NumPy's errors."""
    ndim = ndim or 1
    if type(axis) is not int or not -ndim <= axis < ndim:
        axis = static(axis)
        np.take(hollow((1,) * ndim), 0, axis)  # NumPy's errors
    return int(axis) % ndim


def cast(x, dtype):
    """`x` converted to a dtype, as astype does it; `x` itself when it has it."""
    dtype = np.dtype(dtype)
    if getattr(x, "dtype", None) == dtype:
        return x
    if dtype not in NAME_OF_DTYPE:
        refuse(x, f"a traced value is converted to dtype {dtype}: bool, integer, float and complex numbers can be traced")
    return OPS["cast"](x, dtype=NAME_OF_DTYPE[dtype])


def common_dtype(*arrays):
    return np.result_type(*[a.dtype for a in arrays])


def weak(x):
    """What NumPy's promotion sees of `x`: a Python number, which is weak, or a dtype."""
    x = concrete(x)
    return x if type(x) in (int, float, complex) else np.dtype(bool) if type(x) is bool else asarray(x).dtype


def masked(a, where, value):
    """`a` with `value` where the mask `where` is false; a mask that is not given is all true."""
    if where is True or not given(where):
        return a
    check_mask(where, a)
    return np.where(where, a, a.dtype.type(value))


def deliver(result, out, casting="same_kind", stretch=False):
    """`result`; or `out`, after the result has been written into it with NumPy's checks for `out=`. Ufuncs `stretch` it."""
    if out is None:
        return result
    if isinstance(out, tuple) and len(out) == 1:
        (out,) = out
    if stretch:
        np.broadcast_to(hollow(result.shape), out.shape)  # NumPy's error
    elif out.shape != result.shape:
        raise ValueError(f"the output array has shape {out.shape}, expected the result's shape {result.shape}")
    if not np.can_cast(result.dtype, out.dtype, casting):
        raise TypeError(f"Cannot cast the result from {result.dtype!r} to the output's {out.dtype!r} with casting rule {casting!r}")
    out[...] = result
    return out


def check_mask(where, a):
    """NumPy's errors for a mask of a reduction: it holds bools, and does not stretch what it masks."""
    where = asarray(where)
    if where.ndim:
        np.broadcast_to(hollow(where.shape), a.shape)
        if where.dtype != bool:
            raise TypeError(f"Cannot cast array data from {where.dtype!r} to dtype('bool') according to the rule 'safe'")


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
