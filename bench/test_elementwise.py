"""sum(sin(x) * exp(-x * x) + log1p(x * x)): vector mathematics and how often memory is read."""

import numpy as np
import pytest

from . import functions
from .peers import PEERS, check


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("n", [10, 1_000, 1_000_000])
@pytest.mark.parametrize("transform", ["grad", "value_and_grad"])
def test_waves(benchmark, transform, n, peer):
    benchmark.group = f"{transform} of sum(sin(x)*exp(-x*x)+log1p(x*x)), n={n:,}"
    benchmark.extra_info.update(peer=peer)
    if n == 1_000_000:
        benchmark.extra_info.update(goal="tapejit <= 1.5x C by hand, and under NumPy, the value alone")
    x = np.linspace(-3, 3, n)
    call = PEERS[peer](transform)("waves")
    check(peer, transform, call(x), *functions.waves_by_hand(x))
    benchmark(call, x)
