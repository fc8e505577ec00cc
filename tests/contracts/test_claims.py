"""Every claim of every chapter says what it claims, where it comes from and what would refute it."""

import re
from pathlib import Path

import pytest

from theorylab import claims

TESTS = Path(__file__).parents[1]
CLAIMS = claims.discover()
# "derived here", or a bibliography key such as simon2024, or a name with a year
SOURCE = re.compile(r"derived here|[A-Za-z]\w*\d{4}|\b(19|20)\d\d\b")


def test_there_are_claims():
    assert CLAIMS


@pytest.mark.parametrize("id_", CLAIMS)
def test_the_id_is_chapter_and_function(id_):
    claim = CLAIMS[id_]
    assert id_ == f"{claim.chapter}.{claim.function.__name__}"
    assert claim.function.__module__.startswith(f"theorylab.{claim.chapter}.claims")
    assert re.fullmatch(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*", id_)


@pytest.mark.parametrize("id_", CLAIMS)
def test_the_statement_is_a_sentence_with_a_formula(id_):
    statement = CLAIMS[id_].statement
    assert statement[0].isupper()
    assert statement.endswith((".", "$", "$$"))
    assert statement.count("$") >= 2
    assert statement.count("$") % 2 == 0


@pytest.mark.parametrize("id_", CLAIMS)
def test_the_source_can_be_found(id_):
    assert SOURCE.search(CLAIMS[id_].source)


@pytest.mark.parametrize("id_", CLAIMS)
def test_the_tolerance_gives_a_size_and_a_reason(id_):
    assert len(CLAIMS[id_].tolerance.split()) >= 6


@pytest.mark.parametrize("id_", CLAIMS)
def test_there_is_a_control_that_says_what_is_wrong_in_it(id_):
    controls = CLAIMS[id_].controls
    assert controls
    assert all(len(description.split()) >= 2 for description in controls.values())


@pytest.mark.parametrize("id_", CLAIMS)
def test_a_test_of_the_chapter_names_the_claim(id_):
    claim = CLAIMS[id_]
    tests = "\n".join(path.read_text() for path in (TESTS / claim.chapter).rglob("test_*.py"))
    assert re.search(rf"\b{claim.name}\b", tests), f"no test in tests/{claim.chapter} mentions {claim.name}"
