"""scipy.optimize for differentiated code: roots and minima, differentiated by the implicit function theorem.

The solver is SciPy's and runs at each replay, as a host call, on the tape of the user's function. Its result x is then given the derivative
that a Newton step on the traced function has: two steps, of which the value 0 is kept, make derivatives exact to third order. So what the
function closes over is differentiated; x0, brackets and bounds are not. What `minimize` finds on a bound stays there; a solution of the other
functions on a bound is refused. Not covered: constraints, functions whose Python branches depend on x.
Read next: `tapejit/custom.py`.
"""

import inspect

import numpy as np

from ..custom import _on_its_own_tape, stop_gradient
from ..errors import UnsupportedError
from ..tape.interpret import GuardFailed, interpret
from ..trace import Tracer, current_trace
from ..trace.lowerings.common import asarray, host, refuse, static
from ..transforms import grad, hessian, jacfwd
from . import names_of
from .common import scipys
from .distributions import first_tracer

__all__ = ["bisect", "brenth", "brentq", "curve_fit", "differential_evolution", "fixed_point", "fsolve", "least_squares",
           "minimize", "minimize_scalar", "newton", "ridder", "root", "root_scalar", "toms748"]
ON_BOUNDS = (None, "l-bfgs-b", "tnc", "slsqp", "nelder-mead")  # methods whose solutions lie on bounds but for rounding
__getattr__, __dir__ = names_of(__name__)


class _Recorded:
    """The tape of a user's function at x; `others` are the outer values that it reads."""

    def __init__(self, function, x, args):
        self.others = []
        recording, self.sources = _on_its_own_tape(lambda values: [asarray(function(values[0], *args))], [("x", [x])], self.others)
        self.tape, self.outputs = recording.tape, recording.outputs
        self.scalar = np.ndim(x) == 0

    def on(self, others):
        """The function of x, computed on numbers."""
        def call(x, *ignored):
            if self.outputs[0].kind == "static":
                return self.outputs[0].value
            x = np.float64(x) if self.scalar else np.array(x, np.float64)
            given = [x if name == "x" else others[k] for name, k in self.sources]
            try:
                return interpret(self.tape, given)[0][()]
            except GuardFailed:
                raise UnsupportedError(
                    "scipy.optimize: the function takes another Python branch at another x, and its tape holds one: write "
                    "np.where(condition, a, b) in place of the branch") from None
        return call


class _Solver:
    """A function of SciPy with its options, on tapes: (x0, what the tapes read) -> x and whether the solver succeeded, joined."""

    def __init__(self, name, recorded, options, counts):
        self.__name__, self.recorded, self.options, self.counts = name, recorded, options, counts

    def __call__(self, x0, *others):
        functions, start = {}, 0
        for (key, recorded), count in zip(self.recorded.items(), self.counts):
            functions[key] = recorded.on(others[start:start + count])
            start += count
        result = scipys("scipy.optimize", self.__name__)(functions.pop("fun"), *([] if x0 is None else [x0]), **functions, **self.options)
        x = getattr(result, "x", getattr(result, "root", result))
        success = getattr(result, "success", getattr(result, "converged", True))
        return np.append(np.ravel(np.asarray(x, np.float64)), float(success))


def _solved(name, functions, x0, example, args, options):
    """(x, success) of SciPy's solver; x has its value and no derivative."""
    recorded = {key: _Recorded(function, example, args) for key, function in functions.items()}
    others = [stop_gradient(x) for r in recorded.values() for x in r.others]
    others = [asarray(x) if type(x) is Tracer else np.asarray(x) for x in others]
    solver = _Solver(name, recorded, options, [len(r.others) for r in recorded.values()])
    if not any(type(x) is Tracer for x in others) and type(x0) is not Tracer:
        packed = solver(x0, *others)
    else:
        packed = host(solver, None if x0 is None else stop_gradient(x0), *others)
    return packed[:-1], bool(packed[-1] > 0.5)


def _implicit(residual, jacobian, x):
    """x with the derivative of the root of `residual`: Newton's steps, of which the value is taken away."""
    for _ in range(2):
        slope, value = jacobian(x), residual(x)
        step = value / slope if np.ndim(x) == 0 else np.linalg.solve(slope, value)
        x = x - (step - stop_gradient(step))
    return x


