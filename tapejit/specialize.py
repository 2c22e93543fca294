"""Specialize: from a call to a compiled program. A `Specializer` belongs to one function and one request (what is asked
of it); it keeps the compiled traces, finds the one that answers a call, or records a new one.

A call's key is the containers of its arguments, the dtype and shape of each traced leaf and the value of each static one.
Under one key there can be several traces: siblings that took other branches. Each checks by itself that nothing it read
by name has changed (`Recording.current`) and that its guards hold (in C, before anything is written); the first that passes answers.
The number of traces kept is bounded: beyond it the least recently used one goes, and a warning says so once.
Read next: `recording.py` (how a trace is made), `answers.py` (what can be asked), `kernel/` (what runs).
"""

from __future__ import annotations

import contextlib
import gc
import threading
import time
import weakref

import numpy as np

from .errors import ArgumentError, TraceWarning, UnsoundTraceError, warn
from .kernel import compile_tape
from .kernel.program import GuardMissed
from .keys import Identity, same_results, static_key
from .passes import Phase, derive, without_guards, without_markers
from .recording import argument_paths, name_of, native, record, repeated
from .seeded import answer_for
from .tape import Literal
from .tape.types import NAME_OF_DTYPE
from .trace import RUNNING, Tracer, current_trace
from .trace.recorder import leaked
from .tree import flatten

TRACES_KEPT = 64  # per function and request
WRITING = ("autodiff reverse", "autodiff forward", "split")  # kinds of request whose function may write its arguments
CHAIN = 8  # traces that are tried by their generated functions before the general path

_state = threading.local()


