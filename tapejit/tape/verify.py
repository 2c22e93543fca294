"""The tape verifier: says that a tape is well formed, or names the record that is not and why.

A pass may rely on every rule stated here, and the tests run it between passes: columns of one length, values defined
before they are used, the operand count and parameters that the row states, axes and indices inside their shapes, operands
of one dtype, the result type that the row infers from them, guards and inputs that say what they must.
Read next: `tape.py` (the columns), `ops/table.py`.
"""

import math

from ..errors import TapeError
from ..ops import DTYPES, OPS, ROWS
from ..ops.table import Type, broadcast_shape
from .tape import CONSTANT, GUARD, HOST, INPUT, HostFunction, Literal
from .types import type_of


def verify_tape(tape):
    """The tape itself, when it is well formed; else TapeError naming the record."""
    _check_columns(tape)
    fitting = set()  # what has been found to fit: most records of a long tape are like others before them
    for k, row, operands, type, params in tape.records():
        try:
            _check_operands(tape, k, row, operands)
            if len(params) != len(row.params):
                raise ValueError(f"expected the parameters ({', '.join(row.params)}), found {params!r}")
            if row.kind == "special":
                _SPECIAL[row.code](tape, k, [tape.type_of(o) for o in operands], type, *params)
                continue
            this = (row.code, tape.param[k], tape.type[k], *[tape.type[o] for o in operands])
            if this not in fitting:
                _check_types(row, [tape.type_of(o) for o in operands], type, params)
                fitting.add(this)
        except (ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
            raise TapeError(f"tape {tape.name}, record {_record(tape, k)}: {error}") from error
    _check_ends(tape)
    return tape


def _text(type):
    from .text import type_text

    return type_text(type)


def _record(tape, k):
    """A record for a message: as the printer shows it, or its bare number where it is too broken to print."""
    from .text import record_text

    try:
        return f"{k} `{record_text(tape, k)}`"
    except Exception:
        return f"{k}"


def _check_columns(tape):
    n = len(tape.op)
    for name in ("type", "param", "line"):
        column, table = getattr(tape, name), getattr(tape, name + "s")
        if len(column) != n:
            raise TapeError(f"tape {tape.name}: expected {n} items in the column {name!r}, one per record, found {len(column)}")
        for k, index in enumerate(column):
            if not 0 <= index < len(table):
                raise TapeError(f"tape {tape.name}, record {k}: expected a {name} index below {len(table)}, found {index}")
    first = tape.first
    if len(first) != n + 1 or first[0] != 0 or first[n] != len(tape.operands) or any(first[k] > first[k + 1] for k in range(n)):
        raise TapeError(f"tape {tape.name}: expected the column 'first' to rise from 0 to {len(tape.operands)} in {n + 1} items")
    for k, code in enumerate(tape.op):
        if code >= len(ROWS):
            raise TapeError(f"tape {tape.name}, record {k}: expected an op code below {len(ROWS)}, found {code}")


def _check_operands(tape, k, row, operands):
    if row.arity is not None and row.arity != len(operands):
        raise ValueError(f"expected {row.arity} operands, found {len(operands)}")
    if not operands and row.arity != 0 and row.code != HOST:
        raise ValueError("expected an operand, found none")
    for o in operands:
        if not 0 <= o < k:
            raise ValueError(f"expected operands that were defined before, found %{o}")
        if tape.op[o] == GUARD:
            raise ValueError(f"a guard has no value to use, found %{o}")


def _check_types(row, types, type, params):
    """The operands' types and the parameters are what the row takes, and give the result's type."""
    _check_dtypes(row, types)
    for name, value in zip(row.params, params):
        _PARAMS.get(name, _any_value)(row, types[0].shape, value)
    inferred = row.result(types, **dict(zip(row.params, params)))
    if inferred != type:
        raise ValueError(f"expected the type {_text(inferred)} that {row.name} has for these operands, found {_text(type)}")


def _check_dtypes(row, types):
    """All operands share one dtype, except those whose domain says `bool`, `index` or `any`."""
    domain = row.domain if isinstance(row.domain, tuple) else (row.domain,) * len(types)
    shared = None
    for place, type in enumerate(types):
        kind = domain[place] if place < len(domain) else None
        if kind == "bool":
            if type.dtype != "bool":
                raise ValueError(f"expected a bool as operand {place}, found {type.dtype}")
        elif kind == "index":
            if type.dtype != "i64":
                raise ValueError(f"expected i64 indices as operand {place}, found {type.dtype}")
        elif kind != "any":
            shared = shared or type.dtype
            if type.dtype != shared:
                raise ValueError(f"expected operands of one dtype, found {' and '.join(t.dtype for t in types)}")


def _check_axes(row, shape, axes):
    if len(set(axes)) != len(axes) or not all(0 <= axis < len(shape) for axis in axes):
        raise ValueError(f"expected distinct axes of a shape {shape}, found {axes}")


def _check_axis(row, shape, axis):
    _check_axes(row, shape, (axis,))


def _check_shape(row, shape, wanted):
    fits = broadcast_shape([shape, wanted]) == wanted if row.name == "broadcast" else math.prod(shape) == math.prod(wanted)
    if not fits:
        raise ValueError(f"expected a shape that {shape} can take, found {wanted}")


def _check_index(row, shape, idx):
    if len(idx) != len(shape):
        raise ValueError(f"expected one item for each axis of {shape}, found {idx}")
    for item, n in zip(idx, shape):
        start, count, step = (item, 1, 1) if isinstance(item, int) else item
        if count != 0 and not (count > 0 and 0 <= start < n and 0 <= start + (count - 1) * step < n):
            raise ValueError(f"expected items inside {shape}, found {item} for an axis of {n}")


def _check_dtype(row, shape, dtype):
    if dtype not in DTYPES:
        raise ValueError(f"expected a dtype of the tape, found {dtype!r}")


def _any_value(row, shape, value):
    """Parameters with other names are the row's own business."""


_PARAMS = {"axes": _check_axes, "axis": _check_axis, "shape": _check_shape, "idx": _check_index, "dtype": _check_dtype}


def _check_input(tape, k, types, type, index, name):
    if not (isinstance(index, int) and 0 <= index < len(tape.inputs) and tape.inputs[index] == k):
        raise ValueError(f"expected the tape's list of inputs to hold %{k} at position {index}")
    if not (name is None or isinstance(name, str)):
        raise ValueError(f"expected an input's name to be a text or None, found {name!r}")


def _check_constant(tape, k, types, type, value):
    if not isinstance(value, Literal):
        raise ValueError(f"expected a Literal, found {value!r}")
    if type_of(value.array) != type:
        raise ValueError(f"expected the type {_text(type_of(value.array))} of its value, found {_text(type)}")


def _check_guard(tape, k, types, type, expected):
    if type != types[0]:
        raise ValueError(f"expected the type {_text(types[0])} of its operand, found {_text(type)}")
    if isinstance(expected, Literal):
        if type_of(expected.array) != type:
            raise ValueError(f"expected a value of type {_text(type)}, found {_text(type_of(expected.array))}")
    elif not (isinstance(expected, (bool, int)) and type.shape == ()):
        raise ValueError(f"expected a Literal, or a bool or int for a 0-d value, found {expected!r}")


def _check_host(tape, k, types, type, function, stated):
    if not isinstance(function, HostFunction):
        raise ValueError(f"expected a HostFunction, found {function!r}")
    if not (isinstance(stated, Type) and stated == type):
        raise ValueError(f"expected the type {stated} that its parameter states, found {_text(type)}")


_SPECIAL = {INPUT: _check_input, CONSTANT: _check_constant, GUARD: _check_guard, HOST: _check_host}
assert set(_SPECIAL) == {row.code for row in OPS.values() if row.kind == "special"}


def _check_ends(tape):
    for position, id in enumerate(tape.inputs):
        if not (0 <= id < len(tape) and tape.op[id] == INPUT):
            raise TapeError(f"tape {tape.name}: expected an input record at position {position} of the inputs, found %{id}")
    for position, id in enumerate(tape.outputs):
        if not (0 <= id < len(tape) and tape.op[id] != GUARD):
            raise TapeError(f"tape {tape.name}: expected a value at position {position} of the outputs, found %{id}")
