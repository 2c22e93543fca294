/* The dispatch loop: executes instructions from `ip` until the segment ends or has to stop. Scalar instructions are worked off here,
 * from slot to slot, by threaded code where the compiler has computed goto; the others are calls. */
#include "internal.h"

#include <string.h>

#include "math.h"

static int guard_holds(const tj_workspace *w, const uint64_t *ip) {
    const uint8_t *found = w->base[ip[3]] + ip[4], *expected = w->base[0] + ip[5];
    switch (ip[2]) {
    case 1: return *found == *expected;
    case 8: return memcmp(found, expected, 8) == 0;
    default: return memcmp(found, expected, ip[2]) == 0;
    }
}

static int stop(tj_workspace *w, const uint64_t *ip, int64_t number, int status) {
    w->detail[0] = number;
    w->detail[1] = ip - w->program->code;
    return status;
}

#if defined(__GNUC__) || defined(__clang__)
#define TJ_CASE(name) label_##name:
#define TJ_NEXT(length) { ip += (length); goto *labels[(uint32_t)*ip]; }
#define TJ_LABELS 1
#else
#define TJ_CASE(name) case TJ_##name:
#define TJ_NEXT(length) { ip += (length); continue; }
#define TJ_LABELS 0
#endif

#define TJ_SLOT(dtype, number) (*(TJ_T_##dtype *)(arena + 8 * (size_t)(number)))
#define TJ_D (ip[0] >> 32)
#define TJ_A (uint32_t)ip[1]
#define TJ_B (ip[1] >> 32)
#define TJ_C ip[2]

#define TJ_OP1(name, first, dtype, result, expr, text, kind, vector) TJ_CASE(name##_##dtype) {                            \
        const TJ_T_##dtype x = TJ_SLOT(dtype, TJ_A);                                                                      \
        TJ_SLOT(result, TJ_D) = TJ_AS_##result(expr); }                                                                   \
        TJ_NEXT(2)
#define TJ_OP2(name, first, dtype, result, expr, text, kind, vector) TJ_CASE(name##_##dtype) {                            \
        const TJ_T_##first a = TJ_SLOT(first, TJ_A);                                                                      \
        const TJ_T_##dtype b = TJ_SLOT(dtype, TJ_B);                                                                      \
        TJ_SLOT(result, TJ_D) = TJ_AS_##result(expr); }                                                                   \
        TJ_NEXT(2)
#define TJ_OP3(name, first, dtype, result, expr, text, kind, vector) TJ_CASE(name##_##dtype) {                            \
        const TJ_T_##first a = TJ_SLOT(first, TJ_A);                                                                      \
        const TJ_T_##dtype b = TJ_SLOT(dtype, TJ_B), c = TJ_SLOT(dtype, TJ_C);                                            \
        TJ_SLOT(result, TJ_D) = TJ_AS_##result(expr); }                                                                   \
        TJ_NEXT(3)

