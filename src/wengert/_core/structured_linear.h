/* How are matrices of type T multiplied, factorised and solved?
 *
 * Included by structured_kernels.h for each T; NAME(x) is the name of x for that type.
 *
 * BLAS and LAPACK have matrices by columns.  A row-major matrix is its own transpose there, which costs nothing where an
 * argument says so.  What is factorised is copied by columns on the way, so that rows are chosen as NumPy chooses them. */

typedef struct {
    void (*gemm)(char *ta, char *tb, int *m, int *n, int *k, T *alpha, T *a, int *lda, T *b, int *ldb, T *beta, T *c,
                 int *ldc);
    void (*gemv)(char *t, int *m, int *n, T *alpha, T *a, int *lda, T *x, int *incx, T *beta, T *y, int *incy);
    void (*trsm)(char *side, char *uplo, char *t, char *diag, int *m, int *n, T *alpha, T *a, int *lda, T *b, int *ldb);
    void (*getrf)(int *m, int *n, T *a, int *lda, int *pivots, int *info);
    void (*getrs)(char *t, int *n, int *n_columns, T *a, int *lda, int *pivots, T *b, int *ldb, int *info);
    void (*potrf)(char *uplo, int *n, T *a, int *lda, int *info);
} NAME(lapack_t);

static NAME(lapack_t) NAME(lapack);

/* A matrix in memory; strides in elements. */
typedef struct { T *at; ptrdiff_t rows, columns, down, right; } NAME(matrix_t);

static inline NAME(matrix_t) NAME(matrix_at)(const array_t *x, char *at) {
    const int i = x->ndim - 2;
    NAME(matrix_t) m = {(T *)at, x->shape[i], x->shape[i + 1], x->strides[i] / (ptrdiff_t)sizeof(T),
                        x->strides[i + 1] / (ptrdiff_t)sizeof(T)};
    return m;
}

static inline NAME(matrix_t) NAME(transposed)(NAME(matrix_t) m) {
    NAME(matrix_t) t = {m.at, m.columns, m.rows, m.right, m.down};
    return t;
}

/* For BLAS: can it read the matrix, and if so with which leading dimension?  'N' if by columns, 'T' if by rows. */
static inline char NAME(order)(NAME(matrix_t) m, int *leading) {
    const ptrdiff_t down = m.columns > 1 ? m.right : m.rows, right = m.rows > 1 ? m.down : m.columns;
    if ((m.down == 1 || m.rows == 1) && down >= m.rows && down <= INT_MAX) {
        *leading = down > 0 ? (int)down : 1;
        return 'N';
    }
    if ((m.right == 1 || m.columns == 1) && right >= m.columns && right <= INT_MAX) {
        *leading = right > 0 ? (int)right : 1;
        return 'T';
    }
    return 0;
}

/* Copy in tiles: one of both orders takes large steps. */
static void NAME(copy_matrix)(NAME(matrix_t) from, NAME(matrix_t) to) {
    for (ptrdiff_t i = 0; i < from.rows; i += TILE)
        for (ptrdiff_t j = 0; j < from.columns; j += TILE)
            for (ptrdiff_t y = i; y < from.rows && y < i + TILE; y++)
                for (ptrdiff_t x = j; x < from.columns && x < j + TILE; x++)
                    to.at[y * to.down + x * to.right] = from.at[y * from.down + x * from.right];
}

static inline NAME(matrix_t) NAME(by_columns)(T *at, ptrdiff_t rows, ptrdiff_t columns) {
    NAME(matrix_t) m = {at, rows, columns, 1, rows};
    return m;
}

/* ---- products ---- */

/* Sums over the inner axis in order; row by row, or for a vector in four sums that are added in pairs. */
static void NAME(small_product)(NAME(matrix_t) a, NAME(matrix_t) b, NAME(matrix_t) c) {
    const ptrdiff_t n = c.columns, depth = a.columns;
    T row[SMALL_ROW];
    if (n == 1) {
        for (ptrdiff_t i = 0; i < c.rows; i++) {
            const T *x = a.at + i * a.down, *y = b.at;
            T s[4] = {0, 0, 0, 0};
            ptrdiff_t k = 0;
            for (; k + 4 <= depth; k += 4)
                for (int j = 0; j < 4; j++) s[j] += x[(k + j) * a.right] * y[(k + j) * b.down];
            for (; k < depth; k++) s[0] += x[k * a.right] * y[k * b.down];
            c.at[i * c.down] = (s[0] + s[1]) + (s[2] + s[3]);
        }
        return;
    }
    for (ptrdiff_t i = 0; i < c.rows; i++) {
        for (ptrdiff_t j = 0; j < n; j++) row[j] = 0;
        for (ptrdiff_t k = 0; k < depth; k++) {
            const T factor = a.at[i * a.down + k * a.right], *x = b.at + k * b.down;
            if (b.right == 1)
                for (ptrdiff_t j = 0; j < n; j++) row[j] += factor * x[j];
            else
                for (ptrdiff_t j = 0; j < n; j++) row[j] += factor * x[j * b.right];
        }
        for (ptrdiff_t j = 0; j < n; j++) c.at[i * c.down + j * c.right] = row[j];
    }
}

