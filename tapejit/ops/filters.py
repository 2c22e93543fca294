"""Linear filters on arrays with a boundary, as scipy.ndimage has them: one trilinear form and its three partial derivatives.

The form is the sum over i and k of result[i] weights[k] input[i + k - before], where `input` goes on beyond its ends as `mode` says. Each
of its three arguments is a derivative of the form by that argument; the row computes the one that is named by `gives`, of the two others.
"""

from itertools import product

from .linalg import NUMBERS
from .table import OPS, Type, linear

ROLES = ("result", "input", "weights")
PADDED = {"reflect": "symmetric", "mirror": "reflect", "nearest": "edge", "wrap": "wrap", "grid-mirror": "symmetric",
          "grid-wrap": "wrap"}  # SciPy's mode -> np.pad's; "constant" and "grid-constant" go on with 0


def continued(np, n, before, after, mode):
    """The place in an array of length n of each element of it continued by so many to both sides; n where there is none."""
    if mode not in PADDED:
        return np.pad(np.arange(n), (before, after), constant_values=n)
    return np.pad(np.arange(n), (before, after), PADDED[mode]) if n > 1 else np.zeros(before + n + after, int)


def _extended(np, x, sizes, before, mode):
    """The input, continued so far as the weights reach."""
    for axis, (size, left) in enumerate(zip(sizes, before)):
        if size > 1:
            n = x.shape[axis]
            if mode not in PADDED:
                x = np.concatenate([x, np.zeros(x.shape[:axis] + (1,) + x.shape[axis + 1:], x.dtype)], axis)
            x = np.take(x, continued(np, n, left, size - 1 - left, mode), axis)
    return x


def _folded(np, x, shape, sizes, before, mode):
    """The transpose of `_extended`."""
    for axis, (n, size, left) in enumerate(zip(shape, sizes, before)):
        if size > 1:
            x = np.moveaxis(x, axis, 0)
            out = np.concatenate([x[left:left + n], np.zeros((1,) + x.shape[1:], x.dtype)])
            places = continued(np, n, left, size - 1 - left, mode)
            for k in (*range(left), *range(left + n, len(places))):
                out[places[k]] += x[k]
            x = np.moveaxis(out[:n], 0, axis)
    return x


def _filtered(np, x, weights, before, mode):
    from scipy import ndimage

    origin = [left - size // 2 for size, left in zip(weights.shape, before)]
    long = [axis for axis, size in enumerate(weights.shape) if size > 1]
    weights = np.conj(weights)  # which SciPy conjugates
    if len(long) == 1:
        return ndimage.correlate1d(x, weights.reshape(-1), long[0], mode=mode, origin=origin[long[0]])
    return ndimage.correlate(x, weights, mode=mode, origin=origin)


def _by_input(np, ct, weights, before, mode):
    wide = np.zeros([n + size - 1 for n, size in zip(ct.shape, weights.shape)], ct.dtype)
    wide[tuple(slice(size - 1 - size // 2, size - 1 - size // 2 + n) for n, size in zip(ct.shape, weights.shape))] = ct
    back = weights[(slice(None, None, -1),) * weights.ndim]
    middle = [size // 2 for size in weights.shape]
    return _folded(np, _filtered(np, wide, back, middle, "constant"), ct.shape, weights.shape, before, mode)


def _by_weights(np, ct, x, before, mode, sizes):
    wide, out = _extended(np, x, sizes, before, mode), np.empty(sizes, ct.dtype)
    for k in product(*map(range, sizes)):
        out[k] = np.sum(ct * wide[tuple(slice(j, j + n) for j, n in zip(k, ct.shape))])
    return out


def _form(np, a, b, gives, before, mode, sizes):
    if gives == "result":
        return _filtered(np, a, b, before, mode)
    return _by_input(np, a, b, before, mode) if gives == "input" else _by_weights(np, a, b, before, mode, sizes)


def _transpose(ct, a, b, gives, before, mode, sizes):
    given = {**dict(zip([role for role in ROLES if role != gives], (a, b))), gives: ct}

    def by(role):
        operands = [given[other] for other in ROLES if other != role]
        return OPS["filter_form"](*operands, gives=role, before=before, mode=mode, sizes=sizes)

    return tuple(by(role) for role in ROLES if role != gives)


filter_form = linear(
    _form, _transpose, kind="multilinear", params=("gives", "before", "mode", "sizes"), arity=2, dtypes=NUMBERS,
    result=lambda types, gives, before, mode, sizes: Type(types[0].dtype, sizes if gives == "weights" else types[0].shape),
    doc="Of a linear filter's result, input and weights, `gives`: the derivative of the form by it, at the two others in that order.")
