"""Write the pages that Sphinx reads: those of ``docs/`` and those made from the results.

A page is written only when its text changed, and pages that are no longer made are removed: Sphinx then reads again
what changed and nothing else.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from theorylab.suite.project import Project, UsageError
from theorylab.suite.report import pages, settings
from theorylab.suite.report.bibliography import read_bibliography
from theorylab.suite.report.ledger_page import ledger_page
from theorylab.suite.report.notebook_pages import notebook_page
from theorylab.suite.report.results import Results
from theorylab.suite.report.rows import Row, ledger_rows

__all__ = ["Staged", "find_chapters", "stage"]

#: Folders and files of ``docs/`` that become pages of the site as they are.
_PROSE = ("*.md", "how-to/*.md", "decisions/*.md")
#: Pages of ``docs/`` that the site says better.
_LEFT_OUT = ("claims.md",)


@dataclass(frozen=True)
class Staged:
    """What was written for Sphinx.

    Parameters
    ----------
    files : dict of str to bytes
        Path below the source folder to contents.
    rows : list of Row
        The ledger.
    pictures : dict of str to bytes
        Pictures of notebooks that are no saved figures, by their path below ``figures/``.
    """

    files: dict[str, bytes]
    rows: list[Row]
    pictures: dict[str, bytes] = field(default_factory=dict)


def stage(project: Project, results: Results, source: Path) -> Staged:
    """Bring the source folder up to date.

    Parameters
    ----------
    project : Project
        Whose ``docs/`` and package it is.
    results : Results
        What the build left.
    source : Path
        Folder for Sphinx.

    Returns
    -------
    Staged
        What was written.
    """
    staged = _pages(project, results)
    for path in [path for path in source.rglob("*") if path.is_file()]:
        if path.relative_to(source).as_posix() not in staged.files:
            path.unlink()
    for name, data in staged.files.items():
        path = source / name
        if not path.is_file() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return staged


def _pages(project: Project, results: Results) -> Staged:
    docs = project.root / "docs"
    bibliography = read_bibliography(docs / "references.bib")
    rows = ledger_rows(results, bibliography)
    chapters = find_chapters(project, results)
    texts: dict[str, str] = {"conf.py": settings.CONF, "ledger.md": ledger_page(rows)}
    for pattern in _PROSE:
        for path in sorted(docs.glob(pattern)):
            if path.name not in _LEFT_OUT:
                texts[path.relative_to(docs).as_posix()] = path.read_text(encoding="utf-8")
    for index in ("how-to/index.md", "decisions/README.md"):
        if index in texts:
            texts[index] += pages.toctree(sorted(f"/{name}" for name in texts if _is_beside(name, index)))
    for chapter in chapters:
        texts[f"{chapter.page}.md"] = pages.chapter_page(chapter, results, rows)
    texts["chapters/index.md"] = _chapter_index(chapters)
    texts |= {f"{page}.md": text for page, text in pages.paper_pages(bibliography, rows).items()}
    texts["gallery.md"] = pages.gallery_page(results, chapters)
    texts["cost.md"] = pages.cost_page(results, rows)
    texts |= pages.index_parts(results, rows, chapters)
    if (docs / "references.bib").is_file():
        texts["references.bib"] = (docs / "references.bib").read_text(encoding="utf-8")
    pictures: dict[str, bytes] = {}
    for notebook in results.notebooks:
        texts[f"{notebook.page}.ipynb"], own = notebook_page(notebook, results)
        pictures |= own
    return Staged({name: text.encode() for name, text in texts.items()}, rows, pictures)


def _is_beside(name: str, index: str) -> bool:
    return name != index and name.partition("/")[0] == index.partition("/")[0]


def find_chapters(project: Project, results: Results) -> list[pages.Chapter]:
    """Chapters that left results or have a page, with what is said of them.

    Parameters
    ----------
    project : Project
        Where packages and pages are.
    results : Results
        What the build left.

    Returns
    -------
    list of Chapter
        In alphabetical order.
    """
    folder = project.root / "docs" / "chapters"
    names = {path.stem for path in folder.glob("*.md") if path.stem != "index"} | set(results.chapters)
    return [_chapter(project, folder, name) for name in sorted(names)]


def _chapter(project: Project, folder: Path, name: str) -> pages.Chapter:
    summary = _docstring(project.root / project.package / name / "__init__.py")
    page = folder / f"{name}.md"
    title = name.replace("_", " ").capitalize()
    if not page.is_file():
        return pages.Chapter(name, title, summary.partition("\n")[0], f"# {title}\n\n{summary}\n")
    prose = page.read_text(encoding="utf-8")
    heading = re.search(r"^# +(.+)$", prose, flags=re.MULTILINE)
    if heading is None:
        raise UsageError(f"{page} must begin with a heading (# Title); it has none.")
    return pages.Chapter(name, heading[1].strip(), summary.partition("\n")[0], prose)


def _docstring(path: Path) -> str:
    """Docstring of a module, without importing it."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "") if path.is_file() else ""


def _chapter_index(chapters: Sequence[pages.Chapter]) -> str:
    lines = ["# Chapters\n\n"]
    lines += [f"- [{chapter.title}](/{chapter.page}.md): {chapter.summary}\n" for chapter in chapters]
    return "".join(lines) + pages.toctree([f"/{chapter.page}" for chapter in chapters])
