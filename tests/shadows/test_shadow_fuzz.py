"""Random calls of autodiff, half of them wrong, against an oracle that knows NumPy's flags and memory alone.

The pieces: `fuzz_memory.py` (buffers and canaries), `fuzz_oracle.py` (what is legal), `fuzz_functions.py` (what is differentiated),
`fuzz_calls.py` and `fuzz_damages.py` (the calls), `shadow_fuzz.py` (making and checking them; how to replay a failure).
"""

import random
import signal
import subprocess
import sys

import numpy as np
import pytest
from shadows.fuzz_memory import PLACES, Memory
from shadows.fuzz_oracle import self_overlaps
from shadows.shadow_fuzz import run


def test_random_calls_are_judged_as_the_oracle_judges_them(effort):
    """A legal call writes its shadows with NumPy's values and not a byte more; an illegal one is refused and changes nothing."""
    calls = 5_000 if effort == 1 else 200_000
    found = run(7, calls)
    assert found["calls"] == found["accepted"] + found["refused"] == calls
    assert 0.4 < found["refused"] / calls < 0.6
    assert found["compared"] > 0.95 * found["accepted"]


# --- the fuzz would notice -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
def test_a_byte_between_the_elements_of_a_legal_shadow_is_noticed(place):
    memory = Memory(random.Random(1), place)
    shadow = memory.array((4,), "f8", "step")
    memory.snapshot()
    shadow += 1.0
    assert memory.changed_outside([shadow]) == []
    assert len(memory.changed_outside([shadow[:3]])) > 0
    address = shadow.__array_interface__["data"][0] + 8
    k = memory.block_of(address, address + 1)
    memory.blocks[k][address - memory.starts[k]] ^= 1
    assert memory.changed_outside([shadow]) == [address]


def test_self_overlap_is_found_byte_by_byte():
    take = np.lib.stride_tricks.as_strided
    memory = np.zeros(12, "f4")
    for shape, strides in (((3,), (0,)), ((3,), (2,)), ((3, 3), (4, 4))):
        assert self_overlaps(take(memory, shape, strides))
    assert not self_overlaps(take(memory, (2, 3), (12, 8)))  # rows that interlock
    assert not self_overlaps(memory[::-2]) and not self_overlaps(take(memory, (0, 3), (0, 0)))


@pytest.mark.skipif(sys.platform != "linux", reason="the pages are protected where mprotect is")
@pytest.mark.parametrize("offset", ["-1", "POOL"])
def test_the_guarded_pool_ends_in_pages_that_cannot_be_touched(offset):
    text = ("import ctypes; from shadows.fuzz_memory import GUARDED, POOL; print('alive', flush=True); "
            f"ctypes.string_at(GUARDED.__array_interface__['data'][0] + {offset}, 1)")
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)})
    assert done.stdout == "alive\n" and done.returncode == -signal.SIGSEGV
