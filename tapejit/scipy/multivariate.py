"""Distributions of vectors and matrices: multivariate_normal, dirichlet, multinomial, wishart, with SciPy's arguments and checks.

Covariance and scale matrices enter through their Cholesky factors, so of a symmetric matrix one triangle is read, and one that is not
positive definite raises LinAlgError. Read next: `distributions.py`, `stats.py`.
"""

import numpy as np

from ..trace.lowerings.common import asarray, refuse
from ..trace.tracer import Tracer
from . import linalg, special
from .distributions import Distribution, choose, double, exponential, fixed

LOG_2PI = float(np.log(2 * np.pi))


class Multivariate(Distribution):
    """A distribution whose log-density is one function with SciPy's signature."""

    __slots__ = ("logarithm",)

    def __init__(self, name, logarithm, density="pdf"):
        self.name, self.logarithm, self.methods = name, logarithm, frozenset((density, "log" + density))

    def evaluate(self, method, *args, **kwds):
        result = self.logarithm(*args, **kwds)
        return (result if method.startswith("log") else exponential(result))[()]


def _log_det(factor):
    """log(det(L L')) of a triangular factor."""
    return 2 * np.sum(np.log(np.diagonal(factor)))


def _squeezed(x):
    return np.squeeze(x)


def _normal(x, mean=None, cov=1, allow_singular=False):
    if allow_singular:
        refuse(x, "scipy.stats.multivariate_normal with allow_singular=True is not traced: give a positive definite cov")
    cov = double(getattr(cov, "covariance", cov))
    mean = None if mean is None else double(mean)
    if mean is None:
        mean = np.zeros(cov.shape[0] if cov.ndim > 1 else 1)
    mean = np.reshape(mean, (-1,)) if mean.ndim == 0 else mean
    if mean.ndim != 1:
        raise ValueError(f"Array 'mean' must be a vector of length {mean.size}.")
    dim = mean.shape[0]
    if cov.ndim == 0:
        cov = cov * np.eye(dim)
    elif cov.ndim == 1:
        cov = np.diag(cov) if dim > 1 else np.reshape(cov, (1, 1))
    if cov.ndim != 2 or cov.shape != (dim, dim):
        raise ValueError(f"Array 'cov' must be square with the length of 'mean', {dim}, but cov.shape = {cov.shape}.")
    x = double(x)
    if x.ndim == 0:
        x = np.reshape(x, (1,))
    elif x.ndim == 1:
        x = x[:, None] if dim == 1 else x[None, :]
    factor = linalg.cholesky(cov, lower=True)
    deviation = x - mean
    rows = np.reshape(deviation, (-1, dim))
    white = linalg.solve_triangular(factor, rows.T, lower=True)
    distance = np.reshape(np.sum(np.square(white), axis=0), deviation.shape[:-1])
    return _squeezed(-0.5 * (dim * LOG_2PI + _log_det(factor) + distance))


def _dirichlet(x, alpha):
    x, alpha = asarray(x), asarray(alpha)
    total = np.sum(x, axis=0)  # in x's own dtype: in float32, numbers that add up to 1 are a little off in float64
    dtype = np.result_type(x.dtype, alpha.dtype)
    x, alpha = double(x), double(alpha)
    if bool(np.min(alpha) <= 0):
        raise ValueError("All parameters must be greater than 0")
    if alpha.ndim != 1:
        raise ValueError(f"Parameter vector 'a' must be one dimensional, but a.shape = {alpha.shape}.")
    if x.shape[0] + 1 != alpha.shape[0] and x.shape[0] != alpha.shape[0]:
        raise ValueError("Vector 'x' must have either the same number of entries as, or one entry fewer than, "
                         f"parameter vector 'a', but alpha.shape = {alpha.shape} and x.shape = {x.shape}.")
    if x.shape[0] != alpha.shape[0]:
        total = 1.0
        x = np.concatenate([x, 1 - np.sum(x, axis=0, keepdims=True)])
    column = np.reshape(alpha, alpha.shape + (1,) * (x.ndim - 1))
    if bool(np.any((x < 0) | (x > 1))):
        raise ValueError("Each entry in 'x' must be greater than or equal to zero and smaller or equal one.")
    if bool(np.any((x == 0) & (column < 1))):
        raise ValueError("Each entry in 'x' must be greater than zero if its alpha is less than one.")
    if bool(np.any(np.abs(total - 1.0) > 10e-10)):
        raise ValueError("The input vector 'x' must lie within the normal simplex.")
    log_beta = np.sum(_sc("gammaln")(alpha)) - _sc("gammaln")(np.sum(alpha))
    result = _squeezed(np.sum(_sc("xlogy")(column - 1, x), axis=0) - log_beta)
    return result.astype(np.float32) if dtype == np.float32 else result  # as SciPy's, of this distribution alone


