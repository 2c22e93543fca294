"""Sparse derivatives: no element is missing from a pattern, stencils are found exactly, and what few sweeps find is what many find."""

import sys

import numpy as np
import pytest
from laws.random_tapes import RandomTape

import tapejit as tj
from tapejit.ops import OPS
from tapejit.ops.table import Type
from tapejit.passes import derive, forward
from tapejit.passes.colouring import colour
from tapejit.passes.sparsity import Pattern, TooDense, jacobian_pattern
from tapejit.tape import Builder
from tapejit.tape.interpret import interpret

sparse = pytest.importorskip("scipy.sparse")


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def arrow(x):
    return np.sum(np.sin(x[1:] * x[0])) + x[-1] ** 3


def grid(u):
    u = u.reshape(8, 9)
    return np.sum(np.cosh(u[1:] - u[:-1])) + np.sum((u[:, 1:] - u[:, :-1]) ** 4)


def heat(u):
    out = u.copy()
    out[1:-1] += 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2]) * np.exp(u[1:-1])
    return out


def blocks(p):
    p = p.reshape(-1, 3)
    return np.stack([p[:, 0] * p[:, 1], np.sin(p[:, 2]) + p[:, 0]], axis=1)


def gathers(x):
    return np.cumsum(x[:3])[[2, 0, 0]] * x[[9, 4, -1]] + np.max(x[5:7])


def by_unit_vectors(f, x):
    """The Jacobian from one jvp per element of x, as a matrix."""
    columns = [np.ravel(tj.jvp(f, (x,), (np.reshape(e, x.shape).astype(x.dtype),))[1]) for e in np.eye(x.size)]
    return np.stack(columns, axis=1)


def X(n, dtype=float):
    return np.random.default_rng(n).normal(size=n).astype(dtype)


VECTORS = [(heat, 40), (blocks, 36), (gathers, 12), (lambda x: x**2, 20), (lambda x: np.outer(x, x) @ x, 11), (lambda x: np.ones(3) + 0 * x[0], 10),
           (lambda x: np.array([x[0] * x[1], x[2]]), 3), (lambda x: np.where(x > 0, x, x[0]), 12)]
SCALARS = [(rosenbrock, 30), (rosenbrock, 2), (arrow, 25), (grid, 72), (lambda x: np.prod(x), 9), (lambda x: np.sum(x), 10), (lambda x: tj.sparse_hessian(rosenbrock)(x).sum(), 10), (lambda x: np.linalg.norm(x), 12)]


@pytest.mark.parametrize("f, n", VECTORS)
def test_jacobians(f, n):
    x = X(n)
    expected = by_unit_vectors(f, x)
    pattern = tj.sparsity(f)(x)
    assert pattern.dtype == bool and not np.any(expected[~pattern.toarray()])
    shape = np.shape(f(x)) + x.shape
    for transform in (tj.jacobian, tj.jacfwd, tj.jacrev):
        for call in (transform(f), tj.jit(transform(f))):  # alone, and as a part of an outer trace
            found = call(x), call(x)
            assert found[0].shape == shape and found[0].flags.c_contiguous
            np.testing.assert_allclose(found[0].reshape(expected.shape), expected, rtol=1e-12, atol=1e-14)
            np.testing.assert_array_equal(*found)
    for found in (tj.sparse_jacobian(f)(x), tj.jit(lambda x: tj.sparse_jacobian(f)(x) @ np.ones(n))(x)):
        found = found.toarray() if sparse.issparse(found) else found
        np.testing.assert_allclose(found, expected if found.ndim == 2 else expected.sum(axis=1), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("f, n", SCALARS)
def test_hessians(f, n):
    x = X(n)
    expected = by_unit_vectors(tj.grad(f), x)
    np.testing.assert_allclose(tj.hessian(f)(x), expected, rtol=1e-12, atol=1e-12)
    found = tj.sparse_hessian(f)(x)
    assert isinstance(found, sparse.csr_array) and found.has_canonical_format
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-12, atol=1e-12)


