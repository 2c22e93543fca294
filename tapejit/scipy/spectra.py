"""Spectra of scipy.signal: periodograms, Welch's averages, short-time Fourier transforms. Composed of windows (SciPy's) and Fourier transforms.

Read next: `filtering.py`, `signal.py`.
"""

import numpy as np

from ..trace.lowerings.common import asarray, holds_tracer, refuse, static
from .common import of_signal, scipys
from .filtering import detrend as detrended
from .filtering import extended, last


def _window(window, size, n, dtype=None):
    """(the window, its length) for data of length n; SciPy's own windows come in `dtype`."""
    if isinstance(window, (str, tuple)) and not holds_tracer(window):
        size = min(256 if size is None else int(static(size)), n)
        return scipys("scipy.signal", "get_window")(window, size).astype(dtype or np.float64), size
    window = asarray(window)
    if window.ndim != 1:
        raise ValueError("window must be 1-D")
    if size is not None and size != window.shape[0]:
        raise ValueError("value specified for nperseg is different from length of window")
    if window.shape[0] > n:
        raise ValueError("window is longer than input signal")
    return window, window.shape[0]


def _segments(x, window, step, nfft, detrend, onesided):
    """The Fourier transforms of the windowed pieces of x along its last axis, (..., piece, frequency)."""
    size = window.shape[0]
    places = np.arange(0, x.shape[-1] - size + 1, step)[:, None] + np.arange(size)
    pieces = x[..., places]
    if callable(detrend):
        pieces = detrend(pieces)
    elif detrend:
        pieces = detrended(pieces, -1, detrend)
    return (np.fft.rfft if onesided else np.fft.fft)(pieces * window, nfft)


