"""Executed notebooks on their way to Sphinx: pictures become captioned figures, cells keep their ids."""

import base64
import json

import pytest

from tests.suite.report.conftest import code, load, notebook, plot
from theorylab import figures
from theorylab.suite.project import UsageError
from theorylab.suite.report.notebook_pages import CELL_ID, notebook_page


def page(project, *cells, stale=None, title="# T"):
    """Cells of the page of a notebook with these cells."""
    if cells:
        path = project.figures / "averages" / "01_variance.ipynb"
        path.write_text(json.dumps(notebook(*cells, title=title)))
    results = load(project, stale)
    text, pictures = notebook_page(results.notebooks[0], results)
    return {cell["id"]: cell for cell in json.loads(text)["cells"]}, pictures


def picture(project):
    return base64.b64encode((project.figures / "averages" / "curve.png").read_bytes()).decode()


def test_a_saved_figure_is_shown_from_its_file_with_alt_text_and_command(project):
    cells, pictures = page(project)
    (output,) = cells["figure"]["outputs"]
    html = output["data"]["text/html"]
    assert set(output["data"]) == {"text/html"}
    assert '<img src="../../figures/averages/curve.svg" alt="A line and a point' in html
    assert "../../ledger.html#averages.variance" in html
    assert "make figures ONLY=averages/01_variance PROFILE=quick SEED=0" in html
    assert pictures == {}


def test_two_figures_of_one_cell_come_in_their_order(project):
    figures.save(plot(), "averages/second", alt="Another line, much the same as the first one.")
    source = "figures.save(a, 'averages/curve', alt='')\nfigures.save(b, 'averages/second', alt='')"
    shown = {"image/png": picture(project)}
    cells, _ = page(project, code("figure", source, shown, shown))
    names = [output["data"]["text/html"].partition('src="')[2][:35] for output in cells["figure"]["outputs"]]
    assert ["curve" in names[0], "second" in names[1]] == [True, True]


def test_another_picture_becomes_a_file_with_its_own_text(project):
    cell = code("show", "display(image)", {"image/png": picture(project)})
    cell["outputs"][0]["metadata"] = {"image/png": {"alt": "a line"}}
    cells, pictures = page(project, cell)
    ((name, data),) = pictures.items()
    assert data.startswith(b"\x89PNG")
    assert f'<img src="../../figures/{name}" alt="a line">' in cells["show"]["outputs"][0]["data"]["text/html"]


def test_a_picture_without_a_text_is_refused(project):
    with pytest.raises(UsageError, match="a picture in averages/01_variance must have a text"):
        page(project, code("show", "display(image)", {"image/png": picture(project)}))


def test_cells_keep_their_ids_and_prose_stays(project):
    cells, _ = page(project)
    assert [cells[id_]["metadata"][CELL_ID] for id_ in ("claim", "figure")] == ["claim", "figure"]
    assert list(cells)[:2] == ["title", "lab-run"]
    assert "profile quick, seed 0, backend numpy, device cpu, in 3.0 s" in "".join(cells["lab-run"]["source"])


def test_parameters_are_repeated_only_where_they_differ(project):
    assert "injected-parameters" not in page(project)[0]
    path = project.figures / "averages" / "01_variance.ipynb"
    path.write_text(path.read_text().replace(r"# Parameters\nprofile = \"quick\"", r"# Parameters\nprofile = \"full\""))
    assert "injected-parameters" in page(project)[0]


def test_a_stale_notebook_says_so_under_its_title(project):
    cells, _ = page(project, stale={"averages/01_variance.ipynb": "a <module> changed"})
    assert "stale</span> a &lt;module&gt; changed." in "".join(cells["lab-run"]["source"])


def test_the_executed_notebook_itself_is_not_touched(project):
    results = load(project)
    before = json.dumps(results.notebooks[0].content)
    notebook_page(results.notebooks[0], results)
    assert json.dumps(results.notebooks[0].content) == before
