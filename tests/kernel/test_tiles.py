"""Tiles: what runs piece by piece is what runs at once, to the same bits at any number of threads; bad bodies are refused."""

import multiprocessing
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from test_compile_random import random_tape, run_twice

import tapejit as tj
from kernel.assembling import Type, assemble
from tapejit.errors import ArgumentError, ProgramError
from tapejit.kernel import compile_tape, tiling
from tapejit.tape import interpret


@pytest.fixture
def everywhere(monkeypatch):
    """Whatever can run in tiles does, in small ones."""
    for name, value in dict(LEAST_LENGTH=2, LEAST_WORK=0, FOOTPRINT=0, THREADS_NS=0, TILE_BYTES=64, MULTIPLE=1).items():
        monkeypatch.setattr(tiling, name, value)


@pytest.fixture
def threads():
    before = tj.get_num_threads()
    yield tj.set_num_threads
    tj.set_num_threads(before)


def test_random_tapes_run_in_tiles(everywhere, threads, effort):
    threads(3)
    tiled = 0
    for seed in range(150 * effort):
        tape, inputs, late = random_tape(seed)
        for position, (expected, found, again) in enumerate(zip(interpret(tape, inputs), *run_twice(tape, inputs, late))):
            assert np.array_equal(expected, found), f"seed {seed}, output {position}"
            assert np.array_equal(found, again), f"seed {seed}, output {position}, segment 1 run again"
        tiled += "tiles of" in compile_tape(tape, late).summary()
    assert tiled > 40 * effort


# --- functions of a long axis ------------------------------------------------------------------------------------------------

N = 2003


def mixture(weights, means, factors, x):
    apart = x[:, None, :] - means
    white = np.einsum("kij,nkj->nki", factors, apart)
    terms = weights - 0.5 * np.sum(white**2, axis=2)
    top = np.max(terms, axis=1, keepdims=True)
    return np.sum(top[:, 0] + np.log(np.sum(np.exp(terms - top), axis=1)))


def regression(w, b, x, y):
    z = x @ w + b
    return np.mean(np.logaddexp(0.0, z) - y * z) + np.sum(w**2)


def layers(first, second, x):
    return np.sum(np.tanh(np.tanh(x @ first) @ second) ** 2)


def gathered(x, table):
    picked = table[PLACES] * x[:, None]
    return np.sum(np.cumsum(picked, axis=1)[:, [2, 0]] ** 2 / (1.0 + x[:, None] ** 2))


def shifted(x):
    y = np.zeros((N, 2))
    y[:, 0] = np.sin(x[1:])
    y[1:, 1] = np.exp(x[:-2]) * y[1:, 0]
    return np.sum(y * y[::-1])


def columns(x):
    scaled = x - x.mean(axis=0)
    return np.sum(scaled**2, axis=0) / N + np.max(x, axis=0)


def single(x):
    return np.sum(np.sin(x) * np.exp(-x * x)).astype(np.float32)


RNG = np.random.default_rng(5)
PLACES = RNG.integers(0, 7, N)
FUNCTIONS = {
    "mixture": (mixture, RNG.normal(size=4), RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3, 3)), RNG.normal(size=(N, 3))),
    "regression": (regression, RNG.normal(size=5), 0.3, RNG.normal(size=(N, 5)), RNG.integers(0, 2, N) * 1.0),
    "layers": (layers, RNG.normal(size=(4, 6)), RNG.normal(size=(6, 2)), RNG.normal(size=(N, 4))),
    "gathered": (gathered, RNG.normal(size=N), RNG.normal(size=(7, 3))), "shifted": (shifted, RNG.normal(size=N + 1)),
    "columns": (lambda x: np.sum(columns(x) * np.array([1.0, -2.0, 0.5])), RNG.normal(size=(N, 3))),
    "single": (single, RNG.normal(size=N).astype(np.float32)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_a_long_axis(name, everywhere, threads):
    """Value and gradient are those of the interpreter, and the same to the bit at 1, 2, 3 and 8 threads."""
    function, *arguments = FUNCTIONS[name]
    compiled = tj.value_and_grad(function, argnums=tuple(range(len(arguments))))
    assert "tiles of" in compile_tape(compiled.tape(*arguments)).summary()
    results = []
    for count in (1, 2, 3, 8):
        threads(count)
        value, gradients = compiled(*arguments)
        results.append([value, *gradients])
    np.testing.assert_allclose(results[0][0], function(*arguments), rtol=1e-6 if name == "single" else 1e-12)
    tj.check_grads(function, tuple(arguments), rtol=1e-2 if name == "single" else 1e-6, atol=1e-2 if name == "single" else 1e-6)
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other))


