"""What runs again, and why: on toy notebooks, without kernels."""

import io
import os

import pytest

from tests.suite.toy import PARAMETERS
from theorylab.suite import build as build_module
from theorylab.suite.build import Build
from theorylab.suite.launch import NotebookError, StagedRun
from theorylab.suite.plan import Plan
from theorylab.suite.progress import PlainProgress
from theorylab.suite.project import Project, UsageError
from theorylab.suite.store import Records

GIVEN = {"profile": "quick", "seed": 0, "backend": "numpy", "device": "cpu"}
EVERY = ["alpha/01_law", "alpha/02_tools", "beta/01_law"]


@pytest.fixture
def three(toy, without_kernels):
    """Three notebooks: through the lazy facade, through it to another module, and by module."""
    toy.write_notebook("alpha/01_law", "from toylab.alpha import law")
    toy.write_notebook("alpha/02_tools", "from toylab.alpha import hammer")
    toy.write_notebook("beta/01_law", "from toylab.beta import theory")
    without_kernels.update({name: {f"{name}.svg": "<svg/>"} for name in EVERY})
    return toy


def build(toy, given=None, only=(), jobs=1, stream=None):
    """Build anew, as a new process would; the outcome."""
    project = Project.find(toy.root)
    plan = Plan(project, project.select(only), {**GIVEN, **(given or {})})
    return Build(plan, jobs=jobs, progress=PlainProgress(stream or io.StringIO())).run()


def reasons(toy, name, given=None):
    project = Project.find(toy.root)
    plan = Plan(project, project.select([name]), {**GIVEN, **(given or {})})
    return plan.reasons(plan.planned[name])


def test_the_first_run_runs_all_and_the_second_none(three):
    assert reasons(three, "beta/01_law") == ["it has not been run yet"]
    assert sorted(build(three).ran) == EVERY
    assert three.take_runs() == EVERY
    assert build(three).up_to_date == EVERY
    assert three.take_runs() == []
    assert reasons(three, "beta/01_law") == []


def touch(toy):
    for path in toy.root.rglob("*.*"):
        os.utime(path)


def edit_prose(toy):
    toy.write_notebook("beta/01_law", "from toylab.beta import theory", prose="## Better words\n and more")


def edit_a_result(toy):
    for path in (toy.root / "figures").rglob("*.svg"):
        path.write_text("edited by hand")


def change_an_unimported_module(toy):
    toy.write_module("records.py", "changed = True")


@pytest.mark.parametrize("act", [touch, edit_prose, edit_a_result, change_an_unimported_module])
def test_what_runs_nothing(three, act):
    build(three)
    act(three)
    assert build(three).ran == []


def edit_shared(toy):
    toy.write_module("shared.py", "scale = 3\n")


def edit_theory_keeping_its_time(toy):
    path = toy.root / "toylab/beta/theory.py"
    stat = path.stat()
    path.write_text("def law():\n    return 8\n")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def edit_chapter_init(toy):
    path = toy.root / "toylab/alpha/__init__.py"
    path.write_text(path.read_text() + "# more\n")


def edit_code(toy):
    toy.write_notebook("beta/01_law", "from toylab.beta import theory\nx = 2")


def edit_default(toy):
    toy.write_notebook("beta/01_law", "from toylab.beta import theory", parameters=PARAMETERS.replace("3", "4"))


def edit_lock(toy):
    (toy.root / "requirements.lock").write_text("numpy==2.1\n")


def move_a_name(toy):
    toy.write_module("alpha/__init__.pyi", "from .theory import law as law\nfrom .theory import law as hammer\n")


def delete_a_result(toy):
    (toy.root / "figures/alpha/02_tools.svg").unlink()


@pytest.mark.parametrize(
    ("act", "again", "why"),
    [
        # through the facade and through another module
        (edit_shared, ["alpha/01_law"], ["toylab.shared (toylab/shared.py) changed"]),
        (edit_theory_keeping_its_time, ["beta/01_law"], ["toylab.beta.theory (toylab/beta/theory.py) changed"]),
        (edit_chapter_init, EVERY[:2], ["toylab.alpha (toylab/alpha/__init__.py) changed"]),
        (edit_code, ["beta/01_law"], ['code cell 2 (work) under "The work" changed']),
        (
            edit_default,
            ["beta/01_law"],
            ['code cell 1 (settings) under "A toy" changed', "parameter size: 3 before, 4 now"],
        ),
        (edit_lock, EVERY, ["requirements.lock changed"]),
        (delete_a_result, ["alpha/02_tools"], ["figures/alpha/02_tools.svg is missing"]),
        (
            move_a_name,
            ["alpha/02_tools"],
            [
                "toylab.alpha.hammer came from toylab.alpha.tools:hammer before, from toylab.alpha.theory:law now",
                "it now depends on toylab.alpha.theory (toylab/alpha/theory.py)",
                "it now depends on toylab.shared (toylab/shared.py)",
                "it no longer depends on toylab/alpha/tools.py",
            ],
        ),
    ],
)
def test_what_runs_again_and_why(three, act, again, why):
    build(three)
    three.take_runs()
    act(three)
    assert reasons(three, again[-1]) == why
    build(three)
    assert three.take_runs() == again
    assert build(three).ran == []


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"profile": "full"}, "parameter profile: 'quick' before, 'full' now"),
        ({"seed": 1}, "parameter seed: 0 before, 1 now"),
        ({"device": "cuda"}, "parameter device: 'cpu' before, 'cuda' now"),
        ({"size": 9}, "parameter size: 3 before, 9 now"),
    ],
)
def test_other_parameters_run_again(three, given, why):
    build(three)
    assert reasons(three, "beta/01_law", given) == [why]
    assert sorted(build(three, given).ran) == EVERY
    assert build(three, given).ran == []


