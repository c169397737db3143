// Sizes: n, m. In: x (m), powers (n, m), measured (n). Out: half the sum of squares and its gradient (m).
//
// The powers are not read: computing them again from the points is faster than fetching them.
#include <vector>

extern "C" void run(const long *sizes, const void *const *in, double *const *out) {
    const long n = sizes[0], m = sizes[1];
    const double *x = (const double *)in[0], *measured = (const double *)in[2];
    // Points side by side, since the sum over powers of one point alone waits for each addition; 64, since gcc unrolls
    // shorter loops before it could make vectors of them.
    constexpr long LANES = 64, PARTS = 8;
    static std::vector<double> parts;  // of each slope, in as many sums as one vector holds
    parts.assign(m * PARTS, 0.0);
    double sums[LANES] = {};
    for (long start = 0; start < n; start += LANES) {
        double t[LANES], fitted[LANES], residual[LANES], power[LANES];
        for (long p = 0; p < LANES; p++) {
            t[p] = start + p < n ? -1 + 2.0 * (start + p) / (n - 1) : 0.0;
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
            double *part = &parts[j * PARTS];
            for (long p = 0; p < LANES; p += PARTS)
                for (long k = 0; k < PARTS; k++)
                    part[k] += power[p + k];
            for (long p = 0; p < LANES; p++)
                power[p] *= t[p];
        }
    }
    double total = 0;
    for (long p = 0; p < LANES; p++)
        total += sums[p];
    out[0][0] = 0.5 * total;
    for (long j = 0; j < m; j++) {
        double sum = 0;
        for (long k = 0; k < PARTS; k++)
            sum += parts[j * PARTS + k];
        out[1][j] = -sum;
    }
}
