"""From activities to shadows: what a call of `autodiff` or `split` gives, taken apart and held against the arguments' containers.

`open_activities` finds the shadow of each floating leaf. Dtypes, shapes, layouts and permissions are checked once the function's
tape is known (`autodiff_answers.py`, with `kernel/shadow.py`), before each sweep.
"""

from __future__ import annotations

import numpy as np

from .errors import ArgumentError, ShadowReadOnlyError, ShadowStructureError, ShadowTypeError
from .kernel.shadow import plain_array
from .recording import argument_paths
from .request import is_floating
from .roles import Active, Activity, Batch, Const, Duplicated, Shadowed
from .trace import Tracer, concrete, current_trace
from .tree import StructureMismatch, flatten, mirrored, spans


class Shadows:
    """What one call brings besides the arguments.

    of_leaf   {index of a floating leaf: [its shadow in each sweep]}: arrays (forward also numbers); made by `cut`
    given     [(path, index of the leaf, shadow, width or None)]: the same as the user gave them; a width: with a leading axis
    width     number of sweeps of a batch, or None
    seed      the cotangent of the result as the user gave it, or None
    """

    __slots__ = ("of_leaf", "given", "width", "seed")

    def __init__(self, seed=None):
        self.of_leaf, self.given, self.width, self.seed = {}, [], None, seed

    def cut(self):
        """Make `of_leaf` from what was given, which has been checked: anew before each sweep, since an array can be resized in between."""
        self.of_leaf = {}
        for _, k, shadow, leading in self.given:
            self.of_leaf.setdefault(k, []).extend([shadow] if leading is None else [shadow[i, ...] for i in range(leading)])

    @property
    def sweeps(self):
        return self.width or 1

    def by_sweep(self, rows):
        """What is returned for the results of each sweep: of a batch a tuple, else the one."""
        return rows[0] if self.width is None else tuple(rows)


def open_activities(name, mode, activities, seed=None):
    """(values of the arguments, class of each argument's activity, Shadows) of a call; `name` stands in errors."""
    values, opened = [], []
    for k, activity in enumerate(activities):
        if not isinstance(activity, Activity):
            if isinstance(activity, type) and issubclass(activity, Activity):
                raise ArgumentError(f"{name}: args[{k}] is the class {activity.__name__}: pass {activity.__name__}(value{', shadow' * issubclass(activity, Shadowed)})")
            activity = Const(activity)
        if not isinstance(activity, mode.allowed):
            raise ArgumentError(f"{name}: args[{k}] is {type(activity).__name__}, which does not go with {mode}: pass {mode.advice}, or Const(x)")
        if isinstance(activity.value, Activity):
            raise ArgumentError(f"{name}: args[{k}] is {type(activity).__name__} of {type(activity.value).__name__}: pass one activity per argument")
        values.append(as_arrays(activity.value, f"{name}: args[{k}]", ArgumentError))
        opened.append(activity)
    args = tuple(values)
    shadows = Shadows(as_arrays(seed, "seed", ArgumentError))
    leaves, tree = flatten((args, {}))
    paths = argument_paths(tree)
    first = None  # the first argument with shadows
    arguments = tree.children[0].children
    for k, (activity, child, own) in enumerate(zip(opened, arguments, spans(arguments))):
        if isinstance(activity, Active):
            for j in own:
                if _is_array(leaves[j]):
                    raise ArgumentError(f"{name}: {paths[j]} is an array, and Active returns the derivatives of numbers: pass Duplicated({paths[j]}, shadow)")
        elif isinstance(activity, Shadowed):
            width = _width(activity)
            if first is None:
                first, shadows.width = k, width
            elif width != shadows.width:
                _refuse_width(name, k, activity, width, first, opened[first], shadows.width)
            for j in own:
                if is_floating(leaves[j]) and not _is_array(leaves[j]) and isinstance(activity, Duplicated):
                    raise ArgumentError(f"{name}: {paths[j]} is a {_kind(leaves[j])}, which has no memory for a shadow: pass Active({paths[j]}), or a 0-d array")
            _enter(shadows, activity, child, leaves, own, f"args[{k}]")
    return args, tuple([type(activity) for activity in opened]), shadows


