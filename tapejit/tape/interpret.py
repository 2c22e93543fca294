"""The reference interpreter: evaluates a tape with NumPy, one record at a time. The oracle for the kernel."""

import numpy as np

from ..ops import FLOATS
from .tape import CONSTANT, GUARD, INPUT


class GuardFailed(Exception):
    """A guard of the tape does not hold for these inputs."""

    def __init__(self, record, expected, found):
        super().__init__(f"guard %{record}: expected {expected}, found {found}")
        self.record, self.expected, self.found = record, expected, found


def interpret(tape, inputs):
    """The outputs of a tape, as arrays (0-d for scalars), for a sequence of inputs by position.

    Raises GuardFailed when a guard does not hold.
    """
    return [np.asarray(v) for v in values_of(tape, inputs, tape.outputs)]


def values_of(tape, inputs, wanted):
    """The values with the ids `wanted`, for a sequence of inputs by position."""
    values = [None] * len(tape)
    with np.errstate(all="ignore"):
        for k, row, operands, type, params in tape.records():
            code = row.code
            if code == INPUT:
                values[k] = np.asarray(inputs[params[0]])
            elif code == CONSTANT:
                values[k] = params[0].array
            elif code == GUARD:
                found, expected = values[operands[0]], params[0]
                if not np.array_equal(found, getattr(expected, "array", expected), equal_nan=type.dtype in FLOATS):
                    raise GuardFailed(k, expected, found)
            else:
                values[k] = evaluate(row, [values[o] for o in operands], params)
    return [values[id] for id in wanted]


def evaluate(row, values, params):
    """The value of one record."""
    if row.name == "host":
        return params[0](*values)
    return row.evaluate(np, *values, **dict(zip(row.params, params)))
