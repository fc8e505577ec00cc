import io
import json

import pytest

from theorylab.suite.ledger import Entry, exit_status, print_ledger, read_ledger, summary_line


def record(name, status="upheld", *, rejected=True):
    return {
        "chapter": "alpha",
        "id": f"alpha.{name}",
        "verdict": "confirmed",
        "status": status,
        "controls": [{"name": "dropped_term", "rejected": rejected}, {"name": "swapped", "rejected": True}],
        "summary": "1.00 against 1.10",
        "seconds": 2.25,
    }


@pytest.fixture
def figures(tmp_path):
    (tmp_path / "alpha").mkdir()
    for item in (record("law"), record("noise", "inconclusive"), record("limit", "not upheld", rejected=False)):
        (tmp_path / f"{item['id'].replace('.', '/')}.claim.json").write_text(json.dumps(item))
    (tmp_path / "alpha/broken.claim.json").write_text("{")
    return tmp_path


def test_records_become_entries(figures):
    entries = read_ledger(figures, ["alpha/law.claim.json", "alpha/law.svg"], {})
    assert entries == [Entry("alpha", "law", "confirmed", 2, 2, "upheld", 2.25, "1.00 against 1.10")]


def test_a_broken_record_is_not_upheld(figures):
    (entry,) = read_ledger(figures, ["alpha/broken.claim.json"], {})
    assert entry.status == "not upheld"
    assert "alpha/broken.claim.json is not a claim record" in entry.note


def test_stale_records_are_told_without_their_numbers(figures):
    stale = {"alpha/law.claim.json": "its notebook failed", "alpha/gone.claim.json": "", "alpha/law.svg": ""}
    assert read_ledger(figures, [], stale) == [
        Entry("alpha", "law", "-", 0, 0, "stale", None, "its notebook failed")
    ]  # fmt: skip


def test_the_printed_ledger(figures):
    fresh = [f"alpha/{name}.claim.json" for name in ("law", "noise", "limit")]
    stream = io.StringIO()
    print_ledger(read_ledger(figures, fresh, {"alpha/broken.claim.json": "old"}), stream)
    lines = [line.split() for line in stream.getvalue().splitlines() if line.strip()]
    assert lines == [
        ["chapter", "claim", "verdict", "controls", "rejected", "status", "seconds"],
        [lines[1][0]],
        ["alpha", "broken", "-", "-", "stale", "-"],
        ["alpha", "law", "confirmed", "2/2", "upheld", "2.2"],
        ["alpha", "limit", "confirmed", "1/2", "not", "upheld", "2.2"],
        ["alpha", "noise", "confirmed", "2/2", "inconclusive", "2.2"],
        "alpha.broken stale: old".split(),
        "alpha.limit not upheld: control not rejected: dropped_term; 1.00 against 1.10".split(),
        "alpha.noise inconclusive: 1.00 against 1.10".split(),
        "1 upheld, 1 not upheld, 1 inconclusive, 1 stale".split(),
    ]


def test_long_notes_are_not_broken(figures):
    entry = Entry("alpha", "law", "refuted", 0, 1, "not upheld", 1.0, "why " * 200)
    stream = io.StringIO()
    print_ledger([entry], stream)
    assert "why " * 199 in stream.getvalue()


def test_an_empty_ledger_is_one_line():
    stream = io.StringIO()
    print_ledger([], stream)
    assert stream.getvalue() == "0 upheld, 0 not upheld, 0 inconclusive\n"


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ([], 0),
        (["upheld"], 0),
        (["upheld", "stale"], 0),
        (["upheld", "inconclusive"], 1),
        (["not upheld"], 1),
        (["not upheld", "crashed"], 2),
    ],
)
def test_exit_status(statuses, status):
    assert exit_status([Entry("a", "b", "-", 0, 0, each, None, "") for each in statuses]) == status


def test_summary_counts():
    entries = [Entry("a", "b", "-", 0, 0, each, None, "") for each in ("upheld", "upheld", "crashed")]
    assert summary_line(entries) == "2 upheld, 0 not upheld, 0 inconclusive, 1 crashed"
