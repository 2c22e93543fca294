"""Writes programs: the Assembler appends instructions as 64-bit words, in the format whose manual is csrc/program.h.

It translates and packs; it checks nothing that the loader checks (`program.py`). Scalars come by the ten thousand, so `scalar` is two
appends; the encoder may append words for itself through `words` and `opcode`.
Read next: `csrc/program.h` (what the words mean), `program.py` (what runs them).
"""

from array import array

from .program import DTYPE_CODE, OPCODES, lib

KINDS = {name: getattr(lib, f"TJ_KIND_{name.upper()}") for name in ("store", "add", "sum", "prod", "max", "min", "any", "all")}
REDUCIBLE = {  # kind -> the dtypes that it takes
    "store": ("bool", "i32", "i64", "f32", "f64"), "add": ("i32", "i64", "f32", "f64"), "sum": ("i32", "i64", "f32", "f64"),
    "prod": ("i32", "i64", "f32", "f64"), "max": ("bool", "i32", "i64", "f32", "f64"), "min": ("bool", "i32", "i64", "f32", "f64"),
    "any": ("bool",), "all": ("bool",)}
PRODUCTS = {name: getattr(lib, f"TJ_{name.upper()}") for name in ("multiply_add", "multiply_subtract", "subtract_product")}
VIEWS = {name: getattr(lib, f"TJ_VIEW_{name.upper()}") for name in ("read", "write", "sum", "local")}
MAX_REGISTERS = 4096  # of a loop
MAX_MICROS = 60000  # of a loop, inputs and micro-operations together
TARGET, FIRST_SOURCE, BITS_OF_SOURCE = 16, 28, 12  # where the registers stand in the word of a micro-operation
_MASK = (1 << 64) - 1
LOAD = {"bool": lib.TJ_LOAD1, "i32": lib.TJ_LOAD4, "f32": lib.TJ_LOAD4, "i64": lib.TJ_LOAD8, "f64": lib.TJ_LOAD8}
STORE = {"bool": lib.TJ_STORE1, "i32": lib.TJ_STORE4, "f32": lib.TJ_STORE4, "i64": lib.TJ_STORE8, "f64": lib.TJ_STORE8}


def opcode(op, dtype):
    """The number of an elementwise instruction (`cast_<to>` for casts), by the dtype of its last operand; None when the kernel has none."""
    return OPCODES.get((op, dtype))


