"""What users met at the edges of autodiff: each of these was silent, or wrong, or half done."""

import multiprocessing
import pickle
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit import Active, BatchDual, BatchDuplicated, Const, Dual, Duplicated, DuplicatedOnly, Forward, Reverse, ReverseWithPrimal, autodiff, split

X = np.array([1.0, 2.0, 3.0])


@dataclass
class State:
    x: Any
    v: Any


def put_dataclass(s):
    s.x = s.x + s.v


def put_swap(s):
    s.x, s.v = s.v, s.x


def put_dict(s):
    s["x"] = s["x"] * 2


def put_list(s):
    s.append(s[0])


@pytest.mark.parametrize("f, make, words", [
    (put_dataclass, lambda: State(X.copy(), X + 1), r"put_dataclass puts another value at args\[0\].x"),
    (put_swap, lambda: State(X.copy(), X + 1), r"put_swap puts another value at args\[0\].x"),
    (put_dict, lambda: {"x": X.copy()}, r"put_dict puts another value at args\[0\]\['x'\]"),
    (put_list, lambda: [X.copy()], "put_list changes which items its arguments hold"),
])
def test_putting_other_objects_into_an_argument_is_refused(f, make, words):
    s = make()
    d = tj.make_zero(s)
    for activity in (Duplicated(s, d), DuplicatedOnly(s, d)):
        with pytest.raises(tj.TracingError, match=words):
            autodiff(Reverse, f, activity)


def test_an_augmented_assignment_in_a_container_is_written_back():
    def f(s):
        s.x += 0.1 * s.v

    s, d = State(X.copy(), X + 1), State(np.ones(3), np.zeros(3))
    autodiff(Reverse, f, Duplicated(s, d))
    np.testing.assert_allclose(s.x, X + 0.1 * (X + 1))
    np.testing.assert_allclose(d.v, 0.1)


def test_changing_the_shape_of_an_argument_is_refused():
    def f(x):
        x.shape = (2, 2)
        x[0] *= 2

    x, dx = np.arange(4.0), np.ones(4)
    with pytest.raises(tj.TracingError, match=r"f changes the shape of args\[0\] from \(4,\) to \(2, 2\)"):
        autodiff(Reverse, f, Duplicated(x, dx))
    assert (dx == 1).all() and x.shape == (4,)


G = np.ones(3)


def test_a_written_argument_that_is_also_read_by_name_is_refused():
    def f(x):
        x[:] = x * 3
        return np.sum(G * x)

    for _ in range(3):
        with pytest.raises(tj.ShadowOverlapError, match=r"args\[0\], which f writes, shares memory with an array that the function reads"):
            autodiff(ReverseWithPrimal, f, Duplicated(G, np.zeros(3)))
    assert (G == 1).all()


def test_aliases_are_refused_in_traced_functions_too():
    def step(x, out):
        out[:] = np.sin(x) * x
        x *= 2

    def outer(x):
        y = x * 1.0
        autodiff(Reverse, step, Duplicated(y, np.zeros_like(x)), Duplicated(y, np.ones_like(x)))
        return y

    for f in (outer, tj.jit(outer)):
        with pytest.raises(tj.ShadowOverlapError):
            f(X)


def test_a_written_argument_in_the_memory_of_a_tangent_is_refused():
    def fill(x, out):
        out[:] = x * x

    pool = np.ones(9)
    for _ in range(3):
        with pytest.raises(tj.ShadowOverlapError, match=r"args\[1\], which fill writes, shares memory with the shadow of args\[0\]"):
            autodiff(Forward, fill, Dual(X, pool[:3]), Dual(pool[2:5], np.zeros(3)))
        autodiff(Forward, fill, Dual(X, np.ones(3)), Dual(np.zeros(3), np.zeros(3)))
    assert (pool == 1).all()


def test_attributes_of_dataclasses_are_carried_and_those_of_other_containers_refused():
    class Scaled(State):
        scale = 1.0

    class Box(dict):
        scale = 1.0

    s, d = Scaled(X.copy(), X + 1), Scaled(np.zeros(3), np.zeros(3))
    s.scale, d.scale = 5.0, 0.0
    assert tj.grad(lambda s: np.sum(s.x) * s.scale)(s).scale == 6.0
    box = Box(x=X)
    box.scale = 5.0
    with pytest.raises(tj.ArgumentError, match="a Box holds, besides its items, the attributes"):
        tj.grad(lambda b: np.sum(b["x"]) * b.scale)(box)


def test_a_written_argument_with_elements_in_one_place_is_refused():
    def h(x):
        x[0] *= 10
        return np.sum(x)

    x = np.lib.stride_tricks.as_strided(np.ones(4), (3, 2), (8, 8))
    with pytest.raises(tj.ShadowOverlapError, match="in which elements share memory"):
        autodiff(Reverse, h, Duplicated(x, np.zeros((3, 2))))


def test_masked_arrays_are_no_shadows():
    with pytest.raises(tj.ShadowTypeError, match="found MaskedArray"):
        autodiff(Reverse, np.sum, Duplicated(X, np.ma.masked_array(np.zeros(3), [0, 1, 0])))
    with pytest.raises(tj.ArgumentError, match="found MaskedArray"):
        autodiff(Reverse, np.sin, Duplicated(X, np.zeros(3)), seed=np.ma.masked_array(np.ones(3), [0, 1, 0]))


