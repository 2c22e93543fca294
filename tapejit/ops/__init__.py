"""The op table: every operation that a tape can hold, each stated once. See `table.py` for what a row says."""

from . import (
    bessel,
    comparisons,
    complexes,
    custom,
    decompositions,
    distribution_functions,
    elementwise,
    error_functions,
    factors,
    fft,
    filters,
    gamma_functions,
    hypergeometric,
    incomplete,
    linalg,
    linear,
    matrix_functions,
    rules,
    special,
    sparse,
)
from .table import DTYPES, FLOATS, OPS, REAL_OF, ROWS, Expr, Op, Type, broadcast_shape, register

MODULES = (special, comparisons, elementwise, linear, rules, custom, complexes, fft, linalg, factors, decompositions, matrix_functions,
           error_functions, gamma_functions, incomplete, bessel, hypergeometric, distribution_functions, sparse, filters)
for _module in MODULES:
    register(vars(_module))

__all__ = ["DTYPES", "FLOATS", "OPS", "REAL_OF", "ROWS", "Expr", "Op", "Type", "broadcast_shape", "register"]
