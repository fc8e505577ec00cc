import pytest

from theorylab.suite.project import Project, UsageError
from theorylab.suite.verify import run_claims

HEAD = """\
from theorylab.claims import Agreement, Outcome, claim

def compare(predicted):
    return Agreement(predicted=predicted, measured=1.0, standard_error=0.0, margin=0.1, resolution=0.1)

about = dict(source="derived here", tolerance="exact", controls={"double": "twice as much"})
"""
CLAIM = """
@claim(statement="It is {predicted}.", **about)
def {name}(conditions):
    return Outcome(evidence=compare({predicted}), controls={{"double": compare(2.0)}})
"""
CRASHING = """
@claim(statement="It is.", **about)
def crashes(conditions):
    raise ArithmeticError("no convergence")
"""
CLAIMS = HEAD + CLAIM.format(name="holds", predicted=1.0) + CLAIM.format(name="fails", predicted=3.0)
CONDITIONS = {"profile": "quick", "seed": 0, "backend": "numpy", "device": "cpu"}


@pytest.fixture
def project(toy, unload_toylab):
    toy.write_module("alpha/claims.py", CLAIMS)
    toy.write_module("beta/claims.py", HEAD + CRASHING + CLAIM.format(name="steady", predicted=1.0))
    return Project.find(toy.root)


def statuses(entries):
    return {f"{entry.chapter}.{entry.claim}": entry.status for entry in entries}


EVERY = {"alpha.holds": "upheld", "alpha.fails": "not upheld", "beta.crashes": "crashed", "beta.steady": "upheld"}


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_claim_is_judged_and_a_crash_stops_nobody(project, jobs, capfd):
    entries = run_claims(project, [], CONDITIONS, jobs=jobs)
    assert statuses(entries) == EVERY
    crashed = next(entry for entry in entries if entry.status == "crashed")
    assert crashed.note.startswith("ArithmeticError: no convergence (claims.py, line ")
    told = capfd.readouterr().err
    assert "Traceback" in told
    assert "done   alpha.fails (not upheld) in 0.0 s" in told


def test_a_worker_that_dies_is_a_crash(toy, project):
    dying = CRASHING.replace('raise ArithmeticError("no convergence")', "import os; os._exit(1)")
    toy.write_module("beta/claims.py", HEAD + dying)
    entries = run_claims(project, ["beta.crashes", "alpha.holds"], CONDITIONS, jobs=2)
    assert statuses(entries)["beta.crashes"] == "crashed"
    assert "a worker process died" in entries[-1].note


def test_the_entry_carries_controls_and_time(project):
    (entry,) = run_claims(project, ["alpha.holds"], CONDITIONS, jobs=1)
    assert (entry.verdict, entry.rejected, entry.controls) == ("confirmed", 1, 1)
    assert entry.seconds is not None


@pytest.mark.parametrize(
    ("wanted", "names"),
    [(["alpha"], {"alpha.holds", "alpha.fails"}), (["alpha.fails", "beta.steady"], {"alpha.fails", "beta.steady"})],
)
def test_selection(project, wanted, names):
    assert statuses(run_claims(project, wanted, CONDITIONS, jobs=1)).keys() == names


def test_an_unknown_name_is_refused(project):
    with pytest.raises(UsageError, match="'alhpa' is neither a chapter nor a claim. Did you mean 'alpha'"):
        run_claims(project, ["alhpa"], CONDITIONS, jobs=1)


def test_claims_that_cannot_be_imported_are_a_crash(toy, project, capsys):
    toy.write_module("beta/claims.py", "from toylab.beta.theory import nothing\n")
    (entry,) = run_claims(project, [], CONDITIONS, jobs=1)
    assert entry.status == "crashed"
    assert "cannot import name 'nothing'" in entry.note


def test_only_what_is_asked_for_is_imported(toy, project):
    toy.write_module("beta/claims.py", "raise RuntimeError('half written')")
    assert statuses(run_claims(project, ["alpha.holds"], CONDITIONS, jobs=1)) == {"alpha.holds": "upheld"}
    assert [entry.status for entry in run_claims(project, [], CONDITIONS, jobs=1)] == ["crashed"]
