"""Where retargeted copies find names: the globals of a module's copies, and modules as values.

Each name is looked up in the original when it is read, noted as read (`reads.py`), and answered with its retargeted value
(`retarget.py`). What copies assign is kept here until the trace ends, and then assigned in the original.
"""

from __future__ import annotations

import builtins
import types

_ABSENT = object()


class TracedGlobals(dict):
    """The globals of a module's copies: each name is looked up in the original globals when it is read, noted and retargeted.

    Holds, itself, only what the copies assign, and what class bodies need.
    """

    __slots__ = ("world", "original", "seen", "given")

    def __init__(self, world, original):
        self.world = world
        self.original = original
        self.seen = {}  # name -> (value that was found, its retargeted value)
        outside = original.get("__builtins__", builtins)
        outside = outside if isinstance(outside, dict) else vars(outside)
        self["__builtins__"] = {**outside, "__import__": world.imported}
        for name in ("__name__", "__file__", "__package__", "__spec__", "__loader__", "__doc__", "__warningregistry__"):
            if name in original:
                self[name] = original[name]
        self.given = {}

    def __missing__(self, name):
        found = self.original.get(name, _ABSENT)
        seen = self.seen.get(name)
        if seen is not None and seen[0] is found:
            return seen[1]
        return self._read(name, found)

    def _read(self, name, found):
        world = self.world
        path = f"the global {name!r} of {self.original.get('__name__', '?')}"
        if world.closed:
            return self["__builtins__"][name] if found is _ABSENT else found
        if found is _ABSENT:
            found_outside = self["__builtins__"].get(name, _ABSENT)
            world.reads.absent_item(self.original, name, path)
            if found_outside is _ABSENT:
                raise KeyError(name)
            if name in ("eval", "exec"):
                world.reads.refuse(f"it calls {name}, and what that reads cannot be seen")
                self.preset([*self.original])
            value = world.value(found_outside, name)
        else:
            world.reads.value("item", self.original, name, found, path)
            value = world.value(found, path, ("item", id(self.original), name))
        self.seen[name] = found, value
        return value

    def attribute(self, name):
        """The retargeted value of a name of the module; KeyError when it has none."""
        if dict.__contains__(self, name) and name != "__builtins__":
            return dict.__getitem__(self, name)
        if name not in self.original:
            raise KeyError(name)
        return self.__missing__(name)

    def preset(self, names):
        """Put names into the dict itself, for code that does not ask `__missing__`."""
        for name in names:
            if name in self.original and not dict.__contains__(self, name):
                self.given[name] = self.__missing__(name)
                self[name] = self.given[name]

    def get(self, name, default=None):
        try:
            return self[name]
        except KeyError:
            return default

    def __contains__(self, name):
        return dict.__contains__(self, name) or name in self.original

    def close(self):
        """Assign in the original globals what copies assigned here."""
        for name, value in self.items():
            if name.startswith("__") and name.endswith("__"):
                self.original.setdefault(name, value)
            elif self.given.get(name, _ABSENT) is not value:
                self.original[name] = self.world.settled(value)
                self.world.reads.refuse(f"it assigns the global {name!r} of {self.original.get('__name__', '?')}")
        for name in [name for name in self if not (name.startswith("__") and name.endswith("__"))]:
            del self[name]
        self.seen.clear()


class ModuleProxy:
    """A module whose attributes are retargeted, and noted if it is the user's. Assignments go to the module."""

    __slots__ = ("_world", "_module")

    def __init__(self, world, module):
        object.__setattr__(self, "_world", world)
        object.__setattr__(self, "_module", module)

    @property
    def __class__(self):
        return types.ModuleType

    def __getattr__(self, name):
        world, module = self._world, self._module
        names = world.globals_of(vars(module))
        if name.startswith("__") and name.endswith("__"):
            if name == "__dict__" and names is not None and not world.closed:
                world.reads.refuse(f"it reads the names of {module.__name__} as a dict: name them, as in {module.__name__}.name")
            return getattr(module, name)
        if names is None:
            return world.value(getattr(module, name), f"{module.__name__}.{name}")
        try:
            return names.attribute(name)
        except KeyError:
            path = f"{module.__name__}.{name}"
            world.reads.absent_item(names.original, name, path)
            found = getattr(module, name)  # by the module's own __getattr__
            world.reads.value("attribute", module, name, found, path)
            return world.value(found, path)

    def __setattr__(self, name, value):
        setattr(self._module, name, self._world.settled(value))
        self._world.reads.refuse(f"it assigns {self._module.__name__}.{name}")

    def __dir__(self):
        return dir(self._module)

    def __repr__(self):
        return repr(self._module)
