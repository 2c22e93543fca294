"""scipy.interpolate in traced code: SciPy's values, fresh and replayed, and derivatives by points, data and knots, of both orders and modes."""

import numpy as np
import pytest

import tapejit as tj

si = pytest.importorskip("scipy.interpolate")
spsolve = pytest.importorskip("scipy.sparse.linalg").spsolve

RNG = np.random.default_rng(11)
X = np.array([0.0, 0.7, 1.5, 2.0, 3.2, 4.1])
G = (np.array([0.0, 0.6, 1.5, 2.0, 2.7]), np.array([-1.0, 0.0, 0.4, 1.3]))
ARGUMENTS = {"x": X, "y": np.sin(X) + 0.1 * X**2, "Y": RNG.standard_normal((2, 6)), "q": np.array([0.3, 1.2, 2.75, 3.9]),
             "far": np.array([-0.7, 1.8, 4.9]), "s": np.float64(1.83), "v": RNG.standard_normal((5, 4)), "p": RNG.uniform(0.1, 1.2, (3, 2)),
             "w": RNG.standard_normal((5, 4, 2)), "c": RNG.standard_normal((3, 5))}
OUTSIDE = {"cs": si.CubicSpline(X, np.cos(X)), "pc": si.PchipInterpolator(X, np.cos(2 * X)), "bs": si.make_interp_spline(X, np.cos(X), k=3),
           "us": si.InterpolatedUnivariateSpline(X, np.cos(X)), "sm": si.UnivariateSpline(X, np.cos(X), s=0.1), "i1": si.interp1d(X, np.cos(X)),
           "ic": si.interp1d(X, np.array([np.cos(X), X]), kind="cubic", fill_value="extrapolate"), "tck": si.splrep(X, np.cos(X)),
           "rg": si.RegularGridInterpolator(G, RNG.standard_normal((5, 4))), "rc": si.RegularGridInterpolator(G, RNG.standard_normal((5, 4)), "cubic"),
           "ak": si.Akima1DInterpolator(X, np.cos(X)), "pp": si.PPoly(RNG.standard_normal((3, 5, 2)), X), "rb": si.RectBivariateSpline(G[0], G[1], RNG.standard_normal((5, 4)))}

