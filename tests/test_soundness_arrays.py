"""A kept trace never answers for changed arrays: small ones are compared by content, large ones are read by reference."""

import types

import numpy as np
import pytest

import tapejit as tj

from .soundness_modules import noticed

array = None


def set_global(name, value):
    globals()[name] = value


ARRAYS = {
    "in place": (lambda a: lambda x: np.sum(a * x) / len(a), lambda a: a.__setitem__(slice(None), 5.0)),
    "an element, read as a number": (lambda a: lambda x: a[1] * x, lambda a: a.__setitem__(1, 5.0)),
    "through an untraced computation": (lambda a: lambda x: np.sum(a * 2.0) / (2 * len(a)) * x, lambda a: a.__setitem__(slice(None), 5.0)),
    "through a decision": (lambda a: lambda x: (2.0 if a[0] < 3 else 5.0) * x, lambda a: a.__setitem__(0, 7.0)),
    "through float()": (lambda a: lambda x: float(a[0]) * x, lambda a: a.__setitem__(0, 5.0)),
    "through a list": (lambda a: lambda x: a.tolist()[0] * x, lambda a: a.__setitem__(0, 5.0)),
    "through a view": (lambda a: lambda x: a[::2][0] * x, lambda a: a.__setitem__(0, 5.0)),
    "through a copy": (lambda a: lambda x: np.array(a)[0] * x, lambda a: a.__setitem__(0, 5.0)),
    "through a function that is not differentiated": (lambda a: lambda x: np.unique(a)[-1] * x, lambda a: a.__setitem__(0, 5.0)),
    "through item() of a computation": (lambda a: lambda x: np.sqrt(a * a).max().item() * x, lambda a: a.__setitem__(0, 5.0)),
    "as an index": (lambda a: lambda x: np.arange(9.0)[int(a[0])] * x, lambda a: a.__setitem__(0, 5.0)),
    "as a mask": (lambda a: lambda x: np.where(a > 3, 5.0, 2.0)[0] * x, lambda a: a.__setitem__(0, 7.0)),
}


@pytest.mark.parametrize("size", [4, 1024], ids=["small", "large"])
@pytest.mark.parametrize("make, change", ARRAYS.values(), ids=ARRAYS)
def test_arrays_changed_in_place(make, change, size):
    """An array that f reads by name, and that is changed in place, is noticed: small ones by content, large ones by reference."""
    a = np.full(size, 2.0)
    noticed(make(a), lambda: change(a))


def test_large_arrays_changed_in_place_do_not_cost_a_trace():
    a = np.full(1024, 2.0)
    gradient = tj.grad(lambda x: np.sum(a * x) / 1024)
    assert gradient(1.0) == 2.0
    a[:] = 5.0
    assert gradient(1.0) == 5.0 and gradient.specializer.kept == 1


@pytest.mark.parametrize("size", [4, 1024], ids=["small", "large"])
def test_an_array_bound_anew(size):
    set_global("array", np.full(size, 2.0))
    noticed(lambda x: array[0] * x, lambda: set_global("array", np.full(size, 5.0)))


@pytest.mark.parametrize("size", [4, 1024], ids=["small", "large"])
def test_arrays_in_containers_and_objects(size):
    table, items, o = {"w": np.full(size, 2.0)}, [np.full(size, 2.0)], types.SimpleNamespace(w=np.full(size, 2.0))
    noticed(lambda x: table["w"][0] * x, lambda: table["w"].__setitem__(0, 5.0))
    noticed(lambda x: items[0][0] * x, lambda: items[0].__setitem__(0, 5.0))
    noticed(lambda x: o.w[0] * x, lambda: o.w.__setitem__(0, 5.0))
    noticed(lambda x: table["w"][1] * x, lambda: table.update(w=np.full(size, 5.0)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_array_that_is_given_another_shape():
    a = np.zeros((2, 5))

    def change():
        a.shape = (5, 2)
    noticed(lambda x: a.shape[0] * x, change)
    a = np.zeros((2, 5, 100))
    noticed(lambda x: a.shape[0] * x, lambda: setattr(a, "shape", (5, 2, 100)))


def test_arrays_of_strings_and_objects():
    words, objects = np.array(["two", "x"]), np.array([2.0, None], dtype=object)
    noticed(lambda x: (2.0 if words[0] == "two" else 5.0) * x, lambda: words.__setitem__(0, "5"))
    noticed(lambda x: objects[0] * x, lambda: objects.__setitem__(0, 5.0))


def test_an_array_behind_a_view():
    memory = np.full(2048, 2.0)
    view = memory[::2]
    noticed(lambda x: np.sum(view * x) / 1024, lambda: memory.__setitem__(slice(None), 5.0))




def test_numbers_taken_from_a_computation_on_a_large_array_are_kept():
    """They are computed anew from the array: one trace serves, whatever the last bit of the kernel's sum."""
    a = np.random.default_rng(0).normal(size=1000)
    gradient = tj.grad(lambda x: np.sin(a).sum().item() * x + np.linalg.norm(np.exp(a)).item() * x)
    expected = np.sin(a).sum() + np.linalg.norm(np.exp(a))
    np.testing.assert_allclose([gradient(1.0), gradient(2.0)], expected, rtol=1e-14)
    assert gradient.specializer.kept == 1
    a[0] += 1.0
    np.testing.assert_allclose(gradient(1.0), np.sin(a).sum() + np.linalg.norm(np.exp(a)), rtol=1e-14)
