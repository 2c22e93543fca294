"""Containers in traced code: lists, tuples, dicts and namespaces, copied when something in them has to be retargeted.

A container that holds only what stays as it is, stays itself. Of a copy, `World.close` repeats on the original what f changed.
Each item that has an entry of its own in the Reads is retargeted as what stands at that place. Read next: `retarget.py`.
"""

from __future__ import annotations

import collections
import types


class Containers:
    """What a World (`retarget.py`) does with containers."""

    def list(self, items, path):
        self._learn(items, items)
        self.reads.sequence(items, path)
        new = self._visit(items, path)
        if all(a is b for a, b in zip(new, items)):
            self.containers.append(items)
            return items
        self.copies.append((items, new, [*new]))
        return self._learn(items, new)

    def tuple(self, items, path):
        new = self._visit(items, path)
        return self._learn(items, items if all(a is b for a, b in zip(new, items)) else tuple(new))

    def named_tuple(self, items, path):
        new = self._visit(items, path)
        if self.twins.layout(type(items)) is None and all(a is b for a, b in zip(new, items)):
            return self.as_it_is(items, path)
        return self._learn(items, self.twins.of_named_tuple(items, new))

    def _visit(self, items, path):
        if not self.reads.reusable:
            return [*items]
        return [self.value(item, f"{path}[{k}]", self._item(items, k)) for k, item in enumerate(items)]

    def _item(self, items, key):
        """The key of the entry for an item, if it has one of its own."""
        place = ("item", id(items), key)
        return place if place in self.reads.entries else None

    def dict(self, items, path):
        self._learn(items, items)
        self.reads.mapping(items, path)
        if not self.reads.reusable:
            return items
        keys = [self.value(key, f"a key of {path}") for key in items]
        values = [self.value(item, f"{path}[{key!r:.40}]", self._item(items, key)) for key, item in items.items()]
        if all(a is b for a, b in zip(keys, items)) and all(a is b for a, b in zip(values, items.values())):
            self.containers.append(items)
            return items
        new = dict(zip(keys, values))
        if type(items) is collections.defaultdict:
            new = collections.defaultdict(self.value(items.default_factory, path), new)
        elif type(items) is collections.OrderedDict:
            new = collections.OrderedDict(new)
        self.copies.append((items, new, dict(new)))
        return self._learn(items, new)

    def namespace(self, value, path):
        """A SimpleNamespace: as its dict."""
        self._learn(value, value)
        items = vars(value)
        found = self.dict(items, path)
        if found is items:
            return value
        new = types.SimpleNamespace(**found)
        self.copies[:] = [copy for copy in self.copies if copy[1] is not found] + [(items, vars(new), found)]
        return self._learn(value, new)
