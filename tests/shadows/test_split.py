"""split: the forward and the reverse sweep as two functions with a tape between them. Truth: vjp of the functional form."""

import pickle
import subprocess
import sys
import threading
from collections import namedtuple

import numpy as np
import pytest
from shadows.steps import step, step_functional

import tapejit as tj
from tapejit import Active, BatchDuplicated, Const, Dual, Duplicated, DuplicatedOnly, Reverse, autodiff, split

X = np.linspace(0.1, 1.0, 5)
CT = np.arange(1.0, 6.0)


def wave(x, a):
    return np.sin(x) * a + x**2


def energy(x):
    return np.sum(np.exp(x) * x)


def bars(x=X, a=2.0, ct=CT):
    return tj.vjp(wave, x, a)[1](ct)


def equal(found, expected):
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-13)


def refused(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == words


@pytest.mark.parametrize("given", ["forward", "reverse", "split"])
def test_result_and_derivatives_are_those_of_vjp(given):
    for _ in range(3):
        dx = np.full(5, 10.0)
        activities = Duplicated(X, dx), Active(2.0)
        forward, reverse = split(wave, *(activities if given == "split" else (Duplicated, Active)))
        result, tape = forward() if given == "split" else forward(*activities) if given == "forward" else forward(X, 2.0)
        np.testing.assert_allclose(result, wave(X, 2.0), rtol=1e-15)
        assert (dx == 10).all()
        returned = reverse(tape, *activities, seed=CT) if given == "reverse" else reverse(tape, seed=CT)
        equal((dx - 10, returned[1]), bars())
        assert returned[0] is None


def test_one_number_is_seeded_with_one_and_a_container_with_its_like():
    dx = np.zeros(5)
    forward, reverse = split(energy, Duplicated)
    value, tape = forward(Duplicated(X, dx))
    reverse(tape)
    assert value == pytest.approx(energy(X))
    np.testing.assert_allclose(dx, tj.grad(energy)(X), rtol=1e-14)
    forward, reverse = split(lambda x: {"s": energy(x), "w": x * 2, "n": 3}, Duplicated)
    result, tape = forward(X)
    assert result["n"] == 3
    dy = np.zeros(5)
    reverse(tape, Duplicated(X, dy), seed={"s": 10.0, "w": CT, "n": None})
    np.testing.assert_allclose(dy, 10 * dx + 2 * CT, rtol=1e-14)


@pytest.mark.parametrize("activity", [Duplicated, DuplicatedOnly])
def test_arguments_are_written_by_forward_and_shadows_by_reverse(activity):
    state, out, d_state, d_out = X.copy(), X - 0.5, CT.copy(), CT[::-1].copy()
    finals, pullback = tj.vjp(lambda s, o: step_functional(s, o, 0.3), state.copy(), out.copy())
    forward, reverse = split(step, activity, activity, Const)
    result, tape = forward(activity(state, d_state), activity(out, d_out), 0.3)
    assert result is None
    equal((state, out), finals if activity is Duplicated else (X, X - 0.5))
    equal((d_state, d_out), (CT, CT[::-1]))
    assert reverse(tape) == (None, None, None)
    equal((d_state, d_out), pullback((CT, CT[::-1])))


def test_a_tape_of_many_is_reversed_again_and_again():
    dx = np.zeros(5)
    forward, reverse = split(wave, Duplicated, Active, many=True)
    _, tape = forward(Duplicated(X, dx), 2.0)
    held = tape.nbytes
    for ct in (CT, np.sin(CT), CT):
        dx[:] = 0
        returned = reverse(tape, seed=ct)
        equal((dx, returned[1]), bars(ct=ct))
    assert tape.nbytes == held >= 2 * X.nbytes
    assert repr(tape) == f"<held tape of wave: {held} bytes>"
    other = np.zeros(5)
    reverse(tape, Duplicated(X, other), Active(2.0), seed=CT)
    np.testing.assert_array_equal(other, dx)


def test_a_consumed_tape_holds_nothing():
    forward, reverse = split(wave, Duplicated, Active)
    _, tape = forward(Duplicated(X, np.zeros(5)), 2.0)
    assert tape.nbytes > 0
    reverse(tape, seed=CT)
    assert tape.nbytes == 0 and repr(tape) == "<held tape of wave: consumed>"


def test_what_happens_between_the_sweeps_changes_nothing():
    state, weight, dx = X.copy(), {"w": X + 1}, np.zeros(5)
    forward, reverse = split(lambda x, p: np.sum(np.exp(x) * p["w"] * SCALE), Duplicated, Const)
    _, tape = forward(Duplicated(state, dx), weight)
    state[:], weight["w"][:] = np.nan, np.nan
    SCALE[:] += 1
    for _ in range(2):
        autodiff(Reverse, energy, Duplicated(X, np.zeros(5)))
        split(wave, Duplicated, Active)[0](X, 5.0)
    reverse(tape)
    np.testing.assert_allclose(dx, np.exp(X) * (X + 1) * (SCALE - 1), rtol=1e-14)


SCALE = np.full(5, 3.0)


def test_the_result_is_the_callers_own():
    forward, reverse = split(lambda x: np.exp(x), Duplicated)
    dx = np.zeros(5)
    result, tape = forward(Duplicated(X, dx))
    result[:] = np.nan
    reverse(tape, seed=CT)
    np.testing.assert_allclose(dx, np.exp(X) * CT, rtol=1e-14)


@pytest.mark.parametrize("leading", [False, True])
def test_a_batch(leading):
    shadows = np.zeros((2, 5)) if leading else (np.zeros(5), np.zeros(5))
    seeds = np.array([CT, -CT]) if leading else (CT, -CT)
    forward, reverse = split(wave, BatchDuplicated, Active)
    result, tape = forward(BatchDuplicated(X, shadows), 2.0)
    dx, da = bars()
    returned = reverse(tape, seed=seeds)
    equal((shadows[0], shadows[1], *returned[1]), (dx, -dx, da, -da))
    assert returned[0] is None


def test_a_constant_result_is_not_seeded():
    def fill(x, out):
        out[:] = x**2
        return np.sum(x)

    out, d_out, dx = np.zeros(5), CT.copy(), np.zeros(5)
    forward, reverse = split(fill, Duplicated, Duplicated, ret=Const)
    value, tape = forward(Duplicated(X, dx), Duplicated(out, d_out))
    refused(lambda: reverse(tape, seed=1.0), tj.ArgumentError, "reverse: seed: the result is Const, so it is not seeded")
    reverse(tape)
    assert value == pytest.approx(np.sum(X))
    equal((out, dx, d_out), (X**2, 2 * X * CT, np.zeros(5)))


PAIR = split(wave, Duplicated, Active)
MANY = split(wave, Duplicated, Active, many=True)


def consumed():
    _, tape = PAIR[0](Duplicated(X, np.zeros(5)), 2.0)
    PAIR[1](tape, seed=CT)
    return tape


@pytest.mark.parametrize("call, error, words", [
    (lambda: PAIR[1](consumed(), seed=CT), tj.TapeUseError,
     "reverse: this tape of wave has been consumed: run forward again, or make the pair with split(..., many=True)"),
    (lambda: PAIR[1](consumed(), Duplicated(X, np.zeros(5)), 2.0, seed=CT), tj.TapeUseError,
     "reverse: this tape of wave has been consumed: run forward again, or make the pair with split(..., many=True)"),
    (lambda: pickle.dumps(consumed()), tj.TapeUseError, "this tape of wave has been consumed and cannot be pickled"),
    (lambda: PAIR[1](split(energy, Duplicated)[0](X)[1]), tj.ArgumentError,
     "reverse: tape: expected a tape of wave, found one of energy or of other activities: each tape goes with the pair that made it"),
    (lambda: PAIR[1](split(wave, DuplicatedOnly, Active)[0](X, 2.0)[1]), tj.ArgumentError,
     "reverse: tape: expected a tape of wave, found one of wave or of other activities: each tape goes with the pair that made it"),
    (lambda: PAIR[1](X, seed=CT), tj.ArgumentError, "reverse: tape: expected a tape that forward returned, found ndarray"),
    (lambda: PAIR[1](PAIR[0](X, 2.0), seed=CT), tj.ArgumentError, "reverse: tape: expected a tape that forward returned, found tuple"),
    (lambda: PAIR[1](PAIR[0](X, 2.0)[1], seed=CT), tj.ArgumentError,
     "reverse: this tape holds no shadows: pass the activities again, as in reverse(tape, Duplicated(x, dx), Active)"),
    (lambda: PAIR[1](PAIR[0](X, 2.0)[1], X, 2.0, seed=CT), tj.ArgumentError, "reverse: args[0] has no shadow: pass Duplicated(x, shadow)"),
    (lambda: PAIR[1](PAIR[0](X, 2.0)[1], Duplicated(X, np.zeros(5)), seed=CT), tj.ArgumentError,
     "reverse: expected 2 arguments, as split was given, found 1"),
    (lambda: PAIR[1](PAIR[0](X, 2.0)[1], Duplicated([X], [np.zeros(5)]), 2.0, seed=CT), tj.ArgumentError,
     "reverse: expected arguments with the containers that forward was given, (('*', '*'), {}), found ((['*'], '*'), {})"),
    (lambda: PAIR[0](X), tj.ArgumentError, "forward: expected 2 arguments, as split was given, found 1"),
    (lambda: PAIR[0](), tj.ArgumentError, "forward: expected 2 arguments, found none: they were not given to split"),
    (lambda: PAIR[0](DuplicatedOnly(X, np.zeros(5)), 2.0), tj.ArgumentError, "forward: args[0] is DuplicatedOnly, expected Duplicated, as split was given"),
    (lambda: split(energy, Duplicated, Duplicated)[0](X, Duplicated(X, X)), tj.ArgumentError,
     "forward: args[0] has no shadow, other arguments have: give shadows for all arguments to forward, or for all to reverse"),
    (lambda: split(wave, Duplicated, Active(2.0)), tj.ArgumentError,
     "split: args[0] is a class and args[1] is not: give classes, or activities, for all arguments"),
    (lambda: split(wave, Dual, Const), tj.ArgumentError,
     "split: args[0] is Dual, which does not go with a reverse sweep: pass Active(x) for a float, Duplicated(x, dx) for arrays, or Const(x)"),
    (lambda: split(3.0, Active), tj.ArgumentError, "split: expected a function, found float 3.0"),
    (lambda: MANY[1](MANY[0](Duplicated(X, np.zeros(5)), 2.0)[1]), tj.OutputError,
     "reverse: wave returns more than one number: pass seed=, a cotangent with its containers and shapes"),
    (lambda: tj.jit(lambda x: PAIR[0](x, 2.0)[0])(X), tj.UnsupportedError,
     "split: the forward sweep was called in a function that is being traced: use vjp or autodiff there"),
    (lambda: tj.jit(lambda x, tape: MANY[1](tape, seed=CT)[1] * x)(X, MANY[0](Duplicated(X, np.zeros(5)), 2.0)[1]), tj.UnsupportedError,
     "split: the reverse sweep was called in a function that is being traced: use vjp or autodiff there"),
])
def test_misuse_is_refused(call, error, words):
    refused(call, error, words)


@pytest.mark.parametrize("bad, error", [
    ({"seed": CT[:4]}, tj.ArgumentError),
    ({}, tj.OutputError),
    ({"seed": [CT]}, tj.ArgumentError),
    ({"shadow": np.zeros(4), "seed": CT}, tj.ShadowShapeError),
    ({"shadow": CT, "seed": CT}, tj.ShadowOverlapError),
])
def test_after_an_error_the_tape_and_the_buffers_are_as_they_were(bad, error):
    dx = np.full(5, 10.0)
    _, tape = PAIR[0](Duplicated(X, dx), 2.0)
    before = tape.nbytes, CT.copy()
    with pytest.raises(error):
        PAIR[1](tape, *((Duplicated(X, bad["shadow"]), 2.0) if "shadow" in bad else ()), seed=bad.get("seed"))
    assert (dx == 10).all() and tape.nbytes == before[0]
    np.testing.assert_array_equal(CT, before[1])
    equal((PAIR[1](tape, seed=CT)[1], dx - 10), bars()[::-1])


def test_a_shadow_may_not_be_the_memory_of_an_argument_or_change_its_shape():
    dx = np.zeros(5)
    _, tape = PAIR[0](Duplicated(X, dx), 2.0)
    refused(lambda: PAIR[1](tape, Duplicated(dx, dx[::-1]), 2.0, seed=CT), tj.ShadowOverlapError,
            "the shadow of args[0] shares memory with args[0]: each shadow needs a buffer of its own, such as make_zero gives")
    dx.resize(4, refcheck=False)
    refused(lambda: PAIR[1](tape, seed=CT), tj.ShadowShapeError, "the shadow of args[0]: expected shape (5,), as its primal has, found (4,)")
    assert not dx.any()


def test_a_pickled_tape_is_given_its_shadows_again():
    _, tape = PAIR[0](Duplicated(X, np.zeros(5)), 2.0)
    for loaded in (pickle.loads(pickle.dumps(tape)), pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(tape))))):
        refused(lambda: PAIR[1](loaded, seed=CT), tj.ArgumentError,
                "reverse: this tape holds no shadows: pass the activities again, as in reverse(tape, Duplicated(x, dx), Active)")
        dx = np.zeros(5)
        returned = PAIR[1](loaded, Duplicated(X, dx), 2.0, seed=CT)
        equal((dx, returned[1]), bars())
    PAIR[1](tape, seed=CT)


