"""Random calls of autodiff. A Setup draws a function and the structure of its arguments; its many Calls have fresh memory each.

The traces of a setup are kept between its calls, so most calls take the warm path. The layout of a primal selects a trace, hence a few
layouts per setup; the layouts of shadows are free, but in half of the calls all of them are plain arrays, for which there is a fast path.
A call is drawn right, then perhaps damaged; whether it is still legal the oracle says. Read next: `shadow_fuzz.py`, which makes the calls.
"""

import array

import numpy as np
from shadows import fuzz_functions
from shadows.fuzz_functions import CASES
from shadows.fuzz_memory import LAYOUTS, PLACES, Memory
from shadows.fuzz_oracle import Model, Pair, as_array, leaves_of

import tapejit as tj
from tapejit import Active, Const, Dual, DualOnly, Duplicated, DuplicatedOnly

SHAPES = ((4,), (5,), (2, 3), (3, 2), (1,), (), (0,), (2, 0), (2, 2, 2), (6, 1))
WEIGHTS = (3,)


class Leaf:
    """A place for an array in the structure of an argument."""

    def __init__(self, shape, dtype):
        self.shape, self.dtype = shape, np.dtype(dtype)

    def __repr__(self):
        return f"{self.dtype.str[1:]}{list(self.shape)}"


def mapped(tree, function):
    """A container like `tree`, its leaves replaced."""
    if tree is None:
        return None
    if type(tree) is dict:
        return {key: mapped(child, function) for key, child in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)([mapped(child, function) for child in tree])
    if type(tree) is Pair:
        return Pair(*[mapped(child, function) for child in tree])
    if type(tree) is Model:
        return Model(mapped(tree.weight, function), mapped(tree.rest, function))
    return function(tree)


def rebuilt(tree, leaves):
    leaves = iter(leaves)
    return mapped(tree, lambda _: next(leaves))


def container(rng, items):
    kind = rng.randrange(5)
    if kind == 0:
        return list(items)
    if kind == 1:
        return tuple(items)
    if kind == 2:
        return dict(zip("abcd", items))
    return (Pair if kind == 3 else Model)(items[0], items[1] if len(items) == 2 else list(items[1:]))


def structure(rng, depth=0):
    """The structure of an argument with at least one array."""
    leaf = Leaf(rng.choice(SHAPES), rng.choice(("f8", "f8", "f4")))
    if depth == 2 or rng.random() < 0.5:
        return leaf
    items = [leaf]
    for _ in range(rng.randrange(3)):
        items.append(structure(rng, depth + 1) if rng.random() < 0.75 else rng.choice((3, "text", None, [])))
    rng.shuffle(items)
    return container(rng, items)


def number(rng):
    return rng.randrange(-64, 64) / 8


class Setup:
    """What the calls of one series have in common."""

    def __init__(self, rng):
        self.case = case = rng.choice(CASES)
        self.reverse = rng.random() < 0.6
        self.with_primal = rng.random() < 0.3
        self.constant = self.reverse and (case.has_result or case.seeded) and rng.random() < 0.1
        if case.shape == "twins":
            self.trees = [structure(rng)] * 2
        elif case.shape == "rated":
            self.trees = [structure(rng), 1.0]
        else:
            self.trees = [structure(rng) for _ in range(rng.randrange(1, 4))]
        if case.shape == "any" and rng.random() < 0.25:
            self.trees.append(rng.choice((1.0, {"rate": 1.0, "rest": [1.0]})))
        self.activities = [self.activity(rng, tree) for tree in self.trees]
        if all(activity is Const for activity in self.activities):
            self.activities[0] = Duplicated if self.reverse else Dual
        if case.shape == "any" and rng.random() < 0.2:
            self.trees.append([Leaf((3,), "i8")])
            self.activities.append(Const)
        places = sum(isinstance(leaf, Leaf) for leaf in leaves_of(self.trees))
        self.layouts = [["C"] * places] + [[rng.choice(LAYOUTS) for _ in range(places)] for _ in range(2)]
        self.same_statics = rng.random() < 0.5  # in the shadow an int leaf is an int, or None
        self.weights = self.box = None
        if case.captures:
            self.weights = np.ones(WEIGHTS) if rng.random() < 0.5 else "kept"
            self.box = [None] if rng.random() < 0.5 else None
        self.function = case.make(self.box)

    def activity(self, rng, tree):
        if rng.random() < 0.15:
            return Const
        if type(tree) is float or type(tree) is dict and "rate" in tree:
            return Active if self.reverse else rng.choice((Dual, Dual, DualOnly))
        return rng.choice((Duplicated, Duplicated, DuplicatedOnly) if self.reverse else (Dual, Dual, DualOnly))

    def capture(self, memory, rng):
        """The array that the function reads by name: the same one at each call, or another one."""
        if not self.case.captures:
            return []
        if isinstance(self.weights, str):
            self.weights = memory.kept(WEIGHTS, "f8")
        kept = self.weights.base is not None
        found = memory.filled(self.weights) if kept else memory.array(WEIGHTS, "f8")
        if self.box is None:
            fuzz_functions.weights = found
        else:
            self.box[0] = found
        return [found]

    def __repr__(self):
        return f"{self.function.__name__} of {self.trees}, {[a.__name__ for a in self.activities]}"


