import io

import pytest

from theorylab.suite.launch import NotebookError
from theorylab.suite.progress import PlainProgress, RichProgress, progress_for, spoken

ERROR = NotebookError("alpha/01_law", "ValueError: no [b]", {"seed": 0}, heading="Proof", cell="c3")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (3725, "1 h 02 min")]
)
def test_spoken(seconds, text):
    assert spoken(seconds) == text


def test_plain_lines():
    stream = io.StringIO()
    progress = progress_for(stream)
    assert isinstance(progress, PlainProgress)
    progress.begin(1, None)
    progress.started("alpha/01_law", None)
    progress.finished("alpha/01_law", 3.0)
    progress.end()
    assert stream.getvalue() == "1 notebook to run\nstart  alpha/01_law\ndone   alpha/01_law in 3.0 s\n"


def test_a_terminal_shows_running_notebooks_and_keeps_what_is_over(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    progress = progress_for(stream)
    assert isinstance(progress, RichProgress)
    progress.begin(2, 12.0)
    progress.started("alpha/01_law", 5.0)
    progress.started("alpha/02_limits", None)
    progress.finished("alpha/02_limits", 3.0)
    progress.failed(ERROR)
    progress.end()
    shown = stream.getvalue()
    assert "last time 12.0 s" in shown
    assert "notebooks 2/2" in shown
    assert "done   alpha/02_limits in 3.0 s" in shown
    assert "ValueError: no [b]" in shown


def test_a_failure_says_where():
    assert str(ERROR).splitlines() == [
        'FAILED alpha/01_law (under "Proof", cell c3)',
        "  ValueError: no [b]",
        "  parameters: seed=0",
    ]
