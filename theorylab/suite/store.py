"""What the build remembers between runs: doit's records, in one JSON file that is only ever whole.

doit writes its database when a run ends; here it is written after every notebook, so that a killed run loses nothing
that was finished.  Files count by content alone: a changed modification time is no change, and an unchanged one no
proof of the same content.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from theorylab.outputs import write_atomic
from theorylab.suite.project import UsageError

__all__ = ["ContentChecker", "Records", "build_lock", "open_dependency"]


class Records:
    """Database backend for doit: a dict per task, in a JSON file replaced in one step.

    Parameters
    ----------
    name : str
        Path of the file.  What is not readable counts as empty: everything is then run again.
    codec : object, optional
        Ignored; doit passes one.
    module_name : str, optional
        Ignored; doit passes one.
    """

    def __init__(self, name: str, codec: Any = None, *, module_name: str | None = None) -> None:
        del codec, module_name
        self.name = name
        self._lock = threading.RLock()  # worker threads put results in place while the main one saves others
        self._changed = False
        try:
            self._tasks: dict[str, dict[str, Any]] = json.loads(Path(name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._tasks = {}

    @property
    def task_names(self) -> list[str]:
        """Tasks that have a record."""
        return sorted(self._tasks)

    def get(self, task_id: str, dependency: str) -> Any:
        """Saved value, or None."""
        return self._tasks.get(task_id, {}).get(dependency)

    def set(self, task_id: str, dependency: str, value: Any) -> None:
        """Keep a value until it is replaced; it is on disk after :meth:`dump`."""
        with self._lock:
            self._tasks.setdefault(task_id, {})[dependency] = value
            self._changed = True

    def in_(self, task_id: str) -> bool:
        """Whether the task has a record."""
        return task_id in self._tasks

    def remove(self, task_id: str) -> None:
        """Forget a task."""
        with self._lock:
            self._changed |= self._tasks.pop(task_id, None) is not None

    def remove_all(self) -> None:
        """Forget every task."""
        with self._lock:
            self._tasks.clear()
            self._changed = True

    def dump(self) -> None:
        """Write the file, if anything changed."""
        with self._lock:
            if self._changed:
                write_atomic(self.name, json.dumps(self._tasks, indent=1, sort_keys=True))
                self._changed = False

    def values(self, task_id: str) -> dict[str, Any]:
        """What the action of a task returned last."""
        return self.get(task_id, "_values_:") or {}

    def keep_only(self, task_id: str, values: dict[str, Any]) -> None:
        """Replace the record of a task by values that make it out of date, and write the file."""
        with self._lock:
            self.remove(task_id)
            self.set(task_id, "_values_:", values)
            self.dump()


class ContentChecker:
    """File checker for doit that compares contents; paths are relative to the root of the project.

    Parameters
    ----------
    root : Path
        Root of the project.
    """

    CheckerError = OSError

    def __init__(self, root: Path) -> None:
        self.root = root
        self._digests: dict[str, str] = {}

    def digest(self, path: str, *, fresh: bool = False) -> str:
        """SHA-256 of a file as it was when first asked for in this run, or as it is now."""
        if fresh:
            return hashlib.sha256((self.root / path).read_bytes()).hexdigest()
        if path not in self._digests:
            self._digests[path] = self.digest(path, fresh=True)
        return self._digests[path]

    def exists(self, path: str) -> bool:
        """Whether a target is there."""
        return (self.root / path).is_file()

    def info(self, path: str) -> os.stat_result:
        """What doit hands back to :meth:`check_modified`; raises OSError for a missing file."""
        return (self.root / path).stat()

    def check_modified(self, path: str, file_stat: Any, state: str) -> bool:
        """Whether the content differs from the saved digest."""
        del file_stat
        return self.digest(path) != state

    def get_state(self, path: str, current_state: str | None) -> str | None:
        """Digest to save after a success, None where it is the saved one.

        It is the digest from the beginning of the run: what was edited while a notebook ran counts as changed.
        """
        digest = self.digest(path)
        return None if digest == current_state else digest


def open_dependency(root: Path, state: Path) -> Any:
    """Dependency manager of doit on the records of a project.

    Parameters
    ----------
    root : Path
        Root of the project.
    state : Path
        Folder of the records.

    Returns
    -------
    doit.dependency.Dependency
        Its ``backend`` is a :class:`Records`, its ``checker`` a :class:`ContentChecker`.
    """
    from doit.dependency import Dependency

    return Dependency(Records, str(state / "doit.json"), checker_cls=partial(ContentChecker, root))


@contextmanager
def build_lock(state: Path) -> Iterator[None]:
    """Hold the right to build in a project; the system gives it back when the process dies, however it dies.

    Parameters
    ----------
    state : Path
        Folder of the build's own files.

    Raises
    ------
    UsageError
        If another process is building here.
    """
    try:
        import fcntl
    except ImportError:  # not a POSIX system: builds are not kept apart there
        yield
        return
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"another build is running in {state.parent}. Wait for it, or stop it.") from None
        yield
