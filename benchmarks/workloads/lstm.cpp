// Sizes: layers, pairs, bits. In: main (2 layers, 4 bits), extra (3, bits), state (2 layers, bits), pairs (pairs, 2, bits).
// Out: the loss and its gradient in main and extra.
#include <algorithm>
#include <cmath>
#include <vector>

namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// What the sweep back reads of one layer at one character, one after the other and `bits` numbers each.
enum { INPUT, HIDDEN, CELL, FORGET, ENTER, LEAVE, CHANGE, BENT, KEPT };

}  // namespace

extern "C" void run(const long *sizes, const void *const *in, double *const *out) {
    const long layers = sizes[0], pairs = sizes[1], b = sizes[2];
    const double *main = (const double *)in[0], *extra = (const double *)in[1], *start = (const double *)in[2];
    const double *bits = (const double *)in[3];
    double *in_main = out[1], *in_extra = out[2];
    static std::vector<double> tape, outputs, state, work;
    tape.resize(pairs * layers * KEPT * b);
    outputs.resize(pairs * b);  // of the last layer
    state.assign(start, start + 2 * layers * b);
    work.resize(2 * b);
    double *values = &work[0], *slopes = &work[b];
    const double scale = -1.0 / (pairs * b);

    double total = 0;
    std::fill(in_extra, in_extra + 3 * b, 0.0);
    for (long t = 0; t < pairs; t++) {
        const double *given = bits + 2 * t * b, *wanted = given + b;
        for (long i = 0; i < b; i++)
            values[i] = given[i] * extra[i];
        for (long k = 0; k < layers; k++) {
            const double *weight = main + 8 * k * b, *bias = weight + 4 * b;
            double *hidden = &state[2 * k * b], *cell = hidden + b, *kept = &tape[(t * layers + k) * KEPT * b];
            for (long i = 0; i < b; i++) {
                const double forget = sigmoid(values[i] * weight[i] + bias[i]);
                const double enter = sigmoid(hidden[i] * weight[b + i] + bias[b + i]);
                const double leave = sigmoid(values[i] * weight[2 * b + i] + bias[2 * b + i]);
                const double change = std::tanh(hidden[i] * weight[3 * b + i] + bias[3 * b + i]);
                const double next = cell[i] * forget + enter * change, bent = std::tanh(next);
                kept[INPUT * b + i] = values[i];
                kept[HIDDEN * b + i] = hidden[i];
                kept[CELL * b + i] = cell[i];
                kept[FORGET * b + i] = forget;
                kept[ENTER * b + i] = enter;
                kept[LEAVE * b + i] = leave;
                kept[CHANGE * b + i] = change;
                kept[BENT * b + i] = bent;
                cell[i] = next;
                values[i] = hidden[i] = leave * bent;
            }
        }
        // The loss, its slopes in the predictions, and from there those in the last layer's output.
        double sum = 2, all = 0, right = 0;
        for (long i = 0; i < b; i++) {
            const double predicted = values[i] * extra[b + i] + extra[2 * b + i];
            slopes[i] = std::exp(predicted);
            sum += slopes[i];
            all += wanted[i];
            right += wanted[i] * predicted;
        }
        total += right - all * std::log(sum);
        for (long i = 0; i < b; i++) {
            const double slope = scale * (wanted[i] - all * slopes[i] / sum);
            in_extra[b + i] += slope * values[i];
            in_extra[2 * b + i] += slope;
            outputs[t * b + i] = slope * extra[b + i];
        }
    }
    out[0][0] = scale * total;

    std::fill(in_main, in_main + 8 * layers * b, 0.0);
    std::fill(state.begin(), state.end(), 0.0);  // now the adjoints of (hidden, cell)
    for (long t = pairs - 1; t >= 0; t--) {
        for (long i = 0; i < b; i++)
            values[i] = outputs[t * b + i];
        for (long k = layers - 1; k >= 0; k--) {
            const double *weight = main + 8 * k * b, *kept = &tape[(t * layers + k) * KEPT * b];
            double *in_weight = in_main + 8 * k * b, *in_bias = in_weight + 4 * b;
            double *in_hidden = &state[2 * k * b], *in_cell = in_hidden + b;
            for (long i = 0; i < b; i++) {
                const double forget = kept[FORGET * b + i], enter = kept[ENTER * b + i], leave = kept[LEAVE * b + i];
                const double change = kept[CHANGE * b + i], bent = kept[BENT * b + i];
                const double in_output = values[i] + in_hidden[i];
                const double in_next = in_cell[i] + in_output * leave * (1 - bent * bent);
                const double gates[4] = {
                    in_next * kept[CELL * b + i] * forget * (1 - forget),
                    in_next * change * enter * (1 - enter),
                    in_output * bent * leave * (1 - leave),
                    in_next * enter * (1 - change * change),
                };
                for (long g = 0; g < 4; g++) {
                    in_weight[g * b + i] += gates[g] * kept[(g % 2 == 0 ? INPUT : HIDDEN) * b + i];
                    in_bias[g * b + i] += gates[g];
                }
                in_cell[i] = in_next * forget;
                in_hidden[i] = gates[1] * weight[b + i] + gates[3] * weight[3 * b + i];
                values[i] = gates[0] * weight[i] + gates[2] * weight[2 * b + i];
            }
        }
        for (long i = 0; i < b; i++)
            in_extra[i] += values[i] * bits[2 * t * b + i];
    }
}
