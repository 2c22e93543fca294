"""What the benchmarks differentiate, in plain NumPy. Peers load a second copy of this module with their own NumPy as `np`."""

import numpy as np

A, B = 1.0, 100.0


def rosenbrock(x):
    """Reads two globals of its module besides np, as ordinary code does: each call has to notice if they change."""
    return np.sum(B * (x[1:] - x[:-1] ** 2) ** 2 + (A - x[:-1]) ** 2)


def rosenbrock_by_hand(x):
    """(value, gradient)."""
    early, late = x[:-1], x[1:]
    climb = late - early**2
    gradient = np.zeros_like(x)
    gradient[:-1] = -4 * B * early * climb - 2 * (A - early)
    gradient[1:] += 2 * B * climb
    return np.sum(B * climb**2 + (A - early) ** 2), gradient


def waves(x):
    return np.sum(np.sin(x) * np.exp(-x * x) + np.log1p(x * x))


def waves_gradient_by_hand(x):
    square = x * x
    return (np.cos(x) - 2 * x * np.sin(x)) * np.exp(-square) + 2 * x / (1 + square)


def waves_by_hand(x):
    """(value, gradient)."""
    square = x * x
    bell, sine = np.exp(-square), np.sin(x)
    return np.sum(sine * bell + np.log1p(square)), (np.cos(x) - 2 * x * sine) * bell + 2 * x / (1 + square)


def chain(x, steps):
    """A recurrence on one number: four records a step on the tape."""
    y = x
    for _ in range(steps):
        y = y + 0.01 * np.sin(y) * x
    return y


def chain_by_hand(x, steps):
    """(value, derivative), carried forward together."""
    y, y_dot = x, 1.0
    for _ in range(steps):
        y, y_dot = y + 0.01 * np.sin(y) * x, y_dot + 0.01 * (np.cos(y) * y_dot * x + np.sin(y))
    return y, y_dot


def thirty(x):
    """Thirty operations on an array and the sum that makes a number of them."""
    a = np.sin(x) * np.exp(-x * x) + np.log1p(x * x)
    b = np.sqrt(1 + a * a) - np.tanh(a)
    c = np.where(b > 1, b * a, b - a)
    d = np.logaddexp(a, c) * np.square(b) - np.abs(c) + x / (2 + np.cos(x))
    return np.sum(d * np.exp(-np.maximum(a, c)))
