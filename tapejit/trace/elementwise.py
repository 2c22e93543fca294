"""Recording of elementwise operations: which tape op a NumPy ufunc is, and in which dtype its loop runs.

NumPy computes the concrete value and names the loop (`ufunc.resolve_dtypes`); operands of another dtype get a `cast` record,
Python numbers take the loop's dtype. Also here: `apply_op`, by which lowerings record any op of the table.
"""

from __future__ import annotations

import numpy as np

from ..errors import UnsupportedError
from ..ops import OPS, Type
from ..tape import HostFunction
from ..tape.types import NAME_OF_DTYPE
from .recorder import innermost
from .tracer import Step, Tracer, concrete, traced, window

PYTHON = (bool, int, float, complex)  # types that are weak in NumPy's promotion (but for bool)
_NAME_OF_PYTHON = {bool: "bool", int: "i64", float: "f64", complex: "c128"}
ALIASES = {np.float_power: "power", np.fabs: "absolute", np.conjugate: "positive"}  # ufuncs whose loops differ, not what they compute (on real numbers)
_loops = {}
_rows = {}


def row_of(ufunc, loop):
    """The table's row for a ufunc whose loop runs in the dtypes `loop`, or None."""
    if not _rows:
        for row in OPS.values():
            function = getattr(np, row.numpy or row.name, None)
            if row.kind == "elementwise" and isinstance(function, np.ufunc):
                _rows[function] = row
        for function, name in ALIASES.items():
            _rows.setdefault(function, OPS[name])
    if loop[0] == "bool":  # + and * of bools are or and and
        if ufunc is np.add:
            return OPS["logical_or"]
        if ufunc in (np.maximum, np.minimum):
            return OPS["logical_or" if ufunc is np.maximum else "logical_and"]
    if loop[0] in ("c64", "c128") and ufunc is np.conjugate:
        return OPS.get("conjugate")
    return _rows.get(ufunc)


def kind_of(value):
    """What NumPy's promotion looks at: a dtype, or the type of a Python number."""
    try:
        return value.dtype
    except AttributeError:
        return type(value)


def loop_of(ufunc, values, signature=None):
    """The short names of the dtypes of a ufunc's loop, operands then results, as NumPy resolves them."""
    key = (ufunc, signature, *[kind_of(v) for v in values])
    loop = _loops.get(key)
    if loop is None:
        kinds = tuple(np.dtype(bool) if k is bool else k for k in key[2:])
        resolved = ufunc.resolve_dtypes(kinds + (None,) * ufunc.nout, signature=signature, casting="unsafe" if signature else "same_kind")
        loop = _loops[key] = tuple(NAME_OF_DTYPE.get(dtype) for dtype in resolved)
    return loop


def name_of(value):
    """The short dtype name of a concrete value."""
    dtype = getattr(value, "dtype", None)
    return _NAME_OF_PYTHON[type(value)] if dtype is None else NAME_OF_DTYPE[dtype]


def record(trace, ufunc, operands, values, result, loop=None):
    """The id of the record that `ufunc` makes of the operands (tracers, arrays, numbers); `result` is its concrete value."""
    result_name = name_of(result)
    if loop is None:
        if type(result) in PYTHON:  # Python's own arithmetic on Python numbers
            name = result_name if result_name != "bool" else max((name_of(v) for v in values), key=("bool", "i64", "f64", "c128").index)
            loop = (name,) * (len(values) + 1)
        else:
            loop = loop_of(ufunc, values)
    row = row_of(ufunc, loop)
    if row is None:
        return _host(trace, ufunc, operands, result, result_name)
    if row.name == "positive" or None in loop:
        return trace.lift(operands[0], result_name)
    ids = tuple([trace.lift(o, name) for o, name in zip(operands, loop)])
    builder = trace.builder
    id = trace.record(row.code, ids, builder.type_index(Type(loop[-1], np.shape(result))), 0, trace.line())
    return trace.cast(id, result_name)  # (float16 and friends: NumPy may compute wider than it returns)


def _host(trace, ufunc, operands, result, result_name):
    """A ufunc without a row: NumPy is called at each replay, if no derivative is lost by that."""
    ids = tuple([trace.lift(o) for o in operands])
    if result_name not in ("bool",) and result_name[0] not in "iu" and any(trace.carries_derivative(id) for id in ids):
        raise UnsupportedError(
            f"at {trace.here()}, {ufunc.__name__} has no derivative rule in tapejit: write it with NumPy functions that have one "
            "(exp, log, sin, where ...)")
    return trace.emit(OPS["host"], ids, (HostFunction(ufunc), Type(result_name, np.shape(result))), Type(result_name, np.shape(result)))


def apply_op(op, operands, params):
    """Evaluate an op of the table on operands of which one is a tracer, and record it. Operands of joint dtype are cast."""
    trace = innermost(operands)
    values = [concrete(o) for o in operands]
    with np.errstate(all="ignore"):
        result = op.evaluate(np, *values, **params)
    if type(result) is np.ndarray and result.base is not None and type(operands[0]) is Tracer and op.name in VIEWS:
        view = as_view(operands[0], op, params, result)
        if view is not None:
            return view
        result = np.array(result)
    ids = tuple([trace.lift(o, name) for o, name in zip(operands, _operand_dtypes(op, operands, values, result))])
    row_params = tuple([params[name] for name in op.params])
    return traced(trace, result, trace.emit(op, ids, row_params))


VIEWS = frozenset(("index", "reshape", "transpose", "broadcast"))


def _operand_dtypes(op, operands, values, result):
    """The dtype name in which each operand enters a record (None: its own)."""
    if op.name in ("take", "take_set", "take_add"):
        return [name_of(values[0]), "i64"] + [name_of(values[0])] * (len(values) - 2)
    if op.name == "where":
        return ["bool"] + [name_of(result)] * 2
    if len(values) == 1:
        return [None]
    if op.kind in ("linear", "multilinear"):
        return [name_of(result)] * len(values)
    ufunc = getattr(np, op.numpy or op.name, None)
    if isinstance(ufunc, np.ufunc) and not all(type(v) in PYTHON for v in values):
        return loop_of(ufunc, values)[:len(values)]
    tracer = next(v for o, v in zip(operands, values) if type(o) is Tracer)
    return [None if type(o) is Tracer or isinstance(o, (np.ndarray, np.generic)) else name_of(tracer) for o in operands]


def as_view(tracer, op, params, result):
    """A tracer for `result` = op(tracer), if NumPy made it a view of the tracer's storage; None if it is a copy."""
    storage = tracer.storage
    if storage is None:
        return None
    if storage.owner is None:
        storage.owner = storage.value[...].base
    if result.base is not storage.owner and not np.may_share_memory(result, storage.value):
        return None
    row_params = tuple([params[name] for name in op.params])
    how = tracer.how + (Step(op, row_params, (), tracer.value.shape),)
    return window(storage, result, tracer.trace.emit(op, (tracer.id,), row_params), how)


Tracer.apply_op = staticmethod(apply_op)
