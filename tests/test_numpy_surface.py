"""Does every function of NumPy do on vars what it does on arrays, or say by name why not?"""

import copy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import overrides
from numpy_cases import (
    CASES,
    CONSTANT_CASES,
    IN_PLACE,
    METHOD_CASES,
    UFUNC_CASES,
    UFUNC_EDGES,
    UNTRIED_CONSTANTS,
    assert_same,
)

import coverage_table
from wengert import TracingError
from wengert._core.var import UFUNCS
from wengert.numpy_rules import functions as surface
from wengert.numpy_rules.registry import find

ROOT = Path(__file__).parent.parent


of_this_numpy = pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.4.0", reason="older versions have functions that are gone"
)


def numbered(table):
    """Every case of a table, with a name for the report."""
    return [pytest.param(name, case, id=f"{name}-{k}") for name, cases in table.items() for k, case in enumerate(cases)]


# ---- the enumeration ----


def classes(function):
    """The names of the tables in which a function of NumPy stands."""
    tables = {
        "differentiated": function in surface.FUNCTIONS or function in UFUNCS or function in surface.UFUNC_COMPOSITES,
        "constant": function in surface.CONSTANTS,
        "refused": surface.is_refused(function),
    }
    return [name for name, holds in tables.items() if holds]


def overridable():
    """Everything in NumPy that asks its arguments; a function that exists once more with `like=` counts once."""
    functions = {f for f in overrides.get_overridable_numpy_array_functions() if find(dotted(f)) in (f, None)}
    return sorted(functions | overrides.get_overridable_numpy_ufuncs(), key=surface.full_name)


def dotted(function):
    return surface.full_name(function).removeprefix("np.")


@of_this_numpy
@pytest.mark.parametrize("function", overridable(), ids=surface.full_name)
def test_function_is_in_one_class(function):
    assert len(classes(function)) == 1


def test_every_implementation_is_tried():
    def names(*tables):
        return Counter(find(name) for table in tables for name in table)

    assert names(CASES, IN_PLACE) == Counter(surface.FUNCTIONS.keys())
    assert names(CONSTANT_CASES, UNTRIED_CONSTANTS) == Counter(surface.CONSTANTS.keys())
    assert names(UFUNC_CASES) == Counter(surface.UFUNC_COMPOSITES.keys())


def test_reasons_are_clauses():
    for reason in {*surface.REFUSED.values(), *surface.UFUNC_REFUSED.values()}:
        assert reason
        assert reason[0].islower() or reason.startswith("NumPy")
        assert not reason.endswith(".")


# ---- on arrays without vars: what NumPy gives ----


@pytest.mark.parametrize(("name", "case"), numbered(CASES) + numbered(CONSTANT_CASES))
def test_value_is_numpys(name, case):
    function = find(name)
    with np.errstate(all="ignore"):
        found = surface.call_function(function, case.args, case.kwargs)
        expected = function(*case.args, **case.kwargs)
    assert_same(found, expected)


@pytest.mark.parametrize(("name", "case"), numbered(UFUNC_CASES) + numbered(UFUNC_EDGES))
def test_value_of_composite_is_numpys(name, case):
    ufunc = find(name)
    with np.errstate(all="ignore"):
        found = surface.call_ufunc(ufunc, case.args, case.kwargs)
        expected = ufunc(*case.args, **case.kwargs)
    assert_same(found, expected, 2e-15 if name != "logaddexp2" else 1e-14)
    for one, other in zip(*(x if isinstance(x, tuple) else (x,) for x in (found, expected)), strict=True):
        numbers = ~np.isnan(other)
        np.testing.assert_array_equal(np.signbit(one)[numbers], np.signbit(other)[numbers])


@pytest.mark.parametrize(("name", "method", "case"), METHOD_CASES)
def test_value_of_method_is_numpys(name, method, case):
    ufunc = getattr(np, name)
    with np.errstate(all="ignore"):
        found = surface.call_method(ufunc, method, case.args, case.kwargs)
        expected = getattr(ufunc, method)(*case.args, **case.kwargs)
    assert_same(found, expected)


