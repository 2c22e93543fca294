"""A function that draws random numbers, reads a clock, or changes what it reads is traced at each call, and says so once."""

import datetime
import os
import random
import secrets
import time
import uuid
from time import perf_counter

import numpy as np
import pytest

import tapejit as tj

generator = np.random.default_rng(1)
legacy = np.random.RandomState(1)
python_generator = random.Random(1)
holder = {"generator": np.random.default_rng(1)}
count = 0


class Model:
    def __init__(self):
        self.generator = np.random.default_rng(1)
        self.calls = 0
        self.history = []
        self.last = None

    def draw(self, x):
        return self.generator.normal() * x

    def counting(self, x):
        self.calls += 1
        return self.calls * x

    def remembering(self, x):
        self.history.append(1.0)
        return len(self.history) * x

    def keeping(self, x):
        self.last = 2 * x
        return x


DRAWS = {
    "np.random.normal": lambda x: np.random.normal() * x,
    "np.random.rand": lambda x: np.sum(np.random.rand(3)) * x,
    "np.random.randn": lambda x: np.random.randn() * x,
    "a generator": lambda x: generator.normal() * x,
    "a RandomState": lambda x: legacy.normal() * x,
    "a generator in a dict": lambda x: holder["generator"].normal() * x,
    "an attribute of an object": Model().draw,
    "a bound method": lambda x, draw=generator.normal: draw() * x,
    "random.random": lambda x: random.random() * x,
    "random.gauss": lambda x: random.gauss(0, 1) * x,
    "a random.Random": lambda x: python_generator.random() * x,
    "an unseeded default_rng": lambda x: np.random.default_rng().normal() * x,
    "an unseeded RandomState": lambda x: np.random.RandomState().normal() * x,
    "an unseeded random.Random": lambda x: random.Random().random() * x,
    "SystemRandom": lambda x: random.SystemRandom().random() * x,
}


@pytest.mark.parametrize("f", DRAWS.values(), ids=DRAWS)
def test_draws_are_drawn_at_each_call(f):
    gradient = tj.grad(f)
    with pytest.warns(tj.TraceWarning, match="traced again at each call"):
        first = gradient(1.0)
    assert len({first, *(gradient(1.0) for _ in range(4))}) == 5


def test_a_draw_moves_the_users_generator_as_numpy_does():
    ours, numpys = np.random.default_rng(3), np.random.default_rng(3)
    gradient = tj.grad(lambda x: ours.normal() * x)
    with pytest.warns(tj.TraceWarning):
        assert [gradient(1.0) for _ in range(3)] == [numpys.normal() for _ in range(3)]


def test_a_seeded_generator_made_inside_is_kept():
    gradient = tj.grad(lambda x: np.random.default_rng(3).normal() * x)
    assert gradient(1.0) == gradient(1.0) == np.random.default_rng(3).normal()
    assert gradient.specializer.kept == 1


def test_a_generator_that_is_not_drawn_from_is_no_obstacle():
    gradient = tj.grad(lambda x: 2.0 * x if generator is not None else x)
    assert gradient(1.0) == gradient(1.0) == 2.0
    assert gradient.specializer.kept == 1


SYSTEM = {
    "time.time": lambda x: time.time() * x,
    "time.perf_counter, imported by name": lambda x: perf_counter() * x,
    "os.urandom": lambda x: os.urandom(1)[0] * x,
    "os.environ": lambda x: len(os.environ) * x,
    "secrets": lambda x: secrets.randbelow(9) * x,
    "uuid": lambda x: uuid.uuid4().int % 7 * x,
    "datetime": lambda x: datetime.datetime.now().microsecond * x,
    "open": lambda x: len(open(__file__).name) * x,
}


@pytest.mark.parametrize("f", SYSTEM.values(), ids=SYSTEM)
def test_clocks_and_the_system_are_asked_at_each_call(f):
    gradient = tj.grad(f)
    with pytest.warns(tj.TraceWarning, match="answers differently each time"):
        gradient(1.0)
    assert gradient.specializer.kept == 0


# --- functions that change what they read ---------------------------------------------------------------------------


def counting(x):
    global count
    count += 1
    return count * x


def test_a_function_that_counts_in_a_global():
    global count
    count = 0
    gradient = tj.grad(counting)
    with pytest.warns(tj.TraceWarning, match="assigns the global 'count'"):
        assert [gradient(1.0) for _ in range(3)] == [1.0, 2.0, 3.0]
    assert count == 3


def test_a_function_that_counts_in_a_variable_around_it():
    calls = 0

    def f(x):
        nonlocal calls
        calls += 1
        return calls * x
    gradient = tj.grad(f)
    with pytest.warns(tj.TraceWarning, match="'calls'"):
        assert [gradient(1.0) for _ in range(3)] == [1.0, 2.0, 3.0]
    assert calls == 3


@pytest.mark.parametrize("method", ["counting", "remembering"])
def test_a_method_that_changes_its_object(method):
    model = Model()
    gradient = tj.grad(getattr(model, method))
    with pytest.warns(tj.TraceWarning, match="which it reads"):
        assert [gradient(1.0) for _ in range(3)] == [1.0, 2.0, 3.0]


def test_a_traced_value_left_in_an_attribute_becomes_the_value():
    model = Model()
    gradient = tj.grad(model.keeping)
    with pytest.warns(tj.TraceWarning, match="assigns Model.last"):
        assert gradient(3.0) == 1.0
    assert model.last == 6.0 and type(model.last) is float
    assert gradient(4.0) == 1.0 and model.last == 8.0


def test_a_function_that_counts_in_a_dict():
    table = {"calls": 0}

    def f(x):
        table["calls"] += 1
        return table["calls"] * x
    gradient = tj.grad(f)
    with pytest.warns(tj.TraceWarning, match="changes the variable 'table'"):
        assert [gradient(1.0) for _ in range(3)] == [1.0, 2.0, 3.0]


def test_traced_values_left_in_a_list_become_the_values():
    history, table = [], {}

    def f(x):
        history.append(x * 2)
        table["last"] = x * 3
        return x * len(history) + len(table)
    gradient = tj.grad(f)
    with pytest.warns(tj.TraceWarning, match="'history'"):
        assert [gradient(3.0), gradient(4.0)] == [1.0, 2.0]
    assert history == [6.0, 8.0] and table == {"last": 12.0}


def test_arrays_keep_their_identity_in_lists_that_f_changes():
    large = np.ones(1000)
    arrays = [large, np.sin]

    def f(x):
        arrays.append(1.0)
        return np.sum(arrays[0] * x)
    with pytest.warns(tj.TraceWarning):
        tj.grad(f)(1.0)
    assert arrays[0] is large and arrays[1] is np.sin and arrays[2] == 1.0


def test_an_iterator_is_not_reused():
    import itertools
    numbers = itertools.count(1)
    gradient = tj.grad(lambda x: next(numbers) * x)
    with pytest.warns(tj.TraceWarning, match="itertools.count"):
        assert [gradient(1.0) for _ in range(3)] == [1.0, 2.0, 3.0]


def test_a_global_assigned_by_a_function_that_raises_is_assigned():
    global count
    count = 0

    def f(x):
        global count
        count += 1
        raise ValueError("on purpose")
    with pytest.raises(ValueError, match="on purpose"):
        tj.grad(f)(1.0)
    assert count == 1
