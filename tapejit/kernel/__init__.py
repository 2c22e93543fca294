"""The kernel room: from a tape to a program that the C kernel executes. `compile_tape` is the map.

    classify  what each record becomes, and in which phase it runs
    fuse      which records run together: runs of scalar instructions, fused loops, single steps (`schedule_records`: kind by kind)
    tiling    which of these run together over a long axis, a piece at a time
    plan      where values lie in memory
    encode    words
    program   what executes them: verified when loaded, then run unchecked
"""

from functools import partial

from .classify import Facts
from .describe import describe, describe_bytes
from .encode import Encoder
from .fuse import Schedule
from .plan import Layout
from .program import GuardMissed, Program
from .tiling import tile

__all__ = ["GuardMissed", "Program", "compile_tape", "describe_bytes"]


def compile_tape(tape, late=(), added=()):
    """The Program of a tape; `program.summary()` says in words what it does.

    late   input positions of seeds. What depends on them, outputs too, is computed in segment 1, the rest in segment 0; what segment 1
           reads of segment 0 stays intact, so that segment 1 may run many times.
    added  output positions (float32 and float64) whose buffers are added to; the others are set.
    """
    schedule, layout = _scheduled(tape, late, added)
    program = Encoder(schedule, layout).program()
    program.summary = partial(_summary, tape, late, added)
    return program


def _scheduled(tape, late, added):
    schedule = Schedule(Facts(tape, late, added))
    tile(schedule)
    return schedule, Layout(schedule)


def _summary(tape, late, added):
    """What the program of a tape does, in words. The schedule is made anew: a program that nobody asks keeps nothing of it."""
    schedule, layout = _scheduled(tape, late, added)
    Encoder(schedule, layout).words_of_groups()
    return describe(schedule, layout)
