"""Smooth elementwise rows: a C expression of the value and its partial derivatives, sorted by family.

Add a row here and nothing else: evaluation, both modes of differentiation, the kernel, the printer and the law tests
follow from it. Partials are written so that they keep their relative accuracy: no cancellation (1 - y*y for tanh' would
lose every digit at x = 20), no overflow on the way to a finite result. `zero_safe` marks rows whose partials can be
infinite or NaN where the value is not, and those that overflow soon: 1 / exp(1000) has the derivative 0. Read next: `comparisons.py` (choices, rounding, bits), `linear.py`, `rules.py`.
"""

from .comparisons import absolute, equal, greater_equal, isinf, less, logical_and, logical_or, where
from .table import elementwise, is_complex

ARITHMETIC = ("i32", "i64", "f32", "f64")
LN2, LN10, PI = 0.6931471805599453, 2.302585092994046, 3.141592653589793

# --- arithmetic ----------------------------------------------------------------------------------------------------

add = elementwise("a + b", lambda a, b, y: (1, 1), dtypes=ARITHMETIC, doc="Sum.")
subtract = elementwise("a - b", lambda a, b, y: (1, -1), dtypes=ARITHMETIC, doc="Difference.")
multiply = elementwise("a * b", lambda a, b, y: (b, a), dtypes=("bool",) + ARITHMETIC, doc="Product; on bools, logical and.")
divide = elementwise("a / b", lambda a, b, y: (1 / b, -y / b), zero_safe=True, domain=("real", "nonzero"), doc="Quotient.")
negative = elementwise("-x", lambda x, y: -1, dtypes=ARITHMETIC, doc="Negation.")
positive = elementwise("x", lambda x, y: 1, dtypes=ARITHMETIC, doc="The operand itself.")
square = elementwise("x * x", lambda x, y: 2 * x, dtypes=ARITHMETIC, doc="x * x.")
reciprocal = elementwise("1 / x", lambda x, y: -y * y, zero_safe=True, domain="nonzero", doc="1 / x.")


def _zero_mul(np, ct, p):
    product = np.multiply(ct, p)
    return np.where((ct == 0) | (p == 0), product.dtype.type(0), product)


zero_mul = elementwise("a == 0 || b == 0 ? 0 : a * b", lambda a, b, y: (b, a), evaluate=_zero_mul, zero_safe=True,
                       doc="a * b, but 0 where an operand is 0, even when the other is infinite or NaN.")

# --- powers and roots ----------------------------------------------------------------------------------------------

sqrt = elementwise("sqrt(x)", lambda x, y: 0.5 / y, zero_safe=True, domain="positive", doc="Square root.")
cbrt = elementwise("cbrt(x)", lambda x, y: 1 / (3 * square(y)), zero_safe=True, vector="cbrt", domain="nonzero", doc="Cube root.")


def _power_partials(a, b, y):
    # b * a**(b - 1) is 0 * inf at a = b = 0 and y * log(a) is 0 * -inf at a = 0 < b: both are 0, as the value is constant there.
    of_base = where(equal(b, 0), 0, b * power(a, b - 1))
    flat = logical_or(equal(y, 0), logical_and(equal(a, 0), greater_equal(b, 0)))
    return of_base, where(flat, 0, y * log(a))


power = elementwise("pow(a, b)", _power_partials, zero_safe=True, vector="pow", domain=("positive", "real"),
                    kinks="the derivative in b is 0 at a = 0 <= b; in a it is 0 at b = 0", doc="a to the power b.")
hypot = elementwise("hypot(a, b)", lambda a, b, y: (a / _nonzero(y), b / _nonzero(y)), vector="hypot",
                    kinks="derivative 0 at the origin", doc="sqrt(a*a + b*b) without overflow.")


def _nonzero(y):
    """y, with 1 in the place of 0: makes a quotient 0 / y zero where y is."""
    return where(equal(y, 0), 1, y)


# --- exponentials and logarithms -----------------------------------------------------------------------------------

exp = elementwise("exp(x)", lambda x, y: y, vector="exp", zero_safe=True, doc="Exponential.")
exp2 = elementwise("exp2(x)", lambda x, y: LN2 * y, vector="exp2", zero_safe=True, doc="2 to the power x.")
expm1 = elementwise("expm1(x)", lambda x, y: exp(x), vector="expm1", zero_safe=True, doc="exp(x) - 1, accurate near 0.")
log = elementwise("log(x)", lambda x, y: 1 / x, vector="log", zero_safe=True, domain="positive", doc="Natural logarithm.")
log2 = elementwise("log2(x)", lambda x, y: (1 / LN2) / x, vector="log2", zero_safe=True, domain="positive", doc="Logarithm to base 2.")
log10 = elementwise("log10(x)", lambda x, y: (1 / LN10) / x, vector="log10", zero_safe=True, domain="positive", doc="Logarithm to base 10.")
log1p = elementwise("log1p(x)", lambda x, y: 1 / (1 + x), vector="log1p", zero_safe=True, domain="above_minus_one",
                    doc="log(1 + x), accurate near 0.")


def _difference(a, b):
    """a - b, and 0 where both are the same infinity: the limit of the derivatives along a = b."""
    return where(logical_and(isinf(a), equal(a, b)), 0, a - b)


