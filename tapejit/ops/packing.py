"""Several results in one record: the parts flattened and joined along the last axis.

A row such as eigh has two results, w of shape (..., n) and v of shape (..., n, n), and a record has one value: of shape
(..., n + n*n). `pack` joins arrays (in `evaluate`), `unpack` takes a value apart by views (in lowerings and rules, on tracers
and Exprs alike), `join` packs Exprs again: what a rule does with a cotangent is unpack, and with tangents join.
The leading axes (...) are those of a stack of problems. Read next: `decompositions.py`.
"""

from math import prod

from .table import OPS


def packed_length(shapes):
    """How many elements parts of these shapes (without the leading axes) have together."""
    return sum(prod(shape) for shape in shapes)


def pack(np, parts, shapes):
    """The arrays `parts`, whose last axes are `shapes`, as one array."""
    lead = parts[0].shape[:parts[0].ndim - len(shapes[0])]
    return np.concatenate([np.reshape(part, (*lead, prod(shape))) for part, shape in zip(parts, shapes)], axis=-1)


def unpack(packed, shapes):
    """The parts of a packed value, as views."""
    lead = tuple(packed.shape[:-1])
    start, parts = 0, []
    for shape in shapes:
        count = prod(shape)
        idx = tuple((0, n, 1) for n in lead) + ((start, count, 1),)
        parts.append(OPS["reshape"](OPS["index"](packed, idx=idx), shape=lead + tuple(shape)))
        start += count
    return parts


def join(parts, shapes):
    """The Exprs `parts`, whose last axes are `shapes`, as one."""
    lead = parts[0].shape[:len(parts[0].shape) - len(shapes[0])]
    flat = [OPS["reshape"](part, shape=lead + (prod(shape),)) for part, shape in zip(parts, shapes)]
    return OPS["concatenate"](*flat, axis=len(lead))
