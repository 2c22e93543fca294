"""Likelihoods and losses of statistics, on data drawn at random.

The Gaussian mixture is the GMM objective of ADBench (Srajer, Kukelova and Fitzgibbon 2018, A Benchmark of Selected Algorithmic
Differentiation Tools on Some Problems in Computer Vision and Machine Learning), with the formulas and the distributions of its data.
"""

import math

import numpy as np
from scipy import linalg, special

WISHART_GAMMA, WISHART_M = 1.0, 0


def logistic(weights, features, labels):
    z = features @ weights
    return np.mean(np.logaddexp(0.0, z) - labels * z)


def make_logistic(n, d):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(n, d))
    labels = (features @ rng.normal(size=d) + rng.normal(size=n) > 0).astype(float)
    return rng.normal(size=d) / math.sqrt(d), features, labels


def softmax_regression(weights, bias, features, labels):
    z = features @ weights + bias
    return np.mean(special.logsumexp(z, axis=1) - z[np.arange(len(labels)), labels])


def make_softmax_regression(n, d, classes):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(n, d))
    weights, bias = rng.normal(size=(d, classes)) / math.sqrt(d), rng.normal(size=classes)
    return weights, bias, features, np.argmax(features @ weights + rng.gumbel(size=(n, classes)), axis=1)


def triangle_places(d):
    """(d, d): where each entry of a lower triangular factor stands among [log diagonal, below the diagonal by columns, 0]."""
    places = np.full((d, d), d + d * (d - 1) // 2)
    np.fill_diagonal(places, np.arange(d))
    columns, rows = np.triu_indices(d, 1)
    places[rows, columns] = d + np.arange(len(rows))
    return places


def wishart_constant(k, d):
    freedom = d + WISHART_M + 1
    log_gamma = 0.25 * d * (d - 1) * math.log(math.pi) + sum(math.lgamma(0.5 * freedom - 0.5 * j) for j in range(d))
    return k * (freedom * d * (math.log(WISHART_GAMMA) - 0.5 * math.log(2)) - log_gamma)


def gmm(alphas, means, icf, x, places):
    """The log-posterior of a mixture: log weights (k,), means (k, d), inverse covariance factors (k, d (d + 1) / 2), points x (n, d)."""
    k, d = means.shape
    n = len(x)
    log_diagonal, below = icf[:, :d], icf[:, d:]
    diagonal = np.exp(log_diagonal)
    factors = np.concatenate([diagonal, below, np.zeros((k, 1))], axis=1)[:, places]
    centred = x - means[:, None, :]
    scaled = centred @ np.transpose(factors, (0, 2, 1))
    log_determinants = np.sum(log_diagonal, axis=1)
    terms = (alphas + log_determinants)[:, None] - 0.5 * np.sum(scaled**2, axis=2)
    likelihood = np.sum(special.logsumexp(terms, axis=0)) - n * special.logsumexp(alphas) - 0.5 * n * d * math.log(2 * math.pi)
    squares = np.sum(diagonal**2) + np.sum(below**2)
    return likelihood + 0.5 * WISHART_GAMMA**2 * squares - WISHART_M * np.sum(log_determinants) - wishart_constant(k, d)


def make_gmm(n, d, k):
    rng = np.random.default_rng(31)
    return rng.normal(size=k), rng.uniform(size=(k, d)), rng.normal(size=(k, d * (d + 1) // 2)), rng.normal(size=(n, d)), triangle_places(d)


def gaussian_process(logs, x, y):
    """Minus the log marginal likelihood; logs of length scale, signal and noise. Rasmussen and Williams (2006), algorithm 2.1."""
    scale, signal, noise = np.exp(logs[0]), np.exp(logs[1]), np.exp(logs[2])
    squares = np.sum(x**2, axis=1)
    distances = squares[:, None] + squares - 2 * (x @ x.T)
    covariance = signal**2 * np.exp(-0.5 * distances / scale**2) + noise**2 * np.eye(len(y))
    factor = np.linalg.cholesky(covariance)
    z = linalg.solve_triangular(factor, y, lower=True)
    return 0.5 * np.sum(z**2) + np.sum(np.log(np.diag(factor))) + 0.5 * len(y) * math.log(2 * math.pi)


def make_gaussian_process(n):
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, size=(n, 3))
    return np.log([1.3, 0.9, 0.3]), x, np.sin(2 * x[:, 0]) * np.cos(x[:, 1]) + 0.3 * rng.normal(size=n)


def hidden_markov(initial, transition, emission, observations):
    """Minus the log-likelihood of observed symbols by the forward algorithm; logits of states, of moves and of symbols."""
    moves = transition - special.logsumexp(transition, axis=1, keepdims=True)
    symbols = emission - special.logsumexp(emission, axis=1, keepdims=True)
    state = initial - special.logsumexp(initial) + symbols[:, observations[0]]
    for observation in observations[1:]:
        state = special.logsumexp(state[:, None] + moves, axis=0) + symbols[:, observation]
    return -special.logsumexp(state)


def make_hidden_markov(steps, states, symbols):
    rng = np.random.default_rng(0)
    observations = rng.integers(symbols, size=steps)
    return rng.normal(size=states), rng.normal(size=(states, states)), rng.normal(size=(states, symbols)), observations


def k_means(centres, x):
    """The sum of squared distances to the nearest centre."""
    return np.sum(np.min(np.sum((x[:, None, :] - centres) ** 2, axis=2), axis=1))


def make_k_means(n, d, k):
    rng = np.random.default_rng(0)
    return rng.normal(size=(k, d)), rng.normal(size=(n, d))
