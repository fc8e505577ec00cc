"""Rows of the ledger agree with the evidence that they are taken from, and say the same as JSON and CSV."""

import csv
import io
import json

import numpy as np
import pytest

from tests.suite.report.conftest import load, record, write_record
from theorylab.evidence import Agreement, Bound, Ordering, Rate
from theorylab.suite.report.rows import findings, ledger_rows, to_csv, to_json

KEYS = ["gauss1823", "laplace1810"]
EVIDENCE = [
    Agreement(
        predicted=[1.0, 2.0, 3.0], measured=[1.1, 2.0, 2.5], standard_error=[0.1, 0.1, 0.2], margin=0.1, resolution=1
    ),
    Agreement(predicted=2.0, measured=2.0, margin=0.0),
    Bound(lhs=[1.0, 2.0], rhs=[1.5, 1.9], margin=[0.0, 0.2]),
    Rate(predicted=-0.5, fitted=-0.52, standard_error=0.01, margin=0.0, resolution=0.1),
    Ordering(
        values=[[3.0, 2.0, 2.1], [3.0, 2.0, 1.0]], direction="decreasing", margin=0.2, standard_error=0.01, resolution=1
    ),
]


def plain(evidence):
    made = evidence.to_record()
    return {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in made.items()}


@pytest.mark.parametrize("evidence", EVIDENCE, ids=lambda evidence: evidence.kind)
def test_the_numbers_are_those_of_the_comparison_under_the_greatest_strain(project, evidence):
    write_record(project.figures, evidence=[plain(evidence)])
    (row,) = ledger_rows(load(project), KEYS)
    numbers = row.numbers
    if evidence.kind == "bound":
        gap = numbers.measured - numbers.predicted
    elif evidence.kind == "ordering":
        gap = numbers.predicted - numbers.measured
    else:
        gap = abs(numbers.measured - numbers.predicted)
    allowed = numbers.margin + evidence.threshold * numbers.standard_error
    assert max(0.0, gap) == pytest.approx(evidence.strain * allowed)
    assert row.strain == pytest.approx(evidence.strain)


def test_the_worst_piece_speaks_for_the_claim(project):
    calm, strained = plain(EVIDENCE[1]), {**plain(EVIDENCE[0]), "label": "the hard one"}
    write_record(project.figures, evidence=[calm, strained])
    (row,) = ledger_rows(load(project), KEYS)
    assert (row.compared, row.numbers.measured) == ("the hard one", 2.5)


def test_a_kind_of_evidence_that_nobody_knows_is_refused(project):
    write_record(project.figures, evidence=[{**plain(EVIDENCE[0]), "kind": "hearsay"}])
    with pytest.raises(ValueError, match="kind of evidence must be .*; got 'hearsay'"):
        ledger_rows(load(project), KEYS)


@pytest.mark.parametrize(
    ("expected", "status", "is_finding"),
    [("refuted", "upheld", True), ("refuted", "not upheld", False), ("confirmed", "upheld", False)],
)
def test_findings_are_upheld_refutations(project, expected, status, is_finding):
    write_record(project.figures, expected=expected, status=status)
    assert bool(findings(ledger_rows(load(project), KEYS))) is is_finding


def test_a_stale_record_is_stale_whatever_it_says(project):
    (row,) = ledger_rows(load(project, {"averages/variance.claim.json": "its notebook failed"}), KEYS)
    assert (row.status, row.stale) == ("stale", "its notebook failed")


@pytest.mark.parametrize(
    ("source", "sources"),
    [
        ("gauss1823, eq. (1)", ("gauss1823",)),
        ("derived here", ("derived-here",)),
        ("laplace1810 and gauss1823; derived here", ("laplace1810", "gauss1823", "derived-here")),
        ("folklore", ("derived-here",)),
    ],
)
def test_a_claim_belongs_to_every_source_that_it_names(project, source, sources):
    write_record(project.figures, source=source)
    (row,) = ledger_rows(load(project), KEYS)
    assert row.sources == sources


def test_json_and_csv_say_the_same(project):
    controls = [dict(record()["controls"][0], distance="inf"), dict(record()["controls"][0], name="second")]
    write_record(project.figures, controls=controls, statement='a "quoted", comma')
    rows = ledger_rows(load(project), KEYS)
    data = json.loads(to_json(rows, {"version": "1"}), parse_constant=pytest.fail)
    (claim,) = data["claims"]
    assert data["about"] == {"version": "1"}
    assert [control["distance"] for control in claim["controls"]] == [None, 1.43]
    assert (claim["notebook"], claim["cell"]) == ("notebooks/averages/01_variance", "claim")
    (line,) = csv.DictReader(io.StringIO(to_csv(rows)))
    assert line["statement"] == claim["statement"]
    assert float(line["measured"]) == claim["measured"] == 0.21
    assert line["controls"] == "one_draw_fewer=None; second=1.43"


def test_an_empty_ledger_is_still_a_table():
    assert to_csv([]) == "id\n"
