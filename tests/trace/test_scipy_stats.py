"""scipy.stats in code as users write it: every distribution and method against SciPy, mpmath and differences, in both modes and orders.

Values are compared in a fresh trace and a replay, inside and outside of the support and for parameters that SciPy answers with NaN.
"""

import mpmath as mp
import numpy as np
import pytest

import tapejit as tj

scipy = pytest.importorskip("scipy")
st = pytest.importorskip("scipy.stats")
norm, beta, mvn = st.norm, st.beta, st.multivariate_normal


def _normal(y):
    return -y * y / 2 - mp.log(2 * mp.pi) / 2


def _log_mass(a, b):
    return mp.log(mp.ncdf(b) - mp.ncdf(a))


# name: (shapes, other shapes, points of y, log-density in mpmath)
CONTINUOUS = {
    "norm": ((), (), (-3, 0.2, 30), _normal),
    "t": ((4.5,), (1.0,), (-3, 0.2, 30), lambda y, n: mp.log(mp.gamma((n + 1) / 2) / mp.gamma(n / 2) / mp.sqrt(n * mp.pi))
          - (n + 1) / 2 * mp.log(1 + y * y / n)),
    "beta": ((2.3, 1.7), (0.6, 40.0), (0.01, 0.4, 0.97), lambda y, a, b: (a - 1) * mp.log(y) + (b - 1) * mp.log(1 - y)
             - mp.log(mp.beta(a, b))),
    "gamma": ((2.6,), (300.0,), (0.01, 1.3, 30), lambda y, a: (a - 1) * mp.log(y) - y - mp.loggamma(a)),
    "chi2": ((3.7,), (1.0,), (0.01, 1.3, 30), lambda y, n: (n / 2 - 1) * mp.log(y) - y / 2 - mp.loggamma(n / 2) - mp.log(2) * n / 2),
    "expon": ((), (), (0.01, 1.3, 30), lambda y: -y),
    "laplace": ((), (), (-3, 0.2, 30), lambda y: -mp.log(2) - abs(y)),
    "logistic": ((), (), (-40, 0.2, 30), lambda y: -y - 2 * mp.log(1 + mp.exp(-y))),
    "lognorm": ((0.7,), (2.0,), (0.01, 1.3, 30), lambda y, s: -(mp.log(y) / s) ** 2 / 2 - mp.log(s * y) - mp.log(2 * mp.pi) / 2),
    "uniform": ((), (), (0.01, 0.4, 0.97), lambda y: 0 * y),
    "cauchy": ((), (), (-3, 0.2, 3000), lambda y: -mp.log(mp.pi * (1 + y * y))),
    "pareto": ((2.5,), (0.5,), (1.01, 1.3, 30), lambda y, b: mp.log(b) - (b + 1) * mp.log(y)),
    "weibull_min": ((1.8,), (0.7,), (0.01, 1.3, 4), lambda y, c: mp.log(c) + (c - 1) * mp.log(y) - y**c),
    "invgamma": ((3.1,), (0.8,), (0.05, 1.3, 30), lambda y, a: -(a + 1) * mp.log(y) - mp.loggamma(a) - 1 / y),
    "vonmises": ((2.0,), (30.0,), (-3, 0.2, 2.5), lambda y, k: k * mp.cos(y) - mp.log(2 * mp.pi * mp.besseli(0, k))),
    "truncnorm": ((-1.2, 2.1), (4.0, 6.0), (-1.1, 0.2, 2.0), lambda y, a, b: _normal(y) - _log_mass(a, b)),
    "skewnorm": ((1.5,), (-4.0,), (-3, 0.2, 4), lambda y, a: mp.log(2) + _normal(y) + mp.log(mp.ncdf(a * y)))}
