"""What NumPy has no function for: solves with triangles and with LU factors, by SciPy's LAPACK where it is installed.

Everything takes stacks of matrices (leading axes) and the NumPy module as its first argument; SciPy is imported when a
function first needs it. Without SciPy the results are the same up to rounding, by NumPy alone. Read next: `linalg.py`.
"""

import functools
from math import prod

LARGE = 24  # from this number of rows on one LAPACK call per matrix pays


@functools.cache
def lapack_of(dtype):
    """(trsm, getrf, getrs) for NumPy's letter of a dtype, or None without SciPy."""
    try:
        from scipy.linalg import blas, lapack
    except ImportError:
        return None
    letter = {"f": "s", "d": "d", "F": "c", "D": "z"}[dtype]
    return getattr(blas, letter + "trsm"), getattr(lapack, letter + "getrf"), getattr(lapack, letter + "getrs")


def stacked(np, function, *arrays):
    """function of the matrices of stacks with equal leading axes, one by one; the results stacked again."""
    lead = arrays[0].shape[:-2]
    if not lead:
        return function(*arrays)
    flat = [a.reshape((prod(lead),) + a.shape[-2:]) for a in arrays]
    results = [function(*matrices) for matrices in zip(*flat)]
    return np.reshape(np.stack(results), lead + results[0].shape)


# --- triangles -------------------------------------------------------------------------------------------------------


def solve_triangle(np, a, b, lower, trans, unit, strict):
    """x with op(T) x = b for the triangle T of a; infinite or NaN where a diagonal element is 0, or LinAlgError if `strict`."""
    if strict and not unit and not np.all(np.diagonal(a, 0, -2, -1)):
        raise np.linalg.LinAlgError("singular matrix: resolution failed, a diagonal element of the triangle is 0")
    if a.size == 0 or b.size == 0:
        return np.zeros(b.shape, b.dtype)
    functions = lapack_of(b.dtype.char) if a.shape[-1] >= LARGE else None
    if functions is None:
        return _substitute(np, a, b, lower, trans, unit)

    def one(a, b):  # as C rows are Fortran columns: x.T * op(T).T = b.T, with a.T in place of a
        options = {"side": 1, "lower": not lower, "trans_a": int(trans), "diag": int(unit)}
        return functions[0](1.0, np.ascontiguousarray(a).T, np.ascontiguousarray(b).T, **options).T

    return np.ascontiguousarray(stacked(np, one, a, b))


def _substitute(np, a, b, lower, trans, unit):
    """Forward or backward substitution on all matrices of a stack at once."""
    if trans:
        a, lower = np.swapaxes(a, -1, -2), not lower
    n = a.shape[-1]
    x = np.array(b)
    for i in range(n) if lower else range(n - 1, -1, -1):
        known = slice(0, i) if lower else slice(i + 1, n)
        x[..., i, :] -= np.matmul(a[..., i, None, known], x[..., known, :])[..., 0, :]
        if not unit:
            x[..., i, :] /= a[..., i, i, None]
    return x


# --- Cholesky --------------------------------------------------------------------------------------------------------

BLOCK = 64  # columns that the reverse sweep of a Cholesky factorisation takes at once


def cholesky_pull(np, y, ct):
    """The cotangent of a, a lower triangle that counts both of each pair of elements, for a factor y of a and its cotangent. Real.

    By blocks of columns from the last to the first, which takes twice the operations of the factorisation: Murray, Differentiation of the
    Cholesky decomposition, arXiv:1602.07527 (2016), section 5.1.
    """
    if y.size == 0:
        return np.zeros(y.shape, y.dtype)
    functions = lapack_of(y.dtype.char)

    def over(a, b):
        """a times the inverse of the lower triangle b."""
        if functions is None:
            return np.linalg.solve(b.T, a.T).T
        return functions[0](1.0, np.ascontiguousarray(b).T, np.ascontiguousarray(a).T, side=0, lower=0).T

    def half(x):
        x = np.tril(x)
        np.fill_diagonal(x, 0.5 * np.diagonal(x))
        return x

    def one(y, ct):
        y, bar = np.tril(y), np.tril(ct)
        for end in range(len(y), 0, -BLOCK):
            start = max(0, end - BLOCK)
            left, diagonal = y[start:end, :start], y[start:end, start:end]
            if end < len(y):
                below = bar[end:, start:end] = over(bar[end:, start:end], diagonal)
                bar[end:, :start] -= below @ left
                bar[start:end, start:end] -= np.tril(below.T @ y[end:, start:end])
                bar[start:end, :start] -= below.T @ y[end:, :start]
            inner = over(half(diagonal.T @ bar[start:end, start:end]).T, diagonal).T  # from the left by the transposed inverse
            both = over(inner, diagonal)
            both = half(both + both.T)
            bar[start:end, start:end] = both
            bar[start:end, :start] -= (both + both.T) @ left
        return bar

    return stacked(np, one, y, ct)


def scipy_linalg(name):
    """The module scipy.linalg, for the function `name` that needs it."""
    try:
        import scipy.linalg
    except ImportError:
        from ..errors import UnsupportedError

        raise UnsupportedError(f"{name} needs SciPy: pip install scipy") from None
    return scipy.linalg


def eigh_by_scipy(np, a, lower, driver):
    """Eigenvalues and eigenvectors; SciPy's drivers choose other signs than NumPy's."""
    function = scipy_linalg("eigh").eigh
    if a.ndim == 2:
        return function(a, lower=lower, driver=driver)
    w, v = np.empty(a.shape[:-1], a.real.dtype), np.empty(a.shape, a.dtype)
    for place in np.ndindex(a.shape[:-2]):
        w[place], v[place] = function(a[place], lower=lower, driver=driver)
    return w, v


