/* How does one instruction run over a block of lanes?
 *
 * A few operations of the hardware get a loop for every kind of operands and both types of lanes, so that each is a
 * straight run through memory.  A vmath function is large and takes longer than memory: it has one loop over doubles,
 * and other operands are brought into that form in pieces.  Some of these are free of branches only where arguments
 * are not rare; they run over all lanes that way, and rare lanes are computed once more. */
#ifndef WENGERT_BLOCKS_H
#define WENGERT_BLOCKS_H

#include <stddef.h>

#include "formulas.h"
#include "vm.h"

#if defined(__GNUC__)
/* gcc stops inlining a large function where it is called twice, and then its loop is not vectorised. */
#define INLINE_ALL __attribute__((flatten))
#define NOT_INLINE __attribute__((noinline))
#else
#define INLINE_ALL
#define NOT_INLINE
#endif
/* Four vectors at a time: a block of 256 lanes ends each loop after 8 turns instead of 32, 14 ns per instruction instead
 * of 17.  Other compilers unroll by themselves. */
#if defined(__GNUC__) && !defined(__clang__)
#define UNROLLED _Pragma("GCC unroll 4")
#else
#define UNROLLED
#endif
#ifdef _MSC_VER
#define restrict __restrict
#endif

/* ---- a few operations: a loop per kind; VARY and FIX say what an operand is ---- */

#define OPERAND_VARY(T, x, pointer) const T *restrict x = pointer
#define OPERAND_FIX(T, x, pointer) const T x = (T)*(const double *)(pointer)
#define LANE_VARY(x) x[k]
#define LANE_FIX(x) x

#define LOOP_1(name, T, value) \
    static void name(const void *pa, const void *pb, const void *pc, void *pout, ptrdiff_t n_eights) { \
        const T *restrict a = pa; \
        T *restrict out = pout; \
        (void)pb, (void)pc; \
        UNROLLED \
        for (size_t k = 0; k < 8 * (size_t)n_eights; k++) out[k] = value(a[k]); \
    }

