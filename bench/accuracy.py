"""`python -m bench accuracy`: how far the kernel's elementwise instructions are from NumPy's, in units in the last place.

Each floating instruction runs over many operands, of all magnitudes within its domain, on every instruction set that this CPU has; the
distance is that to what the reference interpreter computes with NumPy (SciPy for special functions). The kernel's bound is 4 for NumPy's
functions; where NumPy rounds worse itself, as its float32 does in places, both are within the bound of the exact value.
"""

from pathlib import Path

import numpy as np

from tapejit.kernel.format import Assembler
from tapejit.kernel.program import Program
from tapejit.kernel.rows import kernel_rows
from tapejit.ops import OPS
from tapejit.ops.table import Type
from tapejit.tape.interpret import evaluate
from tapejit.tape.types import DTYPE_OF_NAME

COUNT = 20_000
LEVELS = {1: "baseline", 2: "avx2", 3: "avx512"}


def operands(row, rng):
    """COUNT values of all magnitudes for each operand, with both signs: NumPy's own domain shows in its NaNs, which are left out."""
    dtype = DTYPE_OF_NAME[row.dtype]
    exponents = 30 if row.dtype == "f32" else 200
    for _ in range(row.arity):
        near = rng.uniform(-4, 4, COUNT // 2)
        far = rng.choice([-1, 1], COUNT - COUNT // 2) * np.exp2(rng.uniform(-exponents, exponents, COUNT - COUNT // 2))
        yield rng.permutation(np.concatenate([near, far])).astype(dtype)


def kernels(row, given, simd):
    """What the instruction makes of the operands."""
    dtype, size = DTYPE_OF_NAME[row.dtype], DTYPE_OF_NAME[row.dtype].itemsize
    types = [Type(row.dtype, (COUNT,))] * (row.arity + 1)
    assembler = Assembler([(COUNT * size, size, k == row.arity) for k in range(row.arity + 1)])
    inputs = [(k + 1, 0, row.dtype, (size,)) for k in range(row.arity)]
    assembler.loop((COUNT,), inputs, [(row.name, row.dtype, row.arity, *range(row.arity))],
                   [("store", row.arity, row.arity + 1, 0, row.dtype, (size,))])
    assembler.end()
    program = Program(assembler.program(0), b"", 0, assembler.buffers, assembler.segments, inputs=types[:-1], outputs=types[-1:], simd=simd)
    out = np.empty(COUNT, dtype)
    program.run(given, [out])
    return program.simd, out


def distance(found, expected):
    """The largest distance in units in the last place among finite values; infinite where one alone is not finite."""
    both = np.isfinite(found) & np.isfinite(expected)
    apart = (np.isfinite(found) != np.isfinite(expected)) & ~np.isnan(expected)
    if np.any(apart):
        return np.inf
    if not np.any(both):
        return 0.0
    a, b = found[both].astype(np.longdouble), expected[both].astype(np.longdouble)
    return float(np.max(np.abs(a - b) / np.spacing(np.maximum(np.abs(expected[both]), np.finfo(expected.dtype).tiny))))


def measure():
    """[(name, dtype, {instruction set: distance})] for the floating instructions."""
    found = []
    for row in kernel_rows():
        if row.name not in OPS or row.dtype not in ("f32", "f64") or row.result != row.dtype or row.first != row.dtype:
            continue
        rng = np.random.default_rng(0)
        given = list(operands(row, rng))
        with np.errstate(all="ignore"):
            expected = np.asarray(evaluate(OPS[row.name], given, ()))
        by_level = {}
        for simd in LEVELS:
            name, out = kernels(row, given, simd)
            by_level.setdefault(name, distance(out, expected))
        found.append((row.name, row.dtype, by_level))
    return found


def table(found):
    levels = [level for level in LEVELS.values() if any(level in by_level for _, _, by_level in found)]
    yield "# Accuracy of the elementwise instructions"
    yield ""
    yield f"Printed by `python -m bench accuracy`: the largest distance from NumPy's result, in units in the last place, over {COUNT:,} operands"
    yield "of all magnitudes and both signs, for each instruction set. 0: the same bits. Special functions are held against SciPy's, which near"
    yield "their zeros and in their tails are as far from the exact value as ours: `tapejit/COVERAGE.md` has the errors against mpmath."
    yield ""
    yield "| instruction | dtype | " + " | ".join(levels) + " |"
    yield "| --- | --- |" + " --- |" * len(levels)
    for name, dtype, by_level in found:
        yield f"| `{name}` | {dtype} | " + " | ".join(f"{by_level[level]:.3g}" if level in by_level else "" for level in levels) + " |"


def main(folder):
    found = measure()
    path = Path(folder) / "accuracy.md"
    path.write_text("\n".join(table(found)) + "\n")
    worst = max((max(by_level.values()), name, dtype) for name, dtype, by_level in found)
    print(f"{len(found)} instructions; the largest distance is {worst[0]:.3g}, of {worst[1]} in {worst[2]}; written to {path}")
