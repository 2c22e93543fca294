"""Between NumPy's dtypes and the tape's: one short name per dtype that a tape can hold."""

import numpy as np

from ..ops.linear import NUMPY_NAMES
from ..ops.table import Type

DTYPE_OF_NAME = {name: np.dtype(getattr(np, numpy_name)) for name, numpy_name in NUMPY_NAMES.items()}
NAME_OF_DTYPE = {dtype: name for name, dtype in DTYPE_OF_NAME.items()}
ITEMSIZE = {name: dtype.itemsize for name, dtype in DTYPE_OF_NAME.items()}


def type_of(value):
    """The Type of a NumPy array, NumPy scalar, or Python bool, int, float or complex; TypeError for anything else."""
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        dtype = np.dtype({bool: "bool", int: "int64", float: "float64", complex: "complex128"}[type(value)])
        return Type(NAME_OF_DTYPE[dtype], ())
    name = NAME_OF_DTYPE.get(dtype)
    if name is None:
        raise TypeError(f"a tape holds bool, integer, float and complex numbers in native byte order, found dtype {dtype}")
    return Type(name, value.shape)
