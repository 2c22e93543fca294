"""How each kind of record is scheduled: `HANDLERS[kind](schedule, k)` sets where record k lies (`lies`, `alias`) and its place `pos`.

Views are looked through, reductions and updates close loops, elements of arrays become operands or targets of scalar instructions,
what is left becomes a Step. Scalar and elementwise records are in `fuse.py` itself.
"""

from ..ops import ROWS
from ..ops.linear import index_shape
from ..ops.table import Type
from ..tape.types import ITEMSIZE
from . import blas, classify
from .classify import IDENTITY, UPDATES
from .rows import NATIVE
from .views import indexed, reshaped, row_major, squeeze, stretched, transposed, turned, unsqueeze

BLAS_MATMUL = 1 << 10  # multiplications from which the kernel calls BLAS (SMALL in csrc/matmul.c)
NUMPY_MATMUL = 1 << 18  # multiplications from which NumPy's matmul wins over the kernel's, where the kernel has no BLAS

# --- views -----------------------------------------------------------------------------------------------------------


def view(s, k):
    """A value that lies where its operand does, with other strides; copied when an update of the operand would come too soon."""
    facts = s.facts
    source, t = facts.operands[facts.first[k]], facts.type[k]
    name, params = ROWS[facts.op[k]].name, facts.tape.params_of(k)
    if facts.size[t] == 1:
        return element(s, k, source, name, params)
    s.pos[k] = s.pos[source]
    if shows_the_same(facts, source, k, name, params):
        if k not in s.copied and s.register[source] >= 0:
            s.alias[k], s.register[k] = s.alias.get(source, source), s.register[source]
            return
        place = s.where(source)
    else:
        place = seen_through(facts, s.where(source), source, k, name, params)
        if place is None:
            (storage, _, _), s.pos[k] = s.contiguous(source)
            s.lies[k] = (storage, 0, facts.strides[t])
            return
    s.lies[k] = place
    if k in s.copied:
        own = (k, 0, facts.strides[t])
        s.pos[k] = s.copy(k, own)
        s.lies[k] = own


def shows_the_same(facts, source, k, name, params):
    """True when the view has the elements of its operand in the same order, axes of one element aside."""
    shape = facts.shape[facts.type[source]]
    if name == "index":
        is_whole = facts.size[facts.type[source]] == facts.size[facts.type[k]]
        return is_whole and all(n == 1 or item[2] == 1 for n, item in zip(shape, params[0]))
    if name == "transpose":
        moved = [a for a in params[0] if shape[a] != 1]
        return moved == sorted(moved)
    if name in ("reshape", "broadcast"):
        return facts.squeezed[facts.type[source]] == facts.squeezed[facts.type[k]]
    return True  # a cast to the same dtype, a sum over axes of one element, an update of nothing


def seen_through(facts, place, source, k, name, params):
    """The place of a view, or None when no strides describe it."""
    storage, offset, strides = place
    shape, result = facts.shape[facts.type[source]], facts.shape[facts.type[k]]
    if name == "index":
        start, strides = indexed(unsqueeze(shape, strides), params[0])
        return storage, offset + start, strides
    if name == "transpose":
        return storage, offset, transposed(shape, strides, params[0])
    if name == "broadcast":
        return storage, offset, stretched(shape, strides, result)
    strides = reshaped(facts.squeezed[facts.type[source]], strides, facts.squeezed[facts.type[k]])
    return None if strides is None else (storage, offset, strides)


def element(s, k, source, name, params):
    """A view of one element: the operand's slot when it has one, a word of an array in the arena, or loaded into a slot."""
    facts = s.facts
    storage, offset, strides = s.where(source)
    s.pos[k] = s.pos[source]
    if facts.size[facts.type[source]] > 1:
        start, _ = indexed(unsqueeze(facts.shape[facts.type[source]], strides), params[0])
        offset += start
    s.lies[k] = place = (storage, offset, ())
    dtype = facts.dtype[facts.type[k]]
    if dtype not in NATIVE or s.size_of(storage) == 1:
        return
    if storage < facts.n and facts.op[storage] == classify.INPUT:
        s.lies[k], s.pos[k] = (k, 0, ()), s.entry
        s.move("load", dtype, (k, 0), place[:2], run=s.entry)
        return
    s.scattered.add(storage)
    if ITEMSIZE[dtype] != 8 or k in s.copied:
        s.lies[k], s.pos[k] = (k, 0, ()), s.run_after(s.pos[source])
        s.move("load", dtype, (k, 0), place[:2])


def take_over(s, k, v):
    """Let k be the one element v. A word of an array is copied: an update of that array could come too soon, as k is no view of it."""
    s.lies[k], s.pos[k] = s.where(v), s.pos[v]
    if s.size_of(s.lies[k][0]) > 1:
        s.lies[k] = (k, 0, ())
        s.pos[k] = s.copy(v, s.lies[k])


