"""Recording: one run of a user's function on tracers, and what came out of it.

In: the function, the leaves of its arguments and which of them are traced. Out: a `Recording`, which holds the tape, where
each input comes from, the shape of the output, and whether (and while what is unchanged) the tape may be used again.
Read next: `specialize.py`, which keeps recordings; `tapejit/trace/`, which makes the tape.
"""

from __future__ import annotations

import time

import numpy as np

from .errors import OutputError, TracingError
from .passes import Phase
from .passes.custom_rules import OVERRIDE
from .tape.interpret import evaluate
from .tape.tape import CONSTANT, GUARD, INPUT
from .trace import Trace, Tracer, current_trace
from .trace.leftovers import path_of_tracer
from .trace.recorder import leaked
from .trace.reads import Reads, written
from .trace.retarget import adopt, release, retarget
from .trace.watch import watch
from .tree import flatten


class OutputLeaf:
    """One leaf of what the function returned: a traced value, or an object that is returned as it is.

    kind: 'float' (a Python float or complex), 'scalar' (a NumPy scalar), 'array', or 'static' (then `value` is the object).
    """

    __slots__ = ("kind", "id", "value", "path")

    def __init__(self, kind, id, value, path):
        self.kind, self.id, self.value, self.path = kind, id, value, path


class Recording:
    """A tape and its surroundings.

    tree             of the call's (args, kwargs)
    inputs           by input position: ('leaf', k) or ('capture', object)
    differentiated   indices of the leaves that have a derivative, in order; kinds[k] says how leaf k was given
    outputs          one OutputLeaf per leaf of out_tree
    reads            what was read by name (None: not guarded); reusable, or why not
    written          indices of the leaves that the function wrote; their final values are the tape's last outputs
    flags            {index of a leaf: `flags.num` of its array}, where the function asks for flags
    distinct         indices of the array leaves, where the function asks whether two variables are one object (they were not), else empty
    shared           (a, b): leaves that are one array, not differentiated, and were one traced value
    overridden       a derivative that the user states takes part, here or in a function that is differentiated inside
    baked            arrays that are read but are no inputs of the tape: its constants, and arrays that only Python looked at
    """

    __slots__ = ("tape", "tree", "kinds", "inputs", "differentiated", "outputs", "out_tree", "reads", "reusable", "why", "baked", "written",
                 "flags", "distinct", "shared", "overridden")

    @property
    def position_of_leaf(self):
        """{index of a traced leaf: its input position}."""
        return {what: p for p, (source, what) in enumerate(self.inputs) if source == "leaf"}

    def current(self):
        """True while everything that the function read by name is as it was."""
        return self.reads is None or self.reads.unchanged()

    def fits(self, leaves):
        """True where the arrays of a call are as different from each other, and have the flags, as the trace assumes."""
        if self.distinct and repeated(leaves, self.distinct) != self.shared:
            return False
        return all(leaves[k].flags.num == flags for k, flags in self.flags.items())

    def today(self, captured):
        """The array that is read today in place of a captured one."""
        return captured if self.reads is None else self.reads.today(captured)

    def source_of(self, captured, name):
        """(Python source of `today(captured)`, the names in it), which begin with `name`."""
        return (name, {name: captured}) if self.reads is None else self.reads.source_of(captured, name)


def repeated(leaves, places):
    """[(a, b)]: the array at b, one of these places, is the one at a, the first such."""
    known, found = {}, []
    for k in places:
        if isinstance(leaves[k], np.ndarray):  # a tracer of an array passes for one
            first = known.setdefault(id(leaves[k]), k)
            if first != k:
                found.append((first, k))
    return found


def leaf_kind(value):
    """How a traced leaf was given: 'float', 'scalar' or 'array'; results are returned in the same kind."""
    concrete = value.value if type(value) is Tracer else value
    if isinstance(concrete, np.ndarray):
        return "array"
    return "scalar" if isinstance(concrete, np.generic) else "float"


def native(value):
    """An array in native byte order as a plain ndarray; anything else as it is."""
    if not isinstance(value, np.ndarray):
        return value
    return np.asarray(value, value.dtype.newbyteorder("="))


def name_of(function):
    """A readable name of a callable."""
    return getattr(function, "__name__", None) or type(function).__name__