def test_a_parameter_equal_to_its_default_is_no_change(three):
    build(three)
    assert build(three, {"size": 3}).ran == []


def test_an_added_cell_is_told(three):
    build(three)
    path = three.notebook_path("beta/01_law")
    path.write_text(path.read_text().replace('"cells": [', '"cells": [{"cell_type": "code", "source": "1"}, '))
    assert reasons(three, "beta/01_law") == ["code cells were added or removed: 2 before, 3 now"]


def test_a_wrong_parameter_runs_nothing(three):
    three.write_notebook("beta/01_law", "x = 1", parameters=PARAMETERS.replace("size", "width"))
    with pytest.raises(UsageError, match="beta/01_law has no parameter 'size'"):
        build(three, {"size": 9})
    assert three.take_runs() == []
    assert build(three, {"size": 9}, only=["alpha"]).ran == EVERY[:2]


def test_a_failure_stops_nobody_and_is_remembered(three, without_kernels):
    build(three)
    edit_lock(three)
    three.take_runs()
    without_kernels["alpha/02_tools"] = {"FAIL": ""}
    before = three.results()
    outcome = build(three, jobs=2)
    assert three.take_runs() == EVERY
    assert list(outcome.failures) == ["alpha/02_tools"]
    assert sorted(outcome.ran) == [EVERY[0], EVERY[2]]
    assert three.results() == before
    assert reasons(three, "alpha/02_tools") == ["its last run failed: ValueError: no"]
    without_kernels["alpha/02_tools"] = {"alpha/new.svg": ""}
    assert build(three).ran == ["alpha/02_tools"]
    # the file of the last success was still known, and nobody makes it now
    assert three.results() == before - {"alpha/02_tools.svg"} | {"alpha/new.svg"}


def test_results_that_are_no_longer_made_are_removed(three, without_kernels):
    build(three)
    without_kernels["beta/01_law"] = {"beta/other.svg": "<svg/>"}
    edit_code(three)
    build(three)
    assert three.results() & {"beta/01_law.svg", "beta/other.svg", "beta/01_law.ipynb"} == {
        "beta/other.svg",
        "beta/01_law.ipynb",
    }


def test_two_notebooks_may_not_make_one_file(three, without_kernels):
    without_kernels["alpha/02_tools"] = {"alpha/01_law.svg": "mine"}
    outcome = build(three)
    assert outcome.failures["alpha/02_tools"].error.startswith("it wrote alpha/01_law.svg, which alpha/01_law writes")
    assert (three.root / "figures/alpha/01_law.svg").read_text() == "<svg/>"


def test_two_notebooks_that_end_together_may_not_make_one_file(three):
    """The first is in place, but the main thread has not yet saved its record when the second comes."""
    project = Project.find(three.root)
    plan = Plan(project, project.notebooks, GIVEN)
    running = Build(plan, jobs=2, progress=PlainProgress(io.StringIO()))
    running._pending = {"alpha/01_law", "alpha/02_tools"}
    staged = {}
    for name in running._pending:
        staged[name] = StagedRun(three.root / name, ("alpha/shared.svg",))
        (three.root / name / "alpha").mkdir(parents=True)
        (three.root / name / "alpha/shared.svg").write_text(name)
    running._place(plan.planned["alpha/01_law"], staged["alpha/01_law"], 1.0)
    with pytest.raises(NotebookError, match=r"alpha/shared\.svg, which alpha/01_law writes too"):
        running._place(plan.planned["alpha/02_tools"], staged["alpha/02_tools"], 1.0)
    assert (three.root / "figures/alpha/shared.svg").read_text() == "alpha/01_law"


