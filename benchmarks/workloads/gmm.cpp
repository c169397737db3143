// Sizes: d, k, n. In: alpha (k), mu (k, d), q (k, d), l (k, d(d-1)/2), x (n, d).
// Out: the log-posterior and its gradient in alpha, mu, q and l.
#include <algorithm>
#include <cmath>
#include <vector>

namespace {

// Points that are worked on together, so that the root of one component is fetched once for all of them.
constexpr long BLOCK = 8;

// Four sums side by side: one alone waits for every addition.
double dot(const double *a, const double *b, long n) {
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    long i = 0;
    for (; i + 4 <= n; i += 4) {
        s0 += a[i] * b[i];
        s1 += a[i + 1] * b[i + 1];
        s2 += a[i + 2] * b[i + 2];
        s3 += a[i + 3] * b[i + 3];
    }
    for (; i < n; i++)
        s0 += a[i] * b[i];
    return (s0 + s1) + (s2 + s3);
}

// log(sum(exp(x))); x becomes its gradient.
double logsumexp(double *x, long n) {
    const double largest = *std::max_element(x, x + n);
    double sum = 0;
    for (long i = 0; i < n; i++) {
        x[i] = std::exp(x[i] - largest);
        sum += x[i];
    }
    for (long i = 0; i < n; i++)
        x[i] /= sum;
    return largest + std::log(sum);
}

// y = (diag + lower) x
void multiply(long d, const double *__restrict diag, const double *__restrict lower, const double *__restrict x,
              double *__restrict y) {
    for (long i = 0; i < d; i++)
        y[i] = diag[i] * x[i];
    for (long j = 0; j < d; j++) {
        const double xj = x[j];
        for (long i = j + 1; i < d; i++)
            y[i] += lower[i - j - 1] * xj;
        lower += d - j - 1;
    }
}

// With y = root x and r its adjoint scaled by -1: diag_out -= r x on the diagonal, lower_out -= r x' below it.
void outer(long d, const double *__restrict r, const double *__restrict x, double *__restrict diag_out,
           double *__restrict lower_out) {
    for (long i = 0; i < d; i++)
        diag_out[i] -= r[i] * x[i];
    for (long j = 0; j < d; j++) {
        const double xj = x[j];
        for (long i = j + 1; i < d; i++)
            lower_out[i - j - 1] -= r[i] * xj;
        lower_out += d - j - 1;
    }
}

}  // namespace

extern "C" void run(const long *sizes, const void *const *in, double *const *out) {
    const long d = sizes[0], k = sizes[1], n = sizes[2], below = d * (d - 1) / 2;
    const double *alpha = (const double *)in[0], *mu = (const double *)in[1], *q = (const double *)in[2];
    const double *l = (const double *)in[3], *x = (const double *)in[4];
    double *in_alpha = out[1], *in_mu = out[2], *in_q = out[3], *in_l = out[4];

    static std::vector<double> diag, offset, centered, whitened, terms, pulled;
    diag.resize(k * d);
    offset.resize(k);
    centered.resize(BLOCK * k * d);
    whitened.resize(BLOCK * k * d);
    terms.resize(BLOCK * k);
    pulled.assign(k * d, 0.0);  // sum over points of each component's adjoint of root * (x - mu), scaled by -1
    for (long c = 0; c < k; c++) {
        double sum = 0;
        for (long i = 0; i < d; i++) {
            diag[c * d + i] = std::exp(q[c * d + i]);
            sum += q[c * d + i];
        }
        offset[c] = alpha[c] + sum;
    }
    std::fill(in_alpha, in_alpha + k, 0.0);
    std::fill(in_q, in_q + k * d, 0.0);
    std::fill(in_l, in_l + k * below, 0.0);

    double total = 0;
    for (long start = 0; start < n; start += BLOCK) {
        const long points = std::min(BLOCK, n - start);
        for (long c = 0; c < k; c++)
            for (long p = 0; p < points; p++) {
                double *z = &centered[(c * BLOCK + p) * d], *y = &whitened[(c * BLOCK + p) * d];
                for (long i = 0; i < d; i++)
                    z[i] = x[(start + p) * d + i] - mu[c * d + i];
                multiply(d, &diag[c * d], l + c * below, z, y);
                terms[p * k + c] = offset[c] - 0.5 * dot(y, y, d);
            }
        for (long p = 0; p < points; p++)
            total += logsumexp(&terms[p * k], k);
        for (long c = 0; c < k; c++)
            for (long p = 0; p < points; p++) {
                const double weight = terms[p * k + c];
                double *z = &centered[(c * BLOCK + p) * d], *y = &whitened[(c * BLOCK + p) * d];
                for (long i = 0; i < d; i++) {
                    y[i] *= weight;
                    pulled[c * d + i] += y[i];
                }
                outer(d, y, z, in_q + c * d, in_l + c * below);
                in_alpha[c] += weight;
            }
    }

    double squares = 0;
    for (long c = 0; c < k; c++) {
        // mu sees the transposed root; sum(q) and the logarithm of the diagonal see the weights.
        const double *lower = l + c * below, *pull = &pulled[c * d];
        for (long j = 0; j < d; j++) {
            in_mu[c * d + j] = diag[c * d + j] * pull[j] + dot(lower, pull + j + 1, d - j - 1);
            lower += d - j - 1;
        }
        for (long i = 0; i < d; i++) {
            const double s = diag[c * d + i];
            in_q[c * d + i] = in_q[c * d + i] * s + in_alpha[c] - s * s;
        }
        for (long i = 0; i < below; i++)
            in_l[c * below + i] -= l[c * below + i];
        squares += dot(&diag[c * d], &diag[c * d], d) + dot(l + c * below, l + c * below, below);
    }
    std::vector<double> shares(alpha, alpha + k);
    const double normaliser = logsumexp(shares.data(), k);
    for (long c = 0; c < k; c++)
        in_alpha[c] -= n * shares[c];

    double log_gamma = 0.25 * d * (d - 1) * std::log(M_PI);
    for (long j = 0; j < d; j++)
        log_gamma += std::lgamma(0.5 * (d + 1 - j));
    const double prior = k * (-0.5 * (d + 1) * d * std::log(2.0) - log_gamma) - 0.5 * squares;
    out[0][0] = total - n * normaliser - 0.5 * n * d * std::log(2 * M_PI) + prior;
}
