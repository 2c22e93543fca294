"""Derivatives into the user's own memory: what a call of autodiff costs next to grad, and what a shadow costs.

The cost of a shadow is a difference of two calls of one run: of a call with k shadows and the same call with one, and, for the validation
alone, of the generated call (`tapejit/kernel/direct.py`) and the same one generated without what it says of shadows: their tests of kind,
dtype and axes, and `from_buffer` without the question whether the buffer can be written. The kernel's own checks (length, alignment,
overlap) are in both. Differences are of fastest times, which other work on the machine disturbs least.
"""

import numpy as np
import pytest

import tapejit as tj
from tapejit import Const, Duplicated, Reverse, autodiff
from tapejit.kernel import direct

from . import functions
from .peers import fresh


def into_shadow(made_before):
    """x -> its gradient, added to one shadow for all calls."""
    def make(function, x):
        shadow = np.zeros_like(x)
        if made_before:
            activity = Duplicated(x, shadow)
            return (lambda x: autodiff(Reverse, function, activity)), shadow
        return (lambda x: autodiff(Reverse, function, Duplicated(x, shadow))), shadow

    return make


def by_grad(function, x):
    gradient = tj.grad(function)
    return (lambda x: gradient(x)), None


def into_out(function, x):
    out = np.zeros_like(x)
    gradient = tj.grad(function, out=out)
    return (lambda x: gradient(x)), out


WAYS = {
    "tapejit": into_shadow(False),
    "activities made before": into_shadow(True),
    "grad(f)": by_grad,
    "grad(f, out=)": into_out,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("n", [2, 1_000, 1_000_000])
def test_gradient_of_rosenbrock(benchmark, n, way):
    """Here 'tapejit' is autodiff with an activity that is made for each call. Each call goes through one lambda."""
    benchmark.group = f"shadows: gradient of Rosenbrock, n={n:,}"
    benchmark.extra_info.update(peer=way, goal="autodiff is not slower than grad")
    x = np.linspace(-1.2, 1.0, n)
    function = fresh("rosenbrock")
    expected = functions.rosenbrock_by_hand(x)[1]
    call, buffer = WAYS[way](function, x)
    for _ in range(3):
        if buffer is not None:
            buffer[:] = 0
        found = call(x)
        np.testing.assert_allclose(found if buffer is None else buffer, expected, rtol=1e-12, atol=1e-12 * np.max(np.abs(expected)))
    np.testing.assert_array_equal(found if buffer is None else buffer, tj.grad(function)(x))
    benchmark(call, x)


def products(*args):
    total = 0.0
    for arg in args:
        total = total + arg[0] * arg[1]
    return total


class Unchecked(direct._Writer):
    """Writes a direct call that takes every shadow for a good one."""

    def shadow_leaf(self, k, variable):
        self.shadow[k] = variable

    def write(self, source):
        self.read(source)


def generated(monkeypatch, writer, function, activities):
    """The generated call for these activities, by this writer."""
    specializer = Reverse.known[function]
    with monkeypatch.context() as patch:
        patch.setattr(direct, "_Writer", writer)
        call = specializer.chain[0]._make_direct([activity.value for activity in activities])
    assert call is not None
    return call


def activities_of(k, shadows):
    """k arguments of two elements, of which so many have shadows."""
    return [Duplicated(np.array([1.0 + i, 2.0]), np.zeros(2)) if i < shadows else Const(np.array([1.0 + i, 2.0])) for i in range(k)]


def assert_right(call, activities):
    """The call adds to each shadow what it should."""
    for activity in activities:
        if isinstance(activity, Duplicated):
            activity.shadow[:] = 0
    call()
    for activity in activities:
        if isinstance(activity, Duplicated):
            np.testing.assert_array_equal(activity.shadow, activity.value[::-1])


def prepared(shadows, k):
    function, activities = (lambda *args: products(*args)), activities_of(k, shadows)
    for _ in range(3):
        autodiff(Reverse, function, *activities)
    return function, activities


@pytest.mark.parametrize("shadows", ["one", "all"])
@pytest.mark.parametrize("k", [1, 2, 4, 8])
def test_a_shadow(benchmark, k, shadows):
    benchmark.group = f"shadows: autodiff of {k} arguments of 2 elements; last column: a shadow more"
    benchmark.extra_info.update(peer="tapejit" if shadows == "all" else "one shadow, others Const", goal="<= 0.3 us a shadow")
    if shadows == "all" and k > 1:
        benchmark.extra_info.update(records=k - 1, less="one shadow, others Const")
    function, activities = prepared(k if shadows == "all" else 1, k)
    call = lambda: autodiff(Reverse, function, *activities)
    assert_right(call, activities)
    benchmark(call)


@pytest.mark.parametrize("peer", ["without validation", "tapejit"])
@pytest.mark.parametrize("k", [1, 2, 4, 8])
def test_validation(benchmark, monkeypatch, k, peer):
    benchmark.group = f"shadows: validation of {k} shadows of 2 elements; last column: a shadow"
    benchmark.extra_info.update(peer=peer, goal="<= 0.3 us a shadow")
    if peer == "tapejit":
        benchmark.extra_info.update(records=k, less="without validation")
    function, activities = prepared(k, k)
    generated_call = generated(monkeypatch, direct._Writer if peer == "tapejit" else Unchecked, function, activities)
    arguments = tuple(activities)
    call = lambda: generated_call(arguments, {})
    assert_right(call, activities)
    benchmark(call)
