/* What do all vmath functions build on?
 *
 * Fused multiply-add, bit casts, powers of two, and double-double ("dd") arithmetic: an unevaluated sum hi + lo
 * with |lo| <= ulp(hi)/2, good for about 106 bits.  Error-free transformations after Dekker (1971) and
 * Knuth (TAOCP 2, 4.2.2); dd products and quotients after Joldes, Muller, Popescu, "Tight and rigorous error bounds
 * for basic building blocks of double-word arithmetic", ACM TOMS 44 (2017).
 *
 * Everything is `static inline` and free of branches, so that a loop over any of it vectorises, and it needs no
 * compiler flag that changes IEEE values: only -fno-math-errno and -fno-trapping-math, and -ffp-contract=off.
 */
#ifndef WENGERT_VMATH_BASE_H
#define WENGERT_VMATH_BASE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__FMA__) || defined(__aarch64__) || (defined(_MSC_VER) && defined(__AVX2__))
#define VMATH_HARDWARE_FMA 1
#else
#define VMATH_HARDWARE_FMA 0
#endif

/* a*b + c.  One rounding where the hardware has fma, two where it has not: use it where both are within the error
 * bound (polynomials); where the rounding error itself is wanted, use two_prod. */
static inline double vfma(double a, double b, double c) {
#if VMATH_HARDWARE_FMA
    return fma(a, b, c);
#else
    return a * b + c;
#endif
}

static inline uint64_t bits_of(double x) { uint64_t u; memcpy(&u, &x, 8); return u; }
static inline double double_of(uint64_t u) { double x; memcpy(&x, &u, 8); return x; }

/* 2^k for -1022 <= k <= 1023. */
static inline double exp2i(int64_t k) { return double_of((uint64_t)(k + 1023) << 52); }

/* Adding 1.5 * 2^52 rounds |x| < 2^51 to the nearest integer (ties to even) and leaves it in the low bits. */
#define VMATH_SHIFT 0x1.8p52

typedef struct { double hi, lo; } dd;

/* a + b exactly. */
static inline dd two_sum(double a, double b) {
    dd r;
    r.hi = a + b;
    double a1 = r.hi - b, b1 = r.hi - a1;
    r.lo = (a - a1) + (b - b1);
    return r;
}

/* a + b exactly, if |a| >= |b| or a == 0. */
static inline dd fast_two_sum(double a, double b) {
    dd r;
    r.hi = a + b;
    r.lo = b - (r.hi - a);
    return r;
}

/* a * b exactly, barring underflow of the error term; without fma also barring |a|, |b| > 2^996 (Veltkamp's split). */
static inline dd two_prod(double a, double b) {
    dd r;
    r.hi = a * b;
#if VMATH_HARDWARE_FMA
    r.lo = fma(a, b, -r.hi);
#else
    double ca = 134217729.0 * a, cb = 134217729.0 * b; /* 2^27 + 1 */
    double ah = ca - (ca - a), bh = cb - (cb - b), al = a - ah, bl = b - bh;
    r.lo = ((ah * bh - r.hi) + ah * bl + al * bh) + al * bl;
#endif
    return r;
}

static inline dd dd_add_d(dd a, double b) {
    dd s = two_sum(a.hi, b);
    return fast_two_sum(s.hi, s.lo + a.lo);
}

static inline dd dd_add(dd a, dd b) {
    dd s = two_sum(a.hi, b.hi), t = two_sum(a.lo, b.lo);
    s = fast_two_sum(s.hi, s.lo + t.hi);
    return fast_two_sum(s.hi, s.lo + t.lo);
}

static inline dd dd_neg(dd a) { dd r = {-a.hi, -a.lo}; return r; }

static inline dd dd_mul_d(dd a, double b) {
    dd p = two_prod(a.hi, b);
    return fast_two_sum(p.hi, vfma(a.lo, b, p.lo));
}

static inline dd dd_mul(dd a, dd b) {
    dd p = two_prod(a.hi, b.hi);
    return fast_two_sum(p.hi, p.lo + vfma(a.hi, b.lo, a.lo * b.hi));
}

static inline dd dd_div(dd a, dd b) {
    double q = a.hi / b.hi;
    dd p = two_prod(q, b.hi);
    double rest = (((a.hi - p.hi) - p.lo) + a.lo) - q * b.lo;
    return fast_two_sum(q, rest / b.hi);
}

#endif
