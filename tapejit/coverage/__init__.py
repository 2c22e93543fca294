"""The table of what is covered, `tapejit/COVERAGE.md`: printed by `python -m tapejit.coverage`, never written by hand.

`names.py` lists NumPy's functions and example calls, `scipy_groups.py` finds SciPy's in `tapejit/scipy`; `example.py` tries an example,
`writes.py` the functions of `write_cases.txt`, and `table.py` prints what was found. Read next: `trace/lowerings/` (what covers a
function), `trace/advice.py` (what to do where nothing does).
"""

from .table import table

__all__ = ["table"]
