"""How does a trained network predict, one sample or millions of them?

A sample alone is a product of matrix and vector, which is what makes it fast. Of many, `ROWS` at a time go through one
program, and what is left is filled up to as many: so there is one program for any number, and what a row gives does not
depend on how many others there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from wengert import threads as pool
from wengert.array_programs.plan import ArrayProgram
from wengert.compiled import Compiled, compile  # noqa: A004
from wengert.errors import ShapeError, WengertError
from wengert.nn import Module

# A multiple of the rows that kernels of BLAS take at once (4, 6, 8, 12, 16, 24 or 32), so that no row is among those
# left over, which other kernels multiply, with other roundings. Twice as many are 4 % faster for layers of 512, and a
# row alone in a batch costs twice as much.
ROWS = 96

# Of `threads.spread`: a multiplication within a product of matrices, in instructions of a lane. Measured on 64-64-1.
WORK_OF_PRODUCT = 0.5


class Recorded(NamedTuple):
    """The forward pass for one shape of input."""

    run: Callable[[Any, Any], int] | None
    """Of its program; None for so small a network that it is one of numbers, not of arrays."""
    shape: tuple[int, ...]
    """Of the output."""


class Predictor:
    """A compiled forward pass, without dropout.

    Parameters
    ----------
    net : Module
        What predicts, with the parameters that it has now: later changes of them make no difference.
    threads : int, optional
        On how many it runs, if there are samples enough; by default `wengert.get_num_threads()`.

    Raises
    ------
    WengertError
        If the network has no parameters.

    Notes
    -----
    In float64, a row of a batch has the same bits whatever else is in the batch, and whatever the number of threads. In
    float32 this is so too, but on processors without AVX-512, where OpenBLAS multiplies every second half dozen of rows
    with other roundings: there it also matters where the row stands. A sample by itself, of shape (n_in,), is another
    sum of products than a batch of one row; it may differ from that in the last bits.

    Examples
    --------
    >>> net = wg.nn.MLP(2, [16, 1], activation="tanh")
    >>> predict = wg.training.Predictor(net)
    >>> x = np.linspace(-1.0, 1.0, 2000).reshape(1000, 2)
    >>> predict(x).shape, bool(predict(x)[500] == predict(x[500:501])[0])
    ((1000,), True)
    >>> abs(predict([0.5, -1.0]) - net([0.5, -1.0]).data) < 1e-12
    True
    """

    def __init__(self, net: Module, threads: int | None = None) -> None:
        arrays = [np.array(parameter.data) for parameter in net.parameters()]
        if not arrays:
            raise WengertError("the network has no parameters to predict with")
        self.threads = None if threads is None else pool.checked_number(threads)
        self.size = sum(array.size for array in arrays)
        self.dtype = np.result_type(*arrays)
        self.compiled: Compiled = compile(net.with_parameters(arrays), dtype=self.dtype)  # type: ignore[arg-type]
        self.recorded: dict[tuple[int, ...], Recorded] = {}

    def __call__(self, x: Any) -> Any:
        """Predict.

        Parameters
        ----------
        x : array_like, shape (n_in,) or (n, n_in)
            Of the network's dtype, and contiguous, it is not copied.

        Returns
        -------
        float or ndarray, shape (n_out,), (n,) or (n, n_out)
            As the network gives it.

        Raises
        ------
        ShapeError
            If the samples do not have as many numbers as the network takes.
        """
        x = np.ascontiguousarray(x, self.dtype)
        if x.ndim == 1:
            recorded = self.recorded.get(x.shape) or self.record(x)
            out = np.empty(recorded.shape, self.dtype)
            self.run(recorded, x, out)
            return out if recorded.shape else float(out)
        if x.ndim != 2:
            raise ShapeError(f"a network predicts for one sample or a batch of them, not for shape {x.shape}")
        return self.of_batch(x)

    def of_batch(self, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Predict for rows."""
        shape = (ROWS, x.shape[1])
        recorded = self.recorded.get(shape) or self.record(np.zeros(shape, self.dtype))
        out = np.empty((len(x), *recorded.shape[1:]), self.dtype)
        waiting = iter([*range(0, len(x), ROWS)])

        def take() -> None:
            for start in waiting:
                rows, to = x[start : start + ROWS], out[start : start + ROWS]
                if len(rows) == ROWS:
                    self.run(recorded, rows, to)
                else:
                    whole = np.empty(recorded.shape, self.dtype)
                    self.run(recorded, rows[np.arange(ROWS) % len(rows)], whole)
                    to[...] = whole[: len(rows)]

        work = WORK_OF_PRODUCT * self.size * len(x)
        pool.spread(take, math.ceil(len(x) / ROWS), work, self.threads or pool.get_num_threads())
        return out

    def run(self, recorded: Recorded, x: np.ndarray[Any, Any], out: np.ndarray[Any, Any]) -> None:
        """Write what is predicted into an array."""
        # The program gives the number of a failed guard if this is another way through branches than the recorded one.
        if recorded.run is None or recorded.run((x,), (out,)) >= 0:
            out[...] = self.compiled(x)

    def record(self, x: np.ndarray[Any, Any]) -> Recorded:
        """Compile for inputs of this shape."""
        shape = np.shape(self.compiled(x))
        if x.ndim == 2 and shape[:1] != (ROWS,):
            raise ShapeError(f"the network makes an array of shape {shape} of {ROWS} samples, not a row of each")
        program: Any = self.compiled.program(x)
        self.recorded[x.shape] = Recorded(program.run if isinstance(program, ArrayProgram) else None, shape)
        return self.recorded[x.shape]
