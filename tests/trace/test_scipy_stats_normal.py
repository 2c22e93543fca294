"""The multivariate normal and t distributions: distribution function, entropy, draws and densities, by the point, the mean and the covariance."""

import numpy as np
import pytest

import tapejit as tj

st = pytest.importorskip("scipy.stats")
mvn = st.multivariate_normal
C = np.array([[2.0, 0.5, -0.3], [0.5, 1.5, 0.4], [-0.3, 0.4, 1.2]])
M = np.array([0.1, -0.2, 0.3])
X = np.array([[0.5, 0.4, 0.9], [-0.6, 1.0, 0.2]])


def symmetric(a):
    return 0.5 * (a + a.T)


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("function", [
    lambda x, m, c: mvn.cdf(x, m, symmetric(c)), lambda x, m, c: mvn(m, symmetric(c)).logcdf(x)])
def test_distribution_function_of_one_and_two(d, function):
    values = (X[:, :d], M[:d], C[:d, :d])
    np.testing.assert_allclose(tj.jit(function)(*values), function(*values), rtol=1e-13)
    tj.check_grads(function, values, order=2)


def test_distribution_function_of_three_against_integration():
    """The value to SciPy's tolerance; the gradient is of functions of two variables, and exact."""
    function = lambda x, m, c: mvn.cdf(x, m, symmetric(c))
    nodes, weights = np.polynomial.legendre.leggauss(60)

    def exact(x, c):
        """Over the first variable, the distribution function of the other two given it."""
        top = x[0] - M[0]
        low = -9 * np.sqrt(c[0, 0])
        u = low + (top - low) * (nodes + 1) / 2
        rest = c[1:, 1:] - np.outer(c[1:, 0], c[0, 1:]) / c[0, 0]
        values = [mvn.cdf(x[1:] - M[1:] - c[1:, 0] / c[0, 0] * v, cov=rest) * st.norm.pdf(v, scale=np.sqrt(c[0, 0])) for v in u]
        return np.sum(weights * values) * (top - low) / 2

    assert tj.jit(function)(X[0], M, C) == pytest.approx(exact(X[0], C), abs=2e-5)
    gradient = tj.grad(function, argnums=(0, 2))(X[0], M, C)
    step = 1e-4
    for place, direction in ((0, np.array([0.0, 1.0, 0.0])), (2, np.array([[0.0, 0, 1], [0, 0, 0], [1, 0, 0]])), (2, np.diag([0.0, 1.0, 0.0]))):
        ends = [(X[0] + s * direction, C) if place == 0 else (X[0], C + s * direction) for s in (step, -step)]
        difference = (exact(*ends[0]) - exact(*ends[1])) / (2 * step)
        assert np.sum(gradient[place // 2] * direction) == pytest.approx(difference, rel=1e-6)


def test_second_derivatives_of_three():
    direction = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 0]])
    slope = lambda x, c: np.sum(tj.grad(lambda c: mvn.cdf(x, M, symmetric(c)))(c) * direction)
    tj.check_grads(slope, (X[0], C), order=1, rtol=1e-5)


def test_entropy_and_draws():
    entropy = lambda m, c: mvn(m, symmetric(c)).entropy()
    assert tj.jit(entropy)(M, C) == pytest.approx(entropy(M, C), rel=1e-14)
    tj.check_grads(entropy, (M, C), order=2)
    for size in (1, 5, (2, 3)):
        draw = lambda m, c: mvn.rvs(m, symmetric(c), size, random_state=3)
        traced = tj.jit(draw)
        for factor in (1.0, 1.3):
            found, expected = traced(M, C * factor), draw(M, C * factor)
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    tj.check_grads(lambda m, s: mvn(m, s * C).rvs(4, random_state=3), (M, 1.3), order=2)


def test_draws_move_as_their_distribution_does():
    """By the covariance: the derivative of the mean of x[0] * x[1] is 1, of equal eigenvalues too, where eigenvectors have none."""
    def mean_product(r):
        x = mvn.rvs(np.zeros(2), np.array([[1.0, r], [r, 1.0]]), 40000, random_state=5)
        return np.mean(x[:, 0] * x[:, 1])
    assert tj.grad(mean_product)(0.0) == pytest.approx(1.0, abs=0.02)


def test_forms_that_are_not_traced_are_refused_by_name():
    for function, text in ((lambda x: mvn.cdf(x, cov=C, lower_limit=-x), "cdf with lower_limit"),
                           (lambda x: mvn.logpdf(x, cov=C, allow_singular=True), "allow_singular=True"),
                           (lambda x: mvn.rvs(x, st.Covariance.from_diagonal([1, 2, 3])), "Covariance object")):
        with pytest.raises(tj.UnsupportedError, match=text):
            tj.jit(function)(M)


def test_student():
    for function in (lambda x, m, c, n: st.multivariate_t.logpdf(x, m, symmetric(c), n), lambda x, m, c, n: st.multivariate_t(m, symmetric(c), n).pdf(x)):
        for df in (3.5, np.inf):
            np.testing.assert_allclose(tj.jit(function)(X, M, C, df), function(X, M, C, df), rtol=1e-12)
        tj.check_grads(function, (X, M, C, 3.5), order=2)
    outside = st.multivariate_t(M, C, 3.0)
    np.testing.assert_allclose(tj.jit(lambda x: outside.logpdf(x))(X), outside.logpdf(X), rtol=1e-13)
