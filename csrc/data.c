/* Instructions that move values by integers or along an axis: take and its updates, running sums and products, order.
 * All see their operands as (outer, n, inner), contiguous; the words are in program.h. */
#include "internal.h"

#include <string.h>

static uint8_t *address(const tj_workspace *w, const uint64_t *words) { return w->base[words[0]] + words[1]; }

/* --- take --------------------------------------------------------------------------------------------------------------- */

static void add_values(void *dst, const void *source, size_t count, uint64_t dtype, const tj_program *program) {
    program->simd->reducers[TJ_KIND_ADD][dtype].fold(dst, dst, source, count);
}

/* Single values, which are common, without a call each, and without a test where no index counts from the end (n is 0 then). */
#define TJ_MOVE_AS(T, statement)                                                                                          \
    if (n == 0)                                                                                                           \
        for (int64_t j = 0; j < count; j++) {                                                                             \
            T *large_value = (T *)large + indices[j], *small_value = (T *)small + j;                                      \
            statement;                                                                                                    \
        }                                                                                                                 \
    else                                                                                                                  \
        for (int64_t j = 0; j < count; j++) {                                                                             \
            T *large_value = (T *)large + (indices[j] < 0 ? indices[j] + n : indices[j]), *small_value = (T *)small + j;  \
            statement;                                                                                                    \
        }

static void move_single(uint32_t opcode, uint64_t dtype, uint8_t *large, uint8_t *small, const int64_t *indices, int64_t count, int64_t n) {
    if (opcode == TJ_TAKE_ADD) {
        switch (dtype) {
        case TJ_I32: TJ_MOVE_AS(int32_t, *large_value += *small_value) break;
        case TJ_I64: TJ_MOVE_AS(int64_t, *large_value += *small_value) break;
        case TJ_F32: TJ_MOVE_AS(float, *large_value += *small_value) break;
        default: TJ_MOVE_AS(double, *large_value += *small_value)
        }
        return;
    }
    switch (tj_size_of[dtype]) {
    case 1:
        if (opcode == TJ_TAKE) {
            TJ_MOVE_AS(uint8_t, *small_value = *large_value)
        } else {
            TJ_MOVE_AS(uint8_t, *large_value = *small_value)
        }
        break;
    case 4:
        if (opcode == TJ_TAKE) {
            TJ_MOVE_AS(uint32_t, *small_value = *large_value)
        } else {
            TJ_MOVE_AS(uint32_t, *large_value = *small_value)
        }
        break;
    default:
        if (opcode == TJ_TAKE) {
            TJ_MOVE_AS(uint64_t, *small_value = *large_value)
        } else {
            TJ_MOVE_AS(uint64_t, *large_value = *small_value)
        }
    }
}

/* Indices in an external buffer could be changed by another thread between the check and the use, so they are copied then. */
int tj_take_run(tj_workspace *w, const uint64_t *ip) {
    const uint32_t opcode = (uint32_t)ip[0];
    const uint64_t dtype = ip[1];
    const int64_t outer = (int64_t)ip[2], n = (int64_t)ip[3], inner = (int64_t)ip[4], count = (int64_t)ip[5], size = tj_size_of[dtype];
    uint8_t *large = address(w, ip + 6), *small = address(w, ip + 10);
    const int64_t *indices = (const int64_t *)address(w, ip + 8);
    if (ip[8] != 0 && count > 0) {
        memcpy(w->scratch, indices, (size_t)count * 8);
        indices = (const int64_t *)w->scratch;
    }
    int64_t signs = 0, under = -1; /* signs >= 0: no index is negative; under < 0: all are below n. Without branches, so in vectors. */
    for (int64_t j = 0; j < count; j++) {
        signs |= indices[j];
        under &= (int64_t)((uint64_t)indices[j] - (uint64_t)n);
    }
    const int plain = signs >= 0 && under < 0;
    for (int64_t j = 0; j < count && !plain; j++)
        if (TJ_UNLIKELY(indices[j] >= n || indices[j] < -n)) {
            w->detail[0] = indices[j];
            w->detail[1] = n;
            return TJ_INDEX;
        }
    if (inner == 0 || count == 0)
        return TJ_DONE;
    for (int64_t i = 0; i < outer; i++, large += n * inner * size, small += count * inner * size) {
        if (inner == 1) {
            move_single(opcode, dtype, large, small, indices, count, plain ? 0 : n);
            continue;
        }
        for (int64_t j = 0; j < count; j++) {
            uint8_t *in_large = large + (indices[j] < 0 ? indices[j] + n : indices[j]) * inner * size, *in_small = small + j * inner * size;
            if (opcode == TJ_TAKE)
                memcpy(in_small, in_large, (size_t)(inner * size));
            else if (opcode == TJ_TAKE_SET)
                memcpy(in_large, in_small, (size_t)(inner * size));
            else
                add_values(in_large, in_small, (size_t)inner, dtype, w->program);
        }
    }
    return TJ_DONE;
}

/* --- running sums and products -------------------------------------------------------------------------------------------- */

#define TJ_SCAN_AS(T, op)                                                                                                  \
    for (int64_t i = 0; i < outer; i++) {                                                                                  \
        const T *from = (const T *)source + i * n * inner;                                                                 \
        T *to = (T *)destination + i * n * inner;                                                                          \
        for (int64_t k = 0; k < inner; k++)                                                                                \
            to[k] = from[k];                                                                                               \
        if (inner == 1) {                                                                                                  \
            T total = to[0];                                                                                               \
            for (int64_t k = 1; k < n; k++)                                                                                \
                to[k] = total = total op from[k];                                                                          \
        } else {                                                                                                           \
            for (int64_t k = inner; k < n * inner; k++)                                                                    \
                to[k] = to[k - inner] op from[k];                                                                          \
        }                                                                                                                  \
    }

