"""Every exception that tapejit raises on purpose. Errors that NumPy would raise stay NumPy's own."""

import sys
import warnings


def warn(text, category):
    """Warn at the innermost line of the user's code: the first frame outside this package."""
    level, frame = 1, sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] == __package__:
        level, frame = level + 1, frame.f_back
    warnings.warn(text, category, stacklevel=level + 1 if frame is not None else 1)


class TapejitError(Exception):
    """The base of tapejit's own exceptions."""


class TracingError(TapejitError, TypeError):
    """A traced value was used where its derivative or its value would be lost."""


class LeakedTracerError(TracingError):
    """A tracer was used after the trace that made it had ended."""


class UnsupportedError(TapejitError, NotImplementedError):
    """A NumPy function or form that tapejit does not differentiate; the message names it and says what to do."""


class ArgumentError(TapejitError, TypeError):
    """An argument has a kind or dtype that the transform cannot take; the message names its path."""


class OutputError(TapejitError, TypeError):
    """The function returned something that the transform cannot take."""


class ShadowError(TapejitError, ValueError):
    """A buffer to be written does not mirror its primal. Nothing has been written."""


class ShadowStructureError(ShadowError):
    """A shadow's containers differ from its primal's."""


class ShadowTypeError(ShadowError):
    """A shadow is of the wrong kind, dtype or byte order."""


class ShadowShapeError(ShadowError):
    """A shadow has the wrong shape or length in bytes."""


class ShadowReadOnlyError(ShadowError):
    """A shadow cannot be written."""


def read_only(path, name):
    """The error for an argument that the function `name` writes and that cannot be written."""
    return ShadowReadOnlyError(f"{path} is read-only, but {name} writes into it: pass an array that can be written")


class ShadowOverlapError(ShadowError):
    """A shadow shares memory with itself, another shadow, or a buffer that the sweep reads."""


class TapeUseError(TapejitError, RuntimeError):
    """A tape of `split` was used when it no longer could be: it has been consumed, or was pickled by another version."""


class TapeError(TapejitError, ValueError):
    """A tape breaks a rule of the tape verifier; the message names the record."""


class ProgramError(TapejitError, ValueError):
    """A program was refused by the kernel's verifier; the message says which word and why."""


class UnsoundTraceError(TapejitError, AssertionError):
    """Under `tapejit.verify()`: a reused trace disagreed with a fresh run of the function."""


class TraceWarning(UserWarning):
    """A function cannot be answered from a kept trace and is traced at each call; the message says why."""
