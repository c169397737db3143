/* How are numbers of type T reduced, accumulated and sorted along axes?
 *
 * Included by structured_kernels.h for each T; NAME(x) is the name of x for that type.  What is summed is summed as NumPy
 * does it: pairwise along the axis with the smallest steps, in order along the others. */

/* Blocks of 128, eight sums in each, halves added to each other. */
static T NAME(sum_run)(const char *x, ptrdiff_t stride, ptrdiff_t n) {
    if (n < 8) {
        T sum = (T)-0.0;
        for (ptrdiff_t k = 0; k < n; k++) sum += AT(x, k, stride);
        return sum;
    }
    if (n <= 128) {
        T s[8];
        ptrdiff_t k = 8;
        for (int j = 0; j < 8; j++) s[j] = AT(x, j, stride);
        for (; k + 8 <= n; k += 8)
            for (int j = 0; j < 8; j++) s[j] += AT(x, k + j, stride);
        T sum = ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
        for (; k < n; k++) sum += AT(x, k, stride);
        return sum;
    }
    ptrdiff_t half = n / 2 - n / 2 % 8;
    return NAME(sum_run)(x, stride, half) + NAME(sum_run)(x + half * stride, stride, n - half);
}

static T NAME(prod_run)(const char *x, ptrdiff_t stride, ptrdiff_t n) {
    T product = AT(x, 0, stride);
    for (ptrdiff_t k = 1; k < n; k++) product *= AT(x, k, stride);
    return product;
}

/* Many at a time, since each comparison waits for the one before. */
enum { NAME(N_EXTREMES) = 256 / sizeof(T) };

#define EXTREME_RUN(name, CHOOSE) \
    static T NAME(name)(const char *x, ptrdiff_t stride, ptrdiff_t n) { \
        T m[NAME(N_EXTREMES)], extreme = AT(x, 0, stride); \
        ptrdiff_t k = 0; \
        if (stride == sizeof(T) && n >= NAME(N_EXTREMES)) { \
            const T *v = (const T *)x; \
            for (int j = 0; j < NAME(N_EXTREMES); j++) m[j] = extreme; \
            for (; k + NAME(N_EXTREMES) <= n; k += NAME(N_EXTREMES)) \
                for (int j = 0; j < NAME(N_EXTREMES); j++) m[j] = CHOOSE(m[j], v[k + j]); \
            for (int j = 0; j < NAME(N_EXTREMES); j++) extreme = CHOOSE(extreme, m[j]); \
        } \
        for (; k < n; k++) { \
            T v = AT(x, k, stride); \
            extreme = CHOOSE(extreme, v); \
        } \
        return extreme; \
    }
EXTREME_RUN(max_run, LARGER)
EXTREME_RUN(min_run, SMALLER)

/* params: bits of the reduced axes. */
#define REDUCTION(name, RUN, COMBINE, OF_NOTHING) \
    static int NAME(name)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) { \
        reduction_t r = plan_reduction(arrays, params[0], 1); \
        (void)n_arrays, (void)scratch; \
        if (!r.n_kept) return 0; \
        if (!r.n_reduced) { \
            const array_t *out[] = {&arrays[1]}; \
            odometer_t w = walk_over(1, out); \
            do *(T *)w.at[0] = OF_NOTHING; \
            while (next_element(&w)); \
            return 0; \
        } \
        const array_t *kept[] = {&r.kept, &r.out}, *reduced[] = {&r.reduced}; \
        odometer_t w = walk_over(2, kept); \
        do { \
            odometer_t inner = walk_over(1, reduced); \
            int first = 1; \
            do { \
                const char *x = w.at[0] + (inner.at[0] - r.reduced.data); \
                if (r.by_rows && first) { \
                    for (ptrdiff_t k = 0; k < r.n; k++) AT(w.at[1], k, r.out_step) = AT(x, k, r.step); \
                } else if (r.by_rows && r.step == sizeof(T) && r.out_step == sizeof(T)) { \
                    const T *restrict v = (const T *)x; \
                    T *restrict y = (T *)w.at[1]; \
                    for (ptrdiff_t k = 0; k < r.n; k++) y[k] = COMBINE(y[k], v[k]); \
                } else if (r.by_rows) { \
                    for (ptrdiff_t k = 0; k < r.n; k++) { \
                        T v = AT(x, k, r.step), *y = (T *)(w.at[1] + k * r.out_step); \
                        *y = COMBINE(*y, v); \
                    } \
                } else { \
                    T v = NAME(RUN)(x, r.step, r.n), *y = (T *)w.at[1]; \
                    *y = first ? v : COMBINE(*y, v); \
                } \
                first = 0; \
            } while (next_element(&inner)); \
        } while (next_element(&w)); \
        return 0; \
    }
REDUCTION(sum, sum_run, ADD, 0)
REDUCTION(prod, prod_run, MULTIPLY, 1)
REDUCTION(max, max_run, LARGER, 0)
REDUCTION(min, min_run, SMALLER, 0)
#undef REDUCTION
#undef EXTREME_RUN

