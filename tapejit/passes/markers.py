"""Drop the records that only say how derivatives pass (`ops/custom.py`): the last pass before a tape is compiled."""

from __future__ import annotations

import numpy as np

from ..ops import OPS
from .simplify import remove_dead

MARKERS = frozenset(OPS[name].code for name in ("stop_gradient", "override", "recompute"))
_RECOMPUTE = OPS["recompute"].code


def without_markers(tape, late=()):
    """The tape with each marker's first operand in its place. Where there are `late` inputs, those that put off a computation stay."""
    if MARKERS.isdisjoint(tape.op):
        return tape
    alias = list(range(len(tape)))
    for k, code in enumerate(tape.op):
        if code in MARKERS and not (late and code == _RECOMPUTE and tape.first[k + 1] - tape.first[k] == 2):
            alias[k] = alias[tape.operands[tape.first[k]]]
    out = type(tape)(tape.name)
    for name in out.__slots__:
        setattr(out, name, getattr(tape, name))
    out.operands = type(tape.operands)("i", np.array(alias, np.int32)[np.frombuffer(tape.operands, np.int32)].tobytes())
    out.outputs = [alias[id] for id in tape.outputs]
    return remove_dead(out)
