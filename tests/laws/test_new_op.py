"""Adding an operation is one row: it then evaluates, differentiates in both modes to any order, prints, parses and verifies."""

import numpy as np
import pytest

from laws.samples import hessian_vector, jvp, tape_of, vjp, vjp_of
from tapejit.kernel import compile_tape
from tapejit.ops import OPS, ROWS, register
from tapejit.ops.elementwise import exp, square
from tapejit.ops.table import elementwise
from tapejit.tape import interpret
from tapejit.tape.text import parse_tape, print_tape
from tapejit.tape.verify import verify_tape


@pytest.fixture
def softplus():
    """The row, entered into the table for one test; NumPy has no such function, so the row says how it is evaluated."""
    row = elementwise("log1p(exp(x))", lambda x, y: 1 / (1 + exp(-x)), evaluate=lambda np, x: np.log1p(np.exp(x)), doc="log(1 + exp(x)).")
    register({"softplus": row})
    yield row
    assert ROWS.pop() is row
    del OPS["softplus"]


def test_one_row_is_all_that_an_elementwise_operation_needs(softplus):
    """Value, tangent, cotangent, second order, text and verifier follow from the row alone."""
    x = np.linspace(-3.0, 3.0, 7)
    sigmoid = 1 / (1 + np.exp(-x))
    tape = verify_tape(tape_of(softplus, [x]).tape)
    assert np.array_equal(interpret(tape, [x])[0], np.log1p(np.exp(x)))
    assert np.allclose(jvp(softplus, [x], [2 * x]), 2 * x * sigmoid, rtol=1e-15)
    assert np.allclose(vjp(softplus, [x], x)[0], x * sigmoid, rtol=1e-15)
    assert np.allclose(hessian_vector(softplus, [x], [np.ones(7)], np.ones(7))[0], sigmoid * (1 - sigmoid), rtol=1e-12)
    assert "softplus x0" in print_tape(tape)
    assert print_tape(parse_tape(print_tape(tape))) == print_tape(tape)


def test_the_kernel_asks_numpy_for_a_row_it_was_not_built_with(softplus):
    """Until the next build the row is a host call in the middle of a program, values and derivatives alike."""
    x = np.linspace(-3.0, 3.0, 7)
    for tape, inputs in ((tape_of(softplus, [x]).tape, [x]), (vjp_of(tape_of(softplus, [x])), [x, 2 * x])):
        outputs = [np.empty(7) for _ in tape.outputs]
        compile_tape(tape).run(inputs, outputs)
        for found, expected in zip(outputs, interpret(tape, inputs), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_it_broadcasts_and_composes_like_any_other(softplus):
    """The rules of other rows do not know of it, and need not."""
    x = np.array([[0.5], [1.0]])
    builder = tape_of(OPS["multiply"], [x, np.ones(3)])
    y = square(softplus(builder.expr(builder.tape.outputs[0])))
    assert y.shape == (2, 3) and np.allclose(interpret_output(builder, y, [x, np.ones(3)]), np.log1p(np.exp(x)) ** 2)


def interpret_output(builder, y, operands):
    builder.tape.outputs = [y.id]
    return interpret(builder.tape, operands)[0]


@pytest.mark.parametrize("make, message", [
    (lambda: register({"sin": elementwise("sin(x)", doc="Twice.")}), "op table: two rows are named 'sin'"),
    (lambda: register({"nameless": elementwise("sin(x)")}), "op table: row 'nameless' has no doc"),
    (lambda: elementwise("a * b", lambda a, y: a), "op table: the partials of 'a * b' take 2 operands and y"),
    (lambda: elementwise("a * x", lambda a, x, y: a), "op table: expected operands x, or a, b, c, in the C text 'a * x'")])
def test_the_table_refuses_a_row_that_contradicts_itself(make, message):
    """A mistake in a row is found when the table is read, and the error names the row."""
    before = len(ROWS)
    with pytest.raises(TypeError) as error:
        make()
    assert str(error.value) == message and len(ROWS) == before
