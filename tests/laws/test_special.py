"""Special functions, called as scipy.special's own on traced arrays: values and their first two derivatives against mpmath at 50 digits."""

import mpmath
import numpy as np
import pytest
import scipy.special

import tapejit as tj
from laws.special_cases import CASES, N
from tapejit.coverage.table import SPECIAL_ERRORS as TABLE

SAMPLES = 6
WORST = {}  # name -> the worst relative errors of the value, the first and the second derivatives


def function_of(name):
    """The function of scipy.special as a user calls it."""
    if name == "riemann_zeta":
        return lambda x: scipy.special.zeta(x)
    if name.endswith("]"):
        name, which = name[:-3], int(name[-2])
        return lambda x: getattr(scipy.special, name)(x)[which]
    return getattr(scipy.special, name)


def derivatives(f, operands, places):
    """f, its first derivatives and its second ones, at each element of the operands: lists over `places` and pairs of places."""
    value = tj.jit(f)(*operands)
    if not places:
        return value, [], {}
    gradient = tj.grad(lambda *xs: np.sum(f(*xs)), argnums=tuple(places))
    second = {}
    for k, place in enumerate(places):
        row = tj.grad(lambda *xs, k=k: np.sum(gradient(*xs)[k]), argnums=tuple(places[k:]))(*operands)
        second.update({(place, other): found for other, found in zip(places[k:], row)})
    return value, gradient(*operands), second


def truth_at(case, point, places):
    """The exact value, first and second derivatives at a point."""
    def derivative(*raised):
        orders = tuple(raised.count(k) for k in range(len(point)))
        formula = case.exact.get(orders)
        return mpmath.diff(case.slopes, tuple(point), orders) if formula is None else formula(*point)

    second = {(p, q): derivative(p, q) for k, p in enumerate(places) for q in places[k:]}
    return case.truth(*point), [derivative(p) for p in places], second


def error(found, exact, scale):
    """The relative error; next to a zero of the exact value, relative to a hundredth of its size in the neighbourhood."""
    return float(abs(mpmath.mpf(float(found)) - exact) / max(abs(exact), scale / 100, mpmath.mpf(1e-290)))


def worst_errors(name, rng, n):
    case = CASES[name]
    operands = [domain.draw(rng, n) for domain in case.domains]
    places = [k for k, domain in enumerate(case.domains) if not isinstance(domain, N)]
    value, first, second = derivatives(function_of(name), operands, places)
    worst = [(0.0, None)] * 3
    with mpmath.workdps(50):
        for k in range(n):
            point = [mpmath.mpf(float(x[k])) for x in operands]
            exact, exact_first, exact_second = truth_at(case, point, places)
            size = {p: abs(point[p]) for p in places}
            scale = max([abs(exact)] + [size[p] * abs(d) for p, d in zip(places, exact_first)])
            errors = [(0, error(value[k], exact, scale))]
            for p, d, found in zip(places, exact_first, first):
                scale = max(size[q] * abs(exact_second[min(p, q), max(p, q)]) for q in places)
                errors.append((1, error(found[k], d, max(scale, abs(d)))))
            for (p, q), d in exact_second.items():
                slopes = dict(zip(places, exact_first))
                scale = max(abs(slopes[p]) / size[q], abs(slopes[q]) / size[p]) if size[p] and size[q] else 0
                errors.append((2, error(second[p, q][k], d, scale)))
            for order, e in errors:
                worst[order] = max(worst[order], (e, [float(x) for x in point]), key=lambda pair: pair[0] if pair[0] == pair[0] else np.inf)
    return worst


def table():
    """The worst errors as a text, a line per function."""
    lines = ["worst relative errors against mpmath at 50 digits",
             f"{'function':14s} {'value':>9s} {'first':>9s} {'second':>9s}  domains of the operands"]
    for name, errors in WORST.items():
        lines.append(f"{name:14s} " + " ".join(f"{e:9.1e}" for e in errors) + "  " + ", ".join(map(str, CASES[name].domains)))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module", autouse=True)
def _written(request):
    """After the tests the table is printed (seen with -s); with --regold it replaces `special_errors.txt`."""
    yield
    print("\n" + table())
    if request.config.getoption("--regold") and set(WORST) == set(CASES):
        TABLE.write_text(table())


@pytest.mark.parametrize("name", CASES)
def test_values_and_two_derivatives_against_mpmath(name, rng, effort):
    """The worst relative errors over the domain stay within what the table states for the function."""
    worst = worst_errors(name, rng, SAMPLES * effort)
    WORST[name] = [e for e, _ in worst]
    print(f"{name}: " + ", ".join(f"{e:.1e} at {point}" for e, point in worst))
    assert all(e <= tolerance for (e, _), tolerance in zip(worst, CASES[name].tolerance)), worst


def test_the_table_names_every_function():
    """The table that is published has a line for each function, none above what is allowed; --regold brings it up to date."""
    lines = [line.split() for line in TABLE.read_text().splitlines()[2:]]
    assert [line[0] for line in lines] == list(CASES)
    for name, *errors in lines:
        assert all(float(e) <= tolerance for e, tolerance in zip(errors, CASES[name].tolerance)), name
