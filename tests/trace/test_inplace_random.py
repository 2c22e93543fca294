"""Random programs of views, slices and writes mean on a tape what they mean in NumPy."""

import numpy as np
import pytest
from replay import check

SHAPES = [(4,), (3, 4), (2, 3, 4), (4, 1, 3)]


def random_key(rng, shape, writes=False):
    """A key that is valid for an array of this shape: slices, integers, None, Ellipsis, at times an integer or bool array."""
    if rng.random() < 0.08:
        return Ellipsis
    if rng.random() < 0.1 and shape and shape[0]:
        return rng.integers(-shape[0], shape[0], size=rng.integers(0, 4)) if rng.random() < 0.6 else rng.random(shape[0]) < 0.5
    key = []
    for n in shape[:rng.integers(0, len(shape) + 1)]:
        kind = rng.random()
        if kind < 0.25 and n:
            key.append(int(rng.integers(-n, n)))
        elif kind < 0.9:
            bounds = [None if rng.random() < 0.5 else int(rng.integers(-n - 1, n + 2)) for _ in range(2)]
            key.append(slice(*bounds, [None, None, 1, 2, -1, -2, 3][rng.integers(7)]))
        else:
            key.extend([None, slice(None)])
    if rng.random() < 0.2:
        key.insert(len(key) if rng.random() < 0.5 else 0, Ellipsis)
        if key[0] is Ellipsis and len(key) > 1:
            key = [Ellipsis]
    return tuple(key) if len(key) != 1 or rng.random() < 0.5 else key[0]


def random_program(seed):
    """A list of steps for `execute`: each makes a view or a value, or writes one."""
    rng = np.random.default_rng(seed)
    shape = SHAPES[rng.integers(len(SHAPES))]
    steps = [("start", int(rng.integers(2)))]
    values = [np.arange(float(np.prod(shape))).reshape(shape)]  # a concrete run, to know the shapes
    values = execute(values[0], 2.0, steps)
    for _ in range(rng.integers(3, 9)):
        k = int(rng.integers(len(values)))
        v = values[k]
        if not isinstance(v, np.ndarray):
            continue
        kind = rng.integers(9)
        if kind <= 1:
            step = ("view", k, random_key(rng, v.shape))
        elif kind == 2:
            step = ("reshape", k, (-1,) if rng.random() < 0.6 else v.shape + (1,)) if v.size else ("transpose", k)
        elif kind == 3:
            step = ("transpose", k)
        elif kind == 4:
            step = ("new", k)
        elif kind == 5:
            step = ("set", k, random_key(rng, v.shape), "s" if rng.random() < 0.4 else int(rng.integers(len(values))))
        elif kind == 6:
            step = ("scale", k, int(rng.integers(3)))
        elif kind == 7:
            step = ("augment", k, random_key(rng, v.shape), "s" if rng.random() < 0.4 else int(rng.integers(len(values))))
        else:
            step = ("mask", k, int(rng.integers(2)))
        try:
            values = execute(np.arange(float(np.prod(shape))).reshape(shape), 2.0, [*steps, step])
        except (ValueError, IndexError, TypeError):
            continue
        steps.append(step)
    return shape, steps


def execute(x, s, steps):
    """Run a program on NumPy arrays or on tracers."""
    values = [x]
    for kind, *what in steps:
        v = values[what[0]] if kind != "start" else None
        if kind == "start":
            values.append(x.copy() if what[0] else x * 1.5)
        elif kind == "view":
            values.append(v[what[1]])
        elif kind == "reshape":
            values.append(v.reshape(what[1]))
        elif kind == "transpose":
            values.append(v.T)
        elif kind == "new":
            values.append(v * s + 1.0)
        elif kind == "set":
            v[what[1]] = s if what[2] == "s" else values[what[2]]
        elif kind == "scale" and what[1] == 0:
            v *= s
        elif kind == "scale" and what[1] == 1:
            v += v[::-1] if v.ndim else s
        elif kind == "scale":
            v -= 0.25
        elif kind == "augment":
            v[what[1]] += s if what[2] == "s" else values[what[2]]
        elif kind == "mask" and what[1]:
            v[v > 2.0] = s
        else:
            v[v > 2.0] *= s
    return values


@pytest.mark.parametrize("block", range(8))
def test_views_and_writes(block):
    """Each value at the end of a random program is NumPy's, at the traced input and at another one."""
    for seed in range(block * 300, (block + 1) * 300):
        shape, steps = random_program(seed)
        x = np.arange(float(np.prod(shape))).reshape(shape)
        check(lambda x, s: tuple(execute(x, s, steps)), x, 2.0)
        if not any(kind == "mask" for kind, *_ in steps):
            check(lambda x, s: tuple(execute(x, s, steps)), x, 2.0, at=[(np.cos(x), -0.75)])
