"""One example call, tried: traced, compared with the original's value, replayed in the kernel at another point, differentiated in both
modes, which is compared with finite differences, and twice; in float64, float32 and complex128.
Read next: `names.py` (the calls), `table.py` (what is printed).
"""

import functools
import importlib
import warnings

import numpy as np

import tapejit.numpy

from ..kernel import GuardMissed, compile_tape
from ..passes import forward, reverse, simplify
from ..tape.interpret import values_of
from ..tape.types import DTYPE_OF_NAME
from ..trace import Trace, Tracer
from ..trace.lowerings import STAND_INS
from .names import CALLS, PATTERNS
from .scipy_groups import call_of_method

DERIVATIVES = ("forward", "reverse", "second order")
COLUMNS = (*DERIVATIVES, "replay", "float32", "complex")


def values(dtype, step=0.0):
    """The arguments of the example calls; with a step, of a call next to the first."""
    x, y, p = np.array([0.3, 0.6, 0.45]), np.array([0.7, 0.2, 0.55]), np.array([1.3, 1.7, 2.2])
    m = np.array([[2.0, 0.3, 0.1], [0.3, 1.5, 0.2], [0.1, 0.2, 1.1]])
    given = {"x": x, "y": y, "p": p, "m": m, "s": np.float64(0.4)}
    return {name: (value * (1 + step)).astype(dtype)[()] for name, value in given.items()}


def function_at(module, name):
    """The function as it is, and as traced code sees it; None where the installed package has none of the name."""
    name = name.split(".")[0]
    try:
        original = getattr(importlib.import_module(module), name, None)
    except ImportError:
        original = None
    if original is None:
        return None, None
    if module.startswith("numpy"):
        return original, STAND_INS.get(original, original)
    try:
        return original, getattr(importlib.import_module("tapejit." + module), name, original)
    except ImportError:
        return original, original


def called(call, function, arguments, numpy):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        names = {"np": numpy, "f": function, "k": np.array([0, 1, 2]), "sparse": _Sparse(0 if numpy is np else 1)}
        return leaves(eval(call, names | arguments))


class _Sparse:
    """scipy.sparse, as it is or as traced code sees it."""

    def __init__(self, which):
        self.which = which

    def __getattr__(self, name):
        return function_at("scipy.sparse", name)[self.which]


def leaves(value):
    """The arrays and numbers of a result: the items of sequences, and of SciPy's result objects the fields."""
    if isinstance(value, dict):
        value = [value[key] for key in ("x", "root", "fun") if key in value]
    if isinstance(value, (tuple, list)) and type(value) is not Tracer:
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


@functools.cache
def example(module, name):
    """How the function is called: as `CALLS` says, or by the first pattern that it takes."""
    original, _ = function_at(module, name)
    if "." in name:
        return call_of_method(name)
    for call in [CALLS[module][name]] if name in CALLS.get(module, {}) else PATTERNS:
        try:
            called(call, original, values(np.float64), np)
            return call
        except Exception:  # this pattern is not for this function
            continue
    raise LookupError(f"no example call of {module}.{name}: add one to tapejit/coverage/names.py")


