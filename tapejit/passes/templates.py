"""Templates: the reverse rule of an elementwise row, run once on symbols and kept as a short list of steps.

A long scalar tape applies the same few rules thousands of times. Running a rule makes an `Expr` per value and tries the identities
anew; a template's steps are appended straight to the columns. It serves records whose operands and result have one type, where no operand and no
cotangent is a constant or a negation (there the identities have something to say, and the rule itself is run).
"""

from __future__ import annotations

from ..ops import OPS, ROWS, Type
from ..ops.table import Expr
from ..tape import Builder
from ..tape.tape import CONSTANT, INPUT
from .identities import REWRITE, TELLING

_ADD = OPS["add"].code
_SCALAR = Type("f64", ())


class Template:
    """The steps of one rule for one set of active operands.

    given          number of values given: the operands, the result, the cotangent
    steps          (op code, operand refs, is_bool) or (CONSTANT, number, False); ref r < given is a given value, else step r - given
    contributions  (operand place, ref) for each active operand with a contribution
    """

    __slots__ = ("given", "steps", "contributions")

    def __init__(self, row, mask, scaled):
        builder = Builder(rewrite=REWRITE)
        exprs = [Expr(builder, builder.input(_SCALAR, str(k))) for k in range(row.arity + 2)]
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
                    self.steps.append((CONSTANT, float(params[0].array), False))
                else:
                    self.steps.append((row_.code, tuple(place_of[o] for o in operands), type_.dtype == "bool"))
        self.contributions = tuple((place, place_of[id]) for place, id in wanted.items())


class Templates:
    """The templates used while one tape is differentiated."""

    def __init__(self, builder, active, scaled):
        self.builder, self.active, self.scaled = builder, active, scaled
        self.known = {}

    def pull(self, code, k, operands, ct, cotangent):
        """Append the contributions of record k to the cotangents of its operands; False where the rule itself must be run."""
        builder = self.builder
        tape = builder.tape
        op, types = tape.op, tape.type
        type_ = types[k]
        if op[ct] in TELLING or types[ct] != type_:
            return False
        active = self.active
        mask = code
        for o in operands:
            if types[o] != type_ or (op[o] in TELLING and code not in _LINEAR_ENOUGH):
                return False
            mask = mask * 2 + active[o]
        mask = mask, len(operands)
        template = self.known.get(mask)
        if template is None:
            template = self.known[mask] = Template(ROWS[code], [active[o] for o in operands], self.scaled)
        values = [*operands, k, ct]
        seen, line = builder._seen, builder.line
        for step_code, refs, is_bool in template.steps:
            if step_code == CONSTANT:
                values.append(builder.number(refs, tape.types[type_].dtype))
                continue
            mapped = tuple([values[r] for r in refs])
            key = step_code, mapped, 0
            id = seen.get(key)
            if id is None:
                result = builder.type_index(Type("bool", tape.types[type_].shape)) if is_bool else type_
                id = seen[key] = builder.append(step_code, mapped, result, 0, line)
            values.append(id)
        for place, ref in template.contributions:
            o, id = operands[place], values[ref]
            previous = cotangent.get(o)
            if previous is None:
                cotangent[o] = id
            elif op[id] in TELLING or op[previous] in TELLING:
                cotangent[o] = builder.emit(OPS["add"], (previous, id))
            else:
                key = _ADD, (previous, id), 0
                total = seen.get(key)
                if total is None:
                    total = seen[key] = builder.append(_ADD, (previous, id), type_, 0, line)
                cotangent[o] = total
        return True


_LINEAR_ENOUGH = frozenset(OPS[name].code for name in ("add", "subtract", "multiply"))  # constant operands leave nothing to fold
