"""Every line of the section on edges in `tapejit/COVERAGE.md` is true, through the public functions and in both modes."""

import numpy as np
import pytest

import tapejit as tj
from tapejit.coverage.edges import EDGES

INF, NAN = np.inf, np.nan
ZEROS = [0.0, 0.0, 0.0]

CASES = {  # the first words of the line -> (function, argument, gradient of the sum)
    "ties of `max`": [
        (np.max, [1.0, 3.0, 3.0], [0, 0.5, 0.5]), (np.min, [1.0, 1.0, 1.0, 2.0], [1 / 3, 1 / 3, 1 / 3, 0]),
        (lambda x: np.amax(x, axis=0), [[2.0, 1.0], [2.0, 5.0]], [[0.5, 0], [0.5, 1]]), (np.amin, [4.0, 4.0], [0.5, 0.5]),
        (np.ptp, [1.0, 3.0, 3.0], [-1, 0.5, 0.5]), (lambda x: np.maximum(x, 1.0), [1.0, 2.0], [0.5, 1]),
        (lambda x: np.minimum(x, 1.0), [1.0, 2.0], [0.5, 0]), (lambda x: np.fmax(x, [1.0, NAN]), [1.0, 2.0], [0.5, 1]),
        (lambda x: np.fmin(x, [1.0, NAN]), [1.0, 2.0], [0.5, 1]), (np.nanmax, [3.0, NAN, 3.0], [0.5, 0, 0.5])],
    "ties of `sort`": [
        (lambda x: np.sort(x) * [1.0, 10.0, 100.0], [2.0, 1.0, 1.0], [100, 1, 10]), (np.median, [2.0, 2.0, 2.0], [0, 1, 0]),
        (np.median, [1.0, 2.0, 2.0, 3.0], [0, 0.5, 0.5, 0]), (lambda x: np.quantile(x, 0.25), [2.0, 2.0, 2.0], [0.5, 0.5, 0]),
        (lambda x: np.partition(x, 1)[1], [5.0, 5.0], [0, 1])],
    "`clip` at": [(lambda x: np.clip(x, 0.0, 1.0), [-1.0, 0.0, 0.5, 1.0, 2.0], [0, 0.5, 1, 0.5, 0]),
                  (lambda a: np.clip(1.0, a, 2.0), 1.0, 0.5)],
    "`abs`, `fabs`": [(np.abs, [0.0, -0.0, -2.0], [0, 0, -1]), (np.fabs, [0.0], [0]), (np.sign, [0.0], [0]),
                      (lambda x: np.copysign(x, -1.0), [0.0, 2.0], [0, -1]), (abs, [0.0], [0])],
    "`linalg.norm`": [(np.linalg.norm, ZEROS, ZEROS), (lambda x: np.linalg.norm(x, 1), ZEROS, ZEROS),
                      (lambda x: np.linalg.norm(x, 3), ZEROS, ZEROS),
                      (lambda x: np.linalg.norm(x, INF), ZEROS, ZEROS), (np.linalg.norm, [[0.0, 0.0]], [[0, 0]]),
                      (lambda x: np.hypot(x, 0.0), 0.0, 0), (lambda x: np.arctan2(x, 0.0), 0.0, 0), (lambda x: np.arctan2(0.0, x), 0.0, 0)],
    "`sqrt` and": [(np.sqrt, [0.0, 4.0], [INF, 0.25]), (np.cbrt, [0.0], [INF]), (np.log, [0.0], [INF]), (np.arcsin, [1.0], [INF]),
                   (lambda x: np.sqrt(x)[1:], [0.0, 4.0], [0, 0.25]),
                   (lambda x: np.sqrt(np.maximum(x, 0.0)), [-1.0], [0])],
    "`std` of": [(np.std, [2.0, 2.0, 2.0], ZEROS)],
    "`where`, `select`": [
        (lambda x: np.where(x > 0, np.sqrt(x), 0.0), [-1.0, 0.0, 4.0], [0, 0, 0.25]),
        (lambda x: np.where(x > 0, np.log(x), x), [0.0, 2.0], [1, 0.5]),
        (lambda x: np.where(x > 700, 0.0, np.exp(x)), [800.0, 0.0], [0, 1]), (lambda x: 1 / np.expm1(x), 800.0, 0),
        (lambda x: 1 / np.cosh(x) + 1 / np.sinh(x), 800.0, 0),
        (lambda x: np.select([x < 0, x > 0], [x, np.log(x)]), [-1.0, 2.0, 0.0], [1, 0.5, 0]),
        (lambda x: np.piecewise(x, [x > 0], [np.sqrt, 0.0]), [-1.0, 4.0], [0, 0.25]), (np.nan_to_num, [NAN, 1.0, INF], [0, 1, 0]),
        (np.nansum, [NAN, 1.0], [0, 1]), (np.nanmean, [NAN, 1.0, 3.0], [0, 0.5, 0.5]), (np.nanprod, [NAN, 2.0, 3.0], [0, 3, 2])],
    "`0 ** 0`": [(lambda x: x ** 0.0, [0.0], [0]), (lambda x: 0.0 ** x, [0.0], [0]), (lambda x: np.power(x, x), 0.0, 0),
                 (lambda x: x ** 0, [0.0], [0])],
    "`x ** n`": [(lambda x: x ** 1, [0.0], [1]), (lambda x: x ** 2, [0.0], [0]), (lambda x: x ** 3.0, [-0.0], [0]),
                 (lambda x: 0.0 ** x, [2.0], [0]),
                 (lambda x: np.power(x, 1.0), [0.0], [1])],
    "`mod`, `remainder`": [
        (lambda x: np.mod(x, 2.0), [4.0, -2.0], [1, 1]), (lambda b: np.mod(4.0, b), [2.0], [-2]),
        (lambda x: np.remainder(x, -2.0), [4.0], [1]),
        (lambda x: np.fmod(x, 2.0), [-4.0], [1]), (lambda x: np.divmod(x, 2.0)[1], [4.0], [1]), (lambda x: np.modf(x)[0], [3.0], [1]),
        (lambda x: x % 1.0, [3.0], [1])],
    "`floor`, `ceil`": [(f, [-1.0, 0.0, 0.5, 2.0], [0, 0, 0, 0]) for f in (
        np.floor, np.ceil, np.round, np.trunc, np.sign, np.rint, np.fix, lambda x: np.heaviside(x, 0.5), lambda x: x // 1.0,
        lambda x: (x > 0) * 1.0)],
    "`prod`, `cumprod`": [(np.prod, [2.0, 0.0, 3.0], [0, 6, 0]), (np.prod, [0.0, 0.0, 3.0], [0, 0, 0]),
                          (np.cumprod, [2.0, 0.0, 3.0], [1, 8, 0])],
    "`interp` at": [(lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 5.0]), [0.0, 1.0, 1.5], [1, 4, 4]),
                    (lambda x: np.searchsorted([0.0, 1.0], x) * 1.0, [1.0], [0])],
    "empty reductions": [(np.sum, [], []), (np.prod, [], []), (np.mean, [], []), (lambda x: np.max(x, initial=1.0), [], [])],
    "indices out": [], "integers": []}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("line", CASES)
