"""What the kernel's tests share: small programs around one instruction, and distances in units in the last place."""

import numpy as np

from tapejit.kernel.format import Assembler
from tapejit.kernel.program import Program
from tapejit.ops.table import Type
from tapejit.tape.types import DTYPE_OF_NAME, ITEMSIZE

LEVELS = (1, 2, 3)  # baseline, AVX2, AVX-512 (or the best below that this CPU has)
FLOAT_EDGES = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 2.2250738585072014e-308, 1e-300, 1e300, -1e300,
               1.7976931348623157e308)
FLOAT32_EDGES = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1.1754944e-38, 1e-30, 1e30, -1e30, 3.4028235e38)
INT_EDGES = {"i32": (0, 1, -1, 2, 31, 32, 63, 64, -2**31, 2**31 - 1), "i64": (0, 1, -1, 2, 31, 32, 63, 64, -2**63, 2**63 - 1)}


def type_of(array, dtype):
    return Type(dtype, array.shape)


def strides_of(shape, itemsize):
    """C-contiguous strides in bytes."""
    strides, step = [], itemsize
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


def assemble(write, inputs, outputs, constants=b"", arena_bytes=0, hosts=(), guards=(), simd=0):
    """A Program on buffers of the types `inputs` and `outputs`; write(assembler) appends the instructions and the ends."""
    sizes = [(int(np.prod(t.shape, dtype=object)) * ITEMSIZE[t.dtype], ITEMSIZE[t.dtype]) for t in (*inputs, *outputs)]
    assembler = Assembler([(*size, k >= len(inputs)) for k, size in enumerate(sizes)])
    assembler.constants(constants)
    write(assembler)
    arena_bytes = max(arena_bytes, len(constants))
    return Program(assembler.program(arena_bytes), constants, arena_bytes, assembler.buffers, assembler.segments, hosts, guards, inputs,
                   outputs, simd)


def sample(rng, dtype, n, scale=3.0):
    """n values of a dtype, every special value among them."""
    if dtype == "bool":
        return rng.integers(0, 2, n).astype(bool)
    if dtype in INT_EDGES:
        values = rng.integers(-50, 50, n).astype(DTYPE_OF_NAME[dtype])
        edges = INT_EDGES[dtype]
    else:
        exponents = rng.integers(-30, 30, n) if dtype == "f64" else rng.integers(-10, 10, n)
        values = np.where(rng.random(n) < 0.7, rng.normal(size=n) * scale, rng.normal(size=n) * 2.0**exponents).astype(DTYPE_OF_NAME[dtype])
        edges = FLOAT_EDGES if dtype == "f64" else FLOAT32_EDGES
    places = rng.choice(n, min(n, 2 * len(edges)), replace=False)
    values[places] = np.resize(np.array(edges, values.dtype), len(places))
    return values


def ulps(found, expected):
    """How many representable numbers lie between found and expected, element by element; 0 for equal infinities and two NaNs."""
    kind = {8: np.int64, 4: np.int32}[found.dtype.itemsize]

    def place(x):
        bits = x.view(kind).astype(object)
        return np.where(bits < 0, -(bits & ((1 << (8 * found.dtype.itemsize - 1)) - 1)), bits)

    nan = np.isnan(found) | np.isnan(expected)
    distance = np.abs(place(found) - place(expected))
    return np.where(nan, np.where(np.isnan(found) & np.isnan(expected), 0, 2**62), distance)
