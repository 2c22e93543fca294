"""What the law tests draw their operands from, and the truth they compare with.

`DOMAINS` says what a row's `domain` means in numbers. `CASES` gives the operands and parameters of the rows that are not
elementwise. `TRUTH` gives each smooth row as an mpmath function, from outside the op table; mpmath differentiates it.
"""

import re

import mpmath
import numpy as np

from laws.matrices import LINALG_CASES
from tapejit.ops import FLOATS, OPS, REAL_OF, ROWS
from tapejit.ops.complexes import COMPLEX_OF
from tapejit.passes.markers import MARKERS
from tapejit.passes import forward, reverse
from tapejit.tape import Builder, interpret, type_of
from tapejit.tape.types import DTYPE_OF_NAME

ELEMENTWISE = [row for row in ROWS if row.kind == "elementwise"]
SMOOTH = [row for row in ELEMENTWISE if row.partials is not None and "f64" in row.dtypes]
COMPILED = [row for row in ELEMENTWISE if row.c is not None]
COMPLEX_ONLY = {"real", "imag", "conjugate", "complex_sign", "fft", "ifft", "irfft"}  # rows whose operands are complex
REAL_ONLY = {"complex", "rfft", "ldexp"}  # rows whose operands are real

_SPREAD = {"real": (-3.0, 3.0), "nonzero": (0.2, 3.0), "positive": (0.1, 4.0), "above_minus_one": (-0.9, 3.0), "above_one": (1.1, 4.0),
           "unit": (-0.95, 0.95), "bits": (-9, 9),
           "probability": (0.05, 0.95), "small": (0.2, 1.5), "large": (4.3, 8.0), "half_unit": (-0.6, 0.6), "order": (0, 3), "trials": (5, 9)}
WHOLE = ("order", "trials")  # domains of whole numbers, in which nothing is differentiated


def depth(row):
    """How many times the laws differentiate a row: rows for derivatives by parameters exist to second order."""
    found = re.search(r"_(1|2|[abc]{1,2})$", row.name) if row.kind == "elementwise" else None
    return 2 if found is None else 0 if found[1] == "2" or len(found[1]) == 2 else 1


def domains(row):
    """The domain of each operand of a row."""
    domain = row.domain or "real"
    return domain if isinstance(domain, tuple) else (domain,) * row.arity


def draw(rng, domain, shape, dtype="f64"):
    """Samples of a domain: well inside it, away from kinks, ties and branch cuts."""
    if dtype in REAL_OF and domain != "bool":
        parts = draw(rng, domain, shape, REAL_OF[dtype]), draw(rng, "nonzero", shape, REAL_OF[dtype])
        return np.asarray(parts[0] + 1j * parts[1]).astype(DTYPE_OF_NAME[dtype])
    if domain == "bool" or dtype == "bool":
        return np.asarray(rng.random(shape) < 0.5)
    low, high = _SPREAD[domain]
    x = rng.uniform(low, high, shape)
    if domain == "nonzero":
        x = x * rng.choice([-1.0, 1.0], shape)
    if domain in WHOLE:
        x = np.rint(x)
    if DTYPE_OF_NAME[dtype].kind in "iu":
        x = np.rint(3 * x)
        x = np.where(x == 0, 1, x) if domain == "nonzero" else x
    return np.asarray(x).astype(DTYPE_OF_NAME[dtype])


# Values at which formulas break: zeros of both signs, subnormals, the ends of the range, ties, integers, halves.
EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.0, -2.0, 3.0, 1e-8, -1e-8, 5e-324, 1e-310, -1e-310, 1e-160, 1e160, -1e160, 1e300, -1e300,
         709.0, 745.5, -745.5, 1e16, 2.0**53 + 2, np.pi, np.inf, -np.inf, np.nan]


def edges(dtype):
    """All edge values of a dtype."""
    if dtype == "bool":
        return np.array([False, True])
    if dtype[0] == "i":
        info = np.iinfo(DTYPE_OF_NAME[dtype])
        return np.array([0, 1, -1, 2, -2, 3, 7, -7, 31, 33, 63, 64, 65, 100, info.max, info.min, info.min + 1], DTYPE_OF_NAME[dtype])
    with np.errstate(over="ignore", under="ignore"):
        return np.array(EDGES).astype(DTYPE_OF_NAME[dtype])


