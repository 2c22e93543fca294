"""SciPy's names for differentiated code: `import tapejit.scipy.special as special` in place of `import scipy.special as special`.

Each module here has the name of a SciPy module and defines, with SciPy's signatures, the Python functions of it that can be traced; all
other names are SciPy's own. Code that says `import scipy` is given these while it is traced, so nobody needs to import them; they are of
use under `retarget=False`. The ufuncs of scipy.special need neither: they are rows of the op table.

To add a function, define it here under SciPy's name in the module of that name, composed of NumPy functions, and list it in `__all__`.
Read next: `special.py`, `tapejit/trace/scipy_names.py` (the binding).
"""

import importlib as _importlib


def names_of(module):
    """The module-level __getattr__ and __dir__ of a module here: all names that it does not define are those of its SciPy namesake."""
    name = module.removeprefix("tapejit.")

    def find(attribute):
        if attribute.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {attribute!r}")
        return getattr(_importlib.import_module(name), attribute)

    return find, lambda: dir(_importlib.import_module(name))


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return _importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
    return getattr(_importlib.import_module("scipy"), name)


def __dir__():
    return dir(_importlib.import_module("scipy"))
