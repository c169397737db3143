/* How does wengert compute the error function and what follows from it: erf, erfc, erfcx, the exact GELU,
 * the normal distribution function ndtr and its logarithm?
 *
 * erf(x) is x + x*P(x^2) up to 0.875 and 1 - exp(Q(|x|)) beyond, with a polynomial Q for log(erfc): smoother than erfc
 * itself, and 1 - exp(Q) forgives its rounding.  No branch, no division.
 * erfc(x) is exp(-x^2) * erfcx(x), and (1 + 2x) erfcx(x) is a polynomial in t = (x - 4)/(x + 4): Shepherd and
 * Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x", Math. Comp. 36 (1981).  The exponent and the
 * last steps are dd, and the scaling comes last, so that the tail is good down to the smallest subnormal.  Up to 0.75
 * erfc is 1 - x - x*P(x^2).
 * gelu(x) = x * Phi(x) with the normal distribution Phi(-x) = erfc(x/sqrt(2)) / 2 likewise (Hendrycks and Gimpel 2016).
 *
 * Measured maximum error: 1.05 ulp for erf and erfc, 1.0 for gelu.
 */
#ifndef WENGERT_VMATH_ERF_H
#define WENGERT_VMATH_ERF_H

#include "base.h"
#include "coefficients.h"
#include "exp.h"
#include "log.h"

/* c[0] + c[1]*x + c[2]*x^2 + c[3]*x^3, given x2 = x^2. */
static inline double four_terms(const double *c, double x, double x2) {
    return vfma(vfma(c[3], x, c[2]), x2, vfma(c[1], x, c[0]));
}

/* Up to here erf is x + x*erf_tail; beyond, 1 - erfc does not cancel much any more. */
#define ERF_SEAM 0.875

/* erf(x)/x - 1 in z = x^2, for |x| <= ERF_SEAM. */
static inline double erf_tail(double z) {
    const double *c = ERF_TAIL;
    double z2 = z * z, z4 = z2 * z2;
    return vfma(vfma(four_terms(c + 8, z, z2), z4, four_terms(c + 4, z, z2)), z4, four_terms(c, z, z2));
}

/* log(erfc(ERF_SEAM + d)): good to 2^-60 for d <= 2.625, and up to d = 5.125 to what 1 - erfc needs.  c[0] is by far
 * the largest term where the error counts, and comes last: it alone costs a rounding of the sum's size. */
static inline double log_erfc(double d) {
    const double *c = LOG_ERFC + 1;
    double d2 = d * d, d4 = d2 * d2, d8 = d4 * d4;
    double low = vfma(four_terms(c + 4, d, d2), d4, four_terms(c, d, d2));
    double middle = vfma(four_terms(c + 12, d, d2), d4, four_terms(c + 8, d, d2));
    return vfma(d, vfma(vfma(four_terms(c + 16, d, d2), d8, middle), d8, low), LOG_ERFC[0]);
}

static inline double verf(double x) {
    double a = fabs(x);
    a = a > 6.0 ? 6.0 : a; /* erf(5.93) rounds to 1 */
    double inner = vfma(a, erf_tail(a * a), a), outer = 1.0 - vexp(log_erfc(a - ERF_SEAM));
    return copysign(a < ERF_SEAM ? inner : outer, x);
}

/* (1 + 2x) exp(x^2) erfc(x) for 0 <= x <= 28. */
static inline dd scaled_erfcx(double x) {
    const double *c = ERFCX_TAIL;
    double t = (x - 4.0) / (x + 4.0), t2 = t * t, t4 = t2 * t2, t8 = t4 * t4;
    double low = vfma(four_terms(c + 4, t, t2), t4, four_terms(c, t, t2));
    double middle = vfma(four_terms(c + 12, t, t2), t4, four_terms(c + 8, t, t2));
    double high = vfma(four_terms(c + 20, t, t2), t4, four_terms(c + 16, t, t2));
    return fast_two_sum(1.125, vfma(vfma(high, t8, middle), t8, low));
}

static inline double verfc(double x) {
    double a = fabs(x);
    a = a > 28.0 ? 28.0 : a; /* erfc(28) is far below the smallest subnormal */
    dd one_x = two_sum(1.0, -x);
    double inner = one_x.hi + vfma(-x, erf_tail(x * x), one_x.lo);

    dd_exp2 e = exp_dd(dd_neg(two_prod(a, a)));
    dd erfcx = dd_div(scaled_erfcx(a), two_sum(1.0, 2.0 * a));
    double tail = ldexp_dd(dd_mul(e.m, erfcx), e.k);
    /* Below 1/2 the error of scaled_erfcx would show, near 1 that of the cancelling inner sum. */
    return a < 0.75 ? inner : x < 0.0 ? 2.0 - tail : tail;
}

/* ---- what follows from the normal distribution function Phi(x) = erfc(-x/sqrt(2)) / 2 ---- */

/* a/sqrt(2). */
static inline dd normal_argument(double a) {
    const dd sqrt_half = {0x1.6a09e667f3bcdp-1, -0x1.bdd3413b26456p-55};
    return dd_mul_d(sqrt_half, a);
}

/* Phi(-a) = m * 2^(k-1) for 0 <= a <= 39, z = a/sqrt(2); good from 1 on. */
static inline dd_exp2 normal_tail(double a, dd z) {
    dd square = two_prod(a, a), half_square = {-0.5 * square.hi, -0.5 * square.lo};
    dd_exp2 e = exp_dd(half_square);
    dd two_z = {2.0 * z.hi, 2.0 * z.lo};
    e.m = dd_mul(e.m, dd_div(scaled_erfcx(z.hi), dd_add_d(two_z, 1.0)));
    return e;
}

