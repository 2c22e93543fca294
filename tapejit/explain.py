"""explain: what a transformed function does for given arguments, for people to read: its tape, its program, its memory, its reuse.

In: a function that a transform returned, and arguments. Out: an Explanation, which prints and has its figures as attributes.
Read next: `kernel/describe.py` (the program in words), `specialize.py` (when a trace is used again).
"""

from __future__ import annotations

from .errors import ArgumentError
from .kernel import describe_bytes
from .kernel.threads import get_num_threads
from .tape.types import ITEMSIZE


class Explanation:
    """What `explain` found out.

    tape                  the derived tape, after all passes; its `log` has the time of each phase
    program               the compiled program
    workspace_bytes       memory that a call works in: constants, values kept between loops, block registers, scratch
    thread_bytes          memory that each further thread takes besides
    argument_bytes, result_bytes   of the arrays that the program reads and writes
    reused                whether the trace is kept for later calls; `why` says why not
    """

    def __init__(self, name, entry):
        self.name, self.tape, self.program = name, entry.tape, entry.program
        self.workspace_bytes, self.thread_bytes = entry.program.workspace_bytes
        self.argument_bytes = sum(_nbytes(type) for type in entry.program.inputs)
        self.result_bytes = sum(_nbytes(type) for type in entry.program.outputs)
        self.summary = entry.program.summary()
        self.reused, self.why = entry.recording.reusable, entry.recording.why

    @property
    def call_bytes(self):
        """Bytes that a call takes besides its arguments: workspace, further threads, results."""
        return self.workspace_bytes + self.result_bytes + self.thread_bytes * (get_num_threads() - 1 if self.in_tiles else 0)

    @property
    def in_tiles(self):
        return "tiles of" in self.summary

    def __repr__(self):
        phases = ", ".join(f"{phase.name} {1e3 * phase.seconds:.1f} ms ({phase.records_out})" for phase in self.tape.log)
        kept = "kept for later calls" if self.reused else f"traced again at each call: {self.why}"
        threads = f", {describe_bytes(self.thread_bytes)} for each further thread" if self.in_tiles else ""
        lines = [
            f"{self.name}: {len(self.tape)} records on its tape; {kept}",
            f"phases, with the records that they left: {phases}",
            f"memory of a call: {describe_bytes(self.workspace_bytes)} of workspace{threads}, {describe_bytes(self.result_bytes)} of results; "
            f"arguments: {describe_bytes(self.argument_bytes)}",
            f"program ({self.program.simd}): {self.summary}"]
        return "\n".join(lines)


def _nbytes(type):
    n = ITEMSIZE[type.dtype]
    for k in type.shape:
        n *= k
    return n


def explain(transformed):
    """A function of the arguments of `transformed` (what grad, jit or another transform returned) that answers with an Explanation.

    It says how long tracing and each pass took, what loops and steps the program has, how many bytes a call takes, and whether the trace
    is kept for later calls, or why not. It calls `transformed` once. ArgumentError for a function that no transform returned.

    >>> import numpy as np, tapejit as tj
    >>> found = tj.explain(tj.grad(lambda x: np.sum(np.sin(x))))(np.zeros(1000))
    >>> found.result_bytes, found.reused
    (8000, True)
    >>> print(found)  # doctest: +ELLIPSIS
    grad(<lambda>): 2 records on its tape; kept for later calls
    phases, with the records that they left: trace ...
    """
    specializer = getattr(transformed, "specializer", None)
    if specializer is None:
        raise ArgumentError(f"explain: expected what grad, jit or another transform returned, found {type(transformed).__name__}: explain(grad(f))(x)")

    def explained(*args, **kwargs):
        return Explanation(transformed.__name__, specializer.entry_for(args, kwargs))

    return explained