void tj_scan_run(tj_workspace *w, const uint64_t *ip) {
    const int64_t outer = (int64_t)ip[2], n = (int64_t)ip[3], inner = (int64_t)ip[4];
    const void *source = address(w, ip + 5);
    void *destination = address(w, ip + 7);
    const int sum = (uint32_t)ip[0] == TJ_CUMSUM;
    if (outer == 0 || n == 0 || inner == 0)
        return;
    switch (ip[1]) {
    case TJ_I32: if (sum) TJ_SCAN_AS(int32_t, +) else TJ_SCAN_AS(int32_t, *) break;
    case TJ_I64: if (sum) TJ_SCAN_AS(int64_t, +) else TJ_SCAN_AS(int64_t, *) break;
    case TJ_F32: if (sum) TJ_SCAN_AS(float, +) else TJ_SCAN_AS(float, *) break;
    default: if (sum) TJ_SCAN_AS(double, +) else TJ_SCAN_AS(double, *)
    }
}

/* --- order ------------------------------------------------------------------------------------------------------------------ */

/* In the order of sort, NaN stands behind everything. */
#define TJ_BEFORE(a, b) ((a) < (b) || ((b) != (b) && (a) == (a)))

/* The first extremum; the first NaN if there is one. */
#define TJ_EXTREMUM_AS(T, op)                                                                                              \
    for (int64_t i = 0; i < outer; i++)                                                                                    \
        for (int64_t k = 0; k < inner; k++) {                                                                              \
            const T *from = (const T *)source + i * n * inner + k;                                                         \
            T best = from[0];                                                                                              \
            int64_t place = 0;                                                                                             \
            for (int64_t j = 1; j < n && best == best; j++) {                                                              \
                const T value = from[j * inner];                                                                           \
                if (value op best || value != value) {                                                                     \
                    best = value;                                                                                          \
                    place = j;                                                                                             \
                }                                                                                                          \
            }                                                                                                              \
            to[i * inner + k] = place;                                                                                     \
        }

/* Merge sort of indices by keys, from the bottom up, on runs made by insertion. Scratch: keys (8 bytes each), two index arrays. */
#define TJ_ARGSORT_AS(T)                                                                                                   \
    for (int64_t i = 0; i < outer; i++)                                                                                    \
        for (int64_t k = 0; k < inner; k++) {                                                                              \
            const T *from = (const T *)source + i * n * inner + k;                                                         \
            T *keys = (T *)w->scratch;                                                                                     \
            int64_t *now = (int64_t *)(w->scratch + 8 * n), *then = now + n;                                               \
            for (int64_t j = 0; j < n; j++) {                                                                              \
                keys[j] = from[j * inner];                                                                                 \
                now[j] = j;                                                                                                \
            }                                                                                                              \
            for (int64_t start = 0; start < n; start += RUN)                                                               \
                for (int64_t j = start + 1; j < n && j < start + RUN; j++) {                                               \
                    const int64_t moved = now[j];                                                                          \
                    int64_t place = j;                                                                                     \
                    for (; place > start && TJ_BEFORE(keys[moved], keys[now[place - 1]]); place--)                         \
                        now[place] = now[place - 1];                                                                       \
                    now[place] = moved;                                                                                    \
                }                                                                                                          \
            for (int64_t width = RUN; width < n; width *= 2) {                                                             \
                for (int64_t start = 0; start < n; start += 2 * width) {                                                   \
                    const int64_t middle = start + width < n ? start + width : n, end = middle + width < n ? middle + width : n; \
                    int64_t left = start, right = middle;                                                                  \
                    for (int64_t j = start; j < end; j++)                                                                  \
                        then[j] = left < middle && (right == end || !TJ_BEFORE(keys[now[right]], keys[now[left]]))         \
                            ? now[left++] : now[right++];                                                                  \
                }                                                                                                          \
                int64_t *const swap = now;                                                                                 \
                now = then;                                                                                                \
                then = swap;                                                                                               \
            }                                                                                                              \
            for (int64_t j = 0; j < n; j++)                                                                                \
                to[(i * n + j) * inner + k] = now[j];                                                                      \
        }

#define TJ_ORDER_AS(T)                                                                                                     \
    if (opcode == TJ_ARGSORT) TJ_ARGSORT_AS(T)                                                                             \
    else if (opcode == TJ_ARGMAX) TJ_EXTREMUM_AS(T, >)                                                                     \
    else TJ_EXTREMUM_AS(T, <)

void tj_order_run(tj_workspace *w, const uint64_t *ip) {
    enum { RUN = 16 };
    const uint32_t opcode = (uint32_t)ip[0];
    const int64_t outer = (int64_t)ip[2], n = (int64_t)ip[3], inner = (int64_t)ip[4];
    const void *source = address(w, ip + 5);
    int64_t *to = (int64_t *)address(w, ip + 7);
    if (outer == 0 || n == 0 || inner == 0)
        return;
    switch (ip[1]) {
    case TJ_BOOL: TJ_ORDER_AS(uint8_t) break;
    case TJ_I32: TJ_ORDER_AS(int32_t) break;
    case TJ_I64: TJ_ORDER_AS(int64_t) break;
    case TJ_F32: TJ_ORDER_AS(float) break;
    default: TJ_ORDER_AS(double)
    }
}
