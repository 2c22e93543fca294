"""Operands for the laws of the rows of linear algebra: well conditioned, with eigenvalues and singular values well apart.

Each maker takes a shape and gives a function (rng, operands so far) -> array, which stands in `CASES` in place of a shape.
"""

import numpy as np

from tapejit.ops import lapack
from tapejit.scipy.sparse_solvers import Solver


def _basis(rng, n):
    """An orthogonal matrix."""
    return np.linalg.qr(rng.standard_normal((n, n)))[0]


def _stacked(make, shape):
    lead = shape[:-2]
    return lambda rng, operands: np.stack([make(rng, *shape[-2:]) for _ in range(int(np.prod(lead)))]).reshape(shape)


def apart(*shape):
    """Singular values 1, 2, 3 ... with some noise."""
    def make(rng, m, n):
        k = min(m, n)
        return (_basis(rng, m)[:, :k] * (1 + np.arange(k) + rng.uniform(0, 0.3, k))) @ _basis(rng, n)[:k]
    return _stacked(make, shape)


def positive(*shape):
    """Symmetric, with eigenvalues 1, 2, 3 ... with some noise."""
    def make(rng, n, _):
        v = _basis(rng, n)
        return (v * (1 + np.arange(n) + rng.uniform(0, 0.3, n))) @ v.T
    return _stacked(make, shape)


def lower(*shape):
    """Lower triangles with a positive diagonal."""
    def make(rng, n, _):
        return np.tril(rng.uniform(-1, 1, (n, n)) / n, -1) + np.diag(1 + rng.uniform(0, 1, n))
    return _stacked(make, shape)


def real_spectrum(*shape):
    """Not symmetric, with real eigenvalues -1, 0, 1, 2 ... with some noise."""
    def make(rng, n, _):
        v = np.eye(n) + 0.3 * rng.standard_normal((n, n))
        return (v * (np.arange(n) - 1 + rng.uniform(0, 0.3, n))) @ np.linalg.inv(v)
    return _stacked(make, shape)


def bands(n, below, above):
    """The diagonals of a matrix with a large main one."""
    def make(rng, operands):
        ab = rng.uniform(-1, 1, (below + above + 1, n))
        ab[above] += 4
        return ab
    return make


def singular(*shape):
    """As `apart`, but the smallest singular value is 0."""
    def make(rng, n, _):
        return (_basis(rng, n) * np.arange(n)) @ _basis(rng, n)
    return _stacked(make, shape)


def bits_of_first(rng, operands):
    """The LU bits of the first operand."""
    return lapack.lu_bits(np, operands[0])


_SOLVE = [((apart(3, 3), (3, 2)), {"trans": False}), ((apart(2, 3, 3), (2, 3, 1)), {"trans": True})]
_BIG = 26  # goes to LAPACK
_TRIANGLES = [((apart(3, 3), (3, 2)), {"lower": True, "trans": False, "unit": False, "strict": True}),
              ((apart(2, 3, 3), (2, 3, 2)), {"lower": False, "trans": True, "unit": False, "strict": False}),
              ((apart(4, 4), (4, 1)), {"lower": True, "trans": True, "unit": True, "strict": False}),
              ((apart(4, 4), (4, 1)), {"lower": False, "trans": False, "unit": True, "strict": False}),
              ((apart(_BIG, _BIG), (_BIG, 2)), {"lower": True, "trans": False, "unit": False, "strict": False}),
              ((apart(_BIG, _BIG), (_BIG, 2)), {"lower": False, "trans": True, "unit": False, "strict": True})]

_LIMIT = np.array(1e-15)
_AT = np.array([0, 2, 1, 0, 2]), np.array([0, 0, 1, 2, 2])  # rows, columns
_CSR = np.array([0, 2, 1, 0, 2]), np.array([0, 2, 3, 5])  # columns, where rows begin


def heavy_diagonal(rng, operands):
    """Values at `_AT` of a matrix with a large diagonal."""
    return np.where(_AT[0] == _AT[1], 4.0, 0.0) + rng.uniform(-1, 1, 5)


