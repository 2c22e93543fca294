"""Rows of linear algebra that are solved for: systems, inverses, Cholesky factors, determinants. Stacks of matrices throughout.

The rules are written for complex matrices too, in the convention of the table (no conjugation: the reverse rule is the plain
transpose); `mH` is the conjugate transpose, of a real matrix the transpose. What NumPy reads of a matrix is what is differentiated:
cholesky reads the lower triangle alone, so its gradient is a lower triangle. Everything is a host call of NumPy's LAPACK.
Read next: `decompositions.py` (eigenvalues, singular values, QR), `lapack.py` (evaluation where NumPy has no function).
"""

from . import lapack
from .linear import _swap_last, expand, zeros
from .packing import join, pack, packed_length, unpack
from .table import OPS, Type, linear, rule

NUMBERS = ("f32", "f64", "c64", "c128")
COMPLEX = frozenset(("c64", "c128"))
REAL = {"c64": "f32", "c128": "f64"}

# --- what the rules are written with ---------------------------------------------------------------------------------

mT = _swap_last


def cj(x):
    """The complex conjugate; of a real Expr, itself."""
    return OPS["conjugate"](x) if x.dtype in COMPLEX else x


def mH(x):
    return cj(mT(x))


def mm(a, b):
    return OPS["matmul"](a, b)


def real_part(x):
    """x with imaginary parts 0."""
    return 0.5 * (x + cj(x)) if x.dtype in COMPLEX else x


def real_of(x):
    """The real parts of a complex Expr, as real numbers; of a real Expr, itself."""
    return OPS["real"](x) if x.dtype in COMPLEX else x


def packed_type(types, shapes):
    """The type of parts of these shapes, packed, from a stack of matrices."""
    return Type(types[0].dtype, types[0].shape[:-2] + (packed_length(shapes),))


def columns(x):
    """A vector as a row that scales the columns of a matrix."""
    return OPS["reshape"](x, shape=x.shape[:-1] + (1,) + x.shape[-1:])


def rows(x):
    """A vector as a column that scales the rows of a matrix."""
    return OPS["reshape"](x, shape=x.shape + (1,))


def diagonal_of(x):
    """The diagonals of square matrices: a view."""
    n = x.shape[-1]
    flat = OPS["reshape"](x, shape=x.shape[:-2] + (n * n,))
    return OPS["index"](flat, idx=tuple((0, k, 1) for k in x.shape[:-2]) + ((0, n, n + 1),))


def dot_of(a, b):
    """The sum of a * b over the last two axes."""
    n = len(a.shape)
    return OPS["sum"](a * b, axes=(n - 2, n - 1))


def spread(x, like):
    """Numbers, one per matrix, stretched over the matrices of `like`."""
    n = len(like.shape)
    return expand(x, like.shape, (n - 2, n - 1))


def lower_half(x):
    """The lower triangle with half of the diagonal."""
    return 0.5 * (tril(x, k=0) + tril(x, k=-1))


def upper_half(x):
    return 0.5 * (triu(x, k=0) + triu(x, k=1))


def _same(types, **params):
    return types[-1]


tril = linear(
    lambda np, x, k: np.tril(x, k), lambda ct, x, k: (OPS["tril"](ct, k=k),),
    params=("k",), result=_same, dtypes=NUMBERS, doc="The matrices with zeros above diagonal k.")
triu = linear(
    lambda np, x, k: np.triu(x, k), lambda ct, x, k: (OPS["triu"](ct, k=k),),
    params=("k",), result=_same, dtypes=NUMBERS, doc="The matrices with zeros below diagonal k.")

# --- systems of equations --------------------------------------------------------------------------------------------


def _solution_jvp(solve_, multiply_):
    """The tangent of x = solve(a, b): solve(a, db - da x)."""
    def jvp(dots, operands, y, **params):
        da, db = dots[:2]
        change = db
        if da is not None:
            moved = multiply_(da, y, **params)
            change = -moved if db is None else db - moved
        return solve_(operands, change, **params)
    return jvp


def _transposed(a, trans):
    return mT(a) if trans else a


def _outer_ct(bar, y, trans):
    """The cotangent of a, given that of b, for x = solve(op(a), b)."""
    return -(mm(y, mT(bar)) if trans else mm(bar, mT(y)))


def _solve_vjp(ct, operands, y, trans):
    bar = OPS["solve"](operands[0], ct, trans=not trans)
    return _outer_ct(bar, y, trans), bar


