"""Distributions of one variable: what `stats.py` states in a few lines each is made callable here.

A distribution is stated in its standard form (loc 0, scale 1): its support and formulas of y = (x - loc) / scale and the shapes. Shared by
all: SciPy's signatures, broadcasting, bad parameters (NaN), values outside of the support (-inf, 0 or 1, with derivative 0). A quantile
without a formula is SciPy's and has the derivative of the root of cdf(y) - q. Read next: `stats.py`, `distributions.py`.
"""

import functools
import math
import operator

import numpy as np

from ..custom import stop_gradient
from ..trace.lowerings.common import host, refuse, static
from ..trace.tracer import Tracer, concrete
from .common import scipys
from .distributions import MOMENTS, Distribution, choose, double, exponential, first_tracer, fixed

OUTSIDE = {  # method -> its values below and above the support
    "pdf": (0.0, 0.0), "logpdf": (-np.inf, -np.inf), "pmf": (0.0, 0.0), "logpmf": (-np.inf, -np.inf),
    "cdf": (0.0, 1.0), "logcdf": (-np.inf, 0.0), "sf": (1.0, 0.0), "logsf": (0.0, -np.inf)}
DENSITIES = frozenset(("pdf", "logpdf", "pmf", "logpmf"))
QUANTILES = frozenset(("ppf", "isf"))


