/* How does a group of an array program run over its elements?
 *
 * Chunk by chunk and block by block, in the instructions of the lane machine.  An array whose elements follow each other
 * is a slot itself: instructions read and write it in place.  What is left of a block after whole eights of lanes is
 * computed together with lanes before it, once more. */
#ifndef WENGERT_GROUP_RUNNER_H
#define WENGERT_GROUP_RUNNER_H

#include "array_loops.h"
#include "groups.h"
#include "runner.h"

/* Lane-instructions until a thread looks for Ctrl-C: about 10 ms. */
static const double BREATH = 5e7;

/* What the functions below work on; the arrays are those of group_t. */
typedef struct {
    const group_t *g;
    const group_memory_t *m;
    ptrdiff_t element, slot_size;
    char *slots;
    char **place;      /* of each slot */
    char **at;         /* of each array: the row */
    stream_t *streams; /* of each array: the chunk */
    tile_t *tiles;     /* of streams that are not in place: those that are read, then those that are written */
    char **tile_slots;
    int n_read_tiles, n_tiles;
} group_run_t;

static inline int is_stream(const group_t *g, int k) {
    return g->arrays[k].mode != FIXED && (k < g->n_read || k >= g->n_read + g->n_sums);
}

static inline int is_in_place(const group_run_t *r, int k) {
    return r->streams[k].stride == r->element && !r->g->arrays[k].shared;
}

/* ---- a block ---- */

/* The code over 8 * n_eights lanes, from `shift` bytes on in every slot. */
static void run_in_place(const group_t *g, const double *numbers, char *const *place, ptrdiff_t shift,
                         ptrdiff_t n_eights) {
    const block_t *table = g->single ? FLOAT_BLOCKS : BLOCKS;
    const char *pool = (const char *)numbers;
    const instr_t *end = g->code + g->n_code;
    for (const instr_t *in = g->code; in < end; in++) {
        const int x = in->kind & 1, y = in->kind & 2, z = in->kind & 4;
        /* Two addresses and a choice: a branch would often be mispredicted. */
        const char *slots[3] = {place[x ? 0 : in->a] + shift, place[y ? 0 : in->b] + shift,
                                place[z ? 0 : in->c] + shift};
        const char *a = x ? pool + in->a * 8 : slots[0], *b = y ? pool + in->b * 8 : slots[1],
                   *c = z ? pool + in->c * 8 : slots[2];
        table[8 * in->op + in->kind](a, b, c, place[in->dst] + shift, n_eights);
    }
}

/* In the order of sum_double_slot, of lanes that may be an array of the user. */
#define SUM_LANES(T) \
    static NOT_INLINE double sum_##T##_lanes(const T *x, ptrdiff_t n) { \
        double sums[SUMS]; \
        ptrdiff_t k = 0; \
        for (int j = 0; j < SUMS; j++) sums[j] = -0.0; \
        for (; k + SUMS <= n; k += SUMS) \
            for (int j = 0; j < SUMS; j++) sums[j] += x[k + j]; \
        for (int j = 0; k + j < n; j++) sums[j] += x[k + j]; \
        for (int half = SUMS / 2; half; half /= 2) \
            for (int j = 0; j < half; j++) sums[j] += sums[j + half]; \
        return sums[0]; \
    }
SUM_LANES(double)
SUM_LANES(float)

static double fold_lanes(int kind, const char *x, ptrdiff_t n, int single) {
    if (kind == FOLD_SUM) return single ? sum_float_lanes((const float *)x, n) : sum_double_lanes((const double *)x, n);
    if (kind == FOLD_MAX) return single ? max_row_float((const float *)x, n) : max_row_double((const double *)x, n);
    return single ? min_row_float((const float *)x, n) : min_row_double((const double *)x, n);
}

