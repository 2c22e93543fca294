"""x[key], x[key] = v and x[key] += v in all of NumPy's forms: values, types, errors; replayed on other values."""

import numpy as np
import pytest
from replay import GuardFailed, check, guards, record

from tapejit.tape import interpret

RNG = np.random.default_rng(7)
A, B = RNG.normal(size=(4, 3, 5)), RNG.normal(size=(4, 3, 5))
I1, I2 = np.array([0, 2, -1]), np.array([[0, 1], [2, -3]])
M1, M2 = np.array([True, False, True, True]), RNG.random((4, 3)) < 0.5
NONE = np.zeros(0, int)

KEYS = [
    0, -1, (1, 2), (1, 2, 3), slice(None), slice(1, 3), slice(None, None, -1), (slice(3, 0, -2), Ellipsis, 1), None,
    (None, 0, None, Ellipsis, None),
    Ellipsis, (Ellipsis, 0), (0, Ellipsis), (1, 2, 3, Ellipsis), (), slice(5, 1), (slice(2, 2), 0),
    (slice(-100, 100), slice(100, -100, -1)),
    np.int64(2), (np.int64(1), slice(2)), np.array(1), (np.array(1), 0, 0), (np.uint8(3), np.int32(-1)),
    I1, I2, (I1,), (slice(None), I1), (I1, I1), (I1, slice(None), I1), (0, slice(None), I1), (slice(None), 0, I1), (I1, 0),
    (I1, Ellipsis, 0),
    (I2, slice(None), slice(1, 4)), (I2, I2), (slice(None), I2, I2), (I2, None, I2), (None, I2, None), (0, None, I1), (None, 0, I1),
    (I1, None, 0),
    (slice(None), I1, None, I1), (slice(None), slice(None, None, -2), I1), (I1[:, None], I1), (I1, I2[:, :1]), (1, I1, 2),
    (I1, Ellipsis, I1),
    (slice(None), slice(1, 2), I2), (None, I1, Ellipsis, None), (I1, slice(None), None, 1), (Ellipsis, None, I1),
    M1, (M1, 0), (M1, slice(None), I1), M2, (M2, slice(1, 3)), (M2, 0), (M2, I1[:1]), A > 0, (M1, I1), (slice(None), M2[0]), (0, M2[0]),
    (M1, None, 0),
    True, False, (True, 0), (slice(None), True, I1), (False, Ellipsis), (True, I1), (0, True),
    [0, 2], ([0, 1], [1, 2]), [True, False, True, False], [[0, 1], [2, 3]], [], NONE, (slice(None), NONE.reshape(2, 0)),
    I1.astype(np.uint8) % 3, (I1.astype(np.int32), 0),
]


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_every_form_of_key(key):
    check(lambda x: x[key], A, at=[(B,)])
    check(lambda x: x.T[::2].T[key] if not _too_long(key) else x[key], A, at=[(B,)])

    def number(x):
        y = x.copy()
        y[key] = 2.5
        return y

    def array(x):
        y = x.copy()
        y[key] = x[key] * x[0, 0, 0]
        return y

    def augmented(x):
        y = x.copy()
        y[key] += x[key]
        y[key] *= 2
        return y

    def through_a_view(x):
        y = x.transpose(2, 1, 0).copy()
        y.T[key] = x[key] - 1
        return y

    for f in (number, array, augmented, through_a_view):
        check(f, A, at=[(B,)])


def _too_long(key):
    """Whether a key reaches beyond the three columns that are left."""
    try:
        A.T[::2].T[key]
    except IndexError:
        return True
    return False


@pytest.mark.parametrize("key",
        [4, -5, (0, 3), (0, 0, 0, 0), 1.5, "a", (slice(None), 1.0), [0, 4], (I1, I2, I1), np.array([1.0]), slice(None, None, 0),
                                 slice(1.5), (Ellipsis, Ellipsis), np.zeros((4, 2), bool), {}], ids=repr)
def test_errors_are_numpys(key):
    for use in (lambda x: x[key], lambda x: x.copy().__setitem__(key, 0.0)):
        with pytest.raises(Exception) as expected:  # noqa: PT011
            use(A)
        with pytest.raises(type(expected.value)) as found:
            record(use, [A])
        assert str(found.value) == str(expected.value)


def test_values_that_do_not_fit():
    for key, value in ((0, np.ones(4)), (slice(2), np.ones((3, 3, 5))), (I1, np.ones((2, 3, 5))), (M1, np.ones((2, 3, 5)))):
        with pytest.raises(ValueError, match="broadcast"):
            record(lambda x: x.copy().__setitem__(key, x[0, 0, 0] * value), [A])


def test_values_are_broadcast_and_converted():
    def f(x, v):
        y = x.astype(np.float32)
        y[1:3] = v
        y[0] = v[None, None, :]
        z = np.array([[1, 2, 3], [4, 5, 6]]) + (x[:2, :, 0] > 100)
        z[0] = v[:3] * 10
        z[:, 1] = 7.9
        return y, z

    check(f, A, np.arange(5.0), at=[(B, np.linspace(-3, 3, 5))])


def test_of_repeated_indices_the_last_wins():
    def f(x, v):
        y = x.copy()
        y[[0, 1, 0, -4]] = v
        y[1:, [2, 2, -1]] = v[0, :3, None, :]
        return y

    check(f, A, B, at=[(B, A)])


