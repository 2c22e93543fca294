"""What the answers behind `autodiff` and `split` share: the activities of the leaves, and the checks before a sweep on the user's shadows.

One rule covers arguments that the function writes: a shadow comes in as the cotangent of the argument's final value and goes out as
the cotangent of its initial value. For an argument that is not written the two values are one, and the rule is addition: the program
adds into the user's memory. Tangents obey the mirrored rule.

A batch, and a split call, compile to two segments: the first computes everything that no seed touches, the second runs once per shadow.
In: `extra`, a `Shadows`. Read next: `reverse_answer.py`, `forward_answer.py`; `shadows.py`, where shadows are matched to leaves.
"""

from __future__ import annotations

import numpy as np

from .answers import Answer, as_kind, filled_like
from .errors import ArgumentError, ShadowOverlapError, ShadowTypeError, read_only
from .kernel.direct import Plan
from .kernel.direct_key import Out
from .kernel.shadow import check_shadow, overlaps, self_overlaps
from .passes import active_records, reverse
from .recording import argument_paths
from .roles import Const, Shadowed
from .seeds import checked_seed
from .shadows import Shadows
from .trace import Tracer, concrete
from .tree import flatten, spans


class AutodiffAnswer(Answer):
    """Shared by both modes. Options of the request: (class of each argument's activity, primal wanted, result is seeded, result is constant, a batch)."""

    def __init__(self, request, recording):
        super().__init__(request, recording)
        classes, self.with_primal, self.seeded, self.constant, self.batched = request.options
        self.activities = [activity.__name__ for activity in classes]
        self.paths = argument_paths(recording.tree)
        self.position = recording.position_of_leaf
        self.activity_of = {}
        for name, own in zip(self.activities, spans(recording.tree.children[0].children)):
            self.activity_of.update(dict.fromkeys(own, name))
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

    def check_constants(self, builder, finals):
        """Refuse to lose a derivative through what the function writes into a Const argument."""
        constant = [k for k in finals if self.activity_of[k] == "Const"]
        if not constant:
            return
        sources = self.sources(builder)
        active = active_records(builder.tape, sources)
        for k in constant:
            if active[finals[k]] and any(ct is not None for ct in reverse(builder, {finals[k]: filled_like(builder, finals[k], 1)}, sources)):
                raise ArgumentError(f"autodiff: {self.paths[k]} is Const, but {self.recording.tape.name} writes into it values that depend on a differentiated "
                                    "argument: give it a shadow, or the derivative through it would be lost")

    # -- checks before anything is written

    def check_primals(self, leaves, shadows):
        """Refuse an argument that the function writes where it is read-only, or shares memory with anything that the function or the sweep reads.

        On the tape such an array and the other are two values: a write to one would not be seen in the other, as it is in NumPy.
        """
        name = self.recording.tape.name
        if not self.recording.written:
            return
        read = self.arrays_read()
        if shadows is not None:
            read += [("a seed", seed) for seed in flatten(shadows.seed)[0]]
            read += [(label, shadow) for label, _, shadow, _ in shadows.given]
        for k in self.recording.written:
            primal = leaves[k]
            if not primal.flags.writeable:
                raise read_only(self.paths[k], name)
            if self_overlaps(primal):
                raise ShadowOverlapError(f"{self.paths[k]}, which {name} writes, has strides {primal.strides} for shape {primal.shape}, in which elements share memory: pass a copy")
            others = [(self.paths[other], leaf) for other, leaf in enumerate(leaves) if other != k]
            for other, array in others + read:
                if isinstance(array, np.ndarray) and overlaps(primal, array):
                    raise ShadowOverlapError(f"{self.paths[k]}, which {name} writes, shares memory with {other}: pass a copy")

    def arrays_read(self):
        """[(what, array)] of the arrays that the function reads by name."""
        captured = [concrete(self.recording.today(what)) for source, what in self.recording.inputs if source != "leaf"]
        return [("an array that the function reads", array) for array in (*self.recording.baked, *captured) if isinstance(array, np.ndarray)]

    def check_shadows(self, shadows, leaves, written):
        """Hold every shadow against its primal, and those of the leaves in `written`, to which the sweep writes, against every other buffer."""
        arrays = [(self.paths[k], leaves[k]) for k in range(len(leaves)) if isinstance(leaves[k], np.ndarray)]
        arrays += self.arrays_read()
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
        shadows.cut()

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
        return Plan(self.recording.tree, specs, inputs, outputs, result, classes, Const, Shadowed, extra, self.recording.written, self.recording.baked, never_zero)

    def check_traced(self, leaves, extra, written):
        """In a function that is being traced, what the sweep writes must be traced too; the memory that the traced values stand for obeys the same rules."""
        for k in self.recording.written:
            if type(leaves[k]) is not Tracer:
                raise ShadowTypeError(_not_traced(self.paths[k], f"{self.recording.tape.name} writes into it"))
        for label, k, shadow, width in extra.given:
            if k not in written:
                continue
            if type(shadow) is not Tracer:
                raise ShadowTypeError(_not_traced(label, "it receives a traced value"))
        values = Shadows(concrete_leaves(extra.seed))
        values.given = [(label, k, concrete(shadow), width) for label, k, shadow, width in extra.given]
        leaves = concrete_leaves(leaves)
        self.check_shadows(values, leaves, written)
        self.check_primals(leaves, values)
        extra.cut()


def check_tangent(label, shadow, type, kind):
    """Raise a ShadowError unless `shadow` is a tangent of a primal of this type, given as `kind` ('array', 'scalar', 'float'). It is only read."""
    if kind == "array" or type.shape:
        check_shadow(label, shadow, type, written=False)
        return
    try:
        checked_seed(shadow, type, label)
    except ArgumentError as error:
        raise ShadowTypeError(str(error)) from None


def concrete_leaves(value):
    """A container whose traced leaves are the values that they stand for."""
    leaves, tree = flatten(value)
    return tree.build([concrete(leaf) for leaf in leaves])


def _not_traced(label, why):
    return f"{label}: expected a traced array, since autodiff is called in a function that is being traced and {why}: pass it as an argument of that function"
