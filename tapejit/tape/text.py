"""The text form of a tape.

    tape f(x: f64[5])
      %2 = greater x 0.0           : bool[5]   # model.py:3
      %3 = index x [0]             : f64[]     # model.py:4
      guard %3 is True                         # model.py:4
      %5 = sum x axes=(0,)         : f64[]     # model.py:5
      return %5

A register `%k` is the value of record k; inputs go by their names. 0-d constants stand where they are used (so their
numbers are missing on the left), basic indices are written as slices, and long arrays are abbreviated. With full=True
every record has its line, every element and every directory is printed, and `parse_tape` gives an equal tape back.
In reading form too the text can be parsed as long as no array was abbreviated: tests are written in it.
Read next: `parse.py` (the parser), `verify.py` (when a tape is well formed).
"""

import ast
import os
import re
import sys

import numpy as np

from ..ops import DTYPES, OPS, ROWS
from ..ops.table import Type
from .parse import NAME, RESERVED, parse_tape
from .tape import CONSTANT, GUARD, HOST, INPUT, HostFunction, Literal
from .types import type_of

__all__ = ["parse_tape", "print_tape", "record_text", "source_text", "table_rows", "type_text"]

SHOWN = 6  # elements of an array constant in reading form


def print_tape(tape, full=False):
    """The tape as text: for reading, or with full=True for `parse_tape` to give an equal tape back."""
    names = _names(tape, full)
    header = f"tape {_tape_name(tape.name)}({', '.join(_input_text(tape, names, id) for id in tape.inputs)})"
    rows = table_rows(tape, full)
    left = max((len(text) for text, _, _ in rows if len(text) <= 48), default=0)  # longer statements stick out
    middle = max(len(type) for _, type, _ in rows)
    return "\n".join([header] + [f"  {text:<{left}}  {type:<{middle}}  {line}".rstrip() for text, type, line in rows])


def table_rows(tape, full=False):
    """(statement, type, line) of each line of the text after the header, `return` included."""
    names = _names(tape, full)
    rows = [row for k in range(len(tape)) if (row := _row(tape, names, k, full)) is not None]
    rows.append((f"return {', '.join(names[id] for id in tape.outputs)}".rstrip(), "", ""))
    return rows


def record_text(tape, k):
    """One record on one line, as the reading form shows it."""
    row = _row(tape, _names(tape, False), k, False)
    return " ".join(part for part in row if part) if row else f"%{k} = {_value_text(tape.params_of(k)[0], False)}"


def _names(tape, full):
    """value id -> how it is written where it is used."""
    names = [f"%{k}" for k in range(len(tape))]
    taken = set()
    for k, code in enumerate(tape.op):
        if code == INPUT:
            name = tape.params_of(k)[1]
            if isinstance(name, str) and NAME.match(name) and name not in RESERVED and name not in OPS and name not in taken:
                taken.add(name)
                names[k] = name
        elif code == CONSTANT and not full and not tape.type_of(k).shape:
            names[k] = _scalar_text(tape.params_of(k)[0].array)
    return names


def _tape_name(name):
    return name if re.fullmatch(r"[\w.<>]+", name) else repr(name)


def _input_text(tape, names, id):
    name = tape.params_of(id)[1]
    quoted = "" if names[id] == name or name is None else f" {name!r}"
    return f"{names[id]}{quoted}: {type_text(tape.type_of(id))}"


def _row(tape, names, k, full):
    """(statement, type, line) of record k, or None where the record is told elsewhere."""
    row, params, operands = ROWS[tape.op[k]], tape.params_of(k), [names[o] for o in tape.operands_of(k)]
    line = _line_text(tape.line_of(k), full)
    if row.code == INPUT:
        if k < _told_by_header(tape):
            return None
        return f"{names[k]} = input", "", line
    if row.code == GUARD:
        return f"guard {operands[0]} is {_value_text(params[0], full)}", "", line
    type = tape.type_of(k)
    if row.code == CONSTANT:
        if names[k] != f"%{k}":
            return None
        words = ["constant", _elements_text(params[0].array, full)]
    elif row.code == HOST:
        words = ["host", *_host_words(params[0], operands, full)]
    else:
        words = [row.name, *operands]
        for name, value in zip(row.params, params):
            if name == "idx":
                words.append(_index_text(value, tape.type_of(tape.operands_of(k)[0]).shape))
            else:
                words.append(f"{name}={_value_text(value, full)}")
    return f"{names[k]} = {' '.join(words)}", f": {type_text(type)}", line