DISCRETE = {
    "bernoulli": ((0.3,), (0.9,), (0, 1), lambda k, p: k * mp.log(p) + (1 - k) * mp.log(1 - p)),
    "binom": ((7, 0.4), (40, 0.02), (0, 3, 7), lambda k, n, p: mp.log(mp.binomial(n, k)) + k * mp.log(p) + (n - k) * mp.log(1 - p)),
    "poisson": ((3.2,), (0.4,), (0, 3, 40), lambda k, mu: k * mp.log(mu) - mu - mp.loggamma(k + 1)),
    "nbinom": ((4.3, 0.4), (0.5, 0.9), (0, 3, 40), lambda k, n, p: mp.log(mp.binomial(n + k - 1, k)) + n * mp.log(p) + k * mp.log(1 - p)),
    "geom": ((0.35,), (0.9,), (1, 3, 40), lambda k, p: (k - 1) * mp.log(1 - p) + mp.log(p))}
ALL = {**CONTINUOUS, **DISCRETE}
BAD = {"norm": (), "truncnorm": (2.0, 1.0), "vonmises": (-1.0,), "skewnorm": (np.inf,), "bernoulli": (1.5,), "binom": (4.5, 0.3),
       "nbinom": (2.0, 0.0)}
CASES = [(name, method) for name in ALL for method in (("logpmf", "pmf") if name in DISCRETE else ("logpdf", "pdf")) + (
    "cdf", "logcdf", "sf", "logsf")]


def method_of(name, method):
    """The method called as a user calls it."""
    space = {"scipy": scipy}
    exec(compile(f"def f(x, *p): return scipy.stats.{name}.{method}(x, *p)", "user.py", "exec"), space)
    return space["f"]


def fixed_parameters(name):
    return 2 if name == "binom" else 1  # x, and n


def same(found, expected, rtol, atol=0.0):
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape and found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name, method", CASES)
@pytest.mark.filterwarnings("ignore")
def test_values_everywhere_and_in_a_replay(name, method):
    """To 1e-12 of SciPy's, or as much of its largest value here: log(1 - tiny) has no more digits, nor has SciPy's in far tails."""
    function = method_of(name, method)
    traced = tj.jit(function)
    grid = np.array([-np.inf, -7.0, -2.0, -1.0, 0.0, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 12.0, np.nan])
    if name in ("gamma", "chi2", "weibull_min", "t", "truncnorm"):
        grid = grid[1:]  # their formulas meet inf - inf there, in SciPy too
    rest = (0.1 if name in CONTINUOUS else 1.0,) + ((1.3,) if name in CONTINUOUS else ())
    for shapes in (ALL[name][0], ALL[name][1], BAD.get(name, tuple(-1.0 for _ in ALL[name][0]))):
        shapes = tuple(map(float, shapes))
        for x in (grid, grid[4], grid.reshape(-1, 1)[:, [0, 0]].astype(np.float32)):
            expected = function(x, *shapes, *rest)
            size = np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected))
            if name in DISCRETE and method == "logcdf" and np.all(np.isnan(function(grid[grid < 1], *shapes, *rest))):
                expected = expected * np.nan  # SciPy says 0 above the support of a distribution that does not exist
            same(traced(x, *shapes, *rest), expected, 1e-11, max(1e-12 * min(1.0, size), 1e-15 if method.startswith("log") else 0.0))
    if name in CONTINUOUS:
        same(traced(grid, *shapes, 0.1, -1.0), function(grid, *shapes, 0.1, -1.0), 0)


@pytest.mark.parametrize("name", ALL)
def test_slopes_of_log_densities_against_mpmath(name):
    shapes_of, others, points, truth = ALL[name]
    method = "logpmf" if name in DISCRETE else "logpdf"
    function, continuous = method_of(name, method), name in CONTINUOUS
    with mp.workdps(40):
        for shapes in (shapes_of, others):
            shapes = tuple(map(float, shapes))
            support = getattr(st, name).support(*shapes)
            for y in points:
                if not support[0] <= y <= support[1]:
                    continue
                rest = (0.25, 1.5) if continuous else ()
                x = 0.25 + 1.5 * y if continuous else float(y)

                def exact(*v):
                    if continuous:
                        return truth((v[0] - v[-2]) / v[-1], *v[1:-2]) - mp.log(v[-1])
                    return truth(*v)

                values = (x, *shapes, *rest)
                places = tuple(range(0 if continuous else fixed_parameters(name), len(values)))
                found = tj.grad(function, argnums=places)(*values)
                forward = [tj.jvp(function, values, tuple(float(k == place) for k in range(len(values))))[1] for place in places]
                for place, one, other in zip(places, found, forward):
                    at = [mp.mpf(v) for v in values]
                    expected = float(mp.diff(lambda v: exact(*at[:place], v, *at[place + 1:]), at[place]))
                    np.testing.assert_allclose(one, expected, rtol=1e-12, atol=1e-13, err_msg=f"{values} {place}")
                    np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name, method", CASES)
