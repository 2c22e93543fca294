"""scipy.stats: statistics of samples and kernel densities against SciPy, in a fresh trace and a replay, and against differences."""

import numpy as np
import pytest

import tapejit as tj

st = pytest.importorskip("scipy.stats")
X = np.array([[0.5, 1.5, 2.5, 0.7], [1.1, 0.3, 2.2, 0.9], [0.6, 1.9, 0.4, 3.1]])
W = np.array([[1.0], [2.0], [0.5]]) * np.ones((3, 4))
STATISTICS = {
    "gmean": lambda x: st.gmean(x), "gmean axis": lambda x: st.gmean(x, axis=None), "gmean keepdims": lambda x: st.gmean(x, 1, keepdims=True),
    "gmean weights": lambda x: st.gmean(x, weights=W), "gmean traced weights": lambda x: st.gmean(x[0], weights=x[1]),
    "hmean": lambda x: st.hmean(x, axis=1), "pmean": lambda x: st.pmean(x, 3), "pmean axis": lambda x: st.pmean(x, 0.5, axis=1),
    "pmean 0": lambda x: st.pmean(x, 0), "trim_mean": lambda x: st.trim_mean(x, 0.25, axis=1), "trim_mean axis 0": lambda x: st.trim_mean(x, 0.34),
    "moment": lambda x: st.moment(x, 3), "moment 1": lambda x: st.moment(x), "moment center": lambda x: st.moment(x, 2, axis=None, center=0.5),
    "skew": lambda x: st.skew(x), "skew bias": lambda x: st.skew(x, axis=1, bias=False), "skew axes": lambda x: st.skew(x, axis=(0, 1)),
    "kurtosis": lambda x: st.kurtosis(x, axis=1), "kurtosis bias": lambda x: st.kurtosis(x, axis=None, bias=False),
    "kurtosis keepdims": lambda x: st.kurtosis(x, axis=1, fisher=False, keepdims=True),
    "sem": lambda x: st.sem(x), "sem ddof": lambda x: st.sem(x, axis=None, ddof=0), "variation": lambda x: st.variation(x, axis=1),
    "median_abs_deviation": lambda x: st.median_abs_deviation(x, axis=1, scale="normal"),
    "zscore": lambda x: st.zscore(x), "zscore ddof": lambda x: st.zscore(x, axis=None, ddof=1), "zmap": lambda x: st.zmap(x, x * x, axis=1),
    "entropy": lambda x: st.entropy(x), "entropy base": lambda x: st.entropy(x, x**2, axis=1, base=2),
    "entropy relative": lambda x: st.entropy(np.array([0.2, 0.3, 0.1, 0.4]), x[0]),
    "pearsonr": lambda x: st.pearsonr(x[0], x[1]).statistic, "pearsonr p": lambda x: st.pearsonr(x[0], x[1])[1],
    "pearsonr axis": lambda x: st.pearsonr(x, x**2, axis=1, alternative="less").pvalue}


@pytest.mark.parametrize("name", STATISTICS)
def test_statistics(name):
    function = STATISTICS[name]
    traced = tj.jit(function)
    for x in (X, X * 1.1, X.astype(np.float32)):
        found, expected = np.asarray(traced(x)), np.asarray(function(x))
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(found, expected, rtol=1e-12 if x.dtype == float else 1e-4, atol=1e-13 if x.dtype == float else 1e-5)
    tj.check_grads(function, (X,), order=2, rtol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_equal_numbers_have_no_scores():
    x = np.ones((3, 4))
    for function in (lambda x: st.skew(x), lambda x: st.kurtosis(x), lambda x: st.zscore(x), lambda x: st.pearsonr(x[0], x[1]).statistic):
        assert np.all(np.isnan(tj.jit(function)(x))) and np.all(np.isnan(function(x)))
    assert st.pearsonr(X[0, :2], X[1, :2])[0] == tj.jit(lambda x: st.pearsonr(x[0, :2], x[1, :2])[0])(X)


def test_what_is_not_traced_is_refused_by_name():
    for function, text in ((lambda x: st.skew(x, nan_policy="omit"), "nan_policy='omit'"), (lambda x: st.gmean(x * 1j), "complex numbers"),
                           (lambda x: st.zscore(x, nan_policy="raise"), "zscore with nan_policy='raise'"),
                           (lambda x: st.pearsonr(x[0], x[1], method=st.PermutationMethod()), "pearsonr with method=")):
        with pytest.raises(tj.UnsupportedError, match=text):
            tj.jit(function)(X)
    with pytest.raises(ValueError, match="Proportion too big"):
        tj.jit(lambda x: st.trim_mean(x, 0.8))(X)


DATA, POINTS = np.random.default_rng(0).normal(size=(2, 12)), np.random.default_rng(1).normal(size=(2, 5))
WEIGHTS = np.random.default_rng(2).uniform(0.5, 1.0, 12)
DENSITIES = {
    "weights": lambda d, w, p: st.gaussian_kde(d, weights=w)(p), "one-dimensional": lambda d, w, p: st.gaussian_kde(d[0]).evaluate(p[0]),
    "logpdf": lambda d, w, p: st.gaussian_kde(d, weights=w, bw_method="silverman").logpdf(p),
    "bandwidth": lambda d, w, p: st.gaussian_kde(d[0], w[0]).pdf(p[0]),
    "function": lambda d, w, p: st.gaussian_kde(d, lambda kde: kde.neff**-0.2)(p[:, 0])}


@pytest.mark.parametrize("name", DENSITIES)
def test_kernel_densities(name):
    function = DENSITIES[name]
    traced = tj.jit(function)
    for factor in (1.0, 1.1):
        values = (DATA * factor, WEIGHTS * factor, POINTS * factor)
        np.testing.assert_allclose(traced(*values), function(*values), rtol=1e-10)
    tj.check_grads(function, (DATA, WEIGHTS, POINTS), order=2, rtol=1e-4)


def test_a_kernel_density_made_outside_is_read_anew():
    data = DATA.copy()
    kde = st.gaussian_kde(data)
    traced = tj.jit(lambda p: kde(p) * kde.factor + kde.n)
    np.testing.assert_allclose(traced(POINTS), kde(POINTS) * kde.factor + 12, rtol=1e-12)
    tj.check_grads(lambda p: kde.logpdf(p), (POINTS,), order=2)
    kde.set_bandwidth(0.5)  # another attribute
    np.testing.assert_allclose(traced(POINTS), kde(POINTS) * 0.5 + 12, rtol=1e-12)
    data[0] += 1.0
    np.testing.assert_allclose(traced(POINTS), kde(POINTS) * 0.5 + 12, rtol=1e-12)
    with pytest.raises(ValueError, match="length 12"):
        tj.jit(lambda w: st.gaussian_kde(DATA, weights=w)(POINTS))(np.ones(3))
