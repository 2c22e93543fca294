"""What is covered, found out by doing it: each example call is tried (`example.py`), and what was found is printed as tables."""

from pathlib import Path

import numpy as np

from ..trace.advice import ADVICE, advice
from ..trace.lowerings import covered
from .edges import edges
from .example import COLUMNS, Tried, example, function_at
from .names import GROUPS
from .scipy_groups import note, scipy_groups
from .writes import writes

HEAD = """# What is covered

Printed by `python -m tapejit.coverage --write`, which calls every function on traced arguments, compares the value with that of the
original, compiles the tape and compares a replay at another point (the column replay), differentiates it in both modes and twice, and
compares tangents with finite differences of the original, and cotangents with tangents.

| mark | meaning |
| --- | --- |
| yes | it works |
| flat | it works, and its derivative is zero (comparisons, rounding, places) |
| anew | it works; at another point its Python code decides differently, so that it is traced anew |
| - | does not apply: the result is not a floating-point number, the original function does not take such arguments, or it is meant for \
real ones (statistics, roots, minima) |
| no | not covered |
"""
REAL = ("scipy.stats", "scipy.optimize")  # modules whose functions are of real numbers by their meaning
GOOD = ("yes", "flat", "anew", "-")
SPECIAL_ERRORS = Path(__file__).with_name("special_errors.txt")  # written by tests/laws/test_special.py


def row(module, name):
    """The cells of a function's row, or None where the installed package does not have it."""
    original, function = function_at(module, name)
    if original is None:
        return None
    call = example(module, name)
    double = Tried(call, original, function, np.float64)
    if double.error is not None:
        return dict.fromkeys(COLUMNS, "no") | {"covered": "no", "note": advice(f"{module}.{name}")}
    cells = {"covered": "yes", "note": note(module, name), **double.marks}
    for column, dtype in (("float32", np.float32), ("complex", np.complex128)):
        if column == "complex" and module in REAL:
            cells[column] = "-"
            continue
        tried = Tried(call, original, function, dtype)
        cells[column] = "-" if tried.numpy_error is not None else "yes" if tried.error is None else "no"
    return cells


def table():
    """The text of `tapejit/COVERAGE.md`."""
    lines, counts = [], []
    for module, title, names in GROUPS + scipy_groups():
        rows = {name: row(module, name) for name in names.split()}
        rows = {name: cells for name, cells in rows.items() if cells is not None}
        counts.append((f"{title} (`{module}`)", len(rows), *[sum(cells[column] in GOOD for cells in rows.values())
                                                        for column in ("covered", *COLUMNS)]))
        lines += ["", f"## {title} (`{module}`)", "", _line("function", *COLUMNS, "note"), _line(*["---"] * (len(COLUMNS) + 2))]
        lines += [_line(label, *cells) for cells, label in _merged(rows)]
        if module == "scipy.special":
            lines += special_errors()
    summary = ["", _line("part", "functions", "covered", *COLUMNS), _line(*["---"] * (len(COLUMNS) + 3)),
               *[_line(*map(str, count)) for count in counts]]
    return HEAD + "\n".join(summary + lines + others() + writes() + edges()) + "\n"


def _merged(rows):
    """[(cells, label)]: methods of one distribution with equal cells are one line."""
    found = {}
    for name, cells in rows.items():
        owner, _, method = name.rpartition(".")
        key = (owner or name, *[cells[column] for column in COLUMNS], cells["note"])
        found.setdefault(key, []).append(method)
    return [(cells, f"`{owner}` {', '.join(methods)}" if any(methods) and methods != [owner] else f"`{owner}`")
            for (owner, *cells), methods in found.items()]


def special_errors():
    """The lines on the accuracy of special functions."""
    _, _, *rest = SPECIAL_ERRORS.read_text().splitlines()
    lines = ["", "Their worst relative errors, of the value, the first and the second derivatives by all real operands, against mpmath at 50 "
             "digits (`tests/laws/test_special.py`):", "", _line("function", "value", "first", "second", "operands drawn from"),
             _line(*["---"] * 5)]
    for line in rest:
        name, value, first, second, domains = line.split(None, 4)
        lines.append(_line(f"`{name}`", value, first, second, domains))
    return lines


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
