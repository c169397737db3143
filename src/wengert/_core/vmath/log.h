/* How does wengert compute log, log1p, log2 and log10?
 *
 * x = 2^k * (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); with s = f/(2 + f), log(1 + f) = 2*atanh(s), and
 * 2*atanh(s) = f - f^2/2 + s*(f^2/2 + R(s^2)), R a polynomial (the arrangement is that of Ng's log in fdlibm, 1993: its
 * first two terms have no, and a small, rounding error).  k*ln2 and f are added exactly, the small rest afterwards.
 * No table and no branch, one division.
 *
 * Measured maximum error: log 0.93 ulp, log1p 0.88, log2 and log10 0.51 ulp.
 *
 * For the functions that need more, there is log in double-double, by the same reduction and a longer series:
 *
 *     dd log_dd(dd x);      log(x) for finite x.hi > 0, relative error below 2^-68
 *     dd log1p_dd(dd z);    log(1 + z) for 1 + z.hi > 0, z.hi < 2^1000, also relative to a tiny result
 */
#ifndef WENGERT_VMATH_LOG_H
#define WENGERT_VMATH_LOG_H

#include "base.h"
#include "coefficients.h"
#include "exp.h"

/* ---- double ---- */

/* x = 2^k * m, m in [sqrt(1/2), sqrt(2)), for positive normal x. */
typedef struct { double k, m; } binary_parts;

static inline binary_parts binary_parts_of(double x) {
    /* Minus the bits of sqrt(1/2), rounded down, the exponent field is k (mod 2^12); plus 2048 it is positive. */
    const uint64_t origin = UINT64_C(0x3fe6a09e667f3bcc), mantissa = UINT64_C(0x000fffffffffffff);
    uint64_t offset = bits_of(x) - origin, field = (offset + (UINT64_C(2048) << 52)) >> 52;
    /* An integer below 2^52 to double without a conversion (AVX2 has none): in the low bits of 2^52. */
    binary_parts p = {double_of(field | bits_of(0x1p52)) - (0x1p52 + 2048.0), double_of((offset & mantissa) + origin)};
    return p;
}

/* log(1 + f) - f, and its s = f/(2 + f), for 1 + f in [sqrt(1/2), sqrt(2)]. */
typedef struct { double rest, s; } log_tail;

static inline log_tail log_tail_of(double f) {
    const double *c = LOG_TAIL;
    double s = f / (2.0 + f), z = s * s, z2 = z * z, half_square = 0.5 * f * f;
    double low = vfma(z, c[1], c[0]), middle = vfma(z, c[3], c[2]), high = vfma(z2, c[6], vfma(z, c[5], c[4]));
    double polynomial = z * vfma(z2, vfma(z2, high, middle), low);
    log_tail t = {vfma(s, half_square + polynomial, -half_square), s};
    return t;
}

/* What a logarithm is where its argument x is 0, negative, infinite or NaN; y elsewhere. */
static inline double log_special(double x, double y) {
    y = x < HUGE_VAL ? y : x;
    y = x < 0.0 ? (double)NAN : y;
    return x == 0.0 ? -HUGE_VAL : y;
}

/* log(x) = hi + lo for positive finite x, to 2^-56 of hi or better; beyond, anything. */
static inline dd log_pair(double x) {
    int subnormal = x < 0x1p-1022;
    binary_parts p = binary_parts_of(subnormal ? x * 0x1p54 : x);
    double k = subnormal ? p.k - 54.0 : p.k;
    double f = p.m - 1.0;
    dd y = fast_two_sum(k * VMATH_LN2_HI, f);
    y.lo += vfma(k, VMATH_LN2_LO, log_tail_of(f).rest);
    return y;
}

static inline double vlog(double x) {
    dd y = log_pair(x);
    return log_special(x, y.hi + y.lo);
}

static inline double vlog1p(double x) {
    /* 1 + x = u.hi + u.lo exactly = 2^k * (1 + f + f_low). */
    dd u = two_sum(1.0, x);
    binary_parts p = binary_parts_of(u.hi);
    /* m has u.hi's significand, so the difference of their bits is -k in the exponent.  From 2^100, u.lo is nothing. */
    double inverse = double_of(bits_of(p.m) - bits_of(u.hi) + bits_of(1.0));
    double low = x < 0x1p100 ? u.lo * inverse : 0.0;
    dd f = two_sum(p.m - 1.0, low); /* where k = 0 it is x */
    dd leading = fast_two_sum(p.k * VMATH_LN2_HI, f.hi);
    log_tail t = log_tail_of(f.hi);
    /* f.lo weighs 1/(1 + f) = (1 - s)/(1 + s), and 1 - 2s is near enough: where k = 0, f.lo is 0. */
    double rest = vfma(f.lo, vfma(-2.0, t.s, 1.0), vfma(p.k, VMATH_LN2_LO, t.rest));
    double y = leading.hi + (leading.lo + rest);
    y = log_special(u.hi, y);
    return fabs(x) < 0x1p-54 ? x : y;
}

