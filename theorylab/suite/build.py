"""Bring the results of notebooks up to date: doit decides what runs and remembers it, papermill runs it.

A failed notebook does not stop the others.  A notebook's record is taken back before its results are replaced and
written again after the last of them, so a build that is killed at any moment knows afterwards what is not finished.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from theorylab.suite.launch import Launcher, NotebookError, StagedRun, put_in_place, remove_files
from theorylab.suite.plan import Plan, PlannedNotebook
from theorylab.suite.progress import Progress

__all__ = ["Build", "Outcome"]


@dataclass
class Outcome:
    """What a build did.

    Parameters
    ----------
    ran : list of str
        Notebooks that ran to their end.
    up_to_date : list of str
        Notebooks that did not have to run.
    failures : dict of str to NotebookError
        Notebooks that crashed.
    edited : list of str
        Notebooks whose code changed while they ran; they will run again.
    """

    ran: list[str] = field(default_factory=list)
    up_to_date: list[str] = field(default_factory=list)
    failures: dict[str, NotebookError] = field(default_factory=dict)
    edited: list[str] = field(default_factory=list)


class Build:
    """One run of the notebooks of a plan.

    Parameters
    ----------
    plan : Plan
        Notebooks and what they depend on.
    jobs : int
        Notebooks at a time.
    progress : Progress
        Who is told.
    """

    def __init__(self, plan: Plan, *, jobs: int, progress: Progress) -> None:
        self.plan = plan
        self.jobs = jobs
        self.progress = progress
        self.outcome = Outcome()
        self._launcher = Launcher(plan.project)
        self._placing = threading.Lock()
        self._pending: set[str] = set()
        self._placed: set[str] = set()
        self._known: dict[str, dict[str, Any]] = {}

    def run(self) -> Outcome:
        """Run what is out of date, longest first.

        Returns
        -------
        Outcome
            Also of the notebooks that failed; only an interrupt is raised.
        """
        waiting = [item for item in self.plan.planned.values() if not self.plan.is_up_to_date(item)]
        self._pending = {item.name for item in waiting}
        self.outcome.up_to_date = [name for name in self.plan.planned if name not in self._pending]
        if waiting:
            # The longest first, those never run before all: a long one that starts last keeps the rest idle.
            waiting.sort(key=lambda item: -(self._expected(item) or float("inf")))
            self._launcher.clear_staging()
            self.progress.begin(len(waiting), self._expected_total(waiting))
            try:
                self._run_tasks(waiting)
            finally:
                self._launcher.stop()
                self._launcher.clear_staging()
                self.progress.end()
        return self.outcome

    def _run_tasks(self, waiting: list[PlannedNotebook]) -> None:
        from doit.control import TaskControl
        from doit.runner import MThreadRunner
        from doit.task import Stream

        control = TaskControl([self.plan.task(item, partial(self._execute, item)) for item in waiting])
        control.process(None)
        # Threads also for one job: the main thread then waits where an interrupt reaches it.
        runner = MThreadRunner(
            self.plan.dependency, _Reporter(self), continue_=True, stream=Stream(0), num_process=self.jobs
        )
        runner.run_all(control.task_dispatcher())

    def _execute(self, item: PlannedNotebook) -> Any:
        """Action of a task, in a worker thread: the values that doit keeps, or its mark of a failure."""
        from doit.exceptions import TaskFailed

        start = time.perf_counter()
        self.progress.started(item.name, self._expected(item))
        try:
            run = self._launcher.run(item, key=self.plan.content_key(item))
            return self._place(item, run, time.perf_counter() - start)
        except NotebookError as error:
            failure = error
        except Exception as error:  # a full disk, say: it is this notebook's failure and nobody else's
            lines = tuple(traceback.format_exc().splitlines()[-6:])
            failure = NotebookError(item.name, f"{type(error).__name__}: {error}", item.parameters, traceback=lines)
        self.outcome.failures[item.name] = failure
        return TaskFailed(failure.error)

    def _place(self, item: PlannedNotebook, run: StagedRun, seconds: float) -> dict[str, Any]:
        """Put the results of a run in place, one notebook at a time."""
        records, name, files = self.plan.records, item.name, list(run.files)
        with self._placing:
            self._refuse_shared_files(item, files)
            before = records.values(name)
            seconds_by_key = {**before.get("seconds", {}), item.timing_key: round(seconds, 2)}
            old = before.get("outputs", [])
            self._known[name] = {"outputs": sorted({*old, *files}), "seconds": seconds_by_key}
            records.keep_only(name, self._known[name])
            put_in_place(run, self.plan.project.figures)
            remove_files(self.plan.project.figures, set(old) - set(files))
            self._placed.add(name)
            self._known[name] = {"outputs": files, "seconds": seconds_by_key}
            records.set(name, "_values_:", self._known[name])
        edited = self.plan.changed_since_start(item)
        if edited:
            self.outcome.edited.append(name)
        signature = None if edited else item.signature
        return {"signature": signature, "outputs": files, "seconds": seconds_by_key}

    def _refuse_shared_files(self, item: PlannedNotebook, files: list[str]) -> None:
        """Fail when another notebook has made one of the files; take over what one will not make again."""
        records = self.plan.records
        exists = {notebook.name for notebook in self.plan.project.notebooks}
        for other in records.task_names:
            values = records.values(other)
            shared = sorted(set(files) & set(values.get("outputs", [])))
            if other == item.name or not shared:
                continue
            as_before = other in exists and other not in self._pending and values.get("signature")
            if other in self._placed or as_before:
                raise NotebookError(
                    item.name,
                    f"it wrote {', '.join(shared)}, which {other} writes too; give each its own name "
                    "(or run both, if the other no longer writes it)",
                    item.parameters,
                )
            kept = [file for file in values["outputs"] if file not in shared]
            records.set(other, "_values_:", {**values, "outputs": kept})
            if other in self._known:
                self._known[other]["outputs"] = kept

    def _expected(self, item: PlannedNotebook) -> float | None:
        """Seconds that the notebook took last time under the same profile, backend and device."""
        seconds: Mapping[str, float] = self.plan.records.values(item.name).get("seconds", {})
        return seconds.get(item.timing_key)

    def _expected_total(self, waiting: list[PlannedNotebook]) -> float | None:
        times = [self._expected(item) for item in waiting]
        known = [seconds for seconds in times if seconds is not None]
        if len(known) < len(times):
            return None
        return max(sum(known) / self.jobs, *known)

    def succeeded(self, name: str, seconds: float) -> None:
        """A notebook is done and its record is in memory: write it, so that a killed build does not lose it."""
        self._pending.discard(name)
        self.plan.records.dump()
        self.outcome.ran.append(name)
        self.progress.finished(name, seconds)

    def failed(self, name: str, message: str) -> None:
        """A notebook failed, and doit has forgotten it: keep what is known of its files and times."""
        self._pending.discard(name)
        failure = self.outcome.failures.setdefault(
            name, NotebookError(name, message, self.plan.planned[name].parameters)
        )
        self.plan.records.keep_only(name, {**self._known.get(name, {}), "failed": failure.error})
        self.progress.failed(failure)

    def remember(self, name: str) -> None:
        """Note a record before its notebook runs, since doit drops the record of one that fails."""
        values = self.plan.records.values(name)
        self._known[name] = {key: values[key] for key in ("outputs", "seconds") if key in values}


class _Reporter:
    """Passes doit's events on to a build; doit asks for every one of these methods."""

    def __init__(self, build: Build) -> None:
        self._build = build

    def get_status(self, task: Any) -> None:
        self._build.remember(task.name)

    def execute_task(self, task: Any) -> None:
        pass

    def add_success(self, task: Any) -> None:
        self._build.succeeded(task.name, task.values["seconds"][self._build.plan.planned[task.name].timing_key])

    def add_failure(self, task: Any, fail: Any) -> None:
        self._build.failed(task.name, fail.get_msg().strip())

    def runtime_error(self, message: str) -> None:
        raise RuntimeError(message)

    def cleanup_error(self, fail: Any) -> None:
        raise RuntimeError(fail.get_msg())

    skip_uptodate = skip_ignore = teardown_task = execute_task

    def complete_run(self) -> None:
        pass
