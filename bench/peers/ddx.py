"""ddx: models of scalars, compiled through LLVM, over a batch of points where the work has one. Called with buffers bound once.

Left out: work that would take a model of thousands of scalars, which takes minutes to compile.
"""

import types

import ddx
import numpy as np

from . import copy_with

FUNCTIONS = types.SimpleNamespace(
    **{name: getattr(ddx, name) for name in "sin cos exp log sqrt erf".split()},
    log1p=lambda x: ddx.log(1 + x),
    sum=lambda x: x,  # over the batch, afterwards
    stack=tuple,
)


def prepare(workload, args):
    if workload.name in ("rosenbrock", "hessian of rosenbrock") and args[0].size > 100 or workload.name not in MAKERS:
        return None
    function = copy_with(workload.function, np=FUNCTIONS, special=FUNCTIONS)
    return MAKERS[workload.name](function, args)


def model(names, outputs):
    """The model of outputs(*variables)."""
    return ddx.equation(lambda: outputs(*(ddx.var(name) for name in names)))


def rosenbrock_of(*x):
    value = 0.0
    for early, late in zip(x, x[1:]):
        climb, rest = late - early * early, 1.0 - early
        value = value + 100.0 * climb * climb + rest * rest
    return value


def rosenbrock(function, args):
    compiled = model([f"x{i}" for i in range(args[0].size)], rosenbrock_of).compile(points=1)
    bound = compiled.buffer(args[0].copy(), want=ddx.Want.JACOBIAN)
    at = bound.x

    def call(x):
        at[:] = x
        bound()
        return bound.value, bound.jacobian

    return call, args


def hessian(function, args):
    compiled = model([f"x{i}" for i in range(args[0].size)], rosenbrock_of).compile(points=1)
    compiled.wait_for_kernel(want=ddx.Want.HESSIAN)
    bound = compiled.buffer(args[0].copy(), want=ddx.Want.HESSIAN)
    at = bound.x

    def call(x):
        at[:] = x
        bound()
        return bound.hessian

    return call, args


def batch(function, args):
    """One model for all points; the value is the sum of theirs."""
    points = np.stack(args)
    bound = model("abcde"[: len(args)], function).compile(points=points.shape[1]).buffer(points, want=ddx.Want.JACOBIAN)

    def call(points):
        bound.x[:] = points
        bound()
        return np.sum(bound.value), tuple(bound.jacobian)

    return call, (points,)


def blocks(function, args):
    points = np.concatenate([arg.reshape(-1, arg.shape[-1]) for arg in args])

    def model_of_one():
        variables = [ddx.var(f"x{i}") for i in range(15)]
        feature = [ddx.param("u"), ddx.param("v")]
        return function(variables[:11], variables[11:14], variables[14], feature)

    bound = ddx.equation(model_of_one).compile(points=points.shape[1]).buffer(points, want=ddx.Want.GRADIENT)

    def call(points):
        bound.x[:] = points
        bound()
        return [(row[:11], row[11:14], row[14]) for row in bound.jacobian]

    return call, (points,)


MAKERS = {"rosenbrock": rosenbrock, "hessian of rosenbrock": hessian, "waves": batch, "black-scholes": batch, "bundle": blocks}
