"""The rules of `override` records: what a user's `custom_jvp`, `custom_vjp` or `checkpoint` says, kept as a tape.

A rule is spliced into the tape that is differentiated, as ordinary records, and so can be differentiated again. Each kind states one mode;
the other follows by transposition, since tangents depend linearly on tangents and cotangents on cotangents: `reverse` through the spliced records.
The operands of the record: its value, the n values it is differentiated by, then what else the rule's tape reads.
"""

from __future__ import annotations

import itertools

import numpy as np

from ..errors import UnsupportedError
from ..ops import OPS, ROWS
from ..ops.linear import zeros
from ..ops.packing import join, unpack
from ..ops.table import Expr
from ..tape.tape import GUARD, INPUT
from ..tape.types import DTYPE_OF_NAME, NAME_OF_DTYPE
from .differentiate import forward, reverse

_tokens = itertools.count()
OVERRIDE = OPS["override"].code


def splice(builder, tape, given, rule, others):
    """Append the records of a tape with the ids `given` for its inputs; the ids of its outputs.

    rule, others   whose tape it is and the ids of its other operands: what a SelfReference on the tape stands for
    """
    new = [0] * len(tape)
    for k, row, operands, type_, params in tape.records():
        if row.code == INPUT:
            new[k] = given[params[0]]
        elif row.code == GUARD:
            if builder.constant_value(new[operands[0]]) is None:
                builder.guard(new[operands[0]], params[0])
        elif row.code == OVERRIDE and type(params[0]) is SelfReference and params[0].rule is rule:
            new[k] = builder.emit(row, (*[new[o] for o in operands], *others), (rule,), type_)
        else:
            new[k] = builder.emit(ROWS[row.code], tuple([new[o] for o in operands]), params, type_)
    return [new[id] for id in tape.outputs]


def _apart(x, *after):
    """A new value of the type of the Expr x, which no other record computes; it is used when the Expr `after` is known, if that is given."""
    return OPS["recompute"](x, *after, token=next(_tokens))


class SelfReference:
    """Stands for the rule on whose own tape it is, where a function calls itself in its rule."""

    __slots__ = ("rule",)

    def _unknown(self, *args):
        raise UnsupportedError("a custom function is differentiated by another transform inside its own rule: state that derivative in the rule itself")

    push = pull = _unknown


class Packing:
    """How the parts of a value, of these Types, lie in it: flattened one behind the other in one dtype; a single part is the value."""

    __slots__ = ("types", "dtype")

    def __init__(self, types):
        self.types = types
        self.dtype = NAME_OF_DTYPE[np.result_type(*[DTYPE_OF_NAME[type_.dtype] for type_ in types])]

    def pack(self, values):
        """One value of many: Exprs, or tracers."""
        if len(self.types) == 1:
            return values[0]
        return join([_cast(x, type_.dtype, self.dtype) for x, type_ in zip(values, self.types)], [type_.shape for type_ in self.types])

    def unpack(self, value):
        """The parts of a value."""
        if len(self.types) == 1:
            return [value]
        return [_cast(x, self.dtype, type_.dtype) for x, type_ in zip(unpack(value, [type_.shape for type_ in self.types]), self.types)]


def _cast(x, dtype, target):
    return x if dtype == target else OPS["cast"](x, dtype=target)


