"""Rows of eigenvalues and singular values: several results each, packed (`packing.py`), and rows for the values alone.

Vectors are fixed up to what LAPACK chooses: signs, and phases of complex vectors. The derivative of a complex vector takes no phase
(but that of `eig`, whose vectors LAPACK makes real at their largest element): functions that depend on phases have no meaning there.

The derivative of a vector is divided by the distances of its value from the others. Values nearer than rounding tells apart count
as equal (`inverse_gaps`), and such a pair contributes zero: right for functions of the whole space that their vectors span
(projectors, sums over the pair) and where the vectors are not looked at (the zeros of a matrix of low rank), which NaN would spoil.
It is not right for second derivatives of the values, nor for f(a) written as (v * f(w)) @ v.T, which lack f'(w) within the pair:
expm, sqrtm, inv and pinv have rows of their own. Read next: `linalg.py`, whose helpers are used here, and `factors.py`.
"""

from . import lapack
from .factors import first_columns, with_complement
from .linalg import (
    COMPLEX, NUMBERS, REAL, cj, columns, diagonal_of, from_hermitian, hermitian, mH, mm, mT, packed_type, real_of, real_part, rows)
from .linear import expand, full, zeros
from .packing import join, pack, packed_length, unpack
from .table import OPS, Type, rule

EPS = {"f32": 2.0**-23, "f64": 2.0**-52, "c64": 2.0**-23, "c128": 2.0**-52}
EQUAL = "vectors of equal values contribute nothing to each other's derivative"


def inverse_gaps(values):
    """1 / (values[j] - values[i]) for each pair (i, j), and 0 where the two are equal up to rounding."""
    n = values.shape[-1]
    if n < 2:
        return zeros(values, values.shape + (n,))
    top = OPS["max"](OPS["absolute"](values), axes=(len(values.shape) - 1,))
    gaps = columns(values) - rows(values)
    near = OPS["less_equal"](OPS["absolute"](gaps), rows(rows(top * (4 * n * EPS[values.dtype]))))
    return OPS["where"](near, 0, 1 / OPS["where"](near, 1, gaps))


def safe_inverse(s):
    """1 / s, and 0 where s is 0 up to rounding, for singular values."""
    top = OPS["max"](s, axes=(len(s.shape) - 1,))
    near = OPS["less_equal"](s, rows(top * (4 * s.shape[-1] * EPS[s.dtype])))
    return OPS["where"](near, 0, 1 / OPS["where"](near, 1, s))


def _values_type(types, n):
    return Type(REAL.get(types[0].dtype, types[0].dtype), types[0].shape[:-2] + (n,))


def as_dtype(x, dtype):
    return x if x.dtype == dtype else OPS["cast"](x, dtype=dtype)


# --- Hermitian matrices ----------------------------------------------------------------------------------------------


def eigh_shapes(shape):
    n = shape[-1]
    return (n,), (n, n)


def _eigh(np, a, lower, driver):
    if driver is None:
        w, v = np.linalg.eigh(a, "L" if lower else "U")
    else:
        w, v = lapack.eigh_by_scipy(np, a, lower, driver)
    return pack(np, [w.astype(a.dtype, copy=False), v], eigh_shapes(a.shape))


def _eigh_jvp(dots, operands, y, lower, driver):
    shapes = eigh_shapes(operands[0].shape)
    w, v = unpack(y, shapes)
    inner = mm(mH(v), mm(hermitian(dots[0], lower), v))
    return join([real_part(diagonal_of(inner)), mm(v, _gaps(w) * inner)], shapes)


def _gaps(w):
    return as_dtype(inverse_gaps(real_of(w)), w.dtype)


def _eigh_vjp(ct, operands, y, lower, driver):
    shapes = eigh_shapes(operands[0].shape)
    w, v = unpack(y, shapes)
    of_w, of_v = unpack(ct, shapes)
    inner = cj(v) * columns(real_part(of_w)) + mm(cj(v), _gaps(w) * mm(mT(v), of_v))
    return (from_hermitian(mm(inner, mT(v)), lower),)


eigh = rule(
    _eigh, params=("lower", "driver"), result=lambda types, lower, driver: packed_type(types, eigh_shapes(types[0].shape)),
    jvp=_eigh_jvp, vjp=_eigh_vjp, dtypes=NUMBERS,
    kinks=EQUAL + "; only one triangle is read, as in cholesky",
    doc="Eigenvalues in ascending order and orthonormal eigenvectors of the Hermitian matrix in one triangle, packed; by NumPy, or by "
        "SciPy's function with this driver.")


def _vectors(a, lower):
    return unpack(OPS["eigh"](a, lower=lower, driver=None), eigh_shapes(a.shape))[1]


def _eigvalsh_jvp(dots, operands, y, lower):
    v = _vectors(operands[0], lower)
    n = len(v.shape)
    return real_of(OPS["sum"](cj(v) * mm(hermitian(dots[0], lower), v), axes=(n - 2,)))


