"""Does a function mapped over whole arrays do what a loop over its lanes does?"""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from row_cases import CASES

import wengert as wg
from wengert.batching import RULES, apply_to_lanes
from wengert.structured import ROWS, freeze, rows

N = 3
EVERY_CASE = [case for cases in CASES.values() for case in cases]


def lanes_of(x, k, is_index):
    """What lane k has in the place of an argument."""
    if is_index or np.asarray(x).dtype.kind in "iub":
        return np.roll(x, k)
    return np.asarray(x) * (1.0 + 0.125 * k)


def applications():
    """Every case of a row, with every choice of the arguments that differ from lane to lane."""
    for case in EVERY_CASE:
        # A triangle of sorted numbers stays sorted when it is scaled, a matrix regular.
        which = [k for k, x in enumerate(case.args) if not (case.row == "searchsorted" and k == 0)]
        for size in range(1, min(len(which), 3) + 1):
            for varying in itertools.combinations(which, size):
                yield pytest.param(case, tuple(k in varying for k in range(len(case.args))), id=f"{case}-{varying}")


def in_lanes(case, varies):
    """The arguments with lanes in front, and those of every lane."""
    row = ROWS[case.row]
    whole = [
        np.stack([lanes_of(x, k, i > 0 and not row.has_rule(i)) for k in range(N)]) if v else x
        for i, (x, v) in enumerate(zip(case.args, varies, strict=True))
    ]
    each = [[w[k] if v else w for w, v in zip(whole, varies, strict=True)] for k in range(N)]
    return whole, each


@pytest.mark.parametrize(("case", "varies"), list(applications()))
def test_a_rule_is_a_loop_over_lanes(case, varies):
    whole, each = in_lanes(case, varies)
    found = apply_to_lanes(case.row, whole, varies, case.params, N)
    wanted = np.stack([ROWS[case.row].value(*args, **case.params) for args in each])
    assert np.shape(found) == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize(("case", "varies"), list(applications()))
def test_its_gradient_is_a_loop_over_lanes(case, varies):
    row = ROWS[case.row]
    positions = [
        k for k, x in enumerate(case.args) if row.has_rule(k) and np.asarray(x).dtype.kind == "f" and np.size(x)
    ]
    value = np.asarray(row.value(*case.args, **case.params))
    if not positions or value.dtype.kind != "f" or not value.size:
        pytest.skip("no derivative")
    whole, each = in_lanes(case, varies)
    weights = np.random.default_rng(0).normal(size=(N, *value.shape))
    free = tuple(positions)

    def fill(args, xs):
        args = list(args)
        for k, x in zip(free, xs, strict=True):
            args[k] = x
        return args

    def of_lane(k):
        return wg.grad(lambda *xs: np.sum(weights[k] * row(*fill(each[k], xs), **case.params)), range(len(free)))(
            *[np.asarray(each[k][i], float) for i in free]
        )

    mapped = wg.vmap(lambda w, *args: np.sum(w * row(*args, **case.params)), (0, *[0 if v else None for v in varies]))
    gradient = wg.compile(wg.grad(lambda *xs: np.sum(mapped.on_arrays(weights, *fill(whole, xs))), range(len(free))))
    found = gradient(*[np.asarray(whole[i], float) for i in free])
    lanes = [of_lane(k) for k in range(N)]
    for j, i in enumerate(free):
        wanted = np.stack([lane[j] for lane in lanes])
        wanted = wanted if varies[i] else wanted.sum(axis=0)
        np.testing.assert_allclose(found[j], wanted, rtol=1e-9, atol=1e-9 * max(1.0, np.max(np.abs(wanted))))


def test_every_row_has_a_rule_or_is_known_to_have_none():
    assert set(ROWS) - set(RULES) == {"convolve", "call", "custom", "uniform"}
    assert set(RULES) <= set(ROWS)


# ---- functions ----

rng = np.random.default_rng(7)
A = rng.normal(size=(20, 3, 3)) + 4.0 * np.eye(3)
S = A @ np.swapaxes(A, -1, -2)
B = rng.normal(size=(20, 3))
M = rng.normal(size=(3, 3)) + 4.0 * np.eye(3)

