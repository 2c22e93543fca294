"""NumPy's functions on traced values have NumPy's values, dtypes and shapes, replay as NumPy does, and differentiate.

One test per expression of `lowering_cases.py`.
"""

import warnings

import numpy as np
import pytest

from tapejit.tape import GuardFailed, interpret
from tapejit.trace import Trace, Tracer

from .lowering_cases import CASES, FLAT, inputs, names_in


def evaluated(case, values):
    """The value of an expression, as a list of leaves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return leaves(eval(compile(case, f"<{case}>", "eval"), {"np": np}, dict(values)))


def leaves(value):
    if type(value) in (tuple, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def traced(case, values):
    """(tape, outputs as tracers or plain values, concrete outputs) of an expression whose arguments are traced."""
    trace = Trace("case")
    with trace:
        tracers = {name: trace.input(value, name) if isinstance(value, np.generic) else trace.input(value, name) for name, value in values.items()}
        outputs = evaluated(case, tracers)
        ids = [trace.lift(o) if type(o) is Tracer else None for o in outputs]
        trace.builder.tape.outputs.extend(id for id in ids if id is not None)
    return trace.builder.tape, ids, [o.value if type(o) is Tracer else o for o in outputs]


def assert_same(found, expected, case, rtol=None):
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


def chosen(case, values):
    return {name: values[name] for name in names_in(case)}
