/* How does uniform code run: instructions on single numbers? */
#ifndef WENGERT_UNIFORM_H
#define WENGERT_UNIFORM_H

#include "blocks.h"

/* The first failing guard is the one with the smallest number, wherever it stands. */
static int check_guard(const instr_t *in, double condition, int failed) {
    int fails = (condition != 0.0) != in->expected;
    return fails && (unsigned)in->b < (unsigned)failed ? in->b : failed;
}

#define A pool[in->a]
#define B pool[in->b]
#define C pool[in->c]

#define CHEAP_1(code, op) case code: pool[in->dst] = value_##op(A); break;
#define CHEAP_2(code, op) case code: pool[in->dst] = value_##op(A, B); break;
#define CHEAP_3(code, op) case code: pool[in->dst] = value_##op(A, B, C); break;
#define HEAVY_1(code, op) case code: pool[in->dst] = scalar_##op(A); break;
#define HEAVY_2(code, op) case code: pool[in->dst] = scalar_##op(A, B); break;
#define REPAIRED_1 HEAVY_1
#define REPAIRED_2 HEAVY_2

static int run_uniform_doubles(const instr_t *code, int n_code, double *pool) {
    int failed = -1;
    for (const instr_t *in = code; in < code + n_code; in++) {
        switch (in->op) {
#include "instructions.h"
        case CODE_GUARD: failed = check_guard(in, A, failed); break;
        }
    }
    return failed;
}

#undef CHEAP_1
#undef CHEAP_2
#undef CHEAP_3
#undef HEAVY_1
#undef HEAVY_2

#define CHEAP_1(code, op) case code: pool[in->dst] = single_##op((float)A); break;
#define CHEAP_2(code, op) case code: pool[in->dst] = single_##op((float)A, (float)B); break;
#define CHEAP_3(code, op) case code: pool[in->dst] = single_##op((float)A, (float)B, (float)C); break;
#define HEAVY_1(code, op) case code: pool[in->dst] = (float)scalar_##op(A); break;
#define HEAVY_2(code, op) case code: pool[in->dst] = (float)scalar_##op(A, B); break;

static int run_uniform_floats(const instr_t *code, int n_code, double *pool) {
    int failed = -1;
    for (const instr_t *in = code; in < code + n_code; in++) {
        switch (in->op) {
#include "instructions.h"
        case CODE_GUARD: failed = check_guard(in, A, failed); break;
        }
    }
    return failed;
}

#undef CHEAP_1
#undef CHEAP_2
#undef CHEAP_3
#undef HEAVY_1
#undef HEAVY_2
#undef REPAIRED_1
#undef REPAIRED_2
#undef A
#undef B
#undef C

static int run_uniform(const instr_t *code, int n_code, double *pool, int single) {
    return single ? run_uniform_floats(code, n_code, pool) : run_uniform_doubles(code, n_code, pool);
}

#endif
