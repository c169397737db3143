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
    **{name: getattr(ca, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tanh", "erf")},
    casadi=ca,
    relu=lambda x: ca.fmax(x, 0),
    sigmoid=lambda x: 1 / (1 + ca.exp(-x)),
    where=ca.if_else,
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


def column_symbol(name: str, array: np.ndarray) -> Any:
    """A column for an array of one axis; others are turned, since a matrix of CasADi lies column by column."""
    return ca.MX.sym(name, *(array.shape if array.ndim == 1 else array.reshape(len(array), -1).shape[::-1]))


def on_symbols(f: Callable[..., Any], p: Any, data: tuple[np.ndarray, ...]) -> tuple[Any, ...]:
    """Value of a function, the symbols in which its derivatives are wanted, those of the data, and all arrays."""
    arrays = p if isinstance(p, tuple) else (p,)
    wanted = [column_symbol(f"p{k}", array) for k, array in enumerate(arrays)]
    given = [column_symbol(f"data{k}", array) for k, array in enumerate(data)]
    return f(tuple(wanted) if isinstance(p, tuple) else wanted[0], *given), wanted, given, (*arrays, *data)


def array_gradient(f: Callable[..., Any], p: Any, *data: np.ndarray) -> Any:
    value, wanted, given, arrays = on_symbols(f, p, data)
    gradients = [ca.densify(ca.gradient(value, symbol)) for symbol in wanted]
    function = ca.Function("both", [*wanted, *given], [value, *gradients])
    shapes = [(1,), *[array.shape for array in arrays[: len(wanted)]]]
    return buffered(function, arrays, shapes, lambda value, *slopes: (value[0], *slopes))


def curvature(f: Callable[..., Any], p: np.ndarray, *data: np.ndarray) -> Any:
    value, (symbol,), given, arrays = on_symbols(f, p, data)
    gradient = ca.gradient(value, symbol)
    diagonal = ca.jtimes(gradient, symbol, ca.DM.ones(symbol.shape))
    function = ca.Function("both", [symbol, *given], [ca.densify(gradient), ca.densify(diagonal)])
    return buffered(function, arrays, [p.shape, p.shape], rows)


def observed_jacobians(f: Callable[..., Any], *tables: np.ndarray) -> Any:
    cameras, points, weights, features, camera, point = tables
    symbols = [ca.SX.sym(name, size) for name, size in (("camera", 11), ("point", 3), ("weight", 1), ("feature", 2))]
    outputs = ca.vertcat(*f(*symbols))
    # Transposed, since a matrix of CasADi lies column by column.
    matrices = [ca.densify(ca.jacobian(outputs, symbol)).T for symbol in symbols[:3]]
    count = len(weights)
    function = ca.Function("matrices", symbols, matrices).map(count)
    inputs = (cameras[camera], points[point], weights, features)
    trigger, read = buffered(function, inputs, [(count, 2, 11), (count, 2, 3), (count, 2)], rows)

    def call() -> None:
        np.take(cameras, camera, axis=0, out=inputs[0])
        np.take(points, point, axis=0, out=inputs[1])
        trigger()

    return call, read
