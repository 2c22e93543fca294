"""Text of traced values: made for people at each call; a number that is read back from it would have lost its derivative, and is an error."""

import ast
import decimal
import json
import logging
import pickle
import struct

import numpy as np
import pytest

import tapejit as tj

LOST = {
    "str": lambda x: float(str(x)), "format": lambda x: float(f"{x:.3f}"), "in a sentence": lambda x: float("x = {:.3f} m".format(x).split()[2]),
    "percent": lambda x: float("%s" % x), "NumPy": lambda x: np.float64(str(x)), "array": lambda x: np.array([str(x)], dtype=float)[0],
    "array_str": lambda x: float(np.array_str(np.ones(1) * x)[1:-1]), "fromstring": lambda x: np.fromstring(str(x), sep=" ")[0],
    "Decimal": lambda x: float(decimal.Decimal(str(x))), "Decimal of it": lambda x: float(decimal.Decimal(x)), "eval": lambda x: eval(str(x)),
    "literal": lambda x: ast.literal_eval(f"[{x}]")[0], "JSON text": lambda x: json.loads(f"[{x}]")[0], "JSON": lambda x: json.loads(json.dumps(x)),
    "complex": lambda x: complex(str(x)).real, "struct": lambda x: struct.unpack("d", struct.pack("d", x))[0],
    "pickle": lambda x: pickle.loads(pickle.dumps(x)), "hex": lambda x: float.fromhex(x.hex())}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", LOST)
def test_a_number_read_from_text_is_an_error(name):
    function = LOST[name]
    with pytest.raises(tj.TracingError, match=r"at test_texts.py:\d+"):
        tj.grad(lambda x: function(x) * x)(0.3)


@pytest.mark.filterwarnings("ignore")
def test_the_error_says_what_to_do():
    with pytest.raises(tj.TracingError, match=r"float\(\) reads 0.300 from text that was made of a traced value at test_texts.py:\d+.*round it by numpy.round"):
        tj.grad(LOST["format"])(0.3)


@pytest.mark.filterwarnings("ignore")
def test_text_for_people(capsys, caplog):
    def f(x):
        print("x", x, f"{x:.1f}", sep="|")
        with caplog.at_level(logging.INFO):
            logging.getLogger(__name__).info("x is %s, %.1f", x, 2.0)
        return x * x * float("0.3") * eval("x")

    for x in (0.3, 0.4):
        assert tj.grad(f)(x) == pytest.approx(0.9 * x * x)
    assert capsys.readouterr().out == "x|0.3|0.3\nx|0.4|0.4\n"
    assert [record.getMessage() for record in caplog.records] == ["x is 0.3, 2.0", "x is 0.4, 2.0"]


@pytest.mark.filterwarnings("ignore")
def test_integers_and_decisions_from_text_are_made_at_each_call():
    def f(x):
        return x * int(str(x)[0]) * (2 if str(x).endswith("5") else 3)
    gradient = tj.grad(f)
    assert [gradient(x) for x in (2.25, 3.5, 4.0)] == [4.0, 6.0, 12.0]


@pytest.mark.filterwarnings("ignore")
def test_text_without_a_derivative_can_be_read():
    assert tj.grad(lambda x, n: x * float(str(n)))(2.0, 3.0) == 3.0


def test_decimals_and_complex_numbers_as_before():
    def f(x):
        assert isinstance(decimal.Decimal("1.5"), decimal.Decimal) and isinstance(1j, complex)
        return x * float(decimal.Decimal("1.5") * decimal.Decimal.from_float(2.0)) * complex("2").real + np.zeros(2, dtype=complex).real.sum()
    assert tj.grad(f)(1.0) == 6.0
