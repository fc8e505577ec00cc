"""What a claim that was run amounts to: controls, status, and the JSON record that ledger, report and figures read."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from theorylab import outputs
from theorylab._verdicts import Evidence, Verdict, combine

if TYPE_CHECKING:
    from theorylab.claims import Claim, Conditions

__all__ = ["RECORD_FORMAT", "ClaimResult", "ControlResult", "Status", "load_record"]

#: Version of the record's layout.
RECORD_FORMAT = 1


class Status(StrEnum):
    """What the ledger says of a claim."""

    UPHELD = "upheld"
    NOT_UPHELD = "not upheld"
    INCONCLUSIVE = "inconclusive"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ControlResult:
    """Fate of one wrong variant.

    Parameters
    ----------
    name, description : str
        As the claim declares them.
    evidence : tuple of Evidence
        The variant beside the measurement.
    """

    name: str
    description: str
    evidence: tuple[Evidence, ...]

    @property
    def verdict(self) -> Verdict:
        """Verdict on the variant; it ought to be ``refuted``."""
        return combine(self.evidence)

    @property
    def rejected(self) -> bool:
        """Whether the rule noticed that the variant is wrong."""
        return self.verdict is Verdict.REFUTED

    @property
    def distance(self) -> float:
        """Largest discrepancy of the variant in units of what the rule allows; above 1 when rejected."""
        return max(piece.strain for piece in self.evidence)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClaimResult:
    """A claim that was run: evidence, controls, verdict, timing.

    Parameters
    ----------
    claim : Claim
        What was tested.
    conditions : Conditions
        Under which conditions.
    evidence : tuple of Evidence
        Prediction beside measurement.
    controls : tuple of ControlResult
        In the order of the claim's declaration.
    arrays : mapping of str to numpy.ndarray
        What a figure needs.
    seconds : float
        Wall time of the evidence function.
    """

    claim: Claim
    conditions: Conditions
    evidence: tuple[Evidence, ...]
    controls: tuple[ControlResult, ...]
    arrays: Mapping[str, np.ndarray]
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """Verdict of all pieces of evidence together."""
        return combine(self.evidence)

    @property
    def status(self) -> Status:
        """``upheld`` when the verdict is the expected one and every control was rejected."""
        if self.verdict is Verdict.INCONCLUSIVE:
            return Status.INCONCLUSIVE
        as_expected = self.verdict is self.claim.expected
        return Status.UPHELD if as_expected and all(c.rejected for c in self.controls) else Status.NOT_UPHELD

    @property
    def false_alarm_rate(self) -> float:
        """Probability that chance alone refutes a piece of evidence of a true statement, at most."""
        return 1.0 - math.prod(1.0 - piece.false_alarm_rate for piece in self.evidence)

    @property
    def summary(self) -> str:
        """The piece of evidence under the greatest strain, in one line."""
        worst = max(self.evidence, key=lambda piece: piece.strain)
        prefix = f"{worst.label}: " if worst.label else ""
        return prefix + worst.summary

    def to_record(self) -> dict[str, Any]:
        """Everything as plain JSON types.

        Returns
        -------
        dict
            The layout that the ledger and the report read; ``format`` counts its versions.
        """
        claim = self.claim
        record = {
            "format": RECORD_FORMAT,
            "id": claim.id,
            "chapter": claim.chapter,
            "statement": claim.statement,
            "source": claim.source,
            "tolerance": claim.tolerance,
            "expected": claim.expected,
            "cost": claim.cost,
            "verdict": self.verdict,
            "status": self.status,
            "summary": self.summary,
            "false_alarm_rate": self.false_alarm_rate,
            "evidence": [piece.to_record() for piece in self.evidence],
            "controls": [_control_record(control) for control in self.controls],
            "conditions": {
                "profile": self.conditions.profile,
                "seed": self.conditions.seed,
                "backend": self.conditions.backend.name,
                "device": self.conditions.backend.device,
            },
            "seconds": self.seconds,
            "versions": {**outputs.versions(), self.conditions.backend.name: self.conditions.backend.version},
            "arrays": dict(self.arrays),
        }
        plain: dict[str, Any] = _plain(record)
        return plain

    def save(self) -> Path:
        """Write the record where the ledger finds it.

        Returns
        -------
        Path
            ``<output directory>/<chapter>/<name>.claim.json``, written in one step.
        """
        path = outputs.output_directory() / self.claim.chapter / f"{self.claim.name}.claim.json"
        outputs.write_atomic(path, json.dumps(self.to_record(), indent=1, allow_nan=False) + "\n")
        return path

    def __str__(self) -> str:
        rejected = sum(control.rejected for control in self.controls)
        return (
            f"{self.claim.id}: {self.status} ({self.verdict}; {rejected} of {len(self.controls)} controls rejected)\n"
            f"  {self.summary}"
        )

    def _repr_markdown_(self) -> str:
        run = f"{self.conditions.profile} profile, {self.seconds:.1f} s"
        rows = [
            f"**{self.claim.id}: {self.status}** ({self.verdict}, {run})",
            "",
            self.claim.statement,
            "",
            f"*Tolerance:* {self.claim.tolerance}",
            "",
            f"*Family-wise level:* chance refutes a true statement in at most {self.false_alarm_rate:.2g} of runs",
            "",
            "| compared | outcome | strain | verdict |",
            "|---|---|---|---|",
            *(f"| {p.label or p.kind} | {p.summary} | {p.strain:.2f} | {p.verdict} |" for p in self.evidence),
            *(
                f"| *control:* {c.description} | {'rejected' if c.rejected else '**missed**'} | {c.distance:.2f} "
                f"| {c.verdict} |"
                for c in self.controls
            ),
        ]
        return "\n".join(rows)


def load_record(path: Path | str) -> dict[str, Any]:
    """Read a claim record; its ``arrays`` come back as NumPy arrays.

    Parameters
    ----------
    path : Path or str
        A ``*.claim.json`` file.

    Returns
    -------
    dict
        As :meth:`ClaimResult.to_record`.

    Raises
    ------
    ValueError
        If the file is not a record of this layout.
    """
    record: dict[str, Any] = json.loads(Path(path).read_text())
    if not isinstance(record, dict) or record.get("format") != RECORD_FORMAT:
        raise ValueError(f"path must name a claim record of format {RECORD_FORMAT}; got {path}. Make it anew.")
    record["arrays"] = {name: _as_array(values) for name, values in record["arrays"].items()}
    return record


def _control_record(control: ControlResult) -> dict[str, Any]:
    return {
        "name": control.name,
        "description": control.description,
        "verdict": control.verdict,
        "rejected": control.rejected,
        "distance": control.distance,
        "summary": max(control.evidence, key=lambda piece: piece.strain).summary,
    }


def _plain(value: Any) -> Any:
    """JSON types only; numbers that JSON lacks become the strings "inf", "-inf" and "nan"."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _as_array(values: Any) -> np.ndarray:
    found = np.asarray(values)
    return found.astype(np.float64) if found.dtype.kind == "U" else found
