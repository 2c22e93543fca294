"""Functions without a derivative that differentiated code calls: tests, comparisons, rounding, questions about arrays.

Where the answer is an array or a truth value it is computed on the tape, so that a replay finds its own; a question about
shapes and types is answered at once.
"""

import operator

import numpy as np

from ...ops import OPS
from ..texts import noticed, text_of
from ..tracer import Tracer, lowering
from .common import asarray, cast, concrete, deliver, masked
from .reductions import reduced, sum_
from .selection import truth

# --- truth -----------------------------------------------------------------------------------------------------------


def _truth_reduction(op, identity):
    def lowered(a, axis=None, out=None, keepdims=False, *, where=True):
        return deliver(reduced(op, masked(truth(a), where, identity), axis, keepdims), out)
    return lowered


any_, all_ = _truth_reduction("any", False), _truth_reduction("all", True)
lowering(np.any)(any_)
lowering(np.all)(all_)


@lowering(np.count_nonzero)
def count_nonzero(a, axis=None, *, keepdims=False):
    return sum_(truth(a), axis, np.intp, None, keepdims)


@lowering(np.isclose)
def isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    a, b = asarray(a), asarray(b)
    b, rtol, atol = cast(b, np.result_type(b.dtype, 1.0)), asarray(rtol), asarray(atol)
    result = (np.abs(a - b) <= atol + rtol * np.abs(b)) & np.isfinite(b) | (a == b)
    return result | np.isnan(cast(a, b.dtype)) & np.isnan(b) if equal_nan else result


@lowering(np.allclose)
def allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    return all_(isclose(a, b, rtol, atol, equal_nan))


@lowering(np.array_equal)
def array_equal(a1, a2, equal_nan=False):
    try:
        a1, a2 = asarray(a1), asarray(a2)
        np.equal(np.empty(0, a1.dtype), np.empty(0, a2.dtype))
    except (TypeError, ValueError):  # rows of different lengths, or texts
        return False
    if a1.shape != a2.shape:
        return False
    same = a1 == a2
    return all_(same | (a1 != a1) & (a2 != a2) if equal_nan else same)


@lowering(np.array_equiv)
def array_equiv(a1, a2):
    a1, a2 = asarray(a1), asarray(a2)
    try:
        np.broadcast_shapes(a1.shape, a2.shape)
    except ValueError:
        return False
    return all_(a1 == a2)


@lowering(np.isreal)
def isreal(x):
    return np.imag(asarray(x)) == 0


@lowering(np.iscomplex)
def iscomplex(x):
    return np.imag(asarray(x)) != 0


@lowering(np.isposinf)
def isposinf(x, out=None):
    np.isposinf(np.empty(0, asarray(x).dtype))  # NumPy's errors
    return deliver(asarray(x) == np.inf, out)


@lowering(np.isneginf)
def isneginf(x, out=None):
    np.isneginf(np.empty(0, asarray(x).dtype))  # NumPy's errors
    return deliver(asarray(x) == -np.inf, out)


# --- rounding --------------------------------------------------------------------------------------------------------


def _round(a, decimals=0, out=None):
    a, decimals = asarray(a), operator.index(decimals)
    if a.dtype.kind in "iu" and decimals >= 0:
        return deliver(a.copy("K"), out)
    if a.dtype.kind == "c":
        return deliver(OPS["complex"](_round(a.real, decimals), _round(a.imag, decimals)), out)
    scale = 10.0 ** abs(decimals)
    if a.dtype.kind == "f":
        scale = a.dtype.type(scale)
    y = np.rint(a) if decimals == 0 else np.rint(a * scale) / scale if decimals > 0 else np.rint(a / scale) * scale
    return deliver(cast(y, a.dtype if a.dtype.kind != "b" else np.float16), out)


lowering(np.round, np.around)(_round)


@lowering(np.fix)
def fix(x, out=None):
    return deliver(np.trunc(asarray(x)), out)


# --- a function whose partial is a series near 0 ---------------------------------------------------------------------


@lowering(np.sinc)
def sinc(x):
    x = asarray(x)
    return OPS["sinc"](x if x.dtype.kind in "fc" else cast(x, np.float64))


# --- questions about shapes and types: no tracer is left in the answer -----------------------------------------------


def _answered(function, plain=concrete):
    def inside(x):
        return type(x)(map(inside, x)) if type(x) in (list, tuple) else plain(x)
    return lambda *args, **kwargs: function(*map(inside, args), **{name: inside(value) for name, value in kwargs.items()})


for _function in (np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.common_type, np.min_scalar_type, np.iscomplexobj,
                  np.isrealobj, np.shares_memory, np.may_share_memory, np.einsum_path,
                  np.tril_indices_from, np.triu_indices_from, np.diag_indices_from):
    lowering(_function)(_answered(_function))

def _text(function):
    plain = _answered(function, lambda x: noticed(x) if type(x) is Tracer else x)

    def text(a, *args, **kwargs):
        made = plain(a, *args, **kwargs)
        return text_of(a, made) if type(a) is Tracer else made
    return text


for _function in (np.array_repr, np.array_str, np.array2string):
    lowering(_function)(_text(_function))
