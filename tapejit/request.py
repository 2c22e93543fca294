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


FIELDS = "kind argnums argnames has_aux retarget pure options holomorphic"


class Request(namedtuple("Request", FIELDS, defaults=(None, (), False, True, False, (), False))):
    """What is asked of a function: hashable, so that equal requests share their traces. `options` are the kind's own."""

    __slots__ = ()

    def differentiated(self, leaves, tree):
        """Indices of the leaves with a derivative: the floating ones of the arguments that `argnums` and `argnames` select."""
        if self.kind == "jit":
            return frozenset()
        out = set()
        paths = argument_paths(tree)
        for low, high, path in self.selected(tree):
            floating = [k for k in range(low, high) if is_floating(leaves[k])]
            for k in floating:
                self._check_complex(leaves[k], paths[k])
            if not floating:
                if high - low == 1:
                    raise ArgumentError(f"{self.kind}: {path} is {_described(leaves[low])}, expected floating-point numbers to differentiate by: {_advice(leaves[low], path, self.kind)}")
                raise ArgumentError(f"{self.kind}: {path} holds no floating-point number to differentiate by")
            out.update(floating)
        return frozenset(out)

    def _check_complex(self, leaf, path):
        """Refuse a real argument of a holomorphic derivative, and a complex one of a forward Jacobian that is not."""
        complex_ = np.iscomplexobj(leaf.value if type(leaf) is Tracer else leaf)
        if self.holomorphic and not complex_:
            raise ArgumentError(f"{self.kind}: {path} is {_described(leaf)}, expected complex numbers, as holomorphic=True says: "
                                f"pass {path} + 0j, or leave holomorphic out")
        if complex_ and self.kind == "jacfwd" and not self.holomorphic:
            raise ArgumentError(f"{self.kind}: {path} is complex: pass holomorphic=True if the function is holomorphic; "
                                "for a real-valued function use jacrev, else jvp")

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


def is_floating(leaf):
    """Whether a leaf has a derivative: it is a real or complex floating-point number or array."""
    concrete = leaf.value if type(leaf) is Tracer else leaf
    if type(concrete) in (float, complex):
        return True
    dtype_kind = getattr(getattr(concrete, "dtype", None), "kind", None)  # a tensor's dtype has none
    return dtype_kind == "f" or dtype_kind == "c"


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
