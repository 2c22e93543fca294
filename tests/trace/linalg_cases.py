"""The table behind `test_lowerings_linalg.py`: expressions of numpy.linalg on traced matrices, in NumPy's argument forms.

The names in an expression are the arguments: `MAKERS` gives what they are, well conditioned and with spectra well apart.
"""

import numpy as np

from laws.matrices import apart, positive, real_spectrum


def _normal(*shape):
    return lambda rng, operands: rng.standard_normal(shape)


def _tensor(rng, operands):
    return apart(6, 6)(rng, operands).reshape(2, 3, 3, 2)


MAKERS = {"p": positive(3, 3), "q": positive(2, 4, 4), "a": apart(3, 3), "m": apart(2, 3, 3), "k": apart(2, 1, 3, 3),
          "t": apart(4, 2), "w": apart(2, 4), "ts": apart(2, 4, 2), "ws": apart(2, 2, 3), "g": real_spectrum(3, 3),
          "gs": real_spectrum(2, 3, 3), "h": _tensor,
          "b": _normal(3), "c": _normal(3, 2), "d": _normal(2, 3, 2), "e": _normal(4), "f": _normal(4, 3),
          "n": _normal(0, 0), "o": _normal(2, 3),
          "big": apart(50, 50), "r": _normal(50)}


def inputs(names, seed=0, dtype=np.float64):
    """One value per name, whatever other names there are."""
    return {name: np.asarray(MAKERS[name](np.random.default_rng([seed, *name.encode()]), [])).astype(dtype) for name in names}


SYSTEM_CASES = """
np.linalg.solve(a, b); np.linalg.solve(a, c); np.linalg.solve(a=a, b=b); np.linalg.solve(m, b); np.linalg.solve(m, c)
np.linalg.solve(m, d); np.linalg.solve(a, d); np.linalg.solve(k, d); np.linalg.solve(a, np.eye(3))
np.linalg.solve(np.diag([1.0, 2.0, 3.0]), b); np.linalg.solve(n, n); np.linalg.solve(a, [1.0, 2.0, 3.0]); np.linalg.solve(a.T, b)
np.linalg.solve(a, c[:, :0]); np.linalg.inv(a); np.linalg.inv(m); np.linalg.inv(k); np.linalg.inv(a=a); np.linalg.inv(n)
np.linalg.inv(a.T) @ b; np.linalg.inv(a.mT) @ a; np.linalg.pinv(a); np.linalg.pinv(t); np.linalg.pinv(w); np.linalg.pinv(ts)
np.linalg.pinv(t, 1e-10); np.linalg.pinv(ts, rcond=[1e-2, 1e-3]); np.linalg.pinv(p, hermitian=True); np.linalg.pinv(q, hermitian=True)
np.linalg.pinv(t, rtol=1e-9); np.linalg.pinv(t, rtol=None); np.linalg.lstsq(t, e); np.linalg.lstsq(t, f, rcond=None)
np.linalg.lstsq(w, o); np.linalg.lstsq(a, b); np.linalg.lstsq(t, np.ones(4), rcond=-1)[0]
np.linalg.lstsq(np.ones((4, 2)) * np.arange(2), e)[0]; np.linalg.lstsq(t, e)[0]; np.linalg.tensorinv(h); np.linalg.tensorinv(a, ind=1)
np.linalg.tensorsolve(h, o); np.linalg.tensorsolve(h.transpose(2, 0, 1, 3), o, axes=(0,))
np.linalg.tensorsolve(h.transpose(2, 0, 3, 1), o, (0, 2))[0]; np.linalg.matrix_power(a, -1); np.linalg.matrix_power(m, -3)
np.linalg.matrix_power(a, n=2); np.linalg.solve(p + 2 * np.eye(3), p @ b) @ b; np.linalg.solve(big, r)[:3]
np.linalg.solve(big, np.outer(r, r[:2]))[:2]
"""

SCALAR_CASES = """
np.linalg.det(a); np.linalg.det(m); np.linalg.det(k); np.linalg.det(n); np.linalg.det(a[:1, :1]); np.linalg.det(p) ** 0.5
np.linalg.det(np.outer(b, b)); np.linalg.det(np.outer(b, b) + np.outer(c[:, 0], c[:, 1])); np.linalg.slogdet(a); np.linalg.slogdet(m)
np.linalg.slogdet(a)[1]; np.linalg.slogdet(a).logabsdet * 2; np.linalg.slogdet(n); np.linalg.slogdet(-p).sign; np.linalg.cond(a)
np.linalg.cond(m); np.linalg.cond(t); np.linalg.cond(a, 2); np.linalg.cond(a, p=-2); np.linalg.cond(a, 1); np.linalg.cond(m, -1)
np.linalg.cond(a, np.inf); np.linalg.cond(a, -np.inf); np.linalg.cond(m, 'fro'); np.linalg.cond(a, 'nuc'); np.linalg.norm(a, 2)
np.linalg.norm(t, -2); np.linalg.norm(w, 'nuc'); np.linalg.norm(m, 2, axis=(1, 2)); np.linalg.norm(m, 'nuc', axis=(0, 2))
np.linalg.norm(m, 2, (-1, 0), True); np.linalg.norm(k, -2, axis=(2, 3), keepdims=True); np.linalg.norm(t, ord='nuc', keepdims=True)
np.linalg.matrix_norm(m, ord=2); np.linalg.matrix_norm(ts, ord='nuc', keepdims=True); np.linalg.matrix_norm(t, ord=-2)
np.linalg.matrix_norm(m); np.linalg.matrix_norm(a, ord=1); np.linalg.vector_norm(a, ord=3); np.linalg.trace(m); np.linalg.diagonal(m)
np.linalg.diagonal(a, offset=1); np.linalg.outer(b, e); np.linalg.cross(a, m); np.linalg.vecdot(a, m, axis=-1); np.linalg.matmul(m, d)
np.linalg.matrix_transpose(ts); np.linalg.tensordot(m, d, axes=([0, 1], [0, 1])); np.linalg.multi_dot([a, c, o])
"""

