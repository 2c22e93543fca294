"""autodiff inside functions that are traced: derivatives of derivatives, jit, and what is refused there. Truth: hvp, grad and jacobian."""

import numpy as np
import pytest

import tapejit as tj
from tapejit import (Active, BatchDuplicated, Const, Dual, Duplicated, Forward, ForwardWithPrimal, Reverse, ReverseWithPrimal, autodiff, split)
from tapejit.trace import Trace

X = np.linspace(0.1, 1.0, 5)
V = np.arange(1.0, 6.0)


def energy(x):
    return np.sum(np.sin(x) * x) * np.sum(x**2)


def step(state, out, dt):
    """Writes `out` and `state` in place."""
    out[:] = np.sin(state) * dt + out[::-1]
    state *= 1.0 + dt


def gradient(x):
    dx = np.zeros_like(x)
    autodiff(Reverse, energy, Duplicated(x, dx))
    return dx


def final(x):
    """The last element of what two steps write."""
    state, out = x.copy(), np.zeros(5)
    step(state, out, 0.3)
    step(state, out, 0.3)
    return np.sum(out * state)


def final_gradient(x):
    """The gradient of `final`, through the shadows of what it writes."""
    state, out, d_state = x.copy(), np.zeros(5), np.zeros(5)
    d_out = np.zeros(5)

    def steps(state, out):
        step(state, out, 0.3)
        step(state, out, 0.3)
        return np.sum(out * state)

    autodiff(Reverse, steps, Duplicated(state, d_state), Duplicated(out, d_out))
    return d_state


def test_forward_over_reverse():
    """Enzyme's idiom for a Hessian times a vector: the shadow of the shadow."""
    for _ in range(3):
        dx, dv = np.zeros(5), np.zeros(5)
        autodiff(Forward, lambda x, dx: autodiff(Reverse, energy, Duplicated(x, dx)), Dual(X, V), Dual(dx, dv))
        np.testing.assert_allclose(dx, tj.grad(energy)(X), rtol=1e-13)
        np.testing.assert_allclose(dv, tj.hvp(energy)(X, V), rtol=1e-12)


def hessian_product(x, v):
    return np.sum(gradient(x) * v)


def test_reverse_over_reverse():
    dx = np.zeros(5)
    autodiff(Reverse, hessian_product, Duplicated(X, dx), Const(V))
    np.testing.assert_allclose(dx, tj.hvp(energy)(X, V), rtol=1e-12)


@pytest.mark.parametrize("transform, expected", [
    (lambda: tj.jit(gradient)(X), lambda: tj.grad(energy)(X)),
    (lambda: tj.jacobian(gradient)(X), lambda: tj.hessian(energy)(X)),
    (lambda: tj.jacfwd(gradient)(X), lambda: tj.hessian(energy)(X)),
    (lambda: tj.grad(lambda x: np.sum(gradient(x) * V))(X), lambda: tj.hvp(energy)(X, V)),
    (lambda: tj.jvp(gradient, (X,), (V,))[1], lambda: tj.hvp(energy)(X, V)),
    (lambda: tj.jit(final_gradient)(X), lambda: tj.grad(final)(X)),
    (lambda: tj.jacobian(final_gradient)(X), lambda: tj.hessian(final)(X)),
    (lambda: tj.grad(lambda x: autodiff(Forward, energy, Dual(x, V)))(X), lambda: tj.hvp(energy)(X, V)),
    (lambda: tj.grad(lambda a: autodiff(Reverse, lambda a: a**3, Active(a))[0])(2.0), lambda: 12.0),
    (lambda: tj.grad(lambda a: autodiff(ReverseWithPrimal, lambda a: a**3, Active(a))[1])(2.0), lambda: 12.0),
    (lambda: tj.grad(lambda a: autodiff(ForwardWithPrimal, lambda a: a**3, Dual(a, 1.0))[0])(2.0), lambda: 12.0),
    (lambda: tj.grad(lambda a: autodiff(Forward, lambda b: b**3, Dual(2.0, a)))(5.0), lambda: 12.0),
])
def test_of_a_function_that_calls_autodiff(transform, expected):
    for _ in range(2):
        np.testing.assert_allclose(transform(), expected(), rtol=1e-11)


@pytest.mark.parametrize("leading", [False, True])
def test_a_batch_inside(leading):
    def rows(x, seeds):
        shadows = np.zeros((2, 5)) if leading else (np.zeros(5), np.zeros(5))
        autodiff(Reverse, lambda x: np.sin(x) * x, BatchDuplicated(x, shadows), seed=(seeds[0], seeds[1]))
        return np.array([shadows[0], shadows[1]])

    seeds = np.array([V, -np.ones(5)])
    np.testing.assert_allclose(tj.jit(rows)(X, seeds), rows(X, seeds), rtol=1e-14)
    weighted = tj.grad(lambda x: np.sum(rows(x, seeds) * 2))(X)
    np.testing.assert_allclose(weighted, 2 * (V - 1) * (2 * np.cos(X) - X * np.sin(X)), rtol=1e-12)


def test_a_written_argument_inside_is_written_and_its_shadow_too():
    def states(x):
        state, out, d_state, d_out = x.copy(), x - 0.5, np.arange(5.0), np.ones(5)
        autodiff(Reverse, step, Duplicated(state, d_state), Duplicated(out, d_out), Const(0.3))
        return state, out, d_state, d_out

    for found, expected in zip(tj.jit(states)(X), states(X), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-14)


