"""Programs as a whole: segments, guards, host calls, seeded sweeps, bad buffers, threads, the cheapest calls."""

import threading

import numpy as np
import pytest

from kernel.assembling import Type, assemble
from tapejit.errors import ArgumentError, ProgramError, ShadowError, ShadowOverlapError, ShadowShapeError, ShadowStructureError
from tapejit.kernel.program import GuardMissed, HostCall, View, from_buffer, lib, new_cell

F = Type("f64", (4,))
STRIDES = (8,)


def double(assembler, source=1, target=2):
    """target = source + source, over 4 elements."""
    assembler.loop((4,), [(source, 0, "f64", STRIDES)], [("add", "f64", 1, 0, 0)], [("store", 1, target, 0, "f64", STRIDES)])


def doubling():
    def write(assembler):
        double(assembler)
        assembler.end()

    return assemble(write, [F], [F])


# --- guards ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.array(True), np.array(7), np.array(2.5, np.float32), np.arange(5.0), np.array([True, False])])
def test_a_guard_stops_the_sweep_and_says_what_it_found(value):
    dtype = {"bool": "bool", "int64": "i64", "float32": "f32", "float64": "f64"}[str(value.dtype)]

    def write(assembler):
        assembler.guard(1, dtype, value.nbytes, (1, 0), 0)
        double(assembler, 2, 3)
        assembler.end()

    program = assemble(write, [Type(dtype, value.shape), F], [F], constants=value.tobytes().ljust(8, b"\0"), guards=["first", "second"])
    out = np.zeros(4)
    program.run([value, np.ones(4)], [out])
    np.testing.assert_array_equal(out, 2 * np.ones(4))
    other, out[:] = value.copy(), 0
    other.reshape(-1)[-1] = not other.reshape(-1)[-1] if dtype == "bool" else other.reshape(-1)[-1] + 1
    with pytest.raises(GuardMissed) as missed:
        program.run([other, np.ones(4)], [out])
    assert missed.value.number == 1 and not out.any()
    np.testing.assert_array_equal(missed.value.found, other)


def test_a_guard_may_look_at_a_computed_scalar():
    def write(assembler):
        assembler.load("f64", 16, 1, 0)
        assembler.scalar("greater", "f64", 24, 16, 0)
        assembler.guard(0, "bool", 1, (0, 24), 8)
        assembler.store("f64", 16, 2, 0)
        assembler.end()

    constants = np.zeros(1).tobytes() + b"\1".ljust(8, b"\0")
    program = assemble(write, [Type("f64", ())], [Type("f64", ())], constants, arena_bytes=32, guards=[0])
    out = np.zeros(())
    program.run([np.array(3.0)], [out])
    assert out == 3
    with pytest.raises(GuardMissed, match="found False"):
        program.run([np.array(-3.0)], [out])


# --- host calls -------------------------------------------------------------------------------------------------------------


def with_host(function):
    """arena = 2 x; arena' = function(arena); out = 2 arena'."""
    def write(assembler):
        double(assembler, 1, 0)
        assembler.host(0)
        assembler.loop((4,), [(0, 32, "f64", STRIDES)], [("add", "f64", 1, 0, 0)], [("store", 1, 2, 0, "f64", STRIDES)])
        assembler.end()

    return assemble(write, [F], [F], arena_bytes=64, hosts=[HostCall(function, [View(0, 0, "f64", (4,))], View(0, 32, "f64", (4,)))])


def test_a_host_call_runs_a_function_in_the_middle_of_a_sweep():
    out, x = np.empty(4), np.arange(4.0)
    program = with_host(np.flip)
    for k in range(3):
        program.run([x + k], [out])
        np.testing.assert_array_equal(out, np.flip(4 * (x + k)))


def test_an_exception_of_a_host_function_comes_through_and_the_program_runs_again():
    program = with_host(lambda x: 1 / 0 if x[0] else x)
    with pytest.raises(ZeroDivisionError):
        program.run([np.ones(4)], [np.empty(4)])
    out = np.empty(4)
    program.run([np.zeros(4)], [out])
    assert not out.any()


def test_an_operand_that_a_host_function_keeps_outlives_the_program():
    kept = []
    program = with_host(lambda x: kept.append(x) or x)
    program.run([np.ones(4)], [np.empty(4)])
    del program
    np.testing.assert_array_equal(kept[0], 2 * np.ones(4))


def test_a_host_function_cannot_write_its_operands_or_answer_another_shape():
    with pytest.raises(ValueError, match="read-only"):
        with_host(lambda x: x.fill(0)).run([np.ones(4)], [np.empty(4)])
    with pytest.raises(ProgramError, match=r"gave shape \(2,\), the tape says \(4,\)"):
        with_host(lambda x: x[:2]).run([np.ones(4)], [np.empty(4)])


