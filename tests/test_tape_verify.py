"""The tape verifier: accepts every tape that a Builder makes, and names the record and the reason for any other."""

import numpy as np
import pytest

from laws.random_tapes import RandomTape
from tapejit.errors import TapeError
from tapejit.ops import OPS
from tapejit.ops.table import Type
from tapejit.tape import Builder, Literal
from tapejit.tape.text import parse_tape
from tapejit.tape.verify import verify_tape


def test_random_tapes_are_well_formed(rng, effort):
    """What a Builder makes, the verifier accepts, and gives back."""
    for _ in range(60 * effort):
        tape = RandomTape(rng, records=20).tape
        assert verify_tape(tape) is tape


def tape():
    return parse_tape("""
        tape f(x: f64[3], n: i64[])
          %2 = sin x
          %3 = multiply %2 x
          %4 = greater n 0
          guard %4 is True
          %5 = where %4 %3 x
          %6 = sum %5 axes=(0,)
          return %6
    """)


SIN, MULTIPLY, GREATER, GUARD, WHERE, SUM = 2, 3, 5, 6, 7, 8  # record 4 is the constant 0


def set_type(tape, k, dtype, shape):
    tape.types.append(Type(dtype, shape))
    tape.type[k] = len(tape.types) - 1


def set_params(tape, k, *params):
    tape.params.append(params)
    tape.param[k] = len(tape.params) - 1


@pytest.mark.parametrize("harm, message", [
    (lambda t: t.type.pop(), "tape f: expected 9 items in the column 'type', one per record, found 8"),
    (lambda t: t.line.append(0), "tape f: expected 9 items in the column 'line', one per record, found 10"),
    (lambda t: t.param.__setitem__(SIN, 77), "tape f, record 2: expected a param index below 6, found 77"),
    (lambda t: t.first.__setitem__(4, 99), "tape f: expected the column 'first' to rise from 0 to 10 in 10 items"),
    (lambda t: t.op.__setitem__(SIN, 5000), f"tape f, record 2: expected an op code below {len(OPS)}, found 5000"),
    (lambda t: t.operands.__setitem__(0, 3),
     "tape f, record 2 `%2 = sin %3 : f64[3]`: expected operands that were defined before, found %3"),
    (lambda t: t.operands.__setitem__(0, -1),
     "tape f, record 2 `%2 = sin %8 : f64[3]`: expected operands that were defined before, found %-1"),
    (lambda t: t.operands.__setitem__(9, GUARD), "tape f, record 8 `%8 = sum %6 axes=(0,) : f64[]`: a guard has no value to use, found %6"),
    (lambda t: t.op.__setitem__(SIN, OPS["add"].code), "tape f, record 2 `%2 = add x : f64[3]`: expected 2 operands, found 1"),
    (lambda t: set_params(t, SIN, 1), "tape f, record 2 `%2 = sin x : f64[3]`: expected the parameters (), found (1,)"),
    (lambda t: set_type(t, MULTIPLY, "f64", (4,)),
     "tape f, record 3 `%3 = multiply %2 x : f64[4]`: expected the type f64[3] that multiply has for these operands, found f64[4]"),
    (lambda t: set_type(t, GREATER, "f64", ()),
     "tape f, record 5 `%5 = greater n 0 : f64[]`: expected the type bool[] that greater has for these operands, found f64[]"),
    (lambda t: t.operands.__setitem__(1, 1),
     "tape f, record 3 `%3 = multiply n x : f64[3]`: expected operands of one dtype, found i64 and f64"),
    (lambda t: t.operands.__setitem__(6, 0), "tape f, record 7 `%7 = where x %3 x : f64[3]`: expected a bool as operand 0, found f64"),
    (lambda t: set_params(t, GUARD, 0.5),
     "tape f, record 6 `guard %5 is 0.5`: expected a Literal, or a bool or int for a 0-d value, found 0.5"),
    (lambda t: set_params(t, GUARD, Literal(np.zeros(2))),
     "tape f, record 6 `guard %5 is f64[2][0.0, 0.0]`: expected a value of type bool[], found f64[2]"),
    (lambda t: set_params(t, 4, Literal(np.zeros(2))), "tape f, record 4: expected the type f64[2] of its value, found i64[]"),
    (lambda t: t.inputs.reverse(), "tape f, record 0 `x = input`: expected the tape's list of inputs to hold %0 at position 0"),
    (lambda t: t.inputs.append(SIN), "tape f: expected an input record at position 2 of the inputs, found %2"),
    (lambda t: t.outputs.append(GUARD), "tape f: expected a value at position 1 of the outputs, found %6"),
    (lambda t: t.outputs.append(9), "tape f: expected a value at position 1 of the outputs, found %9"),
])
def test_a_broken_rule_is_named(harm, message):
    """The message says which record, as the printer shows it, what was expected and what was found."""
    broken = verify_tape(tape())
    harm(broken)
    with pytest.raises(TapeError) as error:
        verify_tape(broken)
    assert str(error.value) == message


def test_operands_that_do_not_broadcast_are_named():
    """NumPy's rule for shapes is part of the type rule."""
    builder = Builder("f")
    a, b = builder.input(Type("f64", (3,)), "a"), builder.input(Type("f64", (4,)), "b")
    builder.append(OPS["add"].code, (a, b), builder.type_index(Type("f64", (3,))), 0, 0)
    with pytest.raises(TapeError, match=r"record 2 `%2 = add a b : f64\[3\]`: shapes \[\(3,\), \(4,\)\] do not broadcast"):
        verify_tape(builder.tape)


@pytest.mark.parametrize("name, shape, result, params, message", [
    ("reshape", (2, 3), (7,), ((7,),), "expected a shape that (2, 3) can take, found (7,)"),
    ("broadcast", (2, 3), (2, 6), ((2, 6),), "shapes [(2, 3), (2, 6)] do not broadcast"),
    ("broadcast", (2, 3), (3,), ((3,),), "expected a shape that (2, 3) can take, found (3,)"),
    ("transpose", (2, 3), (2, 2), ((0, 0),), "expected distinct axes of a shape (2, 3), found (0, 0)"),
    ("sum", (2, 3), (2, 3), ((2,),), "expected distinct axes of a shape (2, 3), found (2,)"),
    ("cumsum", (2, 3), (2, 3), (-1,), "expected distinct axes of a shape (2, 3), found (-1,)"),
    ("index", (2, 3), (), ((0,),), "expected one item for each axis of (2, 3), found (0,)"),
    ("index", (2, 3), (), ((0, 3),), "expected items inside (2, 3), found 3 for an axis of 3"),
    ("index", (2, 3), (2,), ((0, (0, 2, 3)),), "expected items inside (2, 3), found (0, 2, 3) for an axis of 3"),
    ("index", (2, 3), (3,), ((0, (1, 3, -1)),), "expected items inside (2, 3), found (1, 3, -1) for an axis of 3"),
    ("cast", (), (), ("f65",), "expected a dtype of the tape, found 'f65'")])
def test_parameters_outside_the_operand_are_named(name, shape, result, params, message):
    """Axes, shapes and indices must fit the operand: the kernel relies on it."""
    builder = Builder("f")
    x = builder.input(Type("f64", shape), "x")
    builder.append(OPS[name].code, (x,), builder.type_index(Type("f64", result)), builder.param_index(params), 0)
    with pytest.raises(TapeError) as error:
        verify_tape(builder.tape)
    assert str(error.value).endswith(f": {message}"), str(error.value)
