"""Pages that are written from the results: chapters, papers, gallery, cost, and the parts of the first page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from theorylab.suite.report import markup
from theorylab.suite.report.ledger_page import DERIVED_HERE, anchor, summary_bar
from theorylab.suite.report.results import Results
from theorylab.suite.report.rows import Row

__all__ = ["Chapter", "chapter_page", "cost_page", "gallery_page", "index_parts", "paper_pages", "toctree"]


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
        One sentence.
    prose : str
        Its page in ``docs/chapters``, heading included; written from the package's docstring where there is none.
    """

    name: str
    title: str
    summary: str
    prose: str

    @property
    def page(self) -> str:
        """Its page, without suffix."""
        return f"chapters/{self.name}"


def toctree(entries: Iterable[str], *, hidden: bool = True, caption: str = "") -> str:
    """A table of contents as a MyST block."""
    options = [":hidden:"] * hidden + ([f":caption: {caption}"] if caption else [])
    return "\n".join(["", "```{toctree}", *options, "", *entries, "```", ""])


def chapter_page(chapter: Chapter, results: Results, rows: Sequence[Row]) -> str:
    """What a chapter says, then its figures, claims and notebooks.

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
        MyST Markdown.
    """
    own = [row for row in rows if row.chapter == chapter.name]
    notebooks = [notebook for notebook in results.notebooks if notebook.chapter == chapter.name]
    parts = [chapter.prose.rstrip() + "\n"]
    if own:
        parts += ["\n## State of the claims\n", markup.raw(summary_bar(own))]
    moving = {name: html for name, html in results.players.items() if name.startswith(f"{chapter.name}/")}
    if moving:
        parts += ["\n## Figures that move\n", *map(markup.raw, moving.values())]
    figures = [figure for figure in results.figures if figure.chapter == chapter.name]
    if figures:
        parts.append("\n## Figures\n")
        parts += [markup.raw(markup.figure(figure, chapter.page)) for figure in figures]
    if own:
        parts += ["\n## Claims\n", markup.raw("".join(_claim(row, chapter.page) for row in own))]
    if notebooks:
        parts.append("\n## Lectures\n")
        parts += [f"- [{notebook.title}](/{notebook.page}.ipynb)\n" for notebook in notebooks]
        parts.append(toctree([f"/{notebook.page}" for notebook in notebooks]))
    return "".join(parts)


def _claim(row: Row, page: str) -> str:
    record = row.record
    expected = "; expected, since the statement was to be refuted" if record["expected"] == "refuted" else ""
    controls = "".join(
        f"<li>{prose_of(control.description)}: "
        f"{'rejected' if control.rejected else '<strong>missed</strong>'}, {markup.times(control.distance)}</li>"
        for control in row.controls
    )
    cell = " " + markup.link(page, f"{row.notebook}#cell-{row.cell}", "Where it was run") + "." if row.notebook else ""
    return (
        f'<section class="lab-claim" id="claim-{anchor(row)}"><h3>{markup.link(page, f"ledger#{row.id}", escape(row.id))}'
        f" {markup.badge(row.status)}</h3>"
        f"<p>{markup.prose(record['statement'])}</p><dl>"
        f"<dt>Verdict</dt><dd>{record['verdict']}{expected}. {markup.prose(record['summary'])}.{cell}</dd>"
        f"<dt>Tolerance</dt><dd>{markup.prose(record['tolerance'])}</dd>"
        f"<dt>Source</dt><dd>{sources(row, page)}</dd>"
        f"<dt>Must be refuted</dt><dd><ul>{controls}</ul></dd></dl></section>"
    )


def prose_of(text: str) -> str:
    """A description without its full stop."""
    return markup.prose(text.rstrip("."))


def sources(row: Row, page: str) -> str:
    """Source of a claim with a link to the page of each paper."""
    html = markup.prose(row.record["source"])
    for key in row.keys:
        html = html.replace(key, markup.link(page, f"papers/{key}", key))
    return html.replace("derived here", markup.link(page, f"papers/{DERIVED_HERE}", "derived here"))


