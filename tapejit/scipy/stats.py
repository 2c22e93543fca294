"""scipy.stats for differentiated code: densities and distribution functions, stated in their standard forms.

Covered are logpdf, pdf, cdf, logcdf, sf, logsf (pmf, logpmf of discrete ones), ppf, isf, median, interval, rvs of continuous ones and,
where they are a line, mean, var, std, moment and entropy, by the quantile and all parameters; a quantile of a discrete distribution is a
count and has no derivative, nor has n of binom. Frozen distributions are covered too. Of distributions that are not stated here SciPy's own
formulas are traced, where that goes (`borrowed.py`). All other methods and names are SciPy's own.
Formulas: Johnson, Kotz, Balakrishnan, Continuous Univariate Distributions. To add a distribution, state it here.
Read next: `univariate.py` (what is shared), `multivariate.py`, `kde.py`, `descriptive.py`.
"""

import importlib
import math

import numpy as np

from ..ops import OPS
from ..ops.stencils import scipy_special
from ..trace.recorder import current_trace
from ..trace.watch import watch
from . import names_of
from .borrowed import borrowed
from .descriptive import (
    entropy, gmean, hmean, kurtosis, median_abs_deviation, moment, pearsonr, pmean, sem, skew, trim_mean, variation, zmap, zscore)
from .distributions import Frozen, choose, fixed
from .kde import gaussian_kde, known_density
from .multivariate import dirichlet, multinomial, multivariate_normal, multivariate_t, wishart
from .univariate import Univariate

__getattr__, __dir__ = names_of(__name__)

LOG_2, LOG_PI, LOG_2PI = float(np.log(2)), float(np.log(np.pi)), float(np.log(2 * np.pi))
POSITIVE, UNIT = (0.0, np.inf), (0.0, 1.0)


class _Special:
    """The ufuncs of scipy.special, which is imported when the first of them is used. They are traced by NumPy's hook."""

    def __getattr__(self, name):
        return getattr(scipy_special(), name)


sc = _Special()


def _log_normal_density(y):
    return -0.5 * np.square(y) - 0.5 * LOG_2PI


def _log_of_complement(log_p):
    """log(1 - exp(log_p)), by the form that keeps its digits."""
    small = log_p < -LOG_2
    return choose(small, np.log1p(-np.exp(choose(small, log_p, -1.0))), np.log(-np.expm1(choose(small, -1.0, log_p))))


# --- on the whole line -------------------------------------------------------------------------------------------------

norm = Univariate(
    "norm", symmetric=True, logpdf=_log_normal_density, cdf=lambda y: sc.ndtr(y), logcdf=lambda y: sc.log_ndtr(y),
    ppf=lambda q: sc.ndtri(q), raw=lambda n: 0.0 if n % 2 else float(math.prod(range(1, n, 2))), entropy=lambda: 0.5 * (LOG_2PI + 1))


def _log_t_density(y, df):
    infinite = np.isinf(df)
    n = choose(infinite, 1.0, df)
    density = -sc.betaln(0.5 * n, 0.5) - 0.5 * np.log(n) - 0.5 * (n + 1) * np.log1p(np.square(y) / n)
    return choose(infinite, _log_normal_density(y), density)


def _above(x, bound, value, otherwise=np.inf):
    """value(x) where x > bound, else the constant."""
    inside = x > bound
    return choose(inside, value(choose(inside, x, bound + 1.0)), otherwise)


def _t_variance(df):
    large = np.isinf(df)
    n = choose(large, 3.0, df)
    return choose(large, 1.0, _above(n, 2, lambda n: n / (n - 2), choose(n > 1, np.inf, np.nan)))


t = Univariate(
    "t", symmetric=True, logpdf=_log_t_density, cdf=lambda y, df: sc.stdtr(df, y), mean=lambda df: choose(df > 1, 0.0, np.inf),
    var=_t_variance)


def _laplace_cdf(y):
    left = y <= 0
    return choose(left, 0.5 * np.exp(choose(left, y, 0.0)), 1 - 0.5 * np.exp(choose(left, 0.0, -y)))


def _laplace_logcdf(y):
    left = y <= 0
    return choose(left, choose(left, y, 0.0) - LOG_2, np.log1p(-0.5 * np.exp(choose(left, 0.0, -y))))