def edge_operands(row, dtype):
    """The edge values of a dtype, in every combination of the operands of a row."""
    whole = np.array([0, 1, 2, 3, 7, -1]).astype(DTYPE_OF_NAME[dtype])  # SciPy steps through orders one by one
    parts = [whole if domain in WHOLE else edges("bool" if domain == "bool" else dtype) for domain in domains(row)]
    return [np.ascontiguousarray(grid.reshape(-1)) for grid in np.meshgrid(*parts, indexing="ij")]


# --- rows that are not elementwise: operands as (shape, array or function of rng), and parameters -----------------------

_I = np.array
CASES = {
    "reshape": [(((2, 3),), {"shape": (3, 2)}), (((6,),), {"shape": (2, 1, 3)}), (((1,),), {"shape": ()}), (((0, 3),), {"shape": (3, 0)})],
    "transpose": [(((2, 3, 4),), {"axes": (2, 0, 1)}), (((3, 2),), {"axes": (1, 0)}), (((),), {"axes": ()})],
    "broadcast": [(((3, 1),), {"shape": (2, 3, 4)}), (((),), {"shape": (3,)}), (((1, 1),), {"shape": (1, 1)})],
    "index": [(((4, 5),), {"idx": (1, (4, 3, -2))}), (((5,),), {"idx": (3,)}), (((5,),), {"idx": ((4, 5, -1),)}),
              (((4,),), {"idx": ((2, 0, 1),)})],
    "index_set": [(((4, 5), (3,)), {"idx": (1, (4, 3, -2))}), (((5,), ()), {"idx": (3,)})],
    "index_add": [(((4, 5), (3,)), {"idx": (1, (0, 3, 2))}), (((5,), ()), {"idx": (3,)})],
    "take": [(((4, 3), _I([1, -1, 1])), {"axis": 0}), (((2, 5), _I([[0, 4], [2, 2]])), {"axis": 1}), (((4,), _I(2)), {"axis": 0})],
    "take_set": [(((4, 3), _I([1, 3]), (2, 3)), {"axis": 0}), (((2, 5), _I([4, 0]), (2, 2)), {"axis": 1})],
    "take_add": [(((4, 3), _I([1, -1, 1]), (3, 3)), {"axis": 0}), (((2, 5), _I([4, 4]), (2, 2)), {"axis": 1})],
    "concatenate": [(((2, 3), (4, 3)), {"axis": 0}), (((2, 1), (2, 2), (2, 3)), {"axis": 1}), (((3,),), {"axis": 0})],
    "sum": [(((3, 4),), {"axes": (1,)}), (((3, 4),), {"axes": (0, 1)}), (((2, 3, 4),), {"axes": (0, 2)}), (((0, 3),), {"axes": (0,)})],
    "cumsum": [(((4, 3),), {"axis": 0}), (((2, 5),), {"axis": 1}), (((0,),), {"axis": 0})],
    "matmul": [(((2, 3), (3, 4)), {}), (((5, 2, 3), (5, 3, 2)), {}), (((1, 1), (1, 1)), {}), (((2, 0), (0, 3)), {})],
    "cast": [(((3,),), {"dtype": "f32"}), (((3,),), {"dtype": "i64"}), (((3,),), {"dtype": "f64"}), (((3,),), {"dtype": "bool"}),
             (((3,),), {"dtype": "c128"})],
    "ldexp": [(((2, 4), _I([1, -2, 0, 3])), {}), (((3, 1), _I([[2], [-1], [5]])), {}), (((), _I([4, 1])), {})],
    "max": [(((3, 4),), {"axes": (1,)}), (((3, 4),), {"axes": (0, 1)})],
    "min": [(((3, 4),), {"axes": (0,)}), (((2, 3, 2),), {"axes": (0, 2)})],
    "prod": [(((3, 4),), {"axes": (1,)}), (((2, 3, 2),), {"axes": (0, 2)}), (((0, 2),), {"axes": (0,)}),
             ((_I([2.0, 0.0, 3.0]),), {"axes": (0,)}),
             ((_I([[0.0, 5.0], [0.0, 7.0]]),), {"axes": (0, 1)})],
    "cumprod": [(((4, 3),), {"axis": 0}), (((2, 7),), {"axis": 1}), ((_I([2.0, 0.0, 3.0, 4.0, 0.0, 5.0]),), {"axis": 0}),
                (((0, 2),), {"axis": 0})],
    "any": [((_I([[True, False], [False, False]]),), {"axes": (1,)})],
    "all": [((_I([[True, False], [True, True]]),), {"axes": (1,)})],
    "argmax": [(((3, 4),), {"axis": 1})],
    "argmin": [(((3, 4),), {"axis": 0})],
    "real": [(((2, 3),), {}), (((),), {}), (((0,),), {})],
    "imag": [(((2, 3),), {}), (((),), {}), (((0,),), {})],
    "conjugate": [(((2, 3),), {}), (((),), {})],
    "complex": [(((2, 3), (2, 3)), {}), (((), ()), {}), (((0,), (0,)), {})],
    "complex_sign": [(((2, 3),), {}), (((),), {})],
    "fft": [(((6,),), {"axis": 0, "norm": "backward"}), (((5, 2),), {"axis": 0, "norm": "ortho"}),
            (((2, 3),), {"axis": 1, "norm": "forward"}), (((0, 3),), {"axis": 1, "norm": "backward"})],
    "ifft": [(((6,),), {"axis": 0, "norm": "backward"}), (((5, 2),), {"axis": 0, "norm": "ortho"}),
             (((2, 3),), {"axis": 1, "norm": "forward"})],
    "rfft": [(((6,),), {"axis": 0, "norm": "backward"}), (((5, 2),), {"axis": 0, "norm": "ortho"}),
             (((2, 7),), {"axis": 1, "norm": "forward"}),
             (((1, 2),), {"axis": 0, "norm": "backward"}), (((2, 1),), {"axis": 0, "norm": "forward"})],
    "irfft": [(((4,),), {"n": 6, "axis": 0, "norm": "backward"}), (((4, 2),), {"n": 7, "axis": 0, "norm": "ortho"}),
              (((2, 3),), {"n": 5, "axis": 1, "norm": "forward"}), (((2, 1),), {"n": 1, "axis": 1, "norm": "backward"}),
              (((2,),), {"n": 2, "axis": 0, "norm": "forward"})],
    "argsort": [(((3, 5),), {"axis": 1}), ((_I([2.0, 1.0, 2.0, 1.0]),), {"axis": 0})],
    **LINALG_CASES,
}
STRUCTURAL = [row for row in ROWS if row.kind not in ("elementwise", "special") and row.code not in MARKERS]


