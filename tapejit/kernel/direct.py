"""The direct call: a generated Python function for the calls that a compiled trace has seen, about a microsecond around the sweep.

In: a `Plan`, which says what the call's arguments are and where the program's buffers come from. Out: a function (args, kwargs, extra)
that checks the key of the call in a few comparisons, runs the program on the buffers in place, and hands anything else (other types,
a guard that fails, layouts to be copied, a shadow that does not fit, an outer trace) to the general path, having written nothing of the user's.

What the kernel checks by itself at each sweep (lengths, alignment, overlap of the buffers that it writes) is not checked here again.
"""

from __future__ import annotations

import math

import numpy as np

from ..tape.types import DTYPE_OF_NAME
from ..tree import flatten
from . import outputs
from .direct_key import KeyWriter, NotDirect
from .program import CHARS, ffi, from_buffer, lib, new_cell, new_pointers

_CALLS = {1: lib.tj_call1, 2: lib.tj_call2, 3: lib.tj_call3, 4: lib.tj_call4}
_CELLS = {"i32": 4, "i64": 8, "f32": 4, "f64": 8}  # bytes of a cell
MOST_BUFFERS = 64
MOST_APART = 16  # comparisons of a shadow with an array that the kernel does not see, each some 200 ns


class Plan:
    """What a direct call is made from.

    args         the Tree of each positional argument
    kwargs       {name: Tree} of the arguments by keyword, in order
    specs        by leaf: ('array', dtype, shape), ('scalar', dtype), ('float',) or ('static', value)
    activities   class of each argument's activity, with const (Const) and shadowed (the base of those that have shadows), or None: plain arguments
    inputs       by input position: ('leaf', k), ('capture', array), ('shadow', k) a copy of leaf k's shadow, ('tangent', k) the shadow itself, ('seed', number),
                 ('one-hot', count) the seeds of the rows of a Jacobian
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

    def __init__(self, tree, specs, inputs, outputs, result, activities=None, const=None, shadowed=None, extra=None, written=(), apart=(), never_zero=()):
        args, kwargs = tree.children
        self.args, self.kwargs = args.children, dict(zip(kwargs.keys, kwargs.children))
        self.specs, self.inputs, self.outputs, self.result = specs, inputs, outputs, result
        self.activities, self.const, self.shadowed = activities, const, shadowed
        self.extra, self.written, self.apart, self.never_zero = extra, written, apart, never_zero
        self.distinct, self.shared, self.flags = (), (), {}
        self.seeded = any(source == "one-hot" for source, _ in inputs)


def direct_call(plan, program, source_of, unchanged, busy, entry):
    """The generated function, or None when the program or the call needs more than plain buffers.

    source_of  function (array, name) -> (Python source of the array that is read in place of a captured one, the names in it)
    unchanged  (source of a condition, the names in it), or None: what the traced function read by name is as it was; where it raises it is not
    busy       a container that is empty while no trace and no verification runs
    entry      its attribute `otherwise` is a function (args, kwargs, extra) for the calls that this one cannot answer
    """
    if not 0 < len(plan.inputs) + len(plan.outputs) <= MOST_BUFFERS or len(program.segments) != (2 if plan.seeded else 1):
        return None
    try:
        source, names = _Writer(plan, program, source_of).written(unchanged)
    except NotDirect:
        return None
    names.update(busy=busy, entry=entry)
    exec(compile(source, "<direct call>", "exec"), names)
    return names["direct"]


class _Writer(KeyWriter):
    """Writes the source of a direct call."""

    def __init__(self, plan, program, source_of):
        super().__init__(plan)
        self.program, self.source_of = program, source_of
        self.names.update({
            "recycled": outputs.empty, "from_buffer": from_buffer, "CHARS": CHARS, "may_share": np.may_share_memory,
            "acquire": program.acquire, "frames": [], "new_cell": new_cell, "new_pointers": new_pointers, "run": lib.tj_run, "call8": lib.tj_call8,
            "run_seeded": lib.tj_run_seeded, "NULL": ffi.NULL, "through_hosts": program.through_hosts})
        self.arrays = []  # names of the arrays that are passed
        self.outside = []  # sources of arrays that the program reads and that are no arguments
        self.cells, self.fill, self.make, self.passed, self.after = [], [], [], [], []
        self.seeded = None  # (number of the buffer, dtype, count) of the seeds of a Jacobian

    def nonzero(self, source, k):
        is_array = source == "shadow" or self.plan.extra[1][k][0] == "array"
        return f"{self.shadow[k] if source == 'shadow' else self.seeds[k]}{'.any()' * is_array}"

    # -- the buffers

    def cell(self, dtype):
        """Source of a cell in the frame, and its bytes."""
        if dtype not in _CELLS:
            raise NotDirect
        self.cells.append(f"new_cell({dtype!r})")
        return f"frame[{len(self.cells) + 1}]", _CELLS[dtype]

    def read(self, source, nbytes=None):
        """Pass an array; nbytes: its length, where it is the generated function's own."""
        self.arrays.append(source)
        self.passed.append((f"from_buffer({source})", nbytes))

    def write(self, source):
        self.arrays.append(source)
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
            elif source == "one-hot":
                self.seeded = position + 1, self.program.inputs[position].dtype, what
                self.passed.append((None, 0))
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
                self.read(f"r{position}", nbytes_of(*plan.specs[what][1:]))
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
                nbytes = nbytes_of(*type_)
                large = how != "final" and nbytes >= outputs.LARGE
                self.make.append(f"o{position} = {'recycled' if large else 'empty'}({type_.shape!r}, {dtype}{f', {nbytes}' if large else ''})")
                self.read(f"o{position}", nbytes)
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

    # -- all of it

    def written(self, unchanged):
        """(source, the names in it)."""
        plan = self.plan
        self.arguments()
        if plan.extra is None:
            self.unless("extra is None")
        else:
            self.match(plan.extra[0], "extra", self.extra_leaf)
        if unchanged is not None:
            self.unless_changed(*unchanged)
        if plan.never_zero:
            self.unless(" or ".join(self.nonzero(*item) for item in plan.never_zero))
        self.buffers()
        leaves, tree = flatten(plan.result)
        result = self.built(tree, iter(leaves))
        bound, call = self.call()
        pad = "\n            "
        hosts = f"if status: status = through_hosts(frame[1], status, (frame, {', '.join(self.arrays)}))" * bool(self.program.hosts)
        source = f"""
def direct(args, kwargs, extra=None):
    while not busy{'' if plan.kwargs else ' and not kwargs'}:
        try:
            {pad.join(self.lines)}
        except Exception:
            break
        try:
            frame = frames.pop()
        except IndexError:
            workspace = acquire()
            frame = (workspace.c, workspace{''.join(f', {cell}' for cell in self.cells)})
        try:
            {'; '.join(self.fill + self.make) or 'pass'}
            {'; '.join(bound) or 'pass'}
            status = {call}
            {hosts}
        except {'Exception' if self.program.hosts else '(ValueError, BufferError)'}:
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
        if count in _CALLS and not self.seeded:
            self.names["call"] = _CALLS[count]
            return bound, f"call(frame[0], {', '.join(f'{p}, {n}' for p, n in pairs)})"
        if count <= 8 and not self.seeded:
            pairs += [("NULL", "0")] * (8 - count)
            return bound, f"call8(frame[0], {count}, {', '.join(f'{p}, {n}' for p, n in pairs)})"
        self.cells.append(f"new_pointers({count})")
        bound.append(f"P, N = frame[{len(self.cells) + 1}]")
        for k, (p, n) in enumerate(pairs):
            if p is not None:
                bound.append(f"P[{k}] = k{k} = {p}; N[{k}] = {n}")
        if not self.seeded:
            return bound, f"run(frame[0], P, N, {count}, 0)"
        number, dtype, rows = self.seeded
        one = np.ones(1, DTYPE_OF_NAME[dtype])
        return bound, f"run_seeded(frame[0], P, N, {count}, {number}, {self.name('one', from_buffer(one))}, {one.itemsize}, {rows})"


def nbytes_of(dtype, shape):
    return math.prod(shape) * DTYPE_OF_NAME[dtype].itemsize