/* Fewer than eight lanes, all of it in slots: what is read is filled up with its last lane. */
static NOT_INLINE void run_few(const group_run_t *r, ptrdiff_t first, ptrdiff_t lanes) {
    const group_t *g = r->g;
    const ptrdiff_t element = r->element;
    for (int k = 0; k < g->n_read; k++)
        if (is_stream(g, k) && is_in_place(r, k)) {
            char *slot = r->slots + g->arrays[k].place * r->slot_size;
            const char *x = r->streams[k].base + first * element;
            r->place[g->arrays[k].place] = slot;
            for (ptrdiff_t lane = 0; lane < 8; lane++)
                memcpy(slot + lane * element, x + (lane < lanes ? lane : lanes - 1) * element, (size_t)element);
        }
    for (int k = g->n_read + g->n_sums; k < g->n_read + g->n_written; k++)
        if (is_in_place(r, k)) r->place[g->arrays[k].place] = r->slots + g->arrays[k].place * r->slot_size;
    run_in_place(g, r->m->pool, r->place, 0, 1);
    for (int k = g->n_read + g->n_sums; k < g->n_read + g->n_written; k++)
        if (is_in_place(r, k))
            memcpy(r->streams[k].base + first * element, r->place[g->arrays[k].place], (size_t)(lanes * element));
}

static void run_block(const group_run_t *r, ptrdiff_t first, ptrdiff_t lanes, double *partial) {
    const group_t *g = r->g;
    const ptrdiff_t element = r->element, rest = lanes % 8;
    const block_view_t b = {r->slots, r->slot_size, element, first, lanes, (lanes + 7) / 8};
    for (int k = 0; k < r->n_read_tiles; k++) load_tile(&r->tiles[k], &b);
    if (lanes < 8) {
        run_few(r, first, lanes);
    } else {
        for (int k = 0; k < g->n_read + g->n_written; k++)
            if (is_stream(g, k) && is_in_place(r, k)) r->place[g->arrays[k].place] = r->streams[k].base + first * element;
        run_in_place(g, r->m->pool, r->place, 0, lanes / 8);
        if (rest) run_in_place(g, r->m->pool, r->place, (lanes - 8) * element, 1);
    }
    for (int k = g->n_read + g->n_sums; k < g->n_read + g->n_written; k++)
        if (!is_in_place(r, k)) r->tile_slots[k] = r->place[g->arrays[k].place];
    for (int k = r->n_read_tiles; k < r->n_tiles; k++) store_tile(&r->tiles[k], &b);
    for (int j = 0; j < g->n_sums; j++) {
        const strided_t *sum = &g->arrays[g->n_read + j];
        partial[j] = fold_lanes(sum->fold, r->place[sum->place], lanes, g->single);
    }
}

/* ---- a chunk ---- */

static void find_strided(group_run_t *r) {
    const group_t *g = r->g;
    r->n_tiles = 0;
    for (int k = 0; k < g->n_read + g->n_written; k++) {
        if (k == g->n_read) r->n_read_tiles = r->n_tiles;
        if (!is_stream(g, k) || is_in_place(r, k)) continue;
        tile_t *last = r->n_tiles > (k < g->n_read ? 0 : r->n_read_tiles) ? &r->tiles[r->n_tiles - 1] : NULL;
        const stream_t *s = &r->streams[k];
        r->tile_slots[k] = r->slots + g->arrays[k].place * r->slot_size;
        if (last && last->slots + last->width == &r->tile_slots[k] && s->stride == last->first.stride &&
            s->base == last->first.base + last->width * r->element) {
            last->width++;
        } else {
            tile_t tile = {*s, &r->tile_slots[k], 1};
            r->tiles[r->n_tiles++] = tile;
        }
    }
}

#define FOLD_NUMBER(T) \
    static void fold_##T##_number(int kind, T *y, T x) { \
        *y = kind == FOLD_SUM ? *y + x : kind == FOLD_MAX ? LARGER(*y, x) : SMALLER(*y, x); \
    }
FOLD_NUMBER(double)
FOLD_NUMBER(float)

