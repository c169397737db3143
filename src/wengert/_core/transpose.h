/* How do rows of an array become blocks of lanes, and back?
 *
 * A row-major array has the numbers of one lane side by side, a slot those of all lanes.  Squares of 8 by 8 (AVX-512)
 * and 4 by 4 doubles, or 8 by 8 floats, are transposed in registers; what is left at the edges goes number by number.
 * Rows need no alignment; slots are aligned. */
#ifndef WENGERT_TRANSPOSE_H
#define WENGERT_TRANSPOSE_H

#include <stddef.h>
#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

/* A square of numbers in memory: each row `stride` bytes after the one before. */
typedef struct { char *base; ptrdiff_t stride; } square_t;

static inline square_t square_at(char *base, ptrdiff_t stride) { square_t s = {base, stride}; return s; }

#if defined(__AVX2__)
static inline void transpose_doubles_4(square_t from, square_t to) {
    __m256d r[4], t[4];
    for (int i = 0; i < 4; i++) r[i] = _mm256_loadu_pd((const double *)(from.base + i * from.stride));
    for (int i = 0; i < 4; i += 2) {
        t[i] = _mm256_unpacklo_pd(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_pd(r[i], r[i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        _mm256_storeu_pd((double *)(to.base + i * to.stride), _mm256_permute2f128_pd(t[i], t[i + 2], 0x20));
        _mm256_storeu_pd((double *)(to.base + (i + 2) * to.stride), _mm256_permute2f128_pd(t[i], t[i + 2], 0x31));
    }
}

static inline void transpose_floats_8(square_t from, square_t to) {
    __m256 r[8], t[8];
    for (int i = 0; i < 4; i++) {
        /* Halves of rows i and i + 4 in one register: the last exchange is done while loading. */
        const float *upper = (const float *)(from.base + i * from.stride);
        const float *lower = (const float *)(from.base + (i + 4) * from.stride);
        r[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(upper)), _mm_loadu_ps(lower), 1);
        r[i + 4] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(upper + 4)), _mm_loadu_ps(lower + 4), 1);
    }
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        for (int j = 0; j < 2; j++) {
            __m256d even = _mm256_castps_pd(t[i + j]), odd = _mm256_castps_pd(t[i + j + 2]);
            char *row = to.base + (i + 2 * j) * to.stride;
            _mm256_storeu_ps((float *)row, _mm256_castpd_ps(_mm256_unpacklo_pd(even, odd)));
            _mm256_storeu_ps((float *)(row + to.stride), _mm256_castpd_ps(_mm256_unpackhi_pd(even, odd)));
        }
    }
}
#endif

#if defined(__AVX512F__)
static inline void transpose_doubles_8(square_t from, square_t to) {
    __m512d r[8], t[8];
    for (int i = 0; i < 8; i++) r[i] = _mm512_loadu_pd((const double *)(from.base + i * from.stride));
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm512_unpacklo_pd(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_pd(r[i], r[i + 1]);
    }
    /* Then pairs of doubles: 0 2 | 1 3 of rows two apart, and once more of rows four apart. */
    for (int i = 0; i < 8; i += 4) {
        for (int j = 0; j < 2; j++) {
            r[i + j] = _mm512_shuffle_f64x2(t[i + j], t[i + j + 2], 0x88);
            r[i + j + 2] = _mm512_shuffle_f64x2(t[i + j], t[i + j + 2], 0xdd);
        }
    }
    for (int i = 0; i < 4; i++) {
        _mm512_storeu_pd((double *)(to.base + i * to.stride), _mm512_shuffle_f64x2(r[i], r[i + 4], 0x88));
        _mm512_storeu_pd((double *)(to.base + (i + 4) * to.stride), _mm512_shuffle_f64x2(r[i], r[i + 4], 0xdd));
    }
}
#elif defined(__AVX2__)
static inline void transpose_doubles_8(square_t from, square_t to) {
    for (int i = 0; i < 8; i += 4)
        for (int j = 0; j < 8; j += 4)
            transpose_doubles_4(square_at(from.base + i * from.stride + j * 8, from.stride),
                                square_at(to.base + j * to.stride + i * 8, to.stride));
}
#endif

/* n rows of m numbers of `size` bytes, one by one. */
static inline void transpose_rest(square_t from, square_t to, ptrdiff_t n, ptrdiff_t m, ptrdiff_t size) {
    for (ptrdiff_t i = 0; i < n; i++)
        for (ptrdiff_t j = 0; j < m; j++)
            memcpy(to.base + j * to.stride + i * size, from.base + i * from.stride + j * size, (size_t)size);
}

static void transpose_doubles(square_t from, square_t to, ptrdiff_t n, ptrdiff_t m) {
    ptrdiff_t i = 0;
#if defined(__AVX2__)
    for (; i + 8 <= n; i += 8) {
        char *row = from.base + i * from.stride, *column = to.base + i * 8;
        ptrdiff_t j = 0;
        for (; j + 8 <= m; j += 8)
            transpose_doubles_8(square_at(row + j * 8, from.stride), square_at(column + j * to.stride, to.stride));
        for (; j + 4 <= m; j += 4)
            for (ptrdiff_t k = 0; k < 8; k += 4)
                transpose_doubles_4(square_at(row + k * from.stride + j * 8, from.stride),
                                    square_at(column + j * to.stride + k * 8, to.stride));
        transpose_rest(square_at(row + j * 8, from.stride), square_at(column + j * to.stride, to.stride), 8, m - j, 8);
    }
#endif
    transpose_rest(square_at(from.base + i * from.stride, from.stride), square_at(to.base + i * 8, to.stride), n - i, m,
                   8);
}

static void transpose_floats(square_t from, square_t to, ptrdiff_t n, ptrdiff_t m) {
    ptrdiff_t i = 0;
#if defined(__AVX2__)
    for (; i + 8 <= n; i += 8) {
        char *row = from.base + i * from.stride, *column = to.base + i * 4;
        ptrdiff_t j = 0;
        for (; j + 8 <= m; j += 8)
            transpose_floats_8(square_at(row + j * 4, from.stride), square_at(column + j * to.stride, to.stride));
        transpose_rest(square_at(row + j * 4, from.stride), square_at(column + j * to.stride, to.stride), 8, m - j, 4);
    }
#endif
    transpose_rest(square_at(from.base + i * from.stride, from.stride), square_at(to.base + i * 4, to.stride), n - i, m,
                   4);
}

#endif
