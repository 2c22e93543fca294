"""Random NumPy functions: the value is NumPy's, the gradient is that of finite differences, a replay equals a fresh trace."""

import warnings

import numpy as np
from functions import N, compiled, functions
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

import tapejit as tj


def numeric(f, x, s, h):
    """Central differences by x and s."""
    out = np.empty(N + 1)
    for k in range(N):
        step = np.zeros(N)
        step[k] = h
        out[k] = (f(x + step, s) - f(x - step, s)) / (2 * h)
    out[N] = (f(x, s + h) - f(x, s - h)) / (2 * h)
    return out


def away_from_kinks(f, x, s):
    """The numeric gradient, or None where differences at two steps disagree: a kink, a jump or a branch is near."""
    fine, coarse = numeric(f, x, s, 1e-6), numeric(f, x, s, 1e-5)
    return fine if np.allclose(fine, coarse, rtol=1e-4, atol=1e-5) and np.all(np.isfinite(fine)) else None


def check(source, seed):
    f = compiled(source)
    rng = np.random.default_rng(seed)
    both = tj.value_and_grad(f, (0, 1))
    both(rng.uniform(-1.2, 1.2, N), 0.5)  # traced; the second call replays, or takes or records a sibling
    x, s = rng.uniform(-1.2, 1.2, N), float(rng.uniform(0.1, 0.9))
    before = x.copy()
    value, (x_bar, s_bar) = both(x, s)
    found = np.append(x_bar, s_bar)
    np.testing.assert_array_equal(x, before, err_msg=source)
    np.testing.assert_allclose(value, f(x.copy(), s), rtol=1e-11, atol=1e-12, err_msg=source)
    fresh, (x_fresh, s_fresh) = tj.value_and_grad(compiled(source), (0, 1))(x, s)
    np.testing.assert_allclose(found, np.append(x_fresh, s_fresh), rtol=1e-12, atol=1e-13, err_msg=source)
    truth = away_from_kinks(f, x, s)
    if truth is not None:
        np.testing.assert_allclose(found, truth, rtol=1e-4, atol=1e-5 * max(1, np.max(np.abs(truth))), err_msg=source)


def test_random_functions(effort):
    @settings(max_examples=300 if effort == 1 else 40_000, deadline=None, suppress_health_check=list(HealthCheck), derandomize=effort == 1, database=None)
    @given(functions(), st.integers(0, 2**32 - 1))
    def law(source, seed):
        note(source)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            check(source, seed)

    law()
