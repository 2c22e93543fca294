"""Where instances of a user class keep their attributes, and so how a twin (`twins.py`) is made of one and turned back.

IN_DICT    a `__dict__`: the twin shares it
IN_SLOTS   slots alone: the twin has slots of its own, with the same contents; what f assigns is copied back at the end
IN_TUPLE   a named tuple: the twin is a new tuple

Other classes (with a layout from C, with `__getattribute__`, `__init_subclass__` or a metaclass of their own) have no layout here.
"""

from __future__ import annotations

import abc
import types
import typing
from collections import namedtuple

from .library import is_library_class

METACLASSES = (type, abc.ABCMeta, type(typing.Protocol))
FIELDS = (types.MemberDescriptorType, type(namedtuple("_", "x").x))  # what a class holds under the name of a slot, of a tuple's field
IN_DICT, IN_SLOTS, IN_TUPLE = "dict", "slots", "tuple"


class _Plain:
    """What a plain class adds to object: a dict and weak references."""


def layout_of(cls):
    """One of the above, or None for a class that cannot have a twin."""
    if type(cls) not in METACLASSES or cls.__getattribute__ not in (object.__getattribute__, tuple.__getattribute__):
        return None
    seen_library = False
    for base in cls.__mro__:
        if is_library_class(base):
            seen_library = seen_library or base.__module__ not in ("builtins", "abc", "typing")
        elif seen_library or "__init_subclass__" in vars(base):  # a library class between two user classes would change places
            return None
    if cls.__itemsize__ == 0 and cls.__dictoffset__ != 0:
        return IN_DICT if cls.__basicsize__ == _Plain.__basicsize__ else None
    if cls.__dictoffset__ != 0:
        return None
    if issubclass(cls, tuple):
        return IN_TUPLE if hasattr(cls, "_fields") and cls.__basicsize__ == tuple.__basicsize__ else None
    places = len(slots_of(cls)) + (cls.__weakrefoffset__ > 0)
    return IN_SLOTS if cls.__itemsize__ == 0 and cls.__basicsize__ == object.__basicsize__ + places * tuple.__itemsize__ else None


def slots_of(cls):
    """name -> the descriptor that reads and writes a slot, of all slots of a class."""
    members = [item for base in reversed(cls.__mro__) for item in vars(base).items()]
    return {name: member for name, member in members if type(member) is types.MemberDescriptorType}


def own_slots(cls):
    """What a twin of a class says in `__slots__`; None for nothing."""
    slots = vars(cls).get("__slots__")
    return None if slots is None else (slots,) if isinstance(slots, str) else tuple(slots)


def copy_slots(source, target):
    """Give `target` what the slots of `source` hold. The two have slots of the same names."""
    into = slots_of(type(target))
    for name, slot in slots_of(type(source)).items():
        try:
            found = slot.__get__(source)
        except AttributeError:
            continue
        into[name].__set__(target, found)


def turned_into(value, cls):
    """An instance of `cls` with the attributes of `value`: `value` itself, if Python can change its class."""
    try:
        object.__setattr__(value, "__class__", cls)
        return value
    except TypeError:
        new = object.__new__(cls)
        copy_slots(value, new)
        return new
