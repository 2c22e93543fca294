"""Columns: `passes/columns.py` changes how arrays of shape (n, 3) are computed, and no value; and it does so where it pays alone."""

import numpy as np
import pytest

import tapejit as tj
from tapejit.answers import new_arrays
from tapejit.kernel import compile_tape
from tapejit.passes import columns, derive, reverse
from tapejit.passes.simplify import simplify
from tapejit.tape import interpret
from tapejit.tape.verify import verify_tape

N = 5


@pytest.fixture
def forced(monkeypatch):
    """Columns wherever a record has a form for them, however short."""
    monkeypatch.setattr(columns, "LONG", 2)
    monkeypatch.setattr(columns, "READ", -1)
    monkeypatch.setattr(columns, "JOIN", -1)


def traced(f, *arguments):
    """The tape of f as it is recorded, in no columns."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "MOST_COLUMNS", 1)
        return tj.jit(f).tape(*arguments)


def split(tape):
    return verify_tape(derive(tape))


def gradient(builder):
    (y,) = builder.tape.outputs
    return [bar for bar in reverse(builder, {y: builder.number(1.0, "f64")}, list(builder.tape.inputs)) if bar is not None]


def run(tape, inputs):
    outputs = new_arrays([tape.type_of(id) for id in tape.outputs])
    compile_tape(tape).run(list(inputs), outputs)
    return outputs


STEPS = [  # p, q: (n, 3); s: (n, 1); v: (3,); t: (n,)
    "p = p * s", "q = q + p", "p = p / (1 + q * q)", "s = np.sum(p * q, axis=1, keepdims=True)", "t = np.sum(p, axis=-1)", "p = p * t[:, None]",
    "p = np.cross(p, q)", "q = q[:, ::-1]", "p = np.concatenate([p[:, :1], q[:, 1:]], axis=1)", "p = np.stack([t, q[:, 0], p[:, 2]], axis=-1)",
    "p = p + v", "v = v + p[1]", "v = np.sum(p, axis=0)", "v = np.mean(q[1:], 0)", "p[:, 1] = t", "q[:, :2] += p[:, 1:]", "q[1:, 0] *= 2.0", "p[2] = v",
    "p = np.where(q > 0, p, s)", "q = np.maximum(p, v)", "p = np.tanh(p)[::-1]", "t = t + np.max(p, axis=1)", "v = np.max(q, axis=0)",
    "q = np.sum(p[:, None] - q[None, :], axis=1)", "s = np.sqrt(1 + np.sum(np.square(q), 1, keepdims=True))", "p = np.take(q, [2, 0, 1], axis=1)",
    "p = q @ (np.eye(3) + v)", "t = np.einsum('ij,ij->i', p, q)", "p = np.transpose(np.stack([q, p]), (1, 0, 2))[:, 1]", "q = np.reshape(np.ravel(p), (-1, 3))",
    "p = np.sort(p, axis=0)", "q = np.concatenate([p[:2], q[2:]])", "s = q[:, 1:2]", "p = np.broadcast_to(v, p.shape) * s", "p = p.astype(np.float32).astype(float)",
    "q = (p[:, :, None] * q[:, None, :])[:, :, 1]", "q = p[np.array([1, 0, 2, 2, 4])]", "p = np.outer(t, v)", "t = p[:, 2] * q[:, 0]",
]


def random_function(seed):
    """A function of (p, q, s, v, t), and its source."""
    rng = np.random.default_rng(seed)
    steps = [STEPS[k] for k in rng.integers(len(STEPS), size=rng.integers(3, 9))]
    body = "".join(f"    {step}\n    p, q, s, t, v = np.sin(p), np.sin(q), np.sin(s), np.sin(t), np.sin(v)\n" for step in steps)
    source = (f"def f(p, q, s, v, t):\n    p, q = p.copy(), q.copy()\n{body}"
              f"    return np.sum(p * np.cos(q)) + np.sum(s) * np.sum(v) + np.sum(t)\n")
    names = {"np": np}
    exec(source, names)
    return names["f"], source


def arguments(seed):
    rng = np.random.default_rng(seed)
    return [rng.uniform(0.2, 1, shape) * rng.choice([-1, 1], shape) for shape in [(N, 3), (N, 3), (N, 1), (3,), (N,)]]


def test_random_functions_keep_their_values(forced, effort):
    """Value and gradient of random functions, split wherever that can be done: those of the tape as it was, and NumPy's."""
    changed = 0
    for seed in range(60 * effort):
        f, source = random_function(seed)
        xs = arguments(seed)
        tape = traced(f, *xs)
        in_columns = split(tape)
        changed += not np.array_equal(tape.op, in_columns.op)
        (value,) = run(in_columns, xs)
        np.testing.assert_allclose(interpret(in_columns, xs)[0], f(*xs), rtol=1e-12, atol=1e-13, err_msg=source)
        np.testing.assert_allclose(value, f(*xs), rtol=1e-12, atol=1e-13, err_msg=source)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(columns, "MOST_COLUMNS", 1)
            expected = interpret(derive(tape, gradient), xs)
        found = verify_tape(derive(tape, gradient))
        for a, b, c in zip(expected, interpret(found, xs), run(found, xs), strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-10, atol=1e-11, err_msg=source)
            np.testing.assert_allclose(c, a, rtol=1e-10, atol=1e-11, err_msg=source)
    assert changed > 50


