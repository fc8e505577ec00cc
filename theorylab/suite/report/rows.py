"""Rows of the ledger: each claim record as the numbers and words that a table shows; also as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from theorylab.suite.ledger import INCONCLUSIVE, NOT_UPHELD, STALE, UPHELD
from theorylab.suite.report.bibliography import keys_of
from theorylab.suite.report.results import Results

__all__ = ["DERIVED_HERE", "STATUSES", "Control", "Row", "findings", "ledger_rows", "to_csv", "to_json"]

#: Page of what no paper says.
DERIVED_HERE = "derived-here"
#: In the order in which a summary names them.
STATUSES = (UPHELD, NOT_UPHELD, INCONCLUSIVE, STALE)


@dataclass(frozen=True)
class Control:
    """A wrong variant and how far it was rejected.

    Parameters
    ----------
    name, description : str
        As the claim declares them.
    rejected : bool
        Whether the rule noticed.
    distance : float
        Largest discrepancy in units of what the rule allows; above 1 when rejected.
    """

    name: str
    description: str
    rejected: bool
    distance: float


@dataclass(frozen=True)
class Numbers:
    """The comparison under the greatest strain, as text for a table and JSON values for programs.

    Parameters
    ----------
    predicted, measured, standard_error, margin : float or None
        None where the kind of evidence has no such number.
    predicted_text, measured_text : str
        What a table shows.
    """

    predicted: float | None
    measured: float | None
    standard_error: float
    margin: float
    predicted_text: str
    measured_text: str


@dataclass(frozen=True)
class Row:
    """One line of the ledger.

    Parameters
    ----------
    record : mapping
        The claim record.
    status : str
        Of the record, or ``stale``.
    stale : str
        Why it is stale.
    keys : tuple of str
        Bibliography keys in the source; empty for what is derived here.
    compared : str
        What the comparison under the greatest strain compares.
    strain : float
        How much of what the rule allows it uses.
    numbers : Numbers
        Its numbers.
    controls : tuple of Control
        The wrong variants.
    notebook, cell : str
        Page and cell that ran the claim; empty where unknown.
    figures : tuple of str
        Names of the figures that show it.
    """

    record: Mapping[str, Any]
    status: str
    stale: str
    keys: tuple[str, ...]
    compared: str
    strain: float
    numbers: Numbers
    controls: tuple[Control, ...]
    notebook: str
    cell: str
    figures: tuple[str, ...]

    @property
    def id(self) -> str:
        """``chapter.name``."""
        return str(self.record["id"])

    @property
    def chapter(self) -> str:
        """Chapter of the claim."""
        return str(self.record["chapter"])

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the pages of its sources: bibliography keys, and the page of what is derived here."""
        here = not self.keys or "derived" in self.record["source"]
        return (*self.keys, *[DERIVED_HERE] * here)

    @property
    def is_finding(self) -> bool:
        """Whether a statement of the literature was expected to fail, and did."""
        return self.record["expected"] == "refuted" and self.status == UPHELD

    @property
    def rejected(self) -> int:
        """Number of wrong variants that the rule rejected."""
        return sum(control.rejected for control in self.controls)

    @property
    def weakest(self) -> float:
        """How far the control that came closest was rejected."""
        return min((control.distance for control in self.controls), default=float("nan"))


def ledger_rows(results: Results, known_keys: Iterable[str]) -> list[Row]:
    """Rows of all claim records.

    Parameters
    ----------
    results : Results
        What the build left.
    known_keys : iterable of str
        Keys of the bibliography.

    Returns
    -------
    list of Row
        Sorted by chapter and claim.
    """
    known = tuple(known_keys)
    rows = [_row(record, results, known) for record in results.records]
    return sorted(rows, key=lambda row: (row.chapter, row.id))


def findings(rows: Iterable[Row]) -> list[Row]:
    """Rows of the statements of the literature that did not hold, as was expected."""
    return [row for row in rows if row.is_finding]


def _row(record: Mapping[str, Any], results: Results, known: Sequence[str]) -> Row:
    worst = max(record["evidence"], key=lambda piece: float(piece["strain"]))
    place = results.places.get(record["id"])
    stale = results.stale.get(record["file"], "")
    return Row(
        record=record,
        status=STALE if stale else record["status"],
        stale=stale,
        keys=keys_of(record["source"], known),
        compared=worst.get("label") or worst["kind"],
        strain=float(worst["strain"]),
        numbers=_numbers(worst),
        controls=tuple(
            Control(item["name"], item["description"], item["rejected"], float(item["distance"]))
            for item in record["controls"]
        ),
        notebook=place[0].page if place else "",
        cell=place[1] if place else "",
        figures=tuple(figure.name for figure in results.figures_of(record["id"])),
    )


