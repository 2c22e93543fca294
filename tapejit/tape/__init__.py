"""The typed tape: columns, text form, verifier, reference interpreter."""

from .interpret import GuardFailed, interpret
from .tape import Builder, HostFunction, Literal, Tape
from .types import type_of

__all__ = ["Builder", "GuardFailed", "HostFunction", "Literal", "Tape", "interpret", "type_of"]
