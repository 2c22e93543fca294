"""The laws of differentiation over every lowering in its argument forms, which `forms.py` draws.

Values are NumPy's, at the traced inputs and replayed at others; forward mode is the limit of differences of NumPy in extended
precision; reverse mode is its transpose; the second derivative is symmetric and the limit of second differences; float32 stays
float32. `--thorough` draws twenty times as many.
"""

import numpy as np
import pytest

import tapejit as tj

from .forms import Draw
from .grammar import GRAMMAR

DRAWS = 3  # per function
FIRST = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}  # weights of central differences of sixth order
SECOND = {0: -49 / 18, 1: 3 / 2, 2: -3 / 20, 3: 1 / 90}


def leaves(value):
    if isinstance(value, (tuple, list)):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def outcome(function, inputs):
    """The leaves of the result, or the exception."""
    with np.errstate(all="ignore"):
        try:
            return leaves(function(*inputs))
        except Exception as error:
            return error


def floats(function, places):
    """The function restricted to those leaves of its result that have a derivative."""
    def restricted(*inputs):
        found = leaves(function(*inputs))
        return tuple([found[k] for k in places])
    return restricted


def inner(left, right):
    """<left, right> over what is finite, and the sum of the terms' sizes."""
    terms = [np.multiply(a, b) for a, b in zip(left, right)]
    total = sum(np.sum(t, where=np.isfinite(t)) for t in terms)
    return float(total), float(sum(np.sum(np.abs(t), where=np.isfinite(t)) for t in terms))


class Truth:
    """Derivatives of NumPy's own function along a line, by differences in extended precision where it computes in it."""

    def __init__(self, draw, places, inputs, tangents):
        self.inputs, self.tangents = inputs, tangents
        wide = floats(draw.widened().function(), places)
        try:
            is_wide = all(np.asarray(y).dtype == np.longdouble for y in wide(*self.moved(0.0, np.longdouble)))
        except TypeError:
            is_wide = False
        self.function, self.dtype = (wide, np.longdouble) if is_wide else (floats(draw.function(), places), np.float64)

    def moved(self, step, dtype=None):
        """The inputs at a step, laid out in memory as they are."""
        found = []
        for x, t in zip(self.inputs, self.tangents):
            there = np.empty_like(x, dtype or self.dtype)
            there[...] = np.asarray(x, there.dtype) + step * np.asarray(t, there.dtype)
            found.append(there[()])
        return found

    def at(self, step):
        return self.function(*self.moved(step))

    def first(self, step):
        ahead, behind = ({k: self.at(self.dtype(sign * k * step)) for k in FIRST} for sign in (1, -1))
        return [sum(w * (np.asarray(ahead[k][i]) - behind[k][i]) for k, w in FIRST.items()) / self.dtype(step)
                for i in range(len(ahead[1]))]

    def second(self, step):
        found = {k: self.at(self.dtype(k * step)) for k in range(-3, 4)}
        return [sum(SECOND[abs(k)] * np.asarray(found[k][i]) for k in found) / self.dtype(step) ** 2 for i in range(len(found[0]))]

    def steady(self, derivative, step, tolerance):
        """The derivative, or None near a kink or a jump: where half the step does not give the same."""
        try:
            whole, half = derivative(step), derivative(step / 2)
        except ValueError:  # the shape of the result jumps
            return None
        return whole if all(close(a, b, tolerance) for a, b in zip(whole, half)) else None


def close(found, expected, tolerance):
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    size = np.max(np.abs(expected), initial=1, where=np.isfinite(expected))
    return found.shape == expected.shape and np.allclose(found, expected, rtol=tolerance, atol=tolerance * size, equal_nan=True)


def is_narrow(draw):
    """Whether a call computes in float32 somewhere."""
    return "float32" in repr(draw) or any(x.dtype == np.float32 for x in draw.leaves())


