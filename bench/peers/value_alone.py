"""The function itself in NumPy, without a derivative: what a user pays for the value today."""

from . import copy_with


def prepare(workload, args):
    return copy_with(workload.function), args[: workload.function.__code__.co_argcount]