/* Phi(x) for x > -1 and |x| = a <= 39. */
static inline dd normal_right(double x, double a, dd z, dd_exp2 tail) {
    double scale = exp2i(tail.k < -100 ? -101 : tail.k - 1);
    dd minus_left = {-tail.m.hi * scale, -tail.m.lo * scale}, right = dd_add_d(minus_left, 1.0);

    /* Between -1 and 1, Phi(x) = (1 + erf(z)) / 2. */
    double erf_z_lo = vfma(z.hi, erf_tail(z.hi * z.hi), z.lo);
    dd erf_z = {x < 0.0 ? -z.hi : z.hi, x < 0.0 ? -erf_z_lo : erf_z_lo};
    dd two_phi = dd_add_d(erf_z, 1.0);

    dd phi = {a < 1.0 ? 0.5 * two_phi.hi : right.hi, a < 1.0 ? 0.5 * two_phi.lo : right.lo};
    return phi;
}

static inline double vgelu(double x) {
    double a = fabs(x);
    a = a > 39.0 ? 39.0 : a; /* gelu(-39) is below the smallest subnormal, and Phi(9) rounds to 1 */
    dd z = normal_argument(a);
    dd_exp2 tail = normal_tail(a, z);
    /* On the left the result may be normal where Phi is not. */
    double left = ldexp_dd(dd_mul_d(tail.m, -a), tail.k - 1);
    /* copysign for -0, and for what rounds to it */
    double other = copysign(dd_mul_d(normal_right(x, a, z, tail), a).hi, x);
    return x > 39.0 ? x : x <= -1.0 ? left : other;
}

static inline double vndtr(double x) {
    double a = fabs(x);
    a = a > 39.0 ? 39.0 : a;
    dd z = normal_argument(a);
    dd_exp2 tail = normal_tail(a, z);
    return x <= -1.0 ? ldexp_dd(tail.m, tail.k - 1) : normal_right(x, a, z, tail).hi;
}

/* ---- erfcx and the logarithm of Phi ---- */

/* erfcx(x) = exp(x^2) erfc(x) for 0 <= x < infinity; from 28 on by its asymptotic series (DLMF 7.12.1). */
static inline dd erfcx_positive(double x) {
    dd near = dd_div(scaled_erfcx(x), two_sum(1.0, 2.0 * x));
    double inverse = 1.0 / x, u = inverse * inverse;
    double low = vfma(u, vfma(u, vfma(u, 6.5625, -1.875), 0.75), -0.5);
    double series = vfma(u * u * u * u, vfma(u, vfma(u, -1055.7421875, 162.421875), -29.53125), low);
    double first = inverse * 0x1.20dd750429b6dp-1; /* 1/sqrt(pi) */
    dd far = fast_two_sum(first, first * u * series);
    dd y = {x > 28.0 ? far.hi : near.hi, x > 28.0 ? far.lo : near.lo};
    return y;
}

static inline double verfcx(double x) {
    double a = fabs(x);
    dd right = erfcx_positive(a);
    a = a > 30.0 ? 30.0 : a; /* erfcx(-27) is infinite */
    dd_exp2 e = exp_dd(two_prod(a, a));
    /* Between -0.75 and 0.75, where the error of scaled_erfcx would show, exp(x^2) * (1 - erf(x)). */
    double scale = exp2i(e.k > 100 ? 100 : e.k);
    dd exp_square = {e.m.hi * scale, e.m.lo * scale}, one_x = two_sum(1.0, -x);
    dd erfc = {one_x.hi, vfma(-x, erf_tail(x * x), one_x.lo)}, inner = dd_mul(exp_square, erfc);
    /* erfcx(-a) = 2 exp(a^2) - erfcx(a), of which the second counts only while the first is small. */
    dd two_exp = {2.0 * exp_square.hi, 2.0 * exp_square.lo}, left = dd_add(two_exp, dd_neg(right));
    double y = x > 0.0 ? right.hi : e.k > 100 ? ldexp_dd(e.m, e.k + 1) : left.hi;
    y = a < 0.75 ? inner.hi : y;
    return x != x ? x : y;
}

static inline double vlog_ndtr(double x) {
    double a = fabs(x), b = a > 0x1p40 ? 0x1p40 : a, c = a > 39.0 ? 39.0 : a;
    /* On the left -a^2/2 + log(erfcx(a/sqrt(2))/2), both negative. */
    dd q = erfcx_positive(normal_argument(b).hi), log_q = log_pair(0.5 * q.hi), square = two_prod(b, b);
    dd sum = two_sum(-0.5 * square.hi, log_q.hi);
    double left = sum.hi + (sum.lo + (vfma(-0.5, square.lo, log_q.lo) + q.lo / q.hi));
    left = a > 0x1p40 ? -0.5 * a * a : left; /* from there on that is all */
    /* Up to 0.75 the logarithm itself, on the right that of 1 minus the small rest. */
    dd z = normal_argument(c);
    dd_exp2 tail = normal_tail(c, z);
    dd phi = normal_right(x, c, z, tail), log_phi = log_pair(phi.hi);
    double middle = log_phi.hi + (log_phi.lo + phi.lo / phi.hi), right = vlog1p(-ldexp_dd(tail.m, tail.k - 1));
    return x <= -1.0 ? left : x <= 0.75 ? middle : right;
}

#endif
