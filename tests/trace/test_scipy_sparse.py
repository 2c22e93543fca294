"""scipy.sparse in traced code: matrices of numbers on traced vectors, matrices of traced values, and the solutions of their systems."""

import numpy as np
import pytest

import tapejit as tj

sp = pytest.importorskip("scipy.sparse")
sl = pytest.importorskip("scipy.sparse.linalg")

RNG = np.random.default_rng(5)
N = 6
DENSE = np.where(RNG.random((N, N)) < 0.4, RNG.standard_normal((N, N)), 0.0) + 4 * np.eye(N)
A, POSITIVE = sp.csr_array(DENSE), sp.csc_array(DENSE @ DENSE.T)
CONSTANT = {name: getattr(sp, name)(DENSE) for name in ("csr_array", "csr_matrix", "csc_array", "csc_matrix", "coo_array", "coo_matrix",
                                                        "dia_array", "bsr_array", "lil_array", "dok_matrix")}
ROWS, COLUMNS = A.tocoo().coords
LU = sl.splu(A.tocsc())
ILU = sl.LinearOperator((N, N), sl.spilu(A.tocsc()).solve)
LOWER, IDENTITY = map(sl.aslinearoperator, (np.tril(DENSE), np.eye(N)))
ARGUMENTS = {"x": RNG.standard_normal(N), "X": RNG.standard_normal((N, 2)), "d": A.data.copy(), "e": RNG.standard_normal(N - 1)}


def B(data):
    return sp.csr_array((data, A.indices, A.indptr), shape=A.shape)


def check(function, *values, order=2):
    """Value, replayed too, and derivatives."""
    traced = tj.jit(function)
    for at in (values, tuple(1.1 * v for v in values)):
        found, expected = traced(*at), np.asarray(function(*at))
        assert found.shape == expected.shape and found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)
    tj.check_grads(function, values, order=order)


@pytest.mark.parametrize("name", CONSTANT)
def test_a_matrix_of_numbers_acts_on_a_traced_array(name):
    M = CONSTANT[name]

    def f(x, X):
        doubled = (M + sp.eye_array(N)) @ x if sp.issparse(M) else 0
        return np.concatenate([M @ x, M.dot(x) * (M.T @ x), x @ M, M.tocsr()[1:4] @ x, np.ravel(M @ X), doubled, (2 * M) @ x])

    check(f, ARGUMENTS["x"], ARGUMENTS["X"])


