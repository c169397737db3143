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

/* The streams of inputs or outputs, gathered to tiles. */
static int find_tiles(const stream_t *streams, const int *slots, int n, ptrdiff_t element, tile_t *tiles) {
    int n_tiles = 0;
    for (int k = 0; k < n; k++) {
        tile_t *last = &tiles[n_tiles - 1];
        if (n_tiles && streams[k].stride == last->first.stride && slots[k] == last->slot + last->width &&
            streams[k].base == last->first.base + last->width * element) {
            last->width++;
        } else {
            tile_t tile = {streams[k], slots[k], 1};
            tiles[n_tiles++] = tile;
        }
    }
    return n_tiles;
}

/* A block of `lanes` lanes from `first` on: what the functions below work on. */
typedef struct {
    char *slots;
    ptrdiff_t slot_size, element; /* bytes */
    ptrdiff_t first, lanes, n_eights;
} block_view_t;

static void copy_strided(const char *from, ptrdiff_t from_stride, char *to, ptrdiff_t to_stride, ptrdiff_t n,
                         ptrdiff_t element) {
    if (from_stride == element && to_stride == element)
        memcpy(to, from, (size_t)(n * element));
    else if (element == 8)
        for (ptrdiff_t k = 0; k < n; k++) memcpy(to + k * to_stride, from + k * from_stride, 8);
    else
        for (ptrdiff_t k = 0; k < n; k++) memcpy(to + k * to_stride, from + k * from_stride, 4);
}

static void transpose(grid_t from, grid_t to, ptrdiff_t n, ptrdiff_t m, ptrdiff_t element) {
    if (element == 8)
        transpose_doubles(from, to, n, m);
    else
        transpose_floats(from, to, n, m);
}

static void load_tile(const tile_t *tile, const block_view_t *b) {
    char *slot = b->slots + tile->slot * b->slot_size;
    char *from = tile->first.base + b->first * tile->first.stride;
    grid_t outside = {from, tile->first.stride}, inside = {slot, b->slot_size};
    if (tile->width == 1)
        copy_strided(from, tile->first.stride, slot, b->element, b->lanes, b->element);
    else
        transpose(outside, inside, b->lanes, tile->width, b->element);
    for (ptrdiff_t lane = b->lanes; lane < 8 * b->n_eights; lane++)
        for (int k = 0; k < tile->width; k++)
            memcpy(slot + k * b->slot_size + lane * b->element, slot + k * b->slot_size + (b->lanes - 1) * b->element,
                   (size_t)b->element);
}

static void store_tile(const tile_t *tile, const block_view_t *b) {
    char *slot = b->slots + tile->slot * b->slot_size;
    char *to = tile->first.base + b->first * tile->first.stride;
    grid_t outside = {to, tile->first.stride}, inside = {slot, b->slot_size};
    if (tile->width == 1)
        copy_strided(slot, b->element, to, tile->first.stride, b->lanes, b->element);
    else
        transpose(inside, outside, tile->width, b->lanes, b->element);
}

static void *slot_of(const block_view_t *b, int slot) { return b->slots + slot * b->slot_size; }

/* Note the guard in the lanes where it fails; as unsigned numbers, -1 (none) is the largest. */
static void guard_lanes(const lanes_t *run, const instr_t *in, const block_view_t *b, unsigned *failed) {
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

static void run_code(const lanes_t *run, const block_view_t *b, unsigned *failed) {
    const block_t *table = run->single ? FLOAT_BLOCKS : BLOCKS;
    const instr_t *end = run->code + run->n_code;
    for (const instr_t *in = run->code; in < end; in++) {
        if (in->op == CODE_GUARD) {
            guard_lanes(run, in, b, failed);
            continue;
        }
        const void *x = in->kind & 1 ? (const void *)(run->pool + in->a) : slot_of(b, in->a);
        const void *y = in->kind & 2 ? (const void *)(run->pool + in->b) : slot_of(b, in->b);
        const void *z = in->kind & 4 ? (const void *)(run->pool + in->c) : slot_of(b, in->c);
        table[8 * in->op + in->kind](x, y, z, slot_of(b, in->dst), b->n_eights);
    }
}

/* Sum of x[0..n-1] for n > 0, by a tree that adds the second half to the first; x is overwritten. */
static double tree_sum(double *x, ptrdiff_t n) {
    while (n > 1) {
        ptrdiff_t half = (n + 1) / 2;
        for (ptrdiff_t k = 0; k < n - half; k++) x[k] += x[k + half];
        n = half;
    }
    return x[0];
}

/* Sums over the real lanes, in doubles also those of floats. */
static void sum_lanes(const lanes_t *run, const block_view_t *b, double *scratch, double *sums) {
    for (int j = 0; j < run->n_sums; j++) {
        const void *slot = slot_of(b, run->sum_slots[j]);
        if (run->single)
            widen(slot, scratch, b->lanes);
        else
            memcpy(scratch, slot, (size_t)b->lanes * sizeof(double));
        sums[j] = tree_sum(scratch, b->lanes);
    }
}

static void run_blocks(const lanes_t *run, ptrdiff_t first_block, ptrdiff_t end_block, ptrdiff_t n_lanes,
                       void *workspace) {
    const ptrdiff_t width = run->n_lanes_per_block, element = run->single ? sizeof(float) : sizeof(double);
    /* In the order of workspace_size. */
    char *slots = workspace;
    double *scratch = (double *)(slots + slot_size(run) * (size_t)run->n_slots);
    unsigned *failed = (unsigned *)(scratch + width);
    tile_t *inputs = (tile_t *)(failed + width);
    tile_t *outputs = inputs + run->n_inputs;
    int n_inputs = find_tiles(run->inputs, run->input_slots, run->n_inputs, element, inputs);
    int n_outputs = find_tiles(run->outputs, run->output_slots, run->n_outputs, element, outputs);

    for (ptrdiff_t block = first_block; block < end_block; block++) {
        ptrdiff_t first = block * width, left = n_lanes - first, lanes = left < width ? left : width;
        block_view_t b = {slots, (ptrdiff_t)slot_size(run), element, first, lanes, (lanes + 7) / 8};
        for (int k = 0; k < n_inputs; k++) load_tile(&inputs[k], &b);
        if (run->failed) memset(failed, -1, (size_t)width * sizeof *failed);
        run_code(run, &b, failed);
        for (int k = 0; k < n_outputs; k++) store_tile(&outputs[k], &b);
        sum_lanes(run, &b, scratch, run->partial_sums + block * run->n_sums);
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

static const vm_t VM = {run_uniform, run_blocks, combine_sums};

#endif