solve = rule(
    lambda np, a, b, trans: np.linalg.solve(np.swapaxes(a, -1, -2) if trans else a, b),
    params=("trans",), arity=2, result=_same, dtypes=NUMBERS, raises=True,
    jvp=_solution_jvp(lambda operands, b, trans: OPS["solve"](operands[0], b, trans=trans),
                      lambda da, y, trans: mm(_transposed(da, trans), y)),
    vjp=_solve_vjp,
    doc="x with a x = b (its transpose if trans) for a matrix b; leading axes are equal. LinAlgError for a singular matrix.")


def _lu_type(types):
    dtype, words = lapack.lu_words(types[0].dtype)
    *lead, n, _ = types[0].shape
    return Type(dtype, (*lead, words * n * n + n))


lu_bits = rule(
    lapack.lu_bits, result=_lu_type, dtypes=NUMBERS, raises=True,
    doc="LU factors and pivots as bits that lu_solve reads: solves with a matrix and with its transpose share them. LinAlgError for a "
        "singular matrix.")


def _lu_solve_vjp(ct, operands, y, trans):
    a, _, bits = operands
    bar = OPS["lu_solve"](a, ct, bits, trans=not trans)
    return _outer_ct(bar, y, trans), bar, None


lu_solve = rule(
    lambda np, a, b, bits, trans: lapack.lu_solve(np, bits, b, trans),
    params=("trans",), arity=3, result=lambda types, trans: types[1], dtypes=NUMBERS, domain=("real", "real", "any"),
    jvp=_solution_jvp(lambda operands, b, trans: OPS["lu_solve"](operands[0], b, operands[2], trans=trans),
                      lambda da, y, trans: mm(_transposed(da, trans), y)),
    vjp=_lu_solve_vjp, doc="x with a x = b (its transpose if trans) for a matrix b, given lu_bits of a.")


def _triangle(a, lower, unit):
    return tril(a, k=-int(unit)) if lower else triu(a, k=int(unit))


def solve_with_triangle(a, b, lower, trans=False, unit=False, strict=False):
    return OPS["solve_triangle"](a, b, lower=lower, trans=trans, unit=unit, strict=strict)


def _triangle_vjp(ct, operands, y, lower, trans, unit, strict):
    bar = solve_with_triangle(operands[0], ct, lower, not trans, unit, strict)
    return _triangle(_outer_ct(bar, y, trans), lower, unit), bar


solve_triangle = rule(
    lapack.solve_triangle, params=("lower", "trans", "unit", "strict"), arity=2, result=_same, dtypes=NUMBERS,
    jvp=_solution_jvp(lambda operands, b, **params: OPS["solve_triangle"](operands[0], b, **params),
                      lambda da, y, lower, trans, unit, strict: mm(_transposed(_triangle(da, lower, unit), trans), y)),
    vjp=_triangle_vjp,
    doc="x with T x = b (its transpose if trans) for a matrix b and the lower or upper triangle T of a, with a diagonal of ones if unit. "
        "A zero on the diagonal is a LinAlgError if strict, else gives infinities.")

inv = rule(
    lambda np, a: np.linalg.inv(a), result=_same, dtypes=NUMBERS, raises=True,
    jvp=lambda dots, operands, y: -mm(mm(y, dots[0]), y),
    vjp=lambda ct, operands, y: (-mm(mm(mT(y), ct), mT(y)),),
    doc="The inverse. LinAlgError for a singular matrix.")

inverse_or_nan = rule(
    lapack.inverse_or_nan, result=_same, dtypes=NUMBERS,
    jvp=lambda dots, operands, y: -mm(mm(y, dots[0]), y),
    vjp=lambda ct, operands, y: (-mm(mm(mT(y), ct), mT(y)),),
    doc="The inverse; NaN for a singular matrix.")

# --- Cholesky --------------------------------------------------------------------------------------------------------


def hermitian(x, lower=True):
    """The Hermitian matrix that is read from one triangle of x."""
    half = lower_half(x) if lower else upper_half(x)
    return half + mH(half)


def from_hermitian(ct, lower=True):
    """The cotangent of x, given that of hermitian(x)."""
    both = ct + mH(ct)
    return lower_half(both) if lower else upper_half(both)


def _cholesky_jvp(dots, operands, y):
    left = solve_with_triangle(y, hermitian(dots[0]), True)
    return mm(y, lower_half(solve_with_triangle(y, mH(left), True)))


def _from_both_sides(y, x):
    """y^-T x conj(y)^-1 for a lower triangle y."""
    left = solve_with_triangle(y, x, True, trans=True)
    return mT(solve_with_triangle(cj(y), mT(left), True, trans=True))


