"""Statistics of samples in scipy.stats: means, moments, scores, entropy and correlation, with SciPy's arguments.

Formulas and conventions (NaN for skewness and kurtosis of equal numbers, corrections for bias) are SciPy's. Not traced: `nan_policy` other
than 'propagate'. Read next: `stats.py`.
"""

import math
from collections import namedtuple

import numpy as np

from ..trace.lowerings.common import asarray, axes_of, refuse, static
from ..trace.tracer import Tracer
from . import special
from .common import drop_in
from .distributions import choose

PearsonRResult = namedtuple("PearsonRResult", "statistic pvalue")
NORMAL_MAD = 0.6744897501960817  # the upper quartile of the normal distribution


def of_stats(function):
    """The stand-in for the function of scipy.stats of this name."""
    function.__module__ = __name__.replace("descriptive", "stats")
    return drop_in(function)


# --- samples along axes --------------------------------------------------------------------------------------------


def _floating(a, dtype=None):
    a = asarray(a)
    if a.dtype.kind == "c":
        refuse(a, "a statistic of scipy.stats of complex numbers is not traced: take it of the real and imaginary parts")
    dtype = dtype if dtype is not None else np.float64 if a.dtype.kind != "f" else a.dtype
    return a if a.dtype == dtype else a.astype(dtype)


class _Sample:
    """An array with the axes that a statistic reduces joined to one last axis: `rows`, of shape (..., n)."""

    def __init__(self, a, axis, nan_policy, keepdims=False, dtype=None):
        a = _floating(a, dtype)
        if nan_policy != "propagate":
            refuse(a, f"a statistic with nan_policy={nan_policy!r} of a traced value is not traced: use NumPy's nan functions, or "
                   "nan_policy='propagate'")
        a = np.reshape(a, (1,)) if a.ndim == 0 else a
        self.axes, self.ndim, self.keepdims = axes_of(static(axis), a.ndim), a.ndim, keepdims
        self.rows = self.joined(a)
        self.shape = tuple(1 if k in self.axes else n for k, n in enumerate(a.shape))
        self.n = self.rows.shape[-1]

    def joined(self, a):
        kept = tuple(k for k in range(a.ndim) if k not in self.axes)
        moved = np.transpose(a, kept + self.axes)
        return np.reshape(moved, tuple(a.shape[k] for k in kept) + (math.prod(a.shape[k] for k in self.axes),))

    def weights(self, weights):
        """Weights in rows: of the whole array, or of one axis."""
        weights = _floating(weights)
        return weights if weights.ndim == 1 and self.ndim > 1 and len(self.axes) == 1 else self.joined(weights)

    def result(self, y):
        return np.reshape(y, self.shape)[()] if self.keepdims else y[()]

    def mean(self, values, weights):
        if weights is None:
            return np.mean(values, axis=-1)
        weights = self.weights(weights)
        return np.sum(values * weights, axis=-1) / np.sum(weights * np.ones_like(values), axis=-1)

    def central(self, order, center=None):
        """The mean of (value - center) ** order; the center is the mean by default."""
        center = np.mean(self.rows, axis=-1, keepdims=True) if center is None else center
        return np.mean((self.rows - center) ** order, axis=-1)

    def constant(self, second):
        """Where the second central moment is that of equal numbers, rounding apart."""
        return second <= np.square(np.finfo(second.dtype).eps * np.mean(self.rows, axis=-1))


# --- means -----------------------------------------------------------------------------------------------------------


def _not_negative(a):
    negative = a < 0
    return choose(negative, np.nan, choose(negative, 1.0, a))


@of_stats
def gmean(a, axis=0, dtype=None, weights=None, *, nan_policy="propagate", keepdims=False):
    sample = _Sample(a, axis, nan_policy, keepdims, dtype)
    return sample.result(np.exp(sample.mean(np.log(sample.rows), weights)))


