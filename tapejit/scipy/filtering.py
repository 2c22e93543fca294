"""Filters of scipy.signal along an axis: recursive and finite ones, forwards and backwards, resampling, trends, the analytic signal.

A recursive filter is the solution of a banded triangular system, whose derivative is known; the others are composed of it, of Fourier
transforms and of products with matrices of SciPy's. Read next: `linalg.py` (solve_banded), `signal.py`.
"""

import math

import numpy as np

from ..trace.lowerings.common import asarray, cast, concrete, refuse, static
from . import linalg
from .common import of_signal, scipys


def _signal(name, *args, **keywords):
    """What SciPy's function of this name gives for numbers."""
    return scipys("scipy.signal", name)(*args, **keywords)


def last(x, axis):
    """`x` in floating numbers, with an axis moved to the end."""
    x = asarray(x)
    return np.moveaxis(x if x.dtype.kind in "fc" else cast(x, np.float64), static(axis), -1)


# --- recursive filters -----------------------------------------------------------------------------------------------


def _delayed(x, taps, first, length):
    """The sum of taps[k] * x[n - k], k from `first`, for n below `length`, along the first axis."""
    total = np.zeros((length,) + x.shape[1:], x.dtype)
    for k in range(first, taps.shape[0]):
        width = min(x.shape[0], length - k)
        if width > 0:
            parts = [np.zeros((k,) + x.shape[1:], x.dtype), taps[k] * x[:width], np.zeros((length - k - width,) + x.shape[1:], x.dtype)]
            total = total + np.concatenate(parts)
    return total


@of_signal
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
        driven = driven + np.concatenate([np.reshape(state, (order, -1)), np.zeros((n, columns.shape[1]), state.dtype)])
    y = driven[:n]
    if a.shape[0] > 1 and n:
        y = linalg.solve_banded((a.shape[0] - 1, 0), np.broadcast_to(a[:, None], (a.shape[0], n)), y)
    result = np.moveaxis(np.reshape(y, x.shape), 0, static(axis))
    if zi is None:
        return result
    rest = driven[n:] - _delayed(y, a, 1, n + order)[n:]
    return result, np.moveaxis(np.reshape(rest, (order,) + x.shape[1:]), 0, static(axis))


@of_signal
def lfilter_zi(b, a):
    a, b = np.atleast_1d(asarray(a)), np.atleast_1d(asarray(b))
    n = max(a.shape[0], b.shape[0])
    a, b = (np.concatenate([part, np.zeros(n - part.shape[0], part.dtype)]) / a[0] for part in (a, b))
    if n < 2:
        return np.zeros(0)
    first = np.concatenate([a[1:, None], np.zeros((n - 1, n - 2), a.dtype)], axis=1)
    one, above = np.eye(n - 1, dtype=a.dtype), np.eye(n - 1, k=1, dtype=a.dtype)
    return np.linalg.solve(one - above + first, b[1:] - a[1:] * b[0])  # 1 - the companion matrix, transposed


def _sections(sos):
    sos = asarray(sos)
    if sos.ndim != 2 or sos.shape[1] != 6:
        raise ValueError("sos array must be shape (n_sections, 6)")
    if not bool(np.all(concrete(sos)[:, 3] == 1)):
        raise ValueError("sos[:, 3] should be all ones")
    return sos


@of_signal
def sosfilt(sos, x, axis=-1, zi=None):
    sos, states = _sections(sos), []
    for k in range(sos.shape[0]):
        if zi is None:
            x = lfilter(sos[k, :3], sos[k, 3:], x, axis)
        else:
            x, state = lfilter(sos[k, :3], sos[k, 3:], x, axis, zi[k])
            states.append(state)
    return x if zi is None else (x, np.stack([asarray(state) for state in states]))


@of_signal
def sosfilt_zi(sos):
    sos, found, scale = _sections(sos), [], 1.0
    for k in range(sos.shape[0]):
        b, a = sos[k, :3], sos[k, 3:]
        found.append(scale * lfilter_zi(b, a))
        scale = scale * (np.sum(b) / np.sum(a))
    return np.stack(found)


def extended(x, n, kind):
    """`x` continued along the last axis by n elements to both sides."""
    if kind is None or n < 1:
        return x
    if kind == "constant":
        return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(n, n)], "edge")
    if kind == "zeros":
        return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(n, n)])
    if n > x.shape[-1] - 1:
        raise ValueError(f"The extension length n ({n}) is too big. It must not exceed x.shape[axis]-1, which is {x.shape[-1] - 1}.")
    left, right = x[..., n:0:-1], x[..., -2:-(n + 2):-1]
    if kind == "odd":
        left, right = 2 * x[..., :1] - left, 2 * x[..., -1:] - right
    return np.concatenate([left, x, right], axis=-1)


