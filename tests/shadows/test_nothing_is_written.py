"""However a call fails, and in whatever form it was made, all of the user's buffers are bit for bit as they were, and the next good call is right."""

import numpy as np
import pytest

import tapejit as tj
from tapejit import (
    BatchDuplicated, Const, Dual, Duplicated, Forward, ForwardWithPrimal, Reverse, ReverseWithPrimal, autodiff, split)

X = np.linspace(0.1, 1.0, 6)


LOG = np.zeros(1)


class Mine(Exception):
    """Raised by a function under test."""


def program(x, state, out, index, mood):
    """Writes `state` and `out`; `index` picks an element late, after everything else was computed."""
    out[:] = np.sin(x) * state
    state *= 1.5
    if mood[0] > 0.5:  # a guard
        if mood[0] > 2.5:
            raise Mine("while it was traced again")
        if mood[0] > 1.5:
            LOG[0] = x[0]  # of the caller: a TracingError
        state += x
    total = np.sum(out * state) + np.sum(x * x)
    return total + x[index][0] + out[index][0]


def reading(x, index, mood):
    """The same without writes: for grad and vjp."""
    if mood[0] > 0.5:
        if mood[0] > 2.5:
            raise Mine("while it was traced again")
        if mood[0] > 1.5:
            LOG[0] = x[0]
        return np.sum(x)
    return np.sum(np.sin(x) * x) + x[index][0]


class Call:
    """The buffers of one call, and how it is made."""

    def __init__(self):
        self.x, self.state, self.out = X.copy(), X + 1, X - 0.5
        self.index, self.mood = np.array([2, 0]), np.array([0.0])
        self.shadows = [np.full(6, 0.25 * (k + 1)) for k in range(3)]
        self.batch = [np.full((2, 6), 0.25 * (k + 1)) for k in range(3)]
        self.seed = None
        self.tape = None

    def buffers(self):
        return [LOG, self.x, self.state, self.out, self.index, self.mood, *[s for s in self.shadows + self.batch if isinstance(s, np.ndarray)]]

    def duplicated(self, activity=Duplicated, shadows=None):
        shadows = self.shadows if shadows is None else shadows
        return [*[activity(p, s) for p, s in zip((self.x, self.state, self.out), shadows)], Const(self.index), Const(self.mood)]

    def reverse(self):
        return autodiff(Reverse, program, *self.duplicated(), seed=self.seed)

    def reverse_with_primal(self):
        return autodiff(ReverseWithPrimal, program, *self.duplicated(), seed=self.seed)

    def forward(self):
        return autodiff(Forward, program, *self.duplicated(Dual))

    def forward_with_primal(self):
        return autodiff(ForwardWithPrimal, program, *self.duplicated(Dual))

    def batched(self):
        return autodiff(Reverse, program, *self.duplicated(BatchDuplicated, self.batch), seed=self.seed)

    def split(self):
        _, tape = PAIR[0](*self.duplicated())
        return PAIR[1](tape, seed=self.seed)


PAIR = split(program, Duplicated, Duplicated, Duplicated, Const, Const)
FORMS = ["reverse", "reverse_with_primal", "forward", "forward_with_primal", "batched", "split"]


def retraced(call):
    call.mood[0] = 3.0


def misused(call):
    call.mood[0] = 2.0


def out_of_range(call):
    call.index[:] = 6


def second_shadow(call):
    call.shadows[1], call.batch[1] = np.zeros(5), np.zeros((2, 5))


def last_shadow_in_a_primal(call):
    call.shadows[2], call.batch[2] = call.x[::-1], (np.zeros(6), call.x)


def shadows_in_one_memory(call):
    call.shadows[2], call.batch[2] = call.shadows[0], call.batch[0]


def read_only_shadow(call):
    for shadows in (call.shadows, call.batch):
        shadows[2].flags.writeable = False


def read_only_primal(call):
    call.out.flags.writeable = False


def primals_in_one_memory(call):
    call.out = call.state[::-1]


def wrong_seed(call):
    call.seed = np.ones(3)


