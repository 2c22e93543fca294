"""tapejit: derivatives of plain NumPy code. A Python tracer records a typed tape; a C kernel runs its forward and reverse sweeps.

>>> import numpy as np, tapejit as tj
>>> tj.grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
array([2., 4.])
"""

from .activity import autodiff
from .checking import check_grads
from .custom import checkpoint, custom_jvp, custom_vjp, stop_gradient
from .errors import (
    ArgumentError,
    LeakedTracerError,
    OutputError,
    ProgramError,
    ShadowError,
    ShadowOverlapError,
    ShadowReadOnlyError,
    ShadowShapeError,
    ShadowStructureError,
    ShadowTypeError,
    TapeError,
    TapeUseError,
    TapejitError,
    TraceWarning,
    TracingError,
    UnsoundTraceError,
    UnsupportedError,
)
from .explain import explain
from .kernel.threads import get_num_threads, set_num_threads
from .primitive import primitive
from .register import register_lowering
from .roles import (
    Active,
    ActiveOnly,
    BatchDual,
    BatchDuplicated,
    Const,
    Dual,
    DualOnly,
    Duplicated,
    DuplicatedOnly,
    Forward,
    ForwardWithPrimal,
    Reverse,
    ReverseWithPrimal,
)
from .shadows import make_zero, make_zero_
from .specialize import verify
from .split import split
from .transforms import (
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jit,
    jvp,
    linearize,
    sparse_hessian,
    sparse_jacobian,
    sparsity,
    trace,
    value_and_grad,
    vjp,
)
from .tree import register_container

__version__ = "0.1.0"

__all__ = [
    "Active",
    "ActiveOnly",
    "ArgumentError",
    "BatchDual",
    "BatchDuplicated",
    "Const",
    "Dual",
    "DualOnly",
    "Duplicated",
    "DuplicatedOnly",
    "Forward",
    "ForwardWithPrimal",
    "LeakedTracerError",
    "OutputError",
    "ProgramError",
    "Reverse",
    "ReverseWithPrimal",
    "ShadowError",
    "ShadowOverlapError",
    "ShadowReadOnlyError",
    "ShadowShapeError",
    "ShadowStructureError",
    "ShadowTypeError",
    "TapeError",
    "TapeUseError",
    "TapejitError",
    "TraceWarning",
    "TracingError",
    "UnsoundTraceError",
    "UnsupportedError",
    "autodiff",
    "check_grads",
    "checkpoint",
    "custom_jvp",
    "custom_vjp",
    "elementwise_grad",
    "explain",
    "get_num_threads",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "linearize",
    "make_zero",
    "make_zero_",
    "primitive",
    "register_container",
    "register_lowering",
    "set_num_threads",
    "sparse_hessian",
    "sparse_jacobian",
    "sparsity",
    "split",
    "stop_gradient",
    "trace",
    "value_and_grad",
    "verify",
    "vjp",
]
