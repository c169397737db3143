"""Has every function of NumPy the right derivatives on vars, of first and second order, also when it is replayed?"""

import copy

import numpy as np
import pytest
from numpy_cases import CASES, CONSTANT_CASES, IN_PLACE, METHOD_CASES, UFUNC_CASES, assert_same

import wengert as wg
from wengert.numpy_rules import functions as surface
from wengert.numpy_rules.arguments import is_var
from wengert.numpy_rules.registry import find

# NumPy asks a var only through `like=`, or never: here the implementation is called by itself.
NOT_ASKED = {"array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray", "require", "full"}

# Their adjoints are those of a symmetric matrix.
SYMMETRIC = {"linalg.cholesky", "linalg.eigh", "linalg.eigvalsh"}

# What jax.numpy computes in another way: other conventions, other names, no such arguments.
NOT_AS_IN_JAX = {
    "corrcoef": "clipped", "partition": "the order within a part is free", "nanmax": "a slope where all is NaN",
    "nanmin": "a slope where all is NaN", "linalg.eigh": "vectors up to sign", "linspace": "retstep",
    "polyfit": "by a decomposition that has no second derivative", "sinc": "a slope beside 0 that is lost to rounding",
    "std": "NaN where it is 0", "linalg.cholesky": "it symmetrises its argument", "full": "no vars",
    "nan_to_num": "other replacements",
}  # fmt: skip


def floating(x):
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def inputs_of(x):
    """The floating arrays in arguments."""
    if isinstance(x, list | tuple):
        return [found for part in x for found in inputs_of(part)]
    return [x] if floating(x) else []


def exchanged(x, supply):
    """Arguments with other arrays in the place of the floating ones."""
    if isinstance(x, list | tuple):
        return type(x)(exchanged(part, supply) for part in x)
    return next(supply) if floating(x) else x


def results_of(y):
    """What a function returned that has numbers with derivatives."""
    if isinstance(y, list | tuple):
        return [found for part in y for found in results_of(part)]
    return [y] if getattr(y, "dtype", np.dtype(type(y))).kind == "f" else []


class Trial:
    """One call of a function, as a function of a list of arrays that gives one number.

    The number is the sum of all finite elements that the function returns, with different weights.
    """

    def __init__(self, name, case, function, numpy=np):
        self.name = name
        self.case = case
        self.function = function
        self.numpy = numpy
        self.values = inputs_of([*case.args, *case.kwargs.values()])
        rng = np.random.default_rng(1)
        steps = [np.where(np.isfinite(x), rng.standard_normal(x.shape), 0.0) for x in self.values]
        self.direction = [(d + np.swapaxes(d, -1, -2)) / 2 for d in steps] if name in SYMMETRIC else steps
        self.single = any(getattr(y, "dtype", None) == np.float32 for y in self.results(self.values))

    def results(self, arrays):
        supply = iter(arrays)
        args = exchanged(self.case.args, supply)
        kwargs = {name: exchanged(x, supply) for name, x in self.case.kwargs.items()}
        with np.errstate(all="ignore"):
            return results_of(self.function(*args, **kwargs))

    def __call__(self, arrays):
        total = 0.0
        for k, y in enumerate(self.results(arrays)):
            weights = np.cos(np.arange(float(np.size(y))) + k + 1.0).reshape(np.shape(y))
            total = total + self.numpy.sum(self.numpy.where(self.numpy.isfinite(y), y * weights, 0.0))
        return total

    def shifted(self, h):
        """The number a step away in the direction, from NumPy."""
        return self([x + h * d for x, d in zip(self.values, self.direction, strict=True)])

    def along(self, gradients):
        """The derivative in the direction."""
        return sum(np.sum(g * d) for g, d in zip(gradients, self.direction, strict=True))


def function_of(name):
    """NumPy's function, or the implementation of one that does not ask vars."""

    def implementation(*args, **kwargs):
        return surface.call_function(find(name), args, kwargs)

    return implementation if name in NOT_ASKED else find(name)


def in_place(function):
    """A function of NumPy that changes its first argument, as one that returns it."""

    def changed(target, *args, **kwargs):
        target = copy.copy(target)
        function(target, *args, **kwargs)
        return target

    return changed


def trials():
    """Every case in which something is differentiated."""
    for table, change in ((CASES, lambda f: f), (UFUNC_CASES, lambda f: f), (IN_PLACE, in_place)):
        for name, cases in table.items():
            for k, case in enumerate(cases):
                if inputs_of([*case.args, *case.kwargs.values()]):
                    yield pytest.param(name, case, change(function_of(name)), id=f"{name}-{k}")
    for k, (name, method, case) in enumerate(METHOD_CASES):
        yield pytest.param(name, case, getattr(getattr(np, name), method), id=f"{name}.{method}-{k}")


