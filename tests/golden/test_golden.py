"""Golden tapes: for each file, the tape at its top gives exactly the tapes printed below it.

A file holds a tape, then what `simplify`, the reverse sweep and the forward sweep make of it. A refactoring that changes no
text here has changed nothing; after a change that is meant, `pytest tests/golden --regold` rewrites the files, and the
difference is read in the review.
"""

from pathlib import Path

import pytest

from tapejit.passes import derive, forward, reverse
from tapejit.tape.text import parse_tape, print_tape
from tapejit.tape.verify import verify_tape

FILES = sorted(Path(__file__).parent.glob("*.txt"))


def gradient(builder):
    """The cotangents of the floating inputs of a scalar output."""
    tape = builder.tape
    (y,) = tape.outputs
    sources = [id for id in tape.inputs if tape.type_of(id).dtype[0] == "f"]
    bars = reverse(builder, {y: builder.number(1.0, tape.type_of(y).dtype)}, sources)
    return [bar for bar in bars if bar is not None]


def tangent(builder):
    """The tangent of the output; those of the floating inputs are further inputs."""
    tape = builder.tape
    dots = {id: builder.input(tape.type_of(id),
                              f"{tape.params_of(id)[1]}_dot") for id in list(tape.inputs) if tape.type_of(id).dtype[0] == "f"}
    return [dot for dot in forward(builder, dots, list(tape.outputs)) if dot is not None]


def golden_text(source):
    """The text that the file of this tape should hold."""
    parts = [source.strip()]
    for title, differentiate in (("simplified", None), ("reverse", gradient), ("forward", tangent)):
        tape = verify_tape(derive(verify_tape(parse_tape(source)), differentiate))
        parts.append(f"--- {title}\n{print_tape(tape)}")
    return "\n\n".join(parts) + "\n"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_golden_tapes(file, request):
    """The passes make the printed tapes of the printed tape, and all of them are well formed."""
    text = file.read_text()
    found = golden_text(text.partition("\n--- ")[0])
    if request.config.getoption("--regold"):
        file.write_text(found)
    assert found == file.read_text()


def test_there_are_golden_tapes():
    """The files are found."""
    assert FILES
