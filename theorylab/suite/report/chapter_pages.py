"""Chapter pages: what a chapter says, then its figures, its claims and its lectures, all found from what is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from theorylab.suite.project import Project, UsageError
from theorylab.suite.report import markup
from theorylab.suite.report.ledger_page import claim_anchor, source_links, summary_bar
from theorylab.suite.report.results import ExecutedNotebook, Results
from theorylab.suite.report.rows import Control, Row

__all__ = ["Chapter", "chapter_index", "chapter_page", "find_chapters"]

_FRONT_MATTER = re.compile(r"\A---\n(.*?)^---\n", flags=re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Chapter:
    """A chapter as the report shows it.

    Parameters
    ----------
    name : str
        Package and folder.
    title : str
        Heading of its page.
    summary : str
        First paragraph of the docstring of its package.
    prose : str
        Its page in ``docs/chapters``, heading included; made of the docstring where there is none.
    figure : str
        Figure that stands for it, ``chapter/name``; empty for the first one.
    """

    name: str
    title: str
    summary: str
    prose: str
    figure: str = ""

    @property
    def page(self) -> str:
        """Its page, without suffix."""
        return f"chapters/{self.name}"


def find_chapters(project: Project, results: Results) -> list[Chapter]:
    """Chapters that left results or have a page.

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

    Raises
    ------
    UsageError
        If a page has no heading, or names a figure that is not there.
    """
    folder = project.root / "docs" / "chapters"
    names = {path.stem for path in folder.glob("*.md")} | set(results.chapters)
    return [_chapter(project, results, folder / f"{name}.md") for name in sorted(names)]


def _chapter(project: Project, results: Results, page: Path) -> Chapter:
    name = page.stem
    docstring = _docstring(project.root / project.package / name / "__init__.py")
    summary = " ".join(docstring.partition("\n\n")[0].split())
    if not page.is_file():
        plain = name.replace("_", " ").capitalize()
        return Chapter(name, plain, summary, f"# {plain}\n\n{docstring}\n")
    text = page.read_text(encoding="utf-8")
    head = _FRONT_MATTER.match(text)
    prose = text[head.end() :] if head else text
    title = re.search(r"^# +(.+)$", prose, flags=re.MULTILINE)
    if title is None:
        raise UsageError(f"{page} must begin with a heading (# Title); it has none.")
    chosen = re.search(r"^figure: *(\S+)$", head[1], flags=re.MULTILINE) if head else None
    figure = f"{name}/{chosen[1]}" if chosen else ""
    if figure and name in results.chapters and figure not in {shown.name for shown in results.figures}:
        raise UsageError(f"{page} must name a figure of the chapter; there is no figures/{figure}.svg. Name another.")
    return Chapter(name, title[1].strip(), summary, prose, figure)


def _docstring(path: Path) -> str:
    """Docstring of a module, without importing it."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "") if path.is_file() else ""


def chapter_index(chapters: Sequence[Chapter]) -> str:
    """The page that lists the chapters.

    Parameters
    ----------
    chapters : sequence of Chapter
        Those that are shown.

    Returns
    -------
    str
        MyST Markdown.
    """
    lines = ["# Chapters\n\n"]
    lines += [f"- [{chapter.title}](/{chapter.page}.md): {chapter.summary}\n" for chapter in chapters]
    return "".join(lines) + markup.toctree(chapter.page for chapter in chapters)


def chapter_page(chapter: Chapter, results: Results, rows: Sequence[Row]) -> str:
    """The page of a chapter.

    Parameters
    ----------
    chapter : Chapter
        Which.
    results : Results
        What the build left.
    rows : sequence of Row
        The ledger.

    Returns
    -------
    str
        MyST Markdown: prose, figures that move, figures, claims, lectures; what there is none of is left out.
    """
    own = [row for row in rows if row.chapter == chapter.name]
    notebooks = [notebook for notebook in results.notebooks if notebook.chapter == chapter.name]
    players = [player for player in results.players if player.chapter == chapter.name]
    figures = [figure for figure in results.figures if figure.chapter == chapter.name]
    parts = [markup.linked(chapter.prose.rstrip(), chapter.page, {row.id for row in rows}) + "\n"]
    if own:
        parts += ["\n## State of the claims\n", markup.raw(summary_bar(own))]
    if notebooks:
        parts += ["\n## Lectures\n\n", *map(_lecture, notebooks)]
        parts.append(markup.toctree(notebook.page for notebook in notebooks))
    if players:
        parts.append("\n## Figures that move\n")
        parts += [markup.raw(markup.player(player, chapter.page)) for player in players]
    if figures:
        parts.append("\n## Figures\n")
        parts += [markup.raw(markup.figure(figure, chapter.page)) for figure in figures]
    if own:
        parts += ["\n## Claims\n", *(markup.raw(_claim(row, chapter.page)) for row in own)]
    return "".join(parts)


def _lecture(notebook: ExecutedNotebook) -> str:
    return f"- [{notebook.title}](/{notebook.page}.ipynb)\n"


def _claim(row: Row, page: str) -> str:
    record = row.record
    expected = ", as expected: the statement was to be refuted" if record["expected"] == "refuted" else ""
    cell = f" {markup.link(page, f'{row.notebook}#cell-{row.cell}', 'Where it was run')}." if row.notebook else ""
    shown = ", ".join(markup.figure_link(name, page) for name in row.figures)
    items = [
        ("Verdict", f"{record['verdict']}{expected}. {markup.prose(record['summary'])}.{cell}"),
        ("Tolerance", markup.prose(record["tolerance"])),
        ("Source", source_links(row, page)),
        ("Must be refuted", f"<ul>{''.join(map(_control, row.controls))}</ul>"),
    ]
    items += [("Figures", shown)] * bool(shown)
    told = "".join(f"<dt>{term}</dt><dd>{text}</dd>" for term, text in items)
    heading = f"{markup.link(page, f'ledger#{row.id}', escape(row.id))} {markup.badge(row.status)}"
    return (
        f'<section class="lab-claim" id="{claim_anchor(row)}"><h3>{heading}</h3>'
        f"<p>{markup.prose(record['statement'])}</p><dl>{told}</dl></section>"
    )


def _control(control: Control) -> str:
    fate = "rejected" if control.rejected else '<strong class="lab-missed">missed</strong>'
    return f"<li>{markup.prose(control.description.rstrip('.'))}: {fate}, {markup.times(control.distance)}</li>"
