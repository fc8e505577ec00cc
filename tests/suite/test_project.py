import json

import pytest

from tests.suite.toy import PARAMETERS, write_cells
from theorylab.suite.project import Notebook, Project, UsageError, last_heading, read_code_cells, suggestion


@pytest.fixture
def project(toy):
    for name in ("alpha/01_law", "alpha/02_limits", "beta/01_law"):
        toy.write_notebook(name, "x = 1")
    return Project.find(toy.root)


def test_the_root_is_found_from_below(toy, project):
    assert Project.find(toy.root / "toylab" / "alpha") == project
    assert project.root == toy.root.resolve()
    assert project.package == "toylab"


def test_no_project(tmp_path):
    with pytest.raises(UsageError, match="no project at or above"):
        Project.find(tmp_path)


def test_the_package_must_be_there(toy):
    (toy.root / "pyproject.toml").write_text('[project]\nname = "other-lab"\n')
    with pytest.raises(UsageError, match=r"other_lab/ with an __init__\.py"):
        Project.find(toy.root)


def test_a_project_has_a_name(toy):
    (toy.root / "pyproject.toml").write_text("[tool]\n")
    with pytest.raises(UsageError, match="must name the project"):
        Project.find(toy.root)


def test_notebooks_are_sorted_and_checkpoints_are_none(toy, project):
    write_cells(toy.root / "notebooks/alpha/.ipynb_checkpoints/01_law-checkpoint.ipynb", [])
    assert [notebook.name for notebook in project.notebooks] == ["alpha/01_law", "alpha/02_limits", "beta/01_law"]


def test_names_are_plain(toy, project):
    toy.write_notebook("beta/a=b", "x = 1")
    with pytest.raises(UsageError, match="Rename it"):
        _ = project.notebooks


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ([], ["alpha/01_law", "alpha/02_limits", "beta/01_law"]),
        (["alpha"], ["alpha/01_law", "alpha/02_limits"]),
        (["02_limits"], ["alpha/02_limits"]),
        (["beta", "alpha/01_law.ipynb"], ["alpha/01_law", "beta/01_law"]),
    ],
)
def test_selection(project, wanted, names):
    assert [notebook.name for notebook in project.select(wanted)] == names


def test_selection_by_path(project, monkeypatch):
    monkeypatch.chdir(project.root)
    assert [notebook.name for notebook in project.select(["notebooks/beta/01_law.ipynb"])] == ["beta/01_law"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [("alhpa", "Did you mean 'alpha'"), ("01_law", "fits several notebooks: alpha/01_law, beta/01_law")],
)
def test_selection_refuses(project, wanted, message):
    with pytest.raises(UsageError, match=message):
        project.select([wanted])


def test_code_cells_know_their_heading(tmp_path):
    path = tmp_path / "n.ipynb"
    raw = [
        ("code", "a", "x = 1", []),
        ("markdown", "b", "## Set-up\ntext", []),
        ("code", "c", "y = 1", ["hide"]),
        ("code", "d", "  \n", []),
        ("markdown", "e", "no heading", []),
        ("code", "f", "z = 1", []),
        ("code", "g", "w = 1", ["injected-parameters"]),
    ]
    write_cells(path, raw)
    assert [(cell.id, cell.heading) for cell in read_code_cells(path)] == [("a", ""), ("c", "Set-up"), ("f", "Set-up")]


def test_the_split_of_lines_in_the_file_does_not_matter(tmp_path):
    path = tmp_path / "n.ipynb"
    write_cells(path, [("code", "a", "x = 1\ny = 2", [])])
    split = read_code_cells(path)[0].digest
    content = json.loads(path.read_text())
    content["cells"][0]["source"] = "x = 1\ny = 2"
    path.write_text(json.dumps(content))
    assert read_code_cells(path)[0].digest == split


@pytest.mark.parametrize("text", ["", "[]", '{"worksheets": []}'])
def test_what_is_no_notebook_is_refused(tmp_path, text):
    path = tmp_path / "n.ipynb"
    path.write_text(text)
    with pytest.raises(UsageError, match="must be a notebook in format 4"):
        read_code_cells(path)


@pytest.mark.parametrize(
    ("markdown", "heading"),
    [
        ("# One\n## Two  \ntext", "Two"),
        ("text\n#hashtag", ""),
        ("# Real\n```\n# comment\n```", "Real"),
    ],
)
def test_last_heading(markdown, heading):
    assert last_heading(markdown) == heading


def notebook_with(path, source, tags=("parameters",)):
    write_cells(path, [("code", "p", source, list(tags))])
    return Notebook("alpha", path)


def test_defaults_are_literals_or_marked_expressions(tmp_path):
    notebook = notebook_with(tmp_path / "n.ipynb", PARAMETERS + "\nwidths: list = [1, 2]\npower = 2**10")
    assert notebook.defaults == {
        "profile": "quick", "seed": 0, "backend": "numpy", "device": "cpu", "size": 3,
        "widths": [1, 2], "power": {"2 ** 10"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "tags", "message"),
    [
        (PARAMETERS, (), "exactly one cell tagged 'parameters'; it has 0"),
        ("profile = 'quick'\nseed = 0", ("parameters",), "must declare backend, device"),
        ("profile = ", ("parameters",), "plain Python assignments; line 1"),
    ],
)
def test_a_notebook_declares_its_parameters(tmp_path, source, tags, message):
    notebook = notebook_with(tmp_path / "n.ipynb", source, tags)
    with pytest.raises(UsageError, match=message):
        _ = notebook.defaults


def test_given_values_overlay_the_defaults(project):
    notebook = project.notebooks[0]
    assert project.parameters(notebook, {"seed": 4, "size": 5})["seed"] == 4
    assert project.parameters(notebook, {"seed": 4})["size"] == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sise": 4}, "no parameter 'sise'. Did you mean 'size'"),
        ({"size": "4"}, "must be of type int, like its default 3; got '4'"),
        ({"size": True}, "must be of type int"),
    ],
)
def test_wrong_parameters_are_refused(project, given, message):
    with pytest.raises(UsageError, match=message):
        project.parameters(project.notebooks[0], given)


def test_an_int_may_stand_for_a_float(tmp_path, project):
    notebook = notebook_with(tmp_path / "n.ipynb", PARAMETERS + "\nridge = 0.5\nlimit = None")
    assert project.parameters(notebook, {"ridge": 1, "limit": "any"})["ridge"] == 1
    with pytest.raises(UsageError, match="must be of type float"):
        project.parameters(notebook, {"ridge": True})


def test_suggestion_lists_everything_when_nothing_is_near():
    assert suggestion("xyz", ["quick", "full"]) == "There is: quick, full."
    assert suggestion("xyz", []) == "There is none."
