"""Complex numbers: the convention of derivatives, the transforms' arguments, seeds and shadows, parts that are views, and edges.

The truth is the analytic derivative, or that of the same function of two real arrays; `test_complex_lowerings.py` has NumPy's functions.
"""

import cmath

import numpy as np
import pytest

import tapejit as tj
from tapejit import Active, BatchDuplicated, Dual, Duplicated, Forward, Reverse, ReverseWithPrimal, autodiff

from .replay import check

Z = np.array([1 + 2j, -0.5 + 0.3j, 0.2 - 1j])
W = np.array([0.3 - 0.2j, 1.1 + 0.7j, -0.4 + 0.9j])


def energy(z):
    return np.sum(np.abs(z) ** 2)


# --- the convention --------------------------------------------------------------------------------------------------


def real_functions():
    return [energy, lambda z: np.sum(z.real * np.sin(z.imag)), lambda z: np.sum(np.angle(z) * np.abs(z)),
            lambda z: np.abs(np.sum(z * W)) ** 1.5,
            lambda z: np.vdot(z, z).real, lambda z: np.sum(np.exp(z * z.conj()).real), lambda z: np.linalg.norm(z),
            lambda z: np.sum((z / (1 + z)).imag),
            lambda z: np.sum(np.sign(z).real), lambda z: np.prod(z).imag, lambda z: np.std(z),
            lambda z: np.sum(np.where(z.real > 0, z, z * 1j).imag),
            lambda z: np.abs(z @ np.outer(W, z) @ W.conj()), lambda z: np.sum(np.sort(z)[1:].real), lambda z: np.max(np.cumsum(np.abs(z))),
            lambda z: np.sum(np.abs(z[[0, 0, 2]] * z[::-1])), lambda z: np.real(np.trapezoid(z, np.arange(3))),
            lambda z: np.sum(np.abs(z.reshape(3, 1) - z) ** 4)]


@pytest.mark.parametrize("function", real_functions())
def test_gradient_of_a_real_function(function):
    """du/dx - i du/dy, where the derivatives by x and y are those of the same function of two real arrays; second order by hvp."""
    def of_parts(x, y):
        return function(x + 1j * y)

    by_x, by_y = tj.grad(of_parts, (0, 1))(Z.real, Z.imag)
    found = tj.grad(function)(Z)
    assert found.dtype == complex
    np.testing.assert_allclose(found, by_x - 1j * by_y, rtol=1e-12)
    single = tj.grad(function)(Z.astype(np.complex64))
    assert single.dtype == np.complex64
    np.testing.assert_allclose(single, found, rtol=2e-5, atol=2e-5)
    tj.check_grads(function, (Z,), order=2)


@pytest.mark.parametrize("function, derivative", [
    (lambda z: z ** 3, lambda z: 3 * z ** 2), (np.exp, np.exp), (np.log, lambda z: 1 / z), (np.sqrt, lambda z: 0.5 / np.sqrt(z)),
    (np.tanh, lambda z: 1 / np.cosh(z) ** 2), (np.tan, lambda z: 1 / np.cos(z) ** 2), (np.arctan, lambda z: 1 / (1 + z * z)),
    (np.arcsin, lambda z: 1 / np.sqrt(1 - z * z)), (np.arcsinh, lambda z: 1 / np.sqrt(1 + z * z)),
    (lambda z: z ** (1 + 2j), lambda z: (1 + 2j) * z ** 2j),
    (lambda z: (2 + 1j) ** z, lambda z: np.log(2 + 1j) * (2 + 1j) ** z), (lambda z: 1 / z, lambda z: -1 / z ** 2)])