CASES = """
cs(q); cs(s); cs(far, 1); cs(q, nu=2); cs(q, extrapolate=False); cs.derivative()(q); cs.derivative(2)(s); cs.antiderivative()(q); cs.integrate(s, q[3])
cs.integrate(0.1, 2.0) * s; pc(q); pc(q, 1); ak(q); pp(q); pp(q, 1) * pp.antiderivative(2)(q); bs(q); bs(far); bs(q, 1); bs(q, nu=2); bs.derivative()(q)
bs.antiderivative()(q); bs.integrate(0.2, s); us(q); us(q, 1); sm(far); us.integral(0.1, s); i1(q); ic(far); si.splev(q, tck); si.splev(far, tck, 1)
si.splev(far, tck, ext=1); si.splev(far, tck, 0, 3); rg(p); rg(p[0]); rg((p[:, 0], 0.3)); rc(p); si.CubicSpline(x, y)(q); si.CubicSpline(x, y, bc_type='natural')(far)
si.CubicSpline(x, Y, axis=1, bc_type='clamped')(q); si.CubicSpline(x, y, bc_type=((1, s), (2, -s)))(q); si.CubicSpline(x, y, bc_type=('not-a-knot', (1, s)))(q, 1)
si.CubicSpline(x, np.append(y[:5], y[0]), bc_type='periodic')(far); si.CubicSpline(x[:4], np.append(y[:3], y[0]), bc_type='periodic')(q)
si.CubicSpline(x[:3], np.append(y[:2], y[0]), bc_type='periodic')(q); si.CubicSpline(x[:3], y[:3])(q); si.CubicSpline(x[:2], y[:2])(q)
si.CubicSpline(X, np.append(y[:5], y[0]), bc_type='periodic').integrate(-1.0, s + 9); si.CubicSpline(x, y + 1j * y**2)(q)
si.CubicSpline(x, y).integrate(s, 3.0); si.CubicSpline(x, y).derivative(3)(q); si.CubicSpline(x, Y.T).c; si.CubicSpline([0, 1, 2, 4], y[:4])(s)
si.PchipInterpolator(x, y)(q); si.PchipInterpolator(x, Y, axis=1)(q); si.PchipInterpolator(x[:2], y[:2])(q); si.Akima1DInterpolator(x, y)(q)
si.Akima1DInterpolator(x, y, method='makima', extrapolate=True)(far); si.CubicHermiteSpline(x, y, y**2)(q); si.PPoly(c, x)(far); si.pchip_interpolate(x, y, q)
si.make_interp_spline(x, y)(q); si.make_interp_spline(x, Y, k=2, axis=1)(q); si.make_interp_spline(x, y, k=1)(far); si.make_interp_spline(x, y, k=5)(q, 1)
si.make_interp_spline(X, y).derivative(2)(q); si.make_interp_spline(X, y).integrate(s, 3.5); si.BSpline(np.r_[0, 0, 0, x[1:4], 5, 5, 5.0], y, 2)(q)
si.BSpline(np.arange(10.0), y, 3)(q + 2, extrapolate=False); si.InterpolatedUnivariateSpline(x, y, k=3)(q); si.UnivariateSpline(x, y, s=0, ext='zeros')(far)
si.splev(q, si.splrep(x, y)); si.splev(q, si.splrep(X, y, k=2), der=1); si.interp1d(x, y)(q); si.interp1d(x, Y)(q); si.interp1d(x, Y.T, axis=0)(q)
si.interp1d(x, y, fill_value='extrapolate')(far); si.interp1d(x, y, bounds_error=False, fill_value=(s, 2.0))(far); si.interp1d(x[::-1], y)(q)
si.interp1d(x, y, 'quadratic')(q); si.interp1d(x, y, 'cubic', fill_value='extrapolate')(far); si.interp1d(x, y, 'nearest')(q); si.interp1d(x, y, 'previous')(q)
si.interp1d(x, y, 'next', fill_value='extrapolate')(far[:2]); si.interp1d(x, y, 'zero')(q); si.interp1d(x, y, 'slinear')(q); si.interp1d(x, y, kind=2)(s)
si.RegularGridInterpolator(G, v)(p); si.RegularGridInterpolator(G, w)(p); si.RegularGridInterpolator((x[:5], G[1]), v)(p)
si.RegularGridInterpolator(G, v, 'nearest')(p); si.RegularGridInterpolator(G, v, 'slinear')(p); si.RegularGridInterpolator(G, v, bounds_error=False, fill_value=s)(4 * p)
si.RegularGridInterpolator(G, v, bounds_error=False, fill_value=None)(3 * p); si.RegularGridInterpolator((G[0][::-1], G[1]), v)(p)
rb(q[:3] / 2, [0.1, s / 2, 7.0]); rb.ev(p[:, 0], p[:, 1]); rb(p[:, 0], p[:, 1], dx=1, grid=False); rb(s, 0.2); rb(q[:2], [0.2, 0.7], 1, 1)
si.RectBivariateSpline(x[:5], G[1], v)(q / 2, [0.1, 0.6]); si.RectBivariateSpline(G[0], G[1], v, kx=2, ky=1).ev(p[:, 0], p[:, 1])
si.RegularGridInterpolator((x,), y)(q); si.interpn(G, v, p); si.interpn(G, v, (p[:, 0], p[:, 1]), method='nearest'); si.RegularGridInterpolator(G, v, 'cubic', solver=spsolve)(p)
""".replace("\n", "; ").strip("; ").split("; ")

TO_SECOND_ORDER = """
cs(q); pp(q, 1) * pp.antiderivative(2)(q); bs(q, 1); us(q); rg(p); rc(p); si.CubicSpline(x, y)(q); si.CubicSpline(x, y).integrate(s, 3.0); si.PchipInterpolator(x, y)(q)
si.make_interp_spline(x, Y, k=2, axis=1)(q); rb.ev(p[:, 0], p[:, 1]); si.RegularGridInterpolator((x[:5], G[1]), v)(p); si.Akima1DInterpolator(x, y)(q)
""".replace("\n", "; ").strip("; ").split("; ")
assert set(TO_SECOND_ORDER) <= set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_value_and_derivatives(case):
    names = [name for name in ARGUMENTS if name in compile(case, "case", "eval").co_names]
    space = {"si": si, "np": np, "G": G, "X": X, "spsolve": spsolve, **OUTSIDE}
    exec(compile(f"def f({', '.join(names)}): return {case}", "user.py", "exec"), space)
    function, values = space["f"], tuple(ARGUMENTS[name] for name in names)
    traced = tj.jit(function)
    tolerance = 1e-5 if case.startswith("si.Reg") and "cubic" in case else 1e-11  # where SciPy iterates
    for at in (values, tuple(1.01 * v for v in values)):
        found, expected = traced(*at), np.asarray(function(*at))
        assert found.shape == expected.shape and found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    if np.all(np.isfinite(expected)):
        tj.check_grads(function, values, order=1 + (case in TO_SECOND_ORDER), rtol=1e-5)