/* c is by columns. */
static void NAME(blas_product)(NAME(matrix_t) a, char ta, int lda, NAME(matrix_t) b, char tb, int ldb, T beta,
                               NAME(matrix_t) c, int ldc) {
    int m = (int)c.rows, n = (int)c.columns, k = (int)a.columns;
    T one = 1;
    NAME(lapack).gemm(&ta, &tb, &m, &n, &k, &one, a.at, &lda, b.at, &ldb, &beta, c.at, &ldc);
}

/* Neither by rows nor by columns: panels are copied. */
static void NAME(paneled_product)(NAME(matrix_t) a, NAME(matrix_t) b, NAME(matrix_t) c, T *scratch) {
    T *pa = scratch, *pb = pa + PANEL * PANEL, *pc = pb + PANEL * PANEL;
    for (ptrdiff_t i = 0; i < c.rows; i += PANEL)
        for (ptrdiff_t j = 0; j < c.columns; j += PANEL) {
            ptrdiff_t rows = c.rows - i < PANEL ? c.rows - i : PANEL;
            ptrdiff_t columns = c.columns - j < PANEL ? c.columns - j : PANEL;
            NAME(matrix_t) block = NAME(by_columns)(pc, rows, columns);
            for (ptrdiff_t k = 0; k < a.columns; k += PANEL) {
                ptrdiff_t depth = a.columns - k < PANEL ? a.columns - k : PANEL;
                NAME(matrix_t) from_a = {a.at + i * a.down + k * a.right, rows, depth, a.down, a.right};
                NAME(matrix_t) from_b = {b.at + k * b.down + j * b.right, depth, columns, b.down, b.right};
                NAME(matrix_t) left = NAME(by_columns)(pa, rows, depth), right = NAME(by_columns)(pb, depth, columns);
                NAME(copy_matrix)(from_a, left);
                NAME(copy_matrix)(from_b, right);
                NAME(blas_product)(left, 'N', (int)rows, right, 'N', (int)depth, k > 0, block, (int)rows);
            }
            NAME(matrix_t) to = {c.at + i * c.down + j * c.right, rows, columns, c.down, c.right};
            NAME(copy_matrix)(block, to);
        }
}

static void NAME(product)(NAME(matrix_t) a, NAME(matrix_t) b, NAME(matrix_t) c, T *scratch) {
    int lda = 1, ldb = 1, ldc = 1;
    if (!c.rows || !c.columns) return;
    if (c.rows * c.columns * a.columns <= SMALL_PRODUCT && c.columns <= SMALL_ROW) {
        NAME(small_product)(a, b, c);
        return;
    }
    if (!a.columns) {
        for (ptrdiff_t i = 0; i < c.rows; i++)
            for (ptrdiff_t j = 0; j < c.columns; j++) c.at[i * c.down + j * c.right] = 0;
        return;
    }
    /* A matrix of one row is also a column; a vector is the right factor. */
    if (c.rows == 1 || NAME(order)(c, &ldc) == 'T') {
        NAME(matrix_t) left = NAME(transposed)(b);
        b = NAME(transposed)(a);
        a = left;
        c = NAME(transposed)(c);
    }
    const char ta = NAME(order)(a, &lda), tb = NAME(order)(b, &ldb), tc = NAME(order)(c, &ldc);
    const ptrdiff_t down = c.rows > 1 ? c.down : 1;
    if (c.columns == 1 && ta && b.down > 0 && b.down <= INT_MAX && down > 0 && down <= INT_MAX) {
        char t = ta;
        int m = (int)(ta == 'N' ? a.rows : a.columns), n = (int)(ta == 'N' ? a.columns : a.rows);
        int x = (int)b.down, y = (int)down;
        T one = 1, zero = 0;
        NAME(lapack).gemv(&t, &m, &n, &one, a.at, &lda, b.at, &x, &zero, c.at, &y);
    } else if (ta && tb && tc == 'N') {
        NAME(blas_product)(a, ta, lda, b, tb, ldb, 0, c, ldc);
    } else {
        NAME(paneled_product)(a, b, c, scratch);
    }
}

