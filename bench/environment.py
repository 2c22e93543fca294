"""How many threads the libraries may use; to be set before NumPy is imported. What machine and which versions a run was made with."""

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path

PACKAGES = ("tapejit", "numpy", "scipy", "jax", "autograd", "torch", "casadi", "drjit", "ddx-ad", "pytensor")


def set_threads(count):
    """Limit BLAS, XLA and tapejit in this process to so many threads (torch and Dr.Jit are told in their peers' modules)."""
    if "numpy" in sys.modules:
        raise RuntimeError("the number of threads has to be set before NumPy is imported")
    for name in ("OMP", "OPENBLAS", "MKL", "TAPEJIT", "NUMBA"):
        os.environ[f"{name}_NUM_THREADS"] = str(count)
    if count == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["JAX_ENABLE_X64"] = "1"


def threads():
    return int(os.environ.get("TAPEJIT_NUM_THREADS", os.cpu_count()))


def describe():
    """A dict for a results file."""
    return {
        "machine": {"processor": _processor(), "cpus": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}"},
        "versions": {"python": platform.python_version(), **dict(_versions())},
        "commit": _commit(),
        "threads": threads(),
        "load": os.getloadavg()[0],
    }


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    fields = {line.split(":")[0].strip(): line.split(":", 1)[1].strip() for line in lines if ":" in line}
    wide = " with AVX-512" if "avx512f" in fields.get("flags", "") else " with AVX2" if "avx2" in fields.get("flags", "") else ""
    return fields.get("model name", platform.processor()) + wide


def _versions():
    for package in PACKAGES:
        try:
            yield package, importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            pass


def _commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=Path(__file__).parent)
    return done.stdout.strip()
