"""The pullback of vjp into the user's buffers: out= sets them, accumulate= adds. Truth: the pullback that returns new arrays."""

import numpy as np
import pytest

import tapejit as tj

X = np.linspace(0.1, 1.0, 5)
CT = np.arange(1.0, 6.0)


def wave(p, y, n):
    return {"w": np.sin(p["a"]) * y, "s": np.sum(p["l"][0] ** 2) * n}


def arguments():
    return {"a": X.copy(), "l": [X.reshape(5, 1) + 1, 3]}, X + 2, np.float64(2.0)


SEED = {"w": CT, "s": 3.0}


def buffers(layout=lambda a: a):
    return {"a": layout(np.full(5, 10.0)), "l": [layout(np.full((5, 1), 10.0)), None]}, layout(np.full(5, 10.0)), np.full((), 10.0)


def leaves(value):
    return [leaf for leaf in tj.tree.flatten(value)[0] if leaf is not None]


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("layout", [lambda a: a, np.asfortranarray, lambda a: np.repeat(a, 2, 0)[::2], lambda a: a[::-1]],
                         ids=["plain", "fortran", "strided", "reversed"])
def test_buffers_are_set_or_added_to_and_returned(layout, accumulate):
    pullback = tj.vjp(wave, *arguments())[1]
    expected, out = leaves(pullback(SEED)), buffers(layout)
    for k in range(3):
        assert pullback(SEED, out=out, accumulate=accumulate) is out
        for x, y in zip(leaves(out), expected, strict=True):
            np.testing.assert_allclose(x, 10 + (k + 1) * y if accumulate else y, rtol=1e-13)


def test_float32_and_arguments_without_a_derivative():
    pullback = tj.vjp(lambda x, y: np.sum(x * x) + 0 * np.sum(y > 1), X.astype("f4"), X)[1]
    out = np.ones(5, "f4"), np.ones(5)
    pullback(np.float32(1), out=out, accumulate=True)
    np.testing.assert_allclose(out[0], 1 + 2 * X.astype("f4"))
    assert (out[1] == 1).all()
    pullback(np.float32(1), out=out)
    assert not out[1].any()


def test_a_derivative_that_depends_on_no_seed():
    """The first sweep computes it, and each call of the pullback brings it to the buffers."""
    pullback = tj.vjp(lambda x: (np.floor(x), x), X)[1]
    out = (np.full(5, 10.0),)
    pullback((np.ones(5), CT), out=out, accumulate=True)
    np.testing.assert_array_equal(out[0], 10 + CT)
    constant = tj.vjp(np.floor, X)[1]
    constant(CT, out=out)
    assert not out[0].any()


def test_with_aux():
    value, pullback, aux = tj.vjp(lambda x: (np.sin(x), {"n": 3, "x": x * 2}), X, has_aux=True)
    out = (np.full(5, 10.0),)
    assert pullback(CT, out=out) is out
    np.testing.assert_allclose(out[0], np.cos(X) * CT, rtol=1e-14)
    pullback(CT, out=out, accumulate=True)
    np.testing.assert_allclose(out[0], 2 * np.cos(X) * CT, rtol=1e-14)
    assert aux["n"] == 3


def test_the_arguments_may_have_changed_since():
    x = X.copy()
    pullback = tj.vjp(np.sin, x)[1]
    pullback(CT, out=(x,))  # the pullback holds a copy of x, so its own memory may be written
    np.testing.assert_allclose(x, np.cos(X) * CT, rtol=1e-14)


PULLBACK = tj.vjp(lambda x, y: x * y, X, X + 1)[1]
FROZEN = np.zeros(5)
FROZEN.flags.writeable = False
SHARED = np.zeros(6)


@pytest.mark.parametrize("make, error, words", [
    (lambda a, s: (a,), tj.ShadowStructureError,
     "out: expected a tuple of 2, found a tuple of 1: expected the containers of the result, as make_zero of the arguments gives"),
    (lambda a, s: [a, a.copy()], tj.ShadowStructureError,
     "out: expected a tuple of 2, found a list of 2: expected the containers of the result, as make_zero of the arguments gives"),
    (lambda a, s: (a, {"y": a.copy()}), tj.ShadowStructureError,
     "out[1]: expected an array or a number, found a dict: expected the containers of the result, as make_zero of the arguments gives"),
    (lambda a, s: (a, a[:4].copy()), tj.ShadowShapeError, "out[1]: expected shape (5,), as its primal has, found (4,)"),
    (lambda a, s: (a, a.astype("f4")), tj.ShadowTypeError, "out[1]: expected dtype float64, as its primal has, found float32"),
    (lambda a, s: (a, a.astype(">f8")), tj.ShadowTypeError, "out[1]: expected dtype float64 in native byte order, found >f8"),
    (lambda a, s: (a, None), tj.ShadowTypeError, "out[1]: expected an array of dtype float64 and shape (5,), found NoneType: pass np.zeros((5,), 'float64')"),
    (lambda a, s: (a, FROZEN), tj.ShadowReadOnlyError,
     "out[1]: expected a buffer that can be written, found a read-only array: pass a copy, or one made by np.zeros_like"),
    (lambda a, s: (a, a), tj.ShadowOverlapError, "out[1] shares memory with out[0]: each result needs a buffer of its own, such as np.empty_like gives"),
    (lambda a, s: (SHARED[1:], SHARED[:5]), tj.ShadowOverlapError,
     "out[1] shares memory with out[0]: each result needs a buffer of its own, such as np.empty_like gives"),
    (lambda a, s: (a, s), tj.ShadowOverlapError, "out[1] shares memory with the seed: each result needs a buffer of its own, such as np.empty_like gives"),
    (lambda a, s: (s[::-1], a), tj.ShadowOverlapError, "out[0] shares memory with the seed: each result needs a buffer of its own, such as np.empty_like gives"),
    (lambda a, s: (a, np.lib.stride_tricks.as_strided(SHARED, (5,), (0,))), tj.ShadowOverlapError,
     "out[1]: expected one place in memory per element, found strides (0,) for shape (5,), in which elements share memory: pass a copy"),
])
@pytest.mark.parametrize("accumulate", [False, True])
def test_a_buffer_that_does_not_fit_is_refused_and_nothing_is_written(make, error, words, accumulate):
    first, seed = np.full(5, 10.0), CT.copy()
    out = make(first, seed)
    with pytest.raises(error) as caught:
        PULLBACK(seed, out=out, accumulate=accumulate)
    assert str(caught.value) == words
    assert (first == 10).all() and not SHARED.any()
    np.testing.assert_array_equal(seed, CT)


@pytest.mark.parametrize("call, words", [
    (lambda out: PULLBACK(CT, accumulate=True), "pullback: accumulate=True adds to the buffers of out=: pass them"),
    (lambda out: PULLBACK(CT[:4], out=out), "pullback: the cotangent: expected shape (5,), as its primal has, found (4,)"),
    (lambda out: PULLBACK(CT * 1j, out=out), "pullback: the cotangent: expected dtype float64, as its primal has, found complex128"),
    (lambda out: PULLBACK([CT], out=out), "pullback: the cotangent: expected an array or a number, found a list of 1"),
    (lambda out: PULLBACK(out=out), "pullback: expected one cotangent with the containers of the function's output, found 0 arguments"),
])
def test_a_seed_that_does_not_fit_is_refused_and_nothing_is_written(call, words):
    out = np.full(5, 10.0), np.full(5, 10.0)
    with pytest.raises(tj.ArgumentError) as caught:
        call(out)
    assert str(caught.value) == words
    assert (out[0] == 10).all() and (out[1] == 10).all()
