"""What is known of a training, epoch by epoch?"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wengert.extras import needed


@dataclass(frozen=True)
class Epoch:
    """One pass over the data.

    Attributes
    ----------
    number : int
        From 1.
    loss : float
        Mean loss of its batches, each before the step that learns from it.
    validation_loss : float or None
        Loss of the validation data after it.
    seconds : float
    samples_per_second : float
    gradient_norms : list of float or None
        Of each parameter, for the first batch; in epochs 1, 2, 4, 8, ...
    """

    number: int
    loss: float
    validation_loss: float | None
    seconds: float
    samples_per_second: float
    gradient_norms: list[float] | None = None

    @property
    def monitored(self) -> float:
        """What should be small: the loss of the validation data if there are any, else the loss."""
        return self.loss if self.validation_loss is None else self.validation_loss


@dataclass
class History:
    """All epochs of a training.

    Attributes
    ----------
    epochs : list of Epoch
    stopped : str
        Why it ended: "epochs", "early", "callback", "interrupted", "converged".
    """

    epochs: list[Epoch] = field(default_factory=list)
    stopped: str = "epochs"

    @property
    def losses(self) -> list[float]:
        """Loss of each epoch."""
        return [epoch.loss for epoch in self.epochs]

    @property
    def validation_losses(self) -> list[float]:
        """Validation loss of each epoch; empty without validation data."""
        return [epoch.validation_loss for epoch in self.epochs if epoch.validation_loss is not None]

    @property
    def best(self) -> Epoch:
        """The epoch with the least validation loss; without validation data, with the least loss."""
        return min(self.epochs, key=lambda epoch: epoch.monitored)

    def plot(self, path: str | Path) -> None:
        """Draw the learning curve.

        Parameters
        ----------
        path : path
            Of the picture; its ending says of which kind.

        Raises
        ------
        MissingPackageError
            Without matplotlib (``pip install 'wengert[nn]'``).
        """
        figures: Any = needed("matplotlib.figure", "a learning curve", "nn")
        figure = figures.Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.add_subplot()
        numbers = [epoch.number for epoch in self.epochs]
        axes.plot(numbers, self.losses, label="training")
        if self.validation_losses:
            axes.plot(numbers, self.validation_losses, label="validation")
            axes.axvline(self.best.number, color="grey", linewidth=0.8, linestyle=":", label="best")
        if min(self.losses + self.validation_losses) > 0:
            axes.set_yscale("log")
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        axes.legend()
        axes.grid(visible=True, alpha=0.3)
        figure.savefig(path, dpi=120)
