// Sizes: n. In: x (n). Out: log(sum(exp(x))) and its gradient (n).
#include <cmath>

extern "C" void run(const long *sizes, const void *const *in, double *const *out) {
    const long n = sizes[0];
    const double *x = (const double *)in[0];
    double *slopes = out[1];
    double largest = x[0];
    for (long i = 1; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    double sum = 0;
    for (long i = 0; i < n; i++) {
        slopes[i] = std::exp(x[i] - largest);
        sum += slopes[i];
    }
    for (long i = 0; i < n; i++)
        slopes[i] /= sum;
    out[0][0] = largest + std::log(sum);
}
