/* Checks a LOOP instruction and plans it: axes are merged where all operands allow, registers become slots, and each operand gets the
 * cheapest way into a block (see the modes in internal.h). The sweep, in loop.c, then only follows the plan.
 *
 * A slot is a pointer to a block of values: slot k < n_inputs is input k, slot n_inputs + j the result of micro-operation j. Registers of
 * the program name slots at a moment; since each result has a slot of its own, a result can be written straight to memory
 * although its register is used again later. */
#include "internal.h"

#include <string.h>

typedef struct {
    tj_loader *loader;
    tj_loop *loop;
    const uint64_t *words;                    /* of the instruction */
    int ndim;
    uint32_t n_inputs, n_steps, n_outputs;
    int64_t total;                            /* elements of the iteration space */
    uint16_t slot_of[TJ_MAX_REGISTERS];       /* the slot that holds a register now, NO_SLOT before it is written */
    uint8_t dtype_of[TJ_MAX_REGISTERS];
    uint16_t memory_of[TJ_MAX_REGISTERS];     /* block register for the results in a register */
    uint32_t n_memories;
} planner;

enum { NO_SLOT = 0xffff };

static int refuse(planner *plan, const char *reason) { return tj_refuse(plan->loader, plan->loader->at, reason); }

static size_t round_up(size_t nbytes) { return (nbytes + 7) & ~(size_t)7; }

/* The loop and all its arrays, in one piece; strides have room for the axes as given. */
static int allocate(planner *plan) {
    const size_t axes = plan->ndim ? (size_t)plan->ndim : 1, operands = (size_t)plan->n_inputs + plan->n_outputs;
    const size_t sizes[] = {round_up(sizeof(tj_loop)), operands * sizeof(tj_operand), round_up(plan->n_steps * sizeof(tj_step)),
                            round_up(2 * plan->n_steps * sizeof(uint16_t)), (1 + operands + 2 * plan->n_outputs) * axes * 8};
    size_t total = 0;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        total += sizes[k];
    uint8_t *memory = tj_allocate(plan->loader, total);
    if (!memory)
        return 0;
    memset(memory, 0, total);
    tj_loop *loop = plan->loop = (tj_loop *)memory;
    loop->inputs = (tj_operand *)(memory += sizes[0]);
    loop->outputs = loop->inputs + plan->n_inputs;
    loop->steps = (tj_step *)(memory += sizes[1]);
    loop->step_memory = (uint16_t *)(memory += sizes[2]);
    loop->uses = loop->step_memory + plan->n_steps;
    int64_t *numbers = (int64_t *)(memory += sizes[3]);
    loop->shape = numbers;
    for (size_t k = 0; k < operands; k++)
        loop->inputs[k].strides = numbers += axes;
    for (size_t k = 0; k < plan->n_outputs; k++) {
        loop->outputs[k].start_shape = numbers += axes;
        loop->outputs[k].start_strides = numbers += axes;
    }
    loop->n_inputs = plan->n_inputs;
    loop->n_steps = loop->n_results = plan->n_steps;
    loop->n_outputs = plan->n_outputs;
    return 1;
}

/* The program frees the loop from here on, also when it is refused later. */
static int enter(planner *plan) {
    tj_program *program = plan->loader->program;
    if (!tj_make_room(plan->loader, (void **)&program->loops, program->n_loops, &program->room_for_loops)) {
        program->allocator.release(program->allocator.context, plan->loop);
        return 0;
    }
    program->loops[program->n_loops++] = plan->loop;
    return 1;
}

/* --- reading and checking ---------------------------------------------------------------------------------------------- */

static int read_operand(planner *plan, const uint64_t *words, tj_operand *operand, int write, int reduces) {
    const uint64_t *shape = plan->words + 2;
    int64_t extents[TJ_MAX_NDIM];
    tj_span span;
    for (int k = 0; k < plan->ndim; k++) {
        operand->strides[k] = (int64_t)words[2 + k];
        extents[k] = reduces && operand->strides[k] == 0 ? 1 : (int64_t)shape[k];
    }
    operand->buffer = (uint32_t)(words[0] >> 32);
    operand->offset = (int64_t)words[1];
    if (!tj_check_operand(plan->loader, plan->loader->at, operand->buffer, words[1], operand->dtype, plan->ndim, extents,
                          operand->strides, write, &span))
        return 0;
    operand->size = tj_size_of[operand->dtype];
    operand->low = span.low;
    operand->high = span.high;
    return 1;
}

