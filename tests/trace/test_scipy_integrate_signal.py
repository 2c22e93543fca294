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
sg.oaconvolve(y, b, 'same'); sg.convolve2d(Y, Y[:2, 1:4]); sg.convolve2d(Y, Y[:2, :3], 'same', 'symm'); sg.convolve2d(Y, Y[:3], 'full', 'wrap')
sg.convolve2d(Y, Y[:2, :3], 'same', fillvalue=1.5); sg.correlate2d(Y, Y[:3, :2], 'same', 'wrap'); sg.correlate2d(Y, Y[:2, :2], 'valid')
sg.lfilter_zi(b, a); sg.sosfilt(SOS, y); sg.sosfilt(SOS, Y, axis=0); sg.sosfilt(SOS, y, zi=y[:4].reshape(2, 2)); sg.sosfilt_zi(SOS) * y[0]
sg.sosfiltfilt(SOS, z); sg.sosfiltfilt(SOS, z, padtype='constant', padlen=3); sg.filtfilt(b, a, z); sg.filtfilt(b, 1.0, y, padtype='even', padlen=2)
sg.filtfilt(b, a, Y, axis=0, padlen=1); sg.filtfilt(b, a, y, padtype=None); sg.decimate(np.tile(z, 2), 2); sg.decimate(z, 3, ftype='fir'); sg.upfirdn(b, y, 2, 3)
sg.decimate(z, 2, zero_phase=False); sg.upfirdn(b, Y, 3, 2, axis=0); sg.resample_poly(z, 3, 2); sg.resample_poly(Y, 2, 1, axis=1); sg.resample(y, 5)
sg.resample(y, 10); sg.resample(z, 16); sg.resample(z, 30); sg.resample(Y, 3, axis=1); sg.resample(z + 1j * z, 16); sg.resample(z + 1j * z[::-1], 31)
sg.resample(y + 2j * y, 4); sg.detrend(y); sg.detrend(Y, axis=0, type='constant'); sg.detrend(z, bp=[7, 12]); sg.savgol_filter(z, 5, 2)
sg.savgol_filter(z, 7, 3, deriv=1, delta=0.5, mode='nearest'); sg.savgol_filter(Y, 3, 1, axis=0, mode='constant', cval=1.0); sg.hilbert(y); sg.hilbert(Y, 6)
np.abs(sg.hilbert(z, axis=0)); sg.periodogram(z)[1]; sg.periodogram(Y, 2.0, 'hann', 8, False, axis=0, scaling='spectrum')[1]; sg.periodogram(z, nfft=9)[1]
sg.welch(z, nperseg=8)[1]; sg.welch(z, nperseg=8, noverlap=5, nfft=11, detrend='linear', average='median')[1]; sg.csd(z, z**2, nperseg=6)[1]
sg.csd(z, z[:15] * 2, nperseg=6, average='median')[1]; sg.welch(z + 1j * z, nperseg=8)[1]; sg.coherence(z, z**2, nperseg=6)[1]
sg.spectrogram(z, nperseg=8); sg.spectrogram(z, nperseg=8, mode='complex')[2]; sg.spectrogram(z, nperseg=8, mode='magnitude')[2]; sg.stft(z, nperseg=6)
sg.stft(Y, nperseg=4, axis=0, scaling='psd', return_onesided=False); sg.istft(sg.stft(z, nperseg=6)[2]); sg.welch(z, window=b, nperseg=3)[1]
""".replace("\n", "; ").strip("; ").split("; ")

RNG = np.random.default_rng(0)
ARGUMENTS = {"y": RNG.standard_normal(7), "x": np.cumsum(RNG.random(7) + 0.2), "Y": RNG.standard_normal((4, 5)),
             "b": np.array([0.5, 0.3, -0.2]), "a": np.array([1.0, -0.6, 0.3]), "z": RNG.standard_normal(20)}
SOS = sg.butter(3, 0.4, output="sos")
TWICE = ("si.", "sg.convolve", "sg.lfilter", "sg.sosfilt(SOS, y)", "sg.filtfilt(b, a, Y", "sg.csd(z, z**2", "sg.savgol_filter(Y", "sg.resample(Y")


@pytest.mark.parametrize("case", CASES)
def test_value_and_derivatives(case):
    names = [name for name in ARGUMENTS if name in compile(case, "case", "eval").co_names]
    space = {"si": si, "sg": sg, "scipy": scipy, "np": np, "SOS": SOS}
    exec(compile(f"def f({', '.join(names)}): return {case}", "user.py", "exec"), space)
    function, values = space["f"], tuple(ARGUMENTS[name] for name in names)
    traced = tj.jit(function)
    for at in (values, tuple(1.1 * v for v in values)):
        found, expected = traced(*at), function(*at)
        for one, other in zip(*[v if isinstance(v, tuple) else (v,) for v in (found, expected)], strict=True):
            assert np.shape(one) == np.shape(other) and np.asarray(one).dtype == np.asarray(other).dtype
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)
    tj.check_grads(function, values, order=1 + case.startswith(TWICE))


@pytest.mark.parametrize("wrong", [
    lambda y: si.simpson(y, x=np.ones(3)), lambda y: si.cumulative_trapezoid(y, x=np.ones(3)), lambda y: sg.convolve(y, y, "nonsense"),
    lambda y: sg.convolve(y, np.ones((2, 2))), lambda y: sg.lfilter([1.0], [0.0, 1.0], y),
    lambda y: sg.filtfilt([1.0, 0.5, 0.1], [1.0, 0.1], y), lambda y: sg.sosfilt(np.ones((2, 5)), y), lambda y: sg.detrend(y, type="nonsense"),
    lambda y: sg.savgol_filter(y, 9, 2), lambda y: sg.convolve2d(y, y), lambda y: sg.hilbert(y + 1j), lambda y: sg.stft(y, nperseg=4, noverlap=4)])
def test_scipy_raises_its_own_errors(wrong):
    with pytest.raises(ValueError):
        wrong(ARGUMENTS["y"])
    with pytest.raises(ValueError):
        tj.jit(wrong)(ARGUMENTS["y"])


@pytest.mark.parametrize("text, wrong", [
    (r"scipy.signal.medfilt\) .*np.median", lambda y: sg.medfilt(y, 3)), (r"scipy.signal.freqz\) .*np.polyval", lambda y: sg.freqz(y)[1].real),
    ("resample with t, window .*leave them away", lambda y: sg.resample(y, 5, window="hann")), ("filtfilt with method='gust'", lambda y: sg.filtfilt(
        [1.0], [1.0, 0.5], y, method="gust"))])
def test_what_is_not_covered_names_the_nearest_way(text, wrong):
    with pytest.raises((tj.UnsupportedError, tj.TracingError), match=text):
        tj.grad(lambda y: np.sum(wrong(y)))(ARGUMENTS["y"])