def paper_pages(bibliography: Mapping[str, Mapping[str, str]], rows: Sequence[Row]) -> dict[str, str]:
    """A page for each source that a claim names, one for what is derived here, and their index.

    Parameters
    ----------
    bibliography : mapping
        Key to fields.
    rows : sequence of Row
        The ledger.

    Returns
    -------
    dict of str to str
        Page to MyST Markdown.
    """
    by_key: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        for key in row.keys:
            by_key[key].append(row)
        if not row.keys or "derived here" in row.record["source"]:
            by_key[DERIVED_HERE].append(row)
    pages = {}
    for key in sorted(by_key):
        page = f"papers/{key}"
        if key == DERIVED_HERE:
            head = (
                "# Derived here\n\nResults that are worked out in this project, in whole or in part: the docstring "
                "of the function that a claim tests gives the derivation.\n"
            )
        else:
            head = f"# {bibliography[key]['title']}\n\n{{cite:p}}`{key}`\n\n{_entry(bibliography[key])}\n"
        tested = by_key[key]
        pages[page] = head + "\n## What is tested\n" + markup.raw(summary_bar(tested) + _tested(tested, page))
    listed = sorted(by_key, key=lambda key: (key == DERIVED_HERE, bibliography.get(key, {}).get("year", ""), key))
    pages["papers/index"] = _paper_index(listed, by_key, bibliography)
    return pages


def _entry(fields: Mapping[str, str]) -> str:
    authors = fields.get("author", "").replace(" and ", "; ")
    where = fields.get("journal") or fields.get("booktitle") or fields.get("howpublished") or ""
    line = ". ".join(part for part in (authors, f"*{where}*" if where else "", fields["year"]) if part) + "."
    if "doi" in fields:
        line += f" [doi:{fields['doi']}](https://doi.org/{fields['doi']})"
    if "eprint" in fields:
        line += f" [arXiv:{fields['eprint']}](https://arxiv.org/abs/{fields['eprint']})"
    elif "url" in fields and "doi" not in fields:
        line += f" <{fields['url']}>"
    return line


def _tested(rows: Iterable[Row], page: str) -> str:
    items = (
        f"<li>{markup.link(page, f'ledger#{row.id}', f'<code>{escape(row.id)}</code>')} {markup.badge(row.status)}"
        f"{' (a finding against the literature)' if row.is_finding else ''}<br>{markup.prose(row.record['statement'])} "
        f'<span class="lab-source">{escape(row.record["source"])}</span></li>'
        for row in rows
    )
    return f'<ul class="lab-tested">{"".join(items)}</ul>'


def _paper_index(
    keys: Sequence[str], by_key: Mapping[str, Sequence[Row]], bibliography: Mapping[str, Mapping[str, str]]
) -> str:
    lines = [
        "# Papers\n\nEvery source with the claims that test it; the [bibliography](/bibliography.md) has all that is cited.\n\n"
    ]
    for key in keys:
        fields = bibliography.get(key, {"title": "Derived here", "year": ""})
        findings = sum(row.is_finding for row in by_key[key])
        told = f"{len(by_key[key])} claim{'s' * (len(by_key[key]) != 1)}" + (
            f", {findings} refuted" if findings else ""
        )
        when = f" ({fields['year']})" if fields["year"] else ""
        lines.append(f"- [{fields['title']}](/papers/{key}.md){when}: {told}\n")
    return "".join(lines) + toctree([f"/papers/{key}" for key in keys])


def gallery_page(results: Results, chapters: Sequence[Chapter]) -> str:
    """All figures, chapter by chapter.

    Parameters
    ----------
    results : Results
        What the build left.
    chapters : sequence of Chapter
        Those that are shown.

    Returns
    -------
    str
        MyST Markdown.
    """
    parts = [
        "---\nlab_wide: true\n---\n# Gallery\n\nAll figures. Lines are predictions, points are measurements with their errors, dashed grey is wrong on purpose.\n"
    ]
    for chapter in chapters:
        figures = [figure for figure in results.figures if figure.chapter == chapter.name]
        moving = [name for name in results.players if name.startswith(f"{chapter.name}/")]
        if not figures and not moving:
            continue
        cards = [
            f'<li><a href="chapters/{chapter.name}.html#{figure.anchor}"><img src="figures/{figure.name}.svg" '
            f'alt="{escape(figure.alt)}" width="{figure.size[0]}" height="{figure.size[1]}" loading="lazy">'
            f"<span>{escape(figure.title)}</span></a></li>"
            for figure in figures
        ]
        parts += [f"\n## {chapter.title}\n", markup.raw(f'<ul class="lab-gallery">{"".join(cards)}</ul>')]
        if moving:
            parts.append(f"\n{len(moving)} of them move: [figures that move](/{chapter.page}.md#figures-that-move).\n")
    return "".join(parts)


