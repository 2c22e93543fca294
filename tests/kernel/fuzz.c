/* Corrupts programs and runs what the loader accepts. Built by test_fuzz.py together with csrc/ under the address and undefined-behaviour
 * sanitizers, which stop it at the first access outside a buffer; buffers have exactly the declared lengths, and those that are only
 * read must come out unchanged.
 *
 *     fuzz FILE COUNT SEED     COUNT corrupted programs made from those in FILE; prints how many were refused, run, too long to run
 *     fuzz FILE failures       lets each allocation of loading and running every program fail in turn
 *
 * Either way every allocation must have been returned at the end. FILE is written by test_fuzz.py: 64-bit words. */
#include "internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PROGRAMS = 256, MAX_BUFFERS = 64, WORK = 200000, LONGEST = 4096, LARGEST_BUFFER = 1 << 16, MOST_MEMORY = 1 << 26 };

typedef struct {
    uint64_t n_words, *words, constant_bytes, arena_bytes, n_buffers, n_segments, segments[16], n_guards, n_hosts;
    uint8_t *constants;
    tj_buffer buffers[MAX_BUFFERS];
} program;

static void check(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "fuzz: %s\n", what);
        abort();
    }
}

/* --- random numbers (xorshift) ------------------------------------------------------------------------------------------- */

static uint64_t state;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static uint64_t below(uint64_t n) { return n ? next() % n : 0; }

/* --- an allocator that counts, and fails when told ------------------------------------------------------------------------ */

typedef struct { int64_t live, until_failure; int failed; } accounts;

static void *allocate(void *context, size_t nbytes) {
    accounts *a = context;
    if (a->until_failure-- == 0) {
        a->failed = 1;
        return NULL;
    }
    void *memory = malloc(nbytes);
    a->live += memory != NULL;
    return memory;
}

static void release(void *context, void *memory) {
    ((accounts *)context)->live -= memory != NULL;
    free(memory);
}

/* --- BLAS as the kernel sees it: touches every element that the real one would ---------------------------------------------- */

#define GEMM(name, T)                                                                                                     \
    static void name(char *flag_a, char *flag_b, int *m, int *n, int *k, void *alpha, void *a_, int *ld_a, void *b_,      \
                     int *ld_b, void *beta, void *c_, int *ld_c) {                                                        \
        const T *a = a_, *b = b_;                                                                                         \
        T *c = c_;                                                                                                        \
        check(*(T *)alpha == 1 && (*(T *)beta == 0 || *(T *)beta == 1), "alpha and beta");                                \
        check(*ld_c >= *m && *ld_a >= (*flag_a == 'N' ? *m : *k) && *ld_b >= (*flag_b == 'N' ? *k : *n), "a leading dimension"); \
        for (int j = 0; j < *n; j++)                                                                                      \
            for (int i = 0; i < *m; i++) {                                                                                \
                T total = 0;                                                                                              \
                for (int l = 0; l < *k; l++)                                                                              \
                    total += (*flag_a == 'N' ? a[i + (int64_t)l * *ld_a] : a[l + (int64_t)i * *ld_a])                     \
                           * (*flag_b == 'N' ? b[l + (int64_t)j * *ld_b] : b[j + (int64_t)l * *ld_b]);                    \
                c[i + (int64_t)j * *ld_c] = total + (*(T *)beta ? c[i + (int64_t)j * *ld_c] : 0);                         \
            }                                                                                                             \
    }
#define GEMV(name, T)                                                                                                      \
    static void name(const char *flag, int *m, int *n, void *alpha, void *a_, int *ld, void *x_, int *step_x, void *beta, \
                     void *y_, int *step_y) {                                                                             \
        const T *a = a_, *x = x_;                                                                                         \
        T *y = y_;                                                                                                        \
        check(*(T *)alpha == 1 && (*(T *)beta == 0 || *(T *)beta == 1) && *ld >= *m && *step_x > 0 && *step_y > 0, "arguments of a vector product"); \
        for (int i = 0; i < (*flag == 'N' ? *m : *n); i++) {                                                              \
            T total = 0;                                                                                                  \
            for (int j = 0; j < (*flag == 'N' ? *n : *m); j++)                                                            \
                total += (*flag == 'N' ? a[i + (int64_t)j * *ld] : a[j + (int64_t)i * *ld]) * x[(int64_t)j * *step_x];    \
            y[(int64_t)i * *step_y] = total + (*(T *)beta ? y[(int64_t)i * *step_y] : 0);                                 \
        }                                                                                                                 \
    }
