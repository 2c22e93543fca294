"""Fourier transforms along one axis, computed by NumPy. Lengths are those of the operand: who wants another pads or cuts first.

`norm` is NumPy's: "backward", "ortho" or "forward". The matrix of a transform is symmetric, so fft and ifft are their own transposes; those
of rfft and irfft are each other, with the norm that has the same factor, up to the weight of the half of the spectrum that is not stored.
"""

from .table import OPS, REAL_OF, Type, linear

COMPLEX_OF = {"f32": "c64", "f64": "c128"}
SAME_FACTOR = {"backward": "forward", "ortho": "ortho", "forward": "backward"}  # of the transform in the other direction


def _own_transpose(name):
    return lambda ct, x, axis, norm: (OPS[name](ct, axis=axis, norm=norm),)


fft = linear(
    lambda np, x, axis, norm: np.fft.fft(x, axis=axis, norm=norm), _own_transpose("fft"),
    params=("axis", "norm"), result=lambda types, axis, norm: types[0],
    doc="The discrete Fourier transform of a complex array along an axis.")

ifft = linear(
    lambda np, x, axis, norm: np.fft.ifft(x, axis=axis, norm=norm), _own_transpose("ifft"),
    params=("axis", "norm"), result=lambda types, axis, norm: types[0],
    doc="The inverse discrete Fourier transform of a complex array along an axis.")


def _resized(shape, axis, n):
    return shape[:axis] + (n,) + shape[axis + 1:]


def _weighted(x, axis, n, weight):
    """x, half of a spectrum of length n, with the frequencies multiplied that stand for two: all but 0 and, for an even n, n / 2."""
    first, last = 1, (n - 1) // 2
    if last < first:
        return x
    idx = tuple((first, last - first + 1, 1) if k == axis else (0, m, 1) for k, m in enumerate(x.shape))
    return OPS["index_set"](x, OPS["index"](x, idx=idx) * weight, idx=idx)


def _rfft_transpose(ct, x, axis, norm):
    n = x.shape[axis]
    return (OPS["irfft"](_weighted(OPS["conjugate"](ct), axis, n, 0.5), n=n, axis=axis, norm=SAME_FACTOR[norm]),)


def _irfft_transpose(ct, x, n, axis, norm):
    return (_weighted(OPS["conjugate"](OPS["rfft"](ct, axis=axis, norm=SAME_FACTOR[norm])), axis, n, 2),)


def _rfft_type(types, axis, norm):
    dtype, shape = types[0]
    return Type(COMPLEX_OF[dtype], _resized(shape, axis, shape[axis] // 2 + 1))


rfft = linear(
    lambda np, x, axis, norm: np.fft.rfft(x, axis=axis, norm=norm), _rfft_transpose,
    params=("axis", "norm"), result=_rfft_type,
    doc="The discrete Fourier transform of a real array along an axis: frequencies 0 to n // 2.")

irfft = linear(
    lambda np, x, n, axis, norm: np.fft.irfft(x, n, axis=axis, norm=norm), _irfft_transpose,
    params=("n", "axis", "norm"),
    result=lambda types, n, axis, norm: Type(REAL_OF[types[0].dtype], _resized(types[0].shape, axis, n)),
    doc="The inverse of rfft: the real array of length n with these n // 2 + 1 frequencies. Imaginary parts of frequencies 0 and n / 2 "
        "are ignored.")
