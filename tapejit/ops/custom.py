"""Rows that say how derivatives pass, and compute nothing: their value is their first operand. Before a tape is compiled they are dropped
(`passes/markers.py`); in a tape that is traced through they stay, so that a second derivative meets them again.
"""

from .table import Type, rule


def _first(np, x, *others, **params):
    return x


def _type_of_first(types, **params):
    return Type(*types[0])


stop_gradient = rule(_first, result=_type_of_first, doc="The operand; no derivative passes.")

override = rule(
    _first, params=("rule",), arity=None, result=_type_of_first, domain="any",
    jvp=lambda dots, operands, y, rule: rule.push(dots, operands, y),
    vjp=lambda ct, operands, y, rule: rule.pull(ct, operands, y),
    doc="The first operand, whose derivative by the others is what `rule` says (`passes/custom_rules.py`), not what its own records say.")

recompute = rule(
    _first, params=("token",), arity=None, result=_type_of_first,
    jvp=lambda dots, operands, y, token: dots[0], vjp=lambda ct, operands, y, token: (ct,) + (None,) * (len(operands) - 1),
    doc="The first operand, told apart from all other values by `token`: what is computed from it is not found again among earlier records, and "
        "not before the second operand is known, if there is one.")
