"""What compile_tape promises beyond right values: what is fused, what is not copied, what is written when."""

import itertools

import numpy as np
import pytest

from tapejit.kernel import GuardMissed, classify, compile_tape, schedule_records
from tapejit.kernel.classify import Facts
from tapejit.kernel.encode import Encoder
from tapejit.kernel.fuse import LIVE_LIMIT, Loop, Schedule
from tapejit.kernel.plan import Layout
from tapejit.kernel.views import reshaped, row_major, squeeze, unsqueeze
from tapejit.ops import OPS, Type
from tapejit.ops.linear import index_shape, zeros
from tapejit.tape import Builder, interpret
from tapejit.tape.types import DTYPE_OF_NAME


def F(*shape):
    return Type("f64", shape)


def tape_of(function, *types):
    """The tape of function(*Exprs) -> Expr or tuple of them."""
    builder = Builder("f")
    result = function(*[builder.expr(builder.input(type, f"x{k}")) for k, type in enumerate(types)])
    builder.tape.outputs = [r.id for r in (result if isinstance(result, tuple) else (result,))]
    return builder.tape


def run(tape, inputs, late=()):
    """(the program, its outputs), which are what the interpreter computes."""
    program = compile_tape(tape, late)
    outputs = [np.full(type.shape, 7, DTYPE_OF_NAME[type.dtype]) for type in program.outputs]
    program.run(inputs, outputs)
    for found, expected in zip(outputs, interpret(tape, inputs)):
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)
    return program, outputs


def whole(x):
    return OPS["sum"](x, axes=tuple(range(len(x.shape))))


def part(x, *idx):
    return OPS["index"](x, idx=idx)


# --- fusion ----------------------------------------------------------------------------------------------------------


def test_elementwise_records_and_a_closing_sum_are_one_loop():
    tape = tape_of(lambda x: whole(OPS["sin"](x) * OPS["exp"](-OPS["square"](x))), F(5))
    program, _ = run(tape, [np.linspace(-1, 2, 5)])
    assert program.summary() == ("1 fused loop; arena 64 bytes\n"
                               "loop over (5,): sin square negative exp multiply; reads x0; sum into %6; 2 registers")


def test_a_large_result_is_written_into_the_output_itself():
    program, _ = run(tape_of(lambda x, y: OPS["exp"](x) * y, F(300), F(300)), [np.ones(300), np.ones(300)])
    assert program.arena_bytes == 0
    assert "writes output 0" in program.summary()


def test_axes_of_one_element_do_not_separate_loops():
    tape = tape_of(lambda x: OPS["sin"](OPS["reshape"](OPS["cos"](x), shape=(4, 1, 3))) * 2.0, F(4, 3))
    program, _ = run(tape, [np.ones((4, 3))])
    assert program.summary().startswith("1 fused loop;")


def test_views_are_read_where_they_lie():
    def function(x):
        return OPS["transpose"](part(x, (1, 3, 1), (4, 5, -1)), axes=(1, 0)) * OPS["broadcast"](part(x, (0, 3, 1), 2), shape=(5, 3))

    program, _ = run(tape_of(function, F(5, 5)), [np.arange(25.0).reshape(5, 5)])
    assert program.summary() == "1 fused loop; arena 0 bytes\nloop over (5, 3): multiply; reads x0; writes output 0; 2 registers"


def test_a_consumer_of_a_sum_is_in_a_later_loop():
    program, _ = run(tape_of(lambda x: x * OPS["reshape"](whole(x), shape=(1,)), F(6)), [np.arange(6.0)])
    assert program.summary().startswith("2 fused loops;")


def test_a_loop_keeps_few_values_at_once():
    def function(x):
        values = [x * float(k) for k in range(150)]
        total = values[0]
        for value in reversed(values):
            total = OPS["sin"](total) + value
        return total

    program, _ = run(tape_of(function, F(70)), [np.linspace(0, 1, 70)])
    registers = [int(line.split()[-2]) for line in program.summary().splitlines()[1:]]
    assert len(registers) > 1 and max(registers) <= LIVE_LIMIT + 4  # a last record and its operands


# --- updates ---------------------------------------------------------------------------------------------------------


def test_scalar_updates_of_one_array_are_scalar_instructions_in_place():
    def function(x, y):
        for k in range(1000):
            x = OPS["index_add"](x, part(y, k), idx=(999 - k,))
        return x

    tape = tape_of(function, F(1000), F(1000))
    program, _ = run(tape, [np.ones(1000), np.arange(1000.0)])
    assert program.summary().startswith("2000 scalar instructions; 2 fused loops; arena 16000 bytes")
    assert len(program.words) < 6000


