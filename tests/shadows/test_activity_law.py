"""The law of activities: whatever combination the arguments of a function come in, the derivatives are those of vjp and jvp.

Every pattern of activities over up to three arguments, in all modes and with all kinds of results; the kinds of the arguments are drawn. Each call
is made three times, so that a fresh trace, the general path and the generated function of a warm call all answer.
"""

import itertools
from collections import namedtuple

import numpy as np
import pytest

import tapejit as tj
from tapejit import (
    Active, ActiveOnly, Const, Dual, DualOnly, Duplicated, DuplicatedOnly, Forward, ForwardWithPrimal, Reverse, ReverseWithPrimal, autodiff)
from tapejit.tree import flatten

Pair = namedtuple("Pair", "a b")
NUMBERS = {"float": lambda v: float(v[0]), "floats": lambda v: {"a": float(v[0]), "n": 2}, "scalar": lambda v: v[0]}
ARRAYS = {
    "f64": lambda v: v.copy(),
    "f32": lambda v: v.astype("f4"),
    "0-d": lambda v: np.array(v[0]),
    "dict": lambda v: {"w": v.copy(), "n": 3, "name": "text", "none": None},
    "list": lambda v: [v.copy(), v.reshape(3, 1) * 2],
    "named": lambda v: Pair(v.copy(), np.array(v[1])),
    "strided": lambda v: np.repeat(v, 2)[::2],
}


def leaves_of(arg):
    if isinstance(arg, dict):
        return [leaf for leaf in arg.values() if not isinstance(leaf, (str, type(None)))]
    return list(arg) if isinstance(arg, (list, tuple)) else [arg]


def total(*args):
    product = 1.0
    for k, arg in enumerate(args):
        for leaf in leaves_of(arg):
            product = product * (1.5 + np.sum(np.sin(leaf)) / (k + 2))
    return product


def vector(*args):
    return total(*args) * np.arange(1.0, 4.0) + np.sum(leaves_of(args[0])[0])


def nested(*args):
    value = total(*args)
    return {"t": value, "p": (np.cos(value) * np.arange(3.0), 7), "name": "text"}


SEEDS = {total: 2.0, vector: np.arange(3.0) - 0.5, nested: {"t": -1.0, "p": (np.arange(3.0) + 1, None), "name": None}}


def drawn(rng, value):
    """A container like `value` with a number for each floating leaf: a shadow to add to, or a tangent."""
    leaves, tree = flatten(tj.make_zero(value))

    def draw(leaf):
        return leaf if leaf is None else np.asarray(rng.normal(size=leaf.shape), leaf.dtype) if isinstance(leaf, np.ndarray) else type(leaf)(rng.normal())

    return tree.build([draw(leaf) for leaf in leaves])


def same(found, expected, start=None, rtol=1e-12):
    """Each leaf of `found` is that of `expected`, plus that of `start` where there is one."""
    (a, tree), (b, other) = flatten(found), flatten(expected)
    assert tree == other, (tree, other)
    for x, y, z in zip(a, b, flatten(start)[0] if start is not None else itertools.repeat(None)):
        if not isinstance(y, (float, np.ndarray, np.generic)):
            assert x is y or x == y
            continue
        assert type(x) is type(y)
        single = np.asarray(x).dtype == np.float32
        np.testing.assert_allclose(x, y if z is None else y + z, rtol=1e-4 if single else rtol, atol=1e-5 if single else 1e-13)


def copied(value):
    leaves, tree = flatten(value)
    return tree.build([leaf.copy() if isinstance(leaf, np.ndarray) else leaf for leaf in leaves])


def arguments(rng, pattern):
    """One argument per item of the pattern: 'const', 'on' or 'only'."""
    kinds = [list((NUMBERS if rng.random() < 0.35 else ARRAYS).items()) for _ in pattern]
    chosen = [kind[rng.integers(len(kind))] for kind in kinds]
    return [make(rng.uniform(0.2, 1.2, 3)) for _, make in chosen], [name in NUMBERS for name, _ in chosen]


