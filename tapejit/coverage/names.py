"""The functions of NumPy in the coverage table, by part, and an example call of each function, SciPy's included.

SciPy's functions are not listed here: they are those that the modules of `tapejit/scipy` define. Most functions are called by the first of
`PATTERNS` that they take; `CALLS` says how to call the others. In an example, `f` is the function; x, y, p, s, m and k are a vector,
two more of its length, a number, a matrix and integers, and `sparse` is scipy.sparse: see `example.py`. Read next: `scipy_groups.py`.
"""

ELEMENTWISE = """
add subtract multiply divide true_divide maximum minimum fmax fmin logaddexp logaddexp2 mod remainder fmod floor_divide divmod power
float_power arctan2 hypot negative positive abs absolute fabs reciprocal exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos
arctan sinh cosh tanh arcsinh arccosh arctanh rad2deg degrees deg2rad radians square sqrt cbrt sinc i0 nan_to_num real imag conj
conjugate angle real_if_close clip where astype copysign frexp ldexp modf nextafter spacing
"""
SHAPES = """
reshape roll array_split split vsplit hsplit dsplit unstack ravel expand_dims squeeze diag diagflat diagonal flipud fliplr flip rot90
trace full triu tril swapaxes moveaxis rollaxis transpose permute_dims matrix_transpose broadcast_to broadcast_arrays atleast_1d
atleast_2d atleast_3d repeat tile resize pad concatenate concat vstack hstack dstack column_stack stack append block array asarray copy
meshgrid trim_zeros apply_along_axis apply_over_axes
"""
REDUCTIONS = """
sum mean average prod var std max min amax amin ptp median quantile percentile cumsum cumprod cumulative_sum cumulative_prod nansum
nanprod nanmean nanvar nanstd nanmax nanmin nanmedian nanquantile nanpercentile nancumsum nancumprod diff ediff1d gradient trapezoid
cov corrcoef linspace logspace geomspace
"""
ORDER = """
sort msort sort_complex partition argsort argpartition argmax argmin lexsort searchsorted digitize bincount histogram histogram2d
histogramdd histogram_bin_edges unique unique_all unique_values intersect1d union1d setdiff1d setxor1d
"""
PRODUCTS = """
dot vdot inner outer matmul tensordot einsum kron cross vecdot matvec vecmat convolve correlate interp unwrap vander poly polyadd polyder
polydiv polyfit polyint polymul polysub polyval roots
"""
SELECTION = """
take take_along_axis put put_along_axis choose compress extract delete insert place select piecewise nonzero copyto fill_diagonal putmask
"""
FLAT = """
floor ceil round rint around fix trunc sign heaviside signbit equal not_equal less less_equal greater greater_equal logical_and logical_or
logical_xor logical_not isnan isinf isfinite isposinf isneginf isreal iscomplex isclose isin zeros_like ones_like full_like empty_like any
all array_equal array_equiv allclose count_nonzero flatnonzero argwhere
"""
LINALG = """
cholesky cond cross det diagonal eig eigh eigvals eigvalsh inv lstsq matmul matrix_norm matrix_power matrix_rank matrix_transpose multi_dot
norm outer pinv qr slogdet solve svd svdvals tensordot tensorinv tensorsolve trace vecdot vector_norm
"""
FFT = "fft ifft fft2 ifft2 fftn ifftn rfft irfft rfft2 irfft2 rfftn irfftn hfft ihfft fftshift ifftshift"
GROUPS = [("numpy", "Elementwise", ELEMENTWISE), ("numpy", "Shape and joining", SHAPES), ("numpy", "Reductions and ranges", REDUCTIONS),
          ("numpy", "Order, sets and counts", ORDER), ("numpy", "Products, signals and polynomials", PRODUCTS),
          ("numpy", "Selection and writes", SELECTION), ("numpy", "Rounding, comparisons and questions", FLAT),
          ("numpy.linalg", "Linear algebra", LINALG), ("numpy.fft", "Fourier transforms", FFT)]

