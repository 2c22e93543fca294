"""The answer behind `autodiff` in reverse mode, on which `split` builds: cotangents are added to the user's shadows."""

from __future__ import annotations

import numpy as np

from .answers import as_kind, filled_like, new_arrays
from .autodiff_answers import AutodiffAnswer
from .errors import ArgumentError, OutputError, warn
from .kernel.direct_key import Out
from .ops import FLOATS, REAL_OF
from .passes import derive, reverse
from .recording import inline
from .seeds import cotangent_leaves
from .tape.types import DTYPE_OF_NAME
from .tree import flatten, spans


ADDED_BY_THE_PROGRAM = ("f32", "f64")  # shadows of other dtypes are added to by NumPy, from temporaries


class ReverseAnswer(AutodiffAnswer):
    """Outputs: results, if wanted; final values of written leaves; derivatives of Active leaves; shadows to set; shadows to add to."""

    def differentiate(self, builder):
        results, finals = self.results_and_finals(builder)
        self.check_constants(builder, finals)
        two_segments = self.batched or self.request.kind == "split"
        first_seed = len(builder.tape.inputs)
        cotangents = {}

        def seed(id, ct):
            cotangents[id] = ct if id not in cotangents else (builder.expr(cotangents[id]) + builder.expr(ct)).id

        targets = self._targets(builder, results)
        self.has_target = bool(targets)
        self.seed_inputs = bool(targets) and (self.seeded or two_segments)
        for id in targets:
            seed(id, builder.input(builder.type_of(id), f"ct{len(builder.tape.inputs)}") if self.seed_inputs else filled_like(builder, id, 1))
        self.read = [k for k in self.shadowed if k in finals]
        for k in self.read:
            seed(finals[k], builder.input(builder.type_of(finals[k]), f"shadow{k}"))
        self.late = range(first_seed, len(builder.tape.inputs)) if two_segments else ()
        leaves = self.recording.differentiated
        sources = self.sources(builder)
        found = dict(zip(leaves, reverse(builder, cotangents, sources)))
        found.update({k: filled_like(builder, s, 0) for k, s in zip(leaves, sources) if k in self.read and found[k] is None})  # a pure output: its shadow is consumed
        active = [k for k in leaves if k not in self.shadowed]
        self.returned = [k for k in active if found[k] is not None]
        self.added_to = [k for k in self.shadowed if k not in finals and found[k] is not None]
        self.results_out = results if self.with_primal else []
        primal = self.results_out + [finals[k] for k in self.primals_out]
        self.first = len(primal)  # position of the first derivative
        derivatives = [found[k] for k in self.returned + self.read + self.added_to]
        places = range(self.first + len(self.returned) + len(self.read), self.first + len(derivatives))
        self.added = [place for place, k in zip(places, self.added_to) if self.type_of_leaf(k).dtype in ADDED_BY_THE_PROGRAM]
        self.kinds = self.primal_kinds() + [self.recording.kinds[k] for k in self.returned] + ["array"] * (len(self.read) + len(self.added_to))
        return primal + derivatives

    def _targets(self, builder, results):
        """Ids of the results that are seeded."""
        recording = self.recording
        if self.constant:
            return []
        floating = [id for id in results if builder.type_of(id).dtype in FLOATS]
        if self.seeded or self.request.kind == "split":
            return floating
        if recording.out_tree.kind == "none" or not floating:
            return []
        if self._is_number(builder.tape, floating):
            if builder.type_of(floating[0]).dtype in REAL_OF:
                raise OutputError(f"autodiff: {recording.tape.name} returns a complex number: pass seed=, its cotangent (1.0 if the "
                                  "function is holomorphic), or return its real part")
            return floating
        raise OutputError(f"autodiff: {recording.tape.name} does not return one number: pass seed=, a cotangent with its containers and shapes, "
                          "or ret=Const to differentiate through the arguments that it writes alone")

    def _is_number(self, tape, floating):
        """Whether the function returns one number, given the ids of its floating results on a tape."""
        return len(floating) == 1 and tape.type_of(floating[0]).shape == () and self.recording.out_tree.kind == "leaf"

    # -- one call of autodiff

    def run(self, program, inputs, leaves, extra):
        self.check_shadows(extra, leaves, self.shadowed)
        self.check_primals(leaves, extra)
        seeds = self.seeds(extra)
        self.warn_of_zeros(extra, seeds)
        primal = new_arrays(program.outputs[:self.first])
        if not self.batched:
            bound = Bound(self, program, extra, 0)
            program.run(inputs + seeds[0] + bound.read, primal + bound.outputs)
            derivatives = bound.finish()
        else:
            workspace = program.acquire()
            try:
                derivatives = self.sweep_back(program, workspace, inputs, seeds, primal, extra, self.sweep_forward(program, workspace, inputs, primal))
            finally:
                program.release(workspace)
        self.write_primals(leaves, primal[len(self.results_out):])
        if not self.with_primal:
            return derivatives
        return derivatives, self.results(primal)

    def sweep_forward(self, program, workspace, inputs, primal):
        """Run the first segment, which fills `primal`; returns the derivatives that depend on no seed, by position."""
        late = [np.zeros(program.inputs[p].shape, DTYPE_OF_NAME[program.inputs[p].dtype]) for p in range(len(inputs), len(program.inputs))]
        rest = [np.zeros(type.shape, DTYPE_OF_NAME[type.dtype]) for type in program.outputs[self.first:]]
        program.run(inputs + late, primal + rest, workspace=workspace, segment=0)
        return {p: array for p, array in enumerate(rest, self.first) if not program.late_outputs[p]}

    def sweep_back(self, program, workspace, inputs, seeds, primal, extra, fixed):
        """Run the second segment for each shadow of the batch; what is returned, by argument."""
        rows = []
        for i in range(extra.sweeps):
            bound = Bound(self, program, extra, i, fixed)
            if len(program.segments) > 1:
                program.run(inputs + seeds[i] + bound.read, primal + bound.outputs, workspace=workspace, segment=1)
            rows.append(bound.finish())
        return self.by_sweep(extra, rows)

    def seeds(self, extra):
        """The checked cotangents of each sweep."""
        if not self.seed_inputs:
            return [[]] * extra.sweeps
        recording = self.recording
        tape = recording.tape
        if extra.seed is None:
            ids = [leaf.id for leaf in self.traced_outputs if tape.type_of(leaf.id).dtype in FLOATS]
            if len(ids) == 1 and tape.type_of(ids[0]).dtype in REAL_OF:
                raise OutputError(f"reverse: {recording.tape.name} returned a complex number: pass seed=, its cotangent (1.0 if the "
                                  "function is holomorphic)")
            if not self._is_number(tape, ids):
                raise OutputError(f"reverse: {recording.tape.name} returns more than one number: pass seed=, a cotangent with its containers and shapes")
            return [[np.ones((), DTYPE_OF_NAME[tape.type_of(ids[0]).dtype])]] * extra.sweeps
        return [cotangent_leaves(recording, seed, "seed") for seed in self._seed_of_each_sweep(extra)]

    def _seed_of_each_sweep(self, extra):
        """A batch's seeds: the items of a tuple, or of the leading axis of each array."""
        if extra.width is None:
            return [extra.seed]
        if type(extra.seed) is tuple:
            if len(extra.seed) != extra.width:
                raise ArgumentError(f"seed: expected {extra.width} seeds, one per shadow of the batch, found {len(extra.seed)}")
            return extra.seed
        leaves, tree = flatten(extra.seed)
        for leaf in leaves:
            if np.shape(leaf)[:1] != (extra.width,):
                raise ArgumentError(f"seed: expected a tuple of {extra.width} seeds, or a leading axis of length {extra.width}, one seed per shadow "
                                    f"of the batch, found shape {np.shape(leaf)}")
        return [tree.build([leaf[i] for leaf in leaves]) for i in range(extra.width)]

    def warn_of_zeros(self, extra, seeds):
        """Say so when every seed of a call is zero, since the gradient would silently be zero."""
        if self.seed_inputs:
            seeded = any(np.any(seed) for row in seeds for seed in row)
        else:
            seeded = self.has_target
        if seeded or any(np.any(shadow) for k in self.read for shadow in extra.of_leaf[k]):
            return
        names = ", ".join(f"the shadow of {self.paths[k]}" for k in self.read) or "none of the arguments is written"
        warn(f"autodiff: every seed is zero, so every derivative is ({names}): set the shadow of an output before the call", RuntimeWarning)

    def by_argument(self, derivatives):
        """The derivatives of Active arguments, {leaf: value}, in their containers; None for the other arguments."""
        kinds, arguments, out = self.recording.kinds, self.recording.tree.children[0].children, []
        for name, child, own in zip(self.activities, arguments, spans(arguments)):
            if name.startswith("Active"):
                out.append(child.build([derivatives.get(k, _zero(kinds[k], self.type_of_leaf(k))) if k in self.recording.differentiated else None
                                        for k in own]))
            else:
                out.append(None)
        return tuple(out)

    def by_sweep(self, extra, rows):
        """The derivatives by argument of each sweep as what is returned: of a batch, a tuple with an item per sweep for each Active argument."""
        return rows[0] if extra.width is None else tuple([None if column[0] is None else column for column in zip(*rows)])

    def plan(self, specs, program):
        received = self.read + self.added_to
        if self.late or len(received) != len(self.shadowed) or len(self.added) != len(self.added_to):  # a shadow that receives nothing is checked all the same
            return None
        outputs = self.primal_outputs(program)
        outputs += [("new", self.recording.kinds[k], type) for k, type in zip(self.returned, program.outputs[self.first:])]
        outputs += [("shadow", k, type) for k, type in zip(received, program.outputs[len(outputs):])]
        inputs = list(self.recording.inputs)
        extra, never_zero = None, []
        if self.seed_inputs:
            extra = self.recording.out_tree, [self._seed_spec(leaf) for leaf in self.recording.outputs]
            numbers = [number for number, spec in enumerate(extra[1]) if spec is not None]
            inputs += [("seed", number) for number in numbers]
            never_zero = [("seed", number) for number in numbers]
        if self.seed_inputs or not self.has_target:
            never_zero += [("shadow", k) for k in self.read]
            if not never_zero:
                return None
        inputs += [("shadow", k) for k in self.read]
        result = self.by_argument({k: Out(self.first + place) for place, k in enumerate(self.returned)})
        return self.shadow_plan(specs, inputs, outputs, result, extra, never_zero)

    def _seed_spec(self, leaf):
        """How the seed of an output is given in a direct call, None for a leaf without a derivative."""
        type = None if leaf.kind == "static" else self.recording.tape.type_of(leaf.id)
        if type is None or type.dtype not in FLOATS:
            return None
        return ("array", type.dtype, type.shape) if leaf.kind == "array" else ("float", type.dtype)

    # -- in an outer trace

    def inline(self, recording, inputs, leaves, extra):
        self.check_traced(leaves, extra, self.shadowed)
        tape = derive(recording.tape, self.differentiate)
        seeds, rows = self.seeds(extra), []
        for i in range(extra.sweeps):
            read = [extra.of_leaf[k][i] for k in self.read]
            values = inline(tape, [*inputs, *seeds[i], *[shadow.copy() for shadow in read]], self.kinds)
            derivatives = values[self.first:]
            count = len(self.returned)
            for k, value in zip(self.read, derivatives[count:]):
                extra.of_leaf[k][i][...] = value
            for k, value in zip(self.added_to, derivatives[count + len(self.read):]):
                extra.of_leaf[k][i][...] += value
            rows.append(self.by_argument(dict(zip(self.returned, derivatives))))
        self.write_primals(leaves, values[len(self.results_out):self.first])
        derivatives = self.by_sweep(extra, rows)
        if not self.with_primal:
            return derivatives
        return derivatives, self.result(values[:len(self.traced_outputs)])


