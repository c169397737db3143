/* How does wengert compute logaddexp, log(exp(a) + exp(b)), also where it is nearly 0?
 *
 * With `top` the larger and d = bottom - top, exactly, it is top + log1p(exp(d)) (Blanchard, Higham and Higham, IMA J.
 * Numer. Anal. 41, 2021), by the parts of softplus.  Where the two terms cancel, the same in double-double.  Where
 * exp(a) + exp(b) is 1 but for rounding, as for the logarithms of p and 1 - p, they cancel to 2^-54 of themselves as a
 * rule, to about 2^-110 in the worst case, beyond what double-double can give: there it is
 * log1p(exp(bottom) - (1 - exp(top))), with the difference in fixed point of 192 bits, in four microseconds.
 *
 * Measured maximum error: 0.92 ulp.
 */
#ifndef WENGERT_VMATH_LOGADDEXP_H
#define WENGERT_VMATH_LOGADDEXP_H

#include "base.h"
#include "exp.h"
#include "log.h"
#include "logistic.h"

/* ---- fixed point: 6 limbs of fraction and 1 of integer, lowest first, not negative ---- */

enum { FIXED_LIMBS = 7 };
typedef struct { uint32_t limb[FIXED_LIMBS]; } fixed;

/* x for 0 <= x < 2^32, without what lies below 2^-192. */
static inline fixed fixed_of(double x) {
    fixed r;
    for (int i = FIXED_LIMBS - 1; i >= 0; i--) {
        r.limb[i] = (uint32_t)x;
        x = (x - r.limb[i]) * 0x1p32;
    }
    return r;
}

static inline fixed fixed_mul(fixed a, fixed b) {
    uint32_t product[2 * FIXED_LIMBS] = {0};
    for (int i = 0; i < FIXED_LIMBS; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < FIXED_LIMBS; j++) {
            carry += product[i + j] + (uint64_t)a.limb[i] * b.limb[j];
            product[i + j] = (uint32_t)carry;
            carry >>= 32;
        }
        product[i + FIXED_LIMBS] = (uint32_t)carry;
    }
    fixed r;
    memcpy(r.limb, product + FIXED_LIMBS - 1, sizeof r.limb);
    return r;
}

