/* Matrix products. Small ones and those of integers are three C loops; large ones go to BLAS, when the program was given its functions.
 * BLAS wants one stride of each matrix to be 1: a matrix that has none is packed first. BLAS sees matrices by columns, so the product
 * out = a @ b of matrices by rows is asked for as out' = b' @ a'. */
#include "internal.h"

#include <limits.h>

enum { SMALL = 1024 };                        /* m * n * k up to which the call of BLAS costs more than it saves */

typedef struct { uint8_t *data; int64_t row_stride, column_stride; } matrix;

#define TJ_PRODUCT_AS(T)                                                                                                   \
    for (int64_t i = 0; i < m; i++)                                                                                        \
        for (int64_t j = 0; j < n; j++) {                                                                                  \
            const uint8_t *in_a = a.data + i * a.row_stride, *in_b = b.data + j * b.column_stride;                         \
            T *const place = (T *)(out.data + i * out.row_stride + j * out.column_stride), start = adds ? *place : 0;       \
            T total = 0;                                                                                                   \
            for (int64_t l = 0; l < k; l++)                                                                                \
                total += *(const T *)(in_a + l * a.column_stride) * *(const T *)(in_b + l * b.row_stride);                 \
            *place = start + total;                                                                                        \
        }

/* A row of the product at a time, so that the inner loop runs along rows of b. */
#define TJ_ROW_PRODUCT_AS(T)                                                                                               \
    for (int64_t i = 0; i < m; i++) {                                                                                      \
        T *row = (T *)(out.data + i * out.row_stride);                                                                     \
        for (int64_t j = 0; j < n && !adds; j++)                                                                           \
            row[j] = 0;                                                                                                    \
        for (int64_t l = 0; l < k; l++) {                                                                                  \
            const T factor = *(const T *)(a.data + i * a.row_stride + l * a.column_stride);                                \
            const T *from = (const T *)(b.data + l * b.row_stride);                                                        \
            for (int64_t j = 0; j < n; j++)                                                                                \
                row[j] += factor * from[j];                                                                                \
        }                                                                                                                  \
    }

#define TJ_EITHER_PRODUCT_AS(T)                                                                                            \
    if (n > 1 && out.column_stride == (int64_t)sizeof(T) && b.column_stride == (int64_t)sizeof(T)) TJ_ROW_PRODUCT_AS(T)    \
    else TJ_PRODUCT_AS(T)

static void plain_product(uint64_t dtype, int adds, int64_t m, int64_t n, int64_t k, matrix a, matrix b, matrix out) {
    switch (dtype) {
    case TJ_I32: TJ_EITHER_PRODUCT_AS(int32_t) break;
    case TJ_I64: TJ_EITHER_PRODUCT_AS(int64_t) break;
    case TJ_F32: TJ_EITHER_PRODUCT_AS(float) break;
    default: TJ_EITHER_PRODUCT_AS(double)
    }
}

/* --- BLAS ------------------------------------------------------------------------------------------------------------------- */

/* The leading dimension of a (rows, columns) matrix that has a row stride of whole rows and a column stride of 1; 0 if it has not. */
static int64_t leading(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride, int64_t size) {
    if (columns > 1 && column_stride != size)
        return 0;
    if (rows <= 1)
        return columns > 0 ? columns : 1;
    return row_stride >= columns * size && row_stride / size <= INT_MAX ? row_stride / size : 0;
}

/* How BLAS may read or write a matrix: its leading dimension, with *transposed set when it lies by columns; 0 when it must be packed. */
static int64_t layout(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride, int64_t size, int *transposed) {
    *transposed = 0;
    int64_t dimension = leading(rows, columns, row_stride, column_stride, size);
    if (!dimension) {
        *transposed = 1;
        dimension = leading(columns, rows, column_stride, row_stride, size);
    }
    return dimension;
}

static int uses_blas(uint64_t dtype, int64_t m, int64_t n, int64_t k) {
    if ((dtype != TJ_F64 && dtype != TJ_F32) || m == 0 || n == 0 || k == 0 || m > INT_MAX || n > INT_MAX || k > INT_MAX)
        return 0;
    return m > SMALL || n > SMALL || k > SMALL || m * n > SMALL || m * n * k > SMALL;
}

