"""scipy.sparse's functions that make matrices of matrices, where a value is traced: stored values and their coordinates, put together.

Formats are names alone here, as in `Sparse`: what SciPy would leave out (zeros of a dense part, elements beyond a triangle) may be stored
as zeros. Read next: `sparse_matrices.py`.
"""

import numpy as np
import scipy.sparse

from ..trace.lowerings.common import asarray, static
from ..trace.lowerings.matrices import inexact
from .sparse_matrices import Sparse, class_of, from_diagonals, sparse


def _kind(*parts):
    """The class of what is made of the parts: an array class if one of them is of such a class, else a matrix class."""
    arrays = any(isinstance(part, scipy.sparse.sparray) for part in parts)
    return scipy.sparse.coo_array if arrays else scipy.sparse.coo_matrix


def _whole(part):
    """A part as a `Sparse`; a number or a vector is a row."""
    return sparse(part if isinstance(part, scipy.sparse.sparray | scipy.sparse.spmatrix) else np.atleast_2d(asarray(part)))


def _joined(kind, placed, shape, format, dtype):
    """The matrix of the parts of `placed`: (part, first row, first column)."""
    if not placed:
        return getattr(scipy.sparse, kind.__name__)(shape, dtype=dtype).asformat(format)
    places = [part._rows_and_columns() for part, _, _ in placed]
    rows = np.concatenate([row + first for (row, _), (_, first, _) in zip(places, placed)])
    columns = np.concatenate([column + first for (_, column), (_, _, first) in zip(places, placed)])
    data = np.concatenate(inexact(*[part.data for part, _, _ in placed]))
    found = Sparse(kind, "coo", data, (rows, columns), shape).asformat(format)
    return found if dtype is None else found.astype(dtype)


def _blocks(kind, blocks, format, dtype):
    """The matrix of a table of blocks, of which None is one of zeros."""
    table = [[None if block is None else _whole(block) for block in row] for row in blocks]
    if not table or any(len(row) != len(table[0]) for row in table):
        raise ValueError("blocks must be 2-D")
    heights, widths, placed = [0] * len(table), [0] * len(table[0]), []
    for i, row in enumerate(table):
        for j, block in enumerate(row):
            if block is None:
                continue
            for axis, lengths, k, line in ((0, heights, i, f"[{i},:] has incompatible row"), (1, widths, j, f"[:,{j}] has incompatible column")):
                lengths[k] = lengths[k] or block.shape[axis]
                if lengths[k] != block.shape[axis]:
                    raise ValueError(f"blocks{line} dimensions. Got blocks[{i},{j}].shape[{axis}] == {block.shape[axis]}, expected {lengths[k]}.")
    for i, row in enumerate(table):
        placed += [(block, sum(heights[:i]), sum(widths[:j])) for j, block in enumerate(row) if block is not None]
    return _joined(kind, placed, (sum(heights), sum(widths)), format, dtype)


def block_array(blocks, *, format=None, dtype=None):
    return _blocks(scipy.sparse.coo_array, blocks, format, dtype)


def bmat(blocks, format=None, dtype=None):
    return _blocks(_kind(*[block for row in blocks for block in row]), blocks, format, dtype)


def hstack(blocks, format=None, dtype=None):
    return _blocks(_kind(*blocks), [list(blocks)], format, dtype)


def vstack(blocks, format=None, dtype=None):
    return _blocks(_kind(*blocks), [[block] for block in blocks], format, dtype)


def block_diag(mats, format=None, dtype=None):
    placed, rows, columns = [], 0, 0
    for part in map(_whole, mats):
        placed.append((part, rows, columns))
        rows, columns = rows + part.shape[0], columns + part.shape[1]
    return _joined(_kind(*mats), placed, (rows, columns), format, dtype)


def kron(A, B, format=None):
    kind, (a, b) = _kind(A, B), map(_whole, (A, B))
    data = (a.data[:, None] * b.data).reshape(-1)
    rows, columns = ((first[:, None] * size + second).reshape(-1)
                     for first, second, size in zip(a._rows_and_columns(), b._rows_and_columns(), b.shape))
    return Sparse(kind, "coo", data, (rows, columns), (a.shape[0] * b.shape[0], a.shape[1] * b.shape[1])).asformat(format)


def kronsum(A, B, format=None):
    a, b = map(_whole, (A, B))
    for part, name in ((a, "A"), (b, "B")):
        if part.shape[0] != part.shape[1]:
            raise ValueError(f"{name} is not square")
    ones = [class_of("coo", _kind(A, B))(scipy.sparse.eye_array(part.shape[0], dtype=part.dtype)) for part in (b, a)]
    found = kron(ones[0], a) + kron(b, ones[1])
    return found.asformat("coo" if format is None else format)


def spdiags(data, diags, m=None, n=None, format=None):
    data = np.atleast_2d(asarray(data))
    shape = (data.shape[1],) * 2 if m is None and n is None else m if n is None else (m, n)
    return from_diagonals(scipy.sparse.dia_matrix, data, np.atleast_1d(static(diags)), shape).asformat(format)


def _triangle(A, format, keeps):
    a = _whole(A)
    rows, columns = a._rows_and_columns()
    data = np.where(keeps(rows, columns), a.data, 0)
    return Sparse(_kind(A), "coo", data, (rows, columns), a.shape).asformat("coo" if format is None else format)


def tril(A, k=0, format=None):
    return _triangle(A, format, lambda rows, columns: rows + static(k) >= columns)


def triu(A, k=0, format=None):
    return _triangle(A, format, lambda rows, columns: rows + static(k) <= columns)


TRACED = {function.__name__: function for function in (
    block_array, block_diag, bmat, hstack, kron, kronsum, spdiags, tril, triu, vstack)}
