"""Differentiate: append to a tape the records of its derivative, forward or reverse.

The derivative of a tape is a tape: rules emit ordinary records through the same Builder, so primal and derivative share
values, and the result can be differentiated again. In: a Builder that holds a simplified tape. Out: ids of tangents or
cotangents. Zero is represented by absence: no record is ever made for a tangent or cotangent that is zero by structure.
"""

from __future__ import annotations

from ..ops import FLOATS, OPS, REAL_OF, ROWS
from ..ops.linear import sum_to, zeros
from ..ops.table import Expr
from .templates import template_pull


def active_records(tape, sources, start=0):
    """A bytearray: 1 for each floating value that depends differentiably on one of the values `sources`, none of which stands before `start`."""
    active = bytearray(len(tape))
    for id in sources:
        active[id] = 1
    floating = [type.dtype in FLOATS for type in tape.types]
    carries = [row.differentiable for row in ROWS]
    op, first, operands, types = tape.op, tape.first, tape.operands, tape.type
    for k in range(start, len(op)):
        if not active[k] and floating[types[k]] and carries[op[k]]:
            for o in operands[first[k]:first[k + 1]]:
                if active[o]:
                    active[k] = 1
                    break
    return active


def reverse(builder, seeds, sources, start=0):
    """Append the reverse sweep: the cotangents of the values `sources`, or None where they are zero.

    seeds: {value id: cotangent id}; start: no source stands before it. One backward loop over the tape as it stood; contributions are added as they meet.
    """
    tape = builder.tape
    active = active_records(tape, sources, start)
    cotangent = {id: ct for id, ct in seeds.items() if active[id]}
    kept = set(sources)
    kind = [row.kind for row in ROWS]
    pull = template_pull(builder, active, scaled)
    op, first, operands, lines = tape.op.tolist(), tape.first.tolist(), tape.operands.tolist(), tape.line.tolist()
    for k in range(len(op) - 1, start - 1, -1):
        if not active[k] or k not in cotangent:
            continue
        ct = cotangent[k] if k in kept else cotangent.pop(k)
        code = op[k]
        if kind[code] == "special":
            continue
        builder.line = lines[k]
        if kind[code] == "elementwise" and pull(code, k, operands[first[k]:first[k + 1]], ct, cotangent):
            continue
        _PULL[kind[code]](builder, ROWS[code], k, Expr(builder, ct), active, cotangent)
    return [cotangent.get(id) for id in sources]


def _add_to(cotangent, id, contribution):
    """Add a contribution (an Expr of the primal's shape) to the cotangent of value `id`."""
    previous = cotangent.get(id)
    if previous is not None:
        contribution = Expr(contribution.builder, previous) + contribution
    cotangent[id] = contribution.id


def _pull_elementwise(builder, row, k, ct, active, cotangent):
    tape = builder.tape
    operands = tape.operands_of(k)
    partials = row.partials(*[Expr(builder, o) for o in operands], Expr(builder, k))
    if type(partials) is not tuple:
        partials = (partials,)
    for o, partial in zip(operands, partials):
        if active[o] and partial is not None:
            contribution = scaled(ct, partial, row)
            if contribution is not None:
                _add_to(cotangent, o, sum_to(contribution, tape.types[tape.type[o]].shape))


def scaled(ct, partial, row):
    """partial * ct (a partial may be a function that gives it); None when it is zero. Zero-safe where the partials may be infinite or NaN."""
    if type(partial) is not Expr:
        if callable(partial):
            return scaled(ct, partial(), row)
        if partial == 0:
            return None
        return ct if partial == 1 else -ct if partial == -1 else partial * ct
    if partial.dtype == "bool":  # a selection: exactly zero where it is false, whatever ct is there
        return OPS["where"](partial, ct, 0)
    if ct.dtype != partial.dtype:  # the result is real, the operand complex: the partial is the gradient (`ops/complexes.py`)
        ct = OPS["cast"](ct, dtype=partial.dtype)
    if row.zero_safe:
        return OPS["zero_mul"](ct, partial)
    return ct * partial