static uint64_t packed_bytes(int64_t rows, int64_t columns, const uint64_t *words, int64_t size) {
    int transposed;
    const int packs = layout(rows, columns, (int64_t)words[2], (int64_t)words[3], size, &transposed) == 0;
    return packs ? ((uint64_t)(rows * columns * size) + 63) & ~(uint64_t)63 : 0;
}

/* Bytes of scratch memory that a MATMUL needs; the instruction has been checked. */
uint64_t tj_matmul_scratch(const uint64_t *ip) {
    const uint64_t dtype = ip[1] & 0xff, n_batch = ip[1] >> 32;
    const int64_t m = (int64_t)ip[2], n = (int64_t)ip[3], k = (int64_t)ip[4], size = tj_size_of[dtype];
    if (!uses_blas(dtype, m, n, k))
        return 0;
    const uint64_t *a = ip + 5 + n_batch, *b = a + 4 + n_batch, *out = b + 4 + n_batch;
    return packed_bytes(m, k, a, size) + packed_bytes(k, n, b, size) + packed_bytes(m, n, out, size);
}

/* A matrix as BLAS takes it: packed into scratch memory, which is used up, if need be. */
static matrix prepared(matrix given, int64_t rows, int64_t columns, int64_t size, uint8_t **scratch, char *flag, int *dimension) {
    int transposed;
    int64_t found = layout(rows, columns, given.row_stride, given.column_stride, size, &transposed);
    if (!found) {
        tj_gather(*scratch, given.data, rows, columns, given.row_stride, given.column_stride, (int)size);
        given = (matrix){*scratch, columns * size, size};
        *scratch += ((uint64_t)(rows * columns * size) + 63) & ~(uint64_t)63;
        found = columns;
        transposed = 0;
    }
    *flag = transposed ? 'T' : 'N';
    *dimension = (int)found;
    return given;
}

static void blas_product(tj_workspace *w, tj_gemm *gemm, int adds, int64_t m, int64_t n, int64_t k, matrix a, matrix b, matrix out, int64_t size) {
    const double one = 1, kept = adds;
    const float one_f32 = 1, kept_f32 = (float)adds;
    void *const alpha = size == 8 ? (void *)&one : (void *)&one_f32, *const beta = size == 8 ? (void *)&kept : (void *)&kept_f32;
    uint8_t *scratch = w->scratch;
    char flag_a, flag_b;
    int ld_a, ld_b, transposed, int_m = (int)m, int_n = (int)n, int_k = (int)k;
    a = prepared(a, m, k, size, &scratch, &flag_a, &ld_a);
    b = prepared(b, k, n, size, &scratch, &flag_b, &ld_b);
    int64_t found = layout(m, n, out.row_stride, out.column_stride, size, &transposed);
    uint8_t *target = found ? out.data : scratch;
    int ld_out = found ? (int)found : (int)n;
    if (!found)
        transposed = 0;
    if (!found && adds)
        tj_gather(target, out.data, m, n, out.row_stride, out.column_stride, (int)size);
    if (transposed) {
        /* out lies by columns: out = a @ b as it stands, where BLAS sees a matrix by rows as transposed. */
        flag_a = flag_a == 'N' ? 'T' : 'N';
        flag_b = flag_b == 'N' ? 'T' : 'N';
        gemm(&flag_a, &flag_b, &int_m, &int_n, &int_k, alpha, a.data, &ld_a, b.data, &ld_b, beta, target, &ld_out);
    } else {
        gemm(&flag_b, &flag_a, &int_n, &int_m, &int_k, alpha, b.data, &ld_b, a.data, &ld_a, beta, target, &ld_out);
    }
    if (!found)
        tj_scatter(out.data, target, m, n, out.row_stride, out.column_stride, (int)size);
}

/* The step of a vector in elements, as BLAS takes it; 0 when it must be packed. */
static int step_of(int64_t length, int64_t stride, int64_t size) {
    if (length <= 1)
        return 1;
    return stride > 0 && stride / size <= INT_MAX ? (int)(stride / size) : 0;
}

