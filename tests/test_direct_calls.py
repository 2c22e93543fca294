"""Generated calls answer what the general path answers, of every transform, and hand over what they are not made for."""

import threading

import numpy as np
import pytest

import tapejit as tj
from tapejit.errors import ArgumentError
from tapejit.request import Request
from tapejit.specialize import Specializer
from tapejit.tree import flatten

X, V = np.array([0.3, -0.7, 1.9]), np.array([1.0, 2.0, -0.5])
SCALE = np.array([1.0, 10.0, 100.0])


def wave(x):
    return np.sin(x) * x


def weighed(x, power=2, *, scale=1.0, shift=None):
    return np.sum(np.abs(x) ** power * scale + (0.0 if shift is None else shift))


def pair(x, y):
    return {"a": x * y, "b": (np.sum(x), 3)}


def cubed(d):
    return d["x"] ** d["n"]


def captured(x):
    return np.sum(x * SCALE) * x


def pair_of_arrays(x, y):
    return {"a": np.outer(x, y), "b": y * 2}


def solved(x):
    return np.linalg.cholesky(np.outer(x, x) + 2 * np.eye(3))[1]


def linear_part(f, *primals):
    def call(*given):
        return tj.linearize(f, *primals)[1](*given)

    return call


def pullback(f, *primals):
    return lambda *given: tj.vjp(f, *primals)[1](*given)


