"""The answers behind `jacobian`, `jacfwd`, `jacrev` and `hessian`.

Where the Jacobian of one array by one array is sparse, it is found in as many sweeps as it has colours (`passes/colouring.py`); where these
are few and the tape is short, one program holds copies of the sweep. Else the program has two segments: the first computes everything that
no seed touches, the second runs k times in C, for the rows of the Jacobian or its columns. Read next: `sparse_answer.py`.
"""

from __future__ import annotations

import numpy as np

from .answers import Answer, as_kind, filled_like, fresh, new_arrays
from .errors import OutputError
from .kernel.direct import Plan
from .kernel.direct_key import Block, Out
from .ops import FLOATS, OPS, REAL_OF
from .passes import active_records, derive, forward, reverse
from .passes.colouring import colour
from .passes.compress import compressed, compressed_late, gathered, scattered
from .passes.sparsity import TooDense, full_pattern, jacobian_pattern
from .recording import inline
from .tape.types import DTYPE_OF_NAME
from .trace import Tracer

COMPRESSED = ("f32", "f64")  # dtypes of Jacobians that are looked at for their sparsity
FEW = 8  # sweeps that one program may hold whatever the pattern
COPIED = 2000  # records that depend on the argument, times sweeps, that one program may hold
SMALL = 1_000_000  # elements of a Jacobian in a few sweeps, whatever the pattern
LEAST_LIMIT = 4096  # elements that a pattern may always have
SEEDS = 4_000_000  # elements of seeds that one program may hold
SYMMETRIC = "symmetric"  # the first option of a request whose Jacobian is a Hessian
WORK = 5_000_000  # elements of patterns, in all: some 0.2 s