static int read_inputs(planner *plan, const uint64_t *words) {
    for (uint32_t k = 0; k < plan->n_inputs; k++, words += 2 + plan->ndim) {
        tj_operand *input = &plan->loop->inputs[k];
        if ((uint32_t)words[0] >= TJ_DTYPES)
            return refuse(plan, "there is no such dtype");
        input->dtype = (uint8_t)words[0];
        if (!read_operand(plan, words, input, 0, 0))
            return 0;
        plan->slot_of[k] = (uint16_t)k;
        plan->dtype_of[k] = input->dtype;
    }
    return 1;
}

static int read_steps(planner *plan, const uint64_t *words) {
    const tj_micro *micros = plan->loader->program->simd->micros;
    for (uint32_t k = 0; k < plan->n_steps; k++) {
        const uint32_t opcode = words[k] & 0xffff;
        const uint32_t dst = words[k] >> 16 & 0xfff;
        const uint32_t sources[3] = {words[k] >> 28 & 0xfff, words[k] >> 40 & 0xfff, (uint32_t)(words[k] >> 52)};
        if (opcode < TJ_FIRST_ELEMENTWISE || opcode >= TJ_OPCODES)
            return refuse(plan, "there is no such micro-operation");
        const tj_op *op = &tj_ops[opcode - TJ_FIRST_ELEMENTWISE];
        const uint16_t own = (uint16_t)(plan->n_inputs + k);
        uint16_t slots[3] = {own, own, own};
        for (int j = 0; j < op->arity; j++) {
            if (plan->slot_of[sources[j]] == NO_SLOT)
                return refuse(plan, "a micro-operation reads a register that holds nothing");
            if (plan->dtype_of[sources[j]] != (j == 0 ? op->first : op->dtype))
                return refuse(plan, "a micro-operation reads a register of another dtype");
            slots[j] = plan->slot_of[sources[j]];
        }
        if (plan->memory_of[dst] == NO_SLOT)
            plan->memory_of[dst] = (uint16_t)plan->n_memories++;
        plan->slot_of[dst] = own;
        plan->dtype_of[dst] = op->result;
        plan->loop->steps[k] = (tj_step){micros[opcode - TJ_FIRST_ELEMENTWISE], own, slots[0], slots[1], slots[2]};
        plan->loop->step_memory[k] = plan->memory_of[dst];
    }
    return 1;
}

static int read_outputs(planner *plan, const uint64_t *words) {
    const tj_reducer (*reducers)[TJ_DTYPES] = plan->loader->program->simd->reducers;
    for (uint32_t k = 0; k < plan->n_outputs; k++, words += 2 + plan->ndim) {
        tj_operand *output = &plan->loop->outputs[k];
        const uint32_t from = words[0] >> 16 & 0xffff;
        output->kind = (uint8_t)words[0];
        output->dtype = (uint8_t)(words[0] >> 8);
        if (output->kind >= TJ_KINDS)
            return refuse(plan, "there is no such kind of output");
        if (from >= TJ_MAX_REGISTERS || plan->slot_of[from] == NO_SLOT)
            return refuse(plan, "an output takes a register that holds nothing");
        if (plan->dtype_of[from] != output->dtype)
            return refuse(plan, "an output has another dtype than its register");
        output->memory = plan->slot_of[from];
        output->reducer = &reducers[output->kind][output->dtype];
        if (output->kind != TJ_KIND_STORE && !output->reducer->reduce)
            return refuse(plan, "values of this dtype are not reduced in this way");
        if (!read_operand(plan, words, output, 1, output->kind != TJ_KIND_STORE))
            return 0;
        if (output->kind >= TJ_KIND_SUM)
            for (int axis = 0; axis < plan->ndim; axis++)
                if (output->strides[axis] && plan->words[2 + axis] != 1) {
                    output->start_shape[output->start_ndim] = (int64_t)plan->words[2 + axis];
                    output->start_strides[output->start_ndim++] = output->strides[axis];
                }
    }
    return 1;
}

static int overlap(const tj_operand *a, const tj_operand *b) { return a->buffer == b->buffer && a->low < b->high && b->low < a->high; }

