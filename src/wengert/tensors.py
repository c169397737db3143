"""How do arrays and what they mean go into a file?

The format is safetensors, which holds arrays and a few strings, and no code. Settings are JSON in one of the strings.
A file appears under its name once it is whole and on the disk, so whoever is stopped while writing leaves the old one.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from wengert.errors import ProgramFormatError
from wengert.extras import needed

NAME = "wengert"
"""The string that holds the settings."""
Arrays = dict[str, np.ndarray[Any, Any]]


def write(path: str | Path, kind: str, arrays: Mapping[str, np.ndarray[Any, Any]], settings: Any) -> None:
    """Write a file at once or not at all.

    Parameters
    ----------
    path : path
    kind : str
        What the file is, which `read` asks for.
    arrays : dict of ndarray
    settings : object
        Anything that JSON can say.
    """
    numpy = needed("safetensors.numpy", "saving", "nn")
    metadata = {NAME: json.dumps({"kind": kind, "version": 1, "settings": settings})}
    data = numpy.save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, metadata)
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def read(path: str | Path, kind: str) -> tuple[Arrays, Any]:
    """Read what `write` wrote.

    Returns
    -------
    arrays : dict of ndarray
    settings : object

    Raises
    ------
    ProgramFormatError
        If the file is truncated, of another format or of another kind.
    OSError
        If it cannot be read at all.
    """
    safetensors = needed("safetensors", "loading", "nn")
    with Path(path).open("rb"):
        pass  # or the errors of the next line would tell less
    try:
        with safetensors.safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is no dict)
        description = json.loads(metadata[NAME])
        found, version, settings = description["kind"], description["version"], description["settings"]
    except KeyError as error:
        raise ProgramFormatError(f"{path} was not written by wengert") from error
    except Exception as error:
        raise ProgramFormatError(f"{path} is no intact file of safetensors: {error}") from error
    if (found, version) != (kind, 1):
        raise ProgramFormatError(f"{path} is a {found} of version {version}, and not a {kind} of version 1")
    return arrays, settings
