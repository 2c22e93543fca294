"""The typed tape: records in SSA order, stored as flat columns, and the Builder that appends to them.

Value k is the result of record k; operands always have smaller numbers. Columns (all `array`s, so a tape pickles and a
record costs tens of bytes):

    op       code of the row (`ops.ROWS[code]`)
    first    operands of record k are operands[first[k]:first[k + 1]]
    type     index into `types`, a list of distinct (dtype, shape)
    param    index into `params`, a list of distinct tuples in the order of the row's `params`
    line     index into `lines`, a list of distinct (file, line) of the user's code; 0 is unknown

Guards are records of their own (their value is never used). Read next: `text.py`, `interpret.py`, `verify.py`.
"""

from __future__ import annotations

from array import array

import numpy as np

from ..ops import OPS, ROWS
from ..ops.table import Expr, Type
from .types import DTYPE_OF_NAME

INPUT, CONSTANT, GUARD, HOST = (OPS[name].code for name in ("input", "constant", "guard", "host"))


class Tape:
    """A typed list of records with inputs, outputs and guards. Made by a Builder; passes read it and build another."""

    __slots__ = ("op", "first", "operands", "type", "param", "line", "types", "params", "lines", "inputs", "outputs", "name", "log")

    def __init__(self, name="f"):
        self.op = array("H")
        self.first = array("i", [0])
        self.operands = array("i")
        self.type = array("i")
        self.param = array("i")
        self.line = array("i")
        self.types = [Type("f64", ())]
        self.params = [()]
        self.lines = [None]
        self.inputs = []  # value ids, by position
        self.outputs = []  # value ids, by position; one id may stand in several places
        self.name = name
        self.log = []  # one Phase per pass that made this tape, in order

    def __len__(self):
        return len(self.op)

    def operands_of(self, k):
        """The operand ids of record k."""
        return self.operands[self.first[k]:self.first[k + 1]]

    def type_of(self, k):
        return self.types[self.type[k]]

    def params_of(self, k):
        return self.params[self.param[k]]

    def line_of(self, k):
        """(file, line) of the user's code that made record k, or None."""
        return self.lines[self.line[k]]

    def records(self):
        """(id, row, operands, type, params) of each record in order."""
        for k in range(len(self.op)):
            yield k, ROWS[self.op[k]], self.operands_of(k), self.types[self.type[k]], self.params[self.param[k]]

    def __repr__(self):
        return f"<tape {self.name}: {len(self)} records, {len(self.inputs)} inputs, {len(self.outputs)} outputs>"

    def __str__(self):
        from .text import print_tape

        return print_tape(self)

    def _repr_html_(self):
        from ..jupyter.display import tape_html

        return tape_html(self)


class Literal:
    """A constant's value as a record parameter: a read-only array, equal to another of the same dtype, shape and bits."""

    __slots__ = ("array", "_key")

    def __init__(self, value):
        value = np.array(value, order="C")
        value.flags.writeable = False
        self.array = value
        # Large constants are told apart by identity: comparing their bits costs more than a second copy of the record.
        self._key = (value.dtype.char, value.shape, value.tobytes() if value.nbytes <= 256 else id(value))

    def __hash__(self):
        return hash(self._key)

    def __eq__(self, other):
        return type(other) is Literal and self._key == other._key

    def __repr__(self):
        return f"Literal({self.array!r})"

    def __reduce__(self):
        return Literal, (np.array(self.array),)


class HostFunction:
    """A NumPy function with its static arguments, as a record parameter: called on the operands' values.

    `function` is importable by `module` and `qualname` (so that a tape pickles); `template` is the argument list, in which
    `HostFunction.operand` marks where the operands go, in order; `keywords` are static.
    """

    __slots__ = ("function", "template", "keywords")
    operand = "<operand>"

    def __init__(self, function, template=None, keywords=()):
        self.function = function
        self.template = template
        self.keywords = tuple(keywords.items()) if isinstance(keywords, dict) else tuple(keywords)

    @property
    def name(self):
        return getattr(self.function, "__name__", str(self.function))

    def __call__(self, *values):
        if self.template is None:
            return self.function(*values, **dict(self.keywords))
        given = iter(values)
        arguments = [next(given) if isinstance(a, str) and a == self.operand else a for a in self.template]
        return self.function(*arguments, **dict(self.keywords))

    def __eq__(self, other):
        return type(other) is HostFunction and (self.function, self.template, self.keywords) == (other.function, other.template, other.keywords)

    def __hash__(self):
        return hash((self.function, self.template, self.keywords))

    def __repr__(self):
        return f"HostFunction({self.name})"


