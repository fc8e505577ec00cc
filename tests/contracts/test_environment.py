"""pyproject.toml, the locks and environment.yml say the same, on every platform that the locks are made for."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((PROJECT / "pyproject.toml").read_text())
DEPENDENCIES = SETTINGS["project"]["dependencies"]
BUILD = SETTINGS["dependency-groups"]["build"]
EXTRAS = SETTINGS["project"]["optional-dependencies"]
MAIN = [*DEPENDENCIES, *BUILD]
DEV = [*MAIN, *EXTRAS["dev"], *EXTRAS["report"]]
NEEDED = {
    "requirements.lock": MAIN,
    "requirements-dev.lock": DEV,
    "requirements-browser.lock": [*DEV, *EXTRAS["browser"]],
}
PLATFORMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
    "windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
}
MACHINES = [
    pytest.param(
        {
            **markers,
            "python_version": python,
            "python_full_version": f"{python}.1",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        },
        id=f"{platform}-{python}",
    )
    for platform, markers in PLATFORMS.items()
    for python in ("3.11", "3.12", "3.13", "3.14")
]


def pins(lock: str) -> list[Requirement]:
    """Every pinned requirement of a lock file, hashes left out."""
    lines = (PROJECT / lock).read_text().splitlines()
    return [Requirement(line.rstrip(" \\")) for line in lines if line[:1].isalnum()]


def versions(lock: str, machine: dict[str, str]) -> dict[str, str]:
    """What the lock installs on a machine; fails when a package is pinned twice."""
    chosen = {}
    for pin in pins(lock):
        if pin.marker is None or pin.marker.evaluate(machine):
            name = canonicalize_name(pin.name)
            assert name not in chosen, f"{lock} pins {name} twice"
            chosen[name] = str(pin.specifier).removeprefix("==")
    return chosen


def unmet(requirements: list[str], installed: dict[str, str]) -> list[str]:
    """Requirements that the installed versions do not satisfy."""
    parsed = map(Requirement, requirements)
    return [
        str(need) for need in parsed if not need.specifier.contains(installed.get(canonicalize_name(need.name), "0"))
    ]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("lock", NEEDED)
def test_the_lock_meets_pyproject(lock, machine):
    assert unmet(NEEDED[lock], versions(lock, machine)) == []


def test_an_unmet_requirement_is_noticed():
    assert unmet(["numpy>=2.1", "papermill>=99", "absent>=1"], {"numpy": "2.4.0", "papermill": "2.7.0"}) == [
        "papermill>=99",
        "absent>=1",
    ]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(("smaller", "larger"), list(pairwise(NEEDED)))
def test_a_larger_lock_pins_the_same_versions(smaller, larger, machine):
    few, many = versions(smaller, machine), versions(larger, machine)
    assert few == {name: many.get(name) for name in few}


@pytest.mark.parametrize("lock", NEEDED)
def test_every_pin_has_hashes_and_comes_from_the_index_alone(lock):
    text = (PROJECT / lock).read_text()
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pins(lock))
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert re.findall(r"file:|https?:|--find-links|--index-url|--extra-index-url| @ |-e ", text) == []


def test_the_package_is_built_with_what_is_locked():
    assert SETTINGS["build-system"]["requires"] == BUILD


def test_the_main_environment_is_lean():
    names = {canonicalize_name(pin.name) for pin in pins("requirements.lock")}
    assert not names & {"jupyterlab", "jupyter", "notebook", "torch", "jax", "sphinx", "dask", "pytest"}


def test_the_conda_environment_is_that_of_pyproject():
    environment = yaml.safe_load((PROJECT / "environment.yml").read_text())
    python, pip, section = environment["dependencies"]
    assert environment["name"] == SETTINGS["project"]["name"]
    assert python == f"python{SETTINGS['project']['requires-python']}"
    assert pip == "pip"
    assert section == {"pip": [*DEPENDENCIES, "--editable ."]}


def test_the_documented_extras_exist():
    extras = SETTINGS["project"]["optional-dependencies"]
    assert {"lab", "torch", "jax", "report", "dask", "bench", "dev"} <= set(extras)
