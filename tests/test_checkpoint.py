"""checkpoint saves memory: measured by the bytes that the planned program needs besides its inputs and outputs."""

import numpy as np
import pytest

import tapejit as tj
from tapejit.kernel import tiling

@pytest.fixture(autouse=True)
def untiled(monkeypatch):
    """Arrays are kept whole: in tiles, all of these functions keep a tile's worth."""
    monkeypatch.setattr(tiling, "LEAST_LENGTH", 1 << 40)


X = np.linspace(0.0, 1.0, 1000)


def steps(x, count):
    for _ in range(count):
        x = np.sin(x) * np.cos(x) + x
    return x


def plain(x):
    return np.sum(steps(x, 64))


def once(x):
    step = tj.checkpoint(lambda x: steps(x, 8))
    for _ in range(8):
        x = step(x)
    return np.sum(x)


def halved(count):
    if count == 4:
        return lambda x: steps(x, 4)
    half = halved(count // 2)
    return tj.checkpoint(lambda x: half(half(x)))


def nested(x):
    return np.sum(halved(64)(x))


def arrays(transformed):
    """How many arrays like X the program of the one kept trace takes."""
    ((entry,),) = transformed.specializer.entries.values()
    return entry.program.arena_bytes / X.nbytes


def gradient(f):
    transformed = tj.grad(f)
    return transformed(X), arrays(transformed)


def pullback(f):
    transformed = tj.jacrev(lambda x: f(x) * x[:9])  # a program with a segment that waits for its seeds, as vjp's
    return transformed(X)[0], arrays(transformed)


@pytest.mark.parametrize("measure", [gradient, pullback])
def test_memory(measure):
    expected, all_kept = measure(plain)
    found, of_eight = measure(once)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    found, of_halves = measure(nested)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert all_kept > 64 and of_eight < 0.4 * all_kept and of_halves < 0.3 * all_kept


def test_a_pullback_may_run_many_times():
    value, pull = tj.vjp(once, X)
    expected = tj.grad(plain)(X)
    for factor in (1.0, -2.0, 1.0):
        np.testing.assert_allclose(pull(factor)[0], factor * expected, rtol=1e-10)


def test_second_derivatives_and_numbers():
    x = X[::200]
    np.testing.assert_allclose(tj.hessian(nested)(x), tj.hessian(plain)(x), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(tj.hessian(lambda x: tj.vjp(once, x)[1](1.0)[0].sum())(x), tj.hessian(lambda x: tj.grad(plain)(x).sum())(x), rtol=1e-8, atol=1e-9)
    assert tj.vjp(tj.checkpoint(lambda x: steps(x, 3)), 0.5)[1](1.0)[0] == pytest.approx(tj.grad(lambda x: steps(x, 3))(0.5))
