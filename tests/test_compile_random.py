"""Random tapes, compiled and run, against the reference interpreter.

Values are whole numbers of small magnitude, in whatever dtype, so that every order of summation gives the same bits.
"""

import numpy as np
import pytest

from tapejit.kernel import compile_tape
from tapejit.ops import OPS, Type
from tapejit.tape import Builder, HostFunction, Literal, interpret
from tapejit.tape.interpret import evaluate
from tapejit.tape.types import DTYPE_OF_NAME, NAME_OF_DTYPE

DTYPES = ["f64"] * 6 + ["f32", "f32", "i64", "i32", "bool", "c128", "i8"]
SHAPES = [(), (), (), (1,), (3,), (5,), (4, 3), (1, 3), (4, 1), (2, 3, 4), (2, 4, 1, 3), (3, 3), (300,), (0,), (0, 3), (2, 0)]
SAME = ["add", "subtract", "multiply", "maximum", "minimum", "equal", "less", "greater_equal"]
FLAVOURS_OF = {  # how often records of each kind occur
    "mixed": {"elementwise": 8, "view": 4, "reduction": 2, "update": 2, "scatter": 1, "gather": 1, "concatenate": 1, "stack": 1,
              "matmul": 1, "along": 1, "cast": 1, "host": 1},
    "scalar": {"elementwise": 8, "view": 3, "scatter": 3, "stack": 1},
    "loops": {"elementwise": 10, "view": 1, "reduction": 1, "update": 1, "cast": 1},
    "memory": {"elementwise": 2, "view": 3, "update": 4, "scatter": 2, "gather": 1}}
FLAVOURS = list(FLAVOURS_OF)
ONE = ["negative", "square", "absolute", "positive"]


def stretches(shape, target):
    """True when an array of `shape` broadcasts to `target`."""
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False


