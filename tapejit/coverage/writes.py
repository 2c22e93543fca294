"""The section of the coverage table on writes in place: each function of `write_cases.txt` is tried, and counted by the forms in its text.

The forms are read off the syntax tree (what is assigned, how it is indexed, which methods and keywords write), so the section lists what
the cases hold. `tests/trace/test_writes_table.py` proves each case against NumPy and finite differences.
"""

import ast
import copy
import functools
import itertools
import operator
from pathlib import Path

import numpy as np

import tapejit.numpy

from ..trace.lowerings import STAND_INS
from .example import DERIVATIVES, Tried

FILE = Path(__file__).with_name("write_cases.txt")
OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**", ast.MatMult: "@",
             ast.BitOr: "|", ast.BitAnd: "&", ast.BitXor: "^"}
WRITERS = frozenset("sort partition fill put itemset resize shuffle setflags copyto place putmask put_along_axis fill_diagonal".split())
UFUNC_METHODS = frozenset("at reduce accumulate outer reduceat".split())
VIEWS = frozenset("T mT flat ravel reshape diagonal real imag swapaxes moveaxis expand_dims squeeze flip flipud fliplr rot90 split "
                  "broadcast_to windows transpose einsum".split())


def cases():
    """The bodies of f(x), a line each."""
    return [line for line in FILE.read_text().splitlines() if line and line[0] != "#"]


def source(case, name="f"):
    """The function that a case is the body of."""
    return f"def {name}(x):\n" + "\n".join("    " + part.removeprefix(" ") for part in case.split(" ;;")) + "\n"


def function_of(case, numpy=np):
    """The function of a case, with NumPy as it is or as traced code sees it."""
    windows = np.lib.stride_tricks.sliding_window_view
    names = {"np": numpy, "operator": operator, "functools": functools, "itertools": itertools, "copy": copy,
             "windows": windows if numpy is np else STAND_INS.get(windows, windows)}
    exec(compile(source(case), "case.py", "exec"), names)
    return names["f"]


def forms(case):
    """What the text of a case writes, as a set of phrases."""
    found = set()
    for node in ast.walk(ast.parse(source(case))):
        if isinstance(node, ast.AugAssign):
            target, sign = node.target, OPERATORS[type(node.op)] + "="
            found.add(f"augmented: `{sign}`")
        elif isinstance(node, ast.Assign):
            target = node.targets[0]
        elif isinstance(node, ast.Call):
            found |= _of_call(node)
            continue
        else:
            continue
        for one in target.elts if isinstance(target, ast.Tuple) else [target]:
            if isinstance(one, ast.Subscript):
                found |= {f"index: {kind}" for kind in _kinds(one.slice)}
                found |= {f"through a view: `{view}`" for view in _names(one.value) & VIEWS}
                if isinstance(one.value, ast.Subscript):
                    found.add("through a view: of an index")
            elif isinstance(one, ast.Name) and isinstance(node, ast.AugAssign):
                found.add("index: none, the array by its name")
    return found


def _names(node):
    return {part.attr if isinstance(part, ast.Attribute) else part.id for part in ast.walk(node) if isinstance(part, (ast.Attribute, ast.Name))}


def _kinds(index):
    """The kinds of the items of an index."""
    for item in index.elts if isinstance(index, ast.Tuple) else [index]:
        if isinstance(item, ast.Slice):
            yield "slice with a step" if item.step is not None else "slice"
        elif isinstance(item, (ast.List, ast.ListComp)):
            yield "list"
        elif isinstance(item, ast.Constant):
            yield {type(...): "`...`", type(None): "`None`", bool: "`True`"}.get(type(item.value), "integer")
        elif isinstance(item, ast.UnaryOp) and isinstance(item.operand, ast.Constant):
            yield "negative integer"
        elif isinstance(item, (ast.Compare, ast.BinOp)) and any(isinstance(part, ast.Compare) for part in ast.walk(item)):
            yield "mask"
        else:
            yield "array or number that is computed"


def _of_call(node):
    found = {f"argument: `{keyword.arg}=`" for keyword in node.keywords if keyword.arg in ("out", "where", "copy")}
    if isinstance(node.func, ast.Attribute):
        name, owner = node.func.attr, node.func.value
        if name in WRITERS:
            found.add(f"function: `{name}`")
        elif name in UFUNC_METHODS and isinstance(owner, ast.Attribute):
            found.add(f"method of a ufunc: `{name}`")
    return found


def writes():
    """The lines of the section."""
    counts, total = {}, 0
    for case in cases():
        total += 1
        tried = Tried("f(x)", function_of(case), function_of(case, tapejit.numpy), np.float64, _argument)
        good = [tried.error is None and tried.marks[column] in ("yes", "flat", "-") for column in DERIVATIVES]
        good.append(tried.error is None and tried.marks["replay"] in ("yes", "anew"))
        for form in forms(case):
            counts.setdefault(form, []).append(good)
    lines = ["", "## Writes in place", "", f"Of the {total} functions of `tapejit/coverage/write_cases.txt`, how many hold each form, and how "
             "many of these work. Tested one by one against NumPy and finite differences by `tests/trace/test_writes_table.py`, random "
             "compositions of them by `test_write_programs.py`.", "", "| form | functions | forward | reverse | second order | replay |",
             "| --- | --- | --- | --- | --- | --- |"]
    for form in sorted(counts):
        cells = [len(counts[form]), *[sum(column) for column in zip(*counts[form])]]
        lines.append(f"| {form} | ".replace("|=", "\\|=") + " | ".join(map(str, cells)) + " |")
    return lines


def _argument(dtype, step=0.0):
    """x, of shape (3, 4)."""
    return {"x": ((np.arange(12.0).reshape(3, 4) / 7 + np.array([0.3137, -1.0863, 0.2637, 0.9137])) * (1 + step)).astype(dtype)}
