/* How does wengert compute exp, exp2 and expm1?
 *
 * x = k*ln2 + r with |r| <= ln2/2, by Cody and Waite's two-part ln2 (Software Manual for the Elementary Functions,
 * 1980, ch. 6); exp(r) = 1 + r + r^2*P(r) with a polynomial P by Estrin's scheme; the sum keeps the rounding error of
 * its leading part, and the scaling by 2^k is two multiplications by powers of two, so that the first is exact and the
 * second alone rounds a subnormal result.  No table and no branch.
 *
 * Measured maximum error: exp 0.63 ulp (a subnormal result, rounded twice, 0.75), exp2 0.75 (without fma 0.94),
 * expm1 1.10 ulp.
 *
 * For the functions that need more, there is exp in double-double.  Its interface, used by power.h, erf.h, ...:
 *
 *     typedef struct { dd m; int64_t k; } dd_exp2;          m * 2^k, m in [0.70, 1.42]
 *     dd_exp2 exp_dd(dd x);                                 relative error below 2^-61
 *     double  ldexp_dd(dd m, int64_t k);                    m * 2^k, rounded once, also into the subnormals
 *
 * so that exp(x) * y for dd x and y is  dd_exp2 e = exp_dd(x);  ldexp_dd(dd_mul(e.m, y), e.k)  without early underflow.
 */
#ifndef WENGERT_VMATH_EXP_H
#define WENGERT_VMATH_EXP_H

#include "base.h"
#include "coefficients.h"

/* 1/ln2 rounded. */
#define VMATH_LOG2E 0x1.71547652b82fep+0
/* ln2 to 42 bits, so that an integer of up to 11 bits times it is exact, and ln2 minus that. */
#define VMATH_LN2_HI 0x1.62e42fefa3800p-1
#define VMATH_LN2_LO 0x1.ef35793c76730p-45

/* ---- double ---- */

/* An integer k that scales by 2^k, |k| < 2000: as a double, and as k + 2048 in the low bits of an integer.
 * The bias keeps those bits positive, so that logical shifts serve (AVX2 has no arithmetic shift of 64 bits). */
typedef struct { double value; uint64_t biased; } scale_exponent;

static inline scale_exponent round_to_exponent(double x) {
    const double shift = VMATH_SHIFT + 2048.0;
    double shifted = x + shift;
    scale_exponent k = {shifted - shift, bits_of(shifted)};
    return k;
}

/* 2^k as first * second, both normal, for |k| < 2000. */
typedef struct { double first, second; } scale_factors;

static inline scale_factors scale_factors_of(scale_exponent k) {
    /* The biased exponents floor((k + 2048)/2) - 1 and what is left; bits 12 and up of `biased` leave by the shift. */
    uint64_t all = k.biased << 52, half = (k.biased >> 1) << 52, one = (uint64_t)1 << 52;
    scale_factors f = {double_of(half - one), double_of(all - half - one)};
    return f;
}

/* -k, of which the low bits are as they should be. */
static inline scale_exponent opposite(scale_exponent k) {
    scale_exponent minus = {-k.value, 2 * 2048 - k.biased};
    return minus;
}

/* 2^-k for |k| <= 1022. */
static inline double inverse_scale(scale_exponent k) {
    return double_of(((uint64_t)(2048 + 1023) << 52) - (k.biased << 52));
}

/* c[0] + c[1]*r + ... + c[10]*r^10 by Estrin's scheme: four fma deep. */
static inline double estrin_11(const double *c, double r) {
    double r2 = r * r, r4 = r2 * r2;
    double c01 = vfma(r, c[1], c[0]), c23 = vfma(r, c[3], c[2]), c45 = vfma(r, c[5], c[4]), c67 = vfma(r, c[7], c[6]);
    double c89 = vfma(r, c[9], c[8]);
    double low = vfma(r2, c23, c01), middle = vfma(r2, c67, c45), high = vfma(r2, c[10], c89);
    return vfma(r4, vfma(r4, high, middle), low);
}

