"""Parts: sums of parts into zeros, of which most are stores. A reverse sweep makes them of an array that is read part by part.

`index_add(index_add(zeros, u, [0]), v, [1])` adds nothing to anything where the parts are disjoint: each is stored, and where together they
are the whole array nobody makes the zeros; where they leave gaps along one axis, these alone are cleared. In: `Facts`. Out: which index_add records store. Read next: `update` in `schedule_records.py`.
"""

from ..ops import OPS
from ..ops.linear import disjoint
from . import classify

_INDEX_ADD, _BROADCAST = OPS["index_add"].code, OPS["broadcast"].code
MOST_PARTS = 64  # each part is compared with all before it, of which there are at most so many


def gathered_parts(facts, is_zero):
    """{index_add record that stores: whether the zeros are needed, or the indices of those that are}."""
    chains, chain_of, uses = [], {}, None
    for k, op in enumerate(facts.op):
        if op != _INDEX_ADD or facts.kind[k] != classify.UPDATE:
            continue
        x = facts.operands[facts.first[k]]
        if facts.op[x] == _BROADCAST and is_zero(facts.operands[facts.first[x]]):
            chain = []
            chains.append(chain)
        else:
            chain = chain_of.get(x)
            if uses is None:
                uses = facts.uses()
            if chain is None or uses[x] > 1 or (facts.late and facts.late[k] != facts.late[x]):
                continue
        chain.append(k)
        chain_of[k] = chain
    stores = {}
    for chain in chains:
        first = _first_parts(facts, chain)
        whole = sum(facts.size[facts.type[facts.operands_of(k)[1]]] for k in first) == facts.size[facts.type[chain[0]]]
        gaps = () if whole else _gaps([facts.tape.params_of(k)[0] for k in first], facts.shape[facts.type[chain[0]]])
        stores.update(dict.fromkeys(first, gaps is None))
        if gaps:
            stores[chain[0]] = gaps
    return stores


def _gaps(parts, shape):
    """The indices of what lies between parts that are whole but along one axis, if it is less than half; else None."""
    whole = [(0, n, 1) for n in shape]
    axes = {axis for idx in parts for axis, item in enumerate(idx) if item != whole[axis]}
    if len(axes) != 1:
        return None
    (axis,) = axes
    pieces = sorted((item, 1, 1) if isinstance(item, int) else item for item in (idx[axis] for idx in parts))
    if any(step != 1 and count > 1 for _, count, step in pieces):
        return None
    gaps, end = [], 0
    for start, count, _ in [*pieces, (shape[axis], 0, 1)]:
        if start > end:
            gaps.append((*whole[:axis], (end, start - end, 1), *whole[axis + 1:]))
        end = start + count
    return tuple(gaps) if 2 * sum(idx[axis][1] for idx in gaps) < shape[axis] else None


def _first_parts(facts, chain):
    """The records of a chain whose part has no element in common with those before it."""
    found, points, slices = [], set(), []  # of all parts so far, those that are single elements and the others
    for k in chain:
        idx = facts.tape.params_of(k)[0]
        is_point = all(isinstance(item, int) for item in idx)
        apart = idx not in points if is_point else not points or (len(points) <= MOST_PARTS and all(disjoint(idx, other) for other in points))
        if apart and len(slices) <= MOST_PARTS and all(disjoint(idx, other) for other in slices):
            found.append(k)
        if is_point:
            points.add(idx)
        else:
            slices.append(idx)
    return found
