"""A kept trace never answers for a function that is no longer f: one test for each kind of outside change.

Each function is linear, k*x, where k is read from somewhere: its gradient says which k was used.
"""

import dataclasses
import functools
import types
from collections import OrderedDict, defaultdict, deque, namedtuple

import numpy as np
import pytest

import tapejit as tj

from . import soundness_modules as outside


def noticed(f, change, before=2.0, after=5.0, argument=1.0):
    """The gradient is `before`, twice from one trace; after `change` it is `after`, twice."""
    gradient = tj.grad(f)
    assert gradient(argument) == before
    assert gradient(argument) == before
    assert gradient.specializer.kept == 1, "the trace was not kept"
    change()
    assert gradient(argument) == after
    assert gradient(argument) == after


# --- globals ---------------------------------------------------------------------------------------------------------


def fresh():
    """The globals that the functions below read."""
    return {
        "factor": 2.0, "number": 2, "flag": True, "word": "two",
        "settings": {"factor": 2.0, "nested": {"factor": 2.0, "items": [1.0, 2.0]}},
        "listed": [2.0, 3.0], "pair": (np.float64(2.0), [2.0]), "members": {2.0}, "queue": deque([2.0]),
        "ordered": OrderedDict(factor=2.0), "counted": defaultdict(float, factor=2.0), "functions": {"f": np.negative},
        "array": np.array([2.0, 0.0]), "helper": original_helper}


factor = number = flag = word = settings = listed = pair = members = queue = ordered = counted = functions = array = None


def set_global(name, value):
    globals()[name] = value


@pytest.fixture(autouse=True)
def restored():
    """Every test finds the globals of this module and of the other one as they are written."""
    globals().update(fresh())
    saved = dict(vars(outside))
    yield
    globals().pop("abs", None)
    vars(outside).update(saved, table={"factor": 2.0})


def original_helper(x):
    return factor * x


helper = original_helper


def test_a_changed_global():
    noticed(lambda x: factor * x, lambda: set_global("factor", 5.0))


def test_a_global_of_a_helper_in_the_same_module():
    noticed(lambda x: helper(x), lambda: set_global("factor", 5.0))


def test_a_global_of_a_helper_in_another_module():
    noticed(lambda x: outside.helper(x), lambda: setattr(outside, "factor", 5.0))


def test_a_global_of_a_helper_of_a_helper():
    noticed(lambda x: outside.chain(x), lambda: setattr(outside, "factor", 5.0))


def test_an_attribute_of_a_users_module():
    noticed(lambda x: outside.factor * x, lambda: setattr(outside, "factor", 5.0))


def test_a_container_of_a_users_module():
    noticed(lambda x: outside.table["factor"] * x, lambda: outside.table.update(factor=5.0))


def test_a_helper_that_is_defined_anew():
    noticed(lambda x: helper(x), lambda: set_global("helper", lambda x: 5.0 * x))


def test_a_helper_of_another_module_that_is_replaced():
    noticed(lambda x: outside.helper(x), lambda: setattr(outside, "helper", outside.other_helper))


def test_a_helper_whose_code_is_replaced():
    def local(x):
        return 2.0 * x
    noticed(lambda x: local(x), lambda: setattr(local, "__code__", (lambda x: 5.0 * x).__code__))


def test_a_function_whose_own_code_is_replaced():
    def local(x):
        return 2.0 * x
    noticed(local, lambda: setattr(local, "__code__", (lambda x: 5.0 * x).__code__))


def test_a_global_that_was_a_builtin():
    def f(x):
        return 2.0 * abs(x)
    noticed(f, lambda: set_global("abs", lambda x: 2.5 * x))


def test_an_int_that_becomes_a_float_and_a_bool():
    def f(x):
        return (2.0 if isinstance(number, int) else 5.0) * x
    noticed(f, lambda: set_global("number", 2.0))


def test_a_flag_and_a_string():
    noticed(lambda x: (2.0 if flag else 5.0) * x, lambda: set_global("flag", False))
    noticed(lambda x: (2.0 if word == "two" else 5.0) * x, lambda: set_global("word", "five"))


def test_the_sign_of_zero():
    set_global("number", 0.0)
    noticed(lambda x: (2.0 if np.copysign(1.0, number) > 0 else 5.0) * x, lambda: set_global("number", -0.0))


