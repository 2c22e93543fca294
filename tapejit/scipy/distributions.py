"""Distributions of scipy.stats as objects with SciPy's methods: what `stats.py` states in a few lines each is made callable here.

A distribution is stated in its standard form (loc 0, scale 1): its support and formulas of y = (x - loc) / scale and the shapes. Shared by
all: SciPy's signatures, broadcasting, bad parameters (NaN), values outside of the support (-inf, 0 or 1, with derivative 0), frozen
distributions. Calls without traced values, and all methods that are not stated, are SciPy's own. Results are float64, as SciPy's are.
Read next: `stats.py`, `multivariate.py`.
"""

import functools
import operator

import numpy as np

from ..ops import OPS
from ..trace.lowerings.common import asarray, holds_tracer, refuse
from ..trace.recorder import current_trace
from ..trace.tracer import Tracer
from .common import scipys

OUTSIDE = {  # method -> its values below and above the support
    "pdf": (0.0, 0.0), "logpdf": (-np.inf, -np.inf), "pmf": (0.0, 0.0), "logpmf": (-np.inf, -np.inf),
    "cdf": (0.0, 1.0), "logcdf": (-np.inf, 0.0), "sf": (1.0, 0.0), "logsf": (0.0, -np.inf)}
DENSITIES = frozenset(("pdf", "logpdf", "pmf", "logpmf"))
MOMENTS = ("mean", "var", "std", "entropy")


# --- operands --------------------------------------------------------------------------------------------------------


def double(x):
    """`x` as an array of float64."""
    x = asarray(x)
    if x.dtype.kind == "c":
        refuse(x, "scipy.stats of complex numbers is not traced: a distribution's quantiles and parameters are real")
    return x if x.dtype == np.float64 else x.astype(np.float64)


def fixed(x):
    """`x` without a derivative: a count, or what decides."""
    return OPS["stop_gradient"](x) if type(x) is Tracer else x


def choose(condition, a, b):
    """np.where, and `a` or `b` itself where the condition is known to hold everywhere or nowhere."""
    if type(condition) is not Tracer:
        if np.all(condition):
            return a
        if not np.any(condition):
            return b
    return np.where(condition, a, b)


def exponential(log_density):
    """exp of a log-density that may be -inf: there the density and its derivatives are 0."""
    none = log_density == -np.inf
    return choose(none, 0.0, np.exp(choose(none, 0.0, log_density)))


def first_tracer(values):
    return next((x for x in values if holds_tracer(x)), None)


# --- what a distribution of SciPy and a frozen one share ----------------------------------------------------------------


class Mirror:
    """An object that stands for one of SciPy's, `original`: its covered methods here, all other attributes there."""

    __slots__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if self.covers(name):
            return functools.partial(self.call, name)
        found = getattr(self.original, name)
        return functools.partial(self.uncovered, name) if callable(found) else found

    def uncovered(self, method, *args, **kwds):
        traced = first_tracer((*args, *kwds.values()))
        if traced is not None:
            refuse(traced, f"scipy.stats.{self.name}.{method} of a traced value is not covered: covered "
                   f"are {', '.join(sorted(self.methods))}; call it on numbers, outside of the differentiated function")
        trace = current_trace()
        if method == "rvs" and trace is not None and trace.reads is not None:
            trace.reads.refuse(f"it draws from scipy.stats.{self.name}: draw outside and pass the result as an argument")
        return getattr(self.original, method)(*args, **kwds)

    def __dir__(self):
        return dir(self.original)


class Distribution(Mirror):
    """What stands for a distribution object of scipy.stats. `methods` are those that `evaluate` computes."""

    __slots__ = ("name", "methods")

    @property
    def original(self):
        return scipys("scipy.stats", self.name)

    def covers(self, method):
        return method in self.methods

    def call(self, method, *args, **kwds):
        if first_tracer((*args, *kwds.values())) is None:
            return getattr(self.original, method)(*args, **kwds)
        return self.evaluate(method, *args, **kwds)

    def __call__(self, *args, **kwds):
        return Frozen(self, args, kwds)

    def freeze(self, *args, **kwds):
        return Frozen(self, args, kwds)

    def __repr__(self):
        return f"<scipy.stats.{self.name}, traced>"


class Frozen(Mirror):
    """A distribution with its parameters, of which any may be traced."""

    __slots__ = ("distribution", "args", "kwds", "known")

    def __init__(self, distribution, args, kwds, known=None):
        self.distribution, self.args, self.kwds, self.known = distribution, args, kwds, known
        if known is None and first_tracer((*args, *kwds.values())) is None:
            self.known = distribution.original(*args, **kwds)  # SciPy's errors

    @property
    def name(self):
        return self.distribution.name

    @property
    def methods(self):
        return self.distribution.methods

    @property
    def original(self):
        if self.known is None:
            refuse(first_tracer((*self.args, *self.kwds.values())), f"of scipy.stats.{self.name} with a traced parameter only "
                   f"{', '.join(sorted(self.methods))} are covered")
        return self.known

    def covers(self, method):
        return method in self.methods

    def call(self, method, *args, **kwds):
        values = (*args, *kwds.values())
        if self.known is not None and first_tracer(values) is None:
            return getattr(self.known, method)(*args, **kwds)
        return self.distribution.call(method, *args, *self.args, **self.kwds, **kwds)

    def __repr__(self):
        return f"<a frozen scipy.stats.{self.name}, traced>"


