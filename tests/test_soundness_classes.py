"""A kept trace never answers for changed surroundings: classes of arguments, subclasses of built-in types, and reads that go past names."""

import copy
import ctypes
import dataclasses
import importlib
import inspect
import json
import os
import pathlib
import sys
import types
import typing
from collections import namedtuple

import numpy as np
import pytest

import tapejit as tj

from . import soundness_modules as outside
from .soundness_modules import noticed


class Point(typing.NamedTuple):
    a: float

    def scaled(self):
        return self.a * outside.factor * type(self).K


Point.K = 1.0


@dataclasses.dataclass(slots=True)
class SlottedData:
    a: float

    def scaled(self):
        return self.a * outside.factor


@dataclasses.dataclass
class Holder:
    pair: tuple


class Table(dict):
    def scaled(self):
        return self["a"] * outside.factor


class Items(list):
    def scaled(self):
        return self[0] * outside.factor


class Pair(namedtuple("Pair", "a")):
    def scaled(self):
        return self.a * outside.factor


class Array(np.ndarray):
    def scaled(self):
        return self[0] * outside.factor


class Real(float):
    pass


class Model:
    K = 2.0

    def __init__(self):
        self.w = 2.0
        self.array = np.full(3, 2.0)

    def by_copy(self, x):
        return copy.copy(self).w * x


class Once(type):
    instances = {}

    def __call__(cls, *args):
        if cls not in Once.instances:
            Once.instances[cls] = super().__call__(*args)
        return Once.instances[cls]


class Single(metaclass=Once):
    def __init__(self):
        self.k = 2.0


@pytest.fixture(autouse=True)
def restored():
    saved = dict(vars(outside))
    yield
    vars(outside).update(saved)
    Point.K, Model.K = 1.0, 2.0
    Once.instances.clear()


ARGUMENTS = {
    "named tuple": (lambda: Point(1.0), lambda p: p.scaled()),
    "dataclass with slots": (lambda: SlottedData(1.0), lambda p: p.scaled()),
    "dict": (lambda: Table(a=1.0), lambda p: p.scaled()),
    "list": (lambda: Items([1.0]), lambda p: p.scaled()),
    "named tuple in a dataclass": (lambda: Holder((Point(1.0),)), lambda p: p.pair[0].scaled()),
    "dict in a list": (lambda: [Table(a=1.0)], lambda p: p[0].scaled()),
    "dataclass with slots in a dict": (lambda: {"p": SlottedData(1.0)}, lambda p: p["p"].scaled()),
    "named tuple subclass": (lambda: Pair(1.0), lambda p: p.scaled()),
}


@pytest.mark.parametrize("make, f", ARGUMENTS.values(), ids=ARGUMENTS)
def test_what_methods_of_arguments_read(make, f):
    value = tj.value_and_grad(f)
    assert value(make())[0] == value(make())[0] == 2.0
    assert value.specializer.kept == 1
    outside.factor = 5.0
    assert value(make())[0] == value(make())[0] == 5.0


def test_class_attributes_of_a_named_tuple_argument():
    value = tj.value_and_grad(lambda p: p.scaled())
    assert value(Point(1.0))[0] == 2.0
    Point.K = 3.0
    assert value(Point(1.0))[0] == 6.0


def test_the_gradient_with_respect_to_such_arguments_has_their_class():
    for make in (lambda: Point(1.0), lambda: SlottedData(1.0), lambda: Table(a=1.0)):
        kind = type(make())
        gradient = tj.grad(lambda p: p.scaled())
        assert type(gradient(make())) is kind and type(gradient(make())) is kind
        assert type(tj.grad(lambda p: (p.scaled(), p), has_aux=True)(make())[1]) is kind


CAPTURED = {
    "dict": lambda: Table(a=1.0),
    "list": lambda: Items([1.0]),
    "named tuple": lambda: Point(1.0),
    "named tuple with a dict": lambda: Pair(1.0),
    "array": lambda: np.ones(3).view(Array),
}


