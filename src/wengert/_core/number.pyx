"""What counts as a real number?"""

import numbers

import numpy as np

from wengert.errors import ShapeError, TracingError


cdef int as_number(object x, double* number) except -1:
    if isinstance(x, np.ndarray):
        return 0 if x.ndim else as_number(x.item(), number)
    elif isinstance(x, (numbers.Real, np.bool_)):
        number[0] = as_float(x)
    elif x is None or isinstance(x, (str, bytes, bytearray, numbers.Complex)):
        raise TracingError(f"expected a real number or a Var, got {type(x).__name__} {x!r}")
    else:
        return 0
    return 1


cdef double as_float(object x) except? -1.0:
    try:
        return float(x)
    except OverflowError:
        raise TracingError(f"this {type(x).__name__} is beyond the range of a float") from None


cdef double demand_number(object x) except? -1.0:
    cdef double number = 0.0
    if not read_number(x, &number):
        if isinstance(x, np.ndarray):
            raise ShapeError(f"a var holds one number, but this array has the shape {x.shape}; use its elements")
        raise TracingError(f"expected a real number, got {type(x).__name__}")
    return number
