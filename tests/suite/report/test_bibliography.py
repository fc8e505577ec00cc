"""Every source of every claim, and every citation of every docstring, is in the bibliography of the project."""

import re
from pathlib import Path

import pytest

from theorylab import claims
from theorylab.suite.project import UsageError
from theorylab.suite.report.bibliography import keys_of, read_bibliography, unknown_keys

PROJECT = Path(__file__).parents[3]
BIBLIOGRAPHY = read_bibliography(PROJECT / "docs" / "references.bib")


@pytest.mark.parametrize("claim", claims.discover().values(), ids=lambda claim: claim.id)
def test_sources_are_known(claim):
    assert unknown_keys(claim.source, list(BIBLIOGRAPHY)) == ()
    assert keys_of(claim.source, list(BIBLIOGRAPHY)) or "derived here" in claim.source


def test_citations_of_docstrings_are_known():
    cited = {
        key
        for path in (PROJECT / "theorylab").rglob("*.py")
        for key in re.findall(r"\[([a-z]+\d{4}[a-z]?)\](?:_| [A-Z])", path.read_text(encoding="utf-8"))
    }
    assert len(cited) > 10
    assert cited - set(BIBLIOGRAPHY) == set()


def test_a_key_that_is_not_there_is_noticed():
    assert unknown_keys("jacott2018, Theorem 1", ["jacot2018"]) == ("jacott2018",)
    assert keys_of("jacott2018, Theorem 1", ["jacot2018"]) == ()


def test_numbers_of_preprints_are_no_keys():
    assert unknown_keys("Dang, Patil and Rinaldo, arXiv:2602.17565; Devroye (1998)", []) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@misc{a2000,\n  title = {A},\n  year = {2000}\n}\n" * 2, "a2000 is there twice"),
        ("@misc{a2000,\n  author = {A}\n}\n", "entry a2000 .* must have a title and a year"),
    ],
)
def test_faults_are_named(tmp_path, text, message):
    (tmp_path / "x.bib").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_bibliography(tmp_path / "x.bib")


def test_no_file_is_an_empty_bibliography(tmp_path):
    assert read_bibliography(tmp_path / "none.bib") == {}


def test_braces_around_capitals_are_taken_away():
    assert "Hilbert" in BIBLIOGRAPHY["mobahi2020"]["title"]
    assert not {"{", "}"} & set("".join("".join(fields.values()) for fields in BIBLIOGRAPHY.values()))
