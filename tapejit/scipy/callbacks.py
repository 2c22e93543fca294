"""A user's function (t, y) -> vector that SciPy calls back, as compiled tapes: one for each way through its Python branches.

A `Callback` is a function of t (a number), y and p (vectors) and `rest`: p are all floating values of the outer trace that the user's
function reads, flattened, and `rest` the others, such as integers. Its tapes are recorded by `explorer.py`; a point without a tape raises
`NewBranch`. What a derivative needs of a callback is a callback too (`derived`), so higher orders need nothing of their own. `Rows`
applies one to many points. Read next: `quadrature.py`, `initial_value.py`.
"""

import numpy as np

from ..errors import UnsupportedError
from ..kernel import GuardMissed, compile_tape
from ..kernel.program import lib
from ..ops import OPS
from ..ops.linear import zeros
from ..ops.table import Expr, Type
from ..passes import derive, forward, reverse, without_markers
from ..passes.custom_rules import splice
from ..tape import Builder, HostFunction


class NewBranch(UnsupportedError):
    """The function takes a way through its branches of which there is no tape."""

    def __init__(self, name, t):
        super().__init__(f"{name}: while a derivative is computed the function takes, at {t:.6g}, a Python branch that it did not take "
                         "while the value was: write np.where(condition, a, b) in place of the branch")


class Branch:
    """One tape of a callback, of inputs (t, y, p, *rest) of which p and rest may be the first parts of the callback's."""

    __slots__ = ("tape", "p", "rest", "_program")

    def __init__(self, tape, p, rest):
        self.tape, self.p, self.rest, self._program = tape, p, rest, None

    @property
    def program(self):
        if self._program is None:
            self._program = compile_tape(without_markers(self.tape))
        return self._program


class Callback:
    """A function (t, y, p, *rest) -> vector of `count` elements, for y of n and p of `p` elements, by its branches.

    rest   the Types of the other arguments
    """

    def __init__(self, name, n, p, rest, count, branches):
        self.name, self.n, self.p, self.rest, self.count, self.branches = name, n, p, rest, count, branches
        self.kept = {}

    def derived(self, kind):
        """The callback that DERIVED[kind] makes of this one."""
        if kind not in self.kept:
            size, make = DERIVED[kind]
            n, p, count = size(self.n, self.p, self.count)
            self.kept[kind] = Callback(self.name, n, p, self.rest, count, [self._branch(branch, make, n, p) for branch in self.branches])
        return self.kept[kind]

    def _branch(self, branch, make, n, p):
        def function(y, p_, rest):
            t, y, p_ = Expr(builder, t_id), Expr(builder, y), Expr(builder, p_)
            return make(self, _Applied(builder, branch, t, rest), t, y, p_)

        builder = Builder(self.name)
        t_id = builder.input(Type("f64", ()), "t")
        y, p_ = builder.input(Type("f64", (n,)), "y"), builder.input(Type("f64", (p,)), "p")
        rest = [builder.input(type_, f"rest{k}") for k, type_ in enumerate(self.rest)]
        builder.tape.outputs = [function(y, p_, rest).id]
        return Branch(derive(builder.tape), p, len(rest))

    def bound(self, p, rest, missing=None):
        return Bound(self, p, rest, missing)


class _Applied:
    """A branch's function of (y, p) on a tape under construction, and its derivatives."""

    def __init__(self, builder, branch, t, rest):
        self.builder, self.branch, self.t, self.rest = builder, branch, t, rest

    def __call__(self, y, p):
        first = p if p.shape == (self.branch.p,) else part(p, 0, self.branch.p)
        ids = [self.t.id, y.id, first.id, *self.rest[:self.branch.rest]]
        return Expr(self.builder, splice(self.builder, self.branch.tape, ids, None, ())[0])

    def along(self, value, tangents):
        """The tangent of `value` for tangents [(x, x_dot)]."""
        (dot,) = forward(self.builder, {x.id: x_dot.id for x, x_dot in tangents if x.shape != (0,)}, [value.id])
        return zeros(value, value.shape) if dot is None else Expr(self.builder, dot)

    def back(self, value, ct, sources):
        """The cotangents of the sources for that of `value`."""
        found = reverse(self.builder, {value.id: ct.id}, [x.id for x in sources])
        return [zeros(value, x.shape) if id is None else Expr(self.builder, id) for id, x in zip(found, sources)]


def part(x, start, count):
    return OPS["index"](x, idx=((start, count, 1),))