def test_a_global_that_is_bound_to_an_equal_number_does_not_cost_a_trace():
    gradient = tj.grad(lambda x: factor * x)
    assert gradient(1.0) == 2.0
    set_global("factor", float("2.0"))
    assert gradient(1.0) == 2.0 and gradient.specializer.kept == 1


# --- cells and defaults ----------------------------------------------------------------------------------------------


def test_a_closure_cell():
    k = 2.0

    def change():
        nonlocal k
        k = 5.0
    noticed(lambda x: k * x, change)


def test_a_closure_cell_of_a_helper():
    def make():
        k = 2.0

        def inner(x):
            return k * x

        def change():
            nonlocal k
            k = 5.0
        return inner, change
    inner, change = make()
    noticed(lambda x: inner(x), change)


def test_a_default_argument():
    def local(x, k=2.0):
        return k * x
    noticed(lambda x: local(x), lambda: setattr(local, "__defaults__", (5.0,)))


def test_a_keyword_only_default_argument():
    def local(x, *, k=2.0):
        return k * x
    noticed(lambda x: local(x), lambda: local.__kwdefaults__.update(k=5.0))


def test_a_mutable_default_argument():
    kept = [2.0]

    def local(x, k=kept):
        return k[0] * x
    noticed(lambda x: local(x), lambda: kept.__setitem__(0, 5.0))


def test_a_default_argument_of_the_function_itself():
    def local(x, k={"factor": 2.0}):  # noqa: B006
        return k["factor"] * x
    noticed(local, lambda: local.__defaults__[0].update(factor=5.0))


def test_an_attribute_of_a_function():
    def local(x):
        return local.factor * x
    local.factor = 2.0
    noticed(local, lambda: setattr(local, "factor", 5.0))


# --- containers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read, change", [
    (lambda x: settings["factor"] * x, lambda: settings.update(factor=5.0)),
    (lambda x: settings["nested"]["factor"] * x, lambda: settings["nested"].update(factor=5.0)),
    (lambda x: settings["nested"]["items"][1] * x, lambda: settings["nested"]["items"].__setitem__(1, 5.0)),
    (lambda x: settings["nested"]["factor"] * x, lambda: settings.update(nested={"factor": 5.0})),
    (lambda x: listed[0] * x, lambda: listed.__setitem__(0, 5.0)),
    (lambda x: sum(listed[:1]) * x, lambda: listed.insert(0, 5.0)),
    (lambda x: len(listed) * x, lambda: listed.extend([1.0, 1.0, 1.0])),
    (lambda x: pair[1][0] * x, lambda: pair[1].__setitem__(0, 5.0)),
    (lambda x: max(members) * x, lambda: members.add(5.0)),
    (lambda x: queue[-1] * x, lambda: queue.append(5.0)),
    (lambda x: ordered["factor"] * x, lambda: ordered.update(factor=5.0)),
    (lambda x: counted["factor"] * x, lambda: counted.update(factor=5.0)),
    (lambda x: settings.get("missing", 2.0) * x, lambda: settings.update(missing=5.0)),
    (lambda x: next(iter(settings.values())) * x, lambda: settings.__setitem__("factor", 5.0)),
    (lambda x: -functions["f"](2.0 * x), lambda: functions.update(f=lambda x: -2.5 * x)),
], ids=["dict entry", "nested dict", "list in a dict", "nested dict replaced", "list item", "list insert", "list length", "list in a tuple", "set", "deque",
        "OrderedDict", "defaultdict", "new key", "dict value", "function in a dict"])
def test_containers(read, change):
    """A changed entry of a container that f reads by name is noticed."""
    noticed(read, change)


def test_the_order_of_a_dict():
    table = {"a": 2.0, "b": 5.0}

    def change():
        table["a"] = table.pop("a")
    noticed(lambda x: list(table.values())[0] * x, change)


def test_a_long_list():
    items = [float(k) for k in range(500)]
    noticed(lambda x: items[2] * x, lambda: items.__setitem__(2, 5.0))


def test_containers_too_long_to_check_are_not_reused():
    items = [float(k) for k in range(100_000)]
    gradient = tj.grad(lambda x: items[2] * x)
    with pytest.warns(tj.TraceWarning, match="containers of more than 1024 values"):
        assert gradient(1.0) == 2.0
    items[2] = 5.0
    assert gradient(1.0) == 5.0


# --- objects ---------------------------------------------------------------------------------------------------------


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
        return factor * x

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


