"""Elementwise rows of distribution functions that scipy.special does not have: of the von Mises and the skew-normal distribution.

That of von Mises is a Fourier series in x whose coefficients are ratios of Bessel functions of kappa, and so is its derivative by kappa.
Values are those of scipy.stats. Read next: `bessel.py`, `stencils.py`.
"""

from .bessel import i0e, i1e
from .elementwise import cos, exp, sin, square
from .error_functions import ndtr
from .stencils import in_doubles, refused, scipy_special, slope
from .table import elementwise

TWO_PI = 6.283185307179586
SQRT_2PI = TWO_PI**0.5


def _density(x, kappa):
    return exp(-2 * kappa * square(sin(0.5 * x))) / (TWO_PI * i0e(kappa))


def _cdf(np, x, kappa):
    from scipy import stats

    return stats.vonmises.cdf(x, kappa)


def _kappa_slope(np, x, kappa):
    """The derivative of the series by kappa: its terms fall like exp(-j^2 / (2 kappa))."""
    ive = scipy_special().ive
    terms = int(12 + 9 * np.sqrt(np.max(np.abs(kappa), initial=1.0)))
    before, this, after = ive(0, kappa), ive(1, kappa), ive(2, kappa)
    zeroth, mean = before, this / before
    total = 0.0
    for j in range(1, terms + 1):
        total = total + ((before + after) / (2 * zeroth) - this / zeroth * mean) * np.sin(j * x) / j
        before, this, after = this, after, ive(j + 2, kappa)
    return total / np.pi


def _kappa_curvature(np, x, kappa):
    return slope(np, lambda at: _kappa_slope(np, x, at), kappa, 0.5)


_DOMAIN = ("real", "positive")
_THIRD = refused("vonmises.cdf", "kappa to third order", "derivatives in kappa are available to second order")
von_mises_cdf_2 = elementwise(None, lambda a, b, y: (_THIRD, _THIRD), evaluate=in_doubles(_kappa_curvature), domain=_DOMAIN,
                              doc="The second derivative of von_mises_cdf in its second operand.")
von_mises_cdf_1 = elementwise(
    None, lambda a, b, y: (lambda: _density(a, b) * (cos(a) - i1e(b) / i0e(b)), lambda: von_mises_cdf_2(a, b)),
    evaluate=in_doubles(_kappa_slope), domain=_DOMAIN, doc="The derivative of von_mises_cdf in its second operand.")
von_mises_cdf = elementwise(
    None, lambda a, b, y: (lambda: _density(a, b), lambda: von_mises_cdf_1(a, b)), evaluate=in_doubles(_cdf), domain=_DOMAIN,
    doc="Distribution function at a of the von Mises distribution of concentration b.")


def _skew_normal(np, x, shape):
    from scipy import stats

    return stats.skewnorm.cdf(x, shape)


skew_normal_cdf = elementwise(
    None, lambda a, b, y: ((2 / SQRT_2PI) * exp(-0.5 * square(a)) * ndtr(a * b),
                           (-2 / TWO_PI) * exp(-0.5 * square(a) * (1 + square(b))) / (1 + square(b))),
    evaluate=in_doubles(_skew_normal), doc="Distribution function at a of the skew-normal distribution of shape b.")