FAILURES = [
    (retraced, Mine, FORMS),
    (misused, tj.TracingError, FORMS),
    (out_of_range, IndexError, FORMS),
    (second_shadow, tj.ShadowShapeError, FORMS),
    (last_shadow_in_a_primal, tj.ShadowOverlapError, FORMS),
    (shadows_in_one_memory, tj.ShadowOverlapError, FORMS),
    (read_only_shadow, tj.ShadowReadOnlyError, FORMS),
    (read_only_primal, tj.ShadowReadOnlyError, FORMS),
    (primals_in_one_memory, tj.ShadowOverlapError, FORMS),
    (wrong_seed, tj.ArgumentError, ["reverse", "reverse_with_primal", "batched"]),
]


@pytest.mark.parametrize("spoil, error, form", [(spoil, error, form) for spoil, error, forms in FAILURES for form in forms],
                         ids=lambda value: getattr(value, "__name__", value))
@pytest.mark.parametrize("warm", [0, 1, 3])
def test_autodiff_and_split(spoil, error, form, warm):
    for _ in range(warm):
        getattr(Call(), form)()
    call = Call()
    spoil(call)
    before = [buffer.copy() for buffer in call.buffers()]
    for _ in range(2):
        with pytest.raises(error):
            getattr(call, form)()
        for buffer, value in zip(call.buffers(), before, strict=True):
            assert buffer.tobytes() == value.tobytes()
    once, again = Call(), Call()
    getattr(once, form)()
    getattr(again, form)()
    for x, y in zip(once.buffers(), again.buffers(), strict=True):
        assert x.tobytes() == y.tobytes()
    assert not np.array_equal(once.out, call.out)


@pytest.mark.parametrize("warm", [0, 3])
@pytest.mark.parametrize("spoil, error, form", [
    *[(spoil, error, form) for form in ("grad", "value_and_grad", "pullback", "accumulate") for spoil, error in (
        (retraced, Mine), (misused, tj.TracingError), (out_of_range, IndexError), ("short", tj.ShadowShapeError), ("read-only", tj.ShadowReadOnlyError))],
    ("primal", tj.ShadowOverlapError, "grad"), ("primal", tj.ShadowOverlapError, "value_and_grad")])  # a pullback holds a copy of its argument
def test_buffers_of_out(spoil, error, form, warm):
    def run(call, out):
        if form == "grad":
            tj.grad(reading, out=out)(call.x, call.index, call.mood)
        elif form == "value_and_grad":
            tj.value_and_grad(reading, out=out)(call.x, call.index, call.mood)
        else:
            value, pullback = tj.vjp(lambda x: reading(x, call.index, call.mood), call.x)
            pullback(1.0, out=(out,), accumulate=form == "accumulate")

    for _ in range(warm):
        run(Call(), np.zeros(6))
    call, out = Call(), np.full(6, 7.0)
    if callable(spoil):
        spoil(call)
    elif spoil == "short":
        out = out[:5]
    elif spoil == "read-only":
        out.flags.writeable = False
    else:
        out = call.x
    buffers = [*call.buffers(), out]
    before = [buffer.copy() for buffer in buffers]
    for _ in range(2):
        with pytest.raises(error):
            run(call, out)
        for buffer, value in zip(buffers, before):
            assert buffer.tobytes() == value.tobytes()


def both(a, b, index):
    """The gradient by `a` is ready before the index into `b` is looked at, and needs no value of `b`."""
    return np.sum(a * a) + b[index][0]


@pytest.mark.parametrize("warm", [0, 1, 3])
@pytest.mark.parametrize("bad", [[6, 0], [0, 6], [-7, 0]])
def test_an_index_out_of_range_is_found_before_the_first_write(warm, bad):
    da, db, batch = np.full(6, 1.0), np.full(6, 1.0), (np.ones((2, 6)), np.ones((2, 6)))
    out = np.ones(6), np.ones(6)
    gradient = tj.grad(lambda p, index: both(*p, index), out=out)
    for k in range(warm + 1):
        index = np.array(bad if k == warm else [1, 0])
        for call, buffers in (
                (lambda: autodiff(Reverse, both, Duplicated(X, da), Duplicated(X + 1, db), Const(index)), (da, db)),
                (lambda: autodiff(Reverse, both, BatchDuplicated(X, batch[0]), BatchDuplicated(X + 1, batch[1]), Const(index)), batch),
                (lambda: gradient((X, X + 1), index), out)):
            before = [buffer.copy() for buffer in buffers]
            if k < warm:
                call()
                continue
            with pytest.raises(IndexError):
                call()
            for buffer, value in zip(buffers, before):
                np.testing.assert_array_equal(buffer, value)


