"""Simplify: one walk over a tape that drops dead records, folds constants, finds equal records again and applies the
exact identities of `identities.py`. It returns the Builder, so that the differentiate pass goes on appending to the
same tape with the same knowledge: nothing is simplified twice.
"""

from __future__ import annotations

import math
from itertools import compress

import numpy as np

from ..ops import OPS, ROWS
from ..tape import Builder
from ..tape.interpret import evaluate
from ..tape.tape import CONSTANT, GUARD, HOST, INPUT
from .identities import ARITHMETIC, REWRITE, TELLING, stretched

FOLD_LIMIT = 4096  # elements: a larger constant costs more memory than the record that makes it


class FoldingBuilder(Builder):
    """A Builder that evaluates a record whose operands are all constants."""

    def emit(self, row, operands, params=(), type=None):
        op = self.tape.op
        for o in operands:
            code = op[o]
            if code != CONSTANT and code != _BROADCAST:
                break
        else:
            id = self._fold(row, operands, params)
            if id is not None:
                return id
        return Builder.emit(self, row, operands, params, type)

    def _fold(self, row, operands, params):
        if not operands or row.kind == "special" or row.code in (_BROADCAST, _RECOMPUTE):
            return None
        if row.kind == "elementwise":  # on stretched scalars: fold the scalar, stretch the result
            values = [self.uniform_value(o) for o in operands]
            if all(value is not None for value in values):
                with np.errstate(all="ignore"):
                    return stretched(self, self.constant(evaluate(row, values, params)), operands)
        arrays = [self.constant_value(o) for o in operands]
        if any(array is None for array in arrays) or sum(array.size for array in arrays) > FOLD_LIMIT:
            return None
        with np.errstate(all="ignore"):
            value = np.asarray(evaluate(row, arrays, params))
        return self.constant(value) if value.size <= FOLD_LIMIT else None


_BROADCAST, _RECOMPUTE = OPS["broadcast"].code, OPS["recompute"].code  # recompute: told apart from all other values, also of a constant


def is_plain(array):
    """Whether a constant is a float scalar other than 0 and the powers of two (1, -1 and 2 among them)."""
    return array.ndim == 0 and array.dtype.kind == "f" and abs(math.frexp(array)[0]) not in (0.0, 0.5)


def simplify(tape):
    """A FoldingBuilder whose tape computes what `tape` does, with fewer records; inputs and outputs keep their positions."""
    live = live_records(tape)
    builder = FoldingBuilder(tape.name, REWRITE, tables_of=tape)
    op, first, operands, types, params, lines = tape.op, tape.first, tape.operands, tape.type, tape.param, tape.line
    new = [0] * len(op)
    out, seen, rewrite = builder.tape, builder._seen, builder.rewrite
    out_op = out.op
    out_operands, out_first, out_type, out_param, out_line = out.operands, out.first, out.type, out.param, out.line
    plain = set()  # constants that no identity asks for: the usual coefficients of scalar code
    for k in range(len(op)):
        if not live[k]:
            continue
        code = op[k]
        mapped = tuple([new[o] for o in operands[first[k]:first[k + 1]]])
        builder.line = lines[k]
        if code < _ORDINARY or (code in rewrite and code not in ARITHMETIC):
            new[k] = translate(builder, tape, k, code, mapped)
            if code == CONSTANT and is_plain(tape.params_of(k)[0].array):
                plain.add(new[k])
            continue
        for o in mapped:  # the common case, written out: nothing to fold, no identity applies
            if out_op[o] in TELLING and o not in plain:
                break
        else:
            if mapped[0] in plain and all(o in plain for o in mapped):
                new[k] = translate(builder, tape, k, code, mapped)
                continue
            key = (code, mapped, params[k])
            id = seen.get(key)
            if id is None:
                id = seen[key] = len(out_op)
                out_op.append(code)
                out_operands.extend(mapped)
                out_first.append(len(out_operands))
                out_type.append(types[k])
                out_param.append(params[k])
                out_line.append(lines[k])
            new[k] = id
            continue
        new[k] = translate(builder, tape, k, code, mapped)
    out.outputs = [new[id] for id in tape.outputs]
    return builder


_ORDINARY = 1 + max(INPUT, CONSTANT, GUARD, HOST)


def translate(builder, tape, k, code, mapped):
    """The id of record k of `tape` in `builder`."""
    params = tape.params_of(k)
    if code == INPUT:
        return builder.input(tape.type_of(k), params[1])
    if code == GUARD:
        if builder.constant_value(mapped[0]) is None:  # a guard on a constant held when the tape was made, and holds for ever
            builder.guard(mapped[0], params[0])
        return 0
    return builder.emit(ROWS[code], mapped, params, tape.type_of(k))


KEPT = frozenset([GUARD, *(row.code for row in ROWS if row.raises)])
_KEPT = np.array(sorted(KEPT), dtype=np.uint16)


def live_records(tape, guards=True):
    """A bytearray: 1 for each record that an output or (unless told otherwise) a guard or a record that can raise needs, and for every input."""
    op, first, operands = tape.op, tape.first, tape.operands
    live = bytearray(len(op))
    for id in tape.outputs:
        live[id] = 1
    for id in tape.inputs:
        live[id] = 1
    if guards and len(operands):  # where every other record is an operand of some record, none is dead
        used = np.frombuffer(live, dtype=bool) | np.isin(np.frombuffer(op, np.uint16), _KEPT)
        used[np.frombuffer(operands, np.int32)] = True
        if used.all():
            return bytearray(b"\1") * len(op)
    for k in range(len(op) - 1, -1, -1):
        if live[k] or (guards and op[k] in KEPT):
            live[k] = 1
            for o in operands[first[k]:first[k + 1]]:
                live[o] = 1
    return live


def remove_dead(tape):
    """The tape without the records that neither an output nor a guard nor a record that can raise needs."""
    return _compact(tape, live_records(tape))


def without_guards(tape):
    """The tape without its guards, and without what only they need."""
    return _compact(tape, live_records(tape, guards=False))


def _compact(tape, live):
    """The tape's records for which `live` is 1, renumbered."""
    if all(live):
        return tape
    out = type(tape)(tape.name)
    out.types, out.params, out.lines, out.log = tape.types, tape.params, tape.lines, tape.log
    keep = np.frombuffer(live, dtype=bool)
    new = np.cumsum(keep, dtype=np.int32) - np.int32(1)
    counts = np.diff(np.frombuffer(tape.first, dtype=np.int32))
    operands = np.frombuffer(tape.operands, dtype=np.int32)[np.repeat(keep, counts)] if len(tape.operands) else np.zeros(0, np.int32)
    out.operands.frombytes(new[operands].tobytes())
    out.first.frombytes(np.cumsum(counts[keep], dtype=np.int32).tobytes())
    for name in ("op", "type", "param", "line"):
        getattr(out, name).extend(compress(getattr(tape, name), live))
    out.inputs = [int(new[id]) for id in tape.inputs]
    out.outputs = [int(new[id]) for id in tape.outputs]
    return out
