/* How does wengert compute sinh, cosh, tanh and their inverses?
 *
 * With exp(a) = 2^k * m, m = 1 + r + tail, of exp.h: sinh and cosh are 2^(k-1) * (m -+ 4^-k/m), and sinh below 1 is a
 * polynomial; tanh(a) = (exp(2a) - 1)/(exp(2a) + 1) = (m - 2^-k)/(m + 2^-k), whose quotient gets a correction from its
 * remainder.  The inverses are log1p in double-double, of the arguments in Kahan, "Branch cuts for complex elementary
 * functions" (1987), and Ng's fdlibm, which do not cancel:
 *
 *     asinh(a) = log1p(a + a^2/(1 + sqrt(1 + a^2))),  acosh(x) = log1p(t + sqrt(t*(t + 2))), t = x - 1,
 *     atanh(a) = log1p(2a/(1 - a))/2.
 *
 * Measured maximum error: sinh 0.84, cosh 0.81, tanh 0.92, the inverses 0.51 ulp.
 */
#ifndef WENGERT_VMATH_HYPERBOLIC_H
#define WENGERT_VMATH_HYPERBOLIC_H

#include "base.h"
#include "exp.h"
#include "log.h"

static inline double vtanh(double x) {
    double a = fabs(x);
    exp_reduced e = exp_reduce(2.0 * a);
    double inverse = inverse_scale(e.k);
    dd minus = fast_two_sum(1.0, -inverse), plus = fast_two_sum(1.0, inverse);
    dd numerator = fast_two_sum(minus.hi, e.r), denominator = fast_two_sum(plus.hi, e.r);
    numerator = fast_two_sum(numerator.hi, numerator.lo + (minus.lo + e.tail));
    denominator = fast_two_sum(denominator.hi, denominator.lo + (plus.lo + e.tail));
    dd quotient = quotient_dd(numerator, denominator);
    double y = quotient.hi + quotient.lo;
    return copysign(a > 20.0 ? 1.0 : y, x); /* tanh(20) rounds to 1 */
}

/* (exp(a) + sign * exp(-a)) / 2 for a >= 0; sign -1 only for a >= 1 (below, it cancels). */
static inline double exp_and_inverse(double a, double sign) {
    exp_reduced e = exp_reduce(a);
    scale_factors f = scale_factors_of(e.k);
    double inverse = a > 600.0 ? 0.0 : inverse_scale(e.k);
    dd m = fast_two_sum(1.0, e.r);
    dd sum = two_sum(m.hi, sign * inverse * inverse / (m.hi + (m.lo + e.tail)));
    double y = (sum.hi + (sum.lo + (m.lo + e.tail))) * f.first * (0.5 * f.second);
    return a > 720.0 ? HUGE_VAL : y;
}

static inline double vcosh(double x) { return exp_and_inverse(fabs(x), 1.0); }

static inline double vsinh(double x) {
    const double *c = SINH_TAIL;
    double a = fabs(x), z = x * x, z2 = z * z;
    double low = vfma(z, c[1], c[0]), middle = vfma(z, c[3], c[2]), high = vfma(z2, c[6], vfma(z, c[5], c[4]));
    double small = vfma(a * z, vfma(z2, vfma(z2, high, middle), low), a);
    return copysign(a < 1.0 ? small : exp_and_inverse(a, -1.0), x);
}

/* sqrt(a) for a.hi >= 0. */
static inline dd sqrt_dd(dd a) {
    double root = sqrt(a.hi);
    dd square = two_prod(root, root);
    double rest = (((a.hi - square.hi) - square.lo) + a.lo) / (2.0 * root);
    return fast_two_sum(root, a.hi > 0.0 ? rest : 0.0);
}

/* log(2x) from x = 2^28 on (there asinh and acosh are that, to 2^-58 of themselves), and log(1 + z) below. */
static inline double log_2x_or_log1p(double x, dd z) {
    dd argument = {x, 0.0};
    dd_log_parts p = log1p_parts_dd(z), q = log_parts_dd(argument);
    int large = x >= 0x1p28;
    p.k = large ? q.k + 1.0 : p.k;
    p.f.hi = large ? q.f.hi : p.f.hi;
    p.f.lo = large ? q.f.lo : p.f.lo;
    double y = log_of_parts_dd(p).hi;
    return x < HUGE_VAL ? y : x;
}

/* Below this asinh(x) and atanh(x) are x, to 2^-57. */
#define VMATH_ODD_LINEAR_BELOW 0x1p-28

static inline double vasinh(double x) {
    double a = fabs(x);
    dd square = two_prod(x, x), root = sqrt_dd(dd_add_d(square, 1.0));
    dd z = dd_add_d(dd_div(square, dd_add_d(root, 1.0)), a);
    double y = copysign(log_2x_or_log1p(a, z), x);
    return a < VMATH_ODD_LINEAR_BELOW ? x : y;
}

static inline double vacosh(double x) {
    dd t = two_sum(x, -1.0), square = dd_mul(t, dd_add_d(t, 2.0));
    double y = log_2x_or_log1p(x, dd_add(sqrt_dd(square), t));
    return x < 1.0 ? (double)NAN : y;
}

static inline double vatanh(double x) {
    double a = fabs(x);
    dd twice = {2.0 * a, 0.0}, y = log1p_dd(dd_div(twice, two_sum(1.0, -a)));
    double magnitude = a < VMATH_ODD_LINEAR_BELOW ? a : 0.5 * y.hi;
    magnitude = a < 1.0 ? magnitude : a == 1.0 ? HUGE_VAL : (double)NAN;
    return copysign(magnitude, x);
}

#endif
