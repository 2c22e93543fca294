"""Simulations: Python loops over time steps. The lynx and hares are real counts (`tapejit.examples`); the other data are made up."""

import numpy as np

from tapejit.examples.counts import read_counts
from tapejit.examples.lotka_volterra import first_guess


def predators_step(a, b, c, d, x, y, h=0.01):
    """Hares and lynx after a step of the classical Runge-Kutta method, on Python scalars."""
    x1, y1 = (a - b * y) * x, (d * x - c) * y
    u, v = x + h / 2 * x1, y + h / 2 * y1
    x2, y2 = (a - b * v) * u, (d * u - c) * v
    u, v = x + h / 2 * x2, y + h / 2 * y2
    x3, y3 = (a - b * v) * u, (d * u - c) * v
    u, v = x + h * x3, y + h * y3
    x4, y4 = (a - b * v) * u, (d * u - c) * v
    return x + h / 6 * (x1 + 2 * x2 + 2 * x3 + x4), y + h / 6 * (y1 + 2 * y2 + 2 * y3 + y4)


def predators(parameters, steps):
    """The sum of two populations in the end; four rates and the populations at first."""
    a, b, c, d, x, y = parameters
    for _ in range(steps):
        x, y = predators_step(a, b, c, d, x, y)
    return x + y


def make_predators(steps):
    return np.array([1.5, 1.0, 3.0, 1.0, 1.0, 1.2]), steps


def chain(x, steps):
    """A recurrence on one number: four records a step on the tape."""
    y = x[0]
    for _ in range(steps):
        y = y + 0.01 * np.sin(y) * x[0]
    return y


def make_chain(steps):
    return np.array([0.7]), steps


def make_lynx(years):
    """The counts of the first so many years, and a guess from all."""
    every, counts = read_counts()
    return first_guess(every, counts), every[:years], counts[:years]


def heat(initial, conductivity, target, steps):
    """The misfit of a temperature field (n, n) after explicit time steps, each in place; its rim is held."""
    u = initial.copy()
    for _ in range(steps):
        flow = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4 * u[1:-1, 1:-1]
        u[1:-1, 1:-1] += conductivity[1:-1, 1:-1] * flow
    return np.sum((u - target) ** 2)


def make_heat(n, steps):
    rng = np.random.default_rng(0)
    return rng.uniform(size=(n, n)), rng.uniform(0.05, 0.2, size=(n, n)), rng.uniform(size=(n, n)), steps


def gravity(x, masses):
    """Accelerations (n, 3); distances are softened, so that a body does not pull itself."""
    apart = x - x[:, None, :]
    squares = np.sum(apart**2, axis=2) + 0.01
    return np.sum((masses / (squares * np.sqrt(squares)))[:, :, None] * apart, axis=1)


def bodies(x, v, masses, steps):
    """The spread of n bodies after leapfrog steps from positions x (n, 3) and velocities v (n, 3)."""
    pull = gravity(x, masses)
    for _ in range(steps):
        v = v + 0.005 * pull
        x = x + 0.01 * v
        pull = gravity(x, masses)
        v = v + 0.005 * pull
    return np.sum(x**2)


def make_bodies(n, steps):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 3)), 0.1 * rng.normal(size=(n, 3)), rng.uniform(0.5, 1.5, size=n) / n, steps


def network_slope(z, rates):
    return rates[0] @ np.tanh(rates[1] @ z) - z


def network_step(z, rates, h=0.05):
    k1 = network_slope(z, rates)
    k2 = network_slope(z + h / 2 * k1, rates)
    k3 = network_slope(z + h / 2 * k2, rates)
    k4 = network_slope(z + h * k3, rates)
    return z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def network_fit(rates, start, data, steps):
    """The misfit of dz/dt = A tanh(B z) - z with 200 rates (2, 10, 10) to states (times, 10) that lie so many steps apart."""
    z, misfit = start, 0.0
    for row in data:
        for _ in range(steps):
            z = network_step(z, rates)
        misfit = misfit + np.sum((z - row) ** 2)
    return misfit


def make_network_fit(times, steps):
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, 10, 10)) / 3, rng.normal(size=10), rng.normal(size=(times, 10)), steps
