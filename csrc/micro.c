/* The loops over blocks: one function per elementwise instruction, and the reductions, each compiled for the plain CPU and, on x86-64,
 * for AVX2 and AVX-512; the best is chosen when a program is loaded. The functions are in micro_body.h. */
#include "internal.h"

#include "math.h"

#if defined(__clang__)
#define TJ_NO_DEPENDENCE _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define TJ_NO_DEPENDENCE _Pragma("GCC ivdep")
#else
#define TJ_NO_DEPENDENCE
#endif

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define TJ_X86 1
#else
#define TJ_X86 0
#endif

/* How vector math functions are called where that differs from other functions. */
#if defined(__aarch64__)
#define TJ_VECTOR_CALL __attribute__((aarch64_vector_pcs))
#else
#define TJ_VECTOR_CALL
#endif

/* --- reductions: the neutral element and the operation of each kind and dtype; NaN wins a max or min ----------------------- */

#define TJ_ADDED(a, b) ((a) + (b))
#define TJ_MULTIPLIED(a, b) ((a) * (b))
#define TJ_LARGER(a, b) ((((b) > (a)) | ((b) != (b))) ? (b) : (a))
#define TJ_SMALLER(a, b) ((((b) < (a)) | ((b) != (b))) ? (b) : (a))
#define TJ_EITHER(a, b) (((a) | (b)) != 0)
#define TJ_BOTH(a, b) (((a) & (b)) != 0)

#define TJ_REDUCTIONS(X)                                                                                                  \
    X(SUM, i32, 0, TJ_ADDED) X(SUM, i64, 0, TJ_ADDED) X(SUM, f32, 0, TJ_ADDED) X(SUM, f64, 0, TJ_ADDED)                  \
    X(PROD, i32, 1, TJ_MULTIPLIED) X(PROD, i64, 1, TJ_MULTIPLIED) X(PROD, f32, 1, TJ_MULTIPLIED) X(PROD, f64, 1, TJ_MULTIPLIED) \
    X(MAX, bool, 0, TJ_EITHER) X(MAX, i32, INT32_MIN, TJ_LARGER) X(MAX, i64, INT64_MIN, TJ_LARGER)                       \
    X(MAX, f32, -INFINITY, TJ_LARGER) X(MAX, f64, -INFINITY, TJ_LARGER)                                                   \
    X(MIN, bool, 1, TJ_BOTH) X(MIN, i32, INT32_MAX, TJ_SMALLER) X(MIN, i64, INT64_MAX, TJ_SMALLER)                       \
    X(MIN, f32, INFINITY, TJ_SMALLER) X(MIN, f64, INFINITY, TJ_SMALLER)                                                   \
    X(ANY, bool, 0, TJ_EITHER) X(ALL, bool, 1, TJ_BOTH)

#define TJ_IDENTITY(kind, dtype, identity, op) static const TJ_T_##dtype identity_##kind##_##dtype = identity;
TJ_REDUCTIONS(TJ_IDENTITY)

#define TJ_CODE_bool TJ_BOOL
#define TJ_CODE_i32 TJ_I32
#define TJ_CODE_i64 TJ_I64
#define TJ_CODE_f32 TJ_F32
#define TJ_CODE_f64 TJ_F64

/* --- pairs of arithmetic steps ------------------------------------------------------------------------------------------------ */

#define TJ_EACH_FIRST(X) X(ADD, a + b) X(SUBTRACT, a - b) X(MULTIPLY, a * b) X(DIVIDE, a / b)
#define TJ_EACH_SECOND(X, first, value)                                                                                    \
    X(first, value, ADD, t + c) X(first, value, SUBTRACT, t - c) X(first, value, SUBTRACTED, c - t) X(first, value, MULTIPLY, t * c) \
    X(first, value, DIVIDE, t / c) X(first, value, DIVIDED, c / t) X(first, value, DOUBLE, t + t) X(first, value, SQUARE, t * t)

/* --- one copy of the functions per instruction set ------------------------------------------------------------------------- */

