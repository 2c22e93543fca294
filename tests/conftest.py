"""Options and fixtures that all tests share."""

import gc

import numpy as np
import pytest

from tapejit import passes

passes.VERIFY_EACH_PASS = True


def pytest_addoption(parser):
    parser.addoption("--thorough", action="store_true", help="draw many more samples in the law tests and fuzzers (minutes, not seconds)")
    parser.addoption("--regold", action="store_true", help="rewrite the golden tapes in tests/golden with what the passes make now")


def pytest_collection_finish():
    """What collecting the tests has made lives to the end: the collector of garbage need not walk through it over and over."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def effort(request):
    """How many times the usual number of samples to draw: 1, or 20 with --thorough."""
    return 20 if request.config.getoption("--thorough") else 1


@pytest.fixture
def rng(request):
    """A generator seeded by the test's own name: the same samples in every run, others in every test."""
    return np.random.default_rng(list(request.node.nodeid.encode()))