@of_stats
def hmean(a, axis=0, dtype=None, *, weights=None, nan_policy="propagate", keepdims=False):
    sample = _Sample(a, axis, nan_policy, keepdims, dtype)
    return sample.result(1.0 / sample.mean(1.0 / _not_negative(sample.rows), weights))


@of_stats
def pmean(a, p, *, axis=0, dtype=None, weights=None, nan_policy="propagate", keepdims=False):
    p = static(p)
    if not isinstance(p, (int, float)):
        raise ValueError("Power mean only defined for exponent of type int or float.")
    if p == 0:
        return gmean(a, axis=axis, dtype=dtype, weights=weights, nan_policy=nan_policy, keepdims=keepdims)
    if math.isinf(p):
        raise NotImplementedError("Power mean only implemented for finite `p`")
    sample = _Sample(a, axis, nan_policy, keepdims, dtype)
    return sample.result(sample.mean(_not_negative(sample.rows) ** float(p), weights) ** (1 / p))


@of_stats
def trim_mean(a, proportiontocut, axis=0, *, nan_policy="propagate", keepdims=False):
    sample = _Sample(a, axis, nan_policy, keepdims)
    lower = int(static(proportiontocut) * sample.n)
    upper = sample.n - lower
    if lower > upper:
        raise ValueError("Proportion too big.")
    return sample.result(np.mean(np.sort(sample.rows, axis=-1)[..., lower:upper], axis=-1))


# --- moments and scores ----------------------------------------------------------------------------------------------


@of_stats
def moment(a, order=1, axis=0, nan_policy="propagate", *, center=None, keepdims=False):
    order = static(order)
    if np.ndim(order) or order != round(order):
        raise ValueError("`order` of a traced sample is a whole number.")
    sample = _Sample(a, axis, nan_policy, keepdims)
    return sample.result(sample.central(int(order), center))


@of_stats
def skew(a, axis=0, bias=True, nan_policy="propagate", *, keepdims=False):
    sample = _Sample(a, axis, nan_policy, keepdims)
    second, third, n = sample.central(2), sample.central(3), sample.n
    constant = sample.constant(second)
    value = third / choose(constant, 1.0, second) ** 1.5
    if not bias and n > 2:
        value = ((n - 1.0) * n) ** 0.5 / (n - 2.0) * value
    return sample.result(choose(constant, np.nan, value))


@of_stats
def kurtosis(a, axis=0, fisher=True, bias=True, nan_policy="propagate", *, keepdims=False):
    sample = _Sample(a, axis, nan_policy, keepdims)
    second, fourth, n = sample.central(2), sample.central(4), sample.n
    constant = sample.constant(second)
    value = fourth / np.square(choose(constant, 1.0, second))
    if not bias and n > 3:
        value = 1.0 / (n - 2) / (n - 3) * ((n**2 - 1.0) * value - 3 * (n - 1) ** 2.0) + 3.0
    return sample.result(choose(constant, np.nan, value - 3 if fisher else value))


@of_stats
def sem(a, axis=0, ddof=1, nan_policy="propagate", *, keepdims=False):
    sample = _Sample(a, axis, nan_policy, keepdims)
    return sample.result(np.std(sample.rows, axis=-1, ddof=static(ddof)) / sample.n**0.5)


@of_stats
def variation(a, axis=0, nan_policy="propagate", ddof=0, *, keepdims=False):
    sample = _Sample(a, axis, nan_policy, keepdims)
    return sample.result(np.std(sample.rows, axis=-1, ddof=static(ddof)) / np.mean(sample.rows, axis=-1))


@of_stats
def median_abs_deviation(x, axis=0, center=np.median, scale=1.0, nan_policy="propagate", *, keepdims=False):
    if center is not np.median and getattr(center, "__name__", "") != "median":
        refuse(x, "scipy.stats.median_abs_deviation with center= is not traced: subtract the centre and take np.median of np.abs")
    sample = _Sample(x, axis, nan_policy, keepdims)
    scale = NORMAL_MAD if isinstance(scale, str) and scale.lower() == "normal" else scale
    middle = np.median(sample.rows, axis=-1, keepdims=True)
    return sample.result(np.median(np.abs(sample.rows - middle), axis=-1) / scale)


