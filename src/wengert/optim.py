"""How do parameters follow their gradients?

A *rule* is a formula for one parameter, of NumPy's arithmetic, so that it serves a var at a time (`step`, as in
PyTorch) and is recorded into the compiled step of `wengert.training`. Formulas and defaults are PyTorch's.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from wengert.errors import WengertError

Schedule = Callable[[int], float]
"""Learning rate of a step, given how many steps were done before it."""
State = tuple[Any, ...]
"""What a rule remembers of one parameter: arrays of its shape."""


class Optimizer(ABC):
    """A rule, its settings, and the vars that follow it.

    Parameters
    ----------
    parameters : iterable of Var, optional
        Leaves; anything with `data` and `grad`. `wengert.training` needs none.
    lr : float or callable
        Learning rate, or a schedule of them, such as `cosine`. It is an attribute and may be changed between steps.
    weight_decay : float, default 0.0
        So many times the parameter is added to the gradient.
    """

    n_states: int
    """How many arrays it remembers of each parameter."""

    def __init__(self, parameters: Iterable[Any] | None, lr: float | Schedule, weight_decay: float) -> None:
        self.parameters = [] if parameters is None else list(parameters)
        if parameters is not None and not self.parameters:
            raise WengertError(f"{type(self).__name__} got no parameters")
        self.lr = lr
        self.weight_decay = weight_decay
        check(self, "lr >= 0", callable(lr) or lr >= 0.0)
        check(self, "weight_decay >= 0", weight_decay >= 0.0)
        self.count = 0
        self.states: list[State] = []

    def rate(self, count: int) -> float:
        """The learning rate after so many steps."""
        return float(self.lr(count) if callable(self.lr) else self.lr)

    def start(self, parameter: Any) -> State:
        """What is remembered of a parameter before the first step: zeros."""
        return tuple(
            np.zeros_like(parameter) if isinstance(parameter, np.ndarray) else 0.0 for _ in range(self.n_states)
        )

    def numbers(self, count: int) -> tuple[float, ...]:
        """What the rule needs to know of step `count` (from 0): the learning rate, and what else depends on time."""
        return (self.rate(count),)

    def decayed(self, parameter: Any, gradient: Any, lr: Any) -> tuple[Any, Any]:
        """Parameter and gradient after the weight decay, which is part of the gradient."""
        return parameter, gradient + self.weight_decay * parameter if self.weight_decay else gradient

    @abstractmethod
    def update(self, parameter: Any, gradient: Any, state: State, numbers: Sequence[Any]) -> tuple[Any, State]:
        """The rule: the parameter and what is remembered of it after a step."""

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to zero."""
        for parameter in self.parameters:
            parameter.grad = 0.0

    def step(self) -> None:
        """Move every parameter against its gradient."""
        if not self.parameters:
            raise WengertError(f"{type(self).__name__} has no parameters to move: give them as its first argument")
        if not self.states:
            self.states = [self.start(parameter.data) for parameter in self.parameters]
        numbers = self.numbers(self.count)
        for k, parameter in enumerate(self.parameters):
            parameter.data, self.states[k] = self.update(parameter.data, parameter.grad, self.states[k], numbers)
        self.count += 1


def check(optimizer: Any, what: str, holds: bool) -> None:
    if not holds:
        settings = {name: value for name, value in vars(optimizer).items() if name != "parameters"}
        raise WengertError(f"{type(optimizer).__name__} needs {what}, but got {settings}")


