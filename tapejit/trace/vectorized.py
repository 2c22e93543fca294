"""np.vectorize, np.ndenumerate and np.nditer in traced code: loops that NumPy runs in C, run here element by element.

In: the function behind an `np.vectorize`, retargeted. Out: a callable that gives traced arrays for traced arguments, with one
call of the function per element, and is NumPy's own otherwise. `equivalents.py` and `retarget.py` bind it.
"""

from __future__ import annotations

import numpy as np

from ..errors import UnsupportedError
from .assemble import assemble
from .decisions import extracted
from .equivalents import equivalent, stand_in, to_float
from .lowerings.common import asarray, holds_tracer
from .recorder import innermost
from .tracer import LOWERINGS, Tracer


def vectorized(original, function):
    """What stands for the np.vectorize object `original` in traced code; `function` is called for each element."""
    plain = np.vectorize(function, original.otypes or None, excluded=original.excluded, cache=original.cache, signature=original.signature)

    def call(*args, **kwargs):
        if not any(map(holds_tracer, (*args, *kwargs.values()))):
            return plain(*args, **kwargs)
        arrays = [asarray(a) for a in (*args, *kwargs.values())]
        if original.signature or original.excluded or original.cache:
            raise UnsupportedError(
                f"at {innermost(arrays).here()}, numpy.vectorize with a signature, excluded arguments or a cache meets a traced value: "
                "write the loop out")
        arrays = LOWERINGS[np.broadcast_arrays](*arrays)
        shape = arrays[0].shape
        columns = [_numbers(LOWERINGS[np.ravel](a)) for a in arrays]
        if not columns[0]:
            return plain(*[a.value if type(a) is Tracer else a for a in arrays])  # NumPy's answer or error for no elements
        names = [*kwargs]
        results = [function(*row[:len(args)], **dict(zip(names, row[len(args):]))) for row in zip(*columns)]
        if type(results[0]) is not tuple:
            return _joined(results, shape, original.otypes, 0)
        return tuple(_joined(column, shape, original.otypes, k) for k, column in enumerate(zip(*results)))
    return call


def _numbers(a):
    """The elements of a vector as NumPy hands them to a vectorized function: Python numbers."""
    if type(a) is not Tracer:
        return a.tolist()
    items = [a[k] for k in range(len(a))]
    return [to_float(x) for x in items] if a.dtype.kind == "f" else items


def _joined(results, shape, otypes, k):
    """One output: the results in the shape of the arguments, in the dtype of the first one if none was given."""
    array = assemble(list(results))
    dtype = otypes[k] if otypes else assemble([results[0]]).dtype
    return array.astype(dtype).reshape(shape)


def _vectorize(pyfunc, otypes=None, doc=None, excluded=None, cache=False, signature=None):
    return vectorized(np.vectorize(pyfunc, otypes, doc, excluded, cache, signature), pyfunc)


def _ndenumerate(a):
    if type(a) is not Tracer:
        return np.ndenumerate(a)
    return ((index, a[index]) for index in np.ndindex(a.shape))


def _nditer(op, *args, **kwargs):
    def concrete(x):
        return extracted(x, "numpy.nditer") if type(x) is Tracer else x
    return np.nditer([concrete(x) for x in op] if type(op) in (list, tuple) else concrete(op), *args, **kwargs)


equivalent(np.vectorize)(_vectorize)
stand_in(np.ndenumerate, _ndenumerate)
equivalent(np.nditer)(_nditer)
