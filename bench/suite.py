"""The list of all groups that are measured, made from the table of workloads: speed, first gradient, memory."""

from dataclasses import dataclass

from . import measure, memory
from .workloads import TABLE, Goal, Workload

MEMORY_PEERS = ("tapejit", "numpy", "value", "jax", "autograd", "torch")


@dataclass(frozen=True)
class Group:
    kind: str
    workload: Workload
    label: str

    @property
    def name(self):
        start = "" if self.kind == "speed" else f"{self.kind}: "
        return f"{start}{self.workload.name}, {self.label}"

    def run(self, peers, quick):
        """Groups for the results file."""
        return {"speed": self._speed, "first gradient": self._first, "memory": self._memory}[self.kind](peers, quick)

    def _speed(self, peers, quick):
        calls = measure.prepare(self.workload, self.label, peers)
        times = measure.rounds_of(calls, *((5, 0.002) if quick else (21, 0.02)))
        last = self.label == list(self.workload.sizes)[-1]
        group = measure.group(f"{self.workload.name}, {self.label}", "speed", times, self.workload.goals.get(self.label, ()))
        return [{**group, "last": last}]

    def _first(self, peers, quick):
        warm = next(workload for workload in TABLE if workload is not self.workload)
        measure.prepare(warm, next(iter(warm.sizes)), peers)
        peers = [peer for peer in peers if peer not in ("c", "numpy", "value")]
        times = measure.first_calls(self.workload, self.label, peers, 2 if quick else 7)
        return [measure.group(f"{self.workload.name}, {self.label}", "first gradient", times, self.workload.first[self.label])]

    def _memory(self, peers, quick):
        found = {}
        for _ in range(1 if quick else 3):
            for peer in peers:
                grown = memory.measure(peer, self.workload.name, self.label) if peer in MEMORY_PEERS else None
                for numbers, byte_count in zip(found.setdefault(peer, ([], [])), grown or ()):
                    numbers.append(byte_count)
        goals = [Goal("jax", 1)]
        name = f"{self.workload.name}, {self.label}"
        later = measure.group(name, "memory", {peer: numbers for peer, (_, numbers) in found.items()}, goals)
        first = measure.group(name, "memory of the first call", {peer: numbers for peer, (numbers, _) in found.items()})
        return [later, first]


def groups():
    """All groups in the order in which they run."""
    for workload in TABLE:
        for label in workload.sizes:
            yield Group("speed", workload, label)
    for workload in TABLE:
        for label in workload.first:
            yield Group("first gradient", workload, label)
    for workload in TABLE:
        if workload.memory:
            yield Group("memory", workload, workload.memory)