def energy(x, m):
    """Of bodies at x (n, 3) with masses m (n,)."""
    d = x[:, None, :] - x[None, :, :]
    return -0.5 * np.sum(m[:, None] * m / np.sqrt(np.sum(d * d, axis=-1) + 0.1))


def test_second_order(rng):
    """The product of a Hessian with a vector is the difference quotient of NumPy's gradient, written by hand, with arrays that are long enough."""
    n = 20  # (20, 20, 3): columns of 400
    x, m, v = rng.normal(size=(n, 3)), rng.random(n), rng.normal(size=(n, 3))

    def by_hand(x):
        d = x[:, None] - x
        return np.sum((m[:, None] * m * (np.sum(d * d, -1) + 0.1) ** -1.5)[:, :, None] * d, axis=1)

    assert (n, n, 3) not in shapes(tj.grad(energy).tape(x, m))
    np.testing.assert_allclose(tj.grad(energy)(x, m), by_hand(x), rtol=1e-11, atol=1e-12)
    h = 1e-5
    np.testing.assert_allclose(tj.hvp(energy)(x, m, v), (by_hand(x + h * v) - by_hand(x - h * v)) / (2 * h), rtol=1e-6, atol=1e-6)


def shapes(tape):
    return {tape.type_of(k).shape for k in range(len(tape))}


@pytest.mark.parametrize("f", [lambda x: np.sum(x**2), lambda x: np.sum(np.tanh(x * np.arange(3.0) + 1)), lambda x: x / 2,
                               lambda x: np.sum(np.sin(x[:, 0]) * x[:, 1]), lambda x: np.sort(x * x[:, :1], axis=0)[::-1] if len(x) < 100 else x + 1])
def test_nothing_changes_where_it_does_not_pay(f):
    """Functions whose loops run over one long axis as they are, or that are at their borders at once, keep their records."""
    builder = simplify(traced(f, np.ones((1000, 3))))
    assert columns.split_columns(builder) is builder


def test_short_arrays_are_left_alone(rng):
    """Where setting up loops is most of the cost, there are no more of them."""
    builder = simplify(traced(lambda x: np.sum(np.sqrt(np.sum(x * x, axis=1)) / x[:, 0]), np.ones((100, 3))))
    assert columns.split_columns(builder) is builder


def test_guards_and_lines_stay(rng):
    """Decisions on values in columns are guards, and each record says the line of the user's code that it comes from."""
    def f(x):
        y = x * np.sum(x, axis=1, keepdims=True)
        return np.sum(y[:, 0]) if y[3, 1] > 0 else np.sum(y[:, 2] * y[:, 1])

    x = rng.random((1000, 3))
    tape = tj.jit(f).tape(x)
    assert "guard" in str(tape) and all(tape.line_of(k) for k in range(1, len(tape)) if tape.operands_of(k))
    assert shapes(tape) & {(1000, 3), (1000,)} == {(1000, 3), (1000,)} and sum(tape.type_of(k).shape == (1000, 3) for k in range(len(tape))) == 1
    g = tj.value_and_grad(f)
    for x in (x, x * [1, -1, 1], x * [1, -3, 1]):
        value, bar = g(x)
        np.testing.assert_allclose(value, f(x), rtol=1e-12)
        e = np.zeros_like(x)
        e[3, 1] = e[7, 2] = 1e-6
        np.testing.assert_allclose(np.sum(bar * e), (f(x + e) - f(x - e)) / 2, rtol=1e-5, atol=1e-12)
