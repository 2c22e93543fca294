"""The special functions with their truth: for each name of scipy.special, the function in mpmath and the domain of each operand.

A domain is drawn uniformly (`U`) or uniformly in the logarithm (`L`), or it is a list of whole numbers (`N`), in which nothing is
differentiated. mpmath differentiates numerically, at several times the precision; where that is slow, `exact` gives derivatives by formula.
"""

import functools
from collections import namedtuple

import mpmath as m
import numpy as np
import scipy.special

Case = namedtuple("Case", "truth domains tolerance slopes exact")
Case.__doc__ = """truth      the function, of mpmath numbers
domains    of its operands
tolerance  of the relative errors of the value, the first and the second derivatives
slopes     a function with the same derivatives, which is small where they are: the truth may be 1 - 1e-100
exact      {(times that each operand is differentiated, ...): derivative}"""


class U(namedtuple("U", "low high")):
    def __str__(self):
        return f"[{self.low:g}, {self.high:g}]"

    def draw(self, rng, n):
        return rng.uniform(self.low, self.high, n)


class L(namedtuple("L", "low high")):
    def __str__(self):
        return f"[{self.low:g}, {self.high:g}] log"

    def draw(self, rng, n):
        return np.exp(rng.uniform(np.log(self.low), np.log(self.high), n))


class N(tuple):
    def __str__(self):
        return "{" + " ".join(map(str, self)) + "}"

    def draw(self, rng, n):
        return rng.choice(np.array(self, float), n)


def _ndtr(x):
    return m.erfc(-x / m.sqrt(2)) / 2


def _boxcox(x, b):
    return (x**b - 1) / b if b else m.log(x)


def _owens(factor):
    """The integral of a factor times the integrand of Owen's T, over 0 < t < a."""
    def integral(h, a):
        return m.quad(lambda t: factor(h, t) * m.exp(-h * h * (1 + t * t) / 2) / (1 + t * t), [0, a / 2, a]) / (2 * m.pi)

    return integral


def _owens_end(h, a):
    return m.exp(-h * h * (1 + a * a) / 2) / (1 + a * a) / (2 * m.pi)


OWENS = {(1, 0): _owens(lambda h, t: -h * (1 + t * t)), (2, 0): _owens(lambda h, t: (h * h * (1 + t * t) - 1) * (1 + t * t)),
         (0, 1): _owens_end, (1, 1): lambda h, a: -h * (1 + a * a) * _owens_end(h, a),
         (0, 2): lambda h, a: -(h * h * a + 2 * a / (1 + a * a)) * _owens_end(h, a)}


def _student_tail(v, t):
    return m.sign(t) * -m.betainc(v / 2, m.mpf(1) / 2, 0, v / (v + t * t), regularized=True) / 2


def _gammainc(a, x):
    return m.gammainc(a, 0, x, regularized=True)


def _gammaincc(a, x):
    return m.gammainc(a, x, regularized=True)


def _betainc(a, b, x):
    return m.betainc(a, b, 0, x, regularized=True)


def _betaincc(a, b, x):
    return _betainc(b, a, 1 - x)


def _smaller(one, other):
    """Of two functions that add up to 1, the smaller one, with the sign of the derivatives of the first."""
    def slopes(*operands):
        return one(*operands) if _scale_of(one, operands) < 0.5 else -other(*operands)

    return slopes


def _scale_of(function, operands):
    with m.workdps(15):
        return function(*operands)


