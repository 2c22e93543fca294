"""Exceptions agree with NumPy: where a call with a bad argument raises in NumPy, the traced call raises, with NumPy's own type.

`forms.py` draws a good call; one argument is then replaced by a value that its place may not bear, left out, or one too many is
given. Where NumPy takes the value after all, the traced call has NumPy's result, or says that the form is not supported.
"""

import re

import numpy as np
import pytest

import tapejit as tj
from tapejit.errors import UnsupportedError

from .forms import KINDS, Draw, Out
from .grammar import GRAMMAR
from .test_forms import outcome, same

DRAWS = 4  # per function
NOT_NUMBERS = "dtype (object|<U)|object array|StrDType|NotImplemented from __array_ufunc__"  # which NumPy also takes
OTHER_SHAPE = "the output array has shape"  # an `out` with room for several copies of the result


def _other_shape(d):
    return d.array([(7,), (2, 7), (0,), (1, 2, 3, 4)][d.rng.integers(4)])


def _bad_out(d):
    shape = np.shape(d.first)
    return [Out([(shape + (2,), np.dtype(float))]), Out([((9,), np.dtype(float))]), Out([(shape, np.dtype(np.int8))]),
            Out([(shape, np.dtype(float))] * 3), "x", 1.5][d.rng.integers(6)]


def one_of(*options):
    return lambda d: options[d.rng.integers(len(options))]


BAD_ARRAY = one_of("x", [[1.0, 2.0], [3.0]], [])
BAD = {
    "axis": one_of(3, -4, 99, 1.5, "x", (0, 0), (0, 7)), "number": one_of("x", [1.0, 2.0], 1j, np.ones((7, 2))),
    "mask": one_of(np.ones((7, 2), bool), np.ones(7, bool), 1.5), "floating": one_of("nonsense", object, "U3"),
    "flag": one_of(1, 0), "out": _bad_out, "pair": _bad_out,
    "choice": one_of("nonsense", 99, -99, 1.5, True),
    "array": lambda d: _other_shape(d) if d.rng.random() < 0.6 else BAD_ARRAY(d)}
BAD |= {"axes": BAD["axis"], "last": BAD["axis"], "wide": BAD["axis"], "anymask": BAD["mask"], "masks": BAD["mask"], "integers": _bad_out,
        "low": BAD["number"], "high": BAD["number"], "permutation": BAD["choice"], "reshaped": BAD["choice"], "stretched": BAD["choice"],
        "order": BAD["choice"]}


def spoiled(draw, rng):
    """The draw with one thing wrong with its arguments."""
    draw = draw.copy()
    kinds = dict(part.split(":", 1) for part in GRAMMAR[draw.name].split() if ":" in part)
    way = rng.random()
    if way < 0.06 and draw.arguments:
        draw.arguments.pop()
    elif way < 0.12:
        draw.keywords["nonsense"] = 1
    elif way < 0.18:
        draw.arguments += [0] * 9
    else:
        name = str(rng.choice(list(kinds)))
        kind = kinds[name]
        value = BAD["choice" if kind[0] == "{" else kind if kind in BAD else "array"](draw)
        place = list(kinds).index(name)
        if place < len(draw.arguments):
            draw.arguments[place] = value
        else:
            draw.keywords[name] = value
    if draw.method and not isinstance(next(iter(draw.arguments), None), (np.ndarray, np.generic)):
        draw.method = False
    return draw


def public(error):
    """The type of NumPy's error, as users can name it."""
    return next(kind for kind in type(error).__mro__ if not kind.__name__.startswith("_") and kind.__name__ != "UFuncTypeError")


def check(draw):
    """True where NumPy raised."""
    inputs = draw.leaves()
    if not inputs:
        return False
    expected, found = outcome(draw.function(), inputs), outcome(tj.jit(draw.function()), inputs)
    if isinstance(expected, Exception):
        assert isinstance(found, public(expected)), (draw, expected, found)
        return True
    if isinstance(found, Exception):
        assert isinstance(found, UnsupportedError) or re.search(f"{NOT_NUMBERS}|{OTHER_SHAPE}", str(found)), (draw, found)
    elif all(np.asarray(value).dtype.kind in "biufc" for value in expected):
        same(found, expected, draw)
    return False


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", GRAMMAR)
def test_bad_arguments(name, rng, effort):
    """A call with a bad argument raises what NumPy raises."""
    for _ in range(DRAWS * effort):
        check(spoiled(Draw(name, rng), rng))


assert set(BAD) - {"choice"} <= set(KINDS)
