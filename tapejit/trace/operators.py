"""Python's operators on tracers.

`_arithmetic` makes the method of one operator: a fast path for two float scalars (about a microsecond with the record),
and behind it the general case, `binary`, in which NumPy computes. Python floats follow Python (1.0 / 0.0 raises), NumPy
scalars and arrays follow NumPy (inf and a warning at the user's line). In-place operators on arrays are in `views.py`.
"""

from __future__ import annotations

import operator
import sys

import numpy as np

from ..errors import UnsupportedError
from ..ops import OPS
from .assemble import assemble
from .elementwise import record
from .recorder import innermost
from .tracer import LOWERINGS, Tracer, concrete, members, scalar, traced
from .views import update

_FLOAT = (float, np.float64)
_LARGEST = sys.float_info.max
_OPERANDS = (Tracer, bool, int, float, complex, np.ndarray, np.generic)


def binary(operate, ufunc, operands):
    """The result of a Python operator, computed by NumPy (or Python) and recorded as `ufunc`."""
    operands = [assemble(o) if isinstance(o, (list, tuple)) else o for o in operands]
    for o in operands:
        if type(o) is not Tracer and (not isinstance(o, _OPERANDS) or isinstance(o, np.ndarray) and o.dtype == object):
            operands = [assemble(p) if isinstance(p, np.ndarray) else p for p in operands]
            if not all(type(p) is Tracer or isinstance(p, _OPERANDS) for p in operands):
                return NotImplemented
    trace = innermost(operands)
    values = [concrete(o) for o in operands]
    result = trace.call(operate, *values)
    if type(result) is complex and not any(type(v) is complex for v in values):
        raise UnsupportedError(f"at {trace.here()}, a negative Python float to a fractional power is a complex number: "
                               "use numpy.power (nan) or make the argument complex")
    return traced(trace, result, record(trace, ufunc, operands, values, result))


def _arithmetic(operate, ufunc, row=None, reflected=False, in_place=None, compares=False):
    """The method of a binary operator: `operate` on concrete values, `ufunc` (and `row`, if it has a fast path) on the tape."""
    code = row.code if row is not None else None
    make = _make_scalar

    def general(self, other):
        if in_place is not None and type(self.value) is np.ndarray:
            return update(in_place, ufunc, self, other)
        return binary(operate, ufunc, (other, self) if reflected else (self, other))

    def method(self, other):
        trace = self._trace
        a = self.value
        a_type = type(a)
        if a_type not in _FLOAT:
            return general(self, other)
        if type(other) is Tracer:
            b = other.value
            b_type = type(b)
            if b_type not in _FLOAT or other._trace is not trace:
                return general(self, other)
            b_id = other._id
        else:
            b = other
            b_type = type(b)
            if b_type is int:
                b_type = float
            elif b_type not in _FLOAT:
                return general(self, other)
            b_id = trace.numbers.get(b)
            if b_id is None:
                b_id = trace.number(b)
        ids = (self._id, b_id)
        if reflected:
            a, b, ids = b, a, (b_id, self._id)
        if a_type is b_type is float:
            value = operate(a, b)
        else:
            try:
                value = operate(float(a), float(b))
            except ZeroDivisionError:
                return general(self, other)
            if compares:
                value = np.bool(value)
            elif -_LARGEST <= value <= _LARGEST:
                value = np.float64(value)
            else:
                return general(self, other)  # inf or nan: NumPy may have to warn
        frame = _getframe(1)
        line = trace.lines.get((id(frame.f_code), frame.f_lasti), -1)
        if line < 0:
            line = trace.find_line(frame)[0]
        return make(trace, value, trace.record(code, ids, trace.bool_type if compares else 0, 0, line))

    return method if row is not None else general


_getframe = sys._getframe
_make_scalar = scalar


def _unary(operate, ufunc):
    def method(self):
        trace = self._trace
        value = self.value
        result = trace.call(operate, value)
        return traced(trace, result, record(trace, ufunc, (self,), (value,), result))
    return method


# --- powers ----------------------------------------------------------------------------------------------------------

_POWERS = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal, 1: np.positive}


def power(self, other, modulus=None):
    """x ** y, with NumPy's short cuts: x**2 is square(x), x**0.5 sqrt(x), x**-1 reciprocal(x)."""
    if modulus is not None:
        return NotImplemented
    shortcut = _POWERS.get(other) if type(other) in (int, float) else None
    if shortcut is None and not (type(other) in (int, float) and other == 0):
        return binary(operator.pow, np.power, (self, other))
    trace = self._trace
    value = self.value
    result = trace.call(operator.pow, value, other)
    if type(result) is complex is not type(value):
        return binary(operator.pow, np.power, (self, other))  # its error
    return traced(trace, result, record_power(trace, self, other, result))


