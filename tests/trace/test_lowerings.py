"""NumPy's functions on traced values have NumPy's values, dtypes and shapes, replay as NumPy does, and differentiate.

One test per expression of `lowering_cases.py`.
"""

import warnings

import numpy as np
import pytest

from tapejit.kernel import compile_tape
from tapejit.passes import forward, reverse, simplify
from tapejit.tape import interpret
from tapejit.tape.interpret import values_of
from tapejit.tape.types import DTYPE_OF_NAME
from tapejit.tape.verify import verify_tape
from tapejit.trace import Trace, Tracer
from tapejit.trace.lowerings import STAND_INS

from .lowering_cases import CASES, FLAT, inputs, names_in


def evaluated(case, values, numpy=np):
    """The value of an expression, as a list of leaves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return leaves(eval(compile(case, f"<{case}>", "eval"), {"np": numpy}, dict(values)))


class Retargeted:
    """NumPy as traced code sees it: functions without a hook, and calls on lists of tracers, reach the lowerings."""

    def __getattr__(self, name):
        value = getattr(np, name)
        return STAND_INS.get(value, value) if callable(value) else value


def leaves(value):
    if isinstance(value, (tuple, list)) and type(value) is not Tracer:
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def traced(case, values):
    """(tape, outputs as tracers or plain values, concrete outputs) of an expression whose arguments are traced."""
    trace = Trace("case")
    with trace:
        tracers = {name: trace.input(value, name) for name, value in values.items()}
        outputs = evaluated(case, tracers, Retargeted())
        ids = [trace.lift(o) if type(o) is Tracer else None for o in outputs]
        trace.builder.tape.outputs.extend(id for id in ids if id is not None)
    return trace.builder.tape, ids, [o.value if type(o) is Tracer else o for o in outputs]


def assert_same(found, expected, case):
    """Equal up to rounding, with the same dtype and shape; flags and texts are equal."""
    assert len(found) == len(expected), case
    for one, other in zip(found, expected):
        if isinstance(other, (str, bool, tuple, np.dtype, int)):
            assert one == other, case
            continue
        assert np.shape(one) == np.shape(other) and np.asarray(one).dtype == np.asarray(other).dtype, (case, one, other)
        if np.asarray(other).dtype.kind in "fc":
            eps = np.finfo(np.asarray(other).dtype).eps
            scale = np.nanmax(np.abs(other), initial=1, where=np.isfinite(other))
            np.testing.assert_allclose(one, other, rtol=64 * eps, atol=64 * eps * scale, err_msg=case)
        else:
            np.testing.assert_array_equal(one, other, err_msg=case)


def chosen(case, seed=0, dtype=np.float64):
    return inputs(seed, dtype, names_in(case))


def spread(values):
    """The same values in memory with gaps and backwards."""
    def gaps(a):
        wide = np.zeros(tuple(2 * n for n in a.shape), a.dtype)[tuple(slice(None, None, -2) for _ in a.shape)]
        wide[...] = a
        return wide
    return {name: gaps(value) if np.ndim(value) else value for name, value in values.items()}


def whole(values):
    return {name: np.asarray(np.rint(value * 10), np.int64)[()] for name, value in values.items()}


def agrees(case, values):
    """Values, dtypes and shapes are NumPy's; where NumPy raises, so does the traced call."""
    try:
        expected = evaluated(case, values)
    except (TypeError, ValueError, IndexError) as error:
        with pytest.raises(type(error).__mro__[-3] if isinstance(error, TypeError) else type(error)):
            traced(case, values)
        return None
    tape, ids, found = traced(case, values)
    assert_same(found, expected, case)
    verify_tape(tape)
    return tape, ids


def known_to_numpy(case):
    """Whether the installed NumPy, if it is not the newest that the table was written for, has what the expression uses."""
    if np.lib.NumpyVersion(np.__version__) >= "2.4.0":
        return True
    try:
        evaluated(case, chosen(case))
    except (AttributeError, TypeError):
        return False
    return True


CASES = [case for case in CASES if known_to_numpy(case)]


def assert_replays(case, tape, ids, other, assert_equal):
    """The tape of a case gives NumPy's value at other inputs too, interpreted and compiled."""
    expected = [leaf for leaf, id in zip(evaluated(case, other), ids) if id is not None]
    assert_equal(interpret(tape, list(other.values())), expected, case)
    program = compile_tape(simplify(tape).tape)
    outputs = [np.empty(type.shape, DTYPE_OF_NAME[type.dtype]) for type in program.outputs]
    program.run([np.array(value) for value in other.values()], outputs)
    assert_equal(outputs, expected, case)


