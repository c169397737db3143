/* What is the loop over uniform code?
 *
 * Included by uniform.h for doubles and for floats: RUN names the function, NUMBER is the type of the numbers, and
 * VALUE(op) computes an op in that type.
 *
 * gcc and clang jump from each instruction to the next, so that the processor learns what follows what: 1.1 ns per
 * instruction, against 1.9 with all jumps in one place. */
static int RUN(const instr_t *in, int n_code, double *pool) {
    const instr_t *end = in + n_code;
    int failed = -1;
    if (in == end) return failed;

#if defined(__GNUC__)
#define CASE(code, op) label_##op
#define NEXT \
    if (++in == end) return failed; \
    goto *labels[in->op];
#define OP_1(code, op) [code] = &&label_##op,
#define OP_2 OP_1
#define OP_3 OP_1
    static const void *const labels[N_INSTRUCTION_CODES] = {
#include "instructions.h"
        [CODE_GUARD] = &&label_guard,
    };
    goto *labels[in->op];
#else
#define CASE(code, op) case code
#define NEXT \
    if (++in == end) return failed; \
    goto next;
next:
    switch (in->op) {
#endif

#define LET(code, op, value) CASE(code, op): pool[in->dst] = value; NEXT
#define A (NUMBER)pool[in->a]
#define B (NUMBER)pool[in->b]
#define C (NUMBER)pool[in->c]
#define CHEAP_1(code, op) LET(code, op, VALUE(op)(A))
#define CHEAP_2(code, op) LET(code, op, VALUE(op)(A, B))
#define CHEAP_3(code, op) LET(code, op, VALUE(op)(A, B, C))
#define HEAVY_1(code, op) LET(code, op, (NUMBER)scalar_##op(A))
#define HEAVY_2(code, op) LET(code, op, (NUMBER)scalar_##op(A, B))
#define REPAIRED_1 HEAVY_1
#define REPAIRED_2 HEAVY_2
#include "instructions.h"
CASE(CODE_GUARD, guard): failed = check_guard(in, pool[in->a], failed); NEXT

#if !defined(__GNUC__)
    }
    return failed;
#endif
}

#undef CASE
#undef NEXT
#undef LET
#undef A
#undef B
#undef C
#undef RUN
#undef NUMBER
#undef VALUE
