"""The benchmarks run and assert their results; here without timing, and without the largest sizes."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_each_benchmark_gives_the_right_result():
    command = [sys.executable, "-m", "pytest", "bench", "-q", "--benchmark-disable", "-p", "no:cacheprovider", "-k", "not 100000"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:]


def test_the_table_gives_ratios_of_one_run():
    from bench.__main__ import table

    def benchmark(peer, median, **info):
        return {"group": "work", "stats": {"median": median, "min": median / 2}, "extra_info": {"peer": peer, **info}}

    lines = list(table([benchmark("tapejit", 2e-6, goal="<= 3 us", records=100), benchmark("other", 5e-3)]))
    assert lines[2] == "work   (goal: <= 3 us)"
    assert lines[3].split() == ["tapejit", "2", "us", "1x", "1", "us", "20", "ns"]
    assert lines[4].split() == ["other", "5", "ms", "2,500x", "2.5", "ms"]
    lines = list(table([benchmark("base", 2e-6), benchmark("tapejit", 8e-6, records=10, less="base")]))
    assert lines[4].split()[-2:] == ["300", "ns"]  # (4 us - 1 us) / 10


@pytest.mark.parametrize("seconds, text", [(2, "2 s"), (0.0123456, "12.3 ms"), (1.5e-6, "1.5 us"), (3e-8, "30 ns")])
def test_times_are_readable(seconds, text):
    from bench.__main__ import readable

    assert readable(seconds) == text
