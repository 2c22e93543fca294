"""A real scientific model in plain NumPy, for `python -m tapejit`, the first notebook and the benchmarks.

`counts.py` reads a table of two populations, `lotka_volterra.py` is the model, `levenberg_marquardt.py` fits any model whose
Jacobian is known, `peers.py` differentiates the same model with other libraries. None of them but the last imports tapejit's peers,
and the model does not import tapejit at all.
"""
