"""Where Python takes a decision or a number from a traced value.

bool(), int(), operator.index() and the like fix an integer or a truth value: the trace records a guard, and is used again
only while the value stays the same. float() by code that is not retargeted, tobytes() and __array__ take the number itself out of the
tape: where a derivative would be lost by that, they raise; else the content is guarded.
"""

from __future__ import annotations

import dis
import math
import operator
import sys

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..errors import TracingError, UnsupportedError
from ..ops import FLOATS, OPS, ROWS
from ..tape.interpret import values_of
from ..tape.tape import INPUT
from .advice import advice, advice_for_caller
from .elementwise import apply_op
from .library import is_library
from .recorder import blame, is_flat, leaked
from .texts import noticed, text_of
from .tracer import LOWERINGS, Tracer, members


def extracted(x, what, instead=None):
    """The concrete value of x, guarded by content; TracingError, with what to do `instead`, where the derivative would be lost."""
    trace = x._trace
    if not trace.active:
        raise leaked(x)
    if trace.carries_derivative(x.id):
        raise TracingError(
            f"{what} on a traced value at {trace.here()}: the result would lose the derivative. "
            + (f"{instead[0].upper()}{instead[1:]}" if instead else
               "Keep the value as it is, an array or NumPy scalar, and use NumPy's functions on it; "
               "an array that shall hold it must be made inside the function: np.array(...) of it is a traced copy"))
    guard_content(trace, x)
    return x.value


# Ops that move elements and compute none: their result has the bits of their operands.
MOVES = frozenset("index reshape transpose broadcast take concatenate index_set take_set where cast input constant".split())


def guard_content(trace, x):
    """Guard that x has the bits that it has now.

    A float that is computed is not guarded itself: the kernel may round its last bit otherwise than NumPy, and such a guard
    would never hold. What it is computed from is guarded instead, back to inputs, integers and decisions.
    """
    tape, behind, seen, todo = trace.builder.tape, [], set(), [x.id]
    while todo:
        k = todo.pop()
        if k in seen or not trace.depends_on_input(k):
            continue
        seen.add(k)
        row = ROWS[tape.op[k]]
        if row.code == INPUT or tape.type_of(k).dtype not in FLOATS or is_flat(row):
            behind.append(k)
        else:
            if row.name not in MOVES:
                behind.append(None)  # x is not exact
            todo.extend(tape.operands_of(k))
    if None not in behind:
        trace.guard(x, x.value.copy() if isinstance(x.value, np.ndarray) else x.value)
        return
    behind = [k for k in behind if k is not None]
    for k, value in zip(behind, values_of(tape, trace.given, behind)):
        trace.guard(k, np.array(value)[()])


def _single(x):
    """x, an array of one element, as a scalar tracer."""
    return x if np.ndim(x.value) == 0 else apply_op(OPS["reshape"], (x,), {"shape": ()})


def to_bool(x):
    """bool(x): guarded."""
    value = x.value
    expected = bool(value)  # NumPy's errors
    if type(value) is not bool and type(value) is not np.bool:
        x = _single(x)
        if np.asarray(value).dtype != bool:
            x = x != 0
    x._trace.guard(x, expected)
    return expected


def _guarded_integer(x, result):
    """`result`, an int that is x without its fraction; guarded."""
    x = _single(x)
    if np.asarray(x.value).dtype.kind == "f":
        if abs(result) >= 2**62:  # beyond what an i64 on the tape can say
            x._trace.guard(x, x.value)
            return result
        x = apply_op(OPS["cast"], (x,), {"dtype": "i64"})
    x._trace.guard(x, result)
    return result


def _whole(convert, x):
    """convert(x), an int; Python's errors for infinities and nan."""
    try:
        return convert(x.value)
    except (ValueError, OverflowError):
        blame((x,))
        raise


def to_int(x):
    """int(x): guarded."""
    return _guarded_integer(x, _whole(int, x))


def to_index(x):
    """operator.index(x): guarded."""
    return _guarded_integer(x, operator.index(x.value))