def two(a, b):
    return np.sum(a * b)


def shadows_of(make):
    """A function of x that gives `two` the shadows that make(x, y) returns."""
    def f(x):
        y = x * 2.0
        first, second = make(x, y)
        autodiff(Reverse, two, Duplicated(x, first), Duplicated(y, second))
        return y

    return f


Z = np.zeros(5)
BASE = np.zeros(6)
SAME = "each shadow needs a buffer of its own, such as make_zero gives"


@pytest.mark.parametrize("function, error, words", [
    (lambda x: autodiff(Reverse, energy, Duplicated(x, Z)), tj.ShadowTypeError,
     "the shadow of args[0]: expected a traced array, since autodiff is called in a function that is being traced and it receives a traced value: "
     "pass it as an argument of that function"),
    (lambda x: autodiff(Forward, step, Dual(x.copy(), V), Dual(Z, x.copy()), Const(0.3)), tj.ShadowTypeError,
     "args[1]: expected a traced array, since autodiff is called in a function that is being traced and step writes into it: "
     "pass it as an argument of that function"),
    (shadows_of(lambda x, y: (np.zeros(5), np.zeros(5, "f4"))), tj.ShadowTypeError,
     "the shadow of args[1]: expected dtype float64, as its primal has, found float32"),
    (shadows_of(lambda x, y: (np.zeros(5), np.zeros(4))), tj.ShadowShapeError, "the shadow of args[1]: expected shape (5,), as its primal has, found (4,)"),
    (shadows_of(lambda x, y: (np.zeros(5), y)), tj.ShadowOverlapError, f"the shadow of args[1] shares memory with args[1]: {SAME}"),
    (shadows_of(lambda x, y: (y[::-1], np.zeros(5))), tj.ShadowOverlapError, f"the shadow of args[0] shares memory with args[1]: {SAME}"),
    (shadows_of(lambda x, y: (lambda z: (z[:5], z[1:]))(np.zeros(6))), tj.ShadowOverlapError,
     f"the shadow of args[1] shares memory with the shadow of args[0]: {SAME}"),
    (lambda x: (lambda s: autodiff(Reverse, step, Duplicated(s, np.ones(5)), Duplicated(s[::-1], np.ones(5)), Const(0.1)))(x.copy()), tj.ShadowOverlapError,
     "args[1], which step writes, shares memory with args[0]: pass a copy"),
    (lambda x: tj.grad(energy, out=Z)(x), tj.ArgumentError,
     "grad: out= takes no traced values: use the gradient that grad(f) returns without it, or autodiff"),
    (lambda x: tj.value_and_grad(energy, out=np.zeros(5))(x)[1], tj.ArgumentError,
     "value_and_grad: out= takes no traced values: use the gradient that value_and_grad(f) returns without it, or autodiff"),
    (lambda x: tj.vjp(energy, x)[1](1.0, out=(Z,)), tj.ArgumentError,
     "pullback: out= takes no traced values: add to a traced array instead, or use autodiff"),
    (lambda x: PULLBACK(1.0, out=(Z,)), tj.ArgumentError,
     "pullback: out= takes no traced values: add to a traced array instead, or use autodiff"),
])
def test_what_is_refused_in_a_traced_function(function, error, words):
    for _ in range(2):
        with pytest.raises(error) as caught:
            tj.jit(function)(X)
        assert str(caught.value) == words
        assert not Z.any()


PULLBACK = tj.vjp(energy, X)[1]


def leaked(value):
    with Trace() as trace:
        return trace.input(value, "x")


@pytest.mark.parametrize("call, path", [
    (lambda x: autodiff(Reverse, energy, Duplicated(X, x)), "the shadow of args[0]"),
    (lambda x: autodiff(Reverse, lambda p: energy(p["a"]), Duplicated({"a": X}, {"a": x})), "the shadow of args[0]['a']"),
    (lambda x: autodiff(Reverse, energy, BatchDuplicated(X, (np.zeros(5), x))), "shadow 1 of args[0]"),
    (lambda x: autodiff(Forward, energy, Dual(X, x)), "the shadow of args[0]"),
    (lambda x: split(energy, Duplicated)[0](Duplicated(X, x)), "the shadow of args[0]"),
])
def test_a_traced_value_that_outlived_its_function_is_no_shadow(call, path):
    with pytest.raises(tj.ShadowTypeError) as caught:
        call(leaked(X.copy()))
    assert str(caught.value) == f"{path}: expected an array, found a traced value, whose function has returned: pass the array itself"


@pytest.mark.parametrize("call", [
    lambda x: tj.grad(energy)(x),
    lambda x: autodiff(Reverse, energy, Duplicated(x, np.zeros(5))),
    lambda x: autodiff(Reverse, lambda y, x: energy(y), Duplicated(X, np.zeros(5)), Const(x)),
    lambda x: autodiff(Reverse, np.sin, Duplicated(X, np.zeros(5)), seed=x),
    lambda x: tj.jvp(energy, (X,), (x,)),
])
def test_nor_is_it_an_argument_or_a_seed(call):
    with pytest.raises(tj.LeakedTracerError, match="^a traced value is used after the function"):
        call(leaked(X.copy()))


def test_buffers_of_out_are_no_traced_values():
    for call in (lambda x: tj.grad(energy, out=x)(X), lambda x: PULLBACK(1.0, out=(x,))):
        with pytest.raises(tj.ShadowTypeError, match="expected an array of dtype float64"):
            call(leaked(X.copy()))
