"""Requests: what can be asked of a function (kind, arguments, options), hashable, so that equal requests share traces.

A request knows which leaves of a call it differentiates by, and refuses, naming the path, those that have no derivative.
Read next: `answers.py`, a plan per kind of request over a recording; `transforms.py`, the public functions.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from .errors import ArgumentError
from .recording import argument_paths
from .trace import concrete
from .tree import spans


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
        complex_ = np.iscomplexobj(concrete(leaf))
        if self.holomorphic and not complex_:
            raise ArgumentError(f"{self.kind}: {path} is {_described(leaf)}, expected complex numbers, as holomorphic=True says: "
                                f"pass {path} + 0j, or leave holomorphic out")
        if complex_ and self.kind == "jacfwd" and not self.holomorphic:
            raise ArgumentError(f"{self.kind}: {path} is complex: pass holomorphic=True if the function is holomorphic; "
                                "for a real-valued function use jacrev, else jvp")

    def selected(self, tree):
        """(first leaf, end, path) of each selected argument: positional ones in the order of argnums, then the named ones."""
        args, kwargs = tree.children
        labels = [(k, f"args[{k}]") for k in range(len(args.children))] + [(name, f"kwargs[{name!r}]") for name in kwargs.keys]
        found = {}
        for (key, path), own in zip(labels, spans((*args.children, *kwargs.children))):
            found[key] = (own.start, own.stop, path)
        count = len(args.children)
        out = []
        for number in self.positions(count):
            if not -count <= number < count:
                raise ArgumentError(f"{self.kind}: argnums={number}, but the function was called with {count} positional argument{'s' * (count != 1)}: "
                                    f"use argnums from 0 to {count - 1}, or argnames for keyword arguments" if count else
                                    f"{self.kind}: argnums={number}, but the function was called without positional arguments: use argnames")
            if found[number % count] in out:
                raise ArgumentError(f"{self.kind}: argnums names args[{number % count}] twice: {self.argnums!r}")
            out.append(found[number % count])
        for name in self.argnames:
            if name not in found:
                raise ArgumentError(f"{self.kind}: argnames names {name!r}, but the function was called with the keyword arguments {sorted(kwargs.keys)}")
            out.append(found[name])
        return out

    def positions(self, count):
        if self.argnums is None:  # all
            return range(count)
        return self.argnums if isinstance(self.argnums, tuple) else (self.argnums,)


def is_floating(leaf):
    """Whether a leaf has a derivative: it is a real or complex floating-point number or array."""
    value = concrete(leaf)
    if type(value) in (float, complex):
        return True
    dtype_kind = getattr(getattr(value, "dtype", None), "kind", None)  # a tensor's dtype has none
    return dtype_kind == "f" or dtype_kind == "c"


def _described(leaf):
    value = concrete(leaf)
    if isinstance(value, np.ndarray):
        return f"an array of dtype {value.dtype}"
    return f"{type(value).__name__} {value!r}"[:80]


def _advice(leaf, path, kind):
    if kind.startswith(("autodiff", "split")):
        return f"pass Const({path})"
    if hasattr(leaf, "__dlpack__") and not isinstance(leaf, (np.ndarray, np.generic)):
        return f"pass np.from_dlpack({path})"
    value = concrete(leaf)
    if isinstance(value, (np.ndarray, np.generic)):
        return f"pass {path}.astype(float)"
    return f"pass {float(value)!r}" if isinstance(value, (bool, int)) else "choose another argument with argnums"
