"""Programs and their workspaces: the one module that touches the compiled kernel (cffi).

`Program` loads words into the kernel, which verifies them once; `run` executes them on NumPy arrays with the GIL released, calling
host functions in between. Many threads may run one Program: each run takes a workspace from a pool.

The cheapest call, for code that has already checked the arrays' dtypes, shapes and layout:

    ws = program.acquire()                               # a Workspace; ws.c is what the lib functions take
    p, q = from_buffer(x), from_buffer(out)
    status = lib.tj_call2(ws.c, p, len(p), q, len(q))
    if status: program.finish(ws, status, (x,), (out,))  # goes on after host calls, or raises
    program.release(ws)

It runs segment 0 on the buffers in order (inputs, then outputs). A scalar need not be an array: a cell made by `new_cell("f64")` is
memory for one value, passed like a buffer, written and read as `cell[0]`.
Read next: `csrc/program.h` (the format), `format.py` (who writes it).
"""

from collections import namedtuple

import numpy as np

from ..errors import ArgumentError, ProgramError, ShadowError, ShadowOverlapError, ShadowShapeError, ShadowStructureError
from ..tape.types import DTYPE_OF_NAME
from . import blas
from .rows import NATIVE, kernel_rows

try:
    from .._kernel import ffi, lib
except ImportError as error:
    raise ImportError("tapejit's compiled kernel is missing or does not load: build it with 'pip install .', or in a checkout with "
                      f"'python3 setup.py build_ext --inplace' ({error})") from error

from .threads import team  # noqa: E402  needs the kernel

FORMAT = 3  # of the words; the compiled kernel must have the same
DTYPE_CODE = {name: code for code, name in enumerate(NATIVE)}
from_buffer = ffi.from_buffer
_POINTERS = ffi.typeof("void *[]")
CHARS = ffi.typeof("char[]")  # from_buffer(CHARS, x, True): x must be writable; faster than with keywords
_C_TYPE = {"bool": "uint8_t", "i32": "int32_t", "i64": "int64_t", "f32": "float", "f64": "double"}


def _opcodes():
    """{(op name, dtype): opcode} of the compiled kernel; ImportError when it was built from other rows."""
    current = {(row.name, row.dtype): row for row in kernel_rows()}
    found = {}
    for k, line in enumerate(ffi.string(lib.tj_op_table()).decode().splitlines()):
        name, first, dtype, result, arity, text = line.split("\t")
        row = current.get((name, dtype))
        if row is None:
            continue
        if lib.TJ_FORMAT != FORMAT or (row.first, row.result, str(row.arity), row.text) != (first, result, arity, text):
            raise ImportError(f"the compiled kernel is out of date: it computes {name} of {dtype} as '{text}', the op table says "
                              f"'{row.text}'; rebuild it with 'pip install .', or in a checkout with "
                              "'python3 setup.py build_ext --inplace'")
        found[name, dtype] = lib.TJ_FIRST_ELEMENTWISE + k
    return found


OPCODES = _opcodes()

View = namedtuple("View", "buffer offset dtype shape")
View.__doc__ = "A C-contiguous array in program memory: buffer number (0 the arena), byte offset, dtype name, shape."
HostCall = namedtuple("HostCall", "function operands result")
HostCall.__doc__ = "What a HOST instruction does: view `result` receives function(*operand views)."


class GuardMissed(Exception):
    """A guard does not hold: `number` is its place in the program's guards, `found` the value that was there. Nothing was written."""

    def __init__(self, number, found):
        super().__init__(f"guard {number}: found {found}")
        self.number, self.found = number, found


class IndexMissed(GuardMissed, IndexError):
    """An index is out of range for an axis. What the function does then, raise or catch, is not on this tape. Nothing was written."""

    def __init__(self, index, size):
        Exception.__init__(self, f"index {index} is out of bounds for an axis of size {size}")


