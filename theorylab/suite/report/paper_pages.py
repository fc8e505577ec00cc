"""Paper pages: each source with the claims that test it, and what is derived here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from theorylab.suite.report import markup
from theorylab.suite.report.ledger_page import summary_bar
from theorylab.suite.report.rows import DERIVED_HERE, Row

__all__ = ["paper_pages"]

_Bibliography = Mapping[str, Mapping[str, str]]

_DERIVED = """# Derived here

Results that are worked out in this project, in whole or in part. The docstring of the function that a claim tests gives
the derivation, or says what it follows from.
"""

_INDEX = """# Papers

Every source with the claims that test it. The [bibliography](/bibliography.md) has all that is cited.

"""


def paper_pages(bibliography: _Bibliography, rows: Sequence[Row]) -> dict[str, str]:
    """A page for each source that a claim names, and their index.

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
        for key in row.sources:
            by_key[key].append(row)
    by_year = sorted(
        by_key, key=lambda key: (key == DERIVED_HERE, bibliography.get(key, {}).get("year", ""), key)
    )  # what is derived here comes last
    pages = {f"papers/{key}": _page(key, by_key[key], bibliography) for key in by_year}
    lines = (_line(key, by_key[key], bibliography) for key in by_year)
    pages["papers/index"] = _INDEX + "".join(lines) + markup.toctree(f"papers/{key}" for key in by_year)
    return pages


def _page(key: str, rows: Sequence[Row], bibliography: _Bibliography) -> str:
    head = _DERIVED if key == DERIVED_HERE else _head(key, bibliography[key])
    return f"{head}\n## Claims that test it\n" + markup.raw(summary_bar(rows) + _tested(rows, f"papers/{key}"))


def _head(key: str, fields: Mapping[str, str]) -> str:
    authors = [" ".join(reversed(author.split(", ", 1))) for author in fields.get("author", "").split(" and ")]
    place = fields.get("journal") or fields.get("booktitle") or fields.get("howpublished")
    line = [", ".join(filter(None, authors)), f"*{place}*" if place else "", fields["year"]]
    links = [
        f"[doi:{fields['doi']}](https://doi.org/{fields['doi']})" if "doi" in fields else "",
        f"[arXiv:{fields['eprint']}](https://arxiv.org/abs/{fields['eprint']})" if "eprint" in fields else "",
        f"<{fields['url']}>" if "url" in fields else "",
    ]
    told = ". ".join(filter(None, line)) + ". " + ", ".join(filter(None, links))
    return f"# {fields['title']}\n\n{told.strip()}\n\nKey in sources and docstrings: `{key}`.\n"


def _tested(rows: Iterable[Row], page: str) -> str:
    return f'<ul class="lab-tested">{"".join(_item(row, page) for row in rows)}</ul>'


def _item(row: Row, page: str) -> str:
    claim = markup.link(page, f"ledger#{row.id}", f"<code>{escape(row.id)}</code>")
    finding = " a finding against the literature: " if row.is_finding else " "
    return (
        f"<li>{claim} {markup.badge(row.status)}{finding}<br>{markup.prose(row.record['statement'])} "
        f'<span class="lab-source">{escape(row.record["source"])}</span></li>'
    )


def _line(key: str, rows: Sequence[Row], bibliography: _Bibliography) -> str:
    findings = sum(row.is_finding for row in rows)
    told = f"{len(rows)} claim{'s' * (len(rows) != 1)}" + f", {findings} of them against it" * bool(findings)
    if key == DERIVED_HERE:
        return f"- [Derived here](/papers/{key}.md): {told}\n"
    fields = bibliography[key]
    return f"- [{fields['title']}](/papers/{key}.md) ({key}, {fields['year']}): {told}\n"
