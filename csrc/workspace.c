/* Workspaces: the memory of one run of a program, the checks of the buffers that it is given, and the sweeps.
 * Everything that a sweep needs is allocated here once, so that a sweep cannot fail for want of memory. */
#include "internal.h"

#include <string.h>

static size_t round_up(size_t nbytes) { return (nbytes + 63) & ~(size_t)63; }

enum { PIECES = 9 };

/* The bytes of each piece of a workspace, without an arena if it is a lane; returns their sum, with room to align them. */
static size_t measure(const tj_program *program, int lane, size_t *sizes) {
    const size_t each[PIECES] = {
        round_up(sizeof(tj_workspace)),
        round_up(lane ? 0 : program->arena_bytes),
        round_up((program->n_buffers + program->most_views + 1) * sizeof(uint8_t *)),
        round_up((program->most_memories + 2) * TJ_BLOCK_BYTES),
        round_up((program->most_slots + 1) * sizeof(void *)),
        round_up(program->most_outputs * sizeof(tj_cascade)),
        round_up(program->scratch_bytes),
        round_up(program->n_buffers * sizeof(uint32_t)),
        round_up(program->local_bytes),
    };
    size_t total = 64;
    for (int k = 0; k < PIECES; k++)
        total += sizes[k] = each[k];
    return total;
}

uint64_t tj_workspace_bytes(const tj_program *program, int lane) {
    size_t sizes[PIECES];
    return measure(program, lane, sizes);
}

static tj_workspace *make(const tj_program *program, int lane) {
    const tj_allocator allocator = program->allocator;
    size_t sizes[PIECES];
    void *memory = allocator.allocate(allocator.context, measure(program, lane, sizes));
    if (!memory)
        return NULL;
    uint8_t *part = (uint8_t *)round_up((uintptr_t)memory);
    tj_workspace *w = (tj_workspace *)part;
    memset(w, 0, sizes[0]);
    uint8_t *const arena = part += sizes[0];
    /* A program may read what it has not written: it finds zeros, not what the memory held before. */
    memset(arena, 0, sizes[1]);
    if (program->constant_bytes && !lane)
        memcpy(arena, program->constants, program->constant_bytes);
    w->base = (uint8_t **)(part += sizes[1]);
    memset(w->base, 0, sizes[2]);
    w->base[0] = arena;
    w->blocks = part += sizes[2];
    memset(w->blocks, 0, sizes[3]);
    w->slots = (void **)(part += sizes[3]);
    w->cascades = (tj_cascade *)(part += sizes[4]);
    w->scratch = part += sizes[5];
    w->order = (uint32_t *)(part += sizes[6]);
    for (uint64_t k = 0; k < program->n_buffers; k++)
        w->order[k] = (uint32_t)k + 1;
    w->local = part += sizes[7];
    memset(w->local, 0, sizes[8]);
    w->program = program;
    w->allocator = allocator;
    w->memory = memory;
    return w;
}

tj_workspace *tj_workspace_new(const tj_program *program) { return make(program, 0); }

tj_workspace *tj_lane_new(const tj_program *program) { return make(program, 1); }

static void drop_seeds(tj_workspace *w) {
    if (w->seeds)
        w->allocator.release(w->allocator.context, w->seeds);
    w->seeds = NULL;
    w->seeded = 0;
}

void tj_workspace_free(tj_workspace *w) {
    if (!w)
        return;
    drop_seeds(w);
    for (int k = 0; w->lanes && k < TJ_MAX_THREADS; k++)
        tj_workspace_free(w->lanes[k]);
    if (w->lanes)
        w->allocator.release(w->allocator.context, w->lanes);
    w->allocator.release(w->allocator.context, w->memory);
}

void *tj_base(tj_workspace *w, uint64_t buffer) { return buffer <= w->program->n_buffers ? w->base[buffer] : NULL; }

int64_t tj_detail(const tj_workspace *w, int which) { return w->detail[which & 1]; }

/* --- binding ----------------------------------------------------------------------------------------------------------------- */

static int fault(tj_workspace *w, int status, uint64_t buffer, uint64_t other) {
    w->detail[0] = (int64_t)buffer;
    w->detail[1] = (int64_t)other;
    w->bound = 0;
    return status;
}