def _inverse(function, guess):
    """The inverse of a function in its last operand, by root finding from SciPy's value; and its derivatives, by implicit functions."""
    @functools.cache
    def inverse(*operands):
        start = m.mpf(float(guess(*[float(x) for x in operands])))
        return m.findroot(lambda y: function(*operands[:-1], y) - operands[-1], (start, start * (1 + m.mpf(10) ** -12)))

    @functools.cache
    def derivative_of_function(point, orders):
        return m.diff(function, point, orders)

    def derivative(orders):
        def at(*operands):
            y = inverse(*operands)
            point, last = (*operands[:-1], y), len(operands) - 1

            def direct(*places):
                return derivative_of_function(point, tuple(places.count(k) for k in range(last + 1)))

            def first(k):
                return (1 if k == last else -direct(k)) / direct(last)

            places = [k for k, n in enumerate(orders) for _ in range(n)]
            if len(places) == 1:
                return first(places[0])
            i, j = places
            mixed = direct(last, last) * first(i) * first(j)
            mixed += direct(i, last) * first(j) if i != last else 0
            mixed += direct(j, last) * first(i) if j != last else 0
            mixed += direct(i, j) if i != last and j != last else 0
            return -mixed / direct(last)

        return at

    return inverse, derivative


class _Implicit(dict):
    """Derivatives by formula, made when they are asked for."""

    def __init__(self, derivative):
        self.derivative = derivative

    def get(self, orders):
        return self.derivative(orders)


def _inverse_case(function, name, *domains):
    inverse, derivative = _inverse(function, lambda *operands: getattr(scipy.special, name)(*operands))
    return _case(inverse, *domains, tolerance=CURVED, exact=_Implicit(derivative))


def _bessel(function, first, second, *domains, **options):
    """A Bessel function of one operand, and its derivatives by the recurrences."""
    return _case(function, *domains, exact={(1,): first, (2,): second}, **options)


def _k(n):
    return lambda x: m.besselk(n, x)


def _case(truth, *domains, tolerance=(1e-14, 1e-13, 1e-12), slopes=None, exact=None):
    return Case(truth, domains, tolerance, slopes or truth, {} if exact is None else exact)


SHAPE, ARG, P = L(0.1, 50), L(1e-2, 100), U(0.001, 0.999)
ROUNDED = (1e-13, 1e-13, 1e-12)
SCALED = (1e-14, 1e-13, 1e-11)  # the derivatives of scaled functions are differences
CURVED = (1e-12, 1e-10, 1e-6)  # nearly straight in a shape parameter: the second derivative is a small difference
TAILS = (1e-13, 1e-9, 1e-6)
NUMERIC = (1e-12, 1e-10, 1e-8)  # derivatives by parameters, taken numerically

