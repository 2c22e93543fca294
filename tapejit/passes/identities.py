"""Identities that hold exactly in IEEE arithmetic (NaN, infinities and signed zeros included), one function per op.

Each takes (builder, operands, params) and answers the id of an equal value, or None. `REWRITE` is what a Builder tries
before it appends a record; because the differentiate pass builds with the same table, its records come out simple.
"""

import math
from functools import lru_cache, partial

import numpy as np

from ..ops import OPS, REAL_OF
from ..ops.linear import disjoint, index_shape
from ..ops.table import broadcast_shape
from ..tape.types import DTYPE_OF_NAME

REWRITE = {}


def _identity(*names):
    def enter(function):
        for name in names:
            REWRITE[OPS[name].code] = function
        return function

    return enter


def _op_name(builder, id):
    from ..ops import ROWS

    return ROWS[builder.tape.op[id]].name


def _operands(builder, id):
    return builder.tape.operands_of(id)


def _emit(builder, name, operands, *params):
    return builder.emit(OPS[name], tuple(operands), params)


def stretched(builder, id, operands):
    """`id` broadcast to the shape that a record on `operands` would have."""
    shape = broadcast_shape([builder.type_of(o).shape for o in operands])
    return id if builder.type_of(id).shape == shape else _emit(builder, "broadcast", (id,), shape)


_CONSTANT = OPS["constant"].code
_BROADCAST = OPS["broadcast"].code
_NEGATIVE, _ABSOLUTE, _MULTIPLY = OPS["negative"].code, OPS["absolute"].code, OPS["multiply"].code


def _maybe_constant(builder, id):
    code = builder.tape.op[id]
    return code == _CONSTANT or code == _BROADCAST


# The identities of these ops apply only when an operand is a constant or a negation, which saves the others the question.
ARITHMETIC = frozenset(OPS[name].code for name in ("add", "subtract", "multiply", "divide", "power", "zero_mul"))
TELLING = frozenset((_CONSTANT, _BROADCAST, _NEGATIVE))


@_identity("multiply")
def _multiply(builder, operands, params):
    for this, other in (operands, operands[::-1]):
        if _maybe_constant(builder, this):
            value = builder.uniform_value(this)
            if value is not None and value.dtype.kind not in "bc":  # (a product with 1 + 0j is none: 0 times infinity is in it)
                if value == 1:
                    return stretched(builder, other, operands)
                if value == -1:
                    return stretched(builder, _emit(builder, "negative", (other,)), operands)
                if value.dtype.kind == "f" and builder.tape.op[other] == _MULTIPLY:
                    joined = _joined_factors(builder, value, other, operands)
                    if joined is not None:
                        return joined
    return _sign_outside(builder, "multiply", operands)


def _is_power_of_two(value):
    """Whether products with a number are exact, short of what overflows or underflows."""
    mantissa, exponent = math.frexp(abs(float(value)))
    return mantissa == 0.5 and -100 < exponent < 100


def _joined_factors(builder, value, product, operands):
    """value * (other * x) for two numbers, one of which is a power of two, as one product."""
    for factor, x in (_operands(builder, product), _operands(builder, product)[::-1]):
        other = builder.uniform_value(factor) if _maybe_constant(builder, factor) else None
        if other is None or other.dtype != value.dtype or not (_is_power_of_two(value) or _is_power_of_two(other)):
            continue
        both = value * other
        if 1e-30 < abs(float(both)) < 1e30:
            number = builder.number(both, builder.type_of(product).dtype)
            return stretched(builder, _emit(builder, "multiply", (number, x)), operands)
    return None


def _sign_outside(builder, name, operands):
    """(-a) b is -(a b), so that the product is the one of a and b; where the negation is of as many elements as the result."""
    op, free = builder.tape.op, list(operands)
    shape = builder.type_of(operands[0]).shape
    if shape != builder.type_of(operands[1]).shape:
        return None
    signs = 0
    for k, operand in enumerate(operands):
        if op[operand] == _NEGATIVE:
            free[k] = _operands(builder, operand)[0]
            signs += 1
    if not signs:
        return None
    product = _emit(builder, name, free)
    return product if signs == 2 else _emit(builder, "negative", (product,))


