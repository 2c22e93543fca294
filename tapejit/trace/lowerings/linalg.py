"""The parts of numpy.linalg that are sums and products: norms and powers."""

import numpy as np

from ..tracer import lowering
from .common import asarray, axes_of, cast, refuse, static
from .products import matmul


def _root_of_sum(squares, axes, keepdims):
    """sqrt of a sum of squares. At 0 the derivative is 0, the mean of the one-sided ones, where sqrt alone gives 0 * inf."""
    total = np.sum(squares, axis=axes, keepdims=keepdims)
    zero = total == 0
    return np.where(zero, total, np.sqrt(np.where(zero, total.dtype.type(1), total)))


@lowering(np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    x = asarray(x)
    x = x if x.dtype.kind in "fc" else cast(x, np.float64)
    if axis is None and (ord is None or x.ndim == 1 and ord == 2 or x.ndim == 2 and ord in ("f", "fro")):
        return _root_of_sum(_squared(x), tuple(range(x.ndim)), keepdims)
    axes = axes_of(axis, x.ndim)
    if len(axes) == 1:
        return vector_norm(x, axis=axes, ord=2 if ord is None else ord, keepdims=keepdims)
    if len(axes) == 2:
        return matrix_norm_over(x, axes, "fro" if ord is None else ord, keepdims)
    raise ValueError("Improper number of dimensions to norm.")


def _squared(x):
    return x * x if x.dtype.kind == "f" else x.real * x.real + x.imag * x.imag


@lowering(np.linalg.vector_norm)
def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    x = asarray(x)
    x = x if x.dtype.kind in "fc" else cast(x, np.float64)
    axes = axes_of(axis, x.ndim)
    if ord == 2:
        return _root_of_sum(_squared(x), axes, keepdims)
    size = np.abs(x)
    if ord == np.inf or ord == -np.inf:
        return (np.max if ord > 0 else np.min)(size, axis=axes, keepdims=keepdims)
    if ord == 0:
        return np.sum(cast(x != 0, size.dtype), axis=axes, keepdims=keepdims)
    if ord == 1:
        return np.sum(size, axis=axes, keepdims=keepdims)
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    total = np.sum(size ** ord, axis=axes, keepdims=keepdims)
    zero = total == 0
    return np.where(zero, total if ord > 0 else total.dtype.type(0), np.where(zero, total.dtype.type(1), total) ** (1 / ord))


@lowering(np.linalg.matrix_norm)
def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    x = asarray(x)
    return matrix_norm_over(x if x.dtype.kind in "fc" else cast(x, np.float64), axes_of((-2, -1), x.ndim), ord, keepdims)


def matrix_norm_over(x, axes, ord, keepdims):
    if ord in ("f", "fro"):
        return _root_of_sum(_squared(x), axes, keepdims)
    if ord in (1, -1, np.inf, -np.inf):
        rows, columns = axes
        summed, chosen = (rows, columns) if abs(ord) == 1 else (columns, rows)
        y = (np.max if ord > 0 else np.min)(np.sum(np.abs(x), axis=summed, keepdims=True), axis=chosen, keepdims=True)
        return y if keepdims else np.squeeze(y, axes)
    if ord in (2, -2, "nuc"):
        refuse(x, f"np.linalg.norm of a traced matrix with ord={ord!r} needs singular values, which are not traced: "
                  "use ord='fro', 1 or np.inf")
    raise ValueError("Invalid norm order for matrices.")


@lowering(np.linalg.matrix_power)
def matrix_power(a, n):
    """Products of repeated squares."""
    a, n = asarray(a), static(n)
    np.linalg.matrix_power(np.empty((0,) + a.shape[-2:] if a.ndim > 1 else a.shape), abs(n))  # NumPy's errors
    if n < 0:
        refuse(a, f"np.linalg.matrix_power of a traced matrix with the power {n} needs its inverse, which is not traced")
    if n == 0:
        return np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape).copy()
    result = None
    while n:
        if n % 2:
            result = a if result is None else matmul(result, a)
        n //= 2
        a = matmul(a, a) if n else a
    return result
