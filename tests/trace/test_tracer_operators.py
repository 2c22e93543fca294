"""Python's operators on tracers: NumPy's (or Python's) value, type and error; the same again when the tape is replayed."""

import operator
import warnings

import numpy as np
import pytest
from replay import check, guards, record

from tapejit.trace import Trace, Tracer

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow]
ORDER = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
BITS = [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift]
IN_PLACE = [operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ifloordiv, operator.imod, operator.ipow]

OPERANDS = {
    "float": (1.75, 2.5), "scalar": (np.float64(2.25), np.float64(0.75)), "single": (np.float32(1.5), np.float32(0.3)),
    "array": (np.array([1.5, 2.5, 0.5]), np.array([0.25, 4.0, 1.0])),
    "single array": (np.array([1.5, 2, 0.5], "f4"), np.array([3, 4, 5], "f4")),
    "matrix": (np.array([[1.5, 2.5, 0.5], [3.0, 1.0, 2.0]]), np.full((2, 3), 1.25)), "0-d": (np.array(1.25), np.array(3.0)),
    "integers": (np.array([1, 2, 3]), np.array([3, 1, 2])), "small integers": (np.array([1, 2, 3], "i2"), np.array([3, 1, 2], "i2")),
    "integer": (np.int64(3), np.int64(2)), "bools": (np.array([True, False, True]), np.array([False, False, True])),
}
PLAIN = [2, 3.5, np.float64(1.5), np.float32(2.5), np.array([1.0, 2.0, 3.0]), np.array([1, 2, 4]), np.array([1, 2, 4], "f4"), True]


def agrees(f, *inputs, at=()):
    """f on tracers does what f does on the values: the same result, or an error of the same kind."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            f(*[np.array(v) if isinstance(v, np.ndarray) else v for v in inputs])
    except Exception as error:
        with pytest.raises(type(error)):
            record(f, [np.array(v) if isinstance(v, np.ndarray) else v for v in inputs])
        return
    check(f, *inputs, at=at, exact=False)


@pytest.mark.parametrize("operate", ARITHMETIC + ORDER + BITS + [divmod], ids=lambda f: f.__name__)
def test_of_two_tracers(operate):
    for a, a2 in OPERANDS.values():
        for b, b2 in OPERANDS.values():
            agrees(lambda x, y: operate(x, y), a, b, at=[(a2, b2)])
        agrees(lambda x: operate(x, x), a, at=[(a2,)])


@pytest.mark.parametrize("operate", ARITHMETIC + ORDER + BITS + [divmod], ids=lambda f: f.__name__)
def test_with_plain_values_on_either_side(operate):
    for a, a2 in OPERANDS.values():
        for plain in PLAIN:
            agrees(lambda x: operate(x, plain), a, at=[(a2,)])
            agrees(lambda x: operate(plain, x), a, at=[(a2,)])


@pytest.mark.parametrize("operate", IN_PLACE + [operator.iand, operator.ior, operator.ixor], ids=lambda f: f.__name__)
def test_in_place(operate):
    """x op= y changes the array that x names, with NumPy's casting rule; of a number it makes a new one."""
    def f(x, y):
        z = x.copy() if isinstance(x, np.ndarray) else x
        same = z
        z = operate(z, y)
        return z, same

    for a, a2 in OPERANDS.values():
        for b, b2 in OPERANDS.values():
            agrees(f, a, b, at=[(a2, b2)])
        for plain in PLAIN:
            agrees(lambda x: f(x, plain), a, at=[(a2,)])


@pytest.mark.parametrize("exponent", [2, 0.5, -1, 1, 0, 3, -2, 2.0, 0.0, 1.5, True, np.float64(2), np.array(2.0)], ids=repr)
def test_powers(exponent):
    """The short cuts of x ** 2, x ** 0.5, x ** -1 are taken where NumPy takes them."""
    for a, a2 in OPERANDS.values():
        agrees(lambda x: x ** exponent, a, at=[(a2,)])


def test_power_short_cuts_at_special_values():
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -2.0])
    for exponent in (2, 0.5, -1, 0, 1, 3):
        check(lambda x: x ** exponent, np.ones(6), at=[(special,)])
        check(lambda x: x ** exponent, special)


@pytest.mark.parametrize("operate", [operator.neg, operator.pos, operator.abs, operator.invert], ids=lambda f: f.__name__)
def test_unary(operate):
    for a, a2 in OPERANDS.values():
        agrees(operate, a, at=[(a2,)])


