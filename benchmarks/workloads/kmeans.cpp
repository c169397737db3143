// Sizes: k, n, d. In: centroids (k, d), points (n, d). Out: gradient (k, d) and diagonal of the Hessian (k, d).
#include <algorithm>
#include <vector>

extern "C" void run(const long *sizes, const void *const *in, double *const *out) {
    const long k = sizes[0], n = sizes[1], d = sizes[2];
    const double *centroids = (const double *)in[0], *points = (const double *)in[1];
    double *gradient = out[0], *diagonal = out[1];
    std::vector<double> turned(d * k), squares(k);  // coordinates of all centroids side by side
    for (long j = 0; j < k; j++)
        for (long a = 0; a < d; a++)
            turned[a * k + j] = centroids[j * d + a];
    std::fill(gradient, gradient + k * d, 0.0);
    std::fill(diagonal, diagonal + k * d, 0.0);
    for (long i = 0; i < n; i++) {
        const double *point = points + i * d;
        std::fill(squares.begin(), squares.end(), 0.0);
        for (long a = 0; a < d; a++) {
            const double *column = &turned[a * k], at = point[a];
            for (long j = 0; j < k; j++)
                squares[j] += (column[j] - at) * (column[j] - at);
        }
        const long nearest = std::min_element(squares.begin(), squares.end()) - squares.begin();
        for (long a = 0; a < d; a++) {
            gradient[nearest * d + a] += 2 * (centroids[nearest * d + a] - point[a]);
            diagonal[nearest * d + a] += 2;
        }
    }
}
