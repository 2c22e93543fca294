"""scipy.fft for differentiated code: the Fourier transforms, which are numpy.fft's with another signature.

All other names are SciPy's own."""

import numpy as np

from ..trace.lowerings.common import asarray, static
from . import names_of
from .common import drop_in

__all__ = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft", "fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn", "hfft2",
           "ihfft2", "hfftn", "ihfftn", "fftshift", "ifftshift", "fftfreq", "rfftfreq"]
__getattr__, __dir__ = names_of(__name__)

SWAPPED = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _wide(x):
    """`x` as an array; float16 computes in float32."""
    x = asarray(x)
    return x.astype(np.float32) if x.dtype == np.float16 else x


def _named(function, name):
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"scipy.fft.{name}; overwrite_x, workers and plan change nothing."
    return drop_in(function)


def _along_axis(name):
    def transform(x, n=None, axis=-1, norm=None, overwrite_x=False, workers=None, *, plan=None):
        return getattr(np.fft, name)(_wide(x), n, axis, norm)
    return _named(transform, name)


def _over_axes(name, default):
    """The transform over several axes: those of `axes`, or the last ones, or all."""
    compute = HERMITIAN.get(name) or getattr(np.fft, name)

    def transform(x, s=None, axes=default, norm=None, overwrite_x=False, workers=None, *, plan=None):
        x, s, axes = _wide(x), static(s), static(axes)
        if axes is None and s is not None:
            axes = tuple(range(-len(s), 0))
        if axes is not None and len({axis % x.ndim for axis in axes}) < len(axes):
            raise ValueError("all axes must be unique")
        return compute(x, s, axes, norm)
    return _named(transform, name)


def _hermitian(x, s, axes, norm):
    return np.fft.irfftn(np.conj(x), s, axes, SWAPPED.get(norm, norm))


def _inverse_hermitian(x, s, axes, norm):
    return np.conj(np.fft.rfftn(x, s, axes, SWAPPED.get(norm, norm)))


HERMITIAN = {"hfftn": _hermitian, "hfft2": _hermitian, "ihfftn": _inverse_hermitian, "ihfft2": _inverse_hermitian}

fft, ifft, rfft, irfft, hfft, ihfft = map(_along_axis, ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"))
fft2, ifft2, rfft2, irfft2, hfft2, ihfft2 = (_over_axes(name, (-2, -1)) for name in ("fft2", "ifft2", "rfft2", "irfft2", "hfft2", "ihfft2"))
fftn, ifftn, rfftn, irfftn, hfftn, ihfftn = (_over_axes(name, None) for name in ("fftn", "ifftn", "rfftn", "irfftn", "hfftn", "ihfftn"))


@drop_in
def fftshift(x, axes=None):
    return np.fft.fftshift(x, axes)


@drop_in
def ifftshift(x, axes=None):
    return np.fft.ifftshift(x, axes)


@drop_in
def fftfreq(n, d=1.0, *, xp=None, device=None):
    return np.fft.fftfreq(n, d)


@drop_in
def rfftfreq(n, d=1.0, *, xp=None, device=None):
    return np.fft.rfftfreq(n, d)
