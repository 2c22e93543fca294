"""Python's operators on tracers.

`_arithmetic` makes the method of one operator: a fast path for two float scalars (about a microsecond with the record),
and behind it the general case, `binary`, in which NumPy computes. Python floats follow Python (1.0 / 0.0 raises), NumPy
scalars and arrays follow NumPy (inf and a warning at the user's line). In-place operators on arrays are in `views.py`.
"""

from __future__ import annotations

import operator
import sys

import numpy as np

from ..ops import OPS
from .assemble import array_of, assemble
from .elementwise import apply_ufunc, record
from .raising import RAISING, assume_none_raised
from .recorder import blame
from .tracer import LOWERINGS, Tracer, concrete, members, scalar, traced
from .views import update

_FLOAT = (float, np.float64)
_LARGEST = sys.float_info.max
_NUMBERS = (bool, int, float, complex, np.ndarray, np.generic)
_getframe = sys._getframe


def binary(operate, ufunc, operands, frame):
    """The result of a Python operator, computed by NumPy (or Python) and recorded as `ufunc`; `frame` is the caller's."""
    for operand in operands:
        if type(operand) is Tracer or isinstance(operand, _NUMBERS) and getattr(operand, "dtype", None) != object:
            continue
        if array_of(operand) is not operand and getattr(operand, "__array_priority__", 0) <= 0 and _joins_list(operator.add, operands):
            return binary(operate, ufunc, [array_of(o) for o in operands], frame)
        if not isinstance(operand, np.ndarray) and not (isinstance(operand, (list, tuple)) and _joins_list(operate, operands)):
            return NotImplemented
        operands = [o if type(o) is Tracer else assemble(o) for o in operands]
    return apply_ufunc(ufunc, operate, operands, frame)


def _joins_list(operate, operands):
    """Whether an operator makes an array of a list: Python floats do not, and NumPy scalars repeat it when they multiply."""
    kinds = np.ndarray if operate is operator.mul else (np.ndarray, np.generic)
    return any(isinstance(o, kinds) for o in operands)


def _arithmetic(operate, ufunc, row=None, reflected=False, in_place=None, compares=False):
    """The method of a binary operator: `operate` on concrete values, `ufunc` (and `row`, if it has a fast path) on the tape."""
    code = row.code if row is not None else None
    raises = ufunc in RAISING

    def general(self, other, frame):
        if in_place is not None and type(self.value) is np.ndarray:
            return update(in_place, ufunc, self, other, frame)
        return binary(operate, ufunc, (other, self) if reflected else (self, other), frame)

    def method(self, other):
        trace = self._trace
        a = self.value
        a_type = type(a)
        if a_type not in _FLOAT:
            return general(self, other, _getframe(1))
        if type(other) is Tracer:
            b = other.value
            b_type = type(b)
            if b_type not in _FLOAT or other._trace is not trace:
                return general(self, other, _getframe(1))
            b_id = other._id
        else:
            b = other
            b_type = type(b)
            if b_type is int:
                b_type = float
            elif b_type not in _FLOAT:
                return general(self, other, _getframe(1))
            b_id = trace.numbers.get(b)
            if b_id is None:
                b_id = trace.number(b)
        ids = (self._id, b_id)
        if reflected:
            a, b, ids = b, a, (b_id, self._id)
        if a_type is b_type is float:
            try:
                value = operate(a, b)
            except ZeroDivisionError:
                blame((self if reflected else other,))
                raise
        else:
            try:
                value = operate(float(a), float(b))
            except ZeroDivisionError:
                return general(self, other, _getframe(1))
            if compares:
                value = np.bool(value)
            elif -_LARGEST <= value <= _LARGEST:
                value = np.float64(value)
            else:
                return general(self, other, _getframe(1))  # inf or nan: NumPy may have to warn
        frame = _getframe(1)
        line = trace.lines.get((id(frame.f_code), frame.f_lasti), -1)
        if line < 0:
            line = trace.find_line(frame)[0]
        result = scalar(trace, value, trace.record(code, ids, trace.bool_type if compares else 0, 0, line))
        if raises and type(value) is float:
            assume_none_raised(ufunc, (other, self) if reflected else (self, other), result, line)
        return result

    return method if row is not None else lambda self, other: general(self, other, _getframe(1))


def _unary(operate, ufunc, row):
    """The method of a unary operator."""
    code = row.code

    def method(self):
        value = self.value
        kind = type(value)
        if kind not in _FLOAT:
            return apply_ufunc(ufunc, operate, (self,), _getframe(1))
        trace = self._trace
        value = operate(value)
        line = trace.find_line(_getframe(1))[0]
        return scalar(trace, value, trace.record(code, (self._id,), 0, 0, line))

    return method


