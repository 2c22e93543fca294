"""bool, int, index, hash are guarded; float and item raise where a derivative would be lost; tracers do not outlive their trace."""

import copy
import math
import operator
import pickle

import numpy as np
import pytest

import tapejit as tj
from replay import GuardFailed, check, guards, record

from tapejit.errors import LeakedTracerError, TracingError, UnsupportedError
from tapejit.tape import interpret
from tapejit.trace import Trace, Tracer, current_trace


def guarded(f, inputs, others):
    """f records guards: its tape fails at `others`."""
    tape = check(f, *inputs)
    assert guards(tape) > 0
    with pytest.raises(GuardFailed):
        interpret(tape, others)


def test_truth_is_guarded():
    for f in (lambda x: x * 2 if x > 1 else x, lambda x: x if x else x + 1, lambda x: x if not x < 1 else -x, lambda x: max(x, 1.0),
              lambda x: abs(x) if x != 0 else x, lambda x: x if 0 < x < 5 and x else -x):
        for value in (2.0, np.float64(2.0), np.array(2.0)):
            guarded(f, [value], [0.0])
    guarded(lambda x: x * 2 if (x > 0).all() else x, [np.ones(3)], [-np.ones(3)])
    guarded(lambda x: x * 2 if x[0] > 0 else x, [np.ones(3)], [-np.ones(3)])
    guarded(lambda x: x * 2 if x > 0 else x, [np.ones((1, 1))], [-np.ones((1, 1))])
    guarded(lambda x: x * 2 if x else x, [np.ones(1)], [np.zeros(1)])


def test_truth_of_an_array_is_numpys_error():
    with pytest.raises(ValueError, match="truth value of an array"):
        record(lambda x: 1 if x > 0 else 2, [np.ones(3)])


def test_a_loop_until_convergence_is_guarded_step_by_step():
    def f(x):
        n = 0
        while x > 1e-3:
            x = x / 2
            n += 1
        return x * n

    tape = check(f, 1.0, at=[(1.01,)])
    assert guards(tape) == 11
    with pytest.raises(GuardFailed):
        interpret(tape, [3.0])


def test_integers_are_guarded():
    guarded(lambda x: x * int(x), [3.7], [4.1])
    guarded(lambda x: x * int(x), [np.float64(-3.7)], [np.float64(-4.1)])
    guarded(lambda x: x * int(x[0]), [np.full(1, 3.7)], [np.full(1, 4.7)])
    guarded(lambda x: x * math.floor(x), [3.7], [4.1])
    guarded(lambda x: x * math.ceil(x), [3.7], [4.1])
    guarded(lambda x: x * math.trunc(x), [3.7], [4.1])
    guarded(lambda x: x * round(x), [3.7], [4.7])
    guarded(lambda x, n: sum(x * k for k in range(n)), [2.0, np.int64(3)], [2.0, np.int64(4)])
    guarded(lambda x, n: x * [1, 2, 3][n], [2.0, np.int64(1)], [2.0, np.int64(2)])
    guarded(lambda x, n: np.zeros(3)[operator.index(n)] + x, [2.0, np.int64(1)], [2.0, np.int64(2)])
    check(lambda x: x * int(x), 3.7, at=[(3.2,)])
    check(lambda x: x * int(x), 1e300)
    with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
        record(lambda x: range(x), [2.0])
    with pytest.raises(OverflowError):
        record(lambda x: int(x), [np.inf])


def test_round_with_digits_is_a_value():
    check(lambda x: round(x, 1), np.float64(3.14159), at=[(np.float64(2.71),)])
    check(lambda x: round(x, 2), 3.14159, at=[(2.718,)])
    assert type(record(lambda x: round(x, 2), [3.14159])[2][0]) is float


def test_hash_is_guarded():
    table = {2.0: 5.0}
    guarded(lambda x: x * table[x], [2.0], [3.0])
    guarded(lambda x: x * len({x, x, 2.0}), [2.0], [3.0])
    with pytest.raises(TypeError, match="unhashable"):
        record(lambda x: hash(x), [np.ones(2)])


def test_guards_of_constants_are_not_recorded():
    """What depends on no input needs no guard."""
    def f(x):
        with_shape = Tracer(current_trace(), np.int64(3), current_trace().lift(np.int64(3)))
        return x * int(with_shape) if with_shape > 2 else x

    assert guards(record(f, [2.0])[0]) == 0


def test_equal_guards_are_recorded_once():
    def f(x):
        positive = x > 0
        return x * 2 if positive and bool(positive) else x

    assert guards(record(f, [2.0])[0]) == 1


LOSSES = {
    "float() (which %-formatting and functions in C call as well; f-strings do not)": lambda x: float(x),
    "complex()": lambda x: complex(x), ".tobytes()": lambda x: x.tobytes(),
}