def _enter(shadows, activity, tree, leaves, own, path):
    """Enter the shadows of one argument, whose leaves are those with the indices `own`."""
    batch, leading = shadows.width, None
    if batch is None:
        containers = [(f"the shadow of {path}", activity.shadow)]
    elif type(activity.shadow) is tuple:
        containers = [(f"shadow {i} of {path}", shadow) for i, shadow in enumerate(activity.shadow)]
    else:
        containers, leading = [(f"the shadows of {path}", activity.shadow)], batch
    for label, container in containers:
        start = label[:-len(path)]
        try:
            matched = mirrored(container, tree, path)
        except StructureMismatch as mismatch:
            raise ShadowStructureError(f"{start}{mismatch}: make one with make_zero") from None
        for j, (leaf_path, shadow) in zip(own, matched):
            if not is_floating(leaves[j]):
                continue
            label = start + leaf_path
            if shadow is None:
                raise ShadowStructureError(f"{label} is missing: expected an array like its primal, found None: make one with make_zero")
            shadow = plain_array(label, _as_array(shadow, label, ShadowTypeError))
            if type(shadow) is Tracer and current_trace() is None:
                raise ShadowTypeError(f"{label}: expected an array, found a traced value, whose function has returned: pass the array itself")
            shadows.given.append((label, j, shadow, leading))


def _width(activity):
    """The number of shadows in a batched activity, None for the others."""
    if not isinstance(activity, Batch):
        return None
    if type(activity.shadow) is tuple:
        width = len(activity.shadow)
    else:
        width = next((np.shape(leaf)[0] for leaf in flatten(as_arrays(activity.shadow, type(activity).__name__))[0] if np.ndim(leaf)), 0)
    if not width:
        raise ShadowStructureError(f"{type(activity).__name__}: expected a tuple of shadows, or arrays with a leading axis for them, found {activity.shadow!r:.60}")
    return width


def _refuse_width(name, k, activity, width, first, other, expected):
    if width is None or expected is None:
        raise ArgumentError(f"{name}: args[{k}] is {type(activity).__name__} and args[{first}] is {type(other).__name__}: "
                            "give all arguments with shadows a batch of them, or none")
    raise ShadowStructureError(f"{name}: args[{k}] has {width} shadow{'s' * (width != 1)}, expected {expected}, as args[{first}] has")


def _is_array(leaf):
    return isinstance(concrete(leaf), np.ndarray)


def _kind(leaf):
    return type(concrete(leaf)).__name__


def as_arrays(value, path, error=ShadowTypeError):
    """A container whose leaves that own memory (memoryview, array.array, memory maps, tensors on the CPU) are arrays on that memory.

    Memory that has been released, or is not the CPU's, is an `error`, which names the leaf with `path` in front.
    """
    if type(value) is np.ndarray or type(value) in (float, complex):
        return value
    leaves, tree = flatten(value)
    return tree.build([_as_array(leaf, leaf_path, error) for leaf, leaf_path in zip(leaves, tree.paths(path))])


def _as_array(leaf, path, error):
    if isinstance(leaf, (np.ndarray, np.generic, bool, int, float, complex, str, bytes)) or type(leaf) is Tracer or callable(leaf):
        return leaf
    try:
        try:
            return np.asarray(memoryview(leaf))
        except TypeError:
            return _tensor(leaf)
    except (BufferError, ValueError, RuntimeError) as refused:
        raise error(f"{path}: its memory cannot be used: {refused}") from None


def _tensor(leaf):
    """An array on the memory of a CPU tensor; anything else as it is."""
    if not hasattr(leaf, "__dlpack__"):
        return leaf
    array = np.from_dlpack(leaf)
    if not array.flags.writeable and hasattr(leaf, "__array__"):
        # DLPack before version 1 cannot say that memory may be written; the tensor's own array on the same memory can.
        own = np.asarray(leaf)
        if own.__array_interface__["data"][0] == array.__array_interface__["data"][0] and own.shape == array.shape and own.dtype == array.dtype:
            return own
    return array


def make_zero(value):
    """A shadow for `value`: the same containers, zeros for floating leaves, real or complex (0.0 for a Python float), None for the others.

    >>> import numpy as np, tapejit as tj
    >>> tj.make_zero({"w": np.ones(2), "steps": 3})
    {'w': array([0., 0.]), 'steps': None}
    """
    leaves, tree = flatten(as_arrays(value, "make_zero: value", ArgumentError))
    return tree.build([_zero(leaf) if is_floating(leaf) else None for leaf in leaves])


def _zero(leaf):
    if not isinstance(leaf, np.ndarray):
        return type(leaf)(0)
    return np.zeros_like(leaf, leaf.dtype.type, subok=False)


def make_zero_(shadow):
    """Set every array of a shadow to zero, in place.

    >>> import numpy as np, tapejit as tj
    >>> dx = [np.ones(2)]
    >>> tj.make_zero_(dx)
    >>> dx
    [array([0., 0.])]
    """
    leaves, tree = flatten(as_arrays(shadow, "make_zero_: shadow"))
    for path, leaf in zip(tree.paths("shadow"), leaves):
        if isinstance(leaf, np.ndarray) and not leaf.flags.writeable:
            raise ShadowReadOnlyError(f"make_zero_: {path} is read-only: make a new shadow with make_zero")
    for leaf in leaves:
        if isinstance(leaf, np.ndarray):
            leaf[...] = 0
