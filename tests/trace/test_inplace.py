"""Views share memory, writes are seen by every view, and the caller's arrays stay as they were."""

import numpy as np
import pytest
from replay import check, record, run

from tapejit.errors import TracingError
from tapejit.tape import interpret
from tapejit.trace import Trace, Tracer, current_trace

X = np.arange(12.0).reshape(3, 4)


def test_the_example_of_the_issue():
    def f(x):
        y = x.copy()
        y[1:] += x[:-1]
        v = y[::2]
        v *= 2
        return y

    check(f, np.arange(5.0), at=[(np.cos(np.arange(5.0)),)])


def test_writes_through_views_of_views():
    def f(x):
        y = x.copy()
        rows = y[1:]
        flat = rows.reshape(-1)
        flat[::3] = 0.0
        rows.T[0] += 100
        y.ravel()[1] = x[0, 0]
        window = y.reshape(2, 6)[:, 1:4].T
        window -= 1
        y.swapaxes(0, 1)[2, 1] *= -1
        y[None, :, 0][0, 1] = 5
        y.squeeze()[-1] = x[1]
        return y, rows, flat, window

    check(f, X, at=[(np.sin(X),)])


def test_readers_see_every_write():
    def f(x):
        y = x.copy()
        a, b = y[0], y[:, 0]
        first = a.sum()
        y[0, 0] = 10.0
        second = a.sum() + b.sum()
        b[:] = 1.0
        return first, second, a.sum(), a, b

    check(f, X, at=[(np.sin(X),)])


def test_copies_are_apart():
    """What NumPy copies is a storage of its own: reshape of a transposed array, flatten, astype, advanced indexing."""
    def f(x):
        y = x.copy()
        parts = [y.T.reshape(-1), y.flatten(), y.astype(float), y[[0, 1]], y[y[:, 0] >= 0], y.copy(), y.T.ravel(), +y, y.conj()]
        for part in parts:
            part += 1.0
        z = y.astype(float, copy=False)
        z *= 2
        return (y, z, *parts)

    check(f, X, at=[(np.sqrt(X),)])


def test_overlapping_reads_and_writes():
    def f(x):
        y = x[0].copy()
        y[1:] = y[:-1]
        y[:-1] += y[1:]
        y[::-1] = y
        y[[0, 1]] = y[[1, 0]]
        y += y[::-1]
        return y

    check(f, X, at=[(np.sin(X),)])


def test_swaps_and_tuple_assignment():
    def f(x):
        y = x[0].copy()
        y[0], y[1] = y[1], y[0]
        m = x.copy()
        m[[0, 2]] = m[[2, 0]]
        return y, m

    check(f, X, at=[(np.sin(X),)])


def test_the_argument_is_not_changed():
    """A write into an argument changes a private copy, which its views follow; the trace says which argument it was."""
    def f(x, s):
        view = x[1:, ::2]
        transposed = x.T
        x[0, 0] = s
        view *= 2.0
        transposed[1] = 7.0
        return x, view, transposed, x.sum()

    before = X.copy()
    check(f, before, 2.0, at=[(np.sin(X), -1.0)])
    _, trace, _ = record(f, [before, 2.0])
    assert trace.mutated == [0]
    np.testing.assert_array_equal(before, X)
    assert record(lambda x: x.copy().__setitem__(0, 0.0) or x, [X])[1].mutated == []


@pytest.mark.parametrize("x", [X[::2, ::-1], X.T, np.asfortranarray(X), X[1:, 1:3], X[:, :1].T, X[:0]],
        ids=lambda x: f"{x.shape}{x.strides}")
def test_an_argument_of_any_layout_is_copied_with_its_strides(x):
    """So that what NumPy makes a view of it afterwards does not change."""
    def f(x):
        a = x.reshape(-1)
        x[...] = x * 2 + 1
        b = x.reshape(-1)
        b += 1
        a *= 3
        return x, a, b, np.may_share_memory(a, x) + 0.0 * x.sum()

    before = x.copy()
    expected = run(lambda _: f(_layout(x)), [x])
    _, _, found = record(f, [x])
    for a, b in zip(found, expected):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(x, before)


