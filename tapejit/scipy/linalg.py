"""scipy.linalg for differentiated code: SciPy's functions, composed of the rows of linear algebra and of NumPy's functions.

`overwrite_*` are taken and ignored, `check_finite` raises SciPy's ValueError. All other names are SciPy's own.
Read next: `ops/linalg.py`, `ops/decompositions.py`, `ops/matrix_functions.py` (the rows and what they say of equal eigenvalues).
"""

import functools

import numpy as np

from ..ops.decompositions import eigh_shapes
from ..ops.factors import lu_shapes
from ..ops.packing import unpack
from ..trace.lowerings.common import asarray, filled, host, refuse, static
from ..trace.lowerings.matrices import emit, inexact, stretched, transposed
from ..trace.tracer import Tracer, concrete
from . import names_of
from .common import drop_in, scipys

__all__ = ["block_diag", "cho_factor", "cho_solve", "cholesky", "det", "eigh", "eigvalsh", "expm", "inv", "lu", "lu_factor", "lu_solve",
           "norm", "pinv", "qr", "solve", "solve_banded", "solve_sylvester", "solve_triangular", "sqrtm", "svd", "svdvals", "toeplitz"]
__getattr__, __dir__ = names_of(__name__)


# --- what they share -------------------------------------------------------------------------------------------------


def _checked(arrays, check_finite):
    """The arrays in one floating dtype; ValueError for infinities and NaN. That there are none is a guard."""
    arrays = inexact(*arrays)
    for a in arrays:
        if check_finite and not bool(np.all(np.isfinite(a))):
            raise ValueError("array must not contain infs or NaNs")
    return arrays


def _square(a, error=ValueError):
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise error(f"expected a square matrix, found shape {a.shape}")
    return a


def _mirrored(a, lower):
    """The Hermitian matrix that is read from one triangle of a."""
    half = np.tril(a, -1) if lower else np.triu(a, 1)
    diagonal = np.triu(np.tril(a))
    return half + transposed(half) + (diagonal if a.dtype.kind == "f" else 0.5 * (diagonal + np.conj(diagonal)))


def _flipped(x):
    return np.swapaxes(x, -1, -2)


def _as_columns(function, a, b):
    """function(a, b) for a vector b, which it takes as a matrix of one column, or a stack of matrices; leading axes broadcast."""
    vector = b.ndim == 1
    b = b[:, None] if vector else b
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(f"incompatible shapes {a.shape} and {b.shape}")
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = function(stretched(a, lead + a.shape[-2:]), stretched(b, lead + b.shape[-2:]))
    return x[..., 0] if vector else x


def _by_triangle(a, b, lower, trans=0, unit=False):
    """SciPy's solve_triangular of matrices: trans 0, 1 or 2 (conjugate transpose)."""
    if trans == 2:
        a = np.conj(a)
    return emit("solve_triangle", a, b, lower=bool(lower), trans=bool(trans), unit=bool(unit), strict=True)


# --- systems of equations --------------------------------------------------------------------------------------------

_TRANS = {0: 0, 1: 1, 2: 2, "N": 0, "T": 1, "C": 2}
_STRUCTURES = {
    "diagonal": lambda a, lower: np.tril(np.triu(a)), "tridiagonal": lambda a, lower: np.tril(np.triu(a, -1), 1),
    "upper triangular": lambda a, lower: np.triu(a), "lower triangular": lambda a, lower: np.tril(a),
    "symmetric": lambda a, lower: np.tril(a) + _flipped(np.tril(a, -1)) if lower else np.triu(a) + _flipped(np.triu(a, 1)),
    "hermitian": _mirrored, "positive definite": _mirrored}
_NAMES = {"sym": "symmetric", "her": "hermitian", "pos": "positive definite", "gen": "general", None: "general"}


def _structure(a, assume_a, lower):
    """(the matrix that is meant, the name of its structure)."""
    name = _NAMES.get(assume_a, assume_a)
    if name == "general":
        return a, name
    if name not in _STRUCTURES:
        refuse(a, f"scipy.linalg with assume_a={assume_a!r} is not traced: leave it away, which gives the same result")
    return _STRUCTURES[name](a, lower), name