@pytest.fixture
def restored_classes():
    saved = {cls: dict(vars(cls)) for cls in (Plain, Derived, Slotted, Exotic)}
    yield
    for cls, values in saved.items():
        for name in [*vars(cls)]:
            if name not in values:
                delattr(cls, name)
        for name, value in values.items():
            if vars(cls)[name] is not value:
                setattr(cls, name, value)


OBJECTS = {
    "attribute": (lambda o: lambda x: o.factor * x, lambda o: setattr(o, "factor", 5.0)),
    "nested attribute": (lambda o: lambda x: o.inner.factor * x, lambda o: setattr(o.inner, "factor", 5.0)),
    "nested object replaced": (lambda o: lambda x: o.inner.factor * x, lambda o: setattr(o, "inner", types.SimpleNamespace(factor=5.0))),
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
    "static method": (lambda o: lambda x: o.of_nothing(x), lambda o: set_global("factor", 5.0)),
    "static method replaced": (lambda o: lambda x: o.of_nothing(x), lambda o: setattr(Plain, "of_nothing", staticmethod(lambda x: 5.0 * x))),
    "another class": (lambda o: lambda x: o.loss(x), lambda o: setattr(o, "__class__", type("Other", (Plain,), {"loss": lambda self, x: 5.0 * x}))),
    "attribute that was missing": (lambda o: lambda x: getattr(o, "extra", 2.0) * x, lambda o: setattr(o, "extra", 5.0)),
    "hasattr": (lambda o: lambda x: (5.0 if hasattr(o, "extra") else 2.0) * x, lambda o: setattr(o, "extra", 1.0)),
    "vars": (lambda o: lambda x: vars(o)["factor"] * x, lambda o: setattr(o, "factor", 5.0)),
    "made inside f": (lambda o: lambda x: Plain().loss(x), lambda o: setattr(Plain, "loss", lambda self, x: 5.0 * x)),
    "made inside f, class attribute": (lambda o: lambda x: Plain().shared * x, lambda o: setattr(Plain, "shared", 5.0)),
    "made inside f, initialiser": (lambda o: lambda x: Plain().factor * x, lambda o: setattr(Plain, "__init__", lambda self: setattr(self, "factor", 5.0))),
}


@pytest.mark.parametrize("make, change", OBJECTS.values(), ids=OBJECTS)
def test_objects(make, change, restored_classes):
    """A changed object or class is noticed."""
    o = Plain()
    noticed(make(o), lambda: change(o))


def test_what_super_reaches(restored_classes):
    o = Derived()
    noticed(lambda x: o.loss(x), lambda: setattr(Plain, "loss", lambda self, x: 5.0 * x))


@pytest.mark.parametrize("make", [Slotted, Exotic, lambda: SlottedData(2.0)], ids=["slots", "metaclass", "dataclass with slots"])
def test_objects_without_twin(make):
    o = make()
    noticed(lambda x: o.factor * x, lambda: setattr(o, "factor", 5.0))


def test_methods_of_objects_without_twin(restored_classes):
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


# --- arrays ----------------------------------------------------------------------------------------------------------

ARRAYS = {
    "in place": (lambda a: lambda x: np.sum(a * x) / len(a), lambda a: a.__setitem__(slice(None), 5.0)),
    "an element, read as a number": (lambda a: lambda x: a[1] * x, lambda a: a.__setitem__(1, 5.0)),
    "through an untraced computation": (lambda a: lambda x: np.sum(a * 2.0) / (2 * len(a)) * x, lambda a: a.__setitem__(slice(None), 5.0)),
    "through a decision": (lambda a: lambda x: (2.0 if a[0] < 3 else 5.0) * x, lambda a: a.__setitem__(0, 7.0)),
    "through float()": (lambda a: lambda x: float(a[0]) * x, lambda a: a.__setitem__(0, 5.0)),
    "through a list": (lambda a: lambda x: a.tolist()[0] * x, lambda a: a.__setitem__(0, 5.0)),
    "through a view": (lambda a: lambda x: a[::2][0] * x, lambda a: a.__setitem__(0, 5.0)),
    "through a copy": (lambda a: lambda x: np.array(a)[0] * x, lambda a: a.__setitem__(0, 5.0)),
    "as an index": (lambda a: lambda x: np.arange(9.0)[int(a[0])] * x, lambda a: a.__setitem__(0, 5.0)),
    "as a mask": (lambda a: lambda x: np.where(a > 3, 5.0, 2.0)[0] * x, lambda a: a.__setitem__(0, 7.0)),
}


