"""Sparsity: which elements of an output can depend on which elements of an input, found by one walk over a tape.

Each value has a `Pattern`: for each of its elements the set of input elements that it may depend on differentiably. Rows that move elements
say by their own `evaluate`, run on the elements' numbers, where each came from; the others unite patterns. What is not known by name is taken
to depend on all that any of its operands depends on, so a pattern may hold too much and never too little. The idea is that of index-set
propagation: Griewank and Walther, Evaluating Derivatives, 2nd edition, section 7.1. In: a tape. Out: a Pattern. Read next: `colouring.py`.
"""

from __future__ import annotations

from math import prod

import numpy as np

from ..ops import OPS, ROWS
from ..ops.table import Expr, Type
from ..tape import Builder
from ..tape.tape import CONSTANT
from .differentiate import active_records

MOVEMENTS = frozenset(("reshape", "transpose", "broadcast", "index", "index_set", "concatenate", "take", "take_set", "tril", "triu"))
PARTWISE = frozenset(("cast", "real", "imag", "conjugate", "complex", "ldexp"))  # element by element, like the elementwise rows
REDUCTIONS = frozenset(("sum", "max", "min", "prod"))
RUNNING = frozenset(("cumsum", "cumprod"))
OF_THE_FIRST = frozenset(("recompute",))  # the derivative passes to the first operand as it is
WORK_PER_RECORD = 300  # the cost of a union of empty patterns, in elements of a pattern


class TooDense(Exception):
    """A pattern has outgrown the limit: a dense derivative is no more work."""


class Pattern:
    """A sparse boolean matrix, elements of a value by elements of the input, as CSR arrays: row k has the columns[starts[k]:starts[k + 1]], sorted."""

    __slots__ = ("starts", "columns")

    def __init__(self, starts, columns):
        self.starts, self.columns = starts, columns

    @property
    def rows(self):
        return np.repeat(np.arange(self.starts.size - 1), np.diff(self.starts))

    def transposed(self, width):
        """The Pattern of the transposed matrix; `width` columns become rows."""
        order = np.argsort(self.columns, kind="stable")
        return Pattern(_starts(np.bincount(self.columns, minlength=width)), self.rows[order])


def full_pattern(rows, columns):
    return Pattern(np.arange(rows + 1) * columns, np.tile(np.arange(columns), rows))


def jacobian_pattern(tape, source, target, limit, work):
    """The Pattern of the derivative of value `target` by value `source`. TooDense: some value's has more than `limit` elements, or all take more than `work`."""
    walk = _Walk(prod(tape.type_of(source).shape), limit, work)
    active = active_records(tape, [source])
    found = {source: walk.known(np.arange(walk.width + 1), np.arange(walk.width))}
    needed = bytearray(len(tape))
    needed[target] = 1
    for k in range(target, source, -1):
        if needed[k] and active[k]:
            for o in tape.operands_of(k):
                needed[o] = 1
    for k in range(source + 1, target + 1):
        if needed[k] and active[k]:
            pattern = _of_record(walk, tape, k, found)
            if pattern is not None:
                found[k] = pattern
    size = prod(tape.type_of(target).shape)
    return found.get(target) or Pattern(np.zeros(size + 1, np.intp), np.zeros(0, np.intp))


def _of_record(walk, tape, k, found):
    """The Pattern of record k, None where it depends on nothing."""
    row, operands, params = ROWS[tape.op[k]], tape.operands_of(k), tape.params_of(k)
    shape = tape.type_of(k).shape
    shapes = [tape.type_of(o).shape for o in operands]
    patterns = [found.get(o) for o in operands]
    name = row.name
    if row.kind == "elementwise" or name in PARTWISE:
        if row.kind == "elementwise":
            passes = _passes(row, tuple(tape.type_of(o).dtype for o in operands))
            patterns = [p if passing else None for p, passing in zip(patterns, passes)]
        return walk.union([walk.moved(p, s, ("broadcast", s, shape), lambda n: np.broadcast_to(n, shape)) for p, s in zip(patterns, shapes)])
    if all(p is None for p in patterns):
        return None
    if name in OF_THE_FIRST:
        return patterns[0]
    keywords = dict(zip(row.params, params))
    indices = None
    if name in ("take", "take_set", "take_add"):
        if tape.op[operands[1]] != CONSTANT:
            return walk.everything(patterns, prod(shape))
        indices = tape.params_of(operands[1])[0].array
    if name in ("index_add", "take_add"):
        at, v = patterns[0], patterns[-1]
        places = OPS["index"].evaluate(np, _numbers(shape), **keywords) if indices is None else OPS["take"].evaluate(np, _numbers(shape), indices, **keywords)
        return walk.union([at, v and walk.merged(v, places, prod(shape))])
    if name in MOVEMENTS:
        if len(operands) == 1:
            return walk.moved(patterns[0], shapes[0], (name, params, shapes[0]), lambda n: row.evaluate(np, n, **keywords))
        return walk.joined(patterns, shapes, lambda *numbers: row.evaluate(np, *numbers, **keywords), indices)
    if name in REDUCTIONS or name in RUNNING:
        axes = keywords["axes"] if name in REDUCTIONS else (keywords["axis"],)
        return walk.along(patterns[0], shapes[0], axes, name in RUNNING)
    if name == "matmul":
        return walk.union([_product(walk, patterns[0], shapes[0], shape, -1), _product(walk, patterns[1], shapes[1], shape, -2)])
    return walk.everything(patterns, prod(shape))


def _product(walk, pattern, shape, result, axis):
    """What a product of shape `result` takes from one factor, whose `axis` is summed over."""
    if pattern is None:
        return None
    axis %= len(shape)
    kept = shape[:axis] + (1,) + shape[axis + 1:]
    summed = walk.along(pattern, shape, (axis,), False)
    return walk.moved(summed, kept, ("broadcast", kept, result), lambda n: np.broadcast_to(n, result))


