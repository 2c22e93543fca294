/* Helper functions that rows of the op table use in their C text.
 *
 * A helper `tj_name` comes as tj_name_f64 and tj_name_f32 (and _i32, _i64, where integer rows use it), selected by the type of its
 * first argument with _Generic. Helpers are pure: they see values, never memory, and are defined for every input (the
 * build uses -fwrapv, so + - * on integers wrap). A branch-free body lets the compiler vectorise the rows that use it.
 */
#ifndef TJ_MATH_H
#define TJ_MATH_H

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <tgmath.h>

#define TJ_FLOAT(name, x) _Generic((x), float: name##_f32, default: name##_f64)
#define TJ_NUMBER(name, x) _Generic((x), int32_t: name##_i32, int64_t: name##_i64, float: name##_f32, default: name##_f64)

/* --- conversion: what x86 does with values that do not fit, without undefined behaviour ------------------------------ */

static inline int32_t tj_to_i32(double x) { return x > -2147483649.0 && x < 2147483648.0 ? (int32_t)x : INT32_MIN; }
static inline int64_t tj_to_i64(double x) { return x >= -0x1p63 && x < 0x1p63 ? (int64_t)x : INT64_MIN; }

/* --- integers: what NumPy answers where C is undefined ------------------------------------------------------------- */

#define TJ_INTEGERS(type, suffix, bits)                                                                                         \
    static inline type tj_absolute_##suffix(type x) { return x < 0 ? -x : x; }                                                  \
    static inline type tj_sign_##suffix(type x) { return (type)((x > 0) - (x < 0)); }                                           \
    static inline type tj_fmax_##suffix(type a, type b) { return a > b ? a : b; }                                               \
    static inline type tj_fmin_##suffix(type a, type b) { return a < b ? a : b; }                                               \
    static inline type tj_invert_##suffix(type x) { return ~x; }                                                                \
    static inline type tj_maximum_##suffix(type a, type b) { return a > b ? a : b; }                                            \
    static inline type tj_minimum_##suffix(type a, type b) { return a < b ? a : b; }                                            \
    static inline type tj_fmod_##suffix(type a, type b) { return b == 0 || b == -1 ? 0 : a % b; }                               \
    static inline type tj_remainder_##suffix(type a, type b)                                                                    \
    {                                                                                                                           \
        type r = tj_fmod_##suffix(a, b);                                                                                        \
        return r != 0 && (r < 0) != (b < 0) ? r + b : r;                                                                        \
    }                                                                                                                           \
    static inline type tj_floor_divide_##suffix(type a, type b)                                                                 \
    {                                                                                                                           \
        if (b == 0)                                                                                                             \
            return 0;                                                                                                           \
        if (b == -1)                                                                                                            \
            return -a;                                                                                                          \
        type q = a / b;                                                                                                         \
        return q * b != a && (a < 0) != (b < 0) ? q - 1 : q;                                                                    \
    }                                                                                                                           \
    static inline type tj_left_shift_##suffix(type a, type b) { return b >= 0 && b < bits ? (type)((u##type)a << b) : 0; }      \
    static inline type tj_right_shift_##suffix(type a, type b) { return b >= 0 && b < bits ? a >> b : (type)-(a < 0); }

TJ_INTEGERS(int32_t, i32, 32)
TJ_INTEGERS(int64_t, i64, 64)

/* --- floating point: NumPy's values, NaN, infinities and signed zeros included -------------------------------------- */

