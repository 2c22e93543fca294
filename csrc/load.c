/* Loads a program: checks every word once, so that the sweep can run unchecked. `check_*` functions return 1, or 0 after noting
 * the word and the reason. Extents are limited to 2^56 before they are multiplied or added, so nothing here overflows.
 * Read next: plan.c (loops), sweep.c (execution). */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

const uint8_t tj_size_of[TJ_DTYPES] = {1, 4, 8, 4, 8};

#define TJ_OP(count, name, first, dtype, result, text) {#name, text, count, TJ_CODE_##first, TJ_CODE_##dtype, TJ_CODE_##result},
#define TJ_OP1(name, first, dtype, result, expr, text, kind, vector) TJ_OP(1, name, first, dtype, result, text)
#define TJ_OP2(name, first, dtype, result, expr, text, kind, vector) TJ_OP(2, name, first, dtype, result, text)
#define TJ_OP3(name, first, dtype, result, expr, text, kind, vector) TJ_OP(3, name, first, dtype, result, text)
enum { TJ_CODE_bool = TJ_BOOL, TJ_CODE_i32 = TJ_I32, TJ_CODE_i64 = TJ_I64, TJ_CODE_f32 = TJ_F32, TJ_CODE_f64 = TJ_F64 };
const tj_op tj_ops[] = {
#include "generated/ops.def"
};
#undef TJ_OP1
#undef TJ_OP2
#undef TJ_OP3

#define TJ_OP1(name, first, dtype, result, expr, text, kind, vector) #name "\t" #first "\t" #dtype "\t" #result "\t1\t" text "\n"
#define TJ_OP2(name, first, dtype, result, expr, text, kind, vector) #name "\t" #first "\t" #dtype "\t" #result "\t2\t" text "\n"
#define TJ_OP3(name, first, dtype, result, expr, text, kind, vector) #name "\t" #first "\t" #dtype "\t" #result "\t3\t" text "\n"
static const char table_text[] =
#include "generated/ops.def"
    ;

const char *tj_op_table(void) { return table_text; }

const char *tj_op_name(uint32_t opcode) {
    return opcode >= TJ_FIRST_ELEMENTWISE && opcode < TJ_OPCODES ? tj_ops[opcode - TJ_FIRST_ELEMENTWISE].name : NULL;
}

/* --- checks ----------------------------------------------------------------------------------------------------------- */

int tj_refuse(tj_loader *loader, uint64_t word, const char *reason) {
    loader->error->word = (int64_t)word;
    loader->error->reason = reason;
    return 0;
}

void *tj_allocate(tj_loader *loader, size_t nbytes) {
    void *memory = loader->program->allocator.allocate(loader->program->allocator.context, nbytes ? nbytes : 1);
    if (!memory) {
        loader->error->word = -1;
        loader->error->reason = "out of memory";
    }
    return memory;
}

/* Multiplies `total` by an extent. */
int tj_check_extent(tj_loader *loader, uint64_t word, int64_t *total, int64_t count) {
    if (count < 0 || (uint64_t)count > TJ_MAX_EXTENT)
        return tj_refuse(loader, word, "an extent is negative or too large");
    if (count > 0 && *total > (int64_t)TJ_MAX_EXTENT / count)
        return tj_refuse(loader, word, "the number of elements is too large");
    *total *= count;
    return 1;
}

/* The view that a buffer is in the body under inspection, or NULL. */
static const tj_view *view_of(const tj_loader *loader, uint64_t buffer) {
    const uint64_t first = loader->program->n_buffers + 1;
    return loader->region && buffer >= first && buffer - first < loader->region->n_views ? &loader->region->views[buffer - first] : NULL;
}

/* Room for one more pointer in a list that the program owns. */
int tj_make_room(tj_loader *loader, void **list, uint64_t count, uint64_t *room) {
    if (count < *room)
        return 1;
    const uint64_t more = *room ? 2 * *room : 8;
    void *memory = tj_allocate(loader, more * sizeof(void *));
    if (!memory)
        return 0;
    if (*list) {
        memcpy(memory, *list, count * sizeof(void *));
        loader->program->allocator.release(loader->program->allocator.context, *list);
    }
    *list = memory;
    *room = more;
    return 1;
}

