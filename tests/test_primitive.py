"""primitive: opaque functions of every kind, with containers, in all transforms; what they must not do is an error."""

import ctypes
import ctypes.util
import functools
import threading

import numpy as np
import pytest

import tapejit as tj

X = np.array([0.5, 1.5, -1.0])


def opaque(x):
    """x cubed, in a way that cannot be traced."""
    return np.array([float(str(a)) ** 3 for a in np.ravel(x)]).reshape(np.shape(x)).astype(np.asarray(x).dtype)


def cube_rule(ct, value, x):
    return (3 * x**2 * ct,)


class Scaled:
    def __init__(self, k):
        self.k = k

    def __call__(self, x):
        return self.k * opaque(x)


cube = tj.primitive(opaque, vjp=cube_rule)


@pytest.mark.parametrize("function", [opaque, lambda x: opaque(x), Scaled(1.0), functools.partial(opaque), Scaled(1.0).__call__, np.frompyfunc(lambda x: x**3, 1, 1)],
                         ids=["function", "lambda", "object", "partial", "method", "ufunc"])
def test_kinds_of_functions(function):
    f = tj.primitive((lambda x: function(x).astype(float)) if isinstance(function, np.ufunc) else function, vjp=cube_rule)
    gradient = tj.grad(lambda x: np.sum(f(x)))
    for x in (X, 2 * X):
        np.testing.assert_allclose(gradient(x), 3 * x**2)
    np.testing.assert_allclose(f(X), X**3)


def test_a_function_of_a_c_library():
    cbrt = ctypes.CDLL(ctypes.util.find_library("m")).cbrt
    cbrt.restype, cbrt.argtypes = ctypes.c_double, [ctypes.c_double]
    f = tj.primitive(cbrt, vjp=lambda ct, value, x: (ct / (3 * value**2),))
    for number in (8.0, np.float64(8.0)):
        assert tj.grad(f)(number) == pytest.approx(1 / 12)
    assert tj.hessian(f)(8.0) == pytest.approx(-1 / 144)


def test_results_in_containers_keep_their_kinds():
    def several(p, scale):
        return {"sum": float(np.sum(p["a"])) * scale, "parts": (p["a"] * p["b"][0], [np.float32(2.0) * p["b"][1]]), "count": len(p["a"])}

    def rule(ct, value, p, scale):
        (first, (second,)) = ct["parts"]
        return {"a": ct["sum"] * scale + first * p["b"][0], "b": [first * p["a"], 2 * second]}, ct["sum"] * np.sum(p["a"])

    f = tj.primitive(several, vjp=rule)
    p = {"a": X, "b": [X + 1, np.ones(2, np.float32)]}

    def use(f):
        def loss(p, scale):
            found = f(p, scale)
            assert isinstance(found["sum"], float) and isinstance(found["parts"], tuple)
            return found["sum"] ** 2 + np.sum(found["parts"][0] ** 2) * found["count"] + np.sum(found["parts"][1][0])
        return loss

    for transform in (tj.grad, tj.jacrev, tj.jacfwd):
        found, expected = transform(use(f), argnums=(0, 1)), transform(use(several), argnums=(0, 1))
        for scale in (2.0, 3.0):
            (a, s), (b, t) = found(p, scale), expected(p, scale)
            np.testing.assert_allclose(a["a"], b["a"])
            np.testing.assert_allclose(a["b"][0], b["b"][0])
            np.testing.assert_allclose(a["b"][1], b["b"][1])
            assert a["b"][1].dtype == b["b"][1].dtype and s == pytest.approx(t)


def test_float32_stays():
    gradient = tj.grad(lambda x: np.sum(cube(x)))(X.astype("f4"))
    assert gradient.dtype == np.float32 and tj.jit(cube)(X.astype("f4")).dtype == np.float32
    np.testing.assert_allclose(gradient, 3 * X**2, rtol=1e-6)


def test_arguments_by_name():
    f = tj.primitive(lambda x, n=2.0, *, mode="full": n * opaque(x) * (1 if mode == "full" else 0.5),
                     vjp=lambda ct, value, x, *n, mode="full": (3 * (n or [2.0])[0] * x**2 * ct * (1 if mode == "full" else 0.5), np.sum(value * ct))[:1 + len(n)])
    for call, scale in ((lambda x: f(x), 2.0), (lambda x: f(n=3.0, x=x), 3.0), (lambda x: f(x, 4.0, mode="half"), 2.0), (lambda x: f(x, mode="half"), 1.0)):
        np.testing.assert_allclose(tj.grad(lambda x: np.sum(call(x)))(X), 3 * scale * X**2)
    with pytest.raises(tj.ArgumentError, match="pass its arguments by position"):
        tj.grad(lambda x: np.sum(f(X, mode=x)))(1.0)
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        tj.grad(lambda x: np.sum(f(x, m=2)))(X)


