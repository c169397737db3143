"""How does a scalar function become straight-line C, with the derivatives that are wanted?

The function runs on terms, which write down what it does; derivatives are terms again, by the chain rule. This shares
nothing with wengert, so that it is a witness of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any


class Term:
    """One operation of a `Listing`, which numbers it."""

    __slots__ = ("args", "listing", "number", "op")

    def __init__(self, listing: Listing, op: str, args: tuple[Any, ...], number: int) -> None:
        self.listing, self.op, self.args, self.number = listing, op, args, number

    def __add__(self, other: Any) -> Term:
        return self.listing.term("add", self, other)

    def __radd__(self, other: Any) -> Term:
        return self.listing.term("add", other, self)

    def __sub__(self, other: Any) -> Term:
        return self.listing.term("sub", self, other)

    def __rsub__(self, other: Any) -> Term:
        return self.listing.term("sub", other, self)

    def __mul__(self, other: Any) -> Term:
        return self.listing.term("mul", self, other)

    def __rmul__(self, other: Any) -> Term:
        return self.listing.term("mul", other, self)

    def __truediv__(self, other: Any) -> Term:
        return self.listing.term("div", self, other)

    def __rtruediv__(self, other: Any) -> Term:
        return self.listing.term("div", other, self)

    def __neg__(self) -> Term:
        return self.listing.term("neg", self)

    def __pow__(self, exponent: int) -> Term:
        if exponent != 2:
            raise NotImplementedError("no problem here needs another power than the square")
        return self * self


def call(op: str) -> Callable[[Term], Term]:
    return lambda x: x.listing.term(op, x)


FUNCTIONS = SimpleNamespace(
    **{name: call(name) for name in ("exp", "log", "sqrt", "sin", "cos", "erf", "relu")},
    sigmoid=lambda x: 1.0 / (1.0 + FUNCTIONS.exp(-x)),
)

TWO_OVER_SQRT_PI = 1.1283791670955126

# Each op: its C, and its slope in each argument from the arguments and the result.
RULES: dict[str, tuple[str, Callable[..., tuple[Any, ...]]]] = {
    "add": ("{} + {}", lambda a, b, y: (1.0, 1.0)),
    "sub": ("{} - {}", lambda a, b, y: (1.0, -1.0)),
    "mul": ("{} * {}", lambda a, b, y: (b, a)),
    "div": ("{} / {}", lambda a, b, y: (1.0 / b, -y / b)),
    "neg": ("-{}", lambda x, y: (-1.0,)),
    "exp": ("exp({})", lambda x, y: (y,)),
    "log": ("log({})", lambda x, y: (1.0 / x,)),
    "sqrt": ("sqrt({})", lambda x, y: (0.5 / y,)),
    "sin": ("sin({})", lambda x, y: (FUNCTIONS.cos(x),)),
    "cos": ("cos({})", lambda x, y: (-FUNCTIONS.sin(x),)),
    "erf": ("erf({})", lambda x, y: (TWO_OVER_SQRT_PI * FUNCTIONS.exp(-(x * x)),)),
    "relu": ("{0} > 0 ? {0} : 0", lambda x, y: (x.listing.term("step", x),)),
    "step": ("{} > 0 ? 1.0 : 0.0", lambda x, y: (0.0,)),
}


class Listing:
    """Everything computed, in order; what was computed before is found again."""

    def __init__(self, n_inputs: int) -> None:
        self.terms: list[Term] = []
        self.known: dict[tuple[Any, ...], Term] = {}
        self.inputs = [self.term("input", k) for k in range(n_inputs)]

    def term(self, op: str, *args: Any) -> Any:
        a, b = args[0], args[-1]
        if op == "mul" and 0.0 in (a, b):
            return 0.0
        if (op == "mul" and b == 1.0) or (op in ("add", "sub") and b == 0.0):
            return a
        if (op == "mul" and a == 1.0) or (op == "add" and a == 0.0):
            return b
        key = (op, *args)
        if key not in self.known:
            self.known[key] = Term(self, op, args, len(self.terms))
            self.terms.append(self.known[key])
        return self.known[key]

    def gradient(self, output: Term) -> list[Any]:
        """Derivatives of one term in the inputs, by reverse accumulation."""
        adjoints: dict[Term, Any] = {output: 1.0}
        for term in self.terms[output.number :: -1]:
            adjoint = adjoints.get(term)
            if adjoint is None or term.op == "input":
                continue
            # A constant's slope is never used, but a rule may need it to be a term: only terms get theirs.
            for arg, slope in zip(term.args, RULES[term.op][1](*term.args, term), strict=True):
                if isinstance(arg, Term):
                    product = adjoint * slope
                    adjoints[arg] = adjoints[arg] + product if arg in adjoints else product
        return [adjoints.get(term, 0.0) for term in self.inputs]

    def statements(self, outputs: Sequence[Any]) -> list[str]:
        """C that computes what the outputs need, from ``x[k]``."""
        needed = {term for term in outputs if isinstance(term, Term)}
        for term in reversed(self.terms):
            if term in needed:
                needed.update(arg for arg in term.args if isinstance(arg, Term))
        return [f"const double t{term.number} = {formula(term)};" for term in self.terms if term in needed]


def formula(term: Term) -> str:
    if term.op == "input":
        return f"x[{term.args[0]}]"
    return RULES[term.op][0].format(*map(operand, term.args))


def operand(arg: Any) -> str:
    return f"t{arg.number}" if isinstance(arg, Term) else f"({float(arg)!r})"


def source(listing: Listing, groups: Sequence[Sequence[Any]]) -> str:
    """A function ``run(n, x, y0, y1, ...)`` that handles n rows; each group of outputs has its own array."""
    parameters = ", ".join(f"double *restrict out{k}" for k in range(len(groups)))
    body = listing.statements([output for group in groups for output in group])
    body += [
        f"out{k}[i * {len(group)} + {j}] = {operand(output)};"
        for k, group in enumerate(groups)
        for j, output in enumerate(group)
    ]
    lines = [
        "#include <math.h>",
        f"void run(long n, const double *restrict in, {parameters}) {{",
        "#pragma omp simd",
        "for (long i = 0; i < n; i++) {",
        f"const double *x = in + i * {len(listing.inputs)};",
        *body,
        "}",
        "}",
    ]
    return "\n".join(lines) + "\n"