@of_stats
def zmap(scores, compare, axis=0, ddof=0, nan_policy="propagate"):
    scores, compare = _floating(scores), _floating(compare)
    if nan_policy != "propagate":
        refuse(scores, f"scipy.stats.zmap with nan_policy={nan_policy!r} is not traced: use nan_policy='propagate'")
    mean, spread = (f(compare, axis=axis, keepdims=True, **more) for f, more in ((np.mean, {}), (np.std, {"ddof": static(ddof)})))
    return (scores - mean) / spread


@of_stats
def zscore(a, axis=0, ddof=0, nan_policy="propagate"):
    """NaN where the scores are of equal numbers."""
    a = _floating(a)
    if nan_policy != "propagate":
        refuse(a, f"scipy.stats.zscore with nan_policy={nan_policy!r} is not traced: use nan_policy='propagate'")
    mean, spread = np.mean(a, axis=axis, keepdims=True), np.std(a, axis=axis, ddof=static(ddof), keepdims=True)
    constant = spread <= np.abs(np.finfo(a.dtype).eps * mean)
    return choose(constant, np.nan, (a - mean) / choose(constant, 1.0, spread))


# --- of two samples ----------------------------------------------------------------------------------------------------


@of_stats
def entropy(pk, qk=None, base=None, axis=0, *, nan_policy="propagate", keepdims=False):
    if base is not None and bool(base <= 0):
        raise ValueError("`base` must be a positive number or `None`.")
    if qk is not None:
        pk, qk = np.broadcast_arrays(_floating(pk), _floating(qk))
    sample = _Sample(pk, axis, nan_policy, keepdims)
    p = sample.rows / np.sum(sample.rows, axis=-1, keepdims=True)
    if qk is None:
        terms = special.entr(p)
    else:
        q = sample.joined(np.reshape(qk, (1,)) if qk.ndim == 0 else qk)
        terms = special.rel_entr(p, q / np.sum(q, axis=-1, keepdims=True))
    total = np.sum(terms, axis=-1)
    return sample.result(total if base is None else total / (np.log(base) if type(base) is Tracer else math.log(base)))


@of_stats
def pearsonr(x, y, *, alternative="two-sided", method=None, axis=0):
    """(statistic, pvalue); the p-value is that of the beta distribution, as SciPy's."""
    if method is not None:
        refuse(x, "scipy.stats.pearsonr with method= is not traced: leave it away")
    if alternative not in ("two-sided", "less", "greater"):
        raise ValueError("`alternative` must be 'less', 'greater', or 'two-sided'.")
    x, y = np.broadcast_arrays(_floating(x), _floating(y))
    first, second = _Sample(x, axis, "propagate"), _Sample(y, axis, "propagate")
    n = first.n
    if n < 2:
        raise ValueError("`x` and `y` must have length at least 2.")
    parts = []
    for sample in (first, second):
        deviation = sample.rows - np.mean(sample.rows, axis=-1, keepdims=True)
        same = np.all(sample.rows == sample.rows[..., :1], axis=-1, keepdims=True)
        size = np.linalg.norm(deviation, axis=-1, keepdims=True)
        parts.append((deviation / choose(same, 1.0, size), same[..., 0]))
    (u, x_same), (v, y_same) = parts
    r = choose(x_same | y_same, np.nan, np.clip(np.sum(u * v, axis=-1), -1.0, 1.0))
    if n == 2:
        return PearsonRResult(np.round(r)[()], (np.ones_like(r) + 0 * r)[()])
    half = n / 2 - 1
    tail = np.abs(r) if alternative == "two-sided" else r if alternative == "greater" else -r
    p = special.betaincc(half, half, 0.5 * (1 + tail))
    return PearsonRResult(r[()], (2 * p if alternative == "two-sided" else p)[()])