/* exp(x - shift), summed, for `n` numbers. */
static T NAME(sum_exps)(const char *x, ptrdiff_t stride, ptrdiff_t n, T shift) {
    T shifted[CHUNK], powers[CHUNK], sum = 0;
    for (ptrdiff_t done = 0, size; done < n; done += size) {
        size = n - done < CHUNK ? n - done : CHUNK;
        ptrdiff_t eights = (size + 7) / 8;
        for (ptrdiff_t k = 0; k < size; k++) shifted[k] = AT(x, done + k, stride) - shift;
        for (ptrdiff_t k = size; k < 8 * eights; k++) shifted[k] = shifted[size - 1];
        BLOCK(exp)(shifted, NULL, NULL, powers, eights);
        sum += NAME(sum_run)((const char *)powers, sizeof(T), size);
    }
    return sum;
}

static T NAME(log_of)(T x) {
    T padded[8], logs[8];
    for (int k = 0; k < 8; k++) padded[k] = x;
    BLOCK(log)(padded, NULL, NULL, logs, 1);
    return logs[0];
}

/* params: bits of the reduced axes.  Shifted by the largest number, if that is finite. */
static int NAME(logsumexp)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    reduction_t r = plan_reduction(arrays, params[0], 0);
    (void)n_arrays, (void)scratch;
    if (!r.n_kept) return 0;
    const array_t *kept[] = {&r.kept, &r.out}, *reduced[] = {&r.reduced};
    odometer_t w = walk_over(2, kept);
    do {
        T largest = (T)-INFINITY, sum = 0;
        if (r.n_reduced) {
            odometer_t inner = walk_over(1, reduced);
            do {
                T here = NAME(max_run)(w.at[0] + (inner.at[0] - r.reduced.data), r.step, r.n);
                largest = LARGER(largest, here);
            } while (next_element(&inner));
        }
        T shift = isfinite(largest) ? largest : 0;
        if (r.n_reduced) {
            odometer_t inner = walk_over(1, reduced);
            do sum += NAME(sum_exps)(w.at[0] + (inner.at[0] - r.reduced.data), r.step, r.n, shift);
            while (next_element(&inner));
        }
        *(T *)w.at[1] = NAME(log_of)(sum) + shift;
    } while (next_element(&w));
    return 0;
}

/* Where the first number of a line is that is the extreme one, or the first NaN if that is one. */
static int64_t NAME(find)(const char *x, ptrdiff_t stride, T extreme) {
    int64_t k = 0;
    if (extreme != extreme)
        while (AT(x, k, stride) == AT(x, k, stride)) k++;
    else
        while (AT(x, k, stride) != extreme) k++;
    return k;
}

/* params: the axis, or -1 for all elements in row-major order.  The first extreme one or NaN wins; the result is int64. */
#define ARG_EXTREME(name, RUN, BEATS) \
    static int NAME(name)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) { \
        const int axis = (int)params[0]; \
        (void)n_arrays, (void)scratch; \
        if (axis < 0) { \
            const array_t *all[] = {&arrays[0]}; \
            odometer_t w = walk_over(1, all); \
            T best = *(T *)w.at[0]; \
            int64_t place = 0, k = 0; \
            while (best == best && next_element(&w)) { \
                T v = *(T *)w.at[0]; \
                k++; \
                if ((v BEATS best) | (v != v)) best = v, place = k; \
            } \
            *(int64_t *)arrays[1].data = place; \
            return 0; \
        } \
        const ptrdiff_t n = arrays[0].shape[axis], stride = arrays[0].strides[axis]; \
        array_t x = without_axis(arrays[0], axis), out = arrays[1]; \
        if (out.ndim == arrays[0].ndim) out = without_axis(out, axis); \
        if (!size_of(&x)) return 0; \
        const array_t *both[] = {&x, &out}; \
        odometer_t w = walk_over(2, both); \
        do *(int64_t *)w.at[1] = NAME(find)(w.at[0], stride, NAME(RUN)(w.at[0], stride, n)); \
        while (next_element(&w)); \
        return 0; \
    }
ARG_EXTREME(argmax, max_run, >)
ARG_EXTREME(argmin, min_run, <)
#undef ARG_EXTREME