def _layout(x):
    """A copy of x with its strides."""
    low, high = np.lib.array_utils.byte_bounds(x) if x.size else (x.ctypes.data, x.ctypes.data)
    copy = np.ndarray(x.shape, x.dtype, np.empty(high - low, np.uint8), x.ctypes.data - low if x.size else 0, x.strides if x.size else None)
    copy[...] = x
    return copy


def test_read_only_arrays_are_numpys_error():
    x = X.copy()
    x.flags.writeable = False
    for write in (lambda x: x.__setitem__(0, 1.0), lambda x: x.__iadd__(1.0), lambda x: np.add(x, 1, out=x),
            lambda x: x[0].__setitem__(0, 1.0)):
        with pytest.raises(ValueError, match="read-only"):
            record(write, [x])
    _, trace, _ = record(lambda x: x * 2, [x])
    assert trace.mutated == []

    def broadcast(x):
        np.broadcast_to(x, (2, 3, 4))[0, 0, 0] = 1.0

    with pytest.raises(ValueError, match="read-only"):
        record(broadcast, [X])


def test_a_broadcast_view_follows_its_array():
    def f(x):
        y = x.copy()
        stretched = np.broadcast_to(y[0], (2, 4))
        y[0, 1] = 50.0
        return stretched * 1.0

    check(f, X, at=[(np.sin(X),)])


def test_captured_arrays_are_inputs_and_stay_as_they_were():
    table = np.arange(4.0)
    kept = table.copy()

    def f(x):
        here = current_trace().capture(table)
        y = x * here + x * table
        here += 1.0
        return y, here

    trace = Trace()
    trace.by_reference[id(table)] = table
    with trace:
        y, here = f(trace.input(X))
        outputs = [trace.lift(y), trace.lift(here)]
    assert trace.captures == [(1, table)] and trace.mutated == [1] and trace.constants_from_arrays == []
    np.testing.assert_array_equal(table, kept)
    tape = trace.builder.tape
    tape.outputs = outputs
    found = interpret(tape, [X, np.ones(4)])
    np.testing.assert_array_equal(found[0], X * 2)
    np.testing.assert_array_equal(found[1], np.full(4, 2.0))


def test_plain_arrays_become_constants_once():
    table = np.arange(4.0)
    tape, trace, _ = record(lambda x: x * table + x * table, [X])
    assert len(trace.constants_from_arrays) == 1 and trace.constants_from_arrays[0] is table
    assert sum(row.name == "constant" for _, row, *_ in tape.records()) == 1


def test_a_plain_array_that_changes_during_the_trace_is_read_anew():
    def f(x):
        table = np.arange(4.0)
        y = x * table
        table[0] = 9.0
        return y + x * table

    check(f, X, at=[(np.sin(X),)])


def test_in_place_casting_is_numpys():
    with pytest.raises(TypeError, match="same_kind"):
        record(lambda x: (x > 0).astype(int).__iadd__(x), [X])
    with pytest.raises(ValueError, match="non-broadcastable"):
        record(lambda x: x[0].copy().__iadd__(x), [X])

    def single(x):
        y = x.astype(np.float32)
        y += x
        y *= 3
        y -= np.float64(0.1)
        y **= 2
        return y

    check(single, X, at=[(np.sin(X),)])


def test_numbers_are_rebound_not_written():
    def f(x):
        s = x[0, 0]
        t = s
        s += 1.0
        total = 0.0
        for v in x[0]:
            total += v
        return s, t, total

    check(f, X, at=[(np.sin(X),)])


