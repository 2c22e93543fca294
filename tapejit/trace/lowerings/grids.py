"""NumPy's objects that make arrays when they are indexed: np.r_, np.c_, np.mgrid and np.ogrid.

np.r_ and np.c_ run NumPy's own code with traced parts; what all four make can be written. They are bound where user code
names them, like the functions of `creation.py`.
"""

import numpy as np

from .common import holds_tracer, static
from .creation import CREATION, REPLACED, made, only_traced
from .numpy_source import copy_of


def _holds_tracer(key):
    if isinstance(key, slice):
        return holds_tracer((key.start, key.stop, key.step))
    return any(map(_holds_tracer, key)) if type(key) is tuple else holds_tracer(key)


def _static(key):
    if isinstance(key, slice):
        return slice(static(key.start), static(key.stop), static(key.step))
    return tuple(map(_static, key)) if type(key) is tuple else key


class Indexed:
    """What stands for one of NumPy's objects: it passes for it, but what it makes is traced."""

    def __init__(self, original, source=None):
        self.original, self.source = original, source

    def __getitem__(self, key):
        if self.source is not None and _holds_tracer(key):
            return self.source(self.original, key)
        result = self.original[_static(key)]
        return tuple(map(made, result)) if type(result) is tuple else made(result)

    def __getattr__(self, name):
        return getattr(self.original, name)


REPLACED[np.arange] = only_traced(CREATION[np.arange], np.arange)
CREATION.update({
    np.r_: Indexed(np.r_, copy_of(type(np.r_).__getitem__)), np.c_: Indexed(np.c_, copy_of(type(np.c_).__getitem__)),
    np.mgrid: Indexed(np.mgrid), np.ogrid: Indexed(np.ogrid)})
