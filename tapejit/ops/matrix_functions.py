"""Rows of functions of square matrices (exponential, square root), the Sylvester equation of their derivatives, and banded systems.

SciPy evaluates them, and is asked for when a value is first needed. Read next: `linalg.py`, whose helpers are used here.
"""

from .lapack import scipy_linalg, stacked
from .linalg import NUMBERS, mm, mT
from .linear import zeros
from .table import OPS, Type, rule


def _expm(np, a):
    return scipy_linalg("expm").expm(a) if a.size else np.array(a)


def _along(a, h):
    """The derivative of expm at a along h: a corner of the exponential of [[a, h], [0, a]]."""
    n, last = a.shape[-1], len(a.shape) - 1
    block = OPS["concatenate"](
        OPS["concatenate"](a, h, axis=last), OPS["concatenate"](zeros(a, a.shape), a, axis=last), axis=last - 1)
    corner = tuple((0, k, 1) for k in a.shape[:-2]) + ((0, n, 1), (n, n, 1))
    return OPS["index"](OPS["expm"](block), idx=corner)


expm = rule(
    _expm, result=lambda types: types[0], dtypes=NUMBERS,
    jvp=lambda dots, operands, y: _along(operands[0], dots[0]),
    vjp=lambda ct, operands, y: (mT(_along(operands[0], mT(ct))),),
    doc="The matrix exponential.")


def _sylvester(np, a, b, q):
    if q.size == 0:
        return np.zeros(q.shape, q.dtype)
    solve = scipy_linalg("solve_sylvester").solve_sylvester
    lead = q.shape[:-2]
    if not lead:
        return solve(a, b, q)
    return np.stack([solve(*parts) for parts in zip(*(x.reshape((-1,) + x.shape[-2:]) for x in (a, b, q)))]).reshape(q.shape)


def _sylvester_jvp(dots, operands, y):
    a, b, _ = operands
    da, db, dq = dots
    change = dq
    for moved in (None if da is None else mm(da, y), None if db is None else mm(y, db)):
        if moved is not None:
            change = -moved if change is None else change - moved
    return OPS["sylvester"](a, b, change)


def _sylvester_vjp(ct, operands, y):
    bar = OPS["sylvester"](mT(operands[0]), mT(operands[1]), ct)
    return -mm(bar, mT(y)), -mm(mT(y), bar), bar


sylvester = rule(
    _sylvester, arity=3, result=lambda types: types[2], jvp=_sylvester_jvp, vjp=_sylvester_vjp, dtypes=NUMBERS,
    doc="x with a x + x b = q.")


def _sqrtm(np, a):
    if a.size == 0:
        return np.array(a)
    root = stacked(np, scipy_linalg("sqrtm").sqrtm, a)
    if root.dtype.kind == "c" and a.dtype.kind != "c":
        from ..errors import UnsupportedError

        raise UnsupportedError("sqrtm of a real matrix with negative or complex eigenvalues is a complex matrix: pass a.astype(complex)")
    return root.astype(a.dtype, copy=False)


sqrtm = rule(
    _sqrtm, result=lambda types: Type(types[0].dtype, types[0].shape), dtypes=NUMBERS,
    jvp=lambda dots, operands, y: OPS["sylvester"](y, y, dots[0]),
    vjp=lambda ct, operands, y: (OPS["sylvester"](mT(y), mT(y), ct),),
    doc="The principal square root of a matrix: real for a real one, or an UnsupportedError.")


# --- banded systems: ab[above + i - j, j] is a[i, j] -----------------------------------------------------------------


def _band(n, d):
    """Where diagonal d (that of i = j + d) lies: its first column, its first row, its length."""
    return max(0, -d), max(0, d), n - abs(d)


def _diagonals(below, above, n):
    return [d for d in range(-above, below + 1) if abs(d) < n]


def _along_diagonal(ab, above, d):
    n = ab.shape[1]
    column, _, count = _band(n, d)
    return OPS["index"](ab, idx=(above + d, (column, count, 1)))


def _rows_from(x, start, count):
    return OPS["index"](x, idx=((start, count, 1), (0, x.shape[1], 1)))


def _banded_product(ab, x, below, above):
    n = ab.shape[1]
    y = zeros(x, x.shape)
    for d in _diagonals(below, above, n):
        column, row, count = _band(n, d)
        scale = OPS["reshape"](_along_diagonal(ab, above, d), shape=(count, 1))
        y = OPS["index_add"](y, scale * _rows_from(x, column, count), idx=((row, count, 1), (0, x.shape[1], 1)))
    return y


def _banded_transpose(ab, below, above):
    n = ab.shape[1]
    out = zeros(ab, ab.shape)
    for d in _diagonals(below, above, n):
        _, row, count = _band(n, d)
        out = OPS["index_add"](out, _along_diagonal(ab, above, d), idx=(below - d, (row, count, 1)))
    return out


def _solve_banded_jvp(dots, operands, y, below, above):
    ab, b = operands
    da, db = dots
    change = db
    if da is not None:
        moved = _banded_product(da, y, below, above)
        change = -moved if db is None else db - moved
    return OPS["solve_banded"](ab, change, below=below, above=above)


def _solve_banded_vjp(ct, operands, y, below, above):
    ab, _ = operands
    n = ab.shape[1]
    bar = OPS["solve_banded"](_banded_transpose(ab, below, above), ct, below=above, above=below)
    out = zeros(ab, ab.shape)
    for d in _diagonals(below, above, n):
        column, row, count = _band(n, d)
        outer = OPS["sum"](_rows_from(bar, row, count) * _rows_from(y, column, count), axes=(1,))
        out = OPS["index_add"](out, -outer, idx=(above + d, (column, count, 1)))
    return out, bar


def _solve_banded(np, ab, b, below, above):
    if b.size == 0:
        return np.zeros(b.shape, b.dtype)
    return scipy_linalg("solve_banded").solve_banded((below, above), ab, b)


solve_banded = rule(
    _solve_banded, params=("below", "above"), arity=2, result=lambda types, below, above: types[1], dtypes=NUMBERS, raises=True,
    jvp=_solve_banded_jvp, vjp=_solve_banded_vjp,
    doc="x with a x = b for a matrix b and a banded matrix a, whose diagonals (`above` the main one, it, and `below` it) are the rows of ab.")