def test_slices_are_updated_in_place():
    def function(x):
        for _ in range(10):
            x = OPS["index_set"](x, OPS["sin"](part(x, (1, 298, 1))), idx=((1, 298, 1),))
        return x

    program, _ = run(tape_of(function, F(300)), [np.arange(300.0)])
    assert program.summary().count("copy; reads x0") == 1  # the input is never written
    assert program.summary().count("loop over (298,): sin; reads output 0; writes output 0; 1 register") == 9


def test_an_old_version_that_is_still_read_is_kept():
    def function(x):
        y = x * 2.0
        return OPS["index_set"](y, part(x, 0), idx=(3,)), OPS["index_add"](y, part(y, 1), idx=(2,)), y

    run(tape_of(function, F(5)), [np.arange(5.0)])


def test_a_shift_within_an_array_reads_the_old_elements():
    def function(x):
        y = x + 1.0
        return OPS["index_set"](y, part(y, (0, 299, 1)), idx=((1, 299, 1),))

    run(tape_of(function, F(300)), [np.arange(300.0)])


# --- memory ----------------------------------------------------------------------------------------------------------


def test_arrays_that_are_dead_lend_their_memory():
    def function(x):
        for _ in range(40):
            x = OPS["tanh"](OPS["matmul"](x, x))
        return whole(x)

    program, _ = run(tape_of(function, F(20, 20)), [np.eye(20)])
    assert program.arena_bytes <= 4 * 20 * 20 * 8


def test_equal_constants_are_stored_once():
    table = np.arange(1000.0)

    def function(x):
        a, b = (x.builder.expr(x.builder.constant(table)) for _ in range(2))
        return x * a, x + b, x + 3.0, x * 3.0

    program, _ = run(tape_of(function, F(1000)), [np.ones(1000)])
    assert len(program.constants) < 1.1 * table.nbytes


def test_inputs_constants_and_values_may_be_outputs_more_than_once():
    def function(x, n):
        y = OPS["exp"](x)
        c = x.builder.expr(x.builder.constant(np.arange(3.0)))
        return x, y, y, c, n, n, OPS["transpose"](y, axes=(1, 0)), x

    program, outputs = run(tape_of(function, F(9, 8), F()), [np.ones((9, 8)), np.array(5.0)])
    assert not any(np.shares_memory(a, b) for a, b in itertools.combinations(outputs, 2))


# --- segments and guards ---------------------------------------------------------------------------------------------


def test_what_does_not_depend_on_a_seed_runs_once():
    def function(x, x_dot):
        return OPS["exp"](x), OPS["exp"](x) * x_dot

    tape = tape_of(function, F(4), F(4))
    program = compile_tape(tape, late=(1,))
    x = np.arange(4.0)
    value, jacobian = np.empty(4), np.empty((4, 4))
    program.run_seeded([x, None], [value, jacobian], 1, 4)
    np.testing.assert_allclose(value, np.exp(x), rtol=1e-15)
    np.testing.assert_allclose(jacobian, np.diag(np.exp(x)), rtol=1e-15)


def test_segment_1_leaves_what_it_reads_of_segment_0():
    def function(x, x_dot):
        y = x * 2.0  # dies in segment 1, which must not take its memory or update it in place
        z = OPS["index_add"](y, part(x_dot, (0, 2, 1)), idx=((1, 2, 1),))
        return OPS["sin"](OPS["matmul"](OPS["reshape"](z, shape=(4, 1)), OPS["reshape"](x_dot, shape=(1, 4))))

    tape = tape_of(function, F(4), F(4))
    inputs = [np.arange(4.0), np.ones(4)]
    program, workspace = compile_tape(tape, late=(1,)), None
    out = np.empty((4, 4))
    workspace = program.acquire()
    program.run(inputs, [out], workspace)
    for seed in (np.ones(4), np.arange(4.0), np.ones(4)):
        program.run([inputs[0], seed], [out], workspace, segment=1)
        np.testing.assert_allclose(out, interpret(tape, [inputs[0], seed])[0], rtol=1e-14)


def test_nothing_is_written_when_a_guard_fails():
    def function(x):
        y = OPS["exp"](x)
        big = OPS["greater"](whole(y), 1e6)
        x.builder.guard(big.id, False)
        return y, whole(y), x, part(x, 0)

    tape = tape_of(function, F(100))
    program, _ = run(tape, [np.zeros(100)])
    outputs = [np.full(type.shape, 7.0) for type in program.outputs]
    with pytest.raises(GuardMissed) as missed:
        program.run([np.full(100, 100.0)], outputs)
    assert program.guards[missed.value.number] == (tape.op.index(OPS["guard"].code), False) and missed.value.found == 1
    assert all((out == 7.0).all() for out in outputs)


