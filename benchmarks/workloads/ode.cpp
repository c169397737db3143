// Sizes: n, steps. In: x (n). Out: the last y at time 2 and its gradient (n).
//
// Only y is kept at each step; the sweep back computes the stages again.
#include <algorithm>
#include <vector>

namespace {

void rates(long n, const double *__restrict x, const double *__restrict y, double *__restrict k) {
    k[0] = x[0];
    for (long i = 1; i < n; i++)
        k[i] = x[i] * y[i - 1];
}

// y_next = y + scale * k, and its rates
void stage(long n, const double *__restrict x, const double *__restrict y, double scale, const double *__restrict k,
           double *__restrict y_next, double *__restrict k_next) {
    k_next[0] = x[0];
    for (long i = 0; i < n - 1; i++) {
        y_next[i] = y[i] + scale * k[i];
        k_next[i + 1] = x[i + 1] * y_next[i];
    }
    y_next[n - 1] = y[n - 1] + scale * k[n - 1];
}

// Adjoint of rates: in_y is set, in_x added to.
void back(long n, const double *__restrict x, const double *__restrict y, const double *__restrict in_k,
          double *__restrict in_y, double *__restrict in_x) {
    in_x[0] += in_k[0];
    for (long i = 1; i < n; i++) {
        in_x[i] += in_k[i] * y[i - 1];
        in_y[i - 1] = in_k[i] * x[i];
    }
    in_y[n - 1] = 0;
}

}  // namespace

extern "C" void run(const long *sizes, const void *const *in, double *const *out) {
    const long n = sizes[0], steps = sizes[1];
    const double *x = (const double *)in[0], h = 2.0 / steps;
    double *in_x = out[1];
    static std::vector<double> history, work;
    history.resize((steps + 1) * n);
    work.resize(10 * n);
    double *k1 = &work[0], *k2 = k1 + n, *k3 = k2 + n, *k4 = k3 + n, *y2 = k4 + n, *y3 = y2 + n, *y4 = y3 + n;
    double *adjoint = y4 + n, *in_k = adjoint + n, *in_stage = in_k + n;

    std::fill(history.begin(), history.begin() + n, 0.0);
    for (long s = 0; s < steps; s++) {
        const double *y = &history[s * n];
        double *next = &history[(s + 1) * n];
        rates(n, x, y, k1);
        stage(n, x, y, 0.5 * h, k1, y2, k2);
        stage(n, x, y, 0.5 * h, k2, y3, k3);
        stage(n, x, y, h, k3, y4, k4);
        for (long i = 0; i < n; i++)
            next[i] = y[i] + h / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
    }
    out[0][0] = history[steps * n + n - 1];

    std::fill(in_x, in_x + n, 0.0);
    std::fill(adjoint, adjoint + n, 0.0);
    adjoint[n - 1] = 1;
    for (long s = steps - 1; s >= 0; s--) {
        const double *y = &history[s * n];
        rates(n, x, y, k1);
        stage(n, x, y, 0.5 * h, k1, y2, k2);
        stage(n, x, y, 0.5 * h, k2, y3, k3);
        stage(n, x, y, h, k3, y4, k4);
        // k1 becomes the adjoint of y; in_stage is that of the stage just left.
        for (long i = 0; i < n; i++) {
            k1[i] = adjoint[i];
            in_k[i] = h / 6 * adjoint[i];
        }
        const double *stage[] = {y4, y3, y2, y}, outer[] = {h / 3, h / 3, h / 6}, inner[] = {h, 0.5 * h, 0.5 * h};
        for (long k = 0; k < 4; k++) {
            back(n, x, stage[k], in_k, in_stage, in_x);
            for (long i = 0; i < n; i++)
                k1[i] += in_stage[i];
            if (k < 3)
                for (long i = 0; i < n; i++)
                    in_k[i] = outer[k] * adjoint[i] + inner[k] * in_stage[i];
        }
        std::swap(k1, adjoint);
    }
}
