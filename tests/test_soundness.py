"""A kept trace never answers for a function that is no longer f: one test for each kind of outside change.

Each function is linear, k*x, where k is read from somewhere: its gradient says which k was used.
"""

from collections import OrderedDict, defaultdict, deque

import numpy as np
import pytest

import tapejit as tj

from . import soundness_modules as outside
from .soundness_modules import noticed

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
], ids=["dict entry", "nested dict", "list in a dict", "nested dict replaced", "list item", "list insert", "list length",
        "list in a tuple", "set", "deque", "OrderedDict", "defaultdict", "new key", "dict value", "function in a dict"])
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