class Assembler:
    """Collects the words of a program.

    An address is (buffer, byte offset): buffer 0 is the arena, which starts with the constants; buffers 1.. are external. Scalar
    operands are arena offsets, multiples of 8. A loop's strides are in bytes, 0 where an operand is broadcast or reduced.
    """

    __slots__ = ("words", "buffers", "data", "ends", "_append")

    def __init__(self, buffers):
        self.buffers = list(buffers)  # (nbytes, itemsize, writable) of buffers 1..
        self.words = array("Q")
        self.data = b""
        self.ends = []  # the word behind each END
        self._append = self.words.append

    def constants(self, data):
        """State the bytes at the start of the arena."""
        self.data = bytes(data)

    # -- scalars

    def scalar(self, op, dtype, dst, a, b=0, c=None):
        """slot dst = op(slot a, slot b, slot c); KeyError when the kernel has no such instruction."""
        append = self._append
        append(OPCODES[op, dtype] | dst << 29)  # slot = offset / 8, in the high half: offset << 32 >> 3
        append(a >> 3 | b << 29)
        if c is not None:
            append(c >> 3)

    def product(self, kind, dst, a, b, c):
        """slot dst = a * b + c ("multiply_add"), a * b - c ("multiply_subtract") or c - a * b ("subtract_product"), each slots of f64."""
        self.words.extend((PRODUCTS[kind] | dst << 29, a >> 3 | b << 29, c >> 3))

    def load(self, dtype, dst, buffer, offset):
        """slot dst = the value at the address."""
        self.words.extend((LOAD[dtype] | dst << 29, buffer, offset))

    def store(self, dtype, src, buffer, offset):
        """The value at the address = slot src."""
        self.words.extend((STORE[dtype] | src << 29, buffer, offset))

    # -- loops

    def loop(self, shape, inputs, micros, outputs):
        """One fused loop over `shape`.

        inputs   [(buffer, offset, dtype, strides)]: registers 0, 1, ...
        micros   [(op, dtype, dst register, *source registers)], in order; dtype is that of the last operand, as in `scalar`
        outputs  [(kind, register, buffer, offset, dtype, strides)]
        """
        packed = []
        for op, dtype, dst, *sources in micros:
            word = OPCODES[op, dtype] | dst << TARGET
            for k, source in enumerate(sources):
                word |= source << (FIRST_SOURCE + BITS_OF_SOURCE * k)
            packed.append(word)
        self.packed_loop(shape, inputs, packed, outputs)

    def packed_loop(self, shape, inputs, micros, outputs):
        """The same, with a word for each micro-operation."""
        ndim = len(shape)
        count = 2 + ndim + (len(inputs) + len(outputs)) * (2 + ndim) + len(micros)
        words = [lib.TJ_LOOP | count << 32, ndim | len(inputs) << 16 | len(micros) << 32 | len(outputs) << 48, *shape]
        for buffer, offset, dtype, strides in inputs:
            words += (DTYPE_CODE[dtype] | buffer << 32, offset)
            for s in strides:
                words.append(s & _MASK)
        words += micros
        for kind, register, buffer, offset, dtype, strides in outputs:
            words += (KINDS[kind] | DTYPE_CODE[dtype] << 8 | register << 16 | buffer << 32, offset)
            for s in strides:
                words.append(s & _MASK)
        self.words.extend(words)

    # -- matrices

    def matmul(self, dtype, batch, m, n, k, a, b, out, adds=False):
        """out = (or +=) a @ b; each of a, b, out is (buffer, offset, batch strides, row stride, column stride) in bytes. i32, i64, f32, f64."""
        batch = tuple(batch)
        count = 5 + len(batch) + 3 * (4 + len(batch))
        self.words.extend((lib.TJ_MATMUL | count << 32, DTYPE_CODE[dtype] | adds << 8 | len(batch) << 32, m, n, k, *batch))
        for buffer, offset, batch_strides, row_stride, column_stride in (a, b, out):
            self.words.extend((buffer, offset, row_stride & _MASK, column_stride & _MASK, *(s & _MASK for s in batch_strides)))

    # -- operands seen as (outer, n, inner), contiguous; each address is (buffer, offset)

    def take(self, dtype, outer, n, inner, count, src, indices, dst):
        """dst (outer, count, inner) = src (outer, n, inner) at `count` i64 indices of the middle axis; negative ones count from the end."""
        self.words.extend((lib.TJ_TAKE | 12 << 32, DTYPE_CODE[dtype], outer, n, inner, count, *src, *indices, *dst))

    def take_update(self, kind, dtype, outer, n, inner, count, dst, indices, src):
        """dst (outer, n, inner) at the indices = ("set") or += ("add") src (outer, count, inner), in order."""
        code = {"set": lib.TJ_TAKE_SET, "add": lib.TJ_TAKE_ADD}[kind]
        self.words.extend((code | 12 << 32, DTYPE_CODE[dtype], outer, n, inner, count, *dst, *indices, *src))

    def _along(self, code, dtype, outer, n, inner, src, dst):
        self.words.extend((code | 9 << 32, DTYPE_CODE[dtype], outer, n, inner, *src, *dst))

    def cumsum(self, dtype, outer, n, inner, src, dst):
        """Running sums along the middle axis; dst may be src. Not for bool."""
        self._along(lib.TJ_CUMSUM, dtype, outer, n, inner, src, dst)

    def cumprod(self, dtype, outer, n, inner, src, dst):
        """Running products along the middle axis; dst may be src. Not for bool."""
        self._along(lib.TJ_CUMPROD, dtype, outer, n, inner, src, dst)

    def argsort(self, dtype, outer, n, inner, src, dst):
        """The i64 indices that sort along the middle axis, stably, NaN last: dst (outer, n, inner)."""
        self._along(lib.TJ_ARGSORT, dtype, outer, n, inner, src, dst)

    def argmax(self, dtype, outer, n, inner, src, dst):
        """The i64 index of the first largest element (or first NaN) along the middle axis: dst (outer, inner)."""
        self._along(lib.TJ_ARGMAX, dtype, outer, n, inner, src, dst)

    def argmin(self, dtype, outer, n, inner, src, dst):
        """The i64 index of the first smallest element (or first NaN) along the middle axis: dst (outer, inner)."""
        self._along(lib.TJ_ARGMIN, dtype, outer, n, inner, src, dst)

    # -- control

    def guard(self, number, dtype, nbytes, address, expected):
        """Stop unless the nbytes at `address` (buffer, offset) equal those at arena offset `expected`, in the constants."""
        self.words.extend((lib.TJ_GUARD_EQUAL | 6 << 32, number | DTYPE_CODE[dtype] << 32, nbytes, *address, expected))

    def host(self, number, buffer=0):
        """Stop for Python to call host function `number`, which writes to external buffer `buffer` (0: to the arena)."""
        self.words.extend((lib.TJ_HOST_CALL | 2 << 32, number | buffer << 32))

    # -- tiles

    def tiles(self, parts, count, threads, views, body, last):
        """Run the words `body` for each of `count` tiles, `last` (None: the same) for the last one; both end in an END.

        views   [(kind, buffer, offset, step from tile to tile, step from part to part, bytes, bytes in the last tile)]: the buffers that
                the bodies see behind the external ones; a kind is a key of VIEWS
        """
        last = last or ()
        count_words = 4 + 6 * len(views) + len(body) + len(last)
        self.words.extend((lib.TJ_TILES | count_words << 32, parts | count << 32, len(views) | bool(threads) << 32, len(body) | len(last) << 32))
        for kind, buffer, *rest in views:
            self.words.extend((VIEWS[kind] | buffer << 32, *rest))
        self.words.extend(body)
        self.words.extend(last)

    def body(self):
        """An Assembler for the body of tiles."""
        return Assembler(self.buffers)

    def end(self):
        """End a segment; what follows is the next."""
        self._append(lib.TJ_END)
        self.ends.append(len(self.words))

    @property
    def segments(self):
        """The word where each segment starts."""
        return [0, *self.ends[:-1]]

    def program(self, arena_bytes):
        """The words; `arena_bytes` must hold the constants."""
        if arena_bytes < len(self.data):
            raise ValueError(f"the arena ({arena_bytes} bytes) must hold the constants ({len(self.data)} bytes)")
        return self.words
