/* What is an array in memory, and how does one walk over several of them at once? */
#ifndef WENGERT_STRIDED_H
#define WENGERT_STRIDED_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { MAX_NDIM = 8 };

/* Strides are in bytes: of any sign, and 0 where an array is repeated. */
typedef struct {
    char *data;
    int ndim;
    ptrdiff_t shape[MAX_NDIM], strides[MAX_NDIM];
} array_t;

static inline ptrdiff_t size_of(const array_t *x) {
    ptrdiff_t size = 1;
    for (int i = 0; i < x->ndim; i++) size *= x->shape[i];
    return size;
}

/* The same memory without some axis. */
static inline array_t without_axis(array_t x, int axis) {
    for (int i = axis; i + 1 < MAX_NDIM; i++) {
        x.shape[i] = x.shape[i + 1];
        x.strides[i] = x.strides[i + 1];
    }
    x.ndim--;
    return x;
}

/* The same memory with the leading axes of `x` and without its last `n` ones. */
static inline array_t outer_axes(array_t x, int n) {
    x.ndim -= n;
    return x;
}

/* x repeated to a shape. */
static inline array_t broadcast_to(array_t x, const ptrdiff_t *shape, int ndim) {
    array_t y = {x.data, ndim, {0}, {0}};
    for (int i = 0; i < ndim; i++) {
        int own = i - (ndim - x.ndim);
        y.shape[i] = shape[i];
        y.strides[i] = own < 0 || x.shape[own] != shape[i] ? 0 : x.strides[own];
    }
    return y;
}

enum { MAX_WALKED = 3 };

/* A walk over the elements of up to three arrays of one shape, in row-major order. */
typedef struct {
    int n, ndim;
    ptrdiff_t shape[MAX_NDIM], index[MAX_NDIM], strides[MAX_WALKED][MAX_NDIM];
    char *at[MAX_WALKED];
} odometer_t;

/* Axes of length 1 are left out. */
static inline odometer_t walk_over(int n, const array_t *const *arrays) {
    odometer_t w = {n, 0, {0}, {0}, {{0}}, {0}};
    for (int i = 0; i < arrays[0]->ndim; i++) {
        if (arrays[0]->shape[i] == 1) continue;
        w.shape[w.ndim] = arrays[0]->shape[i];
        for (int k = 0; k < n; k++) w.strides[k][w.ndim] = arrays[k]->strides[i];
        w.ndim++;
    }
    for (int k = 0; k < n; k++) w.at[k] = arrays[k]->data;
    return w;
}

/* To the next element; 0 at the end. */
static inline int next_element(odometer_t *w) {
    for (int i = w->ndim - 1; i >= 0; i--) {
        w->index[i]++;
        for (int k = 0; k < w->n; k++) w->at[k] += w->strides[k][i];
        if (w->index[i] < w->shape[i]) return 1;
        for (int k = 0; k < w->n; k++) w->at[k] -= w->shape[i] * w->strides[k][i];
        w->index[i] = 0;
    }
    return 0;
}

/* Where element number `k` in row-major order is. */
static inline char *element_at(const array_t *x, ptrdiff_t k) {
    char *at = x->data;
    for (int i = x->ndim - 1; i >= 0; i--) {
        at += k % x->shape[i] * x->strides[i];
        k /= x->shape[i];
    }
    return at;
}

static inline ptrdiff_t magnitude(ptrdiff_t stride) { return stride < 0 ? -stride : stride; }

/* The axis with the smallest steps through x, of those longer than 1; -1 if there is none. */
static inline int innermost_axis(const array_t *x) {
    int found = -1;
    for (int i = 0; i < x->ndim; i++)
        if (x->shape[i] > 1 && (found < 0 || magnitude(x->strides[i]) <= magnitude(x->strides[found]))) found = i;
    return found;
}

/* Is each row-major element next to the one before it? */
static inline int is_contiguous(const array_t *x, ptrdiff_t element) {
    for (int i = x->ndim - 1; i >= 0; i--) {
        if (x->shape[i] != 1 && x->strides[i] != element) return 0;
        element *= x->shape[i];
    }
    return 1;
}

#endif
