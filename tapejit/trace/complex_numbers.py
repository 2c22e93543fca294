"""`complex`, NumPy's complex scalar types and the functions of `cmath` as traced code sees them: traced values stay traced.

Read next: `equivalents.py`, of which this is a part.
"""

from __future__ import annotations

import cmath

import numpy as np

from ..ops import OPS
from .equivalents import checked, equivalent, stand_in, to_float
from .recorder import innermost
from .texts import refuse_parsed
from .tracer import Tracer, concrete


def to_complex(real=0.0, imag=None):
    """complex(x), complex(re, im)."""
    if type(real) is not Tracer and type(imag) is not Tracer:
        refuse_parsed(real, "complex()")
        return complex(real) if imag is None else complex(real, imag)
    value = complex(concrete(real)) if imag is None else complex(concrete(real), concrete(imag))  # Python's errors
    trace = innermost((real, imag))
    real, imag = (x.reshape(()) if type(x) is Tracer and np.ndim(x.value) else x for x in (real, imag))
    if imag is None:
        return Tracer(trace, value, trace.lift(real, "c128"))
    if isinstance(concrete(real), (complex, np.complexfloating)) or isinstance(concrete(imag), (complex, np.complexfloating)):
        return to_complex(real + imag * 1j)
    return Tracer(trace, value, trace.emit(OPS["complex"], (trace.lift(real, "f64"), trace.lift(imag, "f64"))))


def _traced_scalar(scalar_type, name):
    def convert(x=0, /, *args):
        if type(x) is not Tracer:
            return scalar_type(x, *args)
        if np.ndim(x.value):
            return x.astype(scalar_type)
        return Tracer(x._trace, scalar_type(x.value), x._trace.lift(x, name))
    return convert


stand_in(complex, to_complex)
stand_in(np.complex64, _traced_scalar(np.complex64, "c64"))
stand_in(np.complex128, _traced_scalar(np.complex128, "c128"))

# --- cmath -----------------------------------------------------------------------------------------------------------


def _from_cmath(original, function, convert=to_complex):
    """What stands for a function of cmath."""
    def traced(*args):
        if not any(type(x) is Tracer for x in args):
            return original(*args)
        return checked(original, args, lambda *args: function(*map(to_complex, args)), convert)
    traced.__name__ = traced.__qualname__ = original.__name__
    return equivalent(original)(traced)


for _name in "exp log10 sqrt sin cos tan sinh cosh tanh".split():
    _from_cmath(getattr(cmath, _name), getattr(np, _name))
for _name in "asin acos atan asinh acosh atanh".split():
    _from_cmath(getattr(cmath, _name), getattr(np, "arc" + _name[1:]))
_from_cmath(cmath.log, lambda x, base=None: np.log(x) if base is None else np.log(x) / np.log(base))
phase = _from_cmath(cmath.phase, np.angle, to_float)


@equivalent(cmath.polar)
def polar(z, /):
    return (to_float(abs(z)), phase(z)) if type(z) is Tracer else cmath.polar(z)


@equivalent(cmath.rect)
def rect(r, phi, /):
    if type(r) is not Tracer and type(phi) is not Tracer:
        return cmath.rect(r, phi)
    return to_complex(r * np.cos(phi), r * np.sin(phi))


def _decision(name):
    original, numpy_function = getattr(cmath, name), getattr(np, name)

    @equivalent(original)
    def decided(x, /):
        return bool(numpy_function(x)) if type(x) is Tracer else original(x)


for _name in ("isnan", "isinf", "isfinite"):
    _decision(_name)
