"""Answers behind `activity.autodiff` and `split`: sweeps that work on the user's own shadows.

One rule covers arguments that the function writes: a shadow comes in as the cotangent of the argument's final value and goes out as
the cotangent of its initial value. For an argument that is not written the two values are one, and the rule is addition: the program
adds into the user's memory. Tangents obey the mirrored rule.

A batch, and a split call, compile to two segments: the first computes everything that no seed touches, the second runs once per shadow.
In: `extra`, a `Shadows`. Read next: `activity.py`, the public surface; `shadows.py`, where shadows are matched to leaves.
"""

from __future__ import annotations

import warnings

import numpy as np

from .answers import Answer, as_kind, filled_like, new_arrays, tangents_of
from .errors import ArgumentError, OutputError, ShadowOverlapError, ShadowReadOnlyError, ShadowTypeError
from .kernel.direct import Out, Plan
from .kernel.shadow import check_shadow, overlaps
from .ops import FLOATS
from .passes import active_records, derive, forward, reverse
from .recording import argument_paths, inline
from .roles import Const, Shadowed
from .seeds import checked_seed, cotangent_leaves
from .tape.types import DTYPE_OF_NAME
from .trace import Tracer
from .tree import flatten


class AutodiffAnswer(Answer):
    """Shared by both modes. Options of the request: (class of each argument's activity, primal wanted, result is seeded, result is constant, a batch)."""

    def __init__(self, request, recording):
        super().__init__(request, recording)
        classes, self.with_primal, self.seeded, self.constant, self.batched = request.options
        self.activities = [activity.__name__ for activity in classes]
        self.paths = argument_paths(recording.tree)
        tape = recording.tape
        self.position = recording.position_of_leaf
        self.activity_of = {}
        low = 0
        for name, child in zip(self.activities, recording.tree.children[0].children):
            for k in range(low, low + child.leaves):
                self.activity_of[k] = name
            low += child.leaves
        sources = [tape.inputs[p] for p in self.source_positions()]
        active = active_records(tape, sources)
        for k, id in zip(recording.written, tape.outputs[len(self.traced_outputs):]):
            if self.activity_of[k] == "Const" and active[id]:
                raise ArgumentError(f"autodiff: {self.paths[k]} is Const, but {tape.name} writes into it values that depend on a differentiated argument: "
                                    "give it a shadow, or the derivative through it would be lost")
        self.shadowed = [k for k in recording.differentiated if not self.activity_of[k].startswith("Active")]
        # The written leaves whose final values the user wants to see.
        self.primals_out = [k for k in recording.written if not self.activity_of[k].endswith("Only")]

    def type_of_leaf(self, k):
        tape = self.recording.tape
        return tape.type_of(tape.inputs[self.position[k]])

    def results_and_finals(self, builder):
        """(ids of the results, {written leaf: id of its final value})."""
        outputs = list(builder.tape.outputs)
        count = len(self.traced_outputs)
        return outputs[:count], dict(zip(self.recording.written, outputs[count:]))

    # -- checks before anything is written

    def check_primals(self, leaves):
        """Refuse to write into a read-only argument or one that shares memory with another."""
        for k in self.primals_out:
            primal = leaves[k]
            if not primal.flags.writeable:
                raise ShadowReadOnlyError(f"{self.paths[k]} is read-only, but {self.recording.tape.name} writes into it: pass an array that can be written")
            for other, leaf in enumerate(leaves):
                if other != k and isinstance(leaf, np.ndarray) and overlaps(primal, leaf):
                    raise ShadowOverlapError(f"{self.paths[k]}, which {self.recording.tape.name} writes, shares memory with {self.paths[other]}: pass a copy")

    def check_shadows(self, shadows, leaves, written):
        """Hold every shadow against its primal, and those of the leaves in `written`, to which the sweep writes, against every other buffer."""
        arrays = [(self.paths[k], leaves[k]) for k in range(len(leaves)) if isinstance(leaves[k], np.ndarray)]
        arrays += [("an array that the function reads", array) for array in self.recording.baked]
        captured = [self.recording.today(what) for source, what in self.recording.inputs if source != "leaf"]
        arrays += [("an array that the function reads", array) for array in captured if isinstance(array, np.ndarray)]
        arrays += [("a seed", seed) for seed in flatten(shadows.seed)[0]]
        targets = []
        for label, k, shadow, width in shadows.given:
            type = self.type_of_leaf(k)
            if width is not None:
                type = type._replace(shape=(width, *type.shape))
            if k in written:
                check_shadow(label, shadow, type)
                targets.append((label, shadow))
            else:
                check_tangent(label, shadow, type, self.recording.kinds[k])
                arrays.append((label, shadow))
        for label, shadow in targets:
            for other, array in arrays:
                if isinstance(array, np.ndarray) and overlaps(shadow, array):
                    raise ShadowOverlapError(f"{label} shares memory with {other}: each shadow needs a buffer of its own, such as make_zero gives")
            arrays.append((label, shadow))

    # -- what the user's memory receives

    def write_primals(self, leaves, finals):
        for k, final in zip(self.primals_out, finals):
            leaves[k][...] = final

    def buffers(self, leaves, extra):
        """The user's arrays that a call may write."""
        shadows = [shadow for _, _, shadow, _ in extra.given]
        return [array for array in (*shadows, *(leaves[k] for k in self.primals_out)) if isinstance(array, np.ndarray)]

    def results(self, values):
        return self.result([as_kind(value, leaf.kind) for value, leaf in zip(values, self.traced_outputs)])

    def primal_kinds(self):
        """How the outputs before the first derivative are returned."""
        return [leaf.kind for leaf in self.traced_outputs] * self.with_primal + ["array"] * len(self.primals_out)

    def primal_outputs(self, program):
        """The outputs before the first derivative, as a Plan has them."""
        outputs = [("new", leaf.kind) for leaf in self.traced_outputs] * self.with_primal + [("final", k) for k in self.primals_out]
        return [(how, what, type) for (how, what), type in zip(outputs, program.outputs)]

    def shadow_plan(self, specs, inputs, outputs, derivatives, extra=None, never_zero=()):
        result = derivatives
        if self.with_primal:
            result = derivatives, self.result([Out(k) for k in range(len(self.traced_outputs))])
        classes = self.request.options[0]
        return Plan(self.recording.tree.children[0].children, specs, inputs, outputs, result, classes, Const, Shadowed, extra, self.recording.baked, never_zero)

    def check_traced(self, leaves, extra, written):
        """In a function that is being traced, what the sweep writes must be traced too."""
        for k in self.primals_out:
            if type(leaves[k]) is not Tracer:
                raise ShadowTypeError(_not_traced(self.paths[k], f"{self.recording.tape.name} writes into it"))
        for label, k, shadow, width in extra.given:
            if k not in written:
                continue
            if type(shadow) is not Tracer:
                raise ShadowTypeError(_not_traced(label, "it receives a traced value"))
            type_, value = self.type_of_leaf(k), shadow.value
            expected = type_.shape if width is None else (width, *type_.shape)
            if not isinstance(value, np.ndarray) or value.shape != expected or value.dtype != DTYPE_OF_NAME[type_.dtype]:
                raise ShadowTypeError(f"{label}: expected a traced array of dtype {DTYPE_OF_NAME[type_.dtype]} and shape {expected}, "
                                      f"found {value.dtype if hasattr(value, 'dtype') else type(value).__name__} and shape {np.shape(value)}")


