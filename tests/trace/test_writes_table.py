"""Each line of tapejit/coverage/write_cases.txt: value, type and gradient are NumPy's in both modes, fresh and replayed; and what is refused, and how."""

import numpy as np
import pytest

import tapejit as tj
from tapejit.coverage.writes import cases
from tapejit.coverage.writes import function_of as compiled

X = np.arange(12.0).reshape(3, 4) / 7 + np.array([0.3137, -1.0863, 0.2637, 0.9137])
OTHER = np.cos(np.arange(12.0) * 1.7).reshape(3, 4) * 1.3


def several(result):
    return result if isinstance(result, (tuple, list)) else (result,)


def weighted(f):
    """A number that depends on every element of what f returns."""
    def g(x):
        total = 0.0
        for k, part in enumerate(several(f(x))):
            part = np.asarray(part)
            total = total + np.sum(np.sin(part) * np.cos(np.arange(part.size) + k).reshape(part.shape))
        return total
    return g


def differences(g, x, h=1e-6):
    steps = np.eye(x.size).reshape(-1, *x.shape) * h
    return np.array([(g(x + step) - g(x - step)) / (2 * h) for step in steps]).reshape(x.shape)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", cases())
def test_a_case(case):
    f = compiled(case)
    g = weighted(f)
    both, direction = tj.value_and_grad(g), np.sin(np.arange(12.0) + 1).reshape(3, 4)
    for x in (X, OTHER, X):
        kept = x.copy()
        value, gradient = both(x)
        np.testing.assert_array_equal(x, kept)
        np.testing.assert_allclose(value, g(x.copy()), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(gradient, differences(g, X), rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(both(OTHER)[1], differences(g, OTHER), rtol=2e-5, atol=2e-6)
    assert tj.jvp(g, (X,), (direction,))[1] == pytest.approx(np.sum(gradient * direction), rel=1e-9, abs=1e-10)
    run = tj.jit(f)
    for x in (X, OTHER):
        for found, expected in zip(several(run(x)), several(f(x.copy())), strict=True):
            assert isinstance(found, np.ndarray) == isinstance(expected, np.ndarray)
            assert np.shape(found) == np.shape(expected) and np.asarray(found).dtype == np.asarray(expected).dtype
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("body", [
    "x[0] = 0.0", "x += 1", "x[x > 0.3] = 0.5", "x.sort()", "y = x.T ;; y *= 2", "v = x[0] ;; v[1:] = 3.0", "np.add(x, 1, out=x)",
    "np.add.at(x, [0, 0], 1.0)", "np.copyto(x, 2.0)", "x.flat[0] = 1.0", "x.fill(2.0)", "np.einsum('ij->ji', x)[0] = 1"])
def test_a_write_into_an_argument_is_refused_and_not_done(body):
    f, x = compiled(body + " ;; return np.sum(x * x)"), X.copy()
    for _ in range(2):
        with pytest.raises(tj.TracingError, match=r"f writes into args\[0\].*Work on a copy"):
            tj.grad(f)(x)
        np.testing.assert_array_equal(x, X)


@pytest.mark.parametrize("body, error", [
    ("y = x.copy() ;; y[3] = 1.0", IndexError), ("y = x.copy() ;; y[:, 0] = x", ValueError), ("y = x.copy() ;; y[[0, 5]] += 1", IndexError),
    ("y = x.copy() ;; y += np.ones((2, 3, 4))", ValueError), ("y = np.zeros(3, int) ;; y += x[0, 0]", TypeError),
    ("y = x.copy() ;; y[np.array([True, False])] = 1.0", IndexError), ("y = x.copy() ;; np.add(x, 1, out=y[0])", ValueError),
    ("y = x.copy() ;; np.sum(x, axis=0, out=y)", ValueError), ("y = x.copy() ;; np.put(y, [40], x[0, 0])", IndexError),
    ("y = x.copy() ;; y.flat[40] = 1.0", IndexError), ("np.diagonal(x.copy())[0] = 1.0", ValueError),
    ("np.broadcast_to(x, (2, 3, 4))[0] = 1.0", ValueError),
    ("windows(x.copy(), 2, axis=1)[0] = 1.0", ValueError),
    ("y = x.copy() ;; y.setflags(write=False) ;; y[0] = 1.0", ValueError),
    ("np.subtract.reduce(x, axis=(0, 1))", ValueError), ("np.subtract.reduce(x, where=x > 0)", ValueError),
    ("np.add.reduceat(x, [7])", IndexError),
    ("np.add.at(x.copy(), [0, 9], 1.0)", IndexError), ("np.copyto(x.copy(), x[:, :2])", ValueError),
    ("np.fill_diagonal(x[0], 1.0)", ValueError),
    ("y = x.copy() ;; y.shape = (5, 2)", ValueError), ("np.place(x.copy(), x > 0, [])", ValueError), ("x.copy()[0, 0, 0] = 1", IndexError),
])
def test_numpys_errors(body, error):
    """Of NumPy's own type, in NumPy and in a trace."""
    f = compiled(body + " ;; return np.sum(x)")
    with pytest.raises(error):
        f(X.copy())
    with pytest.raises(error):
        tj.grad(f)(X)


@pytest.mark.filterwarnings("ignore::tapejit.TraceWarning")
@pytest.mark.parametrize("size", [3, 500])
def test_an_index_out_of_range_is_numpys_error_in_a_replay_too(size):
    """The text names NumPy's axis; what f does about it is done."""
    x = np.arange(float(size))
    gradient = tj.grad(lambda x, i: np.sum(x.reshape(1, -1)[0, i] * 2))
    gradient(x, np.array([1, 2]))
    for bad in (size, -size - 1):
        with pytest.raises(IndexError, match=f"^index {bad} is out of bounds for axis 1 with size {size}$"):
            gradient(x, np.array([1, bad]))

    def caught(x, i):
        try:
            return np.sum(x[i] * 2)
        except IndexError:
            return np.sum(x * 3)
    gradient = tj.grad(caught)
    assert gradient(x, np.array([1]))[1] == 2.0 and gradient(x, np.array([size]))[1] == 3.0 and gradient(x, np.array([0]))[0] == 2.0


def test_generators_are_drawn_from_as_without_a_trace():
    """A generator outside advances as NumPy's does, and a traced array is permuted by the same draws."""
    def f(x, rng):
        y = x.copy()
        rng.shuffle(y)
        noise = rng.normal(size=4)
        noise[0] = x[0, 0]
        return np.sum(y * noise) + np.sum(rng.permutation(x[0]) * noise)
    for make in (np.random.default_rng, np.random.RandomState):
        mine, numpys = make(3), make(3)
        with pytest.warns(tj.TraceWarning, match="traced again"):
            gradient = tj.value_and_grad(lambda x: f(x, mine))
            for _ in range(2):
                assert gradient(X)[0] == pytest.approx(f(X, numpys), rel=1e-12)
        assert mine.random() == numpys.random() if make is np.random.default_rng else mine.rand() == numpys.rand()
