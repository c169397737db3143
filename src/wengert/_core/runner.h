/* How does varying code run over many lanes?
 *
 * Block by block: the inputs of W lanes are brought into slots, every instruction runs over them, and the outputs are
 * brought back.  The last block may be partial: its kernels run over whole eights of lanes, the last lane repeated, and
 * only what belongs to real lanes leaves the workspace. */
#ifndef WENGERT_RUNNER_H
#define WENGERT_RUNNER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "blocks.h"
#include "prefetch.h"
#include "transpose.h"
#include "vm.h"

/* A block of `lanes` lanes from `first` on: what the functions below work on. */
typedef struct {
    char *slots;
    ptrdiff_t slot_size, element; /* bytes */
    ptrdiff_t first, lanes, n_eights;
} block_view_t;

/* The streams of inputs or outputs, gathered to tiles; `places` receives the addresses of their slots. */
static int find_tiles(const stream_t *streams, const int *slots, int n, const block_view_t *b, char **places,
                      tile_t *tiles) {
    int n_tiles = 0;
    for (int k = 0; k < n; k++) {
        tile_t *last = n_tiles ? &tiles[n_tiles - 1] : NULL;
        places[k] = b->slots + slots[k] * b->slot_size;
        if (last && streams[k].stride == last->first.stride &&
            streams[k].base == last->first.base + last->width * b->element) {
            last->width++;
        } else {
            tile_t tile = {streams[k], &places[k], 1};
            tiles[n_tiles++] = tile;
        }
    }
    return n_tiles;
}

static void copy_strided(const char *from, ptrdiff_t from_stride, char *to, ptrdiff_t to_stride, ptrdiff_t n,
                         ptrdiff_t element) {
    if (from_stride == element && to_stride == element)
        memcpy(to, from, (size_t)(n * element));
    else if (element == 8)
        for (ptrdiff_t k = 0; k < n; k++) memcpy(to + k * to_stride, from + k * from_stride, 8);
    else
        for (ptrdiff_t k = 0; k < n; k++) memcpy(to + k * to_stride, from + k * from_stride, 4);
}

static INLINE_ALL void load_tile(const tile_t *tile, const block_view_t *b) {
    const ptrdiff_t stride = tile->first.stride, element = b->element;
    const grid_t rows = {tile->first.base + b->first * stride, stride, NULL}, slots = {NULL, 0, tile->slots};
    if (tile->width == 1)
        copy_strided(rows.base, stride, tile->slots[0], element, b->lanes, element);
    else if (is_narrow(stride, tile->width, element))
        split_rows(rows.base, tile->slots, b->lanes, tile->width, element);
    else if (element == 8)
        transpose_doubles(rows, slots, b->lanes, tile->width);
    else
        transpose_floats(rows, slots, b->lanes, tile->width);
    for (ptrdiff_t lane = b->lanes; lane < 8 * b->n_eights; lane++)
        for (int k = 0; k < tile->width; k++)
            memcpy(tile->slots[k] + lane * element, tile->slots[k] + (b->lanes - 1) * element, (size_t)element);
}

static INLINE_ALL void store_tile(const tile_t *tile, const block_view_t *b) {
    const ptrdiff_t stride = tile->first.stride, element = b->element;
    const grid_t rows = {tile->first.base + b->first * stride, stride, NULL}, slots = {NULL, 0, tile->slots};
    if (tile->width == 1)
        copy_strided(tile->slots[0], element, rows.base, stride, b->lanes, element);
    else if (is_narrow(stride, tile->width, element))
        join_rows(rows.base, tile->slots, b->lanes, tile->width, element);
    else if (element == 8)
        transpose_doubles(slots, rows, tile->width, b->lanes);
    else
        transpose_floats(slots, rows, tile->width, b->lanes);
}

/* ---- memory is asked for while the code runs ----
 *
 * The hardware follows a stream only while it is read, and a block computes for longer than it reads: without asking,
 * every block waits for memory (Rosenbrock-10 with its gradient, from and to main memory: 25 ns per lane, with asking
 * 12; in cache it costs one of 9).  So every few instructions some lines are asked for: of the next block's inputs, and
 * of this one's outputs. */

enum { LINE = 64, GROUP = 8 };

typedef struct { const char *at; ptrdiff_t lines; } stretch_t;

/* A walk over the memory of some tiles, for some lanes. */
typedef struct {
    const tile_t *tile, *end;
    ptrdiff_t first, lanes, element;
} walk_t;

