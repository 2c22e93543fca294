"""A function that writes its arguments in place, and the same without writes."""

import numpy as np


def step(state, out, dt):
    """Writes `out` and `state` in place."""
    out[:] = np.sin(state) * dt + out[::-1]
    state *= 1.0 + dt
    state[1:] += out[:-1]


def step_functional(state, out, dt):
    out = np.sin(state) * dt + out[::-1]
    state = state * (1.0 + dt)
    return np.concatenate([state[:1], state[1:] + out[:-1]]), out
