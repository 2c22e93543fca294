"""A kept trace never answers for changed objects: attributes, methods, classes, and what is called through them."""

import dataclasses
import functools
import types
from collections import namedtuple

import numpy as np
import pytest

import tapejit as tj

from . import soundness_modules as outside
from .soundness_modules import noticed


@pytest.fixture(autouse=True)
def restored():
    """Every test finds the other module's globals and the classes below as they are written."""
    saved, classes = dict(vars(outside)), {cls: dict(vars(cls)) for cls in (Plain, Derived, Slotted, Exotic)}
    yield
    vars(outside).update(saved)
    for cls, values in classes.items():
        for name in [*vars(cls)]:
            if name not in values:
                delattr(cls, name)
        for name, value in values.items():
            if vars(cls)[name] is not value:
                setattr(cls, name, value)


class Plain:
    shared = 2.0

    def __init__(self):
        self.factor = 2.0
        self.inner = types.SimpleNamespace(factor=2.0)
        self.weights = np.array([2.0])
        self.parts = [2.0]

    def loss(self, x):
        return self.factor * x

    def by_helper(self, x):
        return self.loss(x)

    def __call__(self, x):
        return self.loss(x)

    @property
    def computed(self):
        return self.factor * 1.0

    @classmethod
    def of_class(cls, x):
        return cls.shared * x

    @staticmethod
    def of_nothing(x):
        return outside.factor * x

    def __matmul__(self, x):
        return self.factor * x


class Derived(Plain):
    def loss(self, x):
        return super().loss(x)


class Slotted:
    __slots__ = ("factor", "inner")

    def __init__(self):
        self.factor = 2.0
        self.inner = [2.0]

    def loss(self, x):
        return self.factor * x


@dataclasses.dataclass(frozen=True)
class Frozen:
    factor: float
    parts: list


@dataclasses.dataclass(slots=True)
class SlottedData:
    factor: float


Named = namedtuple("Named", "factor parts")


class Meta(type):
    pass


class Exotic(metaclass=Meta):
    def __init__(self):
        self.factor = 2.0

    def loss(self, x):
        return self.factor * x * outside.factor / 2.0


class ListOfUsers(list):
    pass


OBJECTS = {
    "attribute": (lambda o: lambda x: o.factor * x, lambda o: setattr(o, "factor", 5.0)),
    "nested attribute": (lambda o: lambda x: o.inner.factor * x, lambda o: setattr(o.inner, "factor", 5.0)),
    "nested object replaced": (lambda o: lambda x: o.inner.factor * x,
                               lambda o: setattr(o, "inner", types.SimpleNamespace(factor=5.0))),
    "item of an attribute": (lambda o: lambda x: o.parts[0] * x, lambda o: o.parts.__setitem__(0, 5.0)),
    "array of an attribute": (lambda o: lambda x: o.weights[0] * x, lambda o: o.weights.__setitem__(0, 5.0)),
    "bound self": (lambda o: o.loss, lambda o: setattr(o, "factor", 5.0)),
    "bound self, through a method": (lambda o: o.by_helper, lambda o: setattr(o, "factor", 5.0)),
    "callable object": (lambda o: o, lambda o: setattr(o, "factor", 5.0)),
    "method of the class replaced": (lambda o: lambda x: o.loss(x), lambda o: setattr(Plain, "loss", lambda self, x: 5.0 * x)),
    "method called by a method replaced": (lambda o: o.by_helper, lambda o: setattr(Plain, "loss", lambda self, x: 5.0 * x)),
    "method shadowed by an attribute": (lambda o: lambda x: o.loss(x), lambda o: setattr(o, "loss", lambda x: 5.0 * x)),
    "special method replaced": (lambda o: lambda x: o(x), lambda o: setattr(Plain, "__call__", lambda self, x: 5.0 * x)),
    "operator replaced": (lambda o: lambda x: o @ x, lambda o: setattr(Plain, "__matmul__", lambda self, x: 5.0 * x)),
    "property": (lambda o: lambda x: o.computed * x, lambda o: setattr(o, "factor", 5.0)),
    "property replaced": (lambda o: lambda x: o.computed * x, lambda o: setattr(Plain, "computed", property(lambda self: 5.0))),
    "class attribute": (lambda o: lambda x: o.shared * x, lambda o: setattr(Plain, "shared", 5.0)),
    "class attribute shadowed": (lambda o: lambda x: o.shared * x, lambda o: setattr(o, "shared", 5.0)),
    "class attribute of the class": (lambda o: lambda x: Plain.shared * x, lambda o: setattr(Plain, "shared", 5.0)),
    "class method": (lambda o: lambda x: o.of_class(x), lambda o: setattr(Plain, "shared", 5.0)),
    "class method of the class": (lambda o: Plain.of_class, lambda o: setattr(Plain, "shared", 5.0)),
    "static method": (lambda o: lambda x: o.of_nothing(x), lambda o: setattr(outside, "factor", 5.0)),
    "static method replaced": (lambda o: lambda x: o.of_nothing(x),
                               lambda o: setattr(Plain, "of_nothing", staticmethod(lambda x: 5.0 * x))),
    "another class": (lambda o: lambda x: o.loss(x),
                      lambda o: setattr(o, "__class__", type("Other", (Plain,), {"loss": lambda self, x: 5.0 * x}))),
    "attribute that was missing": (lambda o: lambda x: getattr(o, "extra", 2.0) * x, lambda o: setattr(o, "extra", 5.0)),
    "hasattr": (lambda o: lambda x: (5.0 if hasattr(o, "extra") else 2.0) * x, lambda o: setattr(o, "extra", 1.0)),
    "vars": (lambda o: lambda x: vars(o)["factor"] * x, lambda o: setattr(o, "factor", 5.0)),
    "made inside f": (lambda o: lambda x: Plain().loss(x), lambda o: setattr(Plain, "loss", lambda self, x: 5.0 * x)),
    "made inside f, class attribute": (lambda o: lambda x: Plain().shared * x, lambda o: setattr(Plain, "shared", 5.0)),
    "made inside f, initialiser": (lambda o: lambda x: Plain().factor * x,
                                 lambda o: setattr(Plain, "__init__", lambda self: setattr(self, "factor", 5.0))),
}


