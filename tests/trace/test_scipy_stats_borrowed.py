"""Distributions of scipy.stats whose formulas are SciPy's own: values and derivatives against SciPy, frozen ones, refusals."""

import numpy as np
import pytest

import tapejit as tj

stats = pytest.importorskip("scipy.stats")

CONTINUOUS = [("gumbel_r", ()), ("genextreme", (0.3,)), ("rayleigh", ()), ("invgauss", (1.4,)), ("johnsonsu", (2.5, 1.7)), ("maxwell", ()),
              ("halfnorm", ()), ("crystalball", (2.0, 3.0)), ("exponweib", (2.9, 1.9)), ("genpareto", (0.4,)), ("loguniform", (0.5, 3.0))]


@pytest.mark.parametrize("name, shapes", CONTINUOUS)
def test_a_likelihood_has_scipys_value_and_its_derivatives(name, shapes):
    distribution = getattr(stats, name)
    x = distribution.ppf(np.linspace(0.15, 0.85, 5), *shapes) * 1.2 + 0.25
    parameters = np.array([*shapes, 0.2, 1.25])

    def likelihood(p):
        return np.sum(distribution.logpdf(x, *p[:-2], loc=p[-2], scale=p[-1]))

    for at in (parameters, parameters * 1.01):
        np.testing.assert_allclose(tj.jit(likelihood)(at), likelihood(at), rtol=1e-11)
    tj.check_grads(likelihood, (parameters,), order=2)


def test_discrete_and_frozen_ones_and_values_outside_of_the_support():
    frozen = stats.gumbel_l(0.5, 2.0)

    def f(p):
        return np.array([frozen.sf(p[0]), stats.betabinom(5, p[0], p[1]).logpmf(2), stats.zipf.pmf(3, 1 + p[1]), stats.genextreme.ppf(0.9, p[0]), stats.rayleigh.pdf(-p[0]),
                         stats.f.logpdf(p[0], 3, p[1]), stats.rayleigh.ppf(p[0] / 2), stats.rayleigh.cdf(1.0, scale=-p[0])])

    p = np.array([0.7, 1.2])
    np.testing.assert_allclose(tj.jit(f)(p), f(p), rtol=1e-12)
    tj.check_grads(lambda p: f(p)[:-1], (p,))


def test_what_cannot_be_traced_is_refused_by_name():
    with pytest.raises(tj.UnsupportedError, match="scipy.stats.levy_stable.logpdf of a traced value is not covered"):
        tj.grad(lambda x: stats.levy_stable.logpdf(x, 1.5, 0.2))(0.3)
    with pytest.raises(tj.UnsupportedError, match="scipy.stats.gumbel_r.fit of a traced value is not covered"):
        tj.grad(lambda x: stats.gumbel_r.fit(x)[0])(np.arange(5.0))