/* result (rows) = a (rows, columns) @ vector (columns), each with its stride in bytes. */
static void blas_vector_product(tj_workspace *w, tj_gemv *gemv, int adds, int64_t rows, int64_t columns, matrix a, uint8_t *vector,
                                int64_t stride, uint8_t *result, int64_t result_stride, int64_t size) {
    const double one = 1, kept = adds;
    const float one_f32 = 1, kept_f32 = (float)adds;
    void *const alpha = size == 8 ? (void *)&one : (void *)&one_f32, *const beta = size == 8 ? (void *)&kept : (void *)&kept_f32;
    uint8_t *scratch = w->scratch;
    char flag;
    int ld, int_rows = (int)rows, int_columns = (int)columns;
    int step = step_of(columns, stride, size), result_step = step_of(rows, result_stride, size);
    a = prepared(a, rows, columns, size, &scratch, &flag, &ld);
    if (!step) {
        tj_gather(scratch, vector, 1, columns, 0, stride, (int)size);
        vector = scratch;
        scratch += ((uint64_t)(columns * size) + 63) & ~(uint64_t)63;
        step = 1;
    }
    uint8_t *const target = result_step ? result : scratch;
    int target_step = result_step ? result_step : 1;
    if (!result_step && adds)
        tj_gather(scratch, result, 1, rows, 0, result_stride, (int)size);
    /* BLAS sees a matrix by rows as its transpose. */
    if (flag == 'N')
        gemv("T", &int_columns, &int_rows, alpha, a.data, &ld, vector, &step, beta, target, &target_step);
    else
        gemv("N", &int_rows, &int_columns, alpha, a.data, &ld, vector, &step, beta, target, &target_step);
    if (!result_step)
        tj_scatter(result, target, 1, rows, 0, result_stride, (int)size);
}

/* --- the instruction -------------------------------------------------------------------------------------------------------- */

void tj_matmul_run(tj_workspace *w, const uint64_t *ip) {
    const uint64_t dtype = ip[1] & 0xff, n_batch = ip[1] >> 32;
    const int adds = ip[1] >> 8 & 1;
    const int64_t m = (int64_t)ip[2], n = (int64_t)ip[3], k = (int64_t)ip[4], size = tj_size_of[dtype];
    const uint64_t *shape = ip + 5, *operand[3] = {shape + n_batch, shape + 4 + 2 * n_batch, shape + 8 + 3 * n_batch};
    const int blas = uses_blas(dtype, m, n, k);
    tj_gemm *gemm = !blas ? NULL : dtype == TJ_F64 ? w->program->dgemm : w->program->sgemm;
    tj_gemv *gemv = !blas ? NULL : dtype == TJ_F64 ? w->program->dgemv : w->program->sgemv;
    matrix matrices[3];
    uint64_t index[TJ_MAX_NDIM] = {0};
    int empty = m == 0 || n == 0;
    for (uint64_t axis = 0; axis < n_batch; axis++)
        empty |= shape[axis] == 0;
    if (empty)
        return;
    for (int j = 0; j < 3; j++)
        matrices[j] = (matrix){w->base[operand[j][0]] + operand[j][1], (int64_t)operand[j][2], (int64_t)operand[j][3]};
    for (;;) {
        const matrix a = matrices[0], b = matrices[1], out = matrices[2];
        if (gemv && n == 1)
            blas_vector_product(w, gemv, adds, m, k, a, b.data, b.row_stride, out.data, out.row_stride, size);
        else if (gemv && m == 1)
            blas_vector_product(w, gemv, adds, n, k, (matrix){b.data, b.column_stride, b.row_stride}, a.data, a.column_stride, out.data,
                                out.column_stride, size);
        else if (gemm)
            blas_product(w, gemm, adds, m, n, k, a, b, out, size);
        else
            plain_product(dtype, adds, m, n, k, a, b, out);
        int64_t axis = (int64_t)n_batch - 1;
        for (; axis >= 0; index[axis--] = 0) {
            const int steps = index[axis] + 1 < shape[axis];
            for (int j = 0; j < 3; j++)
                matrices[j].data += steps ? (int64_t)operand[j][4 + axis] : -(int64_t)operand[j][4 + axis] * (int64_t)index[axis];
            if (steps) {
                index[axis]++;
                break;
            }
        }
        if (axis < 0)
            return;
    }
}
