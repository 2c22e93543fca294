/* The kernel's program format and its interface: this text is the manual.
 *
 * A program is an array of 64-bit words, a block of constants, the size of an arena, a table of external buffers, and the places
 * where its segments start. `tj_program_load` checks all of it once: a loaded program cannot touch memory outside its buffers,
 * whatever the words say. `tj_run` then executes it unchecked. A program is immutable and may run in many threads at once, each
 * with a workspace of its own. There is no global state.
 *
 * Memory. An address is (buffer, byte offset). Buffer 0 is the arena of the workspace; it starts with the constants, which are never
 * written. Buffers 1, 2, ... are external, C-contiguous, each with a declared length, alignment and right to be written. Every
 * access is aligned to its dtype. A scalar slot is 8 bytes of the arena at a multiple of 8; a value sits at the start of its slot.
 *
 * dtype codes: 0 bool (a byte, 0 or 1), 1 i32, 2 i64, 3 f32, 4 f64.
 *
 * Segments. Instructions follow each other from word 0; a segment ends with END, the next starts behind it, the last END is the last
 * word. There are no jumps.
 *
 * Tiles. A TILES instruction runs a body of instructions once per tile, a piece of the leading axis of large arrays, so that what lies
 * between them stays in the cache. The tiles are shared out to a fixed number of parts, which several threads may take: the same bits
 * come out at any number of threads. The body sees the arrays through views, which are the buffers behind the last external one.
 *
 * Instructions. Word 0 of each is: opcode (low 32 bits) | operand d (high 32 bits). "slot k" is the 8 bytes at arena offset 8 * k.
 *
 *   elementwise   opcode | d << 32, a | b << 32 [, c]     slot d = op(slot a, slot b, slot c); three words when op takes three operands
 *   MULTIPLY_ADD MULTIPLY_SUBTRACT SUBTRACT_PRODUCT   opcode | d << 32, a | b << 32, c
 *                 slot d = slot a * slot b + slot c, slot a * slot b - slot c, slot c - slot a * slot b; f64, the product is rounded, too
 *   END           1 word                                  the segment is done
 *   LOAD1 4 8     d, buffer, offset                       slot d = the 1, 4 or 8 bytes at the address
 *   STORE1 4 8    d, buffer, offset                       the 1, 4 or 8 bytes at the address = slot d
 *
 * In the others the high half of word 0 is the number of words of the instruction; (p) is an address: buffer, offset.
 *
 *   GUARD         number | dtype << 32, nbytes, (p), expected     stop with TJ_GUARD unless the bytes at p equal those at arena offset
 *                                                         `expected`, which lies in the constants
 *   HOST          number                                  stop with TJ_HOST; `tj_resume` goes on behind it
 *   LOOP          ndim | inputs << 16 | micros << 32 | outputs << 48, shape[ndim],
 *                 inputs: dtype | buffer << 32, offset, strides[ndim]
 *                 micros: opcode | d << 16 | a << 28 | b << 40 | c << 52  (12 bits per register)
 *                 outputs: kind | dtype << 8 | register << 16 | buffer << 32, offset, strides[ndim]
 *                 For each index of `shape`: input k is read into register k (strides in bytes, 0 broadcasts), the micro-operations
 *                 (elementwise opcodes) run in order, the outputs are written. Kinds: STORE; ADD into memory; SUM PROD MAX MIN ANY ALL,
 *                 which initialise the elements and then reduce into them over the axes of stride 0. The elements of one output
 *                 are distinct but for axes of stride 0. The order of iteration is not defined: an input may share memory with an
 *                 output only at exactly the same elements.
 *   MATMUL        dtype | adds << 8 | batch axes << 32, m, n, k, batch sizes, then for a, b, out: buffer, offset, row stride, column
 *                 stride, batch strides       out = a @ b, or += where `adds` is 1, for each batch index; any strides; out overlaps
 *                 neither a nor b
 *   TAKE          dtype, outer, n, inner, count, (source), (indices), (destination)
 *                 destination[i, j, k] = source[i, indices[j], k]; negative indices count from the end; TJ_INDEX when out of range
 *   TAKE_SET ADD  dtype, outer, n, inner, count, (destination), (indices), (source)
 *                 destination[i, indices[j], k] = or += source[i, j, k], in the order of j
 *   CUMSUM CUMPROD  dtype, outer, n, inner, (source), (destination)    along the middle axis; source may be the destination
 *   ARGSORT ARGMAX ARGMIN  the same words; the destination holds i64. Stable, NaN last; the first extremum, a NaN counts as it
 *   TILES         parts | tiles << 32, views | threads << 32, words of the body | words of the last tile's body << 32,
 *                 views: kind | buffer << 32, offset, step from tile to tile, step from part to part, bytes, bytes in the last tile
 *                 then the body, ended by END, and that of the last tile where it has words of its own. Part p runs the tiles from
 *                 p * tiles / parts on. In both bodies view k is buffer (external buffers) + 1 + k. Kinds: READ; WRITE, whose tiles do not
 *                 overlap; SUM, zero when a part begins and its own; LOCAL, memory of the thread from `offset` on. Bodies hold LOOP to
 *                 ARGMIN without the scalar instructions, and write to views alone; what they read without a view, no view writes.
 *                 `threads` 1 says that the parts are worth threads.
 *
 * Values: integers wrap, integer division by zero gives 0, max and min propagate NaN, sums are pairwise.
 */
