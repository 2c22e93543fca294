"""Where the elements lie in memory is as in NumPy: functions that ask for the memory order see the same one while traced."""

import numpy as np
import pytest

import tapejit as tj


def written(y):
    """y, the element that comes first in a C-ordered view of it written: in a copy, if NumPy can give no view."""
    y.reshape(-1)[0] = 9.0
    return y


CASES = {
    "copy": lambda x: written(np.copy(x)),
    "array": lambda x: written(np.array(x)),
    "x.copy K": lambda x: written(x.copy(order="K")),
    "x.copy": lambda x: written(x.copy()),
    "zeros_like": lambda x: written(np.zeros_like(x)) + x,
    "full_like": lambda x: written(np.full_like(x, 2.0)) + x,
    "ravel K": lambda x: x.ravel(order="K") * np.arange(6.0),
    "ravel A": lambda x: x.ravel(order="A") * np.arange(6.0),
    "flatten K": lambda x: x.flatten("K") * np.arange(6.0),
    "flatten A": lambda x: x.flatten("A") * np.arange(6.0),
    "flatten F": lambda x: x.flatten("F") * np.arange(6.0),
    "reshape A": lambda x: x.reshape(6, order="A") * np.arange(6.0),
    "T.ravel A": lambda x: x.T.ravel("A") * np.arange(6.0),
    "sort ravel K": lambda x: np.sort(x, axis=0).ravel("K") * np.arange(6.0),
    "asfortran": lambda x: np.asfortranarray(x).ravel("K") * np.arange(6.0),
    "ascontig": lambda x: np.ascontiguousarray(x).ravel("K") * np.arange(6.0),
    "asarray F": lambda x: np.asarray(x, order="F").ravel("K") * np.arange(6.0),
    "array F": lambda x: np.array(x, order="F").ravel("K") * np.arange(6.0),
    "copy F": lambda x: np.copy(x, order="F").ravel("K") * np.arange(6.0),
    "x+1 K": lambda x: (x + 1).ravel("K") * np.arange(6.0),
    "sin K": lambda x: np.sin(x).ravel("K") * np.arange(6.0),
    "cumsum K": lambda x: np.cumsum(x, axis=0).ravel("K") * np.arange(6.0),
    "where K": lambda x: np.where(x > 0, x, 0.0).ravel("K") * np.arange(6.0),
    "concat K": lambda x: np.concatenate([x, x], axis=0).ravel("K") * np.arange(12.0),
    "stack K": lambda x: np.stack([x, x]).ravel("K") * np.arange(12.0),
    "astype K": lambda x: x.astype(np.float32).ravel("K") * np.arange(6.0),
    "flat": lambda x: np.array(list(x.flat)) * np.arange(6.0),
    "x[::-1] K": lambda x: x[::-1].ravel("K") * np.arange(6.0),
    "take K": lambda x: x[:, [1, 0]].ravel("K") * np.arange(x[:, :2].size*1.0),
    "matmul K": lambda x: (x @ np.ones((x.shape[1], 2))).ravel("K") * np.arange(2.0*x.shape[0]),
    "zeros F": lambda x: written(np.zeros(x.shape, order="F")).ravel("K") * x.ravel("C"),
    "copied view": lambda x: written(x.copy().T).T * x,
    "+= ": lambda x: written(x + x.T.copy().T),
    "sum K": lambda x: np.sum(np.stack([x,x],axis=-1), axis=-1).ravel("K") * np.arange(6.0),
    "ones_like": lambda x: written(np.ones_like(x)) + x,
    "clip K": lambda x: np.clip(x, 0, 3).ravel("K") * np.arange(6.0),
    "max K": lambda x: np.max(np.stack([x,x]), axis=0).ravel("K") * np.arange(6.0),
    "array list": lambda x: written(np.array([x, x])).sum(),
    "flip": lambda x: np.flip(x).ravel("K") * np.arange(6.0),
    "tile": lambda x: np.tile(x, (2,1)).ravel("K") * np.arange(12.0),
    "repeat": lambda x: np.repeat(x, 2, axis=0).ravel("K") * np.arange(12.0),
    "diff": lambda x: np.cumsum(x, 1).ravel("A") * np.arange(6.0),
    "transpose copy": lambda x: written(np.copy(x.T)),
    "triu": lambda x: np.triu(x).ravel("K") * np.arange(6.0),
}

MATRIX = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])
LAYOUTS = {"C": MATRIX, "F": np.asfortranarray(MATRIX), "transposed": MATRIX.T, "backwards": MATRIX[::-1]}


@pytest.mark.parametrize("x", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("f", CASES.values(), ids=CASES)
def test_memory_order(f, x):
    x = x if x.base is not None else x.copy("K")
    assert np.isclose(tj.value_and_grad(lambda x: np.sum(f(x)))(x)[0], np.sum(f(x)), rtol=1e-6)
