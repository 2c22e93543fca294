"""Encode: from a Schedule and its Layout to the words of a program, through the Assembler of `format.py`.

Runs of scalar instructions are encoded in bulk with NumPy, whatever their length; loops get their block registers here.
Read next: `format.py` and `csrc/program.h` (what the words mean), `program.py` (what executes them).
"""

from functools import partial

import numpy as np

from ..ops import ROWS
from ..tape.interpret import evaluate
from ..tape.types import DTYPE_OF_NAME, ITEMSIZE
from . import classify
from .format import LOAD, STORE, Assembler, opcode
from .fuse import Loop, Run
from .program import HostCall, Program, View
from .rows import NATIVE
from .views import row_major, squeeze, unsqueeze


class Encoder:
    """Writes the groups of a schedule, segment by segment."""

    def __init__(self, schedule, layout):
        self.schedule, self.layout, self.facts = schedule, layout, schedule.facts
        tape = self.facts.tape
        self.inputs = [tape.type_of(k) for k in tape.inputs]
        self.outputs = [tape.type_of(k) for k in tape.outputs]
        types = self.inputs + self.outputs
        buffers = [(classify.count(t.shape) * ITEMSIZE[t.dtype], ITEMSIZE[t.dtype], k >= len(self.inputs)) for k, t in enumerate(types)]
        self.assembler = Assembler(buffers)
        self.assembler.constants(layout.constants)
        self.hosts, self.guards = [], []
        self._scalar_words()

    def program(self):
        bounds = self.schedule.bounds
        for segment, finals in enumerate(self.schedule.finals):
            for g in range(bounds[segment], bounds[segment + 1]):
                group = self.schedule.groups[g]
                if isinstance(group, Run):
                    self._run(group)
                elif isinstance(group, Loop):
                    self._loop(g, group)
                else:
                    self._step(group)
            for position, v in finals:
                buffer = len(self.inputs) + 1 + position
                self.assembler.store(self.outputs[position].dtype, int(self.layout.address[v]), buffer, 0)
            self.assembler.end()
        assembler, layout = self.assembler, self.layout
        return Program(assembler.program(layout.arena_bytes), layout.constants, layout.arena_bytes, assembler.buffers, assembler.segments,
                       self.hosts, self.guards, self.inputs, self.outputs)

    # -- scalars

    def _scalar_words(self):
        """Prepare three words for each record and move (a row that is no scalar instruction is never looked at), and their number."""
        facts, moves = self.facts, self.schedule.moves
        n = facts.n
        self.words = words = np.zeros((n + len(moves), 3), dtype=np.uint64)
        self.n_words = n_words = np.full(n + len(moves), 2, dtype=np.int64)
        slot = (self.layout.address >> 3).astype(np.uint64)
        opcodes = np.array([opcode(*name) if name else 0 for name in facts.instruction_of_form], dtype=np.uint64)
        operands = slot[facts.operand_column] if len(facts.operand_column) else np.zeros(1, dtype=np.uint64)
        first, arity = facts.first_column[:-1], np.diff(facts.first_column)
        last = len(operands) - 1
        if n:
            words[:n, 0] = opcodes[facts.form] | slot << np.uint64(32)
            words[:n, 1] = operands[np.minimum(first, last)]
            two = np.flatnonzero(arity > 1)
            words[two, 1] |= operands[first[two] + 1] << np.uint64(32)
            three = np.flatnonzero(arity > 2)
            words[three, 2] = operands[first[three] + 2]
            n_words[three] = 3
        locate = self.layout.locate
        for k, (name, dtype, target, a, b) in enumerate(moves, n):
            (_, d), (buffer, at) = locate(target), locate(a)
            if name == "add":
                words[k] = opcode("add", dtype) | d >> 3 << 32, at >> 3 | locate(b)[1] >> 3 << 32, 0
            else:
                codes = LOAD
                if name == "store":
                    codes, (buffer, at), (_, d) = STORE, locate(target), locate(a)
                words[k] = codes[dtype] | d >> 3 << 32, buffer, at
                n_words[k] = 3

    def _run(self, run):
        if run.items:
            items = np.array(run.items)
            self.assembler.words.frombytes(self.words[items][np.arange(3) < self.n_words[items][:, None]].tobytes())
        facts = self.facts
        for k, place in run.guards:
            type = facts.tape.type_of(facts.operands[facts.first[k]])
            dtype = type.dtype if type.dtype in NATIVE else "bool"
            nbytes = classify.count(type.shape) * ITEMSIZE[type.dtype]
            self.assembler.guard(len(self.guards), dtype, nbytes, self.layout.locate(place), self.layout.expected[k])
            self.guards.append((k, facts.tape.params_of(k)[0]))

    # -- loops

    def _loop(self, g, loop):
        schedule, facts, locate = self.schedule, self.facts, self.layout.locate
        register_of_input, inputs = {}, []

        def read(place, dtype):
            """The register, as a negative number, of the input at a place (storage, offset, strides)."""
            key = (place, dtype)
            found = register_of_input.get(key)
            if found is None:
                found = register_of_input[key] = -1 - len(inputs)
                inputs.append((*locate(place), dtype, place[2]))
            return found

        steps, last_use = [], {}
        for k in loop.records:
            sources = []
            for o in facts.operands_of(k):
                if schedule.register[o] == g:
                    sources.append(schedule.alias.get(o, o))
                else:
                    storage, offset, strides = schedule.where(o)
                    sources.append(read((storage, offset, schedule.over(o, strides, k)), facts.dtype[facts.type[o]]))
                last_use[sources[-1]] = k
            steps.append((k, sources))
        closings = [("store", k, facts.dtype[facts.type[k]], schedule.where(k)) for k in loop.records if k in schedule.stored]
        for kind, source, dtype, place in loop.closings:
            closings.append((kind, read(source, dtype) if type(source) is tuple else source, dtype, place))
        for _, source, _, _ in closings:
            last_use[source] = None

        register = {-1 - j: j for j in range(len(inputs))}  # of each source
        size = [ITEMSIZE[dtype] for _, _, dtype, _ in inputs]  # of what each register holds
        free, micros = [], []
        for k, sources in steps:
            registers = [register[source] for source in sources]
            dying = {register[source] for source in sources if last_use[source] == k}
            itemsize = ITEMSIZE[facts.dtype[facts.type[k]]]
            # A result may take the register of an operand that dies, but not when it would overtake it: elements of the same size only.
            target = next((r for r in dying if size[r] == itemsize), None)
            if target is not None:
                dying.discard(target)
            elif free:
                target = free.pop()
            else:
                target = len(size)
                size.append(itemsize)
            size[target] = itemsize
            free.extend(dying)
            register[k] = target
            if k not in last_use:
                free.append(target)
            micros.append((*facts.instruction_of_form[facts.form[k]], target, *registers))
        loop.registers = len(size)
        outputs = [(kind, register[source], *locate(place), dtype, place[2]) for kind, source, dtype, place in closings]
        self.assembler.loop(loop.shape, inputs, micros, outputs)

    # -- steps

    def _step(self, step):
        if step.name in ("host", "copy"):
            self._host(step)
        elif step.name == "matmul":
            self._matmul(step)
        elif step.name in ("take", "take_set", "take_add"):
            self._take(step)
        else:
            (type, place), = step.operands
            outer, n, inner = self._around(type.shape, self.facts.tape.params_of(step.record)[0])
            getattr(self.assembler, step.name)(type.dtype, outer, n, inner, self.layout.locate(place), self.layout.locate(step.result[1]))

    @staticmethod
    def _around(shape, axis):
        """(elements before, along, after) an axis."""
        return classify.count(shape[:axis]), shape[axis], classify.count(shape[axis + 1:])

    def _take(self, step):
        axis = self.facts.tape.params_of(step.record)[0]
        (first, first_at), (second, second_at) = step.operands
        result, result_at = step.result
        locate = self.layout.locate
        if step.name == "take":
            around, count = self._around(first.shape, axis), classify.count(second.shape)
            self.assembler.take(result.dtype, *around, count, locate(first_at), locate(second_at), locate(result_at))
        else:
            around, count = self._around(result.shape, axis), classify.count(first.shape)
            self.assembler.take_update(step.name[5:], result.dtype, *around, count, locate(result_at), locate(first_at), locate(second_at))

    def _matmul(self, step):
        (a, a_at), (b, b_at) = step.operands
        result, at = step.result

        def operand(type, place):
            strides = unsqueeze(type.shape, place[2])
            return (*self.layout.locate(place), strides[:-2], strides[-2], strides[-1])

        (*batch, m, k), n = a.shape, b.shape[-1]
        self.assembler.matmul(a.dtype, batch, m, n, k, operand(a, a_at), operand(b, b_at), operand(result, at))

    def _host(self, step):
        facts, locate = self.facts, self.layout.locate
        views, looks = [], []
        for type, place in step.operands:
            if place[2] == row_major(squeeze(type.shape), ITEMSIZE[type.dtype]):
                views.append(View(*locate(place), type.dtype, type.shape))
                looks.append(None)
            else:  # the whole storage, through which the function looks with strides
                views.append(View(*locate((place[0], 0)), type.dtype, (self.schedule.size_of(place[0]),)))
                looks.append((type.shape, DTYPE_OF_NAME[type.dtype], place[1], unsqueeze(type.shape, place[2])))
        call = (_copy,) if step.name == "copy" else (_evaluate, ROWS[facts.op[step.record]], facts.tape.params_of(step.record))
        result = View(*locate(step.result[1]), *step.result[0])
        self.assembler.host(len(self.hosts), result.buffer)
        self.hosts.append(HostCall(partial(_look, looks, *call), views, result))


def _look(looks, function, *arguments):
    """Call the function with the last arrays seen through strides where `looks` says so."""
    fixed = len(arguments) - len(looks)
    seen = list(arguments[fixed:])
    for j, look in enumerate(looks):
        if look is not None:
            shape, dtype, offset, strides = look
            seen[j] = np.ndarray(shape, dtype, seen[j], offset, strides)
    return function(*arguments[:fixed], *seen)


def _evaluate(row, params, *values):
    return evaluate(row, values, params)


def _copy(array):
    return array
