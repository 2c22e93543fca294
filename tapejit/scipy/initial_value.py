"""Initial value problems y' = f(t, y, p): the values by SciPy's solver, the derivatives by solving the differentiated equations.

Forward mode solves the augmented system of y and its tangent s, s' = f_y s + f_p p_dot, with the user's solver; at the observation times
Y_dot = s + f(t, Y) t_dot, and a moving start gives s(t0) = y0_dot - f(t0, y0) t0_dot. Reverse mode gives the cotangents of y0 and p
- for small systems from the same equations for all directions at once (one solve, without restarts), and
- for larger ones (more than SMALL states with their tangents) by the continuous adjoint: the solution is kept as SciPy's dense output, and
  lambda' = -f_y^T lambda is solved backwards, with the cotangent of each observation added at its time; the integral of lambda^T f_p is
  summed by Gauss's rule over the steps of both solves. For multistep methods, which would start anew at each observation, one-step methods
  solve backwards: DOP853, or Radau where that takes too many steps.

Both are solved to the user's relative tolerance, and to an absolute one of that times the derivative's own size: so derivatives are
accurate to the order of the tolerances. The derivative of a reverse mode is again made of these two (the order of differentiation does
not matter, so the tangent of a gradient is the gradient of a tangent): any order. Read next: `callbacks.py`, `integrate.py`.
"""

import numpy as np

from ..ops import OPS
from ..ops.linear import zeros
from ..ops.table import Expr
from ..passes import reverse
from ..passes.custom_rules import _apart
from .callbacks import NewBranch, emitted, joined, or_zeros, parts, rows_of
from .common import scipys

MODULE = "scipy.integrate"
SMALL = 120  # states with all their tangents, up to which reverse mode carries all tangents along
PATIENCE = 3000  # evaluations in one piece of the adjoint, after which an explicit method gives way to an implicit one
NODES, WEIGHTS = np.polynomial.legendre.leggauss(5)