/* In a body: bytes that are read without a view, while other threads write to views. */
static int check_unwritten(tj_loader *loader, uint64_t word, uint64_t buffer, int64_t low, int64_t high) {
    const tj_region *region = loader->region;
    for (uint32_t k = 0; k < region->n_views; k++) {
        const tj_view *view = &region->views[k];
        if ((view->kind == TJ_VIEW_WRITE || view->kind == TJ_VIEW_SUM) && view->buffer == buffer && (uint64_t)low < view->high
            && view->low < (uint64_t)high)
            return tj_refuse(loader, word, "a tile reads what other tiles write");
    }
    return 1;
}

/* The bytes [low, high) of a buffer exist, and may be written if `write`. */
int tj_check_bytes(tj_loader *loader, uint64_t word, uint64_t buffer, int64_t low, int64_t high, int write) {
    const tj_program *program = loader->program;
    const tj_view *view = view_of(loader, buffer);
    if (view) {
        if (low < 0 || high < low || (uint64_t)high > view->nbytes[loader->last])
            return tj_refuse(loader, word, "an operand lies outside its view");
        if (write && view->kind == TJ_VIEW_READ)
            return tj_refuse(loader, word, "an instruction writes to a view that is only read");
        return 1;
    }
    if (buffer > program->n_buffers)
        return tj_refuse(loader, word, "there is no such buffer");
    const uint64_t nbytes = buffer ? program->buffers[buffer - 1].nbytes : program->arena_bytes;
    if (low < 0 || high < low || (uint64_t)high > nbytes)
        return tj_refuse(loader, word, buffer ? "an operand lies outside its buffer" : "an operand lies outside the arena");
    if (loader->region)
        return write ? tj_refuse(loader, word, "a tile writes to its views alone") : check_unwritten(loader, word, buffer, low, high);
    if (write && buffer == 0 && (uint64_t)low < program->constant_bytes)
        return tj_refuse(loader, word, "an instruction writes to the constants");
    if (write && buffer && !program->buffers[buffer - 1].writable)
        return tj_refuse(loader, word, "an instruction writes to a buffer that is only read");
    if (write && program->first_write[buffer] < 0)
        program->first_write[buffer] = loader->segment;
    return 1;
}

int tj_check_operand(tj_loader *loader, uint64_t word, uint64_t buffer, uint64_t offset, uint64_t dtype, int ndim, const int64_t *shape,
                     const int64_t *strides, int write, tj_span *span) {
    const tj_program *program = loader->program;
    *span = (tj_span){(uint32_t)buffer, 0, 0};
    if (dtype >= TJ_DTYPES)
        return tj_refuse(loader, word, "there is no such dtype");
    const tj_view *view = view_of(loader, buffer);
    if (!view && buffer > program->n_buffers)
        return tj_refuse(loader, word, "there is no such buffer");
    const int64_t size = tj_size_of[dtype];
    const int64_t alignment = view ? view->alignment : buffer ? program->buffers[buffer - 1].alignment : 8;
    if (offset > TJ_MAX_EXTENT || offset % (uint64_t)size || alignment < size)
        return tj_refuse(loader, word, "an operand is not aligned to its dtype");
    int64_t low = (int64_t)offset, high = (int64_t)offset;
    for (int k = 0; k < ndim; k++) {
        if (shape[k] == 0)
            return 1;
        if (shape[k] == 1)
            continue;
        const int64_t stride = strides[k], limit = (int64_t)TJ_MAX_EXTENT;
        if (stride > limit || stride < -limit || (stride && shape[k] - 1 > limit / (stride < 0 ? -stride : stride)))
            return tj_refuse(loader, word, "a stride is too large");
        if (stride % size)
            return tj_refuse(loader, word, "a stride is not a multiple of the itemsize");
        *(stride < 0 ? &low : &high) += (shape[k] - 1) * stride;
    }
    span->low = low;
    span->high = high + size;
    return tj_check_bytes(loader, word, buffer, low, high + size, write);
}

int tj_spans_overlap(tj_span a, tj_span b) { return a.buffer == b.buffer && a.low < b.high && b.low < a.high; }

static int check_slot(tj_loader *loader, uint32_t slot, int write) {
    return tj_check_bytes(loader, loader->at, 0, 8 * (int64_t)slot, 8 * (int64_t)slot + 8, write);
}

static uint32_t low_half(uint64_t word) { return (uint32_t)word; }
static uint32_t high_half(uint64_t word) { return (uint32_t)(word >> 32); }

/* --- instructions ----------------------------------------------------------------------------------------------------- */