static int check_reductions(planner *plan) {
    const tj_loop *loop = plan->loop;
    for (uint32_t k = 0; k < loop->n_outputs; k++)
        for (uint32_t j = 0; j < loop->n_inputs && loop->outputs[k].kind >= TJ_KIND_SUM; j++)
            if (overlap(&loop->outputs[k], &loop->inputs[j]))
                return refuse(plan, "a reduction overlaps an input");
    return 1;
}

/* --- planning ---------------------------------------------------------------------------------------------------------- */

/* Sorts the axes so that the innermost is the one with the shortest steps through memory, as for arrays stored by columns. Writing
 * in place is worth more than reading, so outputs that are stored count twice. Axes that are equal in this keep their order. */
static void sort_axes(planner *plan, int64_t *extents) {
    tj_loop *loop = plan->loop;
    double steps[TJ_MAX_NDIM];
    for (int axis = 0; axis < plan->ndim; axis++) {
        extents[axis] = (int64_t)plan->words[2 + axis];
        steps[axis] = 0;
        for (uint32_t k = 0; k < loop->n_inputs + loop->n_outputs; k++) {
            const double stride = (double)loop->inputs[k].strides[axis];
            steps[axis] += (stride < 0 ? -stride : stride) * (k >= loop->n_inputs && loop->inputs[k].kind == TJ_KIND_STORE ? 2 : 1);
        }
    }
    for (int axis = 1; axis < plan->ndim; axis++)
        for (int place = axis; place > 0 && steps[place] > steps[place - 1] && extents[place] > 1; place--) {
            const double swap_steps = steps[place];
            const int64_t swap_extent = extents[place];
            steps[place] = steps[place - 1], steps[place - 1] = swap_steps;
            extents[place] = extents[place - 1], extents[place - 1] = swap_extent;
            for (uint32_t k = 0; k < loop->n_inputs + loop->n_outputs; k++) {
                int64_t *strides = loop->inputs[k].strides, swap = strides[place];
                strides[place] = strides[place - 1], strides[place - 1] = swap;
            }
        }
}

/* Drops axes of one element and joins neighbours that every operand steps through as one; leaves rows and columns. */
static void merge_axes(planner *plan) {
    tj_loop *loop = plan->loop;
    const uint32_t n = loop->n_inputs + loop->n_outputs;
    int64_t extents[TJ_MAX_NDIM];
    int kept = 0;
    sort_axes(plan, extents);
    for (int axis = 0; axis < plan->ndim; axis++) {
        const int64_t extent = extents[axis];
        if (extent == 1)
            continue;
        int joins = kept > 0;
        for (uint32_t k = 0; k < n && joins; k++)
            joins = loop->inputs[k].strides[kept - 1] == loop->inputs[k].strides[axis] * extent;
        if (!joins)
            kept++;
        loop->shape[kept - 1] = joins ? loop->shape[kept - 1] * extent : extent;
        for (uint32_t k = 0; k < n; k++)
            loop->inputs[k].strides[kept - 1] = loop->inputs[k].strides[axis];
    }
    loop->columns = kept ? loop->shape[kept - 1] : 1;
    loop->n_outer = kept > 1 ? (uint32_t)kept - 1 : 1;
    for (uint32_t k = 0; k < n; k++) {
        tj_operand *operand = &loop->inputs[k];
        operand->column_stride = kept ? operand->strides[kept - 1] : operand->size;
        if (kept < 2)
            operand->strides[0] = loop->columns * operand->column_stride;
        operand->row_stride = operand->strides[loop->n_outer - 1];
    }
    if (kept < 2)
        loop->shape[0] = 1;
    loop->rows = 1;
    for (uint32_t axis = 0; axis < loop->n_outer; axis++)
        loop->rows *= loop->shape[axis];
    const uint32_t registers = plan->n_memories + n;
    loop->block = registers <= TJ_FEW || registers > TJ_MANY ? TJ_BLOCK : TJ_SHORT_BLOCK;
    loop->long_rows = loop->columns > loop->block;
    loop->rows_per_block = loop->long_rows ? 1 : loop->block / loop->columns;
}

static int contiguous(const tj_loop *loop, const tj_operand *operand) {
    int64_t stride = operand->size;
    if (loop->columns > 1 && operand->column_stride != stride)
        return 0;
    stride *= loop->columns;
    for (uint32_t axis = loop->n_outer; axis-- > 0; stride *= loop->shape[axis])
        if (loop->shape[axis] > 1 && operand->strides[axis] != stride)
            return 0;
    return 1;
}

