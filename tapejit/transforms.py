"""Transforms: the public functions. Each one states a `Request` and hands the call to the function's `Specializer`.

Signatures are JAX's. All transforms take the same keywords:

argnums     int or tuple of ints: the positional arguments to differentiate by (a tuple gives a tuple of derivatives); default 0
argnames    name or names of keyword arguments to differentiate by; without argnums, these alone
has_aux     the function returns (value, aux); aux is passed through
holomorphic True: a promise that arguments and results are complex and the function is holomorphic
retarget    False: run the function as it is, not as a retargeted copy (np.zeros and the like then make plain arrays)
pure        True: a promise that nothing the function reads by name changes; the checks of each call are left out

Derivatives come back in the containers, dtypes and shapes of their arguments; a Python float's is a float. Integers, strings, bools and
None inside containers have the derivative None. Differentiating by an argument without any floating-point number is an ArgumentError.

Complex numbers follow JAX's convention (and autograd's). The derivative of a holomorphic function is the complex derivative. The
gradient of a real-valued u of z = x + iy is du/dx - i du/dy: descent goes against its conjugate, z - rate * conj(gradient). In general
tangents are complex numbers dx + i dy, and a cotangent g stands for the linear form that takes a tangent t to the real part of
sum(g * t), without conjugation: a pullback is the transpose of the tangent map in this sense. Real values have real tangents and
cotangents. A complex-valued function has one complex derivative only if it is holomorphic: `grad`, `hessian` and the Jacobians then ask
for holomorphic=True; `vjp` and `jvp` take any function.
"""

from __future__ import annotations

import functools

import numpy as np

from .errors import ArgumentError, OutputError
from .jacobian_answer import SYMMETRIC
from .keys import Identity
from .recording import name_of
from .request import Request
from .sparse_answer import FORMATS
from .specialize import SPECIALIZERS_KEPT, drop_oldest, specializer_of
from .tree import flatten


def _argnames(argnames):
    if argnames is None:
        return ()
    return (argnames,) if isinstance(argnames, str) else tuple(argnames)


def _request(kind, function, argnums=None, argnames=None, has_aux=False, retarget=True, pure=False, into=False, holomorphic=False):
    """A checked Request for `kind` on `function`."""
    if not callable(function):
        raise ArgumentError(f"{kind}: expected a function, found {type(function).__name__} {function!r:.60}: pass the function itself, as in {kind}(f)(x)")
    names = _argnames(argnames)
    if argnums is None:
        argnums = () if names else 0
    if isinstance(argnums, list):
        argnums = tuple(argnums)
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
            raise ArgumentError(f"{kind}: argnums: expected an int or a tuple of ints, found {argnums!r}")
    if len(set(numbers)) != len(numbers):
        raise ArgumentError(f"{kind}: argnums names an argument twice: {argnums!r}")
    argnums = tuple(int(n) for n in argnums) if isinstance(argnums, tuple) else int(argnums)
    return Request(kind, argnums, names, bool(has_aux), bool(retarget), bool(pure), "out" if into else None, bool(holomorphic))


def _transformed(kind, function, request, extra=None, doc=None):
    """The function that a transform returns: it looks like `function` and answers through its Specializer."""
    specializer = specializer_of(function, request)

    def transformed(*args, **kwargs):
        return specializer.fast(args, kwargs, extra)

    functools.update_wrapper(transformed, function, assigned=("__module__",), updated=())
    name = name_of(function)
    transformed.__name__ = transformed.__qualname__ = f"{kind}({name})"
    transformed.__doc__ = f"{kind} of {name}, by tapejit.\n\n{function.__doc__ or ''}".rstrip()
    transformed.specializer = specializer
    transformed.tape = lambda *args, **kwargs: specializer.derived_tape(args, kwargs)
    return transformed


def grad(function, argnums=None, *, argnames=None, has_aux=False, holomorphic=False, out=None, retarget=True, pure=False):
    """A function that returns the gradient of a scalar-valued function.

    out: a buffer, or container of buffers, with the gradient's structure, shapes and dtypes. Each call then sets these buffers and returns
    them. They are checked before each sweep (length, dtype, layout, writability, overlap); on a ShadowError nothing has been written.

    >>> import numpy as np, tapejit as tj
    >>> tj.grad(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    array([ 3., 12.])
    >>> tj.grad(lambda x, y: x * y)(2.0, 3.0)
    3.0
    >>> tj.grad(lambda z: abs(z) ** 2)(1 + 2j), tj.grad(lambda z: z ** 3, holomorphic=True)(2j)
    ((2-4j), (-12+0j))
    """
    request = _request("grad", function, argnums, argnames, has_aux, retarget, pure, out is not None, holomorphic)
    return _transformed("grad", function, request, out)


