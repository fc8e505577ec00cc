"""A ledger of a thousand claims: records as the chapters leave them, and the site that shows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.suite.toy import ToyProject
from theorylab.claims import Agreement, Claim, Conditions, Outcome, Verdict
from theorylab.suite.project import Project
from theorylab.suite.report import render

N_CLAIMS = 1000
#: Every verdict and status: a measurement that agrees, one that does not, and one too noisy to tell.
_DISTANCES = (0.0, 0.5, 0.0)
_NOISE = (0.01, 0.01, 5.0)
_SOURCES = ("derived here", "simon2024, Eq. (3)", "jacot2018, Theorem 2", "mobahi2020, Section 4")
CHAPTERS = ("alpha", "beta")
_INDEX = """# A thousand claims

```{toctree}
:glob:

*
*/*
```
"""
_PAPER = "@article{{{key}, author={{An Author}}, title={{A title}}, journal={{A journal}}, year={{{year}}}}}\n"


def render_many(root: Path) -> tuple[Path, list[dict[str, Any]]]:
    """Render the site of a project that has a thousand claims and nothing else.

    Parameters
    ----------
    root : Path
        An empty folder.

    Returns
    -------
    site : Path
        The pages.
    records : list of dict
        The claims on them.
    """
    project = ToyProject(root)
    documents = {
        "index.md": _INDEX,
        "bibliography.md": "# Bibliography\n\n```{bibliography}\n:all:\n```\n",
        "decisions/0001-evidence-and-verdicts.md": "# Evidence and verdicts\n",  # the ledger links to it
    }
    keys = sorted({source.partition(",")[0] for source in _SOURCES if "," in source})
    documents["references.bib"] = "".join(_PAPER.format(key=key, year=key[-4:]) for key in keys)
    for name, text in documents.items():
        path = root / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    records = write_records(root / "figures")
    return render(Project.find(project.root)).parent, records


def write_records(folder: Path, n_claims: int = N_CLAIMS) -> list[dict[str, Any]]:
    """Write the records of invented claims, evenly over the chapters.

    Parameters
    ----------
    folder : Path
        Stands for ``figures/``.
    n_claims : int
        How many.

    Returns
    -------
    list of dict
        The records.
    """
    rng = np.random.default_rng(0)
    values = rng.permutation(n_claims) / 10.0 + 0.1
    records = []
    for number, value in enumerate(values):
        chapter = CHAPTERS[number % len(CHAPTERS)]
        record = _record(chapter, number, float(value))
        (folder / chapter).mkdir(parents=True, exist_ok=True)
        file = folder / chapter / f"{record['id'].partition('.')[2]}.claim.json"
        file.write_text(json.dumps(record), encoding="utf-8")
        records.append(record)
    return records


def _record(chapter: str, number: int, value: float) -> dict[str, Any]:
    kind = number % 3

    def compare(predicted: float) -> Agreement:
        error = _NOISE[kind]
        return Agreement(predicted=predicted, measured=value, standard_error=error, margin=0.1, resolution=1.0)

    def evidence(conditions: Conditions) -> Outcome:
        return Outcome(evidence=compare(value + _DISTANCES[kind]), controls={"ten_more": compare(value + 10.0)})

    claim = Claim(
        chapter=chapter,
        name=f"invented_{number:04d}",
        statement=rf"Invented claim {number}: the sum is $\sum_{{i \ge 1}} \lambda_i^{{{number}}} = {value}$.",
        source=_SOURCES[number % len(_SOURCES)],
        tolerance="a tenth, since it is invented; resolution 1",
        controls={"ten_more": "ten too much"},
        expected=Verdict("confirmed"),
        cost="instant",
        function=evidence,
    )
    return {**claim.run().to_record(), "seconds": value / 10.0}
