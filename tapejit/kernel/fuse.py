"""Fuse: which records of a tape run together, and in which order. In: `Facts` of a tape. Out: a `Schedule`, a list of
groups (`groups.py`): runs of scalar instructions, loops, steps.

One walk over the records assigns each to the latest group of its shape when everything it reads is there by then, else to a new one.
A record's place `pos` is the number of its group. Views are no instructions: they are where a value lies (`lies[v]`: storage,
offset, strides). A storage is named by the record that created it; an update in place goes on in its operand's storage. That needs
the operand to be dead and all its readers to come earlier, which is decided here, so that later stages need no hazards in mind.
Read next: `schedule_records.py` (each kind of record but the elementwise ones), `views.py` (strides), `tiling.py`, `plan.py` (where storages lie).
"""

import numpy as np

from ..ops import OPS
from ..tape.types import ITEMSIZE
from . import classify
from .classify import VIEW
from .groups import Loop, Run, Step
from .parts import gathered_parts
from .rows import NATIVE
from .schedule_records import HANDLERS, NUMPY_MATMUL, products
from .views import stretched

_INDEX_ADD, _BROADCAST, _TAKE, _MATMUL, _TRANSPOSE = (OPS[name].code for name in ("index_add", "broadcast", "take", "matmul", "transpose"))
LIVE_LIMIT = 64  # values that a loop keeps at once: its block registers stay in the second-level cache, and a cut stores all that live on
FEW_WORDS = 16  # elements of an output that are stored one by one
RECORDS_LIMIT = 200  # records and closings of a loop


