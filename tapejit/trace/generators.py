"""Random generators in traced code: what they draw is an array that traced values can be written into, and they shuffle traced arrays.

In C, a generator takes a traced array for a list, and swaps its rows wrongly. So generators that f reaches or makes are
wrapped: the wrapper draws from the original. Traced arrays are permuted by an array of places that is shuffled in their stead,
with the same draws. Whether a trace with draws may be used again is decided in `chance.py` and `reads.py`.
In: a Generator or RandomState. Out: `wrapped`; and stand-ins for the functions of `np.random` and for what makes generators.
"""

from __future__ import annotations

import random

import numpy as np

from .equivalents import EQUIVALENTS, equivalent, stand_in
from .lowerings.common import deliver, static
from .lowerings.creation import made
from .recorder import current_trace
from .tracer import LOWERINGS, Tracer


def _on_places(draw, x, *args, **kwargs):
    """`draw`, which permutes its first argument (or a copy of it), on the traced array x."""
    places = np.arange(x.size).reshape(x.shape)
    result = draw(places, *args, **kwargs)
    return LOWERINGS[np.ravel](x)[places if result is None else result]


def _shuffle(draw, x, *args, **kwargs):
    x[...] = _on_places(draw, x, *args, **kwargs)


def _permuted(draw, x, *args, out=None, **kwargs):
    return deliver(_on_places(draw, x, *args, **kwargs), out)


def _choice(draw, a, *args, axis=0, **kwargs):
    return LOWERINGS[np.take](a, draw(a.shape[axis], *args, **kwargs), axis=axis)


_OF_ARRAYS = {"shuffle": _shuffle, "permutation": _on_places, "permuted": _permuted, "choice": _choice}


def _drawing(name, draw):
    """The method `draw` of a generator: it permutes traced arrays too, and what it draws can be written."""
    def call(*args, **kwargs):
        lowered = _OF_ARRAYS.get(name)
        if lowered is not None and args and type(args[0]) is Tracer and np.ndim(args[0].value):
            return lowered(draw, args[0], *map(static, args[1:]), **kwargs)
        result = draw(*args, **kwargs)
        return made(result) if isinstance(result, np.ndarray) and result.dtype.kind == "f" else result
    call.__name__ = name
    return call


def _methods(cls):
    return [name for name in dir(cls) if not name.startswith("_") and callable(getattr(cls, name))]


def _wrapper(cls, empty):
    """A subclass of a generator class whose instances draw from another generator, `original`."""
    def initialise(self, original):
        empty(self, original)
        self.original = original

    def method(name):
        return property(lambda self: _drawing(name, getattr(self.original, name)))

    members = {name: method(name) for name in _methods(cls)}
    return type(cls.__name__, (cls,), {"__init__": initialise, "__module__": cls.__module__, **members})


_WRAPPERS = {
    np.random.Generator: _wrapper(np.random.Generator, lambda self, g: np.random.Generator.__init__(self, g.bit_generator)),
    np.random.RandomState: _wrapper(np.random.RandomState, lambda self, g: np.random.RandomState.__init__(self, 0))}


def wrapped(generator):
    """What stands for a Generator or RandomState in traced code; anything else as it is."""
    wrapper = _WRAPPERS.get(type(generator))
    return generator if wrapper is None else wrapper(generator)


# --- what makes generators, and the functions of the global one ------------------------------------------------------


def _unseeded(original):
    """`original`, which makes a generator; without a seed, the trace cannot be used again."""
    def seeded(*args, **kwargs):
        trace = current_trace()
        if trace is not None and trace.reads is not None and all(x is None for x in (*args, *kwargs.values())):
            trace.reads.refuse(f"it calls {original.__name__}() without a seed: make the generator outside, or give it a seed")
        return wrapped(original(*args, **kwargs))
    seeded.__name__ = original.__name__
    return seeded


equivalent(np.random.default_rng)(_unseeded(np.random.default_rng))
for _type in (np.random.RandomState, np.random.SeedSequence, np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox,
              np.random.SFC64, random.Random):
    stand_in(_type, _unseeded(_type))
stand_in(np.random.Generator, lambda bits: wrapped(np.random.Generator(bits)))

for _name in _methods(np.random.RandomState):
    _function = getattr(np.random, _name, None)
    if _function is not None and id(_function) not in EQUIVALENTS:
        equivalent(_function)(_drawing(_name, _function))
