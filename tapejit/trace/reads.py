"""What a function read by name while it was traced, and a generated function that says whether all of it is unchanged.

In: entries, added while f runs (by `retarget.py`, which sees each name, and by `watch.py` for what it cannot see). An entry
is a place (a global, a cell, an attribute, an item ...) and what was found there. Out: `reusable`, or `why` not; and
`unchanged()`, about 25 ns per simple name. Identity is asked of functions, modules and objects; same type and bits of
numbers and strings; contents of lists, dicts, sets and small arrays.

A read is compared with the value it gave when it was first read: a function that changes what it reads is never reused.
"""

from __future__ import annotations

import contextlib
import keyword
import operator

import numpy as np

from ..errors import TracingError
from ..tape.types import NAME_OF_DTYPE
from .chance import Draws
from .contents import PLAIN, member_of, same_items, same_value

LEAVES = 1024  # values inside containers that a trace may depend on; more make it single-use
SNAPSHOT_BYTES = 64 * 1024  # in total, of arrays whose contents are compared at each call

# place -> (source of its value, the same as a function of (owner, key)); an identifier or literal key is written into the source
_PLACES = {
    "item": ("{o}[{k}]", lambda o, k: o[k]),
    "attribute": ("{o}.{k}", getattr),
    "cell": ("{o}.cell_contents", lambda o, k: o.cell_contents),
    "function": ("{o}.{k}.__func__", lambda o, k: getattr(o, k).__func__),
    "member": ("member_of({o}, {k})", member_of),
    "members": ("[*{o}.__dict__]", lambda o, k: [*vars(o)]),
    "type": ("type({o})", lambda o, k: type(o)),
    "length": ("len({o})", lambda o, k: len(o)),
    "items": ("[*{o}]", lambda o, k: [*o]),
    "flat": ("[*{o}.flat]", lambda o, k: [*o.flat]),
    "values": ("[*{o}.values()]", lambda o, k: [*o.values()]),
    "bytes": ("{o}.tobytes()", lambda o, k: o.tobytes()),
    "has item": ("({k} in {o})", lambda o, k: k in o),
    "has member": ("({k} in {o}.__dict__)", lambda o, k: k in vars(o)),
    "has attribute": ("hasattr({o}, {k})", hasattr),
}
_TESTS = {
    "is": ("{e} is {v}", operator.is_),
    "equal": ("{e} == {v}", operator.eq),
    "same": ("((v := {e}) is {v} or same_value(v, {v}))", lambda a, b: a is b or same_value(a, b)),
    "same items": ("same_items({e}, {v})", same_items),
    "like": (None, lambda a, layout: type(a) is np.ndarray and (a.dtype, a.shape, a.strides) == layout),
}
BY_ITEM = 32  # a list or dict of at most so many items is entered item by item


