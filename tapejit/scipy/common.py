"""What the modules of `tapejit.scipy` share: the decorator of a function that stands in for SciPy's, and how a SciPy object is read.

A function here computes only where a traced value is among its arguments; all other calls are SciPy's own, to the bit.
"""

import functools
import importlib

from ..trace.lowerings.common import holds_tracer
from ..trace.recorder import current_trace
from ..trace.watch import watch


def scipys(module, name):
    """The object `name` of a module of SciPy, by the name of the module's namesake here."""
    return getattr(importlib.import_module(module.removeprefix("tapejit.")), name)


def drop_in(function, module=None):
    """`function` where an argument holds a traced value, else SciPy's function of the same name in the module of the same name."""
    module, name = module or function.__module__, function.__name__

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


of_signal = functools.partial(drop_in, module="scipy.signal")


def seen(owner, name, path):
    """An attribute of an object of SciPy's that stands outside of the traced code: the trace holds while it has this content."""
    found = getattr(owner, name)
    trace = current_trace()
    if trace is not None and trace.reads is not None:
        trace.reads.value("attribute", owner, name, found, path)
        watch(trace.reads, found, path)
    return found


def read(owner, name, path):
    """As `seen`, but a large array comes as a traced one, and may have another content at each call."""
    trace = current_trace()
    if trace is None or trace.reads is None or trace.reads.world is None:
        return seen(owner, name, path)
    found = getattr(owner, name)
    trace.reads.value("attribute", owner, name, found, path)
    return trace.reads.world.value(found, path, ("attribute", id(owner), name))