@pytest.mark.parametrize("view", [View(0, 40, "f64", (4,)), View(0, -8, "f64", (4,)), View(1, 0, "f64", (5,)), View(0, 4, "f64", (1,))])
def test_a_host_view_outside_its_buffer_is_refused(view):
    with pytest.raises(ProgramError, match="lies outside its buffer"):
        assemble(lambda assembler: assembler.end(), [F], [], arena_bytes=64, hosts=[HostCall(np.copy, [view], View(0, 0, "f64", (4,)))])


# --- segments and seeds -----------------------------------------------------------------------------------------------------


def linear_program(hosts=()):
    """Segment 0: arena = 2 x and out0 = 2 x. Segment 1: out1 = arena * seed, with a host call in it when there is one."""
    def write(assembler):
        double(assembler, 1, 0)
        double(assembler, 1, 3)
        assembler.end()
        assembler.loop((4,), [(0, 0, "f64", STRIDES), (2, 0, "f64", STRIDES)], [("multiply", "f64", 2, 0, 1)],
                       [("store", 2, 0, 32, "f64", STRIDES)])
        if hosts:
            assembler.host(0)
        assembler.loop((4,), [(0, 32, "f64", STRIDES)], [], [("store", 0, 4, 0, "f64", STRIDES)])
        assembler.end()

    return assemble(write, [F, F], [F, F], arena_bytes=64, hosts=hosts)


def test_a_later_segment_runs_many_times_on_what_the_first_left():
    program, x, seed, out0, out1 = linear_program(), np.arange(4.0), np.zeros(4), np.empty(4), np.empty(4)
    ws = program.acquire()
    program.run([x, seed], [out0, out1], ws, segment=0)
    for k in range(3):
        program.run([np.full(4, np.nan), seed + k], [out0, out1], ws, segment=1)
        np.testing.assert_array_equal(out1, 2 * x * k)
    np.testing.assert_array_equal(out0, 2 * x)
    program.run([x, np.ones(4)], [out0, out1])
    np.testing.assert_array_equal(out1, 2 * x)


@pytest.mark.parametrize("hosts", [(), (HostCall(lambda x: x + 1, [View(0, 32, "f64", (4,))], View(0, 32, "f64", (4,))),)])
def test_a_seeded_run_gives_a_row_for_each_seed(hosts):
    program, x, out0, jacobian = linear_program(hosts), np.arange(1, 5.0), np.empty(4), np.empty((4, 4))
    assert program.late_outputs == (False, True)
    for _ in range(2):
        program.run_seeded([x, None], [out0, jacobian], 1, 4)
        np.testing.assert_array_equal(jacobian, np.diag(2 * x) + (1 if hosts else 0))
        np.testing.assert_array_equal(out0, 2 * x)


def last_by_host(buffer):
    """Segment 0: arena = 2 x. Segment 1: a host call alone, out = arena * seed; the instruction says that it writes to `buffer`."""
    def write(assembler):
        double(assembler, 1, 0)
        assembler.end()
        assembler.host(0, buffer)
        assembler.end()

    call = HostCall(np.multiply, [View(0, 0, "f64", (4,)), View(2, 0, "f64", (4,))], View(3, 0, "f64", (4,)))
    return assemble(write, [F, F], [F], arena_bytes=64, hosts=[call])


def test_what_a_host_call_writes_has_a_row_for_each_seed_and_is_checked_for_overlap():
    program, x, jacobian = last_by_host(3), np.arange(1, 5.0), np.empty((4, 4))
    assert program.late_outputs == (True,)
    program.run_seeded([x, None], [jacobian], 1, 4)
    np.testing.assert_array_equal(jacobian, np.diag(2 * x))
    with pytest.raises(ShadowOverlapError, match="output 0 shares memory with input"):
        program.run([x, np.ones(4)], [x])


@pytest.mark.parametrize("buffer, reason", [(2, "a buffer that is only read"), (4, "there is no such buffer")])
def test_a_host_call_that_writes_elsewhere_is_refused(buffer, reason):
    with pytest.raises(ProgramError, match=reason):
        last_by_host(buffer)


def test_a_seeded_run_checks_the_length_of_all_rows():
    with pytest.raises(ShadowShapeError, match="output 1 has 32 bytes"):
        linear_program().run_seeded([np.ones(4), None], [np.empty(4), np.empty(4)], 1, 4)


# --- buffers ----------------------------------------------------------------------------------------------------------------