def _spectra(x, y, fs, window, nperseg, noverlap, nfft, detrend, onesided, scaling, axis, mode="psd", boundary=None, padded=False):
    """(frequencies, times, the spectra with the frequency in place of `axis` and the time last)."""
    same, n_axes, axis = y is x, np.ndim(x), static(axis)
    if callable(detrend) and axis % max(n_axes, 1) != n_axes - 1:
        refuse(x, "scipy.signal: a function as detrend along another than the last axis is not covered in traced code: move the axis first")
    x = last(x, axis)
    y = x if same else last(y, axis)
    n = max(x.shape[-1], y.shape[-1])
    x, y = ([np.concatenate([part, np.zeros(part.shape[:-1] + (n - part.shape[-1],), part.dtype)], axis=-1) if part.shape[-1] < n else part
             for part in (x, y)])
    dtype = np.result_type(x.real.dtype, y.real.dtype)
    window, size = _window(window, nperseg, n, dtype)
    nfft = size if nfft is None else int(static(nfft))
    overlap = size // 2 if noverlap is None else int(static(noverlap))
    if nfft < size:
        raise ValueError("nfft must be greater than or equal to nperseg.")
    if overlap >= size:
        raise ValueError("noverlap must be less than nperseg.")
    step = size - overlap
    onesided = bool(onesided) and x.dtype.kind != "c" and y.dtype.kind != "c"
    if boundary is not None:
        x = y = extended(x, size // 2, boundary)
    if padded:
        more = (-(x.shape[-1] - size) % step) % size
        x = y = np.concatenate([x, np.zeros(x.shape[:-1] + (more,), x.dtype)], axis=-1)
    if scaling == "density":
        scale = 1 / (fs * np.sum(window * window))
    elif scaling == "spectrum":
        scale = 1 / np.square(np.sum(window))
    else:
        raise ValueError(f"Unknown scaling: {scaling!r}")
    found = _segments(x, window, step, nfft, detrend, onesided)
    if mode == "stft":
        found = found * np.sqrt(scale)
    else:
        found = np.square(found.real) + np.square(found.imag) if same else np.conj(found) * _segments(y, window, step, nfft, detrend, onesided)
        weight = np.ones(found.shape[-1], dtype)
        if onesided:
            weight[1:None if nfft % 2 else -1] = 2.0
        found = found * (scale * weight)
    times = np.arange(size / 2, x.shape[-1] - size / 2 + 1, step) / float(fs) - (0.0 if boundary is None else size / 2 / fs)
    frequencies = (np.fft.rfftfreq if onesided else np.fft.fftfreq)(nfft, 1 / fs)
    return frequencies, times, np.moveaxis(np.swapaxes(found, -1, -2), -2, axis - 1 if axis < 0 else axis)


@of_signal
def csd(x, y, fs=1.0, window="hann", nperseg=None, noverlap=None, nfft=None, detrend="constant", return_onesided=True,
        scaling="density", axis=-1, average="mean"):
    frequencies, _, found = _spectra(x, y, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, axis)
    if average == "mean":
        return frequencies, np.mean(found, axis=-1)
    if average != "median":
        raise ValueError(f"average must be 'median' or 'mean', got {average}")
    if found.shape[-1] == 1:
        return frequencies, found[..., 0]
    even = 2 * np.arange(1.0, (found.shape[-1] - 1) // 2 + 1)
    bias = 1 + np.sum(1 / (even + 1) - 1 / even)
    median = np.median(found, axis=-1) if found.dtype.kind != "c" else np.median(found.real, axis=-1) + 1j * np.median(found.imag, axis=-1)
    return frequencies, median / bias


@of_signal
def welch(x, fs=1.0, window="hann", nperseg=None, noverlap=None, nfft=None, detrend="constant", return_onesided=True,
          scaling="density", axis=-1, average="mean"):
    return csd(x, x, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, axis, average)


@of_signal
def periodogram(x, fs=1.0, window="boxcar", nfft=None, detrend="constant", return_onesided=True, scaling="density", axis=-1):
    n = np.shape(x)[static(axis)]
    if nfft is not None and nfft < n:
        x = np.moveaxis(last(x, axis)[..., :nfft], -1, static(axis))
        n, nfft = nfft, None
    return welch(x, fs, "boxcar" if window is None else window, n, 0, nfft, detrend, return_onesided, scaling, axis)


@of_signal
def coherence(x, y, fs=1.0, window="hann", nperseg=None, noverlap=None, nfft=None, detrend="constant", axis=-1):
    options = {"fs": fs, "window": window, "nperseg": nperseg, "noverlap": noverlap, "nfft": nfft, "detrend": detrend, "axis": axis}
    frequencies, both = csd(x, y, **options)
    return frequencies, np.square(np.abs(both)) / welch(x, **options)[1] / welch(y, **options)[1]


@of_signal
def spectrogram(x, fs=1.0, window=("tukey", 0.25), nperseg=None, noverlap=None, nfft=None, detrend="constant", return_onesided=True,
                scaling="density", axis=-1, mode="psd"):
    if mode not in ("psd", "complex", "magnitude", "angle", "phase"):
        raise ValueError(f"unknown value for mode {mode}, must be one of ['psd', 'complex', 'magnitude', 'angle', 'phase']")
    x = last(x, axis)
    window, size = _window(window, nperseg, x.shape[-1], x.real.dtype)
    x = np.moveaxis(x, -1, static(axis))
    frequencies, times, found = _spectra(x, x, fs, window, size, size // 8 if noverlap is None else noverlap, nfft, detrend,
                                         return_onesided, scaling, axis, "psd" if mode == "psd" else "stft")
    if mode == "magnitude":
        found = np.abs(found)
    elif mode in ("angle", "phase"):
        found = np.angle(found)
    return frequencies, times, np.unwrap(found, axis=axis - 1 if axis < 0 else axis) if mode == "phase" else found


@of_signal
def stft(x, fs=1.0, window="hann", nperseg=256, noverlap=None, nfft=None, detrend=False, return_onesided=True, boundary="zeros",
         padded=True, axis=-1, scaling="spectrum"):
    if scaling not in ("psd", "spectrum"):
        raise ValueError(f"Parameter {scaling=} not in ['spectrum', 'psd']!")
    return _spectra(x, x, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, "density" if scaling == "psd" else scaling, axis,
                    "stft", boundary, padded)


@of_signal
def istft(Zxx, fs=1.0, window="hann", nperseg=None, noverlap=None, nfft=None, input_onesided=True, boundary=True, time_axis=-1,
          freq_axis=-2, scaling="spectrum"):
    z = asarray(Zxx)
    if z.ndim < 2:
        raise ValueError("Input stft must be at least 2d!")
    if time_axis % z.ndim == freq_axis % z.ndim:
        raise ValueError("Must specify differing time and frequency axes!")
    z = np.moveaxis(z, (static(time_axis), static(freq_axis)), (-2, -1))
    count, default = z.shape[-2], 2 * (z.shape[-1] - 1) if input_onesided else z.shape[-1]
    size = default if nperseg is None else int(static(nperseg))
    nfft = (size if input_onesided and size == default + 1 else default) if nfft is None else int(static(nfft))
    if nfft < size:
        raise ValueError("nfft must be greater than or equal to nperseg.")
    step = size - (size // 2 if noverlap is None else int(static(noverlap)))
    z = z if z.dtype.kind == "c" else z + 0j
    window, _ = _window(window, size, size, z.real.dtype)
    pieces = (np.fft.irfft if input_onesided else np.fft.ifft)(z, nfft)[..., :size]
    scale = np.sum(window) if scaling == "spectrum" else np.sqrt(fs * np.sum(window**2))
    pieces = pieces * (window * scale)
    n = size + (count - 1) * step
    total, norm = 0.0, 0.0
    for k in range(count):
        before, after = k * step, n - size - k * step
        total = total + np.pad(pieces[..., k, :], [(0, 0)] * (pieces.ndim - 2) + [(before, after)])
        norm = norm + np.pad(window**2, (before, after))
    if boundary:
        total, norm = total[..., size // 2:n - size // 2], norm[size // 2:n - size // 2]
    found = total / np.where(norm > 1e-10, norm, 1.0)
    times = np.arange(found.shape[0]) / float(fs)
    return times, found if z.ndim == 2 else np.moveaxis(found, -1, time_axis if time_axis < 0 else time_axis - (freq_axis % z.ndim < time_axis))
