import subprocess

import pytest

from theorylab.suite.clean import clean_project
from theorylab.suite.project import Project
from theorylab.suite.store import Records


@pytest.fixture
def project(toy):
    """A notebook that is there, one that is gone, a result by hand, a committed file and somebody's notes."""
    toy.write_notebook("alpha/01_law", "x = 1")
    project = Project.find(toy.root)
    project.state.mkdir()
    records = Records(str(project.state / "doit.json"))
    records.set("alpha/01_law", "_values_:", {"outputs": ["alpha/law.svg", "alpha/data.csv"]})
    records.set("alpha/02_gone", "_values_:", {"outputs": ["alpha/gone.svg"]})
    records.dump()
    for name in ("README.md", "alpha/law.svg", "alpha/data.csv", "alpha/gone.svg", "alpha/hand.png", "alpha/notes.txt"):
        path = project.figures / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return project


def files(project):
    return {path.relative_to(project.figures).as_posix() for path in project.figures.rglob("*") if path.is_file()}


def test_results_go_and_the_rest_stays(project):
    report = clean_project(project, only_stale=False, dry_run=False)
    assert report == [
        "removed figures/alpha/data.csv",
        "removed figures/alpha/gone.svg",
        "removed figures/alpha/hand.png",
        "removed figures/alpha/law.svg",
        "left figures/alpha/notes.txt: not made by the build",
        "removed .theorylab/doit.json",
    ]
    assert files(project) == {"README.md", "alpha/notes.txt"}


def test_stale_only(project):
    report = clean_project(project, only_stale=True, dry_run=False)
    assert report == ["removed figures/alpha/gone.svg", "removed figures/alpha/hand.png"]
    assert Records(str(project.state / "doit.json")).task_names == ["alpha/01_law"]


@pytest.mark.parametrize("only_stale", [True, False])
def test_a_dry_run_changes_nothing(project, only_stale):
    before = files(project)
    told = clean_project(project, only_stale=only_stale, dry_run=True)
    assert files(project) == before
    done = clean_project(project, only_stale=only_stale, dry_run=False)
    assert [line.replace("would remove", "removed") for line in told] == done


def test_committed_files_stay(project):
    def git(*arguments):
        subprocess.run(["git", *arguments], cwd=project.root, check=True, capture_output=True)

    git("init")
    git("add", "--force", "figures/alpha/hand.png")
    clean_project(project, only_stale=False, dry_run=False)
    assert files(project) == {"README.md", "alpha/hand.png", "alpha/notes.txt"}


def test_nothing_made_yet(toy):
    toy.write_notebook("alpha/01_law", "x = 1")
    assert clean_project(Project.find(toy.root), only_stale=False, dry_run=False) == []
