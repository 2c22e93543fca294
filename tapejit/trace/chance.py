"""What makes two runs of a function differ although nothing it reads has changed: random draws, clocks, the system.

Random states are compared before and after the trace: if one moved, the trace is not reused. Clocks and system entropy are
known by name (`IMPURE`). Read next: `reads.py`.
"""

import datetime
import os
import random
import secrets
import time
import uuid

import numpy as np

_CLOCKS = ("time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time process_time_ns thread_time thread_time_ns "
           "localtime gmtime ctime").split()
_UNREPEATABLE = {
    time: _CLOCKS,
    os: "urandom getrandom getpid getenv environ getcwd listdir".split(),
    secrets: "token_bytes token_hex token_urlsafe randbits randbelow choice SystemRandom".split(),
    uuid: "uuid1 uuid4".split(),
    random: ["SystemRandom"],
    datetime: "datetime date".split(),
}

# id of an object -> its name, for what answers differently at each call
IMPURE = {
    id(getattr(module, name)): f"{module.__name__}.{name}"
    for module, names in _UNREPEATABLE.items() for name in names if hasattr(module, name)}
IMPURE.update((id(function), function.__name__) for function in (open, input))
_KEPT_ALIVE = [getattr(module, name, None) for module, names in _UNREPEATABLE.items() for name in names]  # so that the ids stay theirs

GENERATORS = (np.random.Generator, np.random.RandomState, np.random.BitGenerator, random.Random)


def state_of(generator):
    """A comparable copy of a random generator's state."""
    if isinstance(generator, random.Random):
        return generator.getstate()
    if isinstance(generator, np.random.RandomState):
        return _frozen(generator.get_state(legacy=False))
    return _frozen(getattr(generator, "bit_generator", generator).state)


def _frozen(state):
    if isinstance(state, dict):
        return tuple((key, _frozen(value)) for key, value in state.items())
    return state.tobytes() if isinstance(state, np.ndarray) else state


_PYTHON = random.getstate.__self__  # the generators behind the functions of the two modules
_NUMPY = np.random.mtrand._rand


class Draws:
    """Notices random draws between its making and the call of `moved`: from the global states and from generators shown to it."""

    def __init__(self):
        self.states = []  # (generator, state, what it is called)
        self.known = set()
        self.watch(_PYTHON, "Python's global random state")
        self.watch(_NUMPY, "NumPy's global random state")

    def watch(self, generator, name):
        if id(generator) not in self.known:
            self.known.add(id(generator))
            self.states.append((generator, state_of(generator), name))

    def moved(self):
        """The name of a generator that was drawn from, or None."""
        for generator, state, name in self.states:
            if state_of(generator) != state:
                return name
        return None
