"""The answers behind vjp and linearize, whose seeds come late.

Their programs have two segments. The first computes everything that no seed touches and leaves its residuals in a workspace; the second
takes seeds and runs as often as asked, by the linear function that the user holds.
"""

from __future__ import annotations

import threading
from functools import partial

import numpy as np

from .answers import Answer, as_kind, filled_like, new_arrays, tangents_of
from .errors import ArgumentError
from .kernel.direct import Plan
from .kernel.direct_key import Out
from .kernel.direct_linear import forward_call, linear_call, table_of
from .kernel.shadow import open_shadows
from .ops import FLOATS
from .passes import derive, forward, reverse
from .recording import inline
from .seeds import cotangent_leaves, tangent_leaves
from .shadows import as_arrays
from .tape.types import DTYPE_OF_NAME
from .trace import Tracer, current_trace
from .tree import Tree


def tangent_specs(answer):
    """How the tangent of each leaf of the arguments is given in a direct call: None for a leaf without a derivative."""
    recording, specs = answer.recording, [None] * answer.recording.tree.leaves
    for k, type in zip(recording.differentiated, answer.source_types()):
        specs[k] = answer.seed_spec(recording.kinds[k], type)
    return specs


class LateSeeds(Answer):
    """Shared by vjp and linearize: primal outputs first, then the seeded results, one seed input per differentiable value."""

    def __init__(self, request, recording):
        super().__init__(request, recording)
        self._linear_call, self._called = None, False

    @property
    def late(self):
        start = len(self.recording.inputs)
        return range(start, start + len(self.seed_types()))

    def floating_outputs(self):
        tape = self.recording.tape
        return [k for k, leaf in enumerate(self.traced_outputs) if tape.type_of(leaf.id).dtype in FLOATS]

    def run(self, program, inputs, leaves, extra=None):
        workspace = program.acquire()
        count = len(self.traced_outputs)
        primal = new_arrays(program.outputs[:count])
        inputs = [np.array(array) for array in inputs]  # the second segment reads them later: the user may have changed theirs by then
        seeds = [np.zeros(type.shape, DTYPE_OF_NAME[type.dtype]) for type in self.seed_types()]
        rest = new_arrays(program.outputs[count:])
        program.run(inputs + seeds, primal + rest, workspace=workspace, segment=0)
        values = [as_kind(value, leaf.kind) for value, leaf in zip(primal, self.traced_outputs)]
        return self.result(values), Linear(self, program, inputs, primal, rest, workspace)

    def plan(self, specs, program):
        """The Plan of a direct call: the result of the first segment; the linear function comes beside it."""
        late = self.seed_types()
        if not late:
            return None
        count = len(self.traced_outputs)
        outputs = [("new" if k < count else "late", kind, type) for k, (kind, type) in enumerate(zip(self.kinds, program.outputs))]
        inputs = [*self.recording.inputs, *[("late", type) for type in late]]
        return Plan(self.recording.tree, specs, inputs, outputs, self.result([Out(k) for k in range(count)]))

    def generated(self, plan, program, source_of, unchanged, busy, entry):
        return forward_call(plan, program, source_of, unchanged, busy, entry, partial(Linear, self, program))

    def linear_call(self, program):
        """The generated function (linear, given) for what is usually given to a linear function, or None. Made at the second call, as it takes a while."""
        if self._linear_call is None and self._called:
            plan = self.plan([None] * self.recording.tree.leaves, program)
            count = len(self.traced_outputs)
            result = self.finish_seeded([Out(count + k) for k in range(len(program.outputs) - count)])
            self._linear_call = plan and linear_call(plan, program, *self.given(), result) or False
        self._called = True
        return self._linear_call or None

    def inline(self, recording, inputs, leaves, extra=None):
        values = inline(derive(recording.tape), inputs, [leaf.kind for leaf in self.traced_outputs])
        return self.result(values), Linear(self, None, inputs)

    def finish_seeded(self, values):
        raise NotImplementedError

    def check_seeds(self, given):
        raise NotImplementedError

    def given(self):
        """(Tree of what a linear function is given, a tuple; how each leaf of it is given in a direct call)."""
        raise NotImplementedError