/* params: the axis.  Row by row of the axis with the smallest steps, of the others. */
#define ACCUMULATION(name, N_INPUTS, STEP) \
    static int NAME(name)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) { \
        const int axis = (int)params[0]; \
        const array_t out = arrays[N_INPUTS]; \
        (void)n_arrays, (void)scratch; \
        if (!size_of(&out)) return 0; \
        const array_t a = broadcast_to(arrays[0], out.shape, out.ndim); \
        const array_t b = broadcast_to(arrays[N_INPUTS - 1], out.shape, out.ndim); \
        array_t outer[] = {without_axis(a, axis), without_axis(b, axis), without_axis(out, axis)}; \
        const int row = innermost_axis(&outer[0]); \
        ptrdiff_t n = row < 0 ? 1 : outer[0].shape[row], da = 0, db = 0, dy = 0; \
        if (row >= 0) { \
            da = outer[0].strides[row], db = outer[1].strides[row], dy = outer[2].strides[row]; \
            for (int k = 0; k < 3; k++) outer[k] = without_axis(outer[k], row); \
        } \
        const array_t *all[] = {&outer[0], &outer[1], &outer[2]}; \
        odometer_t w = walk_over(3, all); \
        do { \
            for (ptrdiff_t k = 0; k < n; k++) AT(w.at[2], k, dy) = AT(w.at[1], k, db); \
            for (ptrdiff_t i = 1; i < out.shape[axis]; i++) { \
                const char *pa = w.at[0] + i * a.strides[axis], *pb = w.at[1] + i * b.strides[axis]; \
                char *py = w.at[2] + i * out.strides[axis], *before = py - out.strides[axis]; \
                for (ptrdiff_t k = 0; k < n; k++) { \
                    T factor = AT(pa, k, da), x = AT(pb, k, db), y = AT(before, k, dy); \
                    (void)factor; \
                    AT(py, k, dy) = STEP; \
                } \
            } \
        } while (next_element(&w)); \
        return 0; \
    }
ACCUMULATION(cumsum, 1, y + x)
ACCUMULATION(cumprod, 1, y * x)
/* Zero is strong. */
ACCUMULATION(recurrence, 2, x + ((y == 0) | (factor == 0) ? 0 : y * factor))
#undef ACCUMULATION

/* ---- sorting ---- */

typedef struct { T number; int64_t place; } NAME(placed_t);

/* NaN is behind all numbers. */
static inline int NAME(is_before)(T a, T b) { return a < b || (b != b && a == a); }

/* Stable: sorted stretches of `width` are merged to longer ones. */
static NAME(placed_t) *NAME(merge_sort)(NAME(placed_t) *x, NAME(placed_t) *other, ptrdiff_t n) {
    enum { SHORT = 16 };
    for (ptrdiff_t first = 0; first < n; first += SHORT)
        for (ptrdiff_t k = first + 1; k < n && k < first + SHORT; k++) {
            NAME(placed_t) moving = x[k];
            ptrdiff_t to = k;
            for (; to > first && NAME(is_before)(moving.number, x[to - 1].number); to--) x[to] = x[to - 1];
            x[to] = moving;
        }
    for (ptrdiff_t width = SHORT; width < n; width *= 2) {
        for (ptrdiff_t first = 0; first < n; first += 2 * width) {
            ptrdiff_t middle = first + width < n ? first + width : n, end = middle + width < n ? middle + width : n;
            ptrdiff_t a = first, b = middle;
            for (ptrdiff_t k = first; k < end; k++)
                other[k] = b < end && (a == middle || NAME(is_before)(x[b].number, x[a].number)) ? x[b++] : x[a++];
        }
        NAME(placed_t) *sorted = other;
        other = x;
        x = sorted;
    }
    return x;
}

/* params: the axis.  scratch: the numbers of a line with their places, twice. */
static int NAME(argsort)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    const int axis = (int)params[0];
    const ptrdiff_t n = arrays[0].shape[axis], stride = arrays[0].strides[axis], step = arrays[1].strides[axis];
    array_t x = without_axis(arrays[0], axis), out = without_axis(arrays[1], axis);
    NAME(placed_t) *line = (NAME(placed_t) *)scratch;
    (void)n_arrays;
    if (!size_of(&x)) return 0;
    const array_t *both[] = {&x, &out};
    odometer_t w = walk_over(2, both);
    do {
        for (ptrdiff_t k = 0; k < n; k++) {
            NAME(placed_t) placed = {AT(w.at[0], k, stride), k};
            line[k] = placed;
        }
        const NAME(placed_t) *sorted = NAME(merge_sort)(line, line + n, n);
        for (ptrdiff_t k = 0; k < n; k++) *(int64_t *)(w.at[1] + k * step) = sorted[k].place;
    } while (next_element(&w));
    return 0;
}

/* params: 1 for the place behind equal numbers, 0 for the one before them. */
static int NAME(searchsorted)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    const array_t *both[] = {&arrays[1], &arrays[2]};
    (void)n_arrays, (void)scratch;
    if (!size_of(&arrays[1])) return 0;
    odometer_t w = walk_over(2, both);
    do {
        const T v = *(T *)w.at[0];
        ptrdiff_t low = 0, high = arrays[0].shape[0];
        while (low < high) {
            ptrdiff_t middle = low + (high - low) / 2;
            T here = AT(arrays[0].data, middle, arrays[0].strides[0]);
            if (params[0] ? !NAME(is_before)(v, here) : NAME(is_before)(here, v))
                low = middle + 1;
            else
                high = middle;
        }
        *(int64_t *)w.at[1] = low;
    } while (next_element(&w));
    return 0;
}