def test_edges(line):
    """The gradient is the stated one, by reverse and by forward mode."""
    for function, argument, expected in CASES[line]:
        x = np.asarray(argument, float)[()]

        def total(x, function=function):
            return np.sum(function(x))

        expected = np.asarray(expected, float)
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(tj.grad(total)(x), expected, rtol=1e-15, err_msg=line)
            units = np.eye(np.size(x)).reshape((np.size(x), *np.shape(x)))
            forward = [tj.jvp(total, (x,), (unit[()],))[1] for unit in units]
        np.testing.assert_allclose(np.reshape(forward, np.shape(x)), expected, rtol=1e-15, err_msg=line)


@pytest.mark.filterwarnings("ignore")
def test_a_cotangent_of_zero_stays_zero():
    assert tj.grad(lambda x: 0.0 * np.sqrt(x))(0.0) == 0 and tj.jvp(np.sqrt, (0.0,), (0.0,))[1] == 0


def test_every_line_has_its_cases():
    assert [next(line for line in CASES if at.startswith(line)) for at, _ in EDGES] == list(CASES)


@pytest.mark.filterwarnings("ignore")
def test_empty_reductions():
    empty = np.zeros(0)
    assert tj.jit(np.sum)(empty) == 0 and tj.jit(np.prod)(empty) == 1 and np.isnan(tj.jit(np.mean)(empty))
    for function in (np.max, np.min, np.argmax, np.ptp, lambda x: np.maximum.reduce(x)):
        with pytest.raises(ValueError) as expected:
            function(empty)
        with pytest.raises(ValueError) as found:
            tj.jit(function)(empty)
        assert str(found.value) == str(expected.value)


def test_indices_out_of_range():
    """The words are NumPy's where the index is fixed; where it is computed, a replay raises as well."""
    x = np.arange(3.0)
    for read in (lambda x: x[3], lambda x: x[[0, 5]], lambda x: x[-4], lambda x: np.take(x, 7), lambda x: np.take(x, [0, -9])):
        with pytest.raises(IndexError) as expected:
            read(x)
        with pytest.raises(IndexError) as found:
            tj.jit(read)(x)
        assert str(found.value) == str(expected.value)

    def computed(x, i):
        return x[i.astype(int)] * 1.0

    compiled = tj.jit(computed)
    assert compiled(x, np.array([0.0, 2.0])).tolist() == [0, 2]
    with pytest.raises(IndexError):
        compiled(x, np.array([0.0, 3.0]))


@pytest.mark.filterwarnings("ignore")
def test_integers_overflow_as_numpys():
    def wrap(x):
        n = np.round(x).astype(np.int32)
        return n * n + np.int32(1), np.cumsum(n), (n.astype(np.int64) * 2**40) * 2**20, -n

    x = np.array([70000.0, -2147483648.0, 3.0])
    compiled = tj.jit(wrap)
    for argument in (x, x - 1):
        for found, expected in zip(compiled(argument), wrap(argument)):
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)
