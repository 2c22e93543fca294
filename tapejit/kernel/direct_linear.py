"""Generated functions for vjp and linearize: the call that runs the first segment, and the linear function that runs the second.

In: a `Plan` whose late inputs are ('late', Type) and whose late outputs are ('late', kind, Type). Out: a function (args, kwargs, extra) like
that of `direct.py`, and a function (linear, given) that answers `linear(*given)`, or None where the general path must.

What the second segment reads of the inputs is copied, since the user may change theirs meanwhile. The lengths of what the user gives are
tested here, so that the table of lengths is one for all calls; each linear function has a table of pointers of its own.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from ..tape.types import DTYPE_OF_NAME
from ..tree import flatten
from .direct_key import KeyWriter, NotDirect
from .program import from_buffer, lib, new_lengths, new_pointer_table

MOST_BUFFERS = 32


def forward_call(plan, program, source_of, unchanged, busy, entry, made):
    """The generated function for calls of vjp and linearize, or None.

    made  function (copies of the inputs, primal outputs, late outputs, workspace, pointers) -> the linear function
    The other parameters are those of `direct_call`.
    """
    if len(plan.inputs) + len(plan.outputs) > MOST_BUFFERS:
        return None
    writer = _ForwardWriter(plan, program)
    try:
        source = writer.written(source_of, unchanged)
    except NotDirect:
        return None
    writer.names.update(busy=busy, entry=entry, made=made)
    exec(compile(source, "<direct call>", "exec"), writer.names)
    return writer.names["direct"]


def linear_call(plan, program, tree, specs, result):
    """The generated function (linear, given), or None. tree, specs: of what is given, a tuple; result: what is returned, with Out(number) of late outputs."""
    if len(plan.inputs) + len(plan.outputs) > MOST_BUFFERS:
        return None
    writer = _LinearWriter(plan, program)
    try:
        source = writer.written(tree, specs, result)
    except NotDirect:
        return None
    exec(compile(source, "<direct linear call>", "exec"), writer.names)
    return writer.names["direct"]


def table_of(arrays):
    """A table of the pointers of buffers; None stands for one that is bound later."""
    table = new_pointer_table(len(arrays))
    for k, array in enumerate(arrays):
        if array is not None:
            table[k] = from_buffer(array)
    return table


class _LinearBase(KeyWriter):
    def __init__(self, plan, program):
        super().__init__(plan)
        self.program = program
        types = [*program.inputs, *program.outputs]
        self.nbytes = [math.prod(type.shape) * DTYPE_OF_NAME[type.dtype].itemsize for type in types]
        self.names.update({
            "array": np.array, "c_copy": partial(np.array, order="C"), "from_buffer": from_buffer, "run": lib.tj_run, "N": new_lengths(self.nbytes), "through_hosts": program.through_hosts})

    def new_output(self, type):
        return f"empty({type.shape!r}, {self.name('e', DTYPE_OF_NAME[type.dtype])})"

    def returned(self, number, kind):
        """The line that makes an output what is returned for it, if there is one."""
        return [] if kind == "array" else [f"o{number} = o{number}{'[()]' if kind == 'scalar' else '.item()'}"]

    def through(self, workspace, keep):
        return f"if status: status = through_hosts({workspace}, status, {keep})" * bool(self.program.hosts)


class _ForwardWriter(_LinearBase):
    """Writes the source of a call of the first segment."""

    def written(self, source_of, unchanged):
        plan, program = self.plan, self.program
        self.names.update({"acquire": program.acquire, "release": program.release, "table": new_pointer_table})
        self.arguments()
        self.unless("extra is None")
        if unchanged is not None:
            self.unless_changed(*unchanged)
        make, bind, inputs, primal, late = [], [], [], [], []
        for position, (source, what) in enumerate(plan.inputs):
            name = f"i{position}"
            if source == "late":
                make.append(f"{name} = {self.new_output(what)}")
            elif source == "capture":
                where, named = source_of(what, f"g{position}")
                self.names.update(named)
                make.append(f"{name} = c_copy({where})")
            elif plan.specs[what][0] == "array":
                make.append(f"{name} = {self.variable[what]}.copy()")
            else:
                dtype = plan.specs[what][1] if plan.specs[what][0] == "scalar" else "f64"
                make.append(f"{name} = array({self.variable[what]}, {self.name('e', DTYPE_OF_NAME[dtype])})")
            if source != "late":
                inputs.append(name)
                make.append(f"if {name}.nbytes != {self.nbytes[position]}: raise ValueError")
            bind.append(f"P[{position}] = from_buffer({name})")
        after = []
        for number, (how, kind, type) in enumerate(plan.outputs):
            make.append(f"o{number} = {self.new_output(type)}")
            bind.append(f"P[{len(plan.inputs) + number}] = from_buffer(o{number})")
            (late if how == "late" else primal).append(f"o{number}")
            if how != "late":
                after += self.returned(number, kind)
        leaves, tree = flatten(plan.result)
        count = len(self.nbytes)
        pad = "\n            "
        return f"""
