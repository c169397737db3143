"""What do the classic texts on backpropagation compute, and does wengert give their numbers?

One function per text, in its notation and at its point. Each returns the numbers that the text prints; `main` shows
them all. `tests/test_texts.py` asserts them, `docs/texts.md` explains them.
"""

import wengert as wg

Numbers = dict[str, float]


def circuit() -> Numbers:
    """``f = (x + y) z``, the first circuit of the CS231n notes on backpropagation."""
    x, y, z = wg.Var(-2.0), wg.Var(5.0), wg.Var(-4.0)
    q = x + y
    f = q * z
    f.backward()
    return {"q": q.data, "f": f.data, "df/dq": q.grad, "df/dx": x.grad, "df/dy": y.grad, "df/dz": z.grad}


def staged() -> dict[str, tuple[float, float]]:
    """``f = (x + s(y)) / (s(x) + (x + y)^2)`` with the sigmoid s, by the stages of the CS231n notes.

    Returns
    -------
    dict
        For each stage its value and the gradient of f in it.
    """
    x, y = wg.Var(3.0), wg.Var(-4.0)
    sigy = wg.sigmoid(y)
    num = x + sigy
    sigx = wg.sigmoid(x)
    xpy = x + y
    xpysqr = xpy**2
    den = sigx + xpysqr
    invden = 1.0 / den
    f = num * invden
    f.backward()
    stages = {"x": x, "y": y, "sigy": sigy, "num": num, "sigx": sigx, "xpy": xpy, "xpysqr": xpysqr, "den": den}
    stages |= {"invden": invden, "f": f}
    return {name: (stage.data, stage.grad) for name, stage in stages.items()}


def line() -> tuple[float, float]:
    """Value and slope of ``2x + 4`` at 3."""
    return wg.value_and_grad(lambda x: 2 * x + 4)(3.0)


def cube() -> tuple[float, tuple[float, float]]:
    """Value and gradient of ``(3x + 4y)^3`` at (1, 2)."""
    return wg.value_and_grad(lambda x, y: (3 * x + 4 * y) ** 3, argnums=(0, 1))(1.0, 2.0)


def trace() -> dict[str, dict[str, float]]:
    """``ln x1 + x1 x2 - sin x2`` at (2, 5): the traces of Baydin et al., JMLR 18, 2018, tables 2 and 3.

    Returns
    -------
    dict
        For each variable of the trace its value, its tangent (the derivative in x1), its adjoint (the derivative of
        the output in it), and for the two inputs the contributions that sum to the adjoint.
    """
    x1, x2 = wg.Var(2.0), wg.Var(5.0)
    v1 = wg.log(x1)
    v2 = x1 * x2
    v3 = wg.sin(x2)
    v4 = v1 + v2
    v5 = v4 - v3
    v5.backward()

    graph = v5.graph
    # The forward trace is one pass over the recorded slopes, upward.
    tangent = {0: 0.0, x1.node: 1.0, x2.node: 0.0}
    for var in (v1, v2, v3, v4, v5):
        k = var.node
        tangent[k] = float(graph.slope0[k] * tangent[graph.arg0[k]] + graph.slope1[k] * tangent[graph.arg1[k]])

    names = {"v-1": x1, "v0": x2, "v1": v1, "v2": v2, "v3": v3, "v4": v4, "v5": v5}
    rows = {name: {"value": v.data, "tangent": tangent[v.node], "adjoint": v.grad} for name, v in names.items()}
    # What a node hands to its argument is its slope times its own adjoint.
    rows["v-1"] |= {"through v1": float(graph.slope0[v1.node]) * v1.grad}
    rows["v-1"] |= {"through v2": float(graph.slope0[v2.node]) * v2.grad}
    rows["v0"] |= {"through v2": float(graph.slope1[v2.node]) * v2.grad}
    rows["v0"] |= {"through v3": float(graph.slope0[v3.node]) * v3.grad}
    return rows


def rows_of_a_jacobian() -> tuple[list[list[float]], list[list[float]]]:
    """The Jacobian of ``(x^2 y, 5x + sin y)`` at (2, 3): one backward pass per row, and `wengert.jacobian`."""

    def f(v: list[float]) -> list[float]:
        x, y = v
        return [x**2 * y, 5 * x + wg.sin(y)]

    point = [wg.Var(2.0), wg.Var(3.0)]
    rows = []
    for output in f(point):
        for v in point:
            v.zero_grad()
        output.backward()
        rows.append([v.grad for v in point])
    return rows, wg.jacobian(f)([2.0, 3.0])


def two_paths() -> Numbers:
    """Two linear layers, two units and then one: the input reaches the output on two paths."""
    x = wg.Var(1.5)
    w1, w2 = wg.Var(2.0), wg.Var(-3.0)
    u1, u2 = wg.Var(0.5), wg.Var(4.0)
    h1, h2 = w1 * x, w2 * x
    y = u1 * h1 + u2 * h2
    y.backward()
    return {
        "y": y.data,
        "dy/dx": x.grad,
        "through h1": h1.grad * w1.data,
        "through h2": h2.grad * w2.data,
        "dy/dw1": w1.grad,
        "dy/dw2": w2.grad,
        "dy/du1": u1.grad,
        "dy/du2": u2.grad,
    }


