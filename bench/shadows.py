"""Derivatives into the user's own memory: what a call of autodiff costs next to grad, and what a shadow costs. tapejit against itself.

The cost of a shadow is a difference of two calls of one run: of a call with k shadows and the same call with one, and, for the validation
alone, of the generated call (`tapejit/kernel/direct.py`) and the same one generated without what it says of shadows: their tests of kind,
dtype and axes, and `from_buffer` without the question whether the buffer can be written. The kernel's own checks (length, alignment,
overlap) are in both. Differences are of fastest times, which other work on the machine disturbs least.
"""

from dataclasses import dataclass
from typing import Callable
from unittest import mock

import numpy as np

import tapejit as tj
from tapejit import Const, Duplicated, Reverse, autodiff
from tapejit.kernel import direct

from . import measure
from .peers import copy_with
from .workloads import elementwise


@dataclass(frozen=True)
class Ways:
    """A group of ways to call tapejit; `shadows` is by how many two of them differ: the first has them, the second not."""

    name: str
    ways: tuple
    make: Callable  # () -> {way: (call, arguments)}, each of which has been seen to be right
    shadows: int = 0
    kind = "speed"

    def peers(self, _names):
        return self.ways

    def calls(self, _names):
        return self.make()

    def run(self, _names, quick):
        calls = self.make()
        times = measure.rounds_of(calls, quick)
        found = measure.group(self.name, "speed", times)
        if self.shadows:
            with_them, without = (found["peers"][way]["minimum"] for way in calls)
            found["each"] = {"what": "a shadow", "seconds": (with_them - without) / self.shadows}
        return [found]


def gradients_of_rosenbrock(n):
    """autodiff with an activity that is made for each call, with one made before, and grad. Each call goes through one lambda."""
    x = np.linspace(-1.2, 1.0, n)
    function = copy_with(elementwise.rosenbrock)
    shadow, kept, out = np.zeros(n), np.zeros(n), np.zeros(n)
    activity, gradient, into_out = Duplicated(x, kept), tj.grad(function), tj.grad(function, out=out)
    ways = {
        "tapejit": lambda x: autodiff(Reverse, function, Duplicated(x, shadow)),
        "activities made before": lambda x: autodiff(Reverse, function, activity),
        "grad(f)": lambda x: gradient(x),
        "grad(f, out=)": lambda x: into_out(x),
    }
    for buffer, call in zip((shadow, kept, None, out), ways.values()):
        for _ in range(3):
            if buffer is not None:
                buffer[:] = 0
            found = call(x)
        np.testing.assert_array_equal(found if buffer is None else buffer, gradient(x))
    return {way: (call, (x,)) for way, call in ways.items()}


def products(*args):
    total = 0.0
    for arg in args:
        total = total + arg[0] * arg[1]
    return total


def prepared(shadows, k):
    """A function of k arguments of two elements, and activities of which so many have shadows; it has been called before."""
    function = lambda *args: products(*args)
    activities = [Duplicated(np.array([1.0 + i, 2.0]), np.zeros(2)) if i < shadows else Const(np.array([1.0 + i, 2.0])) for i in range(k)]
    for _ in range(3):
        autodiff(Reverse, function, *activities)
    return function, activities


def seen_right(call, activities):
    """(call, no arguments), after it has added to each shadow what it should."""
    for activity in activities:
        if isinstance(activity, Duplicated):
            activity.shadow[:] = 0
    call()
    for activity in activities:
        if isinstance(activity, Duplicated):
            np.testing.assert_array_equal(activity.shadow, activity.value[::-1])
    return call, ()


def more_shadows(k):
    def way(shadows):
        function, activities = prepared(shadows, k)
        return seen_right(lambda: autodiff(Reverse, function, *activities), activities)

    return {"tapejit": way(k), "one shadow, others Const": way(1)}


class Unchecked(direct._Writer):
    """Writes a direct call that takes every shadow for a good one."""

    def shadow_leaf(self, k, variable):
        self.shadow[k] = variable

    def write(self, source):
        self.read(source)


def validation(k):
    def way(writer):
        function, activities = prepared(k, k)
        with mock.patch.object(direct, "_Writer", writer):
            generated = Reverse.known[function].chain[0]._make_direct([activity.value for activity in activities])
        arguments = tuple(activities)
        return seen_right(lambda: generated(arguments, {}), activities)

    return {"tapejit": way(direct._Writer), "without validation": way(Unchecked)}


def groups():
    gradients = ("tapejit", "activities made before", "grad(f)", "grad(f, out=)")
    for n in (2, 1_000, 1_000_000):
        yield Ways(f"shadows: gradient of rosenbrock, n={n:,}", gradients, lambda n=n: gradients_of_rosenbrock(n))
    for k in (2, 4, 8):
        ways = "tapejit", "one shadow, others Const"
        yield Ways(f"shadows: autodiff of {k} arguments of 2 elements", ways, lambda k=k: more_shadows(k), k - 1)
    for k in (1, 2, 4, 8):
        yield Ways(f"shadows: validation of {k} of 2 elements", ("tapejit", "without validation"), lambda k=k: validation(k), k)
