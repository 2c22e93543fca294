"""Which names of list A of the project's coverage list can be traced: counted from the registry, never written by hand."""

import numpy as np

from ..tracer import LOWERINGS


def covered(names, namespace=np):
    """The names among `names` whose NumPy function is a ufunc with a row of its own or has a lowering."""
    from ...ops import OPS

    def is_covered(name):
        function = getattr(namespace, name, None)
        try:
            return function in LOWERINGS or isinstance(function, np.ufunc) and function.__name__ in OPS
        except TypeError:
            return False
    return [name for name in names if is_covered(name)]
