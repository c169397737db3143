// Sizes: n, m. In: x (m), powers (n, m), measured (n). Out: half the sum of squares and its gradient (m).
//
// Only the points themselves are read, which are the first powers: computing the others again is faster than fetching
// them.
#include <algorithm>

extern "C" void run(const long *sizes, const void *const *in, double *const *out) {
    const long n = sizes[0], m = sizes[1];
    const double *x = (const double *)in[0], *powers = (const double *)in[1], *measured = (const double *)in[2];
    constexpr long LANES = 32;  // points side by side: the sum over powers of one point alone waits for each addition
    double *slopes = out[1];
    double sums[LANES] = {};
    std::fill(slopes, slopes + m, 0.0);
    for (long start = 0; start < n; start += LANES) {
        double t[LANES], fitted[LANES], residual[LANES], power[LANES];
        for (long p = 0; p < LANES; p++) {
            t[p] = start + p < n ? powers[(start + p) * m + 1] : 0.0;
            fitted[p] = 0;
        }
        for (long j = m - 1; j >= 0; j--)
            for (long p = 0; p < LANES; p++)
                fitted[p] = fitted[p] * t[p] + x[j];
        for (long p = 0; p < LANES; p++) {
            residual[p] = start + p < n ? measured[start + p] - fitted[p] : 0.0;
            sums[p] += residual[p] * residual[p];
            power[p] = residual[p];
        }
        for (long j = 0; j < m; j++) {
            double part[8] = {};
            for (long p = 0; p < LANES; p += 8)
                for (long k = 0; k < 8; k++)
                    part[k] += power[p + k];
            slopes[j] -= ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
            for (long p = 0; p < LANES; p++)
                power[p] *= t[p];
        }
    }
    double total = 0;
    for (long p = 0; p < LANES; p++)
        total += sums[p];
    out[0][0] = 0.5 * total;
}
