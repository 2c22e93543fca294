"""scipy.integrate for differentiated code: the rules over samples, trapezoid, cumulative_trapezoid and simpson, by y, x and dx.

All other names are SciPy's own."""

import numpy as np

from ..trace.lowerings.common import asarray, static
from . import names_of
from .common import drop_in

__all__ = ["cumulative_trapezoid", "simpson", "trapezoid"]
__getattr__, __dir__ = names_of(__name__)


@drop_in
def trapezoid(y, x=None, dx=1.0, axis=-1):
    return np.trapezoid(y, x, dx, axis)


def _last(a, axis):
    """The array with `axis` moved to the end."""
    return np.moveaxis(asarray(a), static(axis), -1)


def _widths(y, x, axis, dx):
    """The steps between the samples, of the shape of y but for the last axis."""
    if x is None:
        return np.ones(y.shape[-1] - 1) * dx
    x = asarray(x)
    if x.ndim != 1 and x.ndim != y.ndim:
        raise ValueError("If given, shape of `x` must be the same as `y` or 1-D.")
    x = x if x.ndim == 1 else _last(x, axis)
    if x.shape[-1] != y.shape[-1]:
        raise ValueError("If given, length of `x` along axis must be the same as `y`.")
    return np.diff(x)


@drop_in
def cumulative_trapezoid(y, x=None, dx=1.0, axis=-1, initial=None):
    y = _last(y, axis)
    if y.shape[-1] == 0:
        raise ValueError("At least one point is required along `axis`.")
    if initial is not None and initial != 0:
        raise ValueError("`initial` must be `None` or `0`.")
    result = np.cumsum(_widths(y, x, axis, dx) * (y[..., 1:] + y[..., :-1]) / 2.0, axis=-1)
    if initial is not None:
        result = np.concatenate([np.zeros(result.shape[:-1] + (1,), result.dtype), result], axis=-1)
    return np.moveaxis(result, -1, static(axis))


def _by_parabolas(y, h):
    """Simpson's rule over an odd number of samples."""
    left, right = h[..., ::2], h[..., 1::2]
    both, ratio = left + right, left / right
    terms = y[..., :-1:2] * (2.0 - 1.0 / ratio) + y[..., 1::2] * (both * both / (left * right)) + y[..., 2::2] * (2.0 - ratio)
    return np.sum(both / 6.0 * terms, axis=-1)


@drop_in
def simpson(y, x=None, *, dx=1.0, axis=-1):
    y = _last(y, axis)
    n = y.shape[-1]
    h = _widths(y, x, axis, dx)
    if n % 2:
        return _by_parabolas(y, h)[()]
    if n == 2:
        return (0.5 * h[..., 0] * (y[..., 0] + y[..., 1]))[()]
    before, last = h[..., -2], h[..., -1]  # the last interval from the parabola through the last three samples
    tail = (y[..., -1] * (2 * last**2 + 3 * before * last) / (6 * (last + before))
            + y[..., -2] * (last**2 + 3 * last * before) / (6 * before)
            - y[..., -3] * last**3 / (6 * before * (before + last)))
    return (_by_parabolas(y[..., :-1], h[..., :-1]) + tail)[()]
