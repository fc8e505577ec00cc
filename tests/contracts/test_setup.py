"""The Makefile installs what is missing once, and nothing afterwards; tools/environment.py repairs what is broken.

Nothing is downloaded here: pip and the interpreter that the Makefile calls are replaced by programs that write down
how they were called.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
NEEDS_MAKE = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def checkout(tmp_path):
    """A folder with the Makefile, small locks, and programs that log their calls to calls.txt."""
    shutil.copy(PROJECT / "Makefile", tmp_path)
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "environment.py").write_text(INSTALLER)
    for name in ("pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        (tmp_path / name).write_text(f"contents of {name}\n")
    return tmp_path


# stands in for tools/environment.py: makes an environment whose python logs its arguments
INSTALLER = """
import os, pathlib, sys
folder, _, stamp, _, key, *rest = sys.argv[1:]
pathlib.Path(folder, "bin").mkdir(parents=True, exist_ok=True)
python = pathlib.Path(folder, "bin", "python")
python.write_text('#!/bin/sh\\necho "python $*" >> calls.txt\\n')
python.chmod(0o755)
pathlib.Path(folder, "place").write_text(os.getcwd())
pathlib.Path(folder, stamp + ".installed").write_text(key + "\\n")
with open("calls.txt", "a") as log:
    print("install", stamp, *rest, file=log)
"""


def make(folder: Path, *arguments: str) -> list[str]:
    """Run make and return the calls that it made."""
    log = folder / "calls.txt"
    log.write_text("")
    environment = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "PYTHON"}}
    command = ["make", "--silent", *arguments]
    if not any(argument.startswith("PYTHON=") for argument in arguments):
        environment["PATH"] = f"{python_folder(folder)}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return log.read_text().splitlines()


def python_folder(folder: Path) -> Path:
    """A folder whose `python3` is the interpreter that runs the tests."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "python3").unlink(missing_ok=True)
    (programs / "python3").symlink_to(sys.executable)
    return programs


@NEEDS_MAKE
def test_the_first_run_installs_and_the_second_does_not(checkout):
    work = "python -m theorylab figures --profile quick"
    assert make(checkout, "figures") == ["install main --lock requirements.lock", work]
    assert make(checkout, "figures") == [work]


@NEEDS_MAKE
def test_options_reach_the_command_line(checkout):
    make(checkout, "main")
    calls = make(
        checkout, "verify", "PROFILE=full", "BACKEND=torch", "DEVICE=cuda", "SEED=3", "JOBS=2", "ONLY=random_features"
    )
    options = "--profile full --backend torch --device cuda --seed 3 -j 2 --only random_features"
    assert calls == [f"python -m theorylab verify {options}"]


@NEEDS_MAKE
def test_what_the_tests_need_includes_what_the_figures_need(checkout):
    assert make(checkout, "test")[0] == "install dev --lock requirements-dev.lock"
    assert not any("install" in call for call in make(checkout, "figures", "test"))


@NEEDS_MAKE
def test_the_tests_come_last(checkout):
    assert make(checkout, "-j4", "test")[-1] == "python -m pytest"


@NEEDS_MAKE
def test_touching_a_lock_installs_nothing_but_changing_it_does(checkout):
    make(checkout, "main")
    (checkout / "requirements.lock").touch()
    assert make(checkout, "main") == []
    (checkout / "requirements.lock").write_text("another\n")
    assert make(checkout, "main") == ["install main --lock requirements.lock"]


@NEEDS_MAKE
@pytest.mark.parametrize("damage", ["unfinished", "place"])
def test_an_interrupted_or_moved_environment_is_handed_to_the_installer(checkout, damage):
    make(checkout, "main")
    (checkout / ".venv" / damage).write_text("elsewhere")
    assert make(checkout, "main") == ["install main --lock requirements.lock"]


@NEEDS_MAKE
def test_an_interpreter_that_is_named_is_compared(checkout):
    make(checkout, "main")
    assert make(checkout, "main", f"PYTHON={sys.executable}") == ["install main --chosen --lock requirements.lock"]


@NEEDS_MAKE
def test_backends_are_added_to_what_is_there(checkout):
    calls = make(checkout, "backends", "TORCH=torch==2.6.0")
    assert calls == ["install dev --lock requirements-dev.lock", "install backends --add torch==2.6.0 jax"]
    assert make(checkout, "backends", "TORCH=torch==2.6.0") == []
    assert make(checkout, "backends", "TORCH=torch==2.7.0") == ["install backends --add torch==2.7.0 jax"]