GEMM(dgemm, double)
GEMM(sgemm, float)
GEMV(dgemv, double)
GEMV(sgemv, float)

/* --- programs --------------------------------------------------------------------------------------------------------------- */

static uint64_t take(FILE *file) {
    uint64_t word = 0;
    check(fread(&word, 8, 1, file) == 1, "the file of programs is short");
    return word;
}

static uint64_t read_programs(const char *path, program *programs) {
    FILE *file = fopen(path, "rb");
    check(file != NULL, "cannot open the file of programs");
    const uint64_t count = take(file);
    check(count > 0 && count <= MAX_PROGRAMS, "too many programs");
    for (uint64_t k = 0; k < count; k++) {
        program *p = &programs[k];
        p->n_words = take(file);
        p->words = malloc(p->n_words * 8);
        for (uint64_t j = 0; j < p->n_words; j++)
            p->words[j] = take(file);
        p->constant_bytes = take(file);
        p->constants = calloc(p->constant_bytes + 8, 1);
        for (uint64_t j = 0; j < (p->constant_bytes + 7) / 8; j++) {
            const uint64_t word = take(file);
            memcpy(p->constants + 8 * j, &word, p->constant_bytes - 8 * j < 8 ? p->constant_bytes - 8 * j : 8);
        }
        p->arena_bytes = take(file);
        p->n_buffers = take(file);
        check(p->n_buffers <= MAX_BUFFERS, "too many buffers");
        for (uint64_t j = 0; j < p->n_buffers; j++) {
            p->buffers[j].nbytes = take(file);
            p->buffers[j].alignment = (uint32_t)take(file);
            p->buffers[j].writable = (uint32_t)take(file);
        }
        p->n_segments = take(file);
        for (uint64_t j = 0; j < p->n_segments; j++)
            p->segments[j] = take(file);
        p->n_guards = take(file);
        p->n_hosts = take(file);
    }
    fclose(file);
    return count;
}

static tj_threads *team;                      /* of three threads while programs are corrupted, else NULL */

static tj_program *load(const program *p, accounts *a, tj_error *error) {
    const tj_source source = {.words = p->words, .n_words = p->n_words, .constants = p->constants, .constant_bytes = p->constant_bytes,
                              .arena_bytes = p->arena_bytes, .buffers = p->buffers, .n_buffers = p->n_buffers, .segments = p->segments,
                              .n_segments = p->n_segments, .n_guards = p->n_guards, .n_hosts = p->n_hosts, .dgemm = (uintptr_t)dgemm,
                              .sgemm = (uintptr_t)sgemm, .dgemv = (uintptr_t)dgemv, .sgemv = (uintptr_t)sgemv, .simd = below(4),
                              .threads = below(2) ? team : NULL};
    return tj_program_load_with(&source, &(tj_allocator){allocate, release, a}, error);
}

/* How many elements the accepted words go through; programs with large empty strides may be valid and endless. */
static double work_of(const uint64_t *words, uint64_t n_words) {
    double total = 0;
    for (uint64_t at = 0; at < n_words;) {
        const uint64_t *w = words + at;
        const uint32_t opcode = (uint32_t)w[0];
        double work = 1;
        uint64_t length = w[0] >> 32;
        if (opcode >= TJ_FIRST_ELEMENTWISE)
            length = tj_ops[opcode - TJ_FIRST_ELEMENTWISE].arity == 3 ? 3 : 2;
        else if (opcode == TJ_END)
            length = 1;
        else if ((opcode >= TJ_LOAD1 && opcode <= TJ_STORE8) || (opcode >= TJ_MULTIPLY_ADD && opcode < TJ_STRUCTURAL))
            length = 3;
        else if (opcode == TJ_LOOP) {
            for (uint64_t k = 0; k < (w[1] & 0xffff); k++)
                work *= w[2 + k] ? (double)w[2 + k] : 1;
            work *= 1 + (double)length;
        } else if (opcode == TJ_MATMUL) {
            work = (double)w[2] * (double)w[3] * (1 + (double)w[4]);
            for (uint64_t k = 0; k < w[1] >> 32; k++)
                work *= (double)w[5 + k];
        } else if (opcode == TJ_TILES) {
            const uint64_t header = 4 + 6 * (uint64_t)(uint32_t)w[2], body = (uint32_t)w[3];
            work = (double)(w[1] >> 32) * ((double)header + work_of(w + header, body)) + work_of(w + header + body, w[3] >> 32);
            for (uint64_t k = 0; k < (uint32_t)w[2]; k++)    /* sums are cleared */
                work += (double)(uint32_t)w[1] * (double)w[4 + 6 * k + 4] / 8;
        } else if (opcode >= TJ_TAKE && opcode <= TJ_TAKE_ADD)
            work = (double)w[2] * (1 + (double)w[5]) * (1 + (double)w[4]);
        else if (opcode >= TJ_CUMSUM)
            work = 20.0 * (double)w[2] * (double)w[3] * (double)w[4];
        total += work;
        at += length;
    }
    return total;
}

