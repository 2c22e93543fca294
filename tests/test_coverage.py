"""`tapejit/COVERAGE.md` is what the generator prints, and what is not covered says what to do instead."""

from pathlib import Path

import numpy as np
import pytest

import tapejit as tj
from tapejit.coverage import table
from tapejit.coverage.names import GROUPS
from tapejit.errors import UnsupportedError
from tapejit.trace.advice import ADVICE

FILE = Path(tj.__file__).parent / "COVERAGE.md"


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.4.0", reason="the table lists the functions of NumPy 2.4")
def test_the_table_is_what_the_generator_prints():
    """After a change: python -m tapejit.coverage --write"""
    pytest.importorskip("scipy.special")
    assert FILE.read_text() == table()


def test_names_are_listed_once():
    for _, title, names in GROUPS:
        assert len(set(names.split())) == len(names.split()), title


def test_a_function_that_is_not_covered_names_itself_and_the_nearest_way():
    name = "numpy.lib.scimath.sqrt"
    with pytest.raises(UnsupportedError) as error:
        tj.grad(lambda x: np.sum(np.lib.scimath.sqrt(x)))(np.ones(3))
    assert name in str(error.value) and ADVICE[name] in str(error.value)


def test_a_function_that_is_not_covered_is_called_where_no_derivative_passes_through():
    assert tj.grad(lambda x: np.sum(np.packbits(x > 0) * x[0]))(np.ones(3)).tolist() == [224, 0, 0]