def _eigvalsh_vjp(ct, operands, y, lower):
    v = _vectors(operands[0], lower)
    return (from_hermitian(mm(cj(v) * columns(as_dtype(ct, v.dtype)), mT(v)), lower),)


eigvalsh = rule(
    lambda np, a, lower: np.linalg.eigvalsh(a, "L" if lower else "U"), params=("lower",),
    result=lambda types, lower: _values_type(types, types[0].shape[-1]), jvp=_eigvalsh_jvp, vjp=_eigvalsh_vjp,
    dtypes=NUMBERS, kinks="second derivatives leave out what pairs of equal eigenvalues contribute; only one triangle is read",
    doc="Eigenvalues in ascending order of the Hermitian matrix in one triangle.")

# --- singular values -------------------------------------------------------------------------------------------------


def svd_shapes(shape, full):
    m, n = shape[-2:]
    k = min(m, n)
    return (m, m if full else k), (k,), (n if full else k, n)


def _svd(np, a, full):
    u, s, vh = np.linalg.svd(a, full_matrices=full)
    return pack(np, [u, s.astype(a.dtype, copy=False), vh], svd_shapes(a.shape, full))


class _Factors:
    """The parts of a packed svd, and what the rules make of them. v is vh^H; u2 and v2 are the columns of a full basis behind the
    first k, or None."""

    def __init__(self, y, shape, full):
        self.shapes = svd_shapes(shape, full)
        self.k = k = min(shape[-2:])
        u, s, vh = unpack(y, self.shapes)
        v = mH(vh)
        self.u, self.v = (x if x.shape[-1] == k else first_columns(x, k) for x in (u, v))
        self.u2, self.v2 = (None if x.shape[-1] == k else first_columns(x, k, True) for x in (u, v))
        real = real_of(s)
        self.s = s
        sums = columns(real) + rows(real)
        sums = OPS["where"](OPS["equal"](sums, 0), 1, sums)
        self.gaps = as_dtype(inverse_gaps(real) / sums, s.dtype)  # 1 / (s[j]**2 - s[i]**2)
        self.inverse = as_dtype(safe_inverse(real), s.dtype)
        self.tall, self.wide = shape[-2] > k, shape[-1] > k


def _svd_jvp(dots, operands, y, full):
    if 0 in operands[0].shape[-2:]:
        return zeros(y, y.shape)
    f = _Factors(y, operands[0].shape, full)
    da, s = dots[0], f.s
    inner = mm(mm(mH(f.u), da), f.v)
    by_columns, by_rows = inner * columns(s), rows(s) * inner
    du, dv = mm(f.u, f.gaps * (by_columns + mH(by_columns))), mm(f.v, f.gaps * (by_rows + mH(by_rows)))
    ds = diagonal_of(inner)
    if s.dtype in COMPLEX:  # the phase goes to u
        du = du + f.u * columns(0.5 * (ds - cj(ds)) * f.inverse)
    if f.tall:
        moved = mm(da, f.v)
        du = du + (moved - mm(f.u, inner)) * columns(f.inverse)
    if f.wide:
        moved = mm(mH(da), f.u)
        dv = dv + (moved - mm(f.v, mH(inner))) * columns(f.inverse)
    if f.u2 is not None:
        du = OPS["concatenate"](du, -mm(f.u, mH(mm(mH(f.u2), du))), axis=len(du.shape) - 1)
    if f.v2 is not None:
        dv = OPS["concatenate"](dv, -mm(f.v, mH(mm(mH(f.v2), dv))), axis=len(dv.shape) - 1)
    return join([du, real_part(ds), mH(dv)], f.shapes)


def _svd_vjp(ct, operands, y, full):
    if 0 in operands[0].shape[-2:]:
        return (zeros(operands[0], operands[0].shape),)
    f = _Factors(y, operands[0].shape, full)
    of_u, of_s, of_vh = unpack(ct, f.shapes)
    of_v = mH(of_vh)
    s, u, v = f.s, f.u, f.v
    of_u, of_v = with_complement(of_u, u, f.u2, f.k), with_complement(of_v, v, f.v2, f.k)
    on_u, on_v = f.gaps * mm(mT(u), of_u), f.gaps * mm(mT(v), of_v)
    inner = (on_u + mH(on_u)) * columns(s) + rows(s) * (on_v + mH(on_v))
    diagonal = real_part(of_s)
    if s.dtype in COMPLEX:
        phases = diagonal_of(mm(mT(u), of_u))
        diagonal = diagonal + 0.5 * (phases - cj(phases)) * f.inverse
    whole = cj(u) * columns(diagonal) + mm(cj(u), inner)
    if f.tall:
        scaled = of_u * columns(f.inverse)
        whole = whole + (scaled - mm(cj(u), mm(mT(u), scaled)))
    bar = mm(whole, mT(v))
    if f.wide:
        scaled = of_v * columns(f.inverse)
        bar = bar + mm(cj(u), mH(scaled - mm(cj(v), mm(mT(v), scaled))))
    return (bar,)