every_trial = pytest.mark.parametrize(("name", "case", "function"), list(trials()))


@every_trial
def test_value_on_vars_is_numpys(name, case, function):
    trial = Trial(name, case, function)
    found = [wg.Var(x) for x in trial.values]
    for y, expected in zip(trial.results(found), trial.results(trial.values), strict=True):
        y = getattr(y, "data", y) if not isinstance(y, np.ndarray) else y
        assert np.shape(y) == np.shape(expected)
        np.testing.assert_allclose(y, expected, rtol=1e-6 if trial.single else 1e-10, atol=1e-12)


@every_trial
def test_first_derivative_is_that_of_central_differences(name, case, function):
    trial = Trial(name, case, function)
    found = trial.along(wg.grad(trial)(trial.values))
    h = 1e-2 if trial.single else 1e-6
    expected = (trial.shifted(h) - trial.shifted(-h)) / (2 * h)
    assert found == pytest.approx(expected, rel=1e-2 if trial.single else 1e-5, abs=1e-3 if trial.single else 1e-5)


@every_trial
def test_second_derivative_is_that_of_central_differences(name, case, function):
    trial = Trial(name, case, function)
    if trial.single:
        pytest.skip("float32 is too coarse for second differences")
    found = trial.along(wg.grad(lambda arrays: trial.along(wg.grad(trial)(arrays)))(trial.values))
    h = 1e-4
    expected = (trial.shifted(h) - 2 * trial(trial.values) + trial.shifted(-h)) / h**2
    assert found == pytest.approx(expected, rel=2e-3, abs=2e-3)


@every_trial
def test_replay_is_that_of_other_numbers(name, case, function):
    """Nothing of the first call is frozen in its program."""
    trial = Trial(name, case, function)
    replayed = wg.compile(wg.grad(trial))
    replayed(trial.values)
    others = [x - 0.01 * d for x, d in zip(trial.values, trial.direction, strict=True)]
    for found, expected in zip(replayed(others), wg.grad(trial)(others), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5 if trial.single else 1e-9, atol=1e-12)


def plain(y):
    """What a function returned, with numbers in the place of vars."""
    if isinstance(y, list | tuple):
        return [plain(part) for part in y]
    return y.data if is_var(y) else y


@pytest.mark.parametrize("name", CONSTANT_CASES)
def test_constants_of_vars_are_numpys(name):
    for case in CONSTANT_CASES[name]:
        supply = iter([wg.Var(x) for x in inputs_of([*case.args, *case.kwargs.values()])])
        args = exchanged(case.args, supply)
        kwargs = {key: exchanged(x, supply) for key, x in case.kwargs.items()}
        with np.errstate(all="ignore"):
            found, expected = plain(find(name)(*args, **kwargs)), find(name)(*case.args, **case.kwargs)
        if name in ("array_repr", "array_str"):  # they show that it is a var
            assert type(found) is str
        elif isinstance(expected, type | np.dtype):
            assert found == expected
        else:
            assert_same(found, expected)


# ---- against JAX ----


def cases_for_jax():
    """The first case of every function that jax.numpy has."""
    for table in (CASES, UFUNC_CASES):
        for name, cases in table.items():
            if name not in NOT_AS_IN_JAX and inputs_of(list(cases[0].args)):
                yield pytest.param(name, cases[0], id=name)


@pytest.mark.parametrize(("name", "case"), list(cases_for_jax()))
def test_derivatives_are_those_of_jax(name, case):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    theirs = jax.numpy
    for part in name.split("."):
        theirs = getattr(theirs, part, None)
    if theirs is None:
        pytest.skip("not in jax.numpy")
    ours = Trial(name, case, function_of(name))
    other = Trial(name, case, theirs, jax.numpy)

    @jax.jit
    def both(arrays):
        return jax.grad(other)(arrays), jax.grad(lambda arrays: other.along(jax.grad(other)(arrays)))(arrays)

    try:
        once, twice = both(ours.values)
    except (TypeError, NotImplementedError) as error:
        pytest.skip(f"JAX: {str(error)[:60]}")
    for found, expected in zip(wg.grad(ours)(ours.values), once, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)
    second = wg.grad(lambda arrays: ours.along(wg.grad(ours)(arrays)))
    for found, expected in zip(second(ours.values), twice, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)
