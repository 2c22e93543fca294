"""CasADi: symbolic graphs, differentiated and then called through buffers, which is its fastest way from Python.

Scalar graphs (SX) for small and for repeated work, matrix graphs (MX) for long vectors. Left out: work on larger matrices, for which
it has no fast products, and Python loops over arrays.
"""

import types
from typing import Callable, NamedTuple

import casadi
import numpy as np

from . import copy_with

FUNCTIONS = types.SimpleNamespace(
    **{name: getattr(casadi, name) for name in "sin cos exp log log1p sqrt erf".split()},
    sum=casadi.sum1,
    mean=lambda x: casadi.sum1(x) / x.shape[0],
    logaddexp=lambda zero, z: casadi.log1p(casadi.exp(z)),
    stack=lambda rows: casadi.vertcat(*rows),
)
SCALARS = 1_000  # up to so many entries a graph of scalars is quicker


class Result(NamedTuple):
    """What a call fills, and how it becomes the arrays that were asked for."""

    filled: list
    restored: Callable


def arrays(result):
    return result.restored(*result.filled)


def prepare(workload, args):
    if workload.name not in MAKERS:
        return None
    function = copy_with(workload.function, np=FUNCTIONS, special=FUNCTIONS)
    return MAKERS[workload.name](function, args)


def called(inputs, outputs, restored):
    """A call through buffers: arrays of the inputs' entries by columns in, a Result out, the same arrays at each call."""
    return through_buffers(casadi.Function("f", inputs, outputs), restored)


def through_buffers(function, restored):
    buffer, trigger = function.buffer()
    filled = [np.zeros(function.nnz_out(k)) for k in range(function.n_out())]
    for place, array in enumerate(filled):
        buffer.set_res(place, memoryview(array))
    result, set_arg = Result(filled, restored), buffer.set_arg

    def call(*args):
        for place, arg in enumerate(args):
            set_arg(place, memoryview(arg))
        trigger()
        return result

    call.buffer = buffer, trigger  # they die with their names otherwise
    return call


def symbols(args):
    kind = casadi.SX if max(arg.size for arg in args) <= SCALARS else casadi.MX
    return [kind.sym(f"x{place}", *arg.shape) for place, arg in enumerate(args)]


def value_and_grad(wrt):
    def make(function, args):
        xs = symbols(args)
        value = function(*xs)
        restored = lambda value, *gradients: [value[0], *gradients]
        return called(xs, [value, *(casadi.gradient(value, x) for x in xs[:wrt])], restored), tuple(arg.ravel("F") for arg in args)

    return make


def predators(function, args):
    parameters = casadi.SX.sym("p", 6)
    value = function(casadi.vertsplit(parameters), args[1])
    return called([parameters], [value, casadi.gradient(value, parameters)], lambda value, gradient: [value[0], gradient]), args[:1]


def blocks(function, args):
    """The Jacobian of one observation, mapped over all."""
    camera, point, weight, feature = (casadi.SX.sym(name, size) for name, size in zip("cpwf", (11, 3, 1, 2)))
    errors = function(casadi.vertsplit(camera), point, weight, feature)
    block = casadi.densify(casadi.jacobian(errors, casadi.vertcat(camera, point, weight)))
    one = casadi.Function("one", [camera, point, weight, feature], [block])

    def restored(filled):
        rows = np.moveaxis(filled.reshape(-1, 15, 2), 0, 2)
        return [part for k in range(2) for part in (rows[:11, k], rows[11:14, k], rows[14, k])]

    return through_buffers(one.map(args[2].size), restored), tuple(arg.ravel("F") for arg in args)


def hessian(function, args):
    (x,) = symbols(args)
    n = x.shape[0]
    return called([x], [casadi.densify(casadi.hessian(function(x), x)[0])], lambda filled: [filled.reshape(n, n)]), args


def tridiagonal(function, args):
    """The pattern is CasADi's own; the entries of the upper triangle come by columns: above the diagonal, diagonal."""
    x = casadi.SX.sym("x", args[0].size)
    upper = casadi.triu(casadi.hessian(function(x), x)[0])
    return called([x], [upper], lambda filled: [np.append(filled[:1], filled[2::2]), filled[1::2]]), args


def product(function, args):
    x, v = symbols(args)
    return called([x, v], [casadi.jtimes(casadi.gradient(function(x), x), x, v)], lambda filled: [filled]), args


MAKERS = {
    "rosenbrock": value_and_grad(1),
    "waves": value_and_grad(1),
    "logistic": value_and_grad(1),
    "black-scholes": value_and_grad(5),
    "bundle": blocks,
    "predators": predators,
    "hessian of rosenbrock": hessian,
    "sparse hessian of rosenbrock": tridiagonal,
    "hvp of rosenbrock": product,
}
