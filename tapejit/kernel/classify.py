"""What each record becomes in the kernel, and in which phase it runs. Comes before `fuse.py`, which groups the records.

A record's kind follows from its op and its types alone, so it is decided once per distinct (op, last operand's type, type) and spread
over the records with NumPy. `Facts` is what the later stages ask of a tape: the columns as lists, the types taken apart.
"""

import numpy as np

from ..ops import ROWS
from ..tape.tape import CONSTANT, GUARD, HOST, INPUT
from ..tape.types import ITEMSIZE
from .format import REDUCIBLE, opcode
from .rows import NATIVE
from .views import row_major, squeeze

KINDS = ("skip", "scalar", "elementwise", "view", "reduction", "update", "take_update", "concatenate", "fill", "step", "guard", "host")
(SKIP, SCALAR, ELEMENTWISE, VIEW, REDUCTION, UPDATE, TAKE_UPDATE, CONCATENATE, FILL, STEP, GUARDED, HOSTED) = range(len(KINDS))

VIEWS = frozenset(("index", "reshape", "transpose", "broadcast", "recompute"))
REDUCTIONS = frozenset(("sum", "prod", "max", "min", "any", "all"))
IDENTITY = {"sum": 0, "matmul": 0, "prod": 1, "any": False, "all": True}  # the result where there is nothing to combine
NUMBERS = ("i32", "i64", "f32", "f64")
STEPS = {"matmul": NUMBERS, "take": NATIVE, "cumsum": NUMBERS, "cumprod": NUMBERS, "argsort": NATIVE, "argmax": NATIVE, "argmin": NATIVE}
UPDATES = {"index_set": "store", "index_add": "add", "take_set": "set", "take_add": "add"}


def instruction(row, operand, result):
    """The name of the elementwise instruction of a record, None when the kernel has none: then the record is a host call of its row."""
    name = f"cast_{result.dtype}" if row.name == "cast" else row.name
    return None if opcode(name, operand.dtype) is None else name


def kind_of(row, operand, result):
    """The kind of a record by its row, the type of its last operand (None: no operands) and the type of its result."""
    if row.code in (INPUT, CONSTANT):
        return SKIP
    size = count(result.shape)
    if row.code == GUARD:
        return GUARDED if size else SKIP
    if size == 0:
        return SKIP
    if row.code == HOST or operand is None:
        return HOSTED
    name = row.name
    same_size = count(operand.shape) == size
    if name in VIEWS or (name == "cast" and operand == result) or (name in REDUCTIONS and same_size and operand.dtype == result.dtype):
        return VIEW
    if name in UPDATES and count(operand.shape) == 0:
        return VIEW
    if result.dtype not in NATIVE or operand.dtype not in NATIVE:
        return HOSTED
    if row.kind == "elementwise" or name == "cast":
        if instruction(row, operand, result) is None:
            return HOSTED
        return SCALAR if size == 1 else ELEMENTWISE
    if name in IDENTITY and count(operand.shape) == 0:
        return FILL
    if name in REDUCTIONS:
        return REDUCTION if operand.dtype in REDUCIBLE[name] else HOSTED
    if name in ("index_set", "index_add"):
        return UPDATE if name == "index_set" or result.dtype != "bool" else HOSTED
    if name in ("take_set", "take_add"):
        return TAKE_UPDATE if name == "take_set" or result.dtype != "bool" else HOSTED
    if name == "concatenate":
        return CONCATENATE
    if name in STEPS:
        # take ends in its indices, so its dtype is the result's
        return STEP if (result.dtype if name == "take" else operand.dtype) in STEPS[name] else HOSTED
    return HOSTED


def count(shape):
    """The number of elements."""
    n = 1
    for k in shape:
        n *= k
    return n


