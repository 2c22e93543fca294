"""Random calls of autodiff, half of them wrong, against an oracle written from NumPy's own flags and np.shares_memory.

All arrays of a call are views into one pool of bytes, so that overlaps of every kind occur. A legal call changes its shadows and not a byte
more; an illegal one is refused with a ShadowError and changes nothing.
"""

import itertools

import numpy as np
import pytest

import tapejit as tj
from tapejit import Const, Duplicated, Reverse, autodiff

POOL = 4096
SHAPES = [(4,), (2, 3), (1,), (), (0,)]


def energy(*args):
    total = 0.0
    for arg in args:
        for leaf in arg.values() if isinstance(arg, dict) else arg if isinstance(arg, (list, tuple)) else (arg,):
            total = total + np.sum(leaf * leaf)
    return total


def carve(rng, pool, shape, dtype):
    """A view of the pool with random place, strides and direction."""
    itemsize = np.dtype(dtype).itemsize
    step = int(rng.choice([1, 1, 1, 2, 3]))
    strides, size = [], itemsize * step
    for n in reversed(shape):
        strides.insert(0, size)
        size *= max(n, 1)
    start = int(rng.integers(0, (POOL - size) // 8)) * 8 + (int(rng.integers(8)) if rng.random() < 0.1 else 0)
    view = np.ndarray(shape, dtype, pool, start, strides)
    if shape and rng.random() < 0.2:
        view = view[::-1]
    return view


def damaged(rng, pool, primal, shadow):
    """A shadow with something that is, or may be, wrong."""
    kind = rng.integers(9)
    if kind == 0:
        return carve(rng, pool, primal.shape, "f4" if primal.dtype == "f8" else "f8")
    if kind == 1:
        return carve(rng, pool, (*primal.shape, 2), primal.dtype)
    if kind == 2:
        shadow = shadow.view()
        shadow.flags.writeable = False
        return shadow
    if kind == 3:
        return carve(rng, pool, primal.shape, primal.dtype.newbyteorder())
    if kind == 4:
        return np.broadcast_to(np.ndarray((), primal.dtype, pool, 0), primal.shape)
    if kind == 5:
        return np.lib.stride_tricks.as_strided(shadow, strides=(0,) * shadow.ndim)
    if kind == 6:
        return primal
    if kind == 7:
        return [0.0, None, "shadow", b"12345678", 3][rng.integers(5)]
    return np.lib.stride_tricks.as_strided(shadow, strides=tuple(s // 2 for s in shadow.strides))


def addresses(array):
    """Every byte address of an array's elements."""
    base = array.__array_interface__["data"][0]
    out = []
    for index in np.ndindex(array.shape):
        start = base + sum(i * s for i, s in zip(index, array.strides))
        out.extend(range(start, start + array.itemsize))
    return out


def is_legal(primals, shadows, consts):
    """The oracle: may this call be made?"""
    for primal, shadow in zip(primals, shadows):
        if type(shadow) is not np.ndarray or shadow.dtype != primal.dtype or not shadow.dtype.isnative:
            return False
        if shadow.shape != primal.shape or not shadow.flags.writeable:
            return False
        touched = addresses(shadow)
        if len(touched) != len(set(touched)):
            return False
    for shadow, other in itertools.chain(itertools.product(shadows, primals + consts), itertools.combinations(shadows, 2)):
        if np.shares_memory(shadow, other):
            return False
    return True


def build(rng, leaves):
    """The leaves in a container of random kind, and how to build another one like it."""
    kind = rng.integers(4) if len(leaves) == 1 else rng.integers(1, 4)
    if kind == 0:
        return lambda values: values[0]
    if kind == 1:
        return list
    if kind == 2:
        return tuple
    return lambda values: dict(zip("abc", values))


def one_call(rng):
    pool = bytearray(rng.integers(0, 256, POOL, dtype=np.uint8).tobytes())
    arguments, primals, shadows, consts = [], [], [], []
    wrong = rng.random() < 0.5
    for _ in range(rng.integers(1, 4)):
        dtype = "f8" if rng.random() < 0.7 else "f4"
        leaves = [carve(rng, pool, SHAPES[rng.integers(len(SHAPES))], dtype) for _ in range(rng.integers(1, 3))]
        make = build(rng, leaves)
        if arguments and rng.random() < 0.25:
            arguments.append(Const(make(leaves)))
            consts += leaves
            continue
        mirror = [carve(rng, pool, leaf.shape, leaf.dtype) for leaf in leaves]
        if wrong and rng.random() < 0.7:
            k = rng.integers(len(leaves))
            mirror[k] = damaged(rng, pool, leaves[k], mirror[k])
        arguments.append(Duplicated(make(leaves), make(mirror)))
        primals += leaves
        shadows += mirror
    numbers = np.frombuffer(pool, np.uint8)
    numbers[:] = np.frombuffer(rng.uniform(-1, 1, POOL // 8).tobytes(), np.uint8)  # finite numbers for aligned doubles
    before = bytes(pool)
    legal = is_legal(primals, shadows, consts)
    try:
        with np.errstate(all="ignore"):
            expected = [np.array(s) + 2 * np.array(p) for p, s in zip(primals, shadows)] if legal else None
            autodiff(Reverse, energy, *arguments)
    except tj.ShadowError:
        assert not legal, [a for a in arguments]
        assert bytes(pool) == before
        return False
    assert legal, arguments
    after = np.frombuffer(bytes(pool), np.uint8)
    changed = np.flatnonzero(after != np.frombuffer(before, np.uint8))
    origin = np.frombuffer(pool, np.uint8).__array_interface__["data"][0]
    allowed = set(itertools.chain.from_iterable(addresses(s) for s in shadows))
    assert all(int(k) + origin in allowed for k in changed)
    for shadow, value in zip(shadows, expected):
        np.testing.assert_allclose(shadow, value, rtol=2e-6 if shadow.dtype == "f4" else 1e-14, atol=1e-300)
    return True


@pytest.mark.filterwarnings("ignore::tapejit.TraceWarning")
def test_random_calls_are_judged_as_the_oracle_judges_them(effort):
    rng = np.random.default_rng(7)
    accepted = sum(one_call(rng) for _ in range(4_000 * effort))
    assert 0.15 < accepted / (4_000 * effort) < 0.85