def test_holomorphic_functions(function, derivative):
    """The complex derivative, by every transform that gives one."""
    expected = derivative(Z)
    np.testing.assert_allclose(tj.elementwise_grad(function, holomorphic=True)(Z), expected, rtol=1e-13)
    np.testing.assert_allclose(tj.jvp(function, (Z,), (W,))[1], expected * W, rtol=1e-13)
    np.testing.assert_allclose(tj.vjp(function, Z)[1](W)[0], expected * W, rtol=1e-13)
    for jacobian in (tj.jacrev, tj.jacfwd, tj.jacobian):
        np.testing.assert_allclose(jacobian(function, holomorphic=True)(Z), np.diag(expected), rtol=1e-13)
    value, slope = tj.value_and_grad(function, holomorphic=True)(complex(Z[0]))
    assert type(slope) is complex and abs(slope - expected[0]) <= 1e-13 * abs(expected[0]) and abs(value - function(Z[0])) < 1e-14
    step = 1e-5
    np.testing.assert_allclose(tj.hessian(lambda z: np.sum(function(z)), holomorphic=True)(Z),
        np.diag(derivative(Z + step) - derivative(Z - step)) / (2 * step), rtol=1e-7)


def test_products_of_holomorphic_functions():
    """Rows of jacrev are plain transposes: no conjugation. hvp is the derivative of the gradient."""
    a = np.outer(Z, W) + np.eye(3)
    np.testing.assert_allclose(tj.jacrev(lambda z: a @ z, holomorphic=True)(Z), a)
    np.testing.assert_allclose(tj.jacfwd(lambda z: a @ z, holomorphic=True)(Z), a)
    np.testing.assert_allclose(tj.hvp(lambda z: np.sum(z ** 3), holomorphic=True)(Z, W), 6 * Z * W)
    np.testing.assert_allclose(tj.hvp(energy)(Z, W), 2 * W.conj())
    assert tj.hessian(lambda z: z ** 3, holomorphic=True)(1 + 1j) == 6 + 6j


def test_real_values_that_meet_complex_ones():
    """A real operand gets the real part of its cotangent, whatever the operation."""
    x = np.array([0.3, 1.2, -0.7])
    for function in (lambda x: x * Z, lambda x: np.exp(1j * x), lambda x: np.where(x > 0, x, Z), lambda x: x + 0j,
        lambda x: np.concatenate([x, Z]), lambda x: x @ np.outer(Z, W)):
        out, pullback = tj.vjp(function, x)
        ct = np.arange(1.0, out.size + 1).reshape(out.shape) * (1 - 2j)
        (found,) = pullback(ct)
        assert found.dtype == float
        expected = [np.sum(ct * (function(x + h) - function(x - h)) / 2e-6).real for h in 1e-6 * np.eye(3)]
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(tj.jacfwd(lambda x: np.exp(1j * x))(x), np.diag(1j * np.exp(1j * x)))
    np.testing.assert_allclose(tj.jacobian(lambda x: np.exp(1j * x[:2]))(x), np.diag(1j * np.exp(1j * x))[:2])
    np.testing.assert_allclose(tj.jacrev(lambda z: np.abs(z) ** 2)(Z), np.diag(2 * Z.conj()))
    np.testing.assert_allclose(tj.jacobian(lambda z: np.abs(z) ** 2)(Z), np.diag(2 * Z.conj()))
    with pytest.warns(np.exceptions.ComplexWarning):
        np.testing.assert_allclose(tj.grad(lambda z: np.sum(z.astype(float) ** 2))(Z), 2 * Z.real + 0j)