def record_power(trace, x, exponent, result):
    """The id of x ** exponent."""
    shortcut = _POWERS.get(exponent) if type(exponent) in (int, float) else None
    if type(exponent) in (int, float) and exponent == 0:  # one, whatever x is: NaN too
        one = np.ones((), np.asarray(result).dtype)
        id = trace.builder.constant(one)
        return trace.emit(OPS["broadcast"], (id,), (np.shape(result),)) if np.shape(result) else id
    if shortcut is None or np.asarray(x.value).dtype.kind not in "fc" and exponent not in (1, 2):
        return record(trace, np.power, (x, exponent), (x.value, exponent), result)
    name = np.asarray(result).dtype
    values = (x.value if getattr(x.value, "dtype", None) == name else np.asarray(x.value).astype(name),)
    converted = x if values[0] is x.value else traced(trace, values[0], trace.lift(x, _short(result)))
    return record(trace, shortcut, (converted,), values, result)


def _short(result):
    from .elementwise import name_of

    return name_of(result)


def reflected_power(self, other, modulus=None):
    return NotImplemented if modulus is not None else binary(operator.pow, np.power, (other, self))


def power_in_place(self, other):
    if type(self.value) is np.ndarray:
        return update(operator.ipow, np.power, self, other, lambda trace, x, y, result: record_power(trace, x, y, result))
    return power(self, other)


# --- the rest --------------------------------------------------------------------------------------------------------


def matmul(self, other):
    return LOWERINGS[np.matmul](self, other) if _is_operand(other) else NotImplemented


def reflected_matmul(self, other):
    return LOWERINGS[np.matmul](other, self) if _is_operand(other) else NotImplemented


def matmul_in_place(self, other):
    if type(self.value) is not np.ndarray:
        return matmul(self, other)
    operator.imatmul(self.value.copy(), concrete(assemble(other) if isinstance(other, list) else other))  # NumPy's errors
    self[...] = matmul(self, other)
    return self


def _is_operand(other):
    return type(other) is Tracer or isinstance(other, (np.ndarray, np.generic, bool, int, float, complex, list, tuple))


def divided_with_remainder(self, other):
    return self // other, self % other


def reflected_divided_with_remainder(self, other):
    return other // self, other % self


def invert(self):
    return _invert(self)


_invert = _unary(operator.invert, np.invert)
_ROWS = {np.add: "add", np.subtract: "subtract", np.multiply: "multiply", np.true_divide: "divide"}
_IN_ORDER = {"eq": (operator.eq, np.equal), "ne": (operator.ne, np.not_equal), "lt": (operator.lt, np.less), "le": (operator.le, np.less_equal),
             "gt": (operator.gt, np.greater), "ge": (operator.ge, np.greater_equal)}
_IN_PLACE = {"add": (operator.add, operator.iadd, np.add), "sub": (operator.sub, operator.isub, np.subtract),
             "mul": (operator.mul, operator.imul, np.multiply), "truediv": (operator.truediv, operator.itruediv, np.true_divide),
             "floordiv": (operator.floordiv, operator.ifloordiv, np.floor_divide), "mod": (operator.mod, operator.imod, np.remainder),
             "and": (operator.and_, operator.iand, np.bitwise_and), "or": (operator.or_, operator.ior, np.bitwise_or),
             "xor": (operator.xor, operator.ixor, np.bitwise_xor), "lshift": (operator.lshift, operator.ilshift, np.left_shift),
             "rshift": (operator.rshift, operator.irshift, np.right_shift)}


def _operators():
    for name, (operate, in_place, ufunc) in _IN_PLACE.items():
        row = OPS[_ROWS[ufunc]] if ufunc in _ROWS else None
        yield f"__{name}__", _arithmetic(operate, ufunc, row)
        yield f"__r{name}__", _arithmetic(operate, ufunc, row, reflected=True)
        yield f"__i{name}__", _arithmetic(operate, ufunc, row, in_place=in_place)
    for name, (operate, ufunc) in _IN_ORDER.items():
        yield f"__{name}__", _arithmetic(operate, ufunc, OPS[ufunc.__name__], compares=True)


members(dict(
    _operators(),
    __neg__=_unary(operator.neg, np.negative), __pos__=_unary(operator.pos, np.positive), __abs__=_unary(operator.abs, np.absolute),
    __invert__=invert, __pow__=power, __rpow__=reflected_power, __ipow__=power_in_place,
    __matmul__=matmul, __rmatmul__=reflected_matmul, __imatmul__=matmul_in_place,
    __divmod__=divided_with_remainder, __rdivmod__=reflected_divided_with_remainder,
    __array_priority__=1000.0,
))
