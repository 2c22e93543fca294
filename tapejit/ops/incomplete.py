"""Elementwise rows of scipy.special: incomplete gamma and beta functions and the distributions that they are.

By x, the derivative is a density, which is a row with derivatives of its own. By the shape parameters no formula is known:
those derivatives are taken numerically (`stencils.py`), of whichever tail is smaller, so that they keep their relative accuracy there.
Read next: `gamma_functions.py`, `stencils.py`.
"""

from .comparisons import floor, greater_equal, where
from .elementwise import log, log1p, square
from .error_functions import special
from .gamma_functions import polygamma, psi, psi_difference
from .stencils import in_doubles, refused, scipy_special, slope
from .table import elementwise

THIRD = "derivatives in the shape parameters are available to second order"


def trigamma(x):
    return polygamma(1, x)


# --- gamma ---------------------------------------------------------------------------------------------------------


def _stirling_error(np, a):
    """gammaln(a) - (a - 1/2) log(a) + a - log(2 pi) / 2, without cancellation."""
    large = np.maximum(a, 16.0)
    z = 1 / (large * large)
    series = (1 / 12 - z * (1 / 360 - z * (1 / 1260 - z * (1 / 1680 - z * (1 / 1188 - z * (691 / 360360 - z / 156)))))) / large
    small = np.minimum(a, 16.0)
    direct = scipy_special().gammaln(small) - (small - 0.5) * np.log(small) + small - 0.5 * np.log(2 * np.pi)
    return np.where(a < 16, direct, series)


def _log1pmx(np, u):
    """log(1 + u) - u, without cancellation near 0."""
    near = np.abs(u) < 0.4
    us = np.where(near, u, 0.0)
    r = us / (2 + us)  # log(1 + u) = 2 (r + r^3 / 3 + ...), u = 2 r / (1 - r)
    total, power_ = np.zeros(u.shape), r * r * r
    for k in range(3, 35, 2):
        total = total + power_ / k
        power_ = power_ * r * r
    return np.where(near, 2 * total - r * us, np.log1p(np.where(near, 0.0, u)) - u)


def _gamma_density(np, a, x):
    """x^(a - 1) exp(-x) / Gamma(a), by the deviance of x from a (C. Loader): nothing large is subtracted."""
    with_deviance = np.exp(a * _log1pmx(np, (x - a) / a) - _stirling_error(np, a)) * np.sqrt(a / (2 * np.pi)) / x
    direct = np.exp((a - 1) * np.log(x) - x - scipy_special().gammaln(a))
    return np.where((x > 0) & (a > 0), np.where(a < 1, direct, with_deviance),
                    np.where(x == 0, np.where(a == 1, 1.0, np.where(a > 1, 0.0, np.inf)), np.where(x > 0, np.nan, 0.0)))


gamma_density = elementwise(
    None, lambda a, b, y: (y * (log(b) - psi(a)), y * ((a - 1) / b - 1)), evaluate=in_doubles(_gamma_density), zero_safe=True,
    domain="positive", doc="b**(a-1) * exp(-b) / gamma(a): the density of the gamma distribution of shape a.")


def _radius(np, a, rate):
    """How far a shape may move: not to 0, no more than a standard deviation, and no farther than the tail changes by a few e-folds."""
    return np.minimum(np.minimum(0.2 * a, 0.7 * np.sqrt(a)), 1.5 / (0.01 + np.abs(rate)))


def _gammainc_slope(order):
    def evaluate(np, a, x):
        special_ = scipy_special()
        radius = _radius(np, a, np.log(x) - special_.psi(a))
        lower = slope(np, lambda at: special_.gammainc(at, x), a, radius, order)
        upper = slope(np, lambda at: special_.gammaincc(at, x), a, radius, order)
        return np.where(x > 0, np.where(special_.gammainc(a, x) < 0.5, lower, -upper), 0.0)

    return in_doubles(evaluate)


gammainc_aa = elementwise(
    None, lambda a, b, y: (refused("gammainc", "a to third order", THIRD),
                           lambda: gamma_density(a, b) * (square(log(b) - psi(a)) - trigamma(a))),
    evaluate=_gammainc_slope(2), zero_safe=True, domain="positive", doc="The second derivative of gammainc in its first operand.")
gammainc_a = elementwise(
    None, lambda a, b, y: (lambda: gammainc_aa(a, b), lambda: gamma_density(a, b) * (log(b) - psi(a))), evaluate=_gammainc_slope(1),
    zero_safe=True, domain="positive", doc="The derivative of gammainc in its first operand.")


gammainc = special("gammainc", lambda a, b, y: (lambda: gammainc_a(a, b), lambda: gamma_density(a, b)), zero_safe=True, domain="positive",
                   doc="Regularised lower incomplete gamma function.")
gammaincc = special("gammaincc", lambda a, b, y: (lambda: -gammainc_a(a, b), lambda: -gamma_density(a, b)), zero_safe=True,
                    domain="positive", doc="Regularised upper incomplete gamma function.")
