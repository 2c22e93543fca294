"""scipy.integrate.solve_ivp and odeint: SciPy's values, and derivatives by y0, the times, arguments and closures, to second order."""

import numpy as np
import pytest

import tapejit as tj
from tapejit.scipy import initial_value

scipy = pytest.importorskip("scipy")
si = pytest.importorskip("scipy.integrate")
odeint, solve_ivp = si.odeint, si.solve_ivp

TIMES = np.linspace(0, 3, 7)
TIGHT = {"rtol": 1e-9, "atol": 1e-9}
THETA, START = np.array([1.0, 0.5, 0.7, 0.4]), np.array([1.1, 0.6])


@pytest.fixture(params=["tangents", "adjoint"])
def reverse_mode(request, monkeypatch):
    """Both ways of the reverse mode."""
    monkeypatch.setattr(initial_value, "SMALL", {"tangents": 120, "adjoint": 0}[request.param])


def hunted(y, t, a, b, c, d):
    return [a * y[0] - b * y[0] * y[1], -c * y[1] + d * y[0] * y[1]]


def fit(theta, y0):
    y = odeint(hunted, y0, TIMES, args=(theta[0], theta[1], theta[2], theta[3]), **TIGHT)
    return np.sum((y - np.array([1.0, 0.5])) ** 2)


def solved(method, theta, y0, end):
    sol = scipy.integrate.solve_ivp(lambda t, y: hunted(y, t, *theta), (0, end), y0, method=method, t_eval=np.array([0.5, 1.0]) * end, **TIGHT)
    return np.sum(sol.y[:, 0] * np.array([2.0, 1.0])) + sol.y[0, 1] ** 2


def differences(function, x, step=1e-5):
    out = np.zeros(np.shape(x))
    for k in np.ndindex(out.shape):
        unit = np.zeros(out.shape)
        unit[k] = step
        out[k] = (function(x + unit) - function(x - unit)) / (2 * step)
    return out


def test_fit_of_lotka_and_volterra(reverse_mode):
    assert tj.jit(fit)(THETA, START) == pytest.approx(fit(THETA, START), rel=1e-12)
    found = tj.grad(fit, (0, 1))(THETA, START)
    np.testing.assert_allclose(found[0], differences(lambda x: fit(x, START), THETA), rtol=1e-5)
    np.testing.assert_allclose(found[1], differences(lambda x: fit(THETA, x), START), rtol=1e-5)
    for forward, back in zip(tj.jacfwd(fit, (0, 1))(THETA, START), found):
        np.testing.assert_allclose(forward, back, rtol=1e-6)
    hessian, gradient = tj.hessian(fit)(THETA, START), tj.grad(fit)
    np.testing.assert_allclose(hessian, [differences(lambda x: gradient(x, START)[k], THETA) for k in range(4)], rtol=1e-4)
    np.testing.assert_allclose(tj.jacrev(gradient)(THETA, START), hessian, rtol=1e-5)


@pytest.mark.parametrize("method", ["RK45", "RK23", "DOP853", "Radau", "BDF", "LSODA"])
def test_methods(method, reverse_mode):
    def function(theta, y0, end):
        return solved(method, theta, y0, end)

    traced, gradient = tj.jit(function), tj.grad(function, (0, 1, 2))
    for theta, end in ((THETA, 2.0), (THETA * 1.2, 1.5)):  # the second is a replay
        assert traced(theta, START, end) == pytest.approx(function(theta, START, end), rel=1e-12)
        found = gradient(theta, START, end)
        expected = [differences(lambda x: function(x, START, end), theta), differences(lambda x: function(theta, x, end), START),
                    differences(lambda x: function(theta, START, x), np.array(end))]
        for a, b in zip(found, expected):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


def oscillator(w, x, v, start, stop):
    sol = solve_ivp(lambda t, y: [y[1], -w * w * y[0]], (start, stop), [x, v], t_eval=[stop], rtol=1e-10, atol=1e-12)
    return sol.y[0, 0]


def oscillator_solved(w, x, v, start, stop):
    return x * np.cos(w * (stop - start)) + v / w * np.sin(w * (stop - start))


def test_harmonic_oscillator_by_everything(reverse_mode):
    values, every = (1.3, 0.7, -0.4, 0.2, 1.9), tuple(range(5))
    for backwards in (False, True):
        if backwards:
            values = (1.3, 0.7, -0.4, 1.9, 0.2)
        expected = tj.grad(oscillator_solved, every)(*values)
        for transform in (tj.grad, tj.jacfwd):
            np.testing.assert_allclose(transform(oscillator, every)(*values), expected, rtol=1e-7)
        np.testing.assert_allclose(tj.jacfwd(tj.grad(oscillator, every), every)(*values),
                                   tj.jacfwd(tj.grad(oscillator_solved, every), every)(*values), rtol=1e-6, atol=1e-7)


