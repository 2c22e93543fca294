"""Columns: arrays of shape (n, 3) become 3 arrays of shape (n,), where that pays.

Loops over (n, 3) whose operands are (n, 1), or columns, or are summed over the last axis, gather and scatter 3 elements at a time. In columns,
all of them are loops over (n,): picking, joining and stretching along the last axis cost nothing, and the sum over it is additions. In: a
simplified tape. Out: another that gives the same values; only a sum over the last axis and others at once adds in another order.

A `Form` says of a record how it is computed from columns. Values whose records have one, and that read each other's columns, are a
component: `_chosen` weighs what its columns save against the values that must be joined or taken apart at its border, all of it or none.
Read next: `simplify.py`, whose walk this one is like.
"""

from __future__ import annotations

import math
from collections import defaultdict

from ..ops import OPS, ROWS
from ..tape.tape import CONSTANT
from .identities import REWRITE
from .simplify import FoldingBuilder, live_records, translate

MOST_COLUMNS = 4  # each is a value that a loop keeps
LONG = 256  # elements of a column from which loops cost more than setting them up
READ, JOIN = 0.5, 0.5  # an element read or written with a stride, in units of one that a loop over rows of a few elements moves
NATIVE = frozenset(("bool", "i32", "i64", "f32", "f64"))  # NumPy computes the others, record by record


class Form:
    """How a record is computed from columns.

    reads   operands whose columns are read; the others are needed whole
    gain    elements that are moved a few at a time today
    make    function (splitter) -> the list of the result's columns where `columns` is true, else the id of the result
    """

    __slots__ = ("reads", "gain", "make", "columns")

    def __init__(self, reads, gain, make, columns=True):
        self.reads, self.gain, self.make, self.columns = reads, gain, make, columns


def split_columns(builder):
    """A Builder whose tape computes what that of `builder` does, in columns where that pays; `builder` itself where it does not."""
    for _ in range(max([len(type_.shape) for type_ in builder.tape.types if _is_tall(type_)], default=1) - 1):  # columns may have columns
        tape = builder.tape
        live = live_records(tape)
        forms = _forms(tape, live)
        chosen = _chosen(tape, live, forms)
        if not chosen:
            break
        builder = _Splitter(tape, live, forms, chosen).builder
    return builder


def may_have_columns(tape):
    """Whether a value of the tape has a shape that could be split."""
    return any(_is_tall(type_) for type_ in tape.types)


def _is_tall(type_):
    shape = type_.shape
    return len(shape) > 1 and 2 <= shape[-1] <= MOST_COLUMNS and math.prod(shape[:-1]) >= LONG and type_.dtype in NATIVE


# --- the choice ------------------------------------------------------------------------------------------------------


def _forms(tape, live):
    """{record: Form} of the records that give or read a value that could be columns."""
    tall = [_is_tall(type_) for type_ in tape.types]
    forms = {}
    for k in range(len(tape)):
        if live[k] and (tall[tape.type[k]] or any(tall[tape.type[o]] for o in tape.operands_of(k))):
            row = ROWS[tape.op[k]]
            state = _elementwise if row.kind == "elementwise" or row.name in _LIKE_ELEMENTWISE else _FORMS.get(row.name)
            form = None if state is None else state(_Record(tape, k))
            if form is not None:
                forms[k] = form
    return forms


def _chosen(tape, live, forms):
    """The ids of the values to split."""
    tall = [_is_tall(type_) for type_ in tape.types]
    size = [math.prod(type_.shape) for type_ in tape.types]
    parent = {k: k for k, form in forms.items() if form.columns and tall[tape.type[k]]}

    def find(k):
        while parent[k] != k:
            parent[k] = k = parent[parent[k]]
        return k

    for k, form in forms.items():
        read = [o for o in form.reads if o in parent]
        for o in read:
            parent[find(o)] = find(k if k in parent else read[0])
    worth, taken_apart, joined = defaultdict(float), set(), set()
    for k, form in forms.items():
        group = next((find(o) for o in (k, *form.reads) if o in parent), None)
        if group is not None:
            worth[group] += form.gain
            if form.columns and k not in parent and tape.type_of(k).shape[-1:] != (1,):
                worth[group] -= JOIN * size[tape.type[k]]
            taken_apart.update((group, o) for o in form.reads if o not in parent and tall[tape.type[o]])
    for k in range(len(tape)):
        if live[k]:
            joined.update(o for o in tape.operands_of(k) if o in parent and not (k in forms and o in forms[k].reads))
    joined.update(o for o in tape.outputs if o in parent)
    for group, o in taken_apart:
        worth[group] -= READ * size[tape.type[o]]
    for o in joined:
        worth[find(o)] -= JOIN * size[tape.type[o]]
    return {k for k in parent if worth[find(k)] > 0}


