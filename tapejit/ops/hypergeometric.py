"""Elementwise rows of scipy.special: hypergeometric functions.

By x, the derivative raises every parameter by one. By the parameters, derivatives are taken numerically (`stencils.py`), to second order
where they are repeated or mixed. Read next: `stencils.py`.
"""

from .error_functions import special
from .stencils import in_doubles, refused, scipy_special, slope
from .table import elementwise

THIRD = "derivatives in the parameters are available to second order"


def _radius(np, lower, place, operands):
    """How far a parameter may move: an upper one freely, a lower one (at the place `lower`) not to a pole at 0, -1, -2 ..."""
    p, x = operands[place], operands[-1]
    radius = 0.6 / np.sqrt(1 + 0.3 * np.abs(x))
    return np.minimum(radius, 0.2 * np.where(p > 0, p, np.abs(p - np.rint(p)))) if place == lower else radius


def _without_one(parameters, x):
    """The hypergeometric series without its first term 1, for |x| < 0.2: for small x, the 1 would take its digits."""
    *upper, lower = parameters
    total, term = 0.0, 1.0
    for n in range(26):
        for a in upper:
            term = term * (a + n)
        term = term * x / ((lower + n) * (n + 1))
        total = total + term
    return total


def _slope(name, *wanted):
    """An `evaluate` for the derivative by the parameters at the places `wanted`: one, or two, perhaps the same."""
    def evaluate(np, *operands):
        near = np.abs(operands[-1]) < 0.2

        def function(*given):
            x = given[-1]
            return np.where(near, _without_one(given[:-1], np.where(near, x, 0.0)), getattr(scipy_special(), name)(*given))

        lower = len(operands) - 2
        order = len(wanted) if wanted[0] == wanted[-1] else 1

        def derivative(given, places):
            if not places:
                return function(*given)
            place = places[0]

            def moved(values):
                return derivative([*given[:place], values, *given[place + 1:]], places[1:])

            return slope(np, moved, np.broadcast_arrays(*given)[place], _radius(np, lower, place, operands), order)

        return derivative(list(operands), sorted(set(wanted)))

    return in_doubles(evaluate)


def _second(name, wanted, arity, domain):
    """A row for a second derivative in the parameters, of which no further derivatives are given."""
    refusals = (refused(name, "its parameters and x to third order", THIRD),) * arity
    partials = {2: lambda a, b, y: refusals, 3: lambda a, b, c, y: refusals, 4: lambda a, b, c, d, y: refusals}[arity]
    return elementwise(None, partials, evaluate=_slope(name, *wanted), zero_safe=True, domain=domain,
                       doc=f"A second derivative of {name} in the parameters at the places {wanted}.")


# --- 0F1(a; x) -----------------------------------------------------------------------------------------------------

_D0 = ("large", "real")
hyp0f1_aa = _second("hyp0f1", (0, 0), 2, _D0)
hyp0f1_a = elementwise(
    None, lambda a, b, y: (lambda: hyp0f1_aa(a, b), lambda: (hyp0f1_a(a + 1, b) - hyp0f1(a + 1, b) / a) / a), evaluate=_slope("hyp0f1", 0),
    zero_safe=True, domain=_D0, doc="The derivative of hyp0f1 in its parameter.")
hyp0f1 = special("hyp0f1", lambda a, b, y: (lambda: hyp0f1_a(a, b), lambda: hyp0f1(a + 1, b) / a), zero_safe=True, domain=_D0,
                 doc="Confluent hypergeometric limit function 0F1(a; b).")

# --- 1F1(a; b; x) --------------------------------------------------------------------------------------------------

_D1 = ("real", "large", "real")
hyp1f1_aa, hyp1f1_ab, hyp1f1_bb = (_second("hyp1f1", wanted, 3, _D1) for wanted in ((0, 0), (0, 1), (1, 1)))
hyp1f1_a = elementwise(
    None, lambda a, b, c, y: (lambda: hyp1f1_aa(a, b, c), lambda: hyp1f1_ab(a, b, c),
                              lambda: (hyp1f1(a + 1, b + 1, c) + a * hyp1f1_a(a + 1, b + 1, c)) / b),
    evaluate=_slope("hyp1f1", 0), zero_safe=True, domain=_D1, doc="The derivative of hyp1f1 in a.")
hyp1f1_b = elementwise(
    None, lambda a, b, c, y: (lambda: hyp1f1_ab(a, b, c), lambda: hyp1f1_bb(a, b, c),
                              lambda: a / b * (hyp1f1_b(a + 1, b + 1, c) - hyp1f1(a + 1, b + 1, c) / b)),
    evaluate=_slope("hyp1f1", 1), zero_safe=True, domain=_D1, doc="The derivative of hyp1f1 in b.")
hyp1f1 = special(
    "hyp1f1", lambda a, b, c, y: (lambda: hyp1f1_a(a, b, c), lambda: hyp1f1_b(a, b, c), lambda: a / b * hyp1f1(a + 1, b + 1, c)),
    zero_safe=True, domain=_D1, doc="Confluent hypergeometric function 1F1(a; b; c).")

# --- 2F1(a, b; c; x), symmetric in a and b ---------------------------------------------------------------------------

_D2 = ("real", "real", "large", "half_unit")
hyp2f1_aa, hyp2f1_ab, hyp2f1_ac, hyp2f1_cc = (_second("hyp2f1", wanted, 4, _D2) for wanted in ((0, 0), (0, 1), (0, 2), (2, 2)))


def _raised(a, b, c, x):
    return hyp2f1(a + 1, b + 1, c + 1, x)


hyp2f1_a = elementwise(
    None, lambda a, b, c, d, y: (lambda: hyp2f1_aa(a, b, c, d), lambda: hyp2f1_ab(a, b, c, d), lambda: hyp2f1_ac(a, b, c, d),
                                 lambda: b / c * (_raised(a, b, c, d) + a * hyp2f1_a(a + 1, b + 1, c + 1, d))),
    evaluate=_slope("hyp2f1", 0), zero_safe=True, domain=_D2, doc="The derivative of hyp2f1 in a.")
hyp2f1_c = elementwise(
    None, lambda a, b, c, d, y: (lambda: hyp2f1_ac(a, b, c, d), lambda: hyp2f1_ac(b, a, c, d), lambda: hyp2f1_cc(a, b, c, d),
                                 lambda: a * b / c * (hyp2f1_c(a + 1, b + 1, c + 1, d) - _raised(a, b, c, d) / c)),
    evaluate=_slope("hyp2f1", 2), zero_safe=True, domain=_D2, doc="The derivative of hyp2f1 in c.")
hyp2f1 = special(
    "hyp2f1", lambda a, b, c, d, y: (lambda: hyp2f1_a(a, b, c, d), lambda: hyp2f1_a(b, a, c, d), lambda: hyp2f1_c(a, b, c, d),
                                     lambda: a * b / c * _raised(a, b, c, d)),
    zero_safe=True, domain=_D2, doc="Gauss' hypergeometric function 2F1(a, b; c; d).")
