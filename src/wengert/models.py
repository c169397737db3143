"""How is a network saved, and loaded?"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from wengert import tensors
from wengert.errors import ProgramFormatError, WengertError
from wengert.nn import MLP, Dense, Dropout, LayerNorm, activation_named, linear
from wengert.ops import OPS

__all__ = ["load", "load_with_extra", "save"]

KIND = "network"


def save(net: MLP, path: str | Path, extra: Any = None) -> None:
    """Save a network: its parameters and settings, as safetensors.

    Parameters
    ----------
    net : MLP
        Its activation must have been given by name.
    path : path
        The file appears, or is replaced, once it is whole.
    extra : object, optional
        Anything that JSON can say, kept beside the settings.

    Raises
    ------
    WengertError
        If the activation is a function.
    MissingPackageError
        Without safetensors (``pip install 'wengert[nn]'``).

    Examples
    --------
    >>> import tempfile, pathlib
    >>> net = wg.nn.MLP(2, [3, 1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "net.safetensors")
    ...     wg.models.save(net, path)
    ...     again = wg.models.load(path)
    >>> again([1.0, 2.0]).data == net([1.0, 2.0]).data
    True
    """
    tensors.write(path, KIND, arrays_of(net), {"network": settings_of(net), "extra": extra})


def load(path: str | Path) -> MLP:
    """Load a network; see `save`.

    Raises
    ------
    ProgramFormatError
        If the file is damaged, or no network.
    """
    return load_with_extra(path)[0]


def load_with_extra(path: str | Path) -> tuple[MLP, Any]:
    """Load a network, and what was kept beside it."""
    arrays, settings = tensors.read(path, KIND)
    try:
        # A few numbers can describe a network that fills the memory: it is made once the arrays are as large.
        if size_of(**settings["network"]) != sum(array.size for array in arrays.values()):
            raise ProgramFormatError(f"the arrays in {path} do not fit the network that it describes")
        net = MLP(**settings["network"])
        extra = settings["extra"]
    except ProgramFormatError:
        raise
    except (KeyError, TypeError, ValueError, WengertError) as error:
        raise ProgramFormatError(f"{path} describes no network: {error}") from error
    set_arrays(net, arrays, path)
    return net, extra


def settings_of(net: MLP) -> dict[str, Any]:
    """The arguments that make a network like this one."""
    dense: list[Any] = [layer for layer in net.layers if isinstance(layer, Dense)]
    activation = dense[0].activation if len(dense) > 1 else linear
    name = getattr(activation, "__name__", "")
    if activation_named(name if name in OPS else "linear") is not activation:
        raise WengertError("an activation that is a function cannot be saved; give the name of an op")
    return {
        "n_in": dense[0].weights.shape[0],
        "n_outs": [layer.weights.shape[1] for layer in dense],
        "activation": name,
        "dropout": max((layer.rate for layer in net.layers if isinstance(layer, Dropout)), default=0.0),
        "layer_norm": any(isinstance(layer, LayerNorm) for layer in net.layers),
        "dtype": dense[0].weights.dtype.name,
    }


def size_of(n_in: int, n_outs: list[int], layer_norm: bool = False, dtype: str = "float64", **_: Any) -> int:
    """Number of parameters of a network with such settings."""
    if dtype not in ("float32", "float64"):
        raise ValueError(f"there are no networks of {dtype}")
    if min(n_in, *n_outs) < 1:
        raise ValueError(f"{n_in} inputs and {n_outs} outputs")
    dense = sum((a + 1) * b for a, b in itertools.pairwise([n_in, *n_outs]))
    return dense + (2 * sum(n_outs[:-1]) if layer_norm else 0)


def arrays_of(net: MLP) -> tensors.Arrays:
    """The parameters with the names that they have in a file."""
    return {name: np.array(parameter.data) for name, parameter in zip(names(net), net.parameters(), strict=True)}


def set_arrays(net: MLP, arrays: tensors.Arrays, path: str | Path) -> None:
    """Give the parameters their numbers."""
    wanted = dict(zip(names(net), net.parameters(), strict=True))
    found = {name: array.shape for name, array in arrays.items()}
    if found != {name: parameter.shape for name, parameter in wanted.items()}:
        raise ProgramFormatError(f"the arrays in {path} do not fit the network that it describes")
    for name, parameter in wanted.items():
        parameter.data = arrays[name]


def names(net: MLP) -> list[str]:
    """Names of the parameters: number of the layer, and attribute."""
    return [f"{k}.{name}" for k, layer in enumerate(net.layers) for module, name in layer.places() if module is layer]