def takes(row, dtype):
    """Whether a row takes operands of a dtype: those of linear algebra take floating ones alone."""
    return row.dtypes is None or dtype in row.dtypes


def cases(row, rng, dtype="f64"):
    """(operands, params) for each case of a row that is not elementwise; floats have the dtype asked for, or the complex one as wide.
    None where the row does not take it."""
    if row.name in COMPLEX_ONLY:
        dtype = COMPLEX_OF.get(dtype, dtype)
    if row.name in COMPLEX_ONLY and dtype not in REAL_OF or row.name in REAL_ONLY and dtype not in COMPLEX_OF:
        return
    if row.name in LINALG_CASES and dtype in REAL_OF:  # complex matrices: tests/trace/test_lowerings_linalg_complex.py
        return
    along = 1j if dtype in REAL_OF else 0
    for parts, params in CASES[row.name]:
        operands = []
        for part in parts:
            if isinstance(part, tuple):
                x = rng.uniform(-2.0, 2.0, part) + along * rng.uniform(-2.0, 2.0, part)
            else:
                x = np.asarray(part(rng, operands) if callable(part) else part)
            operands.append(np.asarray(x).astype(DTYPE_OF_NAME[dtype]) if is_float(x) else np.asarray(x))
        yield operands, params


class Fixed:
    """A row with its whole-number operands fixed: like a row of the others."""

    def __init__(self, row, operands):
        self.row, self.name, self.kind, self.c = row, row.name, row.kind, row.c
        self.fixed = {k: x for k, (x, domain) in enumerate(zip(operands, domains(row))) if domain in WHOLE}
        self.arity = row.arity - len(self.fixed)

    def __call__(self, *exprs):
        builder, given = exprs[0].builder, iter(exprs)
        return self.row(*[builder.expr(builder.constant(self.fixed[k])) if k in self.fixed else next(given) for k in range(self.row.arity)])