def test_kinds_of_numbers():
    """Python numbers, NumPy scalars and arrays have derivatives of their own kind, next to real arguments and in containers too."""
    assert tj.grad(lambda z: abs(z) ** 2)(1 + 2j) == 2 - 4j and type(tj.grad(lambda z: abs(z) ** 2)(1 + 2j)) is complex
    assert type(tj.grad(lambda z: np.abs(z) ** 2)(np.complex64(1 + 2j))) is np.complex64
    found = tj.grad(lambda p: np.sum(np.abs(p["z"]) ** 2) * p["x"])({"z": Z, "x": 2.0, "n": 3})
    np.testing.assert_allclose(found["z"], 4 * Z.conj())
    assert found["x"] == energy(Z) and found["n"] is None
    value, (by_z, by_x) = tj.value_and_grad(lambda z, x: abs(z) * x, (0, 1))(3 + 4j, 2.0)
    assert (value, by_x) == (10.0, 5.0) and type(by_x) is float and abs(by_z - (1.2 - 1.6j)) < 1e-15
    jitted = tj.jit(lambda z: (z * z, z.real, z.imag, z.conjugate(), abs(z), -z, z ** 2, 1 / z, z == 2j))
    for z in (1 + 2j, 2j, -0.5 + 1j):
        expected = (z * z, z.real, z.imag, z.conjugate(), abs(z), -z, z ** 2, 1 / z, z == 2j)
        found = jitted(z)
        assert [type(f) for f in found[:-1]] == [type(e) for e in expected[:-1]]
        np.testing.assert_allclose(found, expected, rtol=1e-15)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call, error, match", [
    (lambda: tj.grad(np.sum)(Z), tj.OutputError, "pass holomorphic=True"),
    (lambda: tj.grad(energy, holomorphic=True)(Z), tj.OutputError, "as holomorphic=True says"),
    (lambda: tj.grad(np.sum, holomorphic=True)(Z.real), tj.ArgumentError,
    r"args\[0\] is an array of dtype float64, expected complex numbers"),
    (lambda: tj.jacrev(np.exp)(Z), tj.OutputError, "pass holomorphic=True"),
    (lambda: tj.jacobian(np.exp)(Z), tj.OutputError, "pass holomorphic=True"),
    (lambda: tj.jacrev(lambda x: x * 1j)(Z.real), tj.OutputError, "or jacfwd"),
    (lambda: tj.jacfwd(np.abs)(Z), tj.ArgumentError, r"args\[0\] is complex: pass holomorphic=True"),
    (lambda: tj.jacfwd(np.abs, holomorphic=True)(Z), tj.OutputError, "expected complex numbers"),
    (lambda: tj.hessian(energy)(Z), tj.ArgumentError, "is complex"),
    (lambda: tj.jvp(np.abs, (Z.real,), (Z,)), tj.ArgumentError, "expected dtype float64"),
    (lambda: tj.vjp(np.abs, Z)[1](Z), tj.ArgumentError, "expected dtype float64"),
    (lambda: tj.grad(lambda x: np.sum(tj.jvp(np.square, (Z.real,), (x,))[1].real))(Z), tj.ArgumentError, "expected dtype float64"),
    (lambda: autodiff(Reverse, np.sum, Duplicated(Z, np.zeros(3, complex))), tj.OutputError, "returns a complex number"),
    (lambda: autodiff(Reverse, energy, Duplicated(Z, np.zeros(3))), tj.ShadowTypeError, "expected dtype complex128")])
def test_refusals(call, error, match):
    with pytest.raises(error, match=match):
        call()


# --- seeds and shadows -----------------------------------------------------------------------------------------------


def test_real_seeds_of_complex_values_are_taken():
    np.testing.assert_allclose(tj.jvp(np.square, (Z,), (np.ones(3),))[1], 2 * Z)
    np.testing.assert_allclose(tj.vjp(np.square, Z)[1](np.ones(3))[0], 2 * Z)
    np.testing.assert_allclose(tj.linearize(np.square, Z)[1](np.ones(3, np.float32)), 2 * Z)
    found = tj.grad(lambda x: np.sum(np.abs(tj.jvp(lambda z: z ** 2, (Z,), (x,))[1]) ** 2))(Z.real)
    np.testing.assert_allclose(found, 8 * np.abs(Z) ** 2 * Z.real)


def test_pullbacks_into_buffers():
    _, pullback = tj.vjp(np.abs, Z)
    buffer = np.ones(3, complex)
    assert pullback(np.ones(3), out=(buffer,), accumulate=True)[0] is buffer
    np.testing.assert_allclose(buffer, 1 + (Z / np.abs(Z)).conj())
    out = np.empty(3, complex)
    assert tj.grad(energy, out=out)(Z) is out
    np.testing.assert_allclose(out, 2 * Z.conj())


