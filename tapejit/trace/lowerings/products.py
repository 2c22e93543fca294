"""Products of vectors, matrices and tensors. Everything ends in `multiply`, `sum` and `matmul`.

`contract` is the one workhorse: it multiplies two arrays whose axes carry labels and sums over the labels that are not
kept. dot, inner, tensordot and each step of einsum are calls of it. Where nothing is summed, or the operands are
vectors, it is an elementwise product (and a sum), which fuses with its neighbours; else it is a matrix product.
"""

import math

import numpy as np

from ...ops import OPS
from ..tracer import Tracer, concrete, lowering
from .common import asarray, cast, common_dtype, deliver, existing, stand_in
from .numpy_source import numpy_source


def contract(a, a_labels, b, b_labels, kept):
    """The array with axes `kept`: a * b summed over the labels not in `kept`. Labels are distinct within a and within b;
    every label of `kept` is in a or b, and every label that is not kept is in both."""
    shared = [k for k in a_labels if k in b_labels]
    summed = [k for k in shared if k not in kept]
    batch = [k for k in shared if k in kept]
    free_a = [k for k in a_labels if k not in shared]
    free_b = [k for k in b_labels if k not in shared]
    sizes = dict(zip(a_labels, a.shape)) | dict(zip(b_labels, b.shape))

    def arranged(x, labels, *groups):
        """x with its axes in the order of the groups, and the number of elements along each group."""
        x = _transposed(x, tuple(labels.index(k) for group in groups for k in group))
        return x, [math.prod(sizes[k] for k in group) for group in groups]

    if summed and (free_a or free_b):
        order = batch + free_a + free_b
        lead = [sizes[k] for k in batch]
        a, (_, m, k) = arranged(a, a_labels, batch, free_a, summed)
        b, (_, k, n) = arranged(b, b_labels, batch, summed, free_b)
        y = OPS["matmul"](_reshaped(a, (*lead, m, k)), _reshaped(b, (*lead, k, n)))
        y = _reshaped(y, tuple(sizes[k] for k in order))
    else:
        order = batch + free_a + free_b + summed
        a, _ = arranged(a, a_labels, batch, free_a, summed)
        b, _ = arranged(b, b_labels, batch, free_b, summed)
        y = _reshaped(a, [1 if k in free_b else sizes[k] for k in order]) * _reshaped(b, [1 if k in free_a else sizes[k] for k in order])
        if summed:
            y = OPS["sum"](y, axes=tuple(range(len(order) - len(summed), len(order))))
            order = order[:-len(summed)]
    return _transposed(y, tuple(order.index(k) for k in kept))


def _transposed(x, axes):
    return x if axes == tuple(range(len(axes))) else OPS["transpose"](x, axes=axes)


def _reshaped(x, shape):
    return x if x.shape == tuple(shape) else OPS["reshape"](x, shape=tuple(shape))


def _operands(*arrays, dtype=None):
    arrays = [asarray(a) for a in arrays]
    dtype = dtype or common_dtype(*arrays)
    return [cast(a, dtype) for a in arrays]


# --- products of two arrays ------------------------------------------------------------------------------------------


@lowering(np.dot)
def dot(a, b, out=None):
    a, b = _operands(a, b)
    if a.ndim == 0 or b.ndim == 0:
        return deliver(a * b, out)
    if a.shape[-1] != b.shape[max(b.ndim - 2, 0)]:
        np.dot(_slim(a, {-1}), _slim(b, {max(b.ndim - 2, 0)}))  # NumPy's error
    i, j = list(range(a.ndim)), list(range(a.ndim, a.ndim + b.ndim))
    j[max(b.ndim - 2, 0)] = i[-1]
    return deliver(contract(a, i, b, j, i[:-1] + [k for k in j if k != i[-1]]), out)


def _slim(a, keep, last=None):
    """A stand-in for (the last axes of) `a` in which axes other than `keep` are empty: its products cost nothing and fail
    as those of `a` do."""
    keep = {k % a.ndim for k in keep if a.ndim}
    shape = tuple(n if k in keep else 0 for k, n in enumerate(a.shape))
    return np.empty(shape[-last:] if last else shape)


