"""Tile: groups over one long leading axis that run together, a piece of that axis at a time. In: a Schedule. Out: `Tiles` among its groups.

What lies between such groups then stays in the cache, is as large as a piece, and the pieces are shared out to threads. A value fits when
each of its rows is made and read by the same piece: then it is *tiled*. The axis need not be the first: a value that the pieces write
across (it has axes outside of the tiled one) must live in the pieces alone, where it is laid out anew. Values that every piece reads are
not written meanwhile. What is summed over the axis is summed part by part, in memory of its own per part, and at last over the parts: a
fixed order, whoever computes.

Groups in between that do not depend on the others run before them, the rest after; storages say who depends on whom.
Read next: `plan.py` (where tiled values lie), `encode.py`, the TILES instruction in csrc/program.h.
"""

import math

from ..ops import ROWS
from ..ops.table import Type
from ..tape.types import ITEMSIZE
from . import classify
from .groups import Loop, Run, Step, Sum, Tiles
from .views import unsqueeze

PARTS = 16  # how many parts the tiles are shared out to: a fixed number, so that sums have a fixed order
MULTIPLE = 16  # of which the rows of a tile are one
TILE_BYTES = 768 << 10  # of all rows of a tile together: they stay in the second-level cache
SUM_BYTES = 1 << 20  # of all sums of all parts together, at most, or a 24th of the values between groups: they are cleared and added up
FOOTPRINT = 512 << 10  # bytes of the values between groups from which tiles are worth it
THREADS_NS = 100_000  # estimated nanoseconds of the groups from which threads are worth it
LEAST_LENGTH, LEAST_WORK = 64, 1 << 14  # of an axis, and of the loops over it in elements times records: below, nothing is tried
MOST_LENGTHS = 3  # that are tried
MOST_SCANNED, MOST_FAILURES = 256, 24  # groups that are looked at for one set of tiles; sets that came to nothing, for one length
FACTOR_BYTES = 64 << 10  # of the factor that every tile reads of a matrix product: larger products are left whole, to BLAS

_COSTLY = frozenset("sin cos tan exp expm1 exp2 log log1p log2 log10 power sinh cosh tanh arcsin arccos arctan arcsinh arccosh arctanh arctan2 "
                    "erf erfc gammaln digamma logaddexp hypot cbrt".split())


class Access:
    """How a group touches a storage: `stride` bytes from row to row of the tiled axis (0: the same in each tile), `shift` rows from the
    start, `across`: also along axes outside of the tiled one; `writes` it, or `sums` into it."""

    __slots__ = ("storage", "stride", "shift", "across", "writes", "sums")

    def __init__(self, storage, stride, shift, across=False, writes=False, sums=None):
        self.storage, self.stride, self.shift, self.across, self.writes, self.sums = storage, stride, shift, across, writes, sums


class Unfit(Exception):
    """A group does not fit."""


def tile(schedule):
    """Put `Tiles` among the groups of a schedule where they are worth it."""
    groups, bounds, place = schedule.groups, schedule.bounds, list(range(len(schedule.groups)))
    new, new_bounds, found = [], [0], False
    for segment, start in enumerate(schedule.starts):
        first, end = bounds[segment], bounds[segment + 1]
        start = max(first, min(start, end))
        for g in range(first, start):
            place[g] = len(new)
            new.append(groups[g])
        for item in _arranged(schedule, list(range(start, end))):
            tiles, members = item if type(item) is tuple else (None, (item,))
            for g in members:
                place[g] = len(new)
            found = found or tiles is not None
            new.append(groups[item] if tiles is None else tiles)
        new_bounds.append(len(new))
    if found:
        schedule.groups, schedule.bounds = new, new_bounds
        schedule.pos = [place[g] if g >= 0 else g for g in schedule.pos]


