"""Functions that make arrays. NumPy offers no hook for most of them, so traced code is given these instead.

`CREATION` maps NumPy's function to ours: `tapejit/trace/retarget.py` binds these where user code says `np.zeros`. A new
array is a tracer of the current trace with a storage of its own, so that traced values can be written into it; outside a
trace these are NumPy's functions. `numpy_source` binds the same functions in NumPy's own code.
"""

import math
import operator

import numpy as np

from ...ops import OPS
from ..assemble import array_of, assemble, of_objects
from ..attributes import copied
from ..recorder import current_trace
from ..texts import refuse_parsed
from ..tracer import LOWERINGS, Tracer, concrete, lowering
from . import common
from .common import cast, holds_tracer, static, weak
from .numpy_source import REPLACED, copy_of

CREATION = {}  # NumPy's function -> what stands in for it in traced code


def creates(*functions):
    """Register the decorated function as what stands in for NumPy's `functions`."""
    def register(created):
        CREATION.update((function, created) for function in functions)
        return created
    return register


def traceable(value):
    return isinstance(value, np.ndarray) and value.dtype.kind in "biufc"


def made(value, fill=None):
    """A new concrete array as a tracer of the current trace; the array itself where there is none."""
    trace = current_trace()
    if trace is None or not traceable(value):
        return value
    return trace.make(value) if fill is None else trace.full(value, fill)


# --- constants -------------------------------------------------------------------------------------------------------


@creates(np.zeros, np.empty)
def zeros(shape, dtype=float, order="C", *, device=None, like=None):
    """Zeros; also what np.empty gives in traced code, where every value has a meaning."""
    return made(np.zeros(static(shape), dtype, order, device=device, like=like), 0)


@creates(np.ones)
def ones(shape, dtype=None, order="C", *, device=None, like=None):
    return made(np.ones(static(shape), dtype, order, device=device, like=like), 1)


@creates(np.full)
def full(shape, fill_value, dtype=None, order="C", *, device=None, like=None):
    shape = static(shape)
    if not holds_tracer(fill_value):
        value = np.full(shape, fill_value, dtype, order, device=device, like=like)
        return made(value, value.flat[0] if np.ndim(fill_value) == 0 and value.size else None)
    fill_value = common.asarray(fill_value, dtype)
    return OPS["broadcast"](fill_value, shape=np.broadcast_to(np.zeros(fill_value.shape), shape).shape).copy()


@lowering(np.zeros_like, np.empty_like)
def zeros_like(a, dtype=None, order="K", subok=True, shape=None, *, device=None):
    return made(np.zeros_like(concrete(a), dtype, order, False, static(shape), device=device), 0)


@lowering(np.ones_like)
def ones_like(a, dtype=None, order="K", subok=True, shape=None, *, device=None):
    return made(np.ones_like(concrete(a), dtype, order, False, static(shape), device=device), 1)


@lowering(np.full_like)
def full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, *, device=None):
    a = common.asarray(a)
    value = np.empty_like(concrete(a), dtype, order, False, static(shape), device=device)
    result = full(value.shape, fill_value, value.dtype)
    return common.in_layout_of(value, result) if type(result) is Tracer else result


def _fresh(function):
    """What `function` makes, as a tracer of the current trace."""
    def created(*args, **kwargs):
        lowered, args = LOWERINGS.get(function), tuple(map(array_of, args))
        if lowered is not None and (any(map(holds_tracer, args)) or any(map(holds_tracer, kwargs.values()))):
            return lowered(*args, **kwargs)
        result = function(*map(static, args), **{name: static(value) for name, value in kwargs.items()})
        return result if any(isinstance(a, np.ndarray) and np.may_share_memory(a, result) for a in args) else made(result)
    return created


@lowering(np.arange)
def arange(start, stop=None, step=1, dtype=None, *, device=None, like=None):
    """Of traced numbers: their values are differentiated, the count that they make is a guard."""
    start, stop = (0, start) if stop is None else (start, stop)
    value = np.arange(concrete(start), concrete(stop), concrete(step), dtype)  # NumPy's errors and dtype
    if value.dtype.kind not in "fc":
        return made(np.arange(static(start), static(stop), static(step), dtype))
    max(0, math.ceil((stop - start) / step))  # a guard
    start, following = cast(common.asarray(start), value.dtype), cast(common.asarray(start + step), value.dtype)
    return start + cast(np.arange(len(value)), value.dtype) * (following - start)


