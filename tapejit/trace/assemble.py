"""Nested lists, tuples and object arrays that hold tracers become one traced array, as np.array would make of the values.

NumPy makes the concrete array and so decides shape and dtype, and raises its errors; on the tape the pieces are
flattened, joined and reshaped. Stretches of plain numbers become one constant each.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from ..ops import OPS
from .elementwise import name_of
from .recorder import innermost
from .tracer import Tracer, array, concrete


def assemble(nested, dtype=None):
    """An ndarray, or a tracer where `nested` holds one: a list, tuple, object array or anything that np.array takes."""
    leaves = []
    values = _values(nested, leaves)
    if not any(type(leaf) is Tracer for leaf in leaves):
        return np.array(values, dtype)
    value = np.array(values, dtype)
    trace = innermost(leaves)
    trace.type_of(value)  # the error for what a tape cannot hold
    name = name_of(value)
    pieces, numbers = [], []

    def flush():
        if numbers:
            pieces.append(trace.builder.constant(np.concatenate([np.ravel(n) for n in numbers]).astype(value.dtype)))
            numbers.clear()

    for leaf in leaves:
        if type(leaf) is not Tracer and not isinstance(leaf, np.ndarray):
            numbers.append(leaf)
            continue
        flush()
        id = trace.lift(leaf, name)
        shape = np.shape(concrete(leaf))
        size = prod(shape)
        pieces.append(id if shape == (size,) else trace.emit(OPS["reshape"], (id,), ((size,),)))
    flush()
    id = pieces[0] if len(pieces) == 1 else trace.emit(OPS["concatenate"], tuple(pieces), (0,))
    return array(trace, value, id if value.ndim == 1 else trace.emit(OPS["reshape"], (id,), (value.shape,)))


def of_objects(nested):
    """An object array of the elements of `nested`, tracers among them."""
    leaves = []
    shape = np.array(_values(nested, leaves)).shape
    objects = np.empty(shape, object)
    for k, item in enumerate(item for leaf in leaves for item in (np.ravel(leaf) if np.ndim(concrete(leaf)) else [leaf])):
        objects.flat[k] = item
    return objects


def array_of(x):
    """What an object with `__array__` is to NumPy, an array or a tracer; other sequences of tracers as lists; anything else as it is."""
    kind = type(x)
    if kind in _KNOWN or kind is Tracer or isinstance(x, (np.ndarray, np.generic)):
        return x
    if not hasattr(kind, "__array__"):
        is_other = isinstance(x, Sequence) and not isinstance(x, (list, tuple, str, bytes, range, memoryview))
        return list(x) if is_other and any(type(item) is Tracer for item in x) else x
    return x if hasattr(kind, "__array_ufunc__") or hasattr(kind, "__array_function__") else x.__array__()


_KNOWN = frozenset((bool, int, float, complex, str, list, tuple, type(None), np.ndarray))


def _values(nested, leaves):
    """`nested` with every tracer replaced by its concrete value; appends its leaves in order."""
    if isinstance(nested, (list, tuple)):
        return [_values(item, leaves) for item in nested]
    if type(nested) is not Tracer and isinstance(nested, np.ndarray) and nested.dtype == object:
        return [_values(item, leaves) for item in nested] if nested.ndim else _values(nested.item(), leaves)
    leaves.append(nested)
    return concrete(nested)