class Bound:
    """The buffers of one reverse sweep: copies of the shadows that it reads, and for each derivative the user's own shadow where the
    program can write there, or a temporary that `finish` brings to it."""

    __slots__ = ("answer", "shadows", "read", "outputs", "temporary")

    def __init__(self, answer, program, extra, sweep, fixed=()):
        self.answer = answer
        self.shadows = {k: shadows[sweep] for k, shadows in extra.of_leaf.items()}
        self.read = [np.array(self.shadows[k], order="C") for k in answer.read]
        self.outputs = new_arrays(program.outputs[answer.first:])
        self.temporary = []  # (shadow, its temporary, whether it is added)
        targets = [None] * len(answer.returned) + answer.read + answer.added_to
        for place, k in enumerate(targets):
            known = fixed.get(place + answer.first) if fixed else None
            if k is None:
                if known is not None:
                    self.outputs[place][...] = known
                continue
            shadow, added = self.shadows[k], place >= len(answer.returned) + len(answer.read)
            by_program = place + answer.first in answer.added
            if known is None and (by_program or not added) and shadow.flags.c_contiguous and shadow.flags.aligned:
                self.outputs[place] = shadow
                continue
            if known is not None:
                self.outputs[place][...] = known
            elif by_program:
                self.outputs[place][...] = 0
            self.temporary.append((shadow, self.outputs[place], added))

    def finish(self):
        """Bring what is in temporaries to the shadows; the derivatives of Active arguments, by argument."""
        answer = self.answer
        for shadow, temporary, added in self.temporary:
            if added:
                with np.errstate(all="ignore"):  # as in the kernel: other shadows have been written, so that an overflow cannot be an error
                    shadow += temporary
            else:
                shadow[...] = temporary
        kinds = answer.recording.kinds
        return answer.by_argument({k: as_kind(value, kinds[k]) for k, value in zip(answer.returned, self.outputs)})


def _zero(kind, type):
    dtype = DTYPE_OF_NAME[type.dtype]
    return np.zeros(type.shape, dtype) if kind == "array" else dtype.type(0) if kind == "scalar" else dtype.type(0).item()
