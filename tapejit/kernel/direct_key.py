"""The parts of a generated function that know containers: the tests that a call is like the one a plan was made for, and the result.

In: a `Plan` of `direct.py`. Out: lines of Python that leave the loop around them (`break`), or raise, where the call is another, and the source of the
container that is returned. `KeyWriter` is the base of those who write whole functions (`direct.py`, `direct_linear.py`).
"""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from ..ops import FLOATS
from ..tape.types import DTYPE_OF_NAME
from ..tree import is_registered

_CONSTANTS = (bool, int, float, str, type(None))


class NotDirect(Exception):
    """A call takes more than the generated function can do."""


class Out:
    """Stands in a result for output `number` of the program."""

    __slots__ = ("number",)

    def __init__(self, number):
        self.number = number


class Block(Out):
    """Stands in a result for rows [start, stop) of output `number`, with the first axis brought to the end if `moved`, in another shape."""

    __slots__ = ("start", "stop", "moved", "shape")

    def __init__(self, number, start, stop, moved, shape):
        self.number, self.start, self.stop, self.moved, self.shape = number, start, stop, moved, shape


class Made(Out):
    """Stands in a result for what `function` makes of output `number` of the program."""

    __slots__ = ("function",)

    def __init__(self, function, number):
        self.function, self.number = function, number


EXTRA = object()  # stands in a result for what the call was given as `extra`