/* What the blocks of a chunk gave, folded over lanes: extremes one after the other, then sums by their tree. */
static void fold_blocks(const group_run_t *r, ptrdiff_t n_blocks) {
    const group_t *g = r->g;
    double *partial = r->m->partial, *sums = partial + n_blocks * g->n_sums;
    for (int is_sum = 0; is_sum < 2; is_sum++) {
        if (is_sum) combine_sums(partial, n_blocks, g->n_sums, sums);
        for (int j = 0; j < g->n_sums; j++) {
            const int kind = g->arrays[g->n_read + j].fold;
            char *to = r->at[g->n_read + j];
            if ((kind == FOLD_SUM) != is_sum) continue;
            for (ptrdiff_t block = 0; block < (is_sum ? 1 : n_blocks); block++) {
                const double x = is_sum ? sums[j] : partial[block * g->n_sums + j];
                if (g->single)
                    fold_float_number(kind, (float *)to, (float)x);
                else
                    fold_double_number(kind, (double *)to, x);
            }
        }
    }
}

/* Rows of an array that is gathered, from row `row` of the group on. */
static walk_rows_t rows_of(const group_run_t *r, const strided_t *a, ptrdiff_t row) {
    return start_rows(r->m->base[a->buffer] + a->offset, a->n_nest, a->nest_shape, a->nest_strides,
                      row / a->rows_in_one);
}

/* Elements of `n_rows` rows from `row` on, `n_inner` of each from `start` on. */
static void run_chunk(group_run_t *r, ptrdiff_t row, ptrdiff_t n_rows, ptrdiff_t start, ptrdiff_t n_inner) {
    const group_t *g = r->g;
    const group_memory_t *m = r->m;
    const int n = g->n_read + g->n_written;
    const ptrdiff_t count = n_rows * n_inner, width = g->width;
    int all_in_place = 1;
    for (int k = 0; k < n; k++) {
        const strided_t *a = &g->arrays[k];
        const ptrdiff_t stride = a->strides[g->n_outer];
        stream_t *s = &r->streams[k];
        if (a->mode == FIXED) {
            m->pool[a->place] = g->single ? (double)*(const float *)r->at[k] : *(const double *)r->at[k];
        } else if (a->mode == GATHER) {
            s->base = m->chunk + a->chunk_offset;
            s->stride = r->element;
            if (k < g->n_read && (row == 0 || !a->still))
                (g->single ? gather_float : gather_double)(rows_of(r, a, row), n_rows / a->rows_in_one,
                                                           n_inner * a->rows_in_one, stride, s->base);
        } else {
            s->base = r->at[k] + start * stride;
            s->stride = stride;
        }
        all_in_place &= !is_stream(g, k) || is_in_place(r, k);
    }
    if (all_in_place)
        r->n_read_tiles = r->n_tiles = 0;
    else
        find_strided(r);
    ptrdiff_t n_blocks = 0;
    for (ptrdiff_t first = 0; first < count; first += width, n_blocks++)
        run_block(r, first, count - first < width ? count - first : width, m->partial + n_blocks * g->n_sums);
    if (g->n_sums) fold_blocks(r, n_blocks);
    for (int k = g->n_read + g->n_sums; k < n; k++) {
        const strided_t *a = &g->arrays[k];
        const ptrdiff_t stride = a->strides[g->n_outer];
        if (a->mode != GATHER) continue;
        const walk_rows_t walk = rows_of(r, a, row);
        const ptrdiff_t count_rows = n_rows / a->rows_in_one, length = n_inner * a->rows_in_one;
        if (a->fold)
            (g->single ? fold_float : fold_double)(a->fold, walk, count_rows, length, stride, r->streams[k].base);
        else
            (g->single ? scatter_float : scatter_double)(walk, count_rows, length, stride, r->streams[k].base);
    }
}

/* ---- all of it ---- */

/* The commonest kind of group, of which there are thousands a millisecond in the steps of a loop. */
static int run_plain(const group_t *g, const group_memory_t *m) {
    const int n = g->n_read + g->n_written;
    const ptrdiff_t element = g->single ? sizeof(float) : sizeof(double), count = g->n_rows * g->n_inner;
    const ptrdiff_t slot_size = (ptrdiff_t)whole_lines((size_t)(element * g->width));
    char **place = (char **)(m->work + g->n_slots * slot_size);
    for (int k = 0; k < g->n_slots; k++) place[k] = m->work + k * slot_size;
    for (ptrdiff_t first = 0; first < count; first += g->width) {
        ptrdiff_t lanes = count - first < g->width ? count - first : g->width, at = first;
        if (lanes < 8) {
            at -= 8 - lanes; /* once more with lanes before them */
            lanes = 8;
        }
        for (int k = 0; k < n; k++)
            place[g->plain[k].slot] = m->base[g->plain[k].buffer] + g->plain[k].offset + at * element;
        run_in_place(g, m->pool, place, 0, lanes / 8);
        if (lanes % 8) run_in_place(g, m->pool, place, (lanes - 8) * element, 1);
    }
    return 0;
}

