"""Distributions of vectors and matrices, with SciPy's arguments and checks: multivariate_normal, multivariate_t, dirichlet, multinomial,
wishart.

Covariance and scale matrices enter through their Cholesky factors, so of a symmetric matrix one triangle is read, and one that is not
positive definite raises LinAlgError. Read next: `distributions.py`, `stats.py`.
"""

import numpy as np

from ..custom import stop_gradient
from ..trace.lowerings.common import asarray, refuse, static
from ..trace.tracer import Tracer
from . import linalg, special
from .common import scipys
from .distributions import Distribution, choose, double, exponential, first_tracer, fixed
from .normal_orthants import normal_cdf

LOG_2PI = float(np.log(2 * np.pi))


class Multivariate(Distribution):
    """A distribution whose log-density is one function with SciPy's signature; `others` are further methods, by name."""

    __slots__ = ("logarithm", "others")

    def __init__(self, name, logarithm, density="pdf", **others):
        self.name, self.logarithm, self.others = name, logarithm, others
        self.methods = frozenset((density, "log" + density, *others))

    def evaluate(self, method, *args, **kwds):
        if method in self.others:
            if method == "rvs":
                self.drawn(kwds.get("random_state"))
            return self.others[method](*args, **kwds)[()]
        result = self.logarithm(*args, **kwds)
        return (result if method.startswith("log") else exponential(result))[()]


def _log_det(factor):
    """log(det(L L')) of a triangular factor."""
    return 2 * np.sum(np.log(np.diagonal(factor)))


def _squeezed(x):
    return np.squeeze(x)


def _normal_parameters(mean, cov, allow_singular):
    """(mean, cov) as a vector and a matrix."""
    if allow_singular:
        refuse(first_tracer((mean, cov)), "scipy.stats.multivariate_normal with allow_singular=True is not traced: give a positive definite cov")
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
    return mean, cov


def _normal_quantiles(x, dim):
    x = double(x)
    if x.ndim == 0:
        return np.reshape(x, (1,))
    if x.ndim == 1:
        return x[:, None] if dim == 1 else x[None, :]
    return x


def _normal(x, mean=None, cov=1, allow_singular=False):
    mean, cov = _normal_parameters(mean, cov, allow_singular)
    dim = mean.shape[0]
    factor = linalg.cholesky(cov, lower=True)
    deviation = _normal_quantiles(x, dim) - mean
    rows = np.reshape(deviation, (-1, dim))
    white = linalg.solve_triangular(factor, rows.T, lower=True)
    distance = np.reshape(np.sum(np.square(white), axis=0), deviation.shape[:-1])
    return _squeezed(-0.5 * (dim * LOG_2PI + _log_det(factor) + distance))


def _normal_cdf(x, mean=None, cov=1, allow_singular=False, maxpts=None, abseps=1e-5, releps=1e-5, *, lower_limit=None, rng=None):
    """Of more than two variables, SciPy's integration runs with its own tolerances and a fixed seed."""
    if lower_limit is not None:
        refuse(first_tracer((x, mean, cov, lower_limit)), "scipy.stats.multivariate_normal.cdf with lower_limit is not traced: add and "
               "subtract the values at the corners")
    mean, cov = _normal_parameters(mean, cov, allow_singular)
    deviation = _normal_quantiles(x, mean.shape[0]) - mean
    rows = np.reshape(deviation, (-1, mean.shape[0]))
    return _squeezed(np.reshape(normal_cdf(rows, cov), deviation.shape[:-1]))


def _normal_logcdf(*args, **kwds):
    return np.log(_normal_cdf(*args, **kwds))


def _normal_entropy(mean=None, cov=1):
    mean, cov = _normal_parameters(mean, cov, False)
    return 0.5 * (mean.shape[0] * (LOG_2PI + 1) + _log_det(linalg.cholesky(cov, lower=True)))


def _normal_rvs(mean=None, cov=1, size=1, random_state=None):
    """What SciPy draws. By cov, the derivative is that of mean + L e with the Cholesky factor L and e as it is in this draw.

    It is a derivative of the draw in distribution, for every cov; SciPy's own path, by eigenvectors, has none where eigenvalues are equal.
    """
    if hasattr(cov, "colorize"):
        refuse(first_tracer((mean,)), "scipy.stats.multivariate_normal.rvs with a Covariance object is not traced: give its matrix")
    mean, cov = _normal_parameters(mean, cov, False)
    dim = mean.shape[0]
    white = scipys("scipy.stats", "multivariate_normal").rvs(np.zeros(dim), np.eye(dim), static(size), random_state)
    factor = linalg.cholesky(cov, lower=True)
    _, values, vectors = np.linalg.svd(stop_gradient(cov))
    white = np.reshape(white, (-1, dim))
    drawn = white @ (np.sqrt(values)[:, None] * vectors)
    white_now = linalg.solve_triangular(stop_gradient(factor), drawn.T, lower=True)
    moved = drawn + ((factor - stop_gradient(factor)) @ white_now).T
    shape = (static(size),) if np.ndim(static(size)) == 0 else tuple(static(size))
    return _squeezed(np.reshape(mean + moved, shape + (dim,)))


def _student(x, loc=None, shape=1, df=1, allow_singular=False):
    loc, shape = _normal_parameters(loc, shape, allow_singular)
    dim, df = loc.shape[0], double(df)
    deviation = _normal_quantiles(x, dim) - loc
    factor = linalg.cholesky(shape, lower=True)
    white = linalg.solve_triangular(factor, np.reshape(deviation, (-1, dim)).T, lower=True)
    distance = np.reshape(np.sum(np.square(white), axis=0), deviation.shape[:-1])
    infinite = np.isinf(df)
    n = choose(infinite, 1.0, df)
    constant = _sc("gammaln")(0.5 * (n + dim)) - _sc("gammaln")(0.5 * n) - 0.5 * dim * np.log(np.pi * n) - 0.5 * _log_det(factor)
    normal = -0.5 * (dim * LOG_2PI + _log_det(factor) + distance)
    return _squeezed(choose(infinite, normal, constant - 0.5 * (n + dim) * np.log1p(distance / n)))


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


multivariate_normal = Multivariate(
    "multivariate_normal", _normal, cdf=_normal_cdf, logcdf=_normal_logcdf, entropy=_normal_entropy, rvs=_normal_rvs)
multivariate_t = Multivariate("multivariate_t", _student)
dirichlet = Multivariate("dirichlet", _dirichlet)
multinomial = Multivariate("multinomial", _multinomial, "pmf")
wishart = Multivariate("wishart", _wishart)
