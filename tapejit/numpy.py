"""NumPy's namespace for traced code: `import tapejit.numpy as np` in place of `import numpy as np`.

What makes arrays (zeros, ones, empty, full, arange, eye, array, asarray, linspace ...) makes traced arrays while a trace is
active, into which traced values can be written; NumPy's functions otherwise. All other names are NumPy's own. Code that says
`import numpy as np` is given this namespace while it is traced, so nobody needs to import it; it is of use under `retarget=False`.
Read next: `trace/lowerings/creation.py` (what makes arrays), `trace/equivalents.py`.
"""

import sys as _sys
import types as _types

import numpy as _numpy

from .trace import complex_numbers as _complex_numbers  # noqa: F401  enters complex and cmath among the equivalents
from .trace import equivalents as _equivalents
from .trace import generators as _generators  # noqa: F401  enters np.random's functions among the equivalents
from .trace import vectorized as _vectorized  # noqa: F401  enters np.vectorize and its like among the equivalents
from .trace.recorder import current_trace as _current_trace


def _namespace(module):
    """A module with the names of a NumPy module, equivalents among them; traced code sees it in the original's place."""
    new = _types.ModuleType(module.__name__, module.__doc__)
    vars(new).update(_equivalents.names_of(module))
    return _equivalents.equivalent(module)(new)


globals().update(_equivalents.names_of(_numpy))
globals().pop("polynomial", None)  # plain Python, which is traced through: see __getattr__
random, linalg = _namespace(_numpy.random), _namespace(_numpy.linalg)

__all__ = list(_numpy.__all__)


def __getattr__(name):
    found, trace = getattr(_numpy, name), _current_trace()
    world = None if trace is None or trace.reads is None else trace.reads.world
    return found if world is None or not isinstance(found, _types.ModuleType) else world.value(found, f"numpy.{name}")


def __dir__():
    return dir(_numpy)


_equivalents.equivalent(_numpy)(_sys.modules[__name__])
