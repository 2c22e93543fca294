"""scipy.ndimage in traced code: SciPy's values, fresh and replayed, derivatives of both orders and modes, and duality of the linear filters."""

import numpy as np
import pytest

import tapejit as tj

nd = pytest.importorskip("scipy.ndimage")

RNG = np.random.default_rng(3)
ARGUMENTS = {"x": RNG.standard_normal((5, 6)), "y": RNG.standard_normal(7), "w": RNG.standard_normal((3, 2)), "v": RNG.standard_normal(4),
             "s": np.float64(0.83), "c": RNG.uniform(0.6, 3.6, (2, 5)), "z": RNG.standard_normal((3, 4, 3)), "m": np.eye(2) + 0.1}

CASES = """
nd.correlate(x, w); nd.convolve(x, w, mode='constant', cval=1.5); nd.convolve(x, w, mode='wrap', origin=(-1, 0)); nd.correlate(y, v, mode='mirror')
nd.convolve(y, v, mode='nearest', origin=1); nd.convolve(z, w, axes=(2, 0)); nd.correlate1d(x, v, axis=0); nd.convolve1d(x, v, mode='grid-wrap')
nd.convolve1d(y, v, mode='constant', cval=2.0, origin=-1); nd.correlate(x, [[0.5, 1, 2]]); nd.correlate(x + 1j * x, w + 2j * w)
nd.convolve(x, w * 1j); nd.correlate1d(y, v * (1 + 1j), mode='constant', cval=0.5); nd.gaussian_filter(x, 1.2); nd.gaussian_filter(x, s, mode='wrap')
nd.gaussian_filter(x, (s, 2 * s), order=(0, 1), mode=('nearest', 'mirror')); nd.gaussian_filter(z, 0.7, axes=(0, 2), radius=2)
nd.gaussian_filter1d(y, s, order=2, truncate=3.0); nd.gaussian_filter1d(y, 0.9, order=3, mode='constant', cval=1.0); nd.gaussian_filter(x, 0)
nd.uniform_filter(x); nd.uniform_filter(x, (2, 3), mode=['reflect', 'constant'], cval=0.3); nd.uniform_filter1d(y, 4, origin=1); nd.sobel(x)
nd.sobel(z, 0, mode='constant'); nd.prewitt(x, axis=0, mode=['wrap', 'nearest']); nd.laplace(x); nd.laplace(x, mode='constant', cval=-1.0)
nd.gaussian_laplace(x, s); nd.gaussian_gradient_magnitude(x, s); nd.spline_filter(x); nd.spline_filter1d(x, 2, axis=0, mode='reflect')
nd.map_coordinates(x, c); nd.map_coordinates(x, c, order=1, mode='nearest'); nd.map_coordinates(x, c, order=2, mode='reflect')
nd.map_coordinates(x, 3 * c - 2, order=3, mode='mirror'); nd.map_coordinates(x, 2 * c, order=3, mode='constant', cval=0.5)
nd.map_coordinates(x, 3 * c - 3, order=5, mode='grid-wrap'); nd.map_coordinates(x, 2 * c, order=4, mode='wrap', prefilter=False)
nd.map_coordinates(x, 2 * c - 2, order=3, mode='grid-constant', cval=s); nd.map_coordinates(x, 2 * c - 2, order=3, mode='nearest')
nd.map_coordinates(y, c[:1], order=1); nd.map_coordinates(x, np.stack([c, c + 0.2], -1), order=1); nd.map_coordinates(x, c, order=0, mode='nearest')
nd.map_coordinates(x + 2j * x, c, order=1); nd.shift(x, s); nd.shift(x, (s, -1.3), order=1, mode='nearest'); nd.zoom(x, 1.7); nd.zoom(x, (1, 0.6), order=1)
nd.zoom(x, 2.0, mode='grid-constant', grid_mode=True); nd.rotate(x, 33.0 * s); nd.rotate(z, 25.0, axes=(0, 2), reshape=False, order=1)
nd.affine_transform(x, m, offset=(s, 0.1)); nd.affine_transform(x, [0.9, 1.1], 0.2, output_shape=(4, 4), order=1, mode='mirror')
nd.gaussian_filter(x, 1.0, output=np.float32); nd.gaussian_filter(x, 1.0, output=np.zeros((5, 6)))
""".replace("\n", "; ").strip("; ").split("; ")

