"""Write the pages that Sphinx reads: those of ``docs/`` and those made from the results.

A page is written only when its text changed, and pages that are no longer made are removed: Sphinx then reads again
what changed and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from theorylab.suite.project import Project
from theorylab.suite.report import markup, settings
from theorylab.suite.report.api_pages import api_pages
from theorylab.suite.report.bibliography import read_bibliography
from theorylab.suite.report.chapter_pages import chapter_index, chapter_page, find_chapters
from theorylab.suite.report.ledger_page import ledger_page
from theorylab.suite.report.notebook_pages import notebook_page
from theorylab.suite.report.overview_pages import cost_page, gallery_page, index_parts
from theorylab.suite.report.paper_pages import paper_pages
from theorylab.suite.report.results import Results
from theorylab.suite.report.rows import Row, ledger_rows

__all__ = ["Staged", "stage"]

#: Folders and files of ``docs/`` that become pages of the site as they are.
_PROSE = ("*.md", "how-to/*.md", "decisions/*.md")
#: Files of the project that pages include.
_INCLUDED = ("CONTRIBUTING.md",)
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
    references = project.root / "docs" / "references.bib"
    bibliography = read_bibliography(references)
    rows = ledger_rows(results, bibliography)
    chapters = find_chapters(project, results)
    pages = {
        "ledger": ledger_page(rows),
        "chapters/index": chapter_index(chapters),
        **{chapter.page: chapter_page(chapter, results, rows) for chapter in chapters},
        **paper_pages(bibliography, rows),
        "gallery": gallery_page(results, chapters),
        "cost": cost_page(results, rows),
    }
    texts = {"conf.py": settings.CONF, **_prose(project.root / "docs"), **index_parts(results, rows, chapters)}
    texts |= api_pages(project)
    texts |= {f"{page}.md": text for page, text in pages.items()}
    texts["references.bib"] = references.read_text(encoding="utf-8") if references.is_file() else ""
    pictures: dict[str, bytes] = {}
    for notebook in results.notebooks:
        texts[f"{notebook.page}.ipynb"], own = notebook_page(notebook, results)
        pictures |= own
    return Staged({name: text.encode() for name, text in texts.items()}, rows, pictures)


def _prose(docs: Path) -> dict[str, str]:
    """Pages that stand in ``docs/`` as they are; those that list a folder get a table of its contents."""
    found = {
        path.relative_to(docs).as_posix(): path.read_text(encoding="utf-8")
        for pattern in _PROSE
        for path in sorted(docs.glob(pattern))
        if path.name not in _LEFT_OUT
    }
    for name in _INCLUDED:
        if (docs.parent / name).is_file():
            found[f"_parts/{name}"] = (docs.parent / name).read_text(encoding="utf-8")
    for index in ("how-to/index.md", "decisions/README.md"):
        if index in found:
            beside = [name.removesuffix(".md") for name in found if _is_beside(name, index)]
            found[index] += markup.toctree(sorted(beside))
    return found


def _is_beside(name: str, index: str) -> bool:
    return name != index and name.partition("/")[0] == index.partition("/")[0]
