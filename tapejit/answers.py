"""Answers: a plan for each kind of request over one recording.

An `Answer` says which derivative records to append to the tape (`differentiate`), which inputs are seeds that come late
(`late`), and how the program's outputs become the user's result: `run` for arrays, `inline` inside an outer trace.
Read next: `passes/differentiate.py`; `specialize.py`, which keeps answers with their programs.
"""

from __future__ import annotations

from copy import copy

import numpy as np

from .errors import ArgumentError, OutputError
from .kernel.direct import Plan, direct_call
from .kernel.direct_key import EXTRA, Out
from .kernel.shadow import open_shadows
from .ops import FLOATS, OPS, REAL_OF
from .passes import derive, reverse
from .recording import argument_paths, inline
from .shadows import as_arrays
from .tape.types import DTYPE_OF_NAME
from .tree import flatten

REAL_FLOATS = ("f16", "f32", "f64")


class Answer:
    """A request's plan over one recording. Subclasses say what is appended and how results are built."""

    late = ()  # input positions of seeds that come in a second segment
    added = ()  # output positions whose buffers are added to

    def __init__(self, request, recording):
        self.request = request
        self.recording = recording
        self.traced_outputs = [leaf for leaf in recording.outputs if leaf.kind != "static"]
        self.kinds = []  # how each output of the derived tape is returned

    # -- what is appended

    def differentiate(self, builder):
        """Append derivative records; the ids of the derived tape's outputs. Sets `kinds`."""
        raise NotImplementedError

    def sources(self, builder):
        """Ids of the differentiated inputs."""
        return [builder.tape.inputs[p] for p in self.source_positions()]

    def source_kinds(self):
        return [self.recording.kinds[k] for k in self.recording.differentiated]

    def source_types(self):
        tape = self.recording.tape
        return [tape.type_of(tape.inputs[p]) for p in self.source_positions()]

    def source_positions(self):
        position = self.recording.position_of_leaf
        return [position[k] for k in self.recording.differentiated]

    # -- results

    def run(self, program, inputs, leaves, extra=None):
        outputs = new_arrays(program.outputs)
        program.run(inputs, outputs)
        return self.finish([as_kind(value, kind) for value, kind in zip(outputs, self.kinds)])

    def inline(self, recording, inputs, leaves, extra=None):
        tape = derive(recording.tape, self.differentiate)
        return self.finish(inline(tape, inputs, self.kinds))

    def finish(self, values):
        """The user's result from the values of the derived tape's outputs (NumPy values, or Tracers)."""
        raise NotImplementedError

    def plan(self, specs, program):
        """The Plan of a direct call for arguments as `specs` says (`kernel/direct.py`), or None where there is none."""
        return None

    def plain_plan(self, specs, program):
        """The Plan where each output of the program is a new value of the result."""
        outputs = [("new", kind, type) for kind, type in zip(self.kinds, program.outputs)]
        result = self.finish([Out(k) for k in range(len(outputs))])
        return Plan(self.recording.tree, specs, self.recording.inputs, outputs, result)

    def generated(self, plan, program, source_of, unchanged, busy, entry):
        """The generated function of a plan, or None (parameters as in `kernel/direct.py`)."""
        return direct_call(plan, program, source_of, unchanged, busy, entry)

    def seed_spec(self, kind, type):
        """How a tangent or cotangent of a value that is given as `kind` is given in a direct call."""
        return ("array", type.dtype, type.shape) if kind == "array" else (kind, type.dtype)

    def buffers(self, leaves, extra):
        """The user's arrays that a call writes."""
        return []

    def comparable(self, result):
        """The part of a result that `tapejit.verify` compares."""
        return result

    def result(self, values):
        """What the function returned, rebuilt from the values of its traced outputs."""
        values = iter(values)
        return self.recording.out_tree.build([fresh(leaf.value) if leaf.kind == "static" else next(values) for leaf in self.recording.outputs])

    def by_argument(self, derivatives):
        """Derivatives of the differentiated leaves as the arguments' containers: one, or a tuple for several arguments."""
        request, tree = self.request, self.recording.tree
        of_leaf = dict(zip(self.recording.differentiated, derivatives))
        args, kwargs = tree.children
        subtrees = [args.children[n] for n in request.positions(len(args.children))]
        subtrees += [kwargs.children[kwargs.keys.index(name)] for name in request.argnames]
        out = [subtree.build([of_leaf.get(k) for k in range(low, high)]) for subtree, (low, high, _) in zip(subtrees, request.selected(tree))]
        single = not isinstance(request.argnums, tuple) and request.argnums is not None and len(out) == 1
        return out[0] if single or (request.argnums == () and len(out) == 1) else tuple(out)


