"""How is an einsum read, computed and differentiated?

The adjoint of an operand is an einsum too: of the adjoint of the result and the other operands.
"""

from __future__ import annotations

import math
import string
from collections import Counter
from typing import Any

import numpy as np

from wengert.rows.shapes import common_dtype
from wengert.structured import fit, reshaped, rows, shape_of, structured


def explicit(subscripts: str, ndims: list[int]) -> tuple[list[str], str]:
    """Return the labels of every operand, and of the result, with a letter for every axis.

    >>> explicit("i...,...", [2, 3])
    (['iC', 'ABC'], 'ABCi')
    """
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"einsum {subscripts!r} is for {len(terms)} operands, not {len(ndims)}")
    free = [letter for letter in string.ascii_letters[::-1] if letter not in inputs][::-1]
    free.sort()  # capitals first, as the alphabet of the implicit output has them
    dots = [
        ndim - len(term.replace("...", "")) if "..." in term else 0 for term, ndim in zip(terms, ndims, strict=True)
    ]
    if min(dots, default=0) < 0 or max(dots, default=0) > len(free):
        raise ValueError(f"einsum {subscripts!r} does not fit operands of {ndims} axes")
    dotted = "".join(free[: max(dots, default=0)])
    labels = [term.replace("...", dotted[len(dotted) - n :]) for term, n in zip(terms, dots, strict=True)]
    if any(len(label) != ndim for label, ndim in zip(labels, ndims, strict=True)):
        raise ValueError(f"einsum {subscripts!r} does not fit operands of {ndims} axes")
    if arrow:
        return labels, output.replace("...", dotted)
    counts = Counter("".join(terms).replace(".", ""))
    return labels, dotted + "".join(sorted(label for label, count in counts.items() if count == 1))


def _value(*xs: Any, subscripts: str) -> Any:
    labels, _ = explicit(subscripts, [np.ndim(x) for x in xs])
    size: dict[str, int] = {}
    for label, x in zip(labels, xs, strict=True):
        for letter, n in zip(label, np.shape(x), strict=True):
            size[letter] = max(size.get(letter, 1), n)
    # Looking for a way through BLAS costs some 20 us, as much as the plain loop over 32 x 32 x 32 products.
    return np.einsum(subscripts, *xs, optimize=math.prod(size.values()) > 2**15)


def _shape(*xs: Any, subscripts: str) -> Any:
    labels, output = explicit(subscripts, [len(shape_of(x)) for x in xs])
    size: dict[str, int] = {}
    for label, x in zip(labels, xs, strict=True):
        for letter, n in zip(label, shape_of(x), strict=True):
            if size.setdefault(letter, n) != n:
                return None  # it is broadcast, or does not fit
    return tuple(size[letter] for letter in output), common_dtype(*xs)


def _adjoint(k: int, g: Any, y: Any, *xs: Any, subscripts: str) -> Any:
    labels, output = explicit(subscripts, [len(shape_of(x)) for x in xs])
    shape = shape_of(xs[k])
    operands, terms = [g], [output]
    for i, x in enumerate(xs):
        if i != k:
            operands.append(x)
            terms.append(labels[i])
    # A label that stands twice in the operand reads a diagonal: an identity matrix puts it back there.
    free = iter(sorted(set(string.ascii_letters) - set("".join(labels))))
    mine = ""
    for axis, letter in enumerate(labels[k]):
        if letter in mine:
            twin = next(free)
            operands.append(np.eye(shape[axis], dtype=bool))
            terms.append(letter + twin)
            letter = twin
        mine += letter
    # Over a label that only this operand has, the result summed: each element gets the same adjoint.
    known = set("".join(terms))
    target = "".join(letter for letter in mine if letter in known)
    adjoint = rows.einsum(*operands, subscripts=f"{','.join(terms)}->{target}")
    lengths = iter(shape_of(adjoint))
    adjoint = reshaped(adjoint, tuple(next(lengths) if letter in known else 1 for letter in mine))
    adjoint = fit(adjoint, tuple(n if n == 1 else have for n, have in zip(shape, shape_of(adjoint), strict=True)))
    return adjoint if shape_of(adjoint) == shape else rows.broadcast_to(adjoint, shape=shape)


structured(
    "einsum",
    value=_value,
    shape=_shape,
    vjp=_adjoint,
    doc="Sum of products over named axes, as NumPy's.",
)
