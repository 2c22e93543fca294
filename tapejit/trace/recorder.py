"""The Trace: where tracers record. One is made per run of a user's function; traces nest as transforms do.

In: operations on tracers, and foreign values that meet them (numbers, arrays, tracers of an outer trace), which `lift` turns
into value ids. Out: a tape (`trace.builder.tape`), what it captured, what it baked in, and which inputs were written.
Every record remembers the user's line: the innermost frame outside tapejit, NumPy, SciPy and the standard library.
Read next: `tracer.py` (the values), `operators.py` (the fast path into `Trace.record`), `elementwise.py` (the general one).
"""

from __future__ import annotations

import sys
import threading
import types
from math import copysign

import numpy as np

from ..errors import LeakedTracerError, TracingError
from ..ops import FLOATS, OPS, ROWS, Type
from ..tape import Builder, Literal, type_of
from ..tape.tape import CONSTANT, GUARD, INPUT
from ..tape.text import source_text
from ..tape.types import DTYPE_OF_NAME
from .lines import is_internal
from .raising import guard_finite
from .tracer import Tracer, array, scalar

_local = threading.local()
RUNNING = set()  # the traces that are active in any thread


def _stack():
    try:
        return _local.stack
    except AttributeError:
        _local.stack = []
        return _local.stack


def current_trace():
    """The innermost active trace of this thread, or None."""
    stack = _stack()
    return stack[-1] if stack else None


_NOTHING = {}