#define LOOP_2(name, T, value, A, B) \
    static void name(const void *pa, const void *pb, const void *pc, void *pout, ptrdiff_t n_eights) { \
        OPERAND_##A(T, a, pa); \
        OPERAND_##B(T, b, pb); \
        T *restrict out = pout; \
        (void)pc; \
        UNROLLED \
        for (size_t k = 0; k < 8 * (size_t)n_eights; k++) out[k] = value(LANE_##A(a), LANE_##B(b)); \
    }

#define LOOP_3(name, T, value, A, B, C) \
    static void name(const void *pa, const void *pb, const void *pc, void *pout, ptrdiff_t n_eights) { \
        OPERAND_##A(T, a, pa); \
        OPERAND_##B(T, b, pb); \
        OPERAND_##C(T, c, pc); \
        T *restrict out = pout; \
        UNROLLED \
        for (size_t k = 0; k < 8 * (size_t)n_eights; k++) out[k] = value(LANE_##A(a), LANE_##B(b), LANE_##C(c)); \
    }

#define LOOPS_1(name, T, value) LOOP_1(name##_0, T, value)
#define LOOPS_2(name, T, value) \
    LOOP_2(name##_0, T, value, VARY, VARY) \
    LOOP_2(name##_1, T, value, FIX, VARY) \
    LOOP_2(name##_2, T, value, VARY, FIX)
#define LOOPS_3(name, T, value) \
    LOOP_3(name##_0, T, value, VARY, VARY, VARY) \
    LOOP_3(name##_1, T, value, FIX, VARY, VARY) \
    LOOP_3(name##_2, T, value, VARY, FIX, VARY) \
    LOOP_3(name##_3, T, value, FIX, FIX, VARY) \
    LOOP_3(name##_4, T, value, VARY, VARY, FIX) \
    LOOP_3(name##_5, T, value, FIX, VARY, FIX) \
    LOOP_3(name##_6, T, value, VARY, FIX, FIX)

#define CHEAP_1(code, op) LOOPS_1(block_##op, double, value_##op) LOOPS_1(float_block_##op, float, single_##op)
#define CHEAP_2(code, op) LOOPS_2(block_##op, double, value_##op) LOOPS_2(float_block_##op, float, single_##op)
#define CHEAP_3(code, op) LOOPS_3(block_##op, double, value_##op) LOOPS_3(float_block_##op, float, single_##op)

/* ---- vmath: one loop over doubles ---- */

typedef void (*loop1_t)(const double *a, double *out, ptrdiff_t n);
typedef void (*loop2_t)(const double *a, const double *b, double *out, ptrdiff_t n);

/* Lanes that are brought into another form together: they stay in L1, and need little stack. */
enum { PIECE = 64 };

static inline ptrdiff_t piece_size(ptrdiff_t left) { return left < PIECE ? left : PIECE; }

static void widen(const float *from, double *to, ptrdiff_t n) {
    for (ptrdiff_t k = 0; k < n; k++) to[k] = from[k];
}

static void narrow(const double *from, float *to, ptrdiff_t n) {
    for (ptrdiff_t k = 0; k < n; k++) to[k] = (float)from[k];
}

static void splat(double from, double *to, ptrdiff_t n) {
    for (ptrdiff_t k = 0; k < n; k++) to[k] = from;
}

static void loop_floats_1(loop1_t loop, const float *a, float *out, ptrdiff_t n) {
    double wide_a[PIECE], wide_out[PIECE];
    for (ptrdiff_t done = 0, size; done < n; done += size) {
        size = piece_size(n - done);
        widen(a + done, wide_a, size);
        loop(wide_a, wide_out, size);
        narrow(wide_out, out + done, size);
    }
}

/* `fixed` is the kind: which operand is a single double. */
static void loop_doubles_2(loop2_t loop, int fixed, const double *a, const double *b, double *out, ptrdiff_t n) {
    double single[PIECE];
    splat(fixed == 1 ? *a : *b, single, piece_size(n));
    for (ptrdiff_t done = 0, size; done < n; done += size) {
        size = piece_size(n - done);
        loop(fixed == 1 ? single : a + done, fixed == 2 ? single : b + done, out + done, size);
    }
}

static void loop_floats_2(loop2_t loop, int fixed, const void *a, const void *b, float *out, ptrdiff_t n) {
    double wide_a[PIECE], wide_b[PIECE], wide_out[PIECE];
    if (fixed == 1) splat(*(const double *)a, wide_a, piece_size(n));
    if (fixed == 2) splat(*(const double *)b, wide_b, piece_size(n));
    for (ptrdiff_t done = 0, size; done < n; done += size) {
        size = piece_size(n - done);
        if (fixed != 1) widen((const float *)a + done, wide_a, size);
        if (fixed != 2) widen((const float *)b + done, wide_b, size);
        loop(wide_a, wide_b, wide_out, size);
        narrow(wide_out, out + done, size);
    }
}

#define BLOCKS_1(op) \
    static void block_##op##_0(const void *a, const void *b, const void *c, void *out, ptrdiff_t n_eights) { \
        (void)b, (void)c; \
        loop_##op(a, out, 8 * n_eights); \
    } \
    static void float_block_##op##_0(const void *a, const void *b, const void *c, void *out, ptrdiff_t n_eights) { \
        (void)b, (void)c; \
        loop_floats_1(loop_##op, a, out, 8 * n_eights); \
    }

#define BLOCKS_2_FIXED(op, kind) \
    static void block_##op##_##kind(const void *a, const void *b, const void *c, void *out, ptrdiff_t n_eights) { \
        (void)c; \
        loop_doubles_2(loop_##op, kind, a, b, out, 8 * n_eights); \
    }
#define FLOAT_BLOCKS_2(op, kind) \
    static void float_block_##op##_##kind(const void *a, const void *b, const void *c, void *out, \
                                          ptrdiff_t n_eights) { \
        (void)c; \
        loop_floats_2(loop_##op, kind, a, b, out, 8 * n_eights); \
    }
#define BLOCKS_2(op) \
    static void block_##op##_0(const void *a, const void *b, const void *c, void *out, ptrdiff_t n_eights) { \
        (void)c; \
        loop_##op(a, b, out, 8 * n_eights); \
    } \
    BLOCKS_2_FIXED(op, 1) \
    BLOCKS_2_FIXED(op, 2) \
    FLOAT_BLOCKS_2(op, 0) \
    FLOAT_BLOCKS_2(op, 1) \
    FLOAT_BLOCKS_2(op, 2)

/* Uniform code computes one number at a time, by a call. */
#define SCALAR_1(op) \
    static NOT_INLINE double scalar_##op(double a) { return value_##op(a); }
#define SCALAR_2(op) \
    static NOT_INLINE double scalar_##op(double a, double b) { return value_##op(a, b); }

#define HEAVY_1(code, op) \
    SCALAR_1(op) \
    static INLINE_ALL void loop_##op(const double *restrict a, double *restrict out, ptrdiff_t n) { \
        for (ptrdiff_t k = 0; k < n; k++) out[k] = value_##op(a[k]); \
    } \
    BLOCKS_1(op)

#define HEAVY_2(code, op) \
    SCALAR_2(op) \
    static INLINE_ALL void loop_##op(const double *restrict a, const double *restrict b, double *restrict out, \
                                     ptrdiff_t n) { \
        for (ptrdiff_t k = 0; k < n; k++) out[k] = value_##op(a[k], b[k]); \
    } \
    BLOCKS_2(op)

#define REPAIRED_1(code, op) \
    SCALAR_1(op) \
    static NOT_INLINE void repair_##op(const double *a, double *out, ptrdiff_t n) { \
        for (ptrdiff_t k = 0; k < n; k++) \
            if (op##_rare(a[k], out[k])) out[k] = scalar_##op(a[k]); \
    } \
    static INLINE_ALL void loop_##op(const double *restrict a, double *restrict out, ptrdiff_t n) { \
        int rare = 0; \
        for (ptrdiff_t k = 0; k < n; k++) out[k] = op##_main(a[k]); \
        for (ptrdiff_t k = 0; k < n; k++) rare |= op##_rare(a[k], out[k]); \
        if (rare) repair_##op(a, out, n); \
    } \
    BLOCKS_1(op)

#define REPAIRED_2(code, op) \
    SCALAR_2(op) \
    static NOT_INLINE void repair_##op(const double *a, const double *b, double *out, ptrdiff_t n) { \
        for (ptrdiff_t k = 0; k < n; k++) \
            if (op##_rare(a[k], b[k], out[k])) out[k] = scalar_##op(a[k], b[k]); \
    } \
    static INLINE_ALL void loop_##op(const double *restrict a, const double *restrict b, double *restrict out, \
                                     ptrdiff_t n) { \
        int rare = 0; \
        for (ptrdiff_t k = 0; k < n; k++) out[k] = op##_main(a[k], b[k]); \
        for (ptrdiff_t k = 0; k < n; k++) rare |= op##_rare(a[k], b[k], out[k]); \
        if (rare) repair_##op(a, b, out, n); \
    } \
    BLOCKS_2(op)

#include "instructions.h"

/* ---- the tables: kernel of instruction `code` for `kind` at 8*code + kind ---- */

#define ENTRIES_1(code, block) [8 * code] = block##_0,
#define ENTRIES_2(code, block) ENTRIES_1(code, block) [8 * code + 1] = block##_1, [8 * code + 2] = block##_2,
#define ENTRIES_3(code, block) \
    ENTRIES_2(code, block) [8 * code + 3] = block##_3, [8 * code + 4] = block##_4, [8 * code + 5] = block##_5, \
    [8 * code + 6] = block##_6,

#define OP_1(code, op) ENTRIES_1(code, block_##op)
#define OP_2(code, op) ENTRIES_2(code, block_##op)
#define OP_3(code, op) ENTRIES_3(code, block_##op)
static const block_t BLOCKS[8 * N_INSTRUCTION_CODES] = {
#include "instructions.h"
};

#define OP_1(code, op) ENTRIES_1(code, float_block_##op)
#define OP_2(code, op) ENTRIES_2(code, float_block_##op)
#define OP_3(code, op) ENTRIES_3(code, float_block_##op)
static const block_t FLOAT_BLOCKS[8 * N_INSTRUCTION_CODES] = {
#include "instructions.h"
};

static void store_bools(const void *numbers, int single, char *restrict out, ptrdiff_t n) {
    const double *restrict doubles = numbers;
    const float *restrict floats = numbers;
    if (single)
        for (ptrdiff_t k = 0; k < n; k++) out[k] = floats[k] != 0.0f;
    else
        for (ptrdiff_t k = 0; k < n; k++) out[k] = doubles[k] != 0.0;
}

#endif
