"""User classes and their instances run as twins: each feature of a class means what it meant, and originals are not touched."""

import abc
import collections
import dataclasses
import enum
import functools
import typing
import weakref

import numpy as np
import pytest

import tapejit as tj

from .retarget_cases import agrees, fill, scale


class Base:
    rate = 3.0
    registry = []

    def __init__(self, n):
        self.n = n
        self.weights = np.ones(n)
        self.activation = fill

    def __call__(self, x):
        out = np.zeros(self.n)
        for i in range(self.n):
            out[i] = self.activation(x * self.weights[i]) * self.rate
        return np.sum(out) * self.twice

    @property
    def twice(self):
        return self.n * scale

    @functools.cached_property
    def gram(self):
        return self.weights @ self.weights

    @classmethod
    def make(cls, n):
        return cls(n)

    @staticmethod
    def helper(x):
        return fill(x)

    def _private(self, x):
        return x

    def __mul__(self, x):
        return self(x)


class Middle(Base):
    def __call__(self, x):
        return super().__call__(x) + self.helper(x) + self.gram + self._private(x)


class Mixin:
    def _private(self, x):
        return super()._private(x) * 2


class Last(Mixin, Middle):
    pass


class Abstract(abc.ABC):
    @abc.abstractmethod
    def energy(self, x):
        ...

    def twice(self, x):
        return 2 * self.energy(x)


class Concrete(Abstract):
    def energy(self, x):
        return fill(x)


T = typing.TypeVar("T")


class Box(typing.Generic[T]):
    def __init__(self, item):
        self.item = item

    def apply(self, x):
        return self.item(x)


class Chameleon:
    def __getattr__(self, name):
        if name == "factor":
            return scale
        raise AttributeError(name)


class Registered:
    subclasses = []

    def __init_subclass__(cls, **kwargs):
        Registered.subclasses.append(cls)

    def energy(self, x):
        return x * scale


class RegisteredChild(Registered):
    pass


class Kind(enum.Enum):
    SMALL = 1
    LARGE = 2

    def scaled(self, x):
        return self.value * x


@dataclasses.dataclass
class Parameters:
    a: float
    w: np.ndarray

    def energy(self, x):
        r = np.zeros(2)
        r[0] = self.a * x
        r[1] = np.sum(self.w) * scale
        return np.sum(r * r)

    def scaled(self, k):
        return dataclasses.replace(self, a=self.a * k)


@dataclasses.dataclass(frozen=True)
class Fixed:
    a: float = 2.0

    def energy(self, x):
        r = np.zeros(1)
        r[0] = self.a * x
        return r[0]


Point = collections.namedtuple("Point", "x y")

last, middle, concrete, box, chameleon = Last(2), Middle(2), Concrete(), Box(fill), Chameleon()
registered, fixed = RegisteredChild(), Fixed()
layers = [Base(1), Middle(2)]
parameters = Parameters(2.0, np.ones(2))
graph = {layers[0]: [layers[1]], layers[1]: []}


@pytest.mark.parametrize("f", [
    lambda x: last(x),
    last,
    middle.__call__,
    lambda x: Middle(2)(x),
    lambda x: Base.make(2)(x),
    Base.helper,
    lambda x: Base(2) * x,
    lambda x: concrete.twice(x),
    lambda x: Concrete().twice(x),
    lambda x: box.apply(x),
    lambda x: chameleon.factor * x,
    lambda x: registered.energy(x),
    lambda x: Kind.LARGE.scaled(x),
    lambda x: parameters.energy(x),
    lambda x: parameters.scaled(x).energy(x),
    lambda x: Parameters(x, np.array([x, x])).energy(x),
    lambda x: fixed.energy(x),
    lambda x: Fixed(x).energy(x),
    lambda x: sum(Point(x, x * 2)),
    lambda x: functools.reduce(lambda v, layer: layer(v), layers, x),
    lambda x: sum(node(x) for node in graph) + sum(n(x) for n in graph[layers[0]]),
    lambda x: isinstance(middle, Base) * isinstance(middle, Middle) * x,
    lambda x: (type(middle) is Middle) * (type(middle) in {Middle: 1}) * issubclass(Middle, Base) * x,
    lambda x: (middle.__class__.__name__ == "Middle") * (middle.__class__ is type(middle)) * x,
    lambda x: weakref.ref(middle)()(x),
    lambda x: getattr(middle, "rate") * x,
], ids=lambda f: None)
def test_classes(f):
    """Methods, properties, class and static methods, super, operators, dataclasses: each runs retargeted and means what it meant."""
    agrees(f)


def test_classes_are_not_touched():
    before = {cls: dict(vars(cls)) for cls in (Base, Middle, Last, Abstract, Concrete, Parameters)}
    subclasses, attributes = Base.__subclasses__(), dict(vars(last))
    tj.grad(last)(0.7)
    tj.grad(lambda x: Middle(2)(x) + Concrete().twice(x))(0.7)
    assert before == {cls: dict(vars(cls)) for cls in before}
    assert Base.__subclasses__() == subclasses and Registered.subclasses == [RegisteredChild]
    assert {**attributes, "gram": 2.0} == dict(vars(last))


