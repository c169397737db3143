"""How does one get at a package that only some users need?"""

from __future__ import annotations

import importlib
from types import ModuleType

from wengert.errors import MissingPackageError


def needed(name: str, what: str, extra: str) -> ModuleType:
    """Import a module, or say which extra has it.

    Parameters
    ----------
    name : str
        Of the module.
    what : str
        What needs it, as the subject of a sentence.
    extra : str
        Of wengert's distribution.

    Raises
    ------
    MissingPackageError
        If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise MissingPackageError(f"{what} needs {package}: pip install 'wengert[{extra}]'") from error
