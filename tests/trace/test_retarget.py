"""Functions run as retargeted copies: plain NumPy code differentiates, means what it meant, and is not touched."""

import contextlib
import functools
import math
import sys
import threading
import traceback
from math import sqrt

import numpy as np
import numpy.linalg as la
import pytest
from numpy import zeros

import tapejit as tj
from tapejit.trace import Trace, Tracer
from tapejit.trace.reads import Reads
from tapejit.trace.retarget import retarget

from .. import soundness_modules as outside
from .retarget_cases import agrees, fill, numeric

scale = 2.0


def traced(f, *args):
    """What a retargeted f returns for tracers, and what it read."""
    reads, trace = Reads(), Trace("f")
    trace.reads = reads
    with trace:
        result = retarget(f, reads)(*[trace.input(a) for a in args])
        reads.finish(trace)
    return result, reads


# --- the idioms that have no hook in NumPy ---------------------------------------------------------------------------


def fill_by_name(x):
    r = zeros(2)
    r[:] = x
    return r @ r


def build(x):
    return np.array([x, x * scale, 1]) @ np.array([[x, 0, 1], [1, 2, 3], [x, x, x]]) @ np.ones(3)


def full_and_arange(x):
    return np.sum(np.full(4, x) * np.arange(4) + np.linspace(0, x, 4))


def with_math(x):
    angles = math.atan2(x, 1.5) + math.acos(x / 3) + math.degrees(x)
    return math.sin(x) * math.exp(-x) + sqrt(x) + math.log(x, 3) + math.hypot(x, 2) + angles + math.pow(x, 2.5) + math.fsum([x, 1.0])


def with_float(x):
    return float(x) ** 2 + float(np.sin(x)) + np.float64(x) * 3


def with_extremes(x):
    return max(x, 0.5) * min(x * x, 10.0, 3) + sum([x, x * 2]) + abs(-x) + max([x, 1e-3]) + pow(x, 2) + sum(np.array([x, x]))


def comprehensions(x):
    squares = [x ** k for k in range(3) if k * scale > 0]
    table = {k: x * k for k in range(3)}
    return sum(squares) + sum(v for v in table.values()) + sum({k * 1.0 for k in range(3)}) + len([np for np in range(2)]) * x


def recursive(x, n=4):
    return x if n == 0 else np.sin(recursive(x, n - 1)) + x


def generator(x):
    def powers():
        y = x
        while True:
            yield y
            y = y * np.array([x])[0]
    total = 0.0
    for k, y in zip(range(3), powers()):
        total += y * k
    return total


def local_imports(x):
    import math as m

    import numpy
    from numpy import array
    from numpy.linalg import norm
    return m.cos(x) + numpy.sum(array([x, x])) + norm(numpy.array([x, 1.0])) + la.norm(np.array([x, 2.0]))


def relative_import(x):
    from ..soundness_modules import factor
    return factor * x


def local_class(x):
    class Local:
        weight = scale * 2
        base = np.ones(2)

        def __init__(self, x):
            self.r = np.zeros(2)
            self.r[0] = x

        def total(self):
            return np.sum(self.r * self.base) * self.weight
    return Local(x).total()


def matching(x):
    match x:
        case float(y):
            y = y * 2.0
        case _:
            y = x
    match {"kind": "a", "w": y}:
        case {"kind": "a", "w": w}:
            return w * x
        case _:
            return 0.0


def with_types(x):
    assert isinstance(x, float) and isinstance(x, (int, float)) and not isinstance(x, int)
    assert type(x) is float or isinstance(x, np.float64)
    assert type(1.0) is float and type(1.0) in (float,) and {float: 1}[type(2.0)] == 1
    assert type(3) is int and isinstance(float, type) and issubclass(float, float)
    r = np.zeros(2, dtype=float) + np.array([1, 2], dtype=np.float64) + np.ones(2).astype(float)
    assert r.dtype == float and np.issubdtype(r.dtype, np.floating) and r.dtype == np.float64 and isinstance(r, np.ndarray)
    return np.sum(r) * x


def with_exec(x):
    names = {"x": x}
    exec("y = np.sin(x) * scale", globals(), names)
    return names["y"] * eval("scale")


