"""The direct call: a generated Python function for the calls that a compiled trace has seen, about a microsecond around the sweep.

In: a `Plan`, which says what the call's arguments are and where the program's buffers come from. Out: a function (args, kwargs, extra)
that checks the key of the call in a few comparisons, runs the program on the buffers in place, and hands anything else (other types,
a guard that fails, layouts to be copied, a shadow that does not fit, an outer trace) to the general path, having written nothing of the user's.

What the kernel checks by itself at each sweep (lengths, alignment, overlap of the buffers that it writes) is not checked here again.
"""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np

from ..ops import FLOATS
from ..tape.types import DTYPE_OF_NAME
from ..tree import flatten, is_registered
from . import outputs
from .program import CHARS, from_buffer, lib, new_cell, new_pointers

_CALLS = {1: lib.tj_call1, 2: lib.tj_call2, 3: lib.tj_call3, 4: lib.tj_call4}
_CELLS = {"i32": 4, "i64": 8, "f32": 4, "f64": 8}  # bytes of a cell
_CONSTANTS = (bool, int, float, str, type(None))
MOST_BUFFERS = 64
MOST_APART = 16  # comparisons of a shadow with an array that the kernel does not see, each some 200 ns


class NotDirect(Exception):
    """A call takes more than the generated function can do."""


class Out:
    """Stands in a result for output `number` of the program."""

    __slots__ = ("number",)

    def __init__(self, number):
        self.number = number


class Made:
    """Stands in a result for what `function` makes of output `number` of the program."""

    __slots__ = ("function", "number")

    def __init__(self, function, number):
        self.function, self.number = function, number


EXTRA = object()  # stands in a result for what the call was given as `extra`


class Plan:
    """What a direct call is made from.

    args         the Tree of each positional argument
    specs        by leaf: ('array', dtype, shape), ('scalar', dtype), ('float',) or ('static', value)
    activities   class of each argument's activity, with const (Const) and shadowed (the base of those that have shadows), or None: plain arguments
    inputs       by input position: ('leaf', k), ('capture', array), ('shadow', k) a copy of leaf k's shadow, ('tangent', k) the shadow itself, ('seed', number)
    outputs      by output position: (how, k or kind, Type); how: 'new' (kind 'array', 'scalar' or 'float'), 'shadow' (that of leaf k), 'final' (brought
                 to leaf k after the sweep), 'extra' (item k of the buffers in extra)
    extra        None, or the Tree of extra with its leaves: (tree, [('array', dtype, shape), ('float',) or None])
    result       what is returned, with Out(number) for outputs, Made(function, number) for what is made of them, and EXTRA
    written      leaves that the function writes
    apart        arrays that the function reads and the program does not: what is written shares no memory with them
    distinct     leaves that are objects of their own
    shared       (a, b): leaves that are one object
    flags        {leaf: `flags.num` of its array}
    never_zero   ('shadow', k) and ('seed', number): when all of these are zero the call is the general path's business
    """

    def __init__(self, args, specs, inputs, outputs, result, activities=None, const=None, shadowed=None, extra=None, written=(), apart=(), never_zero=()):
        self.args, self.specs, self.inputs, self.outputs, self.result = args, specs, inputs, outputs, result
        self.activities, self.const, self.shadowed = activities, const, shadowed
        self.extra, self.written, self.apart, self.never_zero = extra, written, apart, never_zero
        self.distinct, self.shared, self.flags = (), (), {}


def direct_call(plan, program, source_of, unchanged, busy, entry):
    """The generated function, or None when the program or the call needs more than plain buffers.

    source_of  function (array, name) -> (Python source of the array that is read in place of a captured one, the names in it)
    unchanged  function () -> bool, or None: what the traced function read by name is as it was
    busy       a container that is empty while no trace and no verification runs
    entry      its attribute `otherwise` is a function (args, kwargs, extra) for the calls that this one cannot answer
    """
    if program.hosts or len(program.segments) != 1 or not 0 < len(plan.inputs) + len(plan.outputs) <= MOST_BUFFERS:
        return None
    try:
        source, names = _Writer(plan, program, source_of).written(unchanged is not None)
    except NotDirect:
        return None
    names.update(busy=busy, entry=entry, unchanged=unchanged)
    exec(compile(source, "<direct call>", "exec"), names)
    return names["direct"]


