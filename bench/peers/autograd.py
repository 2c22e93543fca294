"""autograd: the same source with autograd's NumPy under the name np."""

import autograd
import autograd.scipy.linalg
import autograd.scipy.special
import numpy as np

from . import copy_with

LEFT_OUT = {"heat"}  # writes in place, which autograd cannot differentiate


def prepare(workload, args):
    if workload.name in LEFT_OUT:
        return None
    function = copy_with(workload.function, np=autograd.numpy, special=autograd.scipy.special, linalg=autograd.scipy.linalg)
    wrt = tuple(range(workload.wrt))
    argnums = 0 if workload.wrt == 1 else wrt
    match workload.transform:
        case "value_and_grad":
            return autograd.value_and_grad(function, argnums), args
        case "blocks":
            rows_last = workload.function(*args).shape[-1] == 2
            row = lambda m: lambda *args: autograd.numpy.sum(function(*args)[:, m] if rows_last else function(*args)[m])
            gradients = [autograd.grad(row(m), argnums) for m in range(2)]
            return lambda *args: [gradient(*args) for gradient in gradients], args
        case "jacobian":
            jacobians = [autograd.jacobian(function, place) for place in wrt]
            return lambda *args: tuple(jacobian(*args) for jacobian in jacobians), args
        case "hessian":
            return autograd.hessian(function), args
        case "hvp":
            product = autograd.hessian_vector_product(function)
            return product, args
        case "tridiagonal":
            product = autograd.hessian_vector_product(function)
            own, places = np.arange(args[0].size) % 3, np.arange(args[0].size)
            colours = [(own == colour).astype(float) for colour in range(3)]

            def call(x):
                products = np.stack([product(x, colour) for colour in colours])
                return products[own, places], products[own[1:], places[:-1]]

            return call, args