def _numbers(piece: Mapping[str, Any]) -> Numbers:
    """Numbers of the comparison under the greatest strain, by the rule of :mod:`theorylab.evidence`."""
    margin, error = _floats(piece["margin"]), _floats(piece["standard_error"])
    match piece["kind"]:
        case "agreement":
            predicted, measured = _floats(piece["predicted"]), _floats(piece["measured"])
            discrepancy = np.abs(measured - predicted)
        case "bound":
            predicted, measured = _floats(piece["rhs"]), _floats(piece["lhs"])
            discrepancy = measured - predicted
        case "rate":
            predicted, measured = _floats(piece["predicted"]), _floats(piece["fitted"])
            discrepancy = np.abs(measured - predicted)
        case "ordering":
            sign = 1.0 if piece["direction"] == "increasing" else -1.0
            values = _floats(piece["values"])
            measured = sign * np.diff(values, axis=-1)
            predicted = np.full(measured.shape, float(piece["least_step"]))
            errors = np.broadcast_to(error, values.shape)
            error = np.hypot(errors[..., 1:], errors[..., :-1])
            discrepancy = predicted - measured
        case kind:
            raise ValueError(f"kind of evidence must be agreement, bound, rate or ordering; got {kind!r}.")
    at = _worst(discrepancy, margin + float(piece["threshold"]) * error)

    def pick(values: np.ndarray) -> float:
        return float(np.broadcast_to(values, np.shape(discrepancy)).flat[at])

    return _told(piece, pick(predicted), pick(measured), pick(error), pick(margin))


def _told(piece: Mapping[str, Any], predicted: float, measured: float, error: float, margin: float) -> Numbers:
    before = {"bound": "≤ ", "ordering": f"{piece.get('direction')}, step ≥ "}.get(piece["kind"], "")
    spread = f" ± {error:.2g}" if error > 0.0 else ""
    return Numbers(
        predicted, measured, error, margin, f"{before}{predicted + 0.0:.4g}", f"{measured + 0.0:.4g}{spread}"
    )


def _worst(discrepancy: np.ndarray, allowance: np.ndarray) -> int:
    discrepancy, allowance = np.broadcast_arrays(discrepancy, allowance)
    strains = np.where(discrepancy > 0.0, np.inf, 0.0)
    return int(np.argmax(np.divide(discrepancy, allowance, out=strains, where=allowance > 0.0)))


def _floats(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)


def to_json(rows: Sequence[Row], about: Mapping[str, Any]) -> str:
    """The ledger for programs.

    Parameters
    ----------
    rows : sequence of Row
        The ledger.
    about : mapping
        Version, commit and date.

    Returns
    -------
    str
        An object with ``about`` and ``claims``; numbers that JSON lacks are null.
    """
    return json.dumps({"format": 1, "about": dict(about), "claims": [_plain(row) for row in rows]}, indent=1) + "\n"


def to_csv(rows: Sequence[Row]) -> str:
    """The ledger for spreadsheets: one line for each claim, controls as ``name=distance``.

    Parameters
    ----------
    rows : sequence of Row
        The ledger.

    Returns
    -------
    str
        Comma-separated values with a header.
    """
    file = io.StringIO()
    fields = list(_plain(rows[0])) if rows else ["id"]
    writer = csv.DictWriter(file, fields, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        plain = _plain(row)
        plain["controls"] = "; ".join(f"{item['name']}={item['distance']}" for item in plain["controls"])
        for name in ("keys", "figures"):
            plain[name] = " ".join(plain[name])
        writer.writerow(plain)
    return file.getvalue()


def _plain(row: Row) -> dict[str, Any]:
    record, numbers = row.record, row.numbers
    return {
        "id": row.id,
        "chapter": row.chapter,
        "statement": record["statement"],
        "source": record["source"],
        "keys": list(row.keys),
        "tolerance": record["tolerance"],
        "expected": record["expected"],
        "verdict": record["verdict"],
        "status": row.status,
        "compared": row.compared,
        "kind": max(record["evidence"], key=lambda piece: float(piece["strain"]))["kind"],
        "predicted": _finite(numbers.predicted),
        "measured": _finite(numbers.measured),
        "standard_error": _finite(numbers.standard_error),
        "margin": _finite(numbers.margin),
        "strain": _finite(row.strain),
        "controls": [
            {"name": item.name, "rejected": item.rejected, "distance": _finite(item.distance)} for item in row.controls
        ],
        **record["conditions"],
        "seconds": record["seconds"],
        "notebook": row.notebook,
        "cell": row.cell,
        "figures": list(row.figures),
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None
