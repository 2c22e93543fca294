"""Watching what cannot be retargeted: everything that a function or object *could* read is entered into the Reads.

Used for `retarget=False`, and for what runs as it is although it is user code: classes with slots, exotic metaclasses,
functions behind C objects. A function is taken to read every global that its code names, and every attribute that its code
names of every user module among them; an object is taken to be read whole. What cannot be looked into makes the trace
single-use. Read next: `reads.py`; `retarget.py`, which knows exactly what is read.
"""

from __future__ import annotations

import array
import collections
import dis
import enum
import functools
import io
import logging
import sys
import threading
import types
import weakref

import numpy as np

from ..tape.text import source_text
from .chance import GENERATORS, IMPURE, UNSEEN
from .contents import FIXED, PLAIN, is_fixed
from .library import is_library, is_library_class
from .registered import REGISTERED
from .tracer import Tracer

# Members of classes that no computation depends on.
NEVER_DECIDES = frozenset(
    "__dict__ __weakref__ __doc__ __module__ __qualname__ __repr__ __str__ __reduce__ __reduce_ex__ __getstate__ __setstate__ __del__ "
    "__init_subclass__ __class_getitem__ _abc_impl".split())

_LISTS = (list, collections.deque, set, frozenset)
_WITHOUT_PART = FIXED + (
    logging.Logger, type(threading.Lock()), type(threading.RLock()), property, staticmethod, classmethod)


def watch(reads, value, path):
    """Enter all that can be read through `value`; the place where it was found is entered by the caller. Returns `value`."""
    kind = type(value)
    if kind is Tracer or kind in PLAIN or isinstance(value, np.generic) and is_library_class(kind) or not reads.first(value):
        return value
    if id(value) in IMPURE:
        reads.refuse(f"it uses {IMPURE[id(value)]} ({path}), which answers differently each time: call it outside and pass the result "
                     "as an argument")
    elif kind is types.FunctionType:
        _function(reads, value, path)
    elif kind is types.MethodType:
        watch(reads, value.__func__, path)
        watch(reads, value.__self__, f"the object of {path}")
    elif kind is types.BuiltinFunctionType:
        if not isinstance(value.__self__, (types.ModuleType, type, type(None))):
            watch(reads, value.__self__, f"the object of {path}")
    elif isinstance(value, type):
        if not is_library_class(value):
            _class(reads, value, path)
    elif isinstance(value, np.ndarray):
        _array(reads, value, path)
        _of_users_class(reads, value, path)
    elif isinstance(value, (dict, types.MappingProxyType)):
        _mapping(reads, value, path)
        _attributes(reads, value, path)
        _of_users_class(reads, value, path)
    elif isinstance(value, (tuple, *_LISTS)):
        _sequence(reads, value, path)
        _attributes(reads, value, path)
        _of_users_class(reads, value, path)
    elif isinstance(value, GENERATORS):
        reads.generator(value, path)
    elif isinstance(value, functools.partial):
        for part in (value.func, value.args, value.keywords):
            watch(reads, part, path)
    elif isinstance(value, weakref.ref):
        watch(reads, value(), path)
    elif isinstance(value, (bytearray, memoryview)):
        reads.add("items", value, None, "equal", [*value], path)
    elif isinstance(value, array.array):
        reads.add("bytes", value, None, "equal", value.tobytes(), path)
    elif isinstance(value, types.ModuleType):
        pass  # its attributes are entered where code names them
    else:
        _object(reads, value, path)
    return value


def opaque(value):
    """Why nothing can be known about an object, or None when it has no state of its own or shows it."""
    kind = type(value)
    if isinstance(value, _WITHOUT_PART) or is_fixed(value) or value is sys.stdout or value is sys.stderr:
        return None
    if hasattr(value, "__wrapped__") or _shows_its_state(value):
        return None
    return f"a {kind.__module__}.{kind.__qualname__}, which tapejit cannot look into"


def _shows_its_state(value):
    kind = type(value)
    if isinstance(value, (io.IOBase, threading.local, np.ufunc)) or any(base.__module__ == "_ctypes" for base in kind.__mro__):
        return False
    return hasattr(value, "__dict__") or any("__slots__" in vars(k) for k in kind.__mro__) or kind.__module__.partition(".")[0] == "numpy"


def _object(reads, value, path):
    kind = type(value)
    if isinstance(value, _WITHOUT_PART) or is_fixed(value) or id(value) in REGISTERED or _belongs_to_library(value):
        return
    if isinstance(value, enum.Enum):
        _class(reads, kind, path)
        return
    why = opaque(value)
    if why is not None:
        reads.refuse(f"it reads {path}: {why}, and so not whether it has changed")
        return
    _attributes(reads, value, path)
    if hasattr(value, "__wrapped__"):
        watch(reads, value.__wrapped__, path)
    reads.add("type", value, None, "is", kind, f"the type of {path}")
    if not is_library_class(kind):
        watch(reads, kind, f"type({path})")


def _belongs_to_library(value):
    """Whether an object is tapejit's, or one that a library module holds by name, such as scipy.stats.norm: taken to be fixed."""
    module = type(value).__module__
    if not isinstance(module, str) or not is_library_class(type(value)):
        return False
    if module.partition(".")[0] == "tapejit":
        return True
    return any(value is other for other in vars(sys.modules.get(module, sys)).values())


def _of_users_class(reads, value, path):
    """Enter the class of an instance of a built-in type's subclass, with its methods; of an array, the attributes as well."""
    kind = type(value)
    if not is_library_class(kind):
        if isinstance(value, np.ndarray):
            _attributes(reads, value, path)
        reads.add("type", value, None, "is", kind, f"the type of {path}")
        watch(reads, kind, f"type({path})")


