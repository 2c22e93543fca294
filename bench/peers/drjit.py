"""Dr.Jit: its LLVM backend in 64 bits, with frozen kernels, so that a call neither traces nor assembles again. Flat arrays of its own.

Loops over time and matrix products are left out: they are not what it is made for.
"""

import drjit as dr
import numpy as np
from drjit.llvm.ad import Float64, UInt32

from . import copy_with
from ..environment import threads

dr.set_thread_count(threads() if threads() > 1 else 0)  # 0: the calling thread alone


class Functions:
    """What the plain functions use of NumPy and SciPy."""

    sin, cos, exp, log, sqrt, sum, erf = (staticmethod(getattr(dr, name)) for name in "sin cos exp log sqrt sum erf".split())
    log1p = staticmethod(lambda x: dr.log(1 + x))
    stack = staticmethod(tuple)


def rosenbrock(x):
    places = dr.arange(UInt32, dr.width(x) - 1)
    early, late = dr.gather(Float64, x, places), dr.gather(Float64, x, places + 1)
    return dr.sum(100 * dr.square(late - dr.square(early)) + dr.square(1 - early))


def prepare(workload, args):
    if workload.name not in ("rosenbrock", "waves", "black-scholes", "bundle"):
        return None
    own = rosenbrock if workload.name == "rosenbrock" else copy_with(workload.function, np=Functions, special=Functions)
    call = dr.freeze((blocks if workload.transform == "blocks" else value_and_grad)(own, workload.wrt))

    def ready(*args):
        result = call(*args)
        dr.eval(result)
        dr.sync_thread()
        return result

    return ready, tuple(flat_arrays(arg) for arg in args)


def flat_arrays(arg):
    """A matrix becomes a list of its rows."""
    return Float64(arg) if arg.ndim == 1 else [Float64(row) for row in arg]


def value_and_grad(function, wrt):
    def call(*args):
        dr.enable_grad(*args[:wrt])
        value = function(*args)
        dr.backward(value)
        return dr.detach(value), tuple(dr.grad(arg) for arg in args[:wrt])

    return call


def blocks(function, wrt):
    """Both rows of errors are traced with the derivatives behind them; equal parts are merged in the kernel."""

    def call(*args):
        rows = []
        for k in range(2):
            copies = [dr.detach(arg) for arg in args]
            dr.enable_grad(*copies[:wrt])
            dr.backward(function(*copies)[k])
            rows.append([dr.grad(arg) for arg in copies[:wrt]])
        return rows

    return call


def arrays(result):
    value, *rest = result
    if isinstance(value, Float64):
        return [value.numpy()[0], *(gradient.numpy() for gradient in rest[0])]
    return [np.stack([entry.numpy() for entry in part]) if isinstance(part, list) else part.numpy() for row in result for part in row]
