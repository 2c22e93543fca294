"""autodiff: activities, shadows that are added to, arguments that the function writes. Truth: vjp and jvp of the functional form."""

import array
import itertools
import mmap
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
from shadows.steps import step, step_functional

import tapejit as tj
from tapejit import Active, Const, Dual, DualOnly, Duplicated, DuplicatedOnly, Forward, ForwardWithPrimal, Reverse, ReverseWithPrimal, autodiff

X = np.linspace(0.1, 1.0, 5)
Pair = namedtuple("Pair", "a b")


@dataclass
class Model:
    weight: np.ndarray
    steps: int


def energy(x, y, a):
    return a * np.sum(np.sin(x) * y) + np.sum(x**2)


def test_duplicated_is_added_to_and_active_is_returned():
    dx = np.full(5, 10.0)
    found = autodiff(Reverse, energy, Duplicated(X, dx), Const(X + 1), Active(2.0))
    assert found[:2] == (None, None) and found[2] == pytest.approx(np.sum(np.sin(X) * (X + 1)))
    np.testing.assert_allclose(dx, 10 + 2 * np.cos(X) * (X + 1) + 2 * X)


@pytest.mark.parametrize("chosen", list(itertools.product((False, True), repeat=3)))
def test_every_combination_of_activities_equals_vjp_and_jvp(chosen):
    args = (X, X + 1, 2.0)
    out, pullback = tj.vjp(energy, *args)
    expected = pullback(1.0)
    shadows = [np.zeros(5), np.zeros(5), None]
    activities = [Const(v) if not c else Active(v) if isinstance(v, float) else Duplicated(v, s) for v, c, s in zip(args, chosen, shadows)]
    derivatives, primal = autodiff(ReverseWithPrimal, energy, *activities)
    assert primal == pytest.approx(out)
    for c, e, s, d in zip(chosen, expected, shadows, derivatives):
        if c:
            np.testing.assert_allclose(d if s is None else s, e, rtol=1e-13)
        else:
            assert d is None and (s is None or not s.any())
    tangents = (np.arange(5.0), np.ones(5), 0.5)
    masked = tuple(t if c else t * 0.0 for t, c in zip(tangents, chosen))
    duals = [Dual(v, t) if c else Const(v) for v, c, t in zip(args, chosen, tangents)]
    dot, value = autodiff(ForwardWithPrimal, energy, *duals)
    assert value == pytest.approx(out) and dot == pytest.approx(tj.jvp(energy, args, masked)[1])


def test_written_arguments_follow_the_one_rule_in_reverse():
    state, out = X.copy(), X - 0.5
    d_state, d_out = np.arange(5.0), np.linspace(1, 2, 5)
    (final_state, final_out), pullback = tj.vjp(lambda s, o: step_functional(s, o, 0.3), state.copy(), out.copy())
    expected_state, expected_out = pullback((d_state.copy(), d_out.copy()))
    assert autodiff(Reverse, step, Duplicated(state, d_state), Duplicated(out, d_out), Const(0.3)) == (None, None, None)
    np.testing.assert_allclose(state, final_state, rtol=1e-15)
    np.testing.assert_allclose(out, final_out, rtol=1e-15)
    np.testing.assert_allclose(d_state, expected_state, rtol=1e-13)
    np.testing.assert_allclose(d_out, expected_out, rtol=1e-13)


def test_the_shadow_of_a_pure_output_is_consumed():
    def fill(x, out):
        out[:] = x**2

    out, d_out, dx = np.full(5, 7.0), np.ones(5), np.zeros(5)
    autodiff(Reverse, fill, Duplicated(X, dx), Duplicated(out, d_out))
    np.testing.assert_array_equal(d_out, np.zeros(5))
    np.testing.assert_allclose(dx, 2 * X)
    np.testing.assert_allclose(out, X**2)


def test_written_arguments_forward():
    state, out = X.copy(), X - 0.5
    s_dot, o_dot = np.arange(5.0), np.ones(5)
    final, dots = tj.jvp(lambda s, o: step_functional(s, o, 0.3), (state.copy(), out.copy()), (s_dot.copy(), o_dot.copy()))
    assert autodiff(Forward, step, Dual(state, s_dot), Dual(out, o_dot), Const(0.3)) is None
    for found, expected in zip((state, out, s_dot, o_dot), (*final, *dots)):
        np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_only_leaves_the_primal_as_it_was():
    state, out = X.copy(), X - 0.5
    autodiff(Reverse, step, DuplicatedOnly(state, np.ones(5)), DuplicatedOnly(out, np.ones(5)), Const(0.3))
    autodiff(Forward, step, DualOnly(state, np.ones(5)), DualOnly(out, np.ones(5)), Const(0.3))
    np.testing.assert_array_equal(state, X)
    np.testing.assert_array_equal(out, X - 0.5)


