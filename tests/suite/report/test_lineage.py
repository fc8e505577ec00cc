"""Which cell ran a claim, and what was drawn from it, read off the code."""

from theorylab.suite.report.lineage import Lineage

IMPORT = ("import", "from lab.averages.claims import variance, bias as offset\nfrom lab import figures")


def drawn(*sources):
    cells = [IMPORT, *((f"c{number}", source) for number, source in enumerate(sources))]
    return Lineage.of(cells).drawn


def test_a_renamed_import_keeps_its_claim():
    found = Lineage.of([IMPORT, ("run", "a = offset.run()")])
    assert found.runs == {"averages.bias": "run"}


def test_several_claims_in_one_comprehension():
    found = Lineage.of([IMPORT, ("run", "a, b = (claim.run() for claim in (variance, offset))")])
    assert set(found.runs) == {"averages.variance", "averages.bias"}


def test_the_cell_that_ran_a_claim_first_counts():
    found = Lineage.of([IMPORT, ("one", "a = variance.run()"), ("two", "b = variance.run(); offset.run()")])
    assert found.runs == {"averages.variance": "one", "averages.bias": "two"}


def test_a_name_that_is_bound_anew_forgets():
    assert drawn("run = variance.run()", "run = 3", "figures.save(f(run), 'a/b')") == {"a/b": ()}


def test_a_helper_stands_for_what_it_uses():
    helper = "def plot(ax):\n    ax.plot(result.arrays)"
    assert drawn("result = variance.run()", helper, "plot(ax)\nfigures.save(fig, name='a/b')") == {
        "a/b": ("averages.variance",)
    }


def test_figures_that_move_are_figures():
    assert drawn("r = variance.run()", "explore.explore(lambda n: plot(r, n), name='a/b')") == {
        "a/b": ("averages.variance",)
    }


def test_saving_a_result_saves_no_figure_and_magics_are_passed_over():
    assert drawn("%matplotlib inline", "variance.run().save()") == {}
