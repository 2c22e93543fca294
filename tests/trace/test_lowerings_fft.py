"""numpy.fft on traced values: NumPy's values, and derivatives held against the transform's matrix.

Every transform is linear over the real numbers, so its exact derivative in any direction is the transform of the direction, and its
gradient follows from the images of the unit vectors, real and imaginary.
"""

import warnings

import numpy as np
import pytest

import tapejit as tj
from tapejit.trace.lowerings import covered

from .test_lowerings import assert_same

fft = np.fft

CASES = """
fft.fft(z); fft.fft(a); fft.fft(z, 5); fft.fft(z, 9); fft.fft(a, 4); fft.fft(m, axis=0); fft.fft(m, 3, 0, 'ortho')
fft.fft(m, norm='forward'); fft.fft(n, axis=1); fft.fft(z, 1); fft.ifft(z); fft.ifft(a); fft.ifft(z, 9, norm='ortho')
fft.ifft(m, 2, axis=0); fft.ifft(n, axis=-2, norm='forward'); fft.rfft(a); fft.rfft(a, 6); fft.rfft(a, 9); fft.rfft(a, 12, norm='ortho')
fft.rfft(r, axis=0); fft.rfft(r, 5, 1, 'forward'); fft.rfft(a, 1); fft.rfft(a, 2); fft.irfft(z); fft.irfft(z, 9); fft.irfft(z, 4)
fft.irfft(z, 5, norm='ortho'); fft.irfft(m, axis=0); fft.irfft(m, 7, -1, 'forward'); fft.irfft(z, 1); fft.irfft(a); fft.hfft(z)
fft.hfft(z, 9); fft.hfft(m, 5, 0, 'ortho'); fft.ihfft(a); fft.ihfft(a, 6); fft.ihfft(r, 9, axis=0, norm='forward'); fft.fft2(m)
fft.fft2(n, s=(3, 2)); fft.fft2(r, norm='ortho'); fft.ifft2(n); fft.ifft2(m, (5, 2), (1, 0)); fft.fftn(n); fft.fftn(n, axes=(0, 2))
fft.fftn(n, (2, 5), (0, -1), 'ortho'); fft.fftn(n, (2, -1), (0, 1)); fft.ifftn(n, axes=(1,)); fft.ifftn(n, norm='forward')
fft.fftn(n, axes=(0, 0)); fft.rfft2(r); fft.rfft2(r, (5, 5), norm='ortho'); fft.irfft2(m); fft.irfft2(m, (3, 5)); fft.rfftn(q)
fft.rfftn(q, axes=(0, 2)); fft.rfftn(q, (2, 3), (0, 1), 'forward'); fft.irfftn(n); fft.irfftn(n, (3, 3), (0, 1), 'ortho')
fft.irfftn(n, axes=(2, 0)); fft.fftshift(z); fft.fftshift(n, axes=1); fft.fftshift(n, (0, 2)); fft.ifftshift(z); fft.ifftshift(m)
fft.ifftshift(n, axes=(1,)); fft.ifft(fft.fft(z) * fft.fft(a)); fft.irfft(fft.rfft(a) * 2j, len(a)).real
fft.fft(z, out=np.zeros_like(z)); fft.rfft(a, out=np.zeros_like(z[:4])); fft.fftn(m, out=np.zeros_like(m))
fft.irfft(z[:4], 7, out=np.zeros(7)); fft.ihfft(a, out=np.zeros_like(z[:4])); fft.fft([a[0], z[1], 2.0])
fft.fftshift(fft.fftfreq(5, a[0])); a[0] * fft.rfftfreq(6, 0.5)
""".strip().replace("\n", "; ").split("; ")


def arguments(dtype=np.float64):
    rng = np.random.default_rng(3)

    def draw(*shape, unit=0):
        return (rng.uniform(0.2, 1, shape) + unit * rng.uniform(0.2, 1, shape)).astype(np.result_type(dtype,
            np.complex64) if unit else dtype)

    return {"a": draw(7), "r": draw(3, 4), "q": draw(2, 3, 4), "z": draw(7, unit=1j), "m": draw(4, 3, unit=1j), "n": draw(2, 3, 4, unit=1j)}


