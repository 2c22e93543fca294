"""Idioms as users write them, in functions of a float x or of a vector x with four elements; each returns a number.

None of this code knows of tapejit. The comment at each says what becomes of it in other systems: "autograd:" and "JAX:" mean
with autograd.numpy or jax.numpy in place of numpy, traced (jax.grad or jax.jit). "lost" is a wrong derivative without an error.
More of them are in `idiom_objects.py`; both are used by `test_idioms.py`, together with the package `idiom_helpers` and a
module in a zip file.
"""

import contextlib
import functools
import itertools
import logging
import math
import operator

import numpy as np
from numpy import sin
from numpy import zeros as z

SCALE = 1.7
TABLE = {"weights": np.array([0.5, -0.25, 2.0, 1.0]), "bias": 0.1}
KNOTS = [0.0, 0.5, 1.0]
LOGGER = logging.getLogger("idioms")
LOGGER.addHandler(logging.NullHandler())

ON_FLOATS, ON_VECTORS = [], []


def of_float(f):
    ON_FLOATS.append(f)
    return f


def of_vector(f):
    ON_VECTORS.append(f)
    return f


# --- arrays that are made and filled ---------------------------------------------------------------------------------


@of_vector
def filled_in_a_loop(x):  # autograd: "setting an array element with a sequence"; JAX: arrays are immutable
    n = len(x)
    r = np.zeros(n)
    for i in range(n):
        r[i] = np.sin(x[i]) * (r[i - 1] if i else 1.0)
    return r @ r


@of_vector
def array_of_elements(x):  # autograd: object array, then an error in the matrix product; JAX: works
    y = np.array([x[1], -x[0]])
    m = np.array([[x[0], x[1]], [1, x[2] * x[3]]])
    return y @ m @ y


@of_vector
def nested_lists(x):  # autograd: object array; JAX: refuses lists in np.dot
    rows = [[x[i] * x[j] for j in range(4)] for i in range(3)]
    return np.dot(rows, [1.0, 2.0, 3.0, x[0]]).sum() + np.sum([x[0], 2.0, x[1]])


@of_vector
def imported_names(x):  # autograd, JAX: `from numpy import sin, zeros` are NumPy's own: TracerArrayConversionError
    r = z((2, 2))
    r[0] = sin(x[:2])
    r[:, 1] += x[2]
    return r.sum() * np.linalg.norm(r)


@of_vector
def template_is_copied(x):  # autograd: "setting an array element with a sequence"; JAX: immutable
    w = np.copy(TABLE["weights"])
    w[1] *= x[0]
    w[2:] += x[:2]
    return w @ x


@of_vector
def like_another(x):  # autograd: the ones_like/empty_like is a plain array; JAX: immutable
    a, b, c = np.zeros_like(x), np.empty_like(x), np.full_like(x, 3.0)
    a[1:] = np.diff(x)
    b[...] = x[::-1]
    c[x > 0.5] = x[x > 0.5] ** 2
    return np.sum(a * b + c)


@of_vector
def stencil(x):  # autograd, JAX: no in-place update of slices
    u = x.copy()
    for _ in range(5):
        u[1:-1] = 0.5 * u[1:-1] + 0.25 * (u[2:] + u[:-2])
    return np.sum(u ** 2)


@of_vector
def accumulated_at(x):  # autograd, JAX: np.add.at of a traced value raises
    counts = np.zeros(3)
    np.add.at(counts, [0, 2, 2, 1], x)
    np.maximum.at(counts, [0, 1], [0.3, 0.2])
    return np.prod(counts + 1)


@of_vector
def out_and_where(x):  # autograd: out= is ignored or fails; JAX: out= is not supported
    y = np.ones(4)
    np.log(x, out=y, where=x > 0.4)
    np.multiply(y, x, out=y)
    return np.add.reduce(y, where=[True, True, False, True])


@of_vector
def swapped(x):  # autograd: rows are copied; JAX: immutable
    a = x.reshape(2, 2).copy()
    a[[0, 1]] = a[[1, 0]]
    a[0, 0], a[1, 1] = a[1, 1] * 2, a[0, 0]
    return a[0] @ a[1]


@of_vector
def elimination(x):  # autograd, JAX: rows are updated in place
    a, b = np.diag(x + 2.0), x.copy()
    a[0, 1:] = x[1:]
    a[1:, 0] = 0.5
    for k in range(4):
        for i in range(k + 1, 4):
            factor = a[i, k] / a[k, k]
            a[i, k:] -= factor * a[k, k:]
            b[i] -= factor * b[k]
    for k in reversed(range(4)):
        b[k] = (b[k] - a[k, k + 1:] @ b[k + 1:]) / a[k, k]
    return b.sum()


@of_vector
def appended(x):  # autograd: np.array of a list of boxes; JAX: works slowly
    path = [x]
    for k in range(3):
        path.append(np.tanh(path[-1]) + k)
    return np.array(path)[1:, ::2].sum() * np.vstack(path).std()


# --- plain Python on scalars -----------------------------------------------------------------------------------------


@of_float
def with_math(x):  # autograd: float() of a box, TypeError; JAX: ConcretizationTypeError
    return math.sin(float(x)) * math.exp(-x) + math.sqrt(x) + math.log(x, 3) + math.hypot(x, 2.0) + math.pow(x, 1.5)


