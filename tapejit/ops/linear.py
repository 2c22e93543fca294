"""Linear rows: movement of data, sums and products. The op is its own jvp; the row states the transpose.

A basic index `idx` is a tuple with one item per axis of the operand: an int (the axis is dropped) or (start, count, step).
"""

import builtins

from .table import OPS, REAL_OF, Type, broadcast_shape, linear


def _normalise(axis, ndim):
    return axis + ndim if axis < 0 else axis


# --- shape ---------------------------------------------------------------------------------------------------------


def _reshape_type(types, shape):
    return Type(types[0].dtype, shape)


reshape = linear(
    lambda np, x, shape: np.reshape(x, shape),
    lambda ct, x, shape: (OPS["reshape"](ct, shape=x.shape),),
    params=("shape",), result=_reshape_type, doc="The same elements in C order under another shape (all counts stated, none -1).")


def _inverse(axes):
    order = [0] * len(axes)
    for place, axis in enumerate(axes):
        order[axis] = place
    return tuple(order)


transpose = linear(
    lambda np, x, axes: np.transpose(x, axes),
    lambda ct, x, axes: (OPS["transpose"](ct, axes=_inverse(axes)),),
    params=("axes",), result=lambda types, axes: Type(types[0].dtype, tuple(types[0].shape[a] for a in axes)),
    doc="Axes permuted: result axis k is operand axis axes[k].")


def sum_to(ct, shape):
    """The cotangent of an operand of `shape` that was broadcast to the shape of `ct`: sums over the axes that grew."""
    if ct.shape == shape:
        return ct
    extra = len(ct.shape) - len(shape)
    axes = tuple(range(extra)) + tuple(k + extra for k, n in enumerate(shape) if n == 1 and ct.shape[k + extra] != 1)
    if axes:
        ct = OPS["sum"](ct, axes=axes)
    return ct if ct.shape == shape else OPS["reshape"](ct, shape=shape)


broadcast = linear(
    lambda np, x, shape: np.broadcast_to(x, shape),
    lambda ct, x, shape: (sum_to(ct, x.shape),),
    params=("shape",), result=_reshape_type, doc="Stretched to `shape` by NumPy's broadcasting rule.")


# --- basic indexing ------------------------------------------------------------------------------------------------


def slices(idx):
    """The Python index of a static basic index."""
    out = []
    for item in idx:
        if isinstance(item, int):
            out.append(item)
        else:
            start, count, step = item
            stop = start + count * step
            out.append(slice(start, stop if stop >= 0 else None, step) if count else slice(0, 0))
    return tuple(out)


def disjoint(a, b):
    """Whether two basic indices of one array have no element in common, as far as one axis tells."""
    for one, other in zip(a, b):
        if type(one) is int and type(other) is int:
            if one != other:
                return True
            continue
        one, other = _positions(one), _positions(other)
        if not one or not other or one[-1] < other[0] or other[-1] < one[0]:
            return True
        if len(one) == 1 and one[0] not in other or len(other) == 1 and other[0] not in one:
            return True
        if one.step == other.step and (one[0] - other[0]) % one.step:
            return True
    return False


def _positions(item):
    """Where an item of a basic index looks along its axis, as an ascending range."""
    if isinstance(item, int):
        return range(item, item + 1)
    start, count, step = item
    found = range(start, start + count * step, step) if step else range(start, start + 1)
    return found if found.step > 0 else found[::-1]


def index_shape(idx):
    return tuple(item[1] for item in idx if not isinstance(item, int))


def _index_set(np, x, v, idx):
    out = np.array(x)
    out[slices(idx)] = v
    return out


def _index_add(np, x, v, idx):
    out = np.array(x)
    out[slices(idx)] += v
    return out


index = linear(
    lambda np, x, idx: x[slices(idx)],
    accumulate=lambda acc, ct, idx: OPS["index_add"](acc, ct, idx=idx),
    params=("idx",),
    result=lambda types, idx: Type(types[0].dtype, index_shape(idx)), doc="Integers and slices: a view.")

index_set = linear(
    _index_set,
    lambda ct, x, v, idx: (OPS["index_set"](ct, zeros(ct, v.shape), idx=idx), OPS["index"](ct, idx=idx)),
    arity=2, params=("idx",), result=lambda types, idx: types[0], doc="x with x[idx] replaced by v, which has the shape of x[idx].")

index_add = linear(
    _index_add,
    lambda ct, x, v, idx: (ct, OPS["index"](ct, idx=idx)),
    arity=2, params=("idx",), result=lambda types, idx: types[0], doc="x with v added into x[idx]; v has the shape of x[idx].")


def zeros(like, shape):
    """Zeros of `shape` with the dtype of the Expr `like`: a broadcast constant, which takes no memory."""
    return full(like, 0, shape)


def full(like, value, shape):
    """`value` repeated to `shape`, with the dtype of the Expr `like`."""
    builder = like.builder
    scalar = type(like)(builder, builder.number(value, like.dtype))
    return OPS["broadcast"](scalar, shape=shape) if shape else scalar


# --- integer-array indexing ----------------------------------------------------------------------------------------


def _take_type(types, axis):
    shape = types[0].shape
    return Type(types[0].dtype, shape[:axis] + types[1].shape + shape[axis + 1:])


def _take_set(np, x, i, v, axis):
    out = np.array(x)
    out[(slice(None),) * axis + (i,)] = v
    return out


def _take_add(np, x, i, v, axis):
    out = np.array(x)
    np.add.at(out, (slice(None),) * axis + (i,), v)
    return out