gammaincinv = special(
    "gammaincinv", lambda a, b, y: (lambda: -gammainc_a(a, y) / gamma_density(a, y), lambda: 1 / gamma_density(a, y)), zero_safe=True,
    domain=("above_one", "probability"), doc="Inverse of gammainc in its second operand.")
gammainccinv = special(
    "gammainccinv", lambda a, b, y: (lambda: -gammainc_a(a, y) / gamma_density(a, y), lambda: -1 / gamma_density(a, y)), zero_safe=True,
    domain=("above_one", "probability"), doc="Inverse of gammaincc in its second operand.")

# --- beta ----------------------------------------------------------------------------------------------------------


def _beta_density(np, a, b, x):
    """x^(a - 1) (1 - x)^(b - 1) / B(a, b), by the deviance of x from a / (a + b) where the shapes are large."""
    n = a + b
    large = (a > 2) & (b > 2)
    a1, b1 = np.where(large, a, 2.0), np.where(large, b, 2.0)
    n1 = a1 + b1
    miss = x * n1 - a1  # n x - a = -(n (1 - x) - b)
    deviance = a1 * _log1pmx(np, miss / a1) + b1 * _log1pmx(np, -miss / b1)
    scale = np.sqrt(a1 * b1 / (2 * np.pi * n1)) * np.exp(_stirling_error(np, n1) - _stirling_error(np, a1) - _stirling_error(np, b1))
    with_deviance = np.exp(deviance) * scale / (x * (1 - x))
    special_ = scipy_special()
    direct = np.exp(special_.xlogy(a - 1, x) + special_.xlog1py(b - 1, -x) - special_.betaln(a, b))
    inside = (x > 0) & (x < 1)
    return np.where(inside & large & (n > 0), with_deviance, np.where((x >= 0) & (x <= 1), direct, np.where(np.isnan(x), np.nan, 0.0)))


beta_density = elementwise(
    None, lambda a, b, c, y: (y * (log(c) + psi_difference(a, b)), y * (log1p(-c) + psi_difference(b, a)),
                              y * ((a - 1) / c - (b - 1) / (1 - c))),
    evaluate=in_doubles(_beta_density), zero_safe=True, domain=("positive", "positive", "probability"),
    doc="c**(a-1) * (1-c)**(b-1) / beta(a, b): the density of the beta distribution.")


def _betainc_slope(order_a, order_b):
    def evaluate(np, a, b, x):
        special_ = scipy_special()
        inside = (x > 0) & (x < 1)
        x1 = np.where(inside, x, 0.5)
        total = special_.psi(a + b)
        radius_a = _radius(np, a, np.log(x1) - special_.psi(a) + total)
        radius_b = _radius(np, b, np.log1p(-x1) - special_.psi(b) + total)

        def derivative(function):
            if order_b == 0:
                return slope(np, lambda at: function(at, b, x1), a, radius_a, order_a)
            if order_a == 0:
                return slope(np, lambda at: function(a, at, x1), b, radius_b, order_b)
            return slope(np, lambda at_a: slope(np, lambda at_b: function(at_a, at_b, x1), b + 0 * at_a, radius_b, 1), a, radius_a, 1)

        lower, upper = derivative(special_.betainc), derivative(special_.betaincc)
        return np.where(inside, np.where(special_.betainc(a, b, x1) < 0.5, lower, -upper), np.where((x == 0) | (x == 1), 0.0, np.nan))

    return in_doubles(evaluate)


SHAPES = ("positive", "positive", "probability")


def _second(order_a, order_b, slope_of_density):
    return elementwise(
        None, lambda a, b, c, y: (refused("betainc", "a to third order", THIRD), refused("betainc", "b to third order", THIRD),
                                  lambda: slope_of_density(a, b, c)),
        evaluate=_betainc_slope(order_a, order_b), zero_safe=True, domain=SHAPES,
        doc=f"The derivative of betainc of order {order_a} in a and {order_b} in b.")


def _log_slopes(a, b, c):
    """The derivatives of log(beta_density) by a and by b."""
    return log(c) + psi_difference(a, b), log1p(-c) + psi_difference(b, a)


def _density_aa(a, b, c):
    of_a, _ = _log_slopes(a, b, c)
    return beta_density(a, b, c) * (square(of_a) + trigamma(a + b) - trigamma(a))


def _density_bb(a, b, c):
    _, of_b = _log_slopes(a, b, c)
    return beta_density(a, b, c) * (square(of_b) + trigamma(a + b) - trigamma(b))


def _density_ab(a, b, c):
    of_a, of_b = _log_slopes(a, b, c)
    return beta_density(a, b, c) * (of_a * of_b + trigamma(a + b))


betainc_aa, betainc_bb, betainc_ab = _second(2, 0, _density_aa), _second(0, 2, _density_bb), _second(1, 1, _density_ab)
betainc_a = elementwise(
    None, lambda a, b, c, y: (lambda: betainc_aa(a, b, c), lambda: betainc_ab(a, b, c),
                              lambda: beta_density(a, b, c) * _log_slopes(a, b, c)[0]),
    evaluate=_betainc_slope(1, 0), zero_safe=True, domain=SHAPES, doc="The derivative of betainc in a.")