class ReverseAnswer(AutodiffAnswer):
    """Outputs: results, if wanted; final values of written leaves; derivatives of Active leaves; shadows to set; shadows to add to."""

    def differentiate(self, builder):
        results, finals = self.results_and_finals(builder)
        two_segments = self.batched or self.request.kind == "split"
        first_seed = len(builder.tape.inputs)
        cotangents = {}

        def seed(id, ct):
            cotangents[id] = ct if id not in cotangents else (builder.expr(cotangents[id]) + builder.expr(ct)).id

        targets = self._targets(builder, results)
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
        self.added = range(self.first + len(self.returned) + len(self.read), self.first + len(derivatives))
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
        if self._is_number(builder, floating):
            return floating
        raise OutputError(f"autodiff: {recording.tape.name} returns more than one number: pass seed=, a cotangent with its containers and shapes, "
                          "or ret=Const to differentiate through the arguments that it writes alone")

    def _is_number(self, builder, floating):
        return len(floating) == 1 and builder.type_of(floating[0]).shape == () and self.recording.out_tree.kind == "leaf"

    # -- one call of autodiff

    def run(self, program, inputs, leaves, extra):
        self.check_primals(leaves)
        self.check_shadows(extra, leaves, self.shadowed)
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
        if extra.width is None:
            return rows[0]
        return tuple([None if column[0] is None else column for column in zip(*rows)])

    def seeds(self, extra):
        """The checked cotangents of each sweep."""
        if not self.seed_inputs:
            return [[]] * extra.sweeps
        recording = self.recording
        tape = recording.tape
        if extra.seed is None:
            ids = [leaf.id for leaf in self.traced_outputs if tape.type_of(leaf.id).dtype in FLOATS]
            if not (len(ids) == 1 and tape.type_of(ids[0]).shape == () and recording.out_tree.kind == "leaf"):
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
            seeded = not self.constant and bool(self.traced_outputs) and self.recording.out_tree.kind != "none"
        if seeded or any(np.any(shadow) for k in self.read for shadow in extra.of_leaf[k]):
            return
        names = ", ".join(f"the shadow of {self.paths[k]}" for k in self.read) or "none of the arguments is written"
        warnings.warn(f"autodiff: every seed is zero, so every derivative is ({names}): set the shadow of an output before the call", RuntimeWarning, stacklevel=7)

    def by_argument(self, derivatives):
        """The derivatives of Active arguments, {leaf: value}, in their containers; None for the other arguments."""
        kinds, out, low = self.recording.kinds, [], 0
        for name, child in zip(self.activities, self.recording.tree.children[0].children):
            if name.startswith("Active"):
                values = [derivatives.get(k, _zero(kinds[k], self.type_of_leaf(k))) if k in self.recording.differentiated else None
                          for k in range(low, low + child.leaves)]
                out.append(child.build(values))
            else:
                out.append(None)
            low += child.leaves
        return tuple(out)

    def plan(self, specs, program):
        received = self.read + self.added_to
        if self.late or len(received) != len(self.shadowed):  # a shadow that receives nothing is checked all the same
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
        if self.seed_inputs or self.constant or not self.traced_outputs or self.recording.out_tree.kind == "none":
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
        derivatives = rows[0] if extra.width is None else tuple([None if column[0] is None else column for column in zip(*rows)])
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
            shadow, added = self.shadows[k], place + answer.first in answer.added
            if known is None and shadow.flags.c_contiguous and shadow.flags.aligned:
                self.outputs[place] = shadow
                continue
            if known is not None:
                self.outputs[place][...] = known
            elif added:
                self.outputs[place][...] = 0
            self.temporary.append((shadow, self.outputs[place], added))

    def finish(self):
        """Bring what is in temporaries to the shadows; the derivatives of Active arguments, by argument."""
        answer = self.answer
        for shadow, temporary, added in self.temporary:
            if added:
                shadow += temporary
            else:
                shadow[...] = temporary
        kinds = answer.recording.kinds
        return answer.by_argument({k: as_kind(value, kinds[k]) for k, value in zip(answer.returned, self.outputs)})


