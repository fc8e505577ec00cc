"""`import theorylab` stays light, and everything is reachable by attribute all the same."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import theorylab

PACKAGE = Path(theorylab.__file__).parent
HEAVY = {
    "array_api_compat",
    "cvxpy",
    "doit",
    "grimp",
    "IPython",
    "jax",
    "joblib",
    "matplotlib",
    "nbformat",
    "numpy",
    "pandas",
    "papermill",
    "pooch",
    "requests",
    "rich",
    "scipy",
    "sklearn",
    "torch",
}


def modules_after(statement: str) -> set[str]:
    """Names of the top-level modules that a fresh interpreter holds after the statement."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return set(json.loads(answer.stdout))


def chapters() -> list[str]:
    return sorted(folder.parent.name for folder in PACKAGE.glob("*/__init__.py") if folder.parent.name != "suite")


def test_the_package_imports_nothing_heavy():
    assert not modules_after("import theorylab") & HEAVY


@pytest.mark.parametrize("chapter", chapters())
def test_a_chapter_imports_nothing_heavy(chapter):
    assert not modules_after(f"import theorylab.{chapter}") & HEAVY


def test_the_check_sees_what_is_imported():
    assert "numpy" in modules_after("import numpy")


@pytest.mark.parametrize("module", ["arrays", "validation", "randomness", "numerics"])
def test_light_modules_load_no_plotting_and_no_learning_library(module):
    loaded = modules_after(f"import theorylab.{module}")
    assert not loaded & {"matplotlib", "sklearn", "cvxpy", "papermill", "IPython", "pooch"}


def test_every_shared_module_and_chapter_is_an_attribute():
    shared = {file.stem for file in PACKAGE.glob("*.py") if not file.stem.startswith("_")}
    assert shared | set(chapters()) <= set(dir(theorylab))
    for name in shared | set(chapters()):
        assert getattr(theorylab, name).__name__ == f"theorylab.{name}"


def test_an_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_chapter"):
        _ = theorylab.no_such_chapter


@pytest.mark.parametrize("chapter", chapters())
def test_a_chapter_lists_and_provides_its_public_names(chapter):
    stub = ast.parse((PACKAGE / chapter / "__init__.pyi").read_text())
    promised = {
        alias.asname or alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    module = getattr(theorylab, chapter)
    assert promised <= set(dir(module))
    for name in promised:
        assert getattr(module, name) is not None
