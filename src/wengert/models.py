"""How is a network saved, and loaded?"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from wengert import tensors
from wengert.errors import ProgramFormatError, WengertError
from wengert.nn import MLP

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
    if callable(net.settings["activation"]):
        raise WengertError("an activation that is a function cannot be saved; give the name of an op")
    tensors.write(path, KIND, arrays_of(net), {"network": net.settings, "extra": extra})


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
        check(settings["network"], arrays)
        net = MLP(**settings["network"])
        extra = settings["extra"]
    except (KeyError, TypeError, ValueError, WengertError) as error:
        raise ProgramFormatError(f"{path} describes no network: {error}") from error
    set_arrays(net, arrays, path)
    return net, extra


def check(settings: Any, arrays: tensors.Arrays) -> None:
    """Refuse settings of another network than that of the arrays, before memory is taken for what they ask for."""
    wanted = pairwise([settings["n_in"], *settings["n_outs"]])
    if sorted(wanted) != sorted(array.shape for array in arrays.values() if array.ndim == 2):
        raise WengertError("its arrays have other sizes than its settings")
    if settings["dtype"] not in ("float32", "float64"):
        raise WengertError(f"there are no networks of {settings['dtype']}")


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
