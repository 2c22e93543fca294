"""How fast tapejit is, next to other ways to the same derivative, on one machine in one run.

`python -m bench` measures all that is installed (`pip install -e ".[bench]"`, or `".[bench-all]"` with the heavy peers), prints one table
and keeps it in `bench/results/`; `-k PATTERN`, `--quick`, `--peers A,B` and `--threads N` choose. `python -m bench compare A.json B.json`
says what changed by more than the noise, `python -m bench readme A.json` puts a run's table into README.md, and
`python -m bench scaling` draws how times grow with sizes. `pytest bench` runs the same groups under pytest-benchmark.

`workloads/` holds what is differentiated, once, in plain NumPy, with a table of sizes and goals; `peers/` the ways to differentiate it;
`suite.py` makes the groups of the two; `measure.py` and `memory.py` measure; `report.py` prints. Before a time is taken the derivatives
of all peers are compared with each other. Times depend on the machine; ratios of one run are what counts. No test asserts a time.
"""
