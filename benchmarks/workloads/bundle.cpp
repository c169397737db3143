// Sizes: p. In: cameras (n, 11), points (m, 3), weights (p), features (p, 2), camera and point of each observation (p).
// Out: slopes of an observation's two outputs in its camera (p, 2, 11), its point (p, 2, 3) and its weight (p, 2).
#include <cmath>

namespace {

void cross(const double *a, const double *b, double *c) {
    c[0] = a[1] * b[2] - a[2] * b[1];
    c[1] = a[2] * b[0] - a[0] * b[2];
    c[2] = a[0] * b[1] - a[1] * b[0];
}

double dot(const double *a, const double *b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

// y = v rotated by r; in_v[i] is its derivative in v[i], in_r[i] in r[i].
void rotate(const double *r, const double *v, double *y, double in_v[3][3], double in_r[3][3]) {
    const double square = dot(r, r);
    if (square == 0) {
        for (int i = 0; i < 3; i++) {
            const double unit[3] = {i == 0 ? 1.0 : 0.0, i == 1 ? 1.0 : 0.0, i == 2 ? 1.0 : 0.0};
            y[i] = v[i];
            cross(unit, v, in_r[i]);
            for (int j = 0; j < 3; j++)
                in_v[i][j] = unit[j];
        }
        return;
    }
    const double angle = std::sqrt(square), c = std::cos(angle), s = std::sin(angle), over = 1 / angle;
    const double w[3] = {r[0] * over, r[1] * over, r[2] * over}, along = dot(w, v);
    double across[3];
    cross(w, v, across);
    for (int k = 0; k < 3; k++)
        y[k] = v[k] * c + across[k] * s + w[k] * along * (1 - c);
    for (int i = 0; i < 3; i++) {
        const double unit[3] = {i == 0 ? 1.0 : 0.0, i == 1 ? 1.0 : 0.0, i == 2 ? 1.0 : 0.0};
        double moved[3], in_w[3], in_across[3];
        cross(w, unit, moved);
        for (int k = 0; k < 3; k++) {
            in_v[i][k] = unit[k] * c + moved[k] * s + w[k] * w[i] * (1 - c);
            in_w[k] = (unit[k] - w[k] * w[i]) * over;
        }
        cross(in_w, v, in_across);
        const double in_along = dot(in_w, v);
        for (int k = 0; k < 3; k++)
            in_r[i][k] = w[i] * (across[k] * c - v[k] * s + w[k] * along * s) + in_across[k] * s +
                         (in_w[k] * along + w[k] * in_along) * (1 - c);
    }
}

}  // namespace

extern "C" void run(const long *sizes, const void *const *in, double *const *out) {
    const double *cameras = (const double *)in[0], *points = (const double *)in[1], *weights = (const double *)in[2];
    const double *features = (const double *)in[3];
    const long *which_camera = (const long *)in[4], *which_point = (const long *)in[5];
    for (long o = 0; o < sizes[0]; o++) {
        const double *camera = cameras + 11 * which_camera[o], *point = points + 3 * which_point[o];
        const double weight = weights[o], *feature = features + 2 * o;
        double *in_camera = out[0] + 22 * o, *in_point = out[1] + 6 * o, *in_weight = out[2] + 2 * o;
        const double from[3] = {point[0] - camera[3], point[1] - camera[4], point[2] - camera[5]};
        double seen[3], in_v[3][3], in_r[3][3];
        rotate(camera, from, seen, in_v, in_r);
        const double over = 1 / seen[2], at[2] = {seen[0] * over, seen[1] * over};
        const double square = at[0] * at[0] + at[1] * at[1], focal = camera[6], k1 = camera[9], k2 = camera[10];
        const double distortion = 1 + k1 * square + k2 * square * square, slope = 2 * (k1 + 2 * k2 * square);
        for (int a = 0; a < 2; a++) {
            const double outer = weight * focal, in_x = outer * slope * at[a] * at[0] + (a == 0 ? outer * distortion : 0);
            const double in_y = outer * slope * at[a] * at[1] + (a == 1 ? outer * distortion : 0);
            const double in_seen[3] = {in_x * over, in_y * over, -(in_x * at[0] + in_y * at[1]) * over};
            double *row = in_camera + 11 * a;
            for (int i = 0; i < 3; i++) {
                row[i] = dot(in_seen, in_r[i]);
                in_point[3 * a + i] = dot(in_seen, in_v[i]);
                row[3 + i] = -in_point[3 * a + i];
            }
            row[6] = weight * at[a] * distortion;
            row[7] = a == 0 ? weight : 0;
            row[8] = a == 1 ? weight : 0;
            row[9] = outer * at[a] * square;
            row[10] = outer * at[a] * square * square;
            in_weight[a] = at[a] * distortion * focal + camera[7 + a] - feature[a];
        }
    }
}