@of_vector
def float_of_an_element(x):  # autograd: TypeError; JAX: ConcretizationTypeError
    return math.cos(float(x[0])) + float(np.sum(x)) ** 2 + math.atan2(x[1], float(x[2]))


@of_float
def newton(x, tolerance=1e-12):  # JAX: bool() of a tracer in `while`; autograd: works
    y = 1.0
    while abs(y * y - x) > tolerance:
        y = 0.5 * (y + x / y)
    return y


@of_float
def piecewise(x):  # JAX: bool() of a tracer in `if`; autograd: works
    if x < 0:
        return -x
    elif x < KNOTS[1]:
        return x ** 2
    return SCALE * x


@of_float
def recursive(x, depth=5):  # JAX: bool() of a tracer
    return x if depth == 0 or x > 100 else x * recursive(np.sin(x), depth - 1) + depth


@of_vector
def extremes(x):  # autograd: max() of boxes works on floats only; JAX: bool() of a tracer
    return max(x) * min(x[0], 3.0) + max(x, key=lambda v: -v) + sum(v * v for v in x) + sum(sorted(x)[:2])


@of_vector
def any_and_all(x):  # JAX: bool() of a tracer
    scale = 2.0 if any(v > 0.5 for v in x) and not all(v > 0.5 for v in x) else 3.0
    return scale * x.prod()


@of_float
def matched(x):  # JAX: bool() of a tracer in a guard; autograd: `case float(v)` does not match a box
    match (x, {"kind": "square"}):
        case (float(v), {"kind": "square"}) if v > 0:
            return v * v
        case _:
            return 0.0


@of_float
def walrus(x):  # JAX: bool() of a tracer
    return y * 2 if (y := math.tanh(x)) > 0.1 else y


@of_float
def numbers_of_python(x):  # autograd, JAX: isinstance(x, float) is false
    assert isinstance(x, float) and not isinstance(x, int), f"expected a float, found {type(x).__name__}"
    return round(x, 2) * 0 + divmod(x, 0.5)[1] + abs(-x) + x.real + pow(x, 2) + x.__add__(1.0)


# --- functions in disguise -------------------------------------------------------------------------------------------


def timed(label, *, factor=2.0):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            LOGGER.debug("%s starts", label)
            return factor * function(*args, **kwargs)
        return wrapper
    return decorate


@of_float
@timed("decorated", factor=3.0)
def decorated(x):  # autograd, JAX: np.zeros and the assignment
    r = np.zeros(2)
    r[:] = x
    return r.sum()


@contextlib.contextmanager
def temporary(x):
    buffer = np.zeros(2)
    try:
        buffer[0] = x
        yield buffer
    finally:
        buffer[:] = 0.0


@of_float
def context_manager(x):  # autograd, JAX: np.zeros and the assignment, inside a generator
    with temporary(x) as buffer, np.errstate(divide="ignore"):
        y = buffer[0] * 2 + np.sum(buffer)
    return y + np.sum(buffer)


@functools.lru_cache(maxsize=None)
def nodes(n):
    return np.polynomial.legendre.leggauss(n)


@of_float
def cached(x):  # autograd: works; JAX: works; with @lru_cache on a traced argument neither does
    points, weights = nodes(4)
    return functools.reduce(lambda total, pair: total + pair[1] * math.exp(x * pair[0]), zip(points, weights), 0.0) + memo(x)


@functools.lru_cache
def memo(x):
    return x * math.sin(x)


@of_float
def partials(x):  # autograd, JAX: math.pow of a traced value
    cube = functools.partial(math.pow, x)
    return cube(3) + functools.partial(decorated.__wrapped__, x)() + sum(map(functools.partial(operator.mul, x), [1.0, 2.0]))


@of_float
def nonlocal_state(x):  # autograd, JAX: np.array([total, ...]) makes an object array, or refuses
    total, calls = 0.0, 0

    def add(v, *, weight=1.0):
        nonlocal total, calls
        calls += 1
        total = total + weight * np.array([v, v * v]).sum()
    add(x)
    add(2 * x, weight=0.5)
    return total / calls


@of_vector
def lambdas(x):  # autograd, JAX: math.exp of a traced value
    kernels = {"gauss": lambda r: math.exp(-r * r), "linear": lambda r: max(0.0, 1.0 - abs(r))}
    return sum(kernels[name](v) for name, v in zip(itertools.cycle(sorted(kernels)), x))


@of_vector
def generators(x):  # autograd, JAX: the array that is filled
    def averages():
        total, count = 0.0, 0
        while True:
            v = yield total / max(count, 1)
            total, count = total + v, count + 1
    r, machine = np.empty(4), averages()
    next(machine)
    for i, v in enumerate(x):
        r[i] = machine.send(v)
    return np.sum(r ** 2)


@of_vector
def vectorized(x):  # autograd: np.vectorize loses the derivative or fails; JAX: bool() of a tracer
    @np.vectorize
    def relu(v, slope=0.1):
        return v if v > 0.5 else slope * v
    return relu(x).sum() + np.sum(np.apply_along_axis(lambda row: row / row.sum(), 0, x.reshape(2, 2))[0])
