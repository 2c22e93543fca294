"""Complex numbers and their parts.

The real and imaginary parts of a traced array are views of it, as in NumPy: they can be written. Angles and conversions follow from them.
"""

import numpy as np

from ...ops import OPS
from ..tracer import Tracer, lowering
from .common import asarray, cast

# --- the parts of a number -------------------------------------------------------------------------------------------


def _part(name):
    def lowered(val):
        if type(val) is not Tracer:
            val = asarray(val)
        return OPS[name](val) if np.iscomplexobj(val) else val if name == "real" else np.zeros(np.shape(val), asarray(val).dtype)[()]
    return lowered


real, imag = _part("real"), _part("imag")
lowering(np.real)(real)
lowering(np.imag)(imag)


def complex_(re, im):
    """The complex array with these parts, of one real floating dtype."""
    re, im = np.broadcast_arrays(re, im) if np.shape(re) != np.shape(im) else (re, im)
    return OPS["complex"](re, im)


@lowering(np.real_if_close)
def real_if_close(a, tol=100):
    """Whether the imaginary parts are small decides which function is traced: it becomes a guard."""
    a = asarray(a)
    if a.dtype.kind != "c":
        return a
    if tol > 1:
        tol = np.finfo(a.dtype).eps * tol
    return a.real if np.all(np.absolute(a.imag) < tol) else a


@lowering(np.angle)
def angle(z, deg=False):
    z = asarray(z)
    radians = np.arctan2(imag(z), real(z))
    return radians * (180 / np.pi) if deg else radians


@lowering(np.sort_complex)
def sort_complex(a):
    """Sorted by real parts, then by imaginary parts; complex, and double but for small integers."""
    ordered = np.sort(asarray(a))
    return ordered if ordered.dtype.kind == "c" else cast(ordered, np.complex64 if ordered.dtype.char in "bhBH" else np.complex128)
