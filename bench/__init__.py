"""How fast tapejit is, next to other ways to the same gradient: `python -m bench` runs everything and prints one table.

Each benchmark asserts its result before it is timed. Peers that are not installed are left out: `pip install -e ".[bench]"`
installs them. Times depend on the machine; ratios of one run are what counts. No test asserts a time.
`functions.py` holds what is differentiated, `peers.py` and `hand_written.py` the other ways, `test_*.py` the measurements.
"""