#ifndef TJ_PROGRAM_H
#define TJ_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

/* [cffi] */
enum { TJ_FORMAT = 3, TJ_FIRST_ELEMENTWISE = 32 };

enum { TJ_BOOL, TJ_I32, TJ_I64, TJ_F32, TJ_F64, TJ_DTYPES };

enum { TJ_END, TJ_GUARD_EQUAL, TJ_HOST_CALL, TJ_LOOP, TJ_LOAD1, TJ_LOAD4, TJ_LOAD8, TJ_STORE1, TJ_STORE4, TJ_STORE8, TJ_MATMUL, TJ_TAKE,
       TJ_TAKE_SET, TJ_TAKE_ADD, TJ_CUMSUM, TJ_CUMPROD, TJ_ARGSORT, TJ_ARGMAX, TJ_ARGMIN, TJ_TILES,
       TJ_MULTIPLY_ADD, TJ_MULTIPLY_SUBTRACT, TJ_SUBTRACT_PRODUCT, TJ_STRUCTURAL };

enum { TJ_VIEW_READ, TJ_VIEW_WRITE, TJ_VIEW_SUM, TJ_VIEW_LOCAL, TJ_VIEW_KINDS };

enum { TJ_KIND_STORE, TJ_KIND_ADD, TJ_KIND_SUM, TJ_KIND_PROD, TJ_KIND_MAX, TJ_KIND_MIN, TJ_KIND_ANY, TJ_KIND_ALL, TJ_KINDS };

/* What a sweep answers. From TJ_COUNT on: a fault of the buffers, found before anything was written. */
enum { TJ_DONE, TJ_GUARD, TJ_HOST, TJ_INDEX, TJ_MEMORY, TJ_COUNT, TJ_NULL, TJ_LENGTH, TJ_ALIGNMENT, TJ_OVERLAP };

typedef struct { uint64_t nbytes; uint32_t alignment; uint32_t writable; } tj_buffer;

typedef struct tj_threads tj_threads;

typedef struct {
    const uint64_t *words;    uint64_t n_words;
    const void *constants;    uint64_t constant_bytes;
    uint64_t arena_bytes;
    const tj_buffer *buffers; uint64_t n_buffers;   /* buffers[k] describes buffer k + 1 */
    const uint64_t *segments; uint64_t n_segments;  /* word where each starts */
    uint64_t n_guards, n_hosts;                     /* their numbers are below these */
    uintptr_t dgemm, sgemm, dgemv, sgemv;           /* BLAS functions of the Fortran interface, or 0 */
    uint64_t simd;                                  /* 0: the best that the CPU has; 1 baseline, 2 at most avx2, 3 at most avx512 */
    tj_threads *threads;                            /* who runs the parts of TILES besides the caller, or NULL */
} tj_source;