def cost_page(results: Results, rows: Sequence[Row]) -> str:
    """Seconds of each notebook and of each claim.

    Parameters
    ----------
    results : Results
        What the build left.
    rows : sequence of Row
        The ledger.

    Returns
    -------
    str
        MyST Markdown.
    """
    notebooks = [
        (
            markup.link("cost", notebook.page, escape(notebook.name)),
            notebook.parameters.get("profile", ""),
            notebook.seconds,
        )
        for notebook in results.notebooks
    ]
    claims = [
        (
            markup.link("cost", f"ledger#{row.id}", f"<code>{escape(row.id)}</code>"),
            row.record["conditions"]["profile"],
            row.record["seconds"],
        )
        for row in rows
    ]
    return (
        "# What it costs\n\nWall time of the last run of each notebook, as the build remembers it, and of each claim, as its "
        "record tells it, on one core unless a device is named. The profile `quick` answers in seconds; `full` has the "
        "sizes of the papers.\n"
         "\n## Notebooks\n"
        + markup.raw(_times("notebook", notebooks))
        + "\n## Claims\n"
        + markup.raw(_times("claim", claims))
    )


def _times(what: str, lines: Sequence[tuple[str, str, float | None]]) -> str:
    longest_first = sorted(lines, key=lambda line: -(line[2] or 0.0))
    body = "".join(
        f'<tr><th scope="row">{name}</th><td>{escape(str(profile))}</td><td class="lab-number">{markup.seconds(time)}</td></tr>'
        for name, profile, time in longest_first
    )
    total = sum(time or 0.0 for _, _, time in lines)
    return (
        '<div class="lab-scroll" role="region" tabindex="0" aria-label="Seconds of each '
        f'{what}"><table class="lab-table"><thead><tr><th scope="col">{what}</th><th scope="col">profile</th>'
        f'<th scope="col">time</th></tr></thead><tbody>{body}</tbody><tfoot><tr><th scope="row">all</th><td></td>'
        f'<td class="lab-number">{markup.seconds(total)}</td></tr></tfoot></table></div>'
    )


def index_parts(results: Results, rows: Sequence[Row], chapters: Sequence[Chapter]) -> dict[str, str]:
    """Fragments that ``docs/index.md`` includes: state of the ledger, one figure for each chapter.

    Parameters
    ----------
    results : Results
        What the build left.
    rows : sequence of Row
        The ledger.
    chapters : sequence of Chapter
        Those that are shown.

    Returns
    -------
    dict of str to str
        File to MyST Markdown.
    """
    cards = []
    for chapter in chapters:
        own = [row for row in rows if row.chapter == chapter.name]
        upheld = sum(row.status == "upheld" for row in own)
        figure = next((figure for figure in results.figures if figure.chapter == chapter.name), None)
        picture = (
            f'<img src="figures/{figure.name}.svg" alt="{escape(figure.alt)}" width="{figure.size[0]}" height="{figure.size[1]}">'
            if figure
            else ""
        )
        cards.append(
            f'<li><a href="{chapter.page}.html">{picture}<strong>{escape(chapter.title)}</strong></a>'
            f"<p>{escape(chapter.summary)}</p><p>{upheld} of {len(own)} claims upheld</p></li>"
        )
    return {
        "_parts/state.md": markup.raw(summary_bar(rows)),
        "_parts/chapters.md": markup.raw(f'<ul class="lab-chapters">{"".join(cards)}</ul>'),
    }