class Workspace:
    """The memory of one run: arena, block registers, bindings. `c` is the kernel's pointer."""

    __slots__ = ("c", "program", "views")

    def __init__(self, program):
        c = lib.tj_workspace_new(program._c)
        if c == ffi.NULL:
            raise MemoryError(f"no memory for a workspace of {program.arena_bytes} bytes")
        self.c = ffi.gc(c, lib.tj_workspace_free)
        self.program = program._c  # the kernel's workspace points to its program
        self.views = {}  # number of a host function -> the arrays of its operands and its result


class _Memory:
    """Memory of the kernel for np.asarray: the array keeps `owners` alive."""

    __slots__ = ("__array_interface__", "owners")

    def __init__(self, address, nbytes, writable, owners):
        self.__array_interface__ = {"version": 3, "typestr": "|u1", "shape": (nbytes,), "data": (address, not writable)}
        self.owners = owners


def new_cell(dtype):
    """Memory for one scalar, to be passed like a buffer; its value is cell[0]."""
    return ffi.new(_C_TYPE[dtype] + "[1]")


def new_pointers(count):
    """(pointers, byte lengths): arrays for `count` buffers, as lib.tj_run takes them."""
    return ffi.new("void *[]", count), ffi.new("uint64_t[]", count)


def new_pointer_table(count):
    """The pointers alone."""
    return ffi.new(_POINTERS, count)


def new_lengths(nbytes):
    """The byte lengths alone."""
    return ffi.new("uint64_t[]", nbytes)


def _nbytes(view):
    return DTYPE_OF_NAME[view.dtype].itemsize * int(np.prod(view.shape, dtype=object))