class Linear:
    """The linear function that vjp and linearize return: one sweep of the second segment per call.

    It owns the workspace with the residuals, so that it can be called any number of times, from any thread.
    """

    __slots__ = ("answer", "inputs", "program", "workspace", "primal", "fixed", "pointers", "lock")

    def __init__(self, answer, program, inputs, primal=None, fixed=(), workspace=None, pointers=None):
        self.answer, self.program, self.inputs, self.primal, self.workspace = answer, program, inputs, primal, workspace
        self.fixed = fixed  # the results as the first segment left them: what depends on no seed is there
        self.pointers = pointers  # table of the program's buffers, of which those of inputs and primal outputs stay; made when it is needed
        self.lock = threading.Lock()

    def __call__(self, *given, out=None, accumulate=False):
        if out is None and not accumulate and self.program is not None:
            direct = self.answer.linear_call(self.program)
            if direct is not None:
                if self.pointers is None:
                    unbound = [None] * (len(self.program.inputs) - len(self.inputs))
                    self.pointers = table_of([*self.inputs, *unbound, *self.primal, *[None] * len(self.fixed)])
                return direct(self, given)
        return self.general(given, out, accumulate)

    def general(self, given, out=None, accumulate=False):
        """The answer to a call that no generated function took."""
        answer = self.answer
        seeds = answer.check_seeds(given)
        if accumulate and out is None:
            raise ArgumentError(f"{answer.called}: accumulate=True adds to the buffers of out=: pass them")
        if out is not None and current_trace() is not None:
            raise ArgumentError(f"{answer.called}: out= takes no traced values: add to a traced array instead, or use autodiff")
        if self.program is None or any(type(seed) is Tracer for seed in seeds):
            tape = derive(answer.recording.tape, answer.differentiate)
            values = inline(tape, self.inputs + seeds, answer.kinds)
            return answer.finish_seeded(values[len(answer.traced_outputs):])
        program, count = self.program, len(answer.traced_outputs)
        outputs = [np.empty_like(array) if late else array.copy() for array, late in zip(self.fixed, program.late_outputs[count:])]
        finish = None
        if out is not None:
            types = program.outputs[count:]
            readers = [("the seed", seed) for seed in seeds] + [("an array that was computed before", array) for array in self.inputs]
            targets, finish = open_shadows(as_arrays(out, "out"), answer.finish_seeded(range(len(types))), types, readers, accumulate)
            for k, late in enumerate(program.late_outputs[count:]):
                if late:
                    outputs[k] = targets[k]
        if seeds:
            with self.lock:
                program.run(self.inputs + seeds, self.primal + outputs, workspace=self.workspace, segment=1)
        if finish is not None:
            finish(outputs)
            return out
        return answer.finish_seeded([as_kind(value, kind) for value, kind in zip(outputs, answer.kinds[count:])])

    def __repr__(self):
        return f"<{type(self.answer).__name__.removesuffix('Answer').lower()} of {self.answer.recording.tape.name}>"

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self  # it is immutable: a copy would be no different

    def __reduce__(self):
        raise TypeError(f"{self!r} holds memory of the kernel and cannot be pickled: pickle the function and its arguments")

    def __del__(self):
        if getattr(self, "program", None) is not None:
            self.program.release(self.workspace)


class VjpAnswer(LateSeeds):
    """The outputs, and a pullback from cotangents of the outputs to cotangents of the arguments."""

    called = "pullback"

    def seed_types(self):
        tape = self.recording.tape
        return [tape.type_of(self.traced_outputs[k].id) for k in self.floating_outputs()]

    def differentiate(self, builder):
        outputs = list(builder.tape.outputs)
        targets = [outputs[k] for k in self.floating_outputs()]
        seeds = {}
        for number, id in enumerate(targets):
            seed = builder.input(builder.type_of(id), f"ct{number}")
            seeds[id] = seed if id not in seeds else (builder.expr(seeds[id]) + builder.expr(seed)).id
        sources = self.sources(builder)
        gradients = reverse(builder, seeds, sources)
        self.kinds = [leaf.kind for leaf in self.traced_outputs] + self.source_kinds()
        return outputs + [filled_like(builder, s, 0) if g is None else g for s, g in zip(sources, gradients)]

    def check_seeds(self, given):
        if len(given) != 1:
            raise ArgumentError(f"pullback: expected one cotangent with the containers of the function's output, found {len(given)} arguments")
        return cotangent_leaves(self.recording, given[0], "pullback: the cotangent")

    def given(self):
        tape, specs = self.recording.tape, []
        for leaf in self.recording.outputs:
            type = None if leaf.kind == "static" else tape.type_of(leaf.id)
            specs.append(self.seed_spec(leaf.kind, type) if type is not None and type.dtype in FLOATS else None)
        return Tree(tuple, None, (self.recording.out_tree,)), specs

    def finish_seeded(self, values):
        return self.by_argument(values)


class LinearizeAnswer(LateSeeds):
    """The outputs, and the linear function from tangents of the arguments to tangents of the outputs."""

    called = "f_jvp"

    def seed_types(self):
        return self.source_types()

    def differentiate(self, builder):
        outputs = list(builder.tape.outputs)
        sources = self.sources(builder)
        seeds = [builder.input(builder.type_of(s), f"dot{k}") for k, s in enumerate(sources)]
        dots = forward(builder, dict(zip(sources, seeds)), outputs)
        self.kinds = [leaf.kind for leaf in self.traced_outputs] * 2
        return outputs + [filled_like(builder, o, 0) if d is None else d for o, d in zip(outputs, dots)]

    def check_seeds(self, given):
        return tangent_leaves(self.recording, given, "f_jvp")

    def given(self):
        return self.recording.tree.children[0], tangent_specs(self)

    def finish_seeded(self, values):
        return tangents_of(self, values)