def test_a_batch_that_moves_in_memory_between_the_sweeps():
    shadows = np.zeros((10, 3))
    forward, reverse = split(lambda x: np.sum(x**2), BatchDuplicated, many=True)
    _, tape = forward(BatchDuplicated(X, shadows))
    shadows.resize((2000, 3), refcheck=False)
    with pytest.raises(tj.ShadowShapeError):
        reverse(tape)
    shadows.resize((10, 3), refcheck=False)
    reverse(tape)
    np.testing.assert_allclose(shadows, np.tile(2 * X, (10, 1)))


def test_a_batch_of_numbers_in_arrays_without_axes():
    def g(x, out):
        x[:] = x * 2
        out[()] = np.sum(x)

    x, out, dots, out_dots = np.ones(2), np.array(0.0), np.ones((3, 2)), np.ones(3)
    autodiff(Forward, g, BatchDual(x, dots), BatchDual(out, out_dots))
    np.testing.assert_array_equal(out_dots, [4.0, 4.0, 4.0])
    np.testing.assert_array_equal(dots, np.full((3, 2), 2.0))


def test_half_precision_shadows():
    x = np.ones(2, "f2")
    for shadow in (np.ones(2, "f2"), np.ones(4, "f2")[::2]):
        autodiff(Reverse, lambda x: np.sum(x**2), Duplicated(x, shadow))
        np.testing.assert_array_equal(shadow, [3.0, 3.0])


def test_a_warning_that_is_an_error_comes_before_the_first_write():
    def noisy(x, out):
        out[:] = x * np.random.default_rng().normal()
        return np.sum(x)

    x, dx, out, d_out = X.copy(), np.zeros(3), np.zeros(3), np.ones(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(tj.TraceWarning):
            autodiff(Reverse, noisy, Duplicated(x, dx), Duplicated(out, d_out))
    assert not dx.any() and not out.any() and (d_out == 1).all()


def test_a_read_only_argument_that_is_written_is_refused_alike_at_every_call():
    def fill(x, out):
        out[:] = x

    frozen = np.zeros(3)
    frozen.flags.writeable = False
    for warm in (False, True):
        if warm:
            autodiff(Reverse, fill, Duplicated(X, np.zeros(3)), Duplicated(np.zeros(3), np.ones(3)))
        for activity in (Duplicated, DuplicatedOnly):
            with pytest.raises(tj.ShadowReadOnlyError, match=r"args\[1\] is read-only, but fill writes into it"):
                autodiff(Reverse, fill, Duplicated(X, np.zeros(3)), activity(frozen, np.ones(3)))


def test_modes_can_be_pickled_after_use():
    autodiff(Reverse, lambda x: np.sum(x), Duplicated(X, np.zeros(3)))
    assert pickle.loads(pickle.dumps(Reverse)) is Reverse


def test_methods_take_the_generated_call():
    class Model:
        def energy(self, x):
            return np.sum(x**2)

    model, dx = Model(), np.zeros(3)
    for _ in range(4):
        autodiff(Reverse, model.energy, Duplicated(X, dx))
    np.testing.assert_allclose(dx, 8 * X)
    known = Reverse.known[model.energy]
    assert known.fast is not known.call and known.fast.__name__ == "direct"


def test_a_const_argument_may_be_written_without_derivative():
    def f(x, c):
        c[:] = np.sign(x) * 3
        return np.sum(x * c)

    dx, c = np.zeros(3), np.zeros(3)
    autodiff(Reverse, f, Duplicated(X, dx), Const(c))
    np.testing.assert_array_equal(dx, [3.0, 3.0, 3.0])
    np.testing.assert_array_equal(c, [3.0, 3.0, 3.0])


def test_reverse_takes_the_arguments_that_forward_was_given():
    forward, reverse = split(lambda x: np.sum(x**2), Duplicated)
    _, tape = forward(X)
    with pytest.raises(tj.ArgumentError, match=r"args\[0\]: expected the argument that forward was given, of dtype float64 and shape \(3,\), found dtype float64 and shape \(2,\)"):
        reverse(tape, Duplicated(np.ones(2), np.zeros(3)))
    dx = np.zeros(3)
    reverse(tape, Duplicated(X, dx))
    np.testing.assert_allclose(dx, 2 * X)


def test_a_result_without_derivative_is_no_seed():
    with pytest.warns(RuntimeWarning, match="every seed is zero"):
        autodiff(Reverse, lambda x: x > 1, Duplicated(X, np.zeros(3)))


def test_what_has_no_derivative_is_advised_as_const():
    with pytest.raises(tj.ArgumentError, match=r"pass Const\(args\[0\]\)"):
        autodiff(Reverse, lambda s: 1.0, Active("text"))


def _first_calls():
    """Four threads that differentiate for the first time in a process."""
    import sys
    import threading

    sys.setswitchinterval(1e-6)
    failed = []

    def work():
        try:
            assert tj.grad(lambda x: np.sum(np.sin(x)))(X).shape == (3,)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.exit(len(failed))


def test_the_first_calls_of_several_threads():
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_first_calls) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]


def test_tangents_are_as_strict_as_shadows():
    for tangent, error in ((np.ones(3, "f4"), tj.ShadowTypeError), (np.ones(2), tj.ShadowShapeError), (np.ones(3, int), tj.ShadowTypeError)):
        with pytest.raises(error):
            autodiff(Forward, np.sum, Dual(X, tangent))
