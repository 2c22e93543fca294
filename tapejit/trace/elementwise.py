"""Recording of elementwise operations: which tape op a NumPy ufunc is, and in which dtype its loop runs.

NumPy computes the concrete value and names the loop (`ufunc.resolve_dtypes`); operands of another dtype get a `cast` record,
Python numbers take the loop's dtype. Also here: `apply_op`, by which lowerings record any op of the table.
"""

from __future__ import annotations

import sys

import numpy as np

from ..errors import UnsupportedError
from ..ops import OPS, REAL_OF, Type
from ..tape import HostFunction
from ..tape.types import NAME_OF_DTYPE
from .advice import advice
from .raising import RAISING, assume_none_raised
from .recorder import blame, innermost
from .tracer import Step, Tracer, concrete, traced, window

PYTHON = (bool, int, float, complex)  # types that are weak in NumPy's promotion (but for bool)
_NAME_OF_PYTHON = {bool: "bool", int: "i64", float: "f64", complex: "c128"}
ALIASES = {np.float_power: "power", np.fabs: "absolute", np.conjugate: "positive", np.degrees: "rad2deg", np.radians: "deg2rad"}  # on reals
OF_COMPLEX = {np.conjugate: "conjugate", np.sign: "complex_sign"}  # on complex numbers
_loops = {}


def _rows_of_ufuncs():
    """{NumPy's ufunc: the table's row for it}."""
    rows = {}
    for row in OPS.values():
        function = getattr(np, row.numpy or row.name, None)
        if row.kind in ("elementwise", "linear") and isinstance(function, np.ufunc):
            rows[function] = row
    return {**{function: OPS[name] for function, name in ALIASES.items()}, **rows}


_rows = _rows_of_ufuncs()


class Loop:
    """How a ufunc runs on operands of given kinds.

    row       of the table, or None
    names     dtype name in which each operand enters
    casts     the same, but None for an operand that has this dtype
    result    dtype name of the result, as the loop computes it
    """

    __slots__ = ("row", "names", "casts", "result")

    def __init__(self, ufunc, kinds, names):
        self.row = row_of(ufunc, names)
        if self.row is not None and self.row.scipy is not None:
            names = (names[-1],) * len(names)  # an integer order, say: the row takes all operands in one dtype
        if self.row is not None and isinstance(self.row.domain, tuple):
            names = tuple("i64" if domain == "index" else name for name, domain in zip(names, self.row.domain)) + names[-1:]
        self.names = names[:len(kinds)]
        self.casts = tuple(None if NAME_OF_DTYPE.get(kind, kind) == name else name for kind, name in zip(kinds, names))
        self.result = names[-1]


def row_of(ufunc, loop):
    """The table's row for a ufunc whose loop runs in the dtypes `loop`, or None."""
    if loop[0] == "bool" and ufunc is np.add:
        return OPS["logical_or"]
    if loop[0] in REAL_OF and ufunc in OF_COMPLEX:
        return OPS[OF_COMPLEX[ufunc]]
    if ufunc not in _rows:
        _rows[ufunc] = _special_row(ufunc)
    return _rows[ufunc]


def _special_row(ufunc):
    """The row of a ufunc of scipy.special, which must have been imported for the ufunc to be at hand; None for any other."""
    special = sys.modules.get("scipy.special")
    name = ufunc.__name__
    if special is None or getattr(special, name, None) is not ufunc:
        return None
    return next((row for row in OPS.values() if row.scipy == name), None) or _rows.get(getattr(np, name, None))


def kind_of(value):
    """What NumPy's promotion looks at: a dtype, or the type of a Python number."""
    try:
        return value.dtype
    except AttributeError:
        return python_type(value)


def python_type(value):
    """bool, int, float or complex: which of them a number is, or is a subclass's instance of."""
    kind = type(value)
    return kind if kind in _NAME_OF_PYTHON else next(base for base in PYTHON if isinstance(value, base))


def loop_of(ufunc, values, signature=None):
    """The Loop that NumPy chooses for a ufunc on these operands."""
    key = (ufunc, signature, *[kind_of(v) for v in values])
    loop = _loops.get(key)
    if loop is None:
        kinds = tuple(np.dtype(bool) if k is bool else k for k in key[2:])
        options = {} if signature is None else {"signature": signature, "casting": "unsafe"}
        resolved = ufunc.resolve_dtypes(kinds + (None,) * ufunc.nout, **options)
        loop = _loops[key] = Loop(ufunc, kinds, tuple(NAME_OF_DTYPE.get(dtype) for dtype in resolved))
    return loop


def python_loop(ufunc, values, result):
    """The Loop of Python's own arithmetic on Python numbers: everything is converted to the result's type."""
    kinds = tuple(map(python_type, values))
    key = (ufunc, type(result), *kinds)
    loop = _loops.get(key)
    if loop is None:
        name = _NAME_OF_PYTHON[type(result)]
        if name == "bool":
            name = max(map(_NAME_OF_PYTHON.get, kinds), key=("bool", "i64", "f64", "c128").index)
        elif complex in kinds:  # abs
            name = "c128"
        loop = _loops[key] = Loop(ufunc, kinds, (name,) * len(kinds) + (_NAME_OF_PYTHON[type(result)],))
    return loop


def name_of(value):
    """The short dtype name of a concrete value."""
    dtype = getattr(value, "dtype", None)
    return _NAME_OF_PYTHON[python_type(value)] if dtype is None else NAME_OF_DTYPE[dtype]


