/* What do the runner of groups, compiled for each instruction set, and the runner of array programs agree on?
 *
 * A group is a nest of loops over strided arrays with the same instructions for each element, planned by
 * array_programs/loops.py.  All of it has been validated and is read only while it runs. */
#ifndef WENGERT_GROUPS_H
#define WENGERT_GROUPS_H

#include <stddef.h>

#include "vm.h"

enum { MOST_AXES = 16 };

/* How the elements of a chunk are reached: see array_programs/loops.py. */
enum { FLAT = 0, ROW = 1, GATHER = 2, FIXED = 3 };

/* An array of a step. */
typedef struct {
    int buffer;
    char type; /* 'd', 'f' or 'q' */
    int n_axes;
    ptrdiff_t offset;
    ptrdiff_t shape[MOST_AXES];
    ptrdiff_t strides[MOST_AXES]; /* bytes; of a group along its joined axes */
    /* In a group: */
    int mode;
    int place;              /* slot, or pool entry if FIXED */
    int still;              /* are its chunks alike? */
    int shared;             /* written where the group reads: a block is stored when it is done */
    int fold;               /* how it is folded, 0 if it is not */
    ptrdiff_t chunk_offset; /* of its GATHER buffer */
    /* If GATHER: its own nest, in which `rows_in_one` rows of the group are one, and outer axes are joined. */
    ptrdiff_t rows_in_one;
    int n_nest;
    ptrdiff_t nest_shape[MOST_AXES], nest_strides[MOST_AXES];
    double first;           /* of a folded array: its elements before the group runs */
    ptrdiff_t count;        /* of a folded array: its elements */
} strided_t;

/* Where the elements of an array begin that is a slot by itself. */
typedef struct {
    int buffer, slot;
    ptrdiff_t offset;
} plain_t;

/* Of the arrays the first `n_read` are read, then `n_sums` are folded over lanes, the others of `n_written` are written
 * or folded row by row.  No instruction writes to the slot of an array that is read. */
typedef struct {
    const instr_t *code;
    int n_code, n_slots, width, single;
    const strided_t *arrays;
    int n_read, n_sums, n_written;
    int n_outer;
    ptrdiff_t n_rows, n_inner, rows, chunk;
    /* If all elements are one chunk of at least 8, nothing is folded, and every array is in place: all of them. */
    const plain_t *plain;
} group_t;

/* Of one run; `work` has group_bytes(group), `partial` a number for each sum and block of a chunk. */
typedef struct {
    char *const *base; /* address of each buffer */
    double *pool;
    char *chunk; /* GATHER buffers */
    double *partial;
    char *work;
    int (*breathe)(void *context); /* not 0 to stop */
    void *context;
} group_memory_t;

/* Where rows of a nest are. */
typedef struct {
    ptrdiff_t index[MOST_AXES];
    const ptrdiff_t *shape, *strides; /* of the outer axes; strides in bytes */
    int n_axes;
    char *at;
} walk_rows_t;

typedef struct {
    /* 0, or what `breathe` gave. */
    int (*run_group)(const group_t *group, const group_memory_t *memory);
    /* From the first array to the second, which has the same shape. */
    void (*copy)(const strided_t *from, const strided_t *to, char *const *base);
} groups_t;

static inline size_t whole_lines(size_t n_bytes) { return (n_bytes + 63) / 64 * 64; }

/* Slots; their addresses; of each array its address, its stream, a tile and the slot of that. */
static inline size_t group_bytes(const group_t *g) {
    size_t slot = whole_lines((g->single ? sizeof(float) : sizeof(double)) * (size_t)g->width);
    size_t arrays = (size_t)g->n_read + (size_t)g->n_written;
    return slot * (size_t)g->n_slots + sizeof(char *) * (size_t)g->n_slots +
           arrays * (2 * sizeof(char *) + sizeof(stream_t) + sizeof(tile_t));
}

#endif
