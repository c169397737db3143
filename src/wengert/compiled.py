"""How is a plain function called through programs?

A call finds the entry of its signature and follows its paths (see `wengert.paths`) to the one that it belongs to. Lanes
of one call may go different ways: those that fail a guard are run again, on the path after it.
"""

from __future__ import annotations

import functools
import operator
import sys
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from wengert import threads as pool
from wengert._core.call import Caller
from wengert._core.forms import Form
from wengert._core.program import Program
from wengert._core.recording import is_recording
from wengert.bound import Bound
from wengert.directions import columns, directions
from wengert.eager import evaluate
from wengert.errors import LanesDiffer, NeedsArrays, TracingError
from wengert.mapped import Mapped, out_axes_of
from wengert.one_by_one import check_same_form, one_by_one
from wengert.paths import Entry, Path
from wengert.recorder import Recorded, record
from wengert.results import Results
from wengert.signatures import NOT_MAPPED, Arguments, flat, has_vars, taken_apart

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


def compile(  # noqa: A001  (it is called what it does, as re.compile is)
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
        How many ways through the branches of `f` are kept for each signature. On any other, `f` is called as it is,
        with a `TooManyPathsWarning`.
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
    (2.0, array([-1.,  2.]))
    >>> c.cache_info().paths
    2
    """
    return Compiled(f, dtype, threads, max_paths, maxsize)


class Compiled(Caller):
    """A compiled function, called as the function that it was made from.

    See `compile`, which makes it.

    Examples
    --------
    >>> c = wg.compile(lambda x, scale: scale * wg.sin(x))
    >>> c(0.0, 2.0), isinstance(c, wg.Compiled)
    (0.0, True)
    """

    def __init__(self, f: Callable[..., Any], dtype: Any, threads: int | None, max_paths: int, maxsize: int) -> None:
        if not callable(f):
            raise TracingError(f"compile() takes a function, not {type(f).__name__}")
        self.dtype = np.dtype(np.float64 if dtype is None else dtype)
        if self.dtype not in (np.dtype(np.float64), np.dtype(np.float32)):
            raise TracingError(f"a program computes in float64 or float32, not in {self.dtype}")
        for name, number in (("max_paths", max_paths), ("maxsize", maxsize)):
            if not isinstance(number, int) or number < 1:
                raise TracingError(f"{name} must be an int of at least 1, got {number!r}")
        self.__wrapped__: Callable[..., Any]
        self.__qualname__: str
        functools.update_wrapper(self, f, updated=())  # attributes of a callable object are its own
        self.mapped = f if isinstance(f, Mapped) else None
        self.function = f.function if isinstance(f, Mapped) else f
        self.columns: dict[int, Compiled] = {}
        """Of a Jacobian that may run over lanes: its columns, by the number of arguments."""
        self.needing_arrays: set[Any] = set()
        """Signatures of calls of a mapped function that run on whole arrays, by `on_arrays`."""
        self.has_warned = False
        self.front = self
        """What remembers calls: if this is part of another one, that is asked first."""
        self.threads = None if threads is None else pool.checked_number(threads)
        self.max_paths = max_paths
        self.maxsize = maxsize
        self.entries: OrderedDict[Any, list[Entry]] = OrderedDict()
        self.hits = self.misses = 0
        self.lock = threading.RLock()

    # ---- finding the program ----

    def resolve(self, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Any:
        """Answer any call."""
        by_columns = self.by_columns(args, kwargs)
        if by_columns is not None:
            return by_columns[0](*by_columns[1], out=out)
        arguments = self.taken_apart(args, kwargs)
        if arguments is None:
            if out is not None:
                raise TracingError("out= has no meaning while the call itself is differentiated or compiled")
            return self.__wrapped__(*args, **kwargs)
        if self.mapped is None:
            return self.once(self.entry_of(arguments), arguments, out)
        signature = arguments.key, tuple(arguments.shapes())
        if signature not in self.needing_arrays:
            try:
                return self.over_lanes(self.entry_of(arguments), arguments, out)
            except NeedsArrays:
                self.needing_arrays.add(signature)
        return self.over_arrays(arguments, out)

    def by_columns(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Compiled, tuple[Any, ...]] | None:
        """If this is a Jacobian of so many inputs that its columns should be lanes: these and their arguments."""
        whole: Any = getattr(self.function, "columns_of", None)
        if whole is None or self.mapped is not None or is_recording():
            return None
        f, position = whole
        eye = directions(args, kwargs, position)
        if eye is None:
            return None
        with self.lock:
            if len(args) not in self.columns:
                mapped = columns(f, position, len(args))
                self.columns[len(args)] = Compiled(mapped, self.dtype, self.threads, self.max_paths, self.maxsize)
        return self.columns[len(args)], (*args, eye)

    def taken_apart(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments | None:
        """The arguments; None if they hold vars, and the call is to be recorded with what is around it."""
        in_axes = NOT_MAPPED if self.mapped is None else self.mapped.in_axes
        if is_recording():
            return None
        if has_vars(flat((args, kwargs))[0]):
            return None
        return taken_apart(args, kwargs, in_axes)

    def entry_of(self, arguments: Arguments) -> Entry:
        """The entry of a signature, recorded now if there is none."""
        key = arguments.key
        with self.lock:
            entries = self.entries.get(key, [])
            for entry in entries:
                if entry.first.recorded.matches(arguments):
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

    def path_after(self, entry: Entry, path: Path, guard: int, arguments: Arguments) -> tuple[Path | None, bool]:
        """The path of arguments for which this guard fails, None if it is one too many; and whether it is new."""
        with self.lock:
            found = path.find(guard, arguments)
            if found is not None:
                return found, False
            if entry.n_paths >= self.max_paths:
                self.warn(entry, f"more than {self.max_paths} ways through its branches (max_paths=)")
                return None, False
            return entry.add(path, guard, self.record(arguments)), True

    def warn(self, entry: Entry | Compiled, what: str, how: str = "eagerly") -> None:
        if not entry.has_warned:
            entry.has_warned = True
            name = getattr(self, "__name__", "a function")
            message = f"{name} has {what}; such calls are evaluated {how}, which is slow. wengert.where may help"
            warnings.warn(message, TooManyPathsWarning, stacklevel=5)

    # ---- running it ----

    def once(self, entry: Entry, arguments: Arguments, out: Any) -> Any:
        """Answer a call of a function that is not mapped."""
        path, results = self.follow(entry, arguments)
        if path is None:
            results = Results.of(*evaluate(self.function, arguments), self.dtype)
        else:
            self.remember_like(path.recorded, arguments, results.axes)
        return results.returned(out)

    def follow(self, entry: Entry, arguments: Arguments) -> tuple[Path | None, Results]:
        """The path on which no guard fails and the results there; None if there is no such path."""
        path: Path | None = entry.first
        is_new = False
        while path is not None:
            recorded = path.recorded
            axes = [0 if leaf.stacked else None for leaf in recorded.form.leaves()]
            results = Results(recorded.form, axes, recorded.n_lanes(arguments), self.dtype)
            failed = self.execute(recorded, arguments, results)
            if failed is None:
                return path, results
            if is_new or not isinstance(failed, int):
                # The function does not do the same thing twice, or lanes within it go different ways.
                self.warn(entry, "a branch that cannot be replayed")
                break
            path, is_new = self.path_after(entry, path, failed, arguments)
        return None, results

    def remember_like(self, recorded: Recorded, arguments: Arguments, axes: Sequence[int | None]) -> None:
        """Answer calls like this one at once from now on, if they can be."""
        if not recorded.quick_calls:
            recorded.quick_calls.append(recorded.quick(arguments, list(axes)))
        call = recorded.quick_calls[0]
        if call is not None:
            self.front.remember(call)

    def results_of(self, form: Form, n_lanes: int) -> Results:
        """Room for the results of so many lanes of a mapped function."""
        assert self.mapped is not None
        axes = out_axes_of(self.mapped.out_axes, form.nest([0.0] * len(form.leaves())))
        return Results(form, axes, n_lanes, self.dtype)

    def over_lanes(self, entry: Entry, arguments: Arguments, out: Any) -> Any:
        """Answer a call of a mapped function: run all lanes on the first path, those that fail a guard on another."""
        n_lanes = arguments.n_lanes
        form = entry.first.recorded.form
        results = self.results_of(form, n_lanes)
        axes = results.axes
        if out is not None:
            results.aim(out, arguments.leaves)
        pending: list[tuple[Path, Any]] = [(entry.first, None)]  # None for all lanes
        while pending:
            path, which = pending.pop()
            check_same_form(path.recorded.form, form)
            part = arguments if which is None else arguments.lanes(which)
            here = results if which is None else Results(form, axes, len(which), self.dtype)
            failed = self.execute(path.recorded, part, here)
            if not isinstance(failed, int):
                results.take(here, which, None if failed is None else failed < 0)
            if failed is None:
                if which is None and path is entry.first and None not in axes:
                    self.remember_like(path.recorded, arguments, axes)
                continue
            for guard in [failed] if isinstance(failed, int) else np.unique(failed[failed >= 0]).tolist():
                those = which
                if not isinstance(failed, int):
                    those = np.flatnonzero(failed == guard) if which is None else which[failed == guard]
                part = arguments if those is None else arguments.lanes(those)
                after, _ = self.path_after(entry, path, guard, part)
                if after is not None:
                    pending.append((after, those))
                    continue
                for k in range(n_lanes) if those is None else those.tolist():
                    lane_form, elements = evaluate(self.function, arguments.lane(k))
                    check_same_form(lane_form, form)
                    results.put(elements, k)
        return results.returned(out)

    @functools.cached_property
    def on_arrays(self) -> Compiled:
        """The mapped function as a function of whole arrays."""
        assert self.mapped is not None
        whole = self.another(self.mapped.on_arrays)
        whole.front = self
        return whole

    @functools.cached_property
    def of_one_lane(self) -> Compiled:
        """The function that is mapped."""
        return self.another(self.function)

    def another(self, function: Callable[..., Any]) -> Compiled:
        """A function compiled with the same options."""
        return Compiled(function, self.dtype, self.threads, self.max_paths, self.maxsize)

    def over_arrays(self, arguments: Arguments, out: Any) -> Any:
        """Answer a call of a mapped function on whole arrays; lane by lane if lanes differ in more than numbers."""
        args, kwargs = arguments.rebuild(arguments.leaves)
        if arguments.n_lanes:
            try:
                return self.on_arrays(*args, **kwargs, out=out)
            except LanesDiffer:
                self.warn(self, "branches that differ from lane to lane, and needs whole arrays", "lane by lane")
            except np.linalg.LinAlgError:
                pass  # of one lane only, perhaps
        return one_by_one(self.of_one_lane, arguments, self.results_of).returned(out)

    def execute(self, recorded: Recorded, arguments: Arguments, results: Results) -> Any:
        """Run a program; gives the guards that failed, as `LanesRun.run` does."""
        return recorded.execute(arguments, results, self.dtype, self.threads or pool.get_num_threads())

    def bind(self, *args: Any, out: Any) -> Bound:
        """The function with its arguments: a call without arguments, which reads and writes the same arrays every time.

        Parameters
        ----------
        *args
            As for a call. What the arrays hold is read anew at every call; to change a number, pass an array of
            shape ().
        out : nest of ndarray
            As for a call. The results are written into it once now, too.

        Returns
        -------
        Bound
            A callable, which gives `out`. It is for one thread at a time.

        Examples
        --------
        >>> x, y = np.array([1.0, 2.0]), np.empty(2)
        >>> call = wg.compile(lambda x: x * x).bind(x, out=y)
        >>> x[:] = 3.0, 4.0
        >>> call()
        array([ 9., 16.])
        """
        return Bound(self, args, out)

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
        by_columns = self.by_columns(args, kwargs)
        if by_columns is not None:
            return by_columns[0].program(*by_columns[1])
        try:
            entry = self.entry_of(arguments)
        except NeedsArrays:
            of_arrays: Program = self.on_arrays.program(*args, **kwargs)
            return of_arrays
        if self.mapped is None:
            path, _ = self.follow(entry, arguments)
        else:
            path = self.path_of_first_lane(entry, arguments.lanes(slice(0, 1)))
        if path is None:
            raise TracingError("these arguments take a path that is not compiled")
        found: Program = path.recorded.program
        return found

    def path_of_first_lane(self, entry: Entry, arguments: Arguments) -> Path | None:
        """The path of a mapped function on which no guard fails, for a single lane or none."""
        path: Path | None = entry.first
        while path is not None:
            form = path.recorded.form
            failed = self.execute(
                path.recorded, arguments, Results(form, [0] * len(form.leaves()), arguments.n_lanes, self.dtype)
            )
            if failed is None:
                break
            path, _ = self.path_after(entry, path, failed, arguments)
        return path

    def cache_info(self) -> CacheInfo:
        """Hits and misses of the signature cache, its bound and size, and the paths that all its entries have.

        Calls that are like the one before count as neither: they do not look into the cache.

        Returns
        -------
        CacheInfo
        """
        with self.lock:
            entries = [entry for found in self.entries.values() for entry in found]
        return CacheInfo(self.hits, self.misses, self.maxsize, len(entries), sum(entry.n_paths for entry in entries))

    def cache_clear(self) -> None:
        """Forget everything that was recorded."""
        with self.lock:
            self.entries.clear()
            self.hits = self.misses = 0
            self.forget()

    # ---- as a Python object ----

    def __reduce__(self) -> Any:
        """A pickle is the name, as for functions, if that stands for this object; else the function and the options."""
        try:
            name = self.__qualname__
            found = operator.attrgetter(name)(sys.modules[self.__module__])
        except (AttributeError, KeyError):
            found = None
        if found is self:
            return name
        return Compiled, (self.__wrapped__, self.dtype, self.threads, self.max_paths, self.maxsize)

    def __copy__(self) -> Compiled:
        return self

    def __deepcopy__(self, memo: Any) -> Compiled:
        return self

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)
