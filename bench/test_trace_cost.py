"""What the first call costs, and what a record of a long scalar tape costs when it is replayed."""

import numpy as np
import pytest

import tapejit as tj

from . import functions
from .peers import autograd, fresh, jax, tapejit

X = 0.7


def chain_of(records, make):
    """(x -> (value, gradient) of a chain with about this many records, its exact result)."""
    steps = records // 4
    function = fresh("chain")
    return make(lambda x: function(x, steps)), functions.chain_by_hand(X, steps)


def assert_exact(result, expected):
    np.testing.assert_allclose(result, expected, rtol=1e-10)


@pytest.mark.parametrize("records", [10_000, 100_000])
def test_first_gradient_of_a_chain(benchmark, records):
    """Trace, differentiate, encode and run once. The function is new to the library each time."""
    benchmark.group = f"first value_and_grad of a scalar loop, {records:,} records"
    benchmark.extra_info.update(peer="tapejit", records=records, goal="<= 15 us a record; 100,000 records: <= 1.3x of 10,000 a record")
    call, expected = chain_of(100, tj.value_and_grad)
    assert_exact(call(X), expected)  # a warm process
    call, expected = chain_of(records, tj.value_and_grad)
    assert_exact(call(X), expected)
    benchmark.pedantic(lambda call: call(X), setup=lambda: ((chain_of(records, tj.value_and_grad)[0],), {}), rounds=5)


@pytest.mark.parametrize("records", [10_000, 100_000])
def test_replay_of_a_chain(benchmark, records):
    benchmark.group = f"later value_and_grad of a scalar loop, {records:,} records"
    benchmark.extra_info.update(peer="tapejit", records=records, goal="<= 10 ns a record")
    call, expected = chain_of(records, tj.value_and_grad)
    assert_exact(call(X), expected)
    assert_exact(call(X), expected)
    benchmark(call, X)


@pytest.mark.parametrize("peer", ["NumPy, the value alone", "autograd"])
def test_peers_on_a_chain(benchmark, peer):
    benchmark.group = "later value_and_grad of a scalar loop, 10,000 records"
    benchmark.extra_info.update(peer=peer, records=10_000)
    if peer == "autograd":
        function = fresh("chain", pytest.importorskip("autograd").numpy)
        call = pytest.importorskip("autograd").value_and_grad(lambda x: function(x, 2_500))
        assert_exact(call(X), functions.chain_by_hand(X, 2_500))
    else:
        call = chain_of(10_000, lambda f: f)[0]
        assert_exact(call(X), functions.chain_by_hand(X, 2_500)[0])
    benchmark.pedantic(call, (X,), rounds=5)


FIRST = {"tapejit": tapejit, "JAX, jitted": jax, "JAX, not jitted": lambda transform: jax(transform, jit=False), "autograd": autograd}


@pytest.mark.parametrize("peer", FIRST)
def test_first_gradient_of_thirty_operations(benchmark, peer):
    """The process is warm: another function has been differentiated before. This function is new each time, its code too."""
    benchmark.group = "first value_and_grad of 30 operations, n=1,000"
    benchmark.extra_info.update(peer=peer, goal="tapejit <= 5 ms; JAX takes over 50 ms")
    make = FIRST[peer]("value_and_grad")
    x = np.linspace(-2, 2, 1_000)
    make("rosenbrock")(x)
    value, gradient = make("thirty")(x)
    step = 1e-6
    slope = (functions.thirty(x + step) - functions.thirty(x - step)) / (2 * step)
    np.testing.assert_allclose([value, np.sum(gradient)], [functions.thirty(x), slope], rtol=1e-6)
    benchmark.pedantic(lambda call: call(x), setup=lambda: ((make("thirty"),), {}), rounds=10)
