"""Parameter sweeps and Monte Carlo trials: any number of workers, the same numbers, nothing computed twice.

A sweep calls one function at many points.  Three promises hold for every number of workers and every joblib backend:

* *The same numbers.*  The random stream of a point depends on the seed and on the content of the point, not on its
  position, the other points or the worker.  Each point runs with one BLAS thread, since the last bits of an eigenvalue
  depend on the number of threads.
* *Nothing is lost.*  With a cache, each finished point is on the disk, whole, before the next result is looked at.  A
  sweep that was killed, or whose grid has grown, computes the missing points alone.
* *Nothing is stale.*  A cached result is found again only under the same code, point, seed and NumPy and SciPy
  versions; a damaged file is computed anew.
"""

from __future__ import annotations

import hashlib
import inspect
import numbers
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from . import _digests, _progress, arrays, outputs, randomness, validation
from ._sweep_store import Store
from ._sweep_workers import SweepError, Task, compute, describe, shorten

__all__ = ["SweepError", "Trials", "sweep", "trials"]

_Result = TypeVar("_Result")


def sweep(
    function: Callable[..., _Result],
    points: Sequence[Mapping[str, Any]],
    *,
    seed: int | None = None,
    n_jobs: int | None = None,
    cache: str | os.PathLike[str] | bool | None = None,
    description: str | None = None,
    progress: bool | None = None,
    backend: Any = None,
) -> list[_Result]:
    """Results of ``function(**point)`` at every point, in the order of `points`.

    Parameters
    ----------
    function : callable
        Called with the keyword arguments of a point, and with ``rng=`` where `seed` is given.  What is the same at all
        points and should not change the random numbers (the data, a device) goes in by ``functools.partial``.
    points : sequence of mappings
        Keyword arguments of each call.  Equal points are independent replicas.
    seed : int, optional
        Each call gets ``rng``, a NumPy generator whose stream depends on `seed`, the content of the point and its
        number among equal points: a grid that is extended keeps all earlier results.
    n_jobs : int, optional
        Number of workers; -1 for all cores.  1 calls `function` here, without pickling.  The default is what an
        enclosing ``joblib.parallel_config`` says, else 1.
    cache : path or bool, optional
        Folder that keeps every finished point; True for ``sweeps`` in the cache folder of the package.
    description : str, optional
        Text before the progress bar; the function's name where it is not given.
    progress : bool, optional
        True and False force the bar on and off.  By default it is shown in a terminal and in a notebook with
        ipywidgets, but not under continuous integration or where ``THEORYLAB_PROGRESS`` is ``off``.
    backend : str or joblib backend, optional
        Any joblib backend (``"loky"``, ``"threading"``, ``"dask"``, ``"ray"``, ...).  The default is what an enclosing
        ``joblib.parallel_config`` says, else loky.

    Returns
    -------
    list
        One result per point.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above, a point does not fit the signature of `function`, or the content of a point or
        the code cannot be read; all before the first call.
    Exception
        Whatever `function` raises, with a note that names the point.  No new points are begun then, those under way
        are finished, and all that are finished stay in the cache.

    Notes
    -----
    The results do not depend on `n_jobs` as long as `function` draws all its random numbers from ``rng`` and changes
    nothing outside.  Backends that hand over results only at the end (``"multiprocessing"``, ``"ray"``) get the points
    in portions, so that there too they are kept as they come.

    Examples
    --------
    >>> def mean_of_normals(n, rng):
    ...     return float(rng.standard_normal(n).mean())
    >>> few = sweep(mean_of_normals, [{"n": 10}, {"n": 1000}], seed=0)
    >>> sweep(mean_of_normals, [{"n": 1000}, {"n": 100}], seed=0)[0] == few[1]
    True
    """
    given = _check_points(function, points, seed)
    _check_settings(n_jobs, cache, description, progress)
    tasks = _tasks(given, seed)
    store = _store(cache, function, tasks)
    results = {} if store is None else store.found()
    missing = [task for task in tasks if task.index not in results]
    title = description or str(getattr(function, "__name__", "sweep"))
    with _progress.bar(len(tasks), progress=progress, description=title, done=len(results)) as bar:

        def take(index: int, result: Any) -> None:
            if store is not None:
                store.keep(index, result)
            results[index] = result
            bar.update()

        try:
            compute(function, missing, take, n_jobs, backend)
        except Exception as error:
            kept = "lost, since no cache was given" if store is None else f"kept in {store.folder}"
            error.add_note(f"{len(results)} of {len(tasks)} points were finished; they are {kept}.")
            raise
    return [results[task.index] for task in tasks]


