/* What the kernel's files share: the loaded form of a program, workspaces, and the functions between files.
 * Read program.h first. load.c and plan.c make these structures, sweep.c and loop.c run over them. */
#ifndef TJ_INTERNAL_H
#define TJ_INTERNAL_H

#include "program.h"

#if defined(__GNUC__) || defined(__clang__)
#define TJ_HIDDEN __attribute__((visibility("hidden")))
#define TJ_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define TJ_INLINE static inline __attribute__((always_inline))
#else
#define TJ_HIDDEN
#define TJ_UNLIKELY(x) (x)
#define TJ_INLINE static inline
#endif

enum {
    TJ_BLOCK = 256,                           /* elements of a block register */
    TJ_SHORT_BLOCK = 128,                     /* used by loops with more than TJ_FEW registers, to stay near L1 */
    TJ_FEW = 6,
    TJ_MANY = 32,                             /* with more than these they outgrow L1 all the same, and long blocks take fewer steps */
    TJ_BLOCK_BYTES = TJ_BLOCK * 8 + 64,       /* its bytes; off a power of two, so that registers do not share cache sets */
    TJ_MAX_NDIM = 64,
    TJ_MAX_REGISTERS = 4096,
    TJ_LEVELS = 64,                           /* of a pairwise cascade: 2^64 blocks */
};

#define TJ_MAX_EXTENT ((uint64_t)1 << 56)     /* of any count or byte length; sums of a few cannot overflow */

/* --- elementwise opcodes, in the order of ops.def -------------------------------------------------------------------- */

#define TJ_OP1(name, first, dtype, result, expr, text, kind, vector) TJ_##name##_##dtype,
#define TJ_OP2 TJ_OP1
#define TJ_OP3 TJ_OP1
enum { TJ_BEFORE_ELEMENTWISE = TJ_FIRST_ELEMENTWISE - 1,
#include "generated/ops.def"
       TJ_OPCODES };
#undef TJ_OP1
#undef TJ_OP2
#undef TJ_OP3

_Static_assert((int)TJ_STRUCTURAL <= (int)TJ_FIRST_ELEMENTWISE, "structural opcodes run into the elementwise ones");
_Static_assert(TJ_OPCODES <= 1 << 16, "a micro-operation has 16 bits for its opcode");

typedef struct { const char *name, *text; uint8_t arity, first, dtype, result; } tj_op;

extern const tj_op tj_ops[] TJ_HIDDEN;        /* indexed by opcode - TJ_FIRST_ELEMENTWISE */
extern const uint8_t tj_size_of[TJ_DTYPES] TJ_HIDDEN;

/* --- micro-operations and reductions over blocks ---------------------------------------------------------------------- */

/* dst[i] = op(a[i], b[i], c[i]) for i < n; dst may be one of the operands. */
typedef void (*tj_micro)(void *dst, const void *a, const void *b, const void *c, size_t n);

typedef struct {
    void (*reduce)(void *result, const void *source, size_t rows, size_t n);   /* each row of n >= 1 values to one, pairwise */
    void (*fold)(void *dst, const void *a, const void *b, size_t n);           /* dst[i] = a[i] (+) b[i] */
    const void *identity;
} tj_reducer;

/* Two arithmetic steps joined in one: t = a (first) b, dst = t (second) c. It saves a pass through L1 for t. The values are the same:
   nothing is contracted. */
enum { TJ_FIRST_ADD, TJ_FIRST_SUBTRACT, TJ_FIRST_MULTIPLY, TJ_FIRST_DIVIDE, TJ_FIRSTS };
enum { TJ_SECOND_ADD,         /* t + c */
       TJ_SECOND_SUBTRACT,    /* t - c */
       TJ_SECOND_SUBTRACTED,  /* c - t */
       TJ_SECOND_MULTIPLY,    /* t * c */
       TJ_SECOND_DIVIDE,      /* t / c */
       TJ_SECOND_DIVIDED,     /* c / t */
       TJ_SECOND_DOUBLE,      /* t + t */
       TJ_SECOND_SQUARE,      /* t * t */
       TJ_SECONDS };

/* A vector function f joined with a step before or behind it; NULL where the instruction has no vector function of one operand. */
typedef struct { tj_micro product, negated, times, plus; } tj_joined;   /* f(a * b), f(-a), f(a) * b, f(a) + b */

typedef struct {
    const char *name;
    const tj_micro (*pairs)[TJ_SECONDS][2];   /* [first][second][0: f32, 1: f64] */
    const tj_joined *joined;                  /* indexed as micros */
    const tj_micro *micros;                   /* indexed by opcode - TJ_FIRST_ELEMENTWISE */
    const tj_reducer (*reducers)[TJ_DTYPES];  /* [kind][dtype]; reduce is NULL where the pair does not exist */
} tj_simd_table;

