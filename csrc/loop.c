/* Runs a planned loop: brings a block of inputs in, runs the micro-operations over it, takes the outputs out. A block is 128
 * or 256 elements: whole rows when rows are short, else a piece of one row. Everything between stays in block registers, in L1 or
 * near it. Columns that lie side by side are brought in and taken out two at a time.
 * A `walk` goes through the rows of a block in pieces that one operand steps through with one row stride. */
#include "internal.h"

#include <string.h>

/* --- copies ------------------------------------------------------------------------------------------------------------ */

#define TJ_GATHER_AS(T)                                                                                                  \
    for (int64_t row = 0; row < rows; row++, from += row_stride, to += columns * (int64_t)sizeof(T)) {                   \
        if (column_stride == 0) {                                                                                        \
            const T value = *(const T *)from;                                                                            \
            for (int64_t k = 0; k < columns; k++)                                                                        \
                ((T *)to)[k] = value;                                                                                    \
        } else if (column_stride == (int64_t)sizeof(T)) {                                                                \
            for (int64_t k = 0; k < columns; k++)                                                                        \
                ((T *)to)[k] = ((const T *)from)[k];                                                                     \
        } else {                                                                                                         \
            for (int64_t k = 0; k < columns; k++)                                                                        \
                ((T *)to)[k] = *(const T *)(from + k * column_stride);                                                   \
        }                                                                                                                \
    }

#define TJ_SCATTER_AS(T)                                                                                                 \
    for (int64_t row = 0; row < rows; row++, from += columns * (int64_t)sizeof(T), to += row_stride)                     \
        for (int64_t k = 0; k < columns; k++)                                                                            \
            *(T *)(to + k * column_stride) = ((const T *)from)[k];

void tj_gather(void *dst, const void *source, int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride, int size) {
    uint8_t *to = dst;
    const uint8_t *from = source;
    if (column_stride == size && (rows == 1 || row_stride == columns * size)) {
        memmove(to, from, (size_t)(rows * columns * size));
        return;
    }
    switch (size) {
    case 8: TJ_GATHER_AS(uint64_t); break;
    case 4: TJ_GATHER_AS(uint32_t); break;
    default: TJ_GATHER_AS(uint8_t);
    }
}

void tj_scatter(void *dst, const void *source, int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride, int size) {
    uint8_t *to = dst;
    const uint8_t *from = source;
    if (column_stride == size && (rows == 1 || row_stride == columns * size)) {
        memmove(to, from, (size_t)(rows * columns * size));
        return;
    }
    switch (size) {
    case 8: TJ_SCATTER_AS(uint64_t); break;
    case 4: TJ_SCATTER_AS(uint32_t); break;
    default: TJ_SCATTER_AS(uint8_t);
    }
}

/* Two columns at once: elements of 8 bytes at `low` and 8 bytes behind it, `stride` bytes from row to row. */
#if defined(__GNUC__)
typedef uint64_t couple __attribute__((vector_size(16), aligned(8), may_alias));

TJ_INLINE couple first_of(couple a, couple b) { return (couple){a[0], b[0]}; }
TJ_INLINE couple second_of(couple a, couple b) { return (couple){a[1], b[1]}; }
#endif

static void gather_couple(uint64_t *first, uint64_t *second, const uint8_t *low, int64_t n, int64_t stride) {
    int64_t k = 0;
#if defined(__GNUC__)
    for (; k + 2 <= n; k += 2) {
        const couple a = *(const couple *)(low + k * stride), b = *(const couple *)(low + (k + 1) * stride);
        *(couple *)(first + k) = first_of(a, b);
        *(couple *)(second + k) = second_of(a, b);
    }
#endif
    for (; k < n; k++) {
        first[k] = *(const uint64_t *)(low + k * stride);
        second[k] = *(const uint64_t *)(low + k * stride + 8);
    }
}

