"""Random well-formed tapes over the whole op table: for the text form, the verifier and the kernel."""

import numpy as np

from laws.matrices import LINALG_CASES
from laws.samples import CASES, COMPILED, COMPLEX_ONLY, STRUCTURAL, domains, draw
from tapejit.ops import OPS
from tapejit.ops.table import Type, broadcast_shape
from tapejit.tape import Builder, HostFunction, Literal
from tapejit.tape.types import DTYPE_OF_NAME

PLAIN = [row for row in STRUCTURAL if row.name not in LINALG_CASES]  # any operands will do
SHAPES = ((), (3,), (2, 3), (2, 1), (1,), (0, 3), (4, 2, 3))
DTYPES = ("f64", "f64", "f64", "f32", "i64", "i32", "bool")
HOSTED = [OPS[name] for name in ("psi", "erfcx", "i0e", "gammainc", "betainc_a")]  # elementwise rows that the kernel leaves to Python
LINES = (None, ("model.py", 3), ("model.py", 14), ("a folder/other model.py", 7), ("<cell 2>", 1))


def pick(rng, options):
    return options[rng.integers(len(options))]


def constant_array(rng, dtype, shape):
    values = np.asarray(draw(rng, "real", shape, dtype))
    if dtype in ("f32", "f64") and rng.random() < 0.5:
        values = np.where(rng.random(shape) < 0.3, rng.choice([np.nan, -np.nan, np.inf, -np.inf, -0.0, 1e-310, 0.1], shape),
                          values).astype(values.dtype)
    return values


class RandomTape:
    """Appends random records to a builder and keeps what is needed to run the tape: an array for each input."""

    def __init__(self, rng, records=12, guards=True, hosts=True):
        self.rng, self.builder, self.arrays, self.guards, self.hosts = rng, Builder("f"), [], guards, hosts
        self.values = []
        for _ in range(int(rng.integers(1, 4))):
            self.add_input()
        while len(self.values) < records:
            self.builder.line = self.builder.line_index(pick(rng, LINES))
            self.add_record()
        count = int(rng.integers(1, 9))
        self.builder.tape.outputs = [int(v) for v in rng.choice(self.values, count)]

    @property
    def tape(self):
        return self.builder.tape

    def type_of(self, id):
        return self.builder.type_of(id)

    def add_input(self):
        rng = self.rng
        dtype, shape = pick(rng, DTYPES), pick(rng, SHAPES)
        name = pick(rng, [f"x{len(self.arrays)}", "w", "args[0]['w']", None, "sin"])
        self.arrays.append(draw(rng, "positive", shape, dtype))
        self.values.append(self.builder.input(Type(dtype, shape), name))

    def add_record(self):
        kind = self.rng.random()
        if kind < 0.06:
            self.add_input()
        elif kind < 0.16:
            rng = self.rng
            self.values.append(self.builder.constant(constant_array(rng, pick(rng, DTYPES), pick(rng, SHAPES))))
        elif kind < 0.2 and self.guards:
            self.add_guard()
        elif kind < 0.25 and self.hosts:
            self.add_host()
        elif kind < 0.75:
            self.add_elementwise()
        else:
            self.add_structural()

    def some(self, accept):
        """A random value whose type is accepted, or None."""
        fitting = [id for id in self.values if accept(self.type_of(id))]
        return pick(self.rng, fitting) if fitting else None

    def add_elementwise(self):
        rng = self.rng
        row = pick(rng, COMPILED if rng.random() < 0.9 else HOSTED)
        first = self.some(lambda type: type.dtype in row.dtypes)
        if first is None:
            return
        operands = []
        for domain in domains(row):
            dtype = "bool" if domain == "bool" else self.type_of(first).dtype
            shapes = [self.type_of(o).shape for o in operands]
            id = self.some(lambda type: type.dtype == dtype and _fits(shapes + [type.shape]))
            if id is None:
                return
            operands.append(id)
        self.values.append(self.builder.emit(row, tuple(operands)))

    def add_structural(self):
        rng = self.rng
        row = pick(rng, PLAIN)
        shape_free = {"sum": "axes", "cumsum": "axis", "prod": "axes", "cumprod": "axis"}
        if row.name in shape_free:  # on any value that has axes
            x = self.some(lambda type: type.shape and type.dtype in ("f32", "f64", "i64"))
            if x is not None:
                axis = int(rng.integers(len(self.type_of(x).shape)))
                self.values.append(self.builder.emit(row, (x,), ((axis,) if shape_free[row.name] == "axes" else axis,)))
            return
        parts, params = pick(rng, CASES[row.name])
        operands = []
        dtype = "c128" if row.name in COMPLEX_ONLY else "f64"
        for part in parts:
            if isinstance(part, tuple):
                id = self.some(lambda type: type == Type(dtype, part))
                operands.append(self.builder.constant(draw(rng, "real", part, dtype)) if id is None else id)
            else:
                operands.append(self.builder.constant(part))
        self.values.append(self.builder.emit(row, tuple(operands), tuple(params[name] for name in row.params)))

    def add_guard(self):
        """A guard that may fail when the tape is run: the text and the verifier do not mind."""
        id = self.some(lambda type: type.dtype in ("bool", "i64"))
        if id is not None:
            type = self.type_of(id)
            array = draw(self.rng, "real", type.shape, type.dtype)
            self.builder.guard(id, Literal(array) if type.shape else array.item())

    def add_host(self):
        x = self.some(lambda type: type.dtype == "f64" and type.shape == (3,))
        if x is not None:
            operand = HostFunction.operand
            function, type = [(HostFunction(np.flip), Type("f64", (3,))), (HostFunction(np.linalg.norm), Type("f64", ())),
                              (HostFunction(np.searchsorted, (operand, 0.5), {"side": "right"}), Type("i64", ()))][self.rng.integers(3)]
            self.values.append(self.builder.emit(OPS["host"], (x,), (function, type), type))


def _fits(shapes):
    try:
        broadcast_shape(shapes)
    except ValueError:
        return False
    return True


def records_of(tape):
    """Everything that a tape says, as a comparable value: what its columns mean, not how they number their tables."""
    records = [(row.name, tuple(operands), type, tuple(map(_comparable, params)), tape.line_of(k)) for k, row, operands, type,
               params in tape.records()]
    return tape.name, records, list(tape.inputs), list(tape.outputs)


def _comparable(value):
    """A parameter; of an array the bits, because long Literals are told apart by identity."""
    return (value.array.dtype, value.array.shape, value.array.tobytes()) if isinstance(value, Literal) else value


assert set(DTYPES) <= set(DTYPE_OF_NAME)
