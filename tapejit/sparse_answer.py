"""The answers behind `sparse_jacobian`, `sparse_hessian` and `sparsity`: sparse matrices with the pattern that was found on the tape.

All results of one trace share the arrays that say where the elements are, which are read-only for that reason; the stored elements are new
at each call. Read next: `passes/sparsity.py`.
"""

from __future__ import annotations

import copy

import numpy as np

from .answers import Answer
from .errors import OutputError, UnsupportedError
from .jacobian_answer import COMPRESSED, CompressedJacobian, JacobianAnswer, colouring_of, may_copy, pattern_of
from .kernel.direct_key import Made, Out
from .ops import FLOATS
from .passes.sparsity import full_pattern
from .tape.types import DTYPE_OF_NAME
from .trace import Tracer
from .tree import flatten

FORMATS = ("csr_array", "csr", "coo")
LIMIT = 50_000_000  # elements of a pattern: 800 MB
WORK = 2_000_000_000  # elements of patterns, in all


class Structure:
    """Where the stored elements of a matrix lie, and how it is returned: as SciPy's csr_array, or as a tuple of arrays.

    format   'csr_array'; 'csr', (data, indices, indptr); 'coo', (data, rows, columns)
    """

    def __init__(self, pattern, shape, format, dtype):
        small = max(*shape, pattern.columns.size) <= np.iinfo(np.int32).max
        first, second = (pattern.rows, pattern.columns) if format == "coo" else (pattern.columns, pattern.starts)
        self.places = [part.astype(np.int32 if small else np.int64) for part in (first, second)]
        self.shape, self.format = shape, format
        if format == "csr_array":
            self.kind = _csr_array()
            self.like = self.kind((np.zeros(pattern.columns.size, dtype), *self.places), shape)
            self.like.has_canonical_format  # found once, for all copies
            self.places = [self.like.indices, self.like.indptr]
        for part in self.places:
            part.flags.writeable = False

    def matrix(self, data):
        """What is returned for the stored elements: an array, a Tracer, or an Out of a direct call's plan."""
        if type(data) is Out:
            return Made(self.matrix, data.number)
        if self.format != "csr_array":
            return (data, *self.places)
        if type(data) is Tracer:
            from .scipy.sparse_matrices import Sparse

            return Sparse(self.kind, "csr", data, self.places, self.shape)
        made = copy.copy(self.like)  # its constructor would check the arrays again, which takes longer than many a sweep
        made.data = data
        return made


def _csr_array():
    try:
        from scipy.sparse import csr_array
    except ImportError:
        raise UnsupportedError("a csr_array is SciPy's, which is not installed: pip install scipy, or pass format='csr' "
                               "for the arrays (data, indices, indptr)") from None
    return csr_array


class SparseAnswer(CompressedJacobian):
    """The stored elements of a Jacobian. Options of the request: (SYMMETRIC or None, format)."""

    def __init__(self, request, recording, pattern, colouring, copies):
        super().__init__(request, recording, pattern, colouring, copies)
        self.structure = Structure(pattern, (self.rows, self.columns), request.options[1], DTYPE_OF_NAME[self.given.dtype])

    def made(self, data):
        return [data], ["array"]

    def made_late(self, data):
        return [data]

    def finish(self, values):
        *aux, data = values
        return self.contained([[self.structure.matrix(data)]], aux)

    def comparable(self, result):
        return _arrays_of(result)


class _Known(JacobianAnswer):
    """What is known of a Jacobian of any dtypes: those that the request takes are checked by `sparse_answer`."""

    late = ()

    def _check_complex(self):
        pass


class SparsityAnswer(_Known):
    """The pattern of a Jacobian, without its values: a matrix of True. The program checks the guards alone."""

    def __init__(self, request, recording, pattern):
        super().__init__(request, recording)
        self.count_stored = pattern.columns.size
        self.structure = Structure(pattern, (self.rows, self.columns), request.options[1], bool)
        self.kinds = []

    def differentiate(self, builder):
        return []

    def run(self, program, inputs, leaves, extra=None):
        return Answer.run(self, program, inputs, leaves, extra)

    def inline(self, recording, inputs, leaves, extra=None):
        return self.finish([])

    def finish(self, values):
        return self.contained([[self.structure.matrix(np.ones(self.count_stored, bool))]], [])

    def comparable(self, result):
        return _arrays_of(result)


def sparse_answer(request, recording):
    """The Answer to a request for a sparse Jacobian or Hessian, or for its pattern."""
    kind = request.kind
    answer = _Known(request, recording)
    for what, types, error in (("the differentiated argument", answer.source_types(), "argument"), ("the result", answer.target_types, "result")):
        if len(types) != 1:
            raise OutputError(f"{kind}: {what} holds {len(types)} arrays, expected one array: join them, or use jacobian, whose blocks are dense")
        allowed = FLOATS if kind == "sparsity" else COMPRESSED
        if types[0].dtype not in allowed:
            raise OutputError(f"{kind}: {what} has dtype {DTYPE_OF_NAME[types[0].dtype]}, expected float64 or float32: convert the {error}, "
                              "or use jacobian")
    size = answer.rows * answer.columns
    pattern = pattern_of(answer, LIMIT, WORK)
    if pattern is None:
        if size > LIMIT:
            raise OutputError(f"{kind}: the derivative, {answer.rows} by {answer.columns}, or one on the way to it, has more than {LIMIT:,} elements that "
                              "may differ from zero: use products with vectors (hvp, jvp, vjp)")
        pattern = full_pattern(answer.rows, answer.columns)
    if kind == "sparsity":
        return SparsityAnswer(request, recording, pattern)
    colouring = colouring_of(answer, pattern, max(answer.rows, answer.columns))
    return SparseAnswer(request, recording, pattern, colouring, may_copy(answer, colouring))


def _arrays_of(result):
    """A result whose sparse matrices are tuples of arrays."""
    leaves, tree = flatten(result)
    return tree.build([(leaf.data, leaf.indices, leaf.indptr) if hasattr(leaf, "indptr") else leaf for leaf in leaves])
