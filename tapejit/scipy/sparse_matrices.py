"""Sparse matrices in traced code: SciPy's own while their values are numbers, and `Sparse` where a value is traced.

`Known` is a SciPy matrix that hands over to `Sparse` where it meets a traced value. The one that stands for a matrix of the user's has no
arrays of its own: what SciPy's code reads of the original is noted by its contents, what a product reads is read by reference, so that
large matrices cost nothing at later calls. `Sparse` keeps the stored values as they are: duplicates are not summed, conversions change the
name of the format alone. Read next: `ops/sparse.py`, `sparse/linalg.py`.
"""

import functools

import numpy as np
import scipy.sparse

from ..ops import OPS
from ..ops.sparse import flipped, places_of
from ..trace.lowerings.common import asarray, cast, concrete, filled, holds_tracer, host, refuse
from ..trace.lowerings.matrices import inexact
from .common import read, seen

FORMATS = ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
CLASSES = tuple(f"{format}_{kind}" for format in FORMATS for kind in ("array", "matrix"))
COVERED = ("@", "dot", "*", "/", "+", "-", "T", "multiply", "power", "sum", "diagonal", "trace", "toarray", "tocsr and its like")


def is_traced(value):
    return type(value) is Sparse or holds_tracer(value)


def class_of(format, like):
    """SciPy's class for a format: a matrix class where `like` is one, else an array class."""
    return getattr(scipy.sparse, f"{format}_{'matrix' if issubclass(like, scipy.sparse.spmatrix) else 'array'}")


def format_of(kind):
    return kind.__name__.partition("_")[0]


