"""The memory of a gradient: how far the resident set of a fresh process grows by it. `python -m bench.memory peer workload label`.

The growth is counted from before the library sees the function, with its arguments made and a small gradient of another function
behind it. The first call includes what tracing and compiling need; the later one is the highest that memory stands during a second call.
"""

import json
import os
import subprocess
import sys
from pathlib import Path


def measure(peer, workload, label):
    """(bytes of the first gradient, bytes of a later one) in a process of its own; None if the peer has no way to the workload."""
    command = [sys.executable, "-m", "bench.memory", peer, workload, label]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, cwd=Path(__file__).parent.parent)
    if done.returncode:
        raise RuntimeError(f"the memory of {peer} on {workload} cannot be measured:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _highest():
    """Bytes of the highest resident set since the last reset."""
    return _status("VmHWM")


def _status(field):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return 1024 * int(line.split()[1])


def _reset():
    Path("/proc/self/clear_refs").write_text("5")


def main(peer, name, label):
    from . import peers
    from .workloads import WORKLOADS

    module, workload, warm = peers.load(peer), WORKLOADS[name], WORKLOADS["waves"]
    call, native = module.prepare(warm, warm.make(**next(iter(warm.sizes.values()))))
    call(*native)
    args = workload.make(**workload.sizes[label])
    _reset()
    before = _status("VmRSS")
    prepared = module.prepare(workload, args)
    if prepared is None:
        return None
    call, native = prepared
    call(*native)
    first = _highest() - before
    _reset()
    call(*native)
    return first, _highest() - before


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
