/* Joins pairs of steps of a loop: where the result of one has a single use in another, and there is a function for both together, they
 * become one step, and the value between them stays in a CPU register. Arithmetic joins with arithmetic, a product or a change of sign
 * with the vector function of it, a vector function with a product or sum of it. Values do not change. Part of planning a loop; read plan.c first. */
#include "internal.h"

enum { WINDOW = 32, NOT_ARITHMETIC = -1 };    /* WINDOW: how many steps ahead the use of a result is looked for */

/* The operation (a TJ_FIRST_ code) of an opcode, and whether it is for f64. */
static int arithmetic(uint32_t opcode, int *is_f64) {
    switch (opcode) {
    case TJ_add_f32: *is_f64 = 0; return TJ_FIRST_ADD;
    case TJ_add_f64: *is_f64 = 1; return TJ_FIRST_ADD;
    case TJ_subtract_f32: *is_f64 = 0; return TJ_FIRST_SUBTRACT;
    case TJ_subtract_f64: *is_f64 = 1; return TJ_FIRST_SUBTRACT;
    case TJ_multiply_f32: *is_f64 = 0; return TJ_FIRST_MULTIPLY;
    case TJ_multiply_f64: *is_f64 = 1; return TJ_FIRST_MULTIPLY;
    case TJ_divide_f32: *is_f64 = 0; return TJ_FIRST_DIVIDE;
    case TJ_divide_f64: *is_f64 = 1; return TJ_FIRST_DIVIDE;
    default: return NOT_ARITHMETIC;
    }
}

static uint32_t opcode_of(uint64_t word) { return word & 0xffff; }
static uint32_t target_of(uint64_t word) { return word >> 16 & 0xfff; }

/* What `operation` makes of t as its operand a, as b, or as both. */
static int second_of(int operation, int t_is_a, int t_is_b) {
    const int both = t_is_a && t_is_b;
    switch (operation) {
    case TJ_FIRST_ADD: return both ? TJ_SECOND_DOUBLE : TJ_SECOND_ADD;
    case TJ_FIRST_MULTIPLY: return both ? TJ_SECOND_SQUARE : TJ_SECOND_MULTIPLY;
    case TJ_FIRST_SUBTRACT: return both ? TJ_SECONDS : t_is_a ? TJ_SECOND_SUBTRACT : TJ_SECOND_SUBTRACTED;
    default: return both ? TJ_SECONDS : t_is_a ? TJ_SECOND_DIVIDE : TJ_SECOND_DIVIDED;
    }
}

/* A step that has taken in another is not joined again: its function is no longer that of its opcode. */
static int is_plain(const tj_loop *loop, const uint64_t *words, uint32_t k, const tj_simd_table *simd) {
    return loop->steps[k].function == simd->micros[opcode_of(words[k]) - TJ_FIRST_ELEMENTWISE];
}

/* The one step for `opcode` with operands from_a and from_b and, on its result t, `user`; without a function when there is none. */
static tj_step joined(uint32_t opcode, const tj_step *step, uint32_t user_opcode, const tj_step *user, int t_is_a, int t_is_b,
                      const tj_simd_table *simd) {
    const tj_joined *vector = &simd->joined[opcode - TJ_FIRST_ELEMENTWISE];
    const tj_joined *user_vector = &simd->joined[user_opcode - TJ_FIRST_ELEMENTWISE];
    const uint16_t other = t_is_a && t_is_b ? user->dst : t_is_a ? user->b : user->a;
    int is_f64 = 0, user_is_f64 = 0;
    const int first = arithmetic(opcode, &is_f64), operation = arithmetic(user_opcode, &user_is_f64);
    tj_step result = {NULL, user->dst, step->a, step->b, other};
    if (first != NOT_ARITHMETIC && operation != NOT_ARITHMETIC) {
        const int second = second_of(operation, t_is_a, t_is_b);
        if (second != TJ_SECONDS)
            result.function = simd->pairs[first][second][is_f64];
    } else if (first == TJ_FIRST_MULTIPLY && user_vector->product) {
        result.function = user_vector->product;
        result.c = user->dst;
    } else if ((opcode == TJ_negative_f64 || opcode == TJ_negative_f32) && user_vector->negated) {
        result.function = user_vector->negated;
        result.b = result.c = user->dst;
    } else if (vector->times && (operation == TJ_FIRST_MULTIPLY || operation == TJ_FIRST_ADD) && !(t_is_a && t_is_b)) {
        result.function = operation == TJ_FIRST_MULTIPLY ? vector->times : vector->plus;
        result.b = other;
        result.c = user->dst;
    }
    return result;
}

/* Joins step k to the step that uses its result, and returns 1, when that leaves every value as it is. */
static int join(tj_loop *loop, const uint64_t *words, uint32_t k, const tj_simd_table *simd) {
    const uint32_t slot = loop->n_inputs + k, from_a = words[k] >> 28 & 0xfff, from_b = words[k] >> 40 & 0xfff;
    const int operands = tj_ops[opcode_of(words[k]) - TJ_FIRST_ELEMENTWISE].arity;
    if (loop->uses[k] == 0 || loop->uses[k] > 2 || operands > 2)
        return 0;
    for (uint32_t j = k + 1; j < loop->n_results && j <= k + WINDOW; j++) {
        tj_step *user = &loop->steps[j];
        const int t_is_a = user->a == slot, t_is_b = user->b == slot;
        if (t_is_a || t_is_b || user->c == slot) {
            if (!is_plain(loop, words, j, simd) || user->c == slot || t_is_a + t_is_b != loop->uses[k])
                return 0;
            const tj_step result = joined(opcode_of(words[k]), &loop->steps[k], opcode_of(words[j]), user, t_is_a, t_is_b, simd);
            if (result.function)
                *user = result;
            return result.function != NULL;
        }
        /* The operands of step k are read later now: nothing may have taken their registers. */
        if (target_of(words[j]) == from_a || (operands == 2 && target_of(words[j]) == from_b))
            return 0;
    }
    return 0;
}

void tj_join_steps(tj_loop *loop, const uint64_t *words, const tj_simd_table *simd) {
    for (uint32_t k = 0; k < loop->n_results; k++) {
        const tj_op *op = &tj_ops[opcode_of(words[k]) - TJ_FIRST_ELEMENTWISE];
        const uint16_t operands[3] = {loop->steps[k].a, loop->steps[k].b, loop->steps[k].c};
        for (int j = 0; j < op->arity; j++)
            if (operands[j] >= loop->n_inputs && loop->uses[operands[j] - loop->n_inputs] < UINT16_MAX)
                loop->uses[operands[j] - loop->n_inputs]++;
    }
    for (uint32_t k = 0; k < loop->n_outputs; k++)
        if (loop->outputs[k].memory >= loop->n_inputs)
            loop->uses[loop->outputs[k].memory - loop->n_inputs] = UINT16_MAX;
    for (uint32_t k = 0; k < loop->n_results; k++)
        if (is_plain(loop, words, k, simd) && join(loop, words, k, simd))
            loop->steps[k].function = NULL;
    uint32_t kept = 0;
    for (uint32_t k = 0; k < loop->n_results; k++)
        if (loop->steps[k].function)
            loop->steps[kept++] = loop->steps[k];
    loop->n_steps = kept;
}