static int check_elementwise(tj_loader *loader, const uint64_t *word, uint64_t *length) {
    const tj_op *op = &tj_ops[low_half(word[0]) - TJ_FIRST_ELEMENTWISE];
    *length = op->arity == 3 ? 3 : 2;
    if (loader->at + *length > loader->n_words)
        return tj_refuse(loader, loader->at, "the instruction runs past the end of the program");
    if (!check_slot(loader, high_half(word[0]), 1) || !check_slot(loader, low_half(word[1]), 0))
        return 0;
    if (op->arity > 1 && !check_slot(loader, high_half(word[1]), 0))
        return 0;
    if (op->arity > 2 && word[2] > UINT32_MAX)
        return tj_refuse(loader, loader->at, "an operand lies outside the arena");
    return op->arity < 3 || check_slot(loader, low_half(word[2]), 0);
}

/* slot d = slot a * slot b and slot c */
static int check_product(tj_loader *loader, const uint64_t *word) {
    if (word[2] > UINT32_MAX)
        return tj_refuse(loader, loader->at, "an operand lies outside the arena");
    return check_slot(loader, high_half(word[0]), 1) && check_slot(loader, low_half(word[1]), 0) && check_slot(loader, high_half(word[1]), 0)
        && check_slot(loader, low_half(word[2]), 0);
}

static int check_move(tj_loader *loader, const uint64_t *word) {
    static const uint8_t dtype_of[] = {TJ_BOOL, TJ_I32, TJ_I64};
    const uint32_t opcode = low_half(word[0]);
    const int store = opcode >= TJ_STORE1;
    tj_span span;
    const uint8_t dtype = dtype_of[opcode - (store ? TJ_STORE1 : TJ_LOAD1)];
    return check_slot(loader, high_half(word[0]), !store)
        && tj_check_operand(loader, loader->at, word[1], word[2], dtype, 0, NULL, NULL, store, &span);
}

static int check_guard(tj_loader *loader, const uint64_t *word) {
    const tj_program *program = loader->program;
    if (low_half(word[1]) >= program->n_guards)
        return tj_refuse(loader, loader->at, "there is no such guard");
    if (high_half(word[1]) >= TJ_DTYPES)
        return tj_refuse(loader, loader->at, "there is no such dtype");
    if (word[2] > TJ_MAX_EXTENT || word[4] > TJ_MAX_EXTENT || word[5] > TJ_MAX_EXTENT || word[5] + word[2] > program->constant_bytes)
        return tj_refuse(loader, loader->at, "a guard's expected value lies outside the constants");
    return tj_check_bytes(loader, loader->at, word[3], (int64_t)word[4], (int64_t)(word[4] + word[2]), 0);
}

/* An operand seen as (outer, n, inner), contiguous. */
static int check_contiguous(tj_loader *loader, const uint64_t *address, uint64_t dtype, int64_t outer, int64_t n, int64_t inner, int write,
                            tj_span *span) {
    int64_t total = 1;
    if (!tj_check_extent(loader, loader->at, &total, outer) || !tj_check_extent(loader, loader->at, &total, n)
        || !tj_check_extent(loader, loader->at, &total, inner))
        return 0;
    const int64_t size = dtype < TJ_DTYPES ? tj_size_of[dtype] : 1;
    return tj_check_operand(loader, loader->at, address[0], address[1], dtype, 1, &total, &size, write, span);
}

static void raise_scratch(tj_loader *loader, uint64_t nbytes) {
    if (nbytes > loader->program->scratch_bytes)
        loader->program->scratch_bytes = nbytes;
}

static int check_take(tj_loader *loader, const uint64_t *word) {
    const uint64_t dtype = word[1];
    const int64_t outer = (int64_t)word[2], n = (int64_t)word[3], inner = (int64_t)word[4], count = (int64_t)word[5];
    const int update = low_half(word[0]) != TJ_TAKE;
    tj_span large, indices, small;
    if (!check_contiguous(loader, word + 6, dtype, outer, n, inner, update, &large)
        || !check_contiguous(loader, word + 8, TJ_I64, 1, count, 1, 0, &indices)
        || !check_contiguous(loader, word + 10, dtype, outer, count, inner, !update, &small))
        return 0;
    if (dtype == TJ_BOOL && low_half(word[0]) == TJ_TAKE_ADD)
        return tj_refuse(loader, loader->at, "booleans are not added");
    const tj_span written = update ? large : small;
    if (tj_spans_overlap(written, indices) || tj_spans_overlap(large, small))
        return tj_refuse(loader, loader->at, "the destination overlaps an operand");
    if (word[8] != 0)
        raise_scratch(loader, (uint64_t)count * 8);
    return 1;
}