def test_shadows():
    """Cotangents are added to complex shadows; arguments of numbers return theirs; batches and splits work."""
    shadow = tj.make_zero(Z)
    assert shadow.dtype == complex and tj.make_zero([1j, np.complex64(2), 3]) == [0j, 0j, None]
    for count in (1, 2):
        assert autodiff(Reverse, energy, Duplicated(Z, shadow)) == (None,)
        np.testing.assert_allclose(shadow, count * 2 * Z.conj())
    strided = np.zeros(6, complex)
    autodiff(Reverse, energy, Duplicated(Z, strided[::2]))
    np.testing.assert_allclose(strided, np.ravel(np.stack([2 * Z.conj(), 0 * Z], 1)))
    assert autodiff(ReverseWithPrimal, lambda z: abs(z) ** 2, Active(3 + 4j)) == ((6 - 8j,), 25.0)
    assert autodiff(Reverse, lambda z, x: x * 2.0, Active(1 + 2j), Active(1.0)) == (0j, 2.0)
    np.testing.assert_allclose(autodiff(Forward, lambda z: z ** 2, Dual(Z, W)), 2 * Z * W)
    pair = (tj.make_zero(Z), tj.make_zero(Z))
    autodiff(Reverse, lambda z: z[:2] ** 2, BatchDuplicated(Z, pair), seed=(np.ones(2), 1j * np.ones(2)))
    np.testing.assert_allclose(pair, [np.append(2 * Z[:2], 0), np.append(2j * Z[:2], 0)])
    forward, reverse = tj.split(lambda z: z ** 2, Duplicated)
    shadow = tj.make_zero(Z)
    _, tape = forward(Duplicated(Z, shadow))
    reverse(tape, seed=W)
    np.testing.assert_allclose(shadow, 2 * Z * W)


def test_written_arguments():
    """The shadow of a written argument comes in as the cotangent of its end and goes out as that of its beginning."""
    def write(z):
        z *= 2j
        z.real[0] = 5.0
        z[1] = z[0] * z[2]

    z, shadow = Z.copy(), np.ones(3, complex)
    autodiff(Reverse, write, Duplicated(z, shadow))
    expected = Z.copy()
    write(expected)
    np.testing.assert_allclose(z, expected)
    end = tj.vjp(lambda z: (lambda c: write(c) or c)(z.copy()), Z)[1](np.ones(3))[0]
    np.testing.assert_allclose(shadow, end)
    tj.check_grads(lambda z: (lambda c: write(c) or c)(z.copy()), (Z,))


# --- the parts are views ---------------------------------------------------------------------------------------------


def assigned(z):
    z = z.copy()
    z.real = z.imag * 2
    z.imag[1:] = z.real[:-1] * z.real[1:]
    z[::2].real += 3.0
    z.imag *= z.real
    return z


def through_views(z):
    z = z.copy()
    parts = z.real, z.imag
    z *= 2 + 1j
    parts[0][0] = parts[1][1]
    parts[1][...] = parts[0]
    z.reshape(3, 1).imag[1] = 0.25
    np.real(z)[2:] = 7.0
    return z * z, parts[0] * 1.0


def conjugated(z):
    z = z.copy()
    np.conjugate(z, out=z)
    z.real[1], z.imag[1] = z.imag[1], z.real[1]
    np.nan_to_num(z, copy=False)
    return z.conj(), z.conjugate().real


@pytest.mark.parametrize("function", [assigned, through_views, conjugated])
def test_writes_through_parts(function):
    check(function, Z, at=[(W,), (Z * W,)], exact=False)
    tj.check_grads(function, (Z,))


def test_parts_of_real_and_scalar_values():
    """NumPy's behaviour: the imaginary part of a real array cannot be set, nor any part of a scalar."""
    x = np.array([1.0, 2.0])

    def set_imag(x):
        x = x.copy()
        x.imag = 1.0

    def set_real(x):
        x = x.copy()
        x.real = x * 3
        return x

    with pytest.raises(TypeError, match="imaginary part"):
        tj.jit(set_imag)(x)
    np.testing.assert_array_equal(tj.jit(set_real)(x), 3 * x)
    with pytest.raises(AttributeError):
        tj.jit(lambda z: setattr(z, "real", 1.0))(np.complex128(1j))
    with pytest.raises(AttributeError):
        tj.jit(lambda z: setattr(z[0], "imag", 1.0))(Z)