def error_signal() -> dict[str, object]:
    """``s = u^T f(W x + b)`` with a sigmoid f, the window classifier of the CS224n notes.

    Returns
    -------
    dict
        The score, the error signal delta = ds/dz, the gradients in W, b, u and x, and two counts: the nodes that s
        needs, and the nodes that the backward pass added.
    """
    W = [[wg.Var(w) for w in row] for row in ([0.5, -1.0, 2.0], [1.5, 0.25, -0.5])]  # noqa: N806  (as in the notes)
    x = [wg.Var(v) for v in (1.0, -2.0, 0.5)]
    b = [wg.Var(v) for v in (0.1, -0.2)]
    u = [wg.Var(v) for v in (2.0, -3.0)]
    z = [row[0] * x[0] + row[1] * x[1] + row[2] * x[2] + bias for row, bias in zip(W, b, strict=True)]
    h = [wg.sigmoid(unit) for unit in z]
    s = u[0] * h[0] + u[1] * h[1]

    graph = s.graph
    needed, before = len(graph.sort([s])), len(graph)
    s.backward()
    return {
        "s": s.data,
        "delta": [v.grad for v in z],
        "ds/dW": [[v.grad for v in row] for row in W],
        "ds/db": [v.grad for v in b],
        "ds/du": [v.grad for v in u],
        "ds/dx": [v.grad for v in x],
        "nodes": needed,
        "nodes added by backward": len(graph) - before,
    }


def descent(steps: int = 200, rate: float = 0.1) -> tuple[list[float], float, float]:
    """Gradient descent on ``J = sum((w x + b - y)^2) / 2m`` over m = 5 examples: the costs, w and b."""
    examples = [(-2.0, -2.9), (-1.0, -1.2), (0.0, 1.1), (1.0, 2.8), (2.0, 5.2)]
    w, b = wg.Var(0.0), wg.Var(0.0)
    costs = []
    for _ in range(steps):
        cost = sum((w * x + b - y) ** 2 for x, y in examples) / (2 * len(examples))
        costs.append(cost.data)
        cost.backward()
        for parameter in (w, b):
            parameter.data -= rate * parameter.grad
            parameter.zero_grad()
    return costs, w.data, b.data


def ten_layers(weight: float) -> float:
    """Derivative of ten linear layers, each of which multiplies by the same weight, in their input."""
    x = activation = wg.Var(1.0)
    for _ in range(10):
        activation = weight * activation
    activation.backward()
    return x.grad


def main() -> None:
    """Print all numbers as a page."""
    print("f = (x + y) z at (-2, 5, -4)")
    print("  " + ", ".join(f"{name} = {number:g}" for name, number in circuit().items()))

    print("\nf = (x + s(y)) / (s(x) + (x + y)^2) at (3, -4)")
    for name, (value, gradient) in staged().items():
        print(f"  {name:8}{value:12.6f}   df/d{name:8}{gradient:12.6f}")

    value, slope = line()
    print(f"\n2x + 4 at 3: {value:g}, slope {slope:g}")
    value, gradient = cube()
    print(f"(3x + 4y)^3 at (1, 2): {value:g}, gradient {gradient}")

    print("\nln x1 + x1 x2 - sin x2 at (2, 5)        value    tangent    adjoint")
    for name, numbers in trace().items():
        columns = "".join(f"{numbers[column]:11.4f}" for column in ("value", "tangent", "adjoint"))
        parts = [f"{number:.4f} {path}" for path, number in numbers.items() if path.startswith("through")]
        print(f"  {name:32}{columns}" + (f"   = {' + '.join(parts)}" if parts else ""))

    print("\nJacobian of (x^2 y, 5x + sin y) at (2, 3), row by row")
    for row in rows_of_a_jacobian()[0]:
        print("  " + "".join(f"{entry:11.6f}" for entry in row))

    print("\ntwo linear layers, two paths")
    print("  " + ", ".join(f"{name} = {number:g}" for name, number in two_paths().items()))

    print("\ns = u^T f(W x + b)")
    for name, numbers in error_signal().items():
        print(f"  {name} = {numbers}")

    costs, w, b = descent()
    print(
        f"\ngradient descent: cost {costs[0]:.4f} -> {costs[1]:.4f} -> ... -> {costs[-1]:.4f}, w = {w:.4f}, b = {b:.4f}"
    )

    print("\nten layers: derivative in the input")
    for weight in (0.5, 1.0, 1.5):
        print(f"  weights of {weight}: {ten_layers(weight):.6f}")


if __name__ == "__main__":
    main()
