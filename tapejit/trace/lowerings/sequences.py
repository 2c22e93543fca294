"""NumPy's functions on arguments in which NumPy does not look for a tracer: lists, tuples, and places such as np.take's indices.

NumPy's hook asks the arrays among the arguments alone: `np.sum([a, b])` would make an array of the list first. In traced
code these stand-ins are bound instead: they look at every argument, and are NumPy's own functions where no tracer is found.
`STAND_INS` holds them together with the functions that make arrays (`creation.py`); `equivalents.py` reads it.
"""

import functools

import numpy as np

from ..assemble import array_of, assemble
from ..recorder import blame
from ..tracer import LOWERINGS, Tracer
from .common import holds_tracer
from .creation import CREATION
from .numpy_source import REPLACED


def looks_everywhere(function):
    """`function`, but its lowering where any argument is or holds a tracer."""
    lowered = LOWERINGS[function]

    @functools.wraps(function)
    def call(*args, **kwargs):
        args = tuple(map(array_of, args))
        if any(map(holds_tracer, args)) or any(map(holds_tracer, kwargs.values())):
            try:
                return lowered(*args, **kwargs)
            except (ArithmeticError, IndexError, ValueError):
                blame((*args, *kwargs.values()))
                raise
        return function(*args, **kwargs)
    return call


class Ufunc:
    """A ufunc that takes sequences of traced values. It passes for the ufunc, and has its attributes and methods."""

    def __init__(self, ufunc):
        self.ufunc = ufunc

    @property
    def __class__(self):
        return np.ufunc

    def __call__(self, *inputs, **kwargs):
        return self.ufunc(*map(_gathered, inputs), **kwargs)

    def __getattr__(self, name):
        value = getattr(self.ufunc, name)
        if name in ("reduce", "accumulate", "reduceat", "outer"):
            return lambda *inputs, **kwargs: value(*map(_gathered, inputs), **kwargs)
        return value

    def __eq__(self, other):
        return other is self or other is self.ufunc

    def __hash__(self):
        return hash(self.ufunc)

    def __repr__(self):
        return repr(self.ufunc)


def _gathered(x):
    """A sequence that holds tracers as one traced array, anything else as it is."""
    return assemble(x) if type(x) is not Tracer and isinstance(x, (list, tuple)) and holds_tracer(x) else array_of(x)


_LOOKING = {f: looks_everywhere(f) for f in LOWERINGS if f not in CREATION and not isinstance(f, np.ufunc)}
REPLACED.update(_LOOKING)  # NumPy's own code hands sequences of arrays on, too
STAND_INS = CREATION | _LOOKING
STAND_INS |= {f: Ufunc(f) for f in vars(np).values() if isinstance(f, np.ufunc)}