class Rule:
    """A rule with its tape. Told apart by identity.

    count     number of the values that the record is differentiated by: its operands 1 .. count
    sources   by input of the tape: ('value', k), ('dot', k) its tangent, ('other', k) operand 1 + count + k, ('ct', k) and ('self', k) part k of the
              cotangent and of the record's value
    packing   of the record's value
    places    PullRule: by output of the tape, the value whose cotangent it is
    """

    __slots__ = ("name", "tape", "count", "sources", "packing", "places")

    def __init__(self, name, tape, count, sources, packing, places=()):
        self.name, self.tape, self.count, self.sources, self.packing, self.places = name, tape, count, tuple(sources), packing, tuple(places)

    def __repr__(self):
        return f"<{type(self).__name__} of {self.name}>"

    def spliced(self, operands, values, dots=(), cts=(), y=None):
        """The outputs of the rule's tape, spliced in, as Exprs."""
        given = {"value": values, "dot": dots, "ct": cts, "self": () if y is None else self.packing.unpack(y), "other": operands[1 + self.count:]}
        builder = operands[0].builder
        ids = [given[kind][k].id for kind, k in self.sources]
        return [Expr(builder, id) for id in splice(builder, self.tape, ids, self, [o.id for o in given["other"]])]

    def values(self, operands):
        return operands[1:1 + self.count]

    def contributions(self, operands, cotangents):
        """Cotangents of the values as those of all operands."""
        return (None, *cotangents, *[None] * (len(operands) - 1 - self.count))


def _pulled(outputs, cts, sources, start):
    """Cotangents of the Exprs `sources` through records from `start` on, for cotangents of `outputs`."""
    builder = outputs[0].builder
    seeds = {}
    for x, ct in zip(outputs, cts):
        seeds[x.id] = ct.id if x.id not in seeds else (Expr(builder, seeds[x.id]) + ct).id
    return [None if id is None else Expr(builder, id) for id in reverse(builder, seeds, [x.id for x in sources], start)]


class PullRule(Rule):
    """`custom_vjp`: the tape gives cotangents of the values at `places`."""

    __slots__ = ()

    def pull(self, ct, operands, y):
        out = [None] * self.count
        for place, found in zip(self.places, self.spliced(operands, self.values(operands), cts=self.packing.unpack(ct), y=y)):
            out[place] = _cast(found, found.dtype, operands[1 + place].dtype)
        return self.contributions(operands, out)

    def push(self, dots, operands, y):
        ct = _apart(y)
        found = self.spliced(operands, self.values(operands), cts=self.packing.unpack(ct), y=y)
        pairs = [(x, dots[1 + place]) for place, x in zip(self.places, found) if dots[1 + place] is not None]
        return _pulled([x for x, _ in pairs], [dot for _, dot in pairs], [ct], ct.id)[0] if pairs else None


class PushRule(Rule):
    """`custom_jvp`: the tape gives the tangents of the value's parts."""

    __slots__ = ()

    def push(self, dots, operands, y):
        values = self.values(operands)
        if all(dot is None for dot in dots[1:1 + self.count]):
            return None
        dots = [zeros(x, x.shape) if dot is None else dot for x, dot in zip(values, dots[1:])]
        return self.packing.pack([_cast(x, x.dtype, type_.dtype) for x, type_ in zip(self.spliced(operands, values, dots), self.packing.types)])

    def pull(self, ct, operands, y):
        start = len(ct.builder.tape)
        values = self.values(operands)
        dots = [_apart(x) for x in values]
        found = self.spliced(operands, values, dots)
        return self.contributions(operands, _pulled(found, self.packing.unpack(ct), dots, start))


class AgainRule(Rule):
    """`checkpoint`: the tape gives the value's parts. The reverse sweep computes them again instead of keeping what is between."""

    __slots__ = ()

    def push(self, dots, operands, y):
        builder = y.builder
        start = len(builder.tape)
        values = [_apart(x) for x in self.values(operands)]
        found = self.spliced(operands, values)
        tangents = {x.id: dot.id for x, dot in zip(values, dots[1:]) if dot is not None}
        if not tangents:
            return None
        moved = forward(builder, tangents, [x.id for x in found], start)
        return self.packing.pack([zeros(x, x.shape) if id is None else Expr(builder, id) for x, id in zip(found, moved)])

    def pull(self, ct, operands, y):
        start = len(ct.builder.tape)
        values = [_apart(x, ct) for x in self.values(operands)]  # a pullback keeps the arguments alone
        found = self.spliced(operands, values)
        return self.contributions(operands, _pulled(found, self.packing.unpack(ct), values, start))
