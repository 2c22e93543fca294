"""The Enzyme-style surface: derivatives into memory that the user owns.

`autodiff(mode, function, *activities)`: each argument comes in an activity, which says how it takes part.

Const(x)                  no derivative (an argument that is not wrapped is Const)
Active(x)                 reverse: a float (or container of floats); its derivative is returned
Duplicated(x, dx)         reverse: arrays; dx, a buffer like x, is ADDED to
DuplicatedOnly(x, dx)     as Duplicated, but what the function writes into x is not written back
Dual(x, x_dot)            forward: x_dot is the tangent of x
DualOnly(x, x_dot)        as Dual, but what the function writes into x is not written back

One rule covers arguments that the function writes: in reverse mode the shadow comes in as the cotangent of the argument's final value and
goes out as the cotangent of its initial value. For an argument that is not written this is addition; the shadow of a pure output is
consumed (zero afterwards). In forward mode the shadow of a written argument comes in as the tangent of its initial value and goes out as that of its final value.

Every shadow that is to be written is checked before the first write: a ShadowError, a guard or an exception of the function leave all buffers as they were.
"""

from __future__ import annotations

import numpy as np

from .autodiff_answers import Shadows
from .errors import ArgumentError, ShadowStructureError
from .recording import argument_paths
from .request import Request
from .seeded import checked_seed
from .specialize import specializer_of
from .tape.types import type_of
from .tree import flatten


class Activity:
    """How an argument takes part; see the module's text."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value

    def __repr__(self):
        return f"{type(self).__name__}({self.value!r})"


class Const(Activity):
    """No derivative."""

    __slots__ = ()


class Active(Activity):
    """A float, or a container of floats, whose derivative is returned (reverse mode)."""

    __slots__ = ()


class Shadowed(Activity):
    """An argument with a shadow."""

    __slots__ = ("shadow",)

    def __init__(self, value, shadow):
        self.value, self.shadow = value, shadow

    def __repr__(self):
        return f"{type(self).__name__}({self.value!r}, {self.shadow!r})"


class Duplicated(Shadowed):
    """Arrays and the shadow that their cotangents are added to (reverse mode)."""

    __slots__ = ()


class DuplicatedOnly(Duplicated):
    """Duplicated, but what the function writes into the argument is not written back."""

    __slots__ = ()


class Dual(Shadowed):
    """An argument and its tangent (forward mode)."""

    __slots__ = ()


class DualOnly(Dual):
    """Dual, but what the function writes into the argument is not written back."""

    __slots__ = ()


class Mode:
    """Reverse or Forward, with or without the function's result."""

    __slots__ = ("name", "kind", "with_primal", "allowed", "advice")

    def __init__(self, name, kind, with_primal, allowed, advice):
        self.name, self.kind, self.with_primal, self.allowed, self.advice = name, kind, with_primal, allowed, advice

    def __repr__(self):
        return self.name


_REVERSE = (Const, Active, Duplicated), "Active(x) for a float, Duplicated(x, dx) for arrays"
_FORWARD = (Const, Dual), "Dual(x, x_dot)"
Reverse = Mode("Reverse", "autodiff reverse", False, *_REVERSE)
ReverseWithPrimal = Mode("ReverseWithPrimal", "autodiff reverse", True, *_REVERSE)
Forward = Mode("Forward", "autodiff forward", False, *_FORWARD)
ForwardWithPrimal = Mode("ForwardWithPrimal", "autodiff forward", True, *_FORWARD)


def autodiff(mode, function, *activities, ret=None, seed=None, retarget=True, pure=False):
    """Differentiate `function` at the activities' values, through the activities' shadows.

    mode   Reverse: returns a tuple with the derivative of each Active argument and None for the others. The result of the function, one number, is seeded with 1
           Forward: returns the tangent of the result. ReverseWithPrimal, ForwardWithPrimal: returns (that, result)
    ret    Const: the result is not seeded; derivatives flow through the arguments that the function writes alone
    seed   the cotangent of the result, with its containers and shapes, where it is not one number

    Errors: ArgumentError for an activity that does not fit the mode or the argument, ShadowError for a shadow that does not mirror its primal;
    a RuntimeWarning when every seed is zero. After an error all buffers are as they were.

    >>> import numpy as np
    >>> from tapejit import autodiff, Active, Const, Duplicated, Reverse
    >>> x, dx = np.array([1.0, 2.0]), np.zeros(2)
    >>> autodiff(Reverse, lambda x, a: a * np.sum(x**2), Duplicated(x, dx), Active(3.0))
    (None, 5.0)
    >>> dx
    array([ 6., 12.])
    """
    if not isinstance(mode, Mode):
        raise ArgumentError(f"autodiff: mode: expected Reverse, ReverseWithPrimal, Forward or ForwardWithPrimal, found {mode!r:.60}")
    activities = [a if isinstance(a, Activity) else Const(a) for a in activities]
    values, names = [], []
    for k, activity in enumerate(activities):
        if not isinstance(activity, mode.allowed):
            raise ArgumentError(f"autodiff: args[{k}] is {type(activity).__name__}, which does not go with {mode}: pass {mode.advice}, or Const(x)")
        values.append(_as_arrays(activity.value))
        names.append(type(activity).__name__)
    args = tuple(values)
    leaves, tree = flatten((args, {}))
    shadows = _shadows(mode, activities, args, argument_paths(tree))
    if ret not in (None, Const):
        raise ArgumentError(f"autodiff: ret: expected Const or nothing, found {ret!r:.60}")
    if seed is not None and (mode.kind != "autodiff reverse" or ret is Const):
        raise ArgumentError("autodiff: seed: only the result of a Reverse sweep is seeded, and not with ret=Const")
    if seed is not None:
        shadows.seeds = [checked_seed(s, type_of(s), "autodiff: seed") for s in flatten(seed)[0] if s is not None]
    argnums = tuple(k for k, activity in enumerate(activities) if not isinstance(activity, Const))
    request = Request(mode.kind, argnums, (), False, bool(retarget), bool(pure), (tuple(names), mode.with_primal, seed is not None, ret is Const))
    return specializer_of(function, request).call(args, {}, shadows)


