"""The Enzyme-style surface: derivatives into memory that the user owns.

`autodiff(mode, function, *activities)`: each argument comes in an activity, which says how it takes part.

Const(x)                  no derivative (an argument that is not wrapped is Const)
Active(x)                 reverse: a float (or container of floats); its derivative is returned. ActiveOnly(x) is the same
Duplicated(x, dx)         reverse: arrays; dx, a buffer like x, is ADDED to
DuplicatedOnly(x, dx)     as Duplicated, but what the function writes into x is not written back
Dual(x, x_dot)            forward: x_dot is the tangent of x
DualOnly(x, x_dot)        as Dual, but what the function writes into x is not written back
BatchDuplicated(x, dxs)   as Duplicated and Dual, with several shadows and one sweep for each: dxs is a tuple of shadows, or one shadow whose
BatchDual(x, x_dots)      arrays have a leading axis, the width. What is returned is then a tuple with an item per sweep

One rule covers arguments that the function writes: in reverse mode the shadow comes in as the cotangent of the argument's final value and
goes out as the cotangent of its initial value. For an argument that is not written this is addition; the shadow of a pure output is
consumed (zero afterwards). In forward mode the shadow of a written argument comes in as the tangent of its initial value and goes out as that of its final value.

The result has an activity as well, `ret`: Active (one number, whose cotangent is 1 or `seed`), Duplicated (anything, with its cotangent as
`seed`), Dual (forward: its tangent is returned) or Const (it is not differentiated: derivatives flow through the written arguments alone).

Every shadow that is to be written is checked before the first write: a ShadowError, a guard or an exception of the function leave all buffers as they were
(an interrupt from the keyboard in the moment of writing does not).
Memory that is not set yet may hold anything, NaN too: a sweep adds to it, so begin with `make_zero`.
"""

from __future__ import annotations

import contextlib
import inspect
from types import MethodType

from .errors import ArgumentError
from .request import Request
from .roles import Activity, Const, Duplicated, Mode
from .shadows import open_activities
from .specialize import Specializer, drop_oldest, specializer_of

_NO_KEYWORDS = {}
KNOWN = 64  # functions that a mode remembers by identity


def autodiff(mode, function, *activities, **options):
    """Differentiate `function` at the activities' values, through the activities' shadows.

    mode   Reverse: returns a tuple with the derivative of each Active argument and None for the others. The result of the function, one number, is seeded with 1
           Forward: returns the tangent of the result. ReverseWithPrimal, ForwardWithPrimal: returns (that, result)
    ret    the activity of the result, a class: Active or Duplicated (reverse), Dual (forward), or Const; by default what fits the mode and the seed
    seed   the cotangent of the result, with its containers and shapes, where it is not one number; for a batch a tuple of them, or with a leading axis

    Errors: ArgumentError for an activity that does not fit the mode or the argument, ShadowError for a shadow that does not mirror its primal;
    a RuntimeWarning when every seed is zero. After an error all buffers are as they were.

    >>> import numpy as np
    >>> from tapejit import autodiff, Active, Const, Duplicated, Reverse
    >>> x, dx = np.array([1.0, 2.0]), np.zeros(2)
    >>> autodiff(Reverse, lambda x, a: a * np.sum(x**2), Duplicated(x, dx), Active(3.0))
    (None, 5.0)
    >>> dx
    array([ 6., 12.])
    """
    try:
        known = mode.known[function]  # of a method: by its function and its object
    except (AttributeError, KeyError, TypeError):
        known = None
    if known is not None and (known.function is function or type(function) is MethodType):
        if not options:
            return known.fast(activities, _NO_KEYWORDS, None)
        if [*options] == ["seed"]:
            return known.fast(activities, _NO_KEYWORDS, options["seed"])
    return _autodiff(mode, function, *activities, **options)


def _autodiff(mode, function, *activities, ret=None, seed=None, retarget=True, pure=False):
    """autodiff when no generated function is at hand. Its signature is that of autodiff, for which taking options apart would cost too much."""
    if not isinstance(mode, Mode):
        raise ArgumentError(f"autodiff: mode: expected Reverse, ReverseWithPrimal, Forward or ForwardWithPrimal, found {mode!r:.60}")
    if not callable(function):
        raise ArgumentError(f"autodiff: expected a function behind the mode, found {type(function).__name__} {function!r:.60}")
    args, classes, shadows = open_activities("autodiff", mode, activities, seed)
    constant = result_is_constant("autodiff", mode, ret, seed, mode.with_primal)
    request = request_for(mode.kind, classes, mode.with_primal, seed is not None, constant, shadows.width is not None, retarget, pure)
    specializer = specializer_of(function, request, Differentiation)
    specializer.mode = mode
    if ret is None and request.retarget and not request.pure:
        while len(mode.known) >= KNOWN:
            drop_oldest(mode.known)
        with contextlib.suppress(TypeError):  # not hashable: found by the long way
            mode.known[function] = specializer
    return specializer.answer(args, {}, shadows)


_autodiff.__name__ = _autodiff.__qualname__ = "autodiff"  # as errors name it
autodiff.__signature__ = inspect.signature(_autodiff)


class Differentiation(Specializer):
    """The traces of a function for one mode and one combination of activities. Its generated functions take the activities themselves;
    what they cannot answer goes through `autodiff` again, which may find another combination."""

    def call(self, activities, kwargs, seed=None):
        return _autodiff(self.mode, self.function, *activities, seed=seed, retarget=self.request.retarget, pure=self.request.pure)


def request_for(kind, classes, with_primal, seeded, constant, batched, retarget, pure):
    """The Request of a call whose arguments have activities of these classes."""
    argnums = tuple([k for k, activity in enumerate(classes) if not issubclass(activity, Const)])
    return Request(kind, argnums, (), False, bool(retarget), bool(pure), (classes, with_primal, seeded, constant, batched))


def result_is_constant(name, mode, ret, seed, with_primal):
    """Whether the result has no derivative; ArgumentError where `ret` fits neither the mode nor the seed."""
    if ret is None:
        constant = False
    elif not (isinstance(ret, type) and issubclass(ret, Activity)):
        raise ArgumentError(f"{name}: ret: expected a class, Const, {mode.advice_for_result}, found {ret!r:.60}")
    elif not issubclass(ret, mode.allowed):
        raise ArgumentError(f"{name}: ret: {ret.__name__} does not go with {mode}: expected Const, {mode.advice_for_result}")
    else:
        constant = issubclass(ret, Const)
        if with_primal and ret.__name__.endswith("Only"):
            raise ArgumentError(f"{name}: ret={ret.__name__} leaves the result out, {mode} returns it: use {mode.name.removesuffix('WithPrimal')}")
        if mode.kind == "autodiff reverse" and issubclass(ret, Duplicated) and seed is None:
            raise ArgumentError(f"{name}: ret={ret.__name__}: pass seed=, the cotangent of the result")
    if seed is not None and (mode.kind != "autodiff reverse" or constant):
        raise ArgumentError(f"{name}: seed: only the result of a Reverse sweep is seeded, and not with ret=Const")
    return constant
