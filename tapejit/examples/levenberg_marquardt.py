"""Levenberg-Marquardt: least squares for residuals whose Jacobian is known, in a page of NumPy.

Each step solves (J'J + damping * diag(J'J)) step = -J'r. A step that lowers the misfit is taken and the damping eased; one that
does not is thrown away and the damping raised, which shortens the next step and turns it towards steepest descent.
In: two functions of the parameters. Out: a Fit. Source: Marquardt (1963), SIAM J. Appl. Math. 11, 431-441.
"""

from typing import NamedTuple

import numpy as np


class Fit(NamedTuple):
    """Where a fit ended."""

    x: np.ndarray  # the parameters
    misfit: float  # half the sum of squared residuals there
    covariance: np.ndarray  # of the parameters, to first order: s^2 inv(J'J), s^2 = sum of squares / (residuals - parameters)
    steps: int  # Jacobians that were needed
    converged: bool


def fit(residuals, jacobian, x, max_steps=100, tolerance=1e-12):
    """Minimise sum(residuals(x)**2) / 2 from x; `jacobian(x)` is (residuals, parameters).

    Stops when a step changes the misfit by less than `tolerance` of itself.
    """
    r = residuals(x)
    misfit = 0.5 * r @ r
    damping, converged, steps = 1e-3, False, 0
    J = jacobian(x)
    while not converged and steps < max_steps:
        steps += 1
        normal = J.T @ J
        while damping < 1e12:
            step = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), -J.T @ r)
            with np.errstate(all="ignore"):  # a step too far may overflow: its misfit is not finite and it is not taken
                r_new = residuals(x + step)
                misfit_new = 0.5 * r_new @ r_new
            if misfit_new <= misfit:
                break
            damping *= 4
        else:
            break
        converged = misfit - misfit_new <= tolerance * misfit
        x, r, misfit, damping = x + step, r_new, misfit_new, damping / 10
        J = jacobian(x)
    variance = 2 * misfit / max(1, r.size - x.size)
    return Fit(x, misfit, variance * np.linalg.inv(J.T @ J), steps, converged)
