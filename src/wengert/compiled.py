"""How is a plain function called through programs?

A call finds the *entry* of its signature. An entry holds a tree of *paths*: the first is what the function did when it
was recorded, and each guard that failed on some input leads to the path of that input. Every path checks all guards that
led to it, so what a program returns is what the function would have done; lanes that fail a guard are run again, on the
path where they belong.
"""

from __future__ import annotations

import functools
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import optree

from wengert import threads as pool
from wengert._core.call import Caller
from wengert._core.forms import form_of
from wengert._core.lanes import LanesRun
from wengert._core.program import Program
from wengert._core.recording import is_recording
from wengert.errors import TracingError
from wengert.mapped import Mapped, out_axes_of
from wengert.recorder import LANES, Recorded, gather, record
from wengert.results import Results
from wengert.signatures import Arguments, has_vars, taken_apart

MAX_PATHS = 64
"""Paths of one signature before calls fall back to eager evaluation: each costs a recording of some milliseconds."""


class TooManyPathsWarning(UserWarning):
    """A compiled function has more paths through its branches than it may keep, or one that cannot be replayed."""


class CacheInfo(NamedTuple):
    """What a compiled function has recorded, as of `functools.lru_cache`."""

    hits: int
    misses: int
    maxsize: int
    currsize: int
    paths: int


def compile(
    f: Callable[..., Any],
    *,
    dtype: Any = None,
    threads: int | None = None,
    max_paths: int = MAX_PATHS,
    maxsize: int = 128,
) -> Compiled:
    """Compile a plain function: record what it does once, then replay that for new numbers.

    Parameters
    ----------
    f : callable
        Takes floats, NumPy arrays and nests of them, and returns numbers, arrays and nests of them. It may be the
        result of `grad`, `value_and_grad`, `jacobian`, `vmap`, ... Arguments that are no floats or arrays (ints, bools,
        strings, None, anything hashable) are *static*: each value of theirs is recorded by itself.
    dtype : {None, float64, float32}
        Precision of the program. None is float64.
    threads : int, optional
        On how many threads it runs over lanes; see `set_num_threads` for the default.
    max_paths : int, default 64
        How many ways through the branches of `f` are kept for each signature. On any other, `f` is called as it is, with
        a `TooManyPathsWarning`.
    maxsize : int, default 128
        How many signatures are kept, the latest used.

    Returns
    -------
    Compiled
        Called as `f` is. ``out=`` takes arrays, in a nest like that of the result, into which it is written;
        ``cache_info()`` tells what is kept, ``program(*args)`` gives the `Program` for some arguments.

    Raises
    ------
    TracingError
        At a call, if `f` cannot be recorded: it returns no numbers, reads the value of a var, uses a var from outside.

    Notes
    -----
    `f` runs once per signature and path, so what it does besides computing (printing, random numbers, changing a list)
    happens then, and not at every call. Numbers that it has from elsewhere are those of the recording.

    Examples
    --------
    >>> def f(x):
    ...     y = x[0] * wg.exp(x[1])
    ...     return y if y > 0.0 else -y
    >>> c = wg.compile(wg.value_and_grad(f))
    >>> c(np.array([2.0, 0.0]))
    (2.0, array([1., 2.]))
    >>> c(np.array([-2.0, 0.0]))
    (2.0, array([-1., -2.]))
    >>> c.cache_info().paths
    2
    """
    return Compiled(f, dtype, threads, max_paths, maxsize)


@dataclass
class Path:
    """One way through the branches of a function."""

    recorded: Recorded
    after: dict[int, Path] = field(default_factory=dict)
    """By the number of a guard: the path of those for which that guard is the first to fail."""


@dataclass
class Entry:
    """All paths of one signature."""

    first: Path
    n_paths: int = 1
    has_warned: bool = False

    def matches(self, arguments: Arguments) -> bool:
        """Have the arrays the shapes for which this was recorded?"""
        for wanted, leaf, axis in zip(self.first.recorded.shapes, arguments.leaves, arguments.axes, strict=True):
            if wanted is None:
                continue
            shape = leaf.shape if axis is None else leaf.shape[:axis] + leaf.shape[axis + 1 :]
            if len(shape) != len(wanted):
                return False
            if any(w is not None and w != n for w, n in zip(wanted, shape, strict=True)):
                return False
        return len(self.lengths(arguments)) <= 1

    def lengths(self, arguments: Arguments) -> set[int]:
        """Numbers of lanes of the arrays that the function itself maps."""
        blocks = [block for block in self.first.recorded.blocks if block.kind is LANES]
        return {block.array(arguments).shape[block.axis] for block in blocks}


