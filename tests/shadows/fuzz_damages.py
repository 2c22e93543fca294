"""What can be wrong with a call, or only look wrong: each function changes a drawn call in one way.

Whether the call is legal afterwards is for the oracle to say. Read next: `shadow_fuzz.py`, which makes the calls.
"""

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.lib.stride_tricks import as_strided
from shadows.fuzz_oracle import Model, Pair, as_array

from tapejit import Active, Const, Dual, Duplicated

DAMAGES = []


def damage(function):
    DAMAGES.append(function)
    return function


def damaged_shadow(function):
    """A damage to one shadow: function(call, rng, primal array, shadow as it is) -> the shadow."""
    def change(call, rng):
        slots = call.slots()
        if slots:
            k, position = rng.choice(slots)
            if as_array(call.shadows[k][position]) is None:  # damaged already
                return
            call.shadows[k][position] = function(call, rng, as_array(call.primals[k][position]), call.shadows[k][position])

    change.__name__ = function.__name__
    DAMAGES.append(change)
    return function


@damaged_shadow
def other_dtype(call, rng, primal, shadow):
    others = [dtype for dtype in ("f2", "f4", "f8", "i4", "i8", "c8", "u1", "?") if dtype != primal.dtype.newbyteorder("=")]
    return call.memory.array(primal.shape, rng.choice(others))


@damaged_shadow
def other_shape(call, rng, primal, shadow):
    shape = primal.shape
    choices = [(*shape, 2), (1, *shape), (primal.size,), shape[::-1], (primal.size + 1,), (max(primal.size - 1, 0),), (), (0,)]
    return call.memory.array(rng.choice(choices), primal.dtype.newbyteorder("="))


@damaged_shadow
def read_only(call, rng, primal, shadow):
    found = as_array(shadow).view()
    found.flags.writeable = False
    return memoryview(found) if rng.random() < 0.2 and found.flags.aligned else found


@damaged_shadow
def view_of_read_only_base(call, rng, primal, shadow):
    base = call.memory.array(primal.shape, primal.dtype.newbyteorder("="))
    base.flags.writeable = False
    return base[...].reshape(primal.shape)


@damaged_shadow
def base_locked_later(call, rng, primal, shadow):
    base = call.memory.array(primal.shape, primal.dtype.newbyteorder("="))
    view = base[...]
    base.flags.writeable = False
    return view


@damaged_shadow
def on_bytes(call, rng, primal, shadow):
    found = np.frombuffer(bytes(max(primal.nbytes, 8)), primal.dtype.newbyteorder("="), count=primal.size).reshape(primal.shape)
    return memoryview(found) if rng.random() < 0.3 else found


@damaged_shadow
def raw_bytes(call, rng, primal, shadow):
    return rng.choice((bytes, bytearray, lambda n: memoryview(bytearray(n))))(primal.nbytes)


@damaged_shadow
def byte_swapped(call, rng, primal, shadow):
    return call.memory.array(primal.shape, primal.dtype.newbyteorder("="), "swapped")


@damaged_shadow
def broadcast(call, rng, primal, shadow):
    element = call.memory.array((), primal.dtype.newbyteorder("="))
    return np.broadcast_to(element, primal.shape) if rng.random() < 0.5 else as_strided(element, primal.shape, (0,) * primal.ndim)


