"""tapejit itself: a transform of the plain function."""

import numpy as np

import tapejit as tj

from . import copy_with


def prepare(workload, args):
    function, wrt = copy_with(workload.function), tuple(range(workload.wrt))
    argnums = 0 if workload.wrt == 1 else wrt
    match workload.transform:
        case "value_and_grad":
            return tj.value_and_grad(function, argnums), args
        case "blocks":
            return blocks(function, args, wrt), args
        case "jacobian":
            return tj.jacfwd(function, argnums), args
        case "hessian":
            return tj.hessian(function), args
        case "hvp":
            return tj.hvp(function), args
        case "tridiagonal":
            return tridiagonal(function), args


def blocks(function, args, wrt):
    """Observations are independent of each other: a sweep back from each of the two rows of errors gives that row of all blocks."""
    shape = function(*args).shape
    seeds = np.eye(2)[:, :, None] * np.ones(shape[1]) if shape[0] == 2 else np.eye(2)[:, None, :] * np.ones((shape[0], 1))

    def both(*args):
        _, pullback = tj.vjp(lambda *first: function(*first, *args[len(wrt) :]), *args[: len(wrt)])
        return [pullback(seed) for seed in seeds]

    return tj.jit(both)


def tridiagonal(function):
    """The diagonal and the one below of the Hessian, as the stored elements of a matrix in rows hold them; the pattern is found."""
    hessian = tj.sparse_hessian(function, format="csr")

    def bands(x):
        elements = hessian(x)[0]
        return elements[::3], elements[2::3]

    return bands
