"""Split mode: the forward and the reverse sweep of `autodiff` as two functions, with the tape between them in the user's hands.

Read next: `held.py`, what the tape holds; `activity.py`, what the activities mean.
"""

from __future__ import annotations

import numpy as np

from .activity import request_for, result_is_constant
from .errors import ArgumentError, UnsupportedError
from .held import Held, HeldTape
from .keys import Identity
from .recording import name_of
from .roles import Activity, Batch, Const, Reverse, Shadowed
from .shadows import Shadows, as_arrays, open_activities
from .specialize import specializer_of
from .tape.types import DTYPE_OF_NAME
from .trace import current_trace
from .tree import flatten


def split(function, *activities, ret=None, many=False, retarget=True, pure=False):
    """(forward, reverse): `forward(...)` returns (result, tape), and `reverse(tape)` adds the derivatives to the shadows.

    activities   of the arguments: classes (Duplicated, Const, Active, ...), or the activities themselves, which forward() then takes when it is given none
    forward      takes the arguments, in activities or, where shadows come later, plain. It writes what `function` writes into its arguments
    reverse      reverse(tape, *activities, seed=None): returns what `autodiff(Reverse, ...)` does. Without activities the shadows are those that forward was given
                 seed: the cotangent of the result; 1 where the result is one number
    ret          Const: the result is not seeded
    many         True: a tape may be reversed any number of times; else once, which frees its memory

    Between the two the arguments may change: the tape holds copies. The tape can be pickled; then the shadows are given to reverse.
    Errors: as in `autodiff`; a TapeUseError for a tape that has been consumed. After an error the buffers and the tape are as they were.

    >>> import numpy as np
    >>> from tapejit import Duplicated, split
    >>> x, dx = np.array([1.0, 2.0]), np.zeros(2)
    >>> forward, reverse = split(lambda x: x**3, Duplicated)
    >>> result, tape = forward(Duplicated(x, dx))
    >>> reverse(tape, seed=np.array([1.0, 10.0]))
    (None,)
    >>> dx
    array([  3., 120.])
    """
    if not callable(function):
        raise ArgumentError(f"split: expected a function, found {type(function).__name__} {function!r:.60}")
    given, classes = [], []
    for activity in activities:
        is_class = isinstance(activity, type) and issubclass(activity, Activity)
        if not is_class and not isinstance(activity, Activity):
            activity = Const(activity)
        classes.append(activity if is_class else type(activity))
        given.append(None if is_class else activity)
    for k, activity in enumerate(classes):
        if not issubclass(activity, Reverse.allowed):
            raise ArgumentError(f"split: args[{k}] is {activity.__name__}, which does not go with a reverse sweep: pass {Reverse.advice}, or Const(x)")
    ready = [activity is not None for activity in given]
    if any(ready) and not all(ready):
        raise ArgumentError(f"split: args[{ready.index(False)}] is a class and args[{ready.index(True)}] is not: give classes, or activities, for all arguments")
    constant = result_is_constant("split", Reverse, ret, True, False) if ret is not Const else True
    batched = any(issubclass(activity, Batch) for activity in classes)
    request = request_for("split", tuple(classes), True, False, constant, batched, retarget, pure)
    origin = (getattr(function, "__module__", None), getattr(function, "__qualname__", name_of(function)), request)
    name = name_of(function)

    def forward(*activities):
        if not activities and classes:
            if not all(ready):
                raise ArgumentError(f"forward: expected {len(classes)} arguments, found none: they were not given to split")
            activities = given
        activities = _completed("forward", activities, classes)
        bare = [k for k, activity in enumerate(activities) if isinstance(activity, _Bare)]
        if bare and any(isinstance(activity, Shadowed) for activity in activities):
            raise ArgumentError(f"forward: args[{bare[0]}] has no shadow, other arguments have: give shadows for all arguments to forward, or for all to reverse")
        if bare:
            args, shadows = tuple([as_arrays(activity.value, f"forward: args[{k}]", ArgumentError) for k, activity in enumerate(activities)]), None
        else:
            args, _, shadows = open_activities("forward", Reverse, activities)
        return specializer_of(function, request).answer(args, {}, Held(Identity(function), origin, many, shadows))

    def reverse(tape, *activities, seed=None):
        if current_trace() is not None:
            raise UnsupportedError("split: the reverse sweep was called in a function that is being traced: use vjp or autodiff there")
        if not isinstance(tape, HeldTape):
            raise ArgumentError(f"reverse: tape: expected a tape that forward returned, found {type(tape).__name__}")
        if tape.origin != origin or tape.function not in (None, Identity(function)):
            raise ArgumentError(f"reverse: tape: expected a tape of {name}, found one of {tape.answer.recording.tape.name} or of other activities: "
                                "each tape goes with the pair that made it")
        if constant and seed is not None:
            raise ArgumentError("reverse: seed: the result is Const, so it is not seeded")
        return tape.reverse(*_shadows_for(tape, activities, classes, seed))

    forward.__name__, reverse.__name__ = f"forward({name})", f"reverse({name})"
    return forward, reverse