def record(function, leaves, tree, traced, differentiated, *, retargeted=True, guarded=True, writable=False, varying=()):
    """Run `function` once on tracers.

    leaves, tree       of (args, kwargs)
    traced             indices of the leaves that become inputs, in input order
    differentiated     the subset whose derivative will be asked
    retargeted         run f and what it reaches as retargeted copies (DESIGN 7); None: it is a copy already
    writable         the function may write its arguments: their final values become outputs of the tape, behind the results
    guarded            False (`pure=True`): the user promises that nothing read by name changes
    varying            of `Reads`: small arrays that have changed before
    """
    start = time.perf_counter()
    outer = current_trace()
    reads = outer.reads if outer is not None and outer.reads is not None else Reads(varying)
    paths = argument_paths(tree)
    trace = Trace(name_of(function))
    trace.reads = reads
    trace.differentiable = {position for position, k in enumerate(traced) if k in differentiated}
    positions = {k: position for position, k in enumerate(traced)}
    trace.paths = [paths[k] for k in traced] if writable else None
    with trace, reads.closed_after(outer is None):
        arguments = list(leaves)
        for k in traced:
            leaf = leaves[k]
            arguments[k] = trace.input(leaf.value if type(leaf) is Tracer else native(leaf), paths[k])
        shared = [] if writable else repeated(leaves, [k for k in traced if k not in differentiated])
        for a, b in shared:
            arguments[b] = arguments[a]
        enter = retarget if retargeted else _watched if retargeted is not None else _as_it_is
        for k, leaf in enumerate(leaves):
            if k not in positions and not isinstance(leaf, (bool, int, str, bytes, complex)):
                arguments[k] = enter(leaf, reads)
        function = enter(function, reads)
        args, kwargs = tree.build(arguments)
        if retargeted:
            args, kwargs = adopt((args, kwargs), reads)
        before = flatten((args, kwargs)) if writable else None
        try:
            result = release(function(*args, **kwargs), reads)
        except ValueError as error:
            if isinstance(error.__cause__, TracingError):  # NumPy's "setting an array element with a sequence" hides what is wrong
                raise error.__cause__ from None
            raise
        recording = Recording()
        out_leaves, recording.out_tree = flatten(result)
        recording.outputs = [_output_leaf(trace, leaf, path) for leaf, path in zip(out_leaves, recording.out_tree.paths())]
        if writable:
            _refuse_rebound(trace, before, (args, kwargs), paths, arguments, positions)
        finals = {traced[p]: trace.lift(arguments[traced[p]]) for p in trace.mutated if p < len(traced)} if writable else {}
        _refuse_mutated(trace, paths, traced, finals)
        arrays = [k for k in traced if arguments[k].storage is not None] if reads.identity and retargeted is not None else []
        for a, b in repeated(leaves, arrays):
            if (a, b) not in shared:
                raise TracingError(f"{paths[a]} and {paths[b]} are one array, and the function asks by `is`, at {reads.identity}, whether two variables "
                                   "are one object: differentiated arguments never are. Pass a copy of one, or leave the question out")
        if trace.flags_read and (outer is not None or max(trace.flags_read) >= len(traced)):
            reads.refuse("it asks for the flags of an array that is not an argument of the outermost function")
        if outer is None:
            reads.finish(trace)
    tape = recording.tape = trace.builder.tape
    tape.outputs = [leaf.id for leaf in recording.outputs if leaf.kind != "static"] + list(finals.values())
    recording.written = list(finals)
    captured = dict(trace.captures)
    recording.tree = tree
    recording.kinds = {k: leaf_kind(leaves[k]) for k in traced}
    recording.differentiated = [k for k in traced if k in differentiated]
    recording.inputs = [("leaf", traced[p]) if p < len(traced) else ("capture", captured[p]) for p in range(len(tape.inputs))]
    recording.baked = list({id(array): array for array in [*trace.constants_from_arrays, *reads.compared()]}.values())
    recording.flags = {traced[p]: flags for p, flags in trace.flags_read.items() if p < len(traced)}
    recording.distinct, recording.shared = arrays, shared
    recording.overridden = trace.overridden or OVERRIDE in tape.op
    if outer is not None and recording.overridden:
        outer.overridden = True
    recording.reads = reads if guarded else None
    recording.reusable = reads.reusable or not guarded
    recording.why = None if recording.reusable else reads.why
    tape.log.append(Phase("trace", time.perf_counter() - start, 0, len(tape)))
    return recording


