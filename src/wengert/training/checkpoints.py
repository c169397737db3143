"""How does a training that was killed go on, with the same bits as if it had not been?

After an epoch, everything that the next one depends on is written: parameters, what the optimizer remembers, how many
steps there were, the best parameters so far, and the history. The order of the samples and the dropout are functions of
the seed and of these numbers.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from wengert import tensors
from wengert.errors import ProgramFormatError
from wengert.training.history import Epoch, History
from wengert.training.step import Step

KIND = "checkpoint"


def write_checkpoint(path: Path, step: Step, history: History, best: list[Any] | None, settings: Any) -> None:
    """Keep the state after the last epoch of the history."""
    parameters, states = step.now
    arrays = {f"parameter.{k}": array for k, array in enumerate(parameters)}
    arrays |= {f"state.{k}.{j}": array for k, state in enumerate(states) for j, array in enumerate(state)}
    arrays |= {f"best.{k}": array for k, array in enumerate(best or [])}
    described = {
        "settings": settings,
        "count": step.optimizer.count,
        "epochs": [asdict(epoch) for epoch in history.epochs],
    }
    tensors.write(path, KIND, arrays, described)


def read_checkpoint(path: Path, step: Step, settings: Any) -> tuple[History, list[Any] | None]:
    """Take the state of a checkpoint.

    Raises
    ------
    ProgramFormatError
        If it is damaged, or of another training.
    """
    arrays, described = tensors.read(path, KIND)
    try:
        theirs = described["settings"]
        different = [name for name in settings if theirs.get(name) != settings[name]]
        if different:
            what = ", ".join(f"{name} {theirs.get(name)!r} instead of {settings[name]!r}" for name in different)
            raise ProgramFormatError(f"{path} is a checkpoint of another training: it has {what}")
        parameters, states = step.now
        taken = [arrays[f"parameter.{k}"] for k in range(len(parameters))]
        of_states = [tuple(arrays[f"state.{k}.{j}"] for j in range(len(s))) for k, s in enumerate(states)]
        best = [arrays[f"best.{k}"] for k in range(len(parameters))] if "best.0" in arrays else None
        history = History([Epoch(**epoch) for epoch in described["epochs"]])
        step.optimizer.count = int(described["count"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, ProgramFormatError):
            raise
        raise ProgramFormatError(f"{path} is no checkpoint of this training: {error}") from error
    for mine, array in zip(parameters, taken, strict=True):
        np.copyto(mine, array)
    for my_states, theirs_ in zip(states, of_states, strict=True):
        for mine, array in zip(my_states, theirs_, strict=True):
            np.copyto(mine, array)
    return history, best
