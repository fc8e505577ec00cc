"""What each notebook depends on, as a doit task, and in plain words why it has to run.

A task is up to date when its code cells, the values of its parameters, the modules that it imports, the lock file and
the presence of its results are those of its last run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from theorylab.suite.closure import PackageGraph
from theorylab.suite.project import Cell, Notebook, Project
from theorylab.suite.store import ContentChecker, Records, open_dependency

__all__ = ["LOCK_FILE", "Plan", "PlannedNotebook"]

LOCK_FILE = "requirements.lock"


@dataclass(frozen=True)
class PlannedNotebook:
    """A notebook with the parameters of this run and everything that its results depend on.

    Parameters
    ----------
    notebook : Notebook
        The notebook.
    given : mapping
        Parameters to inject.
    signature : mapping
        Code cells, parameters and names taken from lazily loading packages, as plain JSON values.
    modules : mapping
        File relative to the root to module name, for the modules that it imports.
    """

    notebook: Notebook
    given: Mapping[str, Any]
    signature: Mapping[str, Any]
    modules: Mapping[str, str]

    @property
    def name(self) -> str:
        """Name of the notebook and of its task."""
        return self.notebook.name

    @property
    def parameters(self) -> Mapping[str, Any]:
        """All parameters of the run, also those that keep their default."""
        parameters: Mapping[str, Any] = self.signature["parameters"]
        return parameters

    @property
    def timing_key(self) -> str:
        """Under which the duration of a run is remembered: quick and full runs differ."""
        return "/".join(str(self.given[name]) for name in ("profile", "backend", "device"))


class Plan:
    """Tasks for some notebooks of a project under one set of parameters.

    Parameters
    ----------
    project : Project
        Where.
    notebooks : sequence of Notebook
        Which.
    given : mapping
        Parameters to inject into each, the standard ones among them.

    Raises
    ------
    UsageError
        If a notebook does not declare one of the parameters, before anything else is done.
    """

    def __init__(self, project: Project, notebooks: Sequence[Notebook], given: Mapping[str, Any]) -> None:
        self.project = project
        effective = {notebook.name: project.parameters(notebook, given) for notebook in notebooks}
        self._graph = PackageGraph(project.root, project.package)
        self.planned = {nb.name: self._planned(nb, given, effective[nb.name]) for nb in notebooks}
        self.dependency = open_dependency(project.root, project.state)
        self._lock_files = [LOCK_FILE] if (project.root / LOCK_FILE).is_file() else []

    @property
    def records(self) -> Records:
        """What is known of the last runs."""
        return self.dependency.backend

    @property
    def checker(self) -> ContentChecker:
        """Contents of files, each read once per run."""
        return self.dependency.checker

    def task(self, planned: PlannedNotebook, action: Callable[[], Any] | None = None) -> Any:
        """The doit task of a notebook.

        Parameters
        ----------
        planned : PlannedNotebook
            Which.
        action : callable, optional
            What runs it; a task without one can only be asked for its status.

        Returns
        -------
        doit.task.Task
            With the files of the last run as targets.
        """
        from doit.task import Task

        figures = self.project.figures.relative_to(self.project.root).as_posix()
        outputs = self.records.values(planned.name).get("outputs", [])
        return Task(
            planned.name,
            actions=[action] if action else None,
            file_dep=[*planned.modules, *self._lock_files],
            targets=[f"{figures}/{file}" for file in outputs],
            uptodate=[(_unchanged, [planned.signature])],
            io={"capture": False},  # capturing replaces sys.stdout for all threads
        )

    def is_up_to_date(self, planned: PlannedNotebook) -> bool:
        """Whether a notebook need not run."""
        return bool(self.dependency.get_status(self.task(planned), {}).status == "up-to-date")

    def content_key(self, planned: PlannedNotebook) -> str:
        """Hash of the code that the results depend on: the code cells and the imported modules."""
        code = [planned.signature["cells"], planned.signature["names"]]
        code += [[file, self.checker.digest(file)] for file in sorted(planned.modules)]
        return hashlib.sha256(json.dumps(code, sort_keys=True).encode()).hexdigest()[:16]

    def seconds(self) -> dict[str, float]:
        """Duration of the last run of each notebook under the conditions of this plan, where one is remembered."""
        times = {name: self.records.values(name).get("seconds", {}) for name in self.planned}
        keys = {name: planned.timing_key for name, planned in self.planned.items()}
        return {name: times[name][key] for name, key in keys.items() if key in times[name]}

    def changed_since_start(self, planned: PlannedNotebook) -> bool:
        """Whether the notebook's code or a module was edited after this plan was made."""
        now = Notebook(planned.notebook.chapter, planned.notebook.path)
        if [cell.digest for cell in now.code_cells] != planned.signature["cells"]:
            return True
        return any(self.checker.digest(file, fresh=True) != self.checker.digest(file) for file in planned.modules)

    def reasons(self, planned: PlannedNotebook) -> list[str]:
        """Why a notebook has to run, one plain sentence per reason; empty when it is up to date."""
        values = self.records.values(planned.name)
        if "failed" in values:
            return [f"its last run failed: {values['failed']}"]
        if values.get("signature") is None:
            return ["its last run was interrupted" if values else "it has not been run yet"]
        status = self.dependency.get_status(self.task(planned), {}, get_log=True)
        return [
            *_signature_reasons(planned, values["signature"]),
            *self._file_reasons(planned, status.reasons),
            *(f"{target} is missing" for target in status.reasons.get("missing_target", ())),
        ]

    def _file_reasons(self, planned: PlannedNotebook, reasons: Mapping[str, Sequence[str]]) -> list[str]:
        added, removed = reasons.get("added_file_dep", ()), reasons.get("removed_file_dep", ())
        changed = set(reasons.get("changed_file_dep", ())) - set(added)
        lines = [f"{_described(file, planned.modules)} changed" for file in sorted(changed)]
        lines += [f"it now depends on {_described(file, planned.modules)}" for file in added]
        lines += [f"it no longer depends on {file}" for file in removed]
        return lines

    def _planned(self, notebook: Notebook, given: Mapping[str, Any], effective: Mapping[str, Any]) -> PlannedNotebook:
        closure = self._graph.closure(cell.source for cell in notebook.code_cells)
        signature = {
            "cells": [cell.digest for cell in notebook.code_cells],
            "parameters": effective,
            "names": closure.names,
        }
        modules = {self._graph.relative_file(module): module for module in sorted(closure.modules)}
        return PlannedNotebook(notebook, given, json.loads(json.dumps(signature, default=_expression)), modules)