static int all_zero(const tj_loop *loop, const tj_operand *operand) {
    for (uint32_t axis = 0; axis < loop->n_outer; axis++)
        if (loop->shape[axis] > 1 && operand->strides[axis])
            return 0;
    return 1;
}

static int is_direct(const tj_loop *loop, const tj_operand *operand) {
    return loop->long_rows ? operand->column_stride == operand->size : contiguous(loop, operand);
}

/* An output that takes an input's values as they are must not see them after another output has changed them. */
static int changed_before_output(const tj_loop *loop, uint32_t input) {
    int is_output = 0, changes = 0;
    for (uint32_t k = 0; k < loop->n_outputs; k++) {
        is_output |= loop->outputs[k].memory == input;
        changes |= overlap(&loop->outputs[k], &loop->inputs[input]);
    }
    return is_output && changes;
}

static void choose_input_modes(planner *plan) {
    tj_loop *loop = plan->loop;
    for (uint32_t k = 0; k < loop->n_inputs; k++) {
        tj_operand *input = &loop->inputs[k];
        const int zero_outer = all_zero(loop, input);
        if (zero_outer && input->column_stride == 0)
            input->mode = TJ_FIXED;
        else if (is_direct(loop, input) && !changed_before_output(loop, k))
            input->mode = TJ_DIRECT;
        else if (zero_outer && !loop->long_rows)
            input->mode = TJ_FIXED;
        else
            input->mode = input->column_stride == 0 && loop->long_rows ? TJ_ROW : TJ_GATHER;
        /* Copies that are made once must outlive the block, in which a result may take the register. */
        if (input->mode == TJ_FIXED || input->mode == TJ_ROW)
            input->memory = (uint16_t)plan->n_memories++;
        else if (input->mode == TJ_GATHER) {
            if (plan->memory_of[k] == NO_SLOT)
                plan->memory_of[k] = (uint16_t)plan->n_memories++;
            input->memory = plan->memory_of[k];
        }
    }
}

/* Whether the micro-operation behind output k may write to memory itself: nobody needs the old values after it. */
static int writes_in_place(const tj_loop *loop, uint32_t k) {
    const tj_operand *output = &loop->outputs[k];
    if (output->kind != TJ_KIND_STORE || !is_direct(loop, output) || output->memory < loop->n_inputs)
        return 0;
    for (uint32_t j = 0; j < loop->n_outputs; j++) {
        const tj_operand *other = &loop->outputs[j];
        if (j != k && (overlap(output, other) || (other->in_place && other->memory == output->memory)))
            return 0;
    }
    for (uint32_t j = 0; j < loop->n_inputs; j++) {
        const tj_operand *input = &loop->inputs[j];
        if (input->mode != TJ_DIRECT || !overlap(output, input))
            continue;
        int same = input->offset == output->offset && input->size == output->size && input->column_stride == output->column_stride;
        for (uint32_t axis = 0; axis < loop->n_outer; axis++)
            same = same && input->strides[axis] == output->strides[axis];
        int written = 0;
        for (uint32_t step = 0; step < loop->n_steps && same; step++) {
            const tj_step *reader = &loop->steps[step];
            same = !written || (reader->a != j && reader->b != j && reader->c != j);
            written |= reader->dst == output->memory;
        }
        if (!same)
            return 0;
    }
    return 1;
}

/* Whether two operands see neighbouring columns of 8 bytes of the same rows. */
static int are_neighbours(const tj_loop *loop, const tj_operand *a, const tj_operand *b) {
    const int64_t apart = a->offset - b->offset, stride = a->column_stride;
    if (a->mode != TJ_GATHER || b->mode != TJ_GATHER || a->size != 8 || b->size != 8 || a->buffer != b->buffer || stride != b->column_stride ||
        (apart != 8 && apart != -8) || (stride < 16 && stride > -16))
        return 0;
    for (uint32_t axis = 0; axis < loop->n_outer; axis++)
        if (a->strides[axis] != b->strides[axis] || a->strides[axis] % stride)
            return 0;
    return 1;
}

/* Pairs columns of arrays of rows, which then go through registers of two elements. Outputs are stored in their order, so only those that
   come one behind the other are paired. */
