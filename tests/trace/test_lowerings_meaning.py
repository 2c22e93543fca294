"""What the table of `test_lowerings.py` cannot say: views and writes through them, zeros and kinks, guards, NumPy's errors,
new arrays, and how much of NumPy is covered."""

import numpy as np
import pytest

import tapejit as tj
from tapejit.errors import TracingError, UnsupportedError
from tapejit.ops import OPS
from tapejit.passes import reverse, simplify
from tapejit.tape import GuardFailed, interpret
from tapejit.tape.interpret import values_of
from tapejit.trace import Trace, Tracer
from tapejit.trace.lowerings import CREATION, covered


def record(function, *values):
    """(trace, result) of a function on traced values."""
    trace = Trace()
    with trace:
        result = function(*[trace.input(value) for value in values])
        trace.builder.tape.outputs.append(trace.lift(result))
    return trace, result


def replay(trace, *values):
    return interpret(trace.builder.tape, values)[0]


def gradient(function, value):
    """The gradient of the sum of function(value), by the reference interpreter."""
    trace, result = record(lambda x: np.sum(function(x)), value)
    builder = simplify(trace.builder.tape)
    seed = builder.number(1.0, "f64")
    (bar,) = reverse(builder, {builder.tape.outputs[0]: seed}, builder.tape.inputs)
    return values_of(builder.tape, [value], [bar])[0] if bar is not None else np.zeros_like(value)


# --- views -----------------------------------------------------------------------------------------------------------

VIEWS = """
np.reshape(y, (4, 3)); y.reshape(12); np.ravel(y); np.transpose(y); y.T; np.swapaxes(y, 0, 1); np.moveaxis(y, 0, 1); np.rollaxis(y, 1)
np.expand_dims(y, 1); np.squeeze(y[:, None]); np.atleast_2d(y); np.atleast_3d(y); np.atleast_1d(y); np.flip(y); np.flip(y, 1)
np.flipud(y); np.fliplr(y); np.rot90(y); np.rot90(y, 2); np.split(y, 3)[1]; np.hsplit(y, 2)[0]; np.array_split(y, 2)[1]
np.vsplit(y, 3)[0]; np.dsplit(y[:, :, None], 1)[0]; np.unstack(y)[1]; np.real(y); np.matrix_transpose(y); y.T.ravel('F')
np.reshape(y.T, 12, order='F'); np.einsum('ij->ji', y); y[1:, ::-1].T; np.atleast_3d(y[0]); np.ravel(y.T, 'K')
np.broadcast_arrays(y, y[:1])[0]; np.permute_dims(y); np.reshape(y[:, :2], (3, 2, 1)); np.expand_dims(y[::-1, 1:], (0, 3)); y.squeeze()
np.meshgrid(y[0], copy=False)[0]
""".replace("\n", "; ").strip("; ").split("; ")
COPIES = ["np.reshape(y.T, 12)", "y.flatten()", "np.copy(y)", "np.tile(y, 1)", "np.roll(y, 0)", "np.pad(y, 0, 'edge')", "np.repeat(y, 1)",
          "np.concatenate([y])", "np.ravel(y, 'F')", "y[[0, 1]]", "np.delete(y, [], axis=0)", "np.clip(y, -1e9, 1e9)", "np.triu(y)",
          "np.pad(y, 0)", "np.sort(y)", "np.cumprod(y[:1], axis=0)"]


def write_both_ways(view, x, s):
    y = x * 1.0
    v = eval(view, {"np": np, "y": y})
    v[...] = v * 2 + s
    w = v * 1.0
    y[1] = s
    return np.concatenate([np.ravel(y), np.ravel(v), np.ravel(w)])


@pytest.mark.parametrize("view", [view for view in VIEWS + COPIES if hasattr(np, "unstack") or "unstack" not in view])
def test_writes_through_views_and_copies_mean_what_they_mean_in_numpy(view):
    x, s = np.arange(12.0).reshape(3, 4), np.float64(0.5)
    trace, result = record(lambda x, s: write_both_ways(view, x, s), x, s)
    np.testing.assert_array_equal(result.value, write_both_ways(view, x, s))
    np.testing.assert_allclose(replay(trace, -x, s + 1), write_both_ways(view, -x, s + 1))


