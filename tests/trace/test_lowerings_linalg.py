"""numpy.linalg on traced matrices: NumPy's values, result types and errors, replays, and derivatives of both orders in both modes.

One test per expression of `linalg_cases.py`; then what the table cannot say: equal eigenvalues, singular matrices, errors in a replay.
"""

import mpmath
import numpy as np
import pytest

import tapejit as tj
from tapejit.errors import UnsupportedError
from tapejit.tape.verify import verify_tape

from .linalg_cases import CASES, FLAT, inputs, names_in
from .test_lowerings import Derivative, assert_replays, close, differences, evaluated, inner, spread, traced


def chosen(case, seed=0, dtype=np.float64):
    return inputs(names_in(case), seed, dtype)


def assert_near(found, expected, case):
    """Equal up to rounding of a well conditioned problem, with the same dtype, shape and kind of value."""
    assert len(found) == len(expected), case
    for one, other in zip(found, expected):
        assert np.shape(one) == np.shape(other) and np.asarray(one).dtype == np.asarray(other).dtype, (case, one, other)
        eps = np.finfo(np.asarray(other).dtype).eps if np.asarray(other).dtype.kind in "fc" else 0.0
        np.testing.assert_allclose(one, other, rtol=2000 * eps, atol=2000 * eps * np.max(np.abs(other), initial=1), err_msg=case)


def agrees(case, values):
    expected = evaluated(case, values)
    tape, ids, found = traced(case, values)
    assert_near(found, expected, case)
    assert [isinstance(x, np.ndarray) for x in found] == [isinstance(x, np.ndarray) for x in expected], case
    verify_tape(tape)
    return tape, ids


@pytest.mark.parametrize("case", CASES)
def test_value_and_replay(case):
    """The value is NumPy's, and the tape gives NumPy's value at other inputs too, interpreted and compiled."""
    assert_replays(case, *agrees(case, chosen(case)), chosen(case, seed=1), assert_near)


@pytest.mark.parametrize("form", ["float32", "strided", "Fortran order"])
def test_other_arguments(form):
    """Every expression has NumPy's value, dtype and shape on arguments of another dtype or layout."""
    for case in CASES:
        values = chosen(case, dtype=np.float32 if form == "float32" else np.float64)
        if form == "strided":
            values = spread(values)
        elif form == "Fortran order":
            values = {name: np.array(value, order="F") for name, value in values.items()}
        agrees(case, values)


def test_integers_become_float64():
    p = np.array([[4, 1], [1, 3]])
    for case in ("np.linalg.inv(p)", "np.linalg.cholesky(p)", "np.linalg.eigh(p)", "np.linalg.det(p)", "np.linalg.solve(p, [1, 2])",
                 "np.linalg.svd(p)", "np.linalg.qr(p)", "np.linalg.slogdet(p)", "np.linalg.eig(p)", "np.linalg.pinv(p)",
                 "np.linalg.lstsq(p, p)",
                 "np.linalg.cond(p)",
                 "np.linalg.solve(p, np.ones(2, np.float32))", "np.linalg.matrix_power(p, -2)", "np.linalg.norm(p, 2)"):
        agrees(case, {"p": p})


@pytest.mark.parametrize("case", [case for case in CASES if case not in FLAT])
def test_derivative(case, rng):
    """Forward mode is the limit of differences, reverse mode its transpose, and so for the derivative of the derivative."""
    values = list(chosen(case).values())
    tape, ids, _ = traced(case, chosen(case))
    derivative = Derivative(tape, values)

    def floats(at):
        found = evaluated(case, dict(zip(names_in(case), at)))
        return [np.array(leaf) for leaf, id in zip(found, ids) if id is not None and tape.type_of(id).dtype == "f64"]

    tangents = [rng.standard_normal(np.shape(v)) for v in values]
    cotangents = [rng.standard_normal(np.shape(v)) for v in floats(values)]
    dots = derivative.at(tangents, cotangents, derivative.dots)
    close(dots, differences(floats, values, tangents), case)
    bars = derivative.at(tangents, cotangents, derivative.bars)
    size = sum(float(np.sum(np.abs(np.multiply(d, c)))) for d, c in zip(dots, cotangents))
    assert abs(inner(dots, cotangents) - inner(bars, tangents)) <= 1e-11 * max(1.0, size), case

    def gradient(at):
        derivative.values = at
        return derivative.at(tangents, cotangents, derivative.bars)

    expected = differences(gradient, values, tangents)
    derivative.values = values
    close(derivative.at(tangents, cotangents, [derivative.second.get(id) for id in derivative.bars]), expected, case)