@_identity("divide")
def _divide(builder, operands, params):
    a, b = operands
    if builder.tape.op[a] == _NEGATIVE or builder.tape.op[b] == _NEGATIVE:
        return _sign_outside(builder, "divide", operands)
    if not _maybe_constant(builder, b):
        return None
    value = builder.uniform_value(b)
    if value is None or value.dtype.kind != "f":
        return None
    if value == 1:
        return stretched(builder, a, operands)
    if _is_power_of_two(value):  # its reciprocal is exact
        inverse = builder.number(1 / value, builder.type_of(b).dtype)
        return stretched(builder, _emit(builder, "multiply", (a, inverse)), operands)
    return None


def _is_minus_zero(value):
    return value == 0 and math.copysign(1, value) < 0


@_identity("subtract")
def _subtract(builder, operands, params):
    a, b = operands
    if builder.tape.op[b] == _NEGATIVE:
        return _emit(builder, "add", (a, _operands(builder, b)[0]))
    if _maybe_constant(builder, b):
        value = builder.uniform_value(b)
        if value is not None and value == 0 and not _is_minus_zero(value.real) and not _is_minus_zero(value.imag):
            return stretched(builder, a, operands)
    return None


@_identity("add")
def _add(builder, operands, params):
    a, b = operands
    op = builder.tape.op
    if op[b] == _NEGATIVE:
        return _emit(builder, "subtract", (a, _operands(builder, b)[0]))
    if op[a] == _NEGATIVE:
        return _emit(builder, "subtract", (b, _operands(builder, a)[0]))
    for this, other in ((a, b), (b, a)):
        if _maybe_constant(builder, this):
            value = builder.uniform_value(this)
            if value is not None and value == 0 and (value.dtype.kind in "iu" or value.dtype.kind == "f" and _is_minus_zero(value)):
                return stretched(builder, other, operands)  # x + (-0.0) is x; x + 0.0 is not, for x = -0.0
    return None


@_identity("negative")
def _negative(builder, operands, params):
    (x,) = operands
    return _operands(builder, x)[0] if builder.tape.op[x] == _NEGATIVE else None


@_identity("square")
def _square(builder, operands, params):
    """The square of a magnitude is smooth, also at 0, where the magnitude is not: the chain of the two would have no curvature there."""
    (x,) = operands
    if builder.tape.op[x] != _ABSOLUTE:
        return None
    (z,) = _operands(builder, x)
    return _emit(builder, "squared_magnitude" if builder.type_of(z).dtype in REAL_OF else "square", (z,))


@_identity("positive")
def _positive(builder, operands, params):
    return operands[0]


@_identity("zero_mul")
def _zero_mul(builder, operands, params):
    ct, partial = operands
    if _maybe_constant(builder, ct):
        value = builder.uniform_value(ct)
        if value is not None and value != 0:
            return _emit(builder, "multiply", operands)
    if _maybe_constant(builder, partial):
        value = builder.uniform_value(partial)
        if value is not None and math.isfinite(abs(value)):
            return _emit(builder, "multiply", operands)
    return None


@_identity("power")
def _power(builder, operands, params):
    a, b = operands
    if not _maybe_constant(builder, b):
        return None
    value = builder.uniform_value(b)
    if value is None:
        return None
    if value == 1:
        return stretched(builder, a, operands)
    if value == 2:
        return stretched(builder, _emit(builder, "square", (a,)), operands)
    if value == 0:
        return stretched(builder, builder.number(1, builder.type_of(a).dtype), operands)
    return None


@_identity("where")
def _where(builder, operands, params):
    condition, a, b = operands
    if a == b:
        return stretched(builder, a, operands)
    if _maybe_constant(builder, condition):
        value = builder.uniform_value(condition)
        if value is not None:
            return stretched(builder, a if value else b, operands)
    return None


@_identity("cast")
def _cast(builder, operands, params):
    return operands[0] if builder.type_of(operands[0]).dtype == params[0] else None


# --- complex numbers and their parts -----------------------------------------------------------------------------------


@_identity("conjugate")
def _conjugate(builder, operands, params):
    return _operands(builder, operands[0])[0] if _op_name(builder, operands[0]) == "conjugate" else None


