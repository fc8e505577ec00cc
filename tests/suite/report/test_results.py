"""What the build left is read whole, and told of by name where it is not what it should be."""

import pytest

from tests.suite.report.conftest import load, write_record
from theorylab.suite.project import UsageError


def test_a_figure_knows_its_cell_its_claims_and_its_command(results):
    (figure,) = results.figures
    assert (figure.notebook.name, figure.cell, figure.claims) == (
        "averages/01_variance",
        "figure",
        ("averages.variance",),
    )
    assert figure.command == "make figures ONLY=averages/01_variance PROFILE=quick SEED=0"
    assert figure.alt.startswith("A line and a point")
    assert all(side > 100 for side in figure.size)


def test_a_claim_without_a_record_is_not_led_to(project):
    (project.figures / "averages" / "variance.claim.json").unlink()
    results = load(project)
    assert [shown.claims for shown in (*results.figures, *results.players)] == [(), ()]


def test_a_player_is_found_by_being_there(results):
    (player,) = results.players
    assert (player.cell, player.claims) == ("move", ("averages.variance",))
    assert "<figure" in player.html


def test_a_claim_knows_where_it_was_run(results):
    notebook, cell = results.places["averages.variance"]
    assert (notebook.page, cell, notebook.seconds) == ("notebooks/averages/01_variance", "claim", 3.0)
    assert notebook.title == "How averages scatter"


def test_a_figure_of_no_notebook_comes_last(project):
    (project.figures / "averages" / "01_variance.ipynb").unlink()
    (figure,) = load(project).figures
    assert (figure.notebook, figure.claims) == (None, ())
    assert figure.command.startswith("make figures ONLY=averages ")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("broken.claim.json", "{", "broken.claim.json must be a claim record; it could not be read"),
        ("other.claim.json", "{}", "other.claim.json must be a claim record; it has no id"),
        ("02_x.ipynb", "[]", "02_x.ipynb must be an executed notebook"),
        (
            "strange.svg",
            "<svg xmlns='http://www.w3.org/2000/svg'/>",
            "strange.svg must be a figure of theorylab.figures",
        ),
        ("strange.html", "<p>hello</p>", "strange.html must be a figure of theorylab.explore"),
    ],
)
def test_what_is_not_what_its_name_says_is_named(project, name, text, message):
    (project.figures / "averages" / name).write_text(text)
    with pytest.raises(UsageError, match=message):
        load(project)


def test_chapters_are_those_that_left_anything(project):
    write_record(project.figures, chapter="invented", name="law")
    assert load(project).chapters == ("averages", "invented")