CALLS = {
    "keywords": (tj.value_and_grad(weighed), (X,), {"scale": 2.0, "power": 3}),
    "a traced keyword": (tj.grad(weighed, argnames="scale"), (X,), {"scale": 2.0}),
    "a keyword with an array": (tj.grad(weighed, argnames=("shift", "scale")), (X,), {"shift": V, "scale": np.float64(0.5)}),
    "jvp": (lambda *args: tj.jvp(wave, *args), ((X,), (V,)), {}),
    "jvp of numbers": (lambda *args: tj.jvp(wave, *args), ((0.5,), (2.0,)), {}),
    "jvp of scalars": (lambda *args: tj.jvp(pair, *args), ((np.float64(0.5), 2.0), (np.float64(1.5), 0.25)), {}),
    "jvp of containers": (lambda *args: tj.jvp(cubed, *args), (({"x": X, "n": 3},), ({"x": V, "n": None},)), {}),
    "vjp": (lambda *args: tj.vjp(pair, *args)[0], (X, V), {}),
    "pullback": (pullback(wave, X), (V,), {}),
    "pullback of containers": (pullback(pair, X, V), ({"a": V, "b": (2.0, None)},), {}),
    "pullback to numbers": (pullback(pair, 0.5, np.float64(2.0)), ({"a": np.float64(1.0), "b": (0.5, None)},), {}),
    "linear function": (linear_part(pair, X, V), (V, X), {}),
    "linear function of a number": (linear_part(wave, 0.7), (2.0,), {}),
    "what depends on no seed": (linear_part(lambda x: (x * 2, np.zeros(2)), X), (V,), {}),
    "host call": (tj.jacrev(solved), (X,), {}), "jvp with host calls": (lambda *args: tj.jvp(solved, *args), ((X,), (V,)), {}),
    "pullback with host calls": (pullback(solved, X), (V,), {}),
    "jacrev": (tj.jacrev(wave), (X,), {}), "jacfwd": (tj.jacfwd(wave), (X,), {}), "hessian": (tj.hessian(weighed), (X,), {"power": 4}),
    "blocks": (tj.jacrev(pair_of_arrays, (0, 1)), (X, V[:2]), {}),
    "blocks forward": (tj.jacfwd(pair_of_arrays, (0, 1)), (X, V[:2]), {}), "row of a number": (tj.jacfwd(weighed), (X,), {}),
    "derivative of a number": (tj.jacfwd(lambda x: x**3), (2.0,), {}), "single precision": (tj.jacfwd(wave), (X.astype(np.float32),), {}),
    "aux": (tj.jacrev(lambda x: (wave(x), {"sum": np.sum(x)}), has_aux=True), (X,), {}), "captured array": (pullback(captured, X), (V,), {}),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_warm_call_answers_what_the_first_did(name):
    function, args, kwargs = CALLS[name]
    first = function(*args, **kwargs)
    for _ in range(3):
        leaves, tree = flatten(function(*args, **kwargs))
        expected, shape = flatten(first)
        assert tree == shape
        for found, leaf in zip(leaves, expected):
            assert type(found) is type(leaf) and np.asarray(found).tobytes() == np.asarray(leaf).tobytes() and np.shape(found) == np.shape(leaf)


@pytest.mark.parametrize("kind, function, extra", [
    ("jvp", wave, (V,)), ("vjp", wave, None), ("linearize", wave, None), ("jacrev", wave, None), ("jacfwd", wave, None), ("jit", solved, None)])
def test_a_warm_call_is_generated(kind, function, extra):
    specializer = Specializer(function, Request(kind, (0,) if kind != "jit" else (), (), False, True, False, None, False))
    for _ in range(2):
        specializer.fast((X,), {}, extra)
    assert specializer.fast.__code__.co_filename == "<direct call>"
    specializer.call = None  # nothing is left to the general path
    specializer.chain[0].otherwise = None
    specializer.fast((X + 0.1,), {}, extra)


def test_other_keywords_are_another_call():
    gradient = tj.grad(lambda x, **options: x * sum(k * v for k, v in enumerate(options.values(), 1)))
    for _ in range(3):
        assert gradient(1.0, a=2.0, b=3.0) == 8.0
    assert gradient(1.0, b=3.0, a=2.0) == 7.0
    assert gradient(1.0, a=2.0) == 2.0
    assert gradient(1.0, a=2.0, b=3.0, c=1.0) == 11.0
    assert gradient(1.0) == 0.0
    assert tj.grad(weighed)(X, power=2).tolist() == (2 * X).tolist()
    assert tj.grad(weighed)(X, power=1).tolist() == np.sign(X).tolist()


def test_what_is_given_to_a_warm_call_is_still_checked():
    for _ in range(3):
        tj.jvp(wave, (X,), (V,))
        out, pull = tj.vjp(wave, X)
        pull(V), pull(V)
    with pytest.raises(ArgumentError, match=r"jvp: tangents\[0\]: expected shape \(3,\)"):
        tj.jvp(wave, (X,), (V[:2],))
    with pytest.raises(ArgumentError, match=r"pullback: the cotangent: expected shape \(3,\)"):
        pull(V[:2])
    with pytest.raises(ArgumentError, match="expected one cotangent"):
        pull(V, V)
    every_other = np.repeat(V, 2)[::2]
    assert pull(every_other)[0].tobytes() == pull(V)[0].tobytes()
    assert pull(V.astype(np.float32))[0].tobytes() == pull(V)[0].tobytes()


def test_a_pullback_stands_for_the_point_at_which_it_was_made():
    x, scale = X.copy(), np.array([1.0, 2.0, 3.0])

    def f(x):
        return np.sum(x * scale) * x

    for _ in range(3):
        out, pull = tj.vjp(f, x)
    expected = pull(V)[0]
    x[:], scale[:] = 0.0, 5.0
    np.testing.assert_array_equal(pull(V)[0], expected)
    others = [tj.vjp(f, X * k)[1] for k in (1, 2)]
    np.testing.assert_array_equal(pull(V)[0], expected)
    np.testing.assert_allclose(others[1](V)[0], 2 * others[0](V)[0])


def test_warm_branches_and_failures_go_where_the_function_goes():
    def branching(x):
        return x * 2.0 if x[0] > 0 else x * 3.0

    for _ in range(3):
        assert tj.vjp(branching, X)[1](V)[0].tolist() == (2 * V).tolist()
        assert tj.jvp(branching, (-X,), (V,))[1].tolist() == (3 * V).tolist()
    assert tj.vjp(branching, -X)[1](V)[0].tolist() == (3 * V).tolist()
    assert tj.jvp(branching, (X,), (V,))[1].tolist() == (2 * V).tolist()
    factor = tj.grad(lambda a: np.sum(np.linalg.cholesky(a)))
    good = np.array([[2.0, 0.3], [0.3, 1.0]])
    before = [factor(good) for _ in range(3)]
    with pytest.raises(np.linalg.LinAlgError):
        factor(-good)
    np.testing.assert_array_equal(factor(good), before[0])


def test_one_pullback_serves_several_threads():
    out, pull = tj.vjp(wave, np.linspace(0, 1, 2000))
    seeds = [np.full(2000, float(k)) for k in range(8)]
    expected = [pull(seed)[0] for seed in seeds]
    wrong = []

    def work(k):
        for _ in range(50):
            if pull(seeds[k])[0].tobytes() != expected[k].tobytes():
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_transforms_of_short_lived_functions_are_told_apart():
    for k in range(200):
        assert tj.jvp(lambda x: x * k, (1.0,), (1.0,))[1] == k