SCALARS = {
    "solve": (lambda b, a: np.sum(np.linalg.solve(a, b) ** 3), (B, A)),
    "quadratic form": (lambda b, a: b @ np.linalg.inv(a) @ b, (B, A)),
    "gauss": (
        lambda b, s: -0.5 * np.sum(np.square(np.linalg.solve(np.linalg.cholesky(s), b))) - np.linalg.slogdet(s)[1] / 2,
        (B, S),
    ),
    "det": (lambda a, b: np.linalg.det(a) * b[0], (A, B)),
    "elements": (lambda b, a: np.linalg.solve(a, np.stack([b[0] * b[1], wg.sin(b[2]), 1.0]))[1], (B, A)),
    "eigenvalues": (lambda s, b: np.sum(np.exp(-np.linalg.eigvalsh(s))) * b[1], (S, B)),
    "indices": (lambda b, a: np.sum(np.sort(a @ b) * np.arange(3.0)) * np.max(np.linalg.inv(a)), (B, A)),
    "stop_gradient": (lambda b, a: np.sum(wg.stop_gradient(b) * np.linalg.solve(a, b)), (B, A)),
}


def loop(f, in_axes, *args):
    """The witness: one call per lane."""
    n = next(len(x) for x, axis in zip(args, in_axes, strict=True) if axis == 0)
    lanes = [f(*[x if axis is None else x[k] for x, axis in zip(args, in_axes, strict=True)]) for k in range(n)]
    return np.stack([np.asarray(lane) for lane in lanes])


def same(found, wanted, tolerance=1e-10):
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance * max(1.0, np.max(np.abs(wanted))))


@pytest.mark.parametrize("in_axes", [(0, 0), (0, None), (None, 0)], ids=str)
@pytest.mark.parametrize("transform", [lambda f: f, wg.grad, wg.hessian, lambda f: wg.jacobian(wg.grad(f), 1)])
@pytest.mark.parametrize("name", SCALARS)
def test_transforms_within_the_lanes(name, transform, in_axes):
    f, args = SCALARS[name]
    args = [x if axis == 0 else x[0] for x, axis in zip(args, in_axes, strict=True)]
    f = transform(f)
    same(wg.vmap(f, in_axes)(*args), loop(f, in_axes, *args), 1e-9)


@pytest.mark.parametrize("name", SCALARS)
def test_transforms_around_the_lanes(name):
    f, args = SCALARS[name]

    def mapped(*args):
        return np.sum(wg.vmap(f)(*args) * np.cos(np.arange(20.0)))

    wanted = loop(lambda c, *args: c * wg.grad(f)(*args), (0, 0, 0), np.cos(np.arange(20.0)), *args)
    same(wg.grad(mapped)(*args), wanted)
    same(wg.compile(wg.grad(mapped))(*args), wanted)
    direction = np.cos(args[0])
    wanted = np.sum(wanted * direction)
    same(wg.jvp(mapped, args, (direction, np.zeros_like(args[1])))[1], wanted)


@pytest.mark.parametrize("name", SCALARS)
def test_hessian_times_vector(name):
    f, args = SCALARS[name]

    def product(x, v, other):
        return wg.hvp(lambda x: f(x, other), x, v)

    v = np.sin(args[0])
    same(wg.vmap(product)(args[0], v, args[1]), loop(product, (0, 0, 0), args[0], v, args[1]), 1e-9)


def test_jax():
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    jax.config.update("jax_enable_x64", True)
    f = SCALARS["solve"][0]
    theirs = jax.vmap(jax.hessian(lambda b, a: jnp.sum(jnp.linalg.solve(a, b) ** 3)))(B, A)
    same(wg.vmap(wg.hessian(f))(B, A), theirs)
    pairs = jax.vmap(jax.vmap(lambda b, a: jnp.linalg.solve(a, b), (0, None)), (None, 0), 1)(B, A)
    same(wg.vmap(wg.vmap(lambda b, a: np.linalg.solve(a, b), (0, None)), (None, 0), 1)(B, A), pairs)


@pytest.mark.parametrize(
    ("outer", "inner"), [((0, None), (None, 0)), ((None, 0), (0, None)), ((0, 0), (None, 0))], ids=str
)
def test_lanes_within_lanes(outer, inner):
    def f(b, a):
        return np.linalg.solve(a, b) * wg.exp(b[0])

    args = (B, A)
    if outer == (0, 0):
        args = (B, np.stack([A, 2.0 * A, A + np.eye(3)], axis=1))
    wanted = loop(lambda *rest: loop(f, inner, *rest), outer, *args)
    same(wg.vmap(wg.vmap(f, inner), outer)(*args), wanted)

    def total(*args):
        return np.sum(np.sin(wg.vmap(wg.vmap(f, inner), outer)(*args)))

    def by_loops(*args):
        def lane(of_outer, of_inner):
            xs = [x if axis is None else x[of_outer] for x, axis in zip(args, outer, strict=True)]
            return f(*[x if axis is None else x[of_inner] for x, axis in zip(xs, inner, strict=True)])

        return sum(np.sum(np.sin(lane(*where))) for where in np.ndindex(wanted.shape[:2]))

    same(wg.compile(wg.grad(total))(*args), wg.grad(by_loops)(*args))


