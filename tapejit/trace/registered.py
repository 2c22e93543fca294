"""Functions of third parties for which the user has registered a replacement (`tapejit/register.py`): what traced code calls instead.

In traced code a registered function is a stand-in that calls the replacement, run as traced code itself. Within the replacement's own
code, and where a custom rule calls it, the name means the original: so a replacement may be `primitive(f, ...)`, or may call f.
NumPy's ufuncs and functions come here through `LOWERINGS`, all others where a name is read (`retarget.py`).
"""

from __future__ import annotations

import functools
import sys
import types

import numpy as np

from .attributes import unsupported
from .lines import is_internal
from .recorder import current_trace
from .tracer import LOWERINGS, Tracer

REGISTERED = {}  # id of a callable -> its Registration
DISPATCHED = (np.ufunc, type(np.sum))  # these ask a tracer among their arguments what to do
_PARTS = ("function", "fwd", "bwd", "rule", "vjp", "jvp", "func", "__wrapped__")  # where a custom function and its like keep functions


class Registration:
    """A function and its replacement."""

    __slots__ = ("original", "replacement", "name")

    def __init__(self, original, replacement):
        self.original, self.replacement = original, replacement
        self.name = getattr(original, "__name__", type(original).__name__)

    def enter(self):
        """Let traces from now on call the replacement."""
        REGISTERED[id(self.original)] = self
        if isinstance(self.original, DISPATCHED):
            LOWERINGS[self.original] = self.asked

    def asked(self, *args, **kwargs):
        """The call of a function that has found a tracer among its arguments."""
        reads = current_trace().reads
        if reads is None:
            return self.replacement(*args, **kwargs)
        from .retarget import world_of
        return world_of(reads).registered(self)(*args, **kwargs)

    def stand_in(self, world):
        """What traced code in a World calls."""
        replacement = world.value(self.replacement, f"what is registered for {self.name}")
        running, plain = [], []

        def call(*args, **kwargs):
            if world.closed:
                return self.original(*args, **kwargs)
            if self._means_the_original(running, args, kwargs):
                if isinstance(self.original, DISPATCHED) and _any_traced(args, kwargs):
                    raise unsupported(current_trace(), self.original)
                if not plain:
                    plain.append(world.unregistered(self.original))
                return plain[0](*args, **kwargs)
            running.append(self)
            try:
                return replacement(*args, **kwargs)
            finally:
                running.pop()

        if type(self.original) is types.FunctionType:
            functools.update_wrapper(call, self.original, updated=())
            del call.__wrapped__
        return call

    def _means_the_original(self, running, args, kwargs):
        """Whether this call comes from the replacement's own code, or from a rule that is called meanwhile, or (from tapejit) on no traced value."""
        caller = sys._getframe(2)
        while caller.f_code is _ASKED:
            caller = caller.f_back
        if is_internal(caller.f_code.co_filename) and (running or not _any_traced(args, kwargs)):
            return True
        trace = current_trace()
        own = trace.find_line(caller)[2].f_code
        return bool(running) and any(own is code for code in _codes_of(self.replacement))


def _any_traced(args, kwargs):
    return any(type(x) is Tracer for x in (*args, *kwargs.values()))


_ASKED = Registration.asked.__code__


def _codes_of(value, depth=3):
    """The code objects of a callable, with those of functions defined in it."""
    code = getattr(value, "__code__", None)
    if isinstance(code, types.CodeType):
        return _nested(code)
    found = []
    for name in _PARTS if depth else ():
        part = getattr(value, name, None)
        if callable(part) and part is not value:
            found += _codes_of(part, depth - 1)
    return found


def _nested(code):
    return [code, *(inner for constant in code.co_consts if isinstance(constant, types.CodeType) for inner in _nested(constant))]
