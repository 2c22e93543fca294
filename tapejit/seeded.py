"""Answers that take seeds: jvp, and Jacobians, whose seeds come late: the second segment of their programs runs k times in C.

Read next: `linear_answers.py` (vjp and linearize).
"""

from __future__ import annotations

import numpy as np

from .answers import Answer, GradAnswer, JitAnswer, as_kind, filled_like, fresh, tangents_of
from .errors import OutputError
from .forward_answer import ForwardAnswer
from .held import SplitAnswer
from .kernel.direct import Plan
from .kernel.direct_key import Block, Out
from .linear_answers import LinearizeAnswer, VjpAnswer, tangent_specs
from .ops import FLOATS, OPS, REAL_OF
from .passes import derive, forward, reverse
from .recording import inline
from .reverse_answer import ReverseAnswer
from .seeds import tangent_leaves
from .tape.types import DTYPE_OF_NAME
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


class JacobianAnswer(Answer):
    """The Jacobian: forward sweep once, then one seeded sweep per output element (reverse) or input element (forward), in C.

    All seeds are cut from one flat seed input, so that a row of the Jacobian is one one-hot vector.
    """

    def __init__(self, request, recording):
        super().__init__(request, recording)
        tape = recording.tape
        for leaf in recording.outputs:
            if leaf.kind == "static" or tape.type_of(leaf.id).dtype not in FLOATS:
                if not (request.has_aux and leaf.path.startswith("[1]")):
                    found = f"{leaf.value!r}" if leaf.kind == "static" else f"dtype {tape.type_of(leaf.id).dtype}"
                    raise OutputError(f"{request.kind}: result{leaf.path}: expected floating-point numbers, found {found}")
        self.count_targets = len(self.traced_outputs)
        self.target_tree = recording.out_tree
        if request.has_aux:
            if recording.out_tree.kind is not tuple or len(recording.out_tree.children) != 2:
                raise OutputError(f"{request.kind}: with has_aux=True the function returns a tuple (value, aux)")
            self.target_tree = recording.out_tree.children[0]
            self.count_targets = self.target_tree.leaves
        self.target_types = [tape.type_of(leaf.id) for leaf in self.traced_outputs[:self.count_targets]]
        rows, columns = _elements(self.target_types), _elements(self.source_types())
        self.reverse = request.kind == "jacrev" or (request.kind == "jacobian" and rows <= columns)
        self._check_complex()
        self.seeded_types, self.result_types = (self.target_types, self.source_types()) if self.reverse else (self.source_types(), self.target_types)
        self.count = rows if self.reverse else columns

    def _check_complex(self):
        """From complex arguments to complex results there is a Jacobian of holomorphic functions alone."""
        kind, holomorphic = self.request.kind, self.request.holomorphic
        from_complex = any(type.dtype in REAL_OF for type in self.source_types())
        for leaf, type in zip(self.traced_outputs, self.target_types):
            if holomorphic and type.dtype not in REAL_OF:
                raise OutputError(f"{kind}: result{leaf.path}: expected complex numbers, as holomorphic=True says, "
                                  f"found dtype {DTYPE_OF_NAME[type.dtype]}")
            if type.dtype in REAL_OF and not holomorphic and (from_complex or kind == "jacrev"):
                raise OutputError(f"{kind}: result{leaf.path} is complex: pass holomorphic=True if the function is holomorphic, "
                                  "else use vjp or jvp" + ("" if from_complex else ", or jacfwd"))
        if kind == "jacobian" and not holomorphic:
            if from_complex:
                self.reverse = True
            elif any(type.dtype in REAL_OF for type in self.target_types):
                self.reverse = False

    @property
    def seed_dtype(self):
        """Of the flat seed: real, as ones and zeros are enough."""
        dtype = self.seeded_types[0].dtype if self.seeded_types else "f64"
        return REAL_OF.get(dtype, dtype)

    @property
    def late(self):
        return (len(self.recording.inputs),)

    def differentiate(self, builder):
        outputs = list(builder.tape.outputs)
        targets, aux = outputs[:self.count_targets], outputs[self.count_targets:]
        sources = self.sources(builder)
        dtype = self.seed_dtype
        flat = builder.expr(builder.input(type(builder.type_of(sources[0]))(dtype, (self.count,)), "seeds"))
        pieces = []
        start = 0
        for type_ in self.seeded_types:
            size = int(np.prod(type_.shape))
            piece = OPS["reshape"](OPS["index"](flat, idx=((start, size, 1),)), shape=type_.shape)
            pieces.append((OPS["cast"](piece, dtype=type_.dtype) if type_.dtype != dtype else piece).id)
            start += size
        if self.reverse:
            seeds = {}
            for id, piece in zip(targets, pieces):
                seeds[id] = piece if id not in seeds else (builder.expr(seeds[id]) + builder.expr(piece)).id
            derivatives, like = reverse(builder, seeds, sources), sources
        else:
            derivatives, like = forward(builder, dict(zip(sources, pieces)), targets), targets
        self.kinds = [leaf.kind for leaf in self.traced_outputs[self.count_targets:]] + ["array"] * len(like)
        return aux + [filled_like(builder, s, 0) if d is None else d for s, d in zip(like, derivatives)]

    def run(self, program, inputs, leaves, extra=None):
        aux = len(self.kinds) - len(self.result_types)
        outputs = [np.empty(type.shape if k < aux else (self.count, *type.shape), DTYPE_OF_NAME[type.dtype]) for k, type in enumerate(program.outputs)]
        seed = np.zeros(self.count, DTYPE_OF_NAME[self.seed_dtype])
        late_zero = [k for k in range(aux, len(outputs)) if not program.late_outputs[k]]
        for k in late_zero:
            outputs[k] = np.zeros(program.outputs[k].shape, outputs[k].dtype)
        program.run_seeded(inputs + [seed], outputs, len(inputs), self.count)
        for k in late_zero:  # does not depend on the seed: structurally zero
            outputs[k] = np.zeros((self.count, *program.outputs[k].shape), outputs[k].dtype)
        return self.finish([as_kind(value, kind) for value, kind in zip(outputs[:aux], self.kinds)] + outputs[aux:])

    def inline(self, recording, inputs, leaves, extra=None):
        tape = derive(recording.tape, self.differentiate)
        aux = len(self.kinds) - len(self.result_types)
        dtype = DTYPE_OF_NAME[self.seed_dtype]
        rows = [inline(tape, inputs + [row], self.kinds) for row in np.eye(self.count, dtype=dtype)]
        if not rows:
            rows = [inline(tape, inputs + [np.zeros(0, dtype)], self.kinds)]
        stacked = [np.stack([row[k] for row in rows])[:self.count] for k in range(aux, len(self.kinds))]
        return self.finish(rows[0][:aux] + stacked)

    def plan(self, specs, program):
        aux = len(self.kinds) - len(self.result_types)
        if not self.count or not all(program.late_outputs[aux:]):
            return None
        blocks = self.blocks(lambda result, *rows: Block(aux + result, *rows))
        if any(block.shape == () for row in blocks for block in row):
            return None
        types = [type if k < aux else type._replace(shape=(self.count, *type.shape)) for k, type in enumerate(program.outputs)]
        outputs = [("new", kind, type) for kind, type in zip(self.kinds, types)]
        result = self.contained(blocks, [Out(k) for k in range(aux)])
        return Plan(self.recording.tree, specs, [*self.recording.inputs, ("one-hot", self.count)], outputs, result)

    def finish(self, values):
        """The Jacobian from the values of the program's outputs, of which those that depend on the seeds have a row for each."""
        aux = len(values) - len(self.result_types)
        return self.contained(self.blocks(lambda result, *rows: _block(values[aux + result], *rows)), values[:aux])

    def blocks(self, block):
        """Cut the rows into one block per (output leaf, input leaf).

        block  function (number of the result, first row, row behind the last, whether the rows' axis goes to the end, shape) -> block
        """
        blocks = [[None] * len(self.source_types()) for _ in self.target_types]
        start = 0
        for i, seeded in enumerate(self.seeded_types):
            stop = start + int(np.prod(seeded.shape))
            for j, result in enumerate(self.result_types):
                if self.reverse:
                    blocks[i][j] = block(j, start, stop, False, seeded.shape + result.shape)
                else:
                    blocks[j][i] = block(j, start, stop, True, result.shape + seeded.shape)
            start = stop
        return blocks

    def contained(self, blocks, aux):
        """What is returned for the blocks, by output leaf and input leaf, and the values of the traced leaves of aux."""
        kinds = self.source_kinds()
        rows = []
        for leaf, row in zip(self.traced_outputs, blocks):
            rows.append(self.by_argument([_scalar_block(block, leaf.kind, kind) for block, kind in zip(row, kinds)]))
        jacobian = self.target_tree.build(rows)
        if not self.request.has_aux:
            return jacobian
        traced = iter(aux)
        rest = self.recording.outputs[self.count_targets:]
        return jacobian, self.recording.out_tree.children[1].build([fresh(leaf.value) if leaf.kind == "static" else next(traced) for leaf in rest])


