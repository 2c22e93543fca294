"""The reference evaluation and the type rule of each row, against NumPy itself."""

import numpy as np
import pytest
import scipy.special

from laws.samples import CASES, ELEMENTWISE, STRUCTURAL, cases, domains, draw, edge_operands, takes, tape_of
from tapejit.ops import OPS
from tapejit.tape import interpret, type_of
from tapejit.tape.types import DTYPE_OF_NAME

THEIRS = [row for row in ELEMENTWISE if row.scipy or hasattr(np, row.name)]  # the others have their tests by name


@pytest.mark.parametrize("row", THEIRS, ids=lambda row: row.name)
def test_elementwise_rows_are_numpys_functions(row, rng):
    """A row of NumPy's or SciPy's name gives its values, to the bit, for every native dtype at every edge value."""
    function = getattr(np, row.name) if row.scipy is None else getattr(scipy.special, row.scipy)
    for dtype in row.dtypes:
        if row.c is not None or row.arity < 3:
            operands = edge_operands(row, dtype)
        else:  # SciPy sums hypergeometric series at the edges for minutes
            operands = [draw(rng, domain, (50,), dtype) for domain in domains(row)]
        with np.errstate(all="ignore"):
            expected = function(*operands)
        (found,) = interpret(tape_of(row, operands).tape, operands)
        assert found.dtype == expected.dtype and found.tobytes() == expected.tobytes()


def test_zero_mul_is_a_product_in_which_zero_wins():
    """zero_mul is multiply, but for a zero against an infinity or NaN."""
    a, b = edge_operands(OPS["zero_mul"], "f64")
    with np.errstate(all="ignore"):
        found, product = OPS["zero_mul"](a, b), a * b
    wins = (a == 0) | (b == 0)
    assert np.array_equal(found[~wins], product[~wins], equal_nan=True) and not found[wins].any()


def test_share_splits_a_maximum():
    """share(a, b) + share(b, a) is 1, and share picks the larger operand."""
    a, b = edge_operands(OPS["share"], "f64")
    with np.errstate(all="ignore"):
        mine, other = OPS["share"](a, b), OPS["share"](b, a)
    number = ~np.isnan(a) & ~np.isnan(b)
    assert np.array_equal((mine + other)[number], np.ones(number.sum())) and np.isnan((mine + other)[~number]).all()
    assert np.array_equal(mine[number] == 1, (a > b)[number])


@pytest.mark.parametrize("row", ELEMENTWISE, ids=lambda row: row.name)
def test_elementwise_type_rules_are_numpys(row, rng):
    """The result type that a row infers is that of NumPy's result, for its dtypes, in shapes that broadcast."""
    shapes = {1: [((),), ((2, 3),)], 2: [((), ()), ((3, 1), (1, 4)), ((0, 3), (3,))], 3: [((), (), ()), ((3, 1), (4,), ())],
              4: [((), (), (), ()), ((3, 1), (4,), (), (1,))]}[row.arity]
    numpys = row.scipy is None and hasattr(np, row.name)  # SciPy computes float16 in float32
    for dtype in row.dtypes + (("f16",) if "f32" in row.dtypes and numpys else ()):
        for shape in shapes:
            operands = [draw(rng, domain, s, "bool" if domain == "bool" else dtype) for domain, s in zip(domains(row), shape)]
            check_type(row, operands, {})


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", ["f64", "f32", "i64", "bool", "c128"])
def test_structural_type_rules_are_numpys(name, dtype, rng):
    """The same for rows that move, sum and choose."""
    if dtype == "bool" and name in ("index_add", "take_add", "matmul", "sum", "cumsum", "prod", "cumprod"):
        pytest.skip("bools are converted before they are added")
    if dtype == "c128" and name in ("cast", "argmax", "argmin", "argsort", "max", "min"):
        pytest.skip("complex numbers have no order")
    if not takes(OPS[name], dtype):
        pytest.skip("the row does not take this dtype")
    for operands, params in cases(OPS[name], rng, dtype):
        check_type(OPS[name], operands, params)


def check_type(row, operands, params):
    tape = tape_of(row, operands, params).tape
    (value,) = interpret(tape, operands)
    assert type_of(value) == tape.type_of(tape.outputs[0]), (row.name, [type_of(x) for x in operands], params)


def test_rules_and_docs_are_complete():
    """Every row has a doc that ends in a full stop, and every row with a kink says what happens there."""
    for row in [*ELEMENTWISE, *STRUCTURAL]:
        assert row.doc.rstrip().endswith("."), row.name
    kinked = {"maximum", "minimum", "fmax", "fmin", "absolute", "sign", "copysign", "heaviside", "floor", "ceil", "trunc", "rint",
              "floor_divide", "remainder", "fmod", "nextafter", "spacing", "hypot", "arctan2", "power", "max", "min"}
    assert all(OPS[name].kinks for name in kinked)
    assert set(DTYPE_OF_NAME) >= {dtype for row in ELEMENTWISE for dtype in row.dtypes}
