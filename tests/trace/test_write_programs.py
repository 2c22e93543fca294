"""Random programs of views, slices, masks and writes: value, gradient in both modes, and replay, against NumPy and differences.

A failure prints the seed and the shortest program that fails; `pytest --thorough` runs more than 5,000 of them.
"""

import warnings

import numpy as np
import pytest
from write_programs import compiled, inputs, named, program, shrunk, source

import tapejit as tj

BLOCKS, EACH = 6, 60


def flat(arguments):
    return np.concatenate([np.ravel(a) for a in arguments])


def slope(f, arguments, directions, h):
    """The derivative of f along directions, by central differences."""
    def moved(h):
        return [np.array(a + h * d) if isinstance(a, np.ndarray) else a + h * d for a, d in zip(arguments, directions)]
    return (f(*moved(h)) - f(*moved(-h))) / (2 * h)


def fault(text, seed, shapes):
    """(what is wrong with tapejit's answers for a program or None, whether the derivative could be compared)."""
    f = compiled(text)
    first, second = inputs(seed, shapes)
    both = tj.value_and_grad(f, (0, 1, 2))
    both(*first)  # traced; the second call replays, or records a sibling where a decision differs
    before = [np.copy(a) for a in second]
    value, gradient = both(*second)
    if not all(np.array_equal(a, b) for a, b in zip(second, before)):
        return "an argument is changed", True
    expected = f(*[np.copy(a) if isinstance(a, np.ndarray) else a for a in second])
    if not np.allclose(value, expected, rtol=1e-11, atol=1e-12):
        return f"the value is {value}, NumPy's is {expected}", True
    fresh_value, fresh = tj.value_and_grad(compiled(text), (0, 1, 2))(*second)
    if not np.allclose(fresh_value, value, rtol=1e-13) or not np.allclose(flat(fresh), flat(gradient), rtol=1e-10, atol=1e-11):
        return f"replayed {value}, {flat(gradient)}, fresh {fresh_value}, {flat(fresh)}", True
    rng = np.random.default_rng([seed, 2])
    directions = [rng.normal(size=np.shape(a)) if isinstance(a, np.ndarray) else float(rng.normal()) for a in second]
    along = flat(gradient) @ flat(directions)
    forward = tj.jvp(f, second, tuple(directions))[1]
    scale = max(1.0, np.max(np.abs(flat(gradient))))
    if abs(forward - along) > 1e-9 * scale:
        return f"forward {forward}, reverse {along}", True
    fine, coarse = (slope(f, second, directions, h) for h in (1e-6, 1e-5))
    if abs(fine - coarse) > 1e-4 * scale:  # a kink, a jump or a branch is near
        return None, False
    return (f"the slope is {along}, by differences {fine}" if abs(fine - along) > 1e-4 * scale else None), True


def failure(seed, shapes, lines):
    """As `fault`, an exception counting as one."""
    try:
        return fault(source(lines), seed, shapes)
    except Exception as error:
        return f"{type(error).__name__}: {error}", True


def runs_in_numpy(seed, shapes, lines):
    try:
        compiled(source(lines))(*[np.copy(a) if isinstance(a, np.ndarray) else a for a in inputs(seed, shapes)[0]])
        compiled(source(lines))(*[np.copy(a) if isinstance(a, np.ndarray) else a for a in inputs(seed, shapes)[1]])
    except Exception:
        return False
    return True


@pytest.mark.parametrize("block", range(BLOCKS))
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::tapejit.TraceWarning")
def test_programs(block, request):
    each = EACH * (15 if request.config.getoption("--thorough") else 1)
    compared = total = 0
    for seed in range(block * 1000, block * 1000 + each):
        shapes, lines = program(seed)
        if not runs_in_numpy(seed, shapes, lines):  # at the other arguments an index or a mask may not fit
            continue
        wrong, comparable = failure(seed, shapes, lines)
        total += 1
        compared += comparable
        if wrong:
            lines = shrunk(lines, lambda fewer: runs_in_numpy(seed, shapes, fewer) and failure(seed, shapes, fewer)[0])
            with warnings.catch_warnings():
                wrong = failure(seed, shapes, lines)[0]
            pytest.fail(f"seed {seed}, shapes {shapes}: {wrong}\n{source(lines)}", pytrace=False)
    assert total > 0.9 * each and compared > 0.85 * total, (total, compared)


def test_programs_are_what_they_say():
    """The same seed draws the same program; programs write, and take views."""
    programs = [program(seed)[1] for seed in range(100)]
    assert programs == [program(seed)[1] for seed in range(100)]
    text = "\n".join(line for lines in programs for line in lines)
    assert all(word in text for word in ("[::-1] = ", " += ", "np.zeros", ".at(", "out=", ".T", "where="))
    assert sum(map(len, programs)) > 400 and named(["a = x", "a[0] = 1"]) == ["x", "y", "a"]
