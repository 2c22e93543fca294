"""Sparse matrices: their products with arrays, and the solutions of their systems, computed by SciPy.

A matrix is an operand for its stored values and two for where these lie: SciPy's index arrays of its `format`, (row, col) of 'coo',
(indices, indptr) of 'csr' and 'csc'. So a value, and a place too, may change from call to call. The transpose of a 'csr' matrix is a 'csc'
matrix with the same three arrays. The trilinear form u . A v has three partial derivatives: A v, A^T u, and `sparse_sampled`.
"""

from .linalg import NUMBERS
from .linear import zeros
from .table import OPS, Type, linear, rule

TRANSPOSED = {"csr": "csc", "csc": "csr", "coo": "coo"}


def _scipy_sparse():
    import scipy.sparse

    return scipy.sparse


def matrix_of(data, first, second, format, size):
    """SciPy's sparse array with these stored values."""
    if format == "coo":
        return _scipy_sparse().coo_array((data, (first, second)), size)
    return getattr(_scipy_sparse(), f"{format}_array")((data, first, second), size)


def places_of(np, first, second, format):
    """The row and the column of each stored value."""
    if format == "coo":
        return first, second
    major = np.repeat(np.arange(second.size - 1), np.diff(second))
    return (major, first) if format == "csr" else (first, major)


def flipped(first, second, format, size):
    """What follows the values of the transposed matrix: its index arrays, and its parameters as a dict."""
    if format == "coo":
        first, second = second, first
    return (first, second), {"format": TRANSPOSED[format], "size": (size[1], size[0])}


def _product_transpose(ct, data, first, second, x, format, size):
    places, params = flipped(first, second, format, size)
    return (OPS["sparse_sampled"](first, second, ct, x, format=format, size=size), None, None,
            OPS["sparse_product"](data, *places, ct, **params))


sparse_product = linear(
    lambda np, data, first, second, x, format, size: matrix_of(data, first, second, format, size) @ x, _product_transpose,
    kind="multilinear", params=("format", "size"), arity=4, dtypes=NUMBERS, domain=("real", "any", "any", "real"),
    result=lambda types, format, size: Type(types[3].dtype, size[:1] + types[3].shape[1:]),
    doc="The product of a sparse matrix and a vector or matrix.")


def _sampled(np, first, second, u, v, format, size):
    rows, columns = places_of(np, first, second, format)
    return u[rows] * v[columns] if u.ndim == 1 else np.einsum("ij,ij->i", u[rows], v[columns])


def _sampled_transpose(ct, first, second, u, v, format, size):
    places, params = flipped(first, second, format, size)
    return (None, None, OPS["sparse_product"](ct, first, second, v, format=format, size=size),
            OPS["sparse_product"](ct, *places, u, **params))


sparse_sampled = linear(
    _sampled, _sampled_transpose, kind="multilinear", params=("format", "size"), arity=4, dtypes=NUMBERS,
    domain=("any", "any", "real", "real"),
    result=lambda types, format, size: Type(types[2].dtype, types[0].shape),
    doc="The elements of u v^T (u and v vectors, or matrices) at the places where a sparse matrix has stored values.")


# --- systems ---------------------------------------------------------------------------------------------------------


def _part(x, n):
    """The solution in what a solver gives: an iterative one appends its `info`."""
    return x if x.shape[0] == n else OPS["index"](x, idx=((0, n, 1),))


def _again(solver, format, size, data, places, b):
    """The solution of another system with the same matrix or, by its own parameters, the transposed one."""
    return _part(OPS["sparse_solve"](data, *places, b, solver=solver, format=format, size=size), size[0])


def _packed(x, like):
    """`x`, a tangent of the solution, with 0 for that of the `info`, where there is one."""
    if x.shape == like.shape:
        return x
    return OPS["concatenate"](x, zeros(like, (1,)), axis=0)


def _solve_jvp(dots, operands, y, solver, format, size):
    data, first, second, *_ = operands
    change = dots[3]
    if dots[0] is not None:
        moved = OPS["sparse_product"](dots[0], first, second, _part(y, size[0]), format=format, size=size)
        change = -moved if change is None else change - moved
    if change is None:
        return None
    return _packed(_again(solver.again(), format, size, data, (first, second), change), y)


def _solve_vjp(ct, operands, y, solver, format, size):
    data, first, second, *rest = operands
    places, params = flipped(first, second, format, size)
    bar = _again(solver.again(True), params["format"], params["size"], data, places, _part(ct, size[0]))
    sampled = OPS["sparse_sampled"](first, second, bar, _part(y, size[0]), format=format, size=size)
    return (-sampled, None, None, bar) + (None,) * (len(rest) - 1)


def _solve_type(types, solver, format, size):
    dtype, found = types[3]
    return Type(dtype, found if solver.direct else (size[0] + 1,))


sparse_solve = rule(
    lambda np, data, first, second, b, *start, solver, format, size: solver(matrix_of(data, first, second, format, size), b, *start),
    params=("solver", "format", "size"), arity=None, jvp=_solve_jvp, vjp=_solve_vjp, result=_solve_type, dtypes=NUMBERS,
    domain=("real", "any", "any", "real", "real"),
    doc="x with a x = b for a sparse matrix a, found by `solver`: spsolve, or an iterative one, which may take a start and appends `info`.")
