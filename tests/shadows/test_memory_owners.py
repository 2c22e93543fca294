"""Whatever owns the memory: shadows and primals in shared memory, memory maps, buffers of other libraries. Nothing is copied, nothing else is written."""

import array
import ctypes
import gc
import itertools
import mmap
from collections import namedtuple
from dataclasses import dataclass
from multiprocessing import shared_memory

import numpy as np
import pytest

import tapejit as tj
from tapejit import Active, Const, Dual, Duplicated, Forward, Reverse, autodiff

N = 6
X = np.linspace(0.2, 1.2, N)
Pair = namedtuple("Pair", "a b")


@dataclass
class Model:
    weight: np.ndarray
    steps: int


class Bag:
    """A registered container."""

    def __init__(self, items, name):
        self.items, self.name = items, name


tj.register_container(Bag, lambda bag: (bag.items, bag.name), lambda name, items: Bag(list(items), name))


class Opaque:
    """What another library's CPU tensor is: memory that is seen through DLPack alone."""

    def __init__(self, data):
        self.data = data

    def __dlpack_device__(self):
        return self.data.__dlpack_device__()

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        return self.data.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)


class Tensor(Opaque):
    """With the __array__ that PyTorch's has."""

    def __array__(self, dtype=None, copy=None):
        return self.data


class OldOpaque(Opaque):
    """Of before DLPack 1, which cannot say that memory may be written: NumPy then marks its array read-only."""

    def __dlpack__(self, *, stream=None):
        return self.data.__dlpack__(stream=stream)


class OldTensor(OldOpaque, Tensor):
    """Its __array__ can say so."""


class Elsewhere(Tensor):
    """On another device."""

    def __dlpack__(self, **options):
        raise BufferError("this tensor is not on the CPU")


@pytest.fixture
def owners(tmp_path):
    """name -> function that makes (an owner of N float64 in zeroed memory, the array on the same memory)."""
    shared = []

    def seen(owner, view=None):
        return owner, np.asarray(owner) if view is None else view

    def in_shared_memory():
        block = shared_memory.SharedMemory(create=True, size=8 * N)
        shared.append(block)
        view = np.frombuffer(block.buf)[:N]
        return seen(view)

    def memmap(shape=(N,), number=itertools.count()):
        return seen(np.memmap(tmp_path / f"map{next(number)}", "f8", "w+", shape=shape))

    def tensor(kind):
        data = np.zeros(N)
        return kind(data), data

    buffer = ctypes.c_double * N
    table = {
        "shared memory": in_shared_memory,
        "memmap": memmap,
        "memmap strided": lambda: seen(memmap((N, 2))[0][:, 1]),
        "mmap": lambda: seen(np.frombuffer(mmap.mmap(-1, 8 * N))),
        "array.array": lambda: seen(array.array("d", [0.0] * N)),
        "memoryview": lambda: seen(memoryview(bytearray(8 * N)).cast("d")),
        "memoryview strided": lambda: seen(memoryview(bytearray(16 * N)).cast("d")[::2]),
        "memoryview reversed": lambda: seen(memoryview(bytearray(8 * N)).cast("d")[::-1]),
        "ctypes": lambda: seen(buffer()),
        "field": lambda: seen(np.zeros(N, [("pad", "i4"), ("v", "f8")])["v"]),
        "unaligned": lambda: seen(np.frombuffer(bytearray(8 * N + 1), np.uint8)[1:].view("f8")),
        "DLPack": lambda: tensor(Tensor),
        "DLPack without array": lambda: tensor(Opaque),
        "old DLPack": lambda: tensor(OldTensor),
    }
    yield table
    gc.collect()  # a first call leaves cycles with its arguments
    for block in shared:
        block.close()
        block.unlink()


NAMES = ["shared memory", "memmap", "memmap strided", "mmap", "array.array", "memoryview", "memoryview strided", "memoryview reversed", "ctypes", "field",
         "unaligned", "DLPack", "DLPack without array", "old DLPack"]


def energy(x):
    return np.sum(np.sin(x) ** 2)


@pytest.mark.parametrize("name", NAMES)
def test_a_shadow_is_added_to_where_it_lies(owners, name):
    (x, x_view), (dx, view) = owners[name](), owners[name]()
    x_view[:] = X
    for k in range(3):
        autodiff(Reverse, energy, Duplicated(x, dx))
        np.testing.assert_allclose(view, (k + 1) * np.sin(2 * X), rtol=1e-13)
    np.testing.assert_array_equal(x_view, X)
    assert autodiff(Forward, energy, Dual(x, dx)) == pytest.approx(3 * np.sum(np.sin(2 * X) ** 2))


@pytest.mark.parametrize("name", NAMES)
def test_an_argument_is_written_where_it_lies(owners, name):
    def fill(x, out):
        out[:] = x**2

    (out, view), (d_out, d_view) = owners[name](), owners[name]()
    for _ in range(2):
        view[:], d_view[:] = 7.0, 1.0
        dx = np.zeros(N)
        autodiff(Reverse, fill, Duplicated(X, dx), Duplicated(out, d_out))
        np.testing.assert_allclose(view, X**2)
        np.testing.assert_allclose(dx, 2 * X)
        assert not d_view.any()


