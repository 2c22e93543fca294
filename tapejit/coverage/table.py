"""What is covered, found out by doing it: each example call is traced, differentiated in both modes and twice, in float64, float32
and complex128. Nothing is compiled, so that the whole table takes seconds.
"""

import functools
import importlib
import warnings

import numpy as np

import tapejit.numpy

from ..passes import forward, reverse, simplify
from ..trace import Trace, Tracer
from ..trace.advice import ADVICE, advice
from ..trace.lowerings import STAND_INS, covered
from .edges import edges
from .names import CALLS, GROUPS, PATTERNS

COLUMNS = ("forward", "reverse", "second order", "float32", "complex")
HEAD = """# What is covered

Printed by `python -m tapejit.coverage --write`, which calls every function on traced arguments and differentiates it.

| mark | meaning |
| --- | --- |
| yes | it works |
| flat | it works, and its derivative is zero (comparisons, rounding, places) |
| - | does not apply: the result is not a floating-point number, or NumPy's own function does not take such arguments |
| no | not covered |
"""


def values(dtype):
    """The arguments of the example calls."""
    x, y, p = np.array([0.3, 0.6, 0.45]), np.array([0.7, 0.2, 0.55]), np.array([1.3, 1.7, 2.2])
    m = np.array([[2.0, 0.3, 0.1], [0.3, 1.5, 0.2], [0.1, 0.2, 1.1]])
    given = {"x": x, "y": y, "p": p, "m": m, "s": np.float64(0.4)}
    return {name: value.astype(dtype)[()] for name, value in given.items()}


def function_at(module, name):
    """The function as it is, and as traced code sees it; None where the installed package has none of the name."""
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
        return leaves(eval(call, {"np": numpy, "f": function, "k": np.array([0, 1, 2])} | arguments))


def leaves(value):
    if isinstance(value, (tuple, list)) and type(value) is not Tracer:
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


@functools.cache
def example(module, name):
    """How the function is called: as `CALLS` says, or by the first pattern that it takes."""
    original, _ = function_at(module, name)
    for call in [CALLS[module][name]] if name in CALLS.get(module, {}) else PATTERNS:
        try:
            called(call, original, values(np.float64), np)
            return call
        except (AttributeError, TypeError, ValueError, IndexError, np.linalg.LinAlgError):
            continue
    raise LookupError(f"no example call of {module}.{name}: add one to tapejit/coverage/names.py")


class Tried:
    """The example call traced with arguments of a dtype. `error` is what went wrong, or None."""

    def __init__(self, module, name, dtype):
        self.error = self.numpy_error = None
        self.marks = {}
        original, function = function_at(module, name)
        call, arguments = example(module, name), values(dtype)
        try:
            self.expected = called(call, original, arguments, np)
        except (TypeError, ValueError) as error:
            self.numpy_error = error
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.differentiate(call, function, arguments)
        except Exception as error:  # whatever it is: the function is not covered
            self.error = error

    def differentiate(self, call, function, arguments):
        trace = Trace("example")
        with trace:
            found = called(call, function, {name: trace.input(value, name) for name, value in arguments.items()}, tapejit.numpy)
            ids = [trace.lift(leaf) for leaf in found if type(leaf) is Tracer]
        dtypes = [np.asarray(leaf.value if type(leaf) is Tracer else leaf).dtype for leaf in found]
        self.same_dtypes = dtypes == [np.asarray(leaf).dtype for leaf in self.expected]
        builder = simplify_outputs(trace.builder, ids)
        tape = builder.tape
        outputs = [id for id in tape.outputs if tape.type_of(id).dtype in ("f32", "f64", "c64", "c128")]
        if not outputs:
            self.marks = dict.fromkeys(COLUMNS[:3], "-")
            return
        inputs = list(tape.inputs)
        dots = {id: builder.input(tape.type_of(id), None) for id in inputs}
        bars = reverse(builder, {id: builder.input(tape.type_of(id), None) for id in dict.fromkeys(outputs)}, inputs)
        found = [id for id in bars if id is not None]
        tangents = forward(builder, dots, outputs)
        if found:
            forward(builder, dots, found)
        mark = "yes" if found else "flat"
        self.marks = {"reverse": mark, "forward": "yes" if any(t is not None for t in tangents) else "flat", "second order": mark}


def simplify_outputs(builder, ids):
    builder.tape.outputs = ids
    return simplify(builder.tape)


def row(module, name):
    """The cells of a function's row, or None where the installed package does not have it."""
    original, _ = function_at(module, name)
    if original is None:
        return None
    double = Tried(module, name, np.float64)
    if double.error is not None:
        return dict.fromkeys(COLUMNS, "no") | {"covered": "no", "note": advice(f"{module}.{name}")}
    single, complex_ = Tried(module, name, np.float32), Tried(module, name, np.complex128)
    cells = {"covered": "yes", "note": "", **double.marks}
    cells["float32"] = "yes" if single.error is None and single.numpy_error is None and single.same_dtypes else "no"
    cells["complex"] = "-" if complex_.numpy_error is not None else "yes" if complex_.error is None else "no"
    return cells


def table():
    """The text of `tapejit/COVERAGE.md`."""
    lines, counts = [], []
    for module, title, names in GROUPS:
        rows = {name: row(module, name) for name in names.split()}
        rows = {name: cells for name, cells in rows.items() if cells is not None}
        counts.append((f"{title} (`{module}`)", len(rows), *[sum(cells[column] in ("yes", "flat", "-") for cells in rows.values())
                                                        for column in ("covered", *COLUMNS)]))
        lines += ["", f"## {title} (`{module}`)", "", _line("function", *COLUMNS, "instead"), _line(*["---"] * 7)]
        lines += [_line(f"`{name}`", *[cells[column] for column in COLUMNS], cells["note"]) for name, cells in rows.items()]
    summary = ["", _line("part", "functions", "covered", *COLUMNS), _line(*["---"] * 8), *[_line(*map(str, count)) for count in counts]]
    return HEAD + "\n".join(summary + lines + others() + edges()) + "\n"


def others():
    """The lines on NumPy's other functions: those that are covered too, and those that are not, with the nearest way."""
    listed = {name for module, _, names in GROUPS if module == "numpy" for name in names.split()}
    public = sorted(name for name in np.__all__ if callable(getattr(np, name)) and not isinstance(getattr(np, name), type))
    more = [name for name in covered(public) if name not in listed]
    lines = ["", "## Other functions of NumPy", "", "Covered as well: " + ", ".join(f"`{name}`" for name in more) + ".", "",
             "Not covered:", "", _line("function", "instead"), _line("---", "---")]
    return lines + [_line(f"`{name}`", text) for name, text in sorted(ADVICE.items()) if name.split(".")[-1] not in listed]


def _line(*cells):
    return "| " + " | ".join(cells) + " |"
