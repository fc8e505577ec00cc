"""A toy project: a package with a lazily loading chapter, and notebooks that log each time they run."""

import json
import sys
from pathlib import Path

PARAMETERS = 'profile = "quick"\nseed = 0\nbackend = "numpy"\ndevice = "cpu"\nsize = 3'

# What each notebook begins with: a line in the log for every run, and a helper that writes a result.
PRELUDE = """\
import os
from pathlib import Path
with open(os.environ["TOY_LOG"], "a") as log:
    log.write("{name}\\n")
def result(name, text):
    path = Path(os.environ["THEORYLAB_OUTPUT"]) / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
"""

MODULES = {
    "__init__.py": "",
    "shared.py": "scale = 2\n",
    "records.py": "import json\n\ndef record(chapter, name, status='upheld', rejected=True):\n"
    "    verdict = {'upheld': 'confirmed', 'not upheld': 'refuted'}.get(status, status)\n"
    "    controls = [{'name': 'wrong', 'rejected': rejected}]\n"
    "    return json.dumps({'chapter': chapter, 'id': f'{chapter}.{name}', 'verdict': verdict, 'status': status,\n"
    "                       'controls': controls, 'summary': '1.0 against 1.1', 'seconds': 0.5})\n",
    "alpha/__init__.py": "import lazy_loader as l\n__getattr__, __dir__, __all__ = l.attach_stub(__name__, __file__)\n",
    "alpha/__init__.pyi": "from .theory import law as law\nfrom .tools import hammer as hammer\n",
    "alpha/theory.py": "from toylab import shared\n\ndef law():\n    return shared.scale\n",
    "alpha/tools.py": "def hammer():\n    return 'bang'\n",
    "beta/__init__.py": "",
    "beta/theory.py": "def law():\n    return 7\n",
}


class ToyProject:
    """A project in a folder, with what the tests do to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        (root / "notebooks").mkdir()
        (root / "pyproject.toml").write_text('[project]\nname = "toylab"\n')
        (root / "requirements.lock").write_text("numpy==2.0\n")
        for name, text in MODULES.items():
            self.write_module(name, text)

    @property
    def log(self) -> Path:
        return self.root / "runs.log"

    def take_runs(self) -> list[str]:
        """Notebooks that ran since the last call, sorted."""
        runs = sorted(self.log.read_text().split()) if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return runs

    def results(self) -> set[str]:
        """Files below figures/."""
        figures = self.root / "figures"
        return {p.relative_to(figures).as_posix() for p in figures.rglob("*") if p.is_file()}

    def write_module(self, name: str, text: str) -> None:
        path = self.root / "toylab" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def notebook_path(self, name: str) -> Path:
        return self.root / "notebooks" / f"{name}.ipynb"

    def write_notebook(
        self, name: str, code: str, *, parameters: str = PARAMETERS, prose: str = "## The work", minor: int = 5
    ) -> None:
        """A notebook with a title, the parameters cell, a heading and one cell of code."""
        raw = [
            ("markdown", "title", "# A toy", []),
            ("code", "settings", parameters, ["parameters"]),
            ("markdown", "prose", prose, []),
            ("code", "work", PRELUDE.format(name=name) + code, []),
        ]
        write_cells(self.notebook_path(name), raw, minor)


def write_cells(path: Path, raw: list[tuple[str, str, str, list[str]]], minor: int = 5) -> None:
    """A notebook file of (type, id, source, tags); cells have ids from format 4.5 on."""
    cells = []
    for position, (kind, id_, source, tags) in enumerate(raw):
        cell = {"cell_type": kind, "id": id_, "metadata": {"tags": tags}, "source": source.splitlines(keepends=True)}
        cells.append(cell if kind == "markdown" else {**cell, "outputs": [], "execution_count": None})
        if minor < 5:
            del cells[position]["id"]
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": minor}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def command(root: Path, *arguments: str) -> list[str]:
    """Command line that runs theorylab on a project."""
    return [sys.executable, "-m", "theorylab", "--root", str(root), *arguments]
