"""Passes: tape -> tape. The whole pipeline stands in `derive`, in order."""

from __future__ import annotations

import time
from collections import namedtuple

from .differentiate import active_records, forward, reverse
from .simplify import live_records, remove_dead, simplify

Phase = namedtuple("Phase", "name seconds records_in records_out")
Phase.__doc__ = "One pass over a tape: its name, how long it took in seconds, and the number of records before and after."

__all__ = ["Phase", "active_records", "derive", "forward", "live_records", "remove_dead", "reverse", "simplify"]


def derive(tape, differentiate=None):
    """The tape that a request asks for, simplified once, and its log of phases.

    differentiate(builder) -> output ids: appends derivative records to the simplified tape and says what is returned;
    without it the tape's own outputs are returned.
    """
    log = list(tape.log)

    def phase(name, run, before, size):
        start = time.perf_counter()
        result = run()
        log.append(Phase(name, time.perf_counter() - start, before, size(result)))
        return result

    builder = phase("simplify", lambda: simplify(tape), len(tape), lambda b: len(b.tape))
    out = builder.tape
    if differentiate is not None:
        out.outputs = phase("differentiate", lambda: differentiate(builder), len(out), lambda _: len(out))
        out = phase("remove dead", lambda: remove_dead(out), len(out), len)
    out.log = log
    return out
