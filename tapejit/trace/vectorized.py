"""np.vectorize, np.frompyfunc, np.ndenumerate and np.nditer in traced code: loops that NumPy runs in C, run here element by element.

In: the function behind an `np.vectorize`, retargeted. Out: a callable that gives traced arrays for traced arguments, with one
call of the function per element, and is NumPy's own otherwise. `equivalents.py` and `retarget.py` bind it.
"""

from __future__ import annotations

import numpy as np

from ..errors import UnsupportedError
from .assemble import assemble
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


class Elements:
    """np.nditer over traced arrays: their elements, as views without axes, in the order in which NumPy visits them."""

    def __init__(self, arrays, order):
        self.operands = LOWERINGS[np.broadcast_arrays](*arrays) if len(arrays) > 1 else arrays
        visit = np.nditer([a.value for a in self.operands], flags=["multi_index", "zerosize_ok"], order=order)
        self.places, self.iterindex = [], 0
        self.itersize, self.shape, self.ndim, self.nop = visit.itersize, visit.shape, visit.ndim, len(arrays)
        while not visit.finished:
            self.places.append(visit.multi_index)
            visit.iternext()

    finished = property(lambda self: self.iterindex >= self.itersize)
    multi_index = property(lambda self: self.places[self.iterindex])
    value = property(lambda self: self._at(self.multi_index))

    def _at(self, place):
        parts = tuple([a[(*place, ...)] for a in self.operands])
        return parts if len(parts) > 1 else parts[0]

    def iternext(self):
        self.iterindex += 1
        return not self.finished

    def __iter__(self):
        while not self.finished:
            yield self.value
            self.iterindex += 1

    def __len__(self):
        return self.itersize

    def __getitem__(self, k):
        return self.operands[k][(*self.multi_index, ...)]

    def __setitem__(self, k, value):
        self.operands[k][self.multi_index] = value

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self.iterindex = self.itersize


def _nditer(op, flags=(), op_flags=(), *args, order="K", **kwargs):
    given = list(op) if type(op) in (list, tuple) else [op]
    if not any(type(x) is Tracer for x in given):
        return np.nditer(op, flags, op_flags, *args, order=order, **kwargs)
    one = [*op_flags] if op_flags and isinstance(op_flags[0], str) else [flag for own in op_flags for flag in own]
    writes = not {"readwrite", "writeonly"}.isdisjoint(one)
    known = {"multi_index", "zerosize_ok", "refs_ok"}.issuperset(flags) and {"readonly", "readwrite", "writeonly"}.issuperset(one)
    if args or kwargs or not known or None in given or writes and len(given) > 1:
        raise UnsupportedError(f"at {innermost(given).here()}, numpy.nditer on a traced array is called with {flags or op_flags or args or kwargs}: "
                               "write the loop with numpy.ndindex")
    return Elements([asarray(x) if type(x) is Tracer else innermost(given).make(x) for x in given], order)


def _frompyfunc(func, /, nin, nout, **kwargs):
    """np.frompyfunc: of traced values, an array of numbers where NumPy's would hold objects."""
    plain = np.frompyfunc(func, nin, nout, **kwargs)
    loop = vectorized(np.vectorize(func), func)

    def call(*args, **kwargs):
        return (loop if any(map(holds_tracer, args)) else plain)(*args, **kwargs)
    return call


equivalent(np.frompyfunc)(_frompyfunc)


equivalent(np.vectorize)(_vectorize)
stand_in(np.ndenumerate, _ndenumerate)
equivalent(np.nditer)(_nditer)