static int check_scan(tj_loader *loader, const uint64_t *word) {
    const uint32_t opcode = low_half(word[0]);
    const uint64_t dtype = word[1];
    const int64_t outer = (int64_t)word[2], n = (int64_t)word[3], inner = (int64_t)word[4];
    const int order = opcode >= TJ_ARGSORT, extremum = opcode == TJ_ARGMAX || opcode == TJ_ARGMIN;
    tj_span source, destination;
    if (!check_contiguous(loader, word + 5, dtype, outer, n, inner, 0, &source)
        || !check_contiguous(loader, word + 7, order ? TJ_I64 : dtype, outer, extremum ? 1 : n, inner, 1, &destination))
        return 0;
    if (dtype == TJ_BOOL && !order)
        return tj_refuse(loader, loader->at, "booleans have no running sum or product");
    if (extremum && n == 0)
        return tj_refuse(loader, loader->at, "an empty axis has no extremum");
    if (tj_spans_overlap(source, destination) && (order || source.low != destination.low))
        return tj_refuse(loader, loader->at, "the destination overlaps the source");
    if (opcode == TJ_ARGSORT && source.high > source.low)
        raise_scratch(loader, (uint64_t)n * 24);
    return 1;
}

static int check_matmul(tj_loader *loader, const uint64_t *word, uint64_t length) {
    const uint64_t dtype = low_half(word[1]) & 0xff;
    const uint32_t n_batch = high_half(word[1]);
    if (low_half(word[1]) >> 8 > 1)
        return tj_refuse(loader, loader->at, "a matmul sets or adds");
    if (n_batch > TJ_MAX_NDIM - 2 || length != 5 + n_batch + 3 * (4 + (uint64_t)n_batch))
        return tj_refuse(loader, loader->at, "a matmul has the wrong length");
    if (dtype == TJ_BOOL || dtype >= TJ_DTYPES)
        return tj_refuse(loader, loader->at, "matmul takes i32, i64, f32 or f64");
    const int64_t m = (int64_t)word[2], n = (int64_t)word[3], k = (int64_t)word[4];
    int64_t batch = 1;
    int64_t shape[3][TJ_MAX_NDIM], strides[TJ_MAX_NDIM];
    const int64_t sides[3][2] = {{m, k}, {k, n}, {m, n}};
    for (uint32_t axis = 0; axis < n_batch; axis++) {
        if (!tj_check_extent(loader, loader->at, &batch, (int64_t)word[5 + axis]))
            return 0;
        for (int operand = 0; operand < 3; operand++)
            shape[operand][axis] = (int64_t)word[5 + axis];
    }
    for (int operand = 0; operand < 3; operand++) {
        int64_t total = 1;
        for (int side = 0; side < 2; side++)
            if (!tj_check_extent(loader, loader->at, &total, sides[operand][side]))
                return 0;
    }
    tj_span spans[3];
    const uint64_t *operand_words = word + 5 + n_batch;
    for (int operand = 0; operand < 3; operand++, operand_words += 4 + n_batch) {
        shape[operand][n_batch] = sides[operand][0];
        shape[operand][n_batch + 1] = sides[operand][1];
        for (uint32_t axis = 0; axis < n_batch; axis++)
            strides[axis] = (int64_t)operand_words[4 + axis];
        strides[n_batch] = (int64_t)operand_words[2];
        strides[n_batch + 1] = (int64_t)operand_words[3];
        if (!tj_check_operand(loader, loader->at, operand_words[0], operand_words[1], dtype, (int)n_batch + 2, shape[operand], strides,
                              operand == 2, &spans[operand]))
            return 0;
    }
    if (tj_spans_overlap(spans[2], spans[0]) || tj_spans_overlap(spans[2], spans[1]))
        return tj_refuse(loader, loader->at, "the product overlaps a factor");
    raise_scratch(loader, batch ? tj_matmul_scratch(word) : 0);
    return 1;
}