def value_and_grad(function, argnums=None, *, argnames=None, has_aux=False, holomorphic=False, out=None, retarget=True, pure=False):
    """A function that returns (value, gradient), or ((value, aux), gradient) with has_aux: one program computes both.

    >>> import numpy as np, tapejit as tj
    >>> tj.value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    """
    request = _request("value_and_grad", function, argnums, argnames, has_aux, retarget, pure, out is not None, holomorphic)
    return _transformed("value_and_grad", function, request, out)


def elementwise_grad(function, argnums=None, *, argnames=None, holomorphic=False, retarget=True, pure=False):
    """A function that returns the gradient of the sum of a function's output: for functions applied element by element, the derivative at each element.

    >>> import numpy as np, tapejit as tj
    >>> tj.elementwise_grad(np.sin)(np.array([0.0, 0.0]))
    array([1., 1.])
    """
    request = _request("elementwise_grad", function, argnums, argnames, False, retarget, pure, False, holomorphic)
    return _transformed("elementwise_grad", function, request)


def jit(function, *, retarget=True, pure=False):
    """A function that returns what `function` returns, computed by the compiled tape.

    >>> import numpy as np, tapejit as tj
    >>> tj.jit(lambda x: np.cumsum(x)[-1])(np.array([1.0, 2.0]))
    np.float64(3.0)
    """
    return _transformed("jit", function, _request("jit", function, (), None, False, retarget, pure))


_recent = {}  # (kind, id of a function, options) -> its Specializer, which keeps the function alive


def _specializer(kind, function, count, retarget, pure):
    """The Specializer of a transform that is called with its function and `count` arguments at once."""
    key = kind, id(function), count, retarget, pure
    found = _recent.get(key)
    if found is None or found.function is not function:
        found = specializer_of(function, _request(kind, function, tuple(range(count)), None, False, retarget, pure))
        while len(_recent) >= SPECIALIZERS_KEPT:
            drop_oldest(_recent)
        _recent[key] = found
    return found


def vjp(function, *primals, has_aux=False, retarget=True, pure=False):
    """(out, pullback): pullback(ct) takes a cotangent like `out` and returns a tuple, one cotangent per primal.

    The pullback owns the residuals of its forward sweep; it may be called any number of times. pullback(ct, out=buffers) sets the buffers, one item per
    primal, and returns them; with accumulate=True it adds to them. They are checked before anything is written (ShadowError).

    >>> import numpy as np, tapejit as tj
    >>> out, pullback = tj.vjp(lambda x: x**2, np.array([1.0, 2.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 2., 40.]),)
    """
    if has_aux:
        return _vjp_with_aux(function, primals, retarget, pure)
    return _specializer("vjp", function, len(primals), retarget, pure).fast(primals, {})


def _vjp_with_aux(function, primals, retarget, pure):
    def value_and_aux(*args):
        out = function(*args)
        if not isinstance(out, tuple) or len(out) != 2:
            raise OutputError(f"vjp: with has_aux=True the function returns a tuple (value, aux), found {type(out).__name__}")
        return out

    (value, aux), pullback = vjp(value_and_aux, *primals, retarget=retarget, pure=pure)
    leaves, tree = flatten(aux)
    zeros = tree.build([np.zeros_like(leaf) if isinstance(leaf, (np.ndarray, np.generic)) else 0.0 if isinstance(leaf, float) else leaf for leaf in leaves])
    return value, lambda ct, **options: pullback((ct, zeros), **options), aux


def jvp(function, primals, tangents, *, retarget=True, pure=False):
    """(out, out_dot): the value at `primals` and its directional derivative along `tangents` (both tuples, one item per argument).

    >>> import numpy as np, tapejit as tj
    >>> tj.jvp(np.sin, (0.0,), (2.0,))
    (np.float64(0.0), np.float64(2.0))
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise ArgumentError(f"jvp: primals and tangents: expected tuples with one item per argument, found {type(primals).__name__} and {type(tangents).__name__}")
    return _specializer("jvp", function, len(primals), retarget, pure).fast(tuple(primals), {}, tuple(tangents))


def linearize(function, *primals, retarget=True, pure=False):
    """(out, f_jvp): f_jvp(*tangents) is the directional derivative at the primals, which are not computed again.

    >>> import numpy as np, tapejit as tj
    >>> out, f_jvp = tj.linearize(lambda x: x**2, np.array([1.0, 2.0]))
    >>> f_jvp(np.array([1.0, 10.0]))
    array([ 2., 40.])
    """
    return _specializer("linearize", function, len(primals), retarget, pure).fast(primals, {})


def _jacobian(kind):
    def transform(function, argnums=None, *, argnames=None, has_aux=False, holomorphic=False, retarget=True, pure=False):
        return _transformed(kind, function, _request(kind, function, argnums, argnames, has_aux, retarget, pure, False, holomorphic))

    transform.__name__ = transform.__qualname__ = kind
    return transform


jacrev = _jacobian("jacrev")
jacrev.__doc__ = """A function that returns the Jacobian by reverse sweeps, one per output element, driven in C.