def pattern_of(f, x):
    return tj.sparsity(f)(x).toarray()


def test_stencils_are_found_exactly():
    x = X(60)
    near = np.abs(np.subtract.outer(np.arange(60), np.arange(60)))
    np.testing.assert_array_equal(pattern_of(tj.grad(rosenbrock), x), near <= 1)
    inside = (near <= 1) & ((np.arange(60) % 59 > 0)[:, None] | (near == 0))
    np.testing.assert_array_equal(pattern_of(heat, x), inside)
    np.testing.assert_array_equal(pattern_of(lambda x: np.floor(x) * x.reshape(20, 3).sum(axis=1).repeat(3), x), np.kron(np.eye(20), np.ones((3, 3))) > 0)
    row, column = np.divmod(np.arange(72), 9)
    distance = np.abs(np.subtract.outer(row, row)) + np.abs(np.subtract.outer(column, column))
    np.testing.assert_array_equal(pattern_of(tj.grad(grid), X(72)), distance <= 1)


def sweeps(transformed):
    ((entry,),) = transformed.specializer.entries.values()
    return entry.answer.colouring.count


@pytest.mark.parametrize("transform, f, n, most", [
    (tj.sparse_hessian, rosenbrock, 500, 3), (tj.hessian, rosenbrock, 50, 3), (tj.sparse_hessian, arrow, 500, 2), (tj.sparse_hessian, grid, 72, 8),
    (tj.sparse_jacobian, blocks, 300, 2), (tj.jacfwd, blocks, 300, 3), (tj.jacrev, blocks, 300, 2),
    (tj.sparse_jacobian, lambda x: x.reshape(3, 50).prod(axis=0), 150, 1)])
def test_sweeps(transform, f, n, most):
    transformed = transform(lambda x: f(x))
    transformed(X(n))
    assert sweeps(transformed) <= most


def test_many_colours_take_a_late_seed():
    def banded(x):  # no copies: the second segment runs once per colour
        out = x * 0
        for shift in range(12):
            out = out + np.sin(np.roll(x, shift) * (shift + 1)) * np.cos(x) * np.exp(-x) * np.tanh(np.roll(x, shift))
        return out[:150]

    x = X(160)
    expected = by_unit_vectors(banded, x)
    for transform in (tj.sparse_jacobian, tj.jacfwd, tj.jacrev, tj.jit(tj.jacfwd(banded))):
        transformed = transform(banded) if transform in (tj.sparse_jacobian, tj.jacfwd, tj.jacrev) else transform
        found = transformed(x)
        if transform is tj.sparse_jacobian:
            ((entry,),) = transformed.specializer.entries.values()
            assert len(entry.program.segments) == 2 and entry.answer.colouring.count < 40
            found = found.toarray()
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_float32_and_aux_and_argnums():
    x = X(20, np.float32)
    found = tj.sparse_hessian(rosenbrock)(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.toarray(), tj.hessian(rosenbrock)(x.astype(float)), rtol=1e-4, atol=1e-3)
    matrix, aux = tj.sparse_jacobian(lambda a, x: (a * heat(x), {"sum": np.sum(x)}), 1, has_aux=True)(3.0, X(20))
    np.testing.assert_allclose(matrix.toarray(), 3 * by_unit_vectors(heat, X(20)))
    np.testing.assert_allclose(aux["sum"], np.sum(X(20)))
    assert tj.sparse_jacobian(lambda a: a * np.arange(3.0))(2.0).toarray().tolist() == [[0.0], [1.0], [2.0]]
    assert tj.jacobian(lambda a: a * a)(2.0) == 4.0 and type(tj.jacobian(lambda a: a * a)(2.0)) is float


