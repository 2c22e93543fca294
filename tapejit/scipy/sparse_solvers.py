"""SciPy's solvers of sparse systems, with their options: what the row `sparse_solve` calls. Read next: `ops/sparse.py`."""

import importlib

import numpy as np

SYMMETRIC = ("cg", "minres")


class Solver:
    """A function of scipy.sparse.linalg: "splu" and "spsolve", or an iterative one, which appends its `info` to the solution.

    options         SciPy's keywords, fixed for all calls
    preconditioner  {keyword: matrix or operator} of an iterative solver: M, or the M1 and M2 of qmr
    """

    __slots__ = ("name", "options", "preconditioner")

    def __init__(self, name, options=(), preconditioner=None):
        self.name, self.options, self.preconditioner = name, tuple(sorted(options)), preconditioner or {}

    @property
    def direct(self):
        return self.name in ("splu", "spsolve")

    def __call__(self, matrix, b, *start):
        linalg = importlib.import_module("scipy.sparse.linalg")
        if b.size == 0:
            return np.zeros(b.shape if self.direct else b.size + 1, b.dtype)
        if self.direct:
            matrix = matrix.tocsc(copy=True)  # which SciPy may sort in place
            found = linalg.splu(matrix, **dict(self.options)).solve(b) if self.name == "splu" else linalg.spsolve(
                matrix, b, **dict(self.options))
            return found.astype(b.dtype, copy=False).reshape(b.shape)
        keywords = {"x0": start[0]} if start else {}
        found, info = getattr(linalg, self.name)(matrix, b, **self.preconditioner, **keywords, **dict(self.options))
        return np.append(found.astype(b.dtype, copy=False).reshape(-1), b.dtype.type(info))

    def again(self, transposed=False):
        """The solver of the systems of derivatives: the same one. An operator whose transpose nobody knows does not precondition it."""
        if not self.preconditioner or not transposed or self.name in SYMMETRIC:
            return self
        operator = importlib.import_module("scipy.sparse.linalg").LinearOperator
        known = not any(isinstance(part, operator) for part in self.preconditioner.values())
        other = {"M1": "M2", "M2": "M1"}  # (M1 M2)^T = M2^T M1^T
        return Solver(self.name, self.options, {other.get(key, key): part.T for key, part in self.preconditioner.items()} if known else None)

    def _key(self):
        return self.name, self.options, tuple(sorted((key, id(part)) for key, part in self.preconditioner.items()))

    def __eq__(self, other):
        return type(other) is Solver and self._key() == other._key()

    def __hash__(self):
        return hash(self._key())

    def __repr__(self):
        return f"scipy.sparse.linalg.{self.name}"


class Factorised:
    """The solver of systems with one matrix, whose factors SciPy's SuperLU object holds; the matrix that it is given is not read."""

    __slots__ = ("factors", "transposed")
    direct = True

    def __init__(self, factors, transposed=False):
        self.factors, self.transposed = factors, transposed

    def __call__(self, matrix, b):
        return self.factors.solve(b, "T" if self.transposed else "N")

    def again(self, transposed=False):
        return Factorised(self.factors, self.transposed != transposed)

    def __eq__(self, other):
        return type(other) is Factorised and self.factors is other.factors and self.transposed == other.transposed

    def __hash__(self):
        return hash((id(self.factors), self.transposed))

    def __repr__(self):
        return "scipy.sparse.linalg.SuperLU.solve"