/* The next stretch of memory, or nothing.  Rows far from each other are left to the hardware, which foresees them. */
static NOT_INLINE stretch_t next_stretch(walk_t *w) {
    stretch_t s = {NULL, 0};
    for (; w->lanes > 0 && w->tile < w->end && !s.lines; w->tile++) {
        ptrdiff_t stride = w->tile->first.stride, gap = stride - w->tile->width * w->element;
        if (stride > 0 && gap < 2 * LINE) {
            s.at = w->tile->first.base + w->first * stride;
            s.lines = w->lanes * stride / LINE + 1;
        }
    }
    return s;
}

/* Ask for `n` lines, from this stretch on; give what is left of the last one. */
static inline stretch_t ask(walk_t *walk, stretch_t s, ptrdiff_t n, int to_write) {
    while (n > 0 && s.lines > 0) {
        ptrdiff_t now = n < s.lines ? n : s.lines;
        for (ptrdiff_t k = 0; k < now; k++) {
            if (to_write)
                prefetch_to_write(s.at + k * LINE);
            else
                prefetch(s.at + k * LINE);
        }
        n -= now;
        s.at += now * LINE;
        s.lines -= now;
        if (!s.lines) s = next_stretch(walk);
    }
    return s;
}

/* How many lines before each group of instructions? */
static ptrdiff_t share_lines(walk_t w, int n_code) {
    ptrdiff_t lines = 0;
    for (stretch_t s = next_stretch(&w); s.lines; s = next_stretch(&w)) lines += s.lines;
    return lines * GROUP / (n_code + 1) + 1;
}

/* ---- one block ---- */

static void *slot_of(const block_view_t *b, int slot) { return b->slots + slot * b->slot_size; }

/* Note the guard in the lanes where it fails; as unsigned numbers, -1 (none) is the largest. */
static NOT_INLINE void guard_lanes(const lanes_t *run, const instr_t *in, const block_view_t *b, unsigned *failed) {
    unsigned number = (unsigned)in->b;
    ptrdiff_t n = 8 * b->n_eights;
    const int expected = in->expected;
    if (in->kind & 1) {
        unsigned here = (run->pool[in->a] != 0.0) == expected ? ~0u : number;
        for (ptrdiff_t k = 0; k < n; k++) failed[k] = here < failed[k] ? here : failed[k];
    } else if (run->single) {
        const float *condition = slot_of(b, in->a);
        for (ptrdiff_t k = 0; k < n; k++) {
            unsigned here = (condition[k] != 0.0f) == expected ? ~0u : number;
            failed[k] = here < failed[k] ? here : failed[k];
        }
    } else {
        const double *condition = slot_of(b, in->a);
        for (ptrdiff_t k = 0; k < n; k++) {
            unsigned here = (condition[k] != 0.0) == expected ? ~0u : number;
            failed[k] = here < failed[k] ? here : failed[k];
        }
    }
}

/* The code, in groups of GROUP instructions, before each of which some memory is asked for. */
static void run_code(const lanes_t *run, const block_view_t *b, unsigned *failed, walk_t read, ptrdiff_t n_read,
                     walk_t written, ptrdiff_t n_written) {
    const instr_t *in = run->code, *end = run->code + run->n_code;
    const block_t *table = run->single ? FLOAT_BLOCKS : BLOCKS;
    /* Slots and pool, chosen by a bit of `kind`: from a table, since a branch would often be mispredicted. */
    const char *const base[2] = {b->slots, (const char *)run->pool};
    const ptrdiff_t size[2] = {b->slot_size, sizeof(double)};
    const ptrdiff_t n_eights = b->n_eights;
    stretch_t r = next_stretch(&read), w = next_stretch(&written);
    while (in < end) {
        r = ask(&read, r, n_read, 0);
        w = ask(&written, w, n_written, 1);
        for (const instr_t *stop = end - in > GROUP ? in + GROUP : end; in < stop; in++) {
            const int x = in->kind & 1, y = in->kind >> 1 & 1, z = in->kind >> 2;
            if (in->op == CODE_GUARD)
                guard_lanes(run, in, b, failed);
            else
                table[8 * in->op + in->kind](base[x] + in->a * size[x], base[y] + in->b * size[y],
                                             base[z] + in->c * size[z], b->slots + in->dst * size[0], n_eights);
        }
    }
}

