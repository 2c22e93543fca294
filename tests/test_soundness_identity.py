"""What a function asks about its arrays besides their values: whether two are one object, and their flags."""

import numpy as np
import pytest

import tapejit as tj

A, B = np.arange(1.0, 5.0), np.arange(2.0, 6.0)


def scaled(t, a, b, c):
    return t * np.sum(a * b) * (2 if a is b else 3) * (5 if b is c else 7)


@pytest.mark.parametrize("transform", [tj.value_and_grad, tj.jit])
def test_one_array_in_two_places(transform):
    kept = transform(scaled)
    C = B + 1
    calls = [(A, B, C), (A, A, C), (B, B, B), (A, B, B), (B, A, B), (A, A, C), (C, C, C), (A, B, C)]
    for arrays in calls * 2:
        value = kept(1.5, *arrays)
        assert (value if transform is tj.jit else value[0]) == pytest.approx(scaled(1.5, *arrays))


def test_a_differentiated_array_in_two_places():
    def f(a, b):
        return np.sum(a * b) * (2 if a is b else 3)
    gradient = tj.grad(f)
    np.testing.assert_array_equal(gradient(A, B), 3 * B)
    for _ in range(2):
        with pytest.raises(tj.TracingError, match=r"args\[0\] and args\[1\] are one array, and the function asks by `is`, at test_soundness_identity.py:\d+"):
            gradient(A, A)
    np.testing.assert_array_equal(tj.grad(lambda a, b: np.sum(a * b * (2 if b is None else 3)))(A, A), 3 * A)  # asks nothing about them


def test_the_same_without_retargeting():
    kept = tj.jit(scaled, retarget=False)
    for arrays in ((A, B, B), (A, A, B), (A, B, B)):
        assert kept(1.5, *arrays) == pytest.approx(scaled(1.5, *arrays))


def test_flags():
    def f(x):
        return np.sum(x) * (2 if x.flags.writeable else 3) * (5 if x[1:].flags.owndata else 7)
    frozen = A.copy()
    frozen.flags.writeable = False
    gradient = tj.grad(f)
    for x, slope in ((A, 14.0), (frozen, 21.0), (A, 14.0), (frozen, 21.0)):
        np.testing.assert_array_equal(gradient(x), np.full(4, slope))


FLAT = {
    "reversed": lambda y: y.flat.__setitem__(..., y[::-1]), "shifted": lambda y: y.flat.__setitem__(slice(1, None), y[:-1]),
    "a view": lambda y: y[1:].flat.__setitem__(..., y[:-1]), "masked": lambda y: y.flat.__setitem__(y > 0, y[::-1])}


@pytest.mark.parametrize("name", FLAT)
def test_flat_set_to_a_part_of_itself_is_refused(name):
    def f(x):
        y = x * 1
        FLAT[name](y)
        return np.sum(y * B)
    with pytest.raises(tj.UnsupportedError, match=r"\.flat is set to a part of the same array.*assign a copy"):
        tj.grad(f)(A)


def test_flat_set_to_a_copy():
    def f(x):
        y = x * 1
        y.flat[...] = y[::-1].copy()
        z = x * 1
        z.flat = z[::-1]  # NumPy copies here
        return np.sum((y + z) * B)
    value, gradient = tj.value_and_grad(f)(A)
    assert value == f(A)
    np.testing.assert_array_equal(gradient, 2 * B[::-1])
