"""scipy.integrate for differentiated code: integrals of functions, initial value problems, and the rules over samples.

`quad`, `quad_vec`, `dblquad`, `tplquad` and `fixed_quad` are differentiated by their limits, `args` and all that the function closes over
(`quadrature.py` says how), `solve_ivp` and `odeint` by y0, the times, `args` and all that the right side closes over (`initial_value.py`).
SciPy solves again at each replay. Calls in which nothing is traced are SciPy's own. All other names are SciPy's own.

solve_ivp without t_eval gives the solver's steps: their number is fixed for a trace, and another number is another trace. So with t_eval
(`t_eval=[end]` where the end alone matters) fewer traces are made. The times of inner steps have no derivative. `jac` and `Dfun` are not
called: SciPy takes differences. `events`, `dense_output` and `full_output` are refused where something is traced.

Where a Python branch of a user's function switches at a place that depends on a differentiated value, and the function jumps there, the
derivative misses what the jump contributes, as everywhere in automatic differentiation: branches on x or t at fixed places are exact, and
so are continuous ones."""

import numpy as np

from ..trace import Tracer, concrete, current_trace
from ..trace.lowerings.common import asarray, cast, refuse, static
from . import names_of
from .common import drop_in, scipys
from .distributions import first_tracer
from .explorer import Explorer, TracedResult, called, on_numbers, ruled
from .initial_value import Solution, Solver, Start
from .quadrature import Integral, Value

__all__ = ["cumulative_trapezoid", "dblquad", "fixed_quad", "odeint", "quad", "quad_vec", "simpson", "solve_ivp", "tplquad", "trapezoid"]
__getattr__, __dir__ = names_of(__name__)


@drop_in
def trapezoid(y, x=None, dx=1.0, axis=-1):
    return np.trapezoid(y, x, dx, axis)


def _last(a, axis):
    """The array with `axis` moved to the end."""
    return np.moveaxis(asarray(a), static(axis), -1)


def _widths(y, x, axis, dx):
    """The steps between the samples, of the shape of y but for the last axis."""
    if x is None:
        return np.ones(y.shape[-1] - 1, y.real.dtype if y.dtype.kind in "fc" else np.float64) * dx
    x = asarray(x)
    if x.ndim != 1 and x.ndim != y.ndim:
        raise ValueError("If given, shape of `x` must be the same as `y` or 1-D.")
    x = x if x.ndim == 1 else _last(x, axis)
    if x.shape[-1] != y.shape[-1]:
        raise ValueError("If given, length of `x` along axis must be the same as `y`.")
    return np.diff(x)


@drop_in
def cumulative_trapezoid(y, x=None, dx=1.0, axis=-1, initial=None):
    y = _last(y, axis)
    if y.shape[-1] == 0:
        raise ValueError("At least one point is required along `axis`.")
    if initial is not None and initial != 0:
        raise ValueError("`initial` must be `None` or `0`.")
    result = np.cumsum(_widths(y, x, axis, dx) * (y[..., 1:] + y[..., :-1]) / 2.0, axis=-1)
    if initial is not None:
        result = np.concatenate([np.zeros(result.shape[:-1] + (1,), result.dtype), result], axis=-1)
    return np.moveaxis(result, -1, static(axis))


def _by_parabolas(y, h):
    """Simpson's rule over an odd number of samples."""
    left, right = h[..., ::2], h[..., 1::2]
    both, ratio = left + right, left / right
    terms = y[..., :-1:2] * (2.0 - 1.0 / ratio) + y[..., 1::2] * (both * both / (left * right)) + y[..., 2::2] * (2.0 - ratio)
    return np.sum(both / 6.0 * terms, axis=-1)


@drop_in
def simpson(y, x=None, *, dx=1.0, axis=-1):
    y = _last(y, axis)
    n = y.shape[-1]
    h = _widths(y, x, axis, dx)
    if n % 2:
        return _by_parabolas(y, h)[()]
    if n == 2:
        return (0.5 * h[..., 0] * (y[..., 0] + y[..., 1]))[()]
    before, last = h[..., -2], h[..., -1]  # the last interval from the parabola through the last three samples
    tail = (y[..., -1] * (2 * last**2 + 3 * before * last) / (6 * (last + before))
            + y[..., -2] * (last**2 + 3 * last * before) / (6 * before)
            - y[..., -3] * last**3 / (6 * before * (before + last)))
    return (_by_parabolas(y[..., :-1], h[..., :-1]) + tail)[()]


# --- integrals of functions ------------------------------------------------------------------------------------------


def _as_scipy(name, function, traced, call):
    """(True, what SciPy's function returns) where nothing is traced, neither `traced` nor what the user's function gives; else (False, None)."""
    if current_trace() is None:
        return True, call(scipys(__name__, name), function)
    if first_tracer(traced) is None:
        try:
            return True, call(scipys(__name__, name), on_numbers(function))
        except TracedResult:
            pass
    return False, None


