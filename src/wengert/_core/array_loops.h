/* How do strided rows of a group come into contiguous memory, and results out of it?
 *
 * Rows are numbered through a nest of outer axes.  Each function is there for doubles and floats. */
#ifndef WENGERT_ARRAY_LOOPS_H
#define WENGERT_ARRAY_LOOPS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "blocks.h"
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
#define ADD(a, b) ((a) + (b))
#define LARGER(a, b) (((a) >= (b)) | ((a) != (a)) ? (a) : (b))
#define SMALLER(a, b) (((a) <= (b)) | ((a) != (a)) ? (a) : (b))

/* A long row summed: eight running sums, which are then added in pairs, and what is left.  That is fast, and the error
 * grows with an eighth of the length only. */
#define SUM_ROW(T) \
    static NOT_INLINE T sum_row_##T(const T *x, ptrdiff_t n) { \
        double r[8], rest = 0; \
        ptrdiff_t k = 8; \
        for (int j = 0; j < 8; j++) r[j] = x[j]; \
        for (; k + 8 <= n; k += 8) \
            for (int j = 0; j < 8; j++) r[j] += x[k + j]; \
        for (; k < n; k++) rest += x[k]; \
        return (T)(((r[0] + r[4]) + (r[2] + r[6])) + ((r[1] + r[5]) + (r[3] + r[7])) + rest); \
    }

/* A comparison alone is one instruction on most processors, so NaNs are noted beside it. */
#define EXTREME_ROW(name, T, beats) \
    static NOT_INLINE T name(const T *x, ptrdiff_t n) { \
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

/* Rows along one outer axis. */
typedef struct { char *at; ptrdiff_t stride, count; } rows_t;

/* The next of at most `left` rows; the walk goes on behind them. */
static inline rows_t next_rows(walk_rows_t *w, ptrdiff_t left) {
    const int last = w->n_axes - 1;
    rows_t rows = {w->at, last < 0 ? 0 : w->strides[last], last < 0 ? 1 : w->shape[last] - w->index[last]};
    if (rows.count > left) rows.count = left;
    if (last >= 0 && rows.count) {
        w->index[last] += rows.count - 1;
        w->at += (rows.count - 1) * rows.stride;
        next_row(w);
    }
    return rows;
}

/* Rows of a few elements are most of what these loops see where they matter, so the commonest lengths are known to the
 * compiler: it keeps a row in registers. */
#define BY_LENGTH(n, call) \
    switch (n) { \
    case 2: call(2); break; \
    case 3: call(3); break; \
    case 4: call(4); break; \
    case 5: call(5); break; \
    case 6: call(6); break; \
    case 7: call(7); break; \
    case 8: call(8); break; \
    default: call(n); \
    }

#define FOLD_LOOPS(T, name, of_two, of_row) \
    /* Each row to a number. */ \
    static inline void name##_rows_##T(rows_t to, const T *x, ptrdiff_t n) { \
        for (ptrdiff_t row = 0; row < to.count; row++, x += n) { \
            T *out = (T *)(to.at + row * to.stride), y = x[0]; \
            for (ptrdiff_t k = 1; k < n; k++) y = of_two(y, x[k]); \
            *out = of_two(*out, y); \
        } \
    } \
    static void name##_each_##T(rows_t to, const T *x, ptrdiff_t n) { \
        if (n <= 8) { \
            BY_LENGTH(n, name##_CALL_EACH_##T) \
            return; \
        } \
        for (ptrdiff_t row = 0; row < to.count; row++, x += n) { \
            T *out = (T *)(to.at + row * to.stride), y = of_row(x, n); \
            *out = of_two(*out, y); \
        } \
    } \
    /* All rows to one. */ \
    static inline void name##_few_columns_##T(T *restrict out, ptrdiff_t step, const T *x, ptrdiff_t n_rows, \
                                              ptrdiff_t n) { \
        T y[8]; \
        for (ptrdiff_t k = 0; k < n; k++) y[k] = out[k * step]; \
        for (ptrdiff_t row = 0; row < n_rows; row++, x += n) \
            for (ptrdiff_t k = 0; k < n; k++) y[k] = of_two(y[k], x[k]); \
        for (ptrdiff_t k = 0; k < n; k++) out[k * step] = y[k]; \
    } \
    static void name##_along_##T(rows_t to, ptrdiff_t step, const T *restrict x, ptrdiff_t n) { \
        if (!to.stride && n <= 8) { \
            BY_LENGTH(n, name##_CALL_ALONG_##T) \
            return; \
        } \
        for (ptrdiff_t row = 0; row < to.count; row++, x += n) { \
            T *restrict out = (T *)(to.at + row * to.stride); \
            if (step == 1) \
                for (ptrdiff_t k = 0; k < n; k++) out[k] = of_two(out[k], x[k]); \
            else \
                for (ptrdiff_t k = 0; k < n; k++) out[k * step] = of_two(out[k * step], x[k]); \
        } \
    }