# --- result types ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [np.linalg.eigh, np.linalg.eig, np.linalg.svd, np.linalg.qr, np.linalg.slogdet])
def test_results_have_numpys_types_and_names(function):
    a = np.array([[2.0, 0.5], [0.5, 1.0]])
    result, expected = tj.jit(lambda x: function(x))(a), function(a)
    assert type(result) is type(expected)
    for one, other in zip(result, expected):
        assert type(one) is type(other)
        np.testing.assert_allclose(one, other, rtol=1e-14)


# --- digits ----------------------------------------------------------------------------------------------------------


def _least_squares(a):
    return mpmath.lu_solve(a, mpmath.matrix([1, 2, 3]))


TRUTH = {  # tapejit's function of a positive definite matrix that is read whole, and mpmath's
    "solve": (lambda a: np.linalg.solve(a, np.arange(1.0, 4.0)), _least_squares),
    "lstsq": (lambda a: np.linalg.lstsq(a, np.arange(1.0, 4.0))[0], _least_squares),
    "inv": (np.linalg.inv, lambda a: a**-1),
    "pinv": (np.linalg.pinv, lambda a: a**-1),
    "det": (np.linalg.det, mpmath.det),
    "slogdet": (lambda a: np.linalg.slogdet(a)[1], lambda a: mpmath.log(abs(mpmath.det(a)))),
    "cholesky": (lambda a: np.linalg.cholesky((a + a.T) / 2), lambda a: mpmath.cholesky((a + a.T) / 2)),
    "eigvalsh": (lambda a: np.linalg.eigvalsh((a + a.T) / 2), lambda a: mpmath.eigsy((a + a.T) / 2, eigvals_only=True)),
    "svdvals": (np.linalg.svdvals, lambda a: mpmath.svd_r(a, compute_uv=False)),
    "norm": (lambda a: np.linalg.norm(a, "nuc"), lambda a: sum(mpmath.svd_r(a, compute_uv=False))),
    "eigh": (lambda a: np.linalg.eigh((a + a.T) / 2)[1] ** 2, lambda a: _squares(mpmath.eigsy((a + a.T) / 2)[1])),
    "svd": (lambda a: np.linalg.svd(a).U ** 2, lambda a: _squares(mpmath.svd_r(a)[0])),
    "qr": (lambda a: np.linalg.qr(a).R ** 2, lambda a: _squares(mpmath.qr(a)[1])),
    "matrix_power": (lambda a: np.linalg.matrix_power(a, -2), lambda a: a**-2),
}


def _squares(a):
    return a.apply(lambda x: x * x)


@pytest.mark.parametrize("name", TRUTH)
def test_derivatives_have_the_digits_of_mpmath(name, rng):
    """The tangent along each element, against differences at 50 digits."""
    function, truth = TRUTH[name]
    a = inputs("p")["p"] + 0.1 * rng.standard_normal((3, 3))
    jacobian = tj.jacobian(lambda x: np.ravel(function(x)))(a)
    with mpmath.workdps(50):
        exact, step = mpmath.matrix(a.tolist()), mpmath.mpf(10) ** -15
        for i in range(3):
            for j in range(3):
                ahead, behind = exact.copy(), exact.copy()
                ahead[i, j] += step
                behind[i, j] -= step
                expected = [(x - y) / (2 * step) for x, y in zip(_elements(truth(ahead)), _elements(truth(behind)))]
                np.testing.assert_allclose(jacobian[:, i, j], np.array(expected, float), rtol=2e-13, atol=2e-13 * np.max(np.abs(jacobian)))


def _elements(x):
    return list(x) if isinstance(x, mpmath.matrix) else [x]


# --- values that are equal, matrices that are singular ---------------------------------------------------------------