class Facts:
    """A tape as the compiler reads it: columns as Python lists and as NumPy arrays, types taken apart, records classified.

    kind[k]            the kind of record k (see KINDS)
    phases             the record ids of each phase, in tape order: 0 guards and what they need, 1 the rest, 2 and 3 the same
                       for what depends on a late input. Phases 0 and 1 are segment 0 of the program, 2 and 3 segment 1
    late               a flag per record, or None when there are no late inputs
    added              output positions whose buffers are added to
    last[k]            rank (place in the concatenated phases) of the last record that reads k; `never` for outputs
    """

    def __init__(self, tape, late_inputs, added=()):
        self.tape = tape
        self.added = frozenset(added)
        self.n = len(tape)
        self.op_column = np.array(tape.op, dtype=np.int64)
        self.op = self.op_column.tolist()
        self.type_column = np.array(tape.type, dtype=np.int64)
        self.operand_column = np.array(tape.operands, dtype=np.int64)
        self.first_column = np.array(tape.first, dtype=np.int64)
        self.first = self.first_column.tolist()
        self.operands = self.operand_column.tolist()
        self.type = self.type_column.tolist()
        self.shape = [t.shape for t in tape.types]
        self.dtype = [t.dtype for t in tape.types]
        self.squeezed = [squeeze(t.shape) for t in tape.types]
        self.size = [count(t.shape) for t in tape.types]
        self.strides = [row_major(squeezed, ITEMSIZE[dtype]) for squeezed, dtype in zip(self.squeezed, self.dtype)]
        self._classify()
        self._order(late_inputs)

    def uses(self):
        """How often each value is used, by records and as an output."""
        outputs = np.array(self.tape.outputs, np.int64)
        return np.bincount(self.operand_column, minlength=self.n) + np.bincount(outputs, minlength=self.n)

    def views_and_updates(self):
        """The ids of the records of these kinds in the order in which they run."""
        order = self.order
        return order[np.isin(self.kind_column[order], (VIEW, UPDATE, TAKE_UPDATE))].tolist()

    def operands_of(self, k):
        return self.operands[self.first[k]:self.first[k + 1]]

    def _classify(self):
        tape, n_types = self.tape, len(self.tape.types)
        arity = np.diff(self.first_column)
        self.user = np.repeat(np.arange(self.n), arity)  # the record that reads operands[j]
        last_operand = np.zeros(self.n, dtype=np.int64)
        given = arity > 0
        last_operand[given] = self.operand_column[self.first_column[1:][given] - 1]
        operand_type = np.where(given, self.type_column[last_operand], n_types) if self.n else last_operand
        keys = (self.op_column * (n_types + 1) + operand_type) * n_types + self.type_column
        distinct, self.form = np.unique(keys, return_inverse=True)
        kinds, self.instruction_of_form = [], []  # per distinct form
        for key in distinct.tolist():
            rest, result = divmod(key, n_types)
            code, operand = divmod(rest, n_types + 1)
            row, result = ROWS[code], tape.types[result]
            operand = tape.types[operand] if operand < n_types else None
            kind = kind_of(row, operand, result)
            kinds.append(kind)
            self.instruction_of_form.append((instruction(row, operand, result), operand.dtype) if kind in (SCALAR, ELEMENTWISE) else None)
        self.kind_column = np.array(kinds, dtype=np.int64)[self.form] if self.n else self.form
        self.kind = self.kind_column.tolist()

    def _order(self, late_inputs):
        n, first, operands = self.n, self.first, self.operands
        self.late = late = None
        if late_inputs:
            self.late = late = bytearray(n)
            seeds = {self.tape.inputs[position] for position in late_inputs}
            for k in range(n):
                if k in seeds:
                    late[k] = 1
                else:
                    for o in operands[first[k]:first[k + 1]]:
                        if late[o]:
                            late[k] = 1
                            break
        guards = np.flatnonzero(self.kind_column == GUARDED)
        phase = np.ones(n, dtype=np.uint8)
        if len(guards):
            needed = bytearray(n)
            for k in guards.tolist():
                needed[k] = 1
            for k in range(int(guards[-1]), -1, -1):
                if needed[k]:
                    for o in operands[first[k]:first[k + 1]]:
                        needed[o] = 1
            phase -= np.frombuffer(needed, dtype=np.uint8)
        if late is not None:
            phase += 2 * np.frombuffer(late, dtype=np.uint8)
        self.order = order = np.argsort(phase, kind="stable")
        bounds = np.searchsorted(phase[order], np.arange(5))
        self.phases = [order[bounds[p]:bounds[p + 1]].tolist() for p in range(4)]
        self.rank = np.empty(n, dtype=np.int64)
        self.rank[order] = np.arange(n)
        self.never = n
        last = np.full(n, -1, dtype=np.int64)
        np.maximum.at(last, self.operand_column, self.rank[self.user])
        last[np.array(self.tape.outputs, dtype=np.int64)] = self.never
        self.last = last.tolist()
        self.rank = self.rank.tolist()
        self.used_late = None
        if late is not None:
            used = np.zeros(n, dtype=bool)
            used[self.operand_column[np.frombuffer(late, dtype=np.uint8)[self.user] != 0]] = True
            self.used_late = used.tolist()