def test_fill_sort_put_partition():
    def f(x):
        y, z, w = x.copy(), x[::-1].copy(), x.copy()
        y[0].fill(x[1, 1])
        z[1].sort()
        z.sort(axis=0)
        w[0].put([0, -1], x[2, :2])
        return y, z, w

    check(f, X, at=[(np.cos(X),)])


def test_masks_and_augmented_masks():
    def f(x):
        y = x.copy()
        y[y > 3] *= 2
        y[y < 1] = -1.0
        rows = y[:, 0] > 0
        y[rows] += x[0]
        y[rows, 1] = 0.5
        return y

    check(f, X, at=[(X + 0.25 * (X > 3),)])


def test_base_and_views():
    with Trace() as trace:
        y = trace.input(X).copy()
        assert y.base is None and y[0].base is y and y[0][1:].base is y and y.T.base is y
        assert np.shares_memory(y[0], y) and not np.shares_memory(y[[0]], y)
        view = y.view()
        view[0, 0] = 5.0
        assert y[0, 0].value == 5.0


def test_attributes_are_those_of_the_value():
    with Trace() as trace:
        x = trace.input(X)
        assert (x.shape, x.ndim, x.size, x.dtype, x.itemsize, x.nbytes, len(x)) == (X.shape, 2, 12, X.dtype, 8, 96, 3)
        assert x.strides == X.strides and x.flags.c_contiguous and x.T.shape == (4, 3) and x.mT.shape == (4, 3)
        assert x.real is x and not x.imag.any()
        y = x.copy()
        y.real = 2.0
        assert (y == 2.0).all()
    check(lambda x: (x.T, x.mT, x[0].T, x.real * 2), X, at=[(np.sin(X),)])


def test_methods_are_the_functions():
    """Each method gives what NumPy's method gives."""
    calls = [
        lambda x: x.sum(), lambda x: x.sum(axis=0, keepdims=True), lambda x: x.mean(1), lambda x: x.max(axis=1), lambda x: x.min(),
        lambda x: x.prod(0),
        lambda x: x.std(), lambda x: x.var(axis=0, ddof=1), lambda x: x.cumsum(1), lambda x: x.argmax(1), lambda x: x.argsort(0),
        lambda x: (x > 1).any(),
        lambda x: (x > 1).all(axis=0), lambda x: x.clip(1, 5), lambda x: x.round(1), lambda x: x.repeat(2, axis=0),
        lambda x: x.take([0, 2], axis=1),
        lambda x: x.reshape(4, 3), lambda x: x.reshape((2, -1)), lambda x: x.reshape(-1, order="F"), lambda x: x.transpose(),
        lambda x: x.transpose(1, 0),
        lambda x: x.transpose((1, 0)), lambda x: x.swapaxes(0, 1), lambda x: x.flatten("F"), lambda x: x.ravel(), lambda x: x.squeeze(),
        lambda x: x.diagonal(),
        lambda x: x.trace(), lambda x: x.dot(x.T), lambda x: x.astype("f4"), lambda x: x.astype(int),
        lambda x: x.compress([True, False, True], axis=0),
        lambda x: x[0].searchsorted(2.5), lambda x: x.nonzero()[0], lambda x: x.conj(), lambda x: x[0, 0].sum() + x[0, 0].mean(),
        lambda x: x.cumprod(1),
    ]
    for call in calls:
        check(call, X, exact=False)


def test_assembled_object_arrays():
    def f(x):
        parts = np.empty(3, object)
        for k in range(3):
            parts[k] = x[k, 0] * k
        return parts * x[0, :3] if type(x) is Tracer else parts.astype(float) * x[0, :3]

    check(f, X, at=[(np.sin(X),)])


def test_conversion_errors_inside_writes():
    with pytest.raises((TypeError, ValueError)):
        record(lambda x: x.copy().__setitem__(0, "text"), [X])
    with pytest.raises((TypeError, ValueError, TracingError)):
        record(lambda x: x.copy().__setitem__(0, None) or x.copy().__setitem__(0, object()), [X])
