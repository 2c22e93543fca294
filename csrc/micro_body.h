/* The functions of one instruction set; included by micro.c with TJ_LEVEL, TJ_LEVEL_NAME, TJ_VECTOR_* and TJ_CALL* defined, which
 * are undefined again at the end. No include guard: it is included once per instruction set. */

/* --- vector math: declarations, and a loop that hands over whole vectors; the last one is filled up ------------------------- */

#define TJ_DECLARE1_PLAIN(dtype, vector)
#define TJ_DECLARE2_PLAIN(dtype, vector)
#define TJ_DECLARE1_VECTOR(dtype, vector) TJ_VECTOR_CALL TJ_VECTOR_##dtype TJ_CALL1_##dtype(vector)(TJ_VECTOR_##dtype);
#define TJ_DECLARE2_VECTOR(dtype, vector) TJ_VECTOR_CALL TJ_VECTOR_##dtype TJ_CALL2_##dtype(vector)(TJ_VECTOR_##dtype, TJ_VECTOR_##dtype);
#define TJ_DECLARE1_WIDE(dtype, vector) TJ_DECLARE1_VECTOR(f64, vector)
#define TJ_OP1(name, first, dtype, result, expr, text, kind, vector) TJ_DECLARE1_##kind(dtype, vector)
#define TJ_OP2(name, first, dtype, result, expr, text, kind, vector) TJ_DECLARE2_##kind(dtype, vector)
#define TJ_OP3(name, first, dtype, result, expr, text, kind, vector)
#include "generated/ops.def"
#undef TJ_OP1
#undef TJ_OP2
#undef TJ_OP3

