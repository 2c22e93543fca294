"""scipy.stats.gaussian_kde for differentiated code: the density at points, by the points, the data, the weights and the bandwidth.

Formulas: Scott, Multivariate Density Estimation (1992). Read next: `stats.py`.
"""

import numpy as np

from ..trace.lowerings.common import holds_tracer
from ..trace.recorder import current_trace
from . import linalg, special
from .common import scipys
from .distributions import Mirror, double


class KernelDensity(Mirror):
    """What stands for a gaussian_kde: evaluate, pdf, logpdf and a call here, all other attributes of one made of numbers SciPy's."""

    __slots__ = ("known", "dataset", "weights", "factor", "d", "n")
    name, methods = "gaussian_kde", frozenset(("evaluate", "pdf", "logpdf"))

    def __init__(self, dataset, bw_method=None, weights=None, known=None):
        self.known = known
        if known is None and not holds_tracer((dataset, bw_method, weights)):
            self.known = scipys("scipy.stats", "gaussian_kde")(dataset, bw_method, weights)  # SciPy's errors
        self.dataset = np.atleast_2d(double(dataset))
        if not self.dataset.size > 1:
            raise ValueError("`dataset` input should have multiple elements.")
        self.d, self.n = self.dataset.shape
        if self.d > self.n:
            raise ValueError("Number of dimensions is greater than number of samples: each column of `dataset` is a point")
        self.weights = np.full(self.n, 1.0 / self.n)
        if weights is not None:
            weights = np.atleast_1d(double(weights))
            if weights.ndim != 1 or weights.shape[0] != self.n:
                raise ValueError(f"`weights` input should be one-dimensional and of length {self.n}, found shape {weights.shape}")
            self.weights = weights / np.sum(weights)
        self.factor = self.bandwidth(bw_method)

    @property
    def neff(self):
        return 1.0 / np.sum(np.square(self.weights))

    def scotts_factor(self):
        return self.neff ** (-1.0 / (self.d + 4))

    def silverman_factor(self):
        return (self.neff * (self.d + 2.0) / 4.0) ** (-1.0 / (self.d + 4))

    def bandwidth(self, method):
        if method is None or isinstance(method, str) and method == "scott":
            return self.scotts_factor()
        if isinstance(method, str) and method == "silverman":
            return self.silverman_factor()
        if callable(method):
            return method(self)
        if isinstance(method, str) or np.ndim(method):
            raise ValueError("`bw_method` should be 'scott', 'silverman', a scalar or a callable.")
        return method

    @property
    def covariance(self):
        if self.known is not None:
            return self.known.covariance
        deviation = self.dataset - np.sum(self.weights * self.dataset, axis=1, keepdims=True)
        return (self.weights * deviation) @ deviation.T / (1.0 - np.sum(np.square(self.weights))) * self.factor**2

    @property
    def original(self):
        if self.known is None:
            raise AttributeError("of a traced gaussian_kde evaluate, pdf, logpdf and a call are covered")
        return self.known

    def covers(self, method):
        return method in self.methods

    def call(self, method, points):
        if self.known is not None and not holds_tracer(points):
            return getattr(self.known, method)(points)
        result = self.log_density(points)
        return result if method == "logpdf" else np.exp(result)

    def __call__(self, points):
        return self.call("evaluate", points)

    def log_density(self, points):
        points = np.atleast_2d(double(points))
        d, m = points.shape
        if d != self.d:
            if d != 1 or m != self.d:
                raise ValueError(f"points have dimension {d}, dataset has dimension {self.d}")
            points = np.reshape(points, (self.d, 1))
        factor = linalg.cholesky(self.covariance, lower=True)
        white, centres = (linalg.solve_triangular(factor, x, lower=True) for x in (points, self.dataset))
        exponents = -0.5 * np.sum(np.square(white[:, :, None] - centres[:, None, :]), axis=0)
        log_norm = np.sum(np.log(np.diagonal(factor))) + 0.5 * self.d * float(np.log(2 * np.pi))
        return special.logsumexp(exponents, axis=1, b=np.broadcast_to(self.weights, exponents.shape)) - log_norm

    def __repr__(self):
        return "<scipy.stats.gaussian_kde, traced>"


def gaussian_kde(dataset, bw_method=None, weights=None):
    if current_trace() is None:
        return scipys("scipy.stats", "gaussian_kde")(dataset, bw_method, weights)
    return KernelDensity(dataset, bw_method, weights)


def known_density(kde):
    """What stands for a gaussian_kde that was made outside of the traced code."""
    return KernelDensity(kde.dataset, float(kde.factor), kde.weights, kde)
