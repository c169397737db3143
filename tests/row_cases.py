"""To which arguments is every structured op applied in tests, and what is the right value there?

`CASES` has a list per row.  The witness of a row is written without the function that the row itself calls.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from wengert.structured import freeze, thaw


@dataclass(frozen=True)
class Case:
    """An application of a row and its witness.

    `symmetric` says that the argument is read as a symmetric matrix, `rough` by how much differences of the value are
    worse than usual, and `orders` how many derivatives there are.
    """

    row: str
    args: tuple[Any, ...]
    params: dict[str, Any]
    witness: Callable[..., Any]
    symmetric: bool = False
    rough: float = 1.0
    orders: int = 2

    def __str__(self) -> str:
        shapes = ",".join(str(np.shape(arg)).replace(" ", "") for arg in self.args)
        params = ",".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.row}-{shapes}-{params}".replace(" ", "")[:120]


CASES: dict[str, list[Case]] = {}


def cases(row: str, witness: Callable[..., Any], *applications: Any, **options: Any) -> None:
    """Add applications, each a tuple of arguments with the dict of parameters last."""
    for *args, params in applications:
        CASES.setdefault(row, []).append(Case(row, tuple(args), params, witness, **options))


_seeds = itertools.count(1)


def some(*shape: int) -> Any:
    """Return numbers without ties, between -2 and 2."""
    return np.random.default_rng(next(_seeds)).uniform(-2, 2, shape)


def regular(*shape: int) -> Any:
    """Return matrices that are far from singular."""
    return some(*shape) + 6 * np.eye(shape[-1])


def by_normal_equations(a: Any, *, rcond: float) -> Any:
    """Return the pseudoinverse of matrices of full rank."""
    at = np.swapaxes(a, -1, -2)
    return np.linalg.inv(at @ a) @ at if a.shape[-2] > a.shape[-1] else at @ np.linalg.inv(a @ at)


def positive(*shape: int) -> Any:
    """Return symmetric positive definite matrices."""
    a = some(*shape)
    return a @ np.swapaxes(a, -1, -2) + 2 * np.eye(shape[-1])


def each(x: Any) -> Any:
    """Return the elements of x with their indices."""
    return np.ndenumerate(np.asarray(x))


# ---- shapes ----
def by_strides(x: Any, shape: Any) -> Any:
    y = np.empty(shape)
    y.flat = np.asarray(x).ravel()
    return y


cases(
    "reshape",
    by_strides,
    *((some(2, 3, 4), {"shape": s}) for s in [(24,), (4, 3, 2), (1, 6, 4), (2, 3, 4)]),
    (some(1, 1), {"shape": ()}),
    (1.5, {"shape": (1, 1)}),
    (some(0, 3), {"shape": (2, 0)}),
)
cases(
    "transpose",
    lambda x, axes: np.moveaxis(x, axes or range(np.ndim(x))[::-1], range(np.ndim(x))),
    *((some(2, 3, 4), {"axes": a}) for a in [None, (2, 0, 1), (0, 2, 1), (-1, 0, -2)]),
    (some(3), {"axes": (0,)}),
    (some(), {"axes": ()}),
    (some(0, 2), {"axes": (1, 0)}),
)
cases(
    "broadcast_to",
    lambda x, shape: np.zeros(shape) + x,
    (some(3), {"shape": (2, 3)}),
    (some(2, 1), {"shape": (2, 3)}),
    (some(2, 1, 1), {"shape": (4, 2, 3, 1)}),
    (2.5, {"shape": (2, 2)}),
    (some(1), {"shape": (0,)}),
    (some(0, 1), {"shape": (2, 0, 3)}),
)
cases("cast", lambda x, dtype: np.array(x, dtype), (some(3), {"dtype": "float64"}), (1.5, {"dtype": "float64"}))

KEYS: list[Any] = [
    1,
    -1,
    slice(1, None),
    slice(None, None, -2),
    (slice(None), 2),
    (..., 0),
    (None, 1, ..., None),
    (slice(2, 0, -1), slice(None), 1),
    [2, 0, 2],
    (slice(None), [3, 0, 3]),
    ([0, 1, 0], [2, 2, 2]),
    ([[0], [1]], [3, 1]),
    ([1, 1], slice(None), [0, 1]),
    (1, slice(None), [0, 1, 1]),
    [True, False, True],
    (slice(None), [False, True, True, False]),
    np.arange(24).reshape(3, 4, 2) % 3 == 0,
    [],
    (0, 3, 1),
    True,
]


def picked(x: Any, key: Any) -> Any:
    key = thaw(key)
    places = np.arange(np.size(x)).reshape(np.shape(x))[key]
    return np.array([np.asarray(x).flat[i] for i in places.flat]).reshape(places.shape)


def added_one_by_one(x: Any, v: Any, key: Any) -> Any:
    y = np.array(x)
    places = np.arange(y.size).reshape(y.shape)[thaw(key)]
    v = np.asarray(v)
    v = np.broadcast_to(v.reshape(v.shape[max(v.ndim - places.ndim, 0) :]), places.shape)
    for index, place in each(places):
        y.flat[place] += v[index]
    return y


def written_one_by_one(x: Any, v: Any, key: Any) -> Any:
    y = np.array(x)
    places = np.arange(y.size).reshape(y.shape)[thaw(key)]
    v = np.asarray(v)
    v = np.broadcast_to(v.reshape(v.shape[max(v.ndim - places.ndim, 0) :]), places.shape)
    for index, place in each(places):
        y.flat[place] = v[index]
    return y


def like_part(key: Any) -> Any:
    """Return an array of the shape of ``x[key]`` for x of KEYS."""
    return some(*np.empty((3, 4, 2))[key].shape)


cases("getitem", picked, *((some(3, 4, 2), {"key": freeze(key)}) for key in KEYS), (1.5, {"key": (None,)}))
cases("getitem", picked, (some(0, 3), {"key": freeze((slice(None), 1))}), (some(), {"key": freeze(())}))
cases(
    "scatter",
    lambda g, key, shape: added_one_by_one(np.zeros(shape), g, key),
    *((like_part(key), {"key": freeze(key), "shape": (3, 4, 2)}) for key in KEYS),
    (1.5, {"key": freeze(1), "shape": (3,)}),
)
cases(
    "put",
    written_one_by_one,
    *((some(3, 4, 2), like_part(key), {"key": freeze(key)}) for key in KEYS),
    (some(3, 4), 2.0, {"key": freeze((slice(None), [1, 1]))}),
    (some(3, 4), some(1, 1, 4), {"key": freeze([0, 2])}),
    (some(3), some(), {"key": freeze(slice(0, 0))}),
)
cases(
    "put_add",
    added_one_by_one,
    *((some(3, 4, 2), like_part(key), {"key": freeze(key)}) for key in KEYS),
    (some(3, 4), 2.0, {"key": freeze((slice(None), [1, 1]))}),
    (some(3, 4), some(1, 1, 4), {"key": freeze([0, 2, 2])}),
)


def stacked_rows(*xs: Any, axis: int) -> Any:
    return np.swapaxes(np.array([r for x in xs for r in np.swapaxes(x, 0, axis)]), 0, axis)


cases(
    "concatenate",
    stacked_rows,
    (some(2, 3), some(1, 3), {"axis": 0}),
    (some(2, 3), some(2, 0), some(2, 2), {"axis": 1}),
    (some(2, 3, 2), some(2, 1, 2), {"axis": -2}),
    (some(3), {"axis": 0}),
)

ROW = np.array([2, 0, -1, 0])
GRID = np.array([[1, 0], [3, -1], [0, 0]])


def sliced_one_by_one(x: Any, i: Any, axis: int) -> Any:
    x = np.moveaxis(x, axis, 0)
    slices = np.array([x[int(k)] for k in np.ravel(i)]).reshape(np.shape(i) + x.shape[1:])
    return np.moveaxis(slices, range(np.ndim(i)), range(axis, axis + np.ndim(i))) if np.ndim(i) else slices


def slices_added_one_by_one(g: Any, i: Any, axis: int, shape: Any) -> Any:
    y = np.zeros(shape)
    view = np.moveaxis(y, axis, 0)
    g = np.moveaxis(g, range(axis, axis + np.ndim(i)), range(np.ndim(i))) if np.ndim(i) else g
    for index, k in each(i):
        view[int(k)] += g[index]
    return y


cases(
    "take",
    sliced_one_by_one,
    *((some(3, 4, 3), i, {"axis": a}) for a in [0, 1, 2] for i in [ROW, np.array(1), GRID % 3, np.array([], int)]),
    (some(3), 1.0, {"axis": 0}),
)
cases(
    "take_adjoint",
    slices_added_one_by_one,
    (some(4, 2), ROW, {"axis": 0, "shape": (3, 2)}),
    (some(2, 3, 2, 2), GRID, {"axis": 1, "shape": (2, 4, 2)}),
    (some(2), np.array(-1), {"axis": 1, "shape": (2, 4)}),
)


def along_one_by_one(x: Any, i: Any, axis: int) -> Any:
    shape = list(np.broadcast_shapes(*(np.delete(np.shape(a), axis) for a in (x, i))))
    shape.insert(axis % np.ndim(x), np.shape(i)[axis])
    y = np.empty(shape)
    for index in np.ndindex(*shape):
        k = i[tuple(0 if n == 1 else j for j, n in zip(index, i.shape, strict=True))]
        place = [0 if n == 1 else j for j, n in zip(index, x.shape, strict=True)]
        place[axis] = int(k)
        y[index] = x[tuple(place)]
    return y


def along_added_one_by_one(g: Any, i: Any, axis: int, shape: Any) -> Any:
    y = np.zeros(shape)
    for index in np.ndindex(*g.shape):
        k = i[tuple(0 if n == 1 else j for j, n in zip(index, i.shape, strict=True))]
        place = [0 if n == 1 else j for j, n in zip(index, shape, strict=True)]
        place[axis] = int(k)
        y[tuple(place)] += g[index]
    return y


cases(
    "take_along",
    along_one_by_one,
    (some(3, 4), GRID, {"axis": 1}),
    (some(4, 2), GRID, {"axis": 0}),
    (some(4, 2), GRID.astype(float), {"axis": -2}),
    (some(3, 4), np.array([[1, 1, 0]]), {"axis": 1}),
    (some(1, 4), GRID, {"axis": 1}),
    (some(5), np.array([4, 4, 0]), {"axis": 0}),
)
cases(
    "take_along_adjoint",
    along_added_one_by_one,
    (some(3, 2), GRID, {"axis": 1, "shape": (3, 4)}),
    (some(3, 2), GRID, {"axis": 0, "shape": (4, 2)}),
    (some(3, 3), np.array([[1, 1, 0]]), {"axis": 1, "shape": (3, 4)}),
    (some(3, 2), GRID, {"axis": -1, "shape": (1, 4)}),
)

# ---- reductions ----
AXES: list[Any] = [None, 0, -1, (0, 2), (-1, 1), (), (0, 1, 2)]


def folded(step: Callable[[float, float], float], start: float) -> Callable[..., Any]:
    """Return a reduction that takes one element at a time."""

    def reduce(x: Any, axis: Any, keepdims: bool) -> Any:
        x = np.asarray(x)
        axes = range(x.ndim) if axis is None else [a % x.ndim for a in np.atleast_1d(np.array(axis, int))]
        y = np.full([1 if i in axes else n for i, n in enumerate(x.shape)], start)
        for index, element in each(x):
            place = tuple(0 if i in axes else j for i, j in enumerate(index))
            y[place] = step(y[place], element)
        return y if keepdims else y.reshape([n for i, n in enumerate(x.shape) if i not in axes])

    return reduce


def reductions(row: str, step: Callable[[float, float], float], start: float, **options: Any) -> None:
    cases(
        row,
        folded(step, start),
        *((some(2, 3, 2), {"axis": a, "keepdims": k}) for a in AXES for k in (False, True)),
        (some(), {"axis": None, "keepdims": False}),
        (-1.5, {"axis": (), "keepdims": True}),
        (some(0, 3), {"axis": 1, "keepdims": False}),
        (some(1), {"axis": 0, "keepdims": False}),
        **options,
    )


ZEROS = np.array([[2.0, 0.0, 3.0, -1.5], [0.0, 1.5, 0.0, 2.5], [1.2, 2.2, 0.5, -3.0]])

reductions("sum", lambda a, b: a + b, 0.0)
reductions("prod", lambda a, b: a * b, 1.0)
reductions("max", max, -np.inf)
reductions("min", min, np.inf)
reductions("logsumexp", np.logaddexp, -np.inf)
cases("sum", folded(lambda a, b: a + b, 0.0), (some(0, 3), {"axis": None, "keepdims": True}))
cases("logsumexp", folded(np.logaddexp, -np.inf), (800 * some(2, 3), {"axis": 1, "keepdims": False}), orders=0)
cases("logsumexp", folded(np.logaddexp, -np.inf), (800 + some(3), {"axis": None, "keepdims": False}), rough=1e3)
cases(
    "prod",
    folded(lambda a, b: a * b, 1.0),
    *((ZEROS, {"axis": a, "keepdims": False}) for a in (0, 1, -1, (0, 1), None)),
    (np.zeros(3), {"axis": 0, "keepdims": True}),
)


def running(step: Callable[[float, float], float], start: float) -> Callable[..., Any]:
    def run(x: Any, axis: int) -> Any:
        y = np.moveaxis(np.array(x), axis, -1).copy()
        for index in np.ndindex(y.shape[:-1]):
            y[index] = list(itertools.accumulate(y[index], step, initial=start))[1:]
        return np.moveaxis(y, -1, axis)

    return run


for name, step, start in [("cumsum", lambda a, b: a + b, 0.0), ("cumprod", lambda a, b: a * b, 1.0)]:
    cases(
        name,
        running(step, start),
        *((some(2, 3, 4), {"axis": a}) for a in (0, 1, -1)),
        (ZEROS, {"axis": 0}),
        (ZEROS, {"axis": -1}),
        (some(0, 2), {"axis": 0}),
        (some(1), {"axis": 0}),
    )


def one_after_the_other(a: Any, b: Any, axis: int) -> Any:
    a, h = np.moveaxis(a, axis, -1), np.moveaxis(b, axis, -1).copy()
    for index in np.ndindex(h.shape[:-1]):
        for k in range(1, h.shape[-1]):
            h[index][k] += a[index][k] * h[index][k - 1]
    return np.moveaxis(h, -1, axis)


cases(
    "recurrence",
    one_after_the_other,
    (some(5), some(5), {"axis": 0}),
    (some(2, 4, 3), some(2, 4, 3), {"axis": 1}),
    (ZEROS, some(3, 4), {"axis": -1}),
    (some(0), some(0), {"axis": 0}),
    (some(1), some(1), {"axis": 0}),
)


def best(sign: float) -> Callable[..., Any]:
    def index(x: Any, axis: Any, keepdims: bool) -> Any:
        order = np.argsort(-sign * np.asarray(x), axis=axis, kind="stable")
        if axis is None:
            return np.array(order[0]).reshape((1,) * np.ndim(x) if keepdims else ())
        return np.take(order, [0] if keepdims else 0, axis=axis)

    return index


for name, sign in [("argmax", 1.0), ("argmin", -1.0)]:
    cases(name, best(sign), *((some(3, 4), {"axis": a, "keepdims": k}) for a in (None, 0, -1) for k in (False, True)))
    cases(name, best(sign), (np.array([1.0, 2.0, 1.0, 2.0]), {"axis": None, "keepdims": False}))
cases(
    "argsort",
    lambda x, axis: np.apply_along_axis(lambda v: sorted(range(len(v)), key=lambda i: v[i]), axis, x),
    (some(3, 4), {"axis": 0}),
    (np.array([2.0, 1.0, 2.0, 1.0]), {"axis": -1}),
)
cases(
    "searchsorted",
    lambda a, v, side: np.array([sum(y < x or (side == "right" and y == x) for y in a) for x in np.ravel(v)]).reshape(
        np.shape(v)
    ),
    *((np.array([0.0, 1.0, 1.0, 2.5]), np.array([[1.0, 3.0], [-1.0, 2.0]]), {"side": s}) for s in ("left", "right")),
)


# ---- products ----
def products_of_rows_and_columns(a: Any, b: Any) -> Any:
    left = np.reshape(a, (1, *np.shape(a))) if np.ndim(a) == 1 else a
    right = np.reshape(b, (*np.shape(b), 1)) if np.ndim(b) == 1 else b
    y = (left[..., :, :, None] * right[..., None, :, :]).sum(-2)
    y = y[..., 0] if np.ndim(b) == 1 else y
    return y if np.ndim(a) > 1 else np.take(y, 0, axis=-1 if np.ndim(b) == 1 else -2)


cases(
    "matmul",
    products_of_rows_and_columns,
    *(
        (some(*m), some(*n), {})
        for m, n in [
            ((2, 3), (3, 4)),
            ((3,), (3,)),
            ((2, 3), (3,)),
            ((3,), (3, 4)),
            ((5, 2, 3), (3,)),
            ((3,), (5, 3, 4)),
            ((5, 2, 3), (3, 4)),
            ((2, 3), (5, 3, 4)),
            ((5, 1, 2, 3), (4, 3, 2)),
            ((1, 2, 3), (5, 3, 1)),
            ((0, 3), (3, 2)),
            ((2, 0), (0, 2)),
            ((1,), (1,)),
        ]
    ),
)

EINSUMS: list[tuple[str, list[tuple[int, ...]]]] = [
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("ij,jk", [(2, 3), (3, 4)]),
    ("ba", [(2, 3)]),
    ("ii", [(3, 3)]),
    ("ii->i", [(3, 3)]),
    ("iji->j", [(3, 2, 3)]),
    ("iii", [(2, 2, 2)]),
    ("iijj->ij", [(2, 2, 3, 3)]),
    ("ij->", [(2, 3)]),
    ("ij->i", [(2, 3)]),
    ("ij,k->k", [(2, 3), (4,)]),
    ("i,i->", [(3,), (3,)]),
    ("i,j->ij", [(3,), (2,)]),
    ("ij,ij->ij", [(1, 3), (2, 3)]),
    ("ij,jk->ik", [(2, 1), (3, 4)]),
    ("ij,ij->", [(1, 3), (2, 1)]),
    ("...ij,...jk->...ik", [(5, 2, 3), (3, 4)]),
    ("...ij,...jk", [(5, 1, 2, 3), (4, 3, 2)]),
    ("i...->...", [(3, 2)]),
    ("...i,i", [(2, 3), (3,)]),
    ("...,...", [(2, 3), (3,)]),
    ("ij,jk,kl->il", [(2, 3), (3, 2), (2, 4)]),
    ("ij,ij,ii->j", [(2, 3), (2, 3), (2, 2)]),
    (",i->i", [(), (3,)]),
    ("a b, b -> a", [(2, 3), (3,)]),
    ("ij,jk->ik", [(0, 3), (3, 2)]),
]


def summed_one_by_one(*xs: Any, subscripts: str) -> Any:
    return np.einsum(subscripts, *xs, optimize=False)


cases("einsum", summed_one_by_one, *((*(some(*s) for s in shapes), {"subscripts": t}) for t, shapes in EINSUMS))


def polynomial_product(a: Any, v: Any, mode: str) -> Any:
    full = sum(np.pad(x * v, (i, len(a) - 1 - i)) for i, x in enumerate(a))
    short, long = sorted((len(a), len(v)))
    return full if mode == "full" else full[short - 1 : long]


cases(
    "convolve",
    polynomial_product,
    *((some(m), some(n), {"mode": mode}) for m, n in [(5, 3), (3, 5), (4, 4), (1, 3)] for mode in ("full", "valid")),
)


# ---- matrices ----
def by_inverse(a: Any, b: Any) -> Any:
    return products_of_rows_and_columns(np.linalg.inv(a), b)


SHAPES_OF_SYSTEMS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((3, 3), (3,)),
    ((3, 3), (3, 2)),
    ((4, 3, 3), (3,)),
    ((4, 3, 3), (3, 2)),
    ((4, 3, 3), (4, 3, 2)),
    ((3, 3), (4, 3, 1)),
    ((2, 1, 2, 2), (4, 2, 3)),
    ((3, 3, 3), (3, 3)),
    ((1, 1), (1,)),
    ((0, 0), (0, 2)),
]
cases("solve", by_inverse, *((regular(*m), some(*n), {}) for m, n in SHAPES_OF_SYSTEMS))
cases(
    "solve_triangular",
    lambda a, b, lower, trans: by_inverse(
        np.swapaxes(np.tril(a) if lower else np.triu(a), *((-1, -2) if trans else (0, 0))), b
    ),
    *(
        (regular(*m), some(*n), {"lower": lower, "trans": trans})
        for m, n in SHAPES_OF_SYSTEMS
        for lower in (False, True)
        for trans in (False, True)
    ),
)


def minors(a: Any) -> Any:
    """Return the matrices of cofactors."""
    y = np.empty(a.shape)
    for *stack, i, j in np.ndindex(a.shape):
        minor = np.delete(np.delete(a[tuple(stack)], i, 0), j, 1)
        y[(*stack, i, j)] = (-1) ** (i + j) * by_minors(minor)
    return y


def by_minors(a: Any) -> Any:
    if a.shape[-1] == 0:
        return np.ones(a.shape[:-2])
    return (a[..., 0, :] * minors(a)[..., 0, :]).sum(-1)


MATRICES = [regular(3, 3), regular(4, 2, 2), regular(2, 2, 3, 3), regular(1, 1), np.zeros((0, 0)), regular(0, 2, 2)]
SINGULAR = [np.ones((3, 3)), np.diag([0.0, 2.0, 3.0]), np.zeros((2, 2)), np.zeros((3, 3)), np.zeros((1, 1))]
SINGULAR.append(np.stack([np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 0.5]), 0.2 * regular(3, 3), np.diag([1.0, 0.0, 2.0])]))
cases(
    "inv",
    lambda a: np.swapaxes(minors(a), -1, -2) / by_minors(a)[..., None, None],
    *((a, {}) for a in MATRICES),
)
cases(
    "pinv",
    by_normal_equations,
    *(
        (np.random.default_rng(n).uniform(-2, 2, (*outer, n)), {"rcond": 1e-6})
        for *outer, n in [(4, 2), (2, 3), (2, 3, 2)]
    ),
)
cases("det", by_minors, *((a, {}) for a in MATRICES + SINGULAR))
cases("cofactors", minors, *((a, {}) for a in MATRICES))
cases("cofactors", minors, *((a, {}) for a in SINGULAR), orders=1)


def difference_of_minors(a: Any, h: Any) -> Any:
    """Return the derivative of a polynomial of degree below 4 from four points, exact but for rounding."""
    f = [minors(a + t * h) for t in (-1, -0.5, 0.5, 1)]
    return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / 6


cases("cofactors_adjoint", difference_of_minors, *((a, some(*a.shape), {}) for a in MATRICES))
cases("cofactors_adjoint", difference_of_minors, *((a, some(*a.shape), {}) for a in SINGULAR), orders=0)
cases("logabsdet", lambda a: np.log(np.abs(by_minors(a))), *((a, {}) for a in MATRICES))
cases("signdet", lambda a: np.sign(by_minors(a)), *((a, {}) for a in MATRICES))


class Squares:
    """A body as a row sees it."""

    def __init__(self, n: int) -> None:
        self.n_result = n

    def value(self, x: Any) -> Any:
        return x * x

    def adjoint(self, g: Any, y: Any, x: Any) -> Any:
        return 2.0 * g * x


class Nothing:
    """A rule as a row sees it, of what depends on nothing."""

    def adjoint(self, g: Any, x: Any, residuals: tuple[Any, ...]) -> Any:
        return 0.0 * g


cases("call", lambda x, body: x**2, (some(4), {"body": Squares(4)}), (some(0), {"body": Squares(0)}))
cases("custom", lambda y, x, rule: y, (some(4).astype(np.float32), some(4), {"rule": Nothing()}))


def cholesky_by_columns(a: Any) -> Any:
    y = np.zeros(a.shape)
    for j in range(a.shape[-1]):
        column = a[..., j:, j] - (y[..., j:, :j] * y[..., None, j, :j]).sum(-1)
        y[..., j:, j] = column / np.sqrt(column[..., :1])
    return y


cases(
    "cholesky",
    cholesky_by_columns,
    *((positive(*s), {}) for s in [(3, 3), (4, 2, 2), (2, 1, 3, 3), (1, 1), (0, 0)]),
    symmetric=True,
)


def eigh_by_general_eig(a: Any, lower: bool) -> Any:
    """Return eigenvalues over eigenvectors, with the signs that `numpy.linalg.eigh` has, which are arbitrary."""
    y = np.empty((*a.shape[:-2], a.shape[-1] + 1, a.shape[-1]))
    for stack in np.ndindex(a.shape[:-2]):
        values, vectors = np.linalg.eig(a[stack])
        order = np.argsort(values.real)
        vectors = vectors.real[:, order]
        signs = np.sign((vectors * np.linalg.eigh(a[stack], UPLO="L" if lower else "U")[1]).sum(0))
        y[stack] = np.vstack((values.real[order], vectors * signs))
    return y


cases(
    "eigh",
    eigh_by_general_eig,
    *((positive(*s), {"lower": lower}) for s in [(3, 3), (4, 2, 2), (1, 1)] for lower in (False, True)),
    symmetric=True,
)


# ---- another package ----
def jax_rows(jax: Any) -> dict[str, Callable[..., Any]]:
    """Return the rows that JAX has, as JAX calls them."""
    jnp, lax = jax.numpy, jax.lax

    def triangular(a: Any, b: Any, lower: bool, trans: bool) -> Any:
        return jax.scipy.linalg.solve_triangular(a, b, lower=lower, trans=int(trans))

    return {
        "reshape": jnp.reshape,
        "transpose": lambda x, axes: jnp.transpose(x, axes),
        "broadcast_to": jnp.broadcast_to,
        "getitem": lambda x, key: jnp.asarray(x)[thaw(key)],
        "scatter": lambda g, key, shape: jnp.zeros(shape).at[thaw(key)].add(g),
        "put_add": lambda x, v, key: jnp.asarray(x).at[thaw(key)].add(v),
        "concatenate": lambda *xs, axis: jnp.concatenate(xs, axis),
        "take": lambda x, i, axis: jnp.take(x, jnp.asarray(i, int), axis),
        "take_along": lambda x, i, axis: jnp.take_along_axis(x, jnp.asarray(i, int), axis),
        "sum": jnp.sum,
        "prod": jnp.prod,
        "max": jnp.max,
        "min": jnp.min,
        "logsumexp": lambda x, axis, keepdims: jax.scipy.special.logsumexp(x, axis, keepdims=keepdims),
        "cumsum": jnp.cumsum,
        "cumprod": lambda x, axis: lax.associative_scan(jnp.multiply, x, axis=axis),
        "matmul": jnp.matmul,
        "einsum": lambda *xs, subscripts: jnp.einsum(subscripts, *xs),
        "convolve": jnp.convolve,
        "solve": jnp.linalg.solve,
        "inv": jnp.linalg.inv,
        "solve_triangular": triangular,
        "cholesky": jnp.linalg.cholesky,
        "det": jnp.linalg.det,
        "logabsdet": lambda a: jnp.linalg.slogdet(a)[1],
    }


# ---- random numbers ----


def philox(count: Any, *, seed: int, stream: int, shape: tuple[int, ...]) -> Any:
    """Return what the paper's ten rounds make of counters, in Python's integers (Salmon et al. 2011, section 4.3)."""
    word = 2**64
    found: list[float] = []
    for block in itertools.count(1):
        if len(found) >= np.prod(shape, dtype=int):
            break
        a, b, c, d = block, int(count) % word, 0, 0
        for step in range(10):
            keys = [
                (key + step * weyl) % word for key, weyl in ((seed, 0x9E3779B97F4A7C15), (stream, 0xBB67AE8584CAA73B))
            ]
            (high, low), (other_high, other_low) = (
                divmod(a * 0xD2E7470EE14C6C93, word),
                divmod(c * 0xCA5A826395121157, word),
            )
            a, b, c, d = other_high ^ b ^ keys[0], other_low, high ^ d ^ keys[1], low
        found += [(x >> 11) / 2**53 for x in (a, b, c, d)]
    return np.array(found[: int(np.prod(shape, dtype=int))]).reshape(shape)


cases(
    "uniform",
    philox,
    (3.0, {"seed": 0, "stream": 0, "shape": (2, 3)}),
    (2.0**40, {"seed": 2**64 - 1, "stream": 5, "shape": (9,)}),
    (0.0, {"seed": 7, "stream": 0, "shape": ()}),
    orders=0,
)