@pytest.mark.parametrize("case", CASES)
def test_value_and_replay(case):
    """The value is NumPy's, and the tape gives NumPy's value at other inputs too, interpreted and compiled."""
    assert_replays(case, *agrees(case, chosen(case)), chosen(case, seed=1), assert_same)


@pytest.mark.parametrize("form", ["float32", "integers", "strided", "Fortran order", "Python floats"])
def test_other_arguments(form):
    """Every expression has NumPy's value, dtype and shape on arguments of another dtype or layout."""
    for case in CASES:
        values = chosen(case, dtype=np.float32 if form == "float32" else np.float64)
        if form == "integers":
            values = whole(values)
        elif form == "strided":
            values = spread(values)
        elif form == "Fortran order":
            values = {name: np.array(value, order="F")[()] for name, value in values.items()}
        elif form == "Python floats":
            values = {name: value if np.ndim(value) else float(value) for name, value in values.items()}
        agrees(case, values)


class Derivative:
    """The derivatives of a tape at one point, by both modes, evaluated by the reference interpreter."""

    def __init__(self, tape, values):
        self.values = values
        self.builder = simplify(tape)
        tape = self.builder.tape
        self.outputs = [id for id in tape.outputs if tape.type_of(id).dtype == "f64"]
        self.inputs = list(tape.inputs)
        tangents, cotangents = ([self.builder.input(tape.type_of(id), None) for id in ids] for ids in (self.inputs, self.outputs))
        seeds = {}
        for id, ct in zip(self.outputs, cotangents):
            seeds[id] = ct if id not in seeds else (self.builder.expr(seeds[id]) + self.builder.expr(ct)).id
        self.bars = reverse(self.builder, seeds, self.inputs)
        self.dots = forward(self.builder, dict(zip(self.inputs, tangents)), self.outputs)
        known = [id for id in self.bars if id is not None]
        self.second = dict(zip(known, forward(self.builder, dict(zip(self.inputs, tangents)), known)))
        verify_tape(tape)

    def at(self, tangents, cotangents, ids):
        """The values with these ids; zeros where an id is None."""
        tape = self.builder.tape
        given = [*self.values, *tangents, *cotangents]
        found = iter(values_of(tape, given, [id for id in ids if id is not None]))
        return [next(found) if id is not None else 0.0 for id in ids]


def differences(function, values, tangents, step=1e-4):
    """The derivative of a list of arrays along `tangents`, by differences of sixth order."""
    total = None
    for k, weight in {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}.items():
        ahead, behind = (function([v + sign * k * step * t for v, t in zip(values, tangents)]) for sign in (1, -1))
        term = [weight * (np.asarray(a) - b) / step for a, b in zip(ahead, behind)]
        total = term if total is None else [a + b for a, b in zip(total, term)]
    return total


def inner(left, right):
    return float(sum(np.sum(np.multiply(a, b)) for a, b in zip(left, right)))


def close(found, expected, case):
    scale = max([1.0] + [float(np.max(np.abs(e))) for e in expected if np.size(e)])
    for one, other in zip(found, expected):
        np.testing.assert_allclose(np.broadcast_to(one, np.shape(other)), other, rtol=1e-7, atol=1e-7 * scale, err_msg=case)


@pytest.mark.parametrize("case", [case for case in CASES if case not in FLAT])
def test_derivative(case, rng):
    """Forward mode is the limit of differences, reverse mode its transpose, and so for the derivative of the derivative."""
    values = list(chosen(case).values())
    tape, ids, outputs = traced(case, chosen(case))
    if not any(tape.type_of(id).dtype == "f64" for id in tape.outputs):
        return
    derivative = Derivative(tape, values)

    def floats(at):
        found = evaluated(case, dict(zip(names_in(case), at)))
        return [np.array(leaf) for leaf, id in zip(found, ids) if id is not None and tape.type_of(id).dtype == "f64"]

    tangents = [rng.standard_normal(np.shape(v))[()] for v in values]
    cotangents = [rng.standard_normal(np.shape(v)) for v in floats(values)]
    dots = derivative.at(tangents, cotangents, derivative.dots)
    close(dots, differences(floats, values, tangents), case)
    bars = derivative.at(tangents, cotangents, derivative.bars)
    left, right = inner(dots, cotangents), inner(bars, tangents)
    assert abs(left - right) <= 1e-11 * max(1.0, sum(float(np.sum(np.abs(np.multiply(d, c)))) for d, c in zip(dots, cotangents))), case

    def gradient(at):
        derivative.values = at
        return derivative.at(tangents, cotangents, derivative.bars)

    expected = differences(gradient, values, tangents)
    derivative.values = values
    close(derivative.at(tangents, cotangents, [derivative.second.get(id) for id in derivative.bars]), expected, case)
