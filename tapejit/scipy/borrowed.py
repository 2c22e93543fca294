"""Distributions of scipy.stats that `stats.py` does not state: SciPy's own formulas, run on traced values.

SciPy writes `_logpdf`, `_cdf` and their like in NumPy. Here they run with the names of NumPy and scipy.special bound to their namesakes in
tapejit. What a formula does in compiled code or element by element (integrals, roots) is not covered, and refused by name.
Read next: `univariate.py`.
"""

import functools
import importlib
import types

import numpy as np

from ..errors import TracingError, UnsupportedError
from ..trace.lowerings import STAND_INS
from ..trace.lowerings.common import asarray, refuse
from ..trace.tracer import concrete
from .distributions import choose, first_tracer
from .univariate import QUANTILES, Univariate

UNCOVERED = (TracingError, UnsupportedError, TypeError, AttributeError)  # what a formula raises that cannot be traced
CONTINUOUS, DISCRETE = ("pdf", "logpdf"), ("pmf", "logpmf")
TAILS = ("cdf", "logcdf", "sf", "logsf")


def borrowed(original):
    """What stands for a distribution object of scipy.stats, or None for another object of its class."""
    module = importlib.import_module("scipy.stats")
    name = getattr(original, "name", None)
    return _borrowed(name) if isinstance(name, str) and getattr(module, name, None) is original else None


@functools.cache
def _borrowed(name):
    module = importlib.import_module("scipy.stats")
    original = getattr(module, name)
    base = module.rv_continuous if isinstance(original, module.rv_continuous) else module.rv_discrete
    own = {member for kind in type(original).__mro__ if kind is not base and issubclass(kind, base) for member in vars(kind)}
    density = CONTINUOUS if base is module.rv_continuous else DISCRETE
    if not {f"_{method}" for method in density} & own:
        return None
    methods = list(density if f"_{density[0]}" in own else density[1:])  # else the exponential of the other
    if {"_cdf", "_logcdf"} & own:
        methods += TAILS if "_cdf" in own else ("logcdf",)
    elif "_sf" in own:
        methods.append("sf")
    twin = _twin(original)
    found = Univariate(
        name, support=_guarded(twin, "_get_support"), check=_guarded(twin, "_argcheck"),
        inner=lambda *shapes: original.ppf(0.5, *map(concrete, shapes)), **{method: _guarded(twin, f"_{method}") for method in methods})
    if "cdf" not in methods:
        found.methods -= {*QUANTILES, "median", "interval"}
    return found


def _guarded(twin, name):
    """A method of the twin, whose failures on traced values name it."""
    method = getattr(twin, name)

    def call(*values):
        single = name not in ("_get_support", "_argcheck") and not any(map(np.ndim, values))
        try:
            with np.errstate(all="ignore"):  # SciPy gives its formulas arrays of one axis, into which some write
                return method(*[np.reshape(x, (1,)) for x in values])[0] if single else method(*values)
        except UNCOVERED:
            refuse(first_tracer(values), f"scipy.stats.{twin.name}.{name.removeprefix('_')} of a traced value is not covered: SciPy computes it "
                   "in a way that cannot be traced; call it on numbers, outside of the differentiated function")

    return call


# --- SciPy's code with other names -----------------------------------------------------------------------------------


def _twin(original):
    """The distribution with its methods in traced form."""
    members = {}
    for kind in reversed(type(original).__mro__[:-1]):
        for name, member in vars(kind).items():
            if type(member) is types.FunctionType and not name.startswith("__"):
                members[name] = _copy(member)
            elif isinstance(member, staticmethod | classmethod | property):
                members[name] = member
    twin = object.__new__(type(type(original).__name__, (), members))
    vars(twin).update({name: value for name, value in vars(original).items() if not isinstance(value, types.MethodType)})
    return twin


def _copy(function):
    return types.FunctionType(function.__code__, _names_of(function.__globals__), function.__name__, function.__defaults__, function.__closure__)


_known = {}  # id of the globals of a module of SciPy -> their form for traced code


def _names_of(module):
    if id(module) not in _known:
        names = _known[id(module)] = dict(module)
        for name, value in module.items():
            if isinstance(value, types.ModuleType) and value.__name__ in ("numpy", "scipy.special"):
                names[name] = importlib.import_module(f"tapejit.{value.__name__}")
            elif type(value) is types.FunctionType and value.__globals__ is module:
                names[name] = _copy(value)
            elif callable(value) and getattr(value, "__module__", None) == "numpy":
                names[name] = STAND_INS.get(value, value)
        names["xpx"] = _Extra
    return _known[id(module)]


class _Extra:
    """What SciPy's formulas call of `array_api_extra`."""

    @staticmethod
    def apply_where(condition, args, f1, f2=None, /, *, fill_value=None, xp=None):
        """f1 of the arguments where the condition holds, elsewhere f2 of them, or the fill value. Whether it holds anywhere is a guard."""
        args = [asarray(x) for x in (args if isinstance(args, tuple) else (args,))]
        shape = np.broadcast_shapes(np.shape(condition), *[x.shape for x in args])
        if bool(np.all(condition)):
            return f1(*args)
        if not bool(np.any(condition)):
            return f2(*args) if f2 is not None else np.broadcast_to(asarray(fill_value), shape) + 0.0
        first = f1(*_where_holds(condition, args, shape))
        return choose(condition, first, fill_value if f2 is None else f2(*_where_holds(~condition, args, shape)))


def _where_holds(condition, args, shape):
    """The arguments; where the condition does not hold, those of a place where it does."""
    place = np.unravel_index(int(np.argmax(np.broadcast_to(concrete(condition), shape))), shape)
    return [choose(condition, x, np.broadcast_to(concrete(x), shape)[place]) for x in args]
