"""The ways to a derivative that are compared: one module each, which is imported when it is asked for.

Each module has `prepare(workload, args) -> (call, native)`: `call(*native)` computes what the workload asks for, compiled if that is how
the library is meant to be used, with arguments in the library's own arrays and a result that is ready when it returns. None says that
the library has no good way to this workload. Modules may have `arrays(result)`, which makes NumPy arrays of a result,
and `forget()`, after which nothing compiled is used again.

A result is, by the workload's transform: the value and the gradients (value_and_grad); for each of the two rows of errors its derivatives
by each argument (blocks); the array of derivatives by each argument (jacobian), or by the one there is (hessian); the diagonal and the one
beside it (tridiagonal); a vector (hvp).
"""

import functools
import importlib
import importlib.util

import numpy as np

TITLES = {
    "tapejit": "tapejit",
    "c": "C by hand",
    "numpy": "NumPy by hand",
    "value": "NumPy, the value alone",
    "jax": "JAX, jitted",
    "autograd": "autograd",
    "torch": "PyTorch",
    "casadi": "CasADi",
    "drjit": "Dr.Jit",
    "ddx": "ddx",
    "pytensor": "PyTensor",
}

OWN = {"c": "c_by_hand", "numpy": "numpy_by_hand", "value": "value_alone"}  # modules that are not named after a library


def installed(names=TITLES):
    """Those of these peers whose library can be imported; an unknown one is a ValueError."""
    for name in names:
        if name not in TITLES:
            raise ValueError(f"no peer is called {name!r}; there are {', '.join(TITLES)}")
    return [name for name in names if name in OWN or importlib.util.find_spec(name)]


def load(name):
    """The module of a peer."""
    return importlib.import_module("." + OWN.get(name, name), __name__)


@functools.cache
def _spec_and_code(name):
    spec = importlib.util.find_spec(name)
    return spec, spec.loader.get_code(name)


def copy_with(function, **names):
    """The function in a second copy of its module, run anew, in which names such as np have other meanings: new to every library."""
    spec, code = _spec_and_code(function.__module__)
    module = importlib.util.module_from_spec(spec)
    exec(code, module.__dict__)
    for name, meaning in names.items():
        setattr(module, name, meaning)
    return getattr(module, function.__name__)


def bound(function, args):
    """(function, args) without the numbers at the end of the arguments, which are lengths: they are bound."""
    arrays = [arg for arg in args if isinstance(arg, np.ndarray)]
    numbers = args[len(arrays):]
    return (lambda *arrays: function(*arrays, *numbers)) if numbers else function, tuple(arrays)


def flat(result):
    """The arrays of nested tuples and lists."""
    if isinstance(result, (tuple, list)):
        return [array for part in result for array in flat(part)]
    return [np.asarray(result)]


def arrays(module, result):
    """A peer's result as a list of NumPy arrays."""
    return module.arrays(result) if hasattr(module, "arrays") else flat(result)