static void fill(uint8_t *memory, uint64_t nbytes) {
    const uint64_t kind = below(3);
    for (uint64_t k = 0; k < nbytes; k++)
        memory[k] = kind == 0 ? (uint8_t)next() : kind == 1 ? (uint8_t)(k % 8 == 0 ? below(4) : 0) : 0;
}

/* Runs all segments, or a seeded run, on buffers of the exact lengths. Returns 0 when an allocation failed. */
static int run(tj_workspace *w, const program *p, int seeded) {
    void *pointers[MAX_BUFFERS], *copies[MAX_BUFFERS];
    uint64_t nbytes[MAX_BUFFERS], seed = 1 + below(p->n_buffers), count = 0;
    seeded = seeded && p->n_segments > 1 && p->n_buffers > 0 && p->buffers[seed - 1].nbytes % 8 == 0;
    if (seeded)
        count = p->buffers[seed - 1].nbytes / 8;
    for (uint64_t k = 0; k < p->n_buffers; k++) {
        nbytes[k] = p->buffers[k].nbytes * (seeded && tj_first_write(w->program, k + 1) > 0 ? count : 1);
        pointers[k] = malloc(nbytes[k]);
        copies[k] = malloc(nbytes[k]);
        fill(pointers[k], nbytes[k]);
        if (nbytes[k])
            memcpy(copies[k], pointers[k], nbytes[k]);
    }
    const double one = 1;
    int status = TJ_DONE;
    for (uint64_t segment = 0; segment < (seeded ? 1 : p->n_segments) && status == TJ_DONE; segment++) {
        status = seeded ? tj_run_seeded(w, pointers, nbytes, p->n_buffers, seed, &one, 8, count)
                        : tj_run(w, pointers, nbytes, p->n_buffers, segment);
        for (int k = 0; k < 1000 && status == TJ_HOST; k++)
            status = tj_resume(w);
    }
    for (uint64_t k = 0; k < p->n_buffers; k++) {
        if (!p->buffers[k].writable && nbytes[k])
            check(memcmp(pointers[k], copies[k], nbytes[k]) == 0, "a buffer that is only read was changed");
        free(pointers[k]);
        free(copies[k]);
    }
    if (p->constant_bytes)
        check(memcmp(w->base[0], p->constants, p->constant_bytes) == 0, "the constants were changed");
    return status != TJ_MEMORY;
}

/* --- corruption ---------------------------------------------------------------------------------------------------------------- */

static uint64_t interesting(const program *p) {
    static const uint64_t values[] = {0, 1, 2, 3, 7, 8, 64, 255, 256, 257, 1 << 16, 1u << 31, UINT32_MAX, (uint64_t)1 << 32,
                                      (uint64_t)1 << 56, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX, UINT64_MAX - 7};
    switch (below(5)) {
    case 0: return values[below(sizeof values / sizeof *values)];
    case 1: return (uint64_t)0 - (8 * below(8));
    case 2: return 8 * below(64);
    case 3: return p->words[below(p->n_words)];
    default: return below(TJ_OPCODES) | below(64) << 32;
    }
}

