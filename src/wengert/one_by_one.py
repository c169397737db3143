"""What does a mapped function return if its lanes cannot be computed together?

What the function of one lane returns in each of them: they take different branches, or NumPy refuses the matrix of one
of them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert._core.forms import Form, form_of
from wengert.errors import ShapeError, TracingError
from wengert.results import Results
from wengert.signatures import Arguments


def one_by_one(
    function: Callable[..., Any], arguments: Arguments, results_of: Callable[[Form, int], Results]
) -> Results:
    """Call a function once for each lane.

    Parameters
    ----------
    function : callable
        Of one lane.
    arguments : Arguments
        With lanes.
    results_of : callable
        Takes a form and the number of lanes, and gives room for the results.

    Raises
    ------
    numpy.linalg.LinAlgError
        If NumPy refuses the matrices of every lane. If it refuses some, the results there are NaN, and a warning says
        where.
    ShapeError
        If there is no lane, so that nobody knows the shapes of the results.
    """
    refused: dict[int, str] = {}
    results: Results | None = None
    for k in range(arguments.n_lanes):
        lane = arguments.lane(k)
        args, kwargs = lane.rebuild(lane.leaves)
        try:
            form, elements = form_of(function(*args, **kwargs))
        except np.linalg.LinAlgError as error:
            refused[k] = str(error)
            continue
        if results is None:
            results = results_of(form, arguments.n_lanes)
        check_same_form(form, results.form)
        results.put([float(element) for element in elements], k)
    if results is None:
        if refused:
            raise np.linalg.LinAlgError(f"in every lane: {refused[0]}")
        raise ShapeError("a mapped function of matrices needs at least one lane")
    for k in refused:
        results.put([math.nan] * sum(leaf.size for leaf in results.forms), k)
    if refused:
        lanes = ", ".join(map(str, refused))
        warnings.warn(f"NaN in lanes {lanes}: {next(iter(refused.values()))}", RuntimeWarning, stacklevel=6)
    return results


def check_same_form(form: Any, wanted: Any) -> None:
    """Lanes are stacked, so they must have the same form on all paths."""
    if form != wanted:
        raise TracingError("the function returns nests of different forms in different lanes")