#define TJ_LOAD(dtype, pointer) (*(const TJ_UNALIGNED_##dtype *)(pointer))
#define TJ_VECTOR_LOOP(function, dtype, value, finish)                                                                    \
    static void TJ_LEVEL(function)(void *dst_, const void *a_, const void *b_, const void *c_, size_t n) {                \
        enum { LANES = sizeof(TJ_VECTOR_##dtype) / sizeof(TJ_T_##dtype) };                                                \
        TJ_T_##dtype *dst = dst_, last_a[LANES], last_b[LANES];                                                           \
        const TJ_T_##dtype *a = a_, *b = b_;                                                                              \
        size_t left = n;                                                                                                  \
        (void)c_;                                                                                                         \
        for (; left >= LANES; left -= LANES, a += LANES, b += LANES, dst += LANES) {                                      \
            TJ_VECTOR_##dtype y = value;                                                                                  \
            finish;                                                                                                       \
            *(TJ_UNALIGNED_##dtype *)dst = y;                                                                             \
        }                                                                                                                 \
        if (left) {                                                                                                       \
            for (size_t j = 0; j < LANES; j++) {                                                                          \
                last_a[j] = a[j < left ? j : 0];                                                                          \
                last_b[j] = b[j < left ? j : 0];                                                                          \
            }                                                                                                             \
            a = last_a, b = last_b;                                                                                       \
            TJ_VECTOR_##dtype y = value;                                                                                  \
            finish;                                                                                                       \
            for (size_t j = 0; j < left; j++)                                                                             \
                dst[j] = y[j];                                                                                            \
        }                                                                                                                 \
    }

/* A function of one operand also comes with a product or a change of sign before it, or a product or sum behind it (see join.c). */
#define TJ_VECTOR1(name, first, dtype, result, expr, vector)                                                              \
    TJ_VECTOR_LOOP(name##_##dtype, dtype, TJ_CALL1_##dtype(vector)(TJ_LOAD(dtype, a)), (void)b)                           \
    TJ_VECTOR_LOOP(product_##name##_##dtype, dtype, TJ_CALL1_##dtype(vector)(TJ_LOAD(dtype, a) * TJ_LOAD(dtype, b)), (void)b) \
    TJ_VECTOR_LOOP(negated_##name##_##dtype, dtype, TJ_CALL1_##dtype(vector)(-TJ_LOAD(dtype, a)), (void)b)                \
    TJ_VECTOR_LOOP(name##_##dtype##_times, dtype, TJ_CALL1_##dtype(vector)(TJ_LOAD(dtype, a)), y = y * TJ_LOAD(dtype, b)) \
    TJ_VECTOR_LOOP(name##_##dtype##_plus, dtype, TJ_CALL1_##dtype(vector)(TJ_LOAD(dtype, a)), y = y + TJ_LOAD(dtype, b))
#define TJ_VECTOR2(name, first, dtype, result, expr, vector)                                                              \
    TJ_VECTOR_LOOP(name##_##dtype, dtype, TJ_CALL2_##dtype(vector)(TJ_LOAD(dtype, a), TJ_LOAD(dtype, b)), (void)b)

/* Floats through the function for doubles, a few vectors at a time. */
#define TJ_WIDE1(name, first, dtype, result, expr, vector)                                                                \
    static void TJ_LEVEL(name##_##dtype)(void *dst_, const void *a_, const void *b_, const void *c_, size_t n) {          \
        enum { LANES = sizeof(TJ_VECTOR_f64) / sizeof(double), PIECE = 64 };                                              \
        float *dst = dst_;                                                                                                \
        const float *a = a_;                                                                                              \
        (void)b_, (void)c_;                                                                                               \
        for (size_t k = 0; k < n; k += PIECE) {                                                                           \
            const size_t left = n - k < PIECE ? n - k : PIECE;                                                            \
            double wide[PIECE];                                                                                           \
            for (size_t j = 0; j < left; j++)                                                                             \
                wide[j] = a[k + j];                                                                                       \
            for (size_t j = left; j % LANES; j++)                                                                         \
                wide[j] = a[k];                                                                                           \
            for (size_t j = 0; j < left; j += LANES) {                                                                    \
                TJ_VECTOR_f64 x = TJ_LOAD(f64, wide + j);                                                                 \
                *(TJ_UNALIGNED_f64 *)(wide + j) = TJ_CALL1_f64(vector)(x);                                                \
            }                                                                                                             \
            for (size_t j = 0; j < left; j++)                                                                             \
                dst[k + j] = (float)wide[j];                                                                              \
        }                                                                                                                 \
    }

/* --- plain loops over the C expression of the row --------------------------------------------------------------------------- */

#define TJ_PLAIN1(name, first, dtype, result, expr, vector)                                                               \
    static void TJ_LEVEL(name##_##dtype)(void *dst_, const void *a_, const void *b_, const void *c_, size_t n) {          \
        TJ_T_##result *dst = dst_;                                                                                        \
        const TJ_T_##dtype *x_ = a_;                                                                                      \
        (void)b_, (void)c_;                                                                                               \
        TJ_NO_DEPENDENCE                                                                                                  \
        for (size_t k = 0; k < n; k++) {                                                                                  \
            const TJ_T_##dtype x = x_[k];                                                                                 \
            dst[k] = TJ_AS_##result(expr);                                                                                \
        }                                                                                                                 \
    }

#define TJ_PLAIN2(name, first, dtype, result, expr, vector)                                                               \
    static void TJ_LEVEL(name##_##dtype)(void *dst_, const void *a_, const void *b_, const void *c_, size_t n) {          \
        TJ_T_##result *dst = dst_;                                                                                        \
        const TJ_T_##first *from_a = a_;                                                                                  \
        const TJ_T_##dtype *from_b = b_;                                                                                  \
        (void)c_;                                                                                                         \
        TJ_NO_DEPENDENCE                                                                                                  \
        for (size_t k = 0; k < n; k++) {                                                                                  \
            const TJ_T_##first a = from_a[k];                                                                             \
            const TJ_T_##dtype b = from_b[k];                                                                             \
            dst[k] = TJ_AS_##result(expr);                                                                                \
        }                                                                                                                 \
    }

#define TJ_PLAIN3(name, first, dtype, result, expr, vector)                                                               \
    static void TJ_LEVEL(name##_##dtype)(void *dst_, const void *a_, const void *b_, const void *c_, size_t n) {          \
        TJ_T_##result *dst = dst_;                                                                                        \
        const TJ_T_##first *from_a = a_;                                                                                  \
        const TJ_T_##dtype *from_b = b_, *from_c = c_;                                                                    \
        TJ_NO_DEPENDENCE                                                                                                  \
        for (size_t k = 0; k < n; k++) {                                                                                  \
            const TJ_T_##first a = from_a[k];                                                                             \
            const TJ_T_##dtype b = from_b[k], c = from_c[k];                                                              \
            dst[k] = TJ_AS_##result(expr);                                                                                \
        }                                                                                                                 \
    }

#define TJ_OP1(name, first, dtype, result, expr, text, kind, vector) TJ_##kind##1(name, first, dtype, result, expr, vector)
#define TJ_OP2(name, first, dtype, result, expr, text, kind, vector) TJ_##kind##2(name, first, dtype, result, expr, vector)
#define TJ_OP3(name, first, dtype, result, expr, text, kind, vector) TJ_##kind##3(name, first, dtype, result, expr, vector)
#include "generated/ops.def"
#undef TJ_OP1
#undef TJ_OP2
#undef TJ_OP3

/* --- pairs of arithmetic steps; the ones without c are given the result's own memory for it ----------------------------------- */

#define TJ_PAIR_AS(dtype, first, value, second, result)                                                                   \
    static void TJ_LEVEL(pair_##first##_##second##_##dtype)(void *dst_, const void *a_, const void *b_, const void *c_, size_t n) { \
        TJ_T_##dtype *dst = dst_;                                                                                         \
        const TJ_T_##dtype *from_a = a_, *from_b = b_, *from_c = c_;                                                      \
        TJ_NO_DEPENDENCE                                                                                                  \
        for (size_t k = 0; k < n; k++) {                                                                                  \
            const TJ_T_##dtype a = from_a[k], b = from_b[k], c = from_c[k], t = value;                                    \
            (void)c;                                                                                                      \
            dst[k] = result;                                                                                              \
        }                                                                                                                 \
    }
#define TJ_PAIR(first, value, second, result) TJ_PAIR_AS(f32, first, value, second, result) TJ_PAIR_AS(f64, first, value, second, result)
#define TJ_PAIRS_OF(first, value) TJ_EACH_SECOND(TJ_PAIR, first, value)
TJ_EACH_FIRST(TJ_PAIRS_OF)
#undef TJ_PAIR_AS
#undef TJ_PAIR
#undef TJ_PAIRS_OF

/* --- reductions: short rows one after the other, long ones with LANES running results, which are joined pairwise ------------------ */

#define TJ_REDUCTION(kind, dtype, identity, op)                                                                           \
    static void TJ_LEVEL(reduce_##kind##_##dtype)(void *result, const void *source, size_t rows, size_t n) {              \
        enum { LANES = 32 };                                                                                              \
        TJ_T_##dtype *to = result, lane[LANES];                                                                           \
        const TJ_T_##dtype *from = source;                                                                                \
        if (n < LANES) {                                                                                                  \
            for (; rows > 0; rows--, from += n) {                                                                         \
                TJ_T_##dtype total = from[0];                                                                             \
                for (size_t k = 1; k < n; k++)                                                                            \
                    total = op(total, from[k]);                                                                           \
                *to++ = total;                                                                                            \
            }                                                                                                             \
            return;                                                                                                       \
        }                                                                                                                 \
        for (; rows > 0; rows--, from += n) {                                                                             \
            size_t k = LANES;                                                                                             \
            for (size_t j = 0; j < LANES; j++)                                                                            \
                lane[j] = from[j];                                                                                        \
            for (; k + LANES <= n; k += LANES)                                                                            \
                for (size_t j = 0; j < LANES; j++)                                                                        \
                    lane[j] = op(lane[j], from[k + j]);                                                                   \
            for (size_t j = 0; k + j < n; j++)                                                                            \
                lane[j] = op(lane[j], from[k + j]);                                                                       \
            for (size_t width = LANES / 2; width > 0; width /= 2)                                                         \
                for (size_t j = 0; j < width; j++)                                                                        \
                    lane[j] = op(lane[j], lane[j + width]);                                                               \
            *to++ = lane[0];                                                                                              \
        }                                                                                                                 \
    }                                                                                                                     \
    static void TJ_LEVEL(fold_##kind##_##dtype)(void *dst_, const void *a_, const void *b_, size_t n) {                   \
        TJ_T_##dtype *dst = dst_;                                                                                         \
        const TJ_T_##dtype *a = a_, *b = b_;                                                                              \
        TJ_NO_DEPENDENCE                                                                                                  \
        for (size_t k = 0; k < n; k++)                                                                                    \
            dst[k] = op(a[k], b[k]);                                                                                      \
    }
TJ_REDUCTIONS(TJ_REDUCTION)
#undef TJ_REDUCTION

/* --- the tables --------------------------------------------------------------------------------------------------------------- */

#define TJ_OP1(name, first, dtype, result, expr, text, kind, vector) TJ_LEVEL(name##_##dtype),
#define TJ_OP2 TJ_OP1
#define TJ_OP3 TJ_OP1
static const tj_micro TJ_LEVEL(micros)[] = {
#include "generated/ops.def"
};
#undef TJ_OP1
#undef TJ_OP2
#undef TJ_OP3

#define TJ_ENTRY(kind, dtype, identity, op)                                                                               \
    [TJ_KIND_##kind][TJ_CODE_##dtype] = {TJ_LEVEL(reduce_##kind##_##dtype), TJ_LEVEL(fold_##kind##_##dtype), &identity_##kind##_##dtype},
#define TJ_ADD_ENTRY(dtype)                                                                                               \
    [TJ_KIND_ADD][TJ_CODE_##dtype] = {TJ_LEVEL(reduce_SUM_##dtype), TJ_LEVEL(fold_SUM_##dtype), &identity_SUM_##dtype},
static const tj_reducer TJ_LEVEL(reducers)[TJ_KINDS][TJ_DTYPES] = {
    TJ_REDUCTIONS(TJ_ENTRY) TJ_ADD_ENTRY(i32) TJ_ADD_ENTRY(i64) TJ_ADD_ENTRY(f32) TJ_ADD_ENTRY(f64)};
#undef TJ_ENTRY
#undef TJ_ADD_ENTRY

#define TJ_JOINED_PLAIN(name, dtype) {NULL, NULL, NULL, NULL},
#define TJ_JOINED_WIDE TJ_JOINED_PLAIN
#define TJ_JOINED_VECTOR(name, dtype)                                                                                     \
    {TJ_LEVEL(product_##name##_##dtype), TJ_LEVEL(negated_##name##_##dtype), TJ_LEVEL(name##_##dtype##_times), TJ_LEVEL(name##_##dtype##_plus)},
#define TJ_OP1(name, first, dtype, result, expr, text, kind, vector) TJ_JOINED_##kind(name, dtype)
#define TJ_OP2(name, first, dtype, result, expr, text, kind, vector) {NULL, NULL, NULL, NULL},
#define TJ_OP3 TJ_OP2
static const tj_joined TJ_LEVEL(joined)[] = {
#include "generated/ops.def"
};
#undef TJ_OP1
#undef TJ_OP2
#undef TJ_OP3
#undef TJ_JOINED_PLAIN
#undef TJ_JOINED_WIDE
#undef TJ_JOINED_VECTOR

#define TJ_PAIR_ENTRY(first, value, second, result)                                                                       \
    [TJ_FIRST_##first][TJ_SECOND_##second] = {TJ_LEVEL(pair_##first##_##second##_f32), TJ_LEVEL(pair_##first##_##second##_f64)},
#define TJ_PAIR_ENTRIES(first, value) TJ_EACH_SECOND(TJ_PAIR_ENTRY, first, value)
static const tj_micro TJ_LEVEL(pairs)[TJ_FIRSTS][TJ_SECONDS][2] = {TJ_EACH_FIRST(TJ_PAIR_ENTRIES)};
#undef TJ_PAIR_ENTRY
#undef TJ_PAIR_ENTRIES

static const tj_simd_table TJ_LEVEL(table) = {TJ_LEVEL_NAME, TJ_LEVEL(pairs), TJ_LEVEL(joined), TJ_LEVEL(micros), TJ_LEVEL(reducers)};

#undef TJ_LEVEL
#undef TJ_LEVEL_NAME
#undef TJ_VECTOR_f64
#undef TJ_UNALIGNED_f64
#undef TJ_UNALIGNED_f32
#undef TJ_LOAD
#undef TJ_VECTOR_LOOP
#undef TJ_VECTOR_f32
#undef TJ_CALL1_f64
#undef TJ_CALL2_f64
#undef TJ_CALL1_f32
#undef TJ_CALL2_f32
#undef TJ_DECLARE1_PLAIN
#undef TJ_DECLARE2_PLAIN
#undef TJ_DECLARE1_VECTOR
#undef TJ_DECLARE2_VECTOR
#undef TJ_DECLARE1_WIDE
#undef TJ_VECTOR1
#undef TJ_VECTOR2
#undef TJ_WIDE1
#undef TJ_PLAIN1
#undef TJ_PLAIN2
#undef TJ_PLAIN3