@damaged_shadow
def overlapping_itself(call, rng, primal, shadow):
    found = as_array(shadow)
    if not found.ndim:
        return shadow
    axis = rng.randrange(found.ndim)
    strides = list(found.strides)
    strides[axis] = rng.choice((strides[axis] // 2, found.itemsize // 2, strides[axis - 1]))
    other = as_strided(found, strides=strides)
    (low, high), (start, end) = byte_bounds(other), byte_bounds(found)
    return other if start <= low and high <= end else shadow


@damaged_shadow
def its_primal(call, rng, primal, shadow):
    return rng.choice((primal, primal[::-1] if primal.ndim else primal, primal.T if primal.shape == primal.shape[::-1] else primal))


@damaged_shadow
def another_buffer(call, rng, primal, shadow):
    same = [found for found in call.buffers() if found.shape == primal.shape and found.dtype == primal.dtype]
    return rng.choice(same) if same else shadow


@damaged_shadow
def over_another_buffer(call, rng, primal, shadow):
    dtype = primal.dtype.newbyteorder("=")
    found = call.over(primal.shape, dtype, rng.choice([o for o in call.buffers() if o.dtype.itemsize == dtype.itemsize]))
    return shadow if found is None else call.memory.filled(found)


@damaged_shadow
def over_the_captured_array(call, rng, primal, shadow):
    found = call.over(primal.shape, primal.dtype.newbyteorder("="), call.captured[0]) if call.captured else None
    return shadow if found is None else call.memory.filled(found)


@damaged_shadow
def not_a_buffer(call, rng, primal, shadow):
    return rng.choice(("shadow", 3, 1.0, None, 1j, np.float64(1.0), True, [0.0], {"a": as_array(shadow)}, (), len))


@damaged_shadow
def not_numbers(call, rng, primal, shadow):
    if not call.damages:
        found = as_array(shadow)
        found[...] = np.nan
        call.not_numbers.append(found)
        return shadow if found is not shadow and isinstance(shadow, memoryview) else found
    return shadow


@damage
def the_same_shadow_twice(call, rng):
    slots = call.slots()
    if slots:
        a, b = rng.choice(slots), rng.choice(slots)
        call.shadows[a[0]][a[1]] = call.shadows[b[0]][b[1]]


@damage
def interleaved(call, rng):
    """Two shadows in one region, one on the even places and one on the odd ones: legal."""
    slots = [(k, p) for k, p in call.slots() if as_array(call.primals[k][p]).dtype.isnative]
    if not slots:
        return
    a = rng.choice(slots)
    like = as_array(call.primals[a[0]][a[1]])
    others = [(slot, as_array(call.primals[slot[0]][slot[1]])) for slot in slots if slot != a]
    same = [slot for slot, found in others if found.shape == like.shape and found.dtype == like.dtype]
    if same:
        b = rng.choice(same)
        both = call.memory.array((*like.shape, 2), like.dtype)
        call.shadows[a[0]][a[1]], call.shadows[b[0]][b[1]] = both[..., 0], both[..., 1]


def _lost(shadow):
    if isinstance(shadow, dict):
        return dict(list(shadow.items())[:-1])
    return shadow[:-1] if type(shadow) in (list, tuple) else None


def _extra(shadow):
    if isinstance(shadow, dict):
        return {**shadow, "more": np.zeros(2)}
    return type(shadow)([*shadow, np.zeros(2)]) if type(shadow) in (list, tuple) else [shadow, shadow]


def _other_kind(shadow):
    if isinstance(shadow, dict):
        return {key + "_": value for key, value in shadow.items()}
    if isinstance(shadow, (list, Pair)):
        return tuple(shadow)
    if isinstance(shadow, tuple):
        return list(shadow)
    return {"weight": shadow.weight, "rest": shadow.rest} if isinstance(shadow, Model) else {"a": shadow}


@damage
def containers(call, rng):
    shadowed = [k for k, kind in enumerate(call.kinds) if kind not in (Const, Active)]
    if shadowed:
        k = rng.choice(shadowed)
        wrapped, nothing, pair = (lambda shadow: [shadow]), (lambda shadow: None), (lambda shadow: (shadow, shadow))
        call.reshaped[k] = rng.choice((_lost, _extra, _other_kind, wrapped, nothing, pair))


@damage
def activities(call, rng):
    """Another activity for an argument that has a derivative."""
    k = rng.randrange(len(call.kinds))
    found = [as_array(leaf) for leaf in call.primals[k]]
    floating = [leaf for leaf, array in zip(call.primals[k], found) if type(leaf) is float or array is not None and array.dtype.kind == "f"]
    if floating and rng.random() < 0.5:
        call.kinds[k] = rng.choice((Active, Dual, Duplicated, Duplicated) if call.reverse else (Active, Duplicated, Dual))


@damage
def a_written_argument_as_const(call, rng):
    if rng.random() < 0.2:
        for k in call.setup.case.writes:
            if sum(kind is not Const for kind in call.kinds) > 1:
                call.kinds[k] = Const


def written_leaf(call, rng):
    places = [(k, p) for k, positions in enumerate(call.written) for p in positions if isinstance(call.primals[k][p], np.ndarray)]
    return rng.choice(places) if places else (None, None)


@damage
def read_only_written_argument(call, rng):
    k, position = written_leaf(call, rng)
    if k is not None:
        found = call.primals[k][position] = call.primals[k][position].view()
        found.flags.writeable = False


@damage
def written_argument_over_another_buffer(call, rng):
    k, position = written_leaf(call, rng)
    if k is not None and call.primals[k][position].flags.c_contiguous:
        like = call.primals[k][position]
        found = call.over(like.shape, like.dtype, rng.choice([o for o in call.buffers() if o.dtype.itemsize == like.dtype.itemsize]))
        if found is not None:
            call.primals[k][position] = call.memory.filled(found)


@damage
def arguments_in_one_memory(call, rng):
    """Legal as long as neither is written."""
    places = [(k, p) for k, leaves in enumerate(call.primals) for p in range(len(leaves))]
    arrays = [(k, p) for k, p in places if isinstance(call.primals[k][p], np.ndarray) and call.primals[k][p].flags.c_contiguous]
    if arrays:
        (k, position), (m, other) = rng.choice(arrays), rng.choice(arrays)
        a, b = call.primals[k][position], call.primals[m][other]
        found = call.over(a.shape, a.dtype, b) if a.dtype == b.dtype else None
        if found is not None:
            call.primals[k][position] = call.memory.filled(found)


@damage
def seeds(call, rng):
    """Seeds of another shape, dtype, number or container; in the memory of an argument (legal), or of a shadow."""
    if not isinstance(call.seed, list) or not call.seed:
        return
    k = rng.randrange(len(call.seed))
    shape, dtype = call.results[k]
    size = int(np.prod(shape))
    kind = rng.randrange(8)
    if kind == 0:
        call.seed[k] = call.memory.array((*shape, 1), dtype)
    elif kind == 1:
        call.seed[k] = call.memory.array((size,), dtype)
    elif kind == 2:
        call.seed[k] = call.memory.array((2 * size,) if dtype == "f8" else shape, "f4")
    elif kind == 3:
        call.seed[k] = call.memory.array(shape, rng.choice(("c16", "c8")))
    elif kind == 4:
        call.seed.append(call.memory.array(shape, dtype))
    elif kind == 5:
        call.seed = tuple(call.seed)
    else:
        same = [found for found in call.buffers() if found.shape == shape and found.dtype == dtype]
        if same:
            call.seed[k] = rng.choice(same)
