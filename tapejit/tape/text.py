"""The text form of a tape, and the parser that reads it back.

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
Read next: `verify.py`, which says when a tape is well formed.
"""

import ast
import importlib
import math
import os
import re

import numpy as np

from ..errors import TapeError
from ..ops import DTYPES, OPS, ROWS
from ..ops.table import Type
from .tape import CONSTANT, GUARD, HOST, INPUT, Builder, HostFunction, Literal
from .types import DTYPE_OF_NAME, type_of

SHOWN = 6  # elements of an array constant in reading form
_NAME = re.compile(r"[A-Za-z_]\w*\Z")
_RESERVED = {"guard", "return", "tape", "is", "nan", "inf", "True", "False", "None", *DTYPES}


# --- printing ------------------------------------------------------------------------------------------------------


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
            if isinstance(name, str) and _NAME.match(name) and name not in _RESERVED and name not in OPS and name not in taken:
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
        if not line and k < len(tape.inputs) and tape.inputs[k] == k:
            return None  # the header says it all
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


def _line_text(where, full):
    if where is None:
        return ""
    file, line = where
    return f"# {file if full else os.path.basename(file)}:{line}"


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


# --- parsing -------------------------------------------------------------------------------------------------------


def parse_tape(text):
    """The tape that a text says. Types may be left out where the operands determine them.

    Host records import the modules they name, so parse only text that you would run. Raises TapeError with the line.
    """
    lines = [line for line in text.strip().splitlines() if line.strip()]
    parser = _Parser()
    for number, line in enumerate(lines):
        try:
            if number == 0:
                parser.header(line, {body.split()[0] for body in lines[1:] if re.match(r"\s*\S+ = input\b", body)})
            else:
                parser.statement(line)
        except (ValueError, KeyError, IndexError, SyntaxError, AttributeError, ImportError, TypeError) as error:
            if isinstance(error, TapeError):
                raise
            raise TapeError(f"tape text, line {number + 1}: {line.strip()!r}: {error}") from error
    if not parser.returned:
        raise TapeError("tape text: expected a last line `return ...`, found none")
    return parser.builder.tape


class _Parser:
    """What is known while a text is read: registers, the inputs that the header announced, constants met in place."""

    def __init__(self):
        self.builder = None
        self.registers = {}  # text -> value id
        self.announced = {}  # input register -> (position, name, type)
        self.inline = {}  # Literal of a constant met in place -> value id
        self.returned = False

    def header(self, line, later):
        """`tape name(x: f64[5], %3 'a name': f64[])`; the inputs in `later` have a line of their own."""
        match = re.fullmatch(r"tape ('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s(]+)\((.*)\)\s*", line.strip())
        if not match:
            raise ValueError("expected `tape name(input: type, ...)`")
        name = match[1]
        self.builder = Builder(ast.literal_eval(name) if name[0] in "'\"" else name)
        for position, declaration in enumerate(_split(match[2], ",")):
            left, _, type = declaration.rpartition(":")
            register, *quoted = _split(left, " ")
            name = ast.literal_eval(quoted[0]) if quoted else None if register.startswith("%") else register
            self.announced[register] = (position, name, _parse_type(type))
        self.builder.tape.inputs = [-1] * len(self.announced)
        for register in self.announced:
            if register not in later:
                self._input(register)

    def _input(self, register):
        position, name, type = self.announced[register]
        self.builder.tape.inputs[position] = self._append("input", (), (position, name), type, register)

    def statement(self, line):
        if self.returned:
            raise ValueError("expected nothing after `return`")
        body, _, where = line.strip().partition("  # ")
        body, where = body.strip(), where.strip()
        file, _, number = where.rpartition(":")
        self.builder.line = self.builder.line_index((file, int(number)) if where else None)
        if body == "return" or body.startswith("return "):
            self.builder.tape.outputs = [self.operand(word) for word in _split(body[6:], ",")]
            self.returned = True
        elif body.startswith("guard "):
            register, _, expected = body[6:].partition(" is ")
            id = self.operand(register.strip())
            self._append("guard", (id,), (_parse_value(expected.strip()),), self.builder.type_of(id), None)
        else:
            left, equals, right = body.partition(" = ")
            if not equals or not re.fullmatch(r"%\d+|[A-Za-z_]\w*", left):
                raise ValueError("expected `%number = op operands : type`, `guard ... is ...` or `return ...`")
            self.assignment(left, right)

    def assignment(self, register, right):
        if register in self.registers:
            raise ValueError(f"{register} is defined twice")
        statement, typed, type = right.rpartition(" : ")
        if not typed:
            statement, type = right, None
        name, _, rest = statement.strip().partition(" ")
        type = _parse_type(type) if type else None
        if name == "input":
            self._input(register)
        elif name == "constant":
            self._append("constant", (), (Literal(_parse_elements(rest.strip(), type)),), type, register)
        elif name == "host":
            function, operands = self.host(rest)
            self._append("host", operands, (function, type), type, register)
        else:
            self.ordinary(OPS[name] if name in OPS else None, name, rest, type, register)

    def ordinary(self, row, name, rest, type, register):
        if row is None:
            raise ValueError(f"the op table has no row {name!r}")
        operands, params = [], {}
        for word in _split(rest, " "):
            if word.startswith("["):
                params["idx"] = _parse_index(word, self.builder.type_of(operands[0]).shape)
            elif re.match(r"[A-Za-z_]\w*=", word):
                key, _, value = word.partition("=")
                params[key] = _parse_value(value)
            else:
                operands.append(self.operand(word))
        if set(params) != set(row.params):
            raise ValueError(f"{name} has the parameters ({', '.join(row.params)}), found ({', '.join(params)})")
        if type is None:
            type = row.result([self.builder.type_of(o) for o in operands], **params)
        self._append(name, operands, tuple(params[key] for key in row.params), type, register)

    def host(self, rest):
        called = rest.endswith(")") and re.fullmatch(r"([\w.]+:[\w.<>]+)\((.*)\)", rest)
        path, *words = [called[1], *_split(called[2], ",")] if called else _split(rest, " ")
        module, _, qualname = path.partition(":")
        function = importlib.import_module(module)
        for part in qualname.split("."):
            function = getattr(function, part)
        operands, template, keywords = [], [], []
        for word in words:
            if re.match(r"[A-Za-z_]\w*=", word):
                key, _, value = word.partition("=")
                keywords.append((key, _parse_value(value)))
            elif word in self.registers or word.startswith("%") or not called:
                operands.append(self.operand(word))
                template.append(HostFunction.operand)
            else:
                template.append(_parse_value(word))
        return HostFunction(function, tuple(template) if called else None, tuple(keywords)), operands

    def operand(self, word):
        """The value id of a register, or of a 0-d constant written in place."""
        if word in self.registers:
            return self.registers[word]
        if word.startswith("%") or (_NAME.match(word) and word not in _RESERVED):
            raise ValueError(f"{word} is used before it is defined")
        literal = Literal(_parse_scalar(word))
        if literal not in self.inline:
            self.inline[literal] = self._append("constant", (), (literal,), type_of(literal.array), None)
        return self.inline[literal]

    def _append(self, name, operands, params, type, register):
        if type is None:
            raise ValueError(f"the type of a {name} record must be stated")
        builder = self.builder
        id = builder.append(OPS[name].code, operands, builder.type_index(type), builder.param_index(params), builder.line)
        if register is not None:
            self.registers[register] = id
        return id


