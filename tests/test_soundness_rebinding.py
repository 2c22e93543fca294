"""Arrays that are bound anew between calls, or written: read from their place at each call, with the trace that there is."""

import types

import numpy as np
import pytest

import tapejit as tj

batch = None


def set_batch(value):
    global batch
    batch = value


class Model:
    def __init__(self, size):
        self.w = np.ones(size)
        self.parts = {f"w{k}": np.ones(size) for k in range(12)}
        self.layers = [np.ones(size) for _ in range(6)]

    def loss(self, x):
        return np.sum(self.w * x)

    def of_dict(self, x):
        return np.sum(self.parts["w3"] * x)

    def of_list(self, x):
        return np.sum(self.layers[5] * x)


def traces(gradient, x, change, read, steps=6):
    """How many traces it takes to follow `change`."""
    for _ in range(steps):
        np.testing.assert_array_equal(gradient(x), read())
        change()
    np.testing.assert_array_equal(gradient(x), read())
    return gradient.specializer.kept


@pytest.mark.parametrize("size, most", [(3, 2), (300, 1)], ids=["small", "large"])
@pytest.mark.parametrize("how", ["rebound", "written"])
def test_weights_that_are_trained(size, most, how):
    """A small array costs one more trace, when it changes first; a large one none."""
    m, x = Model(size), np.full(size, 0.5)

    def change(table, key):
        def step():
            if how == "rebound":
                table[key] = table[key] + 1.0
            else:
                table[key][:] += 1.0
        return step
    assert traces(tj.grad(m.loss), x, change(vars(m), "w"), lambda: m.w) <= most
    assert traces(tj.grad(m.of_dict), x, change(m.parts, "w3"), lambda: m.parts["w3"]) <= most
    assert traces(tj.grad(m.of_list), x, change(m.layers, 5), lambda: m.layers[5]) <= most
    set_batch(np.ones(size))
    assert traces(tj.grad(lambda x: np.sum(batch * x)), x, change(globals(), "batch"), lambda: batch) <= most


@pytest.mark.parametrize("size, most", [(3, 2), (300, 1)], ids=["small", "large"])
def test_a_minibatch_in_a_variable(size, most):
    b = np.ones(size)
    gradient = tj.grad(lambda x: np.sum(b * x))

    def change():
        nonlocal b
        b = b + 1.0
    assert traces(gradient, np.ones(size), change, lambda: b) <= most


def test_another_shape_dtype_or_layout_is_another_trace():
    m = types.SimpleNamespace(w=np.ones((20, 30)))
    gradient = tj.grad(lambda x: np.sum(m.w.ravel("K") * x))
    x = np.ones(600)
    for w in (np.ones((20, 30)), np.arange(600.0).reshape(30, 20).T, np.arange(600).reshape(20, 30), np.ones((30, 20)), np.ones((2, 300))):
        m.w = w
        np.testing.assert_array_equal(gradient(x), w.ravel("K"))
    assert gradient.specializer.kept == 5
    m.w = [1.0] * 600
    with pytest.raises(AttributeError, match="ravel"):
        gradient(x)
    del m.w
    with pytest.raises(AttributeError, match="w"):
        gradient(x)


def test_a_captured_array_that_is_given_another_layout():
    w = np.arange(400.0).reshape(20, 20)
    gradient = tj.grad(lambda x: np.sum(w.ravel("K") * x))
    np.testing.assert_array_equal(gradient(np.ones(400)), w.ravel())
    w.strides = w.strides[::-1]
    np.testing.assert_array_equal(gradient(np.ones(400)), w.ravel("K"))


PLACES = {
    "default": lambda a: (lambda x, w=a: np.sum(w * x)),
    "list": lambda a: (lambda x, items=[a] * 40: np.sum(items[0] * x)),
    "tuple": lambda a: (lambda x, items=(a,): np.sum(items[0] * x)),
    "class": lambda a: (lambda x, cls=type("C", (), {"w": a}): np.sum(cls.w * x)),
    "global": lambda a: (lambda x: np.sum(batch * x)),
    "namespace": lambda a: (lambda x, o=types.SimpleNamespace(w=a): np.sum(o.w * x)),
}


@pytest.mark.parametrize("size", [3, 300], ids=["small", "large"])
@pytest.mark.parametrize("make", PLACES.values(), ids=PLACES)
def test_an_array_at_two_places_of_which_one_changes(make, size):
    """The other place still holds the array that was there."""
    a = np.ones(size)
    m, other = types.SimpleNamespace(w=a), make(a)
    set_batch(a)
    gradient = tj.grad(lambda x: np.sum(m.w * x) + 10 * other(x))
    for k in range(1, 5):
        np.testing.assert_array_equal(gradient(np.ones(size)), m.w + 10)
        m.w = np.full(size, float(k))


def test_a_decision_on_an_array_that_is_bound_anew():
    m = types.SimpleNamespace(w=np.ones(300))
    gradient = tj.grad(lambda x: x * (2.0 if m.w[0] > 0 else 5.0) * m.w.shape[0])
    assert gradient(1.0) == 600.0
    m.w = -m.w
    assert gradient(1.0) == 1500.0
    m.w = -m.w
    assert gradient(1.0) == 600.0 and gradient.specializer.kept == 2


def test_an_array_that_f_binds_anew_is_read_again():
    m = types.SimpleNamespace(w=np.ones(300))

    def f(x):
        m.w = m.w + 1.0
        return np.sum(m.w * x)
    with pytest.warns(tj.TraceWarning):
        gradients = [tj.grad(f)(np.ones(300))[0] for _ in range(3)]
    assert gradients == [2.0, 3.0, 4.0]
