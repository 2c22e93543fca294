"""x[key] and x[key] = v in all of NumPy's forms, as steps that tape ops can follow and `views.put_back` can undo.

NumPy indexes the concrete array first: its errors, its shapes, and whether the result is a view. Then `steps_of` reads the
key: slices and integers are one `index` step; None is a reshape; an integer array along one axis is a `take`; several
arrays are brought to the front, merged into one axis, and taken at a flat index; then the new axes go to NumPy's place.
Traced integers stay traced (a `take`, whatever their value); traced masks and slice bounds are guarded.
"""

from __future__ import annotations

import operator
import sys
from math import prod

import numpy as np

from ..ops import OPS, Type
from ..ops.linear import index_shape
from ..tape.types import NAME_OF_DTYPE
from .assemble import assemble
from .elementwise import shares
from .recorder import blame, innermost
from .tracer import Step, Tracer, concrete, derive, members, scalar, traced, window
from .views import INDEX, RESHAPE, TAKE, TRANSPOSE, put_back, stretched, writable, write


def getitem(x, key):
    """x[key]."""
    value = x.value
    idx = basic_index(value.shape, key) if type(value) is np.ndarray else None
    if idx is not None:
        return _part(x, idx, value[key], sys._getframe(1))
    trace, items, plain = read_key(x, key)
    result = _at(value, items, plain)
    steps = steps_of(trace, np.shape(value), items)
    if type(result) is np.ndarray and shares(x.storage, result):
        if x._trace is trace:
            return window(x.storage, result, derive(trace, x.id, steps), (*x.how, *steps))
        result = result.copy()
    return traced(trace, result, derive(trace, trace.lift(x), steps))


def _at(value, items, plain):
    """value[plain], with NumPy's IndexError; `items` are those of the key."""
    try:
        return value[plain]
    except IndexError:
        blame(items)
        raise


def _part(x, idx, result, frame):
    """The tracer of `result`, which is x at the basic index `idx`."""
    storage, how = x.storage, x.how
    is_array = type(result) is np.ndarray
    if is_array and all([type(i) is tuple and i[1] == n and (i[2] == 1 or n == 0) for i, n in zip(idx, x.value.shape)]):
        return window(storage, result, x.id, how)
    trace = x._trace
    if not idx:
        return scalar(trace, result, x.id)  # x[()] of a 0-d array
    if len(how) == 1 and how[0].row is INDEX:  # an index of an index is one index of the base
        before, base = how[0].shape, storage.id
        idx, how = _compose(how[0].params[0], idx), ()
    else:
        before, base = x.value.shape, x.id
    params = (idx,)
    id = trace.record(INDEX.code, (base,), trace.type_index(NAME_OF_DTYPE[result.dtype], result.shape),
                      trace.builder.param_index(params), trace.find_line(frame)[0])
    return window(storage, result, id, (*how, Step(INDEX, params, (), before))) if is_array else scalar(trace, result, id)


def setitem(x, key, v):
    """x[key] = v."""
    value = x.value
    if x.storage is None:
        value[concrete(key)] = concrete(v)  # raises: numbers cannot be written
    if type(v) is not Tracer and (isinstance(v, (list, tuple)) or isinstance(v, np.ndarray) and v.dtype == object):
        v = assemble(v)
    idx = basic_index(value.shape, key)
    if idx is not None:
        trace, plain = innermost((x, v)), key
        shape, masked = index_shape(idx), False
        steps = (Step(INDEX, (idx,), (), value.shape),)
    else:
        trace, items, plain = read_key(x, key, v)
        shape = np.shape(_at(value, items, plain))
        masked = _is_masked(value, items, v)
        steps = () if masked else steps_of(trace, value.shape, items, guarded=True)
    storage, how = x.storage, joined(x.how, steps)
    if type(v) is Tracer and v.storage is storage and v.version == storage.version and _same(v.how, how):
        return  # the end of y[1:] += 1: Python assigns the view to itself
    writable(x, trace)
    v_value = concrete(v)
    x.value[plain] = v_value.copy() if idx is None and isinstance(v_value, np.ndarray) else v_value
    dtype = NAME_OF_DTYPE[value.dtype]
    if masked:
        write(x, _where(trace, x, items[0], v, dtype))
    else:
        storage.id = put_back(trace, storage.id, how, stretched(trace, v, dtype, shape))
        storage.version += 1


members({"__getitem__": getitem, "__setitem__": setitem})


# --- x[mask] = v -----------------------------------------------------------------------------------------------------


def _is_masked(value, items, v):
    """True for x[mask] = v where the result is `where(mask, v, x)` whatever the mask: v does not depend on how many are true."""
    if len(items) != 1:
        return False
    mask = concrete(items[0])
    if not isinstance(mask, (np.ndarray, np.bool, bool)) or np.asarray(mask).dtype != bool:
        return False
    n = np.ndim(mask)
    return value.shape[:n] == np.shape(mask) and (np.size(concrete(v)) == 1 or np.ndim(concrete(v)) <= value.ndim - n)


