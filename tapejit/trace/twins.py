"""Twins: retargeted stand-ins for user classes and their instances.

The twin of a class has the same names, with retargeted copies of its functions, and twins for bases. Its method resolution
order ends with the original classes, after `object`: `isinstance` with an original is true, and no lookup gets that far.
The twin of an instance shares the instance's `__dict__`: an assignment is seen by both, and each attribute that f reads is
noted, one by one. Instances made inside f are instances of the twin; `release` turns them into instances of the original.

Which classes have twins is said in `layouts.py`. The others run as they are, watched. Read next: `retarget.py`.
"""

from __future__ import annotations

import functools
import sys
import types

from ..tree import is_registered
from .contents import PLAIN, member_of
from .layouts import FIELDS, IN_DICT, IN_SLOTS, IN_TUPLE, METACLASSES, copy_slots, layout_of, own_slots, slots_of, turned_into
from .library import is_library_class
from .registered import REGISTERED
from .tracer import Tracer
from .twin_hooks import COMPUTED, instance_reader, meta_members
from .watch import NEVER_DECIDES, watch

_ABSENT = object()
_SKIPPED = frozenset(("__dict__", "__weakref__", "__abstractmethods__", "_abc_impl", "__slots__"))
_WHOLE_STATE = frozenset(("__dict__", "__reduce_ex__", "__reduce__", "__getstate__"))  # copy.copy asks for these, and reads all
_BY_CALLING_THE_CLASS = ("__init__", "__new__", "__post_init__")