def _part(place):
    def identity(builder, operands, params):
        (x,) = operands
        name = _op_name(builder, x)
        if name == "complex":
            return _operands(builder, x)[place]
        if name == "cast":
            (base,) = _operands(builder, x)
            dtype, shape = builder.type_of(base)
            if dtype not in REAL_OF:
                part = REAL_OF[builder.type_of(x).dtype]
                if place == 0:
                    return _emit(builder, "cast", (base,), part)
                zero = builder.number(0, part)
                return _emit(builder, "broadcast", (zero,), shape) if shape else zero
        if name == "conjugate" and place == 0:
            return _emit(builder, "real", _operands(builder, x))
        return None

    return identity


_identity("real")(_part(0))
_identity("imag")(_part(1))


@_identity("complex")
def _complex(builder, operands, params):
    a, b = operands
    if _op_name(builder, a) == "real" and _op_name(builder, b) == "imag" and _operands(builder, a) == _operands(builder, b):
        return _operands(builder, a)[0]
    return None


# --- movement of data ----------------------------------------------------------------------------------------------


def _uniform_base(builder, id):
    """The 0-d value that `id` is a broadcast of, or None."""
    if builder.tape.op[id] == _BROADCAST:
        base = _operands(builder, id)[0]
        if not builder.type_of(base).shape:
            return base
    return None


@_identity("broadcast")
def _broadcast(builder, operands, params):
    (x,) = operands
    if builder.type_of(x).shape == params[0]:
        return x
    if builder.tape.op[x] == _BROADCAST:
        return _emit(builder, "broadcast", _operands(builder, x), *params)
    type_ = builder.type_of(x)
    if builder.tape.op[x] == _CONSTANT and type_.shape and builder.uniform_value(x) is not None:
        return _emit(builder, "broadcast", (builder.number(builder.uniform_value(x), type_.dtype),), *params)
    return None


@_identity("reshape")
def _reshape(builder, operands, params):
    (x,) = operands
    if builder.type_of(x).shape == params[0]:
        return x
    name = _op_name(builder, x)
    if name == "reshape":
        return _emit(builder, "reshape", _operands(builder, x), *params)
    if name == "index" and params[0] == ():  # one element
        idx = builder.tape.params_of(x)[0]
        return _emit(builder, "index", _operands(builder, x), tuple(item if isinstance(item, int) else item[0] for item in idx))
    if name == "index" and builder.type_of(x).shape == (*params[0], 1):  # a slice of one element is an integer
        idx = builder.tape.params_of(x)[0]
        if not isinstance(idx[-1], int):
            return _emit(builder, "index", _operands(builder, x), (*idx[:-1], idx[-1][0]))
    base = _uniform_base(builder, x)
    return None if base is None else _emit(builder, "broadcast", (base,), params[0])


@_identity("transpose")
def _transpose(builder, operands, params):
    (x,), (axes,) = operands, params
    if axes == tuple(range(len(axes))):
        return x
    if _op_name(builder, x) == "transpose":
        inner = builder.tape.params_of(x)[0]
        return _emit(builder, "transpose", _operands(builder, x), tuple(inner[a] for a in axes))
    base = _uniform_base(builder, x)
    if base is not None:
        shape = builder.type_of(x).shape
        return _emit(builder, "broadcast", (base,), tuple(shape[a] for a in axes))
    return None


def _is_whole(idx, shape):
    return len(idx) == len(shape) and all(not isinstance(item, int) and item == (0, n, 1) for item, n in zip(idx, shape))


def _compose(outer, inner):
    """The index equal to applying `inner`, then `outer` to its result."""
    rest = iter(outer)
    out = []
    for item in inner:
        if isinstance(item, int):
            out.append(item)
            continue
        start, _, step = item
        then = next(rest)
        if isinstance(then, int):
            out.append(start + then * step)
        else:
            out.append((start + then[0] * step, then[1], step * then[2]))
    return tuple(out)


