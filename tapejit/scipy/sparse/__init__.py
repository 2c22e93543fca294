"""scipy.sparse for differentiated code: matrices of numbers that meet traced vectors, and matrices with traced values.

Read next: `../sparse_matrices.py`, `linalg.py`.
"""

import numpy as np
import scipy.sparse as _original

from ...trace.lowerings.common import asarray, cast, concrete, refuse, static
from ...trace.recorder import current_trace
from ...trace.tracer import Tracer
from .. import names_of
from ..common import scipys
from ..sparse_makers import TRACED
from ..sparse_matrices import CLASSES, Sparse, class_of, format_of, from_diagonals, is_traced, known, known_class, sparse, standing_for

MAKERS = [name for name in ("block_array", "block_diag", "bmat", "diags", "diags_array", "eye", "eye_array", "hstack", "identity", "kron", "kronsum",
                            "spdiags", "tril", "triu", "vstack") if hasattr(_original, name)]
__all__ = [*MAKERS, *CLASSES]
_find, __dir__ = names_of(__name__)


def __getattr__(name):
    if name == "linalg":
        from . import linalg

        return linalg
    return _find(name)


def instances(sparse):
    """What stands for the matrices that were made outside of the traced code."""
    return {getattr(sparse, name): standing_for for name in CLASSES}


# --- matrices of their parts -----------------------------------------------------------------------------------------


def _made(name):
    def make(arg1, shape=None, dtype=None, copy=False, **kwargs):
        kind = scipys(__name__, name)
        if current_trace() is None:
            return kind(arg1, shape, dtype=dtype, copy=copy, **kwargs)
        if not is_traced(arg1) and not (isinstance(arg1, tuple) and any(map(is_traced, arg1))):
            return known_class(kind)(static(arg1), shape, dtype=dtype, copy=copy, **kwargs)
        found = _of_parts(kind, arg1, shape)
        return found if dtype is None else found.astype(dtype)

    make.__name__ = make.__qualname__ = name
    return make


def _of_parts(kind, parts, shape):
    if type(parts) is Sparse:
        return parts.asformat(format_of(kind))
    if not isinstance(parts, tuple):
        return sparse(parts).asformat(format_of(kind)) if shape is None else sparse(asarray(parts).reshape(shape)).asformat(format_of(kind))
    data, *places = parts
    data = asarray(data)
    if format_of(kind) == "dia" and len(places) == 1:
        return from_diagonals(kind, np.atleast_2d(data), np.atleast_1d(static(places[0])), shape)
    if len(places) == 1:
        (places,) = places
    if len(places) != 2 or format_of(kind) not in ("coo", "csr", "csc"):
        refuse(data, f"scipy.sparse.{kind.__name__} of traced values is not covered in this form: use (data, (row, col)), or csr_array of "
                     "(data, indices, indptr)")
    storage = "coo" if len(parts) == 2 else format_of(kind)
    places = [_whole(part) for part in places]
    numbers = [concrete(part) if shape is not None else static(part) for part in places]
    example = np.zeros(data.shape, np.float64)
    shape = kind((example, tuple(numbers)) if storage == "coo" else (example, *numbers), shape=shape).shape  # SciPy's errors
    return Sparse(class_of(format_of(kind), kind), storage, data, places, shape)


def _whole(places):
    places = places if type(places) is Tracer else np.asarray(places)
    return places if places.dtype in (np.int32, np.int64) else cast(places, np.int64)


for _name in CLASSES:
    globals()[_name] = _made(_name)


def _wrapped(name):
    def make(*args, **kwargs):
        values = (*args, *kwargs.values())
        if _any_traced(values):
            if name in TRACED:
                return TRACED[name](*args, **kwargs)
            refuse(_first_tracer(values), f"scipy.sparse.{name} of traced values is not covered: make the matrix of its parts, "
                   "scipy.sparse.coo_array((data, (row, col)))")
        found = scipys(__name__, name)(*args, **kwargs)
        return found if current_trace() is None else known(found)

    make.__name__ = make.__qualname__ = name
    return make


def _any_traced(values):
    return any(is_traced(x) or isinstance(x, (list, tuple)) and _any_traced(x) for x in values)


def _first_tracer(values):
    for x in values:
        x = x.data if type(x) is Sparse else x
        found = _first_tracer(x) if isinstance(x, (list, tuple)) else x if type(x) is Tracer else None
        if found is not None:
            return found
    return None


for _name in MAKERS:
    globals()[_name] = _wrapped(_name)
_diags, _diags_array = (globals().get(_name) for _name in ("diags", "diags_array"))


def diags(diagonals, offsets=0, shape=None, format=None, dtype=None):
    if not _any_traced((diagonals,)):
        return _diags(diagonals, offsets, shape, format, dtype)
    return _diagonals("dia_matrix", diagonals, offsets, shape, format, dtype)


def diags_array(diagonals, /, *, offsets=0, shape=None, format=None, dtype=None):
    if not _any_traced((diagonals,)):
        return _diags_array(diagonals, offsets=offsets, shape=shape, format=format, dtype=dtype)
    return _diagonals("dia_array", diagonals, offsets, shape, format, dtype)


def _diagonals(kind, diagonals, offsets, shape, format, dtype):
    kind, offsets = scipys(__name__, kind), np.atleast_1d(static(offsets))
    if len(offsets) == 1 and (type(diagonals) is Tracer and diagonals.ndim < 2 or not isinstance(diagonals, np.ndarray | list | tuple)
                              or np.ndim(concrete(diagonals[0])) == 0):
        diagonals = [diagonals]
    diagonals = [np.atleast_1d(asarray(d)) for d in diagonals]
    if len(diagonals) != len(offsets):
        raise ValueError("Different number of diagonals and offsets.")
    if shape is None:
        shape = (len(diagonals[0]) + abs(int(offsets[0])),) * 2
    data, rows, columns = [], [], []
    for d, k in zip(diagonals, map(int, offsets)):
        length = min(shape[0] + k, shape[1] - k, *shape)
        if length < 0:
            raise ValueError(f"Offset {k} (index {len(data)}) out of bounds")
        if len(d) != 1 and len(d) < length:
            raise ValueError(f"Diagonal length (index {len(data)}: {len(d)} at offset {k}) does not agree with array size {tuple(shape)}.")
        data.append(np.broadcast_to(d[:length], (length,)))
        rows.append(np.arange(length) + max(-k, 0))
        columns.append(np.arange(length) + max(k, 0))
    found = Sparse(kind, "coo", np.concatenate(data), (np.concatenate(rows), np.concatenate(columns)), shape).asformat(format)
    return found if dtype is None else found.astype(dtype)