class Sparse:
    """A sparse matrix with traced values. `storage` and `places` say where these lie (see `ops/sparse.py`), `kind` is SciPy's class."""

    __slots__ = ("kind", "storage", "data", "places", "shape")
    __array_ufunc__ = None
    ndim = 2

    def __init__(self, kind, storage, data, places, shape):
        self.kind, self.storage, self.data, self.places, self.shape = kind, storage, data, tuple(places), tuple(map(int, shape))

    @property
    def __class__(self):
        return self.kind

    def __repr__(self):
        return f"<a traced {self.kind.__name__} of shape {self.shape}>"

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(f"a traced sparse matrix has no attribute {name!r}")
        own = {"csr": ("indices", "indptr"), "csc": ("indices", "indptr"), "coo": ("row", "col")}[self.storage]
        if name in own and self.storage == self.format:
            return self.places[own.index(name)]
        refuse(self.data, f"{name!r} of a sparse matrix with traced values is not covered: covered are {', '.join(COVERED)}")

    def __getitem__(self, key):
        refuse(self.data, "an element of a sparse matrix with traced values is not covered: use the arrays that it was made of, or A.toarray()")

    format = property(lambda self: format_of(self.kind))
    dtype = property(lambda self: self.data.dtype)
    nnz = size = property(lambda self: self.data.shape[0])

    def _like(self, data):
        return Sparse(self.kind, self.storage, data, self.places, self.shape)

    def _rows_and_columns(self):
        return host(_row_and_column, *self.places, self.storage)

    # -- products

    def __matmul__(self, other):
        if isinstance(other, scipy.sparse.sparray | scipy.sparse.spmatrix):
            refuse(self.data, "the product of two sparse matrices with traced values is not covered: write A @ (B @ x) in place of (A @ B) @ x")
        x = asarray(other)
        if x.ndim not in (1, 2):
            raise ValueError(f"expected a vector or a matrix, found {x.ndim} axes" if x.ndim else "Scalar operands are not allowed, use '*' instead")
        if x.shape[0] != self.shape[1]:
            raise ValueError(f"dimension mismatch: a matrix of shape {self.shape} and an operand of shape {x.shape}")
        data, x = inexact(self.data, x)
        return OPS["sparse_product"](data, *self.places, x, format=self.storage, size=self.shape)

    def __rmatmul__(self, other):
        x = asarray(other)
        return (self.T @ x.T).T

    def dot(self, other):
        return self.multiply(other) if np.ndim(concrete(other)) == 0 and type(other) is not Sparse else self @ other

    def transpose(self, axes=None, copy=False):
        places, params = flipped(*self.places, self.storage, self.shape)
        format = {"csr": "csc", "csc": "csr"}.get(self.format, self.format)
        return Sparse(class_of(format, self.kind), params["format"], self.data, places, params["size"])

    T = property(transpose)

    # -- element by element

    def multiply(self, other):
        """The product with a number or, element by element, with an array that broadcasts."""
        if isinstance(other, scipy.sparse.sparray | scipy.sparse.spmatrix):
            refuse(self.data, "the product, element by element, of two sparse matrices with traced values is not covered: multiply by an array")
        other = asarray(other)
        if other.ndim == 0:
            return self._like(self.data * other)
        rows, columns = self._rows_and_columns()
        found = Sparse(class_of("coo", self.kind), "coo", self.data, (rows, columns), self.shape)
        return found._like(self.data * np.broadcast_to(other, self.shape)[rows, columns])

    def __mul__(self, other):
        return self.dot(other) if issubclass(self.kind, scipy.sparse.spmatrix) else self.multiply(other)

    def __rmul__(self, other):
        return self.__rmatmul__(other) if issubclass(self.kind, scipy.sparse.spmatrix) and np.ndim(concrete(other)) else self.multiply(other)

    def __truediv__(self, other):
        return self._like(self.data / other) if np.ndim(concrete(other)) == 0 else self.multiply(1 / asarray(other))

    def __neg__(self):
        return self._like(-self.data)

    def __add__(self, other):
        if not isinstance(other, scipy.sparse.sparray | scipy.sparse.spmatrix):
            return self.toarray() + other
        other = sparse(other)
        if other.shape != self.shape:
            raise ValueError(f"inconsistent shapes {self.shape} and {other.shape}")
        places = zip(self._rows_and_columns(), other._rows_and_columns())
        kind = class_of("csr" if self.format != "csc" else "csc", self.kind)
        return Sparse(kind, "coo", np.concatenate(inexact(self.data, other.data)), [np.concatenate(pair) for pair in places], self.shape)

    __radd__ = __add__

    def __sub__(self, other):
        return self + -other

    def __rsub__(self, other):
        return -self + other

    def power(self, n, dtype=None):
        return self._like(self.data**n)

    def conjugate(self, copy=True):
        return self._like(np.conj(self.data))

    conj = conjugate

    def astype(self, dtype, casting="unsafe", copy=True):
        return self._like(cast(self.data, dtype))

    def copy(self):
        return self._like(self.data)

    # -- sums and dense arrays

    def sum(self, axis=None, dtype=None, out=None):
        if axis is None:
            return np.sum(self.data)
        axis = axis % 2
        found = (self if axis else self.T) @ np.ones(self.shape[axis])
        return np.expand_dims(found, axis) if issubclass(self.kind, scipy.sparse.spmatrix) else found

    def toarray(self, order=None, out=None):
        rows, columns = self._rows_and_columns()
        flat = filled(self.data, (self.shape[0] * self.shape[1],), 0, self.data.dtype)
        np.add.at(flat, rows * self.shape[1] + columns, self.data)
        return flat.reshape(self.shape)

    todense = toarray

    def diagonal(self, k=0):
        return np.diagonal(self.toarray(), k)

    def trace(self, offset=0):
        return np.sum(self.diagonal(offset))

    def asformat(self, format, copy=False):
        return self if format is None else Sparse(class_of(format, self.kind), self.storage, self.data, self.places, self.shape)


for _format in FORMATS:
    setattr(Sparse, f"to{_format}", lambda self, copy=False, _format=_format: self.asformat(_format))


def _row_and_column(first, second, storage):
    return np.stack([np.asarray(part, np.int64) for part in places_of(np, first, second, storage)])