# --- LU factors ------------------------------------------------------------------------------------------------------


def lu_words(dtype):
    """(integer dtype of the bits of LU factors, its words per element) for a dtype of the tape."""
    return ("i32", 1) if dtype == "f32" else ("i64", 2 if dtype == "c128" else 1)


def lu_bits(np, a):
    """The LU factors of a stack of matrices and their pivots, as integers that only `lu_solve` reads."""
    functions = lapack_of(a.dtype.char)
    word = np.int32 if a.dtype == np.float32 else np.int64
    n = a.shape[-1]

    def one(a):
        if functions is None:  # the matrix itself
            lu, pivots = a, np.full(n, -1)
        else:
            lu, pivots, info = functions[1](np.ascontiguousarray(a).T)
            if info > 0:
                raise np.linalg.LinAlgError("Singular matrix")
            lu = lu.T
        return np.concatenate([np.ascontiguousarray(lu).reshape(-1).view(word), np.asarray(pivots, word)])

    return stacked(np, one, a)


def lu_solve(np, bits, b, trans):
    """x with op(a) x = b from `lu_bits` of a, with a matrix b."""
    functions = lapack_of(b.dtype.char)
    n = b.shape[-2]
    if b.size == 0:
        return np.zeros(b.shape, b.dtype)

    def one(bits, b):
        bits = bits[0]
        factors, pivots = bits[:-n].view(b.dtype).reshape(n, n), bits[-n:]
        if pivots[0] < 0:
            return np.linalg.solve(factors.T if trans else factors, b)
        return functions[2](factors.T, pivots, b, trans=int(not trans))[0]  # they are the factors of a.T

    return np.ascontiguousarray(stacked(np, one, np.ascontiguousarray(bits)[..., None, :], b))


def lu(np, a):
    """LU factors with partial pivoting in one matrix, and for each row the row of a that it comes from, packed."""
    functions = lapack_of(a.dtype.char)

    def one(a):
        m = a.shape[0]
        order = list(range(m))
        if functions is None:
            factors = _eliminated(np, a, order)
        else:
            factors, pivots, _ = functions[1](a)
            for k, pivot in enumerate(pivots):
                order[k], order[pivot] = order[pivot], order[k]
        return np.concatenate([np.ascontiguousarray(factors).reshape(-1), np.array(order, a.dtype)])[None]

    if a.size == 0:
        order = np.broadcast_to(np.arange(a.shape[-2]), a.shape[:-1]).astype(a.dtype)
        return np.concatenate([a.reshape(a.shape[:-2] + (a.shape[-2] * a.shape[-1],)), order], -1)
    return stacked(np, one, a)[..., 0, :]


def _eliminated(np, a, order):
    out = np.array(a)
    for k in range(min(a.shape)):
        pivot = k + int(np.argmax(np.abs(out[k:, k])))
        if pivot != k:
            out[[k, pivot]] = out[[pivot, k]]
            order[k], order[pivot] = order[pivot], order[k]
        if out[k, k]:
            out[k + 1:, k] /= out[k, k]
            out[k + 1:, k + 1:] -= np.outer(out[k + 1:, k], out[k, k + 1:])
    return out


# --- inverses and determinants ---------------------------------------------------------------------------------------


def inverse_or_nan(np, a):
    """The inverse; NaN for the singular matrices of a stack."""
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        if a.ndim == 2:
            return np.full_like(a, np.nan)
        return np.stack([inverse_or_nan(np, matrix) for matrix in a])


WELL_CONDITIONED = 1e3  # below it det(a) * inv(a).T has all digits of the cofactors


def _factors(np, a):
    """a = u * diag(s) * vh, and the determinant of u and vh together."""
    u, s, vh = np.linalg.svd(a)
    return u, s, vh, np.linalg.det(u) * np.linalg.det(vh)


def _products_without(np, s):
    """The products of all elements of s but one."""
    one = np.ones_like(s[..., :1])
    before = np.cumprod(np.concatenate([one, s[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([one, s[..., :0:-1]], -1), -1)[..., ::-1]
    return before * after


def cofactor(np, a):
    """The matrix of cofactors, the derivative of the determinant: right for singular matrices too."""
    if a.size == 0:
        return np.zeros(a.shape, a.dtype)
    inverse = inverse_or_nan(np, a)
    size = np.max(np.sum(np.abs(a), -1), -1) * np.max(np.sum(np.abs(inverse), -1), -1)
    if np.all(size < WELL_CONDITIONED):
        return np.linalg.det(a)[..., None, None] * np.swapaxes(inverse, -1, -2)
    u, s, vh, sign = _factors(np, a)
    return np.matmul(np.conj(u) * (sign[..., None] * _products_without(np, s))[..., None, :], np.conj(vh))


def cofactor_change(np, a, h):
    """The derivative of the cofactors of a along h, without a division."""
    if a.size == 0:
        return np.zeros(a.shape, a.dtype)
    u, s, vh, sign = _factors(np, a)
    n = a.shape[-1]
    inner = np.matmul(np.matmul(np.conj(np.swapaxes(u, -1, -2)), h), np.conj(np.swapaxes(vh, -1, -2)))
    without = np.empty(a.shape, s.dtype)  # the products of all singular values but two
    for i in range(n):
        others = s.copy()
        others[..., i] = 1
        without[..., i, :] = _products_without(np, others)
        without[..., i, i] = 0
    diagonal = np.matmul(without, np.diagonal(inner, 0, -2, -1)[..., None])
    change = -np.swapaxes(inner, -1, -2) * without
    places = np.arange(n)
    change[..., places, places] = diagonal[..., 0]
    return np.matmul(np.matmul(np.conj(u), sign[..., None, None] * change), np.conj(vh))
