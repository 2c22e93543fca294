"""Which files hold the user's code: records and errors name the innermost of its lines."""

from __future__ import annotations

import os

import numpy as np

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STANDARD = os.path.dirname(os.__file__) + os.sep
_OURS = (os.path.join(_PACKAGE, "examples") + os.sep,)  # code that plays the user's part
_INTERNAL = (_PACKAGE, os.path.dirname(np.__file__) + os.sep, os.sep + "scipy" + os.sep)
_internal = {}


def is_internal(file):
    """Whether a file belongs to tapejit, NumPy, SciPy or the standard library: not the user's code."""
    known = _internal.get(file)
    if known is None:
        known = file.startswith(_INTERNAL[:2]) and not file.startswith(_OURS) or "site-packages" + _INTERNAL[2] in file
        known = known or file.startswith(_STANDARD) and "-packages" + os.sep not in file
        _internal[file] = known
    return known
