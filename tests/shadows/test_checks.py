"""The checks of autodiff, split and out= that no other test names one by one; `test_mutants.py` removes each and sees the test fail."""

import warnings

import numpy as np
import pytest

import tapejit as tj
from tapejit import (
    Active, BatchDual, BatchDuplicated, Const, Dual, Duplicated, Forward, Reverse, ReverseWithPrimal, ShadowOverlapError,
    ShadowStructureError, autodiff, make_zero_, split)
from tapejit.kernel.program import Program
from tapejit.kernel.shadow import overlaps

X = np.linspace(0.1, 1.0, 4)
TABLE = np.arange(4.0)
LARGE = np.arange(5000.0)


def squares(x):
    return np.sum(x * x)


# --- one shadow ---------------------------------------------------------------------------------------------------------------


def test_a_tangent_may_be_read_only():
    x_dot = np.ones(4)
    x_dot.flags.writeable = False
    for _ in range(3):
        assert autodiff(Forward, squares, Dual(X, x_dot)) == pytest.approx(2 * np.sum(X))
    assert autodiff(Forward, squares, Dual(X, np.broadcast_to(1.0, 4))) == pytest.approx(2 * np.sum(X))


def test_a_masked_shadow_is_refused():
    """Added to, it would keep what it masks."""
    memory = np.zeros(8)
    shadow = np.ma.array(memory[::2], mask=[True, False, False, False], copy=False)
    with pytest.raises(tj.ShadowTypeError,
                       match=r"^the shadow of args\[0\]: expected a plain ndarray, found MaskedArray: pass np.asarray of it$"):
        autodiff(Reverse, squares, Duplicated(X, shadow))
    with pytest.raises(tj.ShadowTypeError, match="^out: expected a plain ndarray, found MaskedArray"):
        tj.grad(squares, out=shadow)(X)
    assert not memory.any()


class Loud(np.ndarray):
    def __array_ufunc__(self, *args, **kwargs):
        raise RuntimeError("arithmetic of a subclass")


@pytest.mark.parametrize("step", [1, 2])
def test_a_subclass_has_no_say_in_how_its_memory_is_written(step):
    dx, dy = np.zeros(4), np.zeros(4 * step)[::step].view(Loud)
    autodiff(Reverse, lambda x, y: np.sum(x * y), Duplicated(X, dx), Duplicated(X, dy))
    tj.vjp(squares, X)[1](1.0, out=(dy,), accumulate=True)
    np.testing.assert_allclose(dx, X)
    np.testing.assert_allclose(dy.view(np.ndarray), 3 * X)


def test_elements_that_share_memory_along_two_axes():
    shadow = np.lib.stride_tricks.as_strided(np.zeros(4), (2, 3), (8, 8))
    with pytest.raises(ShadowOverlapError,
        match=r"^the shadow of args\[0\]: expected one place in memory per element, found strides \(8, 8\) for shape \(2, 3\)"):
        autodiff(Reverse, squares, Duplicated(np.ones((2, 3)), shadow))
    assert not shadow.any()


def test_an_overlap_that_is_too_hard_to_decide_is_refused():
    memory = np.zeros(192163377, np.int8)  # not touched, and so not in the machine's memory
    take = np.lib.stride_tricks.as_strided
    one = take(memory, (1049, 1049, 1049), (36674, 61119, 85569))
    other = take(memory[64023025:], (1049, 1049, 1), (12223, 12224, 1))
    with pytest.raises(np.exceptions.TooHardError):
        np.shares_memory(one, other, max_work=100_000)
    assert overlaps(one, other)


def test_a_strided_shadow_in_a_large_captured_array_is_refused():
    before = LARGE.copy()
    with pytest.raises(ShadowOverlapError, match="shares memory with an array that the function reads"):
        autodiff(Reverse, lambda x: np.sum(x * LARGE[1:5]), Duplicated(X, LARGE[0:8:2]))
    np.testing.assert_array_equal(LARGE, before)