def _arranged(schedule, order):
    """The groups `order` (numbers) in the order in which they run, with (Tiles, numbers) in place of those that run in tiles."""
    lengths = _lengths(schedule, order)
    touches = _Touches(schedule) if lengths else None
    for n in lengths:
        todo, order, failures = order, [], 0
        while todo and failures < MOST_FAILURES:
            before, members, after = _grown(schedule, todo, n, touches)
            tiles = _made(schedule, members, n, touches.users) if members else None
            if tiles is not None:
                order += [*before, (tiles, [g for g, _, _ in members])]
            else:
                left = set(map(id, after))
                order += [g for g in todo if id(g) not in left]
                failures += 1
            todo = after
        order += todo
    return order


def _lengths(schedule, order):
    """The lengths of axes that are worth a try, those with the most work first."""
    work = {}
    for g in order:
        group = schedule.groups[g]
        if isinstance(group, Loop):
            for n in set(group.shape):
                if n >= LEAST_LENGTH:
                    work[n] = work.get(n, 0) + classify.count(group.shape) * (len(group.steps) + len(group.reads))
    return sorted((n for n, amount in work.items() if amount >= LEAST_WORK), key=lambda n: -work[n])[:MOST_LENGTHS]


class _Touches:
    """Who touches what: of each group (what it reads, what it writes); `users[storage]`: its groups, and None if it outlives them."""

    def __init__(self, schedule):
        self.of_group, self.users = [touched(schedule, group) for group in schedule.groups], {}
        for g, (reads, writes) in enumerate(self.of_group):
            for storage in reads | writes:
                self.users.setdefault(storage, set()).add(g)
        for v in schedule.facts.tape.outputs:
            self.users.setdefault(schedule.storage_of(v), set()).add(None)
        for storage, (_, what) in enumerate(schedule.extra, schedule.facts.n):
            if what:
                self.users.setdefault(storage, set()).add(None)

    def by(self, g):
        """(storages read, storages written) by a group, or by the groups of tiles."""
        if type(g) is not tuple:
            return self.of_group[g]
        return tuple(set().union(*parts) for parts in zip(*[self.of_group[member] for member in g[1]]))


# --- which groups fit together ---------------------------------------------------------------------------------------


def _grown(schedule, order, n, touches):
    """(groups to run before, [(group, role, accesses)] that run in tiles, groups to run after)."""
    refused = set()
    while True:
        before, members, after, across = _grown_without(schedule, order, n, refused, touches)
        inside = {g for g, _, _ in members}
        seen = {storage for storage in across if not touches.users[storage] <= inside}
        if not seen:
            return before, members, after
        refused |= seen


def _grown_without(schedule, order, n, refused, touches):
    """What `_grown` answers, and the storages that members write across; none of those in `refused` is among them."""
    before, members, after = [], [], []
    state = _State(n, refused)
    read, written = set(), set()  # by the members
    late_read, late_written = set(), set()  # by the groups that come after
    for place, g in enumerate(order):
        if place >= MOST_SCANNED:
            return before, members, after + order[place:], state.across & state.written
        done = type(g) is tuple  # in tiles of another length
        reads, writes = touches.by(g)
        waits = writes & late_read or writes & late_written or reads & late_written
        fit = None if waits or done else _fit(schedule, g, n, state)
        if fit is not None:
            members.append((g, *fit))
            read |= reads
            written |= writes
        elif not waits and not (reads & written or writes & written or writes & read):
            before.append(g)
        else:
            after.append(g)
            late_read |= reads
            late_written |= writes
            if not done and _can_fail(schedule, schedule.groups[g]):  # what comes later may write outputs: not before this has passed
                return before, members, after + order[place + 1:], state.across & state.written
    return before, members, after, state.across & state.written


def _can_fail(schedule, group):
    if isinstance(group, Run):
        return bool(group.guards)
    return isinstance(group, Step) and (group.name in ("host", "copy") or (group.name in ("take", "take_set", "take_add")
                                                                           and not _constant_indices(schedule, group)))


def _constant_indices(schedule, step):
    facts = schedule.facts
    operand = 1 if step.name == "take" else 0
    storage = step.operands[operand][1][0]
    return storage < facts.n and facts.op[storage] == classify.CONSTANT


