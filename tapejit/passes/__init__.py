"""Passes: tape -> tape. The whole pipeline stands in `derive`, in order."""

from __future__ import annotations

import time
from collections import namedtuple

from ..tape.verify import verify_tape
from .columns import may_have_columns, split_columns
from .differentiate import active_records, forward, reverse
from .markers import without_markers
from .simplify import live_records, remove_dead, simplify, without_guards

VERIFY_EACH_PASS = False  # the tests set it: every tape that a pass makes is held against the tape's rules

Phase = namedtuple("Phase", "name seconds records_in records_out")
Phase.__doc__ = "One pass over a tape: its name, how long it took in seconds, and the number of records before and after."

__all__ = ["Phase", "active_records", "derive", "forward", "live_records", "remove_dead", "reverse", "simplify", "split_columns", "without_guards", "without_markers"]


def derive(tape, differentiate=None):
    """The tape that a request asks for, simplified once, and its log of phases.

    differentiate(builder) -> output ids: appends derivative records to the simplified tape and says what is returned;
    without it the tape's own outputs are returned.
    """
    log = list(tape.log)

    def phase(name, run, tape):
        before, start = len(tape), time.perf_counter()
        made = run()
        log.append(Phase(name, time.perf_counter() - start, before, len(made)))
        if VERIFY_EACH_PASS:
            verify_tape(made)
        return made

    def appended():
        builder.tape.outputs = differentiate(builder)
        return builder.tape

    def simplified():
        nonlocal builder
        builder = simplify(tape)
        return builder.tape

    def split():
        nonlocal builder
        builder = split_columns(builder)
        return builder.tape

    builder = None
    simple = phase("simplify", simplified, tape)
    out = phase("split columns", split, simple) if may_have_columns(simple) else simple
    if differentiate is not None:
        phase("differentiate", appended, out)
    if out is not simple or differentiate is not None:
        out = phase("remove dead", lambda: remove_dead(out), out)
    out.log = log
    return out