def _numbers(shape):
    """The numbers of a value's elements."""
    return np.arange(prod(shape)).reshape(shape)


_passing = {}  # (op code, dtypes) -> for each operand whether a derivative passes


def _passes(row, dtypes):
    """For each operand of an elementwise row whether its partial is other than zero by structure."""
    key = row.code, dtypes
    if key not in _passing:
        builder = Builder()
        types = [Type(dtype, ()) for dtype in dtypes]
        partials = row.partials(*[Expr(builder, builder.input(type, "")) for type in (*types, row.result(types))])
        if type(partials) is not tuple:
            partials = (partials,) * row.arity
        _passing[key] = [partial is not None and (type(partial) is Expr or callable(partial) or partial != 0) for partial in partials]
    return _passing[key]


def _starts(counts):
    out = np.zeros(counts.size + 1, np.intp)
    np.cumsum(counts, out=out[1:])
    return out


class _Walk:
    """The patterns of one walk: equal ones are one object, so that what was united before is found again."""

    def __init__(self, width, limit, work):
        self.width, self.limit, self.work = width, limit, work
        self._kept, self._united, self._moved = {}, {}, {}

    def known(self, starts, columns):
        """The Pattern with these arrays, None where it is empty."""
        if not columns.size:
            return None
        if columns.size > self.limit:
            raise TooDense
        key = starts.tobytes(), columns.tobytes()
        pattern = self._kept.get(key)
        if pattern is None:
            pattern = self._kept[key] = Pattern(starts, columns)
        return pattern

    def spend(self, elements):
        self.work -= WORK_PER_RECORD + elements
        if self.work < 0:
            raise TooDense

    def of_pairs(self, rows, columns, count):
        """The Pattern with these (row, column) pairs, which may repeat, of `count` rows."""
        self.spend(columns.size)
        keys = rows * self.width
        keys += columns
        keys.sort(kind="stable")
        if keys.size > 1:
            first = np.empty(keys.size, bool)
            first[0] = True
            np.not_equal(keys[1:], keys[:-1], out=first[1:])
            keys = keys[first]
        rows, columns = np.divmod(keys, self.width) if self.width > 1 else (keys, np.zeros_like(keys))
        return self.known(_starts(np.bincount(rows, minlength=count)), columns)

    def selected(self, pattern, numbers):
        """The rows with these numbers; an empty one for -1."""
        counts = np.diff(pattern.starts)[numbers]
        counts[numbers < 0] = 0
        starts = _starts(counts)
        total = int(starts[-1])
        self.spend(numbers.size + total)
        if total > self.limit:
            raise TooDense
        places = np.arange(total)
        places += np.repeat(pattern.starts[numbers] - starts[:-1], counts)
        return self.known(starts, pattern.columns[places])

    def moved(self, pattern, shape, key, move):
        """The pattern of move(value), which takes elements of one value of `shape` to places (with 0 elsewhere); `key` tells moves apart."""
        if pattern is None:
            return None
        numbers = self._moved.get(key)
        if numbers is None:
            numbers = self._moved[key] = np.ravel(move(_numbers(shape) + 1)) - 1
        if numbers.size == pattern.starts.size - 1 and np.array_equal(numbers, np.arange(numbers.size)):
            return pattern
        return self.selected(pattern, numbers)

    def joined(self, patterns, shapes, move, indices):
        """As `moved`, of several values; `indices`, where given, is the second operand of the move, as it is."""
        numbers, start = [], 0
        starts, columns = [np.zeros(1, np.intp)], []
        for pattern, shape in zip(patterns, shapes):
            if pattern is None:
                numbers.append(np.zeros(shape, np.intp))
                continue
            numbers.append(_numbers(shape) + 1 + start)
            start += prod(shape)
            starts.append(pattern.starts[1:] + starts[-1][-1])
            columns.append(pattern.columns)
        if indices is not None:
            numbers[1] = indices
        return self.selected(Pattern(np.concatenate(starts), np.concatenate(columns)), np.ravel(move(*numbers)) - 1)

    def union(self, patterns):
        """The union of patterns of equally many rows; None is the empty one."""
        out = None
        for pattern in patterns:
            if out is None or pattern is None or pattern is out:
                out = out if pattern is None else pattern
                continue
            key = (id(out), id(pattern)) if id(out) < id(pattern) else (id(pattern), id(out))
            union = self._united.get(key)
            if union is None:
                rows, columns = np.concatenate([out.rows, pattern.rows]), np.concatenate([out.columns, pattern.columns])
                union = self._united[key] = self.of_pairs(rows, columns, out.starts.size - 1)
            out = union
        return out

    def merged(self, pattern, group, count):
        """The pattern of `count` rows whose row g is the union of the rows k with group[k] = g."""
        return self.of_pairs(np.ravel(group)[pattern.rows], pattern.columns, count)

    def along(self, pattern, shape, axes, back):
        """The union over some axes, which are dropped, or (`back`) along which it is repeated."""
        kept = tuple(1 if axis in axes else n for axis, n in enumerate(shape))
        group = np.broadcast_to(_numbers(kept), shape)
        merged = self.merged(pattern, group, prod(kept))
        return self.selected(merged, np.ravel(group)) if back else merged

    def everything(self, patterns, count):
        """`count` rows, each with all columns that occur."""
        columns = np.unique(np.concatenate([p.columns for p in patterns if p is not None]))
        self.spend(columns.size * count)
        if columns.size * count > self.limit:
            raise TooDense
        return self.known(np.arange(count + 1) * columns.size, np.tile(columns, count))
