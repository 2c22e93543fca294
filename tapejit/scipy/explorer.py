"""A user's function in a trace, recorded as a Callback while SciPy's solver runs on numbers for the first time.

At each point where no tape's guards hold the function is recorded anew, so afterwards the callback has all the branches that were taken.
In: the function as traced code sees it. Out: the callback, and what of the outer trace it reads (p and rest). `called` and `ruled` put
the solver and its derivative into the outer trace. Read next: `callbacks.py`.
"""

import numpy as np

from ..errors import UnsupportedError
from ..ops import OPS
from ..ops.table import Type
from ..passes import derive
from ..passes.custom_rules import splice
from ..recording import record
from ..tape import Builder, HostFunction, type_of
from ..trace import Tracer, concrete, current_trace
from ..trace.lowerings.common import asarray, holds_tracer
from ..tree import flatten
from .callbacks import Branch, Callback, part

MOST_BRANCHES = 1000


class TracedResult(Exception):
    """A function that was called with numbers gives a traced value: it reads one."""


def on_numbers(function):
    """`function`, which raises TracedResult where its result is traced."""
    def call(*args):
        value = function(*args)
        if holds_tracer(value):
            raise TracedResult
        return value
    return call


# --- recording ---------------------------------------------------------------------------------------------------------


class Explorer:
    """Records a user's function, called with (t, y), as a Callback while a solver runs on numbers.

    others   what of the outer trace it reads, in the order in which it was met: tracers and arrays
    """

    def __init__(self, name, function, n):
        self.name, self.function = name, function
        self.others, self._places, self._p, self._bound, self._value = [], {}, 0, None, None
        self.callback = Callback(name, n, 0, [], None, [])

    def __call__(self, t, y):
        if self._bound is None:
            value = self._record(t, y)
            self._bound = self.callback.bound(*self.numbers(), lambda t, y: value)
            value = self._bound(t, y)
            self._bound.missing = self._missing
            return value
        return self._bound(t, y)

    def _missing(self, t, y):
        if len(self.callback.branches) >= MOST_BRANCHES:
            raise UnsupportedError(f"{self.name}: the function takes more than {MOST_BRANCHES} ways through its Python branches "
                                   "(an int() of a traced value can do this): write np.where(condition, a, b) in place of them")
        value = self._record(t, y)
        bound = self._bound
        bound.given(*self.numbers())
        bound.missing = lambda t, y: value
        value = bound(t, y)  # the kernel's, as in replays; NumPy's where a rounding decides otherwise there
        bound.missing = self._missing
        return value

    def close(self):
        if self._bound is not None:
            self._bound.close()

    def _record(self, t, y):
        """Add the branch that the function takes at (t, y); its value there."""
        callback = self.callback
        t, y = (float(t) if callback.n == 0 else np.float64(t)), np.array(y, np.float64)
        leaves, tree = flatten(((t, y), {}))
        recording = record(self._vector, leaves, tree, [0, 1], frozenset((0, 1)), retargeted=None)
        builder = Builder(self.name)
        ids = [builder.input(Type("f64", ()), "t"), builder.input(Type("f64", (callback.n,)), "y")]
        captured = [what for source, what in recording.inputs if source == "capture"]
        for what in captured:
            self._place(what)
        p = builder.expr(builder.input(Type("f64", (self._p,)), "p"))
        rest = [builder.input(type_, f"rest{k}") for k, type_ in enumerate(callback.rest)]
        for what in captured:
            floating, start = self._places[_key(what)][:2]
            type_ = type_of(_number(what))
            if floating:
                x = OPS["reshape"](part(p, start, int(np.prod(type_.shape))), shape=type_.shape)
                ids.append((x if type_.dtype == "f64" else OPS["cast"](x, dtype=type_.dtype)).id)
            else:
                ids.append(rest[start])
        builder.tape.outputs = splice(builder, recording.tape, ids, None, ())
        count = len(self._value)
        if callback.count not in (None, count):
            raise ValueError(f"{self.name}: the function gives {callback.count} numbers at one place and {count} at another")
        callback.p, callback.count = self._p, count
        callback.branches.append(Branch(derive(builder.tape), self._p, len(rest)))
        return self._value

    def _vector(self, t, y):
        value = asarray(self.function(t, y))
        if value.dtype.kind not in "biuf":
            raise UnsupportedError(f"{self.name}: the function gives dtype {value.dtype}, expected real numbers: integrate the real and imaginary parts")
        value = np.ravel(value).astype(np.float64)
        self._value = np.array(value.value if type(value) is Tracer else value)
        return value

    def _place(self, what):
        key = _key(what)
        if key in self._places:
            return
        type_ = type_of(_number(what))
        if type_.dtype in ("c64", "c128"):
            raise UnsupportedError(f"{self.name}: the function reads a complex value of the differentiated code: pass its real and imaginary parts")
        if type_.dtype in ("f16", "f32", "f64"):
            self._places[key] = True, self._p, what
            self._p += int(np.prod(type_.shape))
        else:
            self._places[key] = False, len(self.callback.rest), what
            self.callback.rest.append(type_)
        self.others.append(what)

    def numbers(self):
        """(p, rest) as numbers."""
        return _gathered([_number(x) for x in self.others])

    def values(self):
        """(p, rest) in the trace."""
        return _gathered(self.others)


def _key(what):
    return (id(what._trace), what.id) if type(what) is Tracer else id(what)


def _number(x):
    return np.asarray(concrete(x))


def _gathered(values):
    """(the floating values as one vector, the others)."""
    values = [asarray(x) for x in values]
    floating = [np.ravel(x).astype(np.float64) for x in values if x.dtype.kind == "f"]
    p = floating[0] if len(floating) == 1 else np.concatenate(floating) if floating else np.zeros(0)
    return p, [x for x in values if x.dtype.kind != "f"]


# --- in the outer trace ------------------------------------------------------------------------------------------------


def called(function, operands, value):
    """The tracer of function(*operands), which has been computed: `value`. It is called again at each replay."""
    trace, type_ = current_trace(), type_of(value)
    return Tracer(trace, value, trace.emit(OPS["host"], tuple([trace.lift(x) for x in operands]), (HostFunction(function), type_), type_))


def ruled(x, operands, rule):
    """The tracer x with the derivative by `operands` that a rule states."""
    trace = current_trace()
    return Tracer(trace, x.value, trace.emit(OPS["override"], (x.id, *[trace.lift(o) for o in operands]), (rule,)))
