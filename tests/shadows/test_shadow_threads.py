"""Four threads call the same functions on their own shadows: every sweep is right. Truth: closed forms.

The switch interval is made short, so that threads change places in the middle of everything. 10,000 sweeps in all; with --thorough a million.
"""

import sys
import threading

import numpy as np
import pytest

import tapejit as tj
from tapejit import Active, BatchDuplicated, Const, Dual, Duplicated, Forward, Reverse, autodiff, split

THREADS = 4
SWEEPS = 10_000  # of all threads and tests; --thorough is 20 times the effort, and makes it a million


@pytest.fixture(autouse=True)
def quick_switches():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def sweeps(effort):
    """The sweeps of one thread in one of the four tests that share them."""
    return (SWEEPS if effort == 1 else 5 * SWEEPS * effort) // (4 * THREADS)


def run(work):
    """work(k) in four threads that start together; their first error is raised."""
    barrier, errors = threading.Barrier(THREADS), []

    def guarded(k):
        try:
            barrier.wait()
            work(k)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(k,)) for k in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def energy(x, a):
    return a * np.sum(x * x * x)


def step(state, out, dt):
    out[:] = state * dt
    state *= 1.0 + dt


def power(x, n, flip):
    if x[0] > 0:
        return np.sum(x**n) if flip == "no" else -np.sum(x**n)
    return np.sum(x) * n


def test_one_function_on_shadows_of_their_own(sweeps):
    def work(k):
        x, dx = np.linspace(0.5, 1.5, 8) + k, np.zeros(8)
        for n in range(sweeps):
            a = float(n % 7 + 1)
            dx[:] = 1.0
            _, da = autodiff(Reverse, energy, Duplicated(x, dx), Active(a))
            assert abs(da - np.sum(x**3)) < 1e-9 * da and np.allclose(dx, 1 + 3 * a * x**2, rtol=1e-12, atol=0)

    run(work)


@pytest.mark.filterwarnings("ignore:energy has needed more than 64 traces")
def test_shapes_of_their_own(sweeps):
    """More shapes than a function keeps traces: they come and go under the other threads."""
    def work(k):
        for n in range(sweeps):
            size = 2 + k if n % 50 else 2 + (n // 50 + 7 * k) % 90
            x, dx = np.full(size, 0.5 + k), np.zeros(size)
            autodiff(Reverse, energy, Duplicated(x, dx), Const(2.0))
            assert np.allclose(dx, 6 * (0.5 + k) ** 2, rtol=1e-12, atol=0)

    run(work)


def test_static_arguments_and_branches_of_their_own(sweeps):
    """Traces that differ in a static value or a branch alone: each thread's must be found at each call."""
    def work(k):
        x, dx = np.array([1.5, 2.0, 3.0]), np.zeros(3)
        for n in range(sweeps):
            exponent, flip = 2 + (n + k) % 4, "no" if n % 3 else "yes"
            x[0], dx[:] = (1.5, 0.0) if n % 5 else (-1.5, 0.0)
            autodiff(Reverse, power, Duplicated(x, dx), exponent, flip)
            expected = np.full(3, float(exponent)) if x[0] < 0 else (1 if n % 3 else -1) * exponent * x ** (exponent - 1)
            assert np.allclose(dx, expected, rtol=1e-12, atol=0), (exponent, flip, x)

    run(work)


def test_written_arguments_and_buffers_of_out(sweeps):
    out = [np.zeros(4) for _ in range(THREADS)]
    gradients = [tj.grad(lambda x: np.sum(x * x), out=buffer) for buffer in out]

    def work(k):
        state, values = np.zeros(4), np.zeros(4)
        d_state, d_out = np.zeros(4), np.zeros(4)
        for n in range(sweeps // 2):
            state[:], d_state[:], d_out[:] = n % 11 + k, 2.0, 3.0
            autodiff(Reverse, step, Duplicated(state, d_state), Duplicated(values, d_out), Const(0.25))
            assert (state == 1.25 * (n % 11 + k)).all() and (values == 0.25 * (n % 11 + k)).all()
            assert (d_state == 3.25).all() and not d_out.any()
            assert gradients[k](state) is out[k] and (out[k] == 2 * state).all()

    run(work)


def test_fresh_functions_are_traced_by_all_at_once(effort):
    """Four threads meet a new function at the same moment, each with another static value."""
    for _ in range(20 * effort):
        def f(x, n):
            return np.sum(x) * n

        def work(k, f=f):
            x = np.ones(3)
            for n in range(10):
                dx = np.zeros(3)
                autodiff(Reverse, f, Duplicated(x, dx), (n + k) % 4 + 2)
                assert (dx == (n + k) % 4 + 2).all(), (dx, (n + k) % 4 + 2)

        run(work)


def test_all_forms_at_once(effort):
    forward, reverse = split(lambda x: x * x, Duplicated)

    def work(k):
        x = np.arange(1.0, 4.0) + k
        for n in range(100 * effort):
            batch = np.zeros((2, 3))
            autodiff(Reverse, lambda x: x * x, BatchDuplicated(x, batch), seed=(np.ones(3), x))
            np.testing.assert_array_equal(batch, [2 * x, 2 * x * x])
            assert autodiff(Forward, energy, Dual(x, np.ones(3)), Const(1.0)) == pytest.approx(3 * np.sum(x * x))
            dx = np.zeros(3)
            result, tape = forward(Duplicated(x, dx))
            reverse(tape, seed=np.full(3, n + 1.0))
            np.testing.assert_array_equal(dx, 2 * (n + 1) * x)
            np.testing.assert_array_equal(result, x * x)

    run(work)
