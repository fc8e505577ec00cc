"""The ledger page: a table that is complete without JavaScript, with what ``ledger.js`` needs to sort and filter it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

from theorylab.suite.report.markup import badge, figure_anchor, link, prose, raw, seconds, times
from theorylab.suite.report.rows import DERIVED_HERE, STATUSES, Control, Row, findings

__all__ = ["claim_anchor", "ledger_page", "source_links", "summary_bar"]

PAGE = "ledger"

# heading, how a column is sorted ("" where it is not)
_COLUMNS = (
    ("Claim", "text"),
    ("Source", "text"),
    ("Predicted", "number"),
    ("Measured", "number"),
    ("Margin", "number"),
    ("Strain", "number"),
    ("Verdict", "text"),
    ("Controls rejected", "number"),
    ("Run", "number"),
    ("See", ""),
)

_HEAD = """# The ledger

Every claim of every chapter: what theory predicts, what was measured independently of it, and the verdict of a rule
that was fixed beforehand. The same as data: <a href="ledger.json">ledger.json</a>, <a href="ledger.csv">ledger.csv</a>.
"""

_FINDINGS = """
Statements that are published, or taken for granted, and that do not hold as they stand. Each is a claim whose expected
verdict is *refuted*, upheld because the measurement refutes it and every control was told apart.
"""

_HOW_TO_READ = """
Numbers are those of the comparison that came closest to a refutation. *Strain* is its discrepancy in units of what
margin and 3.5 standard errors allow; beyond 1 it refutes. A *control* is a deliberately wrong variant of the theory
that the same rule must refute; its number is its strain. A claim is *upheld* when its verdict is the expected one and
every control was rejected ([how the rule works](/decisions/0001-evidence-and-verdicts.md)). Every claim has a permanent
address, `ledger.html#chapter.claim`.
"""


def ledger_page(rows: Sequence[Row]) -> str:
    """The page.

    Parameters
    ----------
    rows : sequence of Row
        The ledger.

    Returns
    -------
    str
        MyST Markdown.
    """
    parts = ["---\nhtml_theme.sidebar_secondary.remove: true\n---\n", _HEAD, raw(summary_bar(rows))]
    against = findings(rows)
    if against:
        parts += ["\n## Findings against the literature\n", _FINDINGS, raw(_findings(against))]
    parts += ["\n## All claims\n", _HOW_TO_READ, raw(_controls(rows) + _table(rows))]
    return "".join(parts)


def summary_bar(rows: Sequence[Row]) -> str:
    """How many claims have which status, as a bar and in words.

    Parameters
    ----------
    rows : sequence of Row
        The ledger.

    Returns
    -------
    str
        HTML.
    """
    counts = Counter(row.status for row in rows)
    total = max(1, len(rows))
    told = [f"{counts[status]} {status}" for status in STATUSES if counts[status] or status != "stale"]
    controls = sum(len(row.controls) for row in rows)
    rejected = sum(row.rejected for row in rows)
    bars = "".join(
        f'<span class="lab-bar-part lab-{status.replace(" ", "-")}" style="width:{100 * counts[status] / total:.3f}%">'
        "</span>"
        for status in STATUSES
        if counts[status]
    )
    words = f"{len(rows)} claims: {', '.join(told)}. {rejected} of {controls} wrong variants rejected."
    return (
        f'<div class="lab-summary"><div class="lab-bar" aria-hidden="true">{bars}</div>'
        f'<p class="lab-summary-text">{words}</p></div>'
    )


def _findings(rows: Iterable[Row]) -> str:
    items = (
        f"<li>{prose(row.record['statement'])} "
        f'<span class="lab-source">{source_links(row)}</span> '
        f"Measured: {prose(row.record['summary'])}. "
        f'<a href="#{escape(row.id)}"><code>{escape(row.id)}</code></a></li>'
        for row in rows
    )
    return f'<ul class="lab-findings">{"".join(items)}</ul>'


def _controls(rows: Sequence[Row]) -> str:
    """Fields that filter the table; hidden until the script that serves them runs."""
    chapters = sorted({row.chapter for row in rows})
    statuses = [status for status in STATUSES if any(row.status == status for row in rows)]
    keys = sorted({key for row in rows for key in row.sources}, key=lambda key: (key != DERIVED_HERE, key))
    verdicts = sorted({row.record["verdict"] for row in rows})
    return (
        '<form class="lab-filters" id="ledger-filters" hidden role="search" aria-label="Filter the ledger">'
        '<label>Search <input type="search" id="ledger-search" autocomplete="off"></label>'
        + _choice("chapter", "Chapter", chapters)
        + _choice("status", "Status", statuses)
        + _choice("verdict", "Verdict", verdicts)
        + _choice("source", "Source", keys)
        + '<button type="reset" id="ledger-reset">Show all</button>'
        f'<output id="ledger-count" aria-live="polite">{len(rows)} of {len(rows)} claims</output></form>'
    )


def _choice(name: str, label: str, values: Iterable[str]) -> str:
    told = ((escape(value), escape(value.replace("-", " "))) for value in values)
    options = "".join(f'<option value="{value}">{text}</option>' for value, text in told)
    all_of_them = '<option value="">all</option>'
    return f'<label>{label} <select id="ledger-{name}" name="{name}">{all_of_them}{options}</select></label>'


def _table(rows: Sequence[Row]) -> str:
    heads = "".join(f'<th scope="col" data-sort="{kind}">{name}</th>' for name, kind in _COLUMNS)
    body = "\n".join(map(_row, rows))
    return (
        '<div class="lab-scroll" role="region" aria-label="Table of all claims" tabindex="0">'
        f'<table class="lab-ledger" id="ledger"><thead><tr>{heads}</tr></thead><tbody>\n{body}\n</tbody></table></div>'
    )


def _row(row: Row) -> str:
    record, numbers, conditions = row.record, row.numbers, row.record["conditions"]
    name = f'<a class="lab-id" href="#{row.id}">{escape(row.id)}</a>'
    compared = f"<small>Closest call: {escape(row.compared)}</small>"
    cells = [
        f'<th scope="row">{name}<p class="lab-statement">{prose(record["statement"])}</p>{compared}</th>',
        f"<td>{source_links(row)}</td>",
        _number(numbers.predicted, escape(numbers.predicted_text)),
        _number(numbers.measured, escape(numbers.measured_text)),
        _number(numbers.margin, f"{numbers.margin:.2g}"),
        _number(row.strain, f"{row.strain:.2g}"),
        f"<td>{_verdict(row)}</td>",
        _number(row.rejected / max(1, len(row.controls)), _rejections(row)),
        _number(record["seconds"], f"{seconds(record['seconds'])}<small>{escape(conditions['profile'])}</small>"),
        f"<td>{_see(row)}</td>",
    ]
    marks = f'data-chapter="{escape(row.chapter)}" data-status="{row.status}" data-verdict="{record["verdict"]}"'
    return f'<tr id="{escape(row.id)}" {marks} data-source="{escape(" ".join(row.sources))}">{"".join(cells)}</tr>'


def _number(value: float | None, html: str) -> str:
    return f'<td class="lab-number" data-value="{value if value is not None else ""}">{html}</td>'


def _verdict(row: Row) -> str:
    expected = " as expected" if row.record["expected"] == "refuted" == row.record["verdict"] else ""
    reason = f"<small>{escape(row.stale)}</small>" if row.stale else ""
    return f"{badge(row.status)}<small>{row.record['verdict']}{expected}</small>{reason}"


def _rejections(row: Row) -> str:
    items = "".join(f"<li>{_control(control)}</li>" for control in row.controls)
    return f'{row.rejected} of {len(row.controls)}<ul class="lab-controls">{items}</ul>'


def _control(control: Control) -> str:
    missed = "" if control.rejected else ' <strong class="lab-missed">missed</strong>'
    return f"{escape(control.name.replace('_', ' '))} {times(control.distance)}{missed}"


def source_links(row: Row, page: str = PAGE) -> str:
    """Source of a claim with links to the pages of its papers.

    Parameters
    ----------
    row : Row
        The claim.
    page : str
        Page that shows it.

    Returns
    -------
    str
        HTML.
    """
    html = prose(row.record["source"])
    for key in row.keys:
        html = html.replace(key, link(page, f"papers/{key}", key))
    return html.replace("derived here", link(page, f"papers/{DERIVED_HERE}", "derived here"))


def _see(row: Row) -> str:
    links = [link(PAGE, f"chapters/{row.chapter}#{claim_anchor(row)}", "details")]
    if row.notebook:
        links.append(link(PAGE, f"{row.notebook}#cell-{row.cell}", "cell"))
    links += [
        link(PAGE, f"chapters/{row.chapter}#{figure_anchor(name)}", f"figure{'' if number == 0 else f' {number + 1}'}")
        for number, name in enumerate(row.figures[:2])
    ]
    return "<br>".join(links)


def claim_anchor(row: Row) -> str:
    """Id of a claim on its chapter's page."""
    return "claim-" + row.id.removeprefix(f"{row.chapter}.").replace("_", "-")