def touched(schedule, group):
    """(storages that a group reads, storages that it writes)."""
    if isinstance(group, Loop):
        return ({place[0] for place, _ in group.reads} | {place[0] for kind, _, _, place in group.writes if kind == "add"},
                {place[0] for _, _, _, place in group.writes})
    if isinstance(group, Step):
        writes = {group.result[1][0]}
        return {place[0] for _, place in group.operands} | (writes if group.name in ("take_set", "take_add") else set()), writes
    facts, reads, writes = schedule.facts, set(), set()
    for item in group.items:
        if item < facts.n:
            reads.update(map(schedule.storage_of, facts.operands_of(item)))
            writes.add(schedule.storage_of(item))
        else:
            _, _, target, a, b = schedule.moves[item - facts.n]
            writes.add(target[0])
            reads.update(place[0] for place in (a, b) if place)
    return reads | {place[0] for _, place in group.guards}, writes


class _State:
    """What the members do to storages so far."""

    def __init__(self, n, refused=()):
        self.n, self.refused = n, refused
        self.rows = {}  # storage -> set of (stride, shift)
        self.whole, self.written, self.summed, self.across = set(), set(), set(), set()

    def join(self, accesses):
        """Enter a group's accesses; Unfit, and nothing entered, where they do not go together."""
        trial = _State(self.n, self.refused)
        trial.rows = {a.storage: set(self.rows.get(a.storage, ())) for a in accesses}
        trial.whole, trial.written, trial.summed, trial.across = set(self.whole), set(self.written), set(self.summed), set(self.across)
        for a in accesses:
            s = a.storage
            if a.sums:
                if trial.rows[s] or s in trial.whole or s in trial.summed:
                    raise Unfit
                trial.summed.add(s)
            elif s in trial.summed:
                raise Unfit
            elif not a.stride:
                if s in trial.written:
                    raise Unfit
                trial.whole.add(s)
            else:
                trial.rows[s].add((a.stride, a.shift))
                if a.writes:
                    trial.written.add(s)
                if a.across:
                    trial.across.add(s)
                if s in trial.written and (s in trial.whole or not self._together(s, trial)):
                    raise Unfit
        self.rows.update(trial.rows)
        self.whole, self.written, self.summed, self.across = trial.whole, trial.written, trial.summed, trial.across

    def _together(self, s, trial):
        """Whether the rows of a storage that is written go together."""
        if s in trial.across:  # laid out anew, in tiles alone
            return s not in self.refused and len({stride for stride, _ in trial.rows[s]}) == 1 and all(k % self.n == 0 for _, k in trial.rows[s])
        return _apart(trial.rows[s], self.n)


def _apart(rows, n):
    """Whether `n` rows from each (stride, shift) on have no bytes in common with each other."""
    strides, shifts = {stride for stride, _ in rows}, sorted(shift for _, shift in rows)
    return len(strides) == 1 and all(b - a >= n for a, b in zip(shifts, shifts[1:]))


def _fit(schedule, g, n, state):
    """(role, accesses) with which a group joins the members, or None."""
    group = schedule.groups[g]
    if isinstance(group, Loop):
        roles = [axis for axis, length in enumerate(group.shape) if length == n]
    elif isinstance(group, Step) and group.name in ROLES:
        roles = ROLES[group.name](schedule, group, n)
    else:
        return None
    for role in roles:
        try:
            given = _loop_accesses(group, role) if isinstance(group, Loop) else role.accesses
            accesses = [_access(schedule, n, *one) for one in given]
            state.join(accesses)
        except Unfit:
            continue
        return role, accesses
    return None


def _access(schedule, n, place, shape, strides, stride, dtype, writes=False, sums=None):
    """The Access at a place whose other axes have this shape and strides; Unfit where a row of the tiled axis is not apart from the next."""
    storage, offset = place[:2]
    if sums or not stride:
        return Access(storage, 0, 0, False, writes, sums)
    if stride < 0:
        raise Unfit
    total, block = schedule.nbytes_of(storage), n * stride
    across = [s for s in strides if abs(s) >= block]
    if across and (total % block or any(s % block for s in across)):
        raise Unfit
    low = offset + sum(min(0, s) * (k - 1) for k, s in zip(shape, strides) if abs(s) < block)
    high = offset + sum(max(0, s) * (k - 1) for k, s in zip(shape, strides) if abs(s) < block) + ITEMSIZE[dtype]
    shift = low // stride
    if low < 0 or high > (shift + 1) * stride or (across and shift % n) or (shift + n) * stride > total:
        raise Unfit
    return Access(storage, stride, shift, bool(across), writes)


