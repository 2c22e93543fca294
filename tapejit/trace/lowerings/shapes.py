"""Functions that rearrange elements: reshape, permute, split, repeat, pad, diagonals.

NumPy itself is asked for the resulting shape (or the axes, or the places) on a stand-in that holds no data, so bad
arguments raise NumPy's errors. Where NumPy gives a view, so does the tape op that is used (`reshape`, `transpose`, `index`).
"""

import numpy as np

from ...ops import OPS
from ...tape.types import NAME_OF_DTYPE
from ..tracer import LOWERINGS, Tracer, lowering
from ..views import viewed
from .common import asarray, axes_of, axis_of, cast, concrete, existing, filled, hollow, owned, refuse, stand_in, static
from .numpy_source import numpy_source

# --- reshaped views --------------------------------------------------------------------------------------------------


@lowering(np.reshape)
def reshape(a, /, shape, order="C", *, copy=None):
    a = asarray(a)
    shape = static(shape)
    result = np.reshape(stand_in(a), shape).shape
    np.empty(0).ravel(order)  # NumPy's error
    if order == "F" or (order == "A" and _is_fortran(a)):
        return OPS["reshape"](a.T, shape=result[::-1]).T
    if copy is False:
        np.reshape(concrete(a), shape, copy=False)  # raises where NumPy cannot give a view
    view = OPS["reshape"](a, shape=result)
    return view.copy() if copy else view


def _is_fortran(a):
    flags = concrete(a).flags
    return flags.f_contiguous and not flags.c_contiguous


@lowering(np.ravel)
def ravel(a, order="C"):
    a = asarray(a)
    np.empty(0).ravel(order)  # NumPy's error
    if order == "K":  # memory order: axes by falling stride
        strides = concrete(a).strides
        axes = tuple(sorted(range(a.ndim), key=lambda k: -abs(strides[k])))
        result = OPS["reshape"](_permuted(a, axes), shape=(a.size,))
    else:
        result = reshape(a, (a.size,), order)
    is_view = np.may_share_memory(np.ravel(concrete(a), order), concrete(a))  # of contiguous arrays alone: a reshape is one of others too
    return result if is_view else owned(result)


def _permuted(a, axes):
    return a if axes == tuple(range(len(axes))) else OPS["transpose"](a, axes=axes)


def _reshapes(function):
    """A function whose result has the operand's elements in the same order, whatever their shape."""
    def lowered(a, *args, **kwargs):
        a = asarray(a)
        return OPS["reshape"](a, shape=function(stand_in(a), *args, **kwargs).shape)
    return lowered


for _function in (np.expand_dims, np.squeeze):
    lowering(_function)(_reshapes(_function))


def _at_least(function):
    def lowered(*arrays):
        results = tuple(one(a) for a in arrays)
        return results[0] if len(results) == 1 else results

    def one(a):
        a = asarray(a)
        shape = function(stand_in(a)).shape
        return a if shape == a.shape else OPS["reshape"](a, shape=shape)
    return lowered


for _function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    lowering(_function)(_at_least(_function))


# --- permuted views --------------------------------------------------------------------------------------------------


def _permutes(function):
    """A function that permutes axes: which ones is read off the shape of a stand-in whose axis k has length k."""
    def lowered(a, *args, **kwargs):
        a = asarray(a)
        axes = function(hollow(tuple(range(a.ndim))), *args, **kwargs).shape
        return OPS["transpose"](a, axes=axes)
    return lowered


for _function in (np.transpose, np.permute_dims, np.swapaxes, np.moveaxis, np.rollaxis, np.matrix_transpose, np.linalg.matrix_transpose):
    lowering(_function)(_permutes(_function))


# --- views by basic indexing, in NumPy's own code --------------------------------------------------------------------

for _function in (np.flip, np.flipud, np.fliplr, np.rot90, np.split, np.vsplit, np.hsplit, np.dsplit, np.trim_zeros,
                  *existing("unstack")):
    lowering(_function)(numpy_source(_function))


@lowering(np.array_split)
def array_split(ary, indices_or_sections, axis=0):
    ary, sections = asarray(ary), static(indices_or_sections)
    (axis,) = axes_of(axis, ary.ndim)
    places = np.array_split(np.arange(ary.shape[axis]), sections)
    if np.ndim(sections):  # any slice, also one that runs backwards, has NumPy's meaning
        bounds = [0, *sections, ary.shape[axis]]
    else:
        bounds = np.cumsum([0] + [len(place) for place in places])
    before = (slice(None),) * axis
    return [ary[before + (slice(int(start), int(stop)),)] for start, stop in zip(bounds, bounds[1:])]


