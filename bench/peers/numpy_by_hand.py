"""Gradients written by hand in NumPy, as a careful person would write them for speed."""

import math

import numpy as np
from scipy import linalg, special

from ..workloads import elementwise, statistics


def prepare(workload, args):
    return (CALLS[workload.name], args) if workload.name in CALLS else None


def rosenbrock(x):
    early, late = x[:-1], x[1:]
    climb, rest = late - early**2, elementwise.A - early
    gradient = np.zeros_like(x)
    gradient[:-1] = -4 * elementwise.B * early * climb - 2 * rest
    gradient[1:] += 2 * elementwise.B * climb
    return np.sum(elementwise.B * climb**2 + rest**2), gradient


def rosenbrock_diagonals(x):
    early, late = x[:-1], x[1:]
    diagonal = np.zeros_like(x)
    diagonal[:-1] = elementwise.B * (12 * early**2 - 4 * late) + 2
    diagonal[1:] += 2 * elementwise.B
    return diagonal, -4 * elementwise.B * early


def rosenbrock_hessian(x):
    diagonal, beside = rosenbrock_diagonals(x)
    return np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)


def rosenbrock_product(x, v):
    diagonal, beside = rosenbrock_diagonals(x)
    product = diagonal * v
    product[:-1] += beside * v[1:]
    product[1:] += beside * v[:-1]
    return product


def waves(x):
    square = x * x
    bell, sine = np.exp(-square), np.sin(x)
    return np.sum(sine * bell + np.log1p(square)), (np.cos(x) - 2 * x * sine) * bell + 2 * x / (1 + square)


def black_scholes(spot, strike, rate, volatility, time):
    root = np.sqrt(time)
    spread = volatility * root
    d1 = (np.log(spot / strike) + (rate + 0.5 * volatility**2) * time) / spread
    n1, n2 = special.ndtr(d1), special.ndtr(d1 - spread)
    discount = np.exp(-rate * time)
    paid, density = strike * discount * n2, spot * np.exp(-0.5 * d1**2) / np.sqrt(2 * np.pi)
    return np.sum(spot * n1 - paid), (n1, -discount * n2, time * paid, density * root, 0.5 * density * volatility / root + rate * paid)


def logistic(weights, features, labels):
    z = features @ weights
    return np.mean(np.logaddexp(0.0, z) - labels * z), (special.expit(z) - labels) @ features / len(z)


def cross_entropy(z, labels):
    """(mean, its gradient by the logits), which replaces z."""
    rows = np.arange(len(labels))
    top = np.max(z, axis=1, keepdims=True)
    picked = z[rows, labels] - top[:, 0]
    np.exp(z - top, out=z)
    total = np.sum(z, axis=1)
    value = np.mean(np.log(total) - picked)
    z /= total[:, None] * len(labels)
    z[rows, labels] -= 1 / len(labels)
    return value, z


def softmax_regression(weights, bias, features, labels):
    value, z_bar = cross_entropy(features @ weights + bias, labels)
    return value, (features.T @ z_bar, np.sum(z_bar, axis=0))


def perceptron(w1, b1, w2, b2, x, labels):
    hidden = x @ w1
    hidden += b1
    np.tanh(hidden, out=hidden)
    value, z_bar = cross_entropy(hidden @ w2 + b2, labels)
    w2_bar = hidden.T @ z_bar
    hidden_bar = z_bar @ w2.T
    hidden_bar *= 1 - hidden * hidden
    return value, (x.T @ hidden_bar, np.sum(hidden_bar, axis=0), w2_bar, np.sum(z_bar, axis=0))