def _where(trace, x, mask, v, dtype):
    """The id of x after x[mask] = v."""
    shape = np.shape(concrete(mask))
    extra = x.value.ndim - len(shape)
    mask_id = trace.lift(mask, "bool") if type(mask) is Tracer else trace.builder.constant(np.asarray(mask))
    if extra:
        mask_id = trace.emit(RESHAPE, (mask_id,), (shape + (1,) * extra,))
    v_shape = np.shape(concrete(v))
    return trace.emit(OPS["where"], (mask_id, stretched(trace, v, dtype, v_shape if len(v_shape) <= extra else ()), x.id))


# --- basic keys ------------------------------------------------------------------------------------------------------


def basic_index(shape, key):
    """The tape's index for a key of plain integers, slices and an Ellipsis that is in range; None for any other."""
    out = []
    keys = key if type(key) is tuple else (key,)
    for k, item in enumerate(keys):
        if item is Ellipsis:
            keys = keys[:k] + (slice(None),) * (len(shape) - len(keys) + 1) + keys[k + 1:]
            break
    if len(keys) > len(shape):
        return None
    for item, n in zip(keys, shape):
        if type(item) is int:
            if not -n <= item < n:
                return None
            out.append(item if item >= 0 else item + n)
        elif type(item) is slice:
            for bound in (item.start, item.stop, item.step):
                if bound is not None and type(bound) is not int:
                    return None
            if item.step == 0:
                return None
            out.append(_slice(item, n))
        else:
            return None
    for n in shape[len(keys):]:
        out.append((0, n, 1))
    return tuple(out)


def _slice(item, n):
    """(start, count, step) of a slice of an axis of length n."""
    start, stop, step = item.indices(n)
    count = len(range(start, stop, step))
    return (start, count, step) if count else (0, 0, 1)


# --- reading a key ---------------------------------------------------------------------------------------------------


def read_key(x, key, *others):
    """(trace that records, list of items, the concrete key). Items that are tracers but depend on no input are made concrete."""
    items = list(key) if type(key) is tuple else [key]
    arrays = [item for item in items if isinstance(item, np.ndarray) and type(item) is not Tracer]
    for k, item in enumerate(items):
        if type(item) is slice:
            items[k] = slice(*[operator.index(b) if type(b) is Tracer else b for b in (item.start, item.stop, item.step)])
        elif isinstance(item, (list, tuple)) and type(item) is not Tracer:
            items[k] = assemble(item) if len(item) else np.empty(0, np.intp)
    trace = innermost((x, *others, *items))
    plain = []
    for k, item in enumerate(items):
        if arrays and any(item is a for a in arrays):
            if trace.by_reference.get(id(item)) is item:
                items[k] = item = trace.capture(item)
            else:
                trace.constants_from_arrays.append(item)
        if type(item) is Tracer:
            if not item._trace.depends_on_input(item.id):
                items[k] = item.value
            item = item.value
        plain.append(item)
    return trace, items, tuple(plain) if type(key) is tuple else plain[0]


class _Axis:
    """What a key does to one axis: kind 'slice' (what: start, count, step), 'int' (what: the integer), 'new' (an axis of
    length 1) or 'array' (what: an integer array or tracer; on a new axis if `new`)."""

    __slots__ = ("kind", "what", "new")

    def __init__(self, kind, what=None, new=False):
        self.kind, self.what, self.new = kind, what, new


def steps_of(trace, shape, items, guarded=False):
    """The steps that lead from an array of `shape` to its part x[items]. `guarded`: fix the content of traced index arrays
    (a write at indices that may coincide is another program than one at distinct ones)."""
    axes = _axes_of(trace, shape, items, guarded)
    steps = []

    def step(row, params, extra=()):
        nonlocal shape
        steps.append(Step(row, params, extra, shape))
        shape = row.result([Type("f64", shape)] + [trace.builder.type_of(i) for i in extra], **dict(zip(row.params, params))).shape

    idx = tuple(a.what if a.kind in ("slice", "int") else (0, shape[_position(axes, k)], 1) for k, a in enumerate(axes) if not a.new)
    if any(i != (0, n, 1) for i, n in zip(idx, shape)):
        step(INDEX, (idx,))
    kept = [a for a in axes if a.kind != "int"]
    if any(a.new for a in kept):
        lengths = iter(shape)
        step(RESHAPE, (tuple(1 if a.new else next(lengths) for a in kept),))
    places = [k for k, a in enumerate(kept) if a.kind == "array"]
    if not places:
        return steps
    arrays = [kept[k].what for k in places]
    if all(np.ndim(concrete(index)) == 0 for index in arrays):  # traced integers
        for done, (k, index) in enumerate(zip(places, arrays)):
            step(TAKE, (k - done,), (trace.lift(index, "i64"),))
            steps[-1].index = concrete(index)
        return steps
    rest = [k for k in range(len(kept)) if k not in places]
    if len(places) == 1:
        at = places[0]
        index = arrays[0]
    else:
        at = 0
        if places + rest != list(range(len(kept))):
            step(TRANSPOSE, (tuple(places + rest),))
        lengths = shape[:len(places)]
        step(RESHAPE, ((prod(lengths),) + shape[len(places):],))
        index = _flat_index(trace, arrays, lengths)
    index_id = trace.lift(index, "i64") if type(index) is Tracer else trace.builder.constant(np.asarray(index, np.int64))
    step(TAKE, (at,), (index_id,))
    steps[-1].index = concrete(index)
    wanted, n = _place(axes), np.ndim(concrete(index))
    if n and wanted != at:
        order = list(range(at)) + list(range(at + n, len(shape)))
        order[wanted:wanted] = range(at, at + n)
        step(TRANSPOSE, (tuple(order),))
    return steps