def direct(args, kwargs, extra=None):
    while not busy{'' if plan.kwargs else ' and not kwargs'}:
        try:
            {pad.join(self.lines)}
        except Exception:
            break
        workspace = acquire()
        try:
            {pad.join(make) or 'pass'}
            P = table({count})
            {'; '.join(bind) or 'pass'}
            status = run(workspace.c, P, N, {count}, 0)
            {self.through('workspace', f"({', '.join(inputs + primal)},)")}
        except Exception:
            release(workspace)
            break
        if status:
            release(workspace)
            break
        linear = made([{', '.join(inputs)}], [{', '.join(primal)}], [{', '.join(late)}], workspace, P)
        {'; '.join(after) or 'pass'}
        return {self.built(tree, iter(leaves))}, linear
    return entry.otherwise(args, kwargs, extra)
"""


class _LinearWriter(_LinearBase):
    """Writes the source of a call of the second segment."""

    def written(self, tree, specs, result):
        plan, seeds = self.plan, []

        def leaf(variable):
            self.seed_leaf(specs[len(seeds)], variable)
            seeds.append(variable)

        self.match(tree, "given", leaf)
        make, bind, after = [], [], []
        given = [(name, spec) for name, spec in zip(seeds, specs) if spec is not None]
        first = len(plan.inputs) - len(given)
        for position, (name, spec) in enumerate(given, first):
            if spec[0] != "array":
                make.append(f"{name} = array({name}, {self.name('e', DTYPE_OF_NAME[spec[1]])})")
            make.append(f"b{position} = from_buffer({name})")
            make.append(f"if len(b{position}) != {self.nbytes[position]}: break")
            bind.append(f"P[{position}] = b{position}")
        count_primal = sum(how != "late" for how, _, _ in plan.outputs)
        for number, (how, kind, type) in enumerate(plan.outputs):
            if how == "late":
                late = self.program.late_outputs[number]
                make.append(f"o{number} = {self.new_output(type) if late else f'linear.fixed[{number - count_primal}].copy()'}")
                bind.append(f"P[{len(plan.inputs) + number}] = from_buffer(o{number})")
                after += self.returned(number, kind)
        leaves, shape = flatten(result)
        count, pad = len(self.nbytes), "\n            "
        keep = ", ".join([name for name, _ in given] + [f"o{n}" for n, (how, _, _) in enumerate(plan.outputs) if how == "late"])
        return f"""
def direct(linear, given):
    while True:
        try:
            {pad.join(self.lines)}
        except Exception:
            break
        try:
            {pad.join(make) or 'pass'}
            P = linear.pointers
            with linear.lock:
                {'; '.join(bind)}
                status = run(linear.workspace.c, P, N, {count}, 1)
                {self.through('linear.workspace', f"(linear, {keep})")}
        except {'Exception' if self.program.hosts else '(ValueError, BufferError)'}:
            break
        if status:
            break
        {'; '.join(after) or 'pass'}
        return {self.built(shape, iter(leaves))}
    return linear.general(given)
"""
