/* What is in vmath?
 *
 *     exp.h             exp exp2 expm1                              and in double-double exp_dd, ldexp_dd
 *     log.h             log log2 log10 log1p                        and in double-double log_dd, log1p_dd
 *     power.h           pow
 *     hyperbolic.h      sinh cosh tanh asinh acosh atanh
 *     logistic.h        sigmoid softplus silu logit
 *     logaddexp.h       logaddexp
 *     trig.h            sin cos tan
 *     inverse_trig.h    asin acos atan atan2
 *     erf.h             erf erfc erfcx gelu ndtr log_ndtr
 *     gamma.h           gammaln digamma trigamma polygamma
 *     roots.h           cbrt hypot
 *     exact.h           sqrt fabs floor ceil trunc round copysign mod   (correctly rounded in C already)
 *
 * each as `double vexp(double)`, at most 2 ulp from the true value over the whole domain, with the special values of
 * C's Annex F.  `python tools/vmath_errors.py` measures the errors in every build; docs/vmath.md has the results.
 */
#ifndef WENGERT_VMATH_H
#define WENGERT_VMATH_H

#include "erf.h"
#include "exact.h"
#include "exp.h"
#include "gamma.h"
#include "hyperbolic.h"
#include "inverse_trig.h"
#include "log.h"
#include "logaddexp.h"
#include "logistic.h"
#include "power.h"
#include "roots.h"
#include "trig.h"

#endif
