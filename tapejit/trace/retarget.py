"""Retargeting: f and the Python functions that it reaches run as copies, which see tapejit's equivalents and record what they read.

A copy has the same code object, so the same lines, and other globals: a dict that looks each name up in the original globals
when it is read, notes the read, and answers with the retargeted value. Closure cells likewise. Values are retargeted by
kind: functions and methods become copies; `numpy`, `math`, `float` and their like become equivalents (`equivalents.py`);
modules become proxies; user classes and their instances become twins (`twins.py`); containers that hold any of these become
copies of themselves; large arrays become tracers, read by reference. Everything else stays what it is and is watched
(`watch.py`). Originals are not touched, nothing global is changed, other threads see nothing.

In: `retarget(f, reads)` while a trace is active. Out: the copy, and entries in `reads`. Assignments to globals and to
variables of enclosing functions go to the copies and are repeated on the originals when the trace ends.
"""

from __future__ import annotations

import builtins
import collections
import functools
import sys
import types
import weakref

import numpy as np

from .. import numpy as _numpy  # noqa: F401  enters NumPy's namespace among the equivalents
from .chance import IMPURE
from .containers import Containers
from .contents import PLAIN, is_fixed
from .equivalents import EQUIVALENTS
from .generators import wrapped
from .lowerings.sequences import Ufunc
from .library import is_library
from .namespaces import ModuleProxy, TracedGlobals
from .reads import can_be_traced
from .recorder import current_trace
from .registered import REGISTERED
from .scipy_names import equivalent_of, is_from_scipy
from .tracer import Tracer
from .twins import Twins
from .vectorized import vectorized
from .watch import names_of, note_identity, refuse_unseen, watch

BY_REFERENCE_BYTES = 1024  # smaller arrays are compared by content at each call, and fold into the tape as constants

_ABSENT = object()
_ASKING = frozenset("getattr hasattr vars __dict__ AttributeError Exception".split())  # names in code that can ask for what is not there


def retarget(value, reads):
    """A copy of a function (or of any value that leads to functions) that runs in the traced world of `reads`."""
    return world_of(reads).value(value, getattr(value, "__name__", None) or f"a {type(value).__name__}")


def adopt(arguments, reads):
    """Freshly built arguments, in which the containers of user classes run retargeted methods, or watched ones."""
    return world_of(reads).twins.adopt(arguments)


def release(result, reads):
    """What f returned, with originals in place of the copies and twins that it holds."""
    return result if reads.world is None else reads.world.release(result)


def world_of(reads):
    if reads.world is None:
        reads.world = World(reads)
    return reads.world


