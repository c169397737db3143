"""How does CasADi solve each task? Scalar expressions (SX), mapped over rows, run through fixed buffers.

Only the task ``gradient`` calls a function in the ordinary way; a batch in one call of a mapped function is as fast
with buffers as it gets without a C compiler.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import casadi as ca
import numpy as np

FUNCTIONS = SimpleNamespace(
    **{name: getattr(ca, name) for name in ("exp", "log", "sqrt", "sin", "cos", "erf")},
    relu=lambda x: ca.fmax(x, 0),
    sigmoid=lambda x: 1 / (1 + ca.exp(-x)),
    softplus=lambda x: ca.fmax(x, 0) + ca.log1p(ca.exp(-ca.fabs(x))),
)


def sum_rows(f: Callable[..., Any], shared: Any, *data: Any) -> Any:
    """A scalar function of one row, mapped; columns are rows here."""
    symbols = ca.SX.sym("shared", len(shared))
    rows = [ca.SX.sym(f"row{k}", columns.shape[0]) for k, columns in enumerate(data)]
    parts = [ca.vertsplit(row) if row.numel() > 1 else row for row in rows]
    one = ca.Function("one", [symbols, *rows], [f(ca.vertsplit(symbols), *parts)])
    return ca.sum2(one.map(data[0].shape[1])(ca.vertcat(*shared), *data))


def value_and_gradient(f: Callable[..., Any], n: int) -> Any:
    x = ca.SX.sym("x", n)
    value = f(ca.vertsplit(x))
    return ca.Function("both", [x], [value, ca.densify(ca.gradient(value, x))])


def buffered(function: Any, arguments: tuple[np.ndarray, ...], shapes: list[tuple[int, ...]], read: Any) -> Any:
    """A call of the function without conversions: it reads these arrays and writes into new ones of these shapes."""
    buffer, trigger = function.buffer()
    results = [np.empty(shape) for shape in shapes]
    for k, argument in enumerate(arguments):
        buffer.set_arg(k, memoryview(argument))
    for k, result in enumerate(results):
        buffer.set_res(k, memoryview(result))
    # The trigger owns nothing; who can read the results keeps alive what it works on.
    return trigger, lambda _, keep=(function, buffer, arguments): read(*results)


def one(value: np.ndarray, slopes: np.ndarray) -> Any:
    return value[0], slopes


def rows(*results: np.ndarray) -> Any:
    return results


def gradient(f: Callable[..., Any], x: np.ndarray) -> Any:
    function = value_and_gradient(f, len(x))
    return lambda: function(x), lambda results: (np.asarray(results[0])[0, 0], np.asarray(results[1])[:, 0])


def gradient_into(f: Callable[..., Any], x: np.ndarray) -> Any:
    return buffered(value_and_gradient(f, len(x)), (x,), [(1,), x.shape], one)


def gradients(f: Callable[..., Any], x: np.ndarray) -> Any:
    function = value_and_gradient(f, x.shape[1]).map(len(x))
    return buffered(function, (x,), [(len(x),), x.shape], rows)


def greeks(f: Callable[..., Any], x: np.ndarray) -> Any:
    symbols = ca.SX.sym("x", x.shape[1])
    price = f(ca.vertsplit(symbols))
    slopes = ca.gradient(price, symbols)
    gamma = ca.gradient(slopes[0], symbols)[0]
    function = ca.Function("greeks", [symbols], [price, slopes, gamma]).map(len(x))
    return buffered(function, (x,), [(len(x),), x.shape, (len(x),)], rows)


def jacobian(f: Callable[..., Any], x: np.ndarray) -> Any:
    function = jacobian_function(f, len(x))
    return buffered(function, (x,), [function.size_out(0)[::-1]], turned)


def jacobians(f: Callable[..., Any], x: np.ndarray) -> Any:
    function = jacobian_function(f, x.shape[1])
    return buffered(function.map(len(x)), (x,), [(len(x), *function.size_out(0)[::-1])], turned)


def jacobian_function(f: Callable[..., Any], n: int) -> Any:
    symbols = ca.SX.sym("x", n)
    return ca.Function("matrix", [symbols], [ca.densify(ca.jacobian(ca.vertcat(*f(ca.vertsplit(symbols))), symbols))])


def turned(columns: np.ndarray) -> Any:
    """A CasADi matrix lies column by column."""
    return (np.swapaxes(columns, -1, -2),)


def total_gradient(f: Callable[..., Any], p: np.ndarray, *data: np.ndarray) -> Any:
    parameters = ca.MX.sym("p", len(p))
    tables = [np.atleast_2d(array) if array.ndim > 1 else array[:, None] for array in data]
    symbols = [ca.MX.sym(f"table{k}", table.shape[1], table.shape[0]) for k, table in enumerate(tables)]
    total = f(ca.vertsplit(parameters), *symbols)
    function = ca.Function("both", [parameters, *symbols], [total, ca.gradient(total, parameters)])
    return buffered(function, (p, *tables), [(1,), p.shape], one)
