"""NumPy code -> typed tape: a function is run once on tracers, which record what NumPy is asked to do.

    trace = Trace("f")
    with trace:
        x = trace.input(np.arange(3.0))
        y = np.sum(x * x)
    trace.lift(y)                       # the value id of the result on trace.builder.tape

Read next: `tracer.py` (the value, its storage), `recorder.py` (the Trace), then `lowerings/` (what NumPy's functions become).
"""

from .recorder import RUNNING, Trace, current_trace
from .tracer import LOWERINGS, Tracer, concrete, lowering
from . import elementwise, views, operators, indexing, decisions, attributes, ufuncs, lowerings  # noqa: F401, I001  they fill in Tracer
from .assemble import assemble

__all__ = ["LOWERINGS", "RUNNING", "Trace", "Tracer", "assemble", "concrete", "current_trace", "lowering"]