class SGD(Optimizer):
    """Gradient descent with momentum.

    Parameters
    ----------
    parameters, lr, weight_decay
        As for `Optimizer`.
    momentum : float, default 0.0
        Fraction of the velocity that a step keeps, from 0 to 1.
    nesterov : bool, default False
        Whether the gradient is looked at where the momentum leads (Sutskever et al. 2013).

    Notes
    -----
    ``velocity = momentum * velocity + grad; data -= lr * velocity``, as in PyTorch (Sutskever et al. write it with
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

    def __init__(
        self,
        parameters: Iterable[Any] | None = None,
        lr: float | Schedule = 1e-3,
        momentum: float = 0.0,
        *,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.momentum, self.nesterov = momentum, nesterov
        check(self, "0 <= momentum < 1", 0.0 <= momentum < 1.0)
        check(self, "momentum for nesterov", momentum > 0.0 or not nesterov)
        self.n_states = 1 if momentum else 0

    def update(self, parameter: Any, gradient: Any, state: State, numbers: Sequence[Any]) -> tuple[Any, State]:
        (lr,) = numbers
        parameter, gradient = self.decayed(parameter, gradient, lr)
        if not self.momentum:
            return parameter - lr * gradient, ()
        velocity = self.momentum * state[0] + gradient
        return parameter - lr * (gradient + self.momentum * velocity if self.nesterov else velocity), (velocity,)


class Adam(Optimizer):
    """Steps along the mean of the gradients, divided by the root of the mean of their squares (Kingma & Ba 2015).

    Parameters
    ----------
    parameters, lr, weight_decay
        As for `Optimizer`.
    betas : (float, float), default (0.9, 0.999)
        Fractions of the two running means that a step keeps.
    eps : float, default 1e-8
        Added to the root.
    """

    n_states = 2

    def __init__(
        self,
        parameters: Iterable[Any] | None = None,
        lr: float | Schedule = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.betas, self.eps = betas, eps
        check(self, "betas from 0 up to, not including, 1", all(0.0 <= beta < 1.0 for beta in betas))
        check(self, "eps >= 0", eps >= 0.0)

    def numbers(self, count: int) -> tuple[float, ...]:
        lr, (first, second) = self.rate(count), self.betas
        return lr / (1.0 - first ** (count + 1)), math.sqrt(1.0 - second ** (count + 1)), lr

    def update(self, parameter: Any, gradient: Any, state: State, numbers: Sequence[Any]) -> tuple[Any, State]:
        step_size, root_of_correction, lr = numbers
        parameter, gradient = self.decayed(parameter, gradient, lr)
        first, second = self.betas
        mean = first * state[0] + (1.0 - first) * gradient
        square = second * state[1] + (1.0 - second) * (gradient * gradient)
        return parameter - step_size * (mean / (np.sqrt(square) / root_of_correction + self.eps)), (mean, square)


class AdamW(Adam):
    """Adam with a weight decay that the running means do not see (Loshchilov & Hutter 2019).

    Parameters
    ----------
    parameters, lr, betas, eps
        As for `Adam`.
    weight_decay : float, default 0.01
        A step takes `lr` times this fraction from each parameter.
    """

    def __init__(
        self,
        parameters: Iterable[Any] | None = None,
        lr: float | Schedule = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def decayed(self, parameter: Any, gradient: Any, lr: Any) -> tuple[Any, Any]:
        return parameter * (1.0 - lr * self.weight_decay), gradient


class RMSprop(Optimizer):
    """Gradients divided by the root of the running mean of their squares (Tieleman & Hinton 2012).

    Parameters
    ----------
    parameters, lr, weight_decay
        As for `Optimizer`; the default of `lr` is 0.01.
    alpha : float, default 0.99
        Fraction of the running mean that a step keeps.
    eps : float, default 1e-8
        Added to the root.
    momentum : float, default 0.0
        Fraction of the velocity that a step keeps.
    """

    def __init__(
        self,
        parameters: Iterable[Any] | None = None,
        lr: float | Schedule = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.alpha, self.eps, self.momentum = alpha, eps, momentum
        check(self, "0 <= alpha, momentum < 1 and eps >= 0", 0 <= alpha < 1 and 0 <= momentum < 1 and eps >= 0)
        self.n_states = 2 if momentum else 1

    def update(self, parameter: Any, gradient: Any, state: State, numbers: Sequence[Any]) -> tuple[Any, State]:
        (lr,) = numbers
        parameter, gradient = self.decayed(parameter, gradient, lr)
        square = self.alpha * state[0] + (1.0 - self.alpha) * (gradient * gradient)
        direction = gradient / (np.sqrt(square) + self.eps)
        if not self.momentum:
            return parameter - lr * direction, (square,)
        velocity = self.momentum * state[1] + direction
        return parameter - lr * velocity, (square, velocity)


# ---- full batches ----


class Minimum(NamedTuple):
    """Where L-BFGS ended."""

    parameters: list[np.ndarray[Any, Any]]
    value: float
    n_iterations: int
    converged: bool
    message: str


class LBFGS:
    """Limited-memory BFGS, SciPy's L-BFGS-B (Zhu, Byrd, Lu & Nocedal 1997), for losses over all samples at once.

    Parameters
    ----------
    memory : int, default 10
        Pairs of steps and gradients that stand for the Hessian.
    max_iter : int, default 200
    tolerance : float, default 1e-5
        It ends where no element of the gradient is larger.

    Examples
    --------
    >>> f = wg.compile(wg.value_and_grad(lambda p: np.sum((p[0] - np.array([1.0, 2.0])) ** 2)))
    >>> wg.optim.LBFGS().minimize(f, [np.zeros(2)]).parameters
    [array([1., 2.])]
    """

    def __init__(self, memory: int = 10, max_iter: int = 200, tolerance: float = 1e-5) -> None:
        self.memory, self.max_iter, self.tolerance = memory, max_iter, tolerance
        check(self, "memory and max_iter of at least 1, tolerance >= 0", min(memory, max_iter) >= 1 and tolerance >= 0)

    def minimize(
        self,
        f: Callable[[list[Any]], tuple[float, Sequence[Any]]],
        parameters: Sequence[Any],
        callback: Callable[[list[np.ndarray[Any, Any]], float], object] | None = None,
    ) -> Minimum:
        """Minimize a function of a list of arrays that gives its value and gradients.

        Parameters
        ----------
        f : callable
            From a list of arrays to a number and a sequence of arrays of their shapes.
        parameters : sequence of ndarray
            Where to begin.
        callback : callable, optional
            Called after each iteration with the arrays and the value there; it may raise StopIteration.

        Returns
        -------
        Minimum
        """
        from scipy.optimize import minimize
        from threadpoolctl import threadpool_limits

        shapes = [np.shape(p) for p in parameters]
        dtypes = [np.asarray(p).dtype for p in parameters]
        ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]

        def apart(x: Any) -> list[np.ndarray[Any, Any]]:
            parts = np.split(x, ends)
            return [p.reshape(s).astype(d) for p, s, d in zip(parts, shapes, dtypes, strict=True)]

        def flat(arrays: Sequence[Any]) -> np.ndarray[Any, Any]:
            return np.concatenate([np.asarray(a, np.float64).ravel() for a in arrays])

        def value_and_gradient(x: Any) -> tuple[float, Any]:
            value, gradients = f(apart(x))
            return float(value), flat(gradients)

        def after(intermediate_result: Any) -> None:  # SciPy goes by this name
            assert callback is not None
            callback(apart(intermediate_result.x), float(intermediate_result.fun))

        # Its own products are small, and threads that wait for the next one by spinning would take the cores.
        with threadpool_limits(1, user_api="blas"):
            found = minimize(
                value_and_gradient,
                flat(parameters),
                jac=True,
                method="L-BFGS-B",
                callback=None if callback is None else after,
                options={"maxcor": self.memory, "maxiter": self.max_iter, "gtol": self.tolerance, "ftol": 1e-14},
            )
        return Minimum(apart(found.x), float(found.fun), int(found.nit), bool(found.success), str(found.message))


# ---- learning rates that change, and gradients that are too long ----


def cosine(lr: float, n_steps: int, warm_up: int = 0, lowest: float = 0.0) -> Schedule:
    """From `lr` down to `lowest` along half a cosine (Loshchilov & Hutter 2017), after a linear rise.

    Parameters
    ----------
    lr : float
        The highest learning rate.
    n_steps : int
        Steps until the lowest, the rise among them.
    warm_up : int, default 0
        Steps of the rise.
    lowest : float, default 0.0

    Examples
    --------
    >>> schedule = wg.optim.cosine(0.1, n_steps=100, warm_up=10)
    >>> [round(schedule(k), 3) for k in (0, 9, 10, 55, 100, 200)]
    [0.01, 0.1, 0.1, 0.05, 0.0, 0.0]
    """

    def schedule(count: int) -> float:
        if count < warm_up:
            return lr * (count + 1) / warm_up
        part = min(1.0, (count - warm_up) / max(1, n_steps - warm_up))
        return lowest + (lr - lowest) * 0.5 * (1.0 + math.cos(math.pi * part))

    return schedule


def decay(lr: float, factor: float, every: int = 1) -> Schedule:
    """`lr`, multiplied by `factor` after each so many steps.

    Examples
    --------
    >>> schedule = wg.optim.decay(1.0, factor=0.5, every=10)
    >>> [schedule(k) for k in (0, 9, 10, 25)]
    [1.0, 1.0, 0.5, 0.25]
    """
    return lambda count: lr * factor ** (count // every)


def clip_by_global_norm(gradients: Sequence[Any], largest: float) -> tuple[list[Any], Any]:
    """Scale gradients down together if the root of the sum of all their squares is too large (Pascanu et al. 2013).

    Parameters
    ----------
    gradients : sequence of (ndarray or var)
    largest : float
        What the norm may be.

    Returns
    -------
    gradients : list
    norm : float or Var
        Before.

    Notes
    -----
    Where it is too large, the factor is ``largest / (norm + 1e-6)``, as in PyTorch.

    Examples
    --------
    >>> clipped, norm = wg.optim.clip_by_global_norm([np.array([3.0, 4.0])], 1.0)
    >>> clipped[0].round(3), float(norm)
    (array([0.6, 0.8]), 5.0)
    """
    squares: Any = sum(np.sum(gradient * gradient) for gradient in gradients)
    norm = np.sqrt(squares)
    factor = np.minimum(1.0, largest / (norm + 1e-6))
    return [factor * gradient for gradient in gradients], norm
