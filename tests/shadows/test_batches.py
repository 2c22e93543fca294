"""Batches of shadows: one call with several shadows equals as many calls with one. Truth: the loop of single calls."""

import numpy as np
import pytest

import tapejit as tj
from tapejit import Active, BatchDual, BatchDuplicated, Const, Dual, Duplicated, Forward, ForwardWithPrimal, Reverse, ReverseWithPrimal, autodiff

X = np.linspace(0.1, 1.0, 4)
WIDTH = 3


def energy(x, a, n):
    return a * np.sum(np.sin(x) * x) + n * np.sum(x)


def wave(p, a):
    return {"y": np.sin(p["w"]) * a, "s": np.sum(p["l"][0] ** 2), "n": 3}


def step(state, out, a):
    out[:] = np.sin(state) * a + out[::-1]
    state *= 1.0 + a


def parameters():
    return {"w": X.copy(), "l": [X.reshape(2, 2) + 1, None], "name": "text", "count": 7}


def leading(shadows):
    """A tuple of shadows as one shadow whose arrays have a leading axis."""
    rows = [tj.tree.flatten(shadow)[0] for shadow in shadows]
    return tj.tree.flatten(shadows[0])[1].build([np.array(column) if isinstance(column[0], (np.ndarray, float)) else None for column in zip(*rows)])


def equal(found, expected):
    (a, tree), (b, other) = tj.tree.flatten(found), tj.tree.flatten(expected)
    assert tree == other
    for x, y in zip(a, b):
        assert type(x) is type(y)
        np.testing.assert_allclose(x, y, rtol=1e-14)


@pytest.mark.parametrize("form", [tuple, leading])
@pytest.mark.parametrize("mode", [Reverse, ReverseWithPrimal])
def test_a_reverse_batch_is_a_loop(mode, form, rng):
    start = [rng.normal(size=4) for _ in range(WIDTH)]
    expected, singles = [shadow.copy() for shadow in start], []
    for shadow in expected:
        singles.append(autodiff(mode, energy, Duplicated(X, shadow), Active(2.0), Const(3)))
    shadows = form([shadow.copy() for shadow in start])
    for _ in range(2):
        found = autodiff(mode, energy, BatchDuplicated(X, shadows), Active(2.0), Const(3))
    derivatives = tuple(single[0][1] for single in singles) if mode is ReverseWithPrimal else tuple(single[1] for single in singles)
    equal(found, ((None, derivatives, None), singles[0][1]) if mode is ReverseWithPrimal else (None, derivatives, None))
    for shadow, first, once in zip(shadows, start, expected):
        np.testing.assert_allclose(shadow, first + 2 * (once - first), rtol=1e-13)


@pytest.mark.parametrize("form", [tuple, leading])
def test_containers_and_seeds_of_a_reverse_batch(form, rng):
    p = parameters()
    seeds = [{"y": rng.normal(size=4), "s": float(k + 1), "n": None} for k in range(WIDTH)]
    expected = [tj.make_zero(p) for _ in range(WIDTH)]
    singles = [autodiff(Reverse, wave, Duplicated(p, shadow), Active(2.0), seed=seed) for shadow, seed in zip(expected, seeds)]
    for seed in (tuple(seeds), {"y": np.array([s["y"] for s in seeds]), "s": np.array([s["s"] for s in seeds]), "n": np.zeros(WIDTH)}):
        shadows = form([tj.make_zero(p) for _ in range(WIDTH)])
        assert autodiff(Reverse, wave, BatchDuplicated(p, shadows), Active(2.0), seed=seed) == (None, tuple(single[1] for single in singles))
        equal(shadows, form(expected))


@pytest.mark.parametrize("form", [tuple, leading])
def test_containers_of_a_forward_batch(form, rng):
    p = parameters()
    dots = [{"w": rng.normal(size=4), "l": [rng.normal(size=(2, 2)), None], "name": None, "count": None} for _ in range(WIDTH)]
    speeds = [0.5, -1.0, 2.0]
    expected = tuple(autodiff(Forward, wave, Dual(p, dot), Dual(2.0, speed)) for dot, speed in zip(dots, speeds))
    for batch in (tuple(speeds), np.array(speeds)):
        equal(autodiff(Forward, wave, BatchDual(p, form(dots)), BatchDual(2.0, batch)), expected)
        tangents, primal = autodiff(ForwardWithPrimal, wave, BatchDual(p, form(dots)), BatchDual(2.0, batch))
        equal(tangents, expected)
        equal(primal, wave(p, 2.0))


@pytest.mark.parametrize("form", [tuple, leading])
@pytest.mark.parametrize("mode, single, batch", [(Reverse, Duplicated, BatchDuplicated), (Forward, Dual, BatchDual)])
def test_written_arguments_are_written_once(mode, single, batch, form, rng):
    starts = [[rng.normal(size=4) for _ in range(WIDTH)] for _ in range(2)]
    expected = [[shadow.copy() for shadow in row] for row in starts]
    for pair in zip(*expected):
        primals = X.copy(), X - 0.5
        autodiff(mode, step, single(primals[0], pair[0]), single(primals[1], pair[1]), Const(0.3))
    state, out = X.copy(), X - 0.5
    shadows = [form([shadow.copy() for shadow in row]) for row in starts]
    autodiff(mode, step, batch(state, shadows[0]), batch(out, shadows[1]), Const(0.3))
    equal((state, out), primals)
    for found, row in zip(shadows, expected):
        np.testing.assert_allclose(np.array(found), np.array(row), rtol=1e-14)


