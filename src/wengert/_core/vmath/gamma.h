/* How does wengert compute log|gamma| and its derivatives: gammaln, digamma, trigamma, polygamma?
 *
 * Up to 1, by the recurrence gamma(1 + x) = x gamma(x).  Between 1 and 3 a polynomial in w = (y - c)/(y + c), which
 * moves all poles to |w| >= 1 (the variable of Shepherd and Laframboise, Math. Comp. 36, 1981); the factors that vanish
 * at the zeros stand before it, so that gammaln and digamma keep their digits there.  From 3 on Stirling's series (DLMF
 * 5.11), the rest of it a polynomial in 1/x^2.  None of it has a branch: that is <op>_main.
 *
 * Arguments below 0 are rare, and go by reflection (DLMF 5.5) through r, which is x minus the nearest integer, exact.
 * There gammaln and digamma have zeros, two terms that cancel, of which none is special: the error is then small
 * against the terms, not the result.  polygamma of higher order is n! times Hurwitz's zeta(n + 1, x), by the
 * formula of Euler and Maclaurin, a loop.
 *
 * Measured maximum error: docs/vmath.md.
 */
#ifndef WENGERT_VMATH_GAMMA_H
#define WENGERT_VMATH_GAMMA_H

#include "base.h"
#include "coefficients.h"
#include "exact.h"
#include "log.h"
#include "power.h"

/* ---- between 1 and 3, and beyond ---- */

/* sum of c[k] * x^k for k < n, the even and the odd terms apart. */
static inline double even_odd(const double *c, int n, double x) {
    double x2 = x * x, even = c[n - 1 - (n % 2 == 0)], odd = c[n - 1 - n % 2];
    for (int k = n - 3 - (n % 2 == 0); k >= 0; k -= 2) even = vfma(even, x2, c[k]);
    for (int k = n - 3 - n % 2; k >= 1; k -= 2) odd = vfma(odd, x2, c[k]);
    return vfma(odd, x, even);
}

/* factor * (head + c[0] + c[1]*x + ...), with the first product exact. */
static inline double times_series(dd factor, double head, const double *c, int n, double x) {
    dd first = two_prod(factor.hi, head);
    double rest = even_odd(c, n, x);
    return first.hi + vfma(factor.hi, rest, vfma(factor.lo, head + rest, first.lo));
}

/* The argument of the polynomials: y = 1 + x up to 1, else x, mapped to |w| < 0.273 for 1 <= y <= 3. */
static inline double gamma_variable(double x) {
    const double c = 1.75; /* near sqrt(3), for which the ends of [1, 3] are equally far; y - c is exact */
    double y = x < 1.0 ? 1.0 + x : x;
    return (y - c) / (y + c);
}

/* 1/x = inverse + rest, but no rest where it is nothing or cannot be told. */
typedef struct { double inverse, rest; } reciprocal_parts;

static inline reciprocal_parts reciprocal_of(double x) {
    reciprocal_parts r = {1.0 / x, 0.0};
    dd product = two_prod(x, r.inverse);
    double rest = ((1.0 - product.hi) - product.lo) * r.inverse;
    r.rest = (x > 0x1p-500) & (x < 0x1p500) ? rest : 0.0;
    return r;
}

/* ---- gammaln ---- */

/* log|gamma(1 + x)| for 0 <= x < 1, log|gamma(x)| for 1 <= x < 3. */
static inline double gammaln_near(double x) {
    double from_zero = x < 1.0 ? x : x - 1.0;
    return times_series(two_prod(from_zero, from_zero - 1.0), 0.4375, GAMMALN_NEAR, 20, gamma_variable(x));
}

/* log|gamma(x)| for x >= 3, given log(x): (x - 1/2)(log(x) - 1) + (log(2 pi) - 1)/2 + S(1/x^2)/x. */
static inline dd gammaln_far(double x, dd log_x) {
    double inverse = 1.0 / x, series = inverse * even_odd(GAMMALN_FAR, 11, inverse * inverse);
    dd factor = two_sum(log_x.hi, -1.0);
    factor.lo += log_x.lo;
    double left = x - 0.5;
    dd product = two_prod(left, factor.hi);
    /* Where two_prod may overflow on its way, its rest is nothing. */
    double rest = x < 0x1p900 ? vfma(left, factor.lo, product.lo) : 0.0;
    dd sum = two_sum(x < 0x1p900 ? product.hi : left * (factor.hi + factor.lo), 0x1.acfe390c97d69p-2);
    dd y = {sum.hi, (x < 0x1p900 ? sum.lo : 0.0) + (rest + series)};
    return y;
}

/* log|gamma(x)| for 0 < x < infinity, not normalised. */
static inline dd gammaln_positive(double x, dd log_x) {
    double near = gammaln_near(x);
    dd small = two_sum(-log_x.hi, near), far = gammaln_far(x, log_x);
    small.lo -= log_x.lo;
    dd y = {x < 1.0 ? small.hi : x < 3.0 ? near : far.hi, x < 1.0 ? small.lo : x < 3.0 ? 0.0 : far.lo};
    return y;
}

