/* How do strided rows of a group come into contiguous memory, and results out of it?
 *
 * Rows are numbered through a nest of outer axes.  Each function is there for doubles and floats. */
#ifndef WENGERT_ARRAY_LOOPS_H
#define WENGERT_ARRAY_LOOPS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "groups.h"

static walk_rows_t start_rows(char *base, int n_axes, const ptrdiff_t *shape, const ptrdiff_t *strides, ptrdiff_t row) {
    walk_rows_t w;
    w.shape = shape;
    w.strides = strides;
    w.n_axes = n_axes;
    w.at = base;
    for (int k = n_axes - 1; k >= 0; k--) {
        w.index[k] = row % shape[k];
        row /= shape[k];
        w.at += w.index[k] * strides[k];
    }
    return w;
}

static inline void next_row(walk_rows_t *w) {
    for (int k = w->n_axes - 1; k >= 0; k--) {
        w->at += w->strides[k];
        if (++w->index[k] < w->shape[k]) return;
        w->at -= w->shape[k] * w->strides[k];
        w->index[k] = 0;
    }
}

enum { FOLD_SUM = 1, FOLD_MAX = 2, FOLD_MIN = 3 };

/* As the ops max and min: a NaN wins. */
#define LARGER(a, b) ((a) >= (b) || (a) != (a) ? (a) : (b))
#define SMALLER(a, b) ((a) <= (b) || (a) != (a) ? (a) : (b))

/* One row folded to a number: eight running results, which are then taken together in pairs.  That is fast, and the
 * error of a sum grows with an eighth of its length only. */
#define SUM_ROW(T) \
    static double sum_row_##T(const T *x, ptrdiff_t n) { \
        double r[8]; \
        ptrdiff_t k = 0; \
        for (int j = 0; j < 8; j++) r[j] = -0.0; \
        for (; k + 8 <= n; k += 8) \
            for (int j = 0; j < 8; j++) r[j] += x[k + j]; \
        for (int j = 0; k + j < n; j++) r[j] += x[k + j]; \
        for (int half = 4; half; half /= 2) \
            for (int j = 0; j < half; j++) r[j] += r[j + half]; \
        return r[0]; \
    }

/* A comparison alone is one instruction on most processors, so NaNs are noted beside it. */
#define EXTREME_ROW(name, T, beats) \
    static T name(const T *x, ptrdiff_t n) { \
        T r[8], nan[8], y = x[0], bad = 0; \
        ptrdiff_t k = 0; \
        if (n >= 16) { \
            for (int j = 0; j < 8; j++) r[j] = y, nan[j] = 0; \
            for (; k + 8 <= n; k += 8) \
                for (int j = 0; j < 8; j++) { \
                    T z = x[k + j]; \
                    r[j] = z beats r[j] ? z : r[j]; \
                    nan[j] = z == z ? nan[j] : z; \
                } \
            for (int j = 0; j < 8; j++) { \
                y = r[j] beats y ? r[j] : y; \
                bad = nan[j] == nan[j] ? bad : nan[j]; \
            } \
        } \
        for (; k < n; k++) { \
            T z = x[k]; \
            y = z beats y ? z : y; \
            bad = z == z ? bad : z; \
        } \
        return bad == bad ? y : bad; \
    }

