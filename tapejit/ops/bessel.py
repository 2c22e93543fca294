"""Elementwise rows of scipy.special: Bessel functions.

By x, the recurrences in the order: the derivative of each is made of its neighbours. By a real order v, derivatives are taken numerically
(`stencils.py`): rows `jv_1`, `jv_2` are the first and second derivative of `jv` in v, and have the recurrence in x of `jv` itself.
Read next: `error_functions.py`, `stencils.py`.
"""

from .comparisons import sign
from .error_functions import special
from .stencils import in_doubles, refused, scipy_special, slope
from .table import elementwise


def _order_slope(name, order):
    def evaluate(np, v, x):
        special_ = scipy_special()
        function = getattr(special_, name)
        rate = np.abs(np.log(np.abs(x) / 2)) + np.log1p(np.abs(v))  # the functions go like (x / 2)^(+-v) / gamma(v)
        return slope(np, lambda at: function(at, x), v, 1 / (1 + 0.5 * np.where(np.isfinite(rate), rate, 0)), order)

    return in_doubles(evaluate)


def _family(name, doc, by_x, domain="positive"):
    """The row `name` of order v and argument x with the rows of its first and second derivative in v.

    by_x(f, v, x, y) is the derivative by x, by recurrence: f is the function itself. It holds for the derivatives in v as well,
    where no coefficient depends on v.
    """
    domain = ("large", domain)
    second = elementwise(
        None, lambda a, b, y: (refused(name, "v to third order", "derivatives in the order are available to second order"),
                               lambda: by_x(second, a, b, y)),
        evaluate=_order_slope(name, 2), zero_safe=True, domain=domain, doc=f"The second derivative of {name} in its order.")
    first = elementwise(None, lambda a, b, y: (lambda: second(a, b), lambda: by_x(first, a, b, y)), evaluate=_order_slope(name, 1),
                        zero_safe=True, domain=domain, doc=f"The derivative of {name} in its order.")
    row = special(name, lambda a, b, y: (lambda: first(a, b), lambda: by_x(row, a, b, y)), zero_safe=True, domain=domain, doc=doc)
    return row, first, second


def _halved_difference(f, v, x, y):
    return 0.5 * (f(v - 1, x) - f(v + 1, x))


def _halved_sum(f, v, x, y):
    return 0.5 * (f(v - 1, x) + f(v + 1, x))


jv, jv_1, jv_2 = _family("jv", "Bessel function of the first kind of real order.", _halved_difference)
yv, yv_1, yv_2 = _family("yv", "Bessel function of the second kind of real order.", _halved_difference)
iv, iv_1, iv_2 = _family("iv", "Modified Bessel function of the first kind of real order.", _halved_sum)
kv, kv_1, kv_2 = _family("kv", "Modified Bessel function of the second kind of real order.", lambda f, v, x, y: -_halved_sum(f, v, x, y))
ive, ive_1, ive_2 = _family("ive", "iv(v, x) * exp(-|x|).", lambda f, v, x, y: _halved_sum(f, v, x, y) - sign(x) * y)
kve, kve_1, kve_2 = _family("kve", "kv(v, x) * exp(x).", lambda f, v, x, y: y - _halved_sum(f, v, x, y))

yn = special("yn", lambda a, b, y: (refused("yn", "n", "the order is an integer"), lambda: 0.5 * (yv(a - 1, b) - yv(a + 1, b))),
             zero_safe=True, domain=("order", "positive"), doc="Bessel function of the second kind of whole order.")

# --- orders 0 and 1 ------------------------------------------------------------------------------------------------

j1 = special("j1", lambda x, y: 0.5 * (j0(x) - jv(2, x)), doc="Bessel function of the first kind of order 1.")
j0 = special("j0", lambda x, y: -j1(x), doc="Bessel function of the first kind of order 0.")
y1 = special("y1", lambda x, y: y0(x) - y / x, zero_safe=True, domain="positive", doc="Bessel function of the second kind of order 1.")
y0 = special("y0", lambda x, y: -y1(x), zero_safe=True, domain="positive", doc="Bessel function of the second kind of order 0.")

i1 = special("i1", lambda x, y: 0.5 * (i0(x) + iv(2, x)), doc="Modified Bessel function of the first kind of order 1.")
i0 = special("i0", lambda x, y: i1(x), doc="Modified Bessel function of the first kind of order 0.")
i1e = special("i1e", lambda x, y: 0.5 * (i0e(x) + ive(2, x)) - sign(x) * y, doc="i1(x) * exp(-|x|).")
i0e = special("i0e", lambda x, y: i1e(x) - sign(x) * y, doc="i0(x) * exp(-|x|).")
k1 = special("k1", lambda x, y: -0.5 * (k0(x) + kv(2, x)), zero_safe=True, domain="positive",
             doc="Modified Bessel function of the second kind of order 1.")
k0 = special("k0", lambda x, y: -k1(x), zero_safe=True, domain="positive", doc="Modified Bessel function of the second kind of order 0.")
k1e = special("k1e", lambda x, y: y - 0.5 * (k0e(x) + kve(2, x)), zero_safe=True, domain="positive", doc="k1(x) * exp(x).")
k0e = special("k0e", lambda x, y: y - k1e(x), zero_safe=True, domain="positive", doc="k0(x) * exp(x).")
