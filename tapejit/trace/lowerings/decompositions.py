"""numpy.linalg: Cholesky, QR, eigenvalues and singular values. Several results are one packed record, taken apart here.

The rows are those of `ops/linalg.py` and `ops/decompositions.py`, which say what the derivative is where values repeat.
"""

import numpy as np

from ...ops.decompositions import eigh_shapes, svd_shapes
from ...ops.factors import qr_shapes
from ...ops.packing import unpack
from ..tracer import lowering
from .common import concrete, refuse
from .matrices import emit, matrix, plain, transposed
from .products import matmul

_ONE = np.eye(1)
EighResult, EigResult, SVDResult, QRResult, SlogdetResult = (
    type(f(_ONE)) for f in (np.linalg.eigh, np.linalg.eig, np.linalg.svd, np.linalg.qr, np.linalg.slogdet))


def real_part(x):
    """The real parts of a complex array; a real array itself."""
    return np.real(x) if x.dtype.kind == "c" else x


@lowering(np.linalg.cholesky)
def cholesky(a, /, *, upper=False):
    a = matrix(a)
    return transposed(emit("cholesky", transposed(a))).copy() if upper else emit("cholesky", a)


@lowering(np.linalg.slogdet)
def slogdet(a):
    sign, logdet = unpack(emit("slogdet", matrix(a)), ((), ()))
    return SlogdetResult(plain(sign), real_part(plain(logdet)))


# --- Hermitian matrices ----------------------------------------------------------------------------------------------


def _is_lower(uplo):
    if uplo.upper() not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return uplo.upper() == "L"


@lowering(np.linalg.eigh)
def eigh(a, UPLO="L"):
    lower, a = _is_lower(UPLO), matrix(a)
    w, v = unpack(emit("eigh", a, lower=lower, driver=None), eigh_shapes(a.shape))
    return EighResult(real_part(w), v)


@lowering(np.linalg.eigvalsh)
def eigvalsh(a, UPLO="L"):
    lower = _is_lower(UPLO)
    return emit("eigvalsh", matrix(a), lower=lower)


# --- any square matrix -----------------------------------------------------------------------------------------------


@lowering(np.linalg.eig)
def eig(a):
    """Real results for a real matrix with real eigenvalues, which is a guard; complex ones else."""
    a = matrix(a)
    real = a.dtype.kind != "c" and bool(emit("has_real_eigenvalues", a))
    return EigResult(*unpack(emit("real_eig" if real else "eig", a), eigh_shapes(a.shape)))


@lowering(np.linalg.eigvals)
def eigvals(a):
    return eig(a).eigenvalues


# --- singular values -------------------------------------------------------------------------------------------------


@lowering(np.linalg.svd)
def svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    a = matrix(a)
    if hermitian:
        return _hermitian_svd(a, compute_uv)
    if not compute_uv:
        return emit("svdvals", a)
    full = bool(full_matrices) and a.shape[-1:] != a.shape[-2:-1]
    u, s, vh = unpack(emit("svd", a, full=full), svd_shapes(a.shape, full))
    return SVDResult(u, real_part(s), vh)


def _hermitian_svd(a, compute_uv):
    """By eigenvalues, as NumPy does it."""
    if not compute_uv:
        return np.sort(np.abs(eigvalsh(a)))[..., ::-1]
    w, u = eigh(a)
    sign = np.copysign(np.ones_like(concrete(w)), w)
    s = np.abs(w)
    order = np.argsort(s)[..., ::-1]
    sign, s = np.take_along_axis(sign, order, axis=-1), np.take_along_axis(s, order, axis=-1)
    u = np.take_along_axis(u, order[..., None, :], axis=-1)
    return SVDResult(u, s, transposed(u * sign[..., None, :]))


@lowering(np.linalg.svdvals)
def svdvals(x, /):
    return svd(x, compute_uv=False)


# --- QR --------------------------------------------------------------------------------------------------------------


@lowering(np.linalg.qr)
def qr(a, mode="reduced"):
    """For more columns than rows, q is that of the first ones, and the others are q^H a."""
    a = matrix(a)
    if mode in ("raw", "e", "economic"):
        refuse(a, f"np.linalg.qr of a traced matrix with mode={mode!r} gives LAPACK's reflectors, which are not differentiated: "
                  "use mode='reduced'")
    if mode not in ("reduced", "complete", "r"):
        np.linalg.qr(_ONE, mode)  # NumPy's error or warning
        mode = "reduced"
    if a.ndim < 2:
        np.linalg.qr(concrete(a))  # NumPy's error
    m, n = a.shape[-2:]
    complete = mode == "complete" and m > n
    first = a[..., :m] if n > m else a
    q, r = unpack(emit("qr", first, complete=complete), qr_shapes(first.shape, complete))
    if n > m:
        r = np.concatenate([r, matmul(transposed(q), a[..., m:])], axis=-1)
    return r if mode == "r" else QRResult(q, r)