static void scatter_couple(uint8_t *low, const uint64_t *first, const uint64_t *second, int64_t n, int64_t stride) {
    int64_t k = 0;
#if defined(__GNUC__)
    for (; k + 2 <= n; k += 2) {
        const couple a = *(const couple *)(first + k), b = *(const couple *)(second + k);
        *(couple *)(low + k * stride) = first_of(a, b);
        *(couple *)(low + (k + 1) * stride) = second_of(a, b);
    }
#endif
    for (; k < n; k++) {
        *(uint64_t *)(low + k * stride) = first[k];
        *(uint64_t *)(low + k * stride + 8) = second[k];
    }
}

/* --- reductions -------------------------------------------------------------------------------------------------------- */

static void start_reduction(tj_workspace *w, const tj_operand *output) {
    const void *identity = output->reducer->identity;
    uint8_t *address = w->base[output->buffer] + output->offset;
    int64_t index[TJ_MAX_NDIM] = {0};
    for (uint32_t axis = 0; axis < output->start_ndim; axis++)
        if (output->start_shape[axis] == 0)
            return;
    /* Elements one behind the other along the last axis are filled at once. */
    const uint32_t last = output->start_ndim - 1;
    const int run = output->start_ndim > 0 && output->start_strides[last] == output->size;
    for (;;) {
        tj_gather(address, identity, 1, run ? output->start_shape[last] : 1, 0, 0, output->size);
        uint32_t axis = run ? last : output->start_ndim;
        for (; axis-- > 0; index[axis] = 0) {
            if (index[axis] + 1 < output->start_shape[axis]) {
                address += output->start_strides[axis];
                index[axis]++;
                break;
            }
            address -= output->start_strides[axis] * index[axis];
        }
        if (axis == UINT32_MAX)
            return;
    }
}

/* A cascade adds values pairwise: level k holds the sum of 2^k of them. */
static void flush_cascade(tj_cascade *cascade, const tj_reducer *reducer) {
    if (!cascade->count)
        return;
    uint64_t value = 0;
    int held = 0;
    for (int level = 0; level < TJ_LEVELS && cascade->count >> level; level++) {
        if (!(cascade->count >> level & 1))
            continue;
        if (held)
            reducer->fold(&value, &cascade->levels[level], &value, 1);
        else
            value = cascade->levels[level];
        held = 1;
    }
    reducer->fold(cascade->address, cascade->address, &value, 1);
    cascade->count = 0;
}

static void push_cascade(tj_cascade *cascade, const tj_reducer *reducer, void *address, uint64_t value) {
    if (cascade->address != address) {
        flush_cascade(cascade, reducer);
        cascade->address = address;
    }
    int level = 0;
    for (uint64_t count = cascade->count++; count & 1; count >>= 1, level++)
        reducer->fold(&value, &cascade->levels[level], &value, 1);
    cascade->levels[level] = value;
}

/* Adds packed (rows, columns) into memory with strides. */
static void fold_into(const tj_operand *output, uint8_t *address, const uint8_t *source, int64_t rows, int64_t columns, int64_t row_stride,
                      int64_t column_stride, uint8_t *temporary) {
    const tj_reducer *reducer = output->reducer;
    const int size = output->size;
    if (column_stride == size && (rows == 1 || row_stride == columns * size)) {
        reducer->fold(address, address, source, (size_t)(rows * columns));
    } else if (column_stride == size) {
        for (int64_t row = 0; row < rows; row++, address += row_stride, source += columns * size)
            reducer->fold(address, address, source, (size_t)columns);
    } else {
        tj_gather(temporary, address, rows, columns, row_stride, column_stride, size);
        reducer->fold(temporary, temporary, source, (size_t)(rows * columns));
        tj_scatter(address, temporary, rows, columns, row_stride, column_stride, size);
    }
}