class Call:
    """One call: the leaves of the primals and of the shadows, and, after `arrange`, the activities; see `judge` for the rest."""

    def __init__(self, setup, rng):
        self.setup, self.rng, self.reverse, self.plain = setup, rng, setup.reverse, rng.random() < 0.5
        memory = self.memory = Memory(rng, rng.choice(PLACES))
        case = setup.case
        layouts = iter(setup.layouts[rng.choices((0, 1, 2), (70, 15, 15))[0]])
        self.primals = [[self.primal(leaf, layouts) for leaf in leaves_of(tree)] for tree in setup.trees]
        self.kinds = list(setup.activities)
        self.shadows = [self.mirror(tree, kind) for tree, kind in zip(setup.trees, self.kinds)]
        self.captured = setup.capture(memory, rng)
        self.numeric = [[k for k, leaf in enumerate(leaves) if type(leaf) is float or as_array(leaf) is not None]
                        for leaves in self.primals]
        self.written = [set(positions[case.writes[k]]) if k in case.writes else set() for k, positions in enumerate(self.numeric)]
        self.flows = [case.flows.get(k, ()) for k in range(len(self.primals))]
        arrays = [found for leaves in self.primals for found in map(as_array, leaves) if found is not None]
        self.results = [(found.shape, found.dtype.newbyteorder("=")) for found in arrays]
        self.seed = None
        if case.seeded and self.reverse and not setup.constant:
            self.seed = [memory.array(shape, dtype, self.layout("broadcast")) for shape, dtype in self.results]
        for k, leaves in enumerate(self.primals):
            for position, leaf in enumerate(leaves):
                if isinstance(leaf, np.ndarray) and position not in self.written[k] and rng.random() < 0.1:
                    leaf.flags.writeable = False
        self.damages, self.reshaped, self.not_numbers = [], {}, []

    def layout(self, *more):
        return "C" if self.plain or self.rng.random() < 0.4 else self.rng.choice(("step", "reversed", "rows", "F", "unaligned", *more))

    def primal(self, leaf, layouts):
        if not isinstance(leaf, Leaf):
            return number(self.rng) if type(leaf) is float else leaf
        layout = next(layouts)
        found = self.memory.array(leaf.shape, leaf.dtype, layout)
        return memoryview(found) if layout == "C" and not self.plain and self.rng.random() < 0.1 else found

    def mirror(self, tree, kind):
        """The leaves of a right shadow."""
        return [] if kind in (Const, Active) else [self.shadow(leaf) for leaf in leaves_of(tree)]

    def shadow(self, leaf):
        if not isinstance(leaf, Leaf):
            return number(self.rng) if type(leaf) is float else leaf if self.setup.same_statics else None
        chance = 1 if self.plain else self.rng.random()
        if chance < 0.06 and len(leaf.shape) == 1 and leaf.shape != (0,):
            buffer = array.array(leaf.dtype.char, [0.0]) * leaf.shape[0]
            self.memory.own(buffer)
            self.memory.filled(np.asarray(memoryview(buffer)))
            return buffer
        found = self.memory.array(leaf.shape, leaf.dtype, self.layout())
        return memoryview(found) if chance < 0.2 and found.flags.aligned else found

    # -- for the damages

    def slots(self):
        """(argument, position) of each shadow of an array."""
        return [(k, p) for k, shadows in enumerate(self.shadows) for p in range(len(shadows)) if as_array(self.primals[k][p]) is not None]

    def buffers(self):
        """Every array that the call is given or captures."""
        given = [leaf for leaves in self.primals + self.shadows for leaf in leaves] + leaves_of(self.seed)
        return [found for found in map(as_array, given) if found is not None] + self.captured

    def over(self, shape, dtype, other):
        """An array in the memory of another one, shifted by some elements; None when that has no room."""
        itemsize = np.dtype(dtype).itemsize
        at = other.__array_interface__["data"][0] + itemsize * self.rng.randrange(-4, 5)
        k = self.memory.block_of(at, at + itemsize * int(np.prod(shape)))
        return None if k is None else np.ndarray(shape, dtype, self.memory.blocks[k], at - self.memory.starts[k])

    # -- as passed

    def arrange(self):
        """Make the activities."""
        self.activities = []
        for k, (kind, tree, leaves) in enumerate(zip(self.kinds, self.setup.trees, self.primals)):
            value = rebuilt(tree, leaves)
            if kind in (Const, Active):
                self.activities.append(kind(value))
                continue
            self.shadows[k] = self.shadows[k] or self.mirror(tree, kind)
            shadow = rebuilt(tree, self.shadows[k])
            self.activities.append(kind(value, self.reshaped[k](shadow) if k in self.reshaped else shadow))

    @property
    def mode(self):
        if self.reverse:
            return tj.ReverseWithPrimal if self.setup.with_primal else tj.Reverse
        return tj.ForwardWithPrimal if self.setup.with_primal else tj.Forward

    def make(self):
        options = {"seed": self.seed} if self.seed is not None else {"ret": Const} if self.setup.constant else {}
        return tj.autodiff(self.mode, self.setup.function, *self.activities, **options)

    def __repr__(self):
        lines = [f"{self.mode} {self.setup}, seed {described(self.seed)}, ret=Const: {self.setup.constant}, "
                 f"memory: {self.memory.place}, damages: {self.damages}"]
        for activity in self.activities:
            shadow = f", shadow {described(activity.shadow)}" if hasattr(activity, "shadow") else ""
            lines.append(f"  {type(activity).__name__}: {described(activity.value)}{shadow}")
        return "\n".join(lines + [f"  captured {described(self.captured)}"] if self.captured else lines)


def described(tree):
    return mapped(tree, lambda leaf: leaf if as_array(leaf) is None else _words(as_array(leaf), type(leaf).__name__))


def _words(found, kind):
    address = found.__array_interface__["data"][0]
    text = f"{kind} {found.dtype.str}{list(found.shape)} strides {list(found.strides)} at {address:#x}"
    return text if found.flags.writeable else f"{text} read-only"