def test_large_arrays_run_in_tiles_that_stay_small(threads):
    """At the sizes of real use: between the groups there is a tile's worth of memory, not an array's."""
    rng = np.random.default_rng(1)
    arguments = rng.normal(size=10), rng.normal(size=(10, 8)), rng.normal(size=(10, 8, 8)), rng.normal(size=(20_000, 8))
    compiled = tj.value_and_grad(mixture, argnums=(0, 1, 2))
    program = compile_tape(compiled.tape(*arguments))
    assert program.arena_bytes < 20_000 * 10 * 8  # one array of (20_000, 10) is as large
    threads(1)
    one = compiled(*arguments)
    threads(2)
    two = compiled(*arguments)
    assert one[0] == two[0] and all(np.array_equal(a, b) for a, b in zip(one[1], two[1]))
    np.testing.assert_allclose(one[0], mixture(*arguments), rtol=1e-12)


def test_sums_are_as_accurate_as_numpys():
    x = np.random.default_rng(2).uniform(0.9, 1.1, 1_000_001)
    exact = sum(int(v * 2.0**60) for v in x) / 2**60
    assert abs(tj.jit(lambda x: np.sum(x * 1.0))(x) - exact) <= max(abs(np.sum(x) - exact), 2 * np.spacing(exact))


def test_shadows_are_added_to_in_tiles(everywhere, threads):
    threads(2)
    x, w = np.random.default_rng(3).normal(size=(50, 3)), np.ones(3)
    dx, dw = np.ones((50, 3)), np.full(3, 2.0)
    tj.autodiff(tj.Reverse, lambda x, w: np.sum(np.sin(x) * w), tj.Duplicated(x, dx), tj.Duplicated(w, dw))
    np.testing.assert_allclose(dx, 1 + np.cos(x), rtol=1e-14)
    np.testing.assert_allclose(dw, 2 + np.sin(x).sum(axis=0), rtol=1e-13)


def test_jacobians_run_tiles_once_per_row(everywhere, threads):
    threads(2)
    x = np.linspace(0.1, 1.0, 12)
    jacobian = tj.jacrev(lambda x: np.cumsum(np.sin(x)[:, None] * np.cos(x), axis=1)[:, -1])(x)
    np.testing.assert_allclose(jacobian, np.diag(np.cos(x)) * np.cos(x).sum() - np.outer(np.sin(x), np.sin(x)), rtol=1e-12, atol=1e-14)


# --- threads -----------------------------------------------------------------------------------------------------------------


def work():
    """A gradient that is worth threads, and what it is."""
    x = np.linspace(0.0, 1.0, 200_000)
    return tj.grad(lambda x: np.sum(np.sin(x) * np.exp(-x))), x, (np.cos(x) - np.sin(x)) * np.exp(-x)


def test_several_callers_share_the_team(threads):
    threads(2)
    gradient, x, expected = work()
    gradient(x)
    wrong = []

    def call():
        for _ in range(10):
            if not np.allclose(gradient(x), expected, rtol=1e-13):
                wrong.append(1)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for count in (1, 3, 2):  # while they run
        threads(count)
    for caller in callers:
        caller.join()
    assert not wrong