class Twins:
    """The twins of one trace."""

    def __init__(self, world):
        self.world = world
        self.classes = {}  # id of a twin class -> (twin, original)
        self.instances = {}  # id of a twin instance -> original
        self.slotted = []  # (original, twin, the twin's slots at first) of instances with slots
        self.layouts = {}  # class -> its layout
        self.unfinished = {}  # id of a class whose twin is being made -> cells that wait for it
        self.answers = {}  # (id of the twin instance or the original class, attribute) -> (what was found, its retargeted value)
        self.constructed = set()  # ids of twin classes that were called
        self.metaclasses = None

    # -- classes

    def layout(self, cls):
        """How a class keeps its instances' attributes; None when it can have no twin."""
        if cls not in self.layouts:
            self.layouts[cls] = None if is_library_class(cls) else layout_of(cls)
        return self.layouts[cls]

    def of_class(self, cls, path):
        """The twin of a class, or the class itself, watched, when it cannot have one."""
        world = self.world
        if self.layout(cls) is None:
            return world.as_it_is(cls, path)
        waiting = self.unfinished[id(cls)] = []
        members, later = {"__original__": cls}, {}
        if own_slots(cls) is not None:
            members["__slots__"] = own_slots(cls)
        for name, found in vars(cls).items():
            if name in _SKIPPED or type(found) is types.MemberDescriptorType:
                continue
            new = self._member(cls, name, found, f"{path}.{name}")
            (members if new is not found or not hasattr(found, "__set_name__") else later)[name] = new
        bases = tuple([world.value(base, base.__name__) for base in cls.__bases__])
        if self.metaclasses is None:
            self.metaclasses = {meta: type(meta.__name__, (meta,), meta_members(self, meta)) for meta in METACLASSES}
            self.read_instance = instance_reader(self)
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
        if kind is functools.partialmethod:
            args, keywords = world.value(found.args, path), world.value(found.keywords, path)
            return functools.partialmethod(self._copy(found.func, path), *args, **keywords)
        if kind is functools.singledispatchmethod:
            new = functools.singledispatchmethod(self._copy(found.func, path))
            new.dispatcher = world.value(found.dispatcher, path)
            return new
        return found

    def _copy(self, function, path):
        known = self.world.known.get(id(function))
        if known is not None:
            return known[1]
        own = type(function) is types.FunctionType and id(function) not in REGISTERED
        return self.world.function(function, path, False) if own else self.world.value(function, path)

    def _enter(self, cls, name, member):
        """Enter a class's member as read, with the functions in it."""
        reads, path = self.world.reads, f"{cls.__name__}.{name}"
        if not isinstance(member, (types.FunctionType, classmethod, staticmethod, property)):
            reads.value("member", cls, name, member, path)
            watch(reads, member, path)
            return
        function = getattr(member, "__func__", member)
        reads.value("function" if isinstance(member, classmethod) else "attribute", cls, name, function, path)
        for part in (member.fget, member.fset) if isinstance(member, property) else (function,):
            if type(part) is types.FunctionType:
                reads.function(part, path)

    def _enter_unseen(self, cls):
        """Enter, as read, what no lookup by name shows: special methods, and what functions with `super()` reach behind their class."""
        users = [base for base in cls.__mro__ if not is_library_class(base)]
        for name in {name for base in users for name in vars(base) if name[:2] == "__" and name[-2:] == "__"}:
            member = member_of(cls, name)
            if type(member) is types.FunctionType and name not in _BY_CALLING_THE_CLASS and name not in NEVER_DECIDES:
                self._enter(cls, name, member)
        for place, base in enumerate(users[:-1]):
            for member in vars(base).values():
                function = getattr(member, "fget", None) or getattr(member, "__func__", member)
                if type(function) is types.FunctionType and "__class__" in function.__code__.co_freevars:
                    for name in function.__code__.co_names:
                        self._enter_behind(users[place + 1:], name)

    def _enter_behind(self, classes, name):
        """Enter which of some classes, in order, first holds a name."""
        place = next((k for k, cls in enumerate(classes) if name in vars(cls)), None)
        if place is not None:
            for cls in classes[:place]:
                self.world.reads.add("has member", cls, name, "is", False, f"{cls.__name__}.{name}")
            self._enter(classes[place], name, vars(classes[place])[name])

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
            if name == "__dict__" and not self.world.closed:
                watch(self.world.reads, self.classes[id(twin)][1], twin.__name__)
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
            member = member_of(cls, name)
            self._enter(cls, name, member)
            value = found
        else:
            self.world.reads.value("attribute", cls, name, original, path)
            value = self.world.value(found, path, ("attribute", id(cls), name))
        self.answers[key] = found, value
        return value

    def read_inherited(self, twin, name, found):
        """The value of an attribute that an object made by f has from its class, noted."""
        if self.world.closed:
            return found
        cls = self.classes[id(twin)][1]
        key = (id(cls), name, "inherited")
        if key in self.answers:
            return found if self.answers[key] is COMPUTED else self.read_class(twin, name, found)
        member = member_of(cls, name)
        if not hasattr(member, "__get__"):
            self.answers[key] = None
            return self.read_class(twin, name, found)
        self.answers[key] = COMPUTED
        if member is not None and not isinstance(member, FIELDS):
            self._enter(cls, name, member)
        return found

    # -- instances

    def can_stand_in_for(self, value):
        """Whether an object can have a twin that reads as it does."""
        return self.layout(type(value)) in (IN_DICT, IN_SLOTS)

    def of_instance(self, value, path):
        """The twin of an object, which shares its attributes."""
        cls = type(value)
        twin = object.__new__(self.world.value(cls, cls.__name__))
        if self.layout(cls) == IN_SLOTS:
            copy_slots(value, twin)
            self.slotted.append((value, twin, _slot_values(twin)))
        else:
            object.__setattr__(twin, "__dict__", vars(value))
        self.instances[id(twin)] = value
        self.world.reads.add("type", value, None, "is", cls, f"the type of {path}")
        return self.world._learn(value, twin)

    def of_named_tuple(self, value, items):
        """A named tuple with other items, and retargeted methods where its class has any."""
        cls = type(value)
        return tuple.__new__(self.world.value(cls, cls.__name__) if self.layout(cls) == IN_TUPLE else cls, items)

    def read_attribute(self, twin, name, found):
        """The retargeted value of an attribute of an existing object, noted."""
        value = self.instances[id(twin)]
        key = (id(twin), name)
        cls, names = type(value), getattr(value, "__dict__", _NOTHING)
        path = f"{cls.__name__}.{name}"
        world, reads = self.world, self.world.reads
        if name[:2] == "__" and name[-2:] == "__" and name not in names:
            # (cached_property looks in __dict__ for its own value alone)
            if name in _WHOLE_STATE and not (name == "__dict__" and sys._getframe(2).f_globals is vars(functools)):
                watch(reads, value if names is _NOTHING else names, f"the attributes of a {cls.__name__}")
            return found
        member = member_of(cls, name)
        if type(member) is types.MemberDescriptorType:
            reads.value("attribute", value, name, found, path)
        elif member is not None and hasattr(type(member), "__set__"):  # a property: its code has just run, retargeted
            self._enter(cls, name, member)
            self.answers[key] = COMPUTED, None
            return found
        elif name in names:
            reads.value("attribute", value, name, names[name], path)
        elif type(found) is types.MethodType and isinstance(member, (types.FunctionType, classmethod)):
            function = getattr(member, "__func__", member)
            reads.value("function", value, name, function, path)
            reads.function(function, path)
            self.answers[key] = COMPUTED, None
            return found
        elif isinstance(member, (functools.partialmethod, functools.singledispatchmethod)):
            self._enter(cls, name, member)
            if names is not _NOTHING:
                reads.absent_item(names, name, path)
            self.answers[key] = COMPUTED, None
            return found
        elif isinstance(member, staticmethod):
            reads.value("attribute", value, name, member.__func__, path)
            reads.function(member.__func__, path)
            self.answers[key] = found, found
            return found
        else:
            reads.value("attribute", value, name, found, path)
        answer = world.value(found, path, ("attribute", id(value), name))
        self.answers[key] = found, answer
        return answer

    def no_attribute(self, twin, name):
        """Enter that an existing object was found to have no such attribute."""
        value = self.instances.get(id(twin))
        if value is not None:
            path = f"{type(value).__name__}.{name}"
            if hasattr(type(value), "__getattr__") and hasattr(value, "__dict__"):
                self.world.reads.absent_item(vars(value), name, path)
            else:
                self.world.reads.absent_attribute(value, name, path)

    # -- in and out

    def adopt(self, value):
        """A freshly built container: those of user classes in it are instances of their twins; classes without twin are watched."""
        kind = type(value)
        if kind is Tracer or kind in PLAIN or id(kind) in self.classes:
            return value
        if isinstance(value, tuple):
            items = [self.adopt(item) for item in value]
            if self.layout(kind) == IN_TUPLE:
                return self.of_named_tuple(value, items)
            if any(a is not b for a, b in zip(items, value)):
                value = tuple(items) if kind is tuple else kind._make(items)
        elif isinstance(value, list):
            list.__setitem__(value, slice(None), [self.adopt(item) for item in value])
        elif isinstance(value, dict):
            for key, item in dict.items(value):
                dict.__setitem__(value, key, self.adopt(item))
        elif hasattr(kind, "__dataclass_fields__"):
            for name in kind.__dataclass_fields__:
                if hasattr(value, name):
                    object.__setattr__(value, name, self.adopt(getattr(value, name)))
        elif not is_registered(kind):
            return value
        if is_library_class(kind):
            return value
        if not self.can_stand_in_for(value):
            watch(self.world.reads, kind, kind.__name__)
            return value
        return turned_into(value, self.world.value(kind, kind.__name__))

    def original_class(self, cls):
        """The original of a twin; any other class itself."""
        known = self.classes.get(id(cls))
        return cls if known is None else known[1]

    def release(self, value):
        """The original of a twin; an instance made by f becomes an instance of the original class."""
        original = self.instances.get(id(value))
        if original is not None:
            return original
        cls = self.original_class(type(value))
        if cls is type(value):
            return value
        new = turned_into(value, cls)
        self.world.originals[id(value)] = value, new
        release = self.world.release
        if self.layout(cls) == IN_SLOTS:
            slots = slots_of(cls)
            for name, found in _slot_values(new).items():
                slots[name].__set__(new, release(found))
        else:
            attributes = vars(new)
            for name, found in attributes.items():
                attributes[name] = release(found)
        return new

    def close(self):
        """Let no tracer and no twin stay in the attributes of existing objects; give them what f put into the slots of their twins."""
        settled, refuse = self.world.settled, self.world.reads.refuse
        for value, twin, given in self.slotted:
            slots = slots_of(type(value))
            for name, found in _slot_values(twin).items():
                if found is not given.get(name, _ABSENT):
                    slots[name].__set__(value, settled(found))
                    refuse(f"it assigns {type(value).__name__}.{name}")
        for value in self.instances.values():
            names = getattr(value, "__dict__", _NOTHING)
            for name, found in names.items():
                if type(found) is Tracer or id(type(found)) in self.classes or id(found) in self.world.originals:
                    names[name] = settled(found)
                    refuse(f"it assigns {type(value).__name__}.{name}, which a kept trace would not do again")
        self.instances.clear()
        self.answers.clear()


def _slot_values(value):
    """name -> what a slot holds, of the slots that hold something."""
    found = {}
    for name, slot in slots_of(type(value)).items():
        try:
            found[name] = slot.__get__(value)
        except AttributeError:
            pass
    return found


_NOTHING = types.MappingProxyType({})  # the dict of an object that has none