# --- the walk --------------------------------------------------------------------------------------------------------


class _Splitter:
    """The walk over a tape that computes the values `chosen` as columns; they are joined when a record that has no form needs them."""

    def __init__(self, tape, live, forms, chosen):
        self.tape, self.columns, self.whole_of = tape, {}, {}
        self.builder = builder = FoldingBuilder(tape.name, REWRITE, tables_of=tape)
        for k in range(len(tape)):
            if not live[k]:
                continue
            builder.line = tape.line[k]
            form = forms.get(k)
            if form is not None and (k in chosen or any(o in chosen for o in form.reads)):
                made = form.make(self)
                if form.columns:
                    self.columns[k] = made
                else:
                    self.whole_of[k] = made
            else:
                self.whole_of[k] = translate(builder, tape, k, tape.op[k], tuple([self.whole(o) for o in tape.operands_of(k)]))
        builder.tape.outputs = [self.whole(id) for id in tape.outputs]

    def emit(self, name, operands, *params):
        return self.builder.emit(OPS[name], tuple(operands), params)

    def whole(self, o):
        """The id of value o in one piece."""
        id = self.whole_of.get(o)
        if id is None:
            shape, line = self.tape.type_of(o).shape, self.builder.line
            self.builder.line = self.tape.line[o]
            columns = [self.emit("reshape", (column,), (*shape[:-1], 1)) for column in self.columns[o]]
            if len(set(columns)) == 1:
                id = self.emit("broadcast", columns[:1], shape)
            else:
                id = self.emit("concatenate", columns, len(shape) - 1)
            self.whole_of[o] = id
            self.builder.line = line
        return id

    def column(self, o, j):
        """Column j of value o as an operand of the columns of a result: a value without a last axis, or with one of one element, is in all."""
        shape = self.tape.type_of(o).shape
        if not shape:
            return self.whole(o)
        if o in self.columns:
            return self.columns[o][j if shape[-1] > 1 else 0]
        if shape[-1] == 1:
            return self.emit("reshape", (self.whole(o),), shape[:-1])
        return self.part(self.whole(o), (*_all(shape[:-1]), j))

    def part(self, id, idx):
        return self.emit("index", (id,), idx)


def _all(shape):
    """The basic index that takes all of a shape."""
    return tuple((0, n, 1) for n in shape)


# --- forms -----------------------------------------------------------------------------------------------------------


class _Record:
    """A record as the forms see it: `shape` and `size` of its result, and what is asked of its operands."""

    __slots__ = ("tape", "id", "row", "operands", "params", "shape", "size")

    def __init__(self, tape, k):
        self.tape, self.id, self.row, self.operands, self.params = tape, k, ROWS[tape.op[k]], tuple(tape.operands_of(k)), tape.params_of(k)
        self.shape = tape.type_of(k).shape
        self.size = math.prod(self.shape)

    def shape_of(self, o):
        return self.tape.type_of(o).shape

    def size_of(self, o):
        return math.prod(self.shape_of(o))

    def stretched(self, o):
        """Elements that are moved a few at a time to stretch an operand to the result: none where it is repeated in long pieces."""
        shape = self.shape_of(o)
        if self.size_of(o) == 1 or shape == self.shape:
            return 0
        last_grows = shape[-1] == 1
        next_grows = len(shape) > 2 and shape[-2] == 1 != self.shape[-2] and self.size_of(o) > shape[-1]
        return self.size if last_grows or next_grows else 0


_LIKE_ELEMENTWISE = frozenset(("cast", "ldexp", "stop_gradient"))


def _elementwise(r):
    def make(s):
        return [s.builder.emit(r.row, tuple([s.column(o, j) for o in r.operands]), r.params) for j in range(r.shape[-1])]

    return Form(r.operands, sum(r.stretched(o) for o in set(r.operands)), make)


def _recompute(r):
    x, *after = r.operands

    def make(s):
        return [s.emit("recompute", (s.column(x, j), *[s.whole(o) for o in after]), *r.params) for j in range(r.shape[-1])]

    return Form((x,), 0, make)


def _broadcast(r):
    (x,) = r.operands
    return Form((x,), r.stretched(x), lambda s: [s.emit("broadcast", (s.column(x, j),), r.shape[:-1]) for j in range(r.shape[-1])])


def _reshape(r):
    (x,) = r.operands
    if r.shape_of(x)[-1:] != r.shape[-1:]:
        return None
    return Form((x,), 0, lambda s: [s.emit("reshape", (s.column(x, j),), r.shape[:-1]) for j in range(r.shape[-1])])


def _transpose(r):
    (x,), axes = r.operands, r.params[0]
    if axes[-1] != len(axes) - 1:
        return None
    return Form((x,), 0, lambda s: [s.emit("transpose", (s.column(x, j),), axes[:-1]) for j in range(r.shape[-1])])