class Solver:
    """SciPy's solver with the user's options. name: 'solve_ivp' or 'odeint'."""

    def __init__(self, name, n, method, options):
        self.name, self.n, self.method, self.options = name, n, method, options
        default = (1.49012e-8, 1.49012e-8) if name == "odeint" else (1e-3, 1e-6)
        self.rtol, self.atol = (given if given is not None else usual for given, usual in zip(
            (options.get("rtol"), options.get("atol")), default))
        self.rtol = max(float(np.min(self.rtol)), 3e-14)

    def solve(self, function, t0, tf, ts, y0, **changed):
        """(times, rows of y, [nfev, njev, nlu, status]); without ts at the steps that the solver takes."""
        if self.name == "odeint":
            rows = scipys(MODULE, "odeint")(function, y0, ts, tfirst=True, **(self.options | changed))
            return ts, rows, [0, 0, 0, 0]
        result = scipys(MODULE, "solve_ivp")(function, (t0, tf), y0, self.method, t_eval=ts, **(self.options | changed))
        rows = np.reshape(np.transpose(result.y), (-1, len(y0)))
        return np.asarray(result.t), rows, [result.nfev, result.njev, result.nlu, result.status]

    def solve_tangents(self, function, t0, tf, ts, y0):
        """The rows of y and, behind its n elements, of tangents in blocks of n, each to the relative tolerance of its size."""
        n, changed = self.n, {}
        weights = np.broadcast_to(self.atol / (np.max(self.atol) or 1.0), n)
        sizes = np.maximum(np.abs(y0), np.abs(function(t0, y0)) * abs(tf - t0)).reshape(-1, n).max(axis=1)
        sizes[sizes == 0] = 1.0
        keep = ("max_step", "min_step", "mxstep", "hmax", "hmin", "tcrit", "mxordn", "mxords", "mxhnil")
        changed = {key: None for key in ("ml", "mu") if key in self.options}
        plain = Solver(self.name, n, self.method, {key: x for key, x in self.options.items() if key in keep} | changed)
        for _ in range(3):
            atol = self.rtol * sizes[:, None] * weights
            atol[0] = self.atol
            _, rows, _ = plain.solve(function, t0, tf, ts, y0, rtol=self.rtol, atol=atol.ravel())
            found = np.abs(rows).max(axis=0, initial=0.0).reshape(-1, n).max(axis=1)
            over = (found < 0.1 * sizes) & (found > 0)
            over[0] = False
            if not over.any():
                break
            sizes[over] = found[over]
        if len(rows) < len(ts):  # the solver gave up on the way
            rows = np.concatenate([rows, np.full((len(ts) - len(rows), len(y0)), np.nan)])
        return rows

    def tiled_atol(self, n):
        """The absolute tolerances of n states: y's own, and for the tangents behind y the same."""
        return np.tile(np.broadcast_to(self.atol, self.n), n // self.n)


class Start:
    """The host function of (t0, tf, ts, y0, p, *rest) -> [rows, nfev, njev, nlu, status, rows that were reached, whether this trace holds].

    steps   None, or the number of steps of the solver, whose times stand then before the rows and ts is not looked at. Another number
            of steps is another trace.
    """

    def __init__(self, solver, callback, steps=None):
        self.solver, self.callback, self.steps, self.__name__ = solver, callback, steps, f"{MODULE}.{solver.name}"

    def __call__(self, t0, tf, ts, y0, p, *rest):
        bound = self.callback.bound(p, rest)
        try:
            return self.packed(*self.solver.solve(bound, float(t0), float(tf), ts if self.steps is None else None, y0), len(ts))
        except NewBranch:
            return self.packed(np.zeros(0), np.zeros((0, len(y0))), [0, 0, 0, 0], len(ts), known=False)
        finally:
            bound.close()

    def packed(self, times, rows, counts, wanted, known=True):
        if self.steps is not None:
            wanted, known = self.steps, known and len(times) == self.steps
        full, all_times = np.full((wanted, self.callback.n), np.nan), np.full(wanted, np.nan)
        reached = min(wanted, len(rows))
        full[:reached], all_times[:reached] = rows[:reached], times[:reached]
        before = [] if self.steps is None else [all_times]
        return np.concatenate([*before, full.ravel(), counts, [reached, float(known)]], dtype=np.float64)


class Solution:
    """The rule and the host function of (t0, tf, ts, y0, p, *rest) -> rows of y at ts."""

    def __init__(self, solver, callback):
        self.solver, self.callback, self.__name__ = solver, callback, f"{MODULE}.{solver.name}: tangents"

    def __repr__(self):
        return f"<{self.__name__} of {self.callback.n} states>"

    def __call__(self, t0, tf, ts, y0, p, *rest):
        bound = self.callback.bound(p, rest)
        try:
            return self.solver.solve_tangents(bound, float(t0), float(tf), ts, y0)
        finally:
            bound.close()

    def of(self, t0, tf, ts, y0, p, rest):
        """The rows as an Expr."""
        operands = (t0, tf, ts, y0, p, *rest)
        return OPS["override"](emitted(self, operands, (*ts.shape, self.callback.n)), *operands, rule=self)

    def slope(self, ts, ys, p, rest):
        return rows_of(self.callback).of(ts, ys, p, rest)

    def slope_at_start(self, t0, y0, p, rest):
        ts, ys = OPS["reshape"](t0, shape=(1,)), OPS["reshape"](y0, shape=(1, *y0.shape))
        return OPS["reshape"](self.slope(ts, ys, p, rest), shape=y0.shape)

    def push(self, dots, operands, y):
        (_, t0, tf, ts, y0, p, *rest), (_, t0_dot, _, ts_dot, y0_dot, p_dot, *_) = operands, dots
        n, m, total = self.callback.n, ts.shape[0], None
        if t0_dot is not None:
            moved = self.slope_at_start(t0, y0, p, rest) * -t0_dot
            y0_dot = moved if y0_dot is None else y0_dot + moved
        if y0_dot is not None or p_dot is not None:
            start = joined(y0, or_zeros(y0_dot, y0))
            rows = kept(Solution, self, "augmented").of(t0, tf, ts, start, joined(p, or_zeros(p_dot, p)), rest)
            total = OPS["index"](rows, idx=((0, m, 1), (n, n, 1)))
        if ts_dot is not None:
            moved = self.slope(ts, y, p, rest) * OPS["reshape"](ts_dot, shape=(m, 1))
            total = moved if total is None else total + moved
        return total

    def pull(self, ct, operands, y):
        _, t0, tf, ts, y0, p, *rest = operands
        adjoint = kept(Adjoint, self).of(t0, tf, ts, y0, p, ct, rest)
        y0_bar, p_bar = parts(adjoint, self.callback.n, p.shape[0])
        t0_bar = -OPS["sum"](y0_bar * self.slope_at_start(t0, y0, p, rest), axes=(0,))
        ts_bar = OPS["sum"](ct * self.slope(ts, y, p, rest), axes=(1,))
        return (None, t0_bar, None, ts_bar, y0_bar, p_bar if p.shape[0] else None, *[None] * len(rest))


class Adjoint:
    """The rule and the host function of (t0, tf, ts, y0, p, ct, *rest) -> the cotangents of y0 and p, joined, for those of the rows."""

    def __init__(self, solver, callback):
        self.solver, self.callback, self.__name__ = solver, callback, f"{MODULE}.{solver.name}: adjoint"

    def __repr__(self):
        return f"<{self.__name__} of {self.callback.n} states>"

    def __call__(self, t0, tf, ts, y0, p, ct, *rest):
        n, directions = len(y0), len(y0) + len(p)
        if not np.any(ct):
            return np.zeros(directions)
        if n * (1 + directions) <= SMALL:
            return self._by_tangents(float(t0), float(tf), ts, y0, p, ct, rest)
        return BackwardSolve(self.solver, self.callback, p, rest).run(float(t0), ts, y0, ct)

    def _by_tangents(self, t0, tf, ts, y0, p, ct, rest):
        n, directions = len(y0), len(y0) + len(p)
        bound = self.callback.derived("sensitivities").bound(p, rest)
        try:
            start = np.concatenate([y0, np.eye(n).ravel(), np.zeros(n * len(p))])
            rows = self.solver.solve_tangents(bound, t0, tf, ts, start)
        finally:
            bound.close()
        return np.einsum("mkn,mn->k", rows[:, n:].reshape(len(ts), directions, n), ct)

    def of(self, t0, tf, ts, y0, p, ct, rest):
        """The cotangents as an Expr."""
        operands = (t0, tf, ts, y0, p, ct, *rest)
        return OPS["override"](emitted(self, operands, (self.callback.n + p.shape[0],)), *operands, rule=self)

    def _tangent(self, operands, dots):
        """(the tangent of the rows for tangents of (t0, ts, y0, p), these four apart from what they were, where the records begin)."""
        _, t0, tf, ts, y0, p, _, *rest = operands
        start = len(t0.builder.tape)
        t0, ts, y0, p = sources = [_apart(x) for x in (t0, ts, y0, p)]
        rule = kept(Solution, self)
        y = rule.of(t0, tf, ts, y0, p, rest)
        return rule.push((None, dots[0], None, *dots[1:]), (y, t0, tf, ts, y0, p, *rest), y), sources, start

    def _back(self, tangent, ct, sources, start):
        builder = ct.builder
        found = reverse(builder, {tangent.id: ct.id}, [x.id for x in sources], start)
        return [zeros(x, x.shape) if id is None else Expr(builder, id) for id, x in zip(found, sources)]

    def push(self, dots, operands, y):
        (_, t0, tf, ts, y0, p, ct, *rest), (_, t0_dot, _, ts_dot, y0_dot, p_dot, ct_dot, *_) = operands, dots
        total = None if ct_dot is None else self.of(t0, tf, ts, y0, p, ct_dot, rest)
        if any(dot is not None for dot in (t0_dot, ts_dot, y0_dot, p_dot)):
            tangent, sources, start = self._tangent(operands, (t0_dot, ts_dot, y0_dot, p_dot))
            moved = joined(*self._back(tangent, ct, sources, start)[2:])
            total = moved if total is None else total + moved
        return total

    def pull(self, w, operands, y):
        n, p, ct = self.callback.n, operands[5], operands[6]
        w_y0, w_p = parts(w, n, p.shape[0])
        tangent, sources, start = self._tangent(operands, (None, None, w_y0, w_p if p.shape[0] else None))
        t0_bar, ts_bar, y0_bar, p_bar = self._back(tangent, ct, sources, start)
        return (None, t0_bar, None, ts_bar, y0_bar, p_bar, tangent, *[None] * (len(operands) - 7))


def kept(kind, like, derived=None):
    """The Solution or Adjoint of a callback, or of one derived from it, always the same."""
    callback = like.callback if derived is None else like.callback.derived(derived)
    key = kind, like.solver
    if key not in callback.kept:
        callback.kept[key] = kind(like.solver, callback)
    return callback.kept[key]


class _TooManySteps(Exception):
    pass


class BackwardSolve:
    """The continuous adjoint of one solution."""

    def __init__(self, solver, callback, p, rest):
        self.solver, self.n = solver, callback.n
        self.function = callback.bound(p, rest)
        self.by_y = callback.derived("back y").bound(p, rest)
        self.by_p = callback.derived("back p").bound(p, rest) if len(p) else None
        method = solver.method if solver.name == "solve_ivp" else "LSODA"
        self.method = {"LSODA": "DOP853", "BDF": "Radau"}.get(method, method)
        self.forward_method, self.patience = method, PATIENCE if method == "LSODA" else np.inf
        self.p_bar = np.zeros(len(p))

    def run(self, t0, ts, y0, ct):
        """[cotangent of y0, cotangent of p] for those of the rows at ts."""
        try:
            return self._run(t0, ts, y0, ct)
        finally:
            for bound in (self.function, self.by_y, self.by_p):
                if bound is not None:
                    bound.close()

    def _run(self, t0, ts, y0, ct):
        solve_ivp, solver = scipys(MODULE, "solve_ivp"), self.solver
        order = np.argsort(np.abs(ts - t0), kind="stable")[::-1]
        solved = solve_ivp(self.function, (t0, ts[order[0]]), y0, self.forward_method, dense_output=True,
                           rtol=solver.rtol, atol=solver.tiled_atol(self.n)) if ts[order[0]] != t0 else None
        if solved is not None and not solved.success:
            return np.full(self.n + len(self.p_bar), np.nan)
        scale = np.max(np.abs(ct))
        adjoint, time = np.zeros(self.n), ts[order[0]]
        for k in order:
            adjoint = self._piece(solved, time, ts[k], adjoint, scale) + ct[k]
            time = ts[k]
        return np.concatenate([self._piece(solved, time, t0, adjoint, scale), self.p_bar])

    def _piece(self, solved, start, end, adjoint, scale):
        """The adjoint at `end` for that at `start`; what lies between is added to p_bar."""
        if start == end or not np.any(adjoint):
            return adjoint
        dense = solved.sol
        n, count = self.n, 0
        state = np.empty(2 * n)

        def slope(t, adjoint):
            nonlocal count
            count += 1
            if count > self.patience:
                raise _TooManySteps
            state[:n], state[n:] = dense(t), adjoint
            return -self.by_y(t, state)

        def jacobian(t, adjoint):
            state[:n], rows = dense(t), []
            for unit in np.eye(n):
                state[n:] = unit
                rows.append(-self.by_y(t, state))
            return np.transpose(rows)

        options = {"jac": jacobian} if self.method == "Radau" else {}
        try:
            back = scipys(MODULE, "solve_ivp")(slope, (start, end), adjoint, self.method, dense_output=True,
                                               rtol=self.solver.rtol, atol=self.solver.rtol * scale, **options)
        except _TooManySteps:
            self.method, self.patience = "Radau", np.inf
            return self._piece(solved, start, end, adjoint, scale)
        if not back.success:
            return np.full(n, np.nan)
        if self.by_p is not None:
            self._add_integral(dense, back, start, end)
        return back.y[:, -1]

    def _add_integral(self, dense, back, start, end):
        """Add the integral of lambda^T f_p over one piece: Gauss's rule between all times at which one of the solves has stepped."""
        low, high = min(start, end), max(start, end)
        times = np.unique(np.concatenate([dense.ts[(dense.ts > low) & (dense.ts < high)], back.t]))
        half = np.diff(times)[:, None] / 2
        nodes, weights = (times[:-1, None] + half * (1 + NODES)).ravel(), np.sign(start - end) * (half * WEIGHTS).ravel()
        states = np.concatenate([dense(nodes), back.sol(nodes)]).T
        for t, state, weight in zip(nodes, np.ascontiguousarray(states), weights):
            self.p_bar += weight * self.by_p(t, state)