# --- SciPy's own matrices --------------------------------------------------------------------------------------------


class Known:
    """Mixed into a class of SciPy: an operation with a traced value is that of `Sparse`."""

    def __getattr__(self, name):
        original = vars(self).get("_original")
        if original is None or name.startswith("__"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return seen(original, name, f"{name} of a sparse matrix")


def _handing_over(name, base):
    own = getattr(base, name)

    @functools.wraps(own)
    def method(self, *args, **kwargs):
        if any(map(is_traced, args)):
            return getattr(sparse(self), name)(*args, **kwargs)
        return known(own(self, *args, **kwargs))

    return method


@functools.cache
def known_class(base):
    """The subclass of a class of SciPy that is traced."""
    names = ("__matmul__ __rmatmul__ dot __mul__ __rmul__ multiply __truediv__ __add__ __radd__ __sub__ __rsub__ __getitem__ __neg__ "
             "__abs__ __pow__ transpose reshape asformat tobsr tocoo tocsc tocsr todia todok tolil").split()
    members = {name: _handing_over(name, base) for name in names if hasattr(base, name)}
    for format in FORMATS:
        members[f"_{format}_container"] = property(lambda self, _class=class_of(format, base): known_class(_class))
    return type(base)(base.__name__, (Known, base), members | {"__module__": base.__module__, "__doc__": base.__doc__})


def known(matrix):
    """A matrix that traced code made by SciPy's functions, as `Known`; all else as it is."""
    if type(matrix) not in _plain_classes():
        return matrix
    cls = known_class(type(matrix))
    new = cls.__new__(cls)
    vars(new).update(vars(matrix))
    return new


@functools.cache
def _plain_classes():
    return frozenset(getattr(scipy.sparse, name) for name in CLASSES)


def standing_for(original):
    """What stands for a matrix of the user's."""
    cls = known_class(type(original))
    twin = cls.__new__(cls)
    vars(twin)["_original"] = original
    return twin


def sparse(matrix):
    """Any matrix as a `Sparse`."""
    if type(matrix) is Sparse:
        return matrix
    if not isinstance(matrix, scipy.sparse.sparray | scipy.sparse.spmatrix):
        a = asarray(matrix)
        rows, columns = (part.reshape(-1) for part in np.indices(a.shape))
        return Sparse(scipy.sparse.coo_array, "coo", a.reshape(-1), (rows, columns), a.shape)
    original = vars(matrix).get("_original", matrix)
    base = next(kind for kind in type(original).__mro__ if kind in _plain_classes())
    get = read if original is not matrix else lambda owner, name, path: getattr(owner, name)
    if len(original.shape) != 2:
        refuse(None, f"scipy.sparse: expected a matrix, found an array of shape {original.shape}: only matrices are traced")
    if original.format in ("csr", "csc"):
        data, *places = (get(original, name, f"{name} of a sparse matrix") for name in ("data", "indices", "indptr"))
    elif original.format == "coo":
        data, places = (get(original, name, f"{name} of a sparse matrix") for name in ("data", "coords"))
    elif original.format == "dia":
        offsets = np.asarray(matrix.offsets)
        data = get(original, "data", "data of a sparse matrix")
        return from_diagonals(base, data, offsets, original.shape)
    else:
        found = matrix.tocsr()
        data, places = found.data, (found.indices, found.indptr)
    return Sparse(base, original.format if original.format in ("csr", "csc", "coo") else "csr", data, places, original.shape)


def from_diagonals(kind, data, offsets, shape):
    """What a `dia` matrix holds: data[k, j] stands in column j of the diagonal offsets[k]."""
    columns = np.broadcast_to(np.arange(data.shape[1]), data.shape)
    rows = columns - np.asarray(offsets)[:, None]
    inside = (rows >= 0) & (rows < shape[0]) & (columns < shape[1])
    return Sparse(kind, "coo", data.reshape(-1)[np.flatnonzero(inside)], (rows[inside], columns[inside]), shape)
