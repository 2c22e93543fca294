"""What a program does, in words: a headline, then a line per group of its schedule (loops, steps, runs), for people to read."""

from ..ops import ROWS
from . import classify
from .groups import Loop, Run, Tiles

LINES_LIMIT = 40  # groups told one by one


def describe(schedule, layout):
    """The text; the groups in the order in which they run."""
    groups = [member for g in schedule.groups for member in (g.groups if isinstance(g, Tiles) else (g,))]
    scalars = sum(len(g.items) for g in groups if isinstance(g, Run))
    guards = sum(len(g.guards) for g in groups if isinstance(g, Run))
    loops = sum(isinstance(g, Loop) for g in groups)
    hosts = sum(not isinstance(g, (Loop, Run)) and g.name in ("host", "copy") for g in groups)
    steps = sum(not isinstance(g, (Loop, Run)) for g in groups) - hosts
    counted = [(guards, "guard"), (scalars, "scalar instruction"), (loops, "fused loop"), (steps, "step"), (hosts, "host call")]
    parts = [f"{n} {what}{'s' if n > 1 else ''}" for n, what in counted if n]
    parts.append(f"arena {layout.arena_bytes} bytes" + (f", {len(layout.constants)} of constants" if layout.constants else ""))
    lines = ["; ".join(parts)]
    told = []
    for group in schedule.groups:
        if isinstance(group, Tiles):
            told.append(f"{group.count} tiles of {group.rows} rows in {group.parts} parts, each:")
            told += ["  " + _line(schedule, layout, member) for member in group.groups]
        elif not isinstance(group, Run) or group.items or group.guards:
            told.append(_line(schedule, layout, group))
    lines += told[:LINES_LIMIT]
    if len(told) > LINES_LIMIT:
        lines.append(f"... and {len(told) - LINES_LIMIT} more")
    return "\n".join(lines)


def _line(schedule, layout, group):
    facts = schedule.facts

    def names(storages):
        return ", ".join(dict.fromkeys(_named(schedule, layout, s) for s in storages))

    if isinstance(group, Run):
        parts = [f"{len(group.items)} scalar instruction{'s' if len(group.items) > 1 else ''}"] if group.items else []
        return "; ".join(parts + [f"guard on {names([place[0]])}" for _, place in group.guards])
    if isinstance(group, Loop):
        reads = [place[0] for place, _ in group.reads]
        writes = [place[0] for kind, _, _, place in group.writes if kind == "store"]
        parts = [f"loop over {group.shape}: {' '.join(ROWS[facts.op[k]].name for k in group.records) or 'copy'}", f"reads {names(reads)}"]
        if writes:
            parts.append(f"writes {names(writes)}")
        for kind, _, _, place in group.closings:
            if kind != "store":
                parts.append(f"{'adds to' if kind == 'add' else kind + ' into'} {names([place[0]])}")
        return "; ".join(parts + [f"{group.registers} register{'s' if group.registers > 1 else ''}"])
    what = {"host": f"host call of {ROWS[facts.op[group.record]].name}", "copy": "host copy"}.get(group.name, group.name)
    return f"{what}: reads {names([place[0] for _, place in group.operands])}; writes {names([group.result[1][0]])}"


def _named(schedule, layout, storage):
    """What a reader of the tape knows a storage by."""
    facts = schedule.facts
    buffer, inputs = layout.buffer[storage], facts.tape.inputs
    if buffer:
        return _input_name(facts, inputs[buffer - 1]) if buffer <= len(inputs) else f"output {buffer - 1 - len(inputs)}"
    if storage >= facts.n:
        return "a constant" if schedule.extra[storage - facts.n][1] else "a copy"
    if facts.op[storage] == classify.CONSTANT:
        return "a constant"
    return _input_name(facts, storage) if facts.op[storage] == classify.INPUT else f"%{storage}"


def _input_name(facts, id):
    return facts.tape.params_of(id)[1] or f"%{id}"


def describe_bytes(count):
    """A number of bytes with a unit, in three digits."""
    for unit, size in (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