class KeyWriter:
    """Writes tests of arguments, into `lines`, and results. The sources may use the globals in `names`."""

    def __init__(self, plan):
        self.plan = plan
        self.names = {"ndarray": np.ndarray, "empty": np.empty}
        self.lines = []
        self.variable, self.shadow, self.seeds = {}, {}, []  # names of the values of leaves, of their shadows, of the leaves of extra

    def name(self, prefix, value):
        """A global name for a value."""
        name = f"{prefix}{len(self.names)}"
        self.names[name] = value
        return name

    def unless(self, condition):
        self.lines.append(f"if not ({condition}): break")

    def unless_changed(self, condition, names):
        self.names.update(names)
        self.unless(condition)

    # -- the key

    def match(self, tree, variable, leaf):
        """Tests that `variable` is a container like `tree`; leaf(variable) for each leaf, in order."""
        kind = tree.kind
        if kind == "leaf":
            leaf(variable)
            return
        if kind == "none":
            self.unless(f"{variable} is None")
            return
        children = [f"{variable}_{k}" for k in range(len(tree.children))]
        self.unless(f"type({variable}) is {self.name('T', kind)}")
        unpacked = f"{', '.join(children)}, = {variable}"
        if is_registered(kind):
            raise NotDirect
        if kind in (list, tuple):
            unpacked = unpacked if children else f"() = {variable}"  # raises where the number differs
        elif kind is dict:
            if any(type(key) is not str for key in tree.keys):
                raise NotDirect
            self.unless(f"[*{variable}] == {self.name('K', list(tree.keys))}")
            unpacked += ".values()"
        elif dataclasses.is_dataclass(kind) and not issubclass(kind, (tuple, list, dict)):
            unpacked = "; ".join(f"{child} = {variable}.{key}" for child, key in zip(children, tree.keys))
        elif not (issubclass(kind, tuple) and hasattr(kind, "_fields")):
            raise NotDirect
        if children or kind in (list, tuple):
            self.lines.append(unpacked)
        for child, subtree in zip(children, tree.children):
            self.match(subtree, child, leaf)

    def is_array(self, variable, dtype, shape):
        """Tests kind, dtype and shape; of an array with one axis or none the number of axes, as its length in bytes is held against the program's."""
        shaped = f"{variable}.shape == {shape!r}" if len(shape) > 1 else f"{variable}.ndim == {len(shape)}"
        self.unless(f"type({variable}) is ndarray and {variable}.dtype is {self.name('d', DTYPE_OF_NAME[dtype])} and {shaped}")

    def next_leaf(self, variable):
        """Tests the value of the next leaf of the arguments."""
        k = len(self.variable)
        self.variable[k] = variable
        spec = self.plan.specs[k]
        if spec[0] == "array":
            self.is_array(variable, *spec[1:])
        elif spec[0] == "scalar":
            self.unless(f"type({variable}) is {self.name('d', DTYPE_OF_NAME[spec[1]].type)}")
        elif spec[0] == "float":
            self.unless(f"type({variable}) is float")
        elif type(spec[1]) in (bool, int, str):
            constant = self.name("c", spec[1])
            self.unless(f"{variable} is {constant} or type({variable}) is type({constant}) and {variable} == {constant}")
        else:
            raise NotDirect

    def arguments(self):
        plan, count = self.plan, len(self.plan.args)
        variables = [f"p{k}" for k in range(count)]
        self.lines.append(f"{', '.join(variables)}, = args" if variables else "() = args")
        for k, (variable, tree) in enumerate(zip(variables, plan.args)):
            if plan.activities is None:
                self.match(tree, variable, self.next_leaf)
                continue
            activity = plan.activities[k]
            first = len(self.variable)
            if issubclass(activity, plan.const):
                const = self.name("C", plan.const)
                self.lines.append(f"v{k} = {variable}.value if type({variable}) is {const} else {variable}")
            else:
                self.unless(f"type({variable}) is {self.name('C', activity)}")
                self.lines.append(f"v{k} = {variable}.value")
            self.match(tree, f"v{k}", self.next_leaf)
            if issubclass(activity, plan.shadowed):
                self.lines.append(f"h{k} = {variable}.shadow")
                own = iter(range(first, len(self.variable)))
                self.match(tree, f"h{k}", lambda variable: self.shadow_leaf(next(own), variable))

        if plan.kwargs:
            self.keywords()
        for a, b in itertools.combinations(plan.distinct, 2):
            self.unless(f"{self.variable[a]} is not {self.variable[b]}")
        for a, b in plan.shared:
            self.unless(f"{self.variable[a]} is {self.variable[b]}")
        for k, flags in plan.flags.items():
            self.unless(f"{self.variable[k]}.flags.num == {flags}")

    def keywords(self):
        """Tests the arguments by keyword: the same names in the same order, which a function may see."""
        kwargs = self.plan.kwargs
        if self.plan.activities is not None:
            raise NotDirect
        self.unless(f"[*kwargs] == {self.name('K', list(kwargs))}")
        variables = [f"q{k}" for k in range(len(kwargs))]
        self.lines.append(f"{', '.join(variables)}, = kwargs.values()")
        for variable, tree in zip(variables, kwargs.values()):
            self.match(tree, variable, self.next_leaf)

    def shadow_leaf(self, k, variable):
        """Tests the shadow of leaf k against its primal."""
        spec = self.plan.specs[k]
        if spec[0] == "array" and spec[1] in ("f32", "f64"):
            self.is_array(variable, *spec[1:])
            self.shadow[k] = variable
        elif spec[0] == "float":
            self.unless(f"type({variable}) is float")
            self.shadow[k] = variable
        elif spec[0] == "scalar" or spec[0] == "array" and spec[1] in FLOATS:
            raise NotDirect
        else:
            self.unless(f"{variable} is None")

    def extra_leaf(self, variable):
        """Tests the next leaf of extra."""
        spec = self.plan.extra[1][len(self.seeds)]
        self.seeds.append(variable)
        self.seed_leaf(spec, variable)

    def seed_leaf(self, spec, variable):
        if spec is None:
            self.unless(f"{variable} is None")
        elif spec[0] == "array":
            self.is_array(variable, *spec[1:])
        elif spec[0] == "scalar":
            self.unless(f"type({variable}) is {self.name('d', DTYPE_OF_NAME[spec[1]].type)}")
        else:
            self.unless(f"type({variable}) is float")

    # -- the result

    def built(self, tree, leaves):
        """Source of a container with these leaves (an iterator)."""
        kind = tree.kind
        if kind == "leaf":
            leaf = next(leaves)
            if type(leaf) is Block:
                return self.block(leaf)
            if type(leaf) is Made:
                return f"{self.name('f', leaf.function)}(o{leaf.number})"
            return f"o{leaf.number}" if type(leaf) is Out else "extra" if leaf is EXTRA else self.constant(leaf)
        if kind == "none":
            return "None"
        children = [self.built(child, leaves) for child in tree.children]
        if kind is list:
            return f"[{', '.join(children)}]"
        if kind is tuple:
            return f"({''.join(child + ', ' for child in children)})"
        if kind is dict:
            return "{" + ", ".join(f"{self.name('k', key)}: {child}" for key, child in zip(tree.keys, children)) + "}"
        if issubclass(kind, tuple) and not is_registered(kind):
            return f"{self.name('T', kind._make)}(({''.join(child + ', ' for child in children)}))"
        raise NotDirect

    def block(self, block):
        """Source of a block of a Jacobian."""
        found = self.plan.outputs[block.number][2].shape
        source = f"o{block.number}"
        if (block.start, block.stop) != (0, found[0]):
            source += f"[{block.start}:{block.stop}]"
        shape = (block.stop - block.start, *found[1:])
        if block.moved and len(shape) > 1:
            axes = (*range(1, len(shape)), 0)
            shape = tuple(shape[a] for a in axes)
            source += f".transpose({axes}).copy()"
        return source if shape == block.shape else f"{source}.reshape({block.shape})"

    def constant(self, leaf):
        if type(leaf) not in _CONSTANTS and not isinstance(leaf, np.generic):
            raise NotDirect
        return self.name("c", leaf)