CASES = {
    "erf": _case(m.erf, U(-6, 6)),
    "erfc": _case(m.erfc, U(-6, 26)),
    "erfcx": _case(lambda x: m.exp(x * x) * m.erfc(x), U(-20, 1e3)),
    "erfi": _case(m.erfi, U(-20, 20)),
    "erfinv": _case(m.erfinv, U(-0.999999, 0.999999)),
    "erfcinv": _case(lambda x: m.erfinv(1 - x), L(1e-20, 1)),
    "dawsn": _case(lambda x: m.sqrt(m.pi) / 2 * m.exp(-x * x) * m.erfi(x), U(-100, 100)),
    "ndtr": _case(_ndtr, U(-37, 8), tolerance=ROUNDED),
    "log_ndtr": _case(lambda x: m.log1p(-_ndtr(-x)) if x > 0 else m.log(_ndtr(x)), U(-100, 60)),
    "ndtri": _case(lambda p: m.sqrt(2) * m.erfinv(2 * p - 1), P),
    "owens_t": _case(_owens(lambda h, t: 1), U(-5, 5), U(-5, 5), exact=OWENS),
    "expit": _case(lambda x: 1 / (1 + m.exp(-x)), U(-60, 40)),
    "log_expit": _case(lambda x: -m.log1p(m.exp(-x)), U(-700, 700)),
    "logit": _case(lambda x: m.log(x / (1 - x)), P),
    "xlogy": _case(lambda x, y: x * m.log(y), U(-100, 100), L(1e-10, 1e10)),
    "xlog1py": _case(lambda x, y: x * m.log1p(y), U(-100, 100), U(-0.99, 100)),
    "entr": _case(lambda x: -x * m.log(x), L(1e-10, 1e5)),
    "rel_entr": _case(lambda x, y: x * m.log(x / y), L(1e-3, 1e3), L(1e-3, 1e3)),
    "kl_div": _case(lambda x, y: x * m.log(x / y) - x + y, L(1e-3, 1e3), L(1e-3, 1e3), tolerance=ROUNDED),
    "exprel": _case(lambda x: m.expm1(x) / x, U(-50, 50)),
    "boxcox": _case(_boxcox, L(1e-3, 1e3), U(-3, 3)),
    "boxcox1p": _case(lambda x, b: _boxcox(1 + x, b), U(-0.9, 100), U(-3, 3)),
    "inv_boxcox": _case(lambda y, b: (1 + b * y) ** (1 / b), U(0.1, 2), U(0.1, 2)),
    "inv_boxcox1p": _case(lambda y, b: (1 + b * y) ** (1 / b) - 1, U(0.1, 2), U(0.1, 2)),
    "exp1": _case(m.e1, L(1e-10, 100)),
    "expi": _case(m.ei, U(-50, 100)),
    "expn": _case(m.expint, N((0, 1, 2, 3, 10)), L(1e-3, 100)),
    "spence": _case(lambda x: m.polylog(2, 1 - x).real, L(1e-30, 10)),
    "gamma": _case(m.gamma, U(-20, 50)),
    "gammaln": _case(m.loggamma, L(1e-3, 1e6)),
    "loggamma": _case(m.loggamma, L(1e-3, 1e6)),
    "rgamma": _case(m.rgamma, U(-20, 50)),
    "psi": _case(lambda x: m.psi(0, x), U(-10, 100)),
    "polygamma": _case(lambda n, x: m.psi(int(n), x), N((0, 1, 2, 3)), L(1e-2, 100)),
    "poch": _case(m.rf, SHAPE, U(0.01, 10), tolerance=ROUNDED),
    "beta": _case(m.beta, SHAPE, SHAPE, tolerance=ROUNDED),
    "betaln": _case(lambda a, b: m.loggamma(a) + m.loggamma(b) - m.loggamma(a + b), SHAPE, SHAPE, tolerance=ROUNDED),
    "binom": _case(m.binomial, U(10, 60), U(0.1, 9.9), tolerance=ROUNDED),
    "zeta": _case(m.zeta, U(1.05, 30), L(0.1, 20), tolerance=NUMERIC),
    "riemann_zeta": _case(m.zeta, U(-8, 30), tolerance=NUMERIC),
    "gammainc": _case(_gammainc, SHAPE, ARG, tolerance=NUMERIC, slopes=_smaller(_gammainc, _gammaincc)),
    "gammaincc": _case(_gammaincc, SHAPE, ARG, tolerance=NUMERIC, slopes=_smaller(_gammaincc, _gammainc)),
    "gammaincinv": _inverse_case(_gammainc, "gammaincinv", L(0.5, 50), P),
    "gammainccinv": _inverse_case(_gammaincc, "gammainccinv", L(0.5, 50), P),
    "betainc": _case(_betainc, SHAPE, SHAPE, P, tolerance=NUMERIC, slopes=_smaller(_betainc, _betaincc)),
    "betaincc": _case(_betaincc, SHAPE, SHAPE, P, tolerance=NUMERIC, slopes=_smaller(_betaincc, _betainc)),
    "betaincinv": _inverse_case(_betainc, "betaincinv", L(0.5, 20), L(0.5, 20), P),
    "betainccinv": _inverse_case(_betaincc, "betainccinv", L(0.5, 20), L(0.5, 20), P),
    "bdtr": _case(lambda k, n, p: _betainc(n - k, k + 1, 1 - p), N((0, 1, 3)), N((4, 5, 20)), P),
    "stdtr": _case(lambda v, t: _student_tail(v, t) + (t > 0), L(0.5, 200), U(-20, 20), slopes=_student_tail, tolerance=TAILS),
    "jv": _case(m.besselj, U(-5, 20), L(0.1, 50), tolerance=NUMERIC),
    "yv": _case(m.bessely, U(-5, 10), L(0.1, 50), tolerance=NUMERIC),
    "iv": _case(m.besseli, U(0, 20), L(0.1, 50), tolerance=NUMERIC),
    "kv": _case(m.besselk, U(-20, 20), L(0.1, 50), tolerance=NUMERIC),
    "ive": _case(lambda v, x: m.besseli(v, x) * m.exp(-abs(x)), U(0, 20), L(0.1, 50), tolerance=NUMERIC),
    "kve": _case(lambda v, x: m.besselk(v, x) * m.exp(x), U(-20, 20), L(0.1, 50), tolerance=NUMERIC),
    "yn": _case(lambda n, x: m.bessely(n, x), N((0, 1, 2, 5)), L(0.1, 50), exact={
        (0, 1): lambda n, x: (m.bessely(n - 1, x) - m.bessely(n + 1, x)) / 2,
        (0, 2): lambda n, x: (m.bessely(n - 2, x) - 2 * m.bessely(n, x) + m.bessely(n + 2, x)) / 4}),
    "j0": _case(lambda x: m.besselj(0, x), U(-50, 50)),
    "j1": _case(lambda x: m.besselj(1, x), U(-50, 50)),
    "y0": _case(lambda x: m.bessely(0, x), L(1e-3, 50)),
    "y1": _bessel(lambda x: m.bessely(1, x), lambda x: (m.bessely(0, x) - m.bessely(2, x)) / 2,
                  lambda x: (m.bessely(3, x) - 3 * m.bessely(1, x)) / 4, L(1e-3, 50)),
    "i0": _case(lambda x: m.besseli(0, x), U(-50, 50)),
    "i1": _case(lambda x: m.besseli(1, x), U(-50, 50)),
    "i0e": _case(lambda x: m.besseli(0, x) * m.exp(-abs(x)), U(-50, 50), tolerance=SCALED),
    "i1e": _case(lambda x: m.besseli(1, x) * m.exp(-abs(x)), U(-50, 50), tolerance=SCALED),
    "k0": _bessel(_k(0), lambda x: -_k(1)(x), lambda x: (_k(0)(x) + _k(2)(x)) / 2, L(1e-3, 100)),
    "k1": _bessel(_k(1), lambda x: -(_k(0)(x) + _k(2)(x)) / 2, lambda x: (3 * _k(1)(x) + _k(3)(x)) / 4, L(1e-3, 100)),
    "k0e": _bessel(lambda x: _k(0)(x) * m.exp(x), lambda x: (_k(0)(x) - _k(1)(x)) * m.exp(x),
                   lambda x: (3 * _k(0)(x) - 4 * _k(1)(x) + _k(2)(x)) * m.exp(x) / 2, L(1e-3, 50), tolerance=SCALED),
    "k1e": _bessel(lambda x: _k(1)(x) * m.exp(x), lambda x: (2 * _k(1)(x) - _k(0)(x) - _k(2)(x)) * m.exp(x) / 2,
                   lambda x: (7 * _k(1)(x) - 4 * _k(0)(x) - 4 * _k(2)(x) + _k(3)(x)) * m.exp(x) / 4, L(1e-3, 50), tolerance=SCALED),
    "hyp0f1": _case(m.hyp0f1, U(0.5, 10), U(-10, 10), tolerance=NUMERIC),
    "hyp1f1": _case(m.hyp1f1, U(-3, 5), U(0.5, 10), U(-10, 10), tolerance=NUMERIC),
    "hyp2f1": _case(m.hyp2f1, U(-3, 3), U(-3, 3), U(0.5, 8), U(-0.9, 0.9), tolerance=NUMERIC),
    "sici[0]": _case(m.si, U(-50, 50)),
    "sici[1]": _case(m.ci, L(1e-3, 50)),
    "fresnel[0]": _case(m.fresnels, U(-5, 5)),
    "fresnel[1]": _case(m.fresnelc, U(-5, 5)),
}
ROWS = set("riemann_zeta hurwitz_zeta polygamma sine_integral cosine_integral fresnel_s fresnel_c erfcx_derivative dawsn_derivative "
           "exprel_derivative log_quotient_derivative log_ratio psi_difference gamma_density beta_density student_density".split())