def _block(rows, start, stop, moved, shape):
    """Rows [start, stop) of a result in another shape, their axis brought to the end if `moved`."""
    piece = rows[start:stop]
    if not moved:
        return piece.reshape(shape)
    piece = np.transpose(piece, (*range(1, np.ndim(piece)), 0)).reshape(shape)
    return piece if type(piece) is Tracer else np.ascontiguousarray(piece).reshape(shape)


def _scalar_block(block, out_kind, in_kind):
    """A 0-d block between scalars is returned as a scalar."""
    if not isinstance(block, np.ndarray) or block.shape != () or "array" in (out_kind, in_kind):
        return block
    return block.item() if in_kind == "float" else block[()]


def _elements(types):
    return sum(int(np.prod(type.shape)) for type in types)


ANSWERS = {
    "jit": JitAnswer,
    "grad": GradAnswer,
    "value_and_grad": GradAnswer,
    "elementwise_grad": GradAnswer,
    "jvp": JvpAnswer,
    "vjp": VjpAnswer,
    "linearize": LinearizeAnswer,
    "jacrev": JacobianAnswer,
    "jacfwd": JacobianAnswer,
    "jacobian": JacobianAnswer,
    "autodiff reverse": ReverseAnswer,
    "autodiff forward": ForwardAnswer,
    "split": SplitAnswer,
}


def answer_for(request, recording):
    """The Answer to a request over a recording."""
    return ANSWERS[request.kind](request, recording)
