"""What to do where a NumPy function is not covered: the nearest covered way, by the function's name.

Read by the error for such a function (`attributes.py`) and by the coverage table (`tapejit/coverage/`).
"""

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
}


def advice(name):
    """The nearest covered way for the function of this full name."""
    return ADVICE.get(name, "write it with NumPy functions that tapejit differentiates, or compute it from values that are not traced")