CASES = """
sp.csr_array((d, A.indices, A.indptr), shape=A.shape) @ x; sp.csc_matrix((d, (ROWS, COLUMNS)), shape=(6, 6)) * x
sp.coo_array((d, (ROWS, COLUMNS))).T @ X; X.T @ sp.csr_matrix((d, A.indices, A.indptr)); sp.coo_matrix((d, (ROWS[::-1], COLUMNS))).toarray()
(sp.coo_array((d, (ROWS, COLUMNS))) + A).tocsr() @ x; (A - 2.0 * sp.csr_array((d, A.indices, A.indptr)) / x[0]) @ x
sp.csr_array((d, A.indices, A.indptr)).multiply(x) @ x; sp.csr_array((d, A.indices, A.indptr)).sum(axis=0) * x
sp.coo_array((d, (ROWS, COLUMNS))).diagonal() * sp.coo_array((d, (ROWS, COLUMNS))).trace(); A.multiply(x) @ x; A * x @ x
sp.diags_array([x, e, e**2], offsets=[0, 1, -1]) @ x; sp.diags([x, e], [0, 2], shape=(6, 7)).T @ x; sp.diags(x).tocsc() @ X; sp.csr_array(X) @ x[:2]
sl.spsolve(A, x); sl.spsolve(A.tocsc(), X); sl.spsolve(sp.csr_matrix((d, A.indices, A.indptr)), x)
sl.spsolve(sp.csc_array((d, (ROWS, COLUMNS))), X); sl.spsolve(sp.diags([x + 8, e], [0, 1], format='csc'), x); sl.splu(A.tocsc()).solve(x)
sl.splu(sp.csc_array((d, (ROWS, COLUMNS)))).solve(x, 'T'); sl.factorized(A.tocsc())(x); sl.spsolve(A, np.ones(6)) * x
sl.cg(POSITIVE, x, rtol=1e-13)[0]; sl.minres(POSITIVE, x, rtol=1e-13)[0]; sl.gmres(A, x, rtol=1e-13)[0]; sl.bicgstab(A, x, rtol=1e-13)[0]
sl.cg(POSITIVE.toarray(), x, rtol=1e-13)[0]; sl.gmres(sp.csr_array((d, A.indices, A.indptr)), x, x0=x, rtol=1e-13, M=sp.eye_array(6) / 4)[0]
sl.spsolve_triangular(sp.tril(A).tocsr(), x); sl.gmres(A, x, M=ILU, rtol=1e-13)[0]; LU.solve(x); LU.solve(X, 'T') * LU.shape[0]
sl.lgmres(A, np.ones(6) * x[0], rtol=1e-13)[0]; (sp.kron(sp.eye_array(2), A) @ np.append(x, x))
sp.block_array([[B(d), None], [A, B(d * d)]]).toarray(); sp.bmat([[sp.csr_matrix(X), None], [None, A]], format='csc').T @ np.append(x, x)
sp.hstack([B(d), A, X]).toarray(); sp.vstack([A.tocsc(), B(d)]) @ x; sp.block_diag([B(d), X, x[0], [1.0, 2.0]]).toarray()
sp.kron(sp.eye_array(2), B(d)).toarray(); sp.kron(X, A).tocsr() @ np.append(x, x); sp.kronsum(B(d), sp.diags([x, e], [0, 1])).toarray()
sp.spdiags(X.T, [0, -1], 3, 4).toarray(); sp.tril(B(d), -1).toarray() + sp.triu(B(d), format='csr') @ X @ X.T
sl.qmr(B(d), x, rtol=1e-13)[0]; sl.qmr(A, x, M1=LOWER, M2=IDENTITY, rtol=1e-13)[0]
""".replace("\n", "; ").strip("; ").split("; ")


@pytest.mark.parametrize("case", CASES)
def test_value_and_derivatives(case):
    names = [name for name in ARGUMENTS if name in compile(case, "case", "eval").co_names]
    space = {"sp": sp, "sl": sl, "B": B, "LOWER": LOWER, "IDENTITY": IDENTITY, "np": np, "A": A, "POSITIVE": POSITIVE, "ROWS": ROWS, "COLUMNS": COLUMNS, "ILU": ILU, "LU": LU}
    exec(compile(f"def f({', '.join(names)}): return {case}", "user.py", "exec"), space)
    check(space["f"], *[ARGUMENTS[name] for name in names])


@pytest.mark.parametrize("solve", ["spsolve", "gmres"])
def test_the_derivative_of_a_solution_is_that_of_the_dense_one(solve):
    def sparse(d, b):
        M = sp.csr_array((d, A.indices, A.indptr), shape=A.shape)
        return np.sum(np.sin(sl.spsolve(M, b) if solve == "spsolve" else sl.gmres(M, b, rtol=1e-14)[0]))

    def dense(d, b):
        M = np.zeros((N, N))
        M[ROWS, COLUMNS] = d
        return np.sum(np.sin(np.linalg.solve(M, b)))

    for one, other in zip(tj.grad(sparse, argnums=(0, 1))(ARGUMENTS["d"], ARGUMENTS["x"]),
                          tj.grad(dense, argnums=(0, 1))(ARGUMENTS["d"], ARGUMENTS["x"])):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("n", [5, 400])