def new_arrays(types):
    """An array to be written for each Type."""
    return [np.empty(type.shape, DTYPE_OF_NAME[type.dtype]) for type in types]


def fresh(value):
    """A static result for one call: a set, bytearray or array is the caller's to change."""
    return copy(value) if isinstance(value, (set, bytearray, np.ndarray)) else value


def as_kind(value, kind):
    """An output array as it is returned: a Python float, a NumPy scalar, or the array itself."""
    return value if kind == "array" else value[()] if kind == "scalar" else value.item()


def filled_like(builder, id, number):
    """The id of `number` repeated to the type of value `id`."""
    type = builder.type_of(id)
    scalar = builder.number(number, type.dtype)
    return builder.emit(OPS["broadcast"], (scalar,), (type.shape,)) if type.shape else scalar


class JitAnswer(Answer):
    """The function's own outputs."""

    def __init__(self, request, recording):
        super().__init__(request, recording)
        self.kinds = [leaf.kind for leaf in self.traced_outputs]
        self.differentiate = None

    def finish(self, values):
        return self.result(values)

    def plan(self, specs, program):
        return self.plain_plan(specs, program)


class GradAnswer(Answer):
    """Gradient of a scalar output, or (elementwise_grad) of the sum of an output's elements; real, or holomorphic as the request says."""

    def __init__(self, request, recording):
        super().__init__(request, recording)
        self.with_value = request.kind == "value_and_grad"
        self.target, self.aux = self._target()

    def _target(self):
        """(the OutputLeaf that is differentiated, its index among the outputs), and the count of traced outputs."""
        recording, kind = self.recording, self.request.kind
        tree, leaves = recording.out_tree, recording.outputs
        if self.request.has_aux:
            if tree.kind is not tuple or len(tree.children) != 2:
                raise OutputError(f"{kind}: with has_aux=True the function returns a tuple (value, aux), found {_tree_text(recording)}")
            tree = tree.children[0]
        if tree.kind != "leaf":
            raise OutputError(f"{kind}: the function returns one number to differentiate, found {_tree_text(recording)}: "
                              "return one number, pass has_aux=True for (value, aux), or use jacobian")
        leaf = leaves[0]
        if leaf.kind == "static":
            raise OutputError(f"{kind}: the function returned {leaf.value!r} ({type(leaf.value).__name__}), expected a real floating-point number")
        type_ = recording.tape.type_of(leaf.id)
        if self.request.holomorphic:
            if type_.dtype not in REAL_OF:
                raise OutputError(f"{kind}: the function returned {_type_text(type_)}, expected a complex number, as holomorphic=True "
                                  "says: leave it out for a real-valued function")
        elif type_.dtype not in REAL_FLOATS:
            advice = ": return its real part or absolute value, or pass holomorphic=True if the function is holomorphic (else use vjp)"
            raise OutputError(f"{kind}: the function returned {_type_text(type_)}, expected a real floating-point number"
                              + advice * (type_.dtype in FLOATS))
        if type_.shape != () and kind != "elementwise_grad":
            raise OutputError(f"{kind}: the function returned an array of shape {type_.shape}, expected a scalar: reduce it (np.sum, np.mean), "
                              "or use jacobian or elementwise_grad" + ("; index it ([0]) to get the one element" if np.prod(type_.shape) == 1 else ""))
        return leaf, [l for l in leaves[1:] if l.kind != "static"]

    def differentiate(self, builder):
        outputs = builder.tape.outputs
        target = outputs[0]
        sources = self.sources(builder)
        gradients = reverse(builder, {target: filled_like(builder, target, 1)}, sources)
        gradients = [filled_like(builder, s, 0) if g is None else g for s, g in zip(sources, gradients)]
        value = [target] if self.with_value else []
        self.kinds = [self.target.kind] * len(value) + self.source_kinds() + [leaf.kind for leaf in self.aux]
        return value + gradients + list(outputs[1:])

    def run(self, program, inputs, leaves, extra=None):
        if extra is None:
            return super().run(program, inputs, leaves)
        first = int(self.with_value)
        count = len(self.recording.differentiated)
        paths = argument_paths(self.recording.tree)
        readers = [(paths[what], leaves[what]) if source == "leaf" else ("an array that the function reads", array)
                   for (source, what), array in zip(self.recording.inputs, inputs)]
        readers += [("an array that the function reads", array) for array in self.recording.baked]
        targets, finish = open_shadows(as_arrays(extra, "out"), self.by_argument(range(count)), program.outputs[first:first + count], readers)
        outputs = new_arrays(program.outputs)
        outputs[first:first + count] = targets
        program.run(inputs, outputs)
        finish(outputs[first:first + count])
        values = [as_kind(value, kind) for value, kind in zip(outputs, self.kinds)]
        return self.finish(values, gradient=extra)

    def inline(self, recording, inputs, leaves, extra=None):
        if extra is not None:
            raise ArgumentError(f"{self.request.kind}: out= takes no traced values: use the gradient that {self.request.kind}(f) returns without it, or autodiff")
        return super().inline(recording, inputs, leaves)

    def buffers(self, leaves, extra):
        return [array for array in flatten(as_arrays(extra, "out"))[0] if isinstance(array, np.ndarray)]

    def comparable(self, result):
        return flatten(result)[1].build([np.copy(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in flatten(result)[0]])

    def plan(self, specs, program):
        plan = self.plain_plan(specs, program)
        if self.request.options is not None:  # the gradients are written into the buffers of `extra`
            first = int(self.with_value)
            places, tree = flatten(self.by_argument(range(len(self.recording.differentiated))))
            types = [program.outputs[first + place] for place in places]
            plan.extra = tree, [("array", type.dtype, type.shape) for type in types]
            for number, (place, type) in enumerate(zip(places, types)):
                plan.outputs[first + place] = ("extra", number, type)
            plan.result = self.finish([Out(k) for k in range(len(plan.outputs))], gradient=EXTRA)
            plan.apart = self.recording.baked
        return plan

    def finish(self, values, gradient=None):
        values = list(values)
        value = values.pop(0) if self.with_value else None
        count = len(self.recording.differentiated)
        if gradient is None:
            gradient = self.by_argument(values[:count])
        if not self.request.has_aux:
            return (value, gradient) if self.with_value else gradient
        aux = iter(values[count:])
        aux = self.recording.out_tree.children[1].build([fresh(leaf.value) if leaf.kind == "static" else next(aux) for leaf in self.recording.outputs[1:]])
        return ((value, aux), gradient) if self.with_value else (gradient, aux)


def _tree_text(recording):
    tree = recording.out_tree
    if tree.kind == "leaf":
        leaf = recording.outputs[0]
        return _type_text(recording.tape.type_of(leaf.id)) if leaf.kind != "static" else type(leaf.value).__name__
    return "None" if tree.kind == "none" else f"a {tree.kind.__name__} of {len(tree.children)}"


def _type_text(type):
    return f"a number of dtype {DTYPE_OF_NAME[type.dtype]}" if type.shape == () else f"an array of dtype {DTYPE_OF_NAME[type.dtype]} and shape {type.shape}"


def tangents_of(answer, dots):
    """The function's result with a tangent in place of each floating leaf, and None for leaves without one."""
    dots = iter(dots)
    tape = answer.recording.tape
    leaves = []
    for leaf in answer.recording.outputs:
        dot = next(dots) if leaf.kind != "static" else None
        leaves.append(dot if leaf.kind != "static" and tape.type_of(leaf.id).dtype in FLOATS else None)
    return answer.recording.out_tree.build(leaves)