#define TJ_FLOATS(type, suffix)                                                                                                 \
    static inline type tj_absolute_##suffix(type x) { return fabs(x); }                                                         \
    static inline type tj_sign_##suffix(type x) { return x > 0 ? (type)1 : x < 0 ? (type)-1 : x == 0 ? (type)0 : x; }           \
    static inline type tj_heaviside_##suffix(type a, type b) { return a == 0 ? b : a < 0 ? (type)0 : a > 0 ? (type)1 : a; }     \
    static inline type tj_share_##suffix(type a, type b)                                                                        \
    {                                                                                                                           \
        return a > b ? (type)1 : a < b ? (type)0 : a == b ? (type)0.5 : a + b;                                                  \
    }                                                                                                                           \
    static inline type tj_maximum_##suffix(type a, type b) { return a > b || a != a ? a : b; }                                  \
    static inline type tj_minimum_##suffix(type a, type b) { return a < b || a != a ? a : b; }                                  \
    static inline type tj_fmax_##suffix(type a, type b) { return a > b || b != b ? a : b; }                                     \
    static inline type tj_fmin_##suffix(type a, type b) { return a < b || b != b ? a : b; }                                     \
    static inline type tj_fmod_##suffix(type a, type b) { return fmod(a, b); }                                                  \
    static inline type tj_remainder_##suffix(type a, type b)                                                                    \
    {                                                                                                                           \
        type r = fmod(a, b);                                                                                                    \
        if (b == 0)                                                                                                             \
            return r;                                                                                                           \
        if (r == 0)                                                                                                             \
            return copysign((type)0, b);                                                                                        \
        return (r < 0) != (b < 0) ? r + b : r;                                                                                  \
    }                                                                                                                           \
    static inline type tj_floor_divide_##suffix(type a, type b) /* floor(a / b) of the exact quotient, as NumPy and CPython */  \
    {                                                                                                                           \
        if (b == 0)                                                                                                             \
            return a / b;                                                                                                       \
        type r = fmod(a, b), q = (a - r) / b;                                                                                   \
        if (r != 0 && (r < 0) != (b < 0))                                                                                       \
            q -= 1;                                                                                                             \
        if (q == 0)                                                                                                             \
            return copysign((type)0, a / b);                                                                                    \
        type whole = floor(q);                                                                                                  \
        return q - whole > (type)0.5 ? whole + 1 : whole;                                                                       \
    }                                                                                                                           \
    static inline type tj_logaddexp_##suffix(type a, type b)                                                                    \
    {                                                                                                                           \
        type d = a - b;                                                                                                         \
        if (a == b) /* infinities too */                                                                                        \
            return a + (type)0.693147180559945309417;                                                                           \
        return d > 0 ? a + log1p(exp(-d)) : d <= 0 ? b + log1p(exp(d)) : d;                                                     \
    }                                                                                                                           \
    static inline type tj_logaddexp2_##suffix(type a, type b)                                                                   \
    {                                                                                                                           \
        const type log2_e = (type)1.442695040888963407360;                                                                      \
        type d = a - b;                                                                                                         \
        if (a == b)                                                                                                             \
            return a + 1;                                                                                                       \
        return d > 0 ? a + log2_e * log1p(exp2(-d)) : d <= 0 ? b + log2_e * log1p(exp2(d)) : d;                                 \
    }                                                                                                                           \
    static inline type tj_deg2rad_##suffix(type x) { return x * (type)(3.14159265358979323846 / 180); }                         \
    static inline type tj_rad2deg_##suffix(type x) { return x * (type)(180 / 3.14159265358979323846); }                         \
    static inline type tj_log_expit_##suffix(type x) { return x < 0 ? x - log1p(exp(x)) : -log1p(exp(-x)); }                    \
    static inline type tj_logit_##suffix(type x)                                                                                \
    {                                                                                                                           \
        type s = 2 * (x - (type)0.5);                                                                                           \
        return x < (type)0.3 || x > (type)0.65 ? log(x / (1 - x)) : log1p(s) - log1p(-s);                                       \
    }                                                                                                                           \
    static inline type tj_sinc_##suffix(type x)                                                                                 \
    {                                                                                                                           \
        type t = (type)3.14159265358979323846 * (x == 0 ? (type)1e-20 : x);                                                     \
        return sin(t) / t;                                                                                                      \
    }

TJ_FLOATS(float, f32)
TJ_FLOATS(double, f64)

/* --- functions of scipy.special, as SciPy computes them: floats in double precision ----------------------------------- */

#define TJ_IN_DOUBLES1(name)                                                                                                    \
    static inline float tj_##name##_f32(float x) { return (float)tj_##name##_f64((double)x); }
#define TJ_IN_DOUBLES2(name)                                                                                                    \
    static inline float tj_##name##_f32(float a, float b) { return (float)tj_##name##_f64((double)a, (double)b); }

static inline double tj_ndtr_f64(double x)
{
    double t = x * 0.70710678118654752440, y = 0.5 * erfc(fabs(t));
    return fabs(t) < 1 ? 0.5 + 0.5 * erf(t) : x > 0 ? 1 - y : y;
}

static inline double tj_gamma_f64(double x) { return tgamma(x); }

static inline double tj_gammaln_f64(double x)
{
    int sign;
    return x == -INFINITY ? x : fabs(x) < DBL_MIN ? INFINITY : lgamma_r(x, &sign); /* lgamma would write a global */
}

static inline double tj_xlogy_f64(double a, double b) { return a == 0 && b == b ? 0 : a * log(b); }
static inline double tj_xlog1py_f64(double a, double b) { return a == 0 && b == b ? 0 : a * log1p(b); }
static inline double tj_entr_f64(double x) { return x > 0 ? -x * log(x) : x == 0 ? 0 : x < 0 ? -INFINITY : x; }

static inline double tj_log_ratio_f64(double a, double b)
{
    double ratio = a / b;
    if (ratio > 0.5 && ratio < 2)
        return log1p((a - b) / b);
    return ratio > DBL_MIN && ratio < INFINITY ? log(ratio) : log(a) - log(b);
}

