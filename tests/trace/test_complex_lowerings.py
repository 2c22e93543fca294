"""The table of `lowering_cases.py` once more, on complex arguments: NumPy's values or NumPy's errors, a replay, and the derivative.

A function f(x + iy) is taken as a function of the real x and y: differences along a complex direction are the truth of its tangent, whether
it is holomorphic or not, and the real part of the sum of cotangent times tangent is the same before and behind it.
"""

import warnings

import numpy as np
import pytest

import tapejit as tj
from tapejit.tape import GuardFailed, interpret
from tapejit.trace import Tracer

from . import lowering_cases
from .lowering_cases import FLAT, inputs, listed, names_in
from .test_lowerings import Retargeted, assert_same, evaluated, known_to_numpy, traced

FAMILIES = ("REDUCTION", "ORDER", "PRODUCT", "SELECTION", "BEYOND", "FLAT", "ELEMENT", "WRITE")  # the others move elements of any dtype
CASES = [case for family in FAMILIES for case in listed(getattr(lowering_cases, f"{family}_CASES")) if known_to_numpy(case)]


def chosen(case, seed=0):
    real, imaginary = (inputs(k, np.float64, names_in(case)) for k in (seed, seed + 100))
    return {name: np.asarray(real[name] + 0.7j * imaginary[name])[()] for name in real}


def expected_of(case, values):
    """NumPy's value, or its exception."""
    try:
        return evaluated(case, values)
    except (TypeError, ValueError, IndexError) as error:
        return error


def derivative_holds(case):
    names, values = names_in(case), tuple(chosen(case).values())

    def floating(*arguments):
        found = evaluated(case, dict(zip(names, arguments)), Retargeted() if type(arguments[0]) is Tracer else np)
        return [leaf for leaf in found if getattr(leaf, "dtype", np.dtype(bool)).char in "dD"]

    if floating(*values):
        tj.check_grads(floating, values, order=1)


@pytest.mark.parametrize("case", CASES)
def test_complex_arguments(case, effort):
    """The value everywhere; the derivative of every second case, of all with --thorough."""
    values, other = chosen(case), chosen(case, seed=1)
    expected = expected_of(case, values)
    if isinstance(expected, Exception):
        with pytest.raises(type(expected)):
            traced(case, values)
        return
    tape, ids, found = traced(case, values)
    assert_same(found, expected, case)
    try:
        again = interpret(tape, list(other.values()))
    except GuardFailed:  # other places, another trace
        pass
    else:
        assert_same(again, [leaf for leaf, id in zip(evaluated(case, other), ids) if id is not None], case)
    if case not in FLAT and (effort > 1 or CASES.index(case) % 2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            derivative_holds(case)
