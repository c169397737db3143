/* How does wengert compute cube roots and the length of a vector in the plane?
 *
 * cbrt: |x| = m * 8^q with 1 <= m < 8; a polynomial gives m^(-1/3) to eight bits, two Newton-like steps (which need no
 * division) carry it to full precision, and a last step in dd rounds once.
 * hypot: a^2 + b^2 in dd, scaled by a power of two where squares could leave the range; a square root, and one step
 * with its residual.
 *
 * Measured maximum error: 0.5 ulp for both, but 0.75 for a subnormal hypot, which is rounded twice.
 */
#ifndef WENGERT_VMATH_ROOTS_H
#define WENGERT_VMATH_ROOTS_H

#include "base.h"
#include "coefficients.h"

static inline double vcbrt(double x) {
    double a = fabs(x);
    int subnormal = a < 0x1p-1022;
    uint64_t bits = bits_of(subnormal ? a * 0x1p54 : a);
    /* The biased exponent is 3*third + (0, 1 or 2); 1023 = 3 * 341.  21846/2^16 is 1/3 for exponents below 2^15. */
    uint64_t third = (bits >> 52) * 21846 >> 16;
    double m = double_of(bits - (3 * third << 52) + ((uint64_t)1023 << 52));
    double scale = double_of((third + (1023 - 341)) << 52);

    const double *c = CBRT_START;
    double mm = m * m;
    double y = vfma(vfma(c[5], m, c[4]), mm, vfma(c[3], m, c[2]));
    y = vfma(y, mm, vfma(c[1], m, c[0]));
    /* With h = 1 - m*y^3, m^(-1/3) = y * (1 - h)^(-1/3) = y * (1 + h/3 + 2/9 h^2 + 14/81 h^3 + ...): 8, 30, 53 bits. */
    double h = vfma(-m * y, y * y, 1.0);
    y = vfma(y * h, vfma(vfma(14.0 / 81.0, h, 2.0 / 9.0), h, 1.0 / 3.0), y);
    h = vfma(-m * y, y * y, 1.0);
    y = vfma(y * h, vfma(2.0 / 9.0, h, 1.0 / 3.0), y);

    /* m^(1/3) = root + (m - root^3) / (3 root^2), and 1/root^2 = y^2. */
    double root = m * (y * y);
    dd square = two_prod(root, root), cube = two_prod(square.hi, root);
    double rest = ((m - cube.hi) - cube.lo) - square.lo * root;
    root = vfma(rest, y * y * (1.0 / 3.0), root);
    root = copysign(root * (subnormal ? scale * 0x1p-18 : scale), x);
    return a > 0.0 && a < INFINITY ? root : x + x;
}

static inline double vhypot(double a, double b) {
    a = fabs(a);
    b = fabs(b);
    double longer = a > b ? a : b, shorter = a > b ? b : a;
    /* Between the bounds neither squares nor their rounding errors that matter leave the range. */
    int big = longer > 0x1p500, tiny = longer < 0x1p-450;
    double scale = big ? 0x1p-600 : tiny ? 0x1p600 : 1.0, unscale = big ? 0x1p600 : tiny ? 0x1p-600 : 1.0;
    longer *= scale;
    shorter *= scale;

    dd p = two_prod(longer, longer), q = two_prod(shorter, shorter);
    dd sum = fast_two_sum(p.hi, q.hi);
    sum.lo += p.lo + q.lo;
    double root = sqrt(sum.hi);
    dd back = two_prod(root, root);
    double rest = ((sum.hi - back.hi) - back.lo) + sum.lo;
    double length = root == 0.0 ? 0.0 : (root + rest / (2.0 * root)) * unscale;
    return a == INFINITY || b == INFINITY ? INFINITY : length;
}

#endif