for _function in (np.arange, np.eye, np.identity, np.tri, np.frombuffer, np.linspace, np.logspace, np.geomspace, np.indices,
                  np.zeros_like, np.empty_like, np.ones_like, np.full_like, np.repeat, np.tile, np.diag, np.diagflat, np.vander, np.kron,
                  np.outer, np.copy, np.concatenate, np.stack, np.hstack, np.vstack, np.dstack, np.column_stack, np.block, np.append,
                  np.insert, np.resize, np.tril, np.triu, np.roll, np.pad):
    creates(_function)(_fresh(_function))


@creates(np.fromfunction)
def fromfunction(function, shape, *, dtype=float, like=None, **kwargs):
    return function(*CREATION[np.indices](shape, dtype=dtype), **kwargs)

# --- arrays of given elements ----------------------------------------------------------------------------------------


@creates(np.array)
def array(object, dtype=None, *, copy=True, order="K", subok=False, ndmin=0, ndmax=0, like=None):
    """Nested sequences of traced and plain values become one array with NumPy's dtype and shape."""
    object = array_of(object)
    if holds_tracer(object):
        np.array(0, ndmin=ndmin)  # NumPy's error
        if dtype is not None and np.dtype(dtype) == np.dtype("O"):
            return of_objects(object)
        return _given_ndim(_from_traced(object, dtype, copy, order), ndmin)
    value = np.array(object, dtype, copy=copy, order=order, subok=subok, ndmin=ndmin)
    trace = current_trace()
    if trace is None or not traceable(value) or value is object:
        return value
    if trace.texts and dtype is not None and np.array(object).dtype.kind in "US":
        refuse_parsed(str(object), "numpy.array()")
    if isinstance(object, np.ndarray) and traceable(object) and not np.shares_memory(value, object):
        read = Tracer(trace, object.copy("K"), trace.lift(object))  # an array that is only read
        return array(read, value.dtype, order=order, ndmin=ndmin)
    return trace.make(value)


def _from_traced(object, dtype, copy, order):
    """A traced array of the elements, with NumPy's layout: a copy where `copy` or the order asks for one."""
    if type(object) is not Tracer:
        result = assemble(object, dtype)
        return copied(result, order) if order == "F" else result
    result = common.asarray(object, dtype)
    flags = concrete(result).flags
    wrong = (order == "C" and not flags.c_contiguous) or (order == "F" and not flags.f_contiguous)
    wrong = wrong or not isinstance(concrete(result), np.ndarray)
    if (result is not object or wrong) and copy is False:
        raise ValueError("Unable to avoid copy while creating an array as requested.")
    return copied(result, order or "K") if wrong or (copy and result is object) else result


@creates(np.fromiter)
def fromiter(iter, dtype, count=-1, *, like=None):
    items = list(iter) if count == -1 else [item for item, _ in zip(iter, range(count))]
    if len(items) < count or not holds_tracer(items):
        return made(np.fromiter(items, dtype, count))
    return array(items, dtype)


def _given_ndim(a, ndmin):
    return a if a.ndim >= ndmin else a.reshape((1,) * (ndmin - a.ndim) + a.shape)


def _as_array(function, layout=None):
    """asarray and its kin: no copy where none is needed. `layout` is the order that the function itself asks for."""
    def converted(a, dtype=None, order=layout, *, device=None, copy=None, like=None):
        a = array_of(a)
        if holds_tracer(a):
            return _from_traced(a, dtype, copy, order)
        options = {} if order == layout else {"order": order}
        value = function(a, **options) if dtype is None else function(a, dtype, **options)
        return value if isinstance(a, (np.ndarray, np.generic)) else made(value)
    return converted


for _function, _layout in ((np.asarray, None), (np.asanyarray, None), (np.ascontiguousarray, "C"), (np.asfortranarray, "F"),
                           (np.asarray_chkfinite, None)):
    creates(_function)(_as_array(_function, _layout))



@creates(np.require)
def require(a, dtype=None, requirements=None, *, like=None):
    a = array_of(a)
    return copy_of(np.require)(a, dtype, requirements) if holds_tracer(a) else np.require(a, dtype, requirements)