class _Writer:
    """Writes the source of a direct call."""

    def __init__(self, plan, program, source_of):
        self.plan, self.source_of = plan, source_of
        self.names = {
            "ndarray": np.ndarray, "empty": np.empty, "recycled": outputs.empty, "from_buffer": from_buffer, "CHARS": CHARS, "may_share": np.may_share_memory,
            "acquire": program.acquire, "frames": [], "new_cell": new_cell, "new_pointers": new_pointers, "run": lib.tj_run, "call8": lib.tj_call8,
        }
        self.lines = []
        self.variable, self.shadow, self.seeds = {}, {}, []  # names of the values of leaves, of their shadows, of the leaves of extra
        self.outside = []  # sources of arrays that the program reads and that are no arguments
        self.cells, self.fill, self.make, self.passed, self.after = ["acquire()"], [], [], [], []

    def name(self, prefix, value):
        """A global name for a value."""
        name = f"{prefix}{len(self.names)}"
        self.names[name] = value
        return name

    def unless(self, condition):
        self.lines.append(f"if not ({condition}): break")

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
            self.unless(f"len({variable}) == {len(children)}")
        elif kind is dict:
            if any(type(key) is not str for key in tree.keys):
                raise NotDirect
            self.unless(f"[*{variable}] == {self.name('K', list(tree.keys))}")
            unpacked += ".values()"
        elif dataclasses.is_dataclass(kind) and not issubclass(kind, (tuple, list, dict)):
            unpacked = "; ".join(f"{child} = {variable}.{key}" for child, key in zip(children, tree.keys))
        elif not (issubclass(kind, tuple) and hasattr(kind, "_fields")):
            raise NotDirect
        if children:
            self.lines.append(unpacked)
        for child, subtree in zip(children, tree.children):
            self.match(subtree, child, leaf)

    def is_array(self, variable, dtype, shape):
        """Tests kind, dtype and shape; of an array with one axis or none the number of axes, as the kernel holds its length in bytes against the program's."""
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
        self.unless(f"len(args) == {count}")
        if variables:
            self.lines.append(f"{', '.join(variables)}, = args")
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

        for a, b in itertools.combinations(plan.distinct, 2):
            self.unless(f"{self.variable[a]} is not {self.variable[b]}")
        for a, b in plan.shared:
            self.unless(f"{self.variable[a]} is {self.variable[b]}")
        for k, flags in plan.flags.items():
            self.unless(f"{self.variable[k]}.flags.num == {flags}")

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
        spec = self.plan.extra[1][len(self.seeds)]
        self.seeds.append(variable)
        if spec is None:
            self.unless(f"{variable} is None")
        elif spec[0] == "array":
            self.is_array(variable, *spec[1:])
        else:
            self.unless(f"type({variable}) is float")

    def nonzero(self, source, k):
        is_array = source == "shadow" or self.plan.extra[1][k][0] == "array"
        return f"{self.shadow[k] if source == 'shadow' else self.seeds[k]}{'.any()' * is_array}"

    # -- the buffers

    def cell(self, dtype):
        """Source of a cell in the frame, and its bytes."""
        if dtype not in _CELLS:
            raise NotDirect
        self.cells.append(f"new_cell({dtype!r})")
        return f"frame[{len(self.cells) - 1}]", _CELLS[dtype]

    def read(self, source):
        self.passed.append((f"from_buffer({source})", None))

    def write(self, source):
        self.passed.append((f"from_buffer(CHARS, {source}, True)", None))

    def number(self, variable, dtype):
        cell, nbytes = self.cell(dtype)
        self.fill.append(f"{cell}[0] = {variable}")
        self.passed.append((cell, nbytes))

    def buffers(self):
        plan = self.plan
        for position, (source, what) in enumerate(plan.inputs):
            if source == "capture":
                where, named = self.source_of(what, f"g{position}")
                self.names.update(named)
                self.outside.append(where)
                self.read(where)
            elif source == "leaf" and plan.specs[what][0] == "array":
                (self.write if what in plan.written else self.read)(self.variable[what])
            elif source == "leaf":
                self.number(self.variable[what], plan.specs[what][1] if plan.specs[what][0] == "scalar" else "f64")
            elif source == "seed":
                spec = plan.extra[1][what]
                if spec[0] == "array":
                    self.outside.append(self.seeds[what])
                    self.read(self.seeds[what])
                else:
                    self.number(self.seeds[what], spec[1])
            elif plan.specs[what][0] != "array":
                self.number(self.shadow[what], "f64")
            elif source == "shadow":
                self.make.append(f"r{position} = {self.shadow[what]}.copy()")
                self.read(f"r{position}")
            else:
                self.outside.append(self.shadow[what])
                self.read(self.shadow[what])
        for position, (how, what, type_) in enumerate(plan.outputs):
            if how == "shadow":
                self.write(self.shadow[what])
            elif how == "extra":
                self.write(self.seeds[what])
            elif how == "final" or what == "array":
                dtype = self.name("e", DTYPE_OF_NAME[type_.dtype])
                nbytes = math.prod(type_.shape) * DTYPE_OF_NAME[type_.dtype].itemsize
                large = how != "final" and nbytes >= outputs.LARGE
                self.make.append(f"o{position} = {'recycled' if large else 'empty'}({type_.shape!r}, {dtype}{f', {nbytes}' if large else ''})")
                self.passed.append((f"from_buffer(o{position})", None))
                if how == "final":
                    self.after.append(f"{self.variable[what]}[...] = o{position}")
            else:
                cell, nbytes = self.cell(type_.dtype)
                number = f"{cell}[0]" if what == "float" else f"{self.name('n', DTYPE_OF_NAME[type_.dtype].type)}({cell}[0])"
                self.after.append(f"o{position} = {number}")
                self.passed.append((cell, nbytes))
        self.apart()

    def apart(self):
        """Tests of memory that the kernel cannot see: what is written after the sweep, and arrays that became constants of the tape."""
        arrays = [k for k, spec in enumerate(self.plan.specs) if spec[0] == "array"]
        others = [self.variable[k] for k in arrays] + self.outside
        if len(self.plan.written) * len(others) > MOST_APART:
            raise NotDirect
        for k in self.plan.written:
            for other in dict.fromkeys(others):
                if other != self.variable[k]:
                    self.unless(f"not may_share({self.variable[k]}, {other})")
        written = [self.shadow[k] for how, k, _ in self.plan.outputs if how == "shadow"] + [self.seeds[k] for how, k, _ in self.plan.outputs if how == "extra"]
        written += [self.variable[k] for k in self.plan.written]
        if len(written) * len(self.plan.apart) > MOST_APART:
            raise NotDirect
        for array in self.plan.apart:
            name = self.name("B", array)
            for variable in written:
                self.unless(f"not may_share({variable}, {name})")

    # -- the result

    def built(self, tree, leaves):
        """Source of a container with these leaves (an iterator)."""
        kind = tree.kind
        if kind == "leaf":
            leaf = next(leaves)
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

    def constant(self, leaf):
        if type(leaf) not in _CONSTANTS and not isinstance(leaf, np.generic):
            raise NotDirect
        return self.name("c", leaf)

    # -- all of it

    def written(self, guarded):
        """(source, the names in it)."""
        plan = self.plan
        self.arguments()
        if plan.extra is None:
            self.unless("extra is None")
        else:
            self.match(plan.extra[0], "extra", self.extra_leaf)
        if guarded:
            self.unless("unchanged()")
        if plan.never_zero:
            self.unless(" or ".join(self.nonzero(*item) for item in plan.never_zero))
        self.buffers()
        leaves, tree = flatten(plan.result)
        result = self.built(tree, iter(leaves))
        bound, call = self.call()
        pad = "\n        "
        source = f"""
def direct(args, kwargs, extra=None):
    while not busy and not kwargs:
        {pad.join(self.lines)}
        try:
            frame = frames.pop()
        except IndexError:
            frame = ({', '.join(self.cells)},)
        try:
            {'; '.join(self.fill + self.make) or 'pass'}
            {'; '.join(bound) or 'pass'}
            status = {call}
        except (ValueError, BufferError):
            frames.append(frame)
            break
        if status:
            frames.append(frame)
            break
        {'; '.join(self.after) or 'pass'}
        frames.append(frame)
        return {result}
    return entry.otherwise(args, kwargs, extra)
"""
        return source, self.names

    def call(self):
        """(assignments of the buffers, source of the call)."""
        bound, pairs = [], []
        for k, (source, nbytes) in enumerate(self.passed):
            if nbytes is None:
                bound.append(f"b{k} = {source}")
                pairs.append((f"b{k}", f"len(b{k})"))
            else:
                pairs.append((source, str(nbytes)))
        count = len(pairs)
        if count in _CALLS:
            self.names["call"] = _CALLS[count]
            return bound, f"call(frame[0].c, {', '.join(f'{p}, {n}' for p, n in pairs)})"
        if count <= 8:
            pairs += [pairs[0]] * (8 - count)
            return bound, f"call8(frame[0].c, {count}, {', '.join(f'{p}, {n}' for p, n in pairs)})"
        self.cells.append(f"new_pointers({count})")
        place = len(self.cells) - 1
        bound.append(f"P, N = frame[{place}]")
        for k, (p, n) in enumerate(pairs):
            bound.append(f"P[{k}] = {p}; N[{k}] = {n}")
        return bound, f"run(frame[0].c, P, N, {count}, 0)"
