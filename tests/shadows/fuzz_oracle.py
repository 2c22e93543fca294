"""Which calls of autodiff are legal, in NumPy's own words: dtype, shape, flags, the bytes that an array covers, np.shares_memory.

Nothing of tapejit is used but the names of activities and errors. One rule covers memory: a buffer that the call writes (each shadow in
reverse mode, the shadows of written arguments in forward mode, the arguments that the function writes) is writable, no two of its elements
share a byte, and it shares none with another buffer that the call is given or that the function captures.
"""

import array
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
from shadows.fuzz_memory import bytes_covered

import tapejit as tj
from tapejit import Active, Const, Dual, Duplicated

Pair = namedtuple("Pair", "a b")


@dataclass
class Model:
    weight: object
    rest: object


def children(tree):
    """The items of a container in order, or None for a leaf. None is a container of nothing."""
    if tree is None:
        return []
    if isinstance(tree, dict):
        return list(tree.values())
    if isinstance(tree, (list, tuple)):
        return list(tree)
    if isinstance(tree, Model):
        return [tree.weight, tree.rest]
    return None


def leaves_of(tree):
    inside = children(tree)
    return [tree] if inside is None else [leaf for child in inside for leaf in leaves_of(child)]


def as_array(value):
    """The array that a leaf is, or whose memory it is; None for anything else."""
    if isinstance(value, (memoryview, array.array)):
        return np.asarray(memoryview(value))
    return value if isinstance(value, np.ndarray) else None


def is_floating(leaf):
    found = as_array(leaf)
    return type(leaf) is float if found is None else found.dtype.kind == "f"


class Mismatch(Exception):
    """The containers of a shadow are not those of its primal."""


def mirrored(primal, shadow):
    """{position of a floating leaf among the primal's leaves: its shadow}. The shadow has None, or a leaf, for all of the other leaves."""
    out, styles, position = {}, set(), -1

    def walk(primal, shadow):
        nonlocal position
        inside, other = children(primal), children(shadow)
        if inside is None:
            position += 1
            if is_floating(primal):
                if other is not None:
                    raise Mismatch
                out[position] = shadow
            else:
                styles.add(shadow is None)
            return
        if type(primal) is not type(shadow) or isinstance(primal, dict) and list(primal) != list(shadow) or len(inside) != len(other):
            raise Mismatch
        for a, b in zip(inside, other):
            walk(a, b)

    walk(primal, shadow)
    if len(styles) > 1:
        raise Mismatch
    return out


def self_overlaps(array):
    """Whether two elements share a byte."""
    return array.size > 0 and int(bytes_covered(array)[1].sum()) < array.nbytes


def share(a, b):
    return bool(a.size and b.size and np.shares_memory(a, b))


def judge(call):
    """The classes of error of which one is due; none when the call is legal.

    call.reverse      the mode
    call.activities   the activities as passed
    call.written      per argument, the positions of the leaves that the function writes
    call.flows        per argument, the arguments on whose values its written leaves depend
    call.captured     arrays that the function reads by name
    call.seed         what is passed as seed=, or None; call.results: (shape, dtype) of each item of the list that the function returns
    """
    due = set()
    reads, writes = list(call.captured), []
    for k, activity in enumerate(call.activities):
        leaves = leaves_of(activity.value)
        for position, leaf in enumerate(leaves):
            found = as_array(leaf)
            if found is None:
                if type(leaf) is float and isinstance(activity, Duplicated):
                    due.add(tj.ArgumentError)
                continue
            if isinstance(activity, Active):
                due.add(tj.ArgumentError)
            (writes if position in call.written[k] else reads).append(found)
        if isinstance(activity, Dual if call.reverse else (Active, Duplicated)):
            due.add(tj.ArgumentError)
        elif isinstance(activity, Const) and call.written[k] and any(not isinstance(call.activities[j], Const) for j in call.flows[k]):
            due.add(tj.ArgumentError)
        elif isinstance(activity, (Duplicated, Dual)):
            judge_shadows(call, k, activity, leaves, reads, writes, due)
    if call.seed is not None:
        seeds = [as_array(seed) for seed in leaves_of(call.seed)]
        reads += seeds
        if type(call.seed) is not list or len(seeds) != len(call.results):
            due.add(tj.ArgumentError)
        elif any(s.shape != shape or not np.can_cast(s.dtype, dtype, "same_kind") for s, (shape, dtype) in zip(seeds, call.results)):
            due.add(tj.ArgumentError)
    for k, buffer in enumerate(writes):
        if not buffer.flags.writeable:
            due.add(tj.ShadowReadOnlyError)
        if self_overlaps(buffer) or any(share(buffer, other) for other in reads + writes[:k]):
            due.add(tj.ShadowOverlapError)
    return due


def judge_shadows(call, k, activity, leaves, reads, writes, due):
    """Hold the shadow of argument k against its primal, and enter its arrays with those that are written, or only read."""
    try:
        shadows = mirrored(activity.value, activity.shadow)
    except Mismatch:
        due.add(tj.ShadowStructureError)
        return
    for position, shadow in shadows.items():
        like, found = as_array(leaves[position]), as_array(shadow)
        if found is None or like is None:
            if like is not None or type(shadow) is not float:
                due.add(tj.ShadowTypeError)
            continue
        if found.dtype != like.dtype.newbyteorder("="):
            due.add(tj.ShadowTypeError)
        if found.shape != like.shape:
            due.add(tj.ShadowShapeError)
        (writes if call.reverse or position in call.written[k] else reads).append(found)
