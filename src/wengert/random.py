"""Where do random numbers come from, that are new at every replay?

NumPy's generators draw while a function is recorded, so that their numbers are constants of the program. What is here
is a function of a counter, which is an argument of the program: the same counter gives the same numbers, on every
machine and for any number of threads.
"""

from __future__ import annotations

from typing import Any

from wengert.structured import rows


def uniform(key: tuple[int, Any], shape: tuple[int, ...], stream: int = 0) -> Any:
    """Random numbers between 0 and 1, evenly distributed.

    Parameters
    ----------
    key : (int, number)
        A seed, and a counter: a whole number, which may be a var.
    shape : tuple of int
    stream : int, default 0
        Numbers of different streams are independent.

    Returns
    -------
    ndarray or VarArray
        Of that shape. It has no derivative.

    Notes
    -----
    Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011), as NumPy has it.

    Examples
    --------
    >>> c = wg.compile(lambda x, count: x + wg.random.uniform((0, count), (2,)))
    >>> one, other = c(0.0, 1.0), c(0.0, 2.0)
    >>> bool(np.all(one != other)), bool(np.all(one == c(0.0, 1.0)))
    (True, True)
    """
    seed, count = key
    return rows.uniform(count, seed=int(seed), stream=int(stream), shape=tuple(shape))
