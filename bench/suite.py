"""The list of all groups that are measured, made from the table of workloads: speed, first gradient, memory."""

from dataclasses import dataclass

from . import measure, memory, shadows
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

    def peers(self, names):
        """Those of these peers that may have a way to it."""
        return names

    def run(self, peers, quick):
        """Groups for the results file."""
        return {"speed": self._speed, "first gradient": self._first, "memory": self._memory}[self.kind](peers, quick)

    def calls(self, peers):
        """{peer: (call, arguments)}, compared with each other."""
        return measure.prepare(self.workload, self.label, peers)

    def _group(self, kind, times, goals=()):
        group = measure.group(f"{self.workload.name}, {self.label}", kind, times, goals)
        records, own = self.workload.records.get(self.label), group["peers"].get("tapejit")
        if records and own:
            group["each"] = {"what": "a record", "seconds": own["median"] / records}
        return group

    def _speed(self, peers, quick):
        times = measure.rounds_of(self.calls(peers), quick)
        last = self.label == list(self.workload.sizes)[-1]
        return [{**self._group("speed", times, self.workload.goals.get(self.label, ())), "last": last}]

    def _first(self, peers, quick):
        warm = next(workload for workload in TABLE if workload is not self.workload)
        measure.prepare(warm, next(iter(warm.sizes)), peers)
        peers = [peer for peer in peers if peer not in ("c", "numpy", "value")]
        times = measure.first_calls(self.workload, self.label, peers, 2 if quick else 7)
        return [self._group("first gradient", times, self.workload.first[self.label])]

    def _memory(self, peers, quick):
        found = {}
        for _ in range(1 if quick else 3):
            for peer in peers:
                grown = memory.measure(peer, self.workload.name, self.label) if peer in MEMORY_PEERS else None
                for numbers, byte_count in zip(found.setdefault(peer, ([], [])), grown or ()):
                    numbers.append(byte_count)
        later = self._group("memory", {peer: numbers for peer, (_, numbers) in found.items()}, [Goal("jax", 1), Goal("torch", 1)])
        return [later, self._group("memory of the first call", {peer: numbers for peer, (numbers, _) in found.items()})]


def groups():
    """All groups in the order in which they run; the first of each workload is its smallest."""
    for workload in TABLE:
        for label in workload.sizes:
            yield Group("speed", workload, label)
    for workload in TABLE:
        for label in workload.first:
            yield Group("first gradient", workload, label)
    for workload in TABLE:
        if workload.memory:
            yield Group("memory", workload, workload.memory)
    yield from shadows.groups()
