"""Pages over all chapters: the parts of the first page that are found from the results, gallery, cost."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from theorylab.suite.report import markup
from theorylab.suite.report.chapter_pages import Chapter
from theorylab.suite.report.ledger_page import summary_bar
from theorylab.suite.report.results import Figure, Player, Results
from theorylab.suite.report.rows import Row, findings

__all__ = ["cost_page", "gallery_page", "index_parts"]

_GALLERY = """---
html_theme.sidebar_secondary.remove: true
---
# Gallery

All figures. Lines are predictions, points are measurements with their errors, dashed grey is wrong on purpose.
"""

_COST = """# What it costs

Wall time of the last run of each notebook, as the build remembers it, and of each claim, as its record tells it: on one
core, unless a device is named. The profile `quick` answers in seconds; `full` has the sizes of the papers.
"""


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
    against = len(findings(rows))
    told = f'<p><a href="ledger.html">The ledger</a> lists them all; {against} speak against the literature.</p>'
    cards = "".join(_card(chapter, results, rows) for chapter in chapters)
    return {
        "_parts/state.md": markup.raw(summary_bar(rows) + (told if rows else "")),
        "_parts/chapters.md": markup.raw(f'<ul class="lab-chapters">{cards}</ul>'),
    }


def _card(chapter: Chapter, results: Results, rows: Sequence[Row]) -> str:
    own = [row for row in rows if row.chapter == chapter.name]
    upheld = sum(row.status == "upheld" for row in own)
    moving = next((player for player in results.players if player.chapter == chapter.name and player.frame), None)
    drawn = [figure for figure in results.figures if figure.chapter == chapter.name]
    chosen = next((figure for figure in drawn if figure.name == chapter.figure), drawn[0] if drawn else None)
    image = _frame(moving) if moving else _image(chosen, "") if chosen else ""
    return (
        f'<li><a href="{chapter.page}.html">{image}'
        f"<strong>{escape(chapter.title)}</strong></a>"
        f"<p>{escape(chapter.summary)} <span>{upheld} of {len(own)} claims upheld.</span></p></li>"
    )


def _frame(player: Player) -> str:
    return f'<img src="{player.frame}" alt="{escape(player.alt)}">'


def _image(figure: Figure, loading: str = ' loading="lazy"') -> str:
    width, height = figure.size
    size = f'width="{width}" height="{height}"'
    return f'<img src="figures/{figure.name}.svg" alt="{escape(figure.alt)}" {size}{loading}>'


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
    parts = [_GALLERY]
    for chapter in chapters:
        still = [figure for figure in results.figures if figure.chapter == chapter.name]
        moving = [player for player in results.players if player.chapter == chapter.name]
        if still or moving:
            parts.append(f"\n## {chapter.title}\n")
            cards = [_gallery_card(chapter, player, _frame(player), " (with sliders)") for player in moving]
            cards += [_gallery_card(chapter, figure, _image(figure)) for figure in still]
            parts.append(markup.raw(f'<ul class="lab-gallery">{"".join(cards)}</ul>'))
    return "".join(parts)


def _gallery_card(chapter: Chapter, figure: Figure, image: str, note: str = "") -> str:
    place = f"{chapter.page}.html#{figure.anchor}"
    return f'<li><a href="{place}">{image}<span>{escape(figure.title)}{note}</span></a></li>'


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
        (markup.link("cost", item.page, escape(item.name)), item.parameters.get("profile", ""), item.seconds)
        for item in results.notebooks
    ]
    claims = [
        (
            markup.link("cost", f"ledger#{row.id}", f"<code>{escape(row.id)}</code>"),
            row.record["conditions"]["profile"],
            row.record["seconds"],
        )
        for row in rows
    ]
    tables = (markup.raw(_times("notebook", notebooks)), markup.raw(_times("claim", claims)))
    return f"{_COST}\n## Notebooks\n{tables[0]}\n## Claims\n{tables[1]}"


def _times(what: str, lines: Sequence[tuple[str, str, float | None]]) -> str:
    longest_first = sorted(lines, key=lambda line: -(line[2] or 0.0))
    known = [time for _, _, time in lines if time is not None]
    total = markup.seconds(sum(known) if known else None)
    unknown = f" of {len(known)} that are known" if len(known) < len(lines) else ""
    body = "".join(
        f'<tr><th scope="row">{name}</th><td>{escape(str(profile))}</td>'
        f'<td class="lab-number">{markup.seconds(time)}</td></tr>'
        for name, profile, time in longest_first
    )
    return (
        f'<div class="lab-scroll" role="region" tabindex="0" aria-label="Seconds of each {what}">'
        f'<table class="lab-table"><thead><tr><th scope="col">{what}</th><th scope="col">profile</th>'
        f'<th scope="col">time</th></tr></thead><tbody>{body}</tbody><tfoot><tr><th scope="row">sum{unknown}</th>'
        f'<td></td><td class="lab-number">{total}</td></tr></tfoot></table></div>'
    )