@pytest.mark.parametrize("name", ["take", "take_set", "take_add"])
def test_nothing_is_written_when_an_index_is_out_of_range(name):
    def function(x, i, v):
        y = OPS["exp"](x)
        return y, OPS["take"](y, i, axis=0) if name == "take" else OPS[name](y, i, v, axis=0)

    tape = tape_of(function, F(100), Type("i64", (3,)), F(3))
    program, _ = run(tape, [np.zeros(100), np.array([0, -100, 99]), np.ones(3)])
    outputs = [np.full(type.shape, 7.0) for type in program.outputs]
    with pytest.raises(IndexError, match="index 100 is out of bounds for an axis of size 100"):
        program.run([np.zeros(100), np.array([0, 1, 100]), np.ones(3)], outputs)
    assert all((out == 7.0).all() for out in outputs)


# --- what the kernel has no instruction for --------------------------------------------------------------------------


def test_without_blas_a_large_product_is_left_to_numpy(monkeypatch):
    monkeypatch.setattr(schedule_records.blas, "available", False)
    a, b = np.random.default_rng(0).normal(size=(2, 70, 70))

    def function(x, y):
        return OPS["matmul"](OPS["transpose"](x, axes=(1, 0)), y), OPS["matmul"](part(x, (0, 2, 1), (0, 70, 1)), y)

    program, _ = run(tape_of(function, F(70, 70), F(70, 70)), [a, b])
    assert len(program.hosts) == 1


def test_complex_numbers_are_computed_by_numpy():
    c = Type("c128", (3,))
    z = np.array([1 + 2j, 3j, -1])
    program, (square, real) = run(tape_of(lambda x, y: (part(x * y + x, (2, 3, -1)), part(y, 1)), c, c), [z, z])
    assert square.dtype == real.dtype == complex and len(program.hosts) > 1


# --- the parts -------------------------------------------------------------------------------------------------------


def test_every_kind_of_record_has_a_handler():
    assert len(classify.KINDS) == len(schedule_records.HANDLERS)


def test_reshaped_strides_describe_what_numpy_sees_without_a_copy(rng):
    for _ in range(400):
        shape = tuple(rng.choice([1, 2, 3, 4, 6], rng.integers(1, 4)))
        array = np.arange(np.prod(shape), dtype=np.int64).reshape(shape).transpose(rng.permutation(len(shape)))
        array = array[tuple(slice(None, None, rng.choice([1, -1, 2])) for _ in shape)]
        size = array.size
        divisors = [k for k in range(1, size + 1) if size % k == 0]
        targets = [t for n in (1, 2, 3) for t in itertools.product(divisors, repeat=n) if np.prod(t) == size]
        target = targets[rng.integers(len(targets))]
        old = tuple(s for n, s in zip(array.shape, array.strides) if n != 1)
        strides = reshaped(squeeze(array.shape), old, squeeze(target))
        try:
            view = array.view()
            view.shape = target
        except AttributeError:
            assert strides is None
        else:
            assert [s for n, s in zip(target, view.strides) if n != 1] == list(strides)


def test_contiguous_strides_are_numpys():
    for shape in [(), (3,), (2, 3), (2, 1, 4)]:
        assert row_major(shape, 8) == np.empty(shape).strides
    assert row_major(squeeze((2, 1, 4)), 8) == (32, 8)
    assert unsqueeze((2, 1, 4), (32, 8)) == (32, 0, 8)


def test_groups_read_only_what_earlier_groups_made():
    tape = tape_of(lambda x: whole(OPS["exp"](x) * OPS["reshape"](whole(x), shape=(1,))), F(50))
    schedule = Schedule(Facts(tape, ()))
    for g, group in enumerate(schedule.groups):
        if isinstance(group, Loop):
            assert all(schedule.pos[o] < g for o, _ in group.inputs)
    assert Encoder(schedule, Layout(schedule)).program().arena_bytes == Layout(schedule).arena_bytes


# --- parts added into zeros ------------------------------------------------------------------------------------------


def sum_of_parts(parts, shape):
    """A function of a long vector: sines of its first elements, added into zeros at these indices one after the other."""
    def function(x):
        y = zeros(x, shape)
        for idx in parts:
            value = OPS["sin"](part(x, (0, classify.count(index_shape(idx)), 1)))
            y = OPS["index_add"](y, OPS["reshape"](value, shape=index_shape(idx)), idx=idx)
        return y
    return function


