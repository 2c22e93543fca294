"""Rows of QR and LU factors, packed, and what is common to rules of factors: parts of a matrix, complements of a basis.

Read next: `linalg.py`, whose helpers are used here, and `decompositions.py` (eigenvalues and singular values).
"""

from . import lapack
from .linalg import NUMBERS, cj, mH, mm, mT, packed_type, real_of, rows, solve_with_triangle, tril, triu, upper_half
from .linear import full, zeros
from .packing import join, pack, unpack
from .table import OPS, rule


def first_columns(x, k, rest=False):
    """The first k columns of a matrix, or the rest of them."""
    n = x.shape[-1]
    return OPS["index"](x, idx=tuple((0, c, 1) for c in x.shape[:-1]) + (((k, n - k, 1) if rest else (0, k, 1)),))


def first_rows(x, k, rest=False):
    return mT(first_columns(mT(x), k, rest))


def with_complement(ct, u, u2, k):
    """The cotangent of the first k columns of a basis, given that of all: those behind move as -u (u2^H du)^H."""
    if u2 is None:
        return ct
    return first_columns(ct, k) - mm(cj(u2), mH(mm(mT(u), first_columns(ct, k, True))))


# --- QR --------------------------------------------------------------------------------------------------------------


def qr_shapes(shape, complete):
    m, n = shape[-2:]
    k = m if complete else n
    return (m, k), (k, n)


def _qr(np, a, complete):
    q, r = np.linalg.qr(a, "complete" if complete else "reduced")
    return pack(np, [q, r], qr_shapes(a.shape, complete))


def _parts_of_qr(y, shape, complete):
    n = shape[-1]
    shapes = qr_shapes(shape, complete)
    q, r = unpack(y, shapes)
    if q.shape[-1] == n:
        return shapes, q, None, r
    return shapes, first_columns(q, n), first_columns(q, n, True), first_rows(r, n)


def _divided(x, r):
    """x r^-1 for an upper triangle r."""
    return mT(solve_with_triangle(r, mT(x), False, trans=True))


def _qr_jvp(dots, operands, y, complete):
    shapes, q, q2, r = _parts_of_qr(y, operands[0].shape, complete)
    x = _divided(dots[0], r)
    inner = mm(mH(q), x)
    turn = upper_half(inner + mH(inner))
    dq, dr = x - mm(q, turn), mm(turn, r)
    if q2 is not None:
        last = len(dq.shape) - 1
        dr = OPS["concatenate"](dr, zeros(dr, dr.shape[:-2] + (q2.shape[-1], dr.shape[-1])), axis=last - 1)
        dq = OPS["concatenate"](dq, -mm(q, mH(mm(mH(q2), x))), axis=last)
    return join([dq, dr], shapes)


def _qr_vjp(ct, operands, y, complete):
    shapes, q, q2, r = _parts_of_qr(y, operands[0].shape, complete)
    of_q, of_r = unpack(ct, shapes)
    if q2 is not None:
        n = r.shape[-1]
        of_q, of_r = with_complement(of_q, q, q2, n), first_rows(of_r, n)
    half = upper_half(mm(of_r, mT(r)) - mm(mT(q), of_q))
    of_x = of_q + mm(cj(q), half + mH(half))
    return (mT(solve_with_triangle(r, mT(of_x), False)),)


qr = rule(
    _qr, params=("complete",), result=lambda types, complete: packed_type(types, qr_shapes(types[0].shape, complete)),
    jvp=_qr_jvp, vjp=_qr_vjp, dtypes=NUMBERS,
    kinks="infinite or NaN where the columns are linearly dependent; if complete, functions must not depend on the choice of the "
          "further columns",
    doc="q and r with a = q r for a matrix with at least as many rows as columns, packed; q is square if complete.")

# --- LU --------------------------------------------------------------------------------------------------------------


def lu_shapes(shape):
    """The factors in one matrix, l below the diagonal and u above, and for each of its rows the row of a that it comes from."""
    return tuple(shape[-2:]), (shape[-2],)


def _order_matrix(order, like):
    """The permutation matrix that takes rows of a to their places."""
    m = order.shape[-1]
    counted = OPS["cumsum"](full(order, 1, (m,)), axis=0) - 1
    hit = OPS["equal"](rows(real_of(order)), real_of(counted))
    return OPS["cast"](hit, dtype=like.dtype)


class _LU:
    """The parts of a packed LU: square factors l1 and u1, and what is beside them in `rest` (None for a square matrix)."""

    def __init__(self, y, shape):
        self.shapes = lu_shapes(shape)
        compact, order = unpack(y, self.shapes)
        self.order = _order_matrix(order, compact)
        self.tall, self.wide = shape[-2] > shape[-1], shape[-1] > shape[-2]
        self.square, self.rest = self.split(compact)

    def split(self, x):
        """The square part of a matrix, and the rest or None."""
        k = min(x.shape[-2:])
        if self.tall:
            return first_rows(x, k), first_rows(x, k, True)
        return (first_columns(x, k), first_columns(x, k, True)) if self.wide else (x, None)

    def joined(self, square, rest):
        if rest is None:
            return square
        return OPS["concatenate"](square, rest, axis=len(square.shape) - (2 if self.tall else 1))

    def by_l(self, x, trans=False):
        """l1^-1 x, of the transpose if trans."""
        return solve_with_triangle(self.square, x, True, trans, True)

    def by_u(self, x, trans=False):
        """x u1^-1, of the transpose if trans."""
        return mT(solve_with_triangle(self.square, mT(x), False, not trans))


def _lu_jvp(dots, operands, y):
    f = _LU(y, operands[0].shape)
    da, da_rest = f.split(mm(f.order, dots[0]))
    inner = f.by_u(f.by_l(da))
    below = tril(inner, k=-1)
    dl, du = mm(tril(f.square, k=-1), below) + below, mm(triu(inner, k=0), triu(f.square, k=0))
    rest = f.by_u(da_rest - mm(f.rest, du)) if f.tall else f.by_l(da_rest - mm(dl, f.rest)) if f.wide else None
    compact = f.joined(dl + du, rest)
    return join([compact, zeros(compact, compact.shape[:-1])], f.shapes)


def _lu_vjp(ct, operands, y):
    f = _LU(y, operands[0].shape)
    square, rest = f.split(unpack(ct, f.shapes)[0])
    of_l, of_u, of_rest = tril(square, k=-1), triu(square, k=0), None
    if f.tall:
        of_rest = f.by_u(rest, trans=True)
        of_u = of_u - mm(mT(f.rest), of_rest)
    elif f.wide:
        of_rest = f.by_l(rest, trans=True)
        of_l = of_l - mm(of_rest, mT(f.rest))
    inner = tril(mm(mT(tril(f.square, k=-1)), of_l) + of_l, k=-1) + triu(mm(of_u, mT(triu(f.square, k=0))), k=0)
    bar = f.joined(f.by_l(f.by_u(inner, trans=True), trans=True), of_rest)
    return (mm(mT(f.order), bar),)


lu = rule(
    lapack.lu, result=lambda types: packed_type(types, lu_shapes(types[0].shape)), jvp=_lu_jvp, vjp=_lu_vjp, dtypes=NUMBERS,
    kinks="the order of rows is taken as constant; infinite or NaN where the first min(m, n) columns are linearly dependent",
    doc="LU factors with partial pivoting in one matrix and the order of the rows of a, packed.")