class Reads:
    """Everything one trace read by name. One belongs to an outermost trace; traces nested in it share it.

    varying      {id of an array, or its place: what keeps the id alive}: arrays that have been found changed before, and are so read anew
                 at each call although they are small
    reusable     whether the trace may answer later calls at all; if not, `why` says in words
    world        the retargeted copies of this trace (`retarget.py`), until `finish`
    """

    def __init__(self, varying=()):
        self.varying = varying
        self.why = None
        self.world = None
        self.identity = None  # where f asks whether two of its variables are one object
        self.reached = {}  # id of an array -> (the array, the key of the one entry by which f came to it, or None)
        self.captured = []  # (array, path) of those that are inputs of the tape
        self.places = {}  # id of an array -> the entry of the place where today's array is found
        self.entries = {}  # (place, id(owner), key) -> (place, owner, key, test, expected, path)
        self.known = {}  # id -> an object whose contents are entered already
        self.leaves = 0
        self.snapshot_bytes = 0
        self.draws = Draws()
        self._checker = None

    @property
    def reusable(self):
        return self.why is None

    def refuse(self, why):
        """Make the trace single-use; the first reason stays."""
        if self.why is None:
            self.why = why

    # -- entries

    def add(self, place, owner, key, test, expected, path):
        """Enter what was found at a place, once: what is read first counts."""
        self.entries.setdefault((place, id(owner), key), (place, owner, key, test, expected, path))

    def value(self, place, owner, key, found, path):
        """Enter a value that was read from a place: by type and bits if it is plain, else by identity."""
        kind = type(found)
        if kind is bool or found is None:
            test = "is"
        else:
            test = "same" if kind in PLAIN or isinstance(found, (tuple, np.generic)) else "is"
        self.add(place, owner, key, test, found, path)

    def absent_item(self, owner, key, path):
        """Enter that a dict has no such key: a name that was found elsewhere, or not at all."""
        self.add("has item", owner, key, "is", False, path)

    def absent_attribute(self, owner, name, path):
        self.add("has attribute", owner, name, "is", False, path)

    def first(self, thing):
        """Whether this object's contents are to be entered now: True once."""
        if id(thing) in self.known:
            return False
        self.known[id(thing)] = thing
        return True

    def function(self, function, path):
        """Enter the parts of a function that can be replaced: its code and its defaults.

        Defaults that there are not, are not missed: the function was called without them.
        """
        self.add("attribute", function, "__code__", "is", function.__code__, f"{path}.__code__")
        for name in ("__defaults__", "__kwdefaults__"):
            found = getattr(function, name)
            if found is not None:
                self.add("attribute", function, name, "is", found, f"{path}.{name}")

    def sequence(self, items, path, place="items"):
        """Enter what a list, set or deque holds, in its order; the items' own contents are the caller's business."""
        before = [*items] if place == "items" else _PLACES[place][1](items, None)
        if self._count(len(before), path):
            if type(items) is list and (len(before) <= 4 or len(before) <= BY_ITEM and any(type(item) is np.ndarray for item in before)):
                self.add("length", items, None, "equal", len(before), path)
                for k, found in enumerate(before):
                    self.value("item", items, k, found, f"{path}[{k}]")
            else:
                self.add(place, items, None, "same items", before, path)

    def mapping(self, dictionary, path):
        """Enter a dict's keys, in order, and values."""
        keys = [*dictionary]
        if not self._count(len(keys), path):
            return
        plain = all(type(key) is str for key in keys)
        self.add("items", dictionary, None, "equal" if plain else "same items", keys, path)
        if plain and (len(keys) <= 8 or len(keys) <= BY_ITEM and any(type(item) is np.ndarray for item in dictionary.values())):
            for key in keys:
                self.value("item", dictionary, key, dictionary[key], f"{path}[{key!r}]")
        else:
            self.add("values", dictionary, None, "same items", [*dictionary.values()], path)

    def _count(self, leaves, path):
        self.leaves += leaves
        if self.leaves > LEAVES:
            self.refuse(f"it reads containers of more than {LEAVES} values in all, {path} among them, which is too much to check at each "
                        "call: pass them as arguments, or as arrays")
        return self.leaves <= LEAVES

    def reach(self, array, place):
        """Note that f came to an array, by the entry with the key `place` or (None) otherwise."""
        if self.reached.setdefault(id(array), (array, place))[1] != place:
            self.reached[id(array)] = array, None

    def varies(self, array, place):
        """Whether an array, or what is at its place, was found changed before."""
        return id(array) in self.varying or place in self.varying

    def layout(self, array, path):
        """Enter the type of an array, and how it lies in memory."""
        self.add("attribute", array, "shape", "equal", array.shape, path)
        self.add("attribute", array, "dtype", "is", array.dtype, path)
        self.add("attribute", array, "strides", "equal", array.strides, path)

    def _capture(self, array, path):
        """Enter an array that is an input of the tape. Found at one place, it is read from there, and may be another one at each call."""
        place = self.reached[id(array)][1]
        entry = self.entries.get(place)
        if entry is None or entry[3] != "is" or entry[4] is not array:
            self.layout(array, path)
        else:
            entry = self.entries[place] = (*entry[:3], "like", (array.dtype, array.shape, array.strides), path)
            self.places[id(array)] = entry

    def today(self, array):
        """The array that stands today where f found `array`; itself, unless it was found at one place."""
        entry = self.places.get(id(array))
        return array if entry is None else _PLACES[entry[0]][1](entry[1], entry[2])

    def source_of(self, array, name):
        """(Python source of what `today` gives, the names in it), which begin with `name`."""
        entry = self.places.get(id(array))
        if entry is None:
            return name, {name: array}
        place, owner, key = entry[:3]
        return _expression(place, f"{name}_owner", key, f"{name}_key"), {f"{name}_owner": owner, f"{name}_key": key}

    def changed_arrays(self):
        """The small arrays that are not as they were, as items of `varying`."""
        found = {}
        for key, (place, owner, name, test, expected, _) in self.entries.items():
            if (place == "bytes" or test == "is" and type(expected) is np.ndarray) and not _holds(place, owner, name, test, expected):
                found[id(owner) if place == "bytes" else key] = owner
        return found

    def compared(self):
        """The arrays that were entered by their contents."""
        return [owner for place, owner, *_ in self.entries.values() if place == "bytes"]

    def snapshot(self, array, path):
        """Enter an array by its contents."""
        self.layout(array, path)
        if array.dtype.hasobject:
            self.sequence(array, path, "flat")
            return
        self.snapshot_bytes += array.nbytes
        if self.snapshot_bytes > SNAPSHOT_BYTES:
            self.refuse(f"it computes, outside the trace, with arrays of more than {SNAPSHOT_BYTES // 1024} KiB in all, {path} among them, "
                        "which is too much to compare at each call: pass them as arguments")
        else:
            self.add("bytes", array, None, "equal", array.tobytes(), path)

    def generator(self, generator, path):
        """Notice whether this random generator is drawn from during the trace."""
        self.draws.watch(generator, path)

    # -- the end of the trace

    def finish(self, trace=None):
        """Decide whether the trace may be reused. Called once, when f has returned."""
        self.close()
        for place, owner, key, test, expected, path in self.entries.values():
            if not _holds(place, owner, key, test, expected):
                if place == "bytes" and isinstance(owner, np.ndarray) and _written(owner, expected):
                    raise written(trace, path)
                self.refuse(f"it changes {path}, which it reads")
                break
        moved = self.draws.moved()
        if moved is not None:
            self.refuse(f"it draws random numbers ({moved} has moved): draw them outside and pass them as arguments")
        if self.reusable:
            for array, path in self.captured:
                self._capture(array, path)
        self.draws = self.known = self.reached = self.captured = None

    @contextlib.contextmanager
    def closed_after(self, outermost):
        """A context in which f runs; `close` is called even when f raises."""
        try:
            yield
        finally:
            if outermost:
                self.close()

    def close(self):
        """Let go of the retargeted copies; what f assigned in them is assigned in the originals. Also after an exception."""
        world, self.world = self.world, None
        if world is not None:
            world.close()

    def unchanged(self):
        """True while everything that was read by name is as it was."""
        if self.why is not None:
            return False
        self.unchanged = self.checker()
        return self.unchanged()

    def checker(self):
        """The generated function behind `unchanged`."""
        if self._checker is None:
            self._checker = _compile(list(self.entries.values()))
        return self._checker

    def condition(self):
        """(source of an expression that is true while nothing has changed, the names in it); where it raises, something has."""
        entries = list(self.entries.values())
        if len(entries) > WRITTEN_OUT:
            return "unchanged()", {"unchanged": self.checker()}
        tests, constants = _tests(entries, "u")
        return " and ".join(tests) or "True", {**constants, **_FUNCTIONS}


