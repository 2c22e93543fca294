"""The tracer: the value that stands in for a NumPy array, NumPy scalar or Python float while a function is traced.

A tracer carries the concrete value (so NumPy itself decides shapes, types, errors and what is a view) and the id of that
value on the tape. Scalars are immutable. An array is a *storage* and a view of it: `how` is the list of steps that derive
the view from the storage's base, so that a write through any view makes a new version of the base on the tape, and a
reader whose version is old derives its id again.

This module opens the class; what a tracer can do is filled in by `operators.py` (+ - * / and friends), `decisions.py`
(bool, int, float: guards), `attributes.py` (ndarray's attributes and methods), `indexing.py` ([...]) and `ufuncs.py` (NumPy calls).
Read next: `recorder.py` (the Trace that a tracer belongs to), `views.py` (views and writes).
"""

from __future__ import annotations

import warnings
import weakref

import numpy as np


class Tracer:
    """A traced value. `type(x) is Tracer` tells one; `isinstance` sees the type of the value it stands for.

    value    the concrete value: Python bool, int, float or complex, NumPy scalar, or ndarray (a real view of its storage)
    id       the value's number on the tape of `_trace`, derived anew when the storage was written since
    _trace   the Trace that records it (not `trace`: arrays have a method of that name)
    """

    __slots__ = ("_trace", "value", "_id", "storage", "how", "version", "__weakref__")

    def __new__(cls, trace, value, id):
        return traced(trace, value, id)

    @property
    def __class__(self):
        return type(self.value)

    @property
    def id(self):
        storage = self.storage
        if storage is None or self.version == storage.version:
            return self._id
        self._id = derive(self._trace, storage.id, self.how)
        self.version = storage.version
        return self._id


class Storage:
    """The memory behind one array and its views.

    value     the concrete base array; `owner` is what NumPy reports as `.base` of its views
    id        the value id of the whole storage now; `version` counts the writes
    external  the concrete array belongs to the caller: it is replaced by a private copy before the first write
    position  of the tape's input that it is, or None
    level     of the innermost trace when the storage was made
    tracers   weak references to the tracers that look into it
    """

    __slots__ = ("trace", "value", "owner", "id", "version", "external", "position", "level", "tracers")


class Step:
    """One step from an array to a part of it: the op with its params, the ids of further operands, the shape before.
    `index` is the concrete index of a `take`."""

    __slots__ = ("row", "params", "extra", "shape", "index")

    def __init__(self, row, params, extra, shape, index=None):
        self.row, self.params, self.extra, self.shape, self.index = row, params, extra, shape, index


def derive(trace, id, how):
    """The id of the view that the steps `how` make of the array `id`."""
    for step in how:
        id = trace.emit(step.row, (id,) + step.extra, step.params)
    return id


def scalar(trace, value, id):
    """A tracer for an immutable value: a Python number or a NumPy scalar."""
    result = _new(Tracer)
    result._trace = trace
    result.value = value
    result._id = id
    result.storage = None
    return result


def array(trace, value, id, external=False, position=None):
    """A tracer for an array with a storage of its own."""
    storage = Storage()
    storage.trace = trace
    storage.value = value
    storage.owner = None
    storage.id = id
    storage.version = 0
    storage.external = external
    storage.position = position
    storage.level = trace.stack[-1].level if trace.stack else 0
    storage.tracers = []
    return window(storage, value, id, ())


def window(storage, value, id, how):
    """A tracer that looks into a storage through the steps `how`; `id` is its value id now."""
    result = _new(Tracer)
    result._trace = storage.trace
    result.value = value
    result._id = id
    result.storage = storage
    result.how = how
    result.version = storage.version
    tracers = storage.tracers
    tracers.append(weakref.ref(result))
    if len(tracers) & 127 == 0:  # a loop that takes a million row views must not keep a million dead references
        storage.tracers = [reference for reference in tracers if reference() is not None]
    return result


def traced(trace, value, id):
    """A tracer for a fresh result: immutable unless NumPy gave an array."""
    return array(trace, value, id) if type(value) is np.ndarray else scalar(trace, value, id)


def concrete(operand):
    """The value that a tracer stands for; anything else as it is."""
    return operand.value if type(operand) is Tracer else operand


LOWERINGS = {}  # NumPy callable -> the function that traces it; `__array_function__` and `__array_ufunc__` look here


def lowering(*functions):
    """Register the decorated function as what a NumPy function does on tracers; it takes NumPy's own arguments.

    Where it raises, NumPy's function is asked on the concrete values: if that raises too, the error is NumPy's own.
    """
    def register(lowered):
        for function in functions:
            LOWERINGS[function] = errors_of(function, lowered)
        return lowered
    return register


def errors_of(function, lowered):
    """`lowered`, but where it raises and NumPy's function does so too, the error is NumPy's."""
    def call(*args, **kwargs):
        try:
            return lowered(*args, **kwargs)
        except Exception:
            error = _error_of(function, args, kwargs)
            if error is None:
                raise
        raise error
    return call


def _error_of(function, args, kwargs):
    """What NumPy's function raises on copies of the arguments, or None. A function that calls the user's is not asked."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function(*map(_private, args), **{name: _private(value) for name, value in kwargs.items()})
    except _CallsTheUser:
        return None
    except Exception as error:
        return error.with_traceback(None)


class _CallsTheUser(Exception):
    """Among the arguments is a function of the user's."""


def _private(value):
    """A concrete copy of an argument."""
    value = concrete(value)
    if isinstance(value, np.ndarray):
        own = value.copy("K")
        own.flags.writeable = value.flags.writeable
        return own
    if type(value) in (list, tuple):
        return type(value)(map(_private, value))
    if callable(value) and not isinstance(value, type):
        raise _CallsTheUser
    return value


def members(names):
    """Give the class Tracer the functions and descriptors of another module's dict {name: member}."""
    for name, member in names.items():
        setattr(Tracer, name, member)


_new = object.__new__
