"""What the modules of `tapejit.scipy` share: the decorator of a function that stands in for SciPy's.

A function here computes only where a traced value is among its arguments; all other calls are SciPy's own, to the bit.
"""

import functools
import importlib

from ..trace.lowerings.common import holds_tracer


def scipys(module, name):
    """The object `name` of a module of SciPy, by the name of the module's namesake here."""
    return getattr(importlib.import_module(module.removeprefix("tapejit.")), name)


def drop_in(function):
    """`function` where an argument holds a traced value, else SciPy's function of the same name in the module of the same name."""
    module, name = function.__module__, function.__name__

    @functools.wraps(function)
    def call(*args, **kwargs):
        for value in args:
            if holds_tracer(value):
                return function(*args, **kwargs)
        for value in kwargs.values():
            if holds_tracer(value):
                return function(*args, **kwargs)
        return scipys(module, name)(*args, **kwargs)

    return call