def reverse_once(mode, function, args, numbers, pattern, starts, ret, seed):
    shadows = [copied(start) for start in starts]
    activities = []
    for arg, number, item, shadow in zip(args, numbers, pattern, shadows):
        if item == "const":
            activities.append(Const(arg))
        elif number:
            activities.append((Active if item == "on" else ActiveOnly)(arg))
        else:
            activities.append((Duplicated if item == "on" else DuplicatedOnly)(arg, shadow))
    returned = autodiff(mode, function, *activities, ret=ret, seed=seed)
    return (*(returned if mode is ReverseWithPrimal else (returned, None)), shadows)


def check_reverse(rng, mode, function, pattern):
    args, numbers = arguments(rng, pattern)
    starts = [drawn(rng, arg) for arg in args]
    out, pullback = tj.vjp(function, *args)
    constant = rng.random() < 0.15
    seed = None if constant or (function is total and rng.random() < 0.5) else SEEDS[function]
    bars = pullback(1.0 if seed is None and function is total else SEEDS[function])
    if constant:
        bars = tuple(tj.make_zero(bar) for bar in bars)
    ret = Const if constant else None if rng.random() < 0.6 else Active if seed is None else Duplicated
    answers = []
    for _ in range(3):
        returned, primal, shadows = reverse_once(mode, function, args, numbers, pattern, starts, ret, seed)
        for k, item in enumerate(pattern):
            if item == "const" or not numbers[k]:
                assert returned[k] is None
                same(shadows[k], starts[k] if item == "const" else bars[k], None if item == "const" else starts[k])
            else:
                same(returned[k], bars[k])
        if mode is ReverseWithPrimal:
            same(primal, out)
        answers.append(flatten((returned, primal, shadows))[0])
    for answer in answers[1:]:
        for x, y in zip(answers[0], answer, strict=True):
            np.testing.assert_array_equal(x, y)
    return ret is None and mode.known[function].fast is not mode.known[function].call


def check_forward(rng, mode, function, pattern):
    args, _ = arguments(rng, pattern)
    dots = [drawn(rng, arg) for arg in args]
    masked = tuple(tj.make_zero(dot) if item == "const" else dot for dot, item in zip(dots, pattern))
    out, expected = tj.jvp(function, tuple(args), masked)
    ret = (None, Dual, Const)[rng.choice(3, p=(0.6, 0.25, 0.15))]
    activities = [Const(arg) if item == "const" else (Dual if item == "on" else DualOnly)(arg, dot) for arg, dot, item in zip(args, dots, pattern)]
    untouched = copied(dots)
    for _ in range(3):
        found = autodiff(mode, function, *activities, ret=ret)
        found, primal = found if mode is ForwardWithPrimal else (found, None)
        if ret is Const:
            assert found is None
        else:
            same(found, expected)
        if mode is ForwardWithPrimal:
            same(primal, out)
        for x, y in zip(flatten(dots)[0], flatten(untouched)[0]):
            np.testing.assert_array_equal(x, y)
    return ret is None and mode.known[function].fast is not mode.known[function].call


@pytest.mark.filterwarnings("ignore:autodiff. every seed is zero")
@pytest.mark.parametrize("function", SEEDS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("mode", [Reverse, ReverseWithPrimal, Forward, ForwardWithPrimal], ids=repr)
def test_every_combination_of_activities_is_vjp_or_jvp(mode, function, effort, rng):
    check = check_reverse if mode in (Reverse, ReverseWithPrimal) else check_forward
    direct = 0
    for count in (1, 2, 3):
        for pattern in itertools.product(("const", "on", "only"), repeat=count):
            for _ in range(1 if effort == 1 else 40):
                direct += check(rng, mode, function, pattern)
    assert direct > (2 if effort == 1 else 100)  # the generated functions have answered some of them