def fixed(row, operands):
    """The row, and the operands that can be differentiated: those of whole numbers are fixed."""
    if not any(domain in WHOLE for domain in domains(row)):
        return row, operands
    return Fixed(row, operands), [x for x, domain in zip(operands, domains(row)) if domain not in WHOLE]


# --- tapes of one row, and their derivatives -----------------------------------------------------------------------------


def tape_of(row, operands, params=(), outputs=None):
    """A builder with inputs like `operands` and one record of `row` on them; the record is its output."""
    builder = Builder(row.name)
    ids = [builder.input(type_of(np.asarray(x)), f"x{k}") for k, x in enumerate(operands)]
    y = row(*map(builder.expr, ids), **dict(params))
    builder.tape.outputs = [y.id]
    return builder


def is_float(x):
    return np.asarray(x).dtype.kind in "fc"


def jvp_of(builder):
    """Append the tangent of the output; the tangents of the floating inputs become further inputs. Outputs: value, tangent."""
    tape = builder.tape
    (y,) = tape.outputs
    dots = {id: builder.input(builder.type_of(id), None) for id in list(tape.inputs) if builder.type_of(id).dtype in FLOATS}
    tangent = forward(builder, dots, [y])[0]
    tape.outputs = [y] if tangent is None else [y, tangent]
    return tape


def vjp_of(builder):
    """Append the cotangents of the floating inputs, given that of the output as a further input.

    Outputs: the value, then the cotangents, -1 for none.
    """
    tape = builder.tape
    (y,) = tape.outputs
    sources = [id for id in tape.inputs if builder.type_of(id).dtype in FLOATS]
    seed = builder.input(builder.type_of(y), None)
    bars = reverse(builder, {y: seed}, sources)
    tape.outputs = [y] + [-1 if bar is None else bar for bar in bars]
    return tape


def jvp(row, operands, dots, params=()):
    """The tangent of a row at the operands, or zeros where no record carries one. `dots` for the floating operands."""
    tape = jvp_of(tape_of(row, operands, params))
    out = interpret(tape, [*operands, *dots])
    return out[1] if len(out) == 2 else np.zeros_like(out[0])


def vjp(row, operands, bar, params=()):
    """The cotangents of the floating operands of a row."""
    tape = vjp_of(tape_of(row, operands, params))
    ids, floats = tape.outputs[1:], [x for x in operands if is_float(x)]
    tape.outputs = [id for id in ids if id >= 0]
    found = iter(interpret(tape, [*operands, bar]))
    return [np.zeros_like(x) if id < 0 else next(found) for id, x in zip(ids, floats)]


def hessian_vector(row, operands, dots, bar, params=()):
    """The tangents of the cotangents of the floating operands (forward over reverse), with the output's cotangent fixed."""
    builder = tape_of(row, operands, params)
    tape = vjp_of(builder)
    sources = [id for id in tape.inputs[:len(operands)] if builder.type_of(id).dtype in FLOATS]
    bars = tape.outputs[1:]
    tangents = {id: builder.input(builder.type_of(id), None) for id in sources}
    moved = forward(builder, tangents, [id if id >= 0 else tape.outputs[0] for id in bars])
    tape.outputs = [id for id, was in zip(moved, bars) if id is not None and was >= 0]
    found = iter(interpret(tape, [*operands, bar, *dots]))
    floats = [x for x in operands if is_float(x)]
    return [np.zeros_like(x) if id is None or was < 0 else next(found) for id, was, x in zip(moved, bars, floats)]


def partials(row, operands):
    """The partial derivatives of an elementwise row at the operands, as arrays of the result's shape."""
    out = []
    for place in range(row.arity):
        dots = [np.full(np.shape(x), 1.0 if k == place else 0.0, np.asarray(x).dtype) for k, x in enumerate(operands)]
        out.append(jvp(row, operands, [dot for dot, x in zip(dots, operands) if is_float(x)]) if is_float(operands[place]) else None)
    return out


# --- the truth -------------------------------------------------------------------------------------------------------

_m = mpmath


def _sinc(x):
    return _m.mpf(1) if x == 0 else _m.sin(_m.pi * x) / (_m.pi * x)


