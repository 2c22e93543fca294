"""Rows that are neither elementwise nor linear: reductions that choose, products, order. jvp and vjp are both stated
as tape operations, or neither where the result is an integer or a bool (no derivative)."""

from math import prod as prod_of

from .linear import _flip, expand, full, reduced
from .table import OPS, Type, rule


def _reduced_type(types, axes):
    return Type(types[0].dtype, reduced(types[0].shape, axes))


def _reduced_bool(types, axes):
    return Type("bool", reduced(types[0].shape, axes))


def _chosen(x, y, axes):
    """Where x attains the extremum y, and how many elements of x do for each element of y."""
    hit = OPS["equal"](x, expand(y, x.shape, axes))
    return hit, OPS["sum"](OPS["cast"](hit, dtype=x.dtype), axes=axes)


def _extremum_jvp(dots, operands, y, axes):
    hit, count = _chosen(operands[0], y, axes)
    return OPS["sum"](OPS["where"](hit, dots[0], 0), axes=axes) / count


def _extremum_vjp(ct, operands, y, axes):
    (x,) = operands
    hit, count = _chosen(x, y, axes)
    return (OPS["where"](hit, expand(ct / count, x.shape, axes), 0),)


def _extremum(name, doc):
    return rule(
        lambda np, x, axes: getattr(np, name)(x, axis=axes), params=("axes",), result=_reduced_type, doc=doc,
        jvp=_extremum_jvp, vjp=_extremum_vjp, kinks="ties share the derivative equally")


max = _extremum("max", "Largest element over the axes, which are dropped; NaN propagates.")
min = _extremum("min", "Smallest element over the axes, which are dropped; NaN propagates.")

any = rule(lambda np, x, axes: np.any(x, axis=axes), params=("axes",), result=_reduced_bool,
           doc="True where any element over the axes is; operand bool.")
all = rule(lambda np, x, axes: np.all(x, axis=axes), params=("axes",), result=_reduced_bool,
           doc="True where all elements over the axes are; operand bool.")


def _arg_type(types, axis):
    return Type("i64", reduced(types[0].shape, (axis,)))


argmax = rule(lambda np, x, axis: np.argmax(x, axis=axis), params=("axis",), result=_arg_type,
              doc="Index of the first largest element along an axis.")
argmin = rule(lambda np, x, axis: np.argmin(x, axis=axis), params=("axis",), result=_arg_type,
              doc="Index of the first smallest element along an axis.")
argsort = rule(
    lambda np, x, axis: np.argsort(x, axis=axis, kind="stable"), params=("axis",), result=lambda types, axis: Type("i64", types[0].shape),
    doc="Indices that sort along an axis, stably; NaN last.")


# --- products: right with zeros, because nothing is divided ---------------------------------------------------------


def _part(x, axis, start, count):
    """`count` items of x along an axis."""
    return OPS["index"](x, idx=tuple((start, count, 1) if k == axis else (0, n, 1) for k, n in enumerate(x.shape)))


def _product_before(x, axis):
    """The product of all earlier items along an axis (1 for the first)."""
    n = x.shape[axis]
    one = full(x, 1, x.shape[:axis] + (1,) + x.shape[axis + 1:])
    if n <= 1:
        return one if n else x
    return OPS["concatenate"](one, OPS["cumprod"](_part(x, axis, 0, n - 1), axis=axis), axis=axis)


def _product_of_others(x, axis):
    return _product_before(x, axis) * _flip(_product_before(_flip(x, axis), axis), axis)


def _product_slopes(x, axes):
    """The derivative of the product over axes by each element: the product of all the others."""
    if len(axes) == 1:
        return _product_of_others(x, axes[0])
    kept = tuple(k for k in range(len(x.shape)) if k not in axes)
    order = kept + tuple(axes)
    moved = OPS["transpose"](x, axes=order)
    flat = OPS["reshape"](moved, shape=tuple(x.shape[k] for k in kept) + (prod_of(x.shape[k] for k in axes),))
    others = OPS["reshape"](_product_of_others(flat, len(kept)), shape=moved.shape)
    return OPS["transpose"](others, axes=tuple(order.index(k) for k in range(len(order))))


prod = rule(
    lambda np, x, axes: np.prod(x, axis=axes, dtype=x.dtype), params=("axes",), result=_reduced_type,
    jvp=lambda dots, operands, y, axes: OPS["sum"](dots[0] * _product_slopes(operands[0], axes), axes=axes),
    vjp=lambda ct, operands, y, axes: (expand(ct, operands[0].shape, axes) * _product_slopes(operands[0], axes),),
    doc="Product over the axes, which are dropped. The dtype stays.")


def _recurrence(a, b, axis):
    """s with s[0] = b[0] and s[j] = a[j] * s[j - 1] + b[j] along an axis: log2(n) doubling steps on whole arrays."""
    n = a.shape[axis]
    step = 1
    if n > 1:
        a = _part(a, axis, 1, n - 1)
    while step < n:  # here a holds the factor from j - step to j for j = step ... n - 1, and b is summed over as many items
        later = tuple((step, n - step, 1) if k == axis else (0, m, 1) for k, m in enumerate(b.shape))
        b = OPS["index_add"](b, a * _part(b, axis, 0, n - step), idx=later)
        rest = n - 2 * step
        if rest > 0:
            a = _part(a, axis, step, rest) * _part(a, axis, 0, rest)
        step *= 2
    return b


def _cumprod_jvp(dots, operands, y, axis):
    (x,) = operands
    return _recurrence(x, _product_before(x, axis) * dots[0], axis)


def _cumprod_vjp(ct, operands, y, axis):
    (x,) = operands
    n = x.shape[axis]
    if n > 1:  # s[i] = ct[i] + x[i + 1] * s[i + 1], run from the last item
        following = OPS["concatenate"](_part(x, axis, n - 1, 1), _part(_flip(x, axis), axis, 0, n - 1), axis=axis)
        ct = _flip(_recurrence(following, _flip(ct, axis), axis), axis)
    return (_product_before(x, axis) * ct,)


cumprod = rule(
    lambda np, x, axis: np.cumprod(x, axis=axis, dtype=x.dtype), params=("axis",), result=lambda types, axis: types[0],
    jvp=_cumprod_jvp, vjp=_cumprod_vjp, doc="Running product along an axis. The dtype stays.")
