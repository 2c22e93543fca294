"""The Lotka-Volterra model of a predator and its prey, written as one would write it for NumPy alone.

    d hare / dt = (alpha - beta * lynx) * hare
    d lynx / dt = (delta * hare - gamma) * lynx

Parameters are ordered as NAMES: four rates per year, then the two populations in the first year. Nothing here knows of
tapejit. Read next: `levenberg_marquardt.py`, then `tapejit/__main__.py`, where the two meet.
"""

import numpy as np

NAMES = ("alpha", "beta", "gamma", "delta", "hare_0", "lynx_0")
STEPS_PER_YEAR = 20


def dz(z, theta):
    """The rates of change of z = (hare, lynx)."""
    hare, lynx = z
    alpha, beta, gamma, delta = theta[:4]
    return np.array([(alpha - beta * lynx) * hare, (delta * hare - gamma) * lynx])


def rk4_step(z, h, theta):
    """z after a time h, by the classical Runge-Kutta method of order four."""
    k1 = dz(z, theta)
    k2 = dz(z + h / 2 * k1, theta)
    k3 = dz(z + h / 2 * k2, theta)
    k4 = dz(z + h * k3, theta)
    return z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def steps_in(gap):
    """The number of RK4 steps across a gap in years."""
    return max(1, round(STEPS_PER_YEAR * gap))


def simulate(theta, years):
    """The populations in each of the years, as an array (len(years), 2) of hare and lynx; the first row is theta[4:]."""
    z = theta[4:]
    path = [z]
    for gap in np.diff(years):
        steps = steps_in(gap)
        for _ in range(steps):
            z = rk4_step(z, gap / steps, theta)
        path.append(z)
    return np.array(path)


def residuals(log_theta, years, counts):
    """log(simulated / counted) for every year and species, flat. The parameters come as logarithms, so that each stays positive."""
    return np.ravel(np.log(simulate(np.exp(log_theta), years)) - np.log(counts))


def misfit(log_theta, years, counts):
    """Half the sum of the squared residuals: what the fit minimises."""
    return 0.5 * np.sum(residuals(log_theta, years, counts) ** 2)


def problem(years, counts):
    """(residuals, misfit) for these counts, as functions of log_theta alone."""

    def residuals_here(log_theta):
        return residuals(log_theta, years, counts)

    def misfit_here(log_theta):
        return misfit(log_theta, years, counts)

    return residuals_here, misfit_here


def first_guess(years, counts):
    """Logarithms of parameters to start a fit from.

    Over a whole period the mean populations of the model are its equilibrium, hare = gamma / delta and lynx = alpha / beta,
    and a small oscillation has the period 2 pi / sqrt(alpha gamma). So with alpha = gamma the period gives every rate;
    of the periods that fit one to five times into the years, the one with the smallest misfit is taken.
    """
    mean_hare, mean_lynx = np.mean(counts, axis=0)
    best = None
    for periods in range(1, 6):
        rate = 2 * np.pi * periods / (years[-1] - years[0])
        guess = np.log([rate, rate / mean_lynx, rate, rate / mean_hare, *counts[0]])
        with np.errstate(all="ignore"):
            error = misfit(guess, years, counts)
        if np.isfinite(error) and (best is None or error < best[0]):
            best = error, guess
    return None if best is None else best[1]