@lowering(np.inner)
def inner(a, b, /):
    a, b = _operands(a, b)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if a.shape[-1] != b.shape[-1]:
        np.inner(_slim(a, {-1}), _slim(b, {-1}))  # NumPy's error
    i, j = list(range(a.ndim)), list(range(a.ndim, a.ndim + b.ndim))
    return contract(a, i, b, j[:-1] + i[-1:], i[:-1] + j[:-1])


@lowering(np.vdot)
def vdot(a, b, /):
    a, b = _operands(a, b)
    return dot(np.conj(a.ravel()), b.ravel())


@lowering(np.outer)
def outer(a, b, out=None):
    a, b = _operands(a, b)
    return deliver(a.ravel()[:, None] * b.ravel()[None, :], out, stretch=True)


@lowering(np.linalg.outer)
def linalg_outer(x1, x2, /):
    np.linalg.outer(stand_in(asarray(x1)), stand_in(asarray(x2)))  # NumPy's error
    return outer(x1, x2)


def tensordot(a, b, axes=2):
    a, b = _operands(a, b)
    axes_a, axes_b = (range(-axes, 0), range(axes)) if np.ndim(axes) == 0 and isinstance(axes, (int, np.integer)) else axes
    axes_a, axes_b = ([axes] if np.ndim(axes) == 0 else list(axes) for axes in (axes_a, axes_b))
    np.tensordot(_slim(a, axes_a), _slim(b, axes_b), (axes_a, axes_b))  # NumPy's errors
    i, j = list(range(a.ndim)), list(range(a.ndim, a.ndim + b.ndim))
    for k_a, k_b in zip(axes_a, axes_b):
        j[k_b] = i[k_a]
    return contract(a, i, b, j, [k for k in i if k not in j] + [k for k in j if k not in i])


lowering(np.tensordot, np.linalg.tensordot)(tensordot)


@lowering(np.linalg.matmul)
def linalg_matmul(x1, x2, /):
    return matmul(x1, x2)


def matmul(x1, x2, /, *, dtype=None):
    """Leading axes broadcast; a vector is a row on the left and a column on the right."""
    if dtype is not None:
        np.matmul(np.ones(1, asarray(x1).dtype), np.ones(1, asarray(x2).dtype), dtype=dtype)  # NumPy's error
    a, b = _operands(x1, x2, dtype=dtype)
    if 0 in (a.ndim, b.ndim) or a.shape[-1] != b.shape[max(b.ndim - 2, 0)]:
        np.matmul(_slim(a, {-1}, last=2), _slim(b, {max(b.ndim - 2, 0)}, last=2))  # NumPy's error
    if a.ndim == b.ndim == 2:
        return OPS["matmul"](a, b)
    if a.ndim == 1 or b.ndim <= 2:
        return dot(a, b)
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return OPS["matmul"](_stretched(a, lead + a.shape[-2:]), _stretched(b, lead + b.shape[-2:]))


def _stretched(x, shape):
    return x if x.shape == shape else OPS["broadcast"](x, shape=shape)


def _vector_product(name, signature):
    """vecdot, matvec, vecmat: an einsum over the last axes with broadcast leading ones."""
    a_labels, b_labels, kept = signature

    def lowered(x1, x2, /, *, dtype=None):
        core_a, core_b = (np.ones(np.shape(concrete(x))[-len(labels):], asarray(x).dtype) for x, labels in ((x1, a_labels), (x2, b_labels)))
        getattr(np, name)(core_a, core_b, dtype=dtype)  # NumPy's errors
        a, b = _operands(x1, x2, dtype=dtype)
        if a_labels.startswith("i") and len(a_labels) == 1 and a.dtype.kind == "c":
            a = np.conj(a)
        return einsum(f"...{a_labels},...{b_labels}->...{kept}", a, b)
    return lowered


