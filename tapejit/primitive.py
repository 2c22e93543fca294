"""`primitive`: a function that is called as it is, at each replay, with a derivative that the user states.

On the tape it is one host record: its operands are the traced leaves of the arguments, its value is the leaves of the result, one behind the
other, which further records take apart. Read next: `custom.py`, of which this is a part.
"""

from __future__ import annotations

import copy
import functools

import numpy as np

from .custom import DEEPEST, Custom, called
from .errors import ArgumentError, OutputError, UnsupportedError
from .ops import OPS
from .passes.custom_rules import Packing
from .recording import leaf_kind
from .tape import HostFunction, type_of
from .tape.types import NAME_OF_DTYPE
from .trace import Tracer, concrete
from .trace.recorder import innermost
from .tree import flatten


class primitive(Custom):
    """An opaque function (NumPy, Numba, ctypes ...) called as it is at each replay, with a derivative of its own.

    function   takes arrays, numbers and anything else, in any containers, and returns arrays or numbers in any containers. Their shapes and dtypes
               depend on those of the arguments alone. It may keep and overwrite the arrays that it is given, which are copies
    vjp        vjp(ct, value, *arguments) -> a tuple, one cotangent per argument, None for none; ct is a container like value
    jvp        jvp(primals, tangents) -> tangent of the value
    One of them gives both modes; without them the function has no derivative. Rules are traced: what they call in compiled code is a primitive as
    well, and for second derivatives has a rule. Arguments that the call leaves out are not
    passed to the rule; those that can only be named are passed on to the function and to the rule, and are not traced.

    The function is called once when a trace is recorded and once in each sweep that needs its value, without the kernel's locks held, by the
    thread that called. What it raises is raised by the call, and no shadow has been written.

    >>> import numpy as np, tapejit as tj
    >>> cube = tj.primitive(lambda x: x**3, vjp=lambda ct, value, x: (3 * x**2 * ct,))
    >>> tj.grad(lambda x: np.sum(cube(x)))(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """

    keywords = {}
    with_defaults = False

    def __init__(self, function, *, vjp=None, jvp=None, nondiff_argnums=()):
        super().__init__(function, nondiff_argnums)
        for name, rule in (("vjp", vjp), ("jvp", jvp)):
            if rule is not None and not callable(rule):
                raise ArgumentError(f"primitive: {name}: expected a function, found {type(rule).__name__}")
        self.vjp, self.jvp = vjp, jvp

    def with_keywords(self, args, kwargs):
        if not kwargs or any(type(leaf) is Tracer for leaf in flatten(kwargs)[0]):
            return super().with_keywords(args, kwargs)
        bound = copy.copy(self)
        bound.keywords = kwargs
        return bound

    def called_deep(self, args, kwargs):
        raise UnsupportedError(f"{self!r}: its derivative is asked for in rules within rules, more than {DEEPEST} deep: state it without calling it again")

    def traced(self, args, leaves, tree):
        value = _host(_OnLeaves(functools.partial(self.function, **self.keywords), repr(self), tree, leaves), leaves)
        vjp, jvp = self.stated("vjp"), self.stated("jvp")
        if vjp is not None:
            return self.pulled(args, leaves, tree, value, lambda fixed, ct, value: called(vjp, ct, value, *args, **self.keywords))
        if jvp is not None:
            return self.pushed(leaves, tree, value, lambda fixed, primals, tangents: called(jvp, primals, tangents, **self.keywords))
        return value

    def key_of(self, leaves, tree, chosen):
        named, names = flatten(self.keywords)
        return super().key_of(leaves, tree, chosen), super().key_of(named, names, ())


class _OnLeaves:
    """A function of containers as one of their traced leaves to one array, in which the leaves of its result lie one behind the other.

    found   the result's leaves when it was traced; out_tree, its containers; packing, how they lie in the array
    """

    def __init__(self, function, name, tree, leaves):
        self.function, self.__name__, self.tree = function, name, tree
        self.fixed = [None if type(leaf) is Tracer or isinstance(leaf, np.ndarray) else leaf for leaf in leaves]
        self.kinds = [leaf_kind(leaf) if type(leaf) is Tracer or isinstance(leaf, np.ndarray) else None for leaf in leaves]
        self.found, self.out_tree = self._called([concrete(leaf) for leaf, kind in zip(leaves, self.kinds) if kind])
        self.types = [type_of(np.asarray(leaf)) for leaf in self.found]
        self.packing = Packing(self.types) if len(self.types) > 1 else None

    def _called(self, operands):
        """(the leaves of the result, its containers) for these operands, of which the function gets copies."""
        given = iter(operands)
        leaves = [leaf if kind is None else np.array(next(given), order="C") if kind == "array" else _number(next(given), kind)
                  for leaf, kind in zip(self.fixed, self.kinds)]
        found, tree = flatten(self.function(*self.tree.build(leaves)))
        for leaf, path in zip(found, tree.paths("result")):
            if not isinstance(leaf, (bool, int, float, complex, np.ndarray, np.generic)) or np.asarray(leaf).dtype not in NAME_OF_DTYPE:
                raise OutputError(f"{self.__name__}: a primitive returns arrays and numbers, found {leaf!r:.60} at {path}")
        if not found:
            raise OutputError(f"{self.__name__}: a primitive returns arrays and numbers, found none in its result")
        return found, tree

    def __call__(self, *operands):
        found, tree = self._called(operands)
        if tree != self.out_tree:
            raise OutputError(f"{self.__name__}: its result has other containers than when it was traced: return the same for arguments of the same shapes")
        for leaf, type, path in zip(found, self.types, tree.paths("result")):
            if type_of(np.asarray(leaf)) != type:
                raise OutputError(f"{self.__name__}: {path} was {_text(type)} when it was traced, and is {_text(type_of(np.asarray(leaf)))} now: "
                                  "shapes and dtypes depend on those of the arguments alone")
        return self.packed(found)

    def packed(self, leaves):
        if self.packing is None:
            return np.array(leaves[0])
        return np.concatenate([np.ravel(leaf).astype(np.result_type(*[np.asarray(x) for x in leaves])) for leaf in leaves])


def _number(value, kind):
    """An operand that stands for a Python number or a NumPy scalar."""
    array = np.asarray(value)
    return array.item() if kind == "float" else array[()]


def _text(type):
    return f"of dtype {type.dtype} and shape {type.shape}"


def _host(function, leaves):
    """The result of an _OnLeaves for these leaves of its arguments, as tracers, by one host record."""
    trace = innermost(leaves)
    operands = tuple([trace.lift(leaf) for leaf, kind in zip(leaves, function.kinds) if kind])
    value = function.packed(function.found)
    type = type_of(value)
    record = Tracer(trace, value, trace.emit(OPS["host"], operands, (HostFunction(function), type), type))
    parts = [record] if function.packing is None else function.packing.unpack(record)
    return function.out_tree.build([_as_found(part, leaf) for part, leaf in zip(parts, function.found)])


def _as_found(part, leaf):
    """The tracer `part` as what stands for the number or array `leaf`."""
    return Tracer(part._trace, np.array(leaf) if isinstance(leaf, np.ndarray) else leaf, part.id)
