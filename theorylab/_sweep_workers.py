"""Calls at many points, here or in the workers of any joblib backend, with one BLAS thread each."""

from __future__ import annotations

import contextlib
import functools
import importlib
import itertools
import pickle
import reprlib
import sys
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import joblib

from . import randomness

__all__ = ["SweepError", "Task", "compute", "describe", "shorten"]


class SweepError(RuntimeError):
    """An error in a worker process: the cause of what is raised here, with the traceback from there.

    It is raised itself, with the text of the original, where the original cannot travel between processes.
    """


@dataclass(frozen=True)
class Task:
    """One call of a sweep.

    Parameters
    ----------
    index : int
        Position of the point.
    point : mapping
        Keyword arguments of the call.
    stream : tuple of int, str, int; or None
        Seed, content and replica number that the random stream hangs on; None for a call without ``rng``.
    """

    index: int
    point: Mapping[str, Any]
    stream: tuple[int, str, int] | None


def compute(
    function: Callable[..., Any],
    tasks: list[Task],
    take: Callable[[int, Any], None],
    n_jobs: int | None,
    backend: Any,
) -> None:
    """Call `function` for every task and hand each result to `take` as it becomes ready.

    An error of either stops the flow: no new call is begun, the results of those that are under way are still taken,
    and then the first error is raised.

    Parameters
    ----------
    function : callable
        What is called.
    tasks : list of Task
        The calls.
    take : callable
        Called here with index and result of each task, in any order.
    n_jobs, backend
        As in :func:`theorylab.sweeps.sweep`.

    Raises
    ------
    Exception
        Whatever `function` or `take` raises.
    """
    with _one_blas_thread():  # here too, or threads that end at different times would lift each other's limit
        workers, portion = _workers(n_jobs, backend)
        if workers.n_jobs == 1:
            for task in tasks:
                take(task.index, _call(function, task))
            return
        failures: list[tuple[Exception, str | None]] = []
        # joblib takes the next call when a worker is free, so that a failure stops the flow
        calls = (joblib.delayed(_attempt)(function, task) for task in tasks if not failures)
        with contextlib.closing(_outcomes(workers, portion, calls)) as outcomes:
            for index, result, failure in outcomes:
                if failure is not None:
                    failures.append(failure)
                    continue
                try:
                    take(index, result)
                except Exception as error:
                    failures.append((error, None))
        if failures:
            first, text = failures[0]
            raise first from (first.__cause__ if text is None else SweepError(f"\n{text}"))


def describe(point: Mapping[str, Any]) -> str:
    """Text for messages, with arrays by their shape.

    Parameters
    ----------
    point : mapping
        Keyword arguments of a call.

    Returns
    -------
    str
        ``"n=10, ridge=0.1"``.
    """
    return ", ".join(f"{key}={shorten(value)}" for key, value in point.items()) or "no arguments"


def shorten(value: Any) -> str:
    """Text of a value for messages, of bounded length.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    str
        The shape of an array, the shortened ``repr`` of anything else.
    """
    shape = getattr(value, "shape", ())
    return f"<{type(value).__name__} of shape {tuple(shape)}>" if shape else reprlib.repr(value)


def _call(function: Callable[..., Any], task: Task) -> Any:
    arguments = dict(task.point)
    if task.stream is not None:
        seed, content, replica = task.stream
        arguments["rng"] = randomness.generator(seed, "sweep", content, replica)
    try:
        with _one_blas_thread():
            return function(**arguments)
    except Exception as error:
        error.add_note(f"This happened at points[{task.index}] of the sweep: {describe(task.point)}.")
        raise


def _attempt(function: Callable[..., Any], task: Task) -> tuple[int, Any, tuple[Exception, str] | None]:
    """Result of a call in a worker, or its error, returned so that the other workers may finish."""
    try:
        return task.index, _call(function, task), None
    except Exception as error:
        return task.index, None, (_portable(error), traceback.format_exc())


def _portable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        portable = SweepError(f"{type(error).__name__}: {error}")
        for note in getattr(error, "__notes__", []):
            portable.add_note(note)
        return portable
    return error


def _outcomes(workers: Any, portion: int | None, calls: Iterator[Any]) -> Generator[Any]:
    if portion is None:
        yield from workers(calls)
        return
    with workers:  # one pool for all portions
        while some := list(itertools.islice(calls, portion)):
            yield from workers(some)


def _workers(n_jobs: int | None, backend: Any) -> tuple[Any, int | None]:
    """A joblib.Parallel; and, where it hands over results only at the end, how many calls it should get at a time."""
    try:
        if backend == "ray":
            importlib.import_module("ray.util.joblib").register_ray()
        with contextlib.nullcontext() if backend is None else joblib.parallel_config(backend=backend):
            # one call at a time: in a batch, results that are ready would wait for the slowest
            settings = {"n_jobs": n_jobs, "batch_size": 1}
            try:
                return joblib.Parallel(**settings, return_as="generator_unordered"), None
            except ValueError:
                return joblib.Parallel(**settings), 4 * joblib.effective_n_jobs(n_jobs)
    except ImportError as error:
        raise ImportError(f"backend={backend!r} must be installed; got: {error}. Try pip install {backend}.") from error
    except ValueError as error:
        raise ValueError(f"backend must be a joblib backend that is ready for use; got {backend!r}: {error}") from error


@contextlib.contextmanager
def _one_blas_thread() -> Iterator[None]:
    with _thread_pools(len(sys.modules)).limit(limits=1):
        yield


@functools.lru_cache(maxsize=1)
def _thread_pools(n_modules: int) -> Any:  # noqa: ARG001
    # looking the libraries up takes milliseconds, and is due only when an import may have brought a new one
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