def _told_by_header(tape):
    """How many leading records are inputs in order without a line of the user's: the header says all of them."""
    count = 0
    while count < len(tape.inputs) and tape.inputs[count] == count and tape.line[count] == 0:
        count += 1
    return count


def _line_text(where, full):
    if where is None:
        return ""
    return f"# {where[0]}:{where[1]}" if full else f"# {source_text(where)}"


def source_text(where):
    """(file, line) as a reader would say it: `model.py:12`, and `In[3]:12` for a cell of a notebook, whose file has no real name."""
    file, line = where
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    cell = getattr(shell.compile, "format_code_name", lambda file: None)(file) if shell else None
    return f"{cell[1] if cell else os.path.basename(file)}:{line}"


def type_text(type):
    """`f64[2,3]`; a 0-d value is `f64[]`."""
    return f"{type.dtype}[{','.join(map(str, type.shape))}]"


def _scalar_text(array):
    """`2.0` for f64, `2` for i64, `True` for bool, `f32(2.0)` for the other dtypes."""
    dtype = type_of(array).dtype
    text = _element_text(array[()])
    return text if dtype in ("f64", "i64", "bool") else f"{dtype}({text})"


def _element_text(value):
    if value.dtype.kind == "f" and np.isnan(value):
        return "-nan" if np.signbit(value) else "nan"
    return str(value)


def _elements_text(array, full):
    flat = array.reshape(-1)
    if array.ndim == 0:
        return _element_text(flat[0])
    if full or flat.size <= SHOWN:
        shown = [_element_text(value) for value in flat]
    else:
        shown = [_element_text(value) for value in flat[:SHOWN - 1]] + ["...", _element_text(flat[-1])]
    return f"[{', '.join(shown)}]"


def _value_text(value, full):
    """A static parameter as text; `<...>` for what a text cannot say."""
    if isinstance(value, Literal):
        return f"{type_text(type_of(value.array))}{_elements_text(value.array, full)}"
    if isinstance(value, Type):
        return type_text(value)
    if isinstance(value, str) and value in DTYPES:
        return value
    if isinstance(value, np.generic):
        value = value.item()
    text = repr(value)
    try:
        if ast.literal_eval(text) == value:
            return text.replace(", ", ",") if isinstance(value, tuple) else text
    except (ValueError, SyntaxError):
        pass
    return f"<{text}>"


def _index_text(idx, shape):
    """A basic index as Python writes it: `[0,:,1:7:2]`. A negative step with no end runs to the first element."""
    items = []
    for item, n in zip(idx, shape):
        if isinstance(item, int):
            items.append(str(item))
            continue
        start, count, step = item
        if item == (0, n, 1):
            items.append(":")
            continue
        stop = start + count * step
        items.append(f"{start}:{'' if step < 0 and count and stop < 0 else stop}{'' if step == 1 else f':{step}'}")
    return f"[{','.join(items)}]"


def _host_words(function, operands, full):
    """`module.function %1 %2 key=value`, or `module.function(%1, 3, key=value)` where static arguments stand between."""
    module, name = getattr(function.function, "__module__", None), getattr(function.function, "__qualname__", function.name)
    path = f"{module}:{name}"
    keywords = [f"{key}={_value_text(value, full)}" for key, value in function.keywords]
    if function.template is None:
        return [path, *operands, *keywords]
    given = iter(operands)
    arguments = [next(given) if isinstance(a, str) and a == HostFunction.operand else _value_text(a, full) for a in function.template]
    return [f"{path}({', '.join(arguments + keywords)})"]
