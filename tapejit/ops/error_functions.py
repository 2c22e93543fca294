"""Elementwise rows of scipy.special: the error function and its kin, the normal and the logistic distribution, entropies, Box-Cox,
and integrals of elementary functions.

A row with a C text is computed by the kernel; the others are host calls of SciPy. Each partial is made of rows, so all orders exist.
Read next: `gamma_functions.py`, `incomplete.py`, `bessel.py`, `hypergeometric.py`; `tapejit/scipy/special.py` (the Python functions).
"""

from math import factorial

from .comparisons import absolute, equal, less, where
from .elementwise import PI, cos, exp, log, log1p, power, sin, sinc, square
from .stencils import in_doubles, refused, scipy_function, scipy_special
from .table import elementwise

SQRT_PI, SQRT_2PI, SQRT_HALF = 1.772453850905516, 2.5066282746310002, 0.7071067811865476


def special(name, partials, c=None, **fields):
    """The row of a function of scipy.special."""
    return elementwise(c, partials, evaluate=scipy_function(name), scipy=name, **fields)


def of_whole_order(name, evaluate):
    """The row (n, x) of the n-th derivative of a function `name`, computed by evaluate(np, n, x) in doubles."""
    row = elementwise(
        None, lambda n, x, y: (refused(name, "n", "the order of a derivative is an integer"), lambda: row(n + 1, x)),
        evaluate=in_doubles(evaluate), domain=("order", "real"), doc=f"The derivative of {name} of a whole order n >= 0.")
    return row


# --- error functions -----------------------------------------------------------------------------------------------

erf = special("erf", lambda x, y: (2 / SQRT_PI) * exp(-square(x)), "erf(x)", vector="erf", doc="Error function.")
erfc = special("erfc", lambda x, y: (-2 / SQRT_PI) * exp(-square(x)), "erfc(x)", vector="erfc", doc="1 - erf(x), accurate for large x.")


def _erfcx_derivative(np, n, x):
    """The n-th derivative of erfcx: (-2)^n n! S_n, with S_n = exp(x^2) times the n-th repeated integral of erfc.

    S_(n-2) = 2 x S_(n-1) + 2 n S_n. For x > 1 S is the minimal solution: the ratios S_n / S_(n-1) follow from far ahead.
    """
    near = x <= 1
    order = int(np.max(n, initial=0))
    before, last = np.full(x.shape, 2 / SQRT_PI), scipy_special().erfcx(x)
    found = np.where(n == 0, last, 0.0)
    xs = np.where(near, 1.0, x)
    ratio, ratios = np.zeros(x.shape), {}
    for k in range(order + 160, 0, -1):
        ratio = 1 / (2 * xs + 2 * (k + 1) * ratio)  # S_k / S_(k-1)
        if k <= order:
            ratios[k] = ratio
    for k in range(1, order + 1):
        step = (before - 2 * x * last) / (2 * k)
        before, last = last, np.where(near, step, last * ratios[k])
        found = np.where(n == k, (-2.0) ** k * factorial(k) * last, found)
    return found


erfcx_derivative = elementwise(
    None, lambda n, x, y: (refused("erfcx", "n", "the order of a derivative is an integer"), lambda: erfcx_derivative(n + 1, x)),
    evaluate=in_doubles(_erfcx_derivative), domain=("order", "real"), doc="The derivative of erfcx of a whole order n >= 0.")
erfcx = special("erfcx", lambda x, y: erfcx_derivative(1, x), doc="exp(x*x) * erfc(x).")
erfi = special("erfi", lambda x, y: (2 / SQRT_PI) * exp(square(x)), doc="Imaginary error function: -i erf(ix).")
erfinv = special("erfinv", lambda x, y: (SQRT_PI / 2) * exp(square(y)), zero_safe=True, domain="unit", doc="Inverse of erf.")
erfcinv = special("erfcinv", lambda x, y: (-SQRT_PI / 2) * exp(square(y)), zero_safe=True, domain="probability", doc="Inverse of erfc.")
wofz = special("wofz", lambda x, y: -2 * x * y + 2j / SQRT_PI, dtypes=("c64", "c128"), doc="Faddeeva function: exp(-z*z) * erfc(-iz).")


