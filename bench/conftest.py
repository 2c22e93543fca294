"""One thread, before NumPy is imported."""

from bench.environment import set_threads

set_threads(1)
