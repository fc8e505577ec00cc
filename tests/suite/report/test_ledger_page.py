"""The ledger page: complete without scripts, safe against what stands in records, usable at a thousand claims."""

from html.parser import HTMLParser

import pytest

from tests.suite.report.conftest import load, record, write_record
from theorylab.suite.report import check
from theorylab.suite.report.ledger_page import ledger_page, summary_bar
from theorylab.suite.report.rows import ledger_rows


class Table(HTMLParser):
    """Rows and ids of the tables of a page."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.cells = {}, 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "tr" and "id" in given:
            self.rows[given["id"]] = given
        self.cells += tag in ("td", "th")


@pytest.fixture
def page(results):
    return ledger_page(ledger_rows(results, ["gauss1823"]))


def test_a_row_has_its_claims_id_and_what_filters_need(page):
    row = Table(page).rows["averages.variance"]
    assert row["data-chapter"] == "averages"
    assert row["data-status"] == "upheld"
    assert row["data-verdict"] == "confirmed"
    assert row["data-source"] == "gauss1823 derived-here"


def test_everything_that_was_asked_for_stands_in_the_row(page):
    for text in (
        "0.2",
        "0.21 ± 0.01",
        "one draw fewer 1.4×",
        "1 of 1",
        "quick",
        "0.5 s",
        r"\(\sigma^2/n\)",
        "a &lt; b",
    ):
        assert text in page
    for link in (
        'href="notebooks/averages/01_variance.html#cell-claim"',
        'href="chapters/averages.html#figure-curve"',
        'href="chapters/averages.html#claim-variance"',
        'href="papers/gauss1823.html"',
        'href="papers/derived-here.html"',
    ):
        assert link in page


def test_findings_come_before_the_table(project):
    write_record(project.figures, name="myth", expected="refuted", verdict="refuted", statement="All is well.")
    page = ledger_page(ledger_rows(load(project), ["gauss1823"]))
    assert page.index("Findings against the literature") < page.index("All is well.") < page.index("All claims")
    assert "Findings against" not in ledger_page(ledger_rows(load(project), [])[1:])


def test_a_control_that_was_missed_is_said_aloud(project):
    missed = {**record()["controls"][0], "rejected": False, "distance": 0.4}
    write_record(project.figures, controls=[missed], status="not upheld")
    page = ledger_page(ledger_rows(load(project), []))
    assert "0 of 1" in page
    assert '0.4× <strong class="lab-missed">missed</strong>' in page
    assert "0 upheld, 1 not upheld" in page


def test_texts_of_records_are_escaped(project):
    write_record(project.figures, statement="<script>alert(1)</script>", source='"><img src=x>')
    page = ledger_page(ledger_rows(load(project), []))
    assert "<script>alert" not in page
    assert "<img" not in page


def test_the_summary_counts(results):
    rows = ledger_rows(results, [])
    assert "1 claims: 1 upheld, 0 not upheld, 0 inconclusive. 1 of 1 wrong variants rejected." in summary_bar(rows)
    assert "0 claims" in summary_bar([])


def test_a_thousand_claims_fit_on_the_page(tmp_path):
    from theorylab.suite.report.results import Results

    statement = (
        "The test error of ridge regression on k random features is $E = \\frac{n}{a+h}[\\sum_i s_i v_i^2]$, " * 3
    )
    controls = [{**record()["controls"][0], "name": f"a_wrong_variant_{number}"} for number in range(3)]
    for number in range(1000):
        chapter = f"chapter_{number % 10}"
        write_record(tmp_path, name=f"claim_{number:04d}", chapter=chapter, statement=statement, controls=controls)
    page = ledger_page(ledger_rows(Results.load(tmp_path, {}, {}), ["gauss1823"]))
    found = Table(page)
    assert len(found.rows) == 1000
    assert len(page.encode()) < 0.95 * check.MAXIMUM_BYTES  # the theme adds its own