laplace = Univariate(
    "laplace", symmetric=True, logpdf=lambda y: -LOG_2 - np.abs(y), cdf=_laplace_cdf, logcdf=_laplace_logcdf,
    ppf=lambda q: choose(q > 0.5, -np.log(2 * (1 - q)), np.log(2 * q)), raw=lambda n: 0.0 if n % 2 else float(math.factorial(n)),
    entropy=lambda: LOG_2 + 1)
logistic = Univariate(
    "logistic", symmetric=True, logpdf=lambda y: sc.log_expit(y) + sc.log_expit(-y), cdf=lambda y: sc.expit(y),
    logcdf=lambda y: sc.log_expit(y), ppf=lambda q: sc.logit(q), mean=lambda: 0.0, var=lambda: np.pi**2 / 3, entropy=lambda: 2.0)
cauchy = Univariate(
    "cauchy", symmetric=True, logpdf=lambda y: -LOG_PI - np.log1p(np.square(y)), cdf=lambda y: np.arctan2(1.0, -y) / np.pi,
    ppf=lambda q: choose(q < 0.5, -1.0, 1.0) / np.tan(np.pi * choose(q < 0.5, q, 1 - q)), mean=lambda: np.nan, var=lambda: np.nan,
    entropy=lambda: float(np.log(4 * np.pi)))


def _skew_mean(a):
    return np.sqrt(2 / np.pi) * a / np.sqrt(1 + np.square(a))


skewnorm = Univariate(
    "skewnorm", check=lambda a: np.isfinite(a), logpdf=lambda y, a: LOG_2 + _log_normal_density(y) + sc.log_ndtr(a * y),
    cdf=lambda y, a: OPS["skew_normal_cdf"](y, a), sf=lambda y, a: OPS["skew_normal_cdf"](-y, -a),
    mean=_skew_mean, var=lambda a: 1 - np.square(_skew_mean(a)))
vonmises = Univariate(
    "vonmises", check=lambda kappa: kappa >= 0, draws=False,
    logpdf=lambda y, kappa: -2 * kappa * np.square(np.sin(0.5 * y)) - LOG_2PI - np.log(sc.i0e(kappa)),
    cdf=lambda y, kappa: OPS["von_mises_cdf"](y, kappa), sf=lambda y, kappa: 1 - OPS["von_mises_cdf"](y, kappa),
    entropy=lambda kappa: kappa + LOG_2PI + np.log(sc.i0e(kappa)) - kappa * sc.i1e(kappa) / sc.i0e(kappa))

# --- on the positive half-line -----------------------------------------------------------------------------------------


def _rising(a, n):
    """a (a + 1) ... (a + n - 1)."""
    return math.prod([a + k for k in range(1, n)], start=a)


gamma = Univariate(
    "gamma", support=POSITIVE, logpdf=lambda y, a: sc.xlogy(a - 1, y) - y - sc.gammaln(a), cdf=lambda y, a: sc.gammainc(a, y),
    sf=lambda y, a: sc.gammaincc(a, y), ppf=lambda q, a: sc.gammaincinv(a, q), isf=lambda q, a: sc.gammainccinv(a, q),
    raw=lambda n, a: _rising(a, n), var=lambda a: a,
    entropy=lambda a: a + sc.gammaln(a) + (1 - a) * sc.psi(a))
chi2 = Univariate(
    "chi2", support=POSITIVE,
    logpdf=lambda y, df: sc.xlogy(0.5 * df - 1, y) - 0.5 * y - sc.gammaln(0.5 * df) - 0.5 * LOG_2 * df,
    cdf=lambda y, df: sc.gammainc(0.5 * df, 0.5 * y), sf=lambda y, df: sc.gammaincc(0.5 * df, 0.5 * y),
    ppf=lambda q, df: 2 * sc.gammaincinv(0.5 * df, q), isf=lambda q, df: 2 * sc.gammainccinv(0.5 * df, q),
    raw=lambda n, df: 2**n * _rising(0.5 * df, n), var=lambda df: 2 * df,
    entropy=lambda df: 0.5 * df + LOG_2 + sc.gammaln(0.5 * df) + (1 - 0.5 * df) * sc.psi(0.5 * df))
invgamma = Univariate(
    "invgamma", support=POSITIVE, closed=False, logpdf=lambda y, a: -(a + 1) * np.log(y) - sc.gammaln(a) - 1 / y,
    cdf=lambda y, a: sc.gammaincc(a, 1 / y), sf=lambda y, a: sc.gammainc(a, 1 / y), draws="inverse",
    ppf=lambda q, a: 1 / sc.gammainccinv(a, q), isf=lambda q, a: 1 / sc.gammaincinv(a, q),
    raw=lambda n, a: _above(a, n, lambda a: 1 / math.prod([a - k for k in range(2, n + 1)], start=a - 1)),
    var=lambda a: _above(a, 2, lambda a: 1 / (np.square(a - 1) * (a - 2))),
    entropy=lambda a: a + sc.gammaln(a) - (1 + a) * sc.psi(a))
