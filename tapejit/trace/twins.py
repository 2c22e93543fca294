"""Twins: retargeted stand-ins for user classes and their instances.

The twin of a class has the same names, with retargeted copies of its functions, and twins for bases. Its method resolution
order ends with the original classes, after `object`: `isinstance` with an original is true, and no lookup gets that far.
The twin of an instance shares the instance's `__dict__`: an assignment is seen by both, and each attribute that f reads is
noted, one by one. Instances made inside f are instances of the twin; `release` turns them into instances of the original.

Only plain classes have twins: no slots, no metaclass but `type` and `ABCMeta`, no `__getattribute__` or `__init_subclass__` of
their own. The others run as they are, watched. Read next: `retarget.py`.
"""

from __future__ import annotations

import abc
import functools
import sys
import types

import numpy as np

from .library import is_library_class
from .tracer import Tracer
from .watch import watch

_ABSENT = object()
_SKIPPED = frozenset(("__dict__", "__weakref__", "__abstractmethods__", "_abc_impl", "__slots__"))
_BY_CALLING_THE_CLASS = ("__init__", "__new__", "__post_init__")
_WITHOUT_PART = frozenset(
    ("__repr__", "__str__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__del__", "__doc__", "__init_subclass__", "__class_getitem__"))


class _Plain:
    """What a plain class adds to object: a dict and weak references."""