@pytest.mark.parametrize("what", LOSSES)
def test_a_lost_derivative_is_an_error_with_the_line(what):
    f = LOSSES[what]
    line = f.__code__.co_firstlineno
    with pytest.raises(TracingError) as error:
        record(f, [np.float64(2.0)])
    assert str(error.value) == (f"{what} on a traced value at test_tracer_decisions.py:{line}: the result would lose the derivative. "
                                "Keep the value as it is, an array or NumPy scalar, and use NumPy's functions on it; "
                                "an array that shall hold it must be made inside the function: np.array(...) of it is a traced copy")


def test_item_and_tolist_keep_the_derivative():
    x = np.array([[0.3, 0.7], [1.1, 0.2]])
    for f, expected in [
        (lambda x: x[1, 0].item() ** 2, [[0, 0], [2.2, 0]]), (lambda x: 3 * x.item(1, 0), [[0, 0], [3, 0]]),
        (lambda x: x.item(-1) * x.item(1), [[0, 0.2], [0, 0.7]]),
        (lambda x: sum(math.log(a) * b for a, b in x.tolist()), [[0.7 / 0.3, np.log(0.3)], [0.2 / 1.1, np.log(1.1)]]),
        (lambda x: x.T.tolist()[0][1], [[0, 0], [1, 0]]),
    ]:
        for at in (x, x.astype(np.float32)):
            np.testing.assert_allclose(tj.grad(f)(at), expected, rtol=1e-6)
    assert tj.grad(lambda x: x.item() if type(x.item()) is float else 0 * x)(np.float64(2.0)) == 1.0
    assert tj.jit(lambda z: z.item() * 2)(np.array(1 + 2j)) == 2 + 4j
    with pytest.raises(IndexError):
        tj.grad(lambda x: x.item(9))(x)
    with pytest.raises(AttributeError, match="'float' object has no attribute 'tolist'"):
        tj.grad(lambda x: x.tolist())(2.0)


def test_plain_arrays_cannot_take_traced_values():
    with pytest.raises(ValueError, match="setting an array element") as error:
        record(lambda x: np.ones(3).__setitem__(0, x), [np.float64(2.0)])
    assert isinstance(error.value.__cause__, TracingError)
    for f in (lambda x: np.asarray(x), lambda x: np.array([x, 1.0])):
        with pytest.raises(TracingError, match=r"test_tracer_decisions.py:\d+: the result would lose the derivative"):
            record(f, [np.float64(2.0)])


def test_numbers_without_a_derivative_are_taken_out_under_a_guard():
    guarded(lambda x: x * float(np.argmax(x)), [np.array([1.0, 3.0])], [np.array([3.0, 1.0])])
    guarded(lambda x: x * float(np.floor(x)), [3.5], [4.5])
    guarded(lambda x, n: x * n.item(), [2.0, np.int64(3)], [2.0, np.int64(4)])
    guarded(lambda x, n: x * n.tolist()[1], [2.0, np.arange(3)], [2.0, np.arange(3) * 2])
    guarded(lambda x, n: np.asarray(n) * x, [2.0, np.arange(3)], [2.0, np.arange(3) * 2])

    trace = Trace()
    trace.differentiable = {0}
    with trace:
        x, y = trace.input(2.0), trace.input(3.0)
        assert float(y) == 3.0
        with pytest.raises(TracingError):
            float(x)
        with pytest.raises(TracingError):
            float(x * y)


def test_depends_on_input():
    with Trace() as trace:
        x, y = trace.input(2.0), trace.input(np.ones(3))
        z = np.sum(y) * 2
        both = z * x
        constant = trace.lift(1.5)
        assert trace.depends_on_input(z.id) and not trace.depends_on_input(z.id, {0}) and trace.depends_on_input(z.id, {1})
        assert trace.depends_on_input(both.id, {0}) and not trace.depends_on_input(constant)
        assert not trace.carries_derivative((both > 1).id) and trace.carries_derivative(both.id)


def test_leaked_tracers():
    kept = []

    def f(x):
        kept.append(x)
        return x * 2

    record(f, [2.0])
    (x,) = kept
    for use in (lambda: x + 1, lambda: -x, lambda: x > 0, lambda: np.sin(x), lambda: bool(x), lambda: int(x), lambda: float(x),
            lambda: x ** 2):
        with pytest.raises(LeakedTracerError, match="a traced value is used after the function"):
            use()
    record(f, [np.ones(2)])
    x = kept[-1]
    for use in (lambda: x + 1, lambda: x[0], lambda: x.sum(), lambda: x[0] > 0, lambda: x.__setitem__(0, 1.0), lambda: np.asarray(x)):
        with pytest.raises(LeakedTracerError):
            use()
    with pytest.raises(LeakedTracerError), Trace() as trace:
        trace.input(2.0) * kept[0]
    with pytest.raises(LeakedTracerError), Trace() as trace:
        trace.input(np.ones(2)) * kept[-1]


