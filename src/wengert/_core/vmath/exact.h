/* Which primitives of the op table are exact or correctly rounded in C already?
 *
 * They are IEEE 754 operations or, as fmod, exact by definition: the same bits everywhere. */
#ifndef WENGERT_VMATH_EXACT_H
#define WENGERT_VMATH_EXACT_H

#include "base.h"

static inline double vsqrt(double x) { return sqrt(x); }
static inline double vfabs(double x) { return fabs(x); }
static inline double vfloor(double x) { return floor(x); }
static inline double vceil(double x) { return ceil(x); }
static inline double vtrunc(double x) { return trunc(x); }
static inline double vcopysign(double a, double b) { return copysign(a, b); }

/* To the nearest integer, ties to even, in the default rounding mode. */
static inline double vround(double x) { return rint(x); }

/* Remainder with the sign of the divisor.  fmod takes the sign of the dividend; one addition moves the remainder
 * over, and a zero gets the divisor's sign, as in Python. */
static inline double vmod(double a, double b) {
    double r = fmod(a, b);
    double moved = r + b;
    return r == 0 ? copysign(0.0, b) : ((r < 0) != (b < 0)) ? moved : r;
}

/* How often b goes into a, rounded down.  a minus its remainder is a multiple of b, so the quotient is an integer but
 * for rounding; vround removes that.  An infinite b goes into a finite a no time, or -1 times if the signs differ. */
static inline double vfloordiv(double a, double b) {
    double quotient = vround((a - vmod(a, b)) / b);
    double into_infinity = a != 0 && (a < 0) != (b < 0) ? -1.0 : copysign(0.0, a / b);
    return b == 0 ? a / b : isinf(b) && isfinite(a) ? into_infinity : quotient == 0 ? copysign(0.0, a / b) : quotient;
}

#endif
