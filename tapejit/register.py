"""`register_lowering`: what traced code shall call in place of a function of a third party.

The replacement is bound by `trace/registered.py`; here its registration is checked, and traces made before are dropped.
"""

from __future__ import annotations

import sys
import types

import numpy as np

from .errors import ArgumentError
from .recording import name_of
from .specialize import forget_traces
from .trace.elementwise import row_of
from .trace.equivalents import EQUIVALENTS
from .trace.library import is_library
from .trace.registered import DISPATCHED, REGISTERED, Registration
from .trace.scipy_names import equivalent_of, is_from_scipy
from .trace.tracer import LOWERINGS


def register_lowering(original, replacement=None, *, override=False):
    """Let traced code call `replacement` wherever it calls `original`: register_lowering(f)(g), a decorator, or register_lowering(f, g).

    original      a function of any module: of Python, compiled (Cython, Numba, ctypes ...), a ufunc, a method of a Python class
    replacement   takes the same arguments; written with NumPy functions, or a `primitive`, `custom_jvp` or `custom_vjp` function
    override      replace what is registered already, or what tapejit itself does for the function

    Returns the replacement. By whichever name `original` is read in traced code (`lib.f`, `from lib import f`, a closure, a list) the replacement is
    called, also with arguments that are not traced. In the replacement's own code the name means the original, and outside of traces nothing
    changes. Traces recorded before are dropped. Calls inside packages that run as they are (the standard library, NumPy, SciPy, pandas, Numba ...)
    are not seen. With `retarget=False`, calls of ufuncs and of NumPy's own functions are replaced, others are not.

    ArgumentError: `original` or `replacement` is not callable, is a class, a bound method, a method that cannot be seen (of a compiled class, or of a
    package that runs as it is), is registered already (unless override), or is a function of NumPy that tapejit differentiates itself.

    >>> import statistics, numpy as np, tapejit as tj
    >>> @tj.register_lowering(statistics.geometric_mean)
    ... def geometric_mean(data):
    ...     return np.exp(np.mean(np.log(data)))
    >>> tj.grad(lambda x: statistics.geometric_mean(x) ** 2)(np.array([1.0, 1.0]))
    array([1., 1.])
    """
    _check(original, override)

    def register(replacement):
        if not callable(replacement) or isinstance(replacement, type):
            raise ArgumentError(f"register_lowering({name_of(original)}): expected a function as the replacement, found {_kind(replacement)}")
        _check(original, override)
        Registration(original, replacement).enter()
        forget_traces()
        return replacement

    return register if replacement is None else register(replacement)


def _kind(value):
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


def _check(original, override):
    if not callable(original):
        raise ArgumentError(f"register_lowering: expected a function, found {_kind(original)}")
    name = name_of(original)
    if isinstance(original, type):
        raise ArgumentError(f"register_lowering({name}): {name} is a class: register its methods, or a function that makes its instances")
    if isinstance(original, types.MethodType) or isinstance(original, types.BuiltinFunctionType) and not isinstance(
            original.__self__, (types.ModuleType, type(None))):
        raise ArgumentError(f"register_lowering({name}): {name} is bound to one object, and such a method is a new one each time it is read: "
                            f"register the function in its class, as in {type(original.__self__).__name__}.{name}")
    if isinstance(original, (types.MethodDescriptorType, types.WrapperDescriptorType)) or _is_hidden_method(original):
        raise ArgumentError(f"register_lowering({name}): calls of {getattr(original, '__qualname__', name)} cannot be seen, as its class is compiled or in a "
                            "package that runs as it is: wrap the call in a function of your own and register that")
    if isinstance(original, DISPATCHED) and (original in LOWERINGS or isinstance(original, np.ufunc) and row_of(original, ("f64",)) is not None):
        if id(original) not in REGISTERED:
            raise ArgumentError(f"register_lowering({name}): tapejit differentiates {name} itself, in operators and methods as well: "
                                "state your derivative by custom_jvp, under another name")
    if override:
        return
    known = REGISTERED.get(id(original))
    if known is not None:
        raise ArgumentError(f"register_lowering({name}): {name} is registered already, as {known.replacement!r}: pass override=True to replace that")
    if id(original) in EQUIVALENTS or is_from_scipy(original) and equivalent_of(original) is not None:
        raise ArgumentError(f"register_lowering({name}): tapejit differentiates {name} already: pass override=True to replace that")


def _is_hidden_method(function):
    """Whether a Python function is a method of a class in a package that runs as it is."""
    path = getattr(function, "__qualname__", "").split(".")
    if type(function) is not types.FunctionType or len(path) < 2 or "<locals>" in path or not is_library(function.__globals__):
        return False
    return isinstance(getattr(sys.modules.get(function.__module__), path[0], None), type)