class Twins:
    """The twins of one trace."""

    def __init__(self, world):
        self.world = world
        self.classes = {}  # id of a twin class -> (twin, original)
        self.instances = {}  # id of a twin instance -> original
        self.unfinished = {}  # id of a class whose twin is being made -> cells that wait for it
        self.answers = {}  # (id of the original, attribute) -> (what was found, its retargeted value)
        self.constructed = set()  # ids of twin classes that were called
        self.metaclasses = None

    # -- classes

    def of_class(self, cls, path):
        """The twin of a class, or the class itself, watched, when it cannot have one."""
        world = self.world
        if is_library_class(cls):
            return world.as_it_is(cls, path)
        if not _can_have_twin(cls):
            return world.as_it_is(cls, path)
        waiting = self.unfinished[id(cls)] = []
        members, later = {"__original__": cls}, {}
        for name, found in vars(cls).items():
            if name in _SKIPPED:
                continue
            new = self._member(cls, name, found, f"{path}.{name}")
            (members if new is not found or not hasattr(found, "__set_name__") else later)[name] = new
        bases = tuple([world.value(base, base.__name__) for base in cls.__bases__])
        if self.metaclasses is None:
            self.metaclasses = _metaclasses(self)
            self.read_instance = _instance_reader(self)
        if not any(id(base) in self.classes for base in bases):
            members["__getattribute__"] = self.read_instance
        twin = self.metaclasses[type(cls)](cls.__name__, bases, members)
        for name, found in later.items():
            type.__setattr__(twin, name, found)
        self.classes[id(twin)] = twin, cls
        del self.unfinished[id(cls)]
        self._enter_unseen(cls)
        for cell in waiting:
            cell[2] = cell[1].cell_contents = twin
        return world._learn(cls, twin)

    def _member(self, cls, name, found, path):
        """A class's member for its twin."""
        world, kind = self.world, type(found)
        if kind is types.FunctionType:
            return self._copy(found, path)
        if kind in (classmethod, staticmethod):
            function = self._copy(found.__func__, path)
            return found if function is found.__func__ else kind(function)
        if kind is property:
            parts = [self._copy(part, path) for part in (found.fget, found.fset, found.fdel)]
            return property(*parts, found.__doc__)
        if kind is functools.cached_property:
            return functools.cached_property(self._copy(found.func, path))
        return found

    def _copy(self, function, path):
        known = self.world.known.get(id(function))
        if known is not None:
            return known[1]
        return self.world.function(function, path, False) if type(function) is types.FunctionType else self.world.value(function, path)

    def _enter(self, cls, name, member):
        """Enter a class's member as read, with the functions in it."""
        reads, path = self.world.reads, f"{cls.__name__}.{name}"
        function = getattr(member, "__func__", member)
        reads.value("function" if isinstance(member, classmethod) else "attribute", cls, name, function, path)
        for part in (member.fget, member.fset) if isinstance(member, property) else (function,):
            if type(part) is types.FunctionType:
                reads.function(part, path)

    def _enter_unseen(self, cls):
        """Enter, as read, what no lookup by name shows: special methods, and what functions with `super()` reach in the classes behind theirs."""
        users = [base for base in cls.__mro__ if not is_library_class(base)]
        for name in {name for base in users for name in vars(base) if name[:2] == "__" and name[-2:] == "__"}:
            member = _member_of(cls, name)
            if type(member) is types.FunctionType and name not in _BY_CALLING_THE_CLASS and name not in _WITHOUT_PART:
                self._enter(cls, name, member)
        for place, base in enumerate(users[:-1]):
            for member in vars(base).values():
                function = getattr(member, "fget", None) or getattr(member, "__func__", member)
                if type(function) is types.FunctionType and "__class__" in function.__code__.co_freevars:
                    for name in function.__code__.co_names:
                        for behind in users[place + 1:]:
                            if name in vars(behind):
                                self._enter(behind, name, vars(behind)[name])

    def enter_construction(self, twin):
        """Enter, as read, what runs when a class is called."""
        cls = self.classes[id(twin)][1]
        if id(twin) not in self.constructed:
            self.constructed.add(id(twin))
            for base in cls.__mro__:
                if not is_library_class(base):
                    for name in _BY_CALLING_THE_CLASS:
                        if name in vars(base):
                            self._enter(base, name, vars(base)[name])

    def fill_later(self, found, cell):
        """Whether `found` is a class whose twin is being made; then the cell is filled when it is ready."""
        waiting = self.unfinished.get(id(found)) if isinstance(found, type) else None
        if waiting is None:
            return False
        waiting.append(cell)
        return True

    def read_class(self, twin, name, found):
        """The value of a class attribute, noted."""
        if self.world.closed or (name.startswith("__") and name.endswith("__")):
            return found
        cls = self.classes[id(twin)][1]
        key = (id(cls), name)
        answer = self.answers.get(key)
        if answer is not None and (answer[0] is found or type(found) is types.MethodType):
            return answer[1] if answer[0] is found else found
        path = f"{cls.__name__}.{name}"
        original = getattr(cls, name, _ABSENT)
        if original is _ABSENT:
            return found
        if isinstance(found, (types.FunctionType, types.MethodType, property)):
            member = _member_of(cls, name)
            self._enter(cls, name, member)
            value = found
        else:
            self.world.reads.value("attribute", cls, name, original, path)
            value = self.world.value(found, path)
        self.answers[key] = found, value
        return value

    def read_inherited(self, twin, name, found):
        """The value of an attribute that an object made by f has from its class, noted."""
        if self.world.closed:
            return found
        cls = self.classes[id(twin)][1]
        key = (id(cls), name, "inherited")
        if key in self.answers:
            return found if self.answers[key] is _COMPUTED else self.read_class(twin, name, found)
        member = _member_of(cls, name)
        if not hasattr(member, "__get__"):
            self.answers[key] = None
            return self.read_class(twin, name, found)
        self.answers[key] = _COMPUTED
        if member is not None:
            self._enter(cls, name, member)
        return found

    # -- instances

    def can_stand_in_for(self, value):
        """Whether an object can have a twin."""
        cls = type(value)
        return not is_library_class(cls) and _can_have_twin(cls) and type(self.world.value(cls, cls.__name__)) is not type(cls)

    def of_instance(self, value, path):
        """The twin of an object, which shares its attributes."""
        cls = type(value)
        twin = object.__new__(self.world.value(cls, cls.__name__))
        object.__setattr__(twin, "__dict__", vars(value))
        self.instances[id(twin)] = value
        self.world.reads.add("type", value, None, "is", cls, f"the type of {path}")
        return self.world._learn(value, twin)

    def read_attribute(self, twin, name, found):
        """The retargeted value of an attribute of an existing object, noted."""
        value = self.instances[id(twin)]
        key = (id(value), name)
        answer = self.answers.get(key)
        if answer is not None:
            if answer[0] is found:
                return answer[1]
            if answer[0] is _COMPUTED:
                return found
        cls, names = type(value), vars(value)
        path = f"{cls.__name__}.{name}"
        world, reads = self.world, self.world.reads
        if name[:2] == "__" and name[-2:] == "__" and name not in names:
            if name == "__dict__" and sys._getframe(2).f_globals is not vars(functools):  # cached_property looks there for its own value
                watch(reads, names, f"the attributes of a {cls.__name__}")
            return found
        member = _member_of(cls, name)
        if member is not None and hasattr(type(member), "__set__"):  # a property: its code has just run, retargeted
            self._enter(cls, name, member)
            if type(member) is not property:
                watch(reads, member, path)
            self.answers[key] = _COMPUTED, None
            return found
        if name in names:
            reads.value("attribute", value, name, names[name], path)
        elif type(found) is types.MethodType and isinstance(member, (types.FunctionType, classmethod)):
            function = getattr(member, "__func__", member)
            reads.value("function", value, name, function, path)
            reads.function(function, path)
            self.answers[key] = _COMPUTED, None
            return found
        elif isinstance(member, staticmethod):
            reads.value("attribute", value, name, member.__func__, path)
            reads.function(member.__func__, path)
            self.answers[key] = found, found
            return found
        else:
            reads.value("attribute", value, name, found, path)
        answer = world.value(found, path)
        self.answers[key] = found, answer
        return answer

    def no_attribute(self, twin, name):
        """Enter that an existing object was found to have no such attribute."""
        value = self.instances.get(id(twin))
        if value is not None:
            path = f"{type(value).__name__}.{name}"
            if hasattr(type(value), "__getattr__"):
                self.world.reads.absent_item(vars(value), name, path)
            else:
                self.world.reads.absent_attribute(value, name, path)

    # -- in and out

    def adopt(self, value):
        """Turn freshly built dataclass instances, in any containers, into instances of their class's twin."""
        kind = type(value)
        if kind in (list, tuple):
            for item in value:
                self.adopt(item)
        elif kind is dict:
            for item in value.values():
                self.adopt(item)
        elif hasattr(kind, "__dataclass_fields__"):
            for item in getattr(value, "__dict__", {}).values():
                self.adopt(item)
            if not is_library_class(kind) and id(kind) not in self.classes and _can_have_twin(kind):
                object.__setattr__(value, "__class__", self.world.value(kind, kind.__name__))

    def release(self, value):
        """The original of a twin; an instance made by f becomes an instance of the original class."""
        original = self.instances.get(id(value))
        if original is not None:
            return original
        known = self.classes.get(id(type(value)))
        if known is None:
            return value
        attributes = object.__getattribute__(value, "__dict__")
        object.__setattr__(value, "__class__", known[1])
        for name, found in attributes.items():
            attributes[name] = self.world.release(found)
        return value

    def close(self):
        """Let no tracer and no twin stay in the attributes of existing objects."""
        for value in self.instances.values():
            names = vars(value)
            for name, found in names.items():
                settled = self.world.settled(found)
                if settled is not found and (type(found) is Tracer or id(type(found)) in self.classes or id(found) in self.world.originals):
                    names[name] = settled
                    self.world.reads.refuse(f"it assigns {type(value).__name__}.{name}, which a kept trace would not do again")
        self.instances.clear()