def parts(x, *counts):
    """The vector x in parts of these lengths."""
    starts = np.cumsum([0, *counts])
    return [part(x, int(start), count) for start, count in zip(starts, counts)]


def joined(*vectors):
    """The vectors as one."""
    vectors = [x for x in vectors if x.shape != (0,)] or vectors[:1]
    return vectors[0] if len(vectors) == 1 else OPS["concatenate"](*vectors, axis=0)


def _augmented(callback, f, t, y, p):
    """(t, [y, s], [p, p_dot]) -> [f, f_y s + f_p p_dot]: the system of the tangents s with the system itself."""
    (y, s), (p, p_dot) = parts(y, callback.n, callback.n), parts(p, callback.p, callback.p)
    value = f(y, p)
    return joined(value, f.along(value, [(y, s), (p, p_dot)]))


def _sensitivities(callback, f, t, y, p):
    """(t, [y, s_1, s_2 ...], p) -> the same for all tangents: those by the n elements of y at the start, then those by the elements of p."""
    n = callback.n
    y, *tangents = parts(y, *[n] * (1 + n + callback.p))
    value = f(y, p)
    moved = []
    for k, s in enumerate(tangents):
        unit = [(p, Expr(f.builder, f.builder.constant(np.eye(callback.p)[k - n])))] if k >= n else []
        moved.append(f.along(value, [(y, s), *unit]))
    return joined(value, *moved)


def _along(callback, f, t, y, p):
    """(t, [y, y_dot, t_dot], [p, p_dot]) -> f_dot."""
    (y, y_dot, t_dot), (p, p_dot) = parts(y, callback.n, callback.n, 1), parts(p, callback.p, callback.p)
    value = f(y, p)
    return f.along(value, [(y, y_dot), (p, p_dot), (t, OPS["reshape"](t_dot, shape=()))])


def _along_y(callback, f, t, y, p):
    """(t, [y, y_dot], p) -> f_y y_dot."""
    y, y_dot = parts(y, callback.n, callback.n)
    value = f(y, p)
    return f.along(value, [(y, y_dot)])


def _along_p(callback, f, t, y, p):
    """(t, y, [p, p_dot]) -> f_p p_dot."""
    p, p_dot = parts(p, callback.p, callback.p)
    value = f(y, p)
    return f.along(value, [(p, p_dot)])


def _back(callback, f, t, y, p):
    """(t, [y, ct], p) -> [ct f_t, ct f_y, ct f_p]."""
    y, ct = parts(y, callback.n, callback.count)
    sources = [t, y, p] if callback.n else [t, p]
    back = f.back(f(y, p), ct, sources)
    return joined(OPS["reshape"](back[0], shape=(1,)), *back[1:])


def _back_y(callback, f, t, y, p):
    """(t, [y, ct], p) -> ct f_y."""
    y, ct = parts(y, callback.n, callback.count)
    return f.back(f(y, p), ct, [y])[0]


def _back_p(callback, f, t, y, p):
    """(t, [y, ct], p) -> ct f_p."""
    y, ct = parts(y, callback.n, callback.count)
    return f.back(f(y, p), ct, [p])[0]


def _back_p_of(callback, f, t, y, p):
    """(t, y, [p, ct]) -> ct f_p."""
    p, ct = parts(p, callback.p, callback.count)
    return f.back(f(y, p), ct, [p])[0]


DERIVED = {  # kind -> (sizes n, p, count of the derived callback by those of the callback; what makes a branch of it)
    "augmented": (lambda n, p, count: (2 * n, 2 * p, 2 * count), _augmented),
    "sensitivities": (lambda n, p, count: (n * (1 + n + p), p, n * (1 + n + p)), _sensitivities),
    "along": (lambda n, p, count: (2 * n + 1, 2 * p, count), _along),
    "along y": (lambda n, p, count: (2 * n, p, count), _along_y),
    "along p": (lambda n, p, count: (n, 2 * p, count), _along_p),
    "back": (lambda n, p, count: (n + count, p, 1 + n + p), _back),
    "back y": (lambda n, p, count: (n + count, p, n), _back_y),
    "back p": (lambda n, p, count: (n + count, p, p), _back_p),
    "back p of": (lambda n, p, count: (n, p + count, p), _back_p_of)}