class Compiled(Caller):
    """A compiled function; see `compile`."""

    def __init__(self, f: Callable[..., Any], dtype: Any, threads: int | None, max_paths: int, maxsize: int) -> None:
        if not callable(f):
            raise TracingError(f"compile() takes a function, not {type(f).__name__}")
        self.dtype = np.dtype(np.float64 if dtype is None else dtype)
        if self.dtype not in (np.dtype(np.float64), np.dtype(np.float32)):
            raise TracingError(f"a program computes in float64 or float32, not in {self.dtype}")
        for name, number in (("max_paths", max_paths), ("maxsize", maxsize)):
            if not isinstance(number, int) or number < 1:
                raise TracingError(f"{name} must be an int of at least 1, got {number!r}")
        functools.update_wrapper(self, f)
        self.mapped = f if isinstance(f, Mapped) else None
        self.function = f.function if isinstance(f, Mapped) else f
        self.threads = None if threads is None else pool.checked_number(threads)
        self.max_paths = max_paths
        self.maxsize = maxsize
        self.entries: OrderedDict[Any, list[Entry]] = OrderedDict()
        self.hits = self.misses = 0
        self.lock = threading.RLock()

    # ---- finding the program ----

    def resolve(self, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Any:
        """Answer any call."""
        arguments = self.taken_apart(args, kwargs)
        if arguments is None:
            if out is not None:
                raise TracingError("out= has no meaning while the call itself is differentiated or compiled")
            return self.__wrapped__(*args, **kwargs)
        entry = self.entry_of(arguments)
        if self.mapped is not None:
            return self.over_lanes(entry, arguments, out)
        return self.once(entry, arguments, out)

    def taken_apart(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments | None:
        """The arguments; None if they hold vars, and the call is to be recorded with what is around it."""
        in_axes = None if self.mapped is None else self.mapped.in_axes
        if is_recording():
            return None
        if has_vars(optree.tree_leaves((args, kwargs), none_is_leaf=True)):
            return None
        return taken_apart(args, kwargs, in_axes)

    def entry_of(self, arguments: Arguments) -> Entry:
        """The entry of a signature, recorded now if there is none."""
        key = arguments.key
        with self.lock:
            entries = self.entries.get(key, [])
            for entry in entries:
                if entry.matches(arguments):
                    self.hits += 1
                    self.entries.move_to_end(key)
                    return entry
            self.misses += 1
            entry = Entry(Path(self.record(arguments)))
            self.entries[key] = [entry, *entries]
            self.entries.move_to_end(key)
            while sum(map(len, self.entries.values())) > self.maxsize:
                oldest = next(iter(self.entries))
                self.entries[oldest].pop()
                if not self.entries[oldest]:
                    del self.entries[oldest]
            return entry

    def record(self, arguments: Arguments) -> Recorded:
        return record(self.function, arguments, self.dtype == np.float32)

    def path_after(self, entry: Entry, path: Path, guard: int, arguments: Arguments) -> Path | None:
        """The path of arguments for which this guard of a path is the first to fail; None if it is one too many."""
        with self.lock:
            if guard not in path.after:
                if entry.n_paths >= self.max_paths:
                    self.warn(entry, f"more than {self.max_paths} ways through its branches (max_paths=)")
                    return None
                path.after[guard] = Path(self.record(arguments))
                entry.n_paths += 1
            return path.after[guard]

    def warn(self, entry: Entry, what: str) -> None:
        if not entry.has_warned:
            entry.has_warned = True
            name = getattr(self, "__name__", "a function")
            message = f"{name} has {what}; such calls are evaluated eagerly, which is slow. wengert.where may help"
            warnings.warn(message, TooManyPathsWarning, stacklevel=5)

    # ---- running it ----

    def once(self, entry: Entry, arguments: Arguments, out: Any) -> Any:
        """Answer a call of a function that is not mapped."""
        path: Path | None = entry.first
        is_new = False
        while path is not None:
            recorded = path.recorded
            n_lanes = recorded.n_lanes(arguments)
            results = Results(recorded.form, [0 if leaf.stacked else None for leaf in recorded.form.leaves()], n_lanes, self.dtype)
            failed = self.execute(recorded, arguments, n_lanes, results)
            if failed is None:
                if recorded.is_quick(arguments):
                    self.remember(recorded.quick_call(arguments))
                return results.returned(out, arguments)
            if is_new or np.any(failed != failed[0]):
                # Lanes within the function go different ways, or it does not do the same thing twice.
                self.warn(entry, "a branch that cannot be replayed")
                break
            is_new = int(failed[0]) not in path.after
            path = self.path_after(entry, path, int(failed[0]), arguments)
        args, kwargs = arguments.rebuild(arguments.leaves)
        form, elements = form_of(self.function(*args, **kwargs))
        results = Results(form, [None] * len(form.leaves()), 0, self.dtype)
        results.put(elements)
        return results.returned(out, arguments)

    def over_lanes(self, entry: Entry, arguments: Arguments, out: Any) -> Any:
        """Answer a call of a mapped function: run all lanes on the first path, those that fail a guard on another."""
        n_lanes = arguments.n_lanes
        form = entry.first.recorded.form
        assert self.mapped is not None
        axes = out_axes_of(self.mapped.out_axes, form.nest([0.0] * len(form.leaves())))
        results = Results(form, axes, n_lanes, self.dtype)
        pending: list[tuple[Path, Any]] = [(entry.first, slice(None))]
        while pending:
            path, which = pending.pop()
            if path.recorded.form != form:
                raise TracingError("the function returns nests of different forms in different lanes")
            part = arguments.lanes(which)
            if isinstance(which, slice):
                here = results
            else:
                here = Results(form, axes, len(which), self.dtype)
            failed = self.execute(path.recorded, part, here.n_lanes, here)
            if here is not results:
                results.take(here, which, slice(None) if failed is None else failed < 0)
            if failed is None:
                continue
            numbers = np.arange(n_lanes) if isinstance(which, slice) else which
            for guard in np.unique(failed[failed >= 0]):
                those = numbers[failed == guard]
                after = self.path_after(entry, path, int(guard), arguments.lanes(those))
                if after is not None:
                    pending.append((after, those))
                    continue
                for k in those:
                    args, kwargs = arguments.lane(k)
                    lane_form, elements = form_of(self.function(*args, **kwargs))
                    if lane_form != form:
                        raise TracingError("the function returns nests of different forms in different lanes")
                    results.put(elements, int(k))
        return results.returned(out, arguments)

    def execute(self, recorded: Recorded, arguments: Arguments, n_lanes: int, results: Results) -> Any:
        """Run a program; gives the first failed guard of each lane, or None if none failed."""
        uniform, streams, keep = gather(recorded, arguments, self.dtype)
        run = LanesRun(recorded.program, n_lanes, uniform, streams, results.streams())
        n_threads = self.threads or pool.get_num_threads()
        failed = run.run(functools.partial(pool.spread, n_threads=n_threads))
        del keep
        if failed is None or recorded.program.varies:
            results.put_uniform(run.uniform_outputs(), run.varying_outputs())
        return failed

    # ---- what it tells of itself ----

    def program(self, *args: Any, **kwargs: Any) -> Program:
        """The program for these arguments: of the path that they take, or their first lane takes.

        Parameters
        ----------
        *args, **kwargs
            As for a call.

        Returns
        -------
        Program
        """
        arguments = self.taken_apart(args, kwargs)
        if arguments is None:
            raise TracingError("a program is made for numbers, not for vars")
        entry = self.entry_of(arguments)
        if self.mapped is not None:
            arguments = arguments.lanes(slice(0, 1))
        path: Path | None = entry.first
        while path is not None:
            n_lanes = 1 if self.mapped is not None else path.recorded.n_lanes(arguments)
            leaves = path.recorded.form.leaves()
            results = Results(path.recorded.form, [0] * len(leaves), n_lanes, self.dtype)
            failed = self.execute(path.recorded, arguments, n_lanes, results)
            if failed is None or not len(failed):
                return path.recorded.program
            path = self.path_after(entry, path, int(failed[0]), arguments)
        raise TracingError("these arguments take a path that is not compiled")

    def cache_info(self) -> CacheInfo:
        """Hits and misses of the signature cache, its bound and size, and the paths that all its entries have.

        Calls that are like the one before count as neither: they do not look into the cache.

        Returns
        -------
        CacheInfo
        """
        entries = [entry for found in self.entries.values() for entry in found]
        return CacheInfo(self.hits, self.misses, self.maxsize, len(entries), sum(entry.n_paths for entry in entries))

    def cache_clear(self) -> None:
        """Forget everything that was recorded."""
        with self.lock:
            self.entries.clear()
            self.hits = self.misses = 0
            self.remember(None)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)