def to_float(x):
    """float(x): raises where the derivative would be lost."""
    float(x.value)  # NumPy's errors
    _refuse_lost_write(x)
    return float(extracted(x, "float() (which %-formatting and functions in C call as well; f-strings do not)"))


def _refuse_lost_write(x):
    """Raise if what asks for the number is `plain[...] = x`, for an array that is no tracer, and a derivative would be lost."""
    trace = x._trace
    if trace.active and trace.carries_derivative(x.id):
        frame = sys._getframe(2)
        if dis.opname[frame.f_code.co_code[frame.f_lasti]] in ("STORE_SUBSCR", "STORE_SLICE"):
            raise TracingError(
                f"at {trace.here()}, a traced value is written into a plain NumPy array, and its derivative would be lost: "
                "write into a traced copy, made by np.array(...) inside the function")


def to_complex(x):
    """complex(x): raises where the derivative would be lost."""
    complex(x.value)
    return complex(extracted(x, "complex()"))


_AS_STRIDED = "numpy.lib.stride_tricks.as_strided"


def to_array(x, dtype=None, copy=None):
    """np.asarray(x) by code that does not know tracers: raises where the derivative would be lost."""
    _refuse_lost_write(x)
    if sys._getframe(1).f_code is as_strided.__code__ and x.value.base is not None:  # it would read beyond the end of the copy
        raise UnsupportedError(f"at {x._trace.here()}, {_AS_STRIDED} of a view of a traced array: {advice(_AS_STRIDED)}")
    caller = _caller()
    by = caller or "numpy.asarray, or by C code that takes only arrays"
    value = extracted(x, f"a conversion to a plain NumPy array (by {by})", advice_for_caller(caller))
    return np.array(value, dtype=dtype)


def _caller():
    """The library function that the user's code has called, as a name; None where it is a C function."""
    frame, found = sys._getframe(2), None
    while frame is not None and is_library(frame.f_globals):
        module, name = frame.f_globals["__name__"], frame.f_code.co_name
        if module.partition(".")[0] != "tapejit" and name[:1] not in "_<" and name not in _DECORATORS:
            found = ".".join([part for part in module.split(".") if part[:1] != "_"] + [name])
        frame = frame.f_back
    return found


_DECORATORS = ("wrapper", "wrapped", "inner", "asarray", "func")


def to_hash(x):
    """hash(x): guarded by content; NumPy's error for arrays."""
    result = hash(x.value)
    x._trace.guard(x, x.value)
    return result


def length(x):
    """len(x): part of the type, so not guarded."""
    return len(x.value)


def iterate(x):
    """iter(x): the elements along the first axis."""
    iter(x.value)  # NumPy's error for scalars and 0-d arrays
    return (x[i] for i in range(len(x.value)))


def contains(x, item):
    """item in x."""
    equal = x == item
    return to_bool(LOWERINGS[np.any](equal)) if type(equal) is Tracer else bool(equal)


def _integral(name):
    def to_integral(x):
        whole = _whole(getattr(math, name), x)
        rounded = x if name == "trunc" else apply_op(OPS[name], (x,), {})
        return _guarded_integer(rounded, whole)
    return to_integral


def rounded(x, digits=None):
    """round(x), an int, guarded; round(x, digits), a traced value."""
    value = round(x.value, digits) if digits is not None else _whole(round, x)
    if isinstance(value, int):
        return _guarded_integer(apply_op(OPS["rint"], (x,), {}), value)
    result = LOWERINGS[np.round](x, digits)
    return Tracer(x._trace, value, result.id) if type(x.value) is float else result


members({
    "__bool__": to_bool, "__int__": to_int, "__index__": to_index, "__float__": to_float, "__complex__": to_complex, "__array__": to_array,
    "__hash__": to_hash, "__len__": length, "__iter__": iterate, "__contains__": contains, "__round__": rounded,
    "__floor__": _integral("floor"), "__ceil__": _integral("ceil"), "__trunc__": _integral("trunc"),
    "__repr__": lambda x: f"<traced {noticed(x)!r}>", "__str__": lambda x: text_of(x, str(noticed(x))),
    "__format__": lambda x, spec: text_of(x, format(noticed(x), spec)),
})