def test_times_of_odeint_and_an_explicit_t():
    def function(a, t):
        return np.sum(odeint(lambda t, y: -a * t * y, 2.0, t, tfirst=True, rtol=1e-10, atol=1e-12)[1:, 0] * np.array([1.0, 3.0]))

    def exact(a, t):
        return np.sum(2 * np.exp(-a * (t[1:] ** 2 - t[0] ** 2) / 2) * np.array([1.0, 3.0]))

    a, t = 0.8, np.array([0.1, 0.7, 1.5])
    for order in (lambda f: tj.grad(f, (0, 1)), lambda f: tj.jacfwd(tj.grad(f, (0, 1)), (0, 1))):
        found, expected = order(function)(a, t), order(exact)(a, t)
        for x, y in zip(tj.tree.flatten(found)[0], tj.tree.flatten(expected)[0], strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-7)


def test_stiff_problem(reverse_mode):
    """Robertson's: rates over nine decades, states over six."""
    def final(k):
        sol = solve_ivp(lambda t, y: [-k[0] * y[0] + k[1] * y[1] * y[2], k[0] * y[0] - k[1] * y[1] * y[2] - k[2] * y[1] ** 2, k[2] * y[1] ** 2],
                        (0, 1e3), [1.0, 0, 0], method="Radau", t_eval=[1.0, 1e3], rtol=1e-7, atol=[1e-10, 1e-14, 1e-10])
        return np.sum(sol.y[0]) + 1e4 * sol.y[1, 1]

    k = np.array([0.04, 1e4, 3e7])
    relative = differences(lambda x: final(k * x), np.ones(3), step=1e-3)
    np.testing.assert_allclose(tj.grad(final)(k) * k, relative, rtol=1e-4)


def test_a_dose_that_ends(reverse_mode):
    """A Python branch on t, at a fixed time: the solver calls both branches."""
    def function(k):
        return solve_ivp(lambda t, y: -k[0] * y + (k[1] if t < 1 else 0.0), (0, 3.0), [0.5], t_eval=[3.0], rtol=1e-8, atol=1e-10).y[0, 0]

    def exact(k):
        return 0.5 * np.exp(-3 * k[0]) + k[1] / k[0] * (np.exp(-2 * k[0]) - np.exp(-3 * k[0]))

    for k in (np.array([0.7, 2.0]), np.array([1.4, 0.3])):
        np.testing.assert_allclose(tj.grad(function)(k), tj.grad(exact)(k), rtol=1e-5)
        np.testing.assert_allclose(tj.hessian(function)(k), tj.hessian(exact)(k), atol=1e-5)


def test_many_parameters_go_by_the_adjoint():
    def function(w):
        y = solve_ivp(lambda t, y: np.tanh(w @ y), (0, 1), np.linspace(-1, 1, 6), t_eval=[0.5, 1.0], **TIGHT).y
        return np.sum(y[0]) * y[2, 1]

    w = np.random.default_rng(0).normal(size=(6, 6))
    np.testing.assert_allclose(tj.grad(function)(w), tj.jacfwd(function)(w), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(tj.grad(function)(w), differences(function, w), rtol=1e-5, atol=1e-7)


def test_steps_of_the_solver_and_what_it_says():
    def function(a):
        sol = solve_ivp(lambda t, y: -a * y, (0, 2), [1.0])
        return sol.t, sol.y, sol.nfev, sol.status, sol.success * a

    traced = tj.jit(function)
    for a in (1.0, 5.0, 1.1):
        for found, expected in zip(traced(a), function(a)):
            np.testing.assert_allclose(found, expected, rtol=1e-12)
    slope = tj.grad(lambda a, end: solve_ivp(lambda t, y: -a * y, (0, end), [1.0], rtol=1e-9, atol=1e-9).y[0, -1], (0, 1))
    np.testing.assert_allclose(slope(1.0, 2.0), [-2 * np.exp(-2), -np.exp(-2)], rtol=1e-6)


def test_a_solution_that_ends_early_is_as_long_as_scipys():
    def function(a):
        return solve_ivp(lambda t, y: a * y**2, (0, 2), [1.0], t_eval=[0.5, 1.5]).y

    traced = tj.jit(function)
    with np.errstate(all="ignore"):
        for a in (0.3, 1.0, 0.2):
            np.testing.assert_allclose(traced(a), function(a), rtol=1e-12)


def test_without_traced_values_it_is_scipys_own():
    def function(a):
        event = lambda t, y: y[0] - 0.5
        sol = solve_ivp(lambda t, y: -y, (0, 2), [1.0], events=event, dense_output=True)
        return a * sol.sol(0.3)[0] + sol.t_events[0][0] + odeint(lambda y, t: -y, 1.0, [0, 1.0], full_output=1)[0][1, 0]

    assert tj.jit(function)(2.0) == function(2.0)


@pytest.mark.parametrize("option, function", [
    ("events", lambda a: solve_ivp(lambda t, y: -a * y, (0, 1), [1.0], events=lambda t, y: y[0]).y),
    ("dense_output", lambda a: solve_ivp(lambda t, y: -a * y, (0, 1), [1.0], dense_output=True).sol(0.5)),
    ("full_output", lambda a: odeint(lambda y, t: -a * y, 1.0, [0, 1.0], full_output=1)),
    ("complex128", lambda a: solve_ivp(lambda t, y: -a * y * 1j, (0, 1), [1.0]).y)])
def test_what_is_not_covered_is_refused(option, function):
    with pytest.raises(tj.errors.UnsupportedError, match=f"scipy.integrate.*{option}"):
        tj.jit(function)(2.0)
