"""What does a loop compute that ends when a condition does, and what is its derivative?

A vector from a vector, as in steps.py:

    argument: constants of the body | constants of the first condition | first carry
    result:   last carry

How many steps there are shows only when it runs. So its derivatives are computed in two passes: one counts the steps,
and then the loop is one of a known number of steps. That number is constant where the loop can be differentiated.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wengert._core.loops import run_while
from wengert.body_tapes import Body, apart
from wengert.derivatives import vjp
from wengert.steps import Steps, packed, starts_of, stretch
from wengert.structured import ROWS


@dataclass(frozen=True, eq=False)
class OpenLoop:
    """A loop that ends when its condition does.

    Attributes
    ----------
    body : Body
        From its constants and the carry: the next carry, and the condition there.
    condition : Body
        From its constants and the carry: the condition.
    n_constants, n_of_condition : int
        How many constants these have.
    """

    body: Body
    condition: Body
    n_constants: int
    n_of_condition: int

    @functools.cached_property
    def starts(self) -> list[int]:
        """Of all inputs, in the argument; and last its length."""
        constants = [*self.body.shapes[: self.n_constants], *self.condition.shapes]
        return starts_of(map(math.prod, constants))

    @property
    def first_carry(self) -> int:
        """Where the carry begins in the argument."""
        return self.starts[self.n_constants + self.n_of_condition]

    @functools.cached_property
    def steps(self) -> Steps:
        """Such a loop of a known number of steps, which is yet to be said."""
        n_carry = len(self.condition.shapes) - self.n_of_condition
        return Steps(
            self.body.without(1), self.n_constants, n_carry, 0, 0, False, (True,) * (self.n_constants + n_carry)
        )

    def value(self, x: Any) -> NDArray[Any]:
        """Run the loop on numbers."""
        y = self.run(x)[1]
        return y.astype(np.float32) if np.asarray(x).dtype == np.float32 else y

    def run(self, x: Any) -> tuple[int, NDArray[Any]]:
        """The number of steps, and the last carry."""
        given = np.ascontiguousarray(x, np.float64)
        begin = self.first_carry
        goes_on = np.empty(1)
        pairs = zip(self.starts[self.n_constants :], self.starts[self.n_constants + 1 :], strict=False)
        self.condition.program.run([given[start:stop] for start, stop in pairs], [goes_on])
        carries = np.empty((2, len(given) - begin))
        carries[0] = given[begin:]
        n = 0
        if goes_on[0] != 0.0:
            constants = np.array(self.starts[: self.n_constants], np.intp) * 8 + given.ctypes.data
            offsets = (np.array(self.starts[self.n_constants + self.n_of_condition : -1], np.intp) - begin) * 8
            row = carries.strides[0]
            address = carries.ctypes.data
            n = run_while(self.body.program, constants, offsets, address, address + row, self.body.breath)
        return n, carries[n % 2]

    def adjoint(self, g: Any, y: Any, x: Any) -> Any:
        """Adjoint of the argument, given that of the result."""
        return ROWS.call(packed([x, g]), body=self.derivative)

    @functools.cached_property
    def derivative(self) -> OpenDerivative:
        """What computes the adjoint."""
        return OpenDerivative(self, self)

    @property
    def n_argument(self) -> int:
        """Length of the argument."""
        return self.starts[-1]

    @property
    def n_result(self) -> int:
        """Length of the result."""
        return self.starts[-1] - self.first_carry

    def of_length(self, n: int) -> Callable[[Any], Any]:
        """The function of the argument that takes so many steps."""

        def last_carry(x: Any) -> Any:
            carry = stretch(x, self.first_carry, self.starts[-1])
            if n == 0:
                return carry
            steps = self.steps.of_length(n)
            y = ROWS.call(packed([stretch(x, 0, self.starts[self.n_constants]), carry]), body=steps)
            return packed(steps.carry(y, k) for k in range(steps.n_carry))

        return last_carry

    def __repr__(self) -> str:
        return f"<loop of {self.body.program!r}>"


@dataclass(frozen=True, eq=False)
class OpenDerivative:
    """The adjoint of the argument of a loop, or of a derivative of it, given that of its result.

    Attributes
    ----------
    loop : OpenLoop
    before : OpenLoop or OpenDerivative
        What this is the derivative of. The argument is that of it, and the adjoint of its result.
    """

    loop: OpenLoop
    before: OpenLoop | OpenDerivative

    @property
    def n_argument(self) -> int:
        """Length of the argument."""
        return self.before.n_argument + self.before.n_result

    @property
    def n_result(self) -> int:
        """Length of the result."""
        return self.before.n_argument

    def value(self, x: Any) -> NDArray[Any]:
        """Count the steps, and derive the loop of that length."""
        given = np.ascontiguousarray(x, np.float64)
        n, _ = self.loop.run(given[: self.loop.n_argument])
        with apart():
            return np.asarray(self.of_length(n)(given), np.asarray(x).dtype)

    def of_length(self, n: int) -> Callable[[Any], Any]:
        """The function of the argument for so many steps."""
        of_before, n_before = self.before.of_length(n), self.before.n_argument

        def pulled(x: Any) -> Any:
            return vjp(of_before, stretch(x, 0, n_before))[1](stretch(x, n_before, self.n_argument))[0]

        return pulled

    def adjoint(self, g: Any, y: Any, x: Any) -> Any:
        """Adjoint of the argument, given that of the result."""
        return ROWS.call(packed([x, g]), body=self.derivative)

    @functools.cached_property
    def derivative(self) -> OpenDerivative:
        """What computes the adjoint."""
        return OpenDerivative(self.loop, self)
