"""`tapejit/COVERAGE.md` is what the generator prints, and what is not covered says what to do instead."""

from pathlib import Path

import numpy as np
import pytest

import tapejit as tj
from tapejit.coverage import table
from tapejit.coverage.example import Tried
from tapejit.coverage.names import GROUPS
from tapejit.coverage.scipy_groups import scipy_groups
from tapejit.coverage.writes import forms
from tapejit.errors import UnsupportedError
from tapejit.trace.advice import ADVICE

FILE = Path(tj.__file__).parent / "COVERAGE.md"


def versions_of_the_table():
    scipy = pytest.importorskip("scipy")
    return np.__version__.startswith("2.4.") and scipy.__version__.startswith("1.17.")


def test_the_table_is_what_the_generator_prints():
    """After a change: python -m tapejit.coverage --write"""
    if versions_of_the_table():
        assert FILE.read_text() == table()
        return
    # The file is that of NumPy 2.4 and SciPy 1.17. What others have is covered as well: as many functions as are listed.
    counts = [line.split("|")[2:4] for line in table().splitlines() if line.startswith("| ") and line.count("|") == 10 and "(`" in line]
    assert len(counts) > 15 and all(int(listed) == int(covered) for listed, covered in counts)


def test_names_are_listed_once():
    pytest.importorskip("scipy")
    for _, title, names in GROUPS + scipy_groups():
        assert len(set(names.split())) == len(names.split()), title


def test_a_function_that_is_not_covered_names_itself_and_the_nearest_way():
    name = "numpy.lib.scimath.sqrt"
    with pytest.raises(UnsupportedError) as error:
        tj.grad(lambda x: np.sum(np.lib.scimath.sqrt(x)))(np.ones(3))
    assert name in str(error.value) and ADVICE[name] in str(error.value)


def test_a_function_that_is_not_covered_is_called_where_no_derivative_passes_through():
    assert tj.grad(lambda x: np.sum(np.packbits(x > 0) * x[0]))(np.ones(3)).tolist() == [224, 0, 0]


def test_a_value_that_is_not_the_originals_is_not_covered():
    """Nor is one of another dtype, nor one that a replay does not reproduce, nor one with another derivative."""
    def tried(function, call="f(x)", original=np.sin):
        return Tried(call, original, function, np.float64)
    assert tried(np.sin).error is None and tried(np.sin).marks["replay"] == "yes"
    assert isinstance(tried(np.cos).error, AssertionError)
    assert isinstance(tried(lambda x: np.sin(x).astype(np.float32)).error, AssertionError)
    assert isinstance(tried(lambda x: x * (np.sin(x.value) / x.value)).error, AssertionError)
    half = lambda x: 0.5 * np.sin(x) + 0.5 * tj.stop_gradient(np.sin(x))
    assert isinstance(tried(half).error, AssertionError)
    assert tried(lambda x: np.sin(x) if x[0] < 0.30001 else x).marks["replay"] == "anew"


def test_forms_of_writes_are_read_off_the_text():
    assert forms("y = x.copy() ;; y.T[1:, [0]] += x ;; np.add.at(y, 0, 1) ;; np.exp(y, out=y) ;; y.sort() ;; return y") == {
        "augmented: `+=`", "index: slice", "index: list", "through a view: `T`", "method of a ufunc: `at`", "argument: `out=`",
        "function: `sort`"}
