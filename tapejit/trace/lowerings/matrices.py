"""What the lowerings of linear algebra share: operands as matrices of one floating dtype, and records that LAPACK can refuse."""

import numpy as np

from ...ops import OPS
from ..recorder import innermost
from .common import asarray, cast, common_dtype


def emit(name, *operands, **params):
    """A record of the row `name`. Where LAPACK fails, and f goes on after the LinAlgError, the trace holds for this run alone."""
    try:
        return OPS[name](*operands, **params)
    except np.linalg.LinAlgError as error:
        trace = innermost(operands)
        if trace is not None and trace.reads is not None:
            trace.reads.refuse(f"it goes on after LinAlgError: {error}")
        raise


def inexact(*arrays):
    """The arrays in one floating dtype, as numpy.linalg converts them."""
    arrays = [asarray(a) for a in arrays]
    arrays = [a if a.dtype.kind in "fc" else cast(a, np.float64) for a in arrays]
    dtype = common_dtype(*arrays)
    return [cast(a, dtype) for a in arrays]


def matrix(a):
    return inexact(a)[0]


def plain(result):
    """A result with no axes as NumPy gives it: a scalar."""
    return result if result.ndim else result[()]


def stretched(x, shape):
    return x if x.shape == tuple(shape) else OPS["broadcast"](x, shape=tuple(shape))


def transposed(x):
    """The conjugate transpose."""
    return np.conj(np.swapaxes(x, -1, -2))