def test_a_pickled_tape_of_a_function_that_writes_and_branches():
    def f(state, out, n):
        if np.sum(state) > 0:
            step(state, out, 0.1 * n)
        return {"total": np.sum(state), "n": n}

    state, out = X.copy(), X - 0.5
    forward, reverse = split(f, Duplicated, Duplicated, Const, many=True)
    _, tape = forward(state, out, 3)
    after = state.copy(), out.copy()
    loaded = pickle.loads(pickle.dumps(tape))
    equal((state, out), after)
    found = []
    for t in (tape, loaded, loaded):
        found.append((CT.copy(), CT[::-1].copy()))
        reverse(t, Duplicated(state, found[-1][0]), Duplicated(out, found[-1][1]), 3, seed={"total": 2.0, "n": None})
    for other in found[1:]:
        for x, y in zip(found[0], other):
            np.testing.assert_array_equal(x, y)
    assert not np.array_equal(found[0][0], CT)


PROGRAM = """
import pickle, sys
import numpy as np
from tapejit import Active, Duplicated, split

def wave(x, a):
    return np.sin(x) * a + x**2

wave.__module__ = {module!r}
forward, reverse = split(wave, Duplicated, Active)
tape = pickle.load(sys.stdin.buffer)
dx = np.zeros(5)
da = reverse(tape, Duplicated(np.zeros(5), dx), Active(0.0), seed=np.arange(1.0, 6.0))[1]
sys.stdout.buffer.write(pickle.dumps((dx, da)))
"""


