"""Templates: the reverse rule of an elementwise row, run once on symbols and kept as a short list of steps.

A long tape applies the same few rules thousands of times. Running a rule makes an `Expr` per value and tries the identities anew; a
template's steps are appended straight to the columns. It serves records whose operands and result have one type, constants aside: where a
constant operand gives the identities something to say, there is a template for this constant. Where another value does, the rule itself is run.
"""

from __future__ import annotations

from ..ops import OPS, REAL_OF, ROWS, Type
from ..ops.table import Expr
from ..tape.tape import CONSTANT, INPUT
from .identities import REWRITE, TELLING
from .simplify import FoldingBuilder

_ADD = OPS["add"]


class Template:
    """The steps of one rule, on values of one dtype, for one set of active operands and the numbers that some of the others are.

    given          number of values given: the operands, the result, the cotangent
    steps          (op code, first, second, refs, is_bool): `first` and `second` are the refs of a binary op, else None; or (CONSTANT, None, None,
                   number, dtype). Ref r < given is a given value, else step r - given
    contributions  (operand place, ref) for each active operand with a contribution
    fits           False when the rule makes records that a step cannot state (with parameters, or of another dtype)
    """

    __slots__ = ("given", "steps", "contributions", "fits")

    def __init__(self, row, dtype, mask, fixed, scaled):
        self.fits = dtype not in REAL_OF  # a step's constant is a real number
        if not self.fits:
            return
        builder = FoldingBuilder(rewrite=REWRITE)
        scalar = Type(dtype, ())
        inputs = [Expr(builder, builder.input(scalar, str(k))) for k in range(row.arity + 2)]
        exprs = [Expr(builder, builder.number(fixed[k], dtype)) if k in fixed else x for k, x in enumerate(inputs)]
        partials = row.partials(*exprs[:-1])
        if type(partials) is not tuple:
            partials = (partials,)
        wanted = {}
        for place, partial in enumerate(partials):
            if mask[place] and partial is not None:
                contribution = scaled(exprs[-1], partial, row)
                if contribution is not None:
                    wanted[place] = contribution.id
        tape = builder.tape
        needed = set(wanted.values())
        for k in range(len(tape) - 1, -1, -1):
            if k in needed:
                needed.update(tape.operands_of(k))
        self.given = len(exprs)
        self.steps = []
        place_of = {k: k for k in range(self.given)}
        for k, row_, operands, type_, params in tape.records():
            if row_.code != INPUT and k in needed:
                place_of[k] = self.given + len(self.steps)
                if row_.code == CONSTANT:
                    self.steps.append((CONSTANT, None, None, params[0].array.item(), type_.dtype))
                else:
                    self.fits &= not params and type_.dtype in (dtype, "bool")
                    refs = tuple(place_of[o] for o in operands)
                    self.steps.append((row_.code, *(refs if len(refs) == 2 else (None, None)), refs, type_.dtype == "bool"))
        self.contributions = tuple((place, place_of[id]) for place, id in wanted.items())
        self.fits &= all(tape.op[id] != CONSTANT for id in wanted.values())  # it would have to be stretched to the operand's shape


def template_pull(builder, active, scaled):
    """The function pull(code, k, operands, ct, cotangent): appends the contributions of record k to the cotangents of its operands.

    It answers False, having done nothing, where the rule itself must be run. Everything that it touches is bound once: it is the inner
    loop of differentiating a long tape.
    """
    tape, seen = builder.tape, builder._seen
    op, types, table = tape.op, tape.type, tape.types
    push_op, push_operands, push_first = op.append, tape.operands.extend, tape.first.append
    push_type, push_param, push_line = types.append, tape.param.append, tape.line.append
    flat_operands = tape.operands
    of_bools = {}  # index of a type -> that of the bools of its shape

    def bools(type_):
        index = of_bools[type_] = builder.type_index(Type("bool", table[type_].shape))
        return index

    def append(key, type_):
        id = seen[key] = len(op)
        push_op(key[0])
        push_operands(key[1])
        push_first(len(flat_operands))
        push_type(type_)
        push_param(0)
        push_line(builder.line)
        return id

    def pull(code, k, operands, ct, cotangent):
        type_ = types[k]
        if types[ct] != type_ or op[ct] in _CONSTANT or (op[ct] == _NEGATIVE and code in _NEGATING):
            return False
        mask, fixed = 1, ()
        for o in operands:
            mask = mask + mask + active[o]
            if op[o] in _CONSTANT:
                if active[o] or table[types[o]].dtype != table[type_].dtype or (types[o] != type_ and table[types[o]].shape):
                    return False
                if code not in _LINEAR_ENOUGH:
                    number = builder.uniform_value(o)
                    if not number or number != number:  # zeros are told apart by sign, and NaN is not itself: a key of a dict is neither
                        return False
                    fixed += ((mask.bit_length() - 2, float(number)),)
            elif types[o] != type_:
                return False
        key = code, mask, table[type_].dtype, fixed
        template = _known.get(key)
        if template is None:
            if len(_known) >= MOST_TEMPLATES:
                return False
            template = _known[key] = Template(ROWS[code], table[type_].dtype, [active[o] for o in operands], dict(fixed), scaled)
        if not template.fits:
            return False
        values = [*operands, k, ct]
        for step_code, first, second, refs, what in template.steps:
            if second is not None:
                key = step_code, (values[first], values[second]), 0
            elif step_code == CONSTANT:
                values.append(builder.number(refs, what))
                continue
            else:
                key = step_code, tuple([values[r] for r in refs]), 0
            id = seen.get(key)
            if id is None:
                id = append(key, type_ if not what else of_bools.get(type_) or bools(type_))
            values.append(id)
        for place, ref in template.contributions:
            o, id = operands[place], values[ref]
            previous = cotangent.get(o)
            if previous is not None:
                if op[id] in TELLING or op[previous] in TELLING:
                    id = builder.emit(_ADD, (previous, id))
                else:
                    key = _ADD.code, (previous, id), 0
                    total = seen.get(key)
                    id = append(key, type_) if total is None else total
            cotangent[o] = id
        return True

    return pull


_known = {}  # (op code, which operands are active, dtype, numbers that operands are) -> Template: rows do not change, so neither do these
MOST_TEMPLATES = 4096
_NEGATIVE = OPS["negative"].code
_NEGATING = frozenset((_NEGATIVE, OPS["subtract"].code))
_CONSTANT = TELLING - {_NEGATIVE}
_LINEAR_ENOUGH = frozenset(OPS[name].code for name in ("add", "subtract", "multiply"))  # constant operands leave nothing to fold
