"""A package of the user's that the idioms call: it knows nothing of tapejit."""

import numpy as np

ORDER = 2


def norm_of(x):
    """Filled element by element."""
    powers = np.zeros(len(x))
    for i, v in enumerate(x):
        powers[i] = v ** ORDER
    return powers.sum() ** (1 / ORDER)