@_identity("index")
def _index(builder, operands, params):
    (x,), (idx,) = operands, params
    shape = builder.type_of(x).shape
    if _is_whole(idx, shape):
        return x
    name = _op_name(builder, x)
    if name == "index":
        return _emit(builder, "index", _operands(builder, x), _compose(idx, builder.tape.params_of(x)[0]))
    if name == "broadcast":
        base = _uniform_base(builder, x)
        return None if base is None else _emit(builder, "broadcast", (base,), index_shape(idx))
    if name == "concatenate":
        return _index_of_concatenate(builder, x, idx)
    if name == "index_set":
        base, value = _operands(builder, x)
        written = builder.tape.params_of(x)[0]
        if written == idx:
            return value
        if disjoint(written, idx):
            return _emit(builder, "index", (base,), idx)
    if name == "reshape" and not index_shape(idx):
        return _element_of_reshape(builder, x, idx)
    if name == "reshape" and idx[-1] == 0 and shape == (*builder.type_of(_operands(builder, x)[0]).shape, 1):
        return _emit(builder, "index", _operands(builder, x), idx[:-1])
    return None


def _index_of_concatenate(builder, x, idx):
    """An index that falls into one part of a concatenation reads that part."""
    axis = builder.tape.params_of(x)[0]
    item = idx[axis]
    low = item if isinstance(item, int) else min(item[0], item[0] + (item[1] - 1) * item[2])
    high = item if isinstance(item, int) else max(item[0], item[0] + (item[1] - 1) * item[2])
    if not isinstance(item, int) and item[1] == 0:
        return None
    for part in _operands(builder, x):
        count = builder.type_of(part).shape[axis]
        if 0 <= low and high < count:
            return _emit(builder, "index", (part,), idx[:axis] + (item,) + idx[axis + 1:])
        if low < count:
            return None
        low -= count
        high -= count
        item = item - count if isinstance(item, int) else (item[0] - count, item[1], item[2])
    return None


def _element_of_reshape(builder, x, idx):
    """One element of a reshaped value is one element of the value."""
    shape = builder.type_of(x).shape
    flat = 0
    for i, n in zip(idx, shape):
        flat = flat * n + i
    (base,) = _operands(builder, x)
    source = []
    for n in reversed(builder.type_of(base).shape):
        flat, i = divmod(flat, n)
        source.append(i)
    return _emit(builder, "index", (base,), tuple(reversed(source))) if source else base


@_identity("index_set")
def _index_set(builder, operands, params):
    x, value = operands
    if _is_whole(params[0], builder.type_of(x).shape):
        return value
    if _op_name(builder, x) == "index_set" and builder.tape.params_of(x)[0] == params[0]:
        return _emit(builder, "index_set", (_operands(builder, x)[0], value), *params)  # written again before it was read
    return None


@_identity("index_add")
def _index_add(builder, operands, params):
    x, value = operands
    if _is_whole(params[0], builder.type_of(x).shape):
        return _emit(builder, "add", (x, value))
    return None


@lru_cache(16)
def _triangle(name, rows, columns, k):
    """True in the triangle that tril or triu keeps. One array per form: large constants are told apart by identity."""
    mask = np.tri(rows, columns, k if name == "tril" else k - 1, dtype=bool)
    mask = mask if name == "tril" else ~mask
    mask.flags.writeable = False
    return mask


MOST_MASKED = 1 << 22  # elements of a matrix whose triangle is a constant mask


def _triangle_of(name, builder, operands, params):
    """A selection, which loops take in; not of complex numbers, which NumPy computes with."""
    dtype, shape = builder.type_of(operands[0])
    rows, columns = shape[-2:]
    if dtype not in ("f32", "f64") or not 0 < rows * columns <= MOST_MASKED:
        return None
    mask = builder.constant(_triangle(name, rows, columns, params[0]))
    return _emit(builder, "where", (mask, operands[0], builder.constant(np.zeros((), DTYPE_OF_NAME[dtype]))))


for _name in ("tril", "triu"):
    _identity(_name)(partial(_triangle_of, _name))


@_identity("sum", "prod", "max", "min", "any", "all")
def _reduce_nothing(builder, operands, params):
    return operands[0] if params[0] == () else None


@_identity("concatenate")
def _concatenate(builder, operands, params):
    return operands[0] if len(operands) == 1 else None