@contextlib.contextmanager
def collector_paused():
    """Passes over a long tape make many tuples and no cycles: each collection of garbage meanwhile is time lost, the more the larger the process."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Entry:
    """One compiled trace of a function: how its inputs are gathered, its program, and how its outputs become a result."""

    __slots__ = ("recording", "answer", "tape", "program", "otherwise", "_direct")

    def __init__(self, recording, request):
        with collector_paused():
            self._build(recording, request)

    def _build(self, recording, request):
        self.recording = recording
        self.answer = answer_for(request, recording)
        self.tape = without_markers(derive(recording.tape, self.answer.differentiate), self.answer.late)
        start = time.perf_counter()
        self.program = compile_tape(self.tape, late=self.answer.late, added=self.answer.added)
        self.tape.log.append(Phase("compile", time.perf_counter() - start, len(self.tape), len(self.tape)))
        self._direct = None

    def inputs(self, leaves):
        """The program's input arrays for the leaves of a call, in input order (without the answer's own seeds)."""
        today = self.recording.today
        return [as_input(leaves[what] if source == "leaf" else today(what)) for source, what in self.recording.inputs]

    def run(self, leaves, extra=None):
        """The result for the leaves of a call. Raises GuardMissed, with nothing written, when another trace is needed."""
        return self.answer.run(self.program, self.inputs(leaves), leaves, extra)

    def first_run(self, leaves, extra):
        """(result, whether this trace may be kept) for the leaves that it was recorded with.

        The guards hold for them, but the kernel's last bit can differ from NumPy's, on which Python decided. Then a guard on a float takes
        the kernel's value; where a decision itself would flip, the answer comes from the trace without its guards, which is kept for no other call.
        """
        while True:
            try:
                return self.run(leaves, extra), True
            except GuardMissed as missed:
                if isinstance(missed, IndexError):
                    raise
                if not self._accept(missed):
                    self.program = compile_tape(without_guards(self.tape), late=self.answer.late, added=self.answer.added)
                    return self.run(leaves, extra), False

    def _accept(self, missed):
        """Let a guard on floats expect what the kernel found, if that is its expectation but for rounding."""
        record_id, expected = self.program.guards[missed.number]
        array = getattr(expected, "array", None)
        if array is None or array.dtype.kind not in "fc" or np.array_equal(array, missed.found, equal_nan=True):
            return False
        if not np.allclose(missed.found, array, rtol=1e4 * np.finfo(array.dtype).eps, atol=0, equal_nan=True):
            return False
        tape = self.tape
        tape.params.append((Literal(np.asarray(missed.found, array.dtype).reshape(array.shape)),))
        tape.param[record_id] = len(tape.params) - 1
        self.program = compile_tape(tape, late=self.answer.late, added=self.answer.added)
        return True

    def direct(self, leaves):
        """The generated function for calls like this one (what it cannot answer it hands to `otherwise`), or None. Made at the first call with leaves."""
        if self._direct is None and leaves is not None:
            self._direct = self._make_direct(leaves) or False
        return self._direct or None

    def _make_direct(self, leaves):
        recording = self.recording
        specs = []
        tape = recording.tape
        traced = {what: tape.type_of(tape.inputs[p]) for p, (source, what) in enumerate(recording.inputs) if source == "leaf"}
        for k, leaf in enumerate(leaves):
            kind = recording.kinds.get(k, "static")
            if kind == "array":
                if not (type(leaf) is np.ndarray and leaf.flags.c_contiguous and leaf.dtype.isnative):
                    return None  # its trace is for this layout alone, which the generated function does not look at
                specs.append((kind, traced[k].dtype, traced[k].shape))
            elif type(leaf) is complex:
                return None
            else:
                specs.append((kind, traced[k].dtype) if kind == "scalar" else (kind,) if kind == "float" else (kind, leaf))
        plan = self.answer.plan(specs, self.program)
        if plan is None:
            return None
        copies = [b for _, b in recording.shared]
        plan.distinct, plan.shared, plan.flags = [k for k in recording.distinct if k not in copies], recording.shared, recording.flags
        unchanged = None if recording.reads is None else recording.reads.condition()
        return self.answer.generated(plan, self.program, recording.source_of, unchanged, RUNNING, self)


def as_input(value):
    """A C-contiguous, aligned array in native byte order with the elements of `value`."""
    return np.require(native(value), requirements=("C", "A"))


class Specializer:
    """The traces of one function for one request. Call it with (args, kwargs)."""

    def __init__(self, function, request):
        self.function = function
        self.request = request
        self.entries = {}  # key -> list of Entry, most recently used first
        self.kept = 0
        self.varying = {}  # small arrays that have changed between calls: read anew at each call from then on (`trace/reads.py`)
        self.warned = set()
        self.chain = []  # the entries that `fast` tries, in order
        self.lock = threading.Lock()  # held while entries and chain change
        self.forgotten = 0  # how often all traces were dropped
        _alive.add(self)
        self.fast = self.call  # replaced by a generated function when the last call can be answered that way

    def call(self, args, kwargs, extra=None):
        """The answer to a call that no generated function took; subclasses take other arguments here than `answer` does."""
        return self.answer(args, kwargs, extra)

    def answer(self, args, kwargs, extra=None):
        """The result of the request for these arguments; `extra` is what the request itself is given (tangents, buffers)."""
        leaves, tree = flatten((args, kwargs))
        key, traced = self.key(leaves, tree)
        if current_trace() is not None:
            return self.nested(leaves, tree, traced, extra)
        for leaf in leaves:
            if type(leaf) is Tracer:
                raise leaked(leaf)
        entries = tuple(self.entries.get(key, ()))
        for place, entry in enumerate(entries):
            if not (entry.recording.current() and entry.recording.fits(leaves)):
                continue
            try:
                if getattr(_state, "verifying", False):
                    result = self._verified(entry, leaves, tree, traced, extra)
                else:
                    result = entry.run(leaves, extra)
            except (GuardMissed, np.linalg.LinAlgError):  # LAPACK failed: a fresh run raises that at the user's line, or goes on as the function does
                continue
            with self.lock:
                if entry in self.entries.get(key, ()):
                    if place:
                        self._put_first(key, entry)
                    self._order(entry, leaves)
            return result
        if entries and entries[0].recording.reads is not None:
            self.varying.update(entries[0].recording.reads.changed_arrays())
        forgotten = self.forgotten
        entry = self.compile(leaves, tree, traced)
        reusable = entry.recording.reusable
        if not reusable:  # said before anything is written: a warning may be an error
            self._warn("single-use", f"{name_of(self.function)} is traced again at each call: {entry.recording.why}")
        elif self.kept >= TRACES_KEPT:
            self._warn("full", f"{name_of(self.function)} has needed more than {TRACES_KEPT} traces (other shapes, static values or branches); the oldest are "
                       "dropped and recorded again when needed. A loop whose length depends on the data, or an int argument that changes at each call (pass a float), does this")
        result, settled = entry.first_run(leaves, extra)
        if settled and reusable:
            with self.lock:
                if forgotten == self.forgotten:
                    self._keep(key, entry)
        return result

    def _order(self, entry, leaves):
        """Let the generated functions of the entries used last be tried one after the other, this one first; then `call`.

        Other threads may run through the chain meanwhile: it never has a circle.
        """
        for other in (entry, *self.chain):
            other.otherwise = self.call
        chain = self.chain = [entry] + [other for other in self.chain if other is not entry][:CHAIN - 1]
        for this, following in zip(chain, chain[1:]):
            this.otherwise = following.direct(None) or self.call
        self.fast = entry.direct(leaves) or self.call

    def _put_first(self, key, entry):
        """Let an entry be the first of its key that is tried."""
        entries = self.entries[key]
        entries.remove(entry)
        entries.insert(0, entry)

    def forget(self):
        """Drop all traces."""
        with self.lock:
            self.entries, self.kept, self.chain, self.fast = {}, 0, [], self.call
            self.forgotten += 1

    def compile(self, leaves, tree, traced):
        """A new Entry for these arguments. Not kept here."""
        request = self.request
        differentiated = request.differentiated(leaves, tree)
        recording = record(
            self.function, leaves, tree, traced, differentiated, retargeted=request.retarget, guarded=not request.pure,
            writable=request.kind in WRITING, varying=self.varying)
        return Entry(recording, request)

    def tape_of(self, args, kwargs):
        """The tape of the function for these arguments, as recorded."""
        leaves, tree = flatten((args, kwargs))
        _, traced = self.key(leaves, tree)
        return record(self.function, leaves, tree, traced, frozenset(), retargeted=self.request.retarget).tape

    def derived_tape(self, args, kwargs):
        """The tape that answers a call with these arguments, after the passes; its log has every phase."""
        return self.entry_for(args, kwargs).tape

    def entry_for(self, args, kwargs):
        """The Entry that answers a call with these arguments."""
        self.call(args, kwargs)  # the trace that answers is the first of its key now
        leaves, tree = flatten((args, kwargs))
        key, traced = self.key(leaves, tree)
        entries = self.entries.get(key) or [self.compile(leaves, tree, traced)]
        return entries[0]

    def nested(self, leaves, tree, traced, extra):
        """The result as Tracers: the call is part of an outer trace, into which the derived tape is written."""
        request = self.request
        differentiated = request.differentiated(leaves, tree)
        recording = record(
            self.function, leaves, tree, traced, differentiated, retargeted=request.retarget, guarded=not request.pure, writable=request.kind in WRITING)
        inputs = [leaves[what] if source == "leaf" else what for source, what in recording.inputs]
        return answer_for(request, recording).inline(recording, inputs, leaves, extra)

    def key(self, leaves, tree):
        """(key of the call, indices of the traced leaves). ArgumentError names a leaf that cannot be an argument."""
        parts, traced = [tree], []
        for k, leaf in enumerate(leaves):
            kind = type(leaf)
            if kind is Tracer:
                traced.append(k)
                parts.append(None)
            elif kind is np.ndarray or isinstance(leaf, np.ndarray):
                if leaf.dtype.newbyteorder("=") not in NAME_OF_DTYPE or isinstance(leaf, (np.matrix, np.ma.MaskedArray)):
                    self._refuse(leaf, tree, k)
                traced.append(k)
                # NumPy's order="K", and whether a reshape is a view, follow the layout: another one is another trace.
                layout = None if leaf.flags.c_contiguous else leaf.strides
                parts.append((kind, leaf.dtype.str, leaf.shape, layout))
            elif kind is float:
                traced.append(k)
                parts.append(float)
            elif isinstance(leaf, np.generic) and leaf.dtype.kind in "biufc":
                if leaf.dtype not in NAME_OF_DTYPE:
                    self._refuse(leaf, tree, k)
                traced.append(k)
                parts.append(leaf.dtype.char)
            elif kind is complex:
                traced.append(k)
                parts.append(complex)
            else:
                parts.append(static_key(leaf))
        if len(traced) > 1:
            parts += repeated(leaves, traced)
        return tuple(parts), traced

    def _refuse(self, leaf, tree, k):
        path = argument_paths(tree)[k]
        if isinstance(leaf, (np.matrix, np.ma.MaskedArray)):
            raise ArgumentError(f"{path} is a {type(leaf).__name__}, expected a plain ndarray: pass np.asarray({path})")
        raise ArgumentError(
            f"{path} is {'an array' if isinstance(leaf, np.ndarray) else 'a number'} of dtype {leaf.dtype}, expected bool, integers, floats or complex numbers: convert it, for example {path}.astype(float)")

    def _keep(self, key, entry):
        self.entries.setdefault(key, []).insert(0, entry)
        self.kept += 1
        if self.kept > TRACES_KEPT:
            oldest = next(iter(self.entries))
            self.entries[oldest].pop()
            if not self.entries[oldest]:
                del self.entries[oldest]
            self.kept -= 1
        elif len(self.entries) > 1:  # most recently used keys last
            self.entries[key] = self.entries.pop(key)

    def _warn(self, kind, text):
        if kind not in self.warned:
            self.warned.add(kind)
            warn(text, TraceWarning)

    def _verified(self, entry, leaves, tree, traced, extra):
        """What a kept trace answers; UnsoundTraceError when it is not what a fresh run of the function answers. Both start from the same buffers."""
        buffers = entry.answer.buffers(leaves, extra)
        before = [array.copy() for array in buffers]
        kept = entry.answer.comparable(entry.run(leaves, extra))
        after = [array.copy() for array in buffers]
        for array, value in zip(buffers, before):
            array[...] = value
        result = self.compile(leaves, tree, traced).run(leaves, extra)
        fresh = entry.answer.comparable(result)
        if not same_results((kept, after), (fresh, buffers)):
            raise UnsoundTraceError(
                f"a kept trace of {name_of(self.function)} answered {kept!r}, a fresh run answers {fresh!r}: "
                "the function depends on something that tapejit does not see; pass it as an argument, or report this")
        return result


_alive = weakref.WeakSet()


def forget_traces():
    """Drop the traces of all functions: what they were recorded with has changed."""
    for specializer in list(_alive):
        specializer.forget()


_specializers = {}  # least recently used first
SPECIALIZERS_KEPT = 64  # for functions whose transforms the user does not keep; each keeps its function, and what that captures, alive


def drop_oldest(kept):
    """Drop the oldest item of a dict that other threads may be changing as well."""
    with contextlib.suppress(StopIteration, KeyError, RuntimeError):
        del kept[next(iter(kept))]


def specializer_of(function, request, make=Specializer):
    """The Specializer (or `make`) of a function and a request: the same one for each `grad(f)` of one f, so that traces are shared."""
    key = (Identity(function), request)
    found = _specializers.pop(key, None) or make(function, request)
    while len(_specializers) >= SPECIALIZERS_KEPT:
        drop_oldest(_specializers)
    _specializers[key] = found
    return found


@contextlib.contextmanager
def verify():
    """A context in which each answer from a kept trace is checked against a fresh run of the function.

    Raises UnsoundTraceError when they differ. Costs a trace at each call: for tests and for doubts.

    >>> import numpy as np, tapejit as tj
    >>> gradient = tj.grad(lambda x: np.sum(x**2))
    >>> with tj.verify():
    ...     gradient(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    before = getattr(_state, "verifying", False)
    _state.verifying = True
    token = object()
    RUNNING.add(token)
    try:
        yield
    finally:
        _state.verifying = before
        RUNNING.discard(token)
