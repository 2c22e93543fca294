"""Answers that take seeds: jvp, and those whose seeds come late: vjp, linearize and Jacobians.

The programs of the late ones have two segments. The first computes everything that no seed touches and leaves its residuals in a
workspace; the second takes seeds and runs as often as asked: by a pullback that the user holds, or k times in C for the
rows of a Jacobian.
"""

from __future__ import annotations

import threading
from functools import partial

import numpy as np

from .answers import Answer, GradAnswer, JitAnswer, as_kind, filled_like, fresh, new_arrays, tangents_of
from .errors import ArgumentError, OutputError
from .forward_answer import ForwardAnswer
from .held import SplitAnswer
from .kernel.direct import Plan
from .kernel.direct_key import Block, Out
from .kernel.direct_linear import forward_call, linear_call, table_of
from .kernel.shadow import open_shadows
from .ops import FLOATS, OPS, REAL_OF
from .passes import derive, forward, reverse
from .recording import inline
from .reverse_answer import ReverseAnswer
from .seeds import cotangent_leaves, tangent_leaves
from .shadows import as_arrays
from .tape.types import DTYPE_OF_NAME
from .trace import Tracer, current_trace
from .tree import Tree, flatten


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
        types = [type if k < aux else type._replace(shape=(self.count, *type.shape)) for k, type in enumerate(program.outputs)]
        outputs = [("new", kind, type) for kind, type in zip(self.kinds, types)]
        result = self.assembled([Out(k) for k in range(aux)], lambda result, *rows: Block(aux + result, *rows), lambda block, *kinds: block)
        plan = Plan(self.recording.tree, specs, [*self.recording.inputs, ("one-hot", self.count)], outputs, result)
        return None if any(type(leaf) is Block and leaf.shape == () for leaf in flatten(result)[0]) else plan

    def finish(self, values):
        """The Jacobian from the values of the program's outputs, of which those that depend on the seeds have a row for each."""
        aux = len(values) - len(self.result_types)
        return self.assembled(values[:aux], lambda result, *rows: _block(values[aux + result], *rows), _scalar_block)

    def assembled(self, aux, block, scalar):
        """Cut the rows into one block per (output leaf, input leaf) and put the blocks into the containers.

        block    function (number of the result, first row, row behind the last, whether the rows' axis goes to the end, shape) -> block
        scalar   function (block, kind of the output, kind of the input) -> what is returned for it
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
        kinds = self.source_kinds()
        rows = []
        for leaf, row in zip(self.traced_outputs, blocks):
            rows.append(self.by_argument([scalar(block, leaf.kind, kind) for block, kind in zip(row, kinds)]))
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
    if type(block) is Tracer or block.shape != () or "array" in (out_kind, in_kind):
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