/* Reduces a packed piece of (rows, columns) into memory; a stride of 0 says along which axes. */
static void reduce_piece(const tj_operand *output, tj_cascade *cascade, uint8_t *address, const uint8_t *source, int64_t rows,
                         int64_t columns, uint8_t *temporary) {
    const tj_reducer *reducer = output->reducer;
    const int64_t row_stride = output->row_stride, column_stride = output->column_stride, size = output->size;
    uint64_t value = 0;
    if (column_stride == 0 && columns > 1) {
        if (rows == 1 || row_stride == 0) {
            reducer->reduce(&value, source, 1, (size_t)(rows * columns));
            push_cascade(cascade, reducer, address, value);
            return;
        }
        reducer->reduce(temporary, source, (size_t)rows, (size_t)columns);
        fold_into(output, address, temporary, 1, rows, 0, row_stride, temporary + TJ_BLOCK_BYTES);
    } else if (rows > 1 && row_stride == 0) {
        /* Fold the rows in halves: pairwise, and in long vectors. */
        int64_t half = (rows + 1) / 2;
        reducer->fold(temporary, source, source + half * columns * size, (size_t)((rows - half) * columns));
        if (rows % 2)
            memcpy(temporary + (rows - half) * columns * size, source + (half - 1) * columns * size, (size_t)(columns * size));
        for (rows = half; rows > 1; rows = half) {
            half = (rows + 1) / 2;
            reducer->fold(temporary, temporary, temporary + half * columns * size, (size_t)((rows - half) * columns));
        }
        fold_into(output, address, temporary, 1, columns, 0, column_stride, temporary + TJ_BLOCK_BYTES);
    } else {
        fold_into(output, address, source, rows, columns, row_stride, column_stride, temporary);
    }
}

/* --- walking the rows of a block ---------------------------------------------------------------------------------------- */

typedef struct { int64_t index[TJ_MAX_NDIM]; uint8_t *address; int64_t left, run; } walk;

TJ_INLINE void walk_start(walk *walk, const tj_loop *loop, const tj_operand *operand, uint8_t *base, const int64_t *index, int64_t rows) {
    walk->address = base + operand->offset;
    for (uint32_t axis = 0; axis < loop->n_outer; axis++) {
        walk->index[axis] = index[axis];
        walk->address += index[axis] * operand->strides[axis];
    }
    walk->left = rows;
}

/* The next piece: `run` rows from `address` on; 0 when the block is done. */
TJ_INLINE int walk_piece(walk *walk, const tj_loop *loop) {
    const uint32_t last = loop->n_outer - 1;
    if (walk->left == 0)
        return 0;
    walk->run = loop->shape[last] - walk->index[last];
    if (walk->run > walk->left)
        walk->run = walk->left;
    return 1;
}

TJ_INLINE void walk_advance(walk *walk, const tj_loop *loop, const tj_operand *operand) {
    uint32_t axis = loop->n_outer - 1;
    walk->left -= walk->run;
    walk->index[axis] += walk->run;
    walk->address += walk->run * operand->strides[axis];
    while (walk->index[axis] == loop->shape[axis] && axis > 0) {
        walk->address += operand->strides[axis - 1] - walk->index[axis] * operand->strides[axis];
        walk->index[axis] = 0;
        walk->index[--axis]++;
    }
}

static void gather_rows(const tj_loop *loop, const tj_operand *input, uint8_t *base, const int64_t *index, int64_t rows, uint8_t *dst) {
    walk walk;
    for (walk_start(&walk, loop, input, base, index, rows); walk_piece(&walk, loop); walk_advance(&walk, loop, input)) {
        tj_gather(dst, walk.address, walk.run, loop->columns, input->row_stride, input->column_stride, input->size);
        dst += walk.run * loop->columns * input->size;
    }
}

static void put_rows(tj_workspace *w, const tj_loop *loop, uint32_t k, const int64_t *index, int64_t rows, uint8_t *temporary) {
    const tj_operand *output = &loop->outputs[k];
    const uint8_t *source = w->slots[output->memory];
    walk walk;
    walk_start(&walk, loop, output, w->base[output->buffer], index, rows);
    for (; walk_piece(&walk, loop); walk_advance(&walk, loop, output)) {
        if (output->kind == TJ_KIND_STORE)
            tj_scatter(walk.address, source, walk.run, loop->columns, output->row_stride, output->column_stride, output->size);
        else
            reduce_piece(output, &w->cascades[k], walk.address, source, walk.run, loop->columns, temporary);
        source += walk.run * loop->columns * output->size;
    }
}