# --- edges -----------------------------------------------------------------------------------------------------------


def test_conventions_at_zero():
    """abs, angle and sign at 0 have derivative 0, a power of 0 that of its polynomial; a zero cotangent stays zero."""
    for function in (np.abs, np.angle, lambda z: np.sign(z).real, lambda z: np.abs(z) ** 2, lambda z: np.sinc(z).real):
        assert tj.elementwise_grad(function)(np.zeros(2, complex)).tolist() == [0, 0]
    assert tj.grad(lambda z: np.linalg.norm(z))(np.zeros(3, complex)).tolist() == [0, 0, 0]
    assert tj.grad(lambda z: z ** 1, holomorphic=True)(0j) == 1 and tj.grad(lambda z: z ** 3, holomorphic=True)(0j) == 0
    assert tj.grad(lambda z, w: z ** w, (0, 1), holomorphic=True)(0j, 2 + 0j) == (0, 0)
    both = tj.elementwise_grad(lambda z: np.where(z == 0, z, np.sqrt(z)).real)(np.array([0j, 4 + 0j]))
    np.testing.assert_allclose(both, [1, 0.25])
    assert tj.grad(energy)(np.array([0j, 1e100 + 0j])).tolist() == [0, 2e100]


def test_sides_of_branch_cuts():
    """On a cut the derivative is that of the side that the sign of the zero says, as the value is."""
    for function in (np.sqrt, np.log, np.arcsin, np.arccos, np.arctanh, np.arccosh, np.arcsinh, np.arctan):
        for point in (2 + 0j, -2 + 0j, complex(2, -0.0), complex(-2, -0.0)):
            inside = complex(point.real, np.copysign(1e-9, point.imag))
            with np.errstate(all="ignore"):
                slope, near = (tj.grad(function, holomorphic=True)(np.complex128(z)) for z in (point, inside))
            assert abs(slope - near) < 1e-7 * abs(near), (function, point)


def test_large_arguments():
    """No overflow on the way to a finite derivative, and none of the digits lost."""
    slopes = tj.elementwise_grad(np.tanh, holomorphic=True)(np.array([800 + 1j, -800 + 1j, 20 + 1j, -20 - 1j]))
    np.testing.assert_allclose(slopes, [0, 0, 4 * np.exp(-40 - 2j) / (1 + np.exp(-40 - 2j)) ** 2,
        4 * np.exp(-40 - 2j) / (1 + np.exp(-40 - 2j)) ** 2], rtol=1e-14)
    np.testing.assert_allclose(tj.elementwise_grad(np.tan, holomorphic=True)(np.array([1 + 20j])),
        [4 * np.exp(2j - 40) / (1 + np.exp(2j - 40)) ** 2], rtol=1e-14)
    np.testing.assert_allclose(tj.grad(np.abs)(np.complex128(1e300 + 1e300j)), (1 - 1j) / np.sqrt(2))
    np.testing.assert_allclose(tj.elementwise_grad(np.sinc, holomorphic=True)(np.array([1e-9 + 1e-9j])),
        [-np.pi ** 2 / 3 * (1e-9 + 1e-9j)], rtol=1e-14)


@pytest.mark.parametrize("function", [
    lambda z: np.sort_complex(z), lambda z: np.sort_complex(z.real), lambda z: np.angle(z, deg=True), lambda z: np.real_if_close(z),
    lambda z: np.real_if_close(z * 1e-20 + 1.0), lambda z: np.real_if_close(z + 0 * z.imag, tol=0.5), lambda z: np.nan_to_num(z),
    lambda z: np.conjugate(z),
    lambda z: z.conj() * z, lambda z: np.isreal(z) | np.iscomplex(z), lambda z: np.round(z, 1), lambda z: np.absolute(z),
    lambda z: np.sign(z), lambda z: np.sinc(z),
    lambda z: np.nanmax(z), lambda z: np.vdot(z, z[::-1]), lambda z: np.vecdot(z, z), lambda z: np.fabs(z.real),
    lambda z: z.real.T @ z.imag])
