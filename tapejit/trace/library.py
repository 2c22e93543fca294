"""What is the user's code, and what is a library that runs as it is: the standard library, NumPy, SciPy, tapejit itself
and a few packages that no one expects to be traced.

Library code is taken to be fixed: its names are not checked at each call. Everything else is user code, whichever module
it is in. Read next: `retarget.py`.
"""

import os
import sys
import sysconfig

_STANDARD = tuple({os.path.join(os.path.abspath(sysconfig.get_paths()[name]), "") for name in ("stdlib", "platstdlib")})
_INSTALLED = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)
_PACKAGES = frozenset(
    "numpy scipy tapejit cffi matplotlib pandas numba jax jaxlib torch tensorflow autograd sympy mpmath dask joblib tqdm "
    "attr attrs pydantic pydantic_core IPython ipykernel pytest _pytest pluggy hypothesis".split())
_LIKE_USERS = ("tapejit.examples", "numpy.polynomial")  # plain Python over NumPy's functions: traced through, as the user's code is


def is_library(names):
    """Whether a module, given by its globals, is library code."""
    name = names.get("__name__")
    if not isinstance(name, str):
        return False
    package = name.partition(".")[0]
    if package in _PACKAGES:
        return not any(name == part or name.startswith(part + ".") for part in _LIKE_USERS)
    if package not in sys.stdlib_module_names:
        return False
    # A user's own `profile.py` or `signal.py` has a standard name and is not in the standard place.
    file = names.get("__file__")
    return not isinstance(file, str) or (os.path.abspath(file).startswith(_STANDARD) and not any(part in file for part in _INSTALLED))


def is_library_class(cls):
    """Whether a class was made by library code (built-in classes are)."""
    module = cls.__module__
    if not isinstance(module, str):
        return False
    if module == "builtins":
        return True
    known = sys.modules.get(module)
    return is_library(vars(known) if known is not None else {"__name__": module})
