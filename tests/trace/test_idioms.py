"""Fifty and more idioms, as users write them, from three packages: this one, `idiom_helpers` and a module in a zip file.

Each has the value and the derivative of the untraced function, fresh and replayed, in both modes; nothing of the user's is
changed by that; two threads trace at once. Where a derivative would be lost, the error names the line and what to write.
"""

import array
import functools
import math
import sys
import threading
import types
import zipfile

import numpy as np
import pytest

import tapejit as tj

from . import idiom_cases, idiom_helpers, idiom_objects
from .idiom_cases import ON_FLOATS, ON_VECTORS

VECTOR, OTHER_VECTOR = np.array([0.3, 1.2, 0.6, 0.9]), np.array([0.7, 0.45, 1.1, 0.2])
POINTS = {id(f): (0.7, 1.3) for f in ON_FLOATS} | {id(f): (VECTOR, OTHER_VECTOR) for f in ON_VECTORS}
IDIOMS = ON_FLOATS + ON_VECTORS

ZIPPED = '''
"""A module in a zip file."""
import math
import numpy as np
from numpy import zeros

OFFSET = 0.25


class Table:
    def __init__(self, n):
        self.rows = [zeros(n) for _ in range(2)]

    def __getitem__(self, k):
        return self.rows[k]


def tabulated(x):
    table = Table(3)
    for k in range(3):
        table[k % 2][k] = math.exp(-x * k) + OFFSET
    return np.array(table.rows).sum() * helper(x)


def helper(x, _scale=[2.0]):
    return _scale[0] * float(x)
'''


@pytest.fixture(scope="module")
def zipped(tmp_path_factory):
    """A user's module that is imported from a zip file."""
    path = tmp_path_factory.mktemp("zip") / "package.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("zipped_idioms/__init__.py", ZIPPED)
    sys.path.insert(0, str(path))
    try:
        yield __import__("zipped_idioms")
    finally:
        sys.path.remove(str(path))
        sys.modules.pop("zipped_idioms", None)


def differences(f, x, h=1e-6):
    """The derivative of f by differences of f itself, untraced."""
    if isinstance(x, float):
        return (f(x + h) - f(x - h)) / (2 * h)
    steps = np.eye(len(x)) * h
    return np.array([(f(x + step) - f(x - step)) / (2 * h) for step in steps])


def agrees(f, points):
    both = tj.value_and_grad(f)
    for x in (*points, *points):
        value, gradient = both(x)
        assert value == pytest.approx(f(x), rel=1e-12)
        assert gradient == pytest.approx(differences(f, x), rel=1e-5, abs=1e-7)
        direction = 1.0 if isinstance(x, float) else np.cos(np.arange(len(x)))
        assert tj.jvp(f, (x,), (direction,))[1] == pytest.approx(np.dot(gradient, direction), rel=1e-10, abs=1e-12)


def test_there_are_fifty():
    assert len(IDIOMS) >= 50 and len({f.__name__ for f in IDIOMS}) == len(IDIOMS)


@pytest.mark.filterwarnings("ignore::tapejit.TraceWarning")
@pytest.mark.parametrize("f", IDIOMS, ids=lambda f: f.__name__)
def test_an_idiom(f):
    agrees(f, POINTS[id(f)])


def test_a_module_in_a_zip_file(zipped):
    agrees(zipped.tabulated, (0.7, 1.3))
    agrees(lambda x: zipped.tabulated(x) * idiom_helpers.norm_of([x, 2.0]), (0.7, 1.3))


def test_logsumexp_of_scipy():
    pytest.importorskip("tapejit.scipy.special")
    scipy = pytest.importorskip("scipy.special")
    agrees(lambda x: scipy.logsumexp(x) * 2, (VECTOR, OTHER_VECTOR))


def test_distributions_of_scipy():
    pytest.importorskip("tapejit.scipy.stats")
    stats = pytest.importorskip("scipy.stats")
    agrees(lambda x: stats.norm.logpdf(x) + stats.norm.logpdf(x, 0.5, 2.0), (0.7, 1.3))


# --- nothing of the user's is changed --------------------------------------------------------------------------------


def photograph(*modules):
    """What can be seen of modules: their names, and of functions and classes among them all parts, by identity."""
    seen, todo = {}, [(module.__name__, vars(module)) for module in modules]
    while todo:
        path, names = todo.pop()
        for name, value in list(names.items()):
            if name in ("__warningregistry__", "__builtins__"):
                continue
            seen[path, name] = value
            if isinstance(value, (staticmethod, classmethod)):
                value = value.__func__
            if isinstance(value, types.FunctionType) and (path, name, "parts") not in seen:
                cells = tuple(cell.cell_contents for cell in value.__closure__ or ())
                for part in (value.__code__, value.__defaults__, value.__kwdefaults__, value.__globals__, value.__closure__, *cells):
                    seen[path, name, len(seen)] = part
                seen[path, name, "items"] = repr(value.__defaults__) + repr(vars(value).keys())
            elif isinstance(value, type) and value.__module__ == path:
                todo.append((f"{path}.{name}", vars(value)))
    return seen


