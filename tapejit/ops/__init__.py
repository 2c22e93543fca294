"""The op table: every operation that a tape can hold, each stated once. See `table.py` for what a row says."""

from . import (
    comparisons,
    complexes,
    custom,
    decompositions,
    elementwise,
    factors,
    fft,
    linalg,
    linear,
    matrix_functions,
    rules,
    special,
)
from .table import DTYPES, FLOATS, OPS, REAL_OF, ROWS, Expr, Op, Type, broadcast_shape, register

for _module in (special, comparisons, elementwise, linear, rules, custom, complexes, fft, linalg, factors, decompositions, matrix_functions):
    register(vars(_module))

__all__ = ["DTYPES", "FLOATS", "OPS", "REAL_OF", "ROWS", "Expr", "Op", "Type", "broadcast_shape", "register"]
