/* How are random numbers of type T a function of a counter?
 *
 * Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): ten rounds of multiplications
 * turn a counter of four words into four random ones.  Counters, order and conversion are those of NumPy's `Philox` and
 * `Generator.random`, so the bits are, too.
 *
 * Included by structured_kernels.h for each T; NAME(x) is the name of x for that type. */
#ifndef WENGERT_PHILOX
#define WENGERT_PHILOX

typedef struct { uint64_t words[4]; } philox_t;

/* The upper half of a product; the lower one is a * b. */
static inline uint64_t upper_half(uint64_t a, uint64_t b) {
#ifdef __SIZEOF_INT128__
    return (uint64_t)((unsigned __int128)a * b >> 64);
#else
    const uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    const uint64_t low = a0 * b0, middle = a1 * b0 + (low >> 32), other = a0 * b1 + (uint32_t)middle;
    return a1 * b1 + (middle >> 32) + (other >> 32);
#endif
}

static philox_t philox(uint64_t block, uint64_t count, uint64_t seed, uint64_t stream) {
    philox_t x = {{block, count, 0, 0}};
    for (int round = 0; round < 10; round++) {
        const uint64_t a = 0xD2E7470EE14C6C93u, b = 0xCA5A826395121157u;
        const philox_t y = {{upper_half(b, x.words[2]) ^ x.words[1] ^ seed, b * x.words[2],
                             upper_half(a, x.words[0]) ^ x.words[3] ^ stream, a * x.words[0]}};
        x = y;
        seed += 0x9E3779B97F4A7C15u;
        stream += 0xBB67AE8584CAA73Bu;
    }
    return x;
}

#endif

/* arrays: a counter, the numbers.  params: seed, stream. */
static int NAME(uniform)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    const double count = (double)*(T *)arrays[0].data;
    const array_t *out[] = {&arrays[1]};
    const ptrdiff_t n = size_of(&arrays[1]);
    (void)n_arrays, (void)scratch;
    if (!(fabs(count) < 9.2e18)) return OUT_OF_RANGE;
    if (!n) return 0;
    odometer_t w = walk_over(1, out);
    for (ptrdiff_t k = 0; k < n;) {
        /* NumPy counts blocks from 1. */
        const philox_t x = philox((uint64_t)(k / 4 + 1), (uint64_t)(int64_t)count, (uint64_t)params[0],
                                  (uint64_t)params[1]);
        for (int j = 0; j < 4 && k < n; j++, k++, next_element(&w))
            *(T *)w.at[0] = (T)((double)(x.words[j] >> 11) * (1.0 / 9007199254740992.0));
    }
    return 0;
}