/* --- the two ways through the iteration space ---------------------------------------------------------------------------- */

TJ_INLINE void run_steps(void **slots, const tj_loop *loop, size_t n) {
    const tj_step *end = loop->steps + loop->n_steps;
    for (const tj_step *step = loop->steps; step < end; step++)
        step->function(slots[step->dst], slots[step->a], slots[step->b], slots[step->c], n);
}

static void run_short_rows(tj_workspace *w, const tj_loop *loop, uint8_t *temporary) {
    const int64_t columns = loop->columns;
    int64_t index[TJ_MAX_NDIM];
    for (uint32_t axis = 0; axis < loop->n_outer; axis++)
        index[axis] = 0;
    for (int64_t row = 0; row < loop->rows; row += loop->rows_per_block) {
        const int64_t left = loop->rows - row, rows = left < loop->rows_per_block ? left : loop->rows_per_block;
        for (uint32_t k = 0; k < loop->n_inputs; k++) {
            const tj_operand *input = &loop->inputs[k];
            if (input->mode == TJ_DIRECT)
                w->slots[k] = w->base[input->buffer] + input->offset + row * columns * input->size;
            else if (input->mode == TJ_GATHER)
                gather_rows(loop, input, w->base[input->buffer], index, rows, w->slots[k]);
        }
        for (uint32_t k = 0; k < loop->n_outputs; k++) {
            const tj_operand *output = &loop->outputs[k];
            if (output->in_place)
                w->slots[output->memory] = w->base[output->buffer] + output->offset + row * columns * output->size;
        }
        run_steps(w->slots, loop, (size_t)(rows * columns));
        for (uint32_t k = 0; k < loop->n_outputs; k++) {
            const tj_operand *output = &loop->outputs[k];
            if (output->in_place)
                continue;
            uint8_t *const address = w->base[output->buffer] + output->offset + row * columns * output->size;
            if (output->kind == TJ_KIND_STORE && output->mode == TJ_DIRECT)
                memmove(address, w->slots[output->memory], (size_t)(rows * columns * output->size));
            else
                put_rows(w, loop, k, index, rows, temporary);
        }
        uint32_t axis = loop->n_outer - 1;
        for (index[axis] += rows; axis > 0 && index[axis] >= loop->shape[axis]; axis--) {
            index[axis - 1] += index[axis] / loop->shape[axis];
            index[axis] %= loop->shape[axis];
        }
    }
}

static uint8_t *row_address(const tj_loop *loop, const tj_operand *operand, uint8_t *base, const int64_t *index) {
    uint8_t *address = base + operand->offset;
    for (uint32_t axis = 0; axis < loop->n_outer; axis++)
        address += index[axis] * operand->strides[axis];
    return address;
}