def test_a_trace_ends_when_its_function_raises():
    with pytest.raises(KeyError), Trace():
        raise KeyError
    assert current_trace() is None


def test_text_shows_the_value():
    with Trace() as trace:
        x, s = trace.input(np.array([1.0, 2.0])), trace.input(2.5)
        assert repr(x) == "<traced array([1., 2.])>" and repr(s) == "<traced 2.5>"
        assert str(x) == "[1. 2.]" and f"{s:.2f}" == "2.50" and "%s" % s == "2.5"


def test_tracers_look_like_what_they_stand_for():
    with Trace() as trace:
        x, s, t = trace.input(np.ones(2)), trace.input(2.5), trace.input(np.float64(2.5))
        assert isinstance(x, np.ndarray) and isinstance(s, float) and isinstance(t, np.float64) and isinstance(t, float)
        assert not isinstance(s, np.generic) and not isinstance(x > 0, float) and isinstance(s > 0, bool)
        assert type(x) is type(s) is Tracer and isinstance(x, Tracer)
        assert np.isscalar(t) and not hasattr(s, "shape") and not hasattr(s, "sum") and hasattr(t, "sum")
        assert s.real is s and s.imag == 0.0 and s.conjugate() is s
        with pytest.raises(AttributeError, match="'float' object has no attribute 'dtype'"):
            s.dtype


def test_floats_have_a_floats_methods():
    guarded(lambda x: x * 2 if x.is_integer() else x, [2.0], [2.5])
    with pytest.raises(TracingError, match="hex"):
        record(lambda x: x.hex(), [2.0])


def test_copies_and_pickles():
    with Trace() as trace:
        x = trace.input(np.ones(2))
        y = copy.deepcopy(x)
        assert y is not x and y.id == x.id and not np.shares_memory(y.value, x.value)
        assert copy.copy(trace.input(2.0)).value == 2.0
        with pytest.raises(TracingError, match="pickled"):
            pickle.dumps(x)


def test_values_of_an_inner_trace_do_not_escape():
    with Trace("outer") as outer:
        x = outer.input(np.ones(3))
        with Trace("inner") as inner:
            v = inner.input(2.0)
            with pytest.raises(TracingError,
                    match="value of an inner transform .inner. is written into an array of the function around it"):
                x[0] = v


def test_an_inner_trace_captures_outer_values():
    with Trace("outer") as outer:
        x, s = outer.input(np.arange(3.0)), outer.input(2.0)
        with Trace("inner") as inner:
            v = inner.input(np.float64(3.0))
            z = x * v + s * v + x[0] * s
            assert z._trace is inner and (x * s)._trace is outer
            mine = x.copy()
            mine[0] = v
            mine[1:] *= x[1]
            changed = mine * 1.0
            out = [inner.lift(z), inner.lift(changed)]
        assert [type(value) is Tracer and value._trace is outer for _, value in inner.captures] == [True] * len(inner.captures)
        tape = inner.builder.tape
        tape.outputs = out
        given = [3.0] + [value.value for _, value in inner.captures]
        found = interpret(tape, given)
        np.testing.assert_array_equal(found[0], np.arange(3.0) * 3 + 6)
        np.testing.assert_array_equal(found[1], [3.0, 1.0, 2.0])
        positions = [position for position, _ in inner.captures]
        assert len(set(positions)) == len(positions) and (x * 1.0)._trace is outer


def test_an_outer_array_is_captured_as_it_was_at_that_time():
    with Trace("outer") as outer:
        y = outer.input(np.arange(3.0)) * 2
        with Trace("inner") as inner:
            v = inner.input(1.0)
            first = y.sum() * v
            y[0] = 7.0
            second = y.sum() * v
            assert first.value == 6.0 and second.value == 13.0
            assert len({value.id for _, value in inner.captures}) == len(inner.captures) == 2


def test_unsupported_forms_name_themselves():
    with Trace() as trace:
        x = trace.input(np.ones((2, 2)))
        cases = [(lambda: x.resize(3), "resize"), (lambda: x.view(np.int64), "viewed as another type"),
                 (lambda: x.byteswap(), "byteswap"),
                 (lambda: np.lib.stride_tricks.as_strided(x[::-1], (2,), (-8,)), "as_strided of a view")]
        for use, words in cases:
            with pytest.raises(UnsupportedError, match=rf"test_tracer_decisions.py:\d+.*{words}"):
                use()
        with pytest.raises(TracingError, match="memory"):
            x.ctypes
