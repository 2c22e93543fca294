"""What tests of refused shadows share: containers of every kind, and the assertion that a call is refused and writes nothing."""

import dataclasses
import types
from collections import namedtuple

import numpy as np
import pytest

import tapejit as tj
from tapejit import Reverse, autodiff


@dataclasses.dataclass
class Layer:
    weight: object
    name: str = "layer"


Pair = namedtuple("Pair", "first second")


class Registered:
    def __init__(self, inner):
        self.inner = inner


tj.register_container(Registered, lambda r: ((r.inner,), None), lambda static, children: Registered(*children))


def leaves(value):
    """The arrays and memory owners of a container, in order (written without tapejit's own flatten)."""
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in leaves(item)]
    if isinstance(value, Registered):
        return leaves(value.inner)
    if isinstance(value, Layer):
        return leaves(value.weight)
    return [] if value is None or isinstance(value, (int, float, str)) else [value]


def energy():
    """A function that no trace has been kept of: the sum of the squares of all elements of its arguments."""
    def f(*args):
        return sum(np.sum(leaf * leaf) for leaf in leaves(args))

    return f


def contents(activities):
    """The bytes of every array in the activities."""
    return [np.asarray(leaf).tobytes() for a in activities for leaf in leaves([a.value, getattr(a, "shadow", None)]) if not isinstance(leaf,
        types.FunctionType)]


def assert_refused(error, words, bad, good, call=lambda f, *activities: autodiff(Reverse, f, *activities)):
    """The activities `bad` are refused with these words and nothing is written.

    That holds of a first call, and of one that a trace kept from the activities `good` would answer.
    """
    for kept in (False, True):
        f = energy()
        for _ in range(3 * kept):
            call(f, *good)
        before = contents(bad)
        with pytest.raises(error) as caught:
            call(f, *bad)
        assert str(caught.value).startswith(words), (kept, str(caught.value))
        assert contents(bad) == before, (kept, words)


def nested(leaf):
    """(container, path of the leaf in it) for every kind of container, nested too."""
    return [
        (leaf, ""),
        ([1, leaf], "[1]"),
        ((leaf, None), "[0]"),
        ({"n": 3, "w": leaf}, "['w']"),
        (Pair("text", leaf), ".second"),
        (Layer(leaf), ".weight"),
        (Registered(leaf), ".children[0]"),
        ({"layers": [Layer(leaf), Pair(None, (leaf, "text"))]}, "['layers'][0].weight"),
    ]


def shadow_like(container, leaf, shadows):
    """The container with the items of `shadows` in place of its leaves (the last one for the rest)."""
    shadows = list(shadows)

    def replaced(value):
        if value is leaf:
            return shadows.pop(0) if len(shadows) > 1 else shadows[0]
        if isinstance(value, dict):
            return {key: replaced(item) for key, item in value.items()}
        if isinstance(value, Pair):
            return Pair(*map(replaced, value))
        if isinstance(value, (list, tuple)):
            return type(value)(map(replaced, value))
        if isinstance(value, Registered):
            return Registered(replaced(value.inner))
        if isinstance(value, Layer):
            return Layer(replaced(value.weight), None)
        return None

    return replaced(container)
