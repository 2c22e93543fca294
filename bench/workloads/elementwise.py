"""Vector mathematics: functions whose cost is that of exp, sin and their kind, and how often memory is read."""

import numpy as np
from scipy import special

A, B = 1.0, 100.0


def rosenbrock(x):
    """Reads two globals of its module besides np, as ordinary code does: each call has to notice if they change."""
    return np.sum(B * (x[1:] - x[:-1] ** 2) ** 2 + (A - x[:-1]) ** 2)


def make_rosenbrock(n):
    return (np.linspace(-1.2, 1.0, n),)


def make_rosenbrock_hvp(n):
    """A point and a direction."""
    return np.linspace(-1.2, 1.0, n), np.cos(np.arange(n))


def waves(x):
    return np.sum(np.sin(x) * np.exp(-x * x) + np.log1p(x * x))


def make_waves(n):
    return (np.linspace(-3, 3, n),)


def normal_distribution(x):
    return 0.5 + 0.5 * special.erf(x * 0.7071067811865476)


def black_scholes(spot, strike, rate, volatility, time):
    """The sum of the prices of European calls: its gradient holds the greeks (delta, dual delta, rho, vega, theta) of each."""
    spread = volatility * np.sqrt(time)
    d1 = (np.log(spot / strike) + (rate + 0.5 * volatility**2) * time) / spread
    return np.sum(spot * normal_distribution(d1) - strike * np.exp(-rate * time) * normal_distribution(d1 - spread))


def make_black_scholes(n):
    rng = np.random.default_rng(0)
    ranges = ((80, 120), (80, 120), (0.0, 0.05), (0.1, 0.5), (0.1, 2.0))
    return tuple(rng.uniform(low, high, n) for low, high in ranges)