class World(Containers):
    """The retargeted copies of one trace, each made once."""

    def __init__(self, reads):
        self.reads = reads
        trace = current_trace()
        self.trace = next((outer for outer in trace.stack if outer.reads is reads), None) if trace is not None else None
        self.known = {}  # id -> (original, its retargeted value)
        self.originals = {}  # id of a copy -> (copy, original)
        self.modules = {}  # id of a globals dict -> (globals, their TracedGlobals or None for a library)
        self.cells = {}  # id of a cell -> (cell, new cell, what it was given)
        self.containers = []  # lists and dicts that f reads as they are
        self.copies = []  # (original container, its copy, what the copy was given): lists and dicts
        self.twins = Twins(self)
        self.asks_attributes = False  # whether any code could notice that a function has no attributes
        self.stand_ins = {}  # Registration -> what traced code calls
        self.plainly = None  # id of a registered function that is retargeted as if it were not
        self.closed = False  # then copies that are still around see the originals

    # -- values

    def value(self, value, path, place=None):
        """The retargeted form of a value. The place it was read from is entered by the caller; `place` is that entry's key."""
        kind = type(value)
        if kind in PLAIN or kind is Tracer:
            return value
        if kind is np.ndarray:
            return self.array(value, path, place)
        known = self.known.get(id(value))
        if known is not None:
            return known[1]
        if REGISTERED and id(value) in REGISTERED and id(value) != self.plainly:
            return value if isinstance(value, np.ufunc) else self.registered(REGISTERED[id(value)])
        equivalent = EQUIVALENTS.get(id(value))
        if equivalent is None and is_from_scipy(value):
            equivalent = equivalent_of(value)
        if equivalent is not None:
            return self._learn(value, equivalent[1])
        handler = _HANDLERS.get(kind)
        if id(value) in IMPURE:
            handler = World.as_it_is
        if handler is not None:
            return handler(self, value, path)
        if id(kind) in self.twins.classes or id(value) in self.twins.classes:
            return value  # a twin, or made by f
        if isinstance(value, type):
            return self.twins.of_class(value, path)
        if isinstance(value, types.ModuleType):
            return self.module(value, path)
        if isinstance(value, tuple) and hasattr(kind, "_make"):
            return self.named_tuple(value, path)
        if self.twins.can_stand_in_for(value):
            return self.twins.of_instance(value, path)
        return self.as_it_is(value, path)

    def _learn(self, original, value):
        self.known[id(original)] = original, value
        if value is not original:
            self.originals[id(value)] = value, original
        return value

    def as_it_is(self, value, path):
        """A value that is not copied: all that can be read through it is watched."""
        if is_fixed(value) and getattr(value, "__self__", None) is None and id(value) not in IMPURE:
            return value
        return self._learn(value, watch(self.reads, value, path))

    # -- functions

    def registered(self, registration):
        """What stands for a function that the user has registered a replacement for."""
        found = self.stand_ins.get(registration)
        if found is None:
            found = self.stand_ins[registration] = registration.stand_in(self)
        return found if isinstance(registration.original, np.ufunc) else self._learn(registration.original, found)

    def unregistered(self, original):
        """The retargeted form of a registered function itself."""
        known, before = self.known.pop(id(original), None), self.plainly
        self.plainly = id(original)
        try:
            return self.value(original, getattr(original, "__name__", "a registered function"))
        finally:
            self.plainly = before
            if known is not None:
                self.known[id(original)] = known

    def ufunc(self, value, path):
        """A ufunc of scipy.special, which then takes sequences of traced values as NumPy's do; the user's own as they are."""
        is_special = getattr(sys.modules.get("scipy.special"), value.__name__, None) is value
        return self._learn(value, Ufunc(value)) if is_special else self.as_it_is(value, path)

    def is_library(self, names):
        return self.globals_of(names) is None

    def globals_of(self, names):
        """The TracedGlobals over a module's globals; None for a library's."""
        known = self.modules.get(id(names))
        if known is None:
            known = self.modules[id(names)] = names, None if is_library(names) else TracedGlobals(self, names)
        return known[1]

    def function(self, function, path, reached=True):
        """The copy of a function. `reached` is False for methods: their parts are entered when they are looked up."""
        names = function.__globals__
        if type(names) is TracedGlobals:
            return function  # made by a copy, or a copy
        traced = self.globals_of(names)
        closure = function.__closure__
        if traced is None:
            if not closure:
                return self._learn(function, function)
            traced = names  # a library's decorator around the user's function
        else:
            self._preset(traced, function.__code__)
            spoken = names_of(function.__code__)
            refuse_unseen(self.reads, spoken, path)
            note_identity(self.reads, function.__code__)
            self.asks_attributes = self.asks_attributes or not _ASKING.isdisjoint(spoken)
        cells = tuple([self.cell(cell) for cell in closure]) if closure else None
        copy = types.FunctionType(function.__code__, traced, function.__name__, None, cells)
        self._learn(function, copy)
        if reached:
            self.reads.function(function, path)
        if closure:
            for name, cell in zip(function.__code__.co_freevars, closure):
                self._fill(cell, name, path, traced is names)
        if function.__defaults__:
            copy.__defaults__ = self.value(function.__defaults__, f"the defaults of {path}")
        if function.__kwdefaults__:
            copy.__kwdefaults__ = self.value(function.__kwdefaults__, f"the defaults of {path}")
        copy.__qualname__ = function.__qualname__
        attributes = vars(function)
        if attributes:
            copy.__dict__ = self.value(attributes, path)
        return copy

    def _preset(self, traced, code):
        """Class bodies look names up in the dict itself: give it those that they name."""
        for constant in code.co_consts:
            if type(constant) is types.CodeType:
                if not constant.co_flags & 1:
                    traced.preset(constant.co_names)
                self._preset(traced, constant)

    def cell(self, cell):
        """The cell in a copy's closure: the same one while nothing in it needs to be retargeted, else a new one, to be filled."""
        known = self.cells.get(id(cell))
        if known is None:
            try:
                same = type(cell.cell_contents) in PLAIN or type(cell.cell_contents) is Tracer
            except ValueError:
                same = True
            known = self.cells[id(cell)] = [cell, cell if same else types.CellType(), _ABSENT]
        return known[1]

    def _fill(self, cell, name, path, library):
        known = self.cells[id(cell)]
        path = f"the variable {name!r} of {path}"
        if known[2] is not _ABSENT:
            return
        try:
            found = cell.cell_contents
        except ValueError:
            known[2] = None
            return
        known[2] = found
        if library and isinstance(found, weakref.WeakKeyDictionary):  # a cache of functools.singledispatch: the copy has its own
            known[2] = known[1].cell_contents = weakref.WeakKeyDictionary()
            return
        if not isinstance(found, type) or name != "__class__":
            self.reads.value("cell", cell, None, found, path)
        if known[1] is not cell:
            if not self.twins.fill_later(found, known):
                known[2] = known[1].cell_contents = self.value(found, path, ("cell", id(cell), None))

    def method(self, method, path):
        function = self.value(method.__func__, path)
        bound = self.value(method.__self__, f"the object of {path}")
        if function is method.__func__ and bound is method.__self__:
            return method
        copy = types.MethodType(function, bound)
        self.known[id(method)] = method, copy
        self.originals[id(copy)] = copy, method
        return copy

    def partial(self, partial, path):
        parts = self.value(partial.func, path), self.value(partial.args, path), self.value(partial.keywords, path)
        if parts[0] is partial.func and parts[1] is partial.args and parts[2] is partial.keywords:
            return self._learn(partial, partial)
        return self._learn(partial, functools.partial(parts[0], *parts[1], **parts[2]))

    def cached(self, function, path):
        """lru_cache: the function behind it, with a cache of its own for calls without traced values."""
        copy = self.value(function.__wrapped__, path)
        if copy is function.__wrapped__:
            return self._learn(function, function)
        remembered = functools.lru_cache(**function.cache_parameters() | {"maxsize": None})(copy)

        @functools.wraps(copy)
        def call(*args, **kwargs):
            if any(type(a) is Tracer for a in (*args, *kwargs.values())):
                return copy(*args, **kwargs)
            return remembered(*args, **kwargs)

        return self._learn(function, call)

    def vectorized(self, function, path):
        self.reads.value("attribute", function, "pyfunc", function.pyfunc, path)
        return self._learn(function, vectorized(function, self.value(function.pyfunc, path)))

    def generator(self, generator, path):
        return self._learn(generator, wrapped(watch(self.reads, generator, path)))

    # -- arrays and modules

    def array(self, array, path, place):
        reads = self.reads
        reads.reach(array, place)
        known = self.known.get(id(array))
        if known is not None:
            return known[1]
        if (array.nbytes > BY_REFERENCE_BYTES or reads.varies(array, place)) and self.trace is not None and can_be_traced(array):
            reads.captured.append((array, path))
            return self._learn(array, self.trace.capture(array))
        return self._learn(array, watch(reads, array, path))

    def module(self, module, path):
        return self._learn(module, ModuleProxy(self, module))

    def imported(self, name, globals=None, locals=None, fromlist=(), level=0):
        """What `import` does in a copy."""
        if level:  # relative to the package of the original
            globals = getattr(globals, "original", globals)
        module = builtins.__import__(name, globals, locals, fromlist, level)
        return module if self.closed else self.value(module, name)

    # -- the end

    def release(self, value):
        """A value with originals in place of copies and twins."""
        kind = type(value)
        if kind is Tracer or kind in PLAIN:
            return value
        known = self.originals.get(id(value))
        if known is not None and known[0] is value:
            return known[1]
        if kind is list or isinstance(value, tuple):
            new = [self.release(item) for item in value]
            original = self.twins.original_class(kind)
            if original is kind and _same_objects(new, value):
                return value
            return new if kind is list else tuple.__new__(original, new)
        if kind is dict:
            keys, items = [self.release(key) for key in value], [self.release(item) for item in value.values()]
            return value if _same_objects(keys, [*value]) and _same_objects(items, [*value.values()]) else dict(zip(keys, items))
        return self.twins.release(value)

    def close(self):
        """Repeat on the originals what f assigned: globals, variables of enclosing functions, attributes, items."""
        for _, traced in self.modules.values():
            if traced is not None:
                traced.close()
        for cell, new, given in self.cells.values():
            try:
                found = new.cell_contents
            except ValueError:
                continue
            if new is not cell and found is not given:
                cell.cell_contents = self.settled(found)
                self.reads.refuse("it assigns a variable of the function around it")
            elif type(found) is Tracer and found is not given:
                cell.cell_contents = self.settled(found)
        for items in self.containers:
            for key, found in enumerate(items) if isinstance(items, list) else items.items():
                if type(found) is Tracer:  # appended by f, say
                    items[key] = self.settled(found)
        for items, copy, given in self.copies:
            if not (_same_objects([*copy], [*given]) and (type(copy) is list or _same_objects([*copy.values()], [*given.values()]))):
                new = copy.items() if isinstance(copy, dict) else [(item,) for item in copy]
                new = [tuple(map(self.settled, parts)) for parts in new]
                items.clear()
                if isinstance(items, dict):
                    items.update(new)
                else:
                    items.extend(item for (item,) in new)
                self.reads.refuse("it changes a list or dict that it reads")
        self.twins.close()
        if self.asks_attributes:
            for original, _ in self.known.values():
                if type(original) is types.FunctionType and not vars(original):
                    self.reads.add("members", original, None, "equal", [], f"the attributes of {original.__name__}")
        self.known = self.originals = self.cells = {}
        self.copies = self.containers = []
        self.closed = True

    def settled(self, value):
        """What is left of a value when the trace is over: what a tracer stands for, the original of a copy."""
        known = self.originals.get(id(value))
        if known is not None and known[0] is value:
            return known[1]
        if type(value) is Tracer:
            found = value.value
            return found.copy() if isinstance(found, np.ndarray) else found
        return self.release(value)


def _same_objects(items, before):
    return len(items) == len(before) and all(a is b for a, b in zip(items, before))


_HANDLERS = {
    types.FunctionType: World.function,
    types.MethodType: World.method,
    types.ModuleType: World.module,
    functools.partial: World.partial,
    functools._lru_cache_wrapper: World.cached,
    np.vectorize: World.vectorized,
    np.ufunc: World.ufunc,
    np.random.Generator: World.generator,
    np.random.RandomState: World.generator,
    list: World.list,
    tuple: World.tuple,
    dict: World.dict,
    collections.OrderedDict: World.dict,
    types.SimpleNamespace: World.namespace,
    collections.defaultdict: World.dict,
}
