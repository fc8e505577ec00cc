"""Remove what the build has made, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from theorylab.suite.launch import remove_files
from theorylab.suite.project import Project
from theorylab.suite.store import Records

__all__ = ["clean_project", "orphaned_files"]

#: What the build writes; another file in figures/ is somebody's own and stays, unless a notebook made it.
_RESULTS = (".svg", ".png", ".html", ".claim.json", ".ipynb")


def clean_project(project: Project, *, only_stale: bool, dry_run: bool) -> list[str]:
    """Remove results, and with all of them the build's memory.

    Parameters
    ----------
    project : Project
        Which.
    only_stale : bool
        Only results that no notebook of the project makes.
    dry_run : bool
        Change nothing.

    Returns
    -------
    list of str
        One line per file that was, or would be, removed, and per file that was left because it is not a result.
    """
    records = Records(str(project.state / "doit.json"))
    orphans = orphaned_files(project, records)
    made = orphans if only_stale else sorted({*orphans, *_owned(project, records)})
    doomed = [file for file in made if (project.figures / file).is_file()]
    verb = "would remove" if dry_run else "removed"
    report = [f"{verb} figures/{file}" for file in doomed]
    if not dry_run:
        remove_files(project.figures, doomed)
        _forget_gone(project, records)
    if not only_stale:
        left = [file for file in _files(project) if file not in doomed and file not in _committed(project)]
        report += [f"left figures/{file}: not made by the build" for file in left]
        report += _clean_state(project, dry_run=dry_run)
    return report


def orphaned_files(project: Project, records: Records) -> list[str]:
    """Results that no notebook of the project makes: of notebooks that are gone, or of runs by hand.

    Parameters
    ----------
    project : Project
        Which.
    records : Records
        What the notebooks made.

    Returns
    -------
    list of str
        Files relative to ``figures/``; committed files are not among them.
    """
    owned = _owned(project, records)
    of_gone = {file for name in records.task_names for file in records.values(name).get("outputs", ())}
    results = {file for file in _files(project) if "/" in file and file.endswith(_RESULTS)}
    return sorted((of_gone | results) - owned - _committed(project))


def _owned(project: Project, records: Records) -> set[str]:
    return {file for notebook in project.notebooks for file in records.values(notebook.name).get("outputs", ())}


def _forget_gone(project: Project, records: Records) -> None:
    existing = {notebook.name for notebook in project.notebooks}
    for name in records.task_names:
        if name not in existing:
            records.remove(name)
    records.dump()


def _files(project: Project) -> list[str]:
    return sorted(p.relative_to(project.figures).as_posix() for p in project.figures.rglob("*") if p.is_file())


def _committed(project: Project) -> set[str]:
    """Files below figures/ that git tracks; only the top level is taken for committed where git cannot be asked."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--", "."], cwd=project.figures, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return {file for file in _files(project) if "/" not in file}
    return {file for file in listed.stdout.split("\0") if file}


def _clean_state(project: Project, *, dry_run: bool) -> list[str]:
    """Remove the state folder but for the lock that this process holds."""
    report = []
    for path in sorted(project.state.iterdir()) if project.state.is_dir() else []:
        if path.name == "lock":
            continue
        report.append(f"{'would remove' if dry_run else 'removed'} {_relative(path, project.root)}")
        if not dry_run:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return report


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() + ("/" if path.is_dir() else "")