@drop_in
def solve(a, b, lower=False, overwrite_a=False, overwrite_b=False, check_finite=True, assume_a=None, transposed=False):
    a, b = _checked((a, b), check_finite)
    a, name = _structure(_square(a), assume_a, lower)
    if name == "positive definite":
        factor = emit("cholesky", _flipped(a) if transposed else a)
        return _as_columns(lambda c, b: _by_triangle(c, _by_triangle(c, b, True), True, 2), factor, b)
    if transposed:
        a = _flipped(a)
    return _as_columns(np.linalg.solve, a, b)


@drop_in
def inv(a, overwrite_a=False, check_finite=True, *, assume_a=None, lower=False):
    (a,) = _checked((a,), check_finite)
    a, name = _structure(_square(a), assume_a, lower)
    if name == "positive definite":
        emit("cholesky", a)  # its LinAlgError
    return np.linalg.inv(a)


@drop_in
def solve_triangular(a, b, trans=0, lower=False, unit_diagonal=False, overwrite_b=False, check_finite=True):
    a, b = _checked((a, b), check_finite)
    return _as_columns(lambda a, b: _by_triangle(a, b, lower, _TRANS[trans], unit_diagonal), _square(a), b)


@drop_in
def cholesky(a, lower=False, overwrite_a=False, check_finite=True):
    (a,) = _checked((a,), check_finite)
    return np.linalg.cholesky(a, upper=not lower)


@drop_in
def cho_factor(a, lower=False, overwrite_a=False, check_finite=True):
    (a,) = _checked((a,), check_finite)
    factor = np.linalg.cholesky(_square(a), upper=not lower)
    return factor + (np.triu(a, 1) if lower else np.tril(a, -1)) if _keeps_other_triangle() else factor, lower


@functools.cache
def _keeps_other_triangle():
    """Whether SciPy's cho_factor leaves the other triangle as LAPACK does; since SciPy 1.18 it is zero."""
    return bool(scipys(__name__, "cho_factor")(np.array([[4.0, 1.0], [1.0, 4.0]]))[0][1, 0])


@drop_in
def cho_solve(c_and_lower, b, overwrite_b=False, check_finite=True):
    c, lower = c_and_lower
    c, b = _checked((c, b), check_finite)
    first, last = (0, 2) if lower else (2, 0)
    return _as_columns(lambda c, b: _by_triangle(c, _by_triangle(c, b, lower, first), lower, last), _square(c), b)


@drop_in
def solve_banded(l_and_u, ab, b, overwrite_ab=False, overwrite_b=False, check_finite=True):
    ab, b = _checked((ab, b), check_finite)
    below, above = (int(static(n)) for n in l_and_u)
    if ab.ndim != 2 or ab.shape[-1] != b.shape[0] or below + above + 1 != ab.shape[0]:
        scipys(__name__, "solve_banded")((below, above), concrete(ab), concrete(b))  # SciPy's errors
    x = emit("solve_banded", ab, b.reshape(b.shape[0], -1), below=below, above=above)
    return x.reshape(b.shape)


@drop_in
def solve_sylvester(a, b, q):
    a, b, q = inexact(a, b, q)
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2], q.shape[:-2])
    return emit("sylvester", *[stretched(x, lead + x.shape[-2:]) for x in (a, b, q)])


@drop_in
def pinv(a, *, atol=None, rtol=None, return_rank=False, check_finite=True):
    (a,) = _checked((a,), check_finite)
    if atol is not None:
        refuse(a, "scipy.linalg.pinv of a traced matrix with atol is not traced: use rtol, relative to the largest singular value")
    inverse = np.linalg.pinv(a, rtol=rtol)
    return (inverse, np.linalg.matrix_rank(a, rtol=rtol)) if return_rank else inverse


# --- determinants, norms, singular values: NumPy's -------------------------------------------------------------------


@drop_in
def det(a, overwrite_a=False, check_finite=True):
    (a,) = _checked((a,), check_finite)
    result = np.linalg.det(_square(a))
    return result.astype(np.complex128 if result.dtype.kind == "c" else np.float64)  # SciPy's are doubles


