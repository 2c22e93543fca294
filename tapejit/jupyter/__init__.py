"""What a notebook shows: rich displays of tapes. Read `display.py`."""