class Program:
    """A loaded program.

    words, segments    from the Assembler
    constants          the first bytes of the arena
    arena_bytes        its length
    buffers            [(nbytes, itemsize, writable)]: the inputs, then the outputs
    hosts              one HostCall per host number
    guards             whatever the caller wants to know of guard k, by number
    inputs, outputs    the Types, by position
    simd               0: the best instruction set of this CPU; 1, 2, 3: at most the baseline, AVX2, AVX-512

    ProgramError names the word that the kernel's verifier refused, and why.
    """

    def __init__(self, words, constants, arena_bytes, buffers, segments, hosts=(), guards=(), inputs=(), outputs=(), simd=0):
        self.words, self.constants, self.arena_bytes, self.segments = words, bytes(constants), arena_bytes, list(segments)
        self.buffers, self.hosts, self.guards = [tuple(b) for b in buffers], list(hosts), list(guards)
        self.inputs, self.outputs = list(inputs), list(outputs)
        self._pool = []
        # All workspaces that were made. An owner's __del__ gives one back, also when the collector of garbage found the owner in a cycle: without
        # this reference the collector would have freed the workspace's memory by then.
        self._made = []
        keep = [from_buffer("uint64_t[]", words), from_buffer(self.constants), ffi.new("uint64_t[]", self.segments),
                ffi.new("tj_buffer[]", [(nbytes, min(itemsize, 8), writable) for nbytes, itemsize, writable in self.buffers])]
        source = ffi.new("tj_source *", {
            "words": keep[0], "n_words": len(words), "constants": keep[1], "constant_bytes": len(self.constants),
            "arena_bytes": arena_bytes, "segments": keep[2], "n_segments": len(self.segments), "buffers": keep[3],
            "n_buffers": len(self.buffers), "n_guards": len(self.guards), "n_hosts": len(self.hosts), "simd": simd, "threads": team,
            **blas.known()})
        error = ffi.new("tj_error *")
        c = lib.tj_program_load(source, error)
        if c == ffi.NULL:
            reason = ffi.string(error.reason).decode()
            if reason == "out of memory":
                raise MemoryError("no memory to load a program")
            raise ProgramError(f"word {error.word} of {len(words)}: {reason}")
        self._c = ffi.gc(c, lib.tj_program_free)
        self._check_hosts()
        # Whether the output's buffer is written by a segment after the first, and so has a row per seed in run_seeded.
        self.late_outputs = tuple(lib.tj_first_write(c, k) > 0 for k in range(len(self.inputs) + 1, len(self.buffers) + 1))

    def _check_hosts(self):
        for number, call in enumerate(self.hosts):
            for view in (*call.operands, call.result):
                limit, start = (self.arena_bytes, 0) if view.buffer == 0 else (self.buffers[view.buffer - 1][0], 0)
                written = view is call.result
                if written and view.buffer == 0:
                    start = len(self.constants)
                aligned = view.offset % min(DTYPE_OF_NAME[view.dtype].itemsize, 8) == 0
                if not (start <= view.offset and view.offset + _nbytes(view) <= limit and aligned):
                    raise ProgramError(f"host function {number}: {view} lies outside its buffer, or in the constants, or is not aligned")
                if written and view.buffer and not self.buffers[view.buffer - 1][2]:
                    raise ProgramError(f"host function {number} writes to buffer {view.buffer}, which is only read")

    def __repr__(self):
        return f"<program: {len(self.words)} words, arena {self.arena_bytes} bytes, {len(self.inputs)} inputs, {len(self.outputs)} outputs>"

    @property
    def simd(self):
        """The instruction set of the loops: "avx512", "avx2" or "baseline"."""
        return ffi.string(lib.tj_simd(self._c)).decode()

    @property
    def workspace_bytes(self):
        """(bytes of memory that one call works in, of memory that each further thread takes besides)."""
        return lib.tj_workspace_bytes(self._c, 0), lib.tj_workspace_bytes(self._c, 1)

    # -- workspaces

    def acquire(self):
        """A workspace for the caller alone, until `release`."""
        try:
            return self._pool.pop()
        except IndexError:
            workspace = Workspace(self)
            self._made.append(workspace)
            return workspace

    def release(self, workspace):
        self._pool.append(workspace)

    # -- running

    def run(self, inputs, outputs, workspace=None, segment=None):
        """Run all segments, or one, on C-contiguous arrays of the declared types; the outputs are written.

        Raises GuardMissed, IndexMissed (indices out of range), MemoryError, or a ShadowError for an output that cannot be written.
        """
        ws = self.acquire() if workspace is None else workspace
        try:
            pointers, lengths, keep = self._bindings(inputs, outputs)
            status = lib.tj_run(ws.c, pointers, lengths, len(keep), segment or 0)
            if status:
                self.finish(ws, status, inputs, outputs)
            if segment is None:
                for later in range(1, len(self.segments)):
                    status = lib.tj_sweep(ws.c, later)
                    if status:
                        self.finish(ws, status, inputs, outputs)
        finally:
            if workspace is None:
                self.release(ws)

    def run_seeded(self, inputs, outputs, seed_input, count, workspace=None):
        """Run segment 0, then segment 1 for each of the `count` elements of input `seed_input`, with a one there and zeros elsewhere.

        Outputs that `late_outputs` marks have a leading axis of length count, a row per seed; inputs[seed_input] is not looked at.
        """
        dtype = DTYPE_OF_NAME[self.inputs[seed_input].dtype]
        inputs = list(inputs)
        inputs[seed_input] = b""
        ws = self.acquire() if workspace is None else workspace
        try:
            pointers, lengths, keep = self._bindings(inputs, outputs)
            one = from_buffer(np.ones(1, dtype))
            status = lib.tj_run_seeded(ws.c, pointers, lengths, len(keep), seed_input + 1, one, dtype.itemsize, count)
            if status:
                self.finish(ws, status, inputs, outputs)
        finally:
            if workspace is None:
                self.release(ws)

    def _bindings(self, inputs, outputs):
        keep = [from_buffer(x) for x in inputs]
        for k, out in enumerate(outputs):
            try:
                keep.append(from_buffer(out, require_writable=True))
            except (ValueError, BufferError, TypeError) as error:
                raise ShadowError(f"output {k} must be a writable C-contiguous array: {error}") from None
        return ffi.new("void *[]", keep), ffi.new("uint64_t[]", [len(k) for k in keep]), keep

    def finish(self, ws, status, inputs, outputs):
        """Go on after a sweep answered `status`: through host calls to the end, or raise what the status means."""
        status = self.through_hosts(ws, status, (inputs, outputs))
        if status:
            raise self._error(ws, status)

    def through_hosts(self, ws, status, buffers):
        """Do the host calls at which sweeps stop, until one answers something else: return that. `buffers` are kept alive by what the host functions see."""
        with np.errstate(all="ignore"):
            while status == lib.TJ_HOST:
                self._call_host(ws, lib.tj_detail(ws.c, 0), buffers)
                status = lib.tj_resume(ws.c)
        return status

    def _call_host(self, ws, number, buffers):
        call = self.hosts[number]
        views = ws.views.get(number)
        if views is None:
            views = [self._view(ws, view, view is call.result, buffers) for view in (*call.operands, call.result)]
            if not any(view.buffer for view in (*call.operands, call.result)):  # in the arena, which stays where it is
                ws.views[number] = views
        *operands, result = views
        value = np.asarray(call.function(*operands))
        if value.shape != result.shape:
            raise ProgramError(f"host function {call.function} gave shape {value.shape}, the tape says {result.shape}")
        np.copyto(result, value, casting="same_kind")

    def _view(self, ws, view, writable, buffers):
        """The array of a View; of an external buffer, one that keeps the `buffers` of this run alive."""
        address = int(ffi.cast("uintptr_t", lib.tj_base(ws.c, view.buffer))) + view.offset
        memory = _Memory(address, _nbytes(view), writable, (ws.c, ws.program, buffers if view.buffer else ()))
        return np.asarray(memory).view(DTYPE_OF_NAME[view.dtype]).reshape(view.shape)

    def _error(self, ws, status):
        first, second = lib.tj_detail(ws.c, 0), lib.tj_detail(ws.c, 1)
        if status == lib.TJ_GUARD:
            return GuardMissed(first, self._found(ws, second))
        if status == lib.TJ_INDEX:
            return IndexMissed(first, second)
        if status == lib.TJ_MEMORY:
            return MemoryError("no memory for the seeds of a Jacobian")
        if status == lib.TJ_OVERLAP:
            return ShadowOverlapError(f"{self._name(first)} shares memory with {self._name(second)}; give each a buffer of its own")
        if status == lib.TJ_LENGTH:
            return self._buffer_error(ShadowShapeError, first, f"has {second} bytes, the program needs {self.buffers[first - 1][0]}")
        if status == lib.TJ_ALIGNMENT:
            return self._buffer_error(ShadowError, first, f"is not aligned to {min(self.buffers[first - 1][1], 8)} bytes; pass a copy")
        if status == lib.TJ_NULL:
            return self._buffer_error(ShadowError, first, "has no memory")
        return ShadowStructureError(f"the program takes {len(self.inputs)} inputs and {len(self.outputs)} outputs, found {first} buffers")

    def _buffer_error(self, kind, buffer, text):
        return (ArgumentError if buffer <= len(self.inputs) else kind)(f"{self._name(buffer)} {text}")

    def _name(self, buffer):
        return f"input {buffer - 1}" if buffer <= len(self.inputs) else f"output {buffer - 1 - len(self.inputs)}"

    def _found(self, ws, word):
        """The value that the guard at `word` looked at: a scalar when it is one element."""
        nbytes, buffer, offset = (self.words[word + k] for k in (2, 3, 4))
        dtype = DTYPE_OF_NAME[NATIVE[self.words[word + 1] >> 32]]
        found = np.array(self._view(ws, View(buffer, offset, "u8", (nbytes,)), False, ())).view(dtype)
        return found[0] if len(found) == 1 else found
