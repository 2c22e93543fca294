"""The op table: every operation that a tape can hold, each stated once. See `table.py` for what a row says."""

from . import comparisons, complexes, custom, elementwise, fft, linear, rules, special
from .table import DTYPES, FLOATS, OPS, REAL_OF, ROWS, Expr, Op, Type, broadcast_shape, register

for _module in (special, comparisons, elementwise, linear, rules, custom, complexes, fft):
    register(vars(_module))

__all__ = ["DTYPES", "FLOATS", "OPS", "REAL_OF", "ROWS", "Expr", "Op", "Type", "broadcast_shape", "register"]
