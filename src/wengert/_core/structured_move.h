/* How are elements of type T moved: gathered, scattered, joined?
 *
 * Included by structured_kernels.h for each T; NAME(x) is the name of x for that type.
 *
 * A key that is known is resolved beforehand: `places` are the numbers, in row-major order, of the elements that it
 * names; if `block` > 1, of blocks of so many elements that are next to each other. */

/* Row by row of the axis with the smallest steps through `to`. */
static void NAME(copy)(const array_t *from, const array_t *to) {
    const int row = innermost_axis(to);
    if (!size_of(from)) return;
    if (is_contiguous(from, sizeof(T)) && is_contiguous(to, sizeof(T))) {
        memcpy(to->data, from->data, (size_t)size_of(from) * sizeof(T));
        return;
    }
    const ptrdiff_t n = row < 0 ? 1 : to->shape[row], dx = row < 0 ? 0 : from->strides[row];
    const ptrdiff_t dy = row < 0 ? 0 : to->strides[row];
    const array_t outer_from = row < 0 ? *from : without_axis(*from, row);
    const array_t outer_to = row < 0 ? *to : without_axis(*to, row);
    const array_t *both[] = {&outer_from, &outer_to};
    odometer_t w = walk_over(2, both);
    do {
        if (dx == sizeof(T) && dy == sizeof(T))
            memcpy(w.at[1], w.at[0], (size_t)n * sizeof(T));
        else
            for (ptrdiff_t k = 0; k < n; k++) AT(w.at[1], k, dy) = AT(w.at[0], k, dx);
    } while (next_element(&w));
}

static void NAME(clear)(const array_t *x) {
    const array_t *only[] = {x};
    if (!size_of(x)) return;
    if (is_contiguous(x, sizeof(T))) {
        memset(x->data, 0, (size_t)size_of(x) * sizeof(T));
        return;
    }
    odometer_t w = walk_over(1, only);
    do *(T *)w.at[0] = 0;
    while (next_element(&w));
}

static int NAME(getitem)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    const key_places_t key = read_key(params);
    const array_t *out[] = {&arrays[1]};
    const int near = is_contiguous(&arrays[0], sizeof(T));
    (void)n_arrays, (void)scratch;
    if (!size_of(&arrays[1])) return 0;
    if (near && is_contiguous(&arrays[1], sizeof(T))) {
        const T *x = (const T *)arrays[0].data;
        T *y = (T *)arrays[1].data;
        if (key.block == 1)
            for (ptrdiff_t k = 0; k < key.n; k++) y[k] = x[key.places[k]];
        else
            for (ptrdiff_t k = 0; k < key.n; k++)
                memcpy(y + k * key.block, x + key.places[k] * key.block, (size_t)key.block * sizeof(T));
        return 0;
    }
    odometer_t w = walk_over(1, out);
    for (ptrdiff_t k = 0; k < key.n; k++)
        for (ptrdiff_t j = 0; j < key.block; j++, next_element(&w)) {
            ptrdiff_t place = key.places[k] * key.block + j;
            *(T *)w.at[0] = near ? ((T *)arrays[0].data)[place] : *(T *)element_at(&arrays[0], place);
        }
    return 0;
}

/* v, repeated to the shape of what the key names, is written or added. */
static void NAME(write_key)(const array_t *v, const array_t *out, const int64_t *params, int adds) {
    const key_places_t key = read_key(params);
    const array_t values = broadcast_to(*v, key.shape, key.ndim), *only[] = {&values};
    const int near = is_contiguous(out, sizeof(T));
    if (!size_of(&values)) return;
    if (near && key.block == 1 && is_contiguous(&values, sizeof(T))) {
        const T *x = (const T *)values.data;
        T *y = (T *)out->data;
        if (adds)
            for (ptrdiff_t k = 0; k < key.n; k++) y[key.places[k]] += x[k];
        else
            for (ptrdiff_t k = 0; k < key.n; k++) y[key.places[k]] = x[k];
        return;
    }
    odometer_t w = walk_over(1, only);
    for (ptrdiff_t k = 0; k < key.n; k++)
        for (ptrdiff_t j = 0; j < key.block; j++, next_element(&w)) {
            ptrdiff_t place = key.places[k] * key.block + j;
            T *y = near ? (T *)out->data + place : (T *)element_at(out, place);
            *y = adds ? *y + *(T *)w.at[0] : *(T *)w.at[0];
        }
}

static int NAME(scatter)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    (void)n_arrays, (void)scratch;
    NAME(clear)(&arrays[1]);
    NAME(write_key)(&arrays[0], &arrays[1], params, 1);
    return 0;
}

static int NAME(put)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    (void)n_arrays, (void)scratch;
    NAME(copy)(&arrays[0], &arrays[2]);
    NAME(write_key)(&arrays[1], &arrays[2], params, 0);
    return 0;
}