def test_faults_of_buffers_are_named_and_nothing_is_written():
    program, x, out = doubling(), np.ones(4), np.zeros(4)
    both = np.zeros(6)
    read_only = np.zeros(4)
    read_only.flags.writeable = False
    shifted = np.zeros(40, np.uint8)[4:36].view(np.uint8)
    for inputs, outputs, kind, text in (
            ([x], [np.empty(5)], ShadowShapeError, "output 0 has 40 bytes, the program needs 32"),
            ([x[:3].copy()], [out], ArgumentError, "input 0 has 24 bytes, the program needs 32"),
            ([both[:4]], [both[2:]], ShadowOverlapError, "output 0 shares memory with input 0"),
            ([both[2:]], [both[:4]], ShadowOverlapError, "shares memory"),
            ([x], [x], ShadowOverlapError, "shares memory"),
            ([x], [read_only], ShadowError, "output 0 must be a writable C-contiguous array"),
            ([x], [np.zeros(8)[::2]], ShadowError, "output 0 must be a writable C-contiguous array"),
            ([x], [], ShadowStructureError, "takes 1 inputs and 1 outputs, found 1 buffers")):
        with pytest.raises(kind, match=text):
            program.run(inputs, outputs)
    if shifted.__array_interface__["data"][0] % 8:
        with pytest.raises(ShadowError, match="output 0 is not aligned to 8 bytes"):
            program.run([x], [shifted])
    assert not out.any() and not both.any() and not read_only.any() and not shifted.any()


def test_inputs_may_share_memory():
    def write(assembler):
        assembler.loop((4,), [(1, 0, "f64", STRIDES), (2, 0, "f64", STRIDES)], [("add", "f64", 2, 0, 1)],
                       [("store", 2, 3, 0, "f64", STRIDES)])
        assembler.end()

    x, out = np.arange(6.0), np.empty(4)
    assemble(write, [F, F], [F]).run([x[:4], x[2:]], [out])
    np.testing.assert_array_equal(out, x[:4] + x[2:])


def test_overlap_is_found_among_many_buffers(rng):
    n = 40

    def write(assembler):
        for k in range(n):
            double(assembler, k + 1, n + k + 1)
        assembler.end()

    program = assemble(write, [F] * n, [F] * n)
    memory = np.zeros((2 * n + 1) * 4)
    order = rng.permutation(2 * n)
    arrays = [memory[4 * k:4 * k + 4] for k in order]
    program.run(arrays[:n], arrays[n:])
    for _ in range(30):
        one, other = rng.choice(2 * n, 2, replace=False)
        moved = list(arrays)
        start = 4 * order[one] + 1
        moved[other] = memory[start:start + 4]
        if one < n and other < n:
            continue  # the next buffer is touched too, but by chance it may be an input
        with pytest.raises(ShadowOverlapError):
            program.run(moved[:n], moved[n:])


def test_empty_buffers_overlap_nothing():
    def write(assembler):
        assembler.loop((0,), [(1, 0, "f64", STRIDES)], [], [("store", 0, 2, 0, "f64", STRIDES)])
        assembler.end()

    x = np.empty(0)
    assemble(write, [Type("f64", (0,))], [Type("f64", (0,))]).run([x], [x])


# --- calls ------------------------------------------------------------------------------------------------------------------


def test_the_cheapest_calls_take_arrays_and_cells():
    def write(assembler):
        assembler.load("f64", 0, 1, 0)
        assembler.load("f64", 8, 2, 0)
        assembler.scalar("multiply", "f64", 16, 0, 8)
        assembler.store("f64", 16, 3, 0)
        assembler.end()

    scalar = Type("f64", ())
    program = assemble(write, [scalar, scalar], [scalar], arena_bytes=24)
    ws, a, out = program.acquire(), new_cell("f64"), new_cell("f64")
    b = np.array(5.0)
    a[0] = 3
    assert lib.tj_call3(ws.c, a, 8, from_buffer(b), 8, out, 8) == lib.TJ_DONE
    assert out[0] == 15
    assert lib.tj_call2(ws.c, a, 8, out, 8) == lib.TJ_COUNT
    assert lib.tj_call3(ws.c, a, 8, a, 4, out, 8) == lib.TJ_LENGTH
    assert lib.tj_call3(ws.c, a, 8, a, 8, a, 8) == lib.TJ_OVERLAP


def test_a_program_runs_in_many_threads_at_once():
    program, wrong = doubling(), []

    def work(k):
        x, out = np.full(4, float(k)), np.empty(4)
        for _ in range(300):
            program.run([x], [out])
            if not (out == 2 * k).all():
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_slots_that_nobody_wrote_read_as_zero():
    def write(assembler):
        assembler.store("f64", 8, 1, 0)
        assembler.end()

    out = np.ones(())
    assemble(write, [], [Type("f64", ())], arena_bytes=16).run([], [out])
    assert out == 0
