"""scipy.fft on traced values, called on plain `scipy.fft`: SciPy's values, and derivatives."""

import numpy as np
import pytest
import scipy.fft as sf

import tapejit as tj

RNG = np.random.default_rng(5)
X = RNG.uniform(0.2, 1, (3, 4, 5))
Z = X + 1j * RNG.uniform(0.2, 1, X.shape)
CASES = {
    "fft": lambda z: sf.fft(z, 7, axis=1, norm="ortho"), "ifft": lambda z: sf.ifft(z), "rfft": lambda z: sf.rfft(z.real, 6),
    "irfft": lambda z: sf.irfft(z, workers=1),
    "hfft": lambda z: sf.hfft(z, norm="forward"), "ihfft": lambda z: sf.ihfft(z.imag, axis=0), "fft2": lambda z: sf.fft2(z),
    "ifft2": lambda z: sf.ifft2(z, (2, 6)),
    "rfft2": lambda z: sf.rfft2(z.real), "irfft2": lambda z: sf.irfft2(z, axes=(0, 1)), "fftn": lambda z: sf.fftn(z, (4, 4)),
    "ifftn": lambda z: sf.ifftn(z),
    "rfftn": lambda z: sf.rfftn(z.real, norm="ortho"), "irfftn": lambda z: sf.irfftn(z, (4, 7)),
    "hfftn": lambda z: sf.hfftn(z, norm="ortho"), "hfft2": lambda z: sf.hfft2(z),
    "ihfftn": lambda z: sf.ihfftn(z.real), "ihfft2": lambda z: sf.ihfft2(z.real, norm="forward"),
    "fftshift": lambda z: sf.ifftshift(sf.fftshift(z * z, 1)),
    "fftfreq": lambda z: z.real[0, 0, 0] * sf.fftfreq(5, z.real[1, 0, 0]) + sf.rfftfreq(9, 0.5)}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    function = CASES[name]
    found, expected = tj.jit(function)(Z), function(Z)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert tj.jit(function)(Z.astype(np.complex64)).dtype == function(Z.astype(np.complex64)).dtype
    tj.check_grads(function, (Z,), order=1)


def test_errors():
    with pytest.raises(ValueError):
        tj.jit(lambda z: sf.fftn(z, axes=(1, 1)))(Z)
    with pytest.raises(TypeError):
        tj.jit(lambda z: sf.rfft(z))(Z)
