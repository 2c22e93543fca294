"""Large results: memory that nobody holds is used again, memory that somebody holds is not."""

import numpy as np
import pytest

import tapejit as tj
from tapejit.kernel import outputs

N = outputs.LARGE // 8


def address(x):
    return x.__array_interface__["data"][0]


@pytest.fixture
def gradient(monkeypatch):
    monkeypatch.setattr(outputs, "_blocks", {})
    monkeypatch.setattr(outputs, "_kept", 0)
    gradient = tj.grad(lambda x: np.sum(np.sin(x)))
    for _ in range(3):  # until the generated call answers
        gradient(np.zeros(N))
    return gradient


def test_a_result_that_is_dropped_gives_its_memory_to_the_next(gradient):
    first = gradient(np.zeros(N))
    places = {address(first)}
    del first
    for k in range(5):
        result = gradient(np.full(N, k * 1.0))
        places.add(address(result))
        np.testing.assert_allclose(result, np.cos(k), rtol=1e-15)
        del result
    assert len(places) == 1 and next(iter(places)) % 64 == 0


@pytest.mark.parametrize("hold", [lambda x: x, lambda x: x[5:7], lambda x: x.reshape(2, -1)[1], memoryview, lambda x: x.T[::-1]])
def test_a_result_that_is_held_in_any_form_keeps_its_memory(gradient, hold):
    held = [hold(gradient(np.full(N, k * 1.0))) for k in range(12)]
    np.testing.assert_allclose([np.asarray(x).flat[0] for x in held], np.cos(np.arange(12.0)), rtol=1e-15)
    assert len({address(np.asarray(x)) for x in held}) == 12


def test_memory_that_is_kept_is_bounded(gradient, monkeypatch):
    monkeypatch.setattr(outputs, "MOST_BYTES", 5 * outputs.LARGE)
    for n in (N, N + 8, N + 16, 2 * N, N + 24):
        tj.grad(lambda x: np.sum(np.sin(x)))(np.zeros(n))
        tj.jit(np.cos)(np.zeros(n))
    kept = sum(block.nbytes for blocks in outputs._blocks.values() for block in blocks)
    assert kept <= 5 * outputs.LARGE + 64 * 20
    del gradient