@pytest.mark.parametrize("make", CAPTURED.values(), ids=CAPTURED)
def test_what_methods_of_captured_subclasses_read(make):
    o = make()
    noticed(lambda x: o.scaled() * x, lambda: setattr(outside, "factor", 5.0))


@pytest.mark.parametrize("make", [CAPTURED[name] for name in ("dict", "list", "array")], ids=["dict", "list", "array"])
def test_attributes_of_captured_subclasses(make):
    o = make()
    o.k = 2.0
    noticed(lambda x: o.k * x, lambda: setattr(o, "k", 5.0))


def test_a_float_of_the_users_own_class():
    real = Real(2.0)
    assert tj.grad(lambda x: np.sum(x * real))(np.ones(2)).tolist() == [2.0, 2.0]
    assert tj.grad(lambda x: real * x)(1.0) == 2.0


PAST_NAMES = {
    "copy.copy": lambda o: lambda x: copy.copy(o).w * x,
    "copy.copy of self": lambda o: o.by_copy,
    "copy.deepcopy": lambda o: lambda x: copy.deepcopy(o).w * x,
    "object.__getattribute__": lambda o: lambda x: object.__getattribute__(o, "w") * x,
    "vars": lambda o: lambda x: vars(o)["w"] * x,
    "getattr_static": lambda o: lambda x: inspect.getattr_static(o, "w") * x,
}


@pytest.mark.filterwarnings("ignore::tapejit.TraceWarning")
@pytest.mark.parametrize("make", PAST_NAMES.values(), ids=PAST_NAMES)
def test_attributes_read_past_their_names(make):
    o = Model()
    gradient = tj.grad(make(o))
    assert gradient(1.0) == gradient(1.0) == 2.0
    o.w = 5.0
    assert gradient(1.0) == gradient(1.0) == 5.0


def test_a_copied_object_is_kept_and_copied_at_each_change():
    o = Model()
    noticed(lambda x: copy.copy(o).w * x, lambda: setattr(o, "w", 5.0))


CLASS_DICTS = {
    "vars": lambda x: vars(Model)["K"] * x,
    "__dict__": lambda x: Model.__dict__["K"] * x,
    "getattr_static": lambda x: inspect.getattr_static(Model, "K") * x,
}


@pytest.mark.filterwarnings("ignore::tapejit.TraceWarning")
@pytest.mark.parametrize("f", CLASS_DICTS.values(), ids=CLASS_DICTS)
def test_class_attributes_read_from_the_dict_of_the_class(f):
    gradient = tj.grad(f)
    assert gradient(1.0) == gradient(1.0) == 2.0
    Model.K = 5.0
    assert gradient(1.0) == gradient(1.0) == 5.0


MODULES = {
    "import_module": lambda x: importlib.import_module(outside.__name__).factor * x,
    "sys.modules": lambda x: sys.modules[outside.__name__].factor * x,
    "vars of sys.modules": lambda x: vars(sys.modules[outside.__name__])["factor"] * x,
    "vars": lambda x: vars(outside)["factor"] * x,
    "__dict__": lambda x: outside.__dict__["factor"] * x,
}


@pytest.mark.filterwarnings("ignore::tapejit.TraceWarning")
@pytest.mark.parametrize("f", MODULES.values(), ids=MODULES)
def test_modules_reached_otherwise(f):
    gradient = tj.grad(f)
    assert gradient(1.0) == gradient(1.0) == 2.0
    outside.factor = 5.0
    assert gradient(1.0) == gradient(1.0) == 5.0


def test_an_imported_module_is_kept():
    noticed(lambda x: importlib.import_module(outside.__name__).factor * x, lambda: setattr(outside, "factor", 5.0))


@pytest.mark.filterwarnings("ignore::tapejit.TraceWarning")
def test_a_singleton_of_its_metaclass():
    gradient = tj.grad(lambda x: Single().k * x)
    assert gradient(1.0) == gradient(1.0) == gradient(1.0) == 2.0
    Single().k = 5.0
    assert gradient(1.0) == gradient(1.0) == 5.0