static inline fixed fixed_divide(fixed a, uint32_t divisor) {
    uint64_t rest = 0;
    for (int i = FIXED_LIMBS - 1; i >= 0; i--) {
        rest = rest << 32 | a.limb[i];
        a.limb[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    return a;
}

/* a - b modulo 2^32. */
static inline fixed fixed_sub(fixed a, fixed b) {
    uint64_t borrow = 0;
    for (int i = 0; i < FIXED_LIMBS; i++) {
        uint64_t difference = (uint64_t)a.limb[i] - b.limb[i] - borrow;
        a.limb[i] = (uint32_t)difference;
        borrow = difference >> 63;
    }
    return a;
}

static inline dd dd_of_fixed(fixed a) {
    dd sum = {0.0, 0.0};
    double unit = 1.0;
    for (int i = FIXED_LIMBS - 1; i >= 0; i--, unit *= 0x1p-32) sum = dd_add_d(sum, a.limb[i] * unit);
    return sum;
}

/* 1 - w/n * (1 - w/(n + 1) * (1 - ...)) for 0 <= w < 2: exp(-w) for n = 1, (1 - exp(-w))/w for n = 2. */
static inline fixed alternating_series(fixed w, double w_rounded, uint32_t n) {
    const fixed one = {{0, 0, 0, 0, 0, 0, 1}};
    uint32_t last = n;
    for (double term = 1.0; term > 0x1p-200; last++) term *= w_rounded / last;
    fixed sum = one;
    for (; last >= n; last--) sum = fixed_sub(one, fixed_divide(fixed_mul(w, sum), last));
    return sum;
}

/* ---- logaddexp ---- */

/* log(exp(top) + exp(bottom)) for bottom <= top < 0, where it is below top/256 in size. */
static inline double logaddexp_near_zero(double top, double bottom) {
    const fixed ln2 = {{0x7298b62d, 0x40f34326, 0x03f2f6af, 0xc9e3b398, 0xd1cf79ab, 0xb17217f7, 0}};
    /* 2^n brings 1 - exp(top), and with it exp(bottom), near [1/4, 1/2]: a tiny top keeps its digits. */
    double scaled = -top;
    uint32_t n = 0;
    for (; scaled < 0.25; n++) scaled *= 2.0;
    fixed missing = fixed_mul(fixed_of(scaled), alternating_series(fixed_of(-top), -top, 2));
    fixed n_ln2 = fixed_mul(ln2, fixed_of(n)), w = fixed_sub(fixed_of(-bottom), n_ln2);
    fixed present = alternating_series(w, dd_of_fixed(w).hi, 1), difference = fixed_sub(present, missing);
    int negative = difference.limb[FIXED_LIMBS - 1] != 0;
    dd m = dd_of_fixed(negative ? fixed_sub(missing, present) : difference);
    m = negative ? dd_neg(m) : m;
    /* From n = 60 on, log1p(m * 2^-n) is m * 2^-n to 2^-61, and may be subnormal. */
    if (n >= 60) return ldexp_dd(m, -(int64_t)n);
    double scale = exp2i(-(int64_t)n);
    dd z = {m.hi * scale, m.lo * scale};
    return log1p_dd(z).hi;
}

/* log(exp(top) + exp(bottom)) for bottom <= top < 0, where it is smaller than top in size. */
static inline double logaddexp_cancelling(double top, double bottom) {
    dd_exp2 e = exp_dd(two_sum(bottom, -top));
    dd sum, in_units = {top, 0.0}; /* of 2^unit */
    int64_t unit = 0;
    if (e.k < -100) {
        /* log1p(z) is z to 2^-101; z and top may be subnormal, so the sum is taken in units of 2^k. */
        unit = e.k;
        in_units.hi = ldexp_dd(in_units, -unit);
        sum = dd_add_d(e.m, in_units.hi);
    } else {
        double scale = exp2i(e.k);
        dd z = {e.m.hi * scale, e.m.lo * scale};
        sum = dd_add_d(log1p_dd(z), top);
    }
    /* Double-double leaves 2^-62 of top as absolute error. */
    if (fabs(sum.hi) < fabs(in_units.hi) * 0x1p-8) return logaddexp_near_zero(top, bottom);
    return ldexp_dd(sum, unit);
}

/* The smaller and the larger argument; NaN may come out as either. */
static inline double logaddexp_bottom(double a, double b) { return a > b ? b : a; }
static inline double logaddexp_top(double a, double b) { return a > b ? a : b; }

/* Right unless logaddexp_rare of the result, and without a branch. */
static inline double logaddexp_main(double a, double b) {
    double top = logaddexp_top(a, b), bottom = logaddexp_bottom(a, b);
    dd d = two_sum(bottom, -top);
    scaled_dd e = exp_of_minus_abs(d.hi);
    e.m.lo = vfma(e.m.hi, d.lo, e.m.lo);
    dd log_part = log1p_of_scaled(e), sum = two_sum(top, log_part.hi);
    double result = sum.hi + (sum.lo + log_part.lo);
    /* exp(-760) is 0; this includes a bottom of -infinity and a d of -infinity.  A d of NaN is equal infinities. */
    result = (d.hi < -760.0) | (d.hi != d.hi) ? top + 0.0 : result; /* log(exp(-0.0)) is +0.0 */
    return (a != a) | (b != b) ? a + b : result;
}

/* Do the two terms of this result cancel? */
static inline int logaddexp_rare(double a, double b, double result) {
    double top = logaddexp_top(a, b);
    return (top < 0.0) & (fabs(result) < 0.25 * fabs(top));
}

static inline double vlogaddexp(double a, double b) {
    double result = logaddexp_main(a, b);
    return logaddexp_rare(a, b, result) ? logaddexp_cancelling(logaddexp_top(a, b), logaddexp_bottom(a, b)) : result;
}

#endif
