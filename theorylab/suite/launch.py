"""Start notebooks in processes of their own and put what they made in its place.

Everything that a notebook writes goes to a staging folder; only when the notebook has run to its end do its files move
to their final names, each in one step and the executed notebook last.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from theorylab.outputs import atomic_path
from theorylab.suite.project import Notebook, Project

__all__ = ["ONE_THREAD", "Launcher", "NotebookError", "StagedRun", "put_in_place", "remove_files"]

#: One notebook, one core: parallelism is the build's business.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(eq=False)
class NotebookError(Exception):
    """What stopped a notebook, and where.

    Parameters
    ----------
    notebook : str
        Name of the notebook.
    error : str
        What happened, in one line.
    heading, cell : str
        Nearest heading above the cell, and the id of the cell; empty where no cell is to blame.
    parameters : mapping
        Parameters of the run.
    traceback : tuple of str
        Its last lines.
    kept : str
        File that holds the notebook as far as it came; empty where there is none.
    """

    notebook: str
    error: str
    heading: str = ""
    cell: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    traceback: tuple[str, ...] = ()
    kept: str = ""

    def __str__(self) -> str:
        """Several lines for a terminal."""
        where = [f'under "{self.heading}"'] * bool(self.heading) + [f"cell {self.cell}"] * bool(self.cell)
        lines = [f"FAILED {self.notebook}" + (f" ({', '.join(where)})" if where else "")]
        lines += [f"  {self.error}"]
        lines += ["  parameters: " + ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())]
        lines += [f"  | {line}" for line in self.traceback]
        lines += [f"  as far as it came: {self.kept}"] * bool(self.kept)
        return "\n".join(lines)


@dataclass(frozen=True)
class StagedRun:
    """A notebook that ran to its end.

    Parameters
    ----------
    folder : Path
        Staging folder with everything that it wrote.
    files : tuple of str
        Its files relative to `folder`, the executed notebook last.
    """

    folder: Path
    files: tuple[str, ...]


class Launcher:
    """Runs notebooks of a project; used from several threads at a time.

    Parameters
    ----------
    project : Project
        Whose notebooks are run.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.staging = project.state / "staging"
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False
        self._lock = threading.Lock()

    def clear_staging(self) -> None:
        """Remove what a killed run left behind."""
        shutil.rmtree(self.staging, ignore_errors=True)

    def run(self, notebook: Notebook, *, parameters: Mapping[str, Any], closure: Iterable[str], key: str) -> StagedRun:
        """Execute a notebook into its staging folder.

        Parameters
        ----------
        notebook : Notebook
            What to run.
        parameters : mapping
            Parameters to inject.
        closure : iterable of str
            Files below the root that it may load.
        key : str
            Content key of its code, for the provenance of its results.

        Returns
        -------
        StagedRun
            Its files.

        Raises
        ------
        NotebookError
            If it did not run to its end, or wrote outside its chapter.
        """
        # The process id keeps a process that a killed build has left behind away from the files of this run.
        scratch = self.staging / str(os.getpid()) / notebook.chapter / notebook.stem
        output = scratch / "output"
        executed = output / notebook.chapter / f"{notebook.stem}.ipynb"
        executed.parent.mkdir(parents=True)
        spec = {
            "notebook": str(notebook.path),
            "name": notebook.name,
            "executed": str(executed),
            "parameters": dict(parameters),
            "package": self.project.package,
            "root": str(self.project.root),
            "closure": sorted(closure),
        }
        (scratch / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
        code = self._execute(notebook, scratch, self._environment(output, parameters, key))
        result = self._result(scratch, code)
        if not result["ok"]:
            raise self._failure(notebook, parameters, result, executed)
        return StagedRun(output, self._written(notebook, parameters, output))

    def stop(self) -> None:
        """Kill every running notebook; its kernel follows within a second."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _kill(process)

    def _execute(self, notebook: Notebook, scratch: Path, environment: dict[str, str]) -> int:
        command = [sys.executable, "-P", "-m", "theorylab.suite.execute", str(scratch / "spec.json")]
        with (scratch / "log.txt").open("wb") as log, self._lock:
            if self._stopped:
                return -signal.SIGKILL
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # closes when this process dies, and ends the child
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=notebook.path.parent,
                env=environment,
                start_new_session=True,  # a Ctrl-C in the terminal is handled here
            )
            self._running.add(process)
        with process:
            code = process.wait()
        with self._lock:
            self._running.discard(process)
        return code

    def _environment(self, output: Path, parameters: Mapping[str, Any], key: str) -> dict[str, str]:
        own = {name: parameters[name] for name in ("profile", "seed", "backend", "device") if name in parameters}
        provenance = {**own, "parameters": dict(parameters), "content_key": key}
        search_path = [str(self.project.root), os.environ.get("PYTHONPATH", "")]
        return {
            **os.environ,
            **dict.fromkeys(ONE_THREAD, "1"),
            "PYTHONPATH": os.pathsep.join(filter(None, search_path)),
            "PYTHONHASHSEED": "0",
            "THEORYLAB_OUTPUT": str(output),
            "THEORYLAB_PROVENANCE": json.dumps(provenance, sort_keys=True),
            "THEORYLAB_PROGRESS": "off",
        }

    def _result(self, scratch: Path, code: int) -> dict[str, Any]:
        """Result of the child, or what can be said of one that died without leaving any."""
        path = scratch / "result.json"
        if path.is_file():
            result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return result
        log = (scratch / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit status {code}"
        return {"ok": False, "error": f"the process of the notebook {how}", "traceback": log[-12:]}

    def _failure(
        self, notebook: Notebook, parameters: Mapping[str, Any], result: dict[str, Any], executed: Path
    ) -> NotebookError:
        kept = ""
        if executed.is_file():
            target = self.project.state / "failed" / notebook.chapter / executed.name
            target.parent.mkdir(parents=True, exist_ok=True)
            executed.replace(target)
            kept = target.relative_to(self.project.root).as_posix()
        return NotebookError(
            notebook.name,
            result["error"],
            heading=result.get("heading", ""),
            cell=result.get("cell", ""),
            parameters=parameters,
            traceback=tuple(result.get("traceback", ())),
            kept=kept,
        )

    def _written(self, notebook: Notebook, parameters: Mapping[str, Any], output: Path) -> tuple[str, ...]:
        files = sorted(path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file())
        outside = [file for file in files if not file.startswith(f"{notebook.chapter}/")]
        if outside:
            raise NotebookError(
                notebook.name,
                f"it wrote {', '.join(outside)}; a notebook of this chapter writes below {notebook.chapter}/ only",
                parameters=parameters,
            )
        last = f"{notebook.chapter}/{notebook.stem}.ipynb"
        return (*(file for file in files if file != last), last)


def put_in_place(run: StagedRun, figures: Path) -> None:
    """Move the files of a run to their final names, in their order.

    Parameters
    ----------
    run : StagedRun
        Files of a notebook that ran to its end.
    figures : Path
        Folder of all results.
    """
    for file in run.files:
        target = figures / file
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            (run.folder / file).replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with atomic_path(target) as temporary:  # figures/ may be a link to another disk
                shutil.copyfile(run.folder / file, temporary)


def remove_files(root: Path, files: Iterable[str]) -> list[str]:
    """Delete files below a root, and the folders that this empties.

    Parameters
    ----------
    root : Path
        Where the files are; it stays.
    files : iterable of str
        Relative paths.

    Returns
    -------
    list of str
        Those that were there.
    """
    removed = []
    for file in files:
        path = root / file
        if path.is_file():
            path.unlink()
            removed.append(file)
        for folder in path.parents:
            if folder == root or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()
    return removed


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
