"""How does a tape become an array program?

A. *Read* (read.py): terms, views, reductions and rows, simplified and hash-consed.
B. *Group* (groups.py): which terms are computed in one loop, and which are stored.
C. *Lay out* (layout.py): the order of groups and rows, and the place of every stored array.
D. *Write* (write.py): loops and code of each group, the arrays of each row. `Runner` (array_run.pyx) runs them.
"""

from __future__ import annotations

from typing import Any

from wengert._core.array_run import Runner
from wengert.array_programs.groups import Groups
from wengert.array_programs.layout import Layout
from wengert.array_programs.listing import cost, listing
from wengert.array_programs.read import Reading
from wengert.array_programs.tape import Tape
from wengert.array_programs.write import Writer


class ArrayProgram(Runner):
    """A compiled function of arrays.

    It is immutable, can be pickled, and may run in several threads at once. ``str(program)`` lists its steps with the
    source lines that they come from.

    Parameters
    ----------
    tape : Tape
    single : bool
        Compute in float32 throughout?

    Attributes
    ----------
    n_steps, n_instructions : int
        What is run one after the other, and the elementwise instructions in it.
    n_bytes : int
        Memory that a run needs beside its inputs and outputs, and beside what NumPy takes for rows without a kernel.
    """

    def __init__(self, tape: Tape, single: bool = False) -> None:
        reading = Reading(tape, single)
        layout = Layout(tape, reading, Groups(reading), single)
        super().__init__(Writer(layout).parts)

    @property
    def n_instructions(self) -> int:
        """Number of elementwise instructions."""
        return len(self.parts["code"])

    def cost(self) -> dict[str, int]:
        """What a run costs.

        Returns
        -------
        dict of str to int
            ``flops``: operations, in which a function such as exp counts as one; ``bytes``: what the steps read from
            and write to arrays.
        """
        return cost(self.parts)

    def __repr__(self) -> str:
        n_inputs, n_outputs = len(self.parts["inputs"]), len(self.parts["outputs"])
        return f"<ArrayProgram of {self.n_steps} steps, {n_inputs} inputs, {n_outputs} outputs>"

    def __str__(self) -> str:
        return listing(self.parts)

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, (self.parts,)


def restore(parts: dict[str, Any]) -> ArrayProgram:
    """A program from its parts: what unpickling does."""
    program = ArrayProgram.__new__(ArrayProgram)
    Runner.__init__(program, parts)
    return program
