"""The C compiler of the tests: that of the build."""

import os
import sysconfig


def compiler():
    return (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()