@pytest.mark.filterwarnings("ignore::tapejit.TraceWarning")
def test_the_originals_are_not_touched(zipped):
    modules = [sys.modules[name] for name in list(sys.modules) if name.startswith(idiom_cases.__name__.rpartition(".")[0] + ".idiom")]
    assert len(modules) == 5 and idiom_objects in modules
    modules += [zipped, np, np.linalg, math, functools, sys.modules["builtins"]]
    before = photograph(*modules)
    for f in (*IDIOMS, zipped.tabulated):
        tj.grad(f)(POINTS.get(id(f), (0.7,))[0])
    after = photograph(*modules)
    assert before.keys() == after.keys()
    changed = [key for key, value in before.items() if after[key] is not value and not (type(value) is str and after[key] == value)]
    assert changed == []
    np.testing.assert_array_equal(idiom_cases.TABLE["weights"], [0.5, -0.25, 2.0, 1.0])


@pytest.mark.filterwarnings("ignore::tapejit.TraceWarning")
def test_two_threads_trace_at_once(zipped):
    """In opposite order, while a third runs the functions untraced: all get what they get alone."""
    functions = [f for f in (*IDIOMS, zipped.tabulated) if f.__name__ != "messages"]  # warnings.catch_warnings is of the whole process
    points = [POINTS.get(id(f), (0.7,))[0] for f in functions]
    alone = [tj.value_and_grad(lambda x, f=f: f(x))(x) for f, x in zip(functions, points)]
    plain = [f(x) for f, x in zip(functions, points)]
    barrier, found = threading.Barrier(3), {}

    def run(name, order, call):
        try:
            barrier.wait(20)
            found[name] = {k: call(functions[k], points[k]) for k in order}
        except BaseException as error:
            found[name] = error

    def fresh(f, x):
        return tj.value_and_grad(lambda x: f(x))(x)
    n = len(functions)
    jobs = [("one", range(n), fresh), ("two", range(n - 1, -1, -1), fresh), ("untraced", range(n), lambda f, x: f(x))]
    threads = [threading.Thread(target=run, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in ("one", "two"):
        assert isinstance(found[name], dict), found[name]
        for k, (value, gradient) in enumerate(alone):
            assert found[name][k][0] == value, functions[k].__name__
            np.testing.assert_array_equal(found[name][k][1], gradient, functions[k].__name__)
    assert [found["untraced"][k] for k in range(n)] == plain


# --- what is lost all the same ---------------------------------------------------------------------------------------

PLAIN = np.array([1.0, 2.0, 3.0])


def template(x):
    r = PLAIN.copy()
    r[0] = x
    return r.sum()


def template_fixed(x):
    r = np.array(PLAIN)
    r[0] = x
    return r.sum()


def template_slice(x):
    r = PLAIN.copy()
    r[1:] = np.array([x, x])
    return r.sum()


def template_augmented(x):
    r = PLAIN.copy()
    r += x
    return r.sum()


def template_out(x):
    r = PLAIN.copy()
    np.multiply(x, 2.0, out=r)
    return r.sum()


def template_at(x):
    r = PLAIN.copy()
    np.add.at(r, [0], x)
    return r.sum()


def template_copied_to(x):
    r = PLAIN.copy()
    np.copyto(r, x)
    return r.sum()


def template_reduced(x):
    r = PLAIN.copy()
    np.sum(np.array([[x, x, x]]), axis=0, out=r)
    return r.sum()


def structured(x):
    r = np.zeros(2, dtype=[("a", float), ("b", int)])
    r["a"] = x
    return r["a"].sum()


def typed_array(x):
    r = array.array("d", [1.0])
    r[0] = x
    return r[0]


LOST_WRITES = [template, template_slice, template_augmented, template_out, template_at, template_copied_to, template_reduced, structured,
               typed_array]


@pytest.mark.parametrize("f", LOST_WRITES, ids=lambda f: f.__name__)
def test_a_write_into_a_plain_array_names_the_line_and_the_word(f):
    line = f.__code__.co_firstlineno + 2
    with pytest.raises(tj.TracingError, match=rf"^at test_idioms.py:{line}, .*plain NumPy array.*np\.array\(\.\.\.\) inside the function"):
        tj.grad(f)(0.7)


def test_the_word_helps():
    agrees(template_fixed, (0.7, 1.3))


@pytest.mark.parametrize("f, what, word", [
    (lambda x: float("%.3f" % x) * x, r"float\(\) \(which %-formatting", "f-strings do not"),
    (lambda x: PLAIN.copy().fill(x), r"float\(\)", r"np\.array\(\.\.\.\)"),
    (lambda x: np.array([x]).tobytes(), r"\.tobytes\(\)", "Keep the value as it is"),
], ids=["percent", "fill", "bytes"])
def test_a_number_that_is_taken_out_names_the_line(f, what, word):
    line = f.__code__.co_firstlineno
    with pytest.raises(tj.TracingError, match=rf"{what}.* at test_idioms.py:{line}: .*{word}|{what}.*{word}.* at test_idioms.py"):
        tj.grad(f)(0.7)
