"""What the tests of retargeting share: comparison with the untraced function, and a function that needs retargeting."""

import numpy as np
import pytest

import tapejit as tj

scale = 2.0


def numeric(f, x, h=1e-6):
    """The derivative of f at the number x, by differences of f itself, untraced."""
    return (f(x + h) - f(x - h)) / (2 * h)


def agrees(f, x=0.7):
    """The value and the derivative of the traced function are those of f."""
    value, gradient = tj.value_and_grad(f)(x)
    assert value == pytest.approx(f(x), rel=1e-14)
    assert gradient == pytest.approx(numeric(f, x), rel=1e-6, abs=1e-8)


def fill(x):
    """Written into an array made by np.zeros: an error unless np.zeros is retargeted."""
    r = np.zeros(3)
    for i in range(3):
        r[i] = x ** i
    return np.sum(r)
