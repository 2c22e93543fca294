"""Answers that take seeds: jvp, and those whose seeds come late: vjp and linearize. Here is also the list of all answers.

The programs of the late ones have two segments. The first computes everything that no seed touches and leaves its residuals in a
workspace; the second takes seeds and runs as often as asked, by a pullback that the user holds. Read next: `jacobian_answer.py`, where it
runs in C, once for each row.
"""

from __future__ import annotations

import threading

import numpy as np

from .answers import Answer, GradAnswer, JitAnswer, as_kind, filled_like, new_arrays, tangents_of
from .errors import ArgumentError
from .forward_answer import ForwardAnswer
from .held import SplitAnswer
from .jacobian_answer import jacobian_answer
from .kernel.shadow import open_shadows
from .ops import FLOATS
from .passes import derive, forward, reverse
from .recording import inline
from .reverse_answer import ReverseAnswer
from .seeds import cotangent_leaves, tangent_leaves
from .shadows import as_arrays
from .sparse_answer import sparse_answer
from .tape.types import DTYPE_OF_NAME
from .trace import Tracer, current_trace


class JvpAnswer(Answer):
    """The outputs and their tangents; `extra` holds the tangents of the differentiated leaves."""

    def differentiate(self, builder):
        outputs = list(builder.tape.outputs)
        sources = self.sources(builder)
        seeds = [builder.input(builder.type_of(s), f"dot{k}") for k, s in enumerate(sources)]
        dots = forward(builder, dict(zip(sources, seeds)), outputs)
        dots = [filled_like(builder, o, 0) if d is None else d for o, d in zip(outputs, dots)]
        self.kinds = [leaf.kind for leaf in self.traced_outputs] * 2
        return outputs + dots

    def run(self, program, inputs, leaves, extra=None):
        seeds = tangent_leaves(self.recording, extra, "jvp")
        if any(type(seed) is Tracer for seed in seeds):
            return self.inline(self.recording, inputs, leaves, extra)
        return super().run(program, inputs + seeds, leaves)

    def inline(self, recording, inputs, leaves, extra=None):
        return super().inline(recording, inputs + tangent_leaves(recording, extra, "jvp"), leaves)

    def finish(self, values):
        count = len(self.traced_outputs)
        return self.result(values[:count]), tangents_of(self, values[count:])


class LateSeeds(Answer):
    """Shared by vjp and linearize: primal outputs first, then the seeded results, one seed input per differentiable value."""

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
        return self.result(values), Linear(self, inputs, program, workspace, primal, rest)

    def inline(self, recording, inputs, leaves, extra=None):
        values = inline(derive(recording.tape), inputs, [leaf.kind for leaf in self.traced_outputs])
        return self.result(values), Linear(self, inputs)

    def finish_seeded(self, values):
        raise NotImplementedError

    def check_seeds(self, given):
        raise NotImplementedError


class Linear:
    """The linear function that vjp and linearize return: one sweep of the second segment per call.

    It owns the workspace with the residuals, so that it can be called any number of times, from any thread.
    """

    __slots__ = ("answer", "inputs", "program", "workspace", "primal", "fixed", "lock")

    def __init__(self, answer, inputs, program=None, workspace=None, primal=None, fixed=()):
        self.answer, self.inputs, self.program, self.workspace, self.primal = answer, inputs, program, workspace, primal
        self.fixed = fixed  # the results as the first segment left them: what depends on no seed is there
        self.lock = threading.Lock()

    def __call__(self, *given, out=None, accumulate=False):
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

    def finish_seeded(self, values):
        return tangents_of(self, values)


ANSWERS = {
    "jit": JitAnswer,
    "grad": GradAnswer,
    "value_and_grad": GradAnswer,
    "elementwise_grad": GradAnswer,
    "jvp": JvpAnswer,
    "vjp": VjpAnswer,
    "linearize": LinearizeAnswer,
    "jacrev": jacobian_answer,
    "jacfwd": jacobian_answer,
    "jacobian": jacobian_answer,
    "sparse_jacobian": sparse_answer,
    "sparse_hessian": sparse_answer,
    "sparsity": sparse_answer,
    "autodiff reverse": ReverseAnswer,
    "autodiff forward": ForwardAnswer,
    "split": SplitAnswer,
}


def answer_for(request, recording):
    """The Answer to a request over a recording."""
    return ANSWERS[request.kind](request, recording)