def _scalar_root(name):
    def find(f, a, b, args=(), **options):
        if current_trace() is None:
            return scipys(__name__, name)(f, a, b, args=args, **options)
        args = args if isinstance(args, tuple) else (args,)
        if options.get("full_output"):
            refuse(first_tracer(args), f"scipy.optimize.{name} with full_output=True is not traced: use scipy.optimize.root_scalar")
        a, b = float(static(a)), float(static(b))
        x, _ = _solved(name, {"fun": f}, None, 0.5 * (a + b), args, {"a": a, "b": b, **options})
        return _implicit(lambda x: f(x, *args), lambda x: grad(lambda x: f(x, *args))(x), x[0])
    find.__name__ = find.__qualname__ = name
    return find


bisect, brenth, brentq, ridder, toms748 = map(_scalar_root, ("bisect", "brenth", "brentq", "ridder", "toms748"))


def newton(func, x0, fprime=None, args=(), **options):
    if current_trace() is None:
        return scipys(__name__, "newton")(func, x0, fprime, args, **options)
    if np.ndim(x0) or options.get("full_output") or options.get("fprime2") is not None:
        refuse(x0, "scipy.optimize.newton of an array, with fprime2 or with full_output is not traced: use scipy.optimize.root")
    functions = {"fun": func} | ({} if fprime is None else {"fprime": fprime})
    start = float(x0.value if type(x0) is Tracer else x0)
    x, _ = _solved("newton", functions, np.float64(start) if type(x0) is not Tracer else x0, start, args, options)
    return _implicit(lambda x: func(x, *args), lambda x: grad(lambda x: func(x, *args))(x), x[0])


def root_scalar(f, args=(), method=None, bracket=None, fprime=None, fprime2=None, x0=None, x1=None, **options):
    given = {"method": method, "bracket": bracket, "x0": x0, "x1": x1} | options
    if current_trace() is None:
        return scipys(__name__, "root_scalar")(f, args, fprime=fprime, fprime2=fprime2, **given)
    args = args if isinstance(args, tuple) else (args,)
    if fprime2 is not None or isinstance(fprime, bool):
        refuse(first_tracer(args), "scipy.optimize.root_scalar with fprime2 or fprime=True is not traced: leave it away")
    given = {key: static(value) for key, value in given.items() if value is not None}
    start = float(given["x0"]) if x0 is not None else 0.5 * float(sum(given["bracket"])) if bracket is not None else 0.0
    functions = {"fun": f} | ({} if fprime is None else {"fprime": fprime})
    x, success = _solved("root_scalar", functions, None, start, args, given)
    x = _implicit(lambda x: f(x, *args), lambda x: grad(lambda x: f(x, *args))(x), x[0])
    return _result(root=x, converged=success)


def _result(**fields):
    return scipys(__name__, "OptimizeResult")(**fields)


def fixed_point(func, x0, args=(), **options):
    if current_trace() is None:
        return scipys(__name__, "fixed_point")(func, x0, args, **options)
    args = args if isinstance(args, tuple) else (args,)
    start, example = _start(x0)
    x, _ = _solved("fixed_point", {"fun": func}, start, example, args, {key: static(value) for key, value in options.items()})

    def residual(x):
        return np.ravel(asarray(func(x, *args))) - x

    return np.reshape(_implicit(residual, jacfwd(residual), x), np.shape(x0))[()]


def minimize_scalar(fun, bracket=None, bounds=None, args=(), method=None, tol=None, options=None):
    given = {"bracket": bracket, "bounds": bounds, "method": method, "tol": tol, "options": options}
    if current_trace() is None:
        return scipys(__name__, "minimize_scalar")(fun, args=args, **given)
    args = args if isinstance(args, tuple) else (args,)
    given = {key: static(value) for key, value in given.items() if value is not None}
    start = float(sum(given.get("bounds", given.get("bracket", (0.0, 0.0)))[:2])) / 2
    x, success = _solved("minimize_scalar", {"fun": fun}, None, start, args, given)
    if bounds is not None:
        _refuse_on_bounds("minimize_scalar", x, *map(np.asarray, given["bounds"]))
    slope = grad(lambda x: np.reshape(asarray(fun(x, *args)), ()))
    x = _implicit(slope, grad(slope), x[0])
    return _result(x=x, fun=fun(x, *args), success=success)


def _limits(bounds, n):
    """(lower, upper), arrays of n numbers."""
    if hasattr(bounds, "lb"):
        lower, upper = static(bounds.lb), static(bounds.ub)
    else:
        lower, upper = zip(*[(-np.inf if low is None else static(low), np.inf if high is None else static(high)) for low, high in bounds])
    return tuple(np.broadcast_to(np.asarray(part, float), (n,)) for part in (lower, upper))


