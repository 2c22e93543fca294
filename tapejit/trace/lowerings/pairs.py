"""Ufuncs with two results: divmod, modf, frexp.

Each is stated by what it computes from operands of its loop's dtype; `out=`, `where=`, `dtype=` and the casts are the same for all.
"""

import numpy as np

from ..tracer import lowering
from .common import asarray, cast, host, weak


def _two_results(ufunc):
    """Register the decorated function of the ufunc's operands as what gives its two results."""
    def register(compute):
        @lowering(ufunc)
        def lowered(*inputs, out=None, where=True, casting="same_kind", dtype=None, signature=None, sig=None, order="K", subok=True):
            inputs, targets = inputs[:ufunc.nin], inputs[ufunc.nin:] or out or ()
            if type(targets) is not tuple or len(inputs) < ufunc.nin or len(targets) > 2 or out is not None and len(out) != 2:
                ufunc(*(0.5 for _ in inputs), out=out if out is None else (None,) * len(out))  # NumPy's errors for counts
            signature = signature or sig or (None if dtype is None else (None,) * ufunc.nin + (np.dtype(dtype),) * 2)
            kinds = tuple(x if isinstance(x, np.dtype) else type(x) for x in map(weak, inputs))
            options = {} if signature is None else {"signature": signature}
            dtypes = ufunc.resolve_dtypes(kinds + (None, None), casting=casting, **options)  # NumPy's errors
            results = compute(*(cast(asarray(x), kind) for x, kind in zip(inputs, dtypes)))
            targets += (None,) * (2 - len(targets))
            return tuple(_placed(result, target, where, casting) for result, target in zip(results, targets))
        return lowered
    return register


def _placed(result, target, where, casting):
    if target is not None:
        return np.positive(result, out=target, where=where, casting=casting)
    return result if where is True else np.where(where, result, result.dtype.type(0))[()]


@_two_results(np.divmod)
def divmod_(a, b):
    """The quotient rounded down, and the remainder."""
    return np.floor_divide(a, b), np.remainder(a, b)


@_two_results(np.modf)
def modf(x):
    """The fraction, with the sign of x, and the whole part."""
    return np.where(np.isinf(x), np.copysign(x.dtype.type(0), x), np.fmod(x, x.dtype.type(1)))[()], np.trunc(x)


@_two_results(np.frexp)
def frexp(x):
    """x as fraction * 2**exponent. The exponent is constant between powers of two, so that the fraction is linear in x."""
    exponent = host(_exponent, x)
    return np.ldexp(x, -exponent), exponent


def _exponent(x):
    return np.frexp(x)[1]
