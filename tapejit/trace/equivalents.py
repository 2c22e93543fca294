"""What traced code sees in place of functions that would take the number out of a traced value: `float`, `math.sin`, `max` ...

`EQUIVALENTS` maps the id of an object to (the object, its equivalent); `retarget.py` looks every value up that f reads by name.
Each equivalent is the original when no traced value is among its arguments. A class is replaced by a stand-in that is equal
to it, has the same instances and means the same dtype, so `isinstance(x, float)`, `dtype=float` and `type(x) is float` keep
their meaning. NumPy's own namespace is in `tapejit/numpy.py`.
"""

from __future__ import annotations

import ast
import builtins
import datetime
import decimal
import importlib
import json
import math
import struct
import sys

import numpy as np

from ..ops import OPS
from .chance import IMPURE
from .decisions import extracted
from .lowerings.sequences import STAND_INS
from .raising import assume_none_raised
from .recorder import blame, current_trace
from .texts import noticed, refuse_parsed
from .tracer import Tracer

EQUIVALENTS = {}  # id -> (original, equivalent)


def equivalent(*originals):
    """Register the decorated object as what stands for `originals` in traced code."""
    def register(new):
        for original in originals:
            EQUIVALENTS[id(original)] = original, new
        return new
    return register


def stand_in(original, call):
    """A class that passes for `original`, and whose call is `call`."""
    class Stand(type(original)):
        def __call__(cls, *args, **kwargs):
            return call(*args, **kwargs)

        def __instancecheck__(cls, value):
            return isinstance(value, original)

        def __subclasscheck__(cls, other):
            return type.__subclasscheck__(original, other)  # an abstract class would ask its subclasses, and so this one

        def __eq__(cls, other):
            return other is original or other is cls

        def __hash__(cls):
            return hash(original)

        def __repr__(cls):
            return repr(original)

    members = {"__doc__": original.__doc__, "__module__": original.__module__}
    if issubclass(original, (float, complex, np.generic)):
        members["dtype"] = np.dtype(original)
    return equivalent(original)(Stand(original.__name__, (original,), members))


# --- types -----------------------------------------------------------------------------------------------------------


def to_float(x=0.0, /):
    """float(x), which keeps a traced value traced."""
    if type(x) is not Tracer:
        refuse_parsed(x, "float()")
        return float(x)
    value = float(x.value)  # Python's errors
    if type(x.value) is float:
        return x
    if np.ndim(x.value):
        x = x.reshape(())
    trace = x._trace
    return Tracer(trace, value, trace.lift(x, "f64"))


stand_in(float, to_float)


def _traced_scalar(scalar_type):
    def convert(x=0, /, *args):
        if type(x) is Tracer:
            if np.ndim(x.value):
                return x.astype(scalar_type)
            trace = x._trace
            return Tracer(trace, scalar_type(x.value), trace.lift(x, _NAMES[scalar_type]))
        refuse_parsed(x, f"numpy.{scalar_type.__name__}()")
        return scalar_type(x, *args)
    return convert


_NAMES = {np.float64: "f64", np.float32: "f32", np.float16: "f16"}
for _type in _NAMES:
    stand_in(_type, _traced_scalar(_type))


def type_of(*args, **kwargs):
    """type(x): of what a traced value stands for."""
    if len(args) != 1 or kwargs:
        return type(*args, **kwargs)
    kind = type(args[0])
    if kind is Tracer:
        kind = type(args[0].value)
    known = EQUIVALENTS.get(id(kind))
    return kind if known is None else known[1]


stand_in(type, type_of)

# --- built-in functions ----------------------------------------------------------------------------------------------


def _is_scalar(x):
    return isinstance(x, (float, int, np.generic)) or (type(x) is Tracer and np.ndim(x.value) == 0)


def _extreme(original, better):
    """max or min: of scalars among which one is traced, without a decision: the first of equal ones wins, as in Python."""
    def extreme(*args, **kwargs):
        items = args
        if len(args) == 1 and not kwargs and type(args[0]) in (list, tuple, Tracer) and len(args[0]):
            items = tuple(args[0])
        if kwargs or len(items) < 2 or not any(type(x) is Tracer for x in items) or not all(map(_is_scalar, items)):
            return original(*args, **kwargs)
        best = items[0]
        for x in items[1:]:
            best = np.where(better(x, best), x, best)[()]
        python_numbers = all(isinstance(x, (float, int)) and not isinstance(x, np.generic) for x in items)
        return to_float(best) if python_numbers else best
    return extreme


