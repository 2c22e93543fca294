"""How many threads run large loops. The results do not depend on it: the work is cut in the same parts for any number of threads.

At first as many as the CPUs that the process may use, or as the environment variable TAPEJIT_NUM_THREADS says. The threads start when
there is work for them, wait without using the CPU, and are started anew in a forked child. Read next: csrc/threads.c, `tiling.py`.
"""

import atexit
import operator
import os

from .._kernel import ffi, lib
from ..errors import ArgumentError

MOST = 256
VARIABLE = "TAPEJIT_NUM_THREADS"


def _checked(count, what):
    if isinstance(count, bool) or not hasattr(count, "__index__") or not 1 <= operator.index(count) <= MOST:
        raise ArgumentError(f"{what}: expected an integer from 1 to {MOST}, found {count!r}")
    return operator.index(count)


def _default():
    text = os.environ.get(VARIABLE)
    if text:
        return _checked(int(text) if text.strip().isdecimal() else text, f"the environment variable {VARIABLE}")
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MOST)


def set_num_threads(count):
    """Let `count` threads, from 1 to 256, the calling one included, run the large loops of all compiled functions from now on.

    Results are the same to the bit at any number. Matrix products that are left to BLAS use BLAS's own threads.

    >>> import tapejit as tj
    >>> before = tj.get_num_threads()
    >>> tj.set_num_threads(2)
    >>> tj.get_num_threads()
    2
    >>> tj.set_num_threads(before)
    """
    global _count
    count = _checked(count, "set_num_threads")
    lib.tj_threads_set(team, count)
    _count = count


def get_num_threads():
    """The number of threads that run large loops, the calling one included.

    >>> import tapejit as tj
    >>> tj.get_num_threads() >= 1
    True
    """
    return _count


team = lib.tj_threads_new()
if team == ffi.NULL:
    raise MemoryError("no memory for the threads of the kernel")
_count = 1
set_num_threads(_default())
atexit.register(lib.tj_threads_set, team, 1)