def _refuse_on_bounds(name, x, lower, upper):
    """An error where the solution lies on a bound or next to it. A guard: another solution may."""
    margin = 1e-4 * np.where(np.isfinite(upper - lower), upper - lower, 1.0)
    if not bool(np.all((x > lower + margin) & (x < upper - margin))):
        refuse(x, f"scipy.optimize.{name}: the solution lies on a bound, or next to it, and has no derivative there in traced code: leave this "
               "bound away, or use scipy.optimize.minimize with bounds")


def _start(x0):
    """(x0 as SciPy takes it, a vector of floats; the same as numbers)."""
    x0 = np.atleast_1d(asarray(x0)).astype(np.float64)
    return x0, np.array(x0.value if type(x0) is Tracer else x0)


def _checked(x0, args, jac, options, refused):
    for name in refused:
        value = options.get(name)
        if value is not None and not (isinstance(value, (tuple, list)) and not len(value)):
            refuse(x0, f"scipy.optimize with {name} is not traced: leave it away")
    if jac is not None and jac is not True and not callable(jac):
        refuse(x0, f"scipy.optimize with jac={jac!r} is not traced: leave it away, or give a function")
    return args if isinstance(args, tuple) else (args,)


def _with_jacobian(fun, jac):
    """(fun, jac) as two functions: with jac=True, fun gives both."""
    if jac is not True:
        return fun, jac
    return lambda x, *args: fun(x, *args)[0], lambda x, *args: fun(x, *args)[1]


def root(fun, x0, args=(), method="hybr", jac=None, **options):
    if current_trace() is None:
        return scipys(__name__, "root")(fun, x0, args, method, jac, **options)
    args = _checked(x0, args, jac, options, ("callback",))
    fun, jac = _with_jacobian(fun, jac)
    start, example = _start(x0)
    functions = {"fun": fun} | ({} if jac is None else {"jac": jac})
    x, success = _solved("root", functions, start, example, args, {"method": method, **options})

    def residual(x):
        return np.ravel(asarray(fun(x, *args)))

    x = _implicit(residual, jacfwd(residual), x)
    return _result(x=x, fun=fun(x, *args), success=success)


def fsolve(func, x0, args=(), fprime=None, **options):
    if current_trace() is None:
        return scipys(__name__, "fsolve")(func, x0, args, fprime, **options)
    if options.get("full_output") or options.get("col_deriv"):
        refuse(x0, "scipy.optimize.fsolve with full_output or col_deriv is not traced: use scipy.optimize.root")
    tolerance = {"tol": options.pop("xtol")} if "xtol" in options else {}
    return root(func, x0, args, jac=fprime, **tolerance, **({"options": options} if options else {})).x


def minimize(fun, x0, args=(), method=None, jac=None, **options):
    if current_trace() is None:
        return scipys(__name__, "minimize")(fun, x0, args, method, jac, **options)
    args = _checked(x0, args, jac, options, ("constraints", "hess", "hessp", "callback"))
    fun, jac = _with_jacobian(fun, jac)
    start, example = _start(x0)
    bounds = options.get("bounds")
    if bounds is not None and (method if method is None else str(method).lower()) not in ON_BOUNDS:
        refuse(x0, f"scipy.optimize.minimize with bounds and method={method!r} is not traced: use 'L-BFGS-B'")
    functions = {"fun": fun} | ({} if jac is None else {"jac": jac})
    x, success = _solved("minimize", functions, start, example, args, {"method": method, **options})
    return _minimum(fun, args, x, success, bounds and _limits(bounds, example.size))


def _minimum(fun, args, x, success, limits=None):
    """SciPy's result of a minimum at x within limits (lower, upper)."""
    def of_x(x):
        return np.reshape(asarray(fun(x, *args)), ())

    slope, curvature = grad(of_x), hessian(of_x)
    if limits is not None:
        lower, upper = limits
        near, far = (np.where(np.isfinite(bound), 1e-9 * (1 + np.abs(bound)), 0.0) for bound in (lower, upper))
        free = (x > lower + near) & (x < upper - far)
        slope, curvature = _of_free(slope, free), lambda x, own=curvature: np.where(free[:, None] & free, own(x), np.eye(lower.size))
    x = _implicit(slope, curvature, x)
    return _result(x=x, fun=fun(x, *args), success=success)


