"""Answers that take seeds: jvp. Here is also the list of all answers.

Read next: `linear_answers.py` (vjp and linearize, whose seeds come late), `jacobian_answer.py` (where the seeded sweep runs in C, once a row).
"""

from __future__ import annotations

from .answers import Answer, GradAnswer, JitAnswer, filled_like, tangents_of
from .forward_answer import ForwardAnswer
from .held import SplitAnswer
from .jacobian_answer import jacobian_answer
from .linear_answers import LinearizeAnswer, VjpAnswer, tangent_specs
from .passes import forward
from .reverse_answer import ReverseAnswer
from .seeds import tangent_leaves
from .sparse_answer import sparse_answer
from .trace import Tracer


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

    def plan(self, specs, program):
        plan = self.plain_plan(specs, program)
        plan.inputs = self.recording.inputs + [("seed", k) for k in self.recording.differentiated]
        plan.extra = self.recording.tree.children[0], tangent_specs(self)
        return plan

    def inline(self, recording, inputs, leaves, extra=None):
        return super().inline(recording, inputs + tangent_leaves(recording, extra, "jvp"), leaves)

    def finish(self, values):
        count = len(self.traced_outputs)
        return self.result(values[:count]), tangents_of(self, values[count:])


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