A Jacobian of one array by one array that is found to be sparse takes fewer: as many as its rows need colours such that no two of one colour
meet in a column. `sparse_jacobian` returns its elements alone.

For an output of shape s and an argument of shape t the block has shape s + t; containers nest as in JAX (outputs outside, arguments inside).

>>> import numpy as np, tapejit as tj
>>> tj.jacrev(lambda x: x**2)(np.array([1.0, 2.0]))
array([[2., 0.],
       [0., 4.]])
"""
jacfwd = _jacobian("jacfwd")
jacfwd.__doc__ = """A function that returns the Jacobian by forward sweeps, one per input element, or one per colour, driven in C. As `jacrev`.

>>> import numpy as np, tapejit as tj
>>> tj.jacfwd(lambda x: x**2)(np.array([1.0, 2.0]))
array([[2., 0.],
       [0., 4.]])
"""
jacobian = _jacobian("jacobian")
jacobian.__doc__ = """A function that returns the Jacobian, by whichever of `jacrev` and `jacfwd` takes fewer sweeps.

>>> import numpy as np, tapejit as tj
>>> tj.jacobian(lambda x: np.array([x[0] * x[1], x[0]]))(np.array([2.0, 3.0]))
array([[3., 2.],
       [1., 0.]])
"""


def _kept_by_identity(make):
    """A cache of what `make` returns for a function (told apart by identity, whatever its __eq__ says) and hashable options."""
    kept = {}

    def find(function, *options):
        key = (Identity(function), options)
        found = kept.get(key)
        if found is None:
            while len(kept) >= 64:
                drop_oldest(kept)
            found = kept[key] = make(function, *options)
        return found

    return find


def hessian(function, argnums=None, *, argnames=None, has_aux=False, holomorphic=False, retarget=True, pure=False):
    """A function that returns the second derivatives of a scalar-valued function: `jacfwd` of `grad`, one sweep per input element.

    Where a Hessian by one array is found to be sparse, it takes as many sweeps as it has colours; `sparse_hessian` returns its elements alone.

    >>> import numpy as np, tapejit as tj
    >>> tj.hessian(lambda x: x[0]**2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    options = {"argnums": argnums, "argnames": argnames, "has_aux": has_aux, "holomorphic": holomorphic, "retarget": retarget, "pure": pure}
    hashable = tuple((key, tuple(value) if isinstance(value, list) else value) for key, value in options.items())
    gradient = _shared_grad(function, *hashable)
    return _transformed("jacfwd", gradient, _request("jacfwd", gradient, **options)._replace(options=(SYMMETRIC,)))


def sparse_jacobian(function, argnums=None, *, argnames=None, has_aux=False, format="csr_array", retarget=True, pure=False):
    """A function that returns the Jacobian of one array by one array (float64 or float32) as a sparse matrix, whose pattern is found by itself.

    The matrix has a row for each element of the result and a column for each element of the argument, both in C order. Its pattern is found on
    the tape: it holds every element that can differ from zero for arguments that take the same branches, and perhaps a few more, which are
    stored zeros. Rows or columns that do not meet are found in one sweep; `sparsity` gives the pattern alone.

    format: 'csr_array', SciPy's; 'csr', the arrays (data, indices, indptr); 'coo', (data, rows, columns). All results for one trace share the arrays of
    indices, which are read-only: copy() the matrix before you change which elements it stores. The data are yours.

    Where f or a derivative on the way is infinite or NaN, so are the elements that depend on it; elements outside the pattern are zero all the same.

    >>> import numpy as np, tapejit as tj
    >>> tj.sparse_jacobian(lambda x: x[1:] * x[:-1], format="coo")(np.array([1.0, 2.0, 3.0]))
    (array([2., 1., 3., 2.]), array([0, 0, 1, 1], dtype=int32), array([0, 1, 1, 2], dtype=int32))
    """
    return _sparse("sparse_jacobian", function, None, format, argnums, argnames, has_aux, retarget, pure)


def sparse_hessian(function, argnums=None, *, argnames=None, has_aux=False, format="csr_array", retarget=True, pure=False):
    """A function that returns the second derivatives of a scalar-valued function as a sparse matrix, both triangles. See `sparse_jacobian`.

    A few variables that meet all others take a sweep each and cost the others nothing: their rows are found as their columns.

    >>> import numpy as np, tapejit as tj
    >>> tj.sparse_hessian(lambda x: np.sum(x[1:] * x[:-1]**2), format="csr")(np.array([1.0, 2.0, 3.0]))
    (array([4., 2., 2., 6., 4., 4.]), array([0, 1, 0, 1, 2, 1], dtype=int32), array([0, 2, 5, 6], dtype=int32))
    """
    options = {"argnums": argnums, "argnames": argnames, "has_aux": has_aux, "retarget": retarget, "pure": pure}
    _check_format("sparse_hessian", format)
    _request("sparse_hessian", function, argnums, argnames)
    hashable = tuple((key, tuple(value) if isinstance(value, list) else value) for key, value in options.items())
    return _sparse("sparse_hessian", _shared_grad(function, *hashable), SYMMETRIC, format, *options.values())


def sparsity(function, argnums=None, *, argnames=None, format="csr_array", retarget=True, pure=False):
    """A function that returns the pattern of the Jacobian of one array by one array: a sparse matrix of True. See `sparse_jacobian`.

    No element that can differ from zero is missing, for arguments that take the same branches. The Hessian of f has sparsity(grad(f)).

    >>> import numpy as np, tapejit as tj
    >>> tj.sparsity(lambda x: x[1:] * x[:-1])(np.ones(3)).toarray().astype(int)
    array([[1, 1, 0],
           [0, 1, 1]])
    """
    return _sparse("sparsity", function, None, format, argnums, argnames, False, retarget, pure)


def _sparse(kind, function, symmetric, format, argnums, argnames, has_aux, retarget, pure):
    _check_format(kind, format)
    request = _request(kind, function, argnums, argnames, has_aux, retarget, pure)
    return _transformed(kind, function, request._replace(options=(symmetric, format)))


def _check_format(kind, format):
    if format not in FORMATS:
        raise ArgumentError(f"{kind}: format: expected one of {', '.join(map(repr, FORMATS))}, found {format!r}")


def hvp(function, argnums=0, *, holomorphic=False, retarget=True, pure=False):
    """A function hvp(f)(*args, v) that returns the Hessian of a scalar-valued function times v, at the cost of a few gradients.

    The last argument is the vector, with the containers of the differentiated argument.

    >>> import numpy as np, tapejit as tj
    >>> tj.hvp(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([6., 0.])
    """
    if not isinstance(argnums, int):
        raise ArgumentError(f"hvp: argnums: expected one int, found {argnums!r}: put several arguments into one tuple argument")
    return jit(_hessian_product(function, argnums, bool(holomorphic), retarget, pure), retarget=retarget, pure=pure)


@_kept_by_identity
def _hessian_product(function, argnums, holomorphic, retarget, pure):
    """The function (*args, vector) -> Hessian times vector."""
    gradient = grad(function, argnums, holomorphic=holomorphic, retarget=retarget, pure=pure)

    def hessian_product(*args):
        if len(args) < 2:
            raise ArgumentError(f"hvp: expected the function's arguments and, last, the vector; found {len(args)} argument{'s' * (len(args) != 1)}")
        *primals, vector = args
        before, after = tuple(primals[:argnums]), tuple(primals[argnums + 1:])

        def along(x):
            return gradient(*before, x, *after)

        try:
            return jvp(along, (primals[argnums],), (vector,), retarget=retarget, pure=pure)[1]
        except ArgumentError as error:
            raise ArgumentError(str(error).replace("jvp: tangents[0]", "hvp: the vector")) from None

    hessian_product.__name__ = f"hvp({name_of(function)})"
    return hessian_product


@_kept_by_identity
def _shared_grad(function, *options):
    return grad(function, **dict(options))


def trace(function, *, retarget=True):
    """A function that returns the tape of `function` for its arguments: what was recorded, before any pass.

    >>> import numpy as np, tapejit as tj
    >>> len(tj.trace(lambda x: np.sin(x) * 2)(np.ones(3)))
    4
    """
    request = _request("jit", function, (), None, False, retarget, False)

    def traced(*args, **kwargs):
        return specializer_of(function, request).tape_of(args, kwargs)

    traced.__name__ = f"trace({name_of(function)})"
    return traced
