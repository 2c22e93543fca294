"""The op table's row type: what one operation is, stated once.

A row says how an operation is evaluated (NumPy's name for it, or a function of the NumPy module), how the kernel
computes it (a C expression), what its result's type is, and how it is differentiated. Rules are ordinary functions
written with the ops themselves: called on `Expr` they emit tape records, called on numbers they compute. Nothing here
imports more than the standard library, because the kernel's build reads the table before NumPy is needed.
Read next: `elementwise.py`, `linear.py`, `rules.py` (the rows), then `tapejit/passes/differentiate.py` (their one reader).
"""

from __future__ import annotations

import inspect
import re
from collections import namedtuple

Type = namedtuple("Type", "dtype shape")
Type.__doc__ = "The type of a value: dtype is one of DTYPES (text), shape a tuple of ints."

DTYPES = ("bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f16", "f32", "f64", "c64", "c128")
FLOATS = frozenset(("f16", "f32", "f64", "c64", "c128"))  # what a tangent can have
REAL_OF = {"c64": "f32", "c128": "f64"}  # complex dtype -> that of its parts


class Op:
    """One row of the op table.

    kind         'elementwise', 'linear' (in all operands jointly), 'multilinear' (in each operand) or 'rule';
                 'special' rows (input, constant, guard, host) are known to the passes by name
    evaluate     function (np, *values, **params) -> value: the reference semantics
    result       function (types, **params) -> Type
    params       names of the static parameters, in the order in which a record stores them
    partials     elementwise: function (*operands, y) -> one partial, or a tuple with None for a flat operand. A partial that is itself
                 a function (of nothing) is called only where that operand is differentiated: it may be costly, or refuse
    transpose    linear kinds: function (ct, *operands, **params) -> tuple of cotangents (None: not differentiable)
    accumulate   instead of transpose, for an operand 0 that is read in part: function (acc, ct, *other operands, **params) ->
                 acc with the cotangent added into that part (the first one is added into zeros)
    jvp, vjp     'rule' kind: (dots, operands, y, **params) -> y_dot or None; (ct, operands, y, **params) -> tuple
    c, vector    elementwise: the C expression of the value in `x` or `a, b, c` (None: a host call of `evaluate`); the name of a
                 libmvec function
    scipy        the name of the function of scipy.special that the row is
    zero_safe    partials may be infinite or NaN: a zero cotangent (or tangent) stays zero whatever the partial
    raises       LinAlgError depends on the values: a record is kept even where nothing reads it, for code that catches the error
    differentiable  (derived) whether there is a rule of differentiation: partials, transpose, accumulate or jvp
    domain       where the laws draw their samples: one name, or one per operand
    """

    __slots__ = ("name", "code", "kind", "differentiable", "arity", "params", "evaluate", "result", "partials", "transpose", "accumulate",
                 "jvp", "vjp", "c", "vector", "zero_safe", "domain", "dtypes", "kinks", "doc", "source", "numpy", "raises", "scipy")

    def __init__(self, kind, **fields):
        self.kind = kind
        self.name = self.code = None
        for slot in self.__slots__[4:]:
            setattr(self, slot, fields.pop(slot, None))
        if fields:
            raise TypeError(f"an op row has no field {', '.join(sorted(fields))}")
        self.differentiable = any(rule is not None for rule in (self.partials, self.transpose, self.accumulate, self.jvp))

    def __repr__(self):
        return f"<op {self.name}>"

    def __reduce__(self):
        return _op_by_name, (self.name,)

    def __call__(self, *operands, **params):
        """Emit a record when an operand is an Expr or a tracer, else compute with NumPy."""
        for operand in reversed(operands):  # numbers take the dtype of the last Expr: in where(condition, x, 0), that of x
            if type(operand) is Expr:
                builder = operand.builder
                break
            apply = getattr(type(operand), "apply_op", None)
            if apply is not None:  # a tracer: tapejit/trace records what it is asked
                return apply(self, operands, params)
        else:
            import numpy as np

            return self.evaluate(np, *operands, **params)
        ids = tuple(o.id if type(o) is Expr else builder.number(o, operand.type.dtype) for o in operands)
        return Expr(builder, builder.emit(self, ids, tuple(params[name] for name in self.params)))