def _cholesky_vjp(ct, operands, y):
    if y.dtype not in REAL:
        return (OPS["cholesky_pull"](y, ct),)
    return (from_hermitian(_from_both_sides(y, lower_half(mm(mT(y), ct)))),)


def _pull_jvp(dots, operands, result):
    (y, ct), (dy, dct) = operands, dots
    along = None if dct is None else OPS["cholesky_pull"](y, dct)
    if dy is None:
        return along
    y, dy = tril(y, k=0), tril(dy, k=0)
    s = _from_both_sides(y, lower_half(mm(mT(y), ct)))
    right = mT(solve_with_triangle(y, mT(mm(s, dy)), True, trans=True))
    left = solve_with_triangle(y, mm(mT(dy), s), True, trans=True)
    moved = from_hermitian(_from_both_sides(y, lower_half(mm(mT(dy), ct))) - left - right)
    return moved if along is None else along + moved


def _pull_vjp(g, operands, result):
    y, ct = tril(operands[0], k=0), tril(operands[1], k=0)
    s = _from_both_sides(y, lower_half(mm(mT(y), ct)))
    g = hermitian(g)
    left = solve_with_triangle(y, g, True)  # y^-1 g
    inner = lower_half(mT(solve_with_triangle(y, mT(left), True)))
    of_y = mm(ct, mT(inner)) - mm(s + mT(s), mT(left))
    return tril(of_y, k=0), tril(mm(y, inner), k=0)


cholesky_pull = rule(
    lapack.cholesky_pull, arity=2, result=_same, dtypes=("f32", "f64"), jvp=_pull_jvp, vjp=_pull_vjp,
    doc="The cotangent of a real matrix, given its Cholesky factor and the cotangent of that: a lower triangle, as for cholesky; of both "
        "operands the lower triangle is read.")

cholesky = rule(
    lambda np, a: np.linalg.cholesky(a), result=_same, jvp=_cholesky_jvp, vjp=_cholesky_vjp, dtypes=NUMBERS, raises=True,
    kinks="only the lower triangle is read: the gradient is a lower triangle that counts both of each pair of elements",
    doc="The lower triangle L with a = L L^H. LinAlgError where a is not positive definite.")

# --- determinants ----------------------------------------------------------------------------------------------------


def _det_type(types):
    return Type(types[0].dtype, types[0].shape[:-2])


det = rule(
    lambda np, a: np.linalg.det(a), result=_det_type, dtypes=NUMBERS,
    jvp=lambda dots, operands, y: dot_of(OPS["cofactor"](operands[0]), dots[0]),
    vjp=lambda ct, operands, y: (spread(ct, operands[0]) * OPS["cofactor"](operands[0]),),
    doc="The determinant; its derivative is the matrix of cofactors, also where the matrix is singular.")

cofactor = rule(
    lapack.cofactor, result=_same, dtypes=NUMBERS,
    jvp=lambda dots, operands, y: OPS["cofactor_change"](operands[0], dots[0]),
    vjp=lambda ct, operands, y: (OPS["cofactor_change"](operands[0], ct),),
    doc="The matrix of cofactors, det(a) * inv(a).T where that exists; by singular values, without a division, where it does not.")


def _change(a, h, k):
    """The derivative along k of cofactor_change(a, h) for fixed h. With T = inv(a).T: cofactor = det * T, and dT = -T k.T T."""
    t = mT(OPS["inverse_or_nan"](a))
    th, tk = mm(mm(t, mT(h)), t), mm(mm(t, mT(k)), t)
    by_h, by_k = spread(dot_of(t, h), a), spread(dot_of(t, k), a)
    both = spread(dot_of(th, k), a)
    again = mm(mm(tk, mT(h)), t) + mm(mm(th, mT(k)), t)
    return spread(OPS["det"](a), a) * (by_k * (by_h * t - th) - both * t - by_h * tk + again)


def _change_jvp(dots, operands, y):
    a, h = operands
    da, dh = dots
    along = None if dh is None else OPS["cofactor_change"](a, dh)
    if da is None:
        return along
    moved = _change(a, h, da)
    return moved if along is None else along + moved


cofactor_change = rule(
    lapack.cofactor_change, arity=2, result=_same, dtypes=NUMBERS, jvp=_change_jvp,
    vjp=lambda ct, operands, y: (_change(operands[0], operands[1], ct), OPS["cofactor_change"](operands[0], ct)),
    kinks="third derivatives of det are NaN where the matrix is singular",
    doc="The derivative of cofactor(a) along h: linear and symmetric in h.")

_SCALARS = ((), ())


def _slogdet_type(types):
    return Type(types[0].dtype, types[0].shape[:-2] + (2,))