DECOMPOSITION_CASES = """
np.linalg.cholesky(p); np.linalg.cholesky(q); np.linalg.cholesky(p, upper=True); np.linalg.cholesky(q, upper=True); np.linalg.cholesky(n)
np.linalg.cholesky(p.T)[1]; np.linalg.cholesky(p @ p.T + np.eye(3)); np.linalg.eigh(p); np.linalg.eigh(q); np.linalg.eigh(p, 'U')
np.linalg.eigh(q, UPLO='u'); np.linalg.eigh(p).eigenvalues[0]; np.linalg.eigh(p)[1][:, :2]; np.linalg.eigh(n); np.linalg.eigh(p[:1, :1])
np.linalg.eigvalsh(p); np.linalg.eigvalsh(q, 'U'); np.linalg.eigvalsh(a=p)[-1]; np.linalg.eigvalsh(a + a.T); np.linalg.eig(g)
np.linalg.eig(gs); np.linalg.eig(g).eigenvectors; np.linalg.eigvals(g); np.linalg.eigvals(gs)[:, 0]; np.linalg.svd(a)
np.linalg.svd(t, full_matrices=False); np.linalg.svd(w, False); np.linalg.svd(ts, full_matrices=False).S
np.linalg.svd(ws, full_matrices=False); np.linalg.svd(m).Vh; np.linalg.svd(t, compute_uv=False); np.linalg.svd(ws, True, False)
np.linalg.svd(p - 2.5 * np.eye(3), hermitian=True); np.linalg.svd(q, hermitian=True); np.linalg.svd(p, compute_uv=False, hermitian=True)
np.linalg.svdvals(t); np.linalg.svdvals(ws); np.linalg.svd(n); np.linalg.qr(a); np.linalg.qr(t); np.linalg.qr(w); np.linalg.qr(ts)
np.linalg.qr(ws); np.linalg.qr(t, 'r'); np.linalg.qr(ws, mode='r'); np.linalg.qr(a, 'complete'); np.linalg.qr(w, mode='complete')
np.linalg.qr(m).R; np.linalg.qr(t, mode='reduced').Q; np.linalg.qr(n); (lambda u: u[:, 2:] @ u[:, 2:].T)(np.linalg.svd(t)[0])
(lambda v: v[2:].T @ v[2:])(np.linalg.svd(w).Vh); np.linalg.svd(t, full_matrices=True)[1:]
(lambda q: q[..., 2:] @ q[..., 2:].mT)(np.linalg.qr(ts, 'complete')[0]); np.linalg.qr(t, 'complete').R[:2]
"""

FLAT_CASES = """
np.linalg.matrix_rank(a); np.linalg.matrix_rank(m); np.linalg.matrix_rank(t, 1e-3); np.linalg.matrix_rank(m, tol=[1e-3, 1.5])
np.linalg.matrix_rank(b); np.linalg.matrix_rank(p, hermitian=True); np.linalg.matrix_rank(np.outer(b, b), rtol=1e-6)
np.linalg.slogdet(a)[0]; np.linalg.matrix_power(a, 0); np.linalg.pinv(t, rcond=0.7); np.linalg.pinv(ts, rcond=[0.7, 1e-3])
np.linalg.lstsq(t, e, 0.7); np.linalg.norm(a[:, :0], 1); np.linalg.norm(a[:, :0], np.inf, axis=1); np.linalg.norm(a[:, :0], -1, axis=1)
"""


def listed(text):
    return [case.strip() for line in text.strip().splitlines() for case in line.split("; ")]


FLAT = frozenset(listed(FLAT_CASES))
CASES = [case for text in (SYSTEM_CASES, SCALAR_CASES, DECOMPOSITION_CASES, FLAT_CASES) for case in listed(text)]


def names_in(case):
    """The arguments that an expression uses."""
    return [name for name in dict.fromkeys(compile(case, "case", "eval").co_names) if name in MAKERS]
