"""The direct call: a generated Python function for the commonest calls, about a microsecond around the sweep.

In: a compiled trace whose arguments are arrays and numbers, not containers, and whose results are too. Out: a function
(args, kwargs, extra) that checks the key of the call in a few comparisons, runs the program on the buffers in place, and hands
anything else (other types, a guard that fails, layouts to be copied, an outer trace) to the general path, having written nothing of the user's.
"""

from __future__ import annotations

import numpy as np

from ..tape.types import DTYPE_OF_NAME
from .program import from_buffer, lib, new_cell

_CALLS = {1: lib.tj_call1, 2: lib.tj_call2, 3: lib.tj_call3, 4: lib.tj_call4}


def direct_call(arguments, inputs, source_of, outputs, result, program, unchanged, busy, entry):
    """The generated function, or None when the program needs more than plain buffers.

    arguments  by position: ('array', dtype, shape), ('scalar', dtype), ('float',) or ('static', value)
    inputs     by input position: ('leaf', argument position) or ('capture', array)
    source_of  function (array, name) -> (Python source of the array that is read in place of a captured one, the names in it)
    outputs    by output position: (kind, Type), kind 'array', 'scalar' or 'float'
    result     the result as Python source over o0, o1, ... in which each output stands once
    unchanged  function () -> bool, or None: what the traced function read by name is as it was
    busy       a container that is empty while no trace and no verification runs
    entry      its attribute `otherwise` is a function (args, kwargs, extra) for the calls that this one cannot answer
    """
    count = len(inputs) + len(outputs)
    if program.hosts or len(program.segments) != 1 or count not in _CALLS:
        return None
    names = {
        "busy": busy, "entry": entry, "unchanged": unchanged, "ndarray": np.ndarray, "empty": np.empty, "from_buffer": from_buffer,
        "call": _CALLS[count], "pop": program._pool.pop, "push": program.release, "acquire": program.acquire, "frames": [],
    }
    tests = ["not busy", "not kwargs", "extra is None", f"len(args) == {len(arguments)}"]
    key = []
    for k, argument in enumerate(arguments):
        if argument[0] == "array":
            names[f"d{k}"], names[f"s{k}"] = DTYPE_OF_NAME[argument[1]], argument[2]
            key += [f"type(a{k}) is ndarray", f"a{k}.dtype is d{k}", f"a{k}.shape == s{k}"]
        elif argument[0] == "scalar":
            names[f"d{k}"] = DTYPE_OF_NAME[argument[1]].type
            key.append(f"type(a{k}) is d{k}")
        elif argument[0] == "float":
            key.append(f"type(a{k}) is float")
        else:
            names[f"c{k}"] = argument[1]
            key.append(f"(a{k} is c{k} or type(a{k}) is type(c{k}) and a{k} == c{k})")
    if unchanged is not None:
        key.append("unchanged()")
    cells, fill, passed, make, read = ["acquire()"], [], [], [], []
    for k, (source, what) in enumerate(inputs):
        if source == "capture":
            where, named = source_of(what, f"g{k}")
            names.update(named)
            passed.append(f"from_buffer({where})")
        elif arguments[what][0] == "array":
            passed.append(f"from_buffer(a{what})")
        else:
            dtype = arguments[what][1] if arguments[what][0] == "scalar" else "f64"
            if dtype not in _CELLS:
                return None
            fill.append(f"frame[{len(cells)}][0] = a{what}")
            passed.append(f"frame[{len(cells)}]")
            cells.append(f"new_cell({dtype!r})")
    names["new_cell"] = new_cell
    for k, (kind, type_) in enumerate(outputs):
        if kind == "array":
            names[f"t{k}"], names[f"e{k}"] = type_.shape, DTYPE_OF_NAME[type_.dtype]
            make.append(f"o{k} = empty(t{k}, e{k})")
            passed.append(f"from_buffer(o{k})")
        else:
            if type_.dtype not in _CELLS:
                return None
            names[f"n{k}"] = DTYPE_OF_NAME[type_.dtype].type
            read.append(f"o{k} = frame[{len(cells)}][0]" if kind == "float" else f"o{k} = n{k}(frame[{len(cells)}][0])")
            passed.append(f"frame[{len(cells)}]")
            cells.append(f"new_cell({type_.dtype!r})")
    source = f"""
def direct(args, kwargs, extra=None):
    if {' and '.join(tests)}:
        {''.join(f'a{k}, ' for k in range(len(arguments)))}{'= args' if arguments else 'pass'}
        if {' and '.join(key) or 'True'}:
            try:
                frame = frames.pop()
            except IndexError:
                frame = ({', '.join(cells)},)
            {'; '.join(fill) or 'pass'}
            {'; '.join(make) or 'pass'}
            try:
                status = call(frame[0].c, {', '.join(passed)})
            except (ValueError, BufferError):
                frames.append(frame)
                return entry.otherwise(args, kwargs, extra)
            if status == 0:
                {'; '.join(read) or 'pass'}
                frames.append(frame)
                return {result}
            frames.append(frame)
    return entry.otherwise(args, kwargs, extra)
"""
    exec(compile(source, "<direct call>", "exec"), names)
    return names["direct"]


_CELLS = ("i32", "i64", "f32", "f64")