def _slogdet(np, a):
    sign, logdet = np.linalg.slogdet(a)
    return pack(np, [np.asarray(sign), np.asarray(logdet, a.dtype)], _SCALARS)


def _slogdet_jvp(dots, operands, y):
    (a,) = operands
    change = dot_of(mT(OPS["inverse_or_nan"](a)), dots[0])
    if a.dtype not in COMPLEX:
        return join([zeros(change, change.shape), change], _SCALARS)
    sign, _ = unpack(y, _SCALARS)
    turn = 0.5 * (change - cj(change))
    return join([sign * turn, real_part(change)], _SCALARS)


def _slogdet_vjp(ct, operands, y):
    (a,) = operands
    of_sign, of_log = unpack(ct, _SCALARS)
    if a.dtype in COMPLEX:
        sign, _ = unpack(y, _SCALARS)
        turned = of_sign * sign
        of_log = real_part(of_log) + 0.5 * (turned - cj(turned))
    return (spread(of_log, a) * mT(OPS["inverse_or_nan"](a)),)


slogdet = rule(
    _slogdet, result=_slogdet_type, jvp=_slogdet_jvp, vjp=_slogdet_vjp, dtypes=NUMBERS,
    kinks="the derivative at a singular matrix is NaN",
    doc="Sign and logarithm of the absolute value of the determinant, packed; 0 and -inf for a singular matrix.")


# --- least squares ---------------------------------------------------------------------------------------------------


def _pinv_type(types, triangle):
    *lead, m, n = types[0].shape
    return Type(types[0].dtype, (*lead, n, m))


def _pinv_jvp(dots, operands, y, triangle):
    a, da = operands[0], dots[0]
    if da is None:
        return None
    if triangle:
        a, da = hermitian(a), hermitian(da)
    left, right = mm(mm(y, mH(y)), mH(da)), mm(mm(mH(da), mH(y)), y)
    return (left - mm(mm(left, a), y)) + (right - mm(y, mm(a, right))) - mm(mm(y, da), y)


def _pinv_vjp(ct, operands, y, triangle):
    a = operands[0]
    if triangle:
        a = hermitian(a)
    w = mH(ct)
    left = mm(w - mm(cj(a), mm(cj(y), w)), cj(mm(y, mH(y))))
    right = mm(cj(mm(mH(y), y)), w - mm(mm(w, cj(y)), cj(a)))
    bar = left + right - mm(mm(mT(y), ct), mT(y))
    return (from_hermitian(bar) if triangle else bar), None


pinv = rule(
    lambda np, a, rcond, triangle: np.linalg.pinv(a, rcond=rcond, hermitian=triangle), params=("triangle",), arity=2, result=_pinv_type,
    jvp=_pinv_jvp, vjp=_pinv_vjp, dtypes=NUMBERS, domain=("real", "any"),
    kinks="the derivative among matrices of one rank: singular values that rcond cuts off count as exactly 0",
    doc="The pseudo-inverse; singular values below rcond times the largest count as 0. If triangle, of the matrix in the lower triangle.")


def _lstsq_jvp(dots, operands, y, rcond):
    a, b = operands
    da, db = dots
    p = _pinv_of(a, rcond)
    change = db
    if da is not None:
        change = -mm(da, y) if db is None else db - mm(da, y)
    out = mm(p, change)
    if da is not None:
        turned = mm(mH(da), mm(mH(p), y))
        out = out + mm(p, mm(mH(p), mm(mH(da), b - mm(a, y)))) + (turned - mm(p, mm(a, turned)))
    return out


def _lstsq_vjp(ct, operands, y, rcond):
    a, b = operands
    p = _pinv_of(a, rcond)
    bar = mm(mT(p), ct)
    off = mH(ct - mm(mT(a), bar))
    return -mm(bar, mT(y)) + mm(cj(b - mm(a, y)), mm(mm(mH(ct), cj(p)), mT(p))) + mm(cj(mm(mH(p), y)), off), bar


def _pinv_of(a, rcond):
    limit = type(a)(a.builder, a.builder.number(rcond, "f64"))
    return OPS["pinv"](a, limit, triangle=False)


lstsq = rule(
    lambda np, a, b, rcond: np.linalg.lstsq(a, b, rcond=rcond)[0], params=("rcond",), arity=2,
    result=lambda types, rcond: Type(types[1].dtype, (types[0].shape[1], types[1].shape[1])),
    jvp=_lstsq_jvp, vjp=_lstsq_vjp, dtypes=NUMBERS, kinks="as that of pinv",
    doc="The shortest x for which a x is nearest to the matrix b, of one matrix a; singular values below rcond times the largest "
        "count as 0.")