def test_values_and_replays(function):
    check(function, Z, at=[(Z * (1 + 1e-3),)], exact=False)
    check(function, Z.astype(np.complex64), exact=False)


def test_complex_values_that_are_not_numbers():
    z = np.array([complex(np.nan, 1), complex(np.inf, np.nan), complex(-np.inf, 2), 1j])
    check(lambda z: np.nan_to_num(z), z)
    check(lambda z: np.nan_to_num(z, nan=1.0, posinf=2.0, neginf=3.0), z)
    check(lambda z: (np.isnan(z), np.isinf(z), np.isfinite(z), np.abs(z)), z)


def test_nested_transforms():
    """A transform inside a transform, by Python complex numbers and by arrays."""
    found = tj.grad(lambda z: abs(tj.grad(lambda w: w ** 3, holomorphic=True)(z)) ** 2)(1 + 2j)
    assert type(found) is complex and abs(found - 36 * 5 * (1 - 2j)) < 1e-11  # of 9 |z|**4
    inner = tj.grad(lambda z: np.sum(np.abs(tj.jacrev(lambda w: w ** 2 * W, holomorphic=True)(z)) ** 2))(Z)
    np.testing.assert_allclose(inner, 8 * np.abs(W) ** 2 * Z.conj(), rtol=1e-13)
    with tj.verify():
        gradient = tj.grad(lambda z: np.sum(np.abs(np.fft.fft(z)) ** 2))
        for k in range(3):
            np.testing.assert_allclose(gradient(Z + k), 6 * (Z + k).conj())


def test_decisions_on_complex_values():
    """A branch on a complex value is guarded: another branch, another trace."""
    gradient = tj.grad(lambda z: abs(z) ** 2 if z == 1j or z else (z + 1).real)
    assert [gradient(z) for z in (1j, 2 + 0j, 0j, 1j)] == [-2j, 4, 1, -2j]


@pytest.mark.parametrize("function", [
    lambda x, y: abs(complex(x, y)) ** 2, lambda x, y: (complex(x) * 1j + complex(imag=y, real=2.0)).imag, lambda x,
    y: complex(complex(x, y), y).real,
    lambda x, y: cmath.exp(complex(x, y)).real, lambda x, y: cmath.phase(complex(x, y)), lambda x, y: cmath.polar(x + 1j * y)[0],
    lambda x, y: cmath.rect(x, y).imag, lambda x, y: cmath.log(x + 2j, 2).real + cmath.log(y).real, lambda x,
    y: cmath.atanh(x * y * 1j).imag,
    lambda x, y: abs(np.complex128(x) * y), lambda x, y: float(np.sum(np.abs(np.array([x, y],
    dtype=complex)))) if cmath.isfinite(x * 1j) else 0.0])
def test_plain_python(function):
    """complex(), cmath and dtype=complex in code for Python numbers: the same value and kind, and its derivative."""
    value = tj.jit(function)(0.3, 0.7)
    assert type(value) is type(function(0.3, 0.7)) and abs(value - function(0.3, 0.7)) < 1e-15
    tj.check_grads(function, (0.3, 0.7))


def test_errors_of_plain_python():
    """cmath's errors and complex()'s own; the arrays of traced code may still be called complex."""
    with pytest.raises(ValueError):
        tj.jit(lambda x: cmath.log(x * 0.0))(1.0)
    with pytest.raises(TypeError):
        tj.jit(lambda x: complex(x, "1"))(1.0)
    assert tj.jit(lambda x: np.zeros(2, complex) + x)(1.0).dtype == complex
    assert tj.jit(lambda x: (isinstance(1j * x, complex), isinstance(x, complex), type(1j * x) is complex))(1.0) == (True, False, True)
