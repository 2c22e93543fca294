"""Lists of traced and plain values become one array; arrays made inside the function take traced values."""

import numpy as np
import pytest
from replay import check, record

from tapejit.errors import TracingError
from tapejit.trace import Tracer, assemble, current_trace


def built(nested, dtype=None):
    """np.array on values, `assemble` under trace."""
    return np.array(nested, dtype) if current_trace() is None else assemble(nested, dtype)


def test_nested_lists():
    x, s = np.arange(3.0), 2.0
    for f in (lambda x, s: built([s, s * 2, 1.0]), lambda x, s: built([[x[0], 1], [2, s]]), lambda x, s: built([x, x * s]),
              lambda x, s: built((x, [1, 2, s])), lambda x, s: built([[[s]]]), lambda x, s: built([x[0] > 1, True]),
              lambda x, s: built([1, 2, s], "f4"), lambda x, s: built([s, 1 + 2j]), lambda x, s: built([np.ones(3), x, np.zeros(3)]),
              lambda x, s: built([[1.0, 2.0], [s, 4.0], [5.0, 6.0]]), lambda x, s: built([x[:0], x[:0]])):
        check(f, x, s, at=[(np.cos(x), -3.0)])


def test_plain_lists_stay_plain():
    assert type(assemble([1.0, [2.0][0]])) is np.ndarray
    assert record(lambda x: x * np.sum(assemble([1.0, 2.0])), [2.0])[2] == [6.0]


def test_ragged_lists_are_numpys_error():
    with pytest.raises(ValueError, match="inhomogeneous"):
        record(lambda x: assemble([[x, 1.0], [x]]), [2.0])
    for other, dtype in ((None, "object"), ("a", "<U")):
        with pytest.raises(TracingError, match=f"an array of dtype {dtype}.* meets a traced value"):
            record(lambda x: assemble([x, other]), [2.0])


def test_object_arrays():
    def f(x):
        parts = np.empty((2, 2), object)
        parts[0, 0], parts[0, 1], parts[1, 0], parts[1, 1] = x, 1.0, x * x, 2
        return built(parts.tolist()) if type(x) is not Tracer else assemble(parts)

    check(f, 3.0, at=[(4.0,)])


def test_arrays_made_inside_take_traced_values():
    def f(x):
        trace = current_trace()
        if trace is None:
            y, z, w = np.zeros((2, 3)), np.arange(3.0), np.full(3, 7.0)
        else:
            y, z, w = trace.make(np.zeros((2, 3))), trace.make(np.arange(3.0)), trace.full(np.full(3, 7.0), 7.0)
        y[0] = x
        y[1, 1] = x[0] * z[2]
        z[1:] += x[1:]
        w -= x
        return y, z, w

    tape = check(f, np.arange(3.0), at=[(np.ones(3),)])
    sizes = [params[0].array.size for _, row, _, _, params in tape.records() if row.name == "constant"]
    assert max(sizes) == 3 and sizes.count(3) == 1  # zeros and sevens are stretched from one number