def _position(axes, k):
    """The operand's axis that entry k of a key stands on."""
    return sum(1 for a in axes[:k] if not a.new)


def _axes_of(trace, shape, items, guarded):
    """One _Axis per axis that the key consumes or makes, in order; the Ellipsis is filled in."""
    consumed = sum(_consumes(item) for item in items)
    if not any(item is Ellipsis for item in items):
        items = [*items, Ellipsis]
    axes, position = [], 0
    for item in items:
        plain = concrete(item)
        if item is Ellipsis:
            for _ in range(len(shape) - consumed):
                axes.append(_Axis("slice", (0, shape[position], 1)))
                position += 1
        elif item is None:
            axes.append(_Axis("new", new=True))
        elif isinstance(item, slice):
            axes.append(_Axis("slice", _slice(item, shape[position])))
            position += 1
        elif np.asarray(plain).dtype == bool:
            if type(item) is Tracer:
                trace.guard(item, plain if np.ndim(plain) else bool(plain))
            if np.ndim(plain) == 0:
                axes.append(_Axis("array", np.zeros(int(plain), np.int64), new=True))
            else:
                axes.extend(_Axis("array", places) for places in np.nonzero(plain))
                position += np.ndim(plain)
        elif np.ndim(plain) == 0 and type(item) is not Tracer:
            axes.append(_Axis("int", int(plain) + (shape[position] if plain < 0 else 0)))
            position += 1
        else:
            if guarded and type(item) is Tracer and np.ndim(plain):
                trace.guard(item, plain)
                item = plain.copy()
            axes.append(_Axis("array", item))
            position += 1
    return axes


def _consumes(item):
    """How many axes of the array an item of a key stands for."""
    if item is None or item is Ellipsis:
        return 0
    value = concrete(item)
    return np.ndim(value) if isinstance(value, (bool, np.bool, np.ndarray)) and np.asarray(value).dtype == bool else 1


def _place(axes):
    """Where NumPy puts the axes of index arrays: where the arrays stand if they (and integers) are neighbours, else first."""
    places = [k for k, a in enumerate(axes) if a.kind in ("int", "array")]
    if places[-1] - places[0] >= len(places):
        return 0
    return places[0]


def _flat_index(trace, arrays, lengths):
    """The index along the merged axis of several index arrays, one per axis of the given lengths."""
    flat, stride = 0, 1
    for index, n in zip(reversed(arrays), reversed(lengths)):
        if type(index) is Tracer:
            bool(((index >= -n) & (index < n)).all())  # a guard: out of range it would reach another row
            index = OPS["where"](index < 0, index + n, index)
        else:
            index = np.asarray(index, np.int64)
            index = np.where(index < 0, index + n, index)
        flat = index * stride + flat
        stride *= n
    return flat


# --- steps -----------------------------------------------------------------------------------------------------------


def joined(how, steps):
    """The steps of a view of a view; an index of an index is one index."""
    if len(how) == 1 and steps and how[0].row is INDEX and steps[0].row is INDEX:
        return (Step(INDEX, (_compose(how[0].params[0], steps[0].params[0]),), (), how[0].shape), *steps[1:])
    return (*how, *steps)


def _compose(first, second):
    """The basic index that equals x[first][second]."""
    rest = iter(second)
    out = []
    for item in first:
        if not isinstance(item, int):
            start, _, step = item
            item = next(rest)
            if isinstance(item, int):
                item = start + item * step
            else:
                item = (start + item[0] * step, item[1], item[2] * step) if item[1] else (0, 0, 1)
        out.append(item)
    return tuple(out)


def _same(how, other):
    return len(how) == len(other) and all((a.row, a.params, a.extra) == (b.row, b.params, b.extra) for a, b in zip(how, other))
