/* What do the kernels of structured ops, compiled for each instruction set, and their callers agree on?
 *
 * A kernel gets its inputs and then its output as arrays of any strides, numbers that were derived from the parameters of
 * the row, and scratch memory.  Shapes have been validated.  Inputs and output do not overlap, and numbers are aligned.
 * The result is 0, or why there is none. */
#ifndef WENGERT_STRUCTURED_H
#define WENGERT_STRUCTURED_H

#include "strided.h"

typedef int (*kernel_t)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch);

enum { SINGULAR = 1, NOT_POSITIVE_DEFINITE = 2, OUT_OF_RANGE = 3 };

/* Up to so many products in a matrix product of so many columns, BLAS takes longer to begin than plain loops to end. */
enum { SMALL_PRODUCT = 1024, SMALL_ROW = 32 };

/* Side of a panel that is copied for BLAS. */
enum { PANEL = 128 };

/* A row's kernel over doubles, and over floats. */
typedef struct { const char *name; kernel_t kernels[2]; } named_kernel_t;

/* One SIMD build of all kernels.  Those of LINEAR ops may run once the addresses of BLAS and LAPACK have been written to
 * both tables, in the order of lapack_t in structured_linear.h. */
enum { N_ROUTINES = 6 };
typedef struct { const named_kernel_t *kernels; int n_kernels; void **double_lapack, **float_lapack; } structured_t;

#endif