def layers(p, x):
    for w, b in p[:-1]:
        x = np.tanh(w @ x + b)
    return p[-1][0] @ x + p[-1][1]


def test_a_network_of_one_sample_is_the_batched_one():
    sizes = [64, 128, 10]
    p = [(rng.normal(size=(n, m)) / 8, rng.normal(size=n)) for m, n in itertools.pairwise(sizes)]
    x, y = rng.normal(size=(128, 64)), rng.normal(size=(128, 10))

    def one(p, x, y):
        return np.sum(np.square(layers(p, x) - y))

    def batched(p, x, y):
        h = np.tanh(x @ p[0][0].T + p[0][1])
        return np.mean(np.sum(np.square(h @ p[1][0].T + p[1][1] - y), axis=1))

    c = wg.compile(wg.value_and_grad(lambda p, x, y: np.mean(wg.vmap(one, (None, 0, 0))(p, x, y))))
    value, gradient = c(p, x, y)
    wanted_value, wanted = wg.value_and_grad(batched)(p, x, y)
    same(value, wanted_value)
    for found, layer in zip(gradient, wanted, strict=True):
        for a, b in zip(found, layer, strict=True):
            same(a, b)
    each = wg.vmap(wg.grad(one), (None, 0, 0))(p, x, y)
    same(np.mean(each[0][0], axis=0), wanted[0][0])
    same(each[1][1][3], wg.grad(one)(p, x[3], y[3])[1][1])


@pytest.mark.parametrize("transform", [lambda f: f, wg.compile], ids=["eager", "compiled"])
def test_vars_that_the_function_finds_outside(transform):
    def mapped(w, b):
        return np.sum(wg.vmap(lambda x: np.sum(np.linalg.solve(w, x) * b[0]) + np.dot(b, x))(B * b))

    def looped(w, b):
        return sum(np.sum(np.linalg.solve(w, x * b) * b[0]) + np.dot(b, x * b) for x in B)

    found = transform(wg.grad(mapped, (0, 1)))(M, B[0])
    for a, b in zip(found, wg.grad(looped, (0, 1))(M, B[0]), strict=True):
        same(a, b)
    x = wg.Var(M.copy())
    np.sum(wg.vmap(lambda w: w @ B[0])(np.stack([M] * 20) * x)).backward()
    same(x.grad, 20 * M * B[0])


@pytest.mark.parametrize(
    ("in_axes", "out_axes"), [((1, 0), 1), ((2, 0), -1), ((-1, None), 0), ((0, None), -2)], ids=str
)
def test_axes(in_axes, out_axes):
    def f(a, b):
        return np.linalg.inv(a) * b[0]

    args = [x if axis is not None else x[0] for x, axis in zip((A, B), in_axes, strict=True)]
    wanted = np.moveaxis(loop(f, [None if axis is None else 0 for axis in in_axes], *args), 0, out_axes)
    args[0] = np.moveaxis(args[0], 0, in_axes[0])
    same(wg.vmap(f, in_axes, out_axes)(*args), wanted)


def test_outputs_that_do_not_vary():
    def f(a, m):
        return {"inverse": np.linalg.inv(m), "one": 1.0, "a": (a @ m, np.ones(2))}

    found = wg.vmap(f, (0, None), {"inverse": None, "one": 0, "a": (0, 0)})(A, M)
    same(found["inverse"], np.linalg.inv(M))
    same(found["one"], np.ones(20))
    same(found["a"][0], A @ M)
    assert found["a"][1].shape == (20, 2)
    with pytest.raises(wg.TracingError, match="must be the same for all lanes"):
        wg.vmap(np.linalg.inv, out_axes=None)(A)


def test_loops_within_lanes():
    def steps(b, a):
        return np.sum(wg.scan(lambda c, x: (np.tanh(a @ c / 9.0) + x, None), b, np.arange(5.0))[0])

    def root(b):
        return wg.while_loop(lambda x: abs(x * x - b[0]) > 1e-13, lambda x: (x + b[0] / x) / 2.0, 1.0)

    same(wg.vmap(wg.grad(steps))(B, A), loop(wg.grad(steps), (0, 0), B, A))
    positive = np.abs(B) + 0.5
    same(wg.vmap(root)(positive), np.sqrt(positive[:, 0]))
    same(wg.vmap(wg.grad(root))(positive), loop(wg.grad(root), (0,), positive))


# ---- branches and failures ----


def branchy(a, b):
    y = np.linalg.solve(a, b)
    return y * 2.0 if y[0] > 0.0 else -y