@pytest.mark.parametrize("make, change", OBJECTS.values(), ids=OBJECTS)
def test_objects(make, change):
    """A changed object or class is noticed."""
    o = Plain()
    noticed(make(o), lambda: change(o))


def test_what_super_reaches():
    o = Derived()
    noticed(lambda x: o.loss(x), lambda: setattr(Plain, "loss", lambda self, x: 5.0 * x))


@pytest.mark.parametrize("make", [Slotted, Exotic, lambda: SlottedData(2.0)], ids=["slots", "metaclass", "dataclass with slots"])
def test_objects_without_twin(make):
    o = make()
    noticed(lambda x: o.factor * x, lambda: setattr(o, "factor", 5.0))


def test_methods_of_objects_without_twin():
    slotted, exotic = Slotted(), Exotic()
    noticed(lambda x: slotted.loss(x), lambda: setattr(slotted, "factor", 5.0))
    noticed(exotic.loss, lambda: setattr(outside, "factor", 5.0))
    noticed(lambda x: Slotted().loss(x), lambda: setattr(Slotted, "loss", lambda self, x: 5.0 * x))


def test_a_list_in_a_slot():
    o = Slotted()
    noticed(lambda x: o.inner[0] * x, lambda: o.inner.__setitem__(0, 5.0))


def test_a_frozen_dataclass_with_a_list_and_a_named_tuple():
    frozen, named = Frozen(1.0, [2.0]), Named(1.0, [2.0])
    noticed(lambda x: frozen.parts[0] * x, lambda: frozen.parts.__setitem__(0, 5.0))
    noticed(lambda x: named.parts[0] * x, lambda: named.parts.__setitem__(0, 5.0))


def test_objects_in_containers():
    objects = [Plain(), Plain()]
    table = {"o": Plain()}
    noticed(lambda x: objects[1].loss(x), lambda: setattr(objects[1], "factor", 5.0))
    noticed(lambda x: table["o"].loss(x), lambda: setattr(table["o"], "factor", 5.0))


def test_a_list_of_the_users_own_kind():
    items = ListOfUsers([2.0])
    items.factor = 2.0
    noticed(lambda x: items[0] * x, lambda: items.__setitem__(0, 5.0))
    items = ListOfUsers([2.0])
    items.factor = 2.0
    noticed(lambda x: items.factor * x, lambda: setattr(items, "factor", 5.0))


def test_a_partial_and_its_arguments():
    kept = [2.0]

    def local(k, x):
        return k[0] * x
    partial = functools.partial(local, kept)
    noticed(lambda x: partial(x), lambda: kept.__setitem__(0, 5.0))
    kept[0] = 2.0
    noticed(partial, lambda: kept.__setitem__(0, 5.0))


def test_a_decorated_function():
    def doubled(function):
        @functools.wraps(function)
        def wrapper(x):
            return 2.0 * function(x)
        return wrapper

    @doubled
    def local(x):
        return outside.factor * x / 2.0
    noticed(lambda x: local(x), lambda: setattr(outside, "factor", 5.0))


def test_an_object_given_as_an_argument():
    o = Plain()
    gradient = tj.grad(lambda x, o: o.loss(x))
    assert gradient(1.0, o) == gradient(1.0, o) == 2.0
    o.factor = 5.0
    assert gradient(1.0, o) == 5.0


def test_a_function_given_as_an_argument():
    gradient = tj.grad(lambda x, function: function(x))
    assert gradient(1.0, outside.helper) == gradient(1.0, outside.helper) == 2.0
    outside.factor = 5.0
    assert gradient(1.0, outside.helper) == 5.0


