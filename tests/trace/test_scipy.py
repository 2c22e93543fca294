"""SciPy in traced code: however it is imported, its Python functions are tapejit's, its ufuncs are rows of the op table."""

import subprocess
import sys
import threading

import mpmath
import numpy as np
import pytest
import scipy
import scipy.special
import scipy.stats
import scipy.special as special
from scipy.special import erf, logsumexp

import tapejit as tj
import tapejit.scipy.special as drop_in
from laws.samples import tape_of
from tapejit.ops import OPS
from tapejit.passes import reverse
from tapejit.trace.lowerings import covered

X = np.array([[0.3, -1.2, 2.5], [0.1, 0.7, -0.4]])
SOFTMAX = special.softmax(X)


def local_import(x):
    from scipy.special import logsumexp as lse

    return lse(x)


@pytest.mark.parametrize("f", [
    lambda x: logsumexp(x), lambda x: special.logsumexp(x), lambda x: scipy.special.logsumexp(x), local_import,
    lambda x: list(map(logsumexp, [x]))[0], lambda x: {"f": logsumexp}["f"](x), lambda x: drop_in.logsumexp(x)])
def test_every_way_to_say_logsumexp(f):
    np.testing.assert_allclose(tj.grad(f)(X), SOFTMAX, rtol=1e-14)
    assert special.logsumexp is logsumexp and f(X) == logsumexp(X)


def test_without_retargeting_the_drop_in_is_used_by_name():
    np.testing.assert_allclose(tj.grad(lambda x: drop_in.logsumexp(x), retarget=False)(X), SOFTMAX, rtol=1e-14)
    assert drop_in.erf is erf and drop_in.logsumexp([0.0, 1.0]) == logsumexp([0.0, 1.0])
    assert {"erf", "logsumexp"} <= set(dir(drop_in))
    with pytest.raises(AttributeError):
        drop_in.no_such_function


