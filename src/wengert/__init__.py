"""Automatic differentiation of plain Python code on the CPU, recorded into contiguous buffers.

>>> import wengert as wg
>>> x = wg.Var(3.0)
>>> y = x * wg.sin(x)
>>> y.backward()
>>> print(f"{x.grad:.6f}")
-2.828857
>>> wg.grad(lambda x: x**2)(3.0)
6.0
"""

from wengert import (
    models,
    nn,
    ops,
    optim,
    random,
    special,
    training,
)
from wengert._core import functions
from wengert._core.current import current_graph
from wengert._core.functions import *  # noqa: F403  (the functions of the op table, one per row)
from wengert._core.graph import Graph
from wengert._core.program import Program
from wengert._core.var import Var
from wengert.bodies import checkpoint, scan, while_loop
from wengert.check import check_grad
from wengert.compiled import Compiled, TooManyPathsWarning, compile  # noqa: A004
from wengert.custom_rules import custom_jvp, custom_vjp
from wengert.derivatives import hessian, hvp, jacobian, jvp, vjp
from wengert.errors import (
    FrozenNumberWarning,
    GradientWarning,
    LongLoopWarning,
    MissingPackageError,
    NonFiniteError,
    ProgramFormatError,
    ShapeError,
    TracingError,
    WengertError,
)
from wengert.mapped import vmap
from wengert.numpy_rules import functions as numpy_functions  # noqa: F401  (tells vars what NumPy's functions do)
from wengert.threads import get_num_threads, set_num_threads
from wengert.transforms import grad, value_and_grad
from wengert.updates import at

__version__ = "0.1.0"

__all__ = [
    "Compiled",
    "FrozenNumberWarning",
    "GradientWarning",
    "Graph",
    "LongLoopWarning",
    "MissingPackageError",
    "NonFiniteError",
    "ProgramFormatError",
    "Program",
    "ShapeError",
    "TooManyPathsWarning",
    "TracingError",
    "Var",
    "WengertError",
    "at",
    "check_grad",
    "checkpoint",
    "compile",
    "current_graph",
    "custom_jvp",
    "custom_vjp",
    "get_num_threads",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "models",
    "nn",
    "ops",
    "optim",
    "random",
    "scan",
    "set_num_threads",
    "special",
    "training",
    "value_and_grad",
    "vmap",
    "vjp",
    "while_loop",
    *functions.__all__,
]