def in_child(queue):
    gradient, x, expected = work()
    queue.put(bool(np.allclose(gradient(x), expected, rtol=1e-13)))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own(threads):
    threads(2)
    gradient, x, expected = work()
    gradient(x)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=in_child, args=(queue,))
    child.start()
    assert queue.get(timeout=60)
    child.join()
    assert child.exitcode == 0
    assert np.allclose(gradient(x), expected, rtol=1e-13)


def test_the_environment_sets_the_number_and_the_interpreter_ends():
    code = ("import numpy as np, tapejit as tj; x = np.linspace(0, 1, 300_000); tj.grad(lambda x: np.sum(np.sin(x) * np.exp(x)))(x); "
            "print(tj.get_num_threads())")
    run = subprocess.run([sys.executable, "-c", code], env={**os.environ, "TAPEJIT_NUM_THREADS": "3"}, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout, run.stderr) == (0, "3\n", "")
    bad = subprocess.run([sys.executable, "-c", "import tapejit"], env={**os.environ, "TAPEJIT_NUM_THREADS": "many"}, capture_output=True, text=True)
    assert "the environment variable TAPEJIT_NUM_THREADS: expected an integer from 1 to 256, found 'many'" in bad.stderr


@pytest.mark.parametrize("count", [0, -1, 257, 1.5, "2", True, None])
def test_a_number_of_threads_is_an_integer_in_range(count):
    before = tj.get_num_threads()
    with pytest.raises(ArgumentError, match="set_num_threads: expected an integer from 1 to 256, found"):
        tj.set_num_threads(count)
    assert tj.get_num_threads() == before


# --- bodies that are refused --------------------------------------------------------------------------------------------------


def tiles(write, views, parts=2, count=3, last=None):
    """A Program with one input of 12 numbers, one output of 12, and one TILES instruction."""
    def whole(assembler):
        bodies = []
        for writes in (write, last):
            if writes:
                body = assembler.body()
                writes(body)
                bodies.append(body.words)
            else:
                bodies.append(None)
        assembler.tiles(parts, count, True, views, *bodies)
        assembler.end()
    return assemble(whole, [Type("f64", (12,))], [Type("f64", (12,))], np.ones(8).tobytes(), 1024)


READ, WRITE = ("read", 1, 0, 32, 0, 32, 32), ("write", 2, 0, 32, 0, 32, 32)


def copy(body, source=(3, 0), target=(4, 0), kind="store", n=4):
    body.loop((n,), [(*source, "f64", (8,))], [], [(kind, 0, *target, "f64", (8,))])
    body.end()


def test_a_body_runs_for_each_tile():
    out = np.zeros(12)
    tiles(copy, [READ, WRITE]).run([np.arange(12.0)], [out])
    assert np.array_equal(out, np.arange(12.0))


