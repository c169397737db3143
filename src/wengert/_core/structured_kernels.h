/* What computes structured ops without Python?
 *
 * One SIMD build of all their kernels; the contract stands in structured.h. */
#ifndef WENGERT_STRUCTURED_KERNELS_H
#define WENGERT_STRUCTURED_KERNELS_H

#include <limits.h>
#include <math.h>

#include "array_loops.h"
#include "blocks.h"
#include "structured.h"

/* Numbers that pass through kernels of the virtual machine together: few, for the stack. */
enum { CHUNK = 256 };

/* The axes of x from `first` to `end`. */
static inline array_t axes_between(const array_t *x, int first, int end) {
    array_t y = {x->data, end - first, {0}, {0}};
    for (int i = first; i < end; i++) {
        y.shape[i - first] = x->shape[i];
        y.strides[i - first] = x->strides[i];
    }
    return y;
}

/* The same memory with one more axis, of length 1. */
static inline array_t with_axis(array_t x, int axis) {
    for (int i = x.ndim; i > axis; i--) {
        x.shape[i] = x.shape[i - 1];
        x.strides[i] = x.strides[i - 1];
    }
    x.shape[axis] = 1;
    x.strides[axis] = 0;
    x.ndim++;
    return x;
}

/* ---- reductions ---- */

/* x reduced to out: by rows along a kept axis if that takes the smallest steps, else along a reduced one.  That axis
 * has `n` elements with `step` and `out_step`; `kept`, `out` and `reduced` are the other axes. */
typedef struct {
    array_t kept, out, reduced;
    ptrdiff_t n_kept, n_reduced, n, step, out_step;
    int by_rows;
} reduction_t;

static reduction_t plan_reduction(const array_t *arrays, int64_t bits, int may_go_by_rows) {
    const array_t *x = &arrays[0], *out = &arrays[1];
    reduction_t r = {{x->data, 0, {0}, {0}}, {out->data, 0, {0}, {0}}, {x->data, 0, {0}, {0}}, 0, 0, 1, 0, 0, 0};
    for (int i = 0, j = 0; i < x->ndim; i++) {
        const int reduces = bits >> i & 1;
        array_t *to = reduces ? &r.reduced : &r.kept;
        if (reduces && to->ndim && to->strides[to->ndim - 1] == x->shape[i] * x->strides[i]) {
            /* Next to the axis before: both are one. */
            to->shape[to->ndim - 1] *= x->shape[i];
            to->strides[to->ndim - 1] = x->strides[i];
        } else {
            to->shape[to->ndim] = x->shape[i];
            to->strides[to->ndim++] = x->strides[i];
        }
        if (!reduces) {
            r.out.shape[r.out.ndim] = out->shape[j];
            r.out.strides[r.out.ndim++] = out->strides[j];
        }
        j += !reduces || out->ndim == x->ndim;
    }
    r.n_kept = size_of(&r.kept);
    r.n_reduced = size_of(&r.reduced);
    const int row = innermost_axis(&r.kept), run = innermost_axis(&r.reduced);
    r.by_rows = may_go_by_rows && row >= 0 &&
                (run < 0 || magnitude(r.kept.strides[row]) < magnitude(r.reduced.strides[run]));
    if (r.by_rows) {
        r.n = r.kept.shape[row], r.step = r.kept.strides[row], r.out_step = r.out.strides[row];
        r.kept = without_axis(r.kept, row), r.out = without_axis(r.out, row);
    } else if (run >= 0) {
        r.n = r.reduced.shape[run], r.step = r.reduced.strides[run];
        r.reduced = without_axis(r.reduced, run);
    }
    return r;
}

#define MULTIPLY(a, b) ((a) * (b))

/* ---- keys ---- */

/* params: block, number of axes of what the key names, their lengths, number of places, the places. */
typedef struct {
    ptrdiff_t block, n;
    int ndim;
    ptrdiff_t shape[MAX_NDIM];
    const int64_t *places;
} key_places_t;

static key_places_t read_key(const int64_t *params) {
    key_places_t key = {(ptrdiff_t)params[0], 0, (int)params[1], {0}, NULL};
    for (int i = 0; i < key.ndim; i++) key.shape[i] = (ptrdiff_t)params[2 + i];
    key.n = (ptrdiff_t)params[2 + key.ndim];
    key.places = params + 3 + key.ndim;
    return key;
}

/* ---- matrices ---- */

/* Side of a tile that is transposed. */
enum { TILE = 32 };

typedef enum { DET, LOGABS, SIGN } of_det_t;

/* The outer axes of a and b, repeated to those of c, and of c. */
typedef struct { array_t arrays[3]; } matrix_stack_t;

static matrix_stack_t stack_of(const array_t *a, const array_t *b, const array_t *c) {
    const array_t outer = outer_axes(*c, 2);
    matrix_stack_t s = {{broadcast_to(outer_axes(*a, 2), outer.shape, outer.ndim),
                  broadcast_to(outer_axes(*b, 2), outer.shape, outer.ndim), outer}};
    return s;
}

/* ---- the kernels, for both types ---- */

#define AT(base, k, stride) (*(T *)((base) + (k) * (stride)))

#define T double
#define NAME(x) double_##x
#define LOG log
#define EXP exp
#define BLOCK(op) block_##op##_0
#include "structured_linear.h"
#include "structured_move.h"
#include "structured_random.h"
#include "structured_reduce.h"
#undef T
#undef NAME
#undef LOG
#undef EXP
#undef BLOCK

#define T float
#define NAME(x) float_##x
#define LOG logf
#define EXP expf
#define BLOCK(op) float_block_##op##_0
#include "structured_linear.h"
#include "structured_move.h"
#include "structured_random.h"
#include "structured_reduce.h"
#undef T
#undef NAME
#undef LOG
#undef EXP
#undef BLOCK

#undef AT

#define ROW(name) {#name, {double_##name, float_##name}}
static const named_kernel_t KERNELS[] = {
    ROW(matmul), ROW(solve), ROW(inv), ROW(det), ROW(logabsdet), ROW(signdet), ROW(cholesky), ROW(solve_triangular),
    ROW(getitem), ROW(scatter), ROW(put), ROW(put_add), ROW(concatenate), ROW(take), ROW(take_adjoint), ROW(take_along),
    ROW(take_along_adjoint), ROW(sum), ROW(prod), ROW(max), ROW(min), ROW(logsumexp), ROW(argmax), ROW(argmin),
    ROW(cumsum), ROW(cumprod), ROW(recurrence), ROW(argsort), ROW(searchsorted), ROW(uniform),
    /* Integers are moved like doubles, which are as wide. */
    {"take_integers", {double_take, double_take}},
};
#undef ROW

static const structured_t STRUCTURED = {KERNELS, sizeof KERNELS / sizeof *KERNELS, (void **)&double_lapack,
                                        (void **)&float_lapack};

#endif
