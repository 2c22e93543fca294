"""The Lotka-Volterra misfit differentiated by other libraries, where they are installed, to compare times and answers.

Each entry of PEERS takes (years, counts) and returns a function log_theta -> (misfit, gradient). It raises ImportError where the
library is missing and ValueError for years that its version of the model cannot take. autograd runs the very source of
`lotka_volterra.py`, with its own NumPy under the name `np`. JAX would compile that unrolled loop for minutes: for it the loop is
rewritten with `lax.scan`.
"""

import importlib.util

import numpy as np

from . import lotka_volterra


def with_other_numpy(module, other):
    """A second copy of a module, read anew from its source, in which the name np is `other`."""
    spec = importlib.util.find_spec(module.__name__)
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    copy.np = other
    return copy


def autograd(years, counts):
    from autograd import numpy, value_and_grad

    model = with_other_numpy(lotka_volterra, numpy)
    return value_and_grad(lambda log_theta: model.misfit(log_theta, years, counts))


def jax_scan(years, counts):
    import jax
    from jax import numpy

    jax.config.update("jax_enable_x64", True)
    model = with_other_numpy(lotka_volterra, numpy)
    steps = model.steps_in(1)
    if not np.all(np.diff(years) == 1):
        raise ValueError("this version of the model is for years that are one apart")

    def misfit(log_theta):
        theta = numpy.exp(log_theta)

        def step(z, _):
            return model.rk4_step(z, 1 / steps, theta), None

        def year(z, _):
            return jax.lax.scan(step, z, None, length=steps)[0], z

        path = jax.lax.scan(year, theta[4:], None, length=len(years))[1]
        return 0.5 * numpy.sum((numpy.log(path) - numpy.log(counts)) ** 2)

    return jax.jit(jax.value_and_grad(misfit))


PEERS = {"autograd, the same source": autograd, "JAX, the loop rewritten with lax.scan, jitted": jax_scan}