PATTERNS = ("f(x)", "f(x, y)", "f(m)", "f(m, x)")
CALLS = {"numpy": {name: call.strip() for name, call in (line.split(None, 1) for line in """
arccosh f(p)
mod f(p, x)
remainder f(p, x)
fmod f(p, x)
floor_divide f(p, x)
divmod f(p, x)
clip f(x, 0.4, 0.5)
where f(x > 0.4, x, y)
astype f(x, np.float64)
ldexp f(x, k)
reshape f(x, (3, 1))
array_split f(x, 2)
split f(x, 3)
vsplit f(m, 3)
hsplit f(m, 3)
dsplit f(m[:, :, None], 1)
roll f(x, 1)
rot90 f(m)
full f((2,), s)
swapaxes f(m, 0, 1)
moveaxis f(m, 0, 1)
rollaxis f(m, 1)
broadcast_to f(x, (2, 3))
broadcast_arrays f(x, m)
expand_dims f(x, 0)
repeat f(x, 2)
tile f(x, 2)
resize f(x, 5)
pad f(x, 1)
append f(x, y)
concatenate f([x, y])
concat f([x, y])
vstack f([x, y])
hstack f([x, y])
dstack f([x, y])
column_stack f([x, y])
stack f([x, y])
block f([x, y])
array f([s, x[0]])
meshgrid f(x, y)
apply_along_axis f(np.sum, 0, m)
apply_over_axes f(np.sum, m, 0)
quantile f(x, 0.3)
percentile f(x, 30)
nanquantile f(x, 0.3)
nanpercentile f(x, 30)
linspace f(s, x[0], 4)
logspace f(s, x[0], 4)
geomspace f(s, x[0], 4)
cov f(m)
corrcoef f(m)
partition f(x, 1)
argpartition f(x, 1)
lexsort f((x, y))
searchsorted f(np.sort(x), y)
digitize f(x, [0.4, 0.5])
bincount f(k, x)
histogram f(x, [0.0, 0.4, 1.0], weights=y)
histogram2d f(x, y, [np.array([0.0, 0.4, 1.0])] * 2, weights=x)
histogramdd f(m, 2, weights=x)
histogram_bin_edges f(x, 2)
einsum f('ij,j', m, x)
tensordot f(m, m, 1)
cross f(x, y)
matvec f(m, x)
vecmat f(x, m)
interp f(x, [0.0, 0.4, 1.0], y)
polyfit f(p, x, 1)
polyval f(x, y)
take f(x, k)
take_along_axis f(x, k, 0)
put f(a := x.copy(), [0], s) or a
put_along_axis f(a := x.copy(), k[:1], s, 0) or a
choose f([0, 1, 0], [x, y])
compress f([True, False, True], x)
extract f([True, False, True], x)
delete f(x, 1)
insert f(x, 1, s)
place f(a := x.copy(), x > 0.4, [s]) or a
select f([x > 0.4], [x], 0.0)
piecewise f(x, [x > 0.4], [lambda v: v ** 2, 0.0])
copyto f(a := x.copy(), y) or a
fill_diagonal f(a := m.copy(), s) or a
putmask f(a := x.copy(), x > 0.4, y) or a
fix f(x)
full_like f(x, s)
empty_like np.zeros_like(f(x))
unique_values np.sort(f(x))
isin f(x, y)
polydiv f(p, x[:2])
""".strip().splitlines())}, "numpy.linalg": {
    "lstsq": "f(m, x, None)", "matrix_power": "f(m, 2)", "multi_dot": "f([m, m, x])", "solve": "f(m, x)", "tensordot": "f(m, m, axes=1)",
    "tensorinv": "f(m, 1)", "tensorsolve": "f(m, x)", "cross": "f(x, y)", "outer": "f(x, y)", "matmul": "f(m, m)", "vecdot": "f(x, y)",
    **dict.fromkeys(("eigh", "eigvalsh"), "f(m)")},
    "numpy.fft": {"fft2": "f(m)", "ifft2": "f(m)", "rfft2": "f(m)", "irfft2": "f(m)"},
    "scipy.special": {name: call for call, names in (
        ("f(2, x)", "jn yn jv yv iv ive kv kve polygamma expn"), ("f(p)", "zeta"), ("f(2.0, x)", "gammainc gammaincc gammaincinv "
        "gammainccinv stdtr hyp0f1"), ("f(2.0, 3.0, x)", "betainc betaincc betaincinv betainccinv"), ("f(1.0, 3, x)", "bdtr"),
        ("f(1.0, 2.0, x)", "hyp1f1"), ("f(1.0, 2.0, 1.5, x)", "hyp2f1"), ("f(p[0], 1)", "multigammaln"), ("f(p, 1)", "comb perm"),
        ("f(x)", "factorial")) for name in names.split()},
    "scipy.linalg": {
        "block_diag": "f(m, x)", "lu_factor": "f(m)", "cho_solve": "f((m, True), x)", "lu_solve": "f((m, k), x)", "solve": "f(m, x)",
        "solve_banded": "f((1, 1), m, x)", "solve_sylvester": "f(m, m, m)", "solve_triangular": "f(m, x)"},
    "scipy.fft": {name: "f(m)" for name in "fft2 ifft2 rfft2 irfft2 hfft2 ihfft2".split()} | {"fftfreq": "f(3, s)", "rfftfreq": "f(3, s)"},
    "scipy.integrate": {
        "simpson": "f(x)", "quad": "f(lambda t: np.exp(-s * t), 0.0, x[0])[0]",
        "quad_vec": "f(lambda t: np.exp(-x * t), 0.0, 1.0, 1e-6, 1e-4)[0]",
        "fixed_quad": "f(lambda t: np.exp(-s * t), 0.0, 1.0)[0]", "dblquad": "f(lambda u, v: np.exp(-s * u * v), 0.0, 1.0, 0.0, 1.0)[0]",
        "tplquad": "f(lambda u, v, w: s * u * v * w, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0)[0]", "odeint": "f(lambda u, t: -p * u, x, k)",
        "solve_ivp": "f(lambda t, u: -p * u, (0.0, 1.0), x, t_eval=k / 2, rtol=1e-9, atol=1e-9).y"},
    "scipy.interpolate": {
        **dict.fromkeys("Akima1DInterpolator PchipInterpolator CubicSpline InterpolatedUnivariateSpline "
                        "make_interp_spline".split(), "f(np.arange(5.0), np.concatenate([x, p[:2]]))(s)"),
        "UnivariateSpline": "f(np.arange(5.0), np.concatenate([x, p[:2]]), s=0)(s)",
        "CubicHermiteSpline": "f(k, x, y)(s)", "BSpline": "f(np.arange(8.0), np.concatenate([x, p[:1]]), 3)(3 + s)",
        "PPoly": "f(m, np.arange(4.0))(s)", "RectBivariateSpline": "f(k, k, m, kx=2, ky=2)(s, 1 + s)",
        "RegularGridInterpolator": "f((k, k), m)((s, 1 + s))", "interp1d": "f(k, x)(s)", "interpn": "f((k, k), m, np.stack([s, 1 + s]))",
        "pchip_interpolate": "f(k, x, s)", "splrep": "f(np.arange(5.0), np.concatenate([x, y[:2]]))[:2]",
        "splev": "f(3 + s, (np.arange(8.0), np.concatenate([x, p[:1]]), 3))"},
    "scipy.ndimage": {
        "affine_transform": "f(m, m[:2, :2] / 4, 0.3)", **dict.fromkeys(("convolve", "correlate"), "f(m, m)"),
        **dict.fromkeys(("convolve1d", "correlate1d"), "f(m, x)"), "map_coordinates": "f(m, np.stack([x, y]))", "rotate": "f(m, 30.0)",
        **dict.fromkeys("gaussian_filter gaussian_filter1d gaussian_gradient_magnitude gaussian_laplace".split(), "f(m, 1.0)"),
        "shift": "f(m, 0.5)", "zoom": "f(m, 2.0)", **dict.fromkeys(("uniform_filter", "uniform_filter1d"), "f(m, 3)")},
    "scipy.sparse": {
        **{f"{form}_{kind}": "f(m) @ x" for form in "bsr coo csc csr dia dok lil".split() for kind in ("array", "matrix")},
        **{name: f"f({call}).toarray()" for name, call in {
            "block_array": "[[m, None], [None, m]]", "block_diag": "[m, m]", "bmat": "[[m, None], [None, m]]", "diags": "x",
            "diags_array": "x", "eye": "3", "eye_array": "3", "hstack": "[sparse.csr_array(m), sparse.csr_array(m)]",
            "identity": "3", "kron": "m, m", "kronsum": "m, m",
            "spdiags": "m, k, 3, 3", "tril": "m", "triu": "m", "vstack": "[sparse.csr_array(m), sparse.csr_array(m)]"}.items()}},
    "scipy.sparse.linalg": {
        "factorized": "f(m)(x)", "splu": "f(m).solve(x)", "spsolve": "f(m, x)", "spsolve_triangular": "f(np.tril(m), x)",
        **dict.fromkeys("bicg bicgstab cg cgs gmres lgmres minres qmr tfqmr".split(), "f(m, x, rtol=1e-12)[0]"),
        "gcrotmk": "f(m, x, rtol=1e-6)[0]"},  # beyond what float32 holds, SciPy's diverges
    "scipy.optimize": {
        **dict.fromkeys(("bisect", "brenth", "brentq", "ridder", "toms748"), "f(lambda v: v**3 - s, 0.0, 2.0)"),
        **dict.fromkeys(("fsolve", "root"), "f(lambda v: v**3 - p, np.ones(3))"), "newton": "f(lambda v: v**3 - s, 1.0)",
        "minimize": "f(lambda v: np.sum((v - x)**2), np.zeros(3))",
        "minimize_scalar": "f(lambda v: (v - s)**2)", "differential_evolution": "f(lambda v: np.sum((v - x)**2), [(-3, 3)] * 3, rng=1, tol=1e-9)",
        "fixed_point": "f(lambda v: np.cos(x * v), np.ones(3))", "least_squares": "f(lambda v: m @ v - x, np.zeros(3))",
        "curve_fit": "f(lambda t, a, b: a * t + b, x, y)[0]", "root_scalar": "f(lambda v: v**3 - s, bracket=(0.0, 2.0))"},
    "scipy.stats": {
        "multivariate_normal.cdf": "f.cdf(x[:2], y[:2], m[:2, :2])", "multivariate_normal.logcdf": "f.logcdf(x[:2], y[:2], m[:2, :2])",
        "gaussian_kde": "f(x, weights=p)(y)", "median_abs_deviation": "f(p)",
        "multivariate_normal.rvs": "f.rvs(y, np.diag(p), random_state=1)", "moment": "f(x, 3)", "pmean": "f(x, 3)", "trim_mean": "f(x, 0.34)", "pearsonr": "f(x, y)[:2]"},
    "scipy.signal": {"convolve": "f(x, y)", "correlate": "f(x, y)", "fftconvolve": "f(x, y)", "lfilter": "f(p, y, x)",
                     **dict.fromkeys(("convolve2d", "correlate2d"), "f(m, m)"), "decimate": "f(np.tile(x, 12), 2)",
                     "filtfilt": "f(p, y, np.tile(x, 6))", "lfilter_zi": "f(x, y)", "resample": "f(np.tile(x, 2), 4)",
                     "resample_poly": "f(np.tile(x, 4), 2, 3)", "savgol_filter": "f(np.tile(x, 3), 5, 2)",
                     "sosfilt": "f(np.concatenate([x, p[:1], y[:2] / 2])[None] / p[0], np.tile(x, 2))",
                     "sosfilt_zi": "f(np.concatenate([x, p[:1], y[:2] / 2])[None] / p[0])",
                     "sosfiltfilt": "f(np.concatenate([x, p[:1], y[:2] / 2])[None] / p[0], np.tile(x, 6))"}}

# scipy.stats: a quantile and the shapes of each distribution that takes others than x and p, p ...
QUANTILES = {"pareto": "p + p", "wishart": "m", **dict.fromkeys(("multivariate_normal", "multivariate_t"), "x"),
             "dirichlet": "x / np.sum(x)", "multinomial": "np.array([1, 0, 2])", "geom": "k + 1",
             **dict.fromkeys(("bernoulli", "binom", "poisson", "nbinom"), "k")}
SHAPES_OF = {"bernoulli": "x", "geom": "x", "binom": "3, x", "nbinom": "p, x", "pareto": "2 + p", "truncnorm": "-p, p",
             "multivariate_normal": "y, m", "multivariate_t": "y, m, 3 + s",
             "dirichlet": "p", "multinomial": "3, x / np.sum(x)", "wishart": "4.0, m"}