@pytest.mark.parametrize("name", [name for name in OUTSIDE if name != "rb"])
def test_changes_of_a_captured_interpolant_are_noticed(name):
    space = {"si": si, "f": OUTSIDE[name]}
    q = ARGUMENTS["p"] if name in ("rg", "rc") else ARGUMENTS["q"]
    exec(compile("def g(q): return " + ("si.splev(q, f)" if name == "tck" else "f(q)"), "user.py", "exec"), space)
    traced = tj.jit(space["g"])
    np.testing.assert_allclose(traced(q), space["g"](q), rtol=1e-9)
    if name in ("cs", "pc", "ak", "pp", "bs"):  # others hold copies
        OUTSIDE[name].c[...] *= 2
        np.testing.assert_allclose(traced(q), space["g"](q), rtol=1e-9)
        OUTSIDE[name].c[...] /= 2
    space["f"] = {"rg": OUTSIDE["rc"], "rc": OUTSIDE["rg"], "tck": si.splrep(X, X**2), "cs": OUTSIDE["bs"]}.get(name, OUTSIDE["cs"])
    np.testing.assert_allclose(traced(q), space["g"](q), rtol=1e-9)


def test_changes_of_options_are_noticed():
    spline, grid = si.CubicSpline(X, np.cos(X)), si.RegularGridInterpolator((X,), X, bounds_error=False)
    traced = tj.jit(lambda x: spline(x) + 0 * grid(x))
    assert np.isnan(traced(np.array([9.0])))
    grid.fill_value = 5.0
    np.testing.assert_allclose(traced(np.array([9.0])), spline(9.0))
    spline.extrapolate = False
    assert np.isnan(traced(np.array([9.0])))


def test_large_data_are_read_by_reference():
    x = np.linspace(0.0, 1.0, 500)
    spline, q = si.CubicSpline(x, np.sin(x)), np.array([0.1, 0.5])
    gradient = tj.grad(lambda q: np.sum(spline(q)))
    np.testing.assert_allclose(gradient(q), spline(q, 1), rtol=1e-12)
    spline.c[...] *= 3
    np.testing.assert_allclose(gradient(q), spline(q, 1), rtol=1e-12)


def test_outside_of_a_trace_they_are_scipys():
    import tapejit.scipy.interpolate as ours

    assert type(ours.CubicSpline(X, X)) is si.CubicSpline and type(ours.interp1d(X, X)) is si.interp1d
    np.testing.assert_array_equal(ours.RegularGridInterpolator(G, ARGUMENTS["v"])(ARGUMENTS["p"]), si.RegularGridInterpolator(G, ARGUMENTS["v"])(ARGUMENTS["p"]))


def test_other_methods_are_scipys():
    def f(x):
        spline = si.CubicSpline(X, X - 2)
        return x * spline.roots()[0] + OUTSIDE["cs"].solve(0.5)[0] * isinstance(spline, si.CubicSpline) + spline.x[1]

    assert tj.jit(f)(2.0) == pytest.approx(f(2.0), rel=1e-13)


@pytest.mark.parametrize("text, wrong", [
    ("'roots' of scipy.interpolate.CubicSpline is not covered where its data are traced", lambda y: si.CubicSpline(X, y).roots()),
    ("CubicSpline.solve of a traced value is not covered", lambda y: OUTSIDE["cs"].solve(y[0])),
    ("method='pchip'", lambda y: si.RegularGridInterpolator((X,), y, "pchip")(y)),
    ("with smoothing", lambda y: si.UnivariateSpline(X, y)(1.0)), ("bc_type='natural'.*CubicSpline", lambda y: si.make_interp_spline(X, y, bc_type="natural")(1.0))])
def test_what_is_refused_is_named(text, wrong):
    with pytest.raises(tj.UnsupportedError, match=text):
        tj.jit(wrong)(ARGUMENTS["y"])


@pytest.mark.parametrize("wrong", [
    lambda y: si.CubicSpline(X[::-1], y), lambda y: si.CubicSpline(X, y[:3]), lambda y: si.CubicSpline(X, y, bc_type="wrong"), lambda y: si.interp1d(X, y)(9.0),
    lambda y: si.RegularGridInterpolator((X,), y)([9.0]), lambda y: si.CubicSpline(X, y, bc_type="periodic"), lambda y: si.CubicSpline(y, X),
    lambda y: si.make_interp_spline(X, y[:2])])
def test_scipy_raises_its_own_errors(wrong):
    for function in (wrong, tj.jit(wrong)):
        with pytest.raises(ValueError):
            function(ARGUMENTS["y"][::-1])
