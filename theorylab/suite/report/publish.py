"""From Sphinx's output to ``site/``: results beside the pages, the build's facts in every footer, moved in one step."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from theorylab._version import __version__
from theorylab.suite.report.finish import lighten, mend
from theorylab.suite.report.provenance import footer
from theorylab.suite.report.results import Results
from theorylab.suite.report.rows import to_csv, to_json
from theorylab.suite.report.settings import PLACEHOLDER, mathjax_files
from theorylab.suite.report.staging import Staged

__all__ = ["about", "prepare", "surplus", "swap"]

_SOURCES = (".md", ".ipynb", ".rst")
#: What Sphinx leaves for itself.
_NOT_PUBLISHED = (".buildinfo", "objects.inv", "jupyter_execute", "webpack-macros.html", "_sources")


def about(root: Path) -> dict[str, str]:
    """Version, commit and date of a build.

    Parameters
    ----------
    root : Path
        Root of the project.

    Returns
    -------
    dict of str to str
        ``SOURCE_DATE_EPOCH`` names another date.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    date = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return {"version": __version__, "commit": _commit(root), "date": f"{date:%Y-%m-%d}"}


def _commit(root: Path) -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        changed = commit and git("status", "--porcelain", "--untracked-files=no")
    except OSError:  # no git here
        return "not known"
    return (commit + " with changes" * bool(changed)) or "not known"


def surplus(html: Path, sources: Mapping[str, bytes]) -> list[Path]:
    """Pages of an earlier build that no source makes any more: Sphinx leaves them lying.

    Parameters
    ----------
    html : Path
        Sphinx's output.
    sources : mapping
        Paths of the staged sources.

    Returns
    -------
    list of Path
        Their files.
    """
    made = {Path(name).with_suffix("").as_posix() for name in sources if name.endswith(_SOURCES)} | {
        "genindex",
        "search",
        "py-modindex",
    }
    pages = [path for path in html.rglob("*.html") if not path.relative_to(html).parts[0].startswith("_")]
    return [path for path in pages if path.relative_to(html).with_suffix("").as_posix() not in made]


def prepare(
    html: Path, folder: Path, figures: Path, results: Results, staged: Staged, facts: Mapping[str, str]
) -> Path:
    """Put everything that is published into a folder.

    Parameters
    ----------
    html : Path
        Sphinx's output.
    folder : Path
        Folder to fill; what was there is removed.
    figures : Path
        The results.
    results : Results
        What they hold.
    staged : Staged
        The ledger and loose pictures.
    facts : mapping
        As :func:`about`.

    Returns
    -------
    Path
        The folder.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(html, folder, ignore=shutil.ignore_patterns(*_NOT_PUBLISHED))
    for name in (figure.name for figure in results.figures):
        for suffix in (".svg", ".png"):
            _copy(figures / f"{name}{suffix}", folder / "figures" / f"{name}{suffix}")
    for name, data in staged.pictures.items():
        (folder / "figures" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "figures" / name).write_bytes(data)
    for name, path in mathjax_files().items():
        _copy(path, folder / "_static" / "mathjax" / name)
    (folder / "ledger.json").write_text(to_json(staged.rows, facts), encoding="utf-8")
    (folder / "ledger.csv").write_text(to_csv(staged.rows), encoding="utf-8")
    (folder / ".nojekyll").touch()  # a host that runs Jekyll would leave out _static
    for path in folder.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        if PLACEHOLDER in text:
            page = path.relative_to(folder).with_suffix("").as_posix()
            told = footer(page, results, staged.rows, facts)
            text = mend(text if page == "search" else lighten(text))
            path.write_text(text.replace(PLACEHOLDER, told), encoding="utf-8")
    return folder


def swap(prepared: Path, output: Path) -> None:
    """Move a whole site to its place; the one before is there until that moment, and gone after it.

    Parameters
    ----------
    prepared : Path
        The new site, on the same file system where possible.
    output : Path
        Where it is to be.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    incoming = output.with_name(f".{output.name}-incoming")
    outgoing = output.with_name(f".{output.name}-outgoing")
    for leftover in (incoming, outgoing):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.move(prepared, incoming)  # another file system is copied from here, before anything is taken away
    if output.exists():
        output.rename(outgoing)
    incoming.rename(output)
    shutil.rmtree(outgoing, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