class Expr:
    """A value on a tape under construction, as the rules see it: operators and op calls emit records.

    Python numbers that meet an Expr take its dtype.
    """

    __slots__ = ("builder", "id")

    def __init__(self, builder, id):
        self.builder = builder
        self.id = id

    @property
    def type(self):
        return self.builder.type_of(self.id)

    @property
    def shape(self):
        return self.builder.type_of(self.id).shape

    @property
    def dtype(self):
        return self.builder.type_of(self.id).dtype

    def __repr__(self):
        return f"%{self.id}"

    def __add__(self, other):
        return OPS["add"](self, other)

    def __radd__(self, other):
        return OPS["add"](other, self)

    def __sub__(self, other):
        return OPS["subtract"](self, other)

    def __rsub__(self, other):
        return OPS["subtract"](other, self)

    def __mul__(self, other):
        return OPS["multiply"](self, other)

    def __rmul__(self, other):
        return OPS["multiply"](other, self)

    def __truediv__(self, other):
        return OPS["divide"](self, other)

    def __rtruediv__(self, other):
        return OPS["divide"](other, self)

    def __neg__(self):
        return OPS["negative"](self)


OPS: dict[str, Op] = {}  # name -> row, in table order
ROWS: list[Op] = []  # code -> row


def _op_by_name(name):
    return OPS[name]


def elementwise(c=None, partials=None, *, arity=None, **fields):
    """A row computed element by element; operands broadcast as in NumPy, outside the rules.

    `c` is a C expression in `x` (one operand), `a`, `b` (two) or `a`, `b`, `c` (three), written with <tgmath.h> names,
    so that one text serves float and double. Without it the kernel calls `evaluate`, and `arity` is stated where there
    are no partials to count the operands of.
    """
    if c is not None:
        names = set(re.findall(r"\b[abcx]\b", c))
        if not names or ("x" in names and names != {"x"}):
            raise TypeError(f"op table: expected operands x, or a, b, c, in the C text {c!r}")
        arity = 1 if names == {"x"} else {"a": 1, "b": 2, "c": 3}[max(names)]
    elif arity is None:
        if partials is None:
            raise TypeError("op table: a row without a C text and without partials states its arity")
        arity = len(inspect.signature(partials).parameters) - 1
    if partials is not None and len(inspect.signature(partials).parameters) != arity + 1:
        raise TypeError(f"op table: the partials of {c!r} take {arity} operands and y")
    result = fields.pop("result", None)
    rule = fields.pop("type_rule", None) or (_bool_result if result == "bool" else _same_result)
    fields.setdefault("dtypes", ("f32", "f64"))
    return Op("elementwise", c=c, partials=partials, arity=arity, params=(), result=rule, **fields)


def linear(evaluate, transpose=None, *, params=(), arity=1, kind="linear", **fields):
    """A row linear in its floating operands together (or, multilinear, in each): it is its own jvp."""
    return Op(kind, evaluate=evaluate, transpose=transpose, params=tuple(params), arity=arity, **fields)


def rule(evaluate, *, params=(), arity=1, **fields):
    """A row whose jvp and vjp are both stated (or neither: not differentiable)."""
    return Op("rule", evaluate=evaluate, params=tuple(params), arity=arity, **fields)


def is_complex(x):
    """Whether an operand of a rule (an Expr, or a number) is complex."""
    dtype = getattr(x, "dtype", None)
    return dtype in REAL_OF if type(dtype) is str else getattr(dtype, "kind", "") == "c"


def broadcast_shape(shapes):
    """The NumPy broadcast of shapes; ValueError when they do not broadcast."""
    shapes = [s for s in shapes if s]
    if not shapes:
        return ()
    first = shapes[0]
    if all(s == first for s in shapes):
        return first
    ndim = max(len(s) for s in shapes)
    out = [1] * ndim
    for s in shapes:
        for k, n in enumerate(s, ndim - len(s)):
            if n != 1:
                if out[k] not in (1, n):
                    raise ValueError(f"shapes {shapes} do not broadcast")
                out[k] = n
    return tuple(out)


def _same_result(types):
    return Type(types[-1].dtype, broadcast_shape([t.shape for t in types]))


def _bool_result(types):
    return Type("bool", broadcast_shape([t.shape for t in types]))


def register(namespace):
    """Enter the rows of a module's namespace into the table; the module's name for a row is the op's name."""
    for name, row in namespace.items():
        if isinstance(row, Op) and row.name is None:
            row.name = name.rstrip("_")
            if row.evaluate is None:
                numpy_name = row.numpy or row.name
                row.evaluate = lambda np, *values, _name=numpy_name: getattr(np, _name)(*values)
            _check(row)
            row.code = len(ROWS)
            OPS[row.name] = row
            ROWS.append(row)


def _check(row):
    """Refuse a row that contradicts itself; the error names the row."""
    if row.name in OPS:
        raise TypeError(f"op table: two rows are named {row.name!r}")
    if row.kind in ("linear", "multilinear", "rule", "elementwise") and row.result is None:
        raise TypeError(f"op table: row {row.name!r} states no result type")
    if row.kind == "rule" and (row.jvp is None) != (row.vjp is None):
        raise TypeError(f"op table: row {row.name!r} states one of jvp and vjp; state both or neither")
    if not row.doc:
        raise TypeError(f"op table: row {row.name!r} has no doc")
