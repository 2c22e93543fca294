"""Random functions over random surroundings that change at random: the kept traces always answer for the function as it is now."""

import types

import pytest

import tapejit as tj

SURROUNDINGS = '''
import numpy as np

class Plain:
    shared = 1.0
    def __init__(self):
        self.a, self.b, self.items, self.w = 1.0, 2.0, [1.0, 2.0], np.ones(3)
    def method(self):
        return self.a * number + self.items[1]
    @property
    def computed(self):
        return self.b + table["k"]

class Child(Plain):
    def method(self):
        return super().method() + self.shared

class Slotted:
    __slots__ = ("a", "inner")
    def __init__(self):
        self.a, self.inner = 1.0, Plain()
    def method(self):
        return self.a + self.inner.method()

number, other = 1.0, 2.0
table = {"k": 1.0, "nested": {"k": 2.0, "items": [1.0, 2.0, 3.0]}}
items = [1.0, 2.0, [3.0]]
plain, child, slotted = Plain(), Child(), Slotted()
small, large = np.ones(3), np.ones(300)
objects = [Plain(), Child()]
def helper(k=1.5):
    return number * other + table["k"] + k
def user(function=helper):
    return function() + slotted.method()
'''

# expressions that f may contain, each with a number as its value
READS = """number | other | table["k"] | table["nested"]["k"] | table["nested"]["items"][2] | items[0] | items[2][0] | plain.a
plain.items[0] | plain.method() | plain.computed | child.method() | child.shared | Plain.shared | Child().method() | slotted.a
slotted.inner.b | slotted.method() | small[0] | small.sum() | large[7] | (large * 2.0)[3] | plain.w[1] | child.w.sum()
objects[1].method() | objects[0].a | helper() | user() | helper(2.0) | float(large[2]) | sum(items[:2]) | len(items) * 1.0
getattr(plain, "extra", 0.5) | max(small) | (number if small[1] > 1.5 else other) | [o.a for o in objects][0] | {**table}["k"]
np.array([number, other])[1]""".replace("\n", " | ").split(" | ")

# statements that change the surroundings; {v} is a number
CHANGES = """number = {v} | other = {v} | table["k"] = {v} | table["nested"]["k"] = {v} | table["nested"]["items"][2] = {v} | items[0] = {v}
items[2][0] = {v} | table["nested"] = {{"k": {v}, "items": [1.0, {v}, 2.0]}} | items = [{v}, 1.0, [2.0]] | items.append({v})
plain.a = {v} | plain.items[1] = {v} | plain.items = [{v}, {v}] | plain.b = {v} | child.a = {v} | child.shared = {v}
Plain.shared = {v} | Child.shared = {v} | slotted.a = {v} | slotted.inner = Plain() | slotted.inner.b = {v}
slotted.inner.a = {v} | small[0] = {v} | small[1] = {v} | small = np.full(3, {v}) | large[7] = {v} | large[:] = {v}
large = np.full(300, {v}) | plain.w[1] = {v} | child.w = np.full(3, {v}) | objects[1].a = {v} | objects[0] = Child()
plain.extra = {v} | helper = lambda k=1.0: k * {v} | helper.__defaults__ = ({v},) | user.__defaults__ = (lambda: {v},)
Plain.method = lambda self: self.a + {v} | Child.method = lambda self: self.b * {v} | Plain.computed = property(lambda self: {v})
child = Child() | table = {{**table, "k": {v}}} | plain.method = lambda: {v}""".replace("\n", " | ").split(" | ")


@pytest.mark.parametrize("retargeted", [True, False], ids=["retargeted", "as it is"])
def test_random_changes(rng, effort, retargeted):
    for _ in range(12 * effort):
        module = types.ModuleType("surroundings")
        exec(SURROUNDINGS, vars(module))
        chosen = list(rng.choice(READS, rng.integers(1, 6), replace=False))
        exec(f"def f(x):\n    return ({' + '.join(chosen)}) * x", vars(module))
        gradient = tj.grad(module.f, retarget=retargeted)
        history = []
        for _ in range(20):
            expected = module.f(1.0)
            found = gradient(1.0)
            assert found == pytest.approx(float(expected), rel=1e-13), (chosen, history)
            assert gradient(1.0) == found
            if rng.random() < 0.8:
                history.append(rng.choice(CHANGES).format(v=rng.integers(1, 100) / 2))
                exec(history[-1], vars(module))


def test_random_changes_are_rarely_traced_for_nothing(rng):
    """What f does not read costs no trace."""
    module = types.ModuleType("surroundings")
    exec(SURROUNDINGS, vars(module))
    exec("def f(x):\n    return (number + plain.a + table['k'] + large[7]) * x", vars(module))
    gradient = tj.grad(module.f)
    gradient(1.0)
    for change in ("other = 3.0", "plain.b = 3.0", "plain.items = []", "slotted.a = 3.0", "large[:] = 3.0", "Plain.shared = 7.0",
                   "helper = None", "new = 1.0"):
        exec(change, vars(module))
        assert gradient(1.0) == module.f(1.0)
    assert gradient.specializer.kept == 1