def _loop_accesses(loop, axis):
    """What `_access` takes for each read and each write of a loop whose axis `axis` is tiled."""
    def apart(values):
        return values[:axis] + values[axis + 1:]

    shape = apart(loop.shape)
    out = [(place, shape, apart(place[2]), place[2][axis], dtype) for place, dtype in loop.reads]
    for kind, _, dtype, place in loop.writes:
        stride, sums = place[2][axis], None
        if not stride and kind not in ("sum", "add"):
            raise Unfit
        if not stride:
            kept = [(k, s) for k, s in zip(shape, apart(place[2])) if s]
            sums = Sum(kind, dtype, tuple(k for k, _ in kept), (*place[:2], tuple(s for _, s in kept)))
        out.append((place, shape, apart(place[2]), stride, dtype, True, sums))
    return out


class Role:
    """Which axis of a step is tiled: its name, and what `_access` takes for each operand and the result."""

    __slots__ = ("name", "accesses")

    def __init__(self, name, accesses):
        self.name, self.accesses = name, accesses


def _matmul_roles(schedule, step, n):
    """The axes of a product that may be tiled: "m", "n", "k", or the number of a batch axis."""
    (a, a_at), (b, b_at) = step.operands
    result, at = step.result
    dtype, batch = a.dtype, len(result.shape) - 2
    if dtype not in ("f32", "f64"):
        return []
    strides = [unsqueeze(t.shape, place[2]) for t, place in ((a, a_at), (b, b_at), (result, at))]
    shapes = [a.shape, b.shape, result.shape]
    axes = {"m": (batch, None, batch), "n": (None, batch + 1, batch + 1), "k": (batch + 1, batch, None)}
    axes |= {axis: (axis,) * 3 for axis in range(batch)}
    roles = []
    for name, (in_a, in_b, in_out) in axes.items():
        extent = shapes[0][in_a] if in_a is not None else shapes[1][in_b]
        if extent != n:
            continue
        given = []
        for place, shape, steps, axis in zip((a_at, b_at, at), shapes, strides, (in_a, in_b, in_out)):
            others = [k for k in range(batch + 2) if k != axis]
            given.append([place, [shape[k] for k in others], [steps[k] for k in others], 0 if axis is None else steps[axis], dtype])
        if any(axis is None and math.prod(shape[-2:]) * ITEMSIZE[dtype] > FACTOR_BYTES for shape, axis in zip(shapes, (in_a, in_b, in_out))):
            continue
        if in_out is None:
            kept = [(k, s) for k, s in zip(result.shape, strides[2]) if k != 1]
            given[2] += [True, Sum("sum", dtype, tuple(k for k, _ in kept), (*at[:2], tuple(s for _, s in kept)))]
        elif not given[2][3]:
            continue
        else:
            given[2] += [True]
        roles.append(Role(name, given))
    return roles


def _take_roles(schedule, step, n):
    """take with its indices or what is around them tiled, take_set and take_add with what is around them."""
    if not _constant_indices(schedule, step):
        return []
    axis = schedule.facts.tape.params_of(step.record)[0]
    result, at = step.result
    if step.name == "take":
        (large, large_at), (indices, indices_at) = step.operands
        small, small_at = result, at
    else:
        (indices, indices_at), (small, small_at) = step.operands
        large, large_at = result, at
    around, count = classify.count(large.shape[:axis]), classify.count(indices.shape)
    inner, size = classify.count(large.shape[axis + 1:]), ITEMSIZE[large.dtype]
    writes = step.name != "take"
    roles = []
    if around == n and n > 1:
        roles.append(Role("outer", [
            (large_at, [large.shape[axis] * inner], [size], large.shape[axis] * inner * size, large.dtype, writes),
            (indices_at, [count], [8], 0, "i64"), (small_at, [count * inner], [size], count * inner * size, large.dtype, not writes)]))
    if around == 1 and count == n and not writes:
        roles.append(Role("count", [
            (large_at, [large.shape[axis] * inner], [size], 0, large.dtype), (indices_at, [], [], 8, "i64"),
            (small_at, [inner], [size], inner * size, large.dtype, True)]))
    return roles