class ForwardAnswer(AutodiffAnswer):
    """Outputs: results, if wanted; final values of written leaves; tangents of the results; tangents of written leaves."""

    def differentiate(self, builder):
        results, finals = self.results_and_finals(builder)
        sources = self.sources(builder)
        first_seed = len(builder.tape.inputs)
        seeds = [builder.input(builder.type_of(s), f"dot{k}") for k, s in enumerate(sources)]
        if self.batched:
            self.late = range(first_seed, len(builder.tape.inputs))
        self.set_to = [k for k in self.shadowed if k in finals]
        targets = ([] if self.constant else results) + [finals[k] for k in self.set_to]
        dots = forward(builder, dict(zip(sources, seeds)), targets)
        self.results_out = results if self.with_primal else []
        primal = self.results_out + [finals[k] for k in self.primals_out]
        self.first = len(primal)
        self.kinds = self.primal_kinds() + [leaf.kind for leaf in self.traced_outputs] * (not self.constant) + ["array"] * len(self.set_to)
        return primal + [filled_like(builder, t, 0) if d is None else d for t, d in zip(targets, dots)]

    def run(self, program, inputs, leaves, extra):
        self.check_primals(leaves)
        self.check_shadows(extra, leaves, self.set_to)
        outputs = new_arrays(program.outputs)
        rows = []
        if not self.batched:
            program.run(inputs + self.seeds(extra, 0), outputs)
            rows.append(outputs[self.first:])
        else:
            workspace = program.acquire()
            try:
                program.run(inputs + self.seeds(extra, 0), outputs, workspace=workspace, segment=0)
                primal, fixed = outputs[:self.first], outputs[self.first:]
                for i in range(extra.width):
                    dots = [np.array(array) for array in fixed]
                    if len(program.segments) > 1:
                        program.run(inputs + self.seeds(extra, i), primal + dots, workspace=workspace, segment=1)
                    rows.append(dots)
            finally:
                program.release(workspace)
        for i, dots in enumerate(rows):
            for k, dot in zip(self.set_to, dots[self.count_results:]):
                extra.of_leaf[k][i][...] = dot
        self.write_primals(leaves, outputs[len(self.results_out):self.first])
        tangents = [self.tangents([as_kind(dot, leaf.kind) for dot, leaf in zip(dots, self.traced_outputs)]) for dots in rows]
        tangents = tangents[0] if extra.width is None else tuple(tangents)
        if not self.with_primal:
            return tangents
        return tangents, self.results(outputs)

    def plan(self, specs, program):
        if self.batched:
            return None
        outputs = self.primal_outputs(program)
        dots = [("new", leaf.kind) for leaf in self.traced_outputs] * (not self.constant) + [("shadow", k) for k in self.set_to]
        outputs += [(how, what, type) for (how, what), type in zip(dots, program.outputs[self.first:])]
        inputs = self.recording.inputs + [("shadow" if k in self.set_to else "tangent", k) for k in self.recording.differentiated]
        return self.shadow_plan(specs, inputs, outputs, self.tangents([Out(self.first + k) for k in range(self.count_results)]))

    @property
    def count_results(self):
        """The number of tangents that belong to results."""
        return 0 if self.constant else len(self.traced_outputs)

    def tangents(self, dots):
        return None if self.constant else tangents_of(self, dots)

    def seeds(self, extra, sweep):
        """The input arrays of the tangents; copies of those that the sweep writes."""
        out = []
        for k in self.recording.differentiated:
            dot = np.require(extra.of_leaf[k][sweep], DTYPE_OF_NAME[self.type_of_leaf(k).dtype], ("C", "A"))
            out.append(np.array(dot) if k in self.set_to else dot)
        return out

    def inline(self, recording, inputs, leaves, extra):
        self.check_traced(leaves, extra, [k for k in self.shadowed if k in recording.written])
        tape = derive(recording.tape, self.differentiate)
        rows = []
        for i in range(extra.sweeps):
            dots = [extra.of_leaf[k][i] for k in recording.differentiated]
            dots = [checked_seed(dot, self.type_of_leaf(k), f"autodiff: the tangent of {self.paths[k]}") for k, dot in zip(recording.differentiated, dots)]
            dots = [dot.copy() if k in self.set_to else dot for k, dot in zip(recording.differentiated, dots)]
            values = inline(tape, [*inputs, *dots], self.kinds)
            for k, value in zip(self.set_to, values[self.first + self.count_results:]):
                extra.of_leaf[k][i][...] = value
            rows.append(self.tangents(values[self.first:]))
        self.write_primals(leaves, values[len(self.results_out):self.first])
        tangents = rows[0] if extra.width is None else tuple(rows)
        if not self.with_primal:
            return tangents
        return tangents, self.result(values[:len(self.traced_outputs)])


def check_tangent(label, shadow, type, kind):
    """Raise a ShadowError unless `shadow` is a tangent of a primal of this type, given as `kind` ('array', 'scalar', 'float'). It is only read."""
    if kind == "array" or type.shape:
        check_shadow(label, shadow, type, written=False)
        return
    try:
        checked_seed(shadow, type, label)
    except ArgumentError as error:
        raise ShadowTypeError(str(error)) from None


def _not_traced(label, why):
    return f"{label}: expected a traced array, since autodiff is called in a function that is being traced and {why}: pass it as an argument of that function"


def _zero(kind, type):
    dtype = DTYPE_OF_NAME[type.dtype]
    return np.zeros(type.shape, dtype) if kind == "array" else dtype.type(0) if kind == "scalar" else 0.0
