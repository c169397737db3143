/* How does wengert compute pow?
 *
 * |x|^y = exp(y * log|x|) with logarithm, product and exponential in double-double: y*log|x| is at most 746 where the
 * result is finite and not 0, so the logarithm's relative error of 2^-68 becomes 2^-58 in the result, which is then
 * rounded once, also into the subnormals.  So a representable result is exact.  The sign and C's Annex F.10.4.4 (which
 * of 0, 1, infinity and NaN belongs to which special argument) are selected afterwards; there is no branch.
 *
 * Measured maximum error: 0.52 ulp.
 */
#ifndef WENGERT_VMATH_POWER_H
#define WENGERT_VMATH_POWER_H

#include "base.h"
#include "exp.h"
#include "log.h"

static inline double vpow(double x, double y) {
    const double infinity = HUGE_VAL;
    dd magnitude = {fabs(x), 0.0};
    /* For |y| >= 2^70, |x|^y is 0, 1 or infinity, as |log|x|| is 0 or above 2^-54; products stay finite. */
    dd exponent = dd_mul_d(log_dd(magnitude), clamp(y, -0x1p70, 0x1p70));
    dd_exp2 e = exp_dd(exponent);
    double power = ldexp_dd(e.m, e.k);

    /* 0 and infinity to a power. */
    double of_zero = y < 0.0 ? infinity : 0.0, of_infinity = y < 0.0 ? 0.0 : infinity;
    power = magnitude.hi == 0.0 ? of_zero : power;
    power = magnitude.hi == infinity ? of_infinity : power;
    /* A negative x needs an integer y (from 2^53 on, all are, and even), an odd one keeps the sign of x, also of -0. */
    double odd_sign = rint(0.5 * y) == 0.5 * y ? 1.0 : x, sign = rint(y) == y ? odd_sign : 1.0;
    double of_negative = rint(y) == y ? power : magnitude.hi == infinity ? power : (double)NAN;
    power = copysign(x < 0.0 ? of_negative : power, sign);
    power = x == x ? power : x;
    power = y == y ? power : y;
    power = x == 1.0 ? 1.0 : power;
    return y == 0.0 ? 1.0 : power;
}

#endif