def with_globals(x):
    return globals()["scale"] * x * globals().get("scale") * ("scale" in globals())


def with_numpy_random_seeded(x):
    return x * np.random.default_rng(1).normal() * np.random.RandomState(2).rand()


IDIOMS = [fill, fill_by_name, build, full_and_arange, with_math, with_float, with_extremes, comprehensions, recursive, generator,
          local_imports, relative_import, local_class, matching, with_types, with_globals, with_numpy_random_seeded]


@pytest.mark.parametrize("f", IDIOMS, ids=lambda f: f.__name__)
def test_idioms(f):
    """Plain NumPy code of this kind has the value and derivative of the untraced function, and is replayed."""
    agrees(f)
    gradient = tj.grad(f)
    assert gradient(0.7) == gradient(0.7)
    assert gradient(1.3) == pytest.approx(numeric(f, 1.3), rel=1e-6, abs=1e-8)


def test_exec_and_eval_run_and_are_not_reused():
    with pytest.warns(tj.TraceWarning, match="calls e"):
        agrees(with_exec)


# --- functions in disguise -------------------------------------------------------------------------------------------


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs) * scale
    return wrapper


@decorated
def wrapped(x):
    return fill(x)


@functools.lru_cache
def coefficient(n):
    return np.array([1.0, scale])[n]


@functools.lru_cache(maxsize=None)
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


@functools.singledispatch
def dispatched(x):
    return fill(x)


@dispatched.register
def _(x: int):
    return x + 1


@contextlib.contextmanager
def doubled(x):
    r = np.zeros(1)
    r[0] = 2 * x
    yield r[0]


def uses_disguises(x):
    with doubled(x) as y:
        y = wrapped(y)
    callbacks = functools.partial(fill)(x) + functools.reduce(lambda a, b: a + fill(b), [x, x, x]) + sum(map(fill, [x, x]))
    return y * coefficient(1) * fibonacci(60) / 1e12 + callbacks


def test_functions_in_disguise():
    """Decorated, cached and partial functions, context managers and callbacks are retargeted through."""
    agrees(uses_disguises)
    agrees(functools.partial(lambda k, x: k * fill(x), 2.0))


def test_single_dispatch():
    agrees(lambda x: dispatched(np.float64(1.0) * x) + dispatched(2))


def test_closures_see_each_other():
    def f(x):
        total = 0.0

        def add(y):
            nonlocal total
            total = total + fill(y)
        add(x)
        add(2 * x)
        return total
    agrees(f)


def test_a_variable_around_f_is_shared_by_its_functions():
    memory = [0.0]
    last = None

    def put(y):
        nonlocal last
        last = y

    def f(x):
        put(fill(x))
        return last * 2 + len(memory)
    with pytest.warns(tj.TraceWarning, match="'last'"):
        assert tj.grad(f)(0.7) == pytest.approx(numeric(f, 0.7), rel=1e-6)
    tj.grad(f)(0.7)
    assert last == pytest.approx(fill(0.7)) and type(last) is not Tracer


def test_outer_traced_values_in_closures():
    assert tj.grad(lambda x: tj.grad(lambda y: x * fill(y))(2.0))(3.0) == pytest.approx(numeric(fill, 2.0), rel=1e-6)
    agrees(lambda x: tj.grad(lambda y: fill(x * y))(2.0))


# --- originals, errors, threads --------------------------------------------------------------------------------------


def test_nothing_is_changed_outside():
    before = dict(globals())
    numpy_before = {name: value for name, value in vars(np).items() if not name.startswith("__")}
    code, cells = fill.__code__, wrapped.__closure__[0].cell_contents
    tj.grad(uses_disguises)(0.7)
    assert all(globals()[name] is value for name, value in before.items())
    assert all(vars(np)[name] is value for name, value in numpy_before.items())
    assert fill.__code__ is code and wrapped.__closure__[0].cell_contents is cells and np.zeros is zeros


def test_copies_have_the_same_code():
    reads, trace = Reads(), Trace("f")
    trace.reads = reads
    with trace:
        copy = retarget(fill, reads)
        assert copy is not fill and copy.__code__ is fill.__code__ and copy.__name__ == "fill" and copy.__module__ == fill.__module__
        assert retarget(fill, reads) is copy and retarget(copy, reads) is copy