def gmm(alphas, means, icf, x, places):
    (k, d), n = means.shape, len(x)
    log_diagonal, below = icf[:, :d], icf[:, d:]
    diagonal = np.exp(log_diagonal)
    factors = np.concatenate([diagonal, below, np.zeros((k, 1))], axis=1)[:, places]
    centred = x - means[:, None, :]
    scaled = centred @ np.transpose(factors, (0, 2, 1))
    terms = (alphas + np.sum(log_diagonal, axis=1))[:, None] - 0.5 * np.einsum("kni,kni->kn", scaled, scaled)
    top = np.max(terms, axis=0)
    shares = np.exp(terms - top)
    total = np.sum(shares, axis=0)
    shares /= total
    value = np.sum(np.log(total) + top) - n * special.logsumexp(alphas) - 0.5 * n * d * np.log(2 * np.pi)
    value += 0.5 * (np.sum(diagonal**2) + np.sum(below**2)) - statistics.wishart_constant(k, d)
    belonging = np.sum(shares, axis=1)
    scaled *= -shares[:, :, None]
    factors_bar = np.transpose(scaled, (0, 2, 1)) @ centred
    means_bar = -np.sum(scaled, axis=1)[:, None, :] @ factors
    columns, rows = np.triu_indices(d, 1)
    diagonal_bar = np.einsum("kii->ki", factors_bar) * diagonal + belonging[:, None] + diagonal**2
    icf_bar = np.concatenate([diagonal_bar, factors_bar[:, rows, columns] + below], axis=1)
    return value, (belonging - n * special.softmax(alphas), means_bar[:, 0], icf_bar)


def gaussian_process(logs, x, y):
    """K' : (inv(K) - a a') / 2, with a = inv(K) y; Rasmussen and Williams (2006), equation 5.9."""
    scale, signal, noise = np.exp(logs)
    squares = np.sum(x**2, axis=1)
    distances = (squares[:, None] + squares - 2 * (x @ x.T)) / scale**2
    smooth = signal**2 * np.exp(-0.5 * distances)
    covariance = smooth.copy()
    covariance.flat[:: len(y) + 1] += noise**2
    factor = linalg.cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
    a = linalg.cho_solve((factor, True), y, check_finite=False)
    value = 0.5 * y @ a + np.sum(np.log(np.diag(factor))) + 0.5 * len(y) * np.log(2 * np.pi)
    inverse, _ = linalg.lapack.dpotri(factor, lower=True)
    inverse_diagonal = np.diag(inverse).copy()
    weights = np.tril(inverse, -1)
    weights += weights.T
    weights.flat[:: len(y) + 1] = inverse_diagonal
    weights -= np.outer(a, a)
    weights *= smooth
    return value, np.array([0.5 * np.vdot(weights, distances), np.sum(weights), noise**2 * (np.sum(inverse_diagonal) - a @ a)])


def k_means(centres, x):
    distances = np.sum(x**2, axis=1)[:, None] + np.sum(centres**2, axis=1) - 2 * (x @ centres.T)
    nearest = np.argmin(distances, axis=1)
    belongs = (nearest[:, None] == np.arange(len(centres))).astype(float)
    gradient = 2 * (np.sum(belongs, axis=0)[:, None] * centres - belongs.T @ x)
    return np.sum(distances[np.arange(len(x)), nearest]), gradient


def chain(x, steps):
    """(value, derivative), carried forward together."""
    start = float(x[0])
    y, y_dot = start, 1.0
    for _ in range(steps):
        sine, cosine = math.sin(y), math.cos(y)
        y, y_dot = y + 0.01 * sine * start, y_dot + 0.01 * (cosine * y_dot * start + sine)
    return y, np.array([y_dot])


def heat(initial, conductivity, target, steps):
    u, inside, flows = initial.copy(), conductivity[1:-1, 1:-1], []
    for _ in range(steps):
        flows.append(u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4 * u[1:-1, 1:-1])
        u[1:-1, 1:-1] += inside * flows[-1]
    u_bar, inside_bar = 2 * (u - target), np.zeros_like(inside)
    value = 0.25 * np.sum(u_bar**2)
    for flow in reversed(flows):
        bar = u_bar[1:-1, 1:-1].copy()
        inside_bar += bar * flow
        bar *= inside
        u_bar[:-2, 1:-1] += bar
        u_bar[2:, 1:-1] += bar
        u_bar[1:-1, :-2] += bar
        u_bar[1:-1, 2:] += bar
        u_bar[1:-1, 1:-1] -= 4 * bar
    return value, (u_bar, np.pad(inside_bar, 1))


CALLS = {
    "rosenbrock": rosenbrock,
    "hessian of rosenbrock": rosenbrock_hessian,
    "sparse hessian of rosenbrock": rosenbrock_diagonals,
    "hvp of rosenbrock": rosenbrock_product,
    "waves": waves,
    "black-scholes": black_scholes,
    "logistic": logistic,
    "softmax regression": softmax_regression,
    "perceptron": perceptron,
    "gmm": gmm,
    "gaussian process": gaussian_process,
    "k-means": k_means,
    "chain": chain,
    "heat": heat,
}