/* The best table that the CPU can run, at most `limit` (0: no limit; 1 baseline, 2 avx2, 3 avx512). */
const tj_simd_table *tj_simd_choose(uint64_t limit) TJ_HIDDEN;

/* --- a loop, planned ------------------------------------------------------------------------------------------------- */

/* How the values of an operand come into a block. */
enum { TJ_DIRECT,   /* they lie there one behind the other: used in place */
       TJ_FIXED,    /* the same in each block: copied once */
       TJ_ROW,      /* one value per row of a loop whose rows are longer than a block: filled once per row */
       TJ_GATHER };

typedef struct {
    uint32_t buffer;
    uint16_t memory;                          /* inputs: block register that receives copies; outputs: slot that is written */
    uint8_t kind, dtype, size, mode;
    uint8_t in_place;                         /* outputs: the last micro-operation writes to memory itself */
    uint8_t moved_along;                      /* by its neighbour, see `neighbour` */
    uint32_t neighbour;                       /* 0, or 1 + the place of the operand with which it is moved: 8 bytes before or behind each element */
    int64_t offset, row_stride, column_stride;
    int64_t low, high;                        /* the bytes that it touches */
    int64_t *strides;                         /* of the outer axes, whose last is the row axis */
    const tj_reducer *reducer;
    int64_t *start_shape, *start_strides;     /* the distinct elements of a reduction, for its start value */
    uint32_t start_ndim;
} tj_operand;

typedef struct { tj_micro function; uint16_t dst, a, b, c; } tj_step;     /* slots */

/* A slot is a pointer to a block: slot k < n_inputs is input k, slot n_inputs + k the result of micro-operation k. */
typedef struct {
    uint32_t n_inputs, n_steps, n_results, n_outputs, n_outer, n_memories;   /* n_results: micro-operations before steps were joined */
    int empty, long_rows;                     /* long_rows: rows are cut in blocks; else a block holds whole rows */
    int64_t rows, columns, rows_per_block;
    int64_t block;                            /* elements of a block: TJ_BLOCK or TJ_SHORT_BLOCK */
    int64_t *shape;                           /* of the outer axes */
    tj_operand *inputs, *outputs;
    tj_step *steps;
    uint16_t *step_memory;                    /* block register of each micro-operation's result */
    uint16_t *uses;                           /* how often each result is used */
} tj_loop;

typedef struct { uint64_t count; void *address; uint64_t levels[TJ_LEVELS]; } tj_cascade;

/* --- tiles ----------------------------------------------------------------------------------------------------------- */

typedef struct {
    uint32_t kind, buffer, alignment;
    uint64_t offset, tile_step, part_step, nbytes[2];   /* nbytes: of a tile, of the last one */
    uint64_t low, high;                                 /* the bytes that its tiles lie in */
} tj_view;

typedef struct {
    uint32_t parts, tiles, n_views, threads;
    const uint64_t *body, *last;                        /* `last`: of the last tile; the same where that is as the others */
    tj_view views[];
} tj_region;

/* --- program and workspace ------------------------------------------------------------------------------------------- */

/* Where memory comes from; a test lets each request fail in turn. */
typedef struct {
    void *(*allocate)(void *context, size_t nbytes);
    void (*release)(void *context, void *memory);
    void *context;
} tj_allocator;

typedef void tj_gemm(char *, char *, int *, int *, int *, void *, void *, int *, void *, int *, void *, void *, int *);

typedef void tj_gemv(const char *, int *, int *, void *, void *, int *, void *, int *, void *, void *, int *);

struct tj_program {
    tj_allocator allocator;
    const tj_simd_table *simd;
    uint64_t *code;                           /* the words; word 1 of a LOOP is replaced by its place in `loops` */
    uint64_t n_code;
    uint8_t *constants;
    uint64_t constant_bytes, arena_bytes;
    tj_buffer *buffers;
    int32_t *first_write;
    uint64_t n_buffers;
    uint64_t *segments;
    uint64_t n_segments, n_guards, n_hosts;
    tj_loop **loops;
    uint64_t n_loops, room_for_loops;
    tj_region **regions;                      /* word 1 of TILES is replaced by its place in here */
    uint64_t n_regions, room_for_regions;
    uint64_t most_memories, most_slots, most_outputs, scratch_bytes, most_views, local_bytes;
    tj_threads *threads;
    tj_gemm *dgemm, *sgemm;
    tj_gemv *dgemv, *sgemv;
};

enum { TJ_MAX_THREADS = 256 };