@pytest.mark.parametrize("parts, zeros_too", [
    ([((0, 2, 1),), ((2, 4, 1),)], False), ([((0, 3, 2),), ((1, 3, 2),)], False), ([((5, 6, -1),)], False), ([((0, 2, 1),), ((3, 3, 1),)], True),
    ([((0, 2, 1),), ((1, 2, 1),), ((2, 4, 1),)], True), ([((0, 5, 1),), (5,)], False)])
def test_parts_that_are_apart_are_stored_without_zeros(parts, zeros_too):
    program, _ = run(tape_of(sum_of_parts(parts, (6,)), F(6)), [np.linspace(0.1, 0.7, 6)])
    assert ("copy; reads a constant" in program.summary()) == zeros_too and ("adds to" in program.summary()) == (len(parts) == 3)


def test_random_parts_are_summed(effort):
    rng = np.random.default_rng(0)

    def item(n):
        if rng.random() < 0.4:
            return int(rng.integers(n))
        start, step = int(rng.integers(n)), int(rng.choice([1, 1, 2, -1, -2]))
        most = (n - 1 - start) // step + 1 if step > 0 else start // -step + 1
        return start, int(rng.integers(1, most + 1)), step

    for _ in range(300 * effort):
        shape = tuple(int(n) for n in rng.integers(1, 7, rng.integers(1, 3)))
        parts = [tuple(item(n) for n in shape) for _ in range(rng.integers(1, 6))]
        run(tape_of(sum_of_parts(parts, shape), F(36)), [rng.normal(size=36)])


# --- products in sums -------------------------------------------------------------------------------------------------


def bits(tape, inputs):
    """The program, whose outputs have the bits that the interpreter computes."""
    program = compile_tape(tape)
    outputs = [np.empty(type.shape, DTYPE_OF_NAME[type.dtype]) for type in program.outputs]
    program.run(inputs, outputs)
    assert [np.asarray(x).tobytes() for x in outputs] == [np.asarray(x).tobytes() for x in interpret(tape, inputs)]
    return program


@pytest.mark.parametrize("function, joined", [
    (lambda a, b, c: a * b + c, 1), (lambda a, b, c: c + a * b, 1), (lambda a, b, c: a * b - c, 1), (lambda a, b, c: c - a * b, 1),
    (lambda a, b, c: a * b + b * c, 1), (lambda a, b, c: a * b - b * c, 1), (lambda a, b, c: (a * b + a * b) / c, 0),
    (lambda a, b, c: (a * b + c, a * b), 0), (lambda a, b, c: (a * b + c, a * b - c), 0), (lambda a, b, c: (a * b + c) * (b - c * c) - a / b, 3),
], ids=range(10))
def test_a_product_that_one_sum_reads_is_computed_in_it_and_rounded_as_before(function, joined):
    tape = tape_of(function, F(), F(), F())
    separate = len(tape) - len(tape.inputs)
    for seed in range(20):
        program = bits(tape, [np.array(x) for x in np.random.default_rng(seed).normal(size=3) * 1e8**np.arange(3)])
    words = 3 * len(tape.inputs) + 3 * len(tape.outputs) + 1  # loads, stores and the end
    assert len(program.words) == words + 2 * separate - joined  # two instructions of two words become one of three


def test_factors_that_are_elements_of_an_array_are_read_before_the_array_changes():
    def function(x, y):
        z = OPS["index_set"](x * 1.5, y, idx=(0,))
        product = part(z, 0) * part(z, 1)
        later = OPS["index_set"](z, y * 3.0, idx=(1,))
        return product + part(later, 1), later

    bits(tape_of(function, F(4), F()), [np.arange(1.0, 5.0), np.array(0.3)])


def test_products_of_single_precision_stay_instructions_of_their_own():
    bits(tape_of(lambda a, b, c: a * b + c, *[Type("f32", ())] * 3), [np.float32(x).reshape(()) for x in (1.1, 2.3, -0.7)])


# --- small outputs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n, loops", [(2, 0), (16, 0), (17, 1)])
def test_a_small_output_that_is_made_element_by_element_is_stored_so(n, loops):
    def function(x):
        y = zeros(x, (n,))
        for k in range(n):
            y = OPS["index_add"](y, part(x, k) * float(k + 2), idx=(k,))
        return y, part(y, 0)

    program, _ = run(tape_of(function, F(n)), [np.arange(1.0, n + 1)])
    assert ("fused loop" in program.summary()) == bool(loops)
