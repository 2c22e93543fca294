"""The text form of a tape: what it looks like, that it reads back, and the errors of the parser, word for word."""

import numpy as np
import pytest

from laws.random_tapes import RandomTape, records_of
from tapejit.errors import TapeError
from tapejit.ops import OPS
from tapejit.ops.table import Type
from tapejit.tape import Builder, HostFunction, Literal, interpret
from tapejit.tape.text import parse_tape, print_tape
from tapejit.tape.verify import verify_tape


def example():
    """x[0] > 0 guarded; sum(sin(x) * exp(-x**2)) with a mask, a slice and a host call."""
    builder = Builder("model")
    x = builder.expr(builder.input(Type("f64", (5,)), "x"))
    builder.line = builder.line_index(("/home/me/model.py", 3))
    positive = OPS["greater"](OPS["index"](x, idx=(0,)), 0)
    builder.guard(positive.id, True)
    builder.line = builder.line_index(("/home/me/model.py", 4))
    y = OPS["sin"](x) * OPS["exp"](-OPS["square"](x))
    y = y * builder.expr(builder.constant(np.arange(5.0)))
    y = OPS["where"](OPS["less"](y, 0.5), OPS["index"](y, idx=((4, 5, -1),)), 0)
    n = builder.emit(OPS["host"], (y.id,), (HostFunction(np.searchsorted, (HostFunction.operand, 0.25), {"side": "right"}),
                                            Type("i64", ())), Type("i64", ()))
    builder.tape.outputs = [OPS["sum"](y, axes=(0,)).id, n]
    return builder.tape


EXAMPLE = """\
tape model(x: f64[5])
  %1 = index x [0]                          : f64[]    # model.py:3
  %3 = greater %1 0.0                       : bool[]   # model.py:3
  guard %3 is True                                     # model.py:3
  %5 = sin x                                : f64[5]   # model.py:4
  %6 = square x                             : f64[5]   # model.py:4
  %7 = negative %6                          : f64[5]   # model.py:4
  %8 = exp %7                               : f64[5]   # model.py:4
  %9 = multiply %5 %8                       : f64[5]   # model.py:4
  %10 = constant [0.0, 1.0, 2.0, 3.0, 4.0]  : f64[5]   # model.py:4
  %11 = multiply %9 %10                     : f64[5]   # model.py:4
  %13 = less %11 0.5                        : bool[5]  # model.py:4
  %14 = index %11 [4::-1]                   : f64[5]   # model.py:4
  %15 = where %13 %14 0.0                   : f64[5]   # model.py:4
  %16 = host numpy:searchsorted(%15, 0.25, side='right')  : i64[]    # model.py:4
  %17 = sum %15 axes=(0,)                   : f64[]    # model.py:4
  return %17, %16"""


def test_a_tape_prints_as_text_that_a_person_can_read():
    """Inputs by name, constants in place, slices as Python writes them, guards as sentences, the user's line at the end."""
    assert print_tape(example()) == EXAMPLE
    assert str(example()) == EXAMPLE


def test_the_reading_form_parses_and_computes_the_same():
    """The text above is a tape again, which passes the verifier and gives the same values."""
    tape = verify_tape(parse_tape(EXAMPLE))
    x = np.linspace(0.1, 1.0, 5)
    assert [a.tolist() for a in interpret(tape, [x])] == [a.tolist() for a in interpret(example(), [x])]


def test_types_may_be_left_out_where_the_operands_say_them():
    """A tape written by hand in a test needs no types but those of its inputs."""
    tape = verify_tape(parse_tape("""
        tape f(x: f32[2,3], y: f32[3])
          %0 = multiply x y
          %1 = multiply %0 f32(2.5)
          %2 = sum %1 axes=(0,1)
          return %2
    """))
    assert tape.type_of(tape.outputs[0]) == Type("f32", ())
    assert interpret(tape, [np.ones((2, 3), np.float32), np.ones(3, np.float32)])[0] == np.float32(15)


def test_random_tapes_come_back_from_their_full_text(rng, effort):
    """parse(print(tape, full)) is the same tape, record by record: numbers to the bit, lines, guards, host calls."""
    for _ in range(60 * effort):
        tape = verify_tape(RandomTape(rng, records=int(rng.integers(2, 25))).tape)
        text = print_tape(tape, full=True)
        again = verify_tape(parse_tape(text))
        assert records_of(again) == records_of(tape), text
        assert print_tape(again, full=True) == text