struct tj_workspace {
    const tj_program *program;
    tj_allocator allocator;
    uint8_t **base;                           /* of each buffer; base[0] is the arena; behind the external ones, of the views */
    uint8_t *local;                           /* memory of views that a thread has for itself */
    tj_workspace **lanes;                     /* of the other threads that run tiles, made when they are needed; NULL so far */
    uint8_t *blocks;                          /* block registers, then one more as a temporary */
    void **slots;
    tj_cascade *cascades;
    uint8_t *scratch;
    uint32_t *order;                          /* external buffers sorted by address, kept from call to call */
    const uint64_t *resume;
    int64_t detail[2];
    uint8_t *seeds;                           /* the seed buffer of a seeded run */
    uint64_t seed_buffer, seed_itemsize, seed_count, seed_next;
    uint8_t seed_one[8];
    int seeded, bound;
    void *memory;                             /* all of the above in one piece, unaligned */
};

tj_program *tj_program_load_with(const tj_source *source, const tj_allocator *allocator, tj_error *error) TJ_HIDDEN;

/* --- between load.c and plan.c ---------------------------------------------------------------------------------------- */

typedef struct {
    tj_program *program;
    tj_error *error;
    const uint64_t *words;
    uint64_t n_words, at;                     /* at: the word under inspection */
    int32_t segment;
    const tj_region *region;                  /* whose body is under inspection, or NULL */
    int last;                                 /* whether that is the body of the last tile */
} tj_loader;

/* The lowest and one past the highest byte that an operand touches. */
typedef struct { uint32_t buffer; int64_t low, high; } tj_span;

int tj_refuse(tj_loader *loader, uint64_t word, const char *reason) TJ_HIDDEN;   /* always 0 */
void *tj_allocate(tj_loader *loader, size_t nbytes) TJ_HIDDEN;
int tj_check_extent(tj_loader *loader, uint64_t word, int64_t *total, int64_t count) TJ_HIDDEN;
int tj_check_operand(tj_loader *loader, uint64_t word, uint64_t buffer, uint64_t offset, uint64_t dtype, int ndim, const int64_t *shape,
                     const int64_t *strides, int write, tj_span *span) TJ_HIDDEN;
int tj_spans_overlap(tj_span a, tj_span b) TJ_HIDDEN;
int tj_check_bytes(tj_loader *loader, uint64_t word, uint64_t buffer, int64_t low, int64_t high, int write) TJ_HIDDEN;
int tj_check_region(tj_loader *loader, uint64_t length) TJ_HIDDEN;
int tj_check_instruction(tj_loader *loader, uint64_t *length) TJ_HIDDEN;
int tj_make_room(tj_loader *loader, void **list, uint64_t count, uint64_t *room) TJ_HIDDEN;
int tj_plan_loop(tj_loader *loader, uint64_t length) TJ_HIDDEN;
void tj_join_steps(tj_loop *loop, const uint64_t *words, const tj_simd_table *simd) TJ_HIDDEN;   /* words: of the micro-operations */

/* --- execution ------------------------------------------------------------------------------------------------------- */

int tj_execute(tj_workspace *workspace, const uint64_t *ip) TJ_HIDDEN;
int tj_region_run(tj_workspace *workspace, const tj_region *region) TJ_HIDDEN;
int tj_together(tj_threads *threads, void (*work)(void *context, int lane), void *context, int most) TJ_HIDDEN;
int tj_threads_count(tj_threads *threads) TJ_HIDDEN;
tj_workspace *tj_lane_new(const tj_program *program) TJ_HIDDEN;
void tj_loop_run(tj_workspace *workspace, const tj_loop *loop) TJ_HIDDEN;
void tj_matmul_run(tj_workspace *workspace, const uint64_t *ip) TJ_HIDDEN;
uint64_t tj_matmul_scratch(const uint64_t *ip) TJ_HIDDEN;
int tj_take_run(tj_workspace *workspace, const uint64_t *ip) TJ_HIDDEN;
void tj_scan_run(tj_workspace *workspace, const uint64_t *ip) TJ_HIDDEN;
void tj_order_run(tj_workspace *workspace, const uint64_t *ip) TJ_HIDDEN;

/* Copies between memory with strides and a packed (rows, columns) block. */
void tj_gather(void *dst, const void *source, int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride,
               int size) TJ_HIDDEN;
void tj_scatter(void *dst, const void *source, int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride,
                int size) TJ_HIDDEN;

/* The C types of the dtypes, and how the value of a row's expression becomes one of them. */
#define TJ_T_bool uint8_t
#define TJ_T_i32 int32_t
#define TJ_T_i64 int64_t
#define TJ_T_f32 float
#define TJ_T_f64 double

/* Results that are bool are made 0 or 1; some C predicates give other nonzero numbers. */
#define TJ_AS_bool(expr) (uint8_t)((expr) != 0)
#define TJ_AS_i32(expr) (int32_t)(expr)
#define TJ_AS_i64(expr) (int64_t)(expr)
#define TJ_AS_f32(expr) (float)(expr)
#define TJ_AS_f64(expr) (double)(expr)

#endif