def test_what_f_returns_is_of_the_users_classes():
    result = tj.jit(lambda x: [Parameters(x, np.array([x, x])), parameters, {"p": Point(x, middle)}, Middle, fill])(0.5)
    assert type(result[0]) is Parameters and type(result[1]) is Parameters and type(result[2]["p"]) is Point
    assert result[2]["p"].y is middle and result[3] is Middle and result[4] is fill
    assert result[0].energy(1.0) == Parameters(0.5, np.array([0.5, 0.5])).energy(1.0)


def test_dataclass_arguments_run_their_methods():
    gradient = tj.grad(lambda p: p.scaled(2.0).energy(1.5))
    got = gradient(Parameters(1.0, np.ones(2)))
    assert type(got) is Parameters
    assert got.a == pytest.approx(2 * 2 * 1.5 * 2 * 1.5) and np.allclose(got.w, 2 * 2 * scale * scale)


def test_assignments_in_methods_reach_the_object():
    class Counter:
        def __init__(self):
            self.n, self.seen = 0, {}

        def loss(self, x):
            self.n = self.n + 1
            self.seen["x"] = 1
            return x * self.n
    counter = Counter()
    with pytest.warns(tj.TraceWarning):
        assert [tj.grad(counter.loss)(1.0) for _ in range(2)] == [1.0, 2.0]
    assert counter.n == 2 and counter.seen == {"x": 1}


def test_class_attributes_assigned_by_f_reach_the_class():
    class Holder:
        total = 0.0

    def f(x):
        Holder.total = Holder.total + 1.0
        return x * Holder.total
    with pytest.warns(tj.TraceWarning, match="Holder.total"):
        assert [tj.grad(f)(1.0) for _ in range(2)] == [1.0, 2.0]
    assert Holder.total == 2.0


def test_lists_of_functions_changed_by_f_are_changed():
    steps = [fill]

    def f(x):
        steps.append(np.sin)
        return steps[0](x) * len(steps)
    with pytest.warns(tj.TraceWarning):
        tj.grad(f)(0.5)
    assert steps == [fill, np.sin]


# --- other layouts ---------------------------------------------------------------------------------------------------


class Vector:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __add__(self, other):
        return self.__class__(self.x + other.x, self.y + other.y) if isinstance(other, Vector) else NotImplemented

    def __mul__(self, k):
        return type(self)(self.x * k, self.y * k)

    def norm(self):
        r = np.zeros(2)
        r[0], r[1] = self.x, self.y
        return np.sqrt(r @ r) * scale


class Tagged(Vector):
    __slots__ = ("tag", "__weakref__")

    def __init__(self, x, y, tag=None):
        super().__init__(x, y)
        self.tag = tag


@dataclasses.dataclass(slots=True)
class SlottedData:
    a: float
    parts: list

    def energy(self, x):
        r = np.zeros(1)
        r[0] = self.a * x
        return r[0] + len(self.parts)


class Pair(typing.NamedTuple):
    a: float
    b: np.ndarray

    def energy(self, x):
        r = np.zeros(1)
        r[0] = self.a * x
        return r[0] + np.sum(self.b) * x


vector, tagged, slotted, pair = Vector(1.0, 2.0), Tagged(1.0, 2.0), SlottedData(2.0, [1]), Pair(2.0, np.ones(300))


@pytest.mark.parametrize("f", [
    lambda x: (vector * x + Vector(x, 1.0)).norm(), lambda x: (tagged * x + tagged).norm(), lambda x: Tagged(x, x * x, "t").norm(),
    lambda x: slotted.energy(x) + SlottedData(x, []).energy(x),
    lambda x: pair.energy(x) + Pair(x, np.array([x])).energy(x) + pair._replace(a=x).energy(x),
    lambda x: isinstance(tagged, Vector) * isinstance(vector, Vector) * isinstance(pair, tuple) * x,
])
def test_slots_and_named_tuples(f):
    """Methods of objects with slots, and of named tuples, run retargeted too."""
    agrees(f)


def test_slots_and_named_tuples_come_back_as_what_they_are():
    result = tj.jit(lambda x: [Vector(2.0, 1.0), {"t": Tagged(1.0, 2.0, "tag")}, tagged, Pair(x, np.array([x]))])(0.5)
    assert [type(r) for r in result[::2]] == [Vector, Tagged] and type(result[1]["t"]) is Tagged and type(result[3]) is Pair
    assert result[2] is tagged and result[1]["t"].tag == "tag" and result[3].energy(1.0) == 1.0


def test_slots_assigned_by_f_are_assigned():
    def f(x):
        slotted.a = slotted.a + 1.0
        slotted.parts = [x]
        return x * slotted.a
    slotted.a = 0.0
    with pytest.warns(tj.TraceWarning):
        assert [tj.grad(f)(1.0) for _ in range(2)] == [1.0, 2.0]
    assert slotted.a == 2.0
    slotted.a, slotted.parts = 2.0, [1]
