"""NumPy's ufuncs on tracers: calls with out=, where=, dtype=, and the methods reduce, accumulate, reduceat, outer, at."""

import numpy as np
import pytest
from replay import check, record

from tapejit.errors import TracingError, UnsupportedError
from tapejit.trace import Trace, Tracer

UNARY = [
    np.sin, np.exp, np.sqrt, np.absolute, np.negative, np.square, np.floor, np.isnan, np.isfinite, np.logical_not, np.sign, np.fabs,
    np.conjugate, np.positive, np.deg2rad, np.degrees, np.reciprocal, np.signbit, np.rint, np.log1p, np.arctan, np.tanh, np.cbrt]
BINARY = [
    np.add, np.subtract, np.multiply, np.divide, np.power, np.float_power, np.maximum, np.fmin, np.arctan2, np.hypot, np.logaddexp,
    np.copysign, np.remainder, np.fmod, np.floor_divide, np.less, np.not_equal, np.logical_and, np.logical_xor, np.heaviside]
INPUTS = [
    (1.75, 2.5), (np.float64(2.25), np.float64(0.75)), (np.float32(1.5), np.float32(0.3)), (np.array(1.25), np.array(3.0)),
    (np.array([1.5, 2.5, 0.5]), np.array([0.25, 4.0, 1.0])), (np.array([1.5, 2, 0.5], "f4"), np.array([3, 4, 5], "f4")),
    (np.array([1, 2, 3]), np.array([3, 1, 2])), (np.array([True, False, True]), np.array([False, False, True]))]


def may(f, *inputs, at=()):
    """check(), unless NumPy refuses these dtypes; then the tracer refuses them in the same way."""
    try:
        with np.errstate(all="ignore"):
            f(*inputs)
    except TypeError as error:
        with pytest.raises(type(error)):
            record(f, inputs)
        return
    check(f, *inputs, at=at, exact=False)


@pytest.mark.parametrize("ufunc", UNARY, ids=lambda f: f.__name__)
def test_unary_ufuncs(ufunc):
    for a, a2 in INPUTS:
        may(lambda x: ufunc(x), a, at=[(a2,)])


@pytest.mark.parametrize("ufunc", BINARY, ids=lambda f: f.__name__)
def test_binary_ufuncs(ufunc):
    for a, a2 in INPUTS:
        for b, b2 in INPUTS:
            may(lambda x, y: ufunc(x, y), a, b, at=[(a2, b2)])
        may(lambda x: ufunc(x, 2), a, at=[(a2,)])
        may(lambda x: ufunc([1.0, 2.0, 3.0], x), a, at=[(a2,)])


def test_two_results():
    for a, a2 in [(3.75, -2.5), (np.array([3.75, -2.5, 0.5]), np.array([-0.25, 4.0, 1.0]))]:
        check(lambda x: np.divmod(x, 1.5), a, at=[(a2,)])
        check(lambda x: np.modf(x), a, at=[(a2,)])


X, X2 = np.array([[1.0, 2.0, 3.0], [4.0, 0.0, -1.0]]), np.array([[0.5, 0.0, -3.0], [4.0, 2.0, 7.0]])


def test_out_writes_into_the_array():
    def f(x):
        y = x.copy()
        view = y[:, ::2]
        result = np.multiply(view, 2.0, out=view)
        assert result is view
        np.add(y[0], 1, out=(y[0],))
        np.add(x, x, y)
        np.sqrt(np.abs(y), out=y)
        return y, view

    check(f, X, at=[(X2,)])


def test_out_casts_as_numpy_does():
    def f(x):
        y = x.astype(np.float32)
        np.add(x, 1.0, out=y)
        return y

    check(f, X, at=[(X2,)])

    def integer(x):
        y = np.arange(6).reshape(2, 3) + (x > 0)
        np.add(x, 1.0, out=y, casting="unsafe")
        return y

    check(integer, X, at=[(X2,)])
    with pytest.raises(TypeError, match="same_kind"):
        record(lambda x: np.add(x, 1.0, out=(x > 0) + 0), [X])


def test_out_broadcasts_the_result():
    def f(x):
        y = x.copy()
        np.add(x[0], 1.0, out=y)
        return y

    check(f, X, at=[(X2,)])
    with pytest.raises(ValueError):
        record(lambda x: np.add(x, 1.0, out=x[0].copy()), [X])


def test_plain_array_as_out_is_refused():
    plain = np.zeros(3)
    with pytest.raises(TracingError, match=r"test_tracer_ufuncs.py:\d+, add writes a traced value into a plain NumPy array"):
        record(lambda x: np.add(x, 1.0, out=plain), [np.ones(3)])
    with pytest.raises(TracingError, match="write into a traced copy"):
        record(lambda x: plain.__iadd__(x), [np.ones(3)])
    with pytest.raises(TracingError, match="add.at writes"):
        record(lambda x: np.add.at(plain, [0, 1], x[:2]), [np.ones(3)])
    assert not plain.any()


def test_where_leaves_the_rest():
    def f(x):
        y = x * 0.0 - 1.0
        np.divide(1.0, x, out=y, where=x != 0)
        z = x.copy()
        np.add(x, 1.0, out=z, where=np.array([True, False, True]))
        return y, z

    tape = check(f, X, at=[(X2,)])
    assert not any(row.name == "guard" for _, row, *_ in tape.records())