/* No params.  scratch: three panels. */
static int NAME(matmul)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    array_t a = arrays[0], b = arrays[1], c = arrays[2];
    (void)n_arrays, (void)params;
    const int row = a.ndim == 1, column = b.ndim == 1;
    if (column) c = with_axis(c, c.ndim), b = with_axis(b, 1);
    if (row) c = with_axis(c, c.ndim - 1), a = with_axis(a, 0);
    if (!size_of(&c)) return 0;
    matrix_stack_t s = stack_of(&a, &b, &c);
    const array_t *stacks[] = {&s.arrays[0], &s.arrays[1], &s.arrays[2]};
    odometer_t w = walk_over(3, stacks);
    do NAME(product)(NAME(matrix_at)(&a, w.at[0]), NAME(matrix_at)(&b, w.at[1]), NAME(matrix_at)(&c, w.at[2]),
                     (T *)scratch);
    while (next_element(&w));
    return 0;
}

/* ---- factorisations ---- */

/* The LU factors of m at `factors`. */
static int NAME(factorise)(NAME(matrix_t) m, T *factors, int *pivots) {
    int n = (int)m.rows, info = 0;
    NAME(copy_matrix)(m, NAME(by_columns)(factors, n, n));
    if (n) NAME(lapack).getrf(&n, &n, factors, &n, pivots, &info);
    return info;
}

/* scratch: the factors, the right-hand side by columns, the pivots. */
static int NAME(solve)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    array_t a = arrays[0], b = arrays[1], x = arrays[2];
    const char *factorised = NULL;
    (void)n_arrays, (void)params;
    if (b.ndim == 1) b = with_axis(b, 1), x = with_axis(x, x.ndim);
    matrix_stack_t s = stack_of(&a, &b, &x);
    const array_t *stacks[] = {&s.arrays[0], &s.arrays[1], &s.arrays[2]};
    int n = (int)a.shape[a.ndim - 1], columns = (int)x.shape[x.ndim - 1], info;
    T *factors = (T *)scratch, *side = factors + (ptrdiff_t)n * n;
    int *pivots = (int *)(side + (ptrdiff_t)n * columns);
    if (!size_of(&s.arrays[0])) return 0;
    odometer_t w = walk_over(3, stacks);
    do {
        if (w.at[0] != factorised && NAME(factorise)(NAME(matrix_at)(&a, w.at[0]), factors, pivots)) return SINGULAR;
        factorised = w.at[0];
        if (!n || !columns) continue;
        NAME(matrix_t) by_columns = NAME(by_columns)(side, n, columns);
        char no = 'N';
        NAME(copy_matrix)(NAME(matrix_at)(&b, w.at[1]), by_columns);
        NAME(lapack).getrs(&no, &n, &columns, factors, &n, pivots, side, &n, &info);
        NAME(copy_matrix)(by_columns, NAME(matrix_at)(&x, w.at[2]));
    } while (next_element(&w));
    return 0;
}

/* As solve: the right-hand side is the identity. */
static int NAME(inv)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    T diagonal[1] = {1};
    array_t one = arrays[0], all[3];
    const int i = one.ndim - 2;
    const ptrdiff_t n = one.shape[i];
    T *identity = (T *)scratch;
    (void)n_arrays, (void)diagonal;
    for (ptrdiff_t k = 0; k < n * n; k++) identity[k] = k % (n + 1) == 0;
    array_t side = {scratch, 2, {n, n}, {n * (ptrdiff_t)sizeof(T), sizeof(T)}};
    all[0] = arrays[0], all[1] = side, all[2] = arrays[1];
    return NAME(solve)(all, 3, params, scratch + n * n * (ptrdiff_t)sizeof(T));
}

