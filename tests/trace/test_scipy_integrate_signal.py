"""scipy.integrate over samples and scipy.signal's convolutions and filters: SciPy's values, and derivatives of both orders."""

import numpy as np
import pytest

import tapejit as tj

scipy = pytest.importorskip("scipy")
si = pytest.importorskip("scipy.integrate")
sg = pytest.importorskip("scipy.signal")

CASES = """
si.trapezoid(y); si.trapezoid(y, x); si.trapezoid(Y, dx=0.3, axis=0); si.trapezoid(Y, x[:4], axis=0); si.cumulative_trapezoid(y, x)
si.cumulative_trapezoid(Y, dx=2.0, axis=0, initial=0); si.cumulative_trapezoid(Y, Y + 1, axis=1); si.simpson(y); si.simpson(y, x)
si.simpson(y[:6], x=x[:6]); si.simpson(y[:2], x=x[:2]); si.simpson(Y, dx=0.3, axis=0); si.simpson(Y, axis=1)
si.simpson(Y, x=x[:4], axis=0); si.simpson(y[:3], x=x[:3]); si.simpson(y[:4]); sg.convolve(y, b); sg.convolve(y, b, 'same')
sg.convolve(y, b, 'valid'); sg.convolve(b, y, 'valid'); sg.convolve(b, y, mode='same'); sg.convolve(y, b, method='fft')
sg.convolve(Y, Y[:2, 1:4]); sg.convolve(Y, Y[:2, :3], 'same'); sg.fftconvolve(y, b, mode='same'); sg.fftconvolve(Y, Y[:, :2], axes=1)
sg.fftconvolve(Y, Y[:2], 'valid', axes=0); sg.fftconvolve(y + 1j * y, b); sg.correlate(y, b); sg.correlate(y, b, 'same')
sg.correlate(Y, Y[:2, :3], 'valid'); sg.lfilter(b, 1.0, y); sg.lfilter(b, a, y); sg.lfilter([1.0], a, Y); sg.lfilter(b, a, Y, axis=0)
sg.lfilter(b, a, y, zi=b[:2]); sg.lfilter(b[:1], 2 * a, y); sg.lfilter(b, a, y[:1], zi=b[1:])
sg.lfilter(b, a, Y, axis=0, zi=Y[:2] / 2); sg.lfilter(b, a, Y, zi=Y[:, :2]); scipy.signal.lfilter([0.1], [1.0, -0.9], y)
""".replace("\n", "; ").strip("; ").split("; ")

RNG = np.random.default_rng(0)
ARGUMENTS = {"y": RNG.standard_normal(7), "x": np.cumsum(RNG.random(7) + 0.2), "Y": RNG.standard_normal((4, 5)),
             "b": np.array([0.5, 0.3, -0.2]), "a": np.array([1.0, -0.6, 0.3])}


@pytest.mark.parametrize("case", CASES)
def test_value_and_derivatives(case):
    names = [name for name in ARGUMENTS if name in compile(case, "case", "eval").co_names]
    space = {"si": si, "sg": sg, "scipy": scipy}
    exec(compile(f"def f({', '.join(names)}): return {case}", "user.py", "exec"), space)
    function, values = space["f"], tuple(ARGUMENTS[name] for name in names)
    traced = tj.jit(function)
    for at in (values, tuple(1.1 * v for v in values)):
        found, expected = traced(*at), function(*at)
        for one, other in zip(*[v if isinstance(v, tuple) else (v,) for v in (found, expected)], strict=True):
            assert np.shape(one) == np.shape(other) and np.asarray(one).dtype == np.asarray(other).dtype
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)
    tj.check_grads(function, values, order=2)


@pytest.mark.parametrize("wrong", [
    lambda y: si.simpson(y, x=np.ones(3)), lambda y: si.cumulative_trapezoid(y, x=np.ones(3)), lambda y: sg.convolve(y, y, "nonsense"),
    lambda y: sg.convolve(y, np.ones((2, 2))), lambda y: sg.lfilter([1.0], [0.0, 1.0], y)])
def test_scipy_raises_its_own_errors(wrong):
    with pytest.raises(ValueError):
        wrong(ARGUMENTS["y"])
    with pytest.raises(ValueError):
        tj.jit(wrong)(ARGUMENTS["y"])
