"""scipy.sparse.linalg for differentiated code: solutions of sparse systems, differentiated by the right-hand side and the stored values.

The value is SciPy's. The derivative of x with A x = b solves another system, A dx = db - dA x, and its transpose one with A^T, by the same
solver with the same options: those of an iterative solver are good to its tolerance. A start x0 has no derivative.
"""

import numpy as np

from ...ops import OPS
from ...trace.lowerings.common import asarray, cast, refuse, static
from ...trace.lowerings.matrices import inexact
from ...trace.recorder import current_trace
from .. import names_of
from ..common import scipys
from ..distributions import fixed
from ..sparse_matrices import is_traced, sparse
from ..sparse_solvers import Factorised, Solver

ITERATIVE = ("bicg", "bicgstab", "cg", "cgs", "gmres", "lgmres", "minres", "qmr", "tfqmr", "gcrotmk")
__all__ = ["factorized", "splu", "spsolve", "spsolve_triangular", *ITERATIVE]
__getattr__, __dir__ = names_of(__name__)


def _system(A, b, name):
    """(the matrix, the right-hand side), or SciPy's errors."""
    if isinstance(A, scipys(__name__, "LinearOperator")) or callable(A):
        refuse(b, f"scipy.sparse.linalg.{name} with a LinearOperator is not covered in traced code: pass the matrix, sparse or dense")
    A, b = sparse(A), asarray(b)
    if A.shape[0] != A.shape[1]:
        raise ValueError(f"matrix must be square (has shape {A.shape})")
    if b.ndim not in (1, 2) or b.shape[0] != A.shape[0]:
        raise ValueError(f"matrix - rhs dimension mismatch ({A.shape} - {b.shape})")
    return A, b


def _solved(A, b, solver, *start):
    data, b = inexact(A.data, b)
    return OPS["sparse_solve"](data, *A.places, b, *start, solver=solver, format=A.storage, size=A.shape)


def spsolve(A, b, permc_spec=None, use_umfpack=True):
    if not is_traced(A) and not is_traced(b):
        return scipys(__name__, "spsolve")(A, b, permc_spec, use_umfpack)
    if hasattr(b, "tocsc"):
        refuse(None, "scipy.sparse.linalg.spsolve of a sparse right-hand side is not covered in traced code: use b.toarray()")
    A, b = _system(A, b, "spsolve")
    x = _solved(A, b, Solver("spsolve", {"permc_spec": permc_spec, "use_umfpack": use_umfpack}.items()))
    return x.reshape(-1) if b.ndim == 2 and b.shape[1] == 1 else x


def spsolve_triangular(A, b, lower=True, overwrite_A=False, overwrite_b=False, unit_diagonal=False):
    if not is_traced(A) and not is_traced(b):
        return scipys(__name__, "spsolve_triangular")(A, b, lower, overwrite_A, overwrite_b, unit_diagonal)
    A, b = _system(A, b, "spsolve_triangular")
    if unit_diagonal:
        refuse(b, "scipy.sparse.linalg.spsolve_triangular with unit_diagonal=True is not covered in traced code: store the ones")
    return _solved(A, b, Solver("spsolve", {"permc_spec": "NATURAL"}.items()))


class Factors:
    """What splu gives, in traced code: the matrix, which is factorised where a solution is asked for."""

    def __init__(self, A, options):
        self.matrix, self.options = A, options

    shape = property(lambda self: self.matrix.shape)

    def __getattr__(self, name):
        refuse(None, f"{name!r} of scipy.sparse.linalg.splu is not covered in traced code: covered is solve")

    def solve(self, rhs, trans="N"):
        A = self.matrix if trans == "N" else self.matrix.T
        A, b = _system(A.conj() if trans == "H" else A, rhs, "splu")
        return _solved(A, b, Solver("splu", self.options.items()))


class Known:
    """What stands for a SuperLU object of the user's, which never changes."""

    def __init__(self, factors):
        self.factors = factors

    def __getattr__(self, name):
        return getattr(self.factors, name)

    def solve(self, rhs, trans="N"):
        if not is_traced(rhs):
            return self.factors.solve(rhs, trans)
        dtype = self.factors.L.dtype
        b, place, solver = asarray(rhs), np.zeros(1, np.int64), Factorised(self.factors, trans in ("T", "H"))
        if b.ndim not in (1, 2) or b.shape[0] != self.factors.shape[0]:
            raise ValueError(f"rhs is of incompatible size: expected {self.factors.shape[0]} rows, found shape {b.shape}")
        if trans == "H" and dtype.kind == "c" or b.dtype.kind == "c" and dtype.kind != "c":
            refuse(rhs, "scipy.sparse.linalg.SuperLU.solve of a complex right-hand side with real factors, or with trans='H', is not covered in "
                        "traced code: solve for the real and the imaginary part, and use trans='T' with conjugates")
        return OPS["sparse_solve"](np.ones(1, dtype), place, place, cast(b, dtype), solver=solver, format="coo", size=self.factors.shape)


def instances(linalg):
    """What stands for factorisations that were made outside of the traced code."""
    return {linalg.SuperLU: Known}


def splu(A, permc_spec=None, diag_pivot_thresh=None, relax=None, panel_size=None, options=None):
    given = {"permc_spec": permc_spec, "diag_pivot_thresh": diag_pivot_thresh, "relax": relax, "panel_size": panel_size}
    if current_trace() is None:
        return scipys(__name__, "splu")(A, options=options, **given)
    if options:
        refuse(None, "scipy.sparse.linalg.splu with `options` is not covered in traced code: leave them away")
    return Factors(sparse(A), given)


def factorized(A):
    return scipys(__name__, "factorized")(A) if current_trace() is None else Factors(sparse(A), {}).solve


def _iterative(name):
    def solve(A, b, x0=None, **options):
        if not (is_traced(A) or is_traced(b) or is_traced(x0)):
            return scipys(__name__, name)(A, b, x0, **options)
        A, b = _system(A, b, name)
        given = {key: options.pop(key) for key in ("M1", "M2") if options.get(key) is not None} if name == "qmr" else {
            "M": options.pop("M", None)}
        preconditioner = {key: part for key, part in given.items() if part is not None}
        if any(map(is_traced, preconditioner.values())):
            refuse(b, f"scipy.sparse.linalg.{name} with a traced preconditioner is not covered: it does not change the solution, pass numbers")
        if options.pop("callback", None) is not None:
            refuse(b, f"scipy.sparse.linalg.{name} with a callback is not covered in traced code: leave it away")
        start = () if x0 is None else (fixed(inexact(A.data, asarray(x0))[1].reshape(-1)),)
        x = _solved(A, b.reshape(-1), Solver(name, {key: static(value) for key, value in options.items()}.items(), preconditioner), *start)
        n = A.shape[0]
        found = cast(x[:n], np.float64) if name == "minres" and x.dtype == np.float32 else x[:n]  # as SciPy's minres gives it
        return found, int(fixed(x[n]))

    solve.__name__ = solve.__qualname__ = name
    return solve


for _name in ITERATIVE:
    globals()[_name] = _iterative(_name)
