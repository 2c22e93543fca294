"""Compress: append to a tape the sweeps that find a sparse derivative, one for each colour, and the records that gather its elements.

In: a Builder and a Colouring. Out: ids of values. Where the sweeps are few they are copies in one program, which the fuser runs in common
loops; else one sweep whose colour is a late seed.
"""

from __future__ import annotations

from math import prod

import numpy as np

from ..ops import OPS
from ..ops.linear import zeros
from ..tape.types import DTYPE_OF_NAME
from .differentiate import forward, reverse


def _sweep(builder, colouring, source, target, seed):
    """The id of what one sweep with a seed (an id) gives, None where it is zero."""
    if colouring.reverse:
        return reverse(builder, {target: seed}, [source])[0]
    return forward(builder, {source: seed}, [target])[0]


def compressed(builder, colouring, source, target):
    """An Expr of all sweeps' results in a row: (colours * elements of each,)."""
    seeded, given = (target, source) if colouring.reverse else (source, target)
    seeded, given = builder.type_of(seeded), builder.type_of(given)
    found, zero = [], builder.expr(builder.number(0, given.dtype))
    for number in range(colouring.count):
        seed = (colouring.colours == number).reshape(seeded.shape)
        if seed.all():  # known to be ones, it leaves more to simplify
            one = builder.expr(builder.number(1, seeded.dtype))
            seed = OPS["broadcast"](one, shape=seeded.shape).id if seeded.shape else one.id
        else:
            seed = builder.constant(seed.astype(DTYPE_OF_NAME[seeded.dtype]))
        id = _sweep(builder, colouring, source, target, seed)
        line = zeros(zero, given.shape) if id is None else builder.expr(id)
        found.append(OPS["reshape"](line, shape=(prod(given.shape),)))
    if not found:
        return zeros(zero, (0,))
    return OPS["concatenate"](*found, axis=0) if len(found) > 1 else found[0]


def compressed_late(builder, colouring, source, target):
    """The id of the result of one sweep whose colour an appended input chooses: a vector with a one at that colour. None where it is zero."""
    seeded = builder.type_of(target if colouring.reverse else source)
    choice = builder.expr(builder.input(type(seeded)(seeded.dtype, (colouring.count,)), "seeds"))
    if (colouring.colours < 0).any():  # an empty row or column takes no seed
        choice = OPS["concatenate"](choice, zeros(choice, (1,)), axis=0)
    indices = builder.expr(builder.constant(np.where(colouring.colours < 0, colouring.count, colouring.colours).reshape(seeded.shape)))
    return _sweep(builder, colouring, source, target, OPS["take"](choice, indices, axis=0).id)


def gathered(lines, colouring):
    """The stored elements, in CSR order, of what `compressed` gives."""
    places = colouring.places
    if np.array_equal(places, np.arange(lines.shape[0])):
        return lines
    return OPS["take"](lines, _constant(lines, places), axis=0)


def scattered(data, pattern, rows, columns):
    """The dense matrix with these stored elements, flat."""
    if pattern.columns.size == rows * columns:
        return data
    if not pattern.columns.size:
        return zeros(data, (rows * columns,))
    flat = pattern.rows * columns + pattern.columns
    return OPS["take_set"](zeros(data, (rows * columns,)), _constant(data, flat), data, axis=0)


def _constant(like, array):
    return like.builder.expr(like.builder.constant(np.asarray(array, np.int64)))
