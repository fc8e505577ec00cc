"""The example in CONTRIBUTING.md is a chapter that works."""

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
BLOCK = re.compile(r"^( *)```python\n *# (\S+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def example_files() -> dict[str, str]:
    """Files of the example, by path."""
    blocks = BLOCK.findall((PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    return {path: textwrap.dedent(body) for _, path, body in blocks}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the package with the chapter of the example in it."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(PROJECT / "theorylab", root / "theorylab", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", root)
    (root / "notebooks").mkdir()
    for path, text in example_files().items():
        if path.endswith(".py"):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
    stub = "from .theory import variance_of_mean as variance_of_mean\n"
    (root / "theorylab" / "averages" / "__init__.pyi").write_text(stub)
    return root


def run(project: Path, *arguments: str) -> str:
    """Run Python in the copy; its output, after checking that it succeeded."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_example_has_every_file():
    assert {Path(path).name for path in example_files()} == {
        "__init__.py",
        "theory.py",
        "experiment.py",
        "claims.py",
        "test_claims.py",
        "01_variance.ipynb",
    }


def test_the_claim_is_upheld(project):
    assert "1 upheld, 0 not upheld" in run(project, "-m", "theorylab", "verify", "--only", "averages")


def test_its_test_and_its_doctest_pass(project):
    run(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/averages", "theorylab/averages")


def test_it_keeps_the_contracts_and_the_style(project):
    run(project, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-logo", "--no-cache")
    run(project, "-m", "ruff", "check", "--no-cache", "theorylab/averages", "tests/averages")
    run(project, "-m", "ruff", "format", "--no-cache", "--check", "theorylab/averages", "tests/averages")


def test_the_public_name_is_reached_through_the_chapter(project):
    code = "import theorylab; print(theorylab.averages.variance_of_mean(1.0, 4), 'averages' in dir(theorylab))"
    assert run(project, "-c", code).split() == ["0.25", "True"]


def test_the_notebook_cell_runs(project):
    cell = example_files()["notebooks/averages/01_variance.ipynb"]
    parameters = "profile, seed, backend, device = 'quick', 0, 'numpy', 'cpu'\n"
    run(project, "-c", parameters + cell)
    assert (project / "figures" / "averages" / "variance.claim.json").is_file()
