"""`python -m bench`: run the benchmarks in one process on one thread and print one table. Arguments go to pytest (`-k waves`)."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
    "JAX_ENABLE_X64": "1",
}


def readable(seconds):
    """Three digits and a unit."""
    for unit, scale in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def _ratio(number):
    return f"{number:,.0f}x" if number >= 100 else f"{number:.3g}x"


def table(benchmarks):
    """Lines: for each piece of work the ways to it, their median time and its ratio to tapejit's in the same run, the fastest time,
    and the time of a record: the median, or the difference of the fastest times to the peer `less`, by the number `records`."""
    groups = {}
    for benchmark in benchmarks:
        groups.setdefault(benchmark["group"], []).append(benchmark)
    yield f"{'':26}{'median':>10}{'to tapejit':>12}{'fastest':>11}{'a record':>11}"
    for group, members in groups.items():
        own = [m["stats"]["median"] for m in members if m["extra_info"]["peer"] == "tapejit"]
        goals = {m["extra_info"]["goal"] for m in members if "goal" in m["extra_info"]}
        yield ""
        yield group + (f"   (goal: {', '.join(goals)})" if goals else "")
        for member in members:
            median, info = member["stats"]["median"], member["extra_info"]
            ratio = _ratio(median / own[0]) if own else ""
            less = [m["stats"]["min"] for m in members if m["extra_info"]["peer"] == info.get("less")]
            time = member["stats"]["min"] - less[0] if less else median
            record = readable(time / info["records"]) if "records" in info else ""
            yield f"  {info['peer']:24}{readable(median):>10}{ratio:>12}{readable(member['stats']['min']):>11}{record:>11}".rstrip()


def main():
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pytest", str(Path(__file__).parent), "-q", "--benchmark-quiet", "-p", "no:cacheprovider"]
        command += ["--benchmark-disable-gc", "--benchmark-max-time=0.5", f"--benchmark-json={report}", *sys.argv[1:]]
        status = subprocess.run(command, env={**os.environ, **ONE_THREAD}).returncode
        benchmarks = json.loads(report.read_text())["benchmarks"] if report.exists() and report.stat().st_size else []
    print(f"\nPython {platform.python_version()}, {platform.machine()}, one thread; medians\n")
    print("\n".join(table(benchmarks)))
    return status


if __name__ == "__main__":
    sys.exit(main())