static inline double gammaln_main(double x) {
    dd sum = gammaln_positive(x, log_pair(x));
    double y = sum.hi + sum.lo;
    y = x > 0x1.754d9278b51a7p+1014 ? HUGE_VAL : y; /* the largest argument with a finite value */
    y = x == 0.0 ? HUGE_VAL : y;
    return x != x ? x : y;
}

static inline int gammaln_rare(double x, double y) { (void)y; return x < 0.0; }

/* sin(pi r) / (pi r) - 1 for |r| <= 1/2. */
static inline double sinc_tail(double r) {
    double z = r * r;
    return z * even_odd(SINC_PI_TAIL, 9, z);
}

/* |gamma(-y)| = 1 / (y gamma(y) |sin(pi y)| / pi). */
static inline double gammaln_negative(double x) {
    double y = -x, r = fabs(y - vround(y));
    if (r == 0.0 || y == HUGE_VAL) return HUGE_VAL;
    dd log_y = log_pair(y), gammaln_y = gammaln_positive(y, log_y), log_r = log_pair(r);
    dd sine = fast_two_sum(1.0, sinc_tail(r)), log_sine = log_pair(sine.hi);
    log_sine.lo += sine.lo / sine.hi;
    /* Below 1, log(y) is in gammaln_y with the other sign, exactly. */
    dd sum = two_sum(gammaln_y.hi, log_y.hi), more = two_sum(log_r.hi, log_sine.hi), all = two_sum(sum.hi, more.hi);
    return -(all.hi + (all.lo + (sum.lo + more.lo + ((gammaln_y.lo + log_y.lo) + (log_r.lo + log_sine.lo)))));
}

static inline double vgammaln(double x) { return x < 0.0 ? gammaln_negative(x) : gammaln_main(x); }

/* ---- digamma ---- */

/* digamma(1 + x) for 0 <= x < 1, digamma(x) for x >= 1. */
static inline dd digamma_from_1(double x) {
    /* The zero of digamma between 1 and 3; where y is 1 + x, of x it is less by 1, exactly. */
    const double zero = 0x1.762d86356be3fp+0, zero_lo = 0x1.b86a722197829p-54;
    dd left = two_sum(x, x < 1.0 ? 1.0 - zero : -zero);
    left.lo -= zero_lo;
    double near = times_series(left, 0.859375, DIGAMMA_NEAR, 20, gamma_variable(x));
    dd log_x = log_pair(x);
    double inverse = 1.0 / x, z = inverse * inverse;
    double tail = vfma(-0.5, inverse, log_x.lo - z * even_odd(DIGAMMA_FAR, 15, z));
    /* Up to 3 the polynomial would do, but double the rounding errors of its terms. */
    dd y = {x < 2.5 ? near : log_x.hi, x < 2.5 ? 0.0 : tail};
    return y;
}

static inline double digamma_main(double x) {
    dd y = digamma_from_1(x);
    reciprocal_parts r = reciprocal_of(x);
    double small = -r.inverse + (y.hi - r.rest), large = y.hi + y.lo;
    return x < 1.0 ? small : x < HUGE_VAL ? large : x;
}

static inline int digamma_rare(double x, double y) { (void)y; return x < 0.0; }

/* digamma(-y) = digamma(1 + y) + pi cot(pi y). */
static inline double digamma_negative(double x) {
    double y = -x, r = y - vround(y);
    if (r == 0.0 || y == HUGE_VAL) return NAN;
    if (fabs(r) < 0x1p-500) return 1.0 / r;
    dd digamma_y = digamma_from_1(y);
    double z = r * r, inverse = y < 1.0 ? 0.0 : 1.0 / y;
    /* pi cot(pi r) = (1 + z*P(z)) / r. */
    reciprocal_parts cotangent = reciprocal_of(fabs(r));
    double sign = copysign(1.0, r), tail = z * even_odd(COT_PI_TAIL, 16, z) / r + sign * cotangent.rest;
    dd sum = two_sum(sign * cotangent.inverse, digamma_y.hi), more = two_sum(sum.hi, tail);
    return more.hi + (more.lo + (sum.lo + (digamma_y.lo + inverse)));
}

static inline double vdigamma(double x) { return x < 0.0 ? digamma_negative(x) : digamma_main(x); }

/* ---- trigamma ---- */

/* trigamma(1 + x) for 0 <= x < 1, trigamma(x) for x >= 1. */
static inline double trigamma_from_1(double x) {
    const dd one = {1.0, 0.0};
    double near = times_series(one, 1.3359375, TRIGAMMA_NEAR, 22, gamma_variable(x)) / (x < 1.0 ? 1.0 + x : x);
    reciprocal_parts r = reciprocal_of(x);
    double z = r.inverse * r.inverse;
    double far = r.inverse + (r.rest + z * vfma(r.inverse, even_odd(TRIGAMMA_FAR, 13, z), 0.5));
    return x < 3.0 ? near : far;
}

static inline double trigamma_main(double x) {
    reciprocal_parts r = reciprocal_of(x);
    double y = trigamma_from_1(x), small = r.inverse * r.inverse + (y + 2.0 * (x > 0x1p-500 ? r.inverse : 0.0) * r.rest);
    return x < 1.0 ? small : y;
}