def _both_ways(x, axis, padtype, padlen, taps, run):
    """`x` filtered forwards and backwards; run(x, x0) filters along the last axis from the steady state of x0."""
    if padtype not in ("even", "odd", "constant", None):
        raise ValueError(f"Unknown value {padtype!r} given to padtype. padtype must be 'even', 'odd', 'constant', or None.")
    x = last(x, axis)
    edge = 0 if padtype is None else 3 * taps if padlen is None else int(static(padlen))
    if x.shape[-1] <= edge:
        raise ValueError(f"The length of the input vector x must be greater than padlen, which is {edge}.")
    y = extended(x, edge, padtype)
    for _ in range(2):
        y = run(y, y[..., :1])[..., ::-1]
    return np.moveaxis(y[..., edge:y.shape[-1] - edge], -1, static(axis))


@of_signal
def filtfilt(b, a, x, axis=-1, padtype="odd", padlen=None, method="pad", irlen=None):
    if method != "pad":
        refuse(x, f"scipy.signal.filtfilt with method={method!r} is not covered in traced code: use method='pad'")
    a, b = np.atleast_1d(asarray(a)), np.atleast_1d(asarray(b))
    zi = lfilter_zi(b, a)
    return _both_ways(x, axis, padtype, padlen, max(a.shape[0], b.shape[0]), lambda x, x0: lfilter(b, a, x, -1, zi * x0)[0])


@of_signal
def sosfiltfilt(sos, x, axis=-1, padtype="odd", padlen=None):
    sos = _sections(sos)
    zi, numbers = sosfilt_zi(sos), concrete(sos)
    taps = 2 * sos.shape[0] + 1 - min(int((numbers[:, 2] == 0).sum()), int((numbers[:, 5] == 0).sum()))
    return _both_ways(x, axis, padtype, padlen, taps, lambda x, x0: sosfilt(sos, x, -1, [state * x0 for state in zi])[0])


# --- resampling ------------------------------------------------------------------------------------------------------


@of_signal
def upfirdn(h, x, up=1, down=1, axis=-1, mode="constant", cval=0):
    if mode != "constant" or cval != 0:
        refuse(x, f"scipy.signal.upfirdn with mode={mode!r} and cval={cval!r} is not covered in traced code: use mode='constant' with cval=0")
    h, x, up, down = asarray(h), last(x, axis), int(static(up)), int(static(down))
    n = (x.shape[-1] - 1) * up + 1
    if up > 1:
        x = np.concatenate([x[..., None], np.zeros(x.shape + (up - 1,), x.dtype)], axis=-1).reshape(x.shape[:-1] + (-1,))[..., :n]
    rows = x.reshape(-1, n)
    full = np.stack([np.convolve(row, h) for row in rows]).reshape(x.shape[:-1] + (-1,))
    return np.moveaxis(full[..., ::down], -1, static(axis))


