"""The ways to a gradient that are compared. Each function takes the name of a function of `functions.py`; a missing library skips.

`grad[peer](name)` gives x -> gradient, `value_and_grad[peer](name)` gives x -> (value, gradient), `forward[peer](name)` x -> value.
"""

import numpy as np
import pytest

import tapejit as tj
from tapejit.examples.peers import with_other_numpy

from . import functions, hand_written


def fresh(name, other=np):
    """A function of `functions.py` that no library has seen before, with `other` for NumPy."""
    return getattr(with_other_numpy(functions, other), name)


def autograd(transform):
    autograd = pytest.importorskip("autograd")

    def make(name):
        return getattr(autograd, transform)(fresh(name, autograd.numpy))

    return make


def jax(transform, jit=True):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)

    def make(name):
        function = getattr(jax, transform)(fresh(name, jax.numpy))
        if jit:
            function = jax.jit(function)
        return lambda *args: jax.block_until_ready(function(*args))

    return make


def tapejit(transform):
    return lambda name: getattr(tj, transform)(fresh(name))


def by_hand(transform):
    names = {"grad": "{}_gradient_by_hand", "value_and_grad": "{}_by_hand"}
    return lambda name: fresh(names[transform].format(name))


def c(transform):
    return getattr(hand_written, transform)


def numpy_forward(transform):
    """The function itself, without a derivative: what NumPy needs for the value alone."""
    return fresh


PEERS = {
    "tapejit": tapejit,
    "C by hand": c,
    "NumPy by hand": by_hand,
    "NumPy, the value alone": numpy_forward,
    "JAX, jitted": jax,
    "autograd": autograd,
}


def check(peer, transform, result, expected_value, expected_gradient, rtol=1e-12):
    """Assert that what a peer returned is right: exact formulas give the expectation."""
    if peer == "NumPy, the value alone":
        value, gradient = result, expected_gradient
    else:
        value, gradient = (expected_value, result) if transform == "grad" else result
    np.testing.assert_allclose(value, expected_value, rtol=rtol)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=rtol, atol=rtol * np.max(np.abs(expected_gradient)))