static inline int trigamma_rare(double x, double y) { (void)y; return x < 0.0; }

/* trigamma(-y) = (pi/sin(pi y))^2 - trigamma(1 + y). */
static inline double trigamma_negative(double x) {
    double y = -x, r = fabs(y - vround(y));
    if (y == HUGE_VAL) return NAN;
    if (r < 0x1p-500) return 1.0 / r / r;
    dd sine = fast_two_sum(r, r * sinc_tail(r)); /* times 1/pi */
    reciprocal_parts v = reciprocal_of(sine.hi);
    double rest = v.rest - sine.lo * v.inverse * v.inverse, inverse = 1.0 / y;
    double above = trigamma_from_1(y) - (y < 1.0 ? 0.0 : inverse * inverse);
    return v.inverse * v.inverse + (2.0 * v.inverse * rest - above);
}

static inline double vtrigamma(double x) { return x < 0.0 ? trigamma_negative(x) : trigamma_main(x); }

/* ---- polygamma ---- */

/* n! fits into a double up to here. */
#define POLYGAMMA_MOST 170

/* x^s for integer s >= 1 by squaring: off by s half-ulps at most, and much faster than vpow. */
static inline double integer_power(double x, int s) {
    double y = s % 2 ? x : 1.0;
    for (s /= 2; s > 0; s /= 2) {
        x *= x;
        if (s % 2) y *= x;
    }
    return y;
}

/* n! zeta(n + 1, x), the sum of n!/(x + j)^(n + 1) over all j >= 0, for 0 <= x and integer 2 <= n <= POLYGAMMA_MOST. */
static inline double factorial_zeta(double n, double x) {
    /* B_2k / (2k)!, k from 1. */
    static const double bernoulli[10] = {
        0x1.5555555555555p-4, -0x1.6c16c16c16c17p-10, 0x1.1566abc011567p-15, -0x1.bbd779334ef0bp-21,
        0x1.66a8f2bf70ebep-26, -0x1.22805d644267fp-31, 0x1.d6db2c4e09162p-37, -0x1.7da4e1f79955cp-42,
        0x1.355871d652e9ep-47, -0x1.f57d968caacf1p-53};
    double factorial = 1.0, s = n + 1.0, a = x;
    dd sum = {0.0, 0.0};
    for (double k = 2.0; k <= n; k += 1.0) factorial *= k;
    if (x == 0.0 || x == HUGE_VAL) return x == 0.0 ? HUGE_VAL : 0.0;
    /* In units of the first term.  From n + 12 on, ten terms of the series leave 2^-58 of the first. */
    for (; a < n + 12.0; a += 1.0) {
        double term = integer_power(x / a, (int)s);
        double lost = sum.lo;
        sum = term > sum.hi ? fast_two_sum(term, sum.hi) : fast_two_sum(sum.hi, term);
        sum.lo += lost;
        if (term < 0x1p-60 * sum.hi) break;
    }
    if (a >= n + 12.0) {
        double first = integer_power(x / a, (int)s), z = 1.0 / (a * a), rising = s / a, tail = 0.0;
        for (int k = 0; k < 10; k++) {
            tail = vfma(rising, bernoulli[k], tail);
            rising *= (s + 2 * k + 1.0) * (s + 2 * k + 2.0) * z;
        }
        sum = dd_add_d(sum, first * (a / n + (0.5 + tail)));
    }
    /* A power of which the factorial takes nothing back: it is out of range only where the product is. */
    double half = vfloor(0.5 * s);
    return factorial * vpow(x, -half) * vpow(x, half - s) * (sum.hi + sum.lo);
}

/* Integer n >= 2: (-1)^(n+1) n! times the sum of 1/(x + j)^(n + 1), of which a negative x has terms of both signs. */
static inline double polygamma_series(double n, double x) {
    double sign = vmod(n, 2.0) == 0.0 ? -1.0 : 1.0;
    if (x > 0.0 || x != x) return sign * factorial_zeta(n, x);
    if (x == 0.0) return sign > 0.0 ? HUGE_VAL : copysign(HUGE_VAL, -x);
    double y = -x, r = x - vround(x);
    if (y == HUGE_VAL) return NAN;
    if (r == 0.0) return sign > 0.0 ? HUGE_VAL : NAN;
    /* The sum over all integers j, of 1/(r + j)^s, without what lies beyond x; s = n + 1 is odd where sign < 0. */
    double above = factorial_zeta(n, fabs(r)), below = factorial_zeta(n, 1.0 - fabs(r));
    double all = r > 0.0 ? above + sign * below : sign * above + below;
    return sign * all - factorial_zeta(n, 1.0 + y);
}

static inline double vpolygamma(double n, double x) {
    if (!(n >= 0.0 && n <= POLYGAMMA_MOST && vfloor(n) == n)) return NAN;
    return n == 0.0 ? vdigamma(x) : n == 1.0 ? vtrigamma(x) : polygamma_series(n, x);
}

#endif