@of_signal
def resample_poly(x, up, down, axis=0, window=("kaiser", 5.0), padtype="constant", cval=None):
    if padtype != "constant" or cval:
        refuse(x, f"scipy.signal.resample_poly with padtype={padtype!r} and cval={cval!r} is not covered in traced code: take the background away "
                  "before, and use padtype='constant'")
    x, up, down = last(x, axis), int(static(up)), int(static(down))
    up, down = up // math.gcd(up, down), down // math.gcd(up, down)
    if up == down:
        return np.moveaxis(x.copy(), -1, static(axis))
    if isinstance(window, (str, tuple)):
        half = 10 * max(up, down)
        h = _signal("firwin", 2 * half + 1, 1 / max(up, down), window=window).astype(x.dtype)
    else:
        h = asarray(window)
        half = (h.shape[0] - 1) // 2
    n_out = -(-x.shape[-1] * up // down)
    before = down - half % down
    first = (half + before) // down
    h = np.concatenate([np.zeros(before, h.dtype), up * h])
    missing = (first + n_out - 1) * down + 1 - ((x.shape[-1] - 1) * up + h.shape[0])
    y = upfirdn(np.concatenate([h, np.zeros(max(0, missing), h.dtype)]), x, up, down)
    return np.moveaxis(y[..., first:first + n_out], -1, static(axis))


@of_signal
def decimate(x, q, n=None, ftype="iir", axis=-1, zero_phase=True):
    x, q = last(x, axis), int(static(q))
    if ftype == "iir":
        sos = _signal("cheby1", 8 if n is None else n, 0.05, 0.8 / q, output="sos").astype(x.dtype)
        y = (sosfiltfilt if zero_phase else sosfilt)(sos, x)[..., ::q]
    elif ftype == "fir":
        b = _signal("firwin", (20 * q if n is None else n) + 1, 1 / q, window="hamming").astype(x.dtype)
        y = resample_poly(x, 1, q, -1, b) if zero_phase else upfirdn(b, x, 1, q)[..., :-(-x.shape[-1] // q)]
    else:
        refuse(x, f"scipy.signal.decimate with ftype={ftype!r} is not covered in traced code: use 'iir' or 'fir', or filtfilt and a slice")
    return np.moveaxis(y, -1, static(axis))


@of_signal
def resample(x, num, t=None, axis=0, window=None, domain="time"):
    if window is not None or domain != "time" or t is not None:
        refuse(x, "scipy.signal.resample with t, window or domain='freq' is not covered in traced code: leave them away")
    x, num = last(x, axis), int(static(num))
    n, low = x.shape[-1], min(num, x.shape[-1])
    middle = 1.0 if num == n or low % 2 else 2.0 if num < n else 0.5
    if x.dtype.kind == "c":
        spectrum, half = np.fft.fft(x), (low + 1) // 2
        parts = [spectrum[..., :half], np.zeros(x.shape[:-1] + (num - low,), x.dtype), spectrum[..., n - low // 2:]]
        if low % 2 == 0 and num != n:
            end = spectrum[..., n - half:n - half + 1]
            both = end + spectrum[..., half:half + 1] if num < n else 0.5 * end
            parts = [parts[0], *([both] if num < n else [both, parts[1][..., 1:], both]), parts[2][..., 1:]]
        return np.moveaxis(np.fft.ifft(np.concatenate(parts, axis=-1)) * (num / n), -1, static(axis))
    spectrum = np.fft.rfft(x)[..., :low // 2 + 1]
    scale = np.ones(low // 2 + 1, x.dtype)
    scale[low // 2] = middle if low % 2 == 0 else 1.0
    return np.moveaxis(np.fft.irfft(spectrum * (scale * (num / n)), num), -1, static(axis))


# --- trends, smoothing, the analytic signal --------------------------------------------------------------------------


@of_signal
def detrend(data, axis=-1, type="linear", bp=0, overwrite_data=False):
    if type not in ("linear", "l", "constant", "c"):
        raise ValueError("Trend type must be 'linear' or 'constant'.")
    x = last(data, axis)
    if type in ("constant", "c"):
        return np.moveaxis(x - np.mean(x, axis=-1, keepdims=True), -1, static(axis))
    n = x.shape[-1]
    breaks = np.unique(np.concatenate([[0, n], np.atleast_1d(static(bp))])).astype(int)
    if np.any(breaks > n):
        raise ValueError("Breakpoints must be less than length of data along given axis.")
    parts = []
    for start, stop in zip(breaks[:-1], breaks[1:]):
        line, _ = np.linalg.qr(np.stack([np.arange(1, stop - start + 1) / (stop - start), np.ones(stop - start)], axis=1).astype(x.dtype))
        piece = x[..., start:stop]
        parts.append(piece - (piece @ line) @ line.T)
    return np.moveaxis(np.concatenate(parts, axis=-1), -1, static(axis))


@of_signal
def savgol_filter(x, window_length, polyorder, deriv=0, delta=1.0, axis=-1, mode="interp", cval=0.0):
    from . import ndimage

    if mode not in ("mirror", "constant", "nearest", "interp", "wrap"):
        raise ValueError("mode must be 'mirror', 'constant', 'nearest' 'wrap' or 'interp'.")
    x, size = last(x, axis), int(static(window_length))
    weights = _signal("savgol_coeffs", size, polyorder, deriv=deriv, delta=delta).astype(x.dtype)
    y = ndimage.convolve1d(x, weights, -1, mode="constant" if mode == "interp" else mode, cval=cval)
    if mode == "interp":
        if size > x.shape[-1]:
            raise ValueError("If mode is 'interp', window_length must be less than or equal to the size of x.")
        fit, half = _signal("savgol_filter", np.eye(size), size, polyorder, deriv, delta, axis=0).astype(x.dtype), size // 2
        n = x.shape[-1]
        y = np.concatenate([x[..., :size] @ fit[:half].T, y[..., half:n - half], x[..., n - size:] @ fit[size - half:].T], axis=-1)
    return np.moveaxis(y, -1, static(axis))


@of_signal
def hilbert(x, N=None, axis=-1):
    x = last(x, axis)
    if x.dtype.kind == "c":
        raise ValueError("x must be real.")
    n = x.shape[-1] if N is None else int(static(N))
    if n <= 0:
        raise ValueError("N must be positive.")
    weight = np.zeros(n, x.dtype)
    weight[0] = 1.0
    weight[1:(n + 1) // 2] = 2.0
    if n % 2 == 0:
        weight[n // 2] = 1.0
    return np.moveaxis(np.fft.ifft(np.fft.fft(x, n) * weight), -1, static(axis))
