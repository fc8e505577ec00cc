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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theorylab.outputs import atomic_path
from theorylab.suite.plan import PlannedNotebook
from theorylab.suite.project import STANDARD_PARAMETERS, Notebook, Project

__all__ = ["ONE_THREAD", "Launcher", "NotebookError", "StagedRun", "put_in_place", "remove_files"]

#: One notebook, one core: parallelism is the build's business.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_GRACE_SECONDS = 10


@dataclass(eq=False)
class NotebookError(Exception):
    """What stopped a notebook, and where.

    Parameters
    ----------
    notebook : str
        Name of the notebook.
    error : str
        What happened, in one line.
    parameters : mapping
        Parameters of the run.
    heading, cell : str
        Nearest heading above the cell, and the id of the cell; empty where no cell is to blame.
    traceback : sequence of str
        Its last lines.
    kept : str
        File that holds the notebook as far as it came; empty where there is none.
    """

    notebook: str
    error: str
    parameters: Mapping[str, Any]
    heading: str = ""
    cell: str = ""
    traceback: Sequence[str] = ()
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

    def run(self, item: PlannedNotebook, *, key: str) -> StagedRun:
        """Execute a notebook into its staging folder.

        Parameters
        ----------
        item : PlannedNotebook
            What to run, under which parameters, and what it may load.
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
        notebook = item.notebook
        # The process id keeps a process that a killed build has left behind away from the files of this run.
        scratch = self.staging / str(os.getpid()) / notebook.chapter / notebook.stem
        output = scratch / "output"
        executed = output / notebook.chapter / f"{notebook.stem}.ipynb"
        executed.parent.mkdir(parents=True)
        spec = {
            "notebook": str(notebook.path),
            "executed": str(executed),
            "parameters": dict(item.given),
            "package": self.project.package,
            "root": str(self.project.root),
            "closure": sorted(item.modules),
        }
        (scratch / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
        code = self._execute(notebook, scratch, self._environment(output, item, key))
        result = self._result(scratch, code)
        kept = self.project.state / "failed" / notebook.chapter / executed.name
        if not result.pop("ok"):
            raise NotebookError(notebook.name, parameters=item.parameters, kept=self._keep(executed, kept), **result)
        kept.unlink(missing_ok=True)
        return StagedRun(output, self._written(item, output))

    def stop(self) -> None:
        """End every running notebook; its kernel follows within a second."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            if process.stdin is not None:
                process.stdin.close()  # the child takes this for the end of its parent, and tidies up
        for process in running:
            try:
                process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()

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

    def _environment(self, output: Path, item: PlannedNotebook, key: str) -> dict[str, str]:
        conditions = {name: item.parameters[name] for name in STANDARD_PARAMETERS}
        provenance = {**conditions, "parameters": dict(item.parameters), "content_key": key}
        search_path = [str(self.project.root), os.environ.get("PYTHONPATH", "")]
        return {
            **os.environ,
            **dict.fromkeys(ONE_THREAD, "1"),
            "PYTHONPATH": os.pathsep.join(filter(None, search_path)),
            "PYTHONHASHSEED": "0",  # the order of a set of strings may end up in a result
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

    def _keep(self, executed: Path, kept: Path) -> str:
        """Keep a notebook that failed, as far as it came, for whoever looks into it."""
        if not executed.is_file():
            return ""
        kept.parent.mkdir(parents=True, exist_ok=True)
        executed.replace(kept)
        return kept.relative_to(self.project.root).as_posix()

    def _written(self, item: PlannedNotebook, output: Path) -> tuple[str, ...]:
        chapter = item.notebook.chapter
        files = sorted(path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file())
        outside = [file for file in files if not file.startswith(f"{chapter}/")]
        if outside:
            error = f"it wrote {', '.join(outside)}; a notebook of this chapter writes below {chapter}/ only"
            raise NotebookError(item.name, error, item.parameters)
        last = f"{item.name}.ipynb"
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
