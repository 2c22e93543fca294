"""Views and writes: what makes a traced array behave as NumPy's storage and view do.

A write through a view changes the concrete memory in place, as NumPy does, and makes a new version of the storage on the
tape: `put_back` undoes the steps of the view one by one (index -> index_set, reshape -> reshape, transpose -> transpose,
take -> take_set, a real part -> complex) up to the base. Readers notice the new version by number and derive their id again (`Tracer.id`).
The caller's own arrays are never written: `own` first replaces the concrete storage, and every view of it, by a copy.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ..errors import TracingError, UnsupportedError, read_only
from ..ops import OPS
from .assemble import assemble
from .elementwise import loop_of, name_of, record
from .recorder import innermost
from .tracer import Step, Tracer, concrete, derive, window

RESHAPE, TRANSPOSE, INDEX, INDEX_SET, TAKE = (OPS[name] for name in ("reshape", "transpose", "index", "index_set", "take"))
REAL, IMAG = OPS["real"], OPS["imag"]


def update(operate, ufunc, x, other, frame, record_with=None):
    """x op= other, in place: `operate` is Python's in-place operator; NumPy's casting rules and errors apply. `frame` is the caller's."""
    other = assemble(other) if isinstance(other, (list, tuple)) else other
    trace = innermost((x, other))
    writable(x, trace)
    values = (x.value, concrete(other))
    place = trace.find_line(frame)
    trace.call(place, operate, values)
    if record_with is None:
        id = record(trace, ufunc, (x, other), values, x.value, loop_of(ufunc, values), place[0])
    else:
        id = record_with(trace, x, other, x.value, place[0])
    id = trace.cast(id, name_of(x.value))
    write(x, id)
    return x


def writable(x, trace):
    """Prepare x to be written by an operation of `trace`: a storage of its own, which belongs to that trace."""
    storage = x.storage
    if storage.trace is not trace and storage.trace.level < trace.level:
        _adopt(storage, trace)
    if storage.external:
        if x.value.flags.writeable:
            own(storage)
        elif trace.paths is not None and storage.position is not None and not storage.value.flags.writeable:
            raise read_only(trace.paths[storage.position], trace.builder.tape.name)


def own(storage):
    """Give a storage that belongs to the caller a private copy of its memory, with the same strides; its views follow."""
    old = storage.value
    storage.external = False
    if storage.position is not None:
        storage.trace.mutated.append(storage.position)
    low, high = byte_bounds(old) if old.size else (old.ctypes.data, old.ctypes.data)
    memory = np.empty(high - low, np.uint8)

    def moved(a):
        copy = np.ndarray(a.shape, a.dtype, memory, a.ctypes.data - low if a.size else 0, a.strides if a.size else None)
        copy.flags.writeable = a.flags.writeable
        return copy

    storage.value = moved(old)
    storage.value[...] = old
    storage.owner = None
    for reference in storage.tracers:
        tracer = reference()
        if tracer is not None:
            tracer.value = storage.value if tracer.value is old else moved(tracer.value)


def _adopt(storage, trace):
    """Move the storage of an outer trace's array that the inner function itself made into the inner trace."""
    tracers = [t for t in (reference() for reference in storage.tracers) if t is not None]
    if storage.level < trace.level or any(step.extra for t in tracers for step in t.how):
        raise TracingError(
            f"at {trace.here()}, a value of an inner transform ({trace.builder.tape.name}) is written into an array of the function "
            "around it: make the array inside the inner function, or return the value and write it outside")
    storage.id = trace.lift(Tracer(storage.trace, storage.value, storage.id))
    storage.version += 1
    storage.trace = trace
    for tracer in tracers:
        tracer._trace = trace


def write(x, id):
    """Record that the whole of x is now the value `id`."""
    storage = x.storage
    storage.id = put_back(storage.trace, storage.id, x.how, id)
    storage.version += 1
    x._id = id
    x.version = storage.version


def viewed(x, value, steps):
    """The tracer of `value`, a NumPy view of the array x, which `steps` make of x on the tape: (row, params) or (row, params, index).

    For views that NumPy makes of any layout in memory, and a chain of tape ops would copy.
    """
    trace, id, shape, how = x._trace, x.id, x.value.shape, []
    for row, params, *index in steps:
        extra = tuple([trace.builder.constant(i) for i in index])
        how.append(Step(row, params, extra, shape, *index))
        id = trace.emit(row, (id, *extra), params)
        shape = trace.builder.type_of(id).shape
    return window(x.storage, value, id, (*x.how, *how))


def put_back(trace, base, how, id):
    """The id of the array `base` after its part that the steps `how` reach was replaced by the value `id`."""
    for k in range(len(how) - 1, -1, -1):
        step = how[k]
        if step.row is RESHAPE:
            id = trace.emit(RESHAPE, (id,), (step.shape,))
        elif step.row is TRANSPOSE:
            axes = step.params[0]
            id = trace.emit(TRANSPOSE, (id,), (tuple(sorted(range(len(axes)), key=axes.__getitem__)),))
        elif step.row is INDEX:
            whole, builder = derive(trace, base, how[:k]), trace.builder
            id = trace.record(INDEX_SET.code, (whole, id), builder.tape.type[whole], builder.param_index(step.params), trace.line())
        elif step.row is TAKE:
            index, id = _distinct(trace, step, id)
            id = trace.emit(OPS["take_set"], (derive(trace, base, how[:k]), index, id), step.params)
        elif step.row is REAL or step.row is IMAG:
            other = trace.emit(IMAG if step.row is REAL else REAL, (derive(trace, base, how[:k]),))
            id = trace.emit(OPS["complex"], (id, other) if step.row is REAL else (other, id))
        else:
            raise UnsupportedError(
                f"at {trace.here()}, an array is written through a view made by {step.row.name}: write into the array itself")
    return id


def stretched(trace, value, dtype, shape):
    """The id of a value converted to `dtype` and broadcast to `shape` as an assignment does (extra leading axes of length 1 go)."""
    id = trace.lift(value, dtype)
    own_shape = trace.builder.type_of(id).shape
    if len(own_shape) > len(shape):
        own_shape = own_shape[len(own_shape) - len(shape):]
        id = trace.emit(RESHAPE, (id,), (own_shape,))
    return id if own_shape == shape else trace.emit(OPS["broadcast"], (id,), (shape,))


def _distinct(trace, step, id):
    """(index id, value id) of a write at indices, of which no two are the same: of repeated ones the last wins, as in NumPy."""
    (axis,) = step.params
    flat = np.ravel(step.index)
    _, from_end = np.unique(np.where(flat < 0, flat + step.shape[axis], flat)[::-1], return_index=True)
    if len(from_end) == len(flat):
        return step.extra[0], id
    keep = trace.builder.constant(len(flat) - 1 - from_end)
    shape = trace.builder.type_of(id).shape
    id = trace.emit(RESHAPE, (id,), (shape[:axis] + (len(flat),) + shape[axis + np.ndim(step.index):],))
    index = trace.emit(RESHAPE, (step.extra[0],), ((len(flat),),))
    return trace.emit(TAKE, (index, keep), (0,)), trace.emit(TAKE, (id, keep), (axis,))