def _dawsn_derivative(np, n, x):
    """D_0 = dawsn, D_1 = 1 - 2 x D_0, D_(n+1) = -2 x D_n - 2 n D_(n-1), which cancels for large x: there the asymptotic series."""
    order = int(np.max(n, initial=0))
    before, last = np.ones(x.shape), scipy_special().dawsn(x)  # before D_1, 1 stands for D_(-1): it is that of the inhomogeneous term
    far = np.abs(x) > 6
    xs = np.where(far, x, 6.0)
    found = np.where(n == 0, last, 0.0)
    for k in range(1, order + 1):
        before, last = last, (1 - 2 * x * last if k == 1 else -2 * x * last - 2 * (k - 1) * before)
        term = 1 / (2 * xs)  # sum of (2m - 1)!! / (2^(m + 1) x^(2m + 1)), differentiated k times
        for j in range(k):
            term = term * -(1 + j) / xs
        series = term
        for m in range(1, 40):
            step = (2 * m - 1) / (2 * xs * xs) * (2 * m + k) * (2 * m - 1 + k) / ((2 * m) * (2 * m - 1))
            term = np.where(np.abs(step) < 1, term * step, 0.0)
            series = series + term
        found = np.where(n == k, np.where(far, series, last), found)
    return found


dawsn_derivative = of_whole_order("dawsn", _dawsn_derivative)
dawsn = special("dawsn", lambda x, y: dawsn_derivative(1, x), doc="Dawson's integral: exp(-x*x) times the integral of exp(t*t) to x.")

# --- the normal distribution ---------------------------------------------------------------------------------------

ndtr = special("ndtr", lambda x, y: (1 / SQRT_2PI) * exp(-0.5 * square(x)), "tj_ndtr(x)",
               doc="Distribution function of the normal distribution.")


def _density_over_ndtr(x, y):
    """exp(-x*x / 2) / sqrt(2 pi) / ndtr(x), where y is log(ndtr(x)): by erfcx where ndtr vanishes, without it where erfcx is infinite."""
    right = less(0, x)
    upper = (1 / SQRT_2PI) * exp(-0.5 * square(where(right, x, 0)) - where(right, y, 0))
    return where(right, upper, (2 / SQRT_2PI) / erfcx(-SQRT_HALF * where(right, 0, x)))


log_ndtr = special("log_ndtr", _density_over_ndtr, doc="Logarithm of ndtr, accurate for very negative x.")
ndtri = special("ndtri", lambda x, y: SQRT_2PI * exp(0.5 * square(y)), zero_safe=True, domain="probability", doc="Inverse of ndtr.")
owens_t = special(
    "owens_t", lambda a, b, y: ((-0.5 / SQRT_2PI) * exp(-0.5 * square(a)) * erf(SQRT_HALF * a * b),
                                (0.5 / PI) * exp(-0.5 * square(a) * (1 + square(b))) / (1 + square(b))),
    doc="Owen's T function.")

# --- logistic ------------------------------------------------------------------------------------------------------

expit = special("expit", lambda x, y: y * expit(-x), "1 / (1 + exp(-x))", doc="Logistic function: 1 / (1 + exp(-x)).")
log_expit = special("log_expit", lambda x, y: expit(-x), "tj_log_expit(x)", doc="Logarithm of expit.")
logit = special("logit", lambda x, y: 1 / (x * (1 - x)), "tj_logit(x)", zero_safe=True, domain="probability", doc="log(x / (1 - x)).")

# --- entropies -----------------------------------------------------------------------------------------------------


def _quotient(a, b):
    """a / b, and 0 where a is 0."""
    return where(equal(a, 0), 0, a / where(equal(a, 0), 1, b))


xlogy = special("xlogy", lambda a, b, y: (log(b), _quotient(a, b)), "tj_xlogy(a, b)", zero_safe=True, domain=("real", "positive"),
                kinks="at a = 0 the derivative in b is 0, in a log(b)", doc="a * log(b), and 0 where a is 0.")
