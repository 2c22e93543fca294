"""register_lowering: functions of third parties, of every kind and by every name, are replaced in traced code."""

import ctypes
import ctypes.util
import functools
import math
import statistics
import threading
import types

import numpy as np
import pytest
import scipy.special

import tapejit as tj
from tapejit.trace import registered
from tapejit.trace.tracer import LOWERINGS

SOURCE = """
import numpy as np

def cube(x, scale=1.0):
    return scale * np.asarray(np.asarray(x, dtype=object).astype(str), dtype=float) ** 3  # through text: not traceable

class Model:
    factor = 2.0
    def cube(self, x):
        return self.factor * cube(x)
    @staticmethod
    def plain(x):
        return cube(x)

def integrate(f, low, high):
    nodes = np.linspace(low, high, 9)
    return sum([float(f(x)) for x in nodes]) / 9

def caller(x):
    return cube(x) + 1.0
"""


@pytest.fixture(autouse=True)
def restored():
    """Each test begins without registrations, and what it registers ends with it."""
    before = dict(registered.REGISTERED)
    registered.REGISTERED.clear()
    yield
    for registration in registered.REGISTERED.values():
        if isinstance(registration.original, registered.DISPATCHED):
            del LOWERINGS[registration.original]
    registered.REGISTERED.clear()
    registered.REGISTERED.update(before)


@pytest.fixture
def lib():
    module = types.ModuleType("third_party")
    exec(SOURCE, vars(module))
    return module


X = np.array([1.0, 2.0, -1.5])


def cubed(x, scale=1.0):
    return scale * x**3


def test_by_every_name(lib):
    assert tj.register_lowering(lib.cube)(cubed) is cubed
    cube, listed, wrapped = lib.cube, {"f": [lib.cube]}, functools.partial(lib.cube, scale=2.0)
    for f in (lambda x: np.sum(lib.cube(x)), lambda x: np.sum(cube(x)), lambda x: np.sum(listed["f"][0](x)), lambda x: np.sum(wrapped(x)) / 2,
              lambda x: np.sum(lib.caller(x)), lambda x: np.sum(np.array(list(map(lib.cube, [x]))[0])), lambda x: np.sum(lib.Model().plain(x)),
              lambda x: np.sum(lib.Model().cube(x)) / 2):
        gradient = tj.grad(f)
        for x in (X, 2 * X):
            np.testing.assert_allclose(gradient(x), 3 * x**2)
    np.testing.assert_allclose(tj.elementwise_grad(lib.cube)(X), 3 * X**2)
    np.testing.assert_allclose(tj.grad(lambda g, x: np.sum(g(x)), argnums=1)(lib.cube, X), 3 * X**2)
    np.testing.assert_allclose(np.diag(tj.hessian(lambda x: np.sum(lib.cube(x, scale=2.0)))(X)), 12 * X)
    tj.check_grads(lambda x: np.sum(lib.caller(x)), (X,), order=2)
    assert lib.cube("2") == 8.0  # outside of traces nothing changes


def test_a_method(lib):
    @tj.register_lowering(lib.Model.cube)
    def method(self, x):
        return self.factor * x**3
    model = lib.Model()
    gradient = tj.grad(lambda x: np.sum(model.cube(x)))
    np.testing.assert_allclose(gradient(X), 6 * X**2)
    model.factor = 5.0
    np.testing.assert_allclose(gradient(X), 15 * X**2)


def test_of_a_package_that_runs_as_it_is(lib):
    lib.__name__ = vars(lib)["__name__"] = "numba.fake"
    for name in ("cube", "integrate"):
        getattr(lib, name).__module__ = "numba.fake"
    tj.register_lowering(lib.cube)(cubed)
    np.testing.assert_allclose(tj.grad(lambda x: np.sum(lib.cube(x)))(X), 3 * X**2)
    tj.register_lowering(statistics.fmean)(lambda data: np.mean(np.array(data)))
    np.testing.assert_allclose(tj.grad(lambda x: statistics.fmean([x[0], x[1] * 3.0]))(X), [0.5, 1.5, 0.0])


def test_compiled_functions():
    cbrt = ctypes.CDLL(ctypes.util.find_library("m")).cbrt
    cbrt.restype, cbrt.argtypes = ctypes.c_double, [ctypes.c_double]
    tj.register_lowering(cbrt, tj.primitive(cbrt, vjp=lambda ct, value, x: (ct / (3 * value**2),)))
    gradient = tj.grad(lambda x: cbrt(x) * x)
    for x in (8.0, 27.0):
        assert gradient(x) == pytest.approx(4 / 3 * x ** (1 / 3))

    class Dispatcher:  # as Numba's
        def __call__(self, x):
            return np.exp(np.asarray(x, dtype=float))
    compiled = Dispatcher()
    tj.register_lowering(compiled)(tj.primitive(compiled, jvp=lambda primals, tangents: tangents[0] * compiled(primals[0])))
    np.testing.assert_allclose(tj.grad(lambda x: np.sum(compiled(x)))(X), np.exp(X))
    np.testing.assert_allclose(np.diag(tj.hessian(lambda x: np.sum(compiled(x)))(X)), np.exp(X))


