"""When is a value still the same? Strictly: the same type and the same bits, since f may tell 1 from 1.0 and 0.0 from -0.0.

`same_value` is asked only when two objects are not identical, `same_items` about a list and its copy from trace time.
Read next: `reads.py`.
"""

import datetime
import decimal
import fractions
import operator
import pathlib
import re
import types
import typing
import uuid
from collections import namedtuple
from math import copysign

import numpy as np

# Values that cannot change: a name that holds one is checked by `same_value`.
PLAIN = frozenset((
    type(None), bool, int, float, complex, str, bytes, range, slice, type(Ellipsis), type(NotImplemented), decimal.Decimal,
    fractions.Fraction, datetime.date, datetime.datetime, datetime.timedelta, pathlib.PosixPath, pathlib.PurePosixPath,
    pathlib.WindowsPath, uuid.UUID))

# Objects whose own state plays no part in what f computes: a name that holds one is checked by identity.
FIXED = (
    types.BuiltinFunctionType, types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType,
    types.GetSetDescriptorType, types.MemberDescriptorType, types.MethodWrapperType, types.CodeType, types.GenericAlias,
    types.UnionType, np.dtype, np.finfo, np.iinfo,
    type(np.sum), re.Pattern, type(namedtuple("_", "x").x), operator.itemgetter, operator.attrgetter, operator.methodcaller,
    typing.TypeVar, type(typing.List[int]))


SUPER_LU = "SuperLU"  # SciPy's class of LU factors: its objects never change, and it does not say whose it is


def is_fixed(value):
    """Whether an object's own state plays no part: one of FIXED, LU factors, or a ufunc that is not a Python function (np.frompyfunc)."""
    return isinstance(value, FIXED) or type(value).__name__ == SUPER_LU or (isinstance(value, np.ufunc) and any(set(loop) - set("O->") for loop in value.types))


def same_value(a, b):
    """Whether two objects that are not identical are the same value for every program."""
    kind = type(a)
    if kind is not type(b):
        return False
    if kind is float:
        return a == b and (a != 0 or copysign(1, a) == copysign(1, b)) or (a != a and b != b)
    if kind is complex:
        return same_value(a.real, b.real) and same_value(a.imag, b.imag)
    if kind is tuple or issubclass(kind, tuple):
        return len(a) == len(b) and all(x is y or same_value(x, y) for x, y in zip(a, b))
    if kind in PLAIN:
        return a == b
    if issubclass(kind, np.generic):
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
    return False


def member_of(cls, name):
    """What the classes behind `cls` hold under a name, as it stands there; None for nothing."""
    for base in cls.__mro__:
        names = vars(base)
        if name in names:
            return names[name]
    return None


def same_items(items, before):
    """Whether a sequence holds what the list `before` held, in order."""
    if len(items) != len(before):
        return False
    for x, y in zip(items, before):
        if x is not y and not same_value(x, y):
            return False
    return True