def record(trace, ufunc, operands, values, result, loop=None, line=None, shape=None):
    """The id of the record that `ufunc` makes of the operands (tracers, arrays, numbers); `result` is its concrete value, and
    has its shape unless one is given."""
    if loop is None:
        loop = python_loop(ufunc, values, result) if type(result) in PYTHON else loop_of(ufunc, values)
    row = loop.row
    line = trace.line() if line is None else line
    if row is None:
        return _host(trace, ufunc, operands, result, loop)
    if row.name == "positive":
        return trace.lift(operands[0], loop.result)
    if loop.result is None:
        trace.type_of(result)  # raises where no tape holds the dtype
        raise UnsupportedError(f"at {trace.here()}, {ufunc.__name__} computes in a dtype that is not traced: "
                               "bool, integers of 32 and 64 bits, floats and complex numbers are")
    ids = []
    for operand, cast, name in zip(operands, loop.casts, loop.names):
        if cast is None and type(operand) is Tracer and operand._trace is trace:
            ids.append(operand.id)
        else:
            ids.append(trace.lift(operand, name))
    return trace.record(row.code, ids, trace.type_index(loop.result, getattr(result, "shape", ()) if shape is None else shape), 0, line)


def _host(trace, ufunc, operands, result, loop):
    """A ufunc without a row: NumPy is called at each replay, if no derivative is lost by that."""
    if set().union(*ufunc.types) == set("O->"):
        raise UnsupportedError(f"at {trace.here()}, {ufunc.__name__} computes on objects, as np.frompyfunc makes it: {advice('numpy.frompyfunc')}")
    ids = tuple([trace.lift(o) for o in operands])
    type = trace.type_of(result)
    if type.dtype in ("f16", "f32", "f64", "c64", "c128") and any(trace.carries_derivative(id) for id in ids):
        raise UnsupportedError(
            f"at {trace.here()}, {ufunc.__name__} has no derivative rule in tapejit: write it with NumPy functions that have one "
            "(exp, log, sin, where ...)")
    type = Type(loop.result or type.dtype, type.shape)
    return trace.emit(OPS["host"], ids, (HostFunction(ufunc), type), type)


def apply_ufunc(ufunc, operate, operands, frame):
    """`operate` (the ufunc, or Python's operator for it) on operands of which one is a tracer, recorded; `frame` is the caller's."""
    trace = innermost(operands)
    values = [o.value if type(o) is Tracer else o for o in operands]
    place = trace.find_line(frame)
    try:
        result = trace.call(place, operate, values)
    except ArithmeticError:
        blame(operands)
        raise
    if type(result) is complex and complex not in map(type, values):
        raise UnsupportedError(f"at {trace.here()}, a negative Python float to a fractional power is a complex number: "
                               "use numpy.power (nan) or make the argument complex")
    recorded = traced(trace, result, record(trace, ufunc, operands, values, result, None, place[0]))
    if type(result) in (float, complex) and ufunc in RAISING:
        assume_none_raised(ufunc, operands, recorded, place[0])
    return recorded


def apply_op(op, operands, params):
    """Evaluate an op of the table on operands of which one is a tracer, and record it. Operands of joint dtype are cast."""
    trace = innermost(operands)
    values = [concrete(o) for o in operands]
    try:
        with np.errstate(all="ignore"):
            result = op.evaluate(np, *values, **params)
    except (ArithmeticError, IndexError, np.linalg.LinAlgError):
        blame(operands)
        raise
    if type(result) is np.ndarray and result.base is not None and type(operands[0]) is Tracer and op.name in VIEWS:
        if operands[0]._trace is trace and shares(operands[0].storage, result):
            return _view(operands[0], op, params, result)
        result = np.array(result)
    ids = tuple([trace.lift(o, name) for o, name in zip(operands, _operand_dtypes(op, operands, values, result))])
    return traced(trace, result, trace.emit(op, ids, tuple([params[name] for name in op.params]), Type(name_of(result), np.shape(result))))


VIEWS = frozenset(("index", "reshape", "transpose", "broadcast", "real", "imag"))


def _operand_dtypes(op, operands, values, result):
    """The dtype name in which each operand enters a record (None: its own)."""
    if op.name in ("take", "take_set", "take_add"):
        return [name_of(values[0]), "i64"] + [name_of(values[0])] * (len(values) - 2)
    if op.name == "where":
        return ["bool"] + [name_of(result)] * 2
    if len(values) == 1 or op.name == "complex":
        return [None] * len(values)
    if op.kind in ("linear", "multilinear"):
        own = [k for k, domain in enumerate(op.domain) if domain == "any"] if isinstance(op.domain, tuple) else ()
        return [None if k in own else name_of(result) for k in range(len(values))]
    ufunc = getattr(np, op.numpy or op.name, None)
    if isinstance(ufunc, np.ufunc) and not all(type(v) in PYTHON for v in values):
        return loop_of(ufunc, values).names
    tracer = next(v for o, v in zip(operands, values) if type(o) is Tracer)
    return [None if type(o) is Tracer or isinstance(o, (np.ndarray, np.generic)) else name_of(tracer) for o in operands]


def shares(storage, result):
    """Whether an array is a view of a storage."""
    if storage is None or result.base is None:
        return False
    if storage.owner is None:
        storage.owner = storage.value[...].base
    return result.base is storage.owner or np.may_share_memory(result, storage.value)


def _view(x, op, params, result):
    """The tracer for `result` = op(x), which NumPy made a view of x."""
    row_params = tuple([params[name] for name in op.params])
    id = x._trace.emit(op, (x.id,), row_params, Type(NAME_OF_DTYPE[result.dtype], result.shape))
    return window(x.storage, result, id, x.how + (Step(op, row_params, (), x.value.shape),))


Tracer.apply_op = staticmethod(apply_op)