@pytest.mark.parametrize(("name", "case"), numbered(IN_PLACE))
def test_assignment_in_place_is_numpys(name, case):
    ours, numpys = copy.deepcopy(case), copy.deepcopy(case)
    assert surface.call_function(find(name), ours.args, ours.kwargs) is None
    find(name)(*numpys.args, **numpys.kwargs)
    np.testing.assert_array_equal(ours.args[0], numpys.args[0])


# ---- what is refused ----

X = np.ones((2, 3))
UNSUPPORTED = [
    ("sum", (X,), {"out": X}, "np.sum with out="),
    ("where", (X,), {}, "np.where with a condition alone"),
    ("linalg.norm", (X, 2), {}, "np.linalg.norm with ord=2"),
    ("linalg.cond", (X,), {}, "np.linalg.cond with p=None"),
    ("quantile", (X, 0.5), {"weights": X}, "np.quantile with weights="),
    ("nanquantile", (X, 0.5), {"method": "lower"}, "np.nanquantile with method='lower'"),
    ("pad", (X, 1, "mean"), {}, "np.pad with mode='mean'"),
    ("interp", (X, X[0], X[0]), {"period": 2.0}, "np.interp with period="),
    ("polyfit", (X[0], X[0], 1), {"cov": True}, "np.polyfit with cov="),
    ("poly", (X[:, :2],), {}, "np.poly with a matrix"),
    ("sort", (X,), {"order": "a"}, "np.sort with order="),
    ("nonzero", (X,), {}, "np.nonzero has no derivative rule here: the shape"),
    ("linalg.svd", (X,), {}, "np.linalg.svd has no derivative rule here"),
]


@pytest.mark.parametrize(("name", "args", "kwargs", "message"), UNSUPPORTED, ids=lambda x: x if type(x) is str else "")
def test_what_has_no_rule_is_refused_by_name(name, args, kwargs, message):
    with pytest.raises(TracingError) as caught:
        surface.call_function(find(name), args, kwargs)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("ufunc", surface.UFUNC_REFUSED, ids=surface.full_name)
def test_refused_ufunc_is_named(ufunc):
    with pytest.raises(TracingError, match=ufunc.__name__):
        surface.call_ufunc(ufunc, (X,), {})


@pytest.mark.parametrize("method", ["at", "reduceat"])
def test_refused_methods_are_named(method):
    with pytest.raises(TracingError, match=rf"np\.add\.{method} "):
        surface.call_method(np.add, method, (X, [0]), {})
    with pytest.raises(TracingError, match=r"np\.hypot\.accumulate "):
        surface.call_method(np.hypot, "accumulate", (X,), {})


MISFITS = [
    ("reshape", (X, (4, -1)), r"\(2, 3\).*\(4, -1\)"),
    ("reshape", (X, (4, 2)), r"\(2, 3\)"),
    ("stack", ([X, X[0]],), r"\(2, 3\) and \(3,\)"),
    ("concatenate", ([X, X.T],), r"\(2, 3\) and \(3, 2\)"),
    ("tensordot", (X, X, 1), r"\(2, 3\) and \(2, 3\)"),
    ("linalg.matmul", (X, X), r"\(2, 3\) and \(2, 3\)"),
    ("cross", (X, X[:, :2]), r"\(2, 3\) and \(2, 2\)"),
    ("average", (X, 0, X[0]), r"\(2, 3\) and \(3,\)"),
    ("broadcast_to", (X, (3, 2)), r"\(2, 3\)"),
    ("linalg.multi_dot", ([X, X[0], X],), r"\(2, 3\), \(3,\), \(2, 3\)"),
]


@pytest.mark.parametrize(("name", "args", "shapes"), MISFITS)
def test_misfits_name_the_shapes(name, args, shapes):
    with pytest.raises(ValueError, match=shapes):
        surface.call_function(find(name), args, {})


# ---- the table in the documentation ----


@pytest.mark.repository
@of_this_numpy
def test_page_is_that_of_the_tables():
    assert (ROOT / "docs/numpy.md").read_text(encoding="utf-8") == coverage_table.page()