@pytest.mark.parametrize("make, error, words", [
    pytest.param(lambda x, y: (np.zeros(4), np.zeros(5)), tj.ShadowShapeError, "out[1]: expected shape (4,), as its primal has, found (5,)",
                 id="shape"),
    pytest.param(lambda x, y: [np.zeros(4), np.zeros(4)], ShadowStructureError, "out: expected a tuple of 2, found a list of 2",
                 id="structure"),
    pytest.param(lambda x, y: (np.zeros(4), x), ShadowOverlapError, "out[1] shares memory with args[0]", id="input"),
    pytest.param(lambda x, y: (LARGE[:8:2], LARGE[2:10:2]), ShadowOverlapError, "out[1] shares memory with out[0]", id="each other"),
    pytest.param(lambda x, y: (np.zeros(4), TABLE), ShadowOverlapError, "out[1] shares memory with an array that the function reads",
                 id="captured"),
])
def test_out_is_checked(make, error, words):
    x, y = X.copy(), X.copy()
    out = make(x, y)
    before = [buffer.tobytes() for buffer in (x, y, TABLE, LARGE, *out)]
    with pytest.raises(error) as caught:
        tj.grad(lambda x, y: np.sum(x * y * TABLE), argnums=(0, 1), out=out)(x, y)
    assert str(caught.value).startswith(words)
    assert [buffer.tobytes() for buffer in (x, y, TABLE, LARGE, *out)] == before


@pytest.mark.parametrize("shadow, words", [
    pytest.param({"a": [np.zeros(4)], "b": (X, None)}, "the shadow of args[0]['a']: expected an array or a number, found a list of 1",
                 id="container for a leaf"),
    pytest.param({"a": np.zeros(4), "b": (X, np.zeros(4))}, "the shadow of args[0]['b'][1]: expected None, found ndarray",
                 id="array for None"),
    pytest.param({"a": np.zeros(4), "b": [X, None]}, "the shadow of args[0]['b']: expected a tuple of 2, found a list of 2",
                 id="list for a tuple"),
    pytest.param({"b": (X, None)}, "the shadow of args[0]['a'] is missing", id="missing key"),
    pytest.param({"a": np.zeros(4), "b": (X, None), "c": None}, "the shadow of args[0]['c'] was not expected", id="extra key"),
    pytest.param({"a": np.zeros(4), "b": (X, None, None)}, "the shadow of args[0]['b']: expected a tuple of 2, found a tuple of 3",
                 id="too many"),
])
def test_the_structure_of_a_shadow(shadow, words):
    primal = {"a": X, "b": (X + 1, None)}
    for kept in (False, True):
        def f(p):
            return squares(p["a"]) + squares(p["b"][0])

        for _ in range(3 * kept):
            autodiff(Reverse, f, Duplicated(primal, tj.make_zero(primal)))
        with pytest.raises(ShadowStructureError) as caught:
            autodiff(Reverse, f, Duplicated(primal, shadow))
        assert str(caught.value) == f"{words}: make one with make_zero"
    assert not np.any(shadow.get("a", 0))


def test_make_zero_writes_all_or_nothing():
    fixed = np.ones(3)
    fixed.flags.writeable = False
    shadow = [np.ones(2), {"w": fixed}]
    with pytest.raises(tj.ShadowReadOnlyError, match=r"^make_zero_: shadow\[1\]\['w'\] is read-only: make a new shadow with make_zero$"):
        make_zero_(shadow)
    assert (shadow[0] == 1).all()


@pytest.mark.parametrize("read", [
    pytest.param(lambda x: float(TABLE[1]) * np.sum(x), id="number"),
    pytest.param(lambda x: np.sum(x) if TABLE[1] > 1.5 else -np.sum(x), id="decision"),
    pytest.param(lambda x: TABLE.sum() * np.sum(x), id="reduction"),
])
def test_a_written_argument_that_the_function_also_reads_by_name_is_refused(read):
    """NumPy would read what was written in the line before; the trace has the value from before."""
    before = TABLE.tobytes()
    for kept in (False, True):
        def f(x, out):
            out[:] = 2 * x
            return read(x)

        for _ in range(3 * kept):
            autodiff(Reverse, f, Duplicated(X, np.zeros(4)), Duplicated(np.zeros(4), np.ones(4)))
        dx, dout = np.zeros(4), np.ones(4)
        with pytest.raises(ShadowOverlapError,
                           match=r"^args\[1\], which f writes, shares memory with an array that the function reads: pass a copy$"):
            autodiff(Reverse, f, Duplicated(X, dx), Duplicated(TABLE, dout))
        assert TABLE.tobytes() == before and not dx.any() and (dout == 1).all()


# --- activities and seeds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activity, words", [
    pytest.param(Duplicated, "autodiff: args[0] is the class Duplicated: pass Duplicated(value, shadow)", id="class"),
    pytest.param(Const(Duplicated(X, np.zeros(4))), "autodiff: args[0] is Const of Duplicated: pass one activity per argument",
                 id="nested"),
])
def test_an_activity_is_well_formed(activity, words):
    with pytest.raises(tj.ArgumentError) as caught:
        autodiff(Reverse, lambda x: 1.0, activity)
    assert str(caught.value) == words


