/* How do rows of an array become blocks of lanes, and back?
 *
 * A row-major array has the numbers of one lane side by side, a slot those of all lanes.  Tiles of 8 by 8 (AVX-512) or
 * 4 by 4 doubles, or 8 by 8 floats, are transposed in registers; at the edges masks keep them inside the arrays.  Rows
 * of two to four numbers without gaps are one stream, which a plain loop deals out.  Rows need no alignment. */
#ifndef WENGERT_TRANSPOSE_H
#define WENGERT_TRANSPOSE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

/* Numbers in memory: row i is at base + i*stride, or if `rows` says where, at rows[i]. */
typedef struct { char *base; ptrdiff_t stride; char *const *rows; } grid_t;

/* Where n rows are, from this row and byte on. */
static inline void find_rows(grid_t grid, ptrdiff_t row, ptrdiff_t byte, ptrdiff_t n, char **found) {
    for (ptrdiff_t i = 0; i < n; i++)
        found[i] = (grid.rows ? grid.rows[row + i] : grid.base + (row + i) * grid.stride) + byte;
}

/* `columns` columns of `rows` rows become as many columns and rows. */
static inline void transpose_one_by_one(char *const *from, char *const *to, ptrdiff_t rows, ptrdiff_t columns,
                                        size_t element) {
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t j = 0; j < columns; j++)
            memcpy(to[j] + i * (ptrdiff_t)element, from[i] + j * (ptrdiff_t)element, element);
}

#if defined(__AVX512F__)
enum { DOUBLES_TILE = 8 };

/* The 4 by 4 doubles in the lower halves of four registers are transposed, and those in the upper halves. */
static inline void transpose_halves(const __m512d *r, __m512d *columns) {
    const __m512i low = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
    const __m512i high = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
    const __m512d even_01 = _mm512_unpacklo_pd(r[0], r[1]), odd_01 = _mm512_unpackhi_pd(r[0], r[1]);
    const __m512d even_23 = _mm512_unpacklo_pd(r[2], r[3]), odd_23 = _mm512_unpackhi_pd(r[2], r[3]);
    columns[0] = _mm512_permutex2var_pd(even_01, low, even_23);
    columns[1] = _mm512_permutex2var_pd(odd_01, low, odd_23);
    columns[2] = _mm512_permutex2var_pd(even_01, high, even_23);
    columns[3] = _mm512_permutex2var_pd(odd_01, high, odd_23);
}

/* 8 rows of up to 4 columns, in half the time of a whole tile: row i and row i + 4 in one register. */
static inline void transpose_doubles_tall(char *const *from, char *const *to, int columns) {
    const __mmask8 inside = (__mmask8)((1 << columns) - 1);
    __m512d r[4], t[4];
    for (int i = 0; i < 4; i++)
        r[i] = _mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_maskz_loadu_pd(inside, from[i])),
                                  _mm256_maskz_loadu_pd(inside, from[i + 4]), 1);
    transpose_halves(r, t);
    for (int i = 0; i < 4; i++)
        if (i < columns) _mm512_storeu_pd(to[i], t[i]);
}

/* Up to 4 rows of 8 columns. */
static inline void transpose_doubles_flat(char *const *from, char *const *to, int rows) {
    const __mmask8 inside = (__mmask8)((1 << rows) - 1);
    __m512d r[4], t[4];
    for (int i = 0; i < 4; i++) r[i] = i < rows ? _mm512_loadu_pd(from[i]) : _mm512_setzero_pd();
    transpose_halves(r, t);
    for (int i = 0; i < 4; i++) {
        _mm256_mask_storeu_pd(to[i], inside, _mm512_castpd512_pd256(t[i]));
        _mm256_mask_storeu_pd(to[i + 4], inside, _mm512_extractf64x4_pd(t[i], 1));
    }
}