int tj_execute(tj_workspace *w, const uint64_t *ip) {
    uint8_t *const arena = w->base[0];
#if TJ_LABELS
#define TJ_LABEL(name) [TJ_##name] = &&label_##name
    static const void *const labels[TJ_OPCODES] = {
        TJ_LABEL(END), TJ_LABEL(GUARD_EQUAL), TJ_LABEL(HOST_CALL), TJ_LABEL(LOOP), TJ_LABEL(LOAD1), TJ_LABEL(LOAD4), TJ_LABEL(LOAD8),
        TJ_LABEL(STORE1), TJ_LABEL(STORE4), TJ_LABEL(STORE8), TJ_LABEL(MATMUL), TJ_LABEL(TAKE), TJ_LABEL(TAKE_SET), TJ_LABEL(TAKE_ADD),
        TJ_LABEL(CUMSUM), TJ_LABEL(CUMPROD), TJ_LABEL(ARGSORT), TJ_LABEL(ARGMAX), TJ_LABEL(ARGMIN), TJ_LABEL(TILES),
        TJ_LABEL(MULTIPLY_ADD), TJ_LABEL(MULTIPLY_SUBTRACT), TJ_LABEL(SUBTRACT_PRODUCT),
#define TJ_ROW(name, first, dtype, result, expr, text, kind, vector) TJ_LABEL(name##_##dtype),
#pragma push_macro("TJ_OP1")
#pragma push_macro("TJ_OP2")
#pragma push_macro("TJ_OP3")
#undef TJ_OP1
#undef TJ_OP2
#undef TJ_OP3
#define TJ_OP1 TJ_ROW
#define TJ_OP2 TJ_ROW
#define TJ_OP3 TJ_ROW
#include "generated/ops.def"
#pragma pop_macro("TJ_OP1")
#pragma pop_macro("TJ_OP2")
#pragma pop_macro("TJ_OP3")
    };
    TJ_NEXT(0)
#else
    for (;;) switch ((uint32_t)*ip) {
#endif

    TJ_CASE(END) return TJ_DONE;
    TJ_CASE(GUARD_EQUAL) if (TJ_UNLIKELY(!guard_holds(w, ip))) return stop(w, ip, (uint32_t)ip[1], TJ_GUARD);
        TJ_NEXT(6)
    TJ_CASE(HOST_CALL) w->resume = ip + 2;
        return stop(w, ip, (uint32_t)ip[1], TJ_HOST);
    TJ_CASE(LOOP) tj_loop_run(w, w->program->loops[ip[1]]);
        TJ_NEXT(TJ_D)
    TJ_CASE(LOAD1) TJ_SLOT(bool, TJ_D) = w->base[ip[1]][ip[2]];
        TJ_NEXT(3)
    TJ_CASE(LOAD4) TJ_SLOT(i32, TJ_D) = *(int32_t *)(w->base[ip[1]] + ip[2]);
        TJ_NEXT(3)
    TJ_CASE(LOAD8) TJ_SLOT(i64, TJ_D) = *(int64_t *)(w->base[ip[1]] + ip[2]);
        TJ_NEXT(3)
    TJ_CASE(STORE1) w->base[ip[1]][ip[2]] = TJ_SLOT(bool, TJ_D);
        TJ_NEXT(3)
    TJ_CASE(STORE4) *(int32_t *)(w->base[ip[1]] + ip[2]) = TJ_SLOT(i32, TJ_D);
        TJ_NEXT(3)
    TJ_CASE(STORE8) *(int64_t *)(w->base[ip[1]] + ip[2]) = TJ_SLOT(i64, TJ_D);
        TJ_NEXT(3)
    TJ_CASE(MATMUL) tj_matmul_run(w, ip);
        TJ_NEXT(TJ_D)
    TJ_CASE(TAKE) TJ_CASE(TAKE_SET) TJ_CASE(TAKE_ADD) {
        const int status = tj_take_run(w, ip);
        if (TJ_UNLIKELY(status != TJ_DONE))
            return status;
    }
        TJ_NEXT(12)
    TJ_CASE(CUMSUM) TJ_CASE(CUMPROD) tj_scan_run(w, ip);
        TJ_NEXT(9)
    TJ_CASE(ARGSORT) TJ_CASE(ARGMAX) TJ_CASE(ARGMIN) tj_order_run(w, ip);
        TJ_NEXT(9)
    TJ_CASE(TILES) {
        const int status = tj_region_run(w, w->program->regions[ip[1]]);
        if (TJ_UNLIKELY(status != TJ_DONE))
            return status;
    }
        TJ_NEXT(TJ_D)
    TJ_CASE(MULTIPLY_ADD) TJ_SLOT(f64, TJ_D) = TJ_SLOT(f64, TJ_A) * TJ_SLOT(f64, TJ_B) + TJ_SLOT(f64, TJ_C);
        TJ_NEXT(3)
    TJ_CASE(MULTIPLY_SUBTRACT) TJ_SLOT(f64, TJ_D) = TJ_SLOT(f64, TJ_A) * TJ_SLOT(f64, TJ_B) - TJ_SLOT(f64, TJ_C);
        TJ_NEXT(3)
    TJ_CASE(SUBTRACT_PRODUCT) TJ_SLOT(f64, TJ_D) = TJ_SLOT(f64, TJ_C) - TJ_SLOT(f64, TJ_A) * TJ_SLOT(f64, TJ_B);
        TJ_NEXT(3)
#include "generated/ops.def"

#if !TJ_LABELS
    }
#endif
}
