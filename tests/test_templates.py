"""Templates: the reverse sweep of elementwise records is the same whether its rules are run or their templates are copied."""

import numpy as np
import pytest

import tapejit as tj
from tapejit.passes import derive, differentiate, reverse
from tapejit.tape import interpret

X = np.array([0.3, 0.7, 1.9])
FUNCTIONS = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "quotient": lambda x: x / 3.0 + 2.5 / x, "powers": lambda x: x**3.7 * 1.3**x,
    "logs": lambda x: np.logaddexp(0.4, x) + np.logaddexp(x, 1e3), "angles": lambda x: np.arctan2(0.3, x) * np.arctan2(x, 2.0),
    "distances": lambda x: np.hypot(x, 2.0) + np.hypot(-0.5, x), "extremes": lambda x: np.maximum(x, 0.7) * np.minimum(1.0, x),
    "repeated": lambda x: 3.0 / x + 3.0 / (x * x) + 4.0 / x, "scalars": lambda x: np.stack([2.0 / (x[0] * x[1]), x[2] ** 1.5, x[0] / 7.0]),
}


def reverse_tape(function):
    def all_of(builder):
        out = builder.tape.outputs
        seeds = {out[0]: builder.input(builder.type_of(out[0]), "ct")}
        return out + reverse(builder, seeds, [builder.tape.inputs[0]])

    return derive(tj.trace(function)(X), all_of)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_template_writes_what_its_rule_writes(name, monkeypatch):
    with_templates = reverse_tape(FUNCTIONS[name])
    monkeypatch.setattr(differentiate, "template_pull", lambda *given: lambda *record: False)
    assert same_values(with_templates, reverse_tape(FUNCTIONS[name]))


def same_values(tape, other):
    arrays = [X, np.array([1.0, -2.0, 0.5])]
    one, two = interpret(tape, arrays), interpret(other, arrays)
    return len(tape) <= len(other) and all(a.tobytes() == b.tobytes() for a, b in zip(one, two))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_derivative_is_that_of_complex_steps_or_differences(name):
    function = FUNCTIONS[name]
    jacobian = tj.jacrev(function)(X + 0.01)
    steps = [(function(X + 0.01 + 1e-6 * e) - function(X + 0.01 - 1e-6 * e)) / 2e-6 for e in np.eye(3)]
    np.testing.assert_allclose(jacobian, np.transpose(steps), rtol=1e-7, atol=1e-8)