def test_random_tapes_keep_their_meaning_through_the_reading_form(rng, effort):
    """The reading form, where nothing was abbreviated, gives a tape with the same outputs."""
    parsed = 0
    for _ in range(60 * effort):
        case = RandomTape(rng, records=8, guards=False)
        text = print_tape(case.tape)
        if "..." in text:
            with pytest.raises(TapeError, match="abbreviated"):
                parse_tape(text)
            continue
        again = verify_tape(parse_tape(text))
        assert print_tape(parse_tape(print_tape(again))) == print_tape(again)
        for a, b in zip(interpret(case.tape, case.arrays), interpret(again, case.arrays), strict=True):
            assert a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        parsed += 1
    assert parsed > 20


def test_long_arrays_are_abbreviated_for_reading():
    """The first elements, the last one, and the type that says how many there are."""
    builder = Builder("f")
    builder.tape.outputs = [builder.constant(np.arange(100))]
    assert print_tape(builder.tape) == "tape f()\n  %0 = constant [0, 1, 2, 3, 4, ..., 99]  : i64[100]\n  return %0"
    assert records_of(parse_tape(print_tape(builder.tape, full=True))) == records_of(builder.tape)


def test_inputs_whose_names_are_not_names_keep_them_in_the_header():
    """Paths, op names and repeated names stand in quotes beside the register."""
    builder = Builder("<lambda>")
    for name in ("x", "args[0]['w']", "sin", "x", None):
        builder.input(Type("f64", ()), name)
    text = print_tape(builder.tape)
    assert text == """tape <lambda>(x: f64[], %1 "args[0]['w']": f64[], %2 'sin': f64[], %3 'x': f64[], %4: f64[])\n  return"""
    assert records_of(parse_tape(text)) == records_of(builder.tape)


@pytest.mark.parametrize("value", [np.float32(0.1), np.float64("-0.0"), -np.float64("nan"), np.complex128(complex(-0.0, 1e-300)),
                                   np.int32(-7), np.uint8(200), np.float16(0.1),
                                   np.array([True, False]), np.complex64(1 + 2j), np.zeros((0, 3)),
                                   np.array([[np.inf, -np.inf]], np.float32)])
def test_constants_come_back_to_the_bit(value):
    """Every dtype, signed zeros, infinities and NaNs survive both forms."""
    for full in (False, True):
        builder = Builder("f")
        builder.tape.outputs = [builder.constant(value)]
        (out,) = interpret(parse_tape(print_tape(builder.tape, full)), [])
        assert Literal(out) == Literal(value)


@pytest.mark.parametrize("text, message", [
    ("f(x)", "tape text, line 1: 'f(x)': expected `tape name(input: type, ...)`"),
    ("tape f(x: f65[3])\n return x", "tape text, line 1: 'tape f(x: f65[3])': expected a type such as f64[2,3], found 'f65[3]'"),
    ("tape f(x: f64[])\n %1 = sine x\n return %1", "tape text, line 2: '%1 = sine x': the op table has no row 'sine'"),
    ("tape f(x: f64[])\n %1 = sin %7\n return %1", "tape text, line 2: '%1 = sin %7': %7 is used before it is defined"),
    ("tape f(x: f64[])\n %1 = sin x\n %1 = cos x\n return %1", "tape text, line 3: '%1 = cos x': %1 is defined twice"),
    ("tape f(x: f64[3])\n %1 = sum x\n return %1", "tape text, line 2: '%1 = sum x': sum has the parameters (axes), found ()"),
    ("tape f(x: f64[3])\n %1 = sin x", "tape text: expected a last line `return ...`, found none"),
    ("tape f(x: f64[3])\n sin x\n return x",
     "tape text, line 2: 'sin x': expected `%number = op operands : type`, `guard ... is ...` or `return ...`"),
    ("tape f()\n %0 = constant [0.0, ..., 9.0] : f64[10]\n return %0",
     "tape text, line 2: '%0 = constant [0.0, ..., 9.0] : f64[10]': the array was abbreviated; "
     "print the tape with print_tape(tape, full=True)")])
def test_errors_of_the_parser_name_the_line_and_what_was_expected(text, message):
    """An error says which line, what was expected there, and what was found."""
    with pytest.raises(TapeError) as error:
        parse_tape(text)
    assert str(error.value) == message