class Univariate(Distribution):
    """A distribution in standard form.

    support   (low, high), or a function of the shapes that gives it; `inner`: a point (or function of the shapes) inside of it
    check     function of the shapes: where they are good; default: where all are positive
    closed    whether the ends belong to the support of the density
    formulas  functions (y, *shapes) by the name of the method; those of mean, var and entropy are functions of the shapes alone, that of
              raw of a whole number n >= 1 and the shapes: the mean of y ** n
    draws     how SciPy draws where a shape is traced: "inverse" by the quantile of a uniform number, "normal" by exp(s * normal),
              None in a way that has no derivative by the shapes; False where loc and scale do not move what is drawn
    """

    __slots__ = ("support", "check", "inner", "closed", "formulas", "density", "draws")

    def __init__(self, name, *, support=(-np.inf, np.inf), check=None, inner=0.5, closed=True, symmetric=False, draws=None, **formulas):
        self.name, self.support, self.check, self.inner, self.closed, self.formulas = name, support, check, inner, closed, formulas
        self.draws = draws
        self.density = density = "pmf" if "logpmf" in formulas else "pdf"
        if symmetric:
            formulas["sf"] = lambda y, *shapes: formulas["cdf"](-y, *shapes)
            if "logcdf" in formulas:
                formulas["logsf"] = lambda y, *shapes: formulas["logcdf"](-y, *shapes)
            if "ppf" in formulas:
                formulas["isf"] = lambda q, *shapes: -formulas["ppf"](q, *shapes)
        log_density = formulas["log" + density]
        bounded = callable(support) or bool(np.any(np.isfinite(support)))
        formulas.setdefault(density, lambda *values: (exponential if bounded else np.exp)(log_density(*values)))
        for tail in ("cdf", "sf"):
            if tail in formulas:
                formulas.setdefault("log" + tail, lambda *values, _tail=formulas[tail]: np.log(_tail(*values)))
        raw = formulas.get("raw")
        if raw is not None:
            formulas.setdefault("mean", lambda *shapes: raw(1, *shapes))
            formulas.setdefault("var", lambda *shapes: raw(2, *shapes) - np.square(formulas["mean"](*shapes)))
        methods = set(formulas) - {"raw"} | QUANTILES | {"median", "interval"} | ({"std"} if "var" in formulas else set())
        if {"mean", "var"} <= methods:
            methods |= {"moment", "stats"}
        if density == "pdf" and draws is not False:
            methods.add("rvs")
        self.methods = frozenset(methods)

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
        if method == "median":
            return self.evaluate("ppf", 0.5, *args, **kwds)
        if method in MOMENTS:
            return self._moment(method, args, kwds)
        other = {"moment": self._raw_moment, "stats": self._stats, "interval": self._interval, "rvs": self._rvs}.get(method)
        if other is not None:
            return other(*args, **kwds)
        names = ("q",) if method in QUANTILES else ("x", "k")
        if not args:
            given = next((name for name in names if name in kwds), None)
            if given is None:
                return getattr(self.original, method)(**kwds)  # SciPy's error
            args = (kwds.pop(given),)
        shapes, loc, scale = self._standard(args[1:], kwds)
        y = double(args[0])
        if method in QUANTILES:
            return self._quantile(method, y, shapes, loc, scale)[()]
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

    def _raw_moment(self, order, *args, **kwds):
        """The mean of x ** order, by the binomial theorem from that of powers of y."""
        order = static(order)
        if order != math.floor(order):
            raise ValueError("Moment must be an integer.")
        if order < 0:
            raise ValueError("Moment must be positive.")
        shapes, loc, scale = self._standard(args, kwds)
        powers = [math.comb(int(order), k) * scale**k * loc ** (int(order) - k) * self._standard_moment(k, shapes) for k in range(int(order) + 1)]
        return functools.reduce(operator.add, powers)[()]

    def _standard_moment(self, order, shapes):
        """The mean of y ** order."""
        if order == 0:
            return 1.0
        if "raw" in self.formulas:
            return self.formulas["raw"](order, *shapes)
        mean = self.formulas["mean"](*shapes)
        if order > 2:
            refuse(first_tracer(shapes), f"scipy.stats.{self.name}.moment of order {order} of a traced value is not covered: orders 1 and 2 are")
        return mean if order == 1 else self.formulas["var"](*shapes) + np.square(mean)

    def _stats(self, *args, moments="mv", **kwds):
        if not set(moments) <= {"m", "v"}:
            refuse(first_tracer((*args, *kwds.values())), f"scipy.stats.{self.name}.stats(moments={moments!r}) of a traced value is not "
                   "covered: moments 'm' and 'v' are")
        found = tuple(self._moment({"m": "mean", "v": "var"}[letter], args, kwds) for letter in "mv" if letter in moments)
        return found if len(found) > 1 else found[0]

    def _interval(self, confidence, *args, **kwds):
        alpha = double(confidence)
        if bool(np.any((alpha > 1) | (alpha < 0))):
            raise ValueError("alpha must be between 0 and 1 inclusive")
        return self.evaluate("ppf", (1.0 - alpha) / 2, *args, **kwds), self.evaluate("ppf", (1.0 + alpha) / 2, *args, **kwds)

    # --- quantiles ---------------------------------------------------------------------------------------------------

    def _quantile(self, method, q, shapes, loc, scale):
        if self.density == "pmf":  # a count: flat
            return host(_Quantile(self.name, method), fixed(q), *map(fixed, shapes)) + loc
        inside = (q > 0) & (q < 1)
        usual = choose(inside, q, 0.5)
        formula = self.formulas.get(method)
        y = formula(usual, *shapes) if formula else self._root(method, usual, shapes)
        low, high = self.support(*shapes) if callable(self.support) else self.support
        first, last = (low, high) if method == "ppf" else (high, low)
        is_first, is_last = q == 0, q == 1
        end = choose(is_first, first, choose(is_last, last, 0.0))
        infinite = np.isinf(end)
        end = choose(infinite, end + 0 * loc, choose(infinite, 0.0, end) * scale + loc)
        return choose(inside, y * scale + loc, choose((is_first | is_last) & ~np.isnan(scale), end, np.nan))

    def _root(self, method, q, shapes):
        """The root y of cdf(y) = q or sf(y) = q: SciPy's, with the derivatives of two Newton steps, of which the value is taken away."""
        y = host(_Quantile(self.name, method), fixed(q), *map(fixed, shapes))
        sign = 1.0 if method == "ppf" else -1.0
        for _ in range(2):
            density = self.formulas["pdf"](y, *shapes)
            step = sign * (self.formulas["cdf" if method == "ppf" else "sf"](y, *shapes) - q) / choose(density > 0, density, np.inf)
            y = y - (step - stop_gradient(step))
        return y

    # --- draws -------------------------------------------------------------------------------------------------------

    def _rvs(self, *args, random_state=None, **kwds):
        """What SciPy draws, as a function of the parameters: the same random numbers, moved and scaled."""
        shapes, loc, scale, size = self.original._parse_args_rvs(*args, **kwds)
        shapes, loc, scale = [double(x) for x in shapes], double(loc), double(scale)
        good = functools.reduce(operator.and_, [self.check(*shapes)] if self.check else [x > 0 for x in shapes], scale >= 0)
        if not bool(np.all(good)):
            raise ValueError(f"Domain error in arguments of scipy.stats.{self.name}.rvs: expected scale >= 0 and good shapes")
        *_, size = self.original._argcheck_rvs(*map(concrete, shapes), concrete(loc), concrete(scale), size=static(size))
        self.drawn(random_state)
        traced = first_tracer(shapes)
        if traced is None:
            y = self.original.rvs(*shapes, size=size, random_state=random_state)
        elif self.draws == "normal":
            y = np.exp(shapes[0] * scipys("scipy.stats", "norm").rvs(size=size, random_state=random_state))
        elif self.draws == "inverse":
            y = self.evaluate("ppf", scipys("scipy.stats", "uniform").rvs(size=size, random_state=random_state), *shapes)
        else:
            refuse(traced, f"scipy.stats.{self.name}.rvs of a traced shape is not covered: its algorithm has no derivative by it; loc and "
                   "scale may be traced")
        return (y * scale + loc)[()]


class _Quantile:
    """A quantile function of SciPy, for host calls."""

    __slots__ = ("name", "method")

    def __init__(self, name, method):
        self.name, self.method = name, method

    @property
    def __name__(self):
        return f"{self.name}.{self.method}"

    def __call__(self, q, *shapes):
        return np.asarray(getattr(scipys("scipy.stats", self.name), self.method)(q, *shapes), np.float64)[()]