# --- diagonals and triangles -----------------------------------------------------------------------------------------


@lowering(np.diagonal)
def diagonal(a, offset=0, axis1=0, axis2=1):
    """Two axes made one, and every (columns + 1)-th of its elements taken."""
    a, offset = asarray(a), static(offset)
    value = np.diagonal(concrete(a), offset, axis1, axis2)  # NumPy's errors too
    if type(a) is not Tracer:
        return value
    (axis1,), (axis2,) = axes_of(axis1, a.ndim), axes_of(axis2, a.ndim)
    rest, rows, columns = tuple(k for k in range(a.ndim) if k not in (axis1, axis2)), a.shape[axis1], a.shape[axis2]
    kept = tuple(a.shape[k] for k in rest)
    start = offset if offset >= 0 else -offset * columns
    last = (start, value.shape[-1], columns + 1) if value.shape[-1] else (0, 0, 1)
    return viewed(a, value, [
        (OPS["transpose"], (rest + (axis1, axis2),)), (OPS["reshape"], (kept + (rows * columns,),)),
        (OPS["index"], (tuple((0, n, 1) for n in kept) + (last,),))])


@lowering(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(x, window_shape, axis=None, *, subok=False, writeable=False):
    """Each window's elements taken along its axis, which goes to the end."""
    x, lengths, axis = asarray(x), static(window_shape), static(axis)
    value = np.lib.stride_tricks.sliding_window_view(concrete(x), lengths, axis)  # NumPy's errors too
    if type(x) is not Tracer:
        return value
    if writeable:
        refuse(x, "a view of overlapping windows is asked for, to be written: write into the array itself")
    steps, shape = [], list(x.shape)
    for k, length in zip(axes_of(axis, x.ndim, True), np.atleast_1d(lengths).tolist()):
        shape[k] -= length - 1
        steps.append((OPS["take"], (k,), np.arange(shape[k])[:, None] + np.arange(length)))
        shape.append(length)
        steps.append((OPS["transpose"], ((*range(k + 1), *range(k + 2, len(shape)), k + 1),)))
    return viewed(x, value, steps)


@lowering(np.linalg.diagonal)
def matrix_diagonal(x, /, *, offset=0):
    return diagonal(x, offset, -2, -1)


@lowering(np.diag)
def diag(v, k=0):
    v = asarray(v)
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        np.diag(np.zeros((0,) * v.ndim))  # NumPy's error
    k = static(k)
    size = v.shape[0] + abs(k)
    start = k if k >= 0 else -k * size
    flat = OPS["index_set"](filled(v, (size * size,), 0, v.dtype), v, idx=((start, v.shape[0], size + 1),))
    return OPS["reshape"](flat, shape=(size, size))


@lowering(np.diagflat)
def diagflat(v, k=0):
    return diag(ravel(v), k)


@lowering(np.trace)
def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None):
    return LOWERINGS[np.sum](diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype, out=out)


@lowering(np.linalg.trace)
def matrix_trace(x, /, *, offset=0, dtype=None):
    return trace(x, offset, -2, -1, dtype)


def _triangle(keep):
    def lowered(m, k=0):
        m = asarray(m)
        mask = keep(m.shape[-2:] if m.ndim > 1 else m.shape * 2, static(k))
        return OPS["where"](mask, OPS["broadcast"](m, shape=m.shape[:-2] + mask.shape) if m.ndim < 2 else m, np.zeros((), m.dtype))
    return lowered


lowering(np.tril)(_triangle(lambda shape, k: np.tri(*shape, k=k, dtype=bool)))
lowering(np.triu)(_triangle(lambda shape, k: ~np.tri(*shape, k=k - 1, dtype=bool)))


# --- repeated and moved elements -------------------------------------------------------------------------------------


@lowering(np.broadcast_to)
def broadcast_to(array, shape, subok=False):
    array = asarray(array)
    result = OPS["broadcast"](array, shape=np.broadcast_to(stand_in(array), static(shape)).shape)
    if type(concrete(result)) is np.ndarray:
        concrete(result).flags.writeable = False  # as NumPy's: its elements may lie at one place
    return result


@lowering(np.broadcast_arrays)
def broadcast_arrays(*args, subok=False):
    args = [asarray(a) for a in args]
    shape = np.broadcast_shapes(*[a.shape for a in args])
    return tuple(a if a.shape == shape else OPS["broadcast"](a, shape=shape) for a in args)