@drop_in
def norm(a, ord=None, axis=None, keepdims=False, check_finite=True):
    (a,) = _checked((a,), check_finite)
    result = np.linalg.norm(a, ord, axis, keepdims)
    by_blas = axis is None and not keepdims and ord in ((None, 2) if a.ndim == 1 else (1, np.inf) if a.ndim == 2 else ())
    return result.astype(np.float64) if by_blas else result  # as SciPy's


@drop_in
def svd(a, full_matrices=True, compute_uv=True, overwrite_a=False, check_finite=True, lapack_driver="gesdd"):
    (a,) = _checked((a,), check_finite)
    parts = np.linalg.svd(a, full_matrices, compute_uv)
    return tuple(parts) if compute_uv else parts


@drop_in
def svdvals(a, overwrite_a=False, check_finite=True):
    (a,) = _checked((a,), check_finite)
    return np.linalg.svdvals(a)


# --- eigenvalues -----------------------------------------------------------------------------------------------------


@drop_in
def eigh(a, b=None, *, lower=True, eigvals_only=False, overwrite_a=False, overwrite_b=False, type=1, check_finite=True,
         subset_by_index=None, subset_by_value=None, driver=None):
    if b is None:
        (a,) = _checked((a,), check_finite)
        w, v = _standard(_square(a), lower, eigvals_only, driver)
    else:
        w, v = _generalised(*_checked((a, b), check_finite), lower, eigvals_only, static(type))
    chosen = _subset(w, subset_by_index, subset_by_value)
    w = w if chosen is None else w[..., chosen]
    return w if eigvals_only else (w, v if chosen is None else v[..., chosen])


@drop_in
def eigvalsh(a, b=None, *, lower=True, overwrite_a=False, overwrite_b=False, type=1, check_finite=True, subset_by_index=None,
             subset_by_value=None, driver=None):
    return eigh(a, b, lower=lower, eigvals_only=True, type=type, check_finite=check_finite, subset_by_index=subset_by_index,
                subset_by_value=subset_by_value)


def _standard(a, lower, eigvals_only, driver):
    if eigvals_only:
        return np.linalg.eigvalsh(a, "L" if lower else "U"), None
    w, v = unpack(emit("eigh", a, lower=bool(lower), driver=driver or "evr"), eigh_shapes(a.shape))
    return (np.real(w) if w.dtype.kind == "c" else w), v


def _generalised(a, b, lower, eigvals_only, kind):
    """By the Cholesky factor f of b. Kind 1: a v = w b v; 2: a b v = w v; 3: b a v = w v."""
    f = np.linalg.cholesky(b if lower else transposed(b))
    a = _mirrored(a, lower)
    if kind == 1:
        inner = _by_triangle(f, transposed(_by_triangle(f, a, True)), True)
    else:
        inner = transposed(f) @ a @ f
    if eigvals_only:
        return np.linalg.eigvalsh(inner), None
    w, v = np.linalg.eigh(inner)
    return w, f @ v if kind == 3 else _by_triangle(f, v, True, 2)


def _subset(w, by_index, by_value):
    """The slice of eigenvalues that is asked for, or None for all. How many lie between two values is a guard."""
    if by_index is not None:
        first, last = (int(static(k)) for k in by_index)
        return slice(first, last + 1)
    if by_value is None:
        return None
    low, high = by_value
    return slice(int(np.sum(w <= low)), int(np.sum(w <= high)))


# --- LU and QR -------------------------------------------------------------------------------------------------------


def _lu(a, check_finite):
    """(compact factors, the row of a that each of their rows comes from, as integers)."""
    (a,) = _checked((a,), check_finite)
    compact, order = unpack(emit("lu", a), lu_shapes(a.shape))
    return a, compact, (np.real(order) if a.dtype.kind == "c" else order).astype(np.int64)


def _triangles(compact):
    m, n = compact.shape[-2:]
    k = min(m, n)
    return np.tril(compact[..., :k], -1) + np.eye(m, k, dtype=compact.dtype), np.triu(compact[..., :k, :])


@drop_in
def lu(a, permute_l=False, overwrite_a=False, check_finite=True, p_indices=False):
    a, compact, order = _lu(a, check_finite)
    lower, upper = _triangles(compact)
    back = np.argsort(order, axis=-1)
    if p_indices and not permute_l:
        return back.astype(np.int32), lower, upper
    if permute_l:
        return np.take_along_axis(lower, back[..., None], axis=-2), upper
    places = order[..., None, :] == np.arange(a.shape[-2])[:, None]
    return places.astype(np.abs(concrete(a)[..., :0]).dtype), lower, upper


