"""One call on two numbers: what stands between Python and the kernel. The function reads globals, which each call has to check."""

import numpy as np
import pytest

from . import functions
from .peers import PEERS, check

X = np.array([-1.2, 1.0])


@pytest.mark.parametrize("peer", PEERS)
def test_value_and_grad_of_rosenbrock(benchmark, peer):
    benchmark.group = "value_and_grad of Rosenbrock, n=2"
    benchmark.extra_info.update(peer=peer, goal="tapejit <= 3 us; JAX >= 3x")
    call = PEERS[peer]("value_and_grad")("rosenbrock")
    check(peer, "value_and_grad", call(X), *functions.rosenbrock_by_hand(X))
    benchmark(call, X)