def _split(text, separator):
    """The non-empty parts of a text between separators that stand outside brackets and quotes."""
    parts, depth, quote, start = [], 0, None, 0
    for k, letter in enumerate(text):
        if quote:
            if letter == quote and text[k - 1] != "\\":
                quote = None
        elif letter in "'\"":
            quote = letter
        elif letter in "([{<":
            depth += 1
        elif letter in ")]}>":
            depth -= 1
        elif letter == separator and depth == 0:
            parts.append(text[start:k])
            start = k + 1
    return [part.strip() for part in (*parts, text[start:]) if part.strip()]


def _parse_type(text):
    match = re.fullmatch(r"\s*(\w+)\[([\d,]*)\]\s*", text)
    if not match or match[1] not in DTYPES:
        raise ValueError(f"expected a type such as f64[2,3], found {text.strip()!r}")
    return Type(match[1], tuple(int(n) for n in match[2].split(",") if n))


def _parse_element(text, dtype):
    """One number of a dtype, exactly: the text goes to the type's own constructor, which keeps -0.0, -nan and f32 rounding."""
    type = DTYPE_OF_NAME[dtype].type
    if dtype == "bool":
        return {"True": True, "False": False}[text]
    if DTYPE_OF_NAME[dtype].kind in "iu":
        return type(int(text))
    if text == "-nan":
        return type(math.copysign(math.nan, -1))
    return type(complex(text)) if dtype[0] == "c" else type(text)


def _parse_scalar(word):
    typed = re.fullmatch(r"(\w+)\((.*)\)", word)
    if typed and typed[1] in DTYPES:
        return np.array(_parse_element(typed[2], typed[1]), DTYPE_OF_NAME[typed[1]])
    dtype = "bool" if word in ("True", "False") else "i64" if re.fullmatch(r"-?\d+", word) else "f64"
    return np.array(_parse_element(word, dtype), DTYPE_OF_NAME[dtype])


def _parse_elements(text, type):
    words = _split(text[1:-1] if text.startswith("[") else text, ",")
    if "..." in words:
        raise ValueError("the array was abbreviated; print the tape with print_tape(tape, full=True)")
    return np.array([_parse_element(word, type.dtype) for word in words], DTYPE_OF_NAME[type.dtype]).reshape(type.shape)


def _parse_value(text):
    """A static parameter: a literal, a dtype, a type, or a type with elements (an array)."""
    if text in DTYPES:
        return text
    array = re.fullmatch(r"(\w+\[[\d,]*\])(\S.*)?", text)
    if array:
        type = _parse_type(array[1])
        return Literal(_parse_elements(array[2], type)) if array[2] else type
    if text.startswith("<"):
        raise ValueError(f"{text} has no text form")
    return ast.literal_eval(text)


def _parse_index(text, shape):
    items = []
    for word, n in zip(text[1:-1].split(",") if text != "[]" else (), shape):
        if ":" not in word:
            items.append(int(word))
        elif word == ":":
            items.append((0, n, 1))
        else:
            start, stop, step = (*word.split(":"), "1")[:3]
            start, step = int(start), int(step)
            items.append((start, (int(stop) - start) // step if stop else start // -step + 1, step))
    return tuple(items)