#define STRIDED_LOOPS(T) \
    static void gather_##T(walk_rows_t w, ptrdiff_t n_rows, ptrdiff_t n, ptrdiff_t stride, void *to) { \
        T *out = to; \
        for (ptrdiff_t row = 0; row < n_rows; row++, out += n, next_row(&w)) { \
            if (stride == sizeof(T)) { \
                const T *x = (const T *)w.at; \
                if (n >= 32) \
                    memcpy(out, x, (size_t)n * sizeof(T)); \
                else \
                    for (ptrdiff_t k = 0; k < n; k++) out[k] = x[k]; \
            } else { \
                for (ptrdiff_t k = 0; k < n; k++) out[k] = *(const T *)(w.at + k * stride); \
            } \
        } \
    } \
    static void scatter_##T(walk_rows_t w, ptrdiff_t n_rows, ptrdiff_t n, ptrdiff_t stride, const void *from) { \
        const T *x = from; \
        for (ptrdiff_t row = 0; row < n_rows; row++, x += n, next_row(&w)) \
            for (ptrdiff_t k = 0; k < n; k++) *(T *)(w.at + k * stride) = x[k]; \
    } \
    SUM_ROW(T) \
    EXTREME_ROW(max_row_##T, T, >) \
    EXTREME_ROW(min_row_##T, T, <) \
    static void fold_##T(int kind, walk_rows_t w, ptrdiff_t n_rows, ptrdiff_t n, ptrdiff_t stride, const void *from) { \
        const T *x = from; \
        for (ptrdiff_t row = 0; row < n_rows; row++, x += n, next_row(&w)) { \
            T *out = (T *)w.at; \
            ptrdiff_t step = stride / (ptrdiff_t)sizeof(T); \
            if (!stride && kind == FOLD_SUM) \
                *out = (T)(*out + sum_row_##T(x, n)); \
            else if (!stride && kind == FOLD_MAX) { \
                T y = max_row_##T(x, n); \
                *out = LARGER(*out, y); \
            } else if (!stride) { \
                T y = min_row_##T(x, n); \
                *out = SMALLER(*out, y); \
            } else if (kind == FOLD_SUM) \
                for (ptrdiff_t k = 0; k < n; k++) out[k * step] += x[k]; \
            else if (kind == FOLD_MAX) \
                for (ptrdiff_t k = 0; k < n; k++) out[k * step] = LARGER(out[k * step], x[k]); \
            else \
                for (ptrdiff_t k = 0; k < n; k++) out[k * step] = SMALLER(out[k * step], x[k]); \
        } \
    } \
    static void fill_##T(void *to, ptrdiff_t n, double number) { \
        T *out = to; \
        for (ptrdiff_t k = 0; k < n; k++) out[k] = (T)number; \
    }

STRIDED_LOOPS(double)
STRIDED_LOOPS(float)

/* Elements converted: 'd' double, 'f' float, 'q' int64; a number that no int64 holds becomes 0. */
static inline double read_number(const char *at, char type) {
    return type == 'd' ? *(const double *)at : type == 'f' ? (double)*(const float *)at : (double)*(const int64_t *)at;
}

/* One row.  Types are known in the loop, so that it is a straight run through memory. */
#define CONVERT(from_t, to_t) \
    for (ptrdiff_t k = 0; k < n; k++) *(to_t *)(to + k * to_stride) = (to_t)*(const from_t *)(from + k * from_stride);

static void convert_row(const char *from, ptrdiff_t from_stride, char from_type, char *to, ptrdiff_t to_stride,
                        char to_type, ptrdiff_t n) {
    const ptrdiff_t element = from_type == 'f' ? 4 : 8;
    if (to_type == 'q' && from_type != 'q')
        for (ptrdiff_t k = 0; k < n; k++) {
            double number = read_number(from + k * from_stride, from_type);
            *(int64_t *)(to + k * to_stride) = number > -9.2e18 && number < 9.2e18 ? (int64_t)number : 0;
        }
    else if (from_type == to_type && from_stride == element && to_stride == element)
        memcpy(to, from, (size_t)(n * element));
    else if (from_type == to_type && element == 8)
        CONVERT(int64_t, int64_t)
    else if (from_type == to_type)
        CONVERT(float, float)
    else if (from_type == 'q' && to_type == 'd')
        CONVERT(int64_t, double)
    else if (from_type == 'q')
        CONVERT(int64_t, float)
    else if (from_type == 'd')
        CONVERT(double, float)
    else
        CONVERT(float, double)
}

static void convert_rows(walk_rows_t from, ptrdiff_t from_stride, char from_type, walk_rows_t to, ptrdiff_t to_stride,
                         char to_type, ptrdiff_t n_rows, ptrdiff_t n) {
    for (ptrdiff_t row = 0; row < n_rows; row++, next_row(&from), next_row(&to))
        convert_row(from.at, from_stride, from_type, to.at, to_stride, to_type, n);
}

#endif