largest = equivalent(builtins.max)(_extreme(max, np.greater))
smallest = equivalent(builtins.min)(_extreme(min, np.less))


@equivalent(builtins.sum)
def total(iterable, /, start=0):
    """sum(x): of a traced array, by one record."""
    if type(iterable) is Tracer and np.ndim(iterable.value) and len(iterable):
        result = np.sum(iterable, axis=0)
        return result if type(start) is int and start == 0 else start + result
    return sum(iterable, start)


# --- math ------------------------------------------------------------------------------------------------------------

_NUMPY_OF_MATH = {name: name for name in (
    "sin cos tan sinh cosh tanh exp exp2 expm1 log2 log10 log1p sqrt cbrt degrees radians fabs fmod copysign").split()}
_NUMPY_OF_MATH |= {name: "arc" + name[1:] for name in "acos acosh asin asinh atan atanh atan2".split()} | {"pow": "power"}
_TOTAL = frozenset("sin cos tan atan atan2 asinh tanh degrees radians fabs copysign erf erfc".split())  # finite for all finite numbers


def checked(original, arguments, function, convert=to_float):
    """function(*arguments) as a Python number. math raises where NumPy gives nan or inf: so that stays fixed for this trace."""
    try:
        original(*map(_concrete, arguments))  # math's errors, and its opinion on the arguments
    except (ValueError, OverflowError):
        blame(arguments)
        raise
    result = convert(function(*arguments))
    if original.__name__ not in _TOTAL:
        assume_none_raised(original, arguments, result, result._trace.line())
    return result


def _concrete(x):
    return [_concrete(item) for item in x] if type(x) is list else x.value if type(x) is Tracer else x


def _any_traced(arguments):
    for x in arguments:
        if type(x) is Tracer:
            return True
    return False


def _from_math(original, numpy_function):
    def traced(*args):
        if not _any_traced(args):
            return original(*args)
        return checked(original, args, numpy_function)
    traced.__name__ = traced.__qualname__ = original.__name__
    return traced


def _hypot(*args):
    return np.hypot(*args) if len(args) == 2 else np.sqrt(total([x * x for x in args])) if len(args) > 2 else np.fabs(args[0])


equivalent(math.hypot)(_from_math(math.hypot, _hypot))
for _name, _numpy_name in _NUMPY_OF_MATH.items():
    if hasattr(math, _name):
        equivalent(getattr(math, _name))(_from_math(getattr(math, _name), getattr(np, _numpy_name)))


for _name, _row in {"erf": "erf", "erfc": "erfc", "gamma": "gamma_function", "lgamma": "gammaln"}.items():
    equivalent(getattr(math, _name))(_from_math(getattr(math, _name), OPS[_row]))


def _named(original):
    """A function of math that has no derivative here: the error names it."""
    def call(*args):
        return original(*[extracted(x, f"math.{original.__name__}()") if type(x) is Tracer else x for x in args])
    call.__name__ = call.__qualname__ = original.__name__
    return call


for _name in "ldexp frexp modf remainder nextafter ulp fma".split():
    if hasattr(math, _name):
        equivalent(getattr(math, _name))(_named(getattr(math, _name)))


@equivalent(math.log)
def log(*args):
    """math.log(x) or math.log(x, base)."""
    if not _any_traced(args):
        return math.log(*args)
    return checked(math.log, args, lambda x, base=None: np.log(x) if base is None else np.log(x) / np.log(base))


@equivalent(math.fsum)
def fsum(items, /):
    items = list(items)
    if not _any_traced(items):
        return math.fsum(items)
    return checked(math.fsum, (items,), lambda items: total(items))


@equivalent(math.prod)
def prod(items, /, *, start=1):
    items = list(items)
    if not _any_traced(items):
        return math.prod(items, start=start)
    for x in items:
        start = start * x
    return start


@equivalent(math.dist)
def dist(p, q, /):
    if type(p) is not Tracer and type(q) is not Tracer and not _any_traced(p) and not _any_traced(q):
        return math.dist(p, q)
    if len(p) != len(q):
        raise ValueError("both points must have the same number of dimensions")
    return to_float(np.sqrt(total([(a - b) ** 2 for a, b in zip(p, q)])))