def _multinomial(x, n, p):
    x, n, p = fixed(double(x)), fixed(double(n)), double(p)
    if x.ndim == 0:
        raise ValueError("x must be an array.")
    if x.size and x.shape[-1] != p.shape[-1]:
        raise ValueError(f"Size of each quantile should be size of p: received {x.shape[-1]}, but expected {p.shape[-1]}.")
    rest = 1 - np.sum(p[..., :-1], axis=-1, keepdims=True)
    off = np.abs(1 - np.sum(p, axis=-1, keepdims=True)) > 10 * np.finfo(np.float64).eps
    if type(off) is Tracer or np.any(off):  # SciPy takes the last probability to be what the others leave
        p = np.concatenate([p[..., :-1], choose(off, rest, p[..., -1:])], axis=-1)
    bad = (n < 0) | np.any((p < 0) | (p > 1), axis=-1)
    outside = np.any((x != np.floor(x)) | (x < 0), axis=-1) | (np.sum(x, axis=-1) != n)
    counts = choose(outside[..., None], 0.0, x)
    result = _sc("gammaln")(n + 1) + np.sum(_sc("xlogy")(counts, p) - _sc("gammaln")(counts + 1), axis=-1)
    return choose(bad, np.nan, choose(outside, -np.inf, result))


def _wishart(x, df, scale):
    scale = double(1.0 if scale is None else scale)
    scale = np.reshape(scale, (1, 1)) if scale.ndim == 0 else np.diag(scale) if scale.ndim == 1 else scale
    if scale.ndim != 2 or scale.shape[0] != scale.shape[1]:
        raise ValueError(f"Array 'scale' must be square if it is two dimensional, but scale.scale = {scale.shape}.")
    dim = scale.shape[0]
    df = double(dim if df is None else df)
    if df.ndim:
        raise ValueError("Degrees of freedom must be a scalar.")
    if bool(df <= dim - 1):
        raise ValueError("Degrees of freedom must be greater than the dimension of scale matrix minus 1.")
    x = double(x)
    if x.ndim == 0:
        x = x * np.eye(dim)
    elif x.ndim == 1:
        x = np.reshape(x, (1, 1, -1)) if dim == 1 else np.diag(x)
    if x.ndim > 3 or x.shape[:2] != (dim, dim):
        raise ValueError(f"Quantiles have incompatible dimensions: should be {(dim, dim)}, got {x.shape[:2]}.")
    factor = linalg.cholesky(scale, lower=True)
    matrices = np.transpose(x, (2, 0, 1)) if x.ndim == 3 else x[None]
    result = []
    for matrix in matrices:
        log_det = _log_det(linalg.cholesky(matrix, lower=True))
        result.append(0.5 * (df - dim - 1) * log_det - 0.5 * np.trace(linalg.cho_solve((factor, True), matrix)))
    constant = 0.5 * df * dim * float(np.log(2)) + 0.5 * df * _log_det(factor) + special.multigammaln(0.5 * df, dim)
    return _squeezed(np.stack(result) - constant)


def _sc(name):
    return getattr(special, name)


multivariate_normal = Multivariate("multivariate_normal", _normal)
dirichlet = Multivariate("dirichlet", _dirichlet)
multinomial = Multivariate("multinomial", _multinomial, "pmf")
wishart = Multivariate("wishart", _wishart)