def test_the_structure_is_shared_and_read_only_and_the_data_are_not():
    transformed = tj.sparse_hessian(rosenbrock)
    first, second, third = (transformed(X(9) + k) for k in range(3))
    assert second.indices is third.indices and not third.indices.flags.writeable and not np.shares_memory(second.data, third.data)
    second.data[:] = 0
    np.testing.assert_allclose(third.toarray(), tj.hessian(rosenbrock)(X(9) + 2))
    data, rows, columns = tj.sparse_hessian(rosenbrock, format="coo")(X(9))
    np.testing.assert_array_equal(sparse.coo_array((data, (rows, columns)), (9, 9)).toarray(), first.toarray())
    data, indices, indptr = tj.sparse_hessian(rosenbrock, format="csr")(X(9))
    np.testing.assert_array_equal(sparse.csr_array((data, indices, indptr), (9, 9)).toarray(), first.toarray())


def test_another_branch_has_another_pattern():
    transformed, pattern = tj.sparse_jacobian(f := lambda x: x**2 if x[0] > 0 else x[::-1] * x), tj.sparsity(f)
    for x in (np.array([1.0, 2.0]), np.array([-1.0, 2.0]), np.array([3.0, 2.0])):
        with tj.verify():
            np.testing.assert_allclose(transformed(x).toarray(), by_unit_vectors(f, x))
            assert pattern(x).nnz == (2 if x[0] > 0 else 4)


def test_a_hessian_that_a_rule_makes_asymmetric_is_not_mirrored():
    product = tj.custom_vjp(lambda a, x: a * x)
    product.defvjp(lambda a, x: (a * x, (a, x)), lambda kept, ct: (np.sum(ct * kept[1]), 2 * ct * kept[0]))

    def f(x):
        return np.sum(product(x[0], x[1:]))

    np.testing.assert_allclose(tj.sparse_hessian(f)(X(30)).toarray(), by_unit_vectors(tj.grad(f), X(30)))


def test_infinities_stay_in_their_rows():
    found = tj.sparse_jacobian(lambda x: np.sqrt(x) * x[::-1])(np.array([0.0, 1.0, 4.0, 9.0])).toarray()
    assert np.isinf(found[0, 0]) and np.all(np.isfinite(found[1:]))


@pytest.mark.parametrize("seed", range(60))
def test_no_element_is_missing_for_random_tapes(seed):
    """Against the tangents of the reference interpreter, along each unit vector."""
    rng = np.random.default_rng(seed)
    made = RandomTape(rng, records=25, guards=False)
    tape = made.tape
    for position, source in enumerate(list(tape.inputs)):
        type_ = tape.type_of(source)
        if type_.dtype not in ("f64", "f32") or not made.arrays[position].size:
            continue
        for target in set(tape.outputs):
            if tape.type_of(target).dtype not in ("f64", "f32"):
                continue
            pattern = jacobian_pattern(tape, source, target, 10**7, 10**9)
            size = int(np.prod(tape.type_of(target).shape))
            dense = np.zeros((size, made.arrays[position].size), bool)
            dense[pattern.rows, pattern.columns] = True
            dots = derive(tape, lambda b: _tangent(b, position, tape.outputs.index(target)))
            for j in range(dense.shape[1]):
                seed_ = np.zeros(dense.shape[1], made.arrays[position].dtype)
                seed_[j] = 1
                found = interpret(dots, [*made.arrays, seed_.reshape(type_.shape)])[0].ravel()
                finite = found[np.isfinite(found)]
                assert not np.any(finite[~dense[np.isfinite(found), j]])


def _tangent(builder, position, place):
    tape = builder.tape
    source, target = tape.inputs[position], tape.outputs[place]
    seed = builder.input(builder.type_of(source), "seed")
    (dot,) = forward(builder, {source: seed}, [target])
    if dot is None:
        zero = builder.number(0, builder.type_of(target).dtype)
        dot = builder.emit(OPS["broadcast"], (zero,), (builder.type_of(target).shape,)) if builder.type_of(target).shape else zero
    return [dot]


