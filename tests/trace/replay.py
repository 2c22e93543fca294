"""The oracle of the tracing tests: a function's value under trace is NumPy's, and its tape replayed on new inputs is NumPy's run there."""

import copy
import warnings

import numpy as np

from tapejit.tape import GuardFailed, interpret
from tapejit.trace import Trace, Tracer


def record(f, inputs, names=None):
    """Trace f on the inputs: (tape with outputs set, the trace, the concrete results)."""
    trace = Trace(getattr(f, "__name__", "f"))
    with trace:
        results = f(*[trace.input(value) for value in inputs])
        results = list(results) if isinstance(results, tuple) else [results]
        tape = trace.builder.tape
        tape.outputs = [trace.lift(r) for r in results]
        concrete = [r.value if type(r) is Tracer else r for r in results]
    return tape, trace, concrete


def run(f, inputs):
    results = f(*copy.deepcopy(list(inputs)))
    return list(results) if isinstance(results, tuple) else [results]


def same(found, expected, exact=True):
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, (found.shape, expected.shape)
    assert found.dtype == expected.dtype, (found.dtype, expected.dtype)
    if exact:
        np.testing.assert_array_equal(found, expected)
    else:
        rtol = 1e-6 if found.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol / 100)


def check(f, *inputs, at=(), exact=True):
    """f traced at `inputs` has NumPy's values and types, there and, replayed, at the inputs of each tuple in `at`. Gives the tape.

    The inputs stay bit-identical.
    """
    before = copy.deepcopy(list(inputs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = run(f, inputs)
        tape, trace, found = record(f, inputs)
        for value, kept in zip(inputs, before):
            np.testing.assert_array_equal(value, kept)
        assert len(found) == len(expected)
        for a, b in zip(found, expected):
            assert isinstance(a, np.ndarray) == isinstance(b, np.ndarray), (type(a), type(b))
            same(a, b)
        for other in (inputs, *at):
            captured = [value for _, value in trace.captures]
            for a, b in zip(interpret(tape, [*other, *captured]), run(f, other)):
                same(a, b, exact)
    return tape


def guards(tape):
    """How many guards a tape holds."""
    return sum(row.name == "guard" for _, row, *_ in tape.records())


__all__ = ["GuardFailed", "check", "guards", "record", "run", "same"]
