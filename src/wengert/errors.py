"""What can go wrong, by type?"""

from __future__ import annotations


class WengertError(Exception):
    """Base of every error that wengert raises itself."""


class TracingError(WengertError, TypeError):
    """A var was used in a way that would lose its derivative, or something that is no number was used as one."""


class ShapeError(WengertError, ValueError):
    """An array has a shape that does not fit."""


class NonFiniteError(WengertError, FloatingPointError):
    """A number that must be finite is not."""


class FrozenNumberWarning(UserWarning):
    """A compiled function drew random numbers, which every later call will find as they were."""


class LongLoopWarning(UserWarning):
    """A compiled function recorded a long Python loop step by step."""


class GradientWarning(UserWarning):
    """Gradients of some layers are so much smaller or larger than those of others that training will stall."""


class ProgramFormatError(WengertError, ValueError):
    """A saved program, network or checkpoint is damaged, or of an unknown version."""


class TableError(WengertError, ValueError):
    """A table cannot be read, or does not fit what is to be done with it."""


class MissingPackageError(WengertError, ImportError):
    """A package that is needed for this only, and not installed with wengert, is not there."""


class NeedsArrays(WengertError):  # noqa: N818  (a signal within the package)
    """What a mapped function does cannot be done lane by lane in slots: it has to be recorded with whole arrays."""


class LanesDiffer(WengertError):  # noqa: N818  (it is caught, never shown)
    """Lanes of a mapped function take different branches, so they cannot be computed as one array."""