@pytest.mark.parametrize(("giver", "taker"), [EVERY[:2], EVERY[1::-1]])
def test_a_file_may_move_from_one_notebook_to_another(three, without_kernels, giver, taker):
    build(three)
    without_kernels[taker] = {f"{giver}.svg": "mine"}
    without_kernels[giver] = {"alpha/new.svg": "<svg/>"}
    edit_lock(three)
    assert build(three).failures == {}
    assert (three.root / f"figures/{giver}.svg").read_text() == "mine"
    assert build(three).ran == []


def test_results_stay_in_their_chapter(three, without_kernels):
    without_kernels["beta/01_law"] = {"alpha/stray.svg": ""}
    outcome = build(three)
    assert "it wrote alpha/stray.svg; a notebook of this chapter" in outcome.failures["beta/01_law"].error
    assert not any(file.startswith("beta/") for file in three.results())


@pytest.fixture
def breaking_off(monkeypatch):
    """Placing stops after the first file; the function that says with which exception."""

    def arrange(exception):
        def put_in_place(run, figures):
            (run.folder / run.files[0]).replace(figures / run.files[0])
            raise exception

        monkeypatch.setattr(build_module, "put_in_place", put_in_place)

    return arrange


def test_a_full_disk_is_the_failure_of_one_notebook(three, breaking_off):
    (three.root / "figures/beta").mkdir(parents=True)
    breaking_off(OSError("disk full"))
    failure = build(three, only=["beta"]).failures["beta/01_law"]
    assert failure.error == "OSError: disk full"
    assert "disk full" in failure.traceback[-1]


def test_placing_that_breaks_off_is_not_taken_for_done(three, breaking_off):
    """Between two renames the record is already taken back, and it knows both old and new files."""
    build(three)
    edit_code(three)
    breaking_off(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        build(three)
    three.write_notebook("beta/01_law", "from toylab.beta import theory")  # back to what had succeeded
    assert reasons(three, "beta/01_law") == ["its last run was interrupted"]
    records = Records(str(three.root / ".theorylab/doit.json"))
    assert records.values("beta/01_law")["outputs"] == ["beta/01_law.ipynb", "beta/01_law.svg"]


def edit_module(toy):
    toy.write_module("beta/theory.py", "edited = True")


@pytest.mark.parametrize("edit", [edit_module, edit_code])
def test_an_edit_during_the_run_runs_again_even_when_it_is_taken_back(three, monkeypatch, edit):
    kept = {path: path.read_text() for path in three.root.rglob("*.*") if path.is_file()}
    fake = build_module.Launcher._execute

    def execute_and_edit(self, notebook, scratch, environment):
        code = fake(self, notebook, scratch, environment)
        if notebook.name == "beta/01_law":
            edit(three)
        return code

    monkeypatch.setattr(build_module.Launcher, "_execute", execute_and_edit)
    assert build(three).edited == ["beta/01_law"]
    monkeypatch.setattr(build_module.Launcher, "_execute", fake)
    for path, text in kept.items():
        path.write_text(text)
    assert build(three).ran == ["beta/01_law"]
    assert build(three).ran == []


@pytest.fixture
def timed(three):
    """Three notebooks that ran before, and took 10, 70 and 30 seconds."""
    build(three)
    project = Project.find(three.root)
    records = Plan(project, project.notebooks, GIVEN).records
    for name, seconds in zip(EVERY, (10.0, 70.0, 30.0), strict=True):
        records.set(name, "_values_:", {**records.values(name), "seconds": {"quick/numpy/cpu": seconds}})
    records.dump()
    edit_lock(three)
    return three


def test_progress_knows_the_last_run_and_starts_with_the_longest(timed):
    stream = io.StringIO()
    build(timed, stream=stream)
    lines = [line for line in stream.getvalue().splitlines() if not line.startswith("done")]
    assert lines == [
        "3 notebooks to run, expected to take 1 min 50 s",
        "start  alpha/02_tools (last time 1 min 10 s)",
        "start  beta/01_law (last time 30.0 s)",
        "start  alpha/01_law (last time 10.0 s)",
    ]


@pytest.mark.parametrize(("jobs", "expected"), [(1, "1 min 50 s"), (2, "1 min 10 s")])
def test_the_expected_time_is_that_of_the_jobs_and_of_the_longest_notebook(timed, jobs, expected):
    stream = io.StringIO()
    build(timed, stream=stream, jobs=jobs)
    assert stream.getvalue().startswith(f"3 notebooks to run, expected to take {expected}\n")


def test_the_expected_time_is_that_of_the_profile(timed):
    stream = io.StringIO()
    build(timed, {"profile": "full"}, stream=stream)
    assert stream.getvalue().startswith("3 notebooks to run\n")


def test_staging_is_empty_afterwards(three):
    build(three)
    assert sorted(path.name for path in (three.root / ".theorylab").iterdir()) == ["doit.json"]