def test_all_transforms_and_orders():
    again = tj.primitive(lambda x: np.exp(np.array([float(str(a)) for a in x])), vjp=lambda ct, value, x: (ct * again(x),))
    for f, plain in ((cube, lambda x: x**3), (again, np.exp)):
        for transform in (tj.jacrev, tj.jacfwd):
            np.testing.assert_allclose(transform(lambda x: f(x) * x)(X), transform(lambda x: plain(x) * x)(X), rtol=1e-12)
        np.testing.assert_allclose(tj.hessian(lambda x: np.sum(f(x) * x))(X), tj.hessian(lambda x: np.sum(plain(x) * x))(X), rtol=1e-12, atol=1e-12)
        third = [tj.grad(lambda y: np.sum(tj.grad(lambda z: np.sum(tj.grad(lambda x: np.sum(g(x)))(z) ** 2))(y)))(X) for g in (f, plain)]
        np.testing.assert_allclose(*third, rtol=1e-12)


@pytest.mark.parametrize("change, message", [
    (lambda x: x[:2], r"result was of dtype f64 and shape \(3,\) when it was traced, and is of dtype f64 and shape \(2,\) now"),
    (lambda x: x.astype(int), r"result was of dtype f64 and shape \(3,\) when it was traced, and is of dtype i64"),
    (lambda x: (x, x), "its result has other containers than when it was traced"),
    (lambda x: "text", "a primitive returns arrays and numbers, found 'text' at result")])
def test_a_result_that_changes_its_form(change, message):
    f = tj.primitive(lambda x: x * 2 if x[0] > 0 else change(x), vjp=lambda ct, value, x: (2 * ct,))
    both, buffer = tj.value_and_grad(lambda x: np.sum(f(x))), np.full(3, 7.0)
    both(X)
    with pytest.raises(tj.OutputError, match=message):
        both(-X)
    into = tj.value_and_grad(lambda x: np.sum(f(x)), out=buffer)
    into(X)
    buffer[:] = 7.0
    with pytest.raises(tj.OutputError):
        into(-X)
    np.testing.assert_array_equal(buffer, 7.0)


@pytest.mark.parametrize("result, message", [
    (None, "found none in its result"), ("text", "found 'text' at result"), ([1.0, None, "b"], r"found 'b' at result\[2\]"),
    (np.array([None]), r"found array\(\[None\], dtype=object\) at result")])
def test_a_result_that_cannot_be(result, message):
    with pytest.raises(tj.OutputError, match=r"<primitive <lambda>>: a primitive returns arrays and numbers, " + message):
        tj.grad(lambda x: tj.primitive(lambda x: result, vjp=cube_rule)(x))(1.0)


def test_rules_that_do_not_fit():
    with pytest.raises(tj.OutputError, match=r"the cotangents of <primitive opaque>: expected shape \(3,\), found \(2,\)"):
        tj.grad(lambda x: np.sum(tj.primitive(opaque, vjp=lambda ct, value, x: (ct[:2],))(x)))(X)
    with pytest.raises(tj.ArgumentError, match="primitive: vjp: expected a function, found float"):
        tj.primitive(opaque, vjp=1.0)
    with pytest.raises(tj.ArgumentError, match="primitive: expected a function, found int"):
        tj.primitive(3)


def test_an_exception_leaves_everything_as_it_was():
    def strict(x):
        if x[0] < 0:
            raise RuntimeError("no")
        return opaque(x)
    f = tj.primitive(strict, vjp=cube_rule)
    loss, shadow = lambda x: np.sum(f(x) ** 2), np.full(3, 7.0)
    for x in (-X, X, -X):
        before = shadow.copy()
        if x[0] < 0:
            with pytest.raises(RuntimeError, match="no"):
                tj.autodiff(tj.Reverse, loss, tj.Duplicated(x, shadow))
            np.testing.assert_array_equal(shadow, before)
        else:
            tj.autodiff(tj.Reverse, loss, tj.Duplicated(x, shadow))
            np.testing.assert_allclose(shadow, before + 6 * x**5)


def test_how_often_it_is_called():
    count = [0]

    def counted(x):
        count[0] += 1
        return opaque(x)
    f = tj.primitive(counted, vjp=cube_rule)

    def calls(transformed, *args):
        found = []
        for _ in range(3):
            count[0] = 0
            transformed(*args)
            found.append(count[0])
        return found
    assert calls(tj.value_and_grad(lambda x: np.sum(f(x))), X) == [2, 1, 1]  # once when traced, and once in each sweep
    assert calls(tj.jacrev(lambda x: f(f(x))), X)[1:] == [1, 1]  # the value of the outer one is not needed
    assert calls(tj.grad(lambda x: np.sum(f(x))), X) == [1, 0, 0]


def test_its_arguments_and_results_are_copies():
    kept = []

    def rude(x):
        kept.append(x)
        x *= 2.0
        return x
    x = X.copy()
    f = tj.primitive(rude, vjp=lambda ct, value, x: (2 * ct,))
    value, gradient = tj.value_and_grad(lambda x: np.sum(f(x) * f(2 * x)) + (1.0 if f(x)[0] == 1.0 else 0.0))(x)
    np.testing.assert_array_equal(x, X)
    assert value == pytest.approx(np.sum(8 * X**2) + 1.0)
    np.testing.assert_allclose(gradient, 16 * X)
    for array in kept:
        array[:] = 99.0
    np.testing.assert_array_equal(x, X)


def test_threads():
    gradient, found = tj.grad(lambda x: np.sum(cube(x) ** 2)), []

    def work(k):
        for _ in range(5):
            found.append(np.allclose(gradient(X * k), 6 * (X * k) ** 5))
    gradient(X)
    threads = [threading.Thread(target=work, args=(k,)) for k in (1.0, 2.0, 3.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 15