class Maker:
    """Makes a random tape record by record, with the value of each record for inputs of its own choice."""

    def __init__(self, seed, flavour):
        self.rng = np.random.default_rng(seed)
        self.builder = Builder(f"random{seed}")
        self.values = []  # by id
        self.pool = []  # ids of the values that may be used
        self.inputs = []
        self.flavour = flavour

    def pick(self, items):
        return items[int(self.rng.integers(len(items)))]

    def number(self, dtype, shape):
        value = self.rng.integers(0, 2, shape) if dtype == "bool" else self.rng.integers(-3, 4, shape)
        return np.asarray(value).astype(DTYPE_OF_NAME[dtype])

    def enter(self, id, value):
        value = np.asarray(value)
        assert len(self.values) == id
        self.values.append(value)
        # c128, i8: no native instruction; keep magnitudes where float32 and int8 are exact
        limit = 5 if value.dtype == np.int8 else 1000
        if value.dtype == bool or value.size == 0 or (np.isfinite(value).all() and np.abs(value).max() <= limit):
            self.pool.append(id)
        return id

    def emit(self, name, operands, params=()):
        row = OPS[name]
        with np.errstate(all="ignore"):
            value = np.asarray(evaluate(row, [self.values[o] for o in operands], params))
        before = len(self.builder.tape)
        type = Type(NAME_OF_DTYPE[value.dtype], value.shape)
        id = self.builder.emit(row, tuple(operands), tuple(params), type)
        return self.enter(id, value) if id == before else id

    def input(self):
        dtype, shape = self.pick(DTYPES), self.pick(SHAPES)
        value = self.number(dtype, shape)
        self.inputs.append(value)
        return self.enter(self.builder.input(Type(dtype, shape), f"x{len(self.inputs)}"), value)

    def constant(self, value):
        before = len(self.builder.tape)
        id = self.builder.constant(value)
        return self.enter(id, np.asarray(value)) if id == before else id

    def type(self, id):
        return self.builder.type_of(id)

    def any(self, good=lambda type: True):
        """A value of a type that is good, or None; recent ones more often."""
        found = [v for v in self.pool if good(self.type(v))]
        if not found:
            return None
        if self.rng.random() < 0.5:
            found = found[-4:]
        return self.pick(found)

    # -- one record of each kind; each returns without a record when nothing fits

    def elementwise(self):
        a = self.any()
        dtype, shape = self.type(a)
        if self.rng.random() < 0.3:
            name = "logical_not" if dtype == "bool" else self.pick(ONE)
            self.emit(name, (a,))
            return
        b = self.any(lambda type: type.dtype == dtype and (stretches(type.shape, shape) or stretches(shape, type.shape)))
        condition = self.any(lambda type: type.dtype == "bool" and type.shape in ((), shape)) if self.rng.random() < 0.2 else None
        if condition is not None:
            self.emit("where", (condition, a, b))
            return
        own = {"bool": ["logical_and", "logical_or", "equal"], "c128": ["add", "subtract", "multiply", "equal"]}
        name = self.pick(own.get(dtype, SAME))
        self.emit(name, (a, b) if self.rng.random() < 0.5 else (b, a))

    def cast(self):
        a = self.any()
        dtype = self.pick(["f64", "f32", "i64", "bool"]) if self.type(a).dtype != "c128" else "c128"
        self.emit("cast", (a,), (dtype,))

    def basic_index(self, shape, drop=0.4):
        idx = []
        for n in shape:
            if n and self.rng.random() < drop:
                idx.append(int(self.rng.integers(n)))
                continue
            count = int(self.rng.integers(0 if self.rng.random() < 0.1 else min(n, 1), n + 1))
            if self.rng.random() < 0.4:
                count = n
            step = self.pick([1, 1, 1, -1, 2])
            if count * abs(step) > n and abs(step) > 1:
                step = 1
            span = (count - 1) * abs(step) if count else 0
            start = int(self.rng.integers(0, n - span)) if n - span > 0 else 0
            idx.append((start + span if step < 0 else start, count, step))
        return tuple(idx)

    def view(self):
        a = self.any()
        shape = self.type(a).shape
        kind = self.pick(["index", "index", "transpose", "reshape", "broadcast"])
        if kind == "index" and shape:
            self.emit("index", (a,), (self.basic_index(shape),))
        elif kind == "transpose":
            self.emit("transpose", (a,), (tuple(int(k) for k in self.rng.permutation(len(shape))),))
        elif kind == "reshape":
            size = int(np.prod(shape))
            options = [s for s in (*SHAPES, (12,), (24,), (6, 4), (3, 4), (12, 2), (1, 1), (25, 12), (9,)) if int(np.prod(s)) == size]
            if options:
                self.emit("reshape", (a,), (self.pick(options),))
        elif kind == "broadcast":
            shapes = [s for s in SHAPES if s != shape and stretches(shape, s)]
            if shapes:
                self.emit("broadcast", (a,), (self.pick(shapes),))

    def reduction(self):
        a = self.any(lambda type: len(type.shape) > 0)
        if a is None:
            return
        dtype, shape = self.type(a)
        axes = tuple(k for k in range(len(shape)) if self.rng.random() < 0.6)
        name = self.pick(["any", "all"]) if dtype == "bool" else self.pick(["sum", "sum", "max", "min", "prod"])
        if dtype == "c128":
            name = "sum"
        if name in ("max", "min") and any(shape[k] == 0 for k in axes):
            name = "sum"
        self.emit(name, (a,), (axes,))

    def update(self):
        x = self.any(lambda type: len(type.shape) > 0)
        if x is None:
            return
        dtype, shape = self.type(x)
        idx = self.basic_index(shape, self.pick([0.2, 1.0]))
        wanted = Type(dtype, tuple(item[1] for item in idx if not isinstance(item, int)))
        v = self.any(lambda type: type == wanted)
        if v is None:
            v = self.any(lambda type: type.dtype == dtype and type.shape == ())
            if v is None or not wanted.shape:
                v = self.constant(self.number(dtype, wanted.shape))
            else:
                v = self.emit("broadcast", (v,), (wanted.shape,))
        self.forget(x, self.emit("index_add" if dtype != "bool" and self.rng.random() < 0.5 else "index_set", (x, v), (idx,)))

    def forget(self, x, updated):
        """Most updated values are not used again, as in programs."""
        if self.rng.random() < 0.8 and x in self.pool and updated in self.pool:
            self.pool.remove(x)

    def scatter(self):
        """A chain of scalar updates of one array."""
        x = self.any(lambda type: 0 < int(np.prod(type.shape)) < 20 and len(type.shape) > 0)
        if x is None:
            return
        dtype, shape = self.type(x)
        for _ in range(int(self.rng.integers(1, 5))):
            idx = tuple(int(self.rng.integers(n)) for n in shape)
            if self.rng.random() < 0.5:
                v = self.emit("index", (x,), (tuple(int(self.rng.integers(n)) for n in shape),))
            else:
                v = self.any(lambda type: type == Type(dtype, ()))
            if v is None or v not in self.pool:
                continue
            updated = self.emit("index_add" if dtype != "bool" and self.rng.random() < 0.5 else "index_set", (x, v), (idx,))
            if updated not in self.pool:
                return
            self.forget(x, updated)
            x = updated

    def indices(self, n, shape):
        return self.constant(self.rng.integers(-n, n, shape)) if n else None

    def gather(self):
        x = self.any(lambda type: len(type.shape) > 0)
        if x is None:
            return
        dtype, shape = self.type(x)
        axis = int(self.rng.integers(len(shape)))
        i = self.indices(shape[axis], self.pick([(), (2,), (5,), (2, 3), (0,), (1,)]))
        if i is None:
            return
        kind = self.pick(["take", "take_set", "take_add"])
        if kind == "take" or (dtype == "bool" and kind == "take_add"):
            self.emit("take", (x, i), (axis,))
            return
        wanted = Type(dtype, shape[:axis] + self.type(i).shape + shape[axis + 1:])
        v = self.any(lambda type: type == wanted)
        if v is None:
            v = self.constant(self.number(dtype, wanted.shape))
        self.forget(x, self.emit(kind, (x, i, v), (axis,)))

    def concatenate(self):
        a = self.any(lambda type: len(type.shape) > 0)
        if a is None:
            return
        dtype, shape = self.type(a)
        axis = int(self.rng.integers(len(shape)))

        def fits(type):
            return type.dtype == dtype and len(type.shape) == len(shape) and all(
                k == axis or n == m for k, (n, m) in enumerate(zip(type.shape, shape)))

        self.emit("concatenate", [a] + [self.any(fits) for _ in range(int(self.rng.integers(0, 4)))], (axis,))

    def stack(self):
        """Scalars made into an array."""
        a = self.any(lambda type: type.shape == ())
        if a is None:
            return
        dtype = self.type(a).dtype
        parts = [self.any(lambda type: type == Type(dtype, ())) for _ in range(int(self.rng.integers(1, 6)))]
        self.emit("concatenate", [self.emit("reshape", (part,), ((1,),)) for part in parts], (0,))

    def matmul(self):
        a = self.any(lambda type: len(type.shape) >= 2 and type.dtype not in ("bool", "i8"))
        if a is None:
            return
        dtype, shape = self.type(a)
        wanted = (*shape[:-2], shape[-1])
        b = self.any(lambda type: type.dtype == dtype and len(type.shape) == len(shape) and type.shape[:-1] == wanted)
        if b is None:
            axes = tuple(range(len(shape) - 2)) + (len(shape) - 1, len(shape) - 2)
            b = self.emit("transpose", (a,), (axes,))
        self.emit("matmul", (a, b))

    def along(self):
        a = self.any(lambda type: len(type.shape) > 0 and type.dtype != "c128" and 0 not in type.shape)
        if a is None:
            return
        axis = int(self.rng.integers(len(self.type(a).shape)))
        name = self.pick(["argsort", "argmax", "argmin", "cumsum", "cumprod"])
        if name.startswith("cum") and self.type(a).dtype == "bool":
            name = "argmax"
        self.emit(name, (a,), (axis,))

    def host(self):
        a = self.any(lambda type: type.dtype == "f64")
        if a is None:
            return
        function = HostFunction(np.negative)
        type = self.type(a)
        before = len(self.builder.tape)
        id = self.builder.emit(OPS["host"], (a,), (function, type), type)
        if id == before:
            self.enter(id, np.negative(self.values[a]))

    def guard(self):
        a = self.any()
        value = self.values[a]
        if value.dtype.kind == "c" or (value.dtype.kind == "f" and (value == 0).any()):
            return  # guards compare bits, and the sign of a zero depends on the order of a sum
        before = len(self.builder.tape)
        if value.shape == () and value.dtype == bool:
            self.builder.guard(a, bool(value))
        elif value.shape == () and value.dtype.kind == "i":
            self.builder.guard(a, int(value))
        else:
            self.builder.guard(a, Literal(value))
        if len(self.builder.tape) > before:
            self.values.append(None)

    def tape(self, n):
        for _ in range(int(self.rng.integers(1, 5))):
            self.input()
        for _ in range(3):
            self.constant(self.number(self.pick(DTYPES), self.pick(SHAPES)))
        kinds = [kind for kind, times in FLAVOURS_OF[self.flavour].items() for _ in range(times)]
        guards = self.rng.random() < 0.3
        while len(self.builder.tape) < n:
            if self.rng.random() < 0.08:
                self.constant(self.number(self.pick(DTYPES), self.pick(SHAPES)))
            if guards and self.rng.random() < 0.05:
                self.guard()
            getattr(self, self.pick(kinds))()
        tape = self.builder.tape
        count = int(self.rng.integers(1, 6))
        tape.outputs = [self.pick(self.pool[-12:]) if self.rng.random() < 0.8 else self.pick(self.pool) for _ in range(count)]
        return tape