static inline double tj_rel_entr_f64(double a, double b)
{
    if (a != a || b != b)
        return a + b;
    return a > 0 && b > 0 ? a * tj_log_ratio_f64(a, b) : a == 0 && b >= 0 ? 0 : INFINITY;
}

static inline double tj_kl_div_f64(double a, double b)
{
    if (a != a || b != b)
        return a + b;
    return a > 0 && b > 0 ? a * log(a / b) - a + b : a == 0 && b >= 0 ? b : INFINITY;
}

static inline double tj_power_less_one(double l, double b) /* (exp(b * l) - 1) / b */
{
    double t = b * l;
    if (fabs(b) < 1e-19 || (fabs(l) < 1e-289 && fabs(b) < 1e273))
        return l;
    return t < 709.78 ? expm1(t) / b : copysign(exp(t - log(fabs(b))), b) - 1 / b;
}

static inline double tj_boxcox_f64(double a, double b) { return tj_power_less_one(log(a), b); }
static inline double tj_boxcox1p_f64(double a, double b) { return tj_power_less_one(log1p(a), b); }

TJ_IN_DOUBLES1(ndtr)
TJ_IN_DOUBLES1(gamma)
TJ_IN_DOUBLES1(gammaln)
TJ_IN_DOUBLES1(entr)
TJ_IN_DOUBLES2(xlogy)
TJ_IN_DOUBLES2(xlog1py)
TJ_IN_DOUBLES2(log_ratio)
TJ_IN_DOUBLES2(rel_entr)
TJ_IN_DOUBLES2(kl_div)
TJ_IN_DOUBLES2(boxcox)
TJ_IN_DOUBLES2(boxcox1p)

static inline int tj_invert_bool(int x) { return !x; }

#define tj_invert(x) _Generic((x), int32_t: tj_invert_i32, int64_t: tj_invert_i64, default: tj_invert_bool)(x)
#define tj_left_shift(a, b) _Generic((a), int32_t: tj_left_shift_i32, default: tj_left_shift_i64)(a, b)
#define tj_right_shift(a, b) _Generic((a), int32_t: tj_right_shift_i32, default: tj_right_shift_i64)(a, b)
#define tj_absolute(x) TJ_NUMBER(tj_absolute, x)(x)
#define tj_sign(x) TJ_NUMBER(tj_sign, x)(x)
#define tj_maximum(a, b) TJ_NUMBER(tj_maximum, a)(a, b)
#define tj_minimum(a, b) TJ_NUMBER(tj_minimum, a)(a, b)
#define tj_fmod(a, b) TJ_NUMBER(tj_fmod, a)(a, b)
#define tj_remainder(a, b) TJ_NUMBER(tj_remainder, a)(a, b)
#define tj_floor_divide(a, b) TJ_NUMBER(tj_floor_divide, a)(a, b)
#define tj_fmax(a, b) TJ_NUMBER(tj_fmax, a)(a, b)
#define tj_fmin(a, b) TJ_NUMBER(tj_fmin, a)(a, b)
#define tj_heaviside(a, b) TJ_FLOAT(tj_heaviside, a)(a, b)
#define tj_share(a, b) TJ_FLOAT(tj_share, a)(a, b)
#define tj_logaddexp(a, b) TJ_FLOAT(tj_logaddexp, a)(a, b)
#define tj_logaddexp2(a, b) TJ_FLOAT(tj_logaddexp2, a)(a, b)
#define tj_deg2rad(x) TJ_FLOAT(tj_deg2rad, x)(x)
#define tj_rad2deg(x) TJ_FLOAT(tj_rad2deg, x)(x)
#define tj_sinc(x) TJ_FLOAT(tj_sinc, x)(x)
#define tj_ndtr(x) TJ_FLOAT(tj_ndtr, x)(x)
#define tj_log_expit(x) TJ_FLOAT(tj_log_expit, x)(x)
#define tj_logit(x) TJ_FLOAT(tj_logit, x)(x)
#define tj_entr(x) TJ_FLOAT(tj_entr, x)(x)
#define tj_gamma(x) TJ_FLOAT(tj_gamma, x)(x)
#define tj_gammaln(x) TJ_FLOAT(tj_gammaln, x)(x)
#define tj_xlogy(a, b) TJ_FLOAT(tj_xlogy, a)(a, b)
#define tj_xlog1py(a, b) TJ_FLOAT(tj_xlog1py, a)(a, b)
#define tj_log_ratio(a, b) TJ_FLOAT(tj_log_ratio, a)(a, b)
#define tj_rel_entr(a, b) TJ_FLOAT(tj_rel_entr, a)(a, b)
#define tj_kl_div(a, b) TJ_FLOAT(tj_kl_div, a)(a, b)
#define tj_boxcox(a, b) TJ_FLOAT(tj_boxcox, a)(a, b)
#define tj_boxcox1p(a, b) TJ_FLOAT(tj_boxcox1p, a)(a, b)

#endif
