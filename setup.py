"""The build of the C kernel through cffi; the metadata is in pyproject.toml."""

import subprocess
import sys
import sysconfig
import os

from setuptools import setup

BUILDS = ("build", "build_ext", "bdist_wheel", "install", "develop", "editable_wheel")


def require_compiler():
    command = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()
    try:
        found = subprocess.run(command + ["--version"], capture_output=True).returncode == 0
    except OSError:
        found = False
    if not found:
        sys.exit(f"tapejit needs a C compiler to build its kernel and found none ('{command[0]}' does not run): "
                 "install gcc or clang (Debian and Ubuntu: apt install gcc libc6-dev), or set CC.")


if any(command in sys.argv for command in BUILDS):
    require_compiler()

setup(cffi_modules=["csrc/build_kernel.py:ffi"])