@pytest.mark.parametrize("view", ["np.diagonal(y)", "np.diag(y)", "y.diagonal(1)", "np.broadcast_to(y, (2, 3, 3))",
                                  "np.broadcast_to(y[0, 0], (2, 2))", "np.broadcast_to(2.0 * y[0, 0], (2, 2))[:1].T"])
def test_read_only_views_refuse_writes_and_follow_their_base(view):
    def follow(x):
        y = x * 1.0
        v = eval(view, {"np": np, "y": y})
        with pytest.raises(ValueError, match="read-only"):
            v[...] = 0.0
        y[1, 1] = 7.0
        y[0, 1] = x[2, 2]
        return v * 1.0

    x = np.arange(9.0).reshape(3, 3)
    trace, result = record(follow, x)
    np.testing.assert_array_equal(result.value, follow(x))
    np.testing.assert_array_equal(replay(trace, -x), follow(-x))


# --- zeros and kinks -------------------------------------------------------------------------------------------------


def test_products_differentiate_where_elements_are_zero():
    np.testing.assert_allclose(gradient(np.prod, np.array([2.0, 0.0, 3.0])), [0, 6, 0])
    np.testing.assert_allclose(gradient(np.prod, np.array([0.0, 0.0, 3.0])), [0, 0, 0])
    np.testing.assert_allclose(gradient(np.cumprod, np.array([2.0, 0.0, 3.0])), [1, 8, 0])
    np.testing.assert_allclose(gradient(lambda x: np.vander(x, 3), np.array([0.0])), [1])


def test_norms_have_gradient_zero_at_zero():
    for norm in (np.linalg.norm, np.linalg.vector_norm, lambda x: np.linalg.norm(x, 3), lambda x: np.linalg.norm(x, axis=0)):
        np.testing.assert_array_equal(gradient(norm, np.zeros(3)), np.zeros(3))
    np.testing.assert_array_equal(gradient(np.linalg.norm, np.zeros((2, 2))), np.zeros((2, 2)))


@pytest.mark.filterwarnings("ignore")
def test_squares_of_magnitudes_have_their_curvature_at_zero():
    """As a least-squares fit has that is exact, or a spectrum with empty lines."""
    for loss, curvature in ((lambda x: np.sum(np.abs(x) ** 2), 2), (lambda x: np.sum(np.square(abs(np.fft.fft(x)))), 8)):
        np.testing.assert_allclose(tj.hessian(loss)(np.zeros(4)), curvature * np.eye(4), atol=1e-14)
        np.testing.assert_allclose(tj.hessian(loss)(np.zeros(4, np.float32)), curvature * np.eye(4), atol=1e-6)
    z = np.array([3 + 4j, 0, complex(np.inf, np.nan)])
    np.testing.assert_array_equal(tj.jit(lambda z: np.abs(z) ** 2)(z), np.abs(z) ** 2)


def test_values_not_chosen_do_not_spoil_the_gradient():
    x = np.array([-1.0, 4.0, np.nan])
    np.testing.assert_array_equal(gradient(lambda x: np.where(x > 0, np.sqrt(x), 0.0), x), [0, 0.25, 0])
    np.testing.assert_array_equal(gradient(np.nansum, x), [1, 1, 0])
    np.testing.assert_array_equal(gradient(np.nanmean, x), [0.5, 0.5, 0])
    np.testing.assert_array_equal(gradient(np.nan_to_num, x), [1, 1, 0])
    np.testing.assert_array_equal(gradient(np.nanmax, x), [0, 1, 0])
    np.testing.assert_array_equal(gradient(lambda x: np.select([x < 0, x > 0], [x, np.log(x)]), np.array([-1.0, 2.0, 0.0])), [1, 0.5, 0])
    assert np.isfinite(gradient(np.nanvar, x)).all()


