"""Classes with weights: layers that fill their outputs in place, with inheritance and a cached property."""

import functools

import numpy as np


class Layer:
    activation = staticmethod(np.tanh)

    def __call__(self, x):
        return self.activation(self.forward(x))

    def forward(self, x):
        raise NotImplementedError


class Dense(Layer):
    def __init__(self, inputs, outputs, seed):
        rng = np.random.default_rng(seed)
        self.weights = rng.normal(size=(outputs, inputs)) / np.sqrt(inputs)

    @functools.cached_property
    def scale(self):
        return 1.0 / len(self.weights)

    def forward(self, x):
        y = np.empty(len(self.weights))
        for k, row in enumerate(self.weights):
            y[k] = row @ x
        y += self.scale
        return y


class Stack(Layer):
    activation = staticmethod(lambda x: x)

    def __init__(self, *layers):
        self.layers = list(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x
