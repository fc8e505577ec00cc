"""Write the pages, let Sphinx render them, check the result and publish it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from theorylab.suite.project import Project
from theorylab.suite.report import check, publish, staging
from theorylab.suite.report.results import Results

__all__ = ["RenderError", "render"]


class RenderError(Exception):
    """The site could not be rendered; what was published before is still there."""


def render(
    project: Project,
    *,
    figures: Path | None = None,
    output: Path | None = None,
    work: Path | None = None,
    seconds: Mapping[str, float] | None = None,
    stale: Mapping[str, str] | None = None,
    jobs: int = 2,
) -> Path:
    """Render the site from finished results, without running a notebook.

    Parameters
    ----------
    project : Project
        Whose documentation and package it is.
    figures : Path, optional
        Results; those of the project by default.
    output : Path, optional
        Where the site appears, whole or not at all; ``site/`` of the project by default.
    work : Path, optional
        Where pages and Sphinx's memory of them are kept, so that a second run renders only what changed.
    seconds : mapping of str to float, optional
        Duration of the last run of each notebook.
    stale : mapping of str to str, optional
        Results that no longer count, with the reason.
    jobs : int
        Processes.

    Returns
    -------
    Path
        The first page.

    Raises
    ------
    RenderError
        If Sphinx warns of anything, or a link, an anchor or an alternative text is missing.
    UsageError
        If the results or the documentation are not what they should be.
    """
    _require_sphinx()
    output = output or project.root / "site"
    work = work or project.state / "report"
    results = Results.load(figures or project.figures, seconds or {}, stale or {})
    source, html = work / "source", work / "html"
    staged = staging.stage(project, results, source)
    _run_sphinx(project, source, html, work / "doctrees", jobs)
    for file in publish.surplus(html, staged.files):
        file.unlink()
    about = publish.about(project.root)
    prepared = publish.prepare(html, work / "next", figures or project.figures, results, staged, about)
    faults = check.faults(prepared)
    if faults:
        raise RenderError("\n".join(["the site is not sound; nothing was published:", *faults]))
    publish.swap(prepared, output)
    return output / "index.html"


def _require_sphinx() -> None:
    needed = ("sphinx", "myst_nb", "pydata_sphinx_theme", "sphinxcontrib.bibtex", "numpydoc")
    missing = [name for name in needed if importlib.util.find_spec(name.partition(".")[0]) is None]
    if missing:
        raise RenderError(
            f"the report needs {', '.join(missing)}, which are not installed here. Run `make report`, or install the "
            "extra: pip install 'theorylab[report]'."
        )


def _run_sphinx(project: Project, source: Path, html: Path, doctrees: Path, jobs: int) -> None:
    command = [
        sys.executable, "-m", "sphinx", "-b", "html", "-d", str(doctrees), "-j", str(jobs),
        "--fail-on-warning", "--keep-going", "--quiet", str(source), str(html),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(project.root), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, cwd=project.root, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        shutil.rmtree(doctrees, ignore_errors=True)  # a page that warned is not read again, and would pass next time
        raise RenderError(f"Sphinx found faults; nothing was published:\n{(done.stderr or done.stdout).strip()}")
