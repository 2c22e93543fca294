"""The benchmarks run at their smallest size, and all peers agree; no time is asserted. What is printed of given times is right."""

import json
import time

import numpy as np
import pytest

from bench import measure, memory, peers, report, shadows
from bench.suite import groups
from bench.workloads import TABLE, WORKLOADS, Goal

QUICK = peers.installed(["tapejit", "numpy", "value", "c", "autograd"])  # the others compile, for seconds


@pytest.mark.parametrize("workload", TABLE, ids=lambda workload: workload.name)
def test_peers_agree_on_the_smallest_size(workload):
    calls = measure.prepare(workload, next(iter(workload.sizes)), QUICK)
    assert {"tapejit", "value"} <= calls.keys()


@pytest.mark.parametrize("peer", [peer for peer in peers.installed() if peer not in QUICK])
def test_compiled_peers_agree(peer):
    for name in ("waves",) if peer == "pytensor" else ("rosenbrock", "waves", "black-scholes"):
        workload = WORKLOADS[name]
        assert peer in measure.prepare(workload, next(iter(workload.sizes)), ["numpy", peer])


@pytest.mark.parametrize("group", list(shadows.groups()), ids=lambda group: group.name)
def test_ways_of_shadows_are_right(group):
    assert tuple(group.calls(())) == group.ways


def test_a_goal_names_a_size_and_a_peer():
    for workload in TABLE:
        assert (workload.goals | workload.first | workload.records).keys() <= workload.sizes.keys(), workload.name
        assert workload.memory in (*workload.sizes, ""), workload.name
        for goal in sum([*workload.goals.values(), *workload.first.values()], []):
            assert goal.peer == "best" or goal.peer in peers.TITLES, workload.name
    assert len({group.name for group in groups()}) == len(list(groups()))


def test_a_peer_that_disagrees_is_named():
    right, wrong = [np.array([1.0, 2.0])], [np.array([1.0, 2.0 + 1e-7])]
    measure.compare("work", "hvp", {"a": right, "b": right, "c": right})
    with pytest.raises(measure.Disagreement, match="work: the derivatives of b differ by more than 1e-08 from those of 2 others"):
        measure.compare("work", "hvp", {"a": right, "b": wrong, "c": right})
    with pytest.raises(measure.Disagreement, match="of b differ"):
        measure.compare("work", "hvp", {"a": right, "b": [np.array([1.0, np.nan])], "c": right})
    with pytest.raises(measure.Disagreement, match="a finds the value 2.0, NumPy 1.0"):
        measure.compare("work", "value_and_grad", {"value": [np.array(1.0)], "a": [np.array(2.0)]})


def test_rounds_are_interleaved_and_a_slow_peer_has_fewer():
    order = []
    calls = {"a": (lambda: order.append("a") or time.sleep(0.06), ()), "b": (lambda: order.append("b") or time.sleep(0.002), ())}
    times = measure.rounds_of(calls, quick=True)
    assert [len(numbers) for numbers in times.values()] == [2, 15]
    assert "".join(order)[-17:] == "ab" * 2 + "b" * 13


def test_first_gradients_are_of_fresh_functions():
    times = measure.first_calls(WORKLOADS["waves"], "n=10", ["tapejit", "autograd"] if "autograd" in QUICK else ["tapejit"], 2)
    assert all(len(numbers) == 2 for numbers in times.values())


def test_memory_is_that_of_a_gradient():
    """The copy of a million numbers that a gradient of waves by hand makes: at least 8 bytes each, and not hundreds."""
    first, later = memory.measure("numpy", "waves", "n=1,000,000")
    assert 8_000_000 <= later <= 200_000_000 and first >= 8_000_000


def stats(median):
    return {"median": median, "minimum": median, "quartiles": [median, median], "rounds": 4}


def results(**medians):
    found = {peer: stats(median) for peer, median in medians.items()}
    goals = [measure.judged(Goal("c", 1.5, 1e-6), found), measure.judged(Goal("best", 0.5), found), measure.judged(Goal("ddx", 1), found)]
    group = {"group": "work, n=1", "kind": "speed", "peers": found, "goals": goals, "last": True}
    return {"machine": {"processor": "P", "cpus": 2}, "versions": {"numpy": "2"}, "threads": 1, "groups": [group]}


def test_the_table_gives_ratios_of_one_run_and_judges_goals():
    lines = list(report.table(results(tapejit=2e-6, c=1e-6, jax=5e-3, value=1e-7)))
    assert lines[2] == "work, n=1"
    assert lines[3].split() == "NumPy, the value alone 100 ns 100 ns 0.05x 0.1x".split()
    assert lines[5].split() == "tapejit 2 us 2 us 1x 2x".split()
    assert lines[6].split() == "JAX, jitted 5 ms 5 ms 2,500x 5,000x".split()
    assert lines[7:10] == [
        "  goal <= 1.5x C by hand + 1 us: met, 2x (minima: 2x)",
        "  goal <= 0.5x the best other: MISSED, 2x (minima: 2x)",
        "  goal <= 1x ddx: not measured",
    ]
    assert lines[-1] == "goals: 1 met, 1 missed, 1 not measured"


def test_a_comparison_takes_the_machine_out():
    before, after = results(tapejit=2e-6, c=1e-6, jax=4e-6), results(tapejit=6e-6, c=2e-6, jax=8e-6)
    assert list(report.changes(before, after)) == [("work, n=1", 1.5, 0.0)]
    assert list(report.comparison(before, after))[1].split()[-3:] == ["1.50", "+-0.00", "slower"]
    assert list(report.changes(before, {**after, "threads": 2})) == [("work, n=1", 3.0, 0.0)]  # of threads, nothing is taken out
    after["groups"][0]["peers"]["tapejit"]["quartiles"] = [4e-6, 8e-6]
    assert list(report.comparison(before, after))[1].split()[-1] == "same"


def test_the_readme_table_stands_between_its_markers(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write_readme(json.loads(json.dumps(results(tapejit=2e-6, jax=5e-6))), path)
    text = path.read_text()
    assert "| work, n=1 | 2 us | 2.5 |" in text and "old" not in text
    assert text.startswith("before\n") and text.endswith("\nafter\n")
    path.write_text("nothing")
    with pytest.raises(ValueError, match="README.md: expected one line"):
        report.write_readme(results(tapejit=1.0), path)


@pytest.mark.parametrize("seconds, text", [(2, "2 s"), (0.0123456, "12.3 ms"), (1.5e-6, "1.5 us"), (3e-8, "30 ns")])
def test_times_are_readable(seconds, text):
    assert report.readable(seconds) == text


def test_the_accuracy_table_has_every_instruction_within_its_bound(monkeypatch):
    from bench import accuracy

    monkeypatch.setattr(accuracy, "COUNT", 2000)
    found = accuracy.measure()
    special = {"erfc", "ndtr", "gamma_function", "gammaln"}  # held against SciPy's, which is no nearer to the exact value
    assert len(found) > 100 and {name for name, _, by_level in found if max(by_level.values()) > 4} <= special
    assert len(list(accuracy.table(found))) == len(found) + 8