betainc_b = elementwise(
    None, lambda a, b, c, y: (lambda: betainc_ab(a, b, c), lambda: betainc_bb(a, b, c),
                              lambda: beta_density(a, b, c) * _log_slopes(a, b, c)[1]),
    evaluate=_betainc_slope(0, 1), zero_safe=True, domain=SHAPES, doc="The derivative of betainc in b.")
betainc = special(
    "betainc", lambda a, b, c, y: (lambda: betainc_a(a, b, c), lambda: betainc_b(a, b, c), lambda: beta_density(a, b, c)),
    zero_safe=True, domain=SHAPES, doc="Regularised incomplete beta function.")
betaincc = special(
    "betaincc", lambda a, b, c, y: (lambda: -betainc_a(a, b, c), lambda: -betainc_b(a, b, c), lambda: -beta_density(a, b, c)),
    zero_safe=True, domain=SHAPES, doc="1 - betainc, accurate where that is small.")


def _inverse_partials(sign):
    return lambda a, b, c, y: (lambda: -betainc_a(a, b, y) / beta_density(a, b, y), lambda: -betainc_b(a, b, y) / beta_density(a, b, y),
                               lambda: sign / beta_density(a, b, y))


betaincinv = special("betaincinv", _inverse_partials(1), zero_safe=True, domain=SHAPES, doc="Inverse of betainc in its third operand.")
betainccinv = special("betainccinv", _inverse_partials(-1), zero_safe=True, domain=SHAPES, doc="Inverse of betaincc in its third operand.")

# --- distributions -------------------------------------------------------------------------------------------------


def _bdtr_slope(a, b, c):
    k = floor(a)
    all_ = greater_equal(k, b)  # then the value is 1 whatever c is
    return where(all_, 0, -beta_density(where(all_, 0, k) + 1, where(all_, 1, b - k), c))


def _bdtr(np, k, n, p):
    whole = n.astype(np.int64)  # SciPy warns of a number of trials that is not an integer by type
    return scipy_special().bdtr(k, whole if np.all(whole == n) else n, p)


bdtr = elementwise(
    None, lambda a, b, c, y: (0, refused("bdtr", "n", "the number of trials is an integer"), lambda: _bdtr_slope(a, b, c)),
    evaluate=in_doubles(_bdtr), scipy="bdtr", zero_safe=True, domain=("order", "trials", "probability"),
    kinks="flat in k, at the integers too", doc="Distribution function of the binomial distribution: at most k of n, each of probability p.")


def _student_density(np, v, t):
    special_ = scipy_special()
    # Gamma((v + 1) / 2) / Gamma(v / 2) / sqrt(v / 2), by Stirling's errors where v is large
    half = 0.5 * v
    ratio = np.exp(np.where(v < 8, special_.gammaln(half + 0.5) - special_.gammaln(half) - 0.5 * np.log(half),
                            half * _log1pmx(np, 0.5 / np.maximum(half, 1)) + _stirling_error(np, half + 0.5) - _stirling_error(np, half)))
    return ratio / np.sqrt(2 * np.pi) * np.exp(-(half + 0.5) * np.log1p(t * t / v))


student_density = elementwise(
    None, lambda a, b, y: (lambda: y * _student_slope(a, b), -y * (a + 1) * b / (a + square(b))),
    evaluate=in_doubles(_student_density), zero_safe=True, domain=("positive", "real"),
    doc="The density of Student's distribution with a degrees of freedom at b.")


def _student_slope(v, t):
    """The derivative of log(student_density) by v."""
    t2 = square(t)
    return 0.5 * (psi_difference(0.5 * v, 0.5) + (t2 - 1) / (v + t2) - log1p(t2 / v))


def _stdtr_slope(order):
    def evaluate(np, v, t):  # of the tail away from the middle, where stdtr is small; the derivative is odd in t
        special_ = scipy_special()
        away = -np.abs(t)
        rate = 0.5 * np.log1p(t * t / v) - 0.5 * t * t / (v + t * t)  # roughly: how fast the density falls with v
        return -np.sign(t) * slope(np, lambda at: special_.stdtr(at, away), v, np.minimum(0.2 * v, 1.5 / (rate + 0.01)), order)

    return in_doubles(evaluate)


stdtr_2 = elementwise(None, lambda a, b, y: (refused("stdtr", "df to third order", THIRD), refused("stdtr", "df twice and t", THIRD)),
                      evaluate=_stdtr_slope(2), domain=("positive", "real"), doc="The second derivative of stdtr in its first operand.")
stdtr_1 = elementwise(
    None, lambda a, b, y: (lambda: stdtr_2(a, b), lambda: student_density(a, b) * _student_slope(a, b)),
    evaluate=_stdtr_slope(1), domain=("positive", "real"), doc="The derivative of stdtr in its first operand.")
stdtr = special("stdtr", lambda a, b, y: (lambda: stdtr_1(a, b), lambda: student_density(a, b)), domain=("positive", "real"),
                doc="Distribution function of Student's distribution with a degrees of freedom.")