/* A host call writes to the arena, or to the external buffer that it names. */
static int check_host(tj_loader *loader, const uint64_t *word) {
    if (low_half(word[1]) >= loader->program->n_hosts)
        return tj_refuse(loader, loader->at, "there is no such host function");
    return high_half(word[1]) ? tj_check_bytes(loader, loader->at, high_half(word[1]), 0, 0, 1) : 1;
}

/* Words of each structural instruction; 0 where the count varies, and then the least. */
static const uint8_t fixed_length[TJ_STRUCTURAL] = {
    [TJ_END] = 1, [TJ_GUARD_EQUAL] = 6, [TJ_HOST_CALL] = 2,
    [TJ_LOAD1] = 3, [TJ_LOAD4] = 3, [TJ_LOAD8] = 3, [TJ_STORE1] = 3, [TJ_STORE4] = 3, [TJ_STORE8] = 3,
    [TJ_TAKE] = 12, [TJ_TAKE_SET] = 12, [TJ_TAKE_ADD] = 12,
    [TJ_CUMSUM] = 9, [TJ_CUMPROD] = 9, [TJ_ARGSORT] = 9, [TJ_ARGMAX] = 9, [TJ_ARGMIN] = 9,
    [TJ_MULTIPLY_ADD] = 3, [TJ_MULTIPLY_SUBTRACT] = 3, [TJ_SUBTRACT_PRODUCT] = 3};

int tj_check_instruction(tj_loader *loader, uint64_t *length) {
    const uint64_t *word = loader->words + loader->at;
    const uint64_t left = loader->n_words - loader->at;
    const uint32_t opcode = low_half(word[0]);
    if (loader->region && opcode != TJ_END && opcode != TJ_LOOP && (opcode < TJ_MATMUL || opcode > TJ_ARGMIN))
        return tj_refuse(loader, loader->at, "there is no such instruction in a tile");
    if (opcode >= TJ_FIRST_ELEMENTWISE && opcode < TJ_OPCODES)
        return check_elementwise(loader, word, length);
    if (opcode >= TJ_STRUCTURAL)
        return tj_refuse(loader, loader->at, "there is no such instruction");
    const int scalar = (opcode >= TJ_LOAD1 && opcode <= TJ_STORE8) || opcode >= TJ_MULTIPLY_ADD; /* the high half is a slot */
    *length = scalar || opcode == TJ_END ? fixed_length[opcode] : high_half(word[0]);
    if (*length > left)
        return tj_refuse(loader, loader->at, "the instruction runs past the end of the program");
    if (fixed_length[opcode] ? *length != fixed_length[opcode] : *length < 5 - 3 * (uint64_t)(opcode == TJ_LOOP))
        return tj_refuse(loader, loader->at, "an instruction has the wrong length");
    switch (opcode) {
    case TJ_END: return 1;
    case TJ_GUARD_EQUAL: return check_guard(loader, word);
    case TJ_HOST_CALL: return check_host(loader, word);
    case TJ_LOOP: return tj_plan_loop(loader, *length);
    case TJ_MATMUL: return check_matmul(loader, word, *length);
    case TJ_TILES: return tj_check_region(loader, *length);
    case TJ_TAKE: case TJ_TAKE_SET: case TJ_TAKE_ADD: return check_take(loader, word);
    case TJ_CUMSUM: case TJ_CUMPROD: case TJ_ARGSORT: case TJ_ARGMAX: case TJ_ARGMIN: return check_scan(loader, word);
    case TJ_MULTIPLY_ADD: case TJ_MULTIPLY_SUBTRACT: case TJ_SUBTRACT_PRODUCT: return check_product(loader, word);
    default: return check_move(loader, word);
    }
}

static int check_words(tj_loader *loader, const tj_source *source) {
    uint64_t segment = 0;
    if (source->n_segments == 0 || source->n_segments > INT32_MAX || source->segments[0] != 0 || source->n_words == 0)
        return tj_refuse(loader, 0, "a program has a segment that starts at word 0");
    while (loader->at < loader->n_words) {
        uint64_t length = 0;
        if (!tj_check_instruction(loader, &length))
            return 0;
        const int end = low_half(loader->words[loader->at]) == TJ_END;
        loader->at += length;
        if (end) {
            segment++;
            loader->segment++;
            if (segment < source->n_segments ? source->segments[segment] != loader->at : loader->at != loader->n_words)
                return tj_refuse(loader, loader->at - 1, "the segments do not start where the last one ends");
        }
    }
    if (segment != source->n_segments)
        return tj_refuse(loader, loader->n_words - 1, "the last segment has no end");
    return 1;
}

