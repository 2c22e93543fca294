"""Where BLAS comes from: the functions that SciPy exports to C, when it is installed.

`functions` holds their addresses for the kernel by name, 0 without SciPy; `available` says which. Without BLAS the encoder leaves large
matrix products to NumPy (host calls). Both are looked up when the first large product is encoded, because importing SciPy takes longer
than importing tapejit; `known` is what has been found by then.
"""

import ctypes

NAMES = ("dgemm", "sgemm", "dgemv", "sgemv")


def _addresses():
    try:
        from scipy.linalg.cython_blas import __pyx_capi__ as table
    except ImportError:
        return dict.fromkeys(NAMES, 0)
    name_of = ctypes.pythonapi.PyCapsule_GetName
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return {name: pointer_of(table[name], name_of(table[name])) for name in NAMES}


def known():
    """`functions`, or zeros while no program has asked for them: then no program has a product that is large enough for BLAS."""
    return globals().get("functions") or dict.fromkeys(NAMES, 0)


def __getattr__(name):
    if name == "functions":
        globals()[name] = _addresses()
    elif name == "available":
        globals()[name] = all(__getattr__("functions").values())
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals()[name]
