"""The command line, in this process and without kernels."""

import pytest

from tests.suite.test_verify import CLAIMS
from theorylab.suite.cli import main

RECORD = '{{"chapter": "alpha", "id": "alpha.law", "verdict": "{verdict}", "status": "{status}", "controls": [], '
RECORD += '"summary": "seen", "seconds": 1.0}}'
UPHELD = RECORD.format(verdict="confirmed", status="upheld")
CONTRADICTED = RECORD.format(verdict="refuted", status="not upheld")


@pytest.fixture
def two(toy, without_kernels):
    for name in ("alpha/01_law", "beta/01_law"):
        toy.write_notebook(name, "x = 1")
    without_kernels["alpha/01_law"] = {"alpha/law.claim.json": UPHELD}
    return toy


@pytest.fixture
def call(two, capsys):
    """Run a command line on the project: status, standard output, standard error."""

    def run(*arguments):
        status = main(["--root", str(two.root), *arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_figures_prints_the_ledger_also_when_nothing_ran(call):
    status, out, err = call("figures")
    assert status == 0
    assert "2 notebooks to run" in err
    assert "notebooks: 2 run" in out
    assert out.endswith("1 upheld, 0 not upheld, 0 inconclusive\n")
    status, out, err = call("figures")
    assert (status, err) == (0, "")
    assert "notebooks: 2 up to date" in out
    assert out.endswith("1 upheld, 0 not upheld, 0 inconclusive\n")


def test_a_claim_that_is_not_upheld_is_status_1_every_time(call, without_kernels):
    without_kernels["alpha/01_law"] = {"alpha/law.claim.json": CONTRADICTED}
    for _ in range(2):
        status, out, _ = call("figures")
        assert status == 1
        assert "alpha.law not upheld: seen" in out


def test_a_crash_is_status_2_and_makes_its_records_stale(call, two, without_kernels):
    call("figures")
    without_kernels["alpha/01_law"] = {"FAIL": ""}
    two.write_notebook("alpha/01_law", "x = 2")
    status, out, err = call("figures")
    assert status == 2
    assert "FAILED alpha/01_law" in err
    assert "notebooks: 1 up to date, 1 failed" in out
    assert "alpha.law stale: notebook alpha/01_law failed; this is from an earlier run" in out
    assert out.endswith("0 upheld, 0 not upheld, 0 inconclusive, 1 stale\n")


def test_only_shows_and_runs_the_selection(call, two):
    status, out, _ = call("figures", "--only", "beta")
    assert status == 0
    assert two.take_runs() == ["beta/01_law"]
    call("figures")
    _, out, _ = call("figures", "--only", "beta")
    assert "alpha" not in out


def test_a_record_that_no_notebook_makes_is_stale(call, two):
    call("figures")
    (two.root / "figures/alpha/old.claim.json").write_text(CONTRADICTED)
    status, out, _ = call("figures")
    assert status == 0
    assert "alpha.old stale: no notebook makes this record" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["figures", "--only", "gamma"], "'gamma' is neither a chapter nor a notebook"),
        (["figures", "--profile", "fast"], "unknown --profile 'fast'"),
        (["figures", "-p", "sise=3"], "has no parameter 'sise'. Did you mean 'size'"),
        (["figures", "--device", "cuda"], "device"),
        (["figures", "--backend", "numpi"], "numpy"),
        (["why", "gamma"], "neither a chapter nor a notebook"),
        (["build"], "unknown command 'build'"),
        ([], "COMMAND"),
    ],
)
def test_refused_before_anything_runs_with_status_64(call, two, arguments, message):
    status, out, err = call(*arguments)
    assert (status, out) == (64, "")
    assert message in err
    assert two.take_runs() == []
    assert two.results() == set()


def test_no_project_is_status_64(tmp_path, capsys):
    assert main(["--root", str(tmp_path), "figures"]) == 64
    assert "no project at or above" in capsys.readouterr().err


def test_why(call, two):
    assert call("why", "alpha/01_law")[1] == "alpha/01_law has to run:\n  - it has not been run yet\n"
    call("figures")
    assert call("why", "alpha/01_law")[1] == "alpha/01_law is up to date\n"
    _, out, _ = call("why", "alpha", "--seed", "2")
    assert out == "alpha/01_law has to run:\n  - parameter seed: 0 before, 2 now\n"


def test_list_shows_notebooks_claims_and_state_without_running(call, two, unload_toylab):
    two.write_module("beta/claims.py", CLAIMS)
    call("figures", "--only", "alpha")
    two.take_runs()
    status, out, err = call("list")
    assert (status, err) == (0, "")
    assert out.split("\n") == [
        "alpha",
        "  notebook 01_law (up to date)",
        "beta",
        "  notebook 01_law (has to run)",
        "  claim    beta.holds",
        "  claim    beta.fails",
        "",
    ]
    assert two.take_runs() == []
    assert "beta" not in call("list", "--only", "alpha")[1]


def test_list_does_without_claims_that_cannot_be_imported(call, two, unload_toylab):
    two.write_module("beta/claims.py", "import nonexistent_module\n")
    status, out, err = call("list")
    assert status == 0
    assert "notebook 01_law" in out
    assert "No module named 'nonexistent_module'" in err


def test_verify_writes_nothing(call, two, unload_toylab):
    two.write_module("beta/claims.py", CLAIMS)
    status, out, _ = call("verify", "--only", "beta.holds", "-j", "1")
    assert status == 0
    assert out.endswith("1 upheld, 0 not upheld, 0 inconclusive\n")
    assert call("verify", "-j", "1")[0] == 1
    assert two.results() == set()
    assert not (two.root / ".theorylab").exists()


def test_verify_refuses_an_unknown_claim(call, two, unload_toylab):
    two.write_module("beta/claims.py", CLAIMS)
    status, _, err = call("verify", "--only", "beta.hold")
    assert status == 64
    assert "Did you mean 'beta.holds'" in err


def test_clean(call, two):
    call("figures")
    status, out, _ = call("clean", "--dry-run")
    assert status == 0
    assert "would remove figures/alpha/law.claim.json" in out
    assert two.results() == {"alpha/law.claim.json", "alpha/01_law.ipynb", "beta/01_law.ipynb"}
    assert "removed figures/alpha/law.claim.json" in call("clean")[1]
    assert two.results() == set()
    assert call("clean")[1] == "nothing to remove\n"
    assert call("why", "alpha/01_law")[1].endswith("it has not been run yet\n")
