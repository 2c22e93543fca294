"""scipy.signal for differentiated code: convolutions here, filters in `filtering.py`, spectra in `spectra.py`. All other names are SciPy's own."""

import numpy as np

from ..trace.lowerings.common import asarray, axes_of, static
from . import names_of
from .common import drop_in
from .filtering import (
    decimate,
    detrend,
    filtfilt,
    hilbert,
    lfilter,
    lfilter_zi,
    resample,
    resample_poly,
    savgol_filter,
    sosfilt,
    sosfilt_zi,
    sosfiltfilt,
    upfirdn,
)
from .spectra import coherence, csd, istft, periodogram, spectrogram, stft, welch

__all__ = ["coherence", "convolve", "convolve2d", "correlate", "correlate2d", "csd", "decimate", "detrend", "fftconvolve", "filtfilt",
           "hilbert", "istft", "lfilter", "lfilter_zi", "oaconvolve", "periodogram", "resample", "resample_poly", "savgol_filter", "sosfilt",
           "sosfilt_zi", "sosfiltfilt", "spectrogram", "stft", "upfirdn", "welch"]
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


@drop_in
def oaconvolve(in1, in2, mode="full", axes=None):
    return _convolved(in1, in2, mode, static(axes))


def _convolved_in_plane(in1, in2, mode, boundary, fillvalue, first):
    """The convolution of matrices; mode "same" begins at first(n) of the full one, for n elements of in2 along an axis."""
    a, b = asarray(in1), asarray(in2)
    if a.ndim != 2 or b.ndim != 2:
        raise ValueError("convolve2d inputs must both be 2-D arrays")
    if boundary not in ("fill", "pad", "wrap", "circular", "symm", "symmetric"):
        raise ValueError("Acceptable boundary flags are 'fill', 'circular' (or 'wrap'), and 'symmetric' (or 'symm').")
    way = {"w": "wrap", "c": "wrap", "s": "symmetric"}.get(boundary[0])
    if mode not in ("full", "same") or way is None and type(fillvalue) in (int, float) and fillvalue == 0:
        full = _convolved(a, b, "full" if mode == "same" else mode, None)
    else:
        widths = [(n - 1, n - 1) for n in b.shape]
        full = _convolved(np.pad(a, widths, way) if way else np.pad(a, widths, constant_values=fillvalue), b, "valid", None)
    return full if mode != "same" else full[tuple(slice(first(n), first(n) + m) for n, m in zip(b.shape, a.shape))]


@drop_in
def convolve2d(in1, in2, mode="full", boundary="fill", fillvalue=0):
    return _convolved_in_plane(in1, in2, mode, boundary, fillvalue, lambda n: (n - 1) // 2)


@drop_in
def correlate2d(in1, in2, mode="full", boundary="fill", fillvalue=0):
    return _convolved_in_plane(in1, np.conj(asarray(in2)[::-1, ::-1]), mode, boundary, fillvalue, lambda n: n // 2)
