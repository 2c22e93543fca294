"""`python -m tapejit.coverage` prints the table; with `--write` it replaces `tapejit/COVERAGE.md` by it."""

import sys
from pathlib import Path

from .table import table

if "--write" in sys.argv[1:]:
    (Path(__file__).parent.parent / "COVERAGE.md").write_text(table())
else:
    sys.stdout.write(table())
