"""One-dimensional functions: convolution, interpolation, polynomials."""

import numpy as np

from ...ops import OPS
from ..tracer import concrete, lowering
from .common import asarray, cast, filled, host, stand_in
from .numpy_source import numpy_source
from .selection import take

# --- convolution and interpolation -----------------------------------------------------------------------------------


@lowering(np.convolve)
def convolve(a, v, mode="full"):
    """The outer product with row k moved right by k places, summed: rows one longer than the result, read as if they were not."""
    a, v = asarray(a), asarray(v)
    np.convolve(np.empty(min(a.size, 1)), np.empty(min(v.size, 1)), mode)  # NumPy's errors
    a, v = np.atleast_1d(a, v)
    if len(v) > len(a):
        a, v = v, a
    n, k = len(a), len(v)
    products = v[:, None] * a[None, :]
    rows = OPS["index_set"](filled(products, (k, n + k), 0, products.dtype), products, idx=((0, k, 1), (0, n, 1)))
    full = rows.reshape(k * (n + k))[:k * (n + k - 1)].reshape(k, n + k - 1).sum(axis=0, dtype=products.dtype)
    if mode in ("same", 1):
        return full[(k - 1) // 2:(k - 1) // 2 + n]
    return full if mode in ("full", 2) else full[k - 1:n]


@lowering(np.correlate)
def correlate(a, v, mode="valid"):
    a, v = asarray(a), asarray(v)
    np.correlate(*[np.empty((min(n, 1),) * x.ndim) for x, n in ((a, a.size), (v, v.size))], mode)  # NumPy's errors
    if len(v) > len(a):  # the shorter one moves along the longer one, and the result is turned round
        return np.conj(convolve(v, np.conj(a[::-1]), mode))[::-1]
    return convolve(a, np.conj(v[::-1]), mode)


@lowering(np.interp)
def interp(x, xp, fp, left=None, right=None, period=None):
    """The line of the interval that x falls into; constant outside."""
    x, xp, fp = asarray(x), asarray(xp), asarray(fp)
    if period is None:
        np.interp(np.empty(0, x.dtype) if x.ndim else concrete(x), np.empty(1, xp.dtype), np.empty(1, fp.dtype))  # NumPy's errors
    x, xp = cast(x, np.float64), cast(xp, np.float64)
    fp = cast(fp, np.complex128 if fp.dtype.kind == "c" else np.float64)
    if left is not None or right is not None:
        np.interp(0.0, [0.0], [0j if fp.dtype.kind == "c" else 0.0], *map(concrete, (left, right)))  # NumPy's errors
    if period is not None:
        if period == 0:
            raise ValueError("period must be a non-zero value")
        x, xp, left, right = x % abs(period), xp % abs(period), None, None
        order = np.argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - abs(period), xp, xp[:1] + abs(period)])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    np.interp(0.0, np.zeros(xp.shape), np.zeros(fp.shape))  # NumPy's errors
    last = len(xp) - 1
    place = np.clip(host(np.searchsorted, xp, x, "right") - 1, 0, max(last - 1, 0))
    y = take(fp, place)
    if last:
        slope = (fp[1:] - fp[:-1]) / (xp[1:] - xp[:-1])
        y = y + take(slope, place) * (x - take(xp, place))
    y = np.where(x < xp[0], fp[0] if left is None else left, y)
    y = np.where(x == xp[-1], fp[-1], y)
    y = np.where(x > xp[-1], fp[-1] if right is None else right, y)
    return np.where(np.isnan(x), x, y)


# --- polynomials -----------------------------------------------------------------------------------------------------


@lowering(np.vander)
def vander(x, N=None, increasing=False):
    x = asarray(x)
    np.vander(stand_in(x), N, increasing)  # NumPy's errors
    n = len(x) if N is None else N
    columns = [np.ones(x.shape, np.promote_types(x.dtype, int))][:n]
    while len(columns) < n:
        columns.append(columns[-1] * x)
    return np.stack(columns if increasing else columns[::-1], 1) if n else np.zeros((len(x), 0), np.promote_types(x.dtype, int))


@lowering(np.polymul)
def polymul(a1, a2):
    return np.convolve(*map(_coefficients, (a1, a2)))


def _coefficients(a):
    """Those of a polynomial from the first that is not zero on; at least one."""
    a = np.trim_zeros(np.atleast_1d(asarray(a)), "f")
    return a if len(a) else np.zeros(1, a.dtype)


for _function in (np.polyval, np.polyadd, np.polysub, np.polyder, np.polyint, np.polydiv, np.poly, np.polyfit, np.roots, np.i0):
    lowering(_function)(numpy_source(_function))
