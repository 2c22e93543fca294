"""NumPy's own Python code as a lowering: many NumPy functions are Python functions over other NumPy functions.

`numpy_source(np.gradient)` takes the Python function behind `np.gradient` and returns a copy of it, same code object, whose
globals are NumPy's except for the few functions that offer no hook to a tracer (asarray, array, empty, zeros ...). So the
function's meaning, its errors and its corner cases are those of the NumPy that is installed. Everything it calls is traced
like a user's call. Read next: `creation.py`, which registers what is put in.
"""

import functools
import types

import numpy as np

REPLACED = {}  # NumPy object without a hook -> what the copies see in its place
_copies = {}  # Python function of NumPy -> its copy
_globals = {}  # name of a NumPy module -> the globals of its copies


def numpy_source(function):
    """A copy of the Python function behind a NumPy function, in which values may be tracers."""
    return copy_of(function._implementation)


def replaces(*originals):
    """Register the decorated object as what the copies see in place of NumPy's `originals`."""
    def register(replacement):
        REPLACED.update((original, replacement) for original in originals)
        return replacement
    return register


class _Globals(dict):
    """A NumPy module's globals, each translated when its name is first read; built-in names are found as usual."""

    def __init__(self, original):
        super().__init__()
        self.original = original

    def __missing__(self, name):
        value = self[name] = _translated(self.original[name])
        return value


class _Module:
    """A NumPy module whose attributes are translated when they are first read."""

    def __init__(self, module):
        self._module = module

    def __getattr__(self, name):
        value = _translated(getattr(self._module, name))
        setattr(self, name, value)
        return value


@functools.cache
def _dispatchers():
    """{the C function behind a NumPy function: that function}. NumPy's own code calls some of them behind the hook."""
    functions = [getattr(np, name) for name in dir(np)]
    hooked = [f for f in functions if isinstance(f, type(np.concatenate))]
    return {f._implementation: f for f in hooked if isinstance(f._implementation, types.BuiltinFunctionType)}


def copy_of(function):
    """The copy of a Python function of NumPy."""
    copy = _copies.get(function)
    if copy is None:
        name = function.__globals__["__name__"]
        names = _globals.setdefault(name, _Globals(function.__globals__))
        copy = types.FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
        copy.__kwdefaults__ = function.__kwdefaults__
        _copies[function] = copy
    return copy


def _translated(value):
    if isinstance(value, types.ModuleType) and value.__name__.split(".")[0] == "numpy":
        return _Module(value)
    if isinstance(value, types.FunctionType) and (value.__module__ or "").split(".")[0] == "numpy":
        return copy_of(value)
    try:
        return REPLACED.get(value) or _dispatchers().get(value, value)
    except TypeError:  # not hashable: data, not a function
        return value
