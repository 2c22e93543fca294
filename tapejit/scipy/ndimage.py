"""scipy.ndimage for differentiated code: linear filters, and interpolation at coordinates.

A filter is the row `filter_form`: its value is SciPy's, its derivatives by the input, the weights and a traced sigma are exact up to the
boundary. Interpolation is a sum over the B-splines around each point, weighted by splines of the fractional part of its coordinate: it is
differentiated by the input and by the coordinates. Not covered: rank filters, morphology and measurements, which are SciPy's own.
Read next: `ops/filters.py`, `grid_points.py`.
"""

import numpy as np

from ..ops import OPS
from ..trace.lowerings.common import asarray, axes_of, cast, deliver, host, refuse, static
from ..trace.tracer import Tracer
from . import names_of
from .common import drop_in, scipys
from .distributions import fixed
from .grid_points import sampled, spline_filtered

__all__ = ["affine_transform", "convolve", "convolve1d", "correlate", "correlate1d", "gaussian_filter", "gaussian_filter1d",
           "gaussian_gradient_magnitude", "gaussian_laplace", "laplace", "map_coordinates", "prewitt", "rotate", "shift", "sobel",
           "spline_filter", "spline_filter1d", "uniform_filter", "uniform_filter1d", "zoom"]
__getattr__, __dir__ = names_of(__name__)

MODES = ("reflect", "mirror", "nearest", "wrap", "constant", "grid-mirror", "grid-constant", "grid-wrap")
AT_CONSTANT = ("constant", "grid-constant")


# --- what filters share ----------------------------------------------------------------------------------------------


def _checked_mode(mode):
    if mode not in MODES:
        raise RuntimeError("boundary mode not supported")
    return mode


def _each(value, n):
    """One value for each of n axes."""
    if isinstance(value, (list, tuple)) or np.ndim(value):
        if len(value) != n:
            raise RuntimeError("sequence argument must have length equal to input rank")
        return list(value)
    return [value] * n


def _input(input):
    """(the array to compute on, the dtype of the result)."""
    x = asarray(input)
    if x.dtype.kind in "fc":
        return (x.astype(np.float32), x.dtype) if x.dtype == np.float16 else (x, x.dtype)
    if type(x) is not Tracer:
        refuse(None, f"scipy.ndimage: the input has dtype {x.dtype}, so the filtered values are rounded to it and have no derivative: "
                     "pass input.astype(float)")
    return cast(x, np.float64), x.dtype


def _delivered(result, dtype, output):
    if output is None or isinstance(output, (np.ndarray, Tracer)):
        return deliver(cast(result, dtype), output, "unsafe")
    return cast(result, np.dtype(output))


