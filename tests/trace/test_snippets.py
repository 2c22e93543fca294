"""Snippets in the manner of scientists' scripts have the value and the gradient of a plain run, where they are traced and where they are replayed."""

import numpy as np
import pytest

import tapejit as tj

from . import snippets_algorithms, snippets_python, snippets_writes

POINTS = np.array([0.3, 1.2, -0.7, 2.1]), np.array([0.306, 1.215, -0.704, 2.124]), np.array([-0.4, 0.8, 1.7, 0.9])
SNIPPETS = [f for module in (snippets_python, snippets_writes, snippets_algorithms) for f in module.SNIPPETS]


def finite_differences(f, x, step=1e-6):
    slopes = np.empty(len(x))
    for k, unit in enumerate(np.eye(len(x)) * step):
        slopes[k] = (float(f(x + unit)) - float(f(x - unit))) / (2 * step)
    return slopes


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("f", SNIPPETS, ids=lambda f: f.__name__)
def test_value_and_gradient(f):
    both = tj.value_and_grad(f)
    for x in POINTS * 2:
        value, gradient = both(x.copy())
        np.testing.assert_allclose(float(value), float(f(x.copy())), rtol=1e-10)
        np.testing.assert_allclose(gradient, finite_differences(f, x), rtol=1e-4, atol=1e-6)


ERRORS = {
    "masked arrays": (lambda x: np.ma.masked_where(x < 0, x).sum(), tj.TracingError, "numpy.ma.core.masked_where"),
    "matrices": (lambda x: np.asmatrix(np.outer(x, x)).sum(), tj.UnsupportedError, "numpy.matrix: use a two-dimensional array and @"),
    "ufuncs of objects": (lambda x: np.sum(SQUARED(x)), tj.UnsupportedError, r"computes on objects.*call np.frompyfunc or np.vectorize inside the function"),
    "time": (lambda x: __import__("datetime").timedelta(seconds=x[0]).total_seconds(), tj.TracingError, r"datetime.timedelta\(\) on a traced value at test_snippets.py"),
    "nditer": (lambda x: sum(a.sum() for a in np.nditer(x, flags=["external_loop"])), tj.UnsupportedError, r"external_loop.*write the loop with numpy.ndindex"),
    "records": (lambda x: record_array(x), tj.TracingError, "a traced value is written into a plain NumPy array")}
SQUARED = np.frompyfunc(lambda v: v * v, 1, 1)


def record_array(x):
    rows = np.zeros(4, dtype=[("p", float), ("q", float)])
    rows["p"] = x
    return rows["p"].sum()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ERRORS)
def test_what_cannot_be_is_a_clear_error(name):
    f, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        tj.grad(f)(POINTS[0])
