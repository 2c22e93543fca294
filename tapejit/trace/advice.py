"""What to do where a NumPy or SciPy function is not covered: the nearest covered way, by the function's name.

Read by the errors for such a function (`attributes.py`, `decisions.py`) and by the coverage table (`tapejit/coverage/`).
"""

_WINDOWS = "index the windows by integer arrays, x[places], and reduce them with NumPy: np.median, np.max, np.min"

ADVICE = {
    "numpy.asmatrix": "use a two-dimensional array and @",
    "numpy.bmat": "use np.block",
    "numpy.row_stack": "use np.vstack",
    "numpy.frompyfunc": "call np.frompyfunc or np.vectorize inside the function, or register_lowering for the ufunc",
    "numpy.packbits": "use np.sum of the bits times powers of two",
    "numpy.unpackbits": "use np.right_shift and np.bitwise_and",
    "numpy.ravel_multi_index": "add up the indices times the strides of the shape",
    "numpy.mask_indices": "use np.nonzero of a mask from np.triu or np.tril of np.ones",
    "numpy.lib.stride_tricks.as_strided": "use indexing by integer arrays",
    "numpy.lib.scimath.sqrt": "use np.sqrt, of a complex argument where it may be negative",
    "numpy.save": "return the value and save it outside of the traced function",
    "numpy.savetxt": "return the value and save it outside of the traced function",
    "numpy.savez": "return the value and save it outside of the traced function",
    "numpy.savez_compressed": "return the value and save it outside of the traced function",
    "numpy.linalg.matrix_rank": "call it outside of the traced function: it is an integer without a derivative",
    "numpy.polynomial.polyutils": "use np.polyval and its like",
    "scipy.interpolate.griddata": "use scipy.interpolate.RegularGridInterpolator on a grid, or weights that are computed outside",
    "scipy.ndimage.maximum_filter": _WINDOWS,
    "scipy.ndimage.median_filter": _WINDOWS,
    "scipy.ndimage.minimum_filter": _WINDOWS,
    "scipy.ndimage.percentile_filter": _WINDOWS,
    "scipy.ndimage.rank_filter": _WINDOWS,
    "scipy.signal.chirp": "use np.cos of the phase",
    "scipy.signal.deconvolve": "use np.polydiv, or scipy.signal.lfilter",
    "scipy.signal.envelope": "use np.abs(scipy.signal.hilbert(x))",
    "scipy.signal.find_peaks": "call it on numbers, outside, and index with what it finds",
    "scipy.signal.freqz": "use np.polyval of the coefficients at np.exp(-1j * w)",
    "scipy.signal.lsim": "use scipy.integrate.odeint, or scipy.signal.lfilter of the discretised system",
    "scipy.signal.medfilt": _WINDOWS,
    "scipy.signal.order_filter": _WINDOWS,
    "scipy.signal.wiener": "use scipy.ndimage.uniform_filter for the local mean and variance",
    "scipy.sparse.linalg.eigsh": "use np.linalg.eigh of A.toarray()",
    "scipy.sparse.linalg.lsqr": "use scipy.sparse.linalg.spsolve of the normal equations",
    "scipy.sparse.linalg.lsmr": "use scipy.sparse.linalg.spsolve of the normal equations",
    "scipy.sparse.linalg.svds": "use np.linalg.svd of A.toarray()",
}


def advice_for_caller(name):
    """What to do instead of a function that is named with the module in which its code stands; None where nothing is known."""
    parts = (name or "").split(".")
    return next((text for key, text in ADVICE.items() if key.split(".")[-1] == parts[-1] and key.split(".")[:-1] == parts[:key.count(".")]), None)


def advice(name):
    """The nearest covered way for the function of this full name."""
    return ADVICE.get(name, "write it with NumPy functions that tapejit differentiates, or compute it from values that are not traced")
