"""scipy.stats: quantiles, intervals, moments and draws against SciPy, mpmath and differences, in both modes and to second order."""

import mpmath as mp
import numpy as np
import pytest

import tapejit as tj

from .test_scipy_stats import ALL, BAD, CONTINUOUS, DISCRETE, RNG, same

st = pytest.importorskip("scipy.stats")
pytestmark = pytest.mark.filterwarnings("ignore")
Q = np.array([-0.1, 0.0, 1e-9, 0.2, 0.5, 0.93, 1.0, 1.2, np.nan])


def rest_of(name):
    """loc and scale, or loc alone."""
    return (0.3, 1.7) if name in CONTINUOUS else (2.0,)


@pytest.mark.parametrize("name", ALL)
def test_quantiles_everywhere_and_in_a_replay(name):
    for method in ("ppf", "isf", "median", "interval"):
        def function(q, *p):
            found = getattr(getattr(st, name), method)(*([] if method == "median" else [q]), *p)
            return np.stack(found) if method == "interval" else found
        traced = tj.jit(function)
        for shapes in (ALL[name][0], ALL[name][1], BAD.get(name, tuple(-1.0 for _ in ALL[name][0]))):
            values = (0.9 if method == "interval" else Q, *map(float, shapes), *rest_of(name))
            same(traced(*values), function(*values), 1e-10, 1e-12)


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize("method", ["ppf", "isf"])
def test_quantiles_have_the_derivatives_of_the_root(name, method):
    def function(q, *p):
        return getattr(getattr(st, name), method)(q, *p)
    tj.check_grads(function, (np.array([0.03, 0.4, 0.8]), *map(float, ALL[name][0]), *rest_of(name)), order=2, rtol=1e-4)


@pytest.mark.parametrize("name, shapes, cdf", [
    ("t", (4.5,), lambda y, n: mp.quad(lambda u: mp.gamma((n + 1) / 2) / mp.gamma(n / 2) / mp.sqrt(n * mp.pi) * (1 + u * u / n) ** (-(n + 1) / 2),
                                       [0, y]) + mp.mpf(1) / 2),
    ("gamma", (2.6,), lambda y, a: mp.gammainc(a, 0, y, regularized=True)),
    ("beta", (2.3, 1.7), lambda y, a, b: mp.betainc(a, b, 0, y, regularized=True))])
def test_slopes_of_quantiles_against_mpmath(name, shapes, cdf):
    values = (0.93, *shapes)
    found = tj.grad(lambda q, *p: getattr(st, name).ppf(q, *p), argnums=tuple(range(len(values))))(*values)
    y = float(getattr(st, name).ppf(*values))
    with mp.workdps(30):
        density = mp.diff(lambda y: cdf(y, *shapes), y)
        expected = [1 / density] + [-mp.diff(lambda v, k=k: cdf(y, *shapes[:k], v, *shapes[k + 1:]), shapes[k]) / density
                                    for k in range(len(shapes))]
    np.testing.assert_allclose(found, [float(e) for e in expected], rtol=1e-9)


@pytest.mark.parametrize("name", DISCRETE)
def test_quantiles_of_counts_are_flat(name):
    shapes = tuple(map(float, ALL[name][0]))
    found = tj.grad(lambda q, p, loc: getattr(st, name).ppf(q, *shapes[:-1], p, loc), argnums=(0, 1, 2))(0.4, shapes[-1], 2.0)
    assert found == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("name", [name for name in ALL if name not in ("vonmises", "cauchy")])
def test_raw_moments(name):
    shapes, rest = tuple(map(float, ALL[name][0])), rest_of(name)
    places = range(1 if name == "binom" else 0, len(shapes) + len(rest))
    for order in (1, 2, 3):
        function = lambda *p: getattr(st, name).moment(order, *p)
        if (name, order) == ("pareto", 3):
            assert tj.jit(function)(*shapes, *rest) == np.inf  # SciPy's integration does not see it
            continue
        try:
            same(tj.jit(function)(*shapes, *rest), function(*shapes, *rest), 1e-8)
        except tj.UnsupportedError as error:
            assert order > 2 and "orders 1 and 2 are" in str(error)
            continue
        tj.check_grads(lambda *p: function(*(shapes + rest)[:places[0]], *p), (shapes + rest)[places[0]:], order=2, rtol=1e-4)


DRAWN = {"norm": (), "uniform": (), "expon": (), "laplace": (), "logistic": (), "cauchy": (), "lognorm": (0.7,), "pareto": (2.5,),
         "weibull_min": (1.8,), "invgamma": (3.1,), "truncnorm": (-1.0, 2.0)}


@pytest.mark.parametrize("name", DRAWN)
def test_draws_are_functions_of_the_parameters(name):
    """The same numbers as SciPy's for the same random state; a seed that is a number lets the trace be used again."""
    values = DRAWN[name] + (0.3, 1.7)
    for size in (None, 4, (2, 3)):
        function = lambda *p: getattr(st, name).rvs(*p, size=size, random_state=7)
        traced = tj.jit(function)
        for factor in (1.0, 1.1):
            moved = tuple(v * factor for v in values)
            same(traced(*moved), function(*moved), 1e-11)
    tj.check_grads(function, values, order=2)
    frozen = lambda *p: getattr(st, name)(*p).rvs(3, np.random.default_rng(3))
    same(tj.jit(frozen)(*values), frozen(*values), 1e-11)


def test_draws_by_location_and_scale_of_a_shape_that_is_not_traced():
    tj.check_grads(lambda loc, scale: st.gamma.rvs(2.5, loc, scale, size=3, random_state=1), (0.3, 1.7), order=2)
    with pytest.raises(ValueError, match="scipy.stats.norm.rvs: expected scale >= 0"):
        tj.jit(lambda s: st.norm.rvs(0.0, s))(-1.0)


def test_draws_from_a_generator_go_on():
    mine, numpys = np.random.default_rng(4), np.random.default_rng(4)
    traced = tj.jit(lambda mu: st.norm.rvs(mu, 2.0, random_state=mine))
    assert [traced(0.5), traced(0.5)] == [st.norm.rvs(0.5, 2.0, random_state=numpys) for _ in range(2)]
    assert RNG is not mine


def test_frozen_outside_and_inside():
    outside = st.beta(2.0, 3.0, scale=2.0)
    function = lambda q, a: outside.ppf(q) * st.gamma(a, scale=2.0).isf(q) + st.beta(a, 3.0).median() + outside.interval(0.9)[0]
    same(tj.jit(function)(0.3, 1.5), function(0.3, 1.5), 1e-12)
    tj.check_grads(function, (0.3, 1.5), order=2)
