"""What all distributions of scipy.stats share in traced code: objects with SciPy's methods, frozen or not, and the operands of formulas.

Calls without traced values, and all methods that are not covered, are SciPy's own. Results are float64, as SciPy's are.
Read next: `univariate.py`, `multivariate.py`, `stats.py` (the distributions).
"""

import functools

import numpy as np

from ..ops import OPS
from ..trace.lowerings.common import asarray, holds_tracer, refuse
from ..trace.recorder import current_trace
from ..trace.tracer import Tracer
from .common import scipys

AFTER_PARAMETERS = {"rvs": ("size", "random_state"), "stats": ("moments",)}  # method of a frozen one -> its arguments, by position
MOMENTS = ("mean", "var", "std", "entropy", "median")  # methods of the parameters alone


# --- operands --------------------------------------------------------------------------------------------------------


def double(x):
    """`x` as an array of float64."""
    x = asarray(x)
    if x.dtype.kind == "c":
        refuse(x, "this function of SciPy is traced for real numbers only, found complex ones: use their real and imaginary parts")
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
        if method == "rvs":
            self.drawn(kwds.get("random_state"))
        return getattr(self.original, method)(*args, **kwds)

    def drawn(self, random_state):
        """Called before a draw: its trace is used for this call alone, unless a number seeds the draw."""
        trace = current_trace()
        if trace is not None and trace.reads is not None and not isinstance(random_state, (int, np.integer)):
            trace.reads.refuse(f"it draws from scipy.stats.{self.name}: draw outside and pass the result as an argument")

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
            return self.uncovered(method, *args, **kwds)
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
            return self.uncovered(method, *args, **kwds)
        kwds.update(zip(AFTER_PARAMETERS.get(method, ()), args))
        args = () if method in AFTER_PARAMETERS else args
        return self.distribution.call(method, *args, *self.args, **self.kwds, **kwds)

    def __repr__(self):
        return f"<a frozen scipy.stats.{self.name}, traced>"
