"""Rows that are neither elementwise nor linear: reductions that choose, products, order. jvp and vjp are both stated
as tape operations, or neither where the result is an integer or a bool (no derivative)."""

from .linear import expand, reduced
from .table import OPS, Type, rule


def _reduced_type(types, axes):
    return Type(types[0].dtype, reduced(types[0].shape, axes))


def _reduced_bool(types, axes):
    return Type("bool", reduced(types[0].shape, axes))


def _ties(x, y, axes):
    """The weight of each element that attains the extremum: ties share it equally."""
    hit = OPS["cast"](OPS["equal"](x, expand(y, x.shape, axes)), dtype=x.dtype)
    return hit / expand(OPS["sum"](hit, axes=axes), x.shape, axes)


def _extremum(name, doc):
    return rule(
        lambda np, x, axes: getattr(np, name)(x, axis=axes),
        params=("axes",), result=_reduced_type, doc=doc,
        jvp=lambda dots, operands, y, axes: OPS["sum"](dots[0] * _ties(operands[0], y, axes), axes=axes),
        vjp=lambda ct, operands, y, axes: (expand(ct, operands[0].shape, axes) * _ties(operands[0], y, axes),),
        kinks="ties share the derivative equally")


max = _extremum("max", "Largest element over the axes, which are dropped; NaN propagates.")
min = _extremum("min", "Smallest element over the axes, which are dropped; NaN propagates.")

any = rule(lambda np, x, axes: np.any(x, axis=axes), params=("axes",), result=_reduced_bool, doc="True where any element over the axes is; operand bool.")
all = rule(lambda np, x, axes: np.all(x, axis=axes), params=("axes",), result=_reduced_bool, doc="True where all elements over the axes are; operand bool.")


def _arg_type(types, axis):
    return Type("i64", reduced(types[0].shape, (axis,)))


argmax = rule(lambda np, x, axis: np.argmax(x, axis=axis), params=("axis",), result=_arg_type, doc="Index of the first largest element along an axis.")
argmin = rule(lambda np, x, axis: np.argmin(x, axis=axis), params=("axis",), result=_arg_type, doc="Index of the first smallest element along an axis.")
argsort = rule(
    lambda np, x, axis: np.argsort(x, axis=axis, kind="stable"), params=("axis",), result=lambda types, axis: Type("i64", types[0].shape),
    doc="Indices that sort along an axis, stably; NaN last.")
