"""scipy.signal for differentiated code: convolve, fftconvolve, correlate and lfilter.

A recursive filter is the solution of a banded triangular system, whose derivative is known. All other names are SciPy's own.
Read next: `linalg.py` (solve_banded).
"""

import numpy as np

from ..trace.lowerings.common import asarray, axes_of, static
from . import linalg, names_of
from .common import drop_in

__all__ = ["convolve", "correlate", "fftconvolve", "lfilter"]
__getattr__, __dir__ = names_of(__name__)


def _by_fft(a, b, shape, axes):
    if "c" in (a.dtype.kind, b.dtype.kind):
        return np.fft.ifftn(np.fft.fftn(a, shape, axes) * np.fft.fftn(b, shape, axes), shape, axes)
    return np.fft.irfftn(np.fft.rfftn(a, shape, axes) * np.fft.rfftn(b, shape, axes), shape, axes)


def _convolved(in1, in2, mode, axes, direct=False):
    a, b = asarray(in1), asarray(in2)
    if mode not in ("full", "same", "valid"):
        raise ValueError("acceptable mode flags are 'valid', 'same', or 'full'")
    if a.ndim != b.ndim:
        raise ValueError("in1 and in2 should have the same dimensionality")
    if a.ndim == 0:
        return a * b
    axes = axes_of(axes, a.ndim)
    if any(n != m and 1 not in (n, m) for k, (n, m) in enumerate(zip(a.shape, b.shape)) if k not in axes):
        raise ValueError(f"incompatible shapes for in1 and in2: {a.shape} and {b.shape}")
    if 0 in a.shape or 0 in b.shape:
        return np.array([])
    full = tuple(a.shape[k] + b.shape[k] - 1 for k in axes)
    result = np.convolve(a, b) if direct and a.ndim == 1 else _by_fft(a, b, full, axes)
    if mode == "valid" and not (all(a.shape[k] >= b.shape[k] for k in axes) or all(a.shape[k] <= b.shape[k] for k in axes)):
        raise ValueError("For 'valid' mode, one must be at least as large as the other in every dimension")
    places = [slice(None)] * result.ndim
    for k, n in zip(axes, full):
        size = {"full": n, "same": a.shape[k], "valid": abs(a.shape[k] - b.shape[k]) + 1}[mode]
        places[k] = slice((n - size) // 2, (n - size) // 2 + size)
    return result[tuple(places)]


@drop_in
def convolve(in1, in2, mode="full", method="auto"):
    return _convolved(in1, in2, mode, None, direct=method != "fft")


@drop_in
def fftconvolve(in1, in2, mode="full", axes=None):
    return _convolved(in1, in2, mode, static(axes))


@drop_in
def correlate(in1, in2, mode="full", method="auto"):
    in2 = asarray(in2)
    return _convolved(in1, np.conj(in2[(slice(None, None, -1),) * in2.ndim]), mode, None, direct=method != "fft")


def _delayed(x, taps, first, length):
    """The sum of taps[k] * x[n - k], k from `first`, for n below `length`, along the first axis."""
    total = np.zeros((length,) + x.shape[1:])
    for k in range(first, taps.shape[0]):
        width = min(x.shape[0], length - k)
        if width > 0:
            parts = [np.zeros((k,) + x.shape[1:]), taps[k] * x[:width], np.zeros((length - k - width,) + x.shape[1:])]
            total = total + np.concatenate(parts)
    return total


@drop_in
def lfilter(b, a, x, axis=-1, zi=None):
    a, b = np.atleast_1d(asarray(a)), np.atleast_1d(asarray(b))
    if bool(a[0] == 0):
        raise ValueError("The first coefficient of a must not be 0.")
    b, a = b / a[0], a / a[0]
    x = np.moveaxis(asarray(x), static(axis), 0)
    n, order = x.shape[0], max(a.shape[0], b.shape[0]) - 1
    columns = np.reshape(x, (n, -1))
    driven = _delayed(columns, b, 0, n + order)
    if zi is not None:
        state = np.broadcast_to(np.moveaxis(asarray(zi), static(axis), 0), (order,) + x.shape[1:])
        driven = driven + np.concatenate([np.reshape(state, (order, -1)), np.zeros((n, columns.shape[1]))])
    y = driven[:n]
    if a.shape[0] > 1 and n:
        y = linalg.solve_banded((a.shape[0] - 1, 0), a[:, None] * np.ones(n), y)
    result = np.moveaxis(np.reshape(y, x.shape), 0, static(axis))
    if zi is None:
        return result
    rest = driven[n:] - _delayed(y, a, 1, n + order)[n:]
    return result, np.moveaxis(np.reshape(rest, (order,) + x.shape[1:]), 0, static(axis))