def test_library_functions_are_not_copied():
    reads = Reads()
    for function in (np.linspace, np.base_repr, functools.wraps, sorted, len, tj.grad):
        assert retarget(function, reads) in (function, getattr(tj.numpy, function.__name__, None))


def test_an_exception_is_the_users_own():
    def failing(x):
        y = x * 2
        raise KeyError("mine", len(np.shape(y)))

    def f(x):
        return failing(x)
    with pytest.raises(KeyError) as caught:
        tj.grad(f)(1.0)
    assert caught.value.args == ("mine", 0)
    lines = [frame.name for frame in traceback.extract_tb(caught.tb) if frame.filename == __file__]
    assert lines[-2:] == ["f", "failing"]


class Middle:
    """A class of the user's."""


class Special(Exception):
    pass


def test_exceptions_are_caught_inside():
    def f(x):
        try:
            raise Special("inside")
        except Special as error:
            return fill(x) * len(error.args)
    agrees(f)


def test_names_that_do_not_exist():
    with pytest.raises(NameError, match="nowhere"):
        tj.grad(lambda x: nowhere * x)(1.0)  # noqa: F821
    with pytest.raises(AttributeError, match="nowhere"):
        tj.grad(lambda x: outside.nowhere * x)(1.0)
    with pytest.raises(AttributeError, match="nowhere"):
        tj.grad(lambda x: np.nowhere * x)(1.0)
    with pytest.raises(AttributeError, match="nowhere"):
        tj.grad(lambda x: Middle().nowhere * x)(1.0)


@pytest.mark.filterwarnings("ignore::tapejit.TraceWarning")
def test_other_threads_see_nothing():
    started, done, seen = threading.Event(), threading.Event(), []

    def watcher():
        started.wait(5)
        seen.append((np.zeros(1).__class__, type(fill(1.0)), type(Middle()) is Middle))
        done.set()
    thread = threading.Thread(target=watcher)
    thread.start()

    def f(x):
        started.set()
        done.wait(5)
        return fill(x)
    tj.grad(f)(0.7)
    thread.join()
    assert seen == [(np.ndarray, np.float64, True)]


def test_warnings_of_the_users_code_are_given():
    import warnings

    def f(x):
        warnings.warn("from f", UserWarning, stacklevel=1)
        return x * x
    with pytest.warns(UserWarning, match="from f"):
        tj.grad(f)(1.0)


@pytest.mark.filterwarnings("ignore::tapejit.TraceWarning")
def test_without_retargeting_f_runs_as_it_is():
    seen = []

    def f(x):
        seen.append(sys._getframe().f_globals is globals())
        return x * x
    assert tj.grad(f, retarget=False)(3.0) == 6.0 and seen == [True]


def test_math_raises_what_it_raises():
    gradient = tj.grad(lambda x: math.log(x))
    assert gradient(2.0) == 0.5
    for bad in (0.0, -1.0):
        with pytest.raises(ValueError):
            gradient(bad)
    with pytest.raises(OverflowError):
        tj.grad(lambda x: math.exp(x))(1000.0)
    gradient = tj.grad(lambda x: math.exp(x))
    gradient(1.0)
    with pytest.raises(OverflowError):
        gradient(1000.0)


def test_math_keeps_python_floats_weak():
    def f(w, x):
        return np.sum(w * math.sin(x))
    assert tj.grad(f)(np.ones(2, np.float32), 0.5).dtype == np.float32


def test_the_numpy_namespace():
    assert tj.numpy.sin == np.sin and tj.numpy.pi == np.pi and tj.numpy.linalg.LinAlgError is np.linalg.LinAlgError
    assert type(tj.numpy.zeros(2)) is np.ndarray
    with pytest.raises(AttributeError, match="nowhere"):
        tj.numpy.nowhere


def test_each_read_is_entered_once():
    _, reads = traced(lambda x: scale * x + scale * outside.helper(x), 2.0)
    texts = [path for *_, path in reads.entries.values()]
    assert len(texts) == len(set(texts))
    assert "the global 'scale' of tests.trace.test_retarget" in texts and reads.reusable and reads.unchanged()