def test_matrix_product():
    a, b, v = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4), np.arange(3.0)
    check(lambda x, y: x @ y, a, b, at=[(a + 1, b - 3)])
    check(lambda x: x @ v, a, at=[(a - 2,)])
    check(lambda x: b.T @ x, v, at=[(v - 2,)])
    check(lambda x: x @ x, v)
    agrees(lambda x: x @ b, a.T)
    agrees(lambda x: x @ 2.0, a)

    def in_place(x):
        y = x.copy()
        same = y
        y @= np.eye(3) * 2
        return y, same

    check(in_place, a)


def test_scalars_keep_python_and_numpy_apart():
    """A Python float divided by zero raises, a NumPy scalar gives inf and a warning at the user's line."""
    with Trace() as trace:
        x, y = trace.input(1.0), trace.input(np.float64(1.0))
        with pytest.raises(ZeroDivisionError):
            x / 0.0
        with pytest.warns(RuntimeWarning, match="divide by zero encountered in scalar divide") as caught:
            z = y / 0.0
        assert caught[0].filename == __file__
        assert z.value == np.inf and type(z.value) is np.float64
        with pytest.warns(RuntimeWarning, match="divide by zero encountered in log") as caught:
            np.log(trace.input(np.array([0.0, 1.0])))
        assert caught[0].filename == __file__
        with pytest.raises(OverflowError):
            trace.input(1e300) ** 2.0
        with pytest.warns(RuntimeWarning, match="overflow"):
            assert (trace.input(np.float64(1e300)) * 1e300).value == np.inf


def test_warnings_come_once_per_line():
    """Under the default filter a warning in a loop is shown once, as for NumPy's own call there."""
    with Trace() as trace, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        x = trace.input(np.array([-1.0]))
        for _ in range(3):
            np.sqrt(x)
    assert len(caught) == 1


def test_python_floats_are_weak():
    """A traced Python float does not widen float32, as in NumPy 2; a traced NumPy float64 does."""
    single = np.ones(3, "f4")
    check(lambda x, s: x * s, single, 0.1, at=[(single * 3, 0.7)])
    assert record(lambda x, s: x * s, [single, 0.1])[2][0].dtype == np.float32
    assert record(lambda x, s: x * s, [single, np.float64(0.1)])[2][0].dtype == np.float64


def test_comparisons_are_not_guards():
    tape, _, _ = record(lambda x, y: (x < y) * x + (x >= y) * y, [np.arange(3.0), np.ones(3)])
    assert guards(tape) == 0


def test_constants_are_interned():
    """A number used many times is one constant; zeros of different sign are two."""
    def f(x):
        y = x
        for _ in range(10):
            y = y * 2.0 + 0.0 - (-0.0) + 2
        return y

    tape, _, _ = record(f, [1.5])
    constants = [params[0].array for _, row, _, _, params in tape.records() if row.name == "constant"]
    assert len(constants) == 3
    check(f, np.float64(1.5), at=[(np.float64(-0.0),)])


def test_foreign_operands_are_left_to_python():
    """An operand that no array can be made of gets its own reflected method, or Python's TypeError."""
    class Foreign:
        def __radd__(self, other):
            return "mine"

        __array_ufunc__ = None

    with Trace() as trace:
        for value in (1.0, np.ones(2)):
            x = trace.input(value)
            assert x + Foreign() == "mine"
            for bad in (None, "text", {}, object()):
                with pytest.raises(TypeError):
                    x + bad
            assert (x == None) is False or isinstance(x.value, np.ndarray)  # noqa: E711


def test_lists_of_tracers_join():
    check(lambda x, y: x + [y, 1.0, y * y], np.arange(3.0), 2.0, at=[(np.ones(3), -1.0)])
    check(lambda x, y: [y, 2.0] * x, np.arange(2.0), 2.0, at=[(np.ones(2), -1.0)])


def test_lines_are_the_users():
    """Every record names the line of this file that made it."""
    def f(x, y):
        a = x * y  # line + 1
        return np.sum(a[1:])  # line + 2

    line = f.__code__.co_firstlineno
    tape, _, _ = record(f, [np.arange(3.0), 2.0])
    lines = {row.name: tape.line_of(k) for k, row, *_ in tape.records()}
    assert lines["multiply"] == (__file__, line + 1)
    assert lines["index"] == lines["sum"] == (__file__, line + 2)


def test_ndarray_on_the_left_reaches_the_tracer():
    with Trace() as trace:
        x = trace.input(np.arange(3.0))
        for result in (np.ones(3) + x, np.float64(2) * x, np.ones(3) < x, np.ones((2, 3)) @ x, np.ones(3) ** x):
            assert type(result) is Tracer
