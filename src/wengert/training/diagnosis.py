"""What is wrong with a training: where did a number become infinite or NaN, and which gradients stall it?"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from wengert._core.arrays import VarArray
from wengert.errors import GradientWarning
from wengert.nn import Module
from wengert.training.step import Step

# Layers whose gradients differ by more do not learn together: the smaller ones' steps are lost beside the larger ones'.
RATIO = 1e6


def values(x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(x.data if isinstance(x, VarArray) or hasattr(x, "backward") else x)


def describe_non_finite(step: Step, x: Any, y: Any, index: Any, weights: Any, where: str, loss: float) -> str:
    """What to say of a loss that is not finite: where it comes from."""
    head = f"the loss is {loss} {where}"
    for name, array in (("x", x), ("y", y), ("weights", weights)):
        if array is None or array.dtype.kind != "f":
            continue
        bad = ~np.isfinite(array[index].reshape(len(index), -1))
        if bad.any():
            row, column = np.argwhere(bad)[0]
            value = array[index].reshape(len(index), -1)[row, column]
            return f"{head}: {name} holds {value} in column {column} of sample {index[row]}"
    step.finish()
    for k, layer in enumerate(layers(step.net)):
        for parameter in layer.parameters():
            if not np.isfinite(parameter.data).all():
                return f"{head}: parameters of {name_of(layer, k)} are not finite; a smaller learning rate may help"
    given: Any = x[index]
    for k, layer in enumerate(layers(step.net)):
        apply: Any = layer
        given = apply(given)
        bad = ~np.isfinite(values(given))
        if bad.any():
            sample = index[np.argwhere(bad)[0][0]]
            return f"{head}: {name_of(layer, k)} is the first to give a number that is not finite, for sample {sample}"
    return f"{head}: all layers give finite numbers, so it is the loss function itself that does not"


def layers(net: Module) -> list[Module]:
    """The layers of a network that has some; else the whole as one."""
    found = getattr(net, "layers", None)
    return list(found) if isinstance(found, list) else [net]


def name_of(layer: Module, k: int) -> str:
    return f"layer {k} ({type(layer).__name__})"


def gradient_norms(step: Step, x: Any, y: Any, index: Any, weights: Any) -> list[float]:
    """Norm of the gradient of each parameter, for some samples."""
    # NumPy computes them, whose BLAS would wake threads for products that are too small for that. If they overflow,
    # their norm is infinite, which the training tells of if the loss is, too.
    with threadpool_limits(1, user_api="blas"), np.errstate(over="ignore"):
        gradients = step.gradients(x, y, index, weights)
        return [math.sqrt(float(np.sum(np.square(gradient, dtype=np.float64)))) for gradient in gradients]


def warn_of_gradients(step: Step, norms: list[float], epoch: int) -> None:
    """Warn if the gradients of some weights are very much smaller than those of others."""
    of_weights = [
        (norm, f"layer {k} ({type(layer).__name__})")
        for norm, (k, layer, parameter) in zip(norms, owners(step.net), strict=True)
        if parameter.ndim > 1
    ]
    if len(of_weights) < 2 or not all(math.isfinite(norm) for norm in norms):
        return
    (smallest, of_smallest), (largest, of_largest) = min(of_weights), max(of_weights)
    if smallest * RATIO >= largest:
        return
    first, last = of_weights[0][0], of_weights[-1][0]
    what = "vanish on the way back" if first < last else "explode on the way back"
    message = (
        f"gradients {what}: in epoch {epoch} their norm is {smallest:.3g} in {of_smallest}, but {largest:.3g} in "
        f"{of_largest}; other initial weights, another activation or layer_norm=True may help"
    )
    warnings.warn(message, GradientWarning, stacklevel=3)


def owners(net: Module) -> list[tuple[int, Module, Any]]:
    """Of each parameter: number of its layer, the layer, itself."""
    return [(k, layer, parameter) for k, layer in enumerate(layers(net)) for parameter in layer.parameters()]