static inline void transpose_doubles_tile(char *const *from, char *const *to, int rows, int columns) {
    if (rows == 8 && columns <= 4) {
        transpose_doubles_tall(from, to, columns);
        return;
    }
    if (columns == 8 && rows <= 4) {
        transpose_doubles_flat(from, to, rows);
        return;
    }
    const __mmask8 inside_from = (__mmask8)((1 << columns) - 1), inside_to = (__mmask8)((1 << rows) - 1);
    __m512d r[8], t[8];
    for (int i = 0; i < 8; i++)
        r[i] = i < rows ? _mm512_maskz_loadu_pd(inside_from, from[i]) : _mm512_setzero_pd();
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm512_unpacklo_pd(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_pd(r[i], r[i + 1]);
    }
    /* Now t[2a + p] has the columns p, p + 2, ... of two rows; what is left is to transpose 4 by 4 pairs, twice. */
    for (int i = 0; i < 8; i += 4) {
        for (int p = 0; p < 2; p++) {
            r[i + p] = _mm512_shuffle_f64x2(t[i + p], t[i + p + 2], 0x88);
            r[i + p + 2] = _mm512_shuffle_f64x2(t[i + p], t[i + p + 2], 0xdd);
        }
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_f64x2(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_f64x2(r[i], r[i + 4], 0xdd);
    }
    for (int i = 0; i < 8; i++)
        if (i < columns) _mm512_mask_storeu_pd(to[i], inside_to, t[i]);
}
#elif defined(__AVX2__)
enum { DOUBLES_TILE = 4 };

/* All ones in the first n of 4 doubles. */
static inline __m256i first_doubles(int n) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}