def _as_it_is(value, reads):
    return value


def _watched(value, reads):
    """`value` itself; all that it could read by name is entered into `reads`."""
    return watch(reads, value, name_of(value))


def argument_paths(tree):
    """The path of each argument leaf: `args[0]['w']`, `kwargs['scale']`."""
    args, kwargs = tree.children
    return args.paths("args") + kwargs.paths("kwargs")


def _output_leaf(trace, leaf, path):
    if type(leaf) is Tracer:
        return OutputLeaf(leaf_kind(leaf), trace.lift(leaf), None, path)
    if isinstance(leaf, np.ndarray):
        if leaf.dtype.kind == "O":
            raise OutputError(f"the function returned an object array at result{path}: return a numeric array (np.array of the elements, np.stack)")
        if leaf.dtype.kind in "biufc":
            return OutputLeaf("array", trace.lift(leaf), None, path)
    if isinstance(leaf, (float, complex, np.inexact)):
        return OutputLeaf("scalar" if isinstance(leaf, np.generic) else "float", trace.lift(leaf), None, path)
    inside = path_of_tracer(leaf, trace)
    if inside is not None:
        if type(leaf).__module__.startswith(__package__ + "."):  # it stands for an object of a library
            raise OutputError(f"result{path} is {leaf!r}, and holds a traced value: return the arrays that you need of it")
        raise OutputError(f"result{path} is a {type(leaf).__name__} that holds a traced value at {inside}: return it in a list, tuple, dict or "
                          f"dataclass, or make {type(leaf).__name__} a container with register_container")
    return OutputLeaf("static", None, leaf, path)


def _refuse_mutated(trace, paths, traced, allowed):
    for position in trace.mutated:
        if position < len(traced) and traced[position] in allowed:
            continue
        name = paths[traced[position]] if position < len(traced) else "a captured array"
        raise written(trace, name)


def _refuse_rebound(trace, before, arguments, paths, given, positions):
    """Raise where a function put other objects into its arguments' containers, or gave an argument another shape: that is not written back."""
    name = trace.builder.tape.name
    (leaves, tree), (found, shape) = before, flatten(arguments)
    if tree != shape:
        raise TracingError(f"{name} changes which items its arguments hold, and that would be lost: write into the arrays that are there, or return the new container")
    for path, leaf, other in zip(paths, leaves, found):
        if leaf is not other:
            raise TracingError(f"{name} puts another value at {path}, and that would be lost: write into the array that is there, as in x[...] = value, or return it")
    for k, position in positions.items():
        if np.shape(given[k].value) != np.shape(trace.given[position]):
            raise TracingError(f"{name} changes the shape of {paths[k]} from {np.shape(trace.given[position])} to {np.shape(given[k].value)}, and that would be lost: "
                               "work on a reshaped view, as in y = x.reshape(...)")


def inline(tape, inputs, kinds):
    """Write a tape into the current trace; its outputs as Tracers.

    inputs   one per input position: a Tracer, an array or a number
    kinds    one per output: 'float' makes the Tracer a Python float's (or complex's), 'scalar' a NumPy scalar's, 'array' an array's
    """
    trace = current_trace()
    if trace is None:
        raise leaked()
    builder = trace.builder
    ids, values = [None] * len(tape), [None] * len(tape)
    with np.errstate(all="ignore"):
        for k, row, operands, type_, params in tape.records():
            code = row.code
            if code == GUARD:
                builder.append(code, (ids[operands[0]],), builder.type_index(type_), builder.param_index(params), builder.line_index(tape.line_of(k)))
                continue
            if code == INPUT:
                given = inputs[params[0]]
                values[k] = given.value if type(given) is Tracer else np.asarray(given)
                ids[k] = trace.lift(given)
                continue
            values[k] = params[0].array if code == CONSTANT else evaluate(row, [values[o] for o in operands], params)
            ids[k] = builder.append(
                code, [ids[o] for o in operands], builder.type_index(type_), builder.param_index(params), builder.line_index(tape.line_of(k)))
    out = []
    for id, kind in zip(tape.outputs, kinds):
        value = np.array(values[id])
        out.append(Tracer(trace, value.item() if kind == "float" else value[()] if kind == "scalar" else value, ids[id]))
    return out