def test_derivatives_of_both_orders_by_all_continuous_parameters(name, method):
    shapes, _, points, _ = ALL[name]
    function = method_of(name, method)
    counts = fixed_parameters(name) if name in DISCRETE else 0
    points = np.array(points, float)[:, None] if name in DISCRETE else np.array([1.3, 1.7, 1.9])
    if name in ("bernoulli", "binom") and method == "logsf":
        points = points[:-1]  # there it is -inf
    rest = () if name in DISCRETE else (0.7, 1.45) if name != "pareto" else (-0.4, 1.1)
    values = (points, *map(float, shapes), *rest)
    tj.check_grads(lambda *free: function(*values[:counts], *free), values[counts:], rtol=3e-5,
                   order=1 if method in ("sf", "logcdf") else 2)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.filterwarnings("ignore")
def test_outside_of_the_support_derivatives_are_zero(name):
    shapes = tuple(map(float, ALL[name][0]))
    low, high = getattr(st, name).support(*shapes)
    rest = (0.1, 1.3) if name in CONTINUOUS else (1.0,)
    for end, step in ((low, -0.5), (high, 0.5)):
        if not np.isfinite(end):
            continue
        x = rest[0] + end * (rest + (1.0,))[1] + step * 2
        for method in [method for other, method in CASES if other == name]:
            function = method_of(name, method)
            values = (np.array([x, x + step]), *shapes, *rest)
            assert np.array_equal(tj.jit(function)(*values), function(*values))
            found = tj.grad(lambda *v: np.sum(function(*v)), argnums=tuple(range(len(values))))(*values)
            for place, (slope, value) in enumerate(zip(found, values)):
                assert np.array_equal(slope, np.zeros(np.shape(value))), (method, place)


@pytest.mark.parametrize("name", [name for name in ALL if name != "cauchy"])
def test_moments(name):
    shapes = tuple(map(float, ALL[name][0]))
    counts = 1 if name == "binom" else 0
    rest = (0.3, 1.7) if name in CONTINUOUS else (2.0,)
    covered = [m for m in ("mean", "var", "std", "entropy", "stats") if m in getattr(tj.scipy.stats, name).methods]
    assert covered
    for method in covered:
        function = lambda *p: np.asarray(getattr(getattr(st, name), method)(*p))[()]
        same(tj.jit(function)(*shapes, *rest), function(*shapes, *rest), 1e-12, 1e-14)
        tj.check_grads(lambda *p: function(*shapes[:counts], *p), (*shapes[counts:], *rest), order=2)


# --- vectors and matrices ---------------------------------------------------------------------------------------------


def symmetric(a):
    return 0.5 * (a + a.T)