def test_ties_share_the_derivative_of_extremes():
    x = np.array([1.0, 3.0, 3.0])
    np.testing.assert_array_equal(gradient(np.max, x), [0, 0.5, 0.5])
    np.testing.assert_array_equal(gradient(np.ptp, x), [-1, 0.5, 0.5])


# --- replays: what is decided anew, and what is guarded --------------------------------------------------------------


def test_order_is_found_anew_in_a_replay():
    x, y = np.array([3.0, 1.0, 2.0]), np.array([1.0, 5.0, -2.0])
    for function in (np.sort, np.argsort, np.median, np.argmax, lambda x: np.quantile(x, 0.3), lambda x: x[np.argmax(x)],
                     lambda x: np.interp(x, [-3.0, 0.0, 9.0], x), lambda x: np.searchsorted(np.sort(x), 1.5), np.nanmax,
                     lambda x: np.partition(x, 1)[1]):
        trace, _ = record(function, x)
        np.testing.assert_allclose(replay(trace, y), function(y))


def test_masks_that_decide_shapes_are_guarded():
    for function in (lambda x: x[x > 0], lambda x: np.compress(x > 0, x), lambda x: np.extract(x > 0, x), lambda x: x[np.nonzero(x > 0)]):
        trace, _ = record(function, np.array([3.0, -1.0, 2.0]))
        np.testing.assert_array_equal(replay(trace, np.array([5.0, -2.0, 9.0])), [5, 9])
        with pytest.raises(GuardFailed):
            replay(trace, np.array([5.0, 2.0, 9.0]))


@pytest.mark.filterwarnings("ignore")
def test_piecewise_of_elementwise_functions_has_no_guard():
    def hinge(x):
        return np.piecewise(x, [x < 0, x > 2], [lambda a: 0 * a, lambda a: np.log(a), lambda a: a * a])

    trace, _ = record(hinge, np.array([-1.0, 1.0, 3.0]))
    np.testing.assert_allclose(replay(trace, np.array([5.0, -1.0, 1.0])), hinge(np.array([5.0, -1.0, 1.0])))


def test_piecewise_of_other_functions_sees_the_elements_of_its_condition():
    def centred(x):
        return np.piecewise(x, [x < 0], [lambda a: a - a.mean(), lambda a: a])

    x = np.array([-1.0, -2.0, 3.0])
    trace, result = record(centred, x)
    np.testing.assert_array_equal(result.value, centred(x))
    with pytest.raises(GuardFailed):
        replay(trace, -x)


# --- errors ----------------------------------------------------------------------------------------------------------