def _filtered(x, weights, mode, cval, origins):
    """The correlation of x with weights of as many axes, not conjugated."""
    _checked_mode(mode)
    weights = cast(weights, np.result_type(x.dtype, weights.dtype) if weights.dtype.kind == "c" else x.dtype)
    x = cast(x, weights.dtype)
    before = [size // 2 + int(origin) for size, origin in zip(weights.shape, origins)]
    if any(left < 0 or left >= size for left, size in zip(before, weights.shape)):
        raise ValueError("Invalid origin; origin must satisfy -(weights.shape[k] // 2) <= origin[k] <= (weights.shape[k]-1) // 2")

    def form(x):
        return OPS["filter_form"](x, weights, gives="result", before=tuple(before), mode=mode, sizes=tuple(weights.shape))

    result = form(x)
    if mode in AT_CONSTANT and not (type(cval) is not Tracer and cval == 0):
        result = result + cval * (np.sum(weights) - form(np.ones(x.shape, x.dtype)))
    return cast(result, weights.dtype)


def _along(x, weights, axis, mode="reflect", cval=0.0, origin=0):
    """The correlation along one axis."""
    (axis,) = axes_of(axis, x.ndim)
    weights, origins = asarray(weights), [0] * x.ndim
    if weights.ndim != 1 or not weights.shape[0]:
        raise RuntimeError("no filter weights given")
    origins[axis] = static(origin)
    return _filtered(x, weights.reshape([-1 if k == axis else 1 for k in range(x.ndim)]), mode, cval, origins)


def _reversed(weights, origins):
    """The weights and origins of the correlation that is the convolution with these."""
    return (weights[(slice(None, None, -1),) * weights.ndim],
            [-origin - (1 - size % 2) for origin, size in zip(origins, weights.shape)])


def _of_all_axes(input, weights, output, mode, cval, origin, axes, convolution):
    x, dtype = _input(input)
    axes = axes_of(static(axes), x.ndim)
    weights = asarray(weights)
    if weights.ndim != len(axes):
        raise RuntimeError(f"weights.ndim ({weights.ndim}) must match len(axes) ({len(axes)})")
    shape, origins = [1] * x.ndim, [0] * x.ndim
    for axis, size in zip(sorted(axes), weights.shape):  # SciPy takes the weights' axes in order, and the origins by `axes`
        shape[axis] = size
    for axis, own in zip(axes, _each(static(origin), len(axes))):
        origins[axis] = own
    weights = weights.reshape(shape)
    if convolution:
        weights, origins = _reversed(weights, origins)
    elif weights.dtype.kind == "c":
        weights = np.conj(weights)
    result = _filtered(x, weights, mode, cval, origins)
    return _delivered(result, result.dtype if result.dtype.kind == "c" else dtype, output)


# --- correlations and convolutions -----------------------------------------------------------------------------------


@drop_in
def correlate(input, weights, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    return _of_all_axes(input, weights, output, mode, cval, origin, axes, False)


@drop_in
def convolve(input, weights, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    return _of_all_axes(input, weights, output, mode, cval, origin, axes, True)


@drop_in
def correlate1d(input, weights, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    return _of_all_axes(input, weights, output, mode, cval, origin, axis, False)


@drop_in
def convolve1d(input, weights, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    return _of_all_axes(input, weights, output, mode, cval, origin, axis, True)


def _separable(input, output, axes, mode, filters, cval=0.0):
    """The input filtered along one axis after the other; `filters` gives (weights, origin), or None, of the k-th."""
    x, dtype = _input(input)
    axes = axes_of(static(axes), x.ndim)
    for k, (axis, one) in enumerate(zip(axes, _each(mode, len(axes)))):
        found = filters(k, len(axes))
        if found is not None:
            x = _along(x, found[0], axis, one, cval, found[1])
    return _delivered(x, dtype, output)


@drop_in
def uniform_filter1d(input, size, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    if static(size) < 1:
        raise RuntimeError("incorrect filter size")
    return _separable(input, output, axis, mode, lambda k, n: _uniform(static(size), origin), cval)


@drop_in
def uniform_filter(input, size=3, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    size, origin = static(size), static(origin)
    return _separable(input, output, axes, mode, lambda k, n: _uniform(_each(size, n)[k], _each(origin, n)[k]), cval)


def _uniform(size, origin):
    return (np.full(int(size), 1 / int(size)), origin) if size > 1 else None


# --- Gaussian filters ------------------------------------------------------------------------------------------------


def _gaussian(sigma, order, truncate, radius):
    """(the weights, 0), or None for no filter. They are smooth in sigma but for their number, which is a guard."""
    if not sigma > 1e-15:
        return None
    radius = int(truncate * sigma + 0.5) if radius is None else static(radius)
    if not isinstance(radius, (int, np.integer)) or radius < 0:
        raise ValueError("Radius must be a nonnegative integer.")
    x = np.arange(-radius, radius + 1)
    bell = np.exp(-0.5 / (sigma * sigma) * x**2)
    return (_polynomial(x, sigma, static(order)) * (bell / np.sum(bell)))[::-1], 0


def _polynomial(x, sigma, order):
    """What the `order`-th derivative of exp(-x**2 / (2 sigma**2)) is that function times: q' - q x / sigma**2 of the one before."""
    if order < 0:
        raise ValueError("order must be non-negative")
    q = [1.0]
    for _ in range(order):
        slope = [k * c for k, c in enumerate(q)][1:] + [0.0, 0.0]
        moved = [0.0] + [c * (-1 / (sigma * sigma)) for c in q]
        q = [a + b for a, b in zip(slope, moved)]
    total = 0.0 * x
    for c in q[::-1]:
        total = total * x + c
    return total


@drop_in
def gaussian_filter1d(input, sigma, axis=-1, order=0, output=None, mode="reflect", cval=0.0, truncate=4.0, *, radius=None):
    return _separable(input, output, axis, mode, lambda k, n: _gaussian(sigma, order, truncate, radius), cval)


@drop_in
def gaussian_filter(input, sigma, order=0, output=None, mode="reflect", cval=0.0, truncate=4.0, *, radius=None, axes=None):
    def weights(k, n):
        return _gaussian(_each(sigma, n)[k], _each(order, n)[k], truncate, _each(radius, n)[k])

    return _separable(input, output, axes, mode, weights, cval)


def _over_axes(input, output, axes, mode, along, join):
    """What `join` makes of the filtered inputs along(input, k, axes, mode) for each axis."""
    x, dtype = _input(input)
    axes = axes_of(static(axes), x.ndim)
    if not axes:
        return _delivered(x, dtype, output)
    modes = _each(mode, len(axes))
    return _delivered(join([along(x, axis, one) for axis, one in zip(axes, modes)]), dtype, output)


def _derivative_of_gaussian(x, sigma, axis, order, mode, cval, keywords):
    orders = [order if k == axis else 0 for k in range(x.ndim)]
    return gaussian_filter(x, sigma, orders, None, mode, cval, **keywords)


@drop_in
def gaussian_gradient_magnitude(input, sigma, output=None, mode="reflect", cval=0.0, *, axes=None, **kwargs):
    def along(x, axis, mode):
        return np.square(_derivative_of_gaussian(x, sigma, axis, 1, mode, cval, kwargs))

    return _over_axes(input, output, axes, mode, along, lambda parts: np.sqrt(sum(parts[1:], parts[0])))


@drop_in
def gaussian_laplace(input, sigma, output=None, mode="reflect", cval=0.0, *, axes=None, **kwargs):
    def along(x, axis, mode):
        return _derivative_of_gaussian(x, sigma, axis, 2, mode, cval, kwargs)

    return _over_axes(input, output, axes, mode, along, lambda parts: sum(parts[1:], parts[0]))


@drop_in
def laplace(input, output=None, mode="reflect", cval=0.0, *, axes=None):
    def along(x, axis, mode):
        return _along(x, np.array([1.0, -2.0, 1.0]), axis, mode, cval)

    return _over_axes(input, output, axes, mode, along, lambda parts: sum(parts[1:], parts[0]))


def _edges(input, axis, output, mode, cval, smooth):
    (axis,) = axes_of(static(axis), np.ndim(input))
    return _separable(input, output, None, mode, lambda k, n: (np.array([-1.0, 0.0, 1.0] if k == axis else smooth), 0), cval)


@drop_in
def sobel(input, axis=-1, output=None, mode="reflect", cval=0.0):
    return _edges(input, axis, output, mode, cval, [1.0, 2.0, 1.0])


@drop_in
def prewitt(input, axis=-1, output=None, mode="reflect", cval=0.0):
    return _edges(input, axis, output, mode, cval, [1.0, 1.0, 1.0])


# --- interpolation ---------------------------------------------------------------------------------------------------


@drop_in
def spline_filter1d(input, order=3, axis=-1, output=np.float64, mode="mirror"):
    x, dtype = _input(input)
    (axis,) = axes_of(static(axis), x.ndim)
    return _delivered(spline_filtered(x, order, (axis,), mode), dtype, output)


@drop_in
def spline_filter(input, order=3, output=np.float64, mode="mirror"):
    x, dtype = _input(input)
    if order not in (2, 3, 4, 5):
        raise RuntimeError("spline order not supported")
    return _delivered(spline_filtered(x, order, range(x.ndim), mode), dtype, output)


def _interpolated(input, coordinates, output, order, mode, cval, prefilter):
    x, dtype = _input(input)
    order, mode = static(order), _checked_mode(mode)
    if not 0 <= order <= 5:
        raise RuntimeError("spline order not supported")
    return _delivered(sampled(x, coordinates, order, mode, cval, prefilter), dtype, output)


@drop_in
def map_coordinates(input, coordinates, output=None, order=3, mode="constant", cval=0.0, prefilter=True):
    coordinates = asarray(coordinates)
    if coordinates.dtype.kind == "c":
        raise TypeError("Complex type not supported")
    if coordinates.ndim < 1 or coordinates.shape[0] != np.ndim(input):
        raise RuntimeError("invalid shape for coordinate array")
    return _interpolated(input, list(cast(coordinates, np.float64)), output, order, mode, cval, prefilter)


def _grid(shape):
    """The indices of an array of this shape, one open array per axis."""
    return [np.arange(n, dtype=float).reshape([-1 if j == k else 1 for j in range(len(shape))]) for k, n in enumerate(shape)]


@drop_in
def shift(input, shift, output=None, order=3, mode="constant", cval=0.0, prefilter=True):
    shape = np.shape(input)
    shift = _each(shift, len(shape))
    return _interpolated(input, [k - shift[j] for j, k in enumerate(_grid(shape))], output, order, mode, cval, prefilter)


@drop_in
def zoom(input, zoom, output=None, order=3, mode="constant", cval=0.0, prefilter=True, *, grid_mode=False):
    shape = np.shape(input)
    if isinstance(output, np.ndarray):
        refuse(output, "scipy.ndimage.zoom of a traced input with an output array is not traced: use its result")
    new = [int(round(n * float(factor))) for n, factor in zip(shape, _each(static(zoom), len(shape)))]
    if new == list(shape) and prefilter and all(factor == 1 for factor in _each(static(zoom), len(shape))):
        x, dtype = _input(input)
        return _delivered(x, dtype, output)
    coordinates = []
    for n, m, k in zip(shape, new, _grid(new)):
        if grid_mode:
            coordinates.append((k + 0.5) * (n / m) - 0.5)
        else:
            coordinates.append(k * ((n - 1) / (m - 1) if m > 1 else 1.0))
    return _interpolated(input, coordinates, output, order, mode, cval, prefilter)


@drop_in
def affine_transform(input, matrix, offset=0.0, output_shape=None, output=None, order=3, mode="constant", cval=0.0, prefilter=True):
    n, matrix = np.ndim(input), asarray(matrix)
    shape = np.shape(output) if output_shape is None and isinstance(output, np.ndarray) else output_shape
    shape = np.shape(input) if shape is None else tuple(static(shape))
    if matrix.ndim == 2 and matrix.shape[1] == n + 1:
        matrix, offset = matrix[:n, :n], matrix[:n, n]
    if matrix.shape not in ((n,), (n, n)):
        raise RuntimeError("affine matrix has wrong number of rows")
    grid = _grid(shape)
    offset = _each(offset, n)
    if matrix.ndim == 1:
        coordinates = [matrix[j] * grid[j] + offset[j] for j in range(n)]
    else:
        coordinates = [sum((matrix[j, k] * grid[k] for k in range(1, n)), matrix[j, 0] * grid[0]) + offset[j] for j in range(n)]
    return _interpolated(input, coordinates, output, order, mode, cval, prefilter)


def _of_degrees(angle, name, function):
    """The function of an angle in degrees, exact at multiples of a right angle."""
    found = function(angle * (np.pi / 180))
    return found - fixed(found) + host(scipys("scipy.special", name), fixed(angle))


@drop_in
def rotate(input, angle, axes=(1, 0), reshape=True, output=None, order=3, mode="constant", cval=0.0, prefilter=True):
    first, second = sorted(axes_of(static(axes), np.ndim(input)))
    plane = np.array([np.shape(input)[first], np.shape(input)[second]])
    c, s = _of_degrees(angle, "cosdg", np.cos), _of_degrees(angle, "sindg", np.sin)
    new = plane
    if reshape:
        corners = np.array([0, 0, plane[0], plane[0]]), np.array([0, plane[1], 0, plane[1]])
        new = [int(np.ptp(bounds) + 0.5) for bounds in (c * corners[0] + s * corners[1], c * corners[1] - s * corners[0])]
    i, j = (k - (n - 1) / 2 for k, n in zip(_grid(new), new))
    centre = (plane - 1) / 2
    x, dtype = _input(input)
    x = np.moveaxis(x, (first, second), (0, 1))
    result = _interpolated(x, [c * i + s * j + centre[0], c * j - s * i + centre[1]], None, order, mode, cval, prefilter)
    return _delivered(np.moveaxis(result, (0, 1), (first, second)), dtype, output)