static void run_long_rows(tj_workspace *w, const tj_loop *loop, uint8_t *temporary) {
    int64_t index[TJ_MAX_NDIM];
    for (uint32_t axis = 0; axis < loop->n_outer; axis++)
        index[axis] = 0;
    for (int64_t row = 0; row < loop->rows; row++) {
        for (int64_t column = 0; column < loop->columns; column += loop->block) {
            const int64_t n = loop->columns - column < loop->block ? loop->columns - column : loop->block;
            for (uint32_t k = 0; k < loop->n_inputs; k++) {
                const tj_operand *input = &loop->inputs[k];
                if (input->mode == TJ_FIXED || (input->mode == TJ_ROW && column > 0) || input->moved_along)
                    continue;
                if (input->mode == TJ_DIRECT && column > 0) {
                    w->slots[k] = (uint8_t *)w->slots[k] + loop->block * input->size;
                    continue;
                }
                uint8_t *address = row_address(loop, input, w->base[input->buffer], index) + column * input->column_stride;
                if (input->mode == TJ_DIRECT)
                    w->slots[k] = address;
                else if (input->neighbour) {
                    const uint32_t j = input->neighbour - 1;
                    if (loop->inputs[j].offset > input->offset)
                        gather_couple(w->slots[k], w->slots[j], address, n, input->column_stride);
                    else
                        gather_couple(w->slots[j], w->slots[k], address - 8, n, input->column_stride);
                } else
                    tj_gather(w->slots[k], address, 1, n, 0, input->column_stride, input->size);
            }
            for (uint32_t k = 0; k < loop->n_outputs; k++) {
                const tj_operand *output = &loop->outputs[k];
                if (output->in_place)
                    w->slots[output->memory] = row_address(loop, output, w->base[output->buffer], index) + column * output->size;
            }
            run_steps(w->slots, loop, (size_t)n);
            for (uint32_t k = 0; k < loop->n_outputs; k++) {
                const tj_operand *output = &loop->outputs[k];
                if (output->in_place || output->moved_along)
                    continue;
                uint8_t *address = row_address(loop, output, w->base[output->buffer], index) + column * output->column_stride;
                if (output->neighbour) {
                    const void *source = w->slots[output->memory], *next = w->slots[loop->outputs[output->neighbour - 1].memory];
                    if (loop->outputs[output->neighbour - 1].offset > output->offset)
                        scatter_couple(address, source, next, n, output->column_stride);
                    else
                        scatter_couple(address - 8, next, source, n, output->column_stride);
                } else if (output->kind == TJ_KIND_STORE)
                    tj_scatter(address, w->slots[output->memory], 1, n, 0, output->column_stride, output->size);
                else
                    reduce_piece(output, &w->cascades[k], address, w->slots[output->memory], 1, n, temporary);
            }
        }
        for (uint32_t axis = loop->n_outer; axis-- > 0;) {
            if (++index[axis] < loop->shape[axis])
                break;
            index[axis] = 0;
        }
    }
}

void tj_loop_run(tj_workspace *w, const tj_loop *loop) {
    for (uint32_t k = 0; k < loop->n_outputs; k++)
        if (loop->outputs[k].kind >= TJ_KIND_SUM)
            start_reduction(w, &loop->outputs[k]);
    if (loop->empty)
        return;
    for (uint32_t k = 0; k < loop->n_outputs; k++) {
        w->cascades[k].count = 0;
        w->cascades[k].address = NULL;
    }
    const size_t apart = (size_t)loop->block * 8 + 64; /* off a power of two, so that registers spread evenly over the sets of L1 */
    for (uint32_t k = 0; k < loop->n_results; k++)
        w->slots[loop->n_inputs + k] = w->blocks + (size_t)loop->step_memory[k] * apart;
    for (uint32_t k = 0; k < loop->n_inputs; k++) {
        const tj_operand *input = &loop->inputs[k];
        w->slots[k] = w->blocks + (size_t)input->memory * apart;
        if (input->mode == TJ_FIXED) {
            const int64_t rows = loop->long_rows ? 1 : loop->rows < loop->rows_per_block ? loop->rows : loop->rows_per_block;
            const int64_t columns = loop->long_rows ? loop->block : loop->columns;
            tj_gather(w->slots[k], w->base[input->buffer] + input->offset, rows, columns, 0, input->column_stride, input->size);
        }
    }
    uint8_t *temporary = w->blocks + (size_t)w->program->most_memories * TJ_BLOCK_BYTES;
    if (loop->long_rows)
        run_long_rows(w, loop, temporary);
    else
        run_short_rows(w, loop, temporary);
    for (uint32_t k = 0; k < loop->n_outputs; k++)
        if (loop->outputs[k].kind != TJ_KIND_STORE)
            flush_cascade(&w->cascades[k], loop->outputs[k].reducer);
}
