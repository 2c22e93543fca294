"""Where Python's arithmetic on floats raises and NumPy's gives inf or nan: 1.0 / 0.0, 0.0 ** -1.0, 1e200 ** 2, math.exp(1000.0) ...

A replay raises nothing, so the trace assumes that what did not raise then does not raise later. An operation that raises would give an
infinite result or NaN: so the finite results are added up, and one guard per trace asks whether the sum is finite.
That costs one addition for each. A finite sum proves that nothing raised; one that is not only sends the call to a new trace.
"""

from __future__ import annotations

import cmath
import math

import numpy as np

from ..ops import OPS
from .tracer import Tracer

_ADD = OPS["add"].code
_DIVISIONS = frozenset((np.true_divide, np.floor_divide, np.remainder))
RAISING = _DIVISIONS | {np.power}


def finite(trace, id, value, line):
    """Assume that a Python float or complex number is finite, as `value` is now: by a guard on the sum of all such numbers."""
    if type(value) is complex:
        for name, part in (("real", value.real), ("imag", value.imag)):
            finite(trace, trace.emit(OPS[name], (id,), (), None, line), part, line)
        return
    if trace.finite is not None:
        total = trace.finite[1] + value
        if math.isfinite(total):
            id, value = trace.record(_ADD, (trace.finite[0], id), 0, 0, line), total
        else:
            guard_finite(trace)
    trace.finite = id, value


def guard_finite(trace):
    """Guard the sum of what is assumed to be finite."""
    if trace.finite is not None and trace.depends_on_input(trace.finite[0]):
        trace.guard(trace.emit(OPS["isfinite"], (trace.finite[0],)), True)
    trace.finite = None


def assume_none_raised(ufunc, operands, result, line):
    """Let the trace of the Python number `result` = ufunc(*operands), a tracer, answer only calls in which Python raises nothing here."""
    trace = result._trace
    if ufunc in _DIVISIONS:
        divisor = operands[1]
        if type(divisor) is not Tracer or divisor._id in trace.divisors and divisor._trace is trace:
            return
        if not cmath.isfinite(result.value):
            bool(divisor != 0)
            return
        finite(trace, result._id, result.value, line)
        if divisor._trace is trace:
            trace.divisors.add(divisor._id)
    elif cmath.isfinite(result.value):
        finite(trace, result._id, result.value, line)
    else:  # of an infinite operand, which raises nothing
        for x in (*operands, result):
            if type(x) is Tracer:
                bool(np.isfinite(x))