@drop_in
def lu_factor(a, overwrite_a=False, check_finite=True):
    a, compact, _ = _lu(a, check_finite)
    return compact, host(_pivots, a)


def _pivots(a):
    return scipys(__name__, "lu_factor")(a, check_finite=False)[1]


def _order_of(pivots, n):
    """The order of rows that a sequence of exchanges makes, for each sequence of a stack."""
    order = np.broadcast_to(np.arange(n), pivots.shape[:-1] + (n,)).copy()
    for place in np.ndindex(pivots.shape[:-1]):
        for k, pivot in enumerate(pivots[place]):
            order[(*place, [k, pivot])] = order[(*place, [pivot, k])]
    return order


@drop_in
def lu_solve(lu_and_piv, b, trans=0, overwrite_b=False, check_finite=True):
    compact, pivots = lu_and_piv
    compact, b = _checked((compact, b), check_finite)
    n, trans = _square(compact).shape[-1], _TRANS[trans]
    order = host(_order_of, asarray(pivots), n)

    def solved(f, b):
        places = stretched(order[..., None], b.shape)
        if not trans:
            return _by_triangle(f, _by_triangle(f, np.take_along_axis(b, places, -2), True, 0, True), False)
        x = _by_triangle(f, _by_triangle(f, b, False, trans), True, trans, True)
        return np.take_along_axis(x, np.argsort(places, axis=-2), -2)

    return _as_columns(solved, compact, b)


@drop_in
def qr(a, overwrite_a=False, lwork=None, mode="full", pivoting=False, check_finite=True):
    if mode not in ("full", "qr", "r", "economic", "raw"):
        raise ValueError("Mode argument should be one of ['full', 'r', 'economic', 'raw']")
    (a,) = _checked((a,), check_finite)
    if mode == "raw":
        refuse(a, "scipy.linalg.qr of a traced matrix with mode='raw' gives LAPACK's reflectors, which are not differentiated: "
                  "use mode='economic'")
    order = ()
    if pivoting:
        order = (host(_column_order, a),)
        a = np.take_along_axis(a, stretched(order[0][..., None, :], a.shape), axis=-1)
    q, r = np.linalg.qr(a, "reduced" if mode == "economic" else "complete")
    return (r, *order) if mode == "r" else (q, r, *order)


def _column_order(a):
    return scipys(__name__, "qr")(a, mode="r", pivoting=True, check_finite=False)[-1]


# --- matrix functions, special matrices ------------------------------------------------------------------------------


@drop_in
def expm(A):
    return emit("expm", _square(inexact(A)[0], np.linalg.LinAlgError))


@drop_in
def sqrtm(A, disp=True, blocksize=None):
    if disp is False:
        refuse(A, "scipy.linalg.sqrtm with disp=False is not traced: leave it away")
    return emit("sqrtm", _square(inexact(A)[0], np.linalg.LinAlgError))


@drop_in
def block_diag(*arrs):
    blocks = [np.atleast_2d(asarray(a)) for a in arrs]
    dtype = np.result_type(*[a.dtype for a in blocks])
    shape = np.broadcast_shapes(*[a.shape[:-2] for a in blocks]) + tuple(sum(a.shape[k] for a in blocks) for k in (-2, -1))
    out = filled(next(a for a in blocks if type(a) is Tracer), shape, 0, dtype)
    row = column = 0
    for a in blocks:
        out[..., row:row + a.shape[-2], column:column + a.shape[-1]] = a
        row, column = row + a.shape[-2], column + a.shape[-1]
    return out


@drop_in
def toeplitz(c, r=None):
    c = np.atleast_1d(asarray(c))
    r = np.conj(c) if r is None else np.atleast_1d(asarray(r))
    places = np.arange(c.shape[-1])[:, None] - np.arange(r.shape[-1])
    both = np.concatenate([np.flip(r[..., 1:], -1), c], axis=-1)
    return both[..., places + r.shape[-1] - 1]