def _unchanged(task: Any, values: Mapping[str, Any], signature: Mapping[str, Any]) -> bool:
    """Up-to-date check for doit, which fills in the task and the values that its last run returned."""
    del task
    return values.get("signature") == signature


def _signature_reasons(planned: PlannedNotebook, before: Mapping[str, Any]) -> list[str]:
    lines = []
    cells = planned.notebook.code_cells
    if len(cells) != len(before["cells"]):
        lines.append(f"code cells were added or removed: {len(before['cells'])} before, {len(cells)} now")
    else:
        changed = [number for number, cell in enumerate(cells) if cell.digest != before["cells"][number]]
        lines += [f"{_cell_described(cells[number], number)} changed" for number in changed]
    for name in sorted({*planned.signature["parameters"], *before["parameters"]}):
        old, new = (side.get(name, "not there") for side in (before["parameters"], planned.signature["parameters"]))
        lines += [f"parameter {name}: {old!r} before, {new!r} now"] * (old != new)
    for name in sorted({*planned.signature["names"], *before["names"]}):
        old, new = (side.get(name, "nowhere") for side in (before["names"], planned.signature["names"]))
        lines += [f"{name} came from {old} before, from {new} now"] * (old != new)
    return lines


def _cell_described(cell: Cell, number: int) -> str:
    heading = f' under "{cell.heading}"' if cell.heading else ""
    return f"code cell {number + 1} ({cell.id}){heading}"


def _described(file: str, modules: Mapping[str, str]) -> str:
    return f"{modules[file]} ({file})" if file in modules else file


def _expression(value: Any) -> Any:
    """JSON form of a default that is not a JSON value, such as an expression or a complex number."""
    return {"expression": sorted(map(repr, value)) if isinstance(value, (set, frozenset)) else repr(value)}
