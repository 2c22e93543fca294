"""The functions of SciPy in the coverage table: what the modules of `tapejit/scipy` define, found there and never listed by hand.

Of scipy.special, the ufuncs that are rows of the op table too; of scipy.stats, the methods of each distribution. To appear here, a
function is named in the `__all__` of its module; an example call in `names.py` is needed where no pattern fits.
"""

import importlib.util
import pkgutil

from .. import scipy as package
from ..scipy.distributions import MOMENTS, Distribution
from ..trace.lowerings import covered
from .names import CALLS, QUANTILES, SHAPES_OF

TITLES = {
    "fft": "Fourier transforms", "integrate": "Integrals", "interpolate": "Interpolation", "linalg": "Linear algebra", "ndimage": "Images",
    "optimize": "Roots and minima", "signal": "Signals", "sparse": "Sparse matrices", "sparse.linalg": "Sparse systems",
    "special": "Special functions", "stats": "Distributions and statistics"}
METHODS = ("pdf", "logpdf", "pmf", "logpmf", "cdf", "logcdf", "sf", "logsf", "ppf", "isf", "interval", "rvs", *MOMENTS, "moment", "stats")
FIRST = {  # method -> its first argument in place of a quantile
    "ppf": "x", "isf": "x", "interval": "0.8 + s / 4", "moment": "2", "rvs": "", "stats": "", **dict.fromkeys(MOMENTS, "")}


def scipy_groups():
    """[(module, title, names)], as the groups of NumPy; of a distribution each method is a name. None without SciPy."""
    groups = []
    if importlib.util.find_spec("scipy") is None:
        return groups
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        ours = importlib.import_module(info.name)
        names, short = getattr(ours, "__all__", None), info.name.removeprefix(package.__name__ + ".")
        if names is None:
            continue
        if short == "special":
            original = importlib.import_module("scipy.special")
            names = covered(sorted(dir(original)), original)
        found = [full for name in names for full in _methods(name, getattr(ours, name))]
        groups.append((f"scipy.{short}", TITLES.get(short, short), " ".join(found)))
    return groups


def _methods(name, value):
    if not isinstance(value, Distribution):
        return [name]
    ordered = [method for method in METHODS if method in value.methods]
    return [f"{name}.{method}" for method in ordered + sorted(value.methods - set(ordered))]


def call_of_method(name):
    """The example call of a method of a distribution: `f` is the distribution."""
    distribution, method = name.split(".")
    known = CALLS.get("scipy.stats", {}).get(name)
    if known is not None:
        return known
    original = getattr(importlib.import_module("scipy.stats"), distribution)
    shapes = SHAPES_OF.get(distribution) or ", ".join(["p"] * getattr(original, "numargs", 0))
    if _fixed_shapes(name):
        shapes = ", ".join(["2.5"] * original.numargs)
    of_reals = hasattr(original, "numargs") and hasattr(original, "pdf")
    arguments = (FIRST.get(method, QUANTILES.get(distribution, "x")), shapes, "loc=0.1 - s / 4, scale=1 + p" if of_reals else "",
                 "random_state=1" if method == "rvs" else "")
    return f"f.{method}({', '.join(filter(None, arguments))})"


def _fixed_shapes(name):
    """Whether shapes of what this method draws are not differentiated."""
    distribution, _, method = name.partition(".")
    ours = getattr(importlib.import_module("tapejit.scipy.stats"), distribution, None)
    return method == "rvs" and getattr(ours, "draws", "") is None and bool(ours.original.numargs)


def note(module, name):
    """What to know of a function that is covered in part."""
    return "by loc and scale; not by the shapes" if module == "scipy.stats" and _fixed_shapes(name) else ""