def test_projectors_differentiate_where_eigenvalues_repeat(rng):
    """The space of the two largest of the eigenvalues 1, 1, 3, 3 moves smoothly, whichever vectors span it."""
    v = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    a, h = (v * [1.0, 1.0, 3.0, 3.0]) @ v.T, rng.standard_normal((4, 4))
    h = h + h.T

    def projector(a):
        u = np.linalg.eigh(a).eigenvectors[:, 2:]
        return u @ u.T

    def left(a):
        u = np.linalg.svd(a).U[:, :2]
        return u @ u.T

    expected = (projector(a + 1e-5 * h) - projector(a - 1e-5 * h)) / 2e-5
    for function in (projector, left):
        np.testing.assert_allclose(tj.jvp(function, (a,), (h,))[1], expected, atol=1e-8)
        np.testing.assert_allclose(np.sum(tj.vjp(function, a)[1](h) * h), np.sum(expected * h), atol=1e-7)


def test_unread_vectors_of_equal_values_leave_no_trace(rng):
    """A matrix of low rank has many zero eigenvalues: the derivative of the vector of another one is not spoilt."""
    x = rng.standard_normal((5, 2))
    tj.check_grads(lambda x: np.linalg.eigh(x @ x.T)[1][:, -1] ** 2, (x,), order=1)
    tj.check_grads(lambda x: np.linalg.svd(x @ x.T)[0][:, 0] ** 2, (x,), order=1)


def test_first_derivatives_of_values_are_right_where_they_repeat():
    """Sums over equal values: d sum(w**2) is 2 a, and the nuclear norm grows along the identity."""
    a = np.diag([2.0, 2.0, 5.0])
    np.testing.assert_allclose(tj.grad(lambda a: np.sum(np.linalg.eigvalsh(a) ** 2))(a), 2 * a, atol=1e-14)
    np.testing.assert_allclose(tj.grad(lambda a: np.linalg.norm(a, "nuc"))(np.eye(3)), np.eye(3), atol=1e-14)
    np.testing.assert_allclose(tj.grad(lambda a: np.linalg.norm(a, 2))(np.eye(2)), np.eye(2) / 2, atol=1e-14)


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_determinants_of_singular_matrices_differentiate(rank, rng):
    """Cofactors and their derivatives, against exact differences of the polynomial."""
    a = rng.integers(-3, 4, (3, rank)).astype(float) @ rng.integers(-3, 4, (rank, 3)).astype(float)
    tj.check_grads(np.linalg.det, (a,), order=2)
    tj.check_grads(np.linalg.det, (np.stack([a, np.eye(3)]),), order=2)


def test_slogdet_of_a_singular_matrix():
    a = np.stack([np.ones((2, 2)), np.eye(2)])
    sign, logdet = tj.jit(lambda a: np.linalg.slogdet(a))(a)
    assert sign.tolist() == [0, 1] and logdet.tolist() == [-np.inf, 0]
    gradient = tj.grad(lambda a: np.sum(np.linalg.slogdet(a)[1]))(a)
    assert np.isnan(gradient[0]).all() and np.array_equal(gradient[1], np.eye(2))


def test_gradients_keep_to_the_triangle_that_numpy_reads():
    a = np.array([[2.0, 0.5], [0.5, 1.0]])
    for function, unread in ((np.linalg.cholesky, (0, 1)), (lambda a: np.linalg.cholesky(a, upper=True), (1, 0)),
                             (np.linalg.eigvalsh, (0, 1)),
                             (lambda a: np.linalg.eigvalsh(a, "U"), (1, 0)), (lambda a: np.linalg.pinv(a, hermitian=True), (0, 1))):
        gradient = tj.grad(lambda a: np.sum(function(a) ** 3))(a)
        assert gradient[unread] == 0 != gradient[unread[::-1]]


# --- errors ----------------------------------------------------------------------------------------------------------

