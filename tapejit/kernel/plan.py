"""Plan: where storages lie. In: a `Schedule`. Out: a `Layout`: a buffer and a byte offset for each storage, and the bytes of the constants.

The arena is, in order: constants (never written), slots of 8 bytes for scalars, arrays. Scalars are not reused: an instruction
takes twice the bytes of the slot that it writes, so reuse would save little, and without it slots are numbered by one NumPy expression.
Arrays share memory when the groups from the first write to the last read do not overlap; what segment 1 reads of segment 0 is kept,
because segment 1 may run many times. Outputs that no other value shares lie in their own buffers, not in the arena.
Read next: `encode.py`.
"""

import hashlib
from bisect import bisect_left, insort
from heapq import heappop, heappush

import numpy as np

from ..tape.types import DTYPE_OF_NAME, ITEMSIZE
from . import classify
from .groups import Loop, Run, Tiles
from .rows import NATIVE

SMALL_CONSTANT = 256  # bytes up to which a constant is its own key, beyond it a digest of it is


class Layout:
    """Where the storages of a schedule lie.

    buffer[s], base[s]   of each storage: buffer number (0: the arena) and byte offset
    address[v]           byte offset of each value in its buffer, as an array over records
    expected             guard record -> arena offset of the bytes that it compares with
    constants            the first bytes of the arena; arena_bytes: its size
    """

    def __init__(self, schedule):
        self.schedule = schedule
        self.facts = facts = schedule.facts
        n = facts.n + len(schedule.extra)
        self.buffer = [0] * n
        self.base = [0] * n
        self._bytes, self._shared, self.expected = bytearray(), {}, {}
        self.home = self._homes()
        self._place_external()
        self._place_constants()
        top = self._place_slots(len(self.constants))
        self.arena_bytes = self._place_arrays(*self._lifetimes(), (top + 63) // 64 * 64)
        base = np.array(self.base, dtype=np.int64)
        self.address = base[:facts.n].copy()
        if schedule.lies:
            values, storages, offsets = zip(*((v, storage, offset) for v, (storage, offset, _) in schedule.lies.items()))
            self.address[list(values)] = base[list(storages)] + np.array(offsets, dtype=np.int64)

    def locate(self, place):
        """(buffer, byte offset) of a place (storage, offset, ...)."""
        return self.buffer[place[0]], self.base[place[0]] + place[1]

    def _homes(self):
        """The storage in which each record lies, as an array."""
        schedule = self.schedule
        home = np.arange(self.facts.n)
        for v, (storage, _, _) in schedule.lies.items():
            home[v] = storage
        for v, canonical in schedule.alias.items():
            home[v] = home[canonical]
        return home

    # -- external buffers and constants

    def _place_external(self):
        facts, schedule = self.facts, self.schedule
        for position, k in enumerate(facts.tape.inputs):
            t = facts.type[k]
            if facts.size[t] != 1 or facts.dtype[t] not in NATIVE:  # scalars are brought into slots
                self.buffer[k] = position + 1
        for storage, position in schedule.direct.items():
            self.buffer[storage] = len(facts.tape.inputs) + 1 + position
        for storage, (_, what) in enumerate(schedule.extra, facts.n):
            if what and what[0] == "external":
                self.buffer[storage] = what[1]

    def _place_constants(self):
        facts, schedule = self.facts, self.schedule
        params = facts.tape.params_of
        for k in np.flatnonzero(facts.op_column == classify.CONSTANT).tolist():
            if facts.last[k] >= 0:
                self.base[k] = self._constant(params(k)[0].array)
        for storage, (type, what) in enumerate(schedule.extra, facts.n):
            if what and what[0] == "constant":
                self.base[storage] = self._constant(np.array(what[1], dtype=DTYPE_OF_NAME[type.dtype]))
        for group in schedule.groups:
            if isinstance(group, Run):
                for k, _ in group.guards:
                    expected = params(k)[0]
                    dtype = DTYPE_OF_NAME[facts.dtype[facts.type[facts.operands[facts.first[k]]]]]
                    self.expected[k] = self._constant(np.asarray(getattr(expected, "array", expected), dtype=dtype))
        self.constants = bytes(self._bytes)

    def _constant(self, array):
        """The arena offset of the bytes of an array, which equal constants share."""
        data = array.tobytes()
        key = data if len(data) <= SMALL_CONSTANT else hashlib.sha256(data).digest() + b"digest of %d bytes" % len(data)
        offset = self._shared.get(key)
        if offset is None:
            alignment = 8 if array.nbytes <= 64 else 64
            self._bytes.extend(bytes(-len(self._bytes) % alignment))
            offset = self._shared[key] = len(self._bytes)
            self._bytes.extend(data)
            self._bytes.extend(bytes(-len(self._bytes) % 8))
        return offset

    # -- the arena

    def _is_slot(self, type):
        return type.dtype in NATIVE and classify.count(type.shape) == 1

    def _place_slots(self, top):
        """Give each scalar that is its own storage 8 bytes from `top` on; return their end."""
        facts = self.facts
        slot_types = np.array([self._is_slot(t) for t in facts.tape.types], dtype=bool)
        own = slot_types[facts.type_column] & (self.home == np.arange(facts.n)) & (facts.op_column != classify.CONSTANT)
        slots = np.flatnonzero(own)
        for k, offset in zip(slots.tolist(), range(top, top + 8 * len(slots), 8)):
            self.base[k] = offset
        top += 8 * len(slots)
        for storage, (type, what) in enumerate(self.schedule.extra, facts.n):
            if what is None and self._is_slot(type):
                self.base[storage] = top
                top += 8
        return top

    def _lifetimes(self):
        """Two lists over storages: first group that writes it (None: not in need of memory) and last group that touches it."""
        schedule, facts = self.schedule, self.facts
        n = len(self.base)
        born, last = [None] * n, np.full(n, -1, dtype=np.int64)
        if len(facts.user):
            np.maximum.at(last, self.home[facts.operand_column], np.array(schedule.pos, dtype=np.int64)[facts.user])
        last = last.tolist()

        def touch(storage, group, writes=False):
            if group > last[storage]:
                last[storage] = group
            if writes and (born[storage] is None or group < born[storage]):
                born[storage] = group

        for v in schedule.stored:
            touch(v, schedule.pos[v], True)
        for g, group in enumerate(schedule.groups):
            for storage, writes in _touched(schedule, group):
                touch(storage, g, writes)
        if len(schedule.bounds) == 3:
            for storage, first in enumerate(born):
                if first is not None and first < schedule.bounds[1] <= last[storage]:
                    last[storage] = schedule.bounds[2]
        for v in facts.tape.outputs:  # read at the end of its segment, by a final
            storage = int(self.home[v])
            if born[storage] is not None:
                last[storage] = max(last[storage], schedule.bounds[1] if schedule.pos[v] < schedule.bounds[1] else schedule.bounds[-1])
        return born, last

    def _place_arrays(self, born, last, top):
        """Give arena memory from `top` on to the arrays that need it; return its end."""
        facts, schedule = self.facts, self.schedule
        for group in schedule.groups:
            if isinstance(group, Tiles):
                self._place_in_tiles(group, born)
        needed, buffer, type_ = [], self.buffer, facts.type
        is_slot = [self._is_slot(t) for t in facts.tape.types]
        nbytes = [size * ITEMSIZE[dtype] for size, dtype in zip(facts.size, facts.dtype)]
        for storage, first in enumerate(born):
            if first is None or buffer[storage]:
                continue
            if storage < facts.n:
                t = type_[storage]
                if not is_slot[t]:
                    needed.append((first, last[storage], nbytes[t], storage))
            else:
                type = schedule.extra[storage - facts.n][0]
                if not self._is_slot(type):
                    needed.append((first, last[storage], classify.count(type.shape) * ITEMSIZE[type.dtype], storage))
        offsets, top = packed(needed, top)
        for storage, offset in offsets.items():
            self.base[storage] = offset
        return top

    def _place_in_tiles(self, tiles, born):
        """Give tiled storages that live in tiles alone a tile's worth of the memory of a thread instead of the arena."""
        first, final = {}, {}
        for member, group in enumerate(tiles.groups):
            for access in tiles.accesses[member]:
                first.setdefault(access.storage, member)
                final[access.storage] = member
        needed = []
        odd = {access.storage for accesses in tiles.accesses for access in accesses if access.shift % tiles.n}
        for storage, stride in tiles.tiled.items():
            blocks, rest = divmod(self.schedule.nbytes_of(storage), stride * tiles.n)
            if storage in tiles.inner and not self.buffer[storage] and not rest and storage not in odd:
                born[storage] = None
                needed.append((first[storage], final[storage], blocks * tiles.rows * stride, storage))
        tiles.local, _ = packed(needed, 0)


def _touched(schedule, group):
    """(storage, whether it is written) for what a group does by other means than operands and results of its records."""
    if isinstance(group, Loop):
        for _, _, _, place in group.closings:
            yield place[0], True
        for place, _ in group.reads:
            yield place[0], False
    elif isinstance(group, Run):
        n = schedule.facts.n
        for item in group.items:
            if item >= n:
                _, _, target, a, b = schedule.moves[item - n]
                yield target[0], True
                yield a[0], False
                if b:
                    yield b[0], False
        for _, place in group.guards:
            yield place[0], False
    elif isinstance(group, Tiles):
        for member in group.groups:
            yield from _touched(schedule, member)
        for total in group.sums:
            yield total.storage, True
    else:
        yield group.result[1][0], True
        for _, place in group.operands:
            yield place[0], False


def packed(needed, top):
    """({key: offset}, end): memory from `top` on for [(first use, last use, bytes, key)]; what is not used at once shares it."""
    free, sizes = {}, []  # bytes -> offsets of free pieces of this size; the sizes that there are, in order
    busy, offsets = [], {}  # heap of (last use, bytes, offset)
    for first, final, nbytes, key in sorted(needed):
        nbytes = (nbytes + 63) // 64 * 64
        while busy and busy[0][0] < first:
            _, size, offset = heappop(busy)
            if size not in free:
                insort(sizes, size)
            free.setdefault(size, []).append(offset)
        at = bisect_left(sizes, nbytes)
        if at < len(sizes) and sizes[at] <= 2 * nbytes:
            nbytes = sizes[at]
            offset = free[nbytes].pop()
            if not free[nbytes]:
                del free[nbytes], sizes[at]
        else:
            offset, top = top, top + nbytes
        offsets[key] = offset
        heappush(busy, (final, nbytes, offset))
    return offsets, top
