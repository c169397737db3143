from typing import final

import numpy as np
from numpy.typing import NDArray

from wengert._core.terms import Terms

@final
class Schedule:
    def __init__(self, terms: Terms, part: NDArray[np.uint8], targets: NDArray[np.int32]) -> None: ...