def _scan_roles(schedule, step, n):
    """cumsum and its like along another axis than the tiled one."""
    (type, place), = step.operands
    axis = schedule.facts.tape.params_of(step.record)[0]
    if classify.count(type.shape[:axis]) != n:
        return []
    row, (result, at) = classify.count(type.shape[axis:]), step.result
    result_row = classify.count(result.shape) // n
    return [Role("outer", [(place, [row], [ITEMSIZE[type.dtype]], row * ITEMSIZE[type.dtype], type.dtype),
                           (at, [result_row], [ITEMSIZE[result.dtype]], result_row * ITEMSIZE[result.dtype], result.dtype, True)])]


ROLES = {"matmul": _matmul_roles, "take": _take_roles, "take_set": _take_roles, "take_add": _take_roles, "cumsum": _scan_roles,
         "cumprod": _scan_roles, "argmax": _scan_roles, "argmin": _scan_roles}

# --- whether it is worth it, and how ----------------------------------------------------------------------------------


def cost(schedule, group):
    """About how many nanoseconds a group takes."""
    if isinstance(group, Loop):
        facts = schedule.facts
        costly = sum(ROWS[facts.op[k]].name in _COSTLY for k in group.records)
        return classify.count(group.shape) * (1.0 * costly + 0.15 * (len(group.records) - costly) + 0.1 * (len(group.reads) + len(group.writes)))
    type = group.operands[0][0]
    if group.name == "matmul":
        return 0.1 * classify.count(group.result[0].shape) * type.shape[-1]
    return classify.count(type.shape)


def _made(schedule, members, n, users):
    """The Tiles of these members, or None where they are not worth it."""
    tiles = Tiles()
    tiles.groups = [schedule.groups[g] for g, _, _ in members]
    tiles.roles = [role for _, role, _ in members]
    tiles.accesses = [accesses for _, _, accesses in members]
    tiles.n, tiles.tiled, tiles.sums, tiles.local = n, {}, [], {}
    inside, rows = {g for g, _, _ in members}, {}
    for access in (a for accesses in tiles.accesses for a in accesses):
        if access.sums:
            tiles.sums.append(access.sums)
        elif access.stride:
            rows[access.storage] = access.stride * (schedule.nbytes_of(access.storage) // (n * access.stride) if access.across else 1)
            if access.writes:
                tiles.tiled[access.storage] = access.stride
    tiles.inner = {storage for storage in tiles.tiled if users[storage] <= inside}
    ns = sum(cost(schedule, group) for group in tiles.groups)
    between = n * sum(rows[storage] for storage in tiles.tiled)
    tiles.threads = ns >= THREADS_NS
    if not tiles.threads and (len(members) < 2 or between < FOOTPRINT):
        return None
    rows_of_part = -(-n // PARTS)
    rows_of_tile = max(MULTIPLE, TILE_BYTES // max(1, sum(rows.values()))) if len(members) > 1 else rows_of_part
    tiles.rows = max(MULTIPLE, min(rows_of_tile, rows_of_part) // MULTIPLE * MULTIPLE)
    sum_bytes = sum(s.step for s in tiles.sums)
    most = max(1, min(PARTS, tiles.count, max(SUM_BYTES, between // 24) // max(1, sum_bytes)))
    tiles.parts = 1 << (most.bit_length() - 1)  # a power of two, which the usual numbers of threads share evenly
    for s in tiles.sums:
        s.storage = schedule.new_storage(Type(s.dtype, (tiles.parts * s.step // ITEMSIZE[s.dtype],)))
    return tiles