class Trace:
    """One recording. Used as a context: `with trace: x = trace.input(value); y = f(x)`; tracers used after it raise.

    level                  depth of nesting: an operation is recorded on the operand trace with the highest level
    given                  the concrete value of each input, by position
    captures               (input position, object): arrays read by reference, and tracers of an outer trace
    constants_from_arrays  arrays that were baked into the tape as constants
    by_reference           {id(array): array}: arrays that become inputs, not constants, when they meet a tracer
    mutated                positions of the inputs that the function wrote (into a private copy)
    differentiable         positions of the inputs that are differentiated; None means all
    paths                  the paths of the inputs, by position, where the function may write them; None: their writes are refused later
    reads                  what the function read by name (`reads.py`), or None
    overridden             a function that was differentiated inside has a derivative that the user states
    record                 (op code, operand ids, type index, param index, line index) -> id: appends to the columns
    """

    def __init__(self, name="f"):
        self.builder = Builder(name)
        self.record = _recorder(self.builder.tape)
        self._types = self.builder._types
        self.level = 0
        self.active = True
        self.stack = []
        self.given = []
        self.captures = []
        self.constants_from_arrays = []
        self.by_reference = {}
        self.mutated = []
        self.differentiable = None
        self.paths = None
        self.reads = None
        self.overridden = False
        self.bool_type = self.builder.type_index(Type("bool", ()))
        self.lines = {}  # (id of a code object, its instruction) -> line index, or -1 for code that is not the user's
        self.callers = {}  # the same key -> a function at the user's line that calls another
        self._codes = {}  # keeps the code objects alive, so that their ids stay theirs
        self.flags_read = {}  # position of an input -> its array's `flags.num`, where the function asks for flags
        self.texts = {}  # number in a text that was made of a traced value -> where (`texts.py`)
        self.divisors = set()  # ids of the Python floats that are known not to be zero (`raising.py`)
        self.finite = None  # (id, value) of the sum of what is assumed to be finite
        self.numbers = {}  # nonzero Python number -> id of its f64 constant
        self._lifted = {}  # id(array) or (id(trace), id) -> (what, id)
        self._captured = {}  # id(array) -> its tracer
        self._reaches = {}  # see depends_on_input

    def __enter__(self):
        self.stack = _stack()
        self.stack.append(self)
        self.level = len(self.stack)
        RUNNING.add(self)
        return self

    def __exit__(self, kind, *exception):
        if kind is None:
            guard_finite(self)
        self.stack.remove(self)
        RUNNING.discard(self)
        self.active = False
        self.record = _closed

    # -- values that enter

    def input(self, value, name=None):
        """A tracer for an argument: a Python float, NumPy scalar or array. The array is never written."""
        position = len(self.builder.tape.inputs)
        self.given.append(value)
        id = self.builder.input(type_of(value), name or f"x{position}")
        return array(self, value, id, True, position) if isinstance(value, np.ndarray) else scalar(self, value, id)

    def capture(self, value):
        """The tracer of an array that is read by reference: an input of the tape; one tracer per array object."""
        found = self._captured.get(id(value))
        if found is None:
            position = len(self.builder.tape.inputs)
            found = self._captured[id(value)] = self.input(value, f"captured{len(self.captures)}")
            self.captures.append((position, value))
        return found

    def make(self, value):
        """A tracer with a storage of its own for an array that the function created."""
        value = np.array(value)
        if value.size > 1 and value.tobytes() == bytes(value.itemsize) * value.size:
            return self.full(value, 0)
        return array(self, value, self.builder.constant(value))

    def full(self, value, fill):
        """A tracer for the new array `value`, all of whose elements are `fill`: a stretched constant takes no room on the tape."""
        id = self.builder.constant(value.dtype.type(fill))
        return array(self, value, self.emit(OPS["broadcast"], (id,), (value.shape,)) if value.shape else id)

    def lift(self, value, dtype=None):
        """The id on this tape of a tracer, array or number, converted to `dtype` (short name) if one is given."""
        if type(value) is Tracer:
            id = value.id if value._trace is self else self._lift_outer(value)
        elif isinstance(value, np.ndarray):
            id = self._lift_array(value)
        elif dtype is None:
            id = self.builder.constant(value if isinstance(value, np.generic) else np.array(value)[()])
        elif dtype == "f64":
            return self.numbers.get(value) or self.number(value)
        else:
            return self.builder.constant(np.asarray(value).astype(DTYPE_OF_NAME[dtype])[()])
        return id if dtype is None else self.cast(id, dtype)

    def number(self, value):
        """The id of an f64 constant. Zeros are told apart by sign, which a dict does not."""
        value = float(value)
        key = value if value else (0.0, copysign(1.0, value))
        id = self.numbers.get(key)
        if id is None:
            id = self.numbers[key] = self.builder.constant(np.float64(value))
        return id

    def cast(self, id, dtype):
        """The id of a value converted to dtype."""
        if self.builder.type_of(id).dtype == dtype:
            return id
        return self.emit(OPS["cast"], (id,), (dtype,))

    def _lift_outer(self, value):
        if not value._trace.active:
            raise leaked(value)
        if value._trace.level > self.level:
            raise TracingError(
                f"at {self.here()}, a value of an inner transform (of {value._trace.builder.tape.name}) is used in a value or array of the "
                f"function around it ({self.builder.tape.name}): return it from the inner function instead")
        key = (id(value._trace), value.id)
        if key not in self._lifted:
            position = len(self.builder.tape.inputs)
            frozen = Tracer(value._trace, value.value.copy() if isinstance(value.value, np.ndarray) else value.value, value.id)
            self._lifted[key] = frozen, self.builder.input(self.type_of(value.value), f"outer{position}")
            self.captures.append((position, frozen))
            self.given.append(frozen.value)
        return self._lifted[key][1]

    def _lift_array(self, value):
        key = id(value)
        if self.by_reference.get(key) is value:
            return self.capture(value).id
        known = self._lifted.get(key)
        if known is None or not _same_bits(known[0], self.builder.constant_value(known[1])):
            self.type_of(value)
            self.constants_from_arrays.append(value)
            known = self._lifted[key] = value, self.builder.constant(value)
        return known[1]

    def type_of(self, value):
        """The tape's type of a concrete value; TracingError for what a tape cannot hold."""
        try:
            return type_of(value)
        except (TypeError, KeyError):
            kind = f"an array of dtype {value.dtype}" if isinstance(value, (np.ndarray, np.generic)) else f"a {type(value).__name__}"
            raise TracingError(
                f"at {self.here()}, {kind} meets a traced value: "
                "bool, integer, float and complex numbers in native byte order can be traced") from None

    # -- records

    def emit(self, row, operands, params=(), type=None, line=None):
        """The id of a new record of `row`; its type is the row's own rule unless given."""
        builder = self.builder
        if type is None:
            types = [builder.type_of(o) for o in operands]
            type = row.result(types, **dict(zip(row.params, params)))
        return self.record(row.code, operands, self.type_index(*type), builder.param_index(params), self.line() if line is None else line)

    def type_index(self, dtype, shape):
        """The index of a type in the tape's table."""
        index = self._types.get((dtype, shape))
        return self.builder.type_index(Type(dtype, shape)) if index is None else index

    def guard(self, value, expected):
        """Record the assumption that a value (a tracer or an id) equals `expected`: a bool or int, or an array.

        Nothing is recorded of what depends on no input.
        """
        id = self.lift(value) if type(value) is Tracer else value
        if not self.active:
            raise leaked(value)
        if self.depends_on_input(id):
            self.builder.line = self.line()
            self.builder.guard(id, Literal(expected) if isinstance(expected, (np.ndarray, np.generic, float, complex)) else expected)

    def depends_on_input(self, id, positions=None):
        """Whether a value depends on an input (on one of those at `positions`, if given)."""
        key = None if positions is None else frozenset(positions)
        return self._reached(id, key, lambda position: key is None or position in key, False)

    def carries_derivative(self, id):
        """Whether the derivative with respect to a differentiated input can flow into a value."""
        outer = {position: value for position, value in self.captures if type(value) is Tracer}

        def differentiated(position):
            if position in outer:
                return outer[position]._trace.carries_derivative(outer[position].id)
            return self.differentiable is None or position in self.differentiable

        return self._reached(id, "derivative", differentiated, True)

    def _reached(self, id, key, leaf, through_floats):
        """Walk the tape backwards from `id` until an input for which leaf(position) holds; every record is visited once."""
        tape = self.builder.tape
        known = self._reaches.get(key)
        if known is None:
            known = self._reaches[key] = {}
        elif id in known:
            return known[id]
        todo = [id]
        while todo:
            k = todo[-1]
            if k in known:
                todo.pop()
                continue
            row = ROWS[tape.op[k]]
            if row.code in (CONSTANT, GUARD):
                known[k] = False
            elif row.code == INPUT:
                known[k] = leaf(tape.params_of(k)[0]) and (not through_floats or tape.type_of(k).dtype in FLOATS)
            elif through_floats and (tape.type_of(k).dtype not in FLOATS or is_flat(row)):
                known[k] = False
            else:
                operands = tape.operands_of(k)
                missing = [o for o in operands if o not in known]
                if missing:
                    todo.extend(missing)
                    continue
                known[k] = any(known[o] for o in operands)
            todo.pop()
        return known[id]

    # -- the user's line

    def line(self):
        """The line index of the user's line that is running."""
        return self.find_line(sys._getframe(1))[0]

    def find_line(self, frame):
        """(line index, key into `callers`, frame) of the innermost of the user's frames from `frame` outwards."""
        while frame is not None:
            key = (id(frame.f_code), frame.f_lasti)
            line = self.lines.get(key)
            if line is None:
                file = frame.f_code.co_filename
                line = -1 if is_internal(file) else self.builder.line_index((file, frame.f_lineno))
                self.lines[key] = line
                self._codes[key[0]] = frame.f_code
            if line >= 0:
                return line, key, frame
            frame = frame.f_back
        return 0, None, sys._getframe(0)

    def call(self, place, function, args, kwargs=_NOTHING):
        """Call a NumPy function from the user's line `place` (see find_line): its warnings are reported there, as for NumPy's own call."""
        _, key, frame = place
        caller = self.callers.get(key)
        if caller is None:
            code = _call.__code__.replace(co_filename=frame.f_code.co_filename, co_firstlineno=frame.f_lineno, co_name=frame.f_code.co_name)
            caller = self.callers[key] = types.FunctionType(code, frame.f_globals)
        return caller(function, args, kwargs)

    def here(self):
        """The user's line that is running, as text: model.py:12."""
        where = self.builder.tape.lines[self.line()]
        return source_text(where) if where else "an unknown line"


