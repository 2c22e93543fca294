"""explain: figures that are true of the program, and reasons in words."""

import numpy as np
import pytest

import tapejit as tj


def test_the_figures_are_those_of_the_program():
    x = np.ones((50_000, 8))
    gradient = tj.grad(lambda x: np.sum(np.tanh(x @ np.ones(8))))
    found = tj.explain(gradient)(x)
    assert (found.result_bytes, found.argument_bytes) == (x.nbytes, x.nbytes) and found.reused
    assert found.workspace_bytes > found.program.arena_bytes and found.call_bytes >= found.workspace_bytes + x.nbytes
    assert found.workspace_bytes < x.nbytes  # what lies between the groups is a tile's
    text = str(found)
    assert text.startswith(f"grad(<lambda>): {len(found.tape)} records on its tape; kept for later calls")
    assert "3.05 MB of results; arguments: 3.05 MB" in text and "tiles of" in text and "compile" in text


def test_it_says_why_a_trace_is_not_kept():
    with pytest.warns(tj.TraceWarning):
        found = tj.explain(tj.jit(lambda x: x * np.random.rand()))(2.0)
    assert not found.reused and "traced again at each call: it draws random numbers" in str(found)


def test_it_takes_what_a_transform_returned():
    with pytest.raises(tj.ArgumentError, match=r"explain: expected what grad, jit or another transform returned, found function"):
        tj.explain(lambda x: x)
