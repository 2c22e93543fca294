"""Where BLAS comes from: the functions that SciPy exports to C, when it is installed.

`functions` holds their addresses for the kernel by name, 0 without SciPy; `available` says which. Without BLAS the encoder leaves large
matrix products to NumPy (host calls). Both are looked up when the first large product is encoded, because importing SciPy takes longer
than importing tapejit; `known` is what has been found by then.
"""

import ctypes
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

NAMES = ("dgemm", "sgemm", "dgemv", "sgemv")
_MODULE = "scipy.linalg.cython_blas"


def _table():
    """What SciPy's module exports to C. It is loaded without scipy.linalg around it, which takes longer than a usual first gradient."""
    if "scipy.linalg" not in sys.modules:
        try:
            import scipy

            found = PathFinder.find_spec("cython_blas", [str(Path(scipy.__file__).parent / "linalg")])
            spec = spec_from_file_location(_MODULE, found.origin)
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            return module.__pyx_capi__
        except (ImportError, AttributeError):  # no SciPy, or one that is laid out otherwise
            pass
        finally:
            if "scipy.linalg" not in sys.modules:
                sys.modules.pop(_MODULE, None)  # it enters itself: the import of scipy.linalg would not find it missing, nor make it an attribute
    from scipy.linalg.cython_blas import __pyx_capi__

    return __pyx_capi__


def _addresses():
    try:
        table = _table()
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