def test_two_threads_bind_at_once():
    found = []
    threads = [threading.Thread(target=lambda: found.append(tj.grad(lambda x: special.logsumexp(x))(X))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_allclose(found, [SOFTMAX] * 2, rtol=1e-14)


def test_importing_tapejit_imports_no_scipy():
    code = "import sys, tapejit; assert not any(m == 'scipy' or m.startswith('scipy.') for m in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# --- the Python functions: values are SciPy's, in a fresh trace and in a replay; derivatives agree with differences ------------

B = np.array([1.0, -0.5, 2.0])
FORMS = {
    "logsumexp": lambda x: logsumexp(x),
    "logsumexp axis": lambda x: logsumexp(x, axis=1),
    "logsumexp axes": lambda x: logsumexp(x, axis=(0, -1), keepdims=True),
    "logsumexp keepdims": lambda x: logsumexp(x, 0, keepdims=True),
    "logsumexp b": lambda x: logsumexp(x, b=B, axis=1),
    "logsumexp traced b": lambda x: logsumexp(x, b=x * x + 1),
    "logsumexp sign": lambda x: logsumexp(x, b=-B, axis=1, return_sign=True)[0],
    "logsumexp of a list": lambda x: logsumexp([x[0, 0], 2 * x[1, 1], 0.0]),
    "logsumexp scalar": lambda x: logsumexp(x[0, 0]),
    "logsumexp shifted": lambda x: logsumexp(x + 1000.0),
    "logsumexp small": lambda x: logsumexp(np.array([0.0, x[0, 0] - 50.0])),
    "softmax": lambda x: special.softmax(x),
    "softmax axis": lambda x: special.softmax(x, axis=-1),
    "log_softmax": lambda x: special.log_softmax(x, axis=0),
    "multigammaln": lambda x: special.multigammaln(x * x + 2.0, 3),
    "multigammaln scalar": lambda x: special.multigammaln(x[0, 0] + 2.0, 2),
    "comb": lambda x: special.comb(x + 6.0, 2),
    "comb both": lambda x: special.comb(x + 6.0, x * 0.5 + 1.0),
    "comb repetition": lambda x: special.comb(x + 6.0, 2.5, repetition=True),
    "perm": lambda x: special.perm(x + 6.0, 2),
    "factorial": lambda x: special.factorial(x + 3.0),
    "polygamma": lambda x: special.polygamma(2, x + 3.0),
    "polygamma orders": lambda x: special.polygamma(np.array([0, 1, 2]), x + 3.0),
    "zeta": lambda x: special.zeta(x + 3.0),
    "zeta q": lambda x: special.zeta(x + 3.0, x + 2.0),
    "sici": lambda x: special.sici(x + 2.0)[0] * special.sici(x + 2.0)[1],
    "fresnel": lambda x: np.stack(special.fresnel(x)),
    "jn": lambda x: special.jn(2, x),
    "yn": lambda x: special.yn(1, x + 2.0),
    "expn": lambda x: special.expn(2, x + 2.0),
    "bdtr": lambda x: special.bdtr(2, 5, special.expit(x)),
    "integers": lambda x: special.xlogy(2, x + 2.0) + special.beta(1, x + 2.0),
    "lists": lambda x: special.gammaln([x[0, 0] + 3.0, [2.5, x[1, 1]][1] + 2.0]),
    "out": lambda x: special.erf(x, out=np.zeros((2, 3))),
    "reduce": lambda x: np.sum(special.hyp2f1(1.0, x, 3.0, 0.25)),
    "outer": lambda x: special.xlogy.outer(x[0], x[1] + 2.0),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms(name):
    f = FORMS[name]
    traced = tj.jit(f)
    for x in (X, X[::-1] * 0.9, X.copy()):  # a fresh trace, and replays
        found, expected = traced(x), f(x)
        assert type(found) is type(expected) and found.dtype == expected.dtype and found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=2e-14, atol=1e-15)
    tj.check_grads(f, (X,), order=2, rtol=2e-5)


@pytest.mark.parametrize("name", FORMS)
def test_forms_in_single_precision(name):
    x = X.astype(np.float32)
    expected, found = FORMS[name](x), tj.jit(FORMS[name])(x)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)


def test_edges_of_logsumexp():
    f = tj.jit(lambda x: special.logsumexp(x, axis=1))
    x = np.array([[-np.inf, -np.inf], [np.inf, 1.0], [-np.inf, 2.0], [np.nan, 1.0], [1e300, -1e300]])
    np.testing.assert_array_equal(f(x), special.logsumexp(x, axis=1))
    np.testing.assert_array_equal(tj.grad(lambda x: special.logsumexp(x))(np.array([-np.inf, 2.0])), [0.0, 1.0])
    assert tj.jit(lambda x: special.logsumexp(x))(np.zeros(0)) == -np.inf
    tiny = tj.grad(lambda x: special.logsumexp(x))(np.array([0.0, -745.0]))
    assert 0 < tiny[1] < 1e-320


def test_every_name_of_list_e_is_covered():
    """The names of scipy.special that the project promises, and none that it does not have."""
    names = """beta betainc betaln gammasgn polygamma psi digamma gamma gammaln loggamma rgamma gammainc gammaincc gammaincinv j0 y0 j1 y1 jn jv
        yn yv i0 i0e i1 i1e iv ive k0 k1 kv erf erfc erfcx erfinv erfcinv expit log_expit logit xlogy xlog1py entr rel_entr kl_div ndtr log_ndtr
        ndtri exp1 expi expn sici fresnel dawsn spence zeta boxcox boxcox1p hyp1f1 hyp2f1 wofz owens_t poch bdtr stdtr logsumexp softmax
        log_softmax multigammaln comb factorial""".split()
    assert covered(names, special) == names
    assert covered(["ellipk", "lambertw", "no_such_name"], special) == []
    x = np.array([0.5, 1.5])
    np.testing.assert_array_equal(tj.jit(lambda x: special.wofz(x))(x), special.wofz(x))


def test_math_functions():
    import math

    def f(x):
        return math.erf(x) + 2 * math.erfc(float(x)) + math.gamma(x) * math.lgamma(x)

    assert tj.grad(f)(1.7) == pytest.approx(float(mpmath.diff(
        lambda x: mpmath.erf(x) + 2 * mpmath.erfc(x) + mpmath.gamma(x) * mpmath.loggamma(x), 1.7)), rel=1e-13)
    with pytest.raises(ValueError):
        tj.grad(lambda x: math.gamma(x))(-2.0)


def test_what_is_refused_is_named():
    with pytest.raises(tj.UnsupportedError, match=r"scipy.special.expn has no derivative by n .*integer"):
        tj.grad(lambda n: special.expn(n, 2.0))(3.0)
    with pytest.raises(tj.UnsupportedError, match=r"scipy.special.jv has no derivative by v to third order"):
        tj.grad(tj.grad(tj.grad(lambda v: special.jv(v, 2.0))))(0.5)
    with pytest.raises(tj.UnsupportedError, match="_lambertw has no derivative rule"):
        tj.grad(lambda x: special.lambertw(x).real)(2.0)
    with pytest.raises(tj.UnsupportedError, match="comb.exact=True. of a traced value"):
        tj.grad(lambda x: special.comb(x, 2, exact=True))(5.0)
    assert tj.grad(lambda x: x * special.comb(5, 2, exact=True))(2.0) == 10.0


def test_arguments_that_are_not_differentiated_cost_nothing():
    """The numeric derivative by a shape is not on the tape where only x is differentiated."""
    operands = [np.float64(2.0), np.float64(3.0), np.float64(0.4)]
    builder = tape_of(OPS["betainc"], operands)
    before = len(builder.tape)
    reverse(builder, {before - 1: builder.number(1.0, "f64")}, [2])
    assert {row.name for k, row, *_ in builder.tape.records() if k >= before} & {"betainc_a", "beta_density"} == {"beta_density"}


@pytest.mark.parametrize("f", [
    lambda z: special.zeta(z), lambda z: special.sici(z)[0] * special.sici(z)[1], lambda z: special.fresnel(z)[0] * special.fresnel(z)[1]])
def test_complex_arguments_keep_their_imaginary_parts(f):
    z, h = np.array([1.3 + 0.4j, 2.1 - 0.3j]), 1e-6
    for direction in (1, 1j):
        value, tangent = tj.jvp(f, (z,), (np.full(2, direction, complex),))
        np.testing.assert_array_equal(value, f(z))
        np.testing.assert_allclose(tangent, (f(z + h * direction) - f(z - h * direction)) / (2 * h), rtol=1e-7)
    tj.check_grads(lambda z: np.sum(np.abs(f(z)) ** 2), (z,), order=2)


def test_complex_arguments_are_refused_where_scipy_has_no_such_function():
    with pytest.raises(tj.UnsupportedError, match="scipy.special.zeta of complex numbers"):
        tj.jit(lambda z: special.zeta(z, 2.0))(np.array([2.0 + 1j]))
    with pytest.raises(tj.UnsupportedError, match="traced for real numbers only"):
        tj.jit(lambda z: scipy.stats.norm.logpdf(z))(np.array([2.0 + 1j]))
