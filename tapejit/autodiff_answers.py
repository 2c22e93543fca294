"""Answers behind `activity.autodiff`: sweeps that work on the user's own shadows.

One rule covers arguments that the function writes: a shadow comes in as the cotangent of the argument's final value and goes out as
the cotangent of its initial value. For an argument that is not written the two values are one, and the rule is addition: the program
adds into the user's memory. Tangents obey the mirrored rule.
In: `extra`, a `Shadows`. Read next: `activity.py`, the public surface.
"""

from __future__ import annotations

import warnings

import numpy as np

from .answers import Answer, as_kind, filled_like, new_arrays, tangents_of
from .errors import ArgumentError, OutputError, ShadowOverlapError, ShadowReadOnlyError
from .kernel.shadow import check_shadow, overlaps
from .ops import FLOATS
from .passes import active_records, forward, reverse
from .recording import argument_paths
from .tape.types import DTYPE_OF_NAME


class Shadows:
    """What one call of autodiff brings besides the arguments.

    of_leaf   {leaf index: array (or, forward, a number)}: the shadows of the floating leaves
    seeds     cotangents of the function's floating results, in order, or None for the single 1.0
    """

    __slots__ = ("of_leaf", "seeds")

    def __init__(self, of_leaf, seeds=None):
        self.of_leaf, self.seeds = of_leaf, seeds


class AutodiffAnswer(Answer):
    """Shared by both modes. Options of the request: (activity name of each argument, primal wanted, result is seeded, result is constant)."""

    def __init__(self, request, recording):
        super().__init__(request, recording)
        self.activities, self.with_primal, self.seeded, self.constant = request.options
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
        self.shadowed = [k for k in recording.differentiated if self.activity_of[k] != "Active"]

    def type_of_leaf(self, k):
        tape = self.recording.tape
        return tape.type_of(tape.inputs[self.position[k]])

    def split(self, builder):
        """(ids of the results, {written leaf: id of its final value})."""
        outputs = list(builder.tape.outputs)
        count = len(self.traced_outputs)
        return outputs[:count], dict(zip(self.recording.written, outputs[count:]))

    def check_primals(self, leaves):
        """Refuse, before anything is written, to write into a read-only argument or one that shares memory with another."""
        for k in self.recording.written:
            primal = leaves[k]
            if not primal.flags.writeable:
                raise ShadowReadOnlyError(f"{self.paths[k]} is read-only, but {self.recording.tape.name} writes into it: pass an array that can be written")
            for other, leaf in enumerate(leaves):
                if other != k and isinstance(leaf, np.ndarray) and overlaps(primal, leaf):
                    raise ShadowOverlapError(f"{self.paths[k]}, which {self.recording.tape.name} writes, shares memory with {self.paths[other]}: pass a copy")

    def check_shadows(self, shadows, leaves, set_or_added):
        """Hold every shadow that the sweep writes against its primal and against every other buffer."""
        arrays = [(self.paths[k], leaves[k]) for k in range(len(leaves)) if isinstance(leaves[k], np.ndarray)]
        arrays += [("an array that the function reads", array) for array in self.recording.baked]
        captured = [self.recording.today(what) for source, what in self.recording.inputs if source != "leaf"]
        arrays += [("an array that the function reads", array) for array in captured if isinstance(array, np.ndarray)]
        arrays += [("a seed", seed) for seed in shadows.seeds or ()]
        for k in set_or_added:
            path, shadow = f"the shadow of {self.paths[k]}", shadows.of_leaf[k]
            check_shadow(path, shadow, self.type_of_leaf(k))
            for other, array in arrays:
                if overlaps(shadow, array):
                    raise ShadowOverlapError(f"{path} shares memory with {other}: each shadow needs a buffer of its own, such as make_zero gives")
            arrays.append((path, shadow))

    def write_primals(self, leaves, finals):
        for k, final in zip(self.primals_out, finals):
            leaves[k][...] = final

    @property
    def primals_out(self):
        """The written leaves whose final values the user wants to see."""
        return [k for k in self.recording.written if not self.activity_of[k].endswith("Only")]