class Bound:
    """A callback with its p and rest, to be called with (t, y). For one thread; `close` gives its memory back.

    missing   called with (t, y) where no branch answers; default: NewBranch is raised
    """

    def __init__(self, callback, p, rest, missing=None):
        self.callback, self.missing = callback, missing
        self.t, self.y, self.out = np.zeros(()), np.zeros(callback.n), np.zeros(callback.count)
        self.calls = []
        self.given(p, rest)

    def given(self, p, rest):
        self.p = np.ascontiguousarray(p, np.float64)
        self.rest = [np.ascontiguousarray(x) if np.ndim(x) else np.asarray(x) for x in rest]
        self.close()
        self.calls = [None] * len(self.callback.branches)

    def _prepared(self, k):
        if self.calls[k] is None:
            branch = self.callback.branches[k]
            inputs = [self.t, self.y, self.p[:branch.p], *self.rest[:branch.rest]]
            program = branch.program
            pointers, lengths, keep = program._bindings(inputs, [self.out])
            self.calls[k] = program, program.acquire(), pointers, lengths, len(keep), inputs, keep
        return self.calls[k]

    def __call__(self, t, y):
        self.t[()] = t
        self.y[:] = y
        latest = self.latest
        if latest is not None:
            _, ws, pointers, lengths, count, _, _ = latest
            if not lib.tj_run(ws.c, pointers, lengths, count, 0):
                return self.out.copy()
        for k in range(len(self.calls)):
            call = program, ws, pointers, lengths, count, inputs, _ = self._prepared(k)
            status = lib.tj_run(ws.c, pointers, lengths, count, 0)
            if status:
                try:
                    program.finish(ws, status, inputs, [self.out])
                except GuardMissed:
                    continue
            self.latest = call
            return self.out.copy()
        if self.missing is None:
            raise NewBranch(self.callback.name, t)
        return self.missing(t, y)

    def close(self):
        for call in self.calls:
            if call is not None:
                call[0].release(call[1])
        self.calls, self.latest = [], None


# --- host calls with rules -----------------------------------------------------------------------------------------------


def emitted(function, operands, shape):
    """The Expr of function(*operands), Exprs, an array of float64."""
    builder, type_ = operands[0].builder, Type("f64", tuple(shape))
    return Expr(builder, builder.emit(OPS["host"], tuple([x.id for x in operands]), (HostFunction(function), type_), type_))


def or_zeros(dot, x):
    return zeros(x, x.shape) if dot is None else dot


class Rows:
    """The rule and the host function of (ts, ys, p, *rest) -> a callback's vectors at the points, as rows; zeros where t is infinite."""

    def __init__(self, callback):
        self.callback, self.__name__ = callback, f"{callback.name}: function"

    def __repr__(self):
        return f"<the function of {self.callback.name} at many points>"

    def __call__(self, ts, ys, p, *rest):
        bound, out = self.callback.bound(p, rest), np.zeros((len(ts), self.callback.count))
        try:
            for k, (t, y) in enumerate(zip(ts, ys)):
                if np.isfinite(t):
                    out[k] = bound(t, y)
        finally:
            bound.close()
        return out

    def of(self, ts, ys, p, rest):
        """The rows as an Expr."""
        operands = (ts, ys, p, *rest)
        return OPS["override"](emitted(self, operands, (*ts.shape, self.callback.count)), *operands, rule=self)

    def push(self, dots, operands, y):
        (_, ts, ys, p, *rest), (_, ts_dot, ys_dot, p_dot, *_) = operands, dots
        columns = [ys, or_zeros(ys_dot, ys), OPS["reshape"](or_zeros(ts_dot, ts), shape=(*ts.shape, 1))]
        columns = [x for x in columns if x.shape[1]]
        ys = columns[0] if len(columns) == 1 else OPS["concatenate"](*columns, axis=1)
        return rows_of(self.callback.derived("along")).of(ts, ys, joined(p, or_zeros(p_dot, p)), rest)

    def pull(self, ct, operands, y):
        _, ts, ys, p, *rest = operands
        columns = OPS["concatenate"](ys, ct, axis=1) if ys.shape[1] else ct
        found = rows_of(self.callback.derived("back")).of(ts, columns, p, rest)
        m, n = ys.shape
        t_bar = OPS["reshape"](OPS["index"](found, idx=((0, m, 1), (0, 1, 1))), shape=(m,))
        y_bar = OPS["index"](found, idx=((0, m, 1), (1, n, 1)))
        p_bar = OPS["sum"](OPS["index"](found, idx=((0, m, 1), (1 + n, p.shape[0], 1))), axes=(0,))
        return (None, t_bar, y_bar if n else None, p_bar if p.shape[0] else None, *[None] * len(rest))


def rows_of(callback):
    """The Rows of a callback, always the same."""
    return callback.kept.setdefault("rows", Rows(callback))
