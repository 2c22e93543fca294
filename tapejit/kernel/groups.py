"""The groups of a schedule: records of a tape that run together.

    Run    scalar instructions one after the other, then the guards that they decide
    Loop   elementwise records over one iteration shape, whose intermediate values are registers, and its closings: what is
           stored, accumulated or reduced into memory when a block of elements is done
    Step   one instruction that is not elementwise (matmul, take, ...) or a call of the host
    Tiles  loops and steps over one long axis, a piece of it at a time

A place is (storage, offset in bytes, strides in bytes). Read next: `fuse.py` (who makes them), `tiling.py`.
"""

import math

from ..tape.types import ITEMSIZE


class Run:
    """Scalar instructions: record ids, and from `Schedule.facts.n` on places in `Schedule.moves`. Guards: (record, where it lies)."""

    __slots__ = ("items", "guards")

    def __init__(self):
        self.items = []
        self.guards = []


class Loop:
    """Records over the squeezed iteration shape, what they read from memory, and closings (kind, source, dtype, (storage, offset, strides)).

    A source is the id of a record of this loop, or -1 - j for read j. `reads` is {(place, dtype): source} in order, `steps` [(record, sources)].
    `inputs` is {(value, type of the record that reads it): source}, `live` how many values the loop keeps at once, `registers` how many it
    was encoded with. `resolve` sets `writes` [(kind, source, dtype, place)], known when all records have their groups.
    """

    __slots__ = ("shape", "steps", "closings", "inputs", "live", "registers", "reads", "writes")

    def __init__(self, shape):
        self.shape = shape
        self.steps = []
        self.closings = []
        self.inputs = {}
        self.reads = {}
        self.live = self.registers = 0

    @property
    def records(self):
        return [k for k, _ in self.steps]

    def read(self, place, dtype):
        """The source that is what lies at a place."""
        return self.reads.setdefault((place, dtype), -1 - len(self.reads))

    def resolve(self, schedule):
        """State what the loop writes."""
        facts, stored = schedule.facts, schedule.stored
        self.writes = [("store", k, facts.dtype[facts.type[k]], schedule.where(k)) for k, _ in self.steps if k in stored] + self.closings


class Step:
    """One instruction: its name ('host': NumPy evaluates the row; 'copy': NumPy copies), its record, the operands as (type, where
    it lies), and the result as the same."""

    __slots__ = ("name", "record", "operands", "result")

    def __init__(self, name, record, operands, result):
        self.name = name
        self.record = record
        self.operands = operands
        self.result = result


class Tiles:
    """Groups that run tile by tile, as one group of the schedule.

    groups, roles   the groups, and for each loop which axis is tiled, for each step its Role
    accesses        for each group, the Access of what it reads, then of what it writes
    n, rows         length of the tiled axis, and of a tile (the last one may be shorter)
    parts           how many parts the tiles are shared out to
    threads         whether they are worth threads
    tiled           storage -> bytes from row to row, for storages that the groups write
    inner           those of them that nothing else touches
    sums            all of them
    local           storage -> offset in the memory of a thread, for tiled storages that nothing else reads (the Layout enters them)
    """

    __slots__ = ("groups", "roles", "accesses", "n", "rows", "parts", "threads", "tiled", "inner", "sums", "local")

    @property
    def count(self):
        return -(-self.n // self.rows)


class Sum:
    """What is summed over the tiled axis: its kind ("sum", or "add" to what is there), dtype, shape without axes that are summed over,
    where it goes, and the storage that holds a sum of `nbytes` per part, `step` bytes apart."""

    __slots__ = ("kind", "dtype", "shape", "place", "storage", "nbytes", "step")

    def __init__(self, kind, dtype, shape, place):
        self.kind, self.dtype, self.shape, self.place = kind, dtype, shape, place
        self.nbytes = math.prod(shape) * ITEMSIZE[dtype]
        self.step = (self.nbytes + 63) // 64 * 64
        self.storage = None