@pytest.mark.parametrize("size", [4, 1024], ids=["small", "large"])
@pytest.mark.parametrize("make, change", ARRAYS.values(), ids=ARRAYS)
def test_arrays_changed_in_place(make, change, size):
    """An array that f reads by name, and that is changed in place, is noticed: small ones by content, large ones by reference."""
    a = np.full(size, 2.0)
    noticed(make(a), lambda: change(a))


def test_large_arrays_changed_in_place_do_not_cost_a_trace():
    a = np.full(1024, 2.0)
    gradient = tj.grad(lambda x: np.sum(a * x) / 1024)
    assert gradient(1.0) == 2.0
    a[:] = 5.0
    assert gradient(1.0) == 5.0 and gradient.specializer.kept == 1


@pytest.mark.parametrize("size", [4, 1024], ids=["small", "large"])
def test_an_array_bound_anew(size):
    set_global("array", np.full(size, 2.0))
    noticed(lambda x: array[0] * x, lambda: set_global("array", np.full(size, 5.0)))


@pytest.mark.parametrize("size", [4, 1024], ids=["small", "large"])
def test_arrays_in_containers_and_objects(size):
    table, items, o = {"w": np.full(size, 2.0)}, [np.full(size, 2.0)], types.SimpleNamespace(w=np.full(size, 2.0))
    noticed(lambda x: table["w"][0] * x, lambda: table["w"].__setitem__(0, 5.0))
    noticed(lambda x: items[0][0] * x, lambda: items[0].__setitem__(0, 5.0))
    noticed(lambda x: o.w[0] * x, lambda: o.w.__setitem__(0, 5.0))
    noticed(lambda x: table["w"][1] * x, lambda: table.update(w=np.full(size, 5.0)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_array_that_is_given_another_shape():
    a = np.zeros((2, 5))

    def change():
        a.shape = (5, 2)
    noticed(lambda x: a.shape[0] * x, change)
    a = np.zeros((2, 5, 100))
    noticed(lambda x: a.shape[0] * x, lambda: setattr(a, "shape", (5, 2, 100)))


def test_arrays_of_strings_and_objects():
    words, objects = np.array(["two", "x"]), np.array([2.0, None], dtype=object)
    noticed(lambda x: (2.0 if words[0] == "two" else 5.0) * x, lambda: words.__setitem__(0, "5"))
    noticed(lambda x: objects[0] * x, lambda: objects.__setitem__(0, 5.0))


def test_an_array_behind_a_view():
    memory = np.full(2048, 2.0)
    view = memory[::2]
    noticed(lambda x: np.sum(view * x) / 1024, lambda: memory.__setitem__(slice(None), 5.0))


# --- chance ----------------------------------------------------------------------------------------------------------


def test_nested_transforms_read_for_the_outer_one():
    inner = tj.grad(lambda x: outside.factor * x * x / 2)
    noticed(lambda x: inner(x), lambda: setattr(outside, "factor", 5.0))


def test_a_function_that_raises_keeps_nothing():
    def f(x):
        if outside.factor == 2.0:
            raise ValueError("two")
        return outside.factor * x
    gradient = tj.grad(f)
    with pytest.raises(ValueError, match="two"):
        gradient(1.0)
    outside.factor = 5.0
    assert gradient(1.0) == 5.0


def test_pure_waives_the_checks():
    gradient = tj.grad(lambda x: factor * x, pure=True)
    assert gradient(1.0) == 2.0
    set_global("factor", 5.0)
    assert gradient(1.0) == 2.0


def test_verify_finds_what_pure_hides():
    gradient = tj.grad(lambda x: factor * x, pure=True)
    gradient(1.0)
    set_global("factor", 5.0)
    with tj.verify(), pytest.raises(tj.UnsoundTraceError):
        gradient(1.0)


@pytest.mark.parametrize("f", [lambda x: factor * x, lambda x: helper(x), lambda x: outside.chain(x) / outside.factor * factor])
def test_without_retargeting_changes_are_noticed_too(f):
    gradient = tj.grad(f, retarget=False)
    assert gradient(1.0) == 2.0
    assert gradient(1.0) == 2.0
    assert gradient.specializer.kept == 1
    set_global("factor", 5.0)
    assert gradient(1.0) == 5.0
