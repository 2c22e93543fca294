"""Where an object that a function returns holds a traced value, which would be dead after the trace.

In: a leaf of a result. Out: the path of a traced value in its attributes and the containers among them, or None. Read next: `recording.py`.
"""

from __future__ import annotations

import types

import numpy as np

from .contents import PLAIN
from .layouts import slots_of
from .tracer import Tracer

_NOT_SEARCHED = (type, types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.ModuleType, np.ndarray, np.generic)


def path_of_tracer(value, trace):
    """`.parts[1]`, where that attribute of `value` is a value of this trace; None for nothing.

    Objects of the caller are not searched: they are settled when the trace ends.
    """
    world = None if trace.reads is None else trace.reads.world
    seen, todo = {} if world is None else {id(known): known for known in world.twins.instances.values()}, [(value, "")]
    while todo:
        found, path = todo.pop()
        if type(found) is Tracer:
            if found._trace is trace:
                return path
            continue
        if type(found) in PLAIN or isinstance(found, _NOT_SEARCHED) or id(found) in seen:
            continue
        seen[id(found)] = found
        if isinstance(found, dict):
            todo += [(item, f"{path}[{key!r:.40}]") for key, item in found.items()]
        elif isinstance(found, (list, tuple, set, frozenset)):
            todo += [(item, f"{path}[{k}]") for k, item in enumerate(found)]
        names = getattr(found, "__dict__", None)
        if isinstance(names, dict):
            todo += [(item, f"{path}.{name}") for name, item in names.items()]
        for name, slot in slots_of(type(found)).items():
            try:
                todo.append((slot.__get__(found), f"{path}.{name}"))
            except AttributeError:
                pass
    return None