static uint64_t bytes_of(const tj_workspace *w, uint64_t buffer) {
    const uint64_t nbytes = w->program->buffers[buffer - 1].nbytes;
    return w->seeded && w->program->first_write[buffer] > 0 ? nbytes * w->seed_count : nbytes;
}

/* A buffer that will be written shares memory with no other. Buffers are kept sorted by address; from one call to the next they
   are almost in order, so insertion sort takes one pass. */
static int find_overlap(tj_workspace *w) {
    const uint64_t n = w->program->n_buffers;
    for (uint64_t k = 1; k < n; k++) {
        const uint32_t moved = w->order[k];
        uint64_t place = k;
        for (; place > 0 && (uintptr_t)w->base[w->order[place - 1]] > (uintptr_t)w->base[moved]; place--)
            w->order[place] = w->order[place - 1];
        w->order[place] = moved;
    }
    uintptr_t end = 0, written_end = 0;       /* of the buffers so far, and of the written ones among them */
    uint32_t last = 0, written = 0;
    for (uint64_t k = 0; k < n; k++) {
        const uint32_t buffer = w->order[k];
        const uint64_t nbytes = bytes_of(w, buffer);
        const uintptr_t start = (uintptr_t)w->base[buffer];
        const int writable = w->program->first_write[buffer] >= 0;
        if (!nbytes)
            continue;
        if (start < written_end)
            return fault(w, TJ_OVERLAP, written, buffer);
        if (writable && start < end)
            return fault(w, TJ_OVERLAP, buffer, last);
        if (start + nbytes > end) {
            end = start + nbytes;
            last = buffer;
        }
        if (writable && start + nbytes > written_end) {
            written_end = start + nbytes;
            written = buffer;
        }
    }
    return TJ_DONE;
}

/* Checks the addresses in `base`. */
static int check_addresses(tj_workspace *w) {
    for (uint64_t buffer = 1; buffer <= w->program->n_buffers; buffer++) {
        if (TJ_UNLIKELY(!w->base[buffer] && bytes_of(w, buffer)))
            return fault(w, TJ_NULL, buffer, 0);
        if (TJ_UNLIKELY((uintptr_t)w->base[buffer] % w->program->buffers[buffer - 1].alignment && bytes_of(w, buffer)))
            return fault(w, TJ_ALIGNMENT, buffer, 0);
    }
    const int status = find_overlap(w);
    w->bound = status == TJ_DONE;
    return status;
}

static int bind(tj_workspace *w, void *const *pointers, const uint64_t *nbytes, uint64_t n) {
    if (n != w->program->n_buffers)
        return fault(w, TJ_COUNT, n, 0);
    for (uint64_t buffer = 1; buffer <= n; buffer++) {
        if (w->seeded && buffer == w->seed_buffer) {
            w->base[buffer] = w->seeds;
            continue;
        }
        if (nbytes[buffer - 1] != bytes_of(w, buffer))
            return fault(w, TJ_LENGTH, buffer, (int64_t)nbytes[buffer - 1]);
        w->base[buffer] = pointers[buffer - 1];
    }
    return check_addresses(w);
}

/* --- sweeps ------------------------------------------------------------------------------------------------------------------ */

static int sweep(tj_workspace *w, uint64_t segment) { return tj_execute(w, w->program->code + w->program->segments[segment]); }

/* After segment 0 or a run of segment 1: the next seed, until all are done or a sweep stops. */
static int next_seeds(tj_workspace *w, int status) {
    while (status == TJ_DONE && w->seeded && w->seed_next < w->seed_count) {
        const uint64_t i = w->seed_next++;
        if (i > 0) {
            memset(w->seeds + (i - 1) * w->seed_itemsize, 0, w->seed_itemsize);
            for (uint64_t buffer = 1; buffer <= w->program->n_buffers; buffer++)
                if (w->program->first_write[buffer] > 0)
                    w->base[buffer] += w->program->buffers[buffer - 1].nbytes;
        }
        memcpy(w->seeds + i * w->seed_itemsize, w->seed_one, w->seed_itemsize);
        status = sweep(w, 1);
    }
    if (w->seeded && status != TJ_HOST) {
        drop_seeds(w);
        w->bound = 0;
    }
    return status;
}

