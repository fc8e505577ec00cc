"""What every page says of its origin: version, commit and date of the site, conditions and run time of its results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from theorylab.suite.report import markup
from theorylab.suite.report.results import Results
from theorylab.suite.report.rows import Row

__all__ = ["footer"]


def footer(page: str, results: Results, rows: Sequence[Row], facts: Mapping[str, str]) -> str:
    """The footer of a page.

    Parameters
    ----------
    page : str
        Path without suffix.
    results : Results
        What the build left.
    rows : sequence of Row
        The ledger.
    facts : mapping
        Version, commit and date of the site.

    Returns
    -------
    str
        HTML: a line for the site, a line for the results that the page rests on (all of them, where it rests on none).
    """
    site = f"theorylab {facts['version']}, commit {facts['commit']}, rendered {facts['date']}."
    own = [row for row in rows if _rests_on(page, row)] or list(rows)
    if not own:
        return escape(site)
    ran = [notebook for notebook in results.notebooks if page in (notebook.page, f"chapters/{notebook.chapter}")]
    times = [notebook.seconds for notebook in ran or results.notebooks]
    known = [time for time in times if time is not None]
    took = sum(known) if known and len(known) == len(times) else sum(row.record["seconds"] for row in own)
    what = "notebooks" if known and len(known) == len(times) else "claims"
    which = "its" if len(own) < len(rows) else "all"
    results_line = f"{_conditions(own)}; {_versions(own)}; run time of {which} {what}: {markup.seconds(took)}."
    return f"{escape(site)}<br>Results: {escape(results_line)}"


def _rests_on(page: str, row: Row) -> bool:
    folder, _, name = page.rpartition("/")
    return (
        page == row.notebook
        or (folder == "chapters" and name == row.chapter)
        or (folder == "papers" and name in row.sources)
    )


def _conditions(rows: Iterable[Row]) -> str:
    """Every combination that occurs, such as "profile quick, seed 0, numpy on cpu"."""
    found = {
        f"profile {given['profile']}, seed {given['seed']}, {given['backend']} on {given['device']}": None
        for given in (row.record["conditions"] for row in rows)
    }
    return " / ".join(found)


def _versions(rows: Iterable[Row]) -> str:
    """Versions of the packages; several of one where the results come from several environments."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for row in rows:
        for package, version in row.record["versions"].items():
            found[package][version] = None
    found.pop("theorylab", None)  # that of the site
    return ", ".join(f"{package} {'/'.join(versions)}" for package, versions in found.items())