def fill(s, k):
    """A reduction of nothing: its identity, stretched."""
    facts = s.facts
    type = facts.tape.types[facts.type[k]]
    value = IDENTITY[ROWS[facts.op[k]].name]
    s.lies[k] = (s.new_storage(Type(type.dtype, ()), ("constant", value)), 0, (0,) * len(facts.squeezed[facts.type[k]]))


# --- closings of loops -----------------------------------------------------------------------------------------------


def reduction(s, k):
    facts = s.facts
    source = facts.operands[facts.first[k]]
    axes, shape = facts.tape.params_of(k)[0], facts.shape[facts.type[source]]
    t = facts.type[k]
    kept = iter(row_major(facts.shape[t], ITEMSIZE[facts.dtype[t]]))
    strides = [0 if axis in axes else next(kept) for axis in range(len(shape))]
    s.pos[k] = s.close(ROWS[facts.op[k]].name, source, (k, 0, tuple(stride for n, stride in zip(shape, strides) if n != 1)))


def concatenate(s, k):
    """Each operand is stored into its part of the result, by the loop that computes it where possible."""
    facts = s.facts
    t, axis = facts.type[k], facts.tape.params_of(k)[0]
    operands = [o for o in facts.operands_of(k) if facts.size[facts.type[o]]]
    if facts.size[t] == 1:
        return take_over(s, k, operands[0])
    full = row_major(facts.shape[t], ITEMSIZE[facts.dtype[t]])
    offset, ready = 0, -1
    for o in operands:
        shape = facts.shape[facts.type[o]]
        if facts.size[facts.type[o]] == 1:
            g = put_element(s, "store", facts.dtype[t], k, offset, o, s.pos[o], -1)
        else:
            g = s.close("store", o, (k, offset, tuple(stride for n, stride in zip(shape, full) if n != 1)))
        ready = max(ready, g)
        offset += shape[axis] * full[axis]
    s.pos[k] = ready


# --- updates ---------------------------------------------------------------------------------------------------------


def update(s, k):
    """index_set and index_add: a loop over v that stores or adds into a part of x, or a scalar instruction when v is one element."""
    facts = s.facts
    x, v = facts.operands_of(k)
    t, idx = facts.type[k], facts.tape.params_of(k)[0]
    kind, dtype, shape = UPDATES[ROWS[facts.op[k]].name], facts.dtype[t], facts.shape[t]
    if facts.size[t] == 1:
        if kind == "store":
            take_over(s, k, v)
        else:
            s.pos[k] = s.run_after(max(s.pos[x], s.pos[v]))
            s.move("add", dtype, (k, 0), s.where(x)[:2], s.where(v)[:2])
        return
    offset, strides = indexed(row_major(shape, ITEMSIZE[dtype]), idx)
    single = facts.size[facts.type[v]] == 1
    covers, before = facts.size[facts.type[v]] == facts.size[t], -1
    if k in s.received:
        storage, ready = s.received[k], s.pos[x] if x in s.received else -1
    else:
        needs_zeros = s.parts.get(k)
        if needs_zeros is not None or (kind == "add" and covers and is_zero(s, x)):
            kind = "store"
        storage, ready = target(s, k, x, () if single else (v,), nothing_left=kind == "store" and (covers or needs_zeros not in (True, None)))
        if needs_zeros is not None:  # stored whatever has been stored before: only the zeros come first
            before, ready = ready, s.filled.setdefault(storage, ready) if needs_zeros is True else -1
            for gap in needs_zeros if isinstance(needs_zeros, tuple) else ():
                before = max(before, clear(s, storage, t, gap))
    group, how = s.reads.get(storage, (-1, None))
    if single:
        s.pos[k] = put_element(s, kind, dtype, storage, offset, v, max(ready, s.pos[v]), group)
    else:
        if how == (offset, strides):  # a loop may write what it alone reads, element by element
            group -= 1
        if kind == "add":  # parts may be added in any order: each comes after what was there before the first of them
            before = max(before, ready)
            ready = s.added_after[k] = s.added_after.get(x, ready)
        after = max(ready, group, s.run if storage in s.scattered else -1)
        s.pos[k] = s.close(kind, v, (storage, offset, strides), after)
    s.pos[k] = max(s.pos[k], before)
    s.lies[k] = (storage, 0, facts.strides[t])


def clear(s, storage, t, idx):
    """Store zeros into a part of a storage of type t; return the number of the group that does."""
    facts = s.facts
    dtype, shape = facts.dtype[t], index_shape(idx)
    offset, strides = indexed(row_major(facts.shape[t], ITEMSIZE[dtype]), idx)
    zero = (s.new_storage(Type(dtype, ()), ("constant", 0)), 0, (0,) * len(strides))
    return s.close_place("store", zero, squeeze(shape), dtype, (storage, offset, strides))


def target(s, k, x, others, nothing_left=False):
    """(storage that update k of x writes, group after which it holds x): that of x when x dies here, else that of a copy."""
    facts = s.facts
    if facts.last[s.root.get(x, x)] <= facts.rank[k] and s.pos[x] >= s.bounds[-1]:
        storage = s.where(x)[0]
        apart = all(s.storage_of(o) != storage for o in others)
        if apart and s.is_whole(x) and facts.size[facts.type[x]] > 1 and facts.kind[storage] != classify.SKIP:
            return storage, s.pos[x]
    return k, -1 if nothing_left else s.copy(x, (k, 0, facts.strides[facts.type[k]]))