class Schedule:
    """The groups of a tape in the order in which they run, and what each value is: a register, a slot, a storage or a view.

    lies[v]      (storage, offset, squeezed strides) where it is not storage v from its start
    register[v]  the loop in which v is a register, or -1; `alias[v]`: the record whose register it is, when not its own
    stored       values of loops that must go to memory too
    extra        storages that no record names, from number `facts.n` on: (type, None | ("constant", value) | ("external", buffer))
    moves        scalar instructions that are no elementwise record: (name, dtype, target, a, b), with places (storage, offset)
    packed       value -> (place, group) of its copy in C order
    direct       storage -> position of the output whose buffer it is
    finals       per segment: (output position, value) of scalar outputs, stored at the end
    parts        {index_add record into zeros: whether the zeros are needed} for the records that may store (`parts.py`)
    added_after  index_add record that adds -> the group behind which it and those before it, without a pause, may add
    filled       storage whose zeros are needed -> the group that makes them
    turned       {matmul record: the order of its axes in memory, where it is read through this transposition alone}
    received     {index_add record: storage of the output that it is added to in place of a sum of its own}
    bounds       number of the first group of each segment, and the number of groups
    starts       per segment, number of the first group behind its guards
    risky        the last group so far that can fail as it runs (indices out of range, a host call)
    """

    def __init__(self, facts):
        self.facts = facts
        self.pos = [-1] * facts.n
        self.register = [-1] * facts.n
        self.groups = []
        self.lies, self.alias, self.stored = {}, {}, set()
        self.moves, self.extra, self.direct, self.packed = [], [], {}, {}
        self.born = {}  # storage -> first group that writes it; without an entry: the group of its record
        self.reads = {}  # storage -> (last group that reads it, the one (offset, strides) with which that group does, or None)
        self.scattered = set()  # storages whose elements are operands of scalar instructions
        self.latest = {}  # shape -> number of the loop that may be joined
        self.bounds, self.finals, self.risky, self.checked, self.starts = [0], [], -1, set(), []
        self._look_ahead()
        self._find_received()
        self.turned = self._find_turned()
        self.parts, self.filled, self.added_after = gathered_parts(facts, self._is_zero_constant), {}, {}
        for segment in range(1 if facts.late is None else 2):
            self._enter(segment)
            self._walk(facts.phases[2 * segment])
            self.starts.append(len(self.groups))
            self._walk(facts.phases[2 * segment + 1])
            self._leave(segment)
            self.bounds.append(len(self.groups))
        for group in self.groups:
            if isinstance(group, Loop):
                group.resolve(self)

    # -- the walk

    def _look_ahead(self):
        """Find the views that outlive an update of what they show (`copied`), and let `last` of a value count its views' readers."""
        facts = self.facts
        kind, rank, last, late = facts.kind, facts.rank, facts.last, facts.used_late
        self.root, self.copied = root, copied = {}, set()
        updated = {}  # root -> rank of its last update
        chain = facts.views_and_updates()
        for k in chain:
            if kind[k] == VIEW:
                source = facts.operands[facts.first[k]]
                root[k] = root.get(source, source)
        for k in reversed(chain):
            source = facts.operands[facts.first[k]]
            if kind[k] != VIEW:
                updated.setdefault(root.get(source, source), rank[k])
            elif last[k] > updated.get(root[k], facts.never):
                copied.add(k)
            else:
                last[source] = max(last[source], last[k])
                if late is not None and late[k]:
                    late[source] = True
        for k in chain:  # a copy is the root of its own views
            if k in root:
                source = facts.operands[facts.first[k]]
                root[k] = k if k in copied else root.get(source, source)

    def _find_received(self):
        """Find outputs that are added to and are parts added into zeros: then the parts are added to the output's buffer, without the zeros.

        Not where a record can fail as it runs: by then the user's buffer would have been written.
        """
        facts, self.received = self.facts, {}
        if not facts.added or classify.HOSTED in facts.kind or classify.TAKE_UPDATE in facts.kind or _TAKE in facts.op:
            return
        if any(op == _MATMUL and products(self, k) > NUMPY_MATMUL for k, op in enumerate(facts.op)):  # it may be left to NumPy
            return
        uses = facts.uses()
        for position in facts.added:
            k, chain = facts.tape.outputs[position], []
            while facts.kind[k] == classify.UPDATE and facts.op[k] == _INDEX_ADD and uses[k] == 1:
                x, v = facts.operands_of(k)
                if facts.size[facts.type[v]] == 1 or (facts.late is not None and not facts.late[k]):
                    break
                chain.append(k)
                k = x
            if chain and facts.op[k] == _BROADCAST and self._is_zero_constant(facts.operands[facts.first[k]]):
                type = facts.tape.types[facts.type[chain[0]]]
                buffer = self.new_storage(type, ("external", len(facts.tape.inputs) + 1 + position))
                self.received.update(dict.fromkeys(chain, buffer))

    def _find_turned(self):
        """Find products that are only read transposed: then they are laid out so that what reads them goes through memory in order."""
        facts, found = self.facts, {}
        products = np.flatnonzero(facts.op_column == _MATMUL)
        if len(products):
            uses = np.flatnonzero(np.isin(facts.operand_column, products))
            for k, user in zip(facts.operand_column[uses].tolist(), facts.user[uses].tolist()):
                axes = facts.tape.params_of(user)[0] if facts.op[user] == _TRANSPOSE else None
                found[k] = axes if found.get(k, axes) == axes else None
            for k in facts.tape.outputs:
                found[k] = None
        return {k: axes for k, axes in found.items() if axes}

    def _is_zero_constant(self, k):
        facts = self.facts
        return facts.op[k] == classify.CONSTANT and facts.size[facts.type[k]] == 1 and not facts.tape.params_of(k)[0].array.any()

    def _enter(self, segment):
        """Open a segment with a run that brings scalar inputs into slots."""
        facts = self.facts
        self.new_run()
        self.entry = self.run
        for position, k in enumerate(facts.tape.inputs):
            t = facts.type[k]
            if facts.size[t] == 1 and facts.dtype[t] in NATIVE and segment == (facts.late[k] if facts.late else 0) and facts.last[k] >= 0:
                external = self.new_storage(facts.tape.types[t], ("external", position + 1))
                self.move("load", facts.dtype[t], (k, 0), (external, 0))
                self.pos[k] = self.run

    def _walk(self, records):
        """Assign the records of a phase to groups. Loops of earlier phases are not joined: what they write may be an output,
        and outputs are written when all guards have passed."""
        facts, pos = self.facts, self.pos
        kind, first, operands, scalar, elementwise = facts.kind, facts.first, facts.operands, classify.SCALAR, classify.ELEMENTWISE
        self.floor = len(self.groups)
        self.latest.clear()
        run, append = self.run, self.items.append
        for k in records:
            if kind[k] == scalar:
                for o in operands[first[k]:first[k + 1]]:
                    if pos[o] > run:
                        run = self.new_run()
                        append = self.items.append
                pos[k] = run
                append(k)
            elif kind[k] == elementwise:
                self.elementwise(k)
            elif kind[k]:
                HANDLERS[kind[k]](self, k)
                if self.run != run:
                    run, append = self.run, self.items.append

    def _leave(self, segment):
        """Bring the outputs of a segment into their buffers: not before the guards have passed and what can fail has not."""
        facts, finals = self.facts, []
        self.floor = max(self.floor, self.risky + 1)
        self.finals.append(finals)
        for position, v in enumerate(facts.tape.outputs):
            type = facts.tape.types[facts.type[v]]
            size = facts.size[facts.type[v]]
            if size == 0 or segment != (facts.late[v] if facts.late else 0):
                continue
            buffer_number = len(facts.tape.inputs) + 1 + position
            if position in facts.added and v in self.received:
                continue
            if position in facts.added:
                buffer = self.new_storage(type, ("external", buffer_number))
                self.close("add", v, (buffer, 0, facts.strides[facts.type[v]]), self.floor - 1)
            elif size == 1 and type.dtype in NATIVE:
                finals.append((position, v))
            elif self._is_output_itself(v, segment):
                self.direct[self.where(v)[0]] = position
            elif self._is_few_words(v):
                buffer, (storage, offset, _) = self.new_storage(type, ("external", buffer_number)), self.where(v)
                run = self.run_after(self.pos[v], self.floor - 1)
                for at in range(0, 8 * size, 8):
                    self.move("store", type.dtype, (buffer, at), (storage, offset + at), run=run)
            else:
                buffer = self.new_storage(type, ("external", buffer_number))
                self.copy(v, (buffer, 0, facts.strides[facts.type[v]]), self.floor - 1)

    def _is_output_itself(self, v, segment):
        """True when the storage of v can lie in an output's buffer."""
        facts = self.facts
        storage = self.where(v)[0]
        return (storage < facts.n and facts.kind[storage] != classify.SKIP and self.is_whole(v) and storage not in self.direct
                and storage not in self.scattered and min(self.pos[storage], self.born.get(storage, self.pos[storage])) >= self.floor
                and not (segment == 0 and facts.used_late is not None and facts.used_late[self.root.get(v, v)]))

    def _is_few_words(self, v):
        """True when v is made element by element and so small that a loop would take longer than a store for each."""
        facts, (storage, _, strides) = self.facts, self.where(v)
        t = facts.type[v]
        return (storage in self.scattered and storage < facts.n and facts.size[t] <= FEW_WORDS and ITEMSIZE[facts.dtype[t]] == 8
                and strides == facts.strides[t])

    # -- where values are

    def where(self, v):
        """(storage, offset, squeezed strides) of v in memory; a register that is asked for will be stored."""
        place = self.lies.get(v)
        if place is None:
            v = self.alias.get(v, v)
            if self.register[v] >= 0:
                self.stored.add(v)
            place = self.lies[v] = (v, 0, self.facts.strides[self.facts.type[v]])
        return place

    def storage_of(self, v):
        """The storage of v, whether or not it is written."""
        return self.lies[v][0] if v in self.lies else self.alias.get(v, v)

    def is_whole(self, v):
        """True when v is all of its storage, in C order."""
        facts = self.facts
        storage, offset, strides = self.where(v)
        t = facts.type[v]
        return offset == 0 and strides == facts.strides[t] and storage < facts.n and facts.size[facts.type[storage]] == facts.size[t]

    def size_of(self, storage):
        """The number of elements of a storage."""
        facts = self.facts
        return facts.size[facts.type[storage]] if storage < facts.n else classify.count(self.extra[storage - facts.n][0].shape)

    def nbytes_of(self, storage):
        """The number of bytes of a storage."""
        facts = self.facts
        type = facts.tape.type_of(storage) if storage < facts.n else self.extra[storage - facts.n][0]
        return classify.count(type.shape) * ITEMSIZE[type.dtype]

    def new_storage(self, type, what=None):
        """The number of a storage that no record names."""
        self.extra.append((type, what))
        return self.facts.n + len(self.extra) - 1

    def contiguous(self, v):
        """(place, group that makes it): where v lies in C order, or where a copy of it does."""
        facts = self.facts
        t = facts.type[v]
        place = self.where(v)
        if place[2] == facts.strides[t]:
            return place, self.pos[v]
        packed = self.packed.get(v)
        if packed is None:
            place = (self.new_storage(facts.tape.types[t]), 0, facts.strides[t])
            packed = self.packed[v] = (place, self.copy(v, place))
        return packed

    def read(self, storage, group, how=None):
        """Note that a group reads a storage; `how` is (offset, strides) when a loop computes with the elements it finds there."""
        before = self.reads.get(storage)
        if before is None or before[0] < group:
            self.reads[storage] = (group, how)
        elif before[0] == group and before[1] != how:
            self.reads[storage] = (group, None)

    # -- groups

    def new_run(self):
        self.run = len(self.groups)
        run = Run()
        self.groups.append(run)
        self.items = run.items
        return self.run

    def run_after(self, need, after=-1):
        """The number of the latest run when it is not before group `need`, and behind `after`; else that of a new one."""
        return self.run if self.run >= need and self.run > after else self.new_run()

    def move(self, name, dtype, target, a, b=None, run=None):
        """Append a scalar instruction to a run, the latest one unless said: target and operands are (storage, offset)."""
        items = self.items if run is None else self.groups[run].items
        items.append(self.facts.n + len(self.moves))
        self.moves.append((name, dtype, target, a, b))

    def loop_for(self, shape, operands, after=-1):
        """The number of the loop over `shape` that can compute with the operands, behind the group `after`."""
        g = self.latest.get(shape, -1)
        if g > after:
            loop = self.groups[g]
            if loop.live < LIVE_LIMIT and len(loop.steps) + len(loop.closings) < RECORDS_LIMIT:
                pos, register = self.pos, self.register
                for o in operands:
                    if pos[o] >= g and register[o] != g:
                        break
                else:
                    return g
        g = self.latest[shape] = len(self.groups)
        self.groups.append(Loop(shape))
        return g

    def elementwise(self, k):
        """Put an elementwise record into a loop."""
        facts, register, alias = self.facts, self.register, self.alias
        first, t, last, rank = facts.first, facts.type[k], facts.last, facts.rank[k]
        operands = facts.operands[first[k]:first[k + 1]]
        g = self.loop_for(facts.squeezed[t], operands)
        loop = self.groups[g]
        sources, inputs = [], loop.inputs
        for o in operands:
            if register[o] == g:
                source = alias.get(o, o) if alias else o
                if last[source] == rank and source not in sources:
                    loop.live -= 1
            else:
                source = inputs.get((o, t))
                if source is None:
                    source = inputs[o, t] = self.input(loop, g, o, k)
            sources.append(source)
        loop.live += 1
        loop.steps.append((k, sources))
        self.pos[k] = register[k] = g

    def input(self, loop, g, o, k):
        """The source of operand o of record k in a loop, group g, that does not compute o."""
        facts = self.facts
        storage, offset, strides = self.where(o)
        strides = self.over(o, strides, k)
        self.read(storage, g, (offset, strides))
        before = len(loop.reads)
        source = loop.read((storage, offset, strides), facts.dtype[facts.type[o]])
        loop.live += len(loop.reads) - before  # gathered when a block starts, and so live from then on
        return source

    def over(self, o, strides, k):
        """The squeezed strides of o in the iteration of the elementwise record k."""
        facts = self.facts
        return stretched(facts.shape[facts.type[o]], strides, facts.shape[facts.type[k]])

    def close(self, kind, v, place, after=-1):
        """Let a loop over the shape of v bring v to `place` (storage, offset, strides) as an output of this kind; return its number."""
        t = self.facts.type[v]
        g = self.loop_for(self.facts.squeezed[t], (v,), after)
        source = self.alias.get(v, v) if self.register[v] == g else self.where(v)
        return self._closed(g, kind, source, self.facts.dtype[t], place)

    def close_place(self, kind, source, shape, dtype, place):
        """Let a loop over `shape` bring the elements at a place to another as an output of this kind; return its number."""
        return self._closed(self.loop_for(shape, ()), kind, source, dtype, place)

    def _closed(self, g, kind, source, dtype, place):
        """Give loop g an output from one of its registers, or from the place `source`; return g."""
        loop = self.groups[g]
        if isinstance(source, tuple):
            self.read(source[0], g)
            source = loop.read(source, dtype)
        loop.closings.append((kind, source, dtype, place))
        loop.live += 1
        self.born.setdefault(place[0], g)
        return g

    def copy(self, v, place, after=-1):
        """Copy v to a place of its shape, behind the group `after`; return the number of the group that does."""
        facts = self.facts
        t = facts.type[v]
        if facts.dtype[t] in NATIVE:
            if facts.size[t] > 1:
                return self.close("store", v, place, after)
            run = self.run_after(self.pos[v])
            self.move("load", facts.dtype[t], place[:2], self.where(v)[:2])
            return run
        return self.step("copy", v, [(facts.tape.types[t], self.where(v))], (facts.tape.types[t], place))

    def step(self, name, record, operands, result):
        """Append a Step: operands and result are (type, place). Return its number."""
        g = len(self.groups)
        if name == "host":
            self.risky = g
        self.groups.append(Step(name, record, operands, result))
        for _, place in operands:
            self.read(place[0], g)
        self.born.setdefault(result[1][0], g)
        return g
