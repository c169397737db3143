// Sizes: k, n, d. In: centroids (k, d), points (n, d). Out: gradient (k, d) and diagonal of the Hessian (k, d).
#include <algorithm>
#include <cmath>
#include <vector>

extern "C" void run(const long *sizes, const void *const *in, double *const *out) {
    const long k = sizes[0], n = sizes[1], d = sizes[2];
    const double *centroids = (const double *)in[0], *points = (const double *)in[1];
    double *gradient = out[0], *diagonal = out[1];
    constexpr long LANES = 64;  // points side by side, so that distances and comparisons are vectors
    static std::vector<double> turned;
    turned.assign(d * LANES, 0.0);
    std::fill(gradient, gradient + k * d, 0.0);
    std::fill(diagonal, diagonal + k * d, 0.0);
    for (long start = 0; start < n; start += LANES) {
        const long lanes = std::min(LANES, n - start);
        for (long p = 0; p < lanes; p++)
            for (long a = 0; a < d; a++)
                turned[a * LANES + p] = points[(start + p) * d + a];
        double least[LANES];
        long nearest[LANES];
        std::fill(least, least + LANES, INFINITY);
        std::fill(nearest, nearest + LANES, 0);
        for (long j = 0; j < k; j++) {
            double square[LANES] = {};
            for (long a = 0; a < d; a++) {
                const double *column = &turned[a * LANES], at = centroids[j * d + a];
                for (long p = 0; p < LANES; p++)
                    square[p] += (column[p] - at) * (column[p] - at);
            }
            for (long p = 0; p < LANES; p++) {
                const bool closer = square[p] < least[p];
                least[p] = closer ? square[p] : least[p];
                nearest[p] = closer ? j : nearest[p];
            }
        }
        for (long p = 0; p < lanes; p++) {
            const long j = nearest[p] * d;
            for (long a = 0; a < d; a++) {
                gradient[j + a] += 2 * (centroids[j + a] - points[(start + p) * d + a]);
                diagonal[j + a] += 2;
            }
        }
    }
}