static void corrupt(program *p, const program *other) {
    for (uint64_t changes = 1 + below(4); changes > 0; changes--) {
        uint64_t *word = &p->words[below(p->n_words)];
        switch (below(14)) {
        case 0: *word ^= (uint64_t)1 << below(64); break;
        case 1: *word ^= (uint64_t)1 << below(16); break;
        case 2: *word = interesting(p); break;
        case 3: *word += 8 * (below(5) - 2); break;
        case 4: *word += below(5) - 2; break;
        case 5: *word += (below(5) - 2) << 32; break;
        case 6: memcpy((uint8_t *)word + 2 * below(4), &(uint16_t){(uint16_t)below(below(2) ? 16 : 65536)}, 2); break;
        case 7: { uint64_t *second = &p->words[below(p->n_words)], swap = *word; *word = *second; *second = swap; break; }
        case 8: *word = other->words[below(other->n_words)]; break;
        case 9: {
            const uint64_t from = below(other->n_words), to = below(p->n_words), given = other->n_words - from, room = p->n_words - to;
            const uint64_t most = given < room ? given : room;
            memcpy(p->words + to, other->words + from, below(most + 1) * 8);
            break;
        }
        case 10: if (p->n_words > 1 && below(4) == 0) p->n_words--; break;
        case 11: p->arena_bytes = below(2) ? p->arena_bytes + 8 * (below(5) - 2) : below(LARGEST_BUFFER); break;
        case 12:
            if (p->n_buffers) {
                tj_buffer *buffer = &p->buffers[below(p->n_buffers)];
                if (below(2))
                    buffer->nbytes = below(2) && buffer->nbytes ? buffer->nbytes - 1 : below(LARGEST_BUFFER);
                else
                    buffer->writable ^= 1;
            }
            break;
        default: if (p->constant_bytes && below(2)) p->constant_bytes -= 1; else p->segments[below(p->n_segments)] += below(3) - 1;
        }
    }
}

static int fuzz(const program *programs, uint64_t n_programs, uint64_t count) {
    uint64_t refused = 0, ran = 0, too_long = 0;
    uint64_t *words = malloc(LONGEST * 8);
    for (uint64_t k = 0; k < count; k++) {
        program p = programs[below(n_programs)];
        accounts a = {0, -1, 0};
        tj_error error;
        check(p.n_words <= LONGEST, "a program is too long");
        memcpy(words, p.words, p.n_words * 8);
        p.words = words;
        corrupt(&p, &programs[below(n_programs)]);
        tj_program *loaded = load(&p, &a, &error);
        if (!loaded) {
            check(error.reason && error.word >= -1 && error.word < (int64_t)p.n_words, "a refusal without a reason");
            refused++;
        } else if (work_of(p.words, p.n_words) > WORK || tj_workspace_bytes(loaded, 0) + tj_workspace_bytes(loaded, 1) > MOST_MEMORY) {
            too_long++;
        } else {
            tj_workspace *w = tj_workspace_new(loaded);
            if (w)
                run(w, &p, below(2) != 0);
            ran += w != NULL;
            too_long += w == NULL;            /* more memory than there is */
            tj_workspace_free(w);
        }
        tj_program_free(loaded);
        check(a.live == 0, "memory was not returned");
    }
    free(words);
    printf("%" PRIu64 " refused, %" PRIu64 " ran, %" PRIu64 " too long to run\n", refused, ran, too_long);
    return 0;
}

static int fail_in_turn(const program *programs, uint64_t n_programs) {
    uint64_t failures = 0;
    for (uint64_t k = 0; k < n_programs; k++)
        for (int64_t turn = 0;; turn++) {
            accounts a = {0, turn, 0};
            tj_error error;
            tj_program *loaded = load(&programs[k], &a, &error);
            tj_workspace *w = loaded ? tj_workspace_new(loaded) : NULL;
            check(loaded || strcmp(error.reason, "out of memory") == 0, "a failed allocation is not reported as such");
            const int done = w && run(w, &programs[k], 1);
            check(done == !a.failed, "a failed allocation was not noticed");
            tj_workspace_free(w);
            tj_program_free(loaded);
            check(a.live == 0, "memory was not returned");
            if (!a.failed)
                break;
            failures++;
        }
    printf("%" PRIu64 " failed allocations\n", failures);
    return 0;
}

int main(int n, char **arguments) {
    static program programs[MAX_PROGRAMS];
    check(n >= 3, "usage: fuzz FILE COUNT SEED | fuzz FILE failures");
    const uint64_t n_programs = read_programs(arguments[1], programs);
    const int failures = strcmp(arguments[2], "failures") == 0;
    state = 88172645463325252u + (n > 3 ? strtoull(arguments[3], NULL, 10) * 0x9e3779b97f4a7c15u : 0);
    team = failures ? NULL : tj_threads_new();
    if (team)
        tj_threads_set(team, 3);
    const int result = failures ? fail_in_turn(programs, n_programs) : fuzz(programs, n_programs, strtoull(arguments[2], NULL, 10));
    for (uint64_t k = 0; k < n_programs; k++) {
        free(programs[k].words);
        free(programs[k].constants);
    }
    tj_threads_free(team);
    return result;
}
