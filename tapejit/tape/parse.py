"""The parser of tapes: from the text form that `text.py` prints, back to a tape. Tests are written in it.

In: the text. Out: a Tape with the records in the order of their lines; 0-d constants written in place become records
before their first use. Every number comes back to the bit. Errors are TapeErrors that name the line, what was expected
and what was found. Read next: `verify.py`, which says whether the tape that was read is well formed.
"""

import ast
import importlib
import math
import re

import numpy as np

from ..errors import TapeError
from ..ops import DTYPES, OPS
from ..ops.table import Type
from .tape import Builder, HostFunction, Literal
from .types import DTYPE_OF_NAME, type_of

NAME = re.compile(r"[A-Za-z_]\w*\Z")
RESERVED = {"guard", "return", "tape", "is", "nan", "inf", "True", "False", "None", *DTYPES}  # words that no register can be


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
        if word.startswith("%") or (NAME.match(word) and word not in RESERVED):
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