P = np.array([[2.0, 0.3, 0.1], [0.3, 1.0, 0.2], [0.1, 0.2, 1.5]])
V = np.array([0.1, 0.2, 0.3])
X = np.array([[0.5, -1.0, 0.2], [1.5, 0.3, -0.7], [0.0, 2.0, 1.0], [0.1, 0.1, 0.1]])
VECTORS = {
    "full": (lambda x, m, c: mvn.logpdf(x, mean=m, cov=symmetric(c)), X, V, P),
    "stack": (lambda x, m, c: st.multivariate_normal(m, symmetric(c)).pdf(x), X.reshape(2, 2, 3), V, P),
    "one": (lambda x, m, c: scipy.stats.multivariate_normal.logpdf(x, m, symmetric(c)), X[0], V, P),
    "scalar cov": (lambda x, m, c: mvn.logpdf(x, m, c), X, V, 1.3),
    "diagonal cov": (lambda x, m, c: mvn.pdf(x, m, cov=c), X, V, np.array([1.0, 2.0, 0.5])),
    "one-dimensional": (lambda x, m, c: mvn.logpdf(x, m, c), X[:, 0], 0.3, 1.3),
    "standard": (lambda x: mvn.logpdf(x), X[0]),
    "dirichlet": (lambda x, a: st.dirichlet.logpdf(x, a), np.array([0.2, 0.3]), np.array([1.3, 2.0, 0.7])),
    "dirichlet of columns": (lambda x, a: st.dirichlet(a).pdf(x), np.array([[0.2, 0.3], [0.4, 0.1]]), np.array([1.3, 2.0, 0.7])),
    "multinomial": (lambda p: st.multinomial.logpmf([[1, 2, 3], [2, 2, 2], [1, 1, 1]], 6, p / np.sum(p))[:2], np.array([0.3, 0.2, 0.5])),
    "multinomial frozen": (lambda p: st.multinomial(6, p / p.sum()).pmf([1, 2, 3]), np.array([0.3, 0.2, 0.5])),
    "wishart": (lambda x, df, s: st.wishart.logpdf(symmetric(x), df, symmetric(s)), P, 4.5, P + np.eye(3)),
    "wishart of several": (lambda x, df, s: st.wishart(df, symmetric(s)).logpdf(np.stack([symmetric(x), 2 * symmetric(x)], 2)), P, 4.5, P)}


@pytest.mark.parametrize("name", VECTORS)
def test_vectors_and_matrices(name):
    function, *values = VECTORS[name]
    traced = tj.jit(function)
    for factor in (1.0, 1.1) if "dirichlet" not in name else (1.0, 0.9):
        moved = [v * factor for v in values]
        same(traced(*moved), function(*moved), 1e-12, 1e-13)
    tj.check_grads(function, tuple(values), order=2)


def test_a_multinomial_count_that_cannot_be_has_probability_zero():
    function = lambda p: st.multinomial.logpmf([[1, 1, 1], [1, 2, 3]], 6, p)
    p = np.array([0.25, 0.25, 0.5])
    assert np.array_equal(np.isfinite(tj.jit(function)(p)), [False, True])
    assert np.array_equal(tj.grad(lambda p: function(p)[0])(p), [0, 0, 0])


# --- as users write it -------------------------------------------------------------------------------------------------

frozen_outside = norm(1.0, 2.0)
frozen_normal = mvn([0.5, 1.0], [[2.0, 0.3], [0.3, 1.0]])
RNG = np.random.default_rng(0)
DATA = RNG.standard_normal((30, 3))
LABELS = (RNG.random(30) < 0.4).astype(int)
TARGETS = DATA @ [1.0, -2.0, 0.5] + 0.3 * RNG.standard_normal(30)


def logistic_posterior(w):
    p = 1 / (1 + np.exp(-DATA @ w))
    return scipy.stats.norm.logpdf(w, 0, 2.5).sum() + st.bernoulli.logpmf(LABELS, p).sum()


def linear_posterior(theta):
    w, log_sigma = theta[:3], theta[3]
    sigma = np.exp(log_sigma)
    prior = norm.logpdf(w, scale=10).sum() + st.expon(scale=2.0).logpdf(sigma) + log_sigma
    return prior + np.sum(norm(loc=DATA @ w, scale=sigma).logpdf(TARGETS))


def robust_posterior(theta):
    from scipy.stats import gamma, t
    return np.sum(t.logpdf(TARGETS, df=np.exp(theta[3]), loc=DATA @ theta[:3], scale=0.5)) + gamma(2, scale=10).logpdf(np.exp(theta[3]))


def counts(theta):
    return st.poisson(np.exp(DATA @ theta[:3])).logpmf(LABELS).sum() + st.nbinom.logpmf(LABELS, np.exp(theta[3]), 0.4).sum()


class Model:
    def __init__(self):
        self.priors = [norm(0, 2), st.cauchy(loc=1), st.gamma(2.0, scale=3), frozen_outside]

    def __call__(self, theta):
        return sum(prior.logpdf(np.exp(value)) for prior, value in zip(self.priors, theta)) + frozen_normal.logpdf(theta[:2])