def test_dtype_chooses_the_loop():
    check(lambda x: np.add(x, 1, dtype=np.float32, casting="same_kind"), X, at=[(X2,)])
    check(lambda x: np.multiply(x, 1, dtype="f8"), X.astype("f4"), at=[(X2.astype("f4"),)])
    check(lambda x: np.sqrt(x, dtype=float), np.array([1, 4, 9]), at=[(np.array([4, 2, 3]),)])


def test_reduce():
    for ufunc in (np.add, np.multiply, np.maximum, np.minimum, np.logical_and, np.logical_or):
        for keywords in ({}, {"axis": 1}, {"axis": None}, {"axis": (0, 1)}, {"axis": -1, "keepdims": True}):
            check(lambda x: ufunc.reduce(x, **keywords), X, at=[(X2,)])
    check(lambda x: np.add.reduce(x, initial=2.0), X[0], at=[(X2[0],)])
    check(lambda x: np.add.reduce(x, axis=0, dtype=np.float64), X.astype("f4"), at=[(X2.astype("f4"),)])
    for ufunc in (np.logaddexp, np.hypot, np.subtract, np.fmax):
        for keywords in ({}, {"axis": 1}, {"keepdims": True}):
            check(lambda x: ufunc.reduce(x, **keywords), X, at=[(X2,)], exact=False)


def test_accumulate():
    for ufunc in (np.add, np.multiply, np.maximum, np.logaddexp, np.subtract):
        for axis in (0, 1, -1):
            check(lambda x: ufunc.accumulate(x, axis=axis), X, at=[(X2,)], exact=False)


def test_reduceat():
    for indices in ([0, 2], [0, 1, 2], [1, 0, 2]):
        check(lambda x: np.add.reduceat(x, indices, axis=1), X, at=[(X2,)], exact=False)


def test_outer():
    for ufunc in (np.multiply, np.subtract, np.maximum, np.less):
        check(lambda x, y: ufunc.outer(x, y), X, X2[0], at=[(X2, X[0])])
        check(lambda x: ufunc.outer(x, [1.0, 2.0]), X[0], at=[(X2[0],)])
        check(lambda x: ufunc.outer(3.0, x), X[0], at=[(X2[0],)])
    check(lambda s: np.add.outer(s, s), 2.0, at=[(3.0,)])


@pytest.mark.parametrize("ufunc", [np.add, np.subtract, np.multiply, np.maximum], ids=lambda f: f.__name__)
def test_at_counts_repeated_indices(ufunc):
    def f(x, v):
        y = x.copy()
        ufunc.at(y, np.array([0, 2, 0, 0, 1]), v)
        z = x.copy()
        ufunc.at(z, [2, 2], v[1])
        ufunc.at(z, slice(1, None), 2.0)
        return y, z

    check(f, X[0], np.arange(1.0, 6.0), at=[(X2[0], np.cos(np.arange(5.0)))], exact=False)

    def matrix(x, v):
        y = x.copy()
        ufunc.at(y, ([0, 1, 0], [1, 1, 1]), v)
        ufunc.at(y, 0, v)
        return y

    check(matrix, X, np.arange(1.0, 4.0), at=[(X2, np.cos(np.arange(3.0)))], exact=False)


def test_unary_at():
    def f(x):
        y = x.copy()
        np.negative.at(y, [0, 0, 1])
        return y

    check(f, X[0], at=[(X2[0],)])


def test_unknown_ufunc_of_a_float_is_refused_by_name():
    special = pytest.importorskip("scipy.special")
    with pytest.raises(UnsupportedError, match="airy|kelvin"):
        record(lambda x: special.kelvin(x), [X])
    with pytest.raises(UnsupportedError, match=r"test_tracer_ufuncs.py:\d+, ellipk has no derivative rule"):
        record(lambda x: special.ellipk(x), [X])


def test_unknown_ufunc_of_integers_is_called_at_each_replay():
    check(lambda x: np.gcd(x, 12), np.array([8, 9, 7]), at=[(np.array([4, 18, 24]),)])
    check(lambda x: np.gcd(np.floor(x).astype(int), 6), X, at=[(X2,)])


def test_unknown_function_is_refused_by_name():
    with pytest.raises(UnsupportedError, match=r"test_tracer_ufuncs.py:\d+, numpy.busday_count is called on a traced value"):
        record(lambda x: np.busday_count(x, x), [X])


def test_metadata_functions_answer_plainly():
    with Trace() as trace:
        x = trace.input(X)
        assert np.shape(x) == (2, 3) and np.ndim(x) == 2 and np.size(x) == 6 and np.result_type(x, 1) == np.float64
        assert not np.iscomplexobj(x) and np.may_share_memory(x, x[0])
        assert type(np.sin(x)) is Tracer


def test_dtypes_that_no_tape_holds():
    with Trace() as trace:
        x = trace.input(X)
        with pytest.raises(TracingError, match=r"an array of dtype longdouble|an array of dtype float128|longdouble"):
            x + np.ones(3, np.longdouble)
        with pytest.raises(TypeError):
            x + np.array(["a", "b", "c"])


def test_a_dtype_class_says_the_dtype():
    import tapejit as tj

    x = np.array([1.0, 2.5])
    np.testing.assert_array_equal(tj.jit(lambda x: np.subtract(x, 1, dtype=type(x.dtype)))(x), x - 1)
