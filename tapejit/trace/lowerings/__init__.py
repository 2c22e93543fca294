"""What NumPy's functions do on tracers, one file per family. Importing this package fills `LOWERINGS`.

A lowering has NumPy's own signature and is composed of tape ops, operators and other NumPy functions: the derivative follows
from that. Adding one is writing its formula in the file of its family; `common.py` holds what they share, and
`numpy_source.py` takes NumPy's own Python code where that is the formula. `STAND_INS` is what traced code sees for NumPy's
functions; `covered` counts what is there.
"""

from . import (
    complexes,
    creation,
    decompositions,
    fft,
    grids,
    joining,
    linalg,
    nondifferentiable,
    order,
    pairs,
    products,
    reductions,
    selection,
    shapes,
    signals,
)
from .coverage import covered
from .creation import CREATION
from .sequences import STAND_INS  # last: stands in for what the others have registered

__all__ = ["CREATION", "STAND_INS", "complexes", "covered", "creation", "decompositions", "fft", "grids", "joining", "linalg",
           "nondifferentiable", "order", "pairs", "products", "reductions", "selection", "shapes", "signals"]
