"""What does `wengert bench` show?

The main job (`training`), the eager figures (`eager`), a table of each, and on request a result file and a plot.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wengert.benchmarks import eager, timing, training

OPERATIONS = "operations on arrays of 100 elements, microseconds of NumPy and of wengert"
TARGETS = {
    "Rosenbrock-10, value_and_grad / plain floats": ("at most", 2.5),
    "Rosenbrock-10, Var and backward / plain floats": ("at most", 2.5),
    "Rosenbrock-10, micrograd / value_and_grad": ("at least", 50.0),
    "micrograd's demo step, micrograd / wengert": ("at least", 150.0),
    "backward, Rosenbrock graph, ns per node": ("at most", 2.0),
    "bytes per node, recording": ("at most", 48),
}


def measure(epochs: int, rounds: int, show_progress: bool) -> dict[str, Any]:
    """All figures, as a dict that JSON can hold."""
    timing.pin()
    backward = eager.backward_figures(rounds)
    rosenbrock = eager.rosenbrock_figures(rounds)
    demo = eager.demo_figures(max(2, rounds // 4))
    aftermath = eager.aftermath_figures(rounds)
    bytes_of_node = eager.node_bytes()
    operations = eager.operation_figures(rounds)
    return {
        "machine": timing.machine(),
        "training": training.compare(epochs, show_progress),
        "eager": {
            "Rosenbrock-10, microseconds": rosenbrock,
            "micrograd's demo step, milliseconds": demo,
            "backward alone, nanoseconds per node": backward,
            "gradient of x*x around a million nodes and vars, microseconds": aftermath,
            "bytes per node": bytes_of_node,
            OPERATIONS: operations,
        },
        "figures": {
            "Rosenbrock-10, value_and_grad / plain floats": rosenbrock["value_and_grad"]
            / rosenbrock["plain floats, value only"],
            "Rosenbrock-10, Var and backward / plain floats": rosenbrock["Var and backward"]
            / rosenbrock["plain floats, value only"],
            "Rosenbrock-10, micrograd / value_and_grad": rosenbrock["micrograd"] / rosenbrock["value_and_grad"],
            "micrograd's demo step, micrograd / wengert": demo["micrograd"] / demo["wengert"],
            "micrograd's demo step, the same with the collector off": demo["micrograd, collector off"]
            / demo["wengert"],
            "backward, Rosenbrock graph, ns per node": backward["Rosenbrock"],
            "backward, chain, ns per node": backward["chain"],
            "gradient of x*x, after a million nodes and vars / before": aftermath["after"] / aftermath["before"],
            "bytes per node, recording": bytes_of_node["recording"],
        },
    }


def table(results: dict[str, Any]) -> str:
    """The figures as Markdown tables."""
    training_results = results["training"]
    lines = [
        training_results["data"],
        training_results["model"],
        "",
        "| engine | seconds | nodes per second | bytes per node | ratio | test accuracy | largest difference |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in training_results["engines"].items():
        lines.append(
            f"| {name} | {row['seconds']:.3f} | {row['nodes per second']:,.0f} | {row['bytes per node']:.0f} | "
            f"{row['ratio']:.1f} | {row['accuracy']:.3f} | {row['largest difference']:.0e} |"
        )
    lines += [
        f"| logistic regression | | | | | {training_results['logistic regression accuracy']:.3f} | |",
        "",
        "| eager | measured | target |",
        "|---|---|---|",
    ]
    for name, figure in results["figures"].items():
        target = " ".join(map(str, TARGETS[name])) if name in TARGETS else ""
        lines.append(f"| {name} | {figure:.2f} | {target} |")
    lines += [
        "",
        "| operation on arrays of 100 elements | NumPy, us | wengert, us | difference (target: at most 0.5) |",
        "|---|---|---|---|",
    ]
    for name, (theirs, ours) in results["eager"][OPERATIONS].items():
        lines.append(f"| `{name}` | {theirs:.2f} | {ours:.2f} | {ours - theirs:.2f} |")
    machine = results["machine"]
    versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items())
    lines += ["", f"{machine['processor']}, {machine['build']} build, Python {machine['python']}, {versions}"]
    return "\n".join(lines)


def plot(results: dict[str, Any], path: Path) -> None:
    """Loss over the steps, and the time of each engine."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
    left.plot(results["training"]["losses"], color="C0", linewidth=1)
    left.set(xlabel="step", ylabel="hinge loss of the batch", title="breast cancer, the same with every engine")
    rows = results["training"]["engines"]
    bars = right.barh(list(rows), [row["seconds"] for row in rows.values()], color=["C0", "0.7", "0.7"])
    right.bar_label(bars, [f"{row['seconds']:.2g} s" for row in rows.values()], padding=3)
    right.set(xscale="log", xlabel="seconds of training, one core", title="time of the engines")
    right.invert_yaxis()
    right.margins(x=0.2)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def write(results: dict[str, Any], folder: Path) -> None:
    """Put `bench.json`, `bench.md` and `bench.png` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "bench.md").write_text(table(results) + "\n")
    plot(results, folder / "bench.png")