expon = Univariate(
    "expon", support=POSITIVE, logpdf=lambda y: -y, cdf=lambda y: -np.expm1(-y), sf=lambda y: np.exp(-y), logsf=lambda y: -y,
    logcdf=lambda y: _log_of_complement(-y), ppf=lambda q: -np.log1p(-q), isf=lambda q: -np.log(q),
    raw=lambda n: float(math.factorial(n)), var=lambda: 1.0, entropy=lambda: 1.0)
lognorm = Univariate(
    "lognorm", support=POSITIVE, closed=False,
    logpdf=lambda y, s: -0.5 * np.square(np.log(y) / s) - np.log(s) - np.log(y) - 0.5 * LOG_2PI,
    cdf=lambda y, s: sc.ndtr(np.log(y) / s), sf=lambda y, s: sc.ndtr(-np.log(y) / s), logcdf=lambda y, s: sc.log_ndtr(np.log(y) / s),
    logsf=lambda y, s: sc.log_ndtr(-np.log(y) / s), ppf=lambda q, s: np.exp(s * sc.ndtri(q)), isf=lambda q, s: np.exp(-s * sc.ndtri(q)),
    draws="normal", raw=lambda n, s: np.exp(0.5 * np.square(n * s)),
    var=lambda s: np.expm1(np.square(s)) * np.exp(np.square(s)), entropy=lambda s: 0.5 * (LOG_2PI + 1) + np.log(s))
pareto = Univariate(
    "pareto", support=(1.0, np.inf), inner=2.0, logpdf=lambda y, b: np.log(b) - (b + 1) * np.log(y),
    cdf=lambda y, b: -np.expm1(-b * np.log(y)), sf=lambda y, b: np.exp(-b * np.log(y)), logsf=lambda y, b: -b * np.log(y),
    logcdf=lambda y, b: _log_of_complement(-b * np.log(y)), ppf=lambda q, b: (1 - q) ** (-1 / b), isf=lambda q, b: q ** (-1 / b),
    draws="inverse", raw=lambda n, b: _above(b, n, lambda b: b / (b - n)),
    var=lambda b: _above(b, 2, lambda b: b / (np.square(b - 1) * (b - 2))), entropy=lambda b: 1 + 1 / b - np.log(b))
weibull_min = Univariate(
    "weibull_min", support=POSITIVE, logpdf=lambda y, c: np.log(c) + sc.xlogy(c - 1, y) - y**c, cdf=lambda y, c: -np.expm1(-y**c),
    sf=lambda y, c: np.exp(-y**c), logsf=lambda y, c: -y**c, logcdf=lambda y, c: _log_of_complement(-y**c),
    ppf=lambda q, c: (-np.log1p(-q)) ** (1 / c), isf=lambda q, c: (-np.log(q)) ** (1 / c), draws="inverse",
    raw=lambda n, c: sc.gamma(1 + n / c), entropy=lambda c: np.euler_gamma * (1 - 1 / c) - np.log(c) + 1)

# --- on an interval ----------------------------------------------------------------------------------------------------

uniform = Univariate(
    "uniform", support=UNIT, logpdf=lambda y: 0 * y, cdf=lambda y: y, sf=lambda y: 1 - y, logsf=lambda y: np.log1p(-y),
    ppf=lambda q: q, isf=lambda q: 1 - q, raw=lambda n: 1 / (n + 1), var=lambda: 1 / 12, entropy=lambda: 0.0)
beta = Univariate(
    "beta", support=UNIT, logpdf=lambda y, a, b: sc.xlog1py(b - 1, -y) + sc.xlogy(a - 1, y) - sc.betaln(a, b),
    cdf=lambda y, a, b: sc.betainc(a, b, y), sf=lambda y, a, b: sc.betaincc(a, b, y),
    ppf=lambda q, a, b: sc.betaincinv(a, b, q), isf=lambda q, a, b: sc.betainccinv(a, b, q),
    raw=lambda n, a, b: _rising(a, n) / _rising(a + b, n),
    var=lambda a, b: a * b / (np.square(a + b) * (a + b + 1)),
    entropy=lambda a, b: sc.betaln(a, b) - (a - 1) * sc.psi(a) - (b - 1) * sc.psi(b) + (a + b - 2) * sc.psi(a + b))