def written(trace, what):
    """The error for a function that writes into an array of its caller."""
    name = "the function" if trace is None else trace.builder.tape.name
    return TracingError(f"{name} writes into {what}, which belongs to the caller; nothing has been written. "
                        "Work on a copy: y = x.copy(), then write into y")


def _written(array, before):
    """Whether elements of an array differ from the bytes of before; then these are put back."""
    if len(before) != array.nbytes:
        return False
    array[...] = np.frombuffer(before, array.dtype).reshape(array.shape)
    return True


def _holds(place, owner, key, test, expected):
    """Whether an entry holds now."""
    try:
        return _TESTS[test][1](_PLACES[place][1](owner, key), expected)
    except Exception:
        return False


def _expression(place, owner, key, key_name):
    """The source of what is at a place; `owner` and `key_name` are names."""
    if place in ("attribute", "function"):
        if not key.isidentifier() or keyword.iskeyword(key):
            return f"getattr({owner}, {key!r})" + (".__func__" if place == "function" else "")
        key_name = key
    elif type(key) in (str, int):
        key_name = repr(key)
    return _PLACES[place][0].format(o=owner, k=key_name)


_FUNCTIONS = {"same_value": same_value, "same_items": same_items, "member_of": member_of, "ndarray": np.ndarray}  # what tests may call
WRITTEN_OUT = 8  # tests that a generated function makes itself


def _tests(entries, prefix):
    """(sources of the tests that entries hold, {name: constant in them}); the names begin with `prefix`."""
    names, constants = {}, {}  # id -> name, name -> value

    def constant(value):
        name = names.get(id(value))
        if name is None:
            name = names[id(value)] = f"{prefix}{len(constants)}"
            constants[name] = value
        return name

    tests = []
    for place, owner, key, test, expected, _ in entries:
        o, k = constant(owner), repr(key) if type(key) in (str, int) else constant(key)
        e = _expression(place, o, key, k)
        if test == "like":
            dtype, shape, strides = expected
            tests.append(f"type(v := {e}) is ndarray and v.dtype is {constant(dtype)} and v.shape == {shape} and v.strides == {strides}")
            continue
        v = repr(expected) if expected is None or type(expected) in (bool, int) and test != "same" else constant(expected)
        tests.append(f"{k} not in {o}" if place == "has item" else _TESTS[test][0].format(e=e, v=v))
    return tests, constants


def _compile(entries):
    """One function that is True while all entries hold."""
    tests, namespace = _tests(entries, "c")
    parameters = "".join(f", {name}={name}" for name in (*_FUNCTIONS, *namespace)).removeprefix(", ")
    source = (f"def unchanged({parameters}):\n"
              "  try:\n    return (\n      " + " and\n      ".join(tests or ["True"]) + ")\n  except Exception:\n    return False\n")
    namespace.update(_FUNCTIONS)
    code = _codes.get(source)
    if code is None:
        if len(_codes) >= 256:
            _codes.clear()
        code = _codes[source] = compile(source, "<tapejit reads>", "exec")
    exec(code, namespace)
    return namespace["unchanged"]


_codes = {}  # source -> code: siblings of a trace read the same names


def can_be_traced(array):
    """Whether an array can be an input of a tape."""
    return type(array) is np.ndarray and array.dtype in NAME_OF_DTYPE and array.dtype.isnative
