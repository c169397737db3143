"""What do all tests and doctests share?"""

from typing import Any

import numpy as np
import pytest
from hypothesis import settings

import wengert as wg

# The same examples in every run; `pytest --hypothesis-profile=search` looks for new ones. A shared machine stalls now
# and then, so no example has a deadline.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=2000)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def names_in_doctests(doctest_namespace: dict[str, Any]) -> None:
    doctest_namespace.update(np=np, wg=wg)