typedef struct { int64_t word; const char *reason; } tj_error;

typedef struct tj_program tj_program;
typedef struct tj_workspace tj_workspace;

/* The loaded program, or NULL with the word that was refused and why (word -1: not a word, or no memory). Copies what it needs. */
tj_program *tj_program_load(const tj_source *source, tj_error *error);
void tj_program_free(tj_program *program);

/* The first segment that writes external buffer `buffer`, or -1. */
int tj_first_write(const tj_program *program, uint64_t buffer);

/* An arena with the constants in it, and all scratch memory that the program needs; NULL without memory. */
tj_workspace *tj_workspace_new(const tj_program *program);
void tj_workspace_free(tj_workspace *workspace);

/* Bytes of a workspace; of the memory that a further thread takes for tiles if `lane`. */
uint64_t tj_workspace_bytes(const tj_program *program, int lane);

/* Checks and binds the external buffers in order, then runs one segment from its start. */
int tj_run(tj_workspace *workspace, void *const *pointers, const uint64_t *nbytes, uint64_t n, uint64_t segment);

/* Runs a segment on the buffers bound last. */
int tj_sweep(tj_workspace *workspace, uint64_t segment);

/* Goes on behind the host call at which the sweep stopped. */
int tj_resume(tj_workspace *workspace);

/* Runs segment 0, then segment 1 once for each i < count with the bytes of `one` (itemsize of them) as element i of the seed buffer
   and zeros in the others. Buffers first written in segment 1 hold `count` results one behind the other. pointers[seed - 1] is ignored. */
int tj_run_seeded(tj_workspace *workspace, void *const *pointers, const uint64_t *nbytes, uint64_t n, uint64_t seed, const void *one,
                  uint64_t itemsize, uint64_t count);

/* tj_run of segment 0 with 1, 2, 3, 4, and with n <= 8 buffers; the last pairs of tj_call8 are not looked at then. */
int tj_call1(tj_workspace *workspace, void *p0, uint64_t n0);
int tj_call2(tj_workspace *workspace, void *p0, uint64_t n0, void *p1, uint64_t n1);
int tj_call3(tj_workspace *workspace, void *p0, uint64_t n0, void *p1, uint64_t n1, void *p2, uint64_t n2);
int tj_call4(tj_workspace *workspace, void *p0, uint64_t n0, void *p1, uint64_t n1, void *p2, uint64_t n2, void *p3, uint64_t n3);
int tj_call8(tj_workspace *workspace, uint64_t n, void *p0, uint64_t n0, void *p1, uint64_t n1, void *p2, uint64_t n2, void *p3, uint64_t n3,
             void *p4, uint64_t n4, void *p5, uint64_t n5, void *p6, uint64_t n6, void *p7, uint64_t n7);

/* Where buffer `buffer` lies now (0: the arena). */
void *tj_base(tj_workspace *workspace, uint64_t buffer);

/* What the last status was about: the number and word of a guard or host call; the index and length of TJ_INDEX; the buffer (and
   other buffer) of a fault. */
int64_t tj_detail(const tj_workspace *workspace, int which);

/* A team of threads, none started yet; NULL without memory. It outlives the programs that were given it. */
tj_threads *tj_threads_new(void);

/* Ends the threads; no sweep may be going on, and no program that was given the team may run again. */
void tj_threads_free(tj_threads *threads);

/* How many threads run the parts of TILES, the caller included: 1 to 256. Threads that are too many end before it returns. */
void tj_threads_set(tj_threads *threads, int count);

/* The elementwise instructions compiled in, from opcode TJ_FIRST_ELEMENTWISE on, one a line: name, first dtype, dtype, result, arity,
   C text, separated by tabs. */
const char *tj_op_table(void);
const char *tj_op_name(uint32_t opcode);

/* Which loops a program runs: "avx512", "avx2" or "baseline". */
const char *tj_simd(const tj_program *program);
/* [end] */

#endif