def survival(theta):
    times, seen = np.abs(TARGETS) + 0.1, LABELS == 1
    d = st.weibull_min(np.exp(theta[0]), scale=np.exp(theta[1]))
    likelihood = np.sum(np.where(seen, d.logpdf(times), d.logsf(times)))
    return likelihood + frozen_outside.cdf(theta[2]) + beta(a=2, b=3).logpdf(0.1 + theta[3] ** 2)


@pytest.mark.parametrize("function", [logistic_posterior, linear_posterior, robust_posterior, counts, Model(), survival])
def test_log_posteriors_in_unmodified_code(function):
    theta = np.array([0.3, -0.2, 0.5, 0.1])[:3 if function is logistic_posterior else 4]
    traced = tj.value_and_grad(function)
    for at in (theta, 1.2 * theta):
        value, gradient = traced(at)
        np.testing.assert_allclose(value, function(at), rtol=1e-12)
        differences = [(function(at + d) - function(at - d)) / 2e-6 for d in 1e-6 * np.eye(len(at))]
        np.testing.assert_allclose(gradient, differences, rtol=1e-6, atol=1e-6)
    tj.check_grads(function, (theta,), order=2)


def test_truncation_by_traced_and_infinite_bounds():
    function = lambda mu, sigma: st.truncnorm.logpdf(np.array([0.3, 2.0]), (0 - mu) / sigma, (np.inf - mu) / sigma, mu, sigma).sum()
    np.testing.assert_allclose(tj.jit(function)(0.5, 1.2), function(0.5, 1.2), rtol=1e-12)
    found = tj.grad(function, argnums=(0, 1))(0.5, 1.2)
    np.testing.assert_allclose(found, [(function(0.5 + 1e-6, 1.2) - function(0.5 - 1e-6, 1.2)) / 2e-6,
                                       (function(0.5, 1.2 + 1e-6) - function(0.5, 1.2 - 1e-6)) / 2e-6], rtol=1e-7)


def test_numbers_are_scipys_own_and_mistakes_raise_its_errors():
    assert tj.jit(lambda x: x + norm.ppf(0.3) + st.gamma(2.0).ppf(0.2))(1.0) == 1.0 + norm.ppf(0.3) + st.gamma(2.0).ppf(0.2)
    for wrong in (lambda x: norm.logpdf(x, 1, 2, 3), lambda x: st.gamma.logpdf(x), lambda x: norm.logpdf(x, nonsense=1),
                  lambda x: norm.pdf()):
        with pytest.raises(TypeError):
            wrong(1.0)
        with pytest.raises(TypeError):
            tj.jit(wrong)(1.0)
    for wrong in (lambda x: mvn.logpdf(x, [0.0, 0.0], np.eye(3)), lambda x: st.dirichlet.logpdf(x, [1.0, -1.0]),
                  lambda x: st.dirichlet.logpdf(x, [1.0, 1.0]), lambda x: mvn.logpdf(x, cov=-np.eye(2))):
        with pytest.raises(ValueError):
            wrong(np.array([0.9, 0.9]))
        with pytest.raises(ValueError):
            tj.jit(wrong)(np.array([0.9, 0.9]))


@pytest.mark.parametrize("function", [
    lambda x: norm.expect(loc=x), lambda x: st.t(x).entropy(), lambda x: st.poisson(x).entropy(),
    lambda x: st.gamma.rvs(x, random_state=1), lambda x: norm(x).stats("mvs"), lambda x: st.vonmises.rvs(2.0, x)])
def test_what_is_not_covered_is_refused_by_name(function):
    with pytest.raises(tj.errors.UnsupportedError, match="scipy.stats.*cover"):
        tj.jit(function)(0.3)


def test_drawing_inside_is_never_replayed():
    drawn = tj.jit(lambda x: x + norm.rvs(random_state=RNG))
    with pytest.warns(match="draws from scipy.stats.norm"):
        assert drawn(1.0) != drawn(1.0)


def test_the_parameters_of_frozen_distributions_are_read_anew():
    centre = np.zeros(3)
    prior = norm(centre, 1.0)
    function = tj.jit(lambda x: prior.logpdf(x).sum())
    for value in (0.0, 1.0):
        centre[:] = value
        np.testing.assert_allclose(function(V), norm(centre, 1.0).logpdf(V).sum(), rtol=1e-12)
