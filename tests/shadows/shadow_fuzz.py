"""`run(seed, calls)` makes random calls of autodiff and holds each against the oracle: is it refused, which bytes change, and to what.

A failure names its seed, setup and call; `replay(seed, setup, call)` makes the calls of that setup up to that one again.
As a module (`python -m shadows.shadow_fuzz SEED CALLS`) it prints the path of the kernel, then the counts.
"""

import itertools
import json
import random
import sys
import warnings
from collections import Counter

import numpy as np
from numpy.lib.array_utils import byte_bounds
from shadows.fuzz_calls import Call, Setup
from shadows.fuzz_damages import DAMAGES
from shadows.fuzz_oracle import as_array, judge, leaves_of

import tapejit as tj
from tapejit import Active, Const, _kernel

PER_SETUP = 100  # calls


def run(seed, calls):
    """Make the calls; a Counter of what happened: calls, accepted, refused, and compared with NumPy's values."""
    found = Counter()
    for setup in itertools.count():
        _series(seed, setup, range(min(PER_SETUP, calls - found["calls"])), found)
        if found["calls"] >= calls:
            return found


def replay(seed, setup, call):
    """The calls of a setup up to this one."""
    _series(seed, setup, range(call + 1), Counter())


def _series(seed, number, calls, found):
    setup = Setup(random.Random(f"{seed} {number}"))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of zero seeds, and of traces that are dropped
        for call in calls:
            one_call(seed, number, call, setup, found)


def one_call(seed, setup, number, series, found):
    rng = random.Random(f"{seed} {setup} {number}")
    call = Call(series, rng)
    for _ in range(rng.choices((0, 1, 2), (15, 60, 25))[0]):
        change = rng.choice(DAMAGES)
        change(call, rng)
        call.damages.append(change.__name__)
    call.arrange()
    due = judge(call)
    memory = call.memory
    memory.snapshot()
    expected = None if due else Expected(call)
    where = f"replay({seed!r}, {setup}, {number}):\n{call!r}\n"
    found["calls"] += 1
    try:
        result = call.make()
    except (tj.ShadowError, tj.ArgumentError) as error:
        assert due, f"{where}refused, though legal: {type(error).__name__}: {error}"
        assert type(error) in due, f"{where}refused with {type(error).__name__}: {error}; due: {[kind.__name__ for kind in due]}"
        assert memory.unchanged(), f"{where}refused, but memory has changed"
        found["refused"] += 1
        return
    except Exception as error:
        raise AssertionError(f"{where}{type(error).__name__}: {error}; due: {[kind.__name__ for kind in due]}") from error
    assert not due, f"{where}not refused; due: {[kind.__name__ for kind in due]}"
    changed = memory.changed_outside(expected.may_change)
    assert not changed, f"{where}bytes have changed at {[hex(address) for address in changed[:8]]}"
    found["accepted"] += 1
    if expected.exact:
        found["compared"] += 1
        wrong = expected.difference(result)
        assert not wrong, f"{where}{wrong}"


def is_exact(array):
    """Whether the elements are small multiples of 1/8 (memory that two arrays of other dtypes share holds other numbers)."""
    return bool(np.all(np.abs(array) <= 8) and np.all(array * 8 == np.rint(array * 8)))


class Expected:
    """What a legal call writes and returns, computed by NumPy beforehand; and the arrays that it may change."""

    def __init__(self, call):
        self.call, case = call, call.setup.case
        self.targets, self.may_change, self.exact = [], [], True
        args, incoming, places = [], [], []
        for k, activity in enumerate(call.activities):
            leaves = leaves_of(activity.value)
            shadows = dict(zip(range(len(leaves)), call.shadows[k])) if not isinstance(activity, (Const, Active)) else {}
            args.append([self.read(leaves[p]) for p in call.numeric[k]])
            incoming.append([self.read(shadows[p]) if p in shadows else 0 * arg for p, arg in zip(call.numeric[k], args[-1])])
            places.append([(leaves[p], shadows.get(p), p in call.written[k], activity) for p in call.numeric[k]])
        w = self.read(call.captured[0]) if call.captured else None
        primal = case.results(args, w)
        if call.reverse:
            g = [np.zeros_like(r) if call.setup.constant else 1.0 for r in primal] if call.seed is None else map(self.read, call.seed)
            g = list(g)
            outgoing, results = case.reverse(args, incoming, g, w), []
        else:
            outgoing, results = case.forward(args, incoming, w)
        finals = case.finals(args, w)
        self.returned = []
        for k, row in enumerate(places):
            for n, (leaf, shadow, written, activity) in enumerate(row):
                if isinstance(activity, Active):
                    self.returned.append(outgoing[k][n])
                if shadow is not None and as_array(shadow) is not None:
                    changes = call.reverse or written
                    self.targets.append(("the shadow of", k, n, as_array(shadow), outgoing[k][n] if changes else incoming[k][n]))
                    if changes:
                        self.may_change.append(as_array(shadow))
                if written:
                    visible = not type(activity).__name__.endswith("Only")
                    self.targets.append(("leaf", k, n, as_array(leaf), finals[k][n] if visible else args[k][n]))
                    if visible:
                        self.may_change.append(as_array(leaf))
        bounds = [byte_bounds(array) for array in self.may_change if array.size]
        assert all(call.memory.block_of(low, high) is not None for low, high in bounds), "the fuzz left its own memory"
        self.returned += results + (primal if call.setup.with_primal else [])

    def read(self, leaf):
        found = as_array(leaf)
        if found is None:
            return leaf
        if not any(found is other or np.may_share_memory(found, other) for other in self.call.not_numbers):
            self.exact = self.exact and is_exact(found)
        return np.array(found)

    def difference(self, result):
        """What differs, in words, or None."""
        for what, k, n, array, value in self.targets:
            if not np.array_equal(array, np.broadcast_to(value, array.shape), equal_nan=True):
                return f"{what} args[{k}], number {n}: expected {value}, found {array!r}"
        found = leaves_of(result)
        if len(found) != len(self.returned) or not all(np.array_equal(a, b, equal_nan=True) for a, b in zip(found, self.returned)):
            return f"returned: expected {self.returned}, found {result!r}"
        return None


if __name__ == "__main__":
    print(_kernel.__file__)
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]))))