class JacobianAnswer(Answer):
    """The Jacobian: primal sweep once, then one seeded sweep per output element (reverse) or input element (forward), in C.

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
        self.rows, self.columns = rows, columns
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


class CompressedJacobian(JacobianAnswer):
    """The Jacobian of one array by one array, found in as many sweeps as a Colouring has colours.

    copies   the sweeps are copies in one program; else the program's second segment runs once for each colour
    """

    def __init__(self, request, recording, pattern, colouring, copies):
        super().__init__(request, recording)
        self.pattern, self.colouring, self.copies = pattern, colouring, copies
        self.reverse = colouring.reverse
        (self.given,) = self.source_types() if self.reverse else self.target_types  # the type of what a sweep gives
        self.late = () if copies else (len(recording.inputs),)

    late = ()

    def differentiate(self, builder):
        target, *aux = builder.tape.outputs
        (source,) = self.sources(builder)
        self.kinds = [leaf.kind for leaf in self.traced_outputs[1:]]
        if not self.copies:
            self.kinds.append("array")
            line = compressed_late(builder, self.colouring, source, target)
            return aux + [filled_like(builder, source if self.reverse else target, 0) if line is None else line]
        lines = compressed(builder, self.colouring, source, target)
        values, kinds = self.made(gathered(lines, self.colouring))
        self.kinds += kinds
        return aux + [value.id for value in values]

    def made(self, data):
        """(values to return, their kinds) from the stored elements, an Expr: here the dense matrix."""
        shape = self.target_types[0].shape + self.source_types()[0].shape
        kind = "array" if shape else _scalar_kind(self.traced_outputs[0].kind, self.source_kinds()[0])
        return [OPS["reshape"](scattered(data, self.pattern, self.rows, self.columns), shape=shape)], [kind]

    def run(self, program, inputs, leaves, extra=None):
        if self.copies:
            return Answer.run(self, program, inputs, leaves, extra)
        aux = len(self.kinds) - 1
        outputs = new_arrays(program.outputs[:aux])
        late = program.late_outputs[aux]
        lines = (np.empty if late else np.zeros)((self.colouring.count, *self.given.shape), DTYPE_OF_NAME[self.given.dtype])
        seed = np.zeros(self.colouring.count, DTYPE_OF_NAME[program.inputs[-1].dtype])
        program.run_seeded(inputs + [seed], outputs + [lines if late else lines[0]], len(inputs), self.colouring.count)
        values = self.made_late(lines.ravel()[self.colouring.places])
        return self.finish([as_kind(value, kind) for value, kind in zip(outputs, self.kinds)] + values)

    def made_late(self, data):
        """As `made`, from an array."""
        dense = np.zeros(self.rows * self.columns, data.dtype)
        dense[self.pattern.rows * self.columns + self.pattern.columns] = data
        return [dense.reshape(self.target_types[0].shape + self.source_types()[0].shape)]

    def inline(self, recording, inputs, leaves, extra=None):
        self.copies, self.late = True, ()
        return Answer.inline(self, recording, inputs, leaves, extra)

    def finish(self, values):
        *aux, matrix = values
        return self.contained([[matrix]], aux)

    def plan(self, specs, program):
        return self.plain_plan(specs, program) if self.copies else None


def jacobian_answer(request, recording):
    """The Answer to a request for a dense Jacobian: compressed, where it is found to be sparse or takes few sweeps anyhow."""
    answer = JacobianAnswer(request, recording)
    types = answer.target_types + answer.source_types()
    if len(types) != 2 or not answer.count or not answer.rows or any(type.dtype not in COMPRESSED for type in types):
        return answer
    size = answer.rows * answer.columns
    few = answer.count <= FEW and size <= SMALL
    pattern = pattern_of(answer, max(LEAST_LIMIT, size // 4), WORK) if answer.count > 1 else None
    if pattern is None:
        if not few:
            return answer
        pattern = full_pattern(answer.rows, answer.columns)
    colouring = colouring_of(answer, pattern, answer.count if few else answer.count // 2)
    if colouring is None:
        return answer
    copies = may_copy(answer, colouring)
    if not copies and colouring.count == answer.count:
        return answer
    return CompressedJacobian(request, recording, pattern, colouring, copies)


def pattern_of(answer, limit, work):
    """The Pattern of a Jacobian of one array by one array; None where it has more than `limit` elements or takes more than `work`."""
    tape = answer.recording.tape
    try:
        return jacobian_pattern(tape, tape.inputs[answer.source_positions()[0]], tape.outputs[0], limit, work)
    except TooDense:
        return None


MODES = {"jacfwd": ("forward",), "jacrev": ("reverse",), "sparse_hessian": ("forward",)}


def colouring_of(answer, pattern, most):
    """A Colouring of the Jacobian's Pattern with at most `most` colours, or None."""
    request = answer.request
    # The derivative of a gradient is symmetric, unless a rule of the user's says something else.
    symmetric = request.options is not None and request.options[0] == SYMMETRIC and not answer.recording.overridden
    return colour(pattern, answer.rows, answer.columns, symmetric, MODES.get(request.kind, ("forward", "reverse")), most)


def may_copy(answer, colouring):
    """Whether one program may hold a copy of the sweep for each colour."""
    tape = answer.recording.tape
    active = sum(active_records(tape, [tape.inputs[answer.source_positions()[0]]]))
    return colouring.count * active <= COPIED and colouring.count * colouring.colours.size <= SEEDS


def _block(rows, start, stop, moved, shape):
    """Rows [start, stop) of a result in another shape, their axis brought to the end if `moved`."""
    piece = rows[start:stop]
    if not moved:
        return piece.reshape(shape)
    piece = np.transpose(piece, (*range(1, np.ndim(piece)), 0)).reshape(shape)
    return piece if type(piece) is Tracer else np.ascontiguousarray(piece).reshape(shape)


def _scalar_kind(out_kind, in_kind):
    """How a derivative of one number by one number is returned."""
    return "array" if "array" in (out_kind, in_kind) else "float" if in_kind == "float" else "scalar"


def _scalar_block(block, out_kind, in_kind):
    """A 0-d block between scalars is returned as a scalar."""
    if not isinstance(block, np.ndarray) or block.shape != () or "array" in (out_kind, in_kind):
        return block
    return as_kind(block, _scalar_kind(out_kind, in_kind))


def _elements(types):
    return sum(int(np.prod(type.shape)) for type in types)
