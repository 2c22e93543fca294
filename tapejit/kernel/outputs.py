"""Memory for large results: that of an earlier result which nobody holds any more, whose pages the system has already given.

A fresh page costs the system about as long as a gradient costs per page, and the C library gives large blocks back as soon as they are free.
So blocks are kept here, and one is free again when the only reference to it is ours: every view of a result holds its block. At most
`MOST_BLOCKS` of a size and `MOST_BYTES` in all are kept; beyond that, and for small results, NumPy's own memory is as good.
"""

import sys
from collections import deque

import numpy as np

LARGE = 1 << 18 if getattr(sys, "_is_gil_enabled", lambda: True)() else 1 << 62  # bytes from which blocks are kept; counts need the GIL
MOST_BLOCKS = 6
MOST_BYTES = 1 << 27
ALIGNMENT = 64

_blocks = {}  # bytes -> deque of blocks, the one that was handed out last at the end
_kept = 0  # bytes in all
_HELD_HERE = sys.getrefcount(np.empty(0)) + 1  # references to a block in a local variable, as getrefcount counts them


def empty(shape, dtype, nbytes):
    """np.empty(shape, dtype), of `nbytes` bytes, in memory that may have been that of an earlier result."""
    blocks = _blocks.get(nbytes)
    if blocks is None:
        blocks = _blocks[nbytes] = deque()
    block = None
    for _ in range(len(blocks)):
        try:
            block = blocks.popleft()  # now no other thread finds it
        except IndexError:
            break
        if sys.getrefcount(block) == _HELD_HERE:
            break
        blocks.append(block)
        block = None
    if block is None:
        block = np.empty(nbytes + ALIGNMENT, np.uint8)
        if not _may_keep(blocks, nbytes):
            return _array(block, shape, dtype, nbytes)
    out = _array(block, shape, dtype, nbytes)
    blocks.append(block)
    return out


def _array(block, shape, dtype, nbytes):
    start = -block.__array_interface__["data"][0] % ALIGNMENT
    return block[start:start + nbytes].view(dtype).reshape(shape)


def _may_keep(blocks, nbytes):
    """Make room for one more block of this size; False where its kind has enough."""
    global _kept
    if len(blocks) >= MOST_BLOCKS or nbytes > MOST_BYTES // 2:
        return False
    while _kept + nbytes > MOST_BYTES:
        size = next((size for size, others in _blocks.items() if others), None)
        if size is None:
            break
        _blocks[size].popleft()
        _kept -= size
        if not _blocks[size]:
            _blocks[size] = _blocks.pop(size)  # the next size is asked first
    _kept += nbytes
    return True