/* exp(x) = 2^k * (1 + r + tail) with an exact r, |r| <= ln2/2 + 2^-30, for |x| <= 1100; beyond, anything. */
typedef struct { double r, tail; scale_exponent k; } exp_reduced;

static inline exp_reduced exp_reduce(double x) {
    exp_reduced e;
    e.k = round_to_exponent(x * VMATH_LOG2E);
    e.r = vfma(e.k.value, -VMATH_LN2_HI, x);
    double rounded = vfma(e.k.value, -VMATH_LN2_LO, e.r);
    e.tail = vfma(e.k.value, -VMATH_LN2_LO, rounded * rounded * estrin_11(EXP_TAIL, rounded));
    return e;
}

/* a / b with one division, for normalised a and b; relative error of hi + lo about 2^-100. */
static inline dd quotient_dd(dd a, dd b) {
    double inverse = 1.0 / b.hi, hi = a.hi * inverse;
    dd product = two_prod(hi, b.hi);
    dd q = {hi, (((a.hi - product.hi) - product.lo) + (a.lo - hi * b.lo)) * inverse};
    return q;
}

/* In the functions below, what is too large or too small is replaced at the end.  Clamping x at the start would do as
 * well, but gcc turns it into a branch, evaluates the case of the constant, and then vectorises a merge of it all. */

static inline double vexp(double x) {
    exp_reduced e = exp_reduce(x);
    scale_factors f = scale_factors_of(e.k);
    dd one_r = fast_two_sum(1.0, e.r);
    double y = (one_r.hi + (one_r.lo + e.tail)) * f.first * f.second;
    y = x > 710.0 ? HUGE_VAL : y;
    return x < -746.0 ? 0.0 : y;
}

static inline double vexp2(double x) {
    scale_exponent k = round_to_exponent(x);
    scale_factors f = scale_factors_of(k);
    double r = x - k.value;
    /* 2^r = 1 + r*ln2 + tail; `lost` is what the rounding of r*ln2 lost (without fma it is 0: a quarter ulp more). */
    const double ln2 = 0x1.62e42fefa39efp-1;
    double linear = r * ln2, lost = vfma(r, ln2, -linear), tail = r * r * estrin_11(EXP2_TAIL, r);
    dd one_r = fast_two_sum(1.0, linear);
    double y = (one_r.hi + (one_r.lo + (lost + tail))) * f.first * f.second;
    y = x > 1025.0 ? HUGE_VAL : y;
    return x < -1076.0 ? 0.0 : y;
}

static inline double vexpm1(double x) {
    exp_reduced e = exp_reduce(x);
    scale_factors f = scale_factors_of(e.k);
    /* 2^k * (1 - 2^-k + r + tail), the first three terms summed without error (r outweighs the first two if k is 0). */
    double inverse = x > 600.0 ? 0.0 : inverse_scale(e.k);
    dd constant = fast_two_sum(1.0, -inverse), sum = fast_two_sum(constant.hi, e.r);
    double y = (sum.hi + (sum.lo + (constant.lo + e.tail))) * f.first * f.second;
    y = x > 710.0 ? HUGE_VAL : y;
    y = x < -40.0 ? -1.0 : y;
    return copysign(y, x); /* expm1(-0) = -0 */
}

/* ---- double-double ---- */

/* As dd_mul, but hi + lo is left as it comes: |lo| may be a few ulp(hi).  Four operations with fma. */
static inline dd dd_mul_loose(dd a, dd b) {
    dd p = two_prod(a.hi, b.hi);
    p.lo = vfma(a.hi, b.lo, vfma(a.lo, b.hi, p.lo));
    return p;
}