@pytest.mark.parametrize("make", [lambda: np.zeros(3), lambda: np.zeros(6)[::2], lambda: (np.zeros(()), np.zeros(()), np.zeros(()))])
def test_the_leading_axis_of_a_number_in_an_array(make):
    shadows = make()
    for _ in range(3):
        autodiff(Reverse, lambda x: x**2, BatchDuplicated(np.array(2.0), shadows))
    assert list(shadows) == [12.0, 12.0, 12.0]
    assert autodiff(Forward, lambda x: x**2, BatchDual(np.array(2.0), np.arange(3.0))) == (0.0, 4.0, 8.0)


@pytest.mark.parametrize("layout", [lambda a: a, np.asfortranarray, lambda a: np.repeat(a, 2, 1)[:, ::2], lambda a: a[::-1][::-1]])
def test_a_leading_axis_of_any_strides(layout):
    shadows = layout(np.arange(12.0).reshape(3, 4).copy())
    autodiff(Reverse, lambda x: np.sum(x**2), BatchDuplicated(X, shadows))
    np.testing.assert_allclose(shadows, np.arange(12.0).reshape(3, 4) + 2 * X)


def total(x, y=0.0):
    return np.sum(x * x) + np.sum(y)


ONE = np.zeros(4)


@pytest.mark.parametrize("call, error, words", [
    (lambda: autodiff(Reverse, total, BatchDuplicated(X, ()), Const(1.0)), tj.ShadowStructureError,
     "BatchDuplicated: expected a tuple of shadows, or arrays with a leading axis for them, found ()"),
    (lambda: autodiff(Forward, total, BatchDual(X, np.zeros((0, 4)))), tj.ShadowStructureError,
     "BatchDual: expected a tuple of shadows, or arrays with a leading axis for them, found array([], shape=(0, 4), dtype=float64)"),
    (lambda: autodiff(Reverse, total, BatchDuplicated(X, (ONE, ONE + 0)), BatchDuplicated(X + 1, (ONE + 0,))), tj.ShadowStructureError,
     "autodiff: args[1] has 1 shadow, expected 2, as args[0] has"),
    (lambda: autodiff(Reverse, total, BatchDuplicated(X, (ONE,)), Duplicated(X + 1, ONE + 0)), tj.ArgumentError,
     "autodiff: args[1] is Duplicated and args[0] is BatchDuplicated: give all arguments with shadows a batch of them, or none"),
    (lambda: autodiff(Forward, total, Dual(X, ONE), BatchDual(X + 1, (ONE,))), tj.ArgumentError,
     "autodiff: args[1] is BatchDual and args[0] is Dual: give all arguments with shadows a batch of them, or none"),
    (lambda: autodiff(Reverse, total, BatchDuplicated(X, (ONE, ONE))), tj.ShadowOverlapError,
     "shadow 1 of args[0] shares memory with shadow 0 of args[0]: each shadow needs a buffer of its own, such as make_zero gives"),
    (lambda: autodiff(Reverse, total, BatchDuplicated(X, (ONE, np.zeros(3)))), tj.ShadowShapeError,
     "shadow 1 of args[0]: expected shape (4,), as its primal has, found (3,)"),
    (lambda: autodiff(Reverse, total, BatchDuplicated(X, np.zeros((2, 3)))), tj.ShadowShapeError,
     "the shadows of args[0]: expected shape (2, 4), as its primal has, found (2, 3)"),
    (lambda: autodiff(Reverse, total, BatchDuplicated({"a": X}, ({"a": ONE}, {"b": ONE}))), tj.ShadowStructureError,
     "shadow 1 of args[0]['a'] is missing: make one with make_zero"),
    (lambda: autodiff(Reverse, lambda pair: total(*pair), BatchDuplicated([X, X + 1], [np.zeros((2, 4)), np.zeros((3, 4))])), tj.ShadowShapeError,
     "the shadows of args[0][1]: expected shape (2, 4), as its primal has, found (3, 4)"),
    (lambda: autodiff(Reverse, np.sin, BatchDuplicated(X, (ONE, ONE + 0)), seed=(X,)), tj.ArgumentError,
     "seed: expected 2 seeds, one per shadow of the batch, found 1"),
    (lambda: autodiff(Reverse, np.sin, BatchDuplicated(X, (ONE, ONE + 0)), seed=X), tj.ArgumentError,
     "seed: expected a tuple of 2 seeds, or a leading axis of length 2, one seed per shadow of the batch, found shape (4,)"),
    (lambda: autodiff(Reverse, total, BatchDual(X, (ONE,))), tj.ArgumentError,
     "autodiff: args[0] is BatchDual, which does not go with Reverse: pass Active(x) for a float, Duplicated(x, dx) for arrays, or Const(x)"),
])
def test_a_batch_that_does_not_fit_is_refused(call, error, words):
    for _ in range(2):
        with pytest.raises(error) as caught:
            call()
        assert str(caught.value) == words
        assert not ONE.any()
