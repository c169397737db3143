/* What do the virtual machine, compiled for each instruction set, and its callers agree on?
 *
 * A program is two lists of instructions.  The uniform one works on the pool, an array of doubles: constants, inputs
 * and values that are the same in every lane.  The varying one works on slots, blocks of W lanes each, and reads the
 * pool.  A float32 program has float slots; its pool is of doubles that are floats.
 *
 * All of this has been validated, so nothing is checked, and unused operands are 0. */
#ifndef WENGERT_VM_H
#define WENGERT_VM_H

#include <stddef.h>

/* out = op(a, b, c).  An operand is a slot, or a pool entry if its bit of `kind` is set (1: a, 2: b, 4: c); in uniform
 * code all are pool entries, whatever `kind` says.  No operand of a varying instruction is its own `dst`.
 * A guard fails in the lanes where (a != 0) is not `expected`; b is its number. */
typedef struct {
    unsigned short op;
    unsigned char kind, expected;
    int dst, a, b, c;
} instr_t;

/* An array along the lanes: the element of lane k is at base + k*stride bytes, aligned or not. */
typedef struct { char *base; ptrdiff_t stride; } stream_t;

/* Streams that differ by one element from each to the next: `width` columns of a row-major array, which are transposed
 * together, from or to as many slots. */
typedef struct { stream_t first; char *const *slots; int width; } tile_t;

/* One run of varying code over lanes; all pointers are borrowed. */
typedef struct {
    const instr_t *code;
    int n_code, n_slots, n_lanes_per_block; /* the last a multiple of 8 */
    int single;
    const double *pool;
    int n_inputs;
    const stream_t *inputs;
    const int *input_slots;
    int n_outputs;
    const stream_t *outputs; /* no two lanes, and no two outputs, may overlap */
    const int *output_slots;
    int n_sums;
    const int *sum_slots;
    double *partial_sums; /* [n_blocks][n_sums]: over the block's lanes, in an order that depends on their number only */
    int *failed; /* per lane: smallest number of a failing guard, or -1; NULL if there are no guards */
} lanes_t;

/* One instruction over n_eights * 8 lanes.  `out` overlaps no operand; a uniform operand is a single double.  Slots are
 * aligned to cache lines, but arrays of the user are not, so nothing is assumed beyond whole elements. */
typedef void (*block_t)(const void *a, const void *b, const void *c, void *out, ptrdiff_t n_eights);

/* One SIMD build of the machine. */
typedef struct {
    /* The smallest number of a guard that fails, or -1.  If `single`, every result is rounded to float. */
    int (*run_uniform)(const instr_t *code, int n_code, double *pool, int single);
    /* Blocks first_block .. end_block-1 of n_lanes lanes, in a workspace of workspace_size(run), 64-byte aligned. */
    void (*run_blocks)(const lanes_t *run, ptrdiff_t first_block, ptrdiff_t end_block, ptrdiff_t n_lanes,
                       void *workspace);
    /* The sums over n_blocks > 0 blocks, by a tree that depends on their number only; overwrites `partial_sums`. */
    void (*combine_sums)(double *partial_sums, ptrdiff_t n_blocks, int n_sums, double *total);
    /* The kernels over doubles and over floats: the one of op `code` for operands of `kind` is at 8*code + kind. */
    const block_t *double_blocks, *float_blocks;
    /* n bytes, 1 where a number is not 0. */
    void (*store_bools)(const void *numbers, int single, char *out, ptrdiff_t n);
} vm_t;

/* Bytes of a slot: whole cache lines. */
static inline size_t slot_size(const lanes_t *run) {
    size_t element = run->single ? sizeof(float) : sizeof(double);
    return (element * (size_t)run->n_lanes_per_block + 63) / 64 * 64;
}

/* Bytes of slots, of an int per lane for guards, and for each stream of a tile and its slot. */
static inline size_t workspace_size(const lanes_t *run) {
    size_t tiles = (size_t)run->n_inputs + (size_t)run->n_outputs;
    return slot_size(run) * (size_t)run->n_slots + sizeof(int) * (size_t)run->n_lanes_per_block +
           tiles * (sizeof(tile_t) + sizeof(char *));
}

#endif
