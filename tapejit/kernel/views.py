"""The arithmetic of views: how a value lies in memory after indexing, transposing, broadcasting and reshaping.

Strides are in bytes and *squeezed*: one per axis that has more than one element, because an axis of one element needs none.
So `(n, 1)` and `(n,)` lie alike, and records that differ in such axes alone can share a loop. Pure functions of tuples.
Read next: `fuse.py`.
"""

from functools import lru_cache


@lru_cache(65536)
def squeeze(shape):
    """The shape without its axes of one element."""
    return tuple(n for n in shape if n != 1)


@lru_cache(65536)
def row_major(shape, itemsize):
    """The strides of a C-contiguous array, one per axis of `shape` (squeezed or not)."""
    strides, step = [], itemsize
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


def unsqueeze(shape, strides):
    """Squeezed strides as one per axis of `shape`: 0 where the axis has one element."""
    given = iter(strides)
    return tuple(next(given) if n != 1 else 0 for n in shape)


def indexed(strides, idx):
    """(offset in bytes, squeezed strides) of `[idx]` of an array with one stride per axis; idx as in `ops/linear.py`."""
    offset, out = 0, []
    for item, stride in zip(idx, strides):
        if isinstance(item, int):
            offset += item * stride
        else:
            start, count, step = item
            offset += start * stride
            if count != 1:
                out.append(step * stride)
    return offset, tuple(out)


def transposed(shape, strides, axes):
    """Squeezed strides of an array of `shape` after a permutation of its axes."""
    full = unsqueeze(shape, strides)
    return tuple(full[a] for a in axes if shape[a] != 1)


def turned(shape, axes, itemsize):
    """The squeezed strides of an array of `shape` that lies in memory as its transposition by `axes` would in C order."""
    steps = row_major(tuple(shape[a] for a in axes), itemsize)
    full = dict(zip(axes, steps))
    return tuple(full[a] for a in range(len(shape)) if shape[a] != 1)


@lru_cache(65536)
def _alignment(shape, result):
    """For each squeezed axis of `result`, the place of the squeezed axis of `shape` that runs along it, or None (stretched)."""
    places = {}
    for axis, n in enumerate(shape, len(result) - len(shape)):
        if n != 1:
            places[axis] = len(places)
    return tuple(places.get(axis) for axis, n in enumerate(result) if n != 1)


def stretched(shape, strides, result):
    """Squeezed strides after broadcasting an array of `shape` to the shape `result`."""
    if shape == result:
        return strides
    return tuple(0 if place is None else strides[place] for place in _alignment(shape, result))


def reshaped(shape, strides, result):
    """Squeezed strides of the same elements, in C order, under the shape `result`; None when no strides describe them.

    Both shapes are squeezed.
    """
    out = []
    k = 0
    j = 0
    while k < len(shape):
        first, count = k, shape[k]
        k += 1
        group = [result[j]]
        new = result[j]
        j += 1
        while count != new:
            if count < new:
                if strides[k - 1] != shape[k] * strides[k]:
                    return None
                count *= shape[k]
                k += 1
            else:
                group.append(result[j])
                new *= result[j]
                j += 1
        assert first < k
        step, steps = strides[k - 1], []
        for n in reversed(group):
            steps.append(step)
            step *= n
        out.extend(reversed(steps))
    return tuple(out)
