"""Encode: from a Schedule and its Layout to the words of a program, through the Assembler of `format.py`.

Runs of scalar instructions are encoded in bulk with NumPy, whatever their length; loops get their block registers here.
Read next: `format.py` and `csrc/program.h` (what the words mean), `program.py` (what executes them).
"""

from functools import partial

import numpy as np

from ..ops import OPS, ROWS
from ..tape.interpret import evaluate
from ..tape.types import DTYPE_OF_NAME, ITEMSIZE
from . import classify
from .format import BITS_OF_SOURCE, FIRST_SOURCE, LOAD, PRODUCTS, STORE, TARGET, Assembler, opcode
from .groups import Loop, Run, Tiles
from .program import HostCall, Program, View
from .rows import NATIVE
from .views import row_major, squeeze, unsqueeze


_ADD, _SUBTRACT, _MULTIPLY = (OPS[name].code for name in ("add", "subtract", "multiply"))


class TileViews:
    """The views through which the groups of Tiles see storages: `given` as the Assembler takes them."""

    def __init__(self, tiles, layout, first):
        self.tiles, self.layout, self.first = tiles, layout, first
        self.last_rows = tiles.n - (tiles.count - 1) * tiles.rows
        self.given, self.numbers = [], {}

    def locate(self, place, access):
        """(buffer, offset, strides) of a place in the body."""
        storage, offset, strides = place
        if access.sums:
            total = access.sums
            start = self.layout.base[total.storage]
            dense = iter(row_major(total.shape, ITEMSIZE[total.dtype]))  # it holds the axes that are not summed over, in C order
            view = self._view(total.storage, ("sum", 0, start, 0, total.step, total.nbytes, total.nbytes))
            return view, 0, tuple(next(dense) if s else 0 for s in strides)
        if not access.stride:
            return (*self.layout.locate(place), strides)
        tiles, rows = self.tiles, (self.tiles.rows, self.last_rows)
        if storage in tiles.local:
            blocks, block, piece = self._blocks(storage, access), tiles.n * access.stride, tiles.rows * access.stride
            view = self._view(storage, ("local", 0, tiles.local[storage], 0, 0, *[(blocks - 1) * piece + k * access.stride for k in rows]))
            beyond, inside = divmod(offset, block)
            return view, beyond * piece + inside, tuple(s // block * piece if abs(s) >= block else s for s in strides)
        kind = "write" if storage in tiles.tiled else "read"
        first = 0 if access.across else access.shift * access.stride
        beyond = (self._blocks(storage, access) - 1) * tiles.n * access.stride if access.across else 0
        buffer, start = self.layout.locate((storage, first))
        given = kind, buffer, start, tiles.rows * access.stride, 0, *[beyond + k * access.stride for k in rows]
        return self._view((storage, access.stride, first, access.across), given), offset - first, strides

    def _blocks(self, storage, access):
        """How many times the tiled axis stands in a storage."""
        return self.layout.schedule.nbytes_of(storage) // (self.tiles.n * access.stride)

    def _view(self, key, given):
        number = self.numbers.get(key)
        if number is None:
            number = self.numbers[key] = self.first + len(self.given)
            self.given.append(given)
        return number


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
        self.form, self.itemsizes = self.facts.form.tolist(), [ITEMSIZE[dtype] for dtype in self.facts.dtype]
        self._scalar_words()

    def program(self):
        self.words_of_groups()
        assembler, layout = self.assembler, self.layout
        return Program(assembler.program(layout.arena_bytes), layout.constants, layout.arena_bytes, assembler.buffers, assembler.segments,
                       self.hosts, self.guards, self.inputs, self.outputs)

    def words_of_groups(self):
        """Append the words of all segments."""
        bounds = self.schedule.bounds
        for segment, finals in enumerate(self.schedule.finals):
            for g in range(bounds[segment], bounds[segment + 1]):
                group = self.schedule.groups[g]
                if isinstance(group, Run):
                    self._run(group)
                elif isinstance(group, Loop):
                    self._loop(group)
                elif isinstance(group, Tiles):
                    self._tiles(group)
                else:
                    self._step(group)
            for position, v in finals:
                buffer = len(self.inputs) + 1 + position
                self.assembler.store(self.outputs[position].dtype, int(self.layout.address[v]), buffer, 0)
            self.assembler.end()

    # -- scalars

    def _scalar_words(self):
        """Prepare three words for each record and move (a row that is no scalar instruction is never looked at), and their number."""
        facts, moves = self.facts, self.schedule.moves
        n = facts.n
        self.words = words = np.zeros((n + len(moves), 3), dtype=np.uint64)
        self.n_words = n_words = np.full(n + len(moves), 2, dtype=np.int64)
        slot = (self.layout.address >> 3).astype(np.uint64)
        self.opcode_of_form = [opcode(*name) if name else 0 for name in facts.instruction_of_form]
        opcodes = np.array(self.opcode_of_form, dtype=np.uint64)
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
            self._join_products(slot)
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

    def _join_products(self, slot):
        """Let a product that one sum of the same run reads, and nothing else, be computed in the instruction of the sum.

        The sum then waits for no memory between the two, which is most of the time that a long chain of scalars takes. The factors must
        still be there when the sum comes: they lie in slots of their own, which are written once.
        """
        facts, arange = self.facts, np.arange(self.facts.n)
        first, operands, op = facts.first_column[:-1], facts.operand_column, facts.op_column
        types = facts.tape.types
        scalar = (facts.kind_column == classify.SCALAR) & np.array([t.dtype == "f64" for t in types])[facts.type_column]
        sums = np.flatnonzero(scalar & np.isin(op, (_ADD, _SUBTRACT)))
        if not len(sums):
            return
        uses = np.bincount(operands, minlength=facts.n)
        uses[facts.tape.outputs] += 2
        pos = np.array(self.schedule.pos)
        own = (self.layout.home == arange) & np.array([size == 1 for size in facts.size])[facts.type_column]
        product = np.flatnonzero(scalar & (op == _MULTIPLY) & (uses == 1))
        fits = np.zeros(facts.n, dtype=bool)
        fits[product] = own[operands[first[product]]] & own[operands[first[product] + 1]]
        sides = operands[first[sums]], operands[first[sums] + 1]
        left, right = (fits[side] & (pos[side] == pos[sums]) for side in sides)
        right &= ~left | (sides[1] > sides[0])  # the one that has been computed last
        joins = left | right
        sums, right = sums[joins], right[joins]
        product, other = (np.where(right, sides[take][joins], sides[1 - take][joins]) for take in (1, 0))
        codes = np.where(op[sums] == _ADD, PRODUCTS["multiply_add"], np.where(right, PRODUCTS["subtract_product"], PRODUCTS["multiply_subtract"]))
        self.words[sums, 0] = codes.astype(np.uint64) | slot[sums] << np.uint64(32)
        self.words[sums, 1] = slot[operands[first[product]]] | slot[operands[first[product] + 1]] << np.uint64(32)
        self.words[sums, 2] = slot[other]
        self.n_words[sums], self.n_words[product] = 3, 0

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

    def _loop(self, loop):
        locate = self.layout.locate
        inputs = [(*locate(place), dtype, place[2]) for place, dtype in loop.reads]
        outputs = [(kind, *locate(place), dtype, place[2]) for kind, _, dtype, place in loop.writes]
        self._assemble_loop(self.assembler, loop, loop.shape, inputs, outputs)

    def _assemble_loop(self, assembler, loop, shape, inputs, outputs):
        """Assemble a loop; inputs [(buffer, offset, dtype, strides)], outputs [(kind, buffer, offset, dtype, strides)]."""
        form, opcodes, type_, itemsizes = self.form, self.opcode_of_form, self.facts.type, self.itemsizes
        last_use = {}
        for k, sources in loop.steps:
            for source in sources:
                last_use[source] = k
        for _, source, _, _ in loop.writes:
            last_use[source] = None
        register = {-1 - j: j for j in range(len(inputs))}  # of each source
        size = [ITEMSIZE[dtype] for _, _, dtype, _ in inputs]  # of what each register holds
        free, micros = [], []
        for k, sources in loop.steps:
            itemsize, target, dying = itemsizes[type_[k]], -1, []
            word, shift = opcodes[form[k]], FIRST_SOURCE
            for source in sources:
                r = register[source]
                word |= r << shift
                shift += BITS_OF_SOURCE
                if last_use[source] == k and r != target and r not in dying:
                    # A result may take the register of an operand that dies, but not when it would overtake it: elements of the same size only.
                    if target < 0 and size[r] == itemsize:
                        target = r
                    else:
                        dying.append(r)
            if target < 0:
                if free:
                    target = free.pop()
                else:
                    target = len(size)
                    size.append(itemsize)
            size[target] = itemsize
            free += dying
            register[k] = target
            if k not in last_use:
                free.append(target)
            micros.append(word | target << TARGET)
        loop.registers = len(size)
        outputs = [(kind, register[source], *rest) for (kind, *rest), (_, source, _, _) in zip(outputs, loop.writes)]
        assembler.packed_loop(shape, inputs, micros, outputs)

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

    # -- tiles

    def _tiles(self, tiles):
        assembler, (locate, base) = self.assembler, (self.layout.locate, self.layout.base)
        views = TileViews(tiles, self.layout, len(assembler.buffers) + 1)
        bodies = []
        for rows in dict.fromkeys((tiles.rows, views.last_rows)):
            body = assembler.body()
            for group, role, accesses in zip(tiles.groups, tiles.roles, tiles.accesses):
                if isinstance(group, Loop):
                    self._loop_in_tile(body, views, rows, group, role, accesses)
                else:
                    self._step_in_tile(body, views, rows, group, role, accesses)
            body.end()
            bodies.append(body.words)
        assembler.tiles(tiles.parts, tiles.count, tiles.threads, views.given, *bodies, *[None] * (2 - len(bodies)))
        for total in tiles.sums:
            inputs = [(0, base[total.storage], total.dtype, (total.step, *row_major(total.shape, ITEMSIZE[total.dtype])))]
            outputs = [(total.kind, 0, *locate(total.place), total.dtype, (0, *total.place[2]))]
            assembler.loop((tiles.parts, *total.shape), inputs, [], outputs)

    def _loop_in_tile(self, body, views, rows, loop, axis, accesses):
        inputs, outputs = [], []
        for (place, dtype), access in zip(loop.reads, accesses):
            buffer, offset, strides = views.locate(place, access)
            inputs.append((buffer, offset, dtype, strides))
        for (kind, _, dtype, place), access in zip(loop.writes, accesses[len(inputs):]):
            buffer, offset, strides = views.locate(place, access)
            outputs.append(("add" if access.sums else kind, buffer, offset, dtype, strides))
        self._assemble_loop(body, loop, (*loop.shape[:axis], rows, *loop.shape[axis + 1:]), inputs, outputs)

    def _step_in_tile(self, body, views, rows, step, role, accesses):
        if step.name == "matmul":
            return self._matmul_in_tile(body, views, rows, step, role.name, accesses)
        places = [place for _, place in step.operands] + [step.result[1]]
        axis = self.facts.tape.params_of(step.record)[0]
        # The accesses stand in the order of the instruction's operands.
        if step.name in ("take", "take_set", "take_add"):
            large, indices = (step.operands[0][0], step.operands[1][0]) if step.name == "take" else (step.result[0], step.operands[0][0])
            order = (0, 1, 2) if step.name == "take" else (2, 0, 1)
            (outer, n, inner), count = self._around(large.shape, axis), classify.count(indices.shape)
            outer, count = (rows, count) if role.name == "outer" else (outer, rows)
            first, second, third = [views.locate(places[k], access)[:2] for k, access in zip(order, accesses)]
            if step.name == "take":
                body.take(large.dtype, outer, n, inner, count, first, second, third)
            else:
                body.take_update(step.name[5:], large.dtype, outer, n, inner, count, first, second, third)
            return None
        type = step.operands[0][0]
        _, n, inner = self._around(type.shape, axis)
        getattr(body, step.name)(type.dtype, rows, n, inner, *[views.locate(place, access)[:2] for place, access in zip(places, accesses)])
        return None

    def _matmul_in_tile(self, body, views, rows, step, axis, accesses):
        (a, a_at), (b, b_at) = step.operands
        result, at = step.result
        operands = []
        for type, place, access in zip((a, b, result), (a_at, b_at, at), accesses):
            buffer, offset, strides = views.locate(place, access)
            strides = unsqueeze(type.shape, strides)
            operands.append((buffer, offset, strides[:-2], strides[-2], strides[-1]))
        (*batch, m, k), n = a.shape, b.shape[-1]
        sides = {"m": m, "n": n, "k": k, **dict(enumerate(batch)), axis: rows}
        body.matmul(a.dtype, [sides[j] for j in range(len(batch))], sides["m"], sides["n"], sides["k"], *operands, adds=axis == "k")

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