def _with_axes(function, lowered):
    """A generalised ufunc that also takes axes, axis and keepdims: the axes are moved to the end, and those of the result back."""
    def call(x1, x2, /, out=None, *, axes=None, axis=None, keepdims=False, **rest):
        if axes is None and axis in (None, -1) and keepdims is False:
            return deliver(lowered(x1, x2, **rest), out, stretch=True)
        named = {"axes": axes, "axis": axis, "keepdims": keepdims or None}
        named = {name: value for name, value in named.items() if value is not None}
        a, b = asarray(x1), asarray(x2)
        shape = function(stand_in(a), stand_in(b), **named).shape  # NumPy's errors
        core = [np.atleast_1d(k).tolist() for k in axes or (-1 if axis is None else axis,) * 2]
        a, b = (np.moveaxis(x, k, range(-len(k), 0)) for x, k in zip((a, b), core))
        y = lowered(a, b, **rest)
        if len(core) == 3 and not keepdims:
            y = np.moveaxis(y, range(-len(core[2]), 0), core[2])
        return deliver(y.reshape(shape)[()] if keepdims else y, out, stretch=True)
    return call


lowering(np.matmul)(_with_axes(np.matmul, matmul))
vecdot = _with_axes(np.vecdot, _vector_product("vecdot", ("i", "i", "")))
lowering(np.vecdot, np.linalg.vecdot)(vecdot)
for _name, _labels in (("matvec", ("ij", "j", "i")), ("vecmat", ("i", "ij", "j"))):
    for _function in existing(_name):  # from NumPy 2.2 on
        lowering(_function)(_with_axes(_function, _vector_product(_name, _labels)))


@lowering(np.kron)
def kron(a, b):
    a, b = asarray(a), asarray(b)
    n = max(a.ndim, b.ndim)
    a, b = (x.reshape((1,) * (n - x.ndim) + x.shape) for x in (a, b))
    product = a.reshape(tuple(s for k in a.shape for s in (k, 1))) * b.reshape(tuple(s for k in b.shape for s in (1, k)))
    return product.reshape(tuple(i * j for i, j in zip(a.shape, b.shape)))


@lowering(np.cross)
def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = _operands(a, b)
    np.cross(stand_in(a), stand_in(b), axisa, axisb, axisc)  # NumPy's errors
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    plane = a.shape[-1] == b.shape[-1] == 2  # both vectors in the plane: only the third component is wanted
    a, b = (np.concatenate([x, np.zeros(x.shape[:-1] + (1,), x.dtype)], -1) if x.shape[-1] == 2 else x for x in (a, b))
    after, before = np.array([1, 2, 0]), np.array([2, 0, 1])
    y = np.take(a, after, -1) * np.take(b, before, -1) - np.take(a, before, -1) * np.take(b, after, -1)
    return y[..., 2] if plane else np.moveaxis(y, -1, axisc)


@lowering(np.linalg.cross)
def linalg_cross(x1, x2, /, *, axis=-1):
    np.linalg.cross(stand_in(asarray(x1)), stand_in(asarray(x2)), axis=axis)  # NumPy's errors
    return cross(x1, x2, axis=axis)


lowering(np.linalg.multi_dot)(numpy_source(np.linalg.multi_dot))

# --- einsum ----------------------------------------------------------------------------------------------------------


@lowering(np.einsum)
def einsum(*operands, out=None, optimize=False, dtype=None, order="K", casting="safe"):
    """Repeated labels become diagonals, labels of one operand alone are summed, the rest is contracted in pairs."""
    arrays, terms, kept = _parsed(operands, optimize)
    sizes = {}
    for a, labels in zip(arrays, terms):
        for n, label in zip(a.shape, labels):
            sizes[label] = n if sizes.get(label, 1) == 1 else sizes[label]
    work = []
    for a, labels in zip(_operands(*arrays, dtype=dtype), terms):
        work.append(_distinct(a, labels, sizes))
    for places in _order_of_pairs(work, kept, optimize):
        chosen = [work.pop(place) for place in sorted(places, reverse=True)]
        while len(chosen) > 1:
            needed = set(kept).union(*(labels for _, labels in work + chosen[:-2]))
            chosen[-2:] = [_product(chosen[-1], chosen[-2], needed)]
        work.append(chosen[0])
    (a, labels), = work
    a, labels = _summed(a, labels, kept)
    result = _transposed(a, tuple(labels.index(k) for k in kept))
    if type(result) is Tracer and len(arrays) == 1 and concrete(result).base is not None:  # a view, which NumPy lets one write
        concrete(result).flags.writeable = concrete(arrays[0]).flags.writeable
    return deliver(result, out)