@pytest.mark.parametrize("seed", range(20))
def test_every_element_of_a_random_matrix_is_found(seed):
    """Colouring alone: seeds times the matrix, gathered, is the matrix."""
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(1, 30, 2)
    symmetric = seed % 2
    if symmetric:
        rows = columns
    matrix = rng.random((rows, columns)) < rng.choice([0.02, 0.1, 0.5])
    if symmetric:
        matrix[0] = True
        matrix |= matrix.T
    values = np.where(matrix, rng.normal(size=matrix.shape), 0)
    if symmetric:
        values = values + values.T
    at, places = np.nonzero(matrix)
    starts = np.concatenate([[0], np.cumsum(np.bincount(at, minlength=rows))])
    for modes in (("forward",), ("reverse",), ("forward", "reverse")):
        found = colour(Pattern(starts, places), rows, columns, bool(symmetric), modes, 30)
        seeds = found.colours == np.arange(found.count)[:, None]
        lines = seeds @ values if found.reverse else (values @ seeds.T).T
        np.testing.assert_allclose(lines.ravel()[found.places], values[at, places])
        assert colour(Pattern(starts, places), rows, columns, bool(symmetric), modes, found.count - 1) is None or found.count == 0


def test_a_pattern_beyond_the_limit_is_given_up():
    builder = Builder()
    x = builder.input(Type("f64", (50,)), "x")
    total = builder.emit(OPS["sum"], (x,), ((0,),))
    everywhere = builder.emit(OPS["multiply"], (x, total))
    with pytest.raises(TooDense):
        jacobian_pattern(builder.tape, x, everywhere, 2499, 10**6)
    assert jacobian_pattern(builder.tape, x, everywhere, 2500, 10**6).columns.size == 2500
    with pytest.raises(TooDense):
        jacobian_pattern(builder.tape, x, everywhere, 2500, 1000)


@pytest.mark.parametrize("call, error, text", [
    (lambda: tj.sparse_jacobian(heat, format="csc"), tj.ArgumentError, "sparse_jacobian: format: expected one of 'csr_array', 'csr', 'coo', found 'csc'"),
    (lambda: tj.sparse_hessian(3), tj.ArgumentError, "sparse_hessian: expected a function, found int 3"),
    (lambda: tj.sparse_jacobian(lambda d: d["a"] * d["b"])({"a": X(3), "b": X(3)}), tj.OutputError,
     "sparse_jacobian: the differentiated argument holds 2 arrays, expected one array: join them, or use jacobian, whose blocks are dense"),
    (lambda: tj.sparse_jacobian(lambda x: (x, x))(X(3)), tj.OutputError, "sparse_jacobian: the result holds 2 arrays"),
    (lambda: tj.sparse_jacobian(lambda x: x)(X(3) + 0j), tj.OutputError, "has dtype complex128, expected float64 or float32"),
    (lambda: tj.sparse_jacobian(lambda x: x > 0)(X(3)), tj.OutputError, "expected floating-point numbers, found dtype bool"),
])
def test_errors(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


def test_a_pattern_that_does_not_fit_in_memory_is_an_error(monkeypatch):
    monkeypatch.setattr("tapejit.sparse_answer.LIMIT", 100)
    with pytest.raises(tj.OutputError, match="12 by 12, or one on the way to it, has more than 100 elements .*: use products with vectors"):
        tj.sparse_jacobian(lambda x: x * np.sum(x))(X(12))
    assert tj.sparse_jacobian(lambda x: x * np.sum(x))(X(9)).nnz == 81


def test_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    with pytest.raises(tj.UnsupportedError, match="format='csr'"):
        tj.sparse_jacobian(lambda x: x * 2)(X(3))
    assert tj.sparse_jacobian(lambda x: x * 2, format="csr")(X(3))[0].tolist() == [2.0, 2.0, 2.0]