xlog1py = special("xlog1py", lambda a, b, y: (log1p(b), _quotient(a, 1 + b)), "tj_xlog1py(a, b)", zero_safe=True,
                  domain=("real", "above_minus_one"), kinks="at a = 0 the derivative in b is 0, in a log1p(b)",
                  doc="a * log1p(b), and 0 where a is 0.")
entr = special("entr", lambda x, y: -1 - log(x), "tj_entr(x)", zero_safe=True, domain="positive", kinks="derivative infinite at 0",
               doc="-x * log(x), 0 at 0, -inf below.")


def _log_ratio(np, a, b):
    ratio = a / b
    far = np.where((ratio > 2.3e-308) & (ratio < np.inf), np.log(ratio), np.log(a) - np.log(b))
    return np.where((ratio > 0.5) & (ratio < 2), np.log1p((a - b) / b), far)


log_ratio = elementwise("tj_log_ratio(a, b)", lambda a, b, y: (1 / a, -1 / b), zero_safe=True, domain="positive",
                        evaluate=in_doubles(_log_ratio),
                        doc="log(a / b), accurate where a is near b.")
rel_entr = special("rel_entr", lambda a, b, y: (1 + log_ratio(a, b), -a / b), "tj_rel_entr(a, b)", zero_safe=True, domain="positive",
                   kinks="the derivative in a is -inf at a = 0", doc="a * log(a / b), 0 at a = 0, inf outside.")
kl_div = special("kl_div", lambda a, b, y: (log_ratio(a, b), (b - a) / b), "tj_kl_div(a, b)", zero_safe=True, domain="positive",
                 kinks="the derivative in a is -inf at a = 0", doc="a * log(a / b) - a + b, b at a = 0, inf outside.")

# --- powers --------------------------------------------------------------------------------------------------------


def _exprel_derivative(np, n, x):
    """The n-th derivative of (exp(x) - 1) / x: 1F1(n + 1; n + 2; x) / (n + 1), by its series near 0 and by recurrence far away."""
    order = int(np.max(n, initial=0))
    found = np.zeros(x.shape)
    far = np.abs(x) > order + 1.0
    near, xs = np.where(far, 0.0, x), np.where(far, x, 1.0)
    last = np.expm1(xs) / xs
    for k in range(order + 1):
        if k:
            last = (np.exp(xs) - k * last) / xs  # the integral of s^k exp(x s) over 0 < s < 1, by parts
        total = term = np.ones(x.shape)
        for m in range(1, 60 + 4 * order):
            term = term * near / m
            total = total + term * ((k + 1) / (k + 1 + m))
        # For x < 0 the series alternates; Kummer's transformation exp(x) 1F1(1; k + 2; -x) does not.
        positive = kummer = np.ones(x.shape)
        for m in range(1, 60 + 4 * order):
            kummer = kummer * -near / (k + 1 + m)
            positive = positive + kummer
        series = np.where(near < 0, np.exp(near) * positive, total) / (k + 1)
        found = np.where(n == k, np.where(far, last, series), found)
    return found


exprel_derivative = of_whole_order("exprel", _exprel_derivative)
exprel = special("exprel", lambda x, y: exprel_derivative(1, x), doc="(exp(x) - 1) / x, and 1 at 0.")

boxcox = special("boxcox", lambda a, b, y: (power(a, b - 1), lambda: square(log(a)) * exprel_derivative(1, b * log(a))), "tj_boxcox(a, b)",
                 zero_safe=True, domain=("positive", "real"), doc="(a**b - 1) / b, and log(a) where b is 0.")
boxcox1p = special(
    "boxcox1p", lambda a, b, y: (exp((b - 1) * log1p(a)), lambda: square(log1p(a)) * exprel_derivative(1, b * log1p(a))),
    "tj_boxcox1p(a, b)", zero_safe=True, domain=("above_minus_one", "real"), doc="((1 + a)**b - 1) / b, and log1p(a) where b is 0.")
inv_boxcox = special(
    "inv_boxcox", lambda a, b, y: (power(y, 1 - b), lambda: -power(y, 1 - b) * square(log(y)) * exprel_derivative(1, b * log(y))),
    zero_safe=True, domain=("small", "small"), doc="Inverse of boxcox in its first operand: (a*b + 1)**(1/b), and exp(a) where b is 0.")
