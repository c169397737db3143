// Sizes: n. In: matrix (n, n). Out: its determinant and the gradient (n, n).
//
// A minor of the last rows is found by the set of its columns, so each is computed once.
#include <algorithm>
#include <vector>

extern "C" void run(const long *sizes, const void *const *in, double *const *out) {
    const long n = sizes[0];
    const double *matrix = (const double *)in[0];
    double *in_matrix = out[1];
    const unsigned all = (1u << n) - 1;
    static std::vector<double> minors, adjoints;
    minors.resize(all + 1);
    adjoints.assign(all + 1, 0.0);
    minors[0] = 1;
    for (unsigned columns = 1; columns <= all; columns++) {
        const double *row = matrix + n * (n - __builtin_popcount(columns));
        double sum = 0, sign = 1;
        for (unsigned rest = columns; rest; rest &= rest - 1, sign = -sign)
            sum += sign * row[__builtin_ctz(rest)] * minors[columns ^ (rest & -rest)];
        minors[columns] = sum;
    }
    out[0][0] = minors[all];

    std::fill(in_matrix, in_matrix + n * n, 0.0);
    adjoints[all] = 1;
    for (unsigned columns = all; columns > 0; columns--) {
        const long start = n * (n - __builtin_popcount(columns));
        double signed_adjoint = adjoints[columns];
        for (unsigned rest = columns; rest; rest &= rest - 1, signed_adjoint = -signed_adjoint) {
            const unsigned column = __builtin_ctz(rest), smaller = columns ^ (rest & -rest);
            in_matrix[start + column] += signed_adjoint * minors[smaller];
            adjoints[smaller] += signed_adjoint * matrix[start + column];
        }
    }
}