@pytest.mark.parametrize("activities, error, words", [
    pytest.param([BatchDuplicated(X, (np.zeros(4),) * 2), BatchDuplicated(X, np.zeros((3, 4)))], ShadowStructureError,
                 "args[1] has 3 shadows, expected 2, as args[0] has", id="lengths"),
    pytest.param([BatchDuplicated(X, np.zeros((2, 4))), Duplicated(X, np.zeros(4))], tj.ArgumentError,
                 "args[1] is Duplicated and args[0] is BatchDuplicated: give all arguments with shadows a batch of them, or none",
                 id="batch and none"),
    pytest.param([BatchDuplicated(X, ()), Const(X)], ShadowStructureError,
                 "BatchDuplicated: expected a tuple of shadows, or arrays with a leading axis for them, found ()", id="empty"),
])
def test_widths_are_equal(activities, error, words):
    with pytest.raises(error) as caught:
        autodiff(Reverse, lambda x, y: np.sum(x * y), *activities)
    assert str(caught.value).removeprefix("autodiff: ") == words


def test_ret_goes_with_the_mode():
    with pytest.raises(tj.ArgumentError, match="^autodiff: ret: Dual does not go with Reverse: expected Const, Active or Duplicated$"):
        autodiff(Reverse, squares, Duplicated(X, np.zeros(4)), ret=Dual)


@pytest.mark.parametrize("mode, activity, seed, words", [
    pytest.param(Reverse, Duplicated, np.ones(5), r"seed: expected shape \(4,\), as its primal has, found \(5,\)", id="shape"),
    pytest.param(Reverse, Duplicated, np.ones(4, complex), "seed: expected dtype float64, as its primal has, found complex128", id="dtype"),
    pytest.param(Forward, Dual, np.ones(4), r"autodiff: seed: only the result of a Reverse sweep is seeded, and not with ret=Const",
                 id="forward"),
])
def test_a_seed_is_checked(mode, activity, seed, words):
    dx = np.zeros(4)
    with pytest.raises(tj.ArgumentError, match=f"^{words}$"):
        autodiff(mode, np.sin, activity(X, dx), seed=seed)
    assert not dx.any()


def test_the_seeds_of_a_batch_are_counted():
    dx = np.zeros((2, 4))
    with pytest.raises(tj.ArgumentError, match="^seed: expected 2 seeds, one per shadow of the batch, found 3$"):
        autodiff(Reverse, np.sin, BatchDuplicated(X, dx), seed=(X, X, X))
    with pytest.raises(tj.ArgumentError, match="^seed: expected a tuple of 2 seeds, or a leading axis of length 2, "):
        autodiff(Reverse, np.sin, BatchDuplicated(X, dx), seed=np.ones((3, 4)))
    assert not dx.any()


def test_an_array_result_without_a_seed_is_refused():
    dx = np.zeros(4)
    with pytest.raises(tj.OutputError, match="^autodiff: sin does not return one number: pass seed="):
        autodiff(Reverse, np.sin, Duplicated(X, dx))
    assert not dx.any()


# --- inside a function that is being traced ---------------------------------------------------------------------------------------


def scale(x, out):
    out[:] = 2 * x


def test_a_shadow_that_is_not_traced_is_refused_in_a_trace():
    dx = np.zeros(4)
    with pytest.raises(tj.ShadowTypeError,
        match=r"^the shadow of args\[0\]: expected a traced array, since autodiff is called in a function that is being traced and it receives a traced value"):
        tj.grad(lambda x: autodiff(ReverseWithPrimal, squares, Duplicated(x, dx))[1])(X)
    assert not dx.any()


def test_a_traced_shadow_of_another_shape_is_refused():
    with pytest.raises(tj.ShadowShapeError,
        match=r"^the shadow of args\[0\]: expected shape \(4,\), as its primal has, found \(3,\)$"):
        tj.grad(lambda x, dx: autodiff(ReverseWithPrimal, squares, Duplicated(x, 1 * dx))[1])(X, np.zeros(3))


def test_a_written_argument_that_is_not_traced_is_refused_in_a_trace():
    out = np.zeros(4)

    def f(x):
        out_dot = 0 * x
        autodiff(Forward, scale, Dual(x, x), Dual(out, out_dot))
        return np.sum(out_dot)

    with pytest.raises(tj.ShadowTypeError,
        match=r"^args\[1\]: expected a traced array, since autodiff is called in a function that is being traced and scale writes into it"):
        tj.grad(f)(X)
    assert not out.any()