static int run_group(const group_t *g, const group_memory_t *m) {
    if (g->plain) return run_plain(g, m);
    const int n = g->n_read + g->n_written;
    group_run_t r = {.g = g, .m = m, .element = g->single ? sizeof(float) : sizeof(double)};
    /* In the order of group_bytes. */
    r.slot_size = (ptrdiff_t)whole_lines((size_t)(r.element * g->width));
    r.slots = m->work;
    r.place = (char **)(r.slots + g->n_slots * r.slot_size);
    r.at = r.place + g->n_slots;
    r.tile_slots = r.at + n;
    r.streams = (stream_t *)(r.tile_slots + n);
    r.tiles = (tile_t *)(r.streams + n);
    for (int k = 0; k < g->n_slots; k++) r.place[k] = r.slots + k * r.slot_size;
    for (int k = 0; k < n; k++) {
        const strided_t *a = &g->arrays[k];
        r.at[k] = m->base[a->buffer] + a->offset;
        if (a->fold) (g->single ? fill_float : fill_double)(r.at[k], a->count, a->first);
    }
    double work = 0.0;
    ptrdiff_t index[MOST_AXES] = {0};
    const ptrdiff_t *shape = g->arrays[0].shape;
    for (ptrdiff_t row = 0;;) {
        const ptrdiff_t n_rows = g->n_rows - row < g->rows ? g->n_rows - row : g->rows;
        for (ptrdiff_t start = 0; start < g->n_inner; start += g->chunk) {
            const ptrdiff_t n_inner = g->n_inner - start < g->chunk ? g->n_inner - start : g->chunk;
            run_chunk(&r, row, n_rows, start, n_inner);
            work += (double)(n_rows * n_inner) * (g->n_code + 1);
            if (work > BREATH) {
                work = 0.0;
                if (m->breathe(m->context)) return -1;
            }
        }
        row += n_rows;
        if (row >= g->n_rows) return 0;
        if (g->rows > 1) {
            /* Only GATHER, which finds its rows, and FLAT, where they follow each other. */
            for (int k = 0; k < n; k++)
                if (g->arrays[k].mode == FLAT) r.at[k] += n_rows * g->n_inner * g->arrays[k].strides[g->n_outer];
            continue;
        }
        int axis = g->n_outer - 1;
        for (; ++index[axis] == shape[axis]; axis--) {
            for (int k = 0; k < n; k++) r.at[k] -= (shape[axis] - 1) * g->arrays[k].strides[axis];
            index[axis] = 0;
        }
        for (int k = 0; k < n; k++) r.at[k] += g->arrays[k].strides[axis];
    }
}

static void copy_array(const strided_t *x, const strided_t *y, char *const *base) {
    char *from = base[x->buffer] + x->offset, *to = base[y->buffer] + y->offset;
    const int n_outer = y->n_axes - 1;
    ptrdiff_t n_rows = 1;
    if (n_outer < 0) convert_row(from, 0, x->type, to, 0, y->type, 1);
    if (n_outer == 0) convert_row(from, x->strides[0], x->type, to, y->strides[0], y->type, y->shape[0]);
    if (n_outer <= 0) return;
    for (int k = 0; k < n_outer; k++) n_rows *= y->shape[k];
    if (n_rows && y->shape[n_outer])
        convert_rows(start_rows(from, n_outer, x->shape, x->strides, 0), x->strides[n_outer], x->type,
                     start_rows(to, n_outer, y->shape, y->strides, 0), y->strides[n_outer], y->type, n_rows,
                     y->shape[n_outer]);
}

static const groups_t GROUPS = {run_group, copy_array};

#endif