def _member_of(cls, name):
    """What the classes of `cls` hold under a name, as it stands there; None for nothing."""
    return next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)


_COMPUTED = object()  # an attribute that is made anew at each read: a bound method, a property's value


def _can_have_twin(cls):
    if type(cls) not in (type, abc.ABCMeta):
        return False
    if (cls.__basicsize__, cls.__itemsize__, bool(cls.__dictoffset__)) != (_Plain.__basicsize__, 0, True):
        return False
    if cls.__getattribute__ is not object.__getattribute__ or "__init_subclass__" in _members_of_users_classes(cls):
        return False
    seen_library = False
    for base in cls.__mro__:  # a library class between two user classes would change places
        if is_library_class(base):
            seen_library = seen_library or base.__module__ not in ("builtins", "abc", "typing")
        elif seen_library:
            return False
    return True


def _members_of_users_classes(cls):
    return {name for base in cls.__mro__ if not is_library_class(base) for name in vars(base)}


def _instance_reader(twins):
    """`__getattribute__` of twins."""
    plain = object.__getattribute__
    instances = twins.instances

    def __getattribute__(self, name):
        try:
            found = plain(self, name)
        except AttributeError:
            twins.no_attribute(self, name)
            raise
        if id(self) in instances:
            return twins.read_attribute(self, name, found)
        if name[:2] == "__" or name in plain(self, "__dict__"):
            return found
        return twins.read_inherited(type(self), name, found)

    return __getattribute__


def _metaclasses(twins):
    """The metaclasses of twins, by the metaclass of the original."""
    def members(meta):
        def mro(cls):
            usual = meta.mro(cls)
            original = cls.__dict__["__original__"]
            return [*usual, *[base for base in original.__mro__ if all(base is not other for other in usual)]]  # a twin is equal to its original

        def __getattribute__(cls, name):
            found = meta.__getattribute__(cls, name)
            return twins.read_class(cls, name, found) if id(cls) in twins.classes else found

        def __call__(cls, *args, **kwargs):
            if id(cls) in twins.classes:
                twins.enter_construction(cls)
            return meta.__call__(cls, *args, **kwargs)

        def __setattr__(cls, name, value):
            meta.__setattr__(cls, name, value)
            if id(cls) in twins.classes and not name.startswith("_abc"):
                original = cls.__dict__["__original__"]
                setattr(original, name, twins.world.settled(value))
                twins.world.reads.refuse(f"it assigns {original.__name__}.{name}")

        def __instancecheck__(cls, value):
            return isinstance(value, cls.__dict__["__original__"])

        def __subclasscheck__(cls, other):
            return issubclass(other, cls.__dict__["__original__"])

        def __eq__(cls, other):
            return cls is other or other is cls.__dict__["__original__"]

        def __hash__(cls):
            return hash(cls.__dict__["__original__"])

        return {function.__name__: function for function in (mro, __call__, __getattribute__, __setattr__, __instancecheck__, __subclasscheck__, __eq__, __hash__)}

    return {meta: type(meta.__name__, (meta,), members(meta)) for meta in (type, abc.ABCMeta)}