/* Sum of the real lanes of a slot, in doubles: SUMS running sums, which are then added in pairs.  What is beyond the
 * real lanes is overwritten by -0.0, which changes no sum, not even that of negative zeros. */
enum { SUMS = 16 };

#define SUM_SLOT(T) \
    static NOT_INLINE double sum_##T##_slot(T *x, ptrdiff_t lanes, ptrdiff_t n_eights) { \
        double sums[SUMS]; \
        for (ptrdiff_t k = lanes; k < 8 * n_eights; k++) x[k] = (T)-0.0; \
        for (int k = 0; k < SUMS; k++) sums[k] = -0.0; \
        for (; n_eights >= SUMS / 8; n_eights -= SUMS / 8, x += SUMS) \
            for (int k = 0; k < SUMS; k++) sums[k] += x[k]; \
        if (n_eights) \
            for (int k = 0; k < 8; k++) sums[k] += x[k]; \
        for (int half = SUMS / 2; half; half /= 2) \
            for (int k = 0; k < half; k++) sums[k] += sums[k + half]; \
        return sums[0]; \
    }
SUM_SLOT(double)
SUM_SLOT(float)
#undef SUM_SLOT

/* The block's last work: nobody needs the summed slots any more. */
static void sum_lanes(const lanes_t *run, const block_view_t *b, double *sums) {
    for (int j = 0; j < run->n_sums; j++) {
        void *x = slot_of(b, run->sum_slots[j]);
        sums[j] = run->single ? sum_float_slot(x, b->lanes, b->n_eights) : sum_double_slot(x, b->lanes, b->n_eights);
    }
}

static void run_blocks(const lanes_t *run, ptrdiff_t first_block, ptrdiff_t end_block, ptrdiff_t n_lanes,
                       void *workspace) {
    const ptrdiff_t width = run->n_lanes_per_block, element = run->single ? sizeof(float) : sizeof(double);
    /* In the order of workspace_size. */
    block_view_t b = {workspace, (ptrdiff_t)slot_size(run), element, 0, 0, 0};
    tile_t *inputs = (tile_t *)(b.slots + run->n_slots * b.slot_size), *outputs = inputs + run->n_inputs;
    char **places = (char **)(outputs + run->n_outputs);
    unsigned *failed = (unsigned *)(places + run->n_inputs + run->n_outputs);
    int n_inputs = find_tiles(run->inputs, run->input_slots, run->n_inputs, &b, places, inputs);
    int n_outputs = find_tiles(run->outputs, run->output_slots, run->n_outputs, &b, places + run->n_inputs, outputs);
    walk_t read = {inputs, inputs + n_inputs, 0, width, element};
    walk_t written = {outputs, outputs + n_outputs, 0, width, element};
    ptrdiff_t n_read = share_lines(read, run->n_code), n_written = share_lines(written, run->n_code);

    for (ptrdiff_t block = first_block; block < end_block; block++) {
        ptrdiff_t first = block * width, left = n_lanes - first, lanes = left < width ? left : width;
        b.first = first;
        b.lanes = lanes;
        b.n_eights = (lanes + 7) / 8;
        for (int k = 0; k < n_inputs; k++) load_tile(&inputs[k], &b);
        if (run->failed) memset(failed, -1, (size_t)width * sizeof *failed);
        read.first = first + width;
        read.lanes = block + 1 == end_block ? 0 : left - lanes < width ? left - lanes : width;
        written.first = first;
        written.lanes = lanes;
        run_code(run, &b, failed, read, n_read, written, n_written);
        for (int k = 0; k < n_outputs; k++) store_tile(&outputs[k], &b);
        sum_lanes(run, &b, run->partial_sums + block * run->n_sums);
        if (run->failed) memcpy(run->failed + first, failed, (size_t)lanes * sizeof *failed);
    }
}

/* The sums of all blocks: total[j] of partial[0][j], partial[1][j], ...  Overwrites `partial`. */
static void combine_sums(double *partial, ptrdiff_t n_blocks, int n_sums, double *total) {
    while (n_blocks > 1) {
        ptrdiff_t half = (n_blocks + 1) / 2;
        for (ptrdiff_t k = 0; k < (n_blocks - half) * n_sums; k++) partial[k] += partial[k + half * n_sums];
        n_blocks = half;
    }
    for (int j = 0; j < n_sums; j++) total[j] = partial[j];
}

#include "uniform.h"

static const vm_t VM = {run_uniform, run_blocks, combine_sums, BLOCKS, FLOAT_BLOCKS, store_bools};

#endif