static inline void transpose_doubles_tile(char *const *from, char *const *to, int rows, int columns) {
    __m256d r[4], t[4];
    for (int i = 0; i < 4; i++) {
        const double *row = i < rows ? (const double *)from[i] : NULL;
        if (i >= rows)
            r[i] = _mm256_setzero_pd();
        else
            r[i] = columns == 4 ? _mm256_loadu_pd(row) : _mm256_maskload_pd(row, first_doubles(columns));
    }
    for (int i = 0; i < 4; i += 2) {
        t[i] = _mm256_unpacklo_pd(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_pd(r[i], r[i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        r[i] = _mm256_permute2f128_pd(t[i], t[i + 2], 0x20);
        r[i + 2] = _mm256_permute2f128_pd(t[i], t[i + 2], 0x31);
    }
    for (int i = 0; i < 4; i++) {
        double *row = i < columns ? (double *)to[i] : NULL;
        if (i >= columns) continue;
        if (rows == 4)
            _mm256_storeu_pd(row, r[i]);
        else
            _mm256_maskstore_pd(row, first_doubles(rows), r[i]);
    }
}
#endif

#if defined(__AVX2__)
enum { FLOATS_TILE = 8 };

/* All ones in the first n of 8 floats. */
static inline __m256i first_floats(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline void transpose_floats_tile(char *const *from, char *const *to, int rows, int columns) {
    __m256 r[8], t[8];
    for (int i = 0; i < 8; i++) {
        const float *row = i < rows ? (const float *)from[i] : NULL;
        if (i >= rows)
            r[i] = _mm256_setzero_ps();
        else
            r[i] = columns == 8 ? _mm256_loadu_ps(row) : _mm256_maskload_ps(row, first_floats(columns));
    }
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    /* Now t[i] and t[i + 2] have pairs of the columns i and i + 4, of which fours are made. */
    for (int i = 0; i < 8; i += 4) {
        for (int p = 0; p < 2; p++) {
            __m256d low = _mm256_castps_pd(t[i + p]), high = _mm256_castps_pd(t[i + p + 2]);
            r[i + 2 * p] = _mm256_castpd_ps(_mm256_unpacklo_pd(low, high));
            r[i + 2 * p + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low, high));
        }
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
        t[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
    }
    for (int i = 0; i < 8; i++) {
        float *row = i < columns ? (float *)to[i] : NULL;
        if (i >= columns) continue;
        if (rows == 8)
            _mm256_storeu_ps(row, t[i]);
        else
            _mm256_maskstore_ps(row, first_floats(rows), t[i]);
    }
}

#else
enum { DOUBLES_TILE = 8, FLOATS_TILE = 8 };

static inline void transpose_doubles_tile(char *const *from, char *const *to, int rows, int columns) {
    transpose_one_by_one(from, to, rows, columns, 8);
}

static inline void transpose_floats_tile(char *const *from, char *const *to, int rows, int columns) {
    transpose_one_by_one(from, to, rows, columns, 4);
}
#endif

#define TRANSPOSE(name, element, tile, transpose_tile) \
    static inline void name(grid_t from, grid_t to, ptrdiff_t rows, ptrdiff_t columns) { \
        char *source[tile], *target[tile]; \
        for (ptrdiff_t i = 0; i < rows; i += tile) { \
            const ptrdiff_t m = rows - i < tile ? rows - i : tile; \
            for (ptrdiff_t j = 0; j < columns; j += tile) { \
                const ptrdiff_t n = columns - j < tile ? columns - j : tile; \
                if (m == tile && n == tile) { \
                    find_rows(from, i, j * element, tile, source); \
                    find_rows(to, j, i * element, tile, target); \
                    transpose_tile(source, target, tile, tile); \
                } else { \
                    find_rows(from, i, j * element, m, source); \
                    find_rows(to, j, i * element, n, target); \
                    if (m == tile) \
                        transpose_tile(source, target, tile, (int)n); \
                    else if (n == tile) \
                        transpose_tile(source, target, (int)m, tile); \
                    else \
                        transpose_one_by_one(source, target, m, n, element); \
                } \
            } \
        } \
    }
TRANSPOSE(transpose_doubles, 8, DOUBLES_TILE, transpose_doubles_tile)
TRANSPOSE(transpose_floats, 4, FLOATS_TILE, transpose_floats_tile)
#undef TRANSPOSE

/* ---- rows of two to four numbers without gaps ----
 *
 * Compilers vectorise these loops by shuffles: 0.06 ns per double, where masked tiles take 0.2. */

#define SLOT(T, width, j) T *restrict slot##j = (T *)slots[j];
#define SPLIT(T, width, j) memcpy(slot##j + k, rows + (width * k + j) * sizeof(T), sizeof(T));
#define JOIN(T, width, j) memcpy(rows + (width * k + j) * sizeof(T), slot##j + k, sizeof(T));
#define EACH_OF_2(DO, T, width) DO(T, width, 0) DO(T, width, 1)
#define EACH_OF_3(DO, T, width) EACH_OF_2(DO, T, width) DO(T, width, 2)
#define EACH_OF_4(DO, T, width) EACH_OF_3(DO, T, width) DO(T, width, 3)
#define NARROW(T, width) \
    static NOT_INLINE void split_##T##_##width(const char *restrict rows, char *const *slots, size_t n) { \
        EACH_OF_##width(SLOT, T, width) \
        for (size_t k = 0; k < n; k++) { EACH_OF_##width(SPLIT, T, width) } \
    } \
    static NOT_INLINE void join_##T##_##width(char *restrict rows, char *const *slots, size_t n) { \
        EACH_OF_##width(SLOT, T, width) \
        for (size_t k = 0; k < n; k++) { EACH_OF_##width(JOIN, T, width) } \
    }
NARROW(double, 2)
NARROW(double, 3)
NARROW(double, 4)
NARROW(float, 2)
NARROW(float, 3)
NARROW(float, 4)
#undef NARROW
#undef EACH_OF_4
#undef EACH_OF_3
#undef EACH_OF_2
#undef JOIN
#undef SPLIT
#undef SLOT

enum { NARROWEST = 2, WIDEST_NARROW = 4 };

typedef void (*split_t)(const char *rows, char *const *slots, size_t n);
typedef void (*join_t)(char *rows, char *const *slots, size_t n);

static const split_t SPLIT_DOUBLES[] = {split_double_2, split_double_3, split_double_4};
static const split_t SPLIT_FLOATS[] = {split_float_2, split_float_3, split_float_4};
static const join_t JOIN_DOUBLES[] = {join_double_2, join_double_3, join_double_4};
static const join_t JOIN_FLOATS[] = {join_float_2, join_float_3, join_float_4};

/* Are rows of `width` numbers of `element` bytes such a stream? */
static inline int is_narrow(ptrdiff_t stride, ptrdiff_t width, ptrdiff_t element) {
    return stride == width * element && width >= NARROWEST && width <= WIDEST_NARROW;
}

static inline void split_rows(const char *rows, char *const *slots, ptrdiff_t n, int width, ptrdiff_t element) {
    (element == 8 ? SPLIT_DOUBLES : SPLIT_FLOATS)[width - NARROWEST](rows, slots, (size_t)n);
}

static inline void join_rows(char *rows, char *const *slots, ptrdiff_t n, int width, ptrdiff_t element) {
    (element == 8 ? JOIN_DOUBLES : JOIN_FLOATS)[width - NARROWEST](rows, slots, (size_t)n);
}

#endif