class _Bare(Activity):
    """An argument whose shadow comes later."""

    __slots__ = ()


def _completed(name, activities, classes):
    """The activities of a call: plain values in the activity that split named, where that needs no shadow."""
    if len(activities) != len(classes):
        raise ArgumentError(f"{name}: expected {len(classes)} arguments, as split was given, found {len(activities)}")
    out = []
    for k, (activity, expected) in enumerate(zip(activities, classes)):
        if not isinstance(activity, Activity):
            activity = _Bare(activity) if issubclass(expected, Shadowed) else expected(activity)
        elif type(activity) is not expected:
            raise ArgumentError(f"{name}: args[{k}] is {type(activity).__name__}, expected {expected.__name__}, as split was given")
        out.append(activity)
    return out


def _shadows_for(tape, activities, classes, seed):
    """(Shadows, leaves of the arguments) of a reverse sweep."""
    if not activities:
        shadows = Shadows(as_arrays(seed, "seed", ArgumentError))
        if any(issubclass(activity, Shadowed) for activity in classes):
            if tape.shadows is None and not tape.consumed:
                raise ArgumentError(f"reverse: this tape holds no shadows: pass the activities again, as in reverse(tape, {', '.join(c.__name__ + '(x, dx)' * issubclass(c, Shadowed) for c in classes)})")
            if tape.shadows is not None:
                shadows.given, shadows.width = tape.shadows.given, tape.shadows.width
        return shadows, tape.leaves or ()
    activities = _completed("reverse", activities, classes)
    for k, activity in enumerate(activities):
        if isinstance(activity, _Bare):
            raise ArgumentError(f"reverse: args[{k}] has no shadow: pass {classes[k].__name__}(x, shadow)")
    args, _, shadows = open_activities("reverse", Reverse, activities, seed)
    leaves, tree = flatten((args, {}))
    expected = tape.answer.recording.tree
    if not tape.consumed and tree != expected:
        raise ArgumentError(f"reverse: expected arguments with the containers that forward was given, {expected!r}, found {tree!r}")
    answer = tape.answer
    for k, leaf in enumerate(leaves):
        if not tape.consumed and k in answer.shadowed:
            type_ = answer.type_of_leaf(k)
            if np.shape(leaf) != type_.shape or getattr(leaf, "dtype", np.dtype(float)).newbyteorder("=") != DTYPE_OF_NAME[type_.dtype]:
                raise ArgumentError(f"reverse: {answer.paths[k]}: expected the argument that forward was given, of dtype {DTYPE_OF_NAME[type_.dtype]} and shape {type_.shape}, "
                                    f"found dtype {getattr(leaf, 'dtype', 'float64')} and shape {np.shape(leaf)}")
    return shadows, leaves