# --- powers ----------------------------------------------------------------------------------------------------------

_SHORT_CUTS = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal, 1: np.positive}


def power(self, other, modulus=None):
    """x ** y, with NumPy's short cuts: x**2 is square(x), x**0.5 sqrt(x), x**-1 reciprocal(x)."""
    if modulus is not None:
        return NotImplemented
    frame = _getframe(1)
    if type(other) not in (int, float) or (other and other not in _SHORT_CUTS):
        return binary(operator.pow, np.power, (self, other), frame)
    trace = self._trace
    place = trace.find_line(frame)
    try:
        result = trace.call(place, operator.pow, (self.value, other))
    except ArithmeticError:
        blame((self,))
        raise
    if type(result) is complex is not type(self.value):
        return apply_ufunc(np.power, operator.pow, (self, other), frame)  # its error
    recorded = traced(trace, result, record_power(trace, self, other, result, place[0]))
    if type(result) in (float, complex) and other not in (0, 1):
        assume_none_raised(np.power, (self, other), recorded, place[0])
    return recorded


def record_power(trace, x, exponent, result, line):
    """The id of x ** exponent."""
    kind = np.asarray(result).dtype
    short = type(exponent) in (int, float) and (exponent == 0 or exponent in _SHORT_CUTS)
    if not short or kind != np.asarray(x.value).dtype and exponent and not (exponent == 2 and type(exponent) is int):
        return record(trace, np.power, (x, exponent), (x.value, concrete(exponent)), result, None, line)
    if exponent:
        return record(trace, _SHORT_CUTS[exponent], (x,), (x.value,), result, None, line)
    one = trace.builder.constant(kind.type(1))  # x ** 0 is one, whatever x is: NaN too
    return trace.emit(OPS["broadcast"], (one,), (np.shape(result),)) if np.shape(result) else one


def reflected_power(self, other, modulus=None):
    return NotImplemented if modulus is not None else binary(operator.pow, np.power, (other, self), _getframe(1))


def power_in_place(self, other):
    if type(self.value) is np.ndarray:
        return update(operator.ipow, np.power, self, other, _getframe(1), record_power)
    return binary(operator.pow, np.power, (self, other), _getframe(1)) if type(other) is Tracer else self ** other


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


_IN_PLACE = {
    "add": (operator.add, operator.iadd, np.add), "sub": (operator.sub, operator.isub, np.subtract),
    "mul": (operator.mul, operator.imul, np.multiply), "truediv": (operator.truediv, operator.itruediv, np.true_divide),
    "floordiv": (operator.floordiv, operator.ifloordiv, np.floor_divide), "mod": (operator.mod, operator.imod, np.remainder),
    "and": (operator.and_, operator.iand, np.bitwise_and), "or": (operator.or_, operator.ior, np.bitwise_or),
    "xor": (operator.xor, operator.ixor, np.bitwise_xor), "lshift": (operator.lshift, operator.ilshift, np.left_shift),
    "rshift": (operator.rshift, operator.irshift, np.right_shift)}
_IN_ORDER = {
    "eq": (operator.eq, np.equal), "ne": (operator.ne, np.not_equal), "lt": (operator.lt, np.less), "le": (operator.le, np.less_equal),
    "gt": (operator.gt, np.greater), "ge": (operator.ge, np.greater_equal)}
_UNARY = {
    "neg": (operator.neg, np.negative), "pos": (operator.pos, np.positive), "abs": (operator.abs, np.absolute),
    "invert": (operator.invert, np.invert)}
_FAST = (np.add, np.subtract, np.multiply, np.true_divide)  # on two floats Python's result is NumPy's, and a float


def _operators():
    for name, (operate, in_place, ufunc) in _IN_PLACE.items():
        row = OPS[ufunc.__name__] if ufunc in _FAST else None
        yield f"__{name}__", _arithmetic(operate, ufunc, row)
        yield f"__r{name}__", _arithmetic(operate, ufunc, row, reflected=True)
        yield f"__i{name}__", _arithmetic(operate, ufunc, row, in_place=in_place)
    for name, (operate, ufunc) in _IN_ORDER.items():
        yield f"__{name}__", _arithmetic(operate, ufunc, OPS[ufunc.__name__], compares=True)
    for name, (operate, ufunc) in _UNARY.items():
        yield f"__{name}__", _unary(operate, ufunc, OPS[ufunc.__name__])


members(dict(
    _operators(),
    __pow__=power, __rpow__=reflected_power, __ipow__=power_in_place,
    __matmul__=matmul, __rmatmul__=reflected_matmul, __imatmul__=matmul_in_place,
    __divmod__=divided_with_remainder, __rdivmod__=reflected_divided_with_remainder,
    __array_priority__=1000.0,
))