def _integral(method, func, a, b, options):
    """(the integral, SciPy's error estimate) of func(x)."""
    form = []

    def function(x, y):
        value = asarray(func(x))
        form[:] = value.shape, value.dtype
        return value

    explorer = Explorer(f"scipy.integrate.{method}", function, 0)
    value = Value(Integral(method, explorer.callback, options), [type(x) is Tracer for x in (a, b)])
    try:
        numbers = value.packed(explorer, float(concrete(a)), float(concrete(b)))
    finally:
        explorer.close()
    if method == "quad" and explorer.callback.count != 1:
        raise ValueError(f"scipy.integrate.quad: the function gives {explorer.callback.count} numbers, expected one: use quad_vec")
    p, rest = explorer.values()
    operands = [*[np.reshape(asarray(x), ()).astype(np.float64) for x in (a, b)], p, *rest]
    packed = called(value, operands, numbers)
    bool(packed[-1] > 0.5)  # the guard: where the function takes another branch this trace does not answer
    count = explorer.callback.count
    integral = ruled(packed[:count], operands, value.integral)
    if method == "quad":
        return np.reshape(integral, ()), packed[count]
    shape, dtype = form
    return np.reshape(cast(integral, np.float32) if dtype == np.float32 else integral, shape), packed[count]


def _refused(name, traced, **options):
    for option, (value, way_out) in options.items():
        if value:
            refuse(first_tracer(traced), f"scipy.integrate.{name} with {option} is not traced: {way_out}")


def quad(func, a, b, args=(), full_output=0, epsabs=1.49e-8, epsrel=1.49e-8, limit=50, points=None, weight=None, wvar=None, wopts=None,
         maxp1=50, limlst=50, complex_func=False):
    args = args if isinstance(args, tuple) else (args,)
    options = {"epsabs": epsabs, "epsrel": epsrel, "limit": limit, "points": points, "weight": weight, "wvar": wvar, "wopts": wopts,
               "maxp1": maxp1, "limlst": limlst}
    done, result = _as_scipy("quad", func, (a, b, *args), lambda own, func: own(
        func, a, b, args, full_output=full_output, complex_func=complex_func, **options))
    if done:
        return result
    _refused("quad", (a, b, *args), full_output=(full_output, "leave it away"), complex_func=(complex_func, "integrate the real and imaginary parts"),
             weight=(weight is not None and first_tracer((a, b)) is not None, "with a traced limit multiply the function by the weight"),
             wvar=(first_tracer((wvar,)) is not None, "a traced wvar: multiply the function by the weight"))
    options = {key: static(value) for key, value in options.items()}
    return _integral("quad", lambda x: func(x, *args), a, b, options)


def quad_vec(f, a, b, *positional, args=(), **options):
    names = ("epsabs", "epsrel", "norm", "cache_size", "limit", "workers", "points", "quadrature", "full_output")
    options = dict(zip(names, positional)) | options
    args = args if isinstance(args, tuple) else (args,)
    done, result = _as_scipy("quad_vec", f, (a, b, *args), lambda own, f: own(f, a, b, args=args, **options))
    if done:
        return result
    _refused("quad_vec", (a, b, *args), full_output=(options.pop("full_output", False), "leave it away"),
             workers=(options.pop("workers", 1) != 1, "leave it away"))
    return _integral("quad_vec", lambda x: f(x, *args), a, b, {key: static(value) for key, value in options.items()})


def _limit(limit, *at):
    return limit(*at) if callable(limit) else limit


def dblquad(func, a, b, gfun, hfun, args=(), epsabs=1.49e-8, epsrel=1.49e-8):
    if current_trace() is None:
        return scipys(__name__, "dblquad")(func, a, b, gfun, hfun, args, epsabs, epsrel)
    tolerances = {"epsabs": epsabs, "epsrel": epsrel}
    return quad(lambda x: quad(func, _limit(gfun, x), _limit(hfun, x), (x, *args), **tolerances)[0], a, b, **tolerances)


def tplquad(func, a, b, gfun, hfun, qfun, rfun, args=(), epsabs=1.49e-8, epsrel=1.49e-8):
    if current_trace() is None:
        return scipys(__name__, "tplquad")(func, a, b, gfun, hfun, qfun, rfun, args, epsabs, epsrel)

    def over_plane(y, x):
        return quad(func, _limit(qfun, x, y), _limit(rfun, x, y), (y, x, *args), epsabs=epsabs, epsrel=epsrel)[0]

    return dblquad(over_plane, a, b, gfun, hfun, (), epsabs, epsrel)


def fixed_quad(func, a, b, args=(), n=5):
    if current_trace() is None:
        return scipys(__name__, "fixed_quad")(func, a, b, args, n)
    for x in (a, b):
        if np.isinf(concrete(x)):
            raise ValueError("Gaussian quadrature is only available for finite limits.")
    x, w = np.polynomial.legendre.leggauss(n)
    return (b - a) / 2.0 * np.sum(w * func((b - a) * (x + 1) / 2.0 + a, *args), axis=-1), None


