"""numpy.linalg on traced complex matrices, and where the eigenvalues of real ones are complex: values and both orders of derivatives.

Vectors of complex matrices are fixed up to phases: they are tested through functions that do not depend on them.
"""

import numpy as np
import pytest

from laws.matrices import apart, positive
from tapejit.ops import OPS
from tapejit.passes import forward, reverse, simplify
from tapejit.tape.interpret import values_of

from .test_lowerings import differences, evaluated, traced

if "conjugate" not in OPS:
    pytest.skip("the op table has no rows for complex numbers", allow_module_level=True)

CASES = """
np.linalg.cholesky(p); np.linalg.cholesky(p, upper=True); np.linalg.solve(a, b); np.linalg.solve(m, c); np.linalg.solve(r, b)
np.linalg.inv(a); np.linalg.det(a); np.linalg.det(m); np.linalg.slogdet(a); np.linalg.slogdet(m)[0]; np.linalg.eigvalsh(p)
np.linalg.eigvalsh(p, 'U'); np.linalg.eigh(p)[0]; (lambda v: v[:, :2] @ np.conj(v[:, :2].T))(np.linalg.eigh(p)[1])
np.abs(np.linalg.eigh(p, 'U')[1]) ** 2; np.linalg.svdvals(t); np.linalg.svdvals(a); (lambda u, s, vh: (u * s**2) @ vh)(*np.linalg.svd(a))
(lambda u, s, vh: (u * s**2) @ vh)(*np.linalg.svd(t, full_matrices=False))
(lambda u, s, vh: (u * s**2) @ vh)(*np.linalg.svd(w, full_matrices=False)); (lambda u: u[:, 2:] @ np.conj(u[:, 2:].T))(np.linalg.svd(t).U)
(lambda v: v[2:].T @ np.conj(v[2:]))(np.linalg.svd(w).Vh); np.abs(np.linalg.svd(a)[0]); np.linalg.qr(a); np.linalg.qr(t); np.linalg.qr(w)
(lambda q: q[:, 2:] @ np.conj(q[:, 2:].T))(np.linalg.qr(t, 'complete')[0]); np.linalg.eig(a); np.linalg.eig(g); np.linalg.eigvals(g)
np.linalg.eigvals(m); np.linalg.pinv(t); np.linalg.pinv(w); np.linalg.pinv(p, hermitian=True); np.linalg.lstsq(t, d)[0]
np.linalg.lstsq(w, c[:2])[0]; np.linalg.norm(a, 2); np.linalg.norm(t, 'nuc'); np.linalg.norm(a); np.linalg.cond(a)
np.linalg.matrix_power(a, -2); np.linalg.svd(p, hermitian=True).S
""".replace("\n", "; ").strip("; ").split("; ")


def inputs(names):
    rng = np.random.default_rng(5)

    def normal(*shape):
        return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)

    turn = np.linalg.qr(normal(3, 3))[0]
    values = {"a": apart(3, 3)(rng, []) @ turn, "p": np.conj(turn.T) @ positive(3, 3)(rng, []) @ turn,
              "t": turn[:1, :2] * apart(4, 2)(rng, []),
              "w": normal(2, 4), "b": normal(3), "c": normal(3, 2), "d": normal(4), "m": apart(2, 3, 3)(rng, []) @ turn,
              "r": apart(3, 3)(rng, []),
              "g": np.array([[1.0, 2.0, 0.1, 0.0], [-2.0, 1.2, 0.3, 0.1], [0.0, 0.4, -1.0, 0.2], [0.1, 0.0, 0.3, 3.0]])}
    return {name: values[name] for name in names}


def like(rng, x):
    x = np.asarray(x)
    return rng.standard_normal(x.shape) + (1j * rng.standard_normal(x.shape) if x.dtype.kind == "c" else 0)


def paired(left, right):
    return float(sum(np.sum(np.multiply(a, b)).real for a, b in zip(left, right)))


def near(found, expected, tolerance, case):
    for one, other in zip(found, expected, strict=True):
        assert np.max(np.abs(one - other), initial=0) <= tolerance * max(1.0, np.max(np.abs(other), initial=0)), case


@pytest.mark.parametrize("case", CASES)
def test_value_and_derivatives(case, rng):
    """Values are NumPy's; tangents are limits of differences; cotangents pair with tangents as the real part of the sum of products."""
    names = [name for name in dict.fromkeys(compile(case, "case", "eval").co_names) if name in tuple("aptwbcdmrg")]
    given = inputs(names)
    values = list(given.values())
    builder = simplify(traced(case, given)[0])
    tape = builder.tape
    sources, outputs = list(tape.inputs), list(tape.outputs)
    expected = [np.asarray(x) for x in evaluated(case, given)]
    found = values_of(tape, values, outputs)
    assert [np.asarray(x).dtype for x in found] == [x.dtype for x in expected]
    near(found, expected, 1e-12, case)
    dots, seeds = ([builder.input(tape.type_of(id), None) for id in ids] for ids in (sources, outputs))
    bars = reverse(builder, dict(zip(outputs, seeds)), sources)
    moved = forward(builder, dict(zip(sources, dots)), outputs)
    second = forward(builder, dict(zip(sources, dots)), bars)
    tangents, cotangents = [like(rng, v) for v in values], [like(rng, v) for v in expected]

    def at(ids):
        return lambda inputs: [np.asarray(x) for x in values_of(tape, [*inputs, *tangents, *cotangents], ids)]

    def value(inputs):
        return [np.asarray(x) for x in evaluated(case, dict(zip(names, inputs)))]

    near(at(moved)(values), differences(value, values, tangents), 1e-8, case)
    near(at(second)(values), differences(at(bars), values, tangents), 1e-7, case)
    assert abs(paired(at(moved)(values), cotangents) - paired(at(bars)(values), tangents)) < 1e-10
