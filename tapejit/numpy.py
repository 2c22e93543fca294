"""NumPy's namespace for traced code: `import tapejit.numpy as np` in place of `import numpy as np`.

What makes arrays (zeros, ones, empty, full, arange, eye, array, asarray, linspace ...) makes traced arrays while a trace is
active, into which traced values can be written; NumPy's functions otherwise. All other names are NumPy's own. Code that says
`import numpy as np` is given this namespace while it is traced, so nobody needs to import it; it is of use under `retarget=False`.
Read next: `trace/lowerings/creation.py` (what makes arrays), `trace/equivalents.py`.
"""

import sys as _sys
import types as _types

import numpy as _numpy

from .trace import equivalents as _equivalents

random = _types.ModuleType("numpy.random", _numpy.random.__doc__)
vars(random).update(_equivalents.names_of(_numpy.random))
_equivalents.equivalent(_numpy.random)(random)

globals().update(_equivalents.names_of(_numpy))

__all__ = list(_numpy.__all__)


def __getattr__(name):
    return getattr(_numpy, name)


def __dir__():
    return dir(_numpy)


_equivalents.equivalent(_numpy)(_sys.modules[__name__])
