"""What holds where a function has no derivative, or several: stated once here and in the `kinks` of the op table's rows.

It is a section of `tapejit/COVERAGE.md`; `tests/test_edges.py` tests it line by line.
"""

from ..ops import ROWS

EDGES = (
    ("ties of `max`, `min`, `amax`, `amin`, `ptp`, `maximum`, `minimum`, `fmax`, `fmin`", "share the derivative equally"),
    ("ties of `sort`, `partition`, `median`, `quantile`",
     "each place of the sorted array belongs to one element: equal ones keep their order"),
    ("`clip` at a bound that is hit exactly", "half of the derivative goes to the value, half to the bound"),
    ("`abs`, `fabs`, `sign`, `copysign` at 0", "0; `abs(x)**2` has its curvature there, also for complex x"),
    ("`linalg.norm` (every `ord`) at 0, `hypot(0, 0)`, `arctan2(0, 0)`", "0"),
    ("`sqrt` and `cbrt` at 0, `log` at 0, `arcsin` at 1",
     "the one-sided limit, infinite; a cotangent or tangent of exactly 0 stays 0 (but 0 times an infinite tangent is NaN)"),
    ("`std` of equal numbers", "0"),
    ("`where`, `select`, `piecewise`, `nan_to_num`, `nansum` and its like",
     "what is not chosen contributes exactly 0, even where it is NaN or infinite"),
    ("`0 ** 0`", "0 in the base and in the exponent"),
    ("`x ** n` at 0", "the derivative of the power, also for the integers n, where it is finite; 0 in the exponent for n >= 0"),
    ("`mod`, `remainder`, `fmod`, `divmod`, `modf` at a multiple",
     "the derivative of the piece that the value belongs to: 1 in the dividend"),
    ("`floor`, `ceil`, `round`, `trunc`, `sign`, `heaviside`, `floor_divide`, comparisons", "flat, at the steps too"),
    ("`prod`, `cumprod` with zeros", "the product of the others, to any order: nothing is divided"),
    ("`interp` at a knot, `searchsorted`, `digitize`", "the interval to the right of the knot; the last one at the end"),
    ("empty reductions", "as NumPy: `sum` 0, `prod` 1, `mean` NaN, `max` raises ValueError; the gradient is empty"),
    ("indices out of range", "NumPy's IndexError in NumPy's words, when traced and when replayed; nothing is clamped"),
    ("integers", "have no derivative; they overflow as NumPy's do"),
)


def edges():
    """The lines of the section on edges."""
    lines = ["", "## Edges", "", "Where a function has no derivative, or several, this holds in both modes and to any order:", "",
             "| at | derivative |", "| --- | --- |", *[f"| {at} | {what} |" for at, what in EDGES], "",
             "The same as the op table states it, row by row:", "", "| op | value | at its kinks |", "| --- | --- | --- |"]
    return lines + [f"| `{row.name}` | {row.doc} | {row.kinks} |".replace(" * ", " \\* ") for row in ROWS if row.kinks]
