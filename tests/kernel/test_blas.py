"""BLAS is found without the import of scipy.linalg, which works as usual afterwards."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import numpy as np
import tapejit as tj

x = np.linspace(-1, 1, 10_000).reshape(100, 100)
f = lambda x: np.sum(np.tanh(x @ x))
gradient = tj.grad(f)
before = gradient(x)
from tapejit.kernel import blas
assert blas.available and not [name for name in sys.modules if name.startswith("scipy.linalg")]
import scipy.linalg.cython_blas
from scipy.linalg import cython_blas
assert scipy.linalg.cython_blas is cython_blas is sys.modules["scipy.linalg.cython_blas"]
import scipy.linalg.blas, scipy.linalg.lapack
assert np.allclose(scipy.linalg.blas.dgemm(1.0, x, x), x @ x) and np.allclose(scipy.linalg.cholesky(4 * np.eye(2)), 2 * np.eye(2))
assert (gradient(x) == before).all() and (tj.grad(lambda x: f(x))(x) == before).all()
t = 1 - np.tanh(x @ x) ** 2
assert np.allclose(before, t @ x.T + x.T @ t)
"""


def test_blas_is_found_without_scipy_linalg():
    pytest.importorskip("scipy")
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
