"""Functions that make arrays. NumPy offers no hook for most of them, so these are what traced code must be given instead.

`CREATION` maps NumPy's function to ours: tapejit/trace/retarget.py binds these where user code says `np.zeros`, and
`numpy_source` where NumPy's own code does. A new array is a tracer of the current trace with a storage of its own, so
that traced values can be written into it. Outside a trace they are NumPy's functions.
"""

import numpy as np

from ...ops import OPS
from ..recorder import current_trace
from ..tracer import LOWERINGS, Tracer, concrete, lowering
from . import common
from .common import cast, filled, holds_tracer, static
from .numpy_source import REPLACED, numpy_source

CREATION = {}  # NumPy's function -> what stands in for it in traced code


def creates(*functions):
    def register(created):
        for function in functions:
            CREATION[function] = created
        return created
    return register


def _static_call(function, args, kwargs):
    return function(*map(static, args), **{name: static(value) for name, value in kwargs.items()})


def _fresh(function):
    """The array that `function` makes, as a tracer of the current trace."""
    def created(*args, **kwargs):
        value = _static_call(function, args, kwargs)
        trace = current_trace()
        return value if trace is None or value.dtype.kind not in "biufc" else trace.make(value)
    return created


for _function in (np.arange, np.eye, np.identity, np.tri, np.indices, np.fromiter, np.frombuffer, np.diag_indices):
    pass
'''