def test_an_array_result_takes_a_seed():
    dx, ct = np.zeros(5), np.arange(5.0)
    autodiff(Reverse, np.sin, Duplicated(X, dx), seed=ct)
    np.testing.assert_allclose(dx, np.cos(X) * ct)


def test_containers_of_any_nesting():
    def f(p):
        return np.sum(p["m"].weight * p["l"][0].a) * p["m"].steps + np.sum(p["l"][1])

    p = {"m": Model(X.copy(), 3), "l": [Pair(X + 1, None), X - 1], "name": "text"}
    dp = tj.make_zero(p)
    assert dp["m"].steps is None and dp["name"] is None
    for _ in range(2):
        autodiff(Reverse, f, Duplicated(p, dp))
    np.testing.assert_allclose(dp["m"].weight, 6 * (X + 1))
    np.testing.assert_allclose(dp["l"][0].a, 6 * X)
    np.testing.assert_allclose(dp["l"][1], np.full(5, 2.0))
    tj.make_zero_(dp)
    assert not dp["m"].weight.any() and not dp["l"][1].any()


@pytest.mark.parametrize("layout", ["strided", "reversed", "fortran", "unaligned", "field", "array.array", "memoryview", "mmap"])
def test_anything_that_owns_memory(layout):
    n = 6
    values = np.linspace(0.2, 1.2, n)

    def make():
        if layout == "strided":
            return np.zeros(2 * n)[::2]
        if layout == "reversed":
            return np.zeros(n)[::-1]
        if layout == "fortran":
            return np.zeros((3, 2), order="F").T
        if layout == "unaligned":
            return np.frombuffer(bytearray(8 * n + 1), dtype=np.uint8)[1:].view("f8")
        if layout == "field":
            return np.zeros(n, [("pad", "i4"), ("v", "f8")])["v"]
        if layout == "array.array":
            return array.array("d", [0.0] * n)
        if layout == "memoryview":
            return memoryview(bytearray(8 * n)).cast("d")
        return np.frombuffer(mmap.mmap(-1, 8 * n), dtype="f8")

    x, dx = make(), make()
    np.asarray(x)[...] = values.reshape(np.shape(x))
    for _ in range(2):
        autodiff(Reverse, lambda x: np.sum(np.sin(x) ** 2), Duplicated(x, dx))
    np.testing.assert_allclose(np.asarray(dx).ravel(), 2 * np.sin(2 * values), rtol=1e-13)
    np.testing.assert_array_equal(np.asarray(x).ravel(), values)


def bad_shadows():
    """(what, the shadow made for a primal x, the error, its words)."""
    take = np.lib.stride_tricks.as_strided
    return [
        ("shape", lambda x: np.zeros(4), tj.ShadowShapeError, "the shadow of args[0]: expected shape (5,), as its primal has, found (4,)"),
        ("dtype", lambda x: np.zeros(5, "f4"), tj.ShadowTypeError, "the shadow of args[0]: expected dtype float64, as its primal has, found float32"),
        ("byte order", lambda x: np.zeros(5, ">f8"), tj.ShadowTypeError, "the shadow of args[0]: expected dtype float64 in native byte order, found >f8"),
        ("kind", lambda x: "text", tj.ShadowTypeError, "the shadow of args[0]: expected an array of dtype float64 and shape (5,), found str: pass np.zeros((5,), 'float64')"),
        ("structure", lambda x: [x.copy()], tj.ShadowStructureError, "the shadow of args[0]: expected an array or a number, found a list of 1: make one with make_zero"),
        ("read-only", lambda x: np.frombuffer(bytes(40)), tj.ShadowReadOnlyError, "the shadow of args[0]: expected a buffer that can be written, found a read-only array: pass a copy, or one made by np.zeros_like"),
        ("broadcast", lambda x: take(np.zeros(1), (5,), (0,)), tj.ShadowOverlapError, "the shadow of args[0]: expected one place in memory per element, found strides (0,) for shape (5,), in which elements share memory: pass a copy"),
        ("overlap in itself", lambda x: take(np.zeros(5), (5,), (4,)), tj.ShadowOverlapError, "the shadow of args[0]: expected one place in memory per element, found strides (4,) for shape (5,), in which elements share memory: pass a copy"),
        ("its primal", lambda x: x, tj.ShadowOverlapError, "the shadow of args[0] shares memory with args[0]: each shadow needs a buffer of its own, such as make_zero gives"),
        ("reversed primal", lambda x: x[::-1], tj.ShadowOverlapError, "the shadow of args[0] shares memory with args[0]: each shadow needs a buffer of its own, such as make_zero gives"),
    ]


