"""Measurements: peers that agree, then interleaved rounds over them (tapejit, A, B, tapejit, A, B ...), so that what else the machine does
meets all alike. In: a workload, the label of a size, names of peers. Out: a dict of a group for the results file.
"""

import contextlib
import gc
import itertools
import statistics
import time

import numpy as np

from . import peers

BATCH = 1e-3  # seconds
TOLERANCE = 1e-8  # relative to the largest entry of an array


class Disagreement(AssertionError):
    """Peers found different derivatives."""


def prepare(workload, label, names):
    """{peer: (call, native arguments)} of those peers that have a way to this workload; their results have been compared."""
    args = workload.make(**workload.sizes[label])
    calls = {name: peers.load(name).prepare(workload, args) for name in names}
    calls = {name: call for name, call in calls.items() if call is not None}
    results = {name: peers.arrays(peers.load(name), call(*native)) for name, (call, native) in calls.items()}
    compare(f"{workload.name}, {label}", workload.transform, results)
    return calls


def compare(group, transform, results):
    """Raise Disagreement with the name of each peer that differs from most others."""
    value = results.pop("value", None)
    if value is not None and transform == "value_and_grad":
        for name, result in results.items():
            if not _agree(value, result[:1]):
                raise Disagreement(f"{group}: {name} finds the value {float(result[0])}, NumPy {float(value[0])}")
    against = {name: [other for other in results if not _agree(results[name], results[other])] for name in results}
    most = max(map(len, against.values()), default=0)
    if most:
        wrong = ", ".join(name for name in against if len(against[name]) == most)
        raise Disagreement(f"{group}: the derivatives of {wrong} differ by more than {TOLERANCE:g} from those of {most} others")


def _agree(found, expected):
    if [array.shape for array in found] != [array.shape for array in expected]:
        return False
    return all(np.max(np.abs(a - b), initial=0) <= TOLERANCE * max(np.max(np.abs(b), initial=0), 1e-300) for a, b in zip(found, expected))


@contextlib.contextmanager
def no_collector():
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def batch(call, native, count):
    """Seconds of a call, the mean of so many."""
    start = time.perf_counter_ns()
    for _ in itertools.repeat(None, count):
        call(*native)
    return (time.perf_counter_ns() - start) / count * 1e-9


def calls_in_a_batch(call, native):
    """How many calls take BATCH seconds, after the first few, in which libraries still compile."""
    start = time.perf_counter()
    for _ in range(5):
        call(*native)
        if time.perf_counter() - start > 0.5:
            break
    count = 1
    while (taken := count * batch(call, native, count)) < BATCH / 4:
        count *= 2
    return max(1, round(count * BATCH / taken))


def rounds_of(calls, quick=False):
    """{peer: [seconds of a call in each round]}, of many short rounds: a busy machine interrupts some of them, not all.

    A batch takes about a millisecond, or one call. A peer whose calls take far longer has fewer rounds, at least two.
    """
    rounds, budget = (15, 0.1) if quick else (101, 2.0)
    times, counts, spent = {name: [] for name in calls}, {}, dict.fromkeys(calls, 0.0)
    with no_collector():
        for name, call in calls.items():
            counts[name] = calls_in_a_batch(*call)
        for turn in range(rounds):
            for name, (call, native) in calls.items():
                if turn < 2 or spent[name] < budget:
                    times[name].append(batch(call, native, counts[name]))
                    spent[name] += times[name][-1] * counts[name]
    return times


def first_calls(workload, label, names, rounds):
    """{peer: [seconds]} from a plain function that is new to the library to its gradient, in a process that is warm."""
    args = workload.make(**workload.sizes[label])
    times = {}
    with no_collector():
        for _ in range(rounds):
            for name in names:
                if name in times and sum(times[name]) > 10:
                    continue
                module = peers.load(name)
                getattr(module, "forget", lambda: None)()
                start = time.perf_counter_ns()
                prepared = module.prepare(workload, args)
                if prepared is not None:
                    prepared[0](*prepared[1])
                    times.setdefault(name, []).append((time.perf_counter_ns() - start) * 1e-9)
    return times


def group(name, kind, times, goals=()):
    """A group for the results file; `times` {peer: [numbers]} are seconds, or bytes where kind is memory."""
    found = {}
    for peer, numbers in times.items():
        if numbers:
            low, _, high = statistics.quantiles(numbers, n=4) if len(numbers) > 3 else (min(numbers), 0, max(numbers))
            median, minimum = statistics.median(numbers), min(numbers)
            found[peer] = {"median": median, "minimum": minimum, "quartiles": [low, high], "rounds": len(numbers)}
    return {"group": name, "kind": kind, "peers": found, "goals": [judged(goal, found) for goal in goals]}


def judged(goal, found):
    """A goal, whether the medians meet it, and the ratios of the medians and of the minima; None where it could not be measured."""
    others = found.keys() - {"tapejit", "value"} if goal.peer == "best" else found.keys() & {goal.peer}  # the value alone is no derivative
    ratios = dict.fromkeys(("median", "minimum"))
    if others and "tapejit" in found:
        reference = {kind: min(found[peer][kind] for peer in others) for kind in ratios}
        ratios = {kind: found["tapejit"][kind] / reference[kind] if reference[kind] else None for kind in ratios}
    met = None if ratios["median"] is None else found["tapejit"]["median"] <= goal.times * reference["median"] + goal.seconds
    return {**goal._asdict(), "met": met, "ratios": ratios}
