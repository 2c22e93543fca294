"""The same groups under pytest-benchmark: `pytest bench -k "waves and jax"`. Results are compared with each other before a time is taken."""

import functools

import pytest

from bench import peers, suite

GROUPS = {group.name: group for group in suite.groups()}
NAMES = peers.installed()


@functools.lru_cache(maxsize=1)
def calls(name):
    return GROUPS[name].calls(NAMES)


def speeds():
    for name, group in GROUPS.items():
        if group.kind == "speed":
            for peer in group.peers(NAMES):
                yield pytest.param(name, peer, id=f"{name}-{peer}")


@pytest.mark.parametrize("name, peer", list(speeds()))
def test_speed(benchmark, name, peer):
    if peer not in calls(name):
        pytest.skip(f"{peer} has no good way to {name}")
    call, native = calls(name)[peer]
    benchmark.group = name
    benchmark(call, *native)


@pytest.mark.parametrize("name", [name for name, group in GROUPS.items() if group.kind != "speed"])
def test_first_gradient_and_memory(record_property, name):
    """One quick round, recorded as properties: pytest-benchmark cannot take these times itself."""
    for group in GROUPS[name].run(NAMES, quick=True):
        assert "tapejit" in group["peers"]
        record_property(group["kind"], group["peers"])