def test_a_pickled_tape_is_reversed_in_another_process():
    _, tape = PAIR[0](X, 2.0)
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(module=wave.__module__)], input=pickle.dumps(tape), capture_output=True, timeout=60,
                          env={"PYTHONPATH": ":".join(sys.path)}, check=False)
    assert done.returncode == 0, done.stderr.decode()
    equal(pickle.loads(done.stdout), bars())


def test_a_tape_with_an_object_that_cannot_be_pickled_says_so():
    Hidden = namedtuple("Hidden", "total owner")
    forward, reverse = split(lambda x: Hidden(np.sum(x), None), Duplicated)
    dx = np.zeros(5)
    _, tape = forward(Duplicated(X, dx))
    with pytest.raises(pickle.PicklingError, match="^this tape of <lambda> holds an object that cannot be pickled: .*Hidden"):
        pickle.dumps(tape)
    reverse(tape, seed=Hidden(1.0, None))
    assert (dx == 1).all()


def test_threads_share_a_tape_of_many():
    _, tape = MANY[0](X, 2.0)
    failures = []

    def work(k):
        ct, dx = CT * (k + 1), np.zeros(5)
        expected = bars(ct=ct)
        for _ in range(200):
            dx[:] = 0
            da = MANY[1](tape, Duplicated(X, dx), 2.0, seed=ct)[1]
            if not (np.allclose(dx, expected[0], rtol=1e-12) and np.isclose(da, expected[1], rtol=1e-12)):
                failures.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_of_two_threads_one_consumes_a_tape():
    _, tape = PAIR[0](X, 2.0)
    done, barrier = [], threading.Barrier(2)

    def work():
        dx = np.zeros(5)
        barrier.wait()
        try:
            PAIR[1](tape, Duplicated(X, dx), 2.0, seed=CT)
            done.append(dx)
        except tj.TapeUseError:
            done.append(None)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (dx,) = [found for found in done if found is not None]
    np.testing.assert_allclose(dx, bars()[0], rtol=1e-13)
    assert len(done) == 2


CYCLES = """
import gc
import numpy as np
from tapejit import Duplicated, split, vjp

x = np.ones(5)
forward, reverse = split(np.sin, Duplicated)
for make in (lambda: vjp(np.sin, x)[1], lambda: forward(x)[1]):
    for _ in range(3):
        cycle = [make()]
        cycle.append(cycle)
        del cycle
        gc.collect()
        again = [make() for _ in range(3)]
"""


def test_a_tape_in_a_cycle_of_garbage_gives_its_memory_back_whole():
    """The allocator overwrites what is freed: a workspace that were freed and used again would crash."""
    done = subprocess.run([sys.executable, "-c", CYCLES], capture_output=True, timeout=60, check=False,
                          env={"PYTHONPATH": ":".join(sys.path), "MALLOC_PERTURB_": "165"})
    assert done.returncode == 0, done.stderr.decode()