/* c + b for |c| >= |b|, loose too. */
static inline dd dd_add_loose(dd c, dd b) {
    dd s = fast_two_sum(c.hi, b.hi);
    s.lo += c.lo + b.lo;
    return s;
}

/* x between low and high; a NaN in x stays.  By masks, for the reason given above vexp. */
static inline double clamp(double x, double low, double high) {
    uint64_t below = 0 - (uint64_t)(x < low), above = 0 - (uint64_t)(x > high), inside = ~(below | above);
    return double_of((bits_of(x) & inside) | (bits_of(low) & below) | (bits_of(high) & above));
}

/* (exp(r) - 1 - r - r^2/2 - r^3/6) / r^4. */
static inline double exp_dd_tail(double r) {
    const double *c = EXP_DD_TAIL;
    double r2 = r * r, r4 = r2 * r2;
    double c01 = vfma(r, c[1], c[0]), c23 = vfma(r, c[3], c[2]), c45 = vfma(r, c[5], c[4]), c67 = vfma(r, c[7], c[6]);
    double c89 = vfma(r, c[9], c[8]);
    return vfma(r4, vfma(r4, c89, vfma(r2, c67, c45)), vfma(r2, c23, c01));
}

typedef struct { dd m; int64_t k; } dd_exp2;

/* exp(x) = m * 2^k, |k| < 2022.  Beyond +-1400 it stays what it is there: 2^-2020 and 2^2020, far out of range. */
static inline dd_exp2 exp_dd(dd x) {
    double high = clamp(x.hi, -1400.0, 1400.0), low = high == x.hi ? x.lo : 0.0;
    scale_exponent k = round_to_exponent(high * VMATH_LOG2E);
    /* ln2 = HI + MIDDLE + 2^-86: both products with k are exact. */
    const double middle = 0x1.ef35793c76000p-45, rest = 0x1.cc01f97b57a08p-87;
    dd r = two_sum(vfma(k.value, -VMATH_LN2_HI, high), -k.value * middle);
    r = fast_two_sum(r.hi, r.lo + (low - k.value * rest));
    /* exp(r) = 1 + r*(1 + r*(1/2 + r*(1/6 + r*tail))), of which r*tail is a double. */
    const dd one = {1.0, 0.0}, half = {0.5, 0.0}, sixth = {0x1.5555555555555p-3, 0x1.5555555555555p-57};
    dd tail = {r.hi * exp_dd_tail(r.hi), 0.0}, sum = dd_add_loose(sixth, tail);
    sum = dd_add_loose(half, dd_mul_loose(r, sum));
    sum = dd_add_loose(one, dd_mul_loose(r, sum));
    sum = dd_add_loose(one, dd_mul_loose(r, sum));
    dd_exp2 y = {sum, (int64_t)(k.biased - bits_of(VMATH_SHIFT + 2048.0))};
    return y;
}

/* m * 2^k, rounded once, for |k| < 2046 and m = 0 or 2^-100 < |m| < 2^100.  A NaN in m passes whatever k is. */
static inline double ldexp_dd(dd m, int64_t k) {
    /* Where the result is subnormal (|m| < 2^(-1022-k)), adding 2^(-1022-k) rounds m at the place of 2^-1074. */
    int64_t down = k < 0 ? k : 0;
    double least = exp2i(-1022 - down), anchor = fabs(m.hi) < least ? copysign(least, m.hi) : 0.0;
    dd sum = fast_two_sum(anchor, m.hi);
    double rounded = (sum.hi + (sum.lo + m.lo)) - anchor;
    /* k = first + second, both in exp2i's range; (k + 2048) / 2 rounds down also where k is negative.  Unsigned, as k
     * may be anything if m is NaN. */
    uint64_t half = (uint64_t)(k + 2048) >> 1;
    int64_t first = (int64_t)half - 1024, second = (int64_t)((uint64_t)k - (uint64_t)first);
    return copysign(rounded * exp2i(first) * exp2i(second), m.hi);
}

#endif