static void pair_neighbours(tj_loop *loop) {
    for (uint32_t k = 0; k < loop->n_inputs; k++)
        for (uint32_t j = k + 1; j < loop->n_inputs && !loop->inputs[k].moved_along; j++)
            if (!loop->inputs[j].moved_along && are_neighbours(loop, &loop->inputs[k], &loop->inputs[j])) {
                loop->inputs[k].neighbour = 1 + j;
                loop->inputs[j].moved_along = 1;
                break;
            }
    for (uint32_t k = 0; k + 1 < loop->n_outputs; k++) {
        tj_operand *output = &loop->outputs[k], *next = output + 1;
        if (!output->moved_along && output->kind == TJ_KIND_STORE && next->kind == TJ_KIND_STORE && are_neighbours(loop, output, next)) {
            output->neighbour = 2 + k;
            next->moved_along = 1;
        }
    }
}

static void raise(uint64_t *most, uint64_t value) {
    if (value > *most)
        *most = value;
}

/* Marks the registers that the loop mentions as empty: there may be thousands of small loops, and the tables are large. */
static void clear_registers(planner *plan, const uint64_t *operands) {
    const uint64_t *steps = operands + (uint64_t)plan->n_inputs * (2 + (uint64_t)plan->ndim), *outputs = steps + plan->n_steps;
    uint64_t last = plan->n_inputs;
    for (uint32_t k = 0; k < plan->n_steps; k++)
        for (int shift = 16; shift < 64; shift += 12)
            raise(&last, steps[k] >> shift & 0xfff);
    for (uint32_t k = 0; k < plan->n_outputs; k++)
        raise(&last, outputs[k * (2 + (uint64_t)plan->ndim)] >> 16 & 0xffff);
    const size_t count = last < TJ_MAX_REGISTERS ? last + 1 : TJ_MAX_REGISTERS;
    memset(plan->slot_of, 0xff, count * sizeof *plan->slot_of);
    memset(plan->memory_of, 0xff, count * sizeof *plan->memory_of);
}

int tj_plan_loop(tj_loader *loader, uint64_t length) {
    const uint64_t *words = loader->words + loader->at;
    const uint64_t ndim = words[1] & 0xffff, n_inputs = words[1] >> 16 & 0xffff;
    const uint64_t n_steps = words[1] >> 32 & 0xffff, n_outputs = words[1] >> 48;
    planner plan = {.loader = loader, .words = words, .ndim = (int)ndim, .n_inputs = (uint32_t)n_inputs, .n_steps = (uint32_t)n_steps,
                    .n_outputs = (uint32_t)n_outputs, .total = 1};
    if (ndim > TJ_MAX_NDIM || n_inputs > TJ_MAX_REGISTERS || n_inputs + n_steps >= NO_SLOT)
        return refuse(&plan, "a loop has too many axes, inputs or micro-operations");
    if (length != 2 + ndim + n_inputs * (2 + ndim) + n_steps + n_outputs * (2 + ndim))
        return refuse(&plan, "a loop has the wrong length");
    for (uint64_t k = 0; k < ndim; k++)
        if (!tj_check_extent(loader, loader->at, &plan.total, (int64_t)words[2 + k]))
            return 0;
    words += 2 + ndim;
    clear_registers(&plan, words);
    if (!allocate(&plan) || !enter(&plan))
        return 0;
    const uint64_t *steps = words + n_inputs * (2 + ndim);
    if (!read_inputs(&plan, words) || !read_steps(&plan, steps) || !read_outputs(&plan, steps + n_steps) || !check_reductions(&plan))
        return 0;
    tj_loop *loop = plan.loop;
    loop->empty = plan.total == 0;
    if (!loop->empty) {
        tj_join_steps(loop, steps, loader->program->simd);
        merge_axes(&plan);
        choose_input_modes(&plan);
        for (uint32_t k = 0; k < loop->n_outputs; k++) {
            loop->outputs[k].mode = is_direct(loop, &loop->outputs[k]) ? TJ_DIRECT : TJ_GATHER;
            loop->outputs[k].in_place = (uint8_t)writes_in_place(loop, k);
        }
        if (loop->long_rows)
            pair_neighbours(loop);
    }
    loop->n_memories = plan.n_memories;
    raise(&loader->program->most_memories, plan.n_memories);
    raise(&loader->program->most_slots, n_inputs + n_steps);
    raise(&loader->program->most_outputs, n_outputs);
    loader->program->code[loader->at + 1] = loader->program->n_loops - 1;
    return 1;
}
