"""A notebook in JupyterLab: open it, run all cells, move a slider, see the figure change."""

import contextlib
import shutil
import urllib.error
from pathlib import Path

import nbformat
import pytest

from tests.browser.browsing import visiting
from tests.browser.conftest import PROJECT
from tests.browser.explorations import Exploration, move_by_keyboard, move_by_pointer
from tests.browser.lab import jupyterlab, run_all

PYTHON = PROJECT / ".venv-lab" / "bin" / "python"
#: A notebook takes a minute at most; a machine under load several.
SECONDS = 300

REACTS = """
import ipywidgets
import matplotlib.pyplot as plt

def draw(slope):
    fig, ax = plt.subplots()
    ax.plot([0, 1], [0, slope])
    ax.set_ylim(0, 9)
    plt.show()

ipywidgets.interact(draw, slope=ipywidgets.IntSlider(1, 0, 9));
"""
DOES_NOT = REACTS.replace("[0, slope]", "[0, 1]")


def exploring() -> list[str]:
    """Notebooks with a figure that moves, the first of each chapter."""
    chapters = {}
    for path in sorted((PROJECT / "notebooks").glob("*/*.ipynb")):
        code = "".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code")
        if "explore.explore(" in code:
            chapters.setdefault(path.parent.name, path.relative_to(PROJECT / "notebooks").as_posix())
    return list(chapters.values())


def write_notebook(path: Path, code: str) -> None:
    """Write a notebook of one cell."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(code, id="only")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory):
    """JupyterLab on a copy of the notebooks and on two invented ones."""
    if not PYTHON.exists():
        pytest.fail(f"there is no {PYTHON}; make lab makes it")
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(PROJECT / "notebooks", folder / "notebooks")
    write_notebook(folder / "notebooks" / "reacts.ipynb", REACTS)
    write_notebook(folder / "notebooks" / "does_not.ipynb", DOES_NOT)
    write_notebook(folder / "notebooks" / "fails.ipynb", "1 / 0")
    with jupyterlab(PYTHON, folder / "notebooks", folder / "state") as server:
        yield server


@pytest.fixture
def opened(browser, lab):
    """Open a notebook and run it: gives the page."""
    with contextlib.ExitStack() as visits:

        def run(name):
            lab.stop_kernels()
            visit = visits.enter_context(visiting(browser))
            seen.append(visit)
            visit.page.goto(lab.notebook(name))
            run_all(visit.page, lab, seconds=SECONDS)
            return visit.page

        seen = []
        yield run
        assert [request for visit in seen for request in visit.outside] == []


def exploration(page):
    """The first figure with sliders among the outputs of the notebook that a page shows."""
    output = page.locator(".jp-OutputArea-output", has=page.get_by_role("slider")).first
    output.wait_for()
    return Exploration(output)


@pytest.mark.parametrize("name", exploring())
def test_a_slider_moves_the_figure_of_a_notebook(opened, name):
    shown = exploration(opened(name))
    move_by_keyboard(shown)
    move_by_pointer(shown)


def test_a_figure_that_follows_its_slider_is_accepted(opened):
    shown = exploration(opened("reacts.ipynb"))
    move_by_keyboard(shown)
    move_by_pointer(shown)


def test_a_figure_that_does_not_follow_its_slider_is_noticed(opened):
    shown = exploration(opened("does_not.ipynb"))
    with pytest.raises(AssertionError, match="did not change"):
        move_by_keyboard(shown, seconds=3)


def test_a_cell_that_fails_is_noticed(opened):
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        opened("fails.ipynb")


def test_the_server_is_gone_after_an_error(browser, tmp_path):
    write_notebook(tmp_path / "reacts.ipynb", REACTS)
    servers = []

    def break_off():
        with jupyterlab(PYTHON, tmp_path, tmp_path / "state") as server, visiting(browser) as visit:
            servers.append(server)
            visit.page.goto(server.notebook("reacts.ipynb"))
            run_all(visit.page, server, seconds=SECONDS)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert servers[0].process.poll() is not None
    with pytest.raises(urllib.error.URLError):
        servers[0].states()
