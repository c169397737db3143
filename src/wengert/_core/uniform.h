/* How does uniform code run: instructions on single numbers? */
#ifndef WENGERT_UNIFORM_H
#define WENGERT_UNIFORM_H

#include "blocks.h"

/* The smallest number of a failing guard, when this one has been looked at; -1 is the largest unsigned number. */
static inline int check_guard(const instr_t *in, double condition, int failed) {
    int fails = (condition != 0.0) != in->expected;
    return fails && (unsigned)in->b < (unsigned)failed ? in->b : failed;
}

#define RUN run_uniform_doubles
#define NUMBER double
#define VALUE(op) value_##op
#include "uniform_loop.h"

#define RUN run_uniform_floats
#define NUMBER float
#define VALUE(op) single_##op
#include "uniform_loop.h"

static int run_uniform(const instr_t *code, int n_code, double *pool, int single) {
    return single ? run_uniform_floats(code, n_code, pool) : run_uniform_doubles(code, n_code, pool);
}

#endif
