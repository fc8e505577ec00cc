"""``theorylab report``: notebooks brought up to date or left alone, the site rendered whatever the verdicts."""

import pytest

from tests.suite.test_cli import CONTRADICTED, UPHELD
from theorylab.suite import report
from theorylab.suite.cli import main


@pytest.fixture
def two(toy, without_kernels):
    for name in ("alpha/01_law", "beta/01_law"):
        toy.write_notebook(name, "x = 1")
    without_kernels["alpha/01_law"] = {"alpha/law.claim.json": UPHELD}
    return toy


@pytest.fixture
def rendered(monkeypatch, two):
    """What the command asks the renderer for; no Sphinx runs."""
    calls = []

    def render(project, **given):
        calls.append(given)
        return project.root / "site" / "index.html"

    monkeypatch.setattr(report, "render", render)
    return calls


@pytest.fixture
def call(two, capsys):
    def run(*arguments):
        status = main(["--root", str(two.root), "report", *arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_notebooks_run_first_and_only_what_changed(call, two, rendered):
    status, out, _ = call()
    assert status == 0
    assert "notebooks: 2 run" in out
    assert "1 upheld, 0 not upheld, 0 inconclusive" in out
    assert out.endswith("site/index.html\n")
    assert two.take_runs() == ["alpha/01_law", "beta/01_law"]
    call()
    assert two.take_runs() == []
    assert [given["stale"] for given in rendered] == [{}, {}]
    assert set(rendered[1]["seconds"]) == {"alpha/01_law", "beta/01_law"}


def test_a_claim_that_is_not_upheld_is_rendered_and_then_fails(call, rendered, without_kernels):
    without_kernels["alpha/01_law"] = {"alpha/law.claim.json": CONTRADICTED}
    status, out, _ = call()
    assert status == 1
    assert len(rendered) == 1
    assert "alpha.law not upheld: seen" in out


def test_a_notebook_that_failed_is_rendered_as_stale_and_then_fails(call, two, rendered, without_kernels):
    call()
    without_kernels["alpha/01_law"] = {"FAIL": ""}
    two.write_notebook("alpha/01_law", "x = 2")
    status, _, err = call()
    assert status == 2
    assert "FAILED alpha/01_law" in err
    assert "failed; this is from an earlier run" in rendered[-1]["stale"]["alpha/law.claim.json"]


def test_no_run_leaves_notebooks_alone_and_says_what_is_out_of_date(call, two, rendered):
    call()
    two.take_runs()
    two.write_notebook("alpha/01_law", "x = 2")
    status, out, _ = call("--no-run")
    assert (status, two.take_runs()) == (0, [])
    why = rendered[-1]["stale"]["alpha/law.claim.json"]
    assert why.startswith("notebook alpha/01_law has to run again: code cell 2")
    assert "1 stale" in out


def test_results_under_other_conditions_are_stale_without_a_run(call, rendered):
    call()
    call("--no-run", "--seed", "1")
    assert "parameter seed: 0 before, 1 now" in rendered[-1]["stale"]["alpha/law.claim.json"]


def test_a_site_that_cannot_be_rendered_is_a_crash_that_says_why(call, monkeypatch):
    def render(project, **given):
        raise report.RenderError("the site is not sound; nothing was published:\nindex.html: gone.html leads nowhere")

    monkeypatch.setattr(report, "render", render)
    status, _, err = call()
    assert status == 2
    assert "theorylab: the site is not sound" in err
    assert "gone.html leads nowhere" in err


def test_there_is_no_selection_in_a_whole_site(call):
    status, _, err = call("--only", "alpha")
    assert status == 64
    assert "--only" in err
