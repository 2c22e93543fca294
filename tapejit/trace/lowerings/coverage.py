"""Which of NumPy's and SciPy's functions can be traced: counted from the registries, never written by hand."""

import numpy as np

from ..elementwise import row_of
from ..tracer import LOWERINGS
from .creation import CREATION


def covered(names, namespace=np):
    """The names among `names` whose function in `namespace` has a row in the op table, a lowering, or a stand-in."""
    return [name for name in names if _is_covered(getattr(namespace, name, None))]


def _is_covered(function):
    from ..scipy_names import equivalent_of, is_from_scipy  # they come after the lowerings

    if is_from_scipy(function) and equivalent_of(function) is not None:
        return True
    if isinstance(function, np.ufunc) and row_of(function, ("f64",) * function.nargs) is not None:
        return True
    return callable(function) and (function in LOWERINGS or function in CREATION)
