"""The table of what is covered, `tapejit/COVERAGE.md`: printed by `python -m tapejit.coverage`, never written by hand.

`names.py` lists the functions that users call and an example call of each; `table.py` traces and differentiates the examples
and prints what it found. Read next: `trace/lowerings/` (what covers a function), `trace/advice.py` (what to do where nothing does).
"""

from .table import table

__all__ = ["table"]