/* ---- double-double ---- */

/* log(1 + f) for 1 + f in [sqrt(1/2), sqrt(2)]. */
static inline dd log1p_near_dd(dd f) {
    const double *c = LOG_DD_TAIL;
    const dd two = {2.0, 0.0};
    dd s = quotient_dd(f, dd_add_loose(two, f)), z = dd_mul_loose(s, s);
    double w = z.hi, w2 = w * w, w4 = w2 * w2;
    double c01 = vfma(w, c[1], c[0]), c23 = vfma(w, c[3], c[2]), c45 = vfma(w, c[5], c[4]), c67 = vfma(w, c[7], c[6]);
    double tail = vfma(w4, vfma(w4, c[8], vfma(w2, c67, c45)), vfma(w2, c23, c01));
    /* atanh(s) = s + s*z*(1/3 + z*(1/5 + z*tail)), of which z*tail is a double. */
    const dd third = {0x1.5555555555555p-2, 0x1.5555555555555p-56};
    const dd fifth = {0x1.999999999999ap-3, -0x1.999999999999ap-57};
    dd last = {w * tail, 0.0}, sum = dd_add_loose(third, dd_mul_loose(z, dd_add_loose(fifth, last)));
    sum = dd_add_loose(s, dd_mul_loose(s, dd_mul_loose(z, sum)));
    dd y = {2.0 * sum.hi, 2.0 * sum.lo};
    return y;
}

/* An argument 2^k * (1 + f), 1 + f in [sqrt(1/2), sqrt(2)). */
typedef struct { double k; dd f; } dd_log_parts;

/* k*ln2 + log(1 + f). */
static inline dd log_of_parts_dd(dd_log_parts p) {
    /* The first product is exact and, unless it is 0, larger than the logarithm. */
    dd k_ln2 = {p.k * VMATH_LN2_HI, p.k * VMATH_LN2_LO}, sum = dd_add_loose(k_ln2, log1p_near_dd(p.f));
    return fast_two_sum(sum.hi, sum.lo);
}

/* The parts of finite x > 0. */
static inline dd_log_parts log_parts_dd(dd x) {
    /* Away from the subnormals, and from 2^1024, whose inverse is one. */
    double shift = x.hi < 1.0 ? 54.0 : -54.0, scale = x.hi < 1.0 ? 0x1p54 : 0x1p-54;
    double high = x.hi * scale, low = x.lo * scale;
    binary_parts p = binary_parts_of(high);
    double inverse = double_of(bits_of(p.m) - bits_of(high) + bits_of(1.0));
    dd_log_parts parts = {p.k - shift, fast_two_sum(p.m - 1.0, low * inverse)};
    return parts;
}

static inline dd log_dd(dd x) { return log_of_parts_dd(log_parts_dd(x)); }

/* The parts of 1 + z for 0 < 1 + z.hi < 2^1000. */
static inline dd_log_parts log1p_parts_dd(dd z) {
    dd u = two_sum(1.0, z.hi);
    binary_parts p = binary_parts_of(u.hi);
    double inverse = double_of(bits_of(p.m) - bits_of(u.hi) + bits_of(1.0));
    dd f = fast_two_sum(p.m - 1.0, (u.lo + z.lo) * inverse);
    /* Where k is 0, f is z, of which 1 + z has lost the end. */
    dd_log_parts parts = {p.k, {p.k == 0.0 ? z.hi : f.hi, p.k == 0.0 ? z.lo : f.lo}};
    return parts;
}

static inline dd log1p_dd(dd z) { return log_of_parts_dd(log1p_parts_dd(z)); }

static inline double vlog2(double x) {
    const dd inverse_ln2 = {VMATH_LOG2E, 0x1.777d0ffda0d24p-56};
    int subnormal = x < 0x1p-1022;
    binary_parts p = binary_parts_of(subnormal ? x * 0x1p54 : x);
    dd f = {p.m - 1.0, 0.0};
    dd y = dd_add_d(dd_mul(log1p_near_dd(f), inverse_ln2), subnormal ? p.k - 54.0 : p.k);
    return log_special(x, y.hi);
}

static inline double vlog10(double x) {
    const dd inverse_ln10 = {0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57}, argument = {x, 0.0};
    return log_special(x, dd_mul(log_dd(argument), inverse_ln10).hi);
}

#endif