_SPARSE = {"format": "coo", "size": (3, 3)}
SPARSE_CASES = {
    "sparse_product": [(((5,), *_AT, (3, 2)), _SPARSE), (((5,), *_CSR, (3,)), {"format": "csr", "size": (3, 3)}),
                       (((5,), *_CSR, (3, 1)), {"format": "csc", "size": (4, 3)})],
    "sparse_sampled": [((*_AT, (3, 2), (3, 2)), _SPARSE), ((*_CSR, (3,), (4,)), {"format": "csr", "size": (3, 4)})],
    "sparse_solve": [((heavy_diagonal, *_AT, (3, 2)), {"solver": Solver("splu"), **_SPARSE}),
                     ((heavy_diagonal, *_AT, (3,)), {"solver": Solver("spsolve"), **_SPARSE}),
                     ((heavy_diagonal, *_AT, (3,)), {"solver": Solver("gmres", {"rtol": 1e-14}.items()), **_SPARSE})],
}
LINALG_CASES = {
    "tril": [(((3, 3),), {"k": 0}), (((2, 3, 4),), {"k": -1})],
    "triu": [(((3, 3),), {"k": 0}), (((2, 4, 3),), {"k": 1})],
    "solve": _SOLVE,
    "solve_triangle": _TRIANGLES,
    "lu_bits": [((apart(3, 3),), {}), ((apart(2, 3, 3),), {})],
    "lu_solve": [((apart(_BIG, _BIG), (_BIG, 2), bits_of_first), {"trans": True}),
                 ((apart(2, 3, 3), (2, 3, 1), bits_of_first), {"trans": False})],
    "inv": [((apart(3, 3),), {}), ((apart(2, 2, 2),), {}), (((0, 0),), {})],
    "inverse_or_nan": [((apart(3, 3),), {})],
    "cholesky": [((positive(3, 3),), {}), ((positive(2, 4, 4),), {}), ((positive(1, 1),), {})],
    "cholesky_pull": [((lower(3, 3), (3, 3)), {}), ((lower(2, 4, 4), (2, 4, 4)), {})],
    "det": [((apart(3, 3),), {}), ((apart(2, 2, 2),), {}), ((singular(3, 3),), {}), ((singular(2, 4, 4),), {}), (((1, 1),), {})],
    "cofactor": [((apart(3, 3),), {}), ((apart(2, 2, 2),), {})],
    "cofactor_change": [((apart(3, 3), (3, 3)), {}), ((apart(2, 2, 2), (2, 2, 2)), {})],
    "slogdet": [((apart(3, 3),), {}), ((apart(2, 2, 2),), {})],
    "eigh": [((positive(4, 4),), {"lower": True, "driver": None}), ((positive(2, 3, 3),), {"lower": False, "driver": "evd"}),
             ((positive(1, 1),), {"lower": True, "driver": None})],
    "eigvalsh": [((positive(4, 4),), {"lower": True}), ((positive(2, 3, 3),), {"lower": False})],
    "pinv": [((apart(4, 2), _LIMIT), {"triangle": False}), ((apart(2, 2, 3), _LIMIT), {"triangle": False}),
             ((positive(3, 3), _LIMIT), {"triangle": True})],
    "lstsq": [((apart(4, 2), (4, 3)), {"rcond": 1e-15}), ((apart(2, 4), (2, 1)), {"rcond": 1e-15})],
    "svd": [((apart(3, 3),), {"full": False}), ((apart(4, 2),), {"full": False}), ((apart(2, 2, 4),), {"full": False}),
            ((apart(3, 3),), {"full": True})],
    "svdvals": [((apart(3, 3),), {}), ((apart(2, 4, 2),), {}), ((apart(2, 3),), {})],
    "qr": [((apart(3, 3),), {"complete": False}), ((apart(2, 4, 2),), {"complete": False}), ((apart(2, 2),), {"complete": True})],
    "eig": [((real_spectrum(3, 3),), {})],
    "real_eig": [((real_spectrum(3, 3),), {}), ((real_spectrum(2, 4, 4),), {})],
    "has_real_eigenvalues": [((real_spectrum(3, 3),), {})],
    "lu": [((apart(3, 3),), {}), ((apart(2, 4, 2),), {}), ((apart(2, 3),), {})],
    "expm": [(((3, 3),), {}), (((2, 2, 2),), {})],
    "sylvester": [((positive(3, 3), positive(2, 2), (3, 2)), {}), ((positive(2, 2, 2), positive(2, 3, 3), (2, 2, 3)), {})],
    "solve_banded": [((bands(5, 1, 2), (5, 2)), {"below": 1, "above": 2}), ((bands(2, 3, 0), (2, 1)), {"below": 3, "above": 0})],
    "sqrtm": [((positive(3, 3),), {}), ((positive(2, 2, 2),), {})],
    **SPARSE_CASES,
    "filter_form": [(((4, 5), (3, 2)), {"gives": "result", "before": (1, 0), "mode": "reflect", "sizes": (3, 2)}),
                    (((4, 5), (1, 3)), {"gives": "input", "before": (0, 2), "mode": "wrap", "sizes": (1, 3)}),
                    (((6,), (6,)), {"gives": "weights", "before": (1,), "mode": "constant", "sizes": (4,)})],
}
