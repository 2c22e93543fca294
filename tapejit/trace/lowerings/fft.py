"""numpy.fft. The one-dimensional transforms are rows of the op table after padding or cutting.

The others are NumPy's own code over them."""

import numpy as np

from ...ops import OPS
from ..tracer import LOWERINGS, lowering
from .common import asarray, axes_of, cast, deliver, static
from .numpy_source import copy_of, numpy_source


def _resized(a, n, axis):
    """`a` cut, or padded with zeros, to length n along an axis."""
    length = a.shape[axis]
    if n < length:
        return a[(slice(None),) * axis + (slice(n),)]
    if n == length:
        return a
    return np.concatenate([a, np.zeros(a.shape[:axis] + (n - length,) + a.shape[axis + 1:], a.dtype)], axis)


def _arguments(a, n, axis, norm, default):
    """(n, axis, norm) as the rows take them; NumPy's errors."""
    n, axis = static(n), static(axis)
    if n is None:
        n = default(a.shape[axis])
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified.")
    norm = "backward" if norm is None else norm
    np.fft.fft(np.ones(1), norm=norm)
    return n, axes_of(axis, a.ndim)[0], norm


def _transform(name, default, enter, leave, length):
    """A lowering of numpy.fft's function of this name. enter, leave: the dtypes of the row's operand and of the result, for a dtype of `a`;
    length(n): of the operand, for a transform of length n."""
    def lowered(a, n=None, axis=-1, norm=None, out=None):
        a = asarray(a)
        n, axis, norm = _arguments(a, n, axis, norm, default)
        if name == "rfft" and a.dtype.kind == "c":
            np.fft.rfft(np.ones(1, a.dtype))  # NumPy's error
        x = _resized(cast(a, enter(a.dtype)), length(n), axis)
        more = {"n": n} if name == "irfft" else {}
        return deliver(cast(OPS[name](x, axis=axis, norm=norm, **more), leave(a.dtype)), out)
    lowering(getattr(np.fft, name))(lowered)


def _complex(dtype):
    return np.result_type(dtype, 1j)


def _real(dtype):
    return np.finfo(np.result_type(dtype, 1.0)).dtype


def _real_of_row(dtype):
    return np.result_type(_real(dtype), np.float32)


_transform("fft", lambda m: m, _complex, _complex, lambda n: n)
_transform("ifft", lambda m: m, _complex, _complex, lambda n: n)
_transform("rfft", lambda m: m, _real_of_row, _complex, lambda n: n)
_transform("irfft", lambda m: (m - 1) * 2, _complex, _real, lambda n: n // 2 + 1)

for _name in "hfft ihfft fft2 ifft2 fftn ifftn rfft2 irfft2 rfftn irfftn fftshift ifftshift".split():
    lowering(getattr(np.fft, _name))(numpy_source(getattr(np.fft, _name)))
for _name in ("fftfreq", "rfftfreq"):
    LOWERINGS[getattr(np.fft, _name)] = copy_of(getattr(np.fft, _name))