def _positions(item):
    """The places along an axis that an item of a basic index takes."""
    if isinstance(item, int):
        return [item]
    start, count, step = item
    return [start + j * step for j in range(count)]


def _index(r):
    (x,), (*lead, last) = r.operands, r.params[0]
    shape = r.shape_of(x)
    places, lead = _positions(last), tuple(lead)

    def make(s):
        if x in s.columns:
            made = [s.part(s.columns[x][place], lead) for place in places]
        else:
            made = [s.part(s.whole(x), (*lead, place)) for place in places]
        return made[0] if isinstance(last, int) else made

    return Form((x,), 0 if places == list(range(shape[-1])) else (1 - READ) * r.size, make, columns=not isinstance(last, int))


def _update(r):
    """index_set and index_add."""
    (x, v), (*lead, last) = r.operands, r.params[0]
    places, lead, shape = _positions(last), tuple(lead), r.shape

    def make(s):
        made = [s.column(x, j) for j in range(shape[-1])]
        for j, place in enumerate(places):
            part = s.whole(v) if isinstance(last, int) else s.column(v, j)
            if r.row.name == "index_add" and lead == _all(shape[:-1]):
                made[place] = _added(s, made[place], part)
            else:
                made[place] = s.emit(r.row.name, (made[place], part), lead)
        return made

    return Form((x,) if isinstance(last, int) else (x, v), 0 if places == list(range(shape[-1])) else r.size_of(v), make)


def _added(s, x, v):
    """x + v; v itself where x is stretched zeros, as in the sums that a reverse sweep begins with."""
    zero = s.builder.uniform_value(x)
    return v if zero is not None and zero == 0 else s.emit("add", (x, v))


def _sum(r):
    (x,), axes = r.operands, r.params[0]
    shape = r.shape_of(x)
    last = len(shape) - 1
    if last not in axes:
        return Form((x,), 0, lambda s: [s.emit("sum", (s.column(x, j),), axes) for j in range(shape[-1])])
    if r.tape.type_of(x).dtype == "bool":
        return None

    def make(s):
        total = s.column(x, 0)
        for j in range(1, shape[-1]):
            total = s.emit("add", (total, s.column(x, j)))
        return s.emit("sum", (total,), tuple(axis for axis in axes if axis != last))

    return Form((x,), r.size_of(x) if len(axes) <= last else 0, make, columns=False)


def _reduction(r):
    """Reductions whose rows have rules of their own where values are equal: along the columns only."""
    (x,), axes = r.operands, r.params[0]
    if len(r.shape_of(x)) - 1 in axes:
        return None
    return Form((x,), 0, lambda s: [s.emit(r.row.name, (s.column(x, j),), axes) for j in range(r.shape[-1])])


def _concatenate(r):
    (axis,) = r.params
    if axis < len(r.shape) - 1:
        return Form(r.operands, 0, lambda s: [s.emit("concatenate", [s.column(o, j) for o in r.operands], axis) for j in range(r.shape[-1])])
    return Form(r.operands, JOIN * r.size, lambda s: [s.column(o, j) for o in r.operands for j in range(r.shape_of(o)[-1])])


def _constant_places(r, i, axis):
    """The columns that constant indices i along the last axis of operand 0 name, or None."""
    shape = r.shape_of(r.operands[0])
    if axis != len(shape) - 1 or r.tape.op[i] != CONSTANT or len(r.shape_of(i)) > 1:
        return None
    return [int(place) % shape[-1] for place in r.tape.params_of(i)[0].array.reshape(-1)]


def _take(r):
    (x, i), (axis,) = r.operands, r.params
    places = _constant_places(r, i, axis)
    if places is None:
        return None
    single = not r.shape_of(i)

    def make(s):
        made = [s.column(x, place) for place in places]
        return made[0] if single else made

    return Form((x,), r.size, make, columns=not single)


def _take_update(r):
    """take_set and take_add."""
    (x, i, v), (axis,) = r.operands, r.params
    places = _constant_places(r, i, axis)
    if places is None:
        return None
    single = not r.shape_of(i)

    def make(s):
        made = [s.column(x, j) for j in range(r.shape[-1])]
        for j, place in enumerate(places):
            part = s.whole(v) if single else s.column(v, j)
            made[place] = part if r.row.name == "take_set" else _added(s, made[place], part)
        return made

    return Form((x,) if single else (x, v), r.size_of(v), make)


_FORMS = {"recompute": _recompute, "broadcast": _broadcast, "reshape": _reshape, "transpose": _transpose, "index": _index, "index_set": _update,
          "index_add": _update, "sum": _sum, "concatenate": _concatenate, "take": _take, "take_set": _take_update, "take_add": _take_update,
          **dict.fromkeys(("max", "min", "prod", "any", "all"), _reduction)}
