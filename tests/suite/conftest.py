import json
import os
import sys
from pathlib import Path

import pytest

from tests.suite.toy import ToyProject
from theorylab.suite.launch import Launcher


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A toy project without notebooks."""
    project = ToyProject(tmp_path / "toy")
    monkeypatch.setenv("TOY_LOG", str(project.log))
    return project


@pytest.fixture
def without_kernels(monkeypatch):
    """Notebooks "run" without a kernel: what they would write is said by the test, as {notebook: {file: text}}.

    For what the build decides; tests/suite/test_end_to_end.py runs real kernels.
    """
    outputs: dict[str, dict[str, str]] = {}

    def execute(self, notebook, scratch, environment):
        with Path(os.environ["TOY_LOG"]).open("a") as log:
            log.write(f"{notebook.name}\n")
        files = outputs.get(notebook.name, {})
        for name, text in {**files, f"{notebook.name}.ipynb": "{}"}.items():
            path = scratch / "output" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (scratch / "result.json").write_text(json.dumps({"ok": "FAIL" not in files, "error": "ValueError: no"}))
        return 0

    monkeypatch.setattr(Launcher, "_execute", execute)
    return outputs


@pytest.fixture
def unload_toylab(monkeypatch):
    """Forget the toy package afterwards: each test has its own."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("theorylab.claims._registry", {})
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "toylab"]:
        del sys.modules[name]
