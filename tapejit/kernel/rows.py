"""Which instructions the op table gives the kernel: one per elementwise row and native dtype, and the casts.

The build prints these rows as `csrc/generated/ops.def`; when the kernel is imported, `program.py` compares them with what was
compiled in. Imports the op table alone, so that the build can run it before NumPy is needed.
Read next: `csrc/build_kernel.py`, `csrc/program.h`.
"""

from collections import namedtuple

from ..ops import ROWS
from ..ops.table import Type

NATIVE = ("bool", "i32", "i64", "f32", "f64")  # the dtypes that the kernel computes in; a dtype's code is its place here

Row = namedtuple("Row", "name dtype first result arity text vector")
Row.__doc__ = """One elementwise instruction: `first` is the dtype of operand 0, `dtype` that of the others (and of operand 0 but for
`where`), `result` the result's; `text` is the C expression, `vector` the name of a vector math function or None."""


def kernel_rows():
    """The Rows of the op table, in table order, then the casts."""
    rows = []
    for op in ROWS:
        if op.kind == "elementwise" and op.c is not None:
            rows += [row for dtype in op.dtypes if dtype in NATIVE for row in _row(op, dtype)]
    for dtype in NATIVE:
        rows += [Row(f"cast_{to}", dtype, dtype, to, 1, _cast_text(dtype, to), None) for to in NATIVE if to != dtype]
    return rows


def _row(op, dtype):
    first = "bool" if op.name == "where" else dtype
    result = op.result([Type(first, ())] + [Type(dtype, ())] * (op.arity - 1)).dtype
    if result in NATIVE:
        yield Row(op.name, dtype, first, result, op.arity, op.c, op.vector if dtype in ("f32", "f64") else None)


def _cast_text(dtype, to):
    if to in ("i32", "i64") and dtype in ("f32", "f64"):
        return f"tj_to_{to}(x)"
    return "x"