def _param_key(params):
    """What tells params apart: (False,) and (0,), a guard's expectation and an axis, are equal to Python."""
    return (bool, params) if params and type(params[0]) is bool else params


class Builder:
    """Appends records to a tape, each once: an equal record (op, operands, params) is found again, not repeated.

    `line` is given to every record appended while it is set: passes keep it at the line of the record they translate.
    `rewrite`, when given, is a dict {op code: function (builder, operands, params) -> id or None}: exact identities tried
    before a record is appended.
    """

    def __init__(self, name="f", rewrite=None, tables_of=None):
        self.tape = tape = Tape(name)
        if tables_of is not None:  # then column values of that tape mean the same here
            tape.types, tape.params, tape.lines = list(tables_of.types), list(tables_of.params), list(tables_of.lines)
        self.line = 0
        self.rewrite = rewrite or {}
        self._seen = {}  # (op, operands, param index) -> id
        self._numbers = {}  # (nonzero number, dtype) -> id of the constant
        self._types = {type: k for k, type in enumerate(tape.types)}
        self._params = {_param_key(params): k for k, params in enumerate(tape.params)}
        self._lines = {where: k for k, where in enumerate(tape.lines)}

    # -- interning

    def type_index(self, type):
        index = self._types.get(type)
        if index is None:
            index = self._types[type] = len(self.tape.types)
            self.tape.types.append(type)
        return index

    def param_index(self, params):
        key = _param_key(params)
        index = self._params.get(key)
        if index is None:
            index = self._params[key] = len(self.tape.params)
            self.tape.params.append(params)
        return index

    def line_index(self, where):
        index = self._lines.get(where)
        if index is None:
            index = self._lines[where] = len(self.tape.lines)
            self.tape.lines.append(where)
        return index

    # -- reading what was built

    def type_of(self, id):
        tape = self.tape
        return tape.types[tape.type[id]]

    def expr(self, id):
        return Expr(self, id)

    def constant_value(self, id):
        """The array of a constant record, or None."""
        tape = self.tape
        return tape.params[tape.param[id]][0].array if tape.op[id] == CONSTANT else None

    def uniform_value(self, id):
        """The one number that all elements of a constant, or of a stretched 0-d constant, are; or None."""
        tape = self.tape
        if tape.op[id] == _BROADCAST:
            id = tape.operands[tape.first[id]]
        if tape.op[id] == CONSTANT:
            array = tape.params[tape.param[id]][0].array
            if array.size == 1:
                return array.reshape(())[()]
        return None

    # -- appending

    def append(self, code, operands, type, param, line):
        """Append a record given by column values, unconditionally; return its id."""
        tape = self.tape
        id = len(tape.op)
        tape.op.append(code)
        tape.operands.extend(operands)
        tape.first.append(len(tape.operands))
        tape.type.append(type)
        tape.param.append(param)
        tape.line.append(line)
        return id

    def emit(self, row, operands, params=(), type=None):
        """The id of a record of `row`: an identity's answer, an equal record, or a new one."""
        code = row.code
        rewrite = self.rewrite.get(code)
        if rewrite is not None:
            id = rewrite(self, operands, params)
            if id is not None:
                return id
        param = self.param_index(params) if params else 0
        key = (code, operands, param)
        id = self._seen.get(key)
        if id is None:
            if type is None:
                types = [self.type_of(o) for o in operands]
                type = row.result(types, **dict(zip(row.params, params))) if params else row.result(types)
            id = self._seen[key] = self.append(code, operands, self.type_index(type), param, self.line)
        return id

    def input(self, type, name):
        id = self.append(INPUT, (), self.type_index(type), self.param_index((len(self.tape.inputs), name)), self.line)
        self.tape.inputs.append(id)
        return id

    def constant(self, value):
        """The id of a constant record with this NumPy value."""
        from .types import type_of

        return self.emit(OPS["constant"], (), (Literal(value),), type_of(value))

    def number(self, value, dtype):
        """The id of a 0-d constant."""
        key = value, dtype
        id = self._numbers.get(key)
        if id is None:
            id = self.constant(DTYPE_OF_NAME[dtype].type(value))
            if value:  # zeros are told apart by sign, which a dict does not
                self._numbers[key] = id
        return id

    def guard(self, id, expected):
        """Append the assumption that a value equals `expected`: a bool or int for a scalar, a Literal for an array."""
        param = self.param_index((expected,))
        key = (GUARD, (id,), param)
        if key not in self._seen:
            self._seen[key] = self.append(GUARD, (id,), self.tape.type[id], param, self.line)


_BROADCAST = OPS["broadcast"].code