inv_boxcox1p = special(
    "inv_boxcox1p", lambda a, b, y: (exp((1 - b) * log1p(y)),
                                  lambda: -exp((1 - b) * log1p(y)) * square(log1p(y)) * exprel_derivative(1, b * log1p(y))),
    zero_safe=True, domain=("small", "small"), doc="Inverse of boxcox1p in its first operand.")

# --- integrals of elementary functions -----------------------------------------------------------------------------

exp1 = special("exp1", lambda x, y: -exp(-x) / x, zero_safe=True, domain="positive", doc="Exponential integral E1.")
expi = special("expi", lambda x, y: exp(x) / x, zero_safe=True, domain="nonzero", doc="Exponential integral Ei.")


def _expn_slope(n, x, y):
    first = less(n, 0.5)  # E_0 = exp(-x) / x
    return -where(first, (y + exp(-x)) / x, expn(where(first, 1, n) - 1, x))


expn = special("expn", lambda n, x, y: (refused("expn", "n", "the order is an integer"), lambda: _expn_slope(n, x, y)),
               zero_safe=True, domain=("order", "positive"), doc="Exponential integral of whole order n >= 0.")


def _sine_quotient(x):
    """sin(x) / x, smooth at 0."""
    near = less(absolute(x), 1)
    return where(near, sinc((1 / PI) * x), sin(x) / where(near, 1, x))


sine_integral = elementwise(None, lambda x, y: _sine_quotient(x), evaluate=lambda np, x: scipy_function("sici")(np, x)[0],
                            doc="Sine integral Si.")
cosine_integral = elementwise(None, lambda x, y: cos(x) / x, evaluate=lambda np, x: scipy_function("sici")(np, x)[1], zero_safe=True,
                              domain="positive", doc="Cosine integral Ci.")
fresnel_s = elementwise(None, lambda x, y: sin((PI / 2) * square(x)), evaluate=lambda np, x: scipy_function("fresnel")(np, x)[0],
                        doc="Fresnel integral S: of sin(pi*t*t/2) from 0 to x.")
fresnel_c = elementwise(None, lambda x, y: cos((PI / 2) * square(x)), evaluate=lambda np, x: scipy_function("fresnel")(np, x)[1],
                        doc="Fresnel integral C: of cos(pi*t*t/2) from 0 to x.")


def _log_quotient_derivative(np, n, x):
    """The n-th derivative of log(x) / (1 - x): with t = 1 - x, the series -t^m / (m + 1) near x = 1, a recurrence farther away."""
    order = int(np.max(n, initial=0))
    t = 1 - x
    near = np.abs(t) < 0.5
    ts, us = np.where(near, t, 0.0), np.where(near, 0.5, t)
    xs = np.where(near, 0.5, x)  # 1 - us would lose an x near 0
    found, last, falling = np.zeros(x.shape), np.log(xs) / us, None
    for k in range(order + 1):
        if k:  # (1 - x) q = log(x), differentiated k times: (1 - x) q_k = k q_(k-1) + d^k log(x)
            falling = 1 / xs if k == 1 else -falling * (k - 1) / xs
            last = (k * last + falling) / us
        series, weight = np.zeros(x.shape), 1.0
        for j in range(1, k + 1):
            weight *= j
        power_ = np.ones(x.shape)
        for m in range(k, k + 70):
            series = series - weight / (m + 1) * power_
            weight, power_ = weight * (m + 1) / (m + 1 - k), power_ * ts
        found = np.where(n == k, np.where(near, (-1.0) ** k * series, last), found)
    return found


log_quotient_derivative = elementwise(
    None, lambda n, x, y: (refused("spence", "n", "the order of a derivative is an integer"), lambda: log_quotient_derivative(n + 1, x)),
    evaluate=in_doubles(_log_quotient_derivative), domain=("order", "positive"),
    doc="The derivative of log(x) / (1 - x) of a whole order n >= 0.")
spence = special("spence", lambda x, y: log_quotient_derivative(0, x), zero_safe=True, domain="positive",
                 doc="Spence's function (dilogarithm).")