# --- distributions of one variable ------------------------------------------------------------------------------------


class Univariate(Distribution):
    """A distribution in standard form.

    support   (low, high), or a function of the shapes that gives it; `inner`: a point (or function of the shapes) inside of it
    check     function of the shapes: where they are good; default: where all are positive
    closed    whether the ends belong to the support of the density
    formulas  functions (y, *shapes) by the name of the method; those of mean, var and entropy are functions of the shapes alone
    """

    __slots__ = ("support", "check", "inner", "closed", "formulas", "density")

    def __init__(self, name, *, support=(-np.inf, np.inf), check=None, inner=0.5, closed=True, symmetric=False, **formulas):
        self.name, self.support, self.check, self.inner, self.closed, self.formulas = name, support, check, inner, closed, formulas
        self.density = density = "pmf" if "logpmf" in formulas else "pdf"
        if symmetric:
            formulas["sf"] = lambda y, *shapes: formulas["cdf"](-y, *shapes)
            if "logcdf" in formulas:
                formulas["logsf"] = lambda y, *shapes: formulas["logcdf"](-y, *shapes)
        log_density = formulas["log" + density]
        bounded = callable(support) or bool(np.any(np.isfinite(support)))
        formulas.setdefault(density, lambda *values: (exponential if bounded else np.exp)(log_density(*values)))
        for tail in ("cdf", "sf"):
            if tail in formulas:
                formulas.setdefault("log" + tail, lambda *values, _tail=formulas[tail]: np.log(_tail(*values)))
        self.methods = frozenset(formulas) | ({"std"} if "var" in formulas else frozenset())

    def _standard(self, args, kwds):
        """(shapes, loc, scale), with a NaN for a parameter of distributions that do not exist."""
        shapes, loc, scale = self.original._parse_args(*args, **kwds)
        shapes = [double(x) for x in shapes]
        conditions = [self.check(*shapes)] if self.check else [x > 0 for x in shapes]
        if self.density == "pmf":
            return shapes, choose(functools.reduce(operator.and_, conditions), double(loc), np.nan), np.float64(1)
        scale = double(scale)
        return shapes, double(loc), choose(functools.reduce(operator.and_, [*conditions, scale > 0]), scale, np.nan)

    def evaluate(self, method, *args, **kwds):
        if method in MOMENTS:
            return self._moment(method, args, kwds)
        names = ("x", "k")
        if not args:
            given = next((name for name in names if name in kwds), None)
            if given is None:
                return getattr(self.original, method)(**kwds)  # SciPy's error
            args = (kwds.pop(given),)
        shapes, loc, scale = self._standard(args[1:], kwds)
        y = double(args[0])
        if not (type(loc) is not Tracer and np.ndim(loc) == 0 and loc == 0):
            y = y - loc
        if type(scale) is not Tracer and np.ndim(scale) == 0 and scale == 1:
            scale = None
        else:
            y = y / scale
        return self._in_support(method, y, shapes, scale)[()]

    def _formula(self, method, y, shapes, scale):
        result = self.formulas[method](y, *shapes)
        if scale is None or method not in DENSITIES:
            return result
        return result / scale if method == self.density else result - np.log(scale)

    def _in_support(self, method, y, shapes, scale):
        """The formula where y is inside of the support, and its values outside."""
        low, high = self.support(*shapes) if callable(self.support) else self.support
        below, above = OUTSIDE[method]
        fractional = False
        if self.density == "pmf":
            y, whole = fixed(y), np.floor(fixed(y))
            if method in DENSITIES:
                fractional = (y != whole) & ~np.isnan(y)
            y = whole
        ends = self.density == "pmf" or (self.closed and method in DENSITIES)
        is_below = (y < low if ends else y <= low) if type(low) is Tracer or np.any(np.isfinite(low)) else False
        is_above = (y > high if ends and method in DENSITIES else y >= high) if type(high) is Tracer or np.any(np.isfinite(high)) else False
        outside = is_below | is_above | fractional
        if type(outside) is bool:
            return self._formula(method, y, shapes, scale)
        inner = self.inner(*shapes) if callable(self.inner) else self.inner
        inside = self._formula(method, choose(outside, inner, y), shapes, scale)
        if below == above:
            return choose(outside, below, inside)
        return choose(is_below, below, choose(is_above, above, inside))

    def _moment(self, method, args, kwds):
        shapes, loc, scale = self._standard(args, kwds)
        if method == "mean":
            return (loc + scale * self.formulas["mean"](*shapes))[()]
        if method == "entropy":
            return (self.formulas["entropy"](*shapes) + np.log(scale) + 0 * loc)[()]
        variance = self.formulas["var"](*shapes) + 0 * loc
        return (scale * np.sqrt(variance) if method == "std" else scale * scale * variance)[()]
