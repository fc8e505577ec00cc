import io
from importlib import metadata

import numpy as np
import pytest

from theorylab.suite import doctor, smoke

NUMPY = {"state": "works", "seconds": 0.1, "matmul": 0.0, "eigh": 1e-16, "blas": "openblas with 1"}


@pytest.fixture
def report(monkeypatch):
    """Report of the doctor with scripted answers of the child processes."""

    def examine(answers, root=None):
        monkeypatch.setattr(doctor, "_ask", lambda *arguments: answers[arguments])
        stream = io.StringIO()
        return doctor.examine(root, stream), stream.getvalue()

    return examine


def test_this_machine():
    """The real thing: NumPy works wherever the tests run."""
    stream = io.StringIO()
    doctor.examine(None, stream)
    assert f"numpy     {metadata.version('numpy')} on cpu: works" in stream.getvalue()
    assert "blas      threads: " in stream.getvalue()


def test_all_is_well(report):
    answers = {
        (): {"known": ["numpy", "torch", "jax"], "installed": {"numpy": "2.4", "torch": "2.6"}},
        ("numpy", "cpu"): NUMPY,
        ("torch", "cpu"): NUMPY,
        ("torch", "cuda"): {"state": "not there", "detail": "no such device"},
    }
    status, text = report(answers)
    assert status == 0
    assert "torch     2.6 on cuda: not there (no such device)" in text
    assert "jax       not installed" in text


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"error": "ImportError: libfoo"}, "BROKEN (ImportError: libfoo)"),
        ({**NUMPY, "state": "WRONG"}, "WRONG, 0.10 s"),
    ],
)
def test_an_installed_library_that_fails_is_told(report, answer, told):
    answers = {(): {"known": ["torch"], "installed": {"torch": "2.6"}}, ("torch", "cpu"): answer}
    answers["torch", "cuda"] = {"state": "not there", "detail": ""}
    status, text = report(answers)
    assert status == 1
    assert f"torch     2.6 on cpu: {told}" in text


def test_a_broken_install_does_not_stop_the_report(report):
    status, text = report({(): {"error": "ImportError: numpy is half there"}})
    assert status == 1
    assert "arrays    cannot be imported: ImportError: numpy is half there" in text


def test_the_lock_is_compared(tmp_path, report):
    (tmp_path / "requirements.lock").write_text("numpy==0.1 \\\n    --hash=sha256:00\n")
    status, text = report({(): {"known": [], "installed": {}}}, tmp_path)
    assert status == 1
    assert f"numpy 0.1 is locked, but {metadata.version('numpy')} is installed" in text


def test_lock_mismatches():
    installed = metadata.version("numpy")
    lock = f"numpy==0.1 ; python_version < '3'\nnumpy=={installed} ; python_version >= '3'\n"
    lock += "no-such-package==1.0\nother-missing==1.0 ; sys_platform == 'win32'\n# comment==3\n    --hash=a==b\n"
    assert doctor.lock_mismatches(lock) == ["no-such-package 1.0 is locked, but it is not installed"]


def test_a_child_that_dies_is_told(monkeypatch):
    monkeypatch.setattr(doctor.sys, "executable", "/bin/false")
    assert doctor._ask() == {"error": "it said nothing"}
    monkeypatch.setattr(doctor.sys, "executable", "/nonexistent/python")
    assert "No such file" in doctor._ask()["error"]


def test_wrong_results_are_noticed(monkeypatch):
    class Backend:
        """NumPy with a product that is off by one part in a million."""

        xp = np

        @staticmethod
        def asarray(values):
            return values

        @staticmethod
        def to_numpy(values):
            return values * (1 + 1e-6)

    assert smoke._computed(Backend())["state"] == "WRONG"
