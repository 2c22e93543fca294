"""The Python half of the shadow checks: before a sweep, every buffer of the user's that it will write is held against its
primal: kind, dtype, byte order, shape, writability, overlap. Nothing is written unless all of them pass.

The C half (count, byte length, alignment, overlap of address ranges) is in csrc and runs at each sweep, whoever calls.
"""

from __future__ import annotations

import numpy as np

from ..errors import ShadowOverlapError, ShadowReadOnlyError, ShadowShapeError, ShadowStructureError, ShadowTypeError
from ..tape.types import DTYPE_OF_NAME
from ..tree import StructureMismatch, flatten, mirrored


def open_shadows(shadows, mirror, types, readers, accumulate=False):
    """Check the shadows of a sweep; returns (arrays to write, function that finishes).

    shadows     the user's container of buffers
    mirror      a container of the same structure whose leaves are the index of each gradient, or None where there is none
    types       the Type of each gradient, by index
    readers     (path, array) of every buffer that the sweep reads
    accumulate  add to the shadows instead of setting them

    The arrays to write are C-contiguous: the user's own, or, to add and for other layouts, temporaries. finish(arrays written) brings
    to the shadows what does not lie there yet.
    """
    places, expected = flatten(mirror)
    try:
        leaves = [(path, plain_array(path, shadow)) for path, shadow in mirrored(shadows, expected, "out")]
    except StructureMismatch as mismatch:
        raise ShadowStructureError(f"{mismatch}: expected the containers of the result, as make_zero of the arguments gives") from None
    for (path, shadow), place in zip(leaves, places):
        check_shadow(path, shadow, types[place])
    for k, (path, shadow) in enumerate(leaves):
        for other, array in [*readers, *leaves[:k]]:
            if overlaps(shadow, array):
                raise ShadowOverlapError(f"{path} shares memory with {other}: each result needs a buffer of its own, such as np.empty_like gives")
    targets = [np.empty(type.shape, DTYPE_OF_NAME[type.dtype]) for type in types]
    for place, (_, shadow) in zip(places, leaves):
        if shadow.flags.c_contiguous and shadow.flags.aligned and not accumulate:
            targets[place] = shadow

    def finish(written):
        for place, (_, shadow) in zip(places, leaves):
            if accumulate:
                with np.errstate(all="ignore"):  # as in the kernel: other shadows have been written, so that an overflow cannot be an error
                    shadow += written[place]
            elif written[place] is not shadow:
                shadow[...] = written[place]

    return targets, finish


def plain_array(path, shadow):
    """The ndarray on the memory of an array of a subclass, whose own assignment might do something else; anything else as it is."""
    if isinstance(shadow, (np.ma.MaskedArray, np.matrix)):
        raise ShadowTypeError(f"{path}: expected a plain ndarray, found {type(shadow).__name__}: pass np.asarray of it")
    return shadow.view(np.ndarray) if type(shadow) is not np.ndarray and issubclass(type(shadow), np.ndarray) else shadow


def check_shadow(path, shadow, expected, written=True):
    """Raise a ShadowError unless `shadow` can hold a value of the Type `expected`; the message names the path, what was expected and what was found.

    written   False for a tangent, which is read: then it may be read-only, and its elements may share memory
    """
    dtype = DTYPE_OF_NAME[expected.dtype]
    if not issubclass(type(shadow), np.ndarray):
        raise ShadowTypeError(f"{path}: expected an array of dtype {dtype} and shape {expected.shape}, found {type(shadow).__name__}: pass np.zeros({expected.shape}, '{dtype}')")
    if shadow.dtype != dtype:
        if shadow.dtype.newbyteorder("=") == dtype:
            raise ShadowTypeError(f"{path}: expected dtype {dtype} in native byte order, found {shadow.dtype.str}")
        raise ShadowTypeError(f"{path}: expected dtype {dtype}, as its primal has, found {shadow.dtype}")
    if shadow.shape != expected.shape:
        raise ShadowShapeError(f"{path}: expected shape {expected.shape}, as its primal has, found {shadow.shape}")
    if written and not shadow.flags.writeable:
        raise ShadowReadOnlyError(f"{path}: expected a buffer that can be written, found a read-only array: pass a copy, or one made by np.zeros_like")
    if written and self_overlaps(shadow):
        raise ShadowOverlapError(f"{path}: expected one place in memory per element, found strides {shadow.strides} for shape {shadow.shape}, "
                                 "in which elements share memory: pass a copy")


def self_overlaps(array):
    """True when two elements of the array lie in the same memory (a broadcast view, for example)."""
    reach = array.itemsize
    for stride, count in sorted((abs(stride), count) for stride, count in zip(array.strides, array.shape) if count > 1):
        if stride < reach:
            return array.size > 0 and not _interlocked(array)
        reach += stride * (count - 1)
    return False


def _interlocked(array):
    """True when all elements lie apart, though the rows of one axis reach between those of another. Large arrays are taken not to."""
    if array.size > 1_000_000 or 0 in [stride for stride, count in zip(array.strides, array.shape) if count > 1]:
        return False
    starts = np.zeros(1, np.int64)
    for stride, count in zip(array.strides, array.shape):
        starts = np.add.outer(starts, stride * np.arange(count)).ravel()
    starts.sort()
    return bool(np.all(np.diff(starts) >= array.itemsize))


def overlaps(a, b):
    """True unless the two arrays surely share no memory."""
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=100_000)
    except np.exceptions.TooHardError:
        return True