def same(found, expected, draw):
    """Equal up to rounding, and of the same kind, dtype and shape."""
    assert len(found) == len(expected), draw
    rough = is_narrow(draw)
    for one, other in zip(found, expected):
        if isinstance(other, (str, bool, tuple, int, np.dtype)):
            assert one == other, draw
            continue
        one, other = np.asarray(one), np.asarray(other)
        assert one.dtype == other.dtype, (draw, one.dtype, other.dtype)
        if other.dtype.kind == "f":
            eps = np.finfo(np.float32 if rough else other.dtype).eps
            assert close(one, other, 64 * eps), (draw, one, other)
        else:
            np.testing.assert_array_equal(one, other, err_msg=repr(draw))


def check(draw, rng):
    inputs = draw.leaves()
    function = draw.function()
    expected = outcome(function, inputs)
    compiled = tj.jit(function)
    found = outcome(compiled, inputs)
    if isinstance(expected, Exception):
        assert isinstance(found, type(expected)), (draw, expected, found)
        return
    assert not isinstance(found, Exception), (draw, found)
    same(found, expected, draw)
    others = [(x * x.dtype.type(1.01))[()] for x in inputs]
    expected_there, found = outcome(function, others), outcome(compiled, others)
    if isinstance(expected_there, Exception):
        assert isinstance(found, type(expected_there)), (draw, expected_there, found)
    else:
        same(found, expected_there, draw)
    places = [k for k, y in enumerate(expected) if not isinstance(y, (tuple, str)) and np.asarray(y).dtype.kind == "f"]
    if inputs and places:
        check_derivatives(draw, inputs, floats(function, places), [expected[k] for k in places], places, rng)


def check_derivatives(draw, inputs, function, values, places, rng):
    narrow = is_narrow(draw)
    exact, loose, looser = (2e-5, 1e-3, 3e-3) if narrow else (1e-11, 1e-8, 1e-6)
    s, t = ([np.where(np.isnan(x), 0, rng.uniform(-1, 1, np.shape(x))).astype(x.dtype)[()] for x in inputs] for _ in range(2))
    cotangents = tuple([rng.uniform(-1, 1, np.shape(y)).astype(np.asarray(y).dtype)[()] for y in values])
    with np.errstate(all="ignore"):
        dots = tj.jvp(function, tuple(inputs), tuple(t))[1]
        pull = tj.vjp(function, *inputs)[1]
        bars = pull(cotangents)
        assert [np.asarray(b).dtype for b in bars] == [x.dtype for x in inputs], draw
        assert [np.asarray(d).dtype for d in dots] == [np.asarray(y).dtype for y in values], draw
        (left, size), (right, _) = inner(dots, cotangents), inner(bars, t)
        assert abs(left - right) <= exact * max(1.0, size), (draw, left, right)
        truth = Truth(draw, places, inputs, t)
        first = truth.steady(truth.first, 1e-3, loose)
        if first is None or list(map(np.shape, first)) != list(map(np.shape, values)):  # (polydiv trims by size of what is left)
            return
        for found, expected in zip(dots, first):
            known = np.isfinite(expected)  # the value may be NaN, or infinite: what its derivative is then, NumPy does not say
            assert close(np.where(known, found, 0), np.where(known, expected, 0), loose), (draw, found, expected)
        if rng.random() < 0.5:
            return

        def gradient(*x):
            return tj.vjp(function, *x)[1](cotangents)

        along_s, along_t = (tj.jvp(gradient, tuple(inputs), tuple(v))[1] for v in (s, t))
        (left, size), (right, _) = inner(along_s, t), inner(along_t, s)
        assert abs(left - right) <= 100 * exact * max(1.0, size), (draw, left, right)
        second = truth.steady(truth.second, 2e-3, looser)
        if second is not None:
            (expected, size), (found, _) = inner(second, cotangents), inner(along_t, t)
            assert abs(found - expected) <= looser * max(1.0, size), (draw, found, expected)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", GRAMMAR)
def test_laws(name, rng, effort):
    """A function obeys the laws in every form that is drawn."""
    for k in range(DRAWS * effort):
        check(Draw(name, rng, np.float32 if k % 4 == 3 else np.float64), rng)