ERRORS = """
np.sum(x, axis=2); np.mean(x, (0, 0)); np.max(x[:0]); np.reshape(x, 5); np.transpose(x, (0, 0)); np.squeeze(x, 0)
np.concatenate([x, x[0]]); np.concatenate([]); np.stack([x, x[0]]); np.dot(x, x); x @ x; np.einsum('ij,jk', x, x); np.einsum('ijk', x)
np.tensordot(x, x, 1); np.take(x, 9); np.take(x, 0, axis=3); np.repeat(x, -1); np.repeat(x, [1, 2], axis=1); np.split(x, 2, axis=1)
np.pad(x, 1, 'nonsense'); np.pad(x, 1.5); np.diag(x[None]); np.diagonal(x, axis1=0, axis2=0); np.cumsum(x, axis=5); np.sort(x, axis=2)
np.argmax(x, axis=2); np.argmax(x[:0]); np.select([x > 0], [x, x]); np.piecewise(x, [x > 0], [1, 2, 3]); np.choose([5], [x, x])
np.bincount(x[0]); np.bincount([-1]); np.insert(x, 99, 1.0); np.delete(x, 99); np.delete(x, 9, axis=1); np.roll(x, 1, axis=3)
np.rot90(x[0]); np.cross(x[0, :1], x[0, :1]); np.gradient(x, 1, 2, 3); np.gradient(x[:1], axis=0); np.average(x, weights=x[0, :2])
np.moveaxis(x, 5, 0); np.swapaxes(x, 0, 2); np.expand_dims(x, 7); np.broadcast_to(x, (2, 2)); np.linalg.norm(x, 'nonsense')
np.quantile(x, 1.5); np.quantile(x, 0.5, method='nonsense'); np.take_along_axis(x, x[0], 0); np.linspace(x, x, -1)
np.geomspace(x * 0, 1.0); np.partition(x, 9); np.searchsorted(x, x); np.vander(x); np.trapezoid(x, x[0, [0, 1, 2, 0]])
np.var(x, ddof=1, correction=1); np.where(x, x); np.interp(x, x, x)
np.sum(x, axis=0, out=x[0] * 1.0) + np.sum(x, axis=0, out=x[:, 0] * 1.0); np.resize(x, (-1, 2)); np.tile(x, -1)
np.meshgrid(x, indexing='nonsense'); np.put(x.copy(), 99, 1.0); np.copyto(x.copy(), 1j); np.fill_diagonal(x[0].copy(), 1.0)
np.cumulative_sum(x); np.trace(x[0]); np.ptp(x, axis=2); np.median(x, axis=2); np.kron(x); np.unwrap(x, axis=4)
np.average(x, weights=x * 0); np.linalg.matrix_power(x, 2); np.linalg.multi_dot([x]); np.vecdot(x, x[:, :2]); np.matvec(x, x[:, :2])
np.outer(); np.nanargmax(x * np.nan); np.convolve(x[0, :0], x[0]); np.correlate(x[0], x[0], 'nonsense'); np.array_split(x, 0)
np.hsplit(x, 2); np.dsplit(x, 1); np.cumsum(x, (0,)); np.cumprod(x, True); np.argmax(x, (0, 1)); np.argsort(x, [0]); np.sort(x, (0,))
np.repeat(x, 2, (1,)); np.take(x, 0, True); np.argsort(x[0, 0], 1); np.sort(x[0, 0]); np.add.accumulate(x, (0, 1))
np.correlate(x[0, 0], x[0]); np.vecdot(x, x, axis=7); np.matmul(x, x, axis=0); np.matmul(x, x, axes=[(0, 1)])
np.vecmat(x[0], x, keepdims=1); np.unique(x, axis=2); np.add(x, 'a'); np.exp(None); np.maximum(x, None)
""".replace("\n", "; ").strip("; ").split("; ")


@pytest.mark.parametrize("case", ERRORS)
@pytest.mark.filterwarnings("ignore")
def test_numpy_raises_its_own_errors(case):
    x = np.arange(6.0).reshape(2, 3)
    with pytest.raises(Exception) as expected:
        eval(case, {"np": np, "x": x})
    with pytest.raises(Exception) as found:
        record(lambda x: eval(case, {"np": np, "x": x}), x)
    related = issubclass(found.type, expected.type) or issubclass(expected.type, found.type) and found.type is not Exception
    assert related, (found.value, expected.value)


def test_what_is_not_traced_says_so_and_what_to_do():
    with pytest.raises(UnsupportedError, match="weights"):
        record(lambda x: np.quantile(x, 0.5, weights=np.ones(3), method="inverted_cdf"), np.arange(3.0))
    with pytest.raises(TracingError, match="decides shapes or places"):
        record(lambda x: np.quantile(x, x[0], method="lower"), np.array([0.5, 2.0]))


# --- new arrays ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [
    lambda made: made[np.zeros](3), lambda made: made[np.empty](3), lambda made: made[np.ones](3), lambda made: made[np.full](3, 2.0),
    lambda made: made[np.arange](3.0), lambda made: made[np.linspace](0, 1, 3), lambda made: made[np.array]([1.0, 2.0, 3.0]),
    lambda made: made[np.eye](3)[0], lambda made: made[np.identity](3)[:, 1], lambda made: made[np.zeros_like](np.ones(3)),
    lambda made: made[np.array](np.arange(3.0)), lambda made: made[np.asarray]([0, 1.5, 2])])
def test_new_arrays_take_traced_values(make):
    def fill(x, functions):
        r = make(functions)
        r[1] = x
        r[2:] = 0
        r[0] = 0
        return r

    trace, result = record(lambda x: fill(x, CREATION), np.float64(4.0))
    assert type(result) is Tracer and result.dtype == np.float64
    np.testing.assert_array_equal(result.value, [0, 4, 0])
    np.testing.assert_array_equal(replay(trace, np.float64(5.0)), [0, 5, 0])


