"""The shadow fuzz on a kernel built with the address and undefined-behaviour sanitizers: a copy of the package in a temporary folder.

In a third of the calls each array is a block of its own; with PYTHONMALLOC=malloc and the sanitizer's allocator it lies between red zones.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from compiler import compiler

TESTS = Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
CALLS = 3_000
FLAGS = "-O0 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"


@pytest.fixture(scope="module")
def sanitizer(tmp_path_factory):
    """The path of the address sanitizer's library, which must be loaded before Python."""
    if not (ROOT / "csrc" / "build_kernel.py").exists():
        pytest.skip("the kernel is built from a checkout, and this is none")
    folder = tmp_path_factory.mktemp("probe")
    probe = folder / "probe.c"
    probe.write_text("int probe(int *x) { return x[3] << x[0]; }\n")
    command = [*compiler(), *FLAGS.split(), "-shared", "-fPIC", str(probe), "-o", str(folder / "probe.so")]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("the compiler has no sanitizers")
    found = subprocess.run([*compiler(), "-print-file-name=libasan.so"], capture_output=True, text=True).stdout.strip()
    if not os.path.isabs(found):
        pytest.skip("the compiler has no libasan.so that could be loaded before Python")
    return found


@pytest.fixture(scope="module")
def instrumented(sanitizer, tmp_path_factory):
    """A folder with an instrumented copy of the package."""
    folder = tmp_path_factory.mktemp("sanitized")
    for name in ("tapejit", "csrc"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("_kernel*", "generated", "__pycache__"))
    for path in (ROOT / "setup.py", ROOT / "pyproject.toml", ROOT / "README.md", ROOT / "LICENSE"):
        shutil.copy(path, folder)
    wrapper = folder / "cc"  # appends the flags, so that they come after those of the build
    wrapper.write_text(f'#!/bin/sh\nexec {" ".join(compiler())} "$@" {FLAGS}\n')
    wrapper.chmod(0o755)
    done = subprocess.run([sys.executable, "setup.py", "build_ext", "--inplace"], cwd=folder, capture_output=True, text=True,
                          env={**os.environ, "CC": str(wrapper)})
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_the_shadow_fuzz_runs_clean_under_the_sanitizers(instrumented, sanitizer, effort):
    calls = CALLS * effort
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(instrumented), str(TESTS)]), "LD_PRELOAD": sanitizer,
                   "ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1", "PYTHONMALLOC": "malloc"}
    done = subprocess.run([sys.executable, "-m", "shadows.shadow_fuzz", "11", str(calls)], cwd=instrumented, env=environment,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    kernel, counts = done.stdout.splitlines()
    assert Path(kernel).parent == instrumented / "tapejit" and b"__asan_init" in Path(kernel).read_bytes()
    found = json.loads(counts)
    assert found["calls"] == calls and found["accepted"] + found["refused"] == calls