ERRORS = """
np.linalg.cholesky(-x); np.linalg.cholesky(y); np.linalg.solve(z, b); np.linalg.solve(x, y.T); np.linalg.solve(y, b)
np.linalg.solve(x, b[:, None, None]); np.linalg.inv(z); np.linalg.inv(y); np.linalg.det(y); np.linalg.det(b); np.linalg.slogdet(y)
np.linalg.eigh(y); np.linalg.eigh(x, 'nonsense'); np.linalg.eigvalsh(b); np.linalg.eig(y); np.linalg.eig(x * np.nan); np.linalg.svd(b)
np.linalg.svd(x * np.nan); np.linalg.qr(b); np.linalg.qr(x, 'nonsense'); np.linalg.pinv(b); np.linalg.pinv(x, 1e-5, rtol=1e-5)
np.linalg.lstsq(x, y.T[:1]); np.linalg.lstsq(x[None], b); np.linalg.matrix_power(y, 2); np.linalg.matrix_power(z, -1)
np.linalg.matrix_power(x, 1.5); np.linalg.tensorinv(x, ind=0); np.linalg.tensorsolve(x, y); np.linalg.cond(x[:0]); np.linalg.cond(b)
np.linalg.norm(x, 'nonsense'); np.linalg.norm(b, 'nuc'); np.linalg.norm(x, 3); np.linalg.matrix_norm(b); np.linalg.inv(x.astype('f2'))
np.linalg.eigh(x, UPLO=3); np.linalg.solve(x); np.linalg.cholesky(x, True); np.linalg.multi_dot([x]); np.linalg.cross(x, x)
np.linalg.svdvals(b); np.linalg.cond(y, 1); np.linalg.norm(y[:, :0], -1)
""".replace("\n", "; ").strip("; ").split("; ")


@pytest.mark.parametrize("case", ERRORS)
@pytest.mark.filterwarnings("ignore")
def test_numpy_raises_its_own_errors(case):
    values = {"x": np.array([[2.0, 0.5], [0.5, 1.0]]), "y": np.arange(6.0).reshape(2, 3), "z": np.ones((2, 2)), "b": np.ones(2)}
    values = {name: value for name, value in values.items() if name in compile(case, "case", "eval").co_names}
    with pytest.raises(Exception) as expected:
        evaluated(case, values)
    with pytest.raises(Exception) as found:
        traced(case, values)
    assert found.type is expected.type, (found.value, expected.value)


def test_a_replay_raises_and_writes_nothing():
    """LinAlgError of a value that only a replay sees comes from the user's line; shadows stay as they were."""
    a, shadow = np.eye(2) * 4.0, np.zeros((2, 2))
    for function in (lambda a: np.sum(np.linalg.cholesky(a)), lambda a: np.sum(np.linalg.inv(a)), lambda a: np.sum(np.linalg.solve(a, a)),
                     lambda a: np.linalg.cholesky(a)[0, 0] + np.sum(a)):
        gradient = tj.value_and_grad(function)
        gradient(a)
        shadow[...] = 7.0
        tj.autodiff(tj.Reverse, function, tj.Duplicated(a, shadow))
        before = shadow.copy()
        with pytest.raises(np.linalg.LinAlgError):
            gradient(-np.ones((2, 2)))
        with pytest.raises(np.linalg.LinAlgError):
            tj.autodiff(tj.Reverse, function, tj.Duplicated(-np.ones((2, 2)), shadow))
        np.testing.assert_array_equal(shadow, before)


def definite(a):
    try:
        np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        return 3 * np.sum(a)
    return np.sum(a * a)


@pytest.mark.filterwarnings("ignore::tapejit.errors.TraceWarning")
def test_code_that_catches_linalgerror_takes_its_own_way_each_time():
    """Also where nothing else is done with the factor, and whichever way the first run took."""
    good, bad = 4 * np.eye(2), -np.eye(2)
    for first in (good, bad):
        gradient = tj.grad(lambda a: definite(a))
        for a in (first, good, bad, good, bad):
            np.testing.assert_array_equal(gradient(a), 2 * a if a is good else 3 * np.ones((2, 2)))


def test_real_eigenvalues_are_guarded():
    """NumPy gives real results for a real spectrum: a matrix with a complex one needs another trace."""
    function = tj.jit(lambda a: np.linalg.eigvals(a))
    real, turned = np.array([[1.0, 2.0], [0.5, 3.0]]), np.array([[0.0, 1.0], [-1.0, 0.0]])
    for a in (real, turned, real, turned):
        np.testing.assert_allclose(function(a), np.linalg.eigvals(a), atol=1e-15)
        assert function(a).dtype == np.linalg.eigvals(a).dtype


def test_what_is_not_traced_says_so_and_what_to_do():
    a = np.eye(2)
    for case, text in (("np.linalg.qr(a, 'raw')", "use mode='reduced'"),):
        with pytest.raises(UnsupportedError, match=text):
            traced(case, {"a": a})