class Tried:
    """An example call with arguments of a dtype, `original` and as traced code sees it.

    values       (dtype, step) -> the arguments, by name
    error        what went wrong, or None; a value that is not the original's is an error
    numpy_error  what the original says to such arguments, or None
    marks        the cells of the columns `DERIVATIVES` and replay
    """

    def __init__(self, call, original, function, dtype, values=values):
        self.call, self.original, self.function, self.values = call, original, function, values
        self.dtype, self.tolerance = dtype, 2e-4 if dtype == np.float32 else 1e-7
        self.error = self.numpy_error = None
        self.marks = {}
        try:
            self.expected = called(call, original, self.values(dtype), np)
        except Exception as error:  # MINPACK's is a class of its own
            self.numpy_error = error
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.trace(self.values(dtype))
        except Exception as error:  # whatever it is: the function is not covered
            self.error = error

    def trace(self, arguments):
        trace = Trace("example")
        with trace:
            found = called(self.call, self.function, {name: trace.input(value, name) for name, value in arguments.items()}, tapejit.numpy)
            ids = [trace.lift(leaf) if type(leaf) is Tracer else None for leaf in found]
        check([leaf.value if type(leaf) is Tracer else leaf for leaf in found], self.expected, self.tolerance)
        kept = [id for id in ids if id is not None]
        trace.builder.tape.outputs = list(kept)
        builder = simplify(trace.builder.tape)
        captured = [value for _, value in trace.captures]
        if self.dtype == np.float64:
            self.marks["replay"] = self.replay(builder.tape, [id is not None for id in ids], captured)
        self.differentiate(builder, [id is not None for id in ids], captured)

    def replay(self, tape, traced, captured):
        """The mark of a run in the kernel, next to the point where the tape was recorded."""
        near = self.values(np.float64, 1e-3)
        outputs = [np.empty(tape.type_of(id).shape, DTYPE_OF_NAME[tape.type_of(id).dtype]) for id in tape.outputs]
        expected = [leaf for leaf, is_traced in zip(called(self.call, self.original, near, np), traced) if is_traced]
        try:
            compile_tape(tape).run([np.ascontiguousarray(value) for value in [*near.values(), *captured]], outputs)
        except GuardMissed:
            return "anew"
        check(outputs, expected, self.tolerance)
        return "yes"

    def differentiate(self, builder, traced, captured):
        tape = builder.tape
        outputs = [id for id in tape.outputs if tape.type_of(id).dtype in ("f32", "f64", "c64", "c128")]
        if not outputs:
            self.marks.update(dict.fromkeys(DERIVATIVES, "-"))
            return
        inputs = list(tape.inputs)
        dots = {id: builder.input(tape.type_of(id), None) for id in inputs}
        seeds = {id: builder.input(tape.type_of(id), None) for id in dict.fromkeys(outputs)}
        bars = reverse(builder, seeds, inputs)
        found = [id for id in bars if id is not None]
        tangents = forward(builder, dots, outputs)
        if found:
            forward(builder, dots, found)
        mark = "yes" if found else "flat"
        if self.dtype == np.float64:
            self.check_derivatives(tape, traced, captured, seeds, bars, dict(zip(outputs, tangents)))
        self.marks.update({"reverse": mark, "forward": "yes" if any(t is not None for t in tangents) else "flat", "second order": mark})


    def check_derivatives(self, tape, traced, captured, seeds, bars, tangents):
        """AssertionError where tangents are not differences of the original, or cotangents not dual to them. Jumps are not seen."""
        given, step = self.values(np.float64), 1e-6
        directions = [_direction(k, value, np.float64) for k, value in enumerate(given.values())]
        ends = [called(self.call, self.original, {name: value + sign * step * d for (name, value), d in zip(given.items(), directions)}, np)
                for sign in (1, -1)]
        differences = [(np.asarray(x) - np.asarray(y)) / (2 * step) if np.asarray(x).dtype.kind in "fc" else None
                       for x, y, is_traced in zip(*ends, traced) if is_traced]
        cotangents = {id: _direction(k + 9, tape.type_of(id), DTYPE_OF_NAME[tape.type_of(id).dtype]) for k, id in enumerate(seeds)}
        inputs = [*given.values(), *captured, *directions, *[np.zeros_like(value) for value in captured], *cotangents.values()]
        wanted = [id for id in (*tangents.values(), *bars) if id is not None]
        known = dict(zip(wanted, values_of(tape, inputs, wanted)))
        for id, difference in zip(tape.outputs, differences):
            if difference is not None:
                tangent = known.get(tangents.get(id), np.zeros(np.shape(difference)))
                usual = np.isfinite(difference) & np.isfinite(tangent)
                scale = np.max(np.abs(difference), initial=1.0, where=usual)
                np.testing.assert_allclose(np.where(usual, tangent, 0), np.where(usual, difference, 0), rtol=2e-3, atol=2e-3 * scale)
        forwards = sum(np.sum(known[t] * cotangents[id]).real for id, t in tangents.items() if t is not None)
        backwards = sum(np.sum(known[b] * d).real for b, d in zip(bars, directions) if b is not None)
        if np.isfinite(forwards) and np.isfinite(backwards):
            np.testing.assert_allclose(forwards, backwards, rtol=1e-6, atol=1e-6)


def _direction(seed, like, dtype):
    """Numbers of the shape of a value; of a matrix, symmetric ones, so that it stays what its example is."""
    found = np.cos(np.arange(np.prod(like.shape, dtype=int)) * 1.3 + seed).reshape(like.shape)
    if found.ndim == 2 and found.shape == (3, 3) and np.dtype(dtype) == np.float64:
        found = found + found.T
    return found.astype(dtype)[()]


def check(found, expected, tolerance):
    """AssertionError where values differ by more than the tolerance, or in dtype or shape."""
    assert len(found) == len(expected), f"{len(found)} results for {len(expected)}"
    for one, other in zip(found, expected):
        one, other = np.asarray(one), np.asarray(other)
        if other.dtype.kind not in "biufc":
            continue
        assert (one.dtype, one.shape) == (other.dtype, other.shape), (one.dtype, one.shape, other.dtype, other.shape)
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