@pytest.mark.parametrize("format", ["csr", "csc", "coo", "dia", "lil"])
def test_changes_of_a_captured_matrix_are_noticed(n, format):
    """In its values, in place or by another array, and in the name."""
    n = min(n, 5) if format == "lil" else n  # which is compared row by row
    space = {"M": sp.diags_array([np.arange(1.0, n + 1), np.ones(n - 1)], offsets=[0, 1], format=format)}
    exec(compile("def f(x): return M @ x", "user.py", "exec"), space)
    traced, x = tj.jit(space["f"]), np.linspace(1.0, 2.0, n)
    np.testing.assert_array_equal(traced(x), space["M"] @ x)
    if format == "lil":
        space["M"][0, 0] = 9.0
    else:
        space["M"].data[...] *= 3.0
    np.testing.assert_array_equal(traced(x), space["M"] @ x)
    if format != "lil":
        space["M"].data = space["M"].data + 1.0
    np.testing.assert_array_equal(traced(x), space["M"] @ x)
    space["M"] = 2 * space["M"]
    np.testing.assert_allclose(traced(x), space["M"] @ x, rtol=1e-15)


def test_a_large_matrix_is_read_by_reference():
    """Its values are no part of the trace, and are not compared: f runs once."""
    M, runs = sp.diags_array([np.ones(20_000), np.ones(19_999)], offsets=[0, 1], format="csr"), []

    def f(x):
        runs.append(0)
        return np.sum((M @ x) ** 2)

    gradient, x = tj.grad(f, pure=True), np.ones(20_000)
    np.testing.assert_allclose(gradient(x)[:3], [4.0, 8.0, 8.0])
    M.data *= 2
    np.testing.assert_allclose(gradient(x)[:3], [16.0, 32.0, 32.0])
    assert len(runs) == 1


def test_scipys_other_functions_take_the_matrix_as_before():
    def f(x):
        largest = sl.norm(A) + sl.eigsh(POSITIVE, 1, return_eigenvectors=False)[0]
        return largest * x + A.nnz + A.max() + sp.find(A)[2].sum() + (A.power(2).sum() if isinstance(A, sp.csr_array) else 0)

    assert tj.jit(f)(1.5) == pytest.approx(f(1.5), rel=1e-12)


def test_info_is_scipys():
    def f(x):
        y, info = sl.cg(POSITIVE, x, rtol=1e-13, maxiter=2)
        return y * (2.0 if info > 0 else 1.0)

    np.testing.assert_allclose(tj.jit(f)(ARGUMENTS["x"]), f(ARGUMENTS["x"]), rtol=1e-13)


def test_single_and_complex_numbers():
    x = ARGUMENTS["x"].astype(np.float32)
    M = A.astype(np.float32)
    assert tj.jit(lambda x: M @ x)(x).dtype == np.float32
    assert tj.grad(lambda x: np.sum(sl.spsolve(M, x) ** 2))(x).dtype == np.float32
    check(lambda x: np.abs(sl.spsolve((1 + 2j) * A, x + 1j * x**2)), ARGUMENTS["x"])


@pytest.mark.parametrize("text, wrong", [
    ("product of two sparse matrices", lambda d: sp.csr_array((d, A.indices, A.indptr)) @ A),
    ("'_deduped_data' of a", lambda d: sl.norm(sp.csr_array((d, A.indices, A.indptr)))),
    ("'max' of a sparse matrix with traced values is not covered", lambda d: sp.csr_array((d, A.indices, A.indptr)).max()),
    ("cg with a LinearOperator is not covered", lambda d: sl.cg(sl.aslinearoperator(A), d[:N])),
    ("an element of a sparse matrix", lambda d: sp.csr_array((d, A.indices, A.indptr))[0, 0])])
def test_what_is_refused_is_named(text, wrong):
    with pytest.raises(tj.UnsupportedError, match=text):
        tj.jit(wrong)(ARGUMENTS["d"])


def test_a_traced_matrix_cannot_be_the_result():
    with pytest.raises(tj.OutputError, match=r"<a traced csr_array of shape \(6, 6\)>, and holds a traced value: return the arrays"):
        tj.jit(B)(ARGUMENTS["d"])


@pytest.mark.parametrize("wrong", [
    lambda x: A @ x[:3], lambda x: sl.spsolve(A, x[:2]), lambda x: sp.csr_array((x, [0, 1], [0, 1, 2])), lambda x: sp.diags([x, x[:3]], [0, 1])])
def test_scipy_raises_its_own_errors(wrong):
    for function in (wrong, tj.jit(wrong)):
        with pytest.raises(ValueError):
            function(ARGUMENTS["x"])