@dataclass(frozen=True, eq=False)
class Trials:
    """Results of repeated trials of one random experiment.

    Parameters
    ----------
    values : ndarray or dict of ndarray, first axis of length n_trials
        What each trial returned, stacked.
    n_trials : int
        Number of trials.
    """

    values: Any
    n_trials: int

    def mean(self) -> Any:
        """Mean over the trials.

        Returns
        -------
        ndarray or dict of ndarray
            Of the shape that one trial returned.
        """
        return _over_entries(lambda stacked: np.mean(stacked, axis=0), self.values)

    def standard_error(self) -> Any:
        """Standard error of the mean, std / sqrt(n_trials), with the n_trials - 1 variance.

        Returns
        -------
        ndarray or dict of ndarray
            Of the shape that one trial returned.

        Raises
        ------
        ValueError
            If there is one trial alone.
        """
        root = np.sqrt(validation.check_count("n_trials", self.n_trials, minimum=2))
        return _over_entries(lambda stacked: np.std(stacked, axis=0, ddof=1) / root, self.values)


def trials(
    function: Callable[..., Any],
    n_trials: int,
    *,
    seed: int,
    parameters: Mapping[str, Any] | None = None,
    n_jobs: int | None = None,
    cache: str | os.PathLike[str] | bool | None = None,
    description: str | None = None,
    progress: bool | None = None,
    backend: Any = None,
) -> Trials:
    """Independent trials of one random experiment: a :func:`sweep` over replicas of one point.

    Parameters
    ----------
    function : callable
        Called as ``function(rng=rng, **parameters)``; returns a number, an array or a dict of these, of the same shape
        in every trial.
    n_trials : int
        Number of trials.  More of them keep the earlier ones.
    seed : int
        Seed of the streams.
    parameters : mapping, optional
        Keyword arguments of every call.
    n_jobs, cache, description, progress, backend
        As in :func:`sweep`.

    Returns
    -------
    Trials
        The results, stacked along a first axis as NumPy arrays.

    Raises
    ------
    ValueError, TypeError
        As :func:`sweep`, and if the trials return different shapes or keys.

    Examples
    --------
    >>> heads = trials(lambda rng: rng.integers(2), 400, seed=0)
    >>> bool(abs(heads.mean() - 0.5) < 4 * heads.standard_error())
    True
    """
    n_trials = int(validation.check_count("n_trials", n_trials))
    randomness.seed_sequence(seed)  # None would leave the trials without generators
    points = [{} if parameters is None else parameters] * n_trials
    results = sweep(
        function,
        points,
        seed=seed,
        n_jobs=n_jobs,
        cache=cache,
        description=description,
        progress=progress,
        backend=backend,
    )
    return Trials(_stack(results), n_trials)


def _check_points(function: Any, points: Any, seed: int | None) -> list[Mapping[str, Any]]:
    if not callable(function):
        raise TypeError(f"function must be callable; got {function!r}. Pass the function itself, not its result.")
    if isinstance(points, Mapping | str) or not isinstance(points, Iterable):
        raise TypeError(
            f"points must be a sequence of mappings; got {shorten(points)}. "
            "Write one mapping of keyword arguments per call: [{'n': n} for n in (10, 100)]."
        )
    given = list(points)
    if not given:
        raise ValueError("points must hold at least one mapping; got an empty sequence. Give the sweep a point.")
    if seed is not None:
        randomness.seed_sequence(seed)
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):  # builtins need not have one
        signature = None
    for index, point in enumerate(given):
        _check_point(f"points[{index}]", point, signature, seed)
    return given


def _check_point(label: str, point: Any, signature: inspect.Signature | None, seed: int | None) -> None:
    if not isinstance(point, Mapping) or not all(isinstance(key, str) for key in point):
        raise TypeError(
            f"{label} must be a mapping of argument names to values; got {shorten(point)}. Write {{'n': 10}} for n=10."
        )
    if seed is not None and "rng" in point:
        raise ValueError(
            f"{label} must not hold 'rng' where seed is given; got both. Leave out one: seed makes a generator for "
            "each point."
        )
    if signature is not None:
        try:
            signature.bind(**point, **({} if seed is None else {"rng": None}))
        except TypeError as error:
            raise TypeError(
                f"{label} must fit the arguments of function, {signature}; got {describe(point)}: {error}. "
                "With a seed, function also receives rng."
            ) from None