# --- initial value problems --------------------------------------------------------------------------------------------


def _double(x):
    return np.atleast_1d(asarray(x)).astype(np.float64)


def _solved(solver, function, t0, tf, ts, y0):
    """(times, rows of y, {what SciPy says of the solve}) of y' = function(t, y); without ts at the steps that the solver takes."""
    n = solver.n
    explorer = Explorer(f"scipy.integrate.{solver.name}", function, n)
    try:
        found = solver.solve(explorer, *[None if x is None else concrete(x) for x in (t0, tf, ts, y0)])
    finally:
        explorer.close()
    p, rest = explorer.values()
    steps = len(found[0]) if ts is None else None
    start = Start(solver, explorer.callback, steps)
    operands = [t0, tf, np.zeros(0) if ts is None else ts, y0, p, *rest]
    packed = called(start, operands, start.packed(*found, 0 if ts is None else ts.shape[0]))
    bool(packed[-1] > 0.5)  # the guard: where the function takes another branch, or the solver another number of steps, this trace does not answer
    if ts is None:
        ends = [np.reshape(x, (1,)) for x in (t0, tf)]
        ts = np.concatenate([ends[0], packed[1:steps - 1], ends[1]]) if int(packed[-3]) == 0 else packed[:steps]
        packed = packed[steps:]
    m = ts.shape[0]
    operands[2] = ts
    rows = ruled(np.reshape(packed[:m * n], (m, n)), operands, Solution(solver, explorer.callback))
    nfev, njev, nlu, status = packed[m * n:m * n + 4].astype(np.int64)
    status, reached = int(status), int(packed[-2])
    return ts[:reached], rows[:reached], {"nfev": nfev, "njev": njev, "nlu": nlu, "status": status}


def solve_ivp(fun, t_span, y0, method="RK45", t_eval=None, dense_output=False, events=None, vectorized=False, args=None, **options):
    traced = (*t_span, y0, t_eval, *(() if args is None else args))
    done, result = _as_scipy("solve_ivp", fun, traced, lambda own, fun: own(
        fun, t_span, y0, method, t_eval, dense_output, events, vectorized, args, **options))
    if done:
        return result
    args = () if args is None else tuple(args)
    _refused("solve_ivp", traced, events=(events is not None, "find the time of the event by scipy.optimize.brentq on the solution"),
             dense_output=(dense_output, "ask for the times in t_eval"))
    options.pop("jac", None)  # a help for the solver alone; it reads traced values
    t0, tf = [np.reshape(asarray(t), ()).astype(np.float64) for t in t_span]
    y0 = _double(y0)
    if y0.ndim != 1:
        raise ValueError("`y0` must be 1-dimensional.")
    options = {key: static(value) for key, value in options.items()}
    solver = Solver("solve_ivp", y0.shape[0], method, options)
    ts, rows, said = _solved(solver, lambda t, y: fun(t, y, *args), t0, tf, None if t_eval is None else _double(t_eval), y0)
    status = said["status"]
    message = ("The solver successfully reached the end of the integration interval." if status == 0 else
               "Required step size is less than spacing between numbers.")
    result = scipys(__name__, "solve_ivp").__globals__["OdeResult"]
    return result(t=ts, y=np.transpose(rows), sol=None, t_events=None, y_events=None, message=message, success=status >= 0, **said)


def odeint(func, y0, t, args=(), Dfun=None, col_deriv=0, full_output=0, ml=None, mu=None, rtol=None, atol=None, tcrit=None, h0=0.0,
           hmax=0.0, hmin=0.0, ixpr=0, mxstep=0, mxhnil=0, mxordn=12, mxords=5, printmessg=0, tfirst=False):
    args = args if isinstance(args, tuple) else (args,)
    options = {"ml": ml, "mu": mu, "rtol": rtol, "atol": atol, "tcrit": tcrit, "h0": h0, "hmax": hmax, "hmin": hmin, "ixpr": ixpr,
               "mxstep": mxstep, "mxhnil": mxhnil, "mxordn": mxordn, "mxords": mxords, "printmessg": printmessg}
    traced = (y0, t, *args)
    done, result = _as_scipy("odeint", func, traced, lambda own, func: own(
        func, y0, t, args, Dfun, col_deriv, full_output, tfirst=tfirst, **options))
    if done:
        return result
    _refused("odeint", traced, full_output=(full_output, "leave it away, or use scipy.integrate.solve_ivp"))
    options = {key: static(value) for key, value in options.items()}
    y0, ts = _double(y0), _double(t)
    if y0.ndim != 1 or ts.ndim != 1:
        raise ValueError("Initial condition y0 and the times t must be one-dimensional.")
    function = (lambda t, y: func(t, y, *args)) if tfirst else (lambda t, y: func(y, t, *args))
    return _solved(Solver("odeint", y0.shape[0], None, options), function, ts[0], ts[-1], ts, y0)[1]
