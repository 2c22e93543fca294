"""What an argument is in a derivative: the activities that `autodiff` and `split` take, and the modes.

Plain data without rules; what each one means is said in `activity.py`, and `shadows.py` holds them against the arguments.
"""

from __future__ import annotations


class Activity:
    """How an argument takes part."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value

    def __repr__(self):
        return f"{type(self).__name__}({self.value!r})"


class Const(Activity):
    """No derivative."""

    __slots__ = ()


class Active(Activity):
    """A float, or a container of floats, whose derivative is returned (reverse mode)."""

    __slots__ = ()


class ActiveOnly(Active):
    """Active; as the activity of the result: the result itself is not returned."""

    __slots__ = ()


class Shadowed(Activity):
    """An argument with a shadow."""

    __slots__ = ("shadow",)

    def __init__(self, value, shadow):
        self.value = value
        self.shadow = shadow

    def __repr__(self):
        return f"{type(self).__name__}({self.value!r}, {self.shadow!r})"


class Duplicated(Shadowed):
    """Arrays and the shadow that their cotangents are added to (reverse mode)."""

    __slots__ = ()


class DuplicatedOnly(Duplicated):
    """Duplicated, but what the function writes into the argument is not written back."""

    __slots__ = ()


class Dual(Shadowed):
    """An argument and its tangent (forward mode)."""

    __slots__ = ()


class DualOnly(Dual):
    """Dual, but what the function writes into the argument is not written back."""

    __slots__ = ()


class Batch:
    """Mixed into activities with several shadows: a tuple of shadows, or a shadow whose arrays have a leading axis of the width."""

    __slots__ = ()


class BatchDuplicated(Batch, Duplicated):
    """Duplicated with several shadows (reverse mode)."""

    __slots__ = ()


class BatchDual(Batch, Dual):
    """Dual with several tangents (forward mode)."""

    __slots__ = ()


class Mode:
    """Reverse or Forward, with or without the function's result."""

    __slots__ = ("name", "kind", "with_primal", "allowed", "advice", "advice_for_result", "known")

    def __init__(self, name, kind, with_primal, allowed, advice, advice_for_result):
        self.name, self.kind, self.with_primal, self.allowed = name, kind, with_primal, allowed
        self.advice, self.advice_for_result = advice, advice_for_result  # in errors
        self.known = {}  # function -> its Specializer for the activities of its last call in the commonest form

    def __repr__(self):
        return self.name

    def __reduce__(self):
        return self.name  # of this module: there is one of each


_REVERSE = (Const, Active, Duplicated), "Active(x) for a float, Duplicated(x, dx) for arrays", "Active or Duplicated"
_FORWARD = (Const, Dual), "Dual(x, x_dot)", "Dual"
Reverse = Mode("Reverse", "autodiff reverse", False, *_REVERSE)
ReverseWithPrimal = Mode("ReverseWithPrimal", "autodiff reverse", True, *_REVERSE)
Forward = Mode("Forward", "autodiff forward", False, *_FORWARD)
ForwardWithPrimal = Mode("ForwardWithPrimal", "autodiff forward", True, *_FORWARD)