def _call(function, args, kwargs): return function(*args, **kwargs)  # noqa: E704  one line: its number is set to the user's


def _recorder(tape):
    """The function that appends a record to a tape's columns."""
    ops, operands = tape.op, tape.operands
    push_op, push_operands, push_first = ops.append, operands.extend, tape.first.append
    push_type, push_param, push_line = tape.type.append, tape.param.append, tape.line.append

    def record(code, ids, type, param, line):
        id = len(ops)
        push_op(code)
        push_operands(ids)
        push_first(len(operands))
        push_type(type)
        push_param(param)
        push_line(line)
        return id

    return record


def _closed(*record):
    raise leaked()


def leaked(value=None):
    """The error for a tracer that is used after its trace."""
    of = f" of {value._trace.builder.tape.name}" if type(value) is Tracer else ""
    return LeakedTracerError(
        f"a traced value is used after the function{of} that it was traced in has returned "
        "(kept in a global, an attribute, a list or a closure?): return it from the function instead")


def is_flat(row):
    """Whether no derivative passes through an op: it has no rule (a host call), or its partials are the number 0 (floor, sign)."""
    flat = _flat.get(row)
    if flat is None:
        flat = not row.differentiable
        if row.partials is not None:
            some = [1.5] * row.arity
            with np.errstate(all="ignore"):
                partials = row.partials(*some, row.evaluate(np, *some))
            flat = all(type(p) is int and p == 0 for p in (partials if isinstance(partials, tuple) else (partials,)))
        _flat[row] = flat
    return flat


_flat = {}


def blame(operands):
    """An operation on `operands` has raised: where a traced value among them may be why, the traces are used for this call alone.

    f may catch the exception and go on, and no guard says for which values it would be raised again.
    """
    for operand in operands:
        if type(operand) is Tracer:
            trace = operand._trace
            if trace.active and trace.depends_on_input(operand.id):
                for outer in trace.stack:
                    if outer.reads is not None:
                        outer.reads.refuse(f"an exception is raised at {trace.here()} because of a traced value, and caught: "
                                           "test the value instead")
        elif isinstance(operand, (list, tuple)):
            blame(operand)


def innermost(operands):
    """The trace with the highest level among the tracers in `operands`."""
    best = None
    for operand in operands:
        if type(operand) is Tracer and (best is None or operand._trace.level > best.level):
            best = operand._trace
    return best


def _same_bits(value, constant):
    """Whether an array still has the bits that were baked in as a constant."""
    if value.shape != constant.shape or value.dtype != constant.dtype:
        return False
    if value.flags.c_contiguous:
        return np.array_equal(value.reshape(-1).view(np.uint8), constant.reshape(-1).view(np.uint8))
    return value.tobytes() == constant.tobytes()
