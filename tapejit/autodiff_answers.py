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
from .kernel.direct import Out, Plan
from .kernel.shadow import check_shadow, overlaps, self_overlaps
from .passes import active_records, reverse
from .recording import argument_paths
from .roles import Const, Shadowed
from .seeds import checked_seed
from .shadows import as_arrays
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

    def check_primals(self, leaves):
        """Refuse a written argument that is read-only, or of which two elements, or an element and another argument, share memory."""
        name = self.recording.tape.name
        for k in self.recording.written:
            primal = leaves[k]
            if not primal.flags.writeable:
                raise read_only(self.paths[k], name)
            if self_overlaps(primal):
                raise ShadowOverlapError(f"{self.paths[k]}, which {name} writes, has elements that share memory (strides {primal.strides} for shape {primal.shape}): pass a copy")
            for other, array in [*self._arguments(leaves, but=k), *self._read(leaves)]:
                if overlaps(primal, array):
                    raise ShadowOverlapError(f"{self.paths[k]}, which {name} writes, shares memory with {other}: pass a copy")

    def _arguments(self, leaves, but=None):
        return [(self.paths[k], leaf) for k, leaf in enumerate(leaves) if isinstance(leaf, np.ndarray) and k != but]

    def _read(self, leaves):
        """(path, array) of the arrays from outside that the function reads."""
        arrays = [*self.recording.baked, *(self.recording.today(what) for source, what in self.recording.inputs if source != "leaf")]
        return [("an array that the function reads", array) for array in arrays if isinstance(array, np.ndarray)]

    def check_shadows(self, shadows, leaves, written):
        """Hold every shadow against its primal, and those of the leaves in `written`, to which the sweep writes, against every other buffer."""
        read = [("the seed", seed) for seed in flatten(as_arrays(shadows.seed))[0] if isinstance(seed, np.ndarray)]
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
                read.append((label, shadow))
        for label, array in read:
            for k in self.recording.written:
                if isinstance(array, np.ndarray) and k < len(leaves) and overlaps(leaves[k], array):
                    raise ShadowOverlapError(f"{label} shares memory with {self.paths[k]}, which {self.recording.tape.name} writes: pass a copy")
        others = [*self._arguments(leaves), *self._read(leaves), *read]
        for label, shadow in targets:
            for other, array in others:
                if isinstance(array, np.ndarray) and overlaps(shadow, array):
                    raise ShadowOverlapError(f"{label} shares memory with {other}: each shadow needs a buffer of its own, such as make_zero gives")
            others.append((label, shadow))
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
        return Plan(self.recording.tree.children[0].children, specs, inputs, outputs, result, classes, Const, Shadowed, extra, self.recording.written, self.recording.baked, never_zero)

    def check_traced(self, leaves, extra, written):
        """In a function that is being traced, what the sweep writes must be traced too, and share no memory with what else it is given."""
        name = self.recording.tape.name
        for k in self.recording.written:
            if type(leaves[k]) is not Tracer:
                raise ShadowTypeError(_not_traced(self.paths[k], f"{name} writes into it"))
        arrays = [(path, leaf.value) for path, leaf in zip(self.paths, leaves) if type(leaf) is Tracer and isinstance(leaf.value, np.ndarray)]
        for k in self.recording.written:
            for other, array in arrays:
                if other != self.paths[k] and overlaps(leaves[k].value, array):
                    raise ShadowOverlapError(f"{self.paths[k]}, which {name} writes, shares memory with {other}: pass a copy")
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
            for other, array in arrays:
                if overlaps(value, array):
                    raise ShadowOverlapError(f"{label} shares memory with {other}: each shadow needs a buffer of its own, such as make_zero gives")
            arrays.append((label, value))
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


def _not_traced(label, why):
    return f"{label}: expected a traced array, since autodiff is called in a function that is being traced and {why}: pass it as an argument of that function"