TRUTH = {  # row -> partial derivatives as mpmath functions of the operands
    "add": (lambda a, b: 1, lambda a, b: 1),
    "subtract": (lambda a, b: 1, lambda a, b: -1),
    "multiply": (lambda a, b: b, lambda a, b: a),
    "divide": (lambda a, b: 1 / b, lambda a, b: -a / b**2),
    "negative": (lambda x: -1,),
    "positive": (lambda x: 1,),
    "square": (lambda x: 2 * x,),
    "reciprocal": (lambda x: -1 / x**2,),
    "sqrt": (lambda x: 1 / (2 * _m.sqrt(x)),),
    "cbrt": (lambda x: 1 / (3 * abs(x) ** (_m.mpf(2) / 3)),),
    "power": (lambda a, b: b * a ** (b - 1), lambda a, b: a**b * _m.log(a)),
    "hypot": (lambda a, b: a / _m.hypot(a, b), lambda a, b: b / _m.hypot(a, b)),
    "exp": (_m.exp,),
    "exp2": (lambda x: _m.mpf(2) ** x * _m.log(2),),
    "expm1": (_m.exp,),
    "log": (lambda x: 1 / x,),
    "log2": (lambda x: 1 / (x * _m.log(2)),),
    "log10": (lambda x: 1 / (x * _m.log(10)),),
    "log1p": (lambda x: 1 / (1 + x),),
    "logaddexp": (lambda a, b: 1 / (1 + _m.exp(b - a)), lambda a, b: 1 / (1 + _m.exp(a - b))),
    "logaddexp2": (lambda a, b: 1 / (1 + _m.mpf(2) ** (b - a)), lambda a, b: 1 / (1 + _m.mpf(2) ** (a - b))),
    "sin": (_m.cos,),
    "cos": (lambda x: -_m.sin(x),),
    "tan": (lambda x: 1 / _m.cos(x) ** 2,),
    "arcsin": (lambda x: 1 / _m.sqrt(1 - x**2),),
    "arccos": (lambda x: -1 / _m.sqrt(1 - x**2),),
    "arctan": (lambda x: 1 / (1 + x**2),),
    "arctan2": (lambda a, b: b / (a**2 + b**2), lambda a, b: -a / (a**2 + b**2)),
    "deg2rad": (lambda x: _m.pi / 180,),
    "rad2deg": (lambda x: 180 / _m.pi,),
    "sinc": (lambda x: (_m.cos(_m.pi * x) - _sinc(x)) / x if x else _m.mpf(0),),
    "sinh": (_m.cosh,),
    "cosh": (_m.sinh,),
    "tanh": (lambda x: 1 / _m.cosh(x) ** 2,),
    "arcsinh": (lambda x: 1 / _m.sqrt(1 + x**2),),
    "arccosh": (lambda x: 1 / _m.sqrt(x**2 - 1),),
    "arctanh": (lambda x: 1 / (1 - x**2),),
    "zero_mul": (lambda a, b: b, lambda a, b: a),
}

# Ranges of operands over which partials are compared with the truth: as wide as the value is finite.
WIDE = {
    "real": [(1e-12, 1e3)], "nonzero": [(1e-100, 1e100)], "positive": [(1e-100, 1e100)], "above_minus_one": [(1e-12, 1e12)],
    "above_one": [(1e-12, 1e150)],
    "unit": [(1e-12, 1.0)]}


def draw_wide(rng, domain, n):
    """Samples of a domain over many orders of magnitude, also towards its ends."""
    (low, high), = WIDE[domain]
    x = np.exp(rng.uniform(np.log(low), np.log(high), n))
    signs = rng.choice([-1.0, 1.0], n)
    if domain in ("real", "nonzero"):
        return x * signs
    if domain == "above_one":
        return 1 + x
    if domain == "above_minus_one":
        return np.where(signs > 0, x, np.minimum(x, 1 / x) - 1)
    if domain == "unit":
        return np.where(rng.random(n) < 0.5, x, 1 - np.maximum(x, 1e-15) * 0.5) * signs
    return x


def relative_error(found, truth, condition):
    """|found - truth| in units of eps * |truth| * (1 + condition): condition is how much the truth itself magnifies one
    rounding of its operands, which no formula in doubles can avoid."""
    eps = 2.0**-52
    return float(abs(_m.mpf(float(found)) - truth) / (eps * (abs(truth) * 4 + condition + _m.mpf(2) ** -1022)))


assert set(OPS) >= set(CASES) and set(OPS) >= set(TRUTH)
