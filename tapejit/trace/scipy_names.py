"""What traced code sees in place of SciPy's Python functions, classes and distributions: the same names in `tapejit/scipy/`.

Nothing is done until a SciPy object is met: then each module of `tapejit/scipy` whose SciPy namesake has been imported is imported, and
the names in its `__all__` are bound, by SciPy's objects of these names (functions, classes and instances as equivalents, ufuncs as lowerings). So
importing tapejit imports no SciPy, and a program without SciPy pays nothing. Objects that users make of SciPy's classes (a frozen
distribution, a spline) are converted one by one, by the function `instances` of a module. Read next: `equivalents.py`, `retarget.py`.
"""

import importlib
import pkgutil
import sys
import threading
import types

import numpy as np

from .contents import SUPER_LU
from .equivalents import EQUIVALENTS, equivalent, stand_in
from .tracer import lowering

_FUNCTIONS = (type, types.FunctionType, types.BuiltinFunctionType, np.ufunc)
_lock = threading.RLock()
_pending = None  # dotted names of the modules of tapejit.scipy that are not bound yet; None: not listed yet
_conversions = {}  # class -> function (instance) -> what stands for it


def is_from_scipy(value):
    """Whether a value is a module, function or class of SciPy, or an instance of a class of SciPy."""
    kind = type(value)
    if isinstance(value, types.ModuleType):
        return _in_scipy(value.__name__)
    if _in_scipy(kind.__module__) or kind.__name__ == SUPER_LU:
        return True
    return isinstance(value, _FUNCTIONS) and _in_scipy(getattr(value, "__module__", None))


def _in_scipy(module):
    return isinstance(module, str) and (module == "scipy" or module.startswith("scipy."))


def equivalent_of(value):
    """(value, what stands for it) for an object of SciPy, or None."""
    bind()
    known = EQUIVALENTS.get(id(value))
    if known is None:
        for kind in type(value).__mro__:
            if kind in _conversions:
                return value, _conversions[kind](value)
    return known


def bind():
    """Bind the modules of tapejit.scipy whose SciPy namesakes have been imported since the last time."""
    global _pending
    with _lock:
        if _pending is None:
            from .. import scipy as package

            prefix = package.__name__ + "."
            _pending = {info.name.removeprefix(prefix) for info in pkgutil.walk_packages(package.__path__, prefix)}
        for name in sorted(_pending):
            original = sys.modules.get(f"scipy.{name}")
            if original is not None:
                _pending.discard(name)
                _bind_module(original, importlib.import_module(f"..scipy.{name}", __package__))


def _bind_module(original, ours):
    for name in getattr(ours, "__all__", ()):
        found, new = getattr(original, name, None), getattr(ours, name)
        if isinstance(found, np.ufunc):
            lowering(found)(new)
        elif isinstance(found, type):
            stand_in(found, new)
        elif found is not None and found is not new:
            equivalent(found)(new)
    _conversions.update(ours.instances(original) if hasattr(ours, "instances") else {})
