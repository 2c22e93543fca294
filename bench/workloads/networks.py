"""Neural networks: a perceptron on images, and the LSTM of ADBench (a diagonal one: each character has gates of its own)."""

import math

import numpy as np
from scipy import special


def perceptron(w1, b1, w2, b2, x, labels):
    """The mean cross-entropy of a network with one hidden layer of tanh."""
    z = np.tanh(x @ w1 + b1) @ w2 + b2
    return np.mean(special.logsumexp(z, axis=1) - z[np.arange(len(labels)), labels])


def make_perceptron(batch, inputs, hidden, classes):
    rng = np.random.default_rng(0)
    w1, w2 = rng.normal(size=(inputs, hidden)) / math.sqrt(inputs), rng.normal(size=(hidden, classes)) / math.sqrt(hidden)
    b1, b2 = 0.1 * rng.normal(size=hidden), 0.1 * rng.normal(size=classes)
    return w1, b1, w2, b2, rng.uniform(size=(batch, inputs)), rng.integers(classes, size=batch)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_cell(weight, bias, hidden, cell, x):
    forget = sigmoid(x * weight[0] + bias[0])
    ingate = sigmoid(hidden * weight[1] + bias[1])
    outgate = sigmoid(x * weight[2] + bias[2])
    change = np.tanh(hidden * weight[3] + bias[3])
    cell = cell * forget + ingate * change
    return outgate * np.tanh(cell), cell


def lstm_step(main, extra, state, x):
    """(prediction, next state) after one character; `state` is a list of (hidden, cell) of each layer."""
    x, after = x * extra[0], []
    for layer, (hidden, cell) in enumerate(state):
        hidden, cell = lstm_cell(main[layer, 0], main[layer, 1], hidden, cell, x)
        after.append((hidden, cell))
        x = hidden
    return x * extra[1] + extra[2], after


def lstm_loss(prediction, character):
    return np.sum(character * (prediction - np.log(np.sum(np.exp(prediction)) + 2)))


def lstm(main, extra, state, sequence):
    """The mean loss of predicting each next character: main (layers, 2, 4, b) weights and biases, extra (3, b), sequence (c, b)."""
    layers = [(hidden, cell) for hidden, cell in state]
    total = 0.0
    for x, character in zip(sequence[:-1], sequence[1:]):
        prediction, layers = lstm_step(main, extra, layers, x)
        total = total + lstm_loss(prediction, character)
    return -total / ((len(sequence) - 1) * sequence.shape[1])


def make_lstm(layers, characters, bits=14):
    rng = np.random.default_rng(0)
    sequence = (rng.uniform(size=(characters, bits)) > 0.5).astype(float)
    return rng.uniform(-1, 1, (layers, 2, 4, bits)), rng.uniform(-1, 1, (3, bits)), rng.uniform(-1, 1, (layers, 2, bits)), sequence