def test_creation_outside_a_trace_is_numpys():
    for original, created in CREATION.items():
        if original in (np.zeros, np.ones):
            assert type(created(3)) is np.ndarray
    assert CREATION[np.array]([1, 2]).dtype == np.array([1, 2]).dtype


def test_nested_sequences_get_numpys_dtype_and_shape():
    array = CREATION[np.array]
    x, s = np.arange(2.0, dtype=np.float32), np.float32(3.0)
    for build in (
            lambda a, x, s: a([x, x]), lambda a, x, s: a([[s, 1], [2, s]]), lambda a, x, s: a([[s, 1.5], x]),
            lambda a, x, s: a((s, s), dtype=float), lambda a, x, s: a([s], ndmin=3), lambda a, x, s: a([[[s]], [[1]]]),
            lambda a, x, s: a([x, [1, 2]], np.float64), lambda a, x, s: a(s), lambda a, x, s: a(x, ndmin=2), lambda a, x, s: a([s, True])):
        expected = build(np.array, x, s)
        trace, result = record(lambda x, s: build(array, x, s), x, s)
        assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(replay(trace, x + 1, s * 2), build(np.array, x + 1, s * 2))
    trace, result = record(lambda s: CREATION[np.fromiter]((s * k for k in range(3)), float), np.float64(3.0))
    np.testing.assert_array_equal(replay(trace, np.float64(2.0)), [0, 2, 4])
    with pytest.raises(ValueError, match="inhomogeneous"):
        record(lambda x, s: array([x, [s]]), x, s)


# --- coverage --------------------------------------------------------------------------------------------------------

LIST_A = """
add subtract multiply divide true_divide maximum minimum fmax fmin logaddexp logaddexp2 mod remainder power float_power arctan2 hypot
negative positive abs absolute fabs reciprocal exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh
arcsinh arccosh arctanh rad2deg degrees deg2rad radians square sqrt cbrt sinc nan_to_num real imag conj conjugate angle real_if_close
clip where astype reshape roll array_split split vsplit hsplit dsplit ravel expand_dims squeeze diag diagonal flipud fliplr flip rot90
trace full triu tril swapaxes moveaxis rollaxis transpose broadcast_to atleast_1d atleast_2d atleast_3d repeat tile pad concatenate
stack vstack hstack dstack column_stack append block array select meshgrid sum mean prod var std max min amax amin ptp cumsum cumprod
diff ediff1d gradient sort partition linspace logspace geomspace argsort argmax argmin median average dot vdot inner outer matmul
tensordot einsum kron cross vecdot matvec vecmat trapezoid take take_along_axis put put_along_axis choose compress extract delete insert
place select piecewise bincount searchsorted digitize nonzero floor ceil round rint around fix trunc sign heaviside equal not_equal less
less_equal greater greater_equal logical_and logical_or logical_xor logical_not isnan isinf isfinite zeros_like ones_like full_like
empty_like any all array_equal allclose count_nonzero iscomplexobj isclose copyto fill_diagonal
""".split()


def test_all_of_the_core_list_is_covered():
    missing = set(LIST_A) - set(covered(LIST_A))
    assert {name for name in missing if hasattr(np, name)} == set()


LINALG = """
cholesky cond cross det diagonal eig eigh eigvals eigvalsh inv lstsq matmul matrix_norm matrix_power matrix_rank matrix_transpose multi_dot
norm outer pinv qr slogdet solve svd svdvals tensordot tensorinv tensorsolve trace vecdot vector_norm
""".split()


def test_all_of_numpy_linalg_is_covered():
    assert covered(LINALG, np.linalg) == LINALG
    assert {name for name in np.linalg.__all__ if name != "LinAlgError"} == set(LINALG)


def test_every_row_that_lowerings_use_exists():
    assert {"where", "take", "take_add", "index_set", "concatenate", "argsort", "sinc"} <= set(OPS)
