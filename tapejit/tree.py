"""Containers and their leaves: list, tuple, namedtuple, dict, dataclass, None and registered types, nested in any way.

`flatten` gives the leaves in order and a hashable `Tree`; `Tree.build` puts leaves back; `Tree.paths` names each leaf
(`['w'][2]`) for error messages. Anything that is not a container is a leaf.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict

import numpy as np

from .errors import ArgumentError

_REGISTERED = {}  # type -> (flatten, unflatten)


def register_container(type, flatten, unflatten):
    """Make instances of `type` containers: flatten(x) -> (children, static), unflatten(static, children) -> x.

    `static` must be hashable: it is part of what selects a compiled program.

    >>> import tapejit as tj
    >>> class Box:
    ...     def __init__(self, inside):
    ...         self.inside = inside
    >>> tj.register_container(Box, lambda box: ((box.inside,), None), lambda static, children: Box(*children))
    >>> tj.grad(lambda box: box.inside ** 2)(Box(3.0)).inside
    6.0
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

    def __reduce__(self):
        return Tree, (self.kind, self.keys, self.children)

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
        if self.kind in _REGISTERED:
            return [f".children[{k}]" for k in range(len(self.children))]
        if self.keys is None and self.kind != "none":
            return [f"[{k}]" for k in range(len(self.children))]
        if self.kind == "none" or issubclass(self.kind, dict):
            return [f"[{key!r}]" for key in self.keys or ()]
        return [f".{name}" for name in self.keys]


LEAF = Tree("leaf")
NONE = Tree("none")


def spans(trees):
    """The indices of each tree's leaves, a range, where the leaves of all stand one behind the other."""
    low = 0
    for tree in trees:
        yield range(low, low + tree.leaves)
        low += tree.leaves


def flatten(value):
    """(leaves, tree) of a nested container."""
    leaves = []
    return leaves, _flatten(value, leaves)


def _flatten(value, leaves):
    if value is None:
        return NONE
    opened = open_container(value)
    if opened is None:
        leaves.append(value)
        return LEAF
    kind, keys, children = opened
    return Tree(kind, keys, tuple([_flatten(child, leaves) for child in children]))


def open_container(value):
    """(kind, keys, children) of a container, as a Tree has them; None for a leaf."""
    kind = type(value)
    if kind is np.ndarray or kind is float:
        return None
    if kind is list or kind is tuple:
        return kind, None, value
    if kind is dict:
        return kind, tuple(value), value.values()
    if kind in _REGISTERED:
        children, static = _REGISTERED[kind][0](value)
        return kind, static, children
    if issubclass(kind, list):
        _refuse_attributes(value)
        return kind, None, value
    if issubclass(kind, dict):
        _refuse_attributes(value)
        return kind, tuple(value), value.values()
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return kind, kind._fields, value
    if dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
        names += [name for name in getattr(value, "__dict__", ()) if name not in names]  # set on the object, not declared
        return kind, tuple(names), [getattr(value, name) for name in names]
    return None


def _refuse_attributes(value):
    """A list or dict of a user's class is rebuilt from its items: attributes of its own would be lost."""
    if getattr(value, "__dict__", None):
        name = type(value).__name__
        raise ArgumentError(f"a {name} holds, besides its items, the attributes {sorted(vars(value))}: make {name} a container with register_container")


def mirrored(value, tree, path):
    """[(path, leaf)] of a container like `tree`, in the tree's order; a container with other children is a StructureMismatch.

    In place of a leaf anything but a container may stand, None too. The order of a dict's keys does not matter.
    """
    out = []
    _mirror(value, tree, path, out)
    return out


class StructureMismatch(Exception):
    """A container differs from another that it should mirror; the message names the path, what was expected and what was found."""


def _mirror(value, tree, path, out):
    opened = None if value is None else open_container(value)
    if tree.kind == "leaf":
        if opened is not None:
            raise StructureMismatch(f"{path}: expected an array or a number, found {_described(opened)}")
        out.append((path, value))
        return
    if tree.kind == "none":
        if value is not None:
            raise StructureMismatch(f"{path}: expected None, found {_described(opened) if opened else type(value).__name__}")
        return
    expected = _described((tree.kind, tree.keys, tree.children))
    if opened is None or _users_class(opened[0]) is not _users_class(tree.kind):
        raise StructureMismatch(f"{path}: expected {expected}, found {_described(opened) if opened else type(value).__name__}")
    kind, keys, children = opened
    children = list(children)
    if kind not in _REGISTERED and issubclass(kind, dict):
        found = dict(zip(keys, children))
        for label, key in zip(tree._labels(), tree.keys):
            if key not in found:
                raise StructureMismatch(f"{path}{label} is missing")
        for key in keys:
            if key not in tree.keys:
                raise StructureMismatch(f"{path}[{key!r}] was not expected")
        children = [found[key] for key in tree.keys]
    elif keys != tree.keys or len(children) != len(tree.children):
        raise StructureMismatch(f"{path}: expected {expected}, found {_described(opened)}")
    for label, child, subtree in zip(tree._labels(), children, tree.children):
        _mirror(child, subtree, path + label, out)


_dict_of = type.__dict__["__dict__"].__get__


def _users_class(kind):
    """The class that a twin in traced code stands for (`trace/twins.py`); any other class itself."""
    return _dict_of(kind).get("__original__", kind)


def _described(opened):
    kind, keys, children = opened
    count = f" of {len(children)}" if issubclass(kind, (list, tuple)) and not hasattr(kind, "_fields") else ""
    with_keys = f" with {keys!r}" if kind in _REGISTERED else ""
    return f"{'an' if kind.__name__[0] in 'aeiouAEIOU' else 'a'} {kind.__name__}{count}{with_keys}"


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