# --- calls that a kept trace would answer -------------------------------------------------------------------------------------------


def test_a_kept_trace_says_that_every_seed_is_zero():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            autodiff(Reverse, scale, Duplicated(X, np.zeros(4)), Duplicated(np.zeros(4), np.ones(4)))
            autodiff(Reverse, np.sin, Duplicated(X, np.zeros(4)), seed=np.ones(4))
    with pytest.warns(RuntimeWarning, match=r"every seed is zero, .*the shadow of args\[1\]"):
        autodiff(Reverse, scale, Duplicated(X, np.zeros(4)), Duplicated(np.zeros(4), np.zeros(4)))
    with pytest.warns(RuntimeWarning, match="every seed is zero"):
        autodiff(Reverse, np.sin, Duplicated(X, np.zeros(4)), seed=np.zeros(4))


def weighted(p):
    """Depends on the kind and the length of a container and on its keys."""
    if isinstance(p, dict):
        return np.sum(p["a"]) + 3 * np.sum(p["b"])
    return sum((k + 2) * np.sum(leaf) for k, leaf in enumerate(p)) * (1 if isinstance(p, list) else 10)


@pytest.mark.parametrize("good, other", [
    pytest.param([X, X], (X, X), id="container"),
    pytest.param([X, X], [X, X, X], id="length"),
    pytest.param({"a": X, "b": X + 1}, {"b": X, "a": X + 1}, id="keys"),
])
def test_a_kept_trace_is_not_used_for_another_kind(good, other):
    for _ in range(3):
        autodiff(Reverse, weighted, Duplicated(good, tj.make_zero(good)))
    shadow = tj.make_zero(other)
    autodiff(Reverse, weighted, Duplicated(other, shadow))
    expected = [1.0, 3.0] if isinstance(other, dict) else [(k + 2.0) * (1 if isinstance(other, list) else 10) for k in range(len(other))]
    found = [shadow["a"], shadow["b"]] if isinstance(other, dict) else shadow
    assert [leaf.tolist() for leaf in found] == [[number] * 4 for number in expected]


def test_a_kept_trace_is_not_used_for_a_scalar():
    x, dx = np.array(2.0), np.zeros(())
    for _ in range(3):
        autodiff(Reverse, squares, Duplicated(x, dx))
    with pytest.raises(tj.ArgumentError, match=r"^autodiff: args\[0\] is a float64, which has no memory for a shadow"):
        autodiff(Reverse, squares, Duplicated(np.float64(2.0), dx))
    assert dx == 12


def test_a_kept_trace_is_not_used_for_another_activity():
    dx = np.zeros(4)
    for _ in range(3):
        autodiff(Reverse, squares, Duplicated(X, np.zeros(4)))
    for activity in (Dual, BatchDual):
        with pytest.raises(tj.ArgumentError, match=f"is {activity.__name__}, which does not go with Reverse"):
            autodiff(Reverse, squares, activity(X, dx))
    with pytest.raises(tj.ArgumentError, match="is an array, and Active returns the derivatives of numbers"):
        autodiff(Reverse, squares, Active(X))
    assert not dx.any()


def test_a_kept_trace_is_not_used_for_another_number_of_arguments():
    def f(*args):
        return sum(squares(arg) for arg in args)

    for _ in range(3):
        autodiff(Reverse, f, Duplicated(X, np.zeros(4)), Const(X))
    dx = np.zeros(4)
    autodiff(Reverse, f, Duplicated(X, dx))
    autodiff(Reverse, f, Duplicated(X, dx), Const(X), Const(X))
    np.testing.assert_allclose(dx, 4 * X)


def test_a_kept_trace_without_a_seed_is_not_used_with_one():
    dx = np.zeros(4)
    for seed in (None, None, None, 5.0):
        autodiff(Reverse, squares, Duplicated(X, dx), seed=seed)
    np.testing.assert_allclose(dx, 16 * X)


def test_a_kept_trace_notices_what_the_function_reads():
    settings = {"factor": 2.0}
    dx = np.zeros(4)
    for factor in (2.0, 2.0, 2.0, 5.0):
        settings["factor"] = factor
        autodiff(Reverse, lambda_of(settings), Duplicated(X, dx))
    np.testing.assert_array_equal(dx, np.full(4, 11.0))


_functions = {}


def lambda_of(settings):
    """The same function for the same settings."""
    return _functions.setdefault(id(settings), lambda x: settings["factor"] * np.sum(x))


