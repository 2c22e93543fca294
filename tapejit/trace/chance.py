"""What makes two runs of a function differ although nothing it reads has changed: random draws, clocks, files, the system.

Random states are compared before and after the trace: if one moved, the trace is not reused. Clocks, files and settings are
known by identity (`IMPURE`), or by the name under which code reaches them (`UNSEEN`). Read next: `reads.py`.
"""

import datetime
import decimal
import glob
import inspect
import os
import random
import secrets
import sys
import threading
import time
import uuid

import numpy as np

_CLOCKS = ("time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time process_time_ns thread_time thread_time_ns "
           "localtime gmtime ctime").split()
_UNREPEATABLE = {
    time: _CLOCKS,
    os: ("urandom getrandom getpid getppid getenv environ getcwd listdir scandir walk stat access times cpu_count getloadavg read "
         "open").split(),
    os.path: "exists lexists isfile isdir islink getsize getmtime getatime getctime abspath realpath expanduser expandvars".split(),
    glob: "glob iglob".split(),
    sys: "getrecursionlimit getswitchinterval modules exc_info".split(),
    threading: "get_ident get_native_id current_thread active_count".split(),
    decimal: ["getcontext"],
    inspect: ["getattr_static"],
    np: "load loadtxt genfromtxt fromfile fromregex memmap geterr geterrcall getbufsize get_printoptions".split(),
    np.random: ["get_state"],
    np.lib.format: "open_memmap read_array".split(),
    secrets: "token_bytes token_hex token_urlsafe randbits randbelow choice SystemRandom".split(),
    uuid: "uuid1 uuid4".split(),
    random: ["SystemRandom", "getstate"],
    datetime: "datetime date".split(),
}

# id of an object -> its name, for what answers differently at each call
IMPURE = {
    id(getattr(module, name)): f"{module.__name__}.{name}"
    for module, names in _UNREPEATABLE.items() for name in names if hasattr(module, name)}
IMPURE.update((id(function), function.__name__) for function in (open, input))
_KEPT_ALIVE = [getattr(module, name, None) for module, names in _UNREPEATABLE.items() for name in names]  # so that the ids stay theirs

# Names by which code reads what no look-up of a value shows: methods of paths and generators, and reads past an object's own hooks.
UNSEEN = frozenset("read_text read_bytes iterdir exists is_file is_dir bit_generator get_state getstate __getattribute__".split())

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
