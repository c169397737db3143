"""How do parameters follow their gradients?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wengert.errors import WengertError


class SGD:
    """Gradient descent with momentum.

    Parameters
    ----------
    parameters : iterable of Var
        Leaves; anything with `data` and `grad`.
    lr : float
        Learning rate. It is an attribute and may be changed between steps.
    momentum : float, default 0.0
        Fraction of the velocity that a step keeps, from 0 to 1.

    Notes
    -----
    ``velocity = momentum * velocity + grad; data -= lr * velocity``, as in PyTorch (Sutskever et al. 2013 write it with
    the learning rate inside the velocity).

    Examples
    --------
    >>> x = wg.Var(1.0)
    >>> sgd = wg.optim.SGD([x], lr=0.25)
    >>> (x * x).backward()
    >>> sgd.step()
    >>> x.data
    0.5
    """

    def __init__(self, parameters: Iterable[Any], lr: float, momentum: float = 0.0) -> None:
        self.parameters = list(parameters)
        if not self.parameters:
            raise WengertError("SGD got no parameters")
        if not (lr >= 0.0 and 0.0 <= momentum < 1.0):
            raise WengertError(f"SGD needs lr >= 0 and 0 <= momentum < 1, but got {lr!r} and {momentum!r}")
        self.lr = lr
        self.momentum = momentum
        self.velocities = [0.0] * len(self.parameters)

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to zero."""
        for parameter in self.parameters:
            parameter.grad = 0.0

    def step(self) -> None:
        """Move every parameter against its gradient."""
        for k, parameter in enumerate(self.parameters):
            self.velocities[k] = velocity = self.momentum * self.velocities[k] + parameter.grad
            parameter.data -= self.lr * velocity