def differential_evolution(func, bounds, args=(), **options):
    if current_trace() is None:
        return scipys(__name__, "differential_evolution")(func, bounds, args=args, **options)
    args = _checked(first_tracer(args), args, None, options, ("constraints", "callback", "integrality", "x0"))
    pairs = np.transpose([bounds.lb, bounds.ub]) if hasattr(bounds, "lb") else [tuple(map(static, pair)) for pair in bounds]
    lower, upper = _limits(pairs, len(pairs))
    x, success = _solved("differential_evolution", {"fun": func}, None, 0.5 * (lower + upper), args, {"bounds": pairs, **options})
    if options.get("polish") is False:  # then what tends to a bound does not lie on it
        _refuse_on_bounds("differential_evolution", x, lower, upper)
    return _minimum(func, args, x, success, (lower, upper))


def _of_free(slope, free):
    """The gradient, 0 for the variables that lie on their bounds."""
    return lambda x: np.where(free, slope(x), 0.0)


def least_squares(fun, x0, jac="2-point", args=(), **options):
    if current_trace() is None:
        return scipys(__name__, "least_squares")(fun, x0, jac, args=args, **options)
    args = _checked(x0, args, None if jac == "2-point" else jac, options, ("kwargs", "callback"))
    bounds = options.pop("bounds", None)
    if bounds is not None:
        lower, upper = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else bounds
        lower, upper = np.asarray(static(lower), float), np.asarray(static(upper), float)
        options["bounds"] = (lower, upper)
    if options.get("loss", "linear") != "linear":
        refuse(x0, "scipy.optimize.least_squares with a loss is not traced: minimise the loss with scipy.optimize.minimize")
    start, example = _start(x0)
    functions = {"fun": fun} | ({} if jac == "2-point" else {"jac": jac})
    x, success = _solved("least_squares", functions, start, example, args, options)

    if bounds is not None:
        _refuse_on_bounds("least_squares", x, lower, upper)

    def cost(x):
        return 0.5 * np.sum(np.square(asarray(fun(x, *args))))

    x = _implicit(grad(cost), hessian(cost), x)
    return _result(x=x, fun=fun(x, *args), cost=cost(x), success=success)


def curve_fit(f, xdata, ydata, p0=None, sigma=None, absolute_sigma=False, check_finite=True, bounds=(-np.inf, np.inf), method=None,
              jac=None, *, full_output=False, nan_policy=None, **options):
    given = {"p0": p0, "sigma": sigma, "absolute_sigma": absolute_sigma, "check_finite": check_finite, "bounds": bounds, "method": method,
             "jac": jac, "full_output": full_output, "nan_policy": nan_policy}
    if current_trace() is None:
        return scipys(__name__, "curve_fit")(f, xdata, ydata, **given, **options)
    ydata = asarray(ydata)
    for name, value, usual in [("jac", jac, None), ("full_output", full_output, False),
                               ("nan_policy", nan_policy, None)]:
        if value is not usual and value != usual:
            refuse(ydata, f"scipy.optimize.curve_fit with {name} is not traced: leave it away")
    lower, upper = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else bounds
    if p0 is None:
        n = len(inspect.signature(f).parameters) - 1
        lower, upper = (np.broadcast_to(np.asarray(static(part), float), (n,)) for part in (lower, upper))
        below, above = np.isfinite(lower), np.isfinite(upper)
        with np.errstate(invalid="ignore"):  # SciPy's start
            p0 = np.select([below & above, below, above], [0.5 * (lower + upper), lower + 1, upper - 1], 1.0)
    bounded = np.any(np.isfinite(static(lower))) or np.any(np.isfinite(static(upper)))
    if bounded:
        options["bounds"] = (lower, upper)
    weight = None if sigma is None else asarray(sigma)

    def residual(p):
        difference = np.ravel(asarray(f(xdata, *p)) - ydata)
        if weight is None:
            return difference
        return difference / weight if weight.ndim < 2 else np.linalg.solve(np.linalg.cholesky(weight), difference)

    p = least_squares(residual, p0, method=method or ("trf" if bounded else "lm"), **options).x
    slope = jacfwd(residual)(p)
    covariance = np.linalg.inv(slope.T @ slope)
    if not absolute_sigma:
        freedom = ydata.size - p.size
        covariance = covariance * (np.sum(np.square(residual(p))) / freedom if freedom > 0 else np.inf)
    return p, covariance