def _logaddexp_partials(exp):
    # 1 / (1 + exp(b - a)), not exp(a - y): a - y loses the digits of its result when a and b are large.
    return lambda a, b, y: (1 / (1 + exp(_difference(b, a))), 1 / (1 + exp(_difference(a, b))))


logaddexp = elementwise("tj_logaddexp(a, b)", _logaddexp_partials(exp), kinks="equal infinities share the derivative equally",
                        doc="log(exp(a) + exp(b)) without overflow.")
logaddexp2 = elementwise("tj_logaddexp2(a, b)", _logaddexp_partials(exp2), kinks="equal infinities share the derivative equally",
                         doc="log2(2**a + 2**b) without overflow.")

# --- trigonometry --------------------------------------------------------------------------------------------------

sin = elementwise("sin(x)", lambda x, y: cos(x), vector="sin", doc="Sine; x in radians.")
cos = elementwise("cos(x)", lambda x, y: -sin(x), vector="cos", doc="Cosine; x in radians.")
tan = elementwise("tan(x)", lambda x, y: _squared_sech(1j * x) if is_complex(x) else 1 + square(y), vector="tan",
                  doc="Tangent; x in radians.")


def _arcsin_partial(x, sign=1):
    if is_complex(x):  # two roots, and differences that keep the sign of a zero: each side of a branch cut has its own derivative
        return sign / (sqrt(-(x - 1)) * sqrt(x - (-1)))
    return sign / sqrt((1 - x) * (1 + x))


arcsin = elementwise("asin(x)", lambda x, y: _arcsin_partial(x), vector="asin", zero_safe=True, domain="unit", doc="Inverse sine.")
arccos = elementwise("acos(x)", lambda x, y: _arcsin_partial(x, -1), vector="acos", zero_safe=True, domain="unit",
                     doc="Inverse cosine.")
arctan = elementwise("atan(x)", lambda x, y: 1 / (x - 1j) / (x + 1j) if is_complex(x) else 1 / (1 + square(x)), vector="atan",
                     doc="Inverse tangent.")


def _arctan2_partials(a, b, y):
    radius = _nonzero(hypot(a, b))  # a*a + b*b would overflow or underflow at half of the exponents
    return b / radius / radius, -a / radius / radius


arctan2 = elementwise("atan2(a, b)", _arctan2_partials, vector="atan2", domain=("nonzero", "nonzero"), zero_safe=True,
                      kinks="derivative 0 at the origin", doc="The angle of the point with y = a and x = b, in (-pi, pi].")
deg2rad = elementwise("tj_deg2rad(x)", lambda x, y: PI / 180, doc="Degrees to radians.")
rad2deg = elementwise("tj_rad2deg(x)", lambda x, y: 180 / PI, doc="Radians to degrees.")


# The series of (sin(t) - t*cos(t)) / t**3 in powers of t**2, last term first.
SINC_SERIES = (1.4797143443923793e-16, -4.498331606952833e-14, 1.0706029224547743e-11, -1.9270852604185937e-09, 2.505210838544172e-07,
               -2.2045855379188714e-05, 0.0011904761904761906, -0.03333333333333333, 0.3333333333333333)


def _sinc_partial(x, y):
    # (cos(t) - y) / x with t = pi*x cancels near 0, where a series is used.
    t2 = square(PI * x)
    series = SINC_SERIES[0]
    for term in SINC_SERIES[1:]:
        series = series * t2 + term
    near = less(absolute(t2) if is_complex(t2) else t2, 1)
    return where(near, -PI * (PI * x) * series, (cos(PI * x) - y) / where(near, 1, x))


sinc = elementwise("tj_sinc(x)", _sinc_partial, doc="sin(pi*x) / (pi*x), and 1 at 0.")

# --- hyperbolic functions ------------------------------------------------------------------------------------------


def _squared_sech(x):
    """1 / cosh(x)**2 of a complex x. Of x and -x the one with the real part above 0 is taken, whose exponential does not overflow."""
    t = exp(-2 * where(less(x, 0), -x, x))
    return 4 * t / square(1 + t)


sinh = elementwise("sinh(x)", lambda x, y: cosh(x), vector="sinh", zero_safe=True, doc="Hyperbolic sine.")
cosh = elementwise("cosh(x)", lambda x, y: sinh(x), vector="cosh", zero_safe=True, doc="Hyperbolic cosine.")
tanh = elementwise("tanh(x)", lambda x, y: _squared_sech(x) if is_complex(x) else square(1 / cosh(x)), vector="tanh",
                   doc="Hyperbolic tangent.")
arcsinh = elementwise("asinh(x)", lambda x, y: 1 / (sqrt(1 + 1j * x) * sqrt(1 - 1j * x)) if is_complex(x) else 1 / hypot(1, x),
                      vector="asinh", doc="Inverse hyperbolic sine.")
arccosh = elementwise("acosh(x)", lambda x, y: 1 / (sqrt(x - 1) * sqrt(x - (-1) if is_complex(x) else x + 1)),
                      vector="acosh", zero_safe=True, domain="above_one", doc="Inverse hyperbolic cosine.")
arctanh = elementwise("atanh(x)", lambda x, y: 1 / ((1 - x) * (1 + x)), vector="atanh", zero_safe=True, domain="unit",
                      doc="Inverse hyperbolic tangent.")