def test_a_seed_given_to_reverse_late_may_be_wrong_once():
    forward, reverse = split(lambda x: x * x, Duplicated)
    dx = np.ones(6)
    _, tape = forward(Duplicated(X, dx))
    for bad in (np.ones(5), [X], dx, X * 1j):
        with pytest.raises((tj.ArgumentError, tj.ShadowError)):
            reverse(tape, seed=bad)
        assert (dx == 1).all()
    reverse(tape, seed=np.ones(6))
    np.testing.assert_allclose(dx, 1 + 2 * X)


def test_the_memory_of_a_written_argument_is_read_by_nothing_else():
    """The tape has one value for the argument and one for the other array, so a write to it would not be seen there."""
    def fill(x, out):
        out[:] = x
        return np.sum(out * TABLE)

    def double(x, out):
        out *= 2.0
        return x * out

    def add(x, out):
        out += x

    wide = np.lib.stride_tricks.as_strided(np.zeros(1), (6,), (0,))
    seed, dot = np.ones(6), np.ones(6)
    cases = [
        (lambda k: autodiff(Reverse, fill, Duplicated(X, np.zeros(6)), k(TABLE, np.zeros(6))), TABLE,
         "args[1], which fill writes, shares memory with an array that the function reads: pass a copy"),
        (lambda k: autodiff(Reverse, double, Duplicated(X, np.zeros(6)), k(seed, np.ones(6)), seed=seed), seed,
         "args[1], which double writes, shares memory with a seed: pass a copy"),
        (lambda k: autodiff(Reverse, add, Duplicated(X, np.zeros(6)), k(wide, np.ones(6))), wide,
         "args[1], which add writes, has strides (0,) for shape (6,), in which elements share memory: pass a copy"),
        (lambda k: autodiff(Forward, add, Dual(X, dot), Dual(dot, np.ones(6))), dot,
         "args[1], which add writes, shares memory with the shadow of args[0]: pass a copy"),
    ]
    for activity in (Duplicated, tj.DuplicatedOnly):
        for call, buffer, words in cases:
            before = buffer.copy()
            for _ in range(2):
                with pytest.raises(tj.ShadowOverlapError) as caught:
                    call(activity)
                assert str(caught.value) == words
                np.testing.assert_array_equal(buffer, before)


def test_nor_in_a_warm_call():
    def fill(x, out):
        out[:] = x
        return np.sum(out * TABLE)

    def add(x, out):
        out += x

    def double(x, out):
        out *= 2.0
        return x * out

    for _ in range(3):
        autodiff(Reverse, fill, Duplicated(X, np.zeros(6)), Duplicated(np.zeros(6), np.zeros(6)))
        autodiff(Forward, add, Dual(X, np.ones(6)), Dual(np.zeros(6), np.ones(6)))
        autodiff(Reverse, double, Duplicated(X, np.zeros(6)), Duplicated(np.zeros(6), np.ones(6)), seed=np.ones(6))
    buffer = np.ones(6)
    for call in (
            lambda: autodiff(Reverse, fill, Duplicated(X, np.zeros(6)), Duplicated(TABLE, np.zeros(6))),
            lambda: autodiff(Forward, add, Dual(X, buffer), Dual(buffer, np.ones(6))),
            lambda: autodiff(Reverse, double, Duplicated(X, np.zeros(6)), Duplicated(buffer, np.ones(6)), seed=buffer)):
        with pytest.raises(tj.ShadowOverlapError, match=r"^args\[1\], which \w+ writes, shares memory with"):
            call()
    np.testing.assert_array_equal(TABLE, np.arange(6.0))
    assert (buffer == 1).all()


TABLE = np.arange(6.0)
