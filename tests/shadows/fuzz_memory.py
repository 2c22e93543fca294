"""The memory of a fuzzed call: arrays between canaries in a pool, in a pool between two forbidden pages, or in a block each.

In: shapes, dtypes and layouts. Out: arrays, and, after the call, which bytes changed that were not allowed to.
Which bytes an array covers is found by writing marks through a view of the same shape and strides over a block of zeros.
Read next: `fuzz_oracle.py`, which calls are legal.
"""

import ctypes
import mmap

import numpy as np

PAGE = mmap.PAGESIZE
POOL = 2 * PAGE
KEPT = 64  # bytes at the end of the guarded pool that outlive a call: for an array that a function captures
PLACES = ("guarded", "pool", "blocks")
LAYOUTS = ("C", "step", "reversed", "rows", "F", "unaligned", "swapped", "broadcast")


def guarded_pool():
    """A writable buffer of POOL bytes between two pages whose use is a segmentation fault (where the system has mprotect)."""
    whole = mmap.mmap(-1, POOL + 2 * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(whole))
    protect = getattr(ctypes.CDLL(None), "mprotect", None)
    for address in (start, start + PAGE + POOL):
        assert protect is None or protect(ctypes.c_void_p(address), ctypes.c_size_t(PAGE), 0) == 0
    return np.frombuffer(whole, np.uint8)[PAGE:PAGE + POOL]


GUARDED = guarded_pool()


def strides_of(shape, itemsize, layout, rng):
    """Strides of an array of this shape, and the offset of its first element from its lowest byte."""
    order = range(len(shape)) if layout == "F" else reversed(range(len(shape)))
    strides = [0] * len(shape)
    size = itemsize * (rng.choice((2, 3)) if layout == "step" else 1)
    for axis in order:
        strides[axis] = size
        size *= max(shape[axis], 1)
        if layout == "rows":
            size += itemsize
    if layout == "broadcast" and shape:
        strides[rng.randrange(len(shape))] = 0
    if layout == "reversed" and shape:
        axes = [rng.randrange(len(shape))] if rng.random() < 0.7 else range(len(shape))
        for axis in axes:
            strides[axis] = -strides[axis]
    first = -sum(min(stride, 0) * max(n - 1, 0) for stride, n in zip(strides, shape))
    return tuple(strides), first


def bytes_covered(array):
    """(lowest address, marks): a byte of 1 for each byte from there on that holds a part of an element."""
    low, high = np.lib.array_utils.byte_bounds(array)
    marks = np.zeros(high - low, np.uint8)
    first = array.__array_interface__["data"][0] - low
    np.ndarray((*array.shape, array.itemsize), np.uint8, marks, first, (*array.strides, 1))[...] = 1
    return low, marks


class Memory:
    """The buffers of one call. `place` says where new arrays go."""

    def __init__(self, rng, place):
        self.rng, self.place = rng, place
        self.blocks = [GUARDED]
        self.starts = [GUARDED.__array_interface__["data"][0]]
        self.pool = GUARDED
        self.front, self.back = 0, POOL - KEPT
        GUARDED[:] = np.frombuffer(rng.randbytes(POOL), np.uint8)
        if place == "pool":
            self.pool = self.own(bytearray(rng.randbytes(POOL)))

    def own(self, buffer):
        """Watch a buffer as well; its bytes as an array."""
        block = np.frombuffer(buffer, np.uint8)
        self.blocks.append(block)
        self.starts.append(block.__array_interface__["data"][0])
        return block

    def region(self, size):
        """(buffer, offset) of `size` fresh bytes, aligned to 8, with canaries on both sides or at the edge of the buffer."""
        room = -(-size // 8) * 8 + 8 * self.rng.randrange(4)
        if self.place == "blocks" or self.front + room + 16 > self.back:
            block = np.empty(size, np.uint8)
            block[:] = np.frombuffer(self.rng.randbytes(block.size), np.uint8)
            return self.own(block), 0
        if self.rng.random() < 0.5:
            at, self.front = self.front, self.front + room + 8
            return self.pool, at
        self.back -= -(-size // 8) * 8
        at, self.back = self.back, self.back - 8 * self.rng.randrange(1, 4)
        return self.pool, at

    def array(self, shape, dtype, layout="C"):
        """A new array in this layout, filled with multiples of 1/8: sums and products of a few are exact in float32."""
        dtype = np.dtype(dtype)
        if layout == "swapped":
            dtype = dtype.newbyteorder()
        strides, first = strides_of(shape, dtype.itemsize, layout, self.rng)
        reach = sum(abs(stride) * max(n - 1, 0) for stride, n in zip(strides, shape)) + dtype.itemsize
        shift = self.rng.randrange(1, dtype.itemsize) if layout == "unaligned" else 0
        buffer, at = self.region(reach + shift)
        return self.filled(np.ndarray(shape, dtype, buffer, at + shift + first, strides))

    def filled(self, array):
        values = np.frombuffer(self.rng.randbytes(array.size), np.int8).reshape(array.shape)
        array[...] = values // 16 if array.dtype.kind == "i" else (values // 2) / 8
        return array

    def kept(self, shape, dtype):
        """The array at the end of the guarded pool: at the same place in each call."""
        return np.ndarray(shape, dtype, GUARDED, POOL - KEPT)

    def block_of(self, low, high):
        """The number of the block in which these addresses lie, or None."""
        for k, (start, block) in enumerate(zip(self.starts, self.blocks)):
            if start <= low and high <= start + len(block):
                return k
        return None

    # -- before and after the call

    def snapshot(self):
        self.before = [block.tobytes() for block in self.blocks]

    def unchanged(self):
        return all(block.tobytes() == before for block, before in zip(self.blocks, self.before))

    def changed_outside(self, arrays):
        """Addresses of the bytes that changed though none of the arrays covers them."""
        if self.unchanged():
            return []
        allowed = [np.zeros(len(block), np.uint8) for block in self.blocks]
        for array in arrays:
            if array.size:
                low, marks = bytes_covered(array)
                k = self.block_of(low, low + len(marks))
                allowed[k][low - self.starts[k]:low - self.starts[k] + len(marks)] |= marks
        out = []
        for start, block, before, mask in zip(self.starts, self.blocks, self.before, allowed):
            changed = block != np.frombuffer(before, np.uint8)
            out += [int(start + k) for k in np.flatnonzero(changed & (mask == 0))]
        return out