def _product(one, other, needed):
    (a, i), (b, j) = _summed(*one, needed.union(other[1])), _summed(*other, needed.union(one[1]))
    kept = [k for k in i if k in needed] + [k for k in j if k in needed and k not in i]
    return contract(a, i, b, j, kept), kept


def _summed(a, labels, needed):
    """The operand summed over its axes whose labels are not needed."""
    axes = tuple(k for k, label in enumerate(labels) if label not in needed)
    return (OPS["sum"](a, axes=axes) if axes else a), [label for label in labels if label in needed]


def _distinct(a, labels, sizes):
    """The operand with each label once: diagonals for repeated labels, no axes of length 1 that stand for longer ones."""
    labels = list(labels)
    for label in [k for k in dict.fromkeys(labels) if labels.count(k) > 1]:
        while labels.count(label) > 1:
            p = labels.index(label)
            q = labels.index(label, p + 1)
            a = np.diagonal(a, axis1=p, axis2=q)
            labels = [k for place, k in enumerate(labels) if place not in (p, q)] + [label]
    stretched = [n == 1 != sizes[label] for n, label in zip(a.shape, labels)]
    a = _reshaped(a, tuple(n for n, drop in zip(a.shape, stretched) if not drop))
    return a, [label for label, drop in zip(labels, stretched) if not drop]


def _order_of_pairs(work, kept, optimize):
    """Which operands to multiply next, step by step: NumPy's own path when there is a choice."""
    if len(work) <= 2:
        return [tuple(range(len(work)))]
    number = {}
    arguments = [part for a, labels in work for part in (stand_in(a), [number.setdefault(k, len(number)) for k in labels])]
    path = np.einsum_path(*arguments, [number[k] for k in kept], optimize=optimize or "greedy")[0]
    return path[1:]


def _parsed(operands, optimize):
    """(arrays, labels of each, labels of the result) from einsum's arguments in either form, checked by NumPy itself."""
    if isinstance(operands[0], str):
        inputs, arrow, output = operands[0].replace(" ", "").replace("...", ".").partition("->")
        arrays, terms = [asarray(a) for a in operands[1:]], [list(term) for term in inputs.split(",")]
        output = list(output) if arrow else None
    else:
        arrays = [asarray(a) for a in operands[:len(operands) // 2 * 2:2]]
        terms = [["." if k is Ellipsis else k for k in labels] for labels in operands[1::2]]
        output = ["." if k is Ellipsis else k for k in operands[-1]] if len(operands) % 2 else None
    _check(operands, arrays, optimize)
    spread = [a.ndim - len(term) + 1 if "." in term else 0 for a, term in zip(arrays, terms)]
    full = [("...", k) for k in range(max(spread, default=0), 0, -1)]  # the axes of an ellipsis, numbered from the last
    terms = [_expanded(term, full[len(full) - n:]) for term, n in zip(terms, spread)]
    if output is None:
        every = [k for term in terms for k in term if k not in full]
        return arrays, terms, full + sorted(k for k in set(every) if every.count(k) == 1)
    return arrays, terms, _expanded(output, full)


def _expanded(labels, ellipsis):
    return [k for label in labels for k in (ellipsis if label == "." else [label])]


def _check(operands, arrays, optimize):
    """Raise what np.einsum raises: it is called with operands as short as they can be while lengths stay equal or different."""
    lengths = {n: k for k, n in enumerate(sorted({n for a in arrays for n in a.shape if n != 1}))}
    small = (np.empty(tuple(1 if n == 1 else lengths[n] + (lengths[n] > 0) for n in a.shape), a.dtype) for a in arrays)
    if isinstance(operands[0], str):
        np.einsum(operands[0], *small, optimize=optimize)
    else:
        np.einsum(*[next(small) if k % 2 == 0 and k < len(operands) // 2 * 2 else part for k, part in enumerate(operands)],
                  optimize=optimize)