@pytest.mark.parametrize("what, make, error, words", bad_shadows(), ids=[row[0] for row in bad_shadows()])
def test_a_bad_shadow_is_refused_and_nothing_is_written(what, make, error, words):
    x, other = X.copy(), np.zeros(5)
    shadow = make(x)
    for activities in ((Duplicated(x, shadow), Duplicated(X + 1, other)), (Duplicated(x, shadow), Const(X + 1))):
        with pytest.raises(error) as caught:
            autodiff(Reverse, lambda x, y: np.sum(x * y), *activities)
        assert str(caught.value) == words
        np.testing.assert_array_equal(x, X)
        assert not other.any()


def test_two_shadows_in_one_memory_are_refused():
    dx = np.zeros(5)
    with pytest.raises(tj.ShadowOverlapError) as caught:
        autodiff(Reverse, lambda x, y: np.sum(x * y), Duplicated(X, dx), Duplicated(X + 1, dx))
    assert str(caught.value) == "the shadow of args[1] shares memory with the shadow of args[0]: each shadow needs a buffer of its own, such as make_zero gives"
    assert not dx.any()


W = np.arange(5.0)


def test_a_shadow_in_the_memory_of_a_captured_array_is_refused():
    with pytest.raises(tj.ShadowOverlapError, match="shares memory with an array that the function reads"):
        autodiff(Reverse, lambda x: np.sum(x * W), Duplicated(X, W))
    np.testing.assert_array_equal(W, np.arange(5.0))


@pytest.mark.parametrize("call, words", [
    (lambda: autodiff(Reverse, np.sum, Dual(X, X)), "autodiff: args[0] is Dual, which does not go with Reverse: pass Active(x) for a float, Duplicated(x, dx) for arrays, or Const(x)"),
    (lambda: autodiff(Forward, np.sum, Duplicated(X, X)), "autodiff: args[0] is Duplicated, which does not go with Forward: pass Dual(x, x_dot), or Const(x)"),
    (lambda: autodiff(Reverse, np.sum, Active(X)), "autodiff: args[0] is an array, and Active returns the derivatives of numbers: pass Duplicated(args[0], shadow)"),
    (lambda: autodiff(Reverse, lambda a: a, Duplicated(2.0, 0.0)), "autodiff: args[0] is a float, which has no memory for a shadow: pass Active(args[0]), or a 0-d array"),
    (lambda: autodiff("reverse", np.sum, Const(X)), "autodiff: mode: expected Reverse, ReverseWithPrimal, Forward or ForwardWithPrimal, found 'reverse'"),
    (lambda: autodiff(Reverse, step, Duplicated(X.copy(), np.ones(5)), Const(X.copy()), Const(0.1)),
     "autodiff: args[1] is Const, but step writes into it values that depend on a differentiated argument: give it a shadow, or the derivative through it would be lost"),
])
def test_an_activity_that_does_not_fit_is_refused(call, words):
    with pytest.raises(tj.ArgumentError) as caught:
        call()
    assert str(caught.value) == words


def test_a_call_whose_seeds_are_all_zero_says_so():
    with pytest.warns(RuntimeWarning, match=r"every seed is zero, .*the shadow of args\[0\], the shadow of args\[1\]"):
        autodiff(Reverse, step, Duplicated(X.copy(), np.zeros(5)), Duplicated(X.copy(), np.zeros(5)), Const(0.1))


def test_an_exception_of_the_function_leaves_everything_as_it_was():
    def f(x, out):
        out[0] = x[0]
        raise RuntimeError("mine")

    out, d_out, dx = X.copy(), np.ones(5), np.ones(5)
    with pytest.raises(RuntimeError, match="^mine$"):
        autodiff(Reverse, f, Duplicated(X, dx), Duplicated(out, d_out))
    np.testing.assert_array_equal(out, X)
    assert (d_out == 1).all() and (dx == 1).all()


def test_a_read_only_argument_that_is_written_is_refused():
    """On a first call NumPy says so, when the function writes; a kept trace does not run the function."""
    autodiff(Reverse, step, Duplicated(X.copy(), np.ones(5)), Duplicated(X.copy(), np.ones(5)), Const(0.1))
    state = X.copy()
    state.flags.writeable = False
    with pytest.raises(tj.ShadowReadOnlyError, match=r"args\[0\] is read-only, but step writes into it"):
        autodiff(Reverse, step, Duplicated(state, np.ones(5)), Duplicated(X.copy(), np.ones(5)), Const(0.1))


def test_a_shadow_of_nan_is_added_to():
    dx = np.array([np.nan, 0, 0, 0, 0])
    autodiff(Reverse, np.sum, Duplicated(X, dx))
    assert np.isnan(dx[0]) and (dx[1:] == 1).all()