def test_ufuncs_and_functions_that_ask_tracers(lib):
    half = np.frompyfunc(lambda x: x / 2, 1, 1)
    tj.register_lowering(half)(lambda x: x / 2)
    for retarget in (True, False):
        np.testing.assert_allclose(tj.grad(lambda x: np.sum(half(x)), retarget=retarget)(X), [0.5] * 3)
    tj.register_lowering(np.packbits)(lambda x: np.sum(x * 2.0))
    np.testing.assert_allclose(tj.grad(lambda x: np.packbits(x))(X), [2.0] * 3)


def test_an_equivalent_is_overridden():
    tj.register_lowering(math.exp, override=True)(lambda x: 7.0 * math.exp(x))
    assert tj.grad(lambda x: math.exp(x))(0.0) == 7.0
    tj.register_lowering(scipy.special.logsumexp, override=True)(lambda x: 7.0 * np.log(np.sum(np.exp(x))))
    np.testing.assert_allclose(tj.grad(lambda x: scipy.special.logsumexp(x))(np.zeros(2)), [3.5, 3.5])


def test_the_original_in_its_replacement(lib):
    traceable = types.FunctionType(cubed.__code__, globals(), "traceable", (1.0,))
    custom = tj.custom_jvp(traceable)
    custom.defjvp(lambda primals, tangents: (traceable(*primals), 10.0 * tangents[0]))
    tj.register_lowering(traceable)(custom)  # the custom function calls what it replaces
    np.testing.assert_allclose(tj.elementwise_grad(lambda x: traceable(x))(X), [10.0] * 3)
    np.testing.assert_allclose(tj.jit(lambda x: traceable(x))(X), X**3)

    @tj.register_lowering(lib.caller)
    def replacement(x):
        return tj.stop_gradient(x) * 0.0 + x * float(np.sum(lib.caller([1.0] * 3)))  # the original, which cannot be traced
    assert tj.grad(lambda x: np.sum(lib.caller(x)))(X)[0] == 6.0


def test_within_itself_through_a_callback(lib):
    @tj.register_lowering(lib.integrate)
    def integrate(f, low, high):
        return np.mean(np.stack([f(low + (high - low) * k / 8) for k in range(9)]))

    def double(a):
        return lib.integrate(lambda x: lib.integrate(lambda y: a * x * y * y, 0.0, 1.0), 0.0, 1.0)
    value, slope = tj.value_and_grad(double)(2.0)
    assert value == pytest.approx(double(2.0)) and slope == pytest.approx(value / 2)


def test_a_kept_trace_is_dropped(lib):
    def f(x):
        return x * float(lib.cube(2.0))
    gradient = tj.grad(f)
    assert gradient(1.0) == gradient(3.0) == 8.0
    tj.register_lowering(lib.cube)(lambda x: 5.0)
    assert gradient(1.0) == gradient(3.0) == 5.0
    tj.register_lowering(lib.cube, override=True)(lambda x: 6.0)
    assert gradient(1.0) == 6.0


def test_what_the_replacement_reads_is_checked(lib):
    settings = {"scale": 2.0}
    tj.register_lowering(lib.cube)(lambda x: settings["scale"] * x)
    gradient = tj.grad(lambda x: lib.cube(x))
    assert gradient(1.0) == 2.0
    settings["scale"] = 3.0
    assert gradient(1.0) == 3.0


def test_in_threads(lib):
    tj.register_lowering(lib.cube)(cubed)
    found, barrier = [], threading.Barrier(3)

    def work(k):
        gradient = tj.grad(lambda x: np.sum(lib.cube(x)) * k)
        barrier.wait()
        for x in (X, X + k):
            found.append(np.allclose(gradient(x), 3 * k * x**2))
    threads = [threading.Thread(target=work, args=(k,)) for k in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 6


def test_without_retargeting_only_what_asks_is_replaced(lib):
    tj.register_lowering(lib.cube)(cubed)
    with pytest.raises(tj.TracingError):
        tj.grad(lambda x: np.sum(lib.cube(x)), retarget=False)(X)


REFUSED = {
    "not callable": (lambda lib: lib.Model.factor, "expected a function, found a float"),
    "class": (lambda lib: lib.Model, "Model is a class: register its methods"),
    "bound method": (lambda lib: lib.Model().cube, r"cube is bound to one object.*as in Model\.cube"),
    "bound method in C": (lambda lib: [].append, r"append is bound to one object"),
    "method in C": (lambda lib: str.upper, r"calls of str\.upper cannot be seen"),
    "method of a library": (lambda lib: statistics.NormalDist.pdf, r"calls of NormalDist\.pdf cannot be seen"),
    "ufunc": (lambda lib: np.sin, "tapejit differentiates sin itself"), "NumPy's": (lambda lib: np.mean, "tapejit differentiates mean itself"),
    "equivalent": (lambda lib: math.sin, "tapejit differentiates sin already: pass override=True"),
    "SciPy's": (lambda lib: scipy.special.logsumexp, "tapejit differentiates logsumexp already: pass override=True"),
    "registered": (lambda lib: lib.cube, "cube is registered already, as <function cubed.*: pass override=True")}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(lib, name):
    original, message = REFUSED[name]
    tj.register_lowering(lib.cube)(cubed)
    with pytest.raises(tj.ArgumentError, match=message):
        tj.register_lowering(original(lib))(cubed)
    for wrong, found in ((3, "a int"), (dict, "the class dict")):
        with pytest.raises(tj.ArgumentError, match=rf"register_lowering\(caller\): expected a function as the replacement, found {found}"):
            tj.register_lowering(lib.caller)(wrong)
