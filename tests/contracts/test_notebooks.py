"""Notebooks are lectures without outputs that run under any parameters; every claim is shown in one."""

import ast
import copy
import importlib.util
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from theorylab import claims

PROJECT = Path(__file__).parents[2]
NOTEBOOKS = sorted((PROJECT / "notebooks").rglob("*.ipynb"))
DEFAULTS = {"profile": "quick", "seed": 0, "backend": "numpy", "device": "cpu"}
NAME = re.compile(r"\d\d_[a-z0-9_]+\.ipynb")


def notebook_ids() -> list[str]:
    return [path.relative_to(PROJECT / "notebooks").as_posix() for path in NOTEBOOKS]


def code_of(notebook: Any) -> str:
    """All code cells as one program."""
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


def headings_of(notebook: Any) -> list[str]:
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.findall(r"^#+ +(.*)$", prose, re.MULTILINE)


# --- what each check finds wrong; an empty list is a good notebook ---------------------------------------------------


def outputs(notebook: Any) -> list[str]:
    """Outputs, execution counts and the states of widgets."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    left = [f"cell {cell.id} has outputs" for cell in code if cell.outputs]
    left += [f"cell {cell.id} has an execution count" for cell in code if cell.execution_count is not None]
    return left + ["it keeps widgets" for key in notebook.metadata if key == "widgets"]


def identity(notebook: Any) -> list[str]:
    """Cells without an id of their own."""
    ids = [cell.get("id") for cell in notebook.cells]
    return [] if None not in ids and len(set(ids)) == len(ids) else [f"cell ids are {ids}"]


def parameters(notebook: Any) -> list[str]:
    """Anything but one parameters cell with the four standard parameters at their defaults."""
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        return [f"{len(tagged)} cells are tagged 'parameters'"]
    found = {}
    for statement in ast.parse(tagged[0].source).body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign):
            return ["the parameters cell does more than assign"]
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        found[ast.unparse(target)] = ast.literal_eval(statement.value)
    return [f"{name} is {found.get(name)!r}" for name, value in DEFAULTS.items() if found.get(name) != value]


def title(notebook: Any) -> list[str]:
    first = notebook.cells[0]
    good = first.cell_type == "markdown" and first.source.startswith("# ")
    return [] if good else ["the first cell is no title"]


def imports(notebook: Any) -> list[str]:
    """Imports of theorylab that do not say which module they need: the build could not tell what to watch."""
    vague = []
    for node in ast.walk(ast.parse(code_of(notebook))):
        if isinstance(node, ast.Import):
            vague += [alias.name for alias in node.names if alias.name == "theorylab"]
        if isinstance(node, ast.ImportFrom) and node.module == "theorylab":
            modules = [f"theorylab.{alias.name}" for alias in node.names]
            vague += [module for module in modules if importlib.util.find_spec(module) is None]
    return vague


def verdicts(notebook: Any) -> list[str]:
    """A lecture that does not come to its verdicts, or does not save what it ran."""
    wrong = []
    if not any("verdict" in heading.lower() for heading in headings_of(notebook)[-3:]):
        wrong.append("none of the last three headings is about verdicts")
    if ".run(" in code_of(notebook) and ".save(" not in code_of(notebook):
        wrong.append("claims are run and not saved")
    return wrong


CHECKS = [outputs, identity, parameters, title, imports, verdicts]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=notebook_ids())
def test_notebooks_are_valid_files(path):
    nbformat.validate(nbformat.read(path, as_version=nbformat.NO_CONVERT), version=4, version_minor=5)
    assert NAME.fullmatch(path.name)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=notebook_ids())
def test_notebooks_are_in_order(path, check):
    assert check(nbformat.read(path, as_version=4)) == []


def claims_shown() -> set[str]:
    """Ids of the claims that a notebook of their chapter imports by name or calls by id."""
    shown = set()
    for path in NOTEBOOKS:
        chapter = path.parent.name
        for node in ast.walk(ast.parse(code_of(nbformat.read(path, as_version=4)))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"theorylab.{chapter}.claims"):
                shown |= {f"{chapter}.{alias.name}" for alias in node.names}
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                shown.add(node.value)
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "claims":
                shown.add(f"{chapter}.{node.attr}")
    return shown


def test_every_claim_is_shown_in_a_notebook_of_its_chapter():
    assert set(claims.discover()) - claims_shown() == set()


def test_every_chapter_with_claims_has_notebooks():
    assert {claim.chapter for claim in claims.discover().values()} <= {path.parent.name for path in NOTEBOOKS}


# --- the checks notice -----------------------------------------------------------------------------------------------


def good_notebook() -> Any:
    new = nbformat.v4
    return new.new_notebook(
        cells=[
            new.new_markdown_cell("# Waves\n\nThe question."),
            new.new_code_cell(
                'profile = "quick"\nseed = 0\nbackend = "numpy"\ndevice = "cpu"\nwidth = 3',
                metadata={"tags": ["parameters"]},
            ),
            new.new_code_cell("from theorylab import claims\nfrom theorylab.evidence import Agreement"),
            new.new_markdown_cell("## The verdict"),
            new.new_code_cell("result = height.run(profile=profile)\nresult.save()"),
        ]
    )


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_good_notebook_passes(check):
    assert check(good_notebook()) == []


def spoil(check: Any, notebook: Any) -> None:
    """Change a good notebook so that the check must complain."""
    cells = notebook.cells
    changes = {
        outputs: lambda: cells[2].update(execution_count=3),
        identity: lambda: cells[2].update(id=cells[1].id),
        parameters: lambda: cells[1].update(source=cells[1].source.replace("seed = 0", "seed = 1")),
        title: lambda: cells[0].update(source="Waves"),
        imports: lambda: cells[2].update(source="import theorylab"),
        verdicts: lambda: cells[4].update(source="height.run(profile=profile)"),
    }
    changes[check]()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_spoilt_notebook_is_noticed(check):
    notebook = copy.deepcopy(good_notebook())
    spoil(check, notebook)
    assert check(notebook) != []