def _log_ndtr(x):
    """log_ndtr, with derivative 0 at infinity."""
    infinite = np.isinf(x)
    return choose(infinite, choose(x > 0, 0.0, -np.inf), sc.log_ndtr(choose(infinite, 0.0, x)))


def _log_mass(a, b):
    """log(ndtr(b) - ndtr(a)) for a <= b: on the side of 0 where both tails are small, or across 0."""
    right = a > 0
    left = b <= 0
    across = ~(right | left)
    low, high = choose(right, -b, a), choose(right, -a, b)  # both mirrored to the left half
    upper, lower = _log_ndtr(choose(across, 0.0, high)), _log_ndtr(choose(across, -1.0, low))
    one_side = upper + _log_of_complement(lower - upper)
    both = np.log1p(-np.exp(_log_ndtr(choose(across, a, -1.0))) - np.exp(_log_ndtr(choose(across, -b, -1.0))))
    return choose(across, both, one_side)


def _middle(a, b):
    """A point between a and b, of which either may be infinite."""
    low, high = choose(np.isinf(a), choose(np.isinf(b), -1.0, b - 2), a), choose(np.isinf(b), choose(np.isinf(a), 1.0, a + 2), b)
    return fixed(0.5 * (low + high))


def _at_end(x):
    """(density, x times it) of the normal distribution at an end: 0 where it is infinite."""
    infinite = np.isinf(x)
    x = choose(infinite, 0.0, x)
    density = choose(infinite, 0.0, np.exp(_log_normal_density(x)))
    return density, x * density


def _truncated(method):
    def moment(a, b):
        (low, a_low), (high, b_high), mass = _at_end(a), _at_end(b), np.exp(_log_mass(a, b))
        mean = (low - high) / mass
        if method == "mean":
            return mean
        if method == "var":
            return 1 + (a_low - b_high) / mass - np.square(mean)
        return 0.5 * (LOG_2PI + 1) + np.log(mass) + (a_low - b_high) / (2 * mass)
    return moment


truncnorm = Univariate(
    "truncnorm", support=lambda a, b: (a, b), check=lambda a, b: a < b, inner=_middle,
    logpdf=lambda y, a, b: _log_normal_density(y) - _log_mass(a, b),
    logcdf=lambda y, a, b: _log_mass(a, y) - _log_mass(a, b), cdf=lambda y, a, b: np.exp(_log_mass(a, y) - _log_mass(a, b)),
    logsf=lambda y, a, b: _log_mass(y, b) - _log_mass(a, b), sf=lambda y, a, b: np.exp(_log_mass(y, b) - _log_mass(a, b)),
    draws="inverse", mean=_truncated("mean"), var=_truncated("var"), entropy=_truncated("entropy"))

# --- of counts ---------------------------------------------------------------------------------------------------------


def _probability(p):
    return (p >= 0) & (p <= 1)


bernoulli = Univariate(
    "bernoulli", support=UNIT, inner=0.0, check=_probability, logpmf=lambda k, p: sc.xlogy(k, p) + sc.xlog1py(1 - k, -p),
    pmf=lambda k, p: np.where(k == 1, p, 1 - p) + 0 * k, cdf=lambda k, p: 1 - p + 0 * k, sf=lambda k, p: p + 0 * k,
    raw=lambda n, p: p, var=lambda p: p * (1 - p), entropy=lambda p: sc.entr(p) + sc.entr(1 - p))


def _log_binomial_mass(k, n, p):
    n = fixed(n)
    return -np.log1p(n) - sc.betaln(n - k + 1, k + 1) + sc.xlogy(k, p) + sc.xlog1py(n - k, -p)


binom = Univariate(
    "binom", support=lambda n, p: (0.0, fixed(n)), inner=0.0, check=lambda n, p: (n >= 0) & (n == np.floor(n)) & _probability(p),
    logpmf=_log_binomial_mass, cdf=lambda k, n, p: sc.betaincc(k + 1, choose(fixed(n) > k, fixed(n) - k, 1.0), p),
    sf=lambda k, n, p: sc.betainc(k + 1, choose(fixed(n) > k, fixed(n) - k, 1.0), p),
    mean=lambda n, p: fixed(n) * p, var=lambda n, p: fixed(n) * p * (1 - p))
