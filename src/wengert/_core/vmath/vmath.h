/* All of vmath. */
#ifndef WENGERT_VMATH_H
#define WENGERT_VMATH_H
#include "exact.h"
#include "exp.h"
#include "log.h"
#include "power.h"
#include "hyperbolic.h"
#include "logaddexp.h"
#include "logistic.h"
#include "trig.h"
#include "inverse_trig.h"
#include "erf.h"
#include "roots.h"
#endif