def put_element(s, kind, dtype, storage, offset, v, ready, after):
    """Store or add the one element v at an offset of a storage in the arena; return the number of the run that does."""
    run = s.run_after(ready, after)
    s.scattered.add(storage)
    s.born.setdefault(storage, run)
    place, value = (storage, offset), s.where(v)[:2]
    if ITEMSIZE[dtype] == 8:
        s.move(*(("load", dtype, place, value) if kind == "store" else ("add", dtype, place, place, value)))
    elif kind == "store":
        s.move("store", dtype, place, value)
    else:
        slot = (s.new_storage(Type(dtype, ())), 0)
        s.move("load", dtype, slot, place)
        s.move("add", dtype, slot, slot, value)
        s.move("store", dtype, place, slot)
    return run


def is_zero(s, x):
    """True when x is a stretched zero of the tape."""
    facts = s.facts
    storage, _, strides = s.where(x) if s.register[x] < 0 else (facts.n, 0, ())
    return (storage < facts.n and facts.op[storage] == classify.CONSTANT and not any(strides)
            and facts.tape.params_of(storage)[0].array.size == 1 and not facts.tape.params_of(storage)[0].array.any())


def take_update(s, k):
    facts = s.facts
    x, i, v = facts.operands_of(k)
    if facts.dtype[facts.type[i]] != "i64":
        return host(s, k)
    storage, _ = target(s, k, x, (i, v))
    place = (storage, 0, facts.strides[facts.type[k]])
    operands = [(facts.tape.type_of(o), s.contiguous(o)[0]) for o in (i, v)]
    s.pos[k] = s.step(ROWS[facts.op[k]].name, k, operands, (facts.tape.type_of(k), place))
    s.lies[k] = place
    checks_range(s, k, x, i)


# --- steps -----------------------------------------------------------------------------------------------------------


def step(s, k):
    facts = s.facts
    name, operands = ROWS[facts.op[k]].name, facts.operands_of(k)
    if name == "take" and facts.dtype[facts.type[operands[1]]] != "i64":
        return host(s, k)
    if name == "matmul" and facts.dtype[facts.type[k]] in ("f32", "f64") and products(s, k) > BLAS_MATMUL:
        if not blas.available and products(s, k) > NUMPY_MATMUL:
            return host(s, k)
    places = [factor(s, o, products(s, k)) if name == "matmul" else s.contiguous(o)[0] for o in operands]
    if k in s.turned:
        s.lies[k] = (k, 0, turned(facts.shape[facts.type[k]], s.turned[k], ITEMSIZE[facts.dtype[facts.type[k]]]))
    _append(s, name, k, operands, places)
    if name == "take":
        checks_range(s, k, *operands)


def factor(s, o, count):
    """Where a factor of a product of `count` multiplications lies; in C order where BLAS would have to pack it, as often as it is read."""
    facts = s.facts
    place = s.where(o)
    strides = unsqueeze(facts.shape[facts.type[o]], place[2])
    rows, columns = strides[-2:]
    if count <= BLAS_MATMUL or ITEMSIZE[facts.dtype[facts.type[o]]] in (rows, columns) or not rows or not columns or 0 in place[2]:
        return place
    return s.contiguous(o)[0]


def products(s, k):
    """The number of multiplications in a matmul."""
    facts = s.facts
    return facts.size[facts.type[k]] * facts.shape[facts.type[facts.operands[facts.first[k]]]][-1]


def checks_range(s, k, x, i):
    """Note that record k can fail, unless its indices are constant (the trace has tried them) or were tried on an axis of that length."""
    facts = s.facts
    n = facts.shape[facts.type[x]][facts.tape.params_of(k)[0]]
    if facts.op[i] != classify.CONSTANT and (i, n) not in s.checked:
        s.checked.add((i, n))
        s.risky = s.pos[k]


def host(s, k):
    """A record that the kernel has no instruction for: NumPy evaluates its row."""
    operands = s.facts.operands_of(k)
    _append(s, "host", k, operands, [s.where(o) for o in operands])


def _append(s, name, k, operands, places):
    facts = s.facts
    types = [facts.tape.type_of(o) for o in operands]
    place = s.lies.get(k, (k, 0, facts.strides[facts.type[k]]))
    s.pos[k] = s.step(name, k, list(zip(types, places)), (facts.tape.type_of(k), place))


def guard(s, k):
    """A guard is checked at the end of the first run that comes after its operand."""
    place, ready = s.contiguous(s.facts.operands[s.facts.first[k]])
    run = s.run_after(ready)
    s.groups[run].guards.append((k, place))
    s.read(place[0], run)


HANDLERS = [None, None, None, view, reduction, update, take_update, concatenate, fill, step, guard, host]
assert len(HANDLERS) == len(classify.KINDS)
