"""What the repository may hold: small files, whole thoughts, no trace of the machine that it was written on."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from theorylab import __version__

PROJECT = Path(__file__).parents[2]
LOCKS = {"requirements.lock", "requirements-dev.lock", "requirements-browser.lock"}
MAX_BYTES = 500_000
MAX_LINES = 450
TEXTS = {
    "",
    ".bib",
    ".cff",
    ".cfg",
    ".css",
    ".html",
    ".ipynb",
    ".js",
    ".json",
    ".md",
    ".py",
    ".pyi",
    ".rst",
    ".svg",
    ".toml",
    ".yml",
}
# put together here, so that this file does not hold what it looks for
MACHINE_PATHS = [re.compile(rf"(?<![\w.~/-])/{folder}/\w") for folder in ("home", "root", "Users", "work")]
UNFINISHED = re.compile(r"\b(TO" + "DO|FIX" + r"ME|X" + r"XX)\b")


def repository_files() -> list[Path]:
    """Every file that is tracked, or would be by `git add`."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout: there is no telling which files belong to it")
    return [PROJECT / name for name in done.stdout.split("\0") if name and (PROJECT / name).is_file()]


def texts() -> dict[str, str]:
    """Contents of the text files but the locks, by path in the repository."""
    files = [file for file in repository_files() if file.suffix in TEXTS and file.name not in LOCKS]
    return {file.relative_to(PROJECT).as_posix(): file.read_text(encoding="utf-8") for file in files}


def machine_paths(text: str) -> list[str]:
    """Lines that name a place on the machine of whoever wrote them."""
    own = [re.compile(re.escape(str(place)) + r"\b") for place in (Path.home(), PROJECT) if len(place.parts) > 1]
    return [line for line in text.splitlines() if any(pattern.search(line) for pattern in MACHINE_PATHS + own)]


def test_files_are_small():
    large = {file.name: file.stat().st_size for file in repository_files() if file.stat().st_size > MAX_BYTES}
    assert set(large) <= LOCKS, large


def test_modules_are_short():
    lengths = {file.name: len(file.read_text().splitlines()) for file in (PROJECT / "theorylab").rglob("*.py")}
    assert {name: length for name, length in lengths.items() if length >= MAX_LINES} == {}


def test_no_file_names_a_place_on_a_machine():
    assert {name: found for name, text in texts().items() if (found := machine_paths(text))} == {}


def test_a_place_on_a_machine_is_noticed():
    assert machine_paths("see /" + "home/someone/notes.txt")
    assert machine_paths(f"open({str(PROJECT / 'figures')!r})")
    assert not machine_paths("https://example.org/home/page and docs/work/plan")


def test_nothing_is_left_to_be_done():
    assert {name: UNFINISHED.findall(text) for name, text in texts().items() if UNFINISHED.search(text)} == {}


def test_the_citation_has_the_version_of_the_package():
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == __version__
    assert citation["license"] == "MIT"


def test_the_changelog_knows_the_version():
    assert re.search(rf"^## \[{re.escape(__version__)}\]", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