/* From the diagonal of the factors, as NumPy does it. */
static int NAME(determinant)(array_t *arrays, char *scratch, of_det_t wanted) {
    const array_t a = arrays[0], outer = outer_axes(a, 2), *both[] = {&outer, &arrays[1]};
    const int n = (int)a.shape[a.ndim - 1];
    T *factors = (T *)scratch;
    int *pivots = (int *)(factors + (ptrdiff_t)n * n);
    if (!size_of(&outer)) return 0;
    odometer_t w = walk_over(2, both);
    do {
        T sign = 1, logarithm = 0;
        if (NAME(factorise)(NAME(matrix_at)(&a, w.at[0]), factors, pivots)) {
            sign = 0;
            logarithm = (T)-INFINITY;
        } else {
            for (int k = 0; k < n; k++) {
                T x = factors[(ptrdiff_t)k * n + k];
                if ((pivots[k] != k + 1) != (x < 0)) sign = -sign;
                logarithm += LOG(x < 0 ? -x : x);
            }
        }
        *(T *)w.at[1] = wanted == SIGN ? sign : wanted == LOGABS ? logarithm : sign * EXP(logarithm);
    } while (next_element(&w));
    return 0;
}

static int NAME(det)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    (void)n_arrays, (void)params;
    return NAME(determinant)(arrays, scratch, DET);
}

static int NAME(logabsdet)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    (void)n_arrays, (void)params;
    return NAME(determinant)(arrays, scratch, LOGABS);
}

static int NAME(signdet)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    (void)n_arrays, (void)params;
    return NAME(determinant)(arrays, scratch, SIGN);
}

/* scratch: a matrix. */
static int NAME(cholesky)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    const array_t a = arrays[0], y = arrays[1], outer = outer_axes(a, 2), outer_y = outer_axes(y, 2);
    const array_t *both[] = {&outer, &outer_y};
    int n = (int)a.shape[a.ndim - 1], info = 0;
    char lower = 'L';
    T *factor = (T *)scratch;
    (void)n_arrays, (void)params;
    if (!n || !size_of(&outer)) return 0;
    odometer_t w = walk_over(2, both);
    do {
        NAME(copy_matrix)(NAME(matrix_at)(&a, w.at[0]), NAME(by_columns)(factor, n, n));
        NAME(lapack).potrf(&lower, &n, factor, &n, &info);
        if (info) return NOT_POSITIVE_DEFINITE;
        for (ptrdiff_t j = 1; j < n; j++)
            for (ptrdiff_t i = 0; i < j; i++) factor[j * n + i] = 0;
        NAME(copy_matrix)(NAME(by_columns)(factor, n, n), NAME(matrix_at)(&y, w.at[1]));
    } while (next_element(&w));
    return 0;
}

/* params: lower, trans.  scratch: the matrix and the right-hand side, by columns. */
static int NAME(solve_triangular)(array_t *arrays, int n_arrays, const int64_t *params, char *scratch) {
    array_t a = arrays[0], b = arrays[1], x = arrays[2];
    (void)n_arrays;
    if (b.ndim == 1) b = with_axis(b, 1), x = with_axis(x, x.ndim);
    matrix_stack_t s = stack_of(&a, &b, &x);
    const array_t *stacks[] = {&s.arrays[0], &s.arrays[1], &s.arrays[2]};
    int n = (int)a.shape[a.ndim - 1], columns = (int)x.shape[x.ndim - 1], leading;
    T *side = (T *)scratch, *packed = side + (ptrdiff_t)n * columns, one = 1;
    if (!n || !columns || !size_of(&s.arrays[0])) return 0;
    odometer_t w = walk_over(3, stacks);
    do {
        NAME(matrix_t) m = NAME(matrix_at)(&a, w.at[0]), by_columns = NAME(by_columns)(side, n, columns);
        for (ptrdiff_t k = 0; k < n; k++)
            if (m.at[k * (m.down + m.right)] == 0) return SINGULAR;
        char order = NAME(order)(m, &leading);
        if (!order) {
            NAME(copy_matrix)(m, NAME(by_columns)(packed, n, n));
            m = NAME(by_columns)(packed, n, n);
            order = 'N';
            leading = n;
        }
        /* By rows, a lower triangle is an upper one. */
        char left = 'L', no = 'N', uplo = (order == 'N') == (params[0] != 0) ? 'L' : 'U';
        char t = (order == 'N') == (params[1] != 0) ? 'T' : 'N';
        NAME(copy_matrix)(NAME(matrix_at)(&b, w.at[1]), by_columns);
        NAME(lapack).trsm(&left, &uplo, &t, &no, &n, &columns, &one, m.at, &leading, side, &n);
        NAME(copy_matrix)(by_columns, NAME(matrix_at)(&x, w.at[2]));
    } while (next_element(&w));
    return 0;
}
