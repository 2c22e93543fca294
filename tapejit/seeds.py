"""Seeds: the tangents and cotangents that a user gives, held against what they belong to. They are read, never written.

A real seed of a complex value is taken as a complex one; a complex seed of a real value is refused."""

from __future__ import annotations

import numpy as np

from .errors import ArgumentError
from .ops import FLOATS, OPS
from .tape.types import DTYPE_OF_NAME
from .trace import Tracer
from .tree import StructureMismatch, mirrored


def cotangent_leaves(recording, cotangent, what):
    """The checked cotangents of the floating results of a recording, in order, from a container like the function's result."""
    tape = recording.tape
    leaves = _mirrored(cotangent, recording.out_tree, what)
    return [checked_seed(leaf, tape.type_of(output.id), path) for (path, leaf), output in zip(leaves, recording.outputs)
            if output.kind != "static" and tape.type_of(output.id).dtype in FLOATS]


def tangent_leaves(recording, tangents, name):
    """The checked tangents of the differentiated leaves, from one container per positional argument."""
    args = recording.tree.children[0]
    if len(tangents) != len(args.children):
        raise ArgumentError(f"{name}: expected one tangent per primal, {len(args.children)}, found {len(tangents)}")
    leaves = _mirrored(tuple(tangents), args, f"{name}: tangents")
    tape = recording.tape
    position = recording.position_of_leaf
    return [checked_seed(leaves[k][1], tape.type_of(tape.inputs[position[k]]), leaves[k][0]) for k in recording.differentiated]


def _mirrored(value, tree, what):
    try:
        return mirrored(value, tree, what)
    except StructureMismatch as mismatch:
        raise ArgumentError(str(mismatch)) from None


def checked_seed(value, type_, what):
    """A tangent or cotangent as an input array of `type_` (Tracers as they are); ArgumentError when its kind or shape differs."""
    dtype = DTYPE_OF_NAME[type_.dtype]
    if type(value) is Tracer:
        if np.shape(value.value) != type_.shape:
            raise ArgumentError(f"{what}: expected shape {type_.shape}, found {np.shape(value.value)}")
        found = np.asarray(value.value).dtype
        if found == dtype:
            return value
        if not np.can_cast(found, dtype, "same_kind"):
            raise ArgumentError(f"{what}: expected dtype {dtype}, as its primal has, found {found}")
        return OPS["cast"](value, dtype=type_.dtype)
    if not isinstance(value, (int, float, complex, np.ndarray, np.generic)) or isinstance(value, np.ma.MaskedArray) or np.asarray(value).dtype.kind not in "biufc":
        raise ArgumentError(f"{what}: expected an array of dtype {dtype} and shape {type_.shape}, found {value.__class__.__name__}")
    array = np.asarray(value)
    if array.shape != type_.shape:
        raise ArgumentError(f"{what}: expected shape {type_.shape}, as its primal has, found {array.shape}")
    if not np.can_cast(array.dtype, dtype, "same_kind"):
        raise ArgumentError(f"{what}: expected dtype {dtype}, as its primal has, found {array.dtype}")
    return np.require(array.astype(dtype, copy=False), requirements=("C", "A"))
