/* How does wengert compute the error function and what follows from it: erf, erfc and the exact GELU?
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

static inline double vgelu(double x) {
    const dd sqrt_half = {0x1.6a09e667f3bcdp-1, -0x1.bdd3413b26456p-55};
    double a = fabs(x);
    a = a > 39.0 ? 39.0 : a; /* gelu(-39) is below the smallest subnormal, and Phi(9) rounds to 1 */
    dd z = dd_mul_d(sqrt_half, a);

    /* Beyond 1, Phi(-a) = m * 2^(k-1) by erfc(z).  On the left the result may be normal where Phi is not. */
    dd square = two_prod(a, a), half_square = {-0.5 * square.hi, -0.5 * square.lo};
    dd_exp2 e = exp_dd(half_square);
    dd two_z = {2.0 * z.hi, 2.0 * z.lo};
    dd m = dd_mul(e.m, dd_div(scaled_erfcx(z.hi), dd_add_d(two_z, 1.0)));
    double left = ldexp_dd(dd_mul_d(m, -a), e.k - 1);
    double scale = exp2i(e.k < -100 ? -101 : e.k - 1);
    dd minus_left_phi = {-m.hi * scale, -m.lo * scale}, right_phi = dd_add_d(minus_left_phi, 1.0);

    /* Between -1 and 1, Phi(x) = (1 + erf(z)) / 2. */
    double erf_z_lo = vfma(z.hi, erf_tail(z.hi * z.hi), z.lo);
    dd erf_z = {x < 0.0 ? -z.hi : z.hi, x < 0.0 ? -erf_z_lo : erf_z_lo};
    dd two_phi = dd_add_d(erf_z, 1.0);

    dd phi = {a < 1.0 ? 0.5 * two_phi.hi : right_phi.hi, a < 1.0 ? 0.5 * two_phi.lo : right_phi.lo};
    double other = copysign(dd_mul_d(phi, a).hi, x); /* copysign for -0, and for what rounds to it */
    return x > 39.0 ? x : x <= -1.0 ? left : other;
}

#endif
