"""scipy.linalg in code as users write it: SciPy's values and types, in a fresh trace and in a replay, and derivatives of both orders.

Each expression is a function of the matrices that it names. Vectors whose signs SciPy's drivers choose enter through projectors.
"""

import numpy as np
import pytest

import tapejit as tj

scipy = pytest.importorskip("scipy")
pytest.importorskip("tapejit.scipy.linalg")
sl = pytest.importorskip("scipy.linalg")
cho_factor, cho_solve = sl.cho_factor, sl.cho_solve

CASES = """
sl.cho_factor(P)[0]; sl.cho_factor(P, lower=True)[0]; cho_solve(cho_factor(P), b); cho_solve(cho_factor(P, True), B); sl.cholesky(P)
sl.cholesky(P, lower=True); sl.det(A); sl.det(S); sl.eigh(P)[0]; (lambda v: v[:, :2] @ v[:, :2].T)(sl.eigh(P)[1])
sl.eigh(P, eigvals_only=True); sl.eigh(P, subset_by_index=[1, 2])[0]; sl.eigh(P, subset_by_index=[1, 2], eigvals_only=True)
sl.eigh(P, M, eigvals_only=True); (lambda v: v[:, :2] @ v[:, :2].T)(sl.eigh(P, M)[1])
(lambda v: v[:, :2] @ v[:, :2].T)(sl.eigh(P, M, type=3)[1]); (lambda v: v[:, :2] @ v[:, :2].T)(sl.eigh(P, M, type=2, lower=False)[1])
sl.eigh(P, lower=False, subset_by_value=[5, 100])[0]; sl.eigvalsh(P); sl.expm(A / 3); sl.expm(S / 10); sl.inv(A)
sl.inv(P, assume_a='pos'); sl.inv(A, assume_a='upper triangular'); sl.lu(A); sl.lu(T); sl.lu(W); sl.lu(A, permute_l=True)
sl.lu(T, p_indices=True); sl.lu(S); sl.lu_factor(A); sl.lu_solve(sl.lu_factor(A), b); sl.lu_solve(sl.lu_factor(A), B, trans=1); sl.qr(A)
sl.qr(T)[1][:3]; sl.qr(W); sl.qr(T, mode='economic'); sl.qr(W, mode='economic'); sl.qr(T, mode='r')[0][:3]; sl.qr(W, mode='r')
sl.qr(A, pivoting=True); sl.solve(A, b); sl.solve(A, B); sl.solve(A, B, transposed=True); sl.solve(P, B, assume_a='pos')
sl.solve(P, b, assume_a='sym', lower=True); sl.solve(S, b); sl.solve_triangular(A, b); sl.solve_triangular(A, B, lower=True)
sl.solve_triangular(A, b, trans='T', lower=True); sl.solve_triangular(A, b, trans=1, unit_diagonal=True); sl.solve_banded((1, 1), K, b)
sl.solve_banded((1, 1), K, B); sl.solve_sylvester(P, C, Q); sl.sqrtm(P); sl.block_diag(A, B, [1.0, 2.0], b[0]); sl.block_diag(S, A)
sl.toeplitz(b); sl.toeplitz(b, B[:3, 0]); sl.norm(A); sl.norm(A, 2); sl.norm(A, 'nuc'); sl.svdvals(T); sl.svd(A)
sl.svd(T, full_matrices=False); sl.pinv(T); scipy.linalg.solve(A, b); sl.logm(np.eye(2)) + sl.expm(A[:2, :2]); sl.hilbert(4) @ A
""".replace("\n", "; ").strip("; ").split("; ")


def arguments():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 4))
    p = x @ x.T + 4 * np.eye(4)
    t = rng.standard_normal((5, 3))
    return {"P": p, "A": rng.standard_normal((4, 4)) + 2 * np.eye(4), "b": rng.standard_normal(4), "B": rng.standard_normal((4, 3)),
            "T": t, "W": t.T.copy(),
            "S": np.stack([p, 2 * p + np.eye(4)]), "M": 2 * p + np.diag([1.0, 2.0, 3.0, 4.0]),
            "K": np.array([[0, 1.0, 2, 3], [5, 6, 7, 8], [1, 2, 1, 0]]),
            "Q": rng.standard_normal((4, 3)), "C": rng.standard_normal((3, 3)) + 3 * np.eye(3)}


ARGUMENTS = arguments()


def leaves(value):
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, (tuple, list)) else [value]


def function_of(case):
    names = [name for name in ARGUMENTS if name in compile(case, "case", "eval").co_names]
    space = {"sl": sl, "scipy": scipy, "np": np, "cho_factor": cho_factor, "cho_solve": cho_solve}
    exec(compile(f"def f({', '.join(names)}): return {case}", "user.py", "exec"), space)
    return space["f"], tuple(ARGUMENTS[name] for name in names)


@pytest.mark.parametrize("case", CASES)
def test_value_and_derivatives(case):
    function, values = function_of(case)
    traced = tj.jit(function)
    for at in (values, tuple(1.1 * v for v in values)):
        found, expected = leaves(traced(*at)), leaves(function(*at))
        assert len(found) == len(expected)
        for one, other in zip(found, expected):
            assert np.shape(one) == np.shape(other) and np.asarray(one).dtype == np.asarray(other).dtype
            assert isinstance(one, np.ndarray) == isinstance(other, np.ndarray)
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-11)
    tj.check_grads(function, values, order=2)


ERRORS = """
sl.cholesky(-P); sl.cho_factor(T); sl.solve(A * 0, b); sl.solve(A, T); sl.inv(A * 0); sl.inv(T); sl.det(T); sl.solve_triangular(A * 0, b)
sl.solve_triangular(A, T); sl.solve(A * np.nan, b); sl.expm(T); sl.solve_banded((1, 2), K, b); sl.qr(A, mode='nonsense')
sl.lu_solve(sl.lu_factor(A), T); sl.block_diag(S, np.ones((3, 1, 1)), A); sl.solve(-P, b, assume_a='pos'); sl.sqrtm(T); sl.eigh(T)
sl.solve_sylvester(A, C, T)
""".replace("\n", "; ").strip("; ").split("; ")


@pytest.mark.parametrize("case", ERRORS)
@pytest.mark.filterwarnings("ignore")
def test_scipy_raises_its_own_errors(case):
    function, values = function_of(case)
    with pytest.raises(Exception) as expected:
        function(*values)
    with pytest.raises(Exception) as found:
        tj.jit(function)(*values)
    assert found.type is expected.type, (found.value, expected.value)


def test_square_roots_that_are_complex_are_refused():
    with pytest.raises(tj.UnsupportedError, match="astype"):
        tj.jit(lambda a: sl.sqrtm(a))(-np.eye(2))
