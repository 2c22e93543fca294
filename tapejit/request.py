"""Requests: what can be asked of a function (kind, arguments, options), hashable, so that equal requests share traces.

A request knows which leaves of a call it differentiates by, and refuses, naming the path, those that have no derivative.
Read next: `answers.py`, a plan per kind of request over a recording; `transforms.py`, the public functions.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from .errors import ArgumentError
from .recording import argument_paths
from .trace import Tracer


class Request(namedtuple("Request", "kind argnums argnames has_aux retarget pure options", defaults=(None, (), False, True, False, ()))):
    """What is asked of a function: hashable, so that equal requests share their traces. `options` are the kind's own."""

    __slots__ = ()

    def differentiated(self, leaves, tree):
        """Indices of the leaves with a derivative: the floating ones of the arguments that `argnums` and `argnames` select."""
        if self.kind == "jit":
            return frozenset()
        out = set()
        paths = argument_paths(tree)
        for low, high, path in self.selected(tree):
            floating = [k for k in range(low, high) if _is_float(leaves[k], paths[k], self.kind)]
            if not floating:
                if high - low == 1:
                    raise ArgumentError(f"{self.kind}: {path} is {_described(leaves[low])}, expected floating-point numbers to differentiate by: {_advice(leaves[low], path, self.kind)}")
                raise ArgumentError(f"{self.kind}: {path} holds no floating-point number to differentiate by")
            out.update(floating)
        return frozenset(out)

    def selected(self, tree):
        """(first leaf, end, path) of each selected argument: positional ones in the order of argnums, then the named ones."""
        args, kwargs = tree.children
        spans, low = {}, 0
        for k, child in enumerate(args.children):
            spans[k] = (low, low + child.leaves, f"args[{k}]")
            low += child.leaves
        for name, child in zip(kwargs.keys, kwargs.children):
            spans[name] = (low, low + child.leaves, f"kwargs[{name!r}]")
            low += child.leaves
        count = len(args.children)
        out = []
        for number in self.positions(count):
            if not -count <= number < count:
                raise ArgumentError(f"{self.kind}: argnums={number}, but the function was called with {count} positional argument{'s' * (count != 1)}: "
                                    f"use argnums from 0 to {count - 1}, or argnames for keyword arguments" if count else
                                    f"{self.kind}: argnums={number}, but the function was called without positional arguments: use argnames")
            if spans[number % count] in out:
                raise ArgumentError(f"{self.kind}: argnums names args[{number % count}] twice: {self.argnums!r}")
            out.append(spans[number % count])
        for name in self.argnames:
            if name not in spans:
                raise ArgumentError(f"{self.kind}: argnames names {name!r}, but the function was called with the keyword arguments {sorted(kwargs.keys)}")
            out.append(spans[name])
        return out

    def positions(self, count):
        if self.argnums is None:  # all
            return range(count)
        return self.argnums if isinstance(self.argnums, tuple) else (self.argnums,)


def _is_float(leaf, path, kind):
    concrete = leaf.value if type(leaf) is Tracer else leaf
    dtype = getattr(concrete, "dtype", None)
    dtype_kind = getattr(dtype, "kind", None)  # a tensor's dtype has none
    if isinstance(concrete, complex) or dtype_kind == "c":
        raise ArgumentError(f"{kind}: {path} is complex; derivatives by complex arguments are not available: pass real and imaginary parts as two real arguments")
    return type(concrete) is float or dtype_kind == "f"


def _described(leaf):
    concrete = leaf.value if type(leaf) is Tracer else leaf
    if isinstance(concrete, np.ndarray):
        return f"an array of dtype {concrete.dtype}"
    return f"{type(concrete).__name__} {concrete!r}"[:80]


def _advice(leaf, path, kind):
    if kind.startswith(("autodiff", "split")):
        return f"pass Const({path})"
    if hasattr(leaf, "__dlpack__") and not isinstance(leaf, (np.ndarray, np.generic)):
        return f"pass np.from_dlpack({path})"
    concrete = leaf.value if type(leaf) is Tracer else leaf
    if isinstance(concrete, (np.ndarray, np.generic)):
        return f"pass {path}.astype(float)"
    return f"pass {float(concrete)!r}" if isinstance(concrete, (bool, int)) else "choose another argument with argnums"