static int NAME(put_add)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    (void)n_arrays, (void)scratch;
    NAME(copy)(&arrays[0], &arrays[2]);
    NAME(write_key)(&arrays[1], &arrays[2], params, 1);
    return 0;
}

/* params: the axis. */
static int NAME(concatenate)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    const int axis = (int)params[0];
    array_t part = arrays[n_arrays - 1];
    (void)scratch;
    for (int k = 0; k + 1 < n_arrays; k++) {
        part.shape[axis] = arrays[k].shape[axis];
        NAME(copy)(&arrays[k], &part);
        part.data += part.shape[axis] * part.strides[axis];
    }
    return 0;
}

/* ---- indices that are arrays of int64; negative ones count from the end ---- */

/* Slices of `whole` along an axis, one after the other in `slices`: copied from it, or added to it. */
static int NAME(walk_slices)(const array_t *whole, const array_t *indices, const array_t *slices, int axis, int adds) {
    const ptrdiff_t n = whole->shape[axis], stride = whole->strides[axis];
    const int d = indices->ndim, after = whole->ndim - axis - 1;
    array_t outer = outer_axes(*whole, after + 1), outer_slices = outer_axes(*slices, d + after);
    array_t middle = axes_between(slices, axis, axis + d);
    array_t inner = axes_between(whole, axis + 1, whole->ndim), inner_slices = axes_between(slices, axis + d, slices->ndim);
    if (!size_of(slices)) return 0;
    const array_t *outers[] = {&outer, &outer_slices}, *middles[] = {indices, &middle};
    const array_t *inners[] = {&inner, &inner_slices};
    const size_t near = is_contiguous(&inner, sizeof(T)) && is_contiguous(&inner_slices, sizeof(T))
                            ? (size_t)size_of(&inner) * sizeof(T) : 0;
    odometer_t o = walk_over(2, outers);
    do {
        if (size_of(&inner) == 1 && d == 1) {
            for (ptrdiff_t j = 0; j < indices->shape[0]; j++) {
                int64_t k = *(int64_t *)(indices->data + j * indices->strides[0]);
                if (k < -n || k >= n) return OUT_OF_RANGE;
                T *x = (T *)(o.at[0] + (k < 0 ? k + n : k) * stride), *y = &AT(o.at[1], j, middle.strides[0]);
                if (adds)
                    *x += *y;
                else
                    *y = *x;
            }
            continue;
        }
        odometer_t m = walk_over(2, middles);
        do {
            int64_t k = *(int64_t *)m.at[0];
            if (k < -n || k >= n) return OUT_OF_RANGE;
            char *x = o.at[0] + (k < 0 ? k + n : k) * stride;
            char *y = o.at[1] + (m.at[1] - middle.data);
            if (near && !adds) {
                memcpy(y, x, near);
                continue;
            }
            inner.data = x;
            inner_slices.data = y;
            odometer_t i = walk_over(2, inners);
            do {
                if (adds)
                    *(T *)i.at[0] += *(T *)i.at[1];
                else
                    *(T *)i.at[1] = *(T *)i.at[0];
            } while (next_element(&i));
        } while (next_element(&m));
    } while (next_element(&o));
    return 0;
}

/* params: the axis. */
static int NAME(take)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    (void)n_arrays, (void)scratch;
    return NAME(walk_slices)(&arrays[0], &arrays[1], &arrays[2], (int)params[0], 0);
}

static int NAME(take_adjoint)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    (void)n_arrays, (void)scratch;
    NAME(clear)(&arrays[2]);
    return NAME(walk_slices)(&arrays[2], &arrays[1], &arrays[0], (int)params[0], 1);
}

/* Elements of `whole` at an index for each: copied from it, or added to it. */
static int NAME(walk_along)(array_t whole, const array_t *indices, const array_t *parts, int axis, int adds) {
    const ptrdiff_t n = whole.shape[axis], stride = whole.strides[axis];
    if (!size_of(parts)) return 0;
    whole.shape[axis] = 1;
    const array_t lines = broadcast_to(whole, parts->shape, parts->ndim);
    const array_t chosen = broadcast_to(*indices, parts->shape, parts->ndim), *all[] = {&lines, &chosen, parts};
    odometer_t w = walk_over(3, all);
    do {
        int64_t k = *(int64_t *)w.at[1];
        if (k < -n || k >= n) return OUT_OF_RANGE;
        T *x = (T *)(w.at[0] + (k < 0 ? k + n : k) * stride), *y = (T *)w.at[2];
        if (adds)
            *x += *y;
        else
            *y = *x;
    } while (next_element(&w));
    return 0;
}

/* params: the axis. */
static int NAME(take_along)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    (void)n_arrays, (void)scratch;
    return NAME(walk_along)(arrays[0], &arrays[1], &arrays[2], (int)params[0], 0);
}

static int NAME(take_along_adjoint)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    (void)n_arrays, (void)scratch;
    NAME(clear)(&arrays[2]);
    return NAME(walk_along)(arrays[2], &arrays[1], &arrays[0], (int)params[0], 1);
}
