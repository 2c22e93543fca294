"""Functions that join arrays: concatenate and everything that NumPy defines by it."""

import numpy as np

from ...ops import OPS
from ..tracer import lowering
from .common import asarray, axes_of, cast, concrete, deliver, static
from .numpy_source import numpy_source


def concatenate(arrays, /, axis=0, out=None, *, dtype=None, casting="same_kind"):
    if out is not None and dtype is not None:
        np.concatenate([[0.0]], out=np.zeros(1), dtype=dtype)  # NumPy's error
    arrays = [asarray(a) for a in arrays]
    expected = np.concatenate([_slim(a, axis) for a in arrays], axis, dtype=dtype, casting=casting).dtype  # NumPy's errors, and the dtype
    if axis is None:
        arrays, axis = [a.ravel() for a in arrays], 0
    (axis,) = axes_of(axis, arrays[0].ndim)
    arrays = [cast(a, expected) for a in arrays]
    result = OPS["concatenate"](*arrays, axis=axis) if len(arrays) > 1 else arrays[0].copy()
    return deliver(result, out)


def _slim(a, axis):
    """A stand-in for `a` that is empty along `axis`: joining it costs nothing and fails as joining `a` does."""
    shape = list(np.shape(concrete(a)))
    if axis is None:
        shape = [0]
    elif -len(shape) <= axis < len(shape):
        shape[axis] = 0
    return np.empty(shape, a.dtype)


for _function in (np.concatenate, np.concat):
    lowering(_function)(concatenate)

for _function in (np.stack, np.hstack, np.vstack, np.dstack, np.column_stack, np.append, np.block, np.insert):
    lowering(_function)(numpy_source(_function))


@lowering(np.meshgrid)
def meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    np.meshgrid(indexing=indexing)  # NumPy's error
    arrays = [asarray(x).ravel() for x in xi]
    places = list(range(len(arrays)))
    if indexing == "xy" and len(arrays) > 1:
        places[0], places[1] = 1, 0
    arrays = [a.reshape(tuple(-1 if k == place else 1 for k in range(len(arrays)))) for a, place in zip(arrays, places)]
    if not sparse:
        arrays = np.broadcast_arrays(*arrays)
    return tuple(a.copy() for a in arrays) if copy else tuple(arrays)


@lowering(np.delete)
def delete(arr, obj, axis=None):
    arr = asarray(arr)
    if axis is None:
        arr, axis = arr.ravel(), 0
    (axis,) = axes_of(axis, arr.ndim)
    return OPS["take"](arr, np.delete(np.arange(arr.shape[axis]), static(obj)), axis=axis)
