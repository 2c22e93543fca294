"""The answer behind `autodiff` in forward mode: tangents go in through the user's shadows, and out through those of written arguments."""

from __future__ import annotations

import numpy as np

from .answers import as_kind, filled_like, new_arrays, tangents_of
from .autodiff_answers import AutodiffAnswer
from .kernel.direct_key import Out
from .passes import derive, forward
from .recording import inline
from .seeds import checked_seed
from .tape.types import DTYPE_OF_NAME


class ForwardAnswer(AutodiffAnswer):
    """Outputs: results, if wanted; final values of written leaves; tangents of the results; tangents of written leaves."""

    def differentiate(self, builder):
        results, finals = self.results_and_finals(builder)
        self.check_constants(builder, finals)
        sources = self.sources(builder)
        first_seed = len(builder.tape.inputs)
        seeds = [builder.input(builder.type_of(s), f"dot{k}") for k, s in enumerate(sources)]
        if self.batched:
            self.late = range(first_seed, len(builder.tape.inputs))
        self.set_to = [k for k in self.shadowed if k in finals]
        targets = ([] if self.constant else results) + [finals[k] for k in self.set_to]
        dots = forward(builder, dict(zip(sources, seeds)), targets)
        self.results_out = results if self.with_primal else []
        primal = self.results_out + [finals[k] for k in self.primals_out]
        self.first = len(primal)
        self.kinds = self.primal_kinds() + [leaf.kind for leaf in self.traced_outputs] * (not self.constant) + ["array"] * len(self.set_to)
        return primal + [filled_like(builder, t, 0) if d is None else d for t, d in zip(targets, dots)]

    def run(self, program, inputs, leaves, extra):
        self.check_shadows(extra, leaves, self.set_to)
        self.check_primals(leaves, extra)
        outputs = new_arrays(program.outputs)
        rows = []
        if not self.batched:
            program.run(inputs + self.seeds(extra, 0), outputs)
            rows.append(outputs[self.first:])
        else:
            workspace = program.acquire()
            try:
                program.run(inputs + self.seeds(extra, 0), outputs, workspace=workspace, segment=0)
                primal, fixed = outputs[:self.first], outputs[self.first:]
                for i in range(extra.width):
                    dots = [np.array(array) for array in fixed]
                    if len(program.segments) > 1:
                        program.run(inputs + self.seeds(extra, i), primal + dots, workspace=workspace, segment=1)
                    rows.append(dots)
            finally:
                program.release(workspace)
        for i, dots in enumerate(rows):
            for k, dot in zip(self.set_to, dots[self.count_results:]):
                extra.of_leaf[k][i][...] = dot
        self.write_primals(leaves, outputs[len(self.results_out):self.first])
        tangents = [self.tangents([as_kind(dot, leaf.kind) for dot, leaf in zip(dots, self.traced_outputs)]) for dots in rows]
        tangents = extra.by_sweep(tangents)
        if not self.with_primal:
            return tangents
        return tangents, self.results(outputs)

    def plan(self, specs, program):
        if self.batched:
            return None
        outputs = self.primal_outputs(program)
        dots = [("new", leaf.kind) for leaf in self.traced_outputs] * (not self.constant) + [("shadow", k) for k in self.set_to]
        outputs += [(how, what, type) for (how, what), type in zip(dots, program.outputs[self.first:])]
        inputs = self.recording.inputs + [("shadow" if k in self.set_to else "tangent", k) for k in self.recording.differentiated]
        return self.shadow_plan(specs, inputs, outputs, self.tangents([Out(self.first + k) for k in range(self.count_results)]))

    @property
    def count_results(self):
        """The number of tangents that belong to results."""
        return 0 if self.constant else len(self.traced_outputs)

    def tangents(self, dots):
        return None if self.constant else tangents_of(self, dots)

    def seeds(self, extra, sweep):
        """The input arrays of the tangents; copies of those that the sweep writes."""
        out = []
        for k in self.recording.differentiated:
            dot = np.require(extra.of_leaf[k][sweep], DTYPE_OF_NAME[self.type_of_leaf(k).dtype], ("C", "A"))
            out.append(np.array(dot) if k in self.set_to else dot)
        return out

    def inline(self, recording, inputs, leaves, extra):
        self.check_traced(leaves, extra, [k for k in self.shadowed if k in recording.written])
        tape = derive(recording.tape, self.differentiate)
        rows = []
        for i in range(extra.sweeps):
            dots = [extra.of_leaf[k][i] for k in recording.differentiated]
            dots = [checked_seed(dot, self.type_of_leaf(k), f"autodiff: the tangent of {self.paths[k]}") for k, dot in zip(recording.differentiated, dots)]
            dots = [dot.copy() if k in self.set_to else dot for k, dot in zip(recording.differentiated, dots)]
            values = inline(tape, [*inputs, *dots], self.kinds)
            for k, value in zip(self.set_to, values[self.first + self.count_results:]):
                extra.of_leaf[k][i][...] = value
            rows.append(self.tangents(values[self.first:]))
        self.write_primals(leaves, values[len(self.results_out):self.first])
        tangents = extra.by_sweep(rows)
        if not self.with_primal:
            return tangents
        return tangents, self.result(values[:len(self.traced_outputs)])