def _check_settings(n_jobs: Any, cache: Any, description: Any, progress: Any) -> None:
    if n_jobs is not None and (isinstance(n_jobs, bool) or not isinstance(n_jobs, numbers.Integral)):
        raise TypeError(f"n_jobs must be an integer or None; got {n_jobs!r}. Use -1 for all cores.")
    if n_jobs == 0:
        raise ValueError("n_jobs must not be 0; got 0. Use 1 for no workers, -1 for all cores.")
    if not (cache is None or isinstance(cache, bool | str | os.PathLike)):
        raise TypeError(
            f"cache must be a folder, True or None; got {cache!r}. True stands for the package's own folder."
        )
    if not (description is None or isinstance(description, str)):
        raise TypeError(
            f"description must be a string or None; got {description!r}. It stands before the progress bar."
        )
    if not (progress is None or isinstance(progress, bool)):
        raise TypeError(f"progress must be True, False or None; got {progress!r}. None decides by the surroundings.")


def _tasks(points: Sequence[Mapping[str, Any]], seed: int | None) -> list[Task]:
    if seed is None:
        return [Task(index, point, None) for index, point in enumerate(points)]
    try:
        numbered = _numbered(_digests.value_digest, points)
    except TypeError as error:
        raise TypeError(
            f"points must hold values whose content can be read, since the random streams depend on it; got {error}. "
            "Use numbers, strings, arrays or dataclasses, or pass the value by functools.partial."
        ) from error
    return [
        Task(index, point, (int(seed), content, replica))
        for index, (point, (content, replica)) in enumerate(zip(points, numbered, strict=True))
    ]


def _numbered(digest: Callable[[object], str], points: Sequence[object]) -> list[tuple[str, int]]:
    """Digest of each point and its number among equal points."""
    digests: dict[int, str] = {}  # by identity, so that a thousand replicas of one mapping are read once
    counts: Counter[str] = Counter()
    numbered = []
    for point in points:
        content = digests.setdefault(id(point), "") or digest(point)
        digests[id(point)] = content
        numbered.append((content, counts[content]))
        counts[content] += 1
    return numbered


def _store(cache: str | os.PathLike[str] | bool | None, function: Any, tasks: list[Task]) -> Store | None:
    if cache is None or cache is False:
        return None
    folder = outputs.cache_directory() / "sweeps" if cache is True else Path(cache)
    try:
        code = _digests.code_digest(function)
        numbered = _numbered(_digests.code_digest, [task.point for task in tasks])
    except TypeError as error:
        raise TypeError(
            f"cache must be None where the code or a point cannot be read; got {cache!r}, but {error}. "
            "Define the function in a file or a notebook, and pass what it needs as plain values."
        ) from error
    seeds = [None if task.stream is None else task.stream[0] for task in tasks]
    keys = [
        hashlib.sha256(f"{code} {content} {replica} {seed}".encode()).hexdigest()
        for (content, replica), seed in zip(numbered, seeds, strict=True)
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cache must be a folder that can be written to; got {cache!r}: {error}.") from error
    return Store(folder, keys)


def _stack(results: list[Any]) -> Any:
    if not isinstance(results[0], Mapping):
        return _stack_arrays("function", results)
    keys = set(results[0])
    for index, result in enumerate(results):
        if not isinstance(result, Mapping) or set(result) != keys:
            raise ValueError(
                f"function must return the same keys in every trial; got {shorten(result)} in trial {index} and "
                f"{sorted(keys)} in trial 0. Return a value for each key."
            )
    return {key: _stack_arrays(f"function's {key!r}", [result[key] for result in results]) for key in results[0]}


def _stack_arrays(label: str, values: list[Any]) -> Any:
    host = [arrays.to_numpy(value) for value in values]
    shapes = {array.shape for array in host}
    if len(shapes) > 1 or any(array.dtype.kind not in "biufc" for array in host):
        kinds = sorted({f"{array.dtype} {array.shape}" for array in host})
        raise ValueError(
            f"{label} must be numbers of one shape in every trial; got {kinds}. Use sweep for results of other kinds."
        )
    return np.stack(host)


def _over_entries(statistic: Callable[[Any], Any], values: Any) -> Any:
    if isinstance(values, Mapping):
        return {key: statistic(stacked) for key, stacked in values.items()}
    return statistic(values)
