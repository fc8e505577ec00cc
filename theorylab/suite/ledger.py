"""The ledger: every claim with its verdict, read from the records that the notebooks leave."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

__all__ = [
    "CRASHED",
    "INCONCLUSIVE",
    "NOT_UPHELD",
    "STALE",
    "UPHELD",
    "Entry",
    "exit_status",
    "print_ledger",
    "read_ledger",
    "summary_line",
]

UPHELD, NOT_UPHELD, INCONCLUSIVE, STALE, CRASHED = "upheld", "not upheld", "inconclusive", "stale", "crashed"
_SUFFIX = ".claim.json"
# Wide enough for every row: a table in a log file is searched, not admired.
_PLAIN_WIDTH = 300


@dataclass(frozen=True)
class Entry:
    """One line of the ledger.

    Parameters
    ----------
    chapter, claim : str
        Name of the claim and where it belongs.
    verdict : str
        Verdict on the evidence.
    rejected, controls : int
        Wrong variants that the rule rejected, and how many there are.
    status : str
        ``upheld``, ``not upheld``, ``inconclusive``, ``stale`` (the record is of an earlier run) or ``crashed``.
    seconds : float or None
        Wall time of the claim.
    note : str
        What a reader wants to know when the claim is not upheld.
    """

    chapter: str
    claim: str
    verdict: str
    rejected: int
    controls: int
    status: str
    seconds: float | None
    note: str

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Entry:
        """Entry of a claim record.

        Parameters
        ----------
        record : mapping
            As :meth:`theorylab.claims.ClaimResult.to_record`.

        Returns
        -------
        Entry
            Its note names the controls that were missed, then the evidence.
        """
        missed = [control["name"] for control in record["controls"] if not control["rejected"]]
        note = [f"control not rejected: {', '.join(missed)}"] * bool(missed) + [record["summary"]]
        return cls(
            chapter=record["chapter"],
            claim=record["id"].removeprefix(f"{record['chapter']}."),
            verdict=record["verdict"],
            rejected=len(record["controls"]) - len(missed),
            controls=len(record["controls"]),
            status=record["status"],
            seconds=record["seconds"],
            note="; ".join(note),
        )

    @classmethod
    def without_result(cls, chapter: str, claim: str, status: str, note: str) -> Entry:
        """Entry of a claim of which there is no valid result."""
        return cls(chapter, claim, "-", 0, 0, status, None, note)


def read_ledger(figures: Path, fresh: Iterable[str], stale: Mapping[str, str]) -> list[Entry]:
    """Entries of the claim records among some result files.

    Parameters
    ----------
    figures : Path
        Folder of all results.
    fresh : iterable of str
        Files, relative to `figures`, that belong to notebooks which are up to date.
    stale : mapping of str to str
        Files of earlier runs, with the reason why they no longer count.

    Returns
    -------
    list of Entry
        Sorted by chapter and claim.
    """
    entries = [_read(figures, file) for file in fresh if file.endswith(_SUFFIX)]
    for file, reason in stale.items():
        if file.endswith(_SUFFIX) and (figures / file).is_file():
            chapter, claim = file.removesuffix(_SUFFIX).split("/", 1)
            entries.append(Entry.without_result(chapter, claim, STALE, reason))
    return sorted(entries, key=lambda entry: (entry.chapter, entry.claim))


def _read(figures: Path, file: str) -> Entry:
    try:
        return Entry.from_record(json.loads((figures / file).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        chapter, claim = file.removesuffix(_SUFFIX).split("/", 1)
        note = f"{file} is not a claim record ({type(error).__name__}: {error})"
        return Entry.without_result(chapter, claim, NOT_UPHELD, note)


def summary_line(entries: Sequence[Entry]) -> str:
    """Counts of the ledger in one line.

    Parameters
    ----------
    entries : sequence of Entry
        The ledger.

    Returns
    -------
    str
        For example ``3 upheld, 0 not upheld, 1 inconclusive``; stale and crashed ones are told of where there are any.
    """
    counts = Counter(entry.status for entry in entries)
    always = [f"{counts[status]} {status}" for status in (UPHELD, NOT_UPHELD, INCONCLUSIVE)]
    return ", ".join(always + [f"{counts[status]} {status}" for status in (STALE, CRASHED) if counts[status]])


def print_ledger(entries: Sequence[Entry], stream: TextIO, *, counted: Sequence[Entry] | None = None) -> None:
    """Table of all claims, the reason for each that is not upheld, and the counts.

    Parameters
    ----------
    entries : sequence of Entry
        The ledger.
    stream : TextIO
        Where it goes.  A terminal gets colours and its own width, anything else unbroken rows.
    counted : sequence of Entry, optional
        What the counts are of, where the table shows a part only.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console(file=stream, width=None if stream.isatty() else _PLAIN_WIDTH, highlight=False, markup=False)
    if entries:
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for heading in ("chapter", "claim", "verdict", "controls rejected", "status", "seconds"):
            table.add_column(heading, justify="right" if heading in ("controls rejected", "seconds") else "left")
        for entry in entries:
            table.add_row(*_row(entry), style=None if entry.status == UPHELD else "bold red")
        console.print(table)
    for entry in entries:
        if entry.status != UPHELD:
            console.print(f"{entry.chapter}.{entry.claim} {entry.status}: {entry.note}", soft_wrap=True)
    console.print(summary_line(entries if counted is None else counted), style="bold")


def exit_status(entries: Iterable[Entry]) -> int:
    """Exit status that a ledger asks for.

    Parameters
    ----------
    entries : iterable of Entry
        The ledger.

    Returns
    -------
    int
        2 when a claim crashed, else 1 when one is not upheld, else 0.  A claim that is inconclusive is not upheld: a
        measurement too noisy to tell may not pass for a confirmation.  Stale entries do not count here; what made them
        stale does.
    """
    statuses = {entry.status for entry in entries} - {STALE, UPHELD}
    return 2 if CRASHED in statuses else 1 if statuses else 0


def _row(entry: Entry) -> tuple[str, ...]:
    controls = f"{entry.rejected}/{entry.controls}" if entry.controls else "-"
    seconds = "-" if entry.seconds is None else f"{entry.seconds:.1f}"
    return entry.chapter, entry.claim, entry.verdict, controls, entry.status, seconds
