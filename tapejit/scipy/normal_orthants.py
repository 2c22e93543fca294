"""The distribution function of the multivariate normal distribution, by the point and the covariance matrix.

Phi(b; R), of standard variables of correlation R, is SciPy's: of three and more variables an integration with about five digits. Its
derivatives are exact, by distribution functions of fewer variables: by b[i] it is the density of variable i times Phi of the others given
that it is b[i]; by R[i, j] it is the density of the two times Phi of the others given both (Plackett, A reduction formula for normal
multivariate integrals, Biometrika 41, 1954). Read next: `multivariate.py`.
"""

import inspect

import numpy as np

from ..custom import custom_jvp
from ..trace.lowerings.common import host
from . import special
from .common import scipys
from .distributions import fixed

SEED = 20260  # of SciPy's integration: the same point gives the same value


def normal_cdf(deviation, covariance):
    """P(x <= deviation) of x ~ N(0, covariance): deviation of shape (n, d), covariance (d, d), of which the lower triangle is read."""
    variance = np.diagonal(covariance)
    scale = np.sqrt(variance)
    correlation = np.tril(covariance, -1) / scale[:, None] / scale
    return _orthant(deviation / scale, correlation + correlation.T + np.eye(covariance.shape[0]))


def _orthant(b, r):
    """Phi(b; r) for each row of b; r of shape (d, d), or (n, d, d) with one matrix for each row."""
    d = b.shape[-1]
    if d == 0:
        return np.ones(b.shape[0])
    if d == 1:
        return special.ndtr(b[:, 0])
    if d == 2:
        return _of_two(b[:, 0], b[:, 1], r[..., 0, 1] + 0 * b[:, 0])
    return _of_many(b, np.broadcast_to(r, (b.shape[0], d, d)))


@custom_jvp
def _of_two(x, y, r):
    return host(_Integral(), np.stack([fixed(x), fixed(y)], axis=-1), _matrices(fixed(r)))


def _matrices(r):
    """The correlation matrices of two variables."""
    one = np.ones_like(r)
    return np.stack([np.stack([one, r], -1), np.stack([r, one], -1)], -2)


@_of_two.defjvp
def _of_two_rule(primals, tangents):
    x, y, r = primals
    x_dot, y_dot, r_dot = tangents
    s = np.sqrt(1 - np.square(r))
    by_x = _density(x) * special.ndtr((y - r * x) / s)
    by_y = _density(y) * special.ndtr((x - r * y) / s)
    return _of_two(x, y, r), by_x * x_dot + by_y * y_dot + _density_of_two(x, y, r) * r_dot


def _density(x):
    return np.exp(-0.5 * np.square(x)) / float(np.sqrt(2 * np.pi))


def _density_of_two(x, y, r):
    rest = 1 - np.square(r)
    return np.exp(-0.5 * (np.square(x) - 2 * r * x * y + np.square(y)) / rest) / (2 * np.pi * np.sqrt(rest))


@custom_jvp
def _of_many(b, r):
    return host(_Integral(), fixed(b), fixed(r))


@_of_many.defjvp
def _of_many_rule(primals, tangents):
    (b, r), (b_dot, r_dot) = primals, tangents
    d = b.shape[-1]
    total = 0.0
    for i in range(d):
        total = total + _density(b[:, i]) * _orthant(*_given(b, r, [i])) * b_dot[:, i]
        for j in range(i):
            slope = _density_of_two(b[:, i], b[:, j], r[:, i, j]) * _orthant(*_given(b, r, [i, j]))
            total = total + slope * 0.5 * (r_dot[:, i, j] + r_dot[:, j, i])
    return _of_many(b, r), total


def _given(b, r, known):
    """(b, r) of the other variables, standard again, given that the `known` ones are at their b."""
    others = [k for k in range(b.shape[-1]) if k not in known]
    cross = r[:, others][:, :, known]
    solved = np.linalg.solve(r[:, known][:, :, known], np.swapaxes(cross, -1, -2))  # (n, known, others)
    mean = np.sum(np.swapaxes(solved, -1, -2) * b[:, None, known], axis=-1)
    covariance = r[:, others][:, :, others] - cross @ solved
    scale = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    return (b[:, others] - mean) / scale, covariance / scale[:, :, None] / scale[:, None, :]


class _Integral:
    """Phi of each row, by SciPy: for host calls."""

    __name__ = "multivariate_normal.cdf"

    def __call__(self, b, r):
        cdf = scipys("scipy.stats", "multivariate_normal").cdf
        seeded = "rng" in inspect.signature(cdf).parameters  # SciPy 1.16 and later
        found = []
        for row, matrix in zip(b, r):
            options = {"rng": np.random.default_rng(SEED)} if seeded else {}
            found.append(cdf(row, cov=matrix, allow_singular=True, **options))
        return np.array(found, np.float64).reshape(b.shape[0])