poisson = Univariate(
    "poisson", support=POSITIVE, inner=0.0, check=lambda mu: mu >= 0, logpmf=lambda k, mu: sc.xlogy(k, mu) - sc.gammaln(k + 1) - mu,
    cdf=lambda k, mu: sc.gammaincc(k + 1, mu), sf=lambda k, mu: sc.gammainc(k + 1, mu), mean=lambda mu: mu, var=lambda mu: mu)
nbinom = Univariate(
    "nbinom", support=POSITIVE, inner=0.0, check=lambda n, p: (n > 0) & (p > 0) & (p <= 1),
    logpmf=lambda k, n, p: -sc.betaln(n, k + 1) - np.log(n + k) + n * np.log(p) + sc.xlog1py(k, -p),
    cdf=lambda k, n, p: sc.betainc(n, k + 1, p), sf=lambda k, n, p: sc.betaincc(n, k + 1, p),
    mean=lambda n, p: n * (1 - p) / p, var=lambda n, p: n * (1 - p) / np.square(p))
geom = Univariate(
    "geom", support=(1.0, np.inf), inner=1.0, check=lambda p: (p > 0) & (p <= 1),
    logpmf=lambda k, p: sc.xlog1py(k - 1, -p) + np.log(p), cdf=lambda k, p: -np.expm1(k * np.log1p(-p)),
    sf=lambda k, p: np.exp(k * np.log1p(-p)), logsf=lambda k, p: k * np.log1p(-p),
    mean=lambda p: 1 / p, var=lambda p: (1 - p) / np.square(p), entropy=lambda p: (sc.entr(p) + sc.entr(1 - p)) / p)

DISTRIBUTIONS = (
    norm, t, beta, gamma, chi2, expon, laplace, logistic, lognorm, uniform, cauchy, pareto, weibull_min, invgamma, vonmises, truncnorm,
    skewnorm, bernoulli, binom, poisson, nbinom, geom, multivariate_normal, multivariate_t, dirichlet, multinomial, wishart)
FUNCTIONS = (entropy, gmean, hmean, kurtosis, median_abs_deviation, moment, pearsonr, pmean, sem, skew, trim_mean, variation, zmap, zscore)
__all__ = [*(distribution.name for distribution in DISTRIBUTIONS), *(function.__name__ for function in FUNCTIONS), "gaussian_kde"]


def instances(stats):
    """What stands for frozen distributions that were made outside of the traced code."""
    known = {type(getattr(stats, d.name)): d for d in DISTRIBUTIONS if isinstance(d, Univariate)}

    def watched(frozen, parameters):
        """Enter what was read of an object: its attributes of these names, and what they hold."""
        trace = current_trace()
        if trace is not None and trace.reads is not None:
            for name, value in parameters.items():
                if name in vars(frozen):
                    trace.reads.value("attribute", frozen, name, value, f"{name} of a frozen distribution")
            watch(trace.reads, parameters, "the parameters of a frozen distribution")

    def of_univariate(frozen):
        ours = known.get(type(frozen.dist)) or borrowed(getattr(importlib.import_module("scipy.stats"), frozen.dist.name, None))
        if ours is None or type(frozen.dist) is not type(ours.original):
            return frozen
        watched(frozen, {"args": frozen.args, "kwds": frozen.kwds})
        return Frozen(ours, frozen.args, frozen.kwds, frozen)

    def of_multivariate(ours, names):
        def convert(frozen):
            kwds = {name: getattr(frozen, name) for name in names}
            watched(frozen, kwds)
            return Frozen(ours, (), kwds, frozen)
        return convert

    def of_density(kde):
        watched(kde, {"dataset": kde.dataset, "_weights": kde.weights, "factor": kde.factor, "covariance": kde.covariance})
        return known_density(kde)

    def of_distribution(original):
        return borrowed(original) or original

    return {stats.rv_continuous: of_distribution, stats.rv_discrete: of_distribution, stats.gaussian_kde: of_density,
            type(stats.norm()): of_univariate, type(stats.poisson(1)): of_univariate,
            type(stats.multivariate_normal()): of_multivariate(multivariate_normal, ("mean", "cov")),
            type(stats.multivariate_t()): of_multivariate(multivariate_t, ("loc", "shape", "df")),
            type(stats.dirichlet([1, 1])): of_multivariate(dirichlet, ("alpha",)),
            type(stats.multinomial(1, [1])): of_multivariate(multinomial, ("n", "p")),
            type(stats.wishart(1, 1)): of_multivariate(wishart, ("df", "scale"))}