# --- held tapes -----------------------------------------------------------------------------------------------------------------


def test_a_consumed_tape_is_refused():
    dx = np.zeros(4)
    forward, reverse = split(squares, Duplicated)
    _, tape = forward(Duplicated(X, dx))
    reverse(tape)
    with pytest.raises(tj.TapeUseError,
                       match="^reverse: this tape of squares has been consumed: run forward again, or make the pair with split"):
        reverse(tape)
    np.testing.assert_allclose(dx, 2 * X)


def test_a_tape_of_another_function_is_refused():
    dx = np.zeros(4)
    forward, _ = split(squares, Duplicated)
    _, reverse = split(lambda x: np.sum(x), Duplicated)
    with pytest.raises(tj.ArgumentError, match="^reverse: tape: expected a tape of <lambda>, found one of squares"):
        reverse(forward(Duplicated(X, dx))[1])
    assert not dx.any()


def test_the_shadows_given_to_reverse_are_checked():
    forward, reverse = split(squares, Duplicated)
    x = X.copy()
    _, tape = forward(x)
    for shadow, error in ((np.zeros(5), tj.ShadowShapeError), (x, ShadowOverlapError), (np.frombuffer(bytes(32)), tj.ShadowReadOnlyError)):
        with pytest.raises(error, match=r"^the shadow of args\[0\]"):
            reverse(tape, Duplicated(x, shadow))
    dx = np.zeros(4)
    reverse(tape, Duplicated(x, dx))
    np.testing.assert_allclose(dx, 2 * X)
    np.testing.assert_array_equal(x, X)


def test_a_tape_holds_copies():
    x, dx = X.copy(), np.zeros(4)
    forward, reverse = split(squares, Duplicated)
    _, tape = forward(Duplicated(x, dx))
    x[:] = 100
    reverse(tape)
    np.testing.assert_allclose(dx, 2 * X)


# --- sweeps that fail ------------------------------------------------------------------------------------------------------------


def test_an_index_out_of_range_leaves_the_shadows_as_they_were():
    def f(x, y, i):
        return np.sum(np.sin(x)) + np.sum(y[i])

    dx, dy, i = np.zeros(4), np.zeros(4), np.array([0, 1])
    for _ in range(3):
        autodiff(Reverse, f, Duplicated(X, dx), Duplicated(X, dy), Const(i))
    before = dx.tobytes(), dy.tobytes()
    with pytest.raises(IndexError, match="^index 4 is out of bounds for axis 0 with size 4$"):
        autodiff(Reverse, f, Duplicated(X, dx), Duplicated(X, dy), Const(i + 3))
    assert (dx.tobytes(), dy.tobytes()) == before


def test_an_exception_of_a_host_call_leaves_the_shadows_as_they_were(monkeypatch):
    """As when the user interrupts it: NumPy computes sin in half precision, between two parts of a sweep."""
    def f(x, h):
        return np.sum(np.sin(x)) + np.sum(np.sin(h))

    def interrupted(*args):
        raise KeyboardInterrupt

    dx, h = np.zeros(4), np.ones(3, np.float16)
    for _ in range(3):
        autodiff(ReverseWithPrimal, f, Duplicated(X, dx), Const(h))
    before = dx.tobytes()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Program, "_call_host", interrupted)
        autodiff(ReverseWithPrimal, f, Duplicated(X, dx), Const(h))
    assert dx.tobytes() == before
    autodiff(ReverseWithPrimal, f, Duplicated(X, dx), Const(h))
    np.testing.assert_allclose(dx, 4 * np.cos(X))


def test_an_overflow_in_a_strided_shadow_is_no_error():
    """It would come when other shadows have been written, and the kernel does not raise for shadows without gaps either."""
    def f(x, y):
        return np.sum(x * x) - 1e308 * np.sum(y * y)

    x, dx, dy = np.full(4, 0.6), np.zeros(4), np.zeros(8)[::2]
    autodiff(Reverse, f, Duplicated(x, dx), Duplicated(x, dy))
    _, pullback = tj.vjp(f, x, x)
    dx[:], dy[:] = 0, -1.7e308
    with np.errstate(all="raise"):
        autodiff(Reverse, f, Duplicated(x, dx), Duplicated(x, dy))
        assert (dy == -np.inf).all()
        dy[:] = -1.7e308
        pullback(1.0, out=(dx, dy), accumulate=True)
    assert (dy == -np.inf).all()
    np.testing.assert_array_equal(dx, 2 * (x + x))