/* --- loading ---------------------------------------------------------------------------------------------------------- */

static void *copied(tj_loader *loader, const void *source, uint64_t nbytes) {
    void *memory = tj_allocate(loader, nbytes);
    if (memory && nbytes)
        memcpy(memory, source, nbytes);
    return memory;
}

static int fill(tj_loader *loader, const tj_source *source) {
    tj_program *program = loader->program;
    if (source->n_words > TJ_MAX_EXTENT / 8 || source->arena_bytes > TJ_MAX_EXTENT || source->constant_bytes > source->arena_bytes
        || source->n_buffers > UINT32_MAX - 1 || source->n_segments > source->n_words)
        return tj_refuse(loader, 0, "the program's sizes contradict each other");
    for (uint64_t k = 0; k < source->n_buffers; k++) {
        const tj_buffer *buffer = &source->buffers[k];
        const uint32_t alignment = buffer->alignment;
        if (buffer->nbytes > TJ_MAX_EXTENT || (alignment != 1 && alignment != 2 && alignment != 4 && alignment != 8)
            || buffer->nbytes % alignment)    /* the rows of a seeded run lie one behind the other */
            return tj_refuse(loader, 0, "a buffer has an impossible length or alignment");
    }
    program->n_code = source->n_words;
    program->n_buffers = source->n_buffers;
    program->n_segments = source->n_segments;
    program->constant_bytes = source->constant_bytes;
    program->arena_bytes = source->arena_bytes;
    program->n_guards = source->n_guards;
    program->n_hosts = source->n_hosts;
    program->dgemm = (tj_gemm *)source->dgemm;
    program->sgemm = (tj_gemm *)source->sgemm;
    program->dgemv = (tj_gemv *)source->dgemv;
    program->sgemv = (tj_gemv *)source->sgemv;
    program->simd = tj_simd_choose(source->simd);
    program->threads = source->threads;
    program->code = copied(loader, source->words, source->n_words * 8);
    program->constants = copied(loader, source->constants, source->constant_bytes);
    program->buffers = copied(loader, source->buffers, source->n_buffers * sizeof(tj_buffer));
    program->segments = copied(loader, source->segments, source->n_segments * 8);
    program->first_write = tj_allocate(loader, (source->n_buffers + 1) * sizeof(int32_t));
    if (!program->code || !program->constants || !program->buffers || !program->segments || !program->first_write)
        return 0;
    for (uint64_t k = 0; k <= source->n_buffers; k++)
        program->first_write[k] = -1;
    loader->words = program->code;
    loader->n_words = program->n_code;
    return check_words(loader, source);
}

tj_program *tj_program_load_with(const tj_source *source, const tj_allocator *allocator, tj_error *error) {
    tj_program *program = allocator->allocate(allocator->context, sizeof *program);
    *error = (tj_error){-1, "out of memory"};
    if (!program)
        return NULL;
    memset(program, 0, sizeof *program);
    program->allocator = *allocator;
    tj_loader loader = {.program = program, .error = error};
    if (!fill(&loader, source)) {
        tj_program_free(program);
        return NULL;
    }
    *error = (tj_error){-1, NULL};
    return program;
}

static void *from_heap(void *context, size_t nbytes) {
    (void)context;
    return malloc(nbytes);
}

static void to_heap(void *context, void *memory) {
    (void)context;
    free(memory);
}

tj_program *tj_program_load(const tj_source *source, tj_error *error) {
    return tj_program_load_with(source, &(tj_allocator){from_heap, to_heap, NULL}, error);
}

void tj_program_free(tj_program *program) {
    if (!program)
        return;
    const tj_allocator allocator = program->allocator;
    for (uint64_t k = 0; k < program->n_loops; k++)
        allocator.release(allocator.context, program->loops[k]);
    for (uint64_t k = 0; k < program->n_regions; k++)
        allocator.release(allocator.context, program->regions[k]);
    void *parts[] = {program->loops, program->regions, program->code, program->constants, program->buffers, program->segments, program->first_write, program};
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
        if (parts[k])
            allocator.release(allocator.context, parts[k]);
}

int tj_first_write(const tj_program *program, uint64_t buffer) { return buffer <= program->n_buffers ? program->first_write[buffer] : -1; }

const char *tj_simd(const tj_program *program) { return program->simd->name; }