@NEEDS_MAKE
def test_a_missing_interpreter_is_named(checkout):
    command = ["make", "--silent", "main", "PYTHON=no-such-python"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode != 0
    assert "there is no no-such-python" in done.stderr
    assert "3.11" in done.stderr


# --- tools/environment.py --------------------------------------------------------------------------------------------


@pytest.fixture
def installer(tmp_path, monkeypatch):
    """The module tools/environment.py in an empty folder, with its commands collected instead of run."""
    spec = importlib.util.spec_from_file_location("environment", PROJECT / "tools" / "environment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.chdir(tmp_path)
    module.commands = []
    monkeypatch.setattr(module.Environment, "run", staticmethod(lambda *command: module.commands.append(command)))
    return module


def healthy(installer):
    """Give the folder an environment whose interpreter answers."""
    environment = installer.Environment(".venv")
    environment.python.parent.mkdir(parents=True)
    environment.python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    environment.python.chmod(0o755)
    return environment


def install(installer, *arguments):
    installer.commands.clear()
    installer.main([".venv", "--stamp", "main", "--key", "1", "--lock", "requirements.lock", *arguments])
    return installer.commands


def test_it_makes_an_environment_and_installs_with_hashes(installer):
    venv, lock, package = install(installer)
    assert venv == (sys.executable, "-m", "venv", ".venv")
    assert lock[-3:] == ("--require-hashes", "--requirement", "requirements.lock")
    assert package[-4:] == ("--no-deps", "--no-build-isolation", "--editable", ".")
    assert Path(".venv/main.installed").read_text() == "1\n"
    assert not Path(".venv/unfinished").exists()


def test_it_adds_to_an_environment_that_works(installer):
    healthy(installer)
    assert len(install(installer)) == 2
    assert install(installer) == []


def test_it_starts_again_after_an_interruption(installer, monkeypatch):
    healthy(installer)

    def interrupted(*command):
        raise KeyboardInterrupt

    with monkeypatch.context() as during:
        during.setattr(installer.Environment, "run", staticmethod(interrupted))
        with pytest.raises(KeyboardInterrupt):
            install(installer)
    assert installer.Environment(".venv").flaw(chosen=False) == "an earlier installation was interrupted"
    assert install(installer)[0] == (sys.executable, "-m", "venv", ".venv")


def test_a_failure_of_pip_leaves_the_environment_usable(installer, monkeypatch):
    environment = healthy(installer)
    with monkeypatch.context() as during:
        during.setattr(installer.Environment, "run", staticmethod(lambda *_: installer.stop("no network")))
        with pytest.raises(SystemExit, match="no network"):
            install(installer)
    assert environment.flaw(chosen=False) is None
    assert not Path(".venv/main.installed").exists()


def test_it_refuses_an_environment_of_another_folder(installer):
    environment = healthy(installer)
    environment.place.write_text("somewhere else")
    assert environment.flaw(chosen=False) == "it belonged to another folder"


def test_it_refuses_an_environment_whose_interpreter_is_gone(installer):
    Path(".venv").mkdir()
    assert installer.Environment(".venv").flaw(chosen=False) == "its interpreter or its pip did not run"


def test_it_compares_an_interpreter_that_was_asked_for(installer, monkeypatch):
    environment = healthy(installer)
    assert environment.flaw(chosen=True) is None
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    assert environment.flaw(chosen=True) == "another Python was asked for"
    assert environment.flaw(chosen=False) is None


def test_an_old_interpreter_is_refused_with_what_to_do(installer, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    with pytest.raises(SystemExit, match=r"3\.11 or later is needed.*make PYTHON="):
        install(installer)


def test_an_interpreter_without_venv_is_refused_with_what_to_do(installer, monkeypatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SystemExit, match=r"apt install python3-venv"):
        install(installer)


def test_additions_keep_to_the_versions_of_the_lock(installer):
    healthy(installer)
    Path("requirements-dev.lock").write_text("# made by\nnumpy==2.4.6 ; os_name == 'nt' \\\n    --hash=sha256:00\n")
    command = install(installer, "--add", "torch")[-1]
    assert command[-3:] == ("--constraint", ".venv/constraints.txt", "torch")
    assert Path(".venv/constraints.txt").read_text() == "numpy==2.4.6 ; os_name == 'nt'\n"


def test_an_extra_leaves_the_package_editable(installer):
    healthy(installer)
    Path("requirements-dev.lock").write_text("")
    command = install(installer, "--extra", "lab")[-1]
    assert command[-3:] == ("--no-build-isolation", "--editable", ".[lab]")