int tj_run(tj_workspace *w, void *const *pointers, const uint64_t *nbytes, uint64_t n, uint64_t segment) {
    drop_seeds(w);
    w->resume = NULL;
    if (segment >= w->program->n_segments)
        return fault(w, TJ_COUNT, n, segment);
    const int status = bind(w, pointers, nbytes, n);
    return status == TJ_DONE ? sweep(w, segment) : status;
}

int tj_sweep(tj_workspace *w, uint64_t segment) {
    if (!w->bound || w->seeded || segment >= w->program->n_segments)
        return fault(w, TJ_COUNT, 0, segment);
    w->resume = NULL;
    return sweep(w, segment);
}

int tj_resume(tj_workspace *w) {
    const uint64_t *ip = w->resume;
    if (!w->bound || !ip)
        return fault(w, TJ_COUNT, 0, 0);
    w->resume = NULL;
    return next_seeds(w, tj_execute(w, ip));
}

int tj_run_seeded(tj_workspace *w, void *const *pointers, const uint64_t *nbytes, uint64_t n, uint64_t seed, const void *one,
                  uint64_t itemsize, uint64_t count) {
    const tj_program *program = w->program;
    drop_seeds(w);
    w->resume = NULL;
    if (program->n_segments < 2 || seed == 0 || seed > program->n_buffers || program->first_write[seed] >= 0 || itemsize == 0
        || itemsize > 8)
        return fault(w, TJ_COUNT, seed, 0);
    if (count > TJ_MAX_EXTENT / itemsize || count * itemsize != program->buffers[seed - 1].nbytes)
        return fault(w, TJ_LENGTH, seed, (int64_t)(count * itemsize));
    /* The lengths of `count` results each must not overflow. */
    for (uint64_t buffer = 1; buffer <= program->n_buffers; buffer++)
        if (count && program->buffers[buffer - 1].nbytes > TJ_MAX_EXTENT / count)
            return fault(w, TJ_LENGTH, buffer, 0);
    w->seeds = w->allocator.allocate(w->allocator.context, count * itemsize + 8);
    if (!w->seeds)
        return fault(w, TJ_MEMORY, seed, 0);
    memset(w->seeds, 0, count * itemsize + 8);
    memcpy(w->seed_one, one, itemsize);
    w->seed_buffer = seed;
    w->seed_itemsize = itemsize;
    w->seed_count = count;
    w->seed_next = 0;
    w->seeded = 1;
    const int status = bind(w, pointers, nbytes, n);
    if (status != TJ_DONE) {
        drop_seeds(w);
        return status;
    }
    return next_seeds(w, sweep(w, 0));
}

/* --- calls with few buffers: without arrays of pointers and lengths on the caller's side ------------------------------------------ */

int tj_call1(tj_workspace *w, void *p0, uint64_t n0) { return tj_run(w, &p0, &n0, 1, 0); }

int tj_call2(tj_workspace *w, void *p0, uint64_t n0, void *p1, uint64_t n1) {
    void *const pointers[] = {p0, p1};
    const uint64_t nbytes[] = {n0, n1};
    return tj_run(w, pointers, nbytes, 2, 0);
}

int tj_call3(tj_workspace *w, void *p0, uint64_t n0, void *p1, uint64_t n1, void *p2, uint64_t n2) {
    void *const pointers[] = {p0, p1, p2};
    const uint64_t nbytes[] = {n0, n1, n2};
    return tj_run(w, pointers, nbytes, 3, 0);
}

int tj_call4(tj_workspace *w, void *p0, uint64_t n0, void *p1, uint64_t n1, void *p2, uint64_t n2, void *p3, uint64_t n3) {
    void *const pointers[] = {p0, p1, p2, p3};
    const uint64_t nbytes[] = {n0, n1, n2, n3};
    return tj_run(w, pointers, nbytes, 4, 0);
}

int tj_call8(tj_workspace *w, uint64_t n, void *p0, uint64_t n0, void *p1, uint64_t n1, void *p2, uint64_t n2, void *p3, uint64_t n3,
             void *p4, uint64_t n4, void *p5, uint64_t n5, void *p6, uint64_t n6, void *p7, uint64_t n7) {
    void *const pointers[] = {p0, p1, p2, p3, p4, p5, p6, p7};
    const uint64_t nbytes[] = {n0, n1, n2, n3, n4, n5, n6, n7};
    return n > 8 ? fault(w, TJ_COUNT, n, 0) : tj_run(w, pointers, nbytes, n, 0);
}
