"""What the README says is so: its example runs, its ledger is the registry, its pictures and commands exist."""

import re
from pathlib import Path

import pytest

from theorylab import claims
from tools.claims_page import page

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text()


EXAMPLES = re.findall(r"```python\n(from (?:theorylab\.|sklearn).*?)```", TEXT, flags=re.DOTALL)


def test_there_are_examples():
    assert len(EXAMPLES) == 2


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_run(example, capsys):
    exec(compile(example, "README.md", "exec"), {})
    assert len(re.findall(r"\d\.\d*", capsys.readouterr().out)) >= 7


def test_the_ledger_counts_the_claims_and_controls_of_every_chapter():
    rows = re.findall(r"^\| `(\w+)` \|.*\| (\d+) of (\d+) \| (\d+) of (\d+) \| (\d+) \|$", TEXT, flags=re.MULTILINE)
    listed = {chapter: tuple(map(int, counts)) for chapter, *counts in rows}
    found: dict[str, list[claims.Claim]] = {}
    for claim in claims.discover().values():
        found.setdefault(claim.chapter, []).append(claim)
    expected = {}
    for chapter, its in found.items():
        controls = sum(len(claim.controls) for claim in its)
        notebooks = len(list((ROOT / "notebooks" / chapter).glob("*.ipynb")))
        expected[chapter] = (len(its), len(its), controls, controls, notebooks)
    assert listed == expected


def test_the_state_of_the_ledger_is_the_sum_of_its_chapters():
    rows = re.findall(r"^\| `\w+` \|.*\| (\d+) of (\d+) \| (\d+) of (\d+) \| \d+ \|$", TEXT, flags=re.MULTILINE)
    total = [sum(map(int, column)) for column in zip(*rows, strict=True)]
    told = re.search(r"\*\*(\d+) of (\d+) claims are upheld, (\d+) of (\d+) wrong variants refuted\*\*", TEXT)
    assert told
    assert list(map(int, told.groups())) == total


def test_every_chapter_shows_the_figure_that_stands_for_it():
    chapters = sorted((ROOT / "docs" / "chapters").glob("*.md"))
    assert chapters
    for path in chapters:
        figure = re.search(r"^figure: (\w+)$", path.read_text(), flags=re.MULTILINE)
        assert figure, path
        assert f"(docs/gallery/{path.stem}/{figure[1]}.svg)" in TEXT


@pytest.mark.parametrize("name", re.findall(r"`(\w+\.\w+)`(?:,|\))", TEXT))
def test_named_claims_exist(name):
    assert name in claims.discover()


def test_refuted_statements_are_expected_to_be():
    for name in re.findall(r"`(\w+\.\w+)`, refuted\)", TEXT):
        assert claims.discover()[name].expected == "refuted"


def test_the_page_of_claims_is_that_of_the_registry():
    assert (ROOT / "docs" / "claims.md").read_text() == page(), "run `make claims`"


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", TEXT))
def test_links_lead_to_files(link):
    assert (ROOT / link).is_file()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:^|`)make ([a-z-]+)", TEXT, flags=re.MULTILINE))))
def test_commands_exist(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