@pytest.mark.parametrize("name", NAMES)
def test_as_the_buffer_of_out(owners, name):
    out, view = owners[name]()
    for _ in range(2):
        view[:] = np.nan
        assert tj.grad(energy, out=out)(X) is out
        np.testing.assert_allclose(view, np.sin(2 * X), rtol=1e-13)
    view[:] = np.nan
    assert tj.value_and_grad(energy, out=out)(X)[1] is out
    np.testing.assert_allclose(view, np.sin(2 * X), rtol=1e-13)
    pullback = tj.vjp(energy, X)[1]
    pullback(1.0, out=(out,))
    pullback(2.0, out=(out,), accumulate=True)
    np.testing.assert_allclose(view, 3 * np.sin(2 * X), rtol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_make_zero(owners, name):
    owner, view = owners[name]()
    view[:] = 1.0
    fresh = tj.make_zero(owner)
    assert type(fresh) is np.ndarray and fresh.shape == (N,) and fresh.dtype == np.float64 and not fresh.any() and view.all()
    tj.make_zero_([owner])
    assert not view.any()


def read_only(tmp_path):
    np.arange(float(N)).tofile(tmp_path / "data")
    const = np.arange(float(N))
    const.flags.writeable = False
    return {
        "memmap": np.memmap(tmp_path / "data", "f8", "r"),
        "view of a memmap": np.memmap(tmp_path / "data", "f8", "r")[::-1],
        "memoryview of bytes": memoryview(bytes(8 * N)).cast("d"),
        "array on bytes": np.frombuffer(bytes(8 * N)),
        "read-only memoryview": memoryview(array.array("d", [0.0] * N)).toreadonly(),
        "DLPack": Tensor(const),
        "old DLPack without array": OldOpaque(np.zeros(N)),
        "broadcast": np.broadcast_to(0.0, (N,)),
    }


def test_read_only_memory_is_no_shadow(tmp_path):
    words = "expected a buffer that can be written, found a read-only array: pass a copy, or one made by np.zeros_like"
    for name, shadow in read_only(tmp_path).items():
        for label, call in (("the shadow of args[0]", lambda: autodiff(Reverse, energy, Duplicated(X, shadow))),
                            ("out", lambda: tj.grad(energy, out=shadow)(X)),
                            ("out[0]", lambda: tj.vjp(energy, X)[1](1.0, out=(shadow,), accumulate=True))):
            with pytest.raises(tj.ShadowReadOnlyError) as caught:
                call()
            assert str(caught.value) == f"{label}: {words}", name
        with pytest.raises(tj.ShadowReadOnlyError, match="^make_zero_: shadow is read-only: make a new shadow with make_zero$"):
            tj.make_zero_(shadow)
        dx = np.zeros(N)
        autodiff(Reverse, energy, Duplicated(shadow, dx))
        np.testing.assert_allclose(dx, np.sin(2 * np.asarray(shadow.data if isinstance(shadow, Opaque) else shadow)), err_msg=name)


def test_memory_that_cannot_be_used_is_refused():
    released = memoryview(bytearray(8 * N)).cast("d")
    released.release()
    for shadow, why in ((released, "operation forbidden on released memoryview object"), (Elsewhere(X.copy()), "this tensor is not on the CPU")):
        for label, error, call in (
                ("the shadow of args[0]", tj.ShadowTypeError, lambda: autodiff(Reverse, energy, Duplicated(X, shadow))),
                ("the shadow of args[0]['a'][1]", tj.ShadowTypeError,
                 lambda: autodiff(Reverse, lambda p: energy(p["a"][1]), Duplicated({"a": [1, X]}, {"a": [None, shadow]}))),
                ("shadow 0 of args[0]", tj.ShadowTypeError, lambda: autodiff(Reverse, energy, tj.BatchDuplicated(X, (shadow,)))),
                ("BatchDuplicated", tj.ShadowTypeError, lambda: autodiff(Reverse, energy, tj.BatchDuplicated(X, shadow))),
                ("autodiff: args[1]['b']", tj.ArgumentError,
                 lambda: autodiff(Reverse, lambda x, p: energy(x), Duplicated(X, X.copy()), Const({"b": shadow}))),
                ("forward: args[0]", tj.ArgumentError, lambda: tj.split(energy, Duplicated)[0](shadow)),
                ("out", tj.ShadowTypeError, lambda: tj.grad(energy, out=shadow)(X)),
                ("out[0]", tj.ShadowTypeError, lambda: tj.vjp(energy, X)[1](1.0, out=(shadow,))),
                ("make_zero: value[1]", tj.ArgumentError, lambda: tj.make_zero((X, shadow))),
                ("make_zero_: shadow", tj.ShadowTypeError, lambda: tj.make_zero_(shadow))):
            with pytest.raises(error) as caught:
                call()
            assert str(caught.value) == f"{label}: its memory cannot be used: {why}"


def test_containers_of_all_kinds():
    def value(p):
        model, bag, pair, text, none, count = p["all"]
        return np.sum(model.weight**2) * model.steps + energy(bag.items[0]) + np.sum(pair.a) * pair.b + 0 * count

    p = {"all": [Model(X.copy(), 3), Bag([X + 1, 4], "bag"), Pair(X + 2, 2.0), "text", None, 5]}
    zero = tj.make_zero(p)
    model, bag, pair, text, none, count = zero["all"]
    assert (type(model), type(bag), bag.name, type(pair), text, none, count, model.steps, bag.items[1]) == (Model, Bag, "bag", Pair, None, None, None, None, None)
    assert pair.b == 0.0 and not (model.weight.any() or bag.items[0].any() or pair.a.any())
    p["all"][2] = pair_of_arrays = Pair(X + 2, np.array(2.0))
    dp = tj.make_zero(p)
    for _ in range(3):
        autodiff(Reverse, value, Duplicated(p, dp))
    np.testing.assert_allclose(dp["all"][0].weight, 18 * X)
    np.testing.assert_allclose(dp["all"][1].items[0], 3 * np.sin(2 * (X + 1)))
    np.testing.assert_allclose(dp["all"][2].a, np.full(N, 6.0))
    assert dp["all"][2].b == pytest.approx(3 * np.sum(pair_of_arrays.a))
    tj.make_zero_(dp)
    assert not any(a.any() for a in (dp["all"][0].weight, dp["all"][1].items[0], *dp["all"][2]))
    assert autodiff(Reverse, lambda d: d["a"] ** 2 * d["n"], Active({"a": 3.0, "n": 2, "s": "text"})) == ({"a": 12.0, "n": None, "s": None},)


def test_the_fields_of_a_structured_array():
    table = np.zeros(N, [("x", "f8"), ("n", "i4"), ("dx", "f8")])
    table["x"], table["n"] = X, 7
    for _ in range(3):
        autodiff(Reverse, energy, Duplicated(table["x"], table["dx"]))
    np.testing.assert_allclose(table["dx"], 3 * np.sin(2 * X))
    np.testing.assert_array_equal(table["x"], X)
    assert (table["n"] == 7).all()


@pytest.mark.parametrize("to", [N - 1, N + 1, 0])
def test_a_shadow_that_is_resized_between_calls_is_refused(to):
    dx, out = np.zeros(N), np.zeros(N)
    gradient, pullback = tj.grad(energy, out=out), tj.vjp(energy, X)[1]
    for _ in range(3):
        autodiff(Reverse, energy, Duplicated(X, dx))
        gradient(X)
        pullback(1.0, out=(out,))
    dx.resize(to, refcheck=False)
    out.resize(to, refcheck=False)
    before = dx.copy(), out.copy()
    for path, call in (("the shadow of args[0]", lambda: autodiff(Reverse, energy, Duplicated(X, dx))), ("out", lambda: gradient(X)),
                       ("out[0]", lambda: pullback(1.0, out=(out,)))):
        with pytest.raises(tj.ShadowShapeError) as caught:
            call()
        assert str(caught.value) == f"{path}: expected shape ({N},), as its primal has, found ({to},)"
    np.testing.assert_array_equal(dx, before[0])
    np.testing.assert_array_equal(out, before[1])


def test_a_primal_that_is_resized_between_calls_is_another_call():
    x, dx = X.copy(), np.zeros(N)
    for _ in range(3):
        autodiff(Reverse, energy, Duplicated(x, dx))
    x.resize(N - 2, refcheck=False)
    with pytest.raises(tj.ShadowShapeError):
        autodiff(Reverse, energy, Duplicated(x, dx))
    np.testing.assert_allclose(dx, 3 * np.sin(2 * X))
    dx.resize(N - 2, refcheck=False)
    autodiff(Reverse, energy, Duplicated(x, dx))
    np.testing.assert_allclose(dx, 4 * np.sin(2 * X[:-2]))


def test_an_owner_cannot_be_closed_under_a_shadow_or_a_tape():
    memory = mmap.mmap(-1, 8 * N)
    dx = np.frombuffer(memory)
    for _ in range(3):
        autodiff(Reverse, energy, Duplicated(X, dx))
    with pytest.raises(BufferError):
        memory.close()
    block = shared_memory.SharedMemory(create=True, size=8 * N)
    shadow = np.frombuffer(block.buf)[:N]
    forward, reverse = tj.split(energy, Duplicated, many=True)
    _, tape = forward(Duplicated(X, shadow))
    reverse(tape)
    with pytest.raises(BufferError):
        block.close()
    np.testing.assert_allclose(shadow, np.sin(2 * X))
    items = array.array("d", [0.0] * N)
    _, tape = forward(Duplicated(X, items))
    with pytest.raises(BufferError):
        items.append(1.0)
    del tape, shadow
    items.append(1.0)
    block.close()
    block.unlink()