def test_branches_that_all_lanes_take_are_guards():
    c = wg.compile(wg.vmap(branchy))
    up = np.abs(B)
    eyes = np.broadcast_to(np.eye(3), A.shape).copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same(c(eyes, up), 2.0 * up)
        same(c(eyes, -up), up)
        same(c(eyes, 3.0 * up), 6.0 * up)
    with pytest.warns(wg.TooManyPathsWarning, match="lane by lane"):
        same(c(A, B), loop(branchy, (0, 0), A, B))
    same(c(A, -B), loop(branchy, (0, 0), A, -B))
    same(c(eyes, up), 2.0 * up)


def test_branches_within_lanes_and_transforms():
    def total(a, b):
        return np.sum(wg.vmap(branchy)(a, b))

    def looped(a, b):
        return sum(np.sum(branchy(x, y)) for x, y in zip(a, b, strict=True))

    wanted = wg.grad(looped)(A, B)
    same(wg.grad(total)(A, B), wanted)
    same(wg.compile(wg.grad(total))(A, B), wanted)


def test_reading_numbers_keeps_lanes_apart():
    seen = []

    def f(x):
        seen.append(float(x[0].data))
        return np.sum(x * x)

    x = rng.normal(size=(20, 3))
    same(wg.grad(lambda x: np.sum(wg.vmap(f)(x)))(x), 2.0 * x)
    assert seen == x[:, 0].tolist()


def test_a_singular_lane_is_nan():
    a = A.copy()
    a[4] = a[7] = 0.0
    f = wg.vmap(lambda a, b: (np.linalg.solve(a, b), b[0]))
    with pytest.warns(RuntimeWarning, match="lanes 4, 7"):
        found, first = f(a, B)
    good = np.setdiff1d(np.arange(20), [4, 7])
    same(found[good], np.linalg.solve(A, B[..., None])[good, :, 0])
    assert np.isnan(found[[4, 7]]).all()
    assert np.isnan(first[[4, 7]]).all()
    with pytest.raises(np.linalg.LinAlgError, match="in every lane"):
        f(np.zeros_like(A), B)


def test_no_lanes():
    with pytest.raises(wg.ShapeError, match="at least one lane"):
        wg.vmap(np.linalg.inv)(np.zeros((0, 3, 3)))


def test_other_numbers_of_lanes_and_out():
    c = wg.compile(wg.vmap(lambda a, b: np.linalg.solve(a, b)))
    for n in (20, 3, 1, 20):
        same(c(A[:n], B[:n]), np.linalg.solve(A[:n], B[:n, :, None])[..., 0])
    out = np.zeros_like(B)
    assert c(A, B, out=out) is out
    same(out, c(A, B))
    assert "solve" in str(c.program(A, B))
    single = wg.compile(wg.vmap(np.linalg.inv), dtype=np.float32)(A)
    assert single.dtype == np.float32
    same(single, np.linalg.inv(A), 1e-4)


KEYS = [
    (0, slice(None), [1, 0]),
    ([1, 0], Ellipsis, [0, 1]),
    ([1, 0], None, [0, 1]),
    (slice(None), [[1, 0, 1]], 1),
    (Ellipsis, [True, False, True, True]),
    (None, 1, Ellipsis, None),
    (np.array([[True, False, True], [False, True, True]]),),
    ([0, 1], [2, 2], [3, 0]),
    ([0, 1], [2, 2], Ellipsis, [3, 0]),
    (1, 2, 3),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_keys(key):
    x = rng.normal(size=(5, 2, 3, 4))
    key = freeze(key)
    part = rows.getitem(x[0], key=key)
    wanted = np.stack([rows.getitem(lane, key=key) for lane in x])
    np.testing.assert_array_equal(apply_to_lanes("getitem", [x], [True], {"key": key}, 5), wanted)
    g = rng.normal(size=wanted.shape)
    spread = np.stack([rows.scatter(lane, key=key, shape=(2, 3, 4)) for lane in g])
    found = apply_to_lanes("scatter", [g], [True], {"key": key, "shape": (2, 3, 4)}, 5)
    np.testing.assert_array_equal(found, spread)
    for name in ("put", "put_add"):
        for value in (g[0], g[0][..., :1], 2.0) if np.ndim(part) else (2.0,):
            for varies in ((True, False), (False, True), (True, True)):
                v = np.stack([value * (1.0 + k) for k in range(5)]) if varies[1] else value
                lanes = [ROWS[name](x[k] if varies[0] else x[0], v[k] if varies[1] else v, key=key) for k in range(5)]
                found = apply_to_lanes(name, [x if varies[0] else x[0], v], varies, {"key": key}, 5)
                np.testing.assert_array_equal(found, np.stack(lanes))