class ReverseAnswer(AutodiffAnswer):
    """Outputs: results, if wanted; final values of written leaves; derivatives of Active leaves; shadows to set; shadows to add to."""

    def differentiate(self, builder):
        results, finals = self.split(builder)
        seeds = {}

        def seed(id, ct):
            seeds[id] = ct if id not in seeds else (builder.expr(seeds[id]) + builder.expr(ct)).id

        for id in self._targets(builder, results):
            seed(id, builder.input(builder.type_of(id), f"ct{len(builder.tape.inputs)}") if self.seeded else filled_like(builder, id, 1))
        self.read = [k for k in self.shadowed if k in finals]
        for k in self.read:
            seed(finals[k], builder.input(builder.type_of(finals[k]), f"shadow{k}"))
        leaves = self.recording.differentiated
        sources = self.sources(builder)
        cotangents = dict(zip(leaves, reverse(builder, seeds, sources)))
        zero = {k: filled_like(builder, source, 0) for k, source in zip(leaves, sources)}
        self.returned = [k for k in leaves if self.activity_of[k] == "Active"]
        self.added_to = [k for k in self.shadowed if k not in finals and cotangents[k] is not None]
        self.results_out = results if self.with_primal else []
        outputs = self.results_out + [finals[k] for k in self.primals_out]
        outputs += [zero[k] if cotangents[k] is None else cotangents[k] for k in self.returned + self.read]
        self.added = range(len(outputs), len(outputs) + len(self.added_to))
        return outputs + [cotangents[k] for k in self.added_to]

    def _targets(self, builder, results):
        """Ids of the results that are seeded."""
        recording = self.recording
        if self.constant:
            return []
        floating = [id for id in results if builder.type_of(id).dtype in FLOATS]
        if self.seeded:
            return floating
        if recording.out_tree.kind == "none" or not floating:
            return []
        if len(floating) == 1 and builder.type_of(floating[0]).shape == () and recording.out_tree.kind == "leaf":
            return floating
        raise OutputError(f"autodiff: {recording.tape.name} returns more than one number: pass seed=, a cotangent with its containers and shapes, "
                          "or ret=Const to differentiate through the arguments that it writes alone")

    def run(self, program, inputs, leaves, extra):
        self.check_primals(leaves)
        self.check_shadows(extra, leaves, self.shadowed)
        seeds = list(extra.seeds or ())
        read = [np.array(extra.of_leaf[k], order="C") for k in self.read]
        if not self.returned_is_seeded(seeds) and not any(np.any(array) for array in read):
            names = ", ".join(f"the shadow of {self.paths[k]}" for k in self.read) or "none of the arguments is written"
            warnings.warn(f"autodiff: every seed is zero, so every derivative is ({names}): set the shadow of an output before the call", RuntimeWarning, stacklevel=6)
        outputs = new_arrays(program.outputs)
        first_added = len(outputs) - len(self.added_to)
        late = []
        for place, k in enumerate(self.added_to, first_added):
            shadow = extra.of_leaf[k]
            if shadow.flags.c_contiguous and shadow.flags.aligned:
                outputs[place] = shadow
            else:
                outputs[place] = np.zeros(shadow.shape, shadow.dtype)
                late.append((shadow, outputs[place]))
        program.run(inputs + seeds + read, outputs)
        for shadow, temporary in late:
            shadow += temporary
        count = len(self.results_out)
        finals = outputs[count:count + len(self.primals_out)]
        returned = outputs[count + len(finals):]
        for k, value in zip(self.read, returned[len(self.returned):]):
            extra.of_leaf[k][...] = value
        self.write_primals(leaves, finals)
        derivatives = {k: as_kind(value, self.recording.kinds[k]) for k, value in zip(self.returned, returned)}
        by_argument = self._by_argument(derivatives)
        if not self.with_primal:
            return by_argument
        return by_argument, self.result([as_kind(value, leaf.kind) for value, leaf in zip(outputs, self.traced_outputs)])

    def returned_is_seeded(self, seeds):
        if self.seeded:
            return any(np.any(seed) for seed in seeds)
        return not self.constant and self.recording.out_tree.kind != "none" and bool(self.traced_outputs)

    def _by_argument(self, derivatives):
        out, low = [], 0
        for name, child in zip(self.activities, self.recording.tree.children[0].children):
            out.append(child.build([derivatives.get(k) for k in range(low, low + child.leaves)]) if name == "Active" else None)
            low += child.leaves
        return tuple(out)


class ForwardAnswer(AutodiffAnswer):
    """Outputs: results, if wanted; final values of written leaves; tangents of the results; tangents of written leaves."""

    def differentiate(self, builder):
        results, finals = self.split(builder)
        sources = self.sources(builder)
        seeds = [builder.input(builder.type_of(s), f"dot{k}") for k, s in enumerate(sources)]
        self.set_to = [k for k in self.shadowed if k in finals]
        targets = results + [finals[k] for k in self.set_to]
        dots = forward(builder, dict(zip(sources, seeds)), targets)
        self.results_out = results if self.with_primal else []
        return self.results_out + [finals[k] for k in self.primals_out] + [filled_like(builder, t, 0) if d is None else d for t, d in zip(targets, dots)]

    def run(self, program, inputs, leaves, extra):
        self.check_primals(leaves)
        self.check_shadows(extra, leaves, self.set_to)
        seeds = [np.require(extra.of_leaf[k], DTYPE_OF_NAME[self.type_of_leaf(k).dtype], ("C", "A")) for k in self.recording.differentiated]
        seeds = [np.array(seed) if k in self.set_to else seed for k, seed in zip(self.recording.differentiated, seeds)]
        outputs = new_arrays(program.outputs)
        program.run(inputs + seeds, outputs)
        count = len(self.results_out)
        finals = outputs[count:count + len(self.primals_out)]
        dots = outputs[count + len(finals):]
        n = len(self.traced_outputs)
        for k, dot in zip(self.set_to, dots[n:]):
            extra.of_leaf[k][...] = dot
        self.write_primals(leaves, finals)
        tangents = tangents_of(self, [as_kind(dot, leaf.kind) for dot, leaf in zip(dots, self.traced_outputs)])
        if not self.with_primal:
            return tangents
        return tangents, self.result([as_kind(value, leaf.kind) for value, leaf in zip(outputs, self.traced_outputs)])