def _pull_linear(builder, row, k, ct, active, cotangent):
    tape = builder.tape
    operands = tape.operands_of(k)
    exprs = [Expr(builder, o) for o in operands]
    params = dict(zip(row.params, tape.params_of(k)))
    if row.accumulate is not None:  # a part of operand 0: add into its cotangent, or into zeros
        target = operands[0]
        if active[target]:
            previous = cotangent.get(target)
            into = zeros(ct, exprs[0].shape) if previous is None else Expr(builder, previous)
            cotangent[target] = row.accumulate(into, ct, *exprs[1:], **params).id
        return
    for o, contribution in zip(operands, row.transpose(ct, *exprs, **params)):
        if active[o] and contribution is not None:
            _add_to(cotangent, o, contribution)


def _pull_rule(builder, row, k, ct, active, cotangent):
    tape = builder.tape
    operands = tape.operands_of(k)
    params = dict(zip(row.params, tape.params_of(k)))
    contributions = row.vjp(ct, tuple(Expr(builder, o) for o in operands), Expr(builder, k), **params)
    for o, contribution in zip(operands, contributions):
        if active[o] and contribution is not None:
            _add_to(cotangent, o, contribution)


_PULL = {"elementwise": _pull_elementwise, "linear": _pull_linear, "multilinear": _pull_linear, "rule": _pull_rule}


def forward(builder, tangents, results, start=0):
    """Append the forward sweep: the tangents of the values `results`, or None where they are zero.

    tangents: {value id: tangent id}; start: none of these values stands before it. One forward loop over the tape as it stood.
    """
    tape = builder.tape
    active = active_records(tape, tangents, start)
    needed = bytearray(len(tape))
    for id in results:
        needed[id] = 1
    end = max(results, default=-1) + 1
    for k in range(end - 1, start - 1, -1):
        if needed[k]:
            for o in tape.operands_of(k):
                needed[o] = 1
    dots = {id: Expr(builder, dot) for id, dot in tangents.items()}
    for k in range(start, end):
        if not needed[k] or not active[k] or k in dots:
            continue
        row = ROWS[tape.op[k]]
        operands = tape.operands_of(k)
        if not any(o in dots for o in operands):
            continue
        builder.line = tape.line[k]
        dot = _PUSH[row.kind](builder, row, k, operands, dots)
        if dot is not None:
            dots[k] = dot
    return [dots[id].id if id in dots else None for id in results]


def _push_elementwise(builder, row, k, operands, dots):
    partials = row.partials(*[Expr(builder, o) for o in operands], Expr(builder, k))
    if type(partials) is not tuple:
        partials = (partials,)
    total = None
    for o, partial in zip(operands, partials):
        if o in dots and partial is not None:
            term = scaled(dots[o], partial, row)
            if term is not None:
                total = term if total is None else total + term
    dtype, shape = builder.type_of(k)
    if total is not None and total.dtype in REAL_OF and dtype not in REAL_OF:
        total = OPS["real"](total)
    if total is not None and total.shape != shape:
        total = OPS["broadcast"](total, shape=shape)
    return total


def _push_linear(builder, row, k, operands, dots):
    params = dict(zip(row.params, builder.tape.params_of(k)))
    some = next(iter(dots[o] for o in operands if o in dots))
    moved = []
    for o in operands:
        if o in dots:
            moved.append(dots[o])
        else:
            x = Expr(builder, o)
            moved.append(zeros(_like(some, x), x.shape) if x.dtype in FLOATS else x)
    return row(*moved, **params)


def _like(some, x):
    """An Expr with the dtype of x, for `zeros`."""
    return some if some.dtype == x.dtype else x


def _push_multilinear(builder, row, k, operands, dots):
    params = dict(zip(row.params, builder.tape.params_of(k)))
    total = None
    for place, o in enumerate(operands):
        if o in dots:
            term = row(*[dots[o] if p == place else Expr(builder, q) for p, q in enumerate(operands)], **params)
            total = term if total is None else total + term
    return total


def _push_rule(builder, row, k, operands, dots):
    params = dict(zip(row.params, builder.tape.params_of(k)))
    return row.jvp(tuple(dots.get(o) for o in operands), tuple(Expr(builder, o) for o in operands), Expr(builder, k), **params)


_PUSH = {"elementwise": _push_elementwise, "linear": _push_linear, "multilinear": _push_multilinear, "rule": _push_rule}