def _as_arrays(value):
    """A container whose leaves that own memory (memoryview, array.array, memory maps, tensors on the CPU) are arrays on that memory."""
    leaves, tree = flatten(value)
    return tree.build([_as_array(leaf) for leaf in leaves])


def _as_array(leaf):
    if isinstance(leaf, (np.ndarray, np.generic, bool, int, float, complex, str, bytes)) or callable(leaf):
        return leaf
    try:
        return np.asarray(memoryview(leaf))
    except TypeError:
        return np.from_dlpack(leaf) if hasattr(leaf, "__dlpack__") else leaf


def _shadows(mode, activities, args, paths):
    """The Shadows of a call: {leaf index: shadow} for the floating leaves, of checked structure."""
    of_leaf, low = {}, 0
    for activity, value in zip(activities, args):
        leaves, tree = flatten(value)
        if isinstance(activity, Active):
            for k, leaf in enumerate(leaves, low):
                if isinstance(leaf, np.ndarray):
                    raise ArgumentError(f"autodiff: {paths[k]} is an array, and Active returns the derivatives of numbers: pass Duplicated({paths[k]}, shadow)")
        elif isinstance(activity, Shadowed):
            matched = _match(activity.shadow, leaves, tree, paths[low:low + len(leaves)] or [f"args[{len(of_leaf)}]"])
            for k, (leaf, shadow) in enumerate(zip(leaves, matched), low):
                if not _is_floating(leaf):
                    continue
                if not isinstance(leaf, np.ndarray) and isinstance(activity, Duplicated):
                    raise ArgumentError(f"autodiff: {paths[k]} is a {type(leaf).__name__}, which has no memory for a shadow: pass Active({paths[k]}), or a 0-d array")
                if isinstance(activity, Dual):
                    checked_seed(shadow, type_of(leaf), f"autodiff: the tangent of {paths[k]}")
                of_leaf[k] = shadow
        low += len(leaves)
    return Shadows(of_leaf)


def _is_floating(leaf):
    return type(leaf) is float or getattr(getattr(leaf, "dtype", None), "kind", "") == "f"


def _match(shadow, leaves, tree, paths):
    """The leaves of a shadow in the order of its primal's leaves; None stands for a leaf without a derivative."""
    try:
        shadow = _as_arrays(shadow)
    except (BufferError, ValueError) as error:
        raise ShadowStructureError(f"the shadow of {paths[0]}: its memory cannot be used: {error}") from None
    found, shape = flatten(shadow)
    if shape == tree:
        return found
    bare = tree.build([leaf if _is_floating(leaf) else None for leaf in leaves])
    floating, expected = flatten(bare)
    if shape != expected:
        raise ShadowStructureError(f"the shadow of {paths[0]}: expected the containers of its primal, {tree!r}, found {shape!r}: make one with make_zero")
    found = iter(found)
    return [next(found) if _is_floating(leaf) else None for leaf in leaves]


def make_zero(value):
    """A shadow for `value`: the same containers, zeros for floating leaves (0.0 for a Python float), None for the others.

    >>> import numpy as np, tapejit as tj
    >>> tj.make_zero({"w": np.ones(2), "steps": 3})
    {'w': array([0., 0.]), 'steps': None}
    """
    leaves, tree = flatten(_as_arrays(value))
    return tree.build([(0.0 if type(leaf) is float else np.zeros_like(leaf, subok=False)) if _is_floating(leaf) else None for leaf in leaves])


def make_zero_(shadow):
    """Set every array of a shadow to zero, in place.

    >>> import numpy as np, tapejit as tj
    >>> dx = [np.ones(2)]
    >>> tj.make_zero_(dx)
    >>> dx
    [array([0., 0.])]
    """
    for leaf in flatten(_as_arrays(shadow))[0]:
        if isinstance(leaf, np.ndarray):
            leaf[...] = 0
