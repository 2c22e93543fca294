"""scipy.special for differentiated code: its Python functions, which offer NumPy no hook, composed of operations that have one.

The ufuncs of scipy.special are rows of the op table (`ops/error_functions.py` and its neighbours) and need nothing here, but for those
with two results. All other names are SciPy's own.
"""

import numpy as np

from ..ops import OPS
from ..trace.lowerings.common import asarray, refuse
from ..trace.tracer import concrete
from . import names_of
from .common import drop_in

__all__ = ["logsumexp", "softmax", "log_softmax", "multigammaln", "comb", "perm", "factorial", "polygamma", "zeta", "sici", "fresnel"]
__getattr__, __dir__ = names_of(__name__)


def _floating(x):
    x = asarray(x)
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


def _joined(name, *operands):
    """Operands as floating arrays of one dtype: the narrowest in which SciPy's function `name` computes with them."""
    operands = [asarray(x) for x in operands]
    if any(x.dtype.kind == "c" for x in operands):
        refuse(operands[0], f"scipy.special.{name} of complex numbers is not traced in this form: call it on real numbers")
    dtype = np.result_type(*[concrete(x) if np.ndim(x) else x.dtype for x in operands])
    dtype = np.dtype(np.float32) if dtype in (np.float16, np.float32) else np.dtype(np.float64)
    return [x if x.dtype == dtype else x.astype(dtype) for x in operands]


def _real_or_complex(name, x):
    x = asarray(x)
    return x if x.dtype.kind == "c" else _joined(name, x)[0]


def _shift(x, axis):
    """The largest elements along the axes, or 0 where they are not finite: what exp is kept from overflowing by. No derivative."""
    largest = OPS["stop_gradient"](np.max(x.real, axis=axis, keepdims=True))
    return np.where(np.isfinite(largest), largest, largest.dtype.type(0))


@drop_in
@np.errstate(divide="ignore", invalid="ignore")  # the logarithm of 0 is meant
def logsumexp(a, axis=None, b=None, keepdims=False, return_sign=False):
    a = np.atleast_1d(_floating(a))
    if b is not None:
        b = _floating(b)
        a = np.where(b == 0, -np.inf, a) if a.dtype.kind == "f" else a
    axis = tuple(range(a.ndim)) if axis is None else axis
    if a.size == 0:
        return np.sum(a, axis=axis, keepdims=keepdims) - np.inf
    if a.dtype.kind == "c" and return_sign:
        refuse(a, "logsumexp of complex numbers with return_sign=True is not traced: exp(1j * result.imag) is the sign")
    shift = _shift(a, axis)
    terms = np.exp(a - shift)
    if b is None and a.dtype.kind == "f":  # the largest terms apart from the others, which keeps the digits of a result near 0
        peak = a == shift
        top = np.sum(np.where(peak, terms, 0), axis=axis, keepdims=True)
        top = np.where(np.any(peak, axis=axis, keepdims=True), top, 1)
        rest = np.sum(np.where(peak, 0, terms), axis=axis, keepdims=True)
        none = ~np.any(peak, axis=axis, keepdims=True)  # the largest is infinite: the sum itself says which
        out = np.where(none, np.log(np.where(none, rest, 1)), np.log1p(np.where(none, 0, rest) / top) + np.log(top)) + shift
        sign = np.ones_like(concrete(out))
    else:
        total = np.sum(terms if b is None else b * terms, axis=axis, keepdims=True)
        sign = np.sign(total) if return_sign else None
        out = np.log(np.abs(total) if return_sign else total) + shift
    if not keepdims:
        out = np.squeeze(out, axis=axis)
        sign = np.squeeze(sign, axis=axis) if return_sign else None
    return (out[()], sign[()]) if return_sign else out[()]


@drop_in
def softmax(x, axis=None):
    x = _floating(x)
    terms = np.exp(x - _shift(x, axis))
    return terms / np.sum(terms, axis=axis, keepdims=True)


@drop_in
def log_softmax(x, axis=None):
    x = _floating(x)
    x = x - _shift(x, axis)
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


@drop_in
def multigammaln(a, d):
    a, d = _floating(a), int(d) if np.ndim(d) == 0 and np.floor(concrete(d)) == concrete(d) else None
    if d is None:
        raise ValueError("d should be a positive integer (dimension)")
    if np.any(a <= 0.5 * (d - 1)):
        raise ValueError(f"condition a ({concrete(a)}) > 0.5 * (d-1) ({0.5 * (d - 1)}) not met")
    steps = np.arange(d).reshape((d,) + (1,) * np.ndim(a)) / 2
    return d * (d - 1) * 0.25 * np.log(np.pi) + np.sum(OPS["gammaln"](np.subtract(a, steps)), axis=0)


@drop_in
def comb(N, k, *, exact=False, repetition=False):
    if exact:
        refuse(N if type(N) is not int else k, "comb(exact=True) of a traced value has no derivative: use exact=False")
    N, k = _joined("comb", N, k)
    if repetition:
        return np.where((k == 0) & (N >= 0), 1, OPS["binom"](N + k - 1, k))[()]
    inside = (k <= N) & (N >= 0) & (k >= 0)
    return np.where(inside, OPS["binom"](np.where(inside, N, 1), np.where(inside, k, 0)), 0)[()]


@drop_in
def perm(N, k, exact=False):
    if exact:
        refuse(N if type(N) is not int else k, "perm(exact=True) of a traced value has no derivative: use exact=False")
    N, k = _joined("perm", N, k)
    inside = (k <= N) & (N >= 0) & (k >= 0)
    return np.where(inside, OPS["poch"](np.where(inside, N - k + 1, 1), np.where(inside, k, 0)), 0)[()]


@drop_in
def factorial(n, exact=False, extend="zero"):
    if exact or extend != "zero":
        refuse(n, f"factorial(exact={exact}, extend={extend!r}) of a traced value is not supported: use scipy.special.gamma(n + 1)")
    if asarray(n).dtype.kind not in "iuf":
        raise ValueError(f"Unsupported data type for factorial: {asarray(n).dtype}")
    (n,) = _joined("factorial", n) if np.ndim(n) == 0 else [asarray(n).astype(np.float64)]  # SciPy's arrays are always doubles
    inside = n >= 0
    return np.where(inside, OPS["gamma_function"](np.where(inside, n, 0) + 1), np.where(np.isnan(n), n, 0))[()]


@drop_in
def polygamma(n, x):
    n, x = _joined("polygamma", n, x)
    return OPS["polygamma"](n, x)


@drop_in
def zeta(x, q=None, out=None):
    if out is not None:
        refuse(x, "zeta(out=...) is not traced: assign the result instead")
    if q is None:
        return OPS["riemann_zeta"](_real_or_complex("zeta", x))
    x, q = _joined("zeta", x, q)
    return OPS["hurwitz_zeta"](x, q)


def _pair(name, x, out, first, second):
    """The two results of the ufunc `name`: each is a row."""
    if out is not None:
        refuse(x, "the argument out of a function with two results is not traced: assign the results instead")
    x = _real_or_complex(name, x)
    return OPS[first](x), OPS[second](x)


@drop_in
def sici(x, out=None):
    return _pair("sici", x, out, "sine_integral", "cosine_integral")


@drop_in
def fresnel(z, out=None):
    return _pair("fresnel", z, out, "fresnel_s", "fresnel_c")
