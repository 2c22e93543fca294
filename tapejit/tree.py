"""Containers and their leaves: list, tuple, namedtuple, dict, dataclass, None and registered types, nested in any way.

`flatten` gives the leaves in order and a hashable `Tree`; `Tree.build` puts leaves back; `Tree.paths` names each leaf
(`['w'][2]`) for error messages. Anything that is not a container is a leaf.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict

_REGISTERED = {}  # type -> (flatten, unflatten)


def register_container(type, flatten, unflatten):
    """Make instances of `type` containers: flatten(x) -> (children, static), unflatten(static, children) -> x.

    `static` must be hashable: it is part of what selects a compiled program.
    """
    _REGISTERED[type] = (flatten, unflatten)


def is_registered(type):
    """Whether instances of `type` are containers by `register_container`."""
    return type in _REGISTERED


class Tree:
    """The shape of a nested container: hashable, equal to another of the same containers, keys and nesting.

    kind is 'leaf', 'none' or a container type; `keys` are its keys, names or static data; `children` its Trees.
    """

    __slots__ = ("kind", "keys", "children", "leaves", "_identity", "_hash")

    def __init__(self, kind, keys=None, children=()):
        self.kind, self.keys, self.children = kind, keys, children
        self.leaves = 1 if kind == "leaf" else sum(child.leaves for child in children)
        key_types = tuple([type(key) for key in keys]) if type(keys) is tuple else None  # 1, 1.0 and True are equal, and are not the same key
        self._identity = kind, keys, key_types, children
        self._hash = hash(self._identity)

    def __hash__(self):
        return self._hash

    def __eq__(self, other):
        return self is other or (type(other) is Tree and self._hash == other._hash and self._identity == other._identity)

    def __repr__(self):
        return repr(self.build(["*"] * self.leaves)) if self.leaves < 20 else f"<tree of {self.leaves} leaves>"

    def build(self, leaves):
        """The container with these leaves, in order."""
        leaves = iter(leaves)
        return self._build(leaves)

    def _build(self, leaves):
        kind = self.kind
        if kind == "leaf":
            return next(leaves)
        if kind == "none":
            return None
        children = [child._build(leaves) for child in self.children]
        if kind is list:
            return children
        if kind is tuple:
            return tuple(children)
        if issubclass(kind, dict) and kind not in _REGISTERED:
            return kind(zip(self.keys, children))
        if kind in _REGISTERED:
            return _REGISTERED[kind][1](self.keys, children)
        if issubclass(kind, tuple):
            return kind._make(children)
        if issubclass(kind, list):
            return kind(children)
        new = object.__new__(kind)  # a dataclass: set its fields, without running __init__ again
        for name, child in zip(self.keys, children):
            object.__setattr__(new, name, child)
        return new

    def paths(self, prefix=""):
        """The path of each leaf, in order, as Python text after `prefix`."""
        if self.kind == "leaf":
            return [prefix]
        out = []
        for key, child in zip(self._labels(), self.children):
            out += child.paths(prefix + key)
        return out

    def _labels(self):
        if self.keys is None and self.kind != "none":
            return [f"[{k}]" for k in range(len(self.children))]
        if self.kind in _REGISTERED:
            return [f".children[{k}]" for k in range(len(self.children))]
        if self.kind == "none" or issubclass(self.kind, dict):
            return [f"[{key!r}]" for key in self.keys or ()]
        return [f".{name}" for name in self.keys]


LEAF = Tree("leaf")
NONE = Tree("none")


def flatten(value):
    """(leaves, tree) of a nested container."""
    leaves = []
    return leaves, _flatten(value, leaves)


def _flatten(value, leaves):
    kind = type(value)
    if value is None:
        return NONE
    if kind is list or kind is tuple:
        return Tree(kind, None, tuple([_flatten(child, leaves) for child in value]))
    if kind in _REGISTERED:
        children, static = _REGISTERED[kind][0](value)
        return Tree(kind, static, tuple([_flatten(child, leaves) for child in children]))
    if issubclass(kind, list):
        return Tree(kind, None, tuple([_flatten(child, leaves) for child in value]))
    if issubclass(kind, dict):
        return Tree(kind, tuple(value), tuple([_flatten(child, leaves) for child in value.values()]))
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return Tree(kind, kind._fields, tuple([_flatten(child, leaves) for child in value]))
    if dataclasses.is_dataclass(kind):
        names = tuple(field.name for field in dataclasses.fields(kind))
        return Tree(kind, names, tuple([_flatten(getattr(value, name), leaves) for name in names]))
    leaves.append(value)
    return LEAF


register_container(
    defaultdict, lambda d: (d.values(), (d.default_factory, tuple(d))), lambda static, children: defaultdict(static[0], zip(static[1], children)))


def tree_map(function, value, *others):
    """A container like `value` whose leaves are function(leaf, *leaves of others at the same place)."""
    leaves, tree = flatten(value)
    columns = [leaves]
    for other in others:
        more, shape = flatten(other)
        if shape != tree:
            raise ValueError(f"containers differ: {tree} and {shape}")
        columns.append(more)
    return tree.build([function(*row) for row in zip(*columns)])