take = linear(
    lambda np, x, i, axis: np.take(x, i, axis=axis),
    accumulate=lambda acc, ct, i, axis: OPS["take_add"](acc, i, ct, axis=axis),
    arity=2, params=("axis",), result=_take_type, domain=("real", "index"),
    doc="x at the integers i (i64, negative ones count from the end) along axis: shape x.shape[:axis] + i.shape + x.shape[axis+1:]. "
        "IndexError when out of range.")

take_set = linear(
    _take_set,
    lambda ct, x, i, v, axis: (OPS["take_set"](ct, i, zeros(ct, v.shape), axis=axis), None, OPS["take"](ct, i, axis=axis)),
    arity=3, params=("axis",), result=lambda types, axis: types[0], domain=("real", "index", "real"),
    doc="x with x.take(i, axis) replaced by v; of repeated indices the last one wins (the transpose holds for distinct indices).")

take_add = linear(
    _take_add,
    lambda ct, x, i, v, axis: (ct, None, OPS["take"](ct, i, axis=axis)),
    arity=3, params=("axis",), result=lambda types, axis: types[0], domain=("real", "index", "real"), doc="x with v added at the indices i along axis; repeated indices add up.")


# --- joining -------------------------------------------------------------------------------------------------------


def _concatenate_type(types, axis):
    shape = list(types[0].shape)
    shape[axis] = builtins.sum(t.shape[axis] for t in types)  # `sum` is a row here
    return Type(types[0].dtype, tuple(shape))


def _concatenate_transpose(ct, *xs, axis):
    out, start = [], 0
    for x in xs:
        count = x.shape[axis]
        idx = tuple((start, count, 1) if k == axis else (0, n, 1) for k, n in enumerate(ct.shape))
        out.append(OPS["index"](ct, idx=idx))
        start += count
    return tuple(out)


concatenate = linear(
    lambda np, *xs, axis: np.concatenate(xs, axis),
    _concatenate_transpose,
    arity=None, params=("axis",), result=_concatenate_type, doc="Operands of one dtype joined along an axis that exists.")


# --- sums and products ---------------------------------------------------------------------------------------------


def reduced(shape, axes):
    return tuple(n for k, n in enumerate(shape) if k not in axes)


def expand(y, shape, axes):
    """A reduction's result, stretched back over the reduced axes of `shape`."""
    kept = tuple(1 if k in axes else n for k, n in enumerate(shape))
    if y.shape != kept:
        y = OPS["reshape"](y, shape=kept)
    return y if kept == shape else OPS["broadcast"](y, shape=shape)


def _sum_type(types, axes):
    return Type(types[0].dtype, reduced(types[0].shape, axes))


sum = linear(
    lambda np, x, axes: np.sum(x, axis=axes, dtype=x.dtype),
    lambda ct, x, axes: (expand(ct, x.shape, axes),),
    params=("axes",), result=_sum_type, doc="Sum over the axes, which are dropped; pairwise. The dtype stays.")

cumsum = linear(
    lambda np, x, axis: np.cumsum(x, axis=axis, dtype=x.dtype),
    lambda ct, x, axis: (_flip(OPS["cumsum"](_flip(ct, axis), axis=axis), axis),),
    params=("axis",), result=lambda types, axis: types[0], doc="Running sum along an axis. The dtype stays.")


def _flip(x, axis):
    idx = tuple((n - 1, n, -1) if k == axis else (0, n, 1) for k, n in enumerate(x.shape))
    return OPS["index"](x, idx=idx)


def _swap_last(x):
    n = len(x.shape)
    return OPS["transpose"](x, axes=tuple(range(n - 2)) + (n - 1, n - 2))


matmul = linear(
    lambda np, a, b: np.matmul(a, b),
    lambda ct, a, b: (OPS["matmul"](ct, _swap_last(b)), OPS["matmul"](_swap_last(a), ct)),
    kind="multilinear", arity=2, result=lambda types: Type(types[0].dtype, types[0].shape[:-1] + types[1].shape[-1:]),
    doc="Matrix product of the last two axes; both operands have two axes or more, and equal leading (batch) axes.")


ldexp = linear(
    lambda np, x, n: np.ldexp(x, n),
    lambda ct, x, n: (sum_to(OPS["ldexp"](ct, n), x.shape), None),
    arity=2, result=lambda types: Type(types[0].dtype, broadcast_shape([t.shape for t in types])), domain=("real", "index"),
    dtypes=("f32", "f64"), doc="x * 2**n for integers n (i64), without overflow on the way; operands broadcast.")

# --- dtype ---------------------------------------------------------------------------------------------------------

NUMPY_NAMES = {"bool": "bool_", "i8": "int8", "i16": "int16", "i32": "int32", "i64": "int64", "u8": "uint8", "u16": "uint16",
               "u32": "uint32", "u64": "uint64", "f16": "float16", "f32": "float32", "f64": "float64", "c64": "complex64", "c128": "complex128"}



def _cast(np, x, dtype):
    x = np.asarray(x)
    if dtype not in REAL_OF and dtype != "bool":
        x = x.real  # a view; astype would warn that imaginary parts are lost
    return x.astype(getattr(np, NUMPY_NAMES[dtype]))


def _cast_transpose(ct, x, dtype):
    if ct.dtype in REAL_OF and x.dtype not in REAL_OF:
        ct = OPS["real"](ct)
    return (OPS["cast"](ct, dtype=x.dtype),)


cast = linear(
    _cast, _cast_transpose,
    params=("dtype",), result=lambda types, dtype: Type(dtype, types[0].shape),
    doc="Converted to dtype, as astype does; of a complex number that becomes real, the real part.")
