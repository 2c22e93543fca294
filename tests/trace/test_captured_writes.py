"""A function that writes into an array of its caller is refused, and nothing is written; what it returns holds no dead traced values."""

import dataclasses
import math

import numpy as np
import pytest

import tapejit as tj


@pytest.mark.parametrize("size", [3, 300], ids=["small", "large"])
def test_writing_into_a_captured_array_is_refused(size):
    a = np.ones(size)

    def f(x):
        a[0] = 5.0
        return np.sum(a * x)
    for _ in range(2):
        with pytest.raises(tj.TracingError, match=r"f writes into .*, which belongs to the caller; nothing has been written"):
            tj.grad(f)(np.ones(size))
        assert a[0] == 1.0


class Result:
    def __init__(self, value):
        self.value = value


class Slotted:
    __slots__ = ("parts",)

    def __init__(self, value):
        self.parts = [1.0, {"k": value}]


@dataclasses.dataclass
class Data:
    value: object


@pytest.mark.parametrize("make, attribute", [(Result, r"\.value"), (Slotted, r"\.parts\[1\]\['k'\]")], ids=["dict", "slots"])
def test_an_object_that_holds_a_traced_value_is_no_result(make, attribute):
    with pytest.raises(tj.OutputError, match=rf"result\[1\] is a {make.__name__} that holds a traced value at {attribute}"):
        tj.grad(lambda x: (np.sum(x), make(np.sin(x))), has_aux=True)(np.ones(2))


def test_objects_that_hold_none_and_dataclasses_are_results():
    gradient = tj.grad(lambda x: (np.sum(x), (Result(3.0), Data(np.sin(x)))), has_aux=True)
    _, aux = gradient(np.ones(2))
    assert aux[0].value == 3.0 and type(aux[0]) is Result
    np.testing.assert_array_equal(aux[1].value, np.sin(np.ones(2)))


class Model:
    def loss(self, x):
        self.last = np.sin(x)
        return np.sum(x), self


@pytest.mark.filterwarnings("ignore::tapejit.TraceWarning")
def test_an_object_of_the_caller_that_is_returned_is_settled():
    m = Model()
    assert tj.grad(m.loss, has_aux=True)(np.ones(2))[1] is m
    assert type(m.last) is np.ndarray


# --- objects that are arrays, and C code that takes none ---------------------------------------------------------------


class Wrapped:
    def __init__(self, data):
        self.data = data

    def __array__(self, dtype=None, copy=None):
        return self.data


@pytest.mark.parametrize("size", [3, 300], ids=["small", "large"])
def test_objects_with_array(size):
    h = Wrapped(np.full(size, 2.0))
    for f in (lambda x: np.sum(x * h), lambda x: np.sum(h * x), lambda x: np.sum(np.multiply(x, h)), lambda x: np.sum(np.asarray(h) * x),
              lambda x: np.sum(np.array(h) * x)):
        np.testing.assert_array_equal(tj.grad(f)(np.ones(size)), np.full(size, 2.0))


@pytest.mark.parametrize("name", ["frexp", "modf"])
def test_functions_of_math_that_have_no_derivative_here_are_named(name):
    with pytest.raises(tj.TracingError, match=rf"math.{name}\(\) on a traced value at test_captured_writes.py:\d+"):
        tj.grad(lambda x: getattr(math, name)(x))(0.5)
    assert tj.grad(lambda x: x * len(str(getattr(math, name)(2.0))))(0.5) == len(str(getattr(math, name)(2.0)))


def test_percent_formatting_is_named():
    with pytest.raises(tj.TracingError, match="%-formatting"):
        tj.grad(lambda x: x * len("%.2f" % x))(0.5)


@np.vectorize
def stepped(v, k=2.0):
    return k * v if v > 0 else -v


def test_vectorize():
    x = np.array([[1.0, -2.0], [3.0, -4.0]])
    np.testing.assert_array_equal(tj.grad(lambda x: np.sum(stepped(x)))(x), [[2.0, -1.0], [2.0, -1.0]])
    np.testing.assert_array_equal(tj.grad(lambda x: np.sum(np.vectorize(lambda a, b: a * b)(x, [3.0, 4.0])))(x), [[3.0, 4.0], [3.0, 4.0]])
    np.testing.assert_array_equal(tj.grad(lambda x: np.sum(stepped(np.ones(3)) * x))(np.ones(3)), [2.0, 2.0, 2.0])


def test_ndenumerate_and_flat():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])

    def f(x):
        total = 0.0
        for (i, j), v in np.ndenumerate(x):
            total = total + (i + 10 * j) * v
        return total

    def g(x):
        u = np.zeros(3)
        u.flat[0:2] = [1.0, x[0, 0]]
        return np.sum(u * np.arange(3.0))
    np.testing.assert_array_equal(tj.grad(f)(x), [[0.0, 10.0], [1.0, 11.0]])
    np.testing.assert_array_equal(tj.grad(g)(x), [[1.0, 0.0], [0.0, 0.0]])


def test_nditer_and_functions_that_take_no_tracers_are_named():
    with pytest.raises(tj.UnsupportedError, match=r"numpy.nditer"):
        tj.grad(lambda x: sum(np.nditer(x, flags=["buffered"])))(np.ones(2))
    special = pytest.importorskip("scipy.special")
    with pytest.raises(tj.TracingError, match=r"scipy\.special\.\S*factorial2"):
        tj.grad(lambda x: np.sum(special.factorial2(x)))(np.ones(2))