@lowering(np.tile)
def tile(A, reps):
    a, reps = asarray(A), static(reps)
    result = np.tile(np.empty((0,) * a.ndim), reps).ndim  # NumPy's errors
    reps = (reps,) if np.ndim(reps) == 0 else tuple(reps)
    shape = (1,) * (result - a.ndim) + a.shape
    reps = (1,) * (result - len(reps)) + tuple(int(r) for r in reps)
    split = tuple(n for k in range(result) for n in (1, shape[k]))
    spread = tuple(n for k in range(result) for n in (reps[k], shape[k]))
    tiles = OPS["broadcast"](OPS["reshape"](a, shape=split), shape=spread)
    return owned(OPS["reshape"](tiles, shape=tuple(r * n for r, n in zip(reps, shape))))


@lowering(np.repeat)
def repeat(a, repeats, axis=None):
    a, repeats = asarray(a), static(repeats)
    a, axis = (ravel(a), 0) if axis is None else (a if a.ndim else reshape(a, 1), axis_of(axis, a.ndim))
    count = a.shape[axis]
    if np.ndim(repeats):
        return OPS["take"](a, np.repeat(np.arange(count), repeats), axis=axis)
    np.repeat(np.empty(0), repeats)  # NumPy's error for a negative count
    before, after = a.shape[:axis], a.shape[axis + 1:]
    spread = OPS["broadcast"](OPS["reshape"](a, shape=before + (count, 1) + after), shape=before + (count, int(repeats)) + after)
    return owned(OPS["reshape"](spread, shape=before + (count * int(repeats),) + after))


@lowering(np.resize)
def resize(a, new_shape):
    a = ravel(a)
    places = np.resize(np.arange(a.size), static(new_shape))
    return OPS["take"](a, places, axis=0) if a.size else filled(a, places.shape, 0, a.dtype)


@lowering(np.roll)
def roll(a, shift, axis=None):
    a, shift = asarray(a), static(shift)
    if axis is None:
        return reshape(roll(ravel(a), shift, 0), a.shape)
    axes = axes_of(axis, a.ndim, allow_duplicate=True)
    pairs = np.broadcast(shift, axes)
    if pairs.ndim > 1:
        raise ValueError("'shift' and 'axis' should be scalars or 1D sequences")
    for shift, axis in pairs:
        axis, cut = int(axis), -int(shift) % (a.shape[axis] or 1)
        if cut:
            before = (slice(None),) * axis
            a = OPS["concatenate"](a[before + (slice(cut, None),)], a[before + (slice(None, cut),)], axis=axis)
    return a.copy()


@lowering(np.pad)
def pad(array, pad_width, mode="constant", **kwargs):
    """Constants: the array written into the filled result. Copies of elements: taken along each axis. The rest: NumPy's code."""
    array, pad_width = asarray(array), static(pad_width)
    takes_elements = mode in ("edge", "wrap", "reflect", "symmetric") and kwargs.get("reflect_type", "even") == "even"
    one_value = mode == "constant" and np.ndim(kwargs.get("constant_values", 0)) == 0
    if not (takes_elements or one_value):
        return _pad_source(array, pad_width, mode, **kwargs)
    checked = {name: value for name, value in kwargs.items() if not one_value or name != "constant_values"}
    shape = np.pad(np.empty(array.shape, bool), pad_width, mode, **checked).shape  # NumPy's errors
    width = _as_pairs(pad_width, array.ndim)
    if one_value:
        value = cast(asarray(kwargs.get("constant_values", 0)), array.dtype)
        idx = tuple((before, n, 1) for (before, _), n in zip(width, array.shape))
        return OPS["index_set"](filled(array, shape, value, array.dtype), array, idx=idx)
    for axis, pair in enumerate(width):
        if any(pair):
            array = OPS["take"](array, np.pad(np.arange(array.shape[axis]), pair, mode, **kwargs), axis=axis)
    return array.copy()


_pad_source = numpy_source(np.pad)


def _as_pairs(pad_width, ndim):
    """One (before, after) per axis, from any of the forms that np.pad takes (already checked by NumPy)."""
    if not isinstance(pad_width, dict):
        return [tuple(int(n) for n in pair) for pair in np.broadcast_to(pad_width, (ndim, 2))]
    pairs = [(0, 0)] * ndim
    for axis, width in pad_width.items():
        pairs[axis] = width if isinstance(width, tuple) else (width, width)
    return pairs


@lowering(*existing("astype"))
def astype(x, dtype, /, *, copy=True, device=None):
    np.astype(stand_in(x), dtype, copy=copy, **({} if device is None else {"device": device}))  # NumPy's errors
    return x.astype(dtype, copy=copy) if np.dtype(dtype) in NAME_OF_DTYPE else cast(x, dtype)


@lowering(np.copy)
def copy(a, order="K", subok=False):
    np.empty(0).copy(order)  # NumPy's error
    return asarray(a).copy(order)