def _attributes(reads, value, path):
    names = getattr(value, "__dict__", None)
    if isinstance(names, dict):
        _mapping(reads, names, path)
    for cls in type(value).__mro__:
        slots = vars(cls).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name.startswith("__") and not name.endswith("__"):
                name = f"_{cls.__name__.lstrip('_')}{name}"
            if name in ("__dict__", "__weakref__"):
                continue
            try:
                found = object.__getattribute__(value, name)
            except AttributeError:
                reads.absent_attribute(value, name, f"{path}.{name}")
                continue
            reads.value("attribute", value, name, found, f"{path}.{name}")
            watch(reads, found, f"{path}.{name}")


def _mapping(reads, dictionary, path):
    reads.mapping(dictionary, path)
    if reads.reusable:
        for key, found in dictionary.items():
            watch(reads, key, f"a key of {path}")
            watch(reads, found, f"{path}[{key!r:.40}]")


def _sequence(reads, items, path):
    if type(items) is not tuple:
        reads.sequence(items, path)
    if reads.reusable:
        for k, found in enumerate(items):
            watch(reads, found, f"{path}[{k}]")


def _array(reads, array, path):
    reads.snapshot(array, path)
    if array.dtype.hasobject and reads.reusable:
        for found in array.flat:
            watch(reads, found, path)
    mask = getattr(array, "_mask", None)
    if isinstance(mask, np.ndarray):
        reads.value("attribute", array, "_mask", mask, path)
        watch(reads, mask, path)


def _class(reads, cls, path):
    if not is_library_class(type(cls)):
        watch(reads, type(cls), f"type({path})")  # what its __call__ reads, say
    for base in cls.__mro__:
        if is_library_class(base):
            continue
        reads.add("members", base, None, "equal", [*vars(base)], path)
        for name, found in vars(base).items():
            special = name.startswith("__") and name.endswith("__")
            if name in NEVER_DECIDES or (special and not hasattr(found, "__get__")):
                continue
            reads.value("member", base, name, found, f"{path}.{name}")
            if isinstance(found, property):
                parts = found.fget, found.fset
            else:
                parts = (getattr(found, "__func__", found),)
            for part in parts:
                watch(reads, part, f"{path}.{name}")


def _function(reads, function, path):
    reads.function(function, path)
    for part in (function.__defaults__, function.__kwdefaults__):
        watch(reads, part, f"the defaults of {path}")
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            found = cell.cell_contents
        except ValueError:
            continue  # a local function that is not defined yet: reading it would raise
        reads.value("cell", cell, None, found, f"the variable {name!r} of {path}")
        watch(reads, found, f"the variable {name!r} of {path}")
    _mapping(reads, vars(function), path)
    names = function.__globals__
    if is_library(names):
        return
    modules = []
    spoken = names_of(function.__code__)
    refuse_unseen(reads, spoken, path)
    note_identity(reads, function.__code__)
    builtins = names.get("__builtins__", {})
    builtins = builtins if isinstance(builtins, dict) else vars(builtins)
    for name in spoken:
        if name in names:
            found = names[name]
            where = f"the global {name!r} of {names.get('__name__', '?')}"
            reads.value("item", names, name, found, where)
            if isinstance(found, types.ModuleType):
                modules.append(found)
            watch(reads, found, where)
        elif name in builtins:
            reads.absent_item(names, name, f"the global {name!r} of {names.get('__name__', '?')}")
            watch(reads, builtins[name], name)
    _attributes_of_modules(reads, modules, spoken)


def _attributes_of_modules(reads, modules, spoken):
    """Enter each attribute that a function's code names of the modules that it reads, and of the modules among those."""
    done = set()
    while modules:
        module = modules.pop()
        if module in done:
            continue
        done.add(module)
        names = vars(module)
        library = is_library(names)
        for name in spoken:
            if name not in names or (library and id(names[name]) not in IMPURE and not isinstance(names[name], types.ModuleType)):
                continue
            found = names[name]
            if isinstance(found, types.ModuleType):
                modules.append(found)
            if not library:
                reads.value("item", names, name, found, f"{module.__name__}.{name}")
            watch(reads, found, f"{module.__name__}.{name}")


def refuse_unseen(reads, spoken, path):
    """Make the trace single-use where a function's code names what reads past all that is noted."""
    unseen = UNSEEN.intersection(spoken)
    if unseen:
        reads.refuse(f"{path} uses {min(unseen)}, and what that reads cannot be seen: read it outside and pass the result as an argument")


def note_identity(reads, code):
    """Note where a function's code asks by `is` about something that is no constant, global, attribute of one, class, or result of a call."""
    if (code.co_filename, code.co_name) == ("<string>", "__eq__"):  # a dataclass's own, which on Python 3.13 asks it of whole instances
        return
    if reads.identity is None and _IS in code.co_code[::2]:
        before = [("", None)] * 2
        for step in dis.get_instructions(code):
            if step.opname == "IS_OP" and not _is_fixed(*before[-2:]):
                reads.identity = source_text((code.co_filename, step.positions.lineno))
                return
            before.append((step.opname, step.argval))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            note_identity(reads, constant)


_IS = dis.opmap["IS_OP"]


def _is_fixed(before, last):
    """Whether the last of two instructions puts something on the stack that is no argument: each as (name, argument)."""
    return last[0] in ("LOAD_CONST", "LOAD_GLOBAL", "CALL") or last[0] == "LOAD_ATTR" and (before[0] == "LOAD_GLOBAL" or last[1] == "__class__")


def names_of(code):
    """All names in a code object and those inside it: of globals, attributes and modules alike."""
    found = dict.fromkeys(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found.update(names_of(constant))
    return found