def test_an_attribute_of_a_function_that_appears_later():
    def f(x):
        return getattr(f, "k", 2.0) * x
    noticed(f, lambda: setattr(f, "k", 5.0))

    def g(x):
        try:
            return g.k * x
        except AttributeError:
            return 2.0 * x
    noticed(g, lambda: setattr(g, "k", 5.0))


@pytest.mark.filterwarnings("ignore::tapejit.TraceWarning")
def test_values_that_show_others():
    names = {"k": 2.0}
    shown, number = types.MappingProxyType(names), ctypes.c_double(2.0)
    noticed(lambda x: shown["k"] * x, lambda: names.update(k=5.0))
    gradient = tj.grad(lambda x: number.value * x)
    assert gradient(1.0) == 2.0
    number.value = 5.0
    assert gradient(1.0) == 5.0
    h = np.frompyfunc(lambda v: v * outside.factor, 1, 1)
    gradient = tj.grad(lambda x: h(1.0) * x)
    assert gradient(1.0) == 2.0
    outside.factor = 5.0
    assert gradient(1.0) == 5.0


IMPURE = {
    "np.load": lambda x, path: np.load(path) * x,
    "np.fromfile": lambda x, path: len(np.fromfile(path)) * x,
    "np.memmap": lambda x, path: len(np.memmap(path, mode="r")) * x,
    "read_bytes": lambda x, path: len(pathlib.Path(path).read_bytes()) * x,
    "os.path.exists": lambda x, path: os.path.exists(path) * x,
    "np.geterr": lambda x, path: len(np.geterr()) * x,
    "np.random.get_state": lambda x, path: np.random.get_state()[2] * x,
    "bit_generator": lambda x, path: len(np.random.default_rng(0).bit_generator.state) * x,
    "getrecursionlimit": lambda x, path: sys.getrecursionlimit() * x,
}


@pytest.mark.parametrize("f", IMPURE.values(), ids=IMPURE)
def test_files_and_settings_are_asked_at_each_call(f, tmp_path):
    np.save(tmp_path / "a.npy", 2.0)
    gradient = tj.grad(f)
    with pytest.warns(tj.TraceWarning, match="traced again at each call"):
        gradient(1.0, str(tmp_path / "a.npy"))
    assert gradient.specializer.kept == 0


# --- text ------------------------------------------------------------------------------------------------------------

TEXTS = {
    "format": lambda x: np.sum(x) * (1 if f"{x[0]:.1f}" == "0.3" else 2),
    "str": lambda x: np.sum(x) * (1 if str(x[0]) == "0.3" else 2),
    "repr": lambda x: np.sum(x) * (1 if "0.3" in repr(x[0]) else 2),
    "in a list": lambda x: np.sum(x) * (1 if "0.3" in str([x[0]]) else 2),
    "array2string": lambda x: np.sum(x) * (1 if "0.3" in np.array2string(x) else 2),
    "array_str": lambda x: np.sum(x) * (1 if "0.3" in np.array_str(x) else 2),
}


@pytest.mark.parametrize("f", TEXTS.values(), ids=TEXTS)
def test_text_of_traced_values_is_made_at_each_call(f):
    gradient = tj.grad(f)
    with pytest.warns(tj.TraceWarning, match=r"it makes text of a traced value, at test_soundness_classes.py:\d+"):
        assert gradient(np.array([0.3, 1.0])).tolist() == [1.0, 1.0]
    assert gradient(np.array([0.4, 1.0])).tolist() == [2.0, 2.0]


def test_text_of_what_depends_on_no_input_is_no_obstacle():
    gradient = tj.grad(lambda x: x * len(str(np.ones(3))))
    gradient(1.0)
    assert gradient.specializer.kept == 1


def test_json_names_itself():
    with pytest.raises(tj.TracingError, match=r"json.dumps\(\) on a traced value"):
        tj.grad(lambda x: x * len(json.dumps(x)))(1.0)
