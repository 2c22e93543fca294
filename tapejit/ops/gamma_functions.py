"""Elementwise rows of scipy.special: gamma, beta and zeta functions and binomials.

psi and its derivatives are `polygamma`; by the first operand of zeta, derivatives are taken numerically (`stencils.py`).
Read next: `incomplete.py` (their incomplete forms), `error_functions.py`.
"""

from .comparisons import less, where
from .elementwise import PI, cos, sin
from .error_functions import special
from .stencils import in_doubles, refused, scipy_function, scipy_special, slope
from .table import elementwise

THIRD = "derivatives in x are available to second order"

# --- gamma ---------------------------------------------------------------------------------------------------------

polygamma = elementwise(None, lambda n, x, y: (refused("polygamma", "n", "the order is an integer"), lambda: polygamma(n + 1, x)),
                        evaluate=in_doubles(lambda np, n, x: scipy_special().polygamma(n, x)), zero_safe=True, domain=("order", "positive"),
                        doc="The derivative of psi of whole order n >= 0.")
psi = special("psi", lambda x, y: polygamma(1, x), zero_safe=True, domain="positive", doc="Digamma function: the derivative of gammaln.")
gamma_function = special("gamma", lambda x, y: y * psi(x), "tj_gamma(x)", zero_safe=True, domain="positive", doc="Gamma function.")
gammaln = special("gammaln", lambda x, y: psi(x), "tj_gammaln(x)", zero_safe=True, domain="positive",
                  doc="Logarithm of the absolute value of gamma.")
loggamma = special("loggamma", lambda x, y: psi(x), zero_safe=True, domain="positive", doc="Principal branch of the logarithm of gamma.")
gammasgn = special("gammasgn", lambda x, y: 0, domain="positive", kinks="flat at the poles", doc="Sign of the gamma function.")


def _rgamma_slope(x, y):
    # Left of 1/2 by reflection, 1/gamma(x) = gamma(1 - x) sin(pi x) / pi, which is smooth at the zeros 0, -1, -2 ...
    left = less(x, 0.5)
    z = where(left, x, 0.5)
    reflected = gamma_function(1 - z) * (cos(PI * z) - psi(1 - z) * sin(PI * z) * (1 / PI))
    return where(left, reflected, -y * psi(where(left, 0.5, x)))


rgamma = special("rgamma", _rgamma_slope, doc="1 / gamma(x), 0 at the poles.")



poch = special("poch", lambda a, b, y: (y * psi_difference(a, b), y * psi(a + b)), zero_safe=True, domain="positive",
               doc="Pochhammer symbol: gamma(a + b) / gamma(a).")


def _psi_difference(np, a, b):
    """psi(a + b) - psi(a); where b is small, by its Taylor series, which does not cancel."""
    special_ = scipy_special()
    small = np.abs(b) < 0.05 * np.abs(a)
    bs = np.where(small, b, 0.0)
    total, power_ = np.zeros(a.shape), np.ones(a.shape)
    for n in range(1, 14):
        power_ = power_ * bs / n
        total = total + special_.polygamma(n, a) * power_
    return np.where(small, total, special_.psi(a + b) - special_.psi(a))


psi_difference = elementwise(
    None, lambda a, b, y: (lambda: polygamma(1, a + b) - polygamma(1, a), lambda: polygamma(1, a + b)), zero_safe=True, domain="positive",
    evaluate=in_doubles(_psi_difference), doc="psi(a + b) - psi(a), accurate for small b.")

# --- beta, binomials -----------------------------------------------------------------------------------------------

beta_function = special("beta", lambda a, b, y: (-y * psi_difference(a, b), -y * psi_difference(b, a)), zero_safe=True, domain="positive",
                        doc="Beta function.")
betaln = special("betaln", lambda a, b, y: (-psi_difference(a, b), -psi_difference(b, a)), zero_safe=True, domain="positive",
                 doc="Logarithm of the absolute value of beta.")
binom = special("binom", lambda a, b, y: (y * psi_difference(a - b + 1, b), y * (psi(a - b + 1) - psi(b + 1))), zero_safe=True,
                domain=("large", "positive"), kinks="no derivative where b or a - b is a negative integer",
                doc="Binomial coefficient of real operands.")

# --- zeta ----------------------------------------------------------------------------------------------------------


def _riemann_slope(order):
    def evaluate(np, s):  # of zeta - 1, which keeps its digits for large s; the pole is at 1
        radius = np.minimum(0.2 * np.abs(s - 1), 0.6)
        return slope(np, scipy_special().zetac, s, radius, order)

    real = in_doubles(evaluate)

    def real_or_complex(np, s):
        if s.dtype.kind != "c":
            return real(np, s)
        with np.errstate(all="ignore"):
            z = np.asarray(s, np.complex128)
            return slope(np, scipy_special().zeta, z, np.minimum(0.2 * np.abs(z - 1), 0.6), order).astype(s.dtype)[()]

    return real_or_complex


riemann_zeta_2 = elementwise(None, lambda x, y: refused("zeta", "x to third order", THIRD), evaluate=_riemann_slope(2), domain="above_one",
                             doc="The second derivative of riemann_zeta.")
riemann_zeta_1 = elementwise(None, lambda x, y: riemann_zeta_2(x), evaluate=_riemann_slope(1), domain="above_one",
                             doc="The derivative of riemann_zeta.")
riemann_zeta = elementwise(None, lambda x, y: riemann_zeta_1(x), evaluate=lambda np, x: scipy_special().zeta(x), domain="above_one",
                           doc="Riemann's zeta function.")


def _hurwitz_slope(order):
    def evaluate(np, s, q):  # the first term, q^-s, apart: it is the largest, and its derivative may vanish
        zeta = scipy_special().zeta
        rest = q + 1
        radius = np.minimum(0.2 * np.abs(s - 1), 1 / (1 + np.abs(np.log(rest))))
        return (-np.log(q)) ** order * q**-s + slope(np, lambda at: zeta(at, rest), s, radius, order)

    return in_doubles(evaluate)


def _zeta_mixed(s, q, first):
    """The derivative of -s * zeta(s + 1, q) by s."""
    return -hurwitz_zeta(s + 1, q) - s * first(s + 1, q)


hurwitz_zeta_2 = elementwise(
    None, lambda a, b, y: (refused("zeta", "x to third order", THIRD),
                           lambda: -2 * hurwitz_zeta_1(a + 1, b) - a * hurwitz_zeta_2(a + 1, b)),
    evaluate=_hurwitz_slope(2), domain=("above_one", "positive"), doc="The second derivative of hurwitz_zeta in its first operand.")
hurwitz_zeta_1 = elementwise(
    None, lambda a, b, y: (lambda: hurwitz_zeta_2(a, b), lambda: _zeta_mixed(a, b, hurwitz_zeta_1)), evaluate=_hurwitz_slope(1),
    domain=("above_one", "positive"), doc="The derivative of hurwitz_zeta in its first operand.")
hurwitz_zeta = elementwise(
    None, lambda a, b, y: (lambda: hurwitz_zeta_1(a, b), lambda: -a * hurwitz_zeta(a + 1, b)),
    evaluate=lambda np, a, b: scipy_function("zeta")(np, a, b), domain=("above_one", "positive"), doc="Hurwitz' zeta function.")