svd = rule(
    _svd, params=("full",), result=lambda types, full: packed_type(types, svd_shapes(types[0].shape, full)),
    jvp=_svd_jvp, vjp=_svd_vjp, dtypes=NUMBERS,
    kinks=EQUAL + ", nor do those of zero singular values; with full, functions must not depend on the choice of the further basis vectors",
    doc="u, s and vh with a = u s vh, packed; u and vh are square if full, else have min(m, n) columns and rows.")


def _both(a):
    u, _, vh = unpack(OPS["svd"](a, full=False), svd_shapes(a.shape, False))
    return u, vh


def _svdvals_jvp(dots, operands, y):
    u, vh = _both(operands[0])
    n = len(u.shape)
    return real_of(OPS["sum"](cj(u) * mm(dots[0], mH(vh)), axes=(n - 2,)))


def _svdvals_vjp(ct, operands, y):
    u, vh = _both(operands[0])
    return (mm(cj(u) * columns(as_dtype(ct, u.dtype)), cj(vh)),)


svdvals = rule(
    lambda np, a: np.linalg.svd(a, compute_uv=False), result=lambda types: _values_type(types, min(types[0].shape[-2:])),
    jvp=_svdvals_jvp, vjp=_svdvals_vjp, dtypes=NUMBERS,
    kinks="at a zero singular value, the derivative of the branch that LAPACK's vectors name; second derivatives leave out what pairs of "
          "equal ones contribute",
    doc="Singular values in descending order.")

# --- eigenvalues of any matrix ---------------------------------------------------------------------------------------


def _to_complex(dtype):
    return {"f32": "c64", "f64": "c128"}.get(dtype, dtype)


def _eig(np, a):
    w, v = np.linalg.eig(a)
    kind = np.result_type(a.dtype, np.complex64)
    return pack(np, [w.astype(kind), v.astype(kind)], eigh_shapes(a.shape))


def _real_eig(np, a):
    w, v = np.linalg.eig(a)
    return pack(np, [w.real, v.real], eigh_shapes(a.shape))


def _largest(v):
    """For each column of v: 1 at its largest element divided by that element, 0 elsewhere."""
    size = real_of(v * cj(v))
    n, rank = v.shape[-1], len(v.shape)
    place = OPS["argmax"](size, axis=rank - 2)
    counted = OPS["cumsum"](full(place, 1, (n,)), axis=0) - 1
    hit = OPS["equal"](expand(place, v.shape, (rank - 2,)), OPS["reshape"](counted, shape=(n, 1)))
    return OPS["where"](hit, 1 / OPS["where"](hit, v, 1), 0)


def _column_sums(x):
    rank = len(x.shape)
    return columns(OPS["sum"](x, axes=(rank - 2,)))


def _eig_jvp(dots, operands, y):
    shapes = eigh_shapes(operands[0].shape)
    w, v = unpack(y, shapes)
    inner = OPS["solve"](v, mm(as_dtype(dots[0], v.dtype), v), trans=False)
    dv = mm(v, inverse_gaps(w) * inner)
    part = real_part(_column_sums(cj(v) * dv))
    if v.dtype in COMPLEX:
        turn = _column_sums(_largest(v) * dv)
        part = part + 0.5 * (turn - cj(turn))
    return join([diagonal_of(inner), dv - v * part], shapes)


def _eig_vjp(ct, operands, y):
    (a,) = operands
    shapes = eigh_shapes(a.shape)
    w, v = unpack(y, shapes)
    of_w, of_v = unpack(ct, shapes)
    part = _column_sums(of_v * v)
    of_dv = of_v - cj(v) * real_part(part)
    if v.dtype in COMPLEX:
        of_dv = of_dv - _largest(v) * (0.5 * (part - cj(part)))
    inner = mm(inverse_gaps(w) * mm(mT(v), of_dv), mT(v)) + rows(of_w) * mT(v)
    bar = OPS["solve"](v, inner, trans=True)
    return (bar if a.dtype in COMPLEX else real_of(bar),)


eig = rule(
    _eig, result=lambda types: Type(_to_complex(types[0].dtype), types[0].shape[:-2] + (packed_length(eigh_shapes(types[0].shape)),)),
    jvp=_eig_jvp, vjp=_eig_vjp, dtypes=NUMBERS, kinks=EQUAL,
    doc="Eigenvalues and eigenvectors of unit length, packed; complex also for a real matrix.")
real_eig = rule(
    _real_eig, result=lambda types: packed_type(types, eigh_shapes(types[0].shape)), jvp=_eig_jvp, vjp=_eig_vjp,
    dtypes=("f32", "f64"), kinks=EQUAL,
    doc="Eigenvalues and eigenvectors of unit length of a real matrix whose eigenvalues are real, packed.")
has_real_eigenvalues = rule(
    lambda np, a: np.asarray(np.linalg.eigvals(a).dtype.kind == "f"), result=lambda types: Type("bool", ()), dtypes=("f32", "f64"),
    doc="Whether all eigenvalues of a stack of real matrices are real: then NumPy's results are real.")
