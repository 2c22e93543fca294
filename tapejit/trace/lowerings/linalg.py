"""numpy.linalg: norms, systems of equations, inverses, determinants, powers. Decompositions are in `decompositions.py`.

NumPy computes each value and raises its own errors; the rows are those of `ops/linalg.py`. Matrices of integers become float64.
"""

import numpy as np

from ...ops import ROWS, lapack
from ..tracer import Tracer, lowering
from .common import asarray, axes_of, cast, concrete, host, static
from .decompositions import svdvals
from .matrices import emit, inexact, matrix, plain, stretched
from .products import matmul

SHARED_FACTORS = 48  # from this number of rows on, solves of one matrix and of its transpose share LU factors


# --- norms -----------------------------------------------------------------------------------------------------------


def _root_of_sum(squares, axes, keepdims):
    """sqrt of a sum of squares. At 0 the derivative is 0, the mean of the one-sided ones, where sqrt alone gives 0 * inf."""
    total = np.sum(squares, axis=axes, keepdims=keepdims)
    zero = total == 0
    return plain(np.where(zero, total, np.sqrt(np.where(zero, total.dtype.type(1), total))))


@lowering(np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    x = asarray(x)
    x = x if x.dtype.kind in "fc" else cast(x, np.float64)
    if axis is None and (ord is None or x.ndim == 1 and ord == 2 or x.ndim == 2 and ord in ("f", "fro")):
        return _root_of_sum(_squared(x), tuple(range(x.ndim)), keepdims)
    axes = axes_of(axis if axis is None or isinstance(axis, tuple) else int(axis), x.ndim)
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
    axes, keepdims = axes_of(int(axis) if type(axis) is float else axis, x.ndim), bool(keepdims) if axis is None else keepdims
    if ord == 2:
        return _root_of_sum(_squared(x), axes, keepdims)
    size = np.abs(x)
    if ord == np.inf or ord == -np.inf:
        return _largest(size, axes, keepdims) if ord > 0 else np.min(size, axes, keepdims=keepdims)
    if ord == 0:
        return np.sum(cast(x != 0, size.dtype), axis=axes, keepdims=keepdims)
    if ord == 1:
        return np.sum(size, axis=axes, keepdims=keepdims)
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    total = np.sum(size ** ord, axis=axes, keepdims=keepdims)
    zero = total == 0
    return plain(np.where(zero, total if ord > 0 else total.dtype.type(np.inf), np.where(zero, total.dtype.type(1), total) ** (1 / ord)))


def _largest(sizes, axes, keepdims):
    """The largest of sizes; 0 where there are none."""
    return np.max(sizes, axes, keepdims=keepdims, **({"initial": 0} if 0 in sizes.shape else {}))


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
        sums = np.sum(np.abs(x), axis=summed, keepdims=True)
        y = _largest(sums, chosen, True) if ord > 0 else np.min(sums, chosen, keepdims=True)
        return y if keepdims else plain(np.squeeze(y, axes))
    if ord in (2, -2, "nuc"):
        s = svdvals(np.moveaxis(x, axes, (-2, -1)))
        y = np.max(s, -1, initial=0) if ord == 2 else np.min(s, -1) if ord == -2 else np.sum(s, -1)
        return np.expand_dims(y, axes) if keepdims else y
    raise ValueError("Invalid norm order for matrices.")


# --- systems of equations --------------------------------------------------------------------------------------------


@lowering(np.linalg.solve)
def solve(a, b):
    a, b = inexact(a, b)
    if b.ndim == 1:
        return _solved(a, b[:, None], b)[..., 0]
    return _solved(a, b, b)


def _solved(a, b, given):
    try:
        n = a.shape[-2:] == b.shape[-2:-1] * 2
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        n = False
    if not n:
        np.linalg.solve(concrete(a), concrete(given))  # NumPy's error
    a, b = stretched(a, lead + a.shape[-2:]), stretched(b, lead + b.shape[-2:])
    if a.shape[-1] < SHARED_FACTORS or lapack.lapack_of(a.dtype.char) is None:
        return emit("solve", a, b, trans=False)
    triangle = _triangle_by_cholesky(a)
    if triangle is not None and a.ndim == 2:
        return emit("solve_triangle", a, b, lower=triangle == "lower", trans=False, unit=False, strict=False)
    return emit("lu_solve", a, b, emit("lu_bits", a), trans=False)


def _triangle_by_cholesky(a):
    """"lower" or "upper" where a is what cholesky gave, or its transpose: such systems need no factors of their own. Else None."""
    if type(a) is not Tracer:
        return None
    tape, id = a._trace.builder.tape, a.id
    name = ROWS[tape.op[id]].name
    if name == "transpose" and ROWS[tape.op[tape.operands_of(id)[0]]].name == "cholesky" and tape.params_of(id)[0] == (1, 0):
        return "upper"
    return "lower" if name == "cholesky" else None


@lowering(np.linalg.inv)
def inv(a):
    return emit("inv", matrix(a))


@lowering(np.linalg.pinv)
def pinv(a, rcond=None, hermitian=False, *, rtol=np._NoValue):
    a = matrix(a)
    if rcond is None:
        rcond = 1e-15 if rtol is np._NoValue else max(a.shape[-2:]) * np.finfo(a.dtype).eps if rtol is None else rtol
    elif rtol is not np._NoValue:
        raise ValueError("`rtol` and `rcond` can't be both set.")
    if a.size == 0:
        return np.zeros(a.shape[:-2] + a.shape[:-3:-1], a.dtype) + 0 * np.sum(a)
    return emit("pinv", a, asarray(rcond), triangle=bool(hermitian))


@lowering(np.linalg.lstsq)
def lstsq(a, b, rcond=None):
    a, b = inexact(a, b)
    rcond = static(rcond)
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        np.linalg.lstsq(concrete(a), concrete(b), rcond)  # NumPy's error
    limit = float(np.finfo(a.dtype).eps * max(a.shape) if rcond is None else rcond)
    columns = b[:, None] if b.ndim == 1 else b
    x = emit("lstsq", a, columns, rcond=limit)
    rank = host(_rank_of_lstsq, a, limit)
    if a.shape[0] > a.shape[1] and static(rank) == a.shape[1]:
        residuals = np.sum(_squared(columns - matmul(a, x)), axis=0)
    else:
        residuals = np.array([], np.abs(concrete(a)[:0]).dtype)
    return (x[:, 0] if b.ndim == 1 else x), residuals, rank, svdvals(a)


def _rank_of_lstsq(a, rcond):
    return np.linalg.lstsq(a, np.zeros(a.shape[:1], a.dtype), rcond)[2]


@lowering(np.linalg.tensorinv)
def tensorinv(a, ind=2):
    a, ind = asarray(a), static(ind)
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    rows = int(np.prod(a.shape[ind:]))
    return inv(a.reshape(rows, -1)).reshape(a.shape[ind:] + a.shape[:ind])


@lowering(np.linalg.tensorsolve)
def tensorsolve(a, b, axes=None):
    a, b = asarray(a), asarray(b)
    if axes is not None:
        order = [k for k in range(a.ndim) if k not in axes]
        a = a.transpose(order + list(axes))
    shape = a.shape[-(a.ndim - b.ndim):]
    rows = int(np.prod(shape))
    if a.size != rows ** 2:
        np.linalg.tensorsolve(concrete(a), concrete(b))  # NumPy's error
    return solve(a.reshape(rows, rows), b.ravel()).reshape(shape)


# --- determinants, ranks, conditions ---------------------------------------------------------------------------------


@lowering(np.linalg.det)
def det(a):
    return plain(emit("det", matrix(a)))


@lowering(np.linalg.matrix_rank)
def matrix_rank(A, tol=None, hermitian=False, *, rtol=None):
    return host(np.linalg.matrix_rank, asarray(A), tol, hermitian, rtol=static(rtol))


@lowering(np.linalg.cond)
def cond(x, p=None):
    x = matrix(x)
    if x.size == 0 and 0 in x.shape[-2:] or p not in (None, 2, -2) and x.shape[-1] != x.shape[-2]:
        np.linalg.cond(concrete(x), p)  # NumPy's error
    with np.errstate(all="ignore"):
        if p is None or p == 2 or p == -2:
            s = svdvals(x)
            ratio = s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
        else:
            inverse = emit("inverse_or_nan", x)
            ratio = norm(x, p, axis=(-2, -1)) * norm(inverse, p, axis=(-2, -1))
    return plain(np.where(np.isnan(ratio) & ~np.any(np.isnan(x), axis=(-2, -1)), ratio.dtype.type(np.inf), ratio))


@lowering(np.linalg.matrix_power)
def matrix_power(a, n):
    """Products of repeated squares, of the inverse for a negative power."""
    a, n = asarray(a), static(n)
    np.linalg.matrix_power(np.empty((0,) + a.shape[-2:] if a.ndim > 1 else a.shape), abs(n) if isinstance(n, int) else n)  # NumPy's errors
    if n < 0:
        a, n = inv(a), -n
    if n == 0:
        return np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape).copy()
    result = None
    while n:
        if n % 2:
            result = a if result is None else matmul(result, a)
        n //= 2
        a = matmul(a, a) if n else a
    return result