def _decision(name):
    original, numpy_function = getattr(math, name), getattr(np, name)

    def decided(x, /):
        return bool(numpy_function(x)) if type(x) is Tracer else original(x)
    return equivalent(original)(decided)


isnan, isinf, isfinite = map(_decision, ("isnan", "isinf", "isfinite"))


@equivalent(math.isclose)
def isclose(a, b, *, rel_tol=1e-09, abs_tol=0.0):
    if not _any_traced((a, b)):
        return math.isclose(a, b, rel_tol=rel_tol, abs_tol=abs_tol)
    if rel_tol < 0 or abs_tol < 0:
        raise ValueError("tolerances must be non-negative")
    if bool(a == b):
        return True
    if not (isfinite(a) and isfinite(b)):
        return False
    return bool(abs(a - b) <= largest(rel_tol * largest(abs(a), abs(b)), abs_tol))


# --- floating point errors as exceptions ----------------------------------------------------------------------------


def _errstate(**kwargs):
    """np.errstate: a replay raises nothing, so a trace in which something could be raised is not used again."""
    trace = current_trace()
    if trace is not None and trace.reads is not None and not {"raise", "call"}.isdisjoint(kwargs.values()):
        trace.reads.refuse("it makes exceptions of floating point errors by np.errstate: test the values instead")
    return np.errstate(**kwargs)


stand_in(np.errstate, _errstate)

# --- modules, files, text -------------------------------------------------------------------------------------------


@equivalent(importlib.import_module)
def import_module(name, package=None):
    trace = current_trace()
    module = importlib.import_module(name, package)
    world = None if trace is None or trace.reads is None else trace.reads.world
    return module if world is None else world.value(module, name)


def _impure(original):
    """`original`, which reads a file or a setting: the trace cannot be used again."""
    def call(*args, **kwargs):
        trace = current_trace()
        if trace is not None and trace.reads is not None:
            trace.reads.refuse(f"it uses {IMPURE[id(original)]}, which answers differently each time: call it outside and pass the result "
                               "as an argument")
        return original(*args, **kwargs)
    call.__name__ = original.__name__
    return call


for _module in (np, np.random):
    for _original in list(vars(_module).values()):
        if id(_original) in IMPURE and id(_original) not in EQUIVALENTS:
            (stand_in if isinstance(_original, type) else lambda original, call: equivalent(original)(call))(_original, _impure(_original))


def _to_json(original):
    def call(*args, default=None, **kwargs):
        def otherwise(x):
            if type(x) is not Tracer:
                if default is None:
                    raise TypeError(f"Object of type {type(x).__name__} is not JSON serializable")
                return default(x)
            return extracted(x, f"json.{original.__name__}()")
        return original(*args, default=otherwise, **kwargs)
    return call


for _original in (json.dumps, json.dump):
    equivalent(_original)(_to_json(_original))


def _parsed(original):
    """`original`, which reads numbers from text, or takes them from its arguments: where a derivative would be lost, it raises."""
    name = f"{original.__module__}.{original.__qualname__}()".removeprefix("builtins.")

    def call(*args, **kwargs):
        for x in args:
            refuse_parsed(x, name)
        given = {key: extracted(x, name) if type(x) is Tracer else x for key, x in kwargs.items()}
        return original(*[extracted(x, name) if type(x) is Tracer else x for x in args], **given)
    call.__name__ = call.__qualname__ = original.__name__
    return call


for _original in (decimal.Decimal, datetime.timedelta):
    stand_in(_original, _parsed(_original))
for _original in (json.loads, ast.literal_eval, np.fromstring, struct.pack, struct.pack_into):
    equivalent(_original)(_parsed(_original))


@equivalent(builtins.eval)
def evaluate(source, names=None, own=None, /):
    """eval(source): in the names of its caller."""
    refuse_parsed(source, "eval()")
    if names is None:
        frame = sys._getframe(1)
        names, own = frame.f_globals, frame.f_locals if own is None else own
    return eval(source, names, own)


@equivalent(builtins.print)
def show(*args, **kwargs):
    """print(...): its text goes to people, and is not read again."""
    print(*[noticed(x) if type(x) is Tracer else x for x in args], **kwargs)

# --- NumPy -----------------------------------------------------------------------------------------------------------

for _original, _created in STAND_INS.items():
    equivalent(_original)(_created)


def names_of(module):
    """The public names of a module, with equivalents where there are any."""
    names = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    return {name: EQUIVALENTS.get(id(value), (None, value))[1] for name, value in names.items()}