TWICE = ("nd.correlate(x, w)", "nd.convolve(x, w, mode='c", "nd.gaussian_filter(x, s, mode", "nd.gaussian_gradient", "nd.map_coordinates(x, c)",
         "nd.map_coordinates(y", "nd.map_coordinates(x, 2 * c, order=3", "nd.rotate(z", "nd.correlate1d(y, v")  # to second order


def function_of(case):
    names = [name for name in ARGUMENTS if name in compile(case, "case", "eval").co_names]
    space = {"nd": nd, "np": np}
    exec(compile(f"def f({', '.join(names)}): return {case}", "user.py", "exec"), space)
    return space["f"], tuple(ARGUMENTS[name] for name in names)


@pytest.mark.parametrize("case", CASES)
def test_value_and_derivatives(case):
    function, values = function_of(case)
    traced = tj.jit(function)
    for at in (values, tuple(1.02 * v for v in values)):
        found, expected = traced(*at), function(*at)
        assert found.shape == expected.shape and found.dtype == expected.dtype
        tolerance = 1e-6 if found.dtype == np.float32 else 1e-11
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    if "float32" not in case:
        tj.check_grads(function, values, order=1 + case.startswith(TWICE))


LINEAR = {
    "correlate": lambda x, mode: nd.correlate(x, ARGUMENTS["w"], mode=mode), "gaussian": lambda x, mode: nd.gaussian_filter(x, 3.0, mode=mode),
    "uniform": lambda x, mode: nd.uniform_filter(x, 4, mode=mode), "sobel": lambda x, mode: nd.sobel(x, mode=mode),
    "map_coordinates": lambda x, mode: nd.map_coordinates(x, 3 * ARGUMENTS["c"] - 4, mode=mode),
    "rotate": lambda x, mode: nd.rotate(x, 20.0, mode=mode)}


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("mode", ["reflect", "mirror", "nearest", "wrap", "constant", "grid-wrap", "grid-constant", "grid-mirror"])
def test_the_transpose_is_exact_at_every_boundary(name, mode):
    """<u, J v> == <J' u, v>, and J v is SciPy's function of v."""
    def f(x):
        return LINEAR[name](x, mode)

    for shape in ((5, 6), (80, 3)) if name != "rotate" else ((5, 6),):
        x, v = RNG.standard_normal(shape), RNG.standard_normal(shape)
        moved = tj.jvp(f, (x,), (v,))[1]
        u = RNG.standard_normal(moved.shape)
        (pulled,) = tj.vjp(f, x)[1](u)
        np.testing.assert_allclose(moved, f(v), rtol=1e-10, atol=1e-11)
        np.testing.assert_allclose(np.vdot(u, moved), np.vdot(pulled, v), rtol=1e-11)


def test_single_precision_stays():
    x = ARGUMENTS["x"].astype(np.float32)
    for f in (lambda x: nd.gaussian_filter(x, 1.0), lambda x: nd.map_coordinates(x, ARGUMENTS["c"]), lambda x: nd.sobel(x)):
        found, expected = tj.jit(f)(x), f(x)
        assert found.dtype == expected.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-5)
        assert tj.grad(lambda x: np.sum(f(x)))(x).dtype == np.float32


@pytest.mark.parametrize("wrong", [
    lambda x: nd.correlate(x, np.ones(3)), lambda x: nd.convolve1d(x, np.ones(3), origin=2), lambda x: nd.gaussian_filter(x, 1.0, mode="nonsense"),
    lambda x: nd.map_coordinates(x, np.ones((3, 2))), lambda x: nd.map_coordinates(x, np.ones((2, 2)), order=6),
    lambda x: nd.uniform_filter(x, (2, 3, 4)), lambda x: nd.gaussian_filter1d(x, 1.0, radius=-1)])
def test_scipy_raises_its_own_errors(wrong):
    with pytest.raises((ValueError, RuntimeError)) as expected:
        wrong(ARGUMENTS["x"])
    with pytest.raises(expected.type):
        tj.jit(wrong)(ARGUMENTS["x"])