def random_tape(seed):
    """(tape, inputs, late input positions)."""
    maker = Maker(seed, FLAVOURS[seed % 4])
    tape = maker.tape(int(maker.rng.integers(8, 120)))
    late = tuple(k for k in range(len(tape.inputs)) if maker.rng.random() < 0.5) if maker.rng.random() < 0.4 else ()
    if len(late) == len(tape.inputs) and any(row == OPS["guard"].code for row in tape.op):
        late = ()
    return tape, maker.inputs, late


def run_twice(tape, inputs, late):
    """The outputs after a run, and again after another run of segment 1 in the same workspace."""
    program = compile_tape(tape, late)
    outputs = [np.full(type.shape, 7, DTYPE_OF_NAME[type.dtype]) for type in program.outputs]
    workspace = program.acquire()
    program.run(inputs, outputs, workspace)
    first = [np.copy(out) for out in outputs]
    if late:
        program.run(inputs, outputs, workspace, segment=1)
    return first, outputs


@pytest.mark.parametrize("flavour", range(4), ids=FLAVOURS)
def test_random_tapes_compute_what_the_interpreter_computes(flavour, effort):
    for seed in range(flavour, 600 * effort, 4):
        tape, inputs, late = random_tape(seed)
        expected = interpret(tape, inputs)
        found, again = run_twice(tape, inputs, late)
        for position, (a, b, c) in enumerate(zip(expected, found, again)):
            assert np.array_equal(a, b), f"seed {seed}, output {position}"
            assert np.array_equal(b, c), f"seed {seed}, output {position}, segment 1 run again"