# --- ranges ----------------------------------------------------------------------------------------------------------


@lowering(np.linspace)
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, *, device=None):
    num = operator.index(num)
    np.linspace(0.0, 1.0, num, endpoint, device=device)  # NumPy's error
    working = np.result_type(weak(start), weak(stop), 1.0)
    start, stop = common.asarray(start), common.asarray(stop)
    start, stop = cast(start, working), cast(stop, working)
    delta, intervals = stop - start, num - 1 if endpoint else num
    step = delta / working.type(intervals) if intervals > 0 else delta * working.type(np.nan)
    grid = np.arange(num, dtype=working).reshape((-1,) + (1,) * delta.ndim)
    y = grid * (step if intervals > 0 else delta) + start
    if endpoint and num > 1:
        y = np.concatenate([y[:-1], np.broadcast_to(stop, (1,) + y.shape[1:])])
    if dtype is not None and np.issubdtype(dtype, np.integer):
        y = np.floor(y)
    y = cast(np.moveaxis(y, 0, axis) if axis else y, dtype or working)
    return (y, step) if retstep else y


@lowering(np.logspace)
def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    if np.ndim(base):  # a base per element: the new axis goes where all three are broadcast
        parts = [common.asarray(part) for part in (start, stop, base)]
        n = max(part.ndim for part in parts)
        start, stop, base = (part.reshape((1,) * (n - part.ndim) + part.shape) for part in parts)
        base = np.expand_dims(base, axis)
    y = np.power(base, linspace(start, stop, num, endpoint, axis=axis))
    return y if dtype is None else y.astype(dtype)


@lowering(np.geomspace)
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """start * (stop / start) ** t for t from 0 to 1; the last value is exactly stop."""
    expected = np.geomspace(concrete(start), concrete(stop), num, endpoint).dtype  # NumPy's errors
    if np.any(np.equal(start, 0)) or np.any(np.equal(stop, 0)):  # a guard: where it fails, NumPy raises
        raise ValueError("Geometric sequence cannot include zero")
    start, stop = cast(common.asarray(start), expected), cast(common.asarray(stop), expected)
    shape = np.broadcast_shapes(start.shape, stop.shape)
    t = np.linspace(0, 1, num, endpoint, dtype=expected).reshape((-1,) + (1,) * len(shape))
    y = start * (stop / start) ** t
    if endpoint and num > 1:
        y = np.concatenate([y[:-1], np.broadcast_to(stop, (1,) + shape)])
    y = np.moveaxis(y, 0, axis) if axis else y
    return y if dtype is None else y.astype(dtype)


# --- the same in NumPy's own code ------------------------------------------------------------------------------------


def only_traced(created, original):
    """`created` where a tracer is among the arguments, NumPy's own function otherwise."""
    return lambda *args, **kwargs: (created if any(map(holds_tracer, args)) else original)(*args, **kwargs)


class _ArrayConverter:
    """NumPy's `_array_converter` for arguments among which there are tracers."""

    def __init__(self, *arrays):
        self.given, self.arrays = arrays, tuple(map(common.asarray, arrays))

    def __getitem__(self, k):
        return self.arrays[k]

    def __len__(self):
        return len(self.arrays)

    def as_arrays(self, subok=True, pyscalars=None):
        return self.arrays

    def result_type(self, extra_dtype=None, ensure_inexact=False):
        parts = [a if type(a) in (int, float, complex) else common.asarray(a).dtype for a in self.given]
        return np.result_type(*parts, *(() if extra_dtype is None else (extra_dtype,)), *((1.0,) if ensure_inexact else ()))

    def wrap(self, a, /, to_scalar=None):
        return a[()] if a.ndim == 0 and to_scalar is not False else a


for _function in (np.array, np.asarray, np.asanyarray, np.ascontiguousarray, np.full):
    REPLACED[_function] = only_traced(CREATION[_function], _function)
for _function in (np.zeros, np.empty, np.ones):
    REPLACED[_function] = CREATION[_function]
REPLACED[np.lib._function_base_impl._array_converter] = _ArrayConverter
if hasattr(np.lib._arraysetops_impl, "_unique_hash"):  # NumPy 2.3: np.unique by hashing, in C; it falls back to sorting
    REPLACED[np.lib._arraysetops_impl._unique_hash] = lambda *args, **kwargs: NotImplemented
