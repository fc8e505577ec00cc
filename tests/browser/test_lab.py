"""A notebook in JupyterLab: open it, run all cells, move a slider, see the figure change."""

import contextlib
import http.client
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.browser.browsing import visiting
from tests.browser.conftest import BROWSER, PROJECT
from tests.browser.explorations import Exploration, move_by_keyboard, move_by_pointer, within
from tests.browser.lab import Lab, jupyterlab, run_all

PYTHON = PROJECT / ".venv-lab" / "bin" / "python"
#: A notebook that runs in seconds; the figures of the others move in test_explorations.py.
NOTEBOOK = "self_distillation/01_filters_and_limits.ipynb"
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
NEEDS = pytest.mark.skipif(not BROWSER, reason="needs JupyterLab: make test-browser")


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


def test_a_slider_moves_the_figure_of_a_notebook(opened):
    shown = exploration(opened(NOTEBOOK))
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


@NEEDS
def test_the_server_is_gone_after_an_error(tmp_path):
    servers = []

    def break_off():
        with jupyterlab(PYTHON, tmp_path, tmp_path / "state") as server:
            servers.append(server)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert servers[0].process.poll() is not None
    assert not answers(servers[0])


KILLED = """
import os, pathlib, signal, sys
from tests.browser.lab import jupyterlab
python, folder = map(pathlib.Path, sys.argv[1:])
with jupyterlab(python, folder, folder / "state") as server:
    print(server.url, server.token, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@NEEDS
def test_the_server_ends_with_the_tests_that_were_killed(tmp_path):
    command = [sys.executable, "-c", KILLED, str(PYTHON), str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = Lab(*done.stdout.split(), process=None)
    assert within(60, lambda: not answers(left))


def answers(server):
    """Whether somebody listens at the address of a server."""
    try:
        server.states()
    except (OSError, http.client.HTTPException):  # nobody there, or gone in the middle of the answer
        return False
    return True