#define sum_CALL_EACH_double(n) sum_rows_double(to, x, n)
#define max_CALL_EACH_double(n) max_rows_double(to, x, n)
#define min_CALL_EACH_double(n) min_rows_double(to, x, n)
#define sum_CALL_EACH_float(n) sum_rows_float(to, x, n)
#define max_CALL_EACH_float(n) max_rows_float(to, x, n)
#define min_CALL_EACH_float(n) min_rows_float(to, x, n)
#define sum_CALL_ALONG_double(n) sum_few_columns_double((double *)to.at, step, x, to.count, n)
#define max_CALL_ALONG_double(n) max_few_columns_double((double *)to.at, step, x, to.count, n)
#define min_CALL_ALONG_double(n) min_few_columns_double((double *)to.at, step, x, to.count, n)
#define sum_CALL_ALONG_float(n) sum_few_columns_float((float *)to.at, step, x, to.count, n)
#define max_CALL_ALONG_float(n) max_few_columns_float((float *)to.at, step, x, to.count, n)
#define min_CALL_ALONG_float(n) min_few_columns_float((float *)to.at, step, x, to.count, n)

#define STRIDED_LOOPS(T) \
    SUM_ROW(T) \
    EXTREME_ROW(max_row_##T, T, >) \
    EXTREME_ROW(min_row_##T, T, <) \
    FOLD_LOOPS(T, sum, ADD, sum_row_##T) \
    FOLD_LOOPS(T, max, LARGER, max_row_##T) \
    FOLD_LOOPS(T, min, SMALLER, min_row_##T) \
    static inline void gather_few_##T(rows_t rows, ptrdiff_t stride, T *restrict out, ptrdiff_t n) { \
        for (ptrdiff_t row = 0; row < rows.count; row++, out += n) \
            for (ptrdiff_t k = 0; k < n; k++) out[k] = *(const T *)(rows.at + row * rows.stride + k * stride); \
    } \
    static void gather_rows_##T(rows_t rows, ptrdiff_t n, ptrdiff_t stride, T *restrict out) { \
        if (n <= 8) { \
            BY_LENGTH(n, GATHER_CALL_##T) \
            return; \
        } \
        for (ptrdiff_t row = 0; row < rows.count; row++, out += n) { \
            const T *restrict x = (const T *)(rows.at + row * rows.stride); \
            if (stride == sizeof(T)) \
                for (ptrdiff_t k = 0; k < n; k++) out[k] = x[k]; \
            else if (!stride) \
                for (ptrdiff_t k = 0; k < n; k++) out[k] = *x; \
            else \
                for (ptrdiff_t k = 0; k < n; k++) out[k] = *(const T *)((const char *)x + k * stride); \
        } \
    } \
    static void gather_##T(walk_rows_t w, ptrdiff_t n_rows, ptrdiff_t n, ptrdiff_t stride, void *to) { \
        T *out = to; \
        for (ptrdiff_t row = 0; row < n_rows;) { \
            const rows_t rows = next_rows(&w, n_rows - row); \
            gather_rows_##T(rows, n, stride, out + row * n); \
            row += rows.count; \
        } \
    } \
    static void scatter_##T(walk_rows_t w, ptrdiff_t n_rows, ptrdiff_t n, ptrdiff_t stride, const void *from) { \
        const T *x = from; \
        for (ptrdiff_t row = 0; row < n_rows; row++, x += n, next_row(&w)) \
            for (ptrdiff_t k = 0; k < n; k++) *(T *)(w.at + k * stride) = x[k]; \
    } \
    static void fold_##T(int kind, walk_rows_t w, ptrdiff_t n_rows, ptrdiff_t n, ptrdiff_t stride, const void *from) { \
        for (ptrdiff_t row = 0; row < n_rows;) { \
            const rows_t to = next_rows(&w, n_rows - row); \
            const T *x = (const T *)from + row * n; \
            const ptrdiff_t step = stride / (ptrdiff_t)sizeof(T); \
            if (!stride) \
                (kind == FOLD_SUM ? sum_each_##T : kind == FOLD_MAX ? max_each_##T : min_each_##T)(to, x, n); \
            else \
                (kind == FOLD_SUM ? sum_along_##T : kind == FOLD_MAX ? max_along_##T : min_along_##T)(to, step, x, n); \
            row += to.count; \
        } \
    } \
    static void fill_##T(void *to, ptrdiff_t n, double number) { \
        T *out = to; \
        for (ptrdiff_t k = 0; k < n; k++) out[k] = (T)number; \
    }

#define GATHER_CALL_double(n) gather_few_double(rows, stride, out, n)
STRIDED_LOOPS(double)
#define GATHER_CALL_float(n) gather_few_float(rows, stride, out, n)
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
    else if (from_type == 'd' && to_type == 'd' && from_stride == 0 && to_stride == element) {
        const double number = *(const double *)from;
        for (ptrdiff_t k = 0; k < n; k++) ((double *)to)[k] = number;
    }
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