def function_of(case):
    """(the expression as a function, names of its arguments)."""
    code = compile(case, f"<{case}>", "eval")
    names = [name for name in dict.fromkeys(code.co_names) if name in arguments()]
    text = f"lambda {', '.join(names)}: {case}"
    return eval(compile(text, f"<{case}>", "eval"), {"np": np, "fft": fft}), names


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_value(case, dtype):
    """The value, computed by a trace and again by the kept one, is NumPy's, in NumPy's dtype."""
    function, names = function_of(case)
    values = [arguments(dtype)[name] for name in names]
    jitted = tj.jit(function)
    for _ in range(2):
        assert_same([jitted(*values)], [function(*values)], case)
        values = [v * v for v in values]


def basis(x):
    """All unit vectors of x's shape; of a complex x also the imaginary ones."""
    for unit in (1, 1j) if np.iscomplexobj(x) else (1,):
        for k in range(x.size):
            e = np.zeros(x.size, x.dtype)
            e[k] = unit
            yield e.reshape(x.shape)


@pytest.mark.parametrize("case", [case for case in CASES if "* fft.fft(a)" not in case and "fftfreq(5" not in case])
def test_derivative(case, rng):
    """Forward mode is the transform itself; reverse mode is du/dx - i du/dy of u = Re(sum of w * result)."""
    function, names = function_of(case)
    values = [arguments()[name] for name in names]
    if names == ["a", "z"]:  # (a[0], z[1] and a constant)
        tj.check_grads(function, values)
        return
    (x,) = values
    dot = rng.standard_normal(x.shape) + (1j * rng.standard_normal(x.shape) if np.iscomplexobj(x) else 0)
    y, tangent = tj.jvp(function, (x,), (dot,))
    np.testing.assert_allclose(tangent, function(dot), rtol=1e-12, atol=1e-13)
    w = rng.standard_normal(y.shape) + (1j * rng.standard_normal(y.shape) if np.iscomplexobj(y) else 0)
    by_unit = np.array([np.sum(w * function(e)).real for e in basis(x)])
    expected = by_unit[:x.size] - 1j * by_unit[x.size:] if np.iscomplexobj(x) else by_unit
    (found,) = tj.vjp(function, x)[1](w)
    assert found.dtype == x.dtype
    np.testing.assert_allclose(found.ravel(), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("function", [
    lambda z: np.sum(np.abs(fft.fft(z)) ** 3), lambda z: np.sum(np.abs(fft.ifft(fft.fft(z) ** 2)) ** 2),
    lambda z: np.sum(fft.irfft(z) ** 4), lambda z: np.sum(np.abs(fft.rfft(np.abs(z))) ** 3),
    lambda z: np.sum(np.log(np.abs(fft.fft2(z.reshape(1, 7)))))])
def test_second_order(function):
    """Energies of spectra: both modes, twice."""
    tj.check_grads(function, (arguments()["z"],), order=2)


@pytest.mark.parametrize("call", [
    lambda z: fft.fft(z, 0), lambda z: fft.fft(z, -2), lambda z: fft.fft(z, axis=3), lambda z: fft.fft(z, 4, axis=3),
    lambda z: fft.fft(z, norm="no"),
    lambda z: fft.fft(z, 2.5), lambda z: fft.rfft(z), lambda z: fft.irfft(z[:1]), lambda z: fft.fft(z[:0]),
    lambda z: fft.fftn(z, (2, 3), (0,)),
    lambda z: fft.fft2(z), lambda z: fft.fftn(z, axes=(4,)), lambda z: fft.fft(z, out=np.zeros_like(z[:2])), lambda z: fft.fft(z[0]),
    lambda z: fft.irfft(z, out=np.zeros_like(z)), lambda z: fft.fftshift(z, 2), lambda z: fft.fft(z, "x"), lambda z: fft.rfftn(z)])
def test_errors_are_numpys(call):
    """What NumPy refuses, a trace refuses with NumPy's type."""
    z = arguments()["z"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            expected = call(z)
        except Exception as error:
            with pytest.raises(type(error)):
                tj.jit(call)(z)
        else:
            assert_same([tj.jit(call)(z)], [expected], "")


def test_every_name_is_covered():
    """All of numpy.fft is there."""
    names = "fft ifft fft2 ifft2 fftn ifftn rfft irfft rfft2 irfft2 rfftn irfftn hfft ihfft fftshift ifftshift fftfreq rfftfreq".split()
    assert covered(names, np.fft) == names