def test_scalars_are_indexed_as_numpy_does():
    check(lambda s: (s[()], s[...], s[None], s[None, ...]), np.float64(2.0), at=[(np.float64(3.0),)])
    with pytest.raises(IndexError):
        record(lambda s: s[0], [np.float64(2.0)])
    with pytest.raises(TypeError, match="'float' object is not subscriptable"):
        record(lambda s: s[0], [2.0])
    with pytest.raises(TypeError, match="does not support item assignment"):
        record(lambda s: s.__setitem__((), 0), [np.float64(2.0)])

    def zero_dim(x):
        y = x.copy()
        y[()] = 3.0 * x
        y[...] += 1
        y[None] *= 2
        y[y > 2] = x
        return y, y[()], y[...]

    check(zero_dim, np.array(2.0), at=[(np.array(-3.0),)])


def test_traced_integers_stay_traced():
    """x[argmax(x)] is a take: no guard, and right for any position."""
    def f(x, m):
        i = np.argmax(x)
        return x[i], m[i], m[:, i], m[i, 1], m[i, i], m[i, :2]

    m = np.arange(16.0).reshape(4, 4)
    tape = check(f, np.array([1.0, 5.0, 2.0, 3.0]), m, at=[(np.array([1.0, 5.0, 2.0, 30.0]), m + 1), (np.array([9.0, 5.0, 2.0, 3.0]), -m)])
    assert guards(tape) == 0


def test_traced_integers_in_writes():
    def f(x, m):
        i = np.argmin(x)
        y, z = x.copy(), m.copy()
        y[i] += 2.0
        row = z[i]
        row *= x
        z[1:, i] = 0.5
        return y, z, row

    m = np.arange(16.0).reshape(4, 4)
    tape = check(f, np.array([1.0, -5.0, 2.0, 3.0]), m, at=[(np.array([1.0, 5.0, 2.0, -30.0]), m + 1)])
    assert guards(tape) == 0


def test_traced_index_arrays_stay_traced():
    def f(x, m):
        order = np.argsort(x)
        return x[order], m[order], m[:, order], m[order, order[::-1]], x[order[0]], m[order][:, 0]

    m = np.arange(16.0).reshape(4, 4)
    tape = check(f, np.array([1.0, -5.0, 2.0, 3.0]), m, at=[(np.array([1.0, 5.0, 2.0, -30.0]), m + 1)])
    assert guards(tape) <= 2  # that the pairs are in range


def test_a_write_at_traced_indices_is_guarded():
    """Which elements coincide decides what is written."""
    def f(x):
        y = x.copy()
        y[np.argsort(x)] = np.arange(3.0)
        return y

    x = np.array([3.0, 1.0, 2.0])
    tape = check(f, x, at=[(x * 2,)])
    with pytest.raises(GuardFailed):
        interpret(tape, [-x])


def test_traced_masks_are_guarded():
    def f(x):
        return x[x > 0].sum(), x[1:][x[1:] > 0]

    x = np.array([1.0, -1.0, 2.0])
    tape = check(f, x, at=[(x * 2,)])
    with pytest.raises(GuardFailed):
        interpret(tape, [-x])


def test_assignment_under_a_mask_is_not_guarded():
    def f(x):
        y, z = x.copy(), np.stack([x, x]).T.copy()
        y[y < 0] = 0
        y[x > 1] = x[0]
        z[x < 0] = -1.0
        z[x < 0.5] = x[:2]
        return y, z

    x = np.array([1.0, -1.0, 2.0])
    tape = check(f, x, at=[(-x,), (x * 5,)])
    assert guards(tape) == 0


def test_traced_slice_bounds_are_guarded():
    def f(x, n):
        return x[:n].sum() + x[n]

    x = np.arange(5.0)
    tape = check(f, x, np.int64(2), at=[(x + 1, np.int64(2))])
    with pytest.raises(GuardFailed):
        interpret(tape, [x, np.int64(3)])


def test_indices_that_depend_on_no_input_are_constants():
    """An index array made inside the function is not guarded and not taken at run time."""
    def f(x):
        order = np.arange(3)[::-1] + 0 * x.ndim
        y = x.copy()
        y[order] = x
        return y[order], x[order[0]]

    assert guards(check(f, np.arange(3.0), at=[(np.ones(3),)])) == 0


def test_an_index_of_an_index_is_one_record():
    tape, _, _ = record(lambda x: x[1][2][::-1][0], [A])
    outputs = tape.outputs[0]
    assert tape.operands_of(outputs)[0] == tape.inputs[0]
    assert tape.params_of(outputs) == ((1, 2, 4),)


def test_lists_that_hold_tracers():
    def f(x, s):
        y = x.copy()
        y[0] = [s, 1.0, s * s]
        y[1:] = [[s], [2.0]]
        return y, x[[int(np.argmax(x[:, 0])), 0]]

    check(f, np.arange(9.0).reshape(3, 3), 2.0, at=[(np.arange(9.0).reshape(3, 3) * 2, -1.0)])


def test_iteration_and_membership():
    def f(x):
        total = 0.0
        for row in x:
            for v in row:
                total = total + v * v
        a, b, c = x[0]
        return total + a * c, (3.0 in x) * b

    x = np.arange(9.0).reshape(3, 3)
    check(f, x, at=[(x[::-1],)])
    assert record(lambda x: x * ("a" in x), [x])[2][0].sum() == 0
    with pytest.raises(TypeError, match="iteration over a 0-d array"):
        record(lambda x: list(x), [np.array(1.0)])


def test_flat():
    def f(x):
        y = x.copy()
        total = x.flat[3] + x.flat[1:3].sum() + sum(v for v in x.flat)
        y.flat[2] = total
        y.flat[[0, 5]] = 7.0
        z = x.T.copy().T
        z.flat = [1.0, 2.0]
        z.flat[::2] = x[0]
        return y, z, y.flat[-1], len(x.flat)

    x = np.arange(6.0).reshape(2, 3)
    check(lambda x: f(x)[:3], x, at=[(x * 3,)])