/* Vectors of each width, and the same at any address. */
#define TJ_VECTOR_TYPES(T, name, size)                                                                                     \
    typedef T name __attribute__((vector_size(size)));                                                                     \
    typedef T name##_unaligned __attribute__((vector_size(size), aligned(sizeof(T)), may_alias));

#if TJ_X86
TJ_VECTOR_TYPES(double, tj_f64x2, 16)
TJ_VECTOR_TYPES(double, tj_f64x4, 32)
TJ_VECTOR_TYPES(double, tj_f64x8, 64)
TJ_VECTOR_TYPES(float, tj_f32x4, 16)
TJ_VECTOR_TYPES(float, tj_f32x8, 32)
TJ_VECTOR_TYPES(float, tj_f32x16, 64)

#define TJ_LEVEL(name) name##_baseline
#define TJ_LEVEL_NAME "baseline"
#define TJ_VECTOR_f64 tj_f64x2
#define TJ_UNALIGNED_f64 tj_f64x2_unaligned
#define TJ_VECTOR_f32 tj_f32x4
#define TJ_UNALIGNED_f32 tj_f32x4_unaligned
#define TJ_CALL1_f64(name) _ZGVbN2v_##name
#define TJ_CALL2_f64(name) _ZGVbN2vv_##name
#define TJ_CALL1_f32(name) _ZGVbN4v_##name##f
#define TJ_CALL2_f32(name) _ZGVbN4vv_##name##f
#include "micro_body.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
#define TJ_LEVEL(name) name##_avx2
#define TJ_LEVEL_NAME "avx2"
#define TJ_VECTOR_f64 tj_f64x4
#define TJ_UNALIGNED_f64 tj_f64x4_unaligned
#define TJ_VECTOR_f32 tj_f32x8
#define TJ_UNALIGNED_f32 tj_f32x8_unaligned
#define TJ_CALL1_f64(name) _ZGVdN4v_##name
#define TJ_CALL2_f64(name) _ZGVdN4vv_##name
#define TJ_CALL1_f32(name) _ZGVdN8v_##name##f
#define TJ_CALL2_f32(name) _ZGVdN8vv_##name##f
#include "micro_body.h"
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,prefer-vector-width=512")
#endif
#define TJ_LEVEL(name) name##_avx512
#define TJ_LEVEL_NAME "avx512"
#define TJ_VECTOR_f64 tj_f64x8
#define TJ_UNALIGNED_f64 tj_f64x8_unaligned
#define TJ_VECTOR_f32 tj_f32x16
#define TJ_UNALIGNED_f32 tj_f32x16_unaligned
#define TJ_CALL1_f64(name) _ZGVeN8v_##name
#define TJ_CALL2_f64(name) _ZGVeN8vv_##name
#define TJ_CALL1_f32(name) _ZGVeN16v_##name##f
#define TJ_CALL2_f32(name) _ZGVeN16vv_##name##f
#include "micro_body.h"
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const tj_simd_table *tj_simd_choose(uint64_t limit) {
    if ((limit == 0 || limit >= 3) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        return &table_avx512;
    return limit != 1 && __builtin_cpu_supports("avx2") ? &table_avx2 : &table_baseline;
}

#else

#if defined(__aarch64__) && (defined(__GNUC__) || defined(__clang__))
TJ_VECTOR_TYPES(double, tj_f64x2, 16)
TJ_VECTOR_TYPES(float, tj_f32x4, 16)
#define TJ_VECTOR_f64 tj_f64x2
#define TJ_UNALIGNED_f64 tj_f64x2_unaligned
#define TJ_VECTOR_f32 tj_f32x4
#define TJ_UNALIGNED_f32 tj_f32x4_unaligned
#define TJ_CALL1_f64(name) _ZGVnN2v_##name
#define TJ_CALL2_f64(name) _ZGVnN2vv_##name
#define TJ_CALL1_f32(name) _ZGVnN4v_##name##f
#define TJ_CALL2_f32(name) _ZGVnN4vv_##name##f
#endif
#define TJ_LEVEL(name) name##_baseline
#define TJ_LEVEL_NAME "baseline"
#include "micro_body.h"

const tj_simd_table *tj_simd_choose(uint64_t limit) {
    (void)limit;
    return &table_baseline;
}

#endif