@pytest.mark.parametrize("reason, write, views, more", [
    ("there is no such kind of view", copy, [("read", 1, 0, 32, 0, 32, 32), ("local", 0, 0, 0, 0, 32, 32), WRITE], {"kind": 9}),
    ("an operand lies outside its buffer", copy, [("read", 1, 8, 32, 0, 32, 32), WRITE], {}),
    ("an operand lies outside its view", lambda b: copy(b, n=5), [READ, WRITE], {}),
    ("an instruction writes to a view that is only read", lambda b: copy(b, (4, 0), (3, 0)), [READ, WRITE], {}),
    ("an instruction writes to a buffer that is only read", copy, [("write", 1, 0, 32, 0, 32, 32), WRITE], {}),
    ("an instruction writes to the constants", copy, [READ, ("write", 0, 0, 32, 0, 32, 32)], {}),
    ("tiles overlap in a view that is written", copy, [READ, ("write", 2, 0, 24, 0, 32, 32)], {}),
    ("tiles overlap in a view that is written", copy, [READ, ("write", 0, 128, 32, 32, 32, 32)], {}),
    ("parts overlap in a view that is summed into", lambda b: copy(b, kind="add"), [READ, ("sum", 0, 128, 0, 24, 32, 32)], {}),
    ("parts overlap in a view that is summed into", lambda b: copy(b, kind="add"), [READ, ("sum", 0, 128, 32, 32, 32, 32)], {}),
    ("a view that is written overlaps another", copy, [("read", 2, 0, 0, 0, 32, 32), WRITE], {}),
    ("a local view has steps", lambda b: copy(b, target=(4, 0)), [READ, ("local", 0, 0, 32, 0, 32, 32)], {}),
    ("a tile reads what other tiles write", lambda b: copy(b, (2, 0), (4, 0)), [READ, WRITE], {}),
    ("a tile writes to its views alone", lambda b: copy(b, target=(2, 0)), [READ, WRITE], {}),
    ("there is no such buffer", lambda b: copy(b, (5, 0)), [READ, WRITE], {}),
    ("there is no such buffer", copy, [("read", 3, 0, 32, 0, 32, 32), WRITE], {}),
    ("there is no such instruction in a tile", lambda b: (b.scalar("add", "f64", 512, 0, 8), b.end()), [READ, WRITE], {}),
    ("there is no such instruction in a tile", lambda b: (b.host(0), b.end()), [READ, WRITE], {}),
    ("there is no such instruction in a tile", lambda b: (b.tiles(1, 1, False, [], [0], None), b.end()), [READ, WRITE], {}),
    ("the body of a tile does not end where it should", lambda b: b.loop((4,), [(3, 0, "f64", (8,))], [], []), [READ, WRITE], {}),
    ("the body of a tile does not end where it should", lambda b: (b.end(), b.end()), [READ, WRITE], {}),
    ("tiles are shared out to at least one part each", copy, [READ, WRITE], {"parts": 0}),
    ("tiles are shared out to at least one part each", copy, [READ, WRITE], {"parts": 4}),
    ("a shorter last tile has no body of its own", lambda b: copy(b, n=2), [("read", 1, 0, 32, 0, 32, 16), WRITE], {}),
    ("an operand lies outside its view", copy, [("read", 1, 0, 32, 0, 32, 16), WRITE], {"last": copy}),
    ("a view is too large", copy, [("read", 1, 0, 1 << 60, 0, 32, 32), WRITE], {}),
    ("an operand is not aligned to its dtype", copy, [("read", 1, 4, 24, 0, 32, 32), WRITE], {})])
def test_a_bad_body_is_refused(reason, write, views, more, monkeypatch):
    if "kind" in more:
        monkeypatch.setitem(tj.kernel.format.VIEWS, "local", more.pop("kind"))
    with pytest.raises(ProgramError, match=reason):
        tiles(write, views, **more)


def test_the_last_tile_may_be_shorter():
    out = np.zeros(12)
    views = [("read", 1, 0, 40, 0, 40, 16), ("write", 2, 0, 40, 0, 40, 16)]
    tiles(lambda b: copy(b, n=5), views, last=lambda b: copy(b, n=2)).run([np.arange(12.0)], [out])
    assert np.array_equal(out, np.arange(12.0))


def test_parts_sum_into_memory_of_their_own():
    def write(assembler):
        body = assembler.body()
        body.loop((4,), [(3, 0, "f64", (8,))], [], [("add", 0, 4, 0, "f64", (0,))])
        body.end()
        assembler.tiles(2, 3, True, [READ, ("sum", 0, 128, 0, 64, 8, 8)], body.words, None)
        assembler.loop((2,), [(0, 128, "f64", (64,))], [], [("store", 0, 2, 0, "f64", (8,))])
        assembler.end()

    out = np.zeros(2)
    program = assemble(write, [Type("f64", (12,))], [Type("f64", (2,))], b"", 1024)
    for _ in range(2):  # the sums begin anew
        program.run([np.arange(12.0)], [out])
        assert out.tolist() == [6.0, 60.0]
