"""check_grads: derivatives held against central finite differences and against duality, to any order."""

from __future__ import annotations

import numpy as np

from .request import is_floating
from .transforms import jvp, vjp
from .tree import flatten


def check_grads(function, args, order=2, modes=("fwd", "rev"), eps=None, rtol=None, atol=None):
    """Raise AssertionError unless the derivatives of `function` at the tuple `args` agree with finite differences.

    modes   "fwd": jvp against central differences along random directions; "rev": <ct, J v> = <J' ct, v> and the pullback against differences
    order   up to which derivative: order 2 checks the derivatives of the jvp and of the pullback in turn
    eps     step of the differences, relative to 1 (default: cube root of the dtype's rounding)
    rtol, atol   tolerances (default: 1e-5 for float64, 1e-2 for float32; ten times as much per order above the first)

    Complex arguments and results are moved in both parts: any function of them can be checked, holomorphic or not.

    >>> import numpy as np, tapejit as tj
    >>> tj.check_grads(lambda x: np.sum(np.sin(x) * x), (np.linspace(0.1, 1, 4),))
    """
    if not isinstance(args, (tuple, list)):
        raise TypeError(f"check_grads: args: expected a tuple of arguments, found {type(args).__name__}: pass (x,)")
    unknown = set(modes) - {"fwd", "rev"}
    if unknown:
        raise ValueError(f"check_grads: modes: expected 'fwd' and 'rev', found {sorted(unknown)}")
    args = tuple(args)
    varied = [k for k, arg in enumerate(args) if _floats(arg)]

    def of_varied(*values):
        full = list(args)
        for k, value in zip(varied, values):
            full[k] = value
        return function(*full)

    checked, values = (function, args) if len(varied) == len(args) else (of_varied, tuple(args[k] for k in varied))
    _check(checked, values, order, tuple(modes), eps, rtol, atol, np.random.default_rng(0), 1)


def _check(function, args, order, modes, eps, rtol, atol, rng, level):
    single = any(getattr(leaf, "dtype", None) in (np.float32, np.complex64) for leaf in _floats(args))
    step = eps or (5e-3 if single else 6e-6)
    relative = (rtol or (1e-2 if single else 1e-5)) * 10 ** (level - 1)
    absolute = (atol or (1e-2 if single else 1e-6)) * 10 ** (level - 1)
    direction = _random_like(args, rng)
    out, dot = jvp(function, args, direction)
    expected = _scale(_difference(function(*_step(args, direction, step)), function(*_step(args, direction, -step))), 1 / (2 * step))
    if "fwd" in modes:
        _assert_close(dot, expected, relative, absolute, f"jvp, order {level}")
    if "rev" in modes:
        value, pullback = vjp(function, *args)
        _assert_close(value, out, 1e-6 if single else 1e-12, 1e-6 if single else 1e-12, f"value of vjp against value of jvp, order {level}")
        cotangent = _random_like(out, rng)
        pulled = pullback(cotangent)
        _assert_close(_inner(cotangent, expected), _inner(pulled, direction), relative, absolute, f"vjp, order {level}")
        _assert_close(_inner(cotangent, dot), _inner(pulled, direction), 1e-4 if single else 1e-9, 1e-4 if single else 1e-9, f"duality of jvp and vjp, order {level}")
    if order > 1:
        if "fwd" in modes:
            _check(lambda *a: jvp(function, a, direction)[1], args, order - 1, modes, eps, rtol, atol, rng, level + 1)
        if "rev" in modes:
            _check(lambda *a: vjp(function, *a)[1](cotangent), args, order - 1, modes, eps, rtol, atol, rng, level + 1)


def _floats(tree):
    return [leaf for leaf in flatten(tree)[0] if is_floating(leaf)]


def _map(function, *trees):
    """function over the floating leaves of containers alike; None elsewhere."""
    leaves, shape = flatten(trees[0])
    others = [flatten(tree)[0] for tree in trees[1:]]
    if any(len(other) != len(leaves) for other in others):
        others = [_pad(other, leaves) for other in others]
    return shape.build([function(leaf, *rest) if is_floating(leaf) else None for leaf, *rest in zip(leaves, *others)])


def _pad(values, leaves):
    """Values for the floating leaves alone, spread over all leaves (a derivative has None, which is no leaf, for the others)."""
    values = iter(values)
    return [next(values) if is_floating(leaf) else None for leaf in leaves]


def _random_like(tree, rng):
    def draw(leaf):
        sample = rng.standard_normal(np.shape(leaf))
        if np.iscomplexobj(leaf):
            sample = sample + 1j * rng.standard_normal(np.shape(leaf))
        return _as(leaf, sample)

    return _map(draw, tree)


def _step(args, direction, step):
    leaves, shape = flatten(args)
    steps = _pad(flatten(direction)[0], leaves)
    return shape.build([leaf if d is None else _as(leaf, leaf + step * d) for leaf, d in zip(leaves, steps)])


def _as(leaf, value):
    """`value` as what the leaf is: a Python number, a NumPy scalar or an array of its dtype."""
    if type(leaf) in (float, complex):
        return type(leaf)(value)
    array = np.asarray(value, leaf.dtype)
    return array[()] if isinstance(leaf, np.generic) else array


def _difference(a, b):
    return _map(lambda x, y: _wide(x) - _wide(y), a, b)


def _wide(x):
    return np.asarray(x, complex if np.iscomplexobj(x) else float)


def _scale(tree, factor):
    return _map(lambda x: x * factor, tree)


def _inner(a, b):
    left, right = _floats(a), _floats(b)
    return float(sum(np.sum(_wide(x) * _wide(y)).real for x, y in zip(left, right)))


def _assert_close(found, expected, rtol, atol, what):
    for x, y in zip(_floats(found), _floats(expected)):
        scale = max(1.0, float(np.max(np.abs(y), initial=0.0)))
        np.testing.assert_allclose(_wide(x), _wide(y), rtol=rtol, atol=atol * scale, err_msg=f"check_grads: {what}")
