"""What lies between the two sweeps of `split`: the forward sweep's answer, and the tape that the user holds until the reverse sweep.

A `HeldTape` owns copies of the inputs and the workspace with the residuals, so that nothing that the user does between the sweeps
changes the derivative. Pickled, it is the derived tape and the inputs: where it is loaded the forward sweep runs once more.
"""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np

from .answers import new_arrays
from .errors import ArgumentError, TapeUseError, UnsupportedError
from .kernel import compile_tape
from .ops import ROWS
from .passes import derive, without_guards, without_markers
from .recording import OutputLeaf
from .reverse_answer import ReverseAnswer
from .tape.types import DTYPE_OF_NAME


class SplitAnswer(ReverseAnswer):
    """The forward sweep of `split`; `extra` is a Held: what the call was given."""

    def run(self, program, inputs, leaves, extra):
        if extra.shadows is not None:
            self.check_shadows(extra.shadows, leaves, self.shadowed)
        self.check_primals(leaves, extra.shadows)
        inputs = [np.array(array) for array in inputs]  # the reverse sweep reads them later: the user may have changed theirs by then
        held = HeldTape(self, program, inputs, leaves, extra)
        self.write_primals(leaves, held.primal[len(self.results_out):])
        return self.results(held.primal), held

    def inline(self, recording, inputs, leaves, extra):
        raise UnsupportedError("split: the forward sweep was called in a function that is being traced: use vjp or autodiff there")

    def buffers(self, leaves, extra):
        return [leaves[k] for k in self.primals_out]

    def comparable(self, result):
        return result[0]

    def detached(self):
        """This answer without the function's surroundings: nothing that a pickle could not hold but what is in the tape."""
        answer = copy.copy(self)
        recording = answer.recording = copy.copy(self.recording)
        recording.reads, recording.baked = None, []
        recording.inputs = [(source, what if source == "leaf" else None) for source, what in recording.inputs]
        recording.outputs = [OutputLeaf(leaf.kind, leaf.id, None, leaf.path) for leaf in recording.outputs]
        answer.traced_outputs = [leaf for leaf in recording.outputs if leaf.kind != "static"]
        return answer


class Held:
    """What a call of the forward sweep brings besides the arguments: the split it belongs to (function: None after a pickle), and the Shadows, if they are known already."""

    __slots__ = ("function", "origin", "many", "shadows")

    def __init__(self, function, origin, many, shadows):
        self.function, self.origin, self.many, self.shadows = function, origin, many, shadows


class HeldTape:
    """The tape between the two sweeps of `split`. Give it to `reverse`; `nbytes` is the memory that it holds.

    It can be pickled where everything on it can: then it holds no shadows, and `reverse` is given them again.
    """

    __slots__ = ("answer", "program", "workspace", "inputs", "primal", "fixed", "leaves", "shadows", "function", "origin", "many", "consumed", "lock")

    def __init__(self, answer, program, inputs, leaves, extra):
        self.answer, self.program, self.inputs, self.leaves = answer, program, inputs, leaves
        self.function, self.origin, self.many, self.shadows = extra.function, extra.origin, extra.many, extra.shadows
        self.consumed = False
        self.lock = threading.Lock()
        self.primal = new_arrays(program.outputs[:answer.first])
        self.workspace = program.acquire()
        self.fixed = answer.sweep_forward(program, self.workspace, inputs, self.primal)

    @property
    def nbytes(self):
        """Bytes of memory held: copies of the inputs, and the workspace with the residuals. 0 when it has been consumed."""
        return 0 if self.consumed else self.program.arena_bytes + sum(array.nbytes for array in self.inputs)

    def __repr__(self):
        state = "consumed" if self.consumed else f"{self.nbytes} bytes"
        return f"<held tape of {self.answer.recording.tape.name}: {state}>"

    def reverse(self, shadows, leaves):
        """Run the reverse sweep into `shadows`. After an error the tape is as it was."""
        answer = self.answer
        with self.lock:
            if self.consumed:
                raise TapeUseError(f"reverse: this tape of {answer.recording.tape.name} has been consumed: run forward again, or make the pair with split(..., many=True)")
            answer.check_shadows(shadows, leaves, answer.shadowed)
            seeds = answer.seeds(shadows)
            answer.warn_of_zeros(shadows, seeds)
            out = answer.sweep_back(self.program, self.workspace, self.inputs, seeds, self.primal, shadows, self.fixed)
            if not self.many:
                self.consumed = True
                self.program.release(self.workspace)
                self.inputs = self.primal = self.fixed = self.leaves = self.shadows = self.workspace = None
            return out

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        name = self.answer.recording.tape.name
        if self.consumed:
            raise TapeUseError(f"this tape of {name} has been consumed and cannot be pickled")
        answer = self.answer.detached()
        state = [row.name for row in ROWS], answer, self.inputs, self.origin, self.many
        try:
            pickle.dumps(state)
        except Exception as error:
            raise pickle.PicklingError(f"this tape of {name} holds an object that cannot be pickled: {error}") from None
        return _loaded, state

    def __del__(self):
        if getattr(self, "workspace", None) is not None:
            self.program.release(self.workspace)


def _loaded(names, answer, inputs, origin, many):
    """A HeldTape from its pickle: compiled again, and its forward sweep run again."""
    if names != [row.name for row in ROWS]:
        raise TapeUseError(f"this tape of {answer.recording.tape.name} was pickled by another version of tapejit, whose operations differ: run forward again")
    tape = without_guards(without_markers(derive(answer.recording.tape, answer.differentiate), answer.late))
    program = compile_tape(tape, late=answer.late, added=answer.added)
    for k, (array, expected) in enumerate(zip(inputs, program.inputs)):
        if array.dtype != DTYPE_OF_NAME[expected.dtype] or array.shape != expected.shape:
            raise ArgumentError(f"this tape of {answer.recording.tape.name} is damaged: input {k} has dtype {array.dtype} and shape {array.shape}, expected {expected}")
    return HeldTape(answer, program, inputs, None, Held(None, origin, many, None))
